// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu monitor: what the kernel sends, until a signal ends it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "cmd/audit_text.h"
#include "cmd/qwamos-gpu.h"
#include "lib/libqwamos-gpu.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/term.h"

struct options {
	bool json;
};

static const struct cmd_opt opts[] = { CMD_JSON(struct options, json), { 0 } };

static const struct cmd_line line = {
	.command = "monitor",
	.usage =
		"monitor [--json]\n"
		"Prints each record of the audit log and each change of the state of a VM or device as\n"
		"it happens, and how many were lost because they came too fast.\n"
		"  --json  one JSON object for each, on a line of its own",
	.opts = opts,
};

static const char *kind_name(uint32_t kind)
{
	return kind == QWAMOS_GPU_NL_KIND_VM	   ? "VM"
	       : kind == QWAMOS_GPU_NL_KIND_DEVICE ? "device"
						   : "unknown";
}

static const char *state_name(const struct libqg_event *ev)
{
	return ev->kind == QWAMOS_GPU_NL_KIND_VM ? libqg_vm_state_name(ev->state)
						 : libqg_dev_state_name(ev->state);
}

static const char *group_name(const struct libqg_event *ev)
{
	return ev->group == LIBQG_EVENTS_AUDIT ? "audit" : "state";
}

static void print_line(struct json_object *o)
{
	qterm_json(stdout, qmem_check((void *)json_object_to_json_string_ext(
				   o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)));
	qterm_printf("\n");
	json_object_put(o);
}

static struct json_object *typed(const char *type)
{
	struct json_object *o = qjson_obj();

	qjson_add_str(o, "type", type);
	return o;
}

static void print_json(const struct libqg_event *ev)
{
	struct json_object *o;

	if (ev->missed) {
		o = typed("lost");
		qjson_add_str(o, "group", group_name(ev));
		qjson_add_int(o, "count", ev->missed);
		print_line(o);
	}
	if (ev->group == LIBQG_EVENTS_AUDIT) {
		o = typed("audit");
		qjson_add(o, "record", audit_json(&ev->record));
	} else {
		o = typed("state");
		qjson_add_str(o, "kind", kind_name(ev->kind));
		qjson_add_int(o, "id", ev->id);
		qjson_add_str(o, "name", ev->name);
		qjson_add_str(o, "state", state_name(ev));
		qjson_add_str(o, "reason", ev->reason ? libqg_reason_name(ev->reason) : NULL);
	}
	print_line(o);
}

static void print_text(const struct libqg_event *ev)
{
	char text[512];

	if (ev->missed)
		qterm_printf("lost: %llu messages of the group %s came too fast\n",
			     (unsigned long long)ev->missed, group_name(ev));
	if (ev->group == LIBQG_EVENTS_AUDIT) {
		audit_line(&ev->record, text, sizeof(text));
		qterm_printf("%s\n", text);
	} else {
		qterm_printf("%s %s (%llu) is %s%s%s\n", kind_name(ev->kind), ev->name,
			     (unsigned long long)ev->id, state_name(ev), ev->reason ? ": " : "",
			     ev->reason ? libqg_reason_name(ev->reason) : "");
	}
}

static int monitor(struct libqg_events *events, bool json)
{
	struct pollfd poll_fd = { .fd = libqg_events_fd(events), .events = POLLIN };
	struct libqg_event ev;
	int ret;

	for (;;) {
		if (poll(&poll_fd, 1, -1) < 0 && errno != EINTR)
			return cmd_fail("poll: %s", strerror(errno));
		while ((ret = libqg_events_read(events, &ev))) {
			/* How many were lost is known with the next message. */
			if (ret == -ENOBUFS)
				continue;
			if (ret < 0)
				return cmd_fail("the kernel can't be listened to: %s",
						strerror(-ret));
			if (json)
				print_json(&ev);
			else
				print_text(&ev);
		}
		if (fflush(stdout) || ferror(stdout))
			return cmd_fail("can't write: %s", strerror(errno));
	}
}

int gpu_monitor(int argc, char **argv)
{
	struct options o = { 0 };
	struct libqg_events *events;
	int ret;

	ret = cmd_parse(&line, argc, argv, &o);
	if (ret <= 0)
		return -ret;
	ret = libqg_events_open(LIBQG_EVENTS_AUDIT | LIBQG_EVENTS_STATE, &events);
	switch (ret) {
	case 0:
		break;
	case -EPERM:
	case -EACCES:
		return cmd_fail(
			"the kernel can't be listened to: this needs CAP_SYS_ADMIN in the initial user namespace: run it as root on the host");
	case -ENOENT:
		return cmd_fail(
			"the kernel sends no messages: the module is not loaded (modprobe qwamos_gpu), or this is not the initial network namespace");
	default:
		return cmd_fail("the kernel can't be listened to: %s", strerror(-ret));
	}
	ret = monitor(events, o.json);
	libqg_events_close(events);
	return ret;
}
