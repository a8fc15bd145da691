// SPDX-License-Identifier: GPL-2.0-only
/* A VM's disk is opened, or refused at once, whatever stands at its path. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "vm/confine.h"

/* For what should not wait at all. */
#define SECONDS 10

struct disk {
	char dir[64];
	char path[96];
};

static int setup(void **state)
{
	struct disk *d = calloc(1, sizeof(*d));

	*state = d;
	snprintf(d->dir, sizeof(d->dir), "/tmp/test_confine.XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	snprintf(d->path, sizeof(d->path), "%s/disk", d->dir);
	alarm(SECONDS);
	return 0;
}

static int teardown(void **state)
{
	struct disk *d = *state;

	alarm(0);
	unlink(d->path);
	rmdir(d->dir);
	free(d);
	return 0;
}

static int open_it(struct qconfine *x, char *path, int persistent, struct qerr *e)
{
	const struct qconfig c = { .disk = path, .persistent = persistent };

	memset(x, 0, sizeof(*x));
	x->disk[0] = x->disk[1] = x->tmp = -1;
	return qconfine_open(x, &c, e);
}

static void is_refused(char *path)
{
	struct qconfine x;
	struct qerr e;
	int keep;

	for (keep = 0; keep < 2; keep++) {
		assert_true(open_it(&x, path, keep, &e) < 0);
		assert_non_null(strstr(e.msg, path));
		assert_non_null(strstr(e.msg, "accepted: a regular file or a block device"));
		qconfine_free(&x);
	}
}

static void fifo(void **state)
{
	struct disk *d = *state;

	assert_int_equal(mkfifo(d->path, 0600), 0);
	is_refused(d->path);
}

static void others(void **state)
{
	struct disk *d = *state;

	is_refused(d->dir);
	is_refused((char *)"/dev/null");
}

/* With nothing left of how it was opened. */
static void regular_file(void **state)
{
	struct disk *d = *state;
	struct qconfine x;
	struct qerr e;
	int fd = open(d->path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(open_it(&x, d->path, 1, &e), 0);
	assert_int_equal(fcntl(x.disk[0], F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR);
	assert_int_equal(fcntl(x.disk[1], F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY);
	assert_int_equal(fcntl(x.disk[0], F_GETFD), FD_CLOEXEC);
	qconfine_free(&x);
	assert_int_equal(open_it(&x, d->path, 0, &e), 0);
	assert_int_equal(x.disk[0], -1);
	qconfine_free(&x);
}

static void missing(void **state)
{
	struct disk *d = *state;
	struct qconfine x;
	struct qerr e;

	assert_int_equal(open_it(&x, d->path, 1, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "No such file"));
	qconfine_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fifo, setup, teardown),
		cmocka_unit_test_setup_teardown(others, setup, teardown),
		cmocka_unit_test_setup_teardown(regular_file, setup, teardown),
		cmocka_unit_test_setup_teardown(missing, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("confine", tests, NULL, NULL);
}
