// SPDX-License-Identifier: GPL-2.0-only
/*
 * Draws by virtio-gpu's 3D commands (virgl's protocol) and reads back what was drawn, with nothing
 * between itself and the kernel's driver. As the first process of a nested guest it is the whole
 * userland: it loads the modules of /mods first, and powers off in the end. Tells what it finds in
 * lines "@WORD TEXT".
 */
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
#include <drm/virtgpu_drm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define NODE "/dev/dri/renderD128"
#define SIDE 64
/* B8G8R8A8, as a little-endian word; and as the four numbers that virgl is told. */
#define COLOUR 0xff3366ccU
#define RED    0.2f
#define GREEN  0.4f
#define BLUE   0.8f
#define STALE  0xdeadbeefU

/* Of virgl's protocol (virgl_hw.h, virgl_protocol.h and p_defines.h of Mesa and virglrenderer). */
#define VIRGL_CMD(cmd, object, words) ((cmd) | (object) << 8 | (uint32_t)(words) << 16)
#define VIRGL_CREATE_OBJECT	      1
#define VIRGL_SET_FRAMEBUFFER	      5
#define VIRGL_CLEAR		      7
#define VIRGL_SURFACE		      8
#define VIRGL_B8G8R8A8		      1
#define PIPE_TEXTURE_2D		      2
#define PIPE_BIND_RENDER_TARGET	      2
#define PIPE_CLEAR_COLOR0	      4

static int init;

static void say(const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	line[n++] = '\n';
	/* One write for a line, so that the kernel's messages don't come between. */
	if (write(STDOUT_FILENO, line, n) != n)
		exit(1);
}

static void __attribute__((noreturn)) end(int status)
{
	if (!init)
		exit(status);
	say("@done %d", status);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void __attribute__((noreturn)) fail(const char *what)
{
	say("@failed %s: %s", what, strerror(errno));
	end(1);
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

static void start_guest(void)
{
	int i;

	mkdir("/dev", 0755);
	if (mount("dev", "/dev", "devtmpfs", 0, NULL))
		fail("devtmpfs");
	load_modules();
	for (i = 0; access(NODE, F_OK) && i < 100; i++)
		usleep(100000);
}

static int has_3d(int fd)
{
	int value = 0;
	struct drm_virtgpu_getparam get = { .param = VIRTGPU_PARAM_3D_FEATURES,
					    .value = (uintptr_t)&value };
	struct drm_version v = { 0 };
	char name[64] = "";

	v.name = name;
	v.name_len = sizeof(name) - 1;
	if (ioctl(fd, DRM_IOCTL_VERSION, &v))
		fail("DRM_IOCTL_VERSION");
	say("@driver %s", name);
	if (ioctl(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &get))
		fail("DRM_IOCTL_VIRTGPU_GETPARAM");
	say("@3d %d", value);
	return value;
}

static uint32_t word(float f)
{
	uint32_t w;

	memcpy(&w, &f, sizeof(w));
	return w;
}

/* The resource becomes a render target and is cleared to the colour. */
static void clear(int fd, uint32_t bo, uint32_t res)
{
	uint32_t cmd[] = {
		VIRGL_CMD(VIRGL_CREATE_OBJECT, VIRGL_SURFACE, 5),
		1,
		res,
		VIRGL_B8G8R8A8,
		0,
		0,
		VIRGL_CMD(VIRGL_SET_FRAMEBUFFER, 0, 3),
		1,
		0,
		1,
		VIRGL_CMD(VIRGL_CLEAR, 0, 8),
		PIPE_CLEAR_COLOR0,
		word(RED),
		word(GREEN),
		word(BLUE),
		word(1.0f),
		0,
		0,
		0,
	};
	struct drm_virtgpu_execbuffer exec = { .size = sizeof(cmd),
					       .command = (uintptr_t)cmd,
					       .bo_handles = (uintptr_t)&bo,
					       .num_bo_handles = 1,
					       .fence_fd = -1 };

	if (ioctl(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec))
		fail("DRM_IOCTL_VIRTGPU_EXECBUFFER");
}

static void draw(int fd)
{
	struct drm_virtgpu_resource_create new = { .target = PIPE_TEXTURE_2D,
						   .format = VIRGL_B8G8R8A8,
						   .bind = PIPE_BIND_RENDER_TARGET,
						   .width = SIDE,
						   .height = SIDE,
						   .depth = 1,
						   .array_size = 1,
						   .size = SIDE * SIDE * 4 };
	struct drm_virtgpu_3d_transfer_from_host get = { .box = { .w = SIDE, .h = SIDE, .d = 1 } };
	struct drm_virtgpu_3d_wait wait = { 0 };
	struct drm_virtgpu_map map = { 0 };
	unsigned int i, wrong = 0;
	volatile uint32_t *pixel;

	if (ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &new))
		fail("DRM_IOCTL_VIRTGPU_RESOURCE_CREATE");
	map.handle = wait.handle = get.bo_handle = new.bo_handle;
	if (ioctl(fd, DRM_IOCTL_VIRTGPU_MAP, &map))
		fail("DRM_IOCTL_VIRTGPU_MAP");
	pixel = mmap(NULL, new.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, map.offset);
	if (pixel == MAP_FAILED)
		fail("mmap");
	for (i = 0; i < SIDE * SIDE; i++)
		pixel[i] = STALE;
	clear(fd, new.bo_handle, new.res_handle);
	if (ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &get))
		fail("DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST");
	if (ioctl(fd, DRM_IOCTL_VIRTGPU_WAIT, &wait))
		fail("DRM_IOCTL_VIRTGPU_WAIT");
	for (i = 0; i < SIDE * SIDE; i++)
		wrong += pixel[i] != COLOUR;
	say("@pixels %d, %u wrong, first 0x%08x", SIDE * SIDE, wrong, pixel[0]);
	if (wrong)
		end(1);
}

int main(int argc, char **argv)
{
	int fd;

	init = getpid() == 1;
	if (init)
		start_guest();
	fd = open(argc > 1 && !init ? argv[1] : NODE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fail("render node");
	if (has_3d(fd))
		draw(fd);
	end(0);
}
