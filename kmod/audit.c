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

#define HASHED_BYTES offsetof(struct qwamos_gpu_audit_record, hash)
/*
 * What a process can cause at will (refusals, open and close) has a budget, so that no variety of
 * wrong calls pushes a VM's own trail out soon: a quarter of the chain at once, then one record in
 * 4 s. The host's chain takes 8 a second.
 */
#define TOKEN_NS      (4ULL * NSEC_PER_SEC)
#define HOST_TOKEN_NS (NSEC_PER_SEC / 8)
#define FOLD_NS	      NSEC_PER_SEC

static unsigned int audit_records = 1024;
module_param(audit_records, uint, 0444);
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
	return audit_records;
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
	kfree(c);
}

/* Sealing is under way or to come for @c. */
static void want_seal(struct qgpu_chain *c, unsigned long delay)
{
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
	u32 max_pages = DIV_ROUND_UP(max(audit_records, 1000U), QGPU_AUDIT_PER_PAGE) + 1;
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

/* Write a record and give it its number. Called with c->lock held. */
static void write_record(struct qgpu_chain *c, const struct qwamos_gpu_audit_record *rec)
{
	struct qwamos_gpu_audit_record *r = room(c);

	if (!r) {
		c->lost++;
		return;
	}
	*r = *rec;
	r->seq = ++c->seq;
	c->tail_used++;
}

static bool at_will(const struct qwamos_gpu_audit_record *rec)
{
	switch (rec->event) {
	case QWAMOS_GPU_EV_OPERATION_DENIED:
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
	c->tokens = min(c->tokens + (now - c->tokens_ns), cost * (audit_records / 4));
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

/* Turn what waits in a fold into a record, if the budget allows. Called with c->lock held. */
static bool flush_fold(struct qgpu_chain *c, struct qgpu_fold *f)
{
	if (!f->rec.count)
		return true;
	if (!take_token(c, &f->rec))
		return false;
	write_record(c, &f->rec);
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
	f->rec.count++;
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
		if (rec->time_ns - f->start_ns > FOLD_NS)
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

/*
 * Put an event into the chain: as a record, or as one that is counted in a fold and becomes part of
 * a record when the second is over and the budget allows. Called with c->lock held. Return:
 * something waits.
 */
static bool enter(struct qgpu_chain *c, const struct qwamos_gpu_audit_record *rec)
{
	struct qgpu_fold *f = find_fold(c, rec);

	if (f && same_kind(&f->rec, rec) &&
	    (rec->time_ns - f->start_ns <= FOLD_NS || !flush_fold(c, f))) {
		count_repeat(f, rec);
		return true;
	}
	if (f && !flush_fold(c, f))
		f = NULL;
	if (take_token(c, rec)) {
		if (f)
			begin_fold(f, rec, 0);
		write_record(c, rec);
		return false;
	}
	if (f) {
		begin_fold(f, rec, 1);
		return true;
	}
	f = catch_all(c, rec->event);
	if (f)
		count_repeat(f, rec);
	else
		c->lost++;
	return f;
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
	struct qwamos_gpu_audit_record rec = {
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
	bool folded;

	if (!c)
		c = host;
	rec.chain = c->id;
	rec.time_ns = ktime_get_boottime_ns();
	rec.last_ns = rec.time_ns;
	strscpy_pad(rec.vm_name, c->name, sizeof(rec.vm_name));
	if (ev->device_name)
		strscpy_pad(rec.device_name, ev->device_name, sizeof(rec.device_name));
	if (!(current->flags & PF_KTHREAD)) {
		rec.pid = task_tgid_nr(current);
		rec.uid = from_kuid_munged(&init_user_ns, current_uid());
		get_task_comm(rec.comm, current);
	}
	spin_lock(&c->lock);
	folded = enter(c, &rec);
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
	for (i = 0; i < c->n_folds; i++)
		if (flush || now - c->folds[i].start_ns >= FOLD_NS)
			flush_fold(c, &c->folds[i]);
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
	/* Beyond any budget: it can't happen again. */
	for (i = 0; i < c->n_folds; i++)
		if (c->folds[i].rec.count)
			write_record(c, &c->folds[i].rec);
	c->dead = true;
	kfree(c->folds);
	c->folds = NULL;
	c->n_folds = 0;
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
	bool any = false;
	u32 i;

	spin_lock(&c->lock);
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
	if (audit_records < 1000 || audit_records > 1 << 20 || audit_pool_pages < 128 ||
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
		kfree(c);
	}
	INIT_LIST_HEAD(&qgpu_chains);
	host = NULL;
	WARN_ON(atomic_read(&pool_used));
}
