// SPDX-License-Identifier: GPL-2.0-only
/* Calls that a sandbox is refused: answered at a bounded rate, and counted. */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/seccomp.h>

#include "sandbox/calls.h"

/* What one answer takes of the budget. */
#define ONE	   1000U
#define BUDGET_MAX (QSANDBOX_REFUSED_BURST * ONE)

static const uint32_t native =
#if defined(__x86_64__)
	SCMP_ARCH_X86_64;
#elif defined(__aarch64__)
	SCMP_ARCH_AARCH64;
#else
#error "which architecture's calls?"
#endif

void qsandbox_refused_init(struct qsandbox_refused *r, int listener)
{
	memset(r, 0, sizeof(*r));
	r->fd = listener;
	/* Where stdin is closed; 0 is for none. */
	if (!listener) {
		r->fd = fcntl(listener, F_DUPFD_CLOEXEC, 3);
		close(listener);
	}
	r->budget = BUDGET_MAX;
	r->begin = QSANDBOX_BEGIN_MOST;
}

void qsandbox_refused_begun(struct qsandbox_refused *r)
{
	r->begin = 0;
}

void qsandbox_refused_free(struct qsandbox_refused *r)
{
	if (r->fd > 0)
		close(r->fd);
	r->fd = -1;
}

static void refill(struct qsandbox_refused *r, int64_t now)
{
	int64_t more = (now - r->refilled) * QSANDBOX_REFUSED_RATE;

	if (more < 0)
		more = 0;
	r->budget = more > BUDGET_MAX - r->budget ? BUDGET_MAX : r->budget + more;
	r->refilled = now;
}

int qsandbox_refused_poll(struct qsandbox_refused *r, int64_t now, struct pollfd *p)
{
	*p = (struct pollfd){ .fd = r->fd > 0 ? r->fd : -1, .events = POLLIN };
	refill(r, now);
	if (p->fd < 0 || r->budget >= ONE)
		return -1;
	p->fd = -1;
	/* Several at a time: a wakeup costs more than an answer. */
	return 100;
}

/* Which argument of a call in the table tells its calls apart; -1: none. */
static int detail_of(const char *name, bool *listed)
{
	size_t i;

	*listed = false;
	for (i = 0; i < qsandbox_n_calls; i++) {
		if (strcmp(qsandbox_calls[i].name, name))
			continue;
		*listed = true;
		if (qsandbox_calls[i].compare[0].mask)
			return qsandbox_calls[i].compare[0].arg;
	}
	return -1;
}

/* Is it one of a program's beginning? */
static bool begins(const struct qsandbox_call *c, const struct seccomp_data *d)
{
	size_t i;

	for (i = 0; i < QSANDBOX_COMPARES; i++)
		if ((d->args[c->compare[i].arg] & c->compare[i].mask) != c->compare[i].value)
			return false;
	return c->begin;
}

/*
 * May it be made now? The kernel then reads what its pointers lead to once more, which nobody has
 * looked at: as a VM's guest does not run yet, nobody has changed it.
 */
static bool passes(const struct qsandbox_refused *r, const struct seccomp_data *d)
{
	bool found = false;
	char *name;
	size_t i;

	if (!r->begin || d->arch != native)
		return false;
	name = seccomp_syscall_resolve_num_arch(d->arch, d->nr);
	for (i = 0; i < qsandbox_n_calls && name && !found; i++)
		found = !strcmp(qsandbox_calls[i].name, name) && begins(&qsandbox_calls[i], d);
	free(name);
	return found;
}

/*
 * A call that is not in the table is one that this kernel has not: then programs do without. Of one
 * that is, the arguments are not permitted.
 */
static void judge(const struct seccomp_data *d, struct qsandbox_kind *k)
{
	char *name;
	bool listed;
	int arg;

	*k = (struct qsandbox_kind){ .call = -1, .err = ENOSYS };
	name = d->arch == native ? seccomp_syscall_resolve_num_arch(d->arch, d->nr) : NULL;
	if (name) {
		arg = detail_of(name, &listed);
		k->detail = arg < 0 ? 0 : (uint32_t)d->args[arg];
		k->err = listed ? EPERM : ENOSYS;
	}
	if (d->arch == native)
		k->call = d->nr;
	free(name);
}

/* Return: is it of a new kind? */
static bool count(struct qsandbox_refused *r, const struct qsandbox_kind *k)
{
	size_t i;

	r->total++;
	for (i = 0; i < r->n_kinds; i++) {
		if (r->kinds[i].call != k->call || r->kinds[i].detail != k->detail)
			continue;
		r->kinds[i].count++;
		return false;
	}
	if (i == QSANDBOX_REFUSED_KINDS) {
		r->more++;
		return false;
	}
	r->kinds[i] = *k;
	r->kinds[i].count = 1;
	r->n_kinds++;
	return true;
}

/* Return: 1: it was of a new kind, 0 or a negative errno. */
static int answer_one(struct qsandbox_refused *r, struct seccomp_notif *req,
		      struct seccomp_notif_resp *resp)
{
	struct qsandbox_kind k;
	bool pass;

	memset(req, 0, sizeof(*req));
	/* -ENOENT: who called was interrupted meanwhile, or has ended. */
	if (seccomp_notify_receive(r->fd, req))
		return -ENOENT;
	judge(&req->data, &k);
	pass = passes(r, &req->data);
	memset(resp, 0, sizeof(*resp));
	resp->id = req->id;
	resp->error = pass ? 0 : -k.err;
	resp->flags = pass ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
	if (seccomp_notify_respond(r->fd, resp))
		return -ENOENT;
	if (!pass)
		return count(r, &k);
	r->begin--;
	return 0;
}

size_t qsandbox_refused_answer(struct qsandbox_refused *r, const struct pollfd *p)
{
	struct pollfd again = { .fd = r->fd, .events = POLLIN };
	struct seccomp_notif_resp *resp = NULL;
	struct seccomp_notif *req = NULL;
	short events = p->revents;
	size_t n_new = 0;

	if (p->fd < 0 || !events || seccomp_notify_alloc(&req, &resp))
		return 0;
	/* Asked before each: a receive that finds nothing waits. */
	for (; (events & POLLIN) && r->budget >= ONE; r->budget -= ONE) {
		if (answer_one(r, req, resp) == 1)
			n_new++;
		events = poll(&again, 1, 0) == 1 ? again.revents : 0;
	}
	seccomp_notify_free(req, resp);
	/* The last that had the filter has ended. */
	if (events & (POLLHUP | POLLERR | POLLNVAL))
		qsandbox_refused_free(r);
	return n_new;
}

void qsandbox_kind_text(const struct qsandbox_kind *k, char text[QSANDBOX_KIND_TEXT])
{
	char *name = k->call < 0 ? NULL : seccomp_syscall_resolve_num_arch(native, k->call);
	bool listed;

	if (name && detail_of(name, &listed) >= 0)
		snprintf(text, QSANDBOX_KIND_TEXT, "%.40s(%#x)", name, k->detail);
	else if (name)
		snprintf(text, QSANDBOX_KIND_TEXT, "%.40s", name);
	else if (k->call < 0)
		snprintf(text, QSANDBOX_KIND_TEXT, "another architecture's");
	else
		snprintf(text, QSANDBOX_KIND_TEXT, "number %d", k->call);
	free(name);
}
