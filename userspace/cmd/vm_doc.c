// SPDX-License-Identifier: GPL-2.0-only
#include "cmd/vm_doc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "lib/libqwamos-gpu.h"
#include "util/json.h"
#include "util/term.h"

#define MIB (1LL << 20)

static struct json_object *limit(struct json_object *doc, const char *key, uint32_t by)
{
	struct json_object *o = qjson_add(doc, key, qjson_obj());

	qjson_add_str(o, "enforced_by", libqg_enforcer_name(by));
	return o;
}

static void add_limits(struct json_object *doc, const struct qwamos_gpu_vm *vm)
{
	struct json_object *o;

	o = limit(doc, "vram", vm->vram_by);
	qjson_add_int(o, "used_bytes", vm->vram_used);
	qjson_add_int(o, "high_bytes", vm->vram_high);
	qjson_add_int(o, "limit_bytes", vm->vram_limit);
	o = limit(doc, "compute", vm->compute_by);
	qjson_add_int(o, "cap_percent", vm->compute_cap);
	qjson_add_int(o, "guarantee_percent", vm->compute_guarantee);
	o = limit(doc, "vulkan_queues", vm->queues_by);
	qjson_add_int(o, "used", vm->queues_used);
	qjson_add_int(o, "high", vm->queues_high);
	qjson_add_int(o, "limit", vm->queues_limit);
	limit(doc, "rate", vm->rate_by);
}

struct json_object *gpu_vm_json(const struct qwamos_gpu_vm *vm)
{
	struct json_object *doc = qjson_obj(), *o;

	qjson_add_int(doc, "id", vm->vm_id);
	qjson_add_str(doc, "name", vm->name);
	qjson_add_str(doc, "level",
		      vm->level == QWAMOS_GPU_LEVEL_NONE ? NULL : libqg_level_name(vm->level));
	qjson_add_str(doc, "state", libqg_vm_state_name(vm->state));
	qjson_add_str(doc, "end_reason", vm->end_reason ? libqg_reason_name(vm->end_reason) : NULL);
	qjson_add_int(doc, "devices", vm->devices);
	qjson_add_int(doc, "devices_open", vm->devices_open);
	qjson_add_int(doc, "denied", vm->denied);
	qjson_add(doc, "pid", vm->joined_pid ? json_object_new_int(vm->joined_pid) : NULL);
	qjson_add_bool(doc, "revoking", vm->flags & QWAMOS_GPU_VM_F_REVOKING);
	qjson_add_bool(doc, "cgroup", vm->flags & QWAMOS_GPU_VM_F_CGROUP);
	qjson_add_int(doc, "priority", vm->priority);
	qjson_add_bool(doc, "no_vulkan", vm->restrictions & QWAMOS_GPU_RESTRICT_NO_VULKAN);
	qjson_add_bool(doc, "no_compute", vm->restrictions & QWAMOS_GPU_RESTRICT_NO_COMPUTE);
	qjson_add_bool(doc, "exclusive", vm->restrictions & QWAMOS_GPU_RESTRICT_EXCLUSIVE);
	add_limits(doc, vm);
	o = qjson_add(doc, "mode", qjson_obj());
	qjson_add_str(o, "asked", vm->mode_asked ? libqg_mode_name(vm->mode_asked) : NULL);
	qjson_add_str(o, "got", vm->mode_got ? libqg_mode_name(vm->mode_got) : NULL);
	qjson_add_str(o, "reason", vm->mode_reason ? libqg_reason_name(vm->mode_reason) : NULL);
	qjson_add_str(o, "reason_text",
		      vm->mode_reason ? libqg_reason_text(vm->mode_reason) : NULL);
	qjson_add_int(doc, "checks", vm->checks);
	qjson_add_int(doc, "checks_allowed", vm->allowed);
	return doc;
}

/* The name of a device; NULL: not known here. */
static const char *device_name(const struct qwamos_gpu_dev *devs, size_t n, uint64_t id)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (devs[i].device_id == id)
			return devs[i].bus_name;
	return NULL;
}

static void add_gpus(struct json_object *doc, int fd, const struct qwamos_gpu_vm *vm)
{
	struct json_object *list = qjson_add(doc, "gpus", qjson_arr()), *o;
	struct qwamos_gpu_vm_gpu *gpus = NULL;
	struct qwamos_gpu_dev *devs = NULL;
	size_t i, n = 0, n_gpus = 0;
	int ctl;

	ctl = libqg_open();
	if (ctl >= 0) {
		if (libqg_dev_list(ctl, &devs, &n, NULL))
			n = 0;
		close(ctl);
	}
	if (fd < 0 || libqg_vm_gpu_list(fd, &gpus, &n_gpus, NULL))
		n_gpus = 0;
	for (i = 0; i < n_gpus; i++) {
		const struct qwamos_gpu_vm_gpu *g = &gpus[i];

		o = qjson_push(list, qjson_obj());
		qjson_add_int(o, "device_id", g->device_id);
		qjson_add_str(o, "address", device_name(devs, n, g->device_id));
		qjson_add_int(o, "vram_used_bytes", g->vram_used);
		qjson_add_int(o, "vram_high_bytes", g->vram_high);
		qjson_add_int(o, "vulkan_queues_used", g->queues_used);
		qjson_add_int(o, "guarantee_percent", g->guarantee);
		qjson_add_bool(o, "assigned", g->flags & QWAMOS_GPU_VM_GPU_F_ASSIGNED);
	}
	free(gpus);
	list = qjson_add(doc, "attached", qjson_arr());
	for (i = 0; i < n; i++)
		if (devs[i].owner_vm_id == vm->vm_id)
			qjson_push_str(list, devs[i].bus_name);
	free(devs);
}

/* The driver's calls that the gate does not know, by their numbers. */
static void add_unknown(struct json_object *o, const struct qwamos_gpu_gate *g)
{
	struct json_object *list = qjson_add(o, "unknown_calls", qjson_arr());
	unsigned int i;

	for (i = 0; i < 128; i++)
		if (g->unknown[i / 64] >> i % 64 & 1)
			json_object_array_add(list, json_object_new_int(i));
}

static void add_gates(struct json_object *doc, int fd)
{
	struct json_object *list = qjson_add(doc, "gates", qjson_arr()), *o;
	struct qwamos_gpu_dev *devs = NULL;
	struct qwamos_gpu_gate *gates;
	size_t i, n, n_devs = 0;
	int ctl;

	if (fd < 0 || libqg_gate_list(fd, &gates, &n, NULL))
		return;
	ctl = n ? libqg_open() : -1;
	if (ctl >= 0) {
		if (libqg_dev_list(ctl, &devs, &n_devs, NULL))
			n_devs = 0;
		close(ctl);
	}
	for (i = 0; i < n; i++) {
		const struct qwamos_gpu_gate *g = &gates[i];

		o = qjson_push(list, qjson_obj());
		qjson_add_int(o, "id", g->gate_id);
		qjson_add_int(o, "device_id", g->device_id);
		qjson_add_str(o, "address", device_name(devs, n_devs, g->device_id));
		qjson_add_str(o, "driver", g->driver);
		qjson_add_int(o, "major", g->major);
		qjson_add_int(o, "minor", g->minor);
		qjson_add_int(o, "opens", g->opens);
		qjson_add_int(o, "vram_used_bytes", g->vram_used);
		qjson_add_int(o, "objects", g->objects);
		qjson_add_int(o, "zombies", g->zombies);
		qjson_add_int(o, "syncobjs", g->syncobjs);
		qjson_add_int(o, "vulkan_contexts", g->contexts);
		qjson_add_int(o, "submissions", g->submissions);
		qjson_add_int(o, "waits", g->waits);
		qjson_add_int(o, "denied", g->denied);
		qjson_add_bool(o, "any_opener", g->flags & QWAMOS_GPU_GATE_F_ANY_OPENER);
		qjson_add_bool(o, "compute_separable",
			       !(g->flags & QWAMOS_GPU_GATE_F_COMPUTE_INSEPARABLE));
		add_unknown(o, g);
	}
	free(gates);
	free(devs);
}

static void add_refusals(struct json_object *doc, int fd)
{
	struct json_object *o = qjson_add(doc, "refused", qjson_obj());
	struct qwamos_gpu_vm_refusal *refusals;
	size_t i, n;

	if (fd < 0 || libqg_vm_refusal_list(fd, &refusals, &n, NULL))
		return;
	for (i = 0; i < n; i++)
		qjson_add_int(o, libqg_reason_name(refusals[i].reason), refusals[i].count);
	free(refusals);
}

/* @fd: of the VM, or -1; @any: any fd. */
static void add_details(struct json_object *doc, int fd, int any, const struct qwamos_gpu_vm *vm)
{
	struct json_object *list = qjson_add(doc, "operations", qjson_arr());
	struct qwamos_gpu_level_info row;
	uint32_t op;

	if (vm->level != QWAMOS_GPU_LEVEL_NONE && !libqg_level_info(any, vm->level, &row)) {
		for (op = 1; op < 64; op++)
			if (row.out_ops & (1ULL << op))
				qjson_push_str(list, libqg_op_name(op));
		qjson_add_str(doc, "vulkan", libqg_vulkan_name(row.out_vulkan));
		qjson_add_int(qjson_get(doc, "rate"), "min_interval_ms",
			      row.out_min_interval_ns / 1000000);
		qjson_add_int(qjson_get(doc, "rate"), "submissions_per_second", row.out_submit_hz);
		qjson_add_int(qjson_get(doc, "rate"), "submissions_at_once", row.out_submit_burst);
	}
	add_gpus(doc, fd, vm);
	add_gates(doc, fd);
	add_refusals(doc, fd);
}

void gpu_vm_details(struct json_object *doc, int fd, const struct qwamos_gpu_vm *vm)
{
	add_details(doc, fd, fd, vm);
}

void gpu_vm_details_by_ctl(struct json_object *doc, int ctl, const struct qwamos_gpu_vm *vm)
{
	int fd = -1;

	if (vm->state == QWAMOS_GPU_VM_STATE_LIVE)
		fd = libqg_vm_open(ctl, vm->vm_id, NULL, QWAMOS_GPU_RIGHT_MANAGE, NULL);
	add_details(doc, fd, ctl, vm);
	if (fd >= 0)
		close(fd);
}

static const char *str(const struct json_object *o, const char *key, const char *otherwise)
{
	const char *s = qjson_get_str(o, key);

	return s ? s : otherwise;
}

static long long num(const struct json_object *o, const char *key)
{
	return qjson_get_int(o, key, 0);
}

void gpu_vm_print_mode(const struct json_object *doc)
{
	const struct json_object *m = qjson_get(doc, "mode");
	const char *got = str(m, "got", "unknown"), *asked = str(m, "asked", got), *p;

	qterm_printf("GPU:          ");
	for (p = got; *p; p++)
		qterm_printf("%c", qjson_get_str(m, "got") ? toupper((unsigned char)*p) : *p);
	if (strcmp(asked, got))
		qterm_printf("            (asked: %s%s%s)", asked,
			     qjson_get(m, "reason_text") ? "; " : "",
			     qjson_get_str(m, "reason_text"));
	qterm_printf("\n");
}

static void print_list(const char *head, const struct json_object *list)
{
	size_t i;

	if (!qjson_len(list))
		return;
	qterm_printf("  %-11s", head);
	for (i = 0; i < qjson_len(list); i++)
		qterm_printf(" %s", json_object_get_string(qjson_at(list, i)));
	qterm_printf("\n");
}

static void print_gate(const struct json_object *o)
{
	const struct json_object *unknown = qjson_get(o, "unknown_calls");

	qterm_printf("  Gate:       %s (%s), open %lld times, %lld MiB in %lld objects\n",
		     str(o, "address", "another GPU"), str(o, "driver", "?"), num(o, "opens"),
		     num(o, "vram_used_bytes") / MIB, num(o, "objects"));
	qterm_printf("              %lld submissions, %lld had to wait, %lld calls denied%s\n",
		     num(o, "submissions"), num(o, "waits"), num(o, "denied"),
		     qjson_get_bool(o, "compute_separable", true)
			     ? ""
			     : "; compute: not separable on this driver");
	print_list("Not known:", unknown);
}

void gpu_vm_print_gpu(const struct json_object *doc)
{
	const struct json_object *vram = qjson_get(doc, "vram"), *queues, *list, *o;
	const char *level = str(doc, "level", "none");
	size_t i;

	gpu_vm_print_mode(doc);
	qterm_printf("  VRAM:       %lld of %lld MiB (most so far: %lld MiB; enforced by: %s)\n",
		     num(vram, "used_bytes") / MIB, num(vram, "limit_bytes") / MIB,
		     num(vram, "high_bytes") / MIB, str(vram, "enforced_by", "?"));
	print_list("Device:", qjson_get(doc, "attached"));
	list = qjson_get(doc, "gpus");
	for (i = 0; i < qjson_len(list); i++) {
		o = qjson_at(list, i);
		qterm_printf("  On %s: %lld MiB of VRAM, %lld queues, %lld %% guaranteed\n",
			     str(o, "address", "another GPU"), num(o, "vram_used_bytes") / MIB,
			     num(o, "vulkan_queues_used"), num(o, "guarantee_percent"));
	}
	list = qjson_get(doc, "gates");
	for (i = 0; i < qjson_len(list); i++)
		print_gate(qjson_at(list, i));
	queues = qjson_get(doc, "vulkan_queues");
	qterm_printf("  Vulkan:     %s%s, %lld of %lld queues (enforced by: %s)\n",
		     str(doc, "vulkan", "none"),
		     qjson_get_bool(doc, "no_vulkan", false) ? ", switched off" : "",
		     num(queues, "used"), num(queues, "limit"), str(queues, "enforced_by", "?"));
	o = qjson_get(doc, "compute");
	qterm_printf("  Level:      %s, %lld %% of GPU time, priority %lld, %lld denied\n", level,
		     num(o, "cap_percent"), num(doc, "priority"), num(doc, "denied"));
	qterm_printf("  GPU time:   at most %lld %%, guaranteed %lld %% (enforced by: %s)%s\n",
		     num(o, "cap_percent"), num(o, "guarantee_percent"), str(o, "enforced_by", "?"),
		     qjson_get_bool(doc, "no_compute", false) ? "; compute is switched off" : "");
	o = qjson_get(doc, "rate");
	qterm_printf("  Rate:       %lld ms between two operations of a kind (enforced by: none)\n",
		     num(o, "min_interval_ms"));
	if (num(o, "submissions_per_second"))
		qterm_printf(
			"              %lld submissions a second, %lld at once (enforced by: %s)\n",
			num(o, "submissions_per_second"), num(o, "submissions_at_once"),
			str(o, "enforced_by", "?"));
	print_list("Operations:", qjson_get(doc, "operations"));
	qterm_printf("  Checked:    %lld, %lld allowed\n", num(doc, "checks"),
		     num(doc, "checks_allowed"));
	o = qjson_get(doc, "refused");
	i = 0;
	json_object_object_foreach((struct json_object *)o, name, count)
		qterm_printf("%s%s %lld", i++ ? ", " : "  Denied:     ", name,
			     (long long)json_object_get_int64(count));
	if (i)
		qterm_printf("\n");
}

void gpu_vm_print(struct json_object *doc)
{
	qterm_printf("VM:           %s (id %lld), %s", str(doc, "name", "?"), num(doc, "id"),
		     str(doc, "state", "?"));
	if (qjson_get_str(doc, "end_reason"))
		qterm_printf(", %s", qjson_get_str(doc, "end_reason"));
	if (num(doc, "pid"))
		qterm_printf(", process %lld", num(doc, "pid"));
	qterm_printf("%s\n",
		     qjson_get_bool(doc, "revoking", false) ? ", a device is asked back" : "");
	gpu_vm_print_gpu(doc);
}
