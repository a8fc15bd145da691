/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels that we build for (Documentation/kernel-versions.md has the
 * list) stands here and nowhere else.
 */
#ifndef QWAMOS_GPU_COMPAT_H
#define QWAMOS_GPU_COMPAT_H

#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/version.h>
#include <linux/vfio.h>
#include <net/genetlink.h>

/* Page frames were wrapped in a type of their own up to 6.16. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/pfn_t.h>
#define QGPU_PFN(pfn) __pfn_to_pfn_t(pfn, PFN_DEV)
#else
#define QGPU_PFN(pfn) (pfn)
#endif

/* A DRM file has a number of its own from 6.5 on; @own is one for those that have none. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define QGPU_CLIENT_ID(drm_file, own) ((drm_file)->client_id)
#else
#define QGPU_CLIENT_ID(drm_file, own) (own)
#endif

/*
 * pdev->reset_methods[] holds indices into a table of drivers/pci/pci.c that has no public names.
 * Their order has been the same since 5.15; later kernels append: 6.12 and 7.3 have an eighth, a
 * reset of the bus below a CXL port, which is no reset of the function's own and so is not counted.
 */
enum qgpu_pci_reset {
	QGPU_PCI_RESET_DEVICE_SPECIFIC = 1,
	QGPU_PCI_RESET_ACPI = 2,
	QGPU_PCI_RESET_FLR = 3,
	QGPU_PCI_RESET_AF_FLR = 4,
	QGPU_PCI_RESET_PM = 5,
	QGPU_PCI_RESET_BUS = 6,
};

/*
 * Are a device's interrupts kept from the host? From 6.4 on the group tells, under its own lock;
 * before, the IOMMU's capability of the device did, as long as the device is there. Ask both, each
 * where it may be asked.
 */
static inline bool qgpu_dev_isolated_msi(struct device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return true;
#else
	return device_iommu_capable(dev, IOMMU_CAP_INTR_REMAP);
#endif
}

static inline bool qgpu_group_isolated_msi(struct iommu_group *group)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return iommu_group_has_isolated_msi(group);
#else
	return true;
#endif
}

/*
 * Operations of a VFIO driver: iommufd's bind and attach came with 6.2, its detach with 6.6, a
 * check of the VF token at iommufd's bind with 6.17, and VFIO_DEVICE_GET_REGION_INFO left .ioctl
 * with 6.19.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define QGPU_VFIO_HAS_IOMMUFD 1
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define QGPU_VFIO_HAS_DETACH 1
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define QGPU_VFIO_HAS_MATCH_TOKEN 1
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#define QGPU_VFIO_HAS_REGION_INFO 1
#endif

/*
 * Mappings of a device: since 6.10 each VFIO device has an inode of its own, and vfio-pci-core
 * takes them away through it.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define QGPU_VFIO_HAS_INODE 1
#endif

/*
 * Every member, by its name, of the tables through which VFIO calls a driver on any kernel from 6.1
 * on. kmod/vfio/ops.awk reads this list when the VFIO driver is built, and ends the build at a
 * member of this kernel's tables that is not in it: it may be a way to a device past the checks.
 *
 *   CHECKED	set to a function of ours, which asks the core
 *   PLAIN	set, and no way in by itself: called by the kernel for its own ends, or only ever
 *		refuses
 *   LEFT_OUT	not set, and VFIO looks at that before it calls
 *
 * Left out on purpose:
 *   pasid_attach_ioas, pasid_detach_ioas: a second address space for a device, of which the core
 *	knows nothing; the calls are -EOPNOTSUPP
 *   dma_unmap: for drivers that pin pages themselves
 *   get_dmabuf_phys: a dma-buf of a BAR, see QGPU_VFIO_HAS_DMA_BUF
 */
#define QGPU_VFIO_MEMBER(table, member, kind)
QGPU_VFIO_MEMBER(vfio_device_ops, name, PLAIN)
QGPU_VFIO_MEMBER(vfio_device_ops, init, PLAIN)
QGPU_VFIO_MEMBER(vfio_device_ops, release, PLAIN)
QGPU_VFIO_MEMBER(vfio_device_ops, bind_iommufd, PLAIN) /* behind open_device */
QGPU_VFIO_MEMBER(vfio_device_ops, unbind_iommufd, PLAIN)
QGPU_VFIO_MEMBER(vfio_device_ops, attach_ioas, CHECKED)
QGPU_VFIO_MEMBER(vfio_device_ops, detach_ioas, CHECKED)
QGPU_VFIO_MEMBER(vfio_device_ops, pasid_attach_ioas, LEFT_OUT)
QGPU_VFIO_MEMBER(vfio_device_ops, pasid_detach_ioas, LEFT_OUT)
QGPU_VFIO_MEMBER(vfio_device_ops, open_device, CHECKED)
QGPU_VFIO_MEMBER(vfio_device_ops, close_device, PLAIN)
QGPU_VFIO_MEMBER(vfio_device_ops, read, CHECKED)
QGPU_VFIO_MEMBER(vfio_device_ops, write, CHECKED)
QGPU_VFIO_MEMBER(vfio_device_ops, ioctl, CHECKED)
QGPU_VFIO_MEMBER(vfio_device_ops, get_region_info_caps, CHECKED)
QGPU_VFIO_MEMBER(vfio_device_ops, mmap, CHECKED)
QGPU_VFIO_MEMBER(vfio_device_ops, request, PLAIN)
QGPU_VFIO_MEMBER(vfio_device_ops, match, CHECKED)
/* Refuses a VF without its PF's token. vfio_pci_core_match() calls it whether it is set or not. */
QGPU_VFIO_MEMBER(vfio_device_ops, match_token_uuid, PLAIN)
QGPU_VFIO_MEMBER(vfio_device_ops, dma_unmap, LEFT_OUT)
QGPU_VFIO_MEMBER(vfio_device_ops, device_feature, CHECKED)
QGPU_VFIO_MEMBER(vfio_pci_device_ops, get_dmabuf_phys, LEFT_OUT)

/* BARs as dma-bufs came with 6.19; before, the feature's number is nobody's. */
#ifdef VFIO_DEVICE_FEATURE_DMA_BUF
#define QGPU_VFIO_HAS_DMA_BUF 1
#endif

/*
 * A probe of the tracepoint sched_process_exit. Since 6.16 it is told whether the group's last
 * thread ends, and that before the thread's memory is let go, no longer after.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define QGPU_PROBE_EXIT(fn, p) fn(void *unused, struct task_struct *p, bool group_dead)
#else
#define QGPU_PROBE_EXIT(fn, p) fn(void *unused, struct task_struct *p)
#endif

/* What a probe of the tracepoint task_newtask is told: flags of clone() have 64 bits since 6.18. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#define QGPU_CLONE_FLAGS u64
#else
#define QGPU_CLONE_FLAGS unsigned long
#endif

/*
 * Who may join a multicast group. Kernels before 6.1.74 and 6.6.8 or so have no name for
 * CAP_SYS_ADMIN there: with them, it is CAP_NET_ADMIN in the initial user namespace.
 */
#ifdef GENL_MCAST_CAP_SYS_ADMIN
#define QGPU_MCAST_CAP_SYS_ADMIN GENL_MCAST_CAP_SYS_ADMIN
#else
#define QGPU_MCAST_CAP_SYS_ADMIN GENL_UNS_ADMIN_PERM
#endif

/*
 * Is a device being removed? Between the moment when its driver is taken from it and the one when
 * it is deleted it can be bound again, in a removal of a whole bus for long. Its entry in
 * /proc/bus/pci goes with the driver, and comes before the first one.
 */
static inline bool qgpu_pci_going(struct pci_dev *pdev)
{
	return IS_ENABLED(CONFIG_PROC_FS) && !READ_ONCE(pdev->procent);
}

/*
 * Make a mapping of a device's memory one that no child inherits and no IOMMU maps, see
 * vfio/mapping.c. Flags are changed through functions since 6.3.
 */
static inline void qgpu_vma_make_ours(struct vm_area_struct *vma)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_mod(vma, VM_MIXEDMAP | VM_DONTCOPY, VM_PFNMAP);
#else
	vma->vm_flags = (vma->vm_flags & ~VM_PFNMAP) | VM_MIXEDMAP | VM_DONTCOPY;
#endif
}

/* Where a DRM file has its syncobjs. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#define QGPU_DRM_HAS_SYNCOBJ_XA 1
#endif

/* What a class says of where in /dev its devices' nodes are: of constant devices since 6.2. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define QGPU_DEVNODE(fn, dev, mode) fn(const struct device *dev, umode_t *mode)
#else
#define QGPU_DEVNODE(fn, dev, mode) fn(struct device *dev, umode_t *mode)
#endif

/* device_find_child() asks of constant data since 6.14. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
#define QGPU_MATCH_DATA const void *
#else
#define QGPU_MATCH_DATA void *
#endif

/* Make a mapping of a page of ours one that nobody can write to, grow, split or inherit. */
static inline void qgpu_vma_make_window(struct vm_area_struct *vma)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_mod(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP, VM_MAYWRITE | VM_MAYEXEC);
#else
	vma->vm_flags = (vma->vm_flags & ~(VM_MAYWRITE | VM_MAYEXEC)) | VM_DONTCOPY |
			VM_DONTEXPAND | VM_DONTDUMP;
#endif
}

/* Namespace names became strings in 6.13. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define QGPU_EXPORT(sym)      EXPORT_SYMBOL_NS_GPL(sym, "QWAMOS_GPU")
#define QGPU_IMPORT()	      MODULE_IMPORT_NS("QWAMOS_GPU")
#define QGPU_IMPORT_DMA_BUF() MODULE_IMPORT_NS("DMA_BUF")
#else
#define QGPU_EXPORT(sym)      EXPORT_SYMBOL_NS_GPL(sym, QWAMOS_GPU)
#define QGPU_IMPORT()	      MODULE_IMPORT_NS(QWAMOS_GPU)
#define QGPU_IMPORT_DMA_BUF() MODULE_IMPORT_NS(DMA_BUF)
#endif

#endif /* QWAMOS_GPU_COMPAT_H */
