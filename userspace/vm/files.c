// SPDX-License-Identifier: GPL-2.0-only
#include "vm/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

#include "qemu/args.h"
#include "util/mem.h"
#include "vfio/disk_use.h"
#include "vm/find.h"

#define ACCEPT_FILES "security.accept_host_files"
#define ACCEPT_DISK  "security.accept_disk_in_use"

/* Opening of one config's files. @key, @at: of the one at hand. */
struct opening {
	struct qvm_files *f;
	struct qconfig *c;
	struct qdiags *d;
	const char *config;
	const char *key;
	struct qmark at;
};

/* Is it below the folder DIR/NAME of the VM, whose config.yaml stands there? */
static bool is_own(const struct opening *o, const char *path)
{
	const char *slash = strrchr(o->config, '/');

	return slash && !strcmp(slash + 1, QVM_CONFIG) &&
	       !strncmp(path, o->config, slash + 1 - o->config);
}

/* Disks are written to, and read as they are: of these folders no file is an image of a disk. */
static bool is_hosts(const char *path)
{
	static const char *const folders[] = { "/etc/", "/usr/",   "/boot/",  "/bin/",	"/sbin/",
					       "/lib/", "/lib32/", "/lib64/", "/proc/", "/sys/" };
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (!strncmp(path, folders[i], strlen(folders[i])))
			return true;
	return false;
}

/*
 * Whoever may change what leads to a disk says which file is written to: by a link, one that is
 * nobody's image. The image itself may be anybody's.
 */
static void tell_led(const struct opening *o, const struct qtrust *t)
{
	qdiag_add(o->d, QDIAG_ERROR, o->at, o->key,
		  "%s may be made another file by others: %s; accepted: one to which folders and "
		  "links lead that root or this user alone may change, one below the folder of the "
		  "VM's " QVM_CONFIG ", or " ACCEPT_FILES ": true",
		  t->path, t->writable);
}

/* It may be any file of its file system, of which that name tells nothing. */
static void tell_linked(const struct opening *o, const struct qtrust *t)
{
	qdiag_add(o->d, QDIAG_ERROR, o->at, o->key,
		  "%s may be a link to any file: others may write to its folder, and "
		  "fs.protected_hardlinks is off; accepted: a disk in a folder of root's or this "
		  "user's alone, fs.protected_hardlinks=1, or " ACCEPT_FILES ": true",
		  t->path);
}

static void tell_hosts(const struct opening *o, const struct qtrust *t, const char *why)
{
	qdiag_add(o->d, QDIAG_ERROR, o->at, o->key,
		  "%s is %s; accepted: a file that everybody may read, one below the folder of the "
		  "VM's " QVM_CONFIG ", or " ACCEPT_FILES ": true",
		  t->path, why);
}

/* Where the error's text begins with the path, as the config has it. */
static void tell_error(const struct opening *o, const struct qerr *err)
{
	qdiag_add(o->d, QDIAG_ERROR, o->at, o->key, "%s", err->msg);
}

/* Takes the fd and the path over. */
static void keep_file(const struct opening *o, struct qtrust *t)
{
	struct qvm_file *file = QMEM_GROW(o->f->v, o->f->n);

	file->path = t->path;
	file->fd = t->fd;
	t->path = NULL;
	t->fd = -1;
}

static void judge_file(const struct opening *o, struct qtrust *t)
{
	if (t->secret && !o->c->accept_host_files && !is_own(o, t->path))
		tell_hosts(o, t, "not for everybody to read");
	else
		keep_file(o, t);
}

static void open_file(struct opening *o, char **path, const char *key, struct qmark at)
{
	struct qtrust t;
	struct qerr err;

	if (!*path)
		return;
	o->key = key;
	o->at = at;
	if (qtrust_open(*path, false, &t, &err)) {
		tell_error(o, &err);
	} else {
		free(*path);
		*path = qmem_strdup(t.path);
		judge_file(o, &t);
	}
	qtrust_free(&t);
}

/* A file that an argument of qemu_extra_args names. */
static void open_named(void *arg, const char *path)
{
	struct opening *o = arg;
	struct qtrust t;

	if (*path != '/')
		return;
	if (!qtrust_open(path, false, &t, NULL))
		judge_file(o, &t);
	qtrust_free(&t);
}

/* The kernel lets nobody claim a block device that somebody else has claimed. */
static bool is_used(const struct qtrust *t, char *why, size_t len)
{
	int fd;

	if (S_ISBLK(t->st.st_mode)) {
		fd = qtrust_reopen(t, O_RDONLY | O_EXCL | O_NONBLOCK);
		if (fd >= 0)
			close(fd);
		if (fd == -EBUSY) {
			qdisk_why_claimed(t->st.st_rdev, why, len);
			return true;
		}
	}
	return qdisk_unclaimed_use(&t->st, why, len);
}

static void judge_disk(const struct opening *o, const struct qtrust *t)
{
	bool accepted = o->c->accept_host_files || is_own(o, t->path);
	char why[128];

	if (!o->c->accept_disk_in_use && is_used(t, why, sizeof(why)))
		qdiag_add(
			o->d, QDIAG_ERROR, o->at, o->key,
			"%s is in use on this computer: %s; accepted: a disk that nobody uses, or " ACCEPT_DISK
			": true",
			t->path, why);
	if (accepted)
		return;
	if (S_ISBLK(t->st.st_mode))
		tell_hosts(o, t, "a disk of this computer");
	else if (is_hosts(t->path))
		tell_hosts(o, t, "a file of this computer's system");
	else if (t->secret)
		tell_hosts(o, t, "not for everybody to read");
	else if (t->led)
		tell_led(o, t);
	else if (t->linked)
		tell_linked(o, t);
}

static void open_disk(struct opening *o)
{
	struct qtrust *t = &o->f->disk;
	struct qerr err;

	if (!o->c->disk)
		return;
	o->key = qconfig_where(o->c, "storage.disk_image").line ? "storage.disk_image"
								: "hardware.disk.primary.path";
	o->at = o->c->at.disk;
	if (qtrust_open(o->c->disk, true, t, &err))
		tell_error(o, &err);
	else
		judge_disk(o, t);
}

int qvm_files_open(struct qvm_files *f, struct qconfig *c, const char *config, struct qdiags *d)
{
	struct opening o = { .f = f, .c = c, .d = d, .config = config };
	size_t before = qdiags_count(d, QDIAG_ERROR);

	memset(f, 0, sizeof(*f));
	f->disk.fd = -1;
	open_file(&o, &c->kernel, "boot.kernel", c->at.kernel);
	open_file(&o, &c->initrd, "boot.initrd", c->at.initrd);
	open_disk(&o);
	o.key = "qemu_extra_args";
	o.at = qconfig_where(c, "qemu_extra_args");
	qemu_extra_files(c, open_named, &o);
	return qdiags_count(d, QDIAG_ERROR) > before ? -EINVAL : 0;
}

void qvm_files_free(struct qvm_files *f)
{
	size_t i;

	for (i = 0; i < f->n; i++) {
		close(f->v[i].fd);
		free(f->v[i].path);
	}
	free(f->v);
	qtrust_free(&f->disk);
	f->v = NULL;
	f->n = 0;
}
