// SPDX-License-Identifier: GPL-2.0-only
/* Ten million denials of one VM: every other chain stays as it was, and none of them is lost in the
 * counting. */
#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "vm.h"

#define MILLION 1000000ULL
#define ARRAY	1024
#define MANY	2048
#define OTHERS	3

FIXTURE(flood)
{
	int ctl;
	struct qt_vm vm;
	struct qt_vm other[OTHERS];
};

FIXTURE_SETUP(flood)
{
	int i;

	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_UNTRUSTED, 0));
	for (i = 0; i < OTHERS; i++) {
		ASSERT_EQ(0, qt_vm_new(&self->other[i], self->ctl, i, 0));
	}
}

FIXTURE_TEARDOWN(flood)
{
	int i;

	qt_vm_end(&self->vm);
	for (i = 0; i < OTHERS; i++)
		qt_vm_end(&self->other[i]);
}

static int head(int fd, __u64 chain, struct qwamos_gpu_audit_head *h)
{
	*h = (struct qwamos_gpu_audit_head){ .hdr = QT_HDR(*h, 0), .chain = chain };
	return qt_call(fd, QWAMOS_GPU_AUDIT_HEAD, h, sizeof(*h), QT_NONE);
}

static __u64 sum(const struct qwamos_gpu_audit_record *recs, int n, __u32 event)
{
	__u64 all = 0;
	int i;

	for (i = 0; i < n; i++)
		all += recs[i].event == event ? recs[i].count : 0;
	return all;
}

TEST_F_TIMEOUT(flood, ten_million, 400)
{
	/* At UNTRUSTED each of these is denied; the last three are no operations. */
	static const __u32 ops[] = { QWAMOS_GPU_OP_RENDERING_3D,
				     QWAMOS_GPU_OP_COMPUTE_SHADER,
				     QWAMOS_GPU_OP_VULKAN_COMPUTE,
				     QWAMOS_GPU_OP_VIDEO_DECODE,
				     QWAMOS_GPU_OP_VIDEO_ENCODE,
				     QWAMOS_GPU_OP_PASSTHROUGH,
				     QWAMOS_GPU_OP_NONE,
				     99,
				     0xffffffff };
	static struct qwamos_gpu_audit_record before[OTHERS + 1][MANY], after[MANY];
	static struct qwamos_gpu_vm_check_entry e[ARRAY];
	const __u64 want = 10 * MILLION;
	struct qwamos_gpu_audit_head h[OTHERS + 1], now;
	__u64 chain[OTHERS + 1] = { 0 }, done = 0, id = self->vm.id;
	int n[OTHERS + 1], i, k;
	struct qwamos_gpu_vm_check c;

	for (i = 0; i < OTHERS; i++) {
		chain[i] = self->other[i].id;
		for (k = 0; k < 20; k++) {
			ASSERT_EQ(0, qt_set_level(self->other[i].manage, k % 4));
			ASSERT_EQ(-EACCES, qt_destroy(self->other[i].use));
		}
	}
	ASSERT_EQ(-EINVAL, qt_release(self->ctl, 1, 0));
	qt_audit_mark(self->ctl);
	/* The host's chain, [OTHERS], has what the tests before this one left there. */
	for (i = 0; i <= OTHERS; i++) {
		ASSERT_EQ(0, head(self->ctl, chain[i], &h[i]));
		n[i] = qt_audit_chain(self->ctl, chain[i], before[i], MANY);
		ASSERT_LE(i < OTHERS ? 23 : 0, n[i]);
	}
	while (done < want) {
		for (i = 0; i < ARRAY; i++)
			e[i] = (struct qwamos_gpu_vm_check_entry){
				.operation = ops[(done + i) % ARRAY_SIZE(ops)],
				.out_verdict = QT_P32,
			};
		c = (struct qwamos_gpu_vm_check){
			.hdr = QT_HDR(c, 0),
			.count = want - done < ARRAY ? want - done : ARRAY,
			.entries = (unsigned long)e,
			.out_verdict = QT_P32,
			.out_denied = QT_P32,
		};
		ASSERT_EQ(0, qt_call(self->vm.use, QWAMOS_GPU_VM_CHECK, &c, sizeof(c), QT_NONE));
		ASSERT_EQ(c.count, c.out_denied);
		done += c.count;
		/* Variety, and a reader, who must not help it. */
		if (done % (1 << 20) == 0) {
			qt_destroy(self->vm.use);
			qt_attach(self->vm.use, done, QWAMOS_GPU_SCRUB_DEFAULT, NULL);
			qt_audit_read(self->vm.use, 0, after, 1);
		}
	}
	for (i = 0; i <= OTHERS; i++) {
		ASSERT_EQ(0, head(self->ctl, chain[i], &now));
		EXPECT_EQ(0, memcmp(&h[i], &now, sizeof(now))) TH_LOG("chain %llu", chain[i]);
		ASSERT_EQ(n[i], qt_audit_chain(self->ctl, chain[i], after, MANY));
		EXPECT_EQ(0, memcmp(before[i], after, n[i] * sizeof(after[0])))
		TH_LOG("chain %llu", chain[i]);
	}
	/* Its own chain still tells how it came to be. */
	k = qt_audit_chain(self->ctl, id, after, MANY);
	ASSERT_LT(2, k);
	EXPECT_EQ(1, after[0].seq);
	EXPECT_EQ(QWAMOS_GPU_EV_VM_CREATED, after[0].event);
	EXPECT_EQ(QWAMOS_GPU_EV_POLICY_CREATED, after[1].event);
	ASSERT_EQ(0, head(self->ctl, id, &now));
	EXPECT_EQ(0, now.out_lost);
	/* What waits for the budget is told when the VM ends: every single one. */
	qt_vm_end(&self->vm);
	for (i = 0; i < 100; i++) {
		k = qt_audit_chain(self->ctl, id, after, MANY);
		if (sum(after, k, QWAMOS_GPU_EV_OPERATION_DENIED) >= want)
			break;
		qt_sleep_ms(100);
	}
	EXPECT_EQ(want, sum(after, k, QWAMOS_GPU_EV_OPERATION_DENIED));
}

TEST_HARNESS_MAIN
