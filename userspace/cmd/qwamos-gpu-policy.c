// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu policy: the table of trust levels, as the kernel tells it */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/gpu_open.h"
#include "cmd/qwamos-gpu.h"
#include "lib/libqwamos-gpu.h"
#include "util/json.h"
#include "util/term.h"

#define MIB 20

static struct json_object *to_json(const struct qwamos_gpu_level_info *row)
{
	struct json_object *o = qjson_obj(), *list;
	uint32_t op;

	qjson_add_str(o, "level", row->out_name);
	qjson_add_int(o, "number", row->level);
	qjson_add_int(o, "vram_mib", row->out_vram >> MIB);
	qjson_add_int(o, "compute_cap_percent", row->out_compute_cap);
	qjson_add_str(o, "vulkan", libqg_vulkan_name(row->out_vulkan));
	qjson_add_int(o, "vulkan_queues", row->out_queues);
	qjson_add_int(o, "min_interval_ms", row->out_min_interval_ns / 1000000);
	qjson_add_int(o, "submissions_per_second", row->out_submit_hz);
	qjson_add_int(o, "submissions_at_once", row->out_submit_burst);
	qjson_add_bool(o, "needs_iommu", row->out_flags & QWAMOS_GPU_LEVEL_F_NEEDS_IOMMU);
	qjson_add_bool(o, "may_share", row->out_flags & QWAMOS_GPU_LEVEL_F_MAY_SHARE);
	list = qjson_add(o, "operations", qjson_arr());
	for (op = 1; op < 64; op++)
		if (row->out_ops & (1ULL << op))
			qjson_push_str(list, libqg_op_name(op));
	return o;
}

static const char *yes(const struct json_object *o, const char *key)
{
	return qjson_get_bool(o, key, false) ? "yes" : "no";
}

static bool allows(const struct json_object *row, const char *op)
{
	const struct json_object *list = qjson_get(row, "operations");
	size_t i;

	for (i = 0; i < qjson_len(list); i++)
		if (!strcmp(json_object_get_string(qjson_at(list, i)), op))
			return true;
	return false;
}

static void print(struct json_object *doc)
{
	const struct json_object *o;
	const char *name;
	size_t i, op;

	qterm_printf("%-10s %9s %5s %-17s %6s %12s %6s %6s\n", "LEVEL", "VRAM/MIB", "CAP", "VULKAN",
		     "QUEUES", "INTERVAL/MS", "IOMMU", "SHARES");
	for (i = 0; i < qjson_len(doc); i++) {
		o = qjson_at(doc, i);
		qterm_printf("%-10s %9lld %4lld%% %-17s %6lld %12lld %6s %6s\n",
			     qjson_get_str(o, "level"), (long long)qjson_get_int(o, "vram_mib", 0),
			     (long long)qjson_get_int(o, "compute_cap_percent", 0),
			     qjson_get_str(o, "vulkan"),
			     (long long)qjson_get_int(o, "vulkan_queues", 0),
			     (long long)qjson_get_int(o, "min_interval_ms", 0),
			     yes(o, "needs_iommu"), yes(o, "may_share"));
	}
	qterm_printf("\n%-14s", "OPERATION");
	for (i = 0; i < qjson_len(doc); i++)
		qterm_printf(" %10s", qjson_get_str(qjson_at(doc, i), "level"));
	qterm_printf("\n");
	for (op = 1; strcmp(name = libqg_op_name(op), "unknown"); op++) {
		qterm_printf("%-14s", name);
		for (i = 0; i < qjson_len(doc); i++)
			qterm_printf(" %10s", allows(qjson_at(doc, i), name) ? "yes" : "no");
		qterm_printf("\n");
	}
}

int gpu_policy(int argc, char **argv)
{
	struct {
		bool json;
	} o = { 0 };
	static const struct cmd_opt opts[] = { CMD_JSON(typeof(o), json), { 0 } };
	const struct cmd_line line = {
		.command = "policy",
		.usage =
			"policy [LEVEL] [--json]\n"
			"Tells what the trust level LEVEL, or each of them, allows, as the kernel has it.\n"
			"  --json  as JSON",
		.opts = opts,
		.args = "one LEVEL",
		.max = 1,
	};
	struct qwamos_gpu_get_info info;
	struct qwamos_gpu_level_info row;
	struct json_object *doc;
	int at, fd, ret, only = -1;
	uint32_t level;

	at = cmd_parse(&line, argc, argv, &o);
	if (at <= 0)
		return -at;
	if (at < argc) {
		only = libqg_level_from_name(argv[at]);
		if (only < 0)
			return cmd_wrong(
				&line,
				"'%s' is no level; accepted: untrusted, low, medium, high or system",
				argv[at]);
	}
	fd = gpu_in_vm() ? gpu_own_vm() : gpu_open();
	if (fd < 0)
		return EXIT_FAILED;
	ret = libqg_get_info(fd, &info);
	doc = qjson_arr();
	for (level = 0; !ret && level < info.out_levels; level++) {
		if (only >= 0 && level != (uint32_t)only)
			continue;
		ret = libqg_level_info(fd, level, &row);
		if (!ret)
			qjson_push(doc, to_json(&row));
	}
	close(fd);
	if (!ret)
		return cmd_print(doc, o.json, print);
	json_object_put(doc);
	return gpu_refused(ret, 0, "the levels can't be asked for");
}
