// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/* Quotas: see quota.h. */
#include "quota.h"

/**
 * qgpu_quota_charge() - take of a quota
 * @q: the quota
 * @amount: how much
 * @limit: most that may be in use after it, below 2^63
 * @used: out: what is in use, after the call if it fits
 *
 * Return: it fits.
 */
bool qgpu_quota_charge(struct qgpu_quota *q, __u64 amount, __u64 limit, __u64 *used)
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
__u64 qgpu_quota_uncharge(struct qgpu_quota *q, __u64 amount)
{
	__s64 old = atomic64_read(&q->used);

	while (!atomic64_try_cmpxchg(&q->used, &old, (__s64)((__u64)old - amount)))
		;
	return (__u64)old - amount;
}

/**
 * qgpu_quota_take() - take out of a ledger of charges what is to be given back
 * @ledger: what its owner has charged
 * @amount: how much
 *
 * Return: there was as much; else nothing is taken.
 */
bool qgpu_quota_take(atomic64_t *ledger, __u64 amount)
{
	__s64 old = atomic64_read(ledger);

	do {
		if ((__u64)old < amount)
			return false;
	} while (!atomic64_try_cmpxchg(ledger, &old, (__s64)((__u64)old - amount)));
	return true;
}

/**
 * qgpu_guarantee_fits() - may a VM be promised a part of a GPU's time?
 * @asked: the part, in percent
 * @others: what other VMs are promised of the same GPU, in percent
 * @cap: most time that the VM may have, in percent
 * @used: out, if not: of @limit, what is taken
 * @limit: out, if not: what it is held against
 *
 * The caller keeps the promises of others as they are meanwhile.
 */
bool qgpu_guarantee_fits(__u32 asked, __u32 others, __u32 cap, __u32 *used, __u32 *limit)
{
	if (asked > cap) {
		*used = 0;
		*limit = cap;
		return false;
	}
	if (others > QGPU_GUARANTEES_PERCENT || asked > QGPU_GUARANTEES_PERCENT - others) {
		*used = others;
		*limit = QGPU_GUARANTEES_PERCENT;
		return false;
	}
	return true;
}
