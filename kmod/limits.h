/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a VM may do and have, and what of it is in use. VM_CHECK and VM_CHARGE read and write this
 * and nothing else, without a lock, and nothing in it is any other VM's.
 */
#ifndef QWAMOS_GPU_LIMITS_H
#define QWAMOS_GPU_LIMITS_H

#include <linux/cache.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include <linux/qwamos_gpu.h>
#include "policy.h"
#include "quota.h"
#include "rate.h"

struct qgpu_users;

#define QGPU_UNSET 0xffffffffU /* percent that nobody has set */

/*
 * What a policy says of an operation. One word, for who asks while the policy is being changed must
 * not get one part of the old and one of the new: reason, level, least time in ms, and whether the
 * VM shares its GPUs with nobody, whatever its level.
 */
#define QGPU_RULE(reason, level, ms, alone) \
	((reason) | ((level)&0xffU) << 8 | ((ms)&0x7fffU) << 16 | (alone) << 31)
#define QGPU_RULE_REASON(rule) ((rule)&0xffU)
#define QGPU_RULE_LEVEL(rule)  ((rule)&0xff00U) /* as it stands in the word */
#define QGPU_RULE_MS(rule)     ((rule) >> 16 & 0x7fffU)
#define QGPU_RULE_ALONE(rule)  ((rule)&0x80000000U) /* as it stands in the word */
/* Of Vulkan queues, likewise: reason why there are none, most. */
#define QGPU_QUEUES_RULE(reason, most) ((reason) | (most) << 8)
#define QGPU_QUEUES_MOST(rule)	       ((rule) >> 8)

/**
 * struct qgpu_gpu_use - what a VM has of one GPU
 * @device_id: the GPU; constant
 * @vram: VRAM charged, in bytes
 * @queues: Vulkan queues charged
 * @guarantee: percent of its time; written under the VM lock, like @listed and @gone, and read
 *     without it
 * @listed: the VM's policy lists it
 * @attached: DEV_ATTACH gave it; written under the registry lock, set with the VM lock as well
 * @gates: gates of the VM's to it; written under the VM lock, read without it
 * @pins: gates that may still charge or give back here, destroyed ones too; guarded by the VM lock
 * @gone: it was removed: nothing more is charged on it
 * @idle: since qgpu_users_mark() nobody has given it anew; guarded by the VM lock
 * @users: the GPU's users, of which this is one, or NULL: no more; guarded by the VM lock
 * @node: among them
 * @lim: what this is a part of; constant
 * @rcu: frees it
 *
 * A manage call makes it. Without charges, once no manage call gives the VM this GPU any more, it
 * makes room for another one.
 */
struct qgpu_gpu_use {
	u64 device_id;
	struct qgpu_quota vram;
	atomic64_t queues;
	u32 guarantee;
	bool listed;
	bool attached;
	u32 gates;
	u32 pins;
	bool gone;
	bool idle;
	struct qgpu_users *users;
	struct list_head node;
	const struct qgpu_limits *lim;
	struct rcu_head rcu;
};

/**
 * struct qgpu_limits - limits of a VM and their use
 * @rule: by operation, a QGPU_RULE(); [0] is for any that does not exist. Written under the VM lock
 *     like all down to @last, read without it, each by itself
 * @level: &enum qwamos_gpu_level
 * @shares: level and restrictions let the VM share a GPU
 * @ended: the VM has; not written before
 * @queues_rule: a QGPU_QUEUES_RULE()
 * @vram_limit: most VRAM in bytes
 * @vram_set: most VRAM that was set, U64_MAX: none was
 * @cap_set: most GPU time that was set in percent, or QGPU_UNSET
 * @guarantee: GPU time on no GPU in particular
 * @priority: weight
 * @restrictions: QWAMOS_GPU_RESTRICT_*
 * @mode_asked: &enum qwamos_gpu_mode
 * @mode_got: &enum qwamos_gpu_mode
 * @mode_reason: &enum qwamos_gpu_reason
 * @submit_each_ns: in what time the VM may submit one piece of work through gates, in the long run;
 *     0: at once
 * @submit_burst: and how many at once
 * @last: when an operation of each kind was last allowed
 * @pace: work submitted through gates
 * @vram: VRAM charged on all GPUs and on none in particular
 * @queues: Vulkan queues, likewise
 * @refused: refusals by reason
 * @gpu: what it has of GPUs; written under the VM lock, read under RCU as well
 */
struct qgpu_limits {
	u32 rule[QGPU_OPS];
	u32 level;
	bool shares;
	bool ended;
	u32 queues_rule;
	u32 restrictions;
	u64 vram_limit;
	u64 vram_set;
	u32 cap_set;
	u32 guarantee;
	u32 priority;
	u32 mode_asked;
	u32 mode_got;
	u32 mode_reason;
	u32 submit_each_ns;
	u32 submit_burst;
	struct qgpu_rate last[QGPU_OPS] ____cacheline_aligned;
	struct qgpu_pace pace;
	struct qgpu_quota vram;
	struct qgpu_quota queues;
	atomic64_t refused[QWAMOS_GPU_REASON_COUNT];
	struct qgpu_gpu_use __rcu *gpu[QWAMOS_GPU_VM_GPUS];
};

/**
 * struct qgpu_ledger - what was charged on one open file
 * @vram: bytes, by GPU: [0] on none in particular, [1 + i] on the i-th of the VM's
 * @queues: Vulkan queues, likewise
 */
struct qgpu_ledger {
	atomic64_t vram[1 + QWAMOS_GPU_VM_GPUS];
	atomic64_t queues[1 + QWAMOS_GPU_VM_GPUS];
};

void qgpu_limits_init(struct qgpu_limits *lim);
void qgpu_limits_apply(struct qgpu_limits *lim);
u32 qgpu_limits_cap(const struct qgpu_limits *lim, u32 level);
bool qgpu_limits_charge_gate(struct qgpu_limits *lim, struct qgpu_gpu_use *use, u64 amount,
			     bool anyway, u64 *used);
void qgpu_limits_uncharge_gate(struct qgpu_limits *lim, struct qgpu_gpu_use *use, u64 amount);
u32 qgpu_limits_queue_gate(struct qgpu_limits *lim, struct qgpu_gpu_use *use, u64 *used);
void qgpu_limits_unqueue_gate(struct qgpu_limits *lim, struct qgpu_gpu_use *use);
void qgpu_limits_settle(struct qgpu_limits *lim, struct qgpu_ledger *led);
void qgpu_limits_tell(struct qgpu_limits *lim, bool given_whole, bool gated,
		      struct qwamos_gpu_vm *out);
u32 qgpu_limits_gpus(struct qgpu_limits *lim, struct qwamos_gpu_vm_gpu *out);
u32 qgpu_limits_refusals(struct qgpu_limits *lim, struct qwamos_gpu_vm_refusal *out);

/**
 * qgpu_limits_gpu() - where a GPU stands in ledgers
 * @lim: the VM's limits
 * @device_id: the GPU, or 0: none in particular
 *
 * Called under RCU, or with the VM lock held. Only that, or that it is the VM's, or that something
 * is charged on it, keeps the GPU at the index. Return: the index, or -ENOENT.
 */
static __always_inline int qgpu_limits_gpu(const struct qgpu_limits *lim, u64 device_id)
{
	const struct qgpu_gpu_use *use;
	u32 i;

	if (!device_id)
		return 0;
	for (i = 0; i < QWAMOS_GPU_VM_GPUS; i++) {
		use = rcu_dereference_check(lim->gpu[i], true);
		if (use && use->device_id == device_id)
			return 1 + i;
	}
	return -ENOENT;
}

/*
 * What the VM has of the GPU of an index, which is not 0. Called under RCU, of either flavour: what
 * charges is as short as that other one is meant for.
 */
static __always_inline struct qgpu_gpu_use *qgpu_limits_use(const struct qgpu_limits *lim, u32 gpu)
{
	return rcu_dereference_check(lim->gpu[gpu - 1], rcu_read_lock_sched_held());
}

/** qgpu_use_assigned() - has a manager given the VM this GPU, which is still there? */
static inline bool qgpu_use_assigned(const struct qgpu_gpu_use *use)
{
	return (READ_ONCE(use->listed) || READ_ONCE(use->attached) || READ_ONCE(use->guarantee) ||
		READ_ONCE(use->gates)) &&
	       !READ_ONCE(use->gone);
}

/**
 * qgpu_limits_assigned() - may the VM charge on the GPU of this index?
 * @lim: its limits, under RCU
 * @gpu: from qgpu_limits_gpu()
 * @device_id: the GPU that it was looked for
 *
 * What is no more the VM's may make room for another one at any time, so the entry is looked at
 * once more. If it is the VM's, it stays where it is until the end of the RCU section.
 */
static inline bool qgpu_limits_assigned(const struct qgpu_limits *lim, int gpu, u64 device_id)
{
	const struct qgpu_gpu_use *use;

	if (!gpu)
		return true;
	use = qgpu_limits_use(lim, gpu);
	return use && use->device_id == device_id && qgpu_use_assigned(use);
}

/**
 * qgpu_limits_charge() - take of a VM's quota
 * @lim: its limits
 * @led: the open file's ledger
 * @kind: &enum qwamos_gpu_resource, one that exists
 * @gpu: index of the GPU, which was assigned in the same RCU section
 * @amount: how much
 * @used: out: what is in use, after the call if it fits
 * @limit: out: of how much
 *
 * Return: &enum qwamos_gpu_reason why not.
 */
static __always_inline u32 qgpu_limits_charge(struct qgpu_limits *lim, struct qgpu_ledger *led,
					      u32 kind, u32 gpu, u64 amount, u64 *used, u64 *limit)
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
			qgpu_quota_charge(&qgpu_limits_use(lim, gpu)->vram, amount, S64_MAX, &here);
		atomic64_add(amount, &led->vram[gpu]);
		return QWAMOS_GPU_REASON_NONE;
	}
	rule = READ_ONCE(lim->queues_rule);
	*limit = QGPU_QUEUES_MOST(rule);
	if (!qgpu_quota_charge(&lim->queues, amount, *limit, used))
		return QGPU_RULE_REASON(rule) ?: QWAMOS_GPU_REASON_QUEUES;
	if (gpu)
		atomic64_add(amount, &qgpu_limits_use(lim, gpu)->queues);
	atomic64_add(amount, &led->queues[gpu]);
	return QWAMOS_GPU_REASON_NONE;
}

/**
 * qgpu_limits_uncharge() - give back what was charged
 * @lim: the VM's limits
 * @led: the open file's ledger
 * @kind: &enum qwamos_gpu_resource, one that exists
 * @gpu: index of the GPU; under RCU. What is charged keeps it
 * @amount: how much
 * @used: out: what is in use after the call
 * @limit: out: of how much
 *
 * Return: false: the file has not charged as much; nothing is done.
 */
static __always_inline bool qgpu_limits_uncharge(struct qgpu_limits *lim, struct qgpu_ledger *led,
						 u32 kind, u32 gpu, u64 amount, u64 *used,
						 u64 *limit)
{
	if (kind == QWAMOS_GPU_RESOURCE_VRAM) {
		if (!qgpu_quota_take(&led->vram[gpu], amount))
			return false;
		if (gpu)
			qgpu_quota_uncharge(&qgpu_limits_use(lim, gpu)->vram, amount);
		*used = qgpu_quota_uncharge(&lim->vram, amount);
		*limit = READ_ONCE(lim->vram_limit);
		return true;
	}
	if (!qgpu_quota_take(&led->queues[gpu], amount))
		return false;
	if (gpu)
		atomic64_sub(amount, &qgpu_limits_use(lim, gpu)->queues);
	*used = qgpu_quota_uncharge(&lim->queues, amount);
	*limit = QGPU_QUEUES_MOST(READ_ONCE(lim->queues_rule));
	return true;
}

/**
 * qgpu_limits_refused() - count a refusal
 * @lim: the VM's limits
 * @reason: &enum qwamos_gpu_reason, not NONE
 */
static inline void qgpu_limits_refused(struct qgpu_limits *lim, u32 reason)
{
	atomic64_inc(&lim->refused[array_index_nospec(reason, QWAMOS_GPU_REASON_COUNT)]);
}

/**
 * qgpu_limits_rule() - may the VM do this, as far as its policy goes?
 * @lim: its limits
 * @op: &enum qwamos_gpu_op, or 0 for one that does not exist
 *
 * Return: a QGPU_RULE().
 */
static __always_inline u32 qgpu_limits_rule(struct qgpu_limits *lim, u32 op)
{
	return READ_ONCE(lim->rule[array_index_nospec(op, QGPU_OPS)]);
}

/**
 * qgpu_limits_pace() - may the VM do this now, as far as its rate goes?
 * @lim: its limits
 * @op: &enum qwamos_gpu_op, one that exists
 * @rule: its rule
 *
 * Return: &enum qwamos_gpu_reason; if NONE, the operation counts.
 */
static __always_inline u32 qgpu_limits_pace(struct qgpu_limits *lim, u32 op, u32 rule)
{
	u32 ms = QGPU_RULE_MS(rule);

	if (!ms || qgpu_rate_take(&lim->last[array_index_nospec(op, QGPU_OPS)], ktime_get_ns(),
				  (u64)ms * NSEC_PER_MSEC))
		return QWAMOS_GPU_REASON_NONE;
	return QWAMOS_GPU_REASON_RATE;
}

#endif /* QWAMOS_GPU_LIMITS_H */
