/* SPDX-License-Identifier: GPL-2.0-only */
/* What there is to say about a config file: errors, warnings and notes, each with its place. */
#ifndef QWAMOS_CONFIG_DIAG_H
#define QWAMOS_CONFIG_DIAG_H

#include <stddef.h>

#include "config/tree.h"

/**
 * enum qdiag_kind - how bad it is
 * @QDIAG_NOTE: a key that is not ours
 * @QDIAG_WARNING: something asked for that is not carried out; an error with --strict
 * @QDIAG_ERROR: the config can't be used
 */
enum qdiag_kind {
	QDIAG_NOTE,
	QDIAG_WARNING,
	QDIAG_ERROR,
};

/**
 * struct qdiag - one thing to say
 * @kind: how bad it is
 * @at: where
 * @key: path of the key ("gpu.priority"), "" for none
 * @text: what was found, and what is accepted
 */
struct qdiag {
	enum qdiag_kind kind;
	struct qmark at;
	char *key;
	char *text;
};

/**
 * struct qdiags - all of them, in the order in which they were found; free with qdiags_free()
 * @file: the file that they are about
 * @list: they
 * @n: their number
 */
struct qdiags {
	char *file;
	struct qdiag *list;
	size_t n;
};

/** qdiag_add() - one more; @at: { 0 } for none */
void qdiag_add(struct qdiags *d, enum qdiag_kind kind, struct qmark at, const char *key,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/** qdiags_count() - how many of a kind there are */
size_t qdiags_count(const struct qdiags *d, enum qdiag_kind kind);

/** qdiag_format() - "file:line:column: error: key: text"; return: a string to free() */
char *qdiag_format(const struct qdiags *d, const struct qdiag *one);

/** qdiags_free() - free what @d points to */
void qdiags_free(struct qdiags *d);

#endif
