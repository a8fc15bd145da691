// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO's no-IOMMU mode, in a guest without an IOMMU: a host where it is on binds devices to our
 * driver, in groups that protect nothing. No VM gets one, and nobody opens one.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "iommufd.h"
#include "vfio.h"
#include "vm.h"

#define MODE "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

static int group = -1, container = -1;

/* All that such a group asks of who opens it: the capability, a container, and the mode. */
static long do_group(long number, long y, void *data)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/noiommu-%ld", number);
	group = open(path, O_RDWR | O_CLOEXEC);
	container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (group < 0 || container < 0 || ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU))
		return -errno;
	return 0;
}

static long do_device(long x, long y, void *data)
{
	return qt_vfio_device(group, data);
}

FIXTURE(noiommu)
{
	int ctl;
	const char *addr;
	__u64 id;
	struct qt_vm vm;
	struct qt_actor vmm;
	struct qt_actor stranger;
};

FIXTURE_SETUP(noiommu)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	self->addr = qt_addr("vga-a");
	ASSERT_EQ(0, qt_write(MODE, "Y"));
	ASSERT_EQ(0, qt_ours(self->ctl, "vga-a", NULL));
	self->id = qt_id(self->ctl, "vga-a");
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
}

FIXTURE_TEARDOWN(noiommu)
{
	qt_end(&self->stranger);
	qt_end(&self->vmm);
	qt_vm_end(&self->vm);
	EXPECT_EQ(0, qt_theirs(self->ctl, "vga-a", NULL));
	EXPECT_EQ(0, qt_write(MODE, "N"));
}

TEST_F(noiommu, attach_refused)
{
	struct qwamos_gpu_dev_attach out;
	struct qwamos_gpu_dev d;
	__u64 mark = qt_audit_mark(self->ctl);

	/* The group looks like one. */
	ASSERT_LE(0, qt_group(self->addr));
	ASSERT_EQ(0, qt_device(self->ctl, "vga-a", &d));
	EXPECT_EQ(0, d.flags & QWAMOS_GPU_DEV_F_IOMMU);
	EXPECT_EQ(-EACCES, qt_attach(self->vm.manage, self->id, QWAMOS_GPU_SCRUB_DEFAULT, &out));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_IOMMU, qt_reason);
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_OPERATION_DENIED,
					   .reason = QWAMOS_GPU_REASON_NO_IOMMU, .result = -EACCES,
					   .operation = QWAMOS_GPU_OP_PASSTHROUGH,
					   .chain = self->vm.id),
				   NULL));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_FREE, qt_state(self->ctl, "vga-a"));
}

/* The group itself is VFIO's and opens, for who may do raw I/O; the device in it does not. */
static void expect_closed(struct __test_metadata *_metadata, FIXTURE_DATA(noiommu) * self,
			  struct qt_actor *a)
{
	__u64 mark = qt_audit_mark(self->ctl);

	ASSERT_EQ(0, qt_do(a, do_group, qt_group(self->addr), 0));
	snprintf(a->data, QT_SHARED, "%s", self->addr);
	EXPECT_EQ(-EACCES, qt_do(a, do_device, 0, 0));
	EXPECT_EQ(1,
		  qt_audit_find(self->ctl, mark,
				QT_WANT(QWAMOS_GPU_EV_DEVICE_OPEN_REFUSED,
					.reason = QWAMOS_GPU_REASON_NOT_ATTACHED, .result = -EACCES,
					.pid = a->pid, .asked = QWAMOS_GPU_VFIO_OP_GET_FD,
					.device = self->addr),
				NULL));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_FREE, qt_state(self->ctl, "vga-a"));
}

TEST_F(noiommu, open_by_root)
{
	ASSERT_EQ(0, qt_spawn(&self->stranger, NULL));
	expect_closed(_metadata, self, &self->stranger);
}

TEST_F(noiommu, open_by_member)
{
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->vmm, NULL));
	expect_closed(_metadata, self, &self->vmm);
}

/* VFIO makes no character device for one without an IOMMU. */
TEST_F(noiommu, no_cdev)
{
	EXPECT_EQ(-ENOENT, qt_cdev(self->addr));
}

TEST_HARNESS_MAIN
