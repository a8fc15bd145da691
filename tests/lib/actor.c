// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor.h"
#include "lab.h"

#define ACTORS 64
/* How long an answer may take, in ms. */
#define ANSWER_MS 30000

enum verb { DO, GIVE, TAKE, CLONE, END };

struct message {
	enum verb verb;
	qt_fn fn;
	long x;
	long y;
};

struct answer {
	long result;
};

static unsigned char *shared;
static bool taken[ACTORS];

__attribute__((constructor)) static void setup(void)
{
	void *p = mmap(NULL, ACTORS * QT_SHARED, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);

	if (p == MAP_FAILED)
		abort();
	shared = p;
}

static int send_message(int sock, const void *data, size_t size, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { (void *)data, size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *c;

		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	return sendmsg(sock, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Return: bytes, 0 at the end, or -errno. @fd: -1 if none came. */
static int recv_message(int sock, void *data, size_t size, int *fd)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { data, size };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int n;

	*fd = -1;
	do {
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&m);
	if (n && c && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	return n;
}

static void serve(int sock, void *data) __attribute__((noreturn));

/* Fork one that serves the wire @sock; as a daemon, its number comes back through a pipe. */
static pid_t do_clone(int sock, long flags)
{
	int pipes[2];
	pid_t pid, daemon = -1;

	if (!(flags & QT_CLONE_DAEMON)) {
		pid = fork();
		return pid < 0 ? -errno : pid;
	}
	if (pipe(pipes))
		return -errno;
	pid = fork();
	if (!pid) {
		setsid();
		pid = fork();
		if (pid) {
			if (write(pipes[1], &pid, sizeof(pid)) < 0)
				_exit(1);
			_exit(0);
		}
		close(pipes[0]);
		close(pipes[1]);
		return 0;
	}
	close(pipes[1]);
	if (pid > 0 && read(pipes[0], &daemon, sizeof(daemon)) != sizeof(daemon))
		daemon = -1;
	close(pipes[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	(void)sock;
	return daemon < 0 ? -EAGAIN : daemon;
}

static void serve(int sock, void *data)
{
	struct message m;
	struct answer r;
	int fd, out;

	for (;;) {
		if (recv_message(sock, &m, sizeof(m), &fd) != sizeof(m))
			_exit(0);
		out = -1;
		r.result = 0;
		switch (m.verb) {
		case DO:
			r.result = m.fn(m.x, m.y, data);
			break;
		case GIVE:
			r.result = fd < 0 ? -EMFILE : fd;
			fd = -1;
			break;
		case TAKE:
			out = m.x;
			break;
		case CLONE:
			r.result = do_clone(fd, m.x);
			if (!r.result) {
				dup3(fd, sock, O_CLOEXEC);
				close(fd);
				data = shared + m.y * QT_SHARED;
				continue;
			}
			break;
		case END:
			_exit(0);
		}
		if (fd >= 0)
			close(fd);
		fflush(NULL);
		if (send_message(sock, &r, sizeof(r), out)) {
			r.result = -errno;
			send_message(sock, &r, sizeof(r), -1);
		}
	}
}

static int wire(struct qt_actor *a, int pair[2])
{
	static struct qt_actor none;
	int i;

	*a = none;
	a->sock = -1;
	for (i = 0; i < ACTORS && taken[i]; i++)
		;
	if (i == ACTORS)
		return -ENFILE;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	taken[i] = true;
	a->data = shared + i * QT_SHARED;
	memset(a->data, 0, QT_SHARED);
	return 0;
}

int qt_spawn(struct qt_actor *a, const char *cgroup)
{
	int pair[2], ret;
	pid_t pid;

	ret = wire(a, pair);
	if (ret)
		return ret;
	/* What outlives its parent becomes ours, so that we see it end. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		/* No fd of the test: what an actor holds, it was given. */
		if (pair[1] != 3)
			dup3(pair[1], 3, O_CLOEXEC);
		close_range(4, ~0U, 0);
		if (cgroup && qt_cgroup_enter(cgroup))
			_exit(99);
		serve(3, a->data);
	}
	close(pair[1]);
	a->pid = pid;
	a->sock = pair[0];
	return qt_do(a, NULL, 0, 0) == QT_DEAD ? -ECHILD : 0;
}

static long no_op(long x, long y, void *data)
{
	(void)data;
	return x + y;
}

int qt_clone(struct qt_actor *parent, struct qt_actor *child, int flags)
{
	struct message m = { .verb = CLONE, .x = flags };
	int pair[2], ret;
	long pid;

	ret = wire(child, pair);
	if (ret)
		return ret;
	m.y = ((unsigned char *)child->data - shared) / QT_SHARED;
	ret = send_message(parent->sock, &m, sizeof(m), pair[1]);
	close(pair[1]);
	if (ret) {
		close(pair[0]);
		return ret;
	}
	pid = qt_wait(parent, qt_patience(ANSWER_MS));
	if (pid <= 0) {
		close(pair[0]);
		return pid ? pid : -EPROTO;
	}
	child->pid = pid;
	child->sock = pair[0];
	return 0;
}

int qt_start(struct qt_actor *a, qt_fn fn, long x, long y)
{
	struct message m = { .verb = DO, .fn = fn ? fn : no_op, .x = x, .y = y };

	return send_message(a->sock, &m, sizeof(m), -1);
}

static long wait_fd(struct qt_actor *a, int ms, int *fd)
{
	struct pollfd p = { .fd = a->sock, .events = POLLIN };
	long long end = qt_now_ms() + ms;
	struct answer r;
	int n;

	*fd = -1;
	do {
		long long left = end - qt_now_ms();

		n = poll(&p, 1, left > 0 ? left : 0);
	} while (n < 0 && errno == EINTR);
	if (!n)
		return QT_LATE;
	if (recv_message(a->sock, &r, sizeof(r), fd) != sizeof(r))
		return QT_DEAD;
	return r.result;
}

long qt_wait(struct qt_actor *a, int ms)
{
	int fd;
	long ret = wait_fd(a, ms, &fd);

	if (fd >= 0)
		close(fd);
	return ret;
}

long qt_do_within(struct qt_actor *a, qt_fn fn, long x, long y, int ms)
{
	return qt_start(a, fn, x, y) ? QT_DEAD : qt_wait(a, qt_patience(ms));
}

long qt_do(struct qt_actor *a, qt_fn fn, long x, long y)
{
	return qt_do_within(a, fn, x, y, ANSWER_MS);
}

int qt_give_fd(struct qt_actor *a, int fd)
{
	struct message m = { .verb = GIVE };
	int ret = send_message(a->sock, &m, sizeof(m), fd);

	return ret ? ret : qt_wait(a, qt_patience(ANSWER_MS));
}

int qt_take_fd(struct qt_actor *a, int fd)
{
	struct message m = { .verb = TAKE, .x = fd };
	int ret = send_message(a->sock, &m, sizeof(m), -1), got;
	long r;

	if (ret)
		return ret;
	r = wait_fd(a, qt_patience(ANSWER_MS), &got);
	return r ? r : got < 0 ? -EBADF : got;
}

bool qt_alive(pid_t pid)
{
	char path[64], line[512], *p;

	waitpid(pid, NULL, WNOHANG);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (qt_read(path, line, sizeof(line)) < 0)
		return false;
	p = strrchr(line, ')');
	return p && p[1] == ' ' && p[2] != 'Z' && p[2] != 'X';
}

int qt_died(pid_t pid, int ms)
{
	long long end = qt_now_ms() + ms;

	while (qt_alive(pid)) {
		if (qt_now_ms() > end)
			return -ETIMEDOUT;
		qt_sleep_ms(2);
	}
	return 0;
}

void qt_kill(struct qt_actor *a)
{
	if (a->pid <= 0)
		return;
	kill(a->pid, SIGKILL);
	qt_died(a->pid, 30000);
	qt_end(a);
}

void qt_end(struct qt_actor *a)
{
	if (a->pid <= 0)
		return;
	close(a->sock);
	qt_died(a->pid, 5000);
	taken[((unsigned char *)a->data - shared) / QT_SHARED] = false;
	a->pid = 0;
	a->sock = -1;
}
