// SPDX-License-Identifier: GPL-2.0-only
/* Detection, OpenGL ES: the versions that drivers offer, through EGL, by a probe. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/manifest.h"
#include "detect/source.h"
#include "util/json.h"
#include "util/mem.h"

#define HELPER "qwamos-probe-egl"

static void begin(struct qdetect *d)
{
	char *path;

	if (!d->o->probe)
		return;
	if (!d->o->root) {
		d->egl = qprobe_start(HELPER, "EGL", NULL, d->o->probe_ms);
		return;
	}
	path = qdetect_path(d, "probe/egl");
	d->egl = qprobe_read(path, "EGL");
	free(path);
}

/* By its node: "/dev/dri/renderD128". */
static struct json_object *gpu_of(struct qdetect *d, struct json_object *dev)
{
	static const char *const keys[] = { "render", "card" };
	const char *path, *node, *slash;
	size_t i, k;

	for (k = 0; k < 2; k++) {
		path = qjson_get_str(dev, keys[k]);
		slash = path ? strrchr(path, '/') : NULL;
		for (i = 0; slash && i < qjson_len(d->gpus); i++) {
			node = qjson_get_str(qjson_get(qjson_at(d->gpus, i), "drm"), keys[k]);
			if (node && !strcmp(node, slash + 1))
				return qjson_at(d->gpus, i);
		}
	}
	return NULL;
}

static void add_device(struct qdetect *d, struct json_object *list, struct json_object *dev)
{
	struct json_object *gpu = gpu_of(d, dev);

	qjson_push(list, json_object_get(dev));
	qjson_add_str(dev, "gpu", qjson_get_str(gpu, "name"));
	if (!gpu)
		return;
	/* Its node is there, but it is the CPU that draws. */
	if (qjson_get_bool(dev, "software", false)) {
		qjson_add_bool(qjson_get(gpu, "drm"), "renders", false);
		return;
	}
	qjson_add_bool(qjson_get(gpu, "drm"), "renders", true);
	qdetect_set_str(gpu, "gles", qjson_get_str(dev, "gles_version"));
	qdetect_set_str(gpu, "device_name",
			qjson_get(gpu, "device_name") ? NULL : qjson_get_str(dev, "renderer"));
	qdetect_figure(gpu, "max_texture_2d", qjson_get_int(dev, "max_texture_2d", 0), "gles");
}

/* Where libglvnd looks. */
static const struct qmanifest drivers = {
	.helper = HELPER,
	.what = "EGL",
	.env = { "__EGL_VENDOR_LIBRARY_FILENAMES" },
	.dirs_env = "__EGL_VENDOR_LIBRARY_DIRS",
	.dirs = "glvnd/egl_vendor.d",
	.part = "gles",
	.keys = { "state", "why" },
	.add_device = add_device,
};

static int gather(struct qdetect *d, struct qerr *e)
{
	qmanifest_gather(d, &drivers, d->egl);
	return 0;
}

const struct qdetect_source qdetect_egl = { .name = "egl", .begin = begin, .gather = gather };
