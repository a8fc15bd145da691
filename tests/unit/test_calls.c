// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sandbox's system call filter as it is: a child takes it and calls, the test is its
 * supervisor. What a QEMU needs is tools/calls/record --check.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <cmocka.h>

#include "sandbox/calls.h"
#include "util/pass.h"

#define SECONDS	  60
#define N_RESULTS 256

/* A child in the filter, and what it found: errno of each of its calls, 0 if it passed. */
struct caller {
	pid_t pid;
	struct qsandbox_refused refused;
	int *results;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* The child runs @calls in the filter. */
static void begin(struct caller *c, void (*calls)(int *results))
{
	int fds[2], listener;
	char byte;

	alarm(SECONDS);
	memset(c, 0, sizeof(*c));
	c->results = mmap(NULL, N_RESULTS * sizeof(int), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(c->results, MAP_FAILED);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	c->pid = fork();
	if (!c->pid) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    qsandbox_filter_calls(&listener, NULL))
			_exit(2);
		if (qpass_send(fds[1], "", 1, listener, 0) != 1)
			_exit(3);
		close(listener);
		calls(c->results);
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(qpass_receive(fds[0], &byte, 1, &listener), 1);
	qsandbox_refused_init(&c->refused, listener);
	close(fds[0]);
}

/* Supervises until it ends, which must be well. */
static void supervise(struct caller *c)
{
	int status = 0, wait;
	struct pollfd p;

	while (!waitpid(c->pid, &status, WNOHANG)) {
		wait = qsandbox_refused_poll(&c->refused, now_ms(), &p);
		if (poll(&p, 1, wait >= 0 && wait < 20 ? wait : 20) == 1)
			qsandbox_refused_answer(&c->refused, &p);
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	alarm(0);
}

static void end(struct caller *c)
{
	qsandbox_refused_free(&c->refused);
	munmap(c->results, N_RESULTS * sizeof(int));
}

static uint64_t counted(const struct caller *c, const char *text)
{
	char kind[QSANDBOX_KIND_TEXT];
	size_t i;

	for (i = 0; i < c->refused.n_kinds; i++) {
		qsandbox_kind_text(&c->refused.kinds[i], kind);
		if (!strcmp(kind, text))
			return c->refused.kinds[i].count;
	}
	return 0;
}

/* Writes each call to the host's log. */
static struct sock_filter log_all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_LOG);
static struct sock_filter allow_all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
static const struct sock_fprog logging = { 1, &log_all };
static const struct sock_fprog allowing = { 1, &allow_all };

struct attempt {
	const char *kind; /* what it is counted as; NULL: it is not */
	int err;
	long call;
	long args[6];
};

static const struct attempt attempts[] = {
	/* What a VM needs. */
	{ NULL, 0, SYS_gettid, { 0 } },
	{ NULL, 0, SYS_eventfd2, { 0, 0 } },
	{ NULL, 0, SYS_mmap, { 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 } },
	{ NULL, 0, SYS_fcntl, { 0, F_GETFD } },
	{ NULL, 0, SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } },
	{ NULL, EBADF, SYS_ioctl, { -1, TUNSETOFFLOAD, 0 } },
	{ NULL, EBADF, SYS_ioctl, { -1, 0xae01, 0 } },
	{ NULL, EBADF, SYS_ioctl, { -1, 0x3b64, 0 } },
	/* What went through a list of what is refused. */
	{ "io_setup", ENOSYS, SYS_io_setup, { 65536, 0 } },
	{ "memfd_secret", ENOSYS, 447, { 0 } },
	{ "inotify_init1", ENOSYS, SYS_inotify_init1, { 0 } },
	{ "flock", ENOSYS, SYS_flock, { 0, 2 } },
	{ "ioctl(0x400454c9)", EPERM, SYS_ioctl, { 0, TUNSETDEBUG, 1 } },
	{ "ioctl(0x400454c8)", EPERM, SYS_ioctl, { 0, TUNSETNOCSUM, 1 } },
	/* Their like: a lock or a watch on a file of the host, a queue of the kernel's. */
	{ "fcntl(0x6)", EPERM, SYS_fcntl, { 0, F_SETLK, 0 } },
	{ "fcntl(0x400)", EPERM, SYS_fcntl, { 0, F_SETLEASE, F_RDLCK } },
	{ "fcntl(0x402)", EPERM, SYS_fcntl, { 0, F_NOTIFY, 1 } },
	{ "mq_open", ENOSYS, SYS_mq_open, { 0, 0, 0, 0 } },
	{ "msgget", ENOSYS, SYS_msgget, { 0, 01600 } },
	{ "ioctl(0x400454cb)", EPERM, SYS_ioctl, { 0, TUNSETPERSIST, 1 } },
	/* Others' processes, mounts, namespaces, parts of the kernel. */
	{ "ptrace", ENOSYS, SYS_ptrace, { 16, 1, 0, 0 } },
	{ "mount", ENOSYS, SYS_mount, { 0, 0, 0, 0, 0 } },
	{ "unshare", ENOSYS, SYS_unshare, { CLONE_NEWUSER } },
	{ "bpf", ENOSYS, SYS_bpf, { 0, 0, 0 } },
	{ "userfaultfd", ENOSYS, SYS_userfaultfd, { 0 } },
	/* A call that no libseccomp has a name for. */
	{ "number 2000", ENOSYS, 2000, { 0 } },
	/* The upper half of what is an int to the kernel hides nothing. */
	{ "ioctl(0x5412)", EPERM, SYS_ioctl, { 0, 0x100005412, 0 } },
	{ "clone(0x11)", EPERM, SYS_clone, { SIGCHLD, 0, 0, 0, 0 } },
	{ "clone(0x10010f00)",
	  EPERM,
	  SYS_clone,
	  { CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_FS | CLONE_FILES | CLONE_NEWUSER, 0, 0,
	    0, 0 } },
	/*
	 * A thread with fds of its own, which RLIMIT_NOFILE counts anew. By the two last flags the
	 * kernel would refuse it, if the filter does not.
	 */
	{ "clone(0x411b00)",
	  EPERM,
	  SYS_clone,
	  { CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_FS | CLONE_PIDFD | CLONE_DETACHED, 0, 0,
	    0, 0 } },
	{ "mmap(0x40022)",
	  EPERM,
	  SYS_mmap,
	  { 0, 1 << 21, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0 } },
	{ "prctl(0x4)", EPERM, SYS_prctl, { PR_SET_DUMPABLE, 1, 0, 0, 0 } },
	{ "socket(0x10)", EPERM, SYS_socket, { AF_NETLINK, SOCK_RAW, 0 } },
	/* What the kernel would load a module for, or write to its log of. */
	{ "socket(0x2)", EPERM, SYS_socket, { AF_INET, SOCK_STREAM, IPPROTO_SCTP } },
	{ "socket(0x2)", EPERM, SYS_socket, { AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE } },
	{ "socket(0x2)", EPERM, SYS_socket, { AF_INET, SOCK_STREAM, 262 } },
	{ "socket(0x2)", EPERM, SYS_socket, { AF_INET, SOCK_DCCP, 0 } },
	{ "socket(0x2)", EPERM, SYS_socket, { AF_INET, SOCK_SEQPACKET, 0 } },
	{ "socket(0xa)", EPERM, SYS_socket, { AF_INET6, SOCK_RAW, IPPROTO_ICMPV6 } },
	{ NULL, 0, SYS_socket, { AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0 } },
	{ NULL, 0, SYS_socket, { AF_INET6, SOCK_STREAM, IPPROTO_TCP } },
	/* A filter of its own, or another program: at its beginning alone. */
	{ "seccomp(0x1)", EPERM, SYS_seccomp, { SECCOMP_SET_MODE_FILTER, 0, (long)&logging } },
	{ "execve", EPERM, SYS_execve, { (long)"/bin/true", 0, 0 } },
	{ NULL, EFAULT, SYS_seccomp, { SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, 0 } },
	{ "socketpair(0x10)", EPERM, SYS_socketpair, { AF_NETLINK, SOCK_RAW, 0, 0 } },
	{ "setsockopt(0x1)", EPERM, SYS_setsockopt, { 0, SOL_SOCKET, SO_LINGER, 0, 8 } },
	/* Tried each time, or for each thread: nobody is asked. */
	{ NULL, ENOSYS, SYS_clone3, { 0, 0 } },
	{ NULL, ENOSYS, SYS_io_uring_setup, { 1, 0 } },
	{ NULL, EPERM, SYS_memfd_create, { 0, MFD_HUGETLB } },
	/* Said to be done, and not: the kernel would not take a bad address. */
	{ NULL, 0, SYS_fcntl, { -1, F_OFD_SETLK, 1 } },
	{ "fcntl(0x26)", EPERM, SYS_fcntl, { 0, F_OFD_SETLKW, 0 } },
};

#define N_ATTEMPTS (sizeof(attempts) / sizeof(attempts[0]))

static void attempt_all(int *results)
{
	const struct attempt *a;
	size_t i;

	for (i = 0; i < N_ATTEMPTS; i++) {
		a = &attempts[i];
		errno = 0;
		if (syscall(a->call, a->args[0], a->args[1], a->args[2], a->args[3], a->args[4],
			    a->args[5]) < 0)
			results[i] = errno;
	}
}

static void test_attempts(void **state)
{
	uint64_t told = 0;
	struct caller c;
	size_t i;

	begin(&c, attempt_all);
	qsandbox_refused_begun(&c.refused);
	supervise(&c);
	for (i = 0; i < N_ATTEMPTS; i++) {
		const struct attempt *a = &attempts[i];

		if (c.results[i] != a->err || (a->kind && !counted(&c, a->kind)))
			fail_msg("attempt %zu (%s): %s, counted %d times; expected %s", i,
				 a->kind ? a->kind : "not counted", strerror(c.results[i]),
				 a->kind ? (int)counted(&c, a->kind) : 0, strerror(a->err));
		told += !!a->kind;
	}
	assert_int_equal(c.refused.total, told);
	assert_int_equal(c.refused.more, 0);
	end(&c);
}

static void begin_often(int *results)
{
	int i;

	for (i = 0; i < 2 * QSANDBOX_BEGIN_MOST; i++)
		results[0] += !syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &allowing);
}

static void become_true(int *results)
{
	char *argv[] = { (char *)"true", NULL };

	execv("/bin/true", argv);
	_exit(4);
}

/* What a program does at its beginning passes, and not for ever. */
static void test_begin(void **state)
{
	struct caller c;

	begin(&c, become_true);
	supervise(&c);
	assert_int_equal(counted(&c, "execve"), 0);
	end(&c);
	begin(&c, begin_often);
	supervise(&c);
	assert_int_equal(c.results[0], QSANDBOX_BEGIN_MOST);
	assert_int_equal(counted(&c, "seccomp(0x1)"), QSANDBOX_BEGIN_MOST);
	end(&c);
}

static void *add_one(void *arg)
{
	++*(int *)arg;
	return NULL;
}

static void make_thread(int *results)
{
	pthread_t t;

	results[0] = 0;
	results[1] = pthread_create(&t, NULL, add_one, results) || pthread_join(t, NULL);
}

static void test_threads(void **state)
{
	struct caller c;

	begin(&c, make_thread);
	supervise(&c);
	assert_int_equal(c.results[1], 0);
	assert_int_equal(c.results[0], 1);
	assert_int_equal(c.refused.total, 0);
	end(&c);
}

#ifdef __x86_64__
static void call_as_32_bit(int *results)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
	results[0] = -ret;
	/* x32: the same architecture to seccomp, with numbers of its own. */
	results[1] = syscall(0x40000000 + SYS_getppid) < 0 ? errno : 0;
}

static void test_foreign(void **state)
{
	struct caller c;

	begin(&c, call_as_32_bit);
	supervise(&c);
	assert_int_equal(c.results[0], ENOSYS);
	assert_int_equal(c.results[1], ENOSYS);
	assert_int_equal(counted(&c, "another architecture's"), 1);
	assert_int_equal(c.refused.total, 2);
	end(&c);
}
#endif

static void many_kinds(int *results)
{
	long i;

	for (i = 0; i < QSANDBOX_REFUSED_KINDS + 20; i++)
		if (syscall(SYS_ioctl, 0, 0x1000 + i, 0) < 0 && errno == EPERM)
			results[0]++;
}

static void test_kinds(void **state)
{
	struct caller c;

	begin(&c, many_kinds);
	supervise(&c);
	assert_int_equal(c.results[0], QSANDBOX_REFUSED_KINDS + 20);
	assert_int_equal(c.refused.n_kinds, QSANDBOX_REFUSED_KINDS);
	assert_int_equal(c.refused.more, 20);
	assert_int_equal(c.refused.total, QSANDBOX_REFUSED_KINDS + 20);
	end(&c);
}

static void *flood_on(void *arg)
{
	const int64_t until = now_ms() + 3000;

	while (now_ms() < until)
		syscall(SYS_inotify_init1, 0);
	return NULL;
}

static void flood(int *results)
{
	pthread_t t[8];
	size_t i;

	for (i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, flood_on, NULL);
	for (i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Whatever comes, the supervisor works no more than it has agreed to. */
static void test_flood(void **state)
{
	int64_t start = now_ms(), took;
	double cpu = cpu_s();
	struct caller c;

	begin(&c, flood);
	supervise(&c);
	took = now_ms() - start;
	cpu = cpu_s() - cpu;
	print_message("# %d calls answered in %d ms, by %.1f ms of CPU time\n",
		      (int)c.refused.total, (int)took, cpu * 1000);
	assert_in_range(c.refused.total, 100,
			QSANDBOX_REFUSED_BURST + took * QSANDBOX_REFUSED_RATE / 1000 + 1);
	/* 1 %, and as much for the polls of this test. */
	assert_true(cpu * 1000 < took * 0.02);
	end(&c);
}

static void call_twice(int *results)
{
	results[0] = 1;
	results[1] = syscall(SYS_inotify_init1, 0) < 0 ? errno : 0;
	results[2] = syscall(SYS_flock, 0, 2) < 0 ? errno : 0;
}

/* The supervisor ends while a call waits for it. */
static void test_gone(void **state)
{
	const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
	struct caller c;
	int status = 0;

	begin(&c, call_twice);
	while (!*(volatile int *)c.results)
		sched_yield();
	nanosleep(&pause, NULL);
	assert_int_equal(waitpid(c.pid, &status, WNOHANG), 0);
	qsandbox_refused_free(&c.refused);
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	assert_int_equal(status, 0);
	assert_int_equal(c.results[1], ENOSYS);
	assert_int_equal(c.results[2], ENOSYS);
	alarm(0);
	end(&c);
}

/* A name that is mistyped would be a call that is refused. */
static void test_names(void **state)
{
	size_t i;

	for (i = 0; i < qsandbox_n_calls; i++)
		if (seccomp_syscall_resolve_name(qsandbox_calls[i].name) == __NR_SCMP_ERROR)
			fail_msg("no call is named %s", qsandbox_calls[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_begin),	cmocka_unit_test(test_threads),
#ifdef __x86_64__
		cmocka_unit_test(test_foreign),
#endif
		cmocka_unit_test(test_kinds),	cmocka_unit_test(test_flood),
		cmocka_unit_test(test_gone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
