/* SPDX-License-Identifier: GPL-2.0-only */
/* Which processes use a device, through its nodes. */
#ifndef QWAMOS_VFIO_HOLDERS_H
#define QWAMOS_VFIO_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>

#include "vfio/state.h"

/**
 * qholders_gather() - look for the processes that hold a node of a device, open or mapped
 * @devs: devices; holders of those for which @which says so are set
 * @n: their number
 * @which: for each device, whether to look
 *
 * The nodes are those that sysfs shows below the device (DRM, framebuffer, sound, i2c, USB, block,
 * ...), the VFIO node of its IOMMU group, and those of NVIDIA's driver and ROCm's. A node is known
 * by its device number, whatever it is called; files on network file systems are not looked at.
 * /proc is walked, unless no device has a node. Without root only the caller's own processes are
 * seen.
 */
void qholders_gather(struct qvfio_dev *devs, size_t n, const bool *which);

/**
 * qholders_vfio() - processes that have some VFIO device open
 * @list: out: array to free(), NULL: none
 * @n: out: its length
 *
 * Which device an open VFIO device is, the kernel does not tell, and the group's node may have been
 * closed since.
 */
void qholders_vfio(struct qholder **list, size_t *n);

#endif
