// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM that runs as root may leave its cgroup, and its children may; they stay the VM's all the
 * same: they manage nothing, and end with it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "vm.h"

#define SOON 10000

static long do_create(long fd, long y, void *data)
{
	struct qwamos_gpu_vm_create c;
	int ret = qt_create(fd, "by-a-member", -1, QWAMOS_GPU_VM_CREATE_F_NO_CGROUP, &c);

	*(__u32 *)data = qt_reason;
	if (!ret) {
		close(c.out_use_fd);
		close(c.out_manage_fd);
	}
	return ret;
}

static long do_leave(long x, long y, void *data)
{
	return qt_cgroup_enter("/sys/fs/cgroup");
}

FIXTURE(vm_tasks)
{
	int ctl;
	struct qt_vm vm;
	struct qt_actor vmm;
	int vmm_ctl;
};

FIXTURE_SETUP(vm_tasks)
{
	struct qwamos_gpu_get_info info;

	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_get_info(self->ctl, &info));
	ASSERT_NE(0, info.out_caps & QWAMOS_GPU_CAP_TASKS);
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->vmm, NULL));
	self->vmm_ctl = qt_give_fd(&self->vmm, self->ctl);
	ASSERT_LE(0, self->vmm_ctl);
}

FIXTURE_TEARDOWN(vm_tasks)
{
	qt_end(&self->vmm);
	qt_vm_end(&self->vm);
}

/* An actor that has the VMM's fds can't manage. */
static void expect_member(struct __test_metadata *_metadata, FIXTURE_DATA(vm_tasks) * self,
			  struct qt_actor *a)
{
	EXPECT_EQ(-EACCES, qt_do(a, do_create, self->vmm_ctl, 0));
	EXPECT_EQ(QWAMOS_GPU_REASON_VM_MEMBER, *(__u32 *)a->data);
}

/* In the root of cgroup v2; other hierarchies may have lines of their own. */
static bool outside(pid_t pid)
{
	char path[64], line[256];
	bool root = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		root |= !strcmp(line, "0::/\n");
	if (f)
		fclose(f);
	return root;
}

TEST_F(vm_tasks, child_that_left)
{
	struct qt_actor child, grandchild, daemon;

	ASSERT_EQ(0, qt_clone(&self->vmm, &child, 0));
	ASSERT_EQ(0, qt_do(&child, do_leave, 0, 0));
	EXPECT_TRUE(outside(child.pid));
	expect_member(_metadata, self, &child);
	/* Born outside, of one who had left. */
	ASSERT_EQ(0, qt_clone(&child, &grandchild, 0));
	EXPECT_TRUE(outside(grandchild.pid));
	expect_member(_metadata, self, &grandchild);
	ASSERT_EQ(0, qt_clone(&grandchild, &daemon, QT_CLONE_DAEMON));
	expect_member(_metadata, self, &daemon);
	/* Orphans are members, too. */
	qt_kill(&grandchild);
	expect_member(_metadata, self, &daemon);
	qt_kill(&child);
	qt_kill(&daemon);
}

TEST_F(vm_tasks, they_end_with_the_vm)
{
	struct qt_actor child, daemon;

	ASSERT_EQ(0, qt_clone(&self->vmm, &child, 0));
	ASSERT_EQ(0, qt_do(&child, do_leave, 0, 0));
	ASSERT_EQ(0, qt_clone(&child, &daemon, QT_CLONE_DAEMON));
	kill(self->vmm.pid, SIGKILL);
	EXPECT_EQ(0, qt_died(child.pid, SOON));
	EXPECT_EQ(0, qt_died(daemon.pid, SOON));
	EXPECT_EQ(0, qt_settle(self->ctl, SOON));
}

TEST_F(vm_tasks, leader_that_left)
{
	struct qt_actor child;

	ASSERT_EQ(0, qt_do(&self->vmm, do_leave, 0, 0));
	ASSERT_EQ(0, qt_clone(&self->vmm, &child, QT_CLONE_DAEMON));
	EXPECT_TRUE(outside(child.pid));
	expect_member(_metadata, self, &self->vmm);
	expect_member(_metadata, self, &child);
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	EXPECT_EQ(0, qt_died(self->vmm.pid, SOON));
	EXPECT_EQ(0, qt_died(child.pid, SOON));
}

/* One that stood in the cgroup before the VM was made, and one that the manager moved there. */
TEST_F(vm_tasks, adopted)
{
	struct qt_actor early, late, child;
	struct qwamos_gpu_vm_create c;
	char path[QT_PATH], file[QT_PATH + 16], text[16];
	int fd;

	fd = qt_cgroup_new("qt-tasks", path);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, qt_spawn(&early, path));
	ASSERT_EQ(0, qt_spawn(&late, NULL));
	ASSERT_EQ(0, qt_create(self->ctl, "qt-tasks", fd, 0, &c));
	self->vmm_ctl = qt_give_fd(&early, self->ctl);
	ASSERT_EQ(0, qt_do(&early, do_leave, 0, 0));
	expect_member(_metadata, self, &early);
	self->vmm_ctl = qt_give_fd(&late, self->ctl);
	EXPECT_EQ(0, qt_do(&late, do_create, self->vmm_ctl, 0)) TH_LOG("not a member yet");
	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	snprintf(text, sizeof(text), "%d", late.pid);
	ASSERT_EQ(0, qt_write(file, text));
	ASSERT_EQ(0, qt_do(&late, do_leave, 0, 0));
	expect_member(_metadata, self, &late);
	ASSERT_EQ(0, qt_clone(&late, &child, 0));
	expect_member(_metadata, self, &child);
	ASSERT_EQ(0, qt_destroy(c.out_manage_fd));
	EXPECT_EQ(0, qt_died(early.pid, SOON));
	EXPECT_EQ(0, qt_died(late.pid, SOON));
	EXPECT_EQ(0, qt_died(child.pid, SOON));
	close(c.out_manage_fd);
	close(c.out_use_fd);
	close(fd);
	rmdir(path);
}

/* Without a cgroup there is still the family of who joined. */
TEST_F(vm_tasks, family_without_cgroup)
{
	struct qt_actor leader, child;
	struct qt_vm other;

	ASSERT_EQ(0, qt_vm_new(&other, self->ctl, QWAMOS_GPU_LEVEL_LOW,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	ASSERT_EQ(0, qt_vmm(&other, &leader, NULL));
	self->vmm_ctl = qt_give_fd(&leader, self->ctl);
	ASSERT_EQ(0, qt_clone(&leader, &child, QT_CLONE_DAEMON));
	expect_member(_metadata, self, &child);
	qt_kill(&child);
	qt_kill(&leader);
	qt_vm_end(&other);
}

/* Who is nobody's stays nobody's: the test itself, and its other children. */
TEST_F(vm_tasks, others)
{
	struct qt_actor other;

	ASSERT_EQ(0, qt_spawn(&other, NULL));
	self->vmm_ctl = qt_give_fd(&other, self->ctl);
	EXPECT_EQ(0, qt_do(&other, do_create, self->vmm_ctl, 0));
	qt_end(&other);
}

/* A thread that is not the first one calls execve(): the process stays who it is. */
static void *exec_thread(void *data)
{
	execl("/bin/sleep", "sleep", "1000", NULL);
	return NULL;
}

static long do_exec_from_thread(long x, long y, void *data)
{
	pthread_t t;

	if (pthread_create(&t, NULL, exec_thread, NULL))
		return -EAGAIN;
	pthread_join(t, NULL);
	return -ENOEXEC;
}

TEST_F(vm_tasks, exec_from_a_thread)
{
	struct qwamos_gpu_vm vm;

	ASSERT_EQ(0, qt_start(&self->vmm, do_exec_from_thread, 0, 0));
	EXPECT_EQ(QT_DEAD, qt_wait(&self->vmm, SOON));
	qt_sleep_ms(200);
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_EQ(QWAMOS_GPU_VM_STATE_LIVE, vm.state);
	EXPECT_EQ(self->vmm.pid, vm.joined_pid);
	kill(self->vmm.pid, SIGKILL);
	EXPECT_EQ(0, qt_died(self->vmm.pid, SOON));
	EXPECT_EQ(0, qt_settle(self->ctl, SOON));
}

TEST_HARNESS_MAIN
