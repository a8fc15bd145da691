/* SPDX-License-Identifier: GPL-2.0-only */
/* What stands below a device in sysfs: its nodes, disks, network interfaces, USB devices. */
#ifndef QWAMOS_VFIO_BELOW_H
#define QWAMOS_VFIO_BELOW_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * struct qbelow_node - one device node
 * @rdev: its number
 * @block: a block device
 * @name: its path below /dev ("dri/card0")
 */
struct qbelow_node {
	dev_t rdev;
	bool block;
	char name[64];
};

/**
 * struct qnetif - one network interface
 * @name: its name
 * @up: it is up
 * @upper: the interface that it is part of (a bond, a bridge, ...), "": none
 */
struct qnetif {
	char name[32];
	bool up;
	char upper[32];
};

/**
 * struct qbelow - what stands below a device; free with qbelow_free()
 * @nodes: device nodes, those of the disks of NVMe multipath included
 * @n_nodes: their number
 * @netifs: network interfaces
 * @n_netifs: their number
 * @netifs_elsewhere: number of interfaces that are in other network namespaces
 * @lost_disks: names of disks that have no node themselves, and whose head was not found
 * @n_lost_disks: their number
 * @mdevs: names of active mediated devices
 * @n_mdevs: their number
 * @usb_hub: it is a USB controller with a root hub
 * @usb_device: name of a USB device that is plugged in, "": none
 * @usb_product: what that device calls itself
 */
struct qbelow {
	struct qbelow_node *nodes;
	size_t n_nodes;
	struct qnetif *netifs;
	size_t n_netifs;
	size_t netifs_elsewhere;
	char (*lost_disks)[32];
	size_t n_lost_disks;
	char (*mdevs)[40];
	size_t n_mdevs;
	bool usb_hub;
	char usb_device[32];
	char usb_product[48];
};

/**
 * qbelow_gather() - walk a PCI device's folder in sysfs
 * @addr: address
 * @b: out
 *
 * With native NVMe multipath a disk stands below its subsystem, and the controller has only a
 * hidden one: subsystems of the device's controllers are walked as well.
 */
void qbelow_gather(const char *addr, struct qbelow *b);

/** qbelow_free() - free what @b points to */
void qbelow_free(struct qbelow *b);

/** qnode_read() - the node of a device by its folder in sysfs; return: whether it has one */
bool qnode_read(const char *path, struct qbelow_node *node);

#endif
