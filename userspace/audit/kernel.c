// SPDX-License-Identifier: GPL-2.0-only
#include "audit/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/libqwamos-gpu.h"
#include "util/file.h"
#include "util/mem.h"

#define NS 1000000000LL
/* Records that are asked for at once. */
#define PAGE 4096

bool qaudit_wanted(const struct qaudit_want *w, const struct qwamos_gpu_audit_record *r)
{
	char id[24];

	if ((w->event && r->event != w->event) || (w->one_chain && r->chain != w->chain))
		return false;
	if (!w->vm)
		return true;
	snprintf(id, sizeof(id), "%llu", r->chain);
	return !strcmp(id, w->vm) ||
	       (r->vm_name[0] && !strncmp(r->vm_name, w->vm, sizeof(r->vm_name)));
}

static int refused(struct qerr *e, int err, uint32_t reason)
{
	if (reason)
		return qerr_set(e, -err, "the audit log can't be read: %s",
				libqg_reason_text(reason));
	return qerr_sys(e, -err, "the audit log can't be read");
}

int qaudit_read_after(int ctl, const struct qaudit_want *w, uint64_t after,
		      void (*take)(void *arg, const struct qwamos_gpu_audit_record *r), void *arg,
		      uint64_t *lost, struct qerr *e)
{
	struct qwamos_gpu_audit_record *recs;
	struct qwamos_gpu_audit_read req;
	uint32_t reason = 0;
	size_t i;
	int ret;

	do {
		memset(&req, 0, sizeof(req));
		req.hdr.flags = QWAMOS_GPU_AUDIT_F_AFTER |
				(w->one_chain ? QWAMOS_GPU_AUDIT_F_CHAIN : 0);
		req.chain = w->one_chain ? w->chain : 0;
		req.after = after;
		req.count = PAGE;
		req.event = w->event;
		ret = libqg_audit_read(ctl, &req, &recs, &reason);
		if (ret)
			return refused(e, ret, reason);
		for (i = 0; i < req.count; i++) {
			after = recs[i].order;
			if (qaudit_wanted(w, &recs[i]))
				take(arg, &recs[i]);
		}
		free(recs);
		if (lost)
			*lost = req.out_lost;
	} while (req.count == PAGE);
	return 0;
}

int qaudit_newest(int ctl, uint64_t *order, struct qerr *e)
{
	struct qwamos_gpu_audit_read req = { .count = 1 };
	struct qwamos_gpu_audit_record *recs;
	uint32_t reason = 0;
	int ret;

	ret = libqg_audit_read(ctl, &req, &recs, &reason);
	if (ret)
		return refused(e, ret, reason);
	*order = req.count ? recs[0].order : 0;
	free(recs);
	return 0;
}

void qaudit_list_add(void *list, const struct qwamos_gpu_audit_record *r)
{
	struct qaudit_list *l = list;

	/* Twice as many as are kept, so that few are moved. */
	if (l->max && l->n == 2 * l->max) {
		memcpy(l->recs, l->recs + l->max, l->max * sizeof(*l->recs));
		l->n = l->max;
	}
	*QMEM_GROW(l->recs, l->n) = *r;
}

int qaudit_describe(int ctl, struct qaudit_log *log, struct qerr *e)
{
	struct qwamos_gpu_get_info info;
	struct timespec real, boot;
	char id[37], digits[33];
	size_t i, n = 0;
	int err;

	memset(log, 0, sizeof(*log));
	err = libqg_get_info(ctl, &info);
	if (err)
		return qerr_sys(e, -err, "the kernel module does not tell who it is");
	memcpy(log->instance, info.out_instance, sizeof(log->instance));
	err = qfile_boot_id(id);
	if (err)
		return qerr_sys(e, -err, "the id of this boot can't be read");
	for (i = 0; id[i] && n < 32; i++)
		if (id[i] != '-')
			digits[n++] = id[i];
	digits[n] = '\0';
	if (qaudit_unhex(digits, log->boot_id, sizeof(log->boot_id)))
		return qerr_set(e, EBADMSG, "'%s' is no id of a boot", id);
	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	log->saved_ns = boot.tv_sec * NS + boot.tv_nsec;
	log->wall_offset_ns = real.tv_sec * NS + real.tv_nsec - (int64_t)log->saved_ns;
	return 0;
}

static void add_entry(void *arg, const struct qwamos_gpu_audit_record *r)
{
	struct qaudit_log *log = arg;

	QMEM_GROW(log->entries, log->n)->rec = *r;
}

static int by_chain(const void *a, const void *b)
{
	const struct qaudit_head *x = a, *y = b;

	return x->chain < y->chain ? -1 : x->chain > y->chain;
}

static struct qaudit_head *find_head(const struct qaudit_log *log, uint64_t chain)
{
	struct qaudit_head key = { .chain = chain };

	return log->n_heads ? bsearch(&key, log->heads, log->n_heads, sizeof(key), by_chain) : NULL;
}

/* A head, still empty, for each chain that has a record, and for the host's, if that is wanted. */
static void list_chains(struct qaudit_log *log, bool host)
{
	struct qaudit_head *h;
	size_t i, n = 0;

	if (host)
		QMEM_GROW(log->heads, n)->chain = 0;
	for (i = 0; i < log->n; i++) {
		if (n && log->heads[n - 1].chain == log->entries[i].rec.chain)
			continue;
		h = QMEM_GROW(log->heads, n);
		h->chain = log->entries[i].rec.chain;
		memcpy(h->name, log->entries[i].rec.vm_name, sizeof(h->name) - 1);
	}
	if (n)
		qsort(log->heads, n, sizeof(*log->heads), by_chain);
	for (i = 0; i < n; i++)
		if (!log->n_heads || log->heads[log->n_heads - 1].chain != log->heads[i].chain)
			log->heads[log->n_heads++] = log->heads[i];
}

/* Return: 0, 1 if the kernel has forgotten the chain, or a negative errno. */
static int ask_head(int ctl, uint64_t chain, struct qaudit_head *h, struct qerr *e)
{
	struct qwamos_gpu_audit_head req;
	uint32_t reason = 0;
	int ret;

	ret = libqg_audit_head(ctl, chain, &req, &reason);
	if (ret == -ENOENT)
		return 1;
	if (ret)
		return refused(e, ret, reason);
	h->chain = chain;
	h->first = req.out_first;
	h->seq = req.out_seq;
	h->lost = req.out_lost;
	memcpy(h->prev_hash, req.out_prev_hash, sizeof(h->prev_hash));
	memcpy(h->hash, req.out_hash, sizeof(h->hash));
	return 0;
}

/* Fill the heads in; those of chains that the kernel has forgotten meanwhile go. */
static int ask_heads(int ctl, struct qaudit_log *log, struct qerr *e)
{
	size_t i, n = 0;
	int ret;

	for (i = 0; i < log->n_heads; i++) {
		ret = ask_head(ctl, log->heads[i].chain, &log->heads[i], e);
		if (ret < 0)
			return ret;
		if (!ret)
			log->heads[n++] = log->heads[i];
	}
	log->n_heads = n;
	return 0;
}

/* Where chains begin may have moved on since: where they begin now, and end then. */
static int ask_beginnings(int ctl, struct qaudit_log *log, struct qerr *e)
{
	struct qaudit_head now = { 0 }, *h;
	size_t i, n = 0;
	int ret;

	for (i = 0; i < log->n_heads; i++) {
		h = &log->heads[i];
		ret = ask_head(ctl, h->chain, &now, e);
		if (ret < 0)
			return ret;
		if (ret)
			continue;
		h->lost = now.lost;
		if (now.first <= h->seq) {
			h->first = now.first;
			memcpy(h->prev_hash, now.prev_hash, sizeof(h->prev_hash));
		} else {
			h->first = h->seq + 1;
			memcpy(h->prev_hash, h->hash, sizeof(h->prev_hash));
		}
		log->heads[n++] = *h;
	}
	log->n_heads = n;
	return 0;
}

/* What is left between the beginnings and the ends. */
static void keep_between(struct qaudit_log *log)
{
	const struct qaudit_head *h;
	size_t i, n = 0;

	for (i = 0; i < log->n; i++) {
		h = find_head(log, log->entries[i].rec.chain);
		if (h && log->entries[i].rec.seq >= h->first && log->entries[i].rec.seq <= h->seq)
			log->entries[n++] = log->entries[i];
	}
	log->n = n;
}

int qaudit_heads(int ctl, const struct qaudit_want *w, struct qaudit_log *log, struct qerr *e)
{
	int err = qaudit_describe(ctl, log, e);

	if (!err)
		err = qaudit_read_after(ctl, w, 0, add_entry, log, NULL, e);
	list_chains(log, !w->vm);
	if (!err)
		err = ask_heads(ctl, log, e);
	log->n = 0;
	return err;
}

/*
 * The chains; their ends; the records up to there; and where the chains begin by then. Whatever
 * comes or is evicted meanwhile, the records between are all there.
 */
int qaudit_save(int ctl, const struct qaudit_want *w, struct qaudit_log *log, struct qerr *e)
{
	int err = qaudit_describe(ctl, log, e);

	if (!err)
		err = qaudit_read_after(ctl, w, 0, add_entry, log, NULL, e);
	list_chains(log, !w->vm);
	if (!err)
		err = ask_heads(ctl, log, e);
	log->whole = true;
	log->order = log->n ? log->entries[log->n - 1].rec.order : 0;
	if (!err)
		err = qaudit_read_after(ctl, w, log->order, add_entry, log, NULL, e);
	if (!err)
		err = ask_beginnings(ctl, log, e);
	keep_between(log);
	return err;
}

/* The largest number that a chain has in a log. */
static uint64_t last_seq(const struct qaudit_log *log, uint64_t chain)
{
	uint64_t last = 0;
	size_t i;

	for (i = 0; i < log->n; i++)
		if (log->entries[i].rec.chain == chain && log->entries[i].rec.seq > last)
			last = log->entries[i].rec.seq;
	return last;
}

/* The hash of a record of the kernel's. Return: whether it is known. */
static bool hash_of(const struct qaudit_list *l, const struct qaudit_head *h, uint64_t seq,
		    uint8_t hash[QAUDIT_HASH])
{
	const uint8_t *p = seq == h->seq ? h->hash : seq + 1 == h->first ? h->prev_hash : NULL;
	size_t i;

	for (i = 0; i < l->n && !p; i++)
		if (l->recs[i].seq == seq)
			p = l->recs[i].hash;
	if (p)
		memcpy(hash, p, QAUDIT_HASH);
	return p;
}

static int ask_chain(int ctl, const struct qaudit_log *log, uint64_t chain,
		     struct qaudit_witness *w, struct qerr *e)
{
	struct qverify_anchor a = { .chain = chain };
	struct qaudit_list l = { 0 };
	struct qaudit_head h = { 0 };
	uint64_t last = last_seq(log, chain), must = 0;
	struct qaudit_want want = { .one_chain = true, .chain = chain };
	size_t i;
	int ret;

	ret = ask_head(ctl, chain, &h, e);
	if (ret)
		return ret < 0 ? ret : 0;
	ret = qaudit_read_after(ctl, &want, 0, qaudit_list_add, &l, NULL, e);
	if (ret)
		return ret;
	/* What was there when the log was saved must be in it. */
	for (i = 0; i < l.n; i++)
		if (log->whole && l.recs[i].order <= log->order)
			must = l.recs[i].seq;
	a.seq = last < h.seq ? last : h.seq;
	if (a.seq < must)
		a.seq = must;
	a.last = a.seq == h.seq;
	if (h.seq > a.seq)
		w->newer += h.seq - a.seq;
	if (hash_of(&l, &h, a.seq, a.hash))
		*QMEM_GROW(w->anchors, w->n) = a;
	free(l.recs);
	return 0;
}

int qaudit_ask(int ctl, const struct qaudit_log *log, struct qaudit_witness *w, struct qerr *e)
{
	struct qaudit_log chains = { 0 };
	struct qwamos_gpu_get_info info;
	size_t i;
	int err;

	memset(w, 0, sizeof(*w));
	err = libqg_get_info(ctl, &info);
	if (err)
		return qerr_sys(e, -err, "the kernel module does not tell who it is");
	w->same = !memcmp(info.out_instance, log->instance, sizeof(log->instance));
	if (!w->same)
		return 0;
	chains.entries = log->entries;
	chains.n = log->n;
	list_chains(&chains, false);
	for (i = 0; i < chains.n_heads && !err; i++)
		err = ask_chain(ctl, log, chains.heads[i].chain, w, e);
	/* A chain of which only the head is left. */
	for (i = 0; i < log->n_heads && !err; i++)
		if (!find_head(&chains, log->heads[i].chain))
			err = ask_chain(ctl, log, log->heads[i].chain, w, e);
	free(chains.heads);
	return err;
}
