// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu check: may a VM do this now? */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/gpu_open.h"
#include "cmd/qwamos-gpu.h"
#include "lib/libqwamos-gpu.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/term.h"

struct check {
	bool json;
	const char *vm;
	const char *device;
};

static const struct cmd_opt opts[] = {
	CMD_JSON(struct check, json),
	{ "vm", .kind = CMD_TEXT, .at = offsetof(struct check, vm) },
	{ "device", .kind = CMD_TEXT, .at = offsetof(struct check, device) },
	{ 0 },
};

static const struct cmd_line line = {
	.command = "check",
	.usage =
		"check [--vm NAME|ID] [--device ADDRESS] [--json] OPERATION...\n"
		"Asks whether a VM may do these operations now; what is allowed counts for the least\n"
		"time between two operations of a kind. Operations: rendering_2d, rendering_3d,\n"
		"compute_shader, vulkan_compute, video_decode, video_encode, passthrough; any other is\n"
		"denied.\n"
		"  --vm NAME|ID      this VM; else the one that this process belongs to\n"
		"  --device ADDRESS  on this GPU; else on none in particular\n"
		"  --json            as JSON: a list of {op, allowed, reason}\n"
		"Exit status: 0 all are allowed, 1 not all, 2 wrong use, 3 the kernel could not be asked.",
	.opts = opts,
	.args = "one OPERATION or more",
	.min = 1,
	.max = QWAMOS_GPU_VM_CHECK_MAX,
};

/* "unknown" is a name that the table gives, too, so the number decides. */
static uint32_t number_of(const char *name)
{
	int op = libqg_op_from_name(name);

	return op > 0 ? (uint32_t)op : UINT32_MAX;
}

static const char *event_of(uint32_t verdict)
{
	if (!verdict)
		return "OPERATION_ALLOWED";
	return verdict == QWAMOS_GPU_REASON_RATE ? "OPERATION_RATE_LIMITED" : "OPERATION_DENIED";
}

static void print_line(const char *name, uint32_t verdict, uint32_t level)
{
	const char *p;

	qterm_printf("%s: %s", event_of(verdict), name);
	if (verdict == QWAMOS_GPU_REASON_LEVEL) {
		qterm_printf(", not allowed at ");
		for (p = libqg_level_name(level); *p; p++)
			qterm_printf("%c", toupper((unsigned char)*p));
	} else if (verdict) {
		qterm_printf(", %s: %s", libqg_reason_name(verdict), libqg_reason_text(verdict));
	}
	qterm_printf("\n");
}

static int print_text(char **names, const struct qwamos_gpu_vm_check_entry *entries, size_t n,
		      uint32_t level)
{
	size_t i;

	for (i = 0; i < n; i++)
		print_line(names[i], entries[i].out_verdict, level);
	return fflush(stdout) || ferror(stdout) ? cmd_fail("can't write the answer") : 0;
}

static int print_json(char **names, const struct qwamos_gpu_vm_check_entry *entries, size_t n)
{
	struct json_object *list = qjson_arr(), *o;
	size_t i;

	for (i = 0; i < n; i++) {
		o = qjson_push(list, qjson_obj());
		qjson_add_str(o, "op", names[i]);
		qjson_add_bool(o, "allowed", !entries[i].out_verdict);
		qjson_add_str(o, "reason",
			      entries[i].out_verdict ? libqg_reason_name(entries[i].out_verdict)
						     : NULL);
	}
	return cmd_print(list, true, NULL);
}

static int ask(const struct check *c, char **names, size_t n)
{
	struct qwamos_gpu_vm_check_entry *entries;
	struct qwamos_gpu_vm vm = { .level = QWAMOS_GPU_LEVEL_NONE };
	uint32_t denied = 0, reason = 0;
	uint64_t device;
	int fd, ret;
	size_t i;

	if (gpu_device_id("--device", c->device, &device))
		return EXIT_NOT_ASKED;
	fd = gpu_open_vm_or_own(c->vm, QWAMOS_GPU_RIGHT_MANAGE);
	if (fd < 0)
		return EXIT_NOT_ASKED;
	entries = qmem_calloc(n, sizeof(*entries));
	for (i = 0; i < n; i++)
		entries[i].operation = number_of(names[i]);
	ret = libqg_vm_check_array(fd, device, entries, n, &denied, &reason);
	if (!ret)
		ret = libqg_vm_info(fd, &vm, &reason);
	if (ret)
		gpu_refused(ret, reason, "VM_CHECK");
	else
		ret = c->json ? print_json(names, entries, n)
			      : print_text(names, entries, n, vm.level);
	if (c->vm)
		close(fd);
	free(entries);
	if (ret)
		return EXIT_NOT_ASKED;
	return denied ? EXIT_FAILED : 0;
}

int gpu_check(int argc, char **argv)
{
	struct check c = { 0 };
	int at = cmd_parse(&line, argc, argv, &c);

	return at <= 0 ? -at : ask(&c, argv + at, argc - at);
}
