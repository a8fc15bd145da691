// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/below.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
static bool read_node(int dir, struct qbelow_node *node)
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

/* A walk: what it has found, and the NVMe controllers that it has seen. */
struct below_walk {
	struct qbelow *b;
	char (*controllers)[32];
	size_t n_controllers;
};

/* "1-1.2", the name of a USB device; its interfaces are called "1-1.2:1.0". */
static bool is_usb_device(const char *name)
{
	return isdigit((unsigned char)name[0]) && strchr(name, '-') && !strchr(name, ':');
}

static bool is_root_hub(const char *name)
{
	return !strncmp(name, "usb", 3) && isdigit((unsigned char)name[3]);
}

static void add_usb_device(int dir, const char *name, struct qbelow *b)
{
	char file[320];

	if (b->usb_device[0])
		return;
	snprintf(b->usb_device, sizeof(b->usb_device), "%.31s", name);
	snprintf(file, sizeof(file), "%s/product", name);
	if (qfile_read(dir, file, b->usb_product, sizeof(b->usb_product)) <= 0)
		snprintf(b->usb_product, sizeof(b->usb_product), "device");
}

/* A mediated device is called by its UUID, and links to its type. */
static bool is_mdev(int dir, const char *name)
{
	char file[320];

	if (strlen(name) != 36 || name[8] != '-' || name[13] != '-')
		return false;
	snprintf(file, sizeof(file), "%s/mdev_type", name);
	return qfile_exists(dir, file);
}

static void read_netif(int folder, const char *name, struct qnetif *n)
{
	char file[300];
	struct dirent *de;
	long long flags;
	DIR *dir;

	memset(n, 0, sizeof(*n));
	snprintf(n->name, sizeof(n->name), "%.31s", name);
	snprintf(file, sizeof(file), "%s/flags", name);
	n->up = !qfile_read_ll(folder, file, &flags) && flags & 1;
	dir = qfile_opendir(folder, name);
	while (dir && (de = readdir(dir)))
		if (after(de->d_name, "upper_"))
			snprintf(n->upper, sizeof(n->upper), "%.31s", after(de->d_name, "upper_"));
	if (dir)
		closedir(dir);
}

/*
 * The folder "net" of a device. Interfaces of other network namespaces are not shown, but its link
 * count includes them: sysfs counts folders, whoever may see them.
 */
static void read_netifs(int parent, struct qbelow *b)
{
	struct dirent *de;
	struct stat st;
	size_t seen = 0;
	DIR *dir;

	dir = qfile_opendir(parent, "net");
	if (!dir)
		return;
	while ((de = readdir(dir))) {
		if (de->d_name[0] == '.' || de->d_type != DT_DIR)
			continue;
		read_netif(dirfd(dir), de->d_name, QMEM_GROW(b->netifs, b->n_netifs));
		seen++;
	}
	if (!fstat(dirfd(dir), &st) && st.st_nlink > 2 + seen)
		b->netifs_elsewhere += st.st_nlink - 2 - seen;
	closedir(dir);
}

static bool is_hidden(int disk)
{
	long long hidden;

	return !qfile_read_ll(disk, "hidden", &hidden) && hidden;
}

static void walk_folder(int dir, const char *self, unsigned int depth, struct below_walk *w);

/* What the entry @name of the folder @self tells by its name; no entry is opened for nothing. */
static void look_at(int dir, const char *self, const char *name, struct below_walk *w)
{
	if (!strcmp(name, "net"))
		read_netifs(dir, w->b);
	else if (is_root_hub(name))
		w->b->usb_hub = true;
	else if (is_root_hub(self) && is_usb_device(name))
		add_usb_device(dir, name, w->b);
	else if (!strcmp(self, "nvme"))
		snprintf(*QMEM_GROW(w->controllers, w->n_controllers), sizeof(*w->controllers),
			 "%.31s", name);
	else if (is_mdev(dir, name))
		snprintf(*QMEM_GROW(w->b->mdevs, w->b->n_mdevs), sizeof(*w->b->mdevs), "%.39s",
			 name);
}

static bool to_be_walked(const struct dirent *de)
{
	return de->d_type == DT_DIR && de->d_name[0] != '.' && strcmp(de->d_name, "power") &&
	       strcmp(de->d_name, "link") && strcmp(de->d_name, "msi_irqs");
}

static void walk_folder(int dir, const char *self, unsigned int depth, struct below_walk *w)
{
	struct qbelow_node node;
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
			*QMEM_GROW(w->b->nodes, w->b->n_nodes) = node;
		if (!strcmp(de->d_name, "hidden") && is_hidden(dir))
			snprintf(*QMEM_GROW(w->b->lost_disks, w->b->n_lost_disks),
				 sizeof(*w->b->lost_disks), "%.31s", self);
		if (!to_be_walked(de) || depth == MAX_DEPTH)
			continue;
		look_at(dir, self, de->d_name, w);
		sub = openat(dir, de->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (sub >= 0)
			walk_folder(sub, de->d_name, depth + 1, w);
	}
	closedir(d);
}

static bool has_controller(int subsystem, const struct below_walk *w)
{
	size_t i;

	for (i = 0; i < w->n_controllers; i++)
		if (qfile_exists(subsystem, w->controllers[i]))
			return true;
	return false;
}

/* The disks of NVMe multipath stand below subsystems, which link to their controllers. */
static void walk_subsystems(struct below_walk *w)
{
	DIR *dir = w->n_controllers ? opendir("/sys/class/nvme-subsystem") : NULL;
	struct dirent *de;
	int sub;

	while (dir && (de = readdir(dir))) {
		if (de->d_name[0] == '.')
			continue;
		sub = openat(dirfd(dir), de->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (sub >= 0 && has_controller(sub, w))
			walk_folder(sub, de->d_name, 1, w);
		else if (sub >= 0)
			close(sub);
	}
	if (dir)
		closedir(dir);
}

/* "nvme2c0n1", controller 0's hidden part of the disk "nvme2n1" */
static bool head_found(const struct qbelow *b, const char *hidden)
{
	int subsystem, controller, ns;
	char head[64];
	size_t i;

	if (sscanf(hidden, "nvme%dc%dn%d", &subsystem, &controller, &ns) != 3)
		return false;
	snprintf(head, sizeof(head), "nvme%dn%d", subsystem, ns);
	for (i = 0; i < b->n_nodes; i++)
		if (b->nodes[i].block && !strcmp(b->nodes[i].name, head))
			return true;
	return false;
}

static void drop_found_disks(struct qbelow *b)
{
	size_t i, left = 0;

	for (i = 0; i < b->n_lost_disks; i++)
		if (!head_found(b, b->lost_disks[i]))
			memmove(b->lost_disks[left++], b->lost_disks[i], sizeof(*b->lost_disks));
	b->n_lost_disks = left;
}

void qbelow_gather(const char *addr, struct qbelow *b)
{
	char *path = qmem_printf("/sys/bus/pci/devices/%s/", addr);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct below_walk w = { .b = b };

	memset(b, 0, sizeof(*b));
	free(path);
	if (dir < 0)
		return;
	walk_folder(dir, addr, 0, &w);
	walk_subsystems(&w);
	drop_found_disks(b);
	free(w.controllers);
}

void qbelow_free(struct qbelow *b)
{
	free(b->nodes);
	free(b->netifs);
	free(b->lost_disks);
	free(b->mdevs);
	memset(b, 0, sizeof(*b));
}

bool qnode_read(const char *path, struct qbelow_node *node)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool found;

	if (dir < 0)
		return false;
	found = read_node(dir, node);
	close(dir);
	return found;
}
