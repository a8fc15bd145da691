// SPDX-License-Identifier: GPL-2.0-only
#include "vm/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/file.h"
#include "util/mem.h"
#include "util/term.h"

int qlog_path(const char *name, const char *suffix, char path[PATH_MAX], struct qerr *e)
{
	const char *dir = getenv("QWAMOS_LOG_DIR");

	if (!dir || !*dir)
		dir = QLOG_DIR;
	if (snprintf(path, PATH_MAX, "%s/%s%s", dir, name, suffix) >= PATH_MAX)
		return qerr_set(e, ENAMETOOLONG, "%s", dir);
	return 0;
}

static int reopen(struct qlog *l)
{
	struct stat st;

	l->fd = open(l->path,
		     O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
		     0640);
	if (l->fd < 0)
		return -errno;
	/* What is no file does not grow, and is not ours to move. */
	l->grows = !fstat(l->fd, &st) && S_ISREG(st.st_mode);
	l->size = l->grows ? st.st_size : 0;
	return 0;
}

int qlog_open(struct qlog *l, const char *path, struct qerr *e)
{
	char *slash;
	int ret = 0;

	memset(l, 0, sizeof(*l));
	l->fd = -1;
	if (snprintf(l->path, sizeof(l->path), "%s", path) >= (int)sizeof(l->path))
		return qerr_set(e, ENAMETOOLONG, "%s", path);
	slash = strrchr(l->path, '/');
	if (slash && slash != l->path) {
		*slash = '\0';
		ret = qfile_mkdirs(l->path, 0750);
		*slash = '/';
	}
	if (!ret)
		ret = reopen(l);
	return ret ? qerr_sys(e, -ret, "%s", path) : 0;
}

/* Bytes of a file that is about to go. */
static uint64_t length(const char *path)
{
	struct stat st;

	return lstat(path, &st) || !S_ISREG(st.st_mode) ? 0 : st.st_size;
}

static void rotate(struct qlog *l)
{
	char old[PATH_MAX + 2];
	uint64_t before;

	snprintf(old, sizeof(old), "%s.1", l->path);
	before = length(old);
	/* If it can't be moved it is emptied: it must not grow. */
	if (!rename(l->path, old)) {
		l->lost += before;
		close(l->fd);
		reopen(l);
	} else if (!ftruncate(l->fd, 0)) {
		l->lost += l->size;
		l->size = 0;
	}
}

void qlog_write(struct qlog *l, const void *buf, size_t len)
{
	ssize_t n;

	if (l->fd >= 0 && l->size + (off_t)len > QLOG_MAX)
		rotate(l);
	n = l->fd < 0 || l->size > QLOG_MAX ? 0 : write(l->fd, buf, len);
	if (n < 0)
		n = 0;
	if (l->grows)
		l->size += n;
	l->lost += len - n;
}

/* The time before a line; return: its length. */
static size_t put_time(char *to, size_t room)
{
	time_t now = time(NULL);
	struct tm tm;

	return strftime(to, room, "%Y-%m-%dT%H:%M:%S%z ", localtime_r(&now, &tm));
}

void qlog_text(struct qlog *l, const char *buf, size_t len)
{
	char *out = qmem_calloc(len + 4, 1);

	qlog_write(l, out, qterm_stream(&l->stream, buf, len, out));
	free(out);
}

void qlog_say(struct qlog *l, const char *text)
{
	char stamp[40], *line;

	put_time(stamp, sizeof(stamp));
	line = qterm_format("%s%s\n", stamp, text);
	qlog_write(l, line, strlen(line));
	free(line);
}

/* Lines that go to the log with one write(2), under one time. */
struct lines {
	char stamp[40];
	char text[8192];
	size_t n;
};

static void flush(struct qlog *l, struct lines *out)
{
	if (out->n)
		qlog_write(l, out->text, out->n);
	out->n = 0;
}

static void end_line(struct qlog *l, struct lines *out, void (*also)(void *arg, const char *line),
		     void *arg)
{
	char *line;

	l->line[l->n_line] = '\0';
	l->n_line = 0;
	line = qterm_format("%s", l->line);
	if (out->n + sizeof(out->stamp) + sizeof(l->line) > sizeof(out->text))
		flush(l, out);
	out->n += snprintf(out->text + out->n, sizeof(out->text) - out->n, "%s%s\n", out->stamp,
			   line);
	if (also)
		also(arg, line);
	free(line);
}

void qlog_lines(struct qlog *l, const char *buf, size_t len,
		void (*also)(void *arg, const char *line), void *arg)
{
	struct lines out = { .n = 0 };
	size_t i;

	put_time(out.stamp, sizeof(out.stamp));
	for (i = 0; i < len; i++) {
		if (buf[i] != '\n')
			l->line[l->n_line++] = buf[i] ? buf[i] : '?';
		if (buf[i] == '\n' || l->n_line == sizeof(l->line) - 1)
			end_line(l, &out, also, arg);
	}
	flush(l, &out);
}

ssize_t qlog_take(struct qlog *l, int fd, void (*also)(void *arg, const char *line), void *arg)
{
	char buf[1024];
	ssize_t n;

	n = read(fd, buf, sizeof(buf));
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (!n)
		return -EPIPE;
	qlog_lines(l, buf, n, also, arg);
	return n;
}

void qlog_close(struct qlog *l)
{
	if (l->fd < 0)
		return;
	if (l->n_line)
		qlog_lines(l, "\n", 1, NULL, NULL);
	close(l->fd);
	l->fd = -1;
}
