/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's audit log: read by name and number, saved whole, and as a witness for a saved one.
 */
#ifndef QWAMOS_AUDIT_KERNEL_H
#define QWAMOS_AUDIT_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/log.h"
#include "audit/verify.h"
#include "util/err.h"

/**
 * struct qaudit_want - which records
 * @vm: of the VMs of this name, those that are over included, or of the chain of this number; NULL:
 *     of all
 * @event: &enum qwamos_gpu_event, 0: all
 * @one_chain: only of @chain
 * @chain: chain
 */
struct qaudit_want {
	const char *vm;
	uint32_t event;
	bool one_chain;
	uint64_t chain;
};

/** qaudit_wanted() - is it one of those? */
bool qaudit_wanted(const struct qaudit_want *w, const struct qwamos_gpu_audit_record *r);

/**
 * qaudit_read_after() - records in the order of their sealing
 * @ctl: control fd
 * @w: which
 * @after: above this order
 * @take: called for each
 * @arg: for @take
 * @lost: out, may be NULL: records of all chains that were lost so far
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno.
 */
int qaudit_read_after(int ctl, const struct qaudit_want *w, uint64_t after,
		      void (*take)(void *arg, const struct qwamos_gpu_audit_record *r), void *arg,
		      uint64_t *lost, struct qerr *e);

/** qaudit_newest() - the order of the newest record, 0: there is none; return: 0 or -errno */
int qaudit_newest(int ctl, uint64_t *order, struct qerr *e);

/**
 * struct qaudit_list - records
 * @recs: the records
 * @n: their number
 * @max: most that are kept, the newest; 0: all
 */
struct qaudit_list {
	struct qwamos_gpu_audit_record *recs;
	size_t n;
	size_t max;
};

/** qaudit_list_add() - for qaudit_read_after(); @list: &struct qaudit_list */
void qaudit_list_add(void *list, const struct qwamos_gpu_audit_record *r);

/**
 * qaudit_describe() - what a log's header tells: whose it is, and when
 * @ctl: control fd
 * @log: out: an empty log
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno.
 */
int qaudit_describe(int ctl, struct qaudit_log *log, struct qerr *e);

/**
 * qaudit_heads() - where chains stand; the host's is one of all, also without a record
 * @ctl: control fd
 * @w: which chains
 * @log: out: a log without records; qaudit_log_free() it in any case
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno.
 */
int qaudit_heads(int ctl, const struct qaudit_want *w, struct qaudit_log *log, struct qerr *e);

/**
 * qaudit_save() - chains with their heads, so that they prove their completeness
 *
 * As qaudit_heads(), with the records.
 */
int qaudit_save(int ctl, const struct qaudit_want *w, struct qaudit_log *log, struct qerr *e);

/**
 * struct qaudit_witness - what the kernel knows of a saved log
 * @anchors: for qverify(); free() it
 * @n: their number
 * @newer: records that the kernel has taken up since the log was saved, in all its chains
 * @same: it is the log of this load of the module; else nothing is known
 */
struct qaudit_witness {
	struct qverify_anchor *anchors;
	size_t n;
	uint64_t newer;
	bool same;
};

/**
 * qaudit_ask() - what the kernel knows of a log
 * @ctl: control fd
 * @log: the log
 * @w: out
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno.
 */
int qaudit_ask(int ctl, const struct qaudit_log *log, struct qaudit_witness *w, struct qerr *e);

#endif
