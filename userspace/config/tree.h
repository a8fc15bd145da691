/* SPDX-License-Identifier: GPL-2.0-only */
/* A YAML file as a tree whose nodes know where they stand, and what there is to say about it. */
#ifndef QWAMOS_CONFIG_TREE_H
#define QWAMOS_CONFIG_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

/**
 * struct qmark - a place in a file
 * @line: from 1; 0: nowhere
 * @col: from 1, in characters
 */
struct qmark {
	unsigned int line;
	unsigned int col;
};

/**
 * enum qnode_type - kinds of nodes
 * @QNODE_SCALAR: one value
 * @QNODE_MAP: keys and values
 * @QNODE_SEQ: a list
 */
enum qnode_type {
	QNODE_SCALAR,
	QNODE_MAP,
	QNODE_SEQ,
};

/**
 * struct qnode - a node
 * @type: its kind
 * @key: its key, if it stands in a map; else NULL
 * @at: where the key stands, or the value if it has none
 * @value_at: where the value begins
 * @value: text of a scalar, "" for an empty one; else NULL
 * @quoted: the scalar was written in quotes or as a block
 * @child: first child of a map or list
 * @next: next one of the same parent
 */
struct qnode {
	enum qnode_type type;
	char *key;
	struct qmark at;
	struct qmark value_at;
	char *value;
	bool quoted;
	struct qnode *child;
	struct qnode *next;
};

/** QTREE_MAX - most bytes of a file that are accepted */
#define QTREE_MAX (1 << 20)

/**
 * qtree_parse() - read the text of a file
 * @file: the file, for errors
 * @text: its bytes
 * @len: their number
 * @root: out: a map; qtree_free() it, NULL on failure
 * @e: error: "file:line:column: what"
 *
 * Not accepted: more than one document, anchors and aliases, tags, a key twice in one map, keys
 * that are no scalars, merge keys, more than 32 levels, more than 2000 keys of one map, a NUL.
 *
 * Return: 0 or a negative errno (-EBADMSG: not what is accepted)
 */
int qtree_parse(const char *file, const char *text, size_t len, struct qnode **root,
		struct qerr *e);

/** qtree_free() - free a tree; may be NULL */
void qtree_free(struct qnode *root);

/** qtree_child() - the node under @key in a map, or NULL; @map may be NULL or no map */
struct qnode *qtree_child(const struct qnode *map, const char *key);

#endif
