// SPDX-License-Identifier: GPL-2.0-only
#include "cmd/topology_draw.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/json.h"
#include "util/term.h"

/* How a line of the tree begins: of one that others follow, and of the last one. */
struct style {
	const char *branch, *last, *bar;
};

static const struct style boxes = { "\u251c\u2500 ", "\u2514\u2500 ", "\u2502  " };
static const struct style plain = { "|- ", "`- ", "|  " };

static const char *str(const struct json_object *o, const char *key, const char *otherwise)
{
	const char *s = qjson_get_str(o, key);

	return s ? s : otherwise;
}

static const char *kind(const struct json_object *d)
{
	const char *k = str(d, "kind", "?");

	return !strcmp(k, "gpu") ? "GPU" : k;
}

/* "console, bound, free, VM work": what is so of it beside its driver. */
static void marks(char *buf, size_t len, const struct json_object *d)
{
	const struct json_object *vm = qjson_get(d, "owner_vm");
	const char *state = qjson_get_str(d, "state");
	size_t at = 0;

	buf[0] = '\0';
	if (qjson_get_bool(d, "console", false) || qjson_get_bool(d, "boot_vga", false))
		at += snprintf(buf + at, len - at, ", %s",
			       qjson_get_bool(d, "console", false) ? "console" : "boot VGA");
	if (state && strcmp(state, "unbound") && at < len)
		at += snprintf(buf + at, len - at, ", %s", state);
	if (vm && at < len)
		snprintf(buf + at, len - at, ", VM %s", str(vm, "name", "?"));
}

static void print_list(const struct json_object *list)
{
	size_t i;

	for (i = 0; i < qjson_len(list); i++)
		qterm_printf("%s%s", i ? " " : "", json_object_get_string(qjson_at(list, i)));
}

static void tree_device(const struct style *s, const struct json_object *d, bool last)
{
	const struct json_object *resets = qjson_get(d, "reset_methods"),
				 *with = qjson_get(d, "reset_with"),
				 *slot = qjson_get(d, "companions");
	const char *bar = last ? "   " : s->bar;
	char text[256];

	marks(text, sizeof(text), d);
	qterm_printf("%s%s  %s", last ? s->last : s->branch, str(d, "name", "?"), kind(d));
	if (qjson_get_str(d, "model"))
		qterm_printf(", %s", qjson_get_str(d, "model"));
	qterm_printf(", %s%s\n", str(d, "driver", "no driver"), text);
	if (!strcmp(str(d, "kind", ""), "bridge"))
		return;
	qterm_printf("%s      reset: ", bar);
	if (qjson_len(resets))
		print_list(resets);
	else
		qterm_printf("none");
	if (qjson_len(with)) {
		qterm_printf("; resets with ");
		print_list(with);
	}
	if (qjson_len(slot)) {
		qterm_printf("; in its slot ");
		print_list(slot);
	}
	qterm_printf("\n");
}

void topology_tree(struct json_object *doc)
{
	const struct json_object *groups = qjson_get(doc, "groups"), *vms = qjson_get(doc, "vms");
	const struct json_object *g, *list;
	const struct style *s;
	size_t i, k;

	s = qterm_utf8() ? &boxes : &plain;
	if (!qjson_get_bool(doc, "iommu", false))
		qterm_printf("No IOMMU is switched on: no GPU can be given to a VM.\n");
	if (!qjson_get_bool(qjson_get(doc, "module"), "answers", false))
		qterm_printf("Kernel module: %s (owners and reset sets are unknown).\n",
			     str(qjson_get(doc, "module"), "why_not", "?"));
	if (!qjson_len(groups))
		qterm_printf("No GPU.\n");
	for (i = 0; i < qjson_len(groups); i++) {
		g = qjson_at(groups, i);
		list = qjson_get(g, "devices");
		if (qjson_get(g, "group"))
			qterm_printf(
				"IOMMU group %" PRId64 "%s\n", qjson_get_int(g, "group", 0),
				qjson_get_bool(g, "viable", true)
					? ""
					: " (not viable yet: beside the GPU, one of it is on a driver of its own)");
		else
			qterm_printf("no IOMMU group\n");
		for (k = 0; k < qjson_len(list); k++)
			tree_device(s, qjson_at(list, k), k + 1 == qjson_len(list));
	}
	for (i = 0; i < qjson_len(vms); i++) {
		g = qjson_at(vms, i);
		list = qjson_get(g, "devices");
		qterm_printf("VM %s\n", str(g, "name", "?"));
		for (k = 0; k < qjson_len(list); k++)
			qterm_printf("%s%s\n", k + 1 == qjson_len(list) ? s->last : s->branch,
				     json_object_get_string(qjson_at(list, k)));
	}
}

/* Text between quotation marks, in Graphviz's language. */
static void quote(const char *text)
{
	size_t n;

	for (; *text; text += n) {
		n = strcspn(text, "\"\\");
		qterm_printf("%.*s", (int)n, text);
		if (text[n])
			qterm_printf("\\%c", text[n++]);
	}
}

static void dot_device(const struct json_object *d)
{
	const char *k = str(d, "kind", "?");
	char text[256];

	marks(text, sizeof(text), d);
	qterm_printf("\t\t\"");
	quote(str(d, "name", "?"));
	qterm_printf("\" [label=\"");
	quote(str(d, "name", "?"));
	qterm_printf("\\n%s%s", kind(d), qjson_get_str(d, "model") ? ": " : "");
	quote(str(d, "model", ""));
	qterm_printf("\\n");
	quote(str(d, "driver", "no driver"));
	quote(text);
	qterm_printf("\"%s%s];\n",
		     !strcmp(k, "gpu")	    ? ", style=bold"
		     : !strcmp(k, "bridge") ? ", style=dotted"
					    : "",
		     qjson_get(d, "owner_vm") ? ", peripheries=2" : "");
}

/* One line for each pair: @list of @d, of which only those after it. */
static void dot_edges(const struct json_object *d, const char *key, const char *attrs)
{
	const struct json_object *list = qjson_get(d, key);
	const char *name = str(d, "name", ""), *other;
	size_t i;

	for (i = 0; i < qjson_len(list); i++) {
		other = json_object_get_string(qjson_at(list, i));
		if (strcmp(other, name) <= 0)
			continue;
		qterm_printf("\t\"");
		quote(name);
		qterm_printf("\" -- \"");
		quote(other);
		qterm_printf("\" [%s];\n", attrs);
	}
}

void topology_dot(struct json_object *doc)
{
	const struct json_object *groups = qjson_get(doc, "groups"), *vms = qjson_get(doc, "vms");
	const struct json_object *g, *list;
	size_t i, k;

	qterm_printf("// SPDX-License-Identifier: GPL-2.0-only\n");
	qterm_printf(
		"graph qwamos {\n\trankdir=LR;\n\tnode [shape=box, fontsize=10];\n\tedge [fontsize=9];\n");
	for (i = 0; i < qjson_len(groups); i++) {
		g = qjson_at(groups, i);
		list = qjson_get(g, "devices");
		qterm_printf("\tsubgraph cluster_%zu {\n\t\tlabel=\"", i);
		if (qjson_get(g, "group"))
			qterm_printf("IOMMU group %" PRId64, qjson_get_int(g, "group", 0));
		else
			qterm_printf("no IOMMU group");
		qterm_printf("\";\n");
		for (k = 0; k < qjson_len(list); k++)
			dot_device(qjson_at(list, k));
		qterm_printf("\t}\n");
		for (k = 0; k < qjson_len(list); k++) {
			dot_edges(qjson_at(list, k), "reset_with", "style=dashed, label=\"reset\"");
			dot_edges(qjson_at(list, k), "companions", "style=dotted, label=\"slot\"");
		}
	}
	for (i = 0; i < qjson_len(vms); i++) {
		g = qjson_at(vms, i);
		list = qjson_get(g, "devices");
		for (k = 0; k < qjson_len(list); k++) {
			qterm_printf("\t\"VM ");
			quote(str(g, "name", "?"));
			qterm_printf("\" -- \"");
			quote(json_object_get_string(qjson_at(list, k)));
			qterm_printf("\";\n");
		}
		qterm_printf("\t\"VM ");
		quote(str(g, "name", "?"));
		qterm_printf("\" [shape=ellipse];\n");
	}
	qterm_printf("}\n");
}
