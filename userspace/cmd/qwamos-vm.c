// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm: VMs from their config files. */
#include "cmd/qwamos-vm.h"

static const struct cmd commands[] = {
	{ "start", vm_start, vm_start_usage },
	{ "stop", vm_stop,
	  "stop VM [--now] [--timeout SECONDS]\n\t\tlets the guest power off; --now: switches it off" },
	{ "status", vm_status,
	  "status VM [--json]\n\t\twhether it runs, and what it uses; exit status 3: stopped" },
	{ "info", vm_info,
	  "info VM [--json]\n\t\twhat it is, and what of a GPU it has or would get" },
	{ "list", vm_list,
	  "list [--json]\n\t\tall VMs: those that run, are stopped, were left over" },
	{ "set", vm_set,
	  "set VM KEY=VALUE...\n\t\tchanges limits while it runs: vram, cap, guarantee, priority, level, ..." },
	{ "console", vm_console,
	  "console VM\n\t\tthis terminal becomes the VM's serial console; Ctrl-] ends it" },
	{ 0 },
};

const struct cmd_program cmd_program = { .name = "qwamos-vm", .commands = commands };

int main(int argc, char **argv)
{
	return cmd_main(argc, argv);
}
