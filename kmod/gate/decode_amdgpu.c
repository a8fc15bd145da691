// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * amdgpu. Which ring a submission is for stands in memory that the argument points to and that the
 * driver reads by itself, so rendering_3d decides for all of them.
 */
#ifdef __KERNEL__
#include <linux/stddef.h>
#else
#include <stddef.h>
#endif
#include <drm/drm.h>
#include <drm/amdgpu_drm.h>
#include "decode.h"

/* Numbers that the headers of older kernels lack. */
#define CREATE_DISCARDABLE (1 << 12)
#define NR_USERQ	   0x16
#define NR_USERQ_SIGNAL	   0x17
#define NR_USERQ_WAIT	   0x18

#define MOST_IN_VA 64 /* syncobjs that a change of the address space waits for */

/* GEM_VA's argument as Linux 7.3 has it; older ones end with @map_size. */
struct gem_va {
	__u32 handle;
	__u32 pad;
	__u32 operation;
	__u32 flags;
	__u64 va_address;
	__u64 offset_in_bo;
	__u64 map_size;
	__u64 point;
	__u32 out; /* timeline that gets the point */
	__u32 n_in;
	__u64 in;
};

static void look_create(const void *arg, struct qgate_what *what)
{
	const union drm_amdgpu_gem_create *a = arg;

	what->size = a->in.bo_size;
	/* The rest is little, on the chip, shared by all, and cleared by nobody. */
	what->never = a->in.domains & ~(__u64)(AMDGPU_GEM_DOMAIN_CPU | AMDGPU_GEM_DOMAIN_GTT |
					       AMDGPU_GEM_DOMAIN_VRAM);
}

/* What the last one left in video memory is not for this one. */
static void fix_create(void *arg)
{
	union drm_amdgpu_gem_create *a = arg;

	if (a->in.domains & AMDGPU_GEM_DOMAIN_VRAM)
		a->in.domain_flags |= AMDGPU_GEM_CREATE_VRAM_CLEARED;
	/* Thrown away, it would come back as it is. */
	a->in.domain_flags &= ~(__u64)CREATE_DISCARDABLE;
}

static void look_userptr(const void *arg, struct qgate_what *what)
{
	const struct drm_amdgpu_gem_userptr *a = arg;

	what->size = a->size;
}

static void look_ctx(const void *arg, struct qgate_what *what)
{
	const union drm_amdgpu_ctx *a = arg;

	switch (a->in.op) {
	case AMDGPU_CTX_OP_ALLOC_CTX:
		what->kept = 1;
		/* Before other VMs: the driver gives that to whoever has CAP_SYS_NICE. */
		what->never = a->in.priority > AMDGPU_CTX_PRIORITY_NORMAL;
		break;
	case AMDGPU_CTX_OP_FREE_CTX:
		what->kept = -1;
		break;
	case AMDGPU_CTX_OP_QUERY_STATE:
	case AMDGPU_CTX_OP_QUERY_STATE2:
		break;
	default:
		/* A stable power state is the whole GPU's. */
		what->never = true;
	}
}

/* There are few address spaces that stay with who reserves one. */
static void look_vm(const void *arg, struct qgate_what *what)
{
	const union drm_amdgpu_vm *a = arg;

	what->never = a->in.op != AMDGPU_VM_OP_UNRESERVE_VMID;
}

/* A syncobj that the gate has not made, nor counted. */
/* A point that it adds to a timeline stays as long as what comes before it is not done. */
static void look_va(const void *arg, struct qgate_what *what)
{
	const struct gem_va *a = arg;

	if (sizeof(struct drm_amdgpu_gem_va) < sizeof(*a))
		return;
	what->paced = a->out;
	what->never = a->n_in > MOST_IN_VA;
}

static void look_fence(const void *arg, struct qgate_what *what)
{
	const union drm_amdgpu_fence_to_handle *a = arg;

	what->never = a->in.what != AMDGPU_FENCE_TO_HANDLE_GET_SYNC_FILE_FD;
}

#define ROW(call, _kind, _op, type, ...)                   \
	[DRM_AMDGPU_##call] = { .name = #call,             \
				.kind = QGATE_##_kind,     \
				.op = QWAMOS_GPU_OP_##_op, \
				.compat = true,            \
				.size = sizeof(type),      \
				__VA_ARGS__ }
#define NEVER(nr, _name) [nr] = { .name = _name, .kind = QGATE_NEVER, .compat = true }

static const struct qgate_call calls[] = {
	ROW(GEM_CREATE, ALLOC, NONE, union drm_amdgpu_gem_create, .handle = 0, .look = look_create,
	    .fix = fix_create),
	ROW(GEM_MMAP, PASS, NONE, union drm_amdgpu_gem_mmap),
	ROW(CTX, PASS, RENDERING_3D, union drm_amdgpu_ctx, .look = look_ctx),
	/* As long as one likes, and charged to nobody; Mesa gives lists with the submission. */
	ROW(BO_LIST, NEVER, NONE, union drm_amdgpu_bo_list),
	ROW(CS, PASS, RENDERING_3D, union drm_amdgpu_cs, .paced = true),
	ROW(INFO, PASS, NONE, struct drm_amdgpu_info),
	ROW(GEM_METADATA, PASS, NONE, struct drm_amdgpu_gem_metadata),
	ROW(GEM_WAIT_IDLE, PASS, NONE, union drm_amdgpu_gem_wait_idle),
	ROW(GEM_VA, PASS, NONE, struct drm_amdgpu_gem_va, .look = look_va),
	ROW(WAIT_CS, PASS, NONE, union drm_amdgpu_wait_cs),
	ROW(GEM_OP, PASS, NONE, struct drm_amdgpu_gem_op),
	ROW(GEM_USERPTR, ALLOC, NONE, struct drm_amdgpu_gem_userptr,
	    .handle = offsetof(struct drm_amdgpu_gem_userptr, handle), .look = look_userptr),
	ROW(WAIT_FENCES, PASS, NONE, union drm_amdgpu_wait_fences),
	ROW(VM, PASS, NONE, union drm_amdgpu_vm, .look = look_vm),
	ROW(FENCE_TO_HANDLE, PASS, NONE, union drm_amdgpu_fence_to_handle, .look = look_fence),
	/* Priorities of other processes. */
	ROW(SCHED, NEVER, NONE, union drm_amdgpu_sched),
	/* Work that no call tells of. */
	NEVER(NR_USERQ, "USERQ"),
	NEVER(NR_USERQ_SIGNAL, "USERQ_SIGNAL"),
	NEVER(NR_USERQ_WAIT, "USERQ_WAIT"),
};

const struct qgate_table qgate_amdgpu = {
	.driver = "amdgpu",
	.n = sizeof(calls) / sizeof(*calls),
	.calls = calls,
	.wakes = true,
	.compute_inseparable = true,
};
