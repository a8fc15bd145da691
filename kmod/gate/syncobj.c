// SPDX-License-Identifier: GPL-2.0-only
/*
 * Syncobjs: DRM's own calls, made of what DRM exports, so that each syncobj is counted, and none of
 * another VM comes in.
 */
#include <drm/drm_file.h>
#include <drm/drm_syncobj.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-fence.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>
#include "../compat.h"
#include "gate.h"

/* Of a file that is a syncobj; DRM has no other name for it. */
static const struct file_operations *syncobj_fops;

/**
 * qgate_syncobj_init() - find out what a syncobj's file is known by
 *
 * For a moment the caller has a file descriptor of a syncobj that nobody uses. Return: 0 or a
 * negative errno.
 */
int qgate_syncobj_init(void)
{
	struct drm_syncobj *sync;
	struct file *file;
	int fd, ret;

	ret = drm_syncobj_create(&sync, 0, NULL);
	if (ret)
		return ret;
	ret = drm_syncobj_get_fd(sync, &fd);
	drm_syncobj_put(sync);
	if (ret)
		return ret;
	file = fget(fd);
	/* Of DRM it is only if nobody has put another one in its place. */
	if (file && file->private_data == sync)
		syncobj_fops = file->f_op;
	if (file)
		fput(file);
	close_fd(fd);
	return syncobj_fops ? 0 : -EBADF;
}

/* Take a syncobj's handle away. Return: the syncobj with the handle's reference, or NULL. */
static struct drm_syncobj *remove_handle(struct qgate_file *gf, u32 handle)
{
#ifdef QGPU_DRM_HAS_SYNCOBJ_XA
	return xa_erase(&gf->drm->syncobj_xa, handle);
#else
	struct drm_syncobj *sync;

	spin_lock(&gf->drm->syncobj_table_lock);
	sync = idr_remove(&gf->drm->syncobj_idr, handle);
	spin_unlock(&gf->drm->syncobj_table_lock);
	return sync;
#endif
}

/* Give a syncobj a handle. The reference and the use are taken over, whatever happens. */
static int give_handle(struct qgate_file *gf, struct drm_syncobj *sync, struct qgate_obj *obj,
		       u32 *handle)
{
	int ret = drm_syncobj_get_handle(gf->drm, sync, handle);

	if (!ret) {
		ret = xa_err(xa_store(&gf->syncs, *handle, obj, GFP_KERNEL_ACCOUNT));
		if (ret)
			drm_syncobj_put(remove_handle(gf, *handle));
	}
	if (ret)
		qgate_obj_unuse(gf->gate, obj);
	return ret;
}

/** qgate_sync_create() - DRM_IOCTL_SYNCOBJ_CREATE */
int qgate_sync_create(struct qgate_file *gf, void *arg)
{
	struct drm_syncobj_create *a = arg;
	struct drm_syncobj *sync;
	struct qgate_obj *obj;
	int ret;

	if (a->flags & ~DRM_SYNCOBJ_CREATE_SIGNALED)
		return -EINVAL;
	if (!qgate_objs_room(gf->gate, true)) {
		qgate_refuse(gf->gate, QWAMOS_GPU_REASON_OBJECTS,
			     _IOC_NR(DRM_IOCTL_SYNCOBJ_CREATE));
		return -ENOMEM;
	}
	ret = drm_syncobj_create(&sync, a->flags, NULL);
	if (ret)
		return ret;
	obj = qgate_obj_new(gf->gate, sync, true, false, 0);
	if (IS_ERR(obj)) {
		drm_syncobj_put(sync);
		return PTR_ERR(obj);
	}
	mutex_lock(&gf->lock);
	ret = give_handle(gf, sync, obj, &a->handle);
	mutex_unlock(&gf->lock);
	return ret;
}

/** qgate_sync_destroy() - DRM_IOCTL_SYNCOBJ_DESTROY */
int qgate_sync_destroy(struct qgate_file *gf, void *arg)
{
	struct drm_syncobj_destroy *a = arg;
	struct drm_syncobj *sync;
	struct qgate_obj *obj;

	if (a->pad)
		return -EINVAL;
	mutex_lock(&gf->lock);
	obj = xa_erase(&gf->syncs, a->handle);
	sync = obj ? remove_handle(gf, a->handle) : NULL;
	mutex_unlock(&gf->lock);
	if (!obj)
		return -EINVAL;
	if (sync)
		drm_syncobj_put(sync);
	qgate_obj_unuse(gf->gate, obj);
	return 0;
}

/** qgate_sync_to_fd() - DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD */
int qgate_sync_to_fd(struct qgate_file *gf, void *arg)
{
	struct drm_syncobj_handle *a = arg;
	struct drm_syncobj *sync;
	struct sync_file *sf;
	struct dma_fence *fence;
	int ret;

	if (a->pad || (a->flags && a->flags != DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE))
		return -EINVAL;
	if (a->flags) {
		ret = drm_syncobj_find_fence(gf->drm, a->handle, 0, 0, &fence);
		if (ret)
			return ret;
		ret = get_unused_fd_flags(O_CLOEXEC);
		sf = ret < 0 ? NULL : sync_file_create(fence);
		dma_fence_put(fence);
		if (ret < 0)
			return ret;
		if (!sf) {
			put_unused_fd(ret);
			return -ENOMEM;
		}
		fd_install(ret, sf->file);
		a->fd = ret;
		return 0;
	}
	sync = drm_syncobj_find(gf->drm, a->handle);
	if (!sync)
		return -EINVAL;
	ret = drm_syncobj_get_fd(sync, &a->fd);
	drm_syncobj_put(sync);
	return ret;
}

static int import_fence(struct qgate_file *gf, const struct drm_syncobj_handle *a)
{
	struct dma_fence *fence = sync_file_get_fence(a->fd);
	struct drm_syncobj *sync;

	if (!fence)
		return -EINVAL;
	sync = drm_syncobj_find(gf->drm, a->handle);
	if (sync)
		drm_syncobj_replace_fence(sync, fence);
	dma_fence_put(fence);
	if (!sync)
		return -ENOENT;
	drm_syncobj_put(sync);
	return 0;
}

/* A syncobj's use by one of the VM's gates to the same device, or NULL. */
static int import(struct qgate_file *gf, struct file *file, u32 *handle)
{
	struct drm_syncobj *sync = file->private_data;
	struct qgate_obj *obj = qgate_obj_use(gf->gate, sync);
	int ret;

	if (!obj)
		return qgate_refuse(gf->gate, QWAMOS_GPU_REASON_FOREIGN_BUFFER,
				    _IOC_NR(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE));
	mutex_lock(&gf->lock);
	ret = give_handle(gf, sync, obj, handle);
	mutex_unlock(&gf->lock);
	return ret;
}

/** qgate_sync_from_fd() - DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE */
int qgate_sync_from_fd(struct qgate_file *gf, void *arg)
{
	struct drm_syncobj_handle *a = arg;
	struct file *file;
	int ret = -EINVAL;

	if (a->pad || (a->flags && a->flags != DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE))
		return -EINVAL;
	if (a->flags)
		return import_fence(gf, a);
	file = fget(a->fd);
	if (file && file->f_op == syncobj_fops)
		ret = import(gf, file, &a->handle);
	if (file)
		fput(file);
	return ret;
}

/**
 * struct qgate_point - a point that is about to be added to a timeline
 * @sync: the timeline, with a reference
 * @chain: room for the point
 * @at: its number
 */
struct qgate_point {
	struct drm_syncobj *sync;
	struct dma_fence_chain *chain;
	u64 at;
};

static void points_free(struct qgate_point *points, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		dma_fence_chain_free(points[i].chain);
		if (points[i].sync)
			drm_syncobj_put(points[i].sync);
	}
	kfree(points);
}

/* Read one of the points of a call. Return: 0 or a negative errno. */
static int point_read(struct qgate_file *gf, const struct drm_syncobj_timeline_array *a, u32 i,
		      struct qgate_point *p)
{
	u32 handle;

	if (copy_from_user(&handle, u64_to_user_ptr(a->handles) + i * sizeof(handle),
			   sizeof(handle)))
		return -EFAULT;
	if (a->points &&
	    copy_from_user(&p->at, u64_to_user_ptr(a->points) + i * sizeof(p->at), sizeof(p->at)))
		return -EFAULT;
	p->sync = drm_syncobj_find(gf->drm, handle);
	if (!p->sync)
		return -ENOENT;
	p->chain = dma_fence_chain_alloc();
	return p->chain ? 0 : -ENOMEM;
}

/**
 * qgate_sync_signal() - DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL
 * @gf: the file
 * @arg: the kernel's copy of the argument
 *
 * Each point draws on the VM's rate, for it stays as long as what comes before it is not done.
 */
int qgate_sync_signal(struct qgate_file *gf, void *arg)
{
	const struct drm_syncobj_timeline_array *a = arg;
	struct qgate_point *points;
	struct dma_fence *fence;
	int ret = 0;
	u32 i;

	if (a->flags || !a->count_handles)
		return -EINVAL;
	if (a->count_handles > QGATE_POINTS)
		return qgate_refuse(gf->gate, QWAMOS_GPU_REASON_NOT_OFFERED,
				    _IOC_NR(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL));
	/* First, for that may wait, and what is made is charged to nobody. */
	ret = qgate_pace(gf->gate, a->count_handles);
	if (ret)
		return ret;
	points = kcalloc(a->count_handles, sizeof(*points), GFP_KERNEL_ACCOUNT);
	if (!points)
		return -ENOMEM;
	for (i = 0; i < a->count_handles && !ret; i++)
		ret = point_read(gf, a, i, &points[i]);
	for (i = 0; i < a->count_handles && !ret; i++) {
		fence = dma_fence_get_stub();
		drm_syncobj_add_point(points[i].sync, points[i].chain, fence, points[i].at);
		points[i].chain = NULL;
		dma_fence_put(fence);
	}
	points_free(points, a->count_handles);
	return ret;
}
