// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host itself uses a device for, so that it must not be taken along as somebody's
 * companion.
 */
#include "vfio/holders.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "util/file.h"
#include "util/mem.h"
#include "vfio/nodes.h"

static bool not_empty(const char *path)
{
	struct dirent *de;
	bool found = false;
	DIR *dir;

	dir = opendir(path);
	while (dir && !found && (de = readdir(dir)))
		found = de->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return found;
}

/*
 * Where a block device is mounted: the fifth field of the line of mountinfo whose third is its
 * number.
 */
static bool mounted_on(dev_t rdev, char *where, size_t len)
{
	char *text, *line, *save, *at;
	unsigned int major, minor;
	bool found = false;
	int n;

	if (qfile_read_all(AT_FDCWD, "/proc/1/mountinfo", 16 << 20, &text) < 0 &&
	    qfile_read_all(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &text) < 0)
		return false;
	for (line = strtok_r(text, "\n", &save); line && !found;
	     line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "%*d %*d %u:%u %*s %n", &major, &minor, &n) < 2 ||
		    makedev(major, minor) != rdev)
			continue;
		at = line + n;
		snprintf(where, len, "%.*s", (int)strcspn(at, " "), at);
		found = true;
	}
	free(text);
	return found;
}

static bool is_swap(const char *name)
{
	char *text, *entry = qmem_printf("/dev/%s ", name);
	bool found = false;

	if (qfile_read_all(AT_FDCWD, "/proc/swaps", 1 << 20, &text) >= 0) {
		found = strstr(text, entry) != NULL;
		free(text);
	}
	free(entry);
	return found;
}

static bool use_of_disks(const char *addr, char *buf, size_t len)
{
	struct qnode *nodes = NULL;
	char where[64], *path;
	bool used = false;
	size_t i, n = 0;

	qnodes_gather(addr, &nodes, &n);
	for (i = 0; i < n && !used; i++) {
		if (!nodes[i].block)
			continue;
		path = qmem_printf("/sys/dev/block/%u:%u/holders", major(nodes[i].rdev),
				   minor(nodes[i].rdev));
		used = true;
		if (mounted_on(nodes[i].rdev, where, sizeof(where)))
			snprintf(buf, len, "its disk %s is mounted on %s", nodes[i].name, where);
		else if (is_swap(nodes[i].name))
			snprintf(buf, len, "its disk %s is swap space", nodes[i].name);
		else if (not_empty(path))
			snprintf(buf, len, "its disk %s is part of a volume", nodes[i].name);
		else
			used = false;
		free(path);
	}
	free(nodes);
	return used;
}

/* Calls @fn for each name in a folder of the device, until it says true. */
static bool each(const char *addr, const char *folder,
		 bool (*fn)(int dir, const char *name, char *buf, size_t len), char *buf,
		 size_t len)
{
	char *path = qmem_printf("/sys/bus/pci/devices/%s/%s", addr, folder);
	struct dirent *de;
	bool used = false;
	DIR *dir;

	dir = opendir(path);
	free(path);
	while (dir && !used && (de = readdir(dir)))
		if (de->d_name[0] != '.')
			used = fn(dirfd(dir), de->d_name, buf, len);
	if (dir)
		closedir(dir);
	return used;
}

static bool net_up(int dir, const char *name, char *buf, size_t len)
{
	char file[300];
	long long flags;

	snprintf(file, sizeof(file), "%s/flags", name);
	if (qfile_read_ll(dir, file, &flags) || !(flags & 1))
		return false;
	snprintf(buf, len, "its network interface %.32s is up", name);
	return true;
}

/* "usb3" is a controller's root hub; what is plugged in is called "3-1" below it. */
static bool usb_plugged(int dir, const char *name, char *buf, size_t len)
{
	char file[320], product[48];
	struct dirent *de;
	bool used = false;
	DIR *hub;
	int fd;

	if (strncmp(name, "usb", 3) || !isdigit((unsigned char)name[3]))
		return false;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	hub = fd < 0 ? NULL : fdopendir(fd);
	while (hub && !used && (de = readdir(hub))) {
		if (!isdigit((unsigned char)de->d_name[0]) || !strchr(de->d_name, '-') ||
		    strchr(de->d_name, ':'))
			continue;
		snprintf(file, sizeof(file), "%s/product", de->d_name);
		if (qfile_read(fd, file, product, sizeof(product)) <= 0)
			snprintf(product, sizeof(product), "device");
		snprintf(buf, len, "USB %.32s (%s) is plugged into it", de->d_name, product);
		used = true;
	}
	if (hub)
		closedir(hub);
	return used;
}

void qholders_host_use(const char *addr, char *buf, size_t len)
{
	buf[0] = '\0';
	if (use_of_disks(addr, buf, len) || each(addr, "net", net_up, buf, len) ||
	    each(addr, ".", usb_plugged, buf, len))
		return;
	buf[0] = '\0';
}
