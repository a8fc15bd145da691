// SPDX-License-Identifier: GPL-2.0-only
/* Saved audit logs: what was done to one is found, and named by number. */
#include "saved_log.h"

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
		{ "\"}", "\",\"reserved\":\"01000000000000000000000000000000"
			 "00000000000000000000000000000000\"}" },
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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
		TEST(anchor_of_another_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
