/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An audit record as JSON, and back again to the very same bytes: what a saved log consists of.
 *
 * Numbers stand as they are. Where the uAPI has a name for a number of an event, operation, reason
 * or level, the name stands there, else the number; null is operation, reason and level "none".
 * Names of VMs, devices and commands are text in which every byte that is not printable ASCII, and
 * '%', is %XX; null is the empty one. "reserved" is there only if it is not zero.
 */
#ifndef QWAMOS_AUDIT_RECORD_H
#define QWAMOS_AUDIT_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <json-c/json.h>
#include <linux/qwamos_gpu.h>

#include "util/err.h"

/** QAUDIT_HASH - bytes of a hash (SHA-256) */
#define QAUDIT_HASH 32
/** QAUDIT_HEX - room for a hash in hexadecimal digits, with the NUL */
#define QAUDIT_HEX (2 * QAUDIT_HASH + 1)

/** qaudit_hex() - @n bytes as 2 * @n lower-case digits and a NUL */
void qaudit_hex(const uint8_t *bytes, size_t n, char *text);

/** qaudit_unhex() - exactly 2 * @n digits to bytes; return: 0 or -EINVAL */
int qaudit_unhex(const char *text, uint8_t *bytes, size_t n);

/** qaudit_add_u64() - put a number of 64 bits, without a sign, under @key */
void qaudit_add_u64(struct json_object *o, const char *key, uint64_t value);

/**
 * qaudit_get_u64() - the number from 0 to @max under @key
 *
 * Return: 0, or -EBADMSG, with the key and what is accepted in @e.
 */
int qaudit_get_u64(const struct json_object *o, const char *key, uint64_t max, uint64_t *value,
		   struct qerr *e);

/** qaudit_get_hex() - the @n bytes in hexadecimal digits under @key; return: 0 or -EBADMSG */
int qaudit_get_hex(const struct json_object *o, const char *key, uint8_t *bytes, size_t n,
		   struct qerr *e);

/** qaudit_to_json() - all of a record; json_object_put() it */
struct json_object *qaudit_to_json(const struct qwamos_gpu_audit_record *r);

/**
 * qaudit_from_json() - the record that qaudit_to_json() has written
 * @o: an object with all the keys of a record, and no others
 * @r: out
 * @e: error, may be NULL; names the key
 *
 * Return: 0 or -EBADMSG.
 */
int qaudit_from_json(const struct json_object *o, struct qwamos_gpu_audit_record *r,
		     struct qerr *e);

#endif
