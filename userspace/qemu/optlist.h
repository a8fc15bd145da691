/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stands behind an option of QEMU's: "WORD,KEY=VALUE,...", read as QEMU reads it. A comma that
 * is written twice is part of a value; a first item without a key is the value of the option's
 * implied one. What has been read is written anew, so that QEMU can't read it in another way.
 */
#ifndef QWAMOS_QEMU_OPTLIST_H
#define QWAMOS_QEMU_OPTLIST_H

#include <stddef.h>

#include "util/err.h"

/**
 * struct qopt - one item
 * @key: its key
 * @value: its value
 */
struct qopt {
	char *key;
	char *value;
};

/**
 * struct qopts - all of them, in order; qopts_free() it
 * @v: they
 * @n: their number
 */
struct qopts {
	struct qopt *v;
	size_t n;
};

/**
 * qopts_parse() - read
 * @text: the text, or a JSON object of strings, numbers and truths
 * @implied: key of a first item that has none; NULL: it must have one
 * @o: out; qopts_free() it, also after a failure
 * @e: error: what was found, and what is accepted
 *
 * QEMU takes the last one of two items with one key, and a key alone as a truth; here both are
 * errors.
 *
 * Return: 0 or -EINVAL
 */
int qopts_parse(const char *text, const char *implied, struct qopts *o, struct qerr *e);

/** qopts_get() - the value of @key, or NULL */
const char *qopts_get(const struct qopts *o, const char *key);

/** qopts_add() - one more item; both strings are copied */
void qopts_add(struct qopts *o, const char *key, const char *value);

/**
 * qopts_text() - write
 * @o: the items
 * @implied: key that is left out if the first item has it, and its value can't be taken for another
 *     key's; NULL: none
 *
 * qopts_parse() of it gives @o again.
 *
 * Return: a string to free()
 */
char *qopts_text(const struct qopts *o, const char *implied);

/** qopts_free() - free what @o points to */
void qopts_free(struct qopts *o);

#endif
