/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two VMs with gates to the same GPU, each with its process, and one who is in neither: what these
 * can be told to do with a gate. In the end nothing is charged to the VMs, whatever they tried.
 */
#ifndef GATE_ESCAPE_H
#define GATE_ESCAPE_H

#include <drm/drm.h>
#include <drm/virtgpu_drm.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "amdgpu_calls.h"
#include "call.h"
#include "gate.h"
#include "patterns.h"
#include "vm.h"

#define SIDE  64U
#define BYTES (SIDE * SIDE * 4)
#define PAGES (BYTES / 4096)
#define SOON  5000

/* What a test and an actor share. */
struct shared {
	char path[QT_PATH];
	__u64 offset;
	pid_t pid;
	__u32 handle;
	void *at;
	unsigned char bytes[256];
};

/* What an actor has: the gate's fd, and memory that was mapped through it. */
static int node = -1;
static unsigned char *mem;

static inline long do_open(long flags, long y, void *data)
{
	node = open(((struct shared *)data)->path, O_RDWR | O_CLOEXEC | (int)flags);
	return node < 0 ? -errno : node;
}

/* Open it, and no more; return: fd or -errno */
static inline long do_open_path(long flags, long y, void *data)
{
	int fd = open(((struct shared *)data)->path, (int)flags);

	return fd < 0 ? -errno : fd;
}

static inline struct drm_virtgpu_resource_create picture(void)
{
	return (struct drm_virtgpu_resource_create){ .target = 2,
						     .format = 1,
						     .bind = 2,
						     .width = SIDE,
						     .height = SIDE,
						     .depth = 1,
						     .array_size = 1,
						     .bo_handle = QT_P32,
						     .res_handle = QT_P32,
						     .size = BYTES,
						     .stride = SIDE * 4 };
}

/* A picture through file @fd, or the actor's own (0); return: its handle or -errno. */
static inline long do_create(long fd, long y, void *data)
{
	struct drm_virtgpu_resource_create r = picture();
	int ret = amd_call(fd ? fd : node, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &r);

	return ret ? ret : (long)r.bo_handle;
}

static inline long do_gem_close(long handle, long fd, void *data)
{
	return amd_close(fd ? fd : node, handle);
}

static inline long do_export(long handle, long fd, void *data)
{
	struct drm_prime_handle p = { .handle = handle, .flags = DRM_RDWR, .fd = QT_P32 };
	int ret = amd_call(fd ? fd : node, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p);

	return ret ? ret : p.fd;
}

static inline long do_import(long buf, long fd, void *data)
{
	struct drm_prime_handle p = { .handle = QT_P32, .fd = buf };
	int ret = amd_call(fd ? fd : node, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p);

	return ret ? ret : (long)p.handle;
}

/* Where an object is mapped, to ->offset. */
static inline long do_offset(long handle, long fd, void *data)
{
	struct drm_virtgpu_map m = { .handle = handle };
	int ret = amd_call(fd ? fd : node, DRM_IOCTL_VIRTGPU_MAP, &m);

	((struct shared *)data)->offset = m.offset;
	return ret;
}

static inline long map(int fd, __u64 offset)
{
	mem = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	if (mem == MAP_FAILED)
		return -errno;
	mem[0] = 42;
	return 0;
}

/* Map an object through the gate. */
static inline long do_map(long handle, long y, void *data)
{
	long ret = do_offset(handle, 0, data);

	return ret ? ret : map(node, ((struct shared *)data)->offset);
}

/* Return: the first byte of what is mapped, or -EFAULT: SIGBUS. */
static inline long do_touch(long x, long y, void *data)
{
	return read_byte(mem);
}

FIXTURE(escape)
{
	int ctl;
	int real;
	char real_path[QT_PATH];
	struct qt_vm vm;
	struct qt_vm other;
	struct qt_actor vmm;
	struct qt_actor them;
	struct qt_actor outsider;
	struct qwamos_gpu_gate_create g;
	struct qwamos_gpu_gate_create h;
};

/* A gate of a VM's, opened by its VMM. Return: its fd there, or -errno. */
static inline long gate_for(struct qt_vm *vm, struct qt_actor *vmm, int real,
			    struct qwamos_gpu_gate_create *g)
{
	struct shared *s = vmm->data;
	int ret = qt_gate_create(vm->manage, real, 0, g);

	if (!ret)
		ret = qt_gate_node(g, s->path);
	return ret ? ret : qt_do(vmm, do_open, 0, 0);
}

FIXTURE_SETUP(escape)
{
	char link[64];
	ssize_t n;

	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	self->real = qt_render("virtio");
	ASSERT_LE(0, self->real);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", self->real);
	n = readlink(link, self->real_path, sizeof(self->real_path) - 1);
	ASSERT_LT(0, n);
	self->real_path[n] = 0;
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_HIGH, 0));
	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_HIGH, 0));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->vmm, NULL));
	ASSERT_EQ(0, qt_vmm(&self->other, &self->them, NULL));
	ASSERT_EQ(0, qt_spawn(&self->outsider, NULL));
	ASSERT_LE(0, gate_for(&self->vm, &self->vmm, self->real, &self->g));
	ASSERT_LE(0, gate_for(&self->other, &self->them, self->real, &self->h));
	memcpy(self->outsider.data, self->vmm.data, QT_PATH);
}

/* The ledger, in the words of GATE_LIST. */
static inline struct qwamos_gpu_gate ledger(struct qt_vm *vm)
{
	struct qwamos_gpu_gate g = { .vram_used = ~0ULL };

	qt_gates(vm->use, &g, 1);
	return g;
}

/* Nothing is charged, nothing is there. Return: 0 or -ETIMEDOUT. */
static inline int all_gone(struct qt_vm *vm)
{
	long long end = qt_now_ms() + qt_patience(SOON);
	struct qwamos_gpu_gate g = ledger(vm);

	/* A gate that was destroyed tells no more. */
	if (g.vram_used == ~0ULL)
		return 0;
	while (g.vram_used || g.objects || g.zombies || g.syncobjs || g.contexts) {
		if (qt_now_ms() > end) {
			fprintf(stderr, "# %llu bytes, %u objects, %u zombies, %u syncobjs\n",
				(unsigned long long)g.vram_used, g.objects, g.zombies, g.syncobjs);
			return -ETIMEDOUT;
		}
		qt_sleep_ms(5);
		g = ledger(vm);
	}
	return 0;
}

/* Let go of all that an actor has of gates. */
static inline long do_leave(long x, long y, void *data)
{
	if (mem && mem != MAP_FAILED)
		munmap(mem, BYTES);
	return close_range(4, ~0U, 0) ? -errno : 0;
}

FIXTURE_TEARDOWN(escape)
{
	qt_end(&self->outsider);
	EXPECT_EQ(0, qt_do(&self->vmm, do_leave, 0, 0));
	EXPECT_EQ(0, qt_do(&self->them, do_leave, 0, 0));
	EXPECT_EQ(0, all_gone(&self->vm));
	EXPECT_EQ(0, all_gone(&self->other));
	unlink(((struct shared *)self->vmm.data)->path);
	unlink(((struct shared *)self->them.data)->path);
	qt_kill(&self->vmm);
	qt_kill(&self->them);
	qt_vm_end(&self->vm);
	qt_vm_end(&self->other);
	EXPECT_EQ(0, qt_settle(self->ctl, SOON));
	close(self->real);
	close(self->ctl);
}

/* The fd of the gate that an actor has, given to another. */
static inline int pass(struct qt_actor *from, struct qt_actor *to, int fd)
{
	int taken = qt_take_fd(from, fd), given = taken < 0 ? taken : qt_give_fd(to, taken);

	if (taken >= 0)
		close(taken);
	return given;
}

static inline long do_node(long x, long y, void *data)
{
	return node;
}

#define NODE(actor) ((int)qt_do(actor, do_node, 0, 0))

static inline long do_reopen(long fd, long flags, void *data)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%ld", fd);
	fd = open(path, (int)flags);
	return fd < 0 ? -errno : fd;
}

#endif
