// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/file.h"
#include "vfio/holders.h"
#include "vfio/modules.h"

/* How long one write may take, in ms: a reset by power management takes some hundred. */
#define DEADLINE_MS 15000

#define BUS "/sys/bus/pci"

void qsysfs_driver(const char *addr, char driver[QPCI_DRIVER_LEN])
{
	char path[128];

	snprintf(path, sizeof(path), BUS "/devices/%s/driver", addr);
	qfile_link_name(AT_FDCWD, path, driver, QPCI_DRIVER_LEN);
}

static void name_holders(const struct qholder *h, size_t n, struct qerr *e)
{
	struct qerr before;
	size_t i;

	for (i = 0; i < n; i++) {
		before = *e;
		qerr_set(e, before.err, "%s%s process %d (%s) holds %s", before.msg, i ? "," : ":",
			 (int)h[i].pid, h[i].comm, h[i].node);
	}
}

static int late(const char *addr, const char *what, struct qerr *e)
{
	struct qvfio_dev d = { .pci.group = -1 };
	struct qholder *vfio;
	bool which = true;
	size_t n;

	qerr_set(e, ETIMEDOUT,
		 "%s: the kernel has not come back from %s after %d s and goes on waiting for who "
		 "uses the device",
		 addr, what, DEADLINE_MS / 1000);
	if (!e)
		return -ETIMEDOUT;
	snprintf(d.pci.addr, sizeof(d.pci.addr), "%s", addr);
	/* The link is there until the unbind is over. */
	qsysfs_driver(addr, d.pci.driver);
	qholders_gather(&d, 1, &which);
	if (d.n_holders) {
		name_holders(d.holders, d.n_holders, e);
	} else {
		qholders_vfio(&vfio, &n);
		name_holders(vfio, n, e);
		free(vfio);
	}
	free(d.holders);
	return -ETIMEDOUT;
}

int qsysfs_override(struct qwriter *w, const char *addr, const char *value, struct qerr *e)
{
	char path[128];
	int err;

	snprintf(path, sizeof(path), BUS "/devices/%s/driver_override", addr);
	/* An empty line clears it. */
	err = qwriter_write(w, path, *value ? value : "\n", DEADLINE_MS);
	if (err == -ETIMEDOUT)
		return late(addr, "driver_override", e);
	if (err)
		return qerr_sys(e, -err, "%s: writing '%s'", path, value);
	return 0;
}

int qsysfs_unbind(struct qwriter *w, const char *addr, const char *driver, struct qerr *e)
{
	char path[64 + QPCI_DRIVER_LEN], now[QPCI_DRIVER_LEN];
	int err;

	snprintf(path, sizeof(path), BUS "/drivers/%s/unbind", driver);
	err = qwriter_write(w, path, addr, DEADLINE_MS);
	if (err == -ETIMEDOUT)
		return late(addr, "unbind", e);
	qsysfs_driver(addr, now);
	if (strcmp(now, driver))
		return 0;
	if (err)
		return qerr_sys(e, -err, "%s: writing '%s'", path, addr);
	return qerr_set(e, EIO, "%s: is on driver %s still, though it was taken off (see dmesg)",
			addr, driver);
}

int qsysfs_probe(struct qwriter *w, const char *addr, const char *driver, struct qerr *e)
{
	char now[QPCI_DRIVER_LEN];
	int err;

	err = qwriter_write(w, BUS "/drivers_probe", addr, DEADLINE_MS);
	if (err == -ETIMEDOUT)
		return late(addr, "drivers_probe", e);
	qsysfs_driver(addr, now);
	if (!*driver || !strcmp(now, driver))
		return 0;
	if (err)
		return qerr_sys(e, -err, "%s: driver %s does not take it (see dmesg)", addr,
				driver);
	if (*now)
		return qerr_set(e, EBUSY, "%s: is on driver %s now, and not on %s", addr, now,
				driver);
	return qerr_set(e, ENODEV, "%s: driver %s does not take it (is it loaded? see dmesg)", addr,
			driver);
}

int qsysfs_put(struct qwriter *w, const char *addr, const char *driver, const char *override,
	       struct qerr *e)
{
	char now[QPCI_DRIVER_LEN], path[64 + QPCI_DRIVER_LEN];
	int err;

	err = qsysfs_override(w, addr, override, e);
	if (err)
		return err;
	qsysfs_driver(addr, now);
	if (!strcmp(now, driver))
		return 0;
	if (*now) {
		err = qsysfs_unbind(w, addr, now, e);
		if (err)
			return err;
	}
	if (!*driver)
		return 0;
	snprintf(path, sizeof(path), BUS "/drivers/%s", driver);
	if (!qfile_exists(AT_FDCWD, path)) {
		err = qmodule_load_for(addr, e);
		if (err)
			return err;
		/* Its module may have taken the device by itself. */
		qsysfs_driver(addr, now);
		if (!strcmp(now, driver))
			return 0;
	}
	return qsysfs_probe(w, addr, driver, e);
}
