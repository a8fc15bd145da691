/* SPDX-License-Identifier: GPL-2.0-only */
/* Looking at the machine before a plan is made. */
#ifndef QWAMOS_VFIO_GATHER_H
#define QWAMOS_VFIO_GATHER_H

#include "util/err.h"
#include "vfio/state.h"
#include "vfio/writer.h"

/* What to look at beyond the devices themselves; each costs time. */
#define QGATHER_HOLDERS	 (1U << 0) /* which processes hold them */
#define QGATHER_MODULES	 (1U << 1) /* whether the modules of a bind can be had */
#define QGATHER_FIRMWARE (1U << 2) /* who holds the firmware's framebuffer */
#define QGATHER_ATTRS	 (1U << 3) /* attributes that take the device's lock */
#define QGATHER_PATIENT	 (1U << 4) /* and wait for it as long as a driver's start may take */
#define QGATHER_HOST_USE (1U << 5) /* what the host uses them for: claims disks for a moment */
#define QGATHER_ALL	 (QGATHER_HOLDERS | QGATHER_MODULES | QGATHER_FIRMWARE | QGATHER_ATTRS)

/**
 * qgather() - look at the machine
 * @dir: state directory
 * @flags: QGATHER_*
 * @addrs: look only at these devices and those that share slot or group with them, as far as that
 * is enough for a plan; NULL: at all. As typed
 * @n: their number
 * @w: reads what may take long; NULL: without QGATHER_ATTRS and QGATHER_HOST_USE
 * @st: out: qstate_free() it
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno
 */
int qgather(const char *dir, unsigned int flags, const char *const *addrs, size_t n,
	    struct qwriter *w, struct qvfio_state *st, struct qerr *e);

/** qgather_host_use() - look (again) at what the host uses the device @d of @st for */
void qgather_host_use(const struct qvfio_state *st, struct qvfio_dev *d, struct qwriter *w);

/** qgather_kernel() - ask the kernel module (again) about the devices of @st */
void qgather_kernel(struct qvfio_state *st);

#endif
