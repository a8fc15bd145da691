/* SPDX-License-Identifier: GPL-2.0-only */
/* VM_CHECK, VM_CHARGE, VM_UNCHARGE and VM_SET_POLICY as tests use them; qt_reason is the last
 * one's. */
#ifndef QT_CHARGE_H
#define QT_CHARGE_H

#include <linux/qwamos_gpu.h>

#define QT_MIB (1ULL << 20)

/** qt_check() - one operation; return: the verdict, or -errno */
int qt_check(int fd, __u32 op, __u64 device_id);
/** qt_check_array() - @n operations; return: how many are denied, or -errno */
int qt_check_array(int fd, struct qwamos_gpu_vm_check_entry *v, __u32 n);
/** qt_check_array_on() - the same, on a GPU */
int qt_check_array_on(int fd, __u64 device_id, struct qwamos_gpu_vm_check_entry *v, __u32 n);

/** struct qt_amounts - what VM_CHARGE, VM_UNCHARGE and VM_SET_POLICY tell; QT_P64: nothing */
struct qt_amounts {
	__u64 used;
	__u64 limit;
};

/** qt_charge() - VM_CHARGE; @out may be NULL */
int qt_charge(int fd, __u32 kind, __u64 device_id, __u64 amount, struct qt_amounts *out);
/** qt_uncharge() - VM_UNCHARGE; @out may be NULL */
int qt_uncharge(int fd, __u32 kind, __u64 device_id, __u64 amount, struct qt_amounts *out);
/** qt_vram() - VM_CHARGE of VRAM on no GPU in particular */
int qt_vram(int fd, __u64 amount);

/** qt_give() - VM_SET_POLICY: @gpu is the only one that the policy lists; 0: none is */
int qt_give(int manage, __u64 gpu);
/** qt_vm_gpus() - VM_GPU_LIST; return: their number, or -errno */
int qt_vm_gpus(int fd, struct qwamos_gpu_vm_gpu *gpus, unsigned int max);
/** qt_refusals() - VM_REFUSAL_LIST, by reason; return: 0 or -errno */
int qt_refusals(int fd, __u64 counts[QWAMOS_GPU_REASON_COUNT]);

/** qt_set() - VM_SET_POLICY with QT_SET(mask, fields); @out may be NULL */
int qt_set(int manage, const struct qwamos_gpu_vm_set_policy *p, struct qt_amounts *out);
#define QT_SET(m, ...) (&(struct qwamos_gpu_vm_set_policy){ .mask = (m), ##__VA_ARGS__ })

#endif
