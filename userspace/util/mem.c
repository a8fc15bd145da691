// SPDX-License-Identifier: LGPL-2.1-or-later
#include "util/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void out_of_memory(void)
{
	static const char msg[] = "out of memory\n";
	ssize_t n = write(STDERR_FILENO, msg, sizeof(msg) - 1);

	(void)n;
	_exit(QMEM_EXIT);
}

void *qmem_check(void *p)
{
	if (!p)
		out_of_memory();
	return p;
}

void *qmem_calloc(size_t n, size_t size)
{
	return qmem_check(calloc(n ? n : 1, size ? size : 1));
}

void *qmem_realloc(void *p, size_t n, size_t size)
{
	return qmem_check(reallocarray(p, n ? n : 1, size ? size : 1));
}

char *qmem_strdup(const char *s)
{
	return s ? qmem_check(strdup(s)) : NULL;
}

char *qmem_printf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return qmem_check(s);
}

void *qmem_grow(void *array, size_t n, size_t size)
{
	if (!(n & (n - 1)))
		array = qmem_realloc(array, n ? 2 * n : 1, size);
	memset((char *)array + n * size, 0, size);
	return array;
}
