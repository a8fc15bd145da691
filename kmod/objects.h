/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects alive, so that the unload can tell whether one was forgotten. */
#ifndef QWAMOS_GPU_OBJECTS_H
#define QWAMOS_GPU_OBJECTS_H

#include <linux/atomic.h>

extern atomic_t qgpu_objects; /* VMs, devices and open files */

#endif /* QWAMOS_GPU_OBJECTS_H */
