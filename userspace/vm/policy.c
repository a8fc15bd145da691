// SPDX-License-Identifier: GPL-2.0-only
/* A VM's policy, and why the kernel does not take one. */
#include "vm/vm.h"

#include <errno.h>
#include <string.h>

#include "lib/libqwamos-gpu.h"

#define MIB (1ULL << 20)

/* What the level that the VM has, or was to get, allows; and the cap that it would have had. */
static int row_of(int manage, const struct qwamos_gpu_vm_set_policy *req,
		  struct qwamos_gpu_level_info *row, uint32_t *cap)
{
	struct qwamos_gpu_vm vm;
	uint32_t level;
	int ret;

	ret = libqg_vm_info(manage, &vm, NULL);
	if (ret)
		return ret;
	level = req->mask & QWAMOS_GPU_POLICY_LEVEL ? req->level : vm.level;
	ret = libqg_level_info(manage, level, row);
	*cap = row->out_compute_cap;
	if (req->mask & QWAMOS_GPU_POLICY_CAP && req->compute_cap < *cap)
		*cap = req->compute_cap;
	else if (!(req->mask & (QWAMOS_GPU_POLICY_CAP | QWAMOS_GPU_POLICY_LEVEL)))
		*cap = vm.compute_cap;
	return ret;
}

/* Which of the amounts was too much; the kernel tells the limit, but not whose it is. */
static int too_much(int manage, const struct qwamos_gpu_vm_set_policy *req,
		    const struct qvm_words *w, struct qerr *e)
{
	struct qwamos_gpu_level_info row;
	uint32_t cap;

	if (row_of(manage, req, &row, &cap))
		return qerr_set(e, EDQUOT, "%s", libqg_reason_text(QWAMOS_GPU_REASON_QUOTA));
	if (req->mask & QWAMOS_GPU_POLICY_VRAM && req->vram_limit > row.out_vram)
		return qerr_set(e, EDQUOT, "%s %llu: level %s allows at most %llu MiB", w->vram,
				req->vram_limit / MIB, row.out_name, row.out_vram / MIB);
	if (req->mask & QWAMOS_GPU_POLICY_CAP && req->compute_cap > row.out_compute_cap)
		return qerr_set(e, EDQUOT, "%s %u: level %s allows at most %u %% of GPU time",
				w->cap, req->compute_cap, row.out_name, row.out_compute_cap);
	if (req->mask & QWAMOS_GPU_POLICY_GUARANTEE && req->compute_guarantee > cap)
		return qerr_set(
			e, EDQUOT,
			"%s %u: at most the VM's cap is accepted, which is %u %% of GPU time",
			w->guarantee, req->compute_guarantee, cap);
	return qerr_set(e, EDQUOT, "%s %u: %llu of %llu %% are guaranteed to other VMs already",
			w->guarantee, req->compute_guarantee, req->out_used, req->out_limit);
}

int qvm_set_policy(int manage, const char *name, struct qwamos_gpu_vm_set_policy *req,
		   const struct qvm_words *words, struct qerr *e)
{
	struct qwamos_gpu_vm vm;
	uint32_t reason = 0;
	int ret;

	ret = libqg_vm_set_policy(manage, req, &reason);
	if (!ret)
		return 0;
	if (reason == QWAMOS_GPU_REASON_QUOTA)
		return too_much(manage, req, words, e);
	if (ret == -EINVAL && !(req->mask & QWAMOS_GPU_POLICY_LEVEL) &&
	    !libqg_vm_info(manage, &vm, NULL) && vm.level == QWAMOS_GPU_LEVEL_NONE)
		return qerr_set(e, EINVAL, "VM %s has no policy yet: a level is needed first",
				name);
	return qerr_set(e, -ret, "VM %s can't be given this policy: %s%s%s", name,
			reason ? libqg_reason_name(reason) : "", reason ? ": " : "",
			reason ? libqg_reason_text(reason) : strerror(-ret));
}
