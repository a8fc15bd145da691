/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel modules, by libkmod. */
#ifndef QWAMOS_VFIO_MODULES_H
#define QWAMOS_VFIO_MODULES_H

#include "util/err.h"
#include "vfio/state.h"

/** qmodule_gather() - can this module be had? libkmod is only asked if it is not loaded */
enum qmodule_state qmodule_gather(const char *name);

/**
 * qmodule_load() - load a module and what it needs; return: 0 (also if it is there) or a negative
 * errno
 */
int qmodule_load(const char *name, struct qerr *e);

/**
 * qmodule_load_for() - load the modules that claim a device, as udev would have, those that the
 * administrator has blacklisted left out
 * @addr: PCI address
 * @e: error, may be NULL
 *
 * Return: 0 (also if no module claims it) or a negative errno
 */
int qmodule_load_for(const char *addr, struct qerr *e);

#endif
