// SPDX-License-Identifier: GPL-2.0-only
/* The filter where the terminal's encoding is not UTF-8: there a byte of a letter may be a C1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/term.h"

static void text(void **state)
{
	char *got = qterm_format("%s", "plain \xc4\x9b \xc3\xa9 \x1b[m \x9b");

	assert_string_equal(got, "plain ? ? ?[m ?");
	free(got);
}

static void documents(void **state)
{
	char *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len);

	assert_int_equal(qterm_json(f, "{\n\t\"\xc4\x9b\": \"\xf0\x9f\x98\x80\"\n}"), 0);
	fclose(f);
	assert_string_equal(got, "{\n\t\"\\u011b\": \"\\ud83d\\ude00\"\n}");
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(text), cmocka_unit_test(documents) };

	setenv("LC_ALL", "C", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
