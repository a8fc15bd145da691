/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/* Rates: when may the next operation of a kind come. Pure, without a lock. */
#ifndef QWAMOS_GPU_RATE_H
#define QWAMOS_GPU_RATE_H

#include "pure.h"

/**
 * struct qgpu_rate - one kind of operation of one VM; all zero: none has come yet
 * @last: one more than the time of the last one that was allowed, in ns; 0: none
 */
struct qgpu_rate {
	atomic64_t last;
};

/**
 * struct qgpu_pace - a token bucket; all zero: full
 * @empty_until: when all that was taken has come back, in ns, plus one; 0: nothing was taken
 */
struct qgpu_pace {
	atomic64_t empty_until;
};

bool qgpu_rate_take(struct qgpu_rate *r, __u64 now_ns, __u64 interval_ns);
__u64 qgpu_pace_take(struct qgpu_pace *p, __u64 now_ns, __u64 each_ns, __u32 burst);

#endif /* QWAMOS_GPU_RATE_H */
