// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/* Rates: see rate.h. */
#include "rate.h"

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
