// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu info */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/qwamos-gpu.h"
#include "lib/libqwamos-gpu.h"
#include "util/json.h"

static const struct {
	__u64 bit;
	const char *name;
} caps[] = {
	{ QWAMOS_GPU_CAP_PASSTHROUGH, "passthrough" },
	{ QWAMOS_GPU_CAP_AUDIT, "audit" },
};

/* How many devices are in each state, how many are GPUs. */
static int add_devices(int ctl, struct json_object *doc)
{
	struct json_object *o = qjson_add(doc, "devices", qjson_obj()), *states;
	size_t i, n, gpus = 0, count[QWAMOS_GPU_DEV_GONE + 1] = { 0 };
	struct qwamos_gpu_device *devs;
	int ret;

	ret = qgpu_list_devices(ctl, &devs, &n, NULL);
	if (ret)
		return ret;
	for (i = 0; i < n; i++) {
		gpus += !!(devs[i].flags & QWAMOS_GPU_DEV_F_GPU);
		if (devs[i].state <= QWAMOS_GPU_DEV_GONE)
			count[devs[i].state]++;
	}
	free(devs);
	qjson_add_int(o, "total", n);
	qjson_add_int(o, "gpus", gpus);
	states = qjson_add(o, "states", qjson_obj());
	for (i = QWAMOS_GPU_DEV_UNBOUND; i < QWAMOS_GPU_DEV_GONE; i++)
		qjson_add_int(states, qgpu_device_state_name(i), count[i]);
	return 0;
}

static void print(struct json_object *doc)
{
	struct json_object *devs = qjson_get(doc, "devices"),
			   *list = qjson_get(doc, "capabilities");
	size_t i;

	printf("module:          version %lld, instance %s\n",
	       (long long)qjson_get_int(doc, "version", 0), qjson_get_str(doc, "instance"));
	printf("capabilities:   ");
	for (i = 0; i < qjson_len(list); i++)
		printf(" %s", json_object_get_string(qjson_at(list, i)));
	printf("\nrevoke timeout:  %lld s\n", (long long)qjson_get_int(doc, "revoke_timeout_s", 0));
	printf("audit:           %lld records for each active VM\n",
	       (long long)qjson_get_int(doc, "audit_records", 0));
	printf("devices:         %lld, %lld of them GPUs",
	       (long long)qjson_get_int(devs, "total", 0),
	       (long long)qjson_get_int(devs, "gpus", 0));
	json_object_object_foreach(qjson_get(devs, "states"), name, count)
		if (json_object_get_int(count))
			printf("; %d %s", json_object_get_int(count), name);
	if (qjson_get(doc, "vms"))
		printf("\nVMs:             %lld\n", (long long)qjson_get_int(doc, "vms", 0));
	else
		printf("\nVMs:             not told to this user\n");
}

int gpu_info(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	struct qwamos_gpu_get_info info;
	struct json_object *doc, *list;
	struct qwamos_gpu_vm *vms;
	char instance[33] = "";
	bool json = false;
	int c, ctl, ret;
	size_t i, n;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return EXIT_USAGE;
		json = true;
	}
	if (optind < argc) {
		gpu_fail("info takes no '%s'", argv[optind]);
		return EXIT_USAGE;
	}
	ctl = gpu_open();
	if (ctl < 0)
		return EXIT_FAILED;
	ret = qgpu_get_info(ctl, &info);
	if (ret) {
		close(ctl);
		return gpu_fail("GET_INFO: %s", strerror(-ret));
	}
	for (i = 0; i < sizeof(info.out_instance); i++)
		snprintf(instance + 2 * i, 3, "%02x", info.out_instance[i]);
	doc = qjson_obj();
	qjson_add_int(doc, "version", info.out_version);
	qjson_add_str(doc, "instance", instance);
	list = qjson_add(doc, "capabilities", qjson_arr());
	for (i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		if (info.out_caps & caps[i].bit)
			qjson_push_str(list, caps[i].name);
	qjson_add_int(doc, "revoke_timeout_s", info.out_revoke_timeout_s);
	qjson_add_int(doc, "audit_records", info.out_audit_records);
	ret = add_devices(ctl, doc);
	if (!ret && !qgpu_list_vms(ctl, &vms, &n, NULL)) {
		free(vms);
		qjson_add_int(doc, "vms", n);
	}
	close(ctl);
	if (ret)
		gpu_fail("LIST_DEVICES: %s", strerror(-ret));
	else if (json)
		ret = qjson_print(stdout, doc);
	else
		print(doc);
	json_object_put(doc);
	return ret || fflush(stdout) ? EXIT_FAILED : 0;
}
