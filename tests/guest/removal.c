// SPDX-License-Identifier: GPL-2.0-only
/*
 * A whole bus is removed, while a VM has a GPU on it open: what is removed already is not bound
 * again, no timer outlives what it is about (slub_debug would tell), the VM is asked and ended. And
 * one GPU, while somebody keeps whoever removes it from marking it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "fuse.h"
#include "vfio.h"
#include "vm.h"

#define SOON 20000

static struct qt_vfio v = { -1, -1, -1, NULL };

static long do_open(long x, long y, void *data)
{
	return qt_vfio_open(&v, data);
}

static long do_open_another(long x, long y, void *data)
{
	struct qt_vfio another = { -1, -1, -1, NULL };

	return qt_vfio_open(&another, data);
}

FIXTURE(removal)
{
	int ctl;
	struct qt_vm vm;
	struct qt_actor vmm;
	char up[64];
	char x[32];
	char y[32];
};

FIXTURE_SETUP(removal)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, SOON));
	snprintf(self->up, sizeof(self->up), "/sys/bus/pci/devices/%s/remove", qt_addr("sw-up"));
	snprintf(self->x, sizeof(self->x), "%s", qt_addr("sw-x"));
	snprintf(self->y, sizeof(self->y), "%s", qt_addr("sw-y"));
	ASSERT_EQ(0, qt_ours(self->ctl, "sw-x", "sw-y", NULL));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_attach(self->vm.manage, qt_id(self->ctl, "sw-x"), 0, NULL));
	ASSERT_EQ(0, qt_attach(self->vm.manage, qt_id(self->ctl, "sw-y"), 0, NULL));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->vmm, NULL));
	snprintf(self->vmm.data, QT_SHARED, "%s", self->y);
	ASSERT_EQ(0, qt_do(&self->vmm, do_open, 0, 0));
}

FIXTURE_TEARDOWN(removal)
{
	qt_end(&self->vmm);
	qt_vm_end(&self->vm);
	EXPECT_EQ(0, qt_settle(self->ctl, SOON));
	EXPECT_EQ(0, qt_set_param("qwamos_gpu", "revoke_timeout_s", 30));
	close(self->ctl);
}

/* The removal, by a process of its own: it waits for the VM. */
static pid_t begin_removal(const char *up)
{
	pid_t pid = fork();

	if (!pid)
		_exit(-qt_write(up, "1"));
	return pid;
}

static bool is_driverless(const char *addr)
{
	char driver[64] = "";

	qt_driver(addr, driver, sizeof(driver));
	return !driver[0];
}

static int wait_driverless(const char *addr)
{
	long long end = qt_now_ms() + SOON;

	while (!is_driverless(addr)) {
		if (qt_now_ms() > end)
			return -ETIMEDOUT;
		qt_sleep_ms(50);
	}
	return 0;
}

static int ended(pid_t pid, int ms)
{
	long long end = qt_now_ms() + ms;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (qt_now_ms() > end)
			return -ETIMEDOUT;
		qt_sleep_ms(50);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A reader of the GPU's file in /proc/bus/pci, who is slow to take what he reads. */
static pid_t begin_reading(const struct qt_fuse *f, const char *addr)
{
	char path[64];
	int fuse_fd, fd;
	pid_t pid;
	void *p;

	/* 0000:01:02.3 is 01/02.3 there. */
	snprintf(path, sizeof(path), "/proc/bus/pci/%.2s/%s", addr + 5, addr + 8);
	pid = fork();
	if (pid)
		return pid;
	fd = open(path, O_RDONLY);
	fuse_fd = open(f->path, O_RDWR);
	p = mmap(NULL, QT_FUSE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fuse_fd, 0);
	_exit(p == MAP_FAILED || pread(fd, p, 4, 0) != 4);
}

FIXTURE(gap)
{
	int ctl;
	struct qt_vm vm;
	struct qt_fuse fuse;
	char addr[32];
};

FIXTURE_SETUP(gap)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, SOON));
	qt_run(true, (const char *const[]){ "modprobe", "fuse", NULL });
	ASSERT_EQ(0, qt_fuse_start(&self->fuse));
	snprintf(self->addr, sizeof(self->addr), "%s", qt_addr("vga-a"));
	ASSERT_EQ(0, qt_ours(self->ctl, "vga-a", NULL));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
}

FIXTURE_TEARDOWN(gap)
{
	qt_vm_end(&self->vm);
	qt_fuse_end(&self->fuse);
	close(self->ctl);
}

/*
 * What tells that a device is being removed comes after its driver is taken from it, and after the
 * last reader of its file. Bound again in between, it can be had by nobody.
 */
TEST_F_TIMEOUT(gap, what_is_bound_between_is_not_attached, 60)
{
	struct qwamos_gpu_dev_attach out;
	pid_t reader, pid;
	char path[64];
	int i;

	reader = begin_reading(&self->fuse, self->addr);
	ASSERT_EQ(0, qt_fuse_held(&self->fuse, SOON));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove", self->addr);
	pid = begin_removal(path);
	ASSERT_EQ(0, wait_driverless(self->addr));
	ASSERT_EQ(0, qt_write("/sys/bus/pci/drivers/qwamos_vfio_pci/bind", self->addr));
	for (i = 0; i < 30; i++) {
		EXPECT_EQ(-EBUSY, qt_attach(self->vm.manage, qt_id(self->ctl, "vga-a"), 0, &out));
		EXPECT_EQ(QWAMOS_GPU_REASON_RESETTING, out.hdr.out_reason);
		EXPECT_EQ(QWAMOS_GPU_DEV_STATE_RESETTING, qt_state(self->ctl, "vga-a"));
		qt_sleep_ms(100);
	}
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	qt_fuse_go(&self->fuse);
	EXPECT_EQ(0, ended(reader, SOON));
	EXPECT_EQ(0, ended(pid, SOON));
	EXPECT_EQ(0, qt_id(self->ctl, "vga-a"));
}

/*
 * The first one is gone from its driver, and waits with all the rest for the second one, until
 * whoever holds on to that is ended. If the first bind was quicker than the mark of the removal,
 * our driver has it again, but its VM does not. Once only: after a rescan kernels may have no room
 * for what they find.
 */
TEST_F_TIMEOUT(removal, what_goes_is_not_bound_again, 60)
{
	struct qwamos_gpu_vm info;
	pid_t pid;
	int i;

	ASSERT_EQ(0, qt_set_param("qwamos_gpu", "revoke_timeout_s", 4));
	snprintf(self->vmm.data, QT_SHARED, "%s", self->x);
	pid = begin_removal(self->up);
	ASSERT_EQ(0, wait_driverless(self->x));
	for (i = 0; i < 20; i++) {
		qt_write("/sys/bus/pci/drivers/qwamos_vfio_pci/bind", self->x);
		if (!is_driverless(self->x))
			EXPECT_EQ(QWAMOS_GPU_DEV_STATE_RESETTING, qt_state(self->ctl, "sw-x"));
		EXPECT_GT(0, qt_do(&self->vmm, do_open_another, 0, 0));
		qt_sleep_ms(20);
	}
	EXPECT_EQ(0, ended(pid, SOON));
	EXPECT_EQ(-ENODEV, qt_vm_info(self->vm.manage, &info));
	EXPECT_EQ(0, qt_id(self->ctl, "sw-x"));
	EXPECT_EQ(0, qt_id(self->ctl, "sw-y"));
	/* Were a timer left, it would be over in this time. */
	qt_sleep_ms(5000);
}

/* Virtual functions of a device, one of which comes to our driver while they are removed. */
FIXTURE(vf)
{
	struct qt_fuse fuse[2];
	char pf[32];
	char addr[2][32];
	pid_t reader[2];
};

static int name_of_vf(const char *pf, int n, char *addr)
{
	char path[96], link[256];
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/virtfn%d", pf, n);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return -errno;
	link[len] = 0;
	snprintf(addr, 32, "%s", strrchr(link, '/') + 1);
	return 0;
}

FIXTURE_SETUP(vf)
{
	char path[96];
	int i;

	qt_run(true, (const char *const[]){ "modprobe", "fuse", NULL });
	qt_run(true, (const char *const[]){ "modprobe", "vfio-pci", NULL });
	snprintf(self->pf, sizeof(self->pf), "%s", qt_addr("nv"));
	if (!qt_exists(self->pf))
		ASSERT_EQ(0, qt_rescan());
	ASSERT_EQ(0, qt_write("/sys/module/vfio_pci/parameters/enable_sriov", "1"));
	ASSERT_EQ(0, qt_bind(self->pf, QT_STOCK));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/sriov_numvfs", self->pf);
	ASSERT_EQ(0, qt_write(path, "2"));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, name_of_vf(self->pf, i, self->addr[i]));
		ASSERT_EQ(0, qt_fuse_start(&self->fuse[i]));
		self->reader[i] = begin_reading(&self->fuse[i], self->addr[i]);
		ASSERT_EQ(0, qt_fuse_held(&self->fuse[i], SOON));
	}
}

FIXTURE_TEARDOWN(vf)
{
	int i;

	for (i = 0; i < 2; i++)
		qt_fuse_end(&self->fuse[i]);
}

static int bind_to_ours(const char *addr)
{
	char path[96];
	int ret;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", addr);
	ret = qt_write(path, QT_OURS);
	return ret ? ret : qt_write("/sys/bus/pci/drivers/" QT_OURS "/bind", addr);
}

static pid_t begin_writing(const char *pf, const char *attr, const char *text)
{
	char path[96];
	pid_t pid = fork();

	if (pid)
		return pid;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", pf, attr);
	_exit(-qt_write(path, text));
}

static void expect_no_complaint(struct __test_metadata *_metadata)
{
	EXPECT_FALSE(qt_dmesg("BUG"));
	EXPECT_FALSE(qt_dmesg("WARNING"));
	EXPECT_FALSE(qt_dmesg("bjects remaining"));
	EXPECT_FALSE(qt_dmesg("Poison overwritten"));
	EXPECT_FALSE(qt_dmesg("general protection"));
}

/* What waits for the physical function's lock keeps that there. */
TEST_F_TIMEOUT(vf, goes_with_its_physical_function, 60)
{
	pid_t pid = begin_writing(self->pf, "remove", "1");

	ASSERT_EQ(0, wait_driverless(self->addr[0]));
	ASSERT_EQ(0, bind_to_ours(self->addr[0]));
	qt_sleep_ms(500);
	qt_fuse_go(&self->fuse[0]);
	qt_fuse_go(&self->fuse[1]);
	EXPECT_EQ(0, ended(self->reader[0], SOON));
	EXPECT_EQ(0, ended(self->reader[1], SOON));
	EXPECT_EQ(0, ended(pid, SOON));
	EXPECT_FALSE(qt_exists(self->pf));
	qt_sleep_ms(1000);
	expect_no_complaint(_metadata);
}

/* The module goes when the last device does that something still waits for. */
TEST_F_TIMEOUT(vf, outlives_no_module, 60)
{
	pid_t pid = begin_writing(self->pf, "sriov_numvfs", "0"), rmmod;
	int i;

	ASSERT_EQ(0, wait_driverless(self->addr[0]));
	ASSERT_EQ(0, bind_to_ours(self->addr[0]));
	qt_sleep_ms(500);
	qt_fuse_go(&self->fuse[0]);
	EXPECT_EQ(0, ended(self->reader[0], SOON));
	for (i = 0; i < 100 && qt_exists(self->addr[0]); i++)
		qt_sleep_ms(50);
	ASSERT_FALSE(qt_exists(self->addr[0]));
	rmmod = fork();
	if (!rmmod)
		_exit(qt_run(false, (const char *const[]){ "rmmod", QT_OURS, "qwamos_gate", "qwamos_gpu",
								  NULL }));
	qt_sleep_ms(2000);
	EXPECT_EQ(0, waitpid(rmmod, NULL, WNOHANG)) TH_LOG("nothing waits: nothing is tested here");
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	qt_fuse_go(&self->fuse[1]);
	EXPECT_EQ(0, ended(self->reader[1], SOON));
	EXPECT_EQ(0, ended(pid, SOON));
	EXPECT_EQ(0, ended(rmmod, SOON));
	EXPECT_TRUE(qt_dmesg("qwamos_gpu: unloaded, no objects left"));
	expect_no_complaint(_metadata);
	EXPECT_EQ(0, qt_run(true, (const char *const[]){ "modprobe", "-a", QT_OURS, "qwamos_gate",
							     NULL }));
}

TEST_HARNESS_MAIN
