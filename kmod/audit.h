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
 * A record gets its number when it is written, and its order and hash when it is sealed, by one
 * work item, the sealer, never on the path of the caller. Only sealed records can be read. A repeat
 * touches nothing but its chain: no lock and no cache line that two VMs share.
 *
 * Nobody waits for a reader: the chains stand in an xarray that readers walk by references, and
 * each chain's spinlock is held for a bounded number of records. A reader waits for the sealer
 * alone.
 */
#ifndef QWAMOS_GPU_AUDIT_H
#define QWAMOS_GPU_AUDIT_H

#include <linux/list.h>
#include <linux/llist.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/qwamos_gpu.h>

struct qgpu_notes;

#define QGPU_AUDIT_PER_PAGE 14 /* records in a page, beside its list head */
#define QGPU_AUDIT_FOLDS    24 /* kinds of events that a chain folds exactly at the same time */
#define QGPU_AUDIT_PLACES   89 /* folds beside them that belong to an event and operation each */
#define QGPU_AUDIT_KINDS    22 /* events that have a budget */

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
	QGPU_BUDGET_DEVICE, /* bound, unbound, reset, scrubbed: who may bind can cause it */
	QGPU_BUDGET_HOTPLUG, /* added, removed: who writes to sysfs can cause it, member or not */
	QGPU_BUDGETS,
	QGPU_BUDGET_FREE = QGPU_BUDGETS /* everything else: kept as long as there is room */
};

/**
 * struct qgpu_fold - repeats of one kind of event that wait to become a record
 * @key: the kind: event, operation, reason, level, result and way in one
 * @device_id: and the device; all that do not exist are one, told as 0 once two of them came
 * @start_ns: when the first of the kind was written (CLOCK_BOOTTIME)
 * @count: how many wait
 * @first_ns: when the first of those came
 * @last_ns: when the last one came
 * @asked: amount of the last one
 * @used: amount
 * @limit: amount
 * @event: &enum qwamos_gpu_event
 * @op: &enum qwamos_gpu_op
 * @reason: &enum qwamos_gpu_reason
 * @result: 0 or a negative errno
 * @level: &enum qwamos_gpu_level
 * @pid: thread group, part of the kind
 * @uid: user, part of the kind
 * @flags: QWAMOS_GPU_RECORD_F_*
 * @device_name: the device's name, "": there is none of that id
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
/* Somebody reads: what waits is to become a record first. */
#define QGPU_CHAIN_FLUSH 2

/**
 * struct qgpu_bucket - what a budget has saved up
 * @tokens: ns of waiting
 * @ns: when @tokens was last brought up to date
 */
struct qgpu_bucket {
	u64 tokens;
	u64 ns;
};

/**
 * struct qgpu_chain - one chain of records
 * @ref: the table of chains has one, as have the list of chains to seal and each reader
 * @seal_node: in the list of chains with something to seal, while QGPU_CHAIN_QUEUED
 * @dead_node: in the list of dead chains
 * @rcu: frees it
 * @id: VM id, 0 for the host; constant
 * @name: VM name; constant
 * @dead: the VM is gone; its pages are the first to be reused; written under @lock
 * @flags: QGPU_CHAIN_* bits
 * @lock: guards all below; a leaf
 * @folds: QGPU_AUDIT_FOLDS for any kinds seen within the last second, then QGPU_AUDIT_PLACES; %NULL
 *     for dead VMs
 * @notes: verdicts that are on their way here, %NULL for the host and for dead VMs
 * @pages: pages with records, oldest first
 * @n_pages: their number
 * @tail_used: records in the youngest page
 * @kept: records in them that eviction carries forward
 * @seq: number of the youngest record
 * @sealed: number of the youngest sealed record
 * @order: its order
 * @lost: records evicted, and events never taken up
 * @common: what each budget has saved up
 * @own: what each event with a budget has saved up beside, for itself alone
 * @head_hash: hash of the youngest sealed record
 * @base_hash: hash of the record before the oldest that is there
 */
struct qgpu_chain {
	refcount_t ref;
	struct llist_node seal_node;
	struct list_head dead_node;
	struct rcu_head rcu;
	u64 id;
	char name[QWAMOS_GPU_NAME_LEN];
	bool dead;
	unsigned long flags;
	spinlock_t lock ____cacheline_aligned;
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
	struct qgpu_bucket common[QGPU_BUDGETS];
	struct qgpu_bucket own[QGPU_AUDIT_KINDS];
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
 * @chain: of this chain only; %NULL: of all
 * @newest: the newest @count; else the first @count whose order is above @after
 * @after: order
 * @event: only this event; 0: all
 * @count: most records
 * @flush: with the repeats of the last second; not for a VM itself, which could turn each repeat
 *     into a record by reading
 */
struct qgpu_audit_filter {
	struct qgpu_chain *chain;
	bool newest;
	u64 after;
	u32 event;
	u32 count;
	bool flush;
};

/**
 * struct qgpu_audit_reader - who gets what was read
 * @put: gets the next @n records, in their order; may sleep, for no lock is held; returns 0, or a
 *     negative errno that ends the reading
 * @lost: out: records of the chains looked at that were evicted, and events never taken up
 * @upto: out: no record up to this order, of those that the reader may read, is left for it
 */
struct qgpu_audit_reader {
	int (*put)(struct qgpu_audit_reader *to, const struct qwamos_gpu_audit_record *recs,
		   size_t n);
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
struct qgpu_chain *qgpu_chain_next(struct qgpu_chain *c);
struct qgpu_chain *qgpu_chain_next_dead(struct qgpu_chain *c);
void qgpu_chain_forget(struct qgpu_chain *c);
u32 qgpu_chains_live(void);
u64 qgpu_chains_lost(void);
void qgpu_audit_write(struct qgpu_chain *c, const struct qwamos_gpu_audit_record *rec);

/* fold.c */
struct qgpu_fold *qgpu_folds_new(void);
enum qgpu_budget qgpu_audit_budget(u32 event);
bool qgpu_fold_enter(struct qgpu_chain *c, const struct qwamos_gpu_audit_record *r);
void qgpu_folds_flush(struct qgpu_chain *c, enum qgpu_flush why);
bool qgpu_folds_wait(const struct qgpu_chain *c);

/* audit_pool.c */
extern unsigned int qgpu_audit_records;
struct qwamos_gpu_audit_record *qgpu_audit_room(struct qgpu_chain *c);
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
void qgpu_audit_settle(struct qgpu_chain *c, bool flush);
void qgpu_audit_settle_all(bool flush);
void qgpu_audit_seal_exit(void);

/* For everybody. */
int qgpu_audit_init(void);
void qgpu_audit_exit(void);
const u8 *qgpu_audit_instance(void);
u32 qgpu_audit_capacity(void);
struct qgpu_chain *qgpu_chain_new(u64 id, const char *name);
void qgpu_chain_end(struct qgpu_chain *c);
void qgpu_chain_drop(struct qgpu_chain *c);
struct qgpu_chain *qgpu_chain_find(u64 id);
void qgpu_chain_put(struct qgpu_chain *c);
void qgpu_audit(struct qgpu_chain *c, const struct qgpu_event *ev);
bool qgpu_audit_repeats(struct qgpu_chain *c, const struct qgpu_event *ev,
			const struct qgpu_repeats *more);
void qgpu_audit_wake(struct qgpu_chain *c, bool waits);
long qgpu_audit_read(const struct qgpu_audit_filter *f, struct qgpu_audit_reader *to);
void qgpu_audit_head(struct qgpu_chain *c, struct qwamos_gpu_audit_head *head, bool flush);

#endif /* QWAMOS_GPU_AUDIT_H */
