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

static bool read_node(int dir, struct qnode *node)
{
	char text[512], subsystem[32], *name;
	unsigned int major, minor;

	if (qfile_read(dir, "dev", text, sizeof(text)) < 0 ||
	    sscanf(text, "%u:%u", &major, &minor) != 2)
		return false;
	memset(node, 0, sizeof(*node));
	node->rdev = makedev(major, minor);
	qfile_link_name(dir, "subsystem", subsystem, sizeof(subsystem));
	node->block = !strcmp(subsystem, "block");
	if (qfile_read(dir, "uevent", text, sizeof(text)) < 0)
		return true;
	name = strstr(text, "DEVNAME=");
	if (name)
		snprintf(node->name, sizeof(node->name), "%.*s", (int)strcspn(name + 8, "\n"),
			 name + 8);
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
		    !strcmp(de->d_name, "msi_irqs") || depth == MAX_DEPTH)
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
