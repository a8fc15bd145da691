// SPDX-License-Identifier: LGPL-2.1-or-later
#include "util/err.h"

#include <stdio.h>
#include <string.h>

void qerr_clear(struct qerr *e)
{
	if (e) {
		e->err = 0;
		e->msg[0] = '\0';
	}
}

int qerr_vset(struct qerr *e, int err, const char *fmt, va_list ap)
{
	if (e) {
		e->err = err;
		vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
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
