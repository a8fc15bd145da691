/* SPDX-License-Identifier: GPL-2.0-only */
/* What happens, as it happens: multicast messages of generic netlink. */
#ifndef QWAMOS_GPU_EVENTS_H
#define QWAMOS_GPU_EVENTS_H

#include <linux/types.h>
#include <linux/qwamos_gpu.h>

int qgpu_events_init(void);
void qgpu_events_exit(void);
void qgpu_events_record(const struct qwamos_gpu_audit_record *rec, u64 lost);
void qgpu_events_state(u32 kind, u64 id, u32 state, u32 reason, const char *name);

static inline void qgpu_events_vm(u64 id, u32 state, u32 reason, const char *name)
{
	qgpu_events_state(QWAMOS_GPU_NL_KIND_VM, id, state, reason, name);
}

#endif /* QWAMOS_GPU_EVENTS_H */
