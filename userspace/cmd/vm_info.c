// SPDX-License-Identifier: GPL-2.0-only
#include "cmd/vm_info.h"

#include <string.h>
#include <unistd.h>

#include "cmd/vm_doc.h"
#include "cmd/vm_graphics.h"
#include "config/show.h"
#include "detect/detect.h"
#include "kmod/policy.h"
#include "lib/libqwamos-gpu.h"
#include "util/json.h"

/* The value of a key after defaults; NULL: none */
static struct json_object *setting(const struct json_object *shown, const char *key)
{
	const struct json_object *list = qjson_get(shown, "settings");
	size_t i;

	for (i = 0; i < qjson_len(list); i++)
		if (!strcmp(qjson_get_str(qjson_at(list, i), "key"), key))
			return qjson_get(qjson_at(list, i), "value");
	return NULL;
}

static void add_setting(struct json_object *o, const char *name, const struct json_object *shown,
			const char *key)
{
	qjson_add(o, name, json_object_get(setting(shown, key)));
}

static void add_disk(struct json_object *doc, const struct qconfig *c)
{
	struct json_object *o = c->disk ? qjson_obj() : NULL;

	qjson_add(doc, "disk", o);
	if (!o)
		return;
	qjson_add_str(o, "path", c->disk);
	qjson_add_bool(o, "there", !access(c->disk, F_OK));
	qjson_add_str(o, "format", c->disk_format);
	qjson_add_str(o, "cache", c->disk_cache);
	qjson_add_bool(o, "kept", !c->disk_snapshot && c->persistent);
}

/* What the config says, but for the GPU. */
static void add_config(struct json_object *doc, const struct qvm_known *k)
{
	struct json_object *shown = qconfig_show(&k->config, &k->diags, true), *o;
	const struct qconfig *c = &k->config;

	qjson_add_str_or_null(doc, "type", c->type);
	qjson_add_str_or_null(doc, "description", c->description);
	o = qjson_add(doc, "cpu", qjson_obj());
	qjson_add_int(o, "cores", c->cores);
	qjson_add_str(o, "model", c->cpu_model);
	o = qjson_add(doc, "memory", qjson_obj());
	qjson_add_int(o, "mib", c->memory_mib);
	qjson_add_bool(o, "hugepages", c->hugepages);
	add_disk(doc, c);
	o = qjson_add(doc, "network", qjson_obj());
	add_setting(o, "mode", shown, "network.mode");
	add_setting(o, "device", shown, "network.device");
	add_setting(o, "mac", shown, "network.mac");
	add_setting(o, "bridge", shown, "network.bridge");
	add_setting(o, "nat_rules", shown, "network.nat_rules");
	qjson_add_bool(doc, "autostart", c->autostart);
	o = qjson_add(doc, "acceleration", qjson_obj());
	add_setting(o, "asked", shown, "machine.accel");
	json_object_put(shown);
}

/* Is the config no longer what the VM was started with? Then it tells what the next start gets. */
static bool is_changed(const struct qvm_known *k)
{
	return k->rec.config_sha256[0] && k->config.sha256[0] &&
	       strcmp(k->rec.config_sha256, k->config.sha256);
}

static void add_mode(struct json_object *gpu, const char *asked, const char *got,
		     const char *reason, const char *text)
{
	struct json_object *o = qjson_add(gpu, "mode", qjson_obj());

	qjson_add_str(o, "asked", asked);
	qjson_add_str(o, "got", got);
	qjson_add_str(o, "reason", reason);
	qjson_add_str(o, "reason_text", text);
}

/* What the kernel tells. */
static void add_running(struct json_object *gpu, const struct json_object *told,
			const struct vm_kernel *q)
{
	struct json_object *vram = qjson_get(told, "vram"), *o;
	bool none = q->vm.level == QWAMOS_GPU_LEVEL_NONE;

	if (none)
		add_mode(gpu, "none", "none", NULL, NULL);
	else
		qjson_add(gpu, "mode", json_object_get(qjson_get(told, "mode")));
	o = qjson_add(gpu, "vram", qjson_obj());
	qjson_add(o, "used_bytes", json_object_get(qjson_get(vram, "used_bytes")));
	qjson_add(o, "limit_bytes", json_object_get(qjson_get(vram, "limit_bytes")));
	qjson_add_str(o, "enforced_by", qjson_get_str(vram, "enforced_by"));
	qjson_add_str(gpu, "level", none ? NULL : libqg_level_name(q->vm.level));
	qjson_add_int(gpu, "cap_percent", q->vm.compute_cap);
	qjson_add_int(gpu, "priority", q->vm.priority);
	qjson_add_int(gpu, "denied", q->vm.denied);
}

/* What its config gives it. */
static void add_planned(struct json_object *gpu, const struct qconfig *c,
			const struct vm_graphics *v)
{
	const struct qgpu_level *l = qgpu_level(c->level);
	bool section = c->gpu && c->gpu_enabled;
	int64_t vram = c->vram_limit_mib >= 0 ? c->vram_limit_mib : (int64_t)l->vram_mib;
	int cap = c->compute_share >= 0 ? c->compute_share : (int)l->compute_percent;
	const char *asked = qconfig_access_name(section ? c->access : QACCESS_NONE);
	uint32_t why = v->plan.gpu.why;
	struct json_object *o;

	add_mode(gpu, asked, v->g.mode < 0 ? NULL : qconfig_access_name(v->g.mode),
		 why ? libqg_reason_name(why) : NULL,
		 v->g.mode < 0 ? v->g.unknown : v->plan.gpu.reason);
	o = qjson_add(gpu, "vram", qjson_obj());
	qjson_add_int(o, "used_bytes", 0);
	qjson_add_int(o, "limit_bytes", section ? vram << 20 : 0);
	qjson_add_str(o, "enforced_by",
		      v->g.mode == QACCESS_PASSTHROUGH					 ? "vfio"
		      : v->plan.gpu.gated						 ? "gate"
		      : v->plan.gpu.section && v->plan.gpu.model && !v->plan.gpu.no_vram ? "qemu"
											 : "none");
	qjson_add_str(gpu, "level", section ? l->name : NULL);
	qjson_add_int(gpu, "cap_percent", section ? cap : 0);
	qjson_add_int(gpu, "priority", section ? c->priority : 0);
	qjson_add_int(gpu, "denied", 0);
}

static void add_facts(struct json_object *doc, struct json_object *gpu, const struct vm_graphics *v)
{
	struct qdetect_opts o = { .probe = qvm_graphics_probe(&v->g),
				  .probe_ms = QDETECT_PROBE_MS };
	struct json_object *detected = NULL, *accel = qjson_get(doc, "acceleration");

	if (v->g.mode == QACCESS_VIRTIO || v->g.mode == QACCESS_PASSTHROUGH)
		qdetect(&o, &detected, NULL);
	qvm_gpu_facts(gpu, &v->g, detected);
	json_object_put(detected);
	qjson_add_str(gpu, "adapter", v->model);
	if (accel) {
		qjson_add_str(accel, "got", v->accel);
		qjson_add_str(accel, "why", v->accel_why);
	}
	if (v->cpu && qjson_get(doc, "cpu"))
		qjson_add_str(qjson_get(doc, "cpu"), "model", v->cpu);
}

/* A VM that is said to run, but of which the kernel tells nothing. */
static void add_untold(struct json_object *gpu, const char *why)
{
	static const char *const figures[] = { "level", "cap_percent", "priority", "denied" };
	struct json_object *o;
	size_t i;

	add_mode(gpu, NULL, NULL, NULL, why);
	o = qjson_add(gpu, "vram", qjson_obj());
	qjson_add(o, "used_bytes", NULL);
	qjson_add(o, "limit_bytes", NULL);
	qjson_add(o, "enforced_by", NULL);
	for (i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		qjson_add(gpu, figures[i], NULL);
}

static void add_gpu(struct json_object *doc, const struct qvm_known *k)
{
	struct json_object *gpu = qjson_add(doc, "gpu", qjson_obj()), *told = NULL;
	struct vm_graphics v;
	struct vm_kernel q;

	vm_kernel_ask(k, &q);
	if (q.found) {
		told = gpu_vm_json(&q.vm);
		gpu_vm_details_by_ctl(told, q.ctl, &q.vm);
		vm_graphics_running(&q, told, &v);
		add_running(gpu, told, &q);
	} else if (k->state == QVM_UNTOLD) {
		vm_graphics_unknown("whether the VM runs is told to root alone", &v);
		add_untold(gpu, v.why);
	} else if (k->state == QVM_RUNNING || k->broken || !k->path) {
		vm_graphics_unknown(k->state == QVM_RUNNING ? q.why : "it has no config", &v);
		add_untold(gpu, v.why);
	} else {
		vm_graphics_planned(k, &v);
		add_planned(gpu, &k->config, &v);
	}
	add_facts(doc, gpu, &v);
	qjson_add_bool(doc, "config_changed", k->state == QVM_RUNNING && is_changed(k));
	vm_graphics_free(&v);
	json_object_put(told);
	vm_kernel_close(&q);
}

struct json_object *vm_info_json(const struct qvm_known *k)
{
	static const char *const keys[] = { "type", "description", "cpu",	"memory",
					    "disk", "network",	   "autostart", "acceleration" };
	struct json_object *doc = qjson_obj();
	size_t i;

	qjson_add_str(doc, "name", k->name);
	qjson_add_str(doc, "state", qvm_known_state_name(k->state));
	qjson_add_str(doc, "config", k->path);
	qjson_add_str(doc, "broken", k->broken);
	qjson_add_str(doc, "note", k->note);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		qjson_add(doc, keys[i], NULL);
	if (k->path && !k->broken)
		add_config(doc, k);
	add_gpu(doc, k);
	return doc;
}
