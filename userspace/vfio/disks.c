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

/* How long a disk may take to be opened, in ms. */
#define CLAIM_MS 5000

/* How long its node is waited for, in ms, and how often it is looked for meanwhile. */
#define NODE_MS	   800
#define NODE_TRIES 8

/*
 * Find where a block device is mounted: the fifth field of the line of mountinfo whose third is its
 * number, or, as btrfs and ZFS have numbers of their own, whose source is its node.
 */
static bool find_mount(const struct qnode *node, char *buf, size_t len)
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

static bool find_swap(const struct qnode *node, char *buf, size_t len)
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
static bool find_holder(const struct qnode *node, char *buf, size_t len)
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

/* Ask one loop device what it stands on. */
static bool loop_stands_on(const char *name, dev_t rdev)
{
	struct loop_info64 info = { 0 };
	char *path = qmem_printf("/dev/%s", name);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	bool is;

	free(path);
	if (fd < 0)
		return false;
	is = !ioctl(fd, LOOP_GET_STATUS64, &info) && info.lo_rdevice == rdev;
	close(fd);
	return is;
}

static bool find_loop(const struct qnode *node, char *buf, size_t len)
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
		found = qfile_exists(dirfd(dir), file) && loop_stands_on(de->d_name, node->rdev);
		if (found)
			snprintf(buf, len, "under the loop device %.32s", de->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

#define NVMET "/sys/kernel/config/nvmet/subsystems"

/* Does a namespace of an NVMe target, by its folder, export the block device? */
static bool ns_exports(int folder, const char *name, dev_t rdev)
{
	char file[320], path[256];
	long long enabled;
	struct stat st;

	snprintf(file, sizeof(file), "%s/enable", name);
	if (qfile_read_ll(folder, file, &enabled) || !enabled)
		return false;
	snprintf(file, sizeof(file), "%s/device_path", name);
	/* What is not in /dev may be a file on a dead server. */
	return qfile_read(folder, file, path, sizeof(path)) > 0 && !strncmp(path, "/dev/", 5) &&
	       !stat(path, &st) && S_ISBLK(st.st_mode) && st.st_rdev == rdev;
}

static bool subsystem_exports(const char *subsystem, dev_t rdev)
{
	char *path = qmem_printf(NVMET "/%s/namespaces", subsystem);
	struct dirent *de;
	bool found = false;
	DIR *dir;

	dir = opendir(path);
	free(path);
	while (dir && !found && (de = readdir(dir)))
		found = de->d_name[0] != '.' && ns_exports(dirfd(dir), de->d_name, rdev);
	if (dir)
		closedir(dir);
	return found;
}

static bool find_export(const struct qnode *node, char *buf, size_t len)
{
	struct dirent *de;
	bool found = false;
	DIR *dir;

	dir = opendir(NVMET);
	while (dir && !found && (de = readdir(dir))) {
		found = de->d_name[0] != '.' && subsystem_exports(de->d_name, node->rdev);
		if (found)
			snprintf(buf, len, "exported by NVMe as %.64s", de->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
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
static int try_claim(const struct qnode *node, struct qwriter *w)
{
	const struct timespec pause = { .tv_nsec = NODE_MS * 1000000L / NODE_TRIES };
	char *path = qmem_printf("/dev/%s", node->name);
	int err, tries = NODE_TRIES;

	while ((err = qwriter_claim(w, path, node->rdev, CLAIM_MS)) == -ENOENT && tries--)
		nanosleep(&pause, NULL);
	free(path);
	return err;
}

void qdisk_check(const struct qnode *node, struct qwriter *w, struct qdisk *disk)
{
	bool built_on = find_holder(node, disk->detail, sizeof(disk->detail));
	int err = try_claim(node, w);

	snprintf(disk->name, sizeof(disk->name), "%s", node->name);
	/* A drive without a medium has nothing that could be in use. */
	if (err == -ENOMEDIUM)
		err = 0;
	if (!built_on && !err)
		built_on = find_loop(node, disk->detail, sizeof(disk->detail)) ||
			   find_export(node, disk->detail, sizeof(disk->detail));
	if (built_on || err == -EBUSY) {
		disk->claim = QDISK_CLAIMED;
		if (!built_on && !find_mount(node, disk->detail, sizeof(disk->detail)) &&
		    !find_swap(node, disk->detail, sizeof(disk->detail)))
			disk->detail[0] = '\0';
	} else if (err) {
		disk->claim = QDISK_UNKNOWN;
		snprintf(disk->detail, sizeof(disk->detail), "%s", why_unknown(err));
	} else {
		disk->claim = QDISK_FREE;
		disk->detail[0] = '\0';
	}
}
