// SPDX-License-Identifier: GPL-2.0-only
/* The VM object: see vm.h. */
#include <linux/cgroup.h>
#include <linux/hashtable.h>
#include <linux/kfifo.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include "events.h"
#include "vm_tasks.h"
#include "notes.h"
#include "objects.h"
#include "policy.h"
#include "reap.h"
#include "users.h"
#include "vm.h"

/*
 * Guards the list, the tables' writers, and what struct qgpu_vm says. Taken before the registry
 * lock; nothing sleeps for long under it.
 */
static DEFINE_MUTEX(vms_lock);
static LIST_HEAD(vms);
static atomic64_t last_id = ATOMIC64_INIT(0);
static DEFINE_HASHTABLE(cgroups, 8);
static struct kmem_cache *vm_cache;

/* How often a live VM's leader is looked at. */
#define LEADER_LOOK HZ

atomic_t qgpu_objects = ATOMIC_INIT(0);

/* All work of the module that may wait for locks of others runs here. */
struct workqueue_struct *qgpu_wq;

/**
 * qgpu_vm_lock() - keep every VM's state and level as they are
 *
 * For the registry's floor above: it is taken before the registry lock.
 */
void qgpu_vm_lock(void)
{
	mutex_lock(&vms_lock);
}

void qgpu_vm_unlock(void)
{
	mutex_unlock(&vms_lock);
}

/**
 * qgpu_vm_audit() - an event of a VM that has no amounts
 * @vm: the VM
 * @event: &enum qwamos_gpu_event
 * @reason: &enum qwamos_gpu_reason
 * @result: 0 or a negative errno
 */
void qgpu_vm_audit(struct qgpu_vm *vm, u32 event, u32 reason, int result)
{
	struct qgpu_event ev = { .event = event,
				 .reason = reason,
				 .result = result,
				 .level = READ_ONCE(vm->lim.level) };

	qgpu_audit(vm->chain, &ev);
}

/** qgpu_name_ok() - is @name NUL-terminated within its room and made of [A-Za-z0-9_.-]? */
bool qgpu_name_ok(const char *name)
{
	size_t n = strnlen(name, QWAMOS_GPU_NAME_LEN);
	size_t i;

	if (!n || n == QWAMOS_GPU_NAME_LEN)
		return false;
	for (i = 0; i < n; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= 'A' && name[i] <= 'Z') &&
		    !(name[i] >= '0' && name[i] <= '9') && name[i] != '_' && name[i] != '.' &&
		    name[i] != '-')
			return false;
	return true;
}

void qgpu_vm_get(struct qgpu_vm *vm)
{
	kref_get(&vm->ref);
}

/* After a grace period, and in a context of its own: the last put may come under locks. */
static void vm_free(struct work_struct *work)
{
	struct qgpu_vm *vm = container_of(to_rcu_work(work), struct qgpu_vm, free_work);

	if (vm->state || vm->chain->seq || vm->chain->folds)
		qgpu_chain_end(vm->chain);
	else
		qgpu_chain_drop(vm->chain);
	put_pid(vm->leader);
	put_pid(rcu_dereference_protected(vm->thread_left, true));
	qgpu_users_free(&vm->lim);
	kmem_cache_free(vm_cache, vm);
	atomic_dec(&qgpu_objects);
	module_put(THIS_MODULE);
}

static void vm_release(struct kref *ref)
{
	struct qgpu_vm *vm = container_of(ref, struct qgpu_vm, ref);

	INIT_RCU_WORK(&vm->free_work, vm_free);
	queue_rcu_work(qgpu_wq, &vm->free_work);
}

void qgpu_vm_put(struct qgpu_vm *vm)
{
	kref_put(&vm->ref, vm_release);
}

/** qgpu_vm_unhold() - give back what kept the VM alive; the last one ends it */
void qgpu_vm_unhold(struct qgpu_vm *vm)
{
	if (atomic_dec_and_test(&vm->holds))
		qgpu_vm_end(vm, QWAMOS_GPU_REASON_LAST_CLOSED);
}

/*
 * The VM, live or ending, that owns @cgrp or one above it. Called under RCU or the VM lock; no
 * reference is taken.
 */
static struct qgpu_vm *vm_of_cgroup(struct cgroup *cgrp)
{
	struct qgpu_vm *vm;
	struct cgroup *c;
	int level;

	for (level = cgrp->level; level > 0; level--) {
		c = cgroup_ancestor(cgrp, level);
		hash_for_each_possible_rcu(cgroups, vm, cgroup_node, (unsigned long)c,
					   lockdep_is_held(&vms_lock))
			if (vm->cgrp == c)
				return vm;
	}
	return NULL;
}

/*
 * The VM that a process is a member of. Where descent is not followed, its cgroup tells. Called
 * under RCU; no reference is taken.
 */
static struct qgpu_vm *vm_of_task(struct task_struct *p)
{
	struct qgpu_vm *vm = qgpu_tasks_owner(task_tgid(p));

	return vm || qgpu_tasks_inherit() ? vm : vm_of_cgroup(task_dfl_cgroup(p));
}

/**
 * qgpu_vm_of_current() - get the VM that the current process is a member of
 *
 * Return: the VM, live or ending, with a reference; NULL: it is no VM's.
 */
struct qgpu_vm *qgpu_vm_of_current(void)
{
	struct qgpu_vm *vm;

	rcu_read_lock();
	vm = vm_of_task(current);
	if (vm && !kref_get_unless_zero(&vm->ref))
		vm = NULL;
	rcu_read_unlock();
	return vm;
}

/**
 * struct outsider - a process that was moved into a VM's cgroup, to be audited
 * @vm: the VM, with a reference
 * @at_ns: when, CLOCK_BOOTTIME
 * @pid: who was moved, in the initial pid namespace
 * @by: who did it
 * @uid: his user in the initial user namespace
 * @comm: his command
 */
struct outsider {
	struct qgpu_vm *vm;
	u64 at_ns;
	u32 pid;
	u32 by;
	u32 uid;
	char comm[TASK_COMM_LEN];
};

/*
 * Between the tracepoints, which may be called with interrupts off and under locks that the audit
 * log must not be taken under, and a work item. A leaf.
 */
static DEFINE_KFIFO(outsiders, struct outsider, 128);
static DEFINE_SPINLOCK(outsiders_lock);
static void audit_outsiders(struct work_struct *work);
static DECLARE_WORK(outsiders_work, audit_outsiders);

static void audit_outsider(const struct outsider *o)
{
	struct qgpu_event ev = { .event = QWAMOS_GPU_EV_VM_OUTSIDER,
				 .level = READ_ONCE(o->vm->lim.level),
				 .asked = o->pid };
	u64 age = ktime_get_boottime_ns() - o->at_ns;
	const struct qgpu_repeats by = { .count = 1,
					 .first_age_ns = age,
					 .last_age_ns = age,
					 .pid = o->by,
					 .uid = o->uid,
					 .comm = o->comm };
	struct qgpu_chain *c = o->vm->chain;
	u32 lost = atomic_xchg(&o->vm->outsiders_lost, 0);
	bool waits;

	spin_lock(&c->lock);
	waits = qgpu_audit_repeats(c, &ev, &by);
	c->lost += lost;
	spin_unlock(&c->lock);
	qgpu_audit_wake(c, waits);
}

static void audit_outsiders(struct work_struct *work)
{
	struct outsider o;

	while (kfifo_out_spinlocked(&outsiders, &o, 1, &outsiders_lock)) {
		audit_outsider(&o);
		qgpu_vm_put(o.vm);
	}
}

/*
 * The current process, or nobody knows any more who (@by_current: false), has brought @p into the
 * cgroup of @vm. Called under RCU, in any context.
 */
static void note_outsider(struct qgpu_vm *vm, struct task_struct *p, bool by_current)
{
	struct outsider o = { .vm = vm, .at_ns = ktime_get_boottime_ns(), .pid = task_tgid_nr(p) };

	if (!kref_get_unless_zero(&vm->ref))
		return;
	if (by_current && !(current->flags & PF_KTHREAD)) {
		o.by = task_tgid_nr(current);
		o.uid = from_kuid_munged(&init_user_ns, current_uid());
		/* Not by get_task_comm(): no lock of others is taken here. */
		memcpy(o.comm, current->comm, sizeof(o.comm));
	}
	if (!kfifo_in_spinlocked(&outsiders, &o, 1, &outsiders_lock)) {
		atomic_inc(&vm->outsiders_lost);
		qgpu_vm_put(vm);
	}
	queue_work(qgpu_wq, &outsiders_work);
}

/* A hook of vm_tasks.c. */
static bool enrolling(void *owner)
{
	struct qgpu_vm *vm = owner;

	return READ_ONCE(vm->enrolling);
}

/* A hook of vm_tasks.c. */
static bool joined(void *owner)
{
	struct qgpu_vm *vm = owner;

	return READ_ONCE(vm->leader);
}

/* A hook of vm_tasks.c. */
static bool stands(void *owner, struct cgroup *cgrp)
{
	return vm_of_cgroup(cgrp) == owner;
}

/* A hook of vm_tasks.c. */
static void lost(void *owner)
{
	struct qgpu_vm *vm = owner;

	WRITE_ONCE(vm->due_lost, true);
}

/* A manager has brought @p to where @vm is, or to where no VM is. */
static void placed(struct qgpu_vm *vm, struct task_struct *p)
{
	bool late = vm && READ_ONCE(vm->leader);
	int ret = qgpu_tasks_place(task_tgid(p), late ? NULL : vm);

	if (ret == -ENOMEM && vm)
		lost(vm);
	if (late || ret == -EBUSY)
		note_outsider(vm, p, true);
}

/* Somebody who may not say who is due has brought @p to where @vm is, or to where no VM is. */
static void displaced(struct qgpu_vm *vm, struct task_struct *p, struct cgroup *to)
{
	if (qgpu_tasks_displace(task_tgid(p), to, vm))
		pr_warn_ratelimited("qwamos_gpu: no memory to tell that process %d was moved\n",
				    task_tgid_nr(p));
	if (vm && qgpu_tasks_due(task_tgid(p)) != vm)
		note_outsider(vm, p, true);
}

/*
 * A hook of vm_tasks.c. Before VM_JOIN, whoever sets a VM up brings together there who is to become
 * a member. Where a thread that is not the first one goes says nothing of its process.
 */
static void moved(struct task_struct *p, struct cgroup *to, enum qgpu_moved how)
{
	struct qgpu_vm *vm = vm_of_cgroup(to), *owner = qgpu_tasks_owner(task_tgid(p));

	if (owner && owner == vm)
		return;
	/* Born below or above where its parent stands. */
	if (how >= QGPU_BORN && vm && joined(vm) && vm_of_cgroup(task_dfl_cgroup(current)) == vm)
		return;
	if (how == QGPU_BORN && !vm)
		return;
	if (how == QGPU_BORN_DISPLACED || !thread_group_leader(p)) {
		if (vm && qgpu_tasks_due(task_tgid(p)) != vm)
			note_outsider(vm, p, true);
	} else if (how == QGPU_DISPLACED) {
		displaced(vm, p, to);
	} else {
		placed(vm, p);
	}
}

/*
 * A process that dies is as good as gone: nobody waits for a thread of it that does not end before
 * its devices are cut off.
 */
static void dying(void *owner, struct pid *pid)
{
	struct qgpu_vm *vm = owner;

	if (READ_ONCE(vm->leader) == pid && qgpu_vm_live(vm))
		mod_delayed_work(qgpu_wq, &vm->leader_work, 0);
}

static const struct qgpu_task_hooks task_hooks = {
	.enrolling = enrolling,
	.joined = joined,
	.stands = stands,
	.lost = lost,
	.dying = dying,
	.moved = moved,
};

/* Called under the VM lock. */
static struct qgpu_vm *find_live(u64 id, const char *name)
{
	struct qgpu_vm *vm;

	lockdep_assert_held(&vms_lock);
	list_for_each_entry(vm, &vms, node)
		if (vm->state == QWAMOS_GPU_VM_STATE_LIVE &&
		    (id ? vm->id == id : !strcmp(vm->name, name)))
			return vm;
	return NULL;
}

/**
 * qgpu_vm_find() - a live VM
 * @id: its id; 0: the one called @name
 * @name: its name
 *
 * Return: the VM with a reference, or NULL.
 */
struct qgpu_vm *qgpu_vm_find(u64 id, const char *name)
{
	struct qgpu_vm *vm;

	mutex_lock(&vms_lock);
	vm = find_live(id, name);
	if (vm)
		qgpu_vm_get(vm);
	mutex_unlock(&vms_lock);
	return vm;
}

/*
 * Looks again and again: of a process that hangs before its exit is seen, or all of whose threads
 * hang before they come to it, nothing else tells.
 */
static void leader_work_fn(struct work_struct *work)
{
	struct qgpu_vm *vm = container_of(to_delayed_work(work), struct qgpu_vm, leader_work);
	bool going;

	if (!qgpu_vm_live(vm))
		return;
	if (qgpu_leader_gone(vm->leader, &going))
		qgpu_vm_end(vm, QWAMOS_GPU_REASON_LEADER_EXITED);
	else
		queue_delayed_work(qgpu_wq, &vm->leader_work, going ? HZ / 50 : LEADER_LOOK);
}

/*
 * A thread of the leader's group ended, maybe not the last. Called with the wait queue's lock held.
 */
static int leader_wake(wait_queue_entry_t *entry, unsigned int mode, int sync, void *key)
{
	struct qgpu_vm *vm = container_of(entry, struct qgpu_vm, leader_wait);

	mod_delayed_work(qgpu_wq, &vm->leader_work, 0);
	return 0;
}

/* Is any VM's cgroup @cgrp, above it, or below it? Called under the VM lock. */
static bool cgroup_taken(struct cgroup *cgrp)
{
	struct qgpu_vm *vm;

	if (vm_of_cgroup(cgrp))
		return true;
	list_for_each_entry(vm, &vms, node)
		if (vm->cgrp && cgroup_is_descendant(vm->cgrp, cgrp))
			return true;
	return false;
}

/* Into the list, in the order of the ids: the last one got its id last, or nearly so. */
static void add_to_list(struct qgpu_vm *vm)
{
	struct qgpu_vm *prev;

	list_for_each_entry_reverse(prev, &vms, node)
		if (prev->id < vm->id)
			break;
	list_add(&vm->node, &prev->node);
}

/* Called under the VM lock. */
static bool name_taken(const char *name)
{
	struct qgpu_vm *vm;

	lockdep_assert_held(&vms_lock);
	list_for_each_entry(vm, &vms, node)
		if (vm->state != QWAMOS_GPU_VM_STATE_ENDING && !strcmp(vm->name, name))
			return true;
	return false;
}

/**
 * qgpu_vm_create() - a new VM without a policy
 * @name: its name, checked by the caller
 * @cgrp: its cgroup, or NULL; the VM takes over the reference if the call succeeds
 * @end_fn: the work that takes everything back when the VM has ended, with &qgpu_vm.end_work; it
 *     must call qgpu_vm_over() at last
 * @reason: out: why a refusal
 *
 * It has its name and cgroup, but nobody sees it before qgpu_vm_publish(). Return: the VM with one
 * reference and one hold, or -EEXIST, -EBUSY (CGROUP_IN_USE), -ENOMEM.
 */
struct qgpu_vm *qgpu_vm_create(const char *name, struct cgroup *cgrp, work_func_t end_fn,
			       u32 *reason)
{
	struct qgpu_vm *vm = kmem_cache_zalloc(vm_cache, GFP_KERNEL_ACCOUNT);
	int ret = -EEXIST;

	if (!vm)
		return ERR_PTR(-ENOMEM);
	kref_init(&vm->ref);
	atomic_set(&vm->holds, 1);
	strscpy(vm->name, name, sizeof(vm->name));
	vm->created_ns = ktime_get_boottime_ns();
	qgpu_limits_init(&vm->lim);
	vm->cgrp = cgrp;
	INIT_HLIST_NODE(&vm->cgroup_node);
	init_waitqueue_func_entry(&vm->leader_wait, leader_wake);
	INIT_DELAYED_WORK(&vm->leader_work, leader_work_fn);
	INIT_DELAYED_WORK(&vm->end_work, end_fn);
	init_waitqueue_head(&vm->wq);
	INIT_LIST_HEAD(&vm->gates);
	vm->id = atomic64_inc_return(&last_id);
	vm->chain = qgpu_chain_new(vm->id, name);
	if (!vm->chain) {
		kmem_cache_free(vm_cache, vm);
		return ERR_PTR(-ENOMEM);
	}

	mutex_lock(&vms_lock);
	if (name_taken(name))
		goto err;
	ret = -EBUSY;
	if (cgrp && cgroup_taken(cgrp)) {
		*reason = QWAMOS_GPU_REASON_CGROUP_IN_USE;
		goto err;
	}
	__module_get(THIS_MODULE);
	add_to_list(vm);
	atomic_inc(&qgpu_objects);
	if (cgrp)
		hash_add_rcu(cgroups, &vm->cgroup_node, (unsigned long)cgrp);
	mutex_unlock(&vms_lock);
	return vm;
err:
	mutex_unlock(&vms_lock);
	qgpu_chain_drop(vm->chain);
	kmem_cache_free(vm_cache, vm);
	return ERR_PTR(ret);
}

static void found_outsider(void *owner, struct task_struct *p)
{
	note_outsider(owner, p, false);
}

/*
 * A process is moved first, and then the tracepoint tells. Wait for what is to be told of moves
 * that may have been seen: this takes the lock under which processes are moved. The path is of no
 * interest.
 */
static void wait_for_moves(struct cgroup *cgrp)
{
	char path[16];

	cgroup_path_ns(cgrp, path, sizeof(path), current->nsproxy->cgroup_ns);
}

/*
 * Who stands in the VM's cgroup is due to become its member. The cgroup is in the table, and by the
 * first wait whoever moves a process has seen it there.
 */
static void enroll(struct qgpu_vm *vm)
{
	WRITE_ONCE(vm->enrolling, true);
	wait_for_moves(vm->cgrp);
	if (qgpu_tasks_enroll(vm->cgrp, vm, found_outsider))
		lost(vm);
	wait_for_moves(vm->cgrp);
	WRITE_ONCE(vm->enrolling, false);
}

/**
 * qgpu_vm_publish() - a new VM begins its life
 * @vm: the VM, as qgpu_vm_create() made it
 */
void qgpu_vm_publish(struct qgpu_vm *vm)
{
	qgpu_vm_audit(vm, QWAMOS_GPU_EV_VM_CREATED, 0, 0);
	if (vm->cgrp)
		enroll(vm);
	mutex_lock(&vms_lock);
	WRITE_ONCE(vm->state, QWAMOS_GPU_VM_STATE_LIVE);
	mutex_unlock(&vms_lock);
	qgpu_events_vm(vm->id, QWAMOS_GPU_VM_STATE_LIVE, 0, vm->name);
}

/**
 * qgpu_vm_abort() - a new VM never was
 * @vm: the VM, not published; its creator's hold and reference are put
 */
void qgpu_vm_abort(struct qgpu_vm *vm)
{
	qgpu_vm_unhold(vm);
	qgpu_vm_over(vm);
}

/**
 * qgpu_vm_next() - go through all live VMs
 * @vm: the last one, or NULL
 *
 * Called under the VM lock. Return: the next one, or NULL.
 */
struct qgpu_vm *qgpu_vm_next(struct qgpu_vm *vm)
{
	lockdep_assert_held(&vms_lock);
	vm = list_prepare_entry(vm, &vms, node);
	do {
		vm = list_next_entry(vm, node);
		if (list_entry_is_head(vm, &vms, node))
			return NULL;
	} while (vm->state != QWAMOS_GPU_VM_STATE_LIVE);
	return vm;
}

/*
 * Does @which() tell of another VM than this one? A member of one joins no other; nor does who is
 * due to become one, which would be let off by that.
 */
static bool elsewhere(void *(*which)(struct pid *pid), struct qgpu_vm *vm)
{
	struct qgpu_vm *other;
	bool yes;

	rcu_read_lock();
	other = which(task_tgid(current));
	yes = other && other != vm;
	rcu_read_unlock();
	return yes;
}

static bool stands_in(struct cgroup *cgrp)
{
	bool yes;

	rcu_read_lock();
	yes = !cgrp || task_under_cgroup_hierarchy(current, cgrp);
	rcu_read_unlock();
	return yes;
}

/* Once there is a leader, who comes to the cgroup is an outsider. Called with the VM lock held. */
static int become_leader(struct qgpu_vm *vm)
{
	struct pid *pid = task_tgid(current);
	int ret;

	if (READ_ONCE(vm->due_lost))
		return -ENOMEM;
	if (vm->cgrp && !qgpu_tasks_inherit())
		qgpu_tasks_enroll(vm->cgrp, vm, found_outsider); /* nobody has seen who came */
	ret = qgpu_tasks_add(pid, vm);
	if (ret)
		return ret;
	WRITE_ONCE(vm->leader, get_pid(pid));
	if (vm->cgrp)
		qgpu_tasks_join(vm);
	add_wait_queue(&pid->wait_pidfd, &vm->leader_wait);
	queue_delayed_work(qgpu_wq, &vm->leader_work, LEADER_LOOK);
	return 0;
}

/**
 * qgpu_vm_join() - make the current process the VM's
 * @vm: the VM
 * @reason: out: why a refusal
 *
 * Return: 0, -ENODEV (VM_ENDED), -EBUSY (ALREADY_JOINED, JOINED_ELSEWHERE), -EACCES (NOT_IN_CGROUP)
 * or -ENOMEM.
 */
int qgpu_vm_join(struct qgpu_vm *vm, u32 *reason)
{
	int ret;

	mutex_lock(&vms_lock);
	if (vm->state != QWAMOS_GPU_VM_STATE_LIVE) {
		*reason = QWAMOS_GPU_REASON_VM_ENDED;
		ret = -ENODEV;
	} else if (vm->leader) {
		*reason = QWAMOS_GPU_REASON_ALREADY_JOINED;
		ret = -EBUSY;
	} else if (elsewhere(qgpu_tasks_owner, vm)) {
		*reason = QWAMOS_GPU_REASON_JOINED_ELSEWHERE;
		ret = -EBUSY;
	} else if (!stands_in(vm->cgrp)) {
		*reason = QWAMOS_GPU_REASON_NOT_IN_CGROUP;
		ret = -EACCES;
	} else if (elsewhere(qgpu_tasks_due, vm)) {
		*reason = QWAMOS_GPU_REASON_JOINED_ELSEWHERE;
		ret = -EBUSY;
	} else {
		ret = become_leader(vm);
	}
	mutex_unlock(&vms_lock);
	if (!ret)
		qgpu_vm_audit(vm, QWAMOS_GPU_EV_VM_JOINED, 0, 0);
	return ret;
}

/**
 * qgpu_vm_adopt() - make a process a member of a VM
 * @vm: the VM
 * @pid: the process
 * @reason: out: why a refusal
 *
 * Return: 0, -ENODEV (VM_ENDED), -EBUSY (JOINED_ELSEWHERE) or -ENOMEM.
 */
int qgpu_vm_adopt(struct qgpu_vm *vm, struct pid *pid, u32 *reason)
{
	struct qgpu_event ev = { .event = QWAMOS_GPU_EV_VM_ADOPTED, .asked = pid_nr(pid) };
	int ret;

	mutex_lock(&vms_lock);
	if (vm->state != QWAMOS_GPU_VM_STATE_LIVE) {
		*reason = QWAMOS_GPU_REASON_VM_ENDED;
		ret = -ENODEV;
	} else {
		ret = qgpu_tasks_add(pid, vm);
		if (ret == -EBUSY)
			*reason = QWAMOS_GPU_REASON_JOINED_ELSEWHERE;
	}
	ev.level = vm->lim.level;
	mutex_unlock(&vms_lock);
	if (!ret)
		qgpu_audit(vm->chain, &ev);
	return ret;
}

/**
 * qgpu_vm_end() - end a VM; the rest happens in its end work
 * @vm: the VM
 * @reason: why (&enum qwamos_gpu_reason)
 *
 * The second end of a VM does nothing. May be called from a work item or with a device lock held.
 */
void qgpu_vm_end(struct qgpu_vm *vm, u32 reason)
{
	mutex_lock(&vms_lock);
	if (vm->state != QWAMOS_GPU_VM_STATE_LIVE) {
		mutex_unlock(&vms_lock);
		return;
	}
	WRITE_ONCE(vm->end_reason, reason);
	WRITE_ONCE(vm->state, QWAMOS_GPU_VM_STATE_ENDING);
	qgpu_users_leave(&vm->lim);
	qgpu_vm_get(vm); /* qgpu_vm_over() puts it */
	mutex_unlock(&vms_lock);
	qgpu_vm_audit(vm, QWAMOS_GPU_EV_VM_DESTROYED, reason, 0);
	qgpu_events_vm(vm->id, QWAMOS_GPU_VM_STATE_ENDING, reason, vm->name);
	wake_up_all(&vm->wq);
	queue_delayed_work(qgpu_wq, &vm->end_work, 0);
}

/**
 * qgpu_vm_left() - who has been killed and has not ended yet
 * @vm: the VM, ended
 * @threads: how many threads
 * @one: one of them; the reference becomes the VM's
 *
 * Called from the VM's end work.
 */
void qgpu_vm_left(struct qgpu_vm *vm, u32 threads, struct pid *one)
{
	struct pid *old = rcu_dereference_protected(vm->thread_left, true);

	WRITE_ONCE(vm->threads_left, threads);
	rcu_assign_pointer(vm->thread_left, one);
	if (old && old != one)
		synchronize_rcu();
	put_pid(old);
}

/**
 * qgpu_vm_over() - everything that the VM had is given back
 * @vm: the VM, ended; the reference of qgpu_vm_end() is put
 *
 * Called from the VM's end work.
 */
void qgpu_vm_over(struct qgpu_vm *vm)
{
	mutex_lock(&vms_lock);
	list_del(&vm->node);
	if (vm->cgrp)
		hash_del_rcu(&vm->cgroup_node);
	mutex_unlock(&vms_lock);
	/* Who has found the VM by its cgroup may be making a member of it; then no more. */
	synchronize_rcu();
	qgpu_tasks_forget(vm);
	/* A fork may have found its parent's entry just before. */
	synchronize_rcu();
	qgpu_tasks_forget(vm);
	if (vm->leader) {
		remove_wait_queue(&vm->leader->wait_pidfd, &vm->leader_wait);
		cancel_delayed_work_sync(&vm->leader_work);
	}
	if (vm->cgrp)
		cgroup_put(vm->cgrp);
	if (vm->state)
		qgpu_events_vm(vm->id, QWAMOS_GPU_VM_STATE_OVER, vm->end_reason, vm->name);
	wake_up_all(&vm->wq);
	qgpu_vm_put(vm);
}

/**
 * qgpu_vm_tell() - what VM_LIST and VM_INFO say
 * @vm: the VM
 * @out: out
 */
void qgpu_vm_tell(struct qgpu_vm *vm, struct qwamos_gpu_vm *out)
{
	memset(out, 0, sizeof(*out));
	out->vm_id = vm->id;
	out->created_ns = vm->created_ns;
	strscpy_pad(out->name, vm->name, sizeof(out->name));
	out->state = READ_ONCE(vm->state);
	out->end_reason = READ_ONCE(vm->end_reason);
	out->devices = READ_ONCE(vm->devices);
	out->devices_open = READ_ONCE(vm->devices_open);
	out->joined_pid = pid_vnr(READ_ONCE(vm->leader));
	out->threads_left = READ_ONCE(vm->threads_left);
	rcu_read_lock();
	out->thread_left = pid_vnr(rcu_dereference(vm->thread_left));
	rcu_read_unlock();
	out->flags = (READ_ONCE(vm->revoking) ? QWAMOS_GPU_VM_F_REVOKING : 0) |
		     (vm->cgrp ? QWAMOS_GPU_VM_F_CGROUP : 0);
	qgpu_limits_tell(&vm->lim, out->devices, READ_ONCE(vm->n_gates), out);
	out->allowed = qgpu_notes_total(vm->chain->notes, QGPU_NOTE_ALLOWED);
	out->checks = out->allowed + qgpu_notes_total(vm->chain->notes, QGPU_NOTE_DENIED) +
		      qgpu_notes_total(vm->chain->notes, QGPU_NOTE_RATE);
}

/**
 * qgpu_vm_list() - VMs in the order of their ids
 * @after: only those with a higher id
 * @room: length of @out
 * @out: out: the first of them
 * @left: out: how many come after those
 *
 * Return: how many were written.
 */
u32 qgpu_vm_list(u64 after, u32 room, struct qwamos_gpu_vm *out, u64 *left)
{
	struct qgpu_vm *vm;
	u32 n = 0;

	*left = 0;
	mutex_lock(&vms_lock);
	list_for_each_entry(vm, &vms, node) {
		if (!vm->state || vm->id <= after)
			continue;
		if (n < room)
			qgpu_vm_tell(vm, &out[n++]);
		else
			++*left;
	}
	mutex_unlock(&vms_lock);
	return n;
}

/**
 * qgpu_vm_init() - get ready for VMs
 *
 * Return: 0 or a negative errno.
 */
int qgpu_vm_init(void)
{
	int ret = -ENOMEM;

	vm_cache = kmem_cache_create("qwamos_gpu_vm", sizeof(struct qgpu_vm),
				     __alignof__(struct qgpu_vm), SLAB_ACCOUNT | SLAB_HWCACHE_ALIGN,
				     NULL);
	if (!vm_cache)
		return ret;
	qgpu_wq = alloc_workqueue("qwamos_gpu", WQ_UNBOUND | WQ_FREEZABLE, 0);
	if (!qgpu_wq)
		goto err_cache;
	ret = qgpu_tasks_init(&task_hooks);
	if (ret)
		goto err_wq;
	return 0;
err_wq:
	destroy_workqueue(qgpu_wq);
err_cache:
	kmem_cache_destroy(vm_cache);
	return ret;
}

/** qgpu_vm_exit() - every VM is over: each holds a reference to the module */
void qgpu_vm_exit(void)
{
	destroy_workqueue(qgpu_wq);
	qgpu_tasks_exit();
	WARN_ON(!list_empty(&vms));
	kmem_cache_destroy(vm_cache);
}
