// SPDX-License-Identifier: GPL-2.0-only
/*
 * qwamos-vfio killed at every point where it changes something. The program runs under ptrace;
 * before its Nth system call that changes a file or asks its child to write to sysfs it gets
 * SIGKILL, for N = 1, 2, ... until it reaches its end. After each kill `status` must name what is
 * half done, or nothing was, and the next bind or unbind must put it right.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"
#include "util/json.h"

#define MAX_POINTS 200

static int number, bad;

static void __attribute__((format(printf, 2, 3))) point(bool ok, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", ok ? "" : "not ", ++number);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	bad |= !ok;
}

/* Does this call change something that outlives the process? */
static bool changes(const struct user_regs_struct *regs)
{
	switch (regs->orig_rax) {
	case SYS_write:
	case SYS_pwrite64:
		return regs->rdi > STDERR_FILENO;
	case SYS_openat:
		return regs->rdx & (O_CREAT | O_TRUNC);
	case SYS_ftruncate:
	case SYS_mkdir:
	case SYS_rename:
	case SYS_unlink:
	case SYS_fsync:
	case SYS_sendto:
		return true;
	}
	return false;
}

static const char *call_name(long nr)
{
	switch (nr) {
	case SYS_write:
		return "write";
	case SYS_pwrite64:
		return "pwrite64";
	case SYS_openat:
		return "openat";
	case SYS_ftruncate:
		return "ftruncate";
	case SYS_mkdir:
		return "mkdir";
	case SYS_rename:
		return "rename";
	case SYS_unlink:
		return "unlink";
	case SYS_fsync:
		return "fsync";
	case SYS_sendto:
		return "sendto";
	}
	return "?";
}

static pid_t start(const char *const argv[])
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	null = open("/dev/null", O_RDWR);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

/*
 * Runs a program and kills it before its @n-th call that changes something.
 * Return: true if it was killed (@call: the call), false if it ended first (@status: how).
 */
static bool run_and_kill(const char *const argv[], int n, long *call, int *status)
{
	struct user_regs_struct regs;
	bool entry = true;
	pid_t pid = start(argv);

	*call = -1;
	if (waitpid(pid, status, 0) != pid || !WIFSTOPPED(*status))
		return false;
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (;;) {
		int sig = 0;

		if (WIFSTOPPED(*status) && WSTOPSIG(*status) != (SIGTRAP | 0x80) &&
		    WSTOPSIG(*status) != SIGTRAP)
			sig = WSTOPSIG(*status);
		if (ptrace(PTRACE_SYSCALL, pid, NULL, sig) || waitpid(pid, status, 0) != pid)
			return false;
		if (WIFEXITED(*status) || WIFSIGNALED(*status))
			return false;
		if (WSTOPSIG(*status) != (SIGTRAP | 0x80))
			continue;
		if (entry && !ptrace(PTRACE_GETREGS, pid, NULL, &regs) && changes(&regs) && !--n) {
			*call = regs.orig_rax;
			kill(pid, SIGKILL);
			waitpid(pid, status, 0);
			return true;
		}
		entry = !entry;
	}
}

/* The document of `status --json`, or NULL. */
static struct json_object *status_doc(void)
{
	char path[] = "/tmp/status.XXXXXX";
	struct json_object *doc = NULL;
	int fd = mkstemp(path), st;
	pid_t pid = fork();
	struct qerr e;

	if (!pid) {
		dup2(fd, STDOUT_FILENO);
		execlp("qwamos-vfio", "qwamos-vfio", "status", "--json", NULL);
		_exit(127);
	}
	close(fd);
	waitpid(pid, &st, 0);
	if (WIFEXITED(st) && !WEXITSTATUS(st) && qjson_read_file(path, &doc, &e))
		printf("# status: %s\n", e.msg);
	unlink(path);
	return doc;
}

static void override_of(const char *addr, char *buf, size_t len)
{
	char path[QT_PATH];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", addr);
	if (qt_read(path, buf, len) < 0 || !strcmp(buf, "(null)"))
		buf[0] = '\0';
}

struct dev {
	const char *addr;
	char native[64];
};

/* All devices on our driver, reserved for it. */
static bool all_bound(const struct dev *devs, int n)
{
	char driver[64], override[64];
	int i;

	for (i = 0; i < n; i++) {
		qt_driver(devs[i].addr, driver, sizeof(driver));
		override_of(devs[i].addr, override, sizeof(override));
		if (strcmp(driver, QT_OURS) || strcmp(override, QT_OURS))
			return false;
	}
	return true;
}

/* All on their own drivers, reserved for none. */
static bool all_native(const struct dev *devs, int n)
{
	char driver[64], override[64];
	int i;

	for (i = 0; i < n; i++) {
		qt_driver(devs[i].addr, driver, sizeof(driver));
		override_of(devs[i].addr, override, sizeof(override));
		if (strcmp(driver, devs[i].native) || override[0])
			return false;
	}
	return true;
}

static void tell(const struct dev *devs, int n)
{
	char driver[64], override[64];
	int i;

	for (i = 0; i < n; i++) {
		qt_driver(devs[i].addr, driver, sizeof(driver));
		override_of(devs[i].addr, override, sizeof(override));
		printf("# %s: driver '%s', driver_override '%s'\n", devs[i].addr, driver, override);
	}
}

/* What may be found after a kill: nothing done, all done, or a half-done run that status names,
 * with all that it has touched. */
static bool named(const struct dev *devs, int n, bool *half)
{
	struct json_object *doc = status_doc(), *h = qjson_get(doc, "half_done");
	const char *remedy = qjson_get_str(h, "remedy");
	bool ok = doc != NULL;
	int i;

	*half = h != NULL;
	if (h)
		ok = ok && !qjson_get_bool(h, "damaged", true) &&
		     qjson_get_bool(h, "this_boot", false) && remedy &&
		     qjson_len(qjson_get(h, "devices")) == (size_t)n;
	else
		ok = ok && (all_native(devs, n) || all_bound(devs, n));
	for (i = 0; h && ok && i < n; i++)
		ok = !strcmp(json_object_get_string(qjson_at(qjson_get(h, "devices"), i)),
			     devs[i].addr);
	if (!ok)
		printf("# status: %s\n", doc ? json_object_to_json_string(h) : "none");
	json_object_put(doc);
	return ok;
}

static int vfio(const char *what, const char *addr)
{
	const char *const argv[] = { "qwamos-vfio", what,
				     addr,	    strcmp(what, "bind") ? NULL : "--yes",
				     "--no-wait",   NULL };

	return qt_run(true, argv);
}

/* No half-done run is left, and what --persist had written goes with the unbind. */
static bool settled(void)
{
	struct json_object *doc = status_doc();
	bool ok = doc && !qjson_get(doc, "half_done");

	json_object_put(doc);
	return ok;
}

/* Kills @argv, which turns @bound into !@bound, at every point. */
static void at_every_point(const char *what, const char *const argv[], const struct dev *devs,
			   int n, bool bound)
{
	int i, halves = 0, status;
	bool ok, half, to_bind;
	long call;

	for (i = 1; i <= MAX_POINTS; i++) {
		if (vfio(bound ? "bind" : "unbind", devs[0].addr)) {
			point(false, "%s: the start state could not be reached", what);
			return;
		}
		if (!run_and_kill(argv, i, &call, &status))
			break;
		ok = named(devs, n, &half);
		if (!ok)
			tell(devs, n);
		halves += half;
		/* Each way of going on in turn. */
		to_bind = i % 2;
		if (vfio(to_bind ? "bind" : "unbind", devs[0].addr) ||
		    !(to_bind ? all_bound(devs, n) : all_native(devs, n)) || !settled()) {
			printf("# after %s\n", to_bind ? "bind" : "unbind");
			tell(devs, n);
			ok = false;
		}
		point(ok, "%s killed before change %d (%s): %s; %s mends it", what, i,
		      call_name(call), half ? "half done, and named" : "nothing half done",
		      to_bind ? "bind" : "unbind");
	}
	point(i <= MAX_POINTS && WIFEXITED(status) && !WEXITSTATUS(status) &&
		      (bound ? all_native(devs, n) : all_bound(devs, n)),
	      "%s not killed comes to its end after %d changes", what, i - 1);
	/* Each step has at least two: noted, and done. */
	point(halves >= 6, "%s was half done at %d points", what, halves);
}

int main(void)
{
	struct dev pair[2] = { { .addr = qt_addr("pair-vga") }, { .addr = qt_addr("pair-edu") } };
	struct dev alone[1] = { { .addr = qt_addr("bochs") } };
	const char *const bind[] = { "qwamos-vfio", "bind",	  "--yes", "--no-wait",
				     "--persist",   pair[0].addr, NULL };
	const char *const unbind[] = { "qwamos-vfio", "unbind", alone[0].addr, NULL };
	int i;

	if (!pair[0].addr || !pair[1].addr || !alone[0].addr) {
		printf("1..0 # SKIP this guest has no such devices\n");
		return 1;
	}
	for (i = 0; i < 2; i++)
		qt_driver(pair[i].addr, pair[i].native, sizeof(pair[i].native));
	qt_driver(alone[0].addr, alone[0].native, sizeof(alone[0].native));
	at_every_point("bind", bind, pair, 2, false);
	at_every_point("unbind", unbind, alone, 1, true);
	vfio("unbind", pair[0].addr);
	vfio("unbind", alone[0].addr);
	point(all_native(pair, 2) && all_native(alone, 1) && settled(), "all is as it was");
	printf("1..%d\n", number);
	return bad;
}
