/* SPDX-License-Identifier: GPL-2.0-only */
/* Which of the host's GPUs a VM's graphics come from, and what that one can do. */
#ifndef QWAMOS_VM_GPU_FACTS_H
#define QWAMOS_VM_GPU_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <json-c/json.h>

/**
 * struct qvm_graphics - how a VM gets its graphics
 * @mode: &enum qconfig_access; -1: that is not known
 * @unknown: why it is not known
 * @devices: addresses of what is passed through, in full
 * @n_devices: their number
 * @running: the VM has them
 * @render: in virtio mode with 3D, the host's render node; NULL: not known
 * @no_gl: in virtio mode, why there is no 3D; NULL: there is
 * @no_venus: in virtio mode, why there is no Vulkan; NULL: there is
 * @display: without a GPU, the adapter of its 2D display; NULL: none, or not known
 */
struct qvm_graphics {
	int mode;
	const char *unknown;
	const char *const *devices;
	size_t n_devices;
	bool running;
	const char *render;
	const char *no_gl;
	const char *no_venus;
	const char *display;
};

/** qvm_graphics_probe() - must drivers be loaded to tell of these graphics? */
bool qvm_graphics_probe(const struct qvm_graphics *g);

/**
 * qvm_gpu_facts() - tell it
 * @gpu: gets "device" ("name", "driver", "address"; null: none), "device_why" (why there is none),
 *     "devices" (all addresses), "vulkan" and "opengl": each "state" ("version", "unknown", "none",
 *     "absent", "not_loadable", "no_device"), "version", "why"
 * @g: how the VM gets its graphics
 * @detected: from qdetect(); NULL: it could not be had
 *
 * Pure. What only the guest can know is unknown, not guessed.
 */
void qvm_gpu_facts(struct json_object *gpu, const struct qvm_graphics *g,
		   const struct json_object *detected);

#endif
