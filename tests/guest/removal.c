// SPDX-License-Identifier: GPL-2.0-only
/*
 * A whole bus is removed, while a VM has a GPU on it open: what is removed already is not bound
 * again, no timer outlives what it is about (slub_debug would tell), the VM is asked and ended.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "vfio.h"
#include "vm.h"

#define SOON 20000

static struct qt_vfio v = { -1, -1, -1, NULL };

static long do_open(long x, long y, void *data)
{
	return qt_vfio_open(&v, data);
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

/*
 * The first one is gone from its driver, and waits with all the rest for the second one, until
 * whoever holds on to that is ended. Once only: after a rescan kernels may have no room for what
 * they find.
 */
TEST_F_TIMEOUT(removal, what_goes_is_not_bound_again, 60)
{
	struct qwamos_gpu_vm info;
	pid_t pid;
	int i;

	ASSERT_EQ(0, qt_set_param("qwamos_gpu", "revoke_timeout_s", 4));
	pid = begin_removal(self->up);
	ASSERT_EQ(0, wait_driverless(self->x));
	for (i = 0; i < 20; i++) {
		EXPECT_GT(0, qt_write("/sys/bus/pci/drivers/qwamos_vfio_pci/bind", self->x));
		EXPECT_TRUE(is_driverless(self->x)) TH_LOG("it is bound again");
		qt_sleep_ms(20);
	}
	EXPECT_EQ(0, ended(pid, SOON));
	EXPECT_EQ(-ENODEV, qt_vm_info(self->vm.manage, &info));
	EXPECT_EQ(0, qt_id(self->ctl, "sw-x"));
	EXPECT_EQ(0, qt_id(self->ctl, "sw-y"));
	/* Were a timer left, it would be over in this time. */
	qt_sleep_ms(5000);
}

TEST_HARNESS_MAIN
