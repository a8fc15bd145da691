/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands of qwamos-gpu: each gets its own name as argv[0], and returns the exit status. */
#ifndef QWAMOS_CMD_QWAMOS_GPU_H
#define QWAMOS_CMD_QWAMOS_GPU_H

#include <stdint.h>

#include "cmd/cmd.h"

/*
 * vm run: COMMAND did not come to run; it can't be executed; it was not found. As env(1) and
 * timeout(1) have it.
 */
#define EXIT_NOT_RUN   125
#define EXIT_NO_EXEC   126
#define EXIT_NOT_FOUND 127

/** gpu_info() - qwamos-gpu info */
int gpu_info(int argc, char **argv);
/** gpu_audit() - qwamos-gpu audit */
int gpu_audit(int argc, char **argv);
/** gpu_vm() - qwamos-gpu vm COMMAND */
int gpu_vm(int argc, char **argv);
/** gpu_vm_run() - qwamos-gpu vm run */
int gpu_vm_run(int argc, char **argv);

/**
 * gpu_open() - the control device
 *
 * Return: fd, or -1 after having told why not.
 */
int gpu_open(void);

/**
 * gpu_refused() - tell what the kernel did not do, and why
 * @err: negative errno
 * @reason: &enum qwamos_gpu_reason, 0: none was given
 * @fmt: what it did not do
 *
 * Return: EXIT_FAILED
 */
int gpu_refused(int err, uint32_t reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define gpu_fail cmd_fail

#endif
