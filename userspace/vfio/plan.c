// SPDX-License-Identifier: GPL-2.0-only
/* Plans: from what stands there to steps. Pure; what is in the way is in plan_find.c. */
#include "vfio/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

static void add_step(struct qplan *p, enum qstep_kind kind, const char *addr, const char *value,
		     bool mend)
{
	struct qstep *s = QMEM_GROW(p->steps, p->n_steps);

	s->kind = kind;
	s->mend = mend;
	snprintf(s->addr, sizeof(s->addr), "%s", addr);
	snprintf(s->value, sizeof(s->value), "%s", value);
}

const struct qtarget *qplan_target(const struct qplan *p, const char *addr)
{
	size_t i;

	for (i = 0; i < p->n_targets; i++)
		if (!strcmp(p->targets[i].addr, addr))
			return &p->targets[i];
	return NULL;
}

/*
 * What a device is given back to. A record is the truth; without one it is what the device has now,
 * except that our own mark is nobody's original.
 */
static void original(const struct qvfio_dev *d, struct qvfio_record *orig)
{
	if (d->record.known) {
		*orig = d->record;
		return;
	}
	memset(orig, 0, sizeof(*orig));
	if (!qstate_ours(d) && strcmp(d->pci.override, QVFIO_DRIVER)) {
		orig->known = true;
		snprintf(orig->driver, sizeof(orig->driver), "%s", d->pci.driver);
		snprintf(orig->override, sizeof(orig->override), "%s", d->pci.override);
	}
}

static struct qtarget *add_target(struct qplan *p, const struct qvfio_dev *d, bool bind, bool mend,
				  const char *taken_for)
{
	struct qtarget *t;

	t = QMEM_GROW(p->targets, p->n_targets);
	memcpy(t->addr, d->pci.addr, sizeof(t->addr));
	original(d, &t->orig);
	if (bind)
		snprintf(t->orig.taken_for, sizeof(t->orig.taken_for), "%s", taken_for);
	t->bind = bind;
	t->mend = mend;
	t->was_ours = qstate_ours(d);
	return t;
}

static void bind_target(const struct qvfio_state *st, const struct qplan_req *req,
			const struct qvfio_dev *d, const struct qvfio_dev *asked, struct qplan *p)
{
	struct qtarget *t;

	qplan_check_bind(st, d, asked, req, p);
	t = add_target(p, d, true, false, d == asked ? "" : asked->pci.addr);
	t->take = qplan_takes(req, d);
}

/* Is the device where its target wants it, so that no step is needed? */
static bool settled(const struct qvfio_dev *d, const struct qtarget *t)
{
	if (t->bind)
		return qstate_ours(d);
	return t->orig.known && !strcmp(d->pci.driver, t->orig.driver) &&
	       !strcmp(d->pci.override, t->orig.override);
}

static void bind_steps(const struct qvfio_state *st, unsigned int flags, struct qplan *p)
{
	const struct qvfio_dev *d;
	size_t i;

	/* All are taken off before the first is put on: a group becomes ours as a whole. */
	for (i = 0; i < p->n_targets; i++) {
		d = qstate_find(st, p->targets[i].addr);
		/* Also what is on our driver, but not reserved for it: an unbind was broken off. */
		if (p->targets[i].bind && strcmp(d->pci.override, QVFIO_DRIVER))
			add_step(p, QSTEP_OVERRIDE, d->pci.addr, QVFIO_DRIVER, false);
	}
	for (i = 0; i < p->n_targets; i++) {
		d = qstate_find(st, p->targets[i].addr);
		if (p->targets[i].bind && !settled(d, &p->targets[i]) && d->pci.driver[0])
			add_step(p, QSTEP_UNBIND, d->pci.addr, d->pci.driver, false);
	}
	for (i = 0; i < p->n_targets; i++) {
		d = qstate_find(st, p->targets[i].addr);
		if (p->targets[i].bind && !settled(d, &p->targets[i]))
			add_step(p, QSTEP_PROBE, d->pci.addr, QVFIO_DRIVER, false);
	}
	for (i = 0; i < p->n_targets && !(flags & QVFIO_F_NO_WAIT); i++) {
		d = qstate_find(st, p->targets[i].addr);
		if (p->targets[i].bind && !settled(d, &p->targets[i]))
			add_step(p, QSTEP_WAIT, d->pci.addr, "", false);
	}
}

/*
 * The next target after @i that is to be given back, those of a broken-off run (@mend) or the
 * others; NULL: no more.
 */
static const struct qtarget *next_back(const struct qvfio_state *st, const struct qplan *p,
				       bool mend, size_t *i)
{
	const struct qtarget *t;

	while (*i < p->n_targets) {
		t = &p->targets[(*i)++];
		if (!t->bind && t->mend == mend && !settled(qstate_find(st, t->addr), t))
			return t;
	}
	return NULL;
}

static void give_back_steps(const struct qvfio_state *st, unsigned int flags, bool mend,
			    struct qplan *p)
{
	const struct qvfio_dev *d;
	const struct qtarget *t;
	size_t i;

	for (i = 0; (t = next_back(st, p, mend, &i));) {
		d = qstate_find(st, t->addr);
		if (d->kernel_known && d->kernel.state == QWAMOS_GPU_DEV_STATE_RESETTING)
			add_step(p, QSTEP_WAIT, t->addr, "", mend);
	}
	for (i = 0; (t = next_back(st, p, mend, &i));) {
		d = qstate_find(st, t->addr);
		if (strcmp(d->pci.override, t->orig.override))
			add_step(p, QSTEP_OVERRIDE, t->addr, t->orig.override, mend);
	}
	for (i = 0; (t = next_back(st, p, mend, &i));) {
		d = qstate_find(st, t->addr);
		if (d->pci.driver[0] && (!t->orig.known || strcmp(d->pci.driver, t->orig.driver)))
			add_step(p, QSTEP_UNBIND, t->addr, d->pci.driver, mend);
	}
	for (i = 0; (t = next_back(st, p, mend, &i));) {
		d = qstate_find(st, t->addr);
		/* It had no driver before: none shall come now. */
		if (t->orig.known && !t->orig.driver[0])
			continue;
		if (t->orig.known && !strcmp(d->pci.driver, t->orig.driver))
			continue;
		if (!t->orig.known || !d->driver_there)
			add_step(p, QSTEP_LOAD_NATIVE, t->addr, t->orig.driver, mend);
		add_step(p, QSTEP_PROBE, t->addr,
			 flags & QVFIO_F_NO_DRIVER_OK ? "" : t->orig.driver, mend);
	}
}

/* What a broken-off run has touched, and this one does not bind, is given back. */
static void mend_targets(const struct qvfio_state *st, struct qplan *p)
{
	size_t i;

	for (i = 0; i < st->n; i++) {
		if (!st->devs[i].half_done || qplan_target(p, st->devs[i].pci.addr))
			continue;
		qplan_check_stuck(&st->devs[i], p);
		add_target(p, &st->devs[i], false, true, "");
	}
}

static void module_steps(const struct qvfio_state *st, struct qplan *p)
{
	bool needed = false;
	size_t i;

	for (i = 0; i < p->n_targets; i++)
		needed |= p->targets[i].bind && !p->targets[i].was_ours;
	for (i = 0; needed && i < QMODULE_COUNT; i++)
		if (st->modules[i] != QMODULE_LOADED)
			add_step(p, QSTEP_LOAD, "", qmodule_name(i), false);
}

void qplan_bind(const struct qvfio_state *st, const struct qplan_req *req, struct qplan *p)
{
	const struct qvfio_dev *d;
	size_t i, j;

	memset(p, 0, sizeof(*p));
	p->bind = true;
	qplan_resolve(st, req, p);
	/*
	 * Those that were asked for come first, so that none of them is taken as another's
	 * companion.
	 */
	for (i = 0; i < p->n_asked; i++) {
		d = qstate_find(st, p->asked[i]);
		bind_target(st, req, d, d, p);
	}
	for (i = 0; i < p->n_asked; i++) {
		d = qstate_find(st, p->asked[i]);
		for (j = 0; j < st->n; j++) {
			if (st->devs[j].pci.kind == QPCI_BRIDGE ||
			    !qstate_together(d, &st->devs[j]) ||
			    qplan_target(p, st->devs[j].pci.addr))
				continue;
			bind_target(st, req, &st->devs[j], d, p);
		}
	}
	qplan_check_take(st, req, p);
	mend_targets(st, p);
	if (qplan_count(p, QSEV_REFUSE))
		return;
	give_back_steps(st, req->flags, true, p);
	module_steps(st, p);
	bind_steps(st, req->flags, p);
	for (i = 0; i < p->n_asked && req->flags & QVFIO_F_PERSIST; i++)
		add_step(p, QSTEP_PERSIST, p->asked[i], "", false);
}

/*
 * Does unbinding @gpu take @d along? Companions that were taken for it; without a record, those in
 * its slot.
 */
static bool goes_with(const struct qvfio_dev *d, const struct qvfio_dev *gpu)
{
	if (d == gpu || !qstate_ours(d))
		return false;
	if (d->record.known)
		return !strcmp(d->record.taken_for, gpu->pci.addr);
	return d->pci.kind == QPCI_OTHER && qpci_same_slot(d->pci.addr, gpu->pci.addr);
}

void qplan_unbind(const struct qvfio_state *st, const struct qplan_req *req, struct qplan *p)
{
	const struct qvfio_dev *d;
	size_t i, j;

	memset(p, 0, sizeof(*p));
	qplan_resolve(st, req, p);
	for (i = 0; i < p->n_asked; i++) {
		d = qstate_find(st, p->asked[i]);
		qplan_check_unbind(st, d, p);
		if (!qplan_target(p, d->pci.addr) &&
		    (qstate_ours(d) || d->half_done || !strcmp(d->pci.override, QVFIO_DRIVER)))
			add_target(p, d, false, false, "");
		for (j = 0; j < st->n; j++) {
			if (!goes_with(&st->devs[j], d) || qplan_target(p, st->devs[j].pci.addr))
				continue;
			qplan_check_unbind(st, &st->devs[j], p);
			add_target(p, &st->devs[j], false, false, "");
		}
	}
	mend_targets(st, p);
	if (qplan_count(p, QSEV_REFUSE))
		return;
	/* First what outlives a power cut: from here on the device is the host's again. */
	for (i = 0; i < p->n_asked && !(req->flags & QVFIO_F_KEEP_PERSIST); i++)
		if (qstate_find(st, p->asked[i])->persisted)
			add_step(p, QSTEP_FORGET, p->asked[i], "", false);
	for (i = 0; i < p->n_lost; i++)
		add_step(p, QSTEP_FORGET, p->lost[i], "", false);
	give_back_steps(st, req->flags, true, p);
	give_back_steps(st, req->flags, false, p);
}

void qplan_free(struct qplan *p)
{
	size_t i;

	for (i = 0; i < p->n_findings; i++) {
		free(p->findings[i].text);
		free(p->findings[i].remedy);
	}
	free(p->findings);
	free(p->steps);
	free(p->targets);
	free(p->asked);
	free(p->lost);
	memset(p, 0, sizeof(*p));
}

char *qstep_text(const struct qstep *s)
{
	switch (s->kind) {
	case QSTEP_LOAD:
		return qmem_printf("load module %s", s->value);
	case QSTEP_OVERRIDE:
		return s->value[0] ? qmem_printf("%s: reserve for driver %s", s->addr, s->value)
				   : qmem_printf("%s: reserve for no driver any more", s->addr);
	case QSTEP_UNBIND:
		return qmem_printf("%s: take off driver %s", s->addr, s->value);
	case QSTEP_PROBE:
		return s->value[0] ? qmem_printf("%s: put on driver %s", s->addr, s->value)
				   : qmem_printf("%s: put on the driver that claims it", s->addr);
	case QSTEP_LOAD_NATIVE:
		return s->value[0] ? qmem_printf("%s: load the module of %s", s->addr, s->value)
				   : qmem_printf("%s: load the module that claims it", s->addr);
	case QSTEP_WAIT:
		return qmem_printf("%s: wait until the kernel has reset and scrubbed it", s->addr);
	case QSTEP_PERSIST:
		return qmem_printf("%s: bind again at each boot", s->addr);
	case QSTEP_FORGET:
		return qmem_printf("%s: no longer bind at boot", s->addr);
	}
	return qmem_strdup("nothing");
}

const char *qsev_name(enum qsev sev)
{
	static const char *const names[] = {
		[QSEV_REFUSE] = "refusal",
		[QSEV_ASK] = "question",
		[QSEV_WARN] = "warning",
		[QSEV_NOTE] = "note",
	};

	return names[sev];
}
