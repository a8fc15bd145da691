/* SPDX-License-Identifier: GPL-2.0-only */
/* Carrying a plan out, or walking back. */
#ifndef QWAMOS_VFIO_APPLY_H
#define QWAMOS_VFIO_APPLY_H

#include "util/err.h"
#include "vfio/plan.h"
#include "vfio/state.h"
#include "vfio/writer.h"

/**
 * struct qapply - what became of a plan
 * @outcome: &enum qvfio_outcome
 * @done: steps that were carried out
 * @err: the step that failed, and where things stand
 */
struct qapply {
	enum qvfio_outcome outcome;
	size_t done;
	struct qerr err;
};

/**
 * qapply() - carry out a plan without refusals
 * @dir: state directory
 * @w: makes the writes; keeps the run's lock
 * @st: the machine as the plan was made from it
 * @p: the plan
 * @allow_console: QVFIO_F_ALLOW_CONSOLE was given; kept with persisted bindings
 * @a: out
 *
 * SIGINT, SIGTERM and SIGHUP are held back, and undo the run as a failed step does. Each write to
 * sysfs has a deadline.
 */
void qapply(const char *dir, struct qwriter *w, const struct qvfio_state *st, const struct qplan *p,
	    bool allow_console, struct qapply *a);

#endif
