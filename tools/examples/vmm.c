// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM monitor in one page, as far as its GPU goes: asks before it does something for its guest,
 * and takes what it allocates out of the VM's quota. Its manager has handed it the VM's use fd.
 *
 *   vmm [MIB]...      allocates buffers of these sizes, and frees them
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libqwamos-gpu.h>

#define MIB 20

static int fail(const char *what, int err, __u32 reason)
{
	fprintf(stderr, "vmm: %s: %s\n", what, reason ? libqg_reason_text(reason) : strerror(-err));
	return 1;
}

/* Who this VM is, and what it may have. */
static int tell_limits(int vm_fd)
{
	struct qwamos_gpu_vm vm;
	__u32 reason = 0;
	int ret;

	ret = libqg_vm_info(vm_fd, &vm, &reason);
	if (ret)
		return fail("VM_INFO", ret, reason);
	printf("vmm: VM %s, level %s: %llu MiB of VRAM (enforced by: %s), %u %% of GPU time\n",
	       vm.name, libqg_level_name(vm.level), vm.vram_limit >> MIB,
	       libqg_enforcer_name(vm.vram_by), vm.compute_cap);
	return 0;
}

/* One call for all that a guest's driver would want to know. */
static int ask_for_all(int vm_fd)
{
	struct qwamos_gpu_vm_check_entry ops[] = {
		{ .operation = QWAMOS_GPU_OP_RENDERING_2D },
		{ .operation = QWAMOS_GPU_OP_RENDERING_3D },
		{ .operation = QWAMOS_GPU_OP_VULKAN_COMPUTE },
		{ .operation = QWAMOS_GPU_OP_VIDEO_DECODE },
	};
	const size_t n = sizeof(ops) / sizeof(ops[0]);
	__u32 denied = 0, reason = 0;
	size_t i;
	int ret;

	ret = libqg_vm_check_array(vm_fd, 0, ops, n, &denied, &reason);
	if (ret)
		return fail("VM_CHECK", ret, reason);
	for (i = 0; i < n; i++)
		printf("vmm: %s: %s\n", libqg_op_name(ops[i].operation),
		       ops[i].out_verdict ? libqg_reason_name(ops[i].out_verdict) : "allowed");
	printf("vmm: %u of %zu denied\n", denied, n);
	return 0;
}

/*
 * Each buffer is charged before it is allocated. What does not fit is the guest's out-of-memory
 * error, not the VMM's.
 */
static int allocate(int vm_fd, char **sizes, size_t n)
{
	__u64 used, limit, held = 0, mib;
	__u32 reason = 0;
	size_t i;
	int ret;

	for (i = 0; i < n; i++) {
		mib = strtoull(sizes[i], NULL, 10);
		ret = libqg_vm_charge(vm_fd, QWAMOS_GPU_RESOURCE_VRAM, 0, mib << MIB, &used, &limit,
				      &reason);
		if (ret && reason != QWAMOS_GPU_REASON_QUOTA)
			return fail("VM_CHARGE", ret, reason);
		printf("vmm: %llu MiB: %s, %llu of %llu MiB used\n", mib,
		       ret ? "no room" : "allocated", used >> MIB, limit >> MIB);
		held += ret ? 0 : mib;
	}
	if (!held)
		return 0;
	ret = libqg_vm_uncharge(vm_fd, QWAMOS_GPU_RESOURCE_VRAM, 0, held << MIB, &used, &limit,
				&reason);
	if (ret)
		return fail("VM_UNCHARGE", ret, reason);
	printf("vmm: freed, %llu of %llu MiB used\n", used >> MIB, limit >> MIB);
	return 0;
}

int main(int argc, char **argv)
{
	const char *number = getenv("QWAMOS_GPU_VM_FD");
	int vm_fd, ret;

	if (!number) {
		fputs("vmm: $QWAMOS_GPU_VM_FD is not set: start it through a manager\n", stderr);
		return 2;
	}
	vm_fd = atoi(number);
	ret = tell_limits(vm_fd);
	if (!ret)
		ret = ask_for_all(vm_fd);
	if (!ret)
		ret = allocate(vm_fd, argv + 1, argc - 1);
	return ret;
}
