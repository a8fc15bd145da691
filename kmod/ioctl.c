// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one way of every call: read once, check the form, check the right, do it, answer, audit. The
 * calls themselves are in calls.c.
 */
#include <linux/capability.h>
#include <linux/uaccess.h>
#include "check.h"
#include "device.h"
#include "ioctl.h"
#include "rights.h"
#include "vm.h"

/**
 * qgpu_call_answer() - write the whole answer
 * @call: the call
 *
 * For handlers that must know that the answer has arrived before they install an fd. Return: 0 or
 * -EFAULT.
 */
int qgpu_call_answer(struct qgpu_call *call)
{
	call->arg->hdr.out_reason = QWAMOS_GPU_REASON_NONE;
	call->copied = true;
	return copy_to_user(call->uarg, call->arg, min(call->usize, call->ksize)) ? -EFAULT : 0;
}

/* Read the argument. Return: 0, -EFAULT, -EINVAL, -E2BIG or -EOPNOTSUPP. */
static int read_arg(struct qgpu_call *call, const struct qgpu_call_desc *desc)
{
	u32 size;
	int ret;

	if (get_user(size, (u32 __user *)call->uarg))
		return -EFAULT;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < desc->min_size)
		return -EINVAL;
	ret = copy_struct_from_user(call->arg, desc->size, call->uarg, size);
	if (ret)
		return ret;
	call->usize = size;
	call->ksize = desc->size;
	call->arg->hdr.size = size; /* the first reading counts */
	if (call->arg->hdr.__reserved)
		return -EINVAL;
	if (call->arg->hdr.flags & ~desc->flags)
		return -EOPNOTSUPP;
	return 0;
}

/* May this caller make this call on this file? Return: 0 or -EACCES or -ENODEV with a reason. */
static int check_right(struct qgpu_call *call, const struct qgpu_call_desc *desc)
{
	struct qgpu_file *f = call->f;
	struct qgpu_vm *vm;

	if (!(desc->kinds & f->kind)) {
		call->reason = QWAMOS_GPU_REASON_WRONG_FD;
		return -EACCES;
	}
	if (f->kind == QGPU_FILE_MANAGE || (f->kind == QGPU_FILE_CONTROL && desc->manager)) {
		call->reason = qgpu_current_barred(&vm);
		if (vm)
			qgpu_vm_put(vm);
		if (!call->reason && !capable(CAP_SYS_ADMIN))
			call->reason = QWAMOS_GPU_REASON_NOT_CAPABLE;
		if (call->reason)
			return -EACCES;
	}
	if (f->vm && !qgpu_vm_live(f->vm)) {
		call->reason = QWAMOS_GPU_REASON_VM_ENDED;
		return -ENODEV;
	}
	return 0;
}

/*
 * A refusal is in the log of the VM that the caller is part of, else of the VM that the file is of,
 * else of the host. A refusal of what a policy decides on is a denied operation. Not inlined: the
 * caller's frame holds the largest argument already.
 */
static noinline void audit_refusal(struct qgpu_call *call, const struct qgpu_call_desc *desc,
				   unsigned int nr, int ret)
{
	struct qgpu_vm *mine = qgpu_vm_of_current();
	struct qgpu_vm *vm = mine ?: call->f->vm;
	struct qgpu_dev *d = call->device_id ? qgpu_dev_by_id(call->device_id) : NULL;
	bool right = call->reason == QWAMOS_GPU_REASON_WRONG_FD ||
		     call->reason == QWAMOS_GPU_REASON_VM_MEMBER ||
		     call->reason == QWAMOS_GPU_REASON_USERMODE_HELPER ||
		     call->reason == QWAMOS_GPU_REASON_NOT_CAPABLE;
	struct qgpu_event ev = {
		.event = desc->op && !right ? QWAMOS_GPU_EV_OPERATION_DENIED
					    : QWAMOS_GPU_EV_CALL_REFUSED,
		.op = desc->op,
		.reason = call->reason,
		.result = ret,
		.level = vm ? READ_ONCE(vm->lim.level) : QWAMOS_GPU_LEVEL_NONE,
		.device_id = call->device_id,
		.device_name = d ? dev_name(d->dev) : NULL,
	};

	if (call->ev.event) {
		ev.event = call->ev.event;
		ev.asked = call->ev.asked;
		ev.used = call->ev.used;
		ev.limit = call->ev.limit;
	} else if (ev.event == QWAMOS_GPU_EV_CALL_REFUSED) {
		ev.asked = nr;
	}

	qgpu_audit(vm ? vm->chain : NULL, &ev);
	if (vm)
		qgpu_limits_refused(&vm->lim, call->reason);
	if (d)
		qgpu_dev_put(d);
	if (mine)
		qgpu_vm_put(mine);
}

/* Write what a refusal may write. Return: @ret, or -EFAULT. */
static int answer_refusal(struct qgpu_call *call, const struct qgpu_call_desc *desc, int ret)
{
	struct qwamos_gpu_hdr __user *uhdr = call->uarg;
	size_t bytes = desc->n_also * sizeof(u64);

	if (put_user(call->reason, &uhdr->out_reason))
		return -EFAULT;
	/* An older, shorter struct may lack them. */
	if (desc->also && desc->also + bytes <= call->usize &&
	    copy_to_user(call->uarg + desc->also, (char *)call->arg + desc->also, bytes))
		return -EFAULT;
	return ret;
}

static noinline long call_of_table(struct file *file, const struct qgpu_call_desc *desc,
				   unsigned int nr, void __user *uarg)
{
	union qgpu_arg arg = {};
	struct qgpu_call call = { .f = file->private_data, .uarg = uarg, .arg = &arg };
	int ret = read_arg(&call, desc);

	if (ret)
		return ret;
	ret = check_right(&call, desc);
	if (ret && desc->also)
		memset((char *)&arg + desc->also, 0, desc->n_also * sizeof(u64));
	if (!ret)
		ret = desc->handler(&call);
	if (ret && call.reason) {
		audit_refusal(&call, desc, nr, ret);
		return answer_refusal(&call, desc, ret);
	}
	if (!ret && !call.copied)
		ret = qgpu_call_answer(&call);
	return ret;
}

/**
 * qgpu_call() - any call, by the table
 * @file: one of our files
 * @nr: the call's number
 * @uarg: the caller's struct
 *
 * Not inlined: what it saves registers for, the calls that go past it do not need. Return: as
 * ioctl(2); -ENOTTY: there is no such call.
 */
noinline long qgpu_call(struct file *file, unsigned int nr, void __user *uarg)
{
	const struct qgpu_call_desc *desc = qgpu_call_desc(nr);

	return desc ? call_of_table(file, desc, nr, uarg) : -ENOTTY;
}

/** qgpu_ioctl() - any call on any of our files */
long qgpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	/* What a VM monitor asks all the time. What these do not do, they pass to qgpu_call(). */
	switch (cmd) {
	case QWAMOS_GPU_VM_CHECK:
		return qgpu_check_fast(file, uarg);
	case QWAMOS_GPU_VM_CHARGE:
		return qgpu_charge_fast(file, uarg);
	case QWAMOS_GPU_VM_UNCHARGE:
		return qgpu_uncharge_fast(file, uarg);
	}
	if (cmd != _IO(QWAMOS_GPU_MAGIC, _IOC_NR(cmd)))
		return -ENOTTY;
	return qgpu_call(file, _IOC_NR(cmd), uarg);
}
