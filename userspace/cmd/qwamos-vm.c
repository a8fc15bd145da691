// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm: VMs from their config files. */
#include "cmd/qwamos-vm.h"

static const struct cmd commands[] = {
	{ "start", vm_start, vm_start_usage },
	{ "stop", vm_stop,
	  "stop NAME [--now] [--timeout SECONDS]\n\t\tlets the guest power off; --now: switches it off" },
	{ "console", vm_console,
	  "console NAME\n\t\tthis terminal becomes the VM's serial console; Ctrl-] ends it" },
	{ "list", vm_list,
	  "list [--json]\n\t\tthe VMs that run, and those whose supervisor was killed" },
	{ 0 },
};

const struct cmd_program cmd_program = { .name = "qwamos-vm", .commands = commands };

int main(int argc, char **argv)
{
	return cmd_main(argc, argv);
}
