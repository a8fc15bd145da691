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

static void take(struct qdetect *d, struct json_object *out, const struct qprobe *p)
{
	static const char *const keys[] = { "state", "why" };
	struct json_object *line, *dev;
	const char *text;
	size_t i, k;

	for (i = 0; i < qjson_len(p->lines); i++) {
		line = qjson_at(p->lines, i);
		for (k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			text = qjson_get_str(line, keys[k]);
			if (text)
				qjson_add_str(out, keys[k], text);
		}
		dev = qjson_get(line, "device");
		if (dev)
			add_device(d, qjson_get(out, "devices"), dev);
	}
}

/* Where libglvnd looks. */
static const struct qmanifest drivers = {
	.helper = HELPER,
	.what = "EGL",
	.env = { "__EGL_VENDOR_LIBRARY_FILENAMES" },
	.dirs_env = "__EGL_VENDOR_LIBRARY_DIRS",
	.dirs = "glvnd/egl_vendor.d",
};

static int gather(struct qdetect *d, struct qerr *e)
{
	struct qprobe *both[] = { d->egl, d->vulkan };
	struct json_object *out;
	char *why;

	if (!d->egl)
		return 0;
	qprobe_wait(both, 2);
	out = qjson_add(d->doc, "gles", qjson_obj());
	qjson_add(out, "state", NULL);
	qjson_add(out, "why", NULL);
	qjson_add(out, "devices", qjson_arr());
	take(d, out, d->egl);
	if (d->egl->end != QPROBE_DONE)
		qmanifest_retry(d, &drivers, d->egl, out, take);
	if (qjson_len(qjson_get(out, "devices"))) {
		qjson_add_str(out, "state", "version");
		qjson_add(out, "why", NULL);
	} else if (!qjson_get(out, "state")) {
		why = qprobe_why(d->egl);
		qjson_add_str(out, "state",
			      d->egl->end == QPROBE_NOT_STARTED ? NULL : "not_loadable");
		qjson_add_fmt(out, "why", "a driver %s", why);
		free(why);
	}
	return 0;
}

const struct qdetect_source qdetect_egl = { .name = "egl", .begin = begin, .gather = gather };
