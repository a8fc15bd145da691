// SPDX-License-Identifier: LGPL-2.1-or-later
#include "util/task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/file.h"
#include "util/json.h"

/* The value behind @key in /proc/TID/status, to its end of line; NULL: there is none. */
static const char *value_of(const char *status, const char *key)
{
	const char *p = strstr(status, key);

	return p ? p + strlen(key) : NULL;
}

int qtask_read(pid_t tid, struct qtask *t)
{
	char path[64], text[4096];
	const char *name, *tgid, *state;
	ssize_t n;

	memset(t, 0, sizeof(*t));
	t->tid = tid;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	n = qfile_read(AT_FDCWD, path, text, sizeof(text));
	if (n < 0)
		return n == -ESRCH ? -ENOENT : (int)n;
	name = value_of(text, "Name:\t");
	tgid = value_of(text, "\nTgid:\t");
	state = value_of(text, "\nState:\t");
	if (!name || !tgid || !state)
		return -EIO;
	snprintf(t->comm, sizeof(t->comm), "%.*s", (int)strcspn(name, "\n"), name);
	t->state = *state;
	snprintf(path, sizeof(path), "/proc/%d/wchan", (int)tid);
	n = qfile_read(AT_FDCWD, path, t->wait, sizeof(t->wait));
	if (n < 0 || !strcmp(t->wait, "0"))
		t->wait[0] = '\0';
	t->pid = atoi(tgid);
	return 0;
}

struct json_object *qtask_json(const struct qtask *t)
{
	struct json_object *o;

	if (!t->pid)
		return NULL;
	o = qjson_obj();
	qjson_add_int(o, "tid", t->tid);
	qjson_add_int(o, "pid", t->pid);
	qjson_add_str(o, "comm", t->comm);
	qjson_add_fmt(o, "state", "%c", t->state);
	qjson_add_str_or_null(o, "waits_in", t->wait);
	return o;
}

void qtask_text(const struct json_object *task, char *buf, size_t len)
{
	const char *wait = qjson_get_str(task, "waits_in");

	snprintf(buf, len, "thread %d (%s) of process %d waits%s%s, state %s",
		 (int)qjson_get_int(task, "tid", 0), qjson_get_str(task, "comm"),
		 (int)qjson_get_int(task, "pid", 0), wait ? " in " : "", wait ? wait : "",
		 qjson_get_str(task, "state"));
}
