// SPDX-License-Identifier: GPL-2.0-only
#include "audit/record.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/libqwamos-gpu.h"
#include "util/json.h"
#include "util/mem.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum kind {
	U64,
	U32,
	S32,
	EVENT,
	OP,
	REASON,
	LEVEL,
	TEXT,
	HASH,
};

/* The keys of a record, in the order in which they are written. */
#define FIELD(key, kind, member)                                              \
	{                                                                     \
		key, kind, offsetof(struct qwamos_gpu_audit_record, member),  \
			sizeof(((struct qwamos_gpu_audit_record *)0)->member) \
	}
static const struct field {
	const char *key;
	enum kind kind;
	size_t at;
	size_t size;
} fields[] = {
	FIELD("chain", U64, chain),
	FIELD("seq", U64, seq),
	FIELD("order", U64, order),
	FIELD("time_ns", U64, time_ns),
	FIELD("last_ns", U64, last_ns),
	FIELD("count", U64, count),
	FIELD("vm", TEXT, vm_name),
	FIELD("event", EVENT, event),
	FIELD("operation", OP, operation),
	FIELD("reason", REASON, reason),
	FIELD("result", S32, result),
	FIELD("level", LEVEL, level),
	FIELD("device", TEXT, device_name),
	FIELD("device_id", U64, device_id),
	FIELD("asked", U64, asked),
	FIELD("used", U64, used),
	FIELD("limit", U64, limit),
	FIELD("pid", U32, pid),
	FIELD("uid", U32, uid),
	FIELD("comm", TEXT, comm),
	FIELD("flags", U32, flags),
	FIELD("hash", HASH, hash),
};

#define RESERVED_SIZE sizeof(((struct qwamos_gpu_audit_record *)0)->__reserved)

void qaudit_hex(const uint8_t *bytes, size_t n, char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * n] = '\0';
}

static int digit(char c, bool upper)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (!upper && c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (upper && c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int qaudit_unhex(const char *text, uint8_t *bytes, size_t n)
{
	int high, low;
	size_t i;

	if (strlen(text) != 2 * n)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		high = digit(text[2 * i], false);
		low = digit(text[2 * i + 1], false);
		if (high < 0 || low < 0)
			return -EINVAL;
		bytes[i] = high << 4 | low;
	}
	return 0;
}

void qaudit_add_u64(struct json_object *o, const char *key, uint64_t value)
{
	qjson_add(o, key, qmem_check(json_object_new_uint64(value)));
}

int qaudit_get_u64(const struct json_object *o, const char *key, uint64_t max, uint64_t *value,
		   struct qerr *e)
{
	struct json_object *v = qjson_get(o, key);

	if (!json_object_is_type(v, json_type_int) || json_object_get_int64(v) < 0 ||
	    json_object_get_uint64(v) > max)
		return qerr_set(e, EBADMSG, "\"%s\": %s found, a number from 0 to %llu accepted",
				key, v ? json_object_to_json_string(v) : "nothing",
				(unsigned long long)max);
	*value = json_object_get_uint64(v);
	return 0;
}

int qaudit_get_hex(const struct json_object *o, const char *key, uint8_t *bytes, size_t n,
		   struct qerr *e)
{
	const char *text = qjson_get_str(o, key);

	if (!text || qaudit_unhex(text, bytes, n))
		return qerr_set(e, EBADMSG,
				"\"%s\": %s found, %zu lower-case hexadecimal digits accepted", key,
				text ? text : "no text", 2 * n);
	return 0;
}

static bool plain(uint8_t c)
{
	return c >= ' ' && c <= '~' && c != '%';
}

static void add_text(struct json_object *o, const char *key, const uint8_t *bytes, size_t n)
{
	char text[3 * QWAMOS_GPU_NAME_LEN + 1], *to = text;
	size_t i;

	while (n && !bytes[n - 1])
		n--;
	for (i = 0; i < n; i++) {
		if (plain(bytes[i]))
			*to++ = bytes[i];
		else
			to += snprintf(to, 4, "%%%02X", bytes[i]);
	}
	*to = '\0';
	qjson_add_str_or_null(o, key, text);
}

static int get_text(const char *text, uint8_t *bytes, size_t size)
{
	int high, low;
	size_t n = 0;

	for (; *text; text++) {
		if (n == size)
			return -EINVAL;
		if (plain(*text)) {
			bytes[n++] = *text;
			continue;
		}
		if (text[0] != '%')
			return -EINVAL;
		high = digit(text[1], true);
		low = high < 0 ? -1 : digit(text[2], true);
		if (low < 0 || plain(high << 4 | low))
			return -EINVAL;
		bytes[n++] = high << 4 | low;
		text += 2;
	}
	/* Zeros at the end are not written. */
	return n && !bytes[n - 1] ? -EINVAL : 0;
}

/* The name of a number, or NULL. */
static const char *name_of(enum kind kind, uint32_t n)
{
	const char *name = NULL;

	switch (kind) {
	case EVENT:
		name = libqg_event_name(n);
		break;
	case OP:
		name = libqg_op_name(n);
		break;
	case REASON:
		name = libqg_reason_name(n);
		break;
	case LEVEL:
		name = libqg_level_name(n);
		break;
	default:
		break;
	}
	return name && strcmp(name, "unknown") ? name : NULL;
}

static uint32_t none_of(enum kind kind)
{
	return kind == LEVEL ? QWAMOS_GPU_LEVEL_NONE : 0;
}

static void add_enum(struct json_object *o, const struct field *f, uint32_t n)
{
	const char *name = name_of(f->kind, n);

	if (f->kind != EVENT && n == none_of(f->kind))
		qjson_add(o, f->key, NULL);
	else if (name)
		qjson_add_str(o, f->key, name);
	else
		qaudit_add_u64(o, f->key, n);
}

static int get_enum(const struct json_object *o, const struct field *f, uint32_t *n, struct qerr *e)
{
	const char *name = qjson_get_str(o, f->key), *known;
	uint64_t value;
	uint32_t i;
	int err;

	*n = none_of(f->kind);
	if (!qjson_get(o, f->key)) {
		if (f->kind == EVENT)
			return qerr_set(e, EBADMSG, "\"%s\": null found", f->key);
		return 0;
	}
	if (!name) {
		err = qaudit_get_u64(o, f->key, UINT32_MAX, &value, e);
		if (!err && (name_of(f->kind, value) || value == *n))
			err = qerr_set(e, EBADMSG, "\"%s\": %llu found, which has a name", f->key,
				       (unsigned long long)value);
		*n = value;
		return err;
	}
	/* Events, operations, reasons and levels are few and without gaps. */
	for (i = 0; (known = name_of(f->kind, i)); i++) {
		if (!strcmp(known, name) && (f->kind == EVENT || i != *n)) {
			*n = i;
			return 0;
		}
	}
	return qerr_set(e, EBADMSG, "\"%s\": '%s' is not known to this program", f->key, name);
}

struct json_object *qaudit_to_json(const struct qwamos_gpu_audit_record *r)
{
	static const uint8_t zero[RESERVED_SIZE];
	struct json_object *o = qjson_obj();
	char hex[2 * RESERVED_SIZE + 1];
	const struct field *f;

	for (f = fields; f < fields + ARRAY_SIZE(fields); f++) {
		const void *p = (const char *)r + f->at;

		switch (f->kind) {
		case U64:
			qaudit_add_u64(o, f->key, *(const __u64 *)p);
			break;
		case U32:
			qaudit_add_u64(o, f->key, *(const __u32 *)p);
			break;
		case S32:
			qjson_add_int(o, f->key, *(const __s32 *)p);
			break;
		case TEXT:
			add_text(o, f->key, p, f->size);
			break;
		case HASH:
			qaudit_hex(p, f->size, hex);
			qjson_add_str(o, f->key, hex);
			break;
		default:
			add_enum(o, f, *(const __u32 *)p);
		}
	}
	if (memcmp(r->__reserved, zero, sizeof(zero))) {
		qaudit_hex((const uint8_t *)r->__reserved, sizeof(zero), hex);
		qjson_add_str(o, "reserved", hex);
	}
	return o;
}

static int get_field(const struct json_object *o, const struct field *f, void *p, struct qerr *e)
{
	struct json_object *v;
	uint64_t value;
	int64_t number;
	int err;

	if (!json_object_object_get_ex(o, f->key, &v))
		return qerr_set(e, EBADMSG, "\"%s\" is missing", f->key);
	switch (f->kind) {
	case U64:
		err = qaudit_get_u64(o, f->key, UINT64_MAX, &value, e);
		*(__u64 *)p = err ? 0 : value;
		return err;
	case U32:
		err = qaudit_get_u64(o, f->key, UINT32_MAX, &value, e);
		*(__u32 *)p = err ? 0 : value;
		return err;
	case S32:
		number = qjson_get_int(o, f->key, INT64_MAX);
		if (number < INT32_MIN || number > INT32_MAX)
			return qerr_set(e, EBADMSG,
					"\"%s\": %s found, 0 or minus an errno accepted", f->key,
					json_object_to_json_string(v));
		*(__s32 *)p = number;
		return 0;
	case TEXT:
		if (v &&
		    (!json_object_is_type(v, json_type_string) || !json_object_get_string_len(v) ||
		     strlen(json_object_get_string(v)) != (size_t)json_object_get_string_len(v) ||
		     get_text(json_object_get_string(v), p, f->size)))
			return qerr_set(
				e, EBADMSG,
				"\"%s\": %s found, null or at most %zu bytes of text, %%XX for what can't be printed, accepted",
				f->key, json_object_to_json_string(v), f->size);
		return 0;
	case HASH:
		return qaudit_get_hex(o, f->key, p, f->size, e);
	default:
		return get_enum(o, f, p, e);
	}
}

int qaudit_from_json(const struct json_object *o, struct qwamos_gpu_audit_record *r, struct qerr *e)
{
	const struct field *f;
	struct json_object *v;
	bool reserved;
	int err;

	memset(r, 0, sizeof(*r));
	for (f = fields; f < fields + ARRAY_SIZE(fields); f++) {
		err = get_field(o, f, (char *)r + f->at, e);
		if (err)
			return err;
	}
	reserved = json_object_object_get_ex(o, "reserved", &v);
	if (reserved) {
		err = qaudit_get_hex(o, "reserved", (uint8_t *)r->__reserved, RESERVED_SIZE, e);
		if (err)
			return err;
	}
	if (json_object_object_length(o) != (int)ARRAY_SIZE(fields) + reserved)
		return qerr_set(e, EBADMSG, "it has a key that no record has");
	return 0;
}
