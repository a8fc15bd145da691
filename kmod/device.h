/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices: the registry of PCI endpoints and platform GPUs, who owns them, and their reset and
 * scrub.
 *
 * The registry lock is a leaf: it is never held across a device lock, an IOMMU group's lock, a PCI
 * bus walk, a reset, a scrub or a flush. What needs those is gathered first, without it, and looked
 * at again under it.
 */
#ifndef QWAMOS_GPU_DEVICE_H
#define QWAMOS_GPU_DEVICE_H

#include <linux/hashtable.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/qwamos_gpu.h>
#include "users.h"
#include "vm.h"

struct qgpu_driver;

/**
 * enum qgpu_dirt - what may still be in a device
 * @QGPU_CLEAN: nothing: reset and scrubbed since its last use
 * @QGPU_DIRT_HOST: a host driver's data, or unknown
 * @QGPU_DIRT_VM: a VM's data
 */
enum qgpu_dirt {
	QGPU_CLEAN,
	QGPU_DIRT_HOST,
	QGPU_DIRT_VM,
};

/**
 * struct qgpu_dev - a device
 * @node: in the registry; guarded by the registry lock, like all below but where told otherwise
 * @id_node: in the table of ids; written under the registry lock, read under RCU
 * @rcu: frees it
 * @ref: memory; freed after a grace period, so that one found under RCU may be looked at
 * @id: never reused; constant
 * @bus: &enum qwamos_gpu_bus; constant
 * @dev: the device, with a reference; constant
 * @physfn: of a virtual function: the physical one, with a reference, for the PCI core's ends with
 *     the virtual one's removal; else NULL; constant
 * @gpu: display or accelerator class, or platform GPU; constant
 * @boot_vga: firmware's console; constant
 * @owner: the VM that has it, with a reference; written under the registry lock, read under RCU as
 *     well
 * @last_owner: id of the last VM that had it, 0: none
 * @generation: counts owners
 * @bound: on our driver
 * @barred: &enum qwamos_gpu_reason why who is binding the device to a driver may not have it on
 *     ours; guarded by the device's lock
 * @binder: the VM whose member that is, with a reference, or NULL; likewise
 * @gone: removed; out of the registry
 * @memory: room to remember it in when it is removed; so that this can't fail
 * @driver: our driver, while @bound
 * @driver_data: for its functions
 * @held_module: the driver's, while a VM has the device: no rmmod then
 * @dirt: &enum qgpu_dirt
 * @trouble: why it could not be cleaned last time (&enum qwamos_gpu_reason), 0: it could
 * @quarantined: and a VM's dirt is in it
 * @accepted: leftovers accepted for the next DEV_ATTACH, or for this owner
 * @scrub: &enum qwamos_gpu_scrub reached last time
 * @demanded: &enum qwamos_gpu_scrub that its owner's DEV_ATTACH demanded of it
 * @opens: 1 while VFIO has it open
 * @revoked: its VM has ended while it was open: cut off (cut.c); also read without the lock
 * @withdrawn: and its driver has been told
 * @calls: of @driver's functions, under way: a close waits
 * @cleaning: to be reset and scrubbed
 * @running: a reset or scrub is under way right now: the driver can't leave
 * @tries: of the current cleaning, while a lock was taken
 * @fails: of the current cleaning, in earnest
 * @clean_work: resets and scrubs; like the other two only queued by qgpu_dev_arm()
 * @unsettled: bound, but a removal may be under way; reported and refused as RESETTING
 * @settle_work: waits for removals, then clears @unsettled
 * @revoking: asked back
 * @revoke_at: when its VM is ended if it does not give it back, in jiffies
 * @revoke_work: ends it
 * @told: state that was told last, 0: none
 * @iommu: it had an IOMMU when that was looked at last; like @gone, @quarantined and @accepted
 *     written under the registry lock, but read without it by VM_CHECK
 * @translated: a domain that translates, or an MMU of its own, stood between it and host memory
 * then; likewise
 * @iommu_asked: when that was, in jiffies
 * @users: VMs that have charges or guarantees on it
 */
struct qgpu_dev {
	struct list_head node;
	struct hlist_node id_node;
	struct rcu_head rcu;
	struct kref ref;
	u64 id;
	u32 bus;
	struct device *dev;
	struct pci_dev *physfn;
	bool gpu;
	bool boot_vga;
	struct qgpu_vm __rcu *owner;
	u64 last_owner;
	u64 generation;
	bool bound;
	u32 barred;
	struct qgpu_vm *binder;
	bool gone;
	struct qgpu_memory *memory;
	const struct qgpu_driver *driver;
	void *driver_data;
	struct module *held_module;
	u32 dirt;
	u32 trouble;
	bool quarantined;
	bool accepted;
	u32 scrub;
	u32 demanded;
	u32 opens;
	bool revoked;
	bool withdrawn;
	u32 calls;
	bool cleaning;
	bool running;
	u32 tries;
	u32 fails;
	struct delayed_work clean_work;
	bool unsettled;
	struct delayed_work settle_work;
	bool revoking;
	unsigned long revoke_at;
	struct delayed_work revoke_work;
	u32 told;
	bool iommu;
	bool translated;
	unsigned long iommu_asked;
	struct qgpu_users users;
};

extern struct mutex qgpu_reg_lock;
extern struct list_head qgpu_devs;
extern unsigned int qgpu_revoke_timeout_s;

/* Devices by their ids; written under the registry lock, read under RCU. */
#define QGPU_DEV_IDS_BITS 6
extern DECLARE_HASHTABLE(qgpu_dev_ids, QGPU_DEV_IDS_BITS);

/* registry.c */
int qgpu_registry_init(void);
void qgpu_registry_exit(void);
struct qgpu_dev *qgpu_dev_of(struct device *dev);
struct qgpu_dev *qgpu_dev_lookup(struct device *dev);
struct qgpu_dev *qgpu_dev_by_id(u64 id);
void qgpu_dev_get(struct qgpu_dev *d);
void qgpu_dev_put(struct qgpu_dev *d);
void qgpu_dev_arm(struct qgpu_dev *d, struct delayed_work *work, unsigned long delay);
void qgpu_dev_disarm(struct qgpu_dev *d, struct delayed_work *work);
void qgpu_dev_work_done(struct qgpu_dev *d);
void qgpu_dev_changed(void);
u64 qgpu_registry_events(void);
extern wait_queue_head_t qgpu_registry_wq;

static inline struct qgpu_vm *qgpu_dev_owner(struct qgpu_dev *d)
{
	return rcu_dereference_protected(d->owner, lockdep_is_held(&qgpu_reg_lock));
}

/** qgpu_dev_resetting() - not available yet; called with the registry lock held */
static inline bool qgpu_dev_resetting(const struct qgpu_dev *d)
{
	lockdep_assert_held(&qgpu_reg_lock);
	return d->cleaning || d->running || d->unsettled;
}

/** qgpu_dev_find() - the device of an id, or NULL; called under RCU, takes no reference */
static __always_inline struct qgpu_dev *qgpu_dev_find(u64 id)
{
	struct qgpu_dev *d;

	hash_for_each_possible_rcu(qgpu_dev_ids, d, id_node, id)
		if (d->id == id)
			return d;
	return NULL;
}

void qgpu_dev_audit(struct qgpu_chain *chain, const struct qgpu_dev *d, u32 event, u32 reason,
		    int result);
void qgpu_dev_leave(struct qgpu_dev *d, u32 reason);

/* verdict.c */
u32 qgpu_dev_verdict(struct qgpu_dev *d, struct qgpu_vm *vm, u32 rule, bool passthrough);

/**
 * qgpu_dev_to_use() - a GPU that is there
 * @id: its id
 *
 * Called under RCU; no reference is taken. Return: the device, or NULL.
 */
static __always_inline struct qgpu_dev *qgpu_dev_to_use(u64 id)
{
	struct qgpu_dev *d = qgpu_dev_find(id);

	return d && d->gpu && !READ_ONCE(d->gone) ? d : NULL;
}

/**
 * qgpu_dev_plainly_usable() - may a VM use a GPU, as can be told without a closer look?
 * @d: the GPU; under RCU, of whichever flavour
 * @vm: the VM
 * @rule: the QGPU_RULE() that it is judged by: its level, and whether it is alone
 *
 * As qgpu_dev_verdict() for what is not passthrough, but takes no lock and walks no list. Return:
 * true: the verdict is NONE; false: ask qgpu_dev_verdict().
 */
static __always_inline bool qgpu_dev_plainly_usable(const struct qgpu_dev *d,
						    const struct qgpu_vm *vm, u32 rule)
{
	const struct qgpu_level *l = qgpu_level(QGPU_RULE_LEVEL(rule) >> 8);
	const struct qgpu_vm *owner;

	if (unlikely(!l || (l->needs_iommu && !READ_ONCE(d->translated))))
		return false;
	owner = rcu_access_pointer(d->owner);
	/* One that goes into quarantine does so before its owner is gone. */
	smp_rmb();
	if (owner ? owner != vm : !qgpu_users_may_share(&d->users, l, rule))
		return false;
	return !READ_ONCE(d->quarantined);
}

/* platform.c */
bool qgpu_platform_is_gpu(struct device *dev);
bool qgpu_platform_has_mmu(struct device *dev);

/* memory.c: what is known of devices that are not there */
struct qgpu_memory *qgpu_memory_alloc(void);
void qgpu_memory_free(struct qgpu_memory *m);
void qgpu_memory_keep(struct qgpu_memory *m, struct pci_dev *pdev, u32 dirt, u32 trouble,
		      bool quarantined, u64 last_owner);
bool qgpu_memory_take(struct pci_dev *pdev, u32 *dirt, u32 *trouble, bool *quarantined,
		      u64 *last_owner);
void qgpu_memory_exit(void);

/* group.c */

/**
 * struct qgpu_group - an IOMMU group, as it was a moment ago
 * @id: its number
 * @n: endpoints and whatever else is in it but bridges
 * @dev: they, each with a reference
 */
struct qgpu_group {
	u32 id;
	size_t n;
	struct device *dev[];
};

struct iommu_group *qgpu_dev_group_get(struct qgpu_dev *d);
struct qgpu_group *qgpu_group_gather(struct qgpu_dev *d);
void qgpu_group_drop(struct qgpu_group *g);
bool qgpu_dev_has_iommu(struct qgpu_dev *d);
void qgpu_dev_ask_iommu(struct qgpu_dev *d, bool locked);
bool qgpu_group_held(struct qgpu_dev *d, struct qgpu_group *g);
struct device *qgpu_group_stranger(struct qgpu_group *g);

/* reset.c */

/**
 * struct qgpu_reset_set - all functions that one bus or slot reset touches, as they were a moment
 * ago
 * @id: the same for all of them
 * @works: such a reset exists
 * @alone: nothing else is on the bus, not even a bridge
 * @n: their number
 * @dev: they, each with a reference
 */
struct qgpu_reset_set {
	u32 id;
	bool works;
	bool alone;
	size_t n;
	struct device *dev[];
};

struct qgpu_reset_set *qgpu_reset_set_gather(struct pci_dev *pdev);
void qgpu_reset_set_drop(struct qgpu_reset_set *s);
u32 qgpu_reset_methods(struct pci_dev *pdev, struct qgpu_reset_set *s);
u32 qgpu_reset_possible(struct qgpu_dev *d, struct qgpu_reset_set *s, u32 methods, u64 owner,
			bool *busy);
void qgpu_clean_start(struct qgpu_dev *d, unsigned long delay);
void qgpu_clean_retry(struct pci_dev *pdev);
void qgpu_clean_work_fn(struct work_struct *work);

/* mend.c */
bool qgpu_mend(struct pci_dev *pdev);

/* scrub.c */
u32 qgpu_scrub_best(struct pci_dev *pdev);
int qgpu_scrub(struct pci_dev *pdev, u32 *reached, u64 *bytes);

/* device.c */
void qgpu_dev_tell(struct qgpu_dev *d, struct qwamos_gpu_dev *out);
long qgpu_dev_list(u64 after, u32 room, struct qwamos_gpu_dev *out, u64 *left);
void qgpu_dev_tell_state(struct qgpu_dev *d);
void qgpu_dev_states_work_fn(struct work_struct *work);
void qgpu_revoke_work_fn(struct work_struct *work);
void qgpu_settle_work_fn(struct work_struct *work);

/* attach.c */
int qgpu_attach(struct qgpu_vm *vm, struct qwamos_gpu_dev_attach *arg, u32 *reason);
int qgpu_detach(struct qgpu_vm *vm, u64 device_id, bool kill, u32 *reason);
int qgpu_release(u64 device_id, u32 *reason);
bool qgpu_attached_fits(struct qgpu_vm *vm, u32 level);
void qgpu_end_work_fn(struct work_struct *work);

#endif /* QWAMOS_GPU_DEVICE_H */
