// SPDX-License-Identifier: GPL-2.0-only
/* Audit chains: repeats become a count, and floods keep to a budget. See audit.h. */
#include <linux/ktime.h>
#include <linux/mm.h>
#include "audit.h"
#include "policy.h"

#define FOLD_NS NSEC_PER_SEC

/*
 * What a process can cause at will has a budget, so that no variety of wrong calls fills a VM's
 * chain soon: a share of the chain at once, then one record in so many seconds. What was allowed
 * has one of its own: a busy VM is not a suspicious one, and must not use up the room for what is.
 * The host's chain is that of all processes that are no VM's, and of what VMs' processes do to
 * devices that are nobody's.
 */
static const struct {
	u64 cost_ns; /* for each record */
	u64 host_cost_ns; /* in the host's chain */
	u32 burst; /* the share of the chain: one part of so many */
} budgets[QGPU_BUDGETS] = {
	[QGPU_BUDGET_REFUSED] = { 4ULL * NSEC_PER_SEC, NSEC_PER_SEC / 8, 4 },
	[QGPU_BUDGET_ALLOWED] = { 60ULL * NSEC_PER_SEC, NSEC_PER_SEC / 8, 16 },
	[QGPU_BUDGET_DEVICE] = { 4ULL * NSEC_PER_SEC, NSEC_PER_SEC / 8, 8 },
	[QGPU_BUDGET_HOTPLUG] = { 4ULL * NSEC_PER_SEC, NSEC_PER_SEC, 8 },
};
/*
 * And what each event has for itself, in records, once the others have used up what they share:
 * that no flood of one event keeps another one out of the log.
 */
#define OWN_BURST	 8
#define OWN_COST_NS	 (120ULL * NSEC_PER_SEC)
#define OWN_HOST_COST_NS (4ULL * NSEC_PER_SEC)

/*
 * The events that have a budget, and how many places each has: folds that nothing else can take,
 * one for each operation, refused call or way in, where all is counted that finds no fold of its
 * kind.
 */
#define CALLS (QWAMOS_GPU_CMD_GATE_LIST + 1)
#define WAYS  (QWAMOS_GPU_VFIO_OP_DETACH_IOAS + 1)

enum sub { SUB_NONE, SUB_OPERATION, SUB_ASKED };

static const struct kind {
	u8 event;
	u8 budget;
	u8 sub; /* what tells its places apart */
	u8 place; /* the first of them */
	u8 places;
} kinds[QGPU_AUDIT_KINDS] = {
	{ QWAMOS_GPU_EV_OPERATION_ALLOWED, QGPU_BUDGET_ALLOWED, SUB_OPERATION, 0, QGPU_OPS },
	{ QWAMOS_GPU_EV_OPERATION_DENIED, QGPU_BUDGET_REFUSED, SUB_OPERATION, 8, QGPU_OPS },
	{ QWAMOS_GPU_EV_OPERATION_RATE_LIMITED, QGPU_BUDGET_REFUSED, SUB_OPERATION, 16, QGPU_OPS },
	{ QWAMOS_GPU_EV_VRAM_QUOTA_EXCEEDED, QGPU_BUDGET_REFUSED, SUB_NONE, 24, 1 },
	{ QWAMOS_GPU_EV_QUEUES_QUOTA_EXCEEDED, QGPU_BUDGET_REFUSED, SUB_NONE, 25, 1 },
	{ QWAMOS_GPU_EV_DEVICE_OPENED, QGPU_BUDGET_REFUSED, SUB_NONE, 26, 1 },
	{ QWAMOS_GPU_EV_DEVICE_CLOSED, QGPU_BUDGET_REFUSED, SUB_NONE, 27, 1 },
	{ QWAMOS_GPU_EV_DEVICE_BOUND, QGPU_BUDGET_DEVICE, SUB_NONE, 28, 1 },
	{ QWAMOS_GPU_EV_DEVICE_UNBOUND, QGPU_BUDGET_DEVICE, SUB_NONE, 29, 1 },
	{ QWAMOS_GPU_EV_DEVICE_RESET, QGPU_BUDGET_DEVICE, SUB_NONE, 30, 1 },
	{ QWAMOS_GPU_EV_DEVICE_SCRUBBED, QGPU_BUDGET_DEVICE, SUB_NONE, 31, 1 },
	{ QWAMOS_GPU_EV_DEVICE_FAILED, QGPU_BUDGET_DEVICE, SUB_NONE, 32, 1 },
	{ QWAMOS_GPU_EV_VM_OUTSIDER, QGPU_BUDGET_REFUSED, SUB_NONE, 33, 1 },
	{ QWAMOS_GPU_EV_DEVICE_ADDED, QGPU_BUDGET_HOTPLUG, SUB_NONE, 34, 1 },
	{ QWAMOS_GPU_EV_DEVICE_REMOVED, QGPU_BUDGET_HOTPLUG, SUB_NONE, 35, 1 },
	{ QWAMOS_GPU_EV_DEVICE_REVOKE_REQUESTED, QGPU_BUDGET_REFUSED, SUB_NONE, 36, 1 },
	{ QWAMOS_GPU_EV_GATE_OPENED, QGPU_BUDGET_REFUSED, SUB_NONE, 37, 1 },
	{ QWAMOS_GPU_EV_GATE_CLOSED, QGPU_BUDGET_REFUSED, SUB_NONE, 38, 1 },
	{ QWAMOS_GPU_EV_GATE_OPEN_REFUSED, QGPU_BUDGET_REFUSED, SUB_NONE, 39, 1 },
	{ QWAMOS_GPU_EV_GATE_CALL_REFUSED, QGPU_BUDGET_REFUSED, SUB_NONE, 40, 1 },
	{ QWAMOS_GPU_EV_DEVICE_OPEN_REFUSED, QGPU_BUDGET_REFUSED, SUB_ASKED, 41, WAYS },
	{ QWAMOS_GPU_EV_CALL_REFUSED, QGPU_BUDGET_REFUSED, SUB_ASKED, 41 + WAYS, CALLS },
};

static_assert(QGPU_OPS == 8);
static_assert(41 + WAYS + CALLS <= QGPU_AUDIT_PLACES);

#define ALL_FOLDS (QGPU_AUDIT_FOLDS + QGPU_AUDIT_PLACES)

/* Return: NULL for an event without a budget. */
static const struct kind *kind_of(u32 event)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].event == event)
			return &kinds[i];
	return NULL;
}

/** qgpu_audit_budget() - which budget an &enum qwamos_gpu_event draws on */
enum qgpu_budget qgpu_audit_budget(u32 event)
{
	const struct kind *k = kind_of(event);

	return k ? k->budget : QGPU_BUDGET_FREE;
}

/**
 * qgpu_folds_new() - the folds of a new chain
 *
 * Return: to be freed with kvfree(), or NULL.
 */
struct qgpu_fold *qgpu_folds_new(void)
{
	return kvcalloc(ALL_FOLDS, sizeof(struct qgpu_fold), GFP_KERNEL_ACCOUNT);
}

static bool take(struct qgpu_bucket *b, u64 now, u64 cost, u64 burst)
{
	b->tokens = min(b->tokens + (now - b->ns), cost * burst);
	b->ns = now;
	if (b->tokens < cost)
		return false;
	b->tokens -= cost;
	return true;
}

/* Take what a record costs. Called with c->lock held. */
static bool take_token(struct qgpu_chain *c, const struct kind *k, u64 now)
{
	lockdep_assert_held(&c->lock);
	return take(&c->common[k->budget], now,
		    c->id ? budgets[k->budget].cost_ns : budgets[k->budget].host_cost_ns,
		    qgpu_audit_records / budgets[k->budget].burst) ||
	       take(&c->own[k - kinds], now, c->id ? OWN_COST_NS : OWN_HOST_COST_NS, OWN_BURST);
}

/* All that makes two events of one kind, but for the device and who acted. */
static u64 key_of(const struct qwamos_gpu_audit_record *r)
{
	bool way = r->event == QWAMOS_GPU_EV_DEVICE_OPEN_REFUSED ||
		   r->event == QWAMOS_GPU_EV_CALL_REFUSED ||
		   r->event == QWAMOS_GPU_EV_GATE_CALL_REFUSED;

	return (u64)(u8)r->event | (u64)(u8)r->operation << 8 | (u64)(u8)r->reason << 16 |
	       (u64)(u8)r->level << 24 | (u64)(u16)r->result << 32 |
	       (way ? (u64)(u16)r->asked << 48 : 0);
}

/* Devices that do not exist have no name and are all the same: who makes up ids makes no kinds. */
static bool same_device(const struct qgpu_fold *f, const struct qwamos_gpu_audit_record *r)
{
	return f->device_name[0] ? r->device_name[0] && f->device_id == r->device_id
				 : !r->device_name[0];
}

/* But for the process. */
static bool same_user(const struct qgpu_fold *f, const struct qwamos_gpu_audit_record *r)
{
	return f->key == key_of(r) && f->uid == r->uid && same_device(f, r);
}

static bool same_kind(const struct qgpu_fold *f, const struct qwamos_gpu_audit_record *r)
{
	return same_user(f, r) && f->pid == r->pid;
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
	f->pid = r->pid;
	f->uid = r->uid;
	f->flags = 0;
	memcpy(f->device_name, r->device_name, sizeof(f->device_name));
	memcpy(f->comm, r->comm, sizeof(f->comm));
}

/* Of several kinds, it goes on telling the first one's author, operation, reason and device. */
static void count_repeat(struct qgpu_fold *f, const struct qwamos_gpu_audit_record *r)
{
	if (!same_kind(f, r))
		f->flags |= QWAMOS_GPU_RECORD_F_MIXED;
	else
		memcpy(f->comm, r->comm, sizeof(f->comm));
	if (!f->count)
		f->first_ns = r->time_ns;
	if (!f->device_name[0])
		f->device_id = !f->count || f->device_id == r->device_id ? r->device_id : 0;
	f->last_ns = r->last_ns;
	f->asked = r->asked;
	f->used = r->used;
	f->limit = r->limit;
	f->count += r->count;
}

/* Where all is counted that finds no fold of its kind. */
static struct qgpu_fold *place_of(struct qgpu_chain *c, const struct kind *k,
				  const struct qwamos_gpu_audit_record *r)
{
	u64 sub = k->sub == SUB_OPERATION ? r->operation : k->sub == SUB_ASKED ? r->asked : 0;

	return c->folds + QGPU_AUDIT_FOLDS + k->place + min_t(u64, sub, k->places - 1);
}

/* May it be used for another kind? */
static bool idle(const struct qgpu_fold *f, u64 now)
{
	return !f->count && (!f->event || now - f->start_ns > FOLD_NS);
}

/*
 * The fold of @r's kind, or one to begin with it, or NULL: all others are young, or something waits
 * in them. @place: place_of() it; @near: out: one where the same user's wait. Called with c->lock
 * held.
 */
static struct qgpu_fold *find_fold(struct qgpu_chain *c, const struct qwamos_gpu_audit_record *r,
				   u64 now, struct qgpu_fold *place, struct qgpu_fold **near)
{
	struct qgpu_fold *f, *old = NULL;

	for (f = c->folds; f < c->folds + QGPU_AUDIT_FOLDS; f++) {
		if (same_kind(f, r))
			return f;
		if (f->count && same_user(f, r))
			*near = f;
		if (idle(f, now))
			old = f;
	}
	if (!old && (same_kind(place, r) || idle(place, now)))
		old = place;
	return old;
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
	const struct kind *k = kind_of(r->event);
	struct qgpu_fold *f, *place, *near = NULL;
	u64 now = ktime_get_boottime_ns();

	lockdep_assert_held(&c->lock);
	if (!k || WARN_ON_ONCE(!c->folds)) {
		qgpu_audit_write(c, r);
		return false;
	}
	place = place_of(c, k, r);
	f = find_fold(c, r, now, place, &near);
	if (f && same_kind(f, r) && (f->count || now - f->start_ns <= FOLD_NS)) {
		count_repeat(f, r);
		return true;
	}
	/* The first of its kind. */
	if (f)
		begin_fold(f, r, now);
	if (take_token(c, k, now)) {
		qgpu_audit_write(c, r);
		return false;
	}
	if (!f && !near && !place->count)
		begin_fold(place, r, now);
	count_repeat(f ?: near ?: place, r);
	return true;
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
	bool spent[QGPU_AUDIT_KINDS] = {};
	u64 now = ktime_get_boottime_ns();
	struct qgpu_fold *f, *next;
	const struct kind *k;

	lockdep_assert_held(&c->lock);
	if (!c->folds)
		return;
	do {
		next = NULL;
		for (f = c->folds; f < c->folds + ALL_FOLDS; f++) {
			if (!f->count || spent[kind_of(f->event) - kinds] ||
			    (why == QGPU_FLUSH_OLD && now - f->start_ns < FOLD_NS))
				continue;
			if (!next || f->first_ns < next->first_ns)
				next = f;
		}
		if (!next)
			break;
		k = kind_of(next->event);
		if (why == QGPU_FLUSH_END || take_token(c, k, now))
			write_fold(c, next);
		else
			spent[k - kinds] = true;
	} while (next);
}

/** qgpu_folds_wait() - does anything wait in the folds of a chain, which is locked? */
bool qgpu_folds_wait(const struct qgpu_chain *c)
{
	u32 i;

	lockdep_assert_held(&c->lock);
	for (i = 0; c->folds && i < ALL_FOLDS; i++)
		if (c->folds[i].count)
			return true;
	return false;
}
