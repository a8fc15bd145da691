// SPDX-License-Identifier: GPL-2.0-only
/* Audit chains: reading. See audit.h. */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "audit.h"

static int cmp_rec(const void *a, const void *b)
{
	const struct qwamos_gpu_audit_record *x = a, *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

/* Records that are copied at a time: what a reader holds in the kernel, 31.5 KiB. */
#define CHUNK 112

/**
 * struct look - one walk over records
 * @see: gets those that match; false: it has seen enough of this chain
 * @newest: backwards
 * @after: orders above this
 * @upto: and up to this
 * @event: only this event; 0: all
 */
struct look {
	bool (*see)(struct look *l, const struct qwamos_gpu_audit_record *rec);
	bool newest;
	u64 after;
	u64 upto;
	u32 event;
};

static u32 used_of(struct qgpu_chain *c, struct qgpu_audit_page *p)
{
	return list_is_last(&p->node, &c->pages) ? c->tail_used : QGPU_AUDIT_PER_PAGE;
}

/* Return: @see has seen enough. */
static bool show(struct qgpu_chain *c, struct look *l, const struct qwamos_gpu_audit_record *r)
{
	return r->seq <= c->sealed && r->order > l->after && r->order <= l->upto &&
	       (!l->event || r->event == l->event) && !l->see(l, r);
}

/*
 * Show the sealed records of @c that match, in their order, or backwards, until @see has seen
 * enough: along a chain order rises with the number.
 */
static void visit(struct qgpu_chain *c, struct look *l)
{
	struct qgpu_audit_page *p;
	u32 i, n;

	spin_lock(&c->lock);
	if (l->newest) {
		list_for_each_entry_reverse(p, &c->pages, node)
			for (n = used_of(c, p); n--;)
				if (show(c, l, &p->rec[n]))
					goto out;
		goto out;
	}
	list_for_each_entry(p, &c->pages, node) {
		n = used_of(c, p);
		if (!n || (p->rec[n - 1].seq <= c->sealed && p->rec[n - 1].order <= l->after))
			continue;
		if (p->rec[0].seq > c->sealed || p->rec[0].order > l->upto)
			break;
		for (i = 0; i < n; i++)
			if (show(c, l, &p->rec[i]))
				goto out;
	}
out:
	spin_unlock(&c->lock);
}

/* As visit(), for all chains that a reader wants. */
static void visit_all(const struct qgpu_audit_filter *f, struct look *l)
{
	struct qgpu_chain *c;

	if (f->chain) {
		visit(f->chain, l);
		return;
	}
	for (c = qgpu_chain_next(NULL); c; c = qgpu_chain_next(c)) {
		visit(c, l);
		cond_resched();
	}
}

/*
 * The @room best of all orders: a heap with the worst on top. The higher the better, or, upside
 * down, the lower.
 */
struct best {
	struct look look;
	u64 *v;
	size_t n, room;
	bool more;
};

static bool pick(struct look *l, const struct qwamos_gpu_audit_record *rec)
{
	struct best *b = container_of(l, struct best, look);
	u64 key = l->newest ? rec->order : ~rec->order;
	size_t at, down;

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
	struct look look;
	struct qwamos_gpu_audit_record *v;
	size_t n, room;
};

static bool add_rec(struct look *l, const struct qwamos_gpu_audit_record *rec)
{
	struct window *w = container_of(l, struct window, look);

	if (w->n == w->room)
		return false;
	w->v[w->n++] = *rec;
	return true;
}

/* What was lost of the chains that a reader wants. @all: out: room that their records have. */
static u64 lost_of(const struct qgpu_audit_filter *f, size_t *all)
{
	u64 lost = qgpu_chains_lost();
	struct qgpu_chain *c;

	if (f->chain) {
		*all = (size_t)READ_ONCE(f->chain->n_pages) * QGPU_AUDIT_PER_PAGE;
		return READ_ONCE(f->chain->lost);
	}
	*all = 0;
	for (c = qgpu_chain_next(NULL); c; c = qgpu_chain_next(c)) {
		*all += (size_t)READ_ONCE(c->n_pages) * QGPU_AUDIT_PER_PAGE;
		lost += READ_ONCE(c->lost);
	}
	return lost;
}

/* Have @after stand before the newest f->count of all up to @upto. Return: 0 or -ENOMEM. */
static int find_newest(const struct qgpu_audit_filter *f, size_t all, u64 upto, u64 *after)
{
	struct best b = { .look = { .see = pick, .newest = true, .upto = upto, .event = f->event },
			  .room = min_t(size_t, all, f->count) };

	*after = upto;
	if (!b.room)
		return 0;
	b.v = kvmalloc_array(b.room, sizeof(*b.v), GFP_KERNEL_ACCOUNT);
	if (!b.v)
		return -ENOMEM;
	visit_all(f, &b.look);
	if (b.n)
		*after = b.v[0] - 1;
	kvfree(b.v);
	return 0;
}

/*
 * Copy the next of up to w->room records behind b->look.after, which moves on. Return: their
 * number, which may be 0 although there are more, for some are evicted meanwhile.
 */
static size_t next_chunk(const struct qgpu_audit_filter *f, struct best *b, struct window *w)
{
	b->n = 0;
	b->more = false;
	b->room = w->room;
	visit_all(f, &b->look);
	w->n = 0;
	if (!b->n)
		return 0;
	w->look.after = b->look.after;
	w->look.upto = ~b->v[0];
	visit_all(f, &w->look);
	sort(w->v, w->n, sizeof(*w->v), cmp_rec, NULL);
	b->look.after = w->look.upto;
	return w->n;
}

static long read_chunks(const struct qgpu_audit_filter *f, struct best *b, struct window *w,
			struct qgpu_audit_reader *to)
{
	size_t left = f->count, n;
	int ret;

	do {
		w->room = min_t(size_t, left, CHUNK);
		n = next_chunk(f, b, w);
		ret = n ? to->put(to, w->v, n) : 0;
		if (ret)
			return ret;
		left -= n;
		if (fatal_signal_pending(current))
			return -EINTR;
	} while (left && b->more);
	to->upto = b->more ? b->look.after : b->look.upto;
	return f->count - left;
}

/**
 * qgpu_audit_read() - sealed records in the order of their sealing
 * @f: which
 * @to: who gets them, in chunks, with nothing held
 *
 * Every record written before the call is sealed first. What comes or goes meanwhile is there or
 * not. Return: number of records, -ENOMEM, -EINTR for who is killed, or what @to's function
 * returned.
 */
long qgpu_audit_read(const struct qgpu_audit_filter *f, struct qgpu_audit_reader *to)
{
	struct best b = { .look = { .see = pick, .after = f->after, .event = f->event } };
	struct window w = { .look = { .see = add_rec, .event = f->event } };
	size_t all, room;
	long ret;

	if (f->chain)
		qgpu_audit_settle(f->chain, f->flush);
	else
		qgpu_audit_settle_all(f->flush);
	/* Whatever has an order up to this one is sealed. */
	b.look.upto = f->chain ? READ_ONCE(f->chain->order) : qgpu_audit_order();
	to->upto = b.look.upto;
	to->lost = lost_of(f, &all);
	if (f->newest) {
		ret = find_newest(f, all, b.look.upto, &b.look.after);
		if (ret)
			return ret;
	}
	if (b.look.after >= b.look.upto)
		return 0;
	room = min_t(size_t, f->count, CHUNK);
	b.v = kvmalloc_array(room, sizeof(*b.v), GFP_KERNEL_ACCOUNT);
	w.v = kvmalloc_array(room, sizeof(*w.v), GFP_KERNEL_ACCOUNT);
	ret = b.v && w.v ? read_chunks(f, &b, &w, to) : -ENOMEM;
	kvfree(w.v);
	kvfree(b.v);
	return ret;
}

/**
 * qgpu_audit_head() - where a chain stands
 * @c: the chain
 * @head: out: all that is called out_*
 * @flush: with the repeats of the last second, as in &struct qgpu_audit_filter
 */
void qgpu_audit_head(struct qgpu_chain *c, struct qwamos_gpu_audit_head *head, bool flush)
{
	struct qgpu_audit_page *p;

	qgpu_audit_settle(c, flush);
	spin_lock(&c->lock);
	p = list_first_entry_or_null(&c->pages, struct qgpu_audit_page, node);
	head->out_seq = c->sealed;
	head->out_first = p ? p->first_seq : c->sealed + 1;
	head->out_lost = c->lost;
	memcpy(head->out_hash, c->head_hash, sizeof(head->out_hash));
	memcpy(head->out_prev_hash, c->base_hash, sizeof(head->out_prev_hash));
	spin_unlock(&c->lock);
	memcpy(head->out_instance, qgpu_audit_instance(), sizeof(head->out_instance));
}
