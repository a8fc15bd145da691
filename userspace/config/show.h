/* SPDX-License-Identifier: GPL-2.0-only */
/* What a config means, and what there is to say about it, as documents. */
#ifndef QWAMOS_CONFIG_SHOW_H
#define QWAMOS_CONFIG_SHOW_H

#include <json-c/json.h>

#include "config/config.h"
#include "config/diag.h"

/**
 * qconfig_show() - what a config means after its defaults and its level
 * @c: the VM
 * @d: what was said about it; names the file
 * @module: the kernel module is loaded
 *
 * Return: an object: "file", "name", "settings" (an array of "key", "value", "why"), "gpu" (NULL
 * without a GPU): "level", "operations", "limits" (an array of "limit", "value", "enforced_by",
 * "note"); "enforced": why nothing of it is, or NULL
 */
struct json_object *qconfig_show(const struct qconfig *c, const struct qdiags *d, bool module);

/** qdiags_json() - an array of "kind", "line", "column", "key", "text" */
struct json_object *qdiags_json(const struct qdiags *d);

#endif
