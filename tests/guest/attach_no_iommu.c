// SPDX-License-Identifier: GPL-2.0-only
/* DEV_ATTACH and VM_CHECK in a guest without an IOMMU: NO_IOMMU, before all that is about the
 * device. */
#include "kselftest_harness.h"
#include "verdict.h"

FIXTURE(no_iommu)
{
	int ctl;
	struct qt_vm vm;
};

FIXTURE_SETUP(no_iommu)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_GT(0, qt_group(qt_addr("vga-a"))) TH_LOG("this guest has an IOMMU");
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
}

FIXTURE_TEARDOWN(no_iommu)
{
	qt_vm_end(&self->vm);
}

TEST_F(no_iommu, refused)
{
	struct qwamos_gpu_dev d;
	struct qwamos_gpu_dev_attach out;
	__u64 mark;

	ASSERT_EQ(0, qt_device(self->ctl, "vga-a", &d));
	EXPECT_EQ(0, d.flags & QWAMOS_GPU_DEV_F_IOMMU);
	EXPECT_EQ(0xffffffff, d.iommu_group);
	/* NO_IOMMU before NOT_BOUND. */
	mark = qt_audit_mark(self->ctl);
	EXPECT_EQ(-EACCES, qt_attach(self->vm.manage, d.device_id, QWAMOS_GPU_SCRUB_DEFAULT, &out));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_IOMMU, qt_reason);
	EXPECT_EQ(d.device_id, out.out_device_id);
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_OPERATION_DENIED,
					   .reason = QWAMOS_GPU_REASON_NO_IOMMU, .result = -EACCES,
					   .operation = QWAMOS_GPU_OP_PASSTHROUGH,
					   .chain = self->vm.id),
				   NULL));
	/* NO_DEVICE and LEVEL before NO_IOMMU. */
	EXPECT_EQ(-ENODEV, qt_attach(self->vm.manage, ~0ULL, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_DEVICE, qt_reason);
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_HIGH));
	EXPECT_EQ(-EACCES, qt_attach(self->vm.manage, d.device_id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_LEVEL, qt_reason);
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_UNBOUND, qt_state(self->ctl, "vga-a"));
}

/* A level that needs an IOMMU gets no real GPU, others get what is no passthrough. */
TEST_F(no_iommu, verdicts)
{
	__u64 id = qt_id(self->ctl, "vga-a");
	struct qt_vm other;

	ASSERT_NE(0, id);
	VERDICT(&self->vm, id, PASSTHROUGH, NO_IOMMU);
	VERDICT(&self->vm, id, RENDERING_2D, NONE);
	VERDICTS(&self->vm, id, OP_IS(RENDERING_3D, NONE), OP_IS(PASSTHROUGH, NO_IOMMU),
		 UNKNOWN_OP_IS(UNKNOWN_OPERATION), OP_IS(VIDEO_ENCODE, NONE));
	VERDICT(&self->vm, 0, PASSTHROUGH, NONE);
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_HIGH));
	VERDICTS(&self->vm, id, OP_IS(PASSTHROUGH, LEVEL), OP_IS(RENDERING_2D, NONE));
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_MEDIUM));
	qt_sleep_ms(120);
	VERDICTS(&self->vm, id, OP_IS(VULKAN_COMPUTE, NONE), OP_IS(RENDERING_2D, NONE));
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_LOW));
	qt_sleep_ms(120);
	VERDICTS(&self->vm, id, OP_IS(RENDERING_2D, NO_IOMMU), OP_IS(COMPUTE_SHADER, LEVEL),
		 OP_IS(VIDEO_DECODE, NO_IOMMU), UNKNOWN_OP_IS(UNKNOWN_OPERATION));
	VERDICT(&self->vm, id, RENDERING_2D, NO_IOMMU);
	/* What was denied does not count for the rate; without a real GPU none is needed. */
	VERDICT(&self->vm, 0, RENDERING_2D, NONE);
	/* NO_IOMMU before SHARING. */
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_UNTRUSTED));
	ASSERT_EQ(0, qt_vm_new(&other, self->ctl, QWAMOS_GPU_LEVEL_HIGH,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	EXPECT_EQ(0, qt_give(other.manage, id));
	VERDICT(&self->vm, id, RENDERING_2D, NO_IOMMU);
	VERDICT(&other, id, RENDERING_2D, NONE);
	EXPECT_EQ(0, qt_give(self->vm.manage, id));
	VERDICT(&other, id, RENDERING_2D, SHARING);
	qt_vm_end(&other);
}

TEST_HARNESS_MAIN
