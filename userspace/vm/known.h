/* SPDX-License-Identifier: GPL-2.0-only */
/* VMs as people know them: by their configs, and by the records of those that run. */
#ifndef QWAMOS_VM_KNOWN_H
#define QWAMOS_VM_KNOWN_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "config/diag.h"
#include "util/err.h"
#include "vm/record.h"

/**
 * enum qvm_known_state - what a VM is doing
 * @QVM_STOPPED: it has a config and does not run
 * @QVM_RUNNING: a supervisor is with it
 * @QVM_LEFT_OVER: its supervisor was killed, and what it has left is not put back yet
 * @QVM_BROKEN: it does not run, and can't be started with its config as it is
 * @QVM_DAMAGED: its record can't be read, and no supervisor is with it
 * @QVM_UNTOLD: whether it runs is told to root alone
 */
enum qvm_known_state {
	QVM_STOPPED,
	QVM_RUNNING,
	QVM_LEFT_OVER,
	QVM_BROKEN,
	QVM_DAMAGED,
	QVM_UNTOLD,
};

/**
 * struct qvm_known - a VM; qvm_known_free() it
 * @name: its name; that of its folder if the config does not tell one
 * @state: &enum qvm_known_state
 * @path: its config, NULL: none (`qwamos-gpu vm run`)
 * @config: what the config says, if @path is not NULL
 * @diags: and what there is to say about it
 * @broken: the first thing that is wrong with it; NULL: nothing
 * @note: what may surprise about its name; NULL: nothing
 * @rec: its record, if it runs or has left something
 */
struct qvm_known {
	char name[64];
	int state;
	char *path;
	struct qconfig config;
	struct qdiags diags;
	char *broken;
	char *note;
	struct qrecord rec;
};

/**
 * qvm_know() - the VM that is meant by what people type
 * @vm: the path of its config; its name, if it runs; or a name for qvm_find_config()
 * @vms_dir: as in qvm_find_config()
 * @k: out; qvm_known_free() it, also after a failure
 * @e: error, may be NULL
 *
 * A config that is broken is no failure, nor is a damaged record, this VM's or another's.
 *
 * Return: 0 or a negative errno (-ENOENT: there is none)
 */
int qvm_know(const char *vm, const char *vms_dir, struct qvm_known *k, struct qerr *e);

/**
 * qvm_know_record() - the same, for who wants to know of its record alone
 * @vm: as in qvm_know()
 * @vms_dir: as in qvm_know()
 * @k: out; its config may not have been read: then @diags and @broken are empty
 * @e: error, may be NULL
 *
 * Return: as qvm_know()
 */
int qvm_know_record(const char *vm, const char *vms_dir, struct qvm_known *k, struct qerr *e);

/**
 * qvm_know_all() - those of @vms_dir, and those that run or have left something
 * @vms_dir: as in qvm_list_configs()
 * @list: out: by name; qvm_known_free_all() it
 * @n: out: their number
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno
 */
int qvm_know_all(const char *vms_dir, struct qvm_known **list, size_t *n, struct qerr *e);

/**
 * qvm_known_state_name() - "stopped", "running", "left over", "broken config", "damaged record",
 * "unknown"
 */
const char *qvm_known_state_name(int state);

/** qvm_known_free() - free what @k points to */
void qvm_known_free(struct qvm_known *k);

/** qvm_known_free_all() - free what qvm_know_all() gave */
void qvm_known_free_all(struct qvm_known *list, size_t n);

#endif
