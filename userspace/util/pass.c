// SPDX-License-Identifier: LGPL-2.1-or-later
#include "util/pass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Room for one fd beside a message. What CMSG_SPACE() fills it up with would be room for a second
 * one, so what is told to the kernel is CMSG_LEN().
 */
union room {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

ssize_t qpass_send(int sock, const void *data, size_t len, int fd, int flags)
{
	union room room = { .head = { .cmsg_level = SOL_SOCKET,
				      .cmsg_type = SCM_RIGHTS,
				      .cmsg_len = CMSG_LEN(sizeof(fd)) } };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (fd >= 0) {
		memcpy(CMSG_DATA(&room.head), &fd, sizeof(fd));
		msg.msg_control = &room;
		msg.msg_controllen = room.head.cmsg_len;
	}
	n = sendmsg(sock, &msg, flags | MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

ssize_t qpass_receive(int sock, void *data, size_t len, int *fd)
{
	struct iovec iov = { .iov_base = data, .iov_len = len };
	union room room;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &room,
			      .msg_controllen = CMSG_LEN(sizeof(*fd)) };
	struct cmsghdr *c;
	ssize_t n;

	*fd = -1;
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	if (!(msg.msg_flags & MSG_CTRUNC))
		return n;
	/* More came than was agreed on; the kernel has closed what had no room. */
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return -EBADMSG;
}
