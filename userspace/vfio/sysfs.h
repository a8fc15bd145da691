/* SPDX-License-Identifier: GPL-2.0-only */
/* The three writes that put a PCI device on a driver, each verified. */
#ifndef QWAMOS_VFIO_SYSFS_H
#define QWAMOS_VFIO_SYSFS_H

#include "detect/pci.h"
#include "util/err.h"
#include "vfio/writer.h"

/** qsysfs_driver() - the device's driver, "": none (or no such device) */
void qsysfs_driver(const char *addr, char driver[QPCI_DRIVER_LEN]);

/** qsysfs_override() - write driver_override, "": nothing; return: 0 or a negative errno */
int qsysfs_override(struct qwriter *w, const char *addr, const char *value, struct qerr *e);

/**
 * qsysfs_unbind() - take it off @driver; 0 also if it is off; -ETIMEDOUT: the kernel waits for who
 * holds it, whom @e names
 */
int qsysfs_unbind(struct qwriter *w, const char *addr, const char *driver, struct qerr *e);

/**
 * qsysfs_probe() - have drivers look at it; it must then be on @driver ("": whatever comes, or
 * none); return: 0 or a negative errno
 */
int qsysfs_probe(struct qwriter *w, const char *addr, const char *driver, struct qerr *e);

/**
 * qsysfs_put() - put a device on a driver, from wherever it is
 * @w: writer
 * @addr: address
 * @driver: "": none
 * @override: what driver_override is to be then
 * @e: error
 *
 * Return: 0 or a negative errno
 */
int qsysfs_put(struct qwriter *w, const char *addr, const char *driver, const char *override,
	       struct qerr *e);

#endif
