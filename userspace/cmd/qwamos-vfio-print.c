// SPDX-License-Identifier: GPL-2.0-only
#include "qwamos-vfio.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "util/json.h"
#include "util/task.h"
#include "util/term.h"

static const char *str(const struct json_object *o, const char *key, const char *otherwise)
{
	const char *s = qjson_get_str(o, key);

	return s ? s : otherwise;
}

static const char *address(const struct json_object *d)
{
	return str(d, "address", str(d, "name", "?"));
}

/* "bochs-drm, flr": the elements of an array of strings. */
static void join(char *buf, size_t len, const struct json_object *list, const char *none)
{
	size_t i, at = 0;

	snprintf(buf, len, "%s", none);
	for (i = 0; i < qjson_len(list) && at < len; i++)
		at += snprintf(buf + at, len - at, "%s%s", i ? ", " : "",
			       json_object_get_string(qjson_at(list, i)));
}

static void print_host(const struct json_object *doc)
{
	const struct json_object *half = qjson_get(doc, "half_done");

	if (!qjson_get_bool(doc, "iommu", false))
		qterm_printf("No IOMMU is switched on: no GPU can be given to a VM.\n");
	if (!qjson_get_bool(qjson_get(doc, "module"), "answers", false))
		qterm_printf("Kernel module: %s (state, owner and scrub are unknown).\n",
			     str(qjson_get(doc, "module"), "why_not", "?"));
	if (qjson_get_bool(doc, "unsafe_interrupts_allowed", false))
		qterm_printf(
			"Warning: vfio_iommu_type1.allow_unsafe_interrupts is on: a VM with a GPU can send "
			"interrupts to the host.\n");
	if (!half)
		return;
	if (qjson_get_bool(half, "running", false))
		qterm_printf("At work: %s, process %" PRId64 ".\n", str(half, "operation", "?"),
			     qjson_get_int(half, "pid", 0));
	else if (qjson_get_bool(half, "damaged", false))
		qterm_printf("Half done: a run was broken off, and its journal can't be read.\n");
	else if (!qjson_get_bool(half, "this_boot", false))
		qterm_printf("A %s was broken off by the end of the last boot.\n",
			     str(half, "operation", "?"));
	else
		qterm_printf("Half done: %s by process %" PRId64 " was broken off at step %" PRId64
			     " of %" PRId64 " (%s).\n",
			     str(half, "operation", "?"), qjson_get_int(half, "pid", 0),
			     qjson_get_int(half, "step", 0), qjson_get_int(half, "steps", 0),
			     str(half, "step_text", "before the first"));
	qterm_printf("  -> %s\n", str(half, "remedy", ""));
}

static void print_name(const struct json_object *d)
{
	const char *vendor = qjson_get_str(d, "vendor_name"),
		   *device = qjson_get_str(d, "device_name");

	if (qjson_get_str(d, "compatible"))
		qterm_printf("%s", qjson_get_str(d, "compatible"));
	else if (device)
		qterm_printf("%s %s", vendor ? vendor : "", device);
	else
		qterm_printf("%s %s:%s", vendor ? vendor : "unknown", str(d, "vendor", "?"),
			     str(d, "device", "?"));
}

static void print_group(char *buf, size_t len, const struct json_object *d)
{
	const struct json_object *viable = qjson_get(d, "viable");

	if (!qjson_get(d, "iommu_group"))
		snprintf(buf, len, "none");
	else
		snprintf(buf, len, "%" PRId64 "%s", qjson_get_int(d, "iommu_group", 0),
			 viable && !qjson_get_bool(d, "viable", true) ? "!" : "");
}

void print_list(struct json_object *doc)
{
	const struct json_object *devs = qjson_get(doc, "devices"), *d;
	bool strangers = false;
	char group[16];
	size_t i;

	print_host(doc);
	if (!qjson_len(devs)) {
		qterm_printf("No GPU.\n");
		return;
	}
	qterm_printf("%-14s %-16s %-6s %-12s %-12s %s\n", "ADDRESS", "DRIVER", "GROUP", "STATE",
		     "VM", "DEVICE");
	for (i = 0; i < qjson_len(devs); i++) {
		d = qjson_at(devs, i);
		print_group(group, sizeof(group), d);
		strangers |= strchr(group, '!') != NULL;
		qterm_printf("%-14s %-16s %-6s %-12s %-12s ", address(d), str(d, "driver", "-"),
			     group, str(d, "state", "-"),
			     str(qjson_get(d, "owner_vm"), "name", "-"));
		print_name(d);
		if (!strcmp(str(d, "kind", ""), "companion"))
			qterm_printf(" (companion)");
		if (qjson_get_bool(d, "console", false))
			qterm_printf(" (console)");
		else if (qjson_get_bool(d, "boot_vga", false))
			qterm_printf(" (boot VGA)");
		if (qjson_get_bool(d, "persisted", false))
			qterm_printf(" (persisted)");
		qterm_printf("\n");
	}
	if (strangers)
		qterm_printf(
			"!: another member of the IOMMU group is on a driver of its own; bind takes it along.\n");
}

static void print_kernel(const struct json_object *d)
{
	const struct json_object *scrub = qjson_get(d, "scrub"), *q = qjson_get(d, "quarantine");
	const struct json_object *vm = qjson_get(d, "owner_vm"), *left;
	char text[256];

	if (!qjson_get_str(d, "state"))
		return;
	qterm_printf("  state:      %s%s%s\n", str(d, "state", "?"),
		     qjson_get_bool(d, "dirty", false) ? ", not clean" : "",
		     qjson_get_bool(d, "revoking", false) ? ", asked back from its VM" : "");
	if (vm)
		qterm_printf("  VM:         %s (id %" PRId64 ")\n", str(vm, "name", "?"),
			     qjson_get_int(vm, "id", 0));
	left = vm ? qjson_get(vm, "thread_left") : NULL;
	if (left) {
		qtask_text(left, text, sizeof(text));
		qterm_printf("  killed:     %s; %" PRId64 " not ended\n", text,
			     qjson_get_int(vm, "threads_left", 0));
	}
	qterm_printf("  scrub:      %s (best known: %s)\n", str(scrub, "reached", "not done yet"),
		     str(scrub, "best", "unknown"));
	if (q)
		qterm_printf("  quarantine: %s: %s\n    -> %s\n", str(q, "reason", "?"),
			     str(q, "text", ""), str(q, "remedy", ""));
	if (qjson_get_bool(d, "leftovers_accepted", false))
		qterm_printf("  released:   the next VM may see what the last one left\n");
	if (!qjson_get_bool(d, "interrupts_isolated", true))
		qterm_printf(
			"  warning:    the IOMMU does not isolate interrupts: a VM can send them to the host\n");
}

static void print_device(const struct json_object *d)
{
	const struct json_object *list, *m;
	char buf[256], group[16];
	size_t i;

	qterm_printf("%s  ", address(d));
	print_name(d);
	qterm_printf("\n  driver:     %s%s\n", str(d, "driver", "none"),
		     !qjson_get_bool(d, "bound", false) && qjson_get_str(d, "driver_override")
			     ? ", reserved for another"
			     : "");
	if (qjson_get_bool(d, "stuck", false))
		qterm_printf("  stuck:      the kernel is at work on it and does not come back\n");
	if (!strcmp(str(d, "bus", ""), "platform")) {
		qterm_printf("  bind:       not possible: %s\n", str(d, "why_not", ""));
		return;
	}
	print_group(group, sizeof(group), d);
	qterm_printf("  group:      %s", group);
	list = qjson_get(d, "group_members");
	for (i = 0; i < qjson_len(list); i++) {
		m = qjson_at(list, i);
		qterm_printf("%s%s (%s, %s)", i ? ", " : " with ", address(m), str(m, "kind", "?"),
			     str(m, "driver", "no driver"));
	}
	join(buf, sizeof(buf), qjson_get(d, "reset_methods"), "none");
	qterm_printf("\n  reset:      %s\n", buf);
	if (qjson_len(qjson_get(d, "reset_set")) > 1) {
		join(buf, sizeof(buf), qjson_get(d, "reset_set"), "");
		qterm_printf("  reset with: %s\n", buf);
	}
	if (qjson_get_bool(d, "console", false) || qjson_get_bool(d, "boot_vga", false))
		qterm_printf("  console:    %s\n", qjson_get_bool(d, "console", false)
							   ? "shows the host's text console"
							   : "boot VGA");
	if (qjson_get_str(d, "firmware_framebuffer"))
		qterm_printf("  firmware:   %s holds its framebuffer\n",
			     qjson_get_str(d, "firmware_framebuffer"));
	if (qjson_get_int(d, "vfs", 0) > 0)
		qterm_printf("  SR-IOV:     %" PRId64 " virtual functions are on\n",
			     qjson_get_int(d, "vfs", 0));
	print_kernel(d);
	m = qjson_get(d, "before");
	if (m)
		qterm_printf("  before:     driver %s\n", str(m, "driver", "none"));
	if (qjson_get_bool(d, "persisted", false))
		qterm_printf("  persisted:  is bound at each boot\n");
	if (qjson_get_bool(d, "half_done", false))
		qterm_printf("  half done:  a run that was broken off has touched it\n");
	list = qjson_get(d, "holders");
	for (i = 0; i < qjson_len(list); i++) {
		m = qjson_at(list, i);
		qterm_printf("  held by:    process %" PRId64 " (%s), %s\n",
			     qjson_get_int(m, "pid", 0), str(m, "comm", "?"), str(m, "node", "?"));
	}
}

void print_status(struct json_object *doc)
{
	const struct json_object *list = qjson_get(doc, "devices"), *b;
	size_t i;

	print_host(doc);
	if (qjson_get_str(doc, "records_error"))
		qterm_printf("Warning: %s\n", qjson_get_str(doc, "records_error"));
	for (i = 0; i < qjson_len(list); i++)
		print_device(qjson_at(list, i));
	list = qjson_get(doc, "persisted");
	for (i = 0; i < qjson_len(list); i++) {
		b = qjson_at(list, i);
		if (qjson_get_str(b, "problem"))
			qterm_printf("Persisted binding %s is not made at boot: %s\n", address(b),
				     qjson_get_str(b, "problem"));
	}
}

/* What is in the way is complained of elsewhere (error); here is the rest. */
static void print_findings(const struct json_object *list, bool refused)
{
	const struct json_object *f;
	const char *severity;
	size_t i;

	for (i = 0; i < qjson_len(list); i++) {
		f = qjson_at(list, i);
		severity = str(f, "severity", "");
		if (!strcmp(severity, "refusal") || (refused && !strcmp(severity, "question")))
			continue;
		qterm_printf("%s: %s\n", severity, str(f, "text", ""));
		if (qjson_get_str(f, "remedy"))
			qterm_printf("  -> %s\n", qjson_get_str(f, "remedy"));
	}
}

void print_run(struct json_object *doc)
{
	const struct json_object *list = qjson_get(doc, "steps"), *s;
	bool dry = qjson_get_bool(doc, "dry_run", false);
	bool refused = !strcmp(str(doc, "outcome", ""), "refused");
	size_t i;

	print_findings(qjson_get(doc, "findings"), refused);
	if (refused)
		return;
	if (!qjson_len(list) && !qjson_get_str(doc, "error"))
		qterm_printf("nothing to do\n");
	for (i = 0; i < qjson_len(list); i++) {
		s = qjson_at(list, i);
		qterm_printf("%2zu. %s%s%s%s\n", i + 1, str(s, "text", ""),
			     qjson_get_bool(s, "mends", false)
				     ? " (mends what a broken-off run left)"
				     : "",
			     dry ? "" : ": ", dry ? "" : str(s, "result", "?"));
	}
	if (dry)
		qterm_printf("(a dry run: nothing was touched)\n");
	list = qjson_get(doc, "devices");
	for (i = 0; i < qjson_len(list); i++) {
		s = qjson_at(list, i);
		if (qjson_get_str(s, "state"))
			qterm_printf("%s: %s%s%s\n", address(s), str(s, "state", ""),
				     qjson_get_str(s, "scrub") ? ", scrubbed: " : "",
				     str(s, "scrub", ""));
	}
	list = qjson_get(doc, "afterwards");
	for (i = 0; i < qjson_len(list); i++)
		qterm_printf("warning: %s\n", json_object_get_string(qjson_at(list, i)));
}

void print_restore(struct json_object *doc)
{
	const struct json_object *list = qjson_get(doc, "bindings"), *b;
	size_t i;

	if (!qjson_len(list) && !qjson_get_str(doc, "error"))
		qterm_printf("no persisted binding\n");
	for (i = 0; i < qjson_len(list); i++) {
		b = qjson_at(list, i);
		qterm_printf("%s: %s%s\n", address(b), str(b, "outcome", "?"),
			     !qjson_len(qjson_get(b, "steps")) && !qjson_get_str(b, "error")
				     ? " (nothing to do)"
				     : "");
	}
}

void print_release(struct json_object *doc)
{
	if (!qjson_get_str(doc, "error"))
		qterm_printf("%s: the next VM that gets it may see what the last one left in it\n",
			     address(doc));
}
