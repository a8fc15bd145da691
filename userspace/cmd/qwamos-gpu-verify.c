// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu audit verify, audit head */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/verify.h"
#include "cmd/gpu_open.h"
#include "cmd/qwamos-gpu-audit.h"
#include "cmd/qwamos-gpu.h"
#include "lib/libqwamos-gpu.h"
#include "util/file.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/term.h"

/* As many findings are told at length. */
#define TOLD 50

struct options {
	struct qverify_anchor *heads;
	size_t n;
	const char *vm;
	bool json;
};

/* [CHAIN:]SEQ:HASH */
static const char *take_head(void *to, const char *arg)
{
	static const char accepted[] = "SEQ:HASH or CHAIN:SEQ:HASH, as audit head tells it,";
	struct qverify_anchor a = { .any = true };
	struct options *o = to;
	char seq[24], chain[24];
	const char *hash = strrchr(arg, ':'), *colon;

	if (!hash || hash - arg >= (ptrdiff_t)(sizeof(seq) + sizeof(chain)))
		return accepted;
	colon = memchr(arg, ':', hash - arg);
	if (colon) {
		a.any = false;
		snprintf(chain, sizeof(chain), "%.*s", (int)(colon - arg), arg);
		if (!cmd_number(chain, 0, UINT64_MAX, &a.chain))
			return accepted;
		arg = colon + 1;
	}
	snprintf(seq, sizeof(seq), "%.*s", (int)(hash - arg), arg);
	if (!cmd_number(seq, 0, UINT64_MAX, &a.seq) ||
	    qaudit_unhex(hash + 1, a.hash, sizeof(a.hash)))
		return accepted;
	*QMEM_GROW(o->heads, o->n) = a;
	return NULL;
}

static const struct cmd_opt verify_opts[] = {
	{ .name = "head", .kind = CMD_TAKE, .take = take_head },
	CMD_JSON(struct options, json),
	{ 0 },
};

static const struct cmd_line verify_line = {
	.command = "audit verify",
	.usage =
		"audit verify FILE [--head [CHAIN:]SEQ:HASH]... [--json]\n"
		"exit status: 0 sound and anchored, 1 not sound (or not to be read), 3 sound but not\n"
		"anchored: nothing proves its end",
	.opts = verify_opts,
	.args = "FILE",
	.min = 1,
	.max = 1,
};

static const struct cmd_opt head_opts[] = {
	{ .name = "vm", .kind = CMD_TEXT, .at = offsetof(struct options, vm) },
	CMD_JSON(struct options, json),
	{ 0 },
};

static const struct cmd_line head_line = {
	.command = "audit head",
	.usage = "audit head [--vm NAME|ID] [FILE] [--json]\n"
		 "Prints CHAIN:SEQ:HASH of each chain, of the running kernel or of a saved log.",
	.opts = head_opts,
	.args = "one FILE",
	.max = 1,
};

static struct json_object *chain_json(const struct qverify_chain *c)
{
	struct json_object *o = qjson_obj();

	qaudit_add_u64(o, "chain", c->chain);
	qjson_add_str_or_null(o, "vm", c->name);
	qaudit_add_u64(o, "records", c->n);
	qaudit_add_u64(o, "first", c->first);
	qaudit_add_u64(o, "last", c->last);
	qaudit_add_u64(o, "lost", c->lost);
	qjson_add_bool(o, "sound", c->sound);
	qjson_add_bool(o, "beginning_known", c->based);
	qaudit_add_u64(o, "anchored_to", c->anchored);
	qjson_add_bool(o, "anchored", c->whole);
	return o;
}

static struct json_object *finding_json(const struct qverify_finding *f)
{
	struct json_object *o = qjson_obj();

	qjson_add_str(o, "kind", qverify_kind_name(f->kind));
	if (f->has_chain)
		qaudit_add_u64(o, "chain", f->chain);
	else
		qjson_add(o, "chain", NULL);
	qjson_add(o, "first", f->first ? qmem_check(json_object_new_uint64(f->first)) : NULL);
	qjson_add(o, "last", f->last ? qmem_check(json_object_new_uint64(f->last)) : NULL);
	qjson_add(o, "line", f->line ? qmem_check(json_object_new_uint64(f->line)) : NULL);
	qjson_add_str(o, "text", f->text);
	return o;
}

static struct json_object *to_json(const char *file, const struct qverify_result *res,
				   const char *against, uint64_t newer)
{
	struct json_object *o = qjson_obj(), *list;
	size_t i;

	qjson_add_str(o, "file", file);
	qjson_add_bool(o, "sound", !res->n_findings);
	qjson_add_bool(o, "anchored", res->anchored);
	qjson_add_str(o, "against", against);
	qaudit_add_u64(o, "newer", newer);
	list = qjson_add(o, "chains", qjson_arr());
	for (i = 0; i < res->n_chains; i++)
		qjson_push(list, chain_json(&res->chains[i]));
	list = qjson_add(o, "findings", qjson_arr());
	for (i = 0; i < res->n_findings; i++)
		qjson_push(list, finding_json(&res->findings[i]));
	return o;
}

static const char *truth(struct json_object *o, const char *key, const char *yes, const char *no)
{
	return qjson_get_bool(o, key, false) ? yes : no;
}

/* "chain 3 (VM a)" */
static void chain_name(struct json_object *o, char *buf, size_t len)
{
	const char *vm = qjson_get_str(o, "vm");
	unsigned long long id = json_object_get_uint64(qjson_get(o, "chain"));

	if (id)
		snprintf(buf, len, "chain %llu (VM %s)", id, vm ? vm : "?");
	else
		snprintf(buf, len, "chain 0 (host)");
}

static void print_chain(struct json_object *o)
{
	unsigned long long first = json_object_get_uint64(qjson_get(o, "first")),
			   last = json_object_get_uint64(qjson_get(o, "last")),
			   lost = json_object_get_uint64(qjson_get(o, "lost")),
			   to = json_object_get_uint64(qjson_get(o, "anchored_to"));
	char name[128];

	chain_name(o, name, sizeof(name));
	qterm_printf("%s: ", name);
	if (qjson_get_int(o, "records", 0))
		qterm_printf("records %llu to %llu", first, last);
	else
		qterm_printf("no records");
	if (lost)
		qterm_printf(" (%llu were lost)", lost);
	qterm_printf(", %s", truth(o, "sound", "sound", "NOT SOUND"));
	if (qjson_get_bool(o, "sound", false)) {
		if (!qjson_get_bool(o, "beginning_known", false))
			qterm_printf(
				", but record %llu itself can't be proven: the hash before it is not here",
				first);
		if (to && to < last)
			qterm_printf(", anchored up to record %llu only", to);
		else
			qterm_printf(", %s", truth(o, "anchored", "anchored", "not anchored"));
	}
	qterm_printf("\n");
}

static void print_finding(struct json_object *o, struct json_object *chains)
{
	struct json_object *chain = qjson_get(o, "chain");
	long long line = qjson_get_int(o, "line", 0);
	size_t i;

	for (i = 0; chain && i < qjson_len(chains); i++) {
		struct json_object *c = qjson_at(chains, i);
		char name[128];

		if (json_object_get_uint64(qjson_get(c, "chain")) != json_object_get_uint64(chain))
			continue;
		chain_name(c, name, sizeof(name));
		qterm_printf("%s: ", name);
	}
	qterm_printf("%s", qjson_get_str(o, "text"));
	if (line && chain)
		qterm_printf(" (line %lld)", line);
	qterm_printf("\n");
}

static void print_result(struct json_object *doc)
{
	struct json_object *chains = qjson_get(doc, "chains"), *list = qjson_get(doc, "findings");
	const char *file = qjson_get_str(doc, "file"), *against = qjson_get_str(doc, "against");
	unsigned long long newer = json_object_get_uint64(qjson_get(doc, "newer"));
	size_t i;

	for (i = 0; i < qjson_len(chains); i++)
		print_chain(qjson_at(chains, i));
	for (i = 0; i < qjson_len(list) && i < TOLD; i++)
		print_finding(qjson_at(list, i), chains);
	if (qjson_len(list) > TOLD)
		qterm_printf("and %zu more: see --json\n", qjson_len(list) - TOLD);
	if (newer)
		qterm_printf("the kernel has %llu newer record%s\n", newer, newer == 1 ? "" : "s");
	if (qjson_len(list))
		qterm_printf("%s: NOT SOUND: %zu finding%s\n", file, qjson_len(list),
			     qjson_len(list) == 1 ? "" : "s");
	else if (qjson_get_bool(doc, "anchored", false))
		qterm_printf("%s: sound, and anchored to %s\n", file, against);
	else
		qterm_printf(
			"%s: sound, but not anchored: nothing proves that no tail was cut off, nor all of it written anew%s%s\n",
			file, against ? "; asked: " : "", against ? against : "");
}

/*
 * The running kernel, if it is to be had and the log is its own. Return: what the log is held
 * against, NULL: nothing.
 */
static const char *ask_kernel(const struct qaudit_log *log, struct qaudit_witness *w)
{
	struct qerr e = { 0 };
	int ctl = libqg_open();

	memset(w, 0, sizeof(*w));
	if (ctl < 0) {
		qterm_fprintf(stderr,
			      "qwamos-gpu: the running kernel can't be asked: " QWAMOS_GPU_DEVICE
			      ": %s\n",
			      strerror(-ctl));
		return NULL;
	}
	if (qaudit_ask(ctl, log, w, &e)) {
		qterm_fprintf(stderr, "qwamos-gpu: the running kernel can't be asked: %s\n", e.msg);
		w->n = 0;
	} else if (!w->same) {
		qterm_fprintf(
			stderr,
			"qwamos-gpu: the log is not the running kernel's: of another boot, or another load of the module\n");
	}
	close(ctl);
	return w->n ? "the running kernel" : NULL;
}

/* @file: "-": standard input. Return: 0 or EXIT_FAILED. */
static int read_log(const char *file, struct qaudit_log *log)
{
	struct qerr e = { 0 };
	FILE *f = stdin;
	int fd, err;

	memset(log, 0, sizeof(*log));
	if (strcmp(file, "-")) {
		fd = qfile_open_named(file, &e);
		if (fd < 0)
			return cmd_fail("%s", e.msg);
		f = qmem_check(fdopen(fd, "r"));
	}
	err = qaudit_log_read(f, file, log, &e);
	if (f != stdin)
		fclose(f);
	return err ? cmd_fail("%s", e.msg) : 0;
}

static int verify(const char *file, const struct options *o)
{
	const char *against = o->n ? "the given head" : NULL;
	struct qaudit_witness w = { 0 };
	struct qverify_result res;
	struct qaudit_log log;
	int ret;

	ret = read_log(file, &log);
	if (ret) {
		qaudit_log_free(&log);
		return ret;
	}
	if (!o->n)
		against = ask_kernel(&log, &w);
	qverify(&log, o->n ? o->heads : w.anchors, o->n ? o->n : w.n, &res);
	ret = cmd_print(to_json(file, &res, against, w.newer), o->json, print_result);
	if (!ret)
		ret = res.n_findings ? EXIT_FAILED : res.anchored ? 0 : EXIT_NOT_ANCHORED;
	qverify_free(&res);
	free(w.anchors);
	qaudit_log_free(&log);
	return ret;
}

int gpu_audit_verify(int argc, char **argv)
{
	struct options o = { 0 };
	int ret = cmd_parse(&verify_line, argc, argv, &o);

	ret = ret > 0 ? verify(argv[ret], &o) : -ret;
	free(o.heads);
	return ret;
}

static void print_heads(struct json_object *doc)
{
	size_t i;

	for (i = 0; i < qjson_len(doc); i++) {
		struct json_object *o = qjson_at(doc, i);
		unsigned long long id = json_object_get_uint64(qjson_get(o, "chain"));
		const char *vm = qjson_get_str(o, "vm");

		qterm_printf("%llu:%llu:%s %s\n", id,
			     (unsigned long long)json_object_get_uint64(qjson_get(o, "seq")),
			     qjson_get_str(o, "hash"), id ? (vm ? vm : "?") : "(host)");
	}
}

static struct json_object *heads_json(const struct qaudit_log *log)
{
	struct json_object *list = qjson_arr(), *o;
	char hex[QAUDIT_HEX];
	size_t i;

	for (i = 0; i < log->n_heads; i++) {
		const struct qaudit_head *h = &log->heads[i];

		o = qjson_push(list, qjson_obj());
		qaudit_add_u64(o, "chain", h->chain);
		qjson_add_str_or_null(o, "vm", h->name);
		qaudit_add_u64(o, "seq", h->seq);
		qaudit_hex(h->hash, sizeof(h->hash), hex);
		qjson_add_str(o, "hash", hex);
		qaudit_add_u64(o, "first", h->first);
		qaudit_hex(h->prev_hash, sizeof(h->prev_hash), hex);
		qjson_add_str(o, "prev_hash", hex);
		qaudit_add_u64(o, "lost", h->lost);
		qaudit_hex(log->instance, sizeof(log->instance), hex);
		qjson_add_str(o, "instance", hex);
		qaudit_hex(log->boot_id, sizeof(log->boot_id), hex);
		qjson_add_str(o, "boot_id", hex);
	}
	return list;
}

/* Of a saved log: without the VMs that are not asked for. */
static int heads_of_file(const char *file, const struct qaudit_want *want, struct qaudit_log *log)
{
	struct qwamos_gpu_audit_record r = { 0 };
	size_t i, n = 0;

	if (read_log(file, log))
		return EXIT_FAILED;
	for (i = 0; i < log->n_heads; i++) {
		r.chain = log->heads[i].chain;
		memcpy(r.vm_name, log->heads[i].name, sizeof(r.vm_name));
		if (qaudit_wanted(want, &r))
			log->heads[n++] = log->heads[i];
	}
	log->n_heads = n;
	return 0;
}

static int heads_of_kernel(const struct qaudit_want *want, struct qaudit_log *log)
{
	struct qerr e = { 0 };
	int ctl = gpu_open(), err;

	if (ctl < 0)
		return EXIT_FAILED;
	err = qaudit_heads(ctl, want, log, &e);
	close(ctl);
	return err ? cmd_fail("%s", e.msg) : 0;
}

int gpu_audit_head(int argc, char **argv)
{
	struct qaudit_want want = { 0 };
	struct qaudit_log log = { 0 };
	struct options o = { 0 };
	int at, ret;

	at = cmd_parse(&head_line, argc, argv, &o);
	if (at <= 0)
		return -at;
	want.vm = o.vm;
	ret = at < argc ? heads_of_file(argv[at], &want, &log) : heads_of_kernel(&want, &log);
	if (!ret && o.vm && !log.n_heads)
		ret = cmd_fail("the audit log knows no VM '%s'", o.vm);
	if (!ret)
		ret = cmd_print(heads_json(&log), o.json, print_heads);
	qaudit_log_free(&log);
	return ret;
}
