// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/nodes.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util/file.h"
#include "util/mem.h"

/* Deeper than a USB stick behind hubs on a companion's controller nothing is looked at. */
#define MAX_DEPTH 16

/* What follows @start in @text, or NULL if @text does not start so. */
static const char *after(const char *text, const char *start)
{
	while (*start && *text == *start) {
		text++;
		start++;
	}
	return *start ? NULL : text;
}

/* What follows @key ("MAJOR=") in an uevent, up to the end of the line and beyond; or NULL */
static const char *value_of(const char *uevent, const char *key)
{
	const char *line, *value = NULL;

	for (line = uevent; line && !value; line = strchr(line, '\n'), line += !!line)
		value = after(line, key);
	return value;
}

/* All from one file: of many devices, what is read is what takes the time. */
static bool read_node(int dir, struct qnode *node)
{
	const char *major, *minor, *name, *type;
	char text[512];

	if (qfile_read(dir, "uevent", text, sizeof(text)) < 0)
		return false;
	major = value_of(text, "MAJOR=");
	minor = value_of(text, "MINOR=");
	if (!major || !minor)
		return false;
	memset(node, 0, sizeof(*node));
	node->rdev = makedev(strtoll(major, NULL, 10), strtoll(minor, NULL, 10));
	type = value_of(text, "DEVTYPE=");
	node->block = type && (after(type, "disk") || after(type, "partition"));
	name = value_of(text, "DEVNAME=");
	if (name)
		snprintf(node->name, sizeof(node->name), "%.*s", (int)strcspn(name, "\n"), name);
	return true;
}

static void walk(int dir, unsigned int depth, struct qnode **nodes, size_t *n)
{
	struct qnode node;
	struct dirent *de;
	DIR *d;
	int sub;

	d = fdopendir(dir);
	if (!d) {
		close(dir);
		return;
	}
	while ((de = readdir(d))) {
		if (depth && !strcmp(de->d_name, "dev") && read_node(dir, &node))
			*QMEM_GROW(*nodes, *n) = node;
		if (de->d_type != DT_DIR || de->d_name[0] == '.' || !strcmp(de->d_name, "power") ||
		    !strcmp(de->d_name, "link") || !strcmp(de->d_name, "msi_irqs") ||
		    depth == MAX_DEPTH)
			continue;
		sub = openat(dir, de->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (sub >= 0)
			walk(sub, depth + 1, nodes, n);
	}
	closedir(d);
}

void qnodes_gather(const char *addr, struct qnode **nodes, size_t *n)
{
	char *path = qmem_printf("/sys/bus/pci/devices/%s/", addr);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	free(path);
	if (dir >= 0)
		walk(dir, 0, nodes, n);
}

void qnodes_group(int group, struct qnode **nodes, size_t *n)
{
	char *path = qmem_printf("/sys/class/vfio/%d", group);
	struct qnode node;
	int dir;

	dir = group < 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(path);
	if (dir < 0)
		return;
	if (read_node(dir, &node))
		*QMEM_GROW(*nodes, *n) = node;
	close(dir);
}
