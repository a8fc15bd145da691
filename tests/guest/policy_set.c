// SPDX-License-Identifier: GPL-2.0-only
/* VM_SET_POLICY: never wider than the level, all or nothing, guarantees, narrowing, mode. */
#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "charge.h"
#include "table.h"
#include "vm.h"

#define LEVEL	  QWAMOS_GPU_POLICY_LEVEL
#define VRAM	  QWAMOS_GPU_POLICY_VRAM
#define CAP	  QWAMOS_GPU_POLICY_CAP
#define GUARANTEE QWAMOS_GPU_POLICY_GUARANTEE
#define PRIORITY  QWAMOS_GPU_POLICY_PRIORITY
#define RESTRICT  QWAMOS_GPU_POLICY_RESTRICT
#define MODE	  QWAMOS_GPU_POLICY_MODE
#define GPUS	  QWAMOS_GPU_POLICY_GPUS

FIXTURE(set)
{
	int ctl;
	struct qt_vm vm;
	struct qwamos_gpu_vm info;
	struct qwamos_gpu_vm before;
};

FIXTURE_SETUP(set)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_MEDIUM,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	ASSERT_EQ(0, qt_vm_info(self->vm.manage, &self->before));
}

FIXTURE_TEARDOWN(set)
{
	qt_vm_end(&self->vm);
	close(self->ctl);
}

/* Only the counters of refusals may have changed. */
#define EXPECT_UNCHANGED()                                                            \
	do {                                                                          \
		ASSERT_EQ(0, qt_vm_info(self->vm.manage, &self->info));               \
		self->info.denied = self->before.denied;                              \
		EXPECT_EQ(0, memcmp(&self->info, &self->before, sizeof(self->info))); \
	} while (0)

/* What a VM has that was only given a level. */
TEST_F(set, defaults)
{
	__u32 level;

	for (level = 0; level < QT_LEVELS; level++) {
		ASSERT_EQ(0, qt_set_level(self->vm.manage, level));
		ASSERT_EQ(0, qt_vm_info(self->vm.use, &self->info));
		EXPECT_EQ(qt_levels[level].vram_mib * QT_MIB, self->info.vram_limit);
		EXPECT_EQ(qt_levels[level].cap, self->info.compute_cap);
		EXPECT_EQ(qt_levels[level].queues, self->info.queues_limit);
		EXPECT_EQ(0, self->info.compute_guarantee);
		EXPECT_EQ(QWAMOS_GPU_PRIORITY_DEFAULT, self->info.priority);
		EXPECT_EQ(0, self->info.restrictions);
		EXPECT_EQ(QWAMOS_GPU_MODE_UNSET, self->info.mode_asked);
		/* Nothing makes these hold against a VMM that does not ask. */
		EXPECT_EQ(QWAMOS_GPU_ENFORCED_BY_NONE, self->info.vram_by);
		EXPECT_EQ(QWAMOS_GPU_ENFORCED_BY_NONE, self->info.rate_by);
	}
}

/* Asking for more than the level is refused with what it allows, at each level. */
TEST_F(set, never_wider_than_the_level)
{
	struct qwamos_gpu_audit_record rec;
	struct qt_amounts m;
	__u64 mark;
	__u32 level;

	for (level = 0; level < QT_LEVELS; level++) {
		__u64 vram = qt_levels[level].vram_mib * QT_MIB;
		__u32 cap = qt_levels[level].cap;

		ASSERT_EQ(0, qt_set_level(self->vm.manage, level));
		EXPECT_EQ(0, qt_set(self->vm.manage, QT_SET(VRAM, .vram_limit = vram), NULL));
		EXPECT_EQ(0, qt_set(self->vm.manage, QT_SET(CAP, .compute_cap = cap), NULL));
		ASSERT_EQ(0, qt_vm_info(self->vm.manage, &self->before));
		mark = qt_audit_mark(self->ctl);
		EXPECT_EQ(-EDQUOT,
			  qt_set(self->vm.manage, QT_SET(VRAM, .vram_limit = vram + 1), &m));
		EXPECT_EQ(QWAMOS_GPU_REASON_QUOTA, qt_reason);
		EXPECT_EQ(vram, m.limit);
		EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
					   QT_WANT(QWAMOS_GPU_EV_VRAM_QUOTA_EXCEEDED,
						   .chain = self->vm.id, .asked = vram + 1),
					   &rec));
		EXPECT_EQ(vram, rec.limit);
		EXPECT_EQ(-EDQUOT,
			  qt_set(self->vm.manage, QT_SET(CAP, .compute_cap = cap + 1), &m));
		EXPECT_EQ(cap, m.limit);
		EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
					   QT_WANT(QWAMOS_GPU_EV_COMPUTE_QUOTA_EXCEEDED,
						   .chain = self->vm.id, .asked = cap + 1),
					   &rec));
		EXPECT_EQ(cap, rec.limit);
		EXPECT_EQ(-EDQUOT, qt_set(self->vm.manage,
					  QT_SET(GUARANTEE, .compute_guarantee = cap + 1), &m));
		EXPECT_EQ(cap, m.limit);
		EXPECT_UNCHANGED();
	}
	/* In one call with a lower level, held against that one. */
	EXPECT_EQ(-EDQUOT,
		  qt_set(self->vm.manage,
			 QT_SET(LEVEL | VRAM, .level = 0, .vram_limit = 256 * QT_MIB), NULL));
	EXPECT_UNCHANGED();
}

/* One wrong value of many: nothing of the call is done. */
TEST_F(set, all_or_nothing)
{
	const __u64 gpu = qt_id(self->ctl, "vga-a"), twice[] = { gpu, gpu };
	const __u64 ids[QWAMOS_GPU_VM_GPUS + 1] = { gpu, 1ULL << 40 };
	const struct qwamos_gpu_vm_set_policy wrong[] = {
		{ .mask = LEVEL | PRIORITY | RESTRICT,
		  .level = 5,
		  .priority = 1,
		  .restrictions = 1 },
		{ .mask = LEVEL | PRIORITY, .level = 1, .priority = 101 },
		{ .mask = LEVEL | RESTRICT, .level = 1, .restrictions = 8 },
		{ .mask = LEVEL | RESTRICT, .level = 1, .restrictions = 0x80000000 },
		{ .mask = LEVEL | MODE, .level = 1, .mode_asked = 0, .mode_got = 1 },
		{ .mask = LEVEL | MODE, .level = 1, .mode_asked = 1, .mode_got = 0 },
		{ .mask = LEVEL | MODE, .level = 1, .mode_asked = 5, .mode_got = 1 },
		{ .mask = LEVEL | MODE, .level = 1, .mode_asked = 1, .mode_got = 5 },
		{ .mask = LEVEL | MODE,
		  .level = 1,
		  .mode_asked = 1,
		  .mode_got = 1,
		  .mode_reason = QWAMOS_GPU_REASON_COUNT },
		{ .mask = LEVEL | GPUS, .level = 1, .gpus_count = 9, .gpus = (unsigned long)ids },
		{ .mask = LEVEL | GPUS, .level = 1, .gpus_count = ~0U, .gpus = (unsigned long)ids },
		{ .mask = LEVEL | GPUS, .level = 1, .gpus_count = 2, .gpus = (unsigned long)twice },
		{ .mask = LEVEL | GPUS, .level = 1, .gpus_count = 1, .gpus = 0 },
		{ .mask = LEVEL | GPUS, .level = 1, .gpus_count = 1, .gpus = -4096UL },
		{ .mask = LEVEL | PRIORITY | CAP, .level = 1, .priority = 1, .compute_cap = 26 },
		{ .mask = LEVEL | CAP | GUARANTEE,
		  .level = 1,
		  .compute_cap = 20,
		  .compute_guarantee = 21 },
		{ .mask = LEVEL | GUARANTEE, .level = 1, .device_id = 1ULL << 40 },
		{ .mask = LEVEL | GPUS, .level = 1, .gpus_count = 2, .gpus = (unsigned long)ids },
	};
	static const int want[] = { -EOPNOTSUPP, -EINVAL,     -EOPNOTSUPP, -EOPNOTSUPP, -EOPNOTSUPP,
				    -EOPNOTSUPP, -EOPNOTSUPP, -EOPNOTSUPP, -EOPNOTSUPP, -EINVAL,
				    -EINVAL,	 -EINVAL,     -EFAULT,	   -EFAULT,	-EDQUOT,
				    -EDQUOT,	 -ENODEV,     -ENODEV };
	__u32 i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(want[i], qt_set(self->vm.manage, &wrong[i], NULL)) TH_LOG("case %u", i);
		EXPECT_UNCHANGED();
	}
}

/* A caller whose struct ends before a field gives none, whatever its mask says. */
TEST_F(set, field_beyond_the_struct)
{
#define UPTO(f)                                         \
	(offsetof(struct qwamos_gpu_vm_set_policy, f) + \
	 sizeof(((struct qwamos_gpu_vm_set_policy *)0)->f))
	static const struct {
		__u32 mask;
		__u32 end;
	} given[] = {
		{ VRAM, UPTO(vram_limit) },
		{ CAP, UPTO(compute_cap) },
		{ GUARANTEE, UPTO(compute_guarantee) },
		{ PRIORITY, UPTO(priority) },
		{ RESTRICT, UPTO(restrictions) },
		{ MODE, UPTO(mode_reason) },
		{ GPUS, UPTO(gpus) },
	};
	const __u64 gpu = qt_id(self->ctl, "vga-a");
	struct qwamos_gpu_vm_set_policy a = {
		.level = QWAMOS_GPU_LEVEL_LOW,
		.vram_limit = QT_MIB,
		.compute_cap = 20,
		.compute_guarantee = 10,
		.priority = 7,
		.restrictions = QWAMOS_GPU_RESTRICT_NO_VULKAN,
		.mode_asked = QWAMOS_GPU_MODE_VIRTIO,
		.mode_got = QWAMOS_GPU_MODE_VIRTIO,
	};
	__u32 i, size;

	ASSERT_EQ(0, qt_give(self->vm.manage, gpu));
	ASSERT_EQ(0, qt_set(self->vm.manage,
			    QT_SET(RESTRICT | VRAM, .restrictions = 3, .vram_limit = 64 * QT_MIB),
			    NULL));
	ASSERT_EQ(0, qt_vm_info(self->vm.manage, &self->before));
	for (i = 0; i < ARRAY_SIZE(given); i++) {
		for (size = UPTO(level); size < given[i].end; size += 4) {
			a.hdr.size = size;
			a.mask = LEVEL | given[i].mask;
			EXPECT_EQ(-EINVAL, qt_call(self->vm.manage, QWAMOS_GPU_VM_SET_POLICY, &a,
						   size, QT_NONE))
			TH_LOG("mask %#x, size %u", a.mask, size);
			EXPECT_UNCHANGED();
		}
	}
	/* What it does hold, it gives. */
	a.hdr.size = UPTO(restrictions);
	a.mask = LEVEL | VRAM | CAP | GUARANTEE | PRIORITY | RESTRICT;
	EXPECT_EQ(0, qt_call(self->vm.manage, QWAMOS_GPU_VM_SET_POLICY, &a, a.hdr.size, QT_NONE));
	ASSERT_EQ(0, qt_vm_info(self->vm.manage, &self->info));
	EXPECT_EQ(QT_MIB, self->info.vram_limit);
	EXPECT_EQ(7, self->info.priority);
	EXPECT_EQ(1, self->info.gpus) TH_LOG("the list of GPUs stays");
}

/* What was set stays set; a lower level or cap holds for as long as it is there. */
TEST_F(set, lower_for_a_while)
{
	ASSERT_EQ(0, qt_set(self->vm.manage,
			    QT_SET(LEVEL | VRAM | CAP | GUARANTEE | PRIORITY,
				   .level = QWAMOS_GPU_LEVEL_HIGH, .vram_limit = 700 * QT_MIB,
				   .compute_cap = 60, .compute_guarantee = 40, .priority = 90),
			    NULL));
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_LOW));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &self->info));
	EXPECT_EQ(256 * QT_MIB, self->info.vram_limit);
	EXPECT_EQ(25, self->info.compute_cap);
	EXPECT_EQ(25, self->info.compute_guarantee);
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_SYSTEM));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &self->info));
	EXPECT_EQ(700 * QT_MIB, self->info.vram_limit);
	EXPECT_EQ(60, self->info.compute_cap);
	EXPECT_EQ(40, self->info.compute_guarantee);
	EXPECT_EQ(90, self->info.priority);
}

/* Up to 100 % of each GPU, whoever asks last; caps may sum to more. */
TEST_F(set, guarantees)
{
	struct qwamos_gpu_vm_gpu gpus[QWAMOS_GPU_VM_GPUS];
	__u64 pools[] = { 0, qt_id(self->ctl, "vga-a"), qt_id(self->ctl, "vga-b") };
	struct qwamos_gpu_dev d;
	struct qt_vm a, b;
	struct qt_amounts m;
	__u32 i;

	ASSERT_NE(0, pools[1]);
	ASSERT_NE(0, pools[2]);
	ASSERT_EQ(0, qt_vm_new(&a, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	ASSERT_EQ(0, qt_vm_new(&b, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	/* Each pool by itself. */
	for (i = 0; i < ARRAY_SIZE(pools); i++) {
#define PROMISE(vm, percent) \
	qt_set((vm).manage,  \
	       QT_SET(GUARANTEE, .device_id = pools[i], .compute_guarantee = (percent)), &m)
		EXPECT_EQ(0, PROMISE(a, 70));
		EXPECT_EQ(-EDQUOT, PROMISE(b, 31));
		EXPECT_EQ(70, m.used);
		EXPECT_EQ(100, m.limit);
		EXPECT_EQ(0, PROMISE(b, 30));
		EXPECT_EQ(-EDQUOT, PROMISE(self->vm, 1));
		/* Its own promise counts once. */
		EXPECT_EQ(0, PROMISE(a, 70));
		EXPECT_EQ(-EDQUOT, PROMISE(a, 71));
		EXPECT_EQ(0, PROMISE(a, 60));
		EXPECT_EQ(0, PROMISE(self->vm, 10));
	}
	ASSERT_EQ(0, qt_device(self->ctl, "vga-a", &d));
	EXPECT_EQ(100, d.guaranteed);
	ASSERT_EQ(0, qt_vm_info(a.use, &self->info));
	EXPECT_EQ(180, self->info.compute_guarantee);
	EXPECT_EQ(2, self->info.gpus);
	ASSERT_EQ(2, qt_vm_gpus(a.use, gpus, QWAMOS_GPU_VM_GPUS));
	EXPECT_EQ(60, gpus[0].guarantee);
	EXPECT_EQ(60, gpus[1].guarantee);
	EXPECT_EQ(QWAMOS_GPU_VM_GPU_F_ASSIGNED, gpus[0].flags);
	/* Who ends makes room. */
	qt_vm_end(&a);
	i = 1;
	EXPECT_EQ(0, PROMISE(b, 90));
	qt_vm_end(&b);
}

TEST_F(set, mode)
{
	__u64 mark = qt_audit_mark(self->ctl);
	struct qwamos_gpu_audit_record rec;

	ASSERT_EQ(0, qt_set(self->vm.manage,
			    QT_SET(MODE, .mode_asked = QWAMOS_GPU_MODE_VIRTIO,
				   .mode_got = QWAMOS_GPU_MODE_VIRTIO),
			    NULL));
	EXPECT_EQ(0, qt_audit_find(self->ctl, mark, QT_WANT(QWAMOS_GPU_EV_MODE_FALLBACK), NULL));
	ASSERT_EQ(0, qt_set(self->vm.manage,
			    QT_SET(MODE, .mode_asked = QWAMOS_GPU_MODE_PASSTHROUGH,
				   .mode_got = QWAMOS_GPU_MODE_VIRTIO,
				   .mode_reason = QWAMOS_GPU_REASON_NO_IOMMU),
			    NULL));
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_MODE_FALLBACK, .chain = self->vm.id,
					   .reason = QWAMOS_GPU_REASON_NO_IOMMU,
					   .asked = QWAMOS_GPU_MODE_PASSTHROUGH),
				   &rec));
	EXPECT_EQ(QWAMOS_GPU_MODE_VIRTIO, rec.used);
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &self->info));
	EXPECT_EQ(QWAMOS_GPU_MODE_PASSTHROUGH, self->info.mode_asked);
	EXPECT_EQ(QWAMOS_GPU_MODE_VIRTIO, self->info.mode_got);
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_IOMMU, self->info.mode_reason);
}

/* Only a manager sets; a member of any VM sets nothing. */
TEST_F(set, by_a_manager_only)
{
	EXPECT_EQ(-EACCES, qt_set(self->vm.use, QT_SET(PRIORITY, .priority = 99), NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_WRONG_FD, qt_reason);
	EXPECT_EQ(-EACCES, qt_set(self->ctl, QT_SET(PRIORITY, .priority = 99), NULL));
	EXPECT_UNCHANGED();
	EXPECT_EQ(-EACCES, qt_vram(self->vm.manage, 1));
	EXPECT_EQ(QWAMOS_GPU_REASON_WRONG_FD, qt_reason);
	EXPECT_EQ(0, qt_destroy(self->vm.manage));
	EXPECT_EQ(-ENODEV, qt_set(self->vm.manage, QT_SET(PRIORITY, .priority = 99), NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_VM_ENDED, qt_reason);
	EXPECT_EQ(-ENODEV, qt_vram(self->vm.use, 1));
	EXPECT_EQ(-ENODEV, qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_2D, 0));
	EXPECT_EQ(QWAMOS_GPU_REASON_VM_ENDED, qt_reason);
}

TEST_HARNESS_MAIN
