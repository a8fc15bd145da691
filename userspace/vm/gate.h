/* SPDX-License-Identifier: GPL-2.0-only */
/* Gates: a render node of a VM's own, in the place of a GPU's. */
#ifndef QWAMOS_VM_GATE_H
#define QWAMOS_VM_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/sandbox.h"
#include "util/err.h"
#include "vm/render.h"

/**
 * struct qvm_gate - a VM's gate; all zero: it has none
 * @id: in the kernel
 * @major: of its node
 * @minor: of its node
 */
struct qvm_gate {
	uint64_t id;
	unsigned int major;
	unsigned int minor;
};

/**
 * qvm_gate_create() - give a VM a gate to a GPU; the module that makes gates is loaded where it is
 * not
 * @manage: the VM's manage fd
 * @vm: the VM's name, for errors
 * @real: the GPU's render node
 * @any: any of the VM's processes may open it, not only the one that joins
 * @gate: out
 * @refused: out: why the kernel has not made it, &enum qwamos_gpu_reason; 0: it was not refused
 * @e: error
 *
 * Return: 0 or a negative errno
 */
int qvm_gate_create(int manage, const char *vm, const struct qvm_render *real, bool any,
		    struct qvm_gate *gate, uint32_t *refused, struct qerr *e);

/** qvm_gate_add_node() - the gate's node, in /dev/dri, where the real one is outside */
void qvm_gate_add_node(const struct qvm_gate *gate, struct qsandbox *s);

/**
 * qvm_gate_show() - the gate's node, and of sysfs what tells libdrm of it, in a sandbox
 * @gate: the gate
 * @real: the node behind it
 * @s: gets it
 * @e: error
 *
 * Return: 0 or a negative errno
 */
int qvm_gate_show(const struct qvm_gate *gate, const struct qvm_render *real, struct qsandbox *s,
		  struct qerr *e);

#endif
