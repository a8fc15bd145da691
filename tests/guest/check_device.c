// SPDX-License-Identifier: GPL-2.0-only
/*
 * VM_CHECK on a GPU that another VM has, or uses and may not share, and on one in quarantine.
 * Without an IOMMU: attach_no_iommu.
 */
#include "kselftest_harness.h"
#include "verdict.h"

#define SOON 10000

FIXTURE(device)
{
	int ctl;
	__u64 gpu;
	struct qt_vm vm;
	struct qt_vm other;
};

FIXTURE_SETUP(device)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_ours(self->ctl, "vga-a", NULL));
	self->gpu = qt_id(self->ctl, "vga-a");
	ASSERT_NE(0, self->gpu);
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
}

FIXTURE_TEARDOWN(device)
{
	qt_vm_end(&self->vm);
	qt_vm_end(&self->other);
	close(self->ctl);
}

static int set_level(struct qt_vm *vm, __u32 level)
{
	int ret = qt_set_level(vm->manage, level);

	/* What was allowed before is no reason for RATE now. */
	qt_sleep_ms(120);
	return ret;
}

/* A GPU that is attached is its VM's as a whole, however high the other's level. */
TEST_F(device, attached_elsewhere)
{
	ASSERT_EQ(0, qt_attach(self->other.manage, self->gpu, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	VERDICT(&self->vm, self->gpu, RENDERING_2D, SHARING);
	VERDICT(&self->vm, self->gpu, PASSTHROUGH, SHARING);
	VERDICTS(&self->vm, self->gpu, OP_IS(PASSTHROUGH, SHARING), OP_IS(RENDERING_3D, SHARING),
		 UNKNOWN_OP_IS(UNKNOWN_OPERATION));
	VERDICT(&self->vm, 0, PASSTHROUGH, NONE);
	VERDICT(&self->vm, qt_id(self->ctl, "vga-b"), PASSTHROUGH, NONE);
	VERDICTS(&self->other, self->gpu, OP_IS(PASSTHROUGH, NONE), OP_IS(RENDERING_2D, NONE));
	/* Whatever another VM is given besides: the owner loses nothing by it. */
	ASSERT_EQ(0, set_level(&self->vm, QWAMOS_GPU_LEVEL_UNTRUSTED));
	ASSERT_EQ(0, qt_give(self->vm.manage, self->gpu));
	ASSERT_EQ(0, qt_charge(self->vm.use, QWAMOS_GPU_RESOURCE_VRAM, self->gpu, 1, NULL));
	VERDICT(&self->vm, self->gpu, RENDERING_2D, SHARING);
	VERDICTS(&self->other, self->gpu, OP_IS(PASSTHROUGH, NONE), OP_IS(RENDERING_2D, NONE));
	ASSERT_EQ(0, qt_uncharge(self->vm.use, QWAMOS_GPU_RESOURCE_VRAM, self->gpu, 1, NULL));
	ASSERT_EQ(0, qt_give(self->vm.manage, 0));
	ASSERT_EQ(0, set_level(&self->vm, QWAMOS_GPU_LEVEL_SYSTEM));
	ASSERT_EQ(0, qt_detach(self->other.manage, self->gpu, 0));
	ASSERT_EQ(0, qt_wait_state(self->ctl, "vga-a", QWAMOS_GPU_DEV_STATE_FREE, SOON));
	VERDICT(&self->vm, self->gpu, PASSTHROUGH, NONE);
}

/* What makes a VM one that has a GPU: a manager, and nothing that the VM does. */
enum way { LISTED, GUARANTEE, WAYS };

static int use(struct qt_vm *vm, enum way way, __u64 gpu, bool on)
{
	if (way == GUARANTEE)
		return qt_set(vm->manage,
			      QT_SET(QWAMOS_GPU_POLICY_GUARANTEE, .compute_guarantee = on ? 5 : 0,
				     .device_id = gpu),
			      NULL);
	return qt_give(vm->manage, on ? gpu : 0);
}

/* UNTRUSTED may not share: it is kept off a GPU that another VM uses in whatever way. */
TEST_F(device, kept_off)
{
	enum way way;

	ASSERT_EQ(0, set_level(&self->other, QWAMOS_GPU_LEVEL_HIGH));
	for (way = 0; way < WAYS; way++) {
		ASSERT_EQ(0, use(&self->other, way, self->gpu, true));
		ASSERT_EQ(0, set_level(&self->vm, QWAMOS_GPU_LEVEL_UNTRUSTED));
		VERDICTS(&self->vm, self->gpu, OP_IS(RENDERING_2D, SHARING),
			 OP_IS(RENDERING_3D, LEVEL), OP_IS(PASSTHROUGH, LEVEL),
			 UNKNOWN_OP_IS(UNKNOWN_OPERATION));
		VERDICT(&self->vm, self->gpu, RENDERING_2D, SHARING);
		/* What was denied does not count for the rate, what is allowed does. */
		VERDICT(&self->vm, 0, RENDERING_2D, NONE);
		VERDICT(&self->vm, self->gpu, RENDERING_2D, SHARING);
		/* Two that may share do. */
		ASSERT_EQ(0, set_level(&self->vm, QWAMOS_GPU_LEVEL_LOW));
		VERDICTS(&self->vm, self->gpu, OP_IS(RENDERING_2D, NONE), OP_IS(RENDERING_3D, NONE),
			 OP_IS(COMPUTE_SHADER, LEVEL));
		VERDICT(&self->other, self->gpu, RENDERING_2D, NONE);
		ASSERT_EQ(0, use(&self->other, way, self->gpu, false));
		ASSERT_EQ(0, set_level(&self->vm, QWAMOS_GPU_LEVEL_UNTRUSTED));
		VERDICT(&self->vm, self->gpu, RENDERING_2D, NONE);
	}
	/* Nor by what is on no GPU in particular, or on another one. */
	ASSERT_EQ(0, qt_vram(self->other.use, 1));
	ASSERT_EQ(0, use(&self->other, LISTED, qt_id(self->ctl, "vga-b"), true));
	qt_sleep_ms(120);
	VERDICT(&self->vm, self->gpu, RENDERING_2D, NONE);
}

/* While it uses one, nobody else gets that. */
TEST_F(device, keeps_others_off)
{
	enum way way;

	ASSERT_EQ(0, set_level(&self->vm, QWAMOS_GPU_LEVEL_UNTRUSTED));
	for (way = 0; way < WAYS; way++) {
		ASSERT_EQ(0, use(&self->vm, way, self->gpu, true));
		VERDICTS(&self->other, self->gpu, OP_IS(RENDERING_2D, SHARING),
			 OP_IS(PASSTHROUGH, SHARING), UNKNOWN_OP_IS(UNKNOWN_OPERATION));
		VERDICT(&self->vm, self->gpu, RENDERING_2D, NONE);
		/* Its level decides, not the one that it had when it took it. */
		ASSERT_EQ(0, set_level(&self->vm, QWAMOS_GPU_LEVEL_LOW));
		VERDICT(&self->other, self->gpu, RENDERING_2D, NONE);
		ASSERT_EQ(0, set_level(&self->vm, QWAMOS_GPU_LEVEL_UNTRUSTED));
		VERDICT(&self->other, self->gpu, RENDERING_2D, SHARING);
		ASSERT_EQ(0, use(&self->vm, way, self->gpu, false));
		VERDICT(&self->other, self->gpu, RENDERING_2D, NONE);
	}
	ASSERT_EQ(0, use(&self->vm, LISTED, self->gpu, true));
	VERDICT(&self->other, self->gpu, RENDERING_2D, SHARING);
	qt_vm_end(&self->vm);
	VERDICT(&self->other, self->gpu, RENDERING_2D, NONE);
}

TEST_F(device, in_quarantine)
{
	__u64 id;

	ASSERT_EQ(0, qt_quarantine(self->ctl, "noreset", &self->vm));
	id = qt_id(self->ctl, "noreset");
	VERDICT(&self->vm, id, RENDERING_2D, QUARANTINED);
	VERDICT(&self->vm, id, PASSTHROUGH, QUARANTINED);
	VERDICT(&self->vm, 0, PASSTHROUGH, NONE);
	ASSERT_EQ(0, set_level(&self->vm, QWAMOS_GPU_LEVEL_MEDIUM));
	VERDICTS(&self->vm, id, OP_IS(VIDEO_DECODE, QUARANTINED), OP_IS(PASSTHROUGH, LEVEL),
		 UNKNOWN_OP_IS(UNKNOWN_OPERATION), OP_IS(COMPUTE_SHADER, QUARANTINED));
	ASSERT_EQ(0, qt_set(self->vm.manage, QT_SET(QWAMOS_GPU_POLICY_RESTRICT, .restrictions = 3),
			    NULL));
	VERDICTS(&self->vm, id, OP_IS(COMPUTE_SHADER, COMPUTE_OFF),
		 OP_IS(VULKAN_COMPUTE, VULKAN_OFF), OP_IS(RENDERING_3D, QUARANTINED));
	/* SHARING before QUARANTINED. */
	ASSERT_EQ(0, set_level(&self->vm, QWAMOS_GPU_LEVEL_UNTRUSTED));
	VERDICT(&self->vm, id, RENDERING_2D, QUARANTINED);
	ASSERT_EQ(0, use(&self->other, LISTED, id, true));
	VERDICT(&self->vm, id, RENDERING_2D, SHARING);
	VERDICT(&self->other, id, RENDERING_2D, QUARANTINED);
	ASSERT_EQ(0, use(&self->other, LISTED, id, false));
	/* On its host driver it is in quarantine, too. */
	ASSERT_EQ(0, qt_theirs(self->ctl, "noreset", NULL));
	VERDICT(&self->other, id, RENDERING_2D, QUARANTINED);
}

/* Released with what is left in it, it may be used until one VM has had it. */
TEST_F(device, out_of_quarantine)
{
	__u64 id;

	ASSERT_EQ(0, qt_quarantine(self->ctl, "noreset", &self->vm));
	id = qt_id(self->ctl, "noreset");
	VERDICT(&self->vm, id, PASSTHROUGH, QUARANTINED);
	ASSERT_EQ(0, qt_release(self->ctl, id, QWAMOS_GPU_DEV_CLEAR_QUARANTINE_F_ACCEPT_LEFTOVERS));
	VERDICTS(&self->vm, id, OP_IS(PASSTHROUGH, NONE), OP_IS(RENDERING_2D, NONE));
	VERDICT(&self->other, id, PASSTHROUGH, NONE);
	ASSERT_EQ(0, qt_attach(self->vm.manage, id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	VERDICT(&self->vm, id, PASSTHROUGH, NONE);
	VERDICT(&self->other, id, PASSTHROUGH, SHARING);
	ASSERT_EQ(0, qt_detach(self->vm.manage, id, 0));
	ASSERT_EQ(0, qt_wait_state(self->ctl, "noreset", QWAMOS_GPU_DEV_STATE_QUARANTINED, SOON));
	VERDICT(&self->vm, id, PASSTHROUGH, QUARANTINED);
	VERDICT(&self->other, id, RENDERING_2D, QUARANTINED);
}

TEST_HARNESS_MAIN
