/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What of this computer the QEMU of a config may see and take: its sandbox, its cgroup's limits,
 * and the files that it gets as fds.
 */
#ifndef QWAMOS_VM_CONFINE_H
#define QWAMOS_VM_CONFINE_H

#include "config/config.h"
#include "qemu/plan.h"
#include "sandbox/sandbox.h"
#include "util/err.h"
#include "vm/cgroup.h"
#include "vm/files.h"
#include "vm/vm.h"

/** QCONFINE_TMP - below it, directories for what VMs write to disks that they don't keep */
#define QCONFINE_TMP "/var/lib/qwamos-gpu/tmp"

/**
 * struct qconfine - it; free with qconfine_free()
 * @sandbox: the sandbox
 * @limits: the limits
 * @disk: fds of its disk, close-on-exec: to write, to read; -1: none
 * @tmp: its directory below QCONFINE_TMP, locked; -1: none
 */
struct qconfine {
	struct qsandbox sandbox;
	struct qcgroup_limits limits;
	int disk[2];
	int tmp;
};

/**
 * qconfine_plan() - decide, before anything is made
 * @x: out; qconfine_free() it, also after a failure
 * @c: the VM
 * @f: its files, which must stay open as long as @x
 * @p: what it gets
 * @h: of what
 * @e: error
 *
 * Return: 0 or a negative errno
 */
int qconfine_plan(struct qconfine *x, const struct qconfig *c, const struct qvm_files *f,
		  const struct qemu_plan *p, const struct qemu_host *h, struct qerr *e);

/**
 * qconfine_add_vfio() - VFIO's nodes for devices that are bound, with what is in sysfs of them
 * @s: gets them
 * @addrs: the devices
 * @n: their number
 * @e: error
 *
 * Return: 0 or a negative errno
 */
int qconfine_add_vfio(struct qsandbox *s, const char *const *addrs, size_t n, struct qerr *e);

/**
 * qconfine_open() - open its disk, as the manager
 * @x: gets the fds
 * @c: the VM
 * @f: its files
 * @e: error
 *
 * A block device is claimed, so that nobody else can mount it; and both it and an image are locked
 * as QEMU would, as long as @f's fd is open. An image that others have is refused without
 * security.accept_disk_in_use, where that can be told: see vm/disk_lock.h.
 *
 * Return: 0 or a negative errno
 */
int qconfine_open(struct qconfine *x, const struct qconfig *c, const struct qvm_files *f,
		  struct qerr *e);

/**
 * qconfine_apply() - once the VM is made and has its devices
 * @x: as planned
 * @vm: the VM: its cgroup gets the limits and the device filter
 * @p: what it gets
 * @h: of what
 * @e: error
 *
 * Return: 0 or a negative errno
 */
int qconfine_apply(struct qconfine *x, const struct qvm *vm, const struct qemu_plan *p,
		   const struct qemu_host *h, struct qerr *e);

/**
 * qconfine_remove_tmp() - remove what the VM has written to a disk that it does not keep
 * @x: as applied, or not; its QEMU has ended
 */
void qconfine_remove_tmp(struct qconfine *x);

/**
 * qconfine_mend_tmp() - remove what VMs have written to such disks and left, for the computer or
 * their supervisor went down: those whose directory nobody holds locked
 */
void qconfine_mend_tmp(void);

/**
 * qconfine_limit_io() - what it may read and write of the disks that its files are on
 * @x: as opened, and applied
 * @vm: the VM: its cgroup gets the limits
 * @c: what the limits are, if any
 * @e: error
 *
 * Return: 0 or a negative errno
 */
int qconfine_limit_io(const struct qconfine *x, const struct qvm *vm, const struct qconfig *c,
		      struct qerr *e);

/** qconfine_free() - close, remove and free what @x has */
void qconfine_free(struct qconfine *x);

#endif
