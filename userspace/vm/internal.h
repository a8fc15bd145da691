/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside this folder only. */
#ifndef QWAMOS_VM_INTERNAL_H
#define QWAMOS_VM_INTERNAL_H

#include <stdint.h>
#include <time.h>

#include "vm/vm.h"

/** qvm_say() - tell a line, if somebody listens */
void qvm_say(const struct qvm_opts *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** qvm_clock_ns() - a clock, in ns */
int64_t qvm_clock_ns(clockid_t id);
/** qvm_now_ms() - CLOCK_MONOTONIC in ms */
int64_t qvm_now_ms(void);

/**
 * qvm_put_back() - what is left to do once the VM's program is gone: wait for the kernel, remove
 * the cgroup, unbind
 * @ctl: control fd, -1: the module is not loaded
 * @rec: what is to be put back; its file is removed if all was
 * @held: ids of devices that must have been reset first; NULL: look which of the record's addresses
 * are
 * @n_held: their number
 * @super: the calling process stands in the VM's cgroups: its place there; NULL: it does not
 * @o: for qvm_say()
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno
 */
int qvm_put_back(int ctl, struct qrecord *rec, const uint64_t *held, size_t n_held,
		 struct qsuper *super, const struct qvm_opts *o, struct qerr *e);

#endif
