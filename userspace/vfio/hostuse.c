// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/hostuse.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/file.h"
#include "util/mem.h"
#include "vfio/disks.h"

/**
 * enum qseen - how it shows that nobody uses a device of some class
 * @QSEEN_DISKS: no disk of it is claimed
 * @QSEEN_NETIFS: it has network interfaces, and none is up
 * @QSEEN_USB: it has a root hub, and nothing is plugged in
 * @QSEEN_NODES: no process holds its nodes; without nodes nobody can
 * @QSEEN_TTYS: it has nodes, none is a console, and no process holds one
 * @QSEEN_GPU_SLOT: it is a part of a GPU (its own vendor's, in its slot), and no process holds its
 * nodes
 */
enum qseen {
	QSEEN_DISKS = 1,
	QSEEN_NETIFS,
	QSEEN_USB,
	QSEEN_NODES,
	QSEEN_TTYS,
	QSEEN_GPU_SLOT,
};

/*
 * All classes whose use can be known. A device of any other class (SMBus, ISA, PSP, DMA engines,
 * InfiniBand, management controllers, USB4, ...) is used as long as it has a driver.
 */
static const struct {
	uint32_t class, mask;
	enum qseen seen;
} classes[] = {
	{ 0x010000, 0xff0000, QSEEN_DISKS },	{ 0x020000, 0xffff00, QSEEN_NETIFS }, /* Ethernet */
	{ 0x028000, 0xffff00, QSEEN_NETIFS }, /* Wi-Fi, and what has no subclass */
	{ 0x030000, 0xff0000, QSEEN_NODES },	{ 0x120000, 0xff0000, QSEEN_NODES },
	{ 0x040100, 0xffff00, QSEEN_NODES }, /* audio */
	{ 0x040300, 0xffff00, QSEEN_NODES }, /* HD audio */
	{ 0x070000, 0xffff00, QSEEN_TTYS },	{ 0x0c0300, 0xffffff, QSEEN_USB }, /* UHCI */
	{ 0x0c0310, 0xffffff, QSEEN_USB }, /* OHCI */
	{ 0x0c0320, 0xffffff, QSEEN_USB }, /* EHCI */
	{ 0x0c0330, 0xffffff, QSEEN_USB }, /* xHCI */
	{ 0x0c8000, 0xffff00, QSEEN_GPU_SLOT }, /* USB-C (UCSI) of a GPU */
};

static bool __attribute__((format(printf, 3, 4)))
use_set(struct qhost_use *use, enum quse what, const char *fmt, ...)
{
	va_list ap;

	use->use = what;
	va_start(ap, fmt);
	vsnprintf(use->text, sizeof(use->text), fmt, ap);
	va_end(ap);
	return true;
}

/* Those of which it is known what claims them are told first, those of which nothing is last. */
static bool disks_used(const struct quse_facts *f, struct qhost_use *use)
{
	const struct qdisk *d;

	QMEM_EACH(d, f->disks, f->n_disks)
		if (d->claim == QDISK_CLAIMED && d->detail[0])
			return use_set(use, QUSE_YES, "its disk %s is %s", d->name, d->detail);
	QMEM_EACH(d, f->disks, f->n_disks)
		if (d->claim == QDISK_CLAIMED)
			return use_set(use, QUSE_YES,
				       "its disk %s is claimed (a file system, swap or a volume)",
				       d->name);
	QMEM_EACH(d, f->disks, f->n_disks)
		if (d->claim == QDISK_UNKNOWN)
			return use_set(use, QUSE_UNKNOWN, "whether its disk %s is in use: %s",
				       d->name, d->detail);
	if (f->below.n_lost_disks)
		return use_set(use, QUSE_UNKNOWN, "which disk its part %s belongs to",
			       f->below.lost_disks[0]);
	return false;
}

static bool netifs_used(const struct quse_facts *f, struct qhost_use *use)
{
	const struct qnetif *n;

	QMEM_EACH(n, f->below.netifs, f->below.n_netifs) {
		if (n->up)
			return use_set(use, QUSE_YES, "its network interface %s is up", n->name);
		if (n->upper[0])
			return use_set(use, QUSE_YES, "its network interface %s is part of %s",
				       n->name, n->upper);
	}
	if (f->below.netifs_elsewhere)
		return use_set(use, QUSE_YES,
			       "a network interface of it is in another network namespace");
	return false;
}

/* Is there a use that shows, whatever the device's class? */
static bool seen_used(const struct quse_facts *f, struct qhost_use *use)
{
	const struct qbelow *b = &f->below;

	if (f->controller[0])
		return use_set(use, QUSE_YES, "its controller %s", f->controller);
	if (disks_used(f, use) || netifs_used(f, use))
		return true;
	if (b->n_mdevs)
		return use_set(use, QUSE_YES, "its mediated device %s is active", b->mdevs[0]);
	if (b->usb_device[0])
		return use_set(use, QUSE_YES, "USB %s (%s) is plugged into it", b->usb_device,
			       b->usb_product);
	if (f->console[0])
		return use_set(use, QUSE_YES, "its %s is a console of the kernel", f->console);
	return false;
}

/* Is a device in whose use nothing was seen of a class whose use would show? */
static bool would_show(const struct qpci_dev *d, const struct quse_facts *f)
{
	size_t i;

	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if ((d->class_code & classes[i].mask) == classes[i].class)
			break;
	if (i == sizeof(classes) / sizeof(classes[0]))
		return false;
	switch (classes[i].seen) {
	case QSEEN_NETIFS:
		return f->below.n_netifs;
	case QSEEN_USB:
		return f->below.usb_hub;
	case QSEEN_TTYS:
		return f->below.n_nodes;
	case QSEEN_GPU_SLOT:
		return f->gpu_slot;
	case QSEEN_DISKS:
	case QSEEN_NODES:
		return true;
	}
	return false;
}

void qhostuse_judge(const struct qpci_dev *d, const struct quse_facts *f, struct qhost_use *use)
{
	use->use = QUSE_NO;
	use->text[0] = '\0';
	if (!d->driver[0] || seen_used(f, use))
		return;
	/* Who uses a device through VFIO or UIO holds a node of it. */
	if (qpci_stand_in(d->driver) || would_show(d, f))
		return;
	if (d->class_code >> 16 == 0x02 && !f->below.n_netifs)
		use_set(use, QUSE_UNKNOWN,
			"it is on the driver %s, but no network interface of it is seen here",
			d->driver);
	else
		use_set(use, QUSE_UNKNOWN,
			"it is on the driver %s, and the use of class %06x does not show",
			d->driver, d->class_code);
}

/* "tty0 ttyS4": is a tty of the device among the kernel's consoles? */
static void find_console(struct quse_facts *f)
{
	char active[256], *word, *save;
	size_t i;

	if (qfile_read(AT_FDCWD, "/sys/class/tty/console/active", active, sizeof(active)) <= 0)
		return;
	for (word = strtok_r(active, " ", &save); word; word = strtok_r(NULL, " ", &save))
		for (i = 0; i < f->below.n_nodes; i++)
			if (!strcmp(f->below.nodes[i].name, word))
				snprintf(f->console, sizeof(f->console), "%s", word);
}

static bool has_disks(const struct qpci_dev *d, const struct quse_facts *f)
{
	const struct qbelow_node *node;

	QMEM_EACH(node, f->below.nodes, f->below.n_nodes)
		if (node->block)
			return true;
	return d->class_code >> 16 == 0x01;
}

/* Disks below a device, and the controller itself, which may be exported as a whole. */
static void find_disks(const struct qpci_dev *d, struct quse_facts *f, struct qwriter *w)
{
	struct stat st = { .st_mode = S_IFCHR };
	const struct qbelow_node *node;
	struct qexports x;
	char how[96];

	if (!has_disks(d, f))
		return;
	qexports_gather(&x, w);
	QMEM_EACH(node, f->below.nodes, f->below.n_nodes) {
		st.st_rdev = node->rdev;
		if (node->block)
			qdisk_check(node, w, &x, QMEM_GROW(f->disks, f->n_disks));
		else if (qexports_find(&x, &st, how, sizeof(how)) == QDISK_CLAIMED)
			snprintf(f->controller, sizeof(f->controller), "%.24s is %s", node->name,
				 how);
	}
	qexports_free(&x);
}

void qhostuse_gather(const struct qpci_dev *d, bool gpu_slot, struct qwriter *w,
		     struct qhost_use *use)
{
	struct quse_facts f = { .gpu_slot = gpu_slot };

	qbelow_gather(d->addr, &f.below);
	find_disks(d, &f, w);
	find_console(&f);
	qhostuse_judge(d, &f, use);
	qbelow_free(&f.below);
	free(f.disks);
}
