// SPDX-License-Identifier: GPL-2.0-only
/* What all programs have in common: commands and options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/cmd.h"

static int got_argc;
static char **got_argv;

static int run_list(int argc, char **argv)
{
	got_argc = argc;
	got_argv = argv;
	return 42;
}

static const struct cmd commands[] = {
	{ "list", run_list, "list" },
	{ 0 },
};

const struct cmd_program cmd_program = {
	.name = "prog",
	.commands = commands,
	.options_first = true,
};

struct opts {
	bool flag;
	unsigned int bits;
	const char *text;
	uint64_t number;
	char taken[16];
};

static const char *take(void *field, const char *arg)
{
	if (strlen(arg) >= sizeof(((struct opts *)0)->taken))
		return "something short";
	memcpy(field, arg, strlen(arg) + 1);
	return NULL;
}

#define AT(f) offsetof(struct opts, f)

static const struct cmd_opt table[] = {
	{ "flag", 'f', CMD_FLAG, AT(flag) },
	{ "one", 0, CMD_BIT, AT(bits), 1 },
	{ "two", 't', CMD_BIT, AT(bits), 2 },
	{ "text", 'x', CMD_TEXT, AT(text) },
	{ "number", 0, CMD_NUMBER, AT(number), .min = 5, .max = 50 },
	{ "take", 0, CMD_TAKE, AT(taken), .take = take },
	{ 0 },
};

static struct cmd_line line = { .command = "cmd", .usage = "cmd", .opts = table, .max = CMD_ANY };

/* What is said goes to a file, and back from it. */
static char said[2048];

static int parse(struct opts *o, int argc, const char *const *args)
{
	char *argv[16] = { (char *)"cmd" };
	int i, ret, out, saved;
	FILE *f = tmpfile();
	size_t n;

	for (i = 0; i < argc; i++)
		argv[i + 1] = (char *)args[i];
	*o = (struct opts){ .number = 7 };
	fflush(stdout);
	fflush(stderr);
	out = dup(1);
	saved = dup(2);
	dup2(fileno(f), 1);
	dup2(fileno(f), 2);
	ret = cmd_parse(&line, argc + 1, argv, o);
	fflush(stdout);
	dup2(out, 1);
	dup2(saved, 2);
	close(out);
	close(saved);
	rewind(f);
	n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = '\0';
	fclose(f);
	return ret;
}

#define PARSE(o, ...)                                                           \
	parse(o, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(const char *), \
	      (const char *[]){ __VA_ARGS__ })

static void options(void **state)
{
	struct opts o;

	assert_int_equal(PARSE(&o, "--flag", "--one", "-t", "--text", "a", "--number=50", "--take",
			       "b"),
			 9);
	assert_true(o.flag);
	assert_int_equal(o.bits, 3);
	assert_string_equal(o.text, "a");
	assert_int_equal(o.number, 50);
	assert_string_equal(o.taken, "b");
	assert_string_equal(said, "");
	/* Arguments may stand between them, and "--" ends them. */
	assert_int_equal(PARSE(&o, "x", "--one", "--", "--two"), 3);
	assert_int_equal(o.bits, 1);
	assert_int_equal(PARSE(&o, "x"), 1);
	assert_int_equal(o.number, 7);
	assert_false(o.flag);
}

static void wrong(void **state)
{
	struct opts o;

	assert_int_equal(PARSE(&o, "--nothing"), -EXIT_USAGE);
	assert_string_equal(said, "prog cmd: unknown option '--nothing'; accepted: --flag --one --two "
				  "--text --number --take --help\nTry: prog cmd --help\n");
	assert_int_equal(PARSE(&o, "-z"), -EXIT_USAGE);
	assert_non_null(strstr(said, "unknown option '-z'"));
	assert_int_equal(PARSE(&o, "--text"), -EXIT_USAGE);
	assert_non_null(strstr(said, "--text needs an argument"));
	assert_int_equal(PARSE(&o, "--take", "much too long for it"), -EXIT_USAGE);
	assert_non_null(strstr(said, "--take: 'much too long for it' found, something short accepted"));
	line.wrong = 125;
	assert_int_equal(PARSE(&o, "--nothing"), -125);
	line.wrong = 0;
}

static void numbers(void **state)
{
	static const char *const bad[] = { "4", "51", "-5", "+5", " 5", "5 ", "5x", "0x5", "",
					   "18446744073709551616", "18446744073709551621" };
	struct opts o;
	uint64_t v = 1;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(PARSE(&o, "--number", bad[i]), -EXIT_USAGE);
		assert_non_null(strstr(said, "found, a number from 5 to 50 accepted"));
		assert_int_equal(o.number, 7);
	}
	assert_int_equal(PARSE(&o, "--number", "5"), 3);
	assert_int_equal(PARSE(&o, "--number", "007"), 3);
	assert_true(cmd_number("18446744073709551615", 0, UINT64_MAX, &v));
	assert_true(v == UINT64_MAX);
	assert_false(cmd_number("18446744073709551616", 0, UINT64_MAX, &v));
}

static void arguments(void **state)
{
	struct opts o;

	line.args = "one FILE";
	line.min = 1;
	line.max = 1;
	assert_int_equal(PARSE(&o, "--flag"), -EXIT_USAGE);
	assert_non_null(strstr(said, "prog cmd: needs one FILE"));
	assert_int_equal(PARSE(&o, "a", "--flag", "b"), -EXIT_USAGE);
	assert_non_null(strstr(said, "takes one FILE, no further 'b'"));
	line.min = line.max = 0;
	assert_int_equal(PARSE(&o, "a"), -EXIT_USAGE);
	assert_non_null(strstr(said, "takes no 'a'"));
	/* Help is told whatever else is wrong after it. */
	assert_int_equal(PARSE(&o, "--help", "--nothing", "a"), 0);
	assert_string_equal(said, "usage: prog cmd\n");
	line.max = CMD_ANY;
}

static void command_first(void **state)
{
	const char *given[] = { "prog", "--json", "-y", "list", "a", NULL };
	static const char *const after[] = { "list", "--json", "-y", "a" };
	size_t i;

	assert_int_equal(cmd_main(5, (char **)given), 42);
	assert_int_equal(got_argc, 4);
	for (i = 0; i < 4; i++)
		assert_string_equal(got_argv[i], after[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options),   cmocka_unit_test(wrong),
		cmocka_unit_test(numbers),   cmocka_unit_test(arguments),
		cmocka_unit_test(command_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
