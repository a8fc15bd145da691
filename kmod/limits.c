// SPDX-License-Identifier: GPL-2.0-only
/* What a VM may do and have: see limits.h. */
#include <linux/minmax.h>
#include <linux/string.h>
#include "limits.h"

/**
 * qgpu_limits_init() - limits of a VM without a policy: nothing is allowed
 * @lim: all zero
 */
void qgpu_limits_init(struct qgpu_limits *lim)
{
	lim->level = QWAMOS_GPU_LEVEL_NONE;
	lim->vram_set = U64_MAX;
	lim->cap_set = QGPU_UNSET;
	lim->priority = QWAMOS_GPU_PRIORITY_DEFAULT;
	qgpu_limits_apply(lim);
}

/**
 * qgpu_limits_cap() - most GPU time at a level
 * @lim: the VM's limits
 * @level: &enum qwamos_gpu_level
 *
 * Return: in percent.
 */
u32 qgpu_limits_cap(const struct qgpu_limits *lim, u32 level)
{
	const struct qgpu_level *l = qgpu_level(level);

	return l ? min(l->compute_percent, READ_ONCE(lim->cap_set)) : 0;
}

/**
 * qgpu_limits_apply() - make level, narrowing and what was set hold
 * @lim: the limits; the VM lock is held
 */
void qgpu_limits_apply(struct qgpu_limits *lim)
{
	const struct qgpu_level *l = qgpu_level(lim->level);
	u32 op, reason, queues;

	for (op = 0; op < QGPU_OPS; op++) {
		reason = qgpu_policy_verdict(lim->level, lim->restrictions, op);
		WRITE_ONCE(lim->rule[op],
			   QGPU_RULE(reason, lim->level, l ? l->min_interval_ms : 0));
	}
	WRITE_ONCE(lim->vram_limit, l ? min(qgpu_level_vram(l), lim->vram_set) : 0);
	reason = qgpu_policy_queues(lim->level, lim->restrictions, &queues);
	WRITE_ONCE(lim->queues_rule, QGPU_QUEUES_RULE(reason, queues));
}

/**
 * qgpu_limits_gpu() - where a GPU stands in ledgers
 * @lim: the VM's limits
 * @device_id: the GPU, or 0: none in particular
 *
 * Return: its index, or -ENOENT.
 */
int qgpu_limits_gpu(const struct qgpu_limits *lim, u64 device_id)
{
	u32 i, n;

	if (!device_id)
		return 0;
	/* Pairs with the release in qgpu_users_add(). */
	n = smp_load_acquire(&lim->n_gpus);
	for (i = 0; i < n; i++)
		if (lim->gpu[i].device_id == device_id)
			return 1 + i;
	return -ENOENT;
}

/**
 * qgpu_limits_charge() - take of a VM's quota
 * @lim: its limits
 * @led: the open file's ledger
 * @kind: &enum qwamos_gpu_resource, one that exists
 * @gpu: index of the GPU
 * @amount: how much
 * @used: out: what is in use, after the call if it fits
 * @limit: out: of how much
 *
 * Return: &enum qwamos_gpu_reason why not.
 */
u32 qgpu_limits_charge(struct qgpu_limits *lim, struct qgpu_ledger *led, u32 kind, u32 gpu,
		       u64 amount, u64 *used, u64 *limit)
{
	u32 rule;
	u64 here;

	if (kind == QWAMOS_GPU_RESOURCE_VRAM) {
		*limit = READ_ONCE(lim->vram_limit);
		if (unlikely(!qgpu_quota_charge(&lim->vram, amount, *limit, used)))
			return READ_ONCE(lim->level) == QWAMOS_GPU_LEVEL_NONE
				       ? QWAMOS_GPU_REASON_NO_POLICY
				       : QWAMOS_GPU_REASON_QUOTA;
		if (gpu)
			qgpu_quota_charge(&lim->gpu[gpu - 1].vram, amount, S64_MAX, &here);
		atomic64_add(amount, &led->vram[gpu]);
		return QWAMOS_GPU_REASON_NONE;
	}
	rule = READ_ONCE(lim->queues_rule);
	*limit = QGPU_QUEUES_MOST(rule);
	if (!qgpu_quota_charge(&lim->queues, amount, *limit, used))
		return QGPU_RULE_REASON(rule) ?: QWAMOS_GPU_REASON_QUEUES;
	if (gpu)
		atomic64_add(amount, &lim->gpu[gpu - 1].queues);
	atomic64_add(amount, &led->queues[gpu]);
	return QWAMOS_GPU_REASON_NONE;
}

/**
 * qgpu_limits_uncharge() - give back what was charged
 * @lim: the VM's limits
 * @led: the open file's ledger
 * @kind: &enum qwamos_gpu_resource, one that exists
 * @gpu: index of the GPU
 * @amount: how much
 * @used: out: what is in use after the call
 * @limit: out: of how much
 *
 * Return: false: the file has not charged as much; nothing is done.
 */
bool qgpu_limits_uncharge(struct qgpu_limits *lim, struct qgpu_ledger *led, u32 kind, u32 gpu,
			  u64 amount, u64 *used, u64 *limit)
{
	if (kind == QWAMOS_GPU_RESOURCE_VRAM) {
		if (!qgpu_quota_take(&led->vram[gpu], amount))
			return false;
		if (gpu)
			qgpu_quota_uncharge(&lim->gpu[gpu - 1].vram, amount);
		*used = qgpu_quota_uncharge(&lim->vram, amount);
		*limit = READ_ONCE(lim->vram_limit);
		return true;
	}
	if (!qgpu_quota_take(&led->queues[gpu], amount))
		return false;
	if (gpu)
		atomic64_sub(amount, &lim->gpu[gpu - 1].queues);
	*used = qgpu_quota_uncharge(&lim->queues, amount);
	*limit = QGPU_QUEUES_MOST(READ_ONCE(lim->queues_rule));
	return true;
}

/**
 * qgpu_limits_settle() - give back whatever a file that is being released has charged
 * @lim: the VM's limits
 * @led: the file's ledger
 */
void qgpu_limits_settle(struct qgpu_limits *lim, struct qgpu_ledger *led)
{
	u64 left, used, limit;
	u32 gpu;

	for (gpu = 0; gpu <= QWAMOS_GPU_VM_GPUS; gpu++) {
		left = atomic64_read(&led->vram[gpu]);
		if (left)
			qgpu_limits_uncharge(lim, led, QWAMOS_GPU_RESOURCE_VRAM, gpu, left, &used,
					     &limit);
		left = atomic64_read(&led->queues[gpu]);
		if (left)
			qgpu_limits_uncharge(lim, led, QWAMOS_GPU_RESOURCE_VULKAN_QUEUES, gpu, left,
					     &used, &limit);
	}
}

/**
 * qgpu_limits_tell() - what VM_INFO says of limits and use
 * @lim: the VM's limits
 * @given_whole: the VM has a whole GPU for itself
 * @out: out, zeroed by the caller
 */
void qgpu_limits_tell(struct qgpu_limits *lim, bool given_whole, struct qwamos_gpu_vm *out)
{
	u32 by = given_whole ? QWAMOS_GPU_ENFORCED_BY_VFIO : QWAMOS_GPU_ENFORCED_BY_NONE;
	u32 i, n;

	/* Pairs with the release in qgpu_users_add(). */
	n = smp_load_acquire(&lim->n_gpus);
	out->level = READ_ONCE(lim->level);
	out->restrictions = READ_ONCE(lim->restrictions);
	out->vram_used = atomic64_read(&lim->vram.used);
	out->vram_high = atomic64_read(&lim->vram.high);
	out->vram_limit = READ_ONCE(lim->vram_limit);
	out->queues_used = atomic64_read(&lim->queues.used);
	out->queues_high = atomic64_read(&lim->queues.high);
	out->queues_limit = QGPU_QUEUES_MOST(READ_ONCE(lim->queues_rule));
	out->compute_cap = qgpu_limits_cap(lim, out->level);
	out->compute_guarantee = min(READ_ONCE(lim->guarantee), out->compute_cap);
	out->priority = READ_ONCE(lim->priority);
	out->mode_asked = READ_ONCE(lim->mode_asked);
	out->mode_got = READ_ONCE(lim->mode_got);
	out->mode_reason = READ_ONCE(lim->mode_reason);
	out->vram_by = by;
	out->compute_by = by;
	out->queues_by = by;
	out->rate_by = QWAMOS_GPU_ENFORCED_BY_NONE;
	out->gpus_count = n;
	for (i = 0; i < n; i++) {
		out->gpus[i].device_id = lim->gpu[i].device_id;
		out->gpus[i].vram_used = atomic64_read(&lim->gpu[i].vram.used);
		out->gpus[i].vram_high = atomic64_read(&lim->gpu[i].vram.high);
		out->gpus[i].queues_used = atomic64_read(&lim->gpu[i].queues);
		out->gpus[i].guarantee = min(READ_ONCE(lim->gpu[i].guarantee), out->compute_cap);
		out->compute_guarantee += out->gpus[i].guarantee;
	}
	for (i = 1; i < QWAMOS_GPU_VM_REASONS; i++) {
		out->refused[i] = atomic64_read(&lim->refused[i]);
		out->denied += out->refused[i];
	}
}
