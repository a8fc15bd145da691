/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whom a GPU was given, and whether that keeps another VM off it. Only manage calls make a VM one
 * of them. VM_CHECK asks without a lock and without a look at any VM but these.
 */
#ifndef QWAMOS_GPU_USERS_H
#define QWAMOS_GPU_USERS_H

#include <linux/list.h>
#include <linux/types.h>
#include "limits.h"

/**
 * struct qgpu_users - VMs that a GPU was given, or that still have charges on it
 * @uses: their &struct qgpu_gpu_use; written under the VM lock, read under RCU as well
 * @loners: how many of them may not share; written under the VM lock, read without it
 * @closed: the GPU was removed: nobody comes any more; guarded by the VM lock
 */
struct qgpu_users {
	struct list_head uses;
	u32 loners;
	bool closed;
};

void qgpu_users_init(struct qgpu_users *users);
struct qgpu_gpu_use *qgpu_use_alloc(void);
int qgpu_users_add(struct qgpu_users *users, struct qgpu_limits *lim, u64 device_id,
		   struct qgpu_gpu_use **room);
void qgpu_users_mark(struct qgpu_limits *lim);
void qgpu_users_reclaim(struct qgpu_limits *lim);
void qgpu_users_free(struct qgpu_limits *lim);
void qgpu_users_leave(struct qgpu_limits *lim);
void qgpu_users_attached(struct qgpu_limits *lim, u64 device_id);
void qgpu_users_detached(struct qgpu_limits *lim, u64 device_id);
void qgpu_users_close(struct qgpu_users *users);
void qgpu_users_set_level(struct qgpu_limits *lim, u32 level, u32 restrictions);
bool qgpu_users_gate_apart(const struct qgpu_users *users, const struct qgpu_limits *mine,
			   u32 level, u32 restrictions);
void qgpu_users_gate(struct qgpu_gpu_use *use, int by);
bool qgpu_users_in_the_way(const struct qgpu_users *users, const struct qgpu_limits *mine,
			   bool sharing);
u32 qgpu_users_promised(const struct qgpu_users *users, const struct qgpu_limits *mine);
void qgpu_users_sum(const struct qgpu_users *users, struct qwamos_gpu_vm_gpu *sum);

/**
 * qgpu_users_may_share() - can nobody be in the way of a VM with this rule?
 * @users: the GPU's users
 * @l: the rule's level
 * @rule: the QGPU_RULE()
 *
 * One that may share asks only after those who may not: where there is none, as ever so many share,
 * this costs nothing. Return: true: nobody; false: look at them.
 */
static inline bool qgpu_users_may_share(const struct qgpu_users *users, const struct qgpu_level *l,
					u32 rule)
{
	return l->may_share && !QGPU_RULE_ALONE(rule) && !READ_ONCE(users->loners);
}

#endif /* QWAMOS_GPU_USERS_H */
