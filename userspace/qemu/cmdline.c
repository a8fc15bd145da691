// SPDX-License-Identifier: GPL-2.0-only
#include "qemu/cmdline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu/internal.h"
#include "util/file.h"
#include "util/mem.h"

/* Far more than qemu_args_build() makes. */
#define MAX_BYTES (1 << 20)

int qemu_cmdline_read(pid_t pid, struct qemu_args *a)
{
	char path[64], *text, *word;
	ssize_t len;

	memset(a, 0, sizeof(*a));
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	len = qfile_read_all(AT_FDCWD, path, MAX_BYTES, &text);
	if (len <= 0)
		return len ? len : -ESRCH;
	for (word = text; word < text + len; word += strlen(word) + 1)
		qemu_add(a, qmem_strdup(word));
	free(text);
	return 0;
}

const char *qemu_cmdline_value(const struct qemu_args *a, const char *option)
{
	size_t i;

	for (i = 0; i + 1 < a->n; i++)
		if (!strcmp(a->v[i], option))
			return a->v[i + 1];
	return NULL;
}

const char *qemu_cmdline_device(const struct qemu_args *a, const char *model)
{
	size_t i, len = strlen(model);

	for (i = 0; i + 1 < a->n; i++)
		if (!strcmp(a->v[i], "-device") && !strncmp(a->v[i + 1], model, len) &&
		    (!a->v[i + 1][len] || a->v[i + 1][len] == ','))
			return a->v[i + 1];
	return NULL;
}

char *qemu_cmdline_property(const char *value, const char *property)
{
	size_t len = strlen(property);
	const char *p = value;
	char *out, *to;

	/* A comma that is written twice is part of a value. */
	while ((p = strchr(p, ','))) {
		if (p[1] == ',') {
			p += 2;
			continue;
		}
		p++;
		if (!strncmp(p, property, len) && p[len] == '=')
			break;
	}
	if (!p)
		return NULL;
	out = to = qmem_calloc(1, strlen(p) + 1);
	for (p += len + 1; *p && (*p != ',' || p[1] == ','); p++) {
		*to++ = *p;
		if (*p == ',')
			p++;
	}
	return out;
}
