// SPDX-License-Identifier: GPL-2.0-only
/* Verdicts of VM_CHECK on their way into the audit log: see notes.h. */
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "audit.h"
#include "notes.h"

bool qgpu_audit_allowed = true;

/**
 * qgpu_notes_new() - the notes of a new VM
 *
 * Return: to be freed with kfree(), or NULL.
 */
struct qgpu_notes *qgpu_notes_new(void)
{
	struct qgpu_notes *notes = kzalloc(sizeof(*notes), GFP_KERNEL_ACCOUNT);
	u32 kind, op;

	for (kind = 0; notes && kind < QGPU_NOTE_CLASSES; kind++) {
		for (op = 0; op < QGPU_OPS; op++) {
			notes->note[kind][op].key = QGPU_NOTE_CLOSED;
			notes->note[kind][op].told.key = QGPU_NOTE_CLOSED;
		}
	}
	return notes;
}

static u32 level_of(u32 key)
{
	u32 level = QGPU_RULE_LEVEL(key) >> 8;

	return level < QGPU_LEVELS ? level : QWAMOS_GPU_LEVEL_NONE;
}

static u64 interval_ns(u32 level)
{
	const struct qgpu_level *l = qgpu_level(level);

	return l ? qgpu_level_interval_ns(l) : 0;
}

/* Put @count verdicts of a kind into the chain. Called with its lock held. Return: they wait. */
static bool enter(struct qgpu_chain *c, const struct qgpu_note *n, u32 kind, u32 op, u64 count,
		  unsigned long first, unsigned long last)
{
	static const struct {
		u32 event;
		int result;
	} what[QGPU_NOTE_CLASSES] = {
		[QGPU_NOTE_ALLOWED] = { QWAMOS_GPU_EV_OPERATION_ALLOWED, 0 },
		[QGPU_NOTE_DENIED] = { QWAMOS_GPU_EV_OPERATION_DENIED, -EACCES },
		[QGPU_NOTE_RATE] = { QWAMOS_GPU_EV_OPERATION_RATE_LIMITED, -EAGAIN },
	};
	struct qgpu_repeats more = {
		.count = count,
		.first_age_ns = jiffies_to_nsecs(jiffies - first),
		.last_age_ns = jiffies_to_nsecs(jiffies - last),
		.pid = n->told.pid,
		.uid = n->told.uid,
		.comm = n->told.comm,
	};
	struct qgpu_event ev = {
		.event = what[kind].event,
		.op = op,
		.reason = QGPU_RULE_REASON(n->told.key),
		.result = what[kind].result,
		.level = level_of(n->told.key),
		.limit = kind == QGPU_NOTE_RATE ? interval_ns(level_of(n->told.key)) : 0,
	};

	lockdep_assert_held(&c->lock);
	return qgpu_audit_repeats(c, &ev, &more);
}

/*
 * Put what was counted since the note was last looked at, up to @total, into the chain. Return: it
 * waits there.
 */
static bool collect(struct qgpu_chain *c, u32 kind, u32 op, u64 total)
{
	struct qgpu_note *n = &c->notes->note[kind][op];
	u64 count = total - n->taken;

	lockdep_assert_held(&c->lock);
	if (!count)
		return false;
	n->taken = total;
	if (n->told.key == QGPU_NOTE_OFF)
		return false;
	return enter(c, n, kind, op, count, n->until - HZ, READ_ONCE(n->last));
}

/**
 * qgpu_note_first() - a verdict for which no repeats are being counted
 * @c: the VM's chain
 * @kind: &enum qgpu_note_class
 * @op: &enum qwamos_gpu_op
 * @key: reason and level, or QGPU_NOTE_OFF
 * @author: qgpu_note_author(), or 0
 *
 * It is not in the note's total yet.
 */
void qgpu_note_first(struct qgpu_chain *c, u32 kind, u32 op, u32 key, u64 author)
{
	struct qgpu_note *n = &c->notes->note[kind][op];
	unsigned long now = jiffies;
	bool waits, more;
	u64 total;

	spin_lock(&c->lock);
	/* Another thread may have been faster: then it is one that will be collected. */
	if (n->key == key && n->author == author && time_before(now, n->until)) {
		atomic64_inc(&n->total);
		spin_unlock(&c->lock);
		return;
	}
	/* From here on nobody counts: who has looked at the note before finds another total. */
	WRITE_ONCE(n->key, QGPU_NOTE_CLOSED);
	total = atomic64_inc_return(&n->total);
	more = collect(c, kind, op, total - 1);
	n->taken = total;
	n->told.key = key;
	n->told.pid = task_tgid_nr(current);
	n->told.uid = from_kuid_munged(&init_user_ns, current_uid());
	get_task_comm(n->told.comm, current);
	WRITE_ONCE(n->author, author);
	WRITE_ONCE(n->last, now);
	WRITE_ONCE(n->until, now + HZ);
	waits = key == QGPU_NOTE_OFF || enter(c, n, kind, op, 1, now, now);
	/* Pairs with qgpu_note_repeat(): who sees the key sees whose it is. */
	smp_store_release(&n->key, key);
	spin_unlock(&c->lock);
	if (more || key != QGPU_NOTE_OFF)
		qgpu_audit_wake(c, waits);
}

/**
 * qgpu_notes_collect() - put what was counted into the chain
 * @c: the chain, locked
 * @all: of the running second, too
 */
void qgpu_notes_collect(struct qgpu_chain *c, bool all)
{
	u32 kind, op;
	struct qgpu_note *n;

	lockdep_assert_held(&c->lock);
	if (!c->notes)
		return;
	for (kind = 0; kind < QGPU_NOTE_CLASSES; kind++) {
		for (op = 0; op < QGPU_OPS; op++) {
			n = &c->notes->note[kind][op];
			if (all || time_after_eq(jiffies, n->until))
				collect(c, kind, op, atomic64_read(&n->total));
		}
	}
}

/**
 * qgpu_notes_wait() - does anything wait to be collected?
 * @c: the chain, locked
 */
bool qgpu_notes_wait(struct qgpu_chain *c)
{
	struct qgpu_note *n;
	u32 kind, op;

	lockdep_assert_held(&c->lock);
	if (!c->notes)
		return false;
	for (kind = 0; kind < QGPU_NOTE_CLASSES; kind++) {
		for (op = 0; op < QGPU_OPS; op++) {
			n = &c->notes->note[kind][op];
			if (n->key != QGPU_NOTE_CLOSED && n->key != QGPU_NOTE_OFF &&
			    (time_before(jiffies, n->until) ||
			     atomic64_read(&n->total) != n->taken))
				return true;
		}
	}
	return false;
}

/**
 * qgpu_notes_close() - what comes from now on is of another kind: the VM's policy has changed
 * @c: the VM's chain
 */
void qgpu_notes_close(struct qgpu_chain *c)
{
	struct qgpu_note *n;
	u32 kind, op;

	spin_lock(&c->lock);
	for (kind = 0; kind < QGPU_NOTE_CLASSES; kind++) {
		for (op = 0; op < QGPU_OPS; op++) {
			n = &c->notes->note[kind][op];
			/* Who is counting now is told as before, with the next collection. */
			WRITE_ONCE(n->key, QGPU_NOTE_CLOSED);
			collect(c, kind, op, atomic64_read(&n->total));
		}
	}
	spin_unlock(&c->lock);
}

/**
 * qgpu_notes_total() - how many verdicts there were of a kind
 * @notes: the VM's notes
 * @kind: &enum qgpu_note_class
 */
u64 qgpu_notes_total(const struct qgpu_notes *notes, u32 kind)
{
	u64 sum = 0;
	u32 op;

	for (op = 0; op < QGPU_OPS; op++)
		sum += atomic64_read(&notes->note[kind][op].total);
	return sum;
}
