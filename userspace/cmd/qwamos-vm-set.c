// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-vm set: changes what a VM may have, while it runs */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/gpu_limits.h"
#include "cmd/gpu_open.h"
#include "cmd/qwamos-vm.h"
#include "util/mem.h"
#include "vm/known.h"

/* A switch that was not spoken of is GPU_UNSET. */
struct words {
	struct gpu_limits limits;
	uint64_t vulkan;
	uint64_t compute;
	const char *device;
};

static const char *take_switch(void *field, const char *arg)
{
	bool on = !strcmp(arg, "on");

	if (!on && strcmp(arg, "off"))
		return "on or off";
	*(uint64_t *)field = on;
	return NULL;
}

#define AT(field) offsetof(struct words, field)

/* clang-format off: a table */
static const struct cmd_opt keys[] = {
	GPU_LIMIT_AMOUNTS(struct words, limits),
	{ "vulkan", .kind = CMD_TAKE, .at = AT(vulkan), .take = take_switch },
	{ "compute", .kind = CMD_TAKE, .at = AT(compute), .take = take_switch },
	{ "device", .kind = CMD_TEXT, .at = AT(device) },
	{ 0 },
};
/* clang-format on */

static const struct cmd_opt opts[] = {
	{ .name = "vms-dir", .kind = CMD_TEXT },
	{ 0 },
};

static const struct cmd_line line = {
	.command = "set",
	.usage =
		"set VM KEY=VALUE... [--vms-dir DIR]\n"
		"Changes what a running VM may have: all that is asked, or nothing. What is more than its\n"
		"level allows is refused. A limit below what is in use takes nothing away; it stops new\n"
		"charges. A VM that does not run has what its config says.\n"
		"  level=LEVEL        untrusted, low, medium, high or system\n"
		"  vram=MIB           most VRAM\n"
		"  cap=PERCENT        most GPU time\n"
		"  guarantee=PERCENT  GPU time that others can't take\n"
		"  device=ADDRESS     the GPU that the guarantee is about; else none in particular\n"
		"  priority=N         0 to 100: weight under contention\n"
		"  vulkan=on|off      on: as far as the level allows\n"
		"  compute=on|off     on: as far as the level allows\n" VM_DIR_USAGE,
	.opts = opts,
	.args = "a VM and at least one KEY=VALUE",
	.min = 2,
	.max = CMD_ANY,
};

static int unknown(const char *word)
{
	const struct cmd_opt *k;
	char names[256] = "";
	size_t at = 0;

	for (k = keys; k->name && at < sizeof(names); k++)
		at += snprintf(names + at, sizeof(names) - at, " %s=", k->name);
	return cmd_wrong(&line, "'%s' found; accepted:%s", word, names);
}

/* One KEY=VALUE. Return: 0 or the status of wrong use. */
static int take(const char *word, struct words *w, bool *given)
{
	const char *value = strchr(word, '='), *accepted;
	const struct cmd_opt *k;
	char room[64];

	for (k = keys; value && k->name; k++)
		if (strlen(k->name) == (size_t)(value - word) &&
		    !strncmp(k->name, word, value - word))
			break;
	if (!value || !k->name)
		return unknown(word);
	if (given[k - keys])
		return cmd_wrong(&line, "%s: given twice", k->name);
	given[k - keys] = true;
	accepted = cmd_take(k, value + 1, w, room);
	return accepted ? cmd_wrong(&line, "%s: '%s' found, %s accepted", k->name, value + 1,
				    accepted)
			: 0;
}

static void take_switches(struct words *w)
{
	const uint64_t states[] = { w->vulkan, w->compute };
	const unsigned int bits[] = { QWAMOS_GPU_RESTRICT_NO_VULKAN,
				      QWAMOS_GPU_RESTRICT_NO_COMPUTE };
	size_t i;

	for (i = 0; i < 2; i++) {
		if (states[i] == 1)
			w->limits.widen |= bits[i];
		else if (!states[i])
			w->limits.restrictions |= bits[i];
	}
}

/* Return: 0 or the status of wrong use. */
static int read_words(char **words, struct words *w)
{
	bool given[sizeof(keys) / sizeof(keys[0])] = { false };
	int ret = 0;

	for (; *words && !ret; words++)
		ret = take(*words, w, given);
	if (!ret && w->device && w->limits.guarantee == GPU_UNSET)
		ret = cmd_wrong(&line, "device= is for guarantee=");
	take_switches(w);
	return ret;
}

static int set(const struct qvm_known *k, struct words *w)
{
	static const struct qvm_words words = { "vram", "cap", "guarantee" };
	struct qwamos_gpu_vm_set_policy req = { 0 };
	uint64_t device;
	int ctl, fd, ret;

	/* Who may not know whether it runs is told so by the kernel. */
	if (k->state != QVM_RUNNING && k->state != QVM_UNTOLD)
		return cmd_fail(
			"VM %s does not run (%s): nothing is changed; what it gets when it is started is what its config says",
			k->name, qvm_known_state_name(k->state));
	ret = gpu_device_id("device", w->device, &device);
	if (ret)
		return ret;
	req.device_id = device;
	ctl = gpu_open();
	if (ctl < 0)
		return EXIT_FAILED;
	fd = gpu_open_vm(ctl, k->name, QWAMOS_GPU_RIGHT_MANAGE);
	close(ctl);
	if (fd < 0)
		return EXIT_FAILED;
	ret = gpu_limits_set(fd, k->name, &w->limits, &req, &words);
	close(fd);
	return ret;
}

int vm_set(int argc, char **argv)
{
	struct words w = { .limits = GPU_LIMITS_UNSET, .vulkan = GPU_UNSET, .compute = GPU_UNSET };
	const char *vms_dir = NULL;
	struct qvm_known k;
	struct qerr err;
	int at, ret;

	at = cmd_parse(&line, argc, argv, &vms_dir);
	if (at <= 0)
		return -at;
	ret = read_words(argv + at + 1, &w);
	if (ret)
		return ret;
	if (qvm_know(argv[at], vms_dir, &k, &err))
		ret = cmd_fail("%s", err.msg);
	else
		ret = set(&k, &w);
	qvm_known_free(&k);
	return ret;
}
