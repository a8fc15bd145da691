// SPDX-License-Identifier: GPL-2.0-only
#include "vm/refused.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/file.h"
#include "util/json.h"
#include "vm/record.h"

/* No ".json": those are records. */
static int refused_path(const char *name, char path[PATH_MAX], struct qerr *e)
{
	char dir[PATH_MAX];

	qrecord_dir(dir);
	if (snprintf(path, PATH_MAX, "%s/%s.refused", dir, name) >= PATH_MAX)
		return qerr_set(e, ENAMETOOLONG, "%s/%s.refused", dir, name);
	return 0;
}

void qvm_refused_write(const char *name, const struct qsandbox_refused *r)
{
	struct json_object *doc, *list, *o;
	char path[PATH_MAX], text[QSANDBOX_KIND_TEXT];
	size_t i;

	if (refused_path(name, path, NULL))
		return;
	doc = qjson_obj();
	qjson_add_int(doc, "total", r->total);
	qjson_add_int(doc, "more", r->more);
	list = qjson_add(doc, "kinds", qjson_arr());
	for (i = 0; i < r->n_kinds; i++) {
		o = qjson_push(list, qjson_obj());
		qsandbox_kind_text(&r->kinds[i], text);
		qjson_add_str(o, "call", text);
		qjson_add_str(o, "error", strerrorname_np(r->kinds[i].err));
		qjson_add_int(o, "count", r->kinds[i].count);
	}
	qjson_replace_file(path, doc, 0600);
	json_object_put(doc);
}

static void copy(char *to, size_t len, const struct json_object *o, const char *key)
{
	const char *text = qjson_get_str(o, key);

	snprintf(to, len, "%s", text ? text : "");
}

int qvm_refused_read(const char *name, struct qvm_refused *r, struct qerr *e)
{
	struct json_object *doc, *list, *o;
	struct qvm_refused_kind *k;
	char path[PATH_MAX];
	size_t i;
	int ret;

	memset(r, 0, sizeof(*r));
	ret = refused_path(name, path, e);
	if (!ret)
		ret = qjson_read_file(path, &doc, e);
	if (ret)
		return ret;
	r->total = qjson_get_int(doc, "total", 0);
	r->more = qjson_get_int(doc, "more", 0);
	list = qjson_get(doc, "kinds");
	for (i = 0; i < qjson_len(list) && i < QSANDBOX_REFUSED_KINDS; i++) {
		o = qjson_at(list, i);
		k = &r->kinds[r->n_kinds++];
		copy(k->call, sizeof(k->call), o, "call");
		copy(k->error, sizeof(k->error), o, "error");
		k->count = qjson_get_int(o, "count", 0);
	}
	json_object_put(doc);
	return 0;
}

void qvm_refused_remove(const char *name)
{
	char path[PATH_MAX];

	if (!refused_path(name, path, NULL))
		unlink(path);
}
