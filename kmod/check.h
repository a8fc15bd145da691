/* SPDX-License-Identifier: GPL-2.0-only */
/* VM_CHECK, VM_CHARGE and VM_UNCHARGE: the long way, as every call, and the straight one. */
#ifndef QWAMOS_GPU_CHECK_H
#define QWAMOS_GPU_CHECK_H

#include <linux/types.h>

struct file;
struct qgpu_call;

int qgpu_do_check(struct qgpu_call *call);
int qgpu_do_charge(struct qgpu_call *call);
int qgpu_do_uncharge(struct qgpu_call *call);
long qgpu_check_fast(struct file *file, void __user *uarg);
long qgpu_charge_fast(struct file *file, void __user *uarg);
long qgpu_uncharge_fast(struct file *file, void __user *uarg);

#endif /* QWAMOS_GPU_CHECK_H */
