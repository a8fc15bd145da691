/* SPDX-License-Identifier: GPL-2.0-only */
/* A VM as libvirt's domain XML, of the same meaning as its command line. */
#ifndef QWAMOS_QEMU_LIBVIRT_H
#define QWAMOS_QEMU_LIBVIRT_H

#include "config/config.h"
#include "config/diag.h"
#include "qemu/caps.h"
#include "qemu/plan.h"

/**
 * qemu_libvirt_xml() - make it
 * @c: the VM, its paths being absolute
 * @caps: what its QEMU has
 * @h: what this computer has
 * @p: what was decided, without errors
 * @d: gets a note for what libvirt has no word for, an error for a text that XML or libvirt's
 * schema can't hold
 *
 * Return: the XML, to be freed; NULL if there is an error
 */
char *qemu_libvirt_xml(const struct qconfig *c, const struct qemu_caps *caps,
		       const struct qemu_host *h, const struct qemu_plan *p, struct qdiags *d);

#endif
