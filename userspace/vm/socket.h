/* SPDX-License-Identifier: GPL-2.0-only */
/* Sockets on which a supervisor can be reached by who may manage its VM: root alone. */
#ifndef QWAMOS_VM_SOCKET_H
#define QWAMOS_VM_SOCKET_H

#include <sys/un.h>

#include "util/err.h"

/**
 * qsocket_address() - where the records are: NAME.KIND
 * @name: the VM's name
 * @kind: what the socket is for
 * @un: out: its address
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno
 */
int qsocket_address(const char *name, const char *kind, struct sockaddr_un *un, struct qerr *e);

/**
 * qsocket_listen() - listen there, in place of one that is left over
 * @un: the address; whoever calls holds the VM's record
 * @backlog: how many may wait
 * @e: error, may be NULL
 *
 * Return: a socket that does not block, or a negative errno
 */
int qsocket_listen(const struct sockaddr_un *un, int backlog, struct qerr *e);

#endif
