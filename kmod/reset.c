// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reset sets, and the work that resets and scrubs a device.
 *
 * The unit of reset is all that one bus or slot reset touches. A function with a reset of its own
 * is reset alone; else the whole set is, if it is in one VM's hands or in nobody's and on our
 * driver or on none. A set that spans two owners is never reset as a whole.
 */
#include <linux/delay.h>
#include <linux/pm_runtime.h>
#include <linux/slab.h>
#include "compat.h"
#include "device.h"

#define RETRY_MS 20
#define RETRIES	 1500 /* 30 s: longer than any host driver holds a device lock in earnest */

#define FAILURES   3 /* a reset or scrub that fails is tried so often */
#define FAILURE_MS 200

#define OWN_RESETS                                                                         \
	(QWAMOS_GPU_RESET_DEVICE_SPECIFIC | QWAMOS_GPU_RESET_ACPI | QWAMOS_GPU_RESET_FLR | \
	 QWAMOS_GPU_RESET_AF_FLR | QWAMOS_GPU_RESET_PM | QWAMOS_GPU_RESET_BUS)

struct walk {
	struct qgpu_reset_set *s;
	struct pci_dev *pdev;
	size_t room;
	size_t seen;
	bool works;
};

/*
 * Called with pci_bus_sem held, which the probes' own walks need; one that is off its bus is not
 * seen.
 */
static int walk_one(struct pci_dev *pdev, void *arg)
{
	struct walk *w = arg;

	w->seen++;
	if (pdev == w->pdev)
		w->works = !pci_probe_reset_slot(pdev->slot) || !pci_probe_reset_bus(pdev->bus);
	if (pdev->hdr_type != PCI_HEADER_TYPE_NORMAL || !w->s)
		return 0;
	if (w->s->n < w->room)
		w->s->dev[w->s->n] = get_device(&pdev->dev);
	w->s->n++;
	return 0;
}

/** qgpu_reset_set_drop() - drop what qgpu_reset_set_gather() returned; NULL is fine */
void qgpu_reset_set_drop(struct qgpu_reset_set *s)
{
	size_t i;

	for (i = 0; s && i < s->n; i++)
		put_device(s->dev[i]);
	kfree(s);
}

/**
 * qgpu_reset_set_gather() - all functions that a bus or slot reset of a device touches
 * @pdev: the device
 *
 * Takes the PCI bus semaphore. Return: the set, NULL if there is no such reset (root bus, virtual
 * function), or ERR_PTR(-ENOMEM).
 */
struct qgpu_reset_set *qgpu_reset_set_gather(struct pci_dev *pdev)
{
	struct walk w = { .pdev = pdev };

	if (pdev->is_virtfn || pci_is_root_bus(pdev->bus))
		return NULL;
	pci_walk_bus(pdev->bus, walk_one, &w);
	for (;;) {
		w.room = w.seen;
		w.seen = 0;
		w.s = kzalloc(struct_size(w.s, dev, w.room), GFP_KERNEL);
		if (!w.s)
			return ERR_PTR(-ENOMEM);
		pci_walk_bus(pdev->bus, walk_one, &w);
		if (w.s->n <= w.room)
			break;
		w.s->n = w.room; /* it grew meanwhile */
		qgpu_reset_set_drop(w.s);
	}
	w.s->id = (u32)pci_domain_nr(pdev->bus) << 8 | pdev->bus->number;
	w.s->works = w.works;
	w.s->alone = w.seen == 1;
	return w.s;
}

/**
 * qgpu_reset_methods() - the ways to reset a device that are not stale
 * @pdev: the device
 * @s: its reset set, or NULL
 *
 * What sysfs reset_method calls "bus" was probed once and is wrong as soon as the bus is shared.
 * Return: QWAMOS_GPU_RESET_*.
 */
u32 qgpu_reset_methods(struct pci_dev *pdev, struct qgpu_reset_set *s)
{
	static const u32 bits[] = {
		[QGPU_PCI_RESET_DEVICE_SPECIFIC] = QWAMOS_GPU_RESET_DEVICE_SPECIFIC,
		[QGPU_PCI_RESET_ACPI] = QWAMOS_GPU_RESET_ACPI,
		[QGPU_PCI_RESET_FLR] = QWAMOS_GPU_RESET_FLR,
		[QGPU_PCI_RESET_AF_FLR] = QWAMOS_GPU_RESET_AF_FLR,
		[QGPU_PCI_RESET_PM] = QWAMOS_GPU_RESET_PM,
	};
	u32 ret = 0;
	int i;

	for (i = 0; i < PCI_NUM_RESET_METHODS && pdev->reset_methods[i]; i++)
		if (pdev->reset_methods[i] < ARRAY_SIZE(bits))
			ret |= bits[pdev->reset_methods[i]];
	if (s && s->works)
		ret |= s->alone ? QWAMOS_GPU_RESET_BUS : QWAMOS_GPU_RESET_SET;
	return ret;
}

/**
 * qgpu_reset_possible() - which reset may be used now?
 * @d: the device
 * @s: its reset set, or NULL
 * @methods: of it
 * @owner: id of the VM that has it, or had it last
 * @busy: out: the whole set can't be reset before a member is given back or another reset ends
 *
 * Called with the registry lock held. Return: those of @methods that may be used.
 */
u32 qgpu_reset_possible(struct qgpu_dev *d, struct qgpu_reset_set *s, u32 methods, u64 owner,
			bool *busy)
{
	struct qgpu_vm *vm;
	struct qgpu_dev *m;
	size_t i;

	lockdep_assert_held(&qgpu_reg_lock);
	*busy = false;
	if (!(methods & QWAMOS_GPU_RESET_SET))
		return methods;
	for (i = 0; i < s->n; i++) {
		if (s->dev[i] == d->dev)
			continue;
		m = qgpu_dev_lookup(s->dev[i]);
		if (!m || (READ_ONCE(m->dev->driver) && !m->bound))
			return methods & OWN_RESETS;
		vm = qgpu_dev_owner(m);
		if (vm && vm->id != owner && qgpu_vm_live(vm))
			return methods & OWN_RESETS;
		if (m->opens || m->running || (vm && vm->id != owner))
			*busy = true;
	}
	return methods;
}

/**
 * qgpu_clean_start() - have a device reset and scrubbed
 * @d: the device, on our driver
 * @delay: in jiffies
 *
 * Called with the registry lock held. The device is RESETTING until it is done; one that was
 * removed is left as it is.
 */
void qgpu_clean_start(struct qgpu_dev *d, unsigned long delay)
{
	lockdep_assert_held(&qgpu_reg_lock);
	if (d->gone)
		return;
	d->cleaning = true;
	d->tries = 0;
	d->fails = 0;
	qgpu_dev_arm(d, &d->clean_work, delay);
}

/**
 * qgpu_clean_retry() - a function has changed hands: clean again what could not be cleaned because
 * of it
 * @pdev: the function that our driver has got, or another driver has left
 *
 * Called without the registry lock.
 */
void qgpu_clean_retry(struct pci_dev *pdev)
{
	struct qgpu_reset_set *s = qgpu_reset_set_gather(pdev);
	struct qgpu_dev *m;
	size_t i;

	if (IS_ERR_OR_NULL(s))
		return;
	mutex_lock(&qgpu_reg_lock);
	for (i = 0; i < s->n; i++) {
		m = qgpu_dev_lookup(s->dev[i]);
		if (m && s->dev[i] != &pdev->dev && m->bound && m->trouble && !m->cleaning &&
		    !qgpu_dev_owner(m))
			qgpu_clean_start(m, 1);
	}
	mutex_unlock(&qgpu_reg_lock);
	qgpu_reset_set_drop(s);
}

/* Mark the members of a reset as running or not. Called with the registry lock held. */
static void set_running(struct qgpu_dev *d, struct qgpu_reset_set *s, bool whole, bool on)
{
	struct qgpu_dev *m;
	size_t i;

	d->running = on;
	for (i = 0; whole && i < s->n; i++) {
		m = qgpu_dev_lookup(s->dev[i]);
		if (m)
			m->running = on;
	}
}

/* Is there somebody in the set who must be awake for the reset? The device itself is in the set. */
static int power_up(struct qgpu_dev *d, struct qgpu_reset_set *s, bool whole)
{
	size_t i;
	int ret;

	if (!whole)
		return pm_runtime_resume_and_get(d->dev);
	for (i = 0; i < s->n; i++) {
		ret = pm_runtime_resume_and_get(s->dev[i]);
		if (ret < 0)
			goto err;
	}
	return 0;
err:
	while (i--)
		pm_runtime_put(s->dev[i]);
	return ret;
}

static void power_down(struct qgpu_dev *d, struct qgpu_reset_set *s, bool whole)
{
	size_t i;

	if (!whole)
		pm_runtime_put(d->dev);
	for (i = 0; whole && i < s->n; i++)
		pm_runtime_put(s->dev[i]);
}

/* A cleaning is over. Called with the registry lock held. */
static void finish(struct qgpu_dev *d, u32 trouble, u32 reached)
{
	d->cleaning = false;
	d->trouble = trouble;
	if (!trouble) {
		d->dirt = QGPU_CLEAN;
		d->scrub = reached;
		WRITE_ONCE(d->quarantined, false);
		return;
	}
	d->scrub = QWAMOS_GPU_SCRUB_NONE;
	qgpu_dev_audit(NULL, d, QWAMOS_GPU_EV_DEVICE_FAILED, trouble, -EIO);
	if (d->dirt == QGPU_DIRT_VM) {
		WRITE_ONCE(d->quarantined, true);
		qgpu_dev_audit(NULL, d, QWAMOS_GPU_EV_DEVICE_QUARANTINED, trouble, 0);
		dev_warn(d->dev, "qwamos_gpu: in quarantine, could not be %s after a VM had it\n",
			 trouble == QWAMOS_GPU_REASON_SCRUB_FAILED ? "scrubbed" : "reset");
	}
}

/* As far as others have left it so. Return: 0, or -EAGAIN if its lock is taken. */
static int mend_one(struct qgpu_dev *d)
{
	struct pci_dev *pdev = to_pci_dev(d->dev);

	if (!pci_dev_trylock(pdev))
		return -EAGAIN;
	qgpu_mend(pdev);
	pci_dev_unlock(pdev);
	return 0;
}

/*
 * Scrub one device after its reset, with nothing of ours locked but @running set. The device's own
 * lock keeps resets by others (VFIO's of a sibling's close) from it meanwhile. Return: 0, or
 * -EAGAIN if its lock is taken or a rescan took its addresses away under our hands.
 */
static int scrub_one(struct qgpu_dev *d, u32 *reached, u32 *trouble)
{
	struct pci_dev *pdev = to_pci_dev(d->dev);
	struct qgpu_event ev = {
		.event = QWAMOS_GPU_EV_DEVICE_SCRUBBED,
		.level = QWAMOS_GPU_LEVEL_NONE,
		.device_id = d->id,
		.device_name = dev_name(d->dev),
	};
	int ret;

	if (!pci_dev_trylock(pdev))
		return -EAGAIN;
	qgpu_mend(pdev);
	ret = qgpu_scrub(pdev, reached, &ev.used);
	*trouble = ret ? QWAMOS_GPU_REASON_SCRUB_FAILED : 0;
	ret = ret && qgpu_mend(pdev) ? -EAGAIN : 0;
	pci_dev_unlock(pdev);
	ev.limit = *reached;
	if (!*trouble && *reached != QWAMOS_GPU_SCRUB_NA && *reached != QWAMOS_GPU_SCRUB_NONE)
		qgpu_audit(NULL, &ev);
	return ret;
}

/* Scrub and finish every other member of the set that was waiting for this reset. */
static void finish_others(struct qgpu_dev *d, struct qgpu_reset_set *s)
{
	u32 reached, trouble;
	struct qgpu_dev *m;
	size_t i;

	for (i = 0; i < s->n; i++) {
		mutex_lock(&qgpu_reg_lock);
		m = qgpu_dev_lookup(s->dev[i]);
		if (m && (m == d || !m->cleaning || !m->bound))
			m = NULL;
		if (m)
			qgpu_dev_get(m);
		mutex_unlock(&qgpu_reg_lock);
		if (!m)
			continue;
		reached = QWAMOS_GPU_SCRUB_NONE;
		qgpu_dev_audit(NULL, m, QWAMOS_GPU_EV_DEVICE_RESET, 0, 0);
		/* If its lock is taken, or it fails, its own work does it all again. */
		if (!scrub_one(m, &reached, &trouble) && !trouble) {
			mutex_lock(&qgpu_reg_lock);
			finish(m, trouble, reached);
			mutex_unlock(&qgpu_reg_lock);
		}
		qgpu_dev_put(m);
	}
}

/*
 * One reset and scrub, with @running set. Return: 0, -EAGAIN if somebody was in the way, or why the
 * reset failed; *@trouble is why the scrub did.
 */
static int clean_once(struct qgpu_dev *d, struct qgpu_reset_set *s, bool whole, u32 can,
		      u32 *reached, u32 *trouble)
{
	struct pci_dev *pdev = to_pci_dev(d->dev);
	bool by_bus = whole || !(can & ~QWAMOS_GPU_RESET_BUS & OWN_RESETS);
	int ret;

	ret = power_up(d, s, whole);
	if (ret)
		return ret;
	ret = mend_one(d);
	if (ret)
		goto out;
	ret = by_bus ? pci_reset_bus(pdev) : pci_try_reset_function(pdev);
	if (ret)
		goto out;
	qgpu_dev_audit(NULL, d, QWAMOS_GPU_EV_DEVICE_RESET, 0, 0);
	ret = scrub_one(d, reached, trouble);
	if (whole)
		finish_others(d, s);
out:
	power_down(d, s, whole);
	return ret;
}

/**
 * qgpu_clean_work_fn() - reset and scrub one device, with the rest of its reset set if need be
 * @work: &qgpu_dev.clean_work
 *
 * The registry lock is dropped over the reset; @running keeps our driver on the device meanwhile
 * (its remove waits), and a device that is cleaning can't be opened or attached. Device locks are
 * only tried: an unbind that waits for a VMM may hold one for long.
 */
void qgpu_clean_work_fn(struct work_struct *work)
{
	struct qgpu_dev *d = container_of(to_delayed_work(work), struct qgpu_dev, clean_work);
	struct pci_dev *pdev = to_pci_dev(d->dev);
	struct qgpu_reset_set *s = qgpu_reset_set_gather(pdev);
	u32 reached = QWAMOS_GPU_SCRUB_NONE, trouble = 0, methods;
	bool busy, whole, cleaned;
	struct qgpu_vm *vm;
	u32 can;
	int ret;

	if (IS_ERR(s)) {
		/* Without memory; unless it was removed meanwhile. */
		mutex_lock(&qgpu_reg_lock);
		if (!d->gone)
			qgpu_dev_arm(d, &d->clean_work, HZ);
		mutex_unlock(&qgpu_reg_lock);
		qgpu_dev_work_done(d);
		return;
	}
	methods = qgpu_reset_methods(pdev, s);
	mutex_lock(&qgpu_reg_lock);
	if (!d->cleaning || !d->bound || d->gone)
		goto out_unlock;
	vm = qgpu_dev_owner(d);
	can = qgpu_reset_possible(d, s, methods, vm ? vm->id : d->last_owner, &busy);
	whole = !(can & OWN_RESETS) && (can & QWAMOS_GPU_RESET_SET);
	if (d->running || d->opens || (whole && busy)) {
		/* Somebody else's turn; that it lasts says nothing of this device. */
		qgpu_dev_arm(d, &d->clean_work, msecs_to_jiffies(RETRY_MS));
		goto out_unlock;
	}
	if (!can) {
		if (++d->fails < FAILURES)
			qgpu_dev_arm(d, &d->clean_work, msecs_to_jiffies(FAILURE_MS));
		else
			finish(d, QWAMOS_GPU_REASON_NO_RESET, 0);
		goto out_unlock;
	}
	set_running(d, s, whole, true);
	mutex_unlock(&qgpu_reg_lock);

	ret = clean_once(d, s, whole, can, &reached, &trouble);

	mutex_lock(&qgpu_reg_lock);
	set_running(d, s, whole, false);
	if (d->gone) {
		/* Whoever removes it stops this work, which must not be armed from then on. */
		d->cleaning = false;
	} else if (ret == -EAGAIN && ++d->tries < RETRIES) {
		qgpu_dev_arm(d, &d->clean_work, msecs_to_jiffies(RETRY_MS));
	} else if ((ret || trouble) && ++d->fails < FAILURES) {
		/* It may have met a removal or a rescan next door; quarantine is for what lasts. */
		dev_info(d->dev, "qwamos_gpu: %s failed (%d), trying again\n",
			 ret ? "reset" : "scrub", ret);
		qgpu_dev_arm(d, &d->clean_work, msecs_to_jiffies(FAILURE_MS));
	} else {
		finish(d, ret ? QWAMOS_GPU_REASON_RESET_FAILED : trouble, reached);
	}
out_unlock:
	cleaned = !d->cleaning && d->dirt == QGPU_CLEAN;
	mutex_unlock(&qgpu_reg_lock);
	qgpu_reset_set_drop(s);
	if (cleaned)
		qgpu_clean_retry(pdev);
	qgpu_dev_changed();
	qgpu_dev_work_done(d);
}
