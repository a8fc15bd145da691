// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-gpu audit --follow */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/audit_text.h"
#include "cmd/qwamos-gpu-audit.h"
#include "cmd/qwamos-gpu.h"

/* What is printed, and how far it has come. */
struct follow {
	const struct qaudit_want *want;
	bool json;
	uint64_t last;
	int err;
};

static void print(void *arg, const struct qwamos_gpu_audit_record *r)
{
	struct follow *f = arg;
	char text[512];

	if (r->order <= f->last)
		return;
	f->last = r->order;
	if (f->err || !qaudit_wanted(f->want, r))
		return;
	if (f->json) {
		f->err = qaudit_write_record(stdout, r);
	} else {
		audit_line(r, text, sizeof(text));
		if (puts(text) == EOF)
			f->err = -errno;
	}
}

static int catch_up(int ctl, struct follow *f, uint64_t *lost, struct qerr *e)
{
	const struct qaudit_want all = { 0 };
	uint64_t now = *lost;
	int err;

	err = qaudit_read_after(ctl, &all, f->last, print, f, &now, e);
	if (err)
		return err;
	if (now > *lost)
		fprintf(stderr, "qwamos-gpu: %llu records are gone: there was no room for them\n",
			(unsigned long long)(now - *lost));
	*lost = now;
	if (!f->err && fflush(stdout))
		f->err = -errno;
	return f->err ? qerr_sys(e, -f->err, "can't write") : 0;
}

int gpu_audit_follow(int ctl, const struct qaudit_want *w, bool json, uint64_t last, uint64_t lost)
{
	const struct timespec second = { .tv_sec = 1 };
	struct follow f = { .want = w, .json = json, .last = last };
	struct qerr e = { 0 };

	while (!catch_up(ctl, &f, &lost, &e))
		nanosleep(&second, NULL);
	return cmd_fail("%s", e.msg);
}
