// SPDX-License-Identifier: GPL-2.0-only
#include "vm/render.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <linux/types.h>

#include "util/file.h"
#include "util/mem.h"

/* Of drm/virtgpu_drm.h, which libc's headers have not: 3D_FEATURES, asked of virtio-gpu. */
struct virtgpu_getparam {
	__u64 param;
	__u64 value;
};
#define VIRTGPU_GETPARAM    _IOWR('d', 0x43, struct virtgpu_getparam)
#define VIRTGPU_3D_FEATURES 1

/* Attributes of a PCI function by which it is known, and the head of its config space. */
static const char *const ids[] = { "vendor",	       "device",   "subsystem_vendor",
				   "subsystem_device", "revision", "class" };
#define CONFIG_HEAD 64
/* How long a uevent may be, in bytes; the kernel has 2048. */
#define UEVENT_MAX 4096

/* The address of the innermost PCI function on a path; cut: the path then ends with it. */
static void find_pci(const char *path, char addr[QPCI_ADDR_LEN], size_t *len)
{
	const char *p, *end;
	char name[32];

	addr[0] = '\0';
	for (p = path; p; p = *end ? end + 1 : NULL) {
		char full[QPCI_ADDR_LEN];

		end = strchrnul(p, '/');
		snprintf(name, sizeof(name), "%.*s", (int)(end - p), p);
		if (!qpci_parse_addr(name, full) || strcmp(name, full))
			continue;
		memcpy(addr, full, sizeof(full));
		*len = end - path;
	}
}

/* What a node of DRM's is; false: none of a GPU. */
static bool look(const char *sys, const char *name, struct qvm_render *r)
{
	char path[PATH_MAX], root[PATH_MAX], real[PATH_MAX];
	size_t len;

	snprintf(path, sizeof(path), "%s/class/drm/%s/device/driver", sys, name);
	if (qfile_link_name(AT_FDCWD, path, r->driver, sizeof(r->driver)))
		return false;
	path[strlen(path) - strlen("/driver")] = '\0';
	if (!realpath(sys, root) || !realpath(path, real))
		return false;
	len = strlen(root);
	if (strncmp(real, root, len) || real[len] != '/')
		return false;
	snprintf(r->device, sizeof(r->device), "%s", real + len + 1);
	snprintf(r->path, sizeof(r->path), "/dev/dri/%s", name);
	find_pci(r->device, r->addr, &len);
	return true;
}

bool qvm_render_draws(const struct qvm_render *r)
{
	int fd, ret, value = 0;
	struct virtgpu_getparam p = { .param = VIRTGPU_3D_FEATURES, .value = (uintptr_t)&value };

	/* The node is the virtio device's or, on newer kernels, that of the PCI function above. */
	if (strcmp(r->driver, "virtio_gpu") && strcmp(r->driver, "virtio-pci"))
		return true;
	fd = open(r->path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return true;
	ret = ioctl(fd, VIRTGPU_GETPARAM, &p);
	close(fd);
	return ret || value;
}

int qvm_render_open(const struct qvm_render *r, const char *sys, struct qerr *e)
{
	char path[PATH_MAX], root[PATH_MAX], now[PATH_MAX] = "";
	int fd = open(r->path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	size_t len;

	if (fd < 0)
		return qerr_sys(e, errno, "%s, the render node of %s", r->path, qvm_render_name(r));
	/* Another GPU may have its number by now. */
	if (!fstat(fd, &st) && realpath(sys, root)) {
		len = strlen(root);
		snprintf(path, sizeof(path), "%s/dev/char/%u:%u/device", sys, major(st.st_rdev),
			 minor(st.st_rdev));
		if (realpath(path, now) && !strncmp(now, root, len) && now[len] == '/' &&
		    !strcmp(now + len + 1, r->device))
			return fd;
	}
	close(fd);
	return qerr_set(e, ENODEV, "%s is no longer the render node of %s", r->path,
			qvm_render_name(r));
}

static bool is_boot_vga(const char *sys, const char *addr)
{
	char *path = qmem_printf("%s/bus/pci/devices/%s/boot_vga", sys, addr);
	long long value = 0;
	bool is = addr[0] && !qfile_read_ll(AT_FDCWD, path, &value) && value == 1;

	free(path);
	return is;
}

static unsigned int minor_of(const struct qvm_render *r)
{
	return atoi(r->path + strlen("/dev/dri/renderD"));
}

/* Is @a to be taken rather than @b? */
static bool better(const char *sys, const struct qvm_render *a, const struct qvm_render *b)
{
	bool boot[2] = { is_boot_vga(sys, a->addr), is_boot_vga(sys, b->addr) };

	return boot[0] != boot[1] ? boot[0] : minor_of(a) < minor_of(b);
}

int qvm_render_find(const char *sys, const char *addr, struct qvm_render *r, struct qerr *e)
{
	char *pattern = qmem_printf("%s/class/drm/renderD*", sys);
	struct qvm_render one;
	bool found = false;
	glob_t list;
	size_t i;

	glob(pattern, 0, NULL, &list);
	free(pattern);
	for (i = 0; i < list.gl_pathc; i++) {
		if (!look(sys, strrchr(list.gl_pathv[i], '/') + 1, &one) ||
		    (addr ? strcmp(addr, one.addr) : !qvm_render_draws(&one)) ||
		    (found && !better(sys, &one, r)))
			continue;
		*r = one;
		found = true;
	}
	globfree(&list);
	if (found)
		return 0;
	memset(r, 0, sizeof(*r));
	if (addr)
		return qerr_set(
			e, ENODEV,
			"%s has no render node: it needs a kernel driver that has one (now: see 'qwamos-gpu detect')",
			addr);
	return qerr_set(e, ENODEV, "no GPU of this computer has a render node that draws in 3D");
}

const char *qvm_render_name(const struct qvm_render *r)
{
	return r->addr[0] ? r->addr : r->path;
}

/* The first bytes of an attribute. Return: their number or a negative errno. */
static ssize_t head(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, len);
	n = n < 0 ? -errno : n;
	close(fd);
	return n;
}

/* An attribute as it is; one that is not there is not there either. */
static void add_copy(struct qsandbox *s, const char *sys, const char *device, const char *attr,
		     size_t max)
{
	char from[PATH_MAX], to[PATH_MAX], buf[UEVENT_MAX];
	ssize_t n;

	snprintf(from, sizeof(from), "%s/%s/%s", sys, device, attr);
	snprintf(to, sizeof(to), "/sys/%s/%s", device, attr);
	n = head(from, buf, max);
	if (n >= 0)
		qsandbox_add_text(s, to, buf, n);
}

/* What kind of device one is. Return: 0 or a negative errno. */
static int add_device(struct qsandbox *s, const char *sys, const char *device, struct qerr *e)
{
	char path[PATH_MAX], name[64], *target;
	int ret;

	snprintf(path, sizeof(path), "%s/%s/subsystem", sys, device);
	ret = qfile_link_name(AT_FDCWD, path, name, sizeof(name));
	if (ret)
		return qerr_sys(e, -ret, "%s", path);
	snprintf(path, sizeof(path), "/sys/%s/subsystem", device);
	target = qmem_printf("/sys/bus/%s", name);
	qsandbox_add_link(s, path, target);
	free(target);
	add_copy(s, sys, device, "uevent", UEVENT_MAX);
	return 0;
}

int qvm_render_add_sysfs(const struct qvm_render *r, const char *sys,
			 const struct qsandbox_node *node, struct qsandbox *s, struct qerr *e)
{
	char path[PATH_MAX], pci[PATH_MAX], addr[QPCI_ADDR_LEN], *text;
	size_t i, len = 0;
	int ret;

	ret = add_device(s, sys, r->device, e);
	if (ret)
		return ret;
	find_pci(r->device, addr, &len);
	if (addr[0]) {
		snprintf(pci, sizeof(pci), "%.*s", (int)len, r->device);
		if (strcmp(pci, r->device))
			ret = add_device(s, sys, pci, e);
		for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
			add_copy(s, sys, pci, ids[i], 32);
		add_copy(s, sys, pci, "config", CONFIG_HEAD);
	}
	/* The node itself, under the number that it has in the sandbox. */
	snprintf(path, sizeof(path), "/sys/%s/drm/renderD%u/uevent", r->device, node->minor);
	text = qmem_printf("MAJOR=%u\nMINOR=%u\nDEVNAME=%s\nDEVTYPE=drm_minor\n", node->major,
			   node->minor, node->path);
	qsandbox_add_text(s, path, text, strlen(text));
	free(text);
	text = qmem_printf("/sys/%s", r->device);
	snprintf(path, sizeof(path), "/sys/%s/drm/renderD%u/device", r->device, node->minor);
	qsandbox_add_link(s, path, text);
	free(text);
	text = qmem_printf("/sys/%s/drm/renderD%u", r->device, node->minor);
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u", node->major, node->minor);
	qsandbox_add_link(s, path, text);
	free(text);
	return ret;
}
