/* SPDX-License-Identifier: GPL-2.0-only */
/* Options that say what a VM may have. */
#ifndef QWAMOS_CMD_QWAMOS_GPU_LIMITS_H
#define QWAMOS_CMD_QWAMOS_GPU_LIMITS_H

#include "cmd/cmd.h"
#include "vm/vm.h"

/* A number that was not given. */
#define GPU_UNSET UINT64_MAX

/**
 * struct gpu_limits - what was given; GPU_LIMITS_UNSET before
 * @level: &enum qwamos_gpu_level
 * @vram_mib: most VRAM, in MiB
 * @cap: most GPU time, in percent
 * @guarantee: GPU time under any contention, in percent
 * @priority: weight, 0 to 100
 * @narrow: QWAMOS_GPU_NARROW_*
 */
struct gpu_limits {
	uint64_t level;
	uint64_t vram_mib;
	uint64_t cap;
	uint64_t guarantee;
	uint64_t priority;
	unsigned int narrow;
};

#define GPU_LIMITS_UNSET                                                     \
	{                                                                    \
		.level = GPU_UNSET, .vram_mib = GPU_UNSET, .cap = GPU_UNSET, \
		.guarantee = GPU_UNSET, .priority = GPU_UNSET,               \
	}

/* The options; @field is the struct gpu_limits in @type. What a level allows is the kernel's word. */
#define GPU_LIMIT_OPTS(type, field)                                                               \
	{ "level", .kind = CMD_TAKE, .at = offsetof(type, field.level), .take = gpu_take_level }, \
		{ "vram", .kind = CMD_NUMBER, .at = offsetof(type, field.vram_mib),               \
		  .max = UINT64_MAX >> 20 },                                                      \
		{ "cap", .kind = CMD_NUMBER, .at = offsetof(type, field.cap), .max = 100 },       \
		{ "guarantee", .kind = CMD_NUMBER, .at = offsetof(type, field.guarantee),         \
		  .max = 100 },                                                                   \
		{ "priority", .kind = CMD_NUMBER, .at = offsetof(type, field.priority),           \
		  .max = 100 },                                                                   \
		{ "no-vulkan", .kind = CMD_BIT, .at = offsetof(type, field.narrow),               \
		  .bit = QWAMOS_GPU_NARROW_NO_VULKAN },                                           \
	{                                                                                         \
		"no-compute", .kind = CMD_BIT, .at = offsetof(type, field.narrow),                \
			      .bit = QWAMOS_GPU_NARROW_NO_COMPUTE                                 \
	}

/* What their --help says. */
#define GPU_LIMIT_USAGE                                                   \
	"  --level LEVEL        untrusted, low, medium, high or system\n" \
	"  --vram MIB           most VRAM (the level's)\n"                \
	"  --cap PERCENT        most GPU time (the level's)\n"            \
	"  --guarantee PERCENT  GPU time that others can't take (0)\n"    \
	"  --priority N         0 to 100: weight under contention (50)\n" \
	"  --no-vulkan          no Vulkan queues, no vulkan_compute\n"    \
	"  --no-compute         no compute_shader, no vulkan_compute\n"

/* How the amounts are called. */
extern const struct qvm_words gpu_limit_words;

/** gpu_take_level() - for struct cmd_opt: a trust level into a uint64_t */
const char *gpu_take_level(void *field, const char *arg);

/** gpu_limits_request() - put what was given into @req, whose other fields stay */
void gpu_limits_request(const struct gpu_limits *l, struct qwamos_gpu_set_policy *req);

#endif
