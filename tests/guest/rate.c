// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rates: the minimum time between two operations of a kind. The lower bound is exact; that an
 * operation comes through again is waited for, without a bound of its own.
 */
#include <pthread.h>
#include <sys/ioctl.h>
#include <time.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "charge.h"
#include "table.h"
#include "vm.h"

#define THREADS 8

static __u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

FIXTURE(rate)
{
	int ctl;
	struct qt_vm vm;
};

FIXTURE_SETUP(rate)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_UNTRUSTED,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
}

FIXTURE_TEARDOWN(rate)
{
	qt_vm_end(&self->vm);
	close(self->ctl);
}

/* Between the start of one that was allowed and the end of the next are at least the interval. */
TEST_F(rate, interval)
{
	__u32 level;
	int i;

	for (level = 0; level < QT_LEVELS; level++) {
		__u64 interval = qt_levels[level].interval_ms * 1000000ULL, before = 0, start;

		ASSERT_EQ(0, qt_set_level(self->vm.manage, level));
		for (i = 0; i < 4; i++) {
			do {
				start = now_ns();
			} while (qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_2D, 0));
			if (before) {
				EXPECT_LE(interval, now_ns() - before) TH_LOG("level %u", level);
			}
			before = start;
		}
	}
}

TEST_F(rate, refused_before_and_allowed_after)
{
	__u64 by_reason[QWAMOS_GPU_REASON_COUNT];
	__u64 mark = qt_audit_mark(self->ctl), start;
	struct qwamos_gpu_audit_record rec;
	int i, refused = 0;

	start = now_ns();
	ASSERT_EQ(0, qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_2D, 0));
	for (i = 0; i < 5; i++) {
		int v = qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_2D, 0);

		/* A guest that stood still for so long proves nothing. */
		if (now_ns() - start >= 100000000)
			break;
		EXPECT_EQ(QWAMOS_GPU_REASON_RATE, (__u32)v);
		refused++;
	}
	qt_sleep_ms(101);
	EXPECT_EQ(0, qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_2D, 0));
	if (!refused)
		return;
	EXPECT_LE(refused,
		  qt_audit_find(self->ctl, mark,
				QT_WANT(QWAMOS_GPU_EV_OPERATION_RATE_LIMITED, .chain = self->vm.id,
					.result = -EAGAIN, .operation = QWAMOS_GPU_OP_RENDERING_2D,
					.reason = QWAMOS_GPU_REASON_RATE),
				&rec));
	EXPECT_EQ(100000000, rec.limit);
	ASSERT_EQ(0, qt_refusals(self->vm.use, by_reason));
	EXPECT_LE((__u64)refused, by_reason[QWAMOS_GPU_REASON_RATE]);
}

/* Each kind by itself, each VM by itself; a denied operation does not count. */
TEST_F(rate, by_kind_and_vm)
{
	struct qt_vm other;

	ASSERT_EQ(0, qt_vm_new(&other, self->ctl, QWAMOS_GPU_LEVEL_LOW,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_LOW));
	EXPECT_EQ(0, qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_2D, 0));
	EXPECT_EQ(0, qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_3D, 0));
	EXPECT_EQ(0, qt_check(self->vm.use, QWAMOS_GPU_OP_VIDEO_DECODE, 0));
	EXPECT_EQ(0, qt_check(other.use, QWAMOS_GPU_OP_RENDERING_2D, 0));
	/* Denied by the level over and over: the first that is allowed comes through. */
	EXPECT_EQ(QWAMOS_GPU_REASON_LEVEL,
		  (__u32)qt_check(self->vm.use, QWAMOS_GPU_OP_COMPUTE_SHADER, 0));
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_MEDIUM));
	EXPECT_EQ(0, qt_check(self->vm.use, QWAMOS_GPU_OP_COMPUTE_SHADER, 0));
	qt_vm_end(&other);
}

/* In an array the second of a kind comes too soon. */
TEST_F(rate, within_an_array)
{
	struct qwamos_gpu_vm_check_entry v[64];
	__u64 start = now_ns();
	int i;

	for (i = 0; i < 64; i++)
		v[i] = (struct qwamos_gpu_vm_check_entry){ QWAMOS_GPU_OP_RENDERING_2D, QT_P32 };
	i = qt_check_array(self->vm.use, v, 64);
	EXPECT_EQ(0, v[0].out_verdict);
	if (now_ns() - start < 100000000) {
		EXPECT_EQ(63, i);
	}
}

struct crowd {
	pthread_barrier_t barrier;
	int fd;
	__u64 until;
	unsigned int yes;
};

/* qt_call() is for one thread. */
static int raw_check(int fd, __u32 op)
{
	struct qwamos_gpu_vm_check c = { .hdr.size = sizeof(c), .operation = op };

	return ioctl(fd, QWAMOS_GPU_VM_CHECK, &c) ? -1 : (int)c.out_verdict;
}

static void *ask(void *arg)
{
	struct crowd *c = arg;

	pthread_barrier_wait(&c->barrier);
	while (now_ns() < c->until)
		if (!raw_check(c->fd, QWAMOS_GPU_OP_RENDERING_2D))
			__atomic_fetch_add(&c->yes, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* However many ask, no more come through than there is time for. */
TEST_F(rate, threads)
{
	struct crowd c = { .fd = self->vm.use };
	pthread_t t[THREADS];
	__u64 start, took;
	int i;

	ASSERT_EQ(0, pthread_barrier_init(&c.barrier, NULL, THREADS));
	start = now_ns();
	c.until = start + 1000000000;
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, ask, &c));
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	took = now_ns() - start;
	EXPECT_LE(1, c.yes);
	EXPECT_LE((c.yes - 1) * 100000000ULL, took) TH_LOG("%u in %llu ns", c.yes, took);
}

/* The wall clock is nobody's business. */
TEST_F(rate, clock_that_is_set)
{
	struct timespec t;
	__u64 start;
	int i;

	ASSERT_EQ(0, clock_gettime(CLOCK_REALTIME, &t));
	start = now_ns();
	ASSERT_EQ(0, qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_2D, 0));
	for (i = 0; i < 2; i++) {
		int v;

		t.tv_sec += i ? -7200 : 3600;
		EXPECT_EQ(0, clock_settime(CLOCK_REALTIME, &t));
		v = qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_2D, 0);
		if (now_ns() - start < 100000000) {
			EXPECT_EQ(QWAMOS_GPU_REASON_RATE, (__u32)v);
		}
	}
	t.tv_sec += 3600;
	EXPECT_EQ(0, clock_settime(CLOCK_REALTIME, &t));
}

TEST_HARNESS_MAIN
