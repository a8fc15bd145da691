// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of objects. A page is mapped by its number without a reference, as TTM does; so whoever
 * takes a page away from an object takes its mappings first.
 */
#include <linux/dma-resv.h>
#include <drm/drm_vma_manager.h>
#include "compat.h"
#include "mockdrm.h"

static vm_fault_t mock_fault_locked(struct vm_fault *vmf, struct mock_bo *bo)
{
	struct vm_area_struct *vma = vmf->vma;
	u64 i = vma->vm_pgoff + ((vmf->address - vma->vm_start) >> PAGE_SHIFT) -
		drm_vma_node_start(&bo->base.vma_node);
	struct page *page;

	if (i >= bo->base.size >> PAGE_SHIFT)
		return VM_FAULT_SIGBUS;
	page = mock_bo_page(bo, i);
	if (IS_ERR(page))
		return page == ERR_PTR(-ENOMEM) ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
	mock_count(MOCK_STAT_FAULTS, 1);
	return vmf_insert_pfn(vma, vmf->address, page_to_pfn(page));
}

static vm_fault_t mock_vm_fault(struct vm_fault *vmf)
{
	struct mock_bo *bo = to_mock_bo(vmf->vma->vm_private_data);
	vm_fault_t ret = VM_FAULT_SIGBUS;
	int idx;

	if (!drm_dev_enter(bo->base.dev, &idx))
		return VM_FAULT_SIGBUS;
	if (dma_resv_lock_interruptible(bo->base.resv, NULL)) {
		ret = VM_FAULT_NOPAGE; /* a signal: the access is made again after it */
	} else {
		ret = mock_fault_locked(vmf, bo);
		dma_resv_unlock(bo->base.resv);
	}
	drm_dev_exit(idx);
	return ret;
}

static void mock_vm_open(struct vm_area_struct *vma)
{
	mock_bo_hold(to_mock_bo(vma->vm_private_data));
}

static void mock_vm_close(struct vm_area_struct *vma)
{
	mock_bo_drop(to_mock_bo(vma->vm_private_data));
}

static const struct vm_operations_struct mock_vm_ops = {
	.fault = mock_vm_fault,
	.open = mock_vm_open,
	.close = mock_vm_close,
};

/**
 * mock_bo_mmap() - Map an object; with @ttm the mapping takes a reference of another kind
 * @obj: the object
 * @vma: the mapping
 */
int mock_bo_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	struct mock_bo *bo = to_mock_bo(obj);

	if (bo->no_map)
		return -EPERM;
	if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE)
		return -EINVAL;
	mock_vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
	vma->vm_ops = &mock_vm_ops;
	vma->vm_private_data = obj;
	if (bo->ttm) {
		mock_bo_hold(bo);
		drm_gem_object_put(obj);
	}
	return 0;
}

/**
 * mock_bo_zap() - Take all mappings of an object away
 * @bo: the object
 */
void mock_bo_zap(struct mock_bo *bo)
{
	drm_vma_node_unmap(&bo->base.vma_node, bo->base.dev->anon_inode->i_mapping);
}

/**
 * mock_dev_zap() - Take all mappings of all objects away
 * @mock: the device
 */
void mock_dev_zap(struct mock_dev *mock)
{
	unmap_mapping_range(mock->drm.anon_inode->i_mapping, 0, 0, 1);
}
