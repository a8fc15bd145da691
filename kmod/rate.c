// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/* Rates: see rate.h. */
#include "rate.h"

/**
 * qgpu_pace_take() - take a token out of a bucket
 * @p: the bucket
 * @now_ns: the time, on a clock that never goes back and that nobody sets, in ns
 * @each_ns: in which one token comes back, in ns, below 2^32
 * @burst: tokens that it holds, at least 1
 *
 * The bucket is told by the time at which it is full again: a token taken puts that off by
 * @each_ns, and none is there while it is further away than @burst - 1 tokens. Of any number of
 * threads that ask at the same time as many get one as there are. Return: 0: taken; else in how
 * many ns there may be one.
 */
__u64 qgpu_pace_take(struct qgpu_pace *p, __u64 now_ns, __u64 each_ns, __u32 burst)
{
	__s64 old = atomic64_read(&p->empty_until), full;
	__u64 most = each_ns * (burst - 1);

	do {
		full = old - 1;
		if (!old || full < (__s64)now_ns)
			full = (__s64)now_ns;
		if ((__u64)full - now_ns > most)
			return (__u64)full - now_ns - most;
	} while (!atomic64_try_cmpxchg(&p->empty_until, &old, full + (__s64)each_ns + 1));
	return 0;
}

/**
 * qgpu_rate_take() - may an operation come now?
 * @r: its kind
 * @now_ns: the time, on a clock that never goes back and that nobody sets, in ns
 * @interval_ns: least time since the last one, in ns; at exactly that time the next may come
 *
 * Of any number of threads that ask at the same time one gets a yes. A thread that read the clock
 * before another one's yes, and asks after it, has come too soon. Time that passes without
 * operations is not saved up. Return: it may, and its time is taken down.
 */
bool qgpu_rate_take(struct qgpu_rate *r, __u64 now_ns, __u64 interval_ns)
{
	__s64 last = atomic64_read(&r->last);

	do {
		if (last && (__s64)(now_ns + 1 - (__u64)last) < (__s64)interval_ns)
			return false;
	} while (!atomic64_try_cmpxchg(&r->last, &last, (__s64)(now_ns + 1)));
	return true;
}
