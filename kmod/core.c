// SPDX-License-Identifier: GPL-2.0-only
/* What the core does for the VFIO driver: who may, and what that changes. */
#include <linux/module.h>
#include "compat.h"
#include "core.h"
#include "device.h"
#include "rights.h"

/*
 * A way in was refused: in the log of the VM whose process tried, or, if it is no VM's, in the
 * host's.
 */
static int refuse(struct qgpu_dev *d, u32 way, u32 reason, int result)
{
	struct qgpu_vm *vm = qgpu_vm_of_current();
	struct qgpu_event ev = {
		.event = QWAMOS_GPU_EV_DEVICE_OPEN_REFUSED,
		.reason = reason,
		.result = result,
		.level = vm ? READ_ONCE(vm->lim.level) : QWAMOS_GPU_LEVEL_NONE,
		.device_id = d->id,
		.device_name = dev_name(d->dev),
		.asked = way,
	};

	qgpu_audit(vm ? vm->chain : NULL, &ev);
	if (vm) {
		qgpu_limits_refused(&vm->lim, reason);
		qgpu_vm_put(vm);
	}
	return result;
}

/* Has the current process joined the live VM that has the device? */
static u32 why_not(struct qgpu_dev *d)
{
	u32 reason = 0;
	struct qgpu_vm *vm;

	rcu_read_lock();
	vm = rcu_dereference(d->owner);
	if (!vm)
		reason = QWAMOS_GPU_REASON_NOT_ATTACHED;
	else if (!qgpu_vm_has_current(vm))
		reason = QWAMOS_GPU_REASON_NOT_MEMBER;
	else if (!qgpu_vm_live(vm))
		reason = QWAMOS_GPU_REASON_VM_ENDED;
	rcu_read_unlock();
	return reason;
}

/**
 * qwamos_gpu_dev_may() - may the current process use the device that somebody has open?
 * @d: the device
 * @way: &enum qwamos_gpu_vfio_op, for the log
 *
 * A device has an owner for as long as it is open, so the owner now is the owner at the open.
 * Return: 0 or -EACCES.
 */
int qwamos_gpu_dev_may(struct qgpu_dev *d, u32 way)
{
	u32 reason = why_not(d);

	return unlikely(reason) ? refuse(d, way, reason, -EACCES) : 0;
}
QGPU_EXPORT(qwamos_gpu_dev_may);

/**
 * qwamos_gpu_dev_is_mine() - does the device belong to the VM that the current process has joined?
 * @d: the device
 *
 * As qwamos_gpu_dev_may(), but only asks: nothing is refused or recorded.
 */
bool qwamos_gpu_dev_is_mine(struct qgpu_dev *d)
{
	return !why_not(d);
}
QGPU_EXPORT(qwamos_gpu_dev_is_mine);

/**
 * qwamos_gpu_dev_not_offered() - the current process may use the device, but not like this
 * @d: the device
 * @way: &enum qwamos_gpu_vfio_op, for the log
 * @reason: &enum qwamos_gpu_reason
 *
 * Return: -EOPNOTSUPP.
 */
int qwamos_gpu_dev_not_offered(struct qgpu_dev *d, u32 way, u32 reason)
{
	return refuse(d, way, reason, -EOPNOTSUPP);
}
QGPU_EXPORT(qwamos_gpu_dev_not_offered);

/* All that an open asks. Called with the registry lock held. */
static u32 why_not_open(struct qgpu_dev *d, struct qgpu_group *g)
{
	u32 reason = why_not(d);

	if (reason)
		return reason;
	if (!g || !qgpu_dev_has_iommu(d))
		return QWAMOS_GPU_REASON_NO_IOMMU;
	if (!d->bound)
		return QWAMOS_GPU_REASON_NOT_BOUND;
	if (qgpu_group_stranger(g))
		return QWAMOS_GPU_REASON_GROUP_NOT_VIABLE;
	if (qgpu_dev_resetting(d))
		return QWAMOS_GPU_REASON_RESETTING;
	if (d->revoking)
		return QWAMOS_GPU_REASON_REVOKED;
	if (d->accepted)
		return 0;
	/* A member that came to our driver only after the DEV_ATTACH may have failed to be cleaned.
	 */
	if (d->quarantined)
		return QWAMOS_GPU_REASON_QUARANTINED;
	if (d->trouble == QWAMOS_GPU_REASON_SCRUB_FAILED)
		return QWAMOS_GPU_REASON_SCRUB;
	if (d->trouble || d->dirt == QGPU_DIRT_HOST)
		return QWAMOS_GPU_REASON_NO_RESET;
	if (d->scrub < d->demanded)
		return QWAMOS_GPU_REASON_SCRUB;
	return 0;
}

static int check_open(struct qgpu_dev *d, u32 way, bool take)
{
	struct qgpu_group *g;
	struct qgpu_vm *vm;
	u32 reason = why_not(d);

	/* Strangers are turned away before anything is gathered for them. */
	if (reason)
		return refuse(d, way, reason, -EACCES);
	g = qgpu_group_gather(d);
	if (IS_ERR(g))
		return PTR_ERR(g);
	mutex_lock(&qgpu_reg_lock);
	reason = why_not_open(d, g);
	if (!reason && take) {
		vm = qgpu_dev_owner(d);
		qgpu_vm_hold(vm);
		d->opens++;
		d->dirt = QGPU_DIRT_VM;
		WRITE_ONCE(vm->devices_open, vm->devices_open + 1);
		qgpu_dev_audit(vm->chain, d, QWAMOS_GPU_EV_DEVICE_OPENED, 0, 0);
	}
	mutex_unlock(&qgpu_reg_lock);
	qgpu_group_drop(g);
	return reason ? refuse(d, way, reason, -EACCES) : 0;
}

/**
 * qwamos_gpu_dev_may_open() - may the current process have an fd of the device?
 * @d: the device
 * @way: &enum qwamos_gpu_vfio_op, for the log
 *
 * Return: 0, -EACCES or -ENOMEM.
 */
int qwamos_gpu_dev_may_open(struct qgpu_dev *d, u32 way)
{
	return check_open(d, way, false);
}
QGPU_EXPORT(qwamos_gpu_dev_may_open);

/**
 * qwamos_gpu_dev_opened() - the current process opens the device as the first one
 * @d: the device
 *
 * On success the VM is held until qwamos_gpu_dev_closed(). Return: 0, -EACCES or -ENOMEM.
 */
int qwamos_gpu_dev_opened(struct qgpu_dev *d)
{
	int ret = check_open(d, QWAMOS_GPU_VFIO_OP_OPEN, true);

	if (!ret)
		qgpu_dev_changed();
	return ret;
}
QGPU_EXPORT(qwamos_gpu_dev_opened);

/**
 * qwamos_gpu_dev_closed() - the last fd of the device is closed
 * @d: the device
 *
 * The device stays its VM's. A VM that has ended gives it back in its end work, which looks again
 * until the device is closed. Waits for the core's calls of the driver; none begins any more.
 */
void qwamos_gpu_dev_closed(struct qgpu_dev *d)
{
	struct qgpu_vm *vm;

	mutex_lock(&qgpu_reg_lock);
	vm = qgpu_dev_owner(d);
	d->opens--;
	WRITE_ONCE(vm->devices_open, vm->devices_open - 1);
	qgpu_dev_audit(vm->chain, d, QWAMOS_GPU_EV_DEVICE_CLOSED, 0, 0);
	qgpu_vm_get(vm);
	if (d->gone)
		qgpu_dev_leave(d, QWAMOS_GPU_REASON_DEVICE_GONE);
	mutex_unlock(&qgpu_reg_lock);
	/* Pairs with qgpu_cut_off(). */
	wait_event(qgpu_registry_wq, !smp_load_acquire(&d->calls));
	qgpu_vm_unhold(vm);
	qgpu_vm_put(vm);
	qgpu_dev_changed();
}
QGPU_EXPORT(qwamos_gpu_dev_closed);

/* What is a manager's to do was tried by somebody who is none: @member's process, or a helper. */
static void audit_barred(struct qgpu_dev *d, struct qgpu_vm *member, u32 event, u32 reason)
{
	qgpu_dev_audit(member ? member->chain : NULL, d, event, reason, -EACCES);
	if (member)
		qgpu_limits_refused(&member->lim, reason);
}

/**
 * qwamos_gpu_dev_request() - somebody waits for the device to be closed
 * @d: the device, open
 *
 * The first call starts the clock, and no close and open stops it: only the driver's leaving does.
 * One by a member of a VM, or by what the kernel has started, starts nothing: no VM is asked, or
 * ended, for another one. VFIO calls in the context of who waits. Return: the VM is to be told.
 */
bool qwamos_gpu_dev_request(struct qgpu_dev *d)
{
	unsigned long timeout;
	struct qgpu_vm *vm;
	u32 barred = qgpu_current_barred(&vm);

	if (barred) {
		audit_barred(d, vm, QWAMOS_GPU_EV_DEVICE_REVOKE_REQUESTED, barred);
		if (vm)
			qgpu_vm_put(vm);
		return false;
	}
	mutex_lock(&qgpu_reg_lock);
	vm = qgpu_dev_owner(d);
	if (d->opens && vm && !d->revoking) {
		d->revoking = true;
		WRITE_ONCE(vm->revoking, vm->revoking + 1);
		qgpu_dev_audit(vm->chain, d, QWAMOS_GPU_EV_DEVICE_REVOKE_REQUESTED, 0, 0);
		wake_up_all(&vm->wq);
		timeout = (unsigned long)READ_ONCE(qgpu_revoke_timeout_s) * HZ;
		d->revoke_at = jiffies + timeout;
		qgpu_dev_arm(d, &d->revoke_work, timeout);
	}
	mutex_unlock(&qgpu_reg_lock);
	qgpu_dev_changed();
	return true;
}
QGPU_EXPORT(qwamos_gpu_dev_request);

/**
 * qwamos_gpu_dev_may_bind() - may our driver have a device? Not if a member of a VM, or what the
 * kernel has started, binds it
 * @pdev: the device, locked
 *
 * Return: 0 or -EACCES.
 */
int qwamos_gpu_dev_may_bind(struct pci_dev *pdev)
{
	struct qgpu_dev *d = qgpu_dev_of(&pdev->dev);
	int ret = 0;

	if (d && d->barred) {
		ret = -EACCES;
		audit_barred(d, d->binder, QWAMOS_GPU_EV_DEVICE_BOUND, d->barred);
	}
	if (d)
		qgpu_dev_put(d);
	return ret;
}
QGPU_EXPORT(qwamos_gpu_dev_may_bind);

/**
 * qwamos_gpu_dev_bound() - our driver has got a device
 * @pdev: the device, locked
 * @driver: the driver
 * @data: for its functions, until qwamos_gpu_dev_unbound() returns
 *
 * It is reset and scrubbed, as whoever had it before left it, as soon as its lock is free, and
 * nobody gets it before it is known that it is not being removed: nobody is to open what goes while
 * whoever removes it waits for its neighbours. Return: the device, with a reference, or NULL if it
 * is not registered, or is seen to go already.
 */
struct qgpu_dev *qwamos_gpu_dev_bound(struct pci_dev *pdev, const struct qgpu_driver *driver,
				      void *data)
{
	struct qgpu_dev *d = qgpu_pci_going(pdev) ? NULL : qgpu_dev_of(&pdev->dev);

	if (!d)
		return NULL;
	mutex_lock(&qgpu_reg_lock);
	d->bound = true;
	d->driver = driver;
	d->driver_data = data;
	if (d->dirt == QGPU_CLEAN)
		d->dirt = QGPU_DIRT_HOST;
	if (qgpu_dev_owner(d) && !d->held_module && try_module_get(driver->owner))
		d->held_module = driver->owner;
	qgpu_dev_audit(NULL, d, QWAMOS_GPU_EV_DEVICE_BOUND, 0, 0);
	d->unsettled = true;
	qgpu_dev_arm(d, &d->settle_work, 0);
	qgpu_clean_start(d, 1);
	mutex_unlock(&qgpu_reg_lock);
	qgpu_clean_retry(pdev);
	qgpu_dev_changed();
	return d;
}
QGPU_EXPORT(qwamos_gpu_dev_bound);

/**
 * qwamos_gpu_dev_unbound() - our driver is leaving a device
 * @d: the device, locked and closed; the reference of qwamos_gpu_dev_bound() is put
 *
 * Waits for a reset or scrub under way: it only tries the device's lock, which the caller holds, so
 * it ends.
 */
void qwamos_gpu_dev_unbound(struct qgpu_dev *d)
{
	struct qgpu_vm *vm;

	mutex_lock(&qgpu_reg_lock);
	d->bound = false;
	d->driver = NULL;
	d->cleaning = false;
	d->unsettled = false;
	qgpu_dev_disarm(d, &d->settle_work);
	if (d->revoking) {
		/* Given back in time. */
		d->revoking = false;
		vm = qgpu_dev_owner(d);
		WRITE_ONCE(vm->revoking, vm->revoking - 1);
		qgpu_dev_disarm(d, &d->revoke_work);
	}
	if (d->dirt == QGPU_CLEAN)
		d->dirt = QGPU_DIRT_HOST;
	qgpu_dev_audit(NULL, d, QWAMOS_GPU_EV_DEVICE_UNBOUND, 0, 0);
	mutex_unlock(&qgpu_reg_lock);
	qgpu_dev_changed();
	wait_event(qgpu_registry_wq, !READ_ONCE(d->running));
	qgpu_clean_retry(to_pci_dev(d->dev));
	qgpu_dev_put(d);
}
QGPU_EXPORT(qwamos_gpu_dev_unbound);
