/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which processes are members of which VM, and which descend from a usermode helper. Both are
 * inherited by fork, and kept wherever a process moves to: a VMM that runs as root may leave its
 * cgroup, but not its VM. Standing in a VM's cgroup makes nobody a member, but at the snapshot that
 * VM_JOIN takes.
 */
#ifndef QWAMOS_GPU_VM_TASKS_H
#define QWAMOS_GPU_VM_TASKS_H

#include <linux/types.h>

struct cgroup;
struct pid;
struct task_struct;

/**
 * struct qgpu_task_hooks - what this file asks the owners
 * @snapshotting: called under RCU: the owner that takes its snapshot right now, if @p stands in its
 *     cgroup; else NULL
 * @born_into: called under RCU: @child is nobody's, and was forked by the current process
 * @dying: called under RCU: a thread of @pid ends, and it is the last one or all others are being
 *     killed
 * @moved: called under RCU, with a spinlock held and interrupts off: the current process has moved
 *     @p into @to
 */
struct qgpu_task_hooks {
	void *(*snapshotting)(struct task_struct *p);
	void (*born_into)(struct task_struct *child);
	void (*dying)(void *owner, struct pid *pid);
	void (*moved)(struct task_struct *p, struct cgroup *to);
};

int qgpu_tasks_init(const struct qgpu_task_hooks *hooks);
void qgpu_tasks_exit(void);
bool qgpu_tasks_inherit(void);
int qgpu_tasks_add(struct pid *pid, void *owner);
int qgpu_tasks_exclude(struct pid *pid, void *owner);
int qgpu_tasks_snapshot(struct cgroup *cgrp, void *owner);
void *qgpu_tasks_owner(struct pid *pid);
bool qgpu_tasks_is_helper(struct pid *pid);
void qgpu_tasks_forget(void *owner);

#endif /* QWAMOS_GPU_VM_TASKS_H */
