// SPDX-License-Identifier: GPL-2.0-only
/* What the rest of userspace calls: look, plan, ask, act, tell. */
#include "vfio/vfio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/libqwamos-gpu.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/term.h"
#include "vfio/apply.h"
#include "vfio/gather.h"
#include "vfio/journal.h"
#include "vfio/persist.h"
#include "vfio/plan.h"
#include "vfio/report.h"

typedef void plan_fn(const struct qvfio_state *st, const struct qplan_req *req, struct qplan *p);

/* @lines: of which nothing acts on a terminal but its line feeds */
static void append_lines(struct qerr *e, int err, const char *lines)
{
	size_t len = strlen(e->msg);

	e->err = err;
	snprintf(e->msg + len, sizeof(e->msg) - len, "%s%s", len ? "\n" : "", lines);
}

static void append(struct qerr *e, int err, const char *text, const char *remedy)
{
	char *line = qterm_format("%s%s%s", text, remedy ? ": " : "", remedy ? remedy : "");

	append_lines(e, err, line);
	free(line);
}

static enum qvfio_outcome end(struct qvfio_result *r, enum qvfio_outcome outcome)
{
	static const char *const names[] = {
		[QVFIO_OK] = "ok",
		[QVFIO_REFUSED] = "refused",
		[QVFIO_USAGE] = "usage",
		[QVFIO_FAILED] = "failed, undone",
		[QVFIO_BROKEN] = "failed, half done",
	};

	r->outcome = outcome;
	qjson_add_str(r->doc, "outcome", names[outcome]);
	qjson_add_int(r->doc, "exit_status", outcome);
	qjson_add_str_or_null(r->doc, "error", r->err.msg);
	return outcome;
}

static void begin(struct qvfio_result *r, const char *operation, const struct qvfio_opts *o)
{
	memset(r, 0, sizeof(*r));
	r->doc = qjson_obj();
	qjson_add_str(r->doc, "operation", operation);
	qjson_add_bool(r->doc, "dry_run", o->flags & QVFIO_F_DRY_RUN);
}

/* Every question gets its yes, or the run ends here. What nobody can be asked is refused. */
static bool consent(const struct qvfio_opts *o, const struct qplan *p, struct qvfio_result *r)
{
	const struct qfinding *f;
	bool all = true, yes;
	size_t i;

	if (o->flags & (QVFIO_F_YES | QVFIO_F_DRY_RUN))
		return true;
	for (i = 0; i < p->n_findings && (all || !o->ask); i++) {
		f = &p->findings[i];
		if (f->sev != QSEV_ASK)
			continue;
		yes = o->ask && o->ask(o->ask_arg, f->text);
		if (!yes)
			append(&r->err, ECANCELED, f->text, o->ask ? "you said no" : f->remedy);
		all &= yes;
	}
	return all;
}

static bool refused(const struct qplan *p, struct qvfio_result *r)
{
	size_t i;

	for (i = 0; i < p->n_findings; i++)
		if (p->findings[i].sev == QSEV_REFUSE)
			append(&r->err, EBUSY, p->findings[i].text, p->findings[i].remedy);
	return r->err.err;
}

static void note_changed(const struct qplan *p, struct qvfio_result *r)
{
	size_t i;

	for (i = 0; i < p->n_targets; i++)
		if (!p->targets[i].mend && p->targets[i].bind != p->targets[i].was_ours)
			snprintf(*QMEM_GROW(r->changed, r->n_changed), QVFIO_ADDR_LEN, "%s",
				 p->targets[i].addr);
}

static void warn(struct json_object *list, const struct qvfio_dev *d, const char *text)
{
	char *line = qmem_printf("%s: %s", d->pci.addr, text);

	qjson_push_str(list, line);
	free(line);
}

/* How the devices that were bound stand now, and a warning about each that no VM would get. */
static void tell_after(struct qvfio_state *st, const struct qplan *p, struct qvfio_result *r)
{
	struct json_object *list = qjson_add(r->doc, "devices", qjson_arr()), *o, *warnings;
	const struct qvfio_dev *d;
	size_t i;

	qgather_kernel(st);
	warnings = qjson_add(r->doc, "afterwards", qjson_arr());
	for (i = 0; i < p->n_targets; i++) {
		if (!p->targets[i].bind)
			continue;
		d = qstate_find(st, p->targets[i].addr);
		o = qjson_push(list, qjson_obj());
		qjson_add_str(o, "address", d->pci.addr);
		qjson_add_str(o, "state",
			      d->kernel_known ? libqg_dev_state_name(d->kernel.state) : NULL);
		qjson_add_str(o, "scrub",
			      d->kernel_known && d->kernel.scrub ? libqg_scrub_name(d->kernel.scrub)
								 : NULL);
		if (!d->kernel_known)
			continue;
		if (d->kernel.state == QWAMOS_GPU_DEV_STATE_QUARANTINED)
			warn(warnings, d, libqg_reason_text(QWAMOS_GPU_REASON_QUARANTINED));
		else if (d->kernel.flags & QWAMOS_GPU_DEV_F_GPU && !d->kernel.reset_methods)
			warn(warnings, d, libqg_reason_text(QWAMOS_GPU_REASON_NO_RESET));
		else if (d->kernel.state == QWAMOS_GPU_DEV_STATE_FREE &&
			 d->kernel.flags & QWAMOS_GPU_DEV_F_DIRTY)
			warn(warnings, d,
			     "it is not clean: its reset or scrub did not work (see the "
			     "audit log: qwamos-gpu audit)");
	}
}

/* Carries the plan out, with the lock held. */
static enum qvfio_outcome act(const char *dir, struct qwriter *w, struct qvfio_state *st,
			      const struct qplan *p, const struct qvfio_opts *o,
			      struct qvfio_result *r)
{
	struct qapply a;

	qapply(dir, w, st, p, o->flags & QVFIO_F_ALLOW_CONSOLE, &a);
	qjson_add(r->doc, "steps",
		  qreport_steps(p, a.done, a.outcome != QVFIO_OK && a.done < p->n_steps));
	r->err = a.err;
	if (a.outcome == QVFIO_OK) {
		note_changed(p, r);
		tell_after(st, p, r);
	}
	return end(r, a.outcome);
}

static int keep_lock(struct qwriter *w, int lock, struct qvfio_result *r)
{
	int err = qwriter_keep_lock(w, lock);

	if (err)
		qerr_sys(&r->err, -err, "the process that writes to sysfs");
	return err;
}

/* Were questions asked, which may have taken any time to be answered? */
static bool asked(const struct qvfio_opts *o, const struct qplan *p)
{
	return o->ask && !(o->flags & (QVFIO_F_YES | QVFIO_F_DRY_RUN)) && qplan_count(p, QSEV_ASK);
}

/* Look again at what the host uses, and plan anew: somebody may have mounted a disk meanwhile. */
static bool refused_by_now(struct qvfio_state *st, struct qwriter *w, plan_fn *plan,
			   const struct qplan_req *req, struct qplan *p, struct qvfio_result *r)
{
	size_t i;

	for (i = 0; i < p->n_targets; i++)
		if (p->targets[i].bind)
			qgather_host_use(st, qstate_find(st, p->targets[i].addr), w);
	qplan_free(p);
	plan(st, req, p);
	qjson_add(r->doc, "findings", qreport_findings(p));
	return refused(p, r);
}

static enum qvfio_outcome plan_and_act(const char *dir, int lock, struct qwriter *w,
				       struct qvfio_state *st, plan_fn *plan,
				       const char *const *addrs, size_t n,
				       const struct qvfio_opts *o, struct qvfio_result *r)
{
	const struct qplan_req req = {
		.addrs = addrs,
		.n = n,
		.flags = o->flags,
		.take = o->take_in_use,
		.n_take = o->n_take_in_use,
	};
	enum qvfio_outcome outcome;
	struct qplan p;

	plan(st, &req, &p);
	qjson_add(r->doc, "half_done", qreport_half_done(st));
	qjson_add(r->doc, "findings", qreport_findings(&p));
	if (refused(&p, r) || !consent(o, &p, r) ||
	    (asked(o, &p) && refused_by_now(st, w, plan, &req, &p, r)))
		outcome = end(r, QVFIO_REFUSED);
	else if (o->flags & QVFIO_F_DRY_RUN || (!p.n_steps && !st->half.found))
		outcome = end(r, QVFIO_OK);
	else if (keep_lock(w, lock, r))
		outcome = end(r, QVFIO_FAILED);
	else
		outcome = act(dir, w, st, &p, o, r);
	if (!qjson_get(r->doc, "steps"))
		qjson_add(r->doc, "steps", qreport_steps(&p, 0, false));
	qplan_free(&p);
	return outcome;
}

/* Needs root, and no other run beside it; a dry run needs neither. */
static int enter(const char *dir, const struct qvfio_opts *o, struct qvfio_result *r, int *lock)
{
	*lock = -1;
	if (o->flags & QVFIO_F_DRY_RUN)
		return 0;
	if (geteuid())
		return qerr_set(&r->err, EPERM, "this needs root (--dry-run does not)");
	*lock = qjournal_lock(dir, o->lock_wait_ms, &r->err);
	return *lock < 0 ? *lock : 0;
}

static enum qvfio_outcome run(const char *operation, plan_fn *plan, const char *const *addrs,
			      size_t n, const struct qvfio_opts *o, struct qvfio_result *r)
{
	const char *dir = qjournal_dir(o->state_dir);
	unsigned int look = QGATHER_ALL | QGATHER_PATIENT;
	enum qvfio_outcome outcome;
	struct qvfio_state st;
	struct qwriter w;
	int lock;

	begin(r, operation, o);
	if (enter(dir, o, r, &lock))
		return end(r, QVFIO_REFUSED);
	qwriter_init(&w);
	if (plan == qplan_bind)
		look |= QGATHER_HOST_USE;
	if (qgather(dir, look, o->flags & QVFIO_F_ALL_GPUS ? NULL : addrs, n, &w, &st, &r->err)) {
		outcome = end(r, QVFIO_REFUSED);
	} else {
		outcome = plan_and_act(dir, lock, &w, &st, plan, addrs, n, o, r);
		qstate_free(&st);
	}
	qwriter_end(&w);
	if (lock >= 0)
		close(lock);
	return outcome;
}

enum qvfio_outcome qvfio_bind(const char *const *addrs, size_t n, const struct qvfio_opts *o,
			      struct qvfio_result *r)
{
	return run("bind", qplan_bind, addrs, n, o, r);
}

enum qvfio_outcome qvfio_unbind(const char *const *addrs, size_t n, const struct qvfio_opts *o,
				struct qvfio_result *r)
{
	return run("unbind", qplan_unbind, addrs, n, o, r);
}

/* Binds one persisted GPU, if it is still what it was. Adds to @r what came of it. */
static enum qvfio_outcome restore_one(const struct qpersist *b, const struct qvfio_opts *o,
				      struct qvfio_result *r)
{
	struct json_object *list = qjson_get(r->doc, "bindings"), *entry;
	const char *const addrs[] = { b->addr };
	struct qvfio_opts one = *o;
	const char **take;
	struct qvfio_result got;
	struct qvfio_state st;
	char *why = NULL;
	size_t i;

	if (qgather(qjournal_dir(o->state_dir), 0, NULL, 0, NULL, &st, &r->err))
		return QVFIO_REFUSED;
	why = qpersist_mismatch(&st, b);
	qstate_free(&st);
	if (why) {
		char *text = qmem_printf("%s: not bound: %s", b->addr, why);

		append(&r->err, ENODEV, text,
		       "bind it by hand with --persist, or forget it: qwamos-vfio "
		       "unbind");
		entry = qjson_push(list, qjson_obj());
		qjson_add_str(entry, "address", b->addr);
		qjson_add_str(entry, "outcome", "refused");
		qjson_add_str(entry, "error", text);
		free(text);
		free(why);
		return QVFIO_REFUSED;
	}
	one.flags |= QVFIO_F_YES | (b->allow_console ? QVFIO_F_ALLOW_CONSOLE : 0);
	one.flags &= ~(QVFIO_F_PERSIST | QVFIO_F_ALL_GPUS);
	/* Named when the binding was persisted; by now the host may use less. */
	one.flags |= QVFIO_F_TAKE_IF_USED;
	take = qmem_calloc(b->n_take, sizeof(*take));
	for (i = 0; i < b->n_take; i++)
		take[i] = b->take[i];
	one.take_in_use = take;
	one.n_take_in_use = b->n_take;
	qvfio_bind(addrs, 1, &one, &got);
	free(take);
	if (got.outcome != QVFIO_OK)
		append_lines(&r->err, got.err.err, got.err.msg);
	for (i = 0; i < got.n_changed; i++)
		memcpy(*QMEM_GROW(r->changed, r->n_changed), got.changed[i], QVFIO_ADDR_LEN);
	qjson_add_str(got.doc, "address", b->addr);
	qjson_push(list, json_object_get(got.doc));
	qvfio_result_free(&got);
	return got.outcome;
}

enum qvfio_outcome qvfio_restore(const char *addr, const struct qvfio_opts *o,
				 struct qvfio_result *r)
{
	enum qvfio_outcome worst = QVFIO_OK, one;
	char full[QPCI_ADDR_LEN] = "";
	struct qpersist *list;
	size_t i, n;

	begin(r, "restore", o);
	qjson_add(r->doc, "bindings", qjson_arr());
	if (addr && !qpci_parse_addr(addr, full)) {
		qerr_set(&r->err, EINVAL, "'%s' is no PCI address (0000:01:00.0 or 01:00.0)", addr);
		return end(r, QVFIO_REFUSED);
	}
	if (qpersist_load(qjournal_dir(o->state_dir), &list, &n, &r->err))
		return end(r, QVFIO_REFUSED);
	for (i = 0; i < n; i++) {
		if (addr && strcmp(list[i].addr, full))
			continue;
		one = restore_one(&list[i], o, r);
		if (one > worst)
			worst = one;
	}
	qpersist_free(list, n);
	return end(r, worst);
}

enum qvfio_outcome qvfio_release(const char *addr, const struct qvfio_opts *o,
				 struct qvfio_result *r)
{
	const struct qvfio_dev *d = NULL;
	char full[QPCI_ADDR_LEN];
	struct qvfio_state st;
	__u32 reason = QWAMOS_GPU_REASON_NONE;
	int ctl, err;

	begin(r, "release", o);
	qjson_add_str(r->doc, "address", addr);
	if (!qpci_parse_addr(addr, full)) {
		qerr_set(&r->err, EINVAL, "'%s' is no PCI address (0000:01:00.0 or 01:00.0)", addr);
		return end(r, QVFIO_REFUSED);
	}
	if (qgather(qjournal_dir(o->state_dir), 0, NULL, 0, NULL, &st, &r->err))
		return end(r, QVFIO_REFUSED);
	d = qstate_find(&st, full);
	if (!st.module_loaded)
		qerr_set(&r->err, ENODEV, "%s",
			 st.module_error[0]
				 ? st.module_error
				 : "module qwamos_gpu is not loaded, so it keeps no device back");
	else if (!d || !d->kernel_known)
		qerr_set(&r->err, ENODEV, "%s: %s", full,
			 libqg_reason_text(QWAMOS_GPU_REASON_NO_DEVICE));
	if (!r->err.err && !(o->flags & QVFIO_F_DRY_RUN)) {
		ctl = libqg_open();
		err = ctl < 0 ? ctl : libqg_dev_clear_quarantine(ctl, d->kernel.device_id, &reason);
		if (ctl >= 0)
			close(ctl);
		if (err && reason)
			qerr_set(&r->err, -err, "%s: %s", full, libqg_reason_text(reason));
		else if (err)
			qerr_sys(&r->err, -err, "%s: release", full);
		qjson_add_str(r->doc, "reason", reason ? libqg_reason_name(reason) : NULL);
	}
	qstate_free(&st);
	return end(r, r->err.err ? QVFIO_REFUSED : QVFIO_OK);
}

void qvfio_result_free(struct qvfio_result *r)
{
	json_object_put(r->doc);
	free(r->changed);
	r->doc = NULL;
	r->changed = NULL;
	r->n_changed = 0;
}

int qvfio_list(const struct qvfio_opts *o, struct json_object **doc, struct qerr *e)
{
	struct qvfio_state st;
	int err;

	*doc = NULL;
	err = qgather(qjournal_dir(o->state_dir), QGATHER_FIRMWARE, NULL, 0, NULL, &st, e);
	if (err)
		return err;
	*doc = qjson_obj();
	qreport_host(&st, *doc);
	qjson_add(*doc, "half_done", qreport_half_done(&st));
	qjson_add(*doc, "devices", qreport_devices(&st, NULL, o->flags & QVFIO_F_NAMES));
	qstate_free(&st);
	return 0;
}

static struct json_object *persisted(const char *dir, const struct qvfio_state *st)
{
	struct json_object *list = qjson_arr(), *o;
	struct qpersist *b;
	size_t i, n;
	char *why;

	if (qpersist_load(dir, &b, &n, NULL))
		return list;
	for (i = 0; i < n; i++) {
		o = qjson_push(list, qjson_obj());
		qjson_add_str(o, "address", b[i].addr);
		qjson_add_str(o, "ids", b[i].ids);
		qjson_add_str_or_null(o, "driver_before", b[i].driver);
		why = qpersist_mismatch(st, &b[i]);
		qjson_add_str(o, "problem", why);
		free(why);
	}
	qpersist_free(b, n);
	return list;
}

int qvfio_status(const char *addr, const struct qvfio_opts *o, struct json_object **doc,
		 struct qerr *e)
{
	const char *dir = qjournal_dir(o->state_dir);
	char full[QPCI_ADDR_LEN];
	struct qvfio_state st;
	struct qwriter w;
	int err;

	*doc = NULL;
	qwriter_init(&w);
	err = qgather(dir, QGATHER_ALL, NULL, 0, &w, &st, e);
	qwriter_end(&w);
	if (err)
		return err;
	if (addr && qpci_parse_addr(addr, full))
		addr = full;
	if (addr && !qstate_find(&st, addr) && !qplat_find(&st.platform, addr)) {
		qstate_free(&st);
		return qerr_set(
			e, ENODEV,
			"%s: there is no such GPU, nor is it near one: qwamos-vfio list shows "
			"what is there",
			addr);
	}
	*doc = qjson_obj();
	qreport_host(&st, *doc);
	qjson_add(*doc, "half_done", qreport_half_done(&st));
	qjson_add_str_or_null(*doc, "records_error", st.records_error);
	qjson_add(*doc, "persisted", persisted(dir, &st));
	qjson_add(*doc, "devices", qreport_devices(&st, addr, o->flags & QVFIO_F_NAMES));
	qstate_free(&st);
	return 0;
}
