/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading the audit log, and asking whether something stands in it. */
#ifndef QT_AUDIT_H
#define QT_AUDIT_H

#include <linux/qwamos_gpu.h>

/** qt_audit_read() - records with an order above @after, oldest first; return: how many, at most
 * @max, or -errno */
int qt_audit_read(int fd, __u64 after, struct qwamos_gpu_audit_record *recs, unsigned int max);
/** qt_audit_chain() - the newest records of one chain; return: how many, or -errno */
int qt_audit_chain(int fd, __u64 chain, struct qwamos_gpu_audit_record *recs, unsigned int max);
/** qt_audit_mark() - the highest order so far; return: it, 0 if there is no record, or all ones on
 * failure */
__u64 qt_audit_mark(int ctl);

/**
 * struct qt_audit_want - a record to look for; what is 0 or NULL does not matter
 * @chain: a VM's id, or QT_HOST
 * @result: a negative errno, or QT_DONE
 */
struct qt_audit_want {
	__u32 event;
	__u32 reason;
	__s32 result;
	__u32 operation;
	__u32 pid;
	__u64 chain;
	__u64 asked;
	const char *device;
};

#define QT_HOST ~0ULL
#define QT_DONE 1

#define QT_WANT(ev, ...) (&(struct qt_audit_want){ .event = (ev), ##__VA_ARGS__ })

/**
 * qt_audit_find() - look for a record among those after @mark
 * @ctl: control fd
 * @mark: from qt_audit_mark()
 * @want: what to look for
 * @rec: out: the first that matches, may be NULL
 *
 * Return: how many events match (folded ones counted), or -errno; if none does, the records after
 * @mark are told on stderr.
 */
long qt_audit_find(int ctl, __u64 mark, const struct qt_audit_want *want,
		   struct qwamos_gpu_audit_record *rec);
/** qt_audit_wait() - the same, waiting for one for @ms at most */
long qt_audit_wait(int ctl, __u64 mark, const struct qt_audit_want *want,
		   struct qwamos_gpu_audit_record *rec, int ms);

#endif
