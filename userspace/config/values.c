// SPDX-License-Identifier: GPL-2.0-only
#include "config/values.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "detect/pci.h"
#include "kmod/policy.h"
#include "util/mem.h"

void qvalue_wrong(struct qdiags *d, const struct qkey *k, const struct qnode *n,
		  const char *accepted)
{
	if (n->type == QNODE_SCALAR)
		qdiag_add(d, QDIAG_ERROR, n->value_at, k->path, "'%s' found; accepted: %s",
			  n->value, accepted);
	else
		qdiag_add(d, QDIAG_ERROR, n->value_at, k->path, "a %s found; accepted: %s",
			  n->type == QNODE_MAP ? "map" : "list", accepted);
}

bool qvalue_is_null(const struct qnode *n)
{
	return n->type == QNODE_SCALAR && !n->quoted &&
	       (!n->value[0] || !strcmp(n->value, "~") || !strcasecmp(n->value, "null"));
}

static void set_text(char **field, const char *text)
{
	free(*field);
	*field = qmem_strdup(text);
}

/* 010 is eight to YAML 1.1, ten to YAML 1.2, and a slip to us. */
static bool is_octal(const char *text)
{
	return text[0] == '0' && text[1] && text[strspn(text, "0123456789")] == '\0';
}

static bool read_number(const char *text, long min, long max, const char **rest, long *value)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*value = strtol(text, &end, 10);
	*rest = end;
	return !errno && *value >= min && *value <= max;
}

static void read_int(const struct qkey *k, const struct qnode *n, int *field, struct qdiags *d)
{
	const char *rest = "";
	char accepted[128];
	long value;

	if (n->type == QNODE_SCALAR && is_octal(n->value)) {
		qvalue_wrong(
			d, k, n,
			"a whole number without a 0 before it, which some take for the mark of an octal one");
		return;
	}
	if (n->type == QNODE_SCALAR && read_number(n->value, k->min, k->max, &rest, &value) &&
	    !*rest) {
		*field = value;
		return;
	}
	if (k->max == 0x7fffffff)
		snprintf(accepted, sizeof(accepted), "a whole number from %d on", k->min);
	else
		snprintf(accepted, sizeof(accepted), "a whole number from %d to %d", k->min,
			 k->max);
	qvalue_wrong(d, k, n, accepted);
}

static void read_mib(const struct qkey *k, const struct qnode *n, int *field, struct qdiags *d)
{
	static const char units[] = "KMGT";
	const char *rest = "", *unit;
	long value;

	if (n->type == QNODE_SCALAR && !is_octal(n->value) &&
	    read_number(n->value, 0, 1L << 40, &rest, &value)) {
		/* Without a unit: MiB; else a power of 1024. */
		unit = *rest ? strchr(units, toupper((unsigned char)*rest)) : units + 1;
		if (unit && (!*rest || !rest[1] || !strcasecmp(rest + 1, "iB") ||
			     !strcasecmp(rest + 1, "B"))) {
			long shift = (unit - units - 1) * 10;

			value = shift < 0 ? value >> -shift : value << shift;
			if (value >= k->min && value <= k->max) {
				*field = value;
				return;
			}
		}
	}
	qvalue_wrong(d, k, n, "a size in MiB from 16 on, or with K, M, G or T behind it");
}

static void read_bool(const struct qkey *k, const struct qnode *n, int *field, struct qdiags *d)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on", NULL };
	int i;

	for (i = 0; n->type == QNODE_SCALAR && !n->quoted && words[i]; i++)
		if (!strcasecmp(n->value, words[i])) {
			*field = i & 1;
			return;
		}
	qvalue_wrong(d, k, n, "true, false");
}

static void read_word(const struct qkey *k, const struct qnode *n, int *field, struct qdiags *d)
{
	char accepted[320] = "";
	size_t at = 0;
	int i;

	for (i = 0; k->words[i]; i++) {
		if (n->type == QNODE_SCALAR && !strcmp(n->value, k->words[i])) {
			*field = i;
			return;
		}
		if (at < sizeof(accepted))
			at += snprintf(accepted + at, sizeof(accepted) - at, "%s%s", i ? ", " : "",
				       k->words[i]);
	}
	qvalue_wrong(d, k, n, accepted);
}

static void read_choice(const struct qkey *k, const struct qnode *n, char **field, struct qdiags *d)
{
	int i = -1;

	read_word(k, n, &i, d);
	if (i >= 0)
		set_text(field, k->words[i]);
}

static void read_level(const struct qkey *k, const struct qnode *n, int *field, struct qdiags *d)
{
	int i;

	for (i = 0; n->type == QNODE_SCALAR && i < QGPU_LEVELS; i++)
		if (!strcasecmp(n->value, qgpu_level(i)->name)) {
			*field = i;
			return;
		}
	qvalue_wrong(d, k, n, "untrusted, low, medium, high, system");
}

static void add_word(struct qconfig_list *list, const char *text, struct qmark at)
{
	struct qconfig_word *w = QMEM_GROW(list->v, list->n);

	w->text = qmem_strdup(text);
	w->at = at;
}

static void read_list(const struct qkey *k, const struct qnode *n, struct qconfig_list *list,
		      struct qdiags *d)
{
	const struct qnode *item;

	if (n->type != QNODE_SEQ) {
		qvalue_wrong(d, k, n, "a list");
		return;
	}
	for (item = n->child; item; item = item->next) {
		if (item->type == QNODE_SCALAR)
			add_word(list, item->value, item->value_at);
		else
			qvalue_wrong(d, k, item, "a list of words");
	}
}

/* Each is written behind a "+" of ours, and QEMU would read a "-" there as part of the name. */
static void read_features(const struct qkey *k, const struct qnode *n, struct qconfig_list *list,
			  struct qdiags *d)
{
	static const char ok[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	const struct qnode *item;

	if (n->type != QNODE_SEQ) {
		qvalue_wrong(d, k, n, "a list");
		return;
	}
	for (item = n->child; item; item = item->next) {
		if (item->type == QNODE_SCALAR && item->value[0] && item->value[0] != '-' &&
		    !item->value[strspn(item->value, ok)])
			add_word(list, item->value, item->value_at);
		else
			qvalue_wrong(d, k, item,
				     "the name of a CPU feature, such as avx2, of the characters "
				     "A-Z a-z 0-9 _ . -, without a + or - before it");
	}
}

static void add_address(const struct qkey *k, const struct qnode *n, struct qconfig_list *list,
			struct qdiags *d)
{
	char addr[QPCI_ADDR_LEN];

	if (n->type == QNODE_SCALAR && qpci_parse_addr(n->value, addr))
		add_word(list, addr, n->value_at);
	else
		qvalue_wrong(d, k, n,
			     "a PCI address such as 0000:01:00.0 or 01:00.0, or a list of them");
}

static void read_addrs(const struct qkey *k, const struct qnode *n, struct qconfig_list *list,
		       struct qdiags *d)
{
	const struct qnode *item;

	if (n->type != QNODE_SEQ) {
		add_address(k, n, list, d);
		return;
	}
	for (item = n->child; item; item = item->next)
		add_address(k, item, list, d);
}

static void read_name(const struct qkey *k, const struct qnode *n, char **field, struct qdiags *d)
{
	static const char ok[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t len;

	if (n->type == QNODE_SCALAR) {
		len = strlen(n->value);
		if (len > 0 && len < QWAMOS_GPU_NAME_LEN && strspn(n->value, ok) == len &&
		    strcmp(n->value, ".") && strcmp(n->value, "..")) {
			set_text(field, n->value);
			return;
		}
	}
	qvalue_wrong(d, k, n, "1 to 63 of the characters A-Z a-z 0-9 _ . -");
}

void qvalue_read(const struct qkey *k, const struct qnode *n, struct qconfig *c, struct qdiags *d)
{
	void *field = (char *)c + k->offset;

	if (qvalue_is_null(n))
		return;
	switch (k->type) {
	case QKEY_TEXT:
		if (n->type == QNODE_SCALAR)
			set_text(field, n->value);
		else
			qvalue_wrong(d, k, n, "a text");
		break;
	case QKEY_NAME:
		read_name(k, n, field, d);
		break;
	case QKEY_INT:
		read_int(k, n, field, d);
		break;
	case QKEY_BOOL:
		read_bool(k, n, field, d);
		break;
	case QKEY_WORD:
		read_word(k, n, field, d);
		break;
	case QKEY_LEVEL:
		read_level(k, n, field, d);
		break;
	case QKEY_MIB:
		read_mib(k, n, field, d);
		break;
	case QKEY_LIST:
		read_list(k, n, field, d);
		break;
	case QKEY_FEATURES:
		read_features(k, n, field, d);
		break;
	case QKEY_CHOICE:
		read_choice(k, n, field, d);
		break;
	case QKEY_MAC:
		qvalue_mac(k, n, field, d);
		break;
	case QKEY_IFNAME:
		qvalue_ifname(k, n, field, d);
		break;
	case QKEY_NAT:
		qvalue_nat(k, n, field, d);
		break;
	case QKEY_ADDRS:
		read_addrs(k, n, field, d);
		break;
	}
}

bool qvalue_same(const struct qkey *a, const struct qnode *an, const struct qkey *b,
		 const struct qnode *bn)
{
	struct qconfig x = { 0 }, y = { 0 };
	struct qdiags wrong = { 0 };
	bool same;

	qvalue_read(a, an, &x, &wrong);
	qvalue_read(b, bn, &y, &wrong);
	if (wrong.n)
		same = true;
	else if (a->type == QKEY_TEXT)
		same = !strcmp(*(char **)((char *)&x + a->offset),
			       *(char **)((char *)&y + b->offset));
	else
		same = *(int *)((char *)&x + a->offset) == *(int *)((char *)&y + b->offset);
	qconfig_free(&x);
	qconfig_free(&y);
	qdiags_free(&wrong);
	return same;
}
