/* SPDX-License-Identifier: GPL-2.0-only */
/* How a VM gets its graphics and CPU: if it runs, as it does; else, as a start would have it. */
#ifndef QWAMOS_CMD_VM_GRAPHICS_H
#define QWAMOS_CMD_VM_GRAPHICS_H

#include <json-c/json.h>

#include "cmd/vm_kernel.h"
#include "qemu/args.h"
#include "qemu/plan.h"
#include "vm/gpu_facts.h"
#include "vm/host.h"
#include "vm/known.h"

/**
 * struct vm_graphics - it; free with vm_graphics_free()
 * @g: the graphics; points into the rest
 * @accel: "tcg" or "kvm"; NULL: not known
 * @accel_why: why it is not what the config says; NULL: it is, or that is not known
 * @cpu: model of the CPU; NULL: not known
 * @model: the adapter; NULL: none, or not known
 * @host: what this computer has, of a VM that does not run
 * @caps: its QEMU
 * @plan: what it would get
 * @args: what the QEMU of a VM that runs was started with
 * @devices: addresses of what it has
 * @render: its render node
 * @why: text for @g
 */
struct vm_graphics {
	struct qvm_graphics g;
	const char *accel;
	const char *accel_why;
	char *cpu;
	const char *model;
	struct qvm_host host;
	struct qemu_caps caps;
	struct qemu_plan plan;
	struct qemu_args args;
	const char **devices;
	char *render;
	char *why;
};

/**
 * vm_graphics_running() - as it is
 * @q: what the kernel tells of the VM
 * @doc: the same, from gpu_vm_json() and gpu_vm_details(); must live as long as @v
 * @v: out; vm_graphics_free() it
 */
void vm_graphics_running(const struct vm_kernel *q, const struct json_object *doc,
			 struct vm_graphics *v);

/** vm_graphics_planned() - as a start would have it; @k: has a config without errors */
void vm_graphics_planned(const struct qvm_known *k, struct vm_graphics *v);

/** vm_graphics_unknown() - nothing is known; @why: why */
void vm_graphics_unknown(const char *why, struct vm_graphics *v);

/** vm_graphics_free() - free what @v points to */
void vm_graphics_free(struct vm_graphics *v);

#endif
