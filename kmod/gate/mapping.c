// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is mapped through a gate. The mapping is found where the driver's own are, so that
 * eviction takes it away, too; but its faults are asked of us first, and once the gate is closed
 * each of them is SIGBUS. Its file is ours: whoever asks for it anew (remap_file_pages()) asks us.
 */
#include <drm/drm_device.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_vma_manager.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "../compat.h"
#include "gate.h"

/**
 * struct qgate_map - what one mmap() has made, in as many pieces as it is in by now
 * @ops: of its pieces; that is how they lead here
 * @orig: the driver's
 * @ref: pieces, and faults under way
 * @gate: the gate
 * @obj: the object that is mapped, in use by us
 * @keep: what was mapped: the gate's file or a dma-buf's; holds the gate
 * @start: where in that file's mapping, in bytes
 * @len: how many bytes
 * @node: among the gate's; guarded by its map_lock
 * @sem: taken by faults; who closes the gate waits for those that it was too late for
 * @revoked: the gate is closed
 */
struct qgate_map {
	struct vm_operations_struct ops;
	const struct vm_operations_struct *orig;
	refcount_t ref;
	struct qgate *gate;
	struct qgate_obj *obj;
	struct file *keep;
	loff_t start;
	loff_t len;
	struct list_head node;
	struct rw_semaphore sem;
	bool revoked;
};

static struct qgate_map *map_of(struct vm_area_struct *vma)
{
	return container_of(vma->vm_ops, struct qgate_map, ops);
}

static void map_put(struct qgate_map *m)
{
	struct file *keep = m->keep;

	if (!refcount_dec_and_test(&m->ref))
		return;
	spin_lock(&m->gate->map_lock);
	list_del(&m->node);
	m->gate->n_maps--;
	spin_unlock(&m->gate->map_lock);
	qgate_obj_unuse(m->gate, m->obj);
	kfree(m);
	fput(keep);
}

static void map_open(struct vm_area_struct *vma)
{
	struct qgate_map *m = map_of(vma);

	refcount_inc(&m->ref);
	if (m->orig->open)
		m->orig->open(vma);
}

static void map_close(struct vm_area_struct *vma)
{
	struct qgate_map *m = map_of(vma);

	if (m->orig->close)
		m->orig->close(vma);
	map_put(m);
}

/* The driver may let go of mmap_lock, and somebody unmap this piece meanwhile. */
static vm_fault_t through(struct vm_fault *vmf, struct qgate_map *m,
			  vm_fault_t (*fault)(struct vm_fault *vmf))
{
	vm_fault_t ret = VM_FAULT_SIGBUS;

	refcount_inc(&m->ref);
	down_read(&m->sem);
	if (!m->revoked && fault)
		ret = fault(vmf);
	up_read(&m->sem);
	map_put(m);
	return ret;
}

static vm_fault_t map_fault(struct vm_fault *vmf)
{
	struct qgate_map *m = map_of(vmf->vma);

	return through(vmf, m, m->orig->fault);
}

static vm_fault_t map_page_mkwrite(struct vm_fault *vmf)
{
	struct qgate_map *m = map_of(vmf->vma);

	return through(vmf, m, m->orig->page_mkwrite);
}

static vm_fault_t map_pfn_mkwrite(struct vm_fault *vmf)
{
	struct qgate_map *m = map_of(vmf->vma);

	return through(vmf, m, m->orig->pfn_mkwrite);
}

/* What is only a shorter way to a page, or one past faults, is left out. */
static void set_ops(struct qgate_map *m, const struct vm_operations_struct *orig)
{
	m->orig = orig;
	m->ops = *orig;
	m->ops.open = map_open;
	m->ops.close = map_close;
	m->ops.fault = map_fault;
	m->ops.page_mkwrite = orig->page_mkwrite ? map_page_mkwrite : NULL;
	m->ops.pfn_mkwrite = orig->pfn_mkwrite ? map_pfn_mkwrite : NULL;
	m->ops.huge_fault = NULL;
	m->ops.map_pages = NULL;
	m->ops.access = NULL;
}

/**
 * qgate_map_where() - have mappings of a file of ours where the driver looks for its own
 * @gate: the gate
 * @file: the gate's file, or a dma-buf's
 * @real: the driver's, which stays as long as there are mappings
 *
 * A driver that does not look for them has all of them at the same offsets: then ours stay apart,
 * so that those of other clients are not taken away with them.
 */
void qgate_map_where(struct qgate *gate, struct file *file, struct file *real)
{
	if (!gate->table->own_mappings)
		file->f_mapping = real->f_mapping;
}

/* The driver's mmap() may have given the mapping another file. Return: it has ours. */
static bool take_back(struct qgate *gate, struct file *keep, struct vm_area_struct *vma)
{
	if (vma->vm_file == keep)
		return true;
	if (!gate->table->own_mappings && vma->vm_file->f_mapping != keep->f_mapping)
		return false;
	vma_set_file(vma, keep);
	return true;
}

/**
 * qgate_map_wrap() - from now on faults of a mapping go through its gate
 * @gate: the gate
 * @obj: what is mapped; the use becomes the mapping's, unless the call fails
 * @keep: what was mapped
 * @vma: the mapping, as the driver's mmap() has left it
 *
 * Return: 0, or -EINVAL, -ENOMEM or -ENODEV (the gate is closed: who closes it has gone through the
 * mappings, or will): the caller's mmap() fails, and the mapping is undone.
 */
int qgate_map_wrap(struct qgate *gate, struct qgate_obj *obj, struct file *keep,
		   struct vm_area_struct *vma)
{
	static const struct vm_operations_struct none;
	struct qgate_map *m;
	int ret = 0;

	/* Whose memory it is would not find it there. */
	if (obj->foreign && vma->vm_file != keep)
		return -EINVAL;
	if (!take_back(gate, keep, vma))
		return -EINVAL;
	m = kzalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);
	if (!m)
		return -ENOMEM;
	set_ops(m, vma->vm_ops ?: &none);
	refcount_set(&m->ref, 1);
	init_rwsem(&m->sem);
	m->gate = gate;
	m->obj = obj;
	m->keep = get_file(keep);
	m->start = (loff_t)vma->vm_pgoff << PAGE_SHIFT;
	m->len = vma->vm_end - vma->vm_start;
	spin_lock(&gate->map_lock);
	if (percpu_ref_is_dying(&gate->live))
		ret = -ENODEV;
	else if (gate->n_maps == QGATE_MAPS)
		ret = -ENOMEM;
	if (!ret) {
		list_add(&m->node, &gate->maps);
		gate->n_maps++;
	}
	spin_unlock(&gate->map_lock);
	if (ret) {
		fput(m->keep);
		kfree(m);
		return ret;
	}
	vma->vm_ops = &m->ops;
	return 0;
}

/* The object at an offset of the device's mmap() space, in use by the caller, or NULL. */
static struct qgate_obj *obj_at(struct qgate *gate, unsigned long pgoff, unsigned long pages)
{
	struct drm_vma_offset_manager *mgr = gate->drm->vma_offset_manager;
	struct drm_vma_offset_node *node;
	struct drm_gem_object *gem = NULL;
	struct qgate_obj *obj;

	if (!mgr)
		return NULL;
	/* The lock is the whole device's. */
	drm_vma_offset_lock_lookup(mgr);
	node = drm_vma_offset_exact_lookup_locked(mgr, pgoff, pages);
	if (node) {
		gem = container_of(node, struct drm_gem_object, vma_node);
		if (!kref_get_unless_zero(&gem->refcount))
			gem = NULL;
	}
	drm_vma_offset_unlock_lookup(mgr);
	if (!gem)
		return NULL;
	obj = qgate_obj_use(gate, gem);
	drm_gem_object_put(gem);
	return obj;
}

/* Whether this very file may map the object, and how much of it, the driver asks. */
static int map_through(struct qgate_file *gf, struct file *file, struct vm_area_struct *vma)
{
	struct qgate *gate = gf->gate;
	struct qgate_obj *obj = obj_at(gate, vma->vm_pgoff, vma_pages(vma));
	int ret;

	if (!obj)
		return -EINVAL;
	ret = gf->real->f_op->mmap(gf->real, vma);
	if (ret)
		goto err;
	ret = qgate_map_wrap(gate, obj, file, vma);
	if (!ret)
		return 0;
	if (vma->vm_ops && vma->vm_ops->close)
		vma->vm_ops->close(vma);
	vma->vm_ops = NULL;
err:
	qgate_obj_unuse(gate, obj);
	return ret;
}

/** qgate_mmap() - mmap() of a gate */
int qgate_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct qgate_file *gf = file->private_data;
	struct qgate *gate = gf->gate;
	int ret;

	if (!percpu_ref_tryget_live(&gate->live))
		return -ENODEV;
	ret = qgate_caller(gf, 0);
	if (!ret)
		ret = map_through(gf, file, vma);
	percpu_ref_put(&gate->live);
	return ret;
}

/* The next mapping that is to be revoked, with a reference, or NULL. */
static struct qgate_map *next_map(struct qgate *gate)
{
	struct qgate_map *m = NULL;

	spin_lock(&gate->map_lock);
	while (!m && !list_empty(&gate->closing)) {
		m = list_first_entry(&gate->closing, struct qgate_map, node);
		list_move(&m->node, &gate->maps);
		if (!refcount_inc_not_zero(&m->ref))
			m = NULL;
	}
	spin_unlock(&gate->map_lock);
	return m;
}

static void all_again(struct qgate *gate)
{
	spin_lock(&gate->map_lock);
	list_splice_init(&gate->maps, &gate->closing);
	spin_unlock(&gate->map_lock);
}

/**
 * qgate_maps_revoke() - no access to a mapping gets through any more
 * @gate: the gate, which is closed
 *
 * Waits for faults under way, and so for the hardware, not for a process. A mapping that mmap() is
 * still at, and whose pages the driver has put in already, may not be found yet: called again, as
 * long as there are mappings. One caller at a time.
 */
void qgate_maps_revoke(struct qgate *gate)
{
	struct address_space *mapping, *last = NULL;
	struct qgate_map *m;

	for (all_again(gate); (m = next_map(gate)); map_put(m)) {
		if (m->revoked)
			continue;
		down_write(&m->sem);
		m->revoked = true;
		up_write(&m->sem);
	}
	for (all_again(gate); (m = next_map(gate)); map_put(m)) {
		mapping = m->keep->f_mapping;
		/* All of them at once, where all are at the same offsets. */
		if (!gate->table->own_mappings)
			unmap_mapping_range(mapping, m->start, m->len, 1);
		else if (mapping != last)
			unmap_mapping_range(mapping, 0, 0, 1);
		last = mapping;
	}
}
