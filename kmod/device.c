// SPDX-License-Identifier: GPL-2.0-only
/* Devices as userspace and the VFIO driver see them. */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include "compat.h"
#include "core.h"
#include "device.h"
#include "events.h"
#include "rights.h"

unsigned int qgpu_revoke_timeout_s = 30;

static int set_bounded(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, 86400);
}

/* A VM's process, root or not, does not give itself more time. */
static int set_timeout(const char *val, const struct kernel_param *kp)
{
	return qgpu_param_set(val, kp, set_bounded);
}

static const struct kernel_param_ops timeout_ops = { .set = set_timeout, .get = param_get_uint };
module_param_cb(revoke_timeout_s, &timeout_ops, &qgpu_revoke_timeout_s, 0644);
MODULE_PARM_DESC(revoke_timeout_s,
		 "seconds that a VM has to give back a device that is asked for (default 30)");

/* Called with the registry lock held. */
static u32 state_of(struct qgpu_dev *d)
{
	struct qgpu_vm *vm = qgpu_dev_owner(d);

	if (d->gone)
		return QWAMOS_GPU_DEV_STATE_GONE;
	if (d->opens)
		return d->revoked ? QWAMOS_GPU_DEV_STATE_REVOKED : QWAMOS_GPU_DEV_STATE_OPEN;
	if (qgpu_dev_resetting(d) || (vm && !qgpu_vm_live(vm)))
		return QWAMOS_GPU_DEV_STATE_RESETTING;
	if (vm)
		return QWAMOS_GPU_DEV_STATE_ATTACHED;
	if (d->quarantined && !d->accepted)
		return QWAMOS_GPU_DEV_STATE_QUARANTINED;
	return d->bound ? QWAMOS_GPU_DEV_STATE_FREE : QWAMOS_GPU_DEV_STATE_UNBOUND;
}

static void tell_pci(struct pci_dev *pdev, struct qwamos_gpu_dev *out)
{
	out->vendor = pdev->vendor;
	out->device = pdev->device;
	out->subvendor = pdev->subsystem_vendor;
	out->subdevice = pdev->subsystem_device;
	out->class_code = pdev->class;
	out->scrub_best = qgpu_scrub_best(pdev);
	if (pdev->is_virtfn)
		out->flags |= QWAMOS_GPU_DEV_F_VF;
}

/**
 * qgpu_dev_tell() - what DEV_LIST says of a device
 * @d: the device, with a reference
 * @out: out
 */
void qgpu_dev_tell(struct qgpu_dev *d, struct qwamos_gpu_dev *out)
{
	struct pci_dev *pdev = d->bus == QWAMOS_GPU_BUS_PCI ? to_pci_dev(d->dev) : NULL;
	struct qgpu_reset_set *s = pdev ? qgpu_reset_set_gather(pdev) : NULL;
	struct qgpu_group *g = qgpu_group_gather(d);
	struct iommu_group *ig;
	struct device_driver *drv;
	struct qwamos_gpu_vm_gpu sum;
	bool busy, isolated = true;

	qgpu_users_sum(&d->users, &sum);
	memset(out, 0, sizeof(*out));
	out->device_id = d->id;
	out->vram_used = sum.vram_used;
	out->queues_used = sum.queues_used;
	out->guaranteed = sum.guarantee;
	out->bus = d->bus;
	if (IS_ERR(s))
		s = NULL;
	strscpy_pad(out->bus_name, dev_name(d->dev), sizeof(out->bus_name));
	if (pdev) {
		tell_pci(pdev, out);
		out->reset_methods = qgpu_reset_methods(pdev, s);
		out->reset_set = s && s->works ? s->id : 0;
	}
	/*
	 * A driver leaves its devices before its module does, and a module is freed after a grace
	 * period.
	 */
	rcu_read_lock();
	drv = READ_ONCE(d->dev->driver);
	if (drv)
		strscpy_pad(out->driver, drv->name, sizeof(out->driver));
	rcu_read_unlock();
	mutex_lock(&qgpu_reg_lock);
	ig = qgpu_dev_group_get(d);
	out->iommu_group = ig ? iommu_group_id(ig) : ~0U;
	if (ig && qgpu_dev_has_iommu(d)) {
		out->flags |= QWAMOS_GPU_DEV_F_IOMMU;
		isolated = qgpu_dev_isolated_msi(d->dev);
	}
	out->state = state_of(d);
	out->generation = d->generation;
	out->owner_vm_id = qgpu_dev_owner(d) ? qgpu_dev_owner(d)->id : 0;
	out->scrub = d->scrub;
	out->quarantine_reason = d->quarantined ? d->trouble : 0;
	out->flags |= (d->gpu ? QWAMOS_GPU_DEV_F_GPU : QWAMOS_GPU_DEV_F_COMPANION) |
		      (d->boot_vga ? QWAMOS_GPU_DEV_F_BOOT_VGA : 0) |
		      (d->dirt != QGPU_CLEAN ? QWAMOS_GPU_DEV_F_DIRTY : 0) |
		      (d->dirt == QGPU_DIRT_VM ? QWAMOS_GPU_DEV_F_VM_DIRT : 0) |
		      (d->accepted ? QWAMOS_GPU_DEV_F_ACCEPTED : 0) |
		      (d->revoking ? QWAMOS_GPU_DEV_F_REVOKING : 0);
	if (!IS_ERR_OR_NULL(g) && !qgpu_group_stranger(g))
		out->flags |= QWAMOS_GPU_DEV_F_VIABLE;
	if (pdev && qgpu_reset_possible(d, s, out->reset_methods, out->owner_vm_id, &busy))
		out->flags |= QWAMOS_GPU_DEV_F_CAN_RESET;
	mutex_unlock(&qgpu_reg_lock);
	if (out->flags & QWAMOS_GPU_DEV_F_IOMMU && !(isolated && qgpu_group_isolated_msi(ig)))
		out->flags |= QWAMOS_GPU_DEV_F_UNSAFE_MSI;
	if (!IS_ERR(g))
		qgpu_group_drop(g);
	if (ig)
		iommu_group_put(ig);
	qgpu_reset_set_drop(s);
}

static bool same_slot(const struct qgpu_dev *a, const struct qgpu_dev *b)
{
	struct pci_dev *x, *y;

	if (a->bus != QWAMOS_GPU_BUS_PCI || b->bus != QWAMOS_GPU_BUS_PCI)
		return false;
	x = to_pci_dev(a->dev);
	y = to_pci_dev(b->dev);
	return x->bus == y->bus && PCI_SLOT(x->devfn) == PCI_SLOT(y->devfn) &&
	       !pci_is_root_bus(x->bus);
}

/* Is this one a GPU, or in the slot or IOMMU group of one? */
static bool listed(struct qgpu_dev **v, u32 *group, size_t n, size_t i)
{
	size_t j;

	if (v[i]->gpu)
		return true;
	for (j = 0; j < n; j++)
		if (v[j]->gpu &&
		    (same_slot(v[i], v[j]) || (group[i] != ~0U && group[i] == group[j])))
			return true;
	return false;
}

/**
 * struct qgpu_dev_array - the registry, as it was a moment ago
 * @n: devices
 * @room: for so many
 * @dev: they, each with a reference
 * @group: numbers of their IOMMU groups, ~0: none
 */
struct qgpu_dev_array {
	size_t n;
	size_t room;
	struct qgpu_dev **dev;
	u32 *group;
};

static void array_free(struct qgpu_dev_array *a)
{
	while (a->n)
		qgpu_dev_put(a->dev[--a->n]);
	kfree(a->group);
	kfree(a->dev);
}

/* Return: there was room for all. */
static bool array_fill(struct qgpu_dev_array *a)
{
	struct iommu_group *ig;
	struct qgpu_dev *d;
	size_t n = 0;

	mutex_lock(&qgpu_reg_lock);
	list_for_each_entry(d, &qgpu_devs, node)
		n++;
	if (n > a->room) {
		mutex_unlock(&qgpu_reg_lock);
		a->room = n;
		return false;
	}
	list_for_each_entry(d, &qgpu_devs, node) {
		qgpu_dev_get(d);
		ig = qgpu_dev_group_get(d);
		a->group[a->n] = ig ? iommu_group_id(ig) : ~0U;
		if (ig)
			iommu_group_put(ig);
		a->dev[a->n++] = d;
	}
	mutex_unlock(&qgpu_reg_lock);
	return true;
}

/* Memory is got without the registry lock: who waits for that waits for no memory. */
static int array_gather(struct qgpu_dev_array *a)
{
	*a = (struct qgpu_dev_array){ .room = 64 };
	for (;;) {
		a->dev = kcalloc(a->room, sizeof(*a->dev), GFP_KERNEL_ACCOUNT);
		a->group = kcalloc(a->room, sizeof(*a->group), GFP_KERNEL_ACCOUNT);
		if (!a->dev || !a->group) {
			array_free(a);
			return -ENOMEM;
		}
		if (array_fill(a))
			return 0;
		array_free(a);
	}
}

/**
 * qgpu_dev_list() - GPUs and companions in the order of their ids
 * @after: only those with a higher id
 * @room: length of @out
 * @out: out: the first of them
 * @left: out: how many come after those
 *
 * Return: how many were written, or -ENOMEM.
 */
long qgpu_dev_list(u64 after, u32 room, struct qwamos_gpu_dev *out, u64 *left)
{
	struct qgpu_dev_array a;
	size_t i;
	long k = 0;
	int ret;

	*left = 0;
	ret = array_gather(&a);
	if (ret)
		return ret;
	for (i = 0; i < a.n; i++) {
		if (a.dev[i]->id <= after || !listed(a.dev, a.group, a.n, i))
			continue;
		if (k < room)
			qgpu_dev_tell(a.dev[i], &out[k++]);
		else
			++*left;
	}
	array_free(&a);
	return k;
}

/** qgpu_dev_tell_state() - tell who listens, if it has changed; the registry lock is held */
void qgpu_dev_tell_state(struct qgpu_dev *d)
{
	u32 state = state_of(d);

	lockdep_assert_held(&qgpu_reg_lock);
	if (state == d->told || (!d->gpu && !d->told &&
				 state == QWAMOS_GPU_DEV_STATE_UNBOUND)) /* not ours in any way */
		return;
	d->told = state;
	qgpu_events_state(QWAMOS_GPU_NL_KIND_DEVICE, d->id, state, 0, dev_name(d->dev));
}

/* Something has changed. In a work item, for who changes a device may or may not hold the lock. */
void qgpu_dev_states_work_fn(struct work_struct *work)
{
	struct qgpu_dev *d;

	mutex_lock(&qgpu_reg_lock);
	list_for_each_entry(d, &qgpu_devs, node)
		qgpu_dev_tell_state(d);
	mutex_unlock(&qgpu_reg_lock);
}

/**
 * qgpu_settle_work_fn() - find out whether a newly bound device is being removed
 * @work: &qgpu_dev.settle_work
 *
 * The PCI core releases the driver of a device that it removes first and its entry in /proc/bus/pci
 * later; a reader of that entry whose memory does not come keeps it in between. All the while it
 * holds pci_rescan_remove_lock or, to disable virtual functions, the device lock of the physical
 * one. A removal that begins after this work has had both unbinds our driver first. Takes each with
 * nothing else locked; no holder waits for this work.
 */
void qgpu_settle_work_fn(struct work_struct *work)
{
	struct qgpu_dev *d = container_of(to_delayed_work(work), struct qgpu_dev, settle_work);
	struct pci_dev *pdev = to_pci_dev(d->dev);

	if (d->physfn) {
		device_lock(&d->physfn->dev);
		device_unlock(&d->physfn->dev);
	}
	pci_lock_rescan_remove();
	mutex_lock(&qgpu_reg_lock);
	/* Queued again: the device was unbound and bound anew meanwhile. */
	if (d->bound && !d->gone && !delayed_work_pending(&d->settle_work) && !qgpu_pci_going(pdev))
		d->unsettled = false;
	mutex_unlock(&qgpu_reg_lock);
	pci_unlock_rescan_remove();
	qgpu_dev_changed();
	qgpu_dev_work_done(d);
}

/* The VM that was asked for a device has not given it back. */
void qgpu_revoke_work_fn(struct work_struct *work)
{
	struct qgpu_dev *d = container_of(to_delayed_work(work), struct qgpu_dev, revoke_work);
	struct qgpu_vm *vm = NULL;

	mutex_lock(&qgpu_reg_lock);
	if (d->revoking && time_before(jiffies, d->revoke_at)) {
		/* What the last one was asked for; this one has its own time. */
		qgpu_dev_arm(d, &d->revoke_work, d->revoke_at - jiffies);
	} else if (d->revoking) {
		vm = qgpu_dev_owner(d);
		qgpu_vm_get(vm);
		qgpu_dev_audit(vm->chain, d, QWAMOS_GPU_EV_DEVICE_REVOKED,
			       QWAMOS_GPU_REASON_REVOKED, 0);
	}
	mutex_unlock(&qgpu_reg_lock);
	if (vm) {
		dev_warn(d->dev,
			 "qwamos_gpu: VM %s has not given this device back in %u s, ending it\n",
			 vm->name, qgpu_revoke_timeout_s);
		qgpu_vm_end(vm, QWAMOS_GPU_REASON_REVOKED);
		qgpu_vm_put(vm);
	}
	qgpu_dev_work_done(d);
}
