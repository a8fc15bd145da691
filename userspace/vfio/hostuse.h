/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the host itself uses a device for, so that it must not be taken from it. The judgement is a
 * pure function of what was seen.
 */
#ifndef QWAMOS_VFIO_HOSTUSE_H
#define QWAMOS_VFIO_HOSTUSE_H

#include <stdbool.h>
#include <stddef.h>

#include "detect/pci.h"
#include "vfio/below.h"
#include "vfio/writer.h"

/**
 * enum quse - does the host use a device?
 * @QUSE_NO: it does not
 * @QUSE_YES: it does
 * @QUSE_UNKNOWN: that can't be told, so it counts as used
 */
enum quse {
	QUSE_NO,
	QUSE_YES,
	QUSE_UNKNOWN,
};

/**
 * struct qhost_use - how the host uses a device
 * @use: whether it does
 * @text: for what ("its disk nvme0n1 is mounted on /"), or why that can't be told
 */
struct qhost_use {
	enum quse use;
	char text[160];
};

/**
 * enum qdisk_claim - is a disk or partition in use?
 * @QDISK_FREE: nobody has claimed it
 * @QDISK_CLAIMED: somebody has
 * @QDISK_UNKNOWN: that can't be told
 */
enum qdisk_claim {
	QDISK_FREE,
	QDISK_CLAIMED,
	QDISK_UNKNOWN,
};

/**
 * struct qdisk - a disk or a partition
 * @name: its name
 * @claim: whether it is in use
 * @detail: by what ("mounted on /"), "": unknown; or why it can't be told whether it is
 */
struct qdisk {
	char name[64];
	enum qdisk_claim claim;
	char detail[96];
};

/**
 * struct quse_facts - what was seen of a device's use
 * @below: what stands below it
 * @disks: disks and partitions among that
 * @n_disks: their number
 * @controller: a controller of disks that is exported as a whole, and by whom, "": none
 * @console: a tty below it that is a console of the kernel, "": none
 * @gpu_slot: it shares the slot of a GPU of its own vendor
 */
struct quse_facts {
	struct qbelow below;
	struct qdisk *disks;
	size_t n_disks;
	char controller[128];
	char console[64];
	bool gpu_slot;
};

/**
 * qhostuse_judge() - tell whether the host uses a device
 * @d: the device
 * @f: what was seen of its use
 * @use: out
 *
 * A device with a driver of which nothing can be known is used. Processes that hold nodes are
 * found by qholders_gather(), and count beside this.
 */
void qhostuse_judge(const struct qpci_dev *d, const struct quse_facts *f, struct qhost_use *use);

/**
 * qhostuse_gather() - look at how the host uses a device, and judge
 * @d: the device
 * @gpu_slot: it shares the slot of a GPU of its own vendor
 * @w: opens disks
 * @use: out
 */
void qhostuse_gather(const struct qpci_dev *d, bool gpu_slot, struct qwriter *w,
		     struct qhost_use *use);

#endif
