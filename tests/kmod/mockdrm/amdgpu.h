/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the personality amdgpu share. */
#ifndef MOCKDRM_AMDGPU_H
#define MOCKDRM_AMDGPU_H

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>
#include <drm/amdgpu_drm.h>
#include "mockdrm.h"

/* Jobs of a context in flight on a ring; more have to wait. */
#define AMD_IN_FLIGHT 32

/* The chip, a Vega 10. */
#define AMD_DEVICE_ID 0x687f
#define AMD_REVISION  0xc1

/**
 * struct amd_file - an open file
 * @vm: its address space
 * @contexts: struct amd_ctx by id
 * @lists: struct amd_list by handle
 */
struct amd_file {
	struct mock_vm *vm;
	struct xarray contexts;
	struct xarray lists;
};

static inline struct amd_file *to_amd_file(struct drm_file *file)
{
	struct mock_client *client = file->driver_priv;

	return client->priv;
}

/**
 * struct amd_queue - what a context has submitted to a ring
 * @seq: number of the last job
 * @fence: of the last ones, by their number
 */
struct amd_queue {
	u64 seq;
	struct dma_fence *fence[AMD_IN_FLIGHT];
};

/**
 * struct amd_ctx - a context
 * @ref: one of its file, one of whoever works with it
 * @submit: held from the wait for room in a queue until the new fence is in it
 * @lock: guards @queue
 * @queue: by ring
 * @pstate: AMDGPU_CTX_STABLE_PSTATE_*
 */
struct amd_ctx {
	struct kref ref;
	struct mutex submit;
	spinlock_t lock;
	struct amd_queue queue[MOCK_RINGS];
	u32 pstate;
};

/**
 * struct amd_list - objects that a job uses
 * @ref: one of its file, one of whoever works with it
 * @n: how many
 * @bo: held
 */
struct amd_list {
	struct kref ref;
	u32 n;
	struct mock_bo *bo[];
};

/* amdgpu_ctx.c */
struct amd_ctx *amd_ctx_get(struct drm_file *file, u32 id);
void amd_ctx_put(struct amd_ctx *ctx);
int amd_ring(u32 ip_type, u32 ip_instance, u32 ring);
struct dma_fence *amd_ctx_fence(struct amd_ctx *ctx, int ring, u64 seq);
int amd_ctx_wait_room(struct amd_ctx *ctx, int ring);
u64 amd_ctx_add(struct amd_ctx *ctx, int ring, struct dma_fence *fence);
struct amd_list *amd_list_new(struct drm_file *file, const struct drm_amdgpu_bo_list_in *in);
struct amd_list *amd_list_get(struct drm_file *file, u32 handle);
void amd_list_put(struct amd_list *list);

/* amdgpu_wait.c */
struct dma_fence *amd_fence_get(struct drm_file *file, const struct drm_amdgpu_fence *f);
long amd_timeout(u64 ns);

/* The calls */
int amd_gem_create(struct drm_device *drm, void *data, struct drm_file *file);
int amd_gem_userptr(struct drm_device *drm, void *data, struct drm_file *file);
int amd_gem_mmap(struct drm_device *drm, void *data, struct drm_file *file);
int amd_gem_op(struct drm_device *drm, void *data, struct drm_file *file);
int amd_gem_metadata(struct drm_device *drm, void *data, struct drm_file *file);
int amd_gem_va(struct drm_device *drm, void *data, struct drm_file *file);
int amd_gem_wait_idle(struct drm_device *drm, void *data, struct drm_file *file);
int amd_ctx_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int amd_bo_list(struct drm_device *drm, void *data, struct drm_file *file);
int amd_cs(struct drm_device *drm, void *data, struct drm_file *file);
int amd_wait_cs(struct drm_device *drm, void *data, struct drm_file *file);
int amd_wait_fences(struct drm_device *drm, void *data, struct drm_file *file);
int amd_fence_to_handle(struct drm_device *drm, void *data, struct drm_file *file);
int amd_info(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* MOCKDRM_AMDGPU_H */
