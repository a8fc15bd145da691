// SPDX-License-Identifier: LGPL-2.1-or-later
/* The calls of a VM's fds. */
#include "lib/libqwamos-gpu.h"

#include <errno.h>
#include <stdint.h>

#include "lib/call.h"

int libqg_vm_set_policy(int manage_fd, struct qwamos_gpu_vm_set_policy *req, __u32 *reason)
{
	req->hdr.flags = 0;
	req->out_used = req->out_limit = 0;
	return libqg_call(manage_fd, QWAMOS_GPU_VM_SET_POLICY, &req->hdr, sizeof(*req), reason);
}

int libqg_vm_set_level(int manage_fd, __u32 level, __u32 *reason)
{
	struct qwamos_gpu_vm_set_policy req = { .mask = QWAMOS_GPU_POLICY_LEVEL, .level = level };

	return libqg_vm_set_policy(manage_fd, &req, reason);
}

int libqg_vm_check(int vm_fd, __u64 device_id, __u32 op, __u32 *verdict, __u32 *reason)
{
	struct qwamos_gpu_vm_check req = { .operation = op, .device_id = device_id };
	int err;

	err = libqg_call(vm_fd, QWAMOS_GPU_VM_CHECK, &req.hdr, sizeof(req), reason);
	if (!err)
		*verdict = req.out_verdict;
	return err;
}

int libqg_vm_check_array(int vm_fd, __u64 device_id, struct qwamos_gpu_vm_check_entry *entries,
			 __u32 n, __u32 *denied, __u32 *reason)
{
	struct qwamos_gpu_vm_check req = { .count = n,
					   .device_id = device_id,
					   .entries = (uintptr_t)entries };
	int err;

	if (reason)
		*reason = QWAMOS_GPU_REASON_NONE;
	/* In the kernel it would be one operation without an array. */
	if (!n)
		return -EINVAL;
	err = libqg_call(vm_fd, QWAMOS_GPU_VM_CHECK, &req.hdr, sizeof(req), reason);
	if (!err && denied)
		*denied = req.out_denied;
	return err;
}

/* VM_CHARGE, VM_UNCHARGE: what is in use is told also on refusal, and only then or on success. */
static int charge(int use_fd, unsigned long cmd, __u32 kind, __u64 device_id, __u64 amount,
		  __u64 *used, __u64 *limit, __u32 *reason)
{
	struct qwamos_gpu_vm_charge req = { .kind = kind,
					    .device_id = device_id,
					    .amount = amount };
	int err;

	err = libqg_call(use_fd, cmd, &req.hdr, sizeof(req), reason);
	if (used)
		*used = req.out_used;
	if (limit)
		*limit = req.out_limit;
	return err;
}

int libqg_vm_charge(int use_fd, __u32 kind, __u64 device_id, __u64 amount, __u64 *used,
		    __u64 *limit, __u32 *reason)
{
	return charge(use_fd, QWAMOS_GPU_VM_CHARGE, kind, device_id, amount, used, limit, reason);
}

int libqg_vm_uncharge(int use_fd, __u32 kind, __u64 device_id, __u64 amount, __u64 *used,
		      __u64 *limit, __u32 *reason)
{
	return charge(use_fd, QWAMOS_GPU_VM_UNCHARGE, kind, device_id, amount, used, limit, reason);
}

int libqg_vm_join(int use_fd, __u32 *reason)
{
	struct qwamos_gpu_vm_join req = { 0 };

	return libqg_call(use_fd, QWAMOS_GPU_VM_JOIN, &req.hdr, sizeof(req), reason);
}

int libqg_vm_destroy(int manage_fd, __u32 *reason)
{
	struct qwamos_gpu_vm_destroy req = { 0 };

	return libqg_call(manage_fd, QWAMOS_GPU_VM_DESTROY, &req.hdr, sizeof(req), reason);
}

int libqg_dev_attach(int manage_fd, struct qwamos_gpu_dev_attach *req, __u32 *reason)
{
	req->__reserved = 0;
	return libqg_call(manage_fd, QWAMOS_GPU_DEV_ATTACH, &req->hdr, sizeof(*req), reason);
}

int libqg_dev_detach(int manage_fd, __u64 device_id, __u32 flags, __u32 *reason)
{
	struct qwamos_gpu_dev_detach req = { .hdr.flags = flags, .device_id = device_id };

	return libqg_call(manage_fd, QWAMOS_GPU_DEV_DETACH, &req.hdr, sizeof(req), reason);
}

int libqg_vm_info(int vm_fd, struct qwamos_gpu_vm *vm, __u32 *reason)
{
	struct qwamos_gpu_vm_info req = { 0 };
	int err;

	err = libqg_call(vm_fd, QWAMOS_GPU_VM_INFO, &req.hdr, sizeof(req), reason);
	if (!err)
		*vm = req.out_vm;
	return err;
}

int libqg_vm_gpu_list(int vm_fd, struct qwamos_gpu_vm_gpu **gpus, size_t *n, __u32 *reason)
{
	return libqg_list(vm_fd, QWAMOS_GPU_VM_GPU_LIST, sizeof(**gpus), (void **)gpus, n, reason);
}

int libqg_vm_refusal_list(int vm_fd, struct qwamos_gpu_vm_refusal **refusals, size_t *n,
			  __u32 *reason)
{
	return libqg_list(vm_fd, QWAMOS_GPU_VM_REFUSAL_LIST, sizeof(**refusals), (void **)refusals,
			  n, reason);
}

int libqg_vm_new_fd(int use_fd, __u32 *reason)
{
	struct qwamos_gpu_vm_new_fd req = { 0 };
	int err;

	err = libqg_call(use_fd, QWAMOS_GPU_VM_NEW_FD, &req.hdr, sizeof(req), reason);
	return err ? err : req.out_fd;
}

int libqg_gate_create(int manage_fd, struct qwamos_gpu_gate_create *req, __u32 *reason)
{
	req->__reserved = 0;
	return libqg_call(manage_fd, QWAMOS_GPU_GATE_CREATE, &req->hdr, sizeof(*req), reason);
}

int libqg_gate_destroy(int manage_fd, __u64 gate_id, __u32 *reason)
{
	struct qwamos_gpu_gate_destroy req = { .gate_id = gate_id };

	return libqg_call(manage_fd, QWAMOS_GPU_GATE_DESTROY, &req.hdr, sizeof(req), reason);
}

int libqg_gate_list(int vm_fd, struct qwamos_gpu_gate **gates, size_t *n, __u32 *reason)
{
	return libqg_list(vm_fd, QWAMOS_GPU_GATE_LIST, sizeof(**gates), (void **)gates, n, reason);
}
