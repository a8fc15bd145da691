// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu audit: records as they are, or saved. */
#include "cmd/qwamos-gpu-audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/audit_text.h"
#include "cmd/gpu_open.h"
#include "cmd/qwamos-gpu.h"
#include "lib/libqwamos-gpu.h"
#include "util/file.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/term.h"

#define MAX 65536

struct options {
	struct qaudit_want want;
	uint64_t limit;
	bool follow;
	bool json;
	const char *save;
};

const char *gpu_audit_event(void *event, const char *name)
{
	static __thread char accepted[1024];
	size_t at = 0;
	int i = libqg_event_from_name(name);

	if (i > 0) {
		*(uint32_t *)event = i;
		return NULL;
	}
	for (i = 1; i < QWAMOS_GPU_EV_COUNT; i++)
		at += snprintf(accepted + at, sizeof(accepted) - at, "%s%s",
			       i == 1 ? "one of " : ", ", libqg_event_name(i));
	return accepted;
}

static const char *take_event(void *to, const char *arg)
{
	return gpu_audit_event(&((struct options *)to)->want.event, arg);
}

static const struct cmd_opt opts[] = {
	{ .name = "vm", .kind = CMD_TEXT, .at = offsetof(struct options, want.vm) },
	{ .name = "event", .kind = CMD_TAKE, .take = take_event },
	{ .name = "limit",
	  .kind = CMD_NUMBER,
	  .at = offsetof(struct options, limit),
	  .min = 1,
	  .max = MAX },
	{ .name = "follow",
	  .letter = 'f',
	  .kind = CMD_FLAG,
	  .at = offsetof(struct options, follow) },
	{ .name = "save", .kind = CMD_TEXT, .at = offsetof(struct options, save) },
	CMD_JSON(struct options, json),
	{ 0 },
};

static const struct cmd_line line = {
	.command = "audit",
	.usage = "audit [--vm NAME|ID] [--event EVENT] [--limit 100] [--follow] [--json]\n"
		 "       qwamos-gpu audit [--vm NAME|ID] --save FILE\n"
		 "       qwamos-gpu audit verify FILE [--head [CHAIN:]SEQ:HASH]... [--json]\n"
		 "       qwamos-gpu audit head [--vm NAME|ID] [FILE] [--json]",
	.opts = opts,
};

/*
 * The newest of all VMs the kernel picks itself; it can't look for a name, for VMs that are over
 * share it.
 */
static int collect(int ctl, const struct options *o, struct qaudit_list *l, uint64_t *lost,
		   struct qerr *e)
{
	struct qwamos_gpu_audit_read req = { .count = o->limit, .event = o->want.event };
	uint32_t reason = 0;
	int err;

	if (o->want.vm) {
		l->max = o->limit;
		return qaudit_read_after(ctl, &o->want, 0, qaudit_list_add, l, lost, e);
	}
	err = libqg_audit_read(ctl, &req, &l->recs, &reason);
	if (err)
		return reason ? qerr_set(e, -err, "the audit log can't be read: %s",
					 libqg_reason_text(reason))
			      : qerr_sys(e, -err, "the audit log can't be read");
	l->n = req.count;
	*lost = req.out_lost;
	return 0;
}

static void print_lines(struct json_object *doc)
{
	size_t i;

	for (i = 0; i < qjson_len(doc); i++)
		qterm_printf("%s\n", json_object_get_string(qjson_at(doc, i)));
}

static int show(const struct qaudit_list *l, uint64_t limit, bool json)
{
	struct json_object *doc = qjson_arr();
	size_t i = l->n > limit ? l->n - limit : 0;
	char text[512];

	for (; i < l->n; i++) {
		if (json) {
			qjson_push(doc, audit_json(&l->recs[i]));
		} else {
			audit_line(&l->recs[i], text, sizeof(text));
			qjson_push_str(doc, text);
		}
	}
	return cmd_print(doc, json, print_lines);
}

/* @newest: order of the newest record before the list was read. */
static int follow(int ctl, const struct options *o, const struct qaudit_list *l, uint64_t newest,
		  struct qerr *e)
{
	size_t i = l->n > o->limit ? l->n - o->limit : 0;
	struct qaudit_log log;
	char text[512];
	int err = 0;

	if (o->json) {
		err = qaudit_describe(ctl, &log, e);
		if (!err)
			err = qaudit_write_header(stdout, &log);
	}
	for (; i < l->n && !err; i++) {
		if (o->json) {
			err = qaudit_write_record(stdout, &l->recs[i]);
		} else {
			audit_line(&l->recs[i], text, sizeof(text));
			qterm_printf("%s\n", text);
		}
	}
	if (err)
		return cmd_fail("%s", e->err ? e->msg : strerror(-err));
	if (l->n && l->recs[l->n - 1].order > newest)
		newest = l->recs[l->n - 1].order;
	return gpu_audit_follow(ctl, &o->want, o->json, newest);
}

static int save(int ctl, const struct options *o)
{
	struct qerr e = { 0 };
	struct qaudit_log log;
	char *text = NULL;
	size_t len = 0;
	FILE *f;
	int err;

	err = qaudit_save(ctl, &o->want, &log, &e);
	if (!err && o->want.vm && !log.n_heads)
		err = qerr_set(&e, ENOENT, "the audit log knows no VM '%s'", o->want.vm);
	if (err) {
		qaudit_log_free(&log);
		return cmd_fail("%s", e.msg);
	}
	f = qmem_check(open_memstream(&text, &len));
	err = qaudit_log_write(f, &log);
	if (fclose(f) && !err)
		err = -errno;
	if (!err)
		err = qfile_replace(o->save, text, len, 0600);
	free(text);
	if (err) {
		qaudit_log_free(&log);
		return cmd_fail("%s: %s", o->save, strerror(-err));
	}
	qterm_fprintf(stderr, "qwamos-gpu: %zu records of %zu chain%s saved to %s\n", log.n,
		      log.n_heads, log.n_heads == 1 ? "" : "s", o->save);
	qaudit_log_free(&log);
	return 0;
}

static int list(int ctl, const struct options *o)
{
	struct qaudit_list l = { 0 };
	struct qerr e = { 0 };
	uint64_t lost = 0, newest = 0;
	int ret = 0;

	if (o->follow)
		ret = qaudit_newest(ctl, &newest, &e);
	if (ret || collect(ctl, o, &l, &lost, &e)) {
		ret = cmd_fail("%s", e.msg);
	} else {
		if (lost && !o->json)
			qterm_fprintf(
				stderr,
				"qwamos-gpu: %llu older records are gone: there was no room for them\n",
				(unsigned long long)lost);
		ret = o->follow ? follow(ctl, o, &l, newest, &e) : show(&l, o->limit, o->json);
	}
	free(l.recs);
	return ret;
}

int gpu_audit(int argc, char **argv)
{
	struct options o = { .limit = 100 };
	int ctl, ret;

	if (argc > 1 && !strcmp(argv[1], "verify"))
		return gpu_audit_verify(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "head"))
		return gpu_audit_head(argc - 1, argv + 1);
	ret = cmd_parse(&line, argc, argv, &o);
	if (ret <= 0)
		return -ret;
	if (o.save && (o.want.event || o.follow || o.json || o.limit != 100))
		return cmd_wrong(
			&line,
			"--save takes whole chains: of --vm, --event, --limit, --follow and --json only --vm");
	ctl = gpu_open();
	if (ctl < 0)
		return EXIT_FAILED;
	ret = o.save ? save(ctl, &o) : list(ctl, &o);
	close(ctl);
	return ret;
}
