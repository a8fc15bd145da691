// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each trust level allows: every level, operation and narrowing, against the table of
 * tests/data/policy.def; the calls' values, their answers, counters and records.
 */
#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "charge.h"
#include "table.h"
#include "vm.h"

#define LEVEL_AND(x) (QWAMOS_GPU_POLICY_LEVEL | QWAMOS_GPU_POLICY_##x)

FIXTURE(policy)
{
	int ctl;
	struct qt_vm vm;
};

FIXTURE_SETUP(policy)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_NONE,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
}

FIXTURE_TEARDOWN(policy)
{
	qt_vm_end(&self->vm);
	close(self->ctl);
}

/* LEVEL_INFO tells the table, on any fd. */
TEST_F(policy, level_info)
{
	const int fds[] = { self->ctl, self->vm.manage, self->vm.use };
	__u32 level, i, k;

	for (i = 0; i < ARRAY_SIZE(fds); i++)
		for (level = 0; level < QT_LEVELS; level++) {
			struct qwamos_gpu_level_info li;
			__u64 ops = 0;

			memset(&li, QT_POISON, sizeof(li));
			li.hdr = (struct qwamos_gpu_hdr)QT_HDR(li, 0);
			li.level = level;
			li.__reserved = 0;
			for (k = 0; k < QT_OPS; k++)
				if (qt_ops[k].allowed[level])
					ops |= 1ULL << qt_ops[k].op;
			ASSERT_EQ(0,
				  qt_call(fds[i], QWAMOS_GPU_LEVEL_INFO, &li, sizeof(li), QT_NONE));
			EXPECT_STREQ(qt_levels[level].name, li.out_name);
			EXPECT_EQ(qt_levels[level].vram_mib * QT_MIB, li.out_vram);
			EXPECT_EQ(qt_levels[level].cap, li.out_compute_cap);
			EXPECT_EQ(qt_levels[level].vulkan, li.out_vulkan);
			EXPECT_EQ(qt_levels[level].queues, li.out_queues);
			EXPECT_EQ(qt_levels[level].interval_ms * 1000000ULL,
				  li.out_min_interval_ns);
			EXPECT_EQ(ops, li.out_ops);
			EXPECT_EQ((qt_levels[level].needs_iommu ? QWAMOS_GPU_LEVEL_F_NEEDS_IOMMU
								: 0U) |
					  (qt_levels[level].may_share ? QWAMOS_GPU_LEVEL_F_MAY_SHARE
								      : 0U),
				  li.out_flags);
		}
}

TEST_F(policy, level_info_unknown)
{
	static const __u32 levels[] = { 5, 6, 255, 0x80000000, QWAMOS_GPU_LEVEL_NONE };
	__u32 i;

	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		struct qwamos_gpu_level_info li = { .hdr = QT_HDR(li, 0), .level = levels[i] };

		EXPECT_EQ(-EOPNOTSUPP,
			  qt_call(self->ctl, QWAMOS_GPU_LEVEL_INFO, &li, sizeof(li), QT_NONE));
	}
}

TEST_F(policy, nothing_without_a_policy)
{
	struct qt_amounts m;
	__u32 op;

	for (op = 0; op < 40; op++)
		EXPECT_EQ(QWAMOS_GPU_REASON_NO_POLICY, (__u32)qt_check(self->vm.use, op, 0));
	EXPECT_EQ(-EACCES, qt_charge(self->vm.use, QWAMOS_GPU_RESOURCE_VRAM, 0, 1, &m));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_POLICY, qt_reason);
	EXPECT_EQ(0, m.used);
	EXPECT_EQ(0, m.limit);
	EXPECT_EQ(-EACCES, qt_charge(self->vm.use, QWAMOS_GPU_RESOURCE_VULKAN_QUEUES, 0, 1, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_POLICY, qt_reason);
}

/* The whole table, by a VMM and by the manager, one by one and as an array. */
TEST_F(policy, table)
{
	struct qwamos_gpu_vm_check_entry v[QT_OPS];
	__u32 level, restrictions, i, denied, want;
	int fd;

	for (level = 0; level < QT_LEVELS; level++)
		for (restrictions = 0; restrictions < 4; restrictions++) {
			struct qt_vm vm;

			/* A VM of its own: no operation has a last time. */
			ASSERT_EQ(0, qt_vm_new(&vm, self->ctl, QWAMOS_GPU_LEVEL_NONE,
					       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
			ASSERT_EQ(0, qt_set(vm.manage,
					    QT_SET(LEVEL_AND(RESTRICT), .level = level,
						   .restrictions = restrictions),
					    NULL));
			denied = 0;
			for (i = 0; i < QT_OPS; i++) {
				fd = i % 2 ? vm.use : vm.manage;
				want = qt_verdict(level, restrictions, &qt_ops[i]);
				denied += !!want;
				EXPECT_EQ(want, (__u32)qt_check(fd, qt_ops[i].op, 0))
				TH_LOG("level %u, operation %u, narrowed by %u", level,
				       qt_ops[i].op, restrictions);
				v[i].operation = qt_ops[i].op;
				v[i].out_verdict = QT_P32;
			}
			/* Where there is a rate, what was allowed comes too soon now. */
			ASSERT_LE(0, qt_check_array(vm.use, v, QT_OPS));
			for (i = 0; i < QT_OPS; i++) {
				want = qt_verdict(level, restrictions, &qt_ops[i]);
				if (!want && qt_levels[level].interval_ms &&
				    v[i].out_verdict == QWAMOS_GPU_REASON_RATE)
					continue;
				EXPECT_EQ(want, v[i].out_verdict);
			}
			EXPECT_EQ(QWAMOS_GPU_REASON_UNKNOWN_OPERATION,
				  (__u32)qt_check(vm.use, 0, 0));
			EXPECT_EQ(QWAMOS_GPU_REASON_UNKNOWN_OPERATION,
				  (__u32)qt_check(vm.use, 8, 0));
			EXPECT_EQ(QWAMOS_GPU_REASON_UNKNOWN_OPERATION,
				  (__u32)qt_check(vm.use, 0xffffffff, 0));
			qt_vm_end(&vm);
		}
}

TEST_F(policy, arrays)
{
	static struct qwamos_gpu_vm_check_entry v[QWAMOS_GPU_VM_CHECK_MAX + 1];
	static const __u32 sizes[] = { 1, 2, 63, 64, 65, 1000, QWAMOS_GPU_VM_CHECK_MAX };
	struct qwamos_gpu_vm_check c;
	__u32 i, n, k;

	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_HIGH));
	for (k = 0; k < ARRAY_SIZE(sizes); k++) {
		n = sizes[k];
		for (i = 0; i <= n; i++)
			v[i] = (struct qwamos_gpu_vm_check_entry){ 1 + i % 8, QT_P32 };
		/* Of each eight: passthrough by the level, 8 by its number. */
		EXPECT_EQ((int)(n / 8 * 2 + (n % 8 == 7)), qt_check_array(self->vm.use, v, n));
		for (i = 0; i < n; i++) {
			EXPECT_EQ(1 + i % 8, v[i].operation);
			EXPECT_EQ(i % 8 < 6    ? QWAMOS_GPU_REASON_NONE
				  : i % 8 == 6 ? QWAMOS_GPU_REASON_LEVEL
					       : QWAMOS_GPU_REASON_UNKNOWN_OPERATION,
				  (int)v[i].out_verdict);
		}
		EXPECT_EQ(QT_P32, v[n].out_verdict);
	}
	EXPECT_EQ(-EINVAL, qt_check_array(self->vm.use, v, QWAMOS_GPU_VM_CHECK_MAX + 1));
	EXPECT_EQ(-EINVAL, qt_check_array(self->vm.use, v, 0xffffffff));
	EXPECT_EQ(-EFAULT, qt_check_array(self->vm.use, NULL, 1));
	EXPECT_EQ(-EFAULT, qt_check_array(self->vm.use, NULL, 100));
	EXPECT_EQ(-EFAULT, qt_check_array(self->vm.use, (void *)-8L, 2));
	c = (struct qwamos_gpu_vm_check){
		.hdr = QT_HDR(c, 0), .operation = 1, .count = 1, .entries = (unsigned long)v
	};
	EXPECT_EQ(-EINVAL, qt_call(self->vm.use, QWAMOS_GPU_VM_CHECK, &c, sizeof(c), QT_NONE))
	TH_LOG("an array and an operation");
	c = (struct qwamos_gpu_vm_check){ .hdr = QT_HDR(c, 0),
					  .operation = 1,
					  .entries = (unsigned long)v };
	EXPECT_EQ(-EINVAL, qt_call(self->vm.use, QWAMOS_GPU_VM_CHECK, &c, sizeof(c), QT_NONE))
	TH_LOG("a pointer without an array");
}

TEST_F(policy, counters_and_records)
{
	__u64 refused[QWAMOS_GPU_REASON_COUNT];
	__u64 mark = qt_audit_mark(self->ctl);
	struct qwamos_gpu_audit_record rec;
	struct qwamos_gpu_vm vm;
	__u32 i;

	ASSERT_EQ(0, qt_set(self->vm.manage,
			    QT_SET(LEVEL_AND(RESTRICT), .level = QWAMOS_GPU_LEVEL_HIGH,
				   .restrictions = 1),
			    NULL));
	EXPECT_EQ(1,
		  qt_audit_find(self->ctl, mark,
				QT_WANT(QWAMOS_GPU_EV_POLICY_CREATED, .chain = self->vm.id), &rec));
	EXPECT_EQ(QWAMOS_GPU_LEVEL_HIGH, rec.level);
	for (i = 0; i < 300; i++) {
		EXPECT_EQ(0, qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_3D, 0));
		EXPECT_EQ(QWAMOS_GPU_REASON_VULKAN_OFF,
			  (__u32)qt_check(self->vm.use, QWAMOS_GPU_OP_VULKAN_COMPUTE, 0));
	}
	EXPECT_EQ(QWAMOS_GPU_REASON_UNKNOWN_OPERATION, (__u32)qt_check(self->vm.use, 77, 0));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_EQ(601, vm.checks);
	EXPECT_EQ(300, vm.allowed);
	ASSERT_EQ(0, qt_refusals(self->vm.use, refused));
	EXPECT_EQ(300, refused[QWAMOS_GPU_REASON_VULKAN_OFF]);
	EXPECT_EQ(1, refused[QWAMOS_GPU_REASON_UNKNOWN_OPERATION]);
	EXPECT_EQ(301, vm.denied);
	/* Folded or not, each is in the log. */
	EXPECT_EQ(300, qt_audit_find(self->ctl, mark,
				     QT_WANT(QWAMOS_GPU_EV_OPERATION_DENIED, .chain = self->vm.id,
					     .operation = QWAMOS_GPU_OP_VULKAN_COMPUTE,
					     .reason = QWAMOS_GPU_REASON_VULKAN_OFF,
					     .result = -EACCES, .pid = getpid()),
				     NULL));
	EXPECT_EQ(300,
		  qt_audit_find(self->ctl, mark,
				QT_WANT(QWAMOS_GPU_EV_OPERATION_ALLOWED, .chain = self->vm.id,
					.operation = QWAMOS_GPU_OP_RENDERING_3D, .result = QT_DONE),
				NULL));
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_OPERATION_DENIED, .chain = self->vm.id,
					   .reason = QWAMOS_GPU_REASON_UNKNOWN_OPERATION),
				   NULL));
}

/* Allowed operations are not recorded then, but counted; all else is. */
TEST_F(policy, audit_allowed_off)
{
	__u64 mark = qt_audit_mark(self->ctl);
	const char *param = "/sys/module/qwamos_gpu/parameters/audit_allowed";
	struct qwamos_gpu_vm vm;
	int i;

	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_HIGH));
	ASSERT_EQ(0, qt_write(param, "N"));
	for (i = 0; i < 20; i++)
		EXPECT_EQ(0, qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_2D, 0));
	EXPECT_EQ(QWAMOS_GPU_REASON_LEVEL,
		  (__u32)qt_check(self->vm.use, QWAMOS_GPU_OP_PASSTHROUGH, 0));
	ASSERT_EQ(0, qt_write(param, "Y"));
	EXPECT_EQ(0, qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_2D, 0));
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_OPERATION_ALLOWED, .chain = self->vm.id),
				   NULL));
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_OPERATION_DENIED, .chain = self->vm.id),
				   NULL));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_EQ(21, vm.allowed);
}

/* A verdict about a GPU takes the GPU into account. */
TEST_F(policy, of_a_device)
{
	__u64 gpu = qt_id(self->ctl, "vga-a");
	struct qt_vm other;

	ASSERT_NE(0, gpu);
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_HIGH));
	EXPECT_EQ(-ENODEV, qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_2D, 1ULL << 40));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_DEVICE, qt_reason);
	EXPECT_EQ(0, qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_2D, gpu));
	ASSERT_EQ(0, qt_vm_new(&other, self->ctl, QWAMOS_GPU_LEVEL_UNTRUSTED,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	EXPECT_EQ(0, qt_check(other.use, QWAMOS_GPU_OP_RENDERING_2D, gpu));
	/* Who may not share has it alone, and keeps others off it. */
	ASSERT_EQ(0, qt_give(self->vm.manage, gpu));
	EXPECT_EQ(QWAMOS_GPU_REASON_SHARING,
		  (__u32)qt_check(other.use, QWAMOS_GPU_OP_RENDERING_2D, gpu));
	EXPECT_EQ(QWAMOS_GPU_REASON_LEVEL,
		  (__u32)qt_check(other.use, QWAMOS_GPU_OP_RENDERING_3D, gpu));
	ASSERT_EQ(0, qt_give(self->vm.manage, 0));
	ASSERT_EQ(0, qt_give(other.manage, gpu));
	EXPECT_EQ(QWAMOS_GPU_REASON_SHARING,
		  (__u32)qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_2D, gpu));
	qt_vm_end(&other);
	EXPECT_EQ(0, qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_2D, gpu));
}

TEST_HARNESS_MAIN
