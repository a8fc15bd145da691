// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu charge: takes VRAM of a VM's quota for as long as something runs */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/gpu_open.h"
#include "cmd/qwamos-gpu.h"
#include "lib/libqwamos-gpu.h"
#include "util/json.h"
#include "util/term.h"

#define MIB 20

struct charge {
	bool json;
	const char *vm;
	const char *device;
};

static const struct cmd_opt opts[] = {
	CMD_JSON(struct charge, json),
	{ "vm", .kind = CMD_TEXT, .at = offsetof(struct charge, vm) },
	{ "device", .kind = CMD_TEXT, .at = offsetof(struct charge, device) },
	{ 0 },
};

static const struct cmd_line line = {
	.command = "charge",
	.usage =
		"charge [--vm NAME|ID] [--device ADDRESS] [--json] MIB [-- COMMAND [ARG]...]\n"
		"Takes MIB MiB of VRAM of a VM's quota, and gives them back when COMMAND has ended; or,\n"
		"without a COMMAND, after SIGINT, SIGTERM, SIGHUP or SIGQUIT, or when the VM ends.\n"
		"  --vm NAME|ID      this VM; else the one that this process belongs to\n"
		"  --device ADDRESS  on this GPU; else on none in particular\n"
		"  --json            as JSON; not with a COMMAND\n"
		"Exit status: COMMAND's, 128 + N if signal N ended it, 125: it was not run, 126: it can't\n"
		"be executed, 127: not found. Without a COMMAND: 0, 1 for a refusal or when the VM has\n"
		"ended, 2 for wrong use.",
	.opts = opts,
	.args = "a number of MIB",
	.min = 1,
	.max = CMD_ANY,
};

static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

static void end_set(sigset_t *set)
{
	size_t i;

	sigemptyset(set);
	for (i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		sigaddset(set, ending[i]);
}

/* A fd whose charges are this process's alone. Return: fd, or -1 after having told why not. */
static int open_ledger(const char *vm)
{
	uint32_t reason = 0;
	int own, fd;

	if (vm)
		return gpu_open_vm_or_own(vm, QWAMOS_GPU_RIGHT_USE);
	own = gpu_own_vm();
	if (own < 0)
		return -1;
	/* The one it was handed is shared with others, and would keep the charge. */
	fd = libqg_vm_new_fd(own, &reason);
	if (fd < 0)
		gpu_refused(fd, reason, "VM_NEW_FD");
	return fd < 0 ? -1 : fd;
}

static void print(struct json_object *doc)
{
	qterm_printf("charged %lld MiB: %lld of %lld MiB used\n",
		     (long long)qjson_get_int(doc, "charged_bytes", 0) >> MIB,
		     (long long)qjson_get_int(doc, "used_bytes", 0) >> MIB,
		     (long long)qjson_get_int(doc, "limit_bytes", 0) >> MIB);
}

/* Return: 0 or EXIT_FAILED. */
static int take(const struct charge *c, int fd, uint64_t mib, bool quiet)
{
	struct json_object *doc;
	uint32_t reason = 0;
	uint64_t device;
	__u64 used, limit;
	int ret;

	if (gpu_device_id("--device", c->device, &device))
		return EXIT_FAILED;
	ret = libqg_vm_charge(fd, QWAMOS_GPU_RESOURCE_VRAM, device, mib << MIB, &used, &limit,
			      &reason);
	if (reason == QWAMOS_GPU_REASON_QUOTA)
		return cmd_fail("VRAM_QUOTA_EXCEEDED: requested %" PRIu64
				" MiB, used %llu MiB, limit %llu MiB",
				mib, used >> MIB, limit >> MIB);
	if (ret)
		return gpu_refused(ret, reason, "VM_CHARGE");
	if (quiet)
		return 0;
	doc = qjson_obj();
	qjson_add_int(doc, "charged_bytes", mib << MIB);
	qjson_add_int(doc, "used_bytes", used);
	qjson_add_int(doc, "limit_bytes", limit);
	return cmd_print(doc, c->json, print);
}

/* Until a signal, or the end of the VM. */
static int hold(int fd)
{
	enum { VM, SIGNALS, N };
	struct pollfd p[N] = { 0 };
	sigset_t set;
	int signals;

	end_set(&set);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0)
		return cmd_fail("signalfd: %s", strerror(errno));
	p[VM].fd = fd;
	p[SIGNALS] = (struct pollfd){ .fd = signals, .events = POLLIN };
	while (poll(p, N, -1) < 0 && errno == EINTR)
		;
	close(signals);
	return p[SIGNALS].revents ? 0 : cmd_fail("the VM has ended, and the charge with it");
}

/* Between fork and exec. */
static void __attribute__((noreturn)) child(char **command, const sigset_t *before, int pipe_fd)
{
	int err;

	sigprocmask(SIG_SETMASK, before, NULL);
	execvp(command[0], command);
	err = errno;
	if (write(pipe_fd, &err, sizeof(err)) != sizeof(err))
		_exit(EXIT_NOT_RUN);
	_exit(EXIT_NOT_RUN);
}

/* Passes signals on until the child has ended. */
static int wait_child(int pidfd, int signals)
{
	enum { CHILD, SIGNALS, N };
	struct pollfd p[N] = { { .fd = pidfd, .events = POLLIN },
			       { .fd = signals, .events = POLLIN } };
	struct signalfd_siginfo info;
	siginfo_t end = { 0 };

	do {
		if (poll(p, N, -1) < 0)
			p[CHILD].revents = p[SIGNALS].revents = 0;
		if (p[SIGNALS].revents && read(signals, &info, sizeof(info)) == sizeof(info) &&
		    info.ssi_code != SI_KERNEL)
			pidfd_send_signal(pidfd, info.ssi_signo, NULL, 0);
	} while (!p[CHILD].revents);
	if (waitid(P_PIDFD, pidfd, &end, WEXITED))
		return EXIT_NOT_RUN;
	return end.si_code == CLD_EXITED ? end.si_status : 128 + end.si_status;
}

static int run(char **command, const sigset_t *before)
{
	int fds[2], pidfd = -1, signals, err = 0, status = EXIT_NOT_RUN;
	sigset_t set;
	pid_t pid;

	end_set(&set);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0 || pipe2(fds, O_CLOEXEC)) {
		cmd_fail("%s: %s", command[0], strerror(errno));
		return EXIT_NOT_RUN;
	}
	pid = fork();
	if (!pid)
		child(command, before, fds[1]);
	close(fds[1]);
	if (pid > 0)
		pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		cmd_fail("%s: %s", command[0], strerror(errno));
	} else {
		if (read(fds[0], &err, sizeof(err)) != sizeof(err))
			err = 0;
		status = wait_child(pidfd, signals);
		if (err) {
			cmd_fail("%s: %s", command[0], strerror(err));
			status = err == ENOENT ? EXIT_NOT_FOUND : EXIT_NO_EXEC;
		}
		close(pidfd);
	}
	close(fds[0]);
	close(signals);
	return status;
}

int gpu_charge(int argc, char **argv)
{
	struct charge c = { 0 };
	sigset_t set, before;
	int at, fd, ret;
	bool command;
	uint64_t mib;

	at = cmd_parse(&line, argc, argv, &c);
	if (at <= 0)
		return -at;
	command = argc - at > 1;
	if (!cmd_number(argv[at], 1, UINT64_MAX >> MIB, &mib))
		return cmd_wrong(&line, "MIB: '%s' found, a number from 1 to %" PRIu64 " accepted",
				 argv[at], UINT64_MAX >> MIB);
	if (command && c.json)
		return cmd_wrong(&line, "takes --json or a COMMAND, not both");
	end_set(&set);
	sigprocmask(SIG_BLOCK, &set, &before);
	fd = open_ledger(c.vm);
	ret = fd < 0 ? EXIT_FAILED : take(&c, fd, mib, command);
	if (ret)
		ret = command ? EXIT_NOT_RUN : ret;
	else
		ret = command ? run(argv + at + 1, &before) : hold(fd);
	if (fd >= 0)
		close(fd);
	return ret;
}
