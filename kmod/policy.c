// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/* Trust levels: see policy.h. */
#include "policy.h"

#define OP(name) (1U << QWAMOS_GPU_OP_##name)

#define OPS_UNTRUSTED OP(RENDERING_2D)
#define OPS_LOW	      (OPS_UNTRUSTED | OP(RENDERING_3D) | OP(VIDEO_DECODE))
#define OPS_MEDIUM    (OPS_LOW | OP(COMPUTE_SHADER) | OP(VULKAN_COMPUTE) | OP(VIDEO_ENCODE))
#define OPS_HIGH      OPS_MEDIUM
#define OPS_SYSTEM    (OPS_HIGH | OP(PASSTHROUGH))

/* What the narrowing flags take away. */
#define OPS_OF_VULKAN  OP(VULKAN_COMPUTE)
#define OPS_OF_COMPUTE (OP(COMPUTE_SHADER) | OP(VULKAN_COMPUTE))

const struct qgpu_level qgpu_levels[QGPU_LEVELS] = {
	[QWAMOS_GPU_LEVEL_UNTRUSTED] = {
		.name = "untrusted", .vram_mib = 128, .compute_percent = 10,
		.vulkan = QWAMOS_GPU_VULKAN_NONE, .vulkan_queues = 0, .min_interval_ms = 100,
		.submit_hz = 100, .submit_burst = 50,
		.needs_iommu = 1, .may_share = 0, .ops = OPS_UNTRUSTED,
	},
	[QWAMOS_GPU_LEVEL_LOW] = {
		.name = "low", .vram_mib = 256, .compute_percent = 25,
		.vulkan = QWAMOS_GPU_VULKAN_GRAPHICS, .vulkan_queues = 4, .min_interval_ms = 50,
		.submit_hz = 1000, .submit_burst = 500,
		.needs_iommu = 1, .may_share = 1, .ops = OPS_LOW,
	},
	[QWAMOS_GPU_LEVEL_MEDIUM] = {
		.name = "medium", .vram_mib = 512, .compute_percent = 50,
		.vulkan = QWAMOS_GPU_VULKAN_COMPUTE, .vulkan_queues = 4, .min_interval_ms = 10,
		.submit_hz = 5000, .submit_burst = 2500,
		.needs_iommu = 0, .may_share = 1, .ops = OPS_MEDIUM,
	},
	[QWAMOS_GPU_LEVEL_HIGH] = {
		.name = "high", .vram_mib = 1024, .compute_percent = 80,
		.vulkan = QWAMOS_GPU_VULKAN_FULL, .vulkan_queues = 8, .min_interval_ms = 0,
		.needs_iommu = 0, .may_share = 1, .ops = OPS_HIGH,
	},
	[QWAMOS_GPU_LEVEL_SYSTEM] = {
		.name = "system", .vram_mib = 2048, .compute_percent = 100,
		.vulkan = QWAMOS_GPU_VULKAN_FULL, .vulkan_queues = 16, .min_interval_ms = 0,
		.needs_iommu = 0, .may_share = 1, .ops = OPS_SYSTEM,
	},
};

/**
 * qgpu_policy_verdict() - does a policy allow an operation?
 * @level: &enum qwamos_gpu_level, QWAMOS_GPU_LEVEL_NONE for a VM without a policy
 * @restrictions: QWAMOS_GPU_RESTRICT_*
 * @op: &enum qwamos_gpu_op
 *
 * Return: QWAMOS_GPU_REASON_NONE if it does, else why not.
 */
__u32 qgpu_policy_verdict(__u32 level, __u32 restrictions, __u32 op)
{
	const struct qgpu_level *row = qgpu_level(level);

	if (!row)
		return QWAMOS_GPU_REASON_NO_POLICY;
	if (op == QWAMOS_GPU_OP_NONE || op >= QGPU_OPS)
		return QWAMOS_GPU_REASON_UNKNOWN_OPERATION;
	if (!(row->ops & (1U << op)))
		return QWAMOS_GPU_REASON_LEVEL;
	if (restrictions & QWAMOS_GPU_RESTRICT_NO_VULKAN && (1U << op) & OPS_OF_VULKAN)
		return QWAMOS_GPU_REASON_VULKAN_OFF;
	if (restrictions & QWAMOS_GPU_RESTRICT_NO_COMPUTE && (1U << op) & OPS_OF_COMPUTE)
		return QWAMOS_GPU_REASON_COMPUTE_OFF;
	return QWAMOS_GPU_REASON_NONE;
}

/**
 * qgpu_policy_check() - does a level allow an operation?
 * @level: &enum qwamos_gpu_level, QWAMOS_GPU_LEVEL_NONE for a VM without a policy
 * @op: &enum qwamos_gpu_op
 *
 * Return: QWAMOS_GPU_REASON_NONE if it does, else why not.
 */
__u32 qgpu_policy_check(__u32 level, __u32 op)
{
	return qgpu_policy_verdict(level, 0, op);
}

/**
 * qgpu_policy_queues() - may a VM have Vulkan queues, and how many?
 * @level: &enum qwamos_gpu_level or QWAMOS_GPU_LEVEL_NONE
 * @restrictions: QWAMOS_GPU_RESTRICT_*
 * @limit: out: most that it may have
 *
 * Return: QWAMOS_GPU_REASON_NONE, or why it may have none.
 */
__u32 qgpu_policy_queues(__u32 level, __u32 restrictions, __u32 *limit)
{
	const struct qgpu_level *row = qgpu_level(level);

	*limit = 0;
	if (!row)
		return QWAMOS_GPU_REASON_NO_POLICY;
	if (row->vulkan == QWAMOS_GPU_VULKAN_NONE)
		return QWAMOS_GPU_REASON_LEVEL;
	if (restrictions & QWAMOS_GPU_RESTRICT_NO_VULKAN)
		return QWAMOS_GPU_REASON_VULKAN_OFF;
	*limit = row->vulkan_queues;
	return QWAMOS_GPU_REASON_NONE;
}
