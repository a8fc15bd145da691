// SPDX-License-Identifier: GPL-2.0-only
/* Audit chains: reading. See audit.h. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "audit.h"

static int cmp_order(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static int cmp_rec(const void *a, const void *b)
{
	const struct qwamos_gpu_audit_record *x = a, *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

typedef void (*visit_fn)(void *arg, const struct qwamos_gpu_audit_record *rec);

/*
 * Show every sealed record of @c that passes @f. Called with the audit mutex held, which keeps
 * sealed pages of other chains alone but not this one's: hence c->lock.
 */
static void visit(struct qgpu_chain *c, const struct qgpu_audit_filter *f, visit_fn fn, void *arg)
{
	struct qgpu_audit_page *p;
	u32 i, n;

	spin_lock(&c->lock);
	list_for_each_entry(p, &c->pages, node) {
		n = list_is_last(&p->node, &c->pages) ? c->tail_used : QGPU_AUDIT_PER_PAGE;
		for (i = 0; i < n && p->rec[i].seq <= c->sealed; i++)
			if ((!f->event || p->rec[i].event == f->event) &&
			    (f->newest || p->rec[i].order > f->after))
				fn(arg, &p->rec[i]);
	}
	spin_unlock(&c->lock);
}

struct orders {
	u64 *v;
	size_t n, room;
};

static void add_order(void *arg, const struct qwamos_gpu_audit_record *rec)
{
	struct orders *o = arg;

	if (o->n < o->room)
		o->v[o->n++] = rec->order;
}

struct window {
	u64 lo, hi;
	struct qwamos_gpu_audit_record *v;
	size_t n, room;
};

static void add_rec(void *arg, const struct qwamos_gpu_audit_record *rec)
{
	struct window *w = arg;

	if (rec->order >= w->lo && rec->order <= w->hi && w->n < w->room)
		w->v[w->n++] = *rec;
}

/**
 * qgpu_audit_read() - sealed records in the order of their sealing
 * @f: which
 * @out: out: they, and what is lost
 *
 * Every record written before the call is sealed first. Return: number of records, or -ENOMEM.
 */
long qgpu_audit_read(const struct qgpu_audit_filter *f, struct qgpu_audit_answer *out)
{
	struct orders o = {};
	struct window w = {};
	struct qgpu_chain *c;
	size_t first;
	long ret = 0;

	*out = (struct qgpu_audit_answer){};
	mutex_lock(&qgpu_audit_mutex);
	out->lost = f->all ? qgpu_audit_evicted : 0;
	list_for_each_entry(c, &qgpu_chains, node) {
		if (!f->all && c->id != f->chain)
			continue;
		qgpu_audit_seal_chain(c, f->flush ? QGPU_FLUSH_ALL : QGPU_FLUSH_OLD);
		o.room += (size_t)c->n_pages * QGPU_AUDIT_PER_PAGE;
		out->lost += READ_ONCE(c->lost);
		out->upto = f->all ? qgpu_audit_order() : c->order;
	}
	if (!o.room)
		goto out;
	o.v = kvmalloc_array(o.room, sizeof(*o.v), GFP_KERNEL);
	if (!o.v) {
		ret = -ENOMEM;
		goto out;
	}
	list_for_each_entry(c, &qgpu_chains, node)
		if (f->all || c->id == f->chain)
			visit(c, f, add_order, &o);
	if (!o.n)
		goto out;
	sort(o.v, o.n, sizeof(*o.v), cmp_order, NULL);
	w.room = min_t(size_t, o.n, f->count);
	first = f->newest ? o.n - w.room : 0;
	w.lo = o.v[first];
	w.hi = o.v[first + w.room - 1];
	if (first + w.room < o.n)
		out->upto = w.hi;
	w.v = kvmalloc_array(w.room, sizeof(*w.v), GFP_KERNEL);
	if (!w.v) {
		ret = -ENOMEM;
		goto out;
	}
	list_for_each_entry(c, &qgpu_chains, node)
		if (f->all || c->id == f->chain)
			visit(c, f, add_rec, &w);
	sort(w.v, w.n, sizeof(*w.v), cmp_rec, NULL);
	out->recs = w.v;
	ret = w.n;
out:
	mutex_unlock(&qgpu_audit_mutex);
	kvfree(o.v);
	return ret;
}

/**
 * qgpu_audit_head() - where a chain stands
 * @head: in: the chain; out: all that is called out_*
 * @flush: with the repeats of the last second, as in &struct qgpu_audit_filter
 *
 * Return: 0, or -ENOENT: no such chain.
 */
int qgpu_audit_head(struct qwamos_gpu_audit_head *head, bool flush)
{
	struct qgpu_audit_page *p;
	struct qgpu_chain *c;
	int ret = -ENOENT;

	mutex_lock(&qgpu_audit_mutex);
	list_for_each_entry(c, &qgpu_chains, node) {
		if (c->id != head->chain)
			continue;
		qgpu_audit_seal_chain(c, flush ? QGPU_FLUSH_ALL : QGPU_FLUSH_OLD);
		spin_lock(&c->lock);
		p = list_first_entry_or_null(&c->pages, struct qgpu_audit_page, node);
		head->out_seq = c->sealed;
		head->out_first = p ? p->first_seq : c->sealed + 1;
		head->out_lost = c->lost;
		memcpy(head->out_hash, c->head_hash, sizeof(head->out_hash));
		memcpy(head->out_prev_hash, c->base_hash, sizeof(head->out_prev_hash));
		spin_unlock(&c->lock);
		memcpy(head->out_instance, qgpu_audit_instance(), sizeof(head->out_instance));
		ret = 0;
		break;
	}
	mutex_unlock(&qgpu_audit_mutex);
	return ret;
}
