// SPDX-License-Identifier: GPL-2.0-only
#include "helper/probe.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util/json.h"
#include "util/mem.h"
#include "util/term.h"

#define REPORT 3

/* Far above what sound drivers take: a bound for those that take all there is. */
#define MAX_MEMORY (4ULL << 30)
#define MAX_FILE   (256ULL << 20)
#define MAX_CPU_S  600

static void limit(int what, rlim_t value)
{
	struct rlimit r;

	if (getrlimit(what, &r))
		return;
	if (r.rlim_max > value)
		r.rlim_max = value;
	r.rlim_cur = r.rlim_max < value ? r.rlim_max : value;
	setrlimit(what, &r);
}

int probe_begin(void)
{
	if (fcntl(REPORT, F_GETFD) < 0) {
		qterm_fprintf(stderr,
			      "this is a helper of qwamos-gpu detect, which reads fd 3 of it\n");
		return 2;
	}
	fcntl(REPORT, F_SETFD, FD_CLOEXEC);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_DATA, MAX_MEMORY);
	limit(RLIMIT_FSIZE, MAX_FILE);
	limit(RLIMIT_CPU, MAX_CPU_S);
	/* A look leaves nothing behind, and shows no window. */
	setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
	setenv("MESA_GLSL_CACHE_DISABLE", "true", 1);
	unsetenv("DISPLAY");
	unsetenv("WAYLAND_DISPLAY");
	return 0;
}

static void say(struct json_object *line)
{
	const char *text =
		qmem_check((void *)json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN));

	if (dprintf(REPORT, "%s\n", text) < 0)
		_exit(1);
	json_object_put(line);
}

void probe_tell(const char *key, struct json_object *value)
{
	struct json_object *line = qjson_obj();

	qjson_add(line, key, value);
	say(line);
}

void probe_stage(const char *stage)
{
	struct json_object *line = qjson_obj();

	qjson_add_str(line, "stage", stage);
	say(line);
}

void probe_state(const char *state, const char *fmt, ...)
{
	struct json_object *line = qjson_obj();
	va_list ap;
	char *why;

	va_start(ap, fmt);
	if (vasprintf(&why, fmt, ap) < 0)
		why = NULL;
	va_end(ap);
	qjson_add_str(line, "state", state);
	qjson_add_str(line, "why", qmem_check(why));
	free(why);
	say(line);
}

void probe_end(void)
{
	struct json_object *line = qjson_obj();

	qjson_add_bool(line, "done", true);
	say(line);
	_exit(0);
}

void *probe_open(const char *const *names)
{
	const char *name, *error;
	void *lib;
	size_t i;

	probe_stage("loading the library");
	for (i = 0; (name = names[i]); i++) {
		lib = dlopen(name, RTLD_NOW | RTLD_LOCAL);
		if (lib)
			return lib;
		error = dlerror();
		/* Another name at its beginning: it is there, and needs what is not. */
		if (strncmp(error, name, strlen(name)) || !strstr(error, "No such file")) {
			probe_state("not_loadable", "%s", error);
			return NULL;
		}
	}
	probe_state("absent", "there is no %s", names[0]);
	return NULL;
}
