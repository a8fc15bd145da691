// SPDX-License-Identifier: LGPL-2.1-or-later
#include "util/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/file.h"
#include "util/mem.h"
#include "util/term.h"

/* The largest JSON file that is ever read, in bytes. */
#define MAX_FILE (1 << 20)

struct json_object *qjson_obj(void)
{
	return qmem_check(json_object_new_object());
}

struct json_object *qjson_arr(void)
{
	return qmem_check(json_object_new_array());
}

struct json_object *qjson_add(struct json_object *obj, const char *key, struct json_object *value)
{
	if (json_object_object_add(obj, key, value))
		qmem_check(NULL);
	return value;
}

void qjson_add_str(struct json_object *obj, const char *key, const char *value)
{
	qjson_add(obj, key, value ? qmem_check(json_object_new_string(value)) : NULL);
}

void qjson_add_str_or_null(struct json_object *obj, const char *key, const char *value)
{
	qjson_add_str(obj, key, value && *value ? value : NULL);
}

void qjson_add_fmt(struct json_object *obj, const char *key, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	qjson_add_str(obj, key, qmem_check(s));
	free(s);
}

void qjson_add_int(struct json_object *obj, const char *key, int64_t value)
{
	qjson_add(obj, key, qmem_check(json_object_new_int64(value)));
}

void qjson_add_bool(struct json_object *obj, const char *key, bool value)
{
	qjson_add(obj, key, qmem_check(json_object_new_boolean(value)));
}

struct json_object *qjson_push(struct json_object *arr, struct json_object *value)
{
	if (json_object_array_add(arr, value))
		qmem_check(NULL);
	return value;
}

void qjson_push_str(struct json_object *arr, const char *value)
{
	qjson_push(arr, qmem_check(json_object_new_string(value)));
}

struct json_object *qjson_get(const struct json_object *obj, const char *key)
{
	struct json_object *value;

	if (!obj || !json_object_is_type(obj, json_type_object) ||
	    !json_object_object_get_ex(obj, key, &value))
		return NULL;
	return value;
}

const char *qjson_get_str(const struct json_object *obj, const char *key)
{
	struct json_object *value = qjson_get(obj, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

int64_t qjson_get_int(const struct json_object *obj, const char *key, int64_t otherwise)
{
	struct json_object *value = qjson_get(obj, key);

	return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : otherwise;
}

bool qjson_get_bool(const struct json_object *obj, const char *key, bool otherwise)
{
	struct json_object *value = qjson_get(obj, key);

	return json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value)
							     : otherwise;
}

size_t qjson_len(const struct json_object *arr)
{
	return arr && json_object_is_type(arr, json_type_array) ? json_object_array_length(arr) : 0;
}

struct json_object *qjson_at(const struct json_object *arr, size_t i)
{
	return i < qjson_len(arr) ? json_object_array_get_idx(arr, i) : NULL;
}

#define STYLE (JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)

int qjson_print(FILE *f, struct json_object *obj)
{
	const char *text = qmem_check((void *)json_object_to_json_string_ext(obj, STYLE));

	int err = qterm_json(f, text);

	qterm_fprintf(f, "\n");
	if (!err && (fflush(f) || ferror(f)))
		err = errno ? -errno : -EIO;
	return err;
}

int qjson_read_file(const char *path, struct json_object **obj, struct qerr *e)
{
	enum json_tokener_error err;
	struct json_tokener *tok;
	ssize_t len;
	char *text;
	size_t at;

	*obj = NULL;
	len = qfile_read_named(path, MAX_FILE, &text, e);
	if (len < 0)
		return len;
	tok = qmem_check(json_tokener_new());
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	/* With the NUL: a number at the very end is complete only then. */
	*obj = json_tokener_parse_ex(tok, text, len + 1);
	err = json_tokener_get_error(tok);
	at = json_tokener_get_parse_end(tok);
	json_tokener_free(tok);
	free(text);
	if (err != json_tokener_success || !json_object_is_type(*obj, json_type_object)) {
		json_object_put(*obj);
		*obj = NULL;
		return qerr_set(e, EBADMSG, "%s: not a JSON object: %s at byte %zu", path,
				err == json_tokener_success ? "another type"
							    : json_tokener_error_desc(err),
				at);
	}
	return 0;
}

int qjson_replace_file(const char *path, struct json_object *obj, mode_t mode)
{
	const char *text = qmem_check((void *)json_object_to_json_string_ext(obj, STYLE));
	char *line = qmem_printf("%s\n", text);
	int err = qfile_replace(path, line, strlen(line), mode);

	free(line);
	return err;
}
