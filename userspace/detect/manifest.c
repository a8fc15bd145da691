// SPDX-License-Identifier: GPL-2.0-only
#include "detect/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/mem.h"

static const char *variable(const char *name, const char *otherwise)
{
	const char *value = name ? getenv(name) : NULL;

	return value && *value ? value : otherwise;
}

/* "A/SUB:B/SUB" of "A:B", after @before. */
static char *below(char *before, const char *dirs, const char *sub)
{
	char *copy = qmem_strdup(dirs), *save, *word, *longer;

	for (word = strtok_r(copy, ":", &save); word; word = strtok_r(NULL, ":", &save)) {
		longer = qmem_printf("%s:%s/%s", before, word, sub);
		free(before);
		before = longer;
	}
	free(copy);
	return before;
}

static char **find_all(const struct qmanifest *m, size_t *n)
{
	const char *files = variable(m->env[0], variable(m->env[1], NULL)), *home = getenv("HOME");
	char *dirs = qmem_strdup(""), *own, **list;

	if (m->home_config) {
		own = home ? qmem_printf("%s/.config:%s/.local/share", home, home)
			   : qmem_strdup("");
		dirs = below(dirs, own, m->home_config);
		free(own);
	}
	dirs = below(dirs, variable("XDG_CONFIG_DIRS", "/etc/xdg"), m->dirs);
	dirs = below(dirs, "/etc", m->dirs);
	dirs = below(dirs, variable("XDG_DATA_DIRS", "/usr/local/share:/usr/share"), m->dirs);
	list = qprobe_manifests(files, variable(m->dirs_env, dirs), n);
	free(dirs);
	return list;
}

static void note(struct qdetect *d, const struct qmanifest *m, const char *driver,
		 const struct qprobe *p)
{
	char *why = qprobe_why(p);

	if (driver)
		qdetect_note(d, "%s: the driver %s %s, and was left out", m->what, driver, why);
	else
		qdetect_note(d, "%s: a driver %s", m->what, why);
	free(why);
}

/* Adds to the part of the document what a probe has found. */
static void take(struct qdetect *d, const struct qmanifest *m, struct json_object *out,
		 const struct qprobe *p)
{
	struct json_object *line, *dev;
	const char *const *key;
	const char *text;
	size_t i;

	for (i = 0; i < qjson_len(p->lines); i++) {
		line = qjson_at(p->lines, i);
		for (key = m->keys; *key; key++) {
			text = qjson_get_str(line, *key);
			if (text)
				qjson_add_str(out, *key, text);
		}
		dev = qjson_get(line, "device");
		if (dev)
			m->add_device(d, qjson_get(out, "devices"), dev);
	}
}

static void retry(struct qdetect *d, const struct qmanifest *m, const struct qprobe *failed,
		  struct json_object *out)
{
	struct qprobe **probes;
	char **list;
	size_t i, n, bad = 0;

	/* A captured report is not run again; with one driver, there is none to find. */
	list = d->o->root || failed->end == QPROBE_NOT_STARTED ? (n = 0, NULL) : find_all(m, &n);
	if (n < 2) {
		note(d, m, n ? list[0] : NULL, failed);
		qdetect_free_names(list, n);
		return;
	}
	/* All over again: what the first one had found, each of these finds, too. */
	qjson_add(out, "devices", qjson_arr());
	probes = qmem_calloc(n, sizeof(*probes));
	for (i = 0; i < n; i++)
		probes[i] = qprobe_start(m->helper, m->what, list[i], d->o->probe_ms);
	qprobe_wait(probes, n);
	for (i = 0; i < n; i++) {
		if (probes[i]->end == QPROBE_DONE)
			take(d, m, out, probes[i]);
		else
			note(d, m, list[i], probes[i]);
		bad += probes[i]->end != QPROBE_DONE;
		qprobe_free(probes[i]);
	}
	if (!bad)
		note(d, m, NULL, failed);
	free(probes);
	qdetect_free_names(list, n);
}

void qmanifest_gather(struct qdetect *d, const struct qmanifest *m, const struct qprobe *p)
{
	struct qprobe *both[] = { d->vulkan, d->egl };
	struct json_object *out;
	const char *const *key;
	char *why;

	if (!p)
		return;
	qprobe_wait(both, 2);
	out = qjson_add(d->doc, m->part, qjson_obj());
	for (key = m->keys; *key; key++)
		qjson_add(out, *key, NULL);
	qjson_add(out, "devices", qjson_arr());
	take(d, m, out, p);
	if (p->end != QPROBE_DONE)
		retry(d, m, p, out);
	if (qjson_len(qjson_get(out, "devices"))) {
		qjson_add_str(out, "state", "version");
		qjson_add(out, "why", NULL);
	} else if (!qjson_get(out, "state")) {
		/* The library was never told of as absent: it, or a driver, did not let us. */
		why = qprobe_why(p);
		qjson_add_str(out, "state", p->end == QPROBE_NOT_STARTED ? NULL : "not_loadable");
		qjson_add_fmt(out, "why", "a driver %s", why);
		free(why);
	}
}
