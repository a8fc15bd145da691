/* SPDX-License-Identifier: GPL-2.0-only */
/* tests/data/policy.def as arrays, and what narrowing takes away. */
#ifndef QT_TABLE_H
#define QT_TABLE_H

#include <linux/qwamos_gpu.h>

#define QT_LEVELS 5
#define QT_OPS	  7

static const struct qt_level {
	const char *name;
	__u32 vram_mib, cap, vulkan, queues, interval_ms, needs_iommu, may_share;
} qt_levels[QT_LEVELS] = {
#define LEVEL(l, name, vram, cap, vulkan, queues, ms, iommu, share)                               \
	[QWAMOS_GPU_LEVEL_##l] = { name, vram, cap, QWAMOS_GPU_VULKAN_##vulkan, queues, ms, iommu, \
				   share },
#define OPERATION(...)
#include "tests/data/policy.def"
#undef LEVEL
#undef OPERATION
};

static const struct qt_op {
	__u32 op;
	int allowed[QT_LEVELS];
} qt_ops[QT_OPS] = {
#define LEVEL(...)
#define OPERATION(op, ...) { QWAMOS_GPU_OP_##op, { __VA_ARGS__ } },
#include "tests/data/policy.def"
#undef LEVEL
#undef OPERATION
};

/* Why an operation of the table is denied, 0: it is not. */
static inline __u32 qt_verdict(__u32 level, __u32 restrictions, const struct qt_op *o)
{
	if (!o->allowed[level])
		return QWAMOS_GPU_REASON_LEVEL;
	if (restrictions & QWAMOS_GPU_RESTRICT_NO_VULKAN && o->op == QWAMOS_GPU_OP_VULKAN_COMPUTE)
		return QWAMOS_GPU_REASON_VULKAN_OFF;
	if (restrictions & QWAMOS_GPU_RESTRICT_NO_COMPUTE &&
	    (o->op == QWAMOS_GPU_OP_VULKAN_COMPUTE || o->op == QWAMOS_GPU_OP_COMPUTE_SHADER))
		return QWAMOS_GPU_REASON_COMPUTE_OFF;
	return QWAMOS_GPU_REASON_NONE;
}

#endif
