// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu vm show */
#include <stdlib.h>
#include <string.h>

#include "cmd/gpu_open.h"
#include "cmd/qwamos-gpu.h"
#include "cmd/vm_doc.h"
#include "lib/libqwamos-gpu.h"

/* Any VM, ending ones included. Return: 0 or an exit status. */
static int find(int ctl, const char *name, struct qwamos_gpu_vm *vm)
{
	const struct qwamos_gpu_vm *found = NULL;
	struct qwamos_gpu_vm *vms;
	uint32_t reason = 0;
	uint64_t id;
	size_t i, n;
	int ret;

	ret = libqg_vm_list(ctl, &vms, &n, &reason);
	if (ret)
		return gpu_refused(ret, reason, "the VMs can't be listed");
	for (i = 0; i < n; i++)
		if (!strcmp(vms[i].name, name) &&
		    (!found || vms[i].state == QWAMOS_GPU_VM_STATE_LIVE))
			found = &vms[i];
	if (!found && cmd_number(name, 1, UINT64_MAX, &id))
		for (i = 0; i < n; i++)
			if (vms[i].vm_id == id)
				found = &vms[i];
	if (found)
		*vm = *found;
	free(vms);
	return found ? 0
		     : cmd_fail(
			       "there is no VM '%s': qwamos-gpu vm list shows those that there are",
			       name);
}

int gpu_vm_show(int argc, char **argv)
{
	struct {
		bool json;
	} o = { 0 };
	static const struct cmd_opt opts[] = { CMD_JSON(typeof(o), json), { 0 } };
	const struct cmd_line line = {
		.command = "vm show",
		.usage =
			"vm show [NAME|ID] [--json]\n"
			"Shows a VM: what it has, what it may have, and who enforces that. Without a NAME,\n"
			"in a VM's process, its own.\n"
			"  --json  as JSON",
		.opts = opts,
		.args = "one NAME or ID",
		.max = 1,
	};
	struct qwamos_gpu_vm vm;
	struct json_object *doc;
	uint32_t reason = 0;
	int at, fd, ret;

	at = cmd_parse(&line, argc, argv, &o);
	if (at <= 0)
		return -at;
	if (at == argc && !gpu_in_vm())
		return cmd_wrong(&line, "needs %s, for this is no VM's process", line.args);
	fd = at < argc ? gpu_open() : gpu_own_vm();
	if (fd < 0)
		return EXIT_FAILED;
	if (at < argc) {
		ret = find(fd, argv[at], &vm);
	} else {
		ret = libqg_vm_info(fd, &vm, &reason);
		if (ret)
			ret = gpu_refused(ret, reason, "VM_INFO");
	}
	if (ret)
		return ret;
	doc = gpu_vm_json(&vm);
	if (at < argc)
		gpu_vm_details_by_ctl(doc, fd, &vm);
	else
		gpu_vm_details(doc, fd, &vm);
	return cmd_print(doc, o.json, gpu_vm_print);
}
