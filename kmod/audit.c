// SPDX-License-Identifier: GPL-2.0-only
/* Audit chains: their life, and how events get into them. See audit.h. */
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uuid.h>
#include <crypto/sha2.h>
#include "audit.h"
#include "notes.h"

/*
 * Guards qgpu_chains and serializes sealing and reading; taken before any chain's lock, never on
 * the path of an ioctl that audits.
 */
DEFINE_MUTEX(qgpu_audit_mutex);
LIST_HEAD(qgpu_chains);
/* Lost with whole chains; guarded by the mutex. */
u64 qgpu_audit_evicted;

static struct qgpu_chain *host;
static uuid_t instance;

static_assert(sizeof(struct qwamos_gpu_audit_record) == 288);

const u8 *qgpu_audit_instance(void)
{
	return instance.b;
}

u32 qgpu_audit_capacity(void)
{
	return qgpu_audit_records;
}

/* The hash before the first record binds a chain to this load of the module and to its id. */
static void genesis(u64 id, u8 *out)
{
	static const char tag[] = "qwamos-gpu audit 1";
	u8 buf[sizeof(tag) - 1 + sizeof(uuid_t) + sizeof(__le64)];
	__le64 le = cpu_to_le64(id);

	memcpy(buf, tag, sizeof(tag) - 1);
	memcpy(buf + sizeof(tag) - 1, instance.b, sizeof(uuid_t));
	memcpy(buf + sizeof(tag) - 1 + sizeof(uuid_t), &le, sizeof(le));
	sha256(buf, sizeof(buf), out);
}

/**
 * qgpu_chain_new() - a new chain
 * @id: VM id, or 0
 * @name: VM name
 *
 * Return: the chain, or NULL if there is no memory.
 */
struct qgpu_chain *qgpu_chain_new(u64 id, const char *name)
{
	struct qgpu_chain *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);
	u64 now = ktime_get_boottime_ns();
	u32 b;

	if (!c)
		return NULL;
	if (id) {
		c->notes = qgpu_notes_new();
		if (!c->notes) {
			kfree(c);
			return NULL;
		}
	}
	c->id = id;
	strscpy(c->name, name, sizeof(c->name));
	spin_lock_init(&c->lock);
	INIT_LIST_HEAD(&c->pages);
	genesis(id, c->base_hash);
	memcpy(c->head_hash, c->base_hash, sizeof(c->head_hash));
	for (b = 0; b < QGPU_BUDGETS; b++) {
		c->tokens[b] = U64_MAX / 2; /* full; cut to the budget at the first use */
		c->tokens_ns[b] = now;
	}
	mutex_lock(&qgpu_audit_mutex);
	list_add_tail(&c->node, &qgpu_chains);
	mutex_unlock(&qgpu_audit_mutex);
	return c;
}

/* Called with c->lock held, or when nobody else knows the chain. */
static void drop_waiting(struct qgpu_chain *c)
{
	qgpu_audit_page_put(c->folds);
	c->folds = NULL;
	c->n_folds = 0;
	kfree(c->notes);
	c->notes = NULL;
}

/**
 * qgpu_chain_drop() - forget a chain in which nothing was ever written
 * @c: the chain
 */
void qgpu_chain_drop(struct qgpu_chain *c)
{
	mutex_lock(&qgpu_audit_mutex);
	list_del(&c->node);
	mutex_unlock(&qgpu_audit_mutex);
	drop_waiting(c);
	kfree(c);
}

/**
 * qgpu_chain_end() - the VM is gone; its records stay until their pages are needed
 * @c: the chain; not to be used by the caller any more
 */
void qgpu_chain_end(struct qgpu_chain *c)
{
	mutex_lock(&qgpu_audit_mutex);
	qgpu_audit_seal_chain(c, QGPU_FLUSH_END);
	spin_lock(&c->lock);
	c->dead = true;
	drop_waiting(c);
	spin_unlock(&c->lock);
	/*
	 * Dead chains stand in the order of their deaths behind one another: the first in the list
	 * dies first.
	 */
	list_move_tail(&c->node, &qgpu_chains);
	mutex_unlock(&qgpu_audit_mutex);
}

/**
 * qgpu_audit_write() - write a record and give it its number
 * @c: the chain, locked
 * @rec: the record
 */
void qgpu_audit_write(struct qgpu_chain *c, const struct qwamos_gpu_audit_record *rec)
{
	struct qwamos_gpu_audit_record *r = qgpu_audit_room(c);

	lockdep_assert_held(&c->lock);
	if (!r) {
		c->lost++;
		return;
	}
	*r = *rec;
	r->seq = ++c->seq;
	if (qgpu_audit_budget(r->event) == QGPU_BUDGET_FREE)
		c->kept++;
}

/* The record of an event of @c, but for who caused it. */
static struct qwamos_gpu_audit_record record_of(struct qgpu_chain *c, const struct qgpu_event *ev)
{
	u64 now = ktime_get_boottime_ns();
	struct qwamos_gpu_audit_record rec = {
		.chain = c->id,
		.time_ns = now,
		.last_ns = now,
		.count = 1,
		.device_id = ev->device_id,
		.asked = ev->asked,
		.used = ev->used,
		.limit = ev->limit,
		.event = ev->event,
		.operation = ev->op,
		.reason = ev->reason,
		.result = ev->result,
		.level = ev->level,
	};

	strscpy_pad(rec.vm_name, c->name, sizeof(rec.vm_name));
	if (ev->device_name)
		strscpy_pad(rec.device_name, ev->device_name, sizeof(rec.device_name));
	return rec;
}

/**
 * qgpu_audit_repeats() - put an event that came several times into the log
 * @c: the VM's chain, locked
 * @ev: the event
 * @more: how often, when and by whom
 *
 * Return: they wait to become a record, for qgpu_audit_wake().
 */
bool qgpu_audit_repeats(struct qgpu_chain *c, const struct qgpu_event *ev,
			const struct qgpu_repeats *more)
{
	struct qwamos_gpu_audit_record rec = record_of(c, ev);

	lockdep_assert_held(&c->lock);
	rec.count = more->count;
	rec.time_ns -= more->first_age_ns;
	rec.last_ns -= more->last_age_ns;
	rec.pid = more->pid;
	rec.uid = more->uid;
	memcpy(rec.comm, more->comm, sizeof(rec.comm));
	return qgpu_fold_enter(c, &rec);
}

/**
 * qgpu_audit_wake() - what was put into a chain is to be sealed
 * @c: the chain, not locked
 * @waits: it waits to become a record
 */
void qgpu_audit_wake(struct qgpu_chain *c, bool waits)
{
	qgpu_audit_want_seal(c, !waits);
}

/**
 * qgpu_audit() - put an event into the log
 * @c: the VM's chain, or NULL for the host's
 * @ev: the event
 *
 * Does not sleep. The caller's process, user and command are the current task's; a kernel thread's
 * are zero.
 */
void qgpu_audit(struct qgpu_chain *c, const struct qgpu_event *ev)
{
	struct qwamos_gpu_audit_record rec;
	bool folded;

	if (!c)
		c = host;
	rec = record_of(c, ev);
	if (!(current->flags & PF_KTHREAD)) {
		rec.pid = task_tgid_nr(current);
		rec.uid = from_kuid_munged(&init_user_ns, current_uid());
		get_task_comm(rec.comm, current);
	}
	spin_lock(&c->lock);
	folded = qgpu_fold_enter(c, &rec);
	spin_unlock(&c->lock);
	qgpu_audit_want_seal(c, !folded);
}

/**
 * qgpu_audit_init() - the host's chain
 *
 * Return: 0, -EINVAL for a parameter out of its range, or -ENOMEM.
 */
int qgpu_audit_init(void)
{
	int ret = qgpu_audit_pool_init();

	if (ret)
		return ret;
	uuid_gen(&instance);
	host = qgpu_chain_new(0, "");
	return host ? 0 : -ENOMEM;
}

/** qgpu_audit_exit() - free every record; nothing may audit any more */
void qgpu_audit_exit(void)
{
	struct qgpu_audit_page *p, *pn;
	struct qgpu_chain *c, *n;

	qgpu_audit_seal_exit();
	list_for_each_entry_safe(c, n, &qgpu_chains, node) {
		list_for_each_entry_safe(p, pn, &c->pages, node)
			qgpu_audit_page_put(p);
		drop_waiting(c);
		kfree(c);
	}
	INIT_LIST_HEAD(&qgpu_chains);
	host = NULL;
	qgpu_audit_pool_exit();
}
