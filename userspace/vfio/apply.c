// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/apply.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/libqwamos-gpu.h"
#include "util/mem.h"
#include "vfio/journal.h"
#include "vfio/modules.h"
#include "vfio/persist.h"
#include "vfio/sysfs.h"
#include "vfio/writer.h"

/* The kernel's reset and scrub are over by then, or something is wrong; in ms. */
#define WAIT_MS 60000

struct run {
	const char *dir;
	const struct qvfio_state *st;
	const struct qplan *p;
	bool allow_console;
	struct qwriter *w;
	struct qjournal j;
	char **before; /* for each step that writes a persisted binding: what was there */
};

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static bool interrupted(void)
{
	sigset_t pending;

	return !sigpending(&pending) &&
	       (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
		sigismember(&pending, SIGHUP));
}

/* The signals that undid the run have had their effect. */
static void forget_signals(const sigset_t *set)
{
	const struct timespec none = { 0 };

	while (sigtimedwait(set, NULL, &none) > 0)
		;
}

/*
 * Is the kernel at work on the device? An error, or a device that has gone, is no reason to wait
 * on.
 */
static bool resetting(int ctl, const char *addr)
{
	struct qwamos_gpu_dev *devs;
	bool is = false;
	size_t i, n;

	if (libqg_dev_list(ctl, &devs, &n, NULL))
		return false;
	for (i = 0; i < n; i++)
		if (!strcmp(devs[i].bus_name, addr))
			is = devs[i].state == QWAMOS_GPU_DEV_STATE_RESETTING;
	free(devs);
	return is;
}

/* poll() says when anything has changed since the last list. */
static int wait_reset(const char *addr, struct qerr *e)
{
	struct pollfd p = { .events = POLLIN };
	long long end = now_ms() + WAIT_MS;
	int err = 0;

	p.fd = libqg_open();
	if (p.fd < 0)
		return qerr_sys(e, -p.fd, "%s", QWAMOS_GPU_DEVICE);
	while (resetting(p.fd, addr)) {
		if (interrupted()) {
			err = qerr_set(e, EINTR, "%s: interrupted", addr);
			break;
		}
		if (now_ms() >= end) {
			err = qerr_set(e, ETIMEDOUT,
				       "%s: the kernel is still resetting and scrubbing it "
				       "after %d s",
				       addr, WAIT_MS / 1000);
			break;
		}
		poll(&p, 1, 200);
	}
	close(p.fd);
	return err;
}

static int do_step(struct run *r, const struct qstep *s, struct qerr *e)
{
	switch (s->kind) {
	case QSTEP_LOAD:
		return qmodule_load(s->value, e);
	case QSTEP_OVERRIDE:
		return qsysfs_override(r->w, s->addr, s->value, e);
	case QSTEP_UNBIND:
		return qsysfs_unbind(r->w, s->addr, s->value, e);
	case QSTEP_PROBE:
		return qsysfs_probe(r->w, s->addr, s->value, e);
	case QSTEP_LOAD_NATIVE:
		/* Whether the driver is there then, the probe after it tells. */
		qmodule_load_for(s->addr, NULL);
		return 0;
	case QSTEP_WAIT:
		return wait_reset(s->addr, e);
	case QSTEP_PERSIST:
		r->before[s - r->p->steps] = qpersist_read(r->dir, s->addr);
		return qpersist_save(r->dir, r->st, r->p, s->addr, r->allow_console, e);
	case QSTEP_FORGET:
		r->before[s - r->p->steps] = qpersist_read(r->dir, s->addr);
		return qpersist_forget(r->dir, s->addr, e);
	}
	return 0;
}

/* Was one of the first @n steps about the device? */
static bool touched(const struct qplan *p, size_t n, const char *addr)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(p->steps[i].addr, addr) && p->steps[i].kind != QSTEP_WAIT)
			return true;
	return false;
}

static int undo_disk(struct run *r, size_t n, struct qerr *e)
{
	const struct qstep *s;
	int err = 0;

	while (n--) {
		s = &r->p->steps[n];
		if (s->kind != QSTEP_PERSIST && s->kind != QSTEP_FORGET)
			continue;
		if (r->before[n])
			err = qpersist_write(r->dir, s->addr, r->before[n], e);
		else if (s->kind == QSTEP_PERSIST)
			err = qpersist_forget(r->dir, s->addr, e);
		if (err)
			return err;
	}
	return 0;
}

/*
 * Puts every device that the first @n steps touched where it was, the last first. Steps that mended
 * something stay: what they undid was no state that anybody wanted. The device that the kernel has
 * not come back from (@stuck, or NULL) is left alone: each further write to it would wait as well.
 */
static int undo(struct run *r, size_t n, const char *stuck, struct qerr *e)
{
	const struct qtarget *t;
	struct qerr one;
	int err = 0, err1;
	size_t i = r->p->n_targets;

	qerr_clear(e);
	while (i--) {
		t = &r->p->targets[i];
		if (t->mend || !touched(r->p, n, t->addr))
			continue;
		if (stuck && !strcmp(stuck, t->addr))
			err1 = qerr_set(&one, ETIMEDOUT, "%s: the kernel still waits", t->addr);
		else if (t->was_ours)
			err1 = qsysfs_put(r->w, t->addr, QVFIO_DRIVER, QVFIO_DRIVER, &one);
		else
			err1 = qsysfs_put(r->w, t->addr, t->orig.driver, t->orig.override, &one);
		if (err1 && !err) {
			err = err1;
			*e = one;
		}
	}
	err1 = undo_disk(r, n, &one);
	if (err1 && !err) {
		err = err1;
		*e = one;
	}
	return err;
}

static void failed(struct run *r, size_t n, const struct qerr *why, struct qapply *a)
{
	char *text = n ? qstep_text(&r->p->steps[n - 1]) : NULL;
	const char *hint = "", *stuck = NULL;
	struct qerr back;

	if (n && why->err == ETIMEDOUT && r->p->steps[n - 1].kind != QSTEP_WAIT)
		stuck = r->p->steps[n - 1].addr;
	a->outcome = undo(r, n, stuck, &back) ? QVFIO_BROKEN : QVFIO_FAILED;
	if (n && r->p->steps[n - 1].kind == QSTEP_PROBE && !r->p->bind)
		hint = " (--no-driver-ok leaves it without a driver)";
	if (a->outcome == QVFIO_FAILED)
		qerr_set(&a->err, why->err,
			 "step %zu of %zu failed (%s): %s%s. All is as it was before", n,
			 r->p->n_steps, text ? text : "", why->msg, hint);
	else
		qerr_set(
			&a->err, why->err,
			"step %zu of %zu failed (%s): %s%s. It could not all be put "
			"back: %s. qwamos-vfio status tells where things stand; the next bind or unbind "
			"goes on from there",
			n, r->p->n_steps, text ? text : "", why->msg, hint, back.msg);
	free(text);
}

static void walk(struct run *r, struct qapply *a)
{
	struct qerr e;
	size_t i;
	int err;

	for (i = 0; i < r->p->n_steps; i++) {
		err = qjournal_step(&r->j, i, &e);
		if (!err && interrupted())
			err = qerr_set(&e, EINTR, "interrupted");
		if (!err)
			err = do_step(r, &r->p->steps[i], &e);
		if (err) {
			failed(r, i + 1, &e, a);
			return;
		}
		a->done++;
	}
}

void qapply(const char *dir, struct qwriter *w, const struct qvfio_state *st, const struct qplan *p,
	    bool allow_console, struct qapply *a)
{
	struct run r = { .dir = dir, .w = w, .st = st, .p = p, .allow_console = allow_console };
	sigset_t hold, old;
	struct qerr e;
	size_t i;

	memset(a, 0, sizeof(*a));
	sigemptyset(&hold);
	sigaddset(&hold, SIGINT);
	sigaddset(&hold, SIGTERM);
	sigaddset(&hold, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &hold, &old);
	r.before = qmem_calloc(p->n_steps, sizeof(*r.before));
	if (qjournal_begin(&r.j, dir, st, p, &e)) {
		a->outcome = QVFIO_FAILED;
		qerr_set(&a->err, e.err, "%s. Nothing was touched", e.msg);
		goto out;
	}
	walk(&r, a);
	if (a->outcome == QVFIO_BROKEN) {
		qjournal_leave(&r.j);
	} else if (qjournal_end(&r.j, st, p, a->outcome == QVFIO_OK, &e)) {
		/* The devices are as they should be; only the disk does not know it. */
		qerr_set(&a->err, e.err,
			 "%s%s%s: the journal could not be ended, and status will show this run "
			 "as half done",
			 a->err.msg, a->err.msg[0] ? ". " : "", e.msg);
		a->outcome = QVFIO_BROKEN;
	}
out:
	if (a->err.err == EINTR)
		forget_signals(&hold);
	for (i = 0; i < p->n_steps; i++)
		free(r.before[i]);
	free(r.before);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}
