/* SPDX-License-Identifier: GPL-2.0-only */
/* The topology as a tree and as a graph, from the document that --json prints. */
#ifndef QWAMOS_CMD_TOPOLOGY_DRAW_H
#define QWAMOS_CMD_TOPOLOGY_DRAW_H

#include <json-c/json.h>

/** topology_tree() - print it as a tree; with box-drawing characters where the locale has UTF-8 */
void topology_tree(struct json_object *doc);

/** topology_dot() - print it as a graph for Graphviz */
void topology_dot(struct json_object *doc);

#endif
