// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/file.h"

struct job {
	bool read;
	char path[256];
	char text[128];
};

struct answer {
	int result;
	char text[128];
};

/*
 * The child. It keeps no fd but its socket and the run's lock: if it is stuck in the kernel, nobody
 * shall wait for the end of a pipe, nor a VM live on, because of it.
 */
static void __attribute__((noreturn)) child(int sock, int lock)
{
	struct answer answer;
	struct job job;
	int null;

	null = open("/dev/null", O_RDWR);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	/* Out of the way of 3 and 4 first. */
	sock = fcntl(sock, F_DUPFD, 5);
	lock = lock >= 0 ? fcntl(lock, F_DUPFD, 5) : -1;
	if (dup2(sock, 3) < 0 || (lock >= 0 && dup2(lock, 4) < 0))
		_exit(1);
	close_range(lock >= 0 ? 5 : 4, ~0U, 0);
	while (recv(3, &job, sizeof(job), 0) == sizeof(job)) {
		if (job.read)
			answer.result =
				qfile_read(AT_FDCWD, job.path, answer.text, sizeof(answer.text));
		else
			answer.result = qfile_write(AT_FDCWD, job.path, job.text);
		if (send(3, &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer))
			break;
	}
	_exit(0);
}

void qwriter_init(struct qwriter *w, int lock_fd)
{
	w->pid = 0;
	w->fd = -1;
	w->lock_fd = lock_fd;
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
		child(sv[1], w->lock_fd);
	close(sv[1]);
	w->fd = sv[0];
	return 0;
}

/* Leaves the child behind. It ends as soon as the kernel lets it; whoever inherits it waits for it.
 */
static void abandon(struct qwriter *w)
{
	close(w->fd);
	qwriter_init(w, w->lock_fd);
}

static int do_job(struct qwriter *w, const struct job *job, struct answer *answer, int timeout_ms)
{
	struct pollfd p = { .events = POLLIN };
	int err;

	if (!w->pid) {
		err = start(w);
		if (err)
			return err;
	}
	if (send(w->fd, job, sizeof(*job), MSG_NOSIGNAL) != sizeof(*job))
		return -errno;
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
	struct job job = { .read = true };
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

void qwriter_end(struct qwriter *w)
{
	if (!w->pid)
		return;
	close(w->fd);
	while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
		;
	qwriter_init(w, w->lock_fd);
}
