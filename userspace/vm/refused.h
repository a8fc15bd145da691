/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The system calls that the sandbox of a running VM has refused, as its supervisor tells others:
 * by a file of root's beside the VM's record, about a second behind.
 */
#ifndef QWAMOS_VM_REFUSED_H
#define QWAMOS_VM_REFUSED_H

#include <stddef.h>
#include <stdint.h>

#include "sandbox/calls.h"
#include "util/err.h"

/**
 * struct qvm_refused_kind - calls that were refused alike
 * @call: which, see qsandbox_kind_text()
 * @error: what they failed with ("ENOSYS")
 * @count: how many
 */
struct qvm_refused_kind {
	char call[QSANDBOX_KIND_TEXT];
	char error[16];
	uint64_t count;
};

/**
 * struct qvm_refused - all of a VM
 * @total: how many calls
 * @more: those of kinds that are not in @kinds
 * @kinds: they
 * @n_kinds: their number
 */
struct qvm_refused {
	uint64_t total;
	uint64_t more;
	struct qvm_refused_kind kinds[QSANDBOX_REFUSED_KINDS];
	size_t n_kinds;
};

/** qvm_refused_write() - tell those of the VM @name; what can't be written is passed over */
void qvm_refused_write(const char *name, const struct qsandbox_refused *r);

/**
 * qvm_refused_read() - read what its supervisor tells
 * @name: the VM's name
 * @r: out
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno (-ENOENT: it does not run, or has no sandbox; -EACCES: who asks is
 * not root)
 */
int qvm_refused_read(const char *name, struct qvm_refused *r, struct qerr *e);

/** qvm_refused_remove() - the VM is over */
void qvm_refused_remove(const char *name);

#endif
