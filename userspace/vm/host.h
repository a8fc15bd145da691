/* SPDX-License-Identifier: GPL-2.0-only */
/* What this computer has to give to the VM of a config. */
#ifndef QWAMOS_VM_HOST_H
#define QWAMOS_VM_HOST_H

#include <stddef.h>

#include "config/config.h"
#include "detect/pci.h"
#include "qemu/plan.h"
#include "util/err.h"
#include "vm/render.h"

/**
 * struct qvm_host - it; free with qvm_host_free()
 * @h: as the plan needs it; points into the rest
 * @asked: devices that were asked for, or the one that was found, in full
 * @n_asked: their number; 0: no GPU is to be passed through
 * @picked: that which was found
 * @render: the render node that it may get a gate to; @render.path is "" if there is none
 * @endpoints: all that comes with them
 * @addrs: the same, for @h
 * @why: text for @h
 * @no_render: text for @h
 * @tap: name of the VM's tap device
 */
struct qvm_host {
	struct qemu_host h;
	const char **asked;
	size_t n_asked;
	char picked[QPCI_ADDR_LEN];
	struct qvm_render render;
	char (*endpoints)[QPCI_ADDR_LEN];
	const char **addrs;
	char why[512];
	char no_render[256];
	char tap[16];
};

/**
 * qvm_host_gather() - look
 * @c: the VM
 * @host: out; qvm_host_free() it, also after a failure
 * @e: error: a device that was named is not there, or several could be meant
 *
 * Needs neither the module nor root. What else is not there is told in @host as the reason for
 * doing without.
 *
 * Return: 0 or a negative errno
 */
int qvm_host_gather(const struct qconfig *c, struct qvm_host *host, struct qerr *e);

/**
 * qvm_render_node() - is this a render node of a GPU of this computer?
 * @path: a gated one, too
 * @e: error, with the path
 *
 * Return: 0 or a negative errno
 */
int qvm_render_node(const char *path, struct qerr *e);

/** qvm_host_free() - free what @host points to */
void qvm_host_free(struct qvm_host *host);

#endif
