/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much of something may be spent: so much in each second, and what has not been spent is saved
 * up to a limit. What is spent before it is there is a debt, which is paid off first.
 */
#ifndef QWAMOS_VM_BUDGET_H
#define QWAMOS_VM_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct qbudget - one, of any unit
 * @rate: units per second
 * @burst: most units that are saved up
 * @left: units that may be spent; below 0: a debt; above @burst: lent, and not earned again
 * @at: when @left was right, in ns
 */
struct qbudget {
	int64_t rate;
	int64_t burst;
	int64_t left;
	int64_t at;
};

/**
 * qbudget_init() - a full one
 * @b: out
 * @rate: units per second, at least 1
 * @burst: most units that are saved up, at least 1
 * @now: time in ns, of a clock that does not go back
 */
void qbudget_init(struct qbudget *b, int64_t rate, int64_t burst, int64_t now);

/** qbudget_open() - may something be spent at @now, in ns? */
bool qbudget_open(struct qbudget *b, int64_t now);

/** qbudget_spend() - take @amount units off; more than there are make a debt */
void qbudget_spend(struct qbudget *b, int64_t amount);

/** qbudget_wait() - ns from @now until something may be spent, 0: now */
int64_t qbudget_wait(struct qbudget *b, int64_t now);

#endif
