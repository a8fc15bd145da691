// SPDX-License-Identifier: GPL-2.0-only
#include "audit/verify.h"

#include <endian.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <nettle/sha2.h>

#include "util/mem.h"

#define HASHED offsetof(struct qwamos_gpu_audit_record, hash)

/* A chain at work. */
struct work {
	struct qverify_result *res;
	const struct qaudit_log *log;
	struct qverify_chain *chain;
	const struct qaudit_head *head;
	/* Its records, by number. */
	const struct qaudit_entry **items;
	size_t n;
};

static const char *const kinds[] = {
	[QVERIFY_UNREADABLE] = "unreadable", [QVERIFY_CHANGED] = "changed",
	[QVERIFY_DROPPED] = "dropped",	     [QVERIFY_SWAPPED] = "swapped",
	[QVERIFY_TWICE] = "twice",	     [QVERIFY_CUT] = "cut",
	[QVERIFY_REWRITTEN] = "rewritten",   [QVERIFY_HEAD] = "head",
};

const char *qverify_kind_name(enum qverify_kind kind)
{
	return kinds[kind];
}

void qverify_free(struct qverify_result *res)
{
	free(res->chains);
	free(res->findings);
	memset(res, 0, sizeof(*res));
}

void qverify_genesis(const uint8_t instance[16], uint64_t chain, uint8_t hash[QAUDIT_HASH])
{
	static const char tag[] = "qwamos-gpu audit 1";
	uint64_t le = htole64(chain);
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, sizeof(tag) - 1, (const uint8_t *)tag);
	sha256_update(&ctx, 16, instance);
	sha256_update(&ctx, sizeof(le), (const uint8_t *)&le);
	sha256_digest(&ctx, QAUDIT_HASH, hash);
}

void qverify_hash(const uint8_t before[QAUDIT_HASH], const struct qwamos_gpu_audit_record *r,
		  uint8_t hash[QAUDIT_HASH])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, QAUDIT_HASH, before);
	sha256_update(&ctx, HASHED, (const uint8_t *)r);
	sha256_digest(&ctx, QAUDIT_HASH, hash);
}

#define PRINTF(text, args) __attribute__((format(printf, text, args)))

static PRINTF(7, 8) void found(struct qverify_result *res, enum qverify_kind kind,
			       struct qverify_chain *chain, uint64_t first, uint64_t last,
			       size_t line, const char *fmt, ...)
{
	struct qverify_finding *f = QMEM_GROW(res->findings, res->n_findings);
	va_list ap;

	f->kind = kind;
	f->first = first;
	f->last = last;
	f->line = line;
	if (chain) {
		f->has_chain = true;
		f->chain = chain->chain;
		chain->sound = false;
	}
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

/* Records @first to @last are missing. */
static void missing(struct work *w, enum qverify_kind kind, uint64_t first, uint64_t last,
		    const char *why)
{
	if (first == last)
		found(w->res, kind, w->chain, first, last, 0, "record %llu is missing%s",
		      (unsigned long long)first, why);
	else
		found(w->res, kind, w->chain, first, last, 0, "records %llu to %llu are missing%s",
		      (unsigned long long)first, (unsigned long long)last, why);
}

static bool same(const uint8_t *a, const uint8_t *b)
{
	return !memcmp(a, b, QAUDIT_HASH);
}

static uint64_t seq_of(const struct qaudit_entry *e)
{
	return e->rec.seq;
}

/*
 * Which entries do not belong to a longest run of ascending ones (patience sorting): those that
 * were moved, without those that they have passed. Return: their number.
 */
static size_t find_moved(const struct qaudit_log *log, bool *out)
{
	size_t *tops = qmem_calloc(log->n + 1, sizeof(*tops)), piles = 0, i;
	size_t *below = qmem_calloc(log->n + 1, sizeof(*below));
	size_t low, high, mid;

	for (i = 0; i < log->n; i++) {
		out[i] = true;
		for (low = 0, high = piles; low < high;) {
			mid = (low + high) / 2;
			if (log->entries[tops[mid]].rec.order <= log->entries[i].rec.order)
				low = mid + 1;
			else
				high = mid;
		}
		below[i] = low ? tops[low - 1] : i;
		tops[low] = i;
		if (low == piles)
			piles++;
	}
	if (piles) {
		for (i = tops[piles - 1]; below[i] != i; i = below[i])
			out[i] = false;
		out[i] = false;
	}
	free(tops);
	free(below);
	return log->n - piles;
}

static int chain_by_id(const void *a, const void *b)
{
	const struct qverify_chain *x = a, *y = b;

	return x->chain < y->chain ? -1 : x->chain > y->chain;
}

static struct qverify_chain *find_chain(struct qverify_result *res, uint64_t id)
{
	struct qverify_chain key = { .chain = id };

	return bsearch(&key, res->chains, res->n_chains, sizeof(key), chain_by_id);
}

static int by_order(const void *a, const void *b)
{
	const struct qaudit_entry *x = *(const struct qaudit_entry *const *)a,
				  *y = *(const struct qaudit_entry *const *)b;

	if (x->rec.order != y->rec.order)
		return x->rec.order < y->rec.order ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

/*
 * Records stand in the order of their sealing, those of all chains together. If a few have changed
 * places, all of them are told; if some were moved, these, and not all that stand elsewhere for it.
 */
static void check_places(const struct qaudit_log *log, struct qverify_result *res)
{
	const struct qaudit_entry **sorted = qmem_calloc(log->n + 1, sizeof(*sorted)), *e;
	bool *out = qmem_calloc(log->n + 1, sizeof(*out));
	size_t i, moved, elsewhere = 0;

	moved = find_moved(log, out);
	for (i = 0; i < log->n; i++)
		sorted[i] = &log->entries[i];
	qsort(sorted, log->n, sizeof(*sorted), by_order);
	for (i = 0; i < log->n; i++)
		elsewhere += sorted[i] != &log->entries[i];
	for (i = 0; i < log->n; i++) {
		e = &log->entries[i];
		if (elsewhere <= 2 * moved ? sorted[i] == e : !out[i])
			continue;
		found(res, QVERIFY_SWAPPED, find_chain(res, e->rec.chain), seq_of(e), seq_of(e),
		      e->line,
		      "record %llu stands in the wrong place, where record %llu of chain %llu belongs",
		      (unsigned long long)seq_of(e), (unsigned long long)seq_of(sorted[i]),
		      (unsigned long long)sorted[i]->rec.chain);
	}
	free(sorted);
	free(out);
}

/*
 * The hash before the oldest record: known for the first of all, and else what the head says was
 * before the oldest that the kernel still had.
 */
static bool base_hash(const struct work *w, uint8_t hash[QAUDIT_HASH])
{
	uint64_t seq = seq_of(w->items[0]);

	if (seq == 1) {
		qverify_genesis(w->log->instance, w->chain->chain, hash);
		return true;
	}
	if (w->head && w->head->first == seq) {
		memcpy(hash, w->head->prev_hash, QAUDIT_HASH);
		return true;
	}
	return false;
}

/*
 * Each record against the one before it. If the one before had a false hash, either that hash or
 * the bytes under it were changed: this one tells which, and is not to blame itself.
 */
static void check_hashes(struct work *w)
{
	uint8_t before[QAUDIT_HASH], other[QAUDIT_HASH], hash[QAUDIT_HASH];
	bool known = base_hash(w, before), doubt = false;
	const struct qwamos_gpu_audit_record *r;
	uint64_t seq, next = 0;
	size_t i;

	w->chain->based = known;
	for (i = 0; i < w->n; i++, next = seq + 1) {
		r = &w->items[i]->rec;
		seq = r->seq;
		if (i && seq < next) {
			found(w->res, QVERIFY_TWICE, w->chain, seq, seq, w->items[i]->line,
			      "record %llu stands there twice", (unsigned long long)seq);
			continue;
		}
		if (i && seq > next) {
			missing(w, QVERIFY_DROPPED, next, seq - 1, "");
			known = false;
		}
		if (known) {
			qverify_hash(before, r, hash);
			if (!same(hash, r->hash) && doubt)
				qverify_hash(other, r, hash);
			doubt = !same(hash, r->hash);
			if (doubt)
				found(w->res, QVERIFY_CHANGED, w->chain, seq, seq,
				      w->items[i]->line, "record %llu was changed",
				      (unsigned long long)seq);
			memcpy(other, hash, sizeof(other));
		} else {
			doubt = false;
		}
		memcpy(before, r->hash, sizeof(before));
		known = true;
	}
}

/* What the log says of its own beginning and end. */
static void check_head(struct work *w)
{
	const struct qaudit_head *h = w->head;
	struct qverify_chain *c = w->chain;
	uint8_t genesis[QAUDIT_HASH];

	if (!h) {
		if (w->log->whole)
			found(w->res, QVERIFY_HEAD, c, 0, 0, 0, "its head is missing");
		return;
	}
	c->lost = h->lost;
	if (h->first > h->seq + 1 || !h->first) {
		found(w->res, QVERIFY_HEAD, c, 0, 0, h->line, "its head contradicts itself");
		return;
	}
	qverify_genesis(w->log->instance, c->chain, genesis);
	if ((h->first == 1 && !same(h->prev_hash, genesis)) ||
	    (h->first == h->seq + 1 && !same(h->prev_hash, h->hash)))
		found(w->res, QVERIFY_HEAD, c, 0, 0, h->line,
		      "the hash in its head is not the one to begin with");
	if (!w->n) {
		if (h->first <= h->seq)
			missing(w, QVERIFY_CUT, h->first, h->seq, ": the chain was cut out");
		return;
	}
	if (c->first > h->first)
		missing(w, QVERIFY_DROPPED, h->first, c->first - 1, " at the beginning");
	else if (c->first < h->first)
		found(w->res, QVERIFY_HEAD, c, c->first, h->first - 1, h->line,
		      "its head says that record %llu is the oldest", (unsigned long long)h->first);
	if (c->last < h->seq)
		missing(w, QVERIFY_CUT, c->last + 1, h->seq, ": the tail was cut off");
	else if (c->last > h->seq)
		found(w->res, QVERIFY_HEAD, c, h->seq + 1, c->last, h->line,
		      "its head says that record %llu is the last", (unsigned long long)h->seq);
	else if (!same(w->items[w->n - 1]->rec.hash, h->hash))
		found(w->res, QVERIFY_HEAD, c, c->last, c->last, h->line,
		      "the hash in its head is not that of record %llu",
		      (unsigned long long)c->last);
}

/* The hash of record @seq as the log has it, or NULL. */
static const uint8_t *hash_at(const struct work *w, uint64_t seq)
{
	size_t low = 0, high = w->n, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (seq_of(w->items[mid]) < seq)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < w->n && seq_of(w->items[low]) == seq)
		return w->items[low]->rec.hash;
	if (w->head && w->head->first == seq + 1)
		return w->head->prev_hash;
	return NULL;
}

static void check_anchor(struct work *w, const struct qverify_anchor *a)
{
	struct qverify_chain *c = w->chain;
	const uint8_t *hash = hash_at(w, a->seq);

	if (hash && !same(hash, a->hash)) {
		found(w->res, QVERIFY_REWRITTEN, c, a->seq, a->seq, 0,
		      "the hash of record %llu is not that of the given head: the log was written anew, or the head is another's",
		      (unsigned long long)a->seq);
		return;
	}
	if (!hash && a->seq > c->last) {
		/* What is behind the last one was told already, if the log's own head knows. */
		if (!w->head || w->head->seq < a->seq)
			missing(w, QVERIFY_CUT, c->last + 1, a->seq, ": the tail was cut off");
		return;
	}
	if (a->last && c->last > a->seq) {
		found(w->res, QVERIFY_REWRITTEN, c, a->seq + 1, c->last, 0,
		      "the kernel never had the records after %llu", (unsigned long long)a->seq);
		return;
	}
	if (hash && a->seq > c->anchored)
		c->anchored = a->seq;
}

/* Is it this chain that the anchor is about? */
static bool is_about(const struct qverify_anchor *a, const struct work *w, size_t n_chains)
{
	const uint8_t *hash;

	if (!a->any)
		return a->chain == w->chain->chain;
	if (n_chains == 1)
		return true;
	hash = hash_at(w, a->seq);
	return hash && same(hash, a->hash);
}

static void check_chain(struct work *w, const struct qverify_anchor *anchors, size_t n, bool *used,
			size_t n_chains)
{
	struct qverify_chain *c = w->chain;
	size_t i;

	c->n = w->n;
	if (w->n) {
		c->first = seq_of(w->items[0]);
		c->last = seq_of(w->items[w->n - 1]);
		check_hashes(w);
	} else {
		c->based = true;
		c->last = w->head->first ? w->head->first - 1 : 0;
	}
	check_head(w);
	for (i = 0; i < n; i++) {
		if (is_about(&anchors[i], w, n_chains)) {
			used[i] = true;
			check_anchor(w, &anchors[i]);
		}
	}
	/* A chain without a record has nothing to be proven. */
	c->whole = c->sound && c->based && (c->anchored >= c->last || !c->last);
}

static int by_chain(const void *a, const void *b)
{
	const struct qaudit_entry *x = *(const struct qaudit_entry *const *)a,
				  *y = *(const struct qaudit_entry *const *)b;

	if (x->rec.chain != y->rec.chain)
		return x->rec.chain < y->rec.chain ? -1 : 1;
	if (x->rec.seq != y->rec.seq)
		return x->rec.seq < y->rec.seq ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

/* The chains of the log, from its records, which are sorted, and its heads. */
static void find_chains(const struct qaudit_log *log, const struct qaudit_entry **sorted,
			struct qverify_result *res)
{
	struct qverify_chain *c;
	size_t i, n;

	for (i = 0; i < log->n; i++) {
		if (i && sorted[i]->rec.chain == sorted[i - 1]->rec.chain)
			continue;
		c = QMEM_GROW(res->chains, res->n_chains);
		c->chain = sorted[i]->rec.chain;
		c->sound = true;
		memcpy(c->name, sorted[i]->rec.vm_name, sizeof(c->name) - 1);
	}
	n = res->n_chains;
	for (i = 0; i < log->n_heads; i++) {
		const struct qaudit_head *h = &log->heads[i];
		struct qverify_chain key = { .chain = h->chain };

		if (n && bsearch(&key, res->chains, n, sizeof(key), chain_by_id))
			continue;
		c = QMEM_GROW(res->chains, res->n_chains);
		c->chain = h->chain;
		c->sound = true;
		memcpy(c->name, h->name, sizeof(c->name));
	}
	if (res->n_chains)
		qsort(res->chains, res->n_chains, sizeof(*res->chains), chain_by_id);
	for (i = 1; i < res->n_chains; i++) {
		if (res->chains[i].chain != res->chains[i - 1].chain)
			continue;
		/* Two heads without a record. */
		memmove(&res->chains[i], &res->chains[i + 1],
			(res->n_chains - i - 1) * sizeof(*res->chains));
		res->n_chains--;
		i--;
	}
}

static const struct qaudit_head *find_head(const struct qaudit_log *log, uint64_t chain, size_t *n)
{
	const struct qaudit_head *h = NULL;
	size_t i;

	*n = 0;
	for (i = 0; i < log->n_heads; i++) {
		if (log->heads[i].chain == chain) {
			h = &log->heads[i];
			(*n)++;
		}
	}
	return h;
}

/* What the header promises. */
static void check_header(const struct qaudit_log *log, struct qverify_result *res)
{
	size_t i;

	for (i = 0; i < log->n_problems; i++)
		found(res, QVERIFY_UNREADABLE, NULL, 0, 0, log->problems[i].line,
		      "line %zu can't be read: %.180s", log->problems[i].line,
		      log->problems[i].text);
	if (log->whole && log->n_records != log->n)
		found(res, QVERIFY_HEAD, NULL, 0, 0, 1,
		      "the header promises %llu records, %zu are there",
		      (unsigned long long)log->n_records, log->n);
	if (log->whole && log->n_chains != log->n_heads)
		found(res, QVERIFY_HEAD, NULL, 0, 0, 1,
		      "the header promises %llu heads, %zu are there",
		      (unsigned long long)log->n_chains, log->n_heads);
}

void qverify(const struct qaudit_log *log, const struct qverify_anchor *anchors, size_t n,
	     struct qverify_result *res)
{
	const struct qaudit_entry **sorted = qmem_calloc(log->n + 1, sizeof(*sorted));
	bool *used = qmem_calloc(n + 1, sizeof(*used));
	size_t i, c, at = 0, n_heads;

	memset(res, 0, sizeof(*res));
	check_header(log, res);
	for (i = 0; i < log->n; i++)
		sorted[i] = &log->entries[i];
	qsort(sorted, log->n, sizeof(*sorted), by_chain);
	find_chains(log, sorted, res);
	check_places(log, res);
	for (c = 0; c < res->n_chains; c++) {
		struct work w = { res, log, &res->chains[c] };

		w.head = find_head(log, w.chain->chain, &n_heads);
		if (n_heads > 1)
			found(res, QVERIFY_HEAD, w.chain, 0, 0, w.head->line, "it has two heads");
		w.items = &sorted[at];
		while (at < log->n && sorted[at]->rec.chain == w.chain->chain) {
			at++;
			w.n++;
		}
		check_chain(&w, anchors, n, used, res->n_chains);
	}
	for (i = 0; i < n; i++) {
		if (!used[i] && anchors[i].any)
			found(res, QVERIFY_REWRITTEN, NULL, anchors[i].seq, anchors[i].seq, 0,
			      "no chain has a record %llu of the given hash: its tail was cut off, or it was written anew",
			      (unsigned long long)anchors[i].seq);
		else if (!used[i])
			found(res, QVERIFY_CUT, NULL, 1, anchors[i].seq, 0,
			      "chain %llu of the given head is not there",
			      (unsigned long long)anchors[i].chain);
	}
	res->anchored = !res->n_findings;
	for (c = 0; c < res->n_chains; c++)
		res->anchored &= res->chains[c].whole;
	free(used);
	free(sorted);
}
