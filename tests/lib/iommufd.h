/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VFIO's other way in: a device's own character device, bound to an iommufd. All return 0, an fd or
 * -errno. Debian 12's headers do not know it yet.
 */
#ifndef QT_IOMMUFD_H
#define QT_IOMMUFD_H

#include <stddef.h>
#include <linux/types.h>

/** qt_cdev() - open the character device of the PCI device @addr; return: fd */
int qt_cdev(const char *addr);
/** qt_iommufd() - a new iommufd; return: fd */
int qt_iommufd(void);
/** qt_cdev_bind() - VFIO_DEVICE_BIND_IOMMUFD, which opens the device */
int qt_cdev_bind(int device, int iommufd);
/** qt_cdev_attach() - let the device use the address space @ioas */
int qt_cdev_attach(int device, __u32 ioas);
/** qt_cdev_detach() - let it use none */
int qt_cdev_detach(int device);

/** qt_ioas_new() - a new address space; @ioas: out */
int qt_ioas_new(int iommufd, __u32 *ioas);
/** qt_ioas_map() - @size bytes at @mem are @iova there */
int qt_ioas_map(int iommufd, __u32 ioas, void *mem, __u64 iova, size_t size);
/** qt_ioas_unmap() - and no longer */
int qt_ioas_unmap(int iommufd, __u32 ioas, __u64 iova, size_t size);

#endif
