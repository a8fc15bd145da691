/* SPDX-License-Identifier: GPL-2.0-only */
/* QEMU's command line for a VM. */
#ifndef QWAMOS_QEMU_ARGS_H
#define QWAMOS_QEMU_ARGS_H

#include <stddef.h>

#include "config/config.h"
#include "config/diag.h"
#include "qemu/plan.h"
#include "util/err.h"

/**
 * struct qemu_args - a command line; free with qemu_args_free()
 * @v: its words, NULL at the end; @v[0] is the program
 * @n: their number, without the NULL
 */
struct qemu_args {
	char **v;
	size_t n;
};

/**
 * qemu_args_build() - the whole command line
 * @c: the VM
 * @h: the host
 * @p: what was decided, without errors
 * @a: out; qemu_args_free() it
 *
 * Pure: @c's qemu_extra_args must have passed qemu_extra_check().
 */
void qemu_args_build(const struct qconfig *c, const struct qemu_host *h, const struct qemu_plan *p,
		     struct qemu_args *a);

/** qemu_args_gpu() - the part of it that is the GPU, put behind what is in @a */
void qemu_args_gpu(const struct qemu_host *h, const struct qemu_plan *p, struct qemu_args *a);

/**
 * qemu_extra_check() - whether qemu_extra_args may be passed on
 * @c: the VM
 * @d: gets an error for each argument that is not in the list of those that are accepted (see
 * qemu/allowed.c), with what would be; a note for each that has no effect, for it is left out
 *
 * Return: 0 or -EINVAL
 */
int qemu_extra_check(const struct qconfig *c, struct qdiags *d);

/**
 * qemu_extra_add() - put qemu_extra_args behind what is in @a
 * @c: the VM; its arguments must have passed qemu_extra_check()
 * @a: gets them
 *
 * They are written as they were understood, and a device without an id gets one.
 */
void qemu_extra_add(const struct qconfig *c, struct qemu_args *a);

/**
 * qemu_extra_files() - the files that qemu_extra_args name for QEMU to read
 * @c: the VM; its arguments must have passed qemu_extra_check()
 * @fn: called for each path
 * @arg: its argument
 */
void qemu_extra_files(const struct qconfig *c, void (*fn)(void *arg, const char *path), void *arg);

/** qemu_args_text() - the command line as a shell would take it; return: a string to free() */
char *qemu_args_text(const struct qemu_args *a);

/** qemu_args_free() - free what @a points to */
void qemu_args_free(struct qemu_args *a);

#endif
