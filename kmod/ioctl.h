/* SPDX-License-Identifier: GPL-2.0-only */
/* How a call is described, and what its handler gets. */
#ifndef QWAMOS_GPU_IOCTL_H
#define QWAMOS_GPU_IOCTL_H

#include <linux/types.h>
#include <linux/qwamos_gpu.h>
#include "audit.h"
#include "gpufile.h"

/* The kernel's copy of an argument: user memory is read once, before anything is decided. */
union qgpu_arg {
	struct qwamos_gpu_hdr hdr;
	struct qwamos_gpu_get_info get_info;
	struct qwamos_gpu_vm_create create;
	struct qwamos_gpu_vm_open open;
	struct qwamos_gpu_list list;
	struct qwamos_gpu_dev_clear_quarantine release;
	struct qwamos_gpu_audit_read audit_read;
	struct qwamos_gpu_audit_head audit_head;
	struct qwamos_gpu_vm_set_policy set_policy;
	struct qwamos_gpu_vm_join join;
	struct qwamos_gpu_vm_destroy destroy;
	struct qwamos_gpu_dev_attach attach;
	struct qwamos_gpu_dev_detach detach;
	struct qwamos_gpu_vm_info vm_info;
	struct qwamos_gpu_vm_new_fd new_use;
	struct qwamos_gpu_vm_adopt adopt;
	struct qwamos_gpu_level_info level_info;
	struct qwamos_gpu_vm_check check;
	struct qwamos_gpu_vm_charge charge;
	struct qwamos_gpu_gate_create gate_create;
	struct qwamos_gpu_gate_destroy gate_destroy;
};

/**
 * struct qgpu_call - one call under way
 * @f: the file it came on
 * @uarg: the caller's struct
 * @usize: its size, at least the first version's
 * @ksize: this kernel's
 * @arg: the kernel's copy
 * @reason: out: &enum qwamos_gpu_reason; set: the negative return value is a refusal
 * @device_id: for the audit of a refusal: what it was about
 * @ev: likewise: if @event is set: that, with its amounts, instead of the table's
 * @copied: the handler has written the answer itself
 */
struct qgpu_call {
	struct qgpu_file *f;
	void __user *uarg;
	size_t usize;
	size_t ksize;
	union qgpu_arg *arg;
	u32 reason;
	u64 device_id;
	struct qgpu_event ev;
	bool copied;
};

/**
 * struct qgpu_call_desc - one row of the table of calls
 * @size: sizeof() its struct now
 * @min_size: sizeof() its struct in the first version
 * @flags: flags that it knows
 * @kinds: QGPU_FILE_* that it is for
 * @manager: on a control fd too: only for CAP_SYS_ADMIN outside every VM; on a manage fd that
 *     always holds
 * @op: &enum qwamos_gpu_op that a refusal is a denial of
 * @also: offset of the u64s that are "out, also on refusal", 0: none
 * @n_also: their number
 * @handler: does it; returns 0, or a negative errno, with call->reason set if it is a refusal
 */
struct qgpu_call_desc {
	size_t size;
	size_t min_size;
	u32 flags;
	u32 kinds;
	bool manager;
	u32 op;
	size_t also;
	size_t n_also;
	int (*handler)(struct qgpu_call *call);
};

const struct qgpu_call_desc *qgpu_call_desc(unsigned int nr);
int qgpu_call_answer(struct qgpu_call *call);
long qgpu_call(struct file *file, unsigned int nr, void __user *uarg);

#endif /* QWAMOS_GPU_IOCTL_H */
