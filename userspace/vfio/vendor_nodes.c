// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/vendor_nodes.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "util/file.h"
#include "util/mem.h"

#define KFD "/sys/class/kfd/kfd"

/* NVIDIA's: its major, and the minors that are no GPU's, nvidia-modeset and nvidiactl. */
#define NVIDIA_MAJOR	   195
#define NVIDIA_FIRST_OTHER 254

static void add(struct qvendor_node **list, size_t *n, const char *name, dev_t rdev,
		unsigned int minors, bool common)
{
	struct qvendor_node *v = QMEM_GROW(*list, *n);

	snprintf(v->node.name, sizeof(v->node.name), "%s", name);
	v->node.rdev = rdev;
	v->minors = minors;
	v->common = common;
}

/* The number on a line "KEY VALUE" or "KEY: VALUE" of a text, or -1 */
static long long number_of(const char *text, const char *key)
{
	const char *line;
	long long value;
	size_t len = strlen(key);

	for (line = text; line; line = strchr(line, '\n'), line += !!line)
		if (!strncmp(line, key, len) &&
		    sscanf(line + len, line[len] == ':' ? ":%lld" : " %lld", &value) == 1)
			return value;
	return -1;
}

static long long number_in(const char *path, const char *key)
{
	long long value = -1;
	char *text;

	if (qfile_read_all(AT_FDCWD, path, 1 << 16, &text) >= 0) {
		value = number_of(text, key);
		free(text);
	}
	return value;
}

/* The major of a character device of that name: "240 nvidia-uvm" in /proc/devices; or -1 */
static int char_major(const char *name)
{
	char *text, *line, *save, found[64];
	int major, is = -1;

	if (qfile_read_all(AT_FDCWD, "/proc/devices", 1 << 16, &text) < 0)
		return -1;
	for (line = strtok_r(text, "\n", &save); line && strcmp(line, "Block devices:") && is < 0;
	     line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "%d %63s", &major, found) == 2 && !strcmp(found, name))
			is = major;
	free(text);
	return is;
}

/* Without a word of the driver each of its GPUs may be any of the nodes. */
static void add_nvidia(const struct qpci_dev *d, struct qvendor_node **list, size_t *n)
{
	char *path = qmem_printf("/proc/driver/nvidia/gpus/%s/information", d->addr), name[32];
	long long minor = number_in(path, "Device Minor");
	int uvm = char_major("nvidia-uvm");

	free(path);
	if (minor >= 0 && minor < NVIDIA_FIRST_OTHER) {
		snprintf(name, sizeof(name), "nvidia%lld", minor);
		add(list, n, name, makedev(NVIDIA_MAJOR, minor), 1, false);
	} else {
		add(list, n, "nvidia", makedev(NVIDIA_MAJOR, 0), NVIDIA_FIRST_OTHER, false);
	}
	if (uvm >= 0)
		add(list, n, "nvidia-uvm", makedev(uvm, 0), 1, true);
}

/*
 * Is the GPU one of ROCm's, by its topology? A node tells domain and location, which is the bus
 * and the function's number on it. Where there is no GPU in the topology at all, it can't be told.
 */
static bool kfd_has(const struct qpci_dev *d)
{
	unsigned int domain, bus, slot, func;
	bool any = false, has = false;
	long long id;
	struct dirent *de;
	char path[320];
	DIR *dir;

	if (sscanf(d->addr, "%x:%x:%x.%x", &domain, &bus, &slot, &func) != 4)
		return true;
	dir = opendir(KFD "/topology/nodes");
	while (dir && !has && (de = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/gpu_id", de->d_name);
		if (de->d_name[0] == '.' || qfile_read_ll(dirfd(dir), path, &id) || !id)
			continue;
		any = true;
		snprintf(path, sizeof(path), KFD "/topology/nodes/%.200s/properties", de->d_name);
		has = number_in(path, "location_id") == (bus << 8 | slot << 3 | func) &&
		      (number_in(path, "domain") == domain || number_in(path, "domain") < 0);
	}
	if (dir)
		closedir(dir);
	return has || !any;
}

/* A process of ROCm's has a part in all GPUs of the topology from its start. */
static void add_kfd(const struct qpci_dev *d, struct qvendor_node **list, size_t *n)
{
	struct qbelow_node node;

	if (qnode_read(KFD, &node) && kfd_has(d))
		add(list, n, node.name, node.rdev, 1, false);
}

bool qvendor_nodes_own(dev_t rdev)
{
	return major(rdev) == NVIDIA_MAJOR && minor(rdev) < NVIDIA_FIRST_OTHER;
}

void qvendor_nodes_add(const struct qpci_dev *d, struct qvendor_node **list, size_t *n)
{
	if (!strcmp(d->driver, "nvidia"))
		add_nvidia(d, list, n);
	else if (!strcmp(d->driver, "amdgpu"))
		add_kfd(d, list, n);
}
