// SPDX-License-Identifier: GPL-2.0-only
/* amdgpu's contexts and lists of objects. */
#include <linux/capability.h>
#include <linux/dma-fence.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <drm/drm_auth.h>
#include "amdgpu.h"

static void amd_ctx_release(struct kref *ref)
{
	struct amd_ctx *ctx = container_of(ref, struct amd_ctx, ref);
	int i, k;

	for (i = 0; i < MOCK_RINGS; i++)
		for (k = 0; k < AMD_IN_FLIGHT; k++)
			dma_fence_put(ctx->queue[i].fence[k]);
	mutex_destroy(&ctx->submit);
	mock_count(MOCK_STAT_CONTEXTS, -1);
	kfree(ctx);
}

/**
 * amd_ctx_put() - Drop a reference
 * @ctx: the context
 */
void amd_ctx_put(struct amd_ctx *ctx)
{
	kref_put(&ctx->ref, amd_ctx_release);
}

/**
 * amd_ctx_get() - The context of an id, with a reference; NULL if there is none
 * @file: the caller's file
 * @id: its number
 */
struct amd_ctx *amd_ctx_get(struct drm_file *file, u32 id)
{
	struct xarray *xa = &to_amd_file(file)->contexts;
	struct amd_ctx *ctx;

	xa_lock(xa);
	ctx = xa_load(xa, id);
	if (ctx)
		kref_get(&ctx->ref);
	xa_unlock(xa);
	return ctx;
}

/**
 * amd_ring() - The ring that a job's words mean; -EINVAL if there is none
 * @ip_type: AMDGPU_HW_IP_*
 * @ip_instance: which of them
 * @ring: the engine
 */
int amd_ring(u32 ip_type, u32 ip_instance, u32 ring)
{
	if (ip_instance || ring)
		return -EINVAL;
	switch (ip_type) {
	case AMDGPU_HW_IP_GFX:
		return MOCK_GFX;
	case AMDGPU_HW_IP_COMPUTE:
		return MOCK_COMPUTE;
	}
	return -EINVAL;
}

/**
 * amd_ctx_fence() - The fence of a job, with a reference
 * @ctx: the context
 * @ring: the engine
 * @seq: its number; ~0: the last one
 *
 * Return: NULL if it ended long ago, -EINVAL if there has been no such job yet.
 */
struct dma_fence *amd_ctx_fence(struct amd_ctx *ctx, int ring, u64 seq)
{
	struct amd_queue *q = &ctx->queue[ring];
	struct dma_fence *fence = NULL;

	spin_lock(&ctx->lock);
	if (seq == ~0ULL)
		seq = q->seq;
	if (seq > q->seq)
		fence = ERR_PTR(-EINVAL);
	else if (seq + AMD_IN_FLIGHT > q->seq)
		fence = dma_fence_get(q->fence[seq % AMD_IN_FLIGHT]);
	spin_unlock(&ctx->lock);
	return fence;
}

/**
 * amd_ctx_wait_room() - Wait until a context may have one job more on a ring
 * @ctx: the context
 * @ring: the engine
 *
 * amd_ctx.submit is held. Return: 0 or -ERESTARTSYS.
 */
int amd_ctx_wait_room(struct amd_ctx *ctx, int ring)
{
	struct amd_queue *q = &ctx->queue[ring];
	struct dma_fence *oldest;
	long ret = 0;

	spin_lock(&ctx->lock);
	oldest = dma_fence_get(q->fence[(q->seq + 1) % AMD_IN_FLIGHT]);
	spin_unlock(&ctx->lock);
	if (oldest)
		ret = dma_fence_wait(oldest, true);
	dma_fence_put(oldest);
	return ret;
}

/**
 * amd_ctx_add() - Note the fence of a new job
 * @ctx: the context
 * @ring: the engine
 * @fence: the fence
 *
 * amd_ctx.submit is held. Return: the job's number.
 */
u64 amd_ctx_add(struct amd_ctx *ctx, int ring, struct dma_fence *fence)
{
	struct amd_queue *q = &ctx->queue[ring];
	struct dma_fence *old;
	u64 seq;

	spin_lock(&ctx->lock);
	seq = ++q->seq;
	old = q->fence[seq % AMD_IN_FLIGHT];
	q->fence[seq % AMD_IN_FLIGHT] = dma_fence_get(fence);
	spin_unlock(&ctx->lock);
	dma_fence_put(old);
	return seq;
}

/* The real driver takes an unknown one for normal: old programs had garbage there. */
static bool amd_priority_allowed(struct drm_file *file, s32 priority)
{
	if (priority != AMDGPU_CTX_PRIORITY_HIGH && priority != AMDGPU_CTX_PRIORITY_VERY_HIGH)
		return true;
	return capable(CAP_SYS_NICE) || drm_is_current_master(file);
}

static int amd_ctx_alloc(struct drm_file *file, union drm_amdgpu_ctx *a)
{
	struct amd_ctx *ctx;
	u32 id;
	int ret;

	if (!amd_priority_allowed(file, a->in.priority))
		return -EACCES;
	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL);
	if (!ctx)
		return -ENOMEM;
	kref_init(&ctx->ref);
	mutex_init(&ctx->submit);
	spin_lock_init(&ctx->lock);
	mock_count(MOCK_STAT_CONTEXTS, 1);
	ret = xa_alloc(&to_amd_file(file)->contexts, &id, ctx, XA_LIMIT(1, 0xffff), GFP_KERNEL);
	if (ret) {
		amd_ctx_put(ctx);
		return ret;
	}
	memset(a, 0, sizeof(*a));
	a->out.alloc.ctx_id = id;
	return 0;
}

static int amd_ctx_free(struct drm_file *file, u32 id)
{
	struct amd_ctx *ctx = xa_erase(&to_amd_file(file)->contexts, id);

	if (!ctx)
		return -EINVAL;
	amd_ctx_put(ctx);
	return 0;
}

static int amd_ctx_pstate(struct amd_ctx *ctx, union drm_amdgpu_ctx *a)
{
	u32 flags = a->in.flags;

	if (a->in.op == AMDGPU_CTX_OP_GET_STABLE_PSTATE) {
		if (flags)
			return -EINVAL;
		memset(a, 0, sizeof(*a));
		a->out.pstate.flags = READ_ONCE(ctx->pstate);
		return 0;
	}
	if (flags & ~AMDGPU_CTX_STABLE_PSTATE_FLAGS_MASK || flags > AMDGPU_CTX_STABLE_PSTATE_PEAK)
		return -EINVAL;
	WRITE_ONCE(ctx->pstate, flags);
	return 0;
}

/* DRM_IOCTL_AMDGPU_CTX */
int amd_ctx_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	union drm_amdgpu_ctx *a = data;
	u32 op = a->in.op;
	struct amd_ctx *ctx;
	int ret = 0;

	if (op == AMDGPU_CTX_OP_ALLOC_CTX)
		return amd_ctx_alloc(file, a);
	if (op == AMDGPU_CTX_OP_FREE_CTX)
		return amd_ctx_free(file, a->in.ctx_id);
	if (op < AMDGPU_CTX_OP_QUERY_STATE || op > AMDGPU_CTX_OP_SET_STABLE_PSTATE)
		return -EINVAL;
	ctx = amd_ctx_get(file, a->in.ctx_id);
	if (!ctx)
		return -EINVAL;
	if (op == AMDGPU_CTX_OP_GET_STABLE_PSTATE || op == AMDGPU_CTX_OP_SET_STABLE_PSTATE)
		ret = amd_ctx_pstate(ctx, a);
	else
		memset(a, 0, sizeof(*a)); /* it was never reset */
	amd_ctx_put(ctx);
	return ret;
}

static void amd_list_release(struct kref *ref)
{
	struct amd_list *list = container_of(ref, struct amd_list, ref);
	u32 i;

	for (i = 0; i < list->n; i++)
		mock_bo_drop(list->bo[i]);
	kvfree(list);
}

/**
 * amd_list_put() - Drop a reference; NULL is none
 * @list: the list
 */
void amd_list_put(struct amd_list *list)
{
	if (list)
		kref_put(&list->ref, amd_list_release);
}

/**
 * amd_list_get() - The list of a handle, with a reference; NULL if there is none
 * @file: the caller's file
 * @handle: of the object
 */
struct amd_list *amd_list_get(struct drm_file *file, u32 handle)
{
	struct xarray *xa = &to_amd_file(file)->lists;
	struct amd_list *list;

	xa_lock(xa);
	list = xa_load(xa, handle);
	if (list)
		kref_get(&list->ref);
	xa_unlock(xa);
	return list;
}

static int amd_list_fill(struct drm_file *file, struct amd_list *list,
			 const struct drm_amdgpu_bo_list_in *in)
{
	struct mock_bo *bo;
	u32 handle, i;

	for (i = 0; i < in->bo_number; i++) {
		if (get_user(handle, (u32 __user *)u64_to_user_ptr(in->bo_info_ptr +
								   (u64)i * in->bo_info_size)))
			return -EFAULT;
		bo = mock_bo_lookup(file, handle);
		if (!bo)
			return -ENOENT;
		mock_bo_hold(bo);
		drm_gem_object_put(&bo->base);
		list->bo[list->n++] = bo;
	}
	return 0;
}

/**
 * amd_list_new() - Make a list of what the user says; no handle is needed
 * @file: the caller's file
 * @in: what the user says
 */
struct amd_list *amd_list_new(struct drm_file *file, const struct drm_amdgpu_bo_list_in *in)
{
	struct amd_list *list;
	int ret;

	if (in->bo_number > U16_MAX || in->bo_info_size < sizeof(u32))
		return ERR_PTR(-EINVAL);
	list = kvzalloc(struct_size(list, bo, in->bo_number), GFP_KERNEL);
	if (!list)
		return ERR_PTR(-ENOMEM);
	kref_init(&list->ref);
	ret = amd_list_fill(file, list, in);
	if (!ret)
		return list;
	amd_list_put(list);
	return ERR_PTR(ret);
}

/* Puts a list into the place of another one. */
static int amd_list_replace(struct xarray *xa, u32 handle, struct amd_list *list)
{
	struct amd_list *old;

	xa_lock(xa);
	old = xa_load(xa, handle);
	if (old)
		__xa_store(xa, handle, list, 0);
	xa_unlock(xa);
	if (!old)
		return -ENOENT;
	amd_list_put(old);
	return 0;
}

/* DRM_IOCTL_AMDGPU_BO_LIST */
int amd_bo_list(struct drm_device *drm, void *data, struct drm_file *file)
{
	union drm_amdgpu_bo_list *a = data;
	struct xarray *xa = &to_amd_file(file)->lists;
	u32 op = a->in.operation, handle = a->in.list_handle;
	struct amd_list *list;
	int ret = 0;

	if (op > AMDGPU_BO_LIST_OP_UPDATE)
		return -EINVAL;
	if (op == AMDGPU_BO_LIST_OP_DESTROY) {
		amd_list_put(xa_erase(xa, handle));
	} else {
		list = amd_list_new(file, &a->in);
		if (IS_ERR(list))
			return PTR_ERR(list);
		if (op == AMDGPU_BO_LIST_OP_CREATE)
			ret = xa_alloc(xa, &handle, list, XA_LIMIT(1, 0xffff), GFP_KERNEL);
		else
			ret = amd_list_replace(xa, handle, list);
		if (ret) {
			amd_list_put(list);
			return ret;
		}
	}
	memset(a, 0, sizeof(*a));
	a->out.list_handle = handle;
	return 0;
}
