// SPDX-License-Identifier: GPL-2.0-only
/* kmod/rate.c and kmod/quota.c; the clock is the test's. */
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "kmod/quota.h"
#include "kmod/rate.h"

#define MS	1000000ULL
#define THREADS 8
#define ROUNDS	20000

/* To the nanosecond, wherever the clock stands. */
static void edge(void **state)
{
	static const uint64_t starts[] = { 0, 1, 1000 * MS, 1ULL << 62, INT64_MAX - 1000 * MS };
	static const uint64_t intervals[] = { 1, 10 * MS, 50 * MS, 100 * MS };
	unsigned int i, k;

	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		for (k = 0; k < sizeof(intervals) / sizeof(intervals[0]); k++) {
			uint64_t t = starts[i], iv = intervals[k];
			struct qgpu_rate r = {};

			assert_true(qgpu_rate_take(&r, t, iv));
			assert_false(qgpu_rate_take(&r, t, iv));
			assert_false(qgpu_rate_take(&r, t + iv - 1, iv));
			assert_true(qgpu_rate_take(&r, t + iv, iv));
			/* A refusal has not put it off. */
			assert_false(qgpu_rate_take(&r, t + 2 * iv - 1, iv));
			assert_true(qgpu_rate_take(&r, t + 2 * iv, iv));
		}
}

/* A long pause is not saved up for a burst. */
static void no_burst(void **state)
{
	struct qgpu_rate r = {};
	unsigned int i, yes = 0;

	assert_true(qgpu_rate_take(&r, 5 * MS, 100 * MS));
	for (i = 0; i < 1000; i++)
		yes += qgpu_rate_take(&r, 100000 * MS + i, 100 * MS);
	assert_int_equal(1, yes);
}

/* A thread that read the clock before another one's yes. */
static void late_thread(void **state)
{
	struct qgpu_rate r = {};

	assert_true(qgpu_rate_take(&r, 1000 * MS, 100 * MS));
	assert_true(qgpu_rate_take(&r, 1100 * MS, 100 * MS));
	assert_false(qgpu_rate_take(&r, 1099 * MS, 100 * MS));
	assert_false(qgpu_rate_take(&r, 1000 * MS, 100 * MS));
	assert_false(qgpu_rate_take(&r, 0, 100 * MS));
	assert_true(qgpu_rate_take(&r, 1200 * MS, 100 * MS));
}

/* Another level: another interval since the same operation. */
static void other_interval(void **state)
{
	struct qgpu_rate r = {};

	assert_true(qgpu_rate_take(&r, 1000 * MS, 10 * MS));
	assert_false(qgpu_rate_take(&r, 1050 * MS, 100 * MS));
	assert_true(qgpu_rate_take(&r, 1050 * MS, 50 * MS));
}

struct crowd {
	struct qgpu_rate rate;
	struct qgpu_quota quota;
	pthread_barrier_t barrier;
	uint64_t over;
	unsigned int yes;
};

static void *take_many(void *arg)
{
	struct crowd *c = arg;
	uint64_t i;

	pthread_barrier_wait(&c->barrier);
	for (i = 0; i < ROUNDS; i++)
		if (qgpu_rate_take(&c->rate, i * MS, 10 * MS))
			__atomic_fetch_add(&c->yes, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *charge_many(void *arg)
{
	struct crowd *c = arg;
	__u64 used;
	uint64_t i, mine = 0, seed = (uintptr_t)&used;

	pthread_barrier_wait(&c->barrier);
	for (i = 0; i < ROUNDS; i++) {
		uint64_t n = 1 + (seed = seed * 6364136223846793005ULL + 1) / (UINT64_MAX / 400);

		if (qgpu_quota_charge(&c->quota, n, 1000, &used))
			mine += n;
		if (used > 1000)
			__atomic_fetch_add(&c->over, 1, __ATOMIC_RELAXED);
		if (mine && i % 3) {
			qgpu_quota_uncharge(&c->quota, mine);
			mine = 0;
		}
	}
	if (mine)
		qgpu_quota_uncharge(&c->quota, mine);
	return NULL;
}

static void run(struct crowd *c, void *(*fn)(void *))
{
	pthread_t t[THREADS];
	unsigned int i;

	memset(c, 0, sizeof(*c));
	assert_int_equal(0, pthread_barrier_init(&c->barrier, NULL, THREADS));
	for (i = 0; i < THREADS; i++)
		assert_int_equal(0, pthread_create(&t[i], NULL, fn, c));
	for (i = 0; i < THREADS; i++)
		assert_int_equal(0, pthread_join(t[i], NULL));
	pthread_barrier_destroy(&c->barrier);
}

/*
 * All threads walk the same clock, one millisecond a step: between two that may come are ten at
 * least, and the threads that lag behind get none.
 */
static void parallel_rate(void **state)
{
	struct crowd c;

	run(&c, take_many);
	assert_in_range(c.yes, 1, ROUNDS / 10);
}

static void parallel_quota(void **state)
{
	struct crowd c;

	run(&c, charge_many);
	assert_int_equal(0, c.over);
	assert_int_equal(0, atomic64_read(&c.quota.used));
	assert_in_range(atomic64_read(&c.quota.high), 1, 1000);
}

static void cumulative(void **state)
{
	struct qgpu_quota q = {};
	__u64 used = 0;

	assert_true(qgpu_quota_charge(&q, 1000, 1024, &used));
	assert_int_equal(1000, used);
	assert_false(qgpu_quota_charge(&q, 1000, 1024, &used));
	assert_int_equal(1000, used);
	assert_false(qgpu_quota_charge(&q, 25, 1024, &used));
	assert_true(qgpu_quota_charge(&q, 24, 1024, &used));
	assert_int_equal(1024, used);
	assert_false(qgpu_quota_charge(&q, 1, 1024, &used));
	/* A limit below what is in use. */
	assert_false(qgpu_quota_charge(&q, 1, 10, &used));
	assert_int_equal(1024, used);
	assert_int_equal(1000, qgpu_quota_uncharge(&q, 24));
	assert_false(qgpu_quota_charge(&q, 1, 1000, &used));
	assert_int_equal(1024, atomic64_read(&q.high));
}

static void overflow(void **state)
{
	static const uint64_t big[] = { UINT64_MAX, UINT64_MAX - 999, 1ULL << 63, INT64_MAX };
	struct qgpu_quota q = {};
	__u64 used;
	unsigned int i;

	assert_true(qgpu_quota_charge(&q, 1000, 1024, &used));
	for (i = 0; i < sizeof(big) / sizeof(big[0]); i++) {
		assert_false(qgpu_quota_charge(&q, big[i], 1024, &used));
		assert_false(qgpu_quota_charge(&q, big[i], INT64_MAX, &used));
	}
	assert_int_equal(1000, atomic64_read(&q.used));
	assert_int_equal(1000, atomic64_read(&q.high));
}

static void ledger(void **state)
{
	atomic64_t l = { 10 };

	assert_false(qgpu_quota_take(&l, 11));
	assert_false(qgpu_quota_take(&l, UINT64_MAX));
	assert_int_equal(10, atomic64_read(&l));
	assert_true(qgpu_quota_take(&l, 4));
	assert_true(qgpu_quota_take(&l, 6));
	assert_false(qgpu_quota_take(&l, 1));
	assert_int_equal(0, atomic64_read(&l));
}

static void guarantees(void **state)
{
	unsigned int used = 0, limit = 0;

	assert_true(qgpu_guarantee_fits(80, 20, 80, &used, &limit));
	assert_true(qgpu_guarantee_fits(0, 100, 0, &used, &limit));
	assert_false(qgpu_guarantee_fits(81, 0, 80, &used, &limit));
	assert_int_equal(80, limit);
	assert_false(qgpu_guarantee_fits(80, 21, 80, &used, &limit));
	assert_int_equal(21, used);
	assert_int_equal(100, limit);
	assert_false(qgpu_guarantee_fits(1, 100, 100, &used, &limit));
	assert_false(qgpu_guarantee_fits(UINT_MAX, 1, UINT_MAX, &used, &limit));
	assert_false(qgpu_guarantee_fits(1, UINT_MAX, 100, &used, &limit));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edge),		  cmocka_unit_test(no_burst),
		cmocka_unit_test(late_thread),	  cmocka_unit_test(other_interval),
		cmocka_unit_test(parallel_rate),  cmocka_unit_test(parallel_quota),
		cmocka_unit_test(cumulative),	  cmocka_unit_test(overflow),
		cmocka_unit_test(ledger),	  cmocka_unit_test(guarantees),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
