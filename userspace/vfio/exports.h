/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What targets of the kernel export to others: they open a block device without a claim, and no
 * process holds it, so only their settings in configfs tell.
 */
#ifndef QWAMOS_VFIO_EXPORTS_H
#define QWAMOS_VFIO_EXPORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "vfio/hostuse.h"
#include "vfio/writer.h"

/**
 * struct qexport - one export
 * @target: who exports: "NVMe", "LIO", "USB"
 * @name: its name there
 * @known: whether the file that it exports could be looked at
 * @st: that file, if @known
 */
struct qexport {
	const char *target;
	char name[48];
	bool known;
	struct stat st;
};

/**
 * struct qexports - all exports of this computer
 * @list: the exports
 * @n: their number
 * @unseen: a target whose exports can't be seen, as configfs is not mounted; NULL: none
 */
struct qexports {
	struct qexport *list;
	size_t n;
	const char *unseen;
};

/**
 * qexports_gather() - read what is exported
 * @x: out
 * @w: looks at the files, with a deadline
 */
void qexports_gather(struct qexports *x, struct qwriter *w);

/**
 * qexports_find() - is a device or a file exported?
 * @x: what is exported
 * @st: a node of a block device, or of a controller's character device; or an image
 * @buf: out, unless QDISK_FREE: "exported by NVMe as lab", or why it can't be told; "" otherwise
 * @len: room, in bytes
 *
 * An export whose file can't be looked at may be of any block device.
 */
enum qdisk_claim qexports_find(const struct qexports *x, const struct stat *st, char *buf,
			       size_t len);

/** qexports_free() - free what @x points to */
void qexports_free(struct qexports *x);

#endif
