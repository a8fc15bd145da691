/* SPDX-License-Identifier: GPL-2.0-only */
/* What the core does for the VFIO driver: exported in namespace QWAMOS_GPU. */
#ifndef QWAMOS_GPU_CORE_H
#define QWAMOS_GPU_CORE_H

#include <linux/qwamos_gpu.h>

struct module;
struct pci_dev;
struct qgpu_dev;

/**
 * struct qgpu_driver - our driver, as the core knows it
 * @owner: its module
 * @revoke: the VM of an open device has ended: take its mappings away and keep it from sleeping,
 *     until it is closed, which waits for this call. Called at most once for an opening, with no
 *     lock held; may sleep, but waits for no process
 */
struct qgpu_driver {
	struct module *owner;
	void (*revoke)(void *data);
};

int qwamos_gpu_dev_may_bind(struct pci_dev *pdev);
struct qgpu_dev *qwamos_gpu_dev_bound(struct pci_dev *pdev, const struct qgpu_driver *driver,
				      void *data);
void qwamos_gpu_dev_unbound(struct qgpu_dev *d);
int qwamos_gpu_dev_may(struct qgpu_dev *d, u32 way);
bool qwamos_gpu_dev_is_mine(struct qgpu_dev *d);
int qwamos_gpu_dev_not_offered(struct qgpu_dev *d, u32 way, u32 reason);
int qwamos_gpu_dev_may_open(struct qgpu_dev *d, u32 way);
int qwamos_gpu_dev_opened(struct qgpu_dev *d);
void qwamos_gpu_dev_closed(struct qgpu_dev *d);
bool qwamos_gpu_dev_request(struct qgpu_dev *d);
void qwamos_gpu_dev_back(struct qgpu_dev *d);

#endif /* QWAMOS_GPU_CORE_H */
