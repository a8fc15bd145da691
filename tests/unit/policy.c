// SPDX-License-Identifier: GPL-2.0-only
/* kmod/policy.c against the table of trust levels, written down here once more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kmod/policy.h"

/* By level: what each operation may. */
static const struct {
	unsigned int op;
	unsigned int allowed[QGPU_LEVELS];
} matrix[] = {
	{ QWAMOS_GPU_OP_RENDERING_2D, { 1, 1, 1, 1, 1 } },
	{ QWAMOS_GPU_OP_RENDERING_3D, { 0, 1, 1, 1, 1 } },
	{ QWAMOS_GPU_OP_COMPUTE_SHADER, { 0, 0, 1, 1, 1 } },
	{ QWAMOS_GPU_OP_VULKAN_COMPUTE, { 0, 0, 1, 1, 1 } },
	{ QWAMOS_GPU_OP_VIDEO_DECODE, { 0, 1, 1, 1, 1 } },
	{ QWAMOS_GPU_OP_VIDEO_ENCODE, { 0, 0, 1, 1, 1 } },
	{ QWAMOS_GPU_OP_PASSTHROUGH, { 0, 0, 0, 0, 1 } },
};

static const struct {
	const char *name;
	unsigned int vram, compute, vulkan, queues, interval, iommu, share;
} levels[QGPU_LEVELS] = {
	{ "untrusted", 128, 10, QWAMOS_GPU_VULKAN_NONE, 0, 100, 1, 0 },
	{ "low", 256, 25, QWAMOS_GPU_VULKAN_GRAPHICS, 4, 50, 1, 1 },
	{ "medium", 512, 50, QWAMOS_GPU_VULKAN_COMPUTE, 4, 10, 0, 1 },
	{ "high", 1024, 80, QWAMOS_GPU_VULKAN_FULL, 8, 0, 0, 1 },
	{ "system", 2048, 100, QWAMOS_GPU_VULKAN_FULL, 16, 0, 0, 1 },
};

static void table(void **state)
{
	unsigned int i;

	for (i = 0; i < QGPU_LEVELS; i++) {
		const struct qgpu_level *l = qgpu_level(i);

		assert_non_null(l);
		assert_string_equal(levels[i].name, l->name);
		assert_int_equal(levels[i].vram, l->vram_mib);
		assert_int_equal(levels[i].compute, l->compute_percent);
		assert_int_equal(levels[i].vulkan, l->vulkan);
		assert_int_equal(levels[i].queues, l->vulkan_queues);
		assert_int_equal(levels[i].interval, l->min_interval_ms);
		assert_int_equal(levels[i].iommu, l->needs_iommu);
		assert_int_equal(levels[i].share, l->may_share);
	}
}

static void no_such_level(void **state)
{
	assert_null(qgpu_level(QGPU_LEVELS));
	assert_null(qgpu_level(0x80000000));
	assert_null(qgpu_level(QWAMOS_GPU_LEVEL_NONE));
}

static void operations(void **state)
{
	unsigned int i, level;

	assert_int_equal(QGPU_OPS - 1, sizeof(matrix) / sizeof(matrix[0]));
	for (i = 0; i < sizeof(matrix) / sizeof(matrix[0]); i++)
		for (level = 0; level < QGPU_LEVELS; level++)
			assert_int_equal(matrix[i].allowed[level] ? QWAMOS_GPU_REASON_NONE
								  : QWAMOS_GPU_REASON_LEVEL,
					 qgpu_policy_check(level, matrix[i].op));
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
					 qgpu_policy_check(level, ops[i]));
}

static void no_policy(void **state)
{
	unsigned int i;

	for (i = 0; i < sizeof(matrix) / sizeof(matrix[0]); i++) {
		assert_int_equal(QWAMOS_GPU_REASON_NO_POLICY,
				 qgpu_policy_check(QWAMOS_GPU_LEVEL_NONE, matrix[i].op));
		assert_int_equal(QWAMOS_GPU_REASON_NO_POLICY,
				 qgpu_policy_check(QGPU_LEVELS, matrix[i].op));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),      cmocka_unit_test(no_such_level),
		cmocka_unit_test(operations), cmocka_unit_test(unknown),
		cmocka_unit_test(no_policy),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
