/* SPDX-License-Identifier: GPL-2.0-only */
/* Mappings of a device's memory, which can be taken away. */
#ifndef QWAMOS_VFIO_MAPPING_H
#define QWAMOS_VFIO_MAPPING_H

#include <linux/mm_types.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/wait.h>
#include "compat.h"

struct inode;
struct vfio_device;

/**
 * struct qvfio_maps - the mappings of a device's memory
 * @lock: read: a fault is being answered; write: what follows changes
 * @revoked: no fault is answered any more
 * @blocked: up to 6.9: calls that may switch the memory off; faults wait meanwhile
 * @opening: which opening of the device this is
 * @wq: where they wait
 * @core: vfio-pci-core's operations, NULL: it has mapped nothing yet
 * @inode: up to 6.9: what the mappings are of, while the device is open
 */
struct qvfio_maps {
	struct rw_semaphore lock;
	bool revoked;
	unsigned int blocked;
	unsigned int opening;
	wait_queue_head_t wq;
	const struct vm_operations_struct *core;
	struct inode *inode;
};

void qvfio_maps_init(struct qvfio_maps *m);
void qvfio_maps_forget(struct qvfio_maps *m);
int qvfio_maps_open(struct qvfio_maps *m);
void qvfio_maps_close(struct qvfio_maps *m);
int qvfio_maps_add(struct qvfio_maps *m, struct vm_area_struct *vma);
void qvfio_maps_revoke(struct qvfio_maps *m, struct vfio_device *vdev);

#ifdef QGPU_VFIO_HAS_INODE
static inline unsigned int qvfio_maps_block(struct qvfio_maps *m)
{
	return 0;
}

static inline void qvfio_maps_unblock(struct qvfio_maps *m, unsigned int opening)
{
}
#else
unsigned int qvfio_maps_block(struct qvfio_maps *m);
void qvfio_maps_unblock(struct qvfio_maps *m, unsigned int opening);
#endif

/* driver.c */
struct qvfio_maps *qvfio_maps_of(struct vm_area_struct *vma);

#endif /* QWAMOS_VFIO_MAPPING_H */
