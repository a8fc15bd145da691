// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu vm list */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/qwamos-gpu.h"
#include "lib/libqwamos-gpu.h"
#include "util/json.h"

static const char usage[] = "vm list [--json]\n"
			    "Lists the VMs that the kernel knows.\n"
			    "  --json  as JSON";

static struct json_object *to_json(const struct qwamos_gpu_vm *v)
{
	struct json_object *o = qjson_obj();

	qjson_add_int(o, "id", v->vm_id);
	qjson_add_str(o, "name", v->name);
	qjson_add_str(o, "level",
		      v->level == QWAMOS_GPU_LEVEL_NONE ? NULL : qgpu_level_name(v->level));
	qjson_add_str(o, "state", v->state == QWAMOS_GPU_VM_LIVE ? "live" : "ending");
	qjson_add_str(o, "end_reason", v->end_reason ? qgpu_reason_name(v->end_reason) : NULL);
	qjson_add_int(o, "devices", v->devices);
	qjson_add_int(o, "devices_open", v->devices_open);
	qjson_add_int(o, "denied", v->denied);
	qjson_add(o, "pid", v->joined_pid ? json_object_new_int(v->joined_pid) : NULL);
	qjson_add_bool(o, "revoking", v->flags & QWAMOS_GPU_VM_F_REVOKING);
	qjson_add_bool(o, "cgroup", v->flags & QWAMOS_GPU_VM_F_CGROUP);
	return o;
}

static void print(struct json_object *list)
{
	size_t i;

	if (!qjson_len(list)) {
		puts("no VMs");
		return;
	}
	printf("%-6s %-20s %-10s %-8s %8s %5s %7s %7s\n", "ID", "NAME", "LEVEL", "STATE", "DEVICES",
	       "OPEN", "DENIED", "PID");
	for (i = 0; i < qjson_len(list); i++) {
		struct json_object *o = qjson_at(list, i);
		const char *level = qjson_get_str(o, "level");

		printf("%-6lld %-20s %-10s %-8s %8lld %5lld %7lld %7lld\n",
		       (long long)qjson_get_int(o, "id", 0), qjson_get_str(o, "name"),
		       level ? level : "none", qjson_get_str(o, "state"),
		       (long long)qjson_get_int(o, "devices", 0),
		       (long long)qjson_get_int(o, "devices_open", 0),
		       (long long)qjson_get_int(o, "denied", 0),
		       (long long)qjson_get_int(o, "pid", 0));
	}
}

static int vm_list(int argc, char **argv)
{
	struct {
		bool json;
	} o = { 0 };
	static const struct cmd_opt opts[] = { CMD_JSON(typeof(o), json), { 0 } };
	const struct cmd_line line = { .command = "vm list", .usage = usage, .opts = opts };
	struct json_object *list;
	struct qwamos_gpu_vm *vms;
	uint32_t reason;
	int at, ctl, ret;
	size_t i, n;

	at = cmd_parse(&line, argc, argv, &o);
	if (at <= 0)
		return -at;
	ctl = gpu_open();
	if (ctl < 0)
		return EXIT_FAILED;
	ret = qgpu_list_vms(ctl, &vms, &n, &reason);
	close(ctl);
	if (ret)
		return gpu_refused(ret, reason, "the VMs can't be listed");
	list = qjson_arr();
	for (i = 0; i < n; i++)
		qjson_push(list, to_json(&vms[i]));
	free(vms);
	return cmd_print(list, o.json, print);
}

int gpu_vm(int argc, char **argv)
{
	static const struct cmd commands[] = {
		{ "list", vm_list, "qwamos-gpu vm list [--json]" },
		{ "run", gpu_vm_run,
		  "qwamos-gpu vm run NAME --level LEVEL [OPTION]... -- COMMAND [ARG]..." },
		{ 0 },
	};

	return cmd_group("vm", commands, argc, argv);
}
