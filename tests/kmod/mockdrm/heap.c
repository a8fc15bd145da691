// SPDX-License-Identifier: GPL-2.0-only
/* Room for objects, and who has to leave VRAM when it is full. */
#include <linux/dma-resv.h>
#include "compat.h"
#include "mockdrm.h"

/**
 * mock_heap_init() - Prepare an empty heap
 * @heap: the heap
 * @size: in bytes
 */
void mock_heap_init(struct mock_heap *heap, u64 size)
{
	spin_lock_init(&heap->lock);
	INIT_LIST_HEAD(&heap->lru);
	heap->size = size;
}

/*
 * The object that was used longest ago and can be moved, its memory held and its reservation
 * locked unless that is @held. Real drivers wait for its jobs; here none reads or writes memory.
 */
static struct mock_bo *mock_heap_victim(struct mock_heap *heap, struct dma_resv *held)
{
	struct mock_bo *bo;

	spin_lock(&heap->lock);
	list_for_each_entry(bo, &heap->lru, lru) {
		if (bo->base.resv != held && !dma_resv_trylock(bo->base.resv))
			continue;
		/* The last reference is dropped before the object is taken off the list. */
		if (!bo->pins && kref_get_unless_zero(&bo->ref)) {
			spin_unlock(&heap->lock);
			return bo;
		}
		if (bo->base.resv != held)
			dma_resv_unlock(bo->base.resv);
	}
	spin_unlock(&heap->lock);
	return NULL;
}

static int mock_heap_evict_one(struct mock_dev *mock, struct dma_resv *held)
{
	struct mock_bo *bo = mock_heap_victim(&mock->heap[MOCK_VRAM], held);
	int ret;

	if (!bo)
		return -ENOSPC;
	ret = mock_bo_move(bo, MOCK_SYSTEM);
	if (!ret)
		mock_count(MOCK_STAT_EVICTIONS, 1);
	if (bo->base.resv != held)
		dma_resv_unlock(bo->base.resv);
	mock_bo_put(bo);
	return ret;
}

static bool mock_heap_take(struct mock_heap *heap, u64 size)
{
	bool fits;

	spin_lock(&heap->lock);
	fits = size <= heap->size && heap->used <= heap->size - size;
	if (fits)
		heap->used += size;
	spin_unlock(&heap->lock);
	return fits;
}

/**
 * mock_heap_reserve() - Take room
 * @mock: the device
 * @place: where
 * @size: in bytes
 * @evict: whether others may be moved out of VRAM for that
 * @held: a reservation that the caller has locked
 *
 * Return: 0, -ENOSPC: there is none.
 */
int mock_heap_reserve(struct mock_dev *mock, enum mock_place place, u64 size, bool evict,
		      struct dma_resv *held)
{
	struct mock_heap *heap = &mock->heap[place];
	int ret;

	while (!mock_heap_take(heap, size)) {
		if (!evict || place != MOCK_VRAM || size > heap->size)
			return -ENOSPC;
		ret = mock_heap_evict_one(mock, held);
		if (ret)
			return ret;
	}
	if (place == MOCK_VRAM)
		mock_count(MOCK_STAT_VRAM, size);
	return 0;
}

/**
 * mock_heap_release() - Give room back
 * @mock: the device
 * @place: where
 * @size: in bytes
 */
void mock_heap_release(struct mock_dev *mock, enum mock_place place, u64 size)
{
	struct mock_heap *heap = &mock->heap[place];

	spin_lock(&heap->lock);
	WARN_ON(heap->used < size);
	heap->used -= size;
	spin_unlock(&heap->lock);
	if (place == MOCK_VRAM)
		mock_count(MOCK_STAT_VRAM, -(s64)size);
}

/**
 * mock_heap_add() - Make an object the last one to leave its place; it may be on the list already
 * @bo: the object
 */
void mock_heap_add(struct mock_bo *bo)
{
	struct mock_heap *heap = &to_mock_dev(bo->base.dev)->heap[bo->place];

	spin_lock(&heap->lock);
	list_move_tail(&bo->lru, &heap->lru);
	spin_unlock(&heap->lock);
}

/**
 * mock_heap_remove() - Take an object off the list of its place
 * @bo: the object
 */
void mock_heap_remove(struct mock_bo *bo)
{
	struct mock_heap *heap = &to_mock_dev(bo->base.dev)->heap[bo->place];

	spin_lock(&heap->lock);
	list_del_init(&bo->lru);
	spin_unlock(&heap->lock);
}

/**
 * mock_heap_evict_all() - Move all that can be moved out of VRAM
 * @mock: the device
 *
 * Return: 0 or what kept one of them there.
 */
int mock_heap_evict_all(struct mock_dev *mock)
{
	int ret;

	do {
		ret = mock_heap_evict_one(mock, NULL);
		cond_resched();
	} while (!ret);
	return ret == -ENOSPC ? 0 : ret;
}
