/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside this folder only: which keys there are. */
#ifndef QWAMOS_CONFIG_SCHEMA_H
#define QWAMOS_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

/** QKEY_MAX - room for all keys of ours */
#define QKEY_MAX 64

/**
 * enum qkey_type - kinds of values
 * @QKEY_TEXT: any text; char *
 * @QKEY_INT: a whole number from @min to @max; int
 * @QKEY_BOOL: true or false; int
 * @QKEY_WORD: one of @words, by its index; int
 * @QKEY_LEVEL: a trust level; int
 * @QKEY_MIB: a number of MiB, or with K, M, G, T behind it; int
 * @QKEY_LIST: a list of texts; struct qconfig_list
 * @QKEY_FEATURES: a list of names of CPU features; struct qconfig_list
 * @QKEY_ADDRS: an address or a list of them; struct qconfig_list
 * @QKEY_NAME: a VM's name; char *
 * @QKEY_CHOICE: one of @words, as it is; char *
 * @QKEY_MAC: an address of a network device; char *
 * @QKEY_IFNAME: the name of a network interface of the host; char *
 * @QKEY_NAT: a list of ports that lead into the VM; struct qconfig_nats
 */
enum qkey_type {
	QKEY_TEXT,
	QKEY_INT,
	QKEY_BOOL,
	QKEY_WORD,
	QKEY_LEVEL,
	QKEY_MIB,
	QKEY_LIST,
	QKEY_FEATURES,
	QKEY_ADDRS,
	QKEY_NAME,
	QKEY_CHOICE,
	QKEY_MAC,
	QKEY_IFNAME,
	QKEY_NAT,
};

/**
 * struct qkey - a key whose value we read
 * @path: its path, with dots
 * @type: its value
 * @offset: where in struct qconfig
 * @min: least number
 * @max: greatest number
 * @words: accepted words, NULL at the end
 */
struct qkey {
	const char *path;
	enum qkey_type type;
	size_t offset;
	int min;
	int max;
	const char *const *words;
};

/** qkeys - all of them; @path is NULL at the end */
extern const struct qkey qkeys[];

/** qkey_is_section() - do keys of ours stand below this path? */
bool qkey_is_section(const char *path);

/**
 * qkey_is_known() - a key of QWAMOS's that says nothing about what is started (role, ...): no
 * word about it
 */
bool qkey_is_known(const char *path);

/**
 * qkey_is_security() - a key whose like protects something, so that it must not be passed over in
 * silence
 */
bool qkey_is_security(const char *path);

#endif
