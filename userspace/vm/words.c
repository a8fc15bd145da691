// SPDX-License-Identifier: GPL-2.0-only
#include "vm/words.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

void qvm_words_paths(const char *word, void (*fn)(void *arg, const char *path), void *arg)
{
	const char *p = word;
	size_t len;
	char *part;

	while (p && *p) {
		/* A path may have a "=" in it, but options are separated by ",". */
		len = strcspn(p, ",");
		part = qmem_calloc(1, len + 1);
		memcpy(part, p, len);
		if (len)
			fn(arg, part);
		free(part);
		p = strpbrk(p + (*p == '/' ? len : 0), "=,");
		p = p ? p + 1 : NULL;
	}
}
