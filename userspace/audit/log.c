// SPDX-License-Identifier: GPL-2.0-only
#include "audit/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/file.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/term.h"

#define FORMAT	 "qwamos-gpu audit log"
#define VERSION	 1
#define LINE_LEN 4096
/* After that many bytes without an end of line it is no log, and may have no end. */
#define MAX_LINE (64 << 10)
/* A log that has more lines which are none of it is none. */
#define MAX_PROBLEMS 10000
/* More than the kernel can keep. */
#define MAX_LINES (1U << 25)

void qaudit_log_free(struct qaudit_log *log)
{
	size_t i;

	for (i = 0; i < log->n_problems; i++)
		free(log->problems[i].text);
	free(log->problems);
	free(log->entries);
	free(log->heads);
	memset(log, 0, sizeof(*log));
}

static const char *text_of(struct json_object *o)
{
	const int style = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;

	return qmem_check((void *)json_object_to_json_string_ext(o, style));
}

static int write_line(FILE *f, struct json_object *o)
{
	int err = qterm_json(f, text_of(o));

	json_object_put(o);
	qterm_fprintf(f, "\n");
	if (!err && ferror(f))
		err = errno ? -errno : -EIO;
	return err;
}

static void add_hex(struct json_object *o, const char *key, const uint8_t *bytes, size_t n)
{
	char text[QAUDIT_HEX];

	qaudit_hex(bytes, n, text);
	qjson_add_str(o, key, text);
}

static void add_known(struct json_object *o, const char *key, bool known, uint64_t value)
{
	if (known)
		qaudit_add_u64(o, key, value);
	else
		qjson_add(o, key, NULL);
}

static struct json_object *header_to_json(const struct qaudit_log *log)
{
	struct json_object *o = qjson_obj();

	qjson_add_str(o, "format", FORMAT);
	qjson_add_int(o, "version", VERSION);
	add_hex(o, "instance", log->instance, sizeof(log->instance));
	add_hex(o, "boot_id", log->boot_id, sizeof(log->boot_id));
	qaudit_add_u64(o, "saved_ns", log->saved_ns);
	qjson_add_int(o, "wall_offset_ns", log->wall_offset_ns);
	add_known(o, "order", log->whole, log->order);
	add_known(o, "records", log->whole, log->n_records);
	add_known(o, "chains", log->whole, log->n_chains);
	return o;
}

int qaudit_write_header(FILE *f, const struct qaudit_log *log)
{
	struct qaudit_log l = *log;

	l.n_records = log->n;
	l.n_chains = log->n_heads;
	return write_line(f, header_to_json(&l));
}

int qaudit_write_record(FILE *f, const struct qwamos_gpu_audit_record *r)
{
	return write_line(f, qaudit_to_json(r));
}

static struct json_object *head_to_json(const struct qaudit_head *h)
{
	struct json_object *o = qjson_obj();

	qaudit_add_u64(o, "head", h->chain);
	qjson_add_str_or_null(o, "vm", h->name);
	qaudit_add_u64(o, "first", h->first);
	add_hex(o, "prev_hash", h->prev_hash, sizeof(h->prev_hash));
	qaudit_add_u64(o, "seq", h->seq);
	add_hex(o, "hash", h->hash, sizeof(h->hash));
	qaudit_add_u64(o, "lost", h->lost);
	return o;
}

int qaudit_log_write(FILE *f, const struct qaudit_log *log)
{
	int err = qaudit_write_header(f, log);
	size_t i;

	for (i = 0; i < log->n && !err; i++)
		err = qaudit_write_record(f, &log->entries[i].rec);
	for (i = 0; i < log->n_heads && !err; i++)
		err = write_line(f, head_to_json(&log->heads[i]));
	return err;
}

static bool has_keys(const struct json_object *o, const char *const *keys, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!json_object_object_get_ex(o, keys[i], NULL))
			return false;
	return json_object_object_length(o) == (int)n;
}

static int get_header(const struct json_object *o, struct qaudit_log *log, struct qerr *e)
{
	static const char *const keys[] = { "format",  "version",  "instance",
					    "boot_id", "saved_ns", "wall_offset_ns",
					    "order",   "records",  "chains" };
	const char *format = qjson_get_str(o, "format");
	int err;

	if (!format || strcmp(format, FORMAT))
		return qerr_set(e, EBADMSG, "not a saved audit log: no \"format\":\"" FORMAT "\"");
	if (qjson_get_int(o, "version", 0) != VERSION)
		return qerr_set(e, EBADMSG, "\"version\": %lld found, %d accepted",
				(long long)qjson_get_int(o, "version", 0), VERSION);
	if (!has_keys(o, keys, sizeof(keys) / sizeof(keys[0])))
		return qerr_set(e, EBADMSG, "the header lacks a key, or has one too many");
	log->wall_offset_ns = qjson_get_int(o, "wall_offset_ns", 0);
	log->whole = qjson_get(o, "order") || qjson_get(o, "records") || qjson_get(o, "chains");
	err = qaudit_get_hex(o, "instance", log->instance, sizeof(log->instance), e);
	if (!err)
		err = qaudit_get_hex(o, "boot_id", log->boot_id, sizeof(log->boot_id), e);
	if (!err)
		err = qaudit_get_u64(o, "saved_ns", UINT64_MAX, &log->saved_ns, e);
	if (!err && log->whole)
		err = qaudit_get_u64(o, "order", UINT64_MAX, &log->order, e);
	if (!err && log->whole)
		err = qaudit_get_u64(o, "records", UINT64_MAX, &log->n_records, e);
	if (!err && log->whole)
		err = qaudit_get_u64(o, "chains", UINT64_MAX, &log->n_chains, e);
	return err;
}

static int get_head(const struct json_object *o, struct qaudit_head *h, struct qerr *e)
{
	static const char *const keys[] = { "head", "vm",   "first", "prev_hash",
					    "seq",  "hash", "lost" };
	const char *name = qjson_get_str(o, "vm");
	int err;

	if (!has_keys(o, keys, sizeof(keys) / sizeof(keys[0])))
		return qerr_set(e, EBADMSG, "the head lacks a key, or has one too many");
	if (name && strlen(name) >= sizeof(h->name))
		return qerr_set(e, EBADMSG, "\"vm\": '%s' is too long", name);
	snprintf(h->name, sizeof(h->name), "%s", name ? name : "");
	err = qaudit_get_u64(o, "head", UINT64_MAX, &h->chain, e);
	if (!err)
		err = qaudit_get_u64(o, "first", UINT64_MAX, &h->first, e);
	if (!err)
		err = qaudit_get_hex(o, "prev_hash", h->prev_hash, sizeof(h->prev_hash), e);
	if (!err)
		err = qaudit_get_u64(o, "seq", UINT64_MAX - 1, &h->seq, e);
	if (!err)
		err = qaudit_get_hex(o, "hash", h->hash, sizeof(h->hash), e);
	if (!err)
		err = qaudit_get_u64(o, "lost", UINT64_MAX, &h->lost, e);
	return err;
}

/* How many keys a flat object's text has: json-c takes the last of two equal ones. */
static int count_keys(const char *text)
{
	bool quoted = false;
	int n = 0;

	for (; *text; text++) {
		if (*text == '"')
			quoted = !quoted;
		else if (quoted && *text == '\\' && text[1])
			text++;
		else if (!quoted && *text == ':')
			n++;
	}
	return n;
}

static struct json_object *parse(const char *text, struct qerr *e)
{
	struct json_tokener *tok = qmem_check(json_tokener_new());
	struct json_object *o;

	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	o = json_tokener_parse_ex(tok, text, strlen(text) + 1);
	if (json_tokener_get_error(tok) != json_tokener_success) {
		qerr_set(e, EBADMSG, "not JSON: %s at byte %zu",
			 json_tokener_error_desc(json_tokener_get_error(tok)),
			 json_tokener_get_parse_end(tok) + 1);
		json_object_put(o);
		o = NULL;
	} else if (!json_object_is_type(o, json_type_object)) {
		qerr_set(e, EBADMSG, "not a JSON object");
		json_object_put(o);
		o = NULL;
	} else if (count_keys(text) != json_object_object_length(o)) {
		qerr_set(e, EBADMSG, "a key stands there twice, or an object in another");
		json_object_put(o);
		o = NULL;
	}
	json_tokener_free(tok);
	return o;
}

/*
 * What is verified is what a line means; so that people and other programs read the same out of it,
 * there is one way only to say it. Drops @o.
 */
static int check_text(const char *text, struct json_object *o, struct qerr *e)
{
	bool same = !strcmp(text, text_of(o));

	json_object_put(o);
	return same ? 0
		    : qerr_set(e, EBADMSG, "not as a log is written: another spelling or order");
}

static int take_line(struct qaudit_log *log, const char *text, size_t line, struct qerr *e)
{
	struct json_object *o = parse(text, e);
	struct qaudit_entry entry = { .line = line };
	struct qaudit_head head = { .line = line };
	int err;

	if (!o)
		return -EBADMSG;
	if (line == 1) {
		err = get_header(o, log, e);
		if (!err)
			err = check_text(text, header_to_json(log), e);
	} else if (json_object_object_get_ex(o, "head", NULL)) {
		err = get_head(o, &head, e);
		if (!err)
			err = check_text(text, head_to_json(&head), e);
		if (!err)
			*QMEM_GROW(log->heads, log->n_heads) = head;
	} else {
		err = qaudit_from_json(o, &entry.rec, e);
		if (!err)
			err = check_text(text, qaudit_to_json(&entry.rec), e);
		if (!err)
			*QMEM_GROW(log->entries, log->n) = entry;
	}
	json_object_put(o);
	return err;
}

/*
 * Return: 1, 0 at the end of the file, -EBADMSG for a line too long or with a NUL, -EFBIG for one
 * without an end, -EIO.
 */
static int next_line(FILE *f, char *buf, size_t len)
{
	bool bad = false;
	size_t n = 0, all = 0;
	int c;

	while ((c = getc(f)) != EOF && c != '\n') {
		if (++all > MAX_LINE)
			return -EFBIG;
		if (c && n + 1 < len)
			buf[n++] = c;
		else
			bad = true;
	}
	buf[n] = '\0';
	if (ferror(f))
		return -EIO;
	if (bad)
		return -EBADMSG;
	return n || c == '\n';
}

int qaudit_log_read(FILE *f, const char *name, struct qaudit_log *log, struct qerr *e)
{
	struct qaudit_problem *p;
	char buf[LINE_LEN];
	struct qerr why;
	size_t line;
	int ret;

	memset(log, 0, sizeof(*log));
	for (line = 1; line <= MAX_LINES; line++) {
		qerr_clear(&why);
		errno = 0;
		ret = next_line(f, buf, sizeof(buf));
		if (ret == -EIO)
			return qerr_set(e, errno ?: EIO, "%s: %s", name,
					qfile_strerror(errno ?: EIO));
		if (ret == -EFBIG)
			return qerr_set(
				e, EFBIG,
				"%s:%zu: not a saved audit log: a line of more than %d bytes", name,
				line, MAX_LINE);
		if (!ret && line == 1)
			return qerr_set(e, EBADMSG, "%s: not a saved audit log: it is empty", name);
		if (!ret)
			return 0;
		if (ret < 0)
			qerr_set(&why, EBADMSG, "longer than any line of a log, or not text");
		else
			ret = take_line(log, buf, line, &why);
		if (ret >= 0)
			continue;
		if (line == 1)
			return qerr_set(e, EBADMSG, "%s:1: %s", name, why.msg);
		if (log->n_problems == MAX_PROBLEMS)
			return qerr_set(e, EFBIG,
					"%s:%zu: more than %d lines that are none of a log", name,
					line, MAX_PROBLEMS);
		p = QMEM_GROW(log->problems, log->n_problems);
		p->line = line;
		p->text = qmem_strdup(why.msg);
	}
	return qerr_set(e, EFBIG, "%s: more than %u lines", name, MAX_LINES);
}
