// SPDX-License-Identifier: GPL-2.0-only
/*
 * amdgpu's submission: chunks say what is run, what for it waits, which objects it uses and what it
 * signals. All is read and looked up before anything happens.
 */
#include <linux/dma-fence-chain.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <drm/drm_syncobj.h>
#include "amdgpu.h"

#define AMD_MAX_CHUNKS	 128
#define AMD_MAX_CHUNK_DW 65536
/* Of newer kernels: where the state of a graphics context is kept. */
#define AMD_CHUNK_ID_CP_GFX_SHADOW 0x0a

/**
 * struct amd_signal - what a job signals
 * @syncobj: held
 * @chain: for a point of a timeline
 * @point: which one
 */
struct amd_signal {
	struct drm_syncobj *syncobj;
	struct dma_fence_chain *chain;
	u64 point;
};

/**
 * struct amd_submission - a submission that is being put together
 * @mock: the device
 * @file: the caller's
 * @ctx: its context
 * @job: what is run
 * @ring: where; -1: it was not said yet
 * @list: objects that it uses
 * @signal: what it signals
 * @n_signals: how many
 */
struct amd_submission {
	struct mock_dev *mock;
	struct drm_file *file;
	struct amd_ctx *ctx;
	struct mock_job job;
	int ring;
	struct amd_list *list;
	struct amd_signal *signal;
	u32 n_signals;
};

static int amd_chunk_ib(struct amd_submission *s, const void *data, u32 size)
{
	const struct drm_amdgpu_cs_chunk_ib *ib = data;
	int ring;

	if (size < sizeof(*ib))
		return -EINVAL;
	ring = amd_ring(ib->ip_type, ib->ip_instance, ib->ring);
	if (ring < 0 || (s->ring >= 0 && s->ring != ring))
		return -EINVAL;
	s->ring = ring;
	if (ib->ib_bytes)
		s->job.empty = false;
	return 0;
}

/* Where to write the job's number when it has ended: it is not written, for nothing is. */
static int amd_chunk_fence(struct amd_submission *s, const void *data, u32 size)
{
	const struct drm_amdgpu_cs_chunk_fence *f = data;
	struct mock_bo *bo;
	int ret = 0;

	if (size < sizeof(*f))
		return -EINVAL;
	bo = mock_bo_lookup(s->file, f->handle);
	if (!bo)
		return -EINVAL;
	if (bo->base.size != PAGE_SIZE || f->offset > PAGE_SIZE - sizeof(u64) || !bo->pages)
		ret = -EINVAL;
	drm_gem_object_put(&bo->base);
	return ret;
}

static int amd_chunk_bos(struct amd_submission *s, const void *data, u32 size)
{
	struct amd_list *list;

	if (size < sizeof(struct drm_amdgpu_bo_list_in) || s->list)
		return -EINVAL;
	list = amd_list_new(s->file, data);
	if (IS_ERR(list))
		return PTR_ERR(list);
	s->list = list;
	return 0;
}

static int amd_chunk_deps(struct amd_submission *s, const void *data, u32 size)
{
	const struct drm_amdgpu_cs_chunk_dep *d = data;
	struct dma_fence *fence;
	u32 i;
	int ret = 0;

	for (i = 0; !ret && i < size / sizeof(*d); i++) {
		struct drm_amdgpu_fence f = {
			.ctx_id = d[i].ctx_id,
			.ip_type = d[i].ip_type,
			.ip_instance = d[i].ip_instance,
			.ring = d[i].ring,
			.seq_no = d[i].handle,
		};

		fence = amd_fence_get(s->file, &f);
		if (IS_ERR(fence))
			return PTR_ERR(fence);
		if (fence)
			ret = mock_job_wait(s->mock, &s->job, fence);
		dma_fence_put(fence);
	}
	return ret;
}

static int amd_wait_syncobj(struct amd_submission *s, u32 handle, u64 point, u64 flags)
{
	struct dma_fence *fence;
	int ret = drm_syncobj_find_fence(s->file, handle, point, flags, &fence);

	if (ret)
		return ret;
	ret = mock_job_wait(s->mock, &s->job, fence);
	dma_fence_put(fence);
	return ret;
}

static int amd_chunk_syncobj_in(struct amd_submission *s, const void *data, u32 size)
{
	const struct drm_amdgpu_cs_chunk_sem *sem = data;
	int ret = 0;
	u32 i;

	for (i = 0; !ret && i < size / sizeof(*sem); i++)
		ret = amd_wait_syncobj(s, sem[i].handle, 0, 0);
	return ret;
}

static int amd_chunk_timeline_wait(struct amd_submission *s, const void *data, u32 size)
{
	const struct drm_amdgpu_cs_chunk_syncobj *p = data;
	int ret = 0;
	u32 i;

	for (i = 0; !ret && i < size / sizeof(*p); i++)
		ret = amd_wait_syncobj(s, p[i].handle, p[i].point, p[i].flags);
	return ret;
}

static int amd_add_signal(struct amd_submission *s, u32 handle, u64 point)
{
	struct amd_signal *signal = &s->signal[s->n_signals];

	if (point) {
		signal->chain = dma_fence_chain_alloc();
		if (!signal->chain)
			return -ENOMEM;
	}
	signal->point = point;
	signal->syncobj = drm_syncobj_find(s->file, handle);
	s->n_signals++;
	return signal->syncobj ? 0 : -EINVAL;
}

static int amd_signals_alloc(struct amd_submission *s, u32 n)
{
	if (s->signal)
		return -EINVAL;
	s->signal = kvcalloc(n, sizeof(*s->signal), GFP_KERNEL);
	return s->signal ? 0 : -ENOMEM;
}

static int amd_chunk_syncobj_out(struct amd_submission *s, const void *data, u32 size)
{
	const struct drm_amdgpu_cs_chunk_sem *sem = data;
	u32 i, n = size / sizeof(*sem);
	int ret = amd_signals_alloc(s, n);

	for (i = 0; !ret && i < n; i++)
		ret = amd_add_signal(s, sem[i].handle, 0);
	return ret;
}

static int amd_chunk_timeline_signal(struct amd_submission *s, const void *data, u32 size)
{
	const struct drm_amdgpu_cs_chunk_syncobj *p = data;
	u32 i, n = size / sizeof(*p);
	int ret = amd_signals_alloc(s, n);

	for (i = 0; !ret && i < n; i++)
		ret = amd_add_signal(s, p[i].handle, p[i].point);
	return ret;
}

static int amd_chunk(struct amd_submission *s, u32 id, const void *data, u32 size)
{
	switch (id) {
	case AMDGPU_CHUNK_ID_IB:
		return amd_chunk_ib(s, data, size);
	case AMDGPU_CHUNK_ID_FENCE:
		return amd_chunk_fence(s, data, size);
	case AMDGPU_CHUNK_ID_BO_HANDLES:
		return amd_chunk_bos(s, data, size);
	case AMDGPU_CHUNK_ID_DEPENDENCIES:
	case AMDGPU_CHUNK_ID_SCHEDULED_DEPENDENCIES:
		return amd_chunk_deps(s, data, size);
	case AMDGPU_CHUNK_ID_SYNCOBJ_IN:
		return amd_chunk_syncobj_in(s, data, size);
	case AMDGPU_CHUNK_ID_SYNCOBJ_OUT:
		return amd_chunk_syncobj_out(s, data, size);
	case AMDGPU_CHUNK_ID_SYNCOBJ_TIMELINE_WAIT:
		return amd_chunk_timeline_wait(s, data, size);
	case AMDGPU_CHUNK_ID_SYNCOBJ_TIMELINE_SIGNAL:
		return amd_chunk_timeline_signal(s, data, size);
	case AMD_CHUNK_ID_CP_GFX_SHADOW:
		return 0;
	}
	return -EINVAL;
}

static int amd_read_chunk(struct amd_submission *s, u64 at)
{
	struct drm_amdgpu_cs_chunk chunk;
	void *data;
	int ret;

	if (copy_from_user(&chunk, u64_to_user_ptr(at), sizeof(chunk)))
		return -EFAULT;
	if (chunk.length_dw > AMD_MAX_CHUNK_DW)
		return -EINVAL;
	data = kvmalloc_array(max(chunk.length_dw, 1U), sizeof(u32), GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	if (copy_from_user(data, u64_to_user_ptr(chunk.chunk_data), chunk.length_dw * sizeof(u32)))
		ret = -EFAULT;
	else
		ret = amd_chunk(s, chunk.chunk_id, data, chunk.length_dw * sizeof(u32));
	kvfree(data);
	return ret;
}

static int amd_read(struct amd_submission *s, const struct drm_amdgpu_cs_in *in)
{
	u64 __user *chunks = u64_to_user_ptr(in->chunks);
	u64 at;
	u32 i;
	int ret = 0;

	if (!in->num_chunks || in->num_chunks > AMD_MAX_CHUNKS)
		return -EINVAL;
	if (in->bo_list_handle) {
		s->list = amd_list_get(s->file, in->bo_list_handle);
		if (!s->list)
			return -ENOENT;
	}
	for (i = 0; !ret && i < in->num_chunks; i++)
		ret = get_user(at, chunks + i) ? -EFAULT : amd_read_chunk(s, at);
	if (!ret && s->ring < 0)
		ret = -EINVAL;
	return ret;
}

static int amd_validate(struct amd_submission *s)
{
	u32 i;
	int ret = 0;

	for (i = 0; s->list && !ret && i < s->list->n; i++)
		ret = mock_bo_validate(s->list->bo[i]);
	return ret;
}

static void amd_publish_fence(struct amd_submission *s, struct dma_fence *fence)
{
	struct amd_signal *signal;
	u32 i;

	mock_bo_fence(&to_amd_file(s->file)->vm->resv, fence);
	for (i = 0; s->list && i < s->list->n; i++)
		mock_bo_fence(s->list->bo[i]->base.resv, fence);
	for (i = 0; i < s->n_signals; i++) {
		signal = &s->signal[i];
		if (signal->chain)
			drm_syncobj_add_point(signal->syncobj, signal->chain, fence, signal->point);
		else
			drm_syncobj_replace_fence(signal->syncobj, fence);
		signal->chain = NULL; /* the syncobj's now */
	}
}

static int amd_submit(struct amd_submission *s, u64 *seq)
{
	struct dma_fence *fence;
	int ret;

	s->job.ring = s->ring;
	mutex_lock(&s->ctx->submit);
	ret = amd_ctx_wait_room(s->ctx, s->ring);
	if (!ret) {
		fence = mock_ring_submit(s->mock, &s->job);
		ret = PTR_ERR_OR_ZERO(fence);
	}
	if (!ret)
		*seq = amd_ctx_add(s->ctx, s->ring, fence);
	mutex_unlock(&s->ctx->submit);
	if (ret)
		return ret;
	amd_publish_fence(s, fence);
	dma_fence_put(fence);
	return 0;
}

static void amd_submission_free(struct amd_submission *s)
{
	u32 i;

	for (i = 0; i < s->n_signals; i++) {
		if (s->signal[i].syncobj)
			drm_syncobj_put(s->signal[i].syncobj);
		dma_fence_chain_free(s->signal[i].chain);
	}
	kvfree(s->signal);
	amd_list_put(s->list);
	amd_ctx_put(s->ctx);
}

/* DRM_IOCTL_AMDGPU_CS */
int amd_cs(struct drm_device *drm, void *data, struct drm_file *file)
{
	union drm_amdgpu_cs *a = data;
	struct amd_submission s = {
		.mock = to_mock_dev(drm),
		.file = file,
		.ctx = amd_ctx_get(file, a->in.ctx_id),
		.job = { .client = file->driver_priv, .empty = true },
		.ring = -1,
	};
	u64 seq = 0;
	int ret;

	if (!s.ctx)
		return -EINVAL;
	ret = amd_read(&s, &a->in);
	if (!ret)
		ret = amd_validate(&s);
	if (!ret)
		ret = amd_submit(&s, &seq);
	amd_submission_free(&s);
	if (ret)
		return ret;
	memset(a, 0, sizeof(*a));
	a->out.handle = seq;
	return 0;
}
