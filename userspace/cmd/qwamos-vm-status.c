// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm status */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/qwamos-vm.h"
#include "cmd/vm_doc.h"
#include "cmd/vm_kernel.h"
#include "util/json.h"
#include "util/task.h"
#include "vm/usage.h"

static const char usage[] =
	"status VM [--json] [--vms-dir DIR]\n"
	"Tells whether a VM runs, since when, with which processes, and what it uses.\n"
	"Exit status: 0: it runs; 3: it is stopped; 1: an error, or its config is broken.\n"
	"  --json         as JSON\n" VM_DIR_USAGE;

/* A figure; null if nobody tells it. */
static void add_figure(struct json_object *o, const char *key, int64_t value)
{
	if (value == QVM_UNKNOWN)
		qjson_add(o, key, NULL);
	else if (value == QVM_NO_LIMIT)
		qjson_add_str(o, key, "max");
	else
		qjson_add_int(o, key, value);
}

static struct json_object *cgroup_json(const char *path)
{
	struct json_object *o = qjson_obj();
	struct qvm_usage u;

	qvm_usage_read(path, &u);
	qjson_add_str(o, "path", path);
	add_figure(o, "memory_bytes", u.memory);
	add_figure(o, "memory_max_bytes", u.memory_max);
	add_figure(o, "memory_peak_bytes", u.memory_peak);
	add_figure(o, "pids", u.pids);
	add_figure(o, "pids_max", u.pids_max);
	add_figure(o, "cpu_us", u.cpu_us);
	add_figure(o, "cpu_max_percent", u.cpu_max_percent);
	return o;
}

static struct json_object *to_json(const struct qvm_known *k)
{
	struct json_object *o = qjson_obj(), *gpu = NULL;
	struct qtask left = { 0 };
	struct vm_kernel q;

	vm_kernel_ask(k, &q);
	if (q.found && q.vm.thread_left)
		qtask_read(q.vm.thread_left, &left);
	qjson_add_str(o, "name", k->name);
	qjson_add_str(o, "state", qvm_known_state_name(k->state));
	qjson_add_str(o, "config", k->path);
	qjson_add_str(o, "broken", k->broken);
	qjson_add_str(o, "note", k->note);
	add_figure(o, "supervisor", k->rec.pid ? k->rec.pid : QVM_UNKNOWN);
	add_figure(o, "vm_id", k->rec.vm_id ? (int64_t)k->rec.vm_id : QVM_UNKNOWN);
	add_figure(o, "uptime_s", q.found ? vm_kernel_uptime(&q.vm) : QVM_UNKNOWN);
	add_figure(o, "qemu", q.found && q.vm.joined_pid ? q.vm.joined_pid : QVM_UNKNOWN);
	add_figure(o, "threads_left", q.found ? (int64_t)q.vm.threads_left : QVM_UNKNOWN);
	qjson_add(o, "thread_left", qtask_json(&left));
	qjson_add(o, "cgroup", k->rec.cgroup[0] ? cgroup_json(k->rec.cgroup) : NULL);
	if (q.found) {
		gpu = gpu_vm_json(&q.vm);
		gpu_vm_details_by_ctl(gpu, q.ctl, &q.vm);
	}
	qjson_add(o, "gpu", gpu);
	qjson_add_str(o, "gpu_unknown", gpu ? NULL : q.why);
	vm_kernel_close(&q);
	return o;
}

static void row(const char *name, const char *text)
{
	if (!text)
		return;
	printf("  %-11s ", name);
	cmd_put(text);
	putchar('\n');
}

static void print_uptime(int64_t s)
{
	printf("  %-11s ", "Up:");
	if (s >= 86400)
		printf("%" PRId64 " d ", s / 86400);
	if (s >= 3600)
		printf("%" PRId64 " h ", s / 3600 % 24);
	if (s >= 60)
		printf("%" PRId64 " min ", s / 60 % 60);
	printf("%" PRId64 " s\n", s % 60);
}

/* "37 of 512 MiB". */
static void figure(const char *name, const struct json_object *o, const char *key, const char *max,
		   int shift, const char *unit)
{
	if (!qjson_get(o, key))
		return;
	printf("  %-11s %" PRId64, name, qjson_get_int(o, key, 0) >> shift);
	if (qjson_get_str(o, max))
		printf("%s, without a limit\n", unit);
	else if (qjson_get(o, max))
		printf(" of %" PRId64 "%s (enforced by: cgroup)\n",
		       qjson_get_int(o, max, 0) >> shift, unit);
	else
		printf("%s\n", unit);
}

static void print_cpu(const struct json_object *o)
{
	if (!qjson_get(o, "cpu_us"))
		return;
	printf("  %-11s %.1f s used", "CPU:", (double)qjson_get_int(o, "cpu_us", 0) / 1000000);
	if (!qjson_get_str(o, "cpu_max_percent") && qjson_get(o, "cpu_max_percent"))
		printf(", at most %" PRId64 " %% of one CPU (enforced by: cgroup)",
		       qjson_get_int(o, "cpu_max_percent", 0));
	putchar('\n');
}

static void print(struct json_object *doc)
{
	const struct json_object *cgroup = qjson_get(doc, "cgroup"), *gpu = qjson_get(doc, "gpu");
	const struct json_object *left = qjson_get(doc, "thread_left");
	char text[256];

	printf("VM:           %s, %s\n", qjson_get_str(doc, "name"), qjson_get_str(doc, "state"));
	row("Config:", qjson_get_str(doc, "config"));
	row("Broken:", qjson_get_str(doc, "broken"));
	row("Note:", qjson_get_str(doc, "note"));
	if (!qjson_get(doc, "supervisor"))
		return;
	if (qjson_get(doc, "uptime_s"))
		print_uptime(qjson_get_int(doc, "uptime_s", 0));
	printf("  %-11s process %" PRId64 "%s\n",
	       "Supervisor:", qjson_get_int(doc, "supervisor", 0),
	       strcmp(qjson_get_str(doc, "state"), "left over") ? "" : ", which is gone");
	if (qjson_get(doc, "vm_id"))
		printf("  %-11s VM %" PRId64 "%s%s\n", "Kernel:", qjson_get_int(doc, "vm_id", 0),
		       gpu ? ", " : "", gpu ? qjson_get_str(gpu, "state") : "");
	if (qjson_get(doc, "qemu"))
		printf("  %-11s process %" PRId64 "\n", "QEMU:", qjson_get_int(doc, "qemu", 0));
	if (left) {
		qtask_text(left, text, sizeof(text));
		printf("  %-11s ", "Killed:");
		cmd_put(text);
		printf("; %" PRId64 " not ended\n", qjson_get_int(doc, "threads_left", 0));
	}
	figure("Memory:", cgroup, "memory_bytes", "memory_max_bytes", 20, " MiB");
	figure("Peak:", cgroup, "memory_peak_bytes", "", 20, " MiB");
	figure("Tasks:", cgroup, "pids", "pids_max", 0, "");
	print_cpu(cgroup);
	if (gpu)
		gpu_vm_print_gpu(gpu);
	else
		row("GPU:", qjson_get_str(doc, "gpu_unknown"));
}

int vm_status(int argc, char **argv)
{
	struct {
		bool json;
		const char *vms_dir;
	} o = { 0 };
	static const struct cmd_opt opts[] = { CMD_JSON(typeof(o), json),
					       VM_DIR_OPT(typeof(o), vms_dir),
					       { 0 } };
	const struct cmd_line line = {
		.command = "status",
		.usage = usage,
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
	if (qvm_know(argv[at], o.vms_dir, &k, &err)) {
		ret = cmd_fail("%s", err.msg);
	} else {
		ret = cmd_print(to_json(&k), o.json, print);
		if (!ret && k.state != QVM_RUNNING)
			ret = k.state == QVM_BROKEN ? EXIT_FAILED : EXIT_STOPPED;
	}
	qvm_known_free(&k);
	return ret;
}
