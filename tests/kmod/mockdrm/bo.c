// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects and their memory. In system memory an object has the pages of a shmem file, in VRAM pages
 * of its own, so that a move takes its bytes elsewhere. Pages come when they are touched.
 */
#include <linux/dma-resv.h>
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <drm/drm_prime.h>
#include "compat.h"
#include "mockdrm.h"

static pgoff_t mock_bo_npages(struct mock_bo *bo)
{
	return bo->base.size >> PAGE_SHIFT;
}

/* A page of @place that is not the object's yet; what is in it does not matter to a move. */
static struct page *mock_page_alloc(struct mock_bo *bo, enum mock_place place, pgoff_t i)
{
	struct page *page;

	if (place == MOCK_SYSTEM)
		return shmem_read_mapping_page(bo->base.filp->f_mapping, i);
	page = alloc_page(GFP_HIGHUSER | __GFP_ZERO);
	return page ?: ERR_PTR(-ENOMEM);
}

static void mock_page_free(enum mock_place place, struct page *page)
{
	if (place == MOCK_SYSTEM)
		set_page_dirty(page);
	put_page(page);
}

static void mock_page_soil(struct page *page)
{
	void *p = kmap_local_page(page);

	memset(p, MOCK_DIRT, PAGE_SIZE);
	kunmap_local(p);
}

/**
 * mock_bo_page() - Page of an object, which gets it if it had none
 * @bo: the object
 * @i: number of the page
 *
 * The reservation is held.
 */
struct page *mock_bo_page(struct mock_bo *bo, pgoff_t i)
{
	struct page *page;

	dma_resv_assert_held(bo->base.resv);
	if (bo->pages[i])
		return bo->pages[i];
	page = mock_page_alloc(bo, bo->place, i);
	if (IS_ERR(page))
		return page;
	if (bo->dirty)
		mock_page_soil(page);
	bo->pages[i] = page;
	return page;
}

static void mock_pages_free(struct mock_bo *bo, enum mock_place place, struct page **pages)
{
	pgoff_t i;

	if (!pages)
		return;
	for (i = 0; i < mock_bo_npages(bo); i++)
		if (pages[i])
			mock_page_free(place, pages[i]);
	kvfree(pages);
}

/* Copies of all pages that were touched. */
static struct page **mock_pages_copy(struct mock_bo *bo, enum mock_place to)
{
	struct page **pages = kvcalloc(mock_bo_npages(bo), sizeof(*pages), GFP_KERNEL);
	struct page *page;
	pgoff_t i;

	if (!pages)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < mock_bo_npages(bo); i++) {
		if (!bo->pages[i])
			continue;
		page = mock_page_alloc(bo, to, i);
		if (IS_ERR(page)) {
			mock_pages_free(bo, to, pages);
			return ERR_CAST(page);
		}
		copy_highpage(page, bo->pages[i]);
		pages[i] = page;
		cond_resched();
	}
	return pages;
}

/* Moves into room that was reserved. */
static int mock_bo_move_reserved(struct mock_bo *bo, enum mock_place to)
{
	enum mock_place from = bo->place;
	struct page **pages;

	/* A fault waits for the reservation from here on. */
	mock_bo_zap(bo);
	pages = mock_pages_copy(bo, to);
	if (IS_ERR(pages))
		return PTR_ERR(pages);
	mock_pages_free(bo, from, bo->pages);
	if (from == MOCK_SYSTEM)
		shmem_truncate_range(file_inode(bo->base.filp), 0, (loff_t)-1);
	mock_heap_remove(bo);
	bo->pages = pages;
	bo->place = to;
	mock_heap_add(bo);
	return 0;
}

/**
 * mock_bo_move() - Move an object; into VRAM only if there is room
 * @bo: the object
 * @to: where to
 *
 * The reservation is held, and nothing is pinned.
 */
int mock_bo_move(struct mock_bo *bo, enum mock_place to)
{
	struct mock_dev *mock = to_mock_dev(bo->base.dev);
	enum mock_place from = bo->place;
	int ret;

	dma_resv_assert_held(bo->base.resv);
	if (from == to)
		return 0;
	ret = mock_heap_reserve(mock, to, bo->base.size, false, bo->base.resv);
	if (ret)
		return ret;
	ret = mock_bo_move_reserved(bo, to);
	mock_heap_release(mock, ret ? to : from, bo->base.size);
	return ret;
}

/**
 * mock_bo_hold() - Keep an object's memory, as a mapping does
 * @bo: the object
 */
void mock_bo_hold(struct mock_bo *bo)
{
	if (bo->ttm)
		kref_get(&bo->ref);
	else
		drm_gem_object_get(&bo->base);
}

/**
 * mock_bo_drop() - Undo mock_bo_hold()
 * @bo: the object
 */
void mock_bo_drop(struct mock_bo *bo)
{
	if (bo->ttm)
		mock_bo_put(bo);
	else
		drm_gem_object_put(&bo->base);
}

static void mock_bo_release(struct kref *ref)
{
	struct mock_bo *bo = container_of(ref, struct mock_bo, ref);
	struct mock_dev *mock = to_mock_dev(bo->base.dev);

	if (bo->accounted) {
		mock_heap_remove(bo);
		mock_heap_release(mock, bo->place, bo->base.size);
		mock_count(MOCK_STAT_BYTES, -(s64)bo->base.size);
	}
	WARN_ON(bo->pins);
	mock_pages_free(bo, bo->place, bo->pages);
	if (bo->sgt)
		drm_prime_gem_destroy(&bo->base, bo->sgt);
	drm_gem_object_release(&bo->base);
	mock_vm_put(bo->vm);
	mock_count(MOCK_STAT_OBJECTS, -1);
	kfree(bo->priv);
	kfree(bo);
}

/**
 * mock_bo_put() - Drop a reference to an object's memory
 * @bo: the object
 */
void mock_bo_put(struct mock_bo *bo)
{
	kref_put(&bo->ref, mock_bo_release);
}

static void mock_bo_free(struct drm_gem_object *obj)
{
	mock_bo_put(to_mock_bo(obj));
}

static const struct drm_gem_object_funcs mock_bo_funcs = {
	.free = mock_bo_free,
	.export = mock_bo_export,
	.pin = mock_bo_pin,
	.unpin = mock_bo_unpin,
	.get_sg_table = mock_bo_sg_table,
	.mmap = mock_bo_mmap,
};

static struct mock_bo *mock_bo_alloc(void)
{
	struct mock_bo *bo = kzalloc(sizeof(*bo), GFP_KERNEL);

	if (!bo)
		return NULL;
	kref_init(&bo->ref);
	INIT_LIST_HEAD(&bo->lru);
	bo->base.funcs = &mock_bo_funcs;
	bo->ttm = READ_ONCE(mock_ttm_mmap);
	bo->place = MOCK_SYSTEM;
	return bo;
}

/* VRAM if that is wanted and can be had; else system memory, as amdgpu does. */
static int mock_bo_place(struct mock_bo *bo, const struct mock_bo_args *args)
{
	struct mock_dev *mock = to_mock_dev(bo->base.dev);
	struct dma_resv *held = args->vm ? &args->vm->resv : NULL;
	int ret = -ENOSPC;

	if (args->place == MOCK_VRAM) {
		ret = mock_heap_reserve(mock, MOCK_VRAM, bo->base.size, true, held);
		if (!ret)
			bo->place = MOCK_VRAM;
	}
	if (ret)
		ret = mock_heap_reserve(mock, MOCK_SYSTEM, bo->base.size, false, held);
	if (ret)
		return -ENOMEM;
	bo->accounted = true;
	bo->home = args->place;
	bo->dirty = bo->place == MOCK_VRAM && READ_ONCE(mock_dirty) && !args->clear;
	mock_count(MOCK_STAT_BYTES, bo->base.size);
	mock_heap_add(bo);
	return 0;
}

static int mock_bo_place_locked(struct mock_bo *bo, const struct mock_bo_args *args)
{
	int ret;

	if (!args->vm)
		return mock_bo_place(bo, args);
	ret = dma_resv_lock_interruptible(&args->vm->resv, NULL);
	if (ret)
		return ret;
	ret = mock_bo_place(bo, args);
	dma_resv_unlock(&args->vm->resv);
	return ret;
}

static int mock_bo_prepare(struct mock_bo *bo, struct mock_dev *mock,
			   const struct mock_bo_args *args)
{
	int ret;

	if (args->user) {
		drm_gem_private_object_init(&mock->drm, &bo->base, PAGE_ALIGN(args->size));
		bo->no_map = true;
		bo->no_export = true;
	} else {
		ret = drm_gem_object_init(&mock->drm, &bo->base, PAGE_ALIGN(args->size));
		if (ret)
			return ret;
		mapping_set_gfp_mask(bo->base.filp->f_mapping, GFP_HIGHUSER);
		mapping_set_unevictable(bo->base.filp->f_mapping);
		bo->pages = kvcalloc(mock_bo_npages(bo), sizeof(*bo->pages), GFP_KERNEL);
		if (!bo->pages)
			return -ENOMEM;
	}
	if (args->vm) {
		kref_get(&args->vm->ref);
		bo->vm = args->vm;
		bo->base.resv = &bo->vm->resv;
	}
	ret = drm_gem_create_mmap_offset(&bo->base);
	return ret ?: mock_bo_place_locked(bo, args);
}

/**
 * mock_bo_new() - Make an object
 * @mock: the device
 * @args: what it is to be
 *
 * Return: the object, or an ERR_PTR: -EINVAL for no size, -ENOMEM if there is no room for it.
 */
struct mock_bo *mock_bo_new(struct mock_dev *mock, const struct mock_bo_args *args)
{
	struct mock_bo *bo;
	int ret;

	if (!args->size)
		return ERR_PTR(-EINVAL);
	if (args->size > max(mock->heap[MOCK_VRAM].size, mock->heap[MOCK_SYSTEM].size))
		return ERR_PTR(-ENOMEM);
	bo = mock_bo_alloc();
	if (!bo)
		return ERR_PTR(-ENOMEM);
	mock_dev_touch(mock);
	mock_count(MOCK_STAT_OBJECTS, 1);
	ret = mock_bo_prepare(bo, mock, args);
	if (!ret)
		return bo;
	drm_gem_object_put(&bo->base);
	return ERR_PTR(ret);
}

/**
 * mock_bo_new_imported() - Make an object of another driver's memory
 * @mock: the device
 * @size: in bytes
 * @sgt: its pages
 */
struct mock_bo *mock_bo_new_imported(struct mock_dev *mock, size_t size, struct sg_table *sgt)
{
	struct mock_bo *bo = mock_bo_alloc();

	if (!bo)
		return ERR_PTR(-ENOMEM);
	drm_gem_private_object_init(&mock->drm, &bo->base, size);
	bo->no_map = true;
	bo->sgt = sgt;
	mock_count(MOCK_STAT_OBJECTS, 1);
	return bo;
}

/**
 * mock_bo_lookup() - The object of a handle, with a GEM reference; NULL if there is none
 * @file: the caller's file
 * @handle: of the object
 */
struct mock_bo *mock_bo_lookup(struct drm_file *file, u32 handle)
{
	struct drm_gem_object *obj = drm_gem_object_lookup(file, handle);

	return obj ? to_mock_bo(obj) : NULL;
}

/**
 * mock_bo_validate() - Prepare an object for a job: used last, and in VRAM if it belongs there
 * @bo: the object
 */
int mock_bo_validate(struct mock_bo *bo)
{
	int ret = dma_resv_lock_interruptible(bo->base.resv, NULL);

	if (ret)
		return ret;
	if (bo->accounted) {
		mock_heap_add(bo);
		/* Nobody has to leave for it. */
		if (bo->home == MOCK_VRAM && bo->pages && !bo->pins)
			mock_bo_move(bo, MOCK_VRAM);
	}
	dma_resv_unlock(bo->base.resv);
	return 0;
}

/**
 * mock_bo_fence() - Let a reservation know of a job
 * @resv: the reservation
 * @fence: the fence
 */
void mock_bo_fence(struct dma_resv *resv, struct dma_fence *fence)
{
	dma_resv_lock(resv, NULL);
	/* Without memory for it, nobody has to know of a job that has ended. */
	if (dma_resv_reserve_fences(resv, 1))
		dma_fence_wait(fence, false);
	else
		dma_resv_add_fence(resv, fence, DMA_RESV_USAGE_WRITE);
	dma_resv_unlock(resv);
}
