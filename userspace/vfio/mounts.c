// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/mounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util/file.h"
#include "util/mem.h"

static const char *const local[] = {
	"devtmpfs", "tmpfs",	"ramfs",       "rootfs",   "ext2",	"ext3",	  "ext4",
	"xfs",	    "btrfs",	"f2fs",	       "bcachefs", "zfs",	"jfs",	  "reiserfs",
	"squashfs", "erofs",	"iso9660",     "udf",	   "vfat",	"exfat",  "ntfs3",
	"ubifs",    "jffs2",	"proc",	       "sysfs",	   "devpts",	"cgroup", "cgroup2",
	"debugfs",  "tracefs",	"securityfs",  "configfs", "hugetlbfs", "mqueue", "bpf",
	"pstore",   "efivarfs", "binfmt_misc",
};

static const char *const remote[] = {
	"nfs",	"nfs4",	    "cifs",   "smb3",  "smbfs", "ceph", "9p",	    "afs",
	"coda", "virtiofs", "lustre", "ocfs2", "gfs2",	"gpfs", "orangefs", "autofs",
};

static bool is_one_of(const char *type, const char *const *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(type, list[i]))
			return true;
	return false;
}

static enum qmount_kind kind_of(const char *type)
{
	if (is_one_of(type, local, sizeof(local) / sizeof(local[0])))
		return QMOUNT_LOCAL;
	if (is_one_of(type, remote, sizeof(remote) / sizeof(remote[0])) ||
	    !strncmp(type, "fuse", 4))
		return QMOUNT_REMOTE;
	return QMOUNT_UNKNOWN;
}

/* Return: whether the namespace is a new one */
static bool add_space(struct qmounts *m, int proc)
{
	char name[32];
	ssize_t len = readlinkat(proc, "ns/mnt", name, sizeof(name) - 1);
	size_t i;

	if (len <= 0)
		return false;
	name[len] = '\0';
	for (i = 0; i < m->n_spaces; i++)
		if (!strcmp(m->spaces[i], name))
			return false;
	memcpy(*QMEM_GROW(m->spaces, m->n_spaces), name, sizeof(name));
	return true;
}

void qmounts_add(struct qmounts *m, int proc)
{
	char *text, *line, *save, *type, end[32];
	unsigned int major, minor;
	struct qmount *mount;
	int id;

	if (!add_space(m, proc) || qfile_read_all(proc, "mountinfo", 16 << 20, &text) < 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		type = strstr(line, " - ");
		if (!type || sscanf(line, "%d %*d %u:%u", &id, &major, &minor) != 3 ||
		    sscanf(type + 3, "%31s", end) != 1)
			continue;
		mount = QMEM_GROW(m->list, m->n);
		mount->id = id;
		mount->dev = makedev(major, minor);
		mount->kind = kind_of(end);
	}
	free(text);
}

enum qmount_kind qmounts_by_id(const struct qmounts *m, int id)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->list[i].id == id)
			return m->list[i].kind;
	return QMOUNT_UNKNOWN;
}

enum qmount_kind qmounts_by_dev(const struct qmounts *m, dev_t dev)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->list[i].dev == dev)
			return m->list[i].kind;
	return QMOUNT_UNKNOWN;
}

void qmounts_free(struct qmounts *m)
{
	free(m->list);
	free(m->spaces);
	memset(m, 0, sizeof(*m));
}
