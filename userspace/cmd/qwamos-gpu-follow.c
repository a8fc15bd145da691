// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu audit --follow */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "cmd/audit_text.h"
#include "cmd/qwamos-gpu-audit.h"
#include "cmd/qwamos-gpu.h"
#include "lib/libqwamos-gpu.h"
#include "util/term.h"

/* How often the log is read where the kernel does not say that there is something, in ms. */
#define ASK_MS 1000

/* What is printed, and how far it has come. */
struct follow {
	const struct qaudit_want *want;
	bool json;
	uint64_t last;
	uint64_t missed;
	int err;
};

/* Orders have no gaps but where records were evicted before they were read. */
static void print(void *arg, const struct qwamos_gpu_audit_record *r)
{
	struct follow *f = arg;
	char text[512];

	if (r->order <= f->last)
		return;
	f->missed += r->order - f->last - 1;
	f->last = r->order;
	if (f->err || !qaudit_wanted(f->want, r))
		return;
	if (f->json) {
		f->err = qaudit_write_record(stdout, r);
	} else {
		audit_line(r, text, sizeof(text));
		qterm_printf("%s\n", text);
		if (ferror(stdout))
			f->err = -(errno ? errno : EIO);
	}
}

static int catch_up(int ctl, struct follow *f, struct qerr *e)
{
	const struct qaudit_want all = { 0 };
	int err = qaudit_read_after(ctl, &all, f->last, print, f, NULL, e);

	if (f->missed)
		qterm_fprintf(
			stderr,
			"qwamos-gpu: %llu records are gone: there was no room for them until they were read\n",
			(unsigned long long)f->missed);
	f->missed = 0;
	return err;
}

/* Messages carry the records themselves; the log is read only if some are missing. */
static int take_events(int ctl, struct follow *f, struct libqg_events *events, struct qerr *e)
{
	struct libqg_event ev;
	int ret, err = 0;

	while (!err && (ret = libqg_events_read(events, &ev))) {
		if (ret < 0 && ret != -ENOBUFS)
			return qerr_sys(e, -ret, "the kernel can't be listened to");
		if (ret < 0 || ev.record.order > f->last + 1)
			err = catch_up(ctl, f, e);
		else
			print(f, &ev.record);
	}
	return err;
}

int gpu_audit_follow(int ctl, const struct qaudit_want *w, bool json, uint64_t last)
{
	struct follow f = { .want = w, .json = json, .last = last };
	struct libqg_events *events;
	struct pollfd poll_fd = { .fd = -1, .events = POLLIN };
	struct qerr e = { 0 };
	int err;

	/* Where there are no messages (another network namespace) there still is the log. */
	if (!libqg_events_open(LIBQG_EVENTS_AUDIT, &events))
		poll_fd.fd = libqg_events_fd(events);
	err = catch_up(ctl, &f, &e);
	while (!err) {
		if (fflush(stdout) && !f.err)
			f.err = -errno;
		if (f.err) {
			err = qerr_sys(&e, -f.err, "can't write");
			break;
		}
		if (poll(&poll_fd, 1, events ? -1 : ASK_MS) < 0 && errno != EINTR)
			err = qerr_sys(&e, errno, "poll");
		else if (events)
			err = take_events(ctl, &f, events, &e);
		else
			err = catch_up(ctl, &f, &e);
	}
	libqg_events_close(events);
	return cmd_fail("%s", e.msg);
}
