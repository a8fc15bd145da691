/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a VM's supervisor stands: in a cgroup beside the VM's, below the same limits. So what it
 * does for the VM is paid by the VM; but it is no member, and not killed with it.
 */
#ifndef QWAMOS_VM_SUPER_H
#define QWAMOS_VM_SUPER_H

#include <limits.h>

#include "util/err.h"
#include "vm/cgroup.h"

/**
 * struct qsuper - a supervisor's place; all zero: where it was
 * @from: cgroup that it came from; "": it has not left it
 * @oom: its oom_score_adj before; "": that is as it was
 */
struct qsuper {
	char from[PATH_MAX];
	char oom[16];
};

/**
 * qsuper_enter() - move the calling process into QCGROUP_SUPER
 * @s: out
 * @cg: the VM's cgroups
 * @e: error, may be NULL
 *
 * Where the VM's directory has no memory left, it is the VM that the kernel is to kill, and not the
 * process that cleans up after it: as root, it can't be killed for that any more.
 *
 * Return: 0 or a negative errno
 */
int qsuper_enter(struct qsuper *s, const struct qcgroup *cg, struct qerr *e);

/**
 * qsuper_leave() - go back to where it came from, or to the top of the hierarchy if that is gone;
 * before the VM's cgroups are removed, with whoever stands in them
 * @s: as entered, or not
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno
 */
int qsuper_leave(struct qsuper *s, struct qerr *e);

/**
 * qsuper_child() - in a process that it has forked and that becomes the VM's: it may be killed when
 * there is no memory left; while it is root, for else it can make itself what it was; safe between
 * fork and exec
 * @s: as entered, or not
 */
void qsuper_child(const struct qsuper *s);

#endif
