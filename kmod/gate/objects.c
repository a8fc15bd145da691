// SPDX-License-Identifier: GPL-2.0-only
/*
 * What came through a gate, and until when it is charged: until it is really gone. Each GEM object
 * is held by a reference of ours. When the VM has no handle, mapping or dma-buf of it any more it
 * is a zombie: somebody else may still have it (an importer, the GPU), until ours is the last
 * reference. An object that was made elsewhere is charged for as long as the VM has it.
 */
#include <drm/drm_gem.h>
#include <drm/drm_syncobj.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/slab.h>
#include "gate.h"

#define SCAN_FIRST_MS 10
#define SCAN_LAST_MS  500
#define SCAN_CHUNK    64

static const struct rhashtable_params params = {
	.key_len = sizeof(void *),
	.key_offset = offsetof(struct qgate_obj, what),
	.head_offset = offsetof(struct qgate_obj, node),
	.automatic_shrinking = true,
};

/**
 * qgate_charge() - take of the VM's VRAM
 * @gate: the gate
 * @bytes: how much
 * @anyway: it is in use already, whatever the limit
 *
 * Return: 0 or -ENOMEM.
 */
int qgate_charge(struct qgate *gate, u64 bytes, bool anyway)
{
	int ret = qwamos_gpu_gate_charge(gate->core, bytes, anyway);

	if (ret)
		atomic64_inc(&gate->denied);
	else
		atomic64_add(bytes, &gate->bytes);
	return ret;
}

/** qgate_uncharge() - give back what qgate_charge() took */
void qgate_uncharge(struct qgate *gate, u64 bytes)
{
	atomic64_sub(bytes, &gate->bytes);
	qwamos_gpu_gate_uncharge(gate->core, bytes);
}

/* Nobody but us has a reference to it any more. */
static bool is_ours(const struct qgate_obj *obj)
{
	return obj->sync ? kref_read(&((struct drm_syncobj *)obj->what)->refcount) == 1
			 : kref_read(&((struct drm_gem_object *)obj->what)->refcount) == 1;
}

/* Objects of one address space may share a reservation, to which each of its jobs is added. */
static bool is_shared(const struct qgate_obj *obj)
{
	struct drm_gem_object *gem = obj->what;

	return !obj->foreign && !obj->sync && gem->resv != &gem->_resv;
}

/* Nobody has it any more, nor the GPU. Called with the gate's obj_lock held. */
static bool is_gone(const struct qgate_obj *obj)
{
	if (obj->foreign)
		return true;
	if (!is_ours(obj))
		return false;
	if (obj->sync)
		return true;
	/* Some drivers keep an object for the GPU by fences alone. */
	if (is_shared(obj))
		return obj->last && dma_fence_is_signaled(obj->last);
	return dma_resv_test_signaled(((struct drm_gem_object *)obj->what)->resv,
				      DMA_RESV_USAGE_BOOKKEEP);
}

/* Called with the gate's obj_lock held. */
static void forget(struct qgate *gate, struct qgate_obj *obj)
{
	rhashtable_remove_fast(&gate->objs, &obj->node, params);
	if (obj->sync)
		gate->n_syncs--;
	else
		gate->n_objs--;
}

/* Called with the gate's obj_lock held. */
static void begin_use(struct qgate *gate, struct qgate_obj *obj)
{
	if (obj->users++)
		return;
	list_del_init(&obj->zombie);
	gate->n_zombies -= !obj->sync;
	dma_fence_put(obj->last);
	obj->last = NULL;
}

/* Called with the gate's obj_lock held. Return: it is a zombie now. */
static bool end_use(struct qgate *gate, struct qgate_obj *obj)
{
	if (--obj->users)
		return false;
	list_add_tail(&obj->zombie, &gate->zombies);
	gate->n_zombies += !obj->sync;
	return true;
}

/* What the GPU is at that may use an object, or NULL: no memory. */
static struct dma_fence *work_so_far(const struct qgate_obj *obj)
{
	struct dma_fence *fence = NULL;

	if (dma_resv_get_singleton(((struct drm_gem_object *)obj->what)->resv,
				   DMA_RESV_USAGE_BOOKKEEP, &fence))
		return NULL;
	if (!fence)
		return dma_fence_get_stub();
	/* Several in one tell of their end only once somebody has waited for it. */
	dma_fence_wait_timeout(fence, false, 0);
	return fence;
}

/*
 * Find out what a zombie that shares its reservation has to wait for: not for jobs that come later.
 * Once nobody else has a reference, no job of its own comes any more. Called with the gate's
 * obj_lock held, which is let go of meanwhile. Return: it is known now.
 */
static bool note_last(struct qgate *gate, struct qgate_obj *obj)
{
	struct dma_fence *fence;
	bool known = false;

	begin_use(gate, obj);
	spin_unlock(&gate->obj_lock);
	fence = work_so_far(obj);
	spin_lock(&gate->obj_lock);
	if (end_use(gate, obj)) {
		swap(obj->last, fence);
		known = obj->last;
		/* Who has looked meanwhile has not seen it among the zombies. */
		qgate_scan_soon(gate);
	}
	dma_fence_put(fence);
	return known;
}

/* An object that nobody finds any more. */
static void drop(struct qgate *gate, struct qgate_obj *obj)
{
	dma_fence_put(obj->last);
	if (obj->sync)
		drm_syncobj_put(obj->what);
	else
		drm_gem_object_put(obj->what);
	qgate_uncharge(gate, obj->size);
	kfree_rcu(obj, rcu);
	qwamos_gpu_gate_put(gate->core);
}

/*
 * Drop zombies that are gone, of the SCAN_CHUNK longest not looked at. Return: there was one, or
 * one of which it is known now what it waits for, so that it may be the next time.
 */
static bool scan(struct qgate *gate)
{
	struct qgate_obj *obj, *next;
	bool any = false;
	LIST_HEAD(gone);
	u32 looks;

	spin_lock(&gate->obj_lock);
	for (looks = SCAN_CHUNK; looks && !list_empty(&gate->zombies); looks--) {
		obj = list_first_entry(&gate->zombies, struct qgate_obj, zombie);
		if (is_shared(obj) && !obj->last && is_ours(obj)) {
			any |= note_last(gate, obj);
			continue;
		}
		if (!is_gone(obj)) {
			list_move_tail(&obj->zombie, &gate->zombies);
			continue;
		}
		list_move(&obj->zombie, &gone);
		gate->n_zombies -= !obj->sync;
		forget(gate, obj);
	}
	spin_unlock(&gate->obj_lock);
	list_for_each_entry_safe(obj, next, &gone, zombie) {
		any = true;
		drop(gate, obj);
	}
	return any;
}

/* Are there mappings of a closed gate? Then they are taken away once more. */
static bool maps_left(struct qgate *gate)
{
	if (!percpu_ref_is_dying(&gate->live) || !READ_ONCE(gate->n_maps))
		return false;
	mutex_lock(&gate->revoke_lock);
	qgate_maps_revoke(gate);
	mutex_unlock(&gate->revoke_lock);
	return true;
}

static void scan_work_fn(struct work_struct *work)
{
	struct qgate *gate = container_of(to_delayed_work(work), struct qgate, scan_work);
	unsigned int ms = 0;
	bool any = false;
	u32 i;

	for (i = 0; i < (QGATE_OBJECTS + QGATE_SYNCOBJS) / SCAN_CHUNK; i++) {
		if (!scan(gate))
			break;
		any = true;
		cond_resched();
	}
	gate->scan_ms = any ? SCAN_FIRST_MS : min(gate->scan_ms * 2, SCAN_LAST_MS);
	if (!list_empty(&gate->zombies) || maps_left(gate))
		ms = gate->scan_ms;
	/* Each time that it is queued has a reference. */
	if (!ms || !queue_delayed_work(qgate_wq, &gate->scan_work, msecs_to_jiffies(ms)))
		qwamos_gpu_gate_put(gate->core);
}

/** qgate_scan_soon() - there is a new zombie, or the gate has closed */
void qgate_scan_soon(struct qgate *gate)
{
	qwamos_gpu_gate_get(gate->core);
	gate->scan_ms = SCAN_FIRST_MS;
	if (!queue_delayed_work(qgate_wq, &gate->scan_work, msecs_to_jiffies(SCAN_FIRST_MS)))
		qwamos_gpu_gate_put(gate->core);
}

/**
 * qgate_objs_room() - may the VM have another object?
 * @gate: the gate
 * @sync: a syncobj
 *
 * Looks for zombies that are gone first where there are too many.
 */
bool qgate_objs_room(struct qgate *gate, bool sync)
{
	bool room = true;
	int i;

	/* Each of them is looked at twice at most before one is dropped, if any is gone. */
	for (i = 0; i < 2 * (QGATE_ZOMBIES / SCAN_CHUNK) + 2; i++) {
		spin_lock(&gate->obj_lock);
		room = sync ? gate->n_syncs < QGATE_SYNCOBJS
			    : gate->n_objs < QGATE_OBJECTS && gate->n_zombies < QGATE_ZOMBIES;
		spin_unlock(&gate->obj_lock);
		if (room || !scan(gate))
			break;
	}
	return room;
}

/**
 * qgate_obj_new() - take note of an object that has come through a gate
 * @gate: the gate
 * @what: the object; the reference becomes ours, unless the call fails
 * @sync: it is a syncobj
 * @foreign: it was made elsewhere
 * @size: bytes that were charged for it
 *
 * Return: the object with one user, or an ERR_PTR(): -ENOMEM.
 */
struct qgate_obj *qgate_obj_new(struct qgate *gate, void *what, bool sync, bool foreign, u64 size)
{
	struct qgate_obj *obj = kzalloc(sizeof(*obj), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!obj)
		return ERR_PTR(-ENOMEM);
	obj->what = what;
	obj->sync = sync;
	obj->foreign = foreign;
	obj->size = size;
	obj->users = 1;
	INIT_LIST_HEAD(&obj->zombie);
	spin_lock(&gate->obj_lock);
	ret = rhashtable_lookup_insert_fast(&gate->objs, &obj->node, params);
	if (!ret && sync)
		gate->n_syncs++;
	else if (!ret)
		gate->n_objs++;
	spin_unlock(&gate->obj_lock);
	if (ret) {
		kfree(obj);
		return ERR_PTR(-ENOMEM);
	}
	qwamos_gpu_gate_get(gate->core);
	return obj;
}

/**
 * qgate_obj_use() - another user of an object that came through this gate
 * @gate: the gate
 * @what: the object; only compared
 *
 * Return: the object, or NULL: it did not.
 */
struct qgate_obj *qgate_obj_use(struct qgate *gate, const void *what)
{
	struct qgate_obj *obj;

	spin_lock(&gate->obj_lock);
	obj = rhashtable_lookup_fast(&gate->objs, &what, params);
	if (obj)
		begin_use(gate, obj);
	spin_unlock(&gate->obj_lock);
	return obj;
}

/** qgate_obj_unuse() - the reverse, also of qgate_obj_new() */
void qgate_obj_unuse(struct qgate *gate, struct qgate_obj *obj)
{
	bool zombie;

	spin_lock(&gate->obj_lock);
	zombie = end_use(gate, obj);
	spin_unlock(&gate->obj_lock);
	if (zombie)
		qgate_scan_soon(gate);
}

/**
 * qgate_obj_others() - is an object another VM's gate's?
 * @gate: this gate
 * @what: the object; only compared, but the caller has a reference
 */
bool qgate_obj_others(struct qgate *gate, const void *what)
{
	struct qgate *other = NULL;
	bool found = false;

	rcu_read_lock();
	while (!found && (other = qgate_next(other)))
		found = qwamos_gpu_gate_vm(other->core) != qwamos_gpu_gate_vm(gate->core) &&
			rhashtable_lookup(&other->objs, &what, params);
	rcu_read_unlock();
	return found;
}

/** qgate_objs_init() - none yet. Return: 0 or -ENOMEM. */
int qgate_objs_init(struct qgate *gate)
{
	spin_lock_init(&gate->obj_lock);
	INIT_LIST_HEAD(&gate->zombies);
	INIT_DELAYED_WORK(&gate->scan_work, scan_work_fn);
	gate->scan_ms = SCAN_FIRST_MS;
	return rhashtable_init(&gate->objs, &params);
}

/** qgate_objs_exit() - none any more: each holds the gate */
void qgate_objs_exit(struct qgate *gate)
{
	rhashtable_destroy(&gate->objs);
}
