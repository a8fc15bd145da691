// SPDX-License-Identifier: GPL-2.0-only
/* Saved audit logs: what was done to one is found, and named by number. */
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

static void make_record(struct qaudit_log *log, uint64_t chain, uint64_t seq, uint8_t *hash,
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

static void make_chain(struct qaudit_log *log, uint64_t chain, uint64_t lost, uint64_t last)
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

static void to_text(const struct qaudit_log *log, struct text *t)
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

static int setup(void **state)
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

static int teardown(void **state)
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
static int verify(struct fixture *f, const struct qverify_anchor *anchors, size_t n)
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
static size_t line_of(uint64_t chain, uint64_t seq)
{
	return chain == 8 ? 4 + LAST + seq - GONE : chain == 7 ? 4 + seq : seq;
}

static void drop(struct text *t, size_t at)
{
	free(t->line[at]);
	memmove(&t->line[at], &t->line[at + 1], (--t->n - at) * sizeof(*t->line));
}

/* The text anew, from the log. */
static void rewrite(struct fixture *f)
{
	while (f->text.n)
		drop(&f->text, f->text.n - 1);
	to_text(&f->log, &f->text);
}

static void swap(struct text *t, size_t a, size_t b)
{
	char *line = t->line[a];

	t->line[a] = t->line[b];
	t->line[b] = line;
}

/* Puts @to in the place of the first @from of a line. */
static void edit(struct text *t, size_t at, const char *from, const char *to)
{
	char *p = strstr(t->line[at], from), *new;

	assert_non_null(p);
	new = qmem_printf("%.*s%s%s", (int)(p - t->line[at]), t->line[at], to, p + strlen(from));
	free(t->line[at]);
	t->line[at] = new;
}

static bool has(const struct fixture *f, enum qverify_kind kind, uint64_t chain, uint64_t seq)
{
	const struct qverify_finding *x;

	for (x = f->res.findings; x < f->res.findings + f->res.n_findings; x++)
		if (x->kind == kind && x->has_chain && x->chain == chain && x->first <= seq &&
		    seq <= x->last)
			return true;
	return false;
}

static size_t count(const struct fixture *f, enum qverify_kind kind)
{
	size_t i, n = 0;

	for (i = 0; i < f->res.n_findings; i++)
		n += f->res.findings[i].kind == kind;
	return n;
}

static struct qverify_anchor anchor(const struct fixture *f, uint64_t chain, uint64_t seq)
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

static void every_byte_comes_back(void **state)
{
	struct fixture *f = *state;
	size_t i;

	assert_int_equal(verify(f, NULL, 0), 0);
	assert_int_equal(f->read.n, f->log.n);
	assert_int_equal(f->read.n_heads, 3);
	for (i = 0; i < f->log.n; i++)
		assert_memory_equal(&f->read.entries[i].rec, &f->log.entries[i].rec,
				    sizeof(f->log.entries[i].rec));
	assert_int_equal(f->read.saved_ns, 77);
	assert_int_equal(f->read.wall_offset_ns, -3);
	assert_memory_equal(f->read.instance, f->log.instance, 16);
	assert_memory_equal(f->read.boot_id, f->log.boot_id, 16);
}

/* Also those that no kernel of today writes: unknown numbers, reserved fields, every byte value. */
static void odd_records_come_back(void **state)
{
	struct qwamos_gpu_audit_record r, back;
	struct json_object *o;
	unsigned int i, j;
	struct qerr e;

	for (i = 0; i < 256; i++) {
		memset(&r, i, sizeof(r));
		o = qaudit_to_json(&r);
		assert_int_equal(qaudit_from_json(o, &back, &e), 0);
		assert_memory_equal(&back, &r, sizeof(r));
		json_object_put(o);
	}
	for (i = 0; i < 2000; i++) {
		for (j = 0; j < sizeof(r); j++)
			((uint8_t *)&r)[j] = rand() % 3 ? rand() : 0;
		o = qaudit_to_json(&r);
		assert_int_equal(qaudit_from_json(o, &back, &e), 0);
		assert_memory_equal(&back, &r, sizeof(r));
		for (j = 0; json_object_to_json_string(o)[j]; j++)
			assert_in_range(json_object_to_json_string(o)[j], ' ', '~');
		json_object_put(o);
	}
}

static void whole_log_is_sound(void **state)
{
	struct fixture *f = *state;
	size_t i;

	assert_int_equal(verify(f, NULL, 0), 0);
	assert_int_equal(f->res.n_findings, 0);
	assert_false(f->res.anchored);
	assert_int_equal(f->res.n_chains, 3);
	for (i = 0; i < 3; i++) {
		assert_true(f->res.chains[i].sound && f->res.chains[i].based);
		assert_false(f->res.chains[i].whole);
	}
	assert_int_equal(f->res.chains[2].first, GONE + 1);
	assert_int_equal(f->res.chains[2].last, GONE + LAST);
	assert_int_equal(f->res.chains[2].lost, GONE);
}

static void heads_anchor(void **state)
{
	struct fixture *f = *state;
	struct qverify_anchor a[3] = { anchor(f, 0, 4), anchor(f, 7, LAST),
				       anchor(f, 8, GONE + LAST) };

	assert_int_equal(verify(f, a, 3), 0);
	assert_int_equal(f->res.n_findings, 0);
	assert_true(f->res.anchored);
	a[0].any = a[1].any = a[2].any = true;
	assert_int_equal(verify(f, a, 3), 0);
	assert_true(f->res.anchored);
	assert_int_equal(verify(f, a, 2), 0);
	assert_int_equal(f->res.n_findings, 0);
	assert_false(f->res.anchored);
	assert_true(f->res.chains[1].whole);
	assert_false(f->res.chains[2].whole);
	/* A head from before the end proves so much. */
	a[1] = anchor(f, 7, 5);
	assert_int_equal(verify(f, a, 3), 0);
	assert_int_equal(f->res.n_findings, 0);
	assert_int_equal(f->res.chains[1].anchored, 5);
	assert_false(f->res.chains[1].whole);
	/* What was evicted before the oldest that is here is proven by its hash. */
	a[2] = (struct qverify_anchor){ .chain = 8, .seq = GONE };
	memcpy(a[2].hash, f->log.heads[2].prev_hash, QAUDIT_HASH);
	assert_int_equal(verify(f, a, 3), 0);
	assert_int_equal(f->res.n_findings, 0);
	assert_int_equal(f->res.chains[2].anchored, GONE);
}

static void changed_record(void **state)
{
	static const char *const edits[][2] = {
		{ "\"limit\":1073741824", "\"limit\":1073741823" },
		{ "\"pid\":4", "\"pid\":5" },
		{ "\"used\":0", "\"used\":1" },
		{ "\"flags\":0", "\"flags\":1" },
		{ "\"order\":", "\"order\":1" },
		{ "\"flags\":0", "\"flags\":0,\"reserved\":\"01000000000000000000000000000000"
				 "00000000000000000000000000000000\"" },
	};
	struct fixture *f = *state;
	size_t i, j;

	for (i = 0; i < N_PLACES; i++) {
		for (j = 0; j < sizeof(edits) / sizeof(edits[0]); j++) {
			edit(&f->text, line_of(places[i][0], places[i][1]), edits[j][0],
			     edits[j][1]);
			assert_int_equal(verify(f, NULL, 0), 0);
			assert_true(has(f, QVERIFY_CHANGED, places[i][0], places[i][1]));
			assert_int_equal(count(f, QVERIFY_CHANGED), 1);
			edit(&f->text, line_of(places[i][0], places[i][1]), edits[j][1],
			     edits[j][0]);
		}
	}
	assert_int_equal(verify(f, NULL, 0), 0);
	assert_int_equal(f->res.n_findings, 0);
}

static void changed_hash(void **state)
{
	struct fixture *f = *state;
	size_t i;
	char *p;

	for (i = 0; i < N_PLACES; i++) {
		p = strstr(f->text.line[line_of(places[i][0], places[i][1])], "\"hash\":\"") + 8;
		*p = *p == '0' ? '1' : '0';
		assert_int_equal(verify(f, NULL, 0), 0);
		assert_true(has(f, QVERIFY_CHANGED, places[i][0], places[i][1]));
		/* The one after it is not to blame. */
		assert_int_equal(count(f, QVERIFY_CHANGED), 1);
		teardown(state);
		setup(state);
		f = *state;
	}
}

/* A change with the hashes made to fit again: shows at the head, and against an anchor. */
static void changed_and_hashed_anew(void **state)
{
	struct fixture *f = *state;
	struct qverify_anchor a = anchor(f, 7, LAST);
	uint8_t hash[QAUDIT_HASH];
	size_t i;

	for (i = 4; i < 4 + LAST; i++) {
		struct qwamos_gpu_audit_record *r = &f->log.entries[i].rec;

		if (r->seq == 5)
			r->uid = 1000;
		if (r->seq >= 5)
			qverify_hash(hash, r, r->hash);
		memcpy(hash, r->hash, sizeof(hash));
	}
	rewrite(f);
	assert_int_equal(verify(f, &a, 1), 0);
	assert_true(has(f, QVERIFY_HEAD, 7, LAST));
	assert_true(has(f, QVERIFY_REWRITTEN, 7, LAST));
	memcpy(f->log.heads[1].hash, hash, sizeof(hash));
	rewrite(f);
	assert_int_equal(verify(f, &a, 1), 0);
	assert_true(has(f, QVERIFY_REWRITTEN, 7, LAST));
	assert_int_equal(f->res.n_findings, 1);
	a.any = true;
	assert_int_equal(verify(f, &a, 1), 0);
	assert_int_equal(count(f, QVERIFY_REWRITTEN), 1);
	/* Nothing but an anchor tells. */
	assert_int_equal(verify(f, NULL, 0), 0);
	assert_int_equal(f->res.n_findings, 0);
	assert_false(f->res.anchored);
}

static void dropped_record(void **state)
{
	struct fixture *f = *state;
	enum qverify_kind kind;
	size_t i;

	for (i = 0; i < N_PLACES; i++) {
		kind = places[i][1] == (places[i][0] == 8 ? GONE + LAST : LAST) ? QVERIFY_CUT
										: QVERIFY_DROPPED;
		drop(&f->text, line_of(places[i][0], places[i][1]));
		assert_int_equal(verify(f, NULL, 0), 0);
		assert_true(has(f, kind, places[i][0], places[i][1]));
		assert_int_equal(count(f, kind), 1);
		teardown(state);
		setup(state);
		f = *state;
	}
	/* Without what the header and the heads promise. */
	f->log.whole = false;
	f->log.n_heads = 0;
	for (i = 0; i < N_PLACES; i++) {
		rewrite(f);
		assert_int_equal(verify(f, NULL, 0), 0);
		assert_int_equal(f->res.n_findings, 0);
		assert_false(f->res.chains[2].based);
		drop(&f->text, line_of(places[i][0], places[i][1]));
		assert_int_equal(verify(f, NULL, 0), 0);
		if (places[i][1] == 5 || places[i][1] == GONE + 5)
			assert_true(has(f, QVERIFY_DROPPED, places[i][0], places[i][1]));
		else if (places[i][1] == 1)
			assert_false(f->res.chains[places[i][0] == 7].based);
		assert_false(f->res.anchored);
	}
}

static void swapped_records(void **state)
{
	static const uint64_t pairs[][3] = {
		{ 7, 1, 2 }, { 7, 4, 5 }, { 7, LAST - 1, LAST },     { 7, 1, LAST },
		{ 7, 2, 4 }, { 7, 2, 6 }, { 8, GONE + 1, GONE + 2 }, { 8, GONE + 3, GONE + LAST }
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const uint64_t *p = pairs[i];

		swap(&f->text, line_of(p[0], p[1]), line_of(p[0], p[2]));
		assert_int_equal(verify(f, NULL, 0), 0);
		assert_int_equal(f->res.n_findings, 2);
		assert_true(has(f, QVERIFY_SWAPPED, p[0], p[1]));
		assert_true(has(f, QVERIFY_SWAPPED, p[0], p[2]));
		swap(&f->text, line_of(p[0], p[1]), line_of(p[0], p[2]));
	}
	/* Of two chains. */
	swap(&f->text, line_of(0, 4), line_of(7, 1));
	assert_int_equal(verify(f, NULL, 0), 0);
	assert_true(has(f, QVERIFY_SWAPPED, 0, 4) && has(f, QVERIFY_SWAPPED, 7, 1));
	assert_int_equal(f->res.n_findings, 2);
}

/* Only the one that was moved is to blame, not those that stand elsewhere for it. */
static void moved_record(void **state)
{
	struct fixture *f = *state;
	size_t i;

	for (i = line_of(7, 2); i < line_of(7, LAST); i++)
		swap(&f->text, i, i + 1);
	assert_int_equal(verify(f, NULL, 0), 0);
	assert_true(has(f, QVERIFY_SWAPPED, 7, 2));
	assert_int_equal(f->res.n_findings, 1);
}

/* Two records exchange all but their numbers. */
static void swapped_contents(void **state)
{
	struct fixture *f = *state;

	swap(&f->text, line_of(7, 4), line_of(7, 5));
	edit(&f->text, line_of(7, 4), "\"seq\":5,\"order\":7005", "\"seq\":4,\"order\":7004");
	edit(&f->text, line_of(7, 5), "\"seq\":4,\"order\":7004", "\"seq\":5,\"order\":7005");
	assert_int_equal(verify(f, NULL, 0), 0);
	assert_true(has(f, QVERIFY_CHANGED, 7, 4) && has(f, QVERIFY_CHANGED, 7, 5));
}

static void repeated_record(void **state)
{
	struct fixture *f = *state;
	size_t at = line_of(7, 5);
	char *twice = qmem_printf("%s%s", f->text.line[at], f->text.line[at]);

	free(f->text.line[at]);
	f->text.line[at] = twice;
	assert_int_equal(verify(f, NULL, 0), 0);
	assert_true(has(f, QVERIFY_TWICE, 7, 5));
	assert_int_equal(count(f, QVERIFY_TWICE), 1);
}

static void cut_tail(void **state)
{
	struct fixture *f = *state;
	struct qverify_anchor a = anchor(f, 8, GONE + LAST);
	size_t n;

	/* From one line to all but the header. */
	for (n = 1; f->text.n > 1; n++) {
		drop(&f->text, f->text.n - 1);
		assert_int_equal(verify(f, NULL, 0), 0);
		assert_true(f->res.n_findings > 0);
		if (n > 3 && n <= 3 + LAST) {
			assert_int_equal(verify(f, &a, 1), 0);
			assert_true(n == 3 + LAST ? count(f, QVERIFY_CUT)
						  : has(f, QVERIFY_CUT, 8, GONE + LAST));
		}
	}
}

/* A tail that is cut off so well that the file does not know of it. */
static void cut_tail_and_head(void **state)
{
	struct fixture *f = *state;
	struct qverify_anchor a = anchor(f, 8, GONE + LAST);
	struct qaudit_head *h = &f->log.heads[2];

	f->log.n--;
	h->seq--;
	memcpy(h->hash, f->log.entries[f->log.n - 1].rec.hash, sizeof(h->hash));
	rewrite(f);
	assert_int_equal(verify(f, NULL, 0), 0);
	assert_int_equal(f->res.n_findings, 0);
	assert_int_equal(verify(f, &a, 1), 0);
	assert_true(has(f, QVERIFY_CUT, 8, GONE + LAST));
	assert_int_equal(f->res.n_findings, 1);
	a.any = true;
	assert_int_equal(verify(f, &a, 1), 0);
	assert_int_equal(f->res.n_findings, 1);
}

static void cut_front(void **state)
{
	struct fixture *f = *state;

	drop(&f->text, line_of(8, GONE + 1));
	assert_int_equal(verify(f, NULL, 0), 0);
	assert_true(has(f, QVERIFY_DROPPED, 8, GONE + 1));
	/* With the head made to fit: its hash is the next one's, unless that is known, too. */
	edit(&f->text, f->text.n - 1, "\"first\":21", "\"first\":22");
	edit(&f->text, 0, "\"records\":22", "\"records\":21");
	assert_int_equal(verify(f, NULL, 0), 0);
	assert_true(has(f, QVERIFY_CHANGED, 8, GONE + 2));
}

static void records_beyond_the_kernels(void **state)
{
	struct fixture *f = *state;
	struct qverify_anchor a = anchor(f, 7, 6);

	a.last = true;
	assert_int_equal(verify(f, &a, 1), 0);
	assert_true(has(f, QVERIFY_REWRITTEN, 7, 7));
	assert_int_equal(f->res.n_findings, 1);
}

static void unreadable_lines(void **state)
{
	static const char *const edits[][2] = {
		{ "{", "" },
		{ "}", "" },
		{ "\"seq\"", "\"Seq\"" },
		{ "\"pid\":", "\"pid\":-" },
		{ "\"pid\":", "\"pid\":\"1\",\"pid\":" },
		{ "\"pid\":", "\"extra\":1,\"pid\":" },
		{ "\"pid\":", "\"pid\":99999999999" },
		{ "\"uid\":0", "\"uid\":0.0" },
		{ "\"uid\":0", "\"uid\":{\"uid\":0}" },
		{ "\"comm\":\"qemu\"", "\"comm\":\"%71emu\"" },
		{ "\"comm\":\"qemu\"", "\"comm\":\"%0\"" },
		{ "\"comm\":\"qemu\"", "\"comm\":\"\"" },
		{ "\"comm\":\"qemu\"", "\"comm\":\"12345678901234567\"" },
		{ "\"comm\":\"qemu\"", "\"comm\":\"qemu\\u0000\"" },
		{ "\"event\":\"", "\"event\":\"x" },
		{ "\"hash\":\"", "\"hash\":\"0" },
		{ "\"hash\":\"", "\"hash\":\"G" },
	};
	struct fixture *f = *state;
	size_t i, at = line_of(7, 6);

	for (i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		edit(&f->text, at, edits[i][0], edits[i][1]);
		assert_int_equal(verify(f, NULL, 0), 0);
		assert_int_equal(count(f, QVERIFY_UNREADABLE), 1);
		assert_int_equal(f->res.findings[0].line, at + 1);
		assert_true(has(f, QVERIFY_DROPPED, 7, 6));
		teardown(state);
		setup(state);
		f = *state;
	}
}

static void no_log(void **state)
{
	static const char *const headers[] = {
		"",
		"\n",
		"{}\n",
		"[]\n",
		"hello\n",
		"{\"format\":\"qwamos-gpu audit log\"}\n",
		"{\"format\":\"qwamos-gpu audit log\",\"version\":2}\n",
	};
	struct fixture *f = *state;
	size_t i;

	while (f->text.n > 1)
		drop(&f->text, 1);
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		free(f->text.line[0]);
		f->text.line[0] = qmem_strdup(headers[i]);
		assert_int_equal(verify(f, NULL, 0), -EBADMSG);
		assert_non_null(strstr(f->e.msg, "LOG"));
	}
}

static void heads_that_lie(void **state)
{
	static const char *const edits[][2] = {
		{ "\"first\":21", "\"first\":20" },    { "\"first\":21", "\"first\":0" },
		{ "\"first\":21", "\"first\":99" },    { "\"seq\":29", "\"seq\":28" },
		{ "\"seq\":29", "\"seq\":30" },	       { "\"hash\":\"", "\"hash\":\"00" },
		{ "\"prev_hash\":\"", "\"hash\":\"" }, { "\"head\":8", "\"head\":7" },
		{ "\"head\":8", "\"head\":9" },
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		edit(&f->text, f->text.n - 1, edits[i][0], edits[i][1]);
		assert_int_equal(verify(f, NULL, 0), 0);
		assert_true(f->res.n_findings > 0);
		edit(&f->text, f->text.n - 1, edits[i][1], edits[i][0]);
	}
	assert_int_equal(verify(f, NULL, 0), 0);
	assert_int_equal(f->res.n_findings, 0);
}

static void empty_chains(void **state)
{
	struct fixture *f = *state;
	struct qverify_anchor a;

	/* One that never had a record, and one that kept none. */
	qaudit_log_free(&f->log);
	f->log.whole = true;
	make_chain(&f->log, 0, 0, 0);
	make_chain(&f->log, 5, 3, 3);
	rewrite(f);
	assert_int_equal(verify(f, NULL, 0), 0);
	assert_int_equal(f->res.n_findings, 0);
	assert_int_equal(f->res.n_chains, 2);
	assert_true(f->res.chains[0].whole);
	assert_false(f->res.chains[1].whole);
	a = (struct qverify_anchor){ .chain = 5, .seq = 3 };
	memcpy(a.hash, f->log.heads[1].hash, sizeof(a.hash));
	assert_int_equal(verify(f, &a, 1), 0);
	assert_true(f->res.anchored);
	a.hash[0] ^= 1;
	assert_int_equal(verify(f, &a, 1), 0);
	assert_true(has(f, QVERIFY_REWRITTEN, 5, 3));
}

static void anchor_of_another_chain(void **state)
{
	struct fixture *f = *state;
	struct qverify_anchor a = { .chain = 9, .seq = 3 };

	assert_int_equal(verify(f, &a, 1), 0);
	assert_int_equal(f->res.n_findings, 1);
	assert_non_null(strstr(f->res.findings[0].text, "chain 9"));
	a.any = true;
	assert_int_equal(verify(f, &a, 1), 0);
	assert_int_equal(count(f, QVERIFY_REWRITTEN), 1);
}

/* The hash as the specification has it, by numbers that another program has computed. */
static void hashes_are_those_of_sha256(void **state)
{
	static const uint8_t instance[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	struct qwamos_gpu_audit_record r = { .chain = 3, .seq = 1 };
	char text[QAUDIT_HEX];
	uint8_t hash[QAUDIT_HASH];

	qverify_genesis(instance, 3, hash);
	qaudit_hex(hash, sizeof(hash), text);
	assert_string_equal(text,
			    "44cd7056c189277042229b4ebd179d9a5bf573d9eca95c93c926027025d49012");
	qverify_hash(hash, &r, hash);
	qaudit_hex(hash, sizeof(hash), text);
	assert_string_equal(text,
			    "e470bfa1abfd723806ca40616be66c397437bd124b7bbcb1eed7dc89341efabe");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_byte_comes_back),
		TEST(odd_records_come_back),
		TEST(whole_log_is_sound),
		TEST(heads_anchor),
		TEST(changed_record),
		TEST(changed_hash),
		TEST(changed_and_hashed_anew),
		TEST(dropped_record),
		TEST(swapped_records),
		TEST(moved_record),
		TEST(swapped_contents),
		TEST(repeated_record),
		TEST(cut_tail),
		TEST(cut_tail_and_head),
		TEST(cut_front),
		TEST(records_beyond_the_kernels),
		TEST(unreadable_lines),
		TEST(no_log),
		TEST(heads_that_lie),
		TEST(empty_chains),
		TEST(anchor_of_another_chain),
		TEST(hashes_are_those_of_sha256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
