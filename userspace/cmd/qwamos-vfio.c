// SPDX-License-Identifier: GPL-2.0-only
/*
 * qwamos-vfio: puts GPUs on qwamos_vfio_pci and gives them back. Arguments and printing; decisions
 * are made below.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qwamos-vfio.h"
#include "util/json.h"
#include "vfio/vfio.h"

#ifndef QWAMOS_VERSION
#define QWAMOS_VERSION "unknown"
#endif

/* How long a command that a person types waits for another run, and one of the boot; in ms. */
#define LOCK_WAIT_MS	  3000
#define LOCK_WAIT_BOOT_MS 120000

/* Options, as bits: which command takes which. */
#define O_JSON	    (1U << 0)
#define O_DRY_RUN   (1U << 1)
#define O_YES	    (1U << 2)
#define O_PERSIST   (1U << 3)
#define O_ALL	    (1U << 4)
#define O_CONSOLE   (1U << 5)
#define O_NO_WAIT   (1U << 6)
#define O_KEEP	    (1U << 7)
#define O_NO_DRIVER (1U << 8)
#define O_LEFTOVERS (1U << 9)

struct args {
	unsigned int given;
	struct qvfio_opts o;
	const char *const *addrs;
	size_t n;
};

struct command {
	const char *name;
	const char *args;
	const char *help;
	unsigned int options;
	size_t min, max;
	int (*fn)(const struct args *a);
};

/* clang-format off: a table */
static const struct option long_options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "yes", no_argument, NULL, 'y' },
	{ "persist", no_argument, NULL, 'p' },
	{ "all-gpus", no_argument, NULL, 'a' },
	{ "allow-console", no_argument, NULL, 'c' },
	{ "no-wait", no_argument, NULL, 'w' },
	{ "keep-persist", no_argument, NULL, 'k' },
	{ "no-driver-ok", no_argument, NULL, 'd' },
	{ "accept-leftovers", no_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};
/* clang-format on */

/* clang-format off: a table */
static const struct {
	int letter;
	const char *name;
	unsigned int bit;
	unsigned int flag;
} options[] = {
	{ 'j', "--json", O_JSON, 0 },
	{ 'n', "--dry-run", O_DRY_RUN, QVFIO_F_DRY_RUN },
	{ 'y', "--yes", O_YES, QVFIO_F_YES },
	{ 'p', "--persist", O_PERSIST, QVFIO_F_PERSIST },
	{ 'a', "--all-gpus", O_ALL, QVFIO_F_ALL_GPUS },
	{ 'c', "--allow-console", O_CONSOLE, QVFIO_F_ALLOW_CONSOLE },
	{ 'w', "--no-wait", O_NO_WAIT, QVFIO_F_NO_WAIT },
	{ 'k', "--keep-persist", O_KEEP, QVFIO_F_KEEP_PERSIST },
	{ 'd', "--no-driver-ok", O_NO_DRIVER, QVFIO_F_NO_DRIVER_OK },
	{ 'l', "--accept-leftovers", O_LEFTOVERS, 0 },
};
/* clang-format on */

static int print_doc(const struct args *a, struct json_object *doc,
		     void (*text)(struct json_object *))
{
	int err = 0;

	if (a->given & O_JSON)
		err = qjson_print(stdout, doc);
	else
		text(doc);
	if (!err && (fflush(stdout) || ferror(stdout)))
		err = -(errno ? errno : EIO);
	if (err)
		fprintf(stderr, "qwamos-vfio: can't write: %s\n", strerror(-err));
	return err;
}

/* Each line of a message by itself, so that each says who speaks. */
static void complain(const char *msg)
{
	size_t n;

	for (; *msg; msg += n + (msg[n] == '\n')) {
		n = strcspn(msg, "\n");
		fprintf(stderr, "qwamos-vfio: %.*s\n", (int)n, msg);
	}
}

static int show(const struct args *a, int err, struct json_object *doc, const struct qerr *e,
		void (*text)(struct json_object *))
{
	if (err) {
		complain(e->msg);
		return QVFIO_REFUSED;
	}
	err = print_doc(a, doc, text);
	json_object_put(doc);
	return err ? QVFIO_REFUSED : QVFIO_OK;
}

static int cmd_list(const struct args *a)
{
	struct json_object *doc;
	struct qerr e;
	int err = qvfio_list(&a->o, &doc, &e);

	return show(a, err, doc, &e, print_list);
}

static int cmd_status(const struct args *a)
{
	struct json_object *doc;
	struct qerr e;
	int err = qvfio_status(a->n ? a->addrs[0] : NULL, &a->o, &doc, &e);

	return show(a, err, doc, &e, print_status);
}

/* What was done stays done, and its status is told, even if nobody could read of it. */
static int finish(const struct args *a, struct qvfio_result *r, void (*text)(struct json_object *))
{
	int status = r->outcome;

	if (print_doc(a, r->doc, text) && !status)
		status = QVFIO_REFUSED;
	complain(r->err.msg);
	qvfio_result_free(r);
	return status;
}

static int cmd_bind(const struct args *a)
{
	struct qvfio_result r;

	qvfio_bind(a->addrs, a->n, &a->o, &r);
	return finish(a, &r, print_run);
}

static int cmd_unbind(const struct args *a)
{
	struct qvfio_result r;

	qvfio_unbind(a->addrs, a->n, &a->o, &r);
	return finish(a, &r, print_run);
}

static int cmd_restore(const struct args *a)
{
	struct qvfio_opts o = a->o;
	struct qvfio_result r;

	o.lock_wait_ms = LOCK_WAIT_BOOT_MS;
	qvfio_restore(a->n ? a->addrs[0] : NULL, &o, &r);
	return finish(a, &r, print_restore);
}

static int cmd_release(const struct args *a)
{
	struct qvfio_result r;

	if (!(a->given & O_LEFTOVERS)) {
		complain(
			"release lets the next VM see what the last one left in the GPU: say so with "
			"--accept-leftovers");
		return QVFIO_USAGE;
	}
	qvfio_release(a->addrs[0], &a->o, &r);
	return finish(a, &r, print_release);
}

/* clang-format off: a table */
static const struct command commands[] = {
	{ "list", "", "GPUs, and what shares slots and IOMMU groups with them", O_JSON, 0, 0,
	  cmd_list },
	{ "status", "[ADDRESS]", "and who holds them, half-done runs, persisted bindings", O_JSON,
	  0, 1, cmd_status },
	{ "bind", "ADDRESS...|--all-gpus", "put GPUs on " QVFIO_DRIVER,
	  O_JSON | O_DRY_RUN | O_YES | O_PERSIST | O_ALL | O_CONSOLE | O_NO_WAIT, 1, SIZE_MAX,
	  cmd_bind },
	{ "unbind", "ADDRESS...|--all-gpus", "give them back to the drivers they had",
	  O_JSON | O_DRY_RUN | O_YES | O_ALL | O_KEEP | O_NO_DRIVER, 1, SIZE_MAX, cmd_unbind },
	{ "release", "ADDRESS --accept-leftovers", "let a VM see what the last one left in a GPU",
	  O_JSON | O_DRY_RUN | O_LEFTOVERS, 1, 1, cmd_release },
	{ "restore", "[ADDRESS]", "bind what is persisted (the boot does so)",
	  O_JSON | O_DRY_RUN | O_NO_WAIT, 0, 1, cmd_restore },
};
/* clang-format on */

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))
#define N_OPTIONS  (sizeof(options) / sizeof(options[0]))

static void usage(FILE *f)
{
	size_t i;

	fprintf(f, "usage: qwamos-vfio COMMAND [OPTION...] [ADDRESS...]\n\n");
	for (i = 0; i < N_COMMANDS; i++)
		fprintf(f, "  %-8s %-27s %s\n", commands[i].name, commands[i].args,
			commands[i].help);
	fprintf(f,
		"\n"
		"  -j, --json           print JSON\n"
		"  -n, --dry-run        show the plan, touch nothing\n"
		"  -y, --yes            yes to every question (companions, GPUs without a reset)\n"
		"  -p, --persist        bind: again at each boot\n"
		"  -a, --all-gpus       every GPU but those that show the console\n"
		"      --allow-console  bind: those, too\n"
		"      --no-wait        bind: do not wait until the kernel has reset and scrubbed\n"
		"      --keep-persist   unbind: until the next boot only\n"
		"      --no-driver-ok   unbind: though no driver takes the device\n"
		"  -h, --help\n"
		"      --version\n\n"
		"ADDRESS: 0000:01:00.0, 01:00.0 or a platform device's name.\n"
		"Exit status: 0 done, 1 refused and nothing touched, 2 wrong use, 3 failed and undone,\n"
		"4 failed and half done. See qwamos-vfio(8).\n");
}

static bool ask(void *arg, const char *question)
{
	char line[16];

	fprintf(stderr, "%s. Go on? [y/N] ", question);
	return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

static int __attribute__((format(printf, 2, 3))) wrong(const char *command, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "qwamos-vfio%s%s: ", command ? " " : "", command ? command : "");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nqwamos-vfio --help shows what is accepted\n");
	return QVFIO_USAGE;
}

static int check(const struct command *c, const struct args *a)
{
	size_t i;

	for (i = 0; i < N_OPTIONS; i++)
		if (a->given & options[i].bit & ~c->options)
			return wrong(c->name, "takes no %s", options[i].name);
	if (a->given & O_ALL && a->n)
		return wrong(c->name, "takes addresses or %s, not both", "--all-gpus");
	if (a->n > c->max)
		return wrong(c->name, "takes no further argument: '%s'", a->addrs[c->max]);
	if (a->n < c->min && !(a->given & O_ALL))
		return wrong(c->name, "needs %s", c->args);
	return 0;
}

int main(int argc, char **argv)
{
	struct args a = { .o.lock_wait_ms = LOCK_WAIT_MS };
	const struct command *c = NULL;
	size_t i;
	int opt, err;

	while ((opt = getopt_long(argc, argv, "jnypahV", long_options, NULL)) != -1) {
		if (opt == 'h') {
			usage(stdout);
			return 0;
		}
		if (opt == 'V') {
			printf("qwamos-vfio %s\n", QWAMOS_VERSION);
			return 0;
		}
		if (opt == '?') {
			fprintf(stderr, "qwamos-vfio --help shows what is accepted\n");
			return QVFIO_USAGE;
		}
		for (i = 0; i < N_OPTIONS; i++) {
			if (options[i].letter == opt) {
				a.given |= options[i].bit;
				a.o.flags |= options[i].flag;
			}
		}
	}
	if (optind == argc) {
		usage(stderr);
		return QVFIO_USAGE;
	}
	for (i = 0; i < N_COMMANDS; i++)
		if (!strcmp(argv[optind], commands[i].name))
			c = &commands[i];
	if (!c)
		return wrong(NULL, "there is no command '%s'", argv[optind]);
	a.addrs = (const char *const *)argv + optind + 1;
	a.n = argc - optind - 1;
	err = check(c, &a);
	if (err)
		return err;
	if (c->fn == cmd_list || c->fn == cmd_status)
		a.o.flags |= QVFIO_F_NAMES;
	if (!(a.given & O_JSON) && isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
		a.o.ask = ask;
	return c->fn(&a);
}
