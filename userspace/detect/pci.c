// SPDX-License-Identifier: GPL-2.0-only
#include "detect/pci.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/file.h"
#include "util/mem.h"

#define CLASS_DISPLAY	  0x03
#define CLASS_ACCELERATOR 0x12
#define HEADER_TYPE	  0x0e

static uint32_t read_hex(int dir, const char *path)
{
	long long n;

	return qfile_read_ll(dir, path, &n) ? 0 : n;
}

/*
 * Its class is all that is read of every device of the machine, so that a list costs no more than
 * it must.
 */
static bool read_class(int bus, const char *addr, struct qpci_dev *d)
{
	char path[QPCI_ADDR_LEN + 16];
	long long n;

	memset(d, 0, sizeof(*d));
	if (strlen(addr) >= sizeof(d->addr))
		return false;
	memcpy(d->addr, addr, strlen(addr) + 1);
	snprintf(path, sizeof(path), "%s/class", addr);
	if (qfile_read_ll(bus, path, &n))
		return false;
	d->class_code = n;
	d->group = -1;
	d->vfs = -1;
	if (d->class_code >> 16 == CLASS_DISPLAY || d->class_code >> 16 == CLASS_ACCELERATOR)
		d->kind = QPCI_GPU;
	return true;
}

static bool is_bridge(int dev)
{
	unsigned char type;
	bool bridge = false;
	int fd = openat(dev, "config", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		bridge = pread(fd, &type, 1, HEADER_TYPE) == 1 && (type & 0x7f) != 0;
		close(fd);
	}
	return bridge;
}

static int read_group(int dev)
{
	char name[16], *end;
	long group;

	if (qfile_link_name(dev, "iommu_group", name, sizeof(name)))
		return -1;
	group = strtol(name, &end, 10);
	return end == name || *end ? -1 : group;
}

/*
 * "../../../devices/pci0000:00/0000:00:04.0/0000:01:00.0": is the one before the last a host
 * bridge?
 */
static bool on_root_bus(int bus, const char *addr)
{
	char target[PATH_MAX], *p;
	ssize_t n = readlinkat(bus, addr, target, sizeof(target) - 1);

	if (n <= 0)
		return false;
	target[n] = '\0';
	p = strrchr(target, '/');
	if (!p)
		return false;
	*p = '\0';
	p = strrchr(target, '/');
	return p && !strncmp(p, "/pci", 4);
}

/* The rest, for GPUs and what is near them. */
static void read_details(int bus, struct qpci_dev *d)
{
	long long n;
	int dev;

	dev = openat(bus, d->addr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dev < 0)
		return;
	if (d->kind != QPCI_GPU && is_bridge(dev))
		d->kind = QPCI_BRIDGE;
	d->vendor = read_hex(dev, "vendor");
	d->device = read_hex(dev, "device");
	qfile_link_name(dev, "driver", d->driver, sizeof(d->driver));
	d->group = read_group(dev);
	if (d->kind != QPCI_BRIDGE) {
		d->subvendor = read_hex(dev, "subsystem_vendor");
		d->subdevice = read_hex(dev, "subsystem_device");
		qfile_read(dev, "reset_method", d->resets, sizeof(d->resets));
		d->boot_vga = !qfile_read_ll(dev, "boot_vga", &n) && n == 1;
		d->root_bus = on_root_bus(bus, d->addr);
		d->vf = qfile_exists(dev, "physfn");
	}
	close(dev);
}

bool qpci_stand_in(const char *driver)
{
	static const char *const others[] = { "pci-stub", "uio_pci_generic", "igb_uio" };
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!strcmp(driver, others[i]))
			return true;
	/* vfio-pci, and its variants: nvgrace-gpu-vfio-pci, mlx5_vfio_pci, qwamos_vfio_pci. */
	return strstr(driver, "vfio") != NULL;
}

bool qpci_same_slot(const char *a, const char *b)
{
	const char *dot = strchr(a, '.');

	return dot && !strncmp(a, b, dot + 1 - a);
}

static int by_addr(const void *a, const void *b)
{
	return strcmp(((const struct qpci_dev *)a)->addr, ((const struct qpci_dev *)b)->addr);
}

/* Is @d to be looked at: a GPU, or in the slot of one, or of a group with one? */
static bool near_gpu(const struct qpci_dev *d, const struct qpci_dev *all, size_t n)
{
	size_t i;

	if (d->kind == QPCI_GPU)
		return true;
	for (i = 0; i < n; i++)
		if (all[i].kind == QPCI_GPU && (qpci_same_slot(d->addr, all[i].addr) ||
						(d->group >= 0 && d->group == all[i].group)))
			return true;
	return false;
}

/*
 * Calls @fn for each device of a group, by the group's own list: one directory, instead of one link
 * for each device of the machine.
 */
static void for_members(const char *sys, int group, void (*fn)(void *arg, const char *addr),
			void *arg)
{
	char *path = qmem_printf("%s/kernel/iommu_groups/%d/devices", sys, group);
	struct dirent *de;
	DIR *dir;

	dir = opendir(path);
	free(path);
	while (dir && (de = readdir(dir)))
		if (de->d_name[0] != '.')
			fn(arg, de->d_name);
	if (dir)
		closedir(dir);
}

struct bus {
	const char *sys;
	int fd;
	int group;
	struct qpci_dev *all;
	size_t n;
};

static void mark_member(void *arg, const char *addr)
{
	struct bus *b = arg;
	size_t i;

	for (i = 0; i < b->n; i++)
		if (!strcmp(b->all[i].addr, addr))
			b->all[i].group = b->group;
}

static void add_device(void *arg, const char *addr)
{
	struct bus *b = arg;
	struct qpci_dev d;
	size_t i;

	for (i = 0; i < b->n; i++)
		if (!strcmp(b->all[i].addr, addr))
			return;
	if (read_class(b->fd, addr, &d))
		*QMEM_GROW(b->all, b->n) = d;
}

/* Only some devices, and what goes with them. */
static void add_near(struct bus *b, const char *addr)
{
	char other[QPCI_ADDR_LEN];
	size_t len = strlen(addr), i, n;
	int dev, group;

	add_device(b, addr);
	for (i = 0; i < 8; i++) {
		memcpy(other, addr, len + 1);
		other[len - 1] = '0' + i;
		if (qfile_exists(b->fd, other))
			add_device(b, other);
	}
	n = b->n;
	for (i = 0; i < n; i++) {
		if (!qpci_same_slot(b->all[i].addr, addr))
			continue;
		dev = openat(b->fd, b->all[i].addr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		group = dev < 0 ? -1 : read_group(dev);
		if (dev >= 0)
			close(dev);
		if (group >= 0)
			for_members(b->sys, group, add_device, b);
	}
}

static bool read_iommu(const char *sys)
{
	char *path = qmem_printf("%s/class/iommu", sys);
	struct dirent *de;
	bool found = false;
	DIR *dir;

	dir = opendir(path);
	free(path);
	if (!dir)
		return false;
	while (!found && (de = readdir(dir)))
		found = de->d_name[0] != '.';
	closedir(dir);
	return found;
}

int qpci_gather(const char *sys, const char (*only)[QPCI_ADDR_LEN], size_t n_only,
		struct qpci_list *l, struct qerr *e)
{
	char *path = qmem_printf("%s/bus/pci/devices", sys);
	struct bus b = { .sys = sys };
	struct dirent *de;
	struct qpci_dev *d;
	int err = 0;
	size_t i;
	DIR *dir;

	memset(l, 0, sizeof(*l));
	dir = opendir(path);
	if (!dir && errno != ENOENT)
		err = qerr_sys(e, errno, "%s", path);
	free(path);
	if (!dir)
		return err;
	b.fd = dirfd(dir);
	for (i = 0; i < n_only && only; i++)
		add_near(&b, only[i]);
	while (!only && (de = readdir(dir)))
		if (de->d_name[0] != '.')
			add_device(&b, de->d_name);
	if (b.n > 1)
		qsort(b.all, b.n, sizeof(*b.all), by_addr);
	for (i = 0; i < b.n; i++)
		if (b.all[i].kind == QPCI_GPU)
			read_details(b.fd, &b.all[i]);
	for (i = 0; i < b.n; i++) {
		b.group = b.all[i].group;
		if (b.all[i].kind == QPCI_GPU && b.group >= 0)
			for_members(sys, b.group, mark_member, &b);
	}
	for (i = 0; i < b.n; i++) {
		d = &b.all[i];
		if (!near_gpu(d, b.all, b.n)) {
			memcpy(*QMEM_GROW(l->others, l->n_others), d->addr, QPCI_ADDR_LEN);
			continue;
		}
		if (d->kind != QPCI_GPU)
			read_details(b.fd, d);
		*QMEM_GROW(l->devs, l->n) = *d;
	}
	closedir(dir);
	free(b.all);
	l->iommu = read_iommu(sys);
	return 0;
}

void qpci_list_free(struct qpci_list *l)
{
	free(l->devs);
	free(l->others);
	memset(l, 0, sizeof(*l));
}

struct qpci_dev *qpci_find(const struct qpci_list *l, const char *addr)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (!strcmp(l->devs[i].addr, addr))
			return &l->devs[i];
	return NULL;
}

bool qpci_is_other(const struct qpci_list *l, const char *addr)
{
	size_t i;

	for (i = 0; i < l->n_others; i++)
		if (!strcmp(l->others[i], addr))
			return true;
	return false;
}

/* @digits hex digits, and then @end. */
static bool hex(const char **p, unsigned int digits, char end, unsigned int *value)
{
	unsigned int i;

	*value = 0;
	for (i = 0; i < digits; i++, (*p)++) {
		char c = **p;

		if (c >= '0' && c <= '9')
			*value = *value * 16 + (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			*value = *value * 16 + ((c | 0x20) - 'a' + 10);
		else
			return false;
	}
	return *(*p)++ == end;
}

bool qpci_parse_addr(const char *text, char addr[QPCI_ADDR_LEN])
{
	unsigned int domain = 0, bus, slot, func;
	const char *p = text;

	addr[0] = '\0';
	/* Domains may have more than four digits (VMD: 10000). */
	if (strchr(p, ':') != strrchr(p, ':')) {
		size_t digits = strcspn(p, ":");

		if (digits < 4 || digits > 8 || !hex(&p, digits, ':', &domain))
			return false;
	}
	if (!hex(&p, 2, ':', &bus) || !hex(&p, 2, '.', &slot) || slot > 0x1f ||
	    !hex(&p, 1, '\0', &func) || func > 7)
		return false;
	snprintf(addr, QPCI_ADDR_LEN, "%04x:%02x:%02x.%x", domain, bus, slot, func);
	return true;
}
