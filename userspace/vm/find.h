/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the config of a VM is: the file itself, or NAME as DIR/NAME/config.yaml. */
#ifndef QWAMOS_VM_FIND_H
#define QWAMOS_VM_FIND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

/** QVM_DIR - where the folders of VMs are; $QWAMOS_VMS_DIR overrides it */
#define QVM_DIR "/etc/qwamos/vms"

/** QVM_CONFIG - the config in such a folder */
#define QVM_CONFIG "config.yaml"

/**
 * qvm_is_path() - does @vm mean a file? It does if it has a '/' in it; else it is a name, whatever
 * files the current folder has
 */
bool qvm_is_path(const char *vm);

/** qvm_dir() - @vms_dir, or where the environment says, or QVM_DIR; return: never NULL */
const char *qvm_dir(const char *vms_dir);

/**
 * qvm_find_config() - the config that is meant by what people type
 * @vm: a path, or the name of a folder of @vms_dir
 * @vms_dir: where these folders are; NULL: see qvm_dir()
 * @path: out: its real path
 * @e: error, may be NULL: where it was looked for, and what is accepted
 *
 * Return: 0 or a negative errno (-ENOENT: there is none; -EINVAL: neither a path nor a name)
 */
int qvm_find_config(const char *vm, const char *vms_dir, char path[PATH_MAX], struct qerr *e);

/**
 * struct qvm_config - a config that was found
 * @dir: the name of its folder
 * @path: its real path; or where it should be, if that can't be told
 */
struct qvm_config {
	char *dir;
	char *path;
};

/**
 * qvm_list_configs() - all DIR/NAME/config.yaml, also those that can't be read
 * @vms_dir: DIR; NULL: see qvm_dir()
 * @list: out: by the names of their folders; qvm_configs_free() it
 * @n: out: their number
 * @e: error, may be NULL
 *
 * That QVM_DIR is not there is no error: then there are none.
 *
 * Return: 0 or a negative errno
 */
int qvm_list_configs(const char *vms_dir, struct qvm_config **list, size_t *n, struct qerr *e);

/** qvm_configs_free() - free what qvm_list_configs() gave */
void qvm_configs_free(struct qvm_config *list, size_t n);

#endif
