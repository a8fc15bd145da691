// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM without any right that can't be killed: one of its threads waits for a FUSE server that is
 * itself. It keeps its device open; the device does no DMA all the same once its VM is over. And
 * VMMs that the end overtakes in the middle of a call: what is left of that does not undo it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/fuse.h>
#include <linux/pci_regs.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <linux/futex.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "call.h"
#include "fuse.h"
#include "nl.h"
#include "vfio.h"
#include "vm.h"

#define SOON	2000 /* ms: bounded, whatever the process does */
#define NOBODY	65534
#define MOUNT	"/tmp/fuse"
#define ABORTED "/sys/fs/fuse/connections"

static struct qt_vfio v = { -1, -1, -1, NULL };

static long do_open(long x, long y, void *data)
{
	int ret = qt_vfio_open(&v, data);

	return ret ? ret : qt_vfio_enable(v.device);
}

static void *touch(void *unused)
{
	struct stat st;

	stat(MOUNT "/file", &st);
	return NULL;
}

/* A FUSE server of its own, mounted without any right. Return: its fd, or an error. */
static int mount_own(void)
{
	char opts[128];
	int fd;

	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		return -errno;
	prctl(PR_SET_DUMPABLE, 1);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return -1000 - errno;
	qt_write("/proc/self/setgroups", "deny");
	if (qt_write("/proc/self/uid_map", "0 65534 1") ||
	    qt_write("/proc/self/gid_map", "0 65534 1"))
		return -2000;
	fd = open("/dev/fuse", O_RDWR);
	snprintf(opts, sizeof(opts), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (fd < 0 || mount("x", MOUNT, "fuse", 0, opts))
		return -3000 - errno;
	return fd;
}

static bool reply(int fd, const struct fuse_in_header *in, void *data, size_t len)
{
	struct fuse_out_header head = { .unique = in->unique, .len = sizeof(head) + len };
	struct iovec v[] = { { &head, sizeof(head) }, { data, len } };

	return writev(fd, v, 2) == head.len;
}

/* Answers until it has answered a request of kind @last, or is asked what it does not know. */
static int serve_until(int fd, __u32 last)
{
	static char buf[1 << 18];
	struct fuse_in_header *in = (void *)buf;
	struct fuse_attr attr = { .ino = 2, .mode = S_IFREG | 0666, .nlink = 1, .blksize = 4096 };
	struct fuse_init_out init = { .major = 7, .minor = 31, .max_write = 4096 };
	struct fuse_entry_out entry = {
		.nodeid = 2, .entry_valid = 3600, .attr_valid = 3600, .attr = attr
	};
	struct fuse_attr_out got = { .attr_valid = 3600, .attr = attr };
	struct fuse_open_out o = { .fh = 1 };
	bool ok = true;

	do {
		if (read(fd, buf, sizeof(buf)) < 0)
			return -4000 - errno;
		if (in->opcode == FUSE_INIT)
			ok = reply(fd, in, &init, sizeof(init));
		else if (in->opcode == FUSE_LOOKUP && last != FUSE_INIT)
			ok = reply(fd, in, &entry, sizeof(entry));
		else if (in->opcode == FUSE_GETATTR)
			ok = reply(fd, in, &got, sizeof(got));
		else if (in->opcode == FUSE_OPEN)
			ok = reply(fd, in, &o, sizeof(o));
		else
			return in->opcode;
	} while (ok && in->opcode != last);
	return ok ? (long)in->opcode : -5000 - errno;
}

/* From here on SIGKILL does not end it: the answer that a thread waits for never comes. */
static long do_trap(long x, long y, void *data)
{
	static char buf[1 << 18];
	int fd = mount_own(), ret;
	pthread_t t;

	if (fd < 0)
		return fd;
	pthread_create(&t, NULL, touch, NULL);
	ret = serve_until(fd, FUSE_INIT);
	if (ret < 0 || read(fd, buf, sizeof(buf)) < 0)
		return ret < 0 ? ret : -6000 - errno;
	return ((struct fuse_in_header *)buf)->opcode;
}

/* Its only other thread hangs already. */
static long do_touch(long x, long y, void *data)
{
	touch(NULL);
	return 0;
}

static void *serve_open(void *fd)
{
	return (void *)(long)serve_until((long)fd, FUSE_OPEN);
}

/*
 * It goes on, and hangs when it ends: what it closes first is a file of its own server, which
 * nobody is any more.
 */
static long do_trap_exit(long x, long y, void *data)
{
	long fd = mount_own();
	pthread_t t;
	void *ret;

	if (fd < 0)
		return fd;
	if (pthread_create(&t, NULL, serve_open, (void *)fd))
		return -EAGAIN;
	close(0);
	if (open(MOUNT "/file", O_RDWR))
		return -7000 - errno;
	pthread_join(t, &ret);
	return (long)ret;
}

static void *idle(void *unused)
{
	for (;;)
		pause();
	return NULL;
}

static long do_thread(long x, long y, void *data)
{
	pthread_t t;

	return -pthread_create(&t, NULL, idle, NULL);
}

static long do_exit(long x, long y, void *data)
{
	_exit(0);
}

static __u16 command(const char *addr)
{
	__u16 word = 0xffff;
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", addr);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, &word, sizeof(word), PCI_COMMAND) != sizeof(word))
		word = 0xffff;
	close(fd);
	return word;
}

/* Let go of what waits for FUSE. */
static void abort_all(void)
{
	char path[300];
	struct dirent *e;
	DIR *d = opendir(ABORTED);

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), ABORTED "/%s/abort", e->d_name);
		if (e->d_name[0] != '.')
			qt_write(path, "1");
	}
	if (d)
		closedir(d);
}

FIXTURE(unkillable)
{
	int ctl;
	struct qt_vm vm;
	struct qt_actor a;
};

FIXTURE_VARIANT(unkillable)
{
	qt_fn trap;
	__u32 request; /* the last one that its server has read */
};

/* A thread of it hangs. */
FIXTURE_VARIANT_ADD(unkillable, thread){ .trap = do_trap, .request = FUSE_LOOKUP };

/* It will hang at its end, in do_exit(). */
FIXTURE_VARIANT_ADD(unkillable, exit){ .trap = do_trap_exit, .request = FUSE_OPEN };

FIXTURE_SETUP(unkillable)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	qt_run(true, (const char *const[]){ "modprobe", "fuse", NULL });
	mount("none", ABORTED, "fusectl", 0, NULL);
	ASSERT_EQ(0, chmod("/dev/fuse", 0666)); /* as udev's rules do */
	mkdir(MOUNT, 0777);
	chmod(MOUNT, 0777);
	ASSERT_EQ(0, qt_ours(self->ctl, "vga-a", NULL));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_attach(self->vm.manage, qt_id(self->ctl, "vga-a"), 0, NULL));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, NULL));
	snprintf(self->a.data, QT_SHARED, "%s", qt_addr("vga-a"));
	ASSERT_EQ(0, qt_do(&self->a, do_open, 0, 0));
	ASSERT_EQ(variant->request, qt_do(&self->a, variant->trap, 0, 0));
	ASSERT_EQ(PCI_COMMAND_MASTER, command(qt_addr("vga-a")) & PCI_COMMAND_MASTER);
}

FIXTURE_TEARDOWN(unkillable)
{
	abort_all();
	qt_end(&self->a);
	qt_vm_end(&self->vm);
	EXPECT_EQ(0, qt_set_param("qwamos_gpu", "revoke_timeout_s", 30));
	EXPECT_EQ(0, qt_settle(self->ctl, 20000));
	close(self->ctl);
}

/* The VM is not over, and tells that a thread of this process is left. */
static void expect_named(struct __test_metadata *_metadata, int ctl, pid_t pid)
{
	long long end = qt_now_ms() + qt_patience(SOON);
	char path[64];
	struct qwamos_gpu_vm vm;

	do {
		memset(&vm, 0, sizeof(vm));
		ASSERT_EQ(1, qt_list_vms(ctl, &vm, 1));
		qt_sleep_ms(50);
	} while (vm.threads_left != 1 && qt_now_ms() < end);
	EXPECT_EQ(QWAMOS_GPU_VM_STATE_ENDING, vm.state);
	EXPECT_EQ(1, vm.threads_left);
	snprintf(path, sizeof(path), "/proc/%d/task/%d", pid, vm.thread_left);
	EXPECT_EQ(0, access(path, F_OK)) TH_LOG("thread %d is left", vm.thread_left);
}

/* Within the bound and for as long as it is open: no DMA, no interrupt by a pin. */
static void expect_cut_off(struct __test_metadata *_metadata, int ctl, int ms)
{
	long long end = qt_now_ms() + qt_patience(ms);
	__u16 word;

	while (command(qt_addr("vga-a")) & PCI_COMMAND_MASTER && qt_now_ms() < end)
		qt_sleep_ms(10);
	qt_sleep_ms(1000);
	word = command(qt_addr("vga-a"));
	EXPECT_EQ(0, word & PCI_COMMAND_MASTER) TH_LOG("COMMAND is 0x%04x", word);
	EXPECT_EQ(PCI_COMMAND_INTX_DISABLE, word & PCI_COMMAND_INTX_DISABLE);
	/* It really was not killed. */
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_REVOKED, qt_state(ctl, "vga-a"));
}

TEST_F_TIMEOUT(unkillable, destroyed, 60)
{
	int fd = qt_nl_socket(1 << 20);
	struct qt_nl_groups g;
	struct qt_nl_msg m;
	bool told = false;

	ASSERT_EQ(0, qt_nl_groups(&g));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, qt_nl_join(fd, g.state));
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	expect_cut_off(_metadata, self->ctl, SOON);
	while (!qt_nl_next(fd, &m, 100))
		told |= m.kind == QWAMOS_GPU_NL_KIND_DEVICE &&
			m.state == QWAMOS_GPU_DEV_STATE_REVOKED &&
			m.id == qt_id(self->ctl, "vga-a");
	EXPECT_TRUE(told);
	expect_named(_metadata, self->ctl, self->a.pid);
	close(fd);
}

/* By whoever it was: the rest of it ends, and the VM does not wait for what hangs. */
TEST_F_TIMEOUT(unkillable, killed, 60)
{
	ASSERT_EQ(0, kill(self->a.pid, SIGKILL));
	expect_cut_off(_metadata, self->ctl, SOON);
	expect_named(_metadata, self->ctl, self->a.pid);
	/* When it can go, it goes. */
	abort_all();
	EXPECT_EQ(0, qt_settle(self->ctl, 20000));
}

/* Of its own accord. */
TEST_F_TIMEOUT(unkillable, exited, 60)
{
	ASSERT_EQ(0, qt_start(&self->a, do_exit, 0, 0));
	expect_cut_off(_metadata, self->ctl, SOON);
	expect_named(_metadata, self->ctl, self->a.pid);
}

TEST_F_TIMEOUT(unkillable, killed_with_an_idle_thread, 60)
{
	ASSERT_EQ(0, qt_do(&self->a, do_thread, 0, 0));
	ASSERT_EQ(0, kill(self->a.pid, SIGKILL));
	expect_cut_off(_metadata, self->ctl, SOON);
	expect_named(_metadata, self->ctl, self->a.pid);
}

/* No thread of it gets as far as its end. */
TEST_F_TIMEOUT(unkillable, killed_while_all_hang, 60)
{
	ASSERT_EQ(0, qt_start(&self->a, do_touch, 0, 0));
	qt_sleep_ms(500);
	ASSERT_EQ(0, kill(self->a.pid, SIGKILL));
	expect_cut_off(_metadata, self->ctl, SOON);
}

static long do_close_device(long x, long y, void *data)
{
	return close(v.device);
}

static long do_close_all(long x, long y, void *data)
{
	qt_vfio_close(&v);
	return 0;
}

static long do_group_fd(long container, long y, void *data)
{
	return container ? v.container : v.group;
}

/* The next VM gets it, and can use it. */
static void expect_to_be_had(struct __test_metadata *_metadata, int ctl)
{
	struct qt_actor vmm;
	struct qt_vm next;

	ASSERT_EQ(0, qt_wait_state(ctl, "vga-a", QWAMOS_GPU_DEV_STATE_FREE, 5 * SOON));
	ASSERT_EQ(0, qt_vm_new(&next, ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	EXPECT_EQ(0, qt_attach(next.manage, qt_id(ctl, "vga-a"), 0, NULL));
	ASSERT_EQ(0, qt_vmm(&next, &vmm, NULL));
	snprintf(vmm.data, QT_SHARED, "%s", qt_addr("vga-a"));
	EXPECT_EQ(0, qt_do(&vmm, do_open, 0, 0));
	qt_end(&vmm);
	qt_vm_end(&next);
}

/* For as long as somebody holds the group, nobody could open the device. */
static void expect_not_to_be_had(struct __test_metadata *_metadata, int ctl)
{
	struct qt_vm next;
	int i;

	ASSERT_EQ(0, qt_vm_new(&next, ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(QWAMOS_GPU_DEV_STATE_RESETTING, qt_state(ctl, "vga-a"));
		EXPECT_EQ(-EBUSY, qt_attach(next.manage, qt_id(ctl, "vga-a"), 0, NULL));
		EXPECT_EQ(QWAMOS_GPU_REASON_RESETTING, qt_reason);
		qt_sleep_ms(100);
	}
	qt_vm_end(&next);
}

/* The VM is ending and has @devices; something of it hangs. */
static void expect_hanging(struct __test_metadata *_metadata, int ctl, __u64 id, __u32 devices)
{
	struct qwamos_gpu_vm vms[8];
	int i, n = qt_list_vms(ctl, vms, 8);

	for (i = 0; i < n && vms[i].vm_id != id; i++)
		;
	ASSERT_LT(i, n);
	EXPECT_EQ(QWAMOS_GPU_VM_STATE_ENDING, vms[i].state);
	EXPECT_EQ(devices, vms[i].devices);
	EXPECT_LT(0, vms[i].threads_left);
}

/* It has closed the device, and holds its group. */
TEST_F_TIMEOUT(unkillable, holds_the_group, 60)
{
	ASSERT_EQ(0, qt_do(&self->a, do_close_device, 0, 0));
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	qt_sleep_ms(SOON);
	expect_hanging(_metadata, self->ctl, self->vm.id, 1);
	expect_not_to_be_had(_metadata, self->ctl);
	abort_all();
	expect_to_be_had(_metadata, self->ctl);
}

/* So may anybody whom it has passed the group to. */
TEST_F_TIMEOUT(unkillable, passed_the_group_on, 60)
{
	int container = qt_take_fd(&self->a, qt_do(&self->a, do_group_fd, 1, 0));
	int group = qt_take_fd(&self->a, qt_do(&self->a, do_group_fd, 0, 0));

	ASSERT_LE(0, container);
	ASSERT_LE(0, group);
	ASSERT_EQ(0, qt_do(&self->a, do_close_all, 0, 0));
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	abort_all();
	EXPECT_EQ(0, qt_died(self->a.pid, 5 * SOON));
	expect_not_to_be_had(_metadata, self->ctl);
	close(group);
	close(container);
	expect_to_be_had(_metadata, self->ctl);
}

/* It holds nothing of the device: that comes back, whatever becomes of the process. */
TEST_F_TIMEOUT(unkillable, holds_nothing, 60)
{
	ASSERT_EQ(0, qt_do(&self->a, do_close_all, 0, 0));
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	expect_to_be_had(_metadata, self->ctl);
	expect_hanging(_metadata, self->ctl, self->vm.id, 0);
}

TEST_F_TIMEOUT(unkillable, asked_for, 60)
{
	char path[64];
	pid_t pid;

	ASSERT_EQ(0, qt_set_param("qwamos_gpu", "revoke_timeout_s", 1));
	pid = fork();
	if (!pid) {
		snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/unbind", QT_OURS);
		_exit(-qt_write(path, qt_addr("vga-a")));
	}
	expect_cut_off(_metadata, self->ctl, 1000 + SOON);
	abort_all();
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
}

/* From here on the file is the test's, and so is the moment when the VMM goes on. */
static char *late[2];
static volatile __u32 *bar;
static struct qt_fuse fuse[2];

static long do_map(long n, long y, void *data)
{
	int fd = open(data, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	late[n] = mmap(NULL, QT_FUSE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	/* No reading ahead: so a fault that has been tried waits where no signal ends it. */
	return late[n] == MAP_FAILED || madvise(late[n], QT_FUSE_PAGE, MADV_RANDOM) ? -errno : 0;
}

static long do_reset(long x, long y, void *data)
{
	return ioctl(v.device, VFIO_DEVICE_RESET) ? -errno : 0;
}

static void *reset(void *unused)
{
	return (void *)do_reset(0, 0, NULL);
}

/* Resets, one after the other, each of which takes 100 ms and restores COMMAND. */
static long do_resets(long n, long y, void *data)
{
	pthread_t t;

	while (n--)
		pthread_create(&t, NULL, reset, NULL);
	return do_reset(0, 0, NULL);
}

/* COMMAND and what stands behind it, from memory that does not come for now. */
static long do_write_config(long x, long y, void *data)
{
	__u64 offset, size;

	qt_vfio_region(v.device, VFIO_PCI_CONFIG_REGION_INDEX, &offset, &size);
	return pwrite(v.device, late[0], PCI_CACHE_LINE_SIZE + 1 - PCI_COMMAND,
		      offset + PCI_COMMAND);
}

static long do_device(long x, long y, void *data)
{
	return v.device;
}

/*
 * Whoever shares the VMM's memory and is none of its VM: a child from before it joined. It touches
 * the device's memory when it is told to, until that fails.
 */
static volatile struct {
	int touch; /* 1: go on */
	long touched;
	int refused; /* the signal */
} * other;

static void refused(int sig)
{
	other->refused = sig;
	syscall(SYS_exit, 0);
}

_Noreturn static int touch_all_the_time(void *unused)
{
	struct timespec ms = { .tv_nsec = 1000000 };

	signal(SIGBUS, refused);
	while (!other->touch)
		syscall(SYS_nanosleep, &ms, NULL);
	for (;;) {
		(void)*bar;
		other->touched++;
	}
}

static long do_share_memory(long x, long y, void *data)
{
	static char stack[65536] __attribute__((aligned(16)));

	return clone(touch_all_the_time, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
}

static long do_map_bar(long x, long y, void *data)
{
	size_t size;

	bar = qt_vfio_map_bar(v.device, VFIO_PCI_BAR4_REGION_INDEX, &size);
	return bar ? 0 : -errno;
}

static void *wake(void *memory)
{
	static int word;

	/* The fault that this makes is answered with the mmap_lock held. */
	return (void *)syscall(SYS_futex, &word, FUTEX_WAKE_OP_PRIVATE, 0, 0, memory,
			       FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 1));
}

static long do_hold_mmap_lock(long n, long y, void *data)
{
	pthread_t t;

	return -pthread_create(&t, NULL, wake, late[n]);
}

static long do_low_power(long x, long y, void *data)
{
	struct vfio_device_feature f = {
		.argsz = sizeof(f),
		.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
	};

	return ioctl(v.device, VFIO_DEVICE_FEATURE, &f) ? -errno : 0;
}

FIXTURE(overtaken)
{
	int ctl;
	struct qt_vm vm;
	struct qt_actor a;
	long other;
	int device;
};

FIXTURE_SETUP(overtaken)
{
	char path[300], pid[16];
	int use;

	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	qt_run(true, (const char *const[]){ "modprobe", "fuse", NULL });
	ASSERT_EQ(0, qt_fuse_start(&fuse[0]));
	ASSERT_EQ(0, qt_ours(self->ctl, "virtio", NULL));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_attach(self->vm.manage, qt_id(self->ctl, "virtio"), 0, NULL));
	other = mmap(NULL, sizeof(*other), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	ASSERT_NE(MAP_FAILED, other);
	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	self->other = qt_do(&self->a, do_share_memory, 0, 0);
	ASSERT_LT(0, self->other);
	snprintf(path, sizeof(path), "%s/cgroup.procs", self->vm.cgroup);
	snprintf(pid, sizeof(pid), "%d", self->a.pid);
	ASSERT_EQ(0, qt_write(path, pid));
	use = qt_give_fd(&self->a, self->vm.use);
	ASSERT_LE(0, use);
	ASSERT_EQ(0, qt_do(&self->a, qt_do_join, use, 0));
	snprintf(self->a.data, QT_SHARED, "%s", qt_addr("virtio"));
	ASSERT_EQ(0, qt_do(&self->a, do_open, 0, 0));
	snprintf(self->a.data, QT_SHARED, "%s", fuse[0].path);
	ASSERT_EQ(0, qt_do(&self->a, do_map, 0, 0));
	/* So that it stays open whatever becomes of the VMM. */
	self->device = qt_take_fd(&self->a, qt_do(&self->a, do_device, 0, 0));
	ASSERT_LE(0, self->device);
}

FIXTURE_TEARDOWN(overtaken)
{
	int i;

	for (i = 0; i < 2; i++)
		if (fuse[i].dir[0])
			qt_fuse_go(&fuse[i]);
	kill(self->other, SIGKILL);
	close(self->device);
	qt_end(&self->a);
	qt_vm_end(&self->vm);
	EXPECT_EQ(0, qt_settle(self->ctl, 20000));
	for (i = 0; i < 2; i++)
		qt_fuse_end(&fuse[i]);
	munmap((void *)other, sizeof(*other));
	close(self->ctl);
}

static void expect_revoked(struct __test_metadata *_metadata, int ctl)
{
	EXPECT_EQ(0, qt_wait_state(ctl, "virtio", QWAMOS_GPU_DEV_STATE_REVOKED, SOON));
}

/* For how many of the next ms it is seen with bus mastering on. It has that for moments at most. */
static int seen_on(const char *gpu, int ms)
{
	long long end = qt_now_ms() + qt_patience(ms);
	int n = 0;

	while (qt_now_ms() < end) {
		n += command(qt_addr(gpu)) != 0xffff && command(qt_addr(gpu)) & PCI_COMMAND_MASTER;
		qt_sleep_ms(1);
	}
	return n;
}

static int read_config(const char *gpu, off_t at)
{
	unsigned char byte = 0xff;
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", qt_addr(gpu));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, &byte, 1, at) != 1)
		byte = 0xff;
	close(fd);
	return byte;
}

/* A reset that has begun before the end restores what it found then. */
TEST_F_TIMEOUT(overtaken, resets, 90)
{
	qt_start(&self->a, do_resets, 20, 0);
	qt_sleep_ms(800);
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	expect_revoked(_metadata, self->ctl);
	EXPECT_GT(15, seen_on("virtio", 4000));
}

/*
 * An access that is under way passes when it goes on, and is undone where it matters; nothing of
 * the rest of the write passes. It goes on when the end's work does not look all the time any more,
 * so that this is not what undoes it.
 */
TEST_F_TIMEOUT(overtaken, write, 90)
{
	__u16 value = PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY;

	ASSERT_EQ(PCI_COMMAND_SERR, command(qt_addr("virtio")) & PCI_COMMAND_SERR);
	ASSERT_EQ(0, read_config("virtio", PCI_CACHE_LINE_SIZE));
	memcpy(fuse[0].page, &value, sizeof(value));
	fuse[0].page[PCI_CACHE_LINE_SIZE - PCI_COMMAND] = 0x10;
	/* Another thread stays in the kernel: no exit of the VMM's is what cuts the GPU off. */
	ASSERT_EQ(0, qt_fuse_start(&fuse[1]));
	snprintf(self->a.data, QT_SHARED, "%s", fuse[1].path);
	ASSERT_EQ(0, qt_do(&self->a, do_map, 1, 0));
	ASSERT_EQ(0, qt_do(&self->a, do_hold_mmap_lock, 1, 0));
	ASSERT_EQ(0, qt_fuse_held(&fuse[1], 10000));
	fuse[0].fail = 1;
	qt_start(&self->a, do_write_config, 0, 0);
	ASSERT_EQ(0, qt_fuse_held(&fuse[0], 10000));
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	expect_revoked(_metadata, self->ctl);
	qt_sleep_ms(7000);
	EXPECT_EQ(PCI_COMMAND_SERR, command(qt_addr("virtio")) & PCI_COMMAND_SERR);
	qt_fuse_go(&fuse[0]);
	EXPECT_GT(5, seen_on("virtio", 2000));
	/* It did pass, without this bit. */
	EXPECT_EQ(0, command(qt_addr("virtio")) & PCI_COMMAND_SERR);
	EXPECT_EQ(0, read_config("virtio", PCI_CACHE_LINE_SIZE));
}

/* Faults come all the time, and are answered until the end. */
static void expect_no_mapping(struct __test_metadata *_metadata, int ctl, struct qt_vm *vm)
{
	long long end = qt_now_ms() + qt_patience(SOON);

	ASSERT_EQ(0, other->refused);
	other->touch = 1;
	while (!other->touched && qt_now_ms() < end)
		qt_sleep_ms(1);
	ASSERT_LT(0, other->touched);
	ASSERT_EQ(0, qt_destroy(vm->manage));
	expect_revoked(_metadata, ctl);
	end = qt_now_ms() + qt_patience(SOON);
	while (!other->refused && qt_now_ms() < end)
		qt_sleep_ms(1);
	EXPECT_EQ(SIGBUS, other->refused);
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_REVOKED, qt_state(ctl, "virtio"));
}

TEST_F_TIMEOUT(overtaken, mapping, 90)
{
	ASSERT_EQ(0, qt_do(&self->a, do_map_bar, 0, 0));
	expect_no_mapping(_metadata, self->ctl, &self->vm);
}

/* A thread of the VMM holds the lock that all of its mappings are under. */
TEST_F_TIMEOUT(overtaken, mapping_and_mmap_lock, 90)
{
	ASSERT_EQ(0, qt_do(&self->a, do_map_bar, 0, 0));
	ASSERT_EQ(0, qt_do(&self->a, do_hold_mmap_lock, 0, 0));
	ASSERT_EQ(0, qt_fuse_held(&fuse[0], 10000));
	expect_no_mapping(_metadata, self->ctl, &self->vm);
}

#define CORE_PATTERN "/proc/sys/kernel/core_pattern"
#define CORE	     "/tmp/qt-core"

/* With all mappings in it. */
static long do_dump(long x, long y, void *data)
{
	struct rlimit core = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_CORE, &core) || qt_write("/proc/self/coredump_filter", "0xff"))
		return -errno;
	abort();
}

/* A dump of its core is waited for, but not once it is killed. */
TEST_F_TIMEOUT(overtaken, killed_while_it_dumps, 90)
{
	char was[QT_PATH];

	ASSERT_LT(0, qt_read(CORE_PATTERN, was, sizeof(was)));
	ASSERT_EQ(0, qt_write(CORE_PATTERN, CORE));
	ASSERT_EQ(0, qt_start(&self->a, do_dump, 0, 0));
	EXPECT_EQ(0, qt_fuse_held(&fuse[0], 20000));
	EXPECT_EQ(0, qt_write(CORE_PATTERN, was));
	qt_sleep_ms(2000);
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_OPEN, qt_state(self->ctl, "virtio"));
	ASSERT_EQ(0, kill(self->a.pid, SIGKILL));
	expect_revoked(_metadata, self->ctl);
	unlink(CORE);
}

static bool power_is(const char *gpu, const char *status)
{
	char path[96], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/runtime_status", qt_addr(gpu));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	return !strncmp(text, status, strlen(status));
}

/* Whoever has the fd wakes the device by any call, and what it had comes back with it. */
TEST_F_TIMEOUT(overtaken, asleep, 90)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int i;

	ASSERT_EQ(0, qt_do(&self->a, do_low_power, 0, 0));
	for (i = 0; i < 500 && !power_is("virtio", "suspended"); i++)
		qt_sleep_ms(10);
	ASSERT_TRUE(power_is("virtio", "suspended"));
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	expect_revoked(_metadata, self->ctl);
	/* Long enough for the end's work to look only now and then. */
	qt_sleep_ms(3000);
	EXPECT_TRUE(power_is("virtio", "active"));
	EXPECT_EQ(0, command(qt_addr("virtio")) & PCI_COMMAND_MASTER);
	EXPECT_EQ(-1, ioctl(self->device, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_EQ(EACCES, errno);
	EXPECT_GT(3, seen_on("virtio", 500));
	close(self->device);
	self->device = -1;
	ASSERT_EQ(0, qt_wait_state(self->ctl, "virtio", QWAMOS_GPU_DEV_STATE_FREE, 20000));
	for (i = 0; i < 500 && !power_is("virtio", "suspended"); i++)
		qt_sleep_ms(10);
	EXPECT_TRUE(power_is("virtio", "suspended"));
}

TEST_HARNESS_MAIN
