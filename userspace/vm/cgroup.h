/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cgroup of a VM: who stands in it or below it at VM_JOIN is the VM's, with all descendants,
 * and the kernel module kills these when the VM ends; qcgroup_remove() ends whoever else is there.
 * Cgroups (v2) of VMs are directories of "qwamos" at the top of the hierarchy.
 */
#ifndef QWAMOS_VM_CGROUP_H
#define QWAMOS_VM_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

/** QCGROUP_PARENT - directory of the VMs' cgroups, below the mount point of the hierarchy */
#define QCGROUP_PARENT "qwamos"

/**
 * struct qcgroup - one cgroup
 * @fd: its directory, -1: none
 * @path: its path
 */
struct qcgroup {
	int fd;
	char path[PATH_MAX];
};

/**
 * qcgroup_path() - where the cgroup of a VM is, whether it exists or not
 * @name: the VM's name
 * @path: out
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno (-ENOENT: no cgroup v2 hierarchy is mounted)
 */
int qcgroup_path(const char *name, char path[PATH_MAX], struct qerr *e);

/**
 * qcgroup_create() - make the cgroup of a VM
 * @name: the VM's name
 * @cg: out; qcgroup_close() it
 * @e: error, may be NULL
 *
 * An empty one that is left over is replaced by a new one.
 *
 * Return: 0 or a negative errno (-EBUSY: processes stand in a left-over one)
 */
int qcgroup_create(const char *name, struct qcgroup *cg, struct qerr *e);

/**
 * struct qcgroup_limits - what the processes of a cgroup may take together
 * @memory: in bytes, without any swap; beyond it the kernel kills them all
 * @pids: processes and threads
 * @cpu_percent: of one CPU's time
 */
struct qcgroup_limits {
	uint64_t memory;
	unsigned int pids;
	unsigned int cpu_percent;
};

/**
 * qcgroup_limit() - set limits
 * @cg: the cgroup
 * @l: they
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno (-ENOTSUP: the kernel has no such limit)
 */
int qcgroup_limit(const struct qcgroup *cg, const struct qcgroup_limits *l, struct qerr *e);

/**
 * qcgroup_enter() - move the calling process into it; safe between fork and exec; return: 0 or a
 * negative errno
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
