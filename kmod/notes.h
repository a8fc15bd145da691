/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Notes: verdicts of VM_CHECK on their way into a VM's audit chain. The first of a kind goes there
 * at once; for a second from then on its repeats only add to a counter, without a lock, and what
 * they add up to goes there when the second is over, when somebody reads, or when the policy
 * changes. The same counters tell how many operations were checked.
 */
#ifndef QWAMOS_GPU_NOTES_H
#define QWAMOS_GPU_NOTES_H

#include <linux/atomic.h>
#include <linux/cred.h>
#include <linux/jiffies.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/types.h>
#include "limits.h"

struct qgpu_chain;

/* What a note is about, beside its operation. */
enum qgpu_note_class { QGPU_NOTE_ALLOWED, QGPU_NOTE_DENIED, QGPU_NOTE_RATE, QGPU_NOTE_CLASSES };

#define QGPU_NOTE_CLOSED 0xffffffffU /* as a key: no repeats are being counted */
#define QGPU_NOTE_OFF	 0xfffffffeU /* as a key: allowed, and such are not recorded */

/**
 * struct qgpu_told - what a note's repeats are told as
 * @key: reason and level, as in a QGPU_RULE(), or QGPU_NOTE_CLOSED, _OFF
 * @pid: who acted: thread group
 * @uid: its user
 * @comm: its command
 */
struct qgpu_told {
	u32 key;
	u32 pid;
	u32 uid;
	char comm[16];
};

/**
 * struct qgpu_note - one kind of verdict
 * @total: how often it came; written without a lock, but only while nothing of the note changes:
 *     each change of @key or @author adds to it
 * @author: whose are being counted, as qgpu_note_author() tells; read only after @key
 * @until: end of the second, in jiffies
 * @last: when the last one came, in jiffies; written without a lock
 * @key: reason and level of those that are being counted, as in a QGPU_RULE(), or
 *     QGPU_NOTE_CLOSED, _OFF
 * @taken: how many of those have been put into the chain; guarded by the chain's lock, like all but
 *     @total and @last, though the fast way reads some
 * @told: what all beyond @taken are told as
 */
struct qgpu_note {
	atomic64_t total;
	u64 author;
	unsigned long until;
	unsigned long last;
	u32 key;
	u64 taken;
	struct qgpu_told told;
};

/**
 * struct qgpu_notes - all notes of a VM
 * @note: by class and operation; operation 0 is any that does not exist
 */
struct qgpu_notes {
	struct qgpu_note note[QGPU_NOTE_CLASSES][QGPU_OPS];
};

extern bool qgpu_audit_allowed;

struct qgpu_notes *qgpu_notes_new(void);
void qgpu_note_first(struct qgpu_chain *c, u32 kind, u32 op, u32 key, u64 author);
void qgpu_notes_collect(struct qgpu_chain *c, bool all);
bool qgpu_notes_wait(struct qgpu_chain *c);
void qgpu_notes_close(struct qgpu_chain *c);
u64 qgpu_notes_total(const struct qgpu_notes *notes, u32 kind);

/* Who acts, in one number: thread group and user. */
static __always_inline u64 qgpu_note_author(void)
{
	return (u64)(u32)task_tgid_nr(current) << 32 | __kuid_val(current_uid());
}

/*
 * Count a repeat, if it is one. That @total has not changed since before @key and @author were read
 * says that they have not either: what is counted is never told as another's.
 */
static __always_inline bool qgpu_note_repeat(struct qgpu_note *n, u32 key, u64 author,
					     unsigned long now)
{
	s64 total = atomic64_read_acquire(&n->total);

	do {
		/* Pairs with qgpu_note_first(). */
		if (unlikely(smp_load_acquire(&n->key) != key || READ_ONCE(n->author) != author ||
			     !time_before(now, READ_ONCE(n->until))))
			return false;
	} while (unlikely(!atomic64_try_cmpxchg(&n->total, &total, total + 1)));
	WRITE_ONCE(n->last, now);
	return true;
}

/* As what an allowed operation is noted: the key; @author: out: whose it is. */
static __always_inline u32 qgpu_note_allowed_key(u32 rule, u64 *author)
{
	if (unlikely(!READ_ONCE(qgpu_audit_allowed))) {
		*author = 0; /* it is told of nobody */
		return QGPU_NOTE_OFF;
	}
	*author = qgpu_note_author();
	return QGPU_RULE_LEVEL(rule);
}

/**
 * qgpu_note_again() - take note of an allowed operation, if it is a repeat
 * @notes: the VM's notes
 * @op: &enum qwamos_gpu_op
 * @rule: the QGPU_RULE() that it came from: its level counts
 *
 * Return: false: it is not, and nothing was done: qgpu_note() does.
 */
static __always_inline bool qgpu_note_again(struct qgpu_notes *notes, u32 op, u32 rule)
{
	u64 author;
	u32 key = qgpu_note_allowed_key(rule, &author);

	return qgpu_note_repeat(&notes->note[QGPU_NOTE_ALLOWED][op], key, author, jiffies);
}

/**
 * qgpu_note() - take note of a verdict
 * @c: the VM's chain
 * @notes: its notes
 * @op: &enum qwamos_gpu_op, 0: one that does not exist
 * @verdict: &enum qwamos_gpu_reason, NONE: allowed
 * @rule: the QGPU_RULE() that it came from: its level counts
 */
static __always_inline void qgpu_note(struct qgpu_chain *c, struct qgpu_notes *notes, u32 op,
				      u32 verdict, u32 rule)
{
	u32 kind, key;
	u64 author;

	if (likely(verdict == QWAMOS_GPU_REASON_NONE)) {
		kind = QGPU_NOTE_ALLOWED;
		key = qgpu_note_allowed_key(rule, &author);
	} else {
		kind = verdict == QWAMOS_GPU_REASON_RATE ? QGPU_NOTE_RATE : QGPU_NOTE_DENIED;
		key = verdict | QGPU_RULE_LEVEL(rule);
		author = qgpu_note_author();
	}
	if (unlikely(!qgpu_note_repeat(&notes->note[kind][op], key, author, jiffies)))
		qgpu_note_first(c, kind, op, key, author);
}

#endif /* QWAMOS_GPU_NOTES_H */
