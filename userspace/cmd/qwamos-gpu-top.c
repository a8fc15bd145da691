// SPDX-License-Identifier: GPL-2.0-only
/*
 * qwamos-gpu top: asks the control device for the list of VMs and nothing else, so it opens no VM
 * and keeps none alive.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/gpu_open.h"
#include "cmd/qwamos-gpu-screen.h"
#include "cmd/qwamos-gpu.h"
#include "cmd/vm_doc.h"
#include "lib/libqwamos-gpu.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/term.h"

#define NS  1000000000LL
#define MIB (1LL << 20)

struct options {
	bool once;
	bool json;
	uint64_t interval;
};

static const struct cmd_opt opts[] = {
	{ .name = "once", .letter = '1', .kind = CMD_FLAG, .at = offsetof(struct options, once) },
	{ .name = "interval",
	  .letter = 'n',
	  .kind = CMD_NUMBER,
	  .at = offsetof(struct options, interval),
	  .min = 1,
	  .max = 3600 },
	CMD_JSON(struct options, json),
	{ 0 },
};

static const struct cmd_line line = {
	.command = "top",
	.usage = "top [--once [--json]] [--interval SECONDS]\n"
		 "Shows what each VM has and does, until q is pressed.\n"
		 "  --once      once, after one interval, for scripts\n"
		 "  --json      as JSON\n"
		 "  --interval  seconds between two looks (1)",
	.opts = opts,
};

/* What the kernel said, and when. */
struct sample {
	struct qwamos_gpu_vm *vms;
	size_t n;
	int64_t ns;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS + t.tv_nsec;
}

static int by_id(const void *a, const void *b)
{
	const struct qwamos_gpu_vm *x = a, *y = b;

	return x->vm_id < y->vm_id ? -1 : x->vm_id > y->vm_id;
}

static int look(int ctl, struct sample *s, struct qerr *e)
{
	uint32_t reason = 0;
	int err;

	err = libqg_vm_list(ctl, &s->vms, &s->n, &reason);
	s->ns = now_ns();
	if (err)
		return reason ? qerr_set(e, -err, "the VMs can't be listed: %s",
					 libqg_reason_text(reason))
			      : qerr_sys(e, -err, "the VMs can't be listed");
	if (s->n)
		qsort(s->vms, s->n, sizeof(*s->vms), by_id);
	return 0;
}

static double per_second(uint64_t now, uint64_t before, int64_t ns)
{
	return ns > 0 && now >= before ? (double)(now - before) * NS / ns : 0;
}

/* A number with at most one digit behind the point. */
static struct json_object *rate(double value)
{
	char text[48];

	snprintf(text, sizeof(text), "%.1f", value);
	return qmem_check(json_object_new_double_s(value, text));
}

static struct json_object *to_json(const struct sample *s, const struct sample *before)
{
	struct json_object *doc = qjson_obj(), *list, *o;
	const struct qwamos_gpu_vm *v, *old;

	qjson_add(doc, "interval_s", rate((double)(s->ns - before->ns) / NS));
	list = qjson_add(doc, "vms", qjson_arr());
	QMEM_EACH(v, s->vms, s->n) {
		old = before->n ? bsearch(v, before->vms, before->n, sizeof(*v), by_id) : NULL;
		o = qjson_push(list, gpu_vm_json(v));
		qjson_add(o, "ops_per_s",
			  old ? rate(per_second(v->checks, old->checks, s->ns - before->ns))
			      : NULL);
		qjson_add(o, "denied_per_s",
			  old ? rate(per_second(v->denied, old->denied, s->ns - before->ns))
			      : NULL);
	}
	return doc;
}

static long long num(const struct json_object *o, const char *key)
{
	return qjson_get_int(o, key, 0);
}

static void put_bar(FILE *f, long long used, long long limit, int width)
{
	int full = 0, i;

	if (limit > 0)
		full = used >= limit ? width : (int)((double)used / limit * width + 0.5);
	else if (used > 0)
		full = width;
	/* What is there is seen. */
	if (!full && used > 0)
		full = 1;
	qterm_fprintf(f, "[");
	for (i = 0; i < width; i++)
		qterm_fprintf(f, "%c", i < full ? '#' : '.');
	qterm_fprintf(f, "]");
}

static void put_rate(FILE *f, const struct json_object *o, const char *key, int width)
{
	struct json_object *v = qjson_get(o, key);
	double n = json_object_get_double(v);

	if (!v)
		qterm_fprintf(f, " %*s", width, "-");
	else if (n >= 100000)
		qterm_fprintf(f, " %*.0fk", width - 1, n / 1000);
	else
		qterm_fprintf(f, " %*.*f", width, n < 100 ? 1 : 0, n);
}

/* Who enforces the limits of VRAM and GPU time. */
static void put_enforcers(FILE *f, const char *vram, const char *compute)
{
	char text[32];

	snprintf(text, sizeof(text), "%s%s%s", vram, strcmp(vram, compute) ? "/" : "",
		 strcmp(vram, compute) ? compute : "");
	qterm_fprintf(f, " %-11s", text);
}

/* Widths of what gives way to a narrow terminal and takes what a wide one has to spare. */
struct layout {
	int name;
	int bar;
	bool more;
};

#define FIXED 63 /* all other columns */
#define MORE  17 /* guarantee, priority, denials in a second */

static struct layout lay_out(int columns)
{
	struct layout l = { .name = 8, .bar = 6 };
	int left = columns - FIXED - l.name - l.bar;

	if (left >= MORE) {
		l.more = true;
		left -= MORE;
	}
	if (left > 0) {
		l.name += left / 2 < 24 ? left / 2 : 24;
		l.bar += left - left / 2 < 34 ? left - left / 2 : 34;
	}
	return l;
}

static void put_head(FILE *f, const struct layout *l)
{
	qterm_fprintf(f, "\t%5s %-*s %-9s %-*s %11s %5s %-11s", "ID", l->name, "NAME", "LEVEL",
		      l->bar + 2, "VRAM", "MiB", "CAP", "ENFORCED BY");
	if (l->more)
		qterm_fprintf(f, " %5s %4s", "GUAR", "PRIO");
	qterm_fprintf(f, " %6s", "OPS/S");
	qterm_fprintf(f, l->more ? " %6s %5s\n" : " %6s\n", "DENIED", "/S");
}

static void put_row(FILE *f, const struct json_object *o, const struct layout *l)
{
	const struct json_object *vram = qjson_get(o, "vram"), *compute = qjson_get(o, "compute");
	const char *level = qjson_get_str(o, "level"), *by;
	char mib[32];

	qterm_fprintf(f, "%5lld %-*.*s %-9s ", num(o, "id"), l->name, l->name,
		      qjson_get_str(o, "name"),
		      strcmp(qjson_get_str(o, "state"), "live") ? qjson_get_str(o, "state")
		      : level					? level
								: "none");
	put_bar(f, num(vram, "used_bytes"), num(vram, "limit_bytes"), l->bar);
	snprintf(mib, sizeof(mib), "%lld/%lld", num(vram, "used_bytes") / MIB,
		 num(vram, "limit_bytes") / MIB);
	qterm_fprintf(f, " %11s %4lld%%", mib, num(compute, "cap_percent"));
	by = qjson_get_str(compute, "enforced_by");
	put_enforcers(f, qjson_get_str(vram, "enforced_by"), by);
	if (l->more)
		qterm_fprintf(f, " %4lld%% %4lld", num(compute, "guarantee_percent"),
			      num(o, "priority"));
	put_rate(f, o, "ops_per_s", 6);
	qterm_fprintf(f, " %6lld", num(o, "denied"));
	if (l->more)
		put_rate(f, o, "denied_per_s", 5);
	qterm_fprintf(f, "\n");
}

/* The table; @skip rows of it are above what is to be seen. */
static void put_table(FILE *f, struct json_object *doc, int columns, size_t skip)
{
	struct json_object *list = qjson_get(doc, "vms");
	struct layout l = lay_out(columns);
	size_t i;

	put_head(f, &l);
	for (i = skip; i < qjson_len(list); i++)
		put_row(f, qjson_at(list, i), &l);
	if (!qjson_len(list))
		qterm_fprintf(f, "no VMs\n");
}

static void print_table(struct json_object *doc)
{
	char *text = NULL, *p;
	size_t len = 0;
	int columns = 120, rows;
	FILE *f;

	if (isatty(STDOUT_FILENO))
		screen_size(&columns, &rows);
	f = qmem_check(open_memstream(&text, &len));
	put_table(f, doc, columns, 0);
	if (fclose(f))
		qmem_check(NULL);
	/* The mark of the head is for screens. */
	p = text + (*text == '\t');
	qterm_lines(stdout, p);
	free(text);
}

static int once(int ctl, const struct options *o)
{
	struct timespec pause = { .tv_sec = o->interval };
	struct sample before = { 0 }, s = { 0 };
	struct qerr e = { 0 };
	int ret;

	ret = look(ctl, &before, &e);
	if (!ret) {
		while (nanosleep(&pause, &pause) && errno == EINTR)
			;
		ret = look(ctl, &s, &e);
	}
	ret = ret ? cmd_fail("%s", e.msg) : cmd_print(to_json(&s, &before), o->json, print_table);
	free(before.vms);
	free(s.vms);
	return ret;
}

static int show(struct json_object *doc, size_t skip)
{
	int columns, rows, err;
	char *text = NULL, when[32];
	size_t len = 0, n = qjson_len(qjson_get(doc, "vms"));
	time_t now = time(NULL);
	struct tm tm;
	FILE *f;

	screen_size(&columns, &rows);
	strftime(when, sizeof(when), "%H:%M:%S", localtime_r(&now, &tm));
	f = qmem_check(open_memstream(&text, &len));
	qterm_fprintf(f, "qwamos-gpu top - %s, %zu VM%s", when, n, n == 1 ? "" : "s");
	if (skip || n + 2 > (size_t)rows)
		qterm_fprintf(f, ", from the %zu. on (arrow keys)", skip + 1);
	qterm_fprintf(f, "; q ends\n");
	put_table(f, doc, columns, skip);
	if (fclose(f))
		qmem_check(NULL);
	err = screen_show(text);
	free(text);
	return err;
}

/* Return: exit status once it is to end, -1 to go on. */
static int react(int what, size_t n, size_t *skip)
{
	if (what == 'q' || what == 'Q' || what == 3)
		return 0;
	if (what >= SCREEN_SIGNAL)
		return 128 + what - SCREEN_SIGNAL;
	if ((what == SCREEN_DOWN || what == 'j') && *skip + 1 < n)
		(*skip)++;
	if ((what == SCREEN_UP || what == 'k') && *skip)
		(*skip)--;
	return -1;
}

/* A change of the size or a key shows at once; the kernel is asked once in an interval. */
static int live(int ctl, const struct options *o, struct qerr *e)
{
	struct sample before = { 0 }, s = { 0 };
	struct json_object *doc = NULL;
	int64_t due = now_ns(), left;
	int ret = -1, err = 0;
	size_t skip = 0;

	while (ret < 0 && !err) {
		left = due - now_ns();
		if (left <= 0) {
			free(before.vms);
			before = s;
			s = (struct sample){ 0 };
			err = look(ctl, &s, e);
			if (err)
				break;
			json_object_put(doc);
			doc = to_json(&s, &before);
			due = now_ns() + (int64_t)o->interval * NS;
			if (skip && skip >= s.n)
				skip = s.n ? s.n - 1 : 0;
		}
		err = show(doc, skip);
		if (err) {
			qerr_sys(e, -err, "the terminal");
			break;
		}
		left = due - now_ns();
		ret = react(screen_wait(left > 0 ? left / 1000000 + 1 : 0), s.n, &skip);
	}
	json_object_put(doc);
	free(before.vms);
	free(s.vms);
	return err ? -1 : ret;
}

int gpu_top(int argc, char **argv)
{
	struct options o = { .interval = 1 };
	struct qerr e = { 0 };
	int ctl, ret;

	ret = cmd_parse(&line, argc, argv, &o);
	if (ret <= 0)
		return -ret;
	if (o.json && !o.once)
		return cmd_wrong(&line, "--json is for --once");
	ctl = gpu_open();
	if (ctl < 0)
		return EXIT_FAILED;
	if (o.once) {
		ret = once(ctl, &o);
		close(ctl);
		return ret;
	}
	ret = screen_open();
	if (ret == -ENOTTY) {
		ret = cmd_fail("top needs a terminal that can do more than print; use --once");
	} else if (ret) {
		ret = cmd_fail("the terminal: %s", strerror(-ret));
	} else {
		ret = live(ctl, &o, &e);
		screen_close();
		if (ret < 0)
			ret = cmd_fail("%s", e.msg);
	}
	close(ctl);
	return ret;
}
