/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands of qwamos-vm: each gets its own name as argv[0], and returns the exit status. */
#ifndef QWAMOS_CMD_QWAMOS_VM_H
#define QWAMOS_CMD_QWAMOS_VM_H

#include "cmd/cmd.h"

/* For the program's help and the command's own. */
extern const char vm_start_usage[];

/** vm_start() - qwamos-vm start */
int vm_start(int argc, char **argv);
/** vm_stop() - qwamos-vm stop */
int vm_stop(int argc, char **argv);
/** vm_console() - qwamos-vm console */
int vm_console(int argc, char **argv);
/** vm_list() - qwamos-vm list */
int vm_list(int argc, char **argv);

#endif
