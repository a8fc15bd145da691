/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose is this process? The processes that joined a VM, and all that descend from them or from a
 * process in a VM's cgroup, wherever they move: a VMM that runs as root may leave its cgroup, but
 * not its family.
 */
#ifndef QWAMOS_GPU_VM_TASKS_H
#define QWAMOS_GPU_VM_TASKS_H

#include <linux/types.h>

struct cgroup;
struct pid;
struct task_struct;

/* Whose is a process that is about to have a child? Called under RCU. */
typedef void *(*qgpu_owner_fn)(struct task_struct *p);

int qgpu_tasks_init(qgpu_owner_fn owner_of);
void qgpu_tasks_exit(void);
bool qgpu_tasks_inherit(void);
int qgpu_tasks_add(struct pid *pid, void *owner);
int qgpu_tasks_adopt(struct cgroup *cgrp, void *owner);
void *qgpu_tasks_owner(struct pid *pid);
void qgpu_tasks_forget(void *owner);

#endif /* QWAMOS_GPU_VM_TASKS_H */
