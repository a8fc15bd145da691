// SPDX-License-Identifier: GPL-2.0-only
/* Audit chains: their life, and how events get into them. See audit.h. */
#include <linux/cred.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uuid.h>
#include <linux/xarray.h>
#include <crypto/sha2.h>
#include "audit.h"
#include "notes.h"

/* All chains by their id; a VM's id is never used twice. Each has a reference of the table's. */
static DEFINE_XARRAY_FLAGS(chains, XA_FLAGS_ACCOUNT);
/* Chains of VMs that are gone, in the order of their ends. A leaf. */
static DEFINE_SPINLOCK(dead_lock);
static LIST_HEAD(dead_chains);
static atomic_t live = ATOMIC_INIT(0);
/* Lost with whole chains. */
static atomic64_t lost_chains = ATOMIC64_INIT(0);

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
 * qgpu_chain_put() - put a reference of a chain
 * @c: the chain; does not sleep
 */
void qgpu_chain_put(struct qgpu_chain *c)
{
	if (!refcount_dec_and_test(&c->ref))
		return;
	WARN_ON_ONCE(c->n_pages);
	kvfree(c->folds);
	kfree(c->notes);
	kfree_rcu(c, rcu);
}

/** qgpu_chain_find() - the chain of an id, with a reference, or NULL */
struct qgpu_chain *qgpu_chain_find(u64 id)
{
	struct qgpu_chain *c;

	rcu_read_lock();
	c = xa_load(&chains, id);
	if (c && !refcount_inc_not_zero(&c->ref))
		c = NULL;
	rcu_read_unlock();
	return c;
}

/**
 * qgpu_chain_next() - walk all chains
 * @c: a chain, whose reference is put, or NULL to begin
 *
 * Holds nothing between two steps, and meets all chains that are there all the time. Return: the
 * next one, with a reference, or NULL.
 */
struct qgpu_chain *qgpu_chain_next(struct qgpu_chain *c)
{
	unsigned long id = c ? c->id : 0;
	struct qgpu_chain *n;

	rcu_read_lock();
	n = c ? xa_find_after(&chains, &id, ULONG_MAX, XA_PRESENT)
	      : xa_find(&chains, &id, ULONG_MAX, XA_PRESENT);
	while (n && !refcount_inc_not_zero(&n->ref))
		n = xa_find_after(&chains, &id, ULONG_MAX, XA_PRESENT);
	rcu_read_unlock();
	if (c)
		qgpu_chain_put(c);
	return n;
}

/**
 * qgpu_chain_next_dead() - walk the chains of VMs that are gone
 * @c: one of them, or NULL to begin
 *
 * For the sealer alone, who alone forgets them: there are no references. Return: the next one, or
 * NULL.
 */
struct qgpu_chain *qgpu_chain_next_dead(struct qgpu_chain *c)
{
	struct list_head *next;

	spin_lock(&dead_lock);
	next = c ? c->dead_node.next : dead_chains.next;
	spin_unlock(&dead_lock);
	return next == &dead_chains ? NULL : list_entry(next, struct qgpu_chain, dead_node);
}

/** qgpu_chains_live() - how many chains there are of the host and of VMs that are not gone */
u32 qgpu_chains_live(void)
{
	return atomic_read(&live);
}

/** qgpu_chains_lost() - what was lost with whole chains */
u64 qgpu_chains_lost(void)
{
	return atomic64_read(&lost_chains);
}

/**
 * qgpu_chain_forget() - take a chain without records out of the table
 * @c: the chain, dead or never alive
 */
void qgpu_chain_forget(struct qgpu_chain *c)
{
	spin_lock(&dead_lock);
	list_del_init(&c->dead_node);
	spin_unlock(&dead_lock);
	xa_erase(&chains, c->id);
	atomic64_add(c->lost, &lost_chains);
	qgpu_chain_put(c);
}

/**
 * qgpu_chain_new() - a new chain
 * @id: VM id, or 0
 * @name: VM name
 *
 * All that it needs to count what it can't record is there from the beginning. Return: the chain,
 * or NULL if there is no memory.
 */
struct qgpu_chain *qgpu_chain_new(u64 id, const char *name)
{
	struct qgpu_chain *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);
	u64 now = ktime_get_boottime_ns();
	u32 i;

	if (!c)
		return NULL;
	refcount_set(&c->ref, 1);
	c->id = id;
	strscpy(c->name, name, sizeof(c->name));
	spin_lock_init(&c->lock);
	INIT_LIST_HEAD(&c->dead_node);
	INIT_LIST_HEAD(&c->pages);
	genesis(id, c->base_hash);
	memcpy(c->head_hash, c->base_hash, sizeof(c->head_hash));
	/* Full; cut to the budget at the first use. */
	for (i = 0; i < QGPU_BUDGETS; i++)
		c->common[i] = (struct qgpu_bucket){ U64_MAX / 2, now };
	for (i = 0; i < QGPU_AUDIT_KINDS; i++)
		c->own[i] = (struct qgpu_bucket){ U64_MAX / 2, now };
	c->folds = qgpu_folds_new();
	c->notes = id ? qgpu_notes_new() : NULL;
	if (!c->folds || (id && !c->notes) || xa_insert(&chains, id, c, GFP_KERNEL_ACCOUNT)) {
		qgpu_chain_put(c);
		return NULL;
	}
	atomic_inc(&live);
	return c;
}

/**
 * qgpu_chain_drop() - forget a chain in which nothing was ever written
 * @c: the chain; it may wait to be sealed all the same, for what could not be written
 */
void qgpu_chain_drop(struct qgpu_chain *c)
{
	atomic_dec(&live);
	qgpu_chain_forget(c);
}

/**
 * qgpu_chain_end() - the VM is gone; its records stay until their pages are needed
 * @c: the chain; not to be used by the caller any more
 */
void qgpu_chain_end(struct qgpu_chain *c)
{
	struct qgpu_notes *notes;
	struct qgpu_fold *folds;
	bool empty;

	spin_lock(&c->lock);
	qgpu_notes_collect(c, true);
	qgpu_folds_flush(c, QGPU_FLUSH_END);
	c->dead = true;
	notes = c->notes;
	c->notes = NULL;
	folds = c->folds;
	c->folds = NULL;
	empty = !c->n_pages;
	spin_unlock(&c->lock);
	kvfree(folds);
	kfree(notes);
	if (empty) {
		qgpu_chain_drop(c);
		return;
	}
	atomic_dec(&live);
	qgpu_audit_want_seal(c, true);
	/* From here on the sealer may forget it. */
	spin_lock(&dead_lock);
	list_add_tail(&c->dead_node, &dead_chains);
	spin_unlock(&dead_lock);
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
		c->lost += rec->count;
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
	struct qgpu_chain *c;
	unsigned long id;

	qgpu_audit_seal_exit();
	xa_for_each(&chains, id, c) {
		list_for_each_entry_safe(p, pn, &c->pages, node)
			qgpu_audit_page_put(p);
		c->n_pages = 0;
		qgpu_chain_forget(c);
	}
	xa_destroy(&chains);
	host = NULL;
	qgpu_audit_pool_exit();
}
