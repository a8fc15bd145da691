// SPDX-License-Identifier: GPL-2.0-only
/* Live messages: who may listen, what they say, and what a slow reader is told. */
#include <grp.h>
#include <sched.h>
#include <unistd.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "nl.h"
#include "vm.h"

#define NOBODY 65534
#define SOON   10000

FIXTURE(netlink)
{
	int ctl;
	struct qt_nl_groups g;
	struct qt_vm vm;
	struct qt_actor a;
	int audit;
	int state;
};

FIXTURE_SETUP(netlink)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_nl_groups(&self->g));
	qt_audit_mark(self->ctl);
	self->audit = qt_nl_socket(1 << 20);
	self->state = qt_nl_socket(1 << 20);
	ASSERT_LE(0, self->audit);
	ASSERT_LE(0, self->state);
	ASSERT_EQ(0, qt_nl_join(self->audit, self->g.audit));
	ASSERT_EQ(0, qt_nl_join(self->state, self->g.state));
}

FIXTURE_TEARDOWN(netlink)
{
	qt_end(&self->a);
	qt_vm_end(&self->vm);
	close(self->audit);
	close(self->state);
}

static long do_setuid(long uid, long y, void *data)
{
	return setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid) ? -errno
											  : 0;
}

static long do_drop(long cap, long y, void *data)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct c[2];

	if (syscall(SYS_capget, &h, c))
		return -errno;
	c[0].effective &= ~(1U << cap);
	c[0].permitted &= ~(1U << cap);
	return syscall(SYS_capset, &h, c) ? -errno : 0;
}

static long do_unshare(long flags, long y, void *data)
{
	return unshare(flags) ? -errno : 0;
}

/* Is CAP_SYS_ADMIN effective here, in whatever user namespace this is? */
static long do_has_admin(long x, long y, void *data)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct c[2];

	return syscall(SYS_capget, &h, c) ? -errno : !!(c[0].effective & 1U << CAP_SYS_ADMIN);
}

static long do_socket(long x, long y, void *data)
{
	return qt_nl_socket(0);
}

static long do_join(long fd, long group, void *data)
{
	return qt_nl_join(fd, group);
}

/* By the other way in: bind() with the group in the mask of the address. */
static long do_bind(long group, long y, void *data)
{
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK, .nl_groups = 1U << (group - 1) };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC), ret;

	if (fd < 0)
		return -errno;
	ret = bind(fd, (void *)&sa, sizeof(sa)) ? -errno : 0;
	close(fd);
	return ret;
}

static long do_groups(long x, long y, void *data)
{
	struct qt_nl_groups g;

	return qt_nl_groups(&g);
}

static long do_next(long fd, long ms, void *data)
{
	struct qt_nl_msg m;

	return qt_nl_next(fd, &m, ms);
}

static void expect_refused(struct __test_metadata *_metadata, FIXTURE_DATA(netlink) * self)
{
	int fd = qt_do(&self->a, do_socket, 0, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EPERM, qt_do(&self->a, do_join, fd, self->g.audit));
	EXPECT_EQ(-EPERM, qt_do(&self->a, do_join, fd, self->g.state));
	if (self->g.audit <= 32) {
		EXPECT_EQ(-EPERM, qt_do(&self->a, do_bind, self->g.audit, 0));
	}
	EXPECT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_LOW, 0));
	qt_audit_mark(self->ctl);
	EXPECT_EQ(-EAGAIN, qt_do(&self->a, do_next, fd, 300)) TH_LOG("it listens all the same");
}

TEST_F(netlink, unprivileged)
{
	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	ASSERT_EQ(0, qt_do(&self->a, do_setuid, NOBODY, 0));
	expect_refused(_metadata, self);
}

TEST_F(netlink, root_without_the_capability)
{
	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	ASSERT_EQ(0, qt_do(&self->a, do_drop, CAP_SYS_ADMIN, 0));
	expect_refused(_metadata, self);
}

TEST_F(netlink, root_of_a_user_namespace)
{
	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	ASSERT_EQ(0, qt_do(&self->a, do_unshare, CLONE_NEWUSER, 0));
	ASSERT_EQ(1, qt_do(&self->a, do_has_admin, 0, 0));
	expect_refused(_metadata, self);
}

TEST_F(netlink, unprivileged_root_of_a_user_namespace)
{
	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	ASSERT_EQ(0, qt_do(&self->a, do_setuid, NOBODY, 0));
	ASSERT_EQ(0, qt_do(&self->a, do_unshare, CLONE_NEWUSER, 0));
	ASSERT_EQ(1, qt_do(&self->a, do_has_admin, 0, 0));
	expect_refused(_metadata, self);
}

/* In a network namespace of its own the family is not there, and the numbers are worth nothing. */
TEST_F(netlink, other_network_namespace)
{
	int fd;

	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	ASSERT_EQ(0, qt_do(&self->a, do_unshare, CLONE_NEWUSER | CLONE_NEWNET, 0));
	EXPECT_EQ(-ENOENT, qt_do(&self->a, do_groups, 0, 0));
	fd = qt_do(&self->a, do_socket, 0, 0);
	ASSERT_LE(0, fd);
	qt_do(&self->a, do_join, fd, self->g.audit);
	qt_do(&self->a, do_join, fd, self->g.state);
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_LOW, 0));
	qt_audit_mark(self->ctl);
	EXPECT_EQ(-EAGAIN, qt_do(&self->a, do_next, fd, 300));
}

/* Every record, in its order, as AUDIT_READ tells it. */
TEST_F(netlink, records)
{
	static struct qwamos_gpu_audit_record recs[64];
	__u64 mark = qt_audit_mark(self->ctl), seq = 0;
	struct qt_nl_msg m;
	int n, i;

	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_LOW, 0));
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_HIGH));
	EXPECT_EQ(-EACCES, qt_attach(self->vm.manage, 1, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	n = qt_audit_read(self->ctl, mark, recs, ARRAY_SIZE(recs));
	ASSERT_EQ(4, n);
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, qt_nl_next(self->audit, &m, SOON)) TH_LOG("record %d", i);
		EXPECT_EQ(QWAMOS_GPU_NL_CMD_RECORD, m.cmd);
		EXPECT_EQ(sizeof(m.rec), m.rec_size);
		EXPECT_EQ(0, memcmp(&m.rec, &recs[i], sizeof(m.rec))) TH_LOG("record %d", i);
		EXPECT_EQ(0, m.lost);
		if (i) {
			EXPECT_EQ(seq + 1, m.seq);
		}
		seq = m.seq;
	}
	EXPECT_EQ(-EAGAIN, qt_nl_next(self->audit, &m, 0));
}

/* Nobody reads the log: the first of a kind comes at once, its repeats when the second is over. */
TEST_F(netlink, folds_without_a_reader)
{
	__u64 count = 0;
	struct qt_nl_msg m;
	int i, n = 0;

	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_LOW, 0));
	for (i = 0; i < 50; i++) {
		EXPECT_EQ(-EACCES, qt_attach(self->vm.manage, 1, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	}
	while (count < 50 && !qt_nl_next(self->audit, &m, SOON)) {
		if (m.rec.event != QWAMOS_GPU_EV_OPERATION_DENIED)
			continue;
		if (!n++) {
			EXPECT_EQ(1, m.rec.count);
		}
		count += m.rec.count;
	}
	EXPECT_EQ(50, count);
	EXPECT_LE(2, n);
	EXPECT_GE(10, n) TH_LOG("hardly anything was folded");
}

static int next_state(int fd, __u32 kind, __u64 id, struct qt_nl_msg *m)
{
	int ret;

	do
		ret = qt_nl_next(fd, m, SOON);
	while (!ret && (m->kind != kind || m->id != id));
	return ret;
}

TEST_F(netlink, vm_states)
{
	static const __u32 states[] = { QWAMOS_GPU_VM_STATE_LIVE, QWAMOS_GPU_VM_STATE_ENDING,
					QWAMOS_GPU_VM_STATE_OVER };
	struct qt_nl_msg m;
	char name[QWAMOS_GPU_NAME_LEN];
	__u64 id;
	size_t i;

	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_LOW, 0));
	id = self->vm.id;
	memcpy(name, self->vm.name, sizeof(name));
	qt_vm_end(&self->vm);
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		ASSERT_EQ(0, next_state(self->state, QWAMOS_GPU_NL_KIND_VM, id, &m));
		EXPECT_EQ(QWAMOS_GPU_NL_CMD_STATE, m.cmd);
		EXPECT_EQ(states[i], m.state);
		EXPECT_STREQ(name, m.name);
		EXPECT_EQ(i ? QWAMOS_GPU_REASON_DESTROYED : 0, m.reason);
	}
}

/* The messages of a device, up to one that says @state; return: 0 or -errno. */
static int until_state(int fd, __u64 id, __u32 state, struct qt_nl_msg *m)
{
	int ret;

	do
		ret = next_state(fd, QWAMOS_GPU_NL_KIND_DEVICE, id, m);
	while (!ret && m->state != state);
	return ret;
}

TEST_F(netlink, device_states)
{
	struct qt_nl_msg m;
	__u64 id;

	ASSERT_EQ(0, qt_ours(self->ctl, "bochs", NULL));
	id = qt_id(self->ctl, "bochs");
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_attach(self->vm.manage, id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	ASSERT_EQ(0, until_state(self->state, id, QWAMOS_GPU_DEV_STATE_ATTACHED, &m));
	EXPECT_EQ(QWAMOS_GPU_NL_CMD_STATE, m.cmd);
	EXPECT_STREQ(qt_addr("bochs"), m.name);
	ASSERT_EQ(0, qt_detach(self->vm.manage, id, 0));
	ASSERT_EQ(0, until_state(self->state, id, QWAMOS_GPU_DEV_STATE_FREE, &m));
}

/* Whoever does not read loses records, and can say how many: all that were sent, but those seen. */
TEST_F(netlink, slow_reader)
{
	int slow = qt_nl_socket(4096), i, told = 0, sent = 0, seen = 0;
	__u64 first, last = 0, missing = 0;
	struct qt_nl_msg m;

	ASSERT_LE(0, slow);
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_LOW, 0));
	qt_audit_mark(self->ctl);
	while (!qt_nl_next(self->audit, &m, 0))
		last = m.seq;
	first = last + 1;
	ASSERT_EQ(0, qt_nl_join(slow, self->g.audit));
	for (i = 0; i < 300; i++) {
		ASSERT_EQ(0, qt_set_level(self->vm.manage, i % 5));
	}
	qt_audit_mark(self->ctl);
	/* Who has room has them all, without a gap. */
	while (!qt_nl_next(self->audit, &m, 0)) {
		EXPECT_EQ(last + 1, m.seq);
		last = m.seq;
		sent++;
	}
	EXPECT_LE(300, sent);
	/* The slow one drains what it has, and is told of the rest by the next one. */
	for (last = first - 1;;) {
		i = qt_nl_next(slow, &m, 0);
		if (i == -EAGAIN)
			break;
		if (i == -ENOBUFS) {
			told++;
			continue;
		}
		ASSERT_EQ(0, i);
		missing += m.seq - last - 1;
		last = m.seq;
		seen++;
	}
	EXPECT_LT(0, told) TH_LOG("it was not told that it has lost anything");
	EXPECT_LT(0, seen);
	EXPECT_GT(sent, seen);
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_LOW));
	qt_audit_mark(self->ctl);
	ASSERT_EQ(0, qt_nl_next(slow, &m, SOON));
	missing += m.seq - last - 1;
	EXPECT_EQ((__u64)sent, missing + seen);
	EXPECT_EQ(QWAMOS_GPU_EV_POLICY_CHANGED, m.rec.event);
	close(slow);
}

TEST_HARNESS_MAIN
