/* SPDX-License-Identifier: GPL-2.0-only */
/* Options that say what a VM may have. */
#ifndef QWAMOS_CMD_GPU_LIMITS_H
#define QWAMOS_CMD_GPU_LIMITS_H

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
 * @restrictions: QWAMOS_GPU_RESTRICT_* to be set
 * @widen: those to be taken back; none of @restrictions
 */
struct gpu_limits {
	uint64_t level;
	uint64_t vram_mib;
	uint64_t cap;
	uint64_t guarantee;
	uint64_t priority;
	unsigned int restrictions;
	unsigned int widen;
};

#define GPU_LIMITS_UNSET                                                     \
	{                                                                    \
		.level = GPU_UNSET, .vram_mib = GPU_UNSET, .cap = GPU_UNSET, \
		.guarantee = GPU_UNSET, .priority = GPU_UNSET,               \
	}

#define GPU_OPT(n, k, type, field) .name = n, .kind = k, .at = offsetof(type, field)

/* The amounts; @l is the struct gpu_limits in @type. What a level allows is the kernel's word. */
/* clang-format off: a table */
#define GPU_LIMIT_AMOUNTS(type, l)                                                          \
	{ GPU_OPT("level", CMD_TAKE, type, l.level), .take = gpu_take_level },              \
		{ GPU_OPT("vram", CMD_NUMBER, type, l.vram_mib), .max = UINT64_MAX >> 20 }, \
		{ GPU_OPT("cap", CMD_NUMBER, type, l.cap), .max = 100 },                    \
		{ GPU_OPT("guarantee", CMD_NUMBER, type, l.guarantee), .max = 100 },        \
	{                                                                                   \
		GPU_OPT("priority", CMD_NUMBER, type, l.priority), .max = 100               \
	}

/* These, and what can be switched off. */
#define GPU_LIMIT_OPTS(type, l)                                         \
	GPU_LIMIT_AMOUNTS(type, l),                                     \
		{ GPU_OPT("no-vulkan", CMD_BIT, type, l.restrictions),  \
		  .bit = QWAMOS_GPU_RESTRICT_NO_VULKAN },               \
		{ GPU_OPT("no-compute", CMD_BIT, type, l.restrictions), \
		  .bit = QWAMOS_GPU_RESTRICT_NO_COMPUTE },              \
	{                                                               \
		GPU_OPT("exclusive", CMD_BIT, type, l.restrictions),    \
			.bit = QWAMOS_GPU_RESTRICT_EXCLUSIVE            \
	}
/* clang-format on */

/* What their --help says. */
#define GPU_LIMIT_USAGE                                                   \
	"  --level LEVEL        untrusted, low, medium, high or system\n" \
	"  --vram MIB           most VRAM (the level's)\n"                \
	"  --cap PERCENT        most GPU time (the level's)\n"            \
	"  --guarantee PERCENT  GPU time that others can't take (0)\n"    \
	"  --priority N         0 to 100: weight under contention (50)\n" \
	"  --no-vulkan          no Vulkan queues, no vulkan_compute\n"    \
	"  --no-compute         no compute_shader, no vulkan_compute\n"   \
	"  --exclusive          its GPUs are shared with no other VM\n"

/* How the amounts are called. */
extern const struct qvm_words gpu_limit_words;

/** gpu_take_level() - for struct cmd_opt: a trust level into a uint64_t */
const char *gpu_take_level(void *field, const char *arg);

/**
 * gpu_limits_request() - put what was given into @req, whose other fields stay; @l->widen is not
 * heeded
 */
void gpu_limits_request(const struct gpu_limits *l, struct qwamos_gpu_vm_set_policy *req);

/**
 * gpu_limits_set() - change what a VM may have: all that is asked, or nothing
 * @fd: its manage fd
 * @name: its name
 * @l: what was given
 * @req: what else is asked
 * @words: how the amounts are called
 *
 * Return: 0, or EXIT_FAILED after having told why not
 */
int gpu_limits_set(int fd, const char *name, const struct gpu_limits *l,
		   struct qwamos_gpu_vm_set_policy *req, const struct qvm_words *words);

#endif
