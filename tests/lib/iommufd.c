// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/vfio.h>

#include "iommufd.h"

/* As in linux/vfio.h and linux/iommufd.h of 6.6. */
#define BIND_IOMMUFD   _IO(VFIO_TYPE, VFIO_BASE + 18)
#define ATTACH_PT      _IO(VFIO_TYPE, VFIO_BASE + 19)
#define DETACH_PT      _IO(VFIO_TYPE, VFIO_BASE + 20)
#define IOAS_ALLOC     _IO(';', 0x81)
#define IOAS_MAP       _IO(';', 0x85)
#define IOAS_UNMAP     _IO(';', 0x86)
#define MAP_FIXED_IOVA (1 << 0)
#define MAP_WRITEABLE  (1 << 1)
#define MAP_READABLE   (1 << 2)

static int call(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? -errno : 0;
}

int qt_cdev(const char *addr)
{
	char path[512];
	struct dirent *e;
	int fd = -1;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", addr);
	d = opendir(path);
	if (!d)
		return -errno;
	errno = ENOENT;
	while (fd < 0 && (e = readdir(d)))
		if (!strncmp(e->d_name, "vfio", 4)) {
			snprintf(path, sizeof(path), "/dev/vfio/devices/%s", e->d_name);
			fd = open(path, O_RDWR | O_CLOEXEC);
			break;
		}
	fd = fd < 0 ? -errno : fd;
	closedir(d);
	return fd;
}

int qt_iommufd(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int qt_cdev_bind(int device, int iommufd)
{
	struct {
		__u32 argsz;
		__u32 flags;
		__s32 iommufd;
		__u32 out_devid;
	} a = { .argsz = sizeof(a), .iommufd = iommufd };

	return call(device, BIND_IOMMUFD, &a);
}

int qt_cdev_attach(int device, __u32 ioas)
{
	struct {
		__u32 argsz;
		__u32 flags;
		__u32 pt_id;
	} a = { .argsz = sizeof(a), .pt_id = ioas };

	return call(device, ATTACH_PT, &a);
}

int qt_cdev_detach(int device)
{
	struct {
		__u32 argsz;
		__u32 flags;
	} a = { .argsz = sizeof(a) };

	return call(device, DETACH_PT, &a);
}

int qt_ioas_new(int iommufd, __u32 *ioas)
{
	struct {
		__u32 size;
		__u32 flags;
		__u32 out_ioas_id;
	} a = { .size = sizeof(a) };
	int ret = call(iommufd, IOAS_ALLOC, &a);

	*ioas = a.out_ioas_id;
	return ret;
}

int qt_ioas_map(int iommufd, __u32 ioas, void *mem, __u64 iova, size_t size)
{
	struct {
		__u32 size;
		__u32 flags;
		__u32 ioas_id;
		__u32 __reserved;
		__u64 user_va;
		__u64 length;
		__u64 iova;
	} a = {
		.size = sizeof(a),
		.flags = MAP_FIXED_IOVA | MAP_WRITEABLE | MAP_READABLE,
		.ioas_id = ioas,
		.user_va = (uintptr_t)mem,
		.length = size,
		.iova = iova,
	};

	return call(iommufd, IOAS_MAP, &a);
}

int qt_ioas_unmap(int iommufd, __u32 ioas, __u64 iova, size_t size)
{
	struct {
		__u32 size;
		__u32 ioas_id;
		__u64 iova;
		__u64 length;
	} a = { .size = sizeof(a), .ioas_id = ioas, .iova = iova, .length = size };

	return call(iommufd, IOAS_UNMAP, &a);
}
