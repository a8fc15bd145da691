// SPDX-License-Identifier: LGPL-2.1-or-later
#include "util/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/mem.h"

extern char **environ;

/* Beside the program itself, so that it is the one of the same build. */
static char *find(const char *name)
{
	char self[PATH_MAX], *slash;
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len <= 0)
		return NULL;
	self[len] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return NULL;
	return qmem_printf("%.*s/" QHELPER_DIR "/%s", (int)(slash - self), self, name);
}

int qhelper_start(struct qhelper *h, const char *name)
{
	char *path = find(name), *argv[] = { path, NULL };
	posix_spawn_file_actions_t acts;
	int sv[2], err;

	if (!path)
		return -ENOENT;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv)) {
		err = errno;
		goto out;
	}
	qmem_check(posix_spawn_file_actions_init(&acts) ? NULL : &acts);
	err = posix_spawn_file_actions_adddup2(&acts, sv[1], STDIN_FILENO);
	if (!err)
		err = posix_spawn(&h->pid, path, &acts, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&acts);
	close(sv[1]);
	h->fd = sv[0];
	if (err)
		close(sv[0]);
out:
	free(path);
	return -err;
}

static ssize_t receive(int fd, void *buf, size_t len)
{
	ssize_t n;

	do {
		n = recv(fd, buf, len, 0);
	} while (n < 0 && errno == EINTR);
	return n;
}

int qhelper_ask(struct qhelper *h, const struct qhelper_job *job, struct qhelper_answer *answer)
{
	if (send(h->fd, job, sizeof(*job), MSG_NOSIGNAL) != sizeof(*job) ||
	    receive(h->fd, answer, sizeof(*answer)) != sizeof(*answer))
		return -EPIPE;
	answer->text[sizeof(answer->text) - 1] = '\0';
	return 0;
}

void qhelper_end(struct qhelper *h)
{
	close(h->fd);
	while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int qhelper_serve(void (*fn)(void *arg, const struct qhelper_job *job,
			     struct qhelper_answer *answer),
		  void *arg)
{
	struct qhelper_answer answer;
	struct qhelper_job job;
	int type = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &len) || type != SOCK_SEQPACKET) {
		fprintf(stderr, "this is a helper of qwamos-vfio, and does nothing by itself\n");
		return 2;
	}
	while (receive(STDIN_FILENO, &job, sizeof(job)) == sizeof(job)) {
		job.text[sizeof(job.text) - 1] = '\0';
		memset(&answer, 0, sizeof(answer));
		fn(arg, &job, &answer);
		if (send(STDIN_FILENO, &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer))
			break;
	}
	return 0;
}
