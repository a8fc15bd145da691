// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/* What a DRM ioctl does: see decode.h. */
#ifdef __KERNEL__
#include <linux/nospec.h>
#include <linux/string.h>
#else
#include <string.h>
#define array_index_nospec(index, size) (index)
#endif
#include "decode.h"

static const struct qgate_table *const tables[] = { &qgate_virtio_gpu, &qgate_amdgpu };

/**
 * qgate_table() - the table of a driver
 * @driver: its name, as DRM_IOCTL_VERSION tells it
 *
 * Return: the table, or NULL.
 */
const struct qgate_table *qgate_table(const char *driver)
{
	unsigned int i;

	for (i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		if (!strcmp(tables[i]->driver, driver))
			return tables[i];
	return (void *)0;
}

/**
 * qgate_call() - the row of a call
 * @table: the table
 * @nr: its number, counted as the table's are
 *
 * Return: the row, or NULL: the call is not known.
 */
const struct qgate_call *qgate_call(const struct qgate_table *table, __u32 nr)
{
	const struct qgate_call *call;

	if (nr >= table->n)
		return (void *)0;
	call = &table->calls[array_index_nospec(nr, table->n)];
	return call->name ? call : (void *)0;
}

/**
 * qgate_decode() - what does a call do?
 * @call: its row
 * @arg: the kernel's copy of the argument, at least @call->size long
 * @what: out
 */
void qgate_decode(const struct qgate_call *call, const void *arg, struct qgate_what *what)
{
	*what = (struct qgate_what){ .op = call->op };
	if (call->look)
		call->look(arg, what);
}

/** qgate_times() - a product, or the highest number if it does not fit */
__u64 qgate_times(__u64 a, __u64 b)
{
	__u64 product;

	return __builtin_mul_overflow(a, b, &product) ? ~0ULL : product;
}
