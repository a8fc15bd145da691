// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu vm run: any program as a VM's process */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/qwamos-gpu.h"
#include "detect/pci.h"
#include "lib/libqwamos-gpu.h"
#include "util/mem.h"
#include "vm/vm.h"

static const char usage[] =
	"usage: qwamos-gpu vm run NAME --level LEVEL [OPTION]... -- COMMAND [ARG]...\n"
	"Makes a VM called NAME, gives it its devices, and runs COMMAND as its process. When\n"
	"COMMAND ends, so does the VM: what is left in its cgroup is killed, its devices are\n"
	"reset and scrubbed, and what was bound for it goes back to its driver.\n"
	"  --level LEVEL     untrusted, low, medium, high or system\n"
	"  --device ADDRESS  give it this GPU, with all of its IOMMU group; may be repeated\n"
	"  --scrub HOW       what is demanded of the wipe before: bar (default), full or none\n"
	"  --bind            bind devices that are not on qwamos_vfio_pci (the default)\n"
	"  --no-bind         refuse them instead\n"
	"  --yes             binding may take companion functions\n"
	"  --quiet           say only what goes wrong\n"
	"COMMAND finds the VM's use fd in $" QVM_ENV ". The exit status is COMMAND's, 128 + N if\n"
	"signal N ended it; 125: it was not run; 126: it can't be executed; 127: not found.\n";

struct run {
	struct qvm_opts vm;
	char (*addrs)[QPCI_ADDR_LEN];
	size_t n_addrs;
	const char **devices;
	bool have_level;
};

static int use_error(const char *what, const char *found, const char *accepted)
{
	gpu_fail("%s: '%s' found, %s accepted", what, found, accepted);
	return EXIT_NOT_RUN;
}

static int level_arg(struct run *r, const char *arg)
{
	int level = qgpu_level_from_name(arg);

	if (level < 0)
		return use_error("--level", arg, "untrusted, low, medium, high or system");
	r->vm.level = level;
	r->have_level = true;
	return 0;
}

static int scrub_arg(struct run *r, const char *arg)
{
	if (!strcmp(arg, "none"))
		r->vm.scrub = QWAMOS_GPU_SCRUB_NONE;
	else if (!strcmp(arg, "bar"))
		r->vm.scrub = QWAMOS_GPU_SCRUB_BAR;
	else if (!strcmp(arg, "full"))
		r->vm.scrub = QWAMOS_GPU_SCRUB_FULL;
	else
		return use_error("--scrub", arg, "bar, full or none");
	return 0;
}

static int device_arg(struct run *r, const char *arg)
{
	char full[QPCI_ADDR_LEN];
	char(*slot)[QPCI_ADDR_LEN];

	if (!qpci_parse_addr(arg, full))
		return use_error("--device", arg, "an address such as 0000:01:00.0 or 01:00.0 is");
	slot = QMEM_GROW(r->addrs, r->n_addrs);
	memcpy(*slot, full, sizeof(full));
	return 0;
}

/* Return: 0, an exit status, or -1: help was asked for. */
static int parse(int argc, char **argv, struct run *r)
{
	static const struct option options[] = {
		{ "level", required_argument, NULL, 'l' },
		{ "device", required_argument, NULL, 'd' },
		{ "scrub", required_argument, NULL, 's' },
		{ "bind", no_argument, NULL, 'b' },
		{ "no-bind", no_argument, NULL, 'n' },
		{ "yes", no_argument, NULL, 'y' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c, ret = 0;

	while (!ret && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'l':
			ret = level_arg(r, optarg);
			break;
		case 'd':
			ret = device_arg(r, optarg);
			break;
		case 's':
			ret = scrub_arg(r, optarg);
			break;
		case 'b':
			r->vm.flags &= ~QVM_F_NO_BIND;
			break;
		case 'n':
			r->vm.flags |= QVM_F_NO_BIND;
			break;
		case 'y':
			r->vm.flags |= QVM_F_YES;
			break;
		case 'q':
			r->vm.say = NULL;
			break;
		case 'h':
			return -1;
		default:
			ret = EXIT_NOT_RUN;
		}
	}
	if (ret)
		return ret;
	if (argc - optind < 2) {
		gpu_fail("vm run: no %s", argc == optind ? "NAME" : "COMMAND");
		return EXIT_NOT_RUN;
	}
	if (!r->have_level) {
		gpu_fail("vm run: no --level");
		return EXIT_NOT_RUN;
	}
	r->vm.name = argv[optind];
	return 0;
}

static int run(struct run *r, char **command)
{
	struct qvm_program program = { .argv = command };
	struct qerr err = { 0 }, end_err = { 0 };
	int ret, status = EXIT_NOT_RUN;
	struct qvm vm;

	qvm_signals();
	ret = qvm_setup(&vm, &r->vm, &err);
	if (!ret) {
		ret = qvm_spawn(&vm, &program, &err);
		if (ret == -ENOENT)
			status = EXIT_NOT_FOUND;
		else if (ret)
			status = EXIT_NO_EXEC;
	}
	if (!ret)
		ret = qvm_wait(&vm, NULL, &status, &err);
	if (ret)
		gpu_fail("%s", err.msg);
	if (qvm_end(&vm, &end_err))
		gpu_fail("%s", end_err.msg);
	return status;
}

int gpu_vm_run(int argc, char **argv)
{
	struct run r = { .vm = { .say = gpu_say } };
	size_t i;
	int ret;

	ret = parse(argc, argv, &r);
	if (ret < 0)
		fputs(usage, stdout);
	else if (ret)
		fputs("Try: qwamos-gpu vm run --help\n", stderr);
	else {
		r.devices = qmem_calloc(r.n_addrs + 1, sizeof(*r.devices));
		for (i = 0; i < r.n_addrs; i++)
			r.devices[i] = r.addrs[i];
		r.vm.devices = r.devices;
		r.vm.n_devices = r.n_addrs;
		ret = run(&r, argv + optind + 1);
		free(r.devices);
	}
	free(r.addrs);
	return ret < 0 ? 0 : ret;
}
