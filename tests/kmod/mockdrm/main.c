// SPDX-License-Identifier: GPL-2.0-only
/* The module, its parameters and its DRM device. */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pm_runtime.h>
#include <linux/sizes.h>
#include <drm/drm_file.h>
#include <drm/drm_framebuffer.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/drm_mode_config.h>
#include "compat.h"
#include "mockdrm.h"

static uint mock_vram_mib = 256;
module_param_named(vram_mib, mock_vram_mib, uint, 0444);
MODULE_PARM_DESC(vram_mib, "MiB of VRAM");
static uint mock_gtt_mib = 512;
module_param_named(gtt_mib, mock_gtt_mib, uint, 0444);
MODULE_PARM_DESC(gtt_mib, "MiB of system memory for objects");
static int mock_autosuspend_ms = 100;
module_param_named(autosuspend_ms, mock_autosuspend_ms, int, 0444);
MODULE_PARM_DESC(autosuspend_ms, "ms without a call until the device is suspended; -1: never");
uint mock_job_us = 100;
module_param_named(job_us, mock_job_us, uint, 0644);
MODULE_PARM_DESC(job_us, "microseconds that a job takes");
bool mock_dirty;
module_param_named(dirty, mock_dirty, bool, 0644);
MODULE_PARM_DESC(dirty, "new memory in VRAM is not cleared, but filled with 0xd1");
bool mock_ttm_mmap;
module_param_named(ttm_mmap, mock_ttm_mmap, bool, 0644);
MODULE_PARM_DESC(ttm_mmap, "mappings of new objects keep the memory, but not the GEM object");

/* Guards the pointer, for writers of parameters: the device may go at any time. */
static DEFINE_MUTEX(mock_dev_lock);
static struct mock_dev *mock_dev_current;

static struct mock_dev *mock_dev_get(void)
{
	struct mock_dev *mock;

	mutex_lock(&mock_dev_lock);
	mock = mock_dev_current;
	if (mock)
		drm_dev_get(&mock->drm);
	mutex_unlock(&mock_dev_lock);
	return mock;
}

static void mock_dev_set(struct mock_dev *mock)
{
	mutex_lock(&mock_dev_lock);
	mock_dev_current = mock;
	mutex_unlock(&mock_dev_lock);
}

/**
 * struct mock_control - a thing that happens when a parameter is written
 * @run: does it, to the device that there is
 */
struct mock_control {
	int (*run)(struct mock_dev *mock, const char *value);
};

static int mock_control_evict(struct mock_dev *mock, const char *value)
{
	return mock_heap_evict_all(mock);
}

static int mock_control_zap(struct mock_dev *mock, const char *value)
{
	mock_dev_zap(mock);
	return 0;
}

static int mock_control_unplug(struct mock_dev *mock, const char *value)
{
	if (sysfs_streq(value, "drm"))
		mock_dev_unplug(mock);
	else if (sysfs_streq(value, "pci"))
		mock_pci_remove_device(mock);
	else
		return -EINVAL;
	return 0;
}

static int mock_control_set(const char *value, const struct kernel_param *kp)
{
	const struct mock_control *control = kp->arg;
	struct mock_dev *mock = mock_dev_get();
	int ret;

	if (!mock)
		return -ENODEV;
	ret = control->run(mock, value);
	drm_dev_put(&mock->drm);
	return ret;
}

static const struct kernel_param_ops mock_control_ops = { .set = mock_control_set };
static struct mock_control mock_evict = { mock_control_evict };
static struct mock_control mock_zap = { mock_control_zap };
static struct mock_control mock_unplug = { mock_control_unplug };

module_param_cb(evict, &mock_control_ops, &mock_evict, 0200);
MODULE_PARM_DESC(evict, "any value: move all objects out of VRAM");
module_param_cb(zap, &mock_control_ops, &mock_zap, 0200);
MODULE_PARM_DESC(zap, "any value: take all mappings away, so that the next access faults");
module_param_cb(unplug, &mock_control_ops, &mock_unplug, 0200);
MODULE_PARM_DESC(unplug, "drm: unplug the DRM device; pci: remove the PCI function");

/* The file */

/* As drivers do that sleep when nobody calls: who calls past this finds the device asleep. */
static long mock_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct drm_file *file = filp->private_data;
	struct device *dev = file->minor->dev->dev;
	long ret;

	if (drm_dev_is_unplugged(file->minor->dev))
		return -ENODEV;
	ret = pm_runtime_get_sync(dev);
	if (ret >= 0) {
		ret = drm_ioctl(filp, cmd, arg);
		pm_runtime_mark_last_busy(dev);
	}
	pm_runtime_put_autosuspend(dev);
	return ret;
}

static long mock_compat_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	if (DRM_IOCTL_NR(cmd) < DRM_COMMAND_BASE)
		return drm_compat_ioctl(filp, cmd, arg);
	return mock_ioctl(filp, cmd, arg);
}

static const struct file_operations mock_fops = {
	.owner = THIS_MODULE,
	.open = drm_open,
	.release = drm_release,
	.unlocked_ioctl = mock_ioctl,
	.compat_ioctl = mock_compat_ioctl,
	.mmap = drm_gem_mmap,
	.poll = drm_poll,
	.read = drm_read,
	.llseek = noop_llseek,
#ifdef FOP_UNSIGNED_OFFSET
	.fop_flags = FOP_UNSIGNED_OFFSET,
#endif
#ifdef MOCK_CORE_FDINFO
	.show_fdinfo = drm_show_fdinfo,
#else
	.show_fdinfo = mock_client_show,
#endif
};

static struct drm_driver mock_driver = {
	.driver_features = DRIVER_GEM | DRIVER_RENDER | DRIVER_MODESET | DRIVER_SYNCOBJ |
			   DRIVER_SYNCOBJ_TIMELINE,
	.open = mock_client_open,
	.postclose = mock_client_close,
	.gem_prime_import_sg_table = mock_prime_import,
#ifdef MOCK_PRIME_OPS
	.prime_handle_to_fd = drm_gem_prime_handle_to_fd,
	.prime_fd_to_handle = drm_gem_prime_fd_to_handle,
	.gem_prime_mmap = drm_gem_prime_mmap,
#endif
#ifdef MOCK_CORE_FDINFO
	.show_fdinfo = mock_client_fdinfo,
#endif
	.fops = &mock_fops,
	.desc = "no GPU",
#ifdef MOCK_DRIVER_DATE
	.date = MOCK_DRIVER_DATE,
#endif
};

/* The device */

/* A GPU has modes to set, if only none: who asks takes a refusal for a fault. */
static struct drm_framebuffer *MOCK_FB_CREATE(mock_fb_create)
{
	return ERR_PTR(-EINVAL);
}

static const struct drm_mode_config_funcs mock_mode_funcs = { .fb_create = mock_fb_create };

static int mock_modes_init(struct drm_device *drm)
{
	int ret = drmm_mode_config_init(drm);

	if (ret)
		return ret;
	drm->mode_config.funcs = &mock_mode_funcs;
	drm->mode_config.max_width = 16384;
	drm->mode_config.max_height = 16384;
	return 0;
}

static void mock_driver_fill(const struct mock_personality *kind)
{
	mock_driver.name = (char *)kind->name;
	mock_driver.major = kind->major;
	mock_driver.minor = kind->minor;
	mock_driver.patchlevel = kind->patch;
	mock_driver.ioctls = kind->ioctls;
	mock_driver.num_ioctls = kind->num_ioctls;
}

static void mock_dev_allow_sleep(struct device *dev)
{
	pm_runtime_set_autosuspend_delay(dev, mock_autosuspend_ms);
	pm_runtime_use_autosuspend(dev);
	pm_runtime_allow(dev);
	pm_runtime_mark_last_busy(dev);
	pm_runtime_put_autosuspend(dev);
}

/**
 * mock_dev_start() - Make the DRM device of a PCI function that is being probed
 * @dev: the PCI function
 * @kind: its personality
 */
int mock_dev_start(struct device *dev, const struct mock_personality *kind)
{
	struct mock_dev *mock;
	int i, ret;

	mock_driver_fill(kind);
	mock = devm_drm_dev_alloc(dev, &mock_driver, struct mock_dev, drm);
	if (IS_ERR(mock))
		return PTR_ERR(mock);
	mock->kind = kind;
	mock_heap_init(&mock->heap[MOCK_VRAM], (u64)mock_vram_mib * SZ_1M);
	mock_heap_init(&mock->heap[MOCK_SYSTEM], (u64)mock_gtt_mib * SZ_1M);
	for (i = 0; i < MOCK_RINGS; i++)
		mock_ring_init(&mock->ring[i]);
	ret = mock_modes_init(&mock->drm);
	if (!ret)
		ret = drm_dev_register(&mock->drm, 0);
	if (ret)
		return ret;
	dev_set_drvdata(dev, mock);
	mock_dev_set(mock);
	mock_dev_allow_sleep(dev);
	return 0;
}

/**
 * mock_dev_unplug() - Take the device away from under whoever uses it; once
 * @mock: the device
 */
void mock_dev_unplug(struct mock_dev *mock)
{
	int i;

	if (atomic_xchg(&mock->unplugged, 1))
		return;
	drm_dev_unplug(&mock->drm);
	mock_dev_zap(mock);
	for (i = 0; i < MOCK_RINGS; i++)
		mock_ring_stop(&mock->ring[i]);
}

/**
 * mock_dev_stop() - Undo mock_dev_start(), when the PCI function is removed
 * @dev: the PCI function
 */
void mock_dev_stop(struct device *dev)
{
	pm_runtime_get_sync(dev);
	pm_runtime_forbid(dev);
	mock_dev_set(NULL);
	mock_dev_unplug(dev_get_drvdata(dev));
}

/**
 * mock_dev_touch() - Count who uses the device while it sleeps
 * @mock: the device
 */
void mock_dev_touch(struct mock_dev *mock)
{
	if (pm_runtime_suspended(mock->drm.dev))
		mock_count(MOCK_STAT_ASLEEP, 1);
}

static int __init mock_init(void)
{
	return mock_pci_init(&mock_amdgpu);
}
module_init(mock_init);

static void __exit mock_exit(void)
{
	mock_pci_exit();
	rcu_barrier();
	mock_stats_check();
}
module_exit(mock_exit);

MODULE_DESCRIPTION("DRM driver for tests, with the interface of a real one");
MODULE_LICENSE("GPL");
