// SPDX-License-Identifier: GPL-2.0-only
/* The token bucket of kmod/rate.c. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kmod/rate.h"

#define EACH  1000000ULL
#define BURST 5

static void burst_and_then_one_by_one(void **state)
{
	struct qgpu_pace p = { 0 };
	uint64_t now = 1000, i;

	for (i = 0; i < BURST; i++)
		assert_int_equal(0, qgpu_pace_take(&p, now, EACH, BURST));
	assert_int_equal(EACH, qgpu_pace_take(&p, now, EACH, BURST));
	assert_int_equal(1, qgpu_pace_take(&p, now + EACH - 1, EACH, BURST));
	assert_int_equal(0, qgpu_pace_take(&p, now + EACH, EACH, BURST));
	assert_int_equal(EACH, qgpu_pace_take(&p, now + EACH, EACH, BURST));
}

/* What was not used is saved up, to the burst and no further; asking in vain costs nothing. */
static void saved_up(void **state)
{
	struct qgpu_pace p = { 0 };
	uint64_t i, n = 0;

	for (i = 0; i < 100; i++)
		n += !qgpu_pace_take(&p, 0, EACH, BURST);
	assert_int_equal(BURST, n);
	for (n = 0, i = 0; i < 100; i++)
		n += !qgpu_pace_take(&p, 3 * EACH, EACH, BURST);
	assert_int_equal(3, n);
	for (n = 0, i = 0; i < 100; i++)
		n += !qgpu_pace_take(&p, 1000 * EACH, EACH, BURST);
	assert_int_equal(BURST, n);
}

/* A clock read before another one's, and used after it, gives no more than that. */
static void late_clock(void **state)
{
	struct qgpu_pace p = { 0 };
	uint64_t i;

	for (i = 0; i < BURST; i++)
		assert_int_equal(0, qgpu_pace_take(&p, 100 * EACH, EACH, BURST));
	assert_true(qgpu_pace_take(&p, 90 * EACH, EACH, BURST) >= EACH);
}

static void burst_of_one(void **state)
{
	struct qgpu_pace p = { 0 };

	assert_int_equal(0, qgpu_pace_take(&p, 0, EACH, 1));
	assert_int_equal(EACH - 7, qgpu_pace_take(&p, 7, EACH, 1));
	assert_int_equal(0, qgpu_pace_take(&p, EACH, EACH, 1));
}

#define STEPS 200000

static struct qgpu_pace shared;
static uint64_t taken[2];

static void *taker(void *arg)
{
	uint64_t *n = arg, i;

	for (i = 0; i < STEPS; i++)
		*n += !qgpu_pace_take(&shared, i * EACH / 100, EACH, BURST);
	return NULL;
}

/* Two threads together get what there is: the burst and one for each interval. */
static void two_threads(void **state)
{
	uint64_t most = BURST + STEPS / 100;
	pthread_t t;

	assert_int_equal(0, pthread_create(&t, NULL, taker, &taken[0]));
	taker(&taken[1]);
	pthread_join(t, NULL);
	assert_true(taken[0] + taken[1] <= most);
	assert_true(taken[0] + taken[1] >= most - BURST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(burst_and_then_one_by_one),
		cmocka_unit_test(saved_up),
		cmocka_unit_test(late_clock),
		cmocka_unit_test(burst_of_one),
		cmocka_unit_test(two_threads),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
