// SPDX-License-Identifier: GPL-2.0-only
#include "vm/gpu_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "util/json.h"
#include "util/mem.h"

static void add_state(struct json_object *gpu, const char *key, const char *state,
		      const char *version, const char *why)
{
	struct json_object *o = qjson_add(gpu, key, qjson_obj());

	qjson_add_str(o, "state", state);
	qjson_add_str(o, "version", version);
	qjson_add_str(o, "why", why);
}

/* The same of both. */
static void add_both(struct json_object *gpu, const char *state, const char *why)
{
	add_state(gpu, "vulkan", state, NULL, why);
	add_state(gpu, "opengl", state, NULL, why);
}

static void no_device(struct json_object *gpu, const char *why)
{
	qjson_add(gpu, "device", NULL);
	qjson_add_str(gpu, "device_why", why);
}

static bool same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

/* A GPU by its address, or by its render node. */
static struct json_object *find(const struct json_object *detected, const char *address,
				const char *render)
{
	const struct json_object *list = qjson_get(detected, "gpus");
	const char *slash = render ? strrchr(render, '/') : NULL;
	struct json_object *o;
	size_t i;

	for (i = 0; i < qjson_len(list); i++) {
		o = qjson_at(list, i);
		if (same(qjson_get_str(o, "name"), address) ||
		    same(qjson_get_str(qjson_get(o, "drm"), "render"), slash ? slash + 1 : render))
			return o;
	}
	return NULL;
}

/* @found: what detection tells of it; NULL: nothing */
static void add_device(struct json_object *gpu, const struct json_object *found,
		       const char *address)
{
	const char *vendor = qjson_get_str(found, "vendor_name"),
		   *name = qjson_get_str(found, "device_name"),
		   *id = qjson_get_str(found, "device_id");
	struct json_object *o = qjson_add(gpu, "device", qjson_obj());

	if (name || !vendor)
		qjson_add_str(o, "name", name);
	else
		qjson_add_fmt(o, "name", "%s%s%s", vendor, id ? " " : "", id ? id : "");
	qjson_add_str(o, "driver", qjson_get_str(found, "driver"));
	qjson_add_str(o, "address", address ? address : qjson_get_str(found, "name"));
}

/* Of an API of which the GPU itself tells no version: what is wrong with the host's. */
static void add_host_state(struct json_object *gpu, const char *key,
			   const struct json_object *detected, const char *part)
{
	const struct json_object *o = qjson_get(detected, part);
	const char *state = qjson_get_str(o, "state"), *why = qjson_get_str(o, "why");

	if (!state)
		add_state(gpu, key, "unknown", NULL, why);
	else if (!strcmp(state, "version"))
		add_state(gpu, key, "no_device", NULL, "the host's drivers have none for this GPU");
	else
		add_state(gpu, key, state, NULL, why);
}

static void virtio(struct json_object *gpu, const struct qvm_graphics *g,
		   const struct json_object *detected)
{
	struct json_object *found;
	const char *version;

	if (g->no_gl) {
		qjson_add(gpu, "device", NULL);
		qjson_add_fmt(gpu, "device_why", "2D only, no 3D: %s", g->no_gl);
		add_both(gpu, "none", "there is no 3D");
		return;
	}
	found = find(detected, NULL, g->render);
	if (!found) {
		no_device(gpu, "it is not known which GPU is behind its render node");
		add_both(gpu, "unknown", "it is not known which GPU is behind its render node");
		return;
	}
	add_device(gpu, found, NULL);
	version = qjson_get_str(qjson_get(found, "vulkan"), "api_version");
	if (g->no_venus)
		add_state(gpu, "vulkan", "none", NULL, g->no_venus);
	else if (version)
		add_state(gpu, "vulkan", "version", version, NULL);
	else
		add_host_state(gpu, "vulkan", detected, "vulkan");
	version = qjson_get_str(found, "gles");
	if (version)
		add_state(gpu, "opengl", "version", version, NULL);
	else
		add_host_state(gpu, "opengl", detected, "gles");
}

/*
 * What a GPU can do, its driver tells; and that is the guest's. Before it has it, the host's may
 * say what it makes of it.
 */
static void passthrough(struct json_object *gpu, const struct qvm_graphics *g,
			const struct json_object *detected)
{
	static const char guest[] = "the guest's driver tells",
			  host[] = "by the host's driver; the guest brings its own";
	struct json_object *found = NULL;
	const char *vulkan, *gles;
	size_t i;

	/* A companion may come before it. */
	for (i = 0; i < g->n_devices && !found; i++)
		found = find(detected, g->devices[i], NULL);
	add_device(gpu, found, found ? NULL : g->devices[0]);
	vulkan = g->running ? NULL : qjson_get_str(qjson_get(found, "vulkan"), "api_version");
	gles = g->running ? NULL : qjson_get_str(found, "gles");
	add_state(gpu, "vulkan", vulkan ? "version" : "unknown", vulkan, vulkan ? host : guest);
	add_state(gpu, "opengl", gles ? "version" : "unknown", gles, gles ? host : guest);
}

bool qvm_graphics_probe(const struct qvm_graphics *g)
{
	return (g->mode == QACCESS_VIRTIO && !g->no_gl) ||
	       (g->mode == QACCESS_PASSTHROUGH && !g->running);
}

void qvm_gpu_facts(struct json_object *gpu, const struct qvm_graphics *g,
		   const struct json_object *detected)
{
	struct json_object *list = qjson_add(gpu, "devices", qjson_arr());
	static const char cpu[] = "the guest draws on its CPU, with what is installed there";
	size_t i;

	for (i = 0; g->mode == QACCESS_PASSTHROUGH && i < g->n_devices; i++)
		qjson_push_str(list, g->devices[i]);
	qjson_add(gpu, "device_why", NULL);
	switch (g->mode) {
	case QACCESS_VIRTIO:
		virtio(gpu, g, detected);
		break;
	case QACCESS_PASSTHROUGH:
		if (g->n_devices) {
			passthrough(gpu, g, detected);
			break;
		}
		no_device(gpu, "it has none any more");
		add_both(gpu, "none", "it has no GPU any more");
		break;
	case QACCESS_SOFTWARE:
		list = qjson_add(gpu, "device", qjson_obj());
		qjson_add_str(list, "name", "CPU");
		qjson_add(list, "driver", NULL);
		qjson_add(list, "address", NULL);
		add_both(gpu, "unknown", cpu);
		break;
	case QACCESS_NONE:
		no_device(gpu, g->display ? "a 2D display, without the host's GPU" : NULL);
		add_both(gpu, "none", NULL);
		break;
	default:
		no_device(gpu, g->unknown);
		add_both(gpu, "unknown", g->unknown);
	}
}
