// SPDX-License-Identifier: GPL-2.0-only
/* Members of VMs, and usermode helpers: see vm_tasks.h. */
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>
#include <trace/events/cgroup.h>
#include <trace/events/sched.h>
#include <trace/events/task.h>
#include "compat.h"
#include "vm_tasks.h"

/**
 * struct vm_task - what is known of a thread group
 * @node: in the table; written under the table's lock, read under RCU
 * @pid: its pid, with a reference
 * @owner: whose member it is, or NULL; written under the table's lock, read under RCU. No
 * reference: the owner forgets its tasks before it goes
 * @due: whose member it becomes when that one is joined, or NULL; likewise
 * @due_ns: when that was said of it itself (CLOCK_MONOTONIC); 0: never, or it was inherited
 * @helper: it descends from a usermode helper; likewise
 * @put: where a member or a usermode helper has put it, or who it descends from: the cgroup's id;
 * 0: nowhere. As long as it stands there it is displaced
 * @moved: it was moved, maybe before on_newtask() was told that it exists
 * @placed: likewise, by a manager
 * @leaving: in the list of those that end; guarded by the table's lock
 * @rcu: for the free
 */
struct vm_task {
	struct hlist_node node;
	struct pid *pid;
	void *owner;
	void *due;
	u64 due_ns;
	bool helper;
	u64 put;
	bool moved;
	bool placed;
	struct list_head leaving;
	struct rcu_head rcu;
};

/* How long after its exit a process is looked at, and then again for as long as it hangs. */
#define SWEEP_SOON  (HZ / 10)
#define SWEEP_AGAIN HZ

static DEFINE_HASHTABLE(tasks, 10);
static DEFINE_SPINLOCK(tasks_lock); /* guards the table's writers; a leaf */
static LIST_HEAD(leaving);
static unsigned int n_leaving;
static void sweep(struct work_struct *work);
static DECLARE_DELAYED_WORK(sweep_work, sweep);
static const struct qgpu_task_hooks *hooks;
static struct tracepoint *tp_new, *tp_exit, *tp_move;

static struct vm_task *find(struct pid *pid)
{
	struct vm_task *h;

	hash_for_each_possible_rcu(tasks, h, node, (unsigned long)pid, lockdep_is_held(&tasks_lock))
		if (h->pid == pid)
			return h;
	return NULL;
}

/**
 * qgpu_tasks_owner() - look up whose member a thread group is
 * @pid: its pid
 *
 * Called under RCU, which also keeps the owner. Return: the owner, or NULL.
 */
void *qgpu_tasks_owner(struct pid *pid)
{
	struct vm_task *h = find(pid);

	return h ? READ_ONCE(h->owner) : NULL;
}

/**
 * qgpu_tasks_is_helper() - does a thread group descend from a usermode helper?
 * @pid: its pid
 */
bool qgpu_tasks_is_helper(struct pid *pid)
{
	struct vm_task *h;
	bool yes;

	rcu_read_lock();
	h = find(pid);
	yes = h && READ_ONCE(h->helper);
	rcu_read_unlock();
	return yes;
}

/* The last thread of @h ends. Called with the table's lock held. */
static void leave(struct vm_task *h)
{
	if (!list_empty(&h->leaving))
		return;
	list_add_tail(&h->leaving, &leaving);
	WRITE_ONCE(n_leaving, n_leaving + 1);
	schedule_delayed_work(&sweep_work, SWEEP_SOON);
}

/* Has the last thread of a group come to its exit? Then on_exit() may have been there already. */
static bool has_ended(struct pid *pid)
{
	struct task_struct *p;
	bool yes;

	rcu_read_lock();
	p = pid_task(pid, PIDTYPE_TGID);
	yes = !p || !atomic_read(&p->signal->live);
	rcu_read_unlock();
	return yes;
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
	if (!list_empty(&h->leaving)) {
		list_del(&h->leaving);
		WRITE_ONCE(n_leaving, n_leaving - 1);
	}
	call_rcu(&h->rcu, task_free);
}

static bool says_nothing(const struct vm_task *h)
{
	return !h->owner && !h->due && !h->helper && !h->put;
}

static struct vm_task *task_alloc(void)
{
	return kzalloc(sizeof(struct vm_task), GFP_ATOMIC | __GFP_ACCOUNT);
}

/* Called with the table's lock held. */
static void insert(struct vm_task *h, struct pid *pid)
{
	h->pid = get_pid(pid);
	INIT_LIST_HEAD(&h->leaving);
	hash_add_rcu(tasks, &h->node, (unsigned long)pid);
	/* Pairs with the atomic_dec_and_test() of ->live: on_exit() finds it, or we see. */
	smp_mb();
	if (has_ended(pid))
		leave(h);
}

/* What is told of a thread group: of an owner, at a cgroup (its id). */
struct told {
	void *owner;
	u64 at;
};

/*
 * Change what is known of a thread group. Does not sleep. Return: what @change() returns, or
 * -ENOMEM.
 */
static int update(struct pid *pid, int (*change)(struct vm_task *h, const struct told *t),
		  const struct told *t)
{
	struct vm_task *new = task_alloc(), *h;
	unsigned long flags;
	int ret = -ENOMEM;

	spin_lock_irqsave(&tasks_lock, flags);
	h = find(pid);
	if (!h && new) {
		h = new;
		new = NULL;
		insert(h, pid);
	}
	if (h) {
		ret = change(h, t);
		if (says_nothing(h))
			drop(h);
	}
	spin_unlock_irqrestore(&tasks_lock, flags);
	kfree(new);
	return ret;
}

static int set_owner(struct vm_task *h, const struct told *t)
{
	if (h->owner && h->owner != t->owner)
		return -EBUSY;
	WRITE_ONCE(h->owner, t->owner);
	return 0;
}

/* -EBUSY: it is too late for that. */
static int set_placed(struct vm_task *h, const struct told *t)
{
	bool late = t->owner && hooks->joined(t->owner);

	h->moved = true;
	h->placed = true;
	WRITE_ONCE(h->put, 0);
	WRITE_ONCE(h->due, late ? NULL : t->owner);
	h->due_ns = ktime_get_ns();
	return late ? -EBUSY : 0;
}

/* Whoever looks who stands at @owner's may have found it there by this very move. */
static int set_displaced(struct vm_task *h, const struct told *t)
{
	h->moved = true;
	WRITE_ONCE(h->put, t->at);
	if (t->owner && h->due == t->owner && hooks->enrolling(t->owner))
		WRITE_ONCE(h->due, NULL);
	return 0;
}

/* -EBUSY: it did not come there by itself. */
static int set_due(struct vm_task *h, const struct told *t)
{
	if (h->put == t->at && h->due != t->owner)
		return -EBUSY;
	if (h->due != t->owner)
		h->due_ns = ktime_get_ns();
	WRITE_ONCE(h->due, t->owner);
	return 0;
}

/**
 * qgpu_tasks_add() - make a thread group a member, with all children that it has from now on
 * @pid: its pid
 * @owner: whose
 *
 * Does not sleep. Return: 0, also if it is one already, -EBUSY (it is another one's) or -ENOMEM.
 */
int qgpu_tasks_add(struct pid *pid, void *owner)
{
	const struct told t = { .owner = owner };

	return update(pid, set_owner, &t);
}

/**
 * qgpu_tasks_place() - a thread group was moved by a manager
 * @pid: its pid
 * @owner: whose member it is to be; NULL: nobody's
 *
 * Called under RCU. Does not sleep. Return: 0, -EBUSY (@owner is joined already) or -ENOMEM.
 */
int qgpu_tasks_place(struct pid *pid, void *owner)
{
	const struct told t = { .owner = owner };

	return owner || find(pid) ? update(pid, set_placed, &t) : 0;
}

/**
 * qgpu_tasks_displace() - a thread group was moved by somebody who may not say who is due
 * @pid: its pid
 * @to: where to
 * @owner: whose place that is; NULL: nobody's
 *
 * Does not sleep. Return: 0 or -ENOMEM.
 */
int qgpu_tasks_displace(struct pid *pid, struct cgroup *to, void *owner)
{
	const struct told t = { .owner = owner, .at = cgroup_id(to) };

	return update(pid, set_displaced, &t);
}

/**
 * qgpu_tasks_due() - whose member does a thread group become?
 * @pid: its pid
 *
 * Called under RCU. Return: the owner, or NULL.
 */
void *qgpu_tasks_due(struct pid *pid)
{
	struct vm_task *h = find(pid);

	return h ? READ_ONCE(h->due) : NULL;
}

/*
 * A thread of @p that tells where it stands: a move leaves those behind that have come to their
 * exit, and the first one may have, long before the others. Called under RCU.
 */
static struct task_struct *standing(struct task_struct *p)
{
	struct task_struct *t;

	for_each_thread(p, t)
		if (!(READ_ONCE(t->flags) & PF_EXITING))
			return t;
	return p;
}

/**
 * qgpu_tasks_enroll() - all who stand in a cgroup are to be members, but those who were put there
 * @cgrp: the cgroup
 * @owner: whose; the hook moved() sees to who comes there from before the call on
 * @outsider: called under RCU for each one who was put there
 *
 * Return: 0 or -ENOMEM.
 */
int qgpu_tasks_enroll(struct cgroup *cgrp, void *owner,
		      void (*outsider)(void *owner, struct task_struct *p))
{
	struct told t = { .owner = owner };
	struct task_struct *p, *s;
	int err, ret = 0;

	rcu_read_lock();
	for_each_process(p) {
		if (p->flags & PF_KTHREAD || is_global_init(p))
			continue;
		s = standing(p);
		if (!task_under_cgroup_hierarchy(s, cgrp))
			continue;
		t.at = cgroup_id(task_dfl_cgroup(s));
		err = update(task_tgid(p), set_due, &t);
		if (err == -EBUSY)
			outsider(owner, p);
		else if (err)
			ret = err;
		/*
		 * Pairs with the one in on_newtask(): a child that does not inherit this is in the
		 * list already, behind its parent.
		 */
		smp_mb();
	}
	rcu_read_unlock();
	return ret;
}

/**
 * qgpu_tasks_join() - who is due becomes a member, wherever it stands by now
 * @owner: whose; the hook joined() says so from before the call on
 */
void qgpu_tasks_join(void *owner)
{
	unsigned long flags;
	struct vm_task *h;
	int i;

	spin_lock_irqsave(&tasks_lock, flags);
	hash_for_each(tasks, i, h, node) {
		if (h->due != owner)
			continue;
		WRITE_ONCE(h->due, NULL);
		if (!h->owner)
			WRITE_ONCE(h->owner, owner);
	}
	spin_unlock_irqrestore(&tasks_lock, flags);
}

/**
 * qgpu_tasks_forget() - drop all that is known of an owner
 * @owner: who goes; NULL: drop everything
 */
void qgpu_tasks_forget(void *owner)
{
	struct hlist_node *n;
	unsigned long flags;
	struct vm_task *h;
	int i;

	spin_lock_irqsave(&tasks_lock, flags);
	hash_for_each_safe(tasks, i, n, h, node) {
		if (h->owner == owner)
			WRITE_ONCE(h->owner, NULL);
		if (h->due == owner)
			WRITE_ONCE(h->due, NULL);
		if (!owner || says_nothing(h))
			drop(h);
	}
	spin_unlock_irqrestore(&tasks_lock, flags);
}

/* What is known of a birth. @cgrp: where the child stands; @at: its id */
struct birth {
	bool helper; /* the kernel has started a program */
	bool into; /* by CLONE_INTO_CGROUP, which says where */
	bool places; /* and the parent may say who is due there */
	struct cgroup *cgrp;
	u64 at;
	u64 born_ns; /* CLOCK_MONOTONIC */
};

/*
 * Is a child, of which nobody has told a move, due as its parent is now? Not if the parent became
 * so after the birth: then the child stands elsewhere. (A birth between the move that makes the
 * parent due and what is told of that looks like one before.)
 */
static bool inherits_due(const struct vm_task *p, const struct birth *b)
{
	return b->into || p->put || b->born_ns > p->due_ns || hooks->stands(p->due, b->cgrp);
}

/*
 * A child is what its parent is, and due where that is, wherever it is born: but one that a manager
 * bears elsewhere, or has moved. Both may have been moved since the birth, and the child may have
 * been found by who looks who stands in a cgroup: that does not count for one that is displaced.
 * Called with the table's lock held.
 */
static void inherit(struct vm_task *c, const struct vm_task *p, const struct birth *b)
{
	void *due = p ? p->due : NULL;

	if (p) {
		WRITE_ONCE(c->owner, c->owner ?: p->owner);
		WRITE_ONCE(c->helper, p->helper);
	}
	if (b->helper)
		WRITE_ONCE(c->helper, true);
	if (c->placed || (b->into && b->places))
		return;
	if (!c->moved) {
		WRITE_ONCE(c->put, b->into || (p && p->put) ? b->at : 0);
		if (due && !inherits_due(p, b))
			due = NULL;
	}
	if (!c->due || (!c->moved && c->put))
		WRITE_ONCE(c->due, due);
}

/* Return: 0 or -ENOMEM; @is: what the child is, or should be. */
static int add_child(struct pid *parent, struct pid *child, const struct birth *b,
		     struct vm_task *is)
{
	struct vm_task *new = task_alloc(), *c;
	unsigned long flags;
	int ret = 0;

	spin_lock_irqsave(&tasks_lock, flags);
	c = find(child);
	if (!c && new) {
		c = new;
		new = NULL;
		insert(c, child);
	}
	if (!c)
		ret = -ENOMEM;
	inherit(c ?: is, find(parent), b);
	if (c) {
		is->owner = c->owner;
		is->due = c->due;
		is->put = c->put;
		is->moved = c->moved;
		if (says_nothing(c))
			drop(c);
	}
	spin_unlock_irqrestore(&tasks_lock, flags);
	kfree(new);
	return ret;
}

/*
 * May the current process say who is due where, itself included? Not a member, nor what the kernel
 * has started for one, nor whoever may have been given a cgroup's file to write to: the kernel asks
 * for the rights of who has opened that.
 */
static bool places(void)
{
	const struct cred *cred = current_cred();
	struct vm_task *by = find(task_tgid(current));

	if (by && (READ_ONCE(by->owner) || READ_ONCE(by->helper)))
		return false;
	return current->flags & PF_KTHREAD ||
	       (cred->user_ns == &init_user_ns && cap_raised(cred->cap_effective, CAP_SYS_ADMIN));
}

/*
 * Called before the child first runs. A member's child that can't be tracked is killed before it
 * can do anything. A usermode helper's is not: nothing of the host's may fail because a VM is
 * watched.
 */
static void on_newtask(void *unused, struct task_struct *child, QGPU_CLONE_FLAGS clone_flags)
{
	struct task_struct *parent = current;
	bool program = !(child->flags & PF_KTHREAD);
	struct vm_task is = {};
	struct birth b;

	if (!thread_group_leader(child))
		return;
	/* The child is in the list of processes by now. Pairs with qgpu_tasks_enroll(). */
	smp_mb();
	rcu_read_lock();
	/* What the kernel starts: its own threads have no program, and their children are none. */
	b.helper = parent->flags & PF_KTHREAD && program && !is_global_init(child);
	b.into = clone_flags & CLONE_INTO_CGROUP;
	b.places = places();
	b.cgrp = task_dfl_cgroup(child);
	b.at = cgroup_id(b.cgrp);
	b.born_ns = child->start_time;
	if ((b.helper || (b.into && !b.places) || find(task_tgid(parent)) ||
	     find(task_tgid(child))) &&
	    add_child(task_tgid(parent), task_tgid(child), &b, &is)) {
		if (is.owner)
			send_sig(SIGKILL, child, 1);
		else if (is.due)
			hooks->lost(is.due);
	}
	if (b.into && !is.owner && !is.moved)
		hooks->moved(child, b.cgrp, b.places ? QGPU_BORN : QGPU_BORN_DISPLACED);
	rcu_read_unlock();
}

/* A thread, or with its first one the whole group, was moved to another cgroup. */
static void on_move(void *unused, struct cgroup *to, const char *path, struct task_struct *p,
		    bool group)
{
	if (p->flags & PF_KTHREAD || to->root != &cgrp_dfl_root)
		return;
	rcu_read_lock();
	hooks->moved(p, to, places() ? QGPU_PLACED : QGPU_DISPLACED);
	rcu_read_unlock();
}

/* Has every thread of a group gone through its exit, so that nothing of it is left but a zombie? */
static bool gone(struct pid *pid)
{
	struct task_struct *p, *t;
	bool yes = true;

	rcu_read_lock();
	p = pid_task(pid, PIDTYPE_TGID);
	if (p) {
		for_each_thread(p, t) {
			if (!READ_ONCE(t->exit_state)) {
				yes = false;
				break;
			}
		}
	}
	rcu_read_unlock();
	return yes;
}

/*
 * Drop who has gone. A work item, because an exit can't wait for that: a round looks once at each
 * one that leaves, and does so without the lock.
 */
static void sweep(struct work_struct *work)
{
	unsigned int n = READ_ONCE(n_leaving);
	struct vm_task *h;
	struct pid *pid;

	while (n--) {
		spin_lock_irq(&tasks_lock);
		h = list_first_entry_or_null(&leaving, struct vm_task, leaving);
		pid = h ? get_pid(h->pid) : NULL;
		if (h)
			list_move_tail(&h->leaving, &leaving);
		spin_unlock_irq(&tasks_lock);
		if (!h)
			break;
		if (gone(pid)) {
			spin_lock_irq(&tasks_lock);
			h = find(pid);
			if (h)
				drop(h);
			spin_unlock_irq(&tasks_lock);
		}
		put_pid(pid);
		cond_resched();
	}
	if (READ_ONCE(n_leaving))
		schedule_delayed_work(&sweep_work, SWEEP_AGAIN);
}

/*
 * A thread ends. With the last one of its group no instruction of it runs any more, but it may have
 * files, memory (since 6.16), and calls that do not return: it is a member until it has gone.
 */
static void QGPU_PROBE_EXIT(on_exit, p)
{
	bool last = !atomic_read(&p->signal->live);
	unsigned long flags;
	struct vm_task *h;

	if (!last && !(READ_ONCE(p->signal->flags) & SIGNAL_GROUP_EXIT))
		return;
	rcu_read_lock();
	h = find(task_tgid(p));
	if (h && h->owner)
		hooks->dying(h->owner, task_tgid(p));
	rcu_read_unlock();
	if (!h || !last)
		return;
	spin_lock_irqsave(&tasks_lock, flags);
	h = find(task_tgid(p));
	if (h)
		leave(h);
	spin_unlock_irqrestore(&tasks_lock, flags);
}

/*
 * Our probes are registered by pointers that have no type: here each must be what its tracepoint
 * calls on this kernel, or the build ends.
 */
static void check_types(void)
{
	check_trace_callback_type_task_newtask(on_newtask);
	check_trace_callback_type_sched_process_exit(on_exit);
	check_trace_callback_type_cgroup_attach_task(on_move);
}

static void find_tracepoint(struct tracepoint *tp, void *unused)
{
	if (!strcmp(tp->name, "task_newtask"))
		tp_new = tp;
	else if (!strcmp(tp->name, "sched_process_exit"))
		tp_exit = tp;
	else if (!strcmp(tp->name, "cgroup_attach_task"))
		tp_move = tp;
}

/** qgpu_tasks_inherit() - do children inherit? Not on a kernel without tracepoints. */
bool qgpu_tasks_inherit(void)
{
	return tp_new && tp_exit && tp_move;
}

/**
 * qgpu_tasks_init() - follow births and deaths
 * @h: what the owners do about them
 *
 * Return: 0, also on a kernel without tracepoints, where only who is added is known; or a negative
 * errno.
 */
int qgpu_tasks_init(const struct qgpu_task_hooks *h)
{
	int ret;

	check_types();
	hooks = h;
	for_each_kernel_tracepoint(find_tracepoint, NULL);
	if (!qgpu_tasks_inherit()) {
		pr_warn("qwamos_gpu: no tracepoints: VMs' processes are told by their cgroups alone\n");
		tp_new = NULL;
		return 0;
	}
	ret = tracepoint_probe_register(tp_exit, on_exit, NULL);
	if (ret)
		return ret;
	ret = tracepoint_probe_register(tp_new, on_newtask, NULL);
	if (ret)
		goto err_exit;
	ret = tracepoint_probe_register(tp_move, on_move, NULL);
	if (ret)
		goto err_new;
	return 0;
err_new:
	tracepoint_probe_unregister(tp_new, on_newtask, NULL);
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
		tracepoint_probe_unregister(tp_new, on_newtask, NULL);
		tracepoint_probe_unregister(tp_exit, on_exit, NULL);
		tracepoint_synchronize_unregister();
	}
	qgpu_tasks_forget(NULL); /* usermode helpers that still run */
	cancel_delayed_work_sync(&sweep_work);
	rcu_barrier();
}
