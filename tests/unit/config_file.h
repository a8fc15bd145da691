/* SPDX-License-Identifier: GPL-2.0-only */
/* Config files for tests: loaded from texts, and what is said about them. */
#ifndef QWAMOS_TESTS_UNIT_CONFIG_FILE_H
#define QWAMOS_TESTS_UNIT_CONFIG_FILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "config/config.h"

struct loaded {
	char file[64];
	struct qconfig c;
	struct qdiags d;
	int ret;
};

static inline struct loaded load_file(const char *file)
{
	struct loaded l = { 0 };

	memset(&l.c, 0xcc, sizeof(l.c));
	memset(&l.d, 0xcc, sizeof(l.d));
	l.ret = qconfig_load(file, &l.c, &l.d);
	return l;
}

static inline struct loaded load_bytes(const char *text, size_t len)
{
	char file[] = "/tmp/test_config.XXXXXX";
	struct loaded l;
	int fd;

	fd = mkstemp(file);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
	l = load_file(file);
	unlink(file);
	return l;
}

static inline struct loaded load_text(const char *text)
{
	return load_bytes(text, strlen(text));
}

static inline void unload(struct loaded *l)
{
	qconfig_free(&l->c);
	qdiags_free(&l->d);
}

/* The first one of a kind; its key, place and text must be these. */
static inline void assert_diag(const struct loaded *l, enum qdiag_kind kind, const char *key,
			       unsigned int line, unsigned int col, const char *part)
{
	const struct qdiag *one;
	char *text;
	size_t i;

	for (i = 0; i < l->d.n; i++) {
		one = &l->d.list[i];
		if (one->kind != kind || strcmp(one->key, key))
			continue;
		text = qdiag_format(&l->d, one);
		if (one->at.line != line || one->at.col != col || !strstr(one->text, part))
			fail_msg("expected %u:%u and '%s': %s", line, col, part, text);
		free(text);
		return;
	}
	fail_msg("nothing is said about %s", key);
}

/* A config with one error, and that one only. */
static inline void assert_error(const char *text, const char *key, unsigned int line,
				unsigned int col, const char *part)
{
	struct loaded l = load_text(text);

	assert_int_equal(l.ret, -EINVAL);
	assert_int_equal(qdiags_count(&l.d, QDIAG_ERROR), 1);
	assert_diag(&l, QDIAG_ERROR, key, line, col, part);
	unload(&l);
}

#endif
