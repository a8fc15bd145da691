// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu vm list */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/qwamos-gpu.h"
#include "lib/libqwamos-gpu.h"
#include "util/json.h"

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
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct json_object *list;
	struct qwamos_gpu_vm *vms;
	bool json = false;
	uint32_t reason;
	int c, ctl, ret;
	size_t i, n;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return EXIT_USAGE;
		json = true;
	}
	if (optind < argc) {
		gpu_fail("vm list takes no '%s'", argv[optind]);
		return EXIT_USAGE;
	}
	ctl = gpu_open();
	if (ctl < 0)
		return EXIT_FAILED;
	ret = qgpu_list_vms(ctl, &vms, &n, &reason);
	close(ctl);
	if (ret)
		return gpu_fail("the VMs can't be listed: %s",
				reason ? qgpu_reason_text(reason) : strerror(-ret));
	list = qjson_arr();
	for (i = 0; i < n; i++)
		qjson_push(list, to_json(&vms[i]));
	free(vms);
	if (json)
		ret = qjson_print(stdout, list);
	else
		print(list);
	json_object_put(list);
	return ret || fflush(stdout) ? EXIT_FAILED : 0;
}

int gpu_vm(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "list"))
		return vm_list(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "run"))
		return gpu_vm_run(argc - 1, argv + 1);
	if (argc > 1)
		gpu_fail("vm has no command '%s'", argv[1]);
	fputs("usage: qwamos-gpu vm list [--json]\n       qwamos-gpu vm run NAME --level LEVEL [OPTION]... -- COMMAND [ARG]...\n",
	      stderr);
	return EXIT_USAGE;
}
