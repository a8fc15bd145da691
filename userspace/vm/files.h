/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of this computer that a config gives to its VM: kernel, initrd, disk, and those that its
 * qemu_extra_args name. Whoever writes a config could name any file that root can read, so each is
 * opened once, judged by what was opened, and what was opened is what the VM gets.
 */
#ifndef QWAMOS_VM_FILES_H
#define QWAMOS_VM_FILES_H

#include <stddef.h>

#include "config/config.h"
#include "config/diag.h"
#include "util/trust.h"

/**
 * struct qvm_file - one that the VM reads
 * @path: its real path
 * @fd: it, close-on-exec
 */
struct qvm_file {
	char *path;
	int fd;
};

/**
 * struct qvm_files - all of them; free with qvm_files_free()
 * @v: those that it reads
 * @n: their number
 * @disk: its disk; its fd is -1: none
 */
struct qvm_files {
	struct qvm_file *v;
	size_t n;
	struct qtrust disk;
};

/**
 * qvm_files_open() - open the files that a config names
 * @f: out; qvm_files_free() it, also after a failure
 * @c: the VM; paths of kernel and initrd become real ones, for its QEMU stands elsewhere
 * @config: real path of its config; if that is called QVM_CONFIG, the files below its folder are
 *     the VM's own
 * @d: gets an error for each file that is missing or none, that is not for everybody to read
 *     without security.accept_host_files, for a disk to which a way leads that others may change,
 *     without that, too, and for one that the host uses without security.accept_disk_in_use
 *
 * Return: 0 or -EINVAL
 */
int qvm_files_open(struct qvm_files *f, struct qconfig *c, const char *config, struct qdiags *d);

/** qvm_files_free() - close them */
void qvm_files_free(struct qvm_files *f);

#endif
