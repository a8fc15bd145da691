/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands of qwamos-vm: each gets its own name as argv[0], and returns the exit status. */
#ifndef QWAMOS_CMD_QWAMOS_VM_H
#define QWAMOS_CMD_QWAMOS_VM_H

#include "cmd/cmd.h"

/* For the program's help and the command's own. */
#define VM_START_USAGE                                                                                 \
	"start CONFIG [OPTION]...\n\t\tstarts the VM of a config file, and watches it until it ends\n" \
	"      --dry-run        print what would be done; do nothing\n"                                \
	"      --json           with --dry-run: as JSON\n"                                             \
	"      --strict         refuse a config that asks for protection which is not carried out\n"   \
	"      --yes            binding may take companion functions\n"                                \
	"      --serial FILE    the VM's serial console goes there, not to the terminal\n"             \
	"      --grace SECONDS  how long the guest has to power off when it is stopped (30)\n"         \
	"      --foreground     stay with the VM (the default)"

/** vm_start() - qwamos-vm start */
int vm_start(int argc, char **argv);
/** vm_stop() - qwamos-vm stop */
int vm_stop(int argc, char **argv);
/** vm_list() - qwamos-vm list */
int vm_list(int argc, char **argv);

#endif
