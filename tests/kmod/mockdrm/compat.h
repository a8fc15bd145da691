/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels that the mock is built for. kmod/compat.h is for the modules
 * that are installed.
 */
#ifndef MOCKDRM_COMPAT_H
#define MOCKDRM_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/version.h>
#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_prime.h>

/* The core prints the common keys of fdinfo, and asks the driver for its own, since 6.5. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define MOCK_CORE_FDINFO 1
#endif

/* PRIME's functions are the default since 6.6, and no longer exported. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define MOCK_PRIME_OPS 1
#endif

/* A driver has no date since 6.14. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define MOCK_DRIVER_DATE "20150101"
#endif

/* fb_create() is told the format since 6.17. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define MOCK_FB_CREATE(fn)                                                                    \
	fn(struct drm_device *drm, struct drm_file *file, const struct drm_format_info *info, \
	   const struct drm_mode_fb_cmd2 *cmd)
#else
#define MOCK_FB_CREATE(fn) \
	fn(struct drm_device *drm, struct drm_file *file, const struct drm_mode_fb_cmd2 *cmd)
#endif

/* Flags of a mapping are changed through functions since 6.3. */
static inline void mock_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

/* The pin and unpin functions of an object are called with its reservation locked since 6.10. */
static inline int mock_pin_lock(struct drm_gem_object *obj)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	dma_resv_assert_held(obj->resv);
	return 0;
#else
	return dma_resv_lock_interruptible(obj->resv, NULL);
#endif
}

static inline void mock_unpin_lock(struct drm_gem_object *obj)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	dma_resv_assert_held(obj->resv);
#else
	dma_resv_lock(obj->resv, NULL);
#endif
}

static inline void mock_pin_unlock(struct drm_gem_object *obj)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
	dma_resv_unlock(obj->resv);
#endif
}

/* A timer is given its function when it is set up since 6.13. */
static inline void mock_timer_setup(struct hrtimer *timer,
				    enum hrtimer_restart (*fn)(struct hrtimer *))
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	timer->function = fn;
#endif
}

#endif /* MOCKDRM_COMPAT_H */
