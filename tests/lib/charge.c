// SPDX-License-Identifier: GPL-2.0-only
/* VM_CHECK, VM_CHARGE, VM_UNCHARGE and VM_SET_POLICY: see charge.h. */
#include <string.h>
#include "call.h"
#include "charge.h"

int qt_check(int fd, __u32 op, __u64 device_id)
{
	struct qwamos_gpu_vm_check c = { .hdr = QT_HDR(c, 0),
					 .operation = op,
					 .device_id = device_id,
					 .out_verdict = QT_P32,
					 .out_denied = QT_P32 };
	int ret = qt_call(fd, QWAMOS_GPU_VM_CHECK, &c, sizeof(c), QT_NONE);

	if (ret)
		return ret;
	return c.out_denied == !!c.out_verdict ? (int)c.out_verdict : -1000;
}

int qt_check_array_on(int fd, __u64 device_id, struct qwamos_gpu_vm_check_entry *v, __u32 n)
{
	struct qwamos_gpu_vm_check c = { .hdr = QT_HDR(c, 0),
					 .count = n,
					 .device_id = device_id,
					 .entries = (unsigned long)v,
					 .out_verdict = QT_P32,
					 .out_denied = QT_P32 };
	int ret = qt_call(fd, QWAMOS_GPU_VM_CHECK, &c, sizeof(c), QT_NONE);

	if (ret)
		return ret;
	return c.out_verdict ? -1000 : (int)c.out_denied;
}

int qt_check_array(int fd, struct qwamos_gpu_vm_check_entry *v, __u32 n)
{
	return qt_check_array_on(fd, 0, v, n);
}

static int charge(int fd, unsigned int cmd, __u32 kind, __u64 device_id, __u64 amount,
		  struct qt_amounts *out)
{
	struct qwamos_gpu_vm_charge c = { .hdr = QT_HDR(c, 0),
					  .kind = kind,
					  .device_id = device_id,
					  .amount = amount,
					  .out_used = QT_P64,
					  .out_limit = QT_P64 };
	int ret = qt_call(fd, cmd, &c, sizeof(c),
			  cmd == QWAMOS_GPU_VM_CHARGE
				  ? QT_SPAN(struct qwamos_gpu_vm_charge, out_used, out_limit)
				  : QT_NONE);

	if (out) {
		out->used = c.out_used;
		out->limit = c.out_limit;
	}
	return ret;
}

int qt_charge(int fd, __u32 kind, __u64 device_id, __u64 amount, struct qt_amounts *out)
{
	return charge(fd, QWAMOS_GPU_VM_CHARGE, kind, device_id, amount, out);
}

int qt_uncharge(int fd, __u32 kind, __u64 device_id, __u64 amount, struct qt_amounts *out)
{
	return charge(fd, QWAMOS_GPU_VM_UNCHARGE, kind, device_id, amount, out);
}

int qt_vram(int fd, __u64 amount)
{
	return qt_charge(fd, QWAMOS_GPU_RESOURCE_VRAM, 0, amount, NULL);
}

int qt_set(int manage, const struct qwamos_gpu_vm_set_policy *policy, struct qt_amounts *out)
{
	struct qwamos_gpu_vm_set_policy p = *policy;
	int ret;

	p.hdr = (struct qwamos_gpu_hdr)QT_HDR(p, 0);
	p.out_used = QT_P64;
	p.out_limit = QT_P64;
	ret = qt_call(manage, QWAMOS_GPU_VM_SET_POLICY, &p, sizeof(p),
		      QT_SPAN(struct qwamos_gpu_vm_set_policy, out_used, out_limit));
	if (out) {
		out->used = p.out_used;
		out->limit = p.out_limit;
	}
	return ret;
}

int qt_give(int manage, __u64 gpu)
{
	return qt_set(manage,
		      QT_SET(QWAMOS_GPU_POLICY_GPUS, .gpus_count = !!gpu,
			     .gpus = (unsigned long)&gpu),
		      NULL);
}

int qt_vm_gpus(int fd, struct qwamos_gpu_vm_gpu *gpus, unsigned int max)
{
	return qt_list(fd, QWAMOS_GPU_VM_GPU_LIST, gpus, sizeof(*gpus), max);
}

int qt_refusals(int fd, __u64 counts[QWAMOS_GPU_REASON_COUNT])
{
	struct qwamos_gpu_vm_refusal r[QWAMOS_GPU_REASON_COUNT];
	int n = qt_list(fd, QWAMOS_GPU_VM_REFUSAL_LIST, r, sizeof(*r), QWAMOS_GPU_REASON_COUNT), i;

	if (n < 0)
		return n;
	memset(counts, 0, QWAMOS_GPU_REASON_COUNT * sizeof(*counts));
	for (i = 0; i < n; i++)
		if (r[i].reason < QWAMOS_GPU_REASON_COUNT)
			counts[r[i].reason] = r[i].count;
	return 0;
}
