// SPDX-License-Identifier: GPL-2.0-only
#include "vm/budget.h"

#define SECOND 1000000000LL
/* A longer pause than that fills any budget; so its product with the rate can't overflow. */
#define LONGEST (3600 * SECOND)

void qbudget_init(struct qbudget *b, int64_t rate, int64_t burst, int64_t now)
{
	b->rate = rate;
	b->burst = burst;
	b->left = burst;
	b->at = now;
}

static int64_t units(const struct qbudget *b, int64_t ns)
{
	return ns / SECOND * b->rate + ns % SECOND * b->rate / SECOND;
}

bool qbudget_open(struct qbudget *b, int64_t now)
{
	int64_t passed = now - b->at, earned;

	if (passed > LONGEST) {
		if (b->left < b->burst)
			b->left = b->burst;
		b->at = now;
	}
	earned = passed > LONGEST ? 0 : units(b, passed);
	/* Time that has not come to a whole unit yet is kept. */
	if (earned > 0) {
		if (b->left < b->burst)
			b->left = earned > b->burst - b->left ? b->burst : b->left + earned;
		b->at = now;
	}
	return b->left > 0;
}

void qbudget_spend(struct qbudget *b, int64_t amount)
{
	b->left -= amount;
}

int64_t qbudget_wait(struct qbudget *b, int64_t now)
{
	int64_t lack;

	if (qbudget_open(b, now))
		return 0;
	lack = 1 - b->left;
	/* Rounded up, so that it has come by then. */
	return lack / b->rate * SECOND + (lack % b->rate * SECOND + b->rate - 1) / b->rate -
	       (now - b->at);
}
