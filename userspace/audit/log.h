/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A saved audit log: lines of JSON. The first is the log's header, then come records in the order
 * of their sealing (audit/record.h), then the head of each chain as the kernel gave it
 * (AUDIT_HEAD):
 *
 *   {"format":"qwamos-gpu audit log","version":1,"instance":HEX,"boot_id":HEX,"saved_ns":N,
 *    "wall_offset_ns":N,"order":N,"records":N,"chains":N}
 *   {"chain":0,"seq":1, ... ,"hash":HEX}
 *   {"head":0,"vm":NAME,"first":1,"prev_hash":HEX,"seq":9,"hash":HEX,"lost":0}
 *
 * What is followed live has the same lines but for heads; its "order", "records" and "chains" are
 * null, for nobody knows how many there will be.
 */
#ifndef QWAMOS_AUDIT_LOG_H
#define QWAMOS_AUDIT_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "audit/record.h"
#include "util/err.h"

/**
 * struct qaudit_entry - a record of a log
 * @rec: the record
 * @line: the line of the file that it stands in, from 1
 */
struct qaudit_entry {
	struct qwamos_gpu_audit_record rec;
	size_t line;
};

/**
 * struct qaudit_head - where a chain began and ended when the log was saved
 * @chain: VM id, 0: the host's
 * @name: the VM's name, "" for the host
 * @first: number of the oldest record that was kept; @seq + 1: none was
 * @seq: number of the youngest record, 0: there has been none
 * @lost: records that were evicted or never taken up
 * @prev_hash: hash before the record @first
 * @hash: hash of the record @seq
 * @line: the line of the file that it stands in
 */
struct qaudit_head {
	uint64_t chain;
	char name[QWAMOS_GPU_NAME_LEN];
	uint64_t first;
	uint64_t seq;
	uint64_t lost;
	uint8_t prev_hash[QAUDIT_HASH];
	uint8_t hash[QAUDIT_HASH];
	size_t line;
};

/**
 * struct qaudit_problem - a line that is neither a record nor a head
 * @line: its number
 * @text: what is wrong with it
 */
struct qaudit_problem {
	size_t line;
	char *text;
};

/**
 * struct qaudit_log - a log
 * @instance: random id of the load of the module whose log it is
 * @boot_id: id of the kernel's boot
 * @saved_ns: when it was saved (CLOCK_BOOTTIME), in ns
 * @wall_offset_ns: what was to be added then to CLOCK_BOOTTIME for the time of the day, in ns
 * @whole: it was saved at once, so that the three below are known
 * @order: no record up to this order is missing but those that the kernel had lost
 * @n_records: records that the header promises
 * @n_chains: heads that the header promises
 * @entries: records in the order of the file
 * @n: their number
 * @heads: heads
 * @n_heads: their number
 * @problems: lines that can't be read
 * @n_problems: their number
 */
struct qaudit_log {
	uint8_t instance[16];
	uint8_t boot_id[16];
	uint64_t saved_ns;
	int64_t wall_offset_ns;
	bool whole;
	uint64_t order;
	uint64_t n_records;
	uint64_t n_chains;
	struct qaudit_entry *entries;
	size_t n;
	struct qaudit_head *heads;
	size_t n_heads;
	struct qaudit_problem *problems;
	size_t n_problems;
};

/**
 * qaudit_log_read() - read a log
 * @f: file
 * @name: its name, for errors
 * @log: out; qaudit_log_free() it in any case
 * @e: error, may be NULL
 *
 * A line that is no record does not stop it: it becomes a problem. Return: 0; -EBADMSG: it is no
 * log, for its header is missing or wrong; or another negative errno.
 */
int qaudit_log_read(FILE *f, const char *name, struct qaudit_log *log, struct qerr *e);

/** qaudit_log_free() - free what belongs to a log, and make it empty */
void qaudit_log_free(struct qaudit_log *log);

/** qaudit_write_header() - write a log's first line; return: 0 or a negative errno */
int qaudit_write_header(FILE *f, const struct qaudit_log *log);

/** qaudit_write_record() - write a record's line; return: 0 or a negative errno */
int qaudit_write_record(FILE *f, const struct qwamos_gpu_audit_record *r);

/** qaudit_log_write() - write a whole log; return: 0 or a negative errno */
int qaudit_log_write(FILE *f, const struct qaudit_log *log);

#endif
