// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is a member of a VM, and who is not. A VMM that runs as root may leave its cgroup, and its
 * children may; they stay members: they manage nothing, and end with the VM. Whomever it moves into
 * its cgroup stays what he was. Nor does a child of the kernel manage anything for it.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "later.h"
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

static void expect_no_member(struct __test_metadata *_metadata, FIXTURE_DATA(vm_tasks) * self,
			     struct qt_actor *a)
{
	int ctl = qt_give_fd(a, self->ctl);

	EXPECT_EQ(0, qt_do(a, do_create, ctl, 0)) TH_LOG("reason %u", *(__u32 *)a->data);
}

static void expect_outsider(struct __test_metadata *_metadata, FIXTURE_DATA(vm_tasks) * self,
			    __u64 chain, pid_t whom, pid_t by)
{
	EXPECT_LT(0, qt_audit_wait(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_VM_OUTSIDER, .chain = chain, .asked = whom,
					   .pid = by),
				   NULL, SOON));
}

/* The manager, or whoever else, moved into the cgroup of a VM that runs. */
TEST_F(vm_tasks, moved_into_the_cgroup)
{
	struct qt_actor bystander, child;

	ASSERT_EQ(0, qt_spawn(&bystander, NULL));
	ASSERT_EQ(0, qt_move(&self->vmm, bystander.pid, self->vm.cgroup, false));
	EXPECT_FALSE(outside(bystander.pid));
	expect_no_member(_metadata, self, &bystander);
	/* Nor are its children, and it may go again. */
	ASSERT_EQ(0, qt_clone(&bystander, &child, 0));
	expect_no_member(_metadata, self, &child);
	expect_outsider(_metadata, self, self->vm.id, bystander.pid, self->vmm.pid);
	EXPECT_EQ(0, qt_do(&child, do_leave, 0, 0));
	/* A member that comes and goes is no outsider. */
	EXPECT_EQ(0, qt_do(&self->vmm, do_leave, 0, 0));
	EXPECT_EQ(0, qt_move(&self->vmm, self->vmm.pid, self->vm.cgroup, false));
	expect_member(_metadata, self, &self->vmm);
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	EXPECT_EQ(0, qt_died(self->vmm.pid, SOON));
	EXPECT_EQ(0, qt_settle(self->ctl, SOON));
	EXPECT_TRUE(qt_alive(bystander.pid));
	EXPECT_TRUE(qt_alive(child.pid));
	EXPECT_EQ(0, qt_audit_find(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_VM_OUTSIDER, .asked = self->vmm.pid),
				   NULL));
	qt_kill(&child);
	qt_kill(&bystander);
}

/* One thread of it, in a threaded subtree. */
TEST_F(vm_tasks, thread_moved_into_the_cgroup)
{
	char file[QT_PATH + 16], path[QT_PATH];
	struct qwamos_gpu_vm_create c;
	struct qt_actor leader, bystander;
	int fd, use;

	fd = qt_cgroup_new("qt-threaded", path);
	ASSERT_LE(0, fd);
	snprintf(file, sizeof(file), "%s/cgroup.type", path);
	/* Of one that is threaded already, no VM is made. */
	ASSERT_EQ(0, qt_create(self->ctl, "qt-threaded", fd, 0, &c));
	ASSERT_EQ(0, qt_write(file, "threaded"));
	ASSERT_EQ(0, qt_spawn(&leader, path));
	use = qt_give_fd(&leader, c.out_use_fd);
	ASSERT_EQ(0, qt_do(&leader, qt_do_join, use, 0));
	ASSERT_EQ(0, qt_spawn(&bystander, NULL));
	ASSERT_EQ(0, qt_move(&leader, bystander.pid, path, true));
	expect_no_member(_metadata, self, &bystander);
	expect_outsider(_metadata, self, c.out_vm_id, bystander.pid, leader.pid);
	ASSERT_EQ(0, qt_destroy(c.out_manage_fd));
	EXPECT_EQ(0, qt_died(leader.pid, SOON));
	EXPECT_TRUE(qt_alive(bystander.pid));
	qt_kill(&bystander);
	close(c.out_manage_fd);
	close(c.out_use_fd);
	close(fd);
	rmdir(path);
}

/* Born into it, by clone3(). */
TEST_F(vm_tasks, cloned_into_the_cgroup)
{
	struct qt_actor bystander;
	long pid;

	ASSERT_EQ(0, qt_spawn(&bystander, NULL));
	pid = qt_do(&bystander, qt_do_clone_into, qt_give_fd(&bystander, self->vm.cgroup_fd), 0);
	ASSERT_LT(0, pid);
	EXPECT_FALSE(outside(pid));
	expect_outsider(_metadata, self, self->vm.id, pid, bystander.pid);
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	EXPECT_EQ(0, qt_died(self->vmm.pid, SOON));
	EXPECT_EQ(0, qt_settle(self->ctl, SOON));
	EXPECT_TRUE(qt_alive(pid));
	kill(pid, SIGKILL);
	qt_kill(&bystander);
}

/* Who stands there when the VM is joined, since whenever, is a member; who comes later is not. */
TEST_F(vm_tasks, snapshot_at_join)
{
	struct qt_actor early, between, leader, late, child;
	struct qwamos_gpu_vm_create c;
	char path[QT_PATH];
	int fd, use;

	fd = qt_cgroup_new("qt-tasks", path);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, qt_spawn(&early, path));
	ASSERT_EQ(0, qt_create(self->ctl, "qt-tasks", fd, 0, &c));
	/* Nobody is a member yet. */
	expect_no_member(_metadata, self, &early);
	ASSERT_EQ(0, qt_spawn(&between, NULL));
	snprintf(early.data, QT_SHARED, "%s", path);
	ASSERT_EQ(0, qt_do(&early, qt_do_move, between.pid, 0));
	ASSERT_EQ(0, qt_spawn(&leader, path));
	use = qt_give_fd(&leader, c.out_use_fd);
	ASSERT_EQ(0, qt_do(&leader, qt_do_join, use, 0));
	ASSERT_EQ(0, qt_spawn(&late, path));
	expect_no_member(_metadata, self, &late);
	expect_outsider(_metadata, self, c.out_vm_id, late.pid, late.pid);
	ASSERT_EQ(0, qt_do(&early, do_leave, 0, 0));
	self->vmm_ctl = qt_give_fd(&early, self->ctl);
	expect_member(_metadata, self, &early);
	ASSERT_EQ(0, qt_clone(&early, &child, 0));
	expect_member(_metadata, self, &child);
	self->vmm_ctl = qt_give_fd(&between, self->ctl);
	expect_member(_metadata, self, &between);
	ASSERT_EQ(0, qt_destroy(c.out_manage_fd));
	EXPECT_EQ(0, qt_died(early.pid, SOON));
	EXPECT_EQ(0, qt_died(between.pid, SOON));
	EXPECT_EQ(0, qt_died(leader.pid, SOON));
	EXPECT_EQ(0, qt_died(child.pid, SOON));
	EXPECT_TRUE(qt_alive(late.pid));
	qt_kill(&late);
	close(c.out_manage_fd);
	close(c.out_use_fd);
	close(fd);
	rmdir(path);
}

/* A VM that ends before anybody has joined it kills nobody. */
TEST_F(vm_tasks, never_joined)
{
	struct qt_vm other;
	struct qt_actor in;

	ASSERT_EQ(0, qt_vm_new(&other, self->ctl, QWAMOS_GPU_LEVEL_LOW, 0));
	ASSERT_EQ(0, qt_spawn(&in, other.cgroup));
	ASSERT_EQ(0, qt_destroy(other.manage));
	close(other.manage);
	close(other.use);
	other.manage = other.use = -1;
	qt_sleep_ms(500);
	EXPECT_TRUE(qt_alive(in.pid));
	qt_kill(&in);
	qt_vm_end(&other);
}

/* A member of one VM moves a bystander into the cgroup of another, which is joined only then. */
TEST_F(vm_tasks, moved_before_the_join)
{
	struct qt_actor bystander, child, leader;
	struct qt_vm other;

	ASSERT_EQ(0, qt_vm_new(&other, self->ctl, QWAMOS_GPU_LEVEL_LOW, 0));
	ASSERT_EQ(0, qt_spawn(&bystander, NULL));
	ASSERT_EQ(0, qt_move(&self->vmm, bystander.pid, other.cgroup, false));
	ASSERT_EQ(0, qt_clone(&bystander, &child, 0));
	ASSERT_EQ(0, qt_vmm(&other, &leader, NULL));
	expect_no_member(_metadata, self, &bystander);
	expect_no_member(_metadata, self, &child);
	expect_outsider(_metadata, self, other.id, bystander.pid, self->vmm.pid);
	ASSERT_EQ(0, qt_destroy(other.manage));
	EXPECT_EQ(0, qt_died(leader.pid, SOON));
	EXPECT_TRUE(qt_alive(bystander.pid));
	qt_kill(&child);
	qt_kill(&bystander);
	qt_vm_end(&other);
}

/* The same, into a cgroup for which there is no VM yet. */
TEST_F(vm_tasks, moved_before_the_create)
{
	struct qt_actor bystander, child, mine;
	struct qt_later l;

	ASSERT_EQ(0, qt_later_cgroup(&l, "qt-later"));
	ASSERT_EQ(0, qt_spawn(&bystander, NULL));
	ASSERT_EQ(0, qt_spawn(&mine, NULL));
	ASSERT_EQ(0, qt_move(&self->vmm, bystander.pid, l.path, false));
	ASSERT_EQ(0, qt_move(&self->vmm, mine.pid, l.path, false));
	/* Whom its manager wants there, he moves himself. */
	ASSERT_EQ(0, qt_do_move(mine.pid, false, l.path));
	ASSERT_EQ(0, qt_clone(&bystander, &child, 0));
	ASSERT_EQ(0, qt_later_create(&l, self->ctl));
	expect_outsider(_metadata, self, l.c.out_vm_id, bystander.pid, 0);
	expect_outsider(_metadata, self, l.c.out_vm_id, child.pid, 0);
	ASSERT_EQ(0, qt_later_join(&l));
	expect_no_member(_metadata, self, &bystander);
	expect_no_member(_metadata, self, &child);
	self->vmm_ctl = qt_give_fd(&mine, self->ctl);
	expect_member(_metadata, self, &mine);
	EXPECT_EQ(0, qt_later_end(&l));
	EXPECT_EQ(0, qt_died(mine.pid, SOON));
	EXPECT_TRUE(qt_alive(bystander.pid));
	EXPECT_TRUE(qt_alive(child.pid));
	qt_kill(&child);
	qt_kill(&bystander);
	qt_later_free(&l);
}

/* Nor does a member keep a process of another VM from being that one's. */
TEST_F(vm_tasks, moved_about_before_the_join)
{
	struct qt_actor early, before, within, out, child;
	char sub[QT_PATH + 8];
	struct qt_later l;

	ASSERT_EQ(0, qt_later_cgroup(&l, "qt-later"));
	snprintf(sub, sizeof(sub), "%s/x", l.path);
	ASSERT_EQ(0, mkdir(sub, 0755));
	ASSERT_EQ(0, qt_spawn(&early, l.path));
	ASSERT_EQ(0, qt_later_create(&l, self->ctl));
	ASSERT_EQ(0, qt_spawn(&within, l.path));
	ASSERT_EQ(0, qt_spawn(&out, l.path));
	ASSERT_EQ(0, qt_spawn(&before, l.path));
	ASSERT_EQ(0, qt_move(&self->vmm, early.pid, sub, false));
	ASSERT_EQ(0, qt_move(&self->vmm, early.pid, l.path, false));
	ASSERT_EQ(0, qt_move(&self->vmm, within.pid, sub, false));
	ASSERT_EQ(0, qt_move(&self->vmm, out.pid, "/sys/fs/cgroup", false));
	ASSERT_EQ(0, qt_clone(&out, &child, 0));
	/* It may go by itself, and its manager may take it away. */
	ASSERT_EQ(0, qt_do(&before, do_leave, 0, 0));
	ASSERT_EQ(0, qt_later_join(&l));
	self->vmm_ctl = qt_give_fd(&early, self->ctl);
	expect_member(_metadata, self, &early);
	self->vmm_ctl = qt_give_fd(&within, self->ctl);
	expect_member(_metadata, self, &within);
	self->vmm_ctl = qt_give_fd(&child, self->ctl);
	expect_member(_metadata, self, &child);
	expect_no_member(_metadata, self, &before);
	EXPECT_EQ(0, qt_later_end(&l));
	EXPECT_EQ(0, qt_died(early.pid, SOON));
	EXPECT_EQ(0, qt_died(within.pid, SOON));
	EXPECT_EQ(0, qt_died(out.pid, SOON));
	EXPECT_EQ(0, qt_died(child.pid, SOON));
	EXPECT_TRUE(qt_alive(before.pid));
	qt_kill(&before);
	rmdir(sub);
	qt_later_free(&l);
}

static long do_open_procs(long x, long y, void *data)
{
	char file[QT_PATH + 32];
	int fd;

	snprintf(file, sizeof(file), "%s/cgroup.procs", (char *)data);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static long do_write_pid(long fd, long pid, void *data)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%ld", pid);

	return write(fd, text, n) == n ? 0 : -errno;
}

static long do_nobody(long x, long y, void *data)
{
	return setgid(65534) || setuid(65534) ? -errno : 0;
}

/*
 * The kernel lets somebody move processes by the rights of who has opened the file. So a member
 * could have it done by a process of no VM's, which may not open the file itself, and have that
 * join another VM's.
 */
TEST_F(vm_tasks, moved_by_a_deputy)
{
	struct qt_actor bystander, deputy;
	int fd, deputy_fd;
	struct qt_later l;

	ASSERT_EQ(0, qt_later_cgroup(&l, "qt-later"));
	ASSERT_EQ(0, qt_later_create(&l, self->ctl));
	ASSERT_EQ(0, qt_spawn(&bystander, NULL));
	ASSERT_EQ(0, qt_spawn(&deputy, NULL));
	ASSERT_EQ(0, qt_do(&deputy, do_nobody, 0, 0));
	snprintf(deputy.data, QT_SHARED, "%s", l.path);
	EXPECT_EQ(-EACCES, qt_do(&deputy, do_open_procs, 0, 0));
	snprintf(self->vmm.data, QT_SHARED, "%s", l.path);
	fd = qt_take_fd(&self->vmm, qt_do(&self->vmm, do_open_procs, 0, 0));
	ASSERT_LE(0, fd);
	deputy_fd = qt_give_fd(&deputy, fd);
	close(fd);
	ASSERT_EQ(0, qt_do(&deputy, do_write_pid, deputy_fd, bystander.pid));
	ASSERT_EQ(0, qt_do(&deputy, do_write_pid, deputy_fd, deputy.pid));
	expect_outsider(_metadata, self, l.c.out_vm_id, bystander.pid, deputy.pid);
	expect_outsider(_metadata, self, l.c.out_vm_id, deputy.pid, deputy.pid);
	ASSERT_EQ(0, qt_later_join(&l));
	expect_no_member(_metadata, self, &bystander);
	EXPECT_EQ(0, qt_later_end(&l));
	EXPECT_TRUE(qt_alive(bystander.pid));
	EXPECT_TRUE(qt_alive(deputy.pid));
	qt_kill(&bystander);
	qt_kill(&deputy);
	qt_later_free(&l);
}

/* A manager whom a member has moved away, and back, still says who is due where. */
TEST_F(vm_tasks, borne_by_who_was_moved)
{
	struct qt_actor manager;
	struct qt_later away, l;
	long pid;

	ASSERT_EQ(0, qt_later_cgroup(&l, "qt-later"));
	ASSERT_EQ(0, qt_spawn(&manager, NULL));
	ASSERT_EQ(0, qt_later_cgroup(&away, "qt-away"));
	ASSERT_EQ(0, qt_move(&self->vmm, manager.pid, away.path, false));
	ASSERT_EQ(0, qt_move(&self->vmm, manager.pid, "/sys/fs/cgroup", false));
	ASSERT_EQ(0, qt_later_create(&l, self->ctl));
	pid = qt_do(&manager, qt_do_clone_into, qt_give_fd(&manager, l.fd), 0);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, qt_later_join(&l));
	EXPECT_EQ(0, qt_later_end(&l));
	EXPECT_EQ(0, qt_died(pid, SOON));
	EXPECT_TRUE(qt_alive(manager.pid));
	kill(pid, SIGKILL);
	qt_kill(&manager);
	qt_later_free(&away);
	qt_later_free(&l);
}

/* Whoever owns the cgroup may bear there, too, but is no manager by that. */
TEST_F(vm_tasks, borne_by_one_without_rights)
{
	struct qt_actor owner;
	struct qt_later l;
	long pid;

	ASSERT_EQ(0, qt_later_cgroup(&l, "qt-later"));
	ASSERT_EQ(0, qt_later_create(&l, self->ctl));
	ASSERT_EQ(0, qt_spawn(&owner, NULL));
	ASSERT_EQ(0, qt_do(&owner, qt_do_drop, 0, 0));
	pid = qt_do(&owner, qt_do_clone_into, qt_give_fd(&owner, l.fd), 0);
	ASSERT_LT(0, pid);
	expect_outsider(_metadata, self, l.c.out_vm_id, pid, owner.pid);
	ASSERT_EQ(0, qt_later_join(&l));
	EXPECT_EQ(0, qt_later_end(&l));
	EXPECT_TRUE(qt_alive(pid));
	kill(pid, SIGKILL);
	qt_kill(&owner);
	qt_later_free(&l);
}

/* Until the last byte of what it shares is set. */
static long qt_do_move_about(long pid, long y, void *data)
{
	volatile char *stop = (char *)data + QT_SHARED - 1;
	long ret = 0;

	while (!ret && !*stop)
		ret = qt_do_move(pid, false, data) ?: qt_do_move(pid, false, (char *)"/sys/fs/cgroup");
	return ret;
}

/* Whatever the moment. */
TEST_F(vm_tasks, moved_all_the_time)
{
	struct qt_actor bystander;
	struct qt_later l;
	int i;

	ASSERT_EQ(0, qt_later_cgroup(&l, "qt-later"));
	ASSERT_EQ(0, qt_spawn(&bystander, NULL));
	snprintf(self->vmm.data, QT_SHARED, "%s", l.path);
	ASSERT_EQ(0, qt_start(&self->vmm, qt_do_move_about, bystander.pid, 0));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, qt_later_create(&l, self->ctl));
		ASSERT_EQ(0, qt_later_join(&l));
		ASSERT_EQ(0, qt_later_end(&l));
		ASSERT_TRUE(qt_alive(bystander.pid)) TH_LOG("round %d", i);
	}
	((char *)self->vmm.data)[QT_SHARED - 1] = 1;
	EXPECT_EQ(0, qt_wait(&self->vmm, SOON));
	expect_no_member(_metadata, self, &bystander);
	qt_kill(&bystander);
	qt_later_free(&l);
}

/* A process that is another one every moment: each forks the next, and ends. */
static void runner(void)
{
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		pid = fork();
		if (pid > 0)
			_exit(0);
	}
}

static long do_run_away(long n, long y, void *data)
{
	long i;

	signal(SIGCHLD, SIG_IGN);
	for (i = 0; i < n; i++)
		if (!fork())
			runner();
	return 0;
}

/* The snapshot misses no fork. */
TEST_F(vm_tasks, forks_during_the_join)
{
	struct qt_actor origin, leader;
	struct qt_vm other;
	int i;

	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, qt_vm_new(&other, self->ctl, QWAMOS_GPU_LEVEL_LOW, 0));
		ASSERT_EQ(0, qt_spawn(&origin, other.cgroup));
		ASSERT_EQ(0, qt_spawn(&leader, other.cgroup));
		ASSERT_EQ(0, qt_do(&origin, do_run_away, 3, 0));
		ASSERT_EQ(0, qt_do(&leader, qt_do_join, qt_give_fd(&leader, other.use), 0));
		ASSERT_EQ(0, qt_destroy(other.manage));
		EXPECT_EQ(0, qt_cgroup_empty(other.cgroup, SOON)) TH_LOG("round %d", i);
		qt_end(&origin);
		qt_end(&leader);
		qt_vm_end(&other);
	}
}

static int adopt(int manage, int pidfd)
{
	struct qwamos_gpu_vm_adopt a = { .hdr = QT_HDR(a, 0), .pidfd = pidfd };

	return qt_call(manage, QWAMOS_GPU_VM_ADOPT, &a, sizeof(a), QT_NONE);
}

/* A helper that starts later: the manager adds it. */
TEST_F(vm_tasks, adopted)
{
	struct qt_actor helper, before, after;
	struct qt_vm other;
	int fd, pidfd;

	ASSERT_EQ(0, qt_spawn(&helper, NULL));
	ASSERT_EQ(0, qt_clone(&helper, &before, 0));
	pidfd = syscall(SYS_pidfd_open, helper.pid, 0);
	ASSERT_LE(0, pidfd);
	ASSERT_EQ(0, adopt(self->vm.manage, pidfd));
	EXPECT_EQ(1, qt_audit_find(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_VM_ADOPTED, .chain = self->vm.id,
					   .asked = helper.pid, .pid = getpid()),
				   NULL));
	EXPECT_EQ(0, adopt(self->vm.manage, pidfd)) TH_LOG("again");
	self->vmm_ctl = qt_give_fd(&helper, self->ctl);
	expect_member(_metadata, self, &helper);
	ASSERT_EQ(0, qt_clone(&helper, &after, 0));
	expect_member(_metadata, self, &after);
	expect_no_member(_metadata, self, &before);
	/* Of one VM. */
	ASSERT_EQ(0, qt_vm_new(&other, self->ctl, QWAMOS_GPU_LEVEL_LOW,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	EXPECT_EQ(-EBUSY, adopt(other.manage, pidfd));
	EXPECT_EQ(QWAMOS_GPU_REASON_JOINED_ELSEWHERE, qt_reason);
	/* Not oneself, not init, and nothing that is no pidfd. */
	fd = syscall(SYS_pidfd_open, getpid(), 0);
	EXPECT_EQ(-EINVAL, adopt(other.manage, fd));
	close(fd);
	fd = syscall(SYS_pidfd_open, 1, 0);
	EXPECT_EQ(-EINVAL, adopt(other.manage, fd));
	close(fd);
	EXPECT_EQ(-EBADF, adopt(other.manage, -1));
	EXPECT_EQ(-EBADF, adopt(other.manage, self->ctl));
	EXPECT_EQ(-EBADF, adopt(other.manage, self->vm.use));
	fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	EXPECT_EQ(-EBADF, adopt(other.manage, fd));
	close(fd);
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	EXPECT_EQ(0, qt_died(helper.pid, SOON));
	EXPECT_EQ(0, qt_died(after.pid, SOON));
	EXPECT_EQ(-EBADF, adopt(other.manage, pidfd)) TH_LOG("one that has ended");
	EXPECT_TRUE(qt_alive(before.pid));
	close(pidfd);
	qt_kill(&before);
	qt_vm_end(&other);
}

/* Without a cgroup, before anybody has joined; members may not adopt. */
TEST_F(vm_tasks, adopted_alone)
{
	struct qt_actor helper;
	struct qt_vm other;
	int pidfd;

	ASSERT_EQ(0, qt_vm_new(&other, self->ctl, QWAMOS_GPU_LEVEL_LOW,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	ASSERT_EQ(0, qt_spawn(&helper, NULL));
	pidfd = syscall(SYS_pidfd_open, helper.pid, 0);
	ASSERT_EQ(0, adopt(other.manage, pidfd));
	EXPECT_EQ(-EACCES, adopt(other.use, pidfd));
	EXPECT_EQ(QWAMOS_GPU_REASON_WRONG_FD, qt_reason);
	self->vmm_ctl = qt_give_fd(&helper, self->ctl);
	expect_member(_metadata, self, &helper);
	qt_vm_end(&other);
	EXPECT_EQ(0, qt_died(helper.pid, SOON));
	close(pidfd);
}

/*
 * What the kernel starts as core_pattern says: argv = as-helper, a file for the answer, the test,
 * and the number of its manage fd there, the VM's name. It and a child of its try to manage.
 */
#define AS_HELPER "as-helper"

static void try_to_manage(FILE *f, int manage, const char *name)
{
	int ctl = qt_open_control(), ret;

	ret = qt_open_vm(ctl, 0, name, QWAMOS_GPU_RIGHT_MANAGE);
	fprintf(f, "%d %u ", ret < 0 ? ret : 0, ret < 0 ? qt_reason : 0);
	ret = qt_set_level(manage, QWAMOS_GPU_LEVEL_SYSTEM);
	fprintf(f, "%d %u ", ret, ret ? qt_reason : 0);
	fflush(f);
}

static void helper_manages(char **argv, FILE *f)
{
	int pidfd = syscall(SYS_pidfd_open, atoi(argv[3]), 0);
	int manage = syscall(SYS_pidfd_getfd, pidfd, atoi(argv[4]), 0);

	if (manage < 0)
		_exit(1);
	try_to_manage(f, manage, argv[5]);
	if (!fork()) {
		try_to_manage(f, manage, argv[5]);
		_exit(0);
	}
	wait(NULL);
}

/* Into cgroup argv[3] it brings process argv[4], and a child of its own. */
static void helper_moves(char **argv, FILE *f)
{
	long moved = qt_do_move(atoi(argv[4]), false, argv[3]);

	fprintf(f, "%ld %ld", moved, qt_do_clone_into(open(argv[3], O_PATH), 0, NULL));
}

static void __attribute__((constructor)) helper_main(int argc, char **argv)
{
	char done[QT_PATH];
	FILE *f;

	if (argc < 5 || strcmp(argv[1], AS_HELPER))
		return;
	f = fopen(argv[2], "we");
	if (!f)
		_exit(1);
	if (argc == 6)
		helper_manages(argv, f);
	else
		helper_moves(argv, f);
	fclose(f);
	snprintf(done, sizeof(done), "%s.done", argv[2]);
	_exit(rename(argv[2], done) ? 1 : 0);
}

static long do_crash(long x, long y, void *data)
{
	struct rlimit core = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_CORE, &core);
	abort();
}

#define CORE_PATTERN "/proc/sys/kernel/core_pattern"

/* A child of @vmm crashes, and the kernel starts a helper with @args. Return: what it @said. */
static int run_helper(struct qt_actor *vmm, const char *args, char *said)
{
	char exe[QT_PATH], pattern[QT_PATH * 2], was[QT_PATH];
	const char *file = "/tmp/qth", *done = "/tmp/qth.done";
	struct qt_actor child;
	ssize_t n;
	int i, ret;

	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n < 0 || qt_read(CORE_PATTERN, was, sizeof(was)) <= 0)
		return -errno;
	exe[n] = 0;
	snprintf(pattern, sizeof(pattern), "|%s " AS_HELPER " %s %s", exe, file, args);
	unlink(done);
	if (strlen(pattern) >= 127 || qt_write(CORE_PATTERN, pattern))
		return -EINVAL;
	ret = qt_clone(vmm, &child, 0) ?: qt_start(&child, do_crash, 0, 0);
	for (i = 0; i < SOON / 100 && access(done, F_OK); i++)
		qt_sleep_ms(100);
	ret = ret ?: qt_write(CORE_PATTERN, was) ?: qt_read(done, said, QT_PATH);
	unlink(done);
	return ret;
}

TEST_F(vm_tasks, usermode_helper)
{
	char args[QT_PATH], said[QT_PATH], want[QT_PATH];

	snprintf(args, sizeof(args), "%d %d %s", getpid(), self->vm.manage, self->vm.name);
	ASSERT_LT(0, run_helper(&self->vmm, args, said)) TH_LOG("the helper did not run");
	snprintf(want, sizeof(want), "%d %u %d %u %d %u %d %u ", -EACCES,
		 QWAMOS_GPU_REASON_USERMODE_HELPER, -EACCES, QWAMOS_GPU_REASON_USERMODE_HELPER,
		 -EACCES, QWAMOS_GPU_REASON_USERMODE_HELPER, -EACCES,
		 QWAMOS_GPU_REASON_USERMODE_HELPER);
	EXPECT_STREQ(want, said);
}

/* Whom it brings into the cgroup of a VM, before that is joined or made, is none of the VM's. */
static void helper_brings(struct __test_metadata *_metadata, FIXTURE_DATA(vm_tasks) * self,
			  bool vm_first)
{
	char args[QT_PATH * 2], said[QT_PATH];
	struct qt_actor bystander;
	struct qt_later l;
	int moved, pid;

	ASSERT_EQ(0, qt_later_cgroup(&l, "qt-later"));
	ASSERT_EQ(0, qt_spawn(&bystander, NULL));
	if (vm_first)
		ASSERT_EQ(0, qt_later_create(&l, self->ctl));
	snprintf(args, sizeof(args), "%s %d", l.path, bystander.pid);
	ASSERT_LT(0, run_helper(&self->vmm, args, said)) TH_LOG("the helper did not run");
	ASSERT_EQ(2, sscanf(said, "%d %d", &moved, &pid)) TH_LOG("%s", said);
	ASSERT_EQ(0, moved);
	ASSERT_LT(0, pid);
	if (!vm_first)
		ASSERT_EQ(0, qt_later_create(&l, self->ctl));
	expect_outsider(_metadata, self, l.c.out_vm_id, bystander.pid, 0);
	expect_outsider(_metadata, self, l.c.out_vm_id, pid, 0);
	ASSERT_EQ(0, qt_later_join(&l));
	expect_no_member(_metadata, self, &bystander);
	EXPECT_EQ(0, qt_later_end(&l));
	EXPECT_TRUE(qt_alive(bystander.pid));
	EXPECT_TRUE(qt_alive(pid));
	kill(pid, SIGKILL);
	qt_kill(&bystander);
	qt_later_free(&l);
}

TEST_F(vm_tasks, helper_brings_before_the_create)
{
	helper_brings(_metadata, self, false);
}

TEST_F(vm_tasks, helper_brings_before_the_join)
{
	helper_brings(_metadata, self, true);
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
