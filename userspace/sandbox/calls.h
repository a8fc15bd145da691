/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The system calls of a sandbox: those that it may make, and what becomes of all others. These are
 * handed to the supervisor, which answers that there is no such call or that it is not permitted,
 * and counts; it answers at a rate that costs it next to nothing, whatever the sandbox does: the
 * caller waits. If the supervisor is gone, the kernel answers ENOSYS.
 */
#ifndef QWAMOS_SANDBOX_CALLS_H
#define QWAMOS_SANDBOX_CALLS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

/** QSANDBOX_NOTHING - in place of an errno: the caller hears 0, and nothing is done */
#define QSANDBOX_NOTHING (-1)

/** QSANDBOX_COMPARES - how many arguments of a call may be looked at */
#define QSANDBOX_COMPARES 3

/**
 * struct qsandbox_compare - what an argument must be
 * @arg: its number, from 0
 * @mask: bits that count, of an int only the lower half; 0: this compares nothing
 * @value: what they must be
 */
struct qsandbox_compare {
	unsigned int arg;
	uint64_t mask;
	uint64_t value;
};

/**
 * struct qsandbox_call - a call, or a part of one, that the filter decides on by itself
 * @name: its name, as libseccomp knows it; not all are on each architecture
 * @compare: what its arguments must be
 * @err: 0: it passes; else the errno that it fails with, which is expected: nobody counts it;
 *     QSANDBOX_NOTHING: it is not made, and returns 0
 * @begin: it is for a program's beginning: the supervisor lets it pass, until
 *     qsandbox_refused_begun()
 * @source: where it is known from, if no QEMU made it that was recorded; NULL: one did
 */
struct qsandbox_call {
	const char *name;
	struct qsandbox_compare compare[QSANDBOX_COMPARES];
	int err;
	bool begin;
	const char *source;
};

/** qsandbox_calls - the table */
extern const struct qsandbox_call qsandbox_calls[];
/** qsandbox_n_calls - its length */
extern const size_t qsandbox_n_calls;

/**
 * qsandbox_filter_calls() - let the calling process make the calls of the table alone, for good;
 * demands no_new_privs or CAP_SYS_ADMIN
 * @listener: out: an fd, close-on-exec, that other calls come to; for qsandbox_refused_init()
 * @e: error
 *
 * Return: 0 or a negative errno
 */
int qsandbox_filter_calls(int *listener, struct qerr *e);

/** QSANDBOX_BEGIN_MOST - how many calls of a program's beginning pass, in all */
#define QSANDBOX_BEGIN_MOST 16
/** QSANDBOX_REFUSED_KINDS - how many kinds of refused calls are told apart */
#define QSANDBOX_REFUSED_KINDS 64
/** QSANDBOX_REFUSED_RATE - how many refused calls are answered each second, at most */
#define QSANDBOX_REFUSED_RATE 50
/** QSANDBOX_REFUSED_BURST - how many at once, if there were fewer before */
#define QSANDBOX_REFUSED_BURST 100

/**
 * struct qsandbox_kind - calls that were refused alike
 * @call: its number on this computer; -1: a call by the numbers of another architecture
 * @detail: the argument that tells such calls apart; 0 if there is none
 * @err: errno that they failed with
 * @count: how many
 */
struct qsandbox_kind {
	int call;
	uint32_t detail;
	int err;
	uint64_t count;
};

/**
 * struct qsandbox_refused - the calls that a sandbox was refused; free with qsandbox_refused_free()
 * @fd: where they come; <= 0: none do
 * @begin: how many calls of a program's beginning may pass yet
 * @kinds: they, the first ones first
 * @n_kinds: their number
 * @more: refused calls of yet other kinds
 * @total: of all kinds
 * @budget: how many may be answered now, in thousandths
 * @refilled: when that was reckoned, in ms
 */
struct qsandbox_refused {
	int fd;
	unsigned int begin;
	struct qsandbox_kind kinds[QSANDBOX_REFUSED_KINDS];
	size_t n_kinds;
	uint64_t more;
	uint64_t total;
	unsigned int budget;
	int64_t refilled;
};

/** qsandbox_refused_init() - none so far; @listener: then @r's; -1: there is none */
void qsandbox_refused_init(struct qsandbox_refused *r, int listener);

/**
 * qsandbox_refused_poll() - what to wait for
 * @r: the calls
 * @now: in ms, by any clock that only goes forward
 * @p: out: to be polled; its fd is -1 as long as no more calls are to be answered
 *
 * Return: how long to wait at most, in ms; -1: as long as one likes
 */
int qsandbox_refused_poll(struct qsandbox_refused *r, int64_t now, struct pollfd *p);

/**
 * qsandbox_refused_answer() - answer the calls that wait, as long as there is a budget for it
 * @r: the calls
 * @p: as polled
 *
 * Does not wait itself. Return: how many kinds are new
 */
size_t qsandbox_refused_answer(struct qsandbox_refused *r, const struct pollfd *p);

/** qsandbox_refused_begun() - from now on calls of a program's beginning are refused, too */
void qsandbox_refused_begun(struct qsandbox_refused *r);

/** qsandbox_refused_free() - close it; who still waits, or comes, gets ENOSYS of the kernel */
void qsandbox_refused_free(struct qsandbox_refused *r);

/** QSANDBOX_KIND_TEXT - room for qsandbox_kind_text() */
#define QSANDBOX_KIND_TEXT 64

/** qsandbox_kind_text() - the call and its argument: "ioctl(0x400454cb)", "memfd_secret" */
void qsandbox_kind_text(const struct qsandbox_kind *k, char text[QSANDBOX_KIND_TEXT]);

#endif
