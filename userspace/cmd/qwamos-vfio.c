// SPDX-License-Identifier: GPL-2.0-only
/*
 * qwamos-vfio: puts GPUs on qwamos_vfio_pci and gives them back. Arguments and printing; decisions
 * are made below.
 */
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/qwamos-vfio.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/term.h"
#include "vfio/vfio.h"

/* How long a command that a person types waits for another run, and one of the boot; in ms. */
#define LOCK_WAIT_MS	  3000
#define LOCK_WAIT_BOOT_MS 120000

#define ADDRESSES "ADDRESS...|--all-gpus"

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
#define O_TAKE	    (1U << 10)

/* The arguments of an option that may be given several times. */
struct word_list {
	const char **words;
	size_t n;
};

struct args {
	unsigned int given;
	struct word_list take;
	struct qvfio_opts o;
	const char *const *addrs;
	size_t n;
};

#define BIT(long_name, short_name, b)                                     \
	{                                                                 \
		.name = long_name, .letter = short_name, .kind = CMD_BIT, \
		.at = offsetof(struct args, given), .bit = b,             \
	}

static const char *add_word(void *field, const char *arg)
{
	struct word_list *list = field;

	*QMEM_GROW(list->words, list->n) = arg;
	return NULL;
}

/* clang-format off: tables */
static const struct cmd_opt options[] = {
	BIT("json", 'j', O_JSON),
	BIT("dry-run", 'n', O_DRY_RUN),
	BIT("yes", 'y', O_YES),
	BIT("persist", 'p', O_PERSIST),
	BIT("all-gpus", 'a', O_ALL),
	BIT("allow-console", 0, O_CONSOLE),
	BIT("no-wait", 0, O_NO_WAIT),
	BIT("keep-persist", 0, O_KEEP),
	BIT("no-driver-ok", 0, O_NO_DRIVER),
	BIT("accept-leftovers", 0, O_LEFTOVERS),
	{ .name = "take-in-use",
	  .kind = CMD_TAKE,
	  .at = offsetof(struct args, take),
	  .bit = O_TAKE,
	  .take = add_word },
	{ 0 },
};

static const struct {
	unsigned int bit;
	unsigned int flag;
} flags[] = {
	{ O_DRY_RUN, QVFIO_F_DRY_RUN },	      { O_YES, QVFIO_F_YES },
	{ O_PERSIST, QVFIO_F_PERSIST },	      { O_ALL, QVFIO_F_ALL_GPUS },
	{ O_CONSOLE, QVFIO_F_ALLOW_CONSOLE }, { O_NO_WAIT, QVFIO_F_NO_WAIT },
	{ O_KEEP, QVFIO_F_KEEP_PERSIST },     { O_NO_DRIVER, QVFIO_F_NO_DRIVER_OK },
};
/* clang-format on */

static bool ask(void *arg, const char *question)
{
	char line[16];

	qterm_fprintf(stderr, "%s. Go on? [y/N] ", question);
	return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

/*
 * Reads the arguments of a command that takes the options @allowed, and from @min to @max
 * addresses. Return: true; or false, and the exit status in @status.
 */
static bool parse(int argc, char **argv, unsigned int allowed, const char *args, int min, int max,
		  struct args *a, int *status)
{
	const struct cmd_line line = {
		.command = argv[0], .opts = options, .args = args, .max = max
	};
	size_t i;
	int at;

	memset(a, 0, sizeof(*a));
	a->o.lock_wait_ms = LOCK_WAIT_MS;
	at = cmd_parse(&line, argc, argv, a);
	*status = -at;
	if (at <= 0)
		return false;
	if (a->take.n)
		a->given |= O_TAKE;
	a->o.take_in_use = a->take.words;
	a->o.n_take_in_use = a->take.n;
	a->addrs = (const char *const *)argv + at;
	a->n = argc - at;
	*status = 0;
	for (i = 0; options[i].name && !*status; i++)
		if (a->given & options[i].bit & ~allowed)
			*status = cmd_wrong(&line, "takes no --%s", options[i].name);
	if (!*status && a->given & O_ALL && a->n)
		*status = cmd_wrong(&line, "takes addresses or --all-gpus, not both");
	if (!*status && a->n < (size_t)min && !(a->given & O_ALL))
		*status = cmd_wrong(&line, "needs %s", args);
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (a->given & flags[i].bit)
			a->o.flags |= flags[i].flag;
	if (!(a->given & O_JSON) && isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
		a->o.ask = ask;
	return !*status;
}

static int show(const struct args *a, int err, struct json_object *doc, const struct qerr *e,
		void (*text)(struct json_object *))
{
	if (err) {
		cmd_complain(e->msg);
		return QVFIO_REFUSED;
	}
	return cmd_print(doc, a->given & O_JSON, text) ? QVFIO_REFUSED : QVFIO_OK;
}

static int cmd_list(int argc, char **argv)
{
	struct json_object *doc;
	struct args a;
	struct qerr e;
	int status;

	if (!parse(argc, argv, O_JSON, NULL, 0, 0, &a, &status))
		return status;
	a.o.flags |= QVFIO_F_NAMES;
	status = qvfio_list(&a.o, &doc, &e);
	return show(&a, status, doc, &e, print_list);
}

static int cmd_status(int argc, char **argv)
{
	struct json_object *doc;
	struct args a;
	struct qerr e;
	int status;

	if (!parse(argc, argv, O_JSON, "one ADDRESS", 0, 1, &a, &status))
		return status;
	a.o.flags |= QVFIO_F_NAMES;
	status = qvfio_status(a.n ? a.addrs[0] : NULL, &a.o, &doc, &e);
	return show(&a, status, doc, &e, print_status);
}

/* What was done stays done, and its status is told, even if nobody could read of it. */
static int finish(const struct args *a, struct qvfio_result *r, void (*text)(struct json_object *))
{
	int status = r->outcome;

	if (cmd_print(json_object_get(r->doc), a->given & O_JSON, text) && !status)
		status = QVFIO_REFUSED;
	cmd_complain(r->err.msg);
	qvfio_result_free(r);
	return status;
}

static int cmd_bind(int argc, char **argv)
{
	struct qvfio_result r;
	struct args a;
	int status;

	if (!parse(argc, argv,
		   O_JSON | O_DRY_RUN | O_YES | O_PERSIST | O_ALL | O_CONSOLE | O_NO_WAIT | O_TAKE,
		   ADDRESSES, 1, CMD_ANY, &a, &status))
		return status;
	qvfio_bind(a.addrs, a.n, &a.o, &r);
	free(a.take.words);
	return finish(&a, &r, print_run);
}

static int cmd_unbind(int argc, char **argv)
{
	struct qvfio_result r;
	struct args a;
	int status;

	if (!parse(argc, argv, O_JSON | O_DRY_RUN | O_YES | O_ALL | O_KEEP | O_NO_DRIVER, ADDRESSES,
		   1, CMD_ANY, &a, &status))
		return status;
	qvfio_unbind(a.addrs, a.n, &a.o, &r);
	return finish(&a, &r, print_run);
}

static int cmd_restore(int argc, char **argv)
{
	struct qvfio_result r;
	struct args a;
	int status;

	if (!parse(argc, argv, O_JSON | O_DRY_RUN | O_NO_WAIT, "one ADDRESS", 0, 1, &a, &status))
		return status;
	a.o.lock_wait_ms = LOCK_WAIT_BOOT_MS;
	qvfio_restore(a.n ? a.addrs[0] : NULL, &a.o, &r);
	return finish(&a, &r, print_restore);
}

static int cmd_release(int argc, char **argv)
{
	struct qvfio_result r;
	struct args a;
	int status;

	if (!parse(argc, argv, O_JSON | O_DRY_RUN | O_LEFTOVERS, "ADDRESS --accept-leftovers", 1, 1,
		   &a, &status))
		return status;
	if (!(a.given & O_LEFTOVERS)) {
		cmd_complain(
			"release lets the next VM see what the last one left in the GPU: say so with "
			"--accept-leftovers");
		return QVFIO_USAGE;
	}
	qvfio_release(a.addrs[0], &a.o, &r);
	return finish(&a, &r, print_release);
}

/* clang-format off: a table */
static const struct cmd commands[] = {
	{ "list", cmd_list,
	  "list                                 GPUs, and what shares slots and IOMMU groups with them" },
	{ "status", cmd_status,
	  "status   [ADDRESS]                   and who holds them, half-done runs, persisted bindings" },
	{ "bind", cmd_bind, "bind     " ADDRESSES "       put GPUs on " QVFIO_DRIVER },
	{ "unbind", cmd_unbind,
	  "unbind   " ADDRESSES "       give them back to the drivers they had" },
	{ "release", cmd_release,
	  "release  ADDRESS --accept-leftovers  let a VM see what the last one left in a GPU" },
	{ "restore", cmd_restore,
	  "restore  [ADDRESS]                   bind what is persisted (the boot does so)" },
	{ 0 },
};
/* clang-format on */

static void usage(FILE *f)
{
	const struct cmd *c;

	qterm_fprintf(f, "usage: qwamos-vfio COMMAND [OPTION...] [ADDRESS...]\n\n");
	for (c = commands; c->name; c++)
		qterm_fprintf(f, "  %s\n", c->help);
	qterm_fprintf(
		f,
		"\n"
		"  -j, --json           print JSON\n"
		"  -n, --dry-run        show the plan, touch nothing\n"
		"  -y, --yes            yes to every question (companions, GPUs without a reset)\n"
		"  -p, --persist        bind: again at each boot\n"
		"  -a, --all-gpus       every GPU but those that show the console\n"
		"      --allow-console  bind: those, too\n"
		"      --take-in-use ADDRESS\n"
		"                       bind: take this device along though the host uses it\n"
		"      --no-wait        bind: do not wait until the kernel has reset and scrubbed\n"
		"      --keep-persist   unbind: until the next boot only\n"
		"      --no-driver-ok   unbind: though no driver takes the device\n"
		"  -h, --help\n"
		"      --version\n\n"
		"ADDRESS: 0000:01:00.0, 01:00.0 or a platform device's name.\n"
		"Exit status: 0 done, 1 refused and nothing touched, 2 wrong use, 3 failed and undone,\n"
		"4 failed and half done. See qwamos-vfio(8).\n");
}

const struct cmd_program cmd_program = {
	.name = "qwamos-vfio",
	.commands = commands,
	.help = usage,
	.options_first = true,
};

int main(int argc, char **argv)
{
	/* It runs for a moment: memory given back to the kernel is only asked for again. */
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	mallopt(M_TOP_PAD, 1 << 20);
	return cmd_main(argc, argv);
}
