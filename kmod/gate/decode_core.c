// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * The calls of DRM itself that a render node has. What it has not (modes, masters, leases, legacy
 * buffers) is refused as unknown: it would be refused there, too.
 */
#include <drm/drm.h>
#include "decode.h"

/* Numbers that the headers of older kernels lack. */
#define NR_SYNCOBJ_EVENTFD   0xcf
#define NR_SET_CLIENT_NAME   0xd1
#define NR_GEM_CHANGE_HANDLE 0xd2

#define NR(call) _IOC_NR(DRM_IOCTL_##call)
#define ROW(call, _kind, ...)                               \
	[NR(call)] = { .name = #call,                       \
		       .kind = QGATE_##_kind,               \
		       .compat = true,                      \
		       .size = _IOC_SIZE(DRM_IOCTL_##call), \
		       __VA_ARGS__ }
#define NUMBER(nr, _name, _kind) [nr] = { .name = _name, .kind = QGATE_##_kind, .compat = true }

static const struct qgate_call calls[] = {
	ROW(VERSION, FORWARD), /* for 32-bit programs by the driver's own compat_ioctl() */
	ROW(GET_CAP, FORWARD),
	ROW(GEM_CLOSE, OURS),
	/* A name that all clients of the device see. */
	ROW(GEM_FLINK, NEVER),
	ROW(GEM_OPEN, NEVER),
	ROW(PRIME_HANDLE_TO_FD, OURS),
	ROW(PRIME_FD_TO_HANDLE, OURS),
	ROW(SYNCOBJ_CREATE, OURS),
	ROW(SYNCOBJ_DESTROY, OURS),
	ROW(SYNCOBJ_HANDLE_TO_FD, OURS),
	ROW(SYNCOBJ_FD_TO_HANDLE, OURS),
	/* These name nothing but syncobjs of the same file. */
	ROW(SYNCOBJ_WAIT, FORWARD),
	ROW(SYNCOBJ_RESET, FORWARD),
	ROW(SYNCOBJ_SIGNAL, FORWARD),
	ROW(SYNCOBJ_TIMELINE_WAIT, FORWARD),
	ROW(SYNCOBJ_QUERY, FORWARD),
	/*
	 * These leave something in a timeline for as long as what comes before is not done: the one
	 * a point, the other as many as it says.
	 */
	ROW(SYNCOBJ_TRANSFER, FORWARD, .paced = true),
	ROW(SYNCOBJ_TIMELINE_SIGNAL, OURS),
	/* As many waiters as one likes, which nobody counts. */
	NUMBER(NR_SYNCOBJ_EVENTFD, "SYNCOBJ_EVENTFD", NEVER),
	NUMBER(NR_SET_CLIENT_NAME, "SET_CLIENT_NAME", FORWARD),
	/* A handle that the gate knows would become another one. */
	NUMBER(NR_GEM_CHANGE_HANDLE, "GEM_CHANGE_HANDLE", NEVER),
};

const struct qgate_table qgate_core = {
	.driver = "",
	.n = sizeof(calls) / sizeof(*calls),
	.calls = calls,
};
