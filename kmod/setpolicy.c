// SPDX-License-Identifier: GPL-2.0-only
/* VM_SET_POLICY: all that is asked, or nothing. */
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include "notes.h"
#include "rights.h"
#include "users.h"
#include "vm.h"

/* A VM's process, root or not, does not hide what it does. */
static int set_allowed(const char *val, const struct kernel_param *kp)
{
	return qgpu_param_set(val, kp, param_set_bool);
}

static const struct kernel_param_ops allowed_ops = { .set = set_allowed, .get = param_get_bool };
module_param_cb(audit_allowed, &allowed_ops, &qgpu_audit_allowed, 0644);
MODULE_PARM_DESC(audit_allowed, "record operations that are allowed, too (default Y)");

/*
 * What other live VMs are promised of a GPU, or of none in particular, in percent. Called with the
 * VM lock held.
 */
static u32 promised_to_others(struct qgpu_vm *vm, const struct qgpu_users *users)
{
	struct qgpu_vm *v = NULL;
	u32 sum = 0;

	if (users)
		return qgpu_users_promised(users, &vm->lim);
	while ((v = qgpu_vm_next(v)))
		if (v != vm)
			sum += v->lim.guarantee;
	return sum;
}

static int exceeded(struct qgpu_event *ev, u32 event, u64 asked, u64 used, u64 limit)
{
	ev->event = event;
	ev->reason = QWAMOS_GPU_REASON_QUOTA;
	ev->asked = asked;
	ev->used = used;
	ev->limit = limit;
	return -EDQUOT;
}

/* Does what is asked fit into @level? Called with the VM lock held. */
static int check_quotas(struct qgpu_vm *vm, const struct qwamos_gpu_vm_set_policy *a,
			const struct qgpu_level *l, const struct qgpu_users *users,
			struct qgpu_event *ev)
{
	u32 cap = min(l->compute_percent, vm->lim.cap_set), used, limit;

	if (a->mask & QWAMOS_GPU_POLICY_VRAM && a->vram_limit > qgpu_level_vram(l))
		return exceeded(ev, QWAMOS_GPU_EV_VRAM_QUOTA_EXCEEDED, a->vram_limit,
				atomic64_read(&vm->lim.vram.used), qgpu_level_vram(l));
	if (a->mask & QWAMOS_GPU_POLICY_CAP) {
		if (a->compute_cap > l->compute_percent)
			return exceeded(ev, QWAMOS_GPU_EV_COMPUTE_QUOTA_EXCEEDED, a->compute_cap,
					cap, l->compute_percent);
		cap = a->compute_cap;
	}
	if (a->mask & QWAMOS_GPU_POLICY_GUARANTEE &&
	    !qgpu_guarantee_fits(a->compute_guarantee, promised_to_others(vm, users), cap, &used,
				 &limit))
		return exceeded(ev, QWAMOS_GPU_EV_COMPUTE_QUOTA_EXCEEDED, a->compute_guarantee,
				used, limit);
	return 0;
}

/* The users of a GPU, unless it was removed on the way here. Called with the VM lock held. */
static struct qgpu_users *users_of(const struct qgpu_grant *g)
{
	return g->users && !g->users->closed ? g->users : NULL;
}

/*
 * Are the GPUs there that the policy is about? What is guaranteed of one that is gone can be given
 * up. Called with the VM lock held.
 */
static bool gpus_there(const struct qgpu_limits *lim, const struct qwamos_gpu_vm_set_policy *a,
		       const struct qgpu_grants *g)
{
	u32 i;

	if (a->mask & QWAMOS_GPU_POLICY_GUARANTEE && !users_of(&g->promised) && a->device_id &&
	    (a->compute_guarantee || qgpu_limits_gpu(lim, a->device_id) < 0))
		return false;
	for (i = 0; i < g->n; i++)
		if (!users_of(&g->listed[i]))
			return false;
	return true;
}

/*
 * Make places for all GPUs in the VM's ledgers. One that is left without use, for another did not
 * fit, is as good as none. Called with the VM lock held. Return: the index of the GPU that a
 * guarantee is about, or -ENOSPC.
 */
static int make_places(struct qgpu_limits *lim, const struct qwamos_gpu_vm_set_policy *a,
		       struct qgpu_grants *g)
{
	int gpu = 0, ret;
	u32 i;

	if (a->mask & QWAMOS_GPU_POLICY_GUARANTEE)
		gpu = users_of(&g->promised) ? qgpu_users_add(g->promised.users, lim, a->device_id,
							      &g->promised.room)
					     : qgpu_limits_gpu(lim, a->device_id);
	for (i = 0; gpu >= 0 && i < g->n; i++) {
		ret = qgpu_users_add(g->listed[i].users, lim, g->listed[i].device_id,
				     &g->listed[i].room);
		if (ret < 0)
			return ret;
	}
	return gpu;
}

static bool lists(const struct qgpu_grants *g, u64 device_id)
{
	u32 i;

	for (i = 0; i < g->n; i++)
		if (g->listed[i].device_id == device_id)
			return true;
	return false;
}

/* Called with the VM lock held; nothing can fail any more. */
static void take_over(struct qgpu_limits *lim, const struct qwamos_gpu_vm_set_policy *a, int gpu,
		      const struct qgpu_grants *g)
{
	struct qgpu_gpu_use *use;
	u32 i;

	for (i = 0; i < QWAMOS_GPU_VM_GPUS; i++) {
		use = rcu_dereference_protected(lim->gpu[i], true);
		if (use && a->mask & QWAMOS_GPU_POLICY_GPUS)
			WRITE_ONCE(use->listed, lists(g, use->device_id));
		if (use && a->mask & QWAMOS_GPU_POLICY_GUARANTEE && i + 1 == gpu)
			WRITE_ONCE(use->guarantee, a->compute_guarantee);
	}
	qgpu_users_set_level(lim, a->mask & QWAMOS_GPU_POLICY_LEVEL ? a->level : lim->level,
			     a->mask & QWAMOS_GPU_POLICY_RESTRICT ? a->restrictions
								  : lim->restrictions);
	if (a->mask & QWAMOS_GPU_POLICY_VRAM)
		lim->vram_set = a->vram_limit;
	if (a->mask & QWAMOS_GPU_POLICY_CAP)
		WRITE_ONCE(lim->cap_set, a->compute_cap);
	if (a->mask & QWAMOS_GPU_POLICY_GUARANTEE && !gpu)
		WRITE_ONCE(lim->guarantee, a->compute_guarantee);
	if (a->mask & QWAMOS_GPU_POLICY_PRIORITY)
		WRITE_ONCE(lim->priority, a->priority);
	if (a->mask & QWAMOS_GPU_POLICY_MODE) {
		WRITE_ONCE(lim->mode_asked, a->mode_asked);
		WRITE_ONCE(lim->mode_got, a->mode_got);
		WRITE_ONCE(lim->mode_reason, a->mode_reason);
	}
	qgpu_limits_apply(lim);
}

/*
 * Does nobody's gate, the VM's own included, keep the VM with what is asked for from a GPU that it
 * gets or has? Called with the VM lock held.
 */
static bool gates_allow(const struct qgpu_limits *lim, const struct qwamos_gpu_vm_set_policy *a,
			const struct qgpu_grants *g, u32 level)
{
	u32 restrictions = a->mask & QWAMOS_GPU_POLICY_RESTRICT ? a->restrictions
								: lim->restrictions;
	const struct qgpu_users *users = users_of(&g->promised);
	const struct qgpu_gpu_use *use;
	u32 i;

	if (users && a->compute_guarantee &&
	    !qgpu_users_gate_apart(users, lim, level, restrictions))
		return false;
	for (i = 0; i < g->n; i++)
		if (!qgpu_users_gate_apart(g->listed[i].users, lim, level, restrictions))
			return false;
	for (i = 0; i < QWAMOS_GPU_VM_GPUS; i++) {
		use = rcu_dereference_protected(lim->gpu[i], true);
		if (use && use->users && qgpu_use_assigned(use) &&
		    !qgpu_users_gate_apart(use->users, lim, level, restrictions))
			return false;
	}
	return true;
}

/* The whole of VM_SET_POLICY. Called with the VM lock held. */
static int set_policy(struct qgpu_vm *vm, const struct qwamos_gpu_vm_set_policy *a,
		      struct qgpu_grants *g, bool (*fits)(struct qgpu_vm *vm, u32 level),
		      struct qgpu_event *ev)
{
	u32 level = a->mask & QWAMOS_GPU_POLICY_LEVEL ? a->level : vm->lim.level;
	const struct qgpu_level *l = qgpu_level(level);
	int gpu = 0, ret;

	if (!gpus_there(&vm->lim, a, g)) {
		ev->reason = QWAMOS_GPU_REASON_NO_DEVICE;
		return -ENODEV;
	}
	if (vm->state != QWAMOS_GPU_VM_STATE_LIVE) {
		ev->reason = QWAMOS_GPU_REASON_VM_ENDED;
		return -ENODEV;
	}
	if (!l)
		return -EINVAL;
	if (!fits(vm, level)) {
		ev->reason = QWAMOS_GPU_REASON_IN_USE;
		return -EBUSY;
	}
	if (!gates_allow(&vm->lim, a, g, level)) {
		ev->reason = QWAMOS_GPU_REASON_SHARING;
		return -EBUSY;
	}
	ret = check_quotas(vm, a, l, users_of(&g->promised), ev);
	if (ret)
		return ret;
	gpu = make_places(&vm->lim, a, g);
	if (gpu < 0)
		return gpu;
	take_over(&vm->lim, a, gpu, g);
	return 0;
}

/**
 * qgpu_vm_reclaim_gpus() - make room for GPUs, as far as the VM has some no more
 * @vm: the VM
 *
 * Takes the VM lock and waits for an RCU grace period.
 */
void qgpu_vm_reclaim_gpus(struct qgpu_vm *vm)
{
	qgpu_vm_lock();
	qgpu_users_mark(&vm->lim);
	qgpu_vm_unlock();
	synchronize_rcu();
	qgpu_vm_lock();
	if (qgpu_vm_live(vm))
		qgpu_users_reclaim(&vm->lim);
	qgpu_vm_unlock();
}

/**
 * qgpu_vm_set_policy() - give a VM its policy, or change it
 * @vm: the VM
 * @a: the call's argument, checked as far as its form goes
 * @g: the GPUs that it is about
 * @fits: does a level allow what the VM holds? Called under the VM lock
 * @ev: out: why a refusal: reason, and, with QUOTA, event and amounts
 *
 * Return: 0, -EINVAL (no level yet), -ENOSPC (too many GPUs), or a refusal: -ENODEV (VM_ENDED,
 * NO_DEVICE), -EBUSY (IN_USE, SHARING), -EDQUOT (QUOTA).
 */
int qgpu_vm_set_policy(struct qgpu_vm *vm, const struct qwamos_gpu_vm_set_policy *a,
		       struct qgpu_grants *g, bool (*fits)(struct qgpu_vm *vm, u32 level),
		       struct qgpu_event *ev)
{
	struct qgpu_event done = {};
	bool first;
	int ret;

	qgpu_vm_lock();
	first = vm->lim.level == QWAMOS_GPU_LEVEL_NONE;
	ret = set_policy(vm, a, g, fits, ev);
	if (ret == -ENOSPC) {
		qgpu_vm_unlock();
		qgpu_vm_reclaim_gpus(vm);
		qgpu_vm_lock();
		first = vm->lim.level == QWAMOS_GPU_LEVEL_NONE;
		ret = set_policy(vm, a, g, fits, ev);
	}
	if (!ret) {
		done.level = vm->lim.level;
		done.limit = vm->lim.vram_limit;
	}
	qgpu_vm_unlock();
	if (ret)
		return ret;
	/* Verdicts from now on are the new policy's. */
	qgpu_notes_close(vm->chain);
	if (a->mask & ~QWAMOS_GPU_POLICY_MODE) {
		done.event = first ? QWAMOS_GPU_EV_POLICY_CREATED : QWAMOS_GPU_EV_POLICY_CHANGED;
		done.asked = a->mask;
		done.used = atomic64_read(&vm->lim.vram.used);
		qgpu_audit(vm->chain, &done);
	}
	if (a->mask & QWAMOS_GPU_POLICY_MODE && a->mode_asked != a->mode_got) {
		done.event = QWAMOS_GPU_EV_MODE_FALLBACK;
		done.reason = a->mode_reason;
		done.asked = a->mode_asked;
		done.used = a->mode_got;
		done.limit = 0;
		qgpu_audit(vm->chain, &done);
	}
	return 0;
}
