/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which processes are members of which VM, and which descend from a usermode helper. Both are
 * inherited by fork, and kept wherever a process moves to: a VMM that runs as root may leave its
 * cgroup, but not its VM. Standing in a VM's cgroup makes nobody a member: whoever sets the VM up
 * brings together there, before VM_JOIN, who is due to become one. Whom a member moves or bears, a
 * usermode helper, or somebody without CAP_SYS_ADMIN, is displaced for as long as it stands there:
 * it is due where it was due before, and nowhere else.
 */
#ifndef QWAMOS_GPU_VM_TASKS_H
#define QWAMOS_GPU_VM_TASKS_H

#include <linux/types.h>

struct cgroup;
struct pid;
struct task_struct;

/**
 * enum qgpu_moved - how a process has come to a cgroup
 * @QGPU_PLACED: moved by the current one, a manager
 * @QGPU_DISPLACED: moved by the current one, which may not say who is due there
 * @QGPU_BORN: the current one, a manager, has borne it there
 * @QGPU_BORN_DISPLACED: the current one, which may not say who is due there, has done so
 */
enum qgpu_moved {
	QGPU_PLACED,
	QGPU_DISPLACED,
	QGPU_BORN,
	QGPU_BORN_DISPLACED,
};

/**
 * struct qgpu_task_hooks - what this file asks the owners
 * @enrolling: called with a spinlock held and interrupts off: is qgpu_tasks_enroll() under way, or
 *     may it have seen a move that moved() is still to be told of?
 * @joined: called likewise: is it too late to become due?
 * @stands: called likewise, under RCU: is @cgrp the owner's, or below it?
 * @lost: called under RCU: there is no memory to tell that a process is due
 * @dying: called under RCU: a thread of @pid ends, and it is the last one or all others are being
 *     killed
 * @moved: called under RCU, maybe with a spinlock held and interrupts off: @p has come to @to
 */
struct qgpu_task_hooks {
	bool (*enrolling)(void *owner);
	bool (*joined)(void *owner);
	bool (*stands)(void *owner, struct cgroup *cgrp);
	void (*lost)(void *owner);
	void (*dying)(void *owner, struct pid *pid);
	void (*moved)(struct task_struct *p, struct cgroup *to, enum qgpu_moved how);
};

int qgpu_tasks_init(const struct qgpu_task_hooks *hooks);
void qgpu_tasks_exit(void);
bool qgpu_tasks_inherit(void);
int qgpu_tasks_add(struct pid *pid, void *owner);
int qgpu_tasks_place(struct pid *pid, void *owner);
int qgpu_tasks_displace(struct pid *pid, struct cgroup *to, void *owner);
int qgpu_tasks_enroll(struct cgroup *cgrp, void *owner,
		      void (*outsider)(void *owner, struct task_struct *p));
void qgpu_tasks_join(void *owner);
void *qgpu_tasks_due(struct pid *pid);
void *qgpu_tasks_owner(struct pid *pid);
bool qgpu_tasks_is_helper(struct pid *pid);
void qgpu_tasks_forget(void *owner);

#endif /* QWAMOS_GPU_VM_TASKS_H */
