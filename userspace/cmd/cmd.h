/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs have in common: tables of commands and of their options, errors, and printing
 * of a document as text or as JSON.
 */
#ifndef QWAMOS_CMD_CMD_H
#define QWAMOS_CMD_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <json-c/json.h>

/* Exit status of a command that could not do what it was asked to; of wrong use. */
#define EXIT_FAILED 1
#define EXIT_USAGE  2

/**
 * struct cmd - a command, or a command of a command
 * @name: its name; NULL ends a table
 * @run: gets its own name as argv[0]; returns the exit status
 * @help: for the program's help: its arguments, and what it does
 */
struct cmd {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
};

/**
 * struct cmd_program - a program; each defines one, called cmd_program
 * @name: its name
 * @commands: its commands
 * @help: prints its help; NULL: the help of its commands, one after the other
 * @options_first: options may stand before the command, too, but for those whose argument is a
 * word of its own
 */
struct cmd_program {
	const char *name;
	const struct cmd *commands;
	void (*help)(FILE *f);
	bool options_first;
};

extern const struct cmd_program cmd_program;

/** cmd_main() - all of main(); return: the exit status */
int cmd_main(int argc, char **argv);

/**
 * cmd_group() - run a command of a command
 * @group: the latter's name
 * @commands: the table
 * @argc: arguments of @group
 * @argv: its name and its arguments
 *
 * Return: the exit status
 */
int cmd_group(const char *group, const struct cmd *commands, int argc, char **argv);

/**
 * enum cmd_kind - what becomes of an option
 * @CMD_FLAG: a bool is set
 * @CMD_BIT: @bit is set in an unsigned int
 * @CMD_TEXT: a const char * is set to its argument
 * @CMD_NUMBER: a uint64_t is set to its argument, a decimal number from @min to @max
 * @CMD_TAKE: @take is called with its argument
 */
enum cmd_kind {
	CMD_FLAG,
	CMD_BIT,
	CMD_TEXT,
	CMD_NUMBER,
	CMD_TAKE,
};

/**
 * struct cmd_opt - an option
 * @name: its long name, without "--"; NULL ends a table
 * @letter: its short name, 0: none
 * @kind: what becomes of it
 * @at: where in the command's struct of options, in bytes
 * @bit: for CMD_BIT
 * @min: for CMD_NUMBER
 * @max: for CMD_NUMBER
 * @take: for CMD_TAKE: gets what is at @at; returns NULL, or what would have been accepted
 *     ("a number from 1 to 5"), which is then told
 */
struct cmd_opt {
	const char *name;
	char letter;
	enum cmd_kind kind;
	size_t at;
	unsigned int bit;
	uint64_t min, max;
	const char *(*take)(void *field, const char *arg);
};

/** CMD_JSON() - the option --json, whose bool is @field of @type */
#define CMD_JSON(type, field)                                                                \
	{                                                                                    \
		.name = "json", .letter = 'j', .kind = CMD_FLAG, .at = offsetof(type, field) \
	}

/** CMD_ANY - any number of arguments */
#define CMD_ANY (-1)

/**
 * struct cmd_line - what a command takes
 * @command: its name, with those of the commands it belongs to ("vm run")
 * @usage: what --help prints after "usage: PROGRAM ", without a newline at its end; NULL: the
 * program's help
 * @opts: its options beside --help, NULL: none
 * @args: what else it takes, as people read it ("NAME"); NULL: nothing
 * @min: least number of these
 * @max: largest number of these, or CMD_ANY
 * @wrong: exit status of wrong use, 0: EXIT_USAGE
 */
struct cmd_line {
	const char *command;
	const char *usage;
	const struct cmd_opt *opts;
	const char *args;
	int min, max;
	int wrong;
};

/**
 * cmd_parse() - read a command's options
 * @l: what it takes
 * @argc: as the command got it
 * @argv: as the command got it; options come to stand before all else
 * @to: struct of options, which are written over the defaults in it
 *
 * Return: the place in @argv of the first argument that is no option, > 0; or, with all that is to
 * be told being told, 0 after --help, -(exit status) after wrong use.
 */
int cmd_parse(const struct cmd_line *l, int argc, char **argv, void *to);

/**
 * cmd_take() - take the argument of an option
 * @o: the option: of CMD_TEXT, CMD_NUMBER or CMD_TAKE
 * @arg: its argument
 * @to: struct of options
 * @accepted: room for what it returns
 *
 * Return: NULL, or what would have been accepted
 */
const char *cmd_take(const struct cmd_opt *o, const char *arg, void *to, char accepted[64]);

/**
 * cmd_number() - read a decimal number
 * @text: digits only
 * @min: least that is accepted
 * @max: most that is accepted
 * @value: out
 *
 * Return: whether it is one
 */
bool cmd_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/** cmd_fail() - tell an error on stderr, with the program's name; return: EXIT_FAILED */
int cmd_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** cmd_wrong() - tell wrong use of @l on stderr, and where to read on; return: its status of it */
int cmd_wrong(const struct cmd_line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** cmd_complain() - tell @msg on stderr, each line of it with the program's name */
void cmd_complain(const char *msg);

/** cmd_say() - cmd_complain() of what is being done; @arg: not used */
void cmd_say(void *arg, const char *line);

/**
 * cmd_print() - print a document
 * @doc: the document; it is put, too
 * @json: as JSON
 * @text: prints it as text
 *
 * Return: 0, or EXIT_FAILED after having told why it could not be written
 */
int cmd_print(struct json_object *doc, bool json, void (*text)(struct json_object *doc));

#endif
