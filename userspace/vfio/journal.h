/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is kept on disk of binding:
 *
 * - journal/run: the run at work: what it changes, what that was before, and how far it is. Removed
 *   at its end: one that is there and not locked was broken off
 * - journal/ADDRESS.json: what a device that we bound in this boot had before
 * - persist/ADDRESS.json: a binding that is made again at each boot
 * - lock: held by the run at work
 *
 * The run is on the disk before its first step. Its progress is only appended: after a kill the
 * appended lines are there, and after a power cut they do not matter, for then the kernel has
 * forgotten all that the steps did.
 */
#ifndef QWAMOS_VFIO_JOURNAL_H
#define QWAMOS_VFIO_JOURNAL_H

#include <stdbool.h>

#include "util/err.h"
#include "vfio/plan.h"
#include "vfio/state.h"

/** qjournal_dir() - the state directory: @given, or $QWAMOS_STATE_DIR, or QVFIO_STATE_DIR */
const char *qjournal_dir(const char *given);

/**
 * qjournal_lock() - make the state directory if need be, and lock it; return: fd as of
 * qfile_lock(), or a negative errno
 */
int qjournal_lock(const char *dir, unsigned int wait_ms, struct qerr *e);

/**
 * struct qjournal - a run's journal
 * @dir: state directory
 * @boot: this boot's id
 * @fd: journal/run, for appending; -1: none
 */
struct qjournal {
	const char *dir;
	char boot[37];
	int fd;
};

/**
 * qjournal_begin() - write a plan down, for good, before its first step; return: 0 or a negative
 * errno
 */
int qjournal_begin(struct qjournal *j, const char *dir, const struct qvfio_state *st,
		   const struct qplan *p, struct qerr *e);

/** qjournal_step() - step @i (from 0) begins; return: 0 or a negative errno */
int qjournal_step(struct qjournal *j, size_t i, struct qerr *e);

/**
 * qjournal_end() - the run is over, and nothing is half done
 * @j: the journal
 * @st: the machine as it was before the run, with the records of that time
 * @p: the plan
 * @done: it was carried out; otherwise it was undone
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno
 */
int qjournal_end(struct qjournal *j, const struct qvfio_state *st, const struct qplan *p, bool done,
		 struct qerr *e);

/** qjournal_leave() - close the journal and let it stand: something is half done */
void qjournal_leave(struct qjournal *j);

/** qjournal_found() - is there a run, at work or broken off? */
bool qjournal_found(const char *dir);

/**
 * qjournal_load() - put records and a broken-off run into @st, whose devices have been gathered
 * @dir: state directory
 * @st: the machine; records, half and half_done of devices are set
 */
void qjournal_load(const char *dir, struct qvfio_state *st);

#endif
