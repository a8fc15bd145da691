// SPDX-License-Identifier: GPL-2.0-only
/*
 * The whole userland of the demo's nested guests: looks into a GPU's video memory for what another
 * VM may have left, leaves something there itself, loads the kernel's own driver for the other GPU,
 * sets a mode, paints a picture, and tells on the serial console what it found. Every line begins
 * with "guest: ". Then waits until it is switched off. With the word "look" on the kernel's command
 * line it only looks.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <drm/drm.h>
#include <drm/drm_mode.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define MAXRES 16
#define FRAMES 2
/* The first row of the picture begins with this colour. */
#define PATTERN 0x00c0ffee
/* What is left in video memory, at so many places, so far from each other. */
#define SECRET	0x5ec2e75eU
#define SECRETS 16
#define STRIDE	0x40000UL
/* The beginning of video memory, where this guest's own firmware may have written. */
#define FIRMWARE 0x40000UL

static void say(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n < 0 || n >= (int)sizeof(line) - 1)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	/* One write for a line, so that the kernel's messages don't come between. */
	if (write(STDOUT_FILENO, line, n) != n)
		reboot(RB_POWER_OFF);
}

static void __attribute__((noreturn)) fail(const char *what)
{
	say("guest: FAILED: %s: %s", what, strerror(errno));
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void load_modules(void)
{
	struct dirent **names;
	int i, n, fd;

	n = scandir("/mods", &names, NULL, alphasort);
	if (n < 0)
		fail("/mods");
	for (i = 0; i < n; i++) {
		/* No text console on the GPU: painting it would take longer than all the rest. */
		const char *param = strstr(names[i]->d_name, "drm_kms_helper") ? "fbdev_emulation=0"
									       : "";
		char path[300];

		if (names[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/mods/%s", names[i]->d_name);
		fd = open(path, O_RDONLY);
		if (fd < 0 || syscall(SYS_finit_module, fd, param, 0))
			fail(path);
		close(fd);
	}
}

static int read_attr(const char *device, const char *attr, char *buf, size_t len)
{
	char path[300];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", device, attr);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	n = read(fd, buf, len - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0 ? 0 : -1;
}

/* Looks into video memory, fills it, and leaves it so: the next VM must not find it. */
static void use_memory(const char *device, int leave)
{
	char path[300], text[4096];
	unsigned long long start, end;
	size_t i, full = 0, secret = 0, bad = 0;
	volatile uint32_t *p;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/enable", device);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "1", 1) != 1)
		fail(path);
	close(fd);
	if (read_attr(device, "resource", text, sizeof(text)) ||
	    sscanf(text, "%llx %llx", &start, &end) != 2 || end - start < SECRETS * STRIDE - 1)
		fail("resource");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", device);
	fd = open(path, O_RDWR);
	p = fd < 0 ? MAP_FAILED
		   : mmap(NULL, SECRETS * STRIDE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		fail(path);
	for (i = 0; i < SECRETS * STRIDE / 4; i++) {
		full += i >= FIRMWARE / 4 && p[i];
		secret += p[i] == SECRET;
	}
	say("guest: the first %lu KiB of the %llu MiB video memory of %s: 0x%08x %zu times, %zu words not zero",
	    SECRETS * STRIDE >> 10, (end - start + 1) >> 20, device, SECRET, secret, full);
	for (i = 0; leave && i < SECRETS; i++)
		p[i * STRIDE / 4] = SECRET;
	for (i = 0; leave && i < SECRETS; i++)
		bad += p[i * STRIDE / 4] != SECRET;
	close(fd);
	if (leave)
		say("guest: left 0x%08x in %d places of it, %zu read back wrong", SECRET, SECRETS,
		    bad);
}

/* The PCI devices that are not bridges, with their drivers. */
static void list_pci(int leave)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *e;

	if (!dir)
		fail("/sys/bus/pci/devices");
	while ((e = readdir(dir))) {
		char path[300], class[16], vendor[16], driver[256] = "";
		ssize_t n;

		if (e->d_name[0] == '.')
			continue;
		if (read_attr(e->d_name, "class", class, 9) ||
		    read_attr(e->d_name, "vendor", vendor, 7))
			fail("class");
		if (!strncmp(class, "0x06", 4))
			continue;
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", e->d_name);
		n = readlink(path, driver, sizeof(driver) - 1);
		say("guest: PCI device %s, vendor %s, class %s, driver %s", e->d_name, vendor,
		    class, n > 0 ? strrchr(driver, '/') + 1 : "none");
		if (!strncmp(class, "0x03", 4) && !strcmp(vendor, "0x1234"))
			use_memory(e->d_name, leave);
	}
	closedir(dir);
}

static int open_card(void)
{
	struct drm_version v = { 0 };
	char name[64] = "", desc[128] = "";
	int fd, i;

	for (i = 0; (fd = open("/dev/dri/card0", O_RDWR | O_CLOEXEC)) < 0; i++) {
		if (i == 100)
			fail("/dev/dri/card0");
		usleep(100000);
	}
	v.name = name;
	v.name_len = sizeof(name) - 1;
	v.desc = desc;
	v.desc_len = sizeof(desc) - 1;
	if (ioctl(fd, DRM_IOCTL_VERSION, &v))
		fail("DRM_IOCTL_VERSION");
	say("guest: DRM driver %s %d.%d.%d (%s)", name, v.version_major, v.version_minor,
	    v.version_patchlevel, desc);
	return fd;
}

struct output {
	uint32_t connector;
	uint32_t crtc;
	struct drm_mode_modeinfo mode;
};

static void find_output(int fd, struct output *out)
{
	uint32_t crtcs[MAXRES], conns[MAXRES], encs[MAXRES];
	static struct drm_mode_modeinfo modes[128];
	struct drm_mode_card_res res = { 0 };
	struct drm_mode_get_connector con = { 0 };
	uint32_t i;

	res.crtc_id_ptr = (uintptr_t)crtcs;
	res.count_crtcs = MAXRES;
	res.connector_id_ptr = (uintptr_t)conns;
	res.count_connectors = MAXRES;
	if (ioctl(fd, DRM_IOCTL_MODE_GETRESOURCES, &res) || !res.count_crtcs ||
	    !res.count_connectors)
		fail("DRM_IOCTL_MODE_GETRESOURCES");
	con.connector_id = conns[0];
	con.modes_ptr = (uintptr_t)modes;
	con.count_modes = 0;
	con.encoders_ptr = (uintptr_t)encs;
	/* The first call probes, the second reads. */
	if (ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &con))
		fail("DRM_IOCTL_MODE_GETCONNECTOR");
	con.count_props = 0;
	con.count_encoders = 0;
	if (con.count_modes > 128)
		con.count_modes = 128;
	if (!con.count_modes || ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &con))
		fail("no mode");
	out->connector = conns[0];
	out->crtc = crtcs[0];
	out->mode = modes[0];
	for (i = 0; i < con.count_modes && i < 128; i++)
		if (modes[i].hdisplay == 640 && modes[i].vdisplay == 480)
			out->mode = modes[i];
}

static uint32_t colour(uint32_t x, uint32_t y, uint32_t tick)
{
	if (!y && x < 256)
		return PATTERN;
	return (x * 2 & 0xff) << 16 | (y & 0xff) << 8 | (tick * 8 & 0xff);
}

static void paint(volatile uint32_t *p, const struct drm_mode_create_dumb *d, uint32_t tick)
{
	uint32_t x, y;

	for (y = 0; y < d->height; y++)
		for (x = 0; x < d->width; x++)
			p[y * d->pitch / 4 + x] = colour(x, y, tick);
}

static void drive(int fd)
{
	struct drm_mode_create_dumb dumb = { 0 };
	struct drm_mode_map_dumb map = { 0 };
	struct drm_mode_fb_cmd fb = { 0 };
	struct drm_mode_crtc crtc = { 0 };
	struct drm_mode_fb_dirty_cmd dirty = { 0 };
	struct output out;
	volatile uint32_t *p;
	uint32_t i, bad = 0, tick;

	find_output(fd, &out);
	dumb.width = out.mode.hdisplay;
	dumb.height = out.mode.vdisplay;
	dumb.bpp = 32;
	if (ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb))
		fail("DRM_IOCTL_MODE_CREATE_DUMB");
	map.handle = dumb.handle;
	if (ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map))
		fail("DRM_IOCTL_MODE_MAP_DUMB");
	p = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, map.offset);
	if (p == MAP_FAILED)
		fail("mmap");
	paint(p, &dumb, 0);
	fb.width = dumb.width;
	fb.height = dumb.height;
	fb.pitch = dumb.pitch;
	fb.bpp = 32;
	fb.depth = 24;
	fb.handle = dumb.handle;
	if (ioctl(fd, DRM_IOCTL_MODE_ADDFB, &fb))
		fail("DRM_IOCTL_MODE_ADDFB");
	crtc.crtc_id = out.crtc;
	crtc.fb_id = fb.fb_id;
	crtc.set_connectors_ptr = (uintptr_t)&out.connector;
	crtc.count_connectors = 1;
	crtc.mode = out.mode;
	crtc.mode_valid = 1;
	if (ioctl(fd, DRM_IOCTL_MODE_SETCRTC, &crtc))
		fail("DRM_IOCTL_MODE_SETCRTC");
	dirty.fb_id = fb.fb_id;
	if (ioctl(fd, DRM_IOCTL_MODE_DIRTYFB, &dirty))
		fail("DRM_IOCTL_MODE_DIRTYFB");
	for (i = 0; i < dumb.width; i++)
		bad += p[i] != colour(i, 0, 0);
	say("guest: mode set: %ux%u, picture painted, %u pixels read back wrong", dumb.width,
	    dumb.height, bad);
	for (tick = 1; tick <= FRAMES; tick++) {
		paint(p, &dumb, tick);
		if (ioctl(fd, DRM_IOCTL_MODE_DIRTYFB, &dirty))
			fail("DRM_IOCTL_MODE_DIRTYFB");
	}
	say("guest: driving: %d more frames painted", FRAMES);
	/* The picture stays on the screen for as long as the card is open. */
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	int look = argc > 1 && !strcmp(argv[1], "look");

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) || mount("sys", "/sys", "sysfs", 0, NULL))
		fail("mount");
	if (mount("dev", "/dev", "devtmpfs", 0, NULL) && errno != EBUSY)
		fail("mount /dev");
	if (fcntl(STDOUT_FILENO, F_GETFD) < 0) {
		int fd = open("/dev/console", O_RDWR);

		dup2(fd, STDIN_FILENO);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
	}
	say("guest: up");
	if (!look)
		load_modules();
	list_pci(!look);
	if (!look)
		drive(open_card());
	say("guest: looked");
	for (;;)
		pause();
}
