// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu vm list */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/gpu_open.h"
#include "cmd/qwamos-gpu.h"
#include "cmd/vm_doc.h"
#include "lib/libqwamos-gpu.h"
#include "util/json.h"
#include "util/term.h"

static const char usage[] = "vm list [--json]\n"
			    "Lists the VMs that the kernel knows.\n"
			    "  --json  as JSON";

static void print(struct json_object *list)
{
	const struct json_object *vram;
	char used[48];
	size_t i;

	if (!qjson_len(list)) {
		qterm_printf("no VMs\n");
		return;
	}
	qterm_printf("%-6s %-20s %-10s %-8s %8s %5s %11s %4s %7s %7s\n", "ID", "NAME", "LEVEL",
		     "STATE", "DEVICES", "OPEN", "VRAM/MIB", "CAP", "DENIED", "PID");
	for (i = 0; i < qjson_len(list); i++) {
		struct json_object *o = qjson_at(list, i);
		const char *level = qjson_get_str(o, "level");

		vram = qjson_get(o, "vram");
		snprintf(used, sizeof(used), "%lld/%lld",
			 (long long)qjson_get_int(vram, "used_bytes", 0) >> 20,
			 (long long)qjson_get_int(vram, "limit_bytes", 0) >> 20);
		qterm_printf("%-6lld %-20s %-10s %-8s %8lld %5lld %11s %3lld%% %7lld %7lld\n",
			     (long long)qjson_get_int(o, "id", 0), qjson_get_str(o, "name"),
			     level ? level : "none", qjson_get_str(o, "state"),
			     (long long)qjson_get_int(o, "devices", 0),
			     (long long)qjson_get_int(o, "devices_open", 0), used,
			     (long long)qjson_get_int(qjson_get(o, "compute"), "cap_percent", 0),
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
	ret = libqg_vm_list(ctl, &vms, &n, &reason);
	close(ctl);
	if (ret)
		return gpu_refused(ret, reason, "the VMs can't be listed");
	list = qjson_arr();
	for (i = 0; i < n; i++)
		qjson_push(list, gpu_vm_json(&vms[i]));
	free(vms);
	return cmd_print(list, o.json, print);
}

int gpu_vm(int argc, char **argv)
{
	static const struct cmd commands[] = {
		{ "list", vm_list, "qwamos-gpu vm list [--json]" },
		{ "show", gpu_vm_show, "qwamos-gpu vm show [NAME|ID] [--json]" },
		{ "set", gpu_vm_set, "qwamos-gpu vm set NAME|ID OPTION..." },
		{ "run", gpu_vm_run,
		  "qwamos-gpu vm run NAME --level LEVEL [OPTION]... -- COMMAND [ARG]..." },
		{ 0 },
	};

	return cmd_group("vm", commands, argc, argv);
}
