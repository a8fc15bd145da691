// SPDX-License-Identifier: GPL-2.0-only
#include "qemu/optlist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu/internal.h"
#include "util/json.h"
#include "util/mem.h"

/* Takes over @key and @value. */
static int put(struct qopts *o, char *key, char *value, struct qerr *e)
{
	struct qopt *one;
	int ret = 0;

	if (!key[0])
		ret = qerr_set(e, EINVAL, "'=%s' found; accepted: KEY=VALUE", value);
	else if (qopts_get(o, key))
		ret = qerr_set(e, EINVAL, "'%s' stands there twice; accepted: once", key);
	one = QMEM_GROW(o->v, o->n);
	one->key = key;
	one->value = value;
	return ret;
}

void qopts_add(struct qopts *o, const char *key, const char *value)
{
	struct qopt *one = QMEM_GROW(o->v, o->n);

	one->key = qmem_strdup(key);
	one->value = qmem_strdup(value);
}

/* A value, as far as a comma that is not written twice; @rest: that comma, or the end. */
static char *take_value(const char *p, const char **rest)
{
	char *out = qmem_calloc(1, strlen(p) + 1), *to = out;

	for (; *p && (*p != ',' || p[1] == ','); p++) {
		*to++ = *p;
		if (*p == ',')
			p++;
	}
	*rest = p;
	return out;
}

static int parse_list(const char *p, const char *implied, struct qopts *o, struct qerr *e)
{
	bool first = true;
	int ret = 0;

	while (!ret && *p) {
		size_t len = strcspn(p, "=,");
		char *key;

		if (p[len] == '=') {
			key = qmem_printf("%.*s", (int)len, p);
			p += len + 1;
		} else if (first && implied) {
			key = qmem_strdup(implied);
		} else {
			return qerr_set(e, EINVAL, "'%.*s' found; accepted: KEY=VALUE", (int)len,
					p);
		}
		ret = put(o, key, take_value(p, &p), e);
		if (*p == ',')
			p++;
		first = false;
	}
	return ret;
}

static int parse_json(const char *text, struct qopts *o, struct qerr *e)
{
	struct json_object *obj = json_tokener_parse(text);
	int ret = 0;

	if (!json_object_is_type(obj, json_type_object)) {
		json_object_put(obj);
		return qerr_set(e, EINVAL, "'%s' found; accepted: a JSON object, or KEY=VALUE,...",
				text);
	}
	json_object_object_foreach(obj, key, value) {
		const char *word;

		if (ret)
			break;
		if (json_object_is_type(value, json_type_string) ||
		    json_object_is_type(value, json_type_int))
			word = json_object_get_string(value);
		else if (json_object_is_type(value, json_type_boolean))
			word = json_object_get_boolean(value) ? "on" : "off";
		else
			word = NULL;
		/* What is behind a NUL would be lost. */
		if (!word || (json_object_is_type(value, json_type_string) &&
			      strlen(word) != (size_t)json_object_get_string_len(value)))
			ret = qerr_set(
				e, EINVAL,
				"the value of '%s' is accepted as a string, a whole number, true or false",
				key);
		else
			ret = put(o, qmem_strdup(key), qmem_strdup(word), e);
	}
	json_object_put(obj);
	return ret;
}

int qopts_parse(const char *text, const char *implied, struct qopts *o, struct qerr *e)
{
	o->v = NULL;
	o->n = 0;
	return text[0] == '{' ? parse_json(text, o, e) : parse_list(text, implied, o, e);
}

const char *qopts_get(const struct qopts *o, const char *key)
{
	size_t i;

	for (i = 0; i < o->n; i++)
		if (!strcmp(o->v[i].key, key))
			return o->v[i].value;
	return NULL;
}

/*
 * May a value stand there without its key? With a '=' in it, it would be read as another key's, and
 * that was not checked; an empty one, or a '{', begins something else.
 */
static bool may_be_bare(const char *value)
{
	return value[0] && value[0] != '{' && !strchr(value, '=');
}

char *qopts_text(const struct qopts *o, const char *implied)
{
	char *out = qmem_strdup(""), *value, *more;
	size_t i;

	for (i = 0; i < o->n; i++) {
		bool bare = !i && implied && !strcmp(o->v[i].key, implied) &&
			    may_be_bare(o->v[i].value);

		value = qemu_escape(o->v[i].value);
		more = qmem_printf("%s%s%s%s%s", out, i ? "," : "", bare ? "" : o->v[i].key,
				   bare ? "" : "=", value);
		free(value);
		free(out);
		out = more;
	}
	return out;
}

void qopts_free(struct qopts *o)
{
	size_t i;

	for (i = 0; i < o->n; i++) {
		free(o->v[i].key);
		free(o->v[i].value);
	}
	free(o->v);
	o->v = NULL;
	o->n = 0;
}
