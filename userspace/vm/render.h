/* SPDX-License-Identifier: GPL-2.0-only */
/* Render nodes of this computer: which one a VM's 3D comes from, and what tells libdrm of it. */
#ifndef QWAMOS_VM_RENDER_H
#define QWAMOS_VM_RENDER_H

#include <limits.h>
#include <stdbool.h>

#include "detect/pci.h"
#include "sandbox/sandbox.h"
#include "util/err.h"

/**
 * struct qvm_render - a render node
 * @path: "/dev/dri/renderD128"
 * @device: the device that has it, below sysfs: "devices/pci0000:00/0000:00:02.0"
 * @addr: PCI address of the GPU; "": it has none
 * @driver: driver of that device
 */
struct qvm_render {
	char path[32];
	char device[PATH_MAX];
	char addr[QPCI_ADDR_LEN];
	char driver[64];
};

/**
 * qvm_render_find() - the render node of a GPU
 * @sys: "/sys"
 * @addr: its PCI address, in full; NULL: of the GPU that the host shows itself on (the boot VGA),
 *     or else the first, of those that draw in 3D
 * @r: out
 * @e: error
 *
 * Nodes of devices without a driver, such as vgem's, are none of a GPU.
 *
 * Return: 0 or a negative errno: -ENODEV: there is none
 */
int qvm_render_find(const char *sys, const char *addr, struct qvm_render *r, struct qerr *e);

/**
 * qvm_render_draws() - does it draw in 3D?
 *
 * virtio-gpu has a render node in 2D as well. Whose node can't be opened is thought to draw.
 */
bool qvm_render_draws(const struct qvm_render *r);

/**
 * qvm_render_open() - open a node that was found, if it is still that GPU's
 * @r: the node
 * @sys: "/sys"
 * @e: error
 *
 * Return: fd or a negative errno
 */
int qvm_render_open(const struct qvm_render *r, const char *sys, struct qerr *e);

/** qvm_render_name() - what to call a GPU: its address, or its node's path */
const char *qvm_render_name(const struct qvm_render *r);

/**
 * qvm_render_add_sysfs() - the part of sysfs by which libdrm finds out what a node is
 * @r: the real node
 * @sys: "/sys"
 * @node: the one in the sandbox
 * @s: gets it
 * @e: error
 *
 * Copies, as they are now: what kind of device, and its ids; no attribute that does anything.
 *
 * Return: 0 or a negative errno
 */
int qvm_render_add_sysfs(const struct qvm_render *r, const char *sys,
			 const struct qsandbox_node *node, struct qsandbox *s, struct qerr *e);

#endif
