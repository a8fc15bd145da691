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

/**
 * qgpu_quota_charge() - take of a quota
 * @q: the quota
 * @amount: how much
 * @limit: most that may be in use after it, below 2^63
 * @used: out: what is in use, after the call if it fits
 *
 * Return: it fits.
 */
static __always_inline bool qgpu_quota_charge(struct qgpu_quota *q, __u64 amount, __u64 limit,
					      __u64 *used)
{
	__s64 old = atomic64_read(&q->used), high;
	__u64 new;

	do {
		/* The limit may have been lowered below what is in use. */
		if (amount > limit || (__u64)old > limit - amount) {
			*used = (__u64)old;
			return false;
		}
		new = (__u64)old + amount;
	} while (!atomic64_try_cmpxchg(&q->used, &old, (__s64) new));
	high = atomic64_read(&q->high);
	while ((__u64)high < new && !atomic64_try_cmpxchg(&q->high, &high, (__s64) new))
		;
	*used = new;
	return true;
}

/**
 * qgpu_quota_uncharge() - give back
 * @q: the quota
 * @amount: how much; the caller has charged it
 *
 * Return: what is in use after it.
 */
static __always_inline __u64 qgpu_quota_uncharge(struct qgpu_quota *q, __u64 amount)
{
	return (__u64)atomic64_sub_return((__s64)amount, &q->used);
}

/**
 * qgpu_quota_take() - take out of a ledger of charges what is to be given back
 * @ledger: what its owner has charged
 * @amount: how much
 *
 * Return: there was as much; else nothing is taken.
 */
static __always_inline bool qgpu_quota_take(atomic64_t *ledger, __u64 amount)
{
	__s64 old = atomic64_read(ledger);

	do {
		if ((__u64)old < amount)
			return false;
	} while (!atomic64_try_cmpxchg(ledger, &old, (__s64)((__u64)old - amount)));
	return true;
}

bool qgpu_guarantee_fits(__u32 asked, __u32 others, __u32 cap, __u32 *used, __u32 *limit);

#endif /* QWAMOS_GPU_QUOTA_H */
