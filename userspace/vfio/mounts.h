/* SPDX-License-Identifier: GPL-2.0-only */
/* On which file systems a file may be looked at without waiting for a server. */
#ifndef QWAMOS_VFIO_MOUNTS_H
#define QWAMOS_VFIO_MOUNTS_H

#include <stddef.h>
#include <sys/types.h>

/**
 * enum qmount_kind - who answers for a file system
 * @QMOUNT_UNKNOWN: not known, or a file system that stands on others
 * @QMOUNT_LOCAL: the kernel itself
 * @QMOUNT_REMOTE: a server or a process, which may be dead
 */
enum qmount_kind {
	QMOUNT_UNKNOWN,
	QMOUNT_LOCAL,
	QMOUNT_REMOTE,
};

/**
 * struct qmount - one mount
 * @id: its number, as fdinfo and mountinfo tell it
 * @dev: device number of its file system
 * @kind: may its files be looked at?
 */
struct qmount {
	int id;
	dev_t dev;
	enum qmount_kind kind;
};

/**
 * struct qmounts - mounts of all mount namespaces that were looked at
 * @list: the mounts
 * @n: their number
 * @spaces: names of these namespaces
 * @n_spaces: their number
 */
struct qmounts {
	struct qmount *list;
	size_t n;
	char (*spaces)[32];
	size_t n_spaces;
};

/** qmounts_add() - read the mounts of a process's mount namespace, once; @proc: its /proc/PID */
void qmounts_add(struct qmounts *m, int proc);

/** qmounts_by_id() - the kind of a mount, by its number in fdinfo */
enum qmount_kind qmounts_by_id(const struct qmounts *m, int id);

/** qmounts_by_dev() - the kind of a file system, by its device number in maps */
enum qmount_kind qmounts_by_dev(const struct qmounts *m, dev_t dev);

/** qmounts_free() - free what @m points to */
void qmounts_free(struct qmounts *m);

#endif
