// SPDX-License-Identifier: LGPL-2.1-or-later
/* The calls of a VM's fds. */
#include "lib/libqwamos-gpu.h"

#include "lib/call.h"

int qgpu_set_level(int manage_fd, __u32 level, __u32 *reason)
{
	struct qwamos_gpu_set_policy req = { .mask = QWAMOS_GPU_POLICY_LEVEL, .level = level };

	return qgpu_call(manage_fd, QWAMOS_GPU_SET_POLICY, &req.hdr, sizeof(req), reason);
}

int qgpu_join(int use_fd, __u32 *reason)
{
	struct qwamos_gpu_join req = { 0 };

	return qgpu_call(use_fd, QWAMOS_GPU_JOIN, &req.hdr, sizeof(req), reason);
}

int qgpu_destroy(int manage_fd, __u32 *reason)
{
	struct qwamos_gpu_destroy req = { 0 };

	return qgpu_call(manage_fd, QWAMOS_GPU_DESTROY, &req.hdr, sizeof(req), reason);
}

int qgpu_attach(int manage_fd, struct qwamos_gpu_attach *req, __u32 *reason)
{
	req->hdr.flags = 0;
	req->__reserved = 0;
	return qgpu_call(manage_fd, QWAMOS_GPU_ATTACH, &req->hdr, sizeof(*req), reason);
}

int qgpu_detach(int manage_fd, __u64 device_id, __u32 flags, __u32 *reason)
{
	struct qwamos_gpu_detach req = { .hdr.flags = flags, .device_id = device_id };

	return qgpu_call(manage_fd, QWAMOS_GPU_DETACH, &req.hdr, sizeof(req), reason);
}

int qgpu_vm_info(int vm_fd, struct qwamos_gpu_vm *vm, __u32 *reason)
{
	struct qwamos_gpu_vm_info req = { 0 };
	int err;

	err = qgpu_call(vm_fd, QWAMOS_GPU_VM_INFO, &req.hdr, sizeof(req), reason);
	if (!err)
		*vm = req.out_vm;
	return err;
}

int qgpu_new_use(int use_fd, __u32 *reason)
{
	struct qwamos_gpu_new_use req = { 0 };
	int err;

	err = qgpu_call(use_fd, QWAMOS_GPU_NEW_USE, &req.hdr, sizeof(req), reason);
	return err ? err : req.out_fd;
}
