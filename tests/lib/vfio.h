/* SPDX-License-Identifier: GPL-2.0-only */
/* The least that a VMM does with VFIO. All return 0, an fd, or -errno. */
#ifndef QT_VFIO_H
#define QT_VFIO_H

#include <stddef.h>
#include <linux/types.h>

/** struct qt_vfio - what a VMM has open; -1: not. @step: how far qt_vfio_open() came ("group",
 * "container", "iommu", "device", "done") */
struct qt_vfio {
	int group;
	int container;
	int device;
	const char *step;
};

/** qt_vfio_group() - open the group of the PCI device @addr; return: fd */
int qt_vfio_group(const char *addr);
/** qt_vfio_container() - a container with the IOMMU for the group; return: fd. @step: where it
 * failed, may be NULL */
int qt_vfio_container(int group, const char **step);
/** qt_vfio_device() - VFIO_GROUP_GET_DEVICE_FD; return: fd */
int qt_vfio_device(int group, const char *addr);
/** qt_vfio_open() - all three */
int qt_vfio_open(struct qt_vfio *v, const char *addr);
/** qt_vfio_close() - all three; a second time: nothing */
void qt_vfio_close(struct qt_vfio *v);

/** qt_vfio_map_dma() - let the device reach @size bytes at @mem as @iova */
int qt_vfio_map_dma(int container, void *mem, __u64 iova, size_t size);

/** qt_vfio_region() - where a region stands; @offset, @size: out */
int qt_vfio_region(int device, unsigned int index, __u64 *offset, __u64 *size);
/** qt_vfio_enable() - switch memory decoding and bus mastering on */
int qt_vfio_enable(int device);
/** qt_vfio_map_bar() - mmap a BAR; @size: out; return: NULL and errno on failure */
void *qt_vfio_map_bar(int device, unsigned int index, size_t *size);
/** qt_vfio_on_request() - have @eventfd told when the device is asked back */
int qt_vfio_on_request(int device, int eventfd);

/** qt_edu_dma() - let QEMU's edu device move 64 bytes; @regs: its BAR0; @from, @to: bus addresses,
 * or QT_EDU_BUFFER for its own memory */
int qt_edu_dma(volatile void *regs, __u64 from, __u64 to);
#define QT_EDU_BUFFER 0x40000

#endif
