// SPDX-License-Identifier: GPL-2.0-only
/* The registry of devices: follows the PCI and platform buses. See device.h. */
#include <linux/hashtable.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/vgaarb.h>
#include "device.h"
#include "objects.h"
#include "rights.h"

/*
 * Guards the registry and what struct qgpu_dev says; a leaf, taken after the VM lock where both are
 * needed.
 */
DEFINE_MUTEX(qgpu_reg_lock);
LIST_HEAD(qgpu_devs);
DECLARE_WAIT_QUEUE_HEAD(qgpu_registry_wq);

static u64 last_id; /* guarded by the registry lock */
DEFINE_HASHTABLE(qgpu_dev_ids, QGPU_DEV_IDS_BITS);
static atomic64_t events = ATOMIC64_INIT(1);
static struct kmem_cache *dev_cache;

static DECLARE_WORK(states_work, qgpu_dev_states_work_fn);

/** qgpu_dev_changed() - tell those who poll the control device, and those who wait for a device */
void qgpu_dev_changed(void)
{
	atomic64_inc(&events);
	wake_up_all(&qgpu_registry_wq);
	queue_work(qgpu_wq, &states_work);
}

/** qgpu_registry_events() - counts changes */
u64 qgpu_registry_events(void)
{
	return atomic64_read(&events);
}

void qgpu_dev_get(struct qgpu_dev *d)
{
	kref_get(&d->ref);
}

/**
 * qgpu_dev_arm() - have a work of a device run
 * @d: the device
 * @work: one of its works
 * @delay: in jiffies, from now on, whatever it was before
 *
 * The one place where these are queued. What is queued holds the device, until qgpu_dev_work_done()
 * at its end or qgpu_dev_disarm(): so none outlives it, whoever removes the device meanwhile.
 * Called with the registry lock held; @clean_work only of a device that is not gone, for while it
 * is stopped for good nothing is queued, and nothing tells so.
 */
void qgpu_dev_arm(struct qgpu_dev *d, struct delayed_work *work, unsigned long delay)
{
	lockdep_assert_held(&qgpu_reg_lock);
	qgpu_dev_get(d);
	if (mod_delayed_work(qgpu_wq, work, delay))
		qgpu_dev_put(d); /* it held the device already */
}

/** qgpu_dev_disarm() - a work need not run any more; one that runs already goes on */
void qgpu_dev_disarm(struct qgpu_dev *d, struct delayed_work *work)
{
	if (cancel_delayed_work(work))
		qgpu_dev_put(d);
}

/** qgpu_dev_work_done() - the last word of a work of a device */
void qgpu_dev_work_done(struct qgpu_dev *d)
{
	qgpu_dev_put(d);
}

static void disarm_sync(struct qgpu_dev *d, struct delayed_work *work)
{
	if (cancel_delayed_work_sync(work))
		qgpu_dev_put(d);
}

static void dev_free(struct rcu_head *rcu)
{
	kmem_cache_free(dev_cache, container_of(rcu, struct qgpu_dev, rcu));
}

static void dev_release(struct kref *ref)
{
	struct qgpu_dev *d = container_of(ref, struct qgpu_dev, ref);

	qgpu_memory_free(d->memory);
	pci_dev_put(d->physfn);
	put_device(d->dev);
	atomic_dec(&qgpu_objects);
	call_rcu(&d->rcu, dev_free);
}

void qgpu_dev_put(struct qgpu_dev *d)
{
	kref_put(&d->ref, dev_release);
}

/**
 * qgpu_dev_lookup() - the device in the registry
 * @dev: a device of any kind
 *
 * Called with the registry lock held; takes no reference. Return: the device, or NULL.
 */
struct qgpu_dev *qgpu_dev_lookup(struct device *dev)
{
	struct qgpu_dev *d;

	lockdep_assert_held(&qgpu_reg_lock);
	list_for_each_entry(d, &qgpu_devs, node)
		if (d->dev == dev)
			return d;
	return NULL;
}

/** qgpu_dev_of() - as qgpu_dev_lookup(), takes the lock and a reference */
struct qgpu_dev *qgpu_dev_of(struct device *dev)
{
	struct qgpu_dev *d;

	mutex_lock(&qgpu_reg_lock);
	d = qgpu_dev_lookup(dev);
	if (d)
		qgpu_dev_get(d);
	mutex_unlock(&qgpu_reg_lock);
	return d;
}

/** qgpu_dev_by_id() - the device of an id, with a reference, or NULL */
struct qgpu_dev *qgpu_dev_by_id(u64 id)
{
	struct qgpu_dev *d;

	rcu_read_lock();
	d = qgpu_dev_find(id);
	if (d && !kref_get_unless_zero(&d->ref))
		d = NULL;
	rcu_read_unlock();
	return d;
}

/**
 * qgpu_dev_audit() - an event of a device that has no amounts
 * @chain: the owner's chain, or NULL for the host's
 * @d: the device
 * @event: &enum qwamos_gpu_event
 * @reason: &enum qwamos_gpu_reason
 * @result: 0 or a negative errno
 */
void qgpu_dev_audit(struct qgpu_chain *chain, const struct qgpu_dev *d, u32 event, u32 reason,
		    int result)
{
	struct qgpu_event ev = {
		.event = event,
		.reason = reason,
		.result = result,
		.level = QWAMOS_GPU_LEVEL_NONE,
		.device_id = d->id,
		.device_name = dev_name(d->dev),
	};

	qgpu_audit(chain, &ev);
}

static bool is_gpu_class(u32 class)
{
	return class >> 16 == PCI_BASE_CLASS_DISPLAY ||
	       class >> 16 == 0x12; /* 0x12: processing accelerators */
}

static void dev_add(struct device *dev, bool quiet)
{
	struct pci_dev *pdev = dev_is_pci(dev) ? to_pci_dev(dev) : NULL;
	struct qgpu_dev *d;

	if (pdev ? pdev->hdr_type != PCI_HEADER_TYPE_NORMAL : !qgpu_platform_is_gpu(dev))
		return;
	d = kmem_cache_zalloc(dev_cache, GFP_KERNEL);
	if (!d)
		goto err_memory;
	atomic_inc(&qgpu_objects);
	kref_init(&d->ref);
	d->memory = pdev ? qgpu_memory_alloc() : NULL;
	if (pdev && !d->memory) {
		kmem_cache_free(dev_cache, d);
		atomic_dec(&qgpu_objects);
		goto err_memory;
	}
	d->bus = pdev ? QWAMOS_GPU_BUS_PCI : QWAMOS_GPU_BUS_PLATFORM;
	d->dev = get_device(dev);
	d->physfn = pdev && pdev->is_virtfn ? pci_dev_get(pci_physfn(pdev)) : NULL;
	d->gpu = pdev ? is_gpu_class(pdev->class) : true;
	d->boot_vga = pdev && pdev == vga_default_device();
	d->dirt = QGPU_DIRT_HOST;
	qgpu_users_init(&d->users);
	INIT_DELAYED_WORK(&d->clean_work, qgpu_clean_work_fn);
	INIT_DELAYED_WORK(&d->settle_work, qgpu_settle_work_fn);
	INIT_DELAYED_WORK(&d->revoke_work, qgpu_revoke_work_fn);
	mutex_lock(&qgpu_reg_lock);
	if (qgpu_dev_lookup(dev)) {
		/* The scan at load and the bus notifier met. */
		mutex_unlock(&qgpu_reg_lock);
		qgpu_dev_put(d);
		return;
	}
	d->id = ++last_id;
	if (pdev)
		qgpu_memory_take(pdev, &d->dirt, &d->trouble, &d->quarantined, &d->last_owner);
	qgpu_dev_ask_iommu(d, false);
	list_add_tail(&d->node, &qgpu_devs);
	hash_add_rcu(qgpu_dev_ids, &d->id_node, d->id);
	if (d->gpu && !quiet)
		qgpu_dev_audit(NULL, d, QWAMOS_GPU_EV_DEVICE_ADDED, 0, 0);
	mutex_unlock(&qgpu_reg_lock);
	qgpu_dev_changed();
	return;
err_memory:
	dev_err(dev, "qwamos_gpu: no memory to register this device; no VM can have it\n");
}

/**
 * qgpu_dev_leave() - take a device from its owner
 * @d: the device, owned and not open
 * @reason: why (&enum qwamos_gpu_reason)
 *
 * Called with the registry lock held. What it holds for its owner is given back; the cleaning is
 * the caller's to start.
 */
void qgpu_dev_leave(struct qgpu_dev *d, u32 reason)
{
	struct qgpu_vm *vm = qgpu_dev_owner(d);

	lockdep_assert_held(&qgpu_reg_lock);
	qgpu_dev_audit(vm->chain, d, QWAMOS_GPU_EV_DEVICE_DETACHED, reason, 0);
	WRITE_ONCE(vm->devices, vm->devices - 1);
	if (d->gpu)
		qgpu_users_detached(&vm->lim, d->id);
	if (d->revoking)
		WRITE_ONCE(vm->revoking, vm->revoking - 1);
	d->revoking = false;
	qgpu_dev_disarm(d, &d->revoke_work);
	WRITE_ONCE(d->revoked, false);
	d->withdrawn = false;
	d->last_owner = vm->id;
	WRITE_ONCE(d->accepted, false);
	rcu_assign_pointer(d->owner, NULL);
	if (d->held_module)
		module_put(d->held_module);
	d->held_module = NULL;
	qgpu_vm_put(vm);
}

static void dev_remove(struct device *dev)
{
	struct qgpu_dev *d;
	struct qgpu_vm *vm;

	mutex_lock(&qgpu_reg_lock);
	d = qgpu_dev_lookup(dev);
	if (!d) {
		mutex_unlock(&qgpu_reg_lock);
		return;
	}
	/* Should a VM have it open, it is asked for it until it gives it back. */
	vm = qgpu_dev_owner(d);
	list_del(&d->node);
	hash_del_rcu(&d->id_node);
	WRITE_ONCE(d->gone, true);
	d->cleaning = false;
	if (d->bus == QWAMOS_GPU_BUS_PCI && d->dirt == QGPU_DIRT_VM) {
		qgpu_memory_keep(d->memory, to_pci_dev(dev), d->dirt, d->trouble, d->quarantined,
				 vm ? vm->id : d->last_owner);
		d->memory = NULL;
	}
	if (vm && !d->opens)
		qgpu_dev_leave(d, QWAMOS_GPU_REASON_DEVICE_GONE);
	if (d->gpu)
		qgpu_dev_audit(NULL, d, QWAMOS_GPU_EV_DEVICE_REMOVED, QWAMOS_GPU_REASON_DEVICE_GONE,
			       0);
	if (d->told)
		qgpu_dev_tell_state(d);
	mutex_unlock(&qgpu_reg_lock);
	disarm_sync(d, &d->clean_work);
	qgpu_vm_lock();
	qgpu_users_close(&d->users);
	qgpu_vm_unlock();
	qgpu_dev_changed();
	qgpu_dev_put(d);
}

/* A driver has taken the device. If it is not ours, whatever it leaves there is dirt. */
static void dev_driven(struct device *dev)
{
	struct qgpu_dev *d;

	mutex_lock(&qgpu_reg_lock);
	d = qgpu_dev_lookup(dev);
	if (d)
		qgpu_dev_ask_iommu(d, true);
	if (d && !d->bound && d->dirt == QGPU_CLEAN)
		d->dirt = QGPU_DIRT_HOST;
	mutex_unlock(&qgpu_reg_lock);
	if (d)
		qgpu_dev_changed();
}

/*
 * Somebody binds a driver, or has done with it. Noted here, for the probe itself may run in a
 * kernel thread near the device. Called with the device lock held.
 */
static void dev_set_binder(struct device *dev, bool binds)
{
	struct qgpu_dev *d = qgpu_dev_of(dev);
	struct qgpu_vm *vm = NULL;
	u32 barred = binds ? qgpu_current_barred(&vm) : 0;

	if (d) {
		d->barred = barred;
		swap(d->binder, vm);
		qgpu_dev_put(d);
	}
	if (vm)
		qgpu_vm_put(vm);
}

/* Runs under the device lock, but for ADD, DEL and REMOVED. */
static int bus_event(struct notifier_block *nb, unsigned long action, void *data)
{
	struct device *dev = data;

	switch (action) {
	case BUS_NOTIFY_ADD_DEVICE:
		dev_add(dev, false);
		break;
	case BUS_NOTIFY_DEL_DEVICE:
		/* A PCI driver is gone by now; the IOMMU's data are not yet. */
	case BUS_NOTIFY_REMOVED_DEVICE:
		dev_remove(dev);
		break;
	case BUS_NOTIFY_BIND_DRIVER:
		dev_set_binder(dev, true);
		break;
	case BUS_NOTIFY_DRIVER_NOT_BOUND:
		dev_set_binder(dev, false);
		break;
	case BUS_NOTIFY_BOUND_DRIVER:
		dev_set_binder(dev, false);
		dev_driven(dev);
		break;
	case BUS_NOTIFY_UNBOUND_DRIVER:
		dev_driven(dev);
		if (dev_is_pci(dev))
			qgpu_clean_retry(to_pci_dev(dev));
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block pci_nb = { .notifier_call = bus_event };
static struct notifier_block platform_nb = { .notifier_call = bus_event };

static int scan_one(struct device *dev, void *unused)
{
	dev_add(dev, true);
	return 0;
}

static void forget_all(void)
{
	struct qgpu_dev *d, *n;

	/* Nothing adds or removes any more, but works may still run: none begins anew. */
	mutex_lock(&qgpu_reg_lock);
	list_for_each_entry(d, &qgpu_devs, node)
		WRITE_ONCE(d->gone, true);
	mutex_unlock(&qgpu_reg_lock);
	list_for_each_entry(d, &qgpu_devs, node) {
		disarm_sync(d, &d->clean_work);
		disarm_sync(d, &d->settle_work);
		disarm_sync(d, &d->revoke_work);
	}
	mutex_lock(&qgpu_reg_lock);
	list_for_each_entry_safe(d, n, &qgpu_devs, node) {
		list_del(&d->node);
		hash_del_rcu(&d->id_node);
		qgpu_dev_put(d);
	}
	mutex_unlock(&qgpu_reg_lock);
	/* One that was removed before may have a work that still runs, and holds it. */
	flush_workqueue(qgpu_wq);
	rcu_barrier();
}

/**
 * qgpu_registry_init() - register what is there, and follow the buses from now on
 *
 * Return: 0 or a negative errno.
 */
int qgpu_registry_init(void)
{
	int ret;

	dev_cache = kmem_cache_create("qwamos_gpu_dev", sizeof(struct qgpu_dev), 0, 0, NULL);
	if (!dev_cache)
		return -ENOMEM;
	ret = bus_register_notifier(&pci_bus_type, &pci_nb);
	if (ret)
		goto err_cache;
	ret = bus_register_notifier(&platform_bus_type, &platform_nb);
	if (ret)
		goto err_pci;
	bus_for_each_dev(&pci_bus_type, NULL, NULL, scan_one);
	bus_for_each_dev(&platform_bus_type, NULL, NULL, scan_one);
	return 0;
err_pci:
	bus_unregister_notifier(&pci_bus_type, &pci_nb);
	cancel_work_sync(&states_work);
	forget_all();
err_cache:
	kmem_cache_destroy(dev_cache);
	return ret;
}

/** qgpu_registry_exit() - forget every device; none is owned or bound to our driver any more */
void qgpu_registry_exit(void)
{
	bus_unregister_notifier(&platform_bus_type, &platform_nb);
	bus_unregister_notifier(&pci_bus_type, &pci_nb);
	cancel_work_sync(&states_work);
	forget_all();
	qgpu_memory_exit();
	kmem_cache_destroy(dev_cache);
}
