// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "lab.h"
#include "vfio.h"

/* Registers of QEMU's edu device (docs/specs/edu.txt). */
#define EDU_DMA_FROM  0x80
#define EDU_DMA_TO    0x88
#define EDU_DMA_COUNT 0x90
#define EDU_DMA_CMD   0x98
#define EDU_CMD_RUN   0x1
#define EDU_CMD_OUT   0x2

int qt_vfio_group(const char *addr)
{
	char path[64];
	int n = qt_group(addr), fd;

	if (n < 0)
		return n;
	snprintf(path, sizeof(path), "/dev/vfio/%d", n);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int qt_vfio_container(int group, const char **step)
{
	int fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	if (step)
		*step = "container";
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &fd))
		goto fail;
	if (step)
		*step = "iommu";
	if (ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		goto fail;
	return fd;
fail:
	ret = -errno;
	close(fd);
	return ret;
}

int qt_vfio_device(int group, const char *addr)
{
	int fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, addr);

	return fd < 0 ? -errno : fd;
}

int qt_vfio_open(struct qt_vfio *v, const char *addr)
{
	int ret;

	v->container = v->device = -1;
	v->step = "group";
	v->group = ret = qt_vfio_group(addr);
	if (ret < 0)
		return ret;
	v->container = ret = qt_vfio_container(v->group, &v->step);
	if (ret < 0)
		goto fail;
	v->step = "device";
	v->device = ret = qt_vfio_device(v->group, addr);
	if (ret < 0)
		goto fail;
	v->step = "done";
	return 0;
fail:
	qt_vfio_close(v);
	return ret;
}

void qt_vfio_close(struct qt_vfio *v)
{
	if (v->device >= 0)
		close(v->device);
	if (v->group >= 0)
		close(v->group);
	if (v->container >= 0)
		close(v->container);
	v->device = v->group = v->container = -1;
}

int qt_vfio_map_dma(int container, void *mem, __u64 iova, size_t size)
{
	struct vfio_iommu_type1_dma_map m = {
		.argsz = sizeof(m),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)mem,
		.iova = iova,
		.size = size,
	};

	return ioctl(container, VFIO_IOMMU_MAP_DMA, &m) ? -errno : 0;
}

int qt_vfio_region(int device, unsigned int index, __u64 *offset, __u64 *size)
{
	struct vfio_region_info r = { .argsz = sizeof(r), .index = index };

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &r))
		return -errno;
	*offset = r.offset;
	*size = r.size;
	return 0;
}

int qt_vfio_enable(int device)
{
	__u64 offset = 0, size;
	__u16 command;
	int ret = qt_vfio_region(device, VFIO_PCI_CONFIG_REGION_INDEX, &offset, &size);

	if (ret)
		return ret;
	offset += PCI_COMMAND;
	if (pread(device, &command, sizeof(command), offset) != sizeof(command))
		return -EIO;
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(device, &command, sizeof(command), offset) != sizeof(command))
		return -EIO;
	return 0;
}

void *qt_vfio_map_bar(int device, unsigned int index, size_t *size)
{
	__u64 offset = 0, len = 0;
	void *p;
	int ret = qt_vfio_region(device, index, &offset, &len);

	if (ret) {
		errno = -ret;
		return NULL;
	}
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, device, offset);
	if (size)
		*size = len;
	return p == MAP_FAILED ? NULL : p;
}

int qt_vfio_on_request(int device, int eventfd)
{
	struct {
		struct vfio_irq_set set;
		__s32 fd;
	} s = {
		.set = {
			.argsz = sizeof(s), .index = VFIO_PCI_REQ_IRQ_INDEX, .count = 1,
			.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		},
		.fd = eventfd,
	};

	return ioctl(device, VFIO_DEVICE_SET_IRQS, &s) ? -errno : 0;
}

static void edu_write(volatile void *regs, unsigned int reg, __u64 value)
{
	*(volatile __u64 *)((volatile char *)regs + reg) = value;
}

static __u64 edu_read(volatile void *regs, unsigned int reg)
{
	return *(volatile __u64 *)((volatile char *)regs + reg);
}

int qt_edu_dma(volatile void *regs, __u64 from, __u64 to)
{
	int i;

	edu_write(regs, EDU_DMA_FROM, from);
	edu_write(regs, EDU_DMA_TO, to);
	edu_write(regs, EDU_DMA_COUNT, 64);
	edu_write(regs, EDU_DMA_CMD, EDU_CMD_RUN | (from == QT_EDU_BUFFER ? EDU_CMD_OUT : 0));
	for (i = 0; i < 600; i++) {
		if (!(edu_read(regs, EDU_DMA_CMD) & EDU_CMD_RUN))
			return 0;
		qt_sleep_ms(5);
	}
	return -ETIMEDOUT;
}
