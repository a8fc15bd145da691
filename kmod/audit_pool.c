// SPDX-License-Identifier: GPL-2.0-only
/* Audit chains: the pool of pages, and what goes when it runs short. See audit.h. */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "audit.h"

unsigned int qgpu_audit_records = 1024;
module_param_named(audit_records, qgpu_audit_records, uint, 0444);
MODULE_PARM_DESC(audit_records,
		 "audit records kept for each VM and for the host, at least 1000 (default 1024)");

static unsigned int audit_pool_pages = 4096;
module_param(audit_pool_pages, uint, 0444);
MODULE_PARM_DESC(audit_pool_pages, "pages for audit records of all VMs together (default 4096)");

/* Pages of records that a chain gets even if the pool is used up, and that no other takes away. */
#define GUARANTEED 2U

/* Pages handed out. Written when a chain takes or gives back a page, which is seldom. */
static atomic_t pool_used = ATOMIC_INIT(0);

static_assert(sizeof(struct qgpu_audit_page) <= PAGE_SIZE);

/*
 * A page of the pool, or beyond it if @anyway: what every chain is guaranteed. May be called from
 * where one can't sleep. Return: a page, not cleared, or NULL.
 */
static void *page_get(bool anyway)
{
	void *p = NULL;

	if (anyway || atomic_read(&pool_used) < audit_pool_pages)
		p = (void *)__get_free_page(GFP_NOWAIT | __GFP_NOWARN);
	if (p)
		atomic_inc(&pool_used);
	return p;
}

/** qgpu_audit_page_put() - give a page back to the pool; NULL is none */
void qgpu_audit_page_put(void *page)
{
	if (!page)
		return;
	free_page((unsigned long)page);
	atomic_dec(&pool_used);
}

/* Take the oldest page out of a chain if all of it is sealed. Called with c->lock held. */
static struct qgpu_audit_page *take_oldest(struct qgpu_chain *c, u32 *n)
{
	struct qgpu_audit_page *p =
		list_first_entry_or_null(&c->pages, struct qgpu_audit_page, node);

	lockdep_assert_held(&c->lock);
	if (!p)
		return NULL;
	*n = list_is_last(&p->node, &c->pages) ? c->tail_used : QGPU_AUDIT_PER_PAGE;
	if (!*n || p->rec[*n - 1].seq > c->sealed)
		return NULL;
	memcpy(c->base_hash, p->rec[*n - 1].hash, sizeof(c->base_hash));
	list_del(&p->node);
	if (!--c->n_pages)
		c->tail_used = QGPU_AUDIT_PER_PAGE;
	return p;
}

/* Where the next record goes, if the youngest page has room. Called with c->lock held. */
static struct qwamos_gpu_audit_record *in_tail(struct qgpu_chain *c)
{
	if (!c->n_pages || c->tail_used == QGPU_AUDIT_PER_PAGE)
		return NULL;
	return &list_last_entry(&c->pages, struct qgpu_audit_page, node)->rec[c->tail_used++];
}

static void append(struct qgpu_chain *c, struct qgpu_audit_page *p)
{
	p->first_seq = c->seq + 1;
	list_add_tail(&p->node, &c->pages);
	c->n_pages++;
	c->tail_used = 0;
}

/*
 * Evict the oldest page. What a manager or the kernel did, and no process can cause at will, is
 * carried forward: written anew at the end, with its times and a flag, as long as such records are
 * no more than half of the chain. So denials push out denials, and not how the VM came to be.
 * Called with c->lock held. Return: false: nothing can be evicted; else the page is in *@spare, or
 * NULL is and it carries on as the youngest.
 */
static bool evict_oldest(struct qgpu_chain *c, struct qgpu_audit_page **spare)
{
	bool carry = !c->dead && c->kept * 2 <= c->n_pages * QGPU_AUDIT_PER_PAGE;
	struct qwamos_gpu_audit_record *r;
	struct qgpu_audit_page *p;
	u32 i, n, here = 0;

	lockdep_assert_held(&c->lock);
	p = take_oldest(c, &n);
	if (!p)
		return false;
	for (i = 0; i < n; i++) {
		if (qgpu_audit_budget(p->rec[i].event) != QGPU_BUDGET_FREE) {
			c->lost++;
			continue;
		}
		if (!carry) {
			c->lost++;
			c->kept--;
			continue;
		}
		r = here ? NULL : in_tail(c);
		if (!r)
			r = &p->rec[here++];
		if (r != &p->rec[i])
			*r = p->rec[i];
		r->seq = ++c->seq;
		r->order = 0;
		r->flags |= QWAMOS_GPU_RECORD_F_CARRIED;
		memset(r->hash, 0, sizeof(r->hash));
	}
	*spare = p;
	if (here) {
		*spare = NULL;
		append(c, p);
		p->first_seq = p->rec[0].seq;
		c->tail_used = here;
	}
	return true;
}

/**
 * qgpu_audit_room() - room for one more record
 * @c: the chain, locked
 *
 * In the youngest page, in a new one, or in the chain's own oldest. A chain with hardly any gets
 * one even if the pool is used up, so that every chain can write. May be called from where one
 * can't sleep. Return: where to write, or NULL.
 */
struct qwamos_gpu_audit_record *qgpu_audit_room(struct qgpu_chain *c)
{
	u32 max_pages = DIV_ROUND_UP(qgpu_audit_records, QGPU_AUDIT_PER_PAGE) + 1;
	struct qwamos_gpu_audit_record *r = in_tail(c);
	struct qgpu_audit_page *p = NULL;
	u32 tries;

	lockdep_assert_held(&c->lock);
	if (r)
		return r;
	if (c->n_pages < max_pages)
		p = page_get(c->n_pages < GUARANTEED);
	for (tries = c->n_pages; !p && tries; tries--) {
		if (!evict_oldest(c, &p))
			return NULL;
		r = p ? NULL : in_tail(c);
		if (r)
			return r;
	}
	if (!p)
		return NULL;
	append(c, p);
	return in_tail(c);
}

/* How many pages are to be in use at most once something was evicted. */
static int enough(void)
{
	return audit_pool_pages - audit_pool_pages / 16;
}

/** qgpu_audit_crowded() - is it time for qgpu_audit_evict()? */
bool qgpu_audit_crowded(void)
{
	return atomic_read(&pool_used) > audit_pool_pages - audit_pool_pages / 32;
}

/* Evict a chain's oldest pages while it has more than @least and the pool is crowded. */
static void shrink(struct qgpu_chain *c, u32 least)
{
	struct qgpu_audit_page *p;
	u32 tries;

	spin_lock(&c->lock);
	for (tries = c->n_pages; tries; tries--) {
		if (c->n_pages <= least || atomic_read(&pool_used) <= enough())
			break;
		if (!evict_oldest(c, &p))
			break;
		qgpu_audit_page_put(p);
	}
	spin_unlock(&c->lock);
}

/**
 * qgpu_audit_evict() - make room in the pool
 *
 * First the records of VMs that have ended go, in the order of their ends, and those chains when
 * they are empty; then what live chains have beyond their equal share of the pool. Called by the
 * sealer.
 */
void qgpu_audit_evict(void)
{
	struct qgpu_chain *c, *next;
	u32 share;

	for (c = qgpu_chain_next_dead(NULL); c; c = next) {
		if (atomic_read(&pool_used) <= enough())
			return;
		shrink(c, 0);
		next = qgpu_chain_next_dead(c);
		if (!READ_ONCE(c->n_pages))
			qgpu_chain_forget(c);
		cond_resched();
	}
	share = max(enough() / max(qgpu_chains_live(), 1U), GUARANTEED);
	for (c = qgpu_chain_next(NULL); c; c = qgpu_chain_next(c)) {
		if (atomic_read(&pool_used) <= enough()) {
			qgpu_chain_put(c);
			return;
		}
		if (READ_ONCE(c->dead) || READ_ONCE(c->n_pages) <= share)
			continue;
		shrink(c, share);
		qgpu_audit_seal_chain(c, QGPU_FLUSH_OLD); /* what was carried forward */
		cond_resched();
	}
}

/** qgpu_audit_pool_init() - look at the parameters; return: 0 or -EINVAL */
int qgpu_audit_pool_init(void)
{
	if (qgpu_audit_records >= 1000 && qgpu_audit_records <= 1 << 20 &&
	    audit_pool_pages >= 128 && audit_pool_pages <= 1 << 20)
		return 0;
	pr_err("qwamos_gpu: audit_records must be 1000 to 1048576, audit_pool_pages 128 to 1048576\n");
	return -EINVAL;
}

/** qgpu_audit_pool_exit() - every chain is gone */
void qgpu_audit_pool_exit(void)
{
	WARN_ON(atomic_read(&pool_used));
}
