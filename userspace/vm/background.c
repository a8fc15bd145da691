// SPDX-License-Identifier: GPL-2.0-only
#include "vm/background.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static void pass_signal(int fd, pid_t pid)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) == sizeof(info))
		kill(pid, SIGTERM);
}

/* Return: the exit status for the caller. */
static int await(pid_t pid, int fd, int signals)
{
	struct pollfd p[] = { { .fd = fd, .events = POLLIN }, { .fd = signals, .events = POLLIN } };
	int status = 0;
	ssize_t n;
	char up;

	for (;;) {
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			pass_signal(signals, pid);
		if (!p[0].revents)
			continue;
		n = read(fd, &up, 1);
		if (n < 0 && errno == EINTR)
			continue;
		break;
	}
	if (n == 1)
		return 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	/* It can't have ended well without having been up. */
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

int qvm_background(int *ready_fd, int *status, struct qerr *e)
{
	int fds[2], signals, null, ret = 1;
	sigset_t set, old;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0)
		return qerr_sys(e, errno, "signalfd");
	if (pipe2(fds, O_CLOEXEC)) {
		ret = qerr_sys(e, errno, "pipe");
		goto out;
	}
	sigprocmask(SIG_BLOCK, &set, &old);
	pid = fork();
	if (pid < 0) {
		ret = qerr_sys(e, errno, "fork");
		close(fds[0]);
		close(fds[1]);
	} else if (!pid) {
		close(fds[0]);
		setsid();
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null >= 0) {
			dup2(null, STDIN_FILENO);
			dup2(null, STDOUT_FILENO);
			close(null);
		}
		*ready_fd = fds[1];
		ret = 0;
	} else {
		close(fds[1]);
		*status = await(pid, fds[0], signals);
		close(fds[0]);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
out:
	close(signals);
	return ret;
}

void qvm_background_up(int *ready_fd)
{
	const char up = 1;

	if (*ready_fd < 0)
		return;
	/* Nobody may be there to hear it any more. */
	if (write(*ready_fd, &up, 1) != 1)
		errno = 0;
	close(*ready_fd);
	*ready_fd = -1;
}
