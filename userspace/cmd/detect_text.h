/* SPDX-License-Identifier: GPL-2.0-only */
/* What qwamos-gpu detect prints, from the document that --json prints. */
#ifndef QWAMOS_CMD_DETECT_TEXT_H
#define QWAMOS_CMD_DETECT_TEXT_H

#include <json-c/json.h>

/** detect_text() - print it */
void detect_text(struct json_object *doc);

#endif
