/* SPDX-License-Identifier: GPL-2.0-only */
/* Gates: which VM has one to which GPU. What a gate lets through is its module's to know. */
#ifndef QWAMOS_GPU_GATES_H
#define QWAMOS_GPU_GATES_H

#include <linux/types.h>

struct qgpu_vm;
struct qwamos_gpu_gate;
struct qwamos_gpu_gate_create;

/** QGPU_VM_GATES - most gates of a VM */
#define QGPU_VM_GATES 8

int qgpu_gate_create(struct qgpu_vm *vm, struct qwamos_gpu_gate_create *a, u32 *reason);
int qgpu_gate_destroy(struct qgpu_vm *vm, u64 id);
u32 qgpu_gate_list(struct qgpu_vm *vm, struct qwamos_gpu_gate *out);
bool qgpu_gates_end(struct qgpu_vm *vm);
bool qgpu_gates_fit(struct qgpu_vm *vm, u32 level);
bool qgpu_gates_made(void);

#endif /* QWAMOS_GPU_GATES_H */
