// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is due to become a member with VM_JOIN gets out of that by nothing that it does by itself,
 * and brings nobody else into it.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "fuse.h"
#include "later.h"
#include "vm.h"

#define SOON 10000

FIXTURE(vm_due)
{
	int ctl;
	struct qt_later l, away;
};

FIXTURE_SETUP(vm_due)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_later_cgroup(&self->l, "qt-due"));
	ASSERT_EQ(0, qt_later_cgroup(&self->away, "qt-away"));
	ASSERT_EQ(0, qt_later_create(&self->l, self->ctl));
}

FIXTURE_TEARDOWN(vm_due)
{
	qt_later_free(&self->away);
	qt_later_free(&self->l);
	close(self->ctl);
}

/* An actor without capabilities, whom its manager has brought to @cgroup. */
static int spawn_poor(struct qt_actor *a, const char *cgroup)
{
	int ret = qt_spawn(a, NULL);

	return ret ?: qt_do_move(a->pid, false, (void *)cgroup) ?: qt_do(a, qt_do_drop, 0, 0);
}

/* One that it forks and then moves out is a member; so is one that it bears out. */
TEST_F(vm_due, borne_out)
{
	struct qt_actor due;
	long pid;

	ASSERT_EQ(0, spawn_poor(&due, self->l.path));
	pid = qt_do(&due, qt_do_clone_into, qt_give_fd(&due, self->away.fd), 0);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, qt_later_join(&self->l));
	EXPECT_EQ(0, qt_later_end(&self->l));
	EXPECT_EQ(0, qt_died(due.pid, SOON));
	EXPECT_EQ(0, qt_died(pid, SOON));
	kill(pid, SIGKILL);
}

/* Nor does a part of the VM's own cgroup hide it. */
TEST_F(vm_due, borne_below)
{
	struct qt_later below = {};
	struct qt_actor due;
	long pid;

	snprintf(below.path, sizeof(below.path), "%s/x", self->l.path);
	ASSERT_EQ(0, mkdir(below.path, 0755));
	below.fd = open(below.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, below.fd);
	ASSERT_EQ(0, spawn_poor(&due, self->l.path));
	pid = qt_do(&due, qt_do_clone_into, qt_give_fd(&due, below.fd), 0);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, qt_later_join(&self->l));
	EXPECT_EQ(0, qt_later_end(&self->l));
	EXPECT_EQ(0, qt_died(pid, SOON));
	kill(pid, SIGKILL);
	EXPECT_EQ(0, qt_died(due.pid, SOON));
	qt_later_free(&below);
}

/* Whoever stands in the VM's cgroup without being a member bears below: nobody has come there. */
TEST_F(vm_due, borne_below_by_an_outsider)
{
	__u64 chain = self->l.c.out_vm_id;
	struct qt_later below = {};
	struct qt_actor out, other;
	long pid, last;

	snprintf(below.path, sizeof(below.path), "%s/x", self->l.path);
	ASSERT_EQ(0, mkdir(below.path, 0755));
	below.fd = open(below.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, below.fd);
	ASSERT_EQ(0, qt_later_join(&self->l));
	ASSERT_EQ(0, spawn_poor(&out, self->l.path));
	pid = qt_do(&out, qt_do_clone_into, qt_give_fd(&out, below.fd), 0);
	ASSERT_LT(0, pid);
	/* One who has come is told, and after whoever else would be. */
	ASSERT_EQ(0, qt_spawn(&other, NULL));
	last = qt_do(&other, qt_do_clone_into, qt_give_fd(&other, self->l.fd), 0);
	ASSERT_LT(0, last);
	EXPECT_LT(0, qt_audit_wait(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_VM_OUTSIDER, .chain = chain, .asked = last,
					   .pid = other.pid),
				   NULL, SOON));
	EXPECT_EQ(0, qt_audit_find(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_VM_OUTSIDER, .chain = chain,
					   .pid = out.pid),
				   NULL));
	EXPECT_EQ(0, qt_later_end(&self->l));
	kill(pid, SIGKILL);
	kill(last, SIGKILL);
	qt_kill(&out);
	qt_kill(&other);
	qt_later_free(&below);
}

/* A manager bears where it wants, and that is no member of where it stands itself. */
TEST_F(vm_due, borne_out_by_a_manager)
{
	struct qt_actor due;
	long pid;

	ASSERT_EQ(0, qt_spawn(&due, self->l.path));
	pid = qt_do(&due, qt_do_clone_into, qt_give_fd(&due, self->away.fd), 0);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, qt_later_join(&self->l));
	EXPECT_EQ(0, qt_later_end(&self->l));
	EXPECT_EQ(0, qt_died(due.pid, SOON));
	EXPECT_TRUE(qt_alive(pid));
	kill(pid, SIGKILL);
}

/* Whoever is due to one VM joins no other one, which it might outlive this one in. */
TEST_F(vm_due, joins_another)
{
	struct qwamos_gpu_vm_create c;
	struct qt_actor due;
	int use;

	ASSERT_EQ(0, spawn_poor(&due, self->l.path));
	ASSERT_EQ(0, qt_create(self->ctl, "qt-other", -1, QWAMOS_GPU_VM_CREATE_F_NO_CGROUP, &c));
	use = qt_give_fd(&due, c.out_use_fd);
	EXPECT_EQ(-EBUSY, qt_do(&due, qt_do_join, use, 0));
	ASSERT_EQ(0, qt_later_join(&self->l));
	EXPECT_EQ(-EBUSY, qt_do(&due, qt_do_join, use, 0));
	EXPECT_EQ(0, qt_later_end(&self->l));
	EXPECT_EQ(0, qt_died(due.pid, SOON));
	EXPECT_EQ(0, qt_destroy(c.out_manage_fd));
	close(c.out_manage_fd);
	close(c.out_use_fd);
}

static void *fuse_page;

/* Waits for the page with its process' mmap_lock held. */
static void *hold(void *unused)
{
	static int word;

	return (void *)syscall(SYS_futex, &word, FUTEX_WAKE_OP_PRIVATE, 0, 0, fuse_page,
			       FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 1));
}

static long do_hold(long x, long y, void *data)
{
	int fd = open(data, O_RDWR | O_CLOEXEC);
	pthread_t t;

	if (fd < 0)
		return -errno;
	fuse_page = mmap(NULL, QT_FUSE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fuse_page == MAP_FAILED || madvise(fuse_page, QT_FUSE_PAGE, MADV_RANDOM))
		return -errno;
	return -pthread_create(&t, NULL, hold, NULL);
}

/*
 * VM_JOIN meets somebody who moves a neighbour out of the cgroup: that one stands elsewhere
 * already, and the tracepoint is still to come. On 6.1, where cpuset's part of a move waits for the
 * mmap_lock in between; later kernels leave that out if there is nothing to change, and here the
 * move is over when VM_JOIN comes.
 */
TEST_F(vm_due, moved_out_during_the_join)
{
	struct qt_actor due, mover, leader;
	struct qt_fuse fuse;
	int use;

	qt_run(true, (const char *const[]){ "modprobe", "fuse", NULL });
	ASSERT_EQ(0, qt_write("/sys/fs/cgroup/cgroup.subtree_control", "+cpuset"));
	ASSERT_EQ(0, qt_fuse_start(&fuse));
	ASSERT_EQ(0, spawn_poor(&due, self->l.path));
	ASSERT_EQ(0, spawn_poor(&mover, self->l.path));
	ASSERT_EQ(0, qt_spawn(&leader, self->l.path));
	use = qt_give_fd(&leader, self->l.c.out_use_fd);
	snprintf(due.data, QT_SHARED, "%s", fuse.path);
	ASSERT_EQ(0, qt_do(&due, do_hold, 0, 0));
	ASSERT_EQ(0, qt_fuse_held(&fuse, SOON));
	snprintf(mover.data, QT_SHARED, "%s", self->away.path);
	ASSERT_EQ(0, qt_start(&mover, qt_do_move, due.pid, 0));
	qt_sleep_ms(500);
	EXPECT_EQ(0, qt_do(&leader, qt_do_join, use, 0));
	qt_fuse_go(&fuse);
	EXPECT_EQ(0, qt_wait(&mover, SOON));
	self->l.leader = leader;
	EXPECT_EQ(0, qt_later_end(&self->l));
	EXPECT_EQ(0, qt_died(mover.pid, SOON));
	EXPECT_EQ(0, qt_died(due.pid, SOON));
	qt_kill(&due);
	qt_fuse_end(&fuse);
	qt_write("/sys/fs/cgroup/cgroup.subtree_control", "-cpuset");
}

static void *outlive(void *data)
{
	for (;;)
		pause();
	return data;
}

/* A process whose first thread has ended, while another one goes on. */
static pid_t headless(void)
{
	pid_t pid = fork();
	pthread_t t;

	if (!pid) {
		pthread_create(&t, NULL, outlive, NULL);
		pthread_exit(NULL);
	}
	return pid;
}

/* Killed: nothing is left but what can be waited for. */
static bool reaped(pid_t pid, int ms)
{
	long long end = qt_now_ms() + qt_patience(ms);

	while (qt_now_ms() < end) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		qt_sleep_ms(20);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return false;
}

/* A thread that has come to its exit is moved no more: where it stands tells nothing. */
TEST_F(vm_due, first_thread_has_ended)
{
	pid_t pid = headless();

	ASSERT_LT(0, pid);
	qt_sleep_ms(300);
	ASSERT_EQ(0, qt_do_move(pid, false, self->l.path));
	ASSERT_EQ(0, qt_later_join(&self->l));
	EXPECT_EQ(0, qt_later_end(&self->l));
	EXPECT_TRUE(reaped(pid, SOON));
}

/* The same for who looks who stands there when the VM is made. */
TEST_F(vm_due, first_thread_had_ended)
{
	struct qt_later l;
	pid_t pid = headless();

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, qt_later_cgroup(&l, "qt-due-2"));
	qt_sleep_ms(300);
	ASSERT_EQ(0, qt_do_move(pid, false, l.path));
	ASSERT_EQ(0, qt_later_create(&l, self->ctl));
	ASSERT_EQ(0, qt_later_join(&l));
	EXPECT_EQ(0, qt_later_end(&l));
	EXPECT_TRUE(reaped(pid, SOON));
	qt_later_free(&l);
	ASSERT_EQ(0, qt_later_join(&self->l));
	EXPECT_EQ(0, qt_later_end(&self->l));
}

/* Single threads of anybody may stand in a threaded cgroup: no VM is made of it. */
TEST_F(vm_due, threaded)
{
	struct qwamos_gpu_vm_create c;
	char type[QT_PATH + 16];

	snprintf(type, sizeof(type), "%s/cgroup.type", self->away.path);
	ASSERT_EQ(0, qt_write(type, "threaded"));
	memset(&c, 0xa5, sizeof(c));
	EXPECT_EQ(-EINVAL, qt_create(self->ctl, "qt-threaded", self->away.fd, 0, &c));
	ASSERT_EQ(0, qt_later_join(&self->l));
	EXPECT_EQ(0, qt_later_end(&self->l));
}

TEST_HARNESS_MAIN
