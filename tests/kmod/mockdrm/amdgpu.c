// SPDX-License-Identifier: GPL-2.0-only
/* The personality amdgpu: its calls, and what an open file has. */
#include <linux/slab.h>
#include "amdgpu.h"

static int amd_vm(struct drm_device *drm, void *data, struct drm_file *file)
{
	union drm_amdgpu_vm *a = data;

	/* The real one takes no flags, and reserves an id that nobody sees. */
	if (a->in.flags)
		return -EINVAL;
	if (a->in.op != AMDGPU_VM_OP_RESERVE_VMID && a->in.op != AMDGPU_VM_OP_UNRESERVE_VMID)
		return -EINVAL;
	a->out.flags = 0;
	return 0;
}

static int amd_sched(struct drm_device *drm, void *data, struct drm_file *file)
{
	union drm_amdgpu_sched *a = data;

	switch (a->in.priority) {
	case AMDGPU_CTX_PRIORITY_VERY_LOW:
	case AMDGPU_CTX_PRIORITY_LOW:
	case AMDGPU_CTX_PRIORITY_NORMAL:
	case AMDGPU_CTX_PRIORITY_HIGH:
	case AMDGPU_CTX_PRIORITY_VERY_HIGH:
		break;
	default:
		return -EINVAL;
	}
	if (a->in.op != AMDGPU_SCHED_OP_PROCESS_PRIORITY_OVERRIDE &&
	    a->in.op != AMDGPU_SCHED_OP_CONTEXT_PRIORITY_OVERRIDE)
		return -EINVAL;
	return 0;
}

#define AMD_CALL(name, fn) DRM_IOCTL_DEF_DRV(AMDGPU_##name, fn, DRM_AUTH | DRM_RENDER_ALLOW)

static const struct drm_ioctl_desc amd_ioctls[] = {
	AMD_CALL(GEM_CREATE, amd_gem_create),
	AMD_CALL(GEM_MMAP, amd_gem_mmap),
	AMD_CALL(CTX, amd_ctx_ioctl),
	AMD_CALL(BO_LIST, amd_bo_list),
	AMD_CALL(CS, amd_cs),
	AMD_CALL(INFO, amd_info),
	AMD_CALL(GEM_METADATA, amd_gem_metadata),
	AMD_CALL(GEM_WAIT_IDLE, amd_gem_wait_idle),
	AMD_CALL(GEM_VA, amd_gem_va),
	AMD_CALL(WAIT_CS, amd_wait_cs),
	AMD_CALL(GEM_OP, amd_gem_op),
	AMD_CALL(GEM_USERPTR, amd_gem_userptr),
	AMD_CALL(WAIT_FENCES, amd_wait_fences),
	AMD_CALL(VM, amd_vm),
	AMD_CALL(FENCE_TO_HANDLE, amd_fence_to_handle),
	DRM_IOCTL_DEF_DRV(AMDGPU_SCHED, amd_sched, DRM_MASTER),
};

static int amd_open(struct mock_client *client)
{
	struct amd_file *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	f->vm = mock_vm_new();
	if (!f->vm) {
		kfree(f);
		return -ENOMEM;
	}
	xa_init_flags(&f->contexts, XA_FLAGS_ALLOC1);
	xa_init_flags(&f->lists, XA_FLAGS_ALLOC1);
	client->priv = f;
	return 0;
}

static void amd_close(struct mock_client *client)
{
	struct amd_file *f = client->priv;
	struct amd_list *list;
	struct amd_ctx *ctx;
	unsigned long i;

	xa_for_each(&f->contexts, i, ctx)
		amd_ctx_put(ctx);
	xa_destroy(&f->contexts);
	xa_for_each(&f->lists, i, list)
		amd_list_put(list);
	xa_destroy(&f->lists);
	mock_vm_put(f->vm);
	kfree(f);
}

const struct mock_personality mock_amdgpu = {
	.name = "amdgpu",
	.major = 3,
	.minor = 54,
	.pci = { PCI_DEVICE(PCI_VENDOR_ID_ATI, AMD_DEVICE_ID) },
	.revision = AMD_REVISION,
	.subsystem = 0x0b361002,
	.engine = { [MOCK_GFX] = "gfx", [MOCK_COMPUTE] = "compute" },
	.ioctls = amd_ioctls,
	.num_ioctls = ARRAY_SIZE(amd_ioctls),
	.open = amd_open,
	.close = amd_close,
};
