// SPDX-License-Identifier: GPL-2.0-only
/* Options that say what a VM may have, the same for `vm run` and `vm set`. */
#include "cmd/qwamos-gpu-limits.h"

#include <stddef.h>

#include "lib/libqwamos-gpu.h"

const struct qvm_words gpu_limit_words = {
	.vram = "--vram",
	.cap = "--cap",
	.guarantee = "--guarantee",
};

const char *gpu_take_level(void *field, const char *arg)
{
	int level = qgpu_level_from_name(arg);

	if (level < 0)
		return "untrusted, low, medium, high or system";
	*(uint64_t *)field = level;
	return NULL;
}

void gpu_limits_request(const struct gpu_limits *l, struct qwamos_gpu_set_policy *req)
{
	if (l->level != GPU_UNSET) {
		req->mask |= QWAMOS_GPU_POLICY_LEVEL;
		req->level = l->level;
	}
	if (l->vram_mib != GPU_UNSET) {
		req->mask |= QWAMOS_GPU_POLICY_VRAM;
		req->vram_limit = l->vram_mib << 20;
	}
	if (l->cap != GPU_UNSET) {
		req->mask |= QWAMOS_GPU_POLICY_CAP;
		req->compute_cap = l->cap;
	}
	if (l->guarantee != GPU_UNSET) {
		req->mask |= QWAMOS_GPU_POLICY_GUARANTEE;
		req->compute_guarantee = l->guarantee;
	}
	if (l->priority != GPU_UNSET) {
		req->mask |= QWAMOS_GPU_POLICY_PRIORITY;
		req->priority = l->priority;
	}
	if (l->narrow) {
		req->mask |= QWAMOS_GPU_POLICY_NARROW;
		req->narrow = l->narrow;
	}
}
