// SPDX-License-Identifier: GPL-2.0-only
/* Audit chains: order and hash. See audit.h. */
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/workqueue.h>
#include <crypto/sha2.h>
#include "audit.h"
#include "events.h"
#include "notes.h"

#define HASHED_BYTES offsetof(struct qwamos_gpu_audit_record, hash)

/* Who waits for records. */
DECLARE_WAIT_QUEUE_HEAD(qgpu_audit_wq);

/* Chains that have something to seal; a chain is in it once. */
static LLIST_HEAD(seal_list);
static u64 last_order; /* written by the sealer */

static void seal_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(seal_work, seal_work_fn);

/** qgpu_audit_order() - order of the youngest sealed record */
u64 qgpu_audit_order(void)
{
	return READ_ONCE(last_order);
}

/**
 * qgpu_audit_want_seal() - a chain has something to seal
 * @c: the chain, not locked
 * @soon: a record; else something waits to become one
 *
 * A chain in which something waits stays in the list, so that repeats find all done and touch
 * nothing that other chains touch.
 */
void qgpu_audit_want_seal(struct qgpu_chain *c, bool soon)
{
	/* Who says that it is in the list puts it there at once, whatever else is to run. */
	preempt_disable();
	if (!test_bit(QGPU_CHAIN_QUEUED, &c->flags) &&
	    !test_and_set_bit(QGPU_CHAIN_QUEUED, &c->flags)) {
		refcount_inc(&c->ref);
		llist_add(&c->seal_node, &seal_list);
		schedule_delayed_work(&seal_work, HZ);
	}
	preempt_enable();
	if (soon && !test_bit(QGPU_CHAIN_SOON, &c->flags) &&
	    !test_and_set_bit(QGPU_CHAIN_SOON, &c->flags))
		mod_delayed_work(system_wq, &seal_work, 0);
}

static struct qwamos_gpu_audit_record *find_seq(struct qgpu_chain *c, u64 seq)
{
	struct qgpu_audit_page *p;

	list_for_each_entry_reverse(p, &c->pages, node)
		if (p->first_seq <= seq)
			return &p->rec[seq - p->first_seq];
	return NULL;
}

/**
 * qgpu_audit_seal_chain() - give its order and hash to every record that has none yet
 * @c: the chain
 * @why: which folds become records first
 *
 * Called by the sealer. Pages with unsealed records are not reused, so the record stays where it is
 * while its hash is computed, and it is sent, with the chain unlocked.
 */
void qgpu_audit_seal_chain(struct qgpu_chain *c, enum qgpu_flush why)
{
	struct {
		u8 prev[32];
		struct qwamos_gpu_audit_record rec;
	} in;
	struct qwamos_gpu_audit_record *r;
	u64 upto, lost;
	bool any;

	spin_lock(&c->lock);
	qgpu_notes_collect(c, why != QGPU_FLUSH_OLD);
	qgpu_folds_flush(c, why);
	/* What comes meanwhile is for the next time: a flood must not keep the sealer. */
	upto = c->seq;
	any = c->sealed < upto;
	while (c->sealed < upto) {
		r = find_seq(c, c->sealed + 1);
		if (WARN_ON_ONCE(!r))
			break;
		r->order = last_order + 1;
		memcpy(in.prev, c->head_hash, sizeof(in.prev));
		in.rec = *r;
		spin_unlock(&c->lock);
		sha256((u8 *)&in, sizeof(in.prev) + HASHED_BYTES, in.rec.hash);
		cond_resched();
		spin_lock(&c->lock);
		memcpy(r->hash, in.rec.hash, sizeof(r->hash));
		memcpy(c->head_hash, in.rec.hash, sizeof(c->head_hash));
		WRITE_ONCE(c->sealed, c->sealed + 1);
		WRITE_ONCE(c->order, in.rec.order);
		lost = c->lost;
		spin_unlock(&c->lock);
		WRITE_ONCE(last_order, in.rec.order);
		qgpu_events_record(&in.rec, lost);
		spin_lock(&c->lock);
	}
	spin_unlock(&c->lock);
	if (any && wq_has_sleeper(&qgpu_audit_wq))
		wake_up_all(&qgpu_audit_wq);
}

static bool anything_waits(struct qgpu_chain *c)
{
	bool any;

	spin_lock(&c->lock);
	any = qgpu_notes_wait(c) || qgpu_folds_wait(c);
	spin_unlock(&c->lock);
	return any;
}

/* The sealer: a work item never runs twice at the same time, so there is one. */
static void seal_work_fn(struct work_struct *work)
{
	struct llist_node *todo = llist_reverse_order(llist_del_all(&seal_list));
	struct qgpu_chain *c, *n;
	bool again = false, flush;

	llist_for_each_entry_safe(c, n, todo, seal_node) {
		/* Whatever comes from here on puts the chain into the list anew. */
		clear_bit(QGPU_CHAIN_SOON, &c->flags);
		clear_bit(QGPU_CHAIN_QUEUED, &c->flags);
		/* Pairs with the chain's lock, which who wants it sealed has taken before. */
		smp_mb__after_atomic();
		flush = test_and_clear_bit(QGPU_CHAIN_FLUSH, &c->flags);
		qgpu_audit_seal_chain(c, flush ? QGPU_FLUSH_ALL : QGPU_FLUSH_OLD);
		if (anything_waits(c)) {
			again = true;
			if (!test_and_set_bit(QGPU_CHAIN_QUEUED, &c->flags)) {
				llist_add(&c->seal_node, &seal_list);
				continue; /* the list's reference goes with it */
			}
		}
		qgpu_chain_put(c);
	}
	if (qgpu_audit_crowded())
		qgpu_audit_evict();
	if (again)
		schedule_delayed_work(&seal_work, HZ / 4);
}

/* Have the sealer look at a chain. Return: there is something that it has to do. */
static bool ask(struct qgpu_chain *c, bool flush)
{
	bool any;

	spin_lock(&c->lock);
	any = c->sealed < c->seq || (flush && (qgpu_notes_wait(c) || qgpu_folds_wait(c)));
	spin_unlock(&c->lock);
	if (!any)
		return false;
	if (flush) {
		set_bit(QGPU_CHAIN_FLUSH, &c->flags);
		/* The sealer takes the chain off its list first, and then looks at this bit. */
		smp_mb__after_atomic();
	}
	qgpu_audit_want_seal(c, true);
	return true;
}

/**
 * qgpu_audit_settle() - wait until all that was written into a chain is sealed
 * @c: the chain
 * @flush: with what waits to become a record
 *
 * Waits for the sealer alone, who waits for nobody.
 */
void qgpu_audit_settle(struct qgpu_chain *c, bool flush)
{
	u64 upto = READ_ONCE(c->seq);
	int tries = 3; /* another CPU may be about to put it into the list */

	if (!ask(c, flush))
		return;
	do
		flush_delayed_work(&seal_work);
	while (READ_ONCE(c->sealed) < upto && --tries);
}

/** qgpu_audit_settle_all() - the same, for all chains */
void qgpu_audit_settle_all(bool flush)
{
	struct qgpu_chain *c;
	bool any = false;

	for (c = qgpu_chain_next(NULL); c; c = qgpu_chain_next(c))
		any |= ask(c, flush);
	if (any)
		flush_delayed_work(&seal_work);
}

/** qgpu_audit_seal_exit() - nothing may audit any more */
void qgpu_audit_seal_exit(void)
{
	struct qgpu_chain *c, *n;

	cancel_delayed_work_sync(&seal_work);
	llist_for_each_entry_safe(c, n, llist_del_all(&seal_list), seal_node)
		qgpu_chain_put(c);
}
