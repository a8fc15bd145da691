/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside this folder only: reading values. */
#ifndef QWAMOS_CONFIG_VALUES_H
#define QWAMOS_CONFIG_VALUES_H

#include "config/config.h"
#include "config/schema.h"

/**
 * qvalue_read() - read the value of a key
 * @k: the key
 * @n: its node
 * @c: where the value goes; unchanged if it is wrong
 * @d: gets an error for a wrong value
 */
void qvalue_read(const struct qkey *k, const struct qnode *n, struct qconfig *c, struct qdiags *d);

/** qvalue_is_null() - "", ~ and null, without quotes: as if the key were not there */
bool qvalue_is_null(const struct qnode *n);

/**
 * qvalue_same() - do two keys with the same place in struct qconfig say the same?
 * @a: one of them, with its value @an
 * @b: the other, with its value @bn
 *
 * Return: also true if one of the values is wrong, which qvalue_read() tells
 */
bool qvalue_same(const struct qkey *a, const struct qnode *an, const struct qkey *b,
		 const struct qnode *bn);

/** qvalue_wrong() - tell that a value is none that is accepted */
void qvalue_wrong(struct qdiags *d, const struct qkey *k, const struct qnode *n,
		  const char *accepted);

/** qvalue_mac() - read an address of a network device; @field: as in qvalue_read() */
void qvalue_mac(const struct qkey *k, const struct qnode *n, char **field, struct qdiags *d);
/** qvalue_ifname() - read the name of a network interface */
void qvalue_ifname(const struct qkey *k, const struct qnode *n, char **field, struct qdiags *d);
/** qvalue_nat() - read rules for ports */
void qvalue_nat(const struct qkey *k, const struct qnode *n, struct qconfig_nats *list,
		struct qdiags *d);

#endif
