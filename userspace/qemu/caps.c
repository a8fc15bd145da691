// SPDX-License-Identifier: GPL-2.0-only
#include "qemu/caps.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/file.h"
#include "util/json.h"
#include "util/mem.h"

/* Raised when what is recorded changes. */
#define SCHEMA 1

static const char *const arrays[] = { "machines", "cpus",    "devices",
				      "objects",  "options", "displays" };

static bool holds(const struct json_object *list, const char *name)
{
	size_t i;

	for (i = 0; i < qjson_len(list); i++) {
		struct json_object *one = qjson_at(list, i);

		if (json_object_is_type(one, json_type_string) &&
		    !strcmp(json_object_get_string(one), name))
			return true;
	}
	return false;
}

bool qemu_caps_has(const struct qemu_caps *caps, const char *kind, const char *name)
{
	return holds(qjson_get(caps->doc, kind), name);
}

bool qemu_caps_prop(const struct qemu_caps *caps, const char *device, const char *prop)
{
	return qemu_caps_has(caps, "devices", device) &&
	       holds(qjson_get(qjson_get(caps->doc, "properties"), device), prop);
}

const char *qemu_caps_text(const struct qemu_caps *caps, const char *key)
{
	const char *text = qjson_get_str(caps->doc, key);

	return text ? text : "";
}

bool qemu_caps_kvm(const struct qemu_caps *caps)
{
	return qjson_get_bool(caps->doc, "kvm", false);
}

void qemu_caps_free(struct qemu_caps *caps)
{
	json_object_put(caps->doc);
	caps->doc = NULL;
}

int qemu_caps_read(const char *file, struct qemu_caps *caps, struct qerr *e)
{
	const char *lacks = NULL;
	size_t i;
	int ret;

	caps->doc = NULL;
	ret = qjson_read_file(file, &caps->doc, e);
	if (ret)
		return ret;
	if (qjson_get_int(caps->doc, "schema", 0) != SCHEMA)
		lacks = "schema";
	if (!qjson_get_str(caps->doc, "arch"))
		lacks = "arch";
	for (i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		if (!json_object_is_type(qjson_get(caps->doc, arrays[i]), json_type_array))
			lacks = arrays[i];
	if (!lacks)
		return 0;
	qemu_caps_free(caps);
	return qerr_set(e, EBADMSG, "%s: no set of what a QEMU has: '%s' is missing or wrong", file,
			lacks);
}

int qemu_find(const char *program, char **path)
{
	const char *dirs = getenv("PATH"), *end;

	*path = NULL;
	if (strchr(program, '/')) {
		*path = realpath(program, NULL);
		return *path ? 0 : -errno;
	}
	for (; dirs && *dirs; dirs = *end ? end + 1 : end) {
		char *try;

		end = dirs + strcspn(dirs, ":");
		try = qmem_printf("%.*s/%s", (int)(end - dirs), dirs, program);
		if (!access(try, X_OK))
			*path = realpath(try, NULL);
		free(try);
		if (*path)
			return 0;
	}
	return -ENOENT;
}

#if defined(__x86_64__)
#define ARCH "x86_64"
#elif defined(__aarch64__)
#define ARCH "aarch64"
#else
#error "where does QEMU have its modules?"
#endif

/* Where a QEMU of this architecture has its modules, on one system or another. */
static const char *const module_dirs[] = {
	"/usr/lib/qemu",
	"/usr/lib64/qemu",
	"/usr/lib/" ARCH "-linux-gnu/qemu",
	"/usr/lib/" ARCH "-linux-musl/qemu",
};

/*
 * What tells this binary from another, and from itself with other modules beside it: a package may
 * bring devices as modules only. Looked at by name: to find such folders in /usr/lib, all of that
 * would have to be read at each start.
 */
static int identity(const char *path, char **id)
{
	struct stat st, dir;
	char *more;
	size_t i;

	if (stat(path, &st))
		return -errno;
	*id = qmem_printf("%" PRIu64 ":%" PRIu64 " %lld %lld.%09ld %lld.%09ld", (uint64_t)st.st_dev,
			  (uint64_t)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
			  st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	for (i = 0; i < sizeof(module_dirs) / sizeof(module_dirs[0]); i++) {
		if (stat(module_dirs[i], &dir))
			continue;
		more = qmem_printf("%s %lld.%09ld", *id, (long long)dir.st_mtim.tv_sec,
				   dir.st_mtim.tv_nsec);
		free(*id);
		*id = more;
	}
	return 0;
}

/* The cache's file for this binary, NULL: there is no place for one. */
static char *cache_file(const char *path)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME"), *p;
	uint64_t hash = 0xcbf29ce484222325;
	char *dir, *file = NULL;

	if (xdg && xdg[0] == '/')
		dir = qmem_printf("%s/qwamos-gpu/qemu", xdg);
	else if (!geteuid())
		dir = qmem_strdup("/var/cache/qwamos-gpu/qemu");
	else if (home && home[0] == '/')
		dir = qmem_printf("%s/.cache/qwamos-gpu/qemu", home);
	else
		return NULL;
	for (p = path; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 0x100000001b3;
	if (!qfile_mkdirs(dir, 0755))
		file = qmem_printf("%s/%016" PRIx64 ".json", dir, hash);
	free(dir);
	return file;
}

/* Only a file of one's own is believed: what stands in it decides what is run. */
static bool cached(const char *file, const char *path, const char *id, struct qemu_caps *caps)
{
	const char *for_id, *for_path;
	struct stat st;

	if (lstat(file, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_mode & 022 || qemu_caps_read(file, caps, NULL))
		return false;
	for_id = qemu_caps_text(caps, "identity");
	for_path = qemu_caps_text(caps, "program");
	if (!strcmp(for_id, id) && !strcmp(for_path, path))
		return true;
	qemu_caps_free(caps);
	return false;
}

int qemu_caps_get(const char *program, struct qemu_caps *caps, struct qerr *e)
{
	char *path, *id, *file;
	int ret;

	caps->doc = NULL;
	ret = qemu_find(program, &path);
	if (ret == -ENOENT)
		return qerr_set(e, ENOENT, "%s is not installed%s", program,
				strchr(program, '/') ? "" : ", or not on PATH");
	if (ret)
		return qerr_sys(e, -ret, "%s", program);
	ret = identity(path, &id);
	if (ret) {
		free(path);
		return qerr_sys(e, -ret, "%s", program);
	}
	file = cache_file(path);
	if (!file || !cached(file, path, id, caps)) {
		ret = qemu_caps_ask(path, caps, e);
		if (!ret) {
			qjson_add_int(caps->doc, "schema", SCHEMA);
			qjson_add_str(caps->doc, "program", path);
			qjson_add_str(caps->doc, "identity", id);
			if (file)
				qjson_replace_file(file, caps->doc, 0644);
		}
	}
	free(file);
	free(id);
	free(path);
	return ret;
}
