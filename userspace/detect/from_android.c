// SPDX-License-Identifier: GPL-2.0-only
/*
 * Detection, Android and the vendors' own drivers of phones: system properties, kgsl (Adreno) and
 * kbase (Mali).
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/source.h"
#include "util/file.h"
#include "util/json.h"
#include "util/mem.h"

/* Where Android keeps its properties; of a property that is set twice, the first one counts. */
static const char *const prop_files[] = {
	"odm/build.prop",      "odm/etc/build.prop", "vendor/build.prop",
	"vendor/default.prop", "product/build.prop", "system/build.prop",
	"prop.default",	       "default.prop",	     "product/etc/build.prop",
};

/* Bionic, Android's C library, has a function for them; PROP_VALUE_MAX is 92. */
int __system_property_get(const char *name, char *value) __attribute__((weak));

static bool ask_bionic(const char *name, char value[92])
{
	value[0] = '\0';
	return __system_property_get && __system_property_get(name, value) > 0;
}

static bool find_in(const char *text, const char *name, char *value, size_t len)
{
	size_t n = strlen(name), end;

	for (; *text; text += end + (text[end] == '\n')) {
		end = strcspn(text, "\n");
		if (strncmp(text, name, n) || text[n] != '=')
			continue;
		snprintf(value, len, "%.*s", (int)(end - n - 1), text + n + 1);
		return *value;
	}
	return false;
}

struct props {
	char *texts[sizeof(prop_files) / sizeof(prop_files[0])];
	bool any;
};

static void add_property(struct qdetect *d, struct json_object *o, const struct props *p,
			 const char *name)
{
	char value[256];
	size_t i;

	qjson_add(o, name, NULL);
	if (!d->o->root && ask_bionic(name, value)) {
		qjson_add_str(o, name, value);
		return;
	}
	for (i = 0; i < sizeof(p->texts) / sizeof(p->texts[0]); i++)
		if (p->texts[i] && find_in(p->texts[i], name, value, sizeof(value))) {
			qjson_add_str(o, name, value);
			return;
		}
}

/* "196610" is OpenGL ES 3.2: 16 bits each. */
static void add_gles(struct json_object *o)
{
	const char *text = qjson_get_str(o, "ro.opengles.version");
	unsigned long n = text ? strtoul(text, NULL, 10) : 0;

	qjson_add(o, "gles_version", NULL);
	if (n >> 16)
		qjson_add_fmt(o, "gles_version", "%lu.%lu", n >> 16, n & 0xffff);
}

static void add_android(struct qdetect *d)
{
	struct json_object *o = NULL;
	struct props p = { .any = false };
	char *path;
	size_t i;

	for (i = 0; i < sizeof(p.texts) / sizeof(p.texts[0]); i++) {
		path = qdetect_path(d, "%s", prop_files[i]);
		p.any |= qfile_read_all(AT_FDCWD, path, 1 << 20, &p.texts[i]) > 0;
		free(path);
	}
	if (p.any || (!d->o->root && __system_property_get)) {
		o = qjson_obj();
		add_property(d, o, &p, "ro.hardware.vulkan");
		add_property(d, o, &p, "ro.hardware.egl");
		add_property(d, o, &p, "ro.opengles.version");
		add_gles(o);
	}
	for (i = 0; i < sizeof(p.texts) / sizeof(p.texts[0]); i++)
		free(p.texts[i]);
	qjson_add(d->doc, "android", o);
}

/* The GPU that a class device belongs to; where the tree did not tell of it, it is added. */
static struct json_object *phone_gpu(struct qdetect *d, const char *device, const char *vendor)
{
	char *path = qdetect_path(d, "%s/device", device), *real, *slash;
	struct json_object *gpu = NULL;
	size_t i;

	real = realpath(path, NULL);
	free(path);
	slash = real ? strrchr(real, '/') : NULL;
	if (slash)
		gpu = qdetect_gpu(d, slash + 1);
	/* kgsl's device may stand beside the one that the tree calls the GPU. */
	for (i = 0; !gpu && i < qjson_len(d->gpus); i++) {
		const char *v = qjson_get_str(qjson_at(d->gpus, i), "vendor");

		if (v && !strcmp(v, vendor))
			gpu = qjson_at(d->gpus, i);
	}
	if (!gpu && slash) {
		gpu = qdetect_new_gpu(d, slash + 1, "platform");
		qjson_add_str(gpu, "vendor", vendor);
	}
	free(real);
	return gpu;
}

/* "Adreno740v2" */
static void add_kgsl(struct qdetect *d)
{
	static const char kgsl[] = "sys/class/kgsl/kgsl-3d0";
	struct json_object *gpu;
	char model[64];

	if (qdetect_read(d, model, sizeof(model), "%s/gpu_model", kgsl) < 0 &&
	    !qdetect_exists(d, kgsl))
		return;
	gpu = phone_gpu(d, kgsl, "adreno");
	if (!gpu)
		return;
	qvendor_set(gpu, qvendor_compatible("qcom,adreno"));
	qdetect_set_str(gpu, "device_name", model);
	if (!qjson_get(gpu, "driver"))
		qjson_add_str(gpu, "driver", "kgsl-3d");
}

/* "Mali-G710 7 cores r0p0 0xA8670000" */
static void add_kbase(struct qdetect *d)
{
	static const char mali[] = "sys/class/misc/mali0";
	struct json_object *gpu;
	char text[128], *cores;

	if (qdetect_read(d, text, sizeof(text), "%s/device/gpuinfo", mali) <= 0)
		return;
	gpu = phone_gpu(d, mali, "mali");
	if (!gpu)
		return;
	qvendor_set(gpu, qvendor_compatible("arm,mali"));
	cores = strchr(text, ' ');
	if (cores) {
		if (strstr(cores, " cores "))
			qdetect_figure(gpu, "compute_units", strtol(cores, NULL, 10), "kbase");
		*cores = '\0';
	}
	qdetect_set_str(gpu, "device_name", text);
}

/* "qcom,adreno-740.1" names the model; "arm,mali-bifrost" only a family. */
static void add_adreno_model(struct json_object *gpu)
{
	const char *c = qjson_get_str(gpu, "compatible");
	unsigned int model;
	int end = 0;

	if (!c || qjson_get(gpu, "device_name") ||
	    sscanf(c, "qcom,adreno-%3u%n", &model, &end) != 1)
		return;
	if (model >= 100 && (!c[end] || c[end] == '.'))
		qjson_add_fmt(gpu, "device_name", "Adreno %u", model);
}

static int gather(struct qdetect *d, struct qerr *e)
{
	size_t i;

	add_android(d);
	add_kgsl(d);
	add_kbase(d);
	for (i = 0; i < qjson_len(d->gpus); i++)
		add_adreno_model(qjson_at(d->gpus, i));
	return 0;
}

const struct qdetect_source qdetect_android = { .name = "android", .gather = gather };
