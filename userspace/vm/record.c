// SPDX-License-Identifier: GPL-2.0-only
#include "vm/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detect/pci.h"
#include "util/file.h"
#include "util/json.h"
#include "util/mem.h"
#include "vm/cgroup.h"
#include "vm/vm.h"

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

int qrecord_path(const char *name, char path[PATH_MAX], struct qerr *e)
{
	if (snprintf(path, PATH_MAX, "%s/%s" SUFFIX, dir_path(), name) >= PATH_MAX)
		return qerr_set(e, ENAMETOOLONG, "%s", dir_path());
	return 0;
}

static void set_damaged(struct qrecord *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void set_damaged(struct qrecord *r, const char *fmt, ...)
{
	struct qrecord empty = { .fd = r->fd };
	va_list ap;

	memcpy(empty.name, r->name, sizeof(empty.name));
	free(r->bound);
	free(r->disks);
	*r = empty;
	va_start(ap, fmt);
	vsnprintf(r->damage, sizeof(r->damage), fmt, ap);
	va_end(ap);
}

/* A text of the record; one that is not there is "". Return: whether it is one, and fits. */
static bool get_text(const struct json_object *o, const char *key, char *buf, size_t len)
{
	const char *s = qjson_get_str(o, key);

	if (!s && json_object_object_get_ex(o, key, NULL))
		return false;
	return snprintf(buf, len, "%s", s ? s : "") < (int)len;
}

/* A number of the record, from 0 on; one that is not there is 0. */
static bool get_number(const struct json_object *o, const char *key, int64_t most, int64_t *n)
{
	*n = qjson_get_int(o, key, json_object_object_get_ex(o, key, NULL) ? -1 : 0);
	return *n >= 0 && *n <= most;
}

static bool get_bound(const struct json_object *o, struct qrecord *r)
{
	struct json_object *list = qjson_get(o, "bound"), *one;
	char addr[QPCI_ADDR_LEN];
	const char *text;
	size_t i;

	if (!json_object_is_type(list, json_type_array))
		return !json_object_object_get_ex(o, "bound", NULL);
	for (i = 0; i < qjson_len(list); i++) {
		one = qjson_at(list, i);
		text = json_object_is_type(one, json_type_string) ? json_object_get_string(one)
								  : "";
		if (!qpci_parse_addr(text, addr) || strcmp(addr, text))
			return false;
		qrecord_add_bound(r, addr);
	}
	return true;
}

static bool get_disks(const struct json_object *o, struct qrecord *r)
{
	struct json_object *list = qjson_get(o, "disks"), *one, *block, *write;
	struct qrecord_disk d;
	int64_t dev, ino;
	size_t i;

	if (!json_object_is_type(list, json_type_array))
		return !json_object_object_get_ex(o, "disks", NULL);
	if (qjson_len(list) > QRECORD_DISKS)
		return false;
	for (i = 0; i < qjson_len(list); i++) {
		one = qjson_at(list, i);
		block = qjson_get(one, "block");
		write = qjson_get(one, "write");
		if (!json_object_is_type(one, json_type_object) ||
		    !json_object_is_type(block, json_type_boolean) ||
		    !json_object_is_type(write, json_type_boolean) ||
		    !json_object_is_type(qjson_get(one, "dev"), json_type_int) ||
		    !json_object_is_type(qjson_get(one, "ino"), json_type_int))
			return false;
		/* Bits, which JSON has as numbers with a sign. */
		dev = json_object_get_int64(qjson_get(one, "dev"));
		ino = json_object_get_int64(qjson_get(one, "ino"));
		d = (struct qrecord_disk){ .block = json_object_get_boolean(block),
					   .dev = dev,
					   .ino = ino,
					   .write = json_object_get_boolean(write) };
		qrecord_add_disk(r, &d);
	}
	return true;
}

/* A cgroup that is put back is removed with all that is in it: it must be the VM's. */
static bool is_cgroup(const char *path, const char *name)
{
	char *end = qmem_printf("/" QCGROUP_PARENT "/%s", name);
	size_t n = strlen(path), m = strlen(end);
	bool is = !n || (path[0] == '/' && n >= m && !strcmp(path + n - m, end));

	free(end);
	return is && !strstr(path, "/../");
}

/* What @o says. Return: NULL, or the key that can't be read */
static const char *take_object(const struct json_object *o, struct qrecord *r)
{
	char then[40], now[37], text[64];
	int64_t n;

	if (!get_text(o, "name", text, sizeof(text)) || strcmp(text, r->name))
		return "name";
	if (!get_text(o, "boot_id", then, sizeof(then)) || !then[0])
		return "boot_id";
	/* What was bound at another boot no longer is. */
	if (qfile_boot_id(now) || strcmp(then, now))
		return NULL;
	if (!get_number(o, "pid", INT_MAX, &n))
		return "pid";
	r->pid = n;
	if (!get_number(o, "vm_id", INT64_MAX, &n))
		return "vm_id";
	r->vm_id = n;
	if (!get_text(o, "cgroup", r->cgroup, sizeof(r->cgroup)) || !is_cgroup(r->cgroup, r->name))
		return "cgroup";
	if (!get_text(o, "config", r->config, sizeof(r->config)) ||
	    (r->config[0] && r->config[0] != '/'))
		return "config";
	if (!get_text(o, "config_sha256", r->config_sha256, sizeof(r->config_sha256)))
		return "config_sha256";
	if (!get_disks(o, r))
		return "disks";
	return get_bound(o, r) ? NULL : "bound";
}

/*
 * What a supervisor writes is longer at first and cut off after, so a whole object may have a rest
 * behind it.
 */
static void parse_text(const char *text, size_t len, struct qrecord *r)
{
	struct json_tokener *tok = qmem_check(json_tokener_new());
	struct json_object *o;
	enum json_tokener_error err;
	const char *key;

	/* With the NUL: else a number at the very end is waited for. */
	o = json_tokener_parse_ex(tok, text, len + 1);
	err = json_tokener_get_error(tok);
	if (err != json_tokener_success) {
		set_damaged(r, "not JSON: %s at byte %zu", json_tokener_error_desc(err),
			    json_tokener_get_parse_end(tok));
	} else if (!json_object_is_type(o, json_type_object)) {
		set_damaged(r, "not a JSON object");
	} else {
		key = take_object(o, r);
		if (key)
			set_damaged(r, "'%s' is wrong", key);
	}
	json_object_put(o);
	json_tokener_free(tok);
}

/* Reads @fd's text. Return: 0: it is empty, its supervisor has done nothing yet; else 1 */
static int parse(int fd, struct qrecord *r)
{
	size_t len = 0;
	struct stat st;
	ssize_t n;
	char *text;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		set_damaged(r, "no regular file");
		return 1;
	}
	text = qmem_calloc(1, MAX_RECORD + 2);
	while (len <= MAX_RECORD) {
		n = pread(fd, text + len, MAX_RECORD + 1 - len, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += n;
	}
	if (len > MAX_RECORD)
		set_damaged(r, "more than %d bytes", MAX_RECORD);
	else if (len)
		parse_text(text, len, r);
	free(text);
	return len > 0;
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

static bool same_disk(const struct qrecord_disk *a, const struct qrecord_disk *b)
{
	return a->block == b->block && a->dev == b->dev && a->ino == b->ino;
}

void qrecord_add_disk(struct qrecord *r, const struct qrecord_disk *d)
{
	size_t i;

	for (i = 0; i < r->n_disks; i++)
		if (same_disk(&r->disks[i], d)) {
			r->disks[i].write |= d->write;
			return;
		}
	*QMEM_GROW(r->disks, r->n_disks) = *d;
}

struct qrecord_disk qrecord_disk_of(const struct stat *st, bool write)
{
	bool block = S_ISBLK(st->st_mode);

	return (struct qrecord_disk){ .block = block,
				      .dev = block ? st->st_rdev : st->st_dev,
				      .ino = block ? 0 : st->st_ino,
				      .write = write };
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

/* Does somebody hold it as a supervisor does? Who could only read it holds no such lock. */
static bool is_held(int fd)
{
	/* Asked for, not taken: that would turn away a supervisor that starts right now. */
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

static void init_record(struct qrecord *r, const char *name)
{
	memset(r, 0, sizeof(*r));
	r->fd = -1;
	snprintf(r->name, sizeof(r->name), "%s", name);
}

/*
 * A file that others could open, as those of earlier versions, and that one of them holds locked
 * for reading: another one takes its place.
 */
static int replace_record(int fd, const char *path)
{
	char *text = qmem_calloc(1, MAX_RECORD + 1);
	ssize_t n = pread(fd, text, MAX_RECORD, 0);
	int ret = n < 0 ? -errno : 0;

	if (!ret && same_file(fd, path))
		ret = qfile_replace(path, text, n, 0600);
	free(text);
	return ret;
}

static int is_busy(const struct qrecord *r, const char *path, struct qerr *e)
{
	if (r->pid)
		return qerr_set(e, EBUSY, "VM %s is running already (its supervisor is process %d)",
				r->name, r->pid);
	return qerr_set(e, EBUSY, "VM %s is running already (%s %s)", r->name, path,
			r->damage[0] ? "is damaged" : "tells no supervisor yet");
}

/* Return: 1: locked; 0: to be opened once more; or a negative errno */
static int lock_record(int fd, const char *path, struct qrecord *r, struct qerr *e)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int ret;

	if (!fcntl(fd, F_OFD_SETLK, &whole)) {
		if (!same_file(fd, path))
			return 0;
		return fchmod(fd, 0600) ? qerr_sys(e, errno, "chmod 0600 %s", path) : 1;
	}
	if (errno != EAGAIN && errno != EACCES)
		return qerr_sys(e, errno, "lock %s", path);
	if (is_held(fd)) {
		parse(fd, r);
		return is_busy(r, path, e);
	}
	ret = replace_record(fd, path);
	return ret ? qerr_sys(e, -ret, "%s", path) : 0;
}

int qrecord_take(const char *name, struct qrecord *r, struct qerr *e)
{
	char path[PATH_MAX];
	int ret, fd = -1;
	struct stat st;

	init_record(r, name);
	ret = qfile_private_dir(dir_path(), e);
	if (!ret)
		ret = qrecord_path(name, path, e);
	while (!ret) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
			  0600);
		if (fd < 0 && errno != EISDIR && errno != ELOOP && errno != ENXIO)
			return qerr_sys(e, errno, "%s", path);
		if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
			ret = qerr_set(e, EBADMSG, "%s: no regular file", path);
		else
			ret = lock_record(fd, path, r, e);
		if (ret <= 0 && fd >= 0)
			close(fd);
	}
	if (ret < 0)
		return ret;
	r->fd = fd;
	ret = parse(fd, r);
	r->pid = getpid();
	return ret;
}

static void push_disk(struct json_object *list, const struct qrecord_disk *d)
{
	struct json_object *o = qjson_push(list, qjson_obj());

	qjson_add_bool(o, "block", d->block);
	qjson_add_int(o, "dev", (int64_t)d->dev);
	qjson_add_int(o, "ino", (int64_t)d->ino);
	qjson_add_bool(o, "write", d->write);
}

int qrecord_write(const struct qrecord *r, struct qerr *e)
{
	struct json_object *obj = qjson_obj(), *bound, *disks;
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
	qjson_add_str(obj, "config_sha256", r->config_sha256);
	bound = qjson_add(obj, "bound", qjson_arr());
	for (i = 0; i < r->n_bound; i++)
		qjson_push_str(bound, r->bound[i]);
	disks = qjson_add(obj, "disks", qjson_arr());
	for (i = 0; i < r->n_disks; i++)
		push_disk(disks, &r->disks[i]);
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

	init_record(r, name);
	ret = qrecord_path(name, path, e);
	if (ret)
		return ret;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == EACCES)
		return qerr_sys(e, EACCES, "%s, which is told to root alone", path);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return qerr_set(e, errno, "no VM %s is running", name);
	if (fd < 0) {
		set_damaged(r, "it can't be opened: %s", strerror(errno));
		return 0;
	}
	parse(fd, r);
	close(fd);
	return 0;
}

int qrecord_set_aside(const char *name, char path[PATH_MAX], struct qerr *e)
{
	char from[PATH_MAX];
	int ret = qrecord_path(name, from, e);

	if (!ret && snprintf(path, PATH_MAX, "%s/%s.damaged", dir_path(), name) >= PATH_MAX)
		ret = qerr_set(e, ENAMETOOLONG, "%s", dir_path());
	if (!ret && rename(from, path))
		ret = qerr_sys(e, errno, "rename of %s to %s", from, path);
	return ret;
}

int qrecord_list(struct qrecord **recs, size_t *n, struct qerr *e)
{
	struct dirent **names;
	int i, count;

	*recs = NULL;
	*n = 0;
	count = scandir(dir_path(), &names, NULL, alphasort);
	if (count < 0 && errno == EACCES)
		return qerr_sys(e, EACCES, "%s, which is told to root alone", dir_path());
	if (count < 0)
		return errno == ENOENT ? 0 : qerr_sys(e, errno, "%s", dir_path());
	for (i = 0; i < count; i++) {
		char *dot = strrchr(names[i]->d_name, '.');
		struct qrecord r;

		if (dot && !strcmp(dot, SUFFIX)) {
			*dot = '\0';
			/* What no VM can be called is no record. */
			if (qvm_name_ok(names[i]->d_name) &&
			    !qrecord_find(names[i]->d_name, &r, NULL))
				*QMEM_GROW(*recs, *n) = r;
		}
		free(names[i]);
	}
	free(names);
	return 0;
}

/* Which of @r's disks @other has in a way that bears no second; @r->n_disks: none */
static size_t shared_disk(const struct qrecord *r, const struct qrecord *other)
{
	size_t i, j;

	for (i = 0; i < r->n_disks; i++)
		for (j = 0; j < other->n_disks; j++)
			if (same_disk(&r->disks[i], &other->disks[j]) &&
			    (r->disks[i].write || other->disks[j].write))
				return i;
	return i;
}

/* A VM whose supervisor is gone has its disk for as long as a process of it can't be killed. */
static bool may_write_yet(const struct qrecord *r)
{
	return qrecord_alive(r) || (r->cgroup[0] && qcgroup_populated(r->cgroup));
}

int qrecord_find_disk(const struct qrecord *r, size_t *at, char other[64], struct qerr *e)
{
	struct qrecord *recs;
	size_t i, n;
	int ret;

	other[0] = '\0';
	if (!r->n_disks)
		return 0;
	ret = qrecord_list(&recs, &n, e);
	for (i = 0; !ret && i < n && !other[0]; i++) {
		if (!strcmp(recs[i].name, r->name))
			continue;
		*at = shared_disk(r, &recs[i]);
		if (*at < r->n_disks && may_write_yet(&recs[i]))
			snprintf(other, 64, "%s", recs[i].name);
	}
	if (!ret)
		qrecord_list_free(recs, n);
	return ret;
}

void qrecord_list_free(struct qrecord *recs, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		qrecord_drop(&recs[i]);
	free(recs);
}

int qrecord_not_running(const char *name, struct qerr *e)
{
	char path[PATH_MAX];
	struct qrecord r;
	int ret = 0;

	if (qrecord_path(name, path, NULL) || qrecord_find(name, &r, NULL))
		return 0;
	if (qrecord_alive(&r))
		ret = is_busy(&r, path, e);
	qrecord_drop(&r);
	return ret;
}

bool qrecord_alive(const struct qrecord *r)
{
	char path[PATH_MAX];
	bool alive;
	int fd;

	if (qrecord_path(r->name, path, NULL))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return false;
	alive = is_held(fd);
	close(fd);
	return alive;
}

bool qrecord_still(const struct qrecord *r)
{
	struct qrecord now;
	bool same;

	if (!qrecord_alive(r) || qrecord_find(r->name, &now, NULL))
		return false;
	same = !now.damage[0] && now.pid == r->pid && now.vm_id == r->vm_id;
	qrecord_drop(&now);
	return same;
}

void qrecord_remove(struct qrecord *r)
{
	char path[PATH_MAX];

	if (!qrecord_path(r->name, path, NULL))
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
	free(r->disks);
	r->disks = NULL;
	r->n_disks = 0;
}
