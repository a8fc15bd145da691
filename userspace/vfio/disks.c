// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/disks.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "util/file.h"
#include "util/mem.h"
#include "vfio/disk_use.h"

/* How long a disk may take to be opened, in ms. */
#define CLAIM_MS 5000

/* How long its node is waited for, in ms, and how often it is looked for meanwhile. */
#define NODE_MS	   800
#define NODE_TRIES 8

/*
 * Find where a block device is mounted: the fifth field of the line of mountinfo whose third is its
 * number, or, as btrfs and ZFS have numbers of their own, whose source is its node.
 */
static bool find_mount(const struct qbelow_node *node, char *buf, size_t len)
{
	char *text, *line, *save, *at, *source, *name;
	unsigned int major, minor;
	bool found = false;
	int n;

	if (qfile_read_all(AT_FDCWD, "/proc/1/mountinfo", 16 << 20, &text) < 0 &&
	    qfile_read_all(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &text) < 0)
		return false;
	name = qmem_printf("/dev/%s ", node->name);
	for (line = strtok_r(text, "\n", &save); line && !found;
	     line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "%*d %*d %u:%u %*s %n", &major, &minor, &n) < 2)
			continue;
		at = line + n;
		source = strstr(at, " - ");
		source = source ? strchr(source + 3, ' ') : NULL;
		if (makedev(major, minor) != node->rdev &&
		    (!source || strncmp(source + 1, name, strlen(name))))
			continue;
		snprintf(buf, len, "mounted on %.*s", (int)strcspn(at, " "), at);
		found = true;
	}
	free(name);
	free(text);
	return found;
}

static bool find_swap(const struct qbelow_node *node, char *buf, size_t len)
{
	char *text, *entry = qmem_printf("/dev/%s ", node->name);
	bool found = false;

	if (qfile_read_all(AT_FDCWD, "/proc/swaps", 1 << 20, &text) >= 0) {
		found = strstr(text, entry) != NULL;
		free(text);
	}
	free(entry);
	if (found)
		snprintf(buf, len, "swap space");
	return found;
}

/* Volumes that are built on a block device (md, device mapper, bcache) are links in its holders. */
static bool find_holder(const struct qbelow_node *node, char *buf, size_t len)
{
	char *path =
		qmem_printf("/sys/dev/block/%u:%u/holders", major(node->rdev), minor(node->rdev));
	struct dirent *de;
	bool found = false;
	DIR *dir;

	dir = opendir(path);
	free(path);
	while (dir && !found && (de = readdir(dir))) {
		found = de->d_name[0] != '.';
		if (found)
			snprintf(buf, len, "part of the volume %.32s", de->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Open a loop device by its node, and nothing that somebody put in its place. */
static int open_loop(int block, const char *name)
{
	char file[300], number[32], *path;
	unsigned int major, minor;
	struct stat st;
	int fd = -1;

	snprintf(file, sizeof(file), "%s/dev", name);
	if (qfile_read(block, file, number, sizeof(number)) <= 0 ||
	    sscanf(number, "%u:%u", &major, &minor) != 2)
		return -1;
	path = qmem_printf("/dev/%s", name);
	if (!stat(path, &st) && S_ISBLK(st.st_mode) && st.st_rdev == makedev(major, minor))
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	free(path);
	return fd;
}

static bool is_same(const struct stat *st, dev_t rdev, dev_t dev, ino_t ino)
{
	if (S_ISBLK(st->st_mode))
		return rdev == st->st_rdev;
	return dev == st->st_dev && ino == st->st_ino;
}

/* Without a node a loop device can't be asked; of its file only the path is known then. */
static bool loop_has_path(int block, const char *name, const struct stat *st)
{
	char file[300], path[4096];
	struct stat is;

	snprintf(file, sizeof(file), "%s/loop/backing_file", name);
	/* What is not in /dev may be a file on a dead server. */
	return qfile_read(block, file, path, sizeof(path)) > 0 && !strncmp(path, "/dev/", 5) &&
	       !stat(path, &is) && is_same(st, is.st_rdev, is.st_dev, is.st_ino);
}

/* Ask one loop device what it stands on. */
static bool loop_stands_on(int block, const char *name, const struct stat *st)
{
	struct loop_info64 info = { 0 };
	int fd = open_loop(block, name);
	bool is;

	if (fd < 0)
		return loop_has_path(block, name, st);
	is = !ioctl(fd, LOOP_GET_STATUS64, &info) &&
	     is_same(st, info.lo_rdevice, info.lo_device, info.lo_inode);
	close(fd);
	return is;
}

/* Does a loop device stand on a file or block device? It claims nothing. */
static bool find_loop(const struct stat *st, char *buf, size_t len)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *de;
	char file[300];
	bool found = false;

	while (dir && !found && (de = readdir(dir))) {
		if (strncmp(de->d_name, "loop", 4) || !isdigit((unsigned char)de->d_name[4]))
			continue;
		/* Only one that is set up has this folder. */
		snprintf(file, sizeof(file), "%s/loop", de->d_name);
		found = qfile_exists(dirfd(dir), file) &&
			loop_stands_on(dirfd(dir), de->d_name, st);
		if (found)
			snprintf(buf, len, "under the loop device %.32s", de->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

void qdisk_why_claimed(dev_t rdev, char *buf, size_t len)
{
	char *path = qmem_printf("/sys/dev/block/%u:%u", major(rdev), minor(rdev));
	struct qbelow_node node = { .rdev = rdev, .block = true };

	if (qfile_link_name(AT_FDCWD, path, node.name, sizeof(node.name)))
		node.name[0] = '\0';
	free(path);
	if (!find_holder(&node, buf, len) && !find_mount(&node, buf, len) &&
	    !find_swap(&node, buf, len))
		snprintf(buf, len, "a file system, swap or volume is on it, or on a part of it");
}

static const char *why_unknown(int err)
{
	switch (-err) {
	case ENOENT:
		return "it has no node in /dev";
	case ENODEV:
		return "what has its name in /dev is no node of it";
	case ETIMEDOUT:
		return "it does not answer";
	case EACCES:
	case EPERM:
		return "that takes root";
	default:
		return strerrordesc_np(-err);
	}
}

/* Claim a block device for a moment. A disk that has just come has its node a little later. */
static int try_claim(const struct qbelow_node *node, struct qwriter *w)
{
	const struct timespec pause = { .tv_nsec = NODE_MS * 1000000L / NODE_TRIES };
	char *path = qmem_printf("/dev/%s", node->name);
	int err, tries = NODE_TRIES;

	while ((err = qwriter_claim(w, path, node->rdev, CLAIM_MS)) == -ENOENT && tries--)
		nanosleep(&pause, NULL);
	free(path);
	return err;
}

/* What opens a disk and claims nothing of it. */
static enum qdisk_claim find_unclaimed(const struct qbelow_node *node, const struct qexports *x,
				       char *buf, size_t len)
{
	const struct stat st = { .st_mode = S_IFBLK, .st_rdev = node->rdev };

	if (find_loop(&st, buf, len))
		return QDISK_CLAIMED;
	return qexports_find(x, &st, buf, len);
}

bool qdisk_unclaimed_use(const struct stat *st, char *buf, size_t len)
{
	struct qexports x;
	struct qwriter w;
	bool used;

	if (find_loop(st, buf, len))
		return true;
	qwriter_init(&w);
	qexports_gather(&x, &w);
	used = qexports_find(&x, st, buf, len) != QDISK_FREE;
	qexports_free(&x);
	qwriter_end(&w);
	return used;
}

void qdisk_check(const struct qbelow_node *node, struct qwriter *w, const struct qexports *x,
		 struct qdisk *disk)
{
	bool built_on = find_holder(node, disk->detail, sizeof(disk->detail));
	int err = try_claim(node, w);

	snprintf(disk->name, sizeof(disk->name), "%s", node->name);
	/* A drive without a medium has nothing that could be in use. */
	if (err == -ENOMEDIUM)
		err = 0;
	if (built_on || err == -EBUSY) {
		disk->claim = QDISK_CLAIMED;
		if (!built_on && !find_mount(node, disk->detail, sizeof(disk->detail)) &&
		    !find_swap(node, disk->detail, sizeof(disk->detail)))
			disk->detail[0] = '\0';
	} else if (err) {
		disk->claim = QDISK_UNKNOWN;
		snprintf(disk->detail, sizeof(disk->detail), "%s", why_unknown(err));
	} else {
		disk->claim = find_unclaimed(node, x, disk->detail, sizeof(disk->detail));
	}
}
