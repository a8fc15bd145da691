// SPDX-License-Identifier: GPL-2.0-only
/* Audit chains: writing, folding, sealing. See audit.h. */
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uuid.h>
#include <linux/workqueue.h>
#include <crypto/sha2.h>
#include "audit.h"
#include "notes.h"

#define HASHED_BYTES offsetof(struct qwamos_gpu_audit_record, hash)

unsigned int qgpu_audit_records = 1024;
module_param_named(audit_records, qgpu_audit_records, uint, 0444);
MODULE_PARM_DESC(audit_records,
		 "audit records kept for each VM and for the host, at least 1000 (default 1024)");

static unsigned int audit_pool_pages = 4096;
module_param(audit_pool_pages, uint, 0444);
MODULE_PARM_DESC(audit_pool_pages, "pages for audit records of all VMs together (default 4096)");

/*
 * Guards qgpu_chains and serializes sealing and reading; taken before any chain's lock, never on
 * the path of an ioctl that audits.
 */
DEFINE_MUTEX(qgpu_audit_mutex);
LIST_HEAD(qgpu_chains);
/* Lost with whole chains; guarded by the mutex. */
u64 qgpu_audit_evicted;

/* Guards the list of chains that have something to seal. Taken alone. */
static DEFINE_SPINLOCK(seal_list_lock);
static LIST_HEAD(seal_list);

/* Pages handed out to chains; the bound is audit_pool_pages. */
static atomic_t pool_used = ATOMIC_INIT(0);

static struct qgpu_chain *host;
static u64 last_order; /* guarded by qgpu_audit_mutex */
static uuid_t instance;

static void seal_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(seal_work, seal_work_fn);

static_assert(sizeof(struct qgpu_audit_page) <= PAGE_SIZE);
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
	INIT_LIST_HEAD(&c->seal_node);
	genesis(id, c->base_hash);
	memcpy(c->head_hash, c->base_hash, sizeof(c->head_hash));
	c->tokens = U64_MAX / 2; /* full; cut to the budget at the first use */
	c->tokens_ns = ktime_get_boottime_ns();
	mutex_lock(&qgpu_audit_mutex);
	list_add_tail(&c->node, &qgpu_chains);
	mutex_unlock(&qgpu_audit_mutex);
	return c;
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
	kfree(c->notes);
	kfree(c);
}

/*
 * Sealing is under way or to come for @c. What only waits, in a chain that stands in the list
 * already, is seen when the chain's turn comes: no lock that other VMs take.
 */
static void want_seal(struct qgpu_chain *c, unsigned long delay)
{
	if (delay && !list_empty_careful(&c->seal_node))
		return;
	spin_lock(&seal_list_lock);
	if (list_empty(&c->seal_node))
		list_add_tail(&c->seal_node, &seal_list);
	spin_unlock(&seal_list_lock);
	if (delay)
		schedule_delayed_work(&seal_work, delay);
	else
		mod_delayed_work(system_wq, &seal_work, 0);
}

/* Take the oldest page out of a chain if all of it is sealed. Called with c->lock held. */
static struct qgpu_audit_page *take_oldest(struct qgpu_chain *c)
{
	struct qgpu_audit_page *p =
		list_first_entry_or_null(&c->pages, struct qgpu_audit_page, node);
	u32 n;

	lockdep_assert_held(&c->lock);
	if (!p)
		return NULL;
	n = list_is_last(&p->node, &c->pages) ? c->tail_used : QGPU_AUDIT_PER_PAGE;
	if (!n || p->rec[n - 1].seq > c->sealed)
		return NULL;
	memcpy(c->base_hash, p->rec[n - 1].hash, sizeof(c->base_hash));
	list_del(&p->node);
	c->n_pages--;
	c->lost += n;
	if (!c->n_pages)
		c->tail_used = 0;
	return p;
}

/*
 * Give back pages of dead chains, and those chains when they are empty, until the pool is a
 * sixteenth free. Called with the mutex held.
 */
static void evict_dead(void)
{
	struct qgpu_chain *c, *n;
	struct qgpu_audit_page *p;
	int enough = audit_pool_pages - audit_pool_pages / 16;

	lockdep_assert_held(&qgpu_audit_mutex);
	list_for_each_entry_safe(c, n, &qgpu_chains, node) {
		if (atomic_read(&pool_used) <= enough)
			return;
		if (!c->dead)
			continue;
		spin_lock(&c->lock);
		while (atomic_read(&pool_used) > enough && (p = take_oldest(c))) {
			free_page((unsigned long)p);
			atomic_dec(&pool_used);
		}
		spin_unlock(&c->lock);
		if (!c->n_pages) {
			qgpu_audit_evicted += c->lost;
			spin_lock(&seal_list_lock);
			list_del_init(&c->seal_node);
			spin_unlock(&seal_list_lock);
			list_del(&c->node);
			kfree(c);
		}
	}
}

/*
 * Room for one more record: in the youngest page, in a new one, or in the chain's own oldest. The
 * last page of the pool is never taken by a chain that has one already, so that every chain can
 * write. Called with c->lock held; may be called from where one can't sleep.
 */
static struct qwamos_gpu_audit_record *room(struct qgpu_chain *c)
{
	u32 max_pages = DIV_ROUND_UP(max(qgpu_audit_records, 1000U), QGPU_AUDIT_PER_PAGE) + 1;
	struct qgpu_audit_page *p = NULL;

	lockdep_assert_held(&c->lock);
	if (c->n_pages && c->tail_used < QGPU_AUDIT_PER_PAGE)
		goto out;
	if (c->n_pages < max_pages && (!c->n_pages || atomic_read(&pool_used) < audit_pool_pages)) {
		p = (void *)__get_free_page(GFP_NOWAIT | __GFP_NOWARN);
		if (p)
			atomic_inc(&pool_used);
	}
	if (!p)
		p = take_oldest(c);
	if (!p)
		return NULL;
	p->first_seq = c->seq + 1;
	list_add_tail(&p->node, &c->pages);
	c->n_pages++;
	c->tail_used = 0;
out:
	p = list_last_entry(&c->pages, struct qgpu_audit_page, node);
	return &p->rec[c->tail_used];
}

/**
 * qgpu_audit_write() - write a record and give it its number
 * @c: the chain, locked
 * @rec: the record
 */
void qgpu_audit_write(struct qgpu_chain *c, const struct qwamos_gpu_audit_record *rec)
{
	struct qwamos_gpu_audit_record *r = room(c);

	lockdep_assert_held(&c->lock);
	if (!r) {
		c->lost++;
		return;
	}
	*r = *rec;
	r->seq = ++c->seq;
	c->tail_used++;
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
	want_seal(c, waits ? HZ : 0);
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
	want_seal(c, folded ? HZ : 0);
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
 * qgpu_audit_seal_chain() - number in order and hash every record of a chain that is not sealed yet
 * @c: the chain
 * @flush: first turn every fold into a record that the budget allows; else only those older than a
 *     second
 *
 * Called with qgpu_audit_mutex held. Pages with unsealed records are not reused, so the record
 * stays where it is while its hash is computed with the chain unlocked.
 */
void qgpu_audit_seal_chain(struct qgpu_chain *c, bool flush)
{
	struct {
		u8 prev[32];
		u8 rec[HASHED_BYTES];
	} in;
	struct qwamos_gpu_audit_record *r;
	u64 now = ktime_get_boottime_ns(), upto;
	u8 hash[32];
	u32 i;

	lockdep_assert_held(&qgpu_audit_mutex);
	spin_lock(&c->lock);
	qgpu_notes_collect(c, flush);
	for (i = 0; i < c->n_folds; i++)
		if (flush || now - c->folds[i].start_ns >= QGPU_FOLD_NS)
			qgpu_fold_flush(c, &c->folds[i]);
	/* What comes meanwhile is for the next time: a flood must not keep the mutex. */
	upto = c->seq;
	while (c->sealed < upto) {
		r = find_seq(c, c->sealed + 1);
		if (WARN_ON_ONCE(!r))
			break;
		r->order = ++last_order;
		memcpy(in.prev, c->head_hash, sizeof(in.prev));
		memcpy(in.rec, r, sizeof(in.rec));
		spin_unlock(&c->lock);
		sha256((u8 *)&in, sizeof(in), hash);
		cond_resched();
		spin_lock(&c->lock);
		memcpy(r->hash, hash, sizeof(hash));
		memcpy(c->head_hash, hash, sizeof(hash));
		c->sealed++;
	}
	spin_unlock(&c->lock);
}

/**
 * qgpu_chain_end() - the VM is gone; its records stay until their pages are needed
 * @c: the chain; not to be used by the caller any more
 */
void qgpu_chain_end(struct qgpu_chain *c)
{
	u32 i;

	mutex_lock(&qgpu_audit_mutex);
	spin_lock(&c->lock);
	qgpu_notes_collect(c, true);
	/* Beyond any budget: it can't happen again. */
	for (i = 0; i < c->n_folds; i++)
		if (c->folds[i].rec.count)
			qgpu_audit_write(c, &c->folds[i].rec);
	c->dead = true;
	kfree(c->folds);
	c->folds = NULL;
	c->n_folds = 0;
	kfree(c->notes);
	c->notes = NULL;
	spin_unlock(&c->lock);
	qgpu_audit_seal_chain(c, true);
	/*
	 * Dead chains stand in the order of their deaths behind one another: the first in the list
	 * dies first.
	 */
	list_move_tail(&c->node, &qgpu_chains);
	mutex_unlock(&qgpu_audit_mutex);
}

static bool has_folds(struct qgpu_chain *c)
{
	bool any;
	u32 i;

	spin_lock(&c->lock);
	any = qgpu_notes_wait(c);
	for (i = 0; i < c->n_folds; i++)
		any |= c->folds[i].rec.count != 0;
	spin_unlock(&c->lock);
	return any;
}

static void seal_work_fn(struct work_struct *work)
{
	struct qgpu_chain *c;
	LIST_HEAD(todo);
	LIST_HEAD(later);

	mutex_lock(&qgpu_audit_mutex);
	spin_lock(&seal_list_lock);
	list_splice_init(&seal_list, &todo);
	while (!list_empty(&todo)) {
		c = list_first_entry(&todo, struct qgpu_chain, seal_node);
		list_del_init(&c->seal_node);
		spin_unlock(&seal_list_lock);
		qgpu_audit_seal_chain(c, false);
		if (has_folds(c)) {
			spin_lock(&seal_list_lock);
			if (list_empty(&c->seal_node))
				list_add_tail(&c->seal_node, &later);
		} else {
			spin_lock(&seal_list_lock);
		}
	}
	list_splice(&later, &seal_list);
	if (!list_empty(&seal_list))
		schedule_delayed_work(&seal_work, HZ / 4);
	spin_unlock(&seal_list_lock);
	if (atomic_read(&pool_used) > audit_pool_pages - audit_pool_pages / 32)
		evict_dead();
	mutex_unlock(&qgpu_audit_mutex);
}

/**
 * qgpu_audit_init() - the host's chain
 *
 * Return: 0, -EINVAL for a parameter out of its range, or -ENOMEM.
 */
int qgpu_audit_init(void)
{
	if (qgpu_audit_records < 1000 || qgpu_audit_records > 1 << 20 || audit_pool_pages < 128 ||
	    audit_pool_pages > 1 << 20) {
		pr_err("audit_records must be 1000 to 1048576, audit_pool_pages 128 to 1048576\n");
		return -EINVAL;
	}
	uuid_gen(&instance);
	host = qgpu_chain_new(0, "");
	return host ? 0 : -ENOMEM;
}

/** qgpu_audit_exit() - free every record; nothing may audit any more */
void qgpu_audit_exit(void)
{
	struct qgpu_audit_page *p, *pn;
	struct qgpu_chain *c, *n;

	cancel_delayed_work_sync(&seal_work);
	list_for_each_entry_safe(c, n, &qgpu_chains, node) {
		list_for_each_entry_safe(p, pn, &c->pages, node) {
			free_page((unsigned long)p);
			atomic_dec(&pool_used);
		}
		kfree(c->folds);
		kfree(c->notes);
		kfree(c);
	}
	INIT_LIST_HEAD(&qgpu_chains);
	host = NULL;
	WARN_ON(atomic_read(&pool_used));
}
