// SPDX-License-Identifier: GPL-2.0-only
#include "config/show.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/schema.h"
#include "kmod/policy.h"
#include "util/json.h"
#include "util/mem.h"

static const void *field_of(const struct qconfig *c, const struct qkey *k)
{
	return (const char *)c + k->offset;
}

static struct json_object *list_value(const struct qconfig_list *l)
{
	struct json_object *a = qjson_arr();
	size_t i;

	for (i = 0; i < l->n; i++)
		qjson_push_str(a, l->v[i].text);
	return a;
}

static struct json_object *nat_value(const struct qconfig_nats *l)
{
	struct json_object *a = qjson_arr(), *o;
	size_t i;

	for (i = 0; i < l->n; i++) {
		o = qjson_push(a, qjson_obj());
		qjson_add_str(o, "protocol", l->v[i].udp ? "udp" : "tcp");
		qjson_add_str(o, "host_address", l->v[i].address ? l->v[i].address : "127.0.0.1");
		qjson_add_int(o, "host_port", l->v[i].host_port);
		qjson_add_int(o, "guest_port", l->v[i].guest_port);
	}
	return a;
}

static struct json_object *str_or_null(const char *text)
{
	return text ? qmem_check(json_object_new_string(text)) : NULL;
}

/* A value as JSON; NULL: there is none. */
static struct json_object *value_of(const struct qconfig *c, const struct qkey *k)
{
	const void *f = field_of(c, k);
	const struct qconfig_list *l;
	int n;

	switch (k->type) {
	case QKEY_TEXT:
	case QKEY_NAME:
	case QKEY_CHOICE:
	case QKEY_MAC:
	case QKEY_IFNAME:
		return str_or_null(*(char *const *)f);
	case QKEY_LIST:
	case QKEY_ADDRS:
		l = f;
		return l->n ? list_value(l) : NULL;
	case QKEY_NAT:
		return ((const struct qconfig_nats *)f)->n ? nat_value(f) : NULL;
	default:
		break;
	}
	n = *(const int *)f;
	if (n < 0)
		return NULL;
	switch (k->type) {
	case QKEY_BOOL:
		return qmem_check(json_object_new_boolean(n));
	case QKEY_WORD:
		return str_or_null(k->words[n]);
	case QKEY_LEVEL:
		return str_or_null(qgpu_level(n)->name);
	default:
		return qmem_check(json_object_new_int(n));
	}
}

/* What the level says where the config says nothing. */
static struct json_object *level_value(const struct qconfig *c, const struct qkey *k)
{
	const struct qgpu_level *l = qgpu_level(c->level);

	if (k->offset == offsetof(struct qconfig, vram_limit_mib))
		return qmem_check(json_object_new_int(l->vram_mib));
	if (k->offset == offsetof(struct qconfig, compute_share))
		return qmem_check(json_object_new_int(l->compute_percent));
	if (k->offset == offsetof(struct qconfig, allow_vulkan))
		return qmem_check(json_object_new_boolean(l->vulkan != QWAMOS_GPU_VULKAN_NONE));
	if (k->offset == offsetof(struct qconfig, allow_compute))
		return qmem_check(
			json_object_new_boolean(!!(l->ops & 1U << QWAMOS_GPU_OP_COMPUTE_SHADER)));
	return NULL;
}

/* Of several keys for one thing, the one that stands in the file, or the first. */
static bool is_shown(const struct qconfig *c, const struct qkey *k)
{
	const struct qkey *o;

	if (c->where[k - qkeys].line)
		return true;
	for (o = qkeys; o->path; o++)
		if (o->offset == k->offset && o != k && (o < k || c->where[o - qkeys].line))
			return false;
	return true;
}

static void add_setting(struct json_object *list, const struct qconfig *c, const struct qkey *k,
			const char *file)
{
	struct qmark at = c->where[k - qkeys];
	struct json_object *value = value_of(c, k), *o;
	bool levels = false;

	if (!value) {
		value = level_value(c, k);
		levels = value != NULL;
	}
	if (!value && !at.line)
		return;
	o = qjson_push(list, qjson_obj());
	qjson_add_str(o, "key", k->path);
	qjson_add(o, "value", value);
	if (levels)
		qjson_add_fmt(o, "why", "the level %s", qgpu_level(c->level)->name);
	else if (at.line)
		qjson_add_fmt(o, "why", "%s:%u:%u", file, at.line, at.col);
	else
		qjson_add_str(o, "why", "default");
}

static void add_limit(struct json_object *list, const char *name, int value, const char *by,
		      const char *note)
{
	struct json_object *o = qjson_push(list, qjson_obj());

	qjson_add_str(o, "limit", name);
	if (value < 0)
		qjson_add(o, "value", NULL);
	else
		qjson_add_int(o, "value", value);
	qjson_add_str(o, "enforced_by", by);
	qjson_add_str(o, "note", note);
}

/* Each limit, and who sees to it. */
static struct json_object *limits(const struct qconfig *c)
{
	const struct qgpu_level *l = qgpu_level(c->level);
	struct json_object *list = qjson_arr();
	int vram = c->vram_limit_mib >= 0 ? c->vram_limit_mib : (int)l->vram_mib;
	int share = c->compute_share >= 0 ? c->compute_share : (int)l->compute_percent;

	if (c->access == QACCESS_PASSTHROUGH) {
		add_limit(list, "vram_mib", -1, "vfio", "the GPU is given whole");
		add_limit(list, "compute_percent", -1, "vfio", "the GPU is given whole");
		return list;
	}
	if (c->access == QACCESS_NONE)
		return list;
	add_limit(list, "vram_mib", vram, "qemu",
		  "max_hostmem of the adapter, which counts images of 2D alone: not 3D, not blobs");
	add_limit(list, "compute_percent", share, "none", "in 2D no time of a GPU is used");
	add_limit(list, "vulkan_queues", c->allow_vulkan ? (int)l->vulkan_queues : 0, "none",
		  "in 2D there is no Vulkan");
	return list;
}

static struct json_object *operations(const struct qconfig *c)
{
	static const char *const names[QGPU_OPS] = {
		[QWAMOS_GPU_OP_RENDERING_2D] = "rendering_2d",
		[QWAMOS_GPU_OP_RENDERING_3D] = "rendering_3d",
		[QWAMOS_GPU_OP_COMPUTE_SHADER] = "compute_shader",
		[QWAMOS_GPU_OP_VULKAN_COMPUTE] = "vulkan_compute",
		[QWAMOS_GPU_OP_VIDEO_DECODE] = "video_decode",
		[QWAMOS_GPU_OP_VIDEO_ENCODE] = "video_encode",
		[QWAMOS_GPU_OP_PASSTHROUGH] = "passthrough",
	};
	struct json_object *list = qjson_arr();
	unsigned int op;

	for (op = 1; op < QGPU_OPS; op++) {
		if (qgpu_policy_check(c->level, op) || !names[op])
			continue;
		if (op == QWAMOS_GPU_OP_VULKAN_COMPUTE && (!c->allow_vulkan || !c->allow_compute))
			continue;
		if (op == QWAMOS_GPU_OP_COMPUTE_SHADER && !c->allow_compute)
			continue;
		qjson_push_str(list, names[op]);
	}
	return list;
}

struct json_object *qconfig_show(const struct qconfig *c, const struct qdiags *d, bool module)
{
	struct json_object *doc = qjson_obj(), *list, *gpu;
	const struct qkey *k;

	qjson_add_str(doc, "file", d->file);
	qjson_add_str(doc, "name", c->name);
	list = qjson_add(doc, "settings", qjson_arr());
	for (k = qkeys; k->path; k++)
		if (is_shown(c, k))
			add_setting(list, c, k, d->file);
	if (c->gpu && c->gpu_enabled) {
		gpu = qjson_add(doc, "gpu", qjson_obj());
		qjson_add_str(gpu, "access_mode", qconfig_access_name(c->access));
		qjson_add_str(gpu, "level", qgpu_level(c->level)->name);
		qjson_add(gpu, "operations", operations(c));
		qjson_add(gpu, "limits", limits(c));
	} else {
		qjson_add(doc, "gpu", NULL);
	}
	qjson_add_str(doc, "enforced", module ? NULL : "not enforced: module not loaded");
	return doc;
}

struct json_object *qdiags_json(const struct qdiags *d)
{
	static const char *const kinds[] = { "note", "warning", "error" };
	struct json_object *list = qjson_arr(), *o;
	size_t i;

	for (i = 0; i < d->n; i++) {
		const struct qdiag *one = &d->list[i];

		o = qjson_push(list, qjson_obj());
		qjson_add_str(o, "kind", kinds[one->kind]);
		if (one->at.line) {
			qjson_add_int(o, "line", one->at.line);
			qjson_add_int(o, "column", one->at.col);
		} else {
			qjson_add(o, "line", NULL);
			qjson_add(o, "column", NULL);
		}
		qjson_add_str_or_null(o, "key", one->key);
		qjson_add_str(o, "text", one->text);
	}
	return list;
}
