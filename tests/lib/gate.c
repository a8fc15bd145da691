// SPDX-License-Identifier: GPL-2.0-only
#include <drm/drm.h>
#include <drm/virtgpu_drm.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "call.h"
#include "gate.h"

int qt_render(const char *id)
{
	const char *addr = qt_addr(id), *name;
	char path[QT_PATH];
	glob_t found;
	int fd = -ENOENT;

	if (!addr)
		return -ENODEV;
	/* Another test may have taken it from its driver. */
	if (!qt_driver(addr, path, sizeof(path)) && (!path[0] || !strcmp(path, QT_OURS))) {
		qt_bind(addr, "");
		qt_bind(addr, NULL);
	}
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/{,virtio*/}drm/renderD*", addr);
	if (!glob(path, GLOB_BRACE, NULL, &found) && found.gl_pathc) {
		name = strrchr(found.gl_pathv[0], '/');
		snprintf(path, sizeof(path), "/dev/dri%s", name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		fd = fd < 0 ? -errno : fd;
	}
	globfree(&found);
	return fd;
}

int qt_gate_create(int manage, int render_fd, __u32 flags, struct qwamos_gpu_gate_create *out)
{
	memset(out, QT_POISON, sizeof(*out));
	out->hdr = (struct qwamos_gpu_hdr)QT_HDR(*out, flags);
	out->render_fd = render_fd;
	out->__reserved = 0;
	return qt_call(manage, QWAMOS_GPU_GATE_CREATE, out, sizeof(*out),
		       QT_FIELD(struct qwamos_gpu_gate_create, out_device_id));
}

int qt_gate_destroy(int manage, __u64 id)
{
	struct qwamos_gpu_gate_destroy d = { .hdr = QT_HDR(d, 0), .gate_id = id };

	return qt_call(manage, QWAMOS_GPU_GATE_DESTROY, &d, sizeof(d), QT_NONE);
}

int qt_gates(int fd, struct qwamos_gpu_gate *gates, unsigned int max)
{
	return qt_list(fd, QWAMOS_GPU_GATE_LIST, gates, sizeof(*gates), max);
}

long long qt_gate_used(int fd)
{
	struct qwamos_gpu_gate g;
	int n = qt_gates(fd, &g, 1);

	return n < 0 ? n : n ? (long long)g.vram_used : -ENOENT;
}

int qt_gate_wait_used(int fd, __u64 bytes, int ms)
{
	long long end = qt_now_ms() + qt_patience(ms), used;

	while ((used = qt_gate_used(fd)) != (long long)bytes) {
		if (qt_now_ms() > end) {
			fprintf(stderr, "# %lld bytes are charged, not %lld\n", used,
				(long long)bytes);
			return -ETIMEDOUT;
		}
		qt_sleep_ms(5);
	}
	return 0;
}

int qt_gate_node(const struct qwamos_gpu_gate_create *g, char *path)
{
	snprintf(path, QT_PATH, "/tmp/gate-%llu", (unsigned long long)g->out_gate_id);
	unlink(path);
	return mknod(path, S_IFCHR | 0600, makedev(g->out_major, g->out_minor)) ? -errno : 0;
}

int qt_drm(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? -errno : 0;
}

int qt_vg_create(int fd, __u32 width, __u32 height, __u32 size, __u32 *handle)
{
	struct drm_virtgpu_resource_create r = {
		.target = 2,
		.format = 1, /* B8G8R8A8 */
		.bind = 2,
		.width = width,
		.height = height,
		.depth = 1,
		.array_size = 1,
		.size = size,
		.stride = width * 4,
	};
	int ret = qt_drm(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &r);

	*handle = ret ? 0 : r.bo_handle;
	return ret;
}

void *qt_vg_map(int fd, __u32 handle, size_t size)
{
	struct drm_virtgpu_map m = { .handle = handle };
	void *p;

	if (ioctl(fd, DRM_IOCTL_VIRTGPU_MAP, &m))
		return NULL;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)m.offset);
	return p == MAP_FAILED ? NULL : p;
}

int qt_gem_close(int fd, __u32 handle)
{
	struct drm_gem_close c = { .handle = handle };

	return qt_drm(fd, DRM_IOCTL_GEM_CLOSE, &c);
}

int qt_prime_export(int fd, __u32 handle)
{
	struct drm_prime_handle p = { .handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR };
	int ret = qt_drm(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p);

	return ret ? ret : p.fd;
}

int qt_prime_import(int fd, int buf, __u32 *handle)
{
	struct drm_prime_handle p = { .fd = buf };
	int ret = qt_drm(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p);

	*handle = ret ? 0 : p.handle;
	return ret;
}

int qt_sync_create(int fd, __u32 *handle)
{
	struct drm_syncobj_create c = {};
	int ret = qt_drm(fd, DRM_IOCTL_SYNCOBJ_CREATE, &c);

	*handle = ret ? 0 : c.handle;
	return ret;
}
