// SPDX-License-Identifier: GPL-2.0-only
/* Objects that are shared with other files and other drivers, as dma-bufs. */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <drm/drm_prime.h>
#include "compat.h"
#include "mockdrm.h"

/**
 * mock_bo_export() - Make a dma-buf of an object
 * @obj: the object
 * @flags: as drm_gem_prime_export() takes them
 */
struct dma_buf *mock_bo_export(struct drm_gem_object *obj, int flags)
{
	if (to_mock_bo(obj)->no_export)
		return ERR_PTR(-EPERM);
	return drm_gem_prime_export(obj, flags);
}

static int mock_bo_pin_locked(struct mock_bo *bo)
{
	pgoff_t i;
	int ret;

	if (bo->pins++)
		return 0;
	/* Others read it where everybody can: not in VRAM. */
	ret = mock_bo_move(bo, MOCK_SYSTEM);
	for (i = 0; !ret && i < bo->base.size >> PAGE_SHIFT; i++)
		ret = PTR_ERR_OR_ZERO(mock_bo_page(bo, i));
	if (ret)
		bo->pins--;
	return ret;
}

/**
 * mock_bo_pin() - Keep all pages of an object where they are, for another driver
 * @obj: the object
 */
int mock_bo_pin(struct drm_gem_object *obj)
{
	struct mock_bo *bo = to_mock_bo(obj);
	int ret;

	if (!bo->pages)
		return -EPERM;
	ret = mock_pin_lock(obj);
	if (ret)
		return ret;
	ret = mock_bo_pin_locked(bo);
	mock_pin_unlock(obj);
	return ret;
}

/**
 * mock_bo_unpin() - Undo mock_bo_pin()
 * @obj: the object
 */
void mock_bo_unpin(struct drm_gem_object *obj)
{
	mock_unpin_lock(obj);
	to_mock_bo(obj)->pins--;
	mock_pin_unlock(obj);
}

/**
 * mock_bo_sg_table() - The pages of a pinned object
 * @obj: the object
 */
struct sg_table *mock_bo_sg_table(struct drm_gem_object *obj)
{
	return drm_prime_pages_to_sg(obj->dev, to_mock_bo(obj)->pages, obj->size >> PAGE_SHIFT);
}

/**
 * mock_prime_import() - Make an object of another driver's dma-buf; CPUs can't map it
 * @drm: the device
 * @attach: our attachment to the dma-buf
 * @sgt: its pages
 */
struct drm_gem_object *mock_prime_import(struct drm_device *drm, struct dma_buf_attachment *attach,
					 struct sg_table *sgt)
{
	struct mock_bo *bo =
		mock_bo_new_imported(to_mock_dev(drm), PAGE_ALIGN(attach->dmabuf->size), sgt);

	return IS_ERR(bo) ? ERR_CAST(bo) : &bo->base;
}
