// SPDX-License-Identifier: LGPL-2.1-or-later
#include "util/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/term.h"

void qerr_clear(struct qerr *e)
{
	if (e) {
		e->err = 0;
		e->msg[0] = '\0';
	}
}

int qerr_vset(struct qerr *e, int err, const char *fmt, va_list ap)
{
	char *text;

	if (e) {
		/* Its line feeds are ours: what it is about can't add a line. */
		text = qterm_vformat(fmt, ap);
		e->err = err;
		snprintf(e->msg, sizeof(e->msg), "%s", text);
		free(text);
	}
	return -err;
}

int qerr_set(struct qerr *e, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	qerr_vset(e, err, fmt, ap);
	va_end(ap);
	return -err;
}

void qerr_join(struct qerr *e)
{
	char *at = e->msg;
	size_t len;

	while ((at = strchr(at, '\n'))) {
		len = strlen(at + 1);
		if (at + 2 + len >= e->msg + sizeof(e->msg))
			len = e->msg + sizeof(e->msg) - at - 3;
		memmove(at + 2, at + 1, len);
		at[2 + len] = '\0';
		memcpy(at, "; ", 2);
	}
}

int qerr_sys(struct qerr *e, int err, const char *fmt, ...)
{
	char what[128];
	va_list ap;
	size_t len;

	if (!e)
		return -err;
	va_start(ap, fmt);
	qerr_vset(e, err, fmt, ap);
	va_end(ap);
	len = strlen(e->msg);
	snprintf(e->msg + len, sizeof(e->msg) - len, ": %s", strerror_r(err, what, sizeof(what)));
	return -err;
}
