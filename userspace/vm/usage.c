// SPDX-License-Identifier: GPL-2.0-only
#include "vm/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/file.h"

/* A number, or "max"; @rest: what stands behind it */
static int64_t number(const char *text, const char **rest)
{
	char *end;
	long long n;

	*rest = text;
	if (!strncmp(text, "max", 3)) {
		*rest = text + 3;
		return QVM_NO_LIMIT;
	}
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno || end == text || n < 0)
		return QVM_UNKNOWN;
	*rest = end;
	return n;
}

static int64_t read_number(int dir, const char *file)
{
	const char *rest;
	char text[64];

	if (qfile_read(dir, file, text, sizeof(text)) <= 0)
		return QVM_UNKNOWN;
	return number(text, &rest);
}

/* "usage_usec N", the first of the lines of cpu.stat. */
static int64_t cpu_used(int dir)
{
	static const char key[] = "usage_usec ";
	char text[1024], *line;
	const char *rest;

	if (qfile_read(dir, "cpu.stat", text, sizeof(text)) <= 0)
		return QVM_UNKNOWN;
	line = strstr(text, key);
	return line ? number(line + strlen(key), &rest) : QVM_UNKNOWN;
}

/* "QUOTA PERIOD", in us. */
static int64_t cpu_max(int dir)
{
	int64_t quota, period;
	const char *rest;
	char text[64];

	if (qfile_read(dir, "cpu.max", text, sizeof(text)) <= 0)
		return QVM_UNKNOWN;
	quota = number(text, &rest);
	period = number(rest, &rest);
	if (quota < 0 || quota == QVM_NO_LIMIT)
		return quota;
	return period > 0 ? quota * 100 / period : QVM_UNKNOWN;
}

static int64_t limit_of(const char *line, const char *key)
{
	const char *at = strstr(line, key), *rest;

	return at ? number(at + strlen(key), &rest) : QVM_NO_LIMIT;
}

/* "8:0 rbps=1048576 wbps=max riops=max wiops=max", a line for each disk. */
static size_t io_max(int dir, struct qvm_usage_io *io)
{
	char text[1024], *line, *save;
	size_t n = 0;

	if (qfile_read(dir, "io.max", text, sizeof(text)) <= 0)
		return 0;
	for (line = strtok_r(text, "\n", &save); line && n < QVM_USAGE_DISKS;
	     line = strtok_r(NULL, "\n", &save)) {
		io[n] = (struct qvm_usage_io){ .read_bytes = limit_of(line, " rbps="),
					       .write_bytes = limit_of(line, " wbps="),
					       .read_ops = limit_of(line, " riops="),
					       .write_ops = limit_of(line, " wiops=") };
		if (sscanf(line, "%23[0-9:]", io[n].disk) == 1)
			n++;
	}
	return n;
}

void qvm_usage_read(const char *cgroup, struct qvm_usage *u)
{
	int dir = open(cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC);

	/* Without the folder, nothing in it can be read either. */
	u->memory = read_number(dir, "memory.current");
	u->memory_max = read_number(dir, "memory.max");
	u->memory_peak = read_number(dir, "memory.peak");
	u->pids = read_number(dir, "pids.current");
	u->pids_max = read_number(dir, "pids.max");
	u->cpu_us = cpu_used(dir);
	u->cpu_max_percent = cpu_max(dir);
	u->n_io = io_max(dir, u->io);
	if (dir >= 0)
		close(dir);
}
