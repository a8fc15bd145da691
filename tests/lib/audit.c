// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "call.h"
#include "lab.h"

#define MANY 4096
/* Records that a test's failure tells. */
#define TOLD 30

static int read_records(int fd, struct qwamos_gpu_audit_read *r,
			struct qwamos_gpu_audit_record *recs, unsigned int max)
{
	int ret;

	r->hdr.size = sizeof(*r);
	r->hdr.out_reason = QT_P32;
	r->records = (unsigned long)recs;
	r->record_size = sizeof(*recs);
	r->count = max;
	r->out_lost = QT_P64;
	ret = qt_call(fd, QWAMOS_GPU_AUDIT_READ, r, sizeof(*r), QT_NONE);
	return ret ? ret : (int)r->count;
}

int qt_audit_read(int fd, __u64 after, struct qwamos_gpu_audit_record *recs, unsigned int max)
{
	struct qwamos_gpu_audit_read r = { .hdr.flags = QWAMOS_GPU_AUDIT_F_AFTER, .after = after };

	return read_records(fd, &r, recs, max);
}

int qt_audit_chain(int fd, __u64 chain, struct qwamos_gpu_audit_record *recs, unsigned int max)
{
	struct qwamos_gpu_audit_read r = { .hdr.flags = QWAMOS_GPU_AUDIT_F_CHAIN, .chain = chain };

	return read_records(fd, &r, recs, max);
}

__u64 qt_audit_mark(int ctl)
{
	struct qwamos_gpu_audit_read r = { .hdr.flags = 0 };
	struct qwamos_gpu_audit_record rec;
	int n = read_records(ctl, &r, &rec, 1);

	return n < 0 ? ~0ULL : n ? rec.order : 0;
}

static bool matches(const struct qwamos_gpu_audit_record *r, const struct qt_audit_want *w)
{
	return w->event == r->event && (!w->reason || w->reason == r->reason) &&
	       (!w->result || (w->result == QT_DONE ? 0 : w->result) == r->result) &&
	       (!w->operation || w->operation == r->operation) &&
	       (!w->chain || (w->chain == QT_HOST ? 0 : w->chain) == r->chain) &&
	       (!w->pid || w->pid == r->pid) && (!w->asked || w->asked == r->asked) &&
	       (!w->device || !strcmp(w->device, r->device_name));
}

static void tell(const struct qwamos_gpu_audit_record *r)
{
	fprintf(stderr,
		"#   order %llu chain %llu event %u op %u reason %u result %d pid %u count %llu asked %llu %s\n",
		r->order, r->chain, r->event, r->operation, r->reason, r->result, r->pid, r->count,
		r->asked, r->device_name);
}

static long find(int ctl, __u64 mark, const struct qt_audit_want *want,
		 struct qwamos_gpu_audit_record *rec, bool quiet)
{
	struct qwamos_gpu_audit_record *recs = calloc(MANY, sizeof(*recs));
	long found = 0;
	int n, i;

	if (!recs)
		return -ENOMEM;
	if (want->chain)
		n = qt_audit_chain(ctl, want->chain == QT_HOST ? 0 : want->chain, recs, MANY);
	else
		n = qt_audit_read(ctl, mark, recs, MANY);
	for (i = 0; i < n; i++) {
		if (recs[i].order <= mark || !matches(&recs[i], want))
			continue;
		if (!found && rec)
			*rec = recs[i];
		found += recs[i].count;
	}
	if (!found && !quiet) {
		fprintf(stderr,
			"# no record of event %u reason %u result %d chain %lld pid %u asked %llu %s among:\n",
			want->event, want->reason, want->result, want->chain, want->pid,
			want->asked, want->device ? want->device : "");
		for (i = n > TOLD ? n - TOLD : 0; i < n; i++)
			tell(&recs[i]);
	}
	free(recs);
	return n < 0 ? n : found;
}

long qt_audit_find(int ctl, __u64 mark, const struct qt_audit_want *want,
		   struct qwamos_gpu_audit_record *rec)
{
	return find(ctl, mark, want, rec, false);
}

long qt_audit_wait(int ctl, __u64 mark, const struct qt_audit_want *want,
		   struct qwamos_gpu_audit_record *rec, int ms)
{
	long long end = qt_now_ms() + qt_patience(ms);
	long n;

	while (!(n = find(ctl, mark, want, rec, true))) {
		if (qt_now_ms() > end)
			return find(ctl, mark, want, rec, false);
		qt_sleep_ms(10);
	}
	return n;
}
