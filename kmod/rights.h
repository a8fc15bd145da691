/* SPDX-License-Identifier: GPL-2.0-only */
/* Who is kept from managing, by whatever way: a call, a module parameter, sysfs. */
#ifndef QWAMOS_GPU_RIGHTS_H
#define QWAMOS_GPU_RIGHTS_H

#include <linux/moduleparam.h>
#include <linux/types.h>

struct qgpu_vm;

u32 qgpu_current_barred(struct qgpu_vm **member);
int qgpu_param_set(const char *val, const struct kernel_param *kp,
		   int (*set)(const char *val, const struct kernel_param *kp));

#endif /* QWAMOS_GPU_RIGHTS_H */
