// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm stop */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "cmd/qwamos-vm.h"
#include "lib/libqwamos-gpu.h"
#include "util/term.h"
#include "vm/known.h"

/* When a wait is told for the first time, and how often from then on, in ms. */
#define TELL_FIRST_MS 1000
#define TELL_EACH_MS  5000

struct stop {
	bool now;
	uint64_t timeout_s;
	const char *vms_dir;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Does the kernel still let the VM's processes run? */
static bool is_live(uint64_t id)
{
	struct qwamos_gpu_vm *vms;
	bool live = false;
	size_t i, n;
	int ctl;

	ctl = libqg_open();
	if (ctl < 0)
		return false;
	if (!libqg_vm_list(ctl, &vms, &n, NULL)) {
		for (i = 0; i < n; i++)
			live |= vms[i].vm_id == id && vms[i].state == QWAMOS_GPU_VM_STATE_LIVE;
		free(vms);
	}
	close(ctl);
	return live;
}

static void tell(const struct qrecord *r, const struct stop *s, int64_t waited_ms)
{
	const char *what = "what it had is put back";

	if (!isatty(STDERR_FILENO))
		return;
	if (is_live(r->vm_id))
		what = s->now ? "its QEMU has quit" : "its guest has powered off";
	qterm_fprintf(stderr, "qwamos-vm: stopping VM %s: waiting until %s (%lld s)\n", r->name,
		      what, (long long)waited_ms / 1000);
}

/* Waits until the supervisor has ended, which is when it has put everything back. */
static int wait_end(int fd, const struct qrecord *r, const struct stop *s)
{
	int64_t start = now_ms(), end = start + (int64_t)s->timeout_s * 1000;
	int64_t next = start + TELL_FIRST_MS, now, until;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (;;) {
		now = now_ms();
		if (now >= next) {
			tell(r, s, now - start);
			next += TELL_EACH_MS;
		}
		until = next < end ? next : end;
		if (poll(&p, 1, until > now ? until - now : 0) == 1)
			return 0;
		if (now_ms() >= end)
			return cmd_fail(
				"VM %s still runs after %llu s; qwamos-vm stop --now %s switches it off",
				r->name, (unsigned long long)s->timeout_s, r->name);
	}
}

/* Signals the supervisor. */
static int stop(const struct qrecord *r, const struct stop *s)
{
	int fd = r->pid > 0 ? pidfd_open(r->pid, 0) : -1;
	int ret;

	/* Asked after the open: then the fd is no later process's of that number. */
	if (fd < 0 || !qrecord_still(r))
		ret = cmd_fail(
			"the supervisor of VM %s is gone; what it has left is put back when the next VM is started",
			r->name);
	else if (pidfd_send_signal(fd, s->now ? SIGQUIT : SIGTERM, NULL, 0))
		ret = cmd_fail("process %d: %s", r->pid, strerror(errno));
	else
		ret = wait_end(fd, r, s);
	if (fd >= 0)
		close(fd);
	return ret;
}

int vm_stop(int argc, char **argv)
{
	struct stop s = { .timeout_s = 120 };
	static const struct cmd_opt opts[] = {
		{ "now", .kind = CMD_FLAG, .at = offsetof(struct stop, now) },
		{ "timeout", .kind = CMD_NUMBER, .at = offsetof(struct stop, timeout_s), .min = 1,
		  .max = 86400 },
		VM_DIR_OPT(struct stop, vms_dir),
		{ 0 },
	};
	const struct cmd_line line = {
		.command = "stop",
		.usage = "stop VM [--now] [--timeout SECONDS] [--vms-dir DIR]\n"
			 "Lets the guest power off, and waits until the VM is over.\n"
			 "  --now              switch it off\n"
			 "  --timeout SECONDS  how long to wait (120)\n"
			 "  --vms-dir DIR      where the VMs are ($QWAMOS_VMS_DIR, " QVM_DIR ")",
		.opts = opts,
		.args = "one VM",
		.min = 1,
		.max = 1,
	};
	struct qvm_known k;
	struct qerr err;
	int at, ret;

	at = cmd_parse(&line, argc, argv, &s);
	if (at <= 0)
		return -at;
	if (qvm_know_record(argv[at], s.vms_dir, &k, &err))
		ret = cmd_fail("%s", err.msg);
	else if (k.state == QVM_UNTOLD || k.rec.damage[0])
		ret = cmd_fail("VM %s can't be stopped: %s", k.name, k.note);
	else if (k.state == QVM_STOPPED || k.state == QVM_BROKEN)
		ret = cmd_fail("no VM %s is running%s%s", k.name, k.note ? ": " : "",
			       k.note ? k.note : "");
	else
		ret = stop(&k.rec, &s);
	qvm_known_free(&k);
	return ret;
}
