// SPDX-License-Identifier: GPL-2.0-only
#include "cmd/gpu_limits.h"

#include <stddef.h>
#include <stdlib.h>

#include "cmd/gpu_open.h"
#include "lib/libqwamos-gpu.h"
#include "util/term.h"

const struct qvm_words gpu_limit_words = {
	.vram = "--vram",
	.cap = "--cap",
	.guarantee = "--guarantee",
};

const char *gpu_take_level(void *field, const char *arg)
{
	int level = libqg_level_from_name(arg);

	if (level < 0)
		return "untrusted, low, medium, high or system";
	*(uint64_t *)field = level;
	return NULL;
}

void gpu_limits_request(const struct gpu_limits *l, struct qwamos_gpu_vm_set_policy *req)
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
	if (l->restrictions) {
		req->mask |= QWAMOS_GPU_POLICY_RESTRICT;
		req->restrictions = l->restrictions;
	}
}

/* Narrowing is set as a whole: what was not spoken of stays as it is. */
static int restrict_policy(int fd, const struct gpu_limits *l, struct qwamos_gpu_vm_set_policy *req)
{
	struct qwamos_gpu_vm vm;
	uint32_t reason = 0;
	int ret;

	if (!l->restrictions && !l->widen)
		return 0;
	ret = libqg_vm_info(fd, &vm, &reason);
	if (ret)
		return gpu_refused(ret, reason, "VM_INFO");
	req->mask |= QWAMOS_GPU_POLICY_RESTRICT;
	req->restrictions = (vm.restrictions & ~l->widen) | l->restrictions;
	return 0;
}

/* What was set below what is in use holds all the same, and may surprise. */
static void tell_above(int fd, const char *name)
{
	struct qwamos_gpu_vm vm;
	char *text;

	if (libqg_vm_info(fd, &vm, NULL) || vm.vram_used <= vm.vram_limit)
		return;
	text = qterm_format(
		"VM %s uses %llu MiB of VRAM, the limit is %llu MiB: it keeps them, and gets no more",
		name, vm.vram_used >> 20, vm.vram_limit >> 20);
	cmd_complain(text);
	free(text);
}

int gpu_limits_set(int fd, const char *name, const struct gpu_limits *l,
		   struct qwamos_gpu_vm_set_policy *req, const struct qvm_words *words)
{
	struct qerr err;
	int ret;

	gpu_limits_request(l, req);
	ret = restrict_policy(fd, l, req);
	if (ret)
		return ret;
	if (qvm_set_policy(fd, name, req, words, &err))
		return cmd_fail("%s", err.msg);
	tell_above(fd, name);
	return 0;
}
