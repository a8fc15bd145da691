/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM's serial console. The supervisor stands between it and people: a VM monitor that had their
 * terminal could type on it. What the guest writes goes to a log, to the terminal of a supervisor
 * in the foreground, and to whoever has connected by qconsole_connect(); what these type goes to
 * the guest. Nobody who does not read holds the guest up: what does not fit is lost to him, and
 * counted; the log has it.
 */
#ifndef QWAMOS_VM_CONSOLE_H
#define QWAMOS_VM_CONSOLE_H

#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

#include "util/err.h"
#include "vm/log.h"

/** QCONSOLE_ESCAPE - what ends a session at a terminal: Ctrl-] */
#define QCONSOLE_ESCAPE 0x1d
/** QCONSOLE_CLIENTS - how many may be connected at once */
#define QCONSOLE_CLIENTS 4
/** QCONSOLE_FDS - how many fds qconsole_fds() gives at most */
#define QCONSOLE_FDS (QCONSOLE_CLIENTS + 2)

/**
 * struct qconsole - one
 * @log: what the guest has written
 * @guest: socket to the guest, -1: it has gone
 * @listener: socket for those who connect, -1: none
 * @path: its path
 * @clients: who has connected
 * @n_clients: their number
 * @in: terminal to read from, -1: none
 * @out: terminal, or file, that it is shown on, -1: none
 * @out_tty: @out is a terminal, which gets the guest's bytes as they are; a file gets text
 * @stream: what of that text is not whole yet
 * @raw: the terminal's settings are to be put back
 * @saved: these settings
 * @unseen: bytes that the guest has written and somebody who looks on has not taken
 */
struct qconsole {
	struct qlog log;
	int guest;
	int listener;
	char path[PATH_MAX];
	int clients[QCONSOLE_CLIENTS];
	size_t n_clients;
	int in;
	int out;
	bool out_tty;
	struct qterm_stream stream;
	bool raw;
	struct termios saved;
	uint64_t unseen;
};

/**
 * qconsole_open() - make a VM's console
 * @c: out; qconsole_close() it, also after a failure
 * @name: the VM's name
 * @log: file for what the guest writes
 * @terminal: with stdin and stdout
 * @guest_fd: out: the guest's end, close-on-exec; close() it once the guest has it
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno
 */
int qconsole_open(struct qconsole *c, const char *name, const char *log, bool terminal,
		  int *guest_fd, struct qerr *e);

/**
 * qconsole_take() - take a portion of what the guest has written, for the log and all who look on
 * @c: the console; its @guest is what to poll for reading
 *
 * Return: the bytes, 0: there were none; or a negative errno: the guest's end is closed
 */
ssize_t qconsole_take(struct qconsole *c);

/** qconsole_fds() - what people type, to poll; return: the number of @p that were filled */
size_t qconsole_fds(const struct qconsole *c, struct pollfd p[QCONSOLE_FDS]);

/**
 * qconsole_ready() - after that poll
 *
 * Return: whether QCONSOLE_ESCAPE was typed at the terminal
 */
bool qconsole_ready(struct qconsole *c, const struct pollfd *p, size_t n);

/** qconsole_unlisten() - nobody can connect any more; while the VM's record is still ours */
void qconsole_unlisten(struct qconsole *c);

/** qconsole_close() - close it, and put the terminal back */
void qconsole_close(struct qconsole *c);

/**
 * qconsole_connect() - connect to the console of a running VM
 *
 * Return: a socket or a negative errno (-ENOENT, -ECONNREFUSED: it does not run)
 */
int qconsole_connect(const char *name, struct qerr *e);

/** qconsole_raw() - a terminal that passes each key on; return: whether @saved is to be put back */
bool qconsole_raw(int fd, struct termios *saved);

/**
 * qconsole_restore() - put back what qconsole_raw() has changed, and what a guest may have
 * @in: the terminal that was raw, -1: none; what it has sent and nobody read is thrown away
 * @out: the terminal that the guest has written to, -1: none
 * @saved: the settings
 */
void qconsole_restore(int in, int out, const struct termios *saved);

#endif
