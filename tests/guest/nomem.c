// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel runs out of memory at each point of each call in turn (fail-nth, on a kernel with
 * fault injection): the call fails with -ENOMEM, or does without, and leaves no VM, fd or
 * attachment behind that it does not tell of.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "call.h"
#include "vm.h"

#define FAILSLAB "/sys/kernel/debug/failslab/"
#define MOST	 300 /* allocations in one call; all have far fewer */

FIXTURE(nomem)
{
	int ctl;
	int nth;
	struct qt_vm vm;
};

FIXTURE_SETUP(nomem)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_ours(self->ctl, "vga-a", NULL));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_write(FAILSLAB "verbose", "0"));
	ASSERT_EQ(0, qt_write(FAILSLAB "ignore-gfp-wait", "N"));
	self->nth = open("/proc/thread-self/fail-nth", O_RDWR);
	ASSERT_LE(0, self->nth);
}

FIXTURE_TEARDOWN(nomem)
{
	qt_vm_end(&self->vm);
}

/* The ioctl, its @n'th allocation failing. Return: 0 or -errno; @reached: was there an n'th? */
static int call(int nth, int n, int fd, unsigned int cmd, void *arg, bool *reached)
{
	char text[16];
	int ret, len = snprintf(text, sizeof(text), "%d", n);

	if (pwrite(nth, text, len, 0) != len)
		return -EIO;
	ret = ioctl(fd, cmd, arg) ? -errno : 0;
	len = pread(nth, text, sizeof(text) - 1, 0);
	if (pwrite(nth, "0", 1, 0) != 1)
		return -EIO;
	text[len > 0 ? len : 0] = '\0';
	*reached = atoi(text) == 0;
	return ret;
}

static int lowest_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* Waits until there are @n VMs, for one that has ended goes a little later. */
static bool vms_are(int ctl, int n)
{
	static struct qwamos_gpu_vm list[64];
	int i;

	for (i = 0; i < 200 && qt_list_vms(ctl, list, 64) != n; i++)
		qt_sleep_ms(50);
	return i < 200;
}

TEST_F(nomem, create)
{
	const int fds = lowest_fd();
	bool reached = true;
	int n, ret, failed = 0;

	for (n = 1; n < MOST && reached; n++) {
		struct qwamos_gpu_vm_create c = { .hdr = QT_HDR(c,
								QWAMOS_GPU_VM_CREATE_F_NO_CGROUP),
						  .cgroup_fd = -1,
						  .name = "nomem" };

		ret = call(self->nth, n, self->ctl, QWAMOS_GPU_VM_CREATE, &c, &reached);
		if (!ret) {
			EXPECT_EQ(0, qt_destroy(c.out_manage_fd));
			close(c.out_manage_fd);
			close(c.out_use_fd);
		} else {
			EXPECT_EQ(-ENOMEM, ret) TH_LOG("allocation %d", n);
			failed++;
		}
		EXPECT_EQ(fds, lowest_fd()) TH_LOG("allocation %d", n);
		EXPECT_TRUE(vms_are(self->ctl, 1)) TH_LOG("allocation %d", n);
	}
	EXPECT_FALSE(reached);
	EXPECT_LE(1, failed) TH_LOG("nothing failed: no fault was injected");
}

TEST_F(nomem, fds)
{
	const int fds = lowest_fd();
	bool reached = true;
	int n, ret, failed = 0;

	for (n = 1; n < MOST && reached; n++) {
		struct qwamos_gpu_vm_new_fd u = { .hdr = QT_HDR(u, 0) };

		ret = call(self->nth, n, self->vm.use, QWAMOS_GPU_VM_NEW_FD, &u, &reached);
		if (!ret) {
			close(u.out_fd);
		} else {
			EXPECT_EQ(-ENOMEM, ret) TH_LOG("VM_NEW_FD, allocation %d", n);
			failed++;
		}
		EXPECT_EQ(fds, lowest_fd()) TH_LOG("VM_NEW_FD, allocation %d", n);
	}
	EXPECT_FALSE(reached);
	for (reached = true, n = 1; n < MOST && reached; n++) {
		struct qwamos_gpu_vm_open o = { .hdr = QT_HDR(o, 0),
						.vm_id = self->vm.id,
						.right = QWAMOS_GPU_RIGHT_MANAGE };

		ret = call(self->nth, n, self->ctl, QWAMOS_GPU_VM_OPEN, &o, &reached);
		if (!ret) {
			close(o.out_fd);
		} else {
			EXPECT_EQ(-ENOMEM, ret) TH_LOG("OPEN, allocation %d", n);
			failed++;
		}
		EXPECT_EQ(fds, lowest_fd()) TH_LOG("OPEN, allocation %d", n);
	}
	EXPECT_FALSE(reached);
	EXPECT_LE(2, failed);
}

TEST_F(nomem, attach)
{
	const __u64 id = qt_id(self->ctl, "vga-a");
	bool reached = true;
	int n, ret, failed = 0;

	for (n = 1; n < MOST && reached; n++) {
		struct qwamos_gpu_dev_attach a = { .hdr = QT_HDR(a, 0),
						   .device_id = id,
						   .scrub = QWAMOS_GPU_SCRUB_DEFAULT };
		struct qwamos_gpu_dev_detach d = { .hdr = QT_HDR(d, 0), .device_id = id };
		bool ignored;

		ret = call(self->nth, n, self->vm.manage, QWAMOS_GPU_DEV_ATTACH, &a, &reached);
		if (ret) {
			EXPECT_EQ(-ENOMEM, ret) TH_LOG("DEV_ATTACH, allocation %d", n);
			EXPECT_EQ(QWAMOS_GPU_DEV_STATE_FREE, qt_state(self->ctl, "vga-a"));
			failed++;
			continue;
		}
		EXPECT_EQ(QWAMOS_GPU_DEV_STATE_ATTACHED, qt_state(self->ctl, "vga-a"));
		/* Giving back can fail, and then it was not done. */
		ret = call(self->nth, n, self->vm.manage, QWAMOS_GPU_DEV_DETACH, &d, &ignored);
		if (ret) {
			EXPECT_EQ(-ENOMEM, ret) TH_LOG("DEV_DETACH, allocation %d", n);
			EXPECT_EQ(0, qt_detach(self->vm.manage, id, 0));
		}
		ASSERT_EQ(0, qt_wait_state(self->ctl, "vga-a", QWAMOS_GPU_DEV_STATE_FREE, 20000));
	}
	EXPECT_FALSE(reached);
	EXPECT_LE(1, failed);
}

/* Calls that tell, and those that count: what they answer may fail, and nothing else happens. */
TEST_F(nomem, others)
{
	static struct qwamos_gpu_audit_record records[16];
	static struct qwamos_gpu_dev devices[64];
	static struct qwamos_gpu_vm list[64];
	struct qwamos_gpu_list ld = { .hdr = QT_HDR(ld, 0),
				      .entries = (unsigned long)devices,
				      .entry_size = sizeof(devices[0]),
				      .count = 64 };
	struct qwamos_gpu_list lv = { .hdr = QT_HDR(lv, 0),
				      .entries = (unsigned long)list,
				      .entry_size = sizeof(list[0]),
				      .count = 64 };
	struct qwamos_gpu_audit_read ar = { .hdr = QT_HDR(ar, 0),
					    .records = (unsigned long)records,
					    .record_size = sizeof(records[0]),
					    .count = 16 };
	__u64 gpu = qt_id(self->ctl, "vga-b");
	struct qwamos_gpu_vm_set_policy sp = { .hdr = QT_HDR(sp, 0),
					       .mask = QWAMOS_GPU_POLICY_GPUS,
					       .gpus_count = 1,
					       .gpus = (unsigned long)&gpu };
	struct qwamos_gpu_vm_charge ch = { .hdr = QT_HDR(ch, 0),
					   .kind = QWAMOS_GPU_RESOURCE_VRAM,
					   .device_id = gpu,
					   .amount = 4096 };
	struct {
		const char *name;
		int fd;
		unsigned int cmd;
		void *arg;
		size_t size;
	} calls[] = {
		{ "DEV_LIST", self->ctl, QWAMOS_GPU_DEV_LIST, &ld, sizeof(ld) },
		{ "VM_LIST", self->ctl, QWAMOS_GPU_VM_LIST, &lv, sizeof(lv) },
		{ "AUDIT_READ", self->ctl, QWAMOS_GPU_AUDIT_READ, &ar, sizeof(ar) },
		{ "VM_SET_POLICY", self->vm.manage, QWAMOS_GPU_VM_SET_POLICY, &sp, sizeof(sp) },
		{ "VM_CHARGE", self->vm.use, QWAMOS_GPU_VM_CHARGE, &ch, sizeof(ch) },
		{ "VM_UNCHARGE", self->vm.use, QWAMOS_GPU_VM_UNCHARGE, &ch, sizeof(ch) },
	};
	char arg[256];
	unsigned int i;
	__u64 used = 0;
	int n, ret;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		bool reached = true;

		ASSERT_GE(sizeof(arg), calls[i].size);
		for (n = 1; n < MOST && reached; n++) {
			memcpy(arg, calls[i].arg, calls[i].size);
			ret = call(self->nth, n, calls[i].fd, calls[i].cmd, arg, &reached);
			if (!ret && calls[i].cmd == QWAMOS_GPU_VM_CHARGE)
				used += ch.amount;
			if (!ret && calls[i].cmd == QWAMOS_GPU_VM_UNCHARGE)
				used -= ch.amount;
			/* The last of all succeeds. */
			if (!reached || ret) {
				EXPECT_EQ(reached ? -ENOMEM : 0, ret)
				TH_LOG("%s, allocation %d", calls[i].name, n);
			}
		}
		EXPECT_FALSE(reached) TH_LOG("%s", calls[i].name);
	}
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &list[0]));
	EXPECT_EQ(used, list[0].vram_used);
}

TEST_HARNESS_MAIN
