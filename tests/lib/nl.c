// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "nl.h"

#define DATA(a) ((const char *)(a) + NLA_HDRLEN)
#define LEN(a)	((size_t)(a)->nla_len - NLA_HDRLEN)

union buffer {
	struct nlmsghdr h;
	char bytes[8192];
};

int qt_nl_socket(int room)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC), err;

	if (fd < 0)
		return -errno;
	if (bind(fd, (void *)&sa, sizeof(sa)) ||
	    (room && setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* Call @fn for each attribute of @len bytes. */
static void each(const char *p, size_t len, void (*fn)(const struct nlattr *a, void *arg),
		 void *arg)
{
	const struct nlattr *a;

	while (len >= NLA_HDRLEN) {
		a = (const void *)p;
		if (a->nla_len < NLA_HDRLEN || a->nla_len > len)
			return;
		fn(a, arg);
		if ((size_t)NLA_ALIGN(a->nla_len) >= len)
			return;
		len -= NLA_ALIGN(a->nla_len);
		p += NLA_ALIGN(a->nla_len);
	}
}

static void take_group(const struct nlattr *a, void *arg)
{
	struct {
		int id;
		char name[GENL_NAMSIZ];
	} *g = arg;

	if ((a->nla_type & NLA_TYPE_MASK) == CTRL_ATTR_MCAST_GRP_ID)
		memcpy(&g->id, DATA(a), sizeof(g->id));
	if ((a->nla_type & NLA_TYPE_MASK) == CTRL_ATTR_MCAST_GRP_NAME && LEN(a) <= sizeof(g->name))
		memcpy(g->name, DATA(a), LEN(a));
}

static void take_groups(const struct nlattr *a, void *arg)
{
	struct {
		int id;
		char name[GENL_NAMSIZ];
	} one = { 0 };
	struct qt_nl_groups *g = arg;

	each(DATA(a), LEN(a), take_group, &one);
	if (!strcmp(one.name, QWAMOS_GPU_NL_GROUP_AUDIT))
		g->audit = one.id;
	if (!strcmp(one.name, QWAMOS_GPU_NL_GROUP_STATE))
		g->state = one.id;
}

static void take_family(const struct nlattr *a, void *arg)
{
	struct qt_nl_groups *g = arg;
	__u16 id;

	if ((a->nla_type & NLA_TYPE_MASK) == CTRL_ATTR_FAMILY_ID) {
		memcpy(&id, DATA(a), sizeof(id));
		g->family = id;
	}
	if ((a->nla_type & NLA_TYPE_MASK) == CTRL_ATTR_MCAST_GROUPS)
		each(DATA(a), LEN(a), take_groups, g);
}

int qt_nl_groups(struct qt_nl_groups *g)
{
	struct {
		struct nlmsghdr h;
		struct genlmsghdr g;
		struct nlattr a;
		char name[16];
	} ask = {
		.h = { .nlmsg_len = sizeof(ask),
		       .nlmsg_type = GENL_ID_CTRL,
		       .nlmsg_flags = NLM_F_REQUEST },
		.g = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 },
		.a = { .nla_len = NLA_HDRLEN + sizeof(QWAMOS_GPU_NL_FAMILY),
		       .nla_type = CTRL_ATTR_FAMILY_NAME },
		.name = QWAMOS_GPU_NL_FAMILY,
	};
	int fd = qt_nl_socket(0), ret = 0;
	union buffer b;
	ssize_t n = 0;

	memset(g, 0, sizeof(*g));
	if (fd < 0)
		return fd;
	if (send(fd, &ask, sizeof(ask), 0) < 0 || (n = recv(fd, &b, sizeof(b), 0)) < 0)
		ret = -errno;
	else if ((size_t)n < NLMSG_HDRLEN || b.h.nlmsg_len > (size_t)n)
		ret = -EPROTO;
	else if (b.h.nlmsg_type == NLMSG_ERROR)
		ret = ((struct nlmsgerr *)NLMSG_DATA(&b.h))->error;
	else
		each((char *)NLMSG_DATA(&b.h) + GENL_HDRLEN,
		     b.h.nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN, take_family, g);
	close(fd);
	if (!ret && (!g->family || !g->audit || !g->state))
		ret = -EPROTO;
	return ret;
}

int qt_nl_join(int fd, int group)
{
	return setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) ? -errno
											  : 0;
}

static void take(const struct nlattr *a, void *arg)
{
	struct qt_nl_msg *m = arg;
	struct {
		int type;
		void *to;
		size_t size;
	} const what[] = {
		{ QWAMOS_GPU_NL_A_SEQ, &m->seq, sizeof(m->seq) },
		{ QWAMOS_GPU_NL_A_LOST, &m->lost, sizeof(m->lost) },
		{ QWAMOS_GPU_NL_A_RECORD, &m->rec, sizeof(m->rec) },
		{ QWAMOS_GPU_NL_A_KIND, &m->kind, sizeof(m->kind) },
		{ QWAMOS_GPU_NL_A_ID, &m->id, sizeof(m->id) },
		{ QWAMOS_GPU_NL_A_STATE, &m->state, sizeof(m->state) },
		{ QWAMOS_GPU_NL_A_REASON, &m->reason, sizeof(m->reason) },
		{ QWAMOS_GPU_NL_A_NAME, m->name, sizeof(m->name) },
	};
	size_t i;

	for (i = 0; i < sizeof(what) / sizeof(what[0]); i++)
		if ((a->nla_type & NLA_TYPE_MASK) == what[i].type)
			memcpy(what[i].to, DATA(a), LEN(a) < what[i].size ? LEN(a) : what[i].size);
	if ((a->nla_type & NLA_TYPE_MASK) == QWAMOS_GPU_NL_A_RECORD)
		m->rec_size = LEN(a);
}

int qt_nl_next(int fd, struct qt_nl_msg *m, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	union buffer b;
	ssize_t n;

	memset(m, 0, sizeof(*m));
	if (poll(&p, 1, ms) <= 0)
		return -EAGAIN;
	n = recv(fd, &b, sizeof(b), MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	if ((size_t)n < NLMSG_HDRLEN + GENL_HDRLEN || b.h.nlmsg_len > (size_t)n)
		return -EPROTO;
	m->cmd = ((struct genlmsghdr *)NLMSG_DATA(&b.h))->cmd;
	each((char *)NLMSG_DATA(&b.h) + GENL_HDRLEN, b.h.nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN,
	     take, m);
	return 0;
}
