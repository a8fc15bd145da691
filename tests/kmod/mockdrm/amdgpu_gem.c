// SPDX-License-Identifier: GPL-2.0-only
/* amdgpu's calls about objects. */
#include <linux/dma-resv.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <drm/drm_vma_manager.h>
#include "amdgpu.h"

/* Those of today's interface; headers of older kernels lack some. */
#define AMD_COHERENT	 (1 << 13)
#define AMD_UNCACHED	 (1 << 14)
#define AMD_EXT_COHERENT (1 << 15)
#define AMD_CREATE_FLAGS                                                                  \
	(AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED | AMDGPU_GEM_CREATE_NO_CPU_ACCESS |        \
	 AMDGPU_GEM_CREATE_CPU_GTT_USWC | AMDGPU_GEM_CREATE_VRAM_CLEARED |                \
	 AMDGPU_GEM_CREATE_VRAM_CONTIGUOUS | AMDGPU_GEM_CREATE_VM_ALWAYS_VALID |          \
	 AMDGPU_GEM_CREATE_EXPLICIT_SYNC | AMDGPU_GEM_CREATE_DISCARDABLE | AMD_COHERENT | \
	 AMD_UNCACHED | AMD_EXT_COHERENT)
#define AMD_DOMAINS_MEMORY (AMDGPU_GEM_DOMAIN_CPU | AMDGPU_GEM_DOMAIN_GTT | AMDGPU_GEM_DOMAIN_VRAM)
/* Memory on the chip, of which there is none. */
#define AMD_DOMAINS_CHIP (AMDGPU_GEM_DOMAIN_GDS | AMDGPU_GEM_DOMAIN_GWS | AMDGPU_GEM_DOMAIN_OA)
#define AMD_USERPTR_FLAGS                                                                          \
	(AMDGPU_GEM_USERPTR_READONLY | AMDGPU_GEM_USERPTR_ANONONLY | AMDGPU_GEM_USERPTR_VALIDATE | \
	 AMDGPU_GEM_USERPTR_REGISTER)
#define AMD_VA_FLAGS                                                                   \
	(AMDGPU_VM_DELAY_UPDATE | AMDGPU_VM_PAGE_READABLE | AMDGPU_VM_PAGE_WRITEABLE | \
	 AMDGPU_VM_PAGE_EXECUTABLE | AMDGPU_VM_MTYPE_MASK | AMDGPU_VM_PAGE_NOALLOC |   \
	 AMDGPU_VM_PAGE_PRT)
#define AMD_VA_RESERVED 0x200000ULL
#define AMD_VA_HOLE	0x0000800000000000ULL
#define AMD_VA_HOLE_END 0xffff800000000000ULL

static enum mock_place amd_place(u64 domains)
{
	return domains & AMDGPU_GEM_DOMAIN_VRAM ? MOCK_VRAM : MOCK_SYSTEM;
}

static int amd_create_check(const struct drm_amdgpu_gem_create_in *in)
{
	if (in->domain_flags & ~(u64)AMD_CREATE_FLAGS)
		return -EINVAL;
	if (in->domains & ~(u64)(AMD_DOMAINS_MEMORY | AMD_DOMAINS_CHIP))
		return -EINVAL;
	if (in->domains & AMD_DOMAINS_CHIP)
		return in->domain_flags & AMDGPU_GEM_CREATE_VM_ALWAYS_VALID ? -EINVAL : -ENOMEM;
	return 0;
}

/* Gives the object to the file; consumes the caller's reference. */
static int amd_publish(struct drm_file *file, struct mock_bo *bo, u32 *handle)
{
	int ret = drm_gem_handle_create(file, &bo->base, handle);

	drm_gem_object_put(&bo->base);
	return ret;
}

/* DRM_IOCTL_AMDGPU_GEM_CREATE */
int amd_gem_create(struct drm_device *drm, void *data, struct drm_file *file)
{
	union drm_amdgpu_gem_create *a = data;
	struct mock_bo_args args = { .size = a->in.bo_size, .place = amd_place(a->in.domains) };
	u64 flags = a->in.domain_flags;
	struct mock_bo *bo;
	u32 handle;
	int ret = amd_create_check(&a->in);

	if (ret)
		return ret;
	args.clear = flags & AMDGPU_GEM_CREATE_VRAM_CLEARED;
	if (flags & AMDGPU_GEM_CREATE_VM_ALWAYS_VALID)
		args.vm = to_amd_file(file)->vm;
	bo = mock_bo_new(to_mock_dev(drm), &args);
	if (IS_ERR(bo))
		return PTR_ERR(bo);
	bo->domains = a->in.domains;
	bo->flags = flags;
	bo->no_map = flags & AMDGPU_GEM_CREATE_NO_CPU_ACCESS;
	bo->no_export = flags & AMDGPU_GEM_CREATE_VM_ALWAYS_VALID;
	ret = amd_publish(file, bo, &handle);
	if (ret)
		return ret;
	memset(a, 0, sizeof(*a));
	a->out.handle = handle;
	return 0;
}

/* Are the pages there, and the caller's? They are not kept: no job reads them. */
static int amd_user_pages(const struct drm_amdgpu_gem_userptr *a)
{
	unsigned int gup = a->flags & AMDGPU_GEM_USERPTR_READONLY ? 0 : FOLL_WRITE;
	struct page *page;
	u64 at;

	for (at = 0; at < a->size; at += PAGE_SIZE) {
		int n = get_user_pages_fast(a->addr + at, 1, gup, &page);

		if (n != 1)
			return n < 0 ? n : -EFAULT;
		put_page(page);
		if (fatal_signal_pending(current))
			return -ERESTARTSYS;
		cond_resched();
	}
	return 0;
}

/* DRM_IOCTL_AMDGPU_GEM_USERPTR */
int amd_gem_userptr(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_amdgpu_gem_userptr *a = data;
	struct mock_bo_args args = { .size = a->size, .place = MOCK_SYSTEM, .user = true };
	struct mock_bo *bo;
	int ret;

	if ((a->addr | a->size) & ~PAGE_MASK)
		return -EINVAL;
	if (a->flags & ~(u32)AMD_USERPTR_FLAGS)
		return -EINVAL;
	if (!(a->flags & (AMDGPU_GEM_USERPTR_READONLY | AMDGPU_GEM_USERPTR_REGISTER)))
		return -EACCES;
	bo = mock_bo_new(to_mock_dev(drm), &args);
	if (IS_ERR(bo))
		return PTR_ERR(bo);
	bo->domains = AMDGPU_GEM_DOMAIN_GTT;
	ret = a->flags & AMDGPU_GEM_USERPTR_VALIDATE ? amd_user_pages(a) : 0;
	if (ret) {
		drm_gem_object_put(&bo->base);
		return ret;
	}
	return amd_publish(file, bo, &a->handle);
}

/* DRM_IOCTL_AMDGPU_GEM_MMAP */
int amd_gem_mmap(struct drm_device *drm, void *data, struct drm_file *file)
{
	union drm_amdgpu_gem_mmap *a = data;
	struct mock_bo *bo = mock_bo_lookup(file, a->in.handle);
	int ret = 0;

	if (!bo)
		return -ENOENT;
	if (bo->no_map)
		ret = -EPERM;
	else
		a->out.addr_ptr = drm_vma_node_offset_addr(&bo->base.vma_node);
	drm_gem_object_put(&bo->base);
	return ret;
}

static int amd_set_placement(struct mock_bo *bo, u64 domains)
{
	if (!bo->pages)
		return -EPERM;
	if (bo->sgt)
		return -EINVAL;
	dma_resv_lock(bo->base.resv, NULL);
	bo->domains = domains & AMD_DOMAINS_MEMORY;
	bo->home = amd_place(domains);
	dma_resv_unlock(bo->base.resv);
	return 0;
}

static int amd_create_info(struct mock_bo *bo, u64 to)
{
	struct drm_amdgpu_gem_create_in in = {
		.bo_size = bo->base.size,
		.alignment = PAGE_SIZE,
		.domains = READ_ONCE(bo->domains),
		.domain_flags = bo->flags,
	};

	return copy_to_user(u64_to_user_ptr(to), &in, sizeof(in)) ? -EFAULT : 0;
}

/* DRM_IOCTL_AMDGPU_GEM_OP */
int amd_gem_op(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_amdgpu_gem_op *a = data;
	struct mock_bo *bo = mock_bo_lookup(file, a->handle);
	int ret = -EINVAL;

	if (!bo)
		return -ENOENT;
	if (a->op == AMDGPU_GEM_OP_GET_GEM_CREATE_INFO)
		ret = amd_create_info(bo, a->value);
	else if (a->op == AMDGPU_GEM_OP_SET_PLACEMENT)
		ret = amd_set_placement(bo, a->value);
	drm_gem_object_put(&bo->base);
	return ret;
}

static int amd_metadata_set(struct mock_bo *bo, const struct drm_amdgpu_gem_metadata *a)
{
	struct drm_amdgpu_gem_metadata *copy;
	void *old;

	if (a->data.data_size_bytes > sizeof(a->data.data))
		return -EINVAL;
	copy = kmemdup(a, sizeof(*a), GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	dma_resv_lock(bo->base.resv, NULL);
	old = bo->priv;
	bo->priv = copy;
	dma_resv_unlock(bo->base.resv);
	kfree(old);
	return 0;
}

static int amd_metadata_get(struct mock_bo *bo, struct drm_amdgpu_gem_metadata *a)
{
	struct drm_amdgpu_gem_metadata *kept;

	memset(&a->data, 0, sizeof(a->data));
	dma_resv_lock(bo->base.resv, NULL);
	kept = bo->priv;
	if (kept) {
		a->data.flags = kept->data.flags;
		a->data.tiling_info = kept->data.tiling_info;
		a->data.data_size_bytes = kept->data.data_size_bytes;
		memcpy(a->data.data, kept->data.data, kept->data.data_size_bytes);
	}
	dma_resv_unlock(bo->base.resv);
	return 0;
}

/* DRM_IOCTL_AMDGPU_GEM_METADATA */
int amd_gem_metadata(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_amdgpu_gem_metadata *a = data;
	struct mock_bo *bo = mock_bo_lookup(file, a->handle);
	int ret = -EINVAL;

	if (!bo)
		return -ENOENT;
	if (a->op == AMDGPU_GEM_METADATA_OP_SET_METADATA)
		ret = amd_metadata_set(bo, a);
	else if (a->op == AMDGPU_GEM_METADATA_OP_GET_METADATA)
		ret = amd_metadata_get(bo, a);
	drm_gem_object_put(&bo->base);
	return ret;
}

static int amd_va_check(const struct drm_amdgpu_gem_va *a)
{
	u64 end;

	if (a->va_address < AMD_VA_RESERVED)
		return -EINVAL;
	if (a->va_address >= AMD_VA_HOLE && a->va_address < AMD_VA_HOLE_END)
		return -EINVAL;
	if (a->flags & ~(u32)AMD_VA_FLAGS)
		return -EINVAL;
	if (a->operation < AMDGPU_VA_OP_MAP || a->operation > AMDGPU_VA_OP_REPLACE)
		return -EINVAL;
	if (a->operation == AMDGPU_VA_OP_UNMAP)
		return 0;
	if ((a->va_address | a->offset_in_bo | a->map_size) & ~PAGE_MASK || !a->map_size)
		return -EINVAL;
	return check_add_overflow(a->va_address, a->map_size, &end) ? -EINVAL : 0;
}

/* DRM_IOCTL_AMDGPU_GEM_VA; there are no page tables, so only what is said is checked */
int amd_gem_va(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_amdgpu_gem_va *a = data;
	bool maps = a->operation == AMDGPU_VA_OP_MAP || a->operation == AMDGPU_VA_OP_REPLACE;
	struct mock_bo *bo;
	int ret = amd_va_check(a);

	if (ret || a->operation == AMDGPU_VA_OP_CLEAR || a->flags & AMDGPU_VM_PAGE_PRT)
		return ret;
	bo = mock_bo_lookup(file, a->handle);
	if (!bo)
		return -ENOENT;
	if (maps &&
	    (a->offset_in_bo > bo->base.size || a->map_size > bo->base.size - a->offset_in_bo))
		ret = -EINVAL;
	drm_gem_object_put(&bo->base);
	return ret;
}

/* DRM_IOCTL_AMDGPU_GEM_WAIT_IDLE */
int amd_gem_wait_idle(struct drm_device *drm, void *data, struct drm_file *file)
{
	union drm_amdgpu_gem_wait_idle *a = data;
	struct mock_bo *bo = mock_bo_lookup(file, a->in.handle);
	long ret;

	if (!bo)
		return -ENOENT;
	ret = dma_resv_wait_timeout(bo->base.resv, DMA_RESV_USAGE_READ, true,
				    amd_timeout(a->in.timeout));
	if (ret >= 0) {
		memset(a, 0, sizeof(*a));
		a->out.status = ret == 0;
		a->out.domain = READ_ONCE(bo->place) == MOCK_VRAM ? AMDGPU_GEM_DOMAIN_VRAM
								  : AMDGPU_GEM_DOMAIN_GTT;
	}
	drm_gem_object_put(&bo->base);
	return ret < 0 ? ret : 0;
}
