// SPDX-License-Identifier: GPL-2.0-only
/*
 * For terminal.py: a kernel that says what no kernel of ours would, in place of the module, to a
 * program that loads this first (LD_PRELOAD). Every text in it is $HOSTILE.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/qwamos_gpu.h>
#include <linux/qwamos_gpu_audit.h>
#include <linux/qwamos_gpu_netlink.h>
#include <linux/qwamos_gpu_policy.h>

#define MINE 777 /* the fd of it */
#define SAY(field) strncpy(field, getenv("HOSTILE"), sizeof(field) - 1)

static int device(const char *path)
{
	int fd;

	if (strcmp(path, QWAMOS_GPU_DEVICE))
		return 0;
	fd = ((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open"))("/dev/null", O_RDWR);
	dup2(fd, MINE);
	if (fd != MINE)
		close(fd);
	return MINE;
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

#define OPEN(name)                                                                         \
	int name(const char *path, int flags, ...)                                         \
	{                                                                                  \
		int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #name);             \
		va_list ap;                                                                \
		mode_t mode;                                                               \
                                                                                           \
		va_start(ap, flags);                                                       \
		mode = mode_of(flags, ap);                                                 \
		va_end(ap);                                                                \
		return device(path) ?: real(path, flags, mode);                            \
	}
OPEN(open)
OPEN(open64)

static void fill_vm(struct qwamos_gpu_vm *vm)
{
	memset(vm, 0, sizeof(*vm));
	SAY(vm->name);
	vm->vm_id = 7;
	vm->level = 2;
	vm->state = QWAMOS_GPU_VM_STATE_LIVE;
	vm->joined_pid = vm->thread_left = atoi(getenv("HOSTILE_PID"));
	vm->threads_left = 1;
	vm->mode_asked = vm->mode_got = QWAMOS_GPU_MODE_VIRTIO;
}

static void fill_dev(struct qwamos_gpu_dev *d)
{
	memset(d, 0, sizeof(*d));
	/* The name of a GPU that is there, for what is found by it. */
	if (getenv("HOSTILE_GPU"))
		strncpy(d->bus_name, getenv("HOSTILE_GPU"), sizeof(d->bus_name) - 1);
	else
		SAY(d->bus_name);
	SAY(d->driver);
	d->device_id = 1;
	d->owner_vm_id = 7;
	d->state = 4;
	d->flags = QWAMOS_GPU_DEV_F_GPU;
}

static void fill_record(struct qwamos_gpu_audit_record *r)
{
	memset(r, 0, sizeof(*r));
	r->chain = 7;
	r->seq = r->order = r->count = 1;
	r->event = QWAMOS_GPU_EV_OPERATION_DENIED;
	r->pid = 1;
	SAY(r->vm_name);
	SAY(r->device_name);
	SAY(r->comm);
}

static int list(unsigned int nr, struct qwamos_gpu_list *l)
{
	void *entry = (void *)(uintptr_t)l->entries;
	int n = l->count && !l->after;

	if (n)
		memset(entry, 0, l->entry_size);
	if (n && nr == (QWAMOS_GPU_VM_LIST & 0xff))
		fill_vm(entry);
	if (n && nr == (QWAMOS_GPU_DEV_LIST & 0xff))
		fill_dev(entry);
	l->count = n;
	l->out_left = 0;
	return 0;
}

static int audit_read(struct qwamos_gpu_audit_read *r)
{
	r->count = r->count && r->after < 1;
	if (r->count)
		fill_record((void *)(uintptr_t)r->records);
	r->out_lost = 0;
	return 0;
}

static int check(struct qwamos_gpu_vm_check *c)
{
	struct qwamos_gpu_vm_check_entry *e = (void *)(uintptr_t)c->entries;
	unsigned int i;

	for (i = 0; i < c->count; i++)
		e[i].out_verdict = QWAMOS_GPU_REASON_UNKNOWN_OPERATION;
	c->out_denied = c->count;
	return 0;
}

static int answer(unsigned long cmd, void *arg)
{
	switch (cmd) {
	case QWAMOS_GPU_GET_INFO:
		((struct qwamos_gpu_get_info *)arg)->out_levels = 1;
		return 0;
	case QWAMOS_GPU_LEVEL_INFO:
		SAY(((struct qwamos_gpu_level_info *)arg)->out_name);
		return 0;
	case QWAMOS_GPU_VM_LIST:
	case QWAMOS_GPU_DEV_LIST:
	case QWAMOS_GPU_VM_GPU_LIST:
	case QWAMOS_GPU_VM_REFUSAL_LIST:
		return list(cmd & 0xff, arg);
	case QWAMOS_GPU_VM_INFO:
		fill_vm(&((struct qwamos_gpu_vm_info *)arg)->out_vm);
		return 0;
	case QWAMOS_GPU_VM_OPEN:
		((struct qwamos_gpu_vm_open *)arg)->out_fd = dup(MINE);
		return 0;
	case QWAMOS_GPU_VM_CHECK:
		return check(arg);
	case QWAMOS_GPU_AUDIT_READ:
		return audit_read(arg);
	case QWAMOS_GPU_AUDIT_HEAD:
		((struct qwamos_gpu_audit_head *)arg)->out_seq = 1;
		((struct qwamos_gpu_audit_head *)arg)->out_first = 1;
		return 0;
	}
	errno = EPERM;
	return -1;
}

int ioctl(int fd, unsigned long cmd, ...)
{
	int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	return (cmd >> 8 & 0xff) == QWAMOS_GPU_MAGIC ? answer(cmd, arg) : real(fd, cmd, arg);
}

/* Its messages, a record and a state, in place of what libnl and the kernel would do. */
#define FAMILY 42

int genl_ctrl_resolve(void *sock, const char *name)
{
	return FAMILY;
}

int genl_ctrl_resolve_grp(void *sock, const char *family, const char *group)
{
	return 1;
}

int nl_socket_add_membership(void *sock, int group)
{
	return 0;
}

static int events = -1;

int nl_socket_get_fd(const void *sock)
{
	if (events < 0)
		events = eventfd(2, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	return events;
}

static void attr(struct nlmsghdr *m, int type, const void *data, size_t len)
{
	struct nlattr *a = (void *)((char *)m + m->nlmsg_len);

	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + len;
	memcpy((char *)a + NLA_HDRLEN, data, len);
	m->nlmsg_len += NLA_HDRLEN + NLA_ALIGN(len);
}

static void message(struct nlmsghdr *m, int cmd)
{
	struct qwamos_gpu_audit_record r;
	uint32_t one = 1;
	uint64_t id = 7;

	m->nlmsg_type = FAMILY;
	m->nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN;
	((struct genlmsghdr *)NLMSG_DATA(m))->cmd = cmd;
	if (cmd == QWAMOS_GPU_NL_CMD_RECORD) {
		fill_record(&r);
		attr(m, QWAMOS_GPU_NL_A_RECORD, &r, sizeof(r));
		return;
	}
	attr(m, QWAMOS_GPU_NL_A_KIND, &one, sizeof(one));
	attr(m, QWAMOS_GPU_NL_A_ID, &id, sizeof(id));
	attr(m, QWAMOS_GPU_NL_A_STATE, &one, sizeof(one));
	attr(m, QWAMOS_GPU_NL_A_NAME, getenv("HOSTILE"), strlen(getenv("HOSTILE")) + 1);
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t (*real)(int, struct msghdr *, int) = dlsym(RTLD_NEXT, "recvmsg");
	static int sent;
	uint64_t n;

	if (fd < 0 || fd != events)
		return real(fd, msg, flags);
	if (read(events, &n, sizeof(n)) < 0)
		return -1;
	memset(msg->msg_iov->iov_base, 0, msg->msg_iov->iov_len);
	message(msg->msg_iov->iov_base,
		sent++ ? QWAMOS_GPU_NL_CMD_STATE : QWAMOS_GPU_NL_CMD_RECORD);
	return ((struct nlmsghdr *)msg->msg_iov->iov_base)->nlmsg_len;
}
