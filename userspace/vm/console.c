// SPDX-License-Identifier: GPL-2.0-only
#include "vm/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/file.h"
#include "util/term.h"
#include "vm/socket.h"

static int listen_at(struct qconsole *c, const char *name, struct qerr *e)
{
	struct sockaddr_un un;
	int ret;

	ret = qsocket_address(name, "console", &un, e);
	if (ret)
		return ret;
	snprintf(c->path, sizeof(c->path), "%s", un.sun_path);
	c->listener = qsocket_listen(&un, QCONSOLE_CLIENTS, e);
	return c->listener < 0 ? c->listener : 0;
}

bool qconsole_raw(int fd, struct termios *saved)
{
	struct termios raw;

	if (tcgetattr(fd, saved))
		return false;
	raw = *saved;
	cfmakeraw(&raw);
	/* Lines of our own messages still end as they should. */
	raw.c_oflag |= OPOST | ONLCR;
	return !tcsetattr(fd, TCSANOW, &raw);
}

/*
 * What a guest may have switched on or left off: attributes, another character set, scrolling
 * region, second screen, hidden cursor, reports of the mouse, the focus and pastes.
 */
static const char calm[] = "\033[!p\033[0m\033(B\017\0337\033[?1049l\033[r\0338\033[?25h\033[?7h"
			   "\033[?1000l\033[?1002l\033[?1003l\033[?1004l\033[?1006l\033[?2004l";

void qconsole_restore(int in, int out, const struct termios *saved)
{
	if (out >= 0)
		qterm_raw(out, calm, sizeof(calm) - 1);
	/* With what the terminal has answered to the guest: it would be typed to the shell. */
	if (in >= 0)
		tcsetattr(in, TCSAFLUSH, saved);
}

/* Read from only in the foreground of its terminal: else that would stop us. */
static void take_terminal(struct qconsole *c)
{
	c->out = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_APPEND);
	if (c->out < 0)
		c->out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	/* Who sits at a terminal has asked for this guest; a file is read by whoever comes. */
	c->out_tty = isatty(c->out);
	if (isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) != getpgrp())
		return;
	c->in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	if (c->in >= 0)
		c->raw = qconsole_raw(c->in, &c->saved);
}

int qconsole_open(struct qconsole *c, const char *name, const char *log, bool terminal,
		  int *guest_fd, struct qerr *e)
{
	int fds[2], ret;

	memset(c, 0, sizeof(*c));
	c->log.fd = c->guest = c->listener = c->in = c->out = -1;
	*guest_fd = -1;
	ret = qlog_open(&c->log, log, e);
	if (!ret)
		ret = listen_at(c, name, e);
	if (ret)
		return ret;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return qerr_sys(e, errno, "socketpair");
	c->guest = fds[0];
	*guest_fd = fds[1];
	if (terminal)
		take_terminal(c);
	return 0;
}

size_t qconsole_fds(const struct qconsole *c, struct pollfd p[QCONSOLE_FDS])
{
	size_t i, n = 0;

	if (c->listener >= 0 && c->n_clients < QCONSOLE_CLIENTS)
		p[n++] = (struct pollfd){ .fd = c->listener, .events = POLLIN };
	if (c->in >= 0)
		p[n++] = (struct pollfd){ .fd = c->in, .events = POLLIN };
	for (i = 0; i < c->n_clients; i++)
		p[n++] = (struct pollfd){ .fd = c->clients[i], .events = POLLIN };
	return n;
}

static void drop(struct qconsole *c, size_t i)
{
	close(c->clients[i]);
	c->clients[i] = c->clients[--c->n_clients];
}

/* A terminal that is stopped loses what it does not take; return: the bytes that it took. */
static size_t show(int fd, const char *buf, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	ssize_t n = poll(&p, 1, 0) == 1 ? write(fd, buf, len) : 0;

	return n > 0 ? n : 0;
}

ssize_t qconsole_take(struct qconsole *c)
{
	char buf[16384], text[sizeof(buf) + 4];
	size_t len;
	ssize_t n, done;
	size_t i;

	if (c->guest < 0)
		return -EPIPE;
	n = recv(c->guest, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		close(c->guest);
		c->guest = -1;
		return -EPIPE;
	}
	qlog_text(&c->log, buf, n);
	if (c->out >= 0 && c->out_tty) {
		c->unseen += n - show(c->out, buf, n);
	} else if (c->out >= 0) {
		len = qterm_stream(&c->stream, buf, n, text);
		c->unseen += len - show(c->out, text, len);
	}
	for (i = 0; i < c->n_clients; i++) {
		done = send(c->clients[i], buf, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		c->unseen += n - (done > 0 ? done : 0);
	}
	return n;
}

static void to_guest(struct qconsole *c, const char *buf, size_t len)
{
	if (c->guest >= 0)
		send(c->guest, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Return: was the escape typed? */
static bool from_terminal(struct qconsole *c)
{
	char buf[512], *escape;
	ssize_t n;

	n = read(c->in, buf, sizeof(buf));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		close(c->in);
		c->in = -1;
		return false;
	}
	/* Of what is no terminal each byte is the guest's. */
	escape = c->raw ? memchr(buf, QCONSOLE_ESCAPE, n) : NULL;
	to_guest(c, buf, escape ? escape - buf : n);
	return escape;
}

static void from_client(struct qconsole *c, int fd)
{
	char buf[512];
	ssize_t n;
	size_t i;

	for (i = 0; i < c->n_clients && c->clients[i] != fd; i++)
		;
	if (i == c->n_clients)
		return;
	n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n > 0)
		to_guest(c, buf, n);
	else if (!n || (errno != EAGAIN && errno != EINTR))
		drop(c, i);
}

bool qconsole_ready(struct qconsole *c, const struct pollfd *p, size_t n)
{
	bool escape = false;
	size_t i;
	int fd;

	for (i = 0; i < n; i++) {
		if (!p[i].revents)
			continue;
		if (p[i].fd == c->in) {
			escape |= from_terminal(c);
		} else if (p[i].fd == c->listener) {
			fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
			if (fd >= 0 && c->n_clients < QCONSOLE_CLIENTS)
				c->clients[c->n_clients++] = fd;
			else if (fd >= 0)
				close(fd);
		} else {
			from_client(c, p[i].fd);
		}
	}
	return escape;
}

void qconsole_unlisten(struct qconsole *c)
{
	if (c->listener < 0)
		return;
	unlink(c->path);
	close(c->listener);
	c->listener = -1;
}

void qconsole_close(struct qconsole *c)
{
	int i, left = 0;

	/* What the guest has said last; it has an end, whatever the guest does. */
	for (i = 0; i < 64 && qconsole_take(c) > 0; i++)
		;
	if (c->guest >= 0 && !ioctl(c->guest, FIONREAD, &left) && left > 0)
		c->log.lost += left;
	while (c->n_clients)
		drop(c, 0);
	qconsole_unlisten(c);
	qconsole_restore(c->raw ? c->in : -1, c->out_tty ? c->out : -1, &c->saved);
	if (c->guest >= 0)
		close(c->guest);
	if (c->in >= 0)
		close(c->in);
	if (c->out >= 0)
		close(c->out);
	qlog_close(&c->log);
	c->guest = c->listener = c->in = c->out = -1;
	c->raw = false;
}

int qconsole_connect(const char *name, struct qerr *e)
{
	struct sockaddr_un un;
	int fd, ret;

	ret = qsocket_address(name, "console", &un, e);
	if (ret)
		return ret;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return qerr_sys(e, errno, "socket");
	if (connect(fd, (struct sockaddr *)&un, sizeof(un))) {
		ret = errno == ENOENT || errno == ECONNREFUSED
			      ? qerr_set(e, errno, "VM %s does not run: qwamos-vm list", name)
			      : qerr_sys(e, errno, "%s", un.sun_path);
		close(fd);
		return ret;
	}
	return fd;
}
