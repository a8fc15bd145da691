/* SPDX-License-Identifier: GPL-2.0-only */
/* What a QEMU that runs was started with: of the words that qemu_args_build() has made. */
#ifndef QWAMOS_QEMU_CMDLINE_H
#define QWAMOS_QEMU_CMDLINE_H

#include <sys/types.h>

#include "qemu/args.h"

/**
 * qemu_cmdline_read() - the command line of a process
 * @pid: the process
 * @a: out; qemu_args_free() it; empty on failure
 *
 * Return: 0 or a negative errno
 */
int qemu_cmdline_read(pid_t pid, struct qemu_args *a);

/** qemu_cmdline_value() - what stands behind @option, at its first place; NULL: it is not there */
const char *qemu_cmdline_value(const struct qemu_args *a, const char *option);

/**
 * qemu_cmdline_device() - the first -device that is a @model, with its properties; NULL: there is
 * none
 */
const char *qemu_cmdline_device(const struct qemu_args *a, const char *model);

/**
 * qemu_cmdline_property() - the value of a property
 * @value: "WORD,PROPERTY=VALUE,..."
 * @property: which
 *
 * Return: a string to free(); NULL: it is not there
 */
char *qemu_cmdline_property(const char *value, const char *property);

#endif
