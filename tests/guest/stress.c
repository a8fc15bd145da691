// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once, for a while: managers, VMMs, bindings, removals, readers. Nothing may hang,
 * crash, or be left over; what each call returns is its own business, as long as it is one of the
 * contract's errors.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "vfio.h"
#include "vm.h"

#define SECONDS 12

static const char *const gpus[] = { "bochs", "vga-a", "virtio", "pair-vga" };

static unsigned int dice(unsigned int *seed, unsigned int sides)
{
	return rand_r(seed) % sides;
}

/* A VM's short life, however it comes; returns what went against the contract. */
static int one_vm(int ctl, unsigned int *seed)
{
	const char *id = gpus[dice(seed, 4)];
	struct qwamos_gpu_dev d;
	struct qt_actor vmm = { 0 };
	struct qt_vm vm;
	int ret, use;

	ret = qt_vm_new(&vm, ctl, dice(seed, 8) ? QWAMOS_GPU_LEVEL_SYSTEM : QWAMOS_GPU_LEVEL_LOW,
			0);
	if (ret)
		return ret;
	if (qt_device(ctl, id, &d))
		goto out;
	ret = qt_attach(vm.manage, d.device_id, QT_UNWIPED, NULL);
	if (ret == -ENOTRECOVERABLE || ret == -EINVAL || ret == -EFAULT)
		goto out;
	ret = 0;
	if (qt_vmm(&vm, &vmm, &use))
		goto out;
	snprintf(vmm.data, QT_SHARED, "%s", qt_addr(id));
	if (dice(seed, 3)) {
		struct qt_vfio v;

		/* The manager itself is a stranger. */
		if (!qt_vfio_open(&v, qt_addr(id))) {
			fprintf(stderr, "# a stranger has opened %s\n", id);
			qt_vfio_close(&v);
			ret = -EPERM;
		}
	}
	switch (dice(seed, 4)) {
	case 0:
		kill(vmm.pid, SIGKILL);
		break;
	case 1:
		qt_detach(vm.manage, d.device_id, dice(seed, 2) ? QWAMOS_GPU_DEV_DETACH_F_KILL : 0);
		break;
	case 2:
		qt_destroy(vm.manage);
		break;
	}
out:
	qt_end(&vmm);
	qt_vm_end(&vm);
	return ret;
}

static struct qt_vfio held = { -1, -1, -1, NULL };

static long do_open_close(long x, long y, void *data)
{
	int ret = qt_vfio_open(&held, data);

	if (!ret)
		qt_vfio_close(&held);
	return 0;
}

/* As one_vm(), with a VMM that opens and closes the whole time. */
static int one_user(int ctl, unsigned int *seed)
{
	const char *id = gpus[dice(seed, 3)];
	struct qt_actor vmm = { 0 };
	struct qt_vm vm;
	int ret, i;

	ret = qt_vm_new(&vm, ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0);
	if (ret)
		return ret;
	if (!qt_attach(vm.manage, qt_id(ctl, id), QT_UNWIPED, NULL) && !qt_vmm(&vm, &vmm, NULL)) {
		snprintf(vmm.data, QT_SHARED, "%s", qt_addr(id));
		for (i = dice(seed, 4); i >= 0; i--)
			if (qt_do(&vmm, do_open_close, 0, 0) == QT_LATE)
				ret = -ETIMEDOUT;
		qt_start(&vmm, do_open_close, 0, 0);
	}
	qt_end(&vmm);
	qt_vm_end(&vm);
	return ret;
}

/*
 * Faults of the kernels' own, see Documentation/kernel-versions.md: a function that shares its bus
 * with another is pulled out only where neither has been seen.
 */
static bool may_pull(const char *id)
{
	struct utsname u;
	int major, minor;

	if (strncmp(id, "pair-", 5))
		return true;
	return !uname(&u) && sscanf(u.release, "%d.%d.", &major, &minor) == 2 && major == 6 &&
	       minor >= 12;
}

static int one_rebind(int ctl, unsigned int *seed)
{
	const char *id = gpus[dice(seed, 4)];
	const char *addr = qt_addr(id);

	switch (dice(seed, 4)) {
	case 0:
		qt_bind(addr, NULL);
		break;
	case 1:
		if (!may_pull(id))
			break;
		qt_remove(addr);
		qt_sleep_ms(dice(seed, 20));
		qt_rescan();
		break;
	}
	qt_bind(addr, QT_OURS);
	qt_sleep_ms(dice(seed, 300));
	return 0;
}

static int one_look(int ctl, unsigned int *seed)
{
	static struct qwamos_gpu_audit_record recs[256];
	struct qwamos_gpu_dev devices[64];
	struct qwamos_gpu_vm vms[64];
	int n;

	n = qt_list_devices(ctl, devices, 64);
	if (n < 0)
		return n;
	n = qt_list_vms(ctl, vms, 64);
	if (n < 0)
		return n;
	n = qt_audit_read(ctl, 0, recs, 256);
	qt_sleep_ms(dice(seed, 50));
	return n < 0 ? n : 0;
}

FIXTURE(stress)
{
	int ctl;
};

FIXTURE_SETUP(stress)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_ours(self->ctl, "bochs", "vga-a", "virtio", "pair-vga", "pair-edu", NULL));
}

FIXTURE_TEARDOWN(stress)
{
	close(self->ctl);
}

TEST_F_TIMEOUT(stress, everything, 150)
{
	int (*const jobs[])(int, unsigned int *) = {
		one_vm, one_vm, one_user, one_user, one_rebind, one_look,
	};
	pid_t pids[ARRAY_SIZE(jobs)];
	unsigned int i;
	int status;

	for (i = 0; i < ARRAY_SIZE(jobs); i++) {
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		if (!pids[i]) {
			long long end = qt_now_ms() + SECONDS * 1000;
			unsigned int seed = i + 1;
			int ctl = qt_open_control(), ret = ctl < 0 ? ctl : 0, n = 0;

			for (; !ret && qt_now_ms() < end; n++)
				ret = jobs[i](ctl, &seed);
			if (ret)
				fprintf(stderr, "# job %u: %s\n", i, strerror(-ret));
			else
				fprintf(stderr, "# job %u: %d rounds\n", i, n);
			_exit(ret ? 1 : 0);
		}
	}
	for (i = 0; i < ARRAY_SIZE(jobs); i++) {
		ASSERT_EQ(pids[i], waitpid(pids[i], &status, 0));
		EXPECT_EQ(0, status) TH_LOG("job %u", i);
	}
	ASSERT_EQ(0, qt_settle(self->ctl, 30000));
	if (!qt_exists(qt_addr("bochs")) || !qt_exists(qt_addr("vga-a")) ||
	    !qt_exists(qt_addr("virtio")) || !qt_exists(qt_addr("pair-vga")))
		qt_rescan();
	/* All of them are as good as before. */
	ASSERT_EQ(0, qt_ours(self->ctl, "bochs", "vga-a", "virtio", "pair-vga", "pair-edu", NULL));
	for (i = 0; i < ARRAY_SIZE(gpus); i++) {
		struct qt_vm vm;

		ASSERT_EQ(0, qt_vm_new(&vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
		EXPECT_EQ(0, qt_attach(vm.manage, qt_id(self->ctl, gpus[i]), QT_UNWIPED, NULL))
		TH_LOG("%s, reason %u", gpus[i], qt_reason);
		qt_vm_end(&vm);
	}
	EXPECT_EQ(0, qt_settle(self->ctl, 20000));
}

TEST_HARNESS_MAIN
