// SPDX-License-Identifier: GPL-2.0-only
/* Audit chains: repeats become a count, and floods keep to a budget. See audit.h. */
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include "audit.h"

/*
 * What a process can cause at will (refusals, open and close) has a budget, so that no variety of
 * wrong calls pushes a VM's own trail out soon: a quarter of the chain at once, then one record in
 * 4 s. The host's chain takes 8 a second.
 */
#define TOKEN_NS      (4ULL * NSEC_PER_SEC)
#define HOST_TOKEN_NS (NSEC_PER_SEC / 8)

static bool at_will(const struct qwamos_gpu_audit_record *rec)
{
	switch (rec->event) {
	case QWAMOS_GPU_EV_OPERATION_ALLOWED:
	case QWAMOS_GPU_EV_OPERATION_DENIED:
	case QWAMOS_GPU_EV_OPERATION_RATE_LIMITED:
	case QWAMOS_GPU_EV_VRAM_QUOTA_EXCEEDED:
	case QWAMOS_GPU_EV_CALL_REFUSED:
	case QWAMOS_GPU_EV_DEVICE_OPEN_REFUSED:
	case QWAMOS_GPU_EV_DEVICE_OPENED:
	case QWAMOS_GPU_EV_DEVICE_CLOSED:
		return true;
	}
	return false;
}

/* Take a token for a record that needs one. Called with c->lock held. */
static bool take_token(struct qgpu_chain *c, const struct qwamos_gpu_audit_record *rec)
{
	u64 cost = c->id ? TOKEN_NS : HOST_TOKEN_NS, now = ktime_get_boottime_ns();

	lockdep_assert_held(&c->lock);
	if (!at_will(rec))
		return true;
	c->tokens = min(c->tokens + (now - c->tokens_ns), cost * (qgpu_audit_records / 4));
	c->tokens_ns = now;
	if (c->tokens < cost)
		return false;
	c->tokens -= cost;
	return true;
}

/*
 * In the host's chain each user's events are a kind of their own; in a VM's they are not: a VMM
 * that runs as root is any user that it likes.
 */
static bool same_kind(const struct qwamos_gpu_audit_record *a,
		      const struct qwamos_gpu_audit_record *b)
{
	return a->event == b->event && a->operation == b->operation && a->reason == b->reason &&
	       a->result == b->result && a->device_id == b->device_id && a->level == b->level &&
	       (a->chain || a->uid == b->uid) &&
	       ((a->event != QWAMOS_GPU_EV_DEVICE_OPEN_REFUSED &&
		 a->event != QWAMOS_GPU_EV_CALL_REFUSED) ||
		a->asked == b->asked);
}

/**
 * qgpu_fold_flush() - turn what waits in a fold into a record, if the budget allows
 * @c: the chain, locked
 * @f: one of its folds
 *
 * Return: nothing waits there any more.
 */
bool qgpu_fold_flush(struct qgpu_chain *c, struct qgpu_fold *f)
{
	if (!f->rec.count)
		return true;
	if (!take_token(c, &f->rec))
		return false;
	qgpu_audit_write(c, &f->rec);
	f->rec.count = 0;
	f->rec.flags = 0;
	return true;
}

static void count_repeat(struct qgpu_fold *f, const struct qwamos_gpu_audit_record *rec)
{
	if (!f->rec.count)
		f->rec.time_ns = rec->time_ns;
	f->rec.last_ns = rec->last_ns;
	if (!same_kind(&f->rec, rec))
		f->rec.flags |= QWAMOS_GPU_RECORD_F_MIXED;
	f->rec.asked = rec->asked;
	f->rec.used = rec->used;
	f->rec.limit = rec->limit;
	f->rec.pid = rec->pid;
	f->rec.uid = rec->uid;
	memcpy(f->rec.comm, rec->comm, sizeof(rec->comm));
	f->rec.count += rec->count;
}

/*
 * The fold of @rec's kind, or one to begin with it, or NULL: all are in use and too young. Called
 * with c->lock held.
 */
static struct qgpu_fold *find_fold(struct qgpu_chain *c, const struct qwamos_gpu_audit_record *rec)
{
	struct qgpu_fold *f, *old = NULL;
	u32 i;

	if (!c->folds)
		c->folds = kcalloc(QGPU_AUDIT_FOLDS, sizeof(*c->folds), GFP_NOWAIT | __GFP_NOWARN);
	if (!c->folds)
		return NULL;
	for (i = 0; i < c->n_folds; i++) {
		f = &c->folds[i];
		if (same_kind(&f->rec, rec))
			return f;
		if (rec->time_ns - f->start_ns > QGPU_FOLD_NS)
			old = f;
	}
	return c->n_folds < QGPU_AUDIT_FOLDS ? &c->folds[c->n_folds++] : old;
}

/* Any fold of the same event: for what finds no fold of its own. Called with c->lock held. */
static struct qgpu_fold *catch_all(struct qgpu_chain *c, u32 event)
{
	u32 i;

	for (i = 0; i < c->n_folds; i++)
		if (c->folds[i].rec.event == event)
			return &c->folds[i];
	return NULL;
}

static void begin_fold(struct qgpu_fold *f, const struct qwamos_gpu_audit_record *rec, u64 count)
{
	f->rec = *rec;
	f->rec.count = count;
	f->start_ns = rec->time_ns;
}

/**
 * qgpu_fold_enter() - put an event into the chain
 * @c: the chain, locked
 * @rec: the event
 *
 * As a record, or as one that is counted in a fold and becomes part of a record when the second is
 * over and the budget allows. Return: something waits.
 */
bool qgpu_fold_enter(struct qgpu_chain *c, const struct qwamos_gpu_audit_record *rec)
{
	struct qgpu_fold *f = find_fold(c, rec);

	if (f && same_kind(&f->rec, rec) &&
	    (rec->time_ns - f->start_ns <= QGPU_FOLD_NS || !qgpu_fold_flush(c, f))) {
		count_repeat(f, rec);
		return true;
	}
	if (f && !qgpu_fold_flush(c, f))
		f = NULL;
	if (take_token(c, rec)) {
		if (f)
			begin_fold(f, rec, 0);
		qgpu_audit_write(c, rec);
		return false;
	}
	if (f) {
		begin_fold(f, rec, rec->count);
		return true;
	}
	f = catch_all(c, rec->event);
	if (f)
		count_repeat(f, rec);
	else
		c->lost += rec->count;
	return f;
}
