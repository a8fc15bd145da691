// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu qemu-args, export: a config as QEMU's command line, and as libvirt's XML. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/qwamos-gpu-config.h"
#include "cmd/qwamos-gpu.h"
#include "config/config.h"
#include "config/show.h"
#include "qemu/args.h"
#include "qemu/caps.h"
#include "qemu/libvirt.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/term.h"
#include "vm/host.h"

static const char args_usage[] =
	"qemu-args CONFIG [OPTION]...\n"
	"Prints the command line that a VM is started with, and why it is not another one.\n"
	"  --arch ARCH         for aarch64 (virt) or x86_64 (q35), not what the config says\n"
	"  --qemu PROGRAM      the QEMU, not that of PATH\n"
	"  --caps FILE         what the QEMU has; it is not asked\n"
	"  --render-node FILE  3D by this render node, as if it were the VM's gated one\n"
	"  --display HOW       gtk, sdl or vnc=ADDRESS; else there is no window\n"
	"  --gpu-only          the part of it that is the GPU\n"
	"  --strict            refuse a config that asks for protection which is not carried out\n"
	"  --json              as JSON";

static const char export_usage[] =
	"export libvirt CONFIG [OPTION]...\n"
	"Prints libvirt's domain XML of the same meaning.\n"
	"  --arch ARCH         for aarch64 (virt) or x86_64 (q35), not what the config says\n"
	"  --qemu PROGRAM      the QEMU, not that of PATH\n"
	"  --caps FILE         what the QEMU has; it is not asked\n"
	"  --render-node FILE  3D by this render node, as if it were the VM's gated one\n"
	"  --strict            refuse a config that asks for protection which is not carried out";

struct options {
	const char *qemu;
	const char *caps;
	const char *render_node;
	const char *display;
	int arch; /* enum qconfig_machine, -1: the config's */
	bool gpu_only;
	bool strict;
	bool json;
};

/* All that comes of a config; free with drop(). */
struct result {
	struct qconfig c;
	struct qdiags d;
	struct qemu_caps caps;
	struct qvm_host host;
	struct qemu_plan plan;
};

static const char *take_arch(void *field, const char *arg)
{
	if (!strcmp(arg, "x86_64"))
		*(int *)field = QMACHINE_Q35;
	else if (!strcmp(arg, "aarch64"))
		*(int *)field = QMACHINE_VIRT;
	else
		return "aarch64 or x86_64";
	return NULL;
}

static const char *take_display(void *field, const char *arg)
{
	const char **display = field;

	*display = strcmp(arg, "none") ? arg : NULL;
	if (!*display || !strcmp(arg, "gtk") || !strcmp(arg, "sdl") ||
	    (!strncmp(arg, "vnc=", 4) && arg[4]))
		return NULL;
	return "none, gtk, sdl or vnc=ADDRESS";
}

#define AT(field) offsetof(struct options, field)

/* clang-format off: tables */
#define COMMON_OPTS                                                         \
	{ "arch", .kind = CMD_TAKE, .at = AT(arch), .take = take_arch },    \
		{ "qemu", .kind = CMD_TEXT, .at = AT(qemu) },               \
		{ "caps", .kind = CMD_TEXT, .at = AT(caps) },               \
		{ "render-node", .kind = CMD_TEXT, .at = AT(render_node) }, \
	{                                                                   \
		"strict", .kind = CMD_FLAG, .at = AT(strict)                \
	}

static const struct cmd_opt args_opts[] = {
	CMD_JSON(struct options, json),
	COMMON_OPTS,
	{ "display", .kind = CMD_TAKE, .at = AT(display), .take = take_display },
	{ "gpu-only", .kind = CMD_FLAG, .at = AT(gpu_only) },
	{ 0 },
};

static const struct cmd_opt export_opts[] = { COMMON_OPTS, { 0 } };
/* clang-format on */

/* Return: 0 or an exit status; what is said about the config stands in @r. */
static int make(const char *file, const struct options *o, struct result *r)
{
	struct qemu_host *h = &r->host.h;
	struct qerr err;

	memset(r, 0, sizeof(*r));
	if (qconfig_load(file, &r->c, &r->d))
		return cmd_fail("%s: this can't be carried out", file);
	if (qemu_extra_check(&r->c, &r->d))
		return cmd_fail("%s: this can't be carried out", file);
	qconfig_missing(&r->c, QDIAG_NOTE, &r->d);
	if (qvm_host_gather(&r->c, &r->host, &err))
		return cmd_fail("%s", err.msg);
	if (o->arch >= 0 && o->arch != r->c.machine) {
		h->other_machine = true;
		r->c.machine = o->arch;
		h->no_kvm = "the config is for another machine";
	}
	h->program = o->qemu;
	/* Who says what another QEMU has means another computer. */
	if (o->render_node && !o->caps && qvm_render_node(o->render_node, &err))
		return cmd_fail("--render-node %s", err.msg);
	h->render_node = o->render_node;
	/* Who starts this QEMU is not us: what is given is taken as it is. */
	h->gated = false;
	h->no_render = o->render_node ? NULL : "no --render-node was given";
	h->display = o->display;
	if (o->caps ? qemu_caps_read(o->caps, &r->caps, &err)
		    : qemu_caps_get(o->qemu ? o->qemu : qemu_program(&r->c), &r->caps, &err))
		return cmd_fail("%s", err.msg);
	if (qemu_plan(&r->c, &r->caps, h, &r->plan, &r->d))
		return cmd_fail("%s: this can't be carried out", file);
	if (o->strict && qdiags_count(&r->d, QDIAG_WARNING))
		return cmd_fail("%s: --strict turns warnings into errors", file);
	return 0;
}

static void drop(struct result *r)
{
	qemu_plan_free(&r->plan);
	qemu_caps_free(&r->caps);
	qvm_host_free(&r->host);
	qconfig_free(&r->c);
	qdiags_free(&r->d);
}

static struct json_object *gpu_json(const struct result *r)
{
	const struct qemu_gpu *g = &r->plan.gpu;
	struct json_object *o = qjson_obj(), *list;
	size_t i;

	qjson_add_str(o, "asked", g->section ? qconfig_access_name(g->asked) : NULL);
	qjson_add_str(o, "got", g->section ? qconfig_access_name(g->got) : NULL);
	qjson_add_str(o, "reason", g->reason);
	qjson_add_str(o, "model", g->model);
	qjson_add_bool(o, "3d", g->gl);
	qjson_add_bool(o, "vulkan", g->venus);
	if (g->vram_mib < 0)
		qjson_add(o, "vram_mib", NULL);
	else
		qjson_add_int(o, "vram_mib", g->vram_mib);
	qjson_add_str(o, "vram_not_enforced", g->no_vram);
	list = qjson_add(o, "devices", qjson_arr());
	for (i = 0; g->got == QACCESS_PASSTHROUGH && i < r->host.h.n_devices; i++)
		qjson_push_str(list, r->host.h.devices[i]);
	return o;
}

static struct json_object *to_json(const struct result *r, const struct qemu_args *a)
{
	struct json_object *o = qjson_obj(), *q, *list;
	size_t i;

	qjson_add_str(o, "name", r->c.name);
	qjson_add_str(o, "file", r->d.file);
	q = qjson_add(o, "qemu", qjson_obj());
	qjson_add_str_or_null(q, "program", qemu_caps_text(&r->caps, "program"));
	qjson_add_str(q, "version", qemu_caps_text(&r->caps, "version"));
	qjson_add_str(q, "arch", qemu_caps_text(&r->caps, "arch"));
	qjson_add_str(o, "accel", r->plan.kvm ? "kvm" : "tcg");
	qjson_add(o, "gpu", gpu_json(r));
	list = qjson_add(o, "args", qjson_arr());
	for (i = 0; i < a->n; i++)
		qjson_push_str(list, a->v[i]);
	qjson_add(o, "said", qdiags_json(&r->d));
	return o;
}

/* The words, as a shell would take them. */
static void print_text(struct json_object *doc)
{
	qterm_printf("%s\n", qjson_get_str(doc, "text"));
}

int gpu_qemu_args(int argc, char **argv)
{
	const struct cmd_line line = { .command = "qemu-args",
				       .usage = args_usage,
				       .opts = args_opts,
				       .args = "one CONFIG",
				       .min = 1,
				       .max = 1 };
	struct options o = { .arch = -1 };
	struct qemu_args a = { 0 };
	struct json_object *doc;
	struct result r;
	char *text;
	int at, ret;

	at = cmd_parse(&line, argc, argv, &o);
	if (at <= 0)
		return -at;
	ret = make(argv[at], &o, &r);
	gpu_tell(&r.d, 0);
	if (!ret) {
		if (o.gpu_only)
			qemu_args_gpu(&r.host.h, &r.plan, &a);
		else
			qemu_args_build(&r.c, &r.host.h, &r.plan, &a);
		text = qemu_args_text(&a);
		doc = o.json ? to_json(&r, &a) : qjson_obj();
		if (!o.json)
			qjson_add_str(doc, "text", text);
		ret = cmd_print(doc, o.json, print_text);
		free(text);
		qemu_args_free(&a);
	}
	drop(&r);
	return ret;
}

/*
 * libvirtd has another directory than who calls us. A symbolic link keeps its name, which tells a
 * disk's format.
 */
static char *absolute(const char *path)
{
	char *folder, *full, *out;
	const char *name;

	if (!path || path[0] == '/')
		return path ? qmem_strdup(path) : NULL;
	name = strrchr(path, '/');
	folder = name ? qmem_printf("%.*s", (int)(name - path), path) : qmem_strdup(".");
	full = realpath(folder, NULL);
	name = name ? name + 1 : path;
	/* Of one that is not there nothing is known but where it would be. */
	if (!full) {
		full = realpath(".", NULL);
		name = path;
	}
	out = qmem_printf("%s/%s", full ? full : "", name);
	free(folder);
	free(full);
	return out;
}

static void make_absolute(struct qconfig *c)
{
	char **paths[] = { &c->kernel, &c->initrd, &c->disk };
	char *full;
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		full = absolute(*paths[i]);
		free(*paths[i]);
		*paths[i] = full;
	}
}

static int export_libvirt(int argc, char **argv)
{
	const struct cmd_line line = { .command = "export libvirt",
				       .usage = export_usage,
				       .opts = export_opts,
				       .args = "one CONFIG",
				       .min = 1,
				       .max = 1 };
	struct options o = { .arch = -1 };
	struct result r;
	char *xml = NULL, *node;
	int at, ret;

	at = cmd_parse(&line, argc, argv, &o);
	if (at <= 0)
		return -at;
	ret = make(argv[at], &o, &r);
	node = absolute(o.render_node);
	if (!ret) {
		make_absolute(&r.c);
		r.host.h.render_node = node;
		xml = qemu_libvirt_xml(&r.c, &r.caps, &r.host.h, &r.plan, &r.d);
	}
	gpu_tell(&r.d, 0);
	if (!ret && !xml)
		ret = cmd_fail("%s can't be exported", argv[at]);
	if (xml) {
		qterm_lines(stdout, xml);
		if (fflush(stdout) || ferror(stdout))
			ret = cmd_fail("can't write");
	}
	free(xml);
	free(node);
	drop(&r);
	return ret;
}

int gpu_export(int argc, char **argv)
{
	static const struct cmd commands[] = {
		{ "libvirt", export_libvirt, "qwamos-gpu export libvirt CONFIG [OPTION]..." },
		{ 0 },
	};

	return cmd_group("export", commands, argc, argv);
}
