// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm list */
#include <stdio.h>

#include "cmd/qwamos-vm.h"
#include "util/json.h"
#include "util/term.h"
#include "vm/known.h"

static struct json_object *to_json(const struct qvm_known *k)
{
	struct json_object *o = qjson_obj(), *bound;
	size_t i;

	qjson_add_str(o, "name", k->name);
	qjson_add_str(o, "state", qvm_known_state_name(k->state));
	qjson_add_str_or_null(o, "type", k->config.type);
	qjson_add_str_or_null(o, "description", k->config.description);
	qjson_add_str_or_null(o, "config", k->path);
	qjson_add_str(o, "broken", k->broken);
	qjson_add_str(o, "note", k->note);
	qjson_add_str_or_null(o, "damaged", k->rec.damage);
	if (k->rec.pid)
		qjson_add_int(o, "supervisor", k->rec.pid);
	else
		qjson_add(o, "supervisor", NULL);
	if (k->rec.vm_id)
		qjson_add_int(o, "vm_id", k->rec.vm_id);
	else
		qjson_add(o, "vm_id", NULL);
	bound = qjson_add(o, "bound", qjson_arr());
	for (i = 0; i < k->rec.n_bound; i++)
		qjson_push_str(bound, k->rec.bound[i]);
	return o;
}

static const char *or_dash(const char *text)
{
	return text ? text : "-";
}

static void print(struct json_object *list)
{
	struct json_object *o;
	char pid[24];
	size_t i;

	if (!qjson_len(list)) {
		qterm_printf("no VMs\n");
		return;
	}
	qterm_printf("%-20s %-13s %10s  %-14s  %s\n", "NAME", "STATE", "SUPERVISOR", "TYPE",
		     "DESCRIPTION");
	for (i = 0; i < qjson_len(list); i++) {
		o = qjson_at(list, i);
		snprintf(pid, sizeof(pid), "%lld", (long long)qjson_get_int(o, "supervisor", 0));
		qterm_printf("%-20s %-13s %10s  %-14s  %s\n", qjson_get_str(o, "name"),
			     qjson_get_str(o, "state"), qjson_get(o, "supervisor") ? pid : "-",
			     or_dash(qjson_get_str(o, "type")),
			     qjson_get_str(o, "broken") ? qjson_get_str(o, "broken")
							: or_dash(qjson_get_str(o, "description")));
	}
	for (i = 0; i < qjson_len(list); i++) {
		o = qjson_at(list, i);
		if (!qjson_get_str(o, "note"))
			continue;
		qterm_printf("%s (%s): %s\n", qjson_get_str(o, "name"),
			     or_dash(qjson_get_str(o, "config")), qjson_get_str(o, "note"));
	}
}

int vm_list(int argc, char **argv)
{
	struct {
		bool json;
		const char *vms_dir;
	} o = { 0 };
	static const struct cmd_opt opts[] = { CMD_JSON(typeof(o), json),
					       VM_DIR_OPT(typeof(o), vms_dir),
					       { 0 } };
	const struct cmd_line line = {
		.command = "list",
		.usage = "list [--vms-dir DIR] [--json]\n"
			 "Lists the VMs whose configs are in DIR, those that run, and those whose\n"
			 "supervisor was killed.\n"
			 "  --json         as JSON\n" VM_DIR_USAGE,
		.opts = opts,
	};
	struct json_object *list;
	struct qvm_known *known;
	struct qerr err;
	size_t i, n;
	int at, ret;

	at = cmd_parse(&line, argc, argv, &o);
	if (at <= 0)
		return -at;
	ret = qvm_know_all(o.vms_dir, &known, &n, &err);
	if (ret)
		return cmd_fail("%s", err.msg);
	list = qjson_arr();
	for (i = 0; i < n; i++)
		qjson_push(list, to_json(&known[i]));
	qvm_known_free_all(known, n);
	return cmd_print(list, o.json, print);
}
