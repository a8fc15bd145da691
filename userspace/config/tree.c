// SPDX-License-Identifier: GPL-2.0-only
#include "config/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "util/mem.h"

#define MAX_DEPTH 32
/* Keys of a map, for each is compared to all before it. */
#define MAX_KEYS 2000

struct reader {
	yaml_parser_t parser;
	const char *file;
	const char *text;
	size_t len;
	struct qerr *e;
};

static struct qmark mark(const yaml_mark_t *m)
{
	return (struct qmark){ m->line + 1, m->column + 1 };
}

static int bad(const struct reader *r, const yaml_mark_t *m, const char *what)
{
	return qerr_set(r->e, EBADMSG, "%s:%zu:%zu: %s", r->file, m->line + 1, m->column + 1, what);
}

/* The parser's reader tells only the byte. */
static struct qmark mark_of_byte(const struct reader *r, size_t byte)
{
	struct qmark at = { 1, 1 };
	size_t i;

	for (i = 0; i < byte && i < r->len; i++) {
		if (r->text[i] == '\n')
			at = (struct qmark){ at.line + 1, 1 };
		else if (((unsigned char)r->text[i] & 0xc0) != 0x80)
			at.col++;
	}
	return at;
}

static int bad_byte(const struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct qmark at = mark_of_byte(r, p->problem_offset);
	bool nul = p->problem_offset < r->len && !r->text[p->problem_offset];

	return qerr_set(r->e, EBADMSG, "%s:%u:%u: %s", r->file, at.line, at.col,
			nul ? "a NUL character is not accepted" : p->problem);
}

/* YAML's own word for a tab would be that it "cannot start any token". */
static bool is_tab(const struct reader *r, const yaml_mark_t *m)
{
	const char *line = r->text, *end = r->text + r->len;
	size_t i;

	for (i = 0; line && i < m->line; i++) {
		line = memchr(line, '\n', end - line);
		line = line ? line + 1 : NULL;
	}
	/* Before a tab there is nothing but blanks, or it would not be a problem. */
	return line && (size_t)(end - line) > m->column && line[m->column] == '\t';
}

static int next_event(struct reader *r, yaml_event_t *ev)
{
	const yaml_parser_t *p = &r->parser;

	if (yaml_parser_parse(&r->parser, ev))
		return 0;
	if (p->error == YAML_READER_ERROR)
		return bad_byte(r);
	if (is_tab(r, &p->problem_mark))
		return bad(r, &p->problem_mark, "a tab; accepted before a key: blanks");
	return bad(r, &p->problem_mark, p->problem ? p->problem : "not YAML");
}

static int parse_node(struct reader *r, yaml_event_t *ev, int depth, struct qnode **out);

static char *scalar_text(const yaml_event_t *ev)
{
	return qmem_strdup((const char *)ev->data.scalar.value);
}

/* A key: a plain scalar that the map does not have yet. */
static int parse_key(struct reader *r, const yaml_event_t *ev, const struct qnode *map, size_t n)
{
	if (n >= MAX_KEYS)
		return bad(r, &ev->start_mark, "more than 2000 keys of one map are not accepted");
	if (ev->type != YAML_SCALAR_EVENT)
		return bad(r, &ev->start_mark, "a key must be one word");
	if (ev->data.scalar.anchor || ev->data.scalar.tag)
		return bad(r, &ev->start_mark, "anchors and tags are not accepted");
	/* A NUL in the text would hide what follows. */
	if (strlen((const char *)ev->data.scalar.value) != ev->data.scalar.length)
		return bad(r, &ev->start_mark, "a NUL character is not accepted");
	if (!strcmp((const char *)ev->data.scalar.value, "<<"))
		return bad(r, &ev->start_mark, "merge keys (<<) are not accepted");
	if (qtree_child(map, (const char *)ev->data.scalar.value))
		return qerr_set(r->e, EBADMSG, "%s:%zu:%zu: the key '%s' stands here a second time",
				r->file, ev->start_mark.line + 1, ev->start_mark.column + 1,
				ev->data.scalar.value);
	return 0;
}

/* The children of a map or list, up to its end. */
static int parse_children(struct reader *r, struct qnode *parent, int depth)
{
	struct qnode **tail = &parent->child, *node;
	yaml_event_type_t end = parent->type == QNODE_MAP ? YAML_MAPPING_END_EVENT
							  : YAML_SEQUENCE_END_EVENT;
	struct qmark at;
	yaml_event_t ev;
	size_t n = 0;
	char *key;
	int ret;

	for (;; n++) {
		key = NULL;
		ret = next_event(r, &ev);
		if (ret)
			return ret;
		if (ev.type == end) {
			yaml_event_delete(&ev);
			return 0;
		}
		at = mark(&ev.start_mark);
		if (parent->type == QNODE_MAP) {
			ret = parse_key(r, &ev, parent, n);
			if (!ret)
				key = scalar_text(&ev);
			yaml_event_delete(&ev);
			if (!ret)
				ret = next_event(r, &ev);
			if (ret) {
				free(key);
				return ret;
			}
		}
		node = NULL;
		ret = parse_node(r, &ev, depth + 1, &node);
		yaml_event_delete(&ev);
		if (ret) {
			free(key);
			return ret;
		}
		node->key = key;
		node->at = at;
		*tail = node;
		tail = &node->next;
	}
}

static int parse_node(struct reader *r, yaml_event_t *ev, int depth, struct qnode **out)
{
	struct qnode *node;
	bool decorated;
	int ret = 0;

	if (depth > MAX_DEPTH)
		return bad(r, &ev->start_mark, "more than 32 levels are not accepted");
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		decorated = ev->data.scalar.anchor || ev->data.scalar.tag;
		if (strlen((const char *)ev->data.scalar.value) != ev->data.scalar.length)
			return bad(r, &ev->start_mark, "a NUL character is not accepted");
		break;
	case YAML_MAPPING_START_EVENT:
		decorated = ev->data.mapping_start.anchor || ev->data.mapping_start.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		decorated = ev->data.sequence_start.anchor || ev->data.sequence_start.tag;
		break;
	case YAML_ALIAS_EVENT:
		decorated = true;
		break;
	default:
		return bad(r, &ev->start_mark, "a value was expected");
	}
	if (decorated)
		return bad(r, &ev->start_mark, "anchors, aliases and tags are not accepted");
	node = qmem_calloc(1, sizeof(*node));
	node->at = node->value_at = mark(&ev->start_mark);
	if (ev->type == YAML_SCALAR_EVENT) {
		node->type = QNODE_SCALAR;
		node->value = scalar_text(ev);
		node->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	} else {
		node->type = ev->type == YAML_MAPPING_START_EVENT ? QNODE_MAP : QNODE_SEQ;
		ret = parse_children(r, node, depth);
	}
	if (ret)
		qtree_free(node);
	else
		*out = node;
	return ret;
}

/* One event that must be of this type. */
static int expect(struct reader *r, yaml_event_type_t type, const char *what)
{
	yaml_event_t ev;
	int ret = next_event(r, &ev);

	if (ret)
		return ret;
	if (ev.type != type)
		ret = bad(r, &ev.start_mark, what);
	yaml_event_delete(&ev);
	return ret;
}

static int parse_file(struct reader *r, struct qnode **root)
{
	yaml_event_t ev;
	int ret;

	ret = expect(r, YAML_STREAM_START_EVENT, "not YAML");
	if (!ret)
		ret = expect(r, YAML_DOCUMENT_START_EVENT, "the file is empty");
	if (!ret)
		ret = next_event(r, &ev);
	if (ret)
		return ret;
	if (ev.type != YAML_MAPPING_START_EVENT)
		ret = bad(r, &ev.start_mark, "a VM's config must begin with a key, such as 'vm:'");
	else
		ret = parse_node(r, &ev, 0, root);
	yaml_event_delete(&ev);
	if (!ret)
		ret = expect(r, YAML_DOCUMENT_END_EVENT, "not YAML");
	if (!ret)
		ret = expect(r, YAML_STREAM_END_EVENT, "a second document is not accepted");
	return ret;
}

int qtree_parse(const char *file, const char *text, size_t len, struct qnode **root, struct qerr *e)
{
	struct reader r = { .file = file, .text = text, .len = len, .e = e };
	int ret;

	*root = NULL;
	if (!yaml_parser_initialize(&r.parser))
		qmem_check(NULL);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	ret = parse_file(&r, root);
	yaml_parser_delete(&r.parser);
	if (ret) {
		qtree_free(*root);
		*root = NULL;
	}
	return ret;
}

void qtree_free(struct qnode *node)
{
	struct qnode *next;

	for (; node; node = next) {
		next = node->next;
		qtree_free(node->child);
		free(node->key);
		free(node->value);
		free(node);
	}
}

struct qnode *qtree_child(const struct qnode *map, const char *key)
{
	struct qnode *n;

	if (!map || map->type != QNODE_MAP)
		return NULL;
	for (n = map->child; n; n = n->next)
		if (!strcmp(n->key, key))
			return n;
	return NULL;
}
