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
	u32 alone = !!(lim->restrictions & QWAMOS_GPU_RESTRICT_EXCLUSIVE);
	u32 op, reason, queues;

	for (op = 0; op < QGPU_OPS; op++) {
		reason = qgpu_policy_verdict(lim->level, lim->restrictions, op);
		WRITE_ONCE(lim->rule[op],
			   QGPU_RULE(reason, lim->level, l ? l->min_interval_ms : 0, alone));
	}
	WRITE_ONCE(lim->vram_limit, l ? min(qgpu_level_vram(l), lim->vram_set) : 0);
	reason = qgpu_policy_queues(lim->level, lim->restrictions, &queues);
	WRITE_ONCE(lim->queues_rule, QGPU_QUEUES_RULE(reason, queues));
	/* Whoever sees one of these without the other waits for a token too long, or not at all. */
	WRITE_ONCE(lim->submit_burst, l && l->submit_burst ? l->submit_burst : 1);
	WRITE_ONCE(lim->submit_each_ns, l && l->submit_hz ? (u32)NSEC_PER_SEC / l->submit_hz : 0);
}

/**
 * qgpu_limits_charge_gate() - take of a VM's VRAM for an object that came through a gate
 * @lim: the VM's limits
 * @use: what it has of the gate's GPU
 * @amount: bytes
 * @anyway: the object is there, whatever the limit
 * @used: out: what is in use, after the call if it fits
 *
 * In no file's ledger: only the end of the object gives it back. Return: it fits.
 */
bool qgpu_limits_charge_gate(struct qgpu_limits *lim, struct qgpu_gpu_use *use, u64 amount,
			     bool anyway, u64 *used)
{
	u64 here;

	if (!qgpu_quota_charge(&lim->vram, amount, anyway ? S64_MAX : READ_ONCE(lim->vram_limit),
			       used))
		return false;
	qgpu_quota_charge(&use->vram, amount, S64_MAX, &here);
	return true;
}

/** qgpu_limits_uncharge_gate() - give back what qgpu_limits_charge_gate() took */
void qgpu_limits_uncharge_gate(struct qgpu_limits *lim, struct qgpu_gpu_use *use, u64 amount)
{
	qgpu_quota_uncharge(&use->vram, amount);
	qgpu_quota_uncharge(&lim->vram, amount);
}

/**
 * qgpu_limits_queue_gate() - take one of a VM's Vulkan queues for a context behind a gate
 * @lim: the VM's limits
 * @use: what it has of the gate's GPU
 * @used: out: how many are in use, after the call if it fits
 *
 * Return: &enum qwamos_gpu_reason why not.
 */
u32 qgpu_limits_queue_gate(struct qgpu_limits *lim, struct qgpu_gpu_use *use, u64 *used)
{
	u32 rule = READ_ONCE(lim->queues_rule);

	if (!qgpu_quota_charge(&lim->queues, 1, QGPU_QUEUES_MOST(rule), used))
		return QGPU_RULE_REASON(rule) ?: QWAMOS_GPU_REASON_QUEUES;
	atomic64_add(1, &use->queues);
	return QWAMOS_GPU_REASON_NONE;
}

/** qgpu_limits_unqueue_gate() - give back what qgpu_limits_queue_gate() took */
void qgpu_limits_unqueue_gate(struct qgpu_limits *lim, struct qgpu_gpu_use *use)
{
	atomic64_sub(1, &use->queues);
	qgpu_quota_uncharge(&lim->queues, 1);
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

	rcu_read_lock();
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
	rcu_read_unlock();
}

/* Is there anything to tell of what a VM has of a GPU? */
static bool use_tells(const struct qgpu_gpu_use *use)
{
	return qgpu_use_assigned(use) || READ_ONCE(use->guarantee) ||
	       atomic64_read(&use->vram.used) || atomic64_read(&use->queues);
}

/**
 * qgpu_limits_tell() - what VM_INFO says of limits and use
 * @lim: the VM's limits
 * @given_whole: the VM has a whole GPU for itself
 * @gated: it has a gate
 * @out: out, zeroed by the caller
 */
void qgpu_limits_tell(struct qgpu_limits *lim, bool given_whole, bool gated,
		      struct qwamos_gpu_vm *out)
{
	u32 gate = gated ? QWAMOS_GPU_ENFORCED_BY_GATE : QWAMOS_GPU_ENFORCED_BY_NONE;
	u32 whole = QWAMOS_GPU_ENFORCED_BY_VFIO;
	const struct qgpu_gpu_use *use;
	u32 i;

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
	out->vram_by = given_whole ? whole : gate;
	out->compute_by = given_whole ? whole : QWAMOS_GPU_ENFORCED_BY_NONE;
	out->queues_by = given_whole ? whole : gate;
	out->rate_by = gate;
	rcu_read_lock();
	for (i = 0; i < QWAMOS_GPU_VM_GPUS; i++) {
		use = rcu_dereference(lim->gpu[i]);
		if (!use)
			continue;
		out->compute_guarantee += min(READ_ONCE(use->guarantee), out->compute_cap);
		out->gpus += use_tells(use);
	}
	rcu_read_unlock();
	for (i = 1; i < QWAMOS_GPU_REASON_COUNT; i++)
		out->denied += atomic64_read(&lim->refused[i]);
}

/**
 * qgpu_limits_gpus() - what VM_GPU_LIST says
 * @lim: the VM's limits
 * @out: out: room for QWAMOS_GPU_VM_GPUS, in no order
 *
 * Return: their number.
 */
u32 qgpu_limits_gpus(struct qgpu_limits *lim, struct qwamos_gpu_vm_gpu *out)
{
	u32 cap = qgpu_limits_cap(lim, READ_ONCE(lim->level)), i, n = 0;
	const struct qgpu_gpu_use *use;

	rcu_read_lock();
	for (i = 0; i < QWAMOS_GPU_VM_GPUS; i++) {
		use = rcu_dereference(lim->gpu[i]);
		if (!use || !use_tells(use))
			continue;
		out[n++] = (struct qwamos_gpu_vm_gpu){
			.device_id = use->device_id,
			.vram_used = atomic64_read(&use->vram.used),
			.vram_high = atomic64_read(&use->vram.high),
			.queues_used = atomic64_read(&use->queues),
			.guarantee = min(READ_ONCE(use->guarantee), cap),
			.flags = qgpu_use_assigned(use) ? QWAMOS_GPU_VM_GPU_F_ASSIGNED : 0,
		};
	}
	rcu_read_unlock();
	return n;
}

/**
 * qgpu_limits_refusals() - what VM_REFUSAL_LIST says
 * @lim: the VM's limits
 * @out: out: room for QWAMOS_GPU_REASON_COUNT, in the order of the reasons
 *
 * Return: their number.
 */
u32 qgpu_limits_refusals(struct qgpu_limits *lim, struct qwamos_gpu_vm_refusal *out)
{
	u32 reason, n = 0;
	u64 count;

	for (reason = 1; reason < QWAMOS_GPU_REASON_COUNT; reason++) {
		count = atomic64_read(&lim->refused[reason]);
		if (count)
			out[n++] =
				(struct qwamos_gpu_vm_refusal){ .reason = reason, .count = count };
	}
	return n;
}
