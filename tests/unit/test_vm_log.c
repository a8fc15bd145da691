// SPDX-License-Identifier: GPL-2.0-only
/* Logs of VMs: what both sides of them write may be hostile. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm/log.h"

#define NOBODY 65534

struct place {
	char dir[64];
	char file[96];
	char old[104];
};

static int begin(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->dir, sizeof(p->dir), "/tmp/test_vm_log.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->file, sizeof(p->file), "%s/vm.log", p->dir);
	snprintf(p->old, sizeof(p->old), "%s.1", p->file);
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;

	unlink(p->file);
	unlink(p->old);
	rmdir(p->dir);
	free(p);
	return 0;
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : st.st_size;
}

static void fill(struct qlog *l, size_t mib)
{
	static char block[1 << 20];
	size_t i;

	memset(block, 'x', sizeof(block));
	for (i = 0; i < mib; i++)
		qlog_write(l, block, sizeof(block));
}

/* However much is written, there is the file, and the one before it. */
static void ends(void **state)
{
	struct place *p = *state;
	struct qlog l;

	assert_int_equal(qlog_open(&l, p->file, NULL), 0);
	fill(&l, 8);
	assert_int_equal(size_of(p->file), QLOG_MAX);
	assert_int_equal(size_of(p->old), -1);
	fill(&l, 1);
	assert_int_equal(size_of(p->file), 1 << 20);
	assert_int_equal(size_of(p->old), QLOG_MAX);
	fill(&l, 100);
	assert_true(size_of(p->file) <= QLOG_MAX);
	assert_int_equal(size_of(p->old), QLOG_MAX);
	qlog_close(&l);
	assert_int_equal(qlog_open(&l, p->file, NULL), 0);
	assert_int_equal(l.size, size_of(p->file));
	qlog_close(&l);
}

/* Where the folder lets nothing be moved, the old file stays: it is not lost, the new one's are. */
static void can_not_be_moved(void **state)
{
	uid_t user = geteuid();
	struct place *p = *state;
	struct qlog l;
	int fd;

	fd = open(p->old, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 4096), 0);
	close(fd);
	assert_int_equal(qlog_open(&l, p->file, NULL), 0);
	fill(&l, 8);
	assert_int_equal(chmod(p->dir, 0555), 0);
	/* Root moves files out of any. */
	if (!user)
		assert_int_equal(seteuid(NOBODY), 0);
	fill(&l, 1);
	if (!user)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(p->dir, 0700), 0);
	assert_int_equal(size_of(p->old), 4096);
	assert_int_equal(size_of(p->file), 1 << 20);
	assert_int_equal(l.lost, QLOG_MAX);
	qlog_close(&l);
}

/* A pipe, and so a device, is no file to be moved. */
static void pipes_stay(void **state)
{
	struct place *p = *state;
	struct stat st;
	struct qlog l;
	char buf[65536];
	int fd, i;

	assert_int_equal(mkfifo(p->file, 0600), 0);
	/* Without a reader it is an error, and no wait. */
	assert_int_equal(qlog_open(&l, p->file, NULL), -ENXIO);
	fd = open(p->file, O_RDONLY | O_NONBLOCK);
	assert_true(fd >= 0);
	assert_int_equal(qlog_open(&l, p->file, NULL), 0);
	for (i = 0; i < 20; i++) {
		fill(&l, 1);
		while (read(fd, buf, sizeof(buf)) > 0)
			;
	}
	assert_int_equal(size_of(p->old), -1);
	assert_int_equal(stat(p->file, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	qlog_close(&l);
	close(fd);
}

static void count(void *arg, const char *line)
{
	(*(int *)arg)++;
	assert_true(strlen(line) < 512);
	assert_null(strpbrk(line, "\033\r\n"));
}

static void lines(void **state)
{
	static const char hostile[] = "one\ntwo \033[2J\233\302\233\r\nthr\0ee";
	struct place *p = *state;
	char text[4096], much[2000];
	int fd, n = 0;
	struct qlog l;
	ssize_t len;

	assert_int_equal(qlog_open(&l, p->file, NULL), 0);
	qlog_lines(&l, hostile, sizeof(hostile) - 1, count, &n);
	assert_int_equal(n, 2);
	memset(much, 'y', sizeof(much));
	qlog_lines(&l, much, sizeof(much), count, &n);
	assert_int_equal(n, 5);
	qlog_close(&l);
	fd = open(p->file, O_RDONLY);
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(len > 0);
	text[len] = '\0';
	assert_non_null(strstr(text, " one\n"));
	assert_non_null(strstr(text, " two ?[2J???\n"));
	assert_non_null(strstr(text, " thr?eeyyy"));
	assert_int_equal(text[len - 1], '\n');
	assert_null(strchr(text, '\033'));
}

/* What a guest has written to its console is read by root, with cat as well as with less. */
static void console(void **state)
{
	static const char hostile[] = "login: \033[31mroot\r\n50%\r100%\r\n\302\233J\233.\0\n";
	struct place *p = *state;
	char text[256];
	struct qlog l;
	size_t i;
	int fd;
	ssize_t len;

	assert_int_equal(qlog_open(&l, p->file, NULL), 0);
	for (i = 0; i < sizeof(hostile) - 1; i++)
		qlog_text(&l, hostile + i, 1);
	qlog_close(&l);
	fd = open(p->file, O_RDONLY);
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(len > 0);
	text[len] = '\0';
	assert_string_equal(text, "login: ?[31mroot\n50%\n100%\n?J?.?\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ends, begin, end),
		cmocka_unit_test_setup_teardown(can_not_be_moved, begin, end),
		cmocka_unit_test_setup_teardown(pipes_stay, begin, end),
		cmocka_unit_test_setup_teardown(lines, begin, end),
		cmocka_unit_test_setup_teardown(console, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
