// SPDX-License-Identifier: GPL-2.0-only
#include "lazy/lazy.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/term.h"

void *qlazy_find(const char *soname, const char *name)
{
	/* Never closed: one handle for all calls. */
	void *lib = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

	return lib ? dlsym(lib, name) : NULL;
}

void *qlazy_need(const char *soname, const char *name)
{
	void *found = qlazy_find(soname, name);

	if (found)
		return found;
	qterm_fprintf(stderr, "%s: %s has no %s: is it installed in full?\n",
		      program_invocation_short_name, soname, name);
	exit(127);
}
