/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Quotas: charging and giving back, and who may be promised GPU time. Pure, without a lock; never
 * above the limit, however many threads charge.
 */
#ifndef QWAMOS_GPU_QUOTA_H
#define QWAMOS_GPU_QUOTA_H

#include "pure.h"

#define QGPU_GUARANTEES_PERCENT 100 /* of a GPU's time can be promised */

/**
 * struct qgpu_quota - what is charged; all zero: nothing
 * @used: now
 * @high: most that ever was
 */
struct qgpu_quota {
	atomic64_t used;
	atomic64_t high;
};

bool qgpu_quota_charge(struct qgpu_quota *q, __u64 amount, __u64 limit, __u64 *used);
__u64 qgpu_quota_uncharge(struct qgpu_quota *q, __u64 amount);
bool qgpu_quota_take(atomic64_t *ledger, __u64 amount);
bool qgpu_guarantee_fits(__u32 asked, __u32 others, __u32 cap, __u32 *used, __u32 *limit);

#endif /* QWAMOS_GPU_QUOTA_H */
