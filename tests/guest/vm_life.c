// SPDX-License-Identifier: GPL-2.0-only
/* A VM's life without a device: joining, policy, what keeps it alive, what ends it, poll(). Those
 * with a device are in lifetime.c. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "vm.h"

#define SOON 5000 /* ms that what the kernel does by itself may take */

FIXTURE(life)
{
	int ctl;
	struct qt_vm vm;
	struct qt_vm other;
	struct qt_actor a;
};

FIXTURE_SETUP(life)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_MEDIUM, 0));
}

FIXTURE_TEARDOWN(life)
{
	qt_end(&self->a);
	qt_vm_end(&self->vm);
	qt_vm_end(&self->other);
}

/* Has the VM ended, for this reason, and been forgotten, within some time. */
static int ended(int ctl, __u64 id, __u32 reason)
{
	struct qwamos_gpu_audit_record rec;
	long n =
		qt_audit_wait(ctl, 0, QT_WANT(QWAMOS_GPU_EV_VM_DESTROYED, .chain = id), &rec, SOON);

	if (n != 1)
		return n < 0 ? n : -ETIMEDOUT;
	if (rec.reason != reason) {
		fprintf(stderr, "# ended for reason %u\n", rec.reason);
		return -EPROTO;
	}
	return qt_settle(ctl, SOON);
}

static short polled(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLPRI };

	return poll(&p, 1, ms) < 0 ? -1 : p.revents;
}

TEST_F(life, info)
{
	struct qwamos_gpu_vm vm, vms[8];
	struct timespec now;
	int n;

	clock_gettime(CLOCK_BOOTTIME, &now);
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_EQ(self->vm.id, vm.vm_id);
	EXPECT_STREQ(self->vm.name, vm.name);
	EXPECT_EQ(QWAMOS_GPU_LEVEL_MEDIUM, vm.level);
	EXPECT_EQ(QWAMOS_GPU_VM_STATE_LIVE, vm.state);
	EXPECT_EQ(0, vm.end_reason);
	EXPECT_EQ(0, vm.devices);
	EXPECT_EQ(0, vm.devices_open);
	EXPECT_EQ(0, vm.joined_pid);
	EXPECT_EQ(QWAMOS_GPU_VM_F_CGROUP, vm.flags);
	EXPECT_EQ(0, vm.restrictions);
	EXPECT_EQ(0, vm.denied);
	EXPECT_LT(0, vm.created_ns);
	EXPECT_GE(now.tv_sec * 1000000000ULL + now.tv_nsec, vm.created_ns);
	/* VM_LIST tells the same. */
	n = qt_list_vms(self->ctl, vms, 8);
	ASSERT_EQ(1, n);
	EXPECT_EQ(0, memcmp(&vm, &vms[0], sizeof(vm)));
	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_NONE,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	ASSERT_EQ(0, qt_vm_info(self->other.manage, &vm));
	EXPECT_EQ(QWAMOS_GPU_LEVEL_NONE, vm.level);
	EXPECT_EQ(0, vm.flags);
}

TEST_F(life, policy_records)
{
	struct qwamos_gpu_audit_record rec;
	__u64 mark = qt_audit_mark(self->ctl);

	EXPECT_EQ(1, qt_audit_find(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_VM_CREATED, .chain = self->vm.id,
					   .pid = getpid()),
				   &rec));
	EXPECT_STREQ(self->vm.name, rec.vm_name);
	EXPECT_EQ(0, rec.uid);
	EXPECT_EQ(1, qt_audit_find(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_POLICY_CREATED, .chain = self->vm.id,
					   .pid = getpid()),
				   &rec));
	EXPECT_EQ(QWAMOS_GPU_LEVEL_MEDIUM, rec.level);
	EXPECT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_HIGH));
	EXPECT_EQ(1,
		  qt_audit_find(self->ctl, mark,
				QT_WANT(QWAMOS_GPU_EV_POLICY_CHANGED, .chain = self->vm.id), &rec));
	EXPECT_EQ(QWAMOS_GPU_LEVEL_HIGH, rec.level);
}

TEST_F(life, join)
{
	struct qwamos_gpu_vm vm;
	struct qt_actor second, child;
	__u64 mark;
	int use, use2;

	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, &use));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_EQ(self->a.pid, vm.joined_pid);
	EXPECT_EQ(1, qt_audit_find(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_VM_JOINED, .chain = self->vm.id,
					   .pid = self->a.pid),
				   NULL));

	/* Once for each VM, one VM for each process. */
	mark = qt_audit_mark(self->ctl);
	EXPECT_EQ(-EBUSY, qt_do(&self->a, qt_do_join, use, 0));
	EXPECT_EQ(QWAMOS_GPU_REASON_ALREADY_JOINED, *(__u32 *)self->a.data);
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_CALL_REFUSED, .result = -EBUSY,
					   .pid = self->a.pid),
				   NULL));
	ASSERT_EQ(0, qt_spawn(&second, self->vm.cgroup));
	use2 = qt_give_fd(&second, self->vm.use);
	EXPECT_EQ(-EBUSY, qt_do(&second, qt_do_join, use2, 0));
	EXPECT_EQ(QWAMOS_GPU_REASON_ALREADY_JOINED, *(__u32 *)second.data);
	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	use = qt_give_fd(&self->a, self->other.use);
	EXPECT_EQ(-EBUSY, qt_do(&self->a, qt_do_join, use, 0));
	EXPECT_EQ(QWAMOS_GPU_REASON_JOINED_ELSEWHERE, *(__u32 *)self->a.data);
	/* A child of who has joined is that VM's, wherever it stands. */
	ASSERT_EQ(0, qt_clone(&self->a, &child, 0));
	use = qt_give_fd(&child, self->other.use);
	EXPECT_EQ(-EBUSY, qt_do(&child, qt_do_join, use, 0));
	EXPECT_EQ(QWAMOS_GPU_REASON_JOINED_ELSEWHERE, *(__u32 *)child.data);
	qt_end(&child);
	/* Which took nothing from the other VM: who only came to the cgroup later may join it. */
	use2 = qt_give_fd(&second, self->other.use);
	EXPECT_EQ(0, qt_do(&second, qt_do_join, use2, 0));
	qt_end(&second);
}

TEST_F(life, join_from_outside)
{
	struct qwamos_gpu_vm vm;
	__u64 mark;
	int use;

	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	use = qt_give_fd(&self->a, self->vm.use);
	mark = qt_audit_mark(self->ctl);
	EXPECT_EQ(-EACCES, qt_do(&self->a, qt_do_join, use, 0));
	EXPECT_EQ(QWAMOS_GPU_REASON_NOT_IN_CGROUP, *(__u32 *)self->a.data);
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_CALL_REFUSED,
					   .reason = QWAMOS_GPU_REASON_NOT_IN_CGROUP,
					   .result = -EACCES, .pid = self->a.pid),
				   NULL));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_EQ(0, vm.joined_pid);
	/* Standing in another VM's is no better. */
	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	qt_end(&self->a);
	ASSERT_EQ(0, qt_spawn(&self->a, self->other.cgroup));
	use = qt_give_fd(&self->a, self->vm.use);
	EXPECT_EQ(-EACCES, qt_do(&self->a, qt_do_join, use, 0));
	EXPECT_EQ(QWAMOS_GPU_REASON_NOT_IN_CGROUP, *(__u32 *)self->a.data);
}

static long do_join_below(long use, long y, void *data)
{
	int ret = qt_cgroup_enter(data);

	return ret ? ret : qt_join(use);
}

TEST_F(life, join_from_below)
{
	char below[QT_PATH], name[96];
	int use;

	snprintf(name, sizeof(name), "%s/below", self->vm.name);
	close(qt_cgroup_new(name, below));
	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	use = qt_give_fd(&self->a, self->vm.use);
	snprintf(self->a.data, QT_SHARED, "%s", below);
	EXPECT_EQ(0, qt_do(&self->a, do_join_below, use, 0));
	qt_end(&self->a);
	EXPECT_EQ(0, qt_cgroup_empty(self->vm.cgroup, SOON));
	rmdir(below);
}

/* execve() keeps membership, fork() does not hand it on. */
static long do_exec(long x, long y, void *data)
{
	execl("/bin/sleep", "sleep", "1000", NULL);
	return -errno;
}

TEST_F(life, membership)
{
	struct qwamos_gpu_vm vm;
	struct qt_actor child;
	int use, use2;

	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, &use));
	ASSERT_EQ(0, qt_clone(&self->a, &child, 0));
	/* The child has not joined, but it descends from who has: it can't join this VM, and no
	 * other either. */
	EXPECT_EQ(-EBUSY, qt_do(&child, qt_do_join, use, 0));
	EXPECT_EQ(QWAMOS_GPU_REASON_ALREADY_JOINED, *(__u32 *)child.data);
	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	use2 = qt_give_fd(&child, self->other.use);
	EXPECT_EQ(-EBUSY, qt_do(&child, qt_do_join, use2, 0));
	EXPECT_EQ(QWAMOS_GPU_REASON_JOINED_ELSEWHERE, *(__u32 *)child.data);
	/* And its end is not the VM's. */
	qt_kill(&child);
	EXPECT_EQ(0, polled(self->vm.use, 200));

	qt_start(&self->a, do_exec, 0, 0);
	EXPECT_EQ(QT_DEAD, qt_wait(&self->a, SOON));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_EQ(self->a.pid, vm.joined_pid);
	EXPECT_EQ(QWAMOS_GPU_VM_STATE_LIVE, vm.state);
	kill(self->a.pid, SIGKILL);
	EXPECT_EQ(POLLHUP, polled(self->vm.use, SOON));
}

/* In a pid namespace: the caller's number for the member, and none for one that it can't see. */
static long do_info_in_pidns(long use, long y, void *data)
{
	struct qwamos_gpu_vm vm;
	int pipes[2];
	long seen = -1;
	pid_t pid;

	if (pipe(pipes) || unshare(CLONE_NEWPID))
		return -errno;
	pid = fork();
	if (!pid) {
		seen = qt_vm_info(use, &vm) ? -1 : vm.joined_pid;
		_exit(write(pipes[1], &seen, sizeof(seen)) != sizeof(seen));
	}
	if (read(pipes[0], &seen, sizeof(seen)) != sizeof(seen))
		return -EIO;
	waitpid(pid, NULL, 0);
	return seen;
}

TEST_F(life, joined_pid_elsewhere)
{
	struct qt_actor b;
	int use;

	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, NULL));
	ASSERT_EQ(0, qt_spawn(&b, NULL));
	use = qt_give_fd(&b, self->vm.use);
	EXPECT_EQ(0, qt_do(&b, do_info_in_pidns, use, 0));
	qt_end(&b);
}

static void expect_vm_ended(struct __test_metadata *_metadata, int fd, bool manage)
{
	struct qwamos_gpu_vm vm;

	if (manage) {
		EXPECT_EQ(-ENODEV, qt_set_level(fd, QWAMOS_GPU_LEVEL_SYSTEM));
		EXPECT_EQ(QWAMOS_GPU_REASON_VM_ENDED, qt_reason);
		EXPECT_EQ(-ENODEV, qt_attach(fd, 1, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
		EXPECT_EQ(QWAMOS_GPU_REASON_VM_ENDED, qt_reason);
		EXPECT_EQ(-ENODEV, qt_detach(fd, 1, 0));
		EXPECT_EQ(QWAMOS_GPU_REASON_VM_ENDED, qt_reason);
		EXPECT_EQ(-ENODEV, qt_destroy(fd));
		EXPECT_EQ(QWAMOS_GPU_REASON_VM_ENDED, qt_reason);
	} else {
		EXPECT_EQ(-ENODEV, qt_join(fd));
		EXPECT_EQ(QWAMOS_GPU_REASON_VM_ENDED, qt_reason);
		EXPECT_EQ(-ENODEV, qt_new_use(fd));
		EXPECT_EQ(QWAMOS_GPU_REASON_VM_ENDED, qt_reason);
	}
	EXPECT_EQ(-ENODEV, qt_vm_info(fd, &vm));
	EXPECT_EQ(QWAMOS_GPU_REASON_VM_ENDED, qt_reason);
}

TEST_F(life, destroy)
{
	int manage2 = qt_open_vm(self->ctl, self->vm.id, NULL, QWAMOS_GPU_RIGHT_MANAGE);
	int use2 = qt_new_use(self->vm.use);
	struct qt_actor child;

	ASSERT_LE(0, manage2);
	ASSERT_LE(0, use2);
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, NULL));
	ASSERT_EQ(0, qt_clone(&self->a, &child, QT_CLONE_DAEMON));
	EXPECT_EQ(0, polled(use2, 0));
	EXPECT_EQ(0, polled(manage2, 0));
	ASSERT_EQ(0, qt_destroy(manage2));
	expect_vm_ended(_metadata, self->vm.manage, true);
	expect_vm_ended(_metadata, manage2, true);
	expect_vm_ended(_metadata, self->vm.use, false);
	expect_vm_ended(_metadata, use2, false);
	EXPECT_EQ(POLLHUP, polled(use2, SOON));
	EXPECT_EQ(POLLHUP, polled(manage2, SOON));
	EXPECT_EQ(0, qt_died(self->a.pid, SOON));
	EXPECT_EQ(0, qt_died(child.pid, SOON));
	EXPECT_EQ(0, ended(self->ctl, self->vm.id, QWAMOS_GPU_REASON_DESTROYED));
	EXPECT_EQ(1, qt_audit_find(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_VM_KILLED, .chain = self->vm.id), NULL));
}

/* A poll() that began before the end is woken by it. */
TEST_F(life, poll_is_woken)
{
	struct qt_actor b;
	int status;
	pid_t pid;

	ASSERT_EQ(0, qt_spawn(&b, NULL));
	pid = fork();
	if (!pid)
		_exit(polled(self->vm.use, 10000) == POLLHUP ? 0 : 1);
	qt_sleep_ms(100);
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	qt_end(&b);
}

TEST_F(life, leader_killed)
{
	struct qt_actor child;

	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, NULL));
	ASSERT_EQ(0, qt_clone(&self->a, &child, QT_CLONE_DAEMON));
	kill(self->a.pid, SIGKILL);
	EXPECT_EQ(0, qt_died(child.pid, SOON));
	EXPECT_EQ(0, ended(self->ctl, self->vm.id, QWAMOS_GPU_REASON_LEADER_EXITED));
	expect_vm_ended(_metadata, self->vm.manage, true);
}

/* Without a cgroup there is nothing to kill, but the VM is over all the same. */
TEST_F(life, leader_exits_without_cgroup)
{
	int use;

	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_MEDIUM,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	ASSERT_EQ(0, qt_vmm(&self->other, &self->a, &use));
	qt_end(&self->a);
	EXPECT_EQ(POLLHUP, polled(self->other.use, SOON));
	expect_vm_ended(_metadata, self->other.use, false);
}

/* What keeps it alive: use fds and the creator's manage fd. */
TEST_F(life, last_close)
{
	int manage2 = qt_open_vm(self->ctl, self->vm.id, NULL, QWAMOS_GPU_RIGHT_MANAGE);
	int use2 = qt_new_use(self->vm.use), n;
	struct qwamos_gpu_vm vm;

	ASSERT_LE(0, manage2);
	ASSERT_LE(0, use2);
	close(self->vm.manage);
	self->vm.manage = -1;
	close(self->vm.use);
	self->vm.use = -1;
	qt_sleep_ms(100);
	EXPECT_EQ(0, qt_vm_info(manage2, &vm));
	/* A duplicate is the same open file. */
	n = dup(use2);
	close(use2);
	qt_sleep_ms(100);
	EXPECT_EQ(0, qt_vm_info(manage2, &vm));
	close(n);
	EXPECT_EQ(POLLHUP, polled(manage2, SOON)) TH_LOG("a manage fd from OPEN keeps no VM alive");
	EXPECT_EQ(0, ended(self->ctl, self->vm.id, QWAMOS_GPU_REASON_LAST_CLOSED));
	expect_vm_ended(_metadata, manage2, true);
	close(manage2);
}

TEST_F(life, creators_fd_alone)
{
	struct qwamos_gpu_vm vm;
	int use;

	close(self->vm.use);
	self->vm.use = -1;
	qt_sleep_ms(100);
	EXPECT_EQ(0, qt_vm_info(self->vm.manage, &vm));
	use = qt_open_vm(self->ctl, self->vm.id, NULL, QWAMOS_GPU_RIGHT_USE);
	ASSERT_LE(0, use);
	close(self->vm.manage);
	self->vm.manage = -1;
	qt_sleep_ms(100);
	EXPECT_EQ(0, qt_vm_info(use, &vm));
	close(use);
	EXPECT_EQ(0, ended(self->ctl, self->vm.id, QWAMOS_GPU_REASON_LAST_CLOSED));
}

/* Membership alone does not, either. */
static long do_close(long fd, long y, void *data)
{
	return close(fd) ? -errno : 0;
}

TEST_F(life, membership_keeps_no_vm)
{
	int use;

	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, &use));
	close(self->vm.manage);
	close(self->vm.use);
	self->vm.manage = self->vm.use = -1;
	qt_start(&self->a, do_close, use, 0);
	EXPECT_EQ(0, ended(self->ctl, self->vm.id, QWAMOS_GPU_REASON_LAST_CLOSED));
	EXPECT_EQ(0, qt_died(self->a.pid, SOON));
}

TEST_F(life, end_on_close)
{
	int manage2, dup_of;

	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM,
			       QWAMOS_GPU_VM_CREATE_F_END_ON_CLOSE));
	manage2 = qt_open_vm(self->ctl, self->other.id, NULL, QWAMOS_GPU_RIGHT_MANAGE);
	ASSERT_LE(0, manage2);
	ASSERT_EQ(0, qt_vmm(&self->other, &self->a, NULL));
	dup_of = dup(self->other.manage);
	close(self->other.manage);
	self->other.manage = -1;
	EXPECT_EQ(0, polled(self->other.use, 100)) TH_LOG("ended, but a duplicate is open");
	close(dup_of);
	EXPECT_EQ(POLLHUP, polled(self->other.use, SOON));
	EXPECT_EQ(0, qt_died(self->a.pid, SOON));
	EXPECT_LT(0, qt_audit_wait(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_VM_DESTROYED, .chain = self->other.id,
					   .reason = QWAMOS_GPU_REASON_MANAGER_CLOSED),
				   NULL, SOON));
	expect_vm_ended(_metadata, manage2, true);
	close(manage2);
}

/* Without the flag the VM outlives who made it. */
TEST_F(life, not_end_on_close)
{
	struct qwamos_gpu_vm vm;

	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, NULL));
	close(self->vm.manage);
	self->vm.manage = qt_open_vm(self->ctl, self->vm.id, NULL, QWAMOS_GPU_RIGHT_MANAGE);
	ASSERT_LE(0, self->vm.manage);
	qt_sleep_ms(100);
	EXPECT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_TRUE(qt_alive(self->a.pid));
}

/* poll() on the control fd: a change since the last DEV_LIST on that fd. */
TEST_F(life, poll_control)
{
	struct qwamos_gpu_dev devices[64];
	int ctl2 = qt_open_control();

	int i;

	ASSERT_LE(0, ctl2);
	/* The last word of an earlier reset may still come. */
	for (i = 0; i < 10; i++) {
		ASSERT_LT(0, qt_list_devices(self->ctl, devices, 64));
		if (!polled(self->ctl, 200))
			break;
	}
	ASSERT_LT(0, qt_list_devices(ctl2, devices, 64));
	EXPECT_EQ(0, polled(self->ctl, 0));
	ASSERT_EQ(0, qt_theirs(self->ctl, "bochs", NULL));
	ASSERT_EQ(0, qt_ours(ctl2, "bochs", NULL));
	EXPECT_EQ(POLLIN, polled(self->ctl, SOON));
	EXPECT_EQ(POLLIN, polled(self->ctl, 0)) TH_LOG("it stays until DEV_LIST");
	for (i = 0; i < 10; i++) {
		ASSERT_LT(0, qt_list_devices(self->ctl, devices, 64));
		if (!polled(self->ctl, 200))
			break;
	}
	EXPECT_GT(10, i) TH_LOG("there is always something new");
	close(ctl2);
}

TEST_HARNESS_MAIN
