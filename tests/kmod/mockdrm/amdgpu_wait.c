// SPDX-License-Identifier: GPL-2.0-only
/* amdgpu's calls that wait for jobs, or make their fences into something else. */
#include <linux/dma-fence.h>
#include <linux/file.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>
#include <drm/drm_syncobj.h>
#include "amdgpu.h"

#define AMD_MAX_FENCES 4096

/**
 * amd_timeout() - Jiffies until a time of CLOCK_MONOTONIC; beyond 2^63 ns: for ever
 * @ns: the time
 */
long amd_timeout(u64 ns)
{
	s64 left;

	if ((s64)ns < 0)
		return MAX_SCHEDULE_TIMEOUT;
	left = (s64)ns - ktime_get_ns();
	if (left <= 0)
		return 0;
	return min_t(u64, nsecs_to_jiffies64(left) + 1, MAX_SCHEDULE_TIMEOUT - 1);
}

/**
 * amd_fence_get() - The fence of a job, with a reference
 * @file: the caller's file
 * @f: which job
 *
 * Return: NULL if it ended long ago, -EINVAL if there is no such context, ring or job.
 */
struct dma_fence *amd_fence_get(struct drm_file *file, const struct drm_amdgpu_fence *f)
{
	int ring = amd_ring(f->ip_type, f->ip_instance, f->ring);
	struct dma_fence *fence;
	struct amd_ctx *ctx;

	if (ring < 0)
		return ERR_PTR(ring);
	ctx = amd_ctx_get(file, f->ctx_id);
	if (!ctx)
		return ERR_PTR(-EINVAL);
	fence = amd_ctx_fence(ctx, ring, f->seq_no);
	amd_ctx_put(ctx);
	return fence;
}

/* DRM_IOCTL_AMDGPU_WAIT_CS */
int amd_wait_cs(struct drm_device *drm, void *data, struct drm_file *file)
{
	union drm_amdgpu_wait_cs *a = data;
	struct drm_amdgpu_fence f = {
		.ctx_id = a->in.ctx_id,
		.ip_type = a->in.ip_type,
		.ip_instance = a->in.ip_instance,
		.ring = a->in.ring,
		.seq_no = a->in.handle,
	};
	struct dma_fence *fence = amd_fence_get(file, &f);
	long ret = 1;

	if (IS_ERR(fence))
		return PTR_ERR(fence);
	if (fence) {
		ret = dma_fence_wait_timeout(fence, true, amd_timeout(a->in.timeout));
		if (ret > 0 && fence->error)
			ret = fence->error;
		dma_fence_put(fence);
	}
	if (ret < 0)
		return ret;
	memset(a, 0, sizeof(*a));
	a->out.status = ret == 0;
	return 0;
}

static void amd_fences_put(struct dma_fence **fence, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		dma_fence_put(fence[i]);
	kvfree(fence);
}

/* Those of the user's array; NULL for what ended long ago. */
static struct dma_fence **amd_fences_get(struct drm_file *file, u64 from, u32 n)
{
	const struct drm_amdgpu_fence __user *p = u64_to_user_ptr(from);
	struct dma_fence **fence = kvcalloc(n, sizeof(*fence), GFP_KERNEL), *one;
	struct drm_amdgpu_fence f;
	u32 i;

	if (!fence)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < n; i++) {
		one = copy_from_user(&f, p + i, sizeof(f)) ? ERR_PTR(-EFAULT)
							   : amd_fence_get(file, &f);
		if (IS_ERR(one)) {
			amd_fences_put(fence, i);
			return ERR_CAST(one);
		}
		fence[i] = one;
	}
	return fence;
}

/* Return: 1 if all have ended in time, 0 if not, or an error. */
static int amd_wait_all(struct dma_fence **fence, u32 n, u64 timeout)
{
	long ret;
	u32 i;

	for (i = 0; i < n; i++) {
		if (!fence[i])
			continue;
		ret = dma_fence_wait_timeout(fence[i], true, amd_timeout(timeout));
		if (ret > 0 && fence[i]->error)
			ret = fence[i]->error;
		if (ret <= 0)
			return ret;
	}
	return 1;
}

/* Return: 1 if one has ended in time, 0 if none, or an error. */
static int amd_wait_any(struct dma_fence **fence, u32 n, u64 timeout, u32 *first)
{
	long ret;

	for (*first = 0; *first < n; ++*first)
		if (!fence[*first])
			return 1;
	*first = 0;
	ret = dma_fence_wait_any_timeout(fence, n, true, amd_timeout(timeout), first);
	if (ret > 0 && fence[*first]->error)
		return fence[*first]->error;
	return ret > 0 ? 1 : ret;
}

/* DRM_IOCTL_AMDGPU_WAIT_FENCES */
int amd_wait_fences(struct drm_device *drm, void *data, struct drm_file *file)
{
	union drm_amdgpu_wait_fences *a = data;
	u32 n = a->in.fence_count, first = 0;
	struct dma_fence **fence;
	int ret;

	if (!n || n > AMD_MAX_FENCES)
		return -EINVAL;
	fence = amd_fences_get(file, a->in.fences, n);
	if (IS_ERR(fence))
		return PTR_ERR(fence);
	if (a->in.wait_all)
		ret = amd_wait_all(fence, n, a->in.timeout_ns);
	else
		ret = amd_wait_any(fence, n, a->in.timeout_ns, &first);
	amd_fences_put(fence, n);
	if (ret < 0)
		return ret;
	memset(a, 0, sizeof(*a));
	a->out.status = ret;
	a->out.first_signaled = ret ? first : 0;
	return 0;
}

static int amd_sync_file(struct dma_fence *fence, u32 *handle)
{
	struct sync_file *sync;
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		return fd;
	sync = sync_file_create(fence);
	if (!sync) {
		put_unused_fd(fd);
		return -ENOMEM;
	}
	fd_install(fd, sync->file);
	*handle = fd;
	return 0;
}

static int amd_syncobj(struct drm_file *file, struct dma_fence *fence, u32 what, u32 *handle)
{
	struct drm_syncobj *syncobj;
	int fd, ret = drm_syncobj_create(&syncobj, 0, fence);

	if (ret)
		return ret;
	if (what == AMDGPU_FENCE_TO_HANDLE_GET_SYNCOBJ) {
		ret = drm_syncobj_get_handle(file, syncobj, handle);
	} else {
		ret = drm_syncobj_get_fd(syncobj, &fd);
		if (!ret)
			*handle = fd;
	}
	drm_syncobj_put(syncobj);
	return ret;
}

/* DRM_IOCTL_AMDGPU_FENCE_TO_HANDLE */
int amd_fence_to_handle(struct drm_device *drm, void *data, struct drm_file *file)
{
	union drm_amdgpu_fence_to_handle *a = data;
	u32 what = a->in.what, handle;
	struct dma_fence *fence;
	int ret;

	if (what > AMDGPU_FENCE_TO_HANDLE_GET_SYNC_FILE_FD)
		return -EINVAL;
	fence = amd_fence_get(file, &a->in.fence);
	if (IS_ERR(fence))
		return PTR_ERR(fence);
	if (!fence)
		fence = dma_fence_get_stub();
	if (what == AMDGPU_FENCE_TO_HANDLE_GET_SYNC_FILE_FD)
		ret = amd_sync_file(fence, &handle);
	else
		ret = amd_syncobj(file, fence, what, &handle);
	dma_fence_put(fence);
	if (!ret)
		a->out.handle = handle;
	return ret;
}
