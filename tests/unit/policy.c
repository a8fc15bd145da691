// SPDX-License-Identifier: GPL-2.0-only
/* kmod/policy.c against the table of trust levels, which tests/data/policy.def has once more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kmod/policy.h"
#include "table.h"

/* Work submitted through gates: in a second, and at once; 0: no limit. */
static const unsigned int submit[QT_LEVELS][2] = {
	{ 100, 50 }, { 1000, 500 }, { 5000, 2500 }, { 0, 0 }, { 0, 0 },
};

static void table(void **state)
{
	unsigned int i;

	assert_int_equal(QT_LEVELS, QGPU_LEVELS);
	for (i = 0; i < QT_LEVELS; i++) {
		const struct qgpu_level *l = qgpu_level(i);

		assert_non_null(l);
		assert_string_equal(qt_levels[i].name, l->name);
		assert_int_equal(qt_levels[i].vram_mib, l->vram_mib);
		assert_int_equal((uint64_t)qt_levels[i].vram_mib << 20, qgpu_level_vram(l));
		assert_int_equal(qt_levels[i].cap, l->compute_percent);
		assert_int_equal(qt_levels[i].vulkan, l->vulkan);
		assert_int_equal(qt_levels[i].queues, l->vulkan_queues);
		assert_int_equal(qt_levels[i].interval_ms, l->min_interval_ms);
		assert_int_equal(qt_levels[i].interval_ms * 1000000ULL, qgpu_level_interval_ns(l));
		assert_int_equal(qt_levels[i].needs_iommu, l->needs_iommu);
		assert_int_equal(qt_levels[i].may_share, l->may_share);
		assert_int_equal(submit[i][0], l->submit_hz);
		assert_int_equal(submit[i][1], l->submit_burst);
	}
}

static void no_such_level(void **state)
{
	assert_null(qgpu_level(QGPU_LEVELS));
	assert_null(qgpu_level(0x80000000));
	assert_null(qgpu_level(QWAMOS_GPU_LEVEL_NONE));
}

/* Every level, every operation, every narrowing. */
static void operations(void **state)
{
	unsigned int i, level, restrictions;

	assert_int_equal(QGPU_OPS - 1, QT_OPS);
	for (i = 0; i < QT_OPS; i++)
		for (level = 0; level < QT_LEVELS; level++) {
			assert_int_equal(qt_verdict(level, 0, &qt_ops[i]),
					 qgpu_policy_check(level, qt_ops[i].op));
			for (restrictions = 0; restrictions < 4; restrictions++)
				assert_int_equal(qt_verdict(level, restrictions, &qt_ops[i]),
						 qgpu_policy_verdict(level, restrictions,
								     qt_ops[i].op));
		}
}

static void queues(void **state)
{
	unsigned int level, restrictions, limit;

	for (level = 0; level < QT_LEVELS; level++)
		for (restrictions = 0; restrictions < 4; restrictions++) {
			unsigned int reason = QWAMOS_GPU_REASON_NONE;

			if (qt_levels[level].vulkan == QWAMOS_GPU_VULKAN_NONE)
				reason = QWAMOS_GPU_REASON_LEVEL;
			else if (restrictions & QWAMOS_GPU_RESTRICT_NO_VULKAN)
				reason = QWAMOS_GPU_REASON_VULKAN_OFF;
			limit = 99;
			assert_int_equal(reason, qgpu_policy_queues(level, restrictions, &limit));
			assert_int_equal(reason ? 0 : qt_levels[level].queues, limit);
		}
	limit = 99;
	assert_int_equal(QWAMOS_GPU_REASON_NO_POLICY,
			 qgpu_policy_queues(QWAMOS_GPU_LEVEL_NONE, 0, &limit));
	assert_int_equal(0, limit);
}

/* Whatever is not known is denied, at every level. */
static void unknown(void **state)
{
	static const unsigned int ops[] = { QWAMOS_GPU_OP_NONE, QGPU_OPS,  31, 32, 33,
					    0x80000000,		0xffffffff };
	unsigned int i, level;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		for (level = 0; level < QGPU_LEVELS; level++)
			assert_int_equal(QWAMOS_GPU_REASON_UNKNOWN_OPERATION,
					 qgpu_policy_verdict(level, 0, ops[i]));
}

static void no_policy(void **state)
{
	unsigned int i;

	for (i = 0; i < QT_OPS; i++) {
		assert_int_equal(QWAMOS_GPU_REASON_NO_POLICY,
				 qgpu_policy_verdict(QWAMOS_GPU_LEVEL_NONE, 0, qt_ops[i].op));
		assert_int_equal(QWAMOS_GPU_REASON_NO_POLICY,
				 qgpu_policy_verdict(QGPU_LEVELS, 3, qt_ops[i].op));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),      cmocka_unit_test(no_such_level),
		cmocka_unit_test(operations), cmocka_unit_test(queues),
		cmocka_unit_test(unknown),    cmocka_unit_test(no_policy),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
