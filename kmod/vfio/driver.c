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
#include <linux/vfio_pci_core.h>
#include "compat.h"
#include "core.h"

/**
 * struct qvfio_dev - a device on this driver
 * @core: vfio-pci-core's part; its release frees the whole
 * @gpu: the core's device, from probe to remove
 */
struct qvfio_dev {
	struct vfio_pci_core_device core;
	struct qgpu_dev *gpu;
};

static struct qvfio_dev *qvfio(struct vfio_device *vdev)
{
	return container_of(vdev, struct qvfio_dev, core.vdev);
}

static int qvfio_open_device(struct vfio_device *vdev)
{
	struct qvfio_dev *q = qvfio(vdev);
	int ret = qwamos_gpu_dev_opened(q->gpu);

	if (ret)
		return ret;
	ret = vfio_pci_core_enable(&q->core);
	if (ret) {
		qwamos_gpu_dev_closed(q->gpu);
		return ret;
	}
	vfio_pci_core_finish_enable(&q->core);
	return 0;
}

/*
 * vfio-pci-core resets as far as it can; the core resets and scrubs when the device leaves the VM,
 * whatever needs_reset says.
 */
static void qvfio_close_device(struct vfio_device *vdev)
{
	vfio_pci_core_close_device(vdev);
	qwamos_gpu_dev_closed(qvfio(vdev)->gpu);
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

static long qvfio_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	int ret = qwamos_gpu_dev_may(qvfio(vdev)->gpu, QWAMOS_GPU_VFIO_OP_IOCTL);

	return ret ?: vfio_pci_core_ioctl(vdev, cmd, arg);
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

	if (ret)
		return ret;
	switch (flags & VFIO_DEVICE_FEATURE_MASK) {
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
	case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
	case VFIO_DEVICE_FEATURE_PCI_VF_TOKEN:
		return vfio_pci_core_ioctl_feature(vdev, flags, arg, argsz);
#ifdef QGPU_VFIO_HAS_DMA_BUF
	case VFIO_DEVICE_FEATURE_DMA_BUF:
		return qwamos_gpu_dev_not_offered(gpu, QWAMOS_GPU_VFIO_OP_FEATURE,
						  QWAMOS_GPU_REASON_DMA_BUF);
#endif
	default:
		return -ENOTTY;
	}
}

static ssize_t qvfio_read(struct vfio_device *vdev, char __user *buf, size_t count, loff_t *ppos)
{
	int ret = qwamos_gpu_dev_may(qvfio(vdev)->gpu, QWAMOS_GPU_VFIO_OP_READ);

	return ret ?: vfio_pci_core_read(vdev, buf, count, ppos);
}

static ssize_t qvfio_write(struct vfio_device *vdev, const char __user *buf, size_t count,
			   loff_t *ppos)
{
	int ret = qwamos_gpu_dev_may(qvfio(vdev)->gpu, QWAMOS_GPU_VFIO_OP_WRITE);

	return ret ?: vfio_pci_core_write(vdev, buf, count, ppos);
}

/*
 * A child by fork() does not inherit the mapping: it has not joined, and would keep the device's
 * memory past its parent's end. VM_IO, which vfio-pci-core sets, keeps MADV_DOFORK from undoing
 * that.
 */
static int qvfio_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	int ret = qwamos_gpu_dev_may(qvfio(vdev)->gpu, QWAMOS_GPU_VFIO_OP_MMAP);

	if (ret)
		return ret;
	ret = vfio_pci_core_mmap(vdev, vma);
	if (!ret)
		qgpu_vma_dont_copy(vma);
	return ret;
}

static void qvfio_request(struct vfio_device *vdev, unsigned int count)
{
	vfio_pci_core_request(vdev, count);
	qwamos_gpu_dev_request(qvfio(vdev)->gpu);
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
	q = vfio_alloc_device(qvfio_dev, core.vdev, &pdev->dev, &qvfio_ops);
	if (IS_ERR(q))
		return PTR_ERR(q);
	dev_set_drvdata(&pdev->dev, &q->core);
	q->gpu = qwamos_gpu_dev_bound(pdev, THIS_MODULE);
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
