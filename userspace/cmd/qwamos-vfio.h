/* SPDX-License-Identifier: GPL-2.0-only */
/* What qwamos-vfio prints, from the documents that --json prints. */
#ifndef QWAMOS_CMD_QWAMOS_VFIO_H
#define QWAMOS_CMD_QWAMOS_VFIO_H

#include <json-c/json.h>

/** print_list() - what `list` prints */
void print_list(struct json_object *doc);
/** print_status() - what `status` prints */
void print_status(struct json_object *doc);
/** print_run() - what `bind` and `unbind` print */
void print_run(struct json_object *doc);
/** print_restore() - what `restore` prints */
void print_restore(struct json_object *doc);
/** print_release() - what `release` prints */
void print_release(struct json_object *doc);

#endif
