// SPDX-License-Identifier: GPL-2.0-only
#include "vm/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/file.h"
#include "util/json.h"
#include "util/mem.h"

#define SUFFIX	   ".json"
#define MAX_RECORD 65536

static const char *dir_path(void)
{
	const char *dir = getenv("QWAMOS_RUN_DIR");

	return dir && *dir ? dir : QRECORD_DIR;
}

void qrecord_dir(char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s", dir_path());
}

static int file_path(const char *name, char path[PATH_MAX], struct qerr *e)
{
	if (snprintf(path, PATH_MAX, "%s/%s" SUFFIX, dir_path(), name) >= PATH_MAX)
		return qerr_set(e, ENAMETOOLONG, "%s", dir_path());
	return 0;
}

static void copy_str(struct json_object *obj, const char *key, char *buf, size_t len)
{
	const char *s = qjson_get_str(obj, key);

	snprintf(buf, len, "%s", s ? s : "");
}

/* What was bound at another boot no longer is. */
static bool this_boot(struct json_object *obj)
{
	const char *then = qjson_get_str(obj, "boot_id");
	char now[37];

	return then && !qfile_boot_id(now) && !strcmp(then, now);
}

/*
 * Reads @fd's text. A file that is empty or not whole was made by a supervisor that died before it
 * had done anything.
 */
static int parse(int fd, struct qrecord *r)
{
	struct json_object *obj, *bound;
	char *text;
	ssize_t n;
	size_t i;

	text = qmem_calloc(1, MAX_RECORD + 1);
	n = pread(fd, text, MAX_RECORD, 0);
	obj = n > 0 ? json_tokener_parse(text) : NULL;
	free(text);
	if (!obj)
		return 0;
	if (this_boot(obj)) {
		r->pid = qjson_get_int(obj, "pid", 0);
		r->vm_id = qjson_get_int(obj, "vm_id", 0);
		copy_str(obj, "cgroup", r->cgroup, sizeof(r->cgroup));
		copy_str(obj, "config", r->config, sizeof(r->config));
		bound = qjson_get(obj, "bound");
		for (i = 0; i < qjson_len(bound); i++)
			qrecord_add_bound(r, json_object_get_string(qjson_at(bound, i)));
	}
	json_object_put(obj);
	return 1;
}

void qrecord_add_bound(struct qrecord *r, const char *addr)
{
	char(*slot)[QVFIO_ADDR_LEN];
	size_t i;

	for (i = 0; i < r->n_bound; i++)
		if (!strcmp(r->bound[i], addr))
			return;
	slot = QMEM_GROW(r->bound, r->n_bound);
	snprintf(*slot, QVFIO_ADDR_LEN, "%s", addr);
}

void qrecord_drop_bound(struct qrecord *r, const char *addr)
{
	size_t i;

	for (i = 0; i < r->n_bound; i++)
		if (!strcmp(r->bound[i], addr))
			memmove(r->bound + i, r->bound + i + 1,
				(--r->n_bound - i) * sizeof(*r->bound));
}

/* Is @path still the file behind @fd? It may have been removed between our open and our lock. */
static bool same_file(int fd, const char *path)
{
	struct stat a, b;

	return !fstat(fd, &a) && !stat(path, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

int qrecord_take(const char *name, struct qrecord *r, struct qerr *e)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_MAX];
	int ret;

	memset(r, 0, sizeof(*r));
	r->fd = -1;
	snprintf(r->name, sizeof(r->name), "%s", name);
	ret = qfile_mkdirs(dir_path(), 0755);
	if (ret)
		return qerr_sys(e, -ret, "mkdir %s", dir_path());
	ret = file_path(name, path, e);
	if (ret)
		return ret;
	for (;;) {
		r->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (r->fd < 0)
			return qerr_sys(e, errno, "%s", path);
		if (fcntl(r->fd, F_OFD_SETLK, &lock)) {
			ret = -errno;
			parse(r->fd, r);
			close(r->fd);
			r->fd = -1;
			if (ret != -EAGAIN && ret != -EACCES)
				return qerr_sys(e, -ret, "lock %s", path);
			return qerr_set(e, EBUSY,
					"VM %s is running already (its supervisor is process %d)",
					name, r->pid);
		}
		if (same_file(r->fd, path))
			break;
		close(r->fd);
	}
	ret = parse(r->fd, r);
	r->pid = getpid();
	return ret;
}

int qrecord_write(const struct qrecord *r, struct qerr *e)
{
	struct json_object *obj = qjson_obj(), *bound;
	const char *text;
	char boot[37];
	int ret = 0;
	size_t i, len;

	if (qfile_boot_id(boot))
		boot[0] = '\0';
	qjson_add_str(obj, "name", r->name);
	qjson_add_str(obj, "boot_id", boot);
	qjson_add_int(obj, "pid", r->pid);
	qjson_add_int(obj, "vm_id", r->vm_id);
	qjson_add_str(obj, "cgroup", r->cgroup);
	qjson_add_str(obj, "config", r->config);
	bound = qjson_add(obj, "bound", qjson_arr());
	for (i = 0; i < r->n_bound; i++)
		qjson_push_str(bound, r->bound[i]);
	text = qmem_check((char *)json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN));
	len = strlen(text);
	/* Longer first, cut off after: what is read in between begins with the whole object. */
	if (pwrite(r->fd, text, len, 0) != (ssize_t)len || ftruncate(r->fd, len))
		ret = qerr_sys(e, errno, "the record of VM %s", r->name);
	json_object_put(obj);
	return ret;
}

int qrecord_find(const char *name, struct qrecord *r, struct qerr *e)
{
	char path[PATH_MAX];
	int ret, fd;

	memset(r, 0, sizeof(*r));
	r->fd = -1;
	snprintf(r->name, sizeof(r->name), "%s", name);
	ret = file_path(name, path, e);
	if (ret)
		return ret;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return qerr_set(e, errno, "no VM %s is running", name);
	parse(fd, r);
	close(fd);
	return 0;
}

int qrecord_list(struct qrecord **recs, size_t *n, struct qerr *e)
{
	struct dirent **names;
	int i, count;

	*recs = NULL;
	*n = 0;
	count = scandir(dir_path(), &names, NULL, alphasort);
	if (count < 0)
		return errno == ENOENT ? 0 : qerr_sys(e, errno, "%s", dir_path());
	for (i = 0; i < count; i++) {
		char *dot = strrchr(names[i]->d_name, '.');
		struct qrecord r;

		if (dot && !strcmp(dot, SUFFIX)) {
			*dot = '\0';
			if (!qrecord_find(names[i]->d_name, &r, NULL))
				*QMEM_GROW(*recs, *n) = r;
		}
		free(names[i]);
	}
	free(names);
	return 0;
}

void qrecord_list_free(struct qrecord *recs, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		qrecord_drop(&recs[i]);
	free(recs);
}

bool qrecord_alive(const struct qrecord *r)
{
	/* Asked for, not taken: that would turn away a supervisor that starts right now. */
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	char path[PATH_MAX];
	bool alive;
	int fd;

	if (file_path(r->name, path, NULL))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	alive = !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
	close(fd);
	return alive;
}

void qrecord_remove(struct qrecord *r)
{
	char path[PATH_MAX];

	if (!file_path(r->name, path, NULL))
		unlink(path);
	qrecord_drop(r);
}

void qrecord_drop(struct qrecord *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	free(r->bound);
	r->bound = NULL;
	r->n_bound = 0;
}
