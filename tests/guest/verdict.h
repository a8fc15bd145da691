/* SPDX-License-Identifier: GPL-2.0-only */
/* VM_CHECK on a GPU from all sides: the answer, the VM's counters, its records. Included after
 * kselftest_harness.h. */
#ifndef QT_VERDICT_H
#define QT_VERDICT_H

#include "audit.h"
#include "call.h"
#include "charge.h"
#include "vm.h"

#define QT_ENTRIES 8

/* What the log has of verdicts of a kind on an operation since @mark. */
static inline long verdicts_logged(int ctl, __u64 mark, __u64 vm_id, __u32 op, __u32 verdict)
{
	if (!verdict)
		return qt_audit_find(ctl, mark,
				     QT_WANT(QWAMOS_GPU_EV_OPERATION_ALLOWED, .chain = vm_id,
					     .operation = op, .result = QT_DONE),
				     NULL);
	return qt_audit_find(ctl, mark,
			     QT_WANT(QWAMOS_GPU_EV_OPERATION_DENIED, .chain = vm_id,
				     .operation = op, .reason = verdict, .result = -EACCES,
				     .pid = getpid()),
			     NULL);
}

struct counters {
	struct qwamos_gpu_vm vm;
	__u64 refused[QWAMOS_GPU_REASON_COUNT];
};

static inline int count_all(const struct qt_vm *vm, struct counters *c)
{
	int ret = qt_vm_info(vm->use, &c->vm);

	return ret ? ret : qt_refusals(vm->use, c->refused);
}

static inline void expect_counted(struct __test_metadata *_metadata, struct qt_vm *vm,
				  const struct counters *before,
				  const struct qwamos_gpu_vm_check_entry *want, __u32 n)
{
	__u64 by_reason[QWAMOS_GPU_REASON_COUNT] = {}, denied = 0;
	struct counters after;
	__u32 i;

	ASSERT_EQ(0, count_all(vm, &after));
	for (i = 0; i < n; i++) {
		by_reason[want[i].out_verdict]++;
		denied += !!want[i].out_verdict;
	}
	for (i = 1; i < QWAMOS_GPU_REASON_COUNT; i++)
		EXPECT_EQ(before->refused[i] + by_reason[i], after.refused[i])
	TH_LOG("the counter of reason %u", i);
	EXPECT_EQ(before->vm.allowed + by_reason[0], after.vm.allowed);
	EXPECT_EQ(before->vm.denied + denied, after.vm.denied);
	EXPECT_EQ(before->vm.checks + n, after.vm.checks);
}

/* One operation. */
static inline void expect_verdict(struct __test_metadata *_metadata, int ctl, struct qt_vm *vm,
				  __u64 device_id, __u32 op, __u32 want)
{
	const struct qwamos_gpu_vm_check_entry one = { op, want };
	struct counters before;
	__u64 mark;

	ASSERT_EQ(0, count_all(vm, &before));
	mark = qt_audit_mark(ctl);
	EXPECT_EQ((int)want, qt_check(vm->use, op, device_id)) TH_LOG("operation %u", op);
	EXPECT_EQ(1, verdicts_logged(ctl, mark, vm->id, op, want));
	expect_counted(_metadata, vm, &before, &one, 1);
}

/* An array; each operation stands in it once. */
static inline void expect_verdicts(struct __test_metadata *_metadata, int ctl, struct qt_vm *vm,
				   __u64 device_id, const struct qwamos_gpu_vm_check_entry *want,
				   __u32 n)
{
	struct qwamos_gpu_vm_check_entry v[QT_ENTRIES];
	struct counters before;
	int denied = 0;
	__u64 mark;
	__u32 i;

	ASSERT_GE(QT_ENTRIES, n);
	for (i = 0; i < n; i++) {
		v[i] = (struct qwamos_gpu_vm_check_entry){ want[i].operation, QT_P32 };
		denied += !!want[i].out_verdict;
	}
	ASSERT_EQ(0, count_all(vm, &before));
	mark = qt_audit_mark(ctl);
	EXPECT_EQ(denied, qt_check_array_on(vm->use, device_id, v, n));
	for (i = 0; i < n; i++) {
		EXPECT_EQ(want[i].operation, v[i].operation);
		EXPECT_EQ(want[i].out_verdict, v[i].out_verdict)
		TH_LOG("operation %u", want[i].operation);
		EXPECT_EQ(1, verdicts_logged(ctl, mark, vm->id,
					     want[i].operation <= QWAMOS_GPU_OP_PASSTHROUGH
						     ? want[i].operation
						     : 0,
					     want[i].out_verdict));
	}
	expect_counted(_metadata, vm, &before, want, n);
}

#define VERDICT(vm, device, op, want)                                        \
	expect_verdict(_metadata, self->ctl, vm, device, QWAMOS_GPU_OP_##op, \
		       QWAMOS_GPU_REASON_##want)
#define VERDICTS(vm, device, ...)                                                          \
	do {                                                                               \
		static const struct qwamos_gpu_vm_check_entry want[] = { __VA_ARGS__ };    \
		expect_verdicts(_metadata, self->ctl, vm, device, want, ARRAY_SIZE(want)); \
	} while (0)
#define OP_IS(op, want)                                      \
	{                                                    \
		QWAMOS_GPU_OP_##op, QWAMOS_GPU_REASON_##want \
	}
#define UNKNOWN_OP_IS(want)                  \
	{                                    \
		77, QWAMOS_GPU_REASON_##want \
	}

#endif
