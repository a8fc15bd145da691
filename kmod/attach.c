// SPDX-License-Identifier: GPL-2.0-only
/* Giving devices to VMs and taking them back. */
#include <linux/module.h>
#include <linux/slab.h>
#include "core.h"
#include "cut.h"
#include "device.h"
#include "gates.h"
#include "policy.h"
#include "reap.h"

#define END_ROUND_MS	10 /* between two rounds of an ending */
#define END_SLOW_MS	200 /* once it takes long */
#define END_FAST_ROUNDS 200

/**
 * struct look - what DEV_ATTACH gathers before it takes locks, one for each member of the group
 * @dev: the member
 * @set: its reset set
 * @methods: QWAMOS_GPU_RESET_*
 * @room: for the VM's ledgers
 */
struct look {
	struct device *dev;
	struct qgpu_reset_set *set;
	u32 methods;
	struct qgpu_gpu_use *room;
};

static void looks_drop(struct look *l, size_t n)
{
	size_t i;

	for (i = 0; l && i < n; i++) {
		qgpu_reset_set_drop(l[i].set);
		kfree(l[i].room);
	}
	kfree(l);
}

static struct look *looks_gather(struct qgpu_group *g)
{
	struct look *l = kcalloc(g->n ?: 1, sizeof(*l), GFP_KERNEL);
	size_t i;

	if (!l)
		return NULL;
	for (i = 0; i < g->n; i++) {
		l[i].dev = g->dev[i];
		if (!dev_is_pci(g->dev[i]))
			continue;
		l[i].room = qgpu_use_alloc();
		l[i].set = qgpu_reset_set_gather(to_pci_dev(g->dev[i]));
		if (IS_ERR(l[i].set) || !l[i].room) {
			if (IS_ERR(l[i].set))
				l[i].set = NULL;
			looks_drop(l, g->n);
			return NULL;
		}
		l[i].methods = qgpu_reset_methods(to_pci_dev(g->dev[i]), l[i].set);
	}
	return l;
}

static int refuse(struct qgpu_dev *d, u64 *culprit, u32 *reason, u32 why, int ret)
{
	*culprit = d ? d->id : 0;
	*reason = why;
	return ret;
}

/* Does the group hold a GPU? Called with the registry lock held. */
static bool group_has_gpu(struct qgpu_group *g)
{
	struct qgpu_dev *d;
	size_t i;

	for (i = 0; i < g->n; i++) {
		d = qgpu_dev_lookup(g->dev[i]);
		if (d && d->gpu)
			return true;
	}
	return false;
}

/* What DEV_ATTACH demands of a member of the group, if it demands @demanded of the GPU. */
static u32 demanded_of(const struct qgpu_dev *d, u32 demanded, bool accept_unwiped)
{
	if (d->gpu)
		return demanded;
	return accept_unwiped ? QWAMOS_GPU_SCRUB_NONE : QWAMOS_GPU_SCRUB_BAR;
}

/*
 * Is what was in a device before wiped as far as demanded? One without a driver can be opened by
 * nobody, and our driver cleans it when it gets it; but what another VM left in it may do things by
 * itself, in the new owner's memory. Called with the registry lock held.
 */
static bool is_clean(const struct qgpu_dev *d, u32 demanded, bool accept_unwiped)
{
	if (!d->bound)
		return d->dirt != QGPU_DIRT_VM;
	return d->dirt == QGPU_CLEAN && d->scrub >= demanded_of(d, demanded, accept_unwiped);
}

/*
 * Has anybody a member of the group? Each check over the whole group before the next, as in
 * check_condition(). Called with the VM lock and the registry lock held.
 */
static int check_owners(struct qgpu_vm *vm, struct look *l, size_t n, u64 *culprit, u32 *reason)
{
	struct qgpu_vm *owner;
	struct qgpu_dev *d;
	size_t i;

	for (i = 0; i < n; i++) {
		d = qgpu_dev_lookup(l[i].dev);
		owner = d ? qgpu_dev_owner(d) : NULL;
		if (owner == vm)
			return refuse(d, culprit, reason, QWAMOS_GPU_REASON_ALREADY_ATTACHED,
				      -EBUSY);
		if (owner && qgpu_vm_live(owner))
			return refuse(d, culprit, reason, QWAMOS_GPU_REASON_OTHER_OWNER, -EBUSY);
	}
	for (i = 0; i < n; i++) {
		d = qgpu_dev_lookup(l[i].dev);
		if (d && (qgpu_dev_owner(d) || qgpu_dev_resetting(d) || d->opens))
			return refuse(d, culprit, reason, QWAMOS_GPU_REASON_RESETTING, -EBUSY);
	}
	return 0;
}

/*
 * Are the members fit to be given to anybody? Called with the VM lock and the registry lock held.
 */
static int check_condition(struct qgpu_vm *vm, struct look *l, size_t n, u32 demanded,
			   bool accept_unwiped, u64 *culprit, u32 *reason)
{
	struct qgpu_dev *d;
	bool busy;
	size_t i;

	for (i = 0; i < n; i++) {
		d = qgpu_dev_lookup(l[i].dev);
		if (d && d->quarantined && !d->accepted)
			return refuse(d, culprit, reason, QWAMOS_GPU_REASON_QUARANTINED, -EACCES);
	}
	for (i = 0; i < n; i++) {
		d = qgpu_dev_lookup(l[i].dev);
		if (d && d->bound && !d->accepted &&
		    ((d->dirt != QGPU_CLEAN && d->trouble != QWAMOS_GPU_REASON_SCRUB_FAILED) ||
		     !qgpu_reset_possible(d, l[i].set, l[i].methods, vm->id, &busy)))
			return refuse(d, culprit, reason, QWAMOS_GPU_REASON_NO_RESET, -EACCES);
	}
	for (i = 0; i < n; i++) {
		d = qgpu_dev_lookup(l[i].dev);
		if (d && !d->accepted && !is_clean(d, demanded, accept_unwiped))
			return refuse(d, culprit, reason, QWAMOS_GPU_REASON_SCRUB, -EACCES);
	}
	return 0;
}

/*
 * Room in the VM's ledgers for the GPUs of a group. They are the VM's as DEV_ATTACH's only from
 * take_members() on; until then an entry is as good as none. Called with the VM lock and the
 * registry lock held. Return: 0 or -ENOSPC.
 */
static int make_places(struct qgpu_vm *vm, struct look *l, size_t n)
{
	struct qgpu_dev *d;
	size_t i;

	for (i = 0; i < n; i++) {
		d = qgpu_dev_lookup(l[i].dev);
		if (d && d->gpu &&
		    qgpu_users_add(&d->users, &vm->lim, d->id, &l[i].room) == -ENOSPC)
			return -ENOSPC;
	}
	return 0;
}

/*
 * Keep our driver's module for every member that is on it, or for none: it may be on its way out.
 * Called with the registry lock held.
 */
static bool hold_modules(struct qgpu_group *g)
{
	struct qgpu_dev *d;
	size_t i;

	for (i = 0; i < g->n; i++) {
		d = qgpu_dev_lookup(g->dev[i]);
		if (!d || !d->bound)
			continue;
		if (!try_module_get(d->driver->owner))
			goto err;
		d->held_module = d->driver->owner;
	}
	return true;
err:
	while (i--) {
		d = qgpu_dev_lookup(g->dev[i]);
		if (!d || !d->held_module)
			continue;
		module_put(d->held_module);
		d->held_module = NULL;
	}
	return false;
}

/* Called with the VM lock and the registry lock held. */
static u32 take_members(struct qgpu_vm *vm, struct qgpu_group *g, u32 demanded, bool accept_unwiped)
{
	struct qgpu_dev *d;
	u32 taken = 0;
	size_t i;

	for (i = 0; i < g->n; i++) {
		d = qgpu_dev_lookup(g->dev[i]);
		if (!d)
			continue;
		qgpu_vm_get(vm);
		if (d->gpu)
			qgpu_users_attached(&vm->lim, d->id);
		rcu_assign_pointer(d->owner, vm);
		d->generation++;
		WRITE_ONCE(d->quarantined, false);
		d->demanded = demanded_of(d, demanded, accept_unwiped);
		if (d->bound)
			d->dirt = QGPU_DIRT_VM;
		WRITE_ONCE(vm->devices, vm->devices + 1);
		qgpu_dev_audit(vm->chain, d, QWAMOS_GPU_EV_DEVICE_ATTACHED, 0, 0);
		if (!d->gpu && d->bound && d->scrub == QWAMOS_GPU_SCRUB_NONE)
			qgpu_dev_audit(vm->chain, d, QWAMOS_GPU_EV_DEVICE_UNWIPED, 0, 0);
		taken++;
	}
	return taken;
}

/**
 * qgpu_attach() - give a VM a device and every other endpoint of its IOMMU group
 * @vm: the VM
 * @arg: the call's argument, checked as far as its form goes; out_* are written
 * @reason: out: why a refusal
 *
 * The order of the checks is the uAPI's. Return: 0, a refusal, -ENOSPC or -ENOMEM.
 */
int qgpu_attach(struct qgpu_vm *vm, struct qwamos_gpu_dev_attach *arg, u32 *reason)
{
	bool accept_unwiped = arg->hdr.flags & QWAMOS_GPU_DEV_ATTACH_F_ACCEPT_UNWIPED;
	u32 demanded = arg->scrub ?: QWAMOS_GPU_SCRUB_BAR;
	struct qgpu_dev *d = qgpu_dev_by_id(arg->device_id), *sd;
	struct qgpu_group *g = NULL;
	struct device *stranger;
	bool reclaimed = false, held;
	struct look *l = NULL;
	u32 why;
	int ret;

	arg->out_device_id = 0;
	if (d) {
		g = qgpu_group_gather(d);
		if (g && !IS_ERR(g))
			l = looks_gather(g);
		if (IS_ERR(g) || (g && !l)) {
			ret = -ENOMEM;
			g = NULL;
			goto out;
		}
	}
again:
	held = g && qgpu_group_held(d, g);
	qgpu_vm_lock();
	mutex_lock(&qgpu_reg_lock);
	if (!qgpu_vm_live(vm)) {
		ret = refuse(NULL, &arg->out_device_id, reason, QWAMOS_GPU_REASON_VM_ENDED,
			     -ENODEV);
		goto out_unlock;
	}
	if (!vm->cgrp) {
		ret = refuse(NULL, &arg->out_device_id, reason, QWAMOS_GPU_REASON_NO_CGROUP,
			     -EACCES);
		goto out_unlock;
	}
	why = qgpu_policy_check(vm->lim.level, QWAMOS_GPU_OP_PASSTHROUGH);
	if (why) {
		ret = refuse(NULL, &arg->out_device_id, reason, why, -EACCES);
		goto out_unlock;
	}
	if (!d || d->gone || (!d->gpu && !(g && group_has_gpu(g)))) {
		ret = refuse(NULL, &arg->out_device_id, reason, QWAMOS_GPU_REASON_NO_DEVICE,
			     -ENODEV);
		goto out_unlock;
	}
	if (!g || !qgpu_dev_has_iommu(d)) {
		ret = refuse(d, &arg->out_device_id, reason, QWAMOS_GPU_REASON_NO_IOMMU, -EACCES);
		goto out_unlock;
	}
	if (!d->bound) {
		ret = refuse(d, &arg->out_device_id, reason, QWAMOS_GPU_REASON_NOT_BOUND, -ENODEV);
		goto out_unlock;
	}
	stranger = qgpu_group_stranger(g);
	if (stranger) {
		sd = qgpu_dev_lookup(stranger);
		ret = refuse(sd, &arg->out_device_id, reason, QWAMOS_GPU_REASON_GROUP_NOT_VIABLE,
			     -EBUSY);
		goto out_unlock;
	}
	ret = check_owners(vm, l, g->n, &arg->out_device_id, reason);
	if (!ret && held)
		ret = refuse(d, &arg->out_device_id, reason, QWAMOS_GPU_REASON_DEVICE_OPEN, -EBUSY);
	if (!ret)
		ret = check_condition(vm, l, g->n, demanded, accept_unwiped, &arg->out_device_id,
				      reason);
	if (ret)
		goto out_unlock;
	ret = make_places(vm, l, g->n);
	if (ret)
		goto out_unlock;
	if (!hold_modules(g)) {
		ret = refuse(d, &arg->out_device_id, reason, QWAMOS_GPU_REASON_NOT_BOUND, -ENODEV);
		goto out_unlock;
	}
	arg->out_devices = take_members(vm, g, demanded, accept_unwiped);
	arg->out_generation = d->generation;
	arg->out_iommu_group = g->id;
	arg->out_device_id = d->id;
out_unlock:
	mutex_unlock(&qgpu_reg_lock);
	qgpu_vm_unlock();
	if (ret == -ENOSPC && !reclaimed) {
		reclaimed = true;
		qgpu_vm_reclaim_gpus(vm);
		goto again;
	}
	if (!ret)
		qgpu_dev_changed();
out:
	looks_drop(l, g ? g->n : 0);
	qgpu_group_drop(g);
	if (d)
		qgpu_dev_put(d);
	return ret;
}

/*
 * Take a device from its VM and have it cleaned. Called with the registry lock held; it is not
 * open.
 */
static void give_back(struct qgpu_dev *d, u32 reason)
{
	qgpu_dev_leave(d, reason);
	if (d->bound && d->dirt != QGPU_CLEAN)
		qgpu_clean_start(d, 0);
}

/*
 * The devices of a group: is one open, and take them back if @take. Called with the registry lock
 * held.
 */
static bool group_open(struct qgpu_vm *vm, struct qgpu_group *g, bool take)
{
	struct qgpu_dev *d;
	bool open = false;
	size_t i;

	for (i = 0; i < g->n; i++) {
		d = qgpu_dev_lookup(g->dev[i]);
		if (!d || qgpu_dev_owner(d) != vm)
			continue;
		open |= d->opens;
		if (take)
			give_back(d, 0);
	}
	return open;
}

/**
 * qgpu_detach() - take a device, and its whole IOMMU group, from a VM
 * @vm: the VM
 * @device_id: the device
 * @kill: if it is open: end the VM and wait for the device
 * @reason: out: why a refusal
 *
 * Return: 0, -EACCES (NOT_ATTACHED), -EBUSY (DEVICE_OPEN), -ENODEV (NO_DEVICE), -EINTR, -ENOMEM.
 */
int qgpu_detach(struct qgpu_vm *vm, u64 device_id, bool kill, u32 *reason)
{
	struct qgpu_dev *d = qgpu_dev_by_id(device_id);
	struct qgpu_group *g = NULL;
	bool open = false, held;
	int ret = 0;

	if (!d) {
		*reason = QWAMOS_GPU_REASON_NO_DEVICE;
		return -ENODEV;
	}
	g = qgpu_group_gather(d);
	if (IS_ERR(g)) {
		ret = PTR_ERR(g);
		g = NULL;
		goto out;
	}
	held = g && qgpu_group_held(d, g);
	mutex_lock(&qgpu_reg_lock);
	if (!g || qgpu_dev_owner(d) != vm) {
		*reason = QWAMOS_GPU_REASON_NOT_ATTACHED;
		ret = -EACCES;
	} else {
		/* A group that the VMM still holds could be opened by nobody else. */
		open = group_open(vm, g, false) || held;
		if (!open) {
			group_open(vm, g, true);
		} else if (!kill) {
			*reason = QWAMOS_GPU_REASON_DEVICE_OPEN;
			ret = -EBUSY;
		}
	}
	mutex_unlock(&qgpu_reg_lock);
	if (!ret && open) {
		qgpu_vm_end(vm, QWAMOS_GPU_REASON_DESTROYED);
		ret = wait_event_interruptible(qgpu_registry_wq, rcu_access_pointer(d->owner) != vm)
			      ? -EINTR
			      : 0;
	}
	if (!ret)
		qgpu_dev_changed();
out:
	qgpu_group_drop(g);
	qgpu_dev_put(d);
	return ret;
}

/**
 * qgpu_release() - let a device through one DEV_ATTACH with what may still be in it
 * @device_id: the device
 * @reason: out: why a refusal
 *
 * Return: 0, -ENODEV (NO_DEVICE), -EBUSY (RESETTING, OTHER_OWNER), -EACCES
 * (NOTHING_TO_RELEASE) or -ENOMEM.
 */
int qgpu_release(u64 device_id, u32 *reason)
{
	struct qgpu_dev *d = qgpu_dev_by_id(device_id);
	struct qgpu_reset_set *s;
	bool busy, can_reset;
	u32 methods;
	int ret = 0;

	if (!d || d->bus != QWAMOS_GPU_BUS_PCI) {
		if (d)
			qgpu_dev_put(d);
		*reason = QWAMOS_GPU_REASON_NO_DEVICE;
		return -ENODEV;
	}
	s = qgpu_reset_set_gather(to_pci_dev(d->dev));
	if (IS_ERR(s)) {
		qgpu_dev_put(d);
		return PTR_ERR(s);
	}
	methods = qgpu_reset_methods(to_pci_dev(d->dev), s);
	mutex_lock(&qgpu_reg_lock);
	can_reset = qgpu_reset_possible(d, s, methods, 0, &busy);
	if (d->gone) {
		*reason = QWAMOS_GPU_REASON_NO_DEVICE;
		ret = -ENODEV;
	} else if (qgpu_dev_owner(d)) {
		*reason = QWAMOS_GPU_REASON_OTHER_OWNER;
		ret = -EBUSY;
	} else if (qgpu_dev_resetting(d)) {
		*reason = QWAMOS_GPU_REASON_RESETTING;
		ret = -EBUSY;
	} else if (d->accepted || !(d->quarantined || d->trouble || !can_reset)) {
		*reason = QWAMOS_GPU_REASON_NOTHING_TO_RELEASE;
		ret = -EACCES;
	} else {
		WRITE_ONCE(d->accepted, true);
		qgpu_dev_audit(NULL, d, QWAMOS_GPU_EV_DEVICE_RELEASED, d->trouble, 0);
	}
	mutex_unlock(&qgpu_reg_lock);
	if (!ret)
		qgpu_dev_changed();
	qgpu_reset_set_drop(s);
	qgpu_dev_put(d);
	return ret;
}

/**
 * qgpu_attached_fits() - would a level allow the devices that a VM holds?
 * @vm: the VM
 * @level: &enum qwamos_gpu_level
 *
 * Called with the VM lock held.
 */
bool qgpu_attached_fits(struct qgpu_vm *vm, u32 level)
{
	return !READ_ONCE(vm->devices) || !qgpu_policy_check(level, QWAMOS_GPU_OP_PASSTHROUGH);
}

/* The VM's device with the lowest id above @after, with a reference, or NULL. */
static struct qgpu_dev *next_of(struct qgpu_vm *vm, u64 after)
{
	struct qgpu_dev *d, *next = NULL;

	mutex_lock(&qgpu_reg_lock);
	list_for_each_entry(d, &qgpu_devs, node) {
		if (d->id <= after || qgpu_dev_owner(d) != vm)
			continue;
		qgpu_dev_get(d);
		next = d;
		break;
	}
	mutex_unlock(&qgpu_reg_lock);
	return next;
}

/* Is it closed, and its group held by nobody? What can't be told now is asked again. */
static bool is_let_go(struct qgpu_dev *d)
{
	struct qgpu_group *g;
	bool held;

	if (READ_ONCE(d->opens))
		return false;
	g = qgpu_group_gather(d);
	if (IS_ERR(g))
		return false;
	held = g && qgpu_group_held(d, g);
	qgpu_group_drop(g);
	return !held;
}

/*
 * Take back every device that the next VM could open, whatever processes are left. Return: how many
 * stay.
 */
static u32 take_back(struct qgpu_vm *vm)
{
	struct qgpu_dev *d;
	u32 stay = 0, taken = 0;
	bool let_go;
	u64 id = 0;

	while ((d = next_of(vm, id))) {
		id = d->id;
		let_go = is_let_go(d);
		mutex_lock(&qgpu_reg_lock);
		if (qgpu_dev_owner(d) == vm) {
			if (let_go && !d->opens) {
				give_back(d, vm->end_reason);
				taken++;
			} else {
				stay++;
			}
		}
		mutex_unlock(&qgpu_reg_lock);
		qgpu_dev_put(d);
	}
	if (taken)
		qgpu_dev_changed();
	return stay;
}

/**
 * qgpu_end_work_fn() - end a VM: cut its devices off, kill its processes, take the devices back
 * @work: &qgpu_vm.end_work
 *
 * Runs again and again until no process is left and no device is held. A process that does not die
 * holds what it has; nobody else gets that meanwhile, and it is cut off. What nobody holds goes
 * back at once.
 */
void qgpu_end_work_fn(struct work_struct *work)
{
	struct qgpu_vm *vm = container_of(to_delayed_work(work), struct qgpu_vm, end_work);
	struct qgpu_event ev = { .event = QWAMOS_GPU_EV_VM_KILLED,
				 .level = READ_ONCE(vm->lim.level),
				 .reason = vm->end_reason };
	struct pid *left;
	bool gated;
	u32 alive, held;

	qgpu_cut_off(vm);
	alive = qgpu_reap(vm->cgrp, vm, &vm->killed, &left);
	qgpu_vm_left(vm, alive, left);
	/* Whoever is being killed makes no new work for this any more. */
	gated = !qgpu_gates_end(vm);
	held = take_back(vm);
	if (alive || held || gated) {
		if (++vm->tries == END_FAST_ROUNDS * 2)
			pr_warn("qwamos_gpu: VM %s does not end: %s\n", vm->name,
				alive  ? "a process does not die"
				: held ? "another process holds its device, or the group of it"
				       : "a gate does not close");
		queue_delayed_work(qgpu_wq, &vm->end_work,
				   msecs_to_jiffies(vm->tries < END_FAST_ROUNDS ? END_ROUND_MS
										: END_SLOW_MS));
		return;
	}
	if (vm->killed) {
		ev.asked = vm->killed;
		qgpu_audit(vm->chain, &ev);
	}
	qgpu_vm_over(vm);
	qgpu_dev_changed();
}
