/* SPDX-License-Identifier: GPL-2.0-only */
/* Gates: the render node of a GPU, and a VM's own one in its place. */
#ifndef QWAMOS_VM_GATE_H
#define QWAMOS_VM_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/sandbox.h"
#include "util/err.h"

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
 * qvm_gate_open_real() - open the render node of a GPU
 * @addr: its PCI address, in full
 * @e: error
 *
 * Return: fd or a negative errno: -ENODEV: it has none.
 */
int qvm_gate_open_real(const char *addr, struct qerr *e);

/**
 * qvm_gate_create() - give a VM a gate to a GPU; the module that makes gates is loaded where it is
 * not
 * @manage: the VM's manage fd
 * @vm: the VM's name, for errors
 * @addr: the GPU's PCI address, in full
 * @any: any of the VM's processes may open it, not only the one that joins
 * @gate: out
 * @e: error
 *
 * Return: 0 or a negative errno
 */
int qvm_gate_create(int manage, const char *vm, const char *addr, bool any, struct qvm_gate *gate,
		    struct qerr *e);

/** qvm_gate_add_node() - the gate's node, in /dev/dri, where the real one is outside */
void qvm_gate_add_node(const struct qvm_gate *gate, struct qsandbox *s);

#endif
