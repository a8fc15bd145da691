/* SPDX-License-Identifier: GPL-2.0-only */
/* What the core does for the VFIO driver: exported in namespace QWAMOS_GPU. */
#ifndef QWAMOS_GPU_CORE_H
#define QWAMOS_GPU_CORE_H

#include <linux/qwamos_gpu.h>

struct module;
struct pci_dev;
struct qgpu_dev;

int qwamos_gpu_dev_may_bind(struct pci_dev *pdev);
struct qgpu_dev *qwamos_gpu_dev_bound(struct pci_dev *pdev, struct module *driver);
void qwamos_gpu_dev_unbound(struct qgpu_dev *d);
int qwamos_gpu_dev_may(struct qgpu_dev *d, u32 way);
int qwamos_gpu_dev_not_offered(struct qgpu_dev *d, u32 way, u32 reason);
int qwamos_gpu_dev_may_open(struct qgpu_dev *d, u32 way);
int qwamos_gpu_dev_opened(struct qgpu_dev *d);
void qwamos_gpu_dev_closed(struct qgpu_dev *d);
void qwamos_gpu_dev_request(struct qgpu_dev *d);

#endif /* QWAMOS_GPU_CORE_H */
