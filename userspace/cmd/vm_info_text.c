// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm info, as text: names, order and form as users of QWAMOS know them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/vm_doc.h"
#include "cmd/vm_info.h"
#include "util/json.h"
#include "util/term.h"

static void head(const char *name)
{
	qterm_printf("%-13s ", name);
}

static void row(const char *name, const char *text)
{
	head(name);
	qterm_printf("%s\n", text);
}

/* " (KEY)" behind what stands there, if there is one. */
static void behind(const struct json_object *o, const char *key)
{
	if (!qjson_get_str(o, key))
		return;
	qterm_printf(" (%s)", qjson_get_str(o, key));
}

static void print_disk(const struct json_object *o)
{
	head("Disk:");
	if (!o) {
		qterm_printf("none\n");
		return;
	}
	qterm_printf("%s", qjson_get_str(o, "path"));
	behind(o, "format");
	if (!qjson_get_bool(o, "kept", true))
		qterm_printf(", what is written is thrown away");
	qterm_printf("%s\n", qjson_get_bool(o, "there", true) ? "" : ", which is missing");
}

static void print_network(const struct json_object *o)
{
	const char *device = qjson_get_str(o, "device"), *mac = qjson_get_str(o, "mac");
	const struct json_object *rules = qjson_get(o, "nat_rules"), *r;
	size_t i;

	head("Network:");
	qterm_printf("%s", qjson_get_str(o, "mode"));
	if (device)
		qterm_printf(", %s", strcmp(device, "none") ? device : "no device");
	if (mac)
		qterm_printf(" %s", mac);
	if (qjson_get_str(o, "bridge"))
		qterm_printf(", bridge %s", qjson_get_str(o, "bridge"));
	for (i = 0; i < qjson_len(rules); i++) {
		r = qjson_at(rules, i);
		qterm_printf(", %s %s:%" PRId64 " to %" PRId64, qjson_get_str(r, "protocol"),
			     qjson_get_str(r, "host_address"), qjson_get_int(r, "host_port", 0),
			     qjson_get_int(r, "guest_port", 0));
	}
	qterm_printf("\n");
}

static void print_acceleration(const struct json_object *o)
{
	const char *got = qjson_get_str(o, "got"), *asked = qjson_get_str(o, "asked"),
		   *why = qjson_get_str(o, "why");

	head("Acceleration:");
	qterm_printf("%s", got ? got : "unknown");
	/* "auto" is answered by whatever it is, but for a reason. */
	if (asked && (!got || why || (strcmp(asked, got) && strcmp(asked, "auto"))))
		qterm_printf(" (asked: %s%s%s)", asked, why ? "; " : "", why ? why : "");
	qterm_printf("\n");
}

static void print_config(const struct json_object *doc)
{
	const struct json_object *o = qjson_get(doc, "cpu");

	if (!o)
		return;
	row("Type:", qjson_get_str(doc, "type") ? qjson_get_str(doc, "type") : "-");
	row("Description:",
	    qjson_get_str(doc, "description") ? qjson_get_str(doc, "description") : "-");
	head("CPU:");
	qterm_printf("%" PRId64 " core%s", qjson_get_int(o, "cores", 0),
		     qjson_get_int(o, "cores", 0) == 1 ? "" : "s");
	behind(o, "model");
	o = qjson_get(doc, "memory");
	qterm_printf("\n");
	head("Memory:");
	qterm_printf("%" PRId64 " MiB%s\n", qjson_get_int(o, "mib", 0),
		     qjson_get_bool(o, "hugepages", false) ? ", in huge pages" : "");
	print_disk(qjson_get(doc, "disk"));
	print_network(qjson_get(doc, "network"));
	row("Autostart:", qjson_get_bool(doc, "autostart", false)
				  ? "yes (nothing starts VMs by itself yet)"
				  : "no");
	print_acceleration(qjson_get(doc, "acceleration"));
}

static void print_vram(const struct json_object *gpu)
{
	const struct json_object *vram = qjson_get(gpu, "vram");
	const char *got = qjson_get_str(qjson_get(gpu, "mode"), "got");

	qterm_printf("  VRAM:       ");
	if (got && !strcmp(got, "passthrough"))
		qterm_printf("all of the GPU's, which is given whole\n");
	else if (qjson_get(vram, "limit_bytes"))
		qterm_printf("%" PRId64 " of %" PRId64 " MiB\n",
			     qjson_get_int(vram, "used_bytes", 0) >> 20,
			     qjson_get_int(vram, "limit_bytes", 0) >> 20);
	else
		qterm_printf("unknown\n");
}

static void print_device(const struct json_object *gpu)
{
	const struct json_object *o = qjson_get(gpu, "device"), *list = qjson_get(gpu, "devices");
	const char *address = qjson_get_str(o, "address"), *other;
	size_t i;

	qterm_printf("  Device:     ");
	if (!o) {
		qterm_printf("none%s%s\n", qjson_get(gpu, "device_why") ? ": " : "",
			     qjson_get_str(gpu, "device_why"));
		return;
	}
	qterm_printf("%s", qjson_get_str(o, "name") ? qjson_get_str(o, "name") : "unknown");
	behind(o, "driver");
	qterm_printf("%s%s", address ? " " : "", address ? address : "");
	for (i = 0; i < qjson_len(list); i++) {
		other = json_object_get_string(qjson_at(list, i));
		if (address && strcmp(other, address))
			qterm_printf(", %s", other);
	}
	qterm_printf("\n");
}

/* @what: before a version */
static void print_api(const char *name, const char *what, const struct json_object *o)
{
	const char *state = qjson_get_str(o, "state"), *why = qjson_get_str(o, "why");

	qterm_printf("  %-11s ", name);
	if (!strcmp(state, "version")) {
		qterm_printf("%s%s", what, qjson_get_str(o, "version"));
		behind(o, "why");
		qterm_printf("\n");
		return;
	}
	qterm_printf("%s%s%s\n",
		     !strcmp(state, "not_loadable") ? "not loadable"
		     : !strcmp(state, "no_device")  ? "no device"
						    : state,
		     why ? ": " : "", why);
}

static void print_level(const struct json_object *gpu)
{
	const char *level = qjson_get_str(gpu, "level");

	qterm_printf("  Level:      ");
	if (!qjson_get(gpu, "denied"))
		qterm_printf("unknown\n");
	else if (!level)
		qterm_printf("none: the VM has no policy, %" PRId64 " denied\n",
			     qjson_get_int(gpu, "denied", 0));
	else
		qterm_printf("%s, %" PRId64 " %% of GPU time, priority %" PRId64 ", %" PRId64
			     " denied\n",
			     level, qjson_get_int(gpu, "cap_percent", 0),
			     qjson_get_int(gpu, "priority", 0), qjson_get_int(gpu, "denied", 0));
}

void vm_info_print(struct json_object *doc)
{
	const struct json_object *gpu = qjson_get(doc, "gpu");

	head("VM:");
	qterm_printf("%s, %s\n", qjson_get_str(doc, "name"), qjson_get_str(doc, "state"));
	if (qjson_get_str(doc, "note"))
		row("Note:", qjson_get_str(doc, "note"));
	if (qjson_get_str(doc, "config"))
		row("Config:", qjson_get_str(doc, "config"));
	if (qjson_get_str(doc, "broken"))
		row("Broken:", qjson_get_str(doc, "broken"));
	if (qjson_get_bool(doc, "config_changed", false))
		row("Note:",
		    "the config was changed since the VM was started, and tells what it gets next");
	print_config(doc);
	gpu_vm_print_mode(gpu);
	print_vram(gpu);
	print_device(gpu);
	print_api("Vulkan:", "", qjson_get(gpu, "vulkan"));
	print_api("OpenGL:", "OpenGL ES ", qjson_get(gpu, "opengl"));
	print_level(gpu);
}
