// SPDX-License-Identifier: GPL-2.0-only
/* Audit chains: reading. See audit.h. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "audit.h"

static int cmp_rec(const void *a, const void *b)
{
	const struct qwamos_gpu_audit_record *x = a, *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

typedef bool (*visit_fn)(void *arg, const struct qwamos_gpu_audit_record *rec);

/*
 * Show the sealed records of @c that pass @f, in their order if it asks for those after one, and
 * backwards if it asks for the newest, until @fn has seen enough: along a chain order rises with
 * the number. Called with the audit mutex held, which keeps sealed pages of other chains alone but
 * not this one's: hence c->lock.
 */
static void visit(struct qgpu_chain *c, const struct qgpu_audit_filter *f, visit_fn fn, void *arg)
{
	const struct qwamos_gpu_audit_record *r;
	struct qgpu_audit_page *p;
	u32 i, n;

	spin_lock(&c->lock);
	if (f->newest) {
		list_for_each_entry_reverse(p, &c->pages, node) {
			n = list_is_last(&p->node, &c->pages) ? c->tail_used : QGPU_AUDIT_PER_PAGE;
			while (n--) {
				r = &p->rec[n];
				if (r->seq <= c->sealed && (!f->event || r->event == f->event) &&
				    !fn(arg, r))
					goto out;
			}
		}
		goto out;
	}
	list_for_each_entry(p, &c->pages, node) {
		n = list_is_last(&p->node, &c->pages) ? c->tail_used : QGPU_AUDIT_PER_PAGE;
		if (!n || (p->rec[n - 1].seq <= c->sealed && p->rec[n - 1].order <= f->after))
			continue;
		for (i = 0; i < n; i++) {
			r = &p->rec[i];
			if (r->seq > c->sealed)
				goto out;
			if (r->order > f->after && (!f->event || r->event == f->event) &&
			    !fn(arg, r))
				goto out;
		}
	}
out:
	spin_unlock(&c->lock);
}

/*
 * The @room best of all orders: a heap with the worst on top. The higher the better, or, upside
 * down, the lower.
 */
struct best {
	u64 *v;
	size_t n, room;
	bool newest;
	bool more;
};

static bool pick(void *arg, const struct qwamos_gpu_audit_record *rec)
{
	u64 key = rec->order;
	struct best *b = arg;
	size_t at, down;

	if (!b->newest)
		key = ~key;
	if (b->n < b->room) {
		for (at = b->n++; at && b->v[(at - 1) / 2] > key; at = (at - 1) / 2)
			b->v[at] = b->v[(at - 1) / 2];
		b->v[at] = key;
		return true;
	}
	b->more = true;
	if (key <= b->v[0])
		return false;
	for (at = 0; (down = 2 * at + 1) < b->n; at = down) {
		if (down + 1 < b->n && b->v[down + 1] < b->v[down])
			down++;
		if (b->v[down] >= key)
			break;
		b->v[at] = b->v[down];
	}
	b->v[at] = key;
	return true;
}

struct window {
	u64 lo, hi;
	struct qwamos_gpu_audit_record *v;
	size_t n, room;
};

static bool add_rec(void *arg, const struct qwamos_gpu_audit_record *rec)
{
	struct window *w = arg;

	if (rec->order < w->lo || rec->order > w->hi || w->n == w->room)
		return false;
	w->v[w->n++] = *rec;
	return true;
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
	struct best b = { .newest = f->newest };
	struct window w = { .hi = U64_MAX };
	struct qgpu_chain *c;
	size_t all = 0;
	long ret = 0;

	*out = (struct qgpu_audit_answer){};
	mutex_lock(&qgpu_audit_mutex);
	out->lost = f->all ? qgpu_audit_evicted : 0;
	list_for_each_entry(c, &qgpu_chains, node) {
		if (!f->all && c->id != f->chain)
			continue;
		qgpu_audit_seal_chain(c, f->flush ? QGPU_FLUSH_ALL : QGPU_FLUSH_OLD);
		all += (size_t)c->n_pages * QGPU_AUDIT_PER_PAGE;
		out->lost += READ_ONCE(c->lost);
		out->upto = f->all ? qgpu_audit_order() : c->order;
	}
	b.room = min_t(size_t, all, f->count);
	if (!b.room)
		goto out;
	b.v = kvmalloc_array(b.room, sizeof(*b.v), GFP_KERNEL);
	if (!b.v) {
		ret = -ENOMEM;
		goto out;
	}
	list_for_each_entry(c, &qgpu_chains, node)
		if (f->all || c->id == f->chain)
			visit(c, f, pick, &b);
	if (!b.n)
		goto out;
	if (f->newest)
		w.lo = b.v[0];
	else
		w.hi = ~b.v[0];
	if (!f->newest && b.more)
		out->upto = w.hi;
	w.room = b.n;
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
	kvfree(b.v);
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
