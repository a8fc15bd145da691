/* SPDX-License-Identifier: GPL-2.0-only */
/* A VM as people want to know it, as a document and as text. */
#ifndef QWAMOS_CMD_VM_INFO_H
#define QWAMOS_CMD_VM_INFO_H

#include <json-c/json.h>

#include "vm/known.h"

/** vm_info_json() - all of it; json_object_put() it */
struct json_object *vm_info_json(const struct qvm_known *k);

/** vm_info_print() - such a document as text */
void vm_info_print(struct json_object *doc);

#endif
