/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cgroups of a VM. Its directory below "qwamos", at the top of the hierarchy (v2), has the
 * limits of both that are in it: "vm", which the kernel knows as the VM's, and "super", where the
 * supervisor stands, so that its work is paid by the VM. Who stands in or below "vm" at VM_JOIN is
 * the VM's, with all descendants, and the kernel module kills these when the VM ends;
 * qcgroup_remove() ends whoever else is there.
 */
#ifndef QWAMOS_VM_CGROUP_H
#define QWAMOS_VM_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"

/** QCGROUP_PARENT - directory of the VMs' cgroups, below the mount point of the hierarchy */
#define QCGROUP_PARENT "qwamos"

/** QCGROUP_VM - that of the VM's processes, in the VM's directory */
#define QCGROUP_VM "vm"
/** QCGROUP_SUPER - that of its supervisor */
#define QCGROUP_SUPER "super"

/**
 * struct qcgroup - those of one VM
 * @fd: directory of QCGROUP_VM, -1: none
 * @path: path of the VM's directory
 */
struct qcgroup {
	int fd;
	char path[PATH_MAX];
};

/**
 * qcgroup_top() - where the hierarchy is mounted
 * @path: out
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno (-ENOENT: no cgroup v2 hierarchy is mounted)
 */
int qcgroup_top(char path[PATH_MAX], struct qerr *e);

/**
 * qcgroup_path() - where the cgroups of a VM are, whether they exist or not
 * @name: the VM's name
 * @path: out
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno (-ENOENT: no cgroup v2 hierarchy is mounted)
 */
int qcgroup_path(const char *name, char path[PATH_MAX], struct qerr *e);

/**
 * qcgroup_create() - make the cgroups of a VM
 * @name: the VM's name
 * @cg: out; qcgroup_close() it
 * @e: error, may be NULL
 *
 * Empty ones that are left over are replaced by new ones.
 *
 * Return: 0 or a negative errno (-EBUSY: processes stand in a left-over one)
 */
int qcgroup_create(const char *name, struct qcgroup *cg, struct qerr *e);

/**
 * struct qcgroup_limits - what the processes of a VM may take together
 * @memory: in bytes, without any swap; beyond it the kernel kills them all
 * @pids: processes and threads
 * @cpu_percent: of one CPU's time
 * @files: bytes of files that are copied into memory before its processes enter their cgroup: paid
 *     by that of the supervisor, and so by the VM's directory alone
 */
struct qcgroup_limits {
	uint64_t memory;
	unsigned int pids;
	unsigned int cpu_percent;
	uint64_t files;
};

/** QCGROUP_DISKS - how many disks a VM may use */
#define QCGROUP_DISKS 4

/**
 * struct qcgroup_io - what the processes of a cgroup may read and write of each of some disks
 * @disks: the disks
 * @n_disks: their number
 * @read_bytes: bytes in a second; 0: as many as they like; so the others
 * @write_bytes: bytes in a second
 * @read_ops: operations in a second
 * @write_ops: operations in a second
 */
struct qcgroup_io {
	dev_t disks[QCGROUP_DISKS];
	size_t n_disks;
	uint64_t read_bytes;
	uint64_t write_bytes;
	uint64_t read_ops;
	uint64_t write_ops;
};

/**
 * qcgroup_add_disk() - the disk that a file is on, or is
 * @io: gets it, if it is not there yet
 * @fd: of the file
 * @path: what people call it, for errors
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno (-ENOTSUP: its file system is on no disk of its own)
 */
int qcgroup_add_disk(struct qcgroup_io *io, int fd, const char *path, struct qerr *e);

/**
 * qcgroup_limit_io() - set limits of disks
 * @cg: the cgroup
 * @io: they
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno (-ENOTSUP: the kernel has no such limit)
 */
int qcgroup_limit_io(const struct qcgroup *cg, const struct qcgroup_io *io, struct qerr *e);

/**
 * qcgroup_limit() - set limits
 * @cg: the cgroups; the VM's directory has the same with what the supervisor may take added
 * @l: they
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno (-ENOTSUP: the kernel has no such limit)
 */
int qcgroup_limit(const struct qcgroup *cg, const struct qcgroup_limits *l, struct qerr *e);

/**
 * qcgroup_enter() - move the calling process into QCGROUP_VM; safe between fork and exec; return: 0
 * or a negative errno
 */
int qcgroup_enter(const struct qcgroup *cg);

/** qcgroup_populated() - does a process stand in the cgroup at @path or below it? */
bool qcgroup_populated(const char *path);

/**
 * qcgroup_remove() - kill what is left in the cgroup at @path, and remove it with all below it
 * @path: the cgroup; none there is no error
 * @timeout_ms: how long its processes may take to end, in ms
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno (-EBUSY: they did not end in time)
 */
int qcgroup_remove(const char *path, int timeout_ms, struct qerr *e);

/** qcgroup_close() - close the directory; the cgroup stays */
void qcgroup_close(struct qcgroup *cg);

#endif
