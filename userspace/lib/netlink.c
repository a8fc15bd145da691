// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The kernel's messages of generic netlink. In a file of its own, so that a program which is linked
 * with the static library and asks for none of this needs no libnl.
 */
#include "lib/libqwamos-gpu.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#define N_GROUPS  2
#define RECV_SIZE 8192
/* As much room for messages as the system allows, up to this. */
#define SOCKET_SIZE (4 << 20)

static const char *const group_names[N_GROUPS] = {
	QWAMOS_GPU_NL_GROUP_AUDIT,
	QWAMOS_GPU_NL_GROUP_STATE,
};

struct libqg_events {
	struct nl_sock *sock;
	int family;
	__u64 seq[N_GROUPS]; /* of the last message, 0: there was none */
	struct nlmsghdr *next;
	int left; /* bytes from @next on */
	union {
		struct nlmsghdr align;
		char bytes[RECV_SIZE];
	} buf;
};

static int to_errno(int nle)
{
	switch (-nle) {
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
		return -EPERM;
	case NLE_NOACCESS:
		return -EACCES;
	case NLE_OBJ_NOTFOUND:
		return -ENOENT;
	case NLE_PROTO_MISMATCH:
		return -EPROTONOSUPPORT;
	default:
		return -EIO;
	}
}

int libqg_events_open(__u32 groups, struct libqg_events **events)
{
	struct libqg_events *ev;
	int i, ret;

	*events = NULL;
	if (!groups || groups >> N_GROUPS)
		return -EINVAL;
	ev = calloc(1, sizeof(*ev));
	if (!ev)
		return -ENOMEM;
	ev->sock = nl_socket_alloc();
	ret = ev->sock ? genl_connect(ev->sock) : -NLE_NOMEM;
	if (ret < 0)
		goto fail;
	ev->family = genl_ctrl_resolve(ev->sock, QWAMOS_GPU_NL_FAMILY);
	if (ev->family < 0) {
		ret = ev->family;
		goto fail;
	}
	for (i = 0; i < N_GROUPS; i++) {
		if (!(groups & 1U << i))
			continue;
		ret = genl_ctrl_resolve_grp(ev->sock, QWAMOS_GPU_NL_FAMILY, group_names[i]);
		if (ret >= 0)
			ret = nl_socket_add_membership(ev->sock, ret);
		if (ret < 0)
			goto fail;
	}
	/* Less room is no failure: what is lost is told. */
	nl_socket_set_buffer_size(ev->sock, SOCKET_SIZE, 0);
	*events = ev;
	return 0;
fail:
	libqg_events_close(ev);
	return to_errno(ret);
}

void libqg_events_close(struct libqg_events *events)
{
	if (!events)
		return;
	nl_socket_free(events->sock);
	free(events);
}

int libqg_events_fd(const struct libqg_events *events)
{
	return nl_socket_get_fd(events->sock);
}

/* Return: 1 if there is a datagram of the kernel's, 0 if none waits, or a negative errno. */
static int receive(struct libqg_events *ev)
{
	struct iovec iov = { .iov_base = ev->buf.bytes, .iov_len = sizeof(ev->buf) };
	struct sockaddr_nl from = { 0 };
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	ssize_t n;

	do {
		n = recvmsg(libqg_events_fd(ev), &msg, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	/* Other processes may send here, too. */
	if (from.nl_pid || msg.msg_flags & MSG_TRUNC)
		n = 0;
	ev->next = &ev->buf.align;
	ev->left = n;
	return 1;
}

static __u64 get_u64(struct nlattr **attrs, int attr)
{
	return attrs[attr] ? nla_get_u64(attrs[attr]) : 0;
}

static __u32 get_u32(struct nlattr **attrs, int attr)
{
	return attrs[attr] ? nla_get_u32(attrs[attr]) : 0;
}

/* Return: whether the message is one that this library knows. */
static bool parse(struct libqg_events *ev, struct nlmsghdr *msg, struct libqg_event *event)
{
	static const struct nla_policy policy[QWAMOS_GPU_NL_A_NAME + 1] = {
		[QWAMOS_GPU_NL_A_SEQ] = { .type = NLA_U64 },
		[QWAMOS_GPU_NL_A_LOST] = { .type = NLA_U64 },
		[QWAMOS_GPU_NL_A_RECORD] = { .minlen = sizeof(event->record) },
		[QWAMOS_GPU_NL_A_KIND] = { .type = NLA_U32 },
		[QWAMOS_GPU_NL_A_ID] = { .type = NLA_U64 },
		[QWAMOS_GPU_NL_A_STATE] = { .type = NLA_U32 },
		[QWAMOS_GPU_NL_A_REASON] = { .type = NLA_U32 },
		[QWAMOS_GPU_NL_A_NAME] = { .type = NLA_STRING },
	};
	struct nlattr *attrs[QWAMOS_GPU_NL_A_NAME + 1];
	__u64 seq;
	int group;

	if (msg->nlmsg_type != ev->family ||
	    genlmsg_parse(msg, 0, attrs, QWAMOS_GPU_NL_A_NAME, policy) < 0)
		return false;
	memset(event, 0, sizeof(*event));
	switch (genlmsg_hdr(msg)->cmd) {
	case QWAMOS_GPU_NL_CMD_RECORD:
		if (!attrs[QWAMOS_GPU_NL_A_RECORD])
			return false;
		group = 0;
		event->lost = get_u64(attrs, QWAMOS_GPU_NL_A_LOST);
		memcpy(&event->record, nla_data(attrs[QWAMOS_GPU_NL_A_RECORD]),
		       sizeof(event->record));
		break;
	case QWAMOS_GPU_NL_CMD_STATE:
		group = 1;
		event->kind = get_u32(attrs, QWAMOS_GPU_NL_A_KIND);
		event->id = get_u64(attrs, QWAMOS_GPU_NL_A_ID);
		event->state = get_u32(attrs, QWAMOS_GPU_NL_A_STATE);
		event->reason = get_u32(attrs, QWAMOS_GPU_NL_A_REASON);
		if (attrs[QWAMOS_GPU_NL_A_NAME])
			nla_strlcpy(event->name, attrs[QWAMOS_GPU_NL_A_NAME], sizeof(event->name));
		break;
	default:
		return false;
	}
	event->group = 1U << group;
	seq = get_u64(attrs, QWAMOS_GPU_NL_A_SEQ);
	if (ev->seq[group] && seq > ev->seq[group])
		event->missed = seq - ev->seq[group] - 1;
	ev->seq[group] = seq;
	return true;
}

int libqg_events_read(struct libqg_events *events, struct libqg_event *event)
{
	struct nlmsghdr *msg;
	int ret;

	for (;;) {
		while (nlmsg_ok(events->next, events->left)) {
			msg = events->next;
			events->next = nlmsg_next(msg, &events->left);
			if (parse(events, msg, event))
				return 1;
		}
		ret = receive(events);
		if (ret <= 0)
			return ret;
	}
}
