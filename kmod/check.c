// SPDX-License-Identifier: GPL-2.0-only
/*
 * VM_CHECK, VM_CHARGE and VM_UNCHARGE. What a VM monitor asks all the time goes a straight way,
 * past the table of calls: a use fd, a struct of today's size, a device that is known or none.
 * Whatever is out of the ordinary, bad memory included, goes the way of every call, from the
 * beginning.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "check.h"
#include "device.h"
#include "ioctl.h"
#include "notes.h"
#include "vm.h"

#define CHECK_CHUNK 64 /* entries of an array that fit on the stack */

/**
 * struct on - the GPU that operations of one call are for, under RCU
 * @d: the GPU
 * @asked: the level that it was asked for last, by whether for passthrough; 0: nothing yet
 * @said: &enum qwamos_gpu_reason
 */
struct on {
	struct qgpu_dev *d;
	u32 asked[2];
	u32 said[2];
};

/* What the GPU says: all of a call that ask the same are told the same. */
static u32 ask(struct on *on, struct qgpu_vm *vm, u32 level, bool passthrough)
{
	if (on->asked[passthrough] != level + 1) {
		on->said[passthrough] = qgpu_dev_verdict(on->d, vm, level, passthrough);
		on->asked[passthrough] = level + 1;
	}
	return on->said[passthrough];
}

/* May @vm do @op now? @on: the GPU that it is for, or NULL. */
static __always_inline u32 judge(struct qgpu_vm *vm, u32 op, struct on *on)
{
	u32 known = likely(op < QGPU_OPS) ? array_index_nospec(op, QGPU_OPS) : QWAMOS_GPU_OP_NONE;
	u32 rule = qgpu_limits_rule(&vm->lim, known);
	u32 verdict = QGPU_RULE_REASON(rule);

	if (!verdict && on)
		verdict =
			ask(on, vm, QGPU_RULE_LEVEL(rule) >> 8, known == QWAMOS_GPU_OP_PASSTHROUGH);
	if (!verdict)
		verdict = qgpu_limits_pace(&vm->lim, known, rule);
	if (verdict)
		qgpu_limits_refused(&vm->lim, verdict);
	qgpu_note(vm->chain, vm->chain->notes, known, verdict, rule);
	return verdict;
}

static __always_inline u32 judge_array(struct qgpu_vm *vm, struct qwamos_gpu_vm_check_entry *v,
				       u32 n, struct on *on)
{
	u32 i, denied = 0;

	for (i = 0; i < n; i++) {
		v[i].out_verdict = judge(vm, v[i].operation, on);
		denied += !!v[i].out_verdict;
	}
	return denied;
}

/*
 * As judge_array(), for a GPU. Apart, for what is asked of none goes its way without. Return: 0, or
 * -ENODEV: there is no such GPU, and nothing was judged.
 */
static noinline int judge_on(struct qgpu_vm *vm, struct qwamos_gpu_vm_check_entry *v, u32 n,
			     u64 device_id, u32 *denied)
{
	struct on on = {};

	rcu_read_lock();
	on.d = qgpu_dev_to_use(device_id);
	if (on.d)
		*denied = judge_array(vm, v, n, &on);
	rcu_read_unlock();
	return on.d ? 0 : -ENODEV;
}

/* An array, as long as it is. */
static int check_array(struct qgpu_call *call, struct qwamos_gpu_vm_check *a)
{
	struct qwamos_gpu_vm_check_entry __user *uv = u64_to_user_ptr(a->entries);
	size_t bytes = array_size(a->count, sizeof(*uv));
	struct qwamos_gpu_vm_check_entry *v;
	int ret = 0;

	v = kvmalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!v)
		return -ENOMEM;
	if (copy_from_user(v, uv, bytes)) {
		kvfree(v);
		return -EFAULT;
	}
	a->out_denied = 0;
	if (a->device_id)
		ret = judge_on(call->f->vm, v, a->count, a->device_id, &a->out_denied);
	else
		a->out_denied = judge_array(call->f->vm, v, a->count, NULL);
	if (ret)
		call->reason = QWAMOS_GPU_REASON_NO_DEVICE;
	else if (copy_to_user(uv, v, bytes))
		ret = -EFAULT;
	kvfree(v);
	return ret;
}

/** qgpu_do_check() - VM_CHECK, of any form */
int qgpu_do_check(struct qgpu_call *call)
{
	struct qwamos_gpu_vm_check *a = &call->arg->check;
	struct qwamos_gpu_vm_check_entry one = { .operation = a->operation };

	if (a->count > QWAMOS_GPU_VM_CHECK_MAX || (a->count ? a->operation : !!a->entries))
		return -EINVAL;
	call->device_id = a->device_id;
	a->out_verdict = 0;
	if (a->count)
		return check_array(call, a);
	if (!a->device_id) {
		a->out_denied = judge_array(call->f->vm, &one, 1, NULL);
	} else if (judge_on(call->f->vm, &one, 1, a->device_id, &a->out_denied)) {
		call->reason = QWAMOS_GPU_REASON_NO_DEVICE;
		return -ENODEV;
	}
	a->out_verdict = one.out_verdict;
	return 0;
}

/*
 * The index in ledgers of a GPU that the VM was given. Called under RCU. Return: that, or -ENODEV
 * or -EACCES with a reason.
 */
static int gpu_of(struct qgpu_vm *vm, u64 device_id, u32 *reason)
{
	int i = qgpu_limits_gpu(&vm->lim, device_id);

	if (i >= 0 && qgpu_limits_assigned(&vm->lim, i, device_id))
		return i;
	if (qgpu_dev_to_use(device_id)) {
		*reason = QWAMOS_GPU_REASON_NOT_ASSIGNED;
		return -EACCES;
	}
	*reason = QWAMOS_GPU_REASON_NO_DEVICE;
	return -ENODEV;
}

static int charge_args(const struct qwamos_gpu_vm_charge *a)
{
	if (a->__reserved || !a->amount)
		return -EINVAL;
	if (a->kind != QWAMOS_GPU_RESOURCE_VRAM && a->kind != QWAMOS_GPU_RESOURCE_VULKAN_QUEUES)
		return -EOPNOTSUPP;
	return 0;
}

/* The caller does not know of a charge whose answer did not arrive: take it back. */
static void forget_charge(struct qgpu_file *f, u32 kind, u32 gpu, u64 amount)
{
	u64 used, limit;

	rcu_read_lock();
	qgpu_limits_uncharge(&f->vm->lim, &f->charges, kind, gpu, amount, &used, &limit);
	rcu_read_unlock();
}

static int answer_charge(struct qgpu_call *call, const struct qwamos_gpu_vm_charge *a, u32 gpu)
{
	int ret = qgpu_call_answer(call);

	if (ret)
		forget_charge(call->f, a->kind, gpu, a->amount);
	return ret;
}

/** qgpu_do_charge() - VM_CHARGE, of any form */
int qgpu_do_charge(struct qgpu_call *call)
{
	struct qwamos_gpu_vm_charge *a = &call->arg->charge;
	int ret = charge_args(a), gpu;

	if (ret)
		return ret;
	call->device_id = a->device_id;
	a->out_used = 0;
	a->out_limit = 0;
	rcu_read_lock();
	gpu = gpu_of(call->f->vm, a->device_id, &call->reason);
	if (gpu >= 0)
		call->reason = qgpu_limits_charge(&call->f->vm->lim, &call->f->charges, a->kind,
						  gpu, a->amount, &a->out_used, &a->out_limit);
	rcu_read_unlock();
	if (gpu < 0)
		return gpu;
	if (!call->reason)
		return answer_charge(call, a, gpu);
	if (call->reason != QWAMOS_GPU_REASON_QUOTA && call->reason != QWAMOS_GPU_REASON_QUEUES)
		return -EACCES;
	call->ev.event = a->kind == QWAMOS_GPU_RESOURCE_VRAM ? QWAMOS_GPU_EV_VRAM_QUOTA_EXCEEDED
							     : QWAMOS_GPU_EV_QUEUES_QUOTA_EXCEEDED;
	call->ev.asked = a->amount;
	call->ev.used = a->out_used;
	call->ev.limit = a->out_limit;
	return -EDQUOT;
}

/** qgpu_do_uncharge() - VM_UNCHARGE, of any form */
int qgpu_do_uncharge(struct qgpu_call *call)
{
	struct qwamos_gpu_vm_charge *a = &call->arg->charge;
	int ret = charge_args(a), gpu;
	bool had;

	if (ret)
		return ret;
	rcu_read_lock();
	gpu = qgpu_limits_gpu(&call->f->vm->lim, a->device_id);
	had = gpu >= 0 && qgpu_limits_uncharge(&call->f->vm->lim, &call->f->charges, a->kind, gpu,
					       a->amount, &a->out_used, &a->out_limit);
	rcu_read_unlock();
	return had ? 0 : -EINVAL;
}

/* One operation on a GPU. Return: 0, or QGPU_SLOW. */
static noinline long check_one_on(struct qgpu_vm *vm, u32 op, u64 device_id, u32 *verdict)
{
	struct qwamos_gpu_vm_check_entry one = { .operation = op };
	u32 denied;

	if (judge_on(vm, &one, 1, device_id, &denied))
		return QGPU_SLOW;
	*verdict = one.out_verdict;
	return 0;
}

/*
 * A short array. Apart, for its room on the stack costs what a single operation does not need.
 * Return: 0, -EFAULT, or QGPU_SLOW.
 */
static noinline long check_short_array(struct qgpu_vm *vm, void __user *uv, u32 n, u64 device_id,
				       u32 *denied)
{
	struct qwamos_gpu_vm_check_entry v[CHECK_CHUNK];

	if (n > CHECK_CHUNK || copy_from_user(v, uv, n * sizeof(*v)))
		return QGPU_SLOW;
	if (!device_id)
		*denied = judge_array(vm, v, n, NULL);
	else if (judge_on(vm, v, n, device_id, denied))
		return QGPU_SLOW;
	return copy_to_user(uv, v, n * sizeof(*v)) ? -EFAULT : 0;
}

/**
 * qgpu_check_fast() - VM_CHECK the straight way
 * @f: the file
 * @uarg: the caller's struct
 *
 * Return: 0, -EFAULT, or QGPU_SLOW.
 */
long qgpu_check_fast(struct qgpu_file *f, void __user *uarg)
{
	struct qwamos_gpu_vm_check __user *u = uarg;
	u32 size, flags, reserved, op, count, verdict = 0, denied;
	u64 device_id, entries;
	long ret;

	if (f->kind != QGPU_FILE_USE || !qgpu_vm_live(f->vm))
		return QGPU_SLOW;
	if (!user_read_access_begin(u, sizeof(*u)))
		return QGPU_SLOW;
	unsafe_get_user(size, &u->hdr.size, slow_read);
	unsafe_get_user(flags, &u->hdr.flags, slow_read);
	unsafe_get_user(reserved, &u->hdr.__reserved, slow_read);
	unsafe_get_user(op, &u->operation, slow_read);
	unsafe_get_user(count, &u->count, slow_read);
	unsafe_get_user(device_id, &u->device_id, slow_read);
	unsafe_get_user(entries, &u->entries, slow_read);
	user_read_access_end();
	if (size != sizeof(*u) || flags | reserved || (count ? op : !!entries))
		return QGPU_SLOW;
	if (likely(!(count | device_id))) {
		verdict = judge(f->vm, op, NULL);
	} else {
		ret = count ? check_short_array(f->vm, u64_to_user_ptr(entries), count, device_id,
						&denied)
			    : check_one_on(f->vm, op, device_id, &verdict);
		if (ret)
			return ret;
	}
	if (!count)
		denied = !!verdict;
	if (!user_write_access_begin(u, sizeof(*u)))
		return -EFAULT;
	/* The end first: if it is not there, nothing is written. */
	unsafe_put_user(denied, &u->out_denied, fault_write);
	unsafe_put_user(verdict, &u->out_verdict, fault_write);
	unsafe_put_user(QWAMOS_GPU_REASON_NONE, &u->hdr.out_reason, fault_write);
	user_write_access_end();
	return 0;
slow_read:
	user_read_access_end();
	return QGPU_SLOW;
fault_write:
	user_write_access_end();
	return -EFAULT;
}

/**
 * qgpu_charge_fast() - VM_CHARGE or VM_UNCHARGE the straight way
 * @f: the file
 * @uarg: the caller's struct
 * @charge: VM_CHARGE
 *
 * A refusal goes the long way, which asks once more: meanwhile it may fit. Return: 0, -EFAULT, or
 * QGPU_SLOW.
 */
long qgpu_charge_fast(struct qgpu_file *f, void __user *uarg, bool charge)
{
	struct qwamos_gpu_vm_charge __user *u = uarg;
	u32 size, flags, reserved, kind, reserved2;
	u64 device_id, amount, used, limit;
	struct qgpu_limits *lim;
	bool done;
	int gpu;

	if (f->kind != QGPU_FILE_USE || !qgpu_vm_live(f->vm))
		return QGPU_SLOW;
	if (!user_read_access_begin(u, sizeof(*u)))
		return QGPU_SLOW;
	unsafe_get_user(size, &u->hdr.size, slow_read);
	unsafe_get_user(flags, &u->hdr.flags, slow_read);
	unsafe_get_user(reserved, &u->hdr.__reserved, slow_read);
	unsafe_get_user(kind, &u->kind, slow_read);
	unsafe_get_user(reserved2, &u->__reserved, slow_read);
	unsafe_get_user(device_id, &u->device_id, slow_read);
	unsafe_get_user(amount, &u->amount, slow_read);
	user_read_access_end();
	if (size != sizeof(*u) || flags | reserved | reserved2 || !amount ||
	    kind - QWAMOS_GPU_RESOURCE_VRAM > 1U)
		return QGPU_SLOW;
	lim = &f->vm->lim;
	rcu_read_lock();
	gpu = qgpu_limits_gpu(lim, device_id);
	done = gpu >= 0 &&
	       (charge ? qgpu_limits_assigned(lim, gpu, device_id) &&
				 !qgpu_limits_charge(lim, &f->charges, kind, gpu, amount, &used,
						     &limit)
		       : qgpu_limits_uncharge(lim, &f->charges, kind, gpu, amount, &used, &limit));
	rcu_read_unlock();
	if (!done)
		return QGPU_SLOW;
	if (!user_write_access_begin(u, sizeof(*u)))
		goto fault;
	unsafe_put_user(limit, &u->out_limit, fault_write);
	unsafe_put_user(used, &u->out_used, fault_write);
	unsafe_put_user(QWAMOS_GPU_REASON_NONE, &u->hdr.out_reason, fault_write);
	user_write_access_end();
	return 0;
slow_read:
	user_read_access_end();
	return QGPU_SLOW;
fault_write:
	user_write_access_end();
fault:
	if (charge)
		forget_charge(f, kind, gpu, amount);
	return -EFAULT;
}
