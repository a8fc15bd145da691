// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm status */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cmd/qwamos-vm.h"
#include "cmd/vm_doc.h"
#include "cmd/vm_kernel.h"
#include "util/json.h"
#include "util/task.h"
#include "util/term.h"
#include "vm/cgroup.h"
#include "vm/counts.h"
#include "vm/refused.h"
#include "vm/usage.h"

static const char usage[] =
	"status VM [--json] [--vms-dir DIR]\n"
	"Tells whether a VM runs, since when, with which processes, and what it uses.\n"
	"Exit status: 0: it runs; 3: it is stopped; 1: an error, or its config is broken,\n"
	"or its record damaged, or this user may not know.\n"
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

static struct json_object *cgroup_json(const char *dir)
{
	struct json_object *o = qjson_obj(), *list, *disk;
	char path[PATH_MAX + 8];
	struct qvm_usage u;
	size_t i;

	snprintf(path, sizeof(path), "%s/" QCGROUP_SUPER, dir);
	qvm_usage_read(path, &u);
	add_figure(o, "supervisor_cpu_us", u.cpu_us);
	snprintf(path, sizeof(path), "%s/" QCGROUP_VM, dir);
	qvm_usage_read(path, &u);
	qjson_add_str(o, "path", path);
	add_figure(o, "memory_bytes", u.memory);
	add_figure(o, "memory_max_bytes", u.memory_max);
	add_figure(o, "memory_peak_bytes", u.memory_peak);
	add_figure(o, "pids", u.pids);
	add_figure(o, "pids_max", u.pids_max);
	add_figure(o, "cpu_us", u.cpu_us);
	add_figure(o, "cpu_max_percent", u.cpu_max_percent);
	list = qjson_add(o, "io_max", qjson_arr());
	for (i = 0; i < u.n_io; i++) {
		disk = qjson_push(list, qjson_obj());
		qjson_add_str(disk, "disk", u.io[i].disk);
		add_figure(disk, "read_bytes_s", u.io[i].read_bytes);
		add_figure(disk, "write_bytes_s", u.io[i].write_bytes);
		add_figure(disk, "read_ops_s", u.io[i].read_ops);
		add_figure(disk, "write_ops_s", u.io[i].write_ops);
	}
	return o;
}

/* NULL: it has no sandbox, or who asks may not know. */
static struct json_object *refused_json(const char *name)
{
	struct json_object *o, *list, *kind;
	struct qvm_refused r;
	size_t i;

	if (qvm_refused_read(name, &r, NULL))
		return NULL;
	o = qjson_obj();
	qjson_add_int(o, "total", r.total);
	list = qjson_add(o, "kinds", qjson_arr());
	for (i = 0; i < r.n_kinds; i++) {
		kind = qjson_push(list, qjson_obj());
		qjson_add_str(kind, "call", r.kinds[i].call);
		qjson_add_str(kind, "error", r.kinds[i].error);
		qjson_add_int(kind, "count", r.kinds[i].count);
	}
	qjson_add_int(o, "of_other_kinds", r.more);
	return o;
}

/* What the VM has said to its supervisor; null: nobody tells. */
static struct json_object *inputs_json(const char *name)
{
	struct json_object *list, *o;
	struct qcounts c;
	size_t i;

	if (qcounts_read(name, &c))
		return NULL;
	list = qjson_arr();
	for (i = 0; i < c.n; i++) {
		o = qjson_push(list, qjson_obj());
		qjson_add_str(o, "name", c.v[i].name);
		qjson_add_int(o, "bytes", c.v[i].taken);
		qjson_add_int(o, "waits", c.v[i].waits);
		qjson_add_int(o, "waited_ms", c.v[i].waited_ms);
		qjson_add_int(o, "lost_bytes", c.v[i].lost);
		qjson_add_int(o, "unseen_bytes", c.v[i].unseen);
	}
	return list;
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
	qjson_add_str_or_null(o, "damaged", k->rec.damage);
	add_figure(o, "supervisor", k->rec.pid ? k->rec.pid : QVM_UNKNOWN);
	add_figure(o, "vm_id", k->rec.vm_id ? (int64_t)k->rec.vm_id : QVM_UNKNOWN);
	add_figure(o, "uptime_s", q.found ? vm_kernel_uptime(&q.vm) : QVM_UNKNOWN);
	add_figure(o, "qemu", q.found && q.vm.joined_pid ? q.vm.joined_pid : QVM_UNKNOWN);
	add_figure(o, "threads_left", q.found ? (int64_t)q.vm.threads_left : QVM_UNKNOWN);
	qjson_add(o, "thread_left", qtask_json(&left));
	qjson_add(o, "cgroup", k->rec.cgroup[0] ? cgroup_json(k->rec.cgroup) : NULL);
	qjson_add(o, "refused_calls", k->rec.pid ? refused_json(k->name) : NULL);
	qjson_add(o, "inputs", k->rec.pid ? inputs_json(k->name) : NULL);
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
	if (text)
		qterm_printf("  %-11s %s\n", name, text);
}

static void print_uptime(int64_t s)
{
	qterm_printf("  %-11s ", "Up:");
	if (s >= 86400)
		qterm_printf("%" PRId64 " d ", s / 86400);
	if (s >= 3600)
		qterm_printf("%" PRId64 " h ", s / 3600 % 24);
	if (s >= 60)
		qterm_printf("%" PRId64 " min ", s / 60 % 60);
	qterm_printf("%" PRId64 " s\n", s % 60);
}

/* "37 of 512 MiB". */
static void figure(const char *name, const struct json_object *o, const char *key, const char *max,
		   int shift, const char *unit)
{
	if (!qjson_get(o, key))
		return;
	qterm_printf("  %-11s %" PRId64, name, qjson_get_int(o, key, 0) >> shift);
	if (qjson_get_str(o, max))
		qterm_printf("%s, without a limit\n", unit);
	else if (qjson_get(o, max))
		qterm_printf(" of %" PRId64 "%s (enforced by: cgroup)\n",
			     qjson_get_int(o, max, 0) >> shift, unit);
	else
		qterm_printf("%s\n", unit);
}

static void print_cpu(const struct json_object *o)
{
	if (!qjson_get(o, "cpu_us"))
		return;
	qterm_printf("  %-11s %.1f s used",
		     "CPU:", (double)qjson_get_int(o, "cpu_us", 0) / 1000000);
	if (!qjson_get_str(o, "cpu_max_percent") && qjson_get(o, "cpu_max_percent"))
		qterm_printf(", at most %" PRId64 " %% of one CPU (enforced by: cgroup)",
			     qjson_get_int(o, "cpu_max_percent", 0));
	qterm_printf("\n");
}

/* "disk 8:0 at most 1024 KiB read, 50 writes in a second (enforced by: cgroup)". */
static void print_io(const struct json_object *o)
{
	static const struct {
		const char *key;
		const char *unit;
		int shift;
	} words[] = {
		{ "read_bytes_s", "KiB read", 10 },
		{ "write_bytes_s", "KiB written", 10 },
		{ "read_ops_s", "reads", 0 },
		{ "write_ops_s", "writes", 0 },
	};
	const struct json_object *list = qjson_get(o, "io_max"), *disk;
	const char *comma;
	size_t i, j;

	for (i = 0; i < qjson_len(list); i++) {
		disk = qjson_at(list, i);
		qterm_printf("  %-11s disk %s at most", "I/O:", qjson_get_str(disk, "disk"));
		for (j = 0, comma = ""; j < sizeof(words) / sizeof(words[0]); j++) {
			if (qjson_get_str(disk, words[j].key))
				continue;
			qterm_printf("%s %" PRId64 " %s", comma,
				     qjson_get_int(disk, words[j].key, 0) >> words[j].shift,
				     words[j].unit);
			comma = ",";
		}
		qterm_printf(" in a second (enforced by: cgroup)\n");
	}
}

/* "12 system calls: ioctl(0x400454cb) 9, memfd_secret 3". */
static void print_refused(const struct json_object *o)
{
	const struct json_object *list = qjson_get(o, "kinds"), *kind;
	int64_t total = qjson_get_int(o, "total", 0);
	size_t i;

	if (!o)
		return;
	qterm_printf("  %-11s %" PRId64 " system call%s", "Refused:", total, total == 1 ? "" : "s");
	for (i = 0; i < qjson_len(list); i++) {
		kind = qjson_at(list, i);
		qterm_printf("%s %s %" PRId64, i ? "," : ":", qjson_get_str(kind, "call"),
			     qjson_get_int(kind, "count", 0));
	}
	if (qjson_get_int(o, "of_other_kinds", 0))
		qterm_printf(", others %" PRId64, qjson_get_int(o, "of_other_kinds", 0));
	qterm_printf(" (enforced by: seccomp)\n");
}

/* A line for each input; one that has never waited and lost nothing is told by JSON alone. */
static void print_inputs(const struct json_object *list)
{
	char text[256];
	size_t i;

	for (i = 0; i < qjson_len(list); i++) {
		const struct json_object *o = qjson_at(list, i);
		struct qcount c = { .taken = qjson_get_int(o, "bytes", 0),
				    .waits = qjson_get_int(o, "waits", 0),
				    .waited_ms = qjson_get_int(o, "waited_ms", 0),
				    .lost = qjson_get_int(o, "lost_bytes", 0),
				    .unseen = qjson_get_int(o, "unseen_bytes", 0) };

		if (!c.waits && !c.lost && !c.unseen)
			continue;
		snprintf(c.name, sizeof(c.name), "%s", qjson_get_str(o, "name"));
		qcounts_text(&c, text, sizeof(text));
		row("Input:", text);
	}
}

static void print(struct json_object *doc)
{
	const struct json_object *cgroup = qjson_get(doc, "cgroup"), *gpu = qjson_get(doc, "gpu");
	const struct json_object *left = qjson_get(doc, "thread_left");
	char text[256];

	qterm_printf("VM:           %s, %s\n", qjson_get_str(doc, "name"),
		     qjson_get_str(doc, "state"));
	row("Config:", qjson_get_str(doc, "config"));
	row("Broken:", qjson_get_str(doc, "broken"));
	row("Note:", qjson_get_str(doc, "note"));
	if (!qjson_get(doc, "supervisor"))
		return;
	if (qjson_get(doc, "uptime_s"))
		print_uptime(qjson_get_int(doc, "uptime_s", 0));
	qterm_printf("  %-11s process %" PRId64 "%s\n",
		     "Supervisor:", qjson_get_int(doc, "supervisor", 0),
		     strcmp(qjson_get_str(doc, "state"), "left over") ? "" : ", which is gone");
	if (qjson_get(doc, "vm_id"))
		qterm_printf("  %-11s VM %" PRId64 "%s%s\n",
			     "Kernel:", qjson_get_int(doc, "vm_id", 0), gpu ? ", " : "",
			     gpu ? qjson_get_str(gpu, "state") : "");
	if (qjson_get(doc, "qemu"))
		qterm_printf("  %-11s process %" PRId64 "\n",
			     "QEMU:", qjson_get_int(doc, "qemu", 0));
	if (left) {
		qtask_text(left, text, sizeof(text));
		qterm_printf("  %-11s %s; %" PRId64 " not ended\n", "Killed:", text,
			     qjson_get_int(doc, "threads_left", 0));
	}
	figure("Memory:", cgroup, "memory_bytes", "memory_max_bytes", 20, " MiB");
	figure("Peak:", cgroup, "memory_peak_bytes", "", 20, " MiB");
	figure("Tasks:", cgroup, "pids", "pids_max", 0, "");
	print_cpu(cgroup);
	print_io(cgroup);
	print_refused(qjson_get(doc, "refused_calls"));
	print_inputs(qjson_get(doc, "inputs"));
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
		if (!ret && (k.state == QVM_STOPPED || k.state == QVM_LEFT_OVER))
			ret = EXIT_STOPPED;
		else if (!ret && k.state != QVM_RUNNING)
			ret = EXIT_FAILED;
	}
	qvm_known_free(&k);
	return ret;
}
