/* SPDX-License-Identifier: GPL-2.0-only */
/* Cutting the devices of an ended VM off. */
#ifndef QWAMOS_GPU_CUT_H
#define QWAMOS_GPU_CUT_H

struct qgpu_vm;

void qgpu_cut_off(struct qgpu_vm *vm);

#endif /* QWAMOS_GPU_CUT_H */
