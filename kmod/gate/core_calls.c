// SPDX-License-Identifier: GPL-2.0-only
/* Calls of DRM itself that the gate carries out. */
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <linux/string.h>
#include <uapi/drm/drm.h>
#include "gate.h"

static int gem_close(struct qgate_file *gf, void *arg)
{
	struct drm_gem_close *a = arg;
	struct qgate_obj *obj;
	int ret;

	mutex_lock(&gf->lock);
	ret = drm_gem_handle_delete(gf->drm, a->handle);
	obj = ret ? NULL : xa_erase(&gf->handles, a->handle);
	mutex_unlock(&gf->lock);
	if (obj)
		qgate_obj_unuse(gf->gate, obj);
	return ret;
}

/*
 * Of newer headers the struct is longer; what it says there (a point of a timeline) is not known
 * here.
 */
static bool tail_is_zero(const void *arg)
{
	size_t known = offsetofend(struct drm_syncobj_handle, pad);

	return !memchr_inv(arg + known, 0, sizeof(struct drm_syncobj_handle) - known);
}

/**
 * qgate_core_call() - carry out a call of DRM itself
 * @gf: the file
 * @nr: the call's number
 * @arg: the kernel's copy of its argument, zero beyond what the caller gave
 *
 * Return: 0 or a negative errno.
 */
int qgate_core_call(struct qgate_file *gf, u32 nr, void *arg)
{
	switch (nr) {
	case _IOC_NR(DRM_IOCTL_GEM_CLOSE):
		return gem_close(gf, arg);
	case _IOC_NR(DRM_IOCTL_PRIME_HANDLE_TO_FD):
		return qgate_export(gf, arg);
	case _IOC_NR(DRM_IOCTL_PRIME_FD_TO_HANDLE):
		return qgate_import(gf, arg);
	}
	if (!drm_core_check_feature(gf->gate->drm, DRIVER_SYNCOBJ))
		return -EOPNOTSUPP;
	switch (nr) {
	case _IOC_NR(DRM_IOCTL_SYNCOBJ_CREATE):
		return qgate_sync_create(gf, arg);
	case _IOC_NR(DRM_IOCTL_SYNCOBJ_DESTROY):
		return qgate_sync_destroy(gf, arg);
	case _IOC_NR(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD):
		return tail_is_zero(arg) ? qgate_sync_to_fd(gf, arg) : -EINVAL;
	case _IOC_NR(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE):
		return tail_is_zero(arg) ? qgate_sync_from_fd(gf, arg) : -EINVAL;
	}
	if (!drm_core_check_feature(gf->gate->drm, DRIVER_SYNCOBJ_TIMELINE))
		return -EOPNOTSUPP;
	if (nr == _IOC_NR(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL))
		return qgate_sync_signal(gf, arg);
	return -EINVAL;
}
