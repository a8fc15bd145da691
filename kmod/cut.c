// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cutting the devices of an ended VM off, before anything is waited for: killing is a request, and
 * a process that sleeps in the kernel may never grant it.
 *
 * Three things hold from then on until the device is closed: it does no DMA and raises no interrupt
 * by a pin; nobody reaches its memory through a mapping; and it stays in D0, for the way back from
 * a lower state restores what was cut. A call that was under way all that time may still write to
 * the device when it goes on. So the driver tells of each call that returns, and the end's work
 * cuts again in each of its rounds.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include "compat.h"
#include "core.h"
#include "cut.h"
#include "device.h"

/* What an open device does by itself. Written past VFIO and whatever it waits for. */
static void cut_one(struct pci_dev *pdev)
{
	u16 cmd, off;

	if (pci_read_config_word(pdev, PCI_COMMAND, &cmd) || PCI_POSSIBLE_ERROR(cmd))
		return; /* it does not answer, so it does nothing either */
	off = (cmd & ~PCI_COMMAND_MASTER) | PCI_COMMAND_INTX_DISABLE;
	if (off != cmd)
		pci_write_config_word(pdev, PCI_COMMAND, off);
}

/* All of them, for a reset of one restores others. Called with the registry lock held. */
static void cut_all(struct qgpu_vm *vm)
{
	struct qgpu_dev *d;

	list_for_each_entry(d, &qgpu_devs, node)
		if (qgpu_dev_owner(d) == vm && d->opens && dev_is_pci(d->dev))
			cut_one(to_pci_dev(d->dev));
}

/* The next device whose driver has not been told yet. Called with the registry lock held. */
static struct qgpu_dev *untold(struct qgpu_vm *vm)
{
	struct qgpu_dev *d;

	list_for_each_entry(d, &qgpu_devs, node)
		if (qgpu_dev_owner(d) == vm && d->opens && d->driver && !d->withdrawn)
			return d;
	return NULL;
}

/**
 * qgpu_cut_off() - cut off every open device of a VM
 * @vm: the VM, ended; its end work calls, again and again until none is open
 *
 * Waits for the hardware and for no process: first the devices fall silent, then their drivers are
 * told, with no lock held, to take the mappings away.
 */
void qgpu_cut_off(struct qgpu_vm *vm)
{
	const struct qgpu_driver *driver;
	struct qgpu_dev *d;
	bool any = false;

	mutex_lock(&qgpu_reg_lock);
	list_for_each_entry(d, &qgpu_devs, node)
		if (qgpu_dev_owner(d) == vm && d->opens)
			WRITE_ONCE(d->revoked, true);
	/* Whoever returns from a call after this sees it; what was done before is cut below. */
	smp_mb();
	cut_all(vm);
	while ((d = untold(vm))) {
		any = true;
		driver = d->driver;
		d->withdrawn = true;
		d->calls++;
		qgpu_dev_get(d);
		mutex_unlock(&qgpu_reg_lock);
		driver->revoke(d->driver_data);
		mutex_lock(&qgpu_reg_lock);
		/* What the driver has written is seen at the close, by qwamos_gpu_dev_closed(). */
		smp_store_release(&d->calls, d->calls - 1);
		wake_up_all(&qgpu_registry_wq);
		qgpu_dev_put(d);
		/* It is awake now, with what was saved when it went to sleep. */
		cut_all(vm);
	}
	mutex_unlock(&qgpu_reg_lock);
	if (any)
		qgpu_dev_changed();
}

/**
 * qwamos_gpu_dev_back() - a call that may have changed what was cut off has returned
 * @d: the device, open
 */
void qwamos_gpu_dev_back(struct qgpu_dev *d)
{
	struct qgpu_vm *vm;

	smp_mb(); /* pairs with the one of qgpu_cut_off() */
	if (likely(!READ_ONCE(d->revoked)))
		return;
	mutex_lock(&qgpu_reg_lock);
	vm = qgpu_dev_owner(d);
	if (vm && d->revoked)
		cut_all(vm);
	mutex_unlock(&qgpu_reg_lock);
}
QGPU_EXPORT(qwamos_gpu_dev_back);
