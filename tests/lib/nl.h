/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's messages of generic netlink, by bare sockets: what a library may hide is tested. */
#ifndef QT_NL_H
#define QT_NL_H

#include <stddef.h>
#include <linux/qwamos_gpu.h>

/** struct qt_nl_groups - numbers that the kernel gave the groups */
struct qt_nl_groups {
	int family;
	int audit;
	int state;
};

/**
 * struct qt_nl_msg - a message; what it does not have is 0
 * @cmd: &enum qwamos_gpu_nl_cmd
 * @rec: RECORD, if @rec_size
 */
struct qt_nl_msg {
	int cmd;
	__u64 seq;
	__u64 lost;
	size_t rec_size;
	struct qwamos_gpu_audit_record rec;
	__u32 kind;
	__u64 id;
	__u32 state;
	__u32 reason;
	char name[QWAMOS_GPU_NAME_LEN];
};

/** qt_nl_socket() - a socket of generic netlink; @room: SO_RCVBUF, 0: the default; return: fd or
 * -errno */
int qt_nl_socket(int room);
/** qt_nl_groups() - ask for the family; return: 0 or -errno, -ENOENT: there is none */
int qt_nl_groups(struct qt_nl_groups *g);
/** qt_nl_join() - join a group; return: 0 or -errno */
int qt_nl_join(int fd, int group);
/** qt_nl_next() - the next message, waiting @ms at most; return: 0, -EAGAIN: none came, -ENOBUFS:
 * some were lost, or another -errno */
int qt_nl_next(int fd, struct qt_nl_msg *m, int ms);

#endif
