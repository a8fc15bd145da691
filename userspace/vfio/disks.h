/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a disk or partition is in use, as the kernel tells it. */
#ifndef QWAMOS_VFIO_DISKS_H
#define QWAMOS_VFIO_DISKS_H

#include <stddef.h>

#include "vfio/below.h"
#include "vfio/exports.h"
#include "vfio/hostuse.h"
#include "vfio/writer.h"

/**
 * qdisk_check() - find out whether a block device is in use
 * @node: the block device
 * @w: opens it, with a deadline
 * @x: what the kernel exports
 * @disk: out
 *
 * Opens the node with O_EXCL, which the kernel refuses while anybody has claimed the device: a
 * mounted file system in whatever mount namespace, swap, md, LVM, dm-multipath, ZFS, bcache. Loop
 * devices and some targets claim nothing, and are asked one by one. Where the node can't be opened,
 * or is another device's, the answer is QDISK_UNKNOWN. Mount points and the like are looked up for
 * the message only, once the answer is known.
 */
void qdisk_check(const struct qbelow_node *node, struct qwriter *w, const struct qexports *x,
		 struct qdisk *disk);

#endif
