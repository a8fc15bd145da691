/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plans: a pure function of what stands there and what is asked for. It reads and writes nothing
 * outside its arguments, so that a dry run, a unit test and the real thing see the same.
 */
#ifndef QWAMOS_VFIO_PLAN_H
#define QWAMOS_VFIO_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "vfio/state.h"

/**
 * enum qstep_kind - what a step does
 * @QSTEP_LOAD: load module @value
 * @QSTEP_OVERRIDE: write @value ("": nothing) into driver_override
 * @QSTEP_UNBIND: take the device off driver @value
 * @QSTEP_PROBE: have drivers look at the device; it must end up on @value ("": whatever comes, or
 * none)
 * @QSTEP_LOAD_NATIVE: load the modules that claim the device, so that its own driver is there
 * @QSTEP_WAIT: wait until the kernel has reset and scrubbed the device
 * @QSTEP_PERSIST: keep the binding of the GPU across boots
 * @QSTEP_FORGET: and no longer
 */
enum qstep_kind {
	QSTEP_LOAD,
	QSTEP_OVERRIDE,
	QSTEP_UNBIND,
	QSTEP_PROBE,
	QSTEP_LOAD_NATIVE,
	QSTEP_WAIT,
	QSTEP_PERSIST,
	QSTEP_FORGET,
};

/**
 * struct qstep - one step
 * @kind: what
 * @addr: to which device, "": none
 * @value: see &enum qstep_kind
 * @mend: the step puts back what a broken-off run left
 */
struct qstep {
	enum qstep_kind kind;
	char addr[QVFIO_ADDR_LEN];
	char value[QPCI_DRIVER_LEN];
	bool mend;
};

/**
 * enum qsev - weight of a finding
 * @QSEV_REFUSE: in the way; nothing is done
 * @QSEV_ASK: needs a yes
 * @QSEV_WARN: to be known
 * @QSEV_NOTE: good to know
 */
enum qsev {
	QSEV_REFUSE,
	QSEV_ASK,
	QSEV_WARN,
	QSEV_NOTE,
};

/**
 * struct qfinding - something that a plan has to say
 * @sev: weight
 * @code: one word for programs
 * @addr: about which device, "": none
 * @text: what is the matter
 * @remedy: what to do about it, NULL: nothing
 */
struct qfinding {
	enum qsev sev;
	const char *code;
	char addr[QVFIO_ADDR_LEN];
	char *text;
	char *remedy;
};

/**
 * struct qtarget - a device that a plan changes
 * @addr: address
 * @orig: what it is given back to, and what is recorded
 * @bind: it is put on our driver, otherwise given back
 * @mend: only because a broken-off run has touched it
 * @was_ours: it was on our driver when the plan was made
 * @take: it was named as to be taken though the host uses it
 */
struct qtarget {
	char addr[QVFIO_ADDR_LEN];
	struct qvfio_record orig;
	bool bind;
	bool mend;
	bool was_ours;
	bool take;
};

/**
 * struct qplan - a plan; free with qplan_free()
 * @bind: of a bind; otherwise of an unbind
 * @steps: what to do, in this order
 * @n_steps: their number
 * @findings: what is to be said
 * @n_findings: their number
 * @targets: devices that are changed
 * @n_targets: their number
 * @asked: full addresses that were asked for (with --all-gpus: all that are meant)
 * @n_asked: their number
 * @lost: of an unbind: addresses without a device, whose bindings are persisted
 * @n_lost: their number
 * @host_checked: findings about the host as a whole have been made
 */
struct qplan {
	bool bind;
	struct qstep *steps;
	size_t n_steps;
	struct qfinding *findings;
	size_t n_findings;
	struct qtarget *targets;
	size_t n_targets;
	char (*asked)[QVFIO_ADDR_LEN];
	size_t n_asked;
	char (*lost)[QVFIO_ADDR_LEN];
	size_t n_lost;
	bool host_checked;
};

/**
 * struct qplan_req - what is asked for
 * @addrs: addresses, as typed; not looked at with QVFIO_F_ALL_GPUS
 * @n: their number
 * @flags: QVFIO_F_*
 * @take: of a bind: addresses, as typed, of devices that are taken though the host uses them
 * @n_take: their number
 */
struct qplan_req {
	const char *const *addrs;
	size_t n;
	unsigned int flags;
	const char *const *take;
	size_t n_take;
};

/**
 * qplan_bind() - plan to put devices on our driver
 * @st: the machine
 * @req: what is asked for
 * @p: out
 */
void qplan_bind(const struct qvfio_state *st, const struct qplan_req *req, struct qplan *p);

/** qplan_unbind() - plan to give devices back; as qplan_bind() */
void qplan_unbind(const struct qvfio_state *st, const struct qplan_req *req, struct qplan *p);

/** qplan_free() - free what @p points to */
void qplan_free(struct qplan *p);

/** qplan_count() - how many findings of that weight are there? */
size_t qplan_count(const struct qplan *p, enum qsev sev);

/** qplan_finding() - add a finding; @remedy may be NULL; both strings then belong to the plan */
void qplan_finding(struct qplan *p, enum qsev sev, const char *code, const char *addr, char *text,
		   char *remedy);

/** qplan_target() - the target of that address, or NULL */
const struct qtarget *qplan_target(const struct qplan *p, const char *addr);

/** qstep_text() - a step in words; free() it */
char *qstep_text(const struct qstep *s);

/** qsev_name() - "refusal", "question", "warning", "note" */
const char *qsev_name(enum qsev sev);

/*
 * For plan.c and plan_find.c only.
 */

/** qplan_resolve() - find out which devices are meant, into @p->asked, or refuse */
void qplan_resolve(const struct qvfio_state *st, const struct qplan_req *req, struct qplan *p);
/** qplan_check_bind() - findings about putting @d, which is asked for if @asked, on our driver */
void qplan_check_bind(const struct qvfio_state *st, const struct qvfio_dev *d,
		      const struct qvfio_dev *asked, const struct qplan_req *req, struct qplan *p);
/** qplan_takes() - is @d named as to be taken though the host uses it? */
bool qplan_takes(const struct qplan_req *req, const struct qvfio_dev *d);
/** qplan_check_take() - refuse what @req names as to be taken though in use, and is no such */
void qplan_check_take(const struct qvfio_state *st, const struct qplan_req *req, struct qplan *p);
/** qplan_check_stuck() - a refusal, and true, if the kernel does not come back from work on @d */
bool qplan_check_stuck(const struct qvfio_dev *d, struct qplan *p);
/** qplan_check_unbind() - findings about giving @d back */
void qplan_check_unbind(const struct qvfio_state *st, const struct qvfio_dev *d, struct qplan *p);

#endif
