// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is known of devices that are not there: a GPU that is removed with a VM's data in it is
 * still dirty when it comes back. Kept by place and identity.
 */
#include <linux/slab.h>
#include "device.h"

struct qgpu_memory {
	struct list_head node;
	int domain;
	unsigned int bus, devfn;
	u16 vendor, device, subvendor, subdevice;
	u32 dirt, trouble;
	bool quarantined;
	u64 last_owner;
};

static LIST_HEAD(memories); /* guarded by the registry lock */

static struct qgpu_memory *find(struct pci_dev *pdev)
{
	struct qgpu_memory *m;

	lockdep_assert_held(&qgpu_reg_lock);
	list_for_each_entry(m, &memories, node)
		if (m->domain == pci_domain_nr(pdev->bus) && m->bus == pdev->bus->number &&
		    m->devfn == pdev->devfn && m->vendor == pdev->vendor &&
		    m->device == pdev->device && m->subvendor == pdev->subsystem_vendor &&
		    m->subdevice == pdev->subsystem_device)
			return m;
	return NULL;
}

/** qgpu_memory_alloc() - room for one device, or NULL */
struct qgpu_memory *qgpu_memory_alloc(void)
{
	return kzalloc(sizeof(struct qgpu_memory), GFP_KERNEL);
}

/**
 * qgpu_memory_free() - give room back that was not needed
 * @m: the room, or NULL
 */
void qgpu_memory_free(struct qgpu_memory *m)
{
	kfree(m);
}

/**
 * qgpu_memory_keep() - remember a device's dirt
 * @m: room, taken over
 * @pdev: the device
 * @dirt: &enum qgpu_dirt
 * @trouble: &enum qwamos_gpu_reason
 * @quarantined: in quarantine
 * @last_owner: id of the VM whose dirt it is
 *
 * Called with the registry lock held.
 */
void qgpu_memory_keep(struct qgpu_memory *m, struct pci_dev *pdev, u32 dirt, u32 trouble,
		      bool quarantined, u64 last_owner)
{
	struct qgpu_memory *old = find(pdev);

	if (old) {
		list_del(&old->node);
		kfree(old);
	}
	m->domain = pci_domain_nr(pdev->bus);
	m->bus = pdev->bus->number;
	m->devfn = pdev->devfn;
	m->vendor = pdev->vendor;
	m->device = pdev->device;
	m->subvendor = pdev->subsystem_vendor;
	m->subdevice = pdev->subsystem_device;
	m->dirt = dirt;
	m->trouble = trouble;
	m->quarantined = quarantined;
	m->last_owner = last_owner;
	list_add_tail(&m->node, &memories);
}

/**
 * qgpu_memory_take() - what was remembered of a device, and forget it
 * @pdev: the device
 * @dirt: out, if something was
 * @trouble: out, if something was
 * @quarantined: out, if something was
 * @last_owner: out, if something was
 *
 * Called with the registry lock held. Return: something was.
 */
bool qgpu_memory_take(struct pci_dev *pdev, u32 *dirt, u32 *trouble, bool *quarantined,
		      u64 *last_owner)
{
	struct qgpu_memory *m = find(pdev);

	if (!m)
		return false;
	*dirt = m->dirt;
	*trouble = m->trouble;
	*quarantined = m->quarantined;
	*last_owner = m->last_owner;
	list_del(&m->node);
	kfree(m);
	return true;
}

/** qgpu_memory_exit() - forget everything */
void qgpu_memory_exit(void)
{
	struct qgpu_memory *m, *n;

	list_for_each_entry_safe(m, n, &memories, node) {
		list_del(&m->node);
		kfree(m);
	}
}
