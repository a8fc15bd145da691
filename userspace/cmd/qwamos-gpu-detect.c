// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu detect */
#include "cmd/detect_text.h"
#include "cmd/qwamos-gpu.h"
#include "detect/detect.h"

static const char usage[] =
	"detect [--json] [--no-probe] [--probe-timeout SECONDS] [--root DIR]\n"
	"Tells which GPUs this machine has, and how VMs can use them. What nobody tells is unknown.\n"
	"  --json           as JSON\n"
	"  --no-probe       load no driver of Vulkan or EGL\n"
	"  --probe-timeout  seconds that such a driver has to come back (10)\n"
	"  --root DIR       look at a tree that was captured elsewhere (tools/capture)";

int gpu_detect(int argc, char **argv)
{
	struct {
		bool json, no_probe;
		uint64_t seconds;
		const char *root;
	} o = { .seconds = QDETECT_PROBE_MS / 1000 };
	static const struct cmd_opt opts[] = {
		CMD_JSON(typeof(o), json),
		{ .name = "no-probe", .kind = CMD_FLAG, .at = offsetof(typeof(o), no_probe) },
		{ .name = "probe-timeout",
		  .kind = CMD_NUMBER,
		  .at = offsetof(typeof(o), seconds),
		  .min = 1,
		  .max = 600 },
		{ .name = "root", .kind = CMD_TEXT, .at = offsetof(typeof(o), root) },
		{ 0 },
	};
	const struct cmd_line line = { .command = "detect", .usage = usage, .opts = opts };
	struct qdetect_opts how = { 0 };
	struct json_object *doc;
	struct qerr e;
	int at;

	at = cmd_parse(&line, argc, argv, &o);
	if (at <= 0)
		return -at;
	how.root = o.root;
	how.probe = !o.no_probe;
	how.probe_ms = o.seconds * 1000;
	if (qdetect(&how, &doc, &e)) {
		cmd_complain(e.msg);
		return EXIT_FAILED;
	}
	return cmd_print(doc, o.json, detect_text);
}
