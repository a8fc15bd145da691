// SPDX-License-Identifier: GPL-2.0-only
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/mem.h"
#include "util/term.h"

#define HELP 0x100
/* Options without a letter are told by their place, above all letters. */
#define LONG 0x200

static void vtell(const char *command, const char *fmt, va_list ap)
{
	char *text = qterm_vformat(fmt, ap);

	qterm_fprintf(stderr, "%s%s%s: %s\n", cmd_program.name, command ? " " : "",
		      command ? command : "", text);
	free(text);
}

int cmd_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vtell(NULL, fmt, ap);
	va_end(ap);
	return EXIT_FAILED;
}

int cmd_wrong(const struct cmd_line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vtell(l->command, fmt, ap);
	va_end(ap);
	if (l->command && l->usage)
		qterm_fprintf(stderr, "Try: %s %s --help\n", cmd_program.name, l->command);
	else
		qterm_fprintf(stderr, "Try: %s --help\n", cmd_program.name);
	return l->wrong ? l->wrong : EXIT_USAGE;
}

void cmd_complain(const char *msg)
{
	size_t n;

	for (; *msg; msg += n + (msg[n] == '\n')) {
		n = strcspn(msg, "\n");
		qterm_fprintf(stderr, "%s: %.*s\n", cmd_program.name, (int)n, msg);
	}
}

void cmd_say(void *arg, const char *line)
{
	cmd_complain(line);
}

/* A help has lines of its own. */
static void help_line(FILE *f, const char *before, const char *help)
{
	qterm_fprintf(f, "%s", before);
	qterm_lines(f, help);
	qterm_fprintf(f, "\n");
}

static void print_help(FILE *f)
{
	const struct cmd *c;

	if (cmd_program.help) {
		cmd_program.help(f);
		return;
	}
	qterm_fprintf(f, "usage: %s COMMAND [OPTION]...\n", cmd_program.name);
	for (c = cmd_program.commands; c->name; c++)
		help_line(f, "  ", c->help);
	qterm_fprintf(f, "  --version, --help\nSee %s(8).\n", cmd_program.name);
}

static int dispatch(const char *group, const struct cmd *commands, int argc, char **argv)
{
	const struct cmd_line l = { .command = group };
	const struct cmd *c;
	char names[256];
	size_t at = 0;

	for (c = commands; c->name; c++) {
		if (argc > 1 && !strcmp(argv[1], c->name))
			return c->run(argc - 1, argv + 1);
		if (at < sizeof(names))
			at += snprintf(names + at, sizeof(names) - at, " %s", c->name);
	}
	return argc > 1 ? cmd_wrong(&l, "'%s' is no command; accepted:%s", argv[1], names)
			: cmd_wrong(&l, "no command; accepted:%s", names);
}

static bool is_help(const char *arg)
{
	return !strcmp(arg, "--help") || !strcmp(arg, "-h") || !strcmp(arg, "help");
}

int cmd_group(const char *group, const struct cmd *commands, int argc, char **argv)
{
	const struct cmd *c;

	if (argc < 2 || !is_help(argv[1]))
		return dispatch(group, commands, argc, argv);
	for (c = commands; c->name; c++)
		help_line(stdout, c == commands ? "usage: " : "       ", c->help);
	return 0;
}

/* Moves the command before the options that stand before it. */
static void command_first(int argc, char **argv)
{
	char *command;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++)
		;
	if (i == argc)
		return;
	command = argv[i];
	memmove(argv + 2, argv + 1, (i - 1) * sizeof(*argv));
	argv[1] = command;
}

int cmd_main(int argc, char **argv)
{
	if (argc > 1 && is_help(argv[1])) {
		print_help(stdout);
		return 0;
	}
	if (argc > 1 && (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))) {
		qterm_printf("%s " QWAMOS_VERSION "\n", cmd_program.name);
		return 0;
	}
	if (cmd_program.options_first)
		command_first(argc, argv);
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	return dispatch(NULL, cmd_program.commands, argc, argv);
}

bool cmd_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	uintmax_t n;

	if (!*text || text[strspn(text, "0123456789")])
		return false;
	errno = 0;
	n = strtoumax(text, NULL, 10);
	if (errno || n < min || n > max)
		return false;
	*value = n;
	return true;
}

const char *cmd_take(const struct cmd_opt *o, const char *arg, void *to, char accepted[64])
{
	char *field = (char *)to + o->at;

	if (o->kind == CMD_TAKE)
		return o->take(field, arg);
	if (o->kind == CMD_TEXT)
		*(const char **)field = arg;
	if (o->kind != CMD_NUMBER || cmd_number(arg, o->min, o->max, (uint64_t *)field))
		return NULL;
	snprintf(accepted, 64, "a number from %" PRIu64 " to %" PRIu64, o->min, o->max);
	return accepted;
}

/* Return: 0 or the status of wrong use. */
static int take(const struct cmd_line *l, const struct cmd_opt *o, void *to)
{
	char *field = (char *)to + o->at, room[64];
	const char *accepted = NULL;

	if (o->kind == CMD_FLAG)
		*(bool *)field = true;
	else if (o->kind == CMD_BIT)
		*(unsigned int *)field |= o->bit;
	else
		accepted = cmd_take(o, optarg, to, room);
	return accepted ? cmd_wrong(l, "--%s: '%s' found, %s accepted", o->name, optarg, accepted)
			: 0;
}

static int unknown(const struct cmd_line *l, const char *arg)
{
	const struct cmd_opt *o;
	char names[512] = "";
	size_t at = 0;

	for (o = l->opts; o && o->name && at < sizeof(names); o++)
		at += snprintf(names + at, sizeof(names) - at, " --%s", o->name);
	return cmd_wrong(l, "unknown option '%s'; accepted:%s --help", arg, names);
}

/* What getopt_long() is to look for; free() the array. */
static struct option *long_options(const struct cmd_line *l, char *letters)
{
	struct option *list = NULL, *slot;
	size_t i, n = 0;

	*letters++ = ':';
	for (i = 0; l->opts && l->opts[i].name; i++) {
		const struct cmd_opt *o = &l->opts[i];
		bool arg = o->kind != CMD_FLAG && o->kind != CMD_BIT;

		slot = QMEM_GROW(list, n);
		*slot = (struct option){ o->name, arg ? required_argument : no_argument, NULL,
					 LONG + (int)i };
		if (o->letter) {
			*letters++ = o->letter;
			if (arg)
				*letters++ = ':';
		}
	}
	*letters++ = 'h';
	*letters = '\0';
	slot = QMEM_GROW(list, n);
	*slot = (struct option){ "help", no_argument, NULL, HELP };
	slot = QMEM_GROW(list, n);
	return list;
}

static const struct cmd_opt *find_option(const struct cmd_line *l, int c)
{
	const struct cmd_opt *o;

	if (c >= LONG)
		return &l->opts[c - LONG];
	for (o = l->opts; o->letter != c;)
		o++;
	return o;
}

static int count_args(const struct cmd_line *l, int argc, char **argv)
{
	int n = argc - optind;

	if (n < l->min)
		return cmd_wrong(l, "needs %s", l->args);
	if (l->max == CMD_ANY || n <= l->max)
		return 0;
	if (!l->max)
		return cmd_wrong(l, "takes no '%s'", argv[optind]);
	return cmd_wrong(l, "takes %s, no further '%s'", l->args, argv[optind + l->max]);
}

static void print_usage(const char *usage)
{
	qterm_printf("usage: %s ", cmd_program.name);
	help_line(stdout, "", usage);
}

int cmd_parse(const struct cmd_line *l, int argc, char **argv, void *to)
{
	char letters[2 * 64];
	struct option *options = long_options(l, letters);
	int c, ret = 0;

	opterr = 0;
	optind = 0;
	while (!ret && (c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (c == 'h' || c == HELP) {
			if (l->usage)
				print_usage(l->usage);
			else
				print_help(stdout);
			free(options);
			return 0;
		}
		if (c == ':')
			ret = cmd_wrong(l, "%s needs an argument", argv[optind - 1]);
		else if (c == '?')
			ret = unknown(l, argv[optind - 1]);
		else
			ret = take(l, find_option(l, c), to);
	}
	free(options);
	if (!ret)
		ret = count_args(l, argc, argv);
	return ret ? -ret : optind;
}

int cmd_print(struct json_object *doc, bool json, void (*text)(struct json_object *doc))
{
	int err = 0;

	if (json)
		err = qjson_print(stdout, doc);
	else
		text(doc);
	json_object_put(doc);
	if (!err && (fflush(stdout) || ferror(stdout)))
		err = -(errno ? errno : EIO);
	return err ? cmd_fail("can't write: %s", strerror(-err)) : 0;
}
