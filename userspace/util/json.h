/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * json-c with fewer words. What these functions add never fails (see util/mem.h); what they read is
 * checked.
 */
#ifndef QWAMOS_UTIL_JSON_H
#define QWAMOS_UTIL_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <json-c/json.h>

#include "util/err.h"

/** qjson_obj() - a new object */
struct json_object *qjson_obj(void);
/** qjson_arr() - a new array */
struct json_object *qjson_arr(void);

/** qjson_add() - put @value (NULL: null), which then belongs to @obj, under @key; return: @value */
struct json_object *qjson_add(struct json_object *obj, const char *key, struct json_object *value);
/** qjson_add_str() - a string; NULL: null */
void qjson_add_str(struct json_object *obj, const char *key, const char *value);
/** qjson_add_str_or_null() - a string; NULL and "": null */
void qjson_add_str_or_null(struct json_object *obj, const char *key, const char *value);
/** qjson_add_fmt() - a formatted string */
void qjson_add_fmt(struct json_object *obj, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** qjson_add_int() - a number */
void qjson_add_int(struct json_object *obj, const char *key, int64_t value);
/** qjson_add_bool() - true or false */
void qjson_add_bool(struct json_object *obj, const char *key, bool value);
/** qjson_push() - put @value (NULL: null), then @arr's, at its end; return: @value */
struct json_object *qjson_push(struct json_object *arr, struct json_object *value);
/** qjson_push_str() - put a string at the end of @arr */
void qjson_push_str(struct json_object *arr, const char *value);

/** qjson_get() - what stands under @key; NULL: nothing, or null. @obj may be NULL */
struct json_object *qjson_get(const struct json_object *obj, const char *key);
/** qjson_get_str() - the string under @key; NULL: none, or no string */
const char *qjson_get_str(const struct json_object *obj, const char *key);
/** qjson_get_int() - the number under @key, or @otherwise */
int64_t qjson_get_int(const struct json_object *obj, const char *key, int64_t otherwise);
/** qjson_get_bool() - the truth under @key, or @otherwise */
bool qjson_get_bool(const struct json_object *obj, const char *key, bool otherwise);
/** qjson_len() - length of an array; 0 for NULL and for what is no array */
size_t qjson_len(const struct json_object *arr);
/** qjson_at() - element @i of an array */
struct json_object *qjson_at(const struct json_object *arr, size_t i);

/**
 * qjson_print() - write @obj, indented, and a newline; what a terminal would act on is escaped
 *
 * Return: 0 or a negative errno, also when an earlier write to @f has failed.
 */
int qjson_print(FILE *f, struct json_object *obj);

/**
 * qjson_read_file() - a file that holds one JSON object
 * @path: the file
 * @obj: out: json_object_put() it; NULL on failure
 * @e: error, may be NULL; names the file and the place
 *
 * Return: 0 or a negative errno (-ENOENT: no such file; -EBADMSG: no JSON object).
 */
int qjson_read_file(const char *path, struct json_object **obj, struct qerr *e);

/** qjson_replace_file() - qfile_replace() with @obj's text; return: 0 or a negative errno */
int qjson_replace_file(const char *path, struct json_object *obj, mode_t mode);

#endif
