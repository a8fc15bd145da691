/* SPDX-License-Identifier: GPL-2.0-only */
/* A saved audit log for tests, and what can be done to it. */
#ifndef QT_SAVED_LOG_H
#define QT_SAVED_LOG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "audit/log.h"
#include "audit/verify.h"
#include "util/mem.h"

/* Chain 0 has records 1 to 4, chain 7 has 1 to 9, chain 8 lost its records 1 to 20 of 29. */
#define LAST 9
#define GONE 20

struct text {
	char **line;
	size_t n;
};

struct fixture {
	struct qaudit_log log;
	/* The log as a file; changed by the tests. */
	struct text text;
	struct qaudit_log read;
	struct qverify_result res;
	struct qerr e;
};

static inline void make_record(struct qaudit_log *log, uint64_t chain, uint64_t seq, uint8_t *hash,
			       bool evicted)
{
	struct qwamos_gpu_audit_record r = {
		.chain = chain,
		.seq = seq,
		.order = chain * 1000 + seq,
		.time_ns = 1000000 * seq,
		.last_ns = 1000000 * seq + 5,
		.count = seq,
		.asked = seq == 3 ? UINT64_MAX : seq << 20,
		.limit = 1ULL << 30,
		.event = 1 + (seq + chain) % 31,
		.operation = seq % 8,
		.reason = seq % 40,
		.result = seq % 2 ? -13 : 0,
		.level = seq % 6 == 5 ? QWAMOS_GPU_LEVEL_NONE : seq % 6,
		.pid = 4000 + seq,
		.uid = seq == 2 ? UINT32_MAX : 0,
	};

	if (chain)
		snprintf(r.vm_name, sizeof(r.vm_name), "vm-%llu", (unsigned long long)chain);
	memcpy(r.comm, seq == 4 ? "x\033[2J%\n\0y\xff" : "qemu", seq == 4 ? 10 : 4);
	qverify_hash(hash, &r, r.hash);
	memcpy(hash, r.hash, QAUDIT_HASH);
	if (!evicted)
		QMEM_GROW(log->entries, log->n)->rec = r;
}

static inline void make_chain(struct qaudit_log *log, uint64_t chain, uint64_t lost, uint64_t last)
{
	struct qaudit_head *h = QMEM_GROW(log->heads, log->n_heads);
	uint8_t hash[QAUDIT_HASH];
	uint64_t seq;

	h->chain = chain;
	h->first = lost + 1;
	h->seq = last;
	h->lost = lost;
	if (chain)
		snprintf(h->name, sizeof(h->name), "vm-%llu", (unsigned long long)chain);
	qverify_genesis(log->instance, chain, hash);
	memcpy(h->prev_hash, hash, QAUDIT_HASH);
	for (seq = 1; seq <= last; seq++) {
		make_record(log, chain, seq, hash, seq <= lost);
		if (seq == lost)
			memcpy(h->prev_hash, hash, QAUDIT_HASH);
	}
	memcpy(h->hash, hash, QAUDIT_HASH);
}

static inline void to_text(const struct qaudit_log *log, struct text *t)
{
	FILE *f = tmpfile();
	char *line = NULL;
	size_t len = 0;

	assert_non_null(f);
	assert_int_equal(qaudit_log_write(f, log), 0);
	rewind(f);
	while (getline(&line, &len, f) > 0)
		*QMEM_GROW(t->line, t->n) = qmem_strdup(line);
	free(line);
	fclose(f);
}

static inline int setup(void **state)
{
	struct fixture *f = qmem_calloc(1, sizeof(*f));

	memset(f->log.instance, 0xa5, sizeof(f->log.instance));
	memset(f->log.boot_id, 0x5a, sizeof(f->log.boot_id));
	f->log.saved_ns = 77;
	f->log.wall_offset_ns = -3;
	f->log.whole = true;
	f->log.order = 9000;
	make_chain(&f->log, 0, 0, 4);
	make_chain(&f->log, 7, 0, LAST);
	make_chain(&f->log, 8, GONE, GONE + LAST);
	to_text(&f->log, &f->text);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < f->text.n; i++)
		free(f->text.line[i]);
	free(f->text.line);
	qaudit_log_free(&f->log);
	qaudit_log_free(&f->read);
	qverify_free(&f->res);
	free(f);
	return 0;
}

/* Read and verify what the text has become. */
static inline int verify(struct fixture *f, const struct qverify_anchor *anchors, size_t n)
{
	FILE *file = tmpfile();
	size_t i;
	int err;

	assert_non_null(file);
	for (i = 0; i < f->text.n; i++)
		fputs(f->text.line[i], file);
	rewind(file);
	qaudit_log_free(&f->read);
	qverify_free(&f->res);
	err = qaudit_log_read(file, "LOG", &f->read, &f->e);
	fclose(file);
	if (!err)
		qverify(&f->read, anchors, n, &f->res);
	return err;
}

/* The line of a record: after the header come chains 0, 7 and 8. */
static inline size_t line_of(uint64_t chain, uint64_t seq)
{
	return chain == 8 ? 4 + LAST + seq - GONE : chain == 7 ? 4 + seq : seq;
}

static inline void drop(struct text *t, size_t at)
{
	free(t->line[at]);
	memmove(&t->line[at], &t->line[at + 1], (--t->n - at) * sizeof(*t->line));
}

/* The text anew, from the log. */
static inline void rewrite(struct fixture *f)
{
	while (f->text.n)
		drop(&f->text, f->text.n - 1);
	to_text(&f->log, &f->text);
}

static inline void swap(struct text *t, size_t a, size_t b)
{
	char *line = t->line[a];

	t->line[a] = t->line[b];
	t->line[b] = line;
}

/* Puts @to in the place of the first @from of a line. */
static inline void edit(struct text *t, size_t at, const char *from, const char *to)
{
	char *p = strstr(t->line[at], from), *new;

	assert_non_null(p);
	new = qmem_printf("%.*s%s%s", (int)(p - t->line[at]), t->line[at], to, p + strlen(from));
	free(t->line[at]);
	t->line[at] = new;
}

static inline bool has(const struct fixture *f, enum qverify_kind kind, uint64_t chain,
		       uint64_t seq)
{
	const struct qverify_finding *x;

	for (x = f->res.findings; x < f->res.findings + f->res.n_findings; x++)
		if (x->kind == kind && x->has_chain && x->chain == chain && x->first <= seq &&
		    seq <= x->last)
			return true;
	return false;
}

static inline size_t count(const struct fixture *f, enum qverify_kind kind)
{
	size_t i, n = 0;

	for (i = 0; i < f->res.n_findings; i++)
		n += f->res.findings[i].kind == kind;
	return n;
}

static inline struct qverify_anchor anchor(const struct fixture *f, uint64_t chain, uint64_t seq)
{
	struct qverify_anchor a = { .chain = chain, .seq = seq };
	size_t i;

	for (i = 0; i < f->log.n; i++)
		if (f->log.entries[i].rec.chain == chain && f->log.entries[i].rec.seq == seq)
			memcpy(a.hash, f->log.entries[i].rec.hash, sizeof(a.hash));
	return a;
}

static const uint64_t places[][2] = { { 0, 1 },	 { 7, 1 },	  { 7, 5 },	     { 7, LAST },
				      { 8, 21 }, { 8, GONE + 5 }, { 8, GONE + LAST } };
#define N_PLACES (sizeof(places) / sizeof(places[0]))

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
