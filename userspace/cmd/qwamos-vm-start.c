// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm start */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/qwamos-vm-start.h"
#include "cmd/qwamos-vm.h"
#include "lib/libqwamos-gpu.h"
#include "qemu/caps.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/term.h"
#include "vfio/vfio.h"
#include "vm/find.h"
#include "vm/screen.h"
#include "vm/tap.h"
#include "vm/vm.h"

const char vm_start_usage[] =
	"start VM [OPTION]...\n\t\tstarts a VM, by its name or its config file, and watches over it in the background\n"
	"      --dry-run        print what would be done; do nothing\n"
	"      --json           with --dry-run: as JSON\n"
	"      --strict         refuse a config that asks for protection which is not carried out\n"
	"      --yes            binding may take companion functions\n"
	"      --foreground     stay with the VM: its console is this terminal's, Ctrl-] asks it to power off\n"
	"      --serial FILE    the VM's serial console is written there\n"
	"      --display vnc    its screen is shown to VNC viewers on a socket of root's\n"
	"      --grace SECONDS  how long the guest has to power off when it is stopped (30)\n"
	"    " VM_DIR_USAGE;

static void tell(struct start *s, size_t from)
{
	char *line;

	for (; from < s->diags.n; from++) {
		line = qdiag_format(&s->diags, &s->diags.list[from]);
		qterm_fprintf(stderr, "%s\n", line);
		free(line);
	}
}

/* Return: 0 or an exit status. */
static int strict(const struct start *s)
{
	if (s->strict && qdiags_count(&s->diags, QDIAG_WARNING))
		return cmd_fail("%s is not started: --strict turns warnings into errors",
				s->config.name);
	return 0;
}

/* Reads the config of what people have called @vm; return: 0 or an exit status. */
static int load(struct start *s, const char *vm)
{
	struct qerr err;
	int bad;

	if (qvm_find_config(vm, s->vms_dir, s->path, &err))
		return cmd_fail("%s", err.msg);
	bad = qconfig_load_trusted(s->path, &s->config, &s->diags);
	/* First of all, for then its disk is in use, too. */
	if (!bad && !s->dry_run && qrecord_not_running(s->config.name, &err))
		return cmd_fail("%s", err.msg);
	if (!bad)
		bad = qvm_files_open(&s->files, &s->config, s->path, &s->diags) |
		      qemu_extra_check(&s->config, &s->diags) |
		      qvm_tap_check(&s->config, &s->diags);
	tell(s, 0);
	if (bad)
		return cmd_fail("%s can't be started", s->config.name ? s->config.name : vm);
	return strict(s);
}

int start_plan(struct start *s)
{
	size_t told = s->diags.n;
	struct qemu_caps caps;
	struct qerr err;
	int ret;

	if (qemu_caps_get(qemu_program(&s->config), &caps, &err))
		return cmd_fail("%s", err.msg);
	ret = qemu_plan(&s->config, &caps, &s->host.h, &s->plan, &s->diags);
	qemu_caps_free(&caps);
	tell(s, told);
	if (ret)
		return cmd_fail("%s can't be started", s->config.name);
	if (strict(s))
		return EXIT_FAILED;
	if (s->screen && !s->plan.gpu.model)
		return cmd_fail("--display: QEMU makes no screen for %s: %s", s->config.name,
				start_passthrough(s)
					? "that of the GPU which is passed through is its own"
					: "its config gives it no adapter");
	qconfine_free(&s->confine);
	if (qconfine_plan(&s->confine, &s->config, &s->files, &s->plan, &s->host.h, &err))
		return cmd_fail("%s", err.msg);
	return 0;
}

/* What it gets of this computer; return: 0 or an exit status. */
static int plan(struct start *s)
{
	struct qerr err;

	if (qvm_host_gather(&s->config, &s->host, &err))
		return cmd_fail("%s", err.msg);
	s->host.h.serial = s->serial;
	s->host.h.display = s->screen ? QSCREEN_DISPLAY : NULL;
	return start_plan(s);
}

bool start_passthrough(const struct start *s)
{
	return s->plan.gpu.got == QACCESS_PASSTHROUGH;
}

static void add_limit(struct json_object *o, const char *key, int value)
{
	if (value > 0)
		qjson_add_int(o, key, value);
	else
		qjson_add(o, key, NULL);
}

static struct json_object *io_json(const struct qconfig_io *io)
{
	struct json_object *o = qjson_obj();

	add_limit(o, "read_kib_s", io->read_kib);
	add_limit(o, "write_kib_s", io->write_kib);
	add_limit(o, "read_ops_s", io->read_ops);
	add_limit(o, "write_ops_s", io->write_ops);
	return o;
}

static void io_print(const struct qconfig_io *io)
{
	if (!qconfig_limits_io(io))
		return;
	qterm_printf("  of its disk in a second at most");
	if (io->read_kib > 0)
		qterm_printf(" %d KiB read", io->read_kib);
	if (io->write_kib > 0)
		qterm_printf(" %d KiB written", io->write_kib);
	if (io->read_ops > 0)
		qterm_printf(" %d reads", io->read_ops);
	if (io->write_ops > 0)
		qterm_printf(" %d writes", io->write_ops);
	qterm_printf("\n");
}

/* Nodes of VFIO are known once the devices are bound. */
static struct json_object *sandbox_json(const struct start *s)
{
	const struct qconfine *x = &s->confine;
	struct json_object *o = qjson_obj(), *list;
	size_t i;

	qjson_add_str(o, "user", "own");
	qjson_add_str(o, "network", x->sandbox.host_net ? "host" : "own");
	list = qjson_add(o, "devices", qjson_arr());
	for (i = 0; i < x->sandbox.n_nodes; i++)
		qjson_push_str(list, x->sandbox.nodes[i].path);
	qjson_add_bool(o, "vfio", start_passthrough(s));
	qjson_add_str(o, "gate", s->plan.gpu.gated ? qvm_render_name(&s->host.render) : NULL);
	list = qjson_add(o, "files", qjson_arr());
	for (i = 0; i < x->sandbox.n_files; i++)
		qjson_push_str(list, x->sandbox.files[i].path);
	qjson_add_int(o, "memory_mib", x->limits.memory >> 20);
	qjson_add_int(o, "tasks", x->limits.pids);
	qjson_add_int(o, "cpu_percent", x->limits.cpu_percent);
	qjson_add(o, "io", io_json(&s->config.io));
	return o;
}

static void sandbox_print(const struct start *s)
{
	const struct qconfine *x = &s->confine;
	size_t i;

	qterm_printf("in a sandbox with:\n  a user and group of its own, from %u on\n  %s network\n"
		     "  devices",
		     QSANDBOX_UID, x->sandbox.host_net ? "the host's" : "its own");
	for (i = 0; i < x->sandbox.n_nodes; i++)
		qterm_printf(" %s", x->sandbox.nodes[i].path);
	if (start_passthrough(s))
		qterm_printf(", and VFIO's of its groups");
	if (s->plan.gpu.gated)
		qterm_printf(", and a gate to the GPU %s", qvm_render_name(&s->host.render));
	qterm_printf("\n");
	for (i = 0; i < x->sandbox.n_files; i++)
		qterm_printf("  file %s\n", x->sandbox.files[i].path);
	qterm_printf("  %llu MiB of memory, %u tasks, %u %% of a CPU's time\n",
		     (unsigned long long)x->limits.memory >> 20, x->limits.pids,
		     x->limits.cpu_percent);
	io_print(&s->config.io);
}

static struct json_object *plan_json(const struct start *s, const struct qemu_args *a,
				     struct json_object *bind)
{
	struct json_object *o = qjson_obj(), *list;
	size_t i;

	qjson_add_str(o, "name", s->config.name);
	qjson_add_str(o, "config", s->path);
	qjson_add_str(o, "level", libqg_level_name(s->config.level));
	list = qjson_add(o, "devices", qjson_arr());
	for (i = 0; start_passthrough(s) && i < s->host.h.n_devices; i++)
		qjson_push_str(list, s->host.h.devices[i]);
	qjson_add(o, "bind", json_object_get(bind));
	qjson_add(o, "sandbox", sandbox_json(s));
	list = qjson_add(o, "qemu", qjson_arr());
	for (i = 0; i < a->n; i++)
		qjson_push_str(list, a->v[i]);
	return o;
}

static void plan_print(const struct start *s, const struct qemu_args *a, struct json_object *bind)
{
	struct json_object *steps = qjson_get(bind, "steps");
	char *text = qemu_args_text(a);
	size_t i;

	qterm_printf("VM %s, level %s, would get:", s->config.name,
		     libqg_level_name(s->config.level));
	for (i = 0; start_passthrough(s) && i < s->host.h.n_devices; i++)
		qterm_printf(" %s", s->host.h.devices[i]);
	if (!start_passthrough(s))
		qterm_printf(" %s", s->plan.gpu.model ? s->plan.gpu.model : "no GPU");
	if (qconfig_bridge(&s->config))
		qterm_printf("\nto make:\n  the tap device %s, on the bridge %s", s->host.tap,
			     qconfig_bridge(&s->config));
	/* A newline in an argument would be a '?'. */
	qterm_printf("\n%s\n", qjson_len(steps) ? "to bind:" : "nothing to bind");
	for (i = 0; i < qjson_len(steps); i++)
		qterm_printf("  %s\n", qjson_get_str(qjson_at(steps, i), "text"));
	sandbox_print(s);
	qterm_printf("to run:\n  %s\n", text);
	free(text);
}

static int dry_run(struct start *s)
{
	const struct qvfio_opts o = { .flags = QVFIO_F_DRY_RUN | (s->yes ? QVFIO_F_YES : 0) };
	struct qemu_host *h = &s->host.h;
	struct json_object *doc;
	struct qvfio_result r;
	struct qemu_args a;
	int ret = 0;

	/* Some numbers, for these are opened only when it is started. */
	h->qmp_fd = 3;
	h->serial_fd = 4;
	h->disk_fd[1] = s->config.disk ? 5 : 0;
	h->tap_fd = 6;
	h->vhost_fd = 7;
	qemu_args_build(&s->config, h, &s->plan, &a);
	memset(&r, 0, sizeof(r));
	if (start_passthrough(s))
		qvfio_bind(s->host.asked, s->host.n_asked, &o, &r);
	if (s->json) {
		doc = plan_json(s, &a, r.doc);
		ret = qjson_print(stdout, doc) ? EXIT_FAILED : 0;
		json_object_put(doc);
	} else {
		plan_print(s, &a, r.doc);
	}
	if (r.outcome != QVFIO_OK) {
		qerr_join(&r.err);
		ret = cmd_fail("it could not be bound: %s", r.err.msg);
	}
	qvfio_result_free(&r);
	qemu_args_free(&a);
	return fflush(stdout) ? EXIT_FAILED : ret;
}

/* A window of QEMU's own would give it the desktop. */
static const char *take_display(void *field, const char *arg)
{
	*(bool *)field = !strcmp(arg, "vnc");
	return *(bool *)field || !strcmp(arg, "none") ? NULL : "none or vnc";
}

#define AT(field) offsetof(struct start, field)

/* clang-format off: a table */
static const struct cmd_opt opts[] = {
	{ "dry-run", .kind = CMD_FLAG, .at = AT(dry_run) },
	CMD_JSON(struct start, json),
	{ "strict", .kind = CMD_FLAG, .at = AT(strict) },
	{ "yes", .kind = CMD_FLAG, .at = AT(yes) },
	{ "serial", .kind = CMD_TEXT, .at = AT(serial) },
	{ "display", .kind = CMD_TAKE, .at = AT(screen), .take = take_display },
	{ "grace", .kind = CMD_NUMBER, .at = AT(grace_s), .max = 3600 },
	{ "foreground", .kind = CMD_FLAG, .at = AT(foreground) },
	VM_DIR_OPT(struct start, vms_dir),
	{ 0 },
};
/* clang-format on */

int vm_start(int argc, char **argv)
{
	const struct cmd_line line = {
		.command = "start",
		.usage = vm_start_usage,
		.opts = opts,
		.args = "one VM",
		.min = 1,
		.max = 1,
	};
	struct start s = { .grace_s = 30,
			   .files = { .disk = { .fd = -1 } },
			   .confine = { .disk = { -1, -1 }, .tmp = -1 } };
	int at, ret;

	at = cmd_parse(&line, argc, argv, &s);
	if (at <= 0)
		return -at;
	if (s.json && !s.dry_run)
		return cmd_wrong(&line, "--json is for --dry-run");
	ret = load(&s, argv[at]);
	if (!ret)
		ret = plan(&s);
	if (!ret)
		ret = s.dry_run ? dry_run(&s) : start_run(&s);
	qconfine_free(&s.confine);
	qemu_plan_free(&s.plan);
	qvm_host_free(&s.host);
	qvm_files_free(&s.files);
	qconfig_free(&s.config);
	qdiags_free(&s.diags);
	return ret;
}
