/* SPDX-License-Identifier: GPL-2.0-only */
/* Device nodes of a device, as sysfs shows them. */
#ifndef QWAMOS_VFIO_NODES_H
#define QWAMOS_VFIO_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * struct qnode - one device node
 * @rdev: its number
 * @block: a block device
 * @name: its path below /dev ("dri/card0")
 */
struct qnode {
	dev_t rdev;
	bool block;
	char name[64];
};

/**
 * qnodes_gather() - all nodes of a PCI device, those of devices below it included
 * @addr: address
 * @nodes: in, out: array to which they are added
 * @n: in, out: its length
 */
void qnodes_gather(const char *addr, struct qnode **nodes, size_t *n);

/** qnodes_group() - add the VFIO node of an IOMMU group, if there is one */
void qnodes_group(int group, struct qnode **nodes, size_t *n);

#endif
