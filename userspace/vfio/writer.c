// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/file.h"
#include "util/pass.h"

enum what {
	WRITE,
	READ,
	CLAIM,
	LOOK,
	KEEP_LOCK,
};

struct job {
	enum what what;
	char path[256];
	char text[128];
	dev_t rdev;
};

struct answer {
	int result;
	char text[128];
	struct stat st;
};

static bool is_node(const struct stat *st, dev_t rdev)
{
	return S_ISBLK(st->st_mode) && st->st_rdev == rdev;
}

/*
 * The node is looked at before it is opened, for what else stands in its place may act on that; and
 * after, for it may have become another one.
 */
static int claim(const char *path, dev_t rdev)
{
	struct stat st;
	int fd, err = 0;

	if (stat(path, &st))
		return -errno;
	if (!is_node(&st, rdev))
		return -ENODEV;
	fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !is_node(&st, rdev))
		err = -ENODEV;
	close(fd);
	return err;
}

/*
 * The child. It keeps no fd but its socket and the run's lock: if it is stuck in the kernel, nobody
 * shall wait for the end of a pipe, nor a VM live on, because of it.
 */
static void __attribute__((noreturn)) child(int sock)
{
	struct answer answer = { 0 };
	struct job job;
	int null, kept;

	null = open("/dev/null", O_RDWR);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	if (sock != 3 && dup2(sock, 3) < 0)
		_exit(1);
	close_range(4, ~0U, 0);
	/* A received fd stays open, unnamed, until the child ends: that is all that it is for. */
	while (qpass_receive(3, &job, sizeof(job), &kept) == sizeof(job)) {
		switch (job.what) {
		case WRITE:
			answer.result = qfile_write(AT_FDCWD, job.path, job.text);
			break;
		case READ:
			answer.result =
				qfile_read(AT_FDCWD, job.path, answer.text, sizeof(answer.text));
			break;
		case CLAIM:
			answer.result = claim(job.path, job.rdev);
			break;
		case LOOK:
			answer.result = stat(job.path, &answer.st) ? -errno : 0;
			break;
		case KEEP_LOCK:
			/* Nobody waits for an answer. */
			continue;
		}
		if (send(3, &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer))
			break;
	}
	_exit(0);
}

void qwriter_init(struct qwriter *w)
{
	w->pid = 0;
	w->fd = -1;
	w->lock_fd = -1;
}

static int start(struct qwriter *w)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		return -errno;
	w->pid = fork();
	if (w->pid < 0) {
		int err = -errno;

		close(sv[0]);
		close(sv[1]);
		w->pid = 0;
		return err;
	}
	if (!w->pid)
		child(sv[1]);
	close(sv[1]);
	w->fd = sv[0];
	return 0;
}

/* Leaves the child behind. It ends as soon as the kernel lets it; who inherits it waits for it. */
static void abandon(struct qwriter *w)
{
	close(w->fd);
	w->fd = -1;
	w->pid = 0;
}

static int await(struct qwriter *w, struct answer *answer, int timeout_ms)
{
	struct pollfd p = { .events = POLLIN };
	int err;

	p.fd = w->fd;
	do {
		err = poll(&p, 1, timeout_ms);
	} while (err < 0 && errno == EINTR);
	if (err < 0)
		return -errno;
	if (!err) {
		abandon(w);
		return -ETIMEDOUT;
	}
	if (recv(w->fd, answer, sizeof(*answer), 0) != sizeof(*answer)) {
		qwriter_end(w);
		return -EIO;
	}
	return answer->result;
}

static int do_job(struct qwriter *w, const struct job *job, struct answer *answer, int timeout_ms)
{
	int err;

	if (!w->pid) {
		err = start(w);
		if (!err && w->lock_fd >= 0)
			err = qwriter_keep_lock(w, w->lock_fd);
		if (err)
			return err;
	}
	if (send(w->fd, job, sizeof(*job), MSG_NOSIGNAL) != sizeof(*job))
		return -errno;
	return await(w, answer, timeout_ms);
}

int qwriter_keep_lock(struct qwriter *w, int lock_fd)
{
	struct job job = { .what = KEEP_LOCK };
	ssize_t n;

	w->lock_fd = lock_fd;
	/* A child that comes later gets it as it starts. */
	if (!w->pid)
		return 0;
	/* On its way already it is kept: as long as the child can take it, it is open. */
	n = qpass_send(w->fd, &job, sizeof(job), lock_fd, 0);
	return n < 0 ? (int)n : 0;
}

int qwriter_write(struct qwriter *w, const char *path, const char *text, int timeout_ms)
{
	struct job job = { 0 };
	struct answer answer;

	if (strlen(path) >= sizeof(job.path) || strlen(text) >= sizeof(job.text))
		return -ENAMETOOLONG;
	memcpy(job.path, path, strlen(path));
	memcpy(job.text, text, strlen(text));
	return do_job(w, &job, &answer, timeout_ms);
}

int qwriter_read(struct qwriter *w, const char *path, char *buf, size_t len, int timeout_ms)
{
	struct job job = { .what = READ };
	struct answer answer;
	int n;

	buf[0] = '\0';
	if (strlen(path) >= sizeof(job.path))
		return -ENAMETOOLONG;
	memcpy(job.path, path, strlen(path));
	n = do_job(w, &job, &answer, timeout_ms);
	if (n < 0)
		return n;
	if ((size_t)n >= len)
		return -EFBIG;
	memcpy(buf, answer.text, n + 1);
	return n;
}

int qwriter_claim(struct qwriter *w, const char *path, dev_t rdev, int timeout_ms)
{
	struct job job = { .what = CLAIM, .rdev = rdev };
	struct answer answer;

	if (strlen(path) >= sizeof(job.path))
		return -ENAMETOOLONG;
	memcpy(job.path, path, strlen(path));
	return do_job(w, &job, &answer, timeout_ms);
}

int qwriter_look(struct qwriter *w, const char *path, struct stat *st, int timeout_ms)
{
	struct job job = { .what = LOOK };
	struct answer answer;
	int err;

	if (strlen(path) >= sizeof(job.path))
		return -ENAMETOOLONG;
	memcpy(job.path, path, strlen(path));
	err = do_job(w, &job, &answer, timeout_ms);
	if (!err)
		*st = answer.st;
	return err;
}

void qwriter_end(struct qwriter *w)
{
	if (!w->pid)
		return;
	close(w->fd);
	while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
		;
	w->fd = -1;
	w->pid = 0;
}
