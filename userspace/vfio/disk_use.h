/* SPDX-License-Identifier: GPL-2.0-only */
/* What a disk, or an image of one, is used for; for those who know no device (vfio/disks.h). */
#ifndef QWAMOS_VFIO_DISK_USE_H
#define QWAMOS_VFIO_DISK_USE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/**
 * qdisk_why_claimed() - what a block device is claimed for
 * @rdev: its number
 * @buf: out: "mounted on /", "swap space", "part of the volume md0"; or what it may be
 * @len: room, in bytes
 */
void qdisk_why_claimed(dev_t rdev, char *buf, size_t len);

/**
 * qdisk_unclaimed_use() - find out whether the kernel uses a file or block device that it has not
 * claimed
 * @st: the file or block device
 * @buf: out, if so: "under the loop device loop0", "exported by NVMe as lab", or why that can't be
 *     told
 * @len: room, in bytes
 *
 * Return: whether it does, or may do so
 */
bool qdisk_unclaimed_use(const struct stat *st, char *buf, size_t len);

#endif
