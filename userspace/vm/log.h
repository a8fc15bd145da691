/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM's log files: what its supervisor and its VM monitor have said, and what its guest has
 * written to its console. Both may be hostile, so a file has an end: then it becomes FILE.1, and
 * what that was is gone.
 */
#ifndef QWAMOS_VM_LOG_H
#define QWAMOS_VM_LOG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/err.h"
#include "util/term.h"

/** QLOG_DIR - where they are; $QWAMOS_LOG_DIR overrides it */
#define QLOG_DIR "/var/log/qwamos"
/** QLOG_MAX - how long a file gets, in bytes */
#define QLOG_MAX (8 << 20)

/**
 * struct qlog - one file
 * @fd: it, -1: none, and nothing is kept
 * @path: its path
 * @size: its length in bytes
 * @grows: it is a file, and not a device or a pipe
 * @lost: bytes that were written to it and are no longer, or never came, into FILE or FILE.1
 * @line: a line that has not ended yet
 * @n_line: its length
 * @stream: what of a guest's text is not whole yet
 */
struct qlog {
	int fd;
	char path[PATH_MAX];
	off_t size;
	bool grows;
	uint64_t lost;
	char line[512];
	size_t n_line;
	struct qterm_stream stream;
};

/** qlog_path() - the file of a VM; @suffix: ".log" or ".console"; return: 0 or a negative errno */
int qlog_path(const char *name, const char *suffix, char path[PATH_MAX], struct qerr *e);

/**
 * qlog_open() - open a file to append to, with the directory that it is in
 * @l: out; qlog_close() it
 * @path: the file
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno
 */
int qlog_open(struct qlog *l, const char *path, struct qerr *e);

/** qlog_write() - bytes as they are; what can't be written is lost, and counted */
void qlog_write(struct qlog *l, const void *buf, size_t len);

/** qlog_text() - text of a guest's: without what a terminal that shows the file would act on */
void qlog_text(struct qlog *l, const char *buf, size_t len);

/** qlog_say() - a line with the time before it, without what a terminal would act on */
void qlog_say(struct qlog *l, const char *text);

/**
 * qlog_lines() - bytes that somebody else has written
 * @l: the log: whole lines go there by qlog_say()
 * @buf: the bytes
 * @len: their number
 * @also: is told each line as well, may be NULL
 * @arg: its argument
 */
void qlog_lines(struct qlog *l, const char *buf, size_t len,
		void (*also)(void *arg, const char *line), void *arg);

/**
 * qlog_take() - one read(2) of what somebody else writes, for qlog_lines()
 * @l: the log
 * @fd: the end to read from, which does not block
 * @also: as in qlog_lines()
 * @arg: its argument
 *
 * Return: the bytes, 0: there were none; or a negative errno (-EPIPE: nobody can write any more)
 */
ssize_t qlog_take(struct qlog *l, int fd, void (*also)(void *arg, const char *line), void *arg);

/** qlog_close() - close it; a line that has not ended is written */
void qlog_close(struct qlog *l);

#endif
