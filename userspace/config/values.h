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

#endif
