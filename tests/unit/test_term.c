// SPDX-License-Identifier: GPL-2.0-only
/* The filter between what others write and a terminal. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "util/term.h"

#define formats(want, ...)                        \
	do {                                      \
		char *got = qterm_format(__VA_ARGS__); \
		assert_string_equal(got, want);   \
		free(got);                        \
	} while (0)

/* What must not come out, by what becomes of it. */
static const struct {
	const char *in, *out;
} cases[] = {
	{ "plain, \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "plain, \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
	{ "\x1b[31m", "?[31m" },
	{ "a\nb\rc\td\be\af", "a?b?c?d?e?f" },
	{ "\x7f", "?" },
	{ "\x9b" "31m", "?31m" }, /* C1, raw */
	{ "\xc2\x9b" "31m", "?31m" }, /* C1, in UTF-8 */
	{ "\xc2\x80\xc2\x9f\xc2\xa0", "??\xc2\xa0" },
	{ "\xe2\x80\xae" "gpj.exe", "?gpj.exe" }, /* U+202E */
	{ "\xe2\x81\xa6\xe2\x81\xa9", "??" }, /* U+2066, U+2069 */
	{ "\xe2\x80\xa8\xe2\x80\xa9", "??" }, /* U+2028, U+2029 */
	{ "\xe2\x80\x8b\xe2\x80\x8c\xe2\x80\x8d\xe2\x80\x8e", "?\xe2\x80\x8c\xe2\x80\x8d?" },
	{ "\xef\xbb\xbf", "?" }, /* U+FEFF */
	{ "\xf3\xa0\x81\x81", "?" }, /* U+E0041 */
	{ "\xc1\x9b", "??" }, /* ESC, longer than it need be */
	{ "\xc0\x9b", "??" },
	{ "\xe0\x82\x9b", "???" },
	{ "\xf0\x80\x82\x9b", "????" },
	{ "\xed\xa0\x80", "???" }, /* a surrogate */
	{ "\xf4\x90\x80\x80", "????" }, /* above U+10FFFF */
	{ "\xff\xfe", "??" },
	{ "\xe2\x82", "??" }, /* cut off */
	{ "\xe2\x1b[m", "??[m" }, /* and by what would be swallowed with it */
	{ "\xe2\x82\x1b[m", "???[m" },
	{ "\xf0\x9f\x98\xc2\x9b", "????" },
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

static void strings(void **state)
{
	size_t i;

	for (i = 0; i < CASES; i++)
		formats(cases[i].out, "%s", cases[i].in);
}

/* What is ours stays, and what others bring in has its place. */
static void places(void **state)
{
	const char *volatile nothing = NULL;

	formats("\x1b[7m?\x1b[0m\n", "\x1b[7m%s\x1b[0m\n", "\x1b");
	formats("%", "%%");
	formats("", "%s", nothing);
	formats("?|x", "%c|%c", '\x1b', 'x');
	formats("[   ab]", "[%5s]", "ab");
	formats("[ab   ]", "[%-5s]", "ab");
	formats("[ab   ]", "[%*s]", -5, "ab");
	/* By characters: neither too narrow nor cut in two. */
	formats("[  \xc3\xa9\xc3\xa9]", "[%4s]", "\xc3\xa9\xc3\xa9");
	formats("[\xc3\xa9]", "[%.3s]", "\xc3\xa9\xc3\xa9");
	formats("[\xc3\xa9  ]", "[%-*.*s]", 3, 2, "\xc3\xa9\xc3\xa9");
	formats("[]", "[%.1s]", "\xc3\xa9");
	formats("[???]", "[%.3s]", "\x1b\x1b\x1b\x1b");
}

/* With a precision a text need not end. */
static void unended(void **state)
{
	char *four = malloc(4);

	memset(four, 'x', 4);
	formats("xxxx", "%.4s", four);
	free(four);
}

static void numbers(void **state)
{
	formats("-5 00042 +7 7   |", "%d %05d %+d %-4d|", -5, 42, 7, 7);
	formats("18446744073709551615 -9223372036854775808", "%llu %lld", ~0ULL, LLONG_MIN);
	formats("ff 0xff FF 17", "%x %#x %X %o", 255, 255, 255, 15);
	formats("255 -1 65535", "%hhu %hhd %hu", 255, 255, 65535);
	formats("4294967295 1 2 3", "%u %zu %jd %td", ~0U, (size_t)1, (intmax_t)2, (ptrdiff_t)3);
	formats("1.5 2 [  3.25]", "%.1f %.0f [%*.*f]", 1.5, 2.0, 6, 2, 3.25);
	formats("[   07]", "[%5.2d]", 7);
	formats("-1 4294967295", "%ld %lu", -1L, 4294967295UL);
}

static char *written(void (*fn)(FILE *f, const char *text), const char *text)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	fn(f, text);
	fclose(f);
	return out;
}

static void lines(void **state)
{
	char *got = written(qterm_lines, "a\tb\nc\x1b[m\rd\xc2\x9b\n");

	assert_string_equal(got, "a\tb\nc?[m?d?\n");
	free(got);
}

static void json(FILE *f, const char *text)
{
	assert_int_equal(qterm_json(f, text), 0);
}

static bool has_hidden(const char *text)
{
	size_t len = strlen(text), n;
	uint32_t cp;
	bool shown;

	for (; len; text += n, len -= n) {
		n = qterm_char(text, len, &cp, &shown);
		if (!n || (!shown && cp != '\n'))
			return true;
	}
	return false;
}

/* Nothing of a document is lost, but what no JSON can hold. */
static void documents(void **state)
{
	static const char text[] =
		"\x01\x1b\n\x7f\xc2\x9b\xe2\x80\xae\xe2\x80\xa8\xf3\xa0\x81\x81 \xc3\xa9 \xf0\x9f\x98\x80 \\u0041\"";
	struct json_object *o = json_object_new_object(), *back;
	char *got;

	json_object_object_add(o, text, json_object_new_string(text));
	got = written(json, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	assert_false(has_hidden(got));
	back = json_tokener_parse(got);
	assert_true(json_object_equal(o, back));
	json_object_put(back);
	free(got);
	json_object_put(o);
	got = written(json, "[\"\x9b\xff\"]");
	assert_string_equal(got, "[\"\\ufffd\\ufffd\"]");
	free(got);
}

/* However a stream is cut into pieces, the same comes of it. */
static void streams(void **state)
{
	static const char in[] = "boot\r\nok \xc3\xa9\xf0\x9f\x98\x80 10%\r20%\r\r\n\x1b[2J\x9b\xc2\x9b\xe2\x82\x1b\t.\n\xf0\x9f";
	static const char want[] = "boot\nok \xc3\xa9\xf0\x9f\x98\x80 10%\n20%\n?[2J?????\t.\n";
	size_t piece, i, n, at;
	char out[sizeof(in) + 4];

	for (piece = 1; piece < sizeof(in); piece++) {
		struct qterm_stream s = { 0 };

		for (i = 0, at = 0; i < sizeof(in) - 1; i += n) {
			n = sizeof(in) - 1 - i < piece ? sizeof(in) - 1 - i : piece;
			at += qterm_stream(&s, in + i, n, out + at);
		}
		out[at] = '\0';
		assert_string_equal(out, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings), cmocka_unit_test(places),	cmocka_unit_test(unended),
		cmocka_unit_test(numbers), cmocka_unit_test(lines),	cmocka_unit_test(documents),
		cmocka_unit_test(streams),
	};

	/* Before it is asked for the first time. */
	setenv("LC_ALL", "C.UTF-8", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
