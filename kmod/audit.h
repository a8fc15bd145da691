/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Audit: chains of records, one for each VM and one for the host, in one bounded pool of pages.
 *
 * An event becomes a record at once if it is the first of its kind in its chain; repeats within a
 * second are folded into a count, which becomes a record when the second is over or somebody reads.
 * A record gets its number when it is written and its hash when it is sealed, by a work item or a
 * reader, never on the path of the caller. Only sealed records can be read.
 */
#ifndef QWAMOS_GPU_AUDIT_H
#define QWAMOS_GPU_AUDIT_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/qwamos_gpu.h>

#define QGPU_AUDIT_PER_PAGE 14 /* records in a page, beside its list head */
#define QGPU_AUDIT_FOLDS    16 /* kinds of events that a chain folds at the same time */

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

/**
 * struct qgpu_fold - repeats of one kind of event that wait to become a record
 * @rec: the record to be: key fields, amounts of the last repeat, count 0 if nothing waits
 * @start_ns: when the first of the kind was written (CLOCK_BOOTTIME)
 */
struct qgpu_fold {
	struct qwamos_gpu_audit_record rec;
	u64 start_ns;
};

/**
 * struct qgpu_chain - one chain of records
 * @node: in the list of all chains; guarded by the audit mutex
 * @seal_node: in the list of chains with something to seal; guarded by the seal list's spinlock
 * @id: VM id, 0 for the host; constant
 * @name: VM name; constant
 * @lock: guards all below but where told otherwise; a leaf
 * @pages: pages with records, oldest first
 * @n_pages: their number
 * @tail_used: records in the youngest page
 * @seq: number of the youngest record
 * @sealed: number of the youngest sealed record
 * @lost: records evicted or never written
 * @head_hash: hash of the youngest sealed record
 * @base_hash: hash of the record before the oldest that is kept
 * @folds: kinds of events seen within the last second, %NULL until the first repeat
 * @n_folds: of them in use
 * @notes: verdicts that are on their way here, %NULL for the host and for dead VMs
 * @tokens: records of what a VM can cause at will that may be written now, in ns of @TOKEN_NS each
 * @tokens_ns: when @tokens was last brought up to date
 * @dead: the VM is gone; its pages are the first to be reused
 */
struct qgpu_chain {
	struct list_head node;
	struct list_head seal_node;
	u64 id;
	char name[QWAMOS_GPU_NAME_LEN];
	spinlock_t lock;
	struct list_head pages;
	u32 n_pages;
	u32 tail_used;
	u64 seq;
	u64 sealed;
	u64 lost;
	u8 head_hash[32];
	u8 base_hash[32];
	struct qgpu_fold *folds;
	u32 n_folds;
	struct qgpu_notes *notes;
	u64 tokens;
	u64 tokens_ns;
	bool dead;
};

/**
 * struct qgpu_audit_page - one page of records
 * @node: in its chain, or in the list of free pages
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

#define QGPU_FOLD_NS NSEC_PER_SEC

/* fold.c */
bool qgpu_fold_enter(struct qgpu_chain *c, const struct qwamos_gpu_audit_record *rec);
bool qgpu_fold_flush(struct qgpu_chain *c, struct qgpu_fold *f);
extern unsigned int qgpu_audit_records;
void qgpu_audit_write(struct qgpu_chain *c, const struct qwamos_gpu_audit_record *rec);

/* For the reader in audit_read.c. */
extern struct mutex qgpu_audit_mutex;
extern struct list_head qgpu_chains;
extern u64 qgpu_audit_evicted;
void qgpu_audit_seal_chain(struct qgpu_chain *c, bool flush);

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
long qgpu_audit_read(const struct qgpu_audit_filter *f, struct qwamos_gpu_audit_record **out,
		     u64 *lost);
int qgpu_audit_head(struct qwamos_gpu_audit_head *head, bool flush);

#endif /* QWAMOS_GPU_AUDIT_H */
