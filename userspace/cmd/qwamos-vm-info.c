// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm info */
#include "cmd/qwamos-vm.h"
#include "cmd/vm_info.h"

int vm_info(int argc, char **argv)
{
	struct {
		bool json;
		const char *vms_dir;
	} o = { 0 };
	static const struct cmd_opt opts[] = { CMD_JSON(typeof(o), json),
					       VM_DIR_OPT(typeof(o), vms_dir),
					       { 0 } };
	const struct cmd_line line = {
		.command = "info",
		.usage =
			"info VM [--json] [--vms-dir DIR]\n"
			"Tells what a VM is, and what of a GPU it has; if it does not run, what it would get.\n"
			"  --json         as JSON\n" VM_DIR_USAGE,
		.opts = opts,
		.args = "one VM",
		.min = 1,
		.max = 1,
	};
	struct qvm_known k;
	struct qerr err;
	int at, ret;

	at = cmd_parse(&line, argc, argv, &o);
	if (at <= 0)
		return -at;
	if (qvm_know(argv[at], o.vms_dir, &k, &err))
		ret = cmd_fail("%s", err.msg);
	else if (k.state == QVM_BROKEN)
		ret = cmd_fail("%s", k.broken);
	else
		ret = cmd_print(vm_info_json(&k), o.json, vm_info_print);
	qvm_known_free(&k);
	return ret;
}
