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
 * @asked: the rule that it was asked by last, by whether for passthrough
 * @known: it was asked
 * @said: &enum qwamos_gpu_reason
 */
struct on {
	struct qgpu_dev *d;
	u32 asked[2];
	bool known[2];
	u32 said[2];
};

/* What the GPU says: all of a call that ask the same are told the same. */
static u32 ask(struct on *on, struct qgpu_vm *vm, u32 rule, bool passthrough)
{
	if (!on->known[passthrough] || on->asked[passthrough] != rule) {
		on->said[passthrough] = qgpu_dev_verdict(on->d, vm, rule, passthrough);
		on->asked[passthrough] = rule;
		on->known[passthrough] = true;
	}
	return on->said[passthrough];
}

/* @op, or the one that stands for all that do not exist. */
static __always_inline u32 known_op(u32 op)
{
	return likely(op < QGPU_OPS) ? array_index_nospec(op, QGPU_OPS) : QWAMOS_GPU_OP_NONE;
}

/* May @vm do @op now? @on: the GPU that it is for, or NULL. */
static __always_inline u32 judge(struct qgpu_vm *vm, u32 op, struct on *on)
{
	u32 known = known_op(op);
	u32 rule = qgpu_limits_rule(&vm->lim, known);
	u32 verdict = QGPU_RULE_REASON(rule);

	if (!verdict && on)
		verdict = ask(on, vm, rule, known == QWAMOS_GPU_OP_PASSTHROUGH);
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

static __always_inline int charge_args(const struct qwamos_gpu_vm_charge *a)
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

/* Answer a VM_CHECK that was judged. Return: 0 or -EFAULT. */
static __always_inline long answer_check(struct qwamos_gpu_vm_check __user *u, u32 denied,
					 u32 verdict)
{
	if (!user_write_access_begin(u, sizeof(*u)))
		return -EFAULT;
	/* The end first: if it is not there, nothing is written. */
	unsafe_put_user(denied, &u->out_denied, fault);
	unsafe_put_user(verdict, &u->out_verdict, fault);
	unsafe_put_user(QWAMOS_GPU_REASON_NONE, &u->hdr.out_reason, fault);
	user_write_access_end();
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

/*
 * Can a GPU plainly be used for an operation? As short as this is, RCU's other flavour does, which
 * needs no call; what may take its time is left to judge_on().
 */
static __always_inline bool plainly_usable(const struct qgpu_vm *vm, u64 device_id, u32 op,
					   u32 rule)
{
	struct qgpu_dev *d;
	bool ret;

	if (op == QWAMOS_GPU_OP_PASSTHROUGH)
		return false;
	rcu_read_lock_sched();
	d = qgpu_dev_to_use(device_id);
	ret = d && qgpu_dev_plainly_usable(d, vm, rule);
	rcu_read_unlock_sched();
	return ret;
}

/* One operation that is not plainly allowed. Return: as qgpu_check_fast(). */
static noinline long check_one(struct file *file, struct qwamos_gpu_vm_check __user *u, u32 op,
			       u64 device_id)
{
	struct qwamos_gpu_vm_check_entry one = { .operation = op };
	struct qgpu_file *f = file->private_data;
	u32 denied;

	if (!device_id)
		denied = judge_array(f->vm, &one, 1, NULL);
	else if (judge_on(f->vm, &one, 1, device_id, &denied))
		return qgpu_call(file, QWAMOS_GPU_CMD_VM_CHECK, u);
	return answer_check(u, denied, one.out_verdict);
}

/*
 * An array, if it is short. Apart, for its room on the stack costs what a single operation does not
 * need. Return: as qgpu_check_fast().
 */
static noinline long check_short_array(struct file *file, struct qwamos_gpu_vm_check __user *u,
				       void __user *uv, u32 n, u64 device_id)
{
	struct qwamos_gpu_vm_check_entry v[CHECK_CHUNK];
	struct qgpu_file *f = file->private_data;
	u32 denied;

	if (n > CHECK_CHUNK || copy_from_user(v, uv, n * sizeof(*v)))
		return qgpu_call(file, QWAMOS_GPU_CMD_VM_CHECK, u);
	if (!device_id)
		denied = judge_array(f->vm, v, n, NULL);
	else if (judge_on(f->vm, v, n, device_id, &denied))
		return qgpu_call(file, QWAMOS_GPU_CMD_VM_CHECK, u);
	if (copy_to_user(uv, v, n * sizeof(*v)))
		return -EFAULT;
	return answer_check(u, denied, QWAMOS_GPU_REASON_NONE);
}

/**
 * qgpu_check_fast() - VM_CHECK the straight way
 * @file: the file
 * @uarg: the caller's struct
 *
 * What is plainly allowed is decided, counted and answered here; each other case is a function that
 * this one ends with, so that none of them costs the first one a saved register. Return: as
 * qgpu_call().
 */
long qgpu_check_fast(struct file *file, void __user *uarg)
{
	struct qwamos_gpu_vm_check __user *u = uarg;
	u32 size, flags, reserved, op, count, known, rule;
	struct qgpu_file *f = file->private_data;
	struct qgpu_vm *vm = f->vm;
	u64 device_id, entries;

	if (unlikely(f->kind != QGPU_FILE_USE || !qgpu_vm_live(vm)))
		goto slow;
	if (!user_read_access_begin(u, sizeof(*u)))
		goto slow;
	unsafe_get_user(size, &u->hdr.size, slow_read);
	unsafe_get_user(flags, &u->hdr.flags, slow_read);
	unsafe_get_user(reserved, &u->hdr.__reserved, slow_read);
	unsafe_get_user(op, &u->operation, slow_read);
	unsafe_get_user(count, &u->count, slow_read);
	unsafe_get_user(device_id, &u->device_id, slow_read);
	unsafe_get_user(entries, &u->entries, slow_read);
	user_read_access_end();
	if (unlikely(size != sizeof(*u) || flags | reserved || (count ? op : !!entries)))
		goto slow;
	if (count)
		return check_short_array(file, u, u64_to_user_ptr(entries), count, device_id);
	known = known_op(op);
	rule = qgpu_limits_rule(&vm->lim, known);
	if (QGPU_RULE_REASON(rule) | QGPU_RULE_MS(rule) ||
	    (device_id && !plainly_usable(vm, device_id, known, rule)) ||
	    unlikely(!qgpu_note_again(vm->chain->notes, known, rule)))
		return check_one(file, u, op, device_id);
	return answer_check(u, 0, QWAMOS_GPU_REASON_NONE);
slow_read:
	user_read_access_end();
slow:
	return qgpu_call(file, QWAMOS_GPU_CMD_VM_CHECK, uarg);
}

/* The caller's answer has no place to go. */
static noinline long charge_fault(struct qgpu_file *f, bool charge, u32 kind, u32 gpu, u64 amount)
{
	if (charge)
		forget_charge(f, kind, gpu, amount);
	return -EFAULT;
}

/* Charge or uncharge at an index in ledgers. Return: it was done. */
static __always_inline bool change(struct qgpu_file *f, bool charge, struct qwamos_gpu_vm_charge *a,
				   u32 gpu)
{
	struct qgpu_limits *lim = &f->vm->lim;

	return charge ? !qgpu_limits_charge(lim, &f->charges, a->kind, gpu, a->amount, &a->out_used,
					    &a->out_limit)
		      : qgpu_limits_uncharge(lim, &f->charges, a->kind, gpu, a->amount,
					     &a->out_used, &a->out_limit);
}

/*
 * As change(), on a GPU. Short, so that the flavour of RCU that needs no call does. Return: the
 * GPU's index, or a negative value: nothing was done.
 */
static __always_inline int change_on(struct qgpu_file *f, bool charge,
				     struct qwamos_gpu_vm_charge *a)
{
	struct qgpu_limits *lim = &f->vm->lim;
	int gpu;

	rcu_read_lock_sched();
	gpu = qgpu_limits_gpu(lim, a->device_id);
	if (gpu >= 0 && ((charge && !qgpu_limits_assigned(lim, gpu, a->device_id)) ||
			 !change(f, charge, a, gpu)))
		gpu = -ENOENT;
	rcu_read_unlock_sched();
	return gpu;
}

/*
 * Either of both. A refusal goes the long way, which asks once more: meanwhile it may fit.
 */
static __always_inline long charge_or_uncharge(struct file *file, void __user *uarg, bool charge)
{
	struct qwamos_gpu_vm_charge __user *u = uarg;
	struct qgpu_file *f = file->private_data;
	struct qwamos_gpu_vm_charge a = {};
	int gpu = 0;

	if (unlikely(f->kind != QGPU_FILE_USE || !qgpu_vm_live(f->vm)))
		goto slow;
	if (!user_read_access_begin(u, sizeof(*u)))
		goto slow;
	unsafe_get_user(a.hdr.size, &u->hdr.size, slow_read);
	unsafe_get_user(a.hdr.flags, &u->hdr.flags, slow_read);
	unsafe_get_user(a.hdr.__reserved, &u->hdr.__reserved, slow_read);
	unsafe_get_user(a.kind, &u->kind, slow_read);
	unsafe_get_user(a.__reserved, &u->__reserved, slow_read);
	unsafe_get_user(a.device_id, &u->device_id, slow_read);
	unsafe_get_user(a.amount, &u->amount, slow_read);
	user_read_access_end();
	if (unlikely(a.hdr.size != sizeof(*u) || a.hdr.flags | a.hdr.__reserved || charge_args(&a)))
		goto slow;
	if (a.device_id)
		gpu = change_on(f, charge, &a);
	else if (!change(f, charge, &a, 0))
		goto slow;
	if (unlikely(gpu < 0))
		goto slow;
	if (!user_write_access_begin(u, sizeof(*u)))
		return charge_fault(f, charge, a.kind, gpu, a.amount);
	unsafe_put_user(a.out_limit, &u->out_limit, fault_write);
	unsafe_put_user(a.out_used, &u->out_used, fault_write);
	unsafe_put_user(QWAMOS_GPU_REASON_NONE, &u->hdr.out_reason, fault_write);
	user_write_access_end();
	return 0;
fault_write:
	user_write_access_end();
	return charge_fault(f, charge, a.kind, gpu, a.amount);
slow_read:
	user_read_access_end();
slow:
	return qgpu_call(file, charge ? QWAMOS_GPU_CMD_VM_CHARGE : QWAMOS_GPU_CMD_VM_UNCHARGE,
			 uarg);
}

/**
 * qgpu_charge_fast() - VM_CHARGE the straight way
 * @file: the file
 * @uarg: the caller's struct
 *
 * Return: as qgpu_call().
 */
long qgpu_charge_fast(struct file *file, void __user *uarg)
{
	return charge_or_uncharge(file, uarg, true);
}

/**
 * qgpu_uncharge_fast() - VM_UNCHARGE the straight way
 * @file: the file
 * @uarg: the caller's struct
 *
 * Return: as qgpu_call().
 */
long qgpu_uncharge_fast(struct file *file, void __user *uarg)
{
	return charge_or_uncharge(file, uarg, false);
}
