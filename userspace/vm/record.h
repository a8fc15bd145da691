/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a supervisor must not forget if it is killed: one file for each VM that it runs, in
 * /run/qwamos-gpu/vm, locked for as long as the supervisor lives. A file that nobody holds locked
 * tells the next run what is left to be put back.
 */
#ifndef QWAMOS_VM_RECORD_H
#define QWAMOS_VM_RECORD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"
#include "vfio/vfio.h"

/** QRECORD_DIR - where the files are; $QWAMOS_RUN_DIR overrides it */
#define QRECORD_DIR "/run/qwamos-gpu/vm"

/**
 * struct qrecord - one VM's
 * @fd: the locked file; -1: read only, or none
 * @name: the VM's name
 * @pid: its supervisor
 * @vm_id: its id in the kernel, 0: none yet
 * @cgroup: path of its cgroup, "": none yet
 * @config: its config file, "": none
 * @bound: addresses that go back to their drivers when it ends
 * @n_bound: their number
 */
struct qrecord {
	int fd;
	char name[64];
	pid_t pid;
	uint64_t vm_id;
	char cgroup[PATH_MAX];
	char config[PATH_MAX];
	char (*bound)[QVFIO_ADDR_LEN];
	size_t n_bound;
};

/** qrecord_dir() - where they are, and what else belongs to running VMs */
void qrecord_dir(char path[PATH_MAX]);

/**
 * qrecord_take() - lock the record of a VM, which is made if there is none
 * @name: the VM's name
 * @r: out: what it holds; qrecord_drop() or qrecord_remove() it
 * @e: error, may be NULL
 *
 * Return: 1: it was left by a supervisor that is gone, @r tells what it held; 0: it is new; or a
 * negative errno (-EBUSY: its supervisor lives, @r->pid)
 */
int qrecord_take(const char *name, struct qrecord *r, struct qerr *e);

/** qrecord_write() - write it down; return: 0 or a negative errno */
int qrecord_write(const struct qrecord *r, struct qerr *e);

/** qrecord_add_bound() - one more address that goes back */
void qrecord_add_bound(struct qrecord *r, const char *addr);

/** qrecord_drop_bound() - one address less */
void qrecord_drop_bound(struct qrecord *r, const char *addr);

/**
 * qrecord_list() - all records
 * @recs: out: array; qrecord_list_free() it
 * @n: out: its length
 * @e: error, may be NULL
 *
 * Unlocked ones too; qrecord_alive() tells.
 *
 * Return: 0 or a negative errno
 */
int qrecord_list(struct qrecord **recs, size_t *n, struct qerr *e);

/** qrecord_list_free() - free what qrecord_list() gave */
void qrecord_list_free(struct qrecord *recs, size_t n);

/**
 * qrecord_find() - read the record of @name without locking it; return: 0 or a negative errno
 * (-ENOENT)
 */
int qrecord_find(const char *name, struct qrecord *r, struct qerr *e);

/** qrecord_alive() - does a supervisor hold it? */
bool qrecord_alive(const struct qrecord *r);

/**
 * qrecord_remove() - the VM is over and all is put back: remove the file, unlock it and free what
 * @r points to
 */
void qrecord_remove(struct qrecord *r);

/** qrecord_drop() - unlock it and free what @r points to; the file stays */
void qrecord_drop(struct qrecord *r);

#endif
