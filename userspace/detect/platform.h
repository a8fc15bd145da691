/* SPDX-License-Identifier: GPL-2.0-only */
/* GPUs on the platform bus (device tree): Mali, Adreno and others. */
#ifndef QWAMOS_DETECT_PLATFORM_H
#define QWAMOS_DETECT_PLATFORM_H

#include <stddef.h>

#include "util/err.h"

/**
 * struct qplat_dev - one platform GPU
 * @name: its name on the bus ("fb000000.gpu")
 * @compatible: the compatible string that tells what it is
 * @driver: its driver, "": none
 * @group: number of its IOMMU group, -1: none (yet: on device-tree machines it comes with the first
 * driver)
 */
struct qplat_dev {
	char name[64];
	char compatible[64];
	char driver[64];
	int group;
};

/**
 * struct qplat_list - those that stand there; free with qplat_list_free()
 * @devs: in the order of their names
 * @n: their number
 */
struct qplat_list {
	struct qplat_dev *devs;
	size_t n;
};

/** qplat_gather() - look at the bus of the sysfs at @sys; @l: out; return: 0 or a negative errno */
int qplat_gather(const char *sys, struct qplat_list *l, struct qerr *e);

/** qplat_list_free() - free what @l points to */
void qplat_list_free(struct qplat_list *l);

/** qplat_find() - the device of that name, or NULL */
struct qplat_dev *qplat_find(const struct qplat_list *l, const char *name);

#endif
