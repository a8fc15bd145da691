// SPDX-License-Identifier: GPL-2.0-only
/* Saved audit logs as files: records come back to the byte; what is no log, or lies, is told. */
#include "saved_log.h"

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
		/* What means the same to one reader may mean something else to another. */
		{ "\"uid\":0", "\"uid\":-0" },
		{ "\"uid\":0", "\"uid\": 0" },
		{ "\"comm\":\"qemu\"", "\"comm\":\"\\u0071emu\"" },
		{ "\"asked\":", "\"\\u0061sked\":" },
		{ "{", " {" },
		{ "}", "} " },
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

/* A number beyond the largest is read as the largest, which record 3 has. */
static void numbers_beyond(void **state)
{
	struct fixture *f = *state;

	edit(&f->text, line_of(7, 3), "\"asked\":18446744073709551615",
	     "\"asked\":99999999999999999999");
	assert_int_equal(verify(f, NULL, 0), 0);
	assert_int_equal(count(f, QVERIFY_UNREADABLE), 1);
}

/* Whatever stands behind a NUL, at the end of the file as well. */
static void text_behind_a_nul(void **state)
{
	struct fixture *f = *state;
	struct qaudit_log log;
	char *all = NULL;
	size_t len, i;
	FILE *m = open_memstream(&all, &len);

	assert_non_null(m);
	for (i = 0; i < f->text.n; i++)
		fputs(f->text.line[i], m);
	assert_int_equal(fclose(m), 0);
	all = qmem_check(realloc(all, len + 7));
	/* In place of the last newline. */
	memcpy(all + len - 1, "\0hidden", 8);
	m = fmemopen(all, len + 7, "r");
	assert_non_null(m);
	assert_int_equal(qaudit_log_read(m, "LOG", &log, &f->e), 0);
	assert_int_equal(log.n_problems, 1);
	assert_int_equal(log.problems[0].line, f->text.n);
	qaudit_log_free(&log);
	fclose(m);
	free(all);
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

/* The hash as the specification has it, by numbers that another program has computed. */
static void hashes_are_those_of_sha256(void **state)
{
	static const uint8_t id[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	struct qwamos_gpu_audit_record r = { .chain = 3, .seq = 1 };
	char text[QAUDIT_HEX];
	uint8_t hash[QAUDIT_HASH];

	qverify_genesis(id, 3, hash);
	qaudit_hex(hash, sizeof(hash), text);
	assert_string_equal(text,
			    "44cd7056c189277042229b4ebd179d9a5bf573d9eca95c93c926027025d49012");
	qverify_hash(hash, &r, hash);
	qaudit_hex(hash, sizeof(hash), text);
	assert_string_equal(text,
			    "e470bfa1abfd723806ca40616be66c397437bd124b7bbcb1eed7dc89341efabe");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_byte_comes_back),
		TEST(odd_records_come_back),
		TEST(unreadable_lines),
		TEST(numbers_beyond),
		TEST(text_behind_a_nul),
		TEST(no_log),
		TEST(heads_that_lie),
		TEST(empty_chains),
		TEST(hashes_are_those_of_sha256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
