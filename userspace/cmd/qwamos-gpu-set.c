// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu vm set: changes what a VM may have, while it runs */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/gpu_limits.h"
#include "cmd/gpu_open.h"
#include "cmd/qwamos-gpu.h"
#include "lib/libqwamos-gpu.h"
#include "util/mem.h"

struct set {
	struct gpu_limits limits;
	const char *device;
	const char *gpus;
	uint64_t mode;
	uint64_t asked;
	uint64_t why;
};

static const char *take_mode(void *field, const char *arg)
{
	int mode = libqg_mode_from_name(arg);

	if (mode <= 0)
		return "virtio, passthrough, software or none";
	*(uint64_t *)field = mode;
	return NULL;
}

static const char *take_reason(void *field, const char *arg)
{
	int reason = libqg_reason_from_name(arg);

	if (reason <= 0)
		return "the name of a reason such as NO_IOMMU";
	*(uint64_t *)field = reason;
	return NULL;
}

#define AT(field) offsetof(struct set, field)

/* clang-format off: a table */
static const struct cmd_opt opts[] = {
	GPU_LIMIT_OPTS(struct set, limits),
	{ "vulkan", .kind = CMD_BIT, .at = AT(limits.widen), .bit = QWAMOS_GPU_RESTRICT_NO_VULKAN },
	{ "compute", .kind = CMD_BIT, .at = AT(limits.widen),
	  .bit = QWAMOS_GPU_RESTRICT_NO_COMPUTE },
	{ "share", .kind = CMD_BIT, .at = AT(limits.widen), .bit = QWAMOS_GPU_RESTRICT_EXCLUSIVE },
	{ "device", .kind = CMD_TEXT, .at = AT(device) },
	{ "gpus", .kind = CMD_TEXT, .at = AT(gpus) },
	{ "mode", .kind = CMD_TAKE, .at = AT(mode), .take = take_mode },
	{ "asked", .kind = CMD_TAKE, .at = AT(asked), .take = take_mode },
	{ "why", .kind = CMD_TAKE, .at = AT(why), .take = take_reason },
	{ 0 },
};
/* clang-format on */

static const struct cmd_line line = {
	.command = "vm set",
	.usage =
		"vm set NAME|ID OPTION...\n"
		"Changes what a VM may have: all that is asked, or nothing. What is more than its level\n"
		"allows is refused. A limit below what is in use takes nothing away; it stops new charges.\n" GPU_LIMIT_USAGE
		"  --vulkan, --compute, --share  as far as the level allows, again\n"
		"  --device ADDRESS     the GPU that --guarantee is about; else none in particular\n"
		"  --gpus ADDRESS,...   GPUs that it may charge on: these, and no others; none: no GPU\n"
		"  --mode MODE          how it gets its graphics: virtio, passthrough, software or none\n"
		"  --asked MODE         and how it should have\n"
		"  --why REASON         and the reason why not, such as NO_IOMMU",
	.opts = opts,
	.args = "one NAME or ID",
	.min = 1,
	.max = 1,
};

/* Return: 0 or an exit status. */
static int request(const struct set *s, struct qwamos_gpu_vm_set_policy *req)
{
	unsigned int both = s->limits.restrictions & s->limits.widen;
	const char *no = both & QWAMOS_GPU_RESTRICT_NO_VULKAN	 ? "no-vulkan"
			 : both & QWAMOS_GPU_RESTRICT_NO_COMPUTE ? "no-compute"
								 : "exclusive";
	const char *yes = strcmp(no, "exclusive") ? no + strlen("no-") : "share";

	gpu_limits_request(&s->limits, req);
	if (both)
		return cmd_wrong(&line, "--%s and --%s: one of them is accepted", no, yes);
	if (s->device && !(req->mask & QWAMOS_GPU_POLICY_GUARANTEE))
		return cmd_wrong(&line, "--device is for --guarantee");
	if ((s->asked || s->why) && !s->mode)
		return cmd_wrong(&line, "--%s is for --mode", s->asked ? "asked" : "why");
	if (s->mode) {
		req->mask |= QWAMOS_GPU_POLICY_MODE;
		req->mode_got = s->mode;
		req->mode_asked = s->asked ? s->asked : s->mode;
		req->mode_reason = s->why;
	}
	if (s->gpus)
		req->mask |= QWAMOS_GPU_POLICY_GPUS;
	if (!req->mask && !s->limits.widen)
		return cmd_wrong(&line,
				 "nothing to set; accepted: --level --vram --cap --guarantee "
				 "--priority --no-vulkan --vulkan --no-compute --compute "
				 "--exclusive --share --gpus --mode");
	return 0;
}

/* "A,B" into ids. Return: 0 or EXIT_FAILED after having told why not. */
static int gpu_ids(const char *words, uint64_t ids[QWAMOS_GPU_VM_GPUS], uint32_t *n)
{
	char *copy, *rest, *word;
	int ret = 0;

	*n = 0;
	if (!strcmp(words, "none"))
		return 0;
	rest = copy = qmem_strdup(words);
	while (!ret && (word = strsep(&rest, ","))) {
		if (*n == QWAMOS_GPU_VM_GPUS)
			ret = cmd_fail("--gpus: more than %d addresses", QWAMOS_GPU_VM_GPUS);
		else
			ret = gpu_device_id("--gpus", word, &ids[(*n)++]);
	}
	free(copy);
	return ret;
}

int gpu_vm_set(int argc, char **argv)
{
	struct qwamos_gpu_vm_set_policy req = { 0 };
	struct set s = { .limits = GPU_LIMITS_UNSET };
	uint64_t ids[QWAMOS_GPU_VM_GPUS];
	int at, ctl, fd, ret;
	uint64_t device;

	at = cmd_parse(&line, argc, argv, &s);
	if (at <= 0)
		return -at;
	ret = request(&s, &req);
	if (!ret)
		ret = gpu_device_id("--device", s.device, &device);
	if (!ret && s.gpus)
		ret = gpu_ids(s.gpus, ids, &req.gpus_count);
	if (ret)
		return ret;
	req.device_id = device;
	req.gpus = (uintptr_t)ids;
	ctl = gpu_open();
	if (ctl < 0)
		return EXIT_FAILED;
	fd = gpu_open_vm(ctl, argv[at], QWAMOS_GPU_RIGHT_MANAGE);
	close(ctl);
	if (fd < 0)
		return EXIT_FAILED;
	ret = gpu_limits_set(fd, argv[at], &s.limits, &req, &gpu_limit_words);
	close(fd);
	return ret;
}
