// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints the table of calls for tools/calls/record: NAME ERRNO ARG/MASK/VALUE... [# SOURCE],
 * ERRNO being 0 for a call that passes, be it at a program's beginning alone, and -1 for one that
 * does nothing and returns 0.
 */
#include <inttypes.h>
#include <stdio.h>

#include "sandbox/calls.h"

int main(void)
{
	size_t i, j;

	for (i = 0; i < qsandbox_n_calls; i++) {
		const struct qsandbox_call *c = &qsandbox_calls[i];

		printf("%s %d", c->name, c->err);
		for (j = 0; j < QSANDBOX_COMPARES; j++)
			if (c->compare[j].mask)
				printf(" %u/%#" PRIx64 "/%#" PRIx64, c->compare[j].arg,
				       c->compare[j].mask, c->compare[j].value);
		if (c->source)
			printf(" # %s", c->source);
		putchar('\n');
	}
	return 0;
}
