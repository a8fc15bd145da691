// SPDX-License-Identifier: GPL-2.0-only
/*
 * VM_SET_POLICY while others VM_CHECK, on two CPUs: a verdict and its record are those of the
 * policy before or of the one after, not of a mixture.
 */
#include <pthread.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "charge.h"
#include "vm.h"

#define THREADS 4
#define MS	4000
#define RECORDS 1024

struct crowd {
	int fd;
	int manage;
	__u64 device_id;
	__u32 op;
	bool stop;
	__u64 got[QWAMOS_GPU_REASON_COUNT];
	__u64 failed;
};

FIXTURE(races)
{
	int ctl;
	struct qt_vm vm;
};

FIXTURE_SETUP(races)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_HIGH,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
}

FIXTURE_TEARDOWN(races)
{
	qt_vm_end(&self->vm);
	close(self->ctl);
}

static void *ask(void *arg)
{
	struct crowd *c = arg;
	struct qwamos_gpu_vm_check k;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		k = (struct qwamos_gpu_vm_check){ .hdr.size = sizeof(k),
						  .operation = c->op,
						  .device_id = c->device_id };
		if (ioctl(c->fd, QWAMOS_GPU_VM_CHECK, &k) ||
		    k.out_verdict >= QWAMOS_GPU_REASON_COUNT)
			__atomic_fetch_add(&c->failed, 1, __ATOMIC_RELAXED);
		else
			__atomic_fetch_add(&c->got[k.out_verdict], 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Up and down between UNTRUSTED and HIGH while all ask. */
static void run(struct __test_metadata *_metadata, struct crowd *c)
{
	static const __u32 levels[] = { QWAMOS_GPU_LEVEL_UNTRUSTED, QWAMOS_GPU_LEVEL_HIGH };
	long long end = qt_now_ms() + MS;
	pthread_t t[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, ask, c));
	for (i = 0; qt_now_ms() < end; i++)
		EXPECT_EQ(0, qt_set_level(c->manage, levels[i % 2]));
	__atomic_store_n(&c->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	EXPECT_EQ(0, c->failed);
	EXPECT_LT(0, c->got[QWAMOS_GPU_REASON_NONE]);
}

/* How many events of @chain say @event with another level than @level. */
static __u64 strange(struct __test_metadata *_metadata, int ctl, __u64 chain, __u32 event,
		     __u32 level)
{
	static struct qwamos_gpu_audit_record recs[RECORDS];
	int i, n = qt_audit_chain(ctl, chain, recs, RECORDS);
	__u64 sum = 0, seen = 0;

	EXPECT_LT(0, n);
	for (i = 0; i < n; i++) {
		if (recs[i].event != event)
			continue;
		seen += recs[i].count;
		if (recs[i].level == level)
			continue;
		sum += recs[i].count;
		TH_LOG("record %llu: event %u, reason %u at level %u, %llu times", recs[i].seq,
		       event, recs[i].reason, recs[i].level, recs[i].count);
	}
	EXPECT_LT(0, seen);
	return sum;
}

/* Nothing but @reason was a reason. */
static void only(struct __test_metadata *_metadata, struct crowd *c, __u32 reason)
{
	__u32 i;

	for (i = 1; i < QWAMOS_GPU_REASON_COUNT; i++) {
		if (i == reason) {
			EXPECT_LT(0, c->got[i]);
		} else {
			EXPECT_EQ(0, c->got[i]) TH_LOG("reason %u", i);
		}
	}
}

/* HIGH allows it at any time, UNTRUSTED never: RATE is nobody's verdict. */
TEST_F_TIMEOUT(races, verdicts, 60)
{
	struct crowd c = { .fd = self->vm.use,
			   .manage = self->vm.manage,
			   .op = QWAMOS_GPU_OP_COMPUTE_SHADER };

	run(_metadata, &c);
	only(_metadata, &c, QWAMOS_GPU_REASON_LEVEL);
	EXPECT_EQ(0, strange(_metadata, self->ctl, self->vm.id, QWAMOS_GPU_EV_OPERATION_DENIED,
			     QWAMOS_GPU_LEVEL_UNTRUSTED));
	EXPECT_EQ(0, strange(_metadata, self->ctl, self->vm.id, QWAMOS_GPU_EV_OPERATION_ALLOWED,
			     QWAMOS_GPU_LEVEL_HIGH));
}

/* So is what a GPU says: UNTRUSTED may not share it. */
TEST_F_TIMEOUT(races, verdicts_on_a_gpu, 60)
{
	struct crowd c = { .fd = self->vm.use,
			   .manage = self->vm.manage,
			   .device_id = qt_id(self->ctl, "vga-a"),
			   .op = QWAMOS_GPU_OP_RENDERING_2D };
	struct qt_vm other;

	ASSERT_NE(0, c.device_id);
	ASSERT_EQ(0, qt_vm_new(&other, self->ctl, QWAMOS_GPU_LEVEL_HIGH,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	EXPECT_EQ(0, qt_give(other.manage, c.device_id));
	run(_metadata, &c);
	only(_metadata, &c, QWAMOS_GPU_REASON_SHARING);
	EXPECT_EQ(0, strange(_metadata, self->ctl, self->vm.id, QWAMOS_GPU_EV_OPERATION_DENIED,
			     QWAMOS_GPU_LEVEL_UNTRUSTED));
	EXPECT_EQ(0, strange(_metadata, self->ctl, self->vm.id, QWAMOS_GPU_EV_OPERATION_ALLOWED,
			     QWAMOS_GPU_LEVEL_HIGH));
	qt_vm_end(&other);
}

TEST_HARNESS_MAIN
