/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel tells of a VM that runs, or why it can't be asked. */
#ifndef QWAMOS_CMD_VM_KERNEL_H
#define QWAMOS_CMD_VM_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/qwamos_gpu.h>

#include "vm/known.h"

/**
 * struct vm_kernel - it
 * @ctl: control fd, -1: none
 * @found: the kernel knows it
 * @vm: what it tells
 * @why: why nothing is told; "" if it is
 */
struct vm_kernel {
	int ctl;
	bool found;
	struct qwamos_gpu_vm vm;
	char why[256];
};

/** vm_kernel_ask() - ask; vm_kernel_close() @q. A VM without a record is not asked for. */
void vm_kernel_ask(const struct qvm_known *k, struct vm_kernel *q);

/** vm_kernel_uptime() - how long the VM has been there, in s */
int64_t vm_kernel_uptime(const struct qwamos_gpu_vm *vm);

/** vm_kernel_close() - close the control device */
void vm_kernel_close(struct vm_kernel *q);

#endif
