// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/gather.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/libqwamos-gpu.h"
#include "util/file.h"
#include "util/mem.h"
#include "util/task.h"
#include "vfio/holders.h"
#include "vfio/hostuse.h"
#include "vfio/journal.h"
#include "vfio/modules.h"
#include "vfio/persist.h"
#include "vfio/writer.h"

#define SYS "/sys"

static void name_owner(struct qvfio_dev *d, const struct qwamos_gpu_vm *vm)
{
	snprintf(d->owner, sizeof(d->owner), "%.*s", (int)sizeof(vm->name) - 1, vm->name);
	d->threads_left = vm->threads_left;
	if (vm->thread_left)
		qtask_read(vm->thread_left, &d->left);
}

static void name_owners(int ctl, struct qvfio_state *st)
{
	struct qwamos_gpu_vm *vms;
	size_t i, k, n;

	for (i = 0; i < st->n; i++)
		if (st->devs[i].kernel_known && st->devs[i].kernel.owner_vm_id)
			break;
	if (i == st->n || libqg_vm_list(ctl, &vms, &n, NULL))
		return;
	for (i = 0; i < st->n; i++)
		for (k = 0; k < n; k++)
			if (st->devs[i].kernel_known &&
			    st->devs[i].kernel.owner_vm_id == vms[k].vm_id)
				name_owner(&st->devs[i], &vms[k]);
	free(vms);
}

void qgather_kernel(struct qvfio_state *st)
{
	struct qwamos_gpu_dev *devs = NULL;
	struct qvfio_dev *d;
	size_t i, n = 0;
	int ctl, err;

	st->module_loaded = false;
	st->module_error[0] = '\0';
	for (i = 0; i < st->n; i++)
		st->devs[i].kernel_known = false;
	ctl = libqg_open();
	err = ctl < 0 ? ctl : libqg_dev_list(ctl, &devs, &n, NULL);
	if (!err) {
		st->module_loaded = true;
		for (i = 0; i < n; i++) {
			d = qstate_find(st, devs[i].bus_name);
			if (!d)
				continue;
			d->kernel = devs[i];
			d->kernel_known = true;
		}
		name_owners(ctl, st);
	} else if (err != -ENOENT && err != -ENXIO && err != -ENODEV) {
		snprintf(st->module_error, sizeof(st->module_error), "%s: %s", QWAMOS_GPU_DEVICE,
			 strerrordesc_np(-err));
	}
	free(devs);
	if (ctl >= 0)
		close(ctl);
}

/* Does this run have to do with the device, so that its holders matter? */
static bool wanted(const struct qvfio_state *st, const struct qvfio_dev *d,
		   const char *const *addrs, size_t n)
{
	char addr[QPCI_ADDR_LEN];
	const struct qvfio_dev *asked;
	size_t i;

	if (d->pci.kind == QPCI_BRIDGE)
		return false;
	for (i = 0; i < n; i++) {
		if (!qpci_parse_addr(addrs[i], addr))
			continue;
		asked = qstate_find(st, addr);
		if (asked && (asked == d || qstate_together(asked, d)))
			return true;
	}
	return !addrs;
}

/* Is the device a part of a GPU: in its slot, and of the same vendor? */
static bool in_gpu_slot(const struct qvfio_state *st, const struct qvfio_dev *d)
{
	size_t i;

	for (i = 0; i < st->n; i++)
		if (st->devs[i].pci.kind == QPCI_GPU && st->devs[i].pci.vendor == d->pci.vendor &&
		    qpci_same_slot(st->devs[i].pci.addr, d->pci.addr))
			return true;
	return false;
}

void qgather_host_use(const struct qvfio_state *st, struct qvfio_dev *d, struct qwriter *w)
{
	if (!qstate_ours(d))
		qhostuse_gather(&d->pci, in_gpu_slot(st, d), w, &d->host_use);
}

static void gather_use(struct qvfio_state *st, unsigned int flags, const char *const *addrs,
		       size_t n, struct qwriter *w)
{
	bool *which = qmem_calloc(st->n, sizeof(*which));
	size_t i;

	for (i = 0; i < st->n; i++)
		which[i] = wanted(st, &st->devs[i], addrs, n);
	/* Before the child comes that opens disks, which would be looked at, too. */
	if (flags & QGATHER_HOLDERS)
		qholders_gather(st->devs, st->n, which);
	for (i = 0; i < st->n && flags & QGATHER_HOST_USE; i++)
		if (which[i])
			qgather_host_use(st, &st->devs[i], w);
	free(which);
}

/* How long a device's lock is waited for, in ms: a driver's start holds it for seconds. */
#define ATTR_MS		1500
#define ATTR_PATIENT_MS 20000

static int read_attr(struct qwriter *w, struct qvfio_dev *d, const char *name, char *buf,
		     size_t len, int timeout_ms)
{
	char path[128];
	int n;

	snprintf(path, sizeof(path), SYS "/bus/pci/devices/%s/%s", d->pci.addr, name);
	n = qwriter_read(w, path, buf, len, timeout_ms);
	if (n == -ETIMEDOUT)
		d->stuck = true;
	return n;
}

static bool has_attr(const struct qvfio_dev *d, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), SYS "/bus/pci/devices/%s/%s", d->pci.addr, name);
	return qfile_exists(AT_FDCWD, path);
}

static void gather_attrs(struct qvfio_state *st, struct qwriter *w, int timeout_ms)
{
	struct qvfio_dev *d;
	char text[32];
	size_t i;

	for (i = 0; i < st->n; i++) {
		d = &st->devs[i];
		if (d->pci.kind == QPCI_BRIDGE)
			continue;
		read_attr(w, d, "driver_override", d->pci.override, sizeof(d->pci.override),
			  timeout_ms);
		if (!strcmp(d->pci.override, "(null)"))
			d->pci.override[0] = '\0';
		/* Only to be there needs no lock. */
		if (!d->stuck && !d->pci.vf && has_attr(d, "sriov_numvfs") &&
		    read_attr(w, d, "sriov_numvfs", text, sizeof(text), timeout_ms) > 0)
			d->pci.vfs = atoi(text);
		d->attrs_known = !d->stuck;
	}
}

static void gather_modules(struct qvfio_state *st)
{
	size_t i;

	for (i = 0; i < QMODULE_COUNT; i++)
		st->modules[i] = qmodule_gather(qmodule_name(i));
}

static bool driver_there(const char *driver)
{
	char path[32 + QPCI_DRIVER_LEN];

	snprintf(path, sizeof(path), SYS "/bus/pci/drivers/%s", driver);
	return *driver && qfile_exists(AT_FDCWD, path);
}

static void gather_console(struct qvfio_state *st, bool firmware)
{
	struct qvfio_dev *d;
	const char *holder;
	size_t i;

	qconsole_gather(SYS, "/proc", "/dev", firmware, &st->console);
	for (i = 0; i < st->n; i++) {
		d = &st->devs[i];
		d->is_console = d->pci.kind == QPCI_GPU && !strcmp(st->console.device, d->pci.addr);
		holder = firmware && d->pci.kind == QPCI_GPU
				 ? qconsole_fw_holder(&st->console, SYS, d->pci.addr)
				 : NULL;
		if (holder)
			snprintf(d->fw_holder, sizeof(d->fw_holder), "%s", holder);
	}
}

/*
 * The PCI devices: of a run on some addresses only these and what goes with them, unless one of
 * them is no GPU (the refusal names those that are) or a run was broken off (which may have touched
 * others).
 */
static int gather_pci(const char *dir, const char *const *addrs, size_t n, struct qpci_list *l,
		      struct qerr *e)
{
	char(*only)[QPCI_ADDR_LEN] = NULL;
	size_t i, n_only = 0;
	struct qpci_dev *d;
	bool all = !addrs;
	int err;

	for (i = 0; i < n && !all; i++)
		all = !qpci_parse_addr(addrs[i], *QMEM_GROW(only, n_only));
	if (!all && !qjournal_found(dir)) {
		err = qpci_gather(SYS, (const char(*)[QPCI_ADDR_LEN])only, n_only, l, e);
		for (i = 0; i < n_only && !err; i++) {
			d = qpci_find(l, only[i]);
			all |= !d || d->kind != QPCI_GPU;
		}
		if (err || !all) {
			free(only);
			return err;
		}
		qpci_list_free(l);
	}
	free(only);
	return qpci_gather(SYS, NULL, 0, l, e);
}

int qgather(const char *dir, unsigned int flags, const char *const *addrs, size_t n,
	    struct qwriter *w, struct qvfio_state *st, struct qerr *e)
{
	struct qpersist *persisted;
	char unsafe[8];
	size_t i, n_persisted;
	int err;

	memset(st, 0, sizeof(*st));
	err = gather_pci(dir, addrs, n, &st->pci, e);
	if (!err)
		err = qplat_gather(SYS, &st->platform, e);
	if (!err)
		err = qpersist_load(dir, &persisted, &n_persisted, e);
	if (err) {
		qstate_free(st);
		return err;
	}
	st->devs = qmem_calloc(st->pci.n, sizeof(*st->devs));
	st->n = st->pci.n;
	for (i = 0; i < st->n; i++)
		st->devs[i].pci = st->pci.devs[i];
	/* Before the child that reads attributes comes, which would be looked at, too. */
	if (flags & (QGATHER_HOLDERS | QGATHER_HOST_USE))
		gather_use(st, flags, addrs, n, w);
	if (flags & QGATHER_ATTRS)
		gather_attrs(st, w, flags & QGATHER_PATIENT ? ATTR_PATIENT_MS : ATTR_MS);
	qjournal_load(dir, st);
	qpersist_mark(st, persisted, n_persisted);
	qpersist_free(persisted, n_persisted);
	for (i = 0; i < st->n; i++)
		st->devs[i].driver_there = driver_there(st->devs[i].record.driver);
	gather_console(st, flags & QGATHER_FIRMWARE);
	qgather_kernel(st);
	if (flags & QGATHER_MODULES)
		gather_modules(st);
	st->unsafe_interrupts =
		qfile_read(AT_FDCWD,
			   SYS "/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
			   unsafe, sizeof(unsafe)) > 0 &&
		unsafe[0] == 'Y';
	return 0;
}
