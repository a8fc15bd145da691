// SPDX-License-Identifier: GPL-2.0-only
#include "vm/log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/file.h"

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

static void rotate(struct qlog *l)
{
	char old[PATH_MAX + 2];

	snprintf(old, sizeof(old), "%s.1", l->path);
	/* If it can't be moved it is emptied: it must not grow. */
	if (!rename(l->path, old)) {
		close(l->fd);
		reopen(l);
	} else if (!ftruncate(l->fd, 0)) {
		l->size = 0;
	}
}

void qlog_write(struct qlog *l, const void *buf, size_t len)
{
	ssize_t n;

	if (l->fd >= 0 && l->size + (off_t)len > QLOG_MAX)
		rotate(l);
	if (l->fd < 0 || l->size > QLOG_MAX)
		return;
	n = write(l->fd, buf, len);
	if (n > 0 && l->grows)
		l->size += n;
}

void qlog_say(struct qlog *l, const char *text)
{
	char line[1400], *p;
	time_t now = time(NULL);
	struct tm tm;
	int n;

	n = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S%z ", localtime_r(&now, &tm));
	snprintf(line + n, sizeof(line) - n - 1, "%s", text);
	for (p = line + n; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	*p++ = '\n';
	qlog_write(l, line, p - line);
}

static void end_line(struct qlog *l, void (*also)(void *arg, const char *line), void *arg)
{
	char *p;

	l->line[l->n_line] = '\0';
	l->n_line = 0;
	for (p = l->line; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	qlog_say(l, l->line);
	if (also)
		also(arg, l->line);
}

void qlog_lines(struct qlog *l, const char *buf, size_t len,
		void (*also)(void *arg, const char *line), void *arg)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (buf[i] != '\n')
			l->line[l->n_line++] = buf[i] ? buf[i] : '?';
		if (buf[i] == '\n' || l->n_line == sizeof(l->line) - 1)
			end_line(l, also, arg);
	}
}

void qlog_close(struct qlog *l)
{
	if (l->fd < 0)
		return;
	if (l->n_line)
		end_line(l, NULL, NULL);
	close(l->fd);
	l->fd = -1;
}
