// SPDX-License-Identifier: GPL-2.0-only
/* Whose is this process? See vm_tasks.h. */
#include <linux/cgroup.h>
#include <linux/hashtable.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>
#include <trace/events/cgroup.h>
#include <trace/events/sched.h>
#include "compat.h"
#include "vm_tasks.h"

/**
 * struct vm_task - a thread group that is somebody's
 * @node: in the table; written under the table's lock, read under RCU
 * @pid: its pid, with a reference
 * @owner: whose it is; no reference: the owner forgets its tasks before it goes
 * @rcu: for the free
 */
struct vm_task {
	struct hlist_node node;
	struct pid *pid;
	void *owner;
	struct rcu_head rcu;
};

static DEFINE_HASHTABLE(tasks, 10);
static DEFINE_SPINLOCK(tasks_lock); /* guards the table's writers; a leaf */
static qgpu_owner_fn owner_fn;
static struct tracepoint *tp_fork, *tp_exit, *tp_move;

static struct vm_task *find(struct pid *pid)
{
	struct vm_task *h;

	hash_for_each_possible_rcu(tasks, h, node, (unsigned long)pid, lockdep_is_held(&tasks_lock))
		if (h->pid == pid)
			return h;
	return NULL;
}

/**
 * qgpu_tasks_owner() - whose is a thread group?
 * @pid: its pid
 *
 * Called under RCU, which also keeps the owner. Return: the owner, or NULL.
 */
void *qgpu_tasks_owner(struct pid *pid)
{
	struct vm_task *h = find(pid);

	return h ? h->owner : NULL;
}

/**
 * qgpu_tasks_add() - a thread group is somebody's from now on, unless it is already
 * @pid: its pid
 * @owner: whose
 *
 * Does not sleep. Return: 0 or -ENOMEM.
 */
int qgpu_tasks_add(struct pid *pid, void *owner)
{
	struct vm_task *h = kmalloc(sizeof(*h), GFP_ATOMIC);
	unsigned long flags;

	if (!h)
		return -ENOMEM;
	h->pid = get_pid(pid);
	h->owner = owner;
	spin_lock_irqsave(&tasks_lock, flags);
	if (find(pid)) {
		put_pid(pid);
		kfree(h);
	} else {
		hash_add_rcu(tasks, &h->node, (unsigned long)pid);
	}
	spin_unlock_irqrestore(&tasks_lock, flags);
	return 0;
}

/**
 * qgpu_tasks_adopt() - all who stand in a cgroup are somebody's from now on
 * @cgrp: the cgroup
 * @owner: whose
 *
 * Who is born there or moves there later is followed by itself. Return: 0 or -ENOMEM.
 */
int qgpu_tasks_adopt(struct cgroup *cgrp, void *owner)
{
	struct task_struct *p;
	int ret = 0;

	rcu_read_lock();
	for_each_process(p) {
		if (!(p->flags & PF_KTHREAD) && !is_global_init(p) &&
		    task_under_cgroup_hierarchy(p, cgrp))
			ret = qgpu_tasks_add(task_tgid(p), owner) ?: ret;
	}
	rcu_read_unlock();
	return ret;
}

static void task_free(struct rcu_head *rcu)
{
	struct vm_task *h = container_of(rcu, struct vm_task, rcu);

	put_pid(h->pid);
	kfree(h);
}

/* Called with the table's lock held. */
static void drop(struct vm_task *h)
{
	hash_del_rcu(&h->node);
	call_rcu(&h->rcu, task_free);
}

/**
 * qgpu_tasks_forget() - an owner goes
 * @owner: whose entries are dropped
 */
void qgpu_tasks_forget(void *owner)
{
	struct hlist_node *n;
	unsigned long flags;
	struct vm_task *h;
	int i;

	spin_lock_irqsave(&tasks_lock, flags);
	hash_for_each_safe(tasks, i, n, h, node)
		if (h->owner == owner)
			drop(h);
	spin_unlock_irqrestore(&tasks_lock, flags);
}

/*
 * A child is born, not yet running. One that could not be entered is killed before it can do
 * anything.
 */
static void on_fork(void *unused, struct task_struct *parent, struct task_struct *child)
{
	void *owner;

	if (!thread_group_leader(child))
		return;
	rcu_read_lock();
	owner = owner_fn(parent) ?: owner_fn(child);
	if (owner && qgpu_tasks_add(task_tgid(child), owner))
		send_sig(SIGKILL, child, 1);
	rcu_read_unlock();
}

/* A thread, or with its first one the whole group, has moved to another cgroup. */
static void on_move(void *unused, struct cgroup *to, const char *path, struct task_struct *p,
		    bool group)
{
	void *owner;

	rcu_read_lock();
	owner = p->flags & PF_KTHREAD ? NULL : owner_fn(p);
	if (owner && !is_global_init(p) && qgpu_tasks_add(task_tgid(p), owner))
		send_sig(SIGKILL, p, 1);
	rcu_read_unlock();
}

/*
 * A thread ends; with the last one of its group the group is done: no instruction of it runs any
 * more. It may still have files and, since 6.16, memory: a device that it has open keeps its VM
 * until the close, see qgpu_vm_hold().
 */
static void QGPU_PROBE_EXIT(on_exit, p)
{
	unsigned long flags;
	struct vm_task *h;

	if (atomic_read(&p->signal->live))
		return;
	rcu_read_lock();
	h = find(task_tgid(p));
	rcu_read_unlock();
	if (!h)
		return;
	spin_lock_irqsave(&tasks_lock, flags);
	h = find(task_tgid(p));
	if (h)
		drop(h);
	spin_unlock_irqrestore(&tasks_lock, flags);
}

/*
 * Our probes are registered by pointers that have no type: here each must be what its tracepoint
 * calls on this kernel, or the build ends.
 */
static void check_types(void)
{
	check_trace_callback_type_sched_process_fork(on_fork);
	check_trace_callback_type_sched_process_exit(on_exit);
	check_trace_callback_type_cgroup_attach_task(on_move);
}

static void find_tracepoint(struct tracepoint *tp, void *unused)
{
	if (!strcmp(tp->name, "sched_process_fork"))
		tp_fork = tp;
	else if (!strcmp(tp->name, "sched_process_exit"))
		tp_exit = tp;
	else if (!strcmp(tp->name, "cgroup_attach_task"))
		tp_move = tp;
}

/** qgpu_tasks_inherit() - do children inherit? Not on a kernel without tracepoints. */
bool qgpu_tasks_inherit(void)
{
	return tp_fork && tp_exit && tp_move;
}

/**
 * qgpu_tasks_init() - follow births and deaths
 * @owner_of: whose a parent is
 *
 * Return: 0, also on a kernel without tracepoints, where only who is added is known; or a negative
 * errno.
 */
int qgpu_tasks_init(qgpu_owner_fn owner_of)
{
	int ret;

	check_types();
	owner_fn = owner_of;
	for_each_kernel_tracepoint(find_tracepoint, NULL);
	if (!qgpu_tasks_inherit()) {
		pr_warn("qwamos_gpu: no tracepoints: who leaves a VM's cgroup is lost\n");
		tp_fork = NULL;
		return 0;
	}
	ret = tracepoint_probe_register(tp_exit, on_exit, NULL);
	if (ret)
		return ret;
	ret = tracepoint_probe_register(tp_fork, on_fork, NULL);
	if (ret)
		goto err_exit;
	ret = tracepoint_probe_register(tp_move, on_move, NULL);
	if (ret)
		goto err_fork;
	return 0;
err_fork:
	tracepoint_probe_unregister(tp_fork, on_fork, NULL);
err_exit:
	tracepoint_probe_unregister(tp_exit, on_exit, NULL);
	tracepoint_synchronize_unregister();
	return ret;
}

/** qgpu_tasks_exit() - no owner is left */
void qgpu_tasks_exit(void)
{
	if (qgpu_tasks_inherit()) {
		tracepoint_probe_unregister(tp_move, on_move, NULL);
		tracepoint_probe_unregister(tp_fork, on_fork, NULL);
		tracepoint_probe_unregister(tp_exit, on_exit, NULL);
		tracepoint_synchronize_unregister();
	}
	rcu_barrier();
	WARN_ON(!hash_empty(tasks));
}
