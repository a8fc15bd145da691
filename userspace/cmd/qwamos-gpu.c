// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu: what the kernel module says, and VMs without a VM manager. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/qwamos-gpu.h"
#include "lib/libqwamos-gpu.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "info", gpu_info, "info [--json]\n\t\tthe kernel module: version, limits, devices, VMs" },
	{ "vm", gpu_vm,
	  "vm list [--json]\n\t\tthe VMs that the kernel knows\n"
	  "  vm run NAME --level LEVEL [--device ADDRESS]... [OPTION]... -- COMMAND [ARG]...\n"
	  "\t\truns COMMAND as the process of a new VM; see qwamos-gpu vm run --help" },
	{ "audit", gpu_audit,
	  "audit [--vm NAME] [--event EVENT] [--limit 100] [--json]\n\t\twhat was allowed, refused and done" },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

int gpu_fail(const char *fmt, ...)
{
	va_list ap;

	fputs("qwamos-gpu: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_FAILED;
}

void gpu_say(void *arg, const char *line)
{
	fprintf(stderr, "qwamos-gpu: %s\n", line);
}

int gpu_open(void)
{
	int fd = qgpu_open();

	if (fd == -ENOENT)
		gpu_fail(QWAMOS_GPU_DEVICE " is missing: load the module: modprobe qwamos_gpu");
	else if (fd < 0)
		gpu_fail(QWAMOS_GPU_DEVICE ": %s%s", strerror(-fd),
			 fd == -EACCES ? "; be root, or in the group qwamos" : "");
	return fd < 0 ? -1 : fd;
}

static void help(FILE *f)
{
	size_t i;

	fputs("usage: qwamos-gpu COMMAND [OPTION]...\n", f);
	for (i = 0; i < N_COMMANDS; i++)
		fprintf(f, "  %s\n", commands[i].help);
	fputs("  --version, --help\nSee qwamos-gpu(8).\n", f);
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("qwamos-gpu " QWAMOS_VERSION);
		return 0;
	}
	for (i = 0; i < N_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	gpu_fail("'%s' is no command", argv[1]);
	help(stderr);
	return EXIT_USAGE;
}
