// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gates: which VM has one to which GPU, and what the core does for them. The module that makes them
 * knows nothing of VMs but what stands here; the core calls it with no lock held.
 */
#include <linux/file.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/slab.h>
#include "compat.h"
#include "core.h"
#include "device.h"
#include "gates.h"
#include "notes.h"
#include "objects.h"
#include "vm.h"
#include "vm_tasks.h"

enum gate_state { GATE_MAKING, GATE_OPEN, GATE_CLOSING };

/**
 * struct qgpu_gate - a gate
 * @node: among its VM's; guarded by the VM lock
 * @state: &enum gate_state; likewise
 * @ref: the VM's list has one, and whoever has the gate, or something charged by it
 * @id: never reused; constant
 * @vm: the VM, with a reference; constant
 * @dev: the GPU, with a reference; constant
 * @use: what the VM has of that GPU; stays while the gate does; constant
 * @any_opener: any member of the VM may open it; constant
 * @bypasses: its GPU's DMA goes past the IOMMU; constant
 * @lost: the render node's device goes; guarded by the VM lock
 * @ops: its module's, with a reference; constant
 * @data: for that; written before the gate is open
 * @free_work: frees it
 */
struct qgpu_gate {
	struct list_head node;
	u32 state;
	struct kref ref;
	u64 id;
	struct qgpu_vm *vm;
	struct qgpu_dev *dev;
	struct qgpu_gpu_use *use;
	bool any_opener;
	bool bypasses;
	bool lost;
	const struct qgpu_gate_ops *ops;
	void *data;
	struct work_struct free_work;
};

static atomic64_t last_id = ATOMIC64_INIT(0);

/* The module that makes gates, or NULL. */
static const struct qgpu_gate_ops *maker;
static DEFINE_MUTEX(maker_lock);

/**
 * qwamos_gpu_gates_register() - from now on gates can be made
 * @ops: the module that makes them
 *
 * Return: 0 or -EBUSY: there is one.
 */
int qwamos_gpu_gates_register(const struct qgpu_gate_ops *ops)
{
	int ret = 0;

	mutex_lock(&maker_lock);
	if (maker)
		ret = -EBUSY;
	else
		maker = ops;
	mutex_unlock(&maker_lock);
	return ret;
}
QGPU_EXPORT(qwamos_gpu_gates_register);

/** qwamos_gpu_gates_unregister() - from now on none; each gate has a reference to the module */
void qwamos_gpu_gates_unregister(const struct qgpu_gate_ops *ops)
{
	mutex_lock(&maker_lock);
	maker = NULL;
	mutex_unlock(&maker_lock);
}
QGPU_EXPORT(qwamos_gpu_gates_unregister);

/* The module that makes gates, with a reference, or NULL. */
static const struct qgpu_gate_ops *get_maker(void)
{
	const struct qgpu_gate_ops *ops;

	mutex_lock(&maker_lock);
	ops = maker && try_module_get(maker->owner) ? maker : NULL;
	mutex_unlock(&maker_lock);
	return ops;
}

/** qgpu_gates_made() - is the module loaded that makes gates? */
bool qgpu_gates_made(void)
{
	return READ_ONCE(maker);
}

/** qwamos_gpu_gate_set() - set what the gate's module is to be called with; before it is open */
void qwamos_gpu_gate_set(struct qgpu_gate *g, void *data)
{
	g->data = data;
}
QGPU_EXPORT(qwamos_gpu_gate_set);

/** qwamos_gpu_gate_id() - the gate's id */
u64 qwamos_gpu_gate_id(const struct qgpu_gate *g)
{
	return g->id;
}
QGPU_EXPORT(qwamos_gpu_gate_id);

/** qwamos_gpu_gate_vm() - the id of the VM whose gate it is */
u64 qwamos_gpu_gate_vm(const struct qgpu_gate *g)
{
	return g->vm->id;
}
QGPU_EXPORT(qwamos_gpu_gate_vm);

static void gate_free(struct work_struct *work)
{
	struct qgpu_gate *g = container_of(work, struct qgpu_gate, free_work);

	if (g->data)
		g->ops->free(g->data);
	if (g->use) {
		qgpu_vm_lock();
		g->use->pins--;
		qgpu_vm_unlock();
	}
	qgpu_dev_put(g->dev);
	qgpu_vm_put(g->vm);
	module_put(g->ops->owner);
	kfree(g);
	atomic_dec(&qgpu_objects);
}

/* In a context of its own: the last put may come from the module's own code, and under locks. */
static void gate_release(struct kref *ref)
{
	struct qgpu_gate *g = container_of(ref, struct qgpu_gate, ref);

	queue_work(qgpu_wq, &g->free_work);
}

/** qwamos_gpu_gate_get() - keep a gate, also a closed one */
void qwamos_gpu_gate_get(struct qgpu_gate *g)
{
	kref_get(&g->ref);
}
QGPU_EXPORT(qwamos_gpu_gate_get);

/** qwamos_gpu_gate_put() - the reverse */
void qwamos_gpu_gate_put(struct qgpu_gate *g)
{
	kref_put(&g->ref, gate_release);
}
QGPU_EXPORT(qwamos_gpu_gate_put);

static void gate_event(struct qgpu_gate *g, struct qgpu_event *ev)
{
	ev->level = READ_ONCE(g->vm->lim.level);
	ev->device_id = g->dev->id;
	ev->device_name = dev_name(g->dev->dev);
	qgpu_audit(g->vm->chain, ev);
	if (ev->reason)
		qgpu_limits_refused(&g->vm->lim, ev->reason);
}

static void gate_audit(struct qgpu_gate *g, u32 event, u32 reason, int result)
{
	struct qgpu_event ev = {
		.event = event, .reason = reason, .result = result, .asked = g->id
	};

	gate_event(g, &ev);
}

/* Has the VM a gate to this GPU? Called with the VM lock held. */
static bool has_gate(struct qgpu_vm *vm, struct qgpu_dev *d)
{
	struct qgpu_gate *g;

	list_for_each_entry(g, &vm->gates, node)
		if (g->dev == d)
			return true;
	return false;
}

/* May the VM have a gate to its GPU? Called with the VM lock held. Return: 0 or a refusal. */
static int check_gate(struct qgpu_gate *g, u32 *reason)
{
	struct qgpu_vm *vm = g->vm;
	struct qgpu_dev *d = g->dev;
	const struct qgpu_level *l;
	u32 rule;

	if (!qgpu_vm_live(vm)) {
		*reason = QWAMOS_GPU_REASON_VM_ENDED;
		return -ENODEV;
	}
	if (READ_ONCE(d->gone)) {
		*reason = QWAMOS_GPU_REASON_NO_DEVICE;
		return -ENODEV;
	}
	*reason = qgpu_policy_check(vm->lim.level, QWAMOS_GPU_OP_RENDERING_3D);
	if (*reason)
		return -EACCES;
	l = qgpu_level(vm->lim.level);
	rule = qgpu_limits_rule(&vm->lim, QWAMOS_GPU_OP_RENDERING_3D);
	rcu_read_lock();
	*reason = l->needs_iommu && g->bypasses ? QWAMOS_GPU_REASON_NO_IOMMU
						: qgpu_dev_verdict(d, vm, rule, false);
	rcu_read_unlock();
	if (!*reason &&
	    !qgpu_users_gate_apart(&d->users, &vm->lim, vm->lim.level, vm->lim.restrictions))
		*reason = QWAMOS_GPU_REASON_SHARING;
	if (*reason)
		return *reason == QWAMOS_GPU_REASON_SHARING ? -EBUSY : -EACCES;
	if (has_gate(vm, d)) {
		*reason = QWAMOS_GPU_REASON_ALREADY_GATED;
		return -EBUSY;
	}
	return 0;
}

/* Put a gate that is being made into its VM. Called with the VM lock held. */
static int enter(struct qgpu_gate *g, struct qgpu_gpu_use **room, u32 *reason)
{
	struct qgpu_vm *vm = g->vm;
	int ret = check_gate(g, reason);

	if (ret)
		return ret;
	if (vm->n_gates == QGPU_VM_GATES)
		return -ENOSPC;
	ret = qgpu_users_add(&g->dev->users, &vm->lim, g->dev->id, room);
	if (ret == -ENODEV)
		*reason = QWAMOS_GPU_REASON_NO_DEVICE;
	if (ret < 0)
		return ret;
	g->use = rcu_dereference_protected(vm->lim.gpu[ret - 1], true);
	g->use->pins++;
	qgpu_users_gate(g->use, 1);
	list_add_tail(&g->node, &vm->gates);
	WRITE_ONCE(vm->n_gates, vm->n_gates + 1);
	kref_get(&g->ref);
	return 0;
}

/* Take a gate that is closed, or was never open, out of its VM. */
static void leave(struct qgpu_gate *g)
{
	qgpu_vm_lock();
	list_del(&g->node);
	WRITE_ONCE(g->vm->n_gates, g->vm->n_gates - 1);
	qgpu_users_gate(g->use, -1);
	qgpu_vm_unlock();
	qwamos_gpu_gate_put(g);
}

/*
 * Close a gate of its VM's that is open. @reason: why, if no manager has asked for it. Return: it
 * was, and is closed; false: somebody else does that, or it is still being made.
 */
static bool close_gate(struct qgpu_gate *g, u32 reason)
{
	bool mine;

	qgpu_vm_lock();
	mine = g->state == GATE_OPEN;
	if (mine)
		g->state = GATE_CLOSING;
	qgpu_vm_unlock();
	if (!mine)
		return false;
	g->ops->close(g->data);
	gate_audit(g, QWAMOS_GPU_EV_GATE_DESTROYED, reason, 0);
	leave(g);
	wake_up_all(&g->vm->wq);
	return true;
}

/**
 * qwamos_gpu_gate_lost() - the device behind a gate goes
 * @g: the gate; @open may not have returned yet
 *
 * May be called with the device's lock held. When it returns, the gate is closed, or will be by who
 * makes or closes it.
 */
void qwamos_gpu_gate_lost(struct qgpu_gate *g)
{
	qgpu_vm_lock();
	WRITE_ONCE(g->lost, true);
	qgpu_vm_unlock();
	close_gate(g, QWAMOS_GPU_REASON_DEVICE_GONE);
}
QGPU_EXPORT(qwamos_gpu_gate_lost);

/* A gate that is not in its VM yet. It takes over @ops and @d. Return: the gate, or NULL. */
static struct qgpu_gate *gate_new(struct qgpu_vm *vm, struct qgpu_dev *d,
				  const struct qgpu_gate_ops *ops)
{
	struct qgpu_gate *g = kzalloc(sizeof(*g), GFP_KERNEL_ACCOUNT);

	if (!g)
		return NULL;
	kref_init(&g->ref);
	INIT_WORK(&g->free_work, gate_free);
	g->id = atomic64_inc_return(&last_id);
	qgpu_vm_get(vm);
	g->vm = vm;
	g->dev = d;
	g->ops = ops;
	atomic_inc(&qgpu_objects);
	return g;
}

/* The registered GPU that a render node belongs to: its device, or one above it. */
static struct qgpu_dev *gpu_above(struct device *dev)
{
	struct qgpu_dev *d = NULL;

	for (; dev && !d; dev = dev->parent) {
		d = qgpu_dev_of(dev);
		if (d && !d->gpu) {
			qgpu_dev_put(d);
			d = NULL;
		}
	}
	return d;
}

/* Enter a gate into its VM and have its node made. */
static int make(struct qgpu_gate *g, struct file *file, u32 *reason)
{
	struct qgpu_gpu_use *room = qgpu_use_alloc();
	int ret;

	if (!room)
		return -ENOMEM;
	qgpu_vm_lock();
	ret = enter(g, &room, reason);
	if (ret == -ENOSPC && !*reason) {
		qgpu_vm_unlock();
		qgpu_vm_reclaim_gpus(g->vm);
		qgpu_vm_lock();
		ret = enter(g, &room, reason);
	}
	qgpu_vm_unlock();
	kfree(room);
	if (ret)
		return ret;
	ret = g->ops->open(g, file);
	if (ret) {
		leave(g);
		return ret;
	}
	qgpu_vm_lock();
	g->state = GATE_OPEN;
	qgpu_vm_unlock();
	gate_audit(g, QWAMOS_GPU_EV_GATE_CREATED, 0, 0);
	return 0;
}

/* What GATE_LIST says of a gate. */
static void tell(struct qgpu_gate *g, struct qwamos_gpu_gate *out)
{
	memset(out, 0, sizeof(*out));
	g->ops->tell(g->data, out);
	out->gate_id = g->id;
	out->device_id = g->dev->id;
	out->flags |= g->any_opener ? QWAMOS_GPU_GATE_F_ANY_OPENER : 0;
}

/**
 * qgpu_gate_create() - give a VM a gate
 * @vm: the VM
 * @a: the call's argument, checked as far as its form goes; out_* are written
 * @reason: out: why a refusal
 *
 * The order of the checks is the uAPI's. Return: 0, -EBADF, -ENOSPC, -ENOMEM, or a refusal.
 */
int qgpu_gate_create(struct qgpu_vm *vm, struct qwamos_gpu_gate_create *a, u32 *reason)
{
	const struct qgpu_gate_ops *ops = get_maker();
	struct qwamos_gpu_gate told;
	struct qgpu_gate *g;
	struct qgpu_dev *d;
	struct device *dev;
	struct file *file;
	bool bypasses;
	int ret;

	a->out_device_id = 0;
	if (!ops) {
		*reason = QWAMOS_GPU_REASON_NO_GATES;
		return -ENODEV;
	}
	file = fget(a->render_fd);
	ret = -EBADF;
	if (!file)
		goto err_ops;
	dev = ops->device_of(file, &bypasses);
	ret = PTR_ERR_OR_ZERO(dev);
	if (ret == -EACCES)
		*reason = QWAMOS_GPU_REASON_NOT_DECODED;
	if (ret)
		goto err_file;
	d = gpu_above(dev);
	put_device(dev);
	ret = -ENODEV;
	if (!d) {
		*reason = QWAMOS_GPU_REASON_NO_DEVICE;
		goto err_file;
	}
	a->out_device_id = d->id;
	g = gate_new(vm, d, ops);
	if (!g) {
		qgpu_dev_put(d);
		ret = -ENOMEM;
		goto err_file;
	}
	g->any_opener = a->hdr.flags & QWAMOS_GPU_GATE_CREATE_F_ANY_OPENER;
	g->bypasses = bypasses;
	ret = make(g, file, reason);
	if (!ret) {
		tell(g, &told);
		a->out_gate_id = g->id;
		a->out_major = told.major;
		a->out_minor = told.minor;
		/* Its end, or that of the device, may have come while the gate was made. */
		if (!qgpu_vm_live(vm))
			close_gate(g, vm->end_reason);
		else if (READ_ONCE(g->lost))
			close_gate(g, QWAMOS_GPU_REASON_DEVICE_GONE);
	}
	fput(file);
	qwamos_gpu_gate_put(g);
	return ret;
err_file:
	fput(file);
err_ops:
	module_put(ops->owner);
	return ret;
}

/* A gate of the VM's with a reference, or NULL. @id: its id; 0: any that is open. */
static struct qgpu_gate *gate_of(struct qgpu_vm *vm, u64 id)
{
	struct qgpu_gate *g, *found = NULL;

	qgpu_vm_lock();
	list_for_each_entry(g, &vm->gates, node)
		if (g->state == GATE_OPEN && (!id || g->id == id)) {
			kref_get(&g->ref);
			found = g;
			break;
		}
	qgpu_vm_unlock();
	return found;
}

/**
 * qgpu_gate_destroy() - take a gate from a VM
 * @vm: the VM
 * @id: the gate's id
 *
 * Return: 0 or -ENOENT.
 */
int qgpu_gate_destroy(struct qgpu_vm *vm, u64 id)
{
	struct qgpu_gate *g = id ? gate_of(vm, id) : NULL;
	bool closed;

	if (!g)
		return -ENOENT;
	closed = close_gate(g, 0);
	qwamos_gpu_gate_put(g);
	return closed ? 0 : -ENOENT;
}

/**
 * qgpu_gates_end() - close all gates of a VM that has ended
 * @vm: the VM; its end work calls, again and again
 *
 * Return: none is left; false: one is being made or closed by somebody else, who comes to an end.
 */
bool qgpu_gates_end(struct qgpu_vm *vm)
{
	struct qgpu_gate *g;

	while ((g = gate_of(vm, 0))) {
		close_gate(g, vm->end_reason);
		qwamos_gpu_gate_put(g);
	}
	return !READ_ONCE(vm->n_gates);
}

/**
 * qgpu_gate_list() - what GATE_LIST says, but for the numbers that the module keeps
 * @vm: the VM
 * @out: out: room for QGPU_VM_GATES, in the order of their ids
 *
 * Return: their number.
 */
u32 qgpu_gate_list(struct qgpu_vm *vm, struct qwamos_gpu_gate *out)
{
	struct qgpu_gate *g, *gates[QGPU_VM_GATES];
	u32 i, n = 0;

	qgpu_vm_lock();
	list_for_each_entry(g, &vm->gates, node)
		if (g->state == GATE_OPEN) {
			kref_get(&g->ref);
			gates[n++] = g;
		}
	qgpu_vm_unlock();
	for (i = 0; i < n; i++) {
		tell(gates[i], &out[i]);
		qwamos_gpu_gate_put(gates[i]);
	}
	return n;
}

/**
 * qgpu_gates_fit() - would a level allow the gates that a VM has?
 * @vm: the VM
 * @level: &enum qwamos_gpu_level
 *
 * Whether it may share is not asked here. Called with the VM lock held.
 */
bool qgpu_gates_fit(struct qgpu_vm *vm, u32 level)
{
	const struct qgpu_level *l = qgpu_level(level);
	struct qgpu_gate *g;

	if (list_empty(&vm->gates))
		return true;
	if (!l || qgpu_policy_check(level, QWAMOS_GPU_OP_RENDERING_3D))
		return false;
	list_for_each_entry(g, &vm->gates, node)
		if (l->needs_iommu && (g->bypasses || !READ_ONCE(g->dev->translated)))
			return false;
	return true;
}

/* Is the current process one of the VM's? Leaders are found without a look at any table. */
static bool is_member(struct qgpu_vm *vm)
{
	bool yes = qgpu_vm_has_current(vm);

	if (yes)
		return true;
	rcu_read_lock();
	yes = qgpu_tasks_owner(task_tgid(current)) == vm;
	rcu_read_unlock();
	return yes;
}

/**
 * qwamos_gpu_gate_opened() - the current process opens a gate
 * @g: the gate
 *
 * On success the VM is held until qwamos_gpu_gate_closed(). Return: 0, -EACCES or -ENODEV.
 */
int qwamos_gpu_gate_opened(struct qgpu_gate *g)
{
	struct qgpu_vm *vm = g->vm;
	u32 reason;

	if (!qgpu_vm_live(vm)) {
		gate_audit(g, QWAMOS_GPU_EV_GATE_OPEN_REFUSED, QWAMOS_GPU_REASON_VM_ENDED, -ENODEV);
		return -ENODEV;
	}
	reason = QGPU_RULE_REASON(qgpu_limits_rule(&vm->lim, QWAMOS_GPU_OP_RENDERING_3D));
	if (g->any_opener ? !is_member(vm) : !qgpu_vm_has_current(vm))
		reason = QWAMOS_GPU_REASON_NOT_MEMBER;
	if (reason) {
		gate_audit(g, QWAMOS_GPU_EV_GATE_OPEN_REFUSED, reason, -EACCES);
		return -EACCES;
	}
	qgpu_vm_hold(vm);
	gate_audit(g, QWAMOS_GPU_EV_GATE_OPENED, 0, 0);
	return 0;
}
QGPU_EXPORT(qwamos_gpu_gate_opened);

/** qwamos_gpu_gate_closed() - a file of a gate, which qwamos_gpu_gate_opened() let through, is gone
 */
void qwamos_gpu_gate_closed(struct qgpu_gate *g)
{
	gate_audit(g, QWAMOS_GPU_EV_GATE_CLOSED, 0, 0);
	qgpu_vm_unhold(g->vm);
}
QGPU_EXPORT(qwamos_gpu_gate_closed);

/**
 * qwamos_gpu_gate_refuse() - a call is refused, for another reason than that the policy denies it
 * @g: the gate
 * @reason: &enum qwamos_gpu_reason
 * @nr: the DRM ioctl's number
 *
 * Return: -EACCES.
 */
int qwamos_gpu_gate_refuse(struct qgpu_gate *g, u32 reason, u32 nr)
{
	struct qgpu_event ev = { .event = QWAMOS_GPU_EV_GATE_CALL_REFUSED,
				 .reason = reason,
				 .result = -EACCES,
				 .asked = nr };

	gate_event(g, &ev);
	return -EACCES;
}
QGPU_EXPORT(qwamos_gpu_gate_refuse);

/**
 * qwamos_gpu_gate_caller() - may the current process call through a file of a gate?
 * @g: the gate
 * @known: the first process that might, so that its next calls need no look-up; the file's, which
 *     puts it, first %NULL
 * @nr: the DRM ioctl's number, for the log
 *
 * A process that is a member stays one until it ends, and a pid that is kept is nobody else's.
 * Return: 0, -EACCES or -ENODEV.
 */
int qwamos_gpu_gate_caller(struct qgpu_gate *g, struct pid **known, u32 nr)
{
	struct pid *me = task_tgid(current);

	if (unlikely(!qgpu_vm_live(g->vm)))
		return -ENODEV;
	if (likely(READ_ONCE(*known) == me))
		return 0;
	if (!is_member(g->vm))
		return qwamos_gpu_gate_refuse(g, QWAMOS_GPU_REASON_NOT_MEMBER, nr);
	if (!READ_ONCE(*known) && cmpxchg(known, NULL, get_pid(me)))
		put_pid(me);
	return 0;
}
QGPU_EXPORT(qwamos_gpu_gate_caller);

/**
 * qwamos_gpu_gate_may() - may the VM do this?
 * @g: the gate
 * @op: &enum qwamos_gpu_op, one that exists
 *
 * Return: 0 or -EACCES.
 */
int qwamos_gpu_gate_may(struct qgpu_gate *g, u32 op)
{
	struct qgpu_vm *vm = g->vm;
	u32 rule = qgpu_limits_rule(&vm->lim, op), reason = QGPU_RULE_REASON(rule);

	if (unlikely(reason))
		qgpu_limits_refused(&vm->lim, reason);
	qgpu_note(vm->chain, vm->chain->notes, op, reason, rule);
	return reason ? -EACCES : 0;
}
QGPU_EXPORT(qwamos_gpu_gate_may);

/** qwamos_gpu_gate_allows() - as qwamos_gpu_gate_may(), but only asks */
bool qwamos_gpu_gate_allows(struct qgpu_gate *g, u32 op)
{
	return !QGPU_RULE_REASON(qgpu_limits_rule(&g->vm->lim, op));
}
QGPU_EXPORT(qwamos_gpu_gate_allows);

/**
 * qwamos_gpu_gate_charge() - take of the VM's VRAM
 * @g: the gate
 * @bytes: how much
 * @anyway: it is in use already, whatever the limit
 *
 * Return: 0 or -ENOMEM.
 */
int qwamos_gpu_gate_charge(struct qgpu_gate *g, u64 bytes, bool anyway)
{
	struct qgpu_event ev = { .event = QWAMOS_GPU_EV_VRAM_QUOTA_EXCEEDED,
				 .reason = QWAMOS_GPU_REASON_QUOTA,
				 .result = -ENOMEM,
				 .asked = bytes };

	if (likely(qgpu_limits_charge_gate(&g->vm->lim, g->use, bytes, anyway, &ev.used)))
		return 0;
	ev.limit = READ_ONCE(g->vm->lim.vram_limit);
	gate_event(g, &ev);
	return -ENOMEM;
}
QGPU_EXPORT(qwamos_gpu_gate_charge);

/** qwamos_gpu_gate_uncharge() - give back what qwamos_gpu_gate_charge() took */
void qwamos_gpu_gate_uncharge(struct qgpu_gate *g, u64 bytes)
{
	qgpu_limits_uncharge_gate(&g->vm->lim, g->use, bytes);
}
QGPU_EXPORT(qwamos_gpu_gate_uncharge);

/**
 * qwamos_gpu_gate_queue() - take one of the VM's Vulkan queues
 * @g: the gate
 *
 * Return: 0, -EACCES or -ENOMEM.
 */
int qwamos_gpu_gate_queue(struct qgpu_gate *g)
{
	struct qgpu_event ev = { .event = QWAMOS_GPU_EV_QUEUES_QUOTA_EXCEEDED, .asked = 1 };

	ev.reason = qgpu_limits_queue_gate(&g->vm->lim, g->use, &ev.used);
	if (!ev.reason)
		return 0;
	ev.result = ev.reason == QWAMOS_GPU_REASON_QUEUES ? -ENOMEM : -EACCES;
	ev.limit = QGPU_QUEUES_MOST(READ_ONCE(g->vm->lim.queues_rule));
	gate_event(g, &ev);
	return ev.result;
}
QGPU_EXPORT(qwamos_gpu_gate_queue);

/** qwamos_gpu_gate_unqueue() - give back what qwamos_gpu_gate_queue() took */
void qwamos_gpu_gate_unqueue(struct qgpu_gate *g)
{
	qgpu_limits_unqueue_gate(&g->vm->lim, g->use);
}
QGPU_EXPORT(qwamos_gpu_gate_unqueue);

/**
 * qwamos_gpu_gate_pace() - take one piece of work off the VM's rate
 * @g: the gate
 *
 * Return: 0: taken; else in how many ns there may be one.
 */
u64 qwamos_gpu_gate_pace(struct qgpu_gate *g)
{
	struct qgpu_limits *lim = &g->vm->lim;
	u32 each = READ_ONCE(lim->submit_each_ns);

	return each ? qgpu_pace_take(&lim->pace, ktime_get_ns(), each, READ_ONCE(lim->submit_burst))
		    : 0;
}
QGPU_EXPORT(qwamos_gpu_gate_pace);
