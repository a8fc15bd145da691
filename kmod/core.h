/* SPDX-License-Identifier: GPL-2.0-only */
/* What the core does for the VFIO driver and for gates: exported in namespace QWAMOS_GPU. */
#ifndef QWAMOS_GPU_CORE_H
#define QWAMOS_GPU_CORE_H

#include <linux/types.h>
#include <linux/qwamos_gpu.h>

struct device;
struct file;
struct module;
struct pci_dev;
struct pid;
struct qgpu_dev;
struct qgpu_gate;

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

/**
 * struct qgpu_gate_ops - the module that makes gates, as the core knows it; called without a lock
 * @owner: the module
 * @device_of: the device of an open render node, with a reference; -EBADF: it is none; -EACCES:
 *     there is no decoder for its driver. @bypasses: out: its DMA goes past the IOMMU
 * @open: make the node of a gate, which @gate->data is set for. Return: 0 or a negative errno
 * @close: take it away, once: when it returns no call and no access to a mapping gets through any
 *     more. Waits for the hardware, and for no process
 * @free: nobody has the gate any more
 * @tell: what GATE_LIST says, but for what the core knows
 */
struct qgpu_gate_ops {
	struct module *owner;
	struct device *(*device_of)(struct file *file, bool *bypasses);
	int (*open)(struct qgpu_gate *gate, struct file *file);
	void (*close)(void *data);
	void (*free)(void *data);
	void (*tell)(void *data, struct qwamos_gpu_gate *out);
};

int qwamos_gpu_gates_register(const struct qgpu_gate_ops *ops);
void qwamos_gpu_gates_unregister(const struct qgpu_gate_ops *ops);
void qwamos_gpu_gate_set(struct qgpu_gate *g, void *data);
u64 qwamos_gpu_gate_id(const struct qgpu_gate *g);
u64 qwamos_gpu_gate_vm(const struct qgpu_gate *g);
void qwamos_gpu_gate_lost(struct qgpu_gate *g);
void qwamos_gpu_gate_get(struct qgpu_gate *g);
void qwamos_gpu_gate_put(struct qgpu_gate *g);
int qwamos_gpu_gate_opened(struct qgpu_gate *g);
void qwamos_gpu_gate_closed(struct qgpu_gate *g);
int qwamos_gpu_gate_caller(struct qgpu_gate *g, struct pid **known, u32 nr);
int qwamos_gpu_gate_may(struct qgpu_gate *g, u32 op);
bool qwamos_gpu_gate_allows(struct qgpu_gate *g, u32 op);
int qwamos_gpu_gate_refuse(struct qgpu_gate *g, u32 reason, u32 nr);
int qwamos_gpu_gate_charge(struct qgpu_gate *g, u64 bytes, bool anyway);
void qwamos_gpu_gate_uncharge(struct qgpu_gate *g, u64 bytes);
int qwamos_gpu_gate_queue(struct qgpu_gate *g);
void qwamos_gpu_gate_unqueue(struct qgpu_gate *g);
u64 qwamos_gpu_gate_pace(struct qgpu_gate *g);

#endif /* QWAMOS_GPU_CORE_H */
