/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The user that a VM's program runs as where no sandbox gives it one: whom people have named, what
 * of that user's groups it keeps, and whether it can reach what it is told to use.
 */
#ifndef QWAMOS_VM_USER_H
#define QWAMOS_VM_USER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/err.h"

/** QVM_USER_GROUPS - how many supplementary groups are kept at most: one for each node of KVM */
#define QVM_USER_GROUPS 2

/**
 * struct qvm_user - a user
 * @same: that of the supervisor, which is not changed; the rest says nothing then
 * @uid: real, effective and saved
 * @gid: the same of its group
 * @groups: supplementary groups
 * @n_groups: their number
 * @name: its name, "": it has none
 * @home: its home directory
 */
struct qvm_user {
	bool same;
	uid_t uid;
	gid_t gid;
	gid_t groups[QVM_USER_GROUPS];
	size_t n_groups;
	char name[64];
	char home[PATH_MAX];
};

/**
 * qvm_user_find() - look a user up
 * @text: NAME or UID, which :GROUP or :GID may follow; must for a number that has no name
 * @u: out
 * @e: error: what was found, and what is accepted
 *
 * Of the user's supplementary groups those are kept by which it may open /dev/kvm and
 * /dev/vhost-net. Users of sandboxes (QSANDBOX_UID) are refused, and root's group for another user.
 *
 * Return: 0 or a negative errno (-ENOENT: there is no such user or group)
 */
int qvm_user_find(const char *text, struct qvm_user *u, struct qerr *e);

/**
 * qvm_user_choose() - decide whom a VM's program runs as
 * @text: as for qvm_user_find(); NULL: none was named
 * @as_root: root is accepted
 * @u: out
 * @e: error, with the options --user and --as-root as people give them
 *
 * Return: 0 or a negative errno (-EPERM: it would be root, or this caller can't name another user)
 */
int qvm_user_choose(const char *text, bool as_root, struct qvm_user *u, struct qerr *e);

/** qvm_user_text() - @u as people read it: "user qemu (uid 107, gid 107, groups 36)" */
void qvm_user_text(const struct qvm_user *u, char *buf, size_t len);

/**
 * qvm_user_check() - before anything is made: can the user execute a program, and read those files
 * that its arguments name?
 * @u: the user
 * @argv: program and arguments
 * @e: error: which path, and who can't reach it
 *
 * What is not there is not looked for: the program may be about to make it.
 *
 * Return: 0; -ENOEXEC: it can't execute the program; -EACCES: it can't read a file; or another
 * negative errno
 */
int qvm_user_check(const struct qvm_user *u, char *const *argv, struct qerr *e);

/**
 * qvm_user_become() - in the new process: become @u, for good
 * @u: the user
 * @e: error
 *
 * Without capabilities, also in the bounding set, with no_new_privs, and without the ioctls that
 * type on the supervisor's terminal. HOME, USER and LOGNAME are the user's.
 *
 * Return: 0 or a negative errno
 */
int qvm_user_become(const struct qvm_user *u, struct qerr *e);

#endif
