/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An error as people read it: what, where, and what to do. Kept by the caller, never in a global.
 */
#ifndef QWAMOS_UTIL_ERR_H
#define QWAMOS_UTIL_ERR_H

#include <stdarg.h>

/**
 * struct qerr - an error's text and number
 * @err: positive errno, 0: no error
 * @msg: one line or more, without a newline at its end; cut off where it does not fit. Of what a
 * format's %s brings in nothing can act on a terminal (util/term.h)
 */
struct qerr {
	int err;
	char msg[1024];
};

/** qerr_clear() - no error; @e may be NULL */
void qerr_clear(struct qerr *e);

/**
 * qerr_set() - set an error
 * @e: the error, may be NULL
 * @err: positive errno
 * @fmt: printf format of the text
 *
 * Return: -@err, so that a function can end with it.
 */
int qerr_set(struct qerr *e, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** qerr_vset() - as qerr_set() */
int qerr_vset(struct qerr *e, int err, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

/** qerr_join() - have an error of several lines on one, so that it can be part of another */
void qerr_join(struct qerr *e);

/**
 * qerr_sys() - set an error whose text ends in ": " and what @err means
 * @e: the error, may be NULL
 * @err: positive errno
 * @fmt: printf format of what was being done, and to what
 *
 * Return: -@err
 */
int qerr_sys(struct qerr *e, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
