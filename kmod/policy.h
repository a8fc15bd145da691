/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Trust levels: the one table of what each allows. Pure: no allocation, no lock, no kernel service;
 * linked into the module and into userspace alike.
 */
#ifndef QWAMOS_GPU_POLICY_H
#define QWAMOS_GPU_POLICY_H

#include <linux/types.h>
#include <linux/qwamos_gpu.h>

#define QGPU_LEVELS 5
#define QGPU_OPS    8 /* one more than the highest enum qwamos_gpu_op */

/**
 * struct qgpu_level - what a trust level allows
 * @name: as people type it
 * @vram_mib: most VRAM, in MiB
 * @compute_percent: most GPU time, in percent
 * @vulkan: &enum qwamos_gpu_vulkan
 * @vulkan_queues: most Vulkan queues
 * @min_interval_ms: least time between two declared operations of a kind, in ms; 0: none
 * @submit_hz: work submitted through a gate in a second, in the long run; 0: as much as comes
 * @submit_burst: and at once
 * @needs_iommu: gets a real GPU only behind an IOMMU
 * @may_share: may use a GPU that another VM uses too
 * @ops: bit n: &enum qwamos_gpu_op n is allowed
 */
struct qgpu_level {
	const char *name;
	__u32 vram_mib;
	__u32 compute_percent;
	__u32 vulkan;
	__u32 vulkan_queues;
	__u32 min_interval_ms;
	__u32 submit_hz;
	__u32 submit_burst;
	__u32 needs_iommu : 1;
	__u32 may_share : 1;
	__u32 ops;
};

extern const struct qgpu_level qgpu_levels[QGPU_LEVELS];

/**
 * qgpu_level() - a row of the table
 * @level: &enum qwamos_gpu_level
 *
 * Return: the row, or NULL if there is no such level.
 */
static inline const struct qgpu_level *qgpu_level(__u32 level)
{
	return level < QGPU_LEVELS ? &qgpu_levels[level] : (void *)0;
}

/** qgpu_level_vram() - most VRAM, in bytes */
static inline __u64 qgpu_level_vram(const struct qgpu_level *l)
{
	return (__u64)l->vram_mib << 20;
}

/** qgpu_level_interval_ns() - least time between two declared operations of a kind, in ns */
static inline __u64 qgpu_level_interval_ns(const struct qgpu_level *l)
{
	return (__u64)l->min_interval_ms * 1000000;
}

__u32 qgpu_policy_verdict(__u32 level, __u32 restrictions, __u32 op);
__u32 qgpu_policy_check(__u32 level, __u32 op);
__u32 qgpu_policy_queues(__u32 level, __u32 restrictions, __u32 *limit);

#endif /* QWAMOS_GPU_POLICY_H */
