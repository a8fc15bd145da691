/* SPDX-License-Identifier: GPL-2.0-only */
/* Nodes by which a driver is used, and that sysfs does not show below the device. */
#ifndef QWAMOS_VFIO_VENDOR_NODES_H
#define QWAMOS_VFIO_VENDOR_NODES_H

#include <stdbool.h>
#include <stddef.h>

#include "detect/pci.h"
#include "vfio/below.h"

/**
 * struct qvendor_node - a range of nodes of a device
 * @node: the first one; of several, its name lacks the number
 * @minors: how many minor numbers there are, from that of @node on
 * @common: all devices of the driver share it. A process that has it holds those devices whose own
 * nodes it has, and all of them if it has none of these
 */
struct qvendor_node {
	struct qbelow_node node;
	unsigned int minors;
	bool common;
};

/**
 * qvendor_nodes_add() - find the nodes of NVIDIA's driver, and ROCm's
 * @d: the device
 * @list: in, out: array to which they are added
 * @n: in, out: its length
 */
void qvendor_nodes_add(const struct qpci_dev *d, struct qvendor_node **list, size_t *n);

/**
 * qvendor_nodes_own() - is a character device one GPU's own node, of a driver that has common
 * nodes as well?
 */
bool qvendor_nodes_own(dev_t rdev);

#endif
