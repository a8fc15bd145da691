// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu: what the kernel module says, and VMs without a VM manager. */
#include "cmd/qwamos-gpu.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/libqwamos-gpu.h"

static const struct cmd commands[] = {
	{ "info", gpu_info, "info [--json]\n\t\tthe kernel module: version, limits, devices, VMs" },
	{ "vm", gpu_vm,
	  "vm list [--json]\n\t\tthe VMs that the kernel knows\n"
	  "  vm run NAME --level LEVEL [--device ADDRESS]... [OPTION]... -- COMMAND [ARG]...\n"
	  "\t\truns COMMAND as the process of a new VM; see qwamos-gpu vm run --help" },
	{ "audit", gpu_audit,
	  "audit [--vm NAME] [--event EVENT] [--limit 100] [--json]\n\t\twhat was allowed, refused and done" },
	{ 0 },
};

const struct cmd_program cmd_program = { .name = "qwamos-gpu", .commands = commands };

int gpu_open(void)
{
	int fd = qgpu_open();

	if (fd == -ENOENT)
		cmd_fail(QWAMOS_GPU_DEVICE " is missing: load the module: modprobe qwamos_gpu");
	else if (fd < 0)
		cmd_fail(QWAMOS_GPU_DEVICE ": %s%s", strerror(-fd),
			 fd == -EACCES ? "; be root, or in the group qwamos" : "");
	return fd < 0 ? -1 : fd;
}

int gpu_refused(int err, uint32_t reason, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return cmd_fail("%s: %s", what, reason ? qgpu_reason_text(reason) : strerror(-err));
}

int main(int argc, char **argv)
{
	return cmd_main(argc, argv);
}
