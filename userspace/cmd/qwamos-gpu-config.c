// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu config: what a VM's config.yaml says, and whether that can be. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/qwamos-gpu-config.h"
#include "cmd/qwamos-gpu.h"
#include "config/config.h"
#include "config/show.h"
#include "lib/libqwamos-gpu.h"
#include "qemu/args.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/term.h"

static const char check_usage[] =
	"config check FILE... [--strict] [--json]\n"
	"Reads configs of VMs, and tells what is wrong with them.\n"
	"  --strict  protection that is asked for and not carried out is an error\n"
	"  --json    as JSON";

static const char show_usage[] = "config show FILE [--json]\n"
				 "Tells what a config means, and why.\n"
				 "  --json  as JSON";

struct options {
	bool strict;
	bool json;
};

/* clang-format off: a table */
static const struct cmd_opt opts[] = {
	CMD_JSON(struct options, json),
	{ "strict", .kind = CMD_FLAG, .at = offsetof(struct options, strict) },
	{ 0 },
};
/* clang-format on */

static bool module_loaded(void)
{
	return !access(QWAMOS_GPU_DEVICE, F_OK);
}

static void load(const char *file, struct qconfig *c, struct qdiags *d)
{
	if (qconfig_load(file, c, d))
		return;
	qemu_extra_check(c, d);
	qconfig_missing(c, QDIAG_NOTE, d);
	qconfig_note_writable(file, d);
}

static struct json_object *check_one(const char *file, bool strict, bool *bad)
{
	struct json_object *o = qjson_obj();
	size_t errors, warnings;
	struct qconfig c;
	struct qdiags d;
	bool ok;

	load(file, &c, &d);
	errors = qdiags_count(&d, QDIAG_ERROR);
	warnings = qdiags_count(&d, QDIAG_WARNING);
	ok = !errors && !(strict && warnings);
	qjson_add_str(o, "file", file);
	qjson_add_str(o, "name", c.name);
	qjson_add_bool(o, "ok", ok);
	qjson_add_int(o, "errors", errors);
	qjson_add_int(o, "warnings", warnings);
	qjson_add_int(o, "notes", qdiags_count(&d, QDIAG_NOTE));
	qjson_add(o, "said", qdiags_json(&d));
	qconfig_free(&c);
	qdiags_free(&d);
	*bad |= !ok;
	return o;
}

static void print_said(const char *file, struct json_object *one)
{
	const char *key = qjson_get_str(one, "key");
	int64_t line = qjson_get_int(one, "line", 0);

	qterm_printf("%s", file);
	if (line)
		qterm_printf(":%lld:%lld", (long long)line,
			     (long long)qjson_get_int(one, "column", 0));
	qterm_printf(": %s: %s%s%s\n", qjson_get_str(one, "kind"), key ? key : "", key ? ": " : "",
		     qjson_get_str(one, "text"));
}

static void print_check(struct json_object *doc)
{
	struct json_object *files = qjson_get(doc, "files"), *said;
	const char *enforced = qjson_get_str(doc, "enforced");
	size_t i, j;

	for (i = 0; i < qjson_len(files); i++) {
		struct json_object *o = qjson_at(files, i);
		const char *file = qjson_get_str(o, "file");

		said = qjson_get(o, "said");
		for (j = 0; j < qjson_len(said); j++)
			print_said(file, qjson_at(said, j));
		qterm_printf("%s: %s (errors: %lld, warnings: %lld, notes: %lld)\n", file,
			     qjson_get_bool(o, "ok", false) ? "ok" : "not ok",
			     (long long)qjson_get_int(o, "errors", 0),
			     (long long)qjson_get_int(o, "warnings", 0),
			     (long long)qjson_get_int(o, "notes", 0));
	}
	if (enforced)
		qterm_printf("%s\n", enforced);
}

static int config_check(int argc, char **argv)
{
	const struct cmd_line line = { .command = "config check",
				       .usage = check_usage,
				       .opts = opts,
				       .args = "at least one FILE",
				       .min = 1,
				       .max = CMD_ANY };
	struct json_object *doc, *files;
	struct options o = { 0 };
	bool bad = false;
	int at, ret;

	at = cmd_parse(&line, argc, argv, &o);
	if (at <= 0)
		return -at;
	doc = qjson_obj();
	files = qjson_add(doc, "files", qjson_arr());
	for (; at < argc; at++)
		qjson_push(files, check_one(argv[at], o.strict, &bad));
	qjson_add_str(doc, "enforced", module_loaded() ? NULL : "not enforced: module not loaded");
	ret = cmd_print(doc, o.json, print_check);
	return ret ? ret : bad ? EXIT_FAILED : 0;
}

static void print_value(struct json_object *value)
{
	if (json_object_is_type(value, json_type_string))
		qterm_printf("%s", json_object_get_string(value));
	else
		qterm_printf("%s",
			     json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void print_gpu(struct json_object *gpu)
{
	struct json_object *list = qjson_get(gpu, "operations"), *one;
	size_t i;

	qterm_printf("\nGPU: %s, level %s; allowed:", qjson_get_str(gpu, "access_mode"),
		     qjson_get_str(gpu, "level"));
	for (i = 0; i < qjson_len(list); i++)
		qterm_printf(" %s", json_object_get_string(qjson_at(list, i)));
	qterm_printf("\n");
	list = qjson_get(gpu, "limits");
	for (i = 0; i < qjson_len(list); i++) {
		one = qjson_at(list, i);
		qterm_printf("  %-16s ", qjson_get_str(one, "limit"));
		if (qjson_get(one, "value"))
			qterm_printf("%-6lld", (long long)qjson_get_int(one, "value", 0));
		else
			qterm_printf("%-6s", "-");
		qterm_printf(" enforced by %s: %s\n", qjson_get_str(one, "enforced_by"),
			     qjson_get_str(one, "note"));
	}
}

static void print_show(struct json_object *doc)
{
	struct json_object *list = qjson_get(doc, "settings"), *one;
	const char *enforced = qjson_get_str(doc, "enforced");
	size_t i;

	for (i = 0; i < qjson_len(list); i++) {
		one = qjson_at(list, i);
		qterm_printf("%-28s ", qjson_get_str(one, "key"));
		print_value(qjson_get(one, "value"));
		qterm_printf("  (%s)\n", qjson_get_str(one, "why"));
	}
	if (qjson_get(doc, "gpu"))
		print_gpu(qjson_get(doc, "gpu"));
	else
		qterm_printf("\nno GPU: there is no gpu section that is switched on\n");
	if (enforced)
		qterm_printf("%s\n", enforced);
}

static int config_show(int argc, char **argv)
{
	const struct cmd_line line = { .command = "config show",
				       .usage = show_usage,
				       .opts = opts,
				       .args = "one FILE",
				       .min = 1,
				       .max = 1 };
	struct options o = { 0 };
	struct qconfig c;
	struct qdiags d;
	int at, ret;

	at = cmd_parse(&line, argc, argv, &o);
	if (at <= 0)
		return -at;
	load(argv[at], &c, &d);
	gpu_tell(&d, 0);
	if (qdiags_count(&d, QDIAG_ERROR))
		ret = cmd_fail("%s: this can't be carried out", argv[at]);
	else if (o.strict && qdiags_count(&d, QDIAG_WARNING))
		ret = cmd_fail("%s: --strict turns warnings into errors", argv[at]);
	else
		ret = cmd_print(qconfig_show(&c, &d, module_loaded()), o.json, print_show);
	qconfig_free(&c);
	qdiags_free(&d);
	return ret;
}

void gpu_tell(const struct qdiags *d, size_t from)
{
	char *line;

	for (; from < d->n; from++) {
		line = qdiag_format(d, &d->list[from]);
		qterm_fprintf(stderr, "%s\n", line);
		free(line);
	}
}

int gpu_config(int argc, char **argv)
{
	static const struct cmd commands[] = {
		{ "check", config_check, "qwamos-gpu config check FILE... [--strict] [--json]" },
		{ "show", config_show, "qwamos-gpu config show FILE [--strict] [--json]" },
		{ 0 },
	};

	return cmd_group("config", commands, argc, argv);
}
