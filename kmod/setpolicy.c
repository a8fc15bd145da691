// SPDX-License-Identifier: GPL-2.0-only
/* VM_SET_POLICY: all that is asked, or nothing. */
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include "notes.h"
#include "users.h"
#include "vm.h"

/* A VM's process, root or not, does not hide what it does. */
static int set_allowed(const char *val, const struct kernel_param *kp)
{
	struct qgpu_vm *vm = qgpu_vm_of_current();

	if (vm) {
		qgpu_vm_put(vm);
		return -EPERM;
	}
	return param_set_bool(val, kp);
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

/*
 * Is the GPU there that a guarantee is about? What is guaranteed of one that is gone can be given
 * up. Called with the VM lock held.
 */
static bool gpu_there(const struct qgpu_limits *lim, const struct qwamos_gpu_vm_set_policy *a,
		      const struct qgpu_users *users)
{
	return users || !a->device_id ||
	       (!a->compute_guarantee && qgpu_limits_gpu(lim, a->device_id) >= 0);
}

/* Called with the VM lock held; nothing can fail any more. */
static void take_over(struct qgpu_limits *lim, const struct qwamos_gpu_vm_set_policy *a, int gpu)
{
	if (a->mask & QWAMOS_GPU_POLICY_LEVEL)
		qgpu_users_set_level(lim, a->level);
	if (a->mask & QWAMOS_GPU_POLICY_VRAM)
		lim->vram_set = a->vram_limit;
	if (a->mask & QWAMOS_GPU_POLICY_CAP)
		WRITE_ONCE(lim->cap_set, a->compute_cap);
	if (a->mask & QWAMOS_GPU_POLICY_GUARANTEE)
		WRITE_ONCE(*(gpu ? &lim->gpu[gpu - 1].guarantee : &lim->guarantee),
			   a->compute_guarantee);
	if (a->mask & QWAMOS_GPU_POLICY_PRIORITY)
		WRITE_ONCE(lim->priority, a->priority);
	if (a->mask & QWAMOS_GPU_POLICY_RESTRICT)
		WRITE_ONCE(lim->restrictions, a->restrictions);
	if (a->mask & QWAMOS_GPU_POLICY_MODE) {
		WRITE_ONCE(lim->mode_asked, a->mode_asked);
		WRITE_ONCE(lim->mode_got, a->mode_got);
		WRITE_ONCE(lim->mode_reason, a->mode_reason);
	}
	qgpu_limits_apply(lim);
}

/* The whole of VM_SET_POLICY. Called with the VM lock held. */
static int set_policy(struct qgpu_vm *vm, const struct qwamos_gpu_vm_set_policy *a,
		      struct qgpu_users *users, bool (*fits)(struct qgpu_vm *vm, u32 level),
		      struct qgpu_event *ev)
{
	u32 level = a->mask & QWAMOS_GPU_POLICY_LEVEL ? a->level : vm->lim.level;
	const struct qgpu_level *l = qgpu_level(level);
	int gpu = 0, ret;

	/* It was removed on the way here. */
	if (users && users->closed)
		users = NULL;
	if (a->mask & QWAMOS_GPU_POLICY_GUARANTEE && !gpu_there(&vm->lim, a, users)) {
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
	ret = check_quotas(vm, a, l, users, ev);
	if (ret)
		return ret;
	if (a->mask & QWAMOS_GPU_POLICY_GUARANTEE) {
		gpu = users ? qgpu_users_add(users, &vm->lim, a->device_id)
			    : qgpu_limits_gpu(&vm->lim, a->device_id);
		if (gpu < 0)
			return gpu;
	}
	take_over(&vm->lim, a, gpu);
	return 0;
}

/**
 * qgpu_vm_set_policy() - give a VM its policy, or change it
 * @vm: the VM
 * @a: the call's argument, checked as far as its form goes
 * @users: of the GPU that a guarantee is about; NULL: it is about none in particular, or one that
 * is not there
 * @fits: does a level allow what the VM holds? Called under the VM lock
 * @ev: out: why a refusal: reason, and, with QUOTA, event and amounts
 *
 * Return: 0, -EINVAL (no level yet), -ENOSPC (too many GPUs), or a refusal: -ENODEV (VM_ENDED,
 * NO_DEVICE), -EBUSY (IN_USE), -EDQUOT (QUOTA).
 */
int qgpu_vm_set_policy(struct qgpu_vm *vm, const struct qwamos_gpu_vm_set_policy *a,
		       struct qgpu_users *users, bool (*fits)(struct qgpu_vm *vm, u32 level),
		       struct qgpu_event *ev)
{
	struct qgpu_event done = {};
	bool first;
	int ret;

	qgpu_vm_lock();
	first = vm->lim.level == QWAMOS_GPU_LEVEL_NONE;
	ret = set_policy(vm, a, users, fits, ev);
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
