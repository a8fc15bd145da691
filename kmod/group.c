// SPDX-License-Identifier: GPL-2.0-only
/* IOMMU groups, as far as the question "may a VM have this?" goes. */
#include <linux/iommu.h>
#include <linux/slab.h>
#include "compat.h"
#include "device.h"

struct gather {
	struct qgpu_group *g;
	size_t room;
};

static bool is_bridge(struct device *dev)
{
	return dev_is_pci(dev) && to_pci_dev(dev)->hdr_type != PCI_HEADER_TYPE_NORMAL;
}

static int count_one(struct device *dev, void *arg)
{
	*(size_t *)arg += !is_bridge(dev);
	return 0;
}

static int gather_one(struct device *dev, void *arg)
{
	struct gather *ga = arg;

	if (is_bridge(dev))
		return 0;
	if (ga->g->n == ga->room)
		return -EAGAIN;
	ga->g->dev[ga->g->n++] = get_device(dev);
	return 0;
}

/** qgpu_group_drop() - drop what qgpu_group_gather() returned; NULL is fine */
void qgpu_group_drop(struct qgpu_group *g)
{
	size_t i;

	for (i = 0; g && i < g->n; i++)
		put_device(g->dev[i]);
	kfree(g);
}

/**
 * qgpu_dev_group_get() - a device's IOMMU group
 * @d: the device
 *
 * Called with the registry lock held: a device that is not gone keeps its IOMMU data for as long.
 * Return: the group, with a reference, or NULL.
 */
struct iommu_group *qgpu_dev_group_get(struct qgpu_dev *d)
{
	lockdep_assert_held(&qgpu_reg_lock);
	return d->gone ? NULL : iommu_group_get(d->dev);
}

/**
 * qgpu_group_gather() - the members of a device's IOMMU group, bridges left out
 * @d: the device
 *
 * Takes the registry lock, then the group's. Return: the group, NULL if the device is in none, or
 * ERR_PTR(-ENOMEM).
 */
struct qgpu_group *qgpu_group_gather(struct qgpu_dev *d)
{
	struct iommu_group *ig;
	struct gather ga;
	int ret;

	mutex_lock(&qgpu_reg_lock);
	ig = qgpu_dev_group_get(d);
	mutex_unlock(&qgpu_reg_lock);
	if (!ig)
		return NULL;
	do {
		ga.room = 0;
		iommu_group_for_each_dev(ig, &ga.room, count_one);
		ga.g = kzalloc(struct_size(ga.g, dev, ga.room), GFP_KERNEL_ACCOUNT);
		if (!ga.g) {
			iommu_group_put(ig);
			return ERR_PTR(-ENOMEM);
		}
		ga.g->id = iommu_group_id(ig);
		ret = iommu_group_for_each_dev(ig, &ga, gather_one);
		if (ret)
			qgpu_group_drop(ga.g); /* it grew meanwhile */
	} while (ret);
	iommu_group_put(ig);
	return ga.g;
}

/*
 * Does what the device does reach host memory through a translation now? A domain may go away under
 * our hands, but not that of a host's driver, while the device's lock keeps that there. Our own
 * driver's devices are reached through VFIO, which brings its own domain, and those without a
 * driver by nobody. Called with the registry lock and the device's lock held.
 */
static bool is_translated(struct qgpu_dev *d)
{
	struct iommu_domain *domain;

	if (!d->dev->driver || d->bound)
		return d->iommu;
	domain = iommu_get_domain_for_dev(d->dev);
	return (domain && domain->type & __IOMMU_DOMAIN_PAGING) || qgpu_platform_has_mmu(d->dev);
}

/**
 * qgpu_dev_ask_iommu() - find out anew what stands between a device and host memory, for VM_CHECK
 * @d: the device
 * @locked: the caller holds the device's lock; else it is tried
 *
 * Called with the registry lock held. Does not sleep.
 */
void qgpu_dev_ask_iommu(struct qgpu_dev *d, bool locked)
{
	qgpu_dev_has_iommu(d);
	if (d->gone || (!locked && !device_trylock(d->dev)))
		return;
	WRITE_ONCE(d->translated, is_translated(d));
	if (!locked)
		device_unlock(d->dev);
}

/**
 * qgpu_dev_has_iommu() - can an IOMMU keep the device to its owner's memory?
 * @d: the device
 *
 * Called with the registry lock held. A group is not enough (no-IOMMU mode fakes one), a
 * translating default domain is not needed (VFIO brings its own).
 */
bool qgpu_dev_has_iommu(struct qgpu_dev *d)
{
	bool has = !d->gone && device_iommu_capable(d->dev, IOMMU_CAP_CACHE_COHERENCY);

	lockdep_assert_held(&qgpu_reg_lock);
	WRITE_ONCE(d->iommu, has);
	WRITE_ONCE(d->iommu_asked, jiffies);
	return has;
}

/* Takes the group's lock. A host driver of a member claims the group too. */
static bool is_claimed(struct qgpu_dev *d)
{
	struct iommu_group *ig;
	bool ret;

	mutex_lock(&qgpu_reg_lock);
	ig = qgpu_dev_group_get(d);
	mutex_unlock(&qgpu_reg_lock);
	if (!ig)
		return false;
	ret = iommu_group_dma_owner_claimed(ig);
	iommu_group_put(ig);
	return ret;
}

/**
 * qgpu_group_held() - does somebody hold the group through VFIO, so that nobody else could open it?
 * @d: a member
 * @g: the group
 *
 * As it was a moment ago: with no lock of ours held, for it takes the group's and the registry's.
 * VFIO holds a group from VFIO_GROUP_SET_CONTAINER, or the iommufd bind, on; a group fd alone is
 * not seen. Not while a host's driver has a member: then VFIO can't, and who has it asks for the
 * stranger first.
 */
bool qgpu_group_held(struct qgpu_dev *d, struct qgpu_group *g)
{
	bool stranger;

	if (!is_claimed(d))
		return false;
	mutex_lock(&qgpu_reg_lock);
	stranger = qgpu_group_stranger(g);
	mutex_unlock(&qgpu_reg_lock);
	return !stranger;
}

/**
 * qgpu_group_stranger() - the member that makes a group not viable
 * @g: the group
 *
 * Called with the registry lock held. A member may be without a driver or on ours. Drivers may
 * change at once after; VFIO keeps host drivers off a group that is open, and every open asks
 * again. Return: the member, or NULL.
 */
struct device *qgpu_group_stranger(struct qgpu_group *g)
{
	struct qgpu_dev *d;
	size_t i;

	for (i = 0; i < g->n; i++) {
		if (!READ_ONCE(g->dev[i]->driver))
			continue;
		d = qgpu_dev_lookup(g->dev[i]);
		if (!d || !d->bound)
			return g->dev[i];
	}
	return NULL;
}
