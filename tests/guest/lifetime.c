// SPDX-License-Identifier: GPL-2.0-only
/*
 * However a VMM ends, and whatever it left behind: the GPU comes back, no process stays, and the
 * VM's audit records can still be read. Nobody helps the kernel in this: the manager may have been
 * killed first.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "vfio.h"
#include "vm.h"

#define SOON 10000

static struct qt_vfio v = { -1, -1, -1, NULL };
static volatile __u32 *bar;

static long do_open(long x, long y, void *data)
{
	int ret = qt_vfio_open(&v, data);

	ret = ret ? ret : qt_vfio_enable(v.device);
	if (ret)
		return ret;
	bar = qt_vfio_map_bar(v.device, VFIO_PCI_BAR0_REGION_INDEX, NULL);
	return bar ? 0 : -errno;
}

static long do_poke(long value, long y, void *data)
{
	bar[0] = value;
	return bar[0];
}

/* Give up being killed by anything but SIGKILL. */
static long do_ignore_signals(long x, long y, void *data)
{
	int sig;

	for (sig = 1; sig < 65; sig++)
		signal(sig, SIG_IGN);
	return 0;
}

FIXTURE(lifetime)
{
	int ctl;
	const char *addr;
	__u64 id;
	struct qt_vm vm;
	struct qt_actor vmm;
};

FIXTURE_SETUP(lifetime)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_ours(self->ctl, "vga-a", NULL));
	self->addr = qt_addr("vga-a");
	self->id = qt_id(self->ctl, "vga-a");
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_attach(self->vm.manage, self->id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->vmm, NULL));
	snprintf(self->vmm.data, QT_SHARED, "%s", self->addr);
	ASSERT_EQ(0, qt_do(&self->vmm, do_open, 0, 0));
}

FIXTURE_TEARDOWN(lifetime)
{
	qt_end(&self->vmm);
	qt_vm_end(&self->vm);
}

static bool destroyed(int ctl, __u64 vm, __u32 reason)
{
	return qt_audit_find(ctl, 0,
			     QT_WANT(QWAMOS_GPU_EV_VM_DESTROYED, .chain = vm, .reason = reason),
			     NULL) == 1;
}

/* The VM is over by itself: GPU free and clean, cgroup empty, records there, and the next VM can
 * have it. */
static void expect_over(struct __test_metadata *_metadata, FIXTURE_DATA(lifetime) * self,
			__u32 reason)
{
	struct qwamos_gpu_audit_record recs[64];
	struct qwamos_gpu_dev d;
	struct qt_vm next;
	int n, i, detached = 0;

	EXPECT_EQ(0, qt_cgroup_empty(self->vm.cgroup, SOON));
	ASSERT_EQ(0, qt_wait_state(self->ctl, "vga-a", QWAMOS_GPU_DEV_STATE_FREE, SOON));
	ASSERT_EQ(0, qt_settle(self->ctl, SOON));
	ASSERT_EQ(0, qt_device(self->ctl, "vga-a", &d));
	EXPECT_EQ(0, d.owner_vm_id);
	EXPECT_EQ(0, d.flags & (QWAMOS_GPU_DEV_F_DIRTY | QWAMOS_GPU_DEV_F_VM_DIRT));
	/* A VMM does not erase its trail by its death. */
	n = qt_audit_chain(self->ctl, self->vm.id, recs, ARRAY_SIZE(recs));
	ASSERT_LT(4, n);
	EXPECT_EQ(1, recs[0].seq);
	EXPECT_EQ(QWAMOS_GPU_EV_VM_CREATED, recs[0].event);
	for (i = 0; i < n; i++)
		detached += recs[i].event == QWAMOS_GPU_EV_DEVICE_DETACHED;
	EXPECT_EQ(1, detached);
	EXPECT_TRUE(destroyed(self->ctl, self->vm.id, reason) ||
		    (reason == QWAMOS_GPU_REASON_LAST_CLOSED &&
		     destroyed(self->ctl, self->vm.id, QWAMOS_GPU_REASON_LEADER_EXITED)));
	ASSERT_EQ(0, qt_vm_new(&next, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	EXPECT_EQ(0, qt_attach(next.manage, self->id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	qt_vm_end(&next);
}

TEST_F(lifetime, killed)
{
	kill(self->vmm.pid, SIGKILL);
	expect_over(_metadata, self, QWAMOS_GPU_REASON_LEADER_EXITED);
}

TEST_F(lifetime, exits)
{
	qt_end(&self->vmm);
	expect_over(_metadata, self, QWAMOS_GPU_REASON_LEADER_EXITED);
}

/* Children that hold all fds, ignore every signal, and are nobody's children any more. */
TEST_F(lifetime, children_keep_everything)
{
	struct qt_actor child, daemon;

	ASSERT_EQ(0, qt_clone(&self->vmm, &child, 0));
	ASSERT_EQ(0, qt_clone(&self->vmm, &daemon, QT_CLONE_DAEMON));
	ASSERT_EQ(0, qt_do(&child, do_ignore_signals, 0, 0));
	ASSERT_EQ(0, qt_do(&daemon, do_ignore_signals, 0, 0));
	ASSERT_EQ(0x1234, qt_do(&self->vmm, do_poke, 0x1234, 0));
	kill(self->vmm.pid, SIGKILL);
	EXPECT_EQ(0, qt_died(child.pid, SOON));
	EXPECT_EQ(0, qt_died(daemon.pid, SOON));
	expect_over(_metadata, self, QWAMOS_GPU_REASON_LEADER_EXITED);
}

/* In another session and another cgroup below the VM's, stopped, or frozen. */
static long do_enter(long x, long y, void *data)
{
	return qt_cgroup_enter(data);
}

TEST_F(lifetime, stopped_and_frozen)
{
	struct qt_actor stopped, frozen;
	char below[QT_PATH], file[QT_PATH + 32], name[96];
	int fd;

	snprintf(name, sizeof(name), "%s/below", self->vm.name);
	fd = qt_cgroup_new(name, below);
	ASSERT_LE(0, fd);
	close(fd);
	ASSERT_EQ(0, qt_clone(&self->vmm, &stopped, QT_CLONE_DAEMON));
	ASSERT_EQ(0, qt_clone(&self->vmm, &frozen, QT_CLONE_DAEMON));
	snprintf(frozen.data, QT_SHARED, "%s", below);
	ASSERT_EQ(0, qt_do(&frozen, do_enter, 0, 0));
	kill(stopped.pid, SIGSTOP);
	snprintf(file, sizeof(file), "%s/cgroup.freeze", below);
	ASSERT_EQ(0, qt_write(file, "1"));
	kill(self->vmm.pid, SIGKILL);
	EXPECT_EQ(0, qt_died(stopped.pid, SOON));
	EXPECT_EQ(0, qt_died(frozen.pid, SOON));
	expect_over(_metadata, self, QWAMOS_GPU_REASON_LEADER_EXITED);
	rmdir(below);
}

/* A manager in a process of its own, killed before its VMM is. */
struct managed {
	char addr[64];
	char name[64];
	char cgroup[QT_PATH];
	__u64 id;
	pid_t vmm;
};

static long do_manage(long device_id, long flags, void *data)
{
	static struct qt_vm vm;
	static struct qt_actor vmm;
	struct managed *m = data;
	int ctl = qt_open_control(), ret;

	ret = ctl < 0 ? ctl : qt_vm_new(&vm, ctl, QWAMOS_GPU_LEVEL_SYSTEM, flags);
	ret = ret ? ret : qt_attach(vm.manage, device_id, QWAMOS_GPU_SCRUB_DEFAULT, NULL);
	ret = ret ? ret : qt_vmm(&vm, &vmm, NULL);
	if (ret)
		return ret;
	snprintf(vmm.data, QT_SHARED, "%s", m->addr);
	ret = qt_do(&vmm, do_open, 0, 0);
	/* The launcher keeps no use fd: the VMM has it. */
	close(vm.use);
	memcpy(m->name, vm.name, sizeof(m->name));
	memcpy(m->cgroup, vm.cgroup, sizeof(m->cgroup));
	m->id = vm.id;
	m->vmm = vmm.pid;
	return ret;
}

static void manager_killed_first(struct __test_metadata *_metadata, FIXTURE_DATA(lifetime) * self,
				 __u32 flags, __u32 reason)
{
	struct qwamos_gpu_vm vms[8];
	struct qt_actor manager;
	struct managed *m;

	qt_end(&self->vmm);
	qt_vm_end(&self->vm);
	ASSERT_EQ(0, qt_settle(self->ctl, SOON));
	ASSERT_EQ(0, qt_spawn(&manager, NULL));
	m = manager.data;
	snprintf(m->addr, sizeof(m->addr), "%s", self->addr);
	ASSERT_EQ(0, qt_do(&manager, do_manage, self->id, flags));
	memcpy(self->vm.cgroup, m->cgroup, sizeof(self->vm.cgroup));
	self->vm.id = m->id;
	/* An actor whose test's end is closed ends by itself; this one must not see that, so it is
	 * stopped. */
	kill(m->vmm, SIGSTOP);
	qt_kill(&manager);
	if (!(flags & QWAMOS_GPU_VM_CREATE_F_END_ON_CLOSE)) {
		qt_sleep_ms(300);
		EXPECT_TRUE(qt_alive(m->vmm));
		EXPECT_EQ(QWAMOS_GPU_DEV_STATE_OPEN, qt_state(self->ctl, "vga-a"));
		ASSERT_EQ(1, qt_list_vms(self->ctl, vms, 8));
		kill(m->vmm, SIGKILL);
	}
	EXPECT_EQ(0, qt_died(m->vmm, SOON));
	expect_over(_metadata, self, reason);
	rmdir(self->vm.cgroup);
}

TEST_F(lifetime, manager_killed_first)
{
	/* The VMM had the last fds: it closes them on its way out, or is seen to go before. */
	manager_killed_first(_metadata, self, 0, QWAMOS_GPU_REASON_LAST_CLOSED);
}

TEST_F(lifetime, manager_killed_takes_the_vm_with_it)
{
	manager_killed_first(_metadata, self, QWAMOS_GPU_VM_CREATE_F_END_ON_CLOSE,
			     QWAMOS_GPU_REASON_MANAGER_CLOSED);
}

/* A process whose first thread is gone lives on, and so does its VM. */
static void *spin(void *arg)
{
	for (;;)
		usleep(1000);
	return NULL;
}

static long do_leave_thread(long x, long y, void *data)
{
	pthread_t t;

	if (pthread_create(&t, NULL, spin, NULL))
		return -EAGAIN;
	syscall(SYS_exit, 0);
	return 0;
}

TEST_F(lifetime, first_thread_exits)
{
	struct qwamos_gpu_vm vm;
	char path[64], line[256];

	ASSERT_EQ(0, qt_start(&self->vmm, do_leave_thread, 0, 0));
	snprintf(path, sizeof(path), "/proc/%d/stat", self->vmm.pid);
	qt_sleep_ms(500);
	ASSERT_LT(0, qt_read(path, line, sizeof(line)));
	ASSERT_NE(NULL, strstr(line, ") Z")) TH_LOG("the first thread is still there");
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_EQ(QWAMOS_GPU_VM_STATE_LIVE, vm.state);
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_OPEN, qt_state(self->ctl, "vga-a"));
	kill(self->vmm.pid, SIGKILL);
	expect_over(_metadata, self, QWAMOS_GPU_REASON_LEADER_EXITED);
}

static long do_bomb(long x, long y, void *data)
{
	for (;;) {
		if (fork() < 0)
			usleep(1000);
	}
	return 0;
}

TEST_F_TIMEOUT(lifetime, fork_bomb, 60)
{
	char file[QT_PATH + 32], line[64];
	int i;

	ASSERT_EQ(0, qt_write("/sys/fs/cgroup/cgroup.subtree_control", "+pids"));
	snprintf(file, sizeof(file), "%s/pids.max", self->vm.cgroup);
	ASSERT_EQ(0, qt_write(file, "100"));
	ASSERT_EQ(0, qt_start(&self->vmm, do_bomb, 0, 0));
	snprintf(file, sizeof(file), "%s/pids.current", self->vm.cgroup);
	for (i = 0; i < 500; i++) {
		ASSERT_LT(0, qt_read(file, line, sizeof(line)));
		if (atoi(line) >= 90)
			break;
		qt_sleep_ms(10);
	}
	EXPECT_GT(500, i);
	kill(self->vmm.pid, SIGKILL);
	expect_over(_metadata, self, QWAMOS_GPU_REASON_LEADER_EXITED);
}

TEST_F(lifetime, destroyed_while_open)
{
	struct qt_actor daemon;

	ASSERT_EQ(0, qt_clone(&self->vmm, &daemon, QT_CLONE_DAEMON));
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	EXPECT_EQ(0, qt_died(daemon.pid, SOON));
	expect_over(_metadata, self, QWAMOS_GPU_REASON_DESTROYED);
}

/* An open device keeps its VM alive when all else of it is closed. */
static long do_close_use(long x, long y, void *data)
{
	int fd;

	for (fd = 4; fd < 32; fd++)
		if (fd != v.group && fd != v.container && fd != v.device)
			close(fd);
	return 0;
}

static long do_close_device(long x, long y, void *data)
{
	munmap((void *)bar, 4096);
	munmap((void *)((char *)bar + 4096), (16 << 20) - 4096);
	qt_vfio_close(&v);
	return 0;
}

TEST_F(lifetime, open_device_keeps_the_vm)
{
	int manage = qt_open_vm(self->ctl, self->vm.id, NULL, QWAMOS_GPU_RIGHT_MANAGE);
	struct qwamos_gpu_vm vm;

	ASSERT_LE(0, manage);
	ASSERT_EQ(0, qt_do(&self->vmm, do_close_use, 0, 0));
	close(self->vm.use);
	close(self->vm.manage);
	self->vm.use = self->vm.manage = -1;
	qt_sleep_ms(200);
	ASSERT_EQ(0, qt_vm_info(manage, &vm));
	EXPECT_EQ(1, vm.devices_open);
	EXPECT_TRUE(qt_alive(self->vmm.pid));
	qt_start(&self->vmm, do_close_device, 0, 0);
	close(manage);
	expect_over(_metadata, self, QWAMOS_GPU_REASON_LAST_CLOSED);
}

/* An fd of the device that got out of the cgroup is useless there, but it holds the GPU back;
 * nobody gets the GPU before it is closed. */
static long do_fd(long x, long y, void *data)
{
	return v.device;
}

TEST_F(lifetime, device_fd_outside)
{
	struct qt_vm next;
	int fd = qt_take_fd(&self->vmm, qt_do(&self->vmm, do_fd, 0, 0));

	ASSERT_LE(0, fd);
	kill(self->vmm.pid, SIGKILL);
	EXPECT_EQ(0, qt_cgroup_empty(self->vm.cgroup, SOON));
	qt_sleep_ms(500);
	EXPECT_NE(QWAMOS_GPU_DEV_STATE_FREE, qt_state(self->ctl, "vga-a"));
	ASSERT_EQ(0, qt_vm_new(&next, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	EXPECT_EQ(-EBUSY, qt_attach(next.manage, self->id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_RESETTING, qt_reason);
	qt_vm_end(&next);
	close(fd);
	expect_over(_metadata, self, QWAMOS_GPU_REASON_LEADER_EXITED);
}

TEST_HARNESS_MAIN
