// SPDX-License-Identifier: GPL-2.0-only
#include "config/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"

void qdiag_add(struct qdiags *d, enum qdiag_kind kind, struct qmark at, const char *key,
	       const char *fmt, ...)
{
	struct qdiag *one = QMEM_GROW(d->list, d->n);
	va_list ap;

	one->kind = kind;
	one->at = at;
	one->key = qmem_strdup(key);
	va_start(ap, fmt);
	if (vasprintf(&one->text, fmt, ap) < 0)
		one->text = NULL;
	va_end(ap);
	qmem_check(one->text);
}

size_t qdiags_count(const struct qdiags *d, enum qdiag_kind kind)
{
	size_t i, n = 0;

	for (i = 0; i < d->n; i++)
		n += d->list[i].kind == kind;
	return n;
}

char *qdiag_format(const struct qdiags *d, const struct qdiag *one)
{
	static const char *const kinds[] = { "note", "warning", "error" };
	char place[32] = "";

	if (one->at.line)
		snprintf(place, sizeof(place), ":%u:%u", one->at.line, one->at.col);
	return qmem_printf("%s%s: %s: %s%s%s", d->file, place, kinds[one->kind], one->key,
			   one->key[0] ? ": " : "", one->text);
}

void qdiags_free(struct qdiags *d)
{
	size_t i;

	for (i = 0; i < d->n; i++) {
		free(d->list[i].key);
		free(d->list[i].text);
	}
	free(d->list);
	free(d->file);
	d->list = NULL;
	d->file = NULL;
	d->n = 0;
}
