// SPDX-License-Identifier: GPL-2.0-only
#include "vm/counts.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/json.h"
#include "vm/record.h"

static int file_path(const char *vm, char path[PATH_MAX], struct qerr *e)
{
	char dir[PATH_MAX];

	qrecord_dir(dir);
	if (snprintf(path, PATH_MAX, "%s/%s.inputs", dir, vm) >= PATH_MAX)
		return qerr_set(e, ENAMETOOLONG, "%s/%s.inputs", dir, vm);
	return 0;
}

void qcounts_take(struct qcounts *c, const struct qinputs *s)
{
	size_t i;

	memset(c, 0, sizeof(*c));
	c->n = s->n;
	for (i = 0; i < s->n; i++) {
		snprintf(c->v[i].name, sizeof(c->v[i].name), "%s", s->in[i].name);
		c->v[i].taken = s->in[i].taken;
		c->v[i].waits = s->in[i].waits;
		c->v[i].waited_ms = qinput_waited_ms(&s->in[i]);
	}
}

void qcounts_text(const struct qcount *c, char *text, size_t len)
{
	snprintf(text, len,
		 "%s: %" PRIu64 " KiB read; slowed %" PRIu64 " times, %" PRIu64 ".%" PRIu64
		 " s; %" PRIu64 " bytes lost, %" PRIu64 " not shown",
		 c->name, c->taken >> 10, c->waits, c->waited_ms / 1000, c->waited_ms % 1000 / 100,
		 c->lost, c->unseen);
}

int qcounts_write(const char *vm, const struct qcounts *c, struct qerr *e)
{
	struct json_object *doc = qjson_arr(), *o;
	char path[PATH_MAX];
	size_t i;
	int ret;

	for (i = 0; i < c->n; i++) {
		o = qjson_push(doc, qjson_obj());
		qjson_add_str(o, "name", c->v[i].name);
		qjson_add_int(o, "bytes", c->v[i].taken);
		qjson_add_int(o, "waits", c->v[i].waits);
		qjson_add_int(o, "waited_ms", c->v[i].waited_ms);
		qjson_add_int(o, "lost_bytes", c->v[i].lost);
		qjson_add_int(o, "unseen_bytes", c->v[i].unseen);
	}
	o = qjson_obj();
	qjson_add(o, "inputs", doc);
	ret = file_path(vm, path, e);
	if (!ret) {
		ret = qjson_replace_file(path, o, 0600);
		if (ret)
			qerr_sys(e, -ret, "%s", path);
	}
	json_object_put(o);
	return ret;
}

int qcounts_read(const char *vm, struct qcounts *c)
{
	struct json_object *doc, *list, *o;
	char path[PATH_MAX];
	const char *name;
	int ret;

	memset(c, 0, sizeof(*c));
	ret = file_path(vm, path, NULL);
	if (!ret)
		ret = qjson_read_file(path, &doc, NULL);
	if (ret)
		return ret;
	list = qjson_get(doc, "inputs");
	for (; c->n < qjson_len(list) && c->n < QINPUTS_MAX; c->n++) {
		o = qjson_at(list, c->n);
		name = qjson_get_str(o, "name");
		snprintf(c->v[c->n].name, sizeof(c->v[c->n].name), "%s", name ? name : "");
		c->v[c->n].taken = qjson_get_int(o, "bytes", 0);
		c->v[c->n].waits = qjson_get_int(o, "waits", 0);
		c->v[c->n].waited_ms = qjson_get_int(o, "waited_ms", 0);
		c->v[c->n].lost = qjson_get_int(o, "lost_bytes", 0);
		c->v[c->n].unseen = qjson_get_int(o, "unseen_bytes", 0);
	}
	json_object_put(doc);
	return 0;
}

void qcounts_remove(const char *vm)
{
	char path[PATH_MAX];

	if (!file_path(vm, path, NULL))
		unlink(path);
}
