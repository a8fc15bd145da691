// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm: VMs from their config files. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/qwamos-vm.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "start", vm_start,
	  "start CONFIG [OPTION]...\n\t\tstarts the VM of a config file, and watches it until it ends\n"
	  "      --dry-run        print what would be done; do nothing\n"
	  "      --json           with --dry-run: as JSON\n"
	  "      --strict         refuse a config that asks for protection which is not carried out\n"
	  "      --yes            binding may take companion functions\n"
	  "      --serial FILE    the VM's serial console goes there, not to the terminal\n"
	  "      --grace SECONDS  how long the guest has to power off when it is stopped (30)\n"
	  "      --foreground     stay with the VM (the default)" },
	{ "stop", vm_stop,
	  "stop NAME [--now] [--timeout SECONDS]\n\t\tlets the guest power off; --now: switches it off" },
	{ "list", vm_list,
	  "list [--json]\n\t\tthe VMs that run, and those whose supervisor was killed" },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void tell(const char *fmt, va_list ap)
{
	fputs("qwamos-vm: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int vm_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(fmt, ap);
	va_end(ap);
	return EXIT_FAILED;
}

int vm_use(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(fmt, ap);
	va_end(ap);
	fputs("Try: qwamos-vm --help\n", stderr);
	return EXIT_USAGE;
}

void vm_say(void *arg, const char *line)
{
	fprintf(stderr, "qwamos-vm: %s\n", line);
}

static void help(FILE *f)
{
	size_t i;

	fputs("usage: qwamos-vm COMMAND [OPTION]...\n", f);
	for (i = 0; i < N_COMMANDS; i++)
		fprintf(f, "  %s\n", commands[i].help);
	fputs("  --version, --help\nSee qwamos-vm(8).\n", f);
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
		puts("qwamos-vm " QWAMOS_VERSION);
		return 0;
	}
	for (i = 0; i < N_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	return vm_use("'%s' is no command", argv[1]);
}
