/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a supervisor must not forget if it is killed: one file for each VM that it runs, in
 * /run/qwamos-gpu/vm, locked for as long as the supervisor lives. A file that nobody holds locked
 * tells the next run what is left to be put back. Folder and files are root's alone: who can open a
 * file can lock it, and nobody else's lock may keep a VM from starting.
 */
#ifndef QWAMOS_VM_RECORD_H
#define QWAMOS_VM_RECORD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "util/err.h"
#include "vfio/vfio.h"

/** QRECORD_DIR - where the files are; $QWAMOS_RUN_DIR overrides it */
#define QRECORD_DIR "/run/qwamos-gpu/vm"

/**
 * struct qrecord_disk - a file or block device that a VM has
 * @block: it is a block device
 * @dev: its file system's number; of a block device its own
 * @ino: its inode; 0 of a block device
 * @write: the VM may write to it
 */
struct qrecord_disk {
	bool block;
	uint64_t dev;
	uint64_t ino;
	bool write;
};

/** QRECORD_DISKS - how many a VM may have */
#define QRECORD_DISKS 256

/**
 * struct qrecord - one VM's
 * @fd: the locked file; -1: read only, or none
 * @name: the VM's name
 * @pid: its supervisor
 * @vm_id: its id in the kernel, 0: none yet
 * @cgroup: path of its cgroup, "": none yet
 * @config: its config file, "": none
 * @config_sha256: digest of that file's bytes when the VM was started, in hex; "": not known
 * @bound: addresses that go back to their drivers when it ends
 * @n_bound: their number
 * @disks: what it reads and writes of the host's files
 * @n_disks: their number
 * @damage: why it can't be read, "": it can; else all but @fd and @name is as of an empty one
 */
struct qrecord {
	int fd;
	char name[64];
	pid_t pid;
	uint64_t vm_id;
	char cgroup[PATH_MAX];
	char config[PATH_MAX];
	char config_sha256[65];
	char (*bound)[QVFIO_ADDR_LEN];
	size_t n_bound;
	struct qrecord_disk *disks;
	size_t n_disks;
	char damage[160];
};

/** qrecord_dir() - where they are, and what else belongs to running VMs */
void qrecord_dir(char path[PATH_MAX]);

/**
 * qrecord_take() - lock the record of a VM, which is made if there is none
 * @name: the VM's name
 * @r: out: what it holds; qrecord_drop() or qrecord_remove() it
 * @e: error, may be NULL
 *
 * Return: 1: it was left by a supervisor that is gone, @r tells what it held, or is damaged; 0: it
 * is new; or a negative errno (-EBUSY: its supervisor lives, @r->pid; -EBADMSG: what has its name
 * is no file)
 */
int qrecord_take(const char *name, struct qrecord *r, struct qerr *e);

/** qrecord_write() - write it down; return: 0 or a negative errno */
int qrecord_write(const struct qrecord *r, struct qerr *e);

/** qrecord_add_bound() - one more address that goes back */
void qrecord_add_bound(struct qrecord *r, const char *addr);

/** qrecord_add_disk() - one more; a file that is there already is written to if either says so */
void qrecord_add_disk(struct qrecord *r, const struct qrecord_disk *d);

/** qrecord_disk_of() - what @st is */
struct qrecord_disk qrecord_disk_of(const struct stat *st, bool write);

/**
 * qrecord_find_disk() - find out which VM that runs has a disk of this one's
 * @r: the record, written down: of two that start at once, one at least sees the other
 * @at: out: which of @r->disks
 * @other: out: the VM's name, "": none
 *
 * One of which a process is left runs, too. What both only read both may have.
 *
 * Return: 0 or a negative errno
 */
int qrecord_find_disk(const struct qrecord *r, size_t *at, char other[64], struct qerr *e);

/** qrecord_drop_bound() - one address less */
void qrecord_drop_bound(struct qrecord *r, const char *addr);

/**
 * qrecord_list() - all records
 * @recs: out: array; qrecord_list_free() it
 * @n: out: its length
 * @e: error, may be NULL
 *
 * Unlocked ones too; qrecord_alive() tells. And damaged ones.
 *
 * Return: 0 or a negative errno (-EACCES: they are told to root alone)
 */
int qrecord_list(struct qrecord **recs, size_t *n, struct qerr *e);

/** qrecord_list_free() - free what qrecord_list() gave */
void qrecord_list_free(struct qrecord *recs, size_t n);

/**
 * qrecord_find() - read the record of a VM without locking it
 * @name: the VM's name
 * @r: out: what it holds, or that it is damaged; qrecord_drop() it
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno (-ENOENT; -EACCES: that is told to root alone)
 */
int qrecord_find(const char *name, struct qrecord *r, struct qerr *e);

/** qrecord_path() - the file of @name; return: 0 or a negative errno */
int qrecord_path(const char *name, char path[PATH_MAX], struct qerr *e);

/**
 * qrecord_set_aside() - rename a damaged record that nobody holds, so that it is none any more
 * @name: the VM's name
 * @path: out: where it is now
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno
 */
int qrecord_set_aside(const char *name, char path[PATH_MAX], struct qerr *e);

/** qrecord_not_running() - does no supervisor hold it? Return: 0, or -EBUSY as qrecord_take() */
int qrecord_not_running(const char *name, struct qerr *e);

/** qrecord_alive() - does a supervisor hold it? */
bool qrecord_alive(const struct qrecord *r);

/**
 * qrecord_still() - is the supervisor of a record that was read alive, and the record no other's?
 * @r: the record
 *
 * If so, its pid has been its supervisor's ever since it was read.
 */
bool qrecord_still(const struct qrecord *r);

/**
 * qrecord_remove() - the VM is over and all is put back: remove the file, unlock it and free what
 * @r points to
 */
void qrecord_remove(struct qrecord *r);

/** qrecord_drop() - unlock it and free what @r points to; the file stays */
void qrecord_drop(struct qrecord *r);

#endif
