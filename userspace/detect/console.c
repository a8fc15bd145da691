// SPDX-License-Identifier: GPL-2.0-only
#include "detect/console.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/file.h"
#include "util/mem.h"

/* Names under which firmware framebuffers stand in /proc/iomem. */
static const char *const fw_holders[] = {
	"BOOTFB", "simplefb", "simpledrm", "simple-framebuffer", "efifb", "vesafb", "ofdrm",
};

/* Is the text console on framebuffers at all? */
static bool fbcon_bound(const char *sys)
{
	char *path = qmem_printf("%s/class/vtconsole", sys);
	char file[300], name[64];
	struct dirent *de;
	bool bound = false;
	long long on;
	DIR *dir;

	dir = opendir(path);
	free(path);
	if (!dir)
		return false;
	while (!bound && (de = readdir(dir))) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/name", de->d_name);
		qfile_read(dirfd(dir), file, name, sizeof(name));
		snprintf(file, sizeof(file), "%s/bind", de->d_name);
		bound = strstr(name, "frame buffer") && !qfile_read_ll(dirfd(dir), file, &on) && on;
	}
	closedir(dir);
	return bound;
}

/* The framebuffer of the first console, by asking fbcon; fb0 where it does not answer. */
static int console_fb(const char *dev)
{
	struct fb_con2fbmap map = { .console = 1 };
	char *path = qmem_printf("%s/fb0", dev);
	int fd, fb = -1;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	free(path);
	if (fd >= 0) {
		fb = 0;
		if (!ioctl(fd, FBIOGET_CON2FBMAP, &map))
			fb = map.framebuffer < 32 ? (int)map.framebuffer : -1;
		close(fd);
	}
	return fb;
}

static void gather_fw(const char *proc, struct qdetect_console *c)
{
	char *path = qmem_printf("%s/iomem", proc), *text, *line, *save, *name;
	struct qconsole_fw *fw;
	uint64_t start, end;
	ssize_t len;
	size_t i;

	len = qfile_read_all(AT_FDCWD, path, 1 << 20, &text);
	free(path);
	if (len < 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		name = strstr(line, " : ");
		if (!name || c->n_fw == sizeof(c->fw) / sizeof(c->fw[0]) ||
		    sscanf(line, " %" SCNx64 "-%" SCNx64, &start, &end) != 2 || !end)
			continue;
		name += 3;
		for (i = 0; i < sizeof(fw_holders) / sizeof(fw_holders[0]); i++)
			if (!strncmp(name, fw_holders[i], strlen(fw_holders[i])))
				break;
		if (i == sizeof(fw_holders) / sizeof(fw_holders[0]))
			continue;
		fw = &c->fw[c->n_fw++];
		fw->start = start;
		fw->end = end;
		snprintf(fw->holder, sizeof(fw->holder), "%s", name);
	}
	free(text);
}

void qconsole_gather_fw(const char *proc, struct qdetect_console *c)
{
	memset(c, 0, sizeof(*c));
	c->fb = -1;
	gather_fw(proc, c);
}

void qconsole_gather(const char *sys, const char *proc, const char *dev, bool firmware,
		     struct qdetect_console *c)
{
	char *path;

	memset(c, 0, sizeof(*c));
	c->fb = -1;
	if (firmware)
		gather_fw(proc, c);
	if (!fbcon_bound(sys))
		return;
	c->fb = console_fb(dev);
	if (c->fb < 0)
		return;
	path = qmem_printf("%s/class/graphics/fb%d/device", sys, c->fb);
	qfile_link_name(AT_FDCWD, path, c->device, sizeof(c->device));
	/* virtio-gpu: the framebuffer's device is the virtio one, whose parent is the PCI function.
	 */
	if (!strncmp(c->device, "virtio", 6)) {
		char *up = qmem_printf("%s/..", path), *real = realpath(up, NULL);

		if (real)
			snprintf(c->device, sizeof(c->device), "%.63s", strrchr(real, '/') + 1);
		free(real);
		free(up);
	}
	free(path);
}

const char *qconsole_fw_holder(const struct qdetect_console *c, const char *sys, const char *addr)
{
	char *path, *text, *line, *save;
	const char *holder = NULL;
	uint64_t start, end;
	size_t i;

	if (!c->n_fw)
		return NULL;
	path = qmem_printf("%s/bus/pci/devices/%s/resource", sys, addr);
	if (qfile_read_all(AT_FDCWD, path, 1 << 16, &text) >= 0) {
		for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			if (sscanf(line, "0x%" SCNx64 " 0x%" SCNx64, &start, &end) != 2 || !end)
				continue;
			for (i = 0; i < c->n_fw; i++)
				if (c->fw[i].start <= end && c->fw[i].end >= start)
					holder = c->fw[i].holder;
		}
		free(text);
	}
	free(path);
	return holder;
}
