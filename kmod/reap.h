/* SPDX-License-Identifier: GPL-2.0-only */
/* Finding and killing the processes of a VM. */
#ifndef QWAMOS_GPU_REAP_H
#define QWAMOS_GPU_REAP_H

#include <linux/types.h>

struct cgroup;
struct pid;

unsigned int qgpu_reap(struct cgroup *cgrp, void *owner, unsigned int *killed, struct pid **left);
bool qgpu_leader_gone(struct pid *leader, bool *going);

#endif /* QWAMOS_GPU_REAP_H */
