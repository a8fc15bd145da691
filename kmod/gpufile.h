/* SPDX-License-Identifier: GPL-2.0-only */
/* Open files: the control device and the fds of VMs. */
#ifndef QWAMOS_GPU_GPUFILE_H
#define QWAMOS_GPU_GPUFILE_H

#include <linux/fs.h>
#include <linux/types.h>
#include "limits.h"

struct qgpu_vm;

/* Kinds of files; bits, so that a call can say which it is for. */
#define QGPU_FILE_CONTROL 1U
#define QGPU_FILE_MANAGE  2U
#define QGPU_FILE_USE	  4U

/**
 * struct qgpu_file - an open file
 * @kind: QGPU_FILE_*; constant
 * @vm: the VM, with a reference, NULL for the control device; constant
 * @holds: it keeps the VM alive; constant
 * @end_on_close: its close ends the VM; constant
 * @charges: what was charged on it; use fds only
 * @audit_read: AUDIT_READ has been here
 * @audit_upto: order up to which it has shown all that there was
 * @seen: registry changes that DEV_LIST on this file has shown; control device only
 */
struct qgpu_file {
	u32 kind;
	struct qgpu_vm *vm;
	bool holds;
	bool end_on_close;
	bool audit_read;
	atomic64_t audit_upto;
	union {
		struct qgpu_ledger charges;
		atomic64_t seen;
	};
};

int qgpu_file_init(void);
void qgpu_file_exit(void);
struct file *qgpu_file_new(struct qgpu_vm *vm, u32 kind, bool holds, bool end_on_close);
extern const struct file_operations qgpu_control_fops;

/* ioctl.c */
long qgpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* QWAMOS_GPU_GPUFILE_H */
