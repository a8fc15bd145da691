/* SPDX-License-Identifier: GPL-2.0-only */
/* Audit records as people and programs read them. */
#ifndef QWAMOS_CMD_AUDIT_TEXT_H
#define QWAMOS_CMD_AUDIT_TEXT_H

#include <stddef.h>
#include <json-c/json.h>
#include <linux/qwamos_gpu.h>

/**
 * audit_line() - one line: time, chain and number in it, VM, event, what it is about, who
 * @r: the record
 * @buf: out: to be printed as one %s (util/term.h), for a VMM may have put anything into its name
 * @len: room, in bytes
 */
void audit_line(const struct qwamos_gpu_audit_record *r, char *buf, size_t len);

/**
 * audit_json() - all of a record, as a saved log has it, and the time of the day; json_object_put()
 * it
 */
struct json_object *audit_json(const struct qwamos_gpu_audit_record *r);

#endif
