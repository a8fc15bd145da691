/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine and plans as JSON. All that is printed is printed from these documents. */
#ifndef QWAMOS_VFIO_REPORT_H
#define QWAMOS_VFIO_REPORT_H

#include <json-c/json.h>

#include "vfio/plan.h"
#include "vfio/state.h"

/** qreport_device() - one PCI device; @names: NULL: without names */
struct json_object *qreport_device(const struct qvfio_state *st, const struct qvfio_dev *d,
				   struct qpci_names *names);

/**
 * qreport_devices() - an array of all devices but bridges, platform GPUs included, or of the one at
 * @only
 */
struct json_object *qreport_devices(const struct qvfio_state *st, const char *only, bool names);

/** qreport_host() - the host's part of a list: IOMMU, module */
void qreport_host(const struct qvfio_state *st, struct json_object *doc);

/** qreport_half_done() - a run that was broken off, with what to do about it, or NULL */
struct json_object *qreport_half_done(const struct qvfio_state *st);

/** qreport_findings() - a plan's findings, as an array */
struct json_object *qreport_findings(const struct qplan *p);

/**
 * qreport_steps() - a plan's steps, as an array; the first @done of them were carried out, and if
 * @failed the next one failed
 */
struct json_object *qreport_steps(const struct qplan *p, size_t done, bool failed);

#endif
