// SPDX-License-Identifier: GPL-2.0-only
#include "cmd/detect_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "util/json.h"
#include "util/term.h"

static const char *str(const struct json_object *o, const char *key, const char *otherwise)
{
	const char *s = qjson_get_str(o, key);

	return s ? s : otherwise;
}

/* "  name:  value"; unknown where there is none. */
static void row(const char *name, const char *value)
{
	qterm_printf("  %-14s %s\n", name, value ? value : "unknown");
}

static void figure(const char *name, const struct json_object *gpu, const char *key,
		   int64_t divisor, const char *unit)
{
	const struct json_object *f = qjson_get(gpu, key);
	char text[96];

	if (!f) {
		row(name, NULL);
		return;
	}
	snprintf(text, sizeof(text), "%" PRId64 "%s (says %s)",
		 qjson_get_int(f, "value", 0) / divisor, unit, str(f, "source", "?"));
	row(name, text);
}

/* "0000:01:00.1 (driver), ...": members of a list, by address. */
static void devices(const char *name, const struct json_object *list, const char *none)
{
	size_t i;

	qterm_printf("  %-14s ", name);
	for (i = 0; i < qjson_len(list); i++) {
		const struct json_object *m = qjson_at(list, i);

		qterm_printf("%s%s (%s, %s)", i ? ", " : "", str(m, "address", "?"),
			     str(m, "class_name", str(m, "kind", "?")),
			     str(m, "driver", "no driver"));
	}
	qterm_printf("%s\n", qjson_len(list) ? "" : none);
}

static void words(const char *name, const struct json_object *list, const char *none)
{
	size_t i;

	qterm_printf("  %-14s ", name);
	for (i = 0; i < qjson_len(list); i++)
		qterm_printf("%s%s", i ? ", " : "", json_object_get_string(qjson_at(list, i)));
	qterm_printf("%s\n", qjson_len(list) ? "" : none);
}

static void print_group(const struct json_object *gpu)
{
	char text[96];

	if (qjson_get(gpu, "iommu_group"))
		snprintf(text, sizeof(text), "group %" PRId64 ", domain %s",
			 qjson_get_int(gpu, "iommu_group", 0), str(gpu, "iommu_domain", "unknown"));
	else
		snprintf(text, sizeof(text), "%s",
			 qjson_get_bool(gpu, "behind_iommu", false)
				 ? "no group yet: it comes with a driver"
				 : "no group");
	row("IOMMU", text);
	if (qjson_len(qjson_get(gpu, "group_members")))
		devices("group with", qjson_get(gpu, "group_members"), "");
}

static void print_sriov(const struct json_object *gpu)
{
	const struct json_object *s = qjson_get(gpu, "sriov");
	char text[96];

	if (!s)
		return;
	if (qjson_get_str(s, "physical_function"))
		snprintf(text, sizeof(text), "a virtual function of %s",
			 qjson_get_str(s, "physical_function"));
	else
		snprintf(text, sizeof(text), "%zu of %" PRId64 " virtual functions are on",
			 qjson_len(qjson_get(s, "vfs")), qjson_get_int(s, "total_vfs", 0));
	row("SR-IOV", text);
}

static void print_gpu(const struct json_object *gpu)
{
	const struct json_object *drm = qjson_get(gpu, "drm"), *vk = qjson_get(gpu, "vulkan"),
				 *advice = qjson_get(gpu, "recommendation");
	bool pci = !strcmp(str(gpu, "bus", ""), "pci");
	char text[256];

	qterm_printf("%s  %s %s%s%s\n", str(gpu, "name", "?"),
		     str(gpu, "vendor_name", "unknown vendor"),
		     str(gpu, "device_name", str(gpu, "compatible", str(gpu, "device_id", ""))),
		     qjson_get_bool(gpu, "console", false)    ? " (console)"
		     : qjson_get_bool(gpu, "boot_vga", false) ? " (boot VGA)"
							      : "",
		     qjson_get_bool(gpu, "emulated", false) ? " (emulated)" : "");
	row("driver", str(gpu, "driver", "none"));
	snprintf(text, sizeof(text), "%s%s%s", drm ? str(drm, "card", "no card") : "none",
		 drm ? ", " : "", drm ? str(drm, "render", "no render node") : "");
	row("nodes", text);
	figure("VRAM", gpu, "vram_bytes", 1 << 20, " MiB");
	figure("compute units", gpu, "compute_units", 1, "");
	figure("largest texture", gpu, "max_texture_2d", 1, "");
	if (vk)
		snprintf(text, sizeof(text), "%s (%s)", str(vk, "api_version", "?"),
			 str(vk, "driver", "driver unknown"));
	row("Vulkan", vk ? text : NULL);
	row("OpenGL ES", qjson_get_str(gpu, "gles"));
	print_group(gpu);
	if (pci) {
		devices("companions", qjson_get(gpu, "companions"), "none");
		words("resets", qjson_get(gpu, "reset_methods"), "none");
		print_sriov(gpu);
	}
	snprintf(text, sizeof(text), "%s: %s", str(advice, "mode", "?"), str(advice, "reason", ""));
	row("recommended", text);
}

static void print_queues(const struct json_object *dev)
{
	const struct json_object *list = qjson_get(dev, "queue_families"), *q;
	size_t i;

	for (i = 0; i < qjson_len(list); i++) {
		q = qjson_at(list, i);
		if (!json_object_is_type(q, json_type_object))
			continue;
		qterm_printf("    %2" PRId64 " queues:", qjson_get_int(q, "queues", 0));
		json_object_object_foreach((struct json_object *)q, name, value)
			if (json_object_is_type(value, json_type_boolean) &&
			    json_object_get_boolean(value))
				qterm_printf(" %s", name);
		qterm_printf("\n");
	}
}

static void state(const char *name, const struct json_object *o, const char *version)
{
	const char *s = qjson_get_str(o, "state"), *why = qjson_get_str(o, "why");

	qterm_printf("%s: ", name);
	if (!o || !s)
		qterm_printf("unknown");
	else if (!strcmp(s, "version"))
		qterm_printf("%s", version ? version : "yes");
	else if (!strcmp(s, "no_device"))
		qterm_printf("no device");
	else if (!strcmp(s, "not_loadable"))
		qterm_printf("library present, but not loadable");
	else
		qterm_printf("%s", s);
	qterm_printf("%s%s\n", why ? ": " : "", why);
}

static void print_vulkan(const struct json_object *vk)
{
	const struct json_object *list = qjson_get(vk, "devices"), *dev;
	size_t i;

	state("Vulkan", vk, qjson_get_str(vk, "instance_version"));
	for (i = 0; i < qjson_len(list); i++) {
		dev = qjson_at(list, i);
		qterm_printf("  %s: %s, %s, %s\n", str(dev, "name", "?"),
			     str(dev, "api_version", "?"),
			     str(dev, "driver_name", "driver unknown"), str(dev, "type", "?"));
		print_queues(dev);
	}
}

static void print_gles(const struct json_object *gles)
{
	const struct json_object *list = qjson_get(gles, "devices"), *dev;
	size_t i;

	state("OpenGL ES", gles, qjson_get_str(qjson_at(list, 0), "gles_version"));
	for (i = 0; i < qjson_len(list); i++) {
		dev = qjson_at(list, i);
		qterm_printf("  %s: %s%s\n", str(dev, "renderer", "?"), str(dev, "version", "?"),
			     qjson_get_bool(dev, "software", false) ? ", software" : "");
	}
}

static void print_host(const struct json_object *doc)
{
	const struct json_object *host = qjson_get(doc, "host"), *iommu = qjson_get(doc, "iommu"),
				 *vfio = qjson_get(doc, "vfio"), *a = qjson_get(doc, "android");
	const struct json_object *units = qjson_get(iommu, "units");

	qterm_printf("Host: %s, kernel %s\nIOMMU: ", str(host, "model", "model unknown"),
		     str(host, "kernel", "unknown"));
	if (qjson_get_bool(iommu, "active", false))
		qterm_printf("%s\n", str(qjson_at(units, 0), "kind", "active, of an unknown kind"));
	else
		qterm_printf("none: %s\n", str(iommu, "why_not", "unknown"));
	if (qjson_get_bool(iommu, "unsafe_interrupts_allowed", false))
		qterm_printf("Warning: vfio_iommu_type1.allow_unsafe_interrupts is on\n");
	qterm_printf("VFIO: %s%s%s%s\n",
		     qjson_get_bool(vfio, "driver_loaded", false) ? "qwamos_vfio_pci is loaded"
		     : qjson_get_bool(vfio, "loaded", false)	  ? "loaded"
		     : qjson_get_bool(vfio, "available", false)	  ? "available"
								  : "not available",
		     qjson_get_str(vfio, "why_not") ? " (" : "", str(vfio, "why_not", ""),
		     qjson_get_str(vfio, "why_not") ? ")" : "");
	if (!qjson_get_bool(host, "module_loaded", false))
		qterm_printf("Policy: not enforced: module qwamos_gpu is not loaded\n");
	if (a)
		qterm_printf("Android: ro.hardware.vulkan %s, OpenGL ES %s\n",
			     str(a, "ro.hardware.vulkan", "unknown"),
			     str(a, "gles_version", "unknown"));
}

void detect_text(struct json_object *doc)
{
	const struct json_object *list = qjson_get(doc, "gpus"), *notes = qjson_get(doc, "notes"),
				 *best = qjson_get(doc, "recommendation");
	size_t i;

	print_host(doc);
	for (i = 0; i < qjson_len(list); i++)
		print_gpu(qjson_at(list, i));
	if (!qjson_len(list))
		qterm_printf("No GPU.\n");
	print_vulkan(qjson_get(doc, "vulkan"));
	print_gles(qjson_get(doc, "gles"));
	for (i = 0; i < qjson_len(notes); i++)
		qterm_printf("Note: %s\n", json_object_get_string(qjson_at(notes, i)));
	qterm_printf("Recommended: %s%s%s: %s\n", str(best, "mode", "?"),
		     qjson_get(best, "gpu") ? ", " : "", str(best, "gpu", ""),
		     str(best, "reason", ""));
}
