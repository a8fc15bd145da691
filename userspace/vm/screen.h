/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM's screen, for VNC viewers of those who may manage it. The supervisor listens, on a socket
 * that QEMU does not see, and hands each connection to it.
 */
#ifndef QWAMOS_VM_SCREEN_H
#define QWAMOS_VM_SCREEN_H

#include <limits.h>

#include "qemu/qmp.h"
#include "util/err.h"

/** QSCREEN_DISPLAY - QEMU's server: it listens where nobody but QEMU itself is */
#define QSCREEN_DISPLAY "vnc=unix:/tmp/vnc"

/**
 * struct qscreen - one
 * @listener: socket for viewers, -1: none
 * @path: its path
 */
struct qscreen {
	int listener;
	char path[PATH_MAX];
};

/**
 * qscreen_open() - listen for viewers
 * @s: out; qscreen_close() it
 * @name: the VM's name, whose record is held
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno
 */
int qscreen_open(struct qscreen *s, const char *name, struct qerr *e);

/** qscreen_ready() - somebody connects: QEMU gets the connection by @q, which is ready */
void qscreen_ready(struct qscreen *s, struct qmp *q);

/** qscreen_close() - nobody can connect any more; while the VM's record is still ours */
void qscreen_close(struct qscreen *s);

#endif
