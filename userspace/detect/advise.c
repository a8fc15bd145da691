// SPDX-License-Identifier: GPL-2.0-only
/* Detection: how a VM had best get at a GPU here, and why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/source.h"
#include "util/json.h"
#include "util/mem.h"

static struct json_object *advice(const char *mode, char *reason)
{
	struct json_object *o = qjson_obj();

	qjson_add_str(o, "mode", mode);
	qjson_add_str(o, "reason", reason);
	free(reason);
	return o;
}

/* A function reset, or one of the whole bus: of that one, the kernel sees when it comes to it. */
static bool can_reset(struct json_object *gpu)
{
	return qjson_len(qjson_get(gpu, "reset_methods"));
}

/* Why it can't be passed through, or NULL; free() it. */
static char *no_passthrough(struct qdetect *d, struct json_object *gpu)
{
	struct json_object *vfio = qjson_get(d->doc, "vfio"), *sriov = qjson_get(gpu, "sriov");
	struct json_object *iommu = qjson_get(d->doc, "iommu");

	if (strcmp(qjson_get_str(gpu, "bus"), "pci"))
		return qmem_strdup("vfio-platform is not supported yet");
	if (!qjson_get_bool(iommu, "active", false))
		return qmem_printf("no IOMMU: %s", qjson_get_str(iommu, "why_not"));
	if (!qjson_get(gpu, "iommu_group"))
		return qmem_strdup("it is in no IOMMU group");
	if (qjson_get_bool(gpu, "console", false))
		return qmem_strdup("it shows the host's console");
	if (qjson_get_bool(gpu, "boot_vga", false))
		return qmem_strdup("it is the host's boot VGA");
	if (qjson_get(gpu, "firmware_framebuffer"))
		return qmem_printf("%s holds the firmware's framebuffer in its memory",
				   qjson_get_str(gpu, "firmware_framebuffer"));
	if (qjson_len(qjson_get(sriov, "vfs")))
		return qmem_printf("%zu virtual functions of it are switched on",
				   qjson_len(qjson_get(sriov, "vfs")));
	if (!can_reset(gpu))
		return qmem_strdup("it has no reset, so what a VM leaves in it can't be cleared");
	if (!qjson_get_bool(vfio, "available", true))
		return qmem_strdup(qjson_get_str(vfio, "why_not"));
	return NULL;
}

static void list_members(char *buf, size_t len, struct json_object *gpu)
{
	struct json_object *list = qjson_get(gpu, "group_members"), *m;
	size_t i, at = 0;

	buf[0] = '\0';
	for (i = 0; i < qjson_len(list) && at < len; i++) {
		m = qjson_at(list, i);
		if (strcmp(qjson_get_str(m, "kind"), "bridge"))
			at += snprintf(buf + at, len - at, "%s%s", at ? ", " : "",
				       qjson_get_str(m, "address"));
	}
}

static struct json_object *advise_gpu(struct qdetect *d, struct json_object *gpu)
{
	const char *render = qjson_get_str(qjson_get(gpu, "drm"), "render");
	char *why_not = no_passthrough(d, gpu), others[512];
	struct json_object *o;

	if (!why_not) {
		list_members(others, sizeof(others), gpu);
		return advice("passthrough",
			      qmem_printf("the IOMMU isolates it, and it can be reset%s%s",
					  *others ? "; its group goes with it: " : "", others));
	}
	if (render && !qjson_get_bool(qjson_get(gpu, "drm"), "renders", true))
		o = advice("software",
			   qmem_printf("it draws on the CPU; no passthrough: %s", why_not));
	else if (render)
		o = advice("virtio",
			   qmem_printf("%s renders for VMs; no passthrough: %s", render, why_not));
	else
		o = advice("software",
			   qmem_printf("it has no render node; no passthrough: %s", why_not));
	free(why_not);
	return o;
}

void qdetect_advise(struct qdetect *d)
{
	/* The best one first. */
	static const char *const modes[] = { "passthrough", "virtio", "software" };
	struct json_object *gpu, *a, *best = NULL;
	size_t i, m;

	for (i = 0; i < qjson_len(d->gpus); i++) {
		gpu = qjson_at(d->gpus, i);
		qjson_add(gpu, "recommendation", advise_gpu(d, gpu));
	}
	for (m = 0; m < 3 && !best; m++)
		for (i = 0; i < qjson_len(d->gpus) && !best; i++) {
			gpu = qjson_at(d->gpus, i);
			a = qjson_get(gpu, "recommendation");
			if (strcmp(qjson_get_str(a, "mode"), modes[m]))
				continue;
			best = advice(modes[m], qmem_strdup(qjson_get_str(a, "reason")));
			qjson_add_str(best, "gpu", qjson_get_str(gpu, "name"));
		}
	if (!best) {
		best = advice("software", qmem_strdup("this machine has no GPU: guests draw on "
						      "their CPU"));
		qjson_add(best, "gpu", NULL);
	}
	qjson_add(d->doc, "recommendation", best);
}
