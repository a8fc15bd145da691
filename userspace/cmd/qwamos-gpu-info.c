// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu info */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/gpu_open.h"
#include "cmd/qwamos-gpu.h"
#include "cmd/vm_doc.h"
#include "lib/libqwamos-gpu.h"
#include "util/json.h"
#include "util/term.h"

static const struct {
	__u64 bit;
	const char *name;
} caps[] = {
	{ QWAMOS_GPU_CAP_PASSTHROUGH, "passthrough" },
	{ QWAMOS_GPU_CAP_AUDIT, "audit" },
	{ QWAMOS_GPU_CAP_TASKS, "tasks" },
	{ QWAMOS_GPU_CAP_POLICY, "policy" },
	{ QWAMOS_GPU_CAP_NETLINK, "netlink" },
};

static void count_by(struct json_object *limits, const char *limit, uint32_t by)
{
	struct json_object *o = qjson_get(limits, limit);
	const char *name = libqg_enforcer_name(by);

	if (!o)
		o = qjson_add(limits, limit, qjson_obj());
	qjson_add_int(o, name, qjson_get_int(o, name, 0) + 1);
}

/* How many devices are in each state, how many are GPUs. */
static int add_devices(int ctl, struct json_object *doc)
{
	struct json_object *o = qjson_add(doc, "devices", qjson_obj()), *states;
	size_t i, n, gpus = 0, count[QWAMOS_GPU_DEV_STATE_GONE + 1] = { 0 };
	struct qwamos_gpu_dev *devs;
	int ret;

	ret = libqg_dev_list(ctl, &devs, &n, NULL);
	if (ret)
		return gpu_refused(ret, 0, "DEV_LIST");
	for (i = 0; i < n; i++) {
		gpus += !!(devs[i].flags & QWAMOS_GPU_DEV_F_GPU);
		if (devs[i].state <= QWAMOS_GPU_DEV_STATE_GONE)
			count[devs[i].state]++;
	}
	free(devs);
	qjson_add_int(o, "total", n);
	qjson_add_int(o, "gpus", gpus);
	states = qjson_add(o, "states", qjson_obj());
	for (i = QWAMOS_GPU_DEV_STATE_UNBOUND; i < QWAMOS_GPU_DEV_STATE_GONE; i++)
		qjson_add_int(states, libqg_dev_state_name(i), count[i]);
	return 0;
}

/* How many VMs there are, and who enforces each limit for how many of them. */
static void add_vms(int ctl, struct json_object *doc)
{
	struct json_object *limits;
	struct qwamos_gpu_vm *vms;
	size_t i, n;

	if (libqg_vm_list(ctl, &vms, &n, NULL))
		return;
	qjson_add_int(doc, "vms", n);
	limits = qjson_add(doc, "enforced_by", qjson_obj());
	for (i = 0; i < n; i++) {
		count_by(limits, "vram", vms[i].vram_by);
		count_by(limits, "compute", vms[i].compute_by);
		count_by(limits, "vulkan_queues", vms[i].queues_by);
		count_by(limits, "rate", vms[i].rate_by);
	}
	free(vms);
}

/* The VM that this process belongs to. */
static int add_own(struct json_object *doc)
{
	struct qwamos_gpu_vm vm;
	struct json_object *o;
	uint32_t reason = 0;
	int fd, ret;

	fd = gpu_own_vm();
	if (fd < 0)
		return EXIT_FAILED;
	ret = libqg_vm_info(fd, &vm, &reason);
	if (ret)
		return gpu_refused(ret, reason, "VM_INFO");
	o = qjson_add(doc, "vm", gpu_vm_json(&vm));
	gpu_vm_details(o, fd, &vm);
	return 0;
}

static void print_enforced(const struct json_object *limits)
{
	static const char head[] = "limits:";
	const char *before = head;

	if (!limits)
		return;
	json_object_object_foreach((struct json_object *)limits, limit, counts) {
		qterm_printf("%-16s %-14s enforced by:", before, limit);
		json_object_object_foreach(counts, by, count)
			qterm_printf(" %s (%d VMs)", by, json_object_get_int(count));
		qterm_printf("\n");
		before = "";
	}
}

static void print(struct json_object *doc)
{
	struct json_object *devs = qjson_get(doc, "devices"),
			   *list = qjson_get(doc, "capabilities");
	size_t i;

	qterm_printf("module:          version %lld, instance %s\n",
		     (long long)qjson_get_int(doc, "version", 0), qjson_get_str(doc, "instance"));
	qterm_printf("capabilities:   ");
	for (i = 0; i < qjson_len(list); i++)
		qterm_printf(" %s", json_object_get_string(qjson_at(list, i)));
	qterm_printf("\nrevoke timeout:  %lld s\n",
		     (long long)qjson_get_int(doc, "revoke_timeout_s", 0));
	qterm_printf("audit:           %lld records for each active VM\n",
		     (long long)qjson_get_int(doc, "audit_records", 0));
	qterm_printf("devices:         %lld, %lld of them GPUs",
		     (long long)qjson_get_int(devs, "total", 0),
		     (long long)qjson_get_int(devs, "gpus", 0));
	json_object_object_foreach(qjson_get(devs, "states"), name, count)
		if (json_object_get_int(count))
			qterm_printf("; %d %s", json_object_get_int(count), name);
	qterm_printf("\n");
	if (qjson_get(doc, "vms"))
		qterm_printf("VMs:             %lld\n", (long long)qjson_get_int(doc, "vms", 0));
	else if (!qjson_get(doc, "vm"))
		qterm_printf("VMs:             not told to this user\n");
	print_enforced(qjson_get(doc, "enforced_by"));
	if (qjson_get(doc, "vm")) {
		qterm_printf("\n");
		gpu_vm_print(qjson_get(doc, "vm"));
	}
}

static const char usage[] =
	"info [--json]\n"
	"Tells what the kernel module is: version, random id of this load of it, what it can do,\n"
	"how many devices and VMs it knows, and who enforces the VMs' limits; in a VM's process, that\n"
	"VM, too.\n"
	"  --json  as JSON";

/* What GET_INFO says. */
static int add_module(int ctl, struct json_object *doc)
{
	struct qwamos_gpu_get_info info;
	struct json_object *list;
	char instance[33] = "";
	size_t i;
	int ret;

	ret = libqg_get_info(ctl, &info);
	if (ret)
		return gpu_refused(ret, 0, "GET_INFO");
	for (i = 0; i < sizeof(info.out_instance); i++)
		snprintf(instance + 2 * i, 3, "%02x", info.out_instance[i]);
	qjson_add_int(doc, "version", info.out_version);
	qjson_add_str(doc, "instance", instance);
	list = qjson_add(doc, "capabilities", qjson_arr());
	for (i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		if (info.out_caps & caps[i].bit)
			qjson_push_str(list, caps[i].name);
	qjson_add_int(doc, "revoke_timeout_s", info.out_revoke_timeout_s);
	qjson_add_int(doc, "audit_records", info.out_audit_records);
	return 0;
}

int gpu_info(int argc, char **argv)
{
	struct {
		bool json;
	} o = { 0 };
	static const struct cmd_opt opts[] = { CMD_JSON(typeof(o), json), { 0 } };
	const struct cmd_line line = { .command = "info", .usage = usage, .opts = opts };
	struct json_object *doc;
	int at, ctl, ret;

	at = cmd_parse(&line, argc, argv, &o);
	if (at <= 0)
		return -at;
	ctl = gpu_open();
	if (ctl < 0)
		return EXIT_FAILED;
	doc = qjson_obj();
	ret = add_module(ctl, doc);
	if (!ret)
		ret = add_devices(ctl, doc);
	/* A VM's process would only be refused, and that be recorded. */
	if (!ret && gpu_in_vm())
		ret = add_own(doc);
	else if (!ret)
		add_vms(ctl, doc);
	close(ctl);
	if (!ret)
		return cmd_print(doc, o.json, print);
	json_object_put(doc);
	return ret;
}
