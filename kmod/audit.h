/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Audit: chains of records, one for each VM and one for the host, in one bounded pool of pages.
 *
 * audit.c       chains: their life, and what comes in
 * fold.c        repeats and budgets
 * audit_pool.c  pages: room for a record, eviction
 * audit_seal.c  order and hash
 * audit_read.c  readers
 *
 * An event becomes a record at once if it is the first of its kind in its chain; repeats within a
 * second are folded into a count, which becomes a record when the second is over or somebody reads.
 * A record gets its number when it is written, and its order and hash when it is sealed, by a work
 * item or a reader, never on the path of the caller. Only sealed records can be read. A repeat
 * touches nothing but its chain: no lock and no cache line that two VMs share.
 */
#ifndef QWAMOS_GPU_AUDIT_H
#define QWAMOS_GPU_AUDIT_H

#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/qwamos_gpu.h>

struct qgpu_notes;

#define QGPU_AUDIT_PER_PAGE 14 /* records in a page, beside its list head */
#define QGPU_AUDIT_FOLDS    24 /* kinds of events that a chain folds at the same time; one page */

/**
 * struct qgpu_event - what a caller tells the audit log
 * @event: &enum qwamos_gpu_event
 * @op: &enum qwamos_gpu_op
 * @reason: &enum qwamos_gpu_reason
 * @result: 0 or a negative errno
 * @level: &enum qwamos_gpu_level of the VM
 * @device_id: device, or 0
 * @device_name: its name on its bus, or NULL
 * @asked: amount asked for
 * @used: amount in use
 * @limit: limit
 */
struct qgpu_event {
	u32 event;
	u32 op;
	u32 reason;
	s32 result;
	u32 level;
	u64 device_id;
	const char *device_name;
	u64 asked;
	u64 used;
	u64 limit;
};

/**
 * struct qgpu_repeats - an event that came several times, and is told by who did not cause it
 * @count: how often
 * @first_age_ns: how long ago the first one was
 * @last_age_ns: how long ago the last one was
 * @pid: thread group of the caller
 * @uid: its user
 * @comm: its command, 16 bytes
 */
struct qgpu_repeats {
	u64 count;
	u64 first_age_ns;
	u64 last_age_ns;
	u32 pid;
	u32 uid;
	const char *comm;
};

/* What may be written at what pace: see fold.c. */
enum qgpu_budget {
	QGPU_BUDGET_REFUSED, /* refusals, open and close: what a process can cause at will */
	QGPU_BUDGET_ALLOWED, /* operations that were allowed */
	QGPU_BUDGETS,
	QGPU_BUDGET_FREE = QGPU_BUDGETS /* everything else: kept as long as there is room */
};

/**
 * struct qgpu_fold - repeats of one kind of event that wait to become a record
 * @key: the kind: event, operation, reason, level, result and way in one
 * @device_id: and the device
 * @start_ns: when the first of the kind was written (CLOCK_BOOTTIME)
 * @count: how many wait
 * @first_ns: when the first of those came
 * @last_ns: when the last one came
 * @asked: amount of the last one, as all below
 * @used: amount
 * @limit: amount
 * @event: &enum qwamos_gpu_event
 * @op: &enum qwamos_gpu_op
 * @reason: &enum qwamos_gpu_reason
 * @result: 0 or a negative errno
 * @level: &enum qwamos_gpu_level
 * @pid: thread group
 * @uid: user; in the host's chain it is part of the kind
 * @flags: QWAMOS_GPU_RECORD_F_*
 * @device_name: the device's name
 * @comm: command
 */
struct qgpu_fold {
	u64 key;
	u64 device_id;
	u64 start_ns;
	u64 count;
	u64 first_ns;
	u64 last_ns;
	u64 asked;
	u64 used;
	u64 limit;
	u32 event;
	u32 op;
	u32 reason;
	s32 result;
	u32 level;
	u32 pid;
	u32 uid;
	u32 flags;
	char device_name[QWAMOS_GPU_BUSNAME_LEN];
	char comm[16];
};

/* In the list of chains with something to seal, or about to be. */
#define QGPU_CHAIN_QUEUED 0
/* Sealing is to begin at once. */
#define QGPU_CHAIN_SOON 1

/**
 * struct qgpu_chain - one chain of records
 * @node: in the list of all chains; guarded by the audit mutex
 * @seal_node: in the list of chains with something to seal, while QGPU_CHAIN_QUEUED
 * @id: VM id, 0 for the host; constant
 * @name: VM name; constant
 * @dead: the VM is gone; its pages are the first to be reused; written under the audit mutex and
 *     @lock
 * @flags: QGPU_CHAIN_* bits
 * @lock: guards all below; a leaf
 * @n_folds: folds in use
 * @folds: kinds of events seen within the last second, %NULL until the first that can be folded
 * @notes: verdicts that are on their way here, %NULL for the host and for dead VMs
 * @pages: pages with records, oldest first
 * @n_pages: their number
 * @tail_used: records in the youngest page
 * @kept: records in them that eviction carries forward
 * @seq: number of the youngest record
 * @sealed: number of the youngest sealed record
 * @order: its order
 * @lost: records evicted, and events never taken up
 * @tokens: ns of waiting that each budget has saved up
 * @tokens_ns: when each was last brought up to date
 * @head_hash: hash of the youngest sealed record
 * @base_hash: hash of the record before the oldest that is there
 */
struct qgpu_chain {
	struct list_head node;
	struct llist_node seal_node;
	u64 id;
	char name[QWAMOS_GPU_NAME_LEN];
	bool dead;
	unsigned long flags;
	spinlock_t lock ____cacheline_aligned;
	u32 n_folds;
	struct qgpu_fold *folds;
	struct qgpu_notes *notes;
	struct list_head pages;
	u32 n_pages;
	u32 tail_used;
	u32 kept;
	u64 seq;
	u64 sealed;
	u64 order;
	u64 lost;
	u64 tokens[QGPU_BUDGETS];
	u64 tokens_ns[QGPU_BUDGETS];
	u8 head_hash[32];
	u8 base_hash[32];
};

/**
 * struct qgpu_audit_page - one page of records
 * @node: in its chain
 * @first_seq: number of the first record in it
 * @rec: the records
 */
struct qgpu_audit_page {
	struct list_head node;
	u64 first_seq;
	struct qwamos_gpu_audit_record rec[QGPU_AUDIT_PER_PAGE];
};

/**
 * struct qgpu_audit_filter - what a reader wants
 * @all: of all chains; else only of @chain
 * @chain: chain id
 * @newest: the newest @count; else the first @count whose order is above @after
 * @after: order
 * @event: only this event; 0: all
 * @count: most records
 * @flush: with the repeats of the last second; not for a VM itself, which could turn each repeat
 *     into a record by reading
 */
struct qgpu_audit_filter {
	bool all;
	u64 chain;
	bool newest;
	u64 after;
	u32 event;
	u32 count;
	bool flush;
};

/**
 * struct qgpu_audit_answer - what a reader gets
 * @recs: array to kvfree(), NULL if there are none
 * @lost: records of the chains looked at that were evicted, and events never taken up
 * @upto: no record up to this order, of those that the reader may read, is left for it
 */
struct qgpu_audit_answer {
	struct qwamos_gpu_audit_record *recs;
	u64 lost;
	u64 upto;
};

/* What a flush of folds is for. */
enum qgpu_flush {
	QGPU_FLUSH_OLD, /* the second is over */
	QGPU_FLUSH_ALL, /* somebody reads */
	QGPU_FLUSH_END, /* the chain ends: beyond any budget, for it can't happen again */
};

/* audit.c */
extern struct mutex qgpu_audit_mutex;
extern struct list_head qgpu_chains;
extern u64 qgpu_audit_evicted;
void qgpu_audit_write(struct qgpu_chain *c, const struct qwamos_gpu_audit_record *rec);

/* fold.c */
enum qgpu_budget qgpu_audit_budget(u32 event);
bool qgpu_fold_enter(struct qgpu_chain *c, const struct qwamos_gpu_audit_record *r);
void qgpu_folds_flush(struct qgpu_chain *c, enum qgpu_flush why);
bool qgpu_folds_wait(const struct qgpu_chain *c);

/* audit_pool.c */
extern unsigned int qgpu_audit_records;
struct qwamos_gpu_audit_record *qgpu_audit_room(struct qgpu_chain *c);
void *qgpu_audit_page_get(bool anyway);
void qgpu_audit_page_put(void *page);
bool qgpu_audit_crowded(void);
void qgpu_audit_evict(void);
int qgpu_audit_pool_init(void);
void qgpu_audit_pool_exit(void);

/* audit_seal.c */
extern wait_queue_head_t qgpu_audit_wq;
u64 qgpu_audit_order(void);
void qgpu_audit_seal_chain(struct qgpu_chain *c, enum qgpu_flush why);
void qgpu_audit_want_seal(struct qgpu_chain *c, bool soon);
void qgpu_audit_seal_exit(void);

/* For everybody. */
int qgpu_audit_init(void);
void qgpu_audit_exit(void);
const u8 *qgpu_audit_instance(void);
u32 qgpu_audit_capacity(void);
struct qgpu_chain *qgpu_chain_new(u64 id, const char *name);
void qgpu_chain_end(struct qgpu_chain *c);
void qgpu_chain_drop(struct qgpu_chain *c);
void qgpu_audit(struct qgpu_chain *c, const struct qgpu_event *ev);
bool qgpu_audit_repeats(struct qgpu_chain *c, const struct qgpu_event *ev,
			const struct qgpu_repeats *more);
void qgpu_audit_wake(struct qgpu_chain *c, bool waits);
long qgpu_audit_read(const struct qgpu_audit_filter *f, struct qgpu_audit_answer *out);
int qgpu_audit_head(struct qwamos_gpu_audit_head *head, bool flush);

#endif /* QWAMOS_GPU_AUDIT_H */
