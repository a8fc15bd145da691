/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file descriptor that goes along with a message through a Unix socket. */
#ifndef QWAMOS_UTIL_PASS_H
#define QWAMOS_UTIL_PASS_H

#include <stddef.h>
#include <sys/types.h>

/**
 * qpass_send() - send a message, and a fd beside it
 * @sock: socket
 * @data: the message, of @len bytes, at least 1
 * @fd: goes along; -1: none
 * @flags: of sendmsg(), to which MSG_NOSIGNAL is added
 *
 * Return: bytes sent; -errno as sendmsg() sets it.
 */
ssize_t qpass_send(int sock, const void *data, size_t len, int fd, int flags);

/**
 * qpass_receive() - take a message, and the fd beside it
 * @sock: socket
 * @data: out, @len bytes
 * @fd: out: the fd, closed by exec; -1: none came
 *
 * A signal does not end it.
 * Return: bytes taken, 0: the other end is closed; -errno as recvmsg() sets it; -EBADMSG: more than
 * a fd came, or it could not be taken, and none is left open.
 */
ssize_t qpass_receive(int sock, void *data, size_t len, int *fd);

#endif
