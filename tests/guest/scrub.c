// SPDX-License-Identifier: GPL-2.0-only
/* What one VM leaves in a GPU, the next does not read: every word of a GPU's memory, on each way of
 * leaving a VM. */
#include <signal.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "vfio.h"
#include "vm.h"

#define PATTERN 0x51ec2e7aU

/* In the VMM. */
static struct qt_vfio v = { -1, -1, -1, NULL };
static volatile __u32 *memory;
static size_t words;

static long do_open(long x, long y, void *data)
{
	size_t size;
	int ret = qt_vfio_open(&v, data);

	if (!ret)
		ret = qt_vfio_enable(v.device);
	if (ret)
		return ret;
	memory = qt_vfio_map_bar(v.device, VFIO_PCI_BAR0_REGION_INDEX, &size);
	words = size / sizeof(*memory);
	return memory ? (long)size : -errno;
}

static long do_fill(long x, long y, void *data)
{
	size_t i;

	for (i = 0; i < words; i++)
		memory[i] = PATTERN ^ i;
	return 0;
}

/* How many words hold what do_fill() put there. */
static long do_count(long x, long y, void *data)
{
	size_t i;
	long n = 0;

	for (i = 0; i < words; i++)
		n += memory[i] == (PATTERN ^ (__u32)i);
	return n;
}

static long do_count_non_zero(long x, long y, void *data)
{
	size_t i;
	long n = 0;

	for (i = 0; i < words; i++)
		n += memory[i] != 0;
	return n;
}

FIXTURE(scrub)
{
	int ctl;
	__u64 id;
	struct qt_vm a;
	struct qt_vm b;
	struct qt_actor vmm_a;
	struct qt_actor vmm_b;
};

/* How VM a leaves: by DEV_DETACH, VM_DESTROY, or its process's death; @device: which GPU. */
FIXTURE_VARIANT(scrub)
{
	const char *device;
	long size;
	enum { DEV_DETACH, DETACH_KILL, VM_DESTROY, KILL, EXIT } way;
};

FIXTURE_VARIANT_ADD(scrub,
		    secondary_vga_killed){ .device = "vga-a", .size = 16 << 20, .way = KILL };
FIXTURE_VARIANT_ADD(scrub, secondary_vga_detached){ .device = "vga-a",
						    .size = 16 << 20,
						    .way = DEV_DETACH };
FIXTURE_VARIANT_ADD(scrub,
		    secondary_vga_taken){ .device = "vga-a", .size = 16 << 20, .way = DETACH_KILL };
FIXTURE_VARIANT_ADD(scrub,
		    bochs_destroyed){ .device = "bochs", .size = 16 << 20, .way = VM_DESTROY };
FIXTURE_VARIANT_ADD(scrub,
		    in_a_shared_group){ .device = "pair-vga", .size = 16 << 20, .way = EXIT };

FIXTURE_SETUP(scrub)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_ours(self->ctl, variant->device, NULL));
	if (!strcmp(variant->device, "pair-vga")) {
		ASSERT_EQ(0, qt_ours(self->ctl, "pair-edu", NULL));
	}
	self->id = qt_id(self->ctl, variant->device);
	ASSERT_EQ(0, qt_vm_new(&self->a, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_vm_new(&self->b, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_attach(self->a.manage, self->id, QT_UNWIPED, NULL));
	ASSERT_EQ(0, qt_vmm(&self->a, &self->vmm_a, NULL));
	ASSERT_EQ(0, qt_vmm(&self->b, &self->vmm_b, NULL));
}

FIXTURE_TEARDOWN(scrub)
{
	qt_end(&self->vmm_a);
	qt_end(&self->vmm_b);
	qt_vm_end(&self->a);
	qt_vm_end(&self->b);
}

TEST_F_TIMEOUT(scrub, nothing_is_left, 60)
{
	const long all = variant->size / 4;
	struct qwamos_gpu_audit_record rec;
	struct qwamos_gpu_dev d;
	struct qt_actor child;
	__u64 mark;

	snprintf(self->vmm_a.data, QT_SHARED, "%s", qt_addr(variant->device));
	ASSERT_EQ(variant->size, qt_do(&self->vmm_a, do_open, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm_a, do_count, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm_a, do_count_non_zero, 0, 0))
	TH_LOG("the first VM sees what the host drew");
	ASSERT_EQ(0, qt_do(&self->vmm_a, do_fill, 0, 0));
	/* It is really there: without a scrub this would be what VM b reads. */
	ASSERT_EQ(all, qt_do(&self->vmm_a, do_count, 0, 0));

	mark = qt_audit_mark(self->ctl);
	switch (variant->way) {
	case DEV_DETACH:
		EXPECT_EQ(-EBUSY, qt_detach(self->a.manage, self->id, 0));
		EXPECT_EQ(QWAMOS_GPU_REASON_DEVICE_OPEN, qt_reason);
		qt_kill(&self->vmm_a);
		break;
	case DETACH_KILL:
		ASSERT_EQ(0, qt_clone(&self->vmm_a, &child, QT_CLONE_DAEMON));
		ASSERT_EQ(0, qt_detach(self->a.manage, self->id, QWAMOS_GPU_DEV_DETACH_F_KILL));
		ASSERT_EQ(0, qt_device(self->ctl, variant->device, &d));
		EXPECT_NE(self->a.id, d.owner_vm_id) TH_LOG("DEV_DETACH with F_KILL waits");
		/* Its files are closed before it has gone. */
		EXPECT_EQ(0, qt_died(child.pid, 15000));
		break;
	case VM_DESTROY:
		ASSERT_EQ(0, qt_destroy(self->a.manage));
		break;
	case KILL:
		kill(self->vmm_a.pid, SIGKILL);
		break;
	case EXIT:
		qt_end(&self->vmm_a);
		break;
	}
	ASSERT_EQ(0, qt_wait_state(self->ctl, variant->device, QWAMOS_GPU_DEV_STATE_FREE, 15000));
	ASSERT_EQ(0, qt_device(self->ctl, variant->device, &d));
	EXPECT_EQ(QWAMOS_GPU_SCRUB_FULL, d.scrub);
	EXPECT_EQ(0, d.flags & (QWAMOS_GPU_DEV_F_DIRTY | QWAMOS_GPU_DEV_F_VM_DIRT));
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_RESET, .result = QT_DONE,
					   .device = qt_addr(variant->device)),
				   NULL));
	ASSERT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_SCRUBBED, .result = QT_DONE,
					   .device = qt_addr(variant->device)),
				   &rec));
	EXPECT_LE((__u64)variant->size, rec.used);
	EXPECT_EQ(QWAMOS_GPU_SCRUB_FULL, rec.limit);

	ASSERT_EQ(0, qt_attach(self->b.manage, self->id, QT_UNWIPED, NULL));
	snprintf(self->vmm_b.data, QT_SHARED, "%s", qt_addr(variant->device));
	ASSERT_EQ(variant->size, qt_do(&self->vmm_b, do_open, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm_b, do_count, 0, 0)) TH_LOG("VM b reads what VM a wrote");
	EXPECT_EQ(0, qt_do(&self->vmm_b, do_count_non_zero, 0, 0));
}

TEST_HARNESS_MAIN
