// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm start: the VM that was decided on is made, started and watched until it ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/qwamos-vm-start.h"
#include "cmd/qwamos-vm.h"
#include "lib/libqwamos-gpu.h"
#include "qemu/qmp.h"
#include "qemu/view.h"
#include "util/mem.h"
#include "util/term.h"
#include "vm/background.h"
#include "vm/console.h"
#include "vm/counts.h"
#include "vm/inputs.h"
#include "vm/log.h"
#include "vm/screen.h"
#include "vm/tap.h"
#include "vm/vm.h"

/*
 * What QEMU needs beside the guest's memory to be locked for VFIO, in bytes; what libvirt gives,
 * too.
 */
#define MEMLOCK_EXTRA (1ULL << 30)
/* How long QEMU may take to quit, in ms. */
#define QUIT_MS 5000
/* After that long without a word from QEMU it is told that it is waited for, in ms. */
#define PATIENCE_MS 1000
/* After that long it is given up, in ms. */
#define UP_MS 300000
/* Time of a CPU that looking at what QEMU has made may take, in us. */
#define BEGIN_US 500000
/* How often it is told at most what its inputs have done, in ms. */
#define TELL_MS 2000

/*
 * One that runs. @out: what QEMU writes to its stdout and stderr: read end, write end. @ready: to
 * whoever waits for the VM to be up. @told: of what its inputs have done, when, and after how many
 * waits the log is told again. @wrong: QEMU has made another machine than was planned. @going:
 * its guest was told to run.
 */
struct run {
	struct start *s;
	/* Why the kernel has not given it its GPU, and its gate. */
	struct qerr no_gpu;
	struct qerr no_gate;
	struct qmp *qmp;
	struct qview view;
	bool wrong;
	bool going;
	struct qvm_tap tap;
	struct qvm vm;
	struct qlog log;
	struct qconsole console;
	struct qscreen screen;
	int out[2];
	struct qinputs inputs;
	struct qinput *qmp_in;
	struct {
		struct qcounts counts;
		int64_t at;
		uint64_t waits;
	} told;
	int ready;
	bool up;
	bool told_waiting;
	enum { RUNNING, POWERDOWN, QUIT, KILLED } stage;
	int64_t since;
	int64_t deadline;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Our own words: to the log, and to people as long as there are any. */
static void say(void *arg, const char *line)
{
	struct run *r = arg;

	if (r->s->foreground || !r->up)
		cmd_say(NULL, line);
	qlog_say(&r->log, line);
}

static void sayf(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void sayf(struct run *r, const char *fmt, ...)
{
	va_list ap;
	char *line;

	va_start(ap, fmt);
	line = qterm_vformat(fmt, ap);
	va_end(ap);
	say(r, line);
	free(line);
}

/* What QEMU has written. */
static void show(void *arg, const char *line)
{
	qterm_fprintf(stderr, "%s\n", line);
}

static ssize_t take_output(void *arg)
{
	struct run *r = arg;

	return qlog_take(&r->log, r->out[0], r->s->foreground || !r->up ? show : NULL, NULL);
}

/* What QEMU has written last; what is more than a pipe holds by itself is lost. */
static void take_last_output(struct run *r)
{
	size_t done = 0;
	ssize_t n = 1;
	int left = 0;

	while (n > 0 && done < 65536) {
		n = take_output(r);
		done += n > 0 ? n : 0;
	}
	if (!ioctl(r->out[0], FIONREAD, &left) && left > 0)
		r->log.lost += left;
}

static ssize_t take_console(void *arg)
{
	struct run *r = arg;

	return qconsole_take(&r->console);
}

/* From here on it does without whoever has started it. */
static void be_up(struct run *r)
{
	int null;

	qinput_call_in(r->qmp_in);
	sayf(r, "VM %s runs", r->s->config.name);
	if (r->screen.listener >= 0)
		sayf(r, "its screen is shown to VNC viewers at %s", r->screen.path);
	r->up = true;
	if (r->s->foreground)
		return;
	/* Not QEMU's pipe: it could make a write to that wait, and nobody but us reads it. */
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDERR_FILENO);
		close(null);
	}
	qvm_background_up(&r->ready);
}

static void started(void *arg, struct json_object *ret, const char *error)
{
	struct run *r = arg;

	if (error)
		sayf(r, "the guest of VM %s could not be started: %s", r->s->config.name, error);
	else
		be_up(r);
}

/* QEMU waits with the guest until it has shown that it is what was planned. */
static int look(struct run *r)
{
	if (r->up || r->wrong || !qmp_ready(r->qmp))
		return 0;
	if (!r->view.asked)
		return qview_ask(&r->view, r->qmp);
	if (!qview_done(&r->view) || r->going)
		return 0;
	if (!r->view.wrong) {
		r->going = true;
		qsandbox_refused_begun(&r->vm.calls);
		return qmp_ask(r->qmp, "cont", NULL, started, r);
	}
	r->wrong = true;
	sayf(r, "VM %s is ended: QEMU has made another machine than was planned: %s",
	     r->s->config.name, r->view.wrong);
	r->stage = KILLED;
	libqg_vm_destroy(r->vm.manage, NULL);
	return 0;
}

static ssize_t take_qmp(void *arg)
{
	struct run *r = arg;
	ssize_t ret = qmp_read(r->qmp, NULL, NULL);
	int err = ret < 0 ? 0 : look(r);

	if (err)
		ret = err;
	if (ret >= 0)
		return ret;
	qmp_close(r->qmp);
	r->qmp = NULL;
	/* Without it nobody can ever say that it runs; but if QEMU has ended, that tells more. */
	if (!r->up)
		r->since = now_ms() - UP_MS + QUIT_MS;
	return ret;
}

/* All ways in which the VM speaks to us; each but the screen's connections, which are root's. */
static void add_inputs(struct run *r)
{
	qinputs_add(&r->inputs, "output", &QINPUT_OUTPUT, r->out[0], take_output, r);
	qinputs_add(&r->inputs, "console", &QINPUT_CONSOLE, r->console.guest, take_console, r);
	r->qmp_in = qinputs_add(&r->inputs, "qmp", &QINPUT_QMP, qmp_fd(r->qmp), take_qmp, r);
	/* Until its guest runs nobody can have got hold of QEMU; a slow computer needs it. */
	qinput_lend(r->qmp_in, BEGIN_US);
}

/* In the order of add_inputs(). */
static void counts_now(struct run *r, struct qcounts *c)
{
	qcounts_take(c, &r->inputs);
	if (!c->n)
		return;
	c->v[0].lost = r->log.lost;
	c->v[1].lost = r->console.log.lost;
	c->v[1].unseen = r->console.unseen;
}

static void say_counts(struct run *r, const struct qcounts *c)
{
	char text[256];
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (!c->v[i].waits && !c->v[i].lost)
			continue;
		qcounts_text(&c->v[i], text, sizeof(text));
		qlog_say(&r->log, text);
	}
}

/* The log only when it has become twice as much: it must not be filled by this. */
static void tell_counts(void *arg)
{
	struct run *r = arg;
	struct qcounts c;

	r->told.at = now_ms();
	counts_now(r, &c);
	if (!memcmp(&c, &r->told.counts, sizeof(c)))
		return;
	r->told.counts = c;
	qcounts_write(r->s->config.name, &c, NULL);
	if (qinputs_waits(&r->inputs) <= 2 * r->told.waits)
		return;
	r->told.waits = qinputs_waits(&r->inputs);
	say_counts(r, &c);
}

static size_t fds(void *arg, struct pollfd *p)
{
	struct run *r = arg;
	size_t n = qinputs_fds(&r->inputs, p);

	/* It is QEMU that speaks with viewers: they wait until it can. */
	if (r->qmp && r->up && r->screen.listener >= 0)
		p[n++] = (struct pollfd){ .fd = r->screen.listener, .events = POLLIN };
	return n + qconsole_fds(&r->console, p + n);
}

static int tell_qemu(struct run *r, const char *command)
{
	return r->qmp ? qmp_send(r->qmp, command) : -EPIPE;
}

/* One stage further towards the end of QEMU. */
static void press(struct run *r)
{
	const char *name = r->s->config.name;

	if (r->stage == RUNNING) {
		r->stage = POWERDOWN;
		r->deadline = now_ms() + (int64_t)r->s->grace_s * 1000;
		sayf(r, "asking VM %s to power off", name);
		if (!tell_qemu(r, "system_powerdown"))
			return;
	}
	if (r->stage == POWERDOWN) {
		r->stage = QUIT;
		r->deadline = now_ms() + QUIT_MS;
		sayf(r, "switching VM %s off", name);
		if (!tell_qemu(r, "quit"))
			return;
	}
	if (r->stage == QUIT) {
		r->stage = KILLED;
		sayf(r, "killing VM %s", name);
		/* The kernel kills all of the VM's cgroup. */
		libqg_vm_destroy(r->vm.manage, NULL);
	}
}

static void ready(void *arg, const struct pollfd *p, size_t n)
{
	struct run *r = arg;
	size_t i;

	qinputs_ready(&r->inputs, p, n);
	for (i = 0; i < n; i++)
		if (p[i].revents && p[i].fd == r->screen.listener && r->qmp)
			qscreen_ready(&r->screen, r->qmp);
	if (qconsole_ready(&r->console, p, n))
		press(r);
}

static bool on_signal(void *arg, int signo)
{
	struct run *r = arg;

	if (signo != SIGTERM && signo != SIGINT && signo != SIGHUP && signo != SIGQUIT)
		return false;
	if (signo == SIGQUIT && r->stage == RUNNING)
		r->stage = POWERDOWN;
	press(r);
	return true;
}

static void tick(void *arg)
{
	struct run *r = arg;

	if (r->stage != RUNNING && r->stage != KILLED && now_ms() > r->deadline)
		press(r);
	if (!r->up && r->stage == RUNNING && now_ms() - r->since > UP_MS)
		press(r);
	if (!r->up && !r->told_waiting && now_ms() - r->since > PATIENCE_MS) {
		r->told_waiting = true;
		sayf(r, "waiting for the QEMU of VM %s", r->s->config.name);
	}
	/* Not while QEMU ends: that is waited for, and the record with it. */
	if (now_ms() - r->told.at >= TELL_MS && r->stage < QUIT)
		qinputs_tell(&r->inputs, tell_counts, r);
}

static int timeout(void *arg, int tick_ms)
{
	struct run *r = arg;

	return qinputs_timeout(&r->inputs, tick_ms);
}

/* The fds that QEMU gets, where its arguments name them; return: their number. */
static size_t keep(struct run *r, int qmp, int serial, int *list)
{
	struct qemu_host *h = &r->s->host.h;
	struct stat st;
	size_t n = 0, i;

	h->qmp_fd = list[n++] = qmp;
	h->serial_fd = list[n++] = serial;
	for (i = 0; i < 2; i++) {
		h->disk_fd[i] = r->s->confine.disk[i];
		if (h->disk_fd[i] >= 0)
			list[n++] = h->disk_fd[i];
	}
	h->disk_block = h->disk_fd[1] >= 0 && !fstat(h->disk_fd[1], &st) && S_ISBLK(st.st_mode);
	return n + qvm_tap_fds(&r->tap, list + n);
}

static int open_console(struct run *r, int *guest_fd, struct qerr *err)
{
	const char *name = r->s->config.name;
	char path[PATH_MAX];
	int ret;

	if (r->s->serial)
		return qconsole_open(&r->console, name, r->s->serial, false, guest_fd, err);
	ret = qlog_path(name, ".console", path, err);
	return ret ? ret : qconsole_open(&r->console, name, path, r->s->foreground, guest_fd, err);
}

static int spawn(struct run *r, struct qerr *err)
{
	struct start *s = r->s;
	/* Behind a guest's IOMMU, each device has it locked once more. */
	size_t times = s->plan.smmu ? s->host.h.n_devices : 1;
	struct qvm_program p = { .memlock = ((rlim_t)s->config.memory_mib << 20) * (times ?: 1) +
					    MEMLOCK_EXTRA,
				 .sandbox = &s->confine.sandbox,
				 .out_fd = r->out[1] };
	int qmp = -1, serial = -1, list[8], ret;
	struct qemu_args a;

	ret = qconfine_apply(&s->confine, &r->vm, &s->plan, &s->host.h, err);
	if (!ret)
		ret = qconfine_open(&s->confine, &s->config, &s->files, err);
	if (!ret)
		ret = qconfine_limit_io(&s->confine, &r->vm, &s->config, err);
	if (!ret)
		ret = qmp_pair(&r->qmp, &qmp, err);
	if (!ret)
		ret = open_console(r, &serial, err);
	if (!ret && s->screen)
		ret = qscreen_open(&r->screen, s->config.name, err);
	if (!ret)
		ret = qvm_tap_give(&r->tap, &s->config, s->plan.vhost, &s->host.h, err);
	if (!ret) {
		p.n_keep = keep(r, qmp, serial, list);
		p.keep = list;
		qemu_args_build(&s->config, &s->host.h, &s->plan, &a);
		qview_expect(&r->view, s->config.machine, &a);
		p.argv = a.v;
		ret = qvm_spawn(&r->vm, &p, err);
		qemu_args_free(&a);
	}
	if (qmp >= 0)
		close(qmp);
	if (serial >= 0)
		close(serial);
	/* QEMU has its own: what it was given goes with it. */
	qvm_tap_close(&r->tap);
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
		      struct qwamos_gpu_vm_set_policy *req)
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
		req->restrictions |= QWAMOS_GPU_RESTRICT_NO_VULKAN;
	if (!c->allow_compute)
		req->restrictions |= QWAMOS_GPU_RESTRICT_NO_COMPUTE;
	if (req->restrictions)
		req->mask |= QWAMOS_GPU_POLICY_RESTRICT;
	req->mask |= QWAMOS_GPU_POLICY_MODE;
	req->mode_asked = mode_of(g->asked);
	req->mode_got = mode_of(g->got);
	req->mode_reason = g->why;
}

/* What of the host's files a VM has, for its record. */
struct disks {
	struct qrecord_disk *v;
	const char **paths;
	size_t n;
};

static void add_disk(struct disks *d, const struct stat *st, const char *path, bool write)
{
	size_t n = d->n;

	*QMEM_GROW(d->paths, n) = path;
	*QMEM_GROW(d->v, d->n) = qrecord_disk_of(st, write);
}

/* The kernel and the initrd, too: another VM's disk is none. */
static int take_disks(struct disks *d, const struct start *s, struct qerr *err)
{
	const struct qvm_files *f = &s->files;
	struct stat st;
	size_t i;

	if (f->disk.fd >= 0)
		add_disk(d, &f->disk.st, f->disk.path,
			 !s->config.disk_snapshot && s->config.persistent);
	for (i = 0; i < f->n; i++) {
		if (fstat(f->v[i].fd, &st))
			return qerr_sys(err, errno, "%s", f->v[i].path);
		add_disk(d, &st, f->v[i].path, false);
	}
	return 0;
}

static int setup_once(struct run *r, struct qerr *err)
{
	struct start *s = r->s;
	struct qvm_opts o = {
		.name = s->config.name,
		.words = { "gpu.vram_limit_mb", "gpu.compute_share_percent", "a guarantee of" },
		.devices = s->host.asked,
		.n_devices = start_passthrough(s) ? s->host.n_asked : 0,
		.gate = s->plan.gpu.gated ? &s->host.render : NULL,
		.config = s->path,
		.config_sha256 = s->config.sha256,
		.flags = (s->yes ? QVM_F_YES : 0) | (s->config.accept_unwiped ? QVM_F_UNWIPED : 0) |
			 (s->config.accept_disk_in_use ? QVM_F_SHARED : 0),
		.say = say,
		.say_arg = r,
	};
	struct disks disks = { 0 };
	int ret;

	policy_of(&s->config, &s->plan.gpu, &o.policy);
	ret = take_disks(&disks, s, err);
	if (!ret) {
		o.disks = disks.v;
		o.n_disks = disks.n;
		o.disk_paths = disks.paths;
		ret = qvm_setup(&r->vm, &o, err);
	}
	/* They are in its record now. */
	r->vm.opts.n_disks = 0;
	r->vm.opts.disks = NULL;
	r->vm.opts.disk_paths = NULL;
	free(disks.v);
	free(disks.paths);
	return ret;
}

/* One step down from what could not be had; return: 0, or a negative errno: there is none. */
static int step_down(struct run *r, struct qerr *err)
{
	bool passthrough = start_passthrough(r->s);
	struct qerr *why = passthrough ? &r->no_gpu : &r->no_gate;
	struct qemu_host *h = &r->s->host.h;
	int ret;

	*why = *err;
	if (passthrough) {
		h->no_passthrough_reason = r->vm.refused;
		h->no_passthrough = why->msg;
	} else {
		h->render_node = NULL;
		h->gated = false;
		h->no_render = why->msg;
	}
	ret = qvm_end(&r->vm, err);
	/* So that it may be ended once more. */
	r->vm = (struct qvm){ .ctl = -1, .manage = -1, .use = -1, .pidfd = -1 };
	r->vm.cg.fd = r->vm.rec.fd = -1;
	if (ret)
		return ret;
	qemu_plan_free(&r->s->plan);
	return start_plan(r->s) ? qerr_set(err, ENODEV, "%s", why->msg) : 0;
}

/* Is there a step down from what could not be had? Not for a VM that somebody has ended. */
static bool falls_back(const struct run *r)
{
	if (r->vm.refused == QWAMOS_GPU_REASON_VM_ENDED)
		return false;
	return r->vm.no_gate || (r->vm.refused && start_passthrough(r->s) && r->s->config.fallback);
}

/*
 * Makes the VM; and if the kernel refuses it its GPU, or its gate, makes it anew with what it falls
 * back to: each of the two is refused once.
 */
static int setup(struct run *r, struct qerr *err)
{
	int ret;

	for (;;) {
		ret = setup_once(r, err);
		if (!ret || !falls_back(r))
			return ret;
		ret = step_down(r, err);
		if (ret)
			return ret;
	}
}

static int open_log(struct run *r, struct qerr *err)
{
	char path[PATH_MAX];
	int ret;

	ret = qlog_path(r->s->config.name, ".log", path, err);
	if (!ret)
		ret = qlog_open(&r->log, path, err);
	if (!ret && pipe2(r->out, O_CLOEXEC))
		ret = qerr_sys(err, errno, "pipe");
	/* Our end alone: QEMU waits until there is room, so that nothing it says is lost. */
	if (!ret && fcntl(r->out[0], F_SETFL, O_NONBLOCK))
		ret = qerr_sys(err, errno, "a pipe that does not block");
	return ret;
}

/* The VM from its beginning to its end; return: the exit status. */
static int live(struct run *r)
{
	struct qvm_watch w = { .arg = r,
			       .fds = fds,
			       .ready = ready,
			       .on_signal = on_signal,
			       .tick = tick,
			       .tick_ms = 500,
			       .timeout = timeout };
	const char *name = r->s->config.name;
	struct qerr err = { 0 }, end_err = { 0 };
	int ret, status = EXIT_FAILED;

	ret = setup(r, &err);
	r->since = now_ms();
	if (!ret)
		ret = spawn(r, &err);
	if (!ret) {
		add_inputs(r);
		ret = qvm_wait(&r->vm, &w, &status, &err);
	}
	take_last_output(r);
	if (ret)
		say(r, err.msg);
	else if (r->stage != RUNNING)
		status = r->up ? 0 : EXIT_FAILED; /* it was asked for, one way or the other */
	else if (status > 128)
		sayf(r, "the QEMU of VM %s was killed by signal %d", name, status - 128);
	else if (status)
		sayf(r, "the QEMU of VM %s ended with status %d", name, status);
	/* While the name is ours: the next VM that is called so has a console, too. */
	qconsole_unlisten(&r->console);
	qscreen_close(&r->screen);
	qconfine_remove_tmp(&r->s->confine);
	if (qvm_end(&r->vm, &end_err)) {
		say(r, end_err.msg);
		if (!status)
			status = EXIT_FAILED;
	} else if (!ret) {
		sayf(r, "VM %s is over", name);
	}
	ret = qvm_tap_remove(&r->tap, &end_err);
	if (ret)
		say(r, ret < 0 ? end_err.msg : "the VM had its tap device outlive it; removed");
	return status;
}

int start_run(struct start *s)
{
	struct run r = { .s = s, .out = { -1, -1 }, .ready = -1, .tap = QVM_TAP_NONE };
	int ret, status = EXIT_FAILED;
	struct qerr err = { 0 };
	struct qcounts counts;

	/* What qvm_end() and qconsole_close() find if it does not come to more. */
	r.vm.ctl = r.vm.manage = r.vm.use = r.vm.pidfd = r.vm.cg.fd = r.vm.rec.fd = -1;
	r.console = (struct qconsole){ .guest = -1, .listener = -1, .in = -1, .out = -1 };
	r.console.log.fd = r.log.fd = r.screen.listener = -1;
	/* Who is not would be refused somewhere on the way, with less to go by. */
	if (geteuid())
		return cmd_fail(
			"only root starts VMs: their sandboxes, cgroups and devices are made by it");
	if (!s->foreground) {
		ret = qvm_background(&r.ready, &status, &err);
		if (ret)
			return ret > 0 ? status : cmd_fail("%s", err.msg);
	}
	/* Who was waiting may have gone. */
	signal(SIGPIPE, SIG_IGN);
	qvm_signals();
	if (open_log(&r, &err))
		status = cmd_fail("%s", err.msg);
	else
		status = live(&r);
	if (r.out[0] >= 0)
		take_last_output(&r);
	qmp_close(r.qmp);
	qview_free(&r.view);
	qconsole_close(&r.console);
	counts_now(&r, &counts);
	say_counts(&r, &counts);
	qlog_close(&r.log);
	if (r.out[0] >= 0) {
		close(r.out[0]);
		close(r.out[1]);
	}
	if (r.ready >= 0)
		close(r.ready);
	return status;
}
