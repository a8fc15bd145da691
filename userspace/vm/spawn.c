// SPDX-License-Identifier: GPL-2.0-only
/* Starting the VM's program, and watching it. */
#include "vm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/libqwamos-gpu.h"
#include "util/pass.h"
#include "vm/confine.h"
#include "vm/internal.h"
#include "vm/refused.h"

static const int passed_on[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

/* What answering refused calls may take of a CPU, in ns per second, and at once: 0.07 % of it. */
#define CALLS_CPU  700000
#define CALLS_ONCE 150000000
/* How long they wait for more of that, in ms: several are answered at once, a wakeup costs more. */
#define CALLS_WAIT_MS 200
/* How often the calls that were refused are written down, in ms. */
#define REFUSED_MS 3000

/*
 * How many fds QEMU may have. It has some 30, and one for each CPU; 2 for each queue of a virtio
 * device, of which a disk has as many as there are CPUs; 2 for each interrupt of a VFIO device, and
 * 3 for it; 4 of the disk, tap and vhost; one for each viewer. 512 CPUs with three disks need 3700.
 */
#define OPEN_FILES 4096

#define N_PASSED (sizeof(passed_on) / sizeof(passed_on[0]))

/* What the child tells before exec, if it does not come to that; or with an fd, that it comes. */
struct failure {
	char step[240];
	int err;
	uint32_t reason;
	bool whole; /* @step says all */
	bool handed;
};

static void passed_set(sigset_t *set)
{
	size_t i;

	sigemptyset(set);
	for (i = 0; i < N_PASSED; i++)
		sigaddset(set, passed_on[i]);
}

void qvm_signals(void)
{
	sigset_t set;

	passed_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void __attribute__((noreturn)) tell_and_end(int pipe_fd, const struct failure *f)
{
	if (write(pipe_fd, f, sizeof(*f)) != sizeof(*f))
		_exit(125);
	_exit(125);
}

static void __attribute__((noreturn))
give_up(int pipe_fd, const char *step, int err, uint32_t reason)
{
	struct failure f = { .err = err, .reason = reason };

	snprintf(f.step, sizeof(f.step), "%s", step);
	tell_and_end(pipe_fd, &f);
}

static void __attribute__((noreturn)) give_up_whole(int pipe_fd, const struct qerr *e)
{
	struct failure f = { .err = e->err, .whole = true };

	snprintf(f.step, sizeof(f.step), "%s", e->msg);
	tell_and_end(pipe_fd, &f);
}

/* What qvm_signals() has blocked. */
static void unblock_signals(void)
{
	sigset_t set;

	passed_set(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* It never has the terminal of people: what can be told to one is more than bytes to be shown. */
static int set_stdio(int out_fd)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0 ||
	    dup2(out_fd, STDERR_FILENO) < 0)
		return -errno;
	return 0;
}

static int set_limits(const struct qvm_program *p)
{
	const struct rlimit memlock = { p->memlock, p->memlock }, none = { 0, 0 };
	struct rlimit files;

	if (p->memlock && setrlimit(RLIMIT_MEMLOCK, &memlock))
		return -errno;
	if (!p->sandbox)
		return 0;
	/* fs.file-max is for all of the host. */
	if (getrlimit(RLIMIT_NOFILE, &files))
		return -errno;
	if (files.rlim_max > OPEN_FILES)
		files.rlim_max = OPEN_FILES;
	files.rlim_cur = files.rlim_max;
	/* The guest's memory is not for a file of the host; and cpu.max does not hold real time. */
	if (setrlimit(RLIMIT_CORE, &none) || setrlimit(RLIMIT_RTPRIO, &none) ||
	    setrlimit(RLIMIT_NICE, &none) || setrlimit(RLIMIT_NOFILE, &files))
		return -errno;
	return 0;
}

/* Does the program become another user without a sandbox? */
static bool changes_user(const struct qvm_program *p)
{
	return !p->sandbox && p->user && !p->user->same;
}

/* VFIO's nodes of the VM's devices as the user's own; the host's stay as they are. */
static int own_devices(const struct qvm *vm, const struct qvm_program *p, struct qerr *e)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct qsandbox nodes = { 0 };
	int ret;

	if (!vm->opts.n_devices)
		return 0;
	/* As root, for whom it has no limit: how much a guest has, only the program knows. */
	if (setrlimit(RLIMIT_MEMLOCK, &all))
		return qerr_sys(e, errno, "the limit of locked memory");
	ret = qconfine_add_vfio(&nodes, vm->opts.devices, vm->opts.n_devices, e);
	if (!ret)
		ret = qsandbox_own_nodes(&nodes, "/dev/vfio", p->user->uid, p->user->gid, e);
	qsandbox_free(&nodes);
	return ret;
}

/* In /dev/dri its gate alone, which looks like the real node. */
static int own_gate(const struct qvm *vm, const struct qvm_program *p, struct qerr *e)
{
	struct qsandbox nodes = { 0 };
	int ret;

	qvm_gate_add_node(&vm->gate, &nodes);
	ret = qsandbox_own_nodes(&nodes, "/dev/dri", p->user ? p->user->uid : getuid(),
				 p->user ? p->user->gid : getgid(), e);
	qsandbox_free(&nodes);
	return ret;
}

/* To the supervisor, which answers the calls that come to it. */
static int hand_on(int sock, int fd, struct qerr *e)
{
	struct failure f = { .handed = true };
	ssize_t n = qpass_send(sock, &f, sizeof(f), fd, 0);

	return n < 0 ? qerr_sys(e, -n, "handing the refused calls on") : 0;
}

/* Gives up what the program is not to have; nothing but exec comes after it. */
static int drop(const struct qvm_program *p, int sock, struct qerr *e)
{
	int ret, listener = -1;

	if (!p->sandbox)
		return changes_user(p) ? qvm_user_become(p->user, e) : 0;
	ret = qsandbox_drop(p->sandbox, &listener, e);
	return ret ? ret : hand_on(sock, listener, e);
}

/*
 * Between fork and exec. The order counts: the new root before the cgroup, whose device filter
 * allows no new nodes; in the cgroup before the VM_JOIN, which demands it; no fd of the manager's
 * once the program runs.
 */
static void __attribute__((noreturn))
child(struct qvm *vm, const struct qvm_program *p, int pipe_fd, char *env)
{
	struct qerr e = { 0 };
	uint32_t reason = 0;
	size_t i;
	int ret;

	/* Before it takes any memory, and while /proc is the host's. */
	qsuper_child(&vm->super);
	ret = p->out_fd > 0 ? set_stdio(p->out_fd) : 0;
	if (ret)
		give_up(pipe_fd, "stdin and stdout", -ret, 0);
	if (p->sandbox) {
		setsid();
		if (qsandbox_root(p->sandbox, &e))
			give_up_whole(pipe_fd, &e);
	} else if ((changes_user(p) && own_devices(vm, p, &e)) ||
		   (vm->gate.id && own_gate(vm, p, &e))) {
		give_up_whole(pipe_fd, &e);
	}
	ret = qcgroup_enter(&vm->cg);
	if (ret)
		give_up(pipe_fd, "entering the cgroup", -ret, 0);
	close(vm->manage);
	close(vm->ctl);
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC))
		give_up(pipe_fd, "close_range", errno, 0);
	if (fcntl(vm->use, F_SETFD, 0))
		give_up(pipe_fd, "the use fd", errno, 0);
	for (i = 0; i < p->n_keep; i++)
		if (fcntl(p->keep[i], F_SETFD, 0))
			give_up(pipe_fd, "an fd to keep", errno, 0);
	ret = set_limits(p);
	if (ret)
		give_up(pipe_fd, "setrlimit", -ret, 0);
	ret = libqg_vm_join(vm->use, &reason);
	if (ret)
		give_up(pipe_fd, "VM_JOIN", -ret, reason);
	if (drop(p, pipe_fd, &e))
		give_up_whole(pipe_fd, &e);
	unblock_signals();
	if (p->sandbox)
		qsandbox_exec(p->sandbox, p->argv, env);
	else if (putenv(env))
		give_up(pipe_fd, "putenv", errno, 0);
	else
		execvp(p->argv[0], p->argv);
	give_up(pipe_fd, "exec", errno, 0);
}

/*
 * Waits for a message of the child; the filter asks us whether it may exec. Return: as
 * qpass_receive()
 */
static ssize_t receive(int sock, struct failure *f, struct qsandbox_refused *calls)
{
	struct pollfd p[2] = { { .fd = sock, .events = POLLIN } };
	ssize_t n;
	int wait, fd;

	do {
		wait = qsandbox_refused_poll(calls, qvm_now_ms(), &p[1]);
		if (poll(p, 2, wait) < 0 && errno != EINTR)
			return -errno;
		qsandbox_refused_answer(calls, &p[1]);
	} while (!p[0].revents);
	n = qpass_receive(sock, f, sizeof(*f), &fd);
	if (fd >= 0 && calls->fd <= 0)
		qsandbox_refused_init(calls, fd);
	else if (fd >= 0)
		close(fd);
	return n;
}

/*
 * Whether the child has come to exec: then its socket ends, and in a sandbox what its calls come to
 * has come before.
 */
static int hear(int sock, const struct qvm_program *p, struct qsandbox_refused *calls,
		struct qerr *e)
{
	struct failure f;
	ssize_t n;

	do
		n = receive(sock, &f, calls);
	while (n == sizeof(f) && f.handed);
	if (n == 0 && p->sandbox && calls->fd <= 0)
		return qerr_set(e, EIO, "%s could not be started: its refused calls lead nowhere",
				p->argv[0]);
	if (n == 0)
		return 0;
	if (n != sizeof(f))
		return qerr_set(e, EIO, "%s could not be started", p->argv[0]);
	f.step[sizeof(f.step) - 1] = '\0';
	if (f.whole)
		return qerr_set(e, f.err, "%s could not be started: %s", p->argv[0], f.step);
	if (!strcmp(f.step, "exec"))
		return qerr_sys(e, f.err, "%s", p->argv[0]);
	if (f.reason)
		return qerr_set(e, f.err, "%s could not be started: %s: %s: %s", p->argv[0], f.step,
				libqg_reason_name(f.reason), libqg_reason_text(f.reason));
	return qerr_sys(e, f.err, "%s could not be started: %s", p->argv[0], f.step);
}

static void tell_user(const struct qvm *vm, const struct qvm_program *p)
{
	char text[160];

	if (!changes_user(p))
		return;
	qvm_user_text(p->user, text, sizeof(text));
	qvm_say(&vm->opts, "running %s as %s", p->argv[0], text);
}

int qvm_spawn(struct qvm *vm, const struct qvm_program *p, struct qerr *e)
{
	char env[sizeof(QVM_ENV) + 16];
	int fds[2], ret;

	snprintf(env, sizeof(env), QVM_ENV "=%d", vm->use);
	tell_user(vm, p);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return qerr_sys(e, errno, "socketpair");
	vm->pid = qsandbox_clone(p->sandbox);
	if (vm->pid < 0) {
		ret = qerr_sys(e, errno, p->sandbox ? "a process in new namespaces" : "fork");
		vm->pid = 0;
		close(fds[0]);
		close(fds[1]);
		return ret;
	}
	if (!vm->pid)
		child(vm, p, fds[1], env);
	close(fds[1]);
	vm->pidfd = pidfd_open(vm->pid, 0);
	qsandbox_refused_init(&vm->calls, -1);
	ret = vm->pidfd < 0 ? qerr_sys(e, errno, "pidfd_open") : hear(fds[0], p, &vm->calls, e);
	close(fds[0]);
	qbudget_init(&vm->calls_cpu, CALLS_CPU, CALLS_ONCE, qvm_clock_ns(CLOCK_MONOTONIC));
	if (!ret && p->sandbox)
		ret = qsandbox_holds(p->sandbox, vm->pid, e);
	/* The program has the use fd; this one would keep the VM alive. */
	close(vm->use);
	vm->use = -1;
	if (ret) {
		kill(vm->pid, SIGKILL);
		waitpid(vm->pid, NULL, 0);
		vm->pid = 0;
		qsandbox_refused_free(&vm->calls);
	} else if (p->sandbox) {
		qvm_refused_write(vm->opts.name, &vm->calls);
	}
	return ret;
}

static void on_signal(struct qvm *vm, const struct qvm_watch *w, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (w && w->on_signal && w->on_signal(w->arg, info.ssi_signo))
		return;
	/* The terminal has sent it to the program, too. */
	if (info.ssi_code == SI_KERNEL && (info.ssi_signo == SIGINT || info.ssi_signo == SIGQUIT))
		return;
	pidfd_send_signal(vm->pidfd, info.ssi_signo, NULL, 0);
}

/* Why the kernel has ended the VM, or asks its devices back. */
static void tell_end(struct qvm *vm)
{
	struct qwamos_gpu_vm *vms;
	size_t i, n;

	if (libqg_vm_list(vm->ctl, &vms, &n, NULL))
		return;
	for (i = 0; i < n; i++)
		if (vms[i].vm_id == vm->id && vms[i].end_reason &&
		    vms[i].end_reason != QWAMOS_GPU_REASON_LEADER_EXITED)
			qvm_say(&vm->opts, "VM %s was ended: %s", vm->opts.name,
				libqg_reason_text(vms[i].end_reason));
	free(vms);
}

static int take_status(struct qvm *vm, int *status, struct qerr *e)
{
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, vm->pidfd, &info, WEXITED))
		return qerr_sys(e, errno, "waiting for the program");
	vm->pid = 0;
	*status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	return 0;
}

/* How long to wait for calls that the sandbox refuses, in ms; @p: out: what for. */
static int poll_refused(struct qvm *vm, struct pollfd *p)
{
	int64_t now = qvm_clock_ns(CLOCK_MONOTONIC);
	int wait = qsandbox_refused_poll(&vm->calls, now / 1000000, p);

	if (qbudget_open(&vm->calls_cpu, now))
		return wait;
	p->fd = -1;
	wait = qbudget_wait(&vm->calls_cpu, now) / 1000000;
	return wait > CALLS_WAIT_MS ? wait : CALLS_WAIT_MS;
}

/* Calls that the sandbox refuses: each kind is told once, the figures are written down. */
static void take_refused(struct qvm *vm, const struct pollfd *p)
{
	int64_t since = qvm_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	struct qsandbox_refused *r = &vm->calls;
	uint64_t total = r->total;
	char text[QSANDBOX_KIND_TEXT];
	size_t i, new = p ? qsandbox_refused_answer(r, p) : 0;

	for (i = r->n_kinds - new; i < r->n_kinds; i++) {
		qsandbox_kind_text(&r->kinds[i], text);
		qvm_say(&vm->opts, "VM %s: its sandbox refuses the system call %s: %s",
			vm->opts.name, text, strerror(r->kinds[i].err));
	}
	vm->untold_calls |= r->total != total;
	if (vm->untold_calls && qvm_now_ms() - vm->told_calls >= REFUSED_MS) {
		qvm_refused_write(vm->opts.name, r);
		vm->told_calls = qvm_now_ms();
		vm->untold_calls = false;
	}
	qbudget_spend(&vm->calls_cpu, qvm_clock_ns(CLOCK_THREAD_CPUTIME_ID) - since);
}

int qvm_wait(struct qvm *vm, const struct qvm_watch *w, int *status, struct qerr *e)
{
	enum { PROGRAM, SIGNALS, VM, CALLS, N };
	struct pollfd p[N + QVM_WATCH_FDS] = { 0 };
	size_t more = 0;
	sigset_t set;
	int ret, fd, wait;

	passed_set(&set);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return qerr_sys(e, errno, "signalfd");
	p[PROGRAM] = (struct pollfd){ .fd = vm->pidfd, .events = POLLIN };
	p[SIGNALS] = (struct pollfd){ .fd = fd, .events = POLLIN };
	p[VM] = (struct pollfd){ .fd = vm->manage, .events = POLLPRI };
	do {
		if (w && w->fds)
			more = w->fds(w->arg, p + N);
		wait = poll_refused(vm, p + CALLS);
		if (w && w->tick && (wait < 0 || w->tick_ms < wait))
			wait = w->tick_ms;
		ret = poll(p, N + more, w && w->timeout ? w->timeout(w->arg, wait) : wait);
		if (ret < 0 && errno != EINTR) {
			ret = qerr_sys(e, errno, "poll");
			break;
		}
		if (ret > 0 && p[SIGNALS].revents)
			on_signal(vm, w, fd);
		if (ret > 0 && (p[VM].revents & POLLPRI) &&
		    !(p[VM].revents & (POLLHUP | POLLERR))) {
			qvm_say(&vm->opts,
				"a device of VM %s is asked back; the VM is ended if it does not give it back in time",
				vm->opts.name);
			p[VM].events = 0;
		}
		if (ret > 0 && p[VM].revents & (POLLHUP | POLLERR)) {
			tell_end(vm);
			p[VM].fd = -1;
		}
		take_refused(vm, ret > 0 ? p + CALLS : NULL);
		if (ret > 0 && more)
			w->ready(w->arg, p + N, more);
		if (w && w->tick)
			w->tick(w->arg);
		ret = 0;
	} while (!p[PROGRAM].revents);
	close(fd);
	return ret ? ret : take_status(vm, status, e);
}
