/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands of qwamos-gpu: each gets its own name as argv[0], and returns the exit status. */
#ifndef QWAMOS_CMD_QWAMOS_GPU_H
#define QWAMOS_CMD_QWAMOS_GPU_H

#include "cmd/cmd.h"

/*
 * vm run: COMMAND did not come to run; it can't be executed; it was not found. As env(1) and
 * timeout(1) have it.
 */
#define EXIT_NOT_RUN   125
#define EXIT_NO_EXEC   126
#define EXIT_NOT_FOUND 127

/* check: it could not be asked. (1: not allowed.) */
#define EXIT_NOT_ASKED 3

/** gpu_detect() - qwamos-gpu detect */
int gpu_detect(int argc, char **argv);
/** gpu_topology() - qwamos-gpu topology */
int gpu_topology(int argc, char **argv);
/** gpu_info() - qwamos-gpu info */
int gpu_info(int argc, char **argv);
/** gpu_policy() - qwamos-gpu policy */
int gpu_policy(int argc, char **argv);
/** gpu_check() - qwamos-gpu check */
int gpu_check(int argc, char **argv);
/** gpu_charge() - qwamos-gpu charge */
int gpu_charge(int argc, char **argv);
/** gpu_audit() - qwamos-gpu audit */
int gpu_audit(int argc, char **argv);
/** gpu_monitor() - qwamos-gpu monitor */
int gpu_monitor(int argc, char **argv);
/** gpu_top() - qwamos-gpu top */
int gpu_top(int argc, char **argv);
/** gpu_vm() - qwamos-gpu vm COMMAND */
int gpu_vm(int argc, char **argv);
/** gpu_vm_show() - qwamos-gpu vm show */
int gpu_vm_show(int argc, char **argv);
/** gpu_vm_set() - qwamos-gpu vm set */
int gpu_vm_set(int argc, char **argv);
/** gpu_vm_run() - qwamos-gpu vm run */
int gpu_vm_run(int argc, char **argv);

#endif
