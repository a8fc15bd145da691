/* SPDX-License-Identifier: GPL-2.0-only */
/* A supervisor that goes on without the shell that started it. */
#ifndef QWAMOS_VM_BACKGROUND_H
#define QWAMOS_VM_BACKGROUND_H

#include "util/err.h"

/**
 * qvm_background() - go on in a process of its own session
 * @ready_fd: out, in that process: for qvm_background_up()
 * @status: out, in the caller: the exit status that it is to end with: 0 once the other one is up,
 *     else that one's own
 * @e: error
 *
 * The caller waits until one of these is known. SIGINT and SIGTERM that come to it meanwhile go to
 * the other process as SIGTERM.
 *
 * Return: 0 in the new process, 1 in the caller, or a negative errno
 */
int qvm_background(int *ready_fd, int *status, struct qerr *e);

/** qvm_background_up() - let the caller go */
void qvm_background_up(int *ready_fd);

#endif
