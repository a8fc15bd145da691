// SPDX-License-Identifier: GPL-2.0-only
/* Audit chains: repeats become a count, and floods keep to a budget. See audit.h. */
#include <linux/ktime.h>
#include "audit.h"

#define FOLD_NS NSEC_PER_SEC

/*
 * What a process can cause at will has a budget, so that no variety of wrong calls fills a VM's
 * chain soon: a share of the chain at once, then one record in so many seconds. What was allowed
 * has one of its own: a busy VM is not a suspicious one, and must not use up the room for what is.
 */
static const struct {
	u64 cost_ns; /* for each record */
	u32 burst; /* the share of the chain: one part of so many */
} budgets[QGPU_BUDGETS] = {
	[QGPU_BUDGET_REFUSED] = { 4ULL * NSEC_PER_SEC, 4 },
	[QGPU_BUDGET_ALLOWED] = { 60ULL * NSEC_PER_SEC, 16 },
};
/* The host's chain is that of all processes that are no VM's. */
#define HOST_COST_NS (NSEC_PER_SEC / 8)

/** qgpu_audit_budget() - which budget an &enum qwamos_gpu_event draws on */
enum qgpu_budget qgpu_audit_budget(u32 event)
{
	switch (event) {
	case QWAMOS_GPU_EV_OPERATION_ALLOWED:
		return QGPU_BUDGET_ALLOWED;
	case QWAMOS_GPU_EV_OPERATION_DENIED:
	case QWAMOS_GPU_EV_OPERATION_RATE_LIMITED:
	case QWAMOS_GPU_EV_VRAM_QUOTA_EXCEEDED:
	case QWAMOS_GPU_EV_QUEUES_QUOTA_EXCEEDED:
	case QWAMOS_GPU_EV_CALL_REFUSED:
	case QWAMOS_GPU_EV_VM_OUTSIDER:
	case QWAMOS_GPU_EV_DEVICE_OPEN_REFUSED:
	case QWAMOS_GPU_EV_DEVICE_OPENED:
	case QWAMOS_GPU_EV_DEVICE_CLOSED:
		return QGPU_BUDGET_REFUSED;
	}
	return QGPU_BUDGET_FREE;
}

/* Take what a record costs. Called with c->lock held. */
static bool take_token(struct qgpu_chain *c, u32 event)
{
	enum qgpu_budget b = qgpu_audit_budget(event);
	u64 cost, now;

	lockdep_assert_held(&c->lock);
	if (b == QGPU_BUDGET_FREE)
		return true;
	cost = c->id ? budgets[b].cost_ns : HOST_COST_NS;
	now = ktime_get_boottime_ns();
	c->tokens[b] = min(c->tokens[b] + (now - c->tokens_ns[b]),
			   cost * (qgpu_audit_records / budgets[b].burst));
	c->tokens_ns[b] = now;
	if (c->tokens[b] < cost)
		return false;
	c->tokens[b] -= cost;
	return true;
}

/*
 * All that makes two events of one kind, but for the device and, in the host's chain, the user: in
 * a VM's chain users do not count, for a VMM that runs as root is any user that it likes.
 */
static u64 key_of(const struct qwamos_gpu_audit_record *r)
{
	bool way = r->event == QWAMOS_GPU_EV_DEVICE_OPEN_REFUSED ||
		   r->event == QWAMOS_GPU_EV_CALL_REFUSED;

	return (u64)(u8)r->event | (u64)(u8)r->operation << 8 | (u64)(u8)r->reason << 16 |
	       (u64)(u8)r->level << 24 | (u64)(u16)r->result << 32 |
	       (way ? (u64)(u16)r->asked << 48 : 0);
}

static bool same_kind(const struct qgpu_fold *f, const struct qwamos_gpu_audit_record *r)
{
	return f->key == key_of(r) && f->device_id == r->device_id &&
	       (r->chain || f->uid == r->uid);
}

/* Put what is in a fold into the chain. Called with c->lock held. */
static void write_fold(struct qgpu_chain *c, struct qgpu_fold *f)
{
	struct qwamos_gpu_audit_record rec = {
		.chain = c->id,
		.time_ns = f->first_ns,
		.last_ns = f->last_ns,
		.count = f->count,
		.device_id = f->device_id,
		.asked = f->asked,
		.used = f->used,
		.limit = f->limit,
		.event = f->event,
		.operation = f->op,
		.reason = f->reason,
		.result = f->result,
		.level = f->level,
		.pid = f->pid,
		.uid = f->uid,
		.flags = f->flags,
	};

	memcpy(rec.vm_name, c->name, sizeof(rec.vm_name));
	memcpy(rec.device_name, f->device_name, sizeof(rec.device_name));
	memcpy(rec.comm, f->comm, sizeof(rec.comm));
	qgpu_audit_write(c, &rec);
	f->count = 0;
	f->flags = 0;
	f->start_ns = ktime_get_boottime_ns();
}

static void begin_fold(struct qgpu_fold *f, const struct qwamos_gpu_audit_record *r, u64 now)
{
	f->key = key_of(r);
	f->device_id = r->device_id;
	f->start_ns = now;
	f->count = 0;
	f->event = r->event;
	f->op = r->operation;
	f->reason = r->reason;
	f->result = r->result;
	f->level = r->level;
	f->uid = r->uid;
	f->flags = 0;
	memcpy(f->device_name, r->device_name, sizeof(f->device_name));
}

static void count_repeat(struct qgpu_fold *f, const struct qwamos_gpu_audit_record *r)
{
	if (!same_kind(f, r))
		f->flags |= QWAMOS_GPU_RECORD_F_MIXED;
	if (!f->count)
		f->first_ns = r->time_ns;
	f->last_ns = r->last_ns;
	f->asked = r->asked;
	f->used = r->used;
	f->limit = r->limit;
	f->pid = r->pid;
	f->uid = r->uid;
	memcpy(f->comm, r->comm, sizeof(f->comm));
	f->count += r->count;
}

/*
 * The fold of @r's kind, or one to begin with it, or NULL: all others are young, or something waits
 * in them. Called with c->lock held.
 */
static struct qgpu_fold *find_fold(struct qgpu_chain *c, const struct qwamos_gpu_audit_record *r,
				   u64 now)
{
	struct qgpu_fold *f, *old = NULL;
	u32 i;

	if (!c->folds)
		c->folds = qgpu_audit_page_get(true);
	if (!c->folds)
		return NULL;
	for (i = 0; i < c->n_folds; i++) {
		f = &c->folds[i];
		if (same_kind(f, r))
			return f;
		if (!f->count && now - f->start_ns > FOLD_NS)
			old = f;
	}
	if (c->n_folds < QGPU_AUDIT_FOLDS) {
		old = &c->folds[c->n_folds++];
		memset(old, 0, sizeof(*old));
	}
	return old;
}

/* Any fold of the same event: for what finds no fold of its own. Called with c->lock held. */
static struct qgpu_fold *catch_all(struct qgpu_chain *c, u32 event)
{
	u32 i;

	for (i = 0; i < c->n_folds; i++)
		if (c->folds[i].event == event)
			return &c->folds[i];
	return NULL;
}

/**
 * qgpu_fold_enter() - put an event into the chain
 * @c: the chain, locked
 * @r: the event
 *
 * As a record, or as one that is counted in a fold and becomes part of a record when the second is
 * over and the budget allows. Return: something waits.
 */
bool qgpu_fold_enter(struct qgpu_chain *c, const struct qwamos_gpu_audit_record *r)
{
	u64 now = ktime_get_boottime_ns();
	struct qgpu_fold *f;

	lockdep_assert_held(&c->lock);
	if (qgpu_audit_budget(r->event) == QGPU_BUDGET_FREE) {
		qgpu_audit_write(c, r);
		return false;
	}
	f = find_fold(c, r, now);
	if (f && f->key && same_kind(f, r) && (f->count || now - f->start_ns <= FOLD_NS)) {
		count_repeat(f, r);
		return true;
	}
	/* The first of its kind. */
	if (f)
		begin_fold(f, r, now);
	if (take_token(c, r->event)) {
		qgpu_audit_write(c, r);
		return false;
	}
	if (!f)
		f = catch_all(c, r->event);
	if (f)
		count_repeat(f, r);
	else
		c->lost += r->count;
	return f;
}

/**
 * qgpu_folds_flush() - turn what waits in folds into records
 * @c: the chain, locked
 * @why: which, and whether the budget counts
 *
 * Who has waited longest comes first, so that no kind keeps the budget from another.
 */
void qgpu_folds_flush(struct qgpu_chain *c, enum qgpu_flush why)
{
	bool spent[QGPU_BUDGETS] = {};
	u64 now = ktime_get_boottime_ns();
	struct qgpu_fold *f, *next;
	u32 i;

	lockdep_assert_held(&c->lock);
	do {
		next = NULL;
		for (i = 0; i < c->n_folds; i++) {
			f = &c->folds[i];
			if (!f->count || spent[qgpu_audit_budget(f->event)] ||
			    (why == QGPU_FLUSH_OLD && now - f->start_ns < FOLD_NS))
				continue;
			if (!next || f->first_ns < next->first_ns)
				next = f;
		}
		if (next && (why == QGPU_FLUSH_END || take_token(c, next->event)))
			write_fold(c, next);
		else if (next)
			spent[qgpu_audit_budget(next->event)] = true;
	} while (next);
}

/** qgpu_folds_wait() - does anything wait in the folds of a chain, which is locked? */
bool qgpu_folds_wait(const struct qgpu_chain *c)
{
	u32 i;

	lockdep_assert_held(&c->lock);
	for (i = 0; i < c->n_folds; i++)
		if (c->folds[i].count)
			return true;
	return false;
}
