// SPDX-License-Identifier: GPL-2.0-only
#include "detect/detect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "detect/source.h"
#include "util/file.h"
#include "util/json.h"
#include "util/mem.h"

/* Devices first, then what is known of them. */
static const struct qdetect_source *const sources[] = {
	&qdetect_pci,	  &qdetect_platform, &qdetect_drm, &qdetect_iommu,
	&qdetect_android, &qdetect_vulkan,   &qdetect_egl,
};

#define N_SOURCES (sizeof(sources) / sizeof(sources[0]))

void qdetect_note(struct qdetect *d, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	qjson_push_str(d->notes, qmem_check(s));
	free(s);
}

struct json_object *qdetect_gpu(const struct qdetect *d, const char *name)
{
	const char *other;
	size_t i;

	for (i = 0; i < qjson_len(d->gpus); i++) {
		other = qjson_get_str(qjson_at(d->gpus, i), "name");
		if (other && !strcmp(other, name))
			return qjson_at(d->gpus, i);
	}
	return NULL;
}

struct json_object *qdetect_new_gpu(struct qdetect *d, const char *name, const char *bus)
{
	static const char *const keys[] = {
		"vendor",	 "vendor_name",	   "device_name",   "vendor_id",
		"device_id",	 "class",	   "compatible",    "emulated",
		"driver",	 "boot_vga",	   "console",	    "firmware_framebuffer",
		"drm",		 "vram_bytes",	   "compute_units", "max_texture_2d",
		"vulkan",	 "gles",	   "companions",    "iommu_group",
		"group_members", "iommu_domain",   "behind_iommu",  "reset_methods",
		"sriov",	 "recommendation",
	};
	struct json_object *gpu = qjson_push(d->gpus, qjson_obj());
	size_t i;

	qjson_add_str(gpu, "name", name);
	qjson_add_str(gpu, "bus", bus);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		qjson_add(gpu, keys[i], NULL);
	return gpu;
}

void qdetect_set_str(struct json_object *gpu, const char *key, const char *value)
{
	if (value && *value)
		qjson_add_str(gpu, key, value);
}

void qdetect_figure(struct json_object *gpu, const char *key, int64_t value, const char *source)
{
	struct json_object *o;

	if (value < 1 || qjson_get(gpu, key))
		return;
	o = qjson_add(gpu, key, qjson_obj());
	qjson_add_int(o, "value", value);
	qjson_add_str(o, "source", source);
}

static char *vpath(const struct qdetect *d, const char *fmt, va_list ap)
{
	char *tail, *path;

	if (vasprintf(&tail, fmt, ap) < 0)
		tail = NULL;
	path = qmem_printf("%s/%s", d->root, (char *)qmem_check(tail));
	free(tail);
	return path;
}

char *qdetect_path(const struct qdetect *d, const char *fmt, ...)
{
	va_list ap;
	char *path;

	va_start(ap, fmt);
	path = vpath(d, fmt, ap);
	va_end(ap);
	return path;
}

ssize_t qdetect_read(const struct qdetect *d, char *buf, size_t len, const char *fmt, ...)
{
	va_list ap;
	char *path;
	ssize_t n;

	va_start(ap, fmt);
	path = vpath(d, fmt, ap);
	va_end(ap);
	n = qfile_read(AT_FDCWD, path, buf, len);
	free(path);
	return n;
}

int qdetect_read_ll(const struct qdetect *d, long long *value, const char *fmt, ...)
{
	va_list ap;
	char *path;
	int err;

	va_start(ap, fmt);
	path = vpath(d, fmt, ap);
	va_end(ap);
	err = qfile_read_ll(AT_FDCWD, path, value);
	free(path);
	return err;
}

bool qdetect_exists(const struct qdetect *d, const char *fmt, ...)
{
	va_list ap;
	char *path;
	bool there;

	va_start(ap, fmt);
	path = vpath(d, fmt, ap);
	va_end(ap);
	there = qfile_exists(AT_FDCWD, path);
	free(path);
	return there;
}

bool qdetect_link(const struct qdetect *d, char *buf, size_t len, const char *fmt, ...)
{
	va_list ap;
	char *path;
	int err;

	va_start(ap, fmt);
	path = vpath(d, fmt, ap);
	va_end(ap);
	err = qfile_link_name(AT_FDCWD, path, buf, len);
	free(path);
	return !err;
}

static int by_name(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

char **qdetect_names(const struct qdetect *d, size_t *n, const char *fmt, ...)
{
	char **names = NULL, *path;
	struct dirent *de;
	va_list ap;
	DIR *dir;

	*n = 0;
	va_start(ap, fmt);
	path = vpath(d, fmt, ap);
	va_end(ap);
	dir = opendir(path);
	free(path);
	while (dir && (de = readdir(dir)))
		if (de->d_name[0] != '.')
			*QMEM_GROW(names, *n) = qmem_strdup(de->d_name);
	if (dir)
		closedir(dir);
	if (*n)
		qsort(names, *n, sizeof(*names), by_name);
	return names;
}

void qdetect_free_names(char **names, size_t n)
{
	while (n)
		free(names[--n]);
	free(names);
}

static void add_host(struct qdetect *d)
{
	struct json_object *host = qjson_add(d->doc, "host", qjson_obj());
	char text[256];

	qdetect_read(d, text, sizeof(text), "proc/sys/kernel/osrelease");
	qjson_add_str_or_null(host, "kernel", text);
	qdetect_read(d, text, sizeof(text), "sys/firmware/devicetree/base/model");
	if (!*text)
		qdetect_read(d, text, sizeof(text), "sys/class/dmi/id/product_name");
	qjson_add_str_or_null(host, "model", text);
	qjson_add_bool(host, "module_loaded", qdetect_exists(d, "sys/module/qwamos_gpu"));
}

/* A captured tree must have something to look at: a wrong folder is no machine without a GPU. */
static int check_root(const struct qdetect *d, struct qerr *e)
{
	struct stat st;

	if (!d->o->root)
		return 0;
	if (stat(d->o->root, &st))
		return qerr_sys(e, errno, "%s", d->o->root);
	if (!S_ISDIR(st.st_mode))
		return qerr_sys(e, ENOTDIR, "%s", d->o->root);
	if (!qfile_exists(AT_FDCWD, d->sys))
		return qerr_set(e, ENOENT,
				"%s: no captured tree: it has no folder sys (see tools/capture)",
				d->o->root);
	return 0;
}

int qdetect(const struct qdetect_opts *o, struct json_object **doc, struct qerr *e)
{
	struct qdetect d = { .o = o, .root = o->root ? o->root : "" };
	size_t i;
	int err;

	*doc = NULL;
	d.sys = qdetect_path(&d, "sys");
	d.proc = qdetect_path(&d, "proc");
	d.dev = qdetect_path(&d, "dev");
	err = check_root(&d, e);
	if (err)
		goto out;
	d.doc = qjson_obj();
	add_host(&d);
	qjson_add(d.doc, "recommendation", NULL);
	d.gpus = qjson_add(d.doc, "gpus", qjson_arr());
	qjson_add(d.doc, "vulkan", NULL);
	qjson_add(d.doc, "gles", NULL);
	d.notes = qjson_arr();
	for (i = 0; i < N_SOURCES; i++)
		if (sources[i]->begin)
			sources[i]->begin(&d);
	for (i = 0; i < N_SOURCES && !err; i++)
		err = sources[i]->gather(&d, e);
	qprobe_free(d.vulkan);
	qprobe_free(d.egl);
	if (err) {
		json_object_put(d.notes);
		json_object_put(d.doc);
		goto out;
	}
	qdetect_advise(&d);
	qjson_add(d.doc, "notes", d.notes);
	*doc = d.doc;
out:
	free(d.sys);
	free(d.proc);
	free(d.dev);
	return err;
}
