// SPDX-License-Identifier: GPL-2.0-only
/*
 * Detection, Vulkan: absent, there but not loadable, without a device, or a version. The library
 * and the drivers are only loaded by the probe.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/manifest.h"
#include "detect/source.h"
#include "util/json.h"
#include "util/mem.h"

#define HELPER "qwamos-probe-vulkan"

static void begin(struct qdetect *d)
{
	char *path;

	if (!d->o->probe)
		return;
	if (!d->o->root) {
		d->vulkan = qprobe_start(HELPER, "Vulkan", NULL, d->o->probe_ms);
		return;
	}
	path = qdetect_path(d, "probe/vulkan");
	d->vulkan = qprobe_read(path, "Vulkan");
	free(path);
}

/* The GPU that it is a device of: by its address, or by its render node. */
static struct json_object *gpu_of(struct qdetect *d, struct json_object *dev)
{
	const char *pci = qjson_get_str(dev, "pci"), *node = qjson_get_str(dev, "render_dev"), *n;
	struct json_object *gpu = pci ? qdetect_gpu(d, pci) : NULL;
	size_t i;

	for (i = 0; !gpu && node && i < qjson_len(d->gpus); i++) {
		n = qjson_get_str(qjson_get(qjson_at(d->gpus, i), "drm"), "render_dev");
		if (n && !strcmp(n, node))
			gpu = qjson_at(d->gpus, i);
	}
	return gpu;
}

static void add_device(struct qdetect *d, struct json_object *list, struct json_object *dev)
{
	const char *type = qjson_get_str(dev, "type");
	struct json_object *gpu, *o;
	bool cpu = type && !strcmp(type, "cpu");

	qjson_push(list, json_object_get(dev));
	gpu = cpu ? NULL : gpu_of(d, dev);
	qjson_add_str(dev, "gpu", qjson_get_str(gpu, "name"));
	if (!gpu)
		return;
	if (!qjson_get(gpu, "vulkan")) {
		o = qjson_add(gpu, "vulkan", qjson_obj());
		qjson_add_str(o, "api_version", qjson_get_str(dev, "api_version"));
		qjson_add_str(o, "driver", qjson_get_str(dev, "driver_name"));
	}
	qdetect_set_str(gpu, "device_name",
			qjson_get(gpu, "device_name") ? NULL : qjson_get_str(dev, "name"));
	qdetect_figure(gpu, "compute_units", qjson_get_int(dev, "compute_units", 0), "vulkan");
	qdetect_figure(gpu, "max_texture_2d", qjson_get_int(dev, "max_texture_2d", 0), "vulkan");
	/* Of an integrated one, it is the machine's memory. */
	if (type && !strcmp(type, "discrete"))
		qdetect_figure(gpu, "vram_bytes", qjson_get_int(dev, "device_local_bytes", 0),
			       "vulkan");
}

/* Where a loader looks for drivers, and what names them instead. */
static const struct qmanifest drivers = {
	.helper = HELPER,
	.what = "Vulkan",
	.env = { "VK_DRIVER_FILES", "VK_ICD_FILENAMES" },
	.home_config = "vulkan/icd.d",
	.dirs = "vulkan/icd.d",
	.part = "vulkan",
	.keys = { "state", "why", "instance_version" },
	.add_device = add_device,
};

static int gather(struct qdetect *d, struct qerr *e)
{
	qmanifest_gather(d, &drivers, d->vulkan);
	return 0;
}

const struct qdetect_source qdetect_vulkan = { .name = "vulkan", .begin = begin, .gather = gather };
