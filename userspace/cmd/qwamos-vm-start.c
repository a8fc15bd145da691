// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm start */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/qwamos-vm.h"
#include "config/config.h"
#include "lib/libqwamos-gpu.h"
#include "qemu/args.h"
#include "qemu/caps.h"
#include "qemu/qmp.h"
#include "util/json.h"
#include "util/mem.h"
#include "vfio/vfio.h"
#include "vm/host.h"
#include "vm/vm.h"

/*
 * What QEMU needs beside the guest's memory to be locked for VFIO, in bytes; what libvirt gives,
 * too.
 */
#define MEMLOCK_EXTRA (1ULL << 30)
/* How long QEMU may take to quit, in ms. */
#define QUIT_MS 5000

const char vm_start_usage[] =
	"start CONFIG [OPTION]...\n\t\tstarts the VM of a config file, and watches it until it ends\n"
	"      --dry-run        print what would be done; do nothing\n"
	"      --json           with --dry-run: as JSON\n"
	"      --strict         refuse a config that asks for protection which is not carried out\n"
	"      --yes            binding may take companion functions\n"
	"      --serial FILE    the VM's serial console goes there, not to the terminal\n"
	"      --grace SECONDS  how long the guest has to power off when it is stopped (30)\n"
	"      --foreground     stay with the VM (the default)";

struct start {
	bool dry_run;
	bool json;
	bool strict;
	bool yes;
	bool foreground; /* as it always is */
	uint64_t grace_s;
	const char *serial;
	struct qconfig config;
	struct qdiags diags;
	char path[PATH_MAX]; /* of the config */
	struct qvm_host host;
	struct qemu_plan plan;
	struct qerr refused; /* why the kernel has not given it its GPU */
	struct qmp *qmp;
	struct qvm vm;
	enum { RUNNING, POWERDOWN, QUIT, KILLED } stage;
	int64_t deadline;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void tell(struct start *s, size_t from)
{
	char *line;

	for (; from < s->diags.n; from++) {
		line = qdiag_format(&s->diags, &s->diags.list[from]);
		fprintf(stderr, "%s\n", line);
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

/* Reads the config; return: 0 or an exit status. */
static int load(struct start *s, const char *file)
{
	int bad;

	if (!realpath(file, s->path))
		return cmd_fail("%s: %s", file, strerror(errno));
	bad = qconfig_load(file, &s->config, &s->diags);
	if (!bad)
		bad = qconfig_startable(&s->config, &s->diags) |
		      qemu_extra_check(&s->config, &s->diags);
	tell(s, 0);
	if (bad)
		return cmd_fail("%s can't be started", s->config.name ? s->config.name : file);
	return strict(s);
}

/* What it gets of this QEMU and of what is in s->host; return: 0 or an exit status. */
static int plan_qemu(struct start *s)
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
	return strict(s);
}

/* What it gets of this computer; return: 0 or an exit status. */
static int plan(struct start *s)
{
	struct qerr err;

	if (qvm_host_gather(&s->config, &s->host, &err))
		return cmd_fail("%s", err.msg);
	s->host.h.serial = s->serial;
	return plan_qemu(s);
}

static void build(struct start *s, int qmp_fd, struct qemu_args *a)
{
	s->host.h.qmp_fd = qmp_fd;
	qemu_args_build(&s->config, &s->host.h, &s->plan, a);
}

static bool passthrough(const struct start *s)
{
	return s->plan.gpu.got == QACCESS_PASSTHROUGH;
}

static struct json_object *plan_json(const struct start *s, const struct qemu_args *a,
				     struct json_object *bind)
{
	struct json_object *o = qjson_obj(), *list;
	size_t i;

	qjson_add_str(o, "name", s->config.name);
	qjson_add_str(o, "config", s->path);
	qjson_add_str(o, "level", qgpu_level_name(s->config.level));
	list = qjson_add(o, "devices", qjson_arr());
	for (i = 0; passthrough(s) && i < s->host.h.n_devices; i++)
		qjson_push_str(list, s->host.h.devices[i]);
	qjson_add(o, "bind", json_object_get(bind));
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

	printf("VM %s, level %s, would get:", s->config.name, qgpu_level_name(s->config.level));
	for (i = 0; passthrough(s) && i < s->host.h.n_devices; i++)
		printf(" %s", s->host.h.devices[i]);
	if (!passthrough(s))
		printf(" %s", s->plan.gpu.model ? s->plan.gpu.model : "no GPU");
	puts(qjson_len(steps) ? "\nto bind:" : "\nnothing to bind");
	for (i = 0; i < qjson_len(steps); i++)
		printf("  %s\n", qjson_get_str(qjson_at(steps, i), "text"));
	printf("to run:\n  %s\n", text);
	free(text);
}

static int dry_run(struct start *s)
{
	const struct qvfio_opts o = { .flags = QVFIO_F_DRY_RUN | (s->yes ? QVFIO_F_YES : 0) };
	struct json_object *doc;
	struct qvfio_result r;
	struct qemu_args a;
	int ret = 0;

	/* Some number, for the socket is made only when it is started. */
	build(s, 3, &a);
	memset(&r, 0, sizeof(r));
	if (passthrough(s))
		qvfio_bind(s->host.asked, s->host.n_asked, &o, &r);
	if (s->json) {
		doc = plan_json(s, &a, r.doc);
		ret = qjson_print(stdout, doc) ? EXIT_FAILED : 0;
		json_object_put(doc);
	} else {
		plan_print(s, &a, r.doc);
	}
	if (r.outcome != QVFIO_OK)
		ret = cmd_fail("it could not be bound: %s", r.err.msg);
	qvfio_result_free(&r);
	qemu_args_free(&a);
	return fflush(stdout) ? EXIT_FAILED : ret;
}

static bool on_qmp(void *arg)
{
	struct start *s = arg;
	bool was_ready = qmp_ready(s->qmp);
	int ret = qmp_read(s->qmp, NULL, NULL);

	if (!was_ready && qmp_ready(s->qmp))
		fprintf(stderr, "qwamos-vm: VM %s runs\n", s->config.name);
	return !ret;
}

/* One stage further towards the end of QEMU. */
static void press(struct start *s)
{
	if (s->stage == RUNNING) {
		s->stage = POWERDOWN;
		s->deadline = now_ms() + (int64_t)s->grace_s * 1000;
		fprintf(stderr, "qwamos-vm: asking VM %s to power off\n", s->config.name);
		if (!qmp_send(s->qmp, "system_powerdown"))
			return;
	}
	if (s->stage == POWERDOWN) {
		s->stage = QUIT;
		s->deadline = now_ms() + QUIT_MS;
		fprintf(stderr, "qwamos-vm: switching VM %s off\n", s->config.name);
		if (!qmp_send(s->qmp, "quit"))
			return;
	}
	if (s->stage == QUIT) {
		s->stage = KILLED;
		fprintf(stderr, "qwamos-vm: killing VM %s\n", s->config.name);
		/* The kernel kills all of the VM's cgroup. */
		qgpu_destroy(s->vm.manage, NULL);
	}
}

static bool on_signal(void *arg, int signo)
{
	struct start *s = arg;

	if (signo != SIGTERM && signo != SIGINT && signo != SIGHUP && signo != SIGQUIT)
		return false;
	if (signo == SIGQUIT && s->stage == RUNNING)
		s->stage = POWERDOWN;
	press(s);
	return true;
}

static void tick(void *arg)
{
	struct start *s = arg;

	if (s->stage != RUNNING && s->stage != KILLED && now_ms() > s->deadline)
		press(s);
}

static int spawn(struct start *s, struct qerr *err)
{
	struct qvm_program p = { .n_keep = 1,
				 .memlock = ((rlim_t)s->config.memory_mib << 20) + MEMLOCK_EXTRA };
	struct qemu_args a;
	int fd, ret;

	ret = qmp_pair(&s->qmp, &fd, err);
	if (ret)
		return ret;
	build(s, fd, &a);
	p.argv = a.v;
	p.keep = &fd;
	ret = qvm_spawn(&s->vm, &p, err);
	if (ret == -ENOENT)
		qerr_set(err, ENOENT, "%s is not installed, or not on PATH", a.v[0]);
	close(fd);
	qemu_args_free(&a);
	return ret;
}

/* &enum qwamos_gpu_mode of an access mode. */
static uint32_t mode_of(int access)
{
	static const uint32_t modes[] = {
		[QACCESS_VIRTIO] = QWAMOS_GPU_MODE_VIRTIO,
		[QACCESS_PASSTHROUGH] = QWAMOS_GPU_MODE_PASSTHROUGH,
		[QACCESS_SOFTWARE] = QWAMOS_GPU_MODE_SOFTWARE,
		[QACCESS_NONE] = QWAMOS_GPU_MODE_NONE,
	};

	return modes[access];
}

/*
 * The gpu section as a policy; what it does not say is the level's. Without one, the VM has no
 * policy, and everything is denied to it.
 */
static void policy_of(const struct qconfig *c, const struct qemu_gpu *g,
		      struct qwamos_gpu_set_policy *req)
{
	if (!g->section)
		return;
	req->mask = QWAMOS_GPU_POLICY_LEVEL | QWAMOS_GPU_POLICY_PRIORITY;
	req->level = c->level;
	req->priority = c->priority;
	if (c->vram_limit_mib >= 0) {
		req->mask |= QWAMOS_GPU_POLICY_VRAM;
		req->vram_limit = (uint64_t)c->vram_limit_mib << 20;
	}
	if (c->compute_share >= 0) {
		req->mask |= QWAMOS_GPU_POLICY_CAP;
		req->compute_cap = c->compute_share;
	}
	if (!c->allow_vulkan)
		req->narrow |= QWAMOS_GPU_NARROW_NO_VULKAN;
	if (!c->allow_compute)
		req->narrow |= QWAMOS_GPU_NARROW_NO_COMPUTE;
	if (req->narrow)
		req->mask |= QWAMOS_GPU_POLICY_NARROW;
	req->mask |= QWAMOS_GPU_POLICY_MODE;
	req->mode_asked = mode_of(g->asked);
	req->mode_got = mode_of(g->got);
	req->mode_reason = g->why;
}

static int setup_once(struct start *s, struct qerr *err)
{
	struct qvm_opts o = {
		.name = s->config.name,
		.words = { "gpu.vram_limit_mb", "gpu.compute_share_percent", "a guarantee of" },
		.devices = s->host.asked,
		.n_devices = passthrough(s) ? s->host.n_asked : 0,
		.config = s->path,
		.flags = s->yes ? QVM_F_YES : 0,
		.say = cmd_say,
	};

	policy_of(&s->config, &s->plan.gpu, &o.policy);
	return qvm_setup(&s->vm, &o, err);
}

/* Makes the VM; and if the kernel refuses it its GPU, makes it anew with what it falls back to. */
static int setup(struct start *s, struct qerr *err)
{
	int ret = setup_once(s, err);

	if (!ret || !s->vm.refused || !s->config.fallback)
		return ret;
	s->host.h.no_passthrough_reason = s->vm.refused;
	s->refused = *err;
	s->host.h.no_passthrough = s->refused.msg;
	ret = qvm_end(&s->vm, err);
	/* So that it may be ended once more. */
	s->vm = (struct qvm){ .ctl = -1, .manage = -1, .use = -1, .pidfd = -1 };
	s->vm.cg.fd = s->vm.rec.fd = -1;
	if (ret)
		return ret;
	qemu_plan_free(&s->plan);
	if (plan_qemu(s))
		return qerr_set(err, ENODEV, "%s", s->refused.msg);
	return setup_once(s, err);
}

static int run(struct start *s)
{
	struct qvm_watch w = {
		.arg = s, .on_fd = on_qmp, .on_signal = on_signal, .tick = tick, .tick_ms = 500
	};
	struct qerr err = { 0 }, end_err = { 0 };
	int ret, status = EXIT_FAILED;

	qvm_signals();
	ret = setup(s, &err);
	if (!ret)
		ret = spawn(s, &err);
	if (!ret) {
		w.fd = qmp_fd(s->qmp);
		ret = qvm_wait(&s->vm, &w, &status, &err);
	}
	if (ret)
		cmd_fail("%s", err.msg);
	else if (s->stage != RUNNING)
		status = 0; /* it was asked for, one way or the other */
	else if (status > 128)
		cmd_fail("the QEMU of VM %s was killed by signal %d", s->config.name, status - 128);
	else if (status)
		cmd_fail("the QEMU of VM %s ended with status %d", s->config.name, status);
	qmp_close(s->qmp);
	if (qvm_end(&s->vm, &end_err)) {
		cmd_fail("%s", end_err.msg);
		if (!status)
			status = EXIT_FAILED;
	} else if (!ret) {
		fprintf(stderr, "qwamos-vm: VM %s is over\n", s->config.name);
	}
	return status;
}

#define AT(field) offsetof(struct start, field)

/* clang-format off: a table */
static const struct cmd_opt opts[] = {
	{ "dry-run", .kind = CMD_FLAG, .at = AT(dry_run) },
	CMD_JSON(struct start, json),
	{ "strict", .kind = CMD_FLAG, .at = AT(strict) },
	{ "yes", .kind = CMD_FLAG, .at = AT(yes) },
	{ "serial", .kind = CMD_TEXT, .at = AT(serial) },
	{ "grace", .kind = CMD_NUMBER, .at = AT(grace_s), .max = 3600 },
	{ "foreground", .kind = CMD_FLAG, .at = AT(foreground) },
	{ 0 },
};
/* clang-format on */

int vm_start(int argc, char **argv)
{
	const struct cmd_line line = {
		.command = "start",
		.usage = vm_start_usage,
		.opts = opts,
		.args = "one CONFIG",
		.min = 1,
		.max = 1,
	};
	struct start s = { .grace_s = 30 };
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
		ret = s.dry_run ? dry_run(&s) : run(&s);
	qemu_plan_free(&s.plan);
	qvm_host_free(&s.host);
	qconfig_free(&s.config);
	qdiags_free(&s.diags);
	return ret;
}
