/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's monitor protocol over a socket, without blocking: the supervisor has other things to
 * watch, and a VMM may be hostile.
 */
#ifndef QWAMOS_QEMU_QMP_H
#define QWAMOS_QEMU_QMP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <json-c/json.h>

#include "util/err.h"

/** struct qmp - a connection */
struct qmp;

/**
 * qmp_pair() - a connection whose other end goes to QEMU
 * @q: out; qmp_close() it
 * @qemu_fd: out: QEMU's end, close-on-exec; close() it once QEMU runs
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno
 */
int qmp_pair(struct qmp **q, int *qemu_fd, struct qerr *e);

/** qmp_fd() - to poll for reading */
int qmp_fd(const struct qmp *q);

/**
 * qmp_read() - take what has come; commands that waited for the greeting go out
 * @q: the connection
 * @on_event: called for each event, may be NULL
 * @arg: its argument
 *
 * Return: bytes that were taken, 0: there were none; or a negative errno: no more will come
 * (-EPIPE: QEMU has closed it; -EBADMSG: not QMP, or a message of more than 256 KiB)
 */
ssize_t qmp_read(struct qmp *q,
		 void (*on_event)(void *arg, const char *name, struct json_object *event),
		 void *arg);

/**
 * qmp_send() - a command without arguments; its answer is not waited for, an error in it is kept
 *
 * Return: 0 (it may still wait for the greeting) or a negative errno
 */
int qmp_send(struct qmp *q, const char *command);

/**
 * qmp_ask() - a command whose answer is waited for, in qmp_read()
 * @q: the connection to QEMU, which is ready
 * @command: the command
 * @args: its arguments, NULL: none; the caller has one reference less
 * @answer: called with what QEMU returns, or NULL and the text of its error; NULL: nobody is told
 * @arg: its argument
 *
 * Several may be under way; QEMU answers in order. Return: 0 or a negative errno (-EAGAIN: too many
 * are under way); @answer is not called then
 */
int qmp_ask(struct qmp *q, const char *command, struct json_object *args,
	    void (*answer)(void *arg, struct json_object *ret, const char *error), void *arg);

/**
 * qmp_add_client() - hand a connection to QEMU
 * @q: the connection to QEMU, which is ready
 * @protocol: for whom: "vnc"
 * @fd: the other one; stays the caller's
 *
 * Who may connect was asked before. Return: 0 or a negative errno
 */
int qmp_add_client(struct qmp *q, const char *protocol, int fd);

/** qmp_ready() - has QEMU greeted us and taken our capabilities? */
bool qmp_ready(const struct qmp *q);

/** qmp_error() - text of the last error that QEMU has answered, or NULL */
const char *qmp_error(const struct qmp *q);

/** qmp_close() - close and free; may be NULL */
void qmp_close(struct qmp *q);

#endif
