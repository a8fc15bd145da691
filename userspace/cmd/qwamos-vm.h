/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands of qwamos-vm: each gets its own name as argv[0], and returns the exit status. */
#ifndef QWAMOS_CMD_QWAMOS_VM_H
#define QWAMOS_CMD_QWAMOS_VM_H

#include "cmd/cmd.h"
#include "vm/find.h"

/* Of status: the VM does not run. As systemctl has it. */
#define EXIT_STOPPED 3

/* The option --vms-dir, whose const char * is @field of @type; and what --help says of it. */
/* clang-format off: a table */
#define VM_DIR_OPT(type, field)                                                  \
	{                                                                        \
		.name = "vms-dir", .kind = CMD_TEXT, .at = offsetof(type, field) \
	}
/* clang-format on */
#define VM_DIR_USAGE "  --vms-dir DIR  where the VMs are ($QWAMOS_VMS_DIR, " QVM_DIR ")"

/* For the program's help and the command's own. */
extern const char vm_start_usage[];

/** vm_start() - qwamos-vm start */
int vm_start(int argc, char **argv);
/** vm_stop() - qwamos-vm stop */
int vm_stop(int argc, char **argv);
/** vm_console() - qwamos-vm console */
int vm_console(int argc, char **argv);
/** vm_status() - qwamos-vm status */
int vm_status(int argc, char **argv);
/** vm_info() - qwamos-vm info */
int vm_info(int argc, char **argv);
/** vm_list() - qwamos-vm list */
int vm_list(int argc, char **argv);
/** vm_set() - qwamos-vm set */
int vm_set(int argc, char **argv);

#endif
