// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/exports.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/file.h"
#include "util/mem.h"

#define CONFIGFS "/sys/kernel/config/"

/* How long an exported file may take to be looked at, in ms. */
#define LOOK_MS 2000

/**
 * struct export_kind - one way to export a device
 * @target: who exports
 * @module: the kernel's module of it
 * @top: its folder in configfs
 * @folders: its exports, a pattern of folders below @top; with its last slash it finds no files
 * @name_at: which component of such a folder's path is its name, counted from @top, 0
 * @enable: the attribute that is 1 while it is exported; NULL: it is as long as it has a file
 * @file: the attribute that tells the file
 * @before: what stands before the file in that attribute, and
 * @after: what follows it; NULL: nothing
 */
static const struct export_kind {
	const char *target, *module, *top, *folders;
	unsigned int name_at;
	const char *enable, *file, *before, *after;
} kinds[] = {
	{ "NVMe", "nvmet", "nvmet", "/subsystems/*/namespaces/*/", 2, "enable", "device_path", NULL,
	  NULL },
	{ "NVMe", "nvmet", "nvmet", "/subsystems/*/passthru/", 2, "enable", "device_path", NULL,
	  NULL },
	/* Its other backstores claim what they export. */
	{ "LIO", "target_core_mod", "target", "/core/fileio_*/*/", 3, "enable", "info",
	  "File: ", "  Size: " },
	{ "USB", "libcomposite", "usb_gadget", "/*/functions/mass_storage.*/lun.*/", 1, NULL,
	  "file", NULL, NULL },
};

static bool is_enabled(const struct export_kind *k, const char *folder)
{
	long long on;
	char *path;
	int err;

	if (!k->enable)
		return true;
	path = qmem_printf("%s%s", folder, k->enable);
	err = qfile_read_ll(AT_FDCWD, path, &on);
	free(path);
	/* What can't be read may be exported, unless it has just gone. */
	return err ? err != -ENOENT : on;
}

/* Read which file is exported, "" if none is; return: whether that could be read */
static bool read_file(const struct export_kind *k, const char *folder, char *buf, size_t len)
{
	char *path = qmem_printf("%s%s", folder, k->file), *start, *end;
	ssize_t n = qfile_read(AT_FDCWD, path, buf, len);

	free(path);
	if (n > 0 && k->before) {
		start = strstr(buf, k->before);
		if (!start)
			return false;
		start += strlen(k->before);
		end = strstr(start, k->after);
		if (end)
			*end = '\0';
		memmove(buf, start, strlen(start) + 1);
	}
	return n >= 0;
}

static void name_of(const struct export_kind *k, const char *folder, char *buf, size_t len)
{
	const char *at = folder + strlen(CONFIGFS);
	unsigned int i;

	for (i = 0; i < k->name_at; i++)
		at = strchr(at, '/') + 1;
	snprintf(buf, len, "%.*s", (int)strcspn(at, "/"), at);
}

/*
 * What is not in /dev may be a file on a dead server, so the writer looks at it. A path that does
 * not begin at the root, or leads to nothing here, was one of whoever set up the export.
 */
static void add_export(const struct export_kind *k, const char *folder, struct qexports *x,
		       struct qwriter *w)
{
	struct qexport *e;
	char file[4096];
	bool told;

	if (!is_enabled(k, folder))
		return;
	told = read_file(k, folder, file, sizeof(file));
	if (told && !file[0])
		return;
	e = QMEM_GROW(x->list, x->n);
	memset(e, 0, sizeof(*e));
	e->target = k->target;
	name_of(k, folder, e->name, sizeof(e->name));
	e->known = told && file[0] == '/' && !qwriter_look(w, file, &e->st, LOOK_MS);
}

/* Is there no folder of a target in configfs, though its module is loaded? */
static bool is_unseen(const struct export_kind *k)
{
	char *top = qmem_printf(CONFIGFS "%s", k->top);
	char *module = qmem_printf("/sys/module/%s", k->module);
	bool is = !qfile_exists(AT_FDCWD, top) && qfile_exists(AT_FDCWD, module);

	free(top);
	free(module);
	return is;
}

void qexports_gather(struct qexports *x, struct qwriter *w)
{
	const struct export_kind *k;
	char *pattern;
	glob_t found;
	size_t i;

	memset(x, 0, sizeof(*x));
	QMEM_EACH(k, kinds, sizeof(kinds) / sizeof(kinds[0])) {
		if (is_unseen(k))
			x->unseen = k->target;
		pattern = qmem_printf(CONFIGFS "%s%s", k->top, k->folders);
		if (!glob(pattern, GLOB_NOSORT, NULL, &found)) {
			for (i = 0; i < found.gl_pathc; i++)
				add_export(k, found.gl_pathv[i], x, w);
			globfree(&found);
		}
		free(pattern);
	}
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	if ((a->st_mode ^ b->st_mode) & S_IFMT)
		return false;
	if (S_ISBLK(a->st_mode) || S_ISCHR(a->st_mode))
		return a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

enum qdisk_claim qexports_find(const struct qexports *x, const struct stat *st, char *buf,
			       size_t len)
{
	const struct qexport *e;

	buf[0] = '\0';
	QMEM_EACH(e, x->list, x->n) {
		if (!e->known || !is_same(&e->st, st))
			continue;
		snprintf(buf, len, "exported by %s as %s", e->target, e->name);
		return QDISK_CLAIMED;
	}
	if (!S_ISBLK(st->st_mode))
		return QDISK_FREE;
	QMEM_EACH(e, x->list, x->n) {
		if (e->known)
			continue;
		snprintf(buf, len, "which file %s exports as %s can't be told", e->target, e->name);
		return QDISK_UNKNOWN;
	}
	if (!x->unseen)
		return QDISK_FREE;
	snprintf(buf, len, "what %s exports is not seen without configfs on /sys/kernel/config",
		 x->unseen);
	return QDISK_UNKNOWN;
}

void qexports_free(struct qexports *x)
{
	free(x->list);
	memset(x, 0, sizeof(*x));
}
