// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu vm run: any program as a VM's process */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/gpu_limits.h"
#include "cmd/qwamos-gpu.h"
#include "detect/pci.h"
#include "lib/libqwamos-gpu.h"
#include "util/mem.h"
#include "vm/vm.h"

static const char usage[] =
	"vm run NAME --level LEVEL [OPTION]... -- COMMAND [ARG]...\n"
	"Makes a VM called NAME, gives it its devices, and runs COMMAND as its process. When\n"
	"COMMAND ends, so does the VM: what is left in its cgroup is killed, its devices are\n"
	"reset and scrubbed, and what was bound for it goes back to its driver.\n" GPU_LIMIT_USAGE
	"  --device ADDRESS     give it this GPU, with all of its IOMMU group; may be repeated\n"
	"  --gate ADDRESS       let it use this GPU, which others use as well, through a gate: a\n"
	"                       render node of its own that holds it to its limits; any of\n"
	"                       COMMAND's processes may open it\n"
	"  --scrub HOW          what is demanded of the wipe before: bar (default), full or none\n"
	"  --accept-unwiped     companions, too, that nobody knows how to wipe\n"
	"  --bind               bind devices that are not on qwamos_vfio_pci (the default)\n"
	"  --no-bind            refuse them instead\n"
	"  --yes                binding may take companion functions\n"
	"  --user USER          run COMMAND as this user: NAME or UID, and :GROUP after it\n"
	"  --as-root            let COMMAND run as root, which is refused else\n"
	"  --quiet              say only what goes wrong\n"
	"COMMAND finds the VM's use fd in $" QVM_ENV ". The exit status is COMMAND's, 128 + N if\n"
	"signal N ended it; 125: it was not run; 126: it can't be executed; 127: not found.";

struct run {
	struct qvm_opts vm;
	struct gpu_limits limits;
	char (*addrs)[QPCI_ADDR_LEN];
	size_t n_addrs;
	const char **devices;
	char gate[QPCI_ADDR_LEN];
	struct qvm_render render;
	const char *user;
	bool as_root;
	bool quiet;
	bool bind;
};

static const char *take_scrub(void *field, const char *arg)
{
	uint32_t *scrub = field;

	if (!strcmp(arg, "none"))
		*scrub = QWAMOS_GPU_SCRUB_NONE;
	else if (!strcmp(arg, "bar"))
		*scrub = QWAMOS_GPU_SCRUB_BAR;
	else if (!strcmp(arg, "full"))
		*scrub = QWAMOS_GPU_SCRUB_FULL;
	else
		return "bar, full or none";
	return NULL;
}

static const char *take_device(void *field, const char *arg)
{
	char full[QPCI_ADDR_LEN];
	char(*slot)[QPCI_ADDR_LEN];
	struct run *r = field;

	if (!qpci_parse_addr(arg, full))
		return "an address such as 0000:01:00.0 or 01:00.0 is";
	slot = QMEM_GROW(r->addrs, r->n_addrs);
	memcpy(*slot, full, sizeof(full));
	return NULL;
}

static const char *take_gate(void *field, const char *arg)
{
	struct run *r = field;

	return qpci_parse_addr(arg, r->gate) ? NULL
					     : "an address such as 0000:01:00.0 or 01:00.0 is";
}

#define AT(field) offsetof(struct run, field)

/* clang-format off: tables */
static const struct cmd_opt opts[] = {
	GPU_LIMIT_OPTS(struct run, limits),
	{ "device", .kind = CMD_TAKE, .take = take_device },
	{ "gate", .kind = CMD_TAKE, .take = take_gate },
	{ "scrub", .kind = CMD_TAKE, .at = AT(vm.scrub), .take = take_scrub },
	{ "accept-unwiped", .kind = CMD_BIT, .at = AT(vm.flags), .bit = QVM_F_UNWIPED },
	{ "bind", .kind = CMD_FLAG, .at = AT(bind) },
	{ "no-bind", .kind = CMD_BIT, .at = AT(vm.flags), .bit = QVM_F_NO_BIND },
	{ "yes", .kind = CMD_BIT, .at = AT(vm.flags), .bit = QVM_F_YES },
	{ "user", .kind = CMD_TEXT, .at = AT(user) },
	{ "as-root", .kind = CMD_FLAG, .at = AT(as_root) },
	{ "quiet", .kind = CMD_FLAG, .at = AT(quiet) },
	{ 0 },
};

static const struct cmd_line line = {
	.command = "vm run",
	.usage = usage,
	.opts = opts,
	.max = CMD_ANY,
	.wrong = EXIT_NOT_RUN,
};
/* clang-format on */

/* Whom COMMAND runs as, and whether that can be; return: 0 or an exit status. */
static int choose_user(const struct run *r, char **command, struct qvm_user *user)
{
	struct qerr err = { 0 };
	int ret;

	if (qvm_user_choose(r->user, r->as_root, user, &err))
		return cmd_wrong(&line, "%s", err.msg);
	ret = qvm_user_check(user, command, &err);
	if (!ret)
		return 0;
	cmd_fail("%s", err.msg);
	return ret == -ENOEXEC ? EXIT_NO_EXEC : EXIT_NOT_RUN;
}

static int run(struct run *r, char **command, const struct qvm_user *user)
{
	struct qvm_program program = { .argv = command, .user = user };
	struct qerr err = { 0 }, end_err = { 0 };
	int ret, status = EXIT_NOT_RUN;
	struct qvm vm;

	if (r->gate[0] && qvm_render_find("/sys", r->gate, &r->render, &err)) {
		cmd_fail("%s", err.msg);
		return EXIT_NOT_RUN;
	}
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
		cmd_fail("%s", err.msg);
	if (qvm_end(&vm, &end_err))
		cmd_fail("%s", end_err.msg);
	return status;
}

int gpu_vm_run(int argc, char **argv)
{
	struct qvm_user user;
	struct run r = {
		.vm = { .say = cmd_say, .words = gpu_limit_words },
		.limits = GPU_LIMITS_UNSET,
	};
	size_t i;
	int at, ret;

	at = cmd_parse(&line, argc, argv, &r);
	if (at <= 0)
		ret = -at;
	else if (argc - at < 2)
		ret = cmd_wrong(&line, "no %s", argc == at ? "NAME" : "COMMAND");
	else if (r.limits.level == GPU_UNSET)
		ret = cmd_wrong(&line, "no --level");
	else if (r.bind && r.vm.flags & QVM_F_NO_BIND)
		ret = cmd_wrong(&line, "--bind and --no-bind: one of them is accepted");
	else
		ret = choose_user(&r, argv + at + 1, &user);
	if (at > 0 && !ret) {
		r.vm.name = argv[at];
		gpu_limits_request(&r.limits, &r.vm.policy);
		if (r.quiet)
			r.vm.say = NULL;
		r.devices = qmem_calloc(r.n_addrs + 1, sizeof(*r.devices));
		for (i = 0; i < r.n_addrs; i++)
			r.devices[i] = r.addrs[i];
		r.vm.devices = r.devices;
		r.vm.n_devices = r.n_addrs;
		r.vm.gate = r.gate[0] ? &r.render : NULL;
		r.vm.flags |= QVM_F_GATE_ANY;
		ret = run(&r, argv + at + 1, &user);
		free(r.devices);
	}
	free(r.addrs);
	return ret;
}
