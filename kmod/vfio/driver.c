// SPDX-License-Identifier: GPL-2.0-only
/*
 * qwamos_vfio_pci: a VFIO driver on vfio-pci-core that asks the core at every way in, not only at
 * the first open: a device fd, and the group fd that makes one, can be inherited and passed on, but
 * only the process that has joined the owner VM can do anything with them.
 *
 * Not ours to check: group and container fds themselves, the memory of a process that clone()
 * shares (CLONE_VM), and resourceN in sysfs.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/vfio_pci_core.h>
#include "compat.h"
#include "core.h"
#include "mapping.h"

/**
 * struct qvfio_dev - a device on this driver
 * @core: vfio-pci-core's part; its release frees the whole
 * @gpu: the core's device, from probe to remove
 * @maps: the mappings of its memory
 * @hot_resets: up to 6.9: calls for a hot reset that are under way; guarded by the set's lock
 * @awake: it was revoked, and is kept from sleeping; set by the core's call alone, which no close
 *     overtakes
 */
struct qvfio_dev {
	struct vfio_pci_core_device core;
	struct qgpu_dev *gpu;
	struct qvfio_maps maps;
	unsigned int hot_resets;
	bool awake;
};

static struct qvfio_dev *qvfio(struct vfio_device *vdev)
{
	return container_of(vdev, struct qvfio_dev, core.vdev);
}

/**
 * qvfio_maps_of() - the mappings that one is among
 * @vma: the mapping, as vfio_pci_core_mmap() left it
 */
struct qvfio_maps *qvfio_maps_of(struct vm_area_struct *vma)
{
	struct vfio_pci_core_device *core = vma->vm_private_data;

	return &container_of(core, struct qvfio_dev, core)->maps;
}

/*
 * The device's VM has ended, and its processes may not do so for long. Wakes the device, for as
 * long as it is open: whoever woke it later would get back what was cut off before.
 */
static void qvfio_revoke(void *data)
{
	struct qvfio_dev *q = data;

	q->awake = !pm_runtime_resume_and_get(&q->core.pdev->dev);
	qvfio_maps_revoke(&q->maps, &q->core.vdev);
}

static const struct qgpu_driver qvfio_core_driver = {
	.owner = THIS_MODULE,
	.revoke = qvfio_revoke,
};

#ifdef QGPU_VFIO_HAS_INODE
/* vfio-pci-core takes mappings away by itself. */
static bool disturbs(struct qvfio_dev *q, loff_t pos)
{
	return false;
}

static bool being_reset(struct vfio_device *vdev)
{
	return false;
}

static long hot_reset(struct qvfio_dev *q, unsigned long arg)
{
	return vfio_pci_core_ioctl(&q->core.vdev, VFIO_DEVICE_PCI_HOT_RESET, arg);
}
#else
static const struct vfio_device_ops qvfio_ops;

static bool within(loff_t at, int cap, int len)
{
	return cap && at + 4 > cap && at < cap + len;
}

/* May a write to configuration space reset the device, or switch its memory or power off? */
static bool disturbs(struct qvfio_dev *q, loff_t pos)
{
	struct pci_dev *pdev = q->core.pdev;
	loff_t at = pos & VFIO_PCI_OFFSET_MASK & ~3ULL;

	return VFIO_PCI_OFFSET_TO_INDEX(pos) == VFIO_PCI_CONFIG_REGION_INDEX &&
	       (at == PCI_COMMAND || within(at, pdev->pm_cap, PCI_PM_SIZEOF) ||
		within(at, pdev->pcie_cap, PCI_EXP_DEVCTL2) ||
		within(at, pci_find_capability(pdev, PCI_CAP_ID_AF), PCI_CAP_AF_SIZEOF));
}

/* A device whose mappings a call has taken away; @opening: see qvfio_maps_block() */
struct blocked {
	struct qvfio_dev *q;
	unsigned int opening;
};

/*
 * Is a hot reset by the caller's VM under way that reaches a device? It has blocked what was open
 * when it began. Called with the set's lock held, as VFIO opens devices.
 */
static bool being_reset(struct vfio_device *vdev)
{
	struct vfio_device *other;

	lockdep_assert_held(&vdev->dev_set->lock);
	list_for_each_entry(other, &vdev->dev_set->device_list, dev_set_list)
		/* One with a call under way is open, and has its core's device. */
		if (other->ops == &qvfio_ops && qvfio(other)->hot_resets &&
		    qwamos_gpu_dev_is_mine(qvfio(other)->gpu))
			return true;
	return false;
}

/*
 * A hot reset hits all devices of the set, and is refused unless the caller has all that are open.
 * So only those of its own VM are blocked: the call reads the caller's memory first, which may take
 * as long as the caller likes. They are held meanwhile, for one may leave the set, and none is
 * opened.
 */
static long hot_reset(struct qvfio_dev *q, unsigned long arg)
{
	struct vfio_device_set *set = q->core.vdev.dev_set;
	struct vfio_device *vdev;
	struct blocked *held;
	size_t i, n = 0;
	long ret;

	mutex_lock(&set->lock);
	held = kcalloc(set->device_count, sizeof(*held), GFP_KERNEL_ACCOUNT);
	list_for_each_entry(vdev, &set->device_list, dev_set_list) {
		/* One that is open has its core's device: its removal waits for the close. */
		if (!held || vdev->ops != &qvfio_ops || !vdev->open_count ||
		    !qwamos_gpu_dev_is_mine(qvfio(vdev)->gpu))
			continue;
		get_device(&vdev->device);
		held[n++].q = qvfio(vdev);
	}
	q->hot_resets += !!held;
	mutex_unlock(&set->lock);
	if (!held)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		held[i].opening = qvfio_maps_block(&held[i].q->maps);
	ret = vfio_pci_core_ioctl(&q->core.vdev, VFIO_DEVICE_PCI_HOT_RESET, arg);
	for (i = 0; i < n; i++) {
		qvfio_maps_unblock(&held[i].q->maps, held[i].opening);
		put_device(&held[i].q->core.vdev.device);
	}
	mutex_lock(&set->lock);
	q->hot_resets--;
	mutex_unlock(&set->lock);
	kfree(held);
	return ret;
}
#endif

/* Nothing revokes it from here on. */
static void closed(struct qvfio_dev *q)
{
	qwamos_gpu_dev_closed(q->gpu);
	if (q->awake)
		pm_runtime_put(&q->core.pdev->dev);
	q->awake = false;
}

static int qvfio_open_device(struct vfio_device *vdev)
{
	struct qvfio_dev *q = qvfio(vdev);
	int ret;

	if (being_reset(vdev))
		return -EBUSY;
	qvfio_maps_forget(&q->maps);
	ret = qwamos_gpu_dev_opened(q->gpu);
	if (ret)
		return ret;
	ret = qvfio_maps_open(&q->maps);
	if (ret)
		goto err_closed;
	ret = vfio_pci_core_enable(&q->core);
	if (ret)
		goto err_maps;
	vfio_pci_core_finish_enable(&q->core);
	/* This brings back what may have been cut off meanwhile. */
	qwamos_gpu_dev_back(q->gpu);
	return 0;
err_maps:
	closed(q);
	qvfio_maps_close(&q->maps);
	return ret;
err_closed:
	closed(q);
	return ret;
}

/*
 * vfio-pci-core resets as far as it can; the core resets and scrubs when the device leaves the VM,
 * whatever needs_reset says.
 */
static void qvfio_close_device(struct vfio_device *vdev)
{
	struct qvfio_dev *q = qvfio(vdev);

	vfio_pci_core_close_device(vdev);
	closed(q);
	qvfio_maps_close(&q->maps);
}

/*
 * Runs in the caller's context at each VFIO_GROUP_GET_DEVICE_FD; only a hit is anybody's business.
 * A negative value reaches the caller.
 */
static int qvfio_match(struct vfio_device *vdev, char *buf)
{
	int ret = vfio_pci_core_match(vdev, buf);

	if (ret <= 0)
		return ret;
	return qwamos_gpu_dev_may_open(qvfio(vdev)->gpu, QWAMOS_GPU_VFIO_OP_GET_FD) ?: ret;
}

/* A call of vfio-pci-core's that may reset the device, or switch its memory or power off. */
static long undisturbed_ioctl(struct qvfio_dev *q, unsigned int cmd, unsigned long arg)
{
	unsigned int opening;
	long ret;

	if (cmd == VFIO_DEVICE_PCI_HOT_RESET)
		return hot_reset(q, arg);
	if (cmd != VFIO_DEVICE_RESET)
		return vfio_pci_core_ioctl(&q->core.vdev, cmd, arg);
	opening = qvfio_maps_block(&q->maps);
	ret = vfio_pci_core_ioctl(&q->core.vdev, cmd, arg);
	qvfio_maps_unblock(&q->maps, opening);
	return ret;
}

/*
 * Resets and interrupts may take time, and give a device back what it had before. An eventfd that
 * writes to the device would be used by whoever has it, without asking us.
 */
static long qvfio_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	struct qgpu_dev *gpu = qvfio(vdev)->gpu;
	long ret = qwamos_gpu_dev_may(gpu, QWAMOS_GPU_VFIO_OP_IOCTL);

	if (ret)
		return ret;
	if (cmd == VFIO_DEVICE_IOEVENTFD)
		return qwamos_gpu_dev_not_offered(gpu, QWAMOS_GPU_VFIO_OP_IOCTL,
						  QWAMOS_GPU_REASON_IOEVENTFD);
	ret = undisturbed_ioctl(qvfio(vdev), cmd, arg);
	qwamos_gpu_dev_back(gpu);
	return ret;
}

#ifdef QGPU_VFIO_HAS_REGION_INFO
static int qvfio_region_info(struct vfio_device *vdev, struct vfio_region_info *info,
			     struct vfio_info_cap *caps)
{
	int ret = qwamos_gpu_dev_may(qvfio(vdev)->gpu, QWAMOS_GPU_VFIO_OP_IOCTL);

	return ret ?: vfio_pci_ioctl_get_region_info(vdev, info, caps);
}
#endif

/*
 * Features by name: what a later kernel adds to vfio-pci-core is not offered before somebody has
 * looked at it. A dma-buf of a BAR would be used by whoever imports it, without asking us.
 */
static int qvfio_feature(struct vfio_device *vdev, u32 flags, void __user *arg, size_t argsz)
{
	struct qgpu_dev *gpu = qvfio(vdev)->gpu;
	int ret = qwamos_gpu_dev_may(gpu, QWAMOS_GPU_VFIO_OP_FEATURE);
	unsigned int opening;

	if (ret)
		return ret;
	switch (flags & VFIO_DEVICE_FEATURE_MASK) {
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
	case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
	case VFIO_DEVICE_FEATURE_PCI_VF_TOKEN:
		opening = qvfio_maps_block(&qvfio(vdev)->maps);
		ret = vfio_pci_core_ioctl_feature(vdev, flags, arg, argsz);
		qvfio_maps_unblock(&qvfio(vdev)->maps, opening);
		qwamos_gpu_dev_back(gpu);
		return ret;
#ifdef QGPU_VFIO_HAS_DMA_BUF
	case VFIO_DEVICE_FEATURE_DMA_BUF:
		return qwamos_gpu_dev_not_offered(gpu, QWAMOS_GPU_VFIO_OP_FEATURE,
						  QWAMOS_GPU_REASON_DMA_BUF);
#endif
	default:
		return -ENOTTY;
	}
}

/*
 * How much of a read or write is passed on at once. Each copies from or to the caller's memory,
 * which may block for as long as the caller likes; what is left of a write that goes on when its
 * VM has ended is one access.
 */
static size_t piece(loff_t pos, size_t left, bool write)
{
	size_t size = PAGE_SIZE;

	if (write)
		size = VFIO_PCI_OFFSET_TO_INDEX(pos) == VFIO_PCI_CONFIG_REGION_INDEX ? 4 : 8;
	return min_t(size_t, left, size - ((size_t)pos & (size - 1)));
}

static ssize_t qvfio_read(struct vfio_device *vdev, char __user *buf, size_t count, loff_t *ppos)
{
	struct qgpu_dev *gpu = qvfio(vdev)->gpu;
	ssize_t done = 0, n;

	do {
		n = qwamos_gpu_dev_may(gpu, QWAMOS_GPU_VFIO_OP_READ);
		if (!n)
			n = vfio_pci_core_read(vdev, buf + done, piece(*ppos, count - done, false),
					       ppos);
		if (n > 0)
			done += n;
	} while (n > 0 && done < count);
	return done ?: n;
}

static ssize_t qvfio_write(struct vfio_device *vdev, const char __user *buf, size_t count,
			   loff_t *ppos)
{
	struct qvfio_dev *q = qvfio(vdev);
	struct qgpu_dev *gpu = q->gpu;
	unsigned int opening = 0;
	ssize_t done = 0, n;
	bool block;

	do {
		n = qwamos_gpu_dev_may(gpu, QWAMOS_GPU_VFIO_OP_WRITE);
		if (n)
			break;
		block = disturbs(q, *ppos);
		if (block)
			opening = qvfio_maps_block(&q->maps);
		n = vfio_pci_core_write(vdev, buf + done, piece(*ppos, count - done, true), ppos);
		if (block)
			qvfio_maps_unblock(&q->maps, opening);
		qwamos_gpu_dev_back(gpu);
		if (n > 0)
			done += n;
	} while (n > 0 && done < count);
	return done ?: n;
}

static int qvfio_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	struct qvfio_dev *q = qvfio(vdev);
	int ret = qwamos_gpu_dev_may(q->gpu, QWAMOS_GPU_VFIO_OP_MMAP);

	if (ret)
		return ret;
	/* Not what only some devices have beside their BARs: nobody here knows its faults. */
	if (vma->vm_pgoff >> (VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT) >= VFIO_PCI_ROM_REGION_INDEX)
		return -EINVAL;
	ret = vfio_pci_core_mmap(vdev, vma);
	return ret ?: qvfio_maps_add(&q->maps, vma);
}

static void qvfio_request(struct vfio_device *vdev, unsigned int count)
{
	if (qwamos_gpu_dev_request(qvfio(vdev)->gpu))
		vfio_pci_core_request(vdev, count);
}

#ifdef QGPU_VFIO_HAS_IOMMUFD
static int qvfio_attach_ioas(struct vfio_device *vdev, u32 *pt_id)
{
	int ret = qwamos_gpu_dev_may(qvfio(vdev)->gpu, QWAMOS_GPU_VFIO_OP_ATTACH_IOAS);

	return ret ?: vfio_iommufd_physical_attach_ioas(vdev, pt_id);
}
#endif

#ifdef QGPU_VFIO_HAS_DETACH
/*
 * Only the ioctl comes here (a close unbinds instead), and can't be told that it failed: an
 * outsider's detach is audited and does nothing.
 */
static void qvfio_detach_ioas(struct vfio_device *vdev)
{
	if (!qwamos_gpu_dev_may(qvfio(vdev)->gpu, QWAMOS_GPU_VFIO_OP_DETACH_IOAS))
		vfio_iommufd_physical_detach_ioas(vdev);
}
#endif

/* What is set here, and what is not, must agree with the list in compat.h. */
static const struct vfio_device_ops qvfio_ops = {
	.name = "qwamos_vfio_pci",
	.init = vfio_pci_core_init_dev,
	.release = vfio_pci_core_release_dev,
	.open_device = qvfio_open_device,
	.close_device = qvfio_close_device,
	.ioctl = qvfio_ioctl,
#ifdef QGPU_VFIO_HAS_REGION_INFO
	.get_region_info_caps = qvfio_region_info,
#endif
	.device_feature = qvfio_feature,
	.read = qvfio_read,
	.write = qvfio_write,
	.mmap = qvfio_mmap,
	.request = qvfio_request,
	.match = qvfio_match,
#ifdef QGPU_VFIO_HAS_MATCH_TOKEN
	.match_token_uuid = vfio_pci_core_match_token_uuid,
#endif
#ifdef QGPU_VFIO_HAS_IOMMUFD
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = qvfio_attach_ioas,
#endif
#ifdef QGPU_VFIO_HAS_DETACH
	.detach_ioas = qvfio_detach_ioas,
#endif
};

static int qvfio_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct qvfio_dev *q;
	int ret = qwamos_gpu_dev_may_bind(pdev);

	if (ret)
		return ret;
	/* An id in new_id, maybe written by a VM's process, names no device, but all of a kind. */
	if (!id->override_only) {
		dev_err(&pdev->dev, "not by new_id: use remove_id and driver_override\n");
		return -ENODEV;
	}
	q = vfio_alloc_device(qvfio_dev, core.vdev, &pdev->dev, &qvfio_ops);
	if (IS_ERR(q))
		return PTR_ERR(q);
	dev_set_drvdata(&pdev->dev, &q->core);
	qvfio_maps_init(&q->maps);
	q->gpu = qwamos_gpu_dev_bound(pdev, &qvfio_core_driver, q);
	if (!q->gpu) {
		dev_err(&pdev->dev, "not registered with qwamos_gpu, or being removed\n");
		ret = -ENODEV;
		goto err_put;
	}
	/* From here on it can be opened. */
	ret = vfio_pci_core_register_device(&q->core);
	if (ret)
		goto err_unbound;
	return 0;
err_unbound:
	qwamos_gpu_dev_unbound(q->gpu);
err_put:
	vfio_put_device(&q->core.vdev);
	return ret;
}

static void qvfio_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(&pdev->dev);
	struct qvfio_dev *q = container_of(core, struct qvfio_dev, core);

	vfio_pci_core_unregister_device(core); /* waits until it is closed */
	qwamos_gpu_dev_unbound(q->gpu);
	vfio_put_device(&core->vdev);
}

static const struct pci_device_id qvfio_ids[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_ANY_ID, PCI_ANY_ID) }, /* by driver_override only */
	{}
};
MODULE_DEVICE_TABLE(pci, qvfio_ids);

static struct pci_driver qvfio_driver = {
	.name = "qwamos_vfio_pci",
	.id_table = qvfio_ids,
	.probe = qvfio_probe,
	.remove = qvfio_remove,
	.err_handler = &vfio_pci_core_err_handlers,
	.driver_managed_dma = true,
};
module_pci_driver(qvfio_driver);

QGPU_IMPORT();
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("VFIO driver that opens a device only to the process that has joined its VM");
