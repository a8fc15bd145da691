/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is a saved audit log whole and unchanged? Each record's hash covers the hash before it, so a log
 * proves itself from its first record to its last; that nothing was cut off behind, or all of it
 * written anew, shows only against a hash that was kept elsewhere: an anchor.
 */
#ifndef QWAMOS_AUDIT_VERIFY_H
#define QWAMOS_AUDIT_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/log.h"

/**
 * struct qverify_anchor - a hash from elsewhere
 * @any: of the chain that has it; else of @chain
 * @chain: chain
 * @seq: number of a record, at least 1
 * @hash: its hash
 * @last: the kernel has no record above @seq in this chain
 */
struct qverify_anchor {
	bool any;
	uint64_t chain;
	uint64_t seq;
	uint8_t hash[QAUDIT_HASH];
	bool last;
};

/**
 * enum qverify_kind - what is wrong
 * @QVERIFY_UNREADABLE: a line is no record
 * @QVERIFY_CHANGED: a record's bytes and its hash don't agree
 * @QVERIFY_DROPPED: records are missing before or between others
 * @QVERIFY_SWAPPED: a record stands in another's place
 * @QVERIFY_TWICE: two records have one number
 * @QVERIFY_CUT: records are missing at the end
 * @QVERIFY_REWRITTEN: the log's hash is not the anchor's
 * @QVERIFY_HEAD: a head or the header does not agree with the records
 */
enum qverify_kind {
	QVERIFY_UNREADABLE,
	QVERIFY_CHANGED,
	QVERIFY_DROPPED,
	QVERIFY_SWAPPED,
	QVERIFY_TWICE,
	QVERIFY_CUT,
	QVERIFY_REWRITTEN,
	QVERIFY_HEAD,
};

/** qverify_kind_name() - "unreadable" ... */
const char *qverify_kind_name(enum qverify_kind kind);

/**
 * struct qverify_finding - one thing that is wrong
 * @kind: what
 * @has_chain: it is about @chain
 * @chain: chain
 * @first: number of the first record that it is about, 0: none
 * @last: of the last
 * @line: line of the file, 0: none
 * @text: one line for people
 */
struct qverify_finding {
	enum qverify_kind kind;
	bool has_chain;
	uint64_t chain;
	uint64_t first;
	uint64_t last;
	size_t line;
	char text[256];
};

/**
 * struct qverify_chain - what is known of one chain of the log
 * @chain: its id
 * @name: the VM's name, "" for the host
 * @n: records in the log
 * @first: number of the first
 * @last: number of the last, 0: none
 * @lost: records that the kernel had lost when the log was saved
 * @based: the hash before the first record is known, so that it is proven itself
 * @sound: nothing is wrong with it
 * @anchored: the number up to which an anchor proves it; 0: not at all
 * @whole: an anchor, or several, prove all of it
 */
struct qverify_chain {
	uint64_t chain;
	char name[QWAMOS_GPU_NAME_LEN];
	size_t n;
	uint64_t first;
	uint64_t last;
	uint64_t lost;
	bool based;
	bool sound;
	uint64_t anchored;
	bool whole;
};

/**
 * struct qverify_result - what came out
 * @chains: by their ids, ascending
 * @n_chains: their number
 * @findings: what is wrong, by chain
 * @n_findings: their number
 * @anchored: nothing is wrong, and anchors prove every chain as a whole
 */
struct qverify_result {
	struct qverify_chain *chains;
	size_t n_chains;
	struct qverify_finding *findings;
	size_t n_findings;
	bool anchored;
};

/**
 * qverify() - verify a log
 * @log: the log
 * @anchors: hashes from elsewhere, may be NULL
 * @n: their number
 * @res: out; qverify_free() it
 */
void qverify(const struct qaudit_log *log, const struct qverify_anchor *anchors, size_t n,
	     struct qverify_result *res);

/** qverify_free() - free what belongs to a result */
void qverify_free(struct qverify_result *res);

/**
 * qverify_genesis() - the hash before the first record of a chain
 * @instance: id of the load of the module
 * @chain: chain
 * @hash: out
 */
void qverify_genesis(const uint8_t instance[16], uint64_t chain, uint8_t hash[QAUDIT_HASH]);

/**
 * qverify_hash() - what a record's hash must be
 * @before: the hash before it
 * @r: the record; its own hash is not looked at
 * @hash: out
 */
void qverify_hash(const uint8_t before[QAUDIT_HASH], const struct qwamos_gpu_audit_record *r,
		  uint8_t hash[QAUDIT_HASH]);

#endif
