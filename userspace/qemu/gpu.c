// SPDX-License-Identifier: GPL-2.0-only
/* Which GPU a VM gets, and why not the one that was asked for. */
#include <stdlib.h>
#include <string.h>

#include "kmod/policy.h"
#include "qemu/internal.h"
#include "util/mem.h"

/* Adapters for a 2D display, the best first. */
static const char *const adapters[] = { "virtio-gpu-pci", "bochs-display", "VGA", "ramfb" };

/* What hardware.graphics.type may say, as the device that it is in 2D. */
static const struct {
	const char *type;
	const char *device;
} types[] = {
	{ "virtio-gpu", "virtio-gpu-pci" },
	{ "virtio-gpu-gl", "virtio-gpu-pci" },
	{ "virtio-gpu-gl-pci", "virtio-gpu-pci" },
	{ "virtio-vga-gl", "virtio-vga" },
	{ "std", "VGA" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *any_adapter(const struct qemu_caps *caps)
{
	size_t i;

	for (i = 0; i < COUNT(adapters); i++)
		if (qemu_caps_has(caps, "devices", adapters[i]))
			return adapters[i];
	return NULL;
}

/* Without a gpu section: what hardware.graphics says, or its nearest. */
static void plain_display(const struct qconfig *c, const struct qemu_caps *caps, struct qemu_gpu *g,
			  struct qdiags *d)
{
	struct qmark at = qconfig_where(c, "hardware.graphics.type");
	const char *key = "hardware.graphics.type", *model = c->graphics;
	size_t i;

	if (!model || !strcmp(model, "none"))
		return;
	for (i = 0; i < COUNT(types); i++)
		if (!strcmp(c->graphics, types[i].type))
			model = types[i].device;
	if (!qemu_caps_has(caps, "devices", model))
		model = any_adapter(caps);
	g->model = model;
	if (!model)
		qdiag_add(d, QDIAG_ERROR, at, key, "'%s' found; this QEMU has no display device",
			  c->graphics);
	else if (strcmp(model, c->graphics) && strcmp(c->graphics, "virtio-gpu") &&
		 strcmp(c->graphics, "std"))
		qdiag_add(d, QDIAG_NOTE, at, key, "'%s' is replaced by %s: %s", c->graphics, model,
			  strstr(c->graphics, "-gl") ? "without a gpu section the VM has 2D only"
						     : "this QEMU has no such device");
}

/* One step down. */
static void fall_back(const struct qconfig *c, struct qemu_gpu *g, int to, const char *reason,
		      struct qdiags *d)
{
	struct qmark at = c->at.access.line ? c->at.access : c->at.gpu;
	char *all;

	qdiag_add(d, c->fallback ? QDIAG_NOTE : QDIAG_ERROR, at, "gpu.access_mode",
		  "%s can't be had: %s; %s%s", qconfig_access_name(g->got), reason,
		  c->fallback ? "falls back to " : "and 'fallback' is false",
		  c->fallback ? qconfig_access_name(to) : "");
	all = qmem_printf("%s%s%s", g->reason ? g->reason : "", g->reason ? "; " : "", reason);
	free(g->reason);
	g->reason = all;
	g->got = to;
}

static const char *no_passthrough(const struct qemu_caps *caps, const struct qemu_host *h,
				  const struct qgpu_level *l)
{
	if (!(l->ops & 1U << QWAMOS_GPU_OP_PASSTHROUGH))
		return "only the trust level system allows it";
	if (!qemu_caps_has(caps, "devices", "vfio-pci"))
		return "this QEMU has no vfio-pci";
	if (!qemu_caps_has(caps, "devices", "pcie-root-port"))
		return "this QEMU has no pcie-root-port";
	if (h->no_passthrough)
		return h->no_passthrough;
	return h->n_devices ? NULL : "there is no device to be given";
}

static const char *no_gl(const struct qemu_caps *caps, const struct qemu_host *h,
			 const struct qgpu_level *l)
{
	bool window = h->display && strncmp(h->display, "vnc=", 4);

	if (!(l->ops & 1U << QWAMOS_GPU_OP_RENDERING_3D))
		return "the trust level does not allow it";
	if (!qemu_caps_has(caps, "devices", "virtio-gpu-gl-pci"))
		return "this QEMU has no virtio-gpu-gl-pci";
	if (!window && !qemu_caps_has(caps, "displays", "egl-headless"))
		return "this QEMU has no egl-headless";
	if (!h->render_node)
		return h->no_render ? h->no_render : "there is no render node for the VM";
	return NULL;
}

static const char *no_venus(const struct qconfig *c, const struct qemu_caps *caps,
			    const struct qemu_host *h, const struct qgpu_level *l,
			    const struct qemu_plan *p)
{
	const struct qemu_gpu *g = &p->gpu;

	if (l->vulkan == QWAMOS_GPU_VULKAN_NONE)
		return "the trust level does not allow it";
	if (!c->allow_vulkan)
		return "allow_vulkan is false";
	if (!g->gl)
		return "there is no 3D";
	if (!qemu_caps_prop(caps, "virtio-gpu-gl-pci", "venus") ||
	    !qemu_caps_prop(caps, "virtio-gpu-gl-pci", "blob") ||
	    !qemu_caps_prop(caps, "virtio-gpu-gl-pci", "hostmem"))
		return "the virtio-gpu-gl-pci of this QEMU has no venus";
	if (!g->vram_mib)
		return "vram_limit_mb is 0";
	if (h->no_vulkan)
		return h->no_vulkan;
	/* QEMU that is refused venus's render server has no virgl either. */
	if (p->sandbox)
		return "venus needs a process beside QEMU, which its sandbox refuses";
	return NULL;
}

static void virtio(const struct qconfig *c, const struct qemu_caps *caps, const struct qemu_host *h,
		   const struct qgpu_level *l, struct qemu_plan *p, struct qdiags *d)
{
	const char *why = no_gl(caps, h, l);
	struct qmark at = c->at.access.line ? c->at.access : c->at.gpu;
	struct qemu_gpu *g = &p->gpu;

	g->no_gl = why;
	g->gl = !why;
	g->model = g->gl ? "virtio-gpu-gl-pci" : "virtio-gpu-pci";
	if (why)
		qdiag_add(d, QDIAG_NOTE, at, "gpu.access_mode", "2D only, no 3D: %s", why);
	why = no_venus(c, caps, h, l, p);
	g->no_venus = why;
	g->venus = !why;
	if (why && g->gl)
		qdiag_add(d, QDIAG_NOTE, at, "gpu.allow_vulkan", "no Vulkan: %s", why);
}

/* Where the limit stands, or what brings that of the level. */
static struct qmark vram_place(const struct qconfig *c)
{
	struct qmark at = qconfig_where(c, "gpu.vram_limit_mb");

	return at.line ? at : c->at.gpu;
}

void qemu_plan_gpu(const struct qconfig *c, const struct qemu_caps *caps, const struct qemu_host *h,
		   struct qemu_plan *p, struct qdiags *d)
{
	const struct qgpu_level *l = qgpu_level(c->level);
	struct qemu_gpu *g = &p->gpu;
	const char *why;

	memset(g, 0, sizeof(*g));
	g->vram_mib = -1;
	g->section = c->gpu && c->gpu_enabled;
	g->asked = g->got = g->section ? c->access : QACCESS_NONE;
	if (!g->section) {
		plain_display(c, caps, g, d);
		return;
	}
	if (c->graphics && strcmp(c->graphics, "none"))
		qdiag_add(d, QDIAG_NOTE, qconfig_where(c, "hardware.graphics.type"),
			  "hardware.graphics.type",
			  "'%s' is left out: the gpu section says which adapter the VM has",
			  c->graphics);
	if (g->got == QACCESS_PASSTHROUGH) {
		why = no_passthrough(caps, h, l);
		if (!why)
			return;
		g->why = qgpu_policy_check(c->level, QWAMOS_GPU_OP_PASSTHROUGH);
		if (!g->why)
			g->why = h->no_passthrough_reason;
		fall_back(c, g, QACCESS_VIRTIO, why, d);
	}
	g->vram_mib = c->vram_limit_mib >= 0 ? c->vram_limit_mib : (int)l->vram_mib;
	if (g->got == QACCESS_VIRTIO && !qemu_caps_has(caps, "devices", "virtio-gpu-pci"))
		fall_back(c, g, QACCESS_SOFTWARE, "this QEMU has no virtio-gpu-pci", d);
	if (g->got == QACCESS_VIRTIO) {
		virtio(c, caps, h, l, p, d);
	} else if (g->got == QACCESS_SOFTWARE) {
		g->model = any_adapter(caps);
		if (!g->model)
			qdiag_add(d, QDIAG_ERROR, c->at.access, "gpu.access_mode",
				  "software can't be had: this QEMU has no display device");
	}
	if (!g->model || !qemu_caps_prop(caps, g->model, "max_hostmem"))
		g->vram_mib = g->venus ? g->vram_mib : -1;
	g->gated = g->gl && h->gated;
	/* It is counted where images of 2D are made, and nowhere else. */
	if (g->gl && !g->gated)
		g->no_vram =
			"QEMU's max_hostmem counts images of 2D alone, neither what 3D takes nor blobs";
	else if (g->vram_mib < 0 && !g->gated)
		g->no_vram = "the adapter has no max_hostmem";
	if (g->gl && !g->gated)
		qdiag_add(d, QDIAG_WARNING, vram_place(c), "gpu.vram_limit_mb", "not enforced: %s",
			  g->no_vram);
}
