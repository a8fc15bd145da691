/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels that we build for (6.1 to 6.12) stands here and nowhere
 * else.
 */
#ifndef QWAMOS_GPU_COMPAT_H
#define QWAMOS_GPU_COMPAT_H

#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/version.h>
#include <linux/vfio.h>
#include <net/genetlink.h>

/*
 * pdev->reset_methods[] holds indices into a table of drivers/pci/pci.c that has no public names.
 * Their order has been the same since 5.15; later kernels append.
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

/* iommufd ops of a VFIO driver: bind and attach came with 6.2, detach with 6.6. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define QGPU_VFIO_HAS_IOMMUFD 1
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define QGPU_VFIO_HAS_DETACH 1
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

/* Namespace names became strings in 6.13. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define QGPU_EXPORT(sym) EXPORT_SYMBOL_NS_GPL(sym, "QWAMOS_GPU")
#define QGPU_IMPORT()	 MODULE_IMPORT_NS("QWAMOS_GPU")
#else
#define QGPU_EXPORT(sym) EXPORT_SYMBOL_NS_GPL(sym, QWAMOS_GPU)
#define QGPU_IMPORT()	 MODULE_IMPORT_NS(QWAMOS_GPU)
#endif

#endif /* QWAMOS_GPU_COMPAT_H */
