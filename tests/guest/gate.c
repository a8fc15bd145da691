// SPDX-License-Identifier: GPL-2.0-only
/* Gates, on a virtio_gpu without 3D: who gets one, who gets through, what is charged until when. */
#include <drm/drm.h>
#include <drm/virtgpu_drm.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "charge.h"
#include "gate.h"
#include "patterns.h"
#include "vm.h"

#define SIDE  256
#define BYTES (SIDE * SIDE * 4)
#define SOON  5000

/* What an actor has: the gate's fd, and memory that was mapped through it. */
static int node = -1;
static unsigned char *mem;

static long do_open(long x, long y, void *data)
{
	node = open(data, O_RDWR | O_CLOEXEC);
	return node < 0 ? -errno : node;
}

static long do_close(long x, long y, void *data)
{
	close(node);
	node = -1;
	return 0;
}

static long do_use(long fd, long y, void *data)
{
	node = fd;
	return 0;
}

/* A picture of @side; return: its handle or -errno. */
static long do_create(long side, long y, void *data)
{
	__u32 handle;
	int ret = qt_vg_create(node, side, side, side * side * 4, &handle);

	return ret ? ret : (long)handle;
}

static long do_gem_close(long handle, long y, void *data)
{
	return qt_gem_close(node, handle);
}

static long do_map(long handle, long y, void *data)
{
	mem = qt_vg_map(node, handle, BYTES);
	if (!mem)
		return -errno;
	mem[0] = 42;
	return mem[0];
}

static long do_unmap(long x, long y, void *data)
{
	return munmap(mem, BYTES) ? -errno : 0;
}

/* Return: the first byte of what is mapped, or -EFAULT: SIGBUS. */
static long do_touch(long x, long y, void *data)
{
	return read_byte(mem);
}

static long do_export(long handle, long y, void *data)
{
	return qt_prime_export(node, handle);
}

static long do_import(long buf, long y, void *data)
{
	__u32 handle;
	int ret = qt_prime_import(node, buf, &handle);

	return ret ? ret : (long)handle;
}

static long do_map_buf(long buf, long y, void *data)
{
	mem = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0);
	if (mem == MAP_FAILED)
		return -errno;
	return mem[0];
}

static long do_close_fd(long fd, long y, void *data)
{
	return close(fd) ? -errno : 0;
}

/* Any ioctl of DRM, with an argument of zeroes. */
static long do_ioctl(long cmd, long y, void *data)
{
	char arg[1024] = {};

	return qt_drm(node, (unsigned int)cmd, arg);
}

static long do_sync_create(long x, long y, void *data)
{
	__u32 handle;
	int ret = qt_sync_create(node, &handle);

	return ret ? ret : (long)handle;
}

static long do_sync_export(long handle, long y, void *data)
{
	struct drm_syncobj_handle h = { .handle = handle };
	int ret = qt_drm(node, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &h);

	return ret ? ret : h.fd;
}

static long do_sync_import(long fd, long y, void *data)
{
	struct drm_syncobj_handle h = { .fd = fd };
	int ret = qt_drm(node, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &h);

	return ret ? ret : (long)h.handle;
}

static long do_sync_destroy(long handle, long y, void *data)
{
	struct drm_syncobj_destroy d = { .handle = handle };

	return qt_drm(node, DRM_IOCTL_SYNCOBJ_DESTROY, &d);
}

/* A second file of the gate, by the path in /proc or by its own; return: fd or -errno */
static long do_reopen(long by_proc, long y, void *data)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", node);
	fd = open(by_proc ? path : data, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The offset at which an object is mapped, or -errno. */
static long do_offset(long handle, long y, void *data)
{
	struct drm_virtgpu_map m = { .handle = handle };
	int ret = qt_drm(node, DRM_IOCTL_VIRTGPU_MAP, &m);

	return ret ? ret : (long)m.offset;
}

/* Map what is at an offset of a file; return: 0 or -errno */
static long do_map_at(long fd, long offset, void *data)
{
	void *p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, BYTES);
	return 0;
}

/* Grow what is mapped by a page; return: 0 or -errno */
static long do_grow(long x, long y, void *data)
{
	void *p = mremap(mem, BYTES, BYTES + 4096, MREMAP_MAYMOVE);

	return p == MAP_FAILED ? -errno : 0;
}

/* Move what is mapped elsewhere, and split it. */
static long do_move(long x, long y, void *data)
{
	void *p = mremap(mem, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);

	if (p == MAP_FAILED) {
		/* Where that is not for files, to a place of its own. */
		p = mmap(NULL, BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		p = mremap(mem, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, p);
	}
	if (p == MAP_FAILED)
		return -errno;
	mem = p;
	return munmap(mem + 4096, 4096) ? -errno : mem[0];
}

static int epoll = -1;

/* Watch the gate's file. */
static long do_watch(long x, long y, void *data)
{
	struct epoll_event e = { .events = EPOLLIN };

	epoll = epoll_create1(EPOLL_CLOEXEC);
	return epoll_ctl(epoll, EPOLL_CTL_ADD, node, &e) ? -errno : 0;
}

/* Return: what is told of it within @ms, or 0 */
static long do_told(long ms, long y, void *data)
{
	struct epoll_event e;

	return epoll_wait(epoll, &e, 1, ms) == 1 ? e.events : 0;
}

static long do_unwatch(long x, long y, void *data)
{
	return close(epoll) ? -errno : 0;
}

FIXTURE(gate)
{
	int ctl;
	int real;
	struct qt_vm vm;
	struct qt_vm other;
	struct qt_actor vmm;
	struct qt_actor them;
	struct qwamos_gpu_gate_create g;
	struct qwamos_gpu_gate_create h;
	char path[QT_PATH];
};

FIXTURE_SETUP(gate)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	self->real = qt_render("virtio");
	ASSERT_LE(0, self->real);
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_HIGH, 0));
	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_HIGH, 0));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->vmm, NULL));
	ASSERT_EQ(0, qt_vmm(&self->other, &self->them, NULL));
}

FIXTURE_TEARDOWN(gate)
{
	qt_end(&self->vmm);
	qt_end(&self->them);
	qt_vm_end(&self->vm);
	qt_vm_end(&self->other);
	close(self->real);
	close(self->ctl);
	unlink(self->path);
}

/* A gate of a VM's, opened by its VMM. Return: 0 or -errno. */
static int gate_for(struct qt_vm *vm, struct qt_actor *vmm, int real,
		    struct qwamos_gpu_gate_create *g, char *path)
{
	int ret = qt_gate_create(vm->manage, real, 0, g);

	if (!ret)
		ret = qt_gate_node(g, path);
	if (ret)
		return ret;
	memcpy(vmm->data, path, QT_PATH);
	ret = qt_do(vmm, do_open, 0, 0);
	return ret < 0 ? ret : 0;
}

#define OPENED() ASSERT_EQ(0, gate_for(&self->vm, &self->vmm, self->real, &self->g, self->path))

TEST_F(gate, refused)
{
	int null = open("/dev/null", O_RDWR), card = open("/dev/dri/card0", O_RDWR);
	struct qwamos_gpu_gate_create g;
	struct qt_vm none = {};

	EXPECT_EQ(-EBADF, qt_gate_create(self->vm.manage, -1, 0, &g));
	EXPECT_EQ(-EBADF, qt_gate_create(self->vm.manage, null, 0, &g));
	EXPECT_EQ(-EBADF, qt_gate_create(self->vm.manage, self->ctl, 0, &g));
	if (card >= 0) {
		EXPECT_EQ(-EBADF, qt_gate_create(self->vm.manage, card, 0, &g));
	}
	EXPECT_EQ(-EOPNOTSUPP, qt_gate_create(self->vm.manage, self->real, 2, &g));
	EXPECT_EQ(-EACCES, qt_gate_create(self->vm.use, self->real, 0, &g));
	EXPECT_EQ(QWAMOS_GPU_REASON_WRONG_FD, qt_reason);
	EXPECT_EQ(-EACCES, qt_gate_create(self->ctl, self->real, 0, &g));
	ASSERT_EQ(0, qt_vm_new(&none, self->ctl, QWAMOS_GPU_LEVEL_NONE, 0));
	EXPECT_EQ(-EACCES, qt_gate_create(none.manage, self->real, 0, &g));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_POLICY, qt_reason);
	EXPECT_EQ(qt_id(self->ctl, "virtio"), g.out_device_id);
	ASSERT_EQ(0, qt_set_level(none.manage, QWAMOS_GPU_LEVEL_UNTRUSTED));
	EXPECT_EQ(-EACCES, qt_gate_create(none.manage, self->real, 0, &g));
	EXPECT_EQ(QWAMOS_GPU_REASON_LEVEL, qt_reason);
	ASSERT_EQ(0, qt_set_level(none.manage, QWAMOS_GPU_LEVEL_LOW));
	EXPECT_EQ(0, qt_gate_create(none.manage, self->real, 0, &g))
	TH_LOG("reason %u", qt_reason);
	EXPECT_EQ(-EBUSY, qt_gate_create(none.manage, self->real, 0, &g));
	EXPECT_EQ(QWAMOS_GPU_REASON_ALREADY_GATED, qt_reason);
	EXPECT_EQ(-EBUSY, qt_set_level(none.manage, QWAMOS_GPU_LEVEL_UNTRUSTED));
	EXPECT_EQ(QWAMOS_GPU_REASON_IN_USE, qt_reason);
	EXPECT_EQ(-ENOENT, qt_gate_destroy(none.manage, 0));
	EXPECT_EQ(-ENOENT, qt_gate_destroy(self->vm.manage, 1));
	qt_vm_end(&none);
	close(null);
	close(card);
}

TEST_F(gate, node)
{
	char path[QT_PATH], line[256];
	struct qwamos_gpu_gate list;
	struct stat st;

	ASSERT_EQ(0, fstat(self->real, &st));
	OPENED();
	EXPECT_EQ(minor(st.st_rdev), self->g.out_minor);
	EXPECT_NE(major(st.st_rdev), self->g.out_major);
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device/drm", self->g.out_major,
		 self->g.out_minor);
	EXPECT_EQ(0, access(path, F_OK));
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/uevent", self->g.out_major,
		 self->g.out_minor);
	ASSERT_LE(0, qt_read(path, line, sizeof(line)));
	ASSERT_EQ(1, qt_gates(self->vm.use, &list, 1));
	EXPECT_EQ(self->g.out_gate_id, list.gate_id);
	EXPECT_EQ(qt_id(self->ctl, "virtio"), list.device_id);
	EXPECT_STREQ("virtio_gpu", list.driver);
	EXPECT_EQ(1, list.opens);
	EXPECT_EQ(0, list.unknown[0] | list.unknown[1]);
	EXPECT_EQ(0, qt_gates(self->other.use, &list, 1));
}

/* Only the process that joined opens it; with F_ANY_OPENER any member, and nobody else. */
TEST_F(gate, openers)
{
	__u64 mark = qt_audit_mark(self->ctl);
	struct qt_actor child;
	int fd;

	OPENED();
	ASSERT_EQ(0, qt_clone(&self->vmm, &child, 0));
	memcpy(child.data, self->path, QT_PATH);
	memcpy(self->them.data, self->path, QT_PATH);
	EXPECT_EQ(-EACCES, qt_do(&child, do_open, 0, 0));
	EXPECT_EQ(-EACCES, qt_do(&self->them, do_open, 0, 0));
	EXPECT_EQ(-1, open(self->path, O_RDWR));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(3, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_GATE_OPEN_REFUSED, .chain = self->vm.id,
					   .reason = QWAMOS_GPU_REASON_NOT_MEMBER),
				   NULL));
	/* Who has been passed an fd does nothing with it, but who is a member. */
	fd = qt_take_fd(&self->vmm, 0 + (int)qt_do(&self->vmm, do_open, 0, 0));
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EACCES, qt_drm(fd, DRM_IOCTL_GEM_CLOSE, &(struct drm_gem_close){}));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
	EXPECT_EQ(EACCES, errno);
	qt_do(&child, do_use, qt_give_fd(&child, fd), 0);
	EXPECT_LT(0, qt_do(&child, do_create, 16, 0));
	close(fd);
	qt_end(&child);
	ASSERT_EQ(0, qt_gate_destroy(self->vm.manage, self->g.out_gate_id));
	ASSERT_EQ(0, qt_gate_create(self->vm.manage, self->real,
				    QWAMOS_GPU_GATE_CREATE_F_ANY_OPENER, &self->g));
	ASSERT_EQ(0, qt_gate_node(&self->g, self->path));
	ASSERT_EQ(0, qt_clone(&self->vmm, &child, 0));
	memcpy(child.data, self->path, QT_PATH);
	memcpy(self->them.data, self->path, QT_PATH);
	EXPECT_LE(0, qt_do(&child, do_open, 0, 0));
	EXPECT_EQ(-EACCES, qt_do(&self->them, do_open, 0, 0));
	EXPECT_EQ(-1, open(self->path, O_RDWR));
	qt_end(&child);
}

TEST_F(gate, charged_until_it_is_gone)
{
	long a, b, buf;

	OPENED();
	a = qt_do(&self->vmm, do_create, SIDE, 0);
	ASSERT_LT(0, a);
	EXPECT_EQ(BYTES, qt_gate_used(self->vm.use));
	b = qt_do(&self->vmm, do_create, SIDE, 0);
	ASSERT_LT(0, b);
	EXPECT_EQ(2 * BYTES, qt_gate_used(self->vm.use));
	EXPECT_EQ(0, qt_do(&self->vmm, do_gem_close, b, 0));
	EXPECT_EQ(0, qt_gate_wait_used(self->vm.use, BYTES, SOON));
	EXPECT_EQ(-EINVAL, qt_do(&self->vmm, do_gem_close, b, 0));
	/* A mapping keeps it, and so does a dma-buf. */
	EXPECT_EQ(42, qt_do(&self->vmm, do_map, a, 0));
	buf = qt_do(&self->vmm, do_export, a, 0);
	ASSERT_LE(0, buf);
	EXPECT_EQ(0, qt_do(&self->vmm, do_gem_close, a, 0));
	qt_sleep_ms(700);
	EXPECT_EQ(BYTES, qt_gate_used(self->vm.use));
	EXPECT_EQ(0, qt_do(&self->vmm, do_unmap, 0, 0));
	qt_sleep_ms(700);
	EXPECT_EQ(BYTES, qt_gate_used(self->vm.use));
	EXPECT_EQ(0, qt_do(&self->vmm, do_close_fd, buf, 0));
	EXPECT_EQ(0, qt_gate_wait_used(self->vm.use, 0, SOON));
	/* Killed: all of it is gone. */
	ASSERT_LT(0, qt_do(&self->vmm, do_create, SIDE, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_close, 0, 0));
	EXPECT_EQ(0, qt_gate_wait_used(self->vm.use, 0, SOON));
}

/* Of a file of the VMM's: what it says behind @key, or -ENOENT. */
static long long told_of(pid_t pid, long fd, const char *key)
{
	char path[64], text[4096] = "", *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%ld", pid, fd);
	f = fopen(path, "r");
	if (!f)
		return -errno;
	if (!fread(text, 1, sizeof(text) - 1, f))
		text[0] = '\0';
	fclose(f);
	at = strstr(text, key);
	return at && (at == text || at[-1] == '\n') ? strtoll(at + strlen(key), NULL, 10) : -ENOENT;
}

/* What tools such as nvtop read of a client. */
TEST_F(gate, fdinfo)
{
	long fd, other;

	OPENED();
	fd = qt_do(&self->vmm, do_open, 0, 0);
	other = qt_do(&self->vmm, do_open, 0, 0);
	ASSERT_LT(0, fd);
	ASSERT_LT(0, other);
	EXPECT_EQ(self->g.out_gate_id, told_of(self->vmm.pid, fd, "qwamos-gate:"));
	EXPECT_EQ(self->vm.id, told_of(self->vmm.pid, fd, "qwamos-vm:"));
	EXPECT_EQ(0, told_of(self->vmm.pid, fd, "drm-driver:\tvirtio_gpu"));
	EXPECT_LT(0, told_of(self->vmm.pid, fd, "drm-client-id:"));
	EXPECT_LT(told_of(self->vmm.pid, fd, "drm-client-id:"),
		  told_of(self->vmm.pid, other, "drm-client-id:"));
	EXPECT_LE(0, told_of(self->vmm.pid, fd, "drm-pdev:"));
	ASSERT_LT(0, qt_do(&self->vmm, do_create, SIDE, 0));
	EXPECT_EQ(BYTES >> 10, told_of(self->vmm.pid, other, "drm-total-memory:"));
	EXPECT_EQ(0, told_of(self->vmm.pid, fd, "drm-total-memory:"));
	EXPECT_EQ(0, qt_gate_destroy(self->vm.manage, self->g.out_gate_id));
	EXPECT_EQ(self->vm.id, told_of(self->vmm.pid, fd, "qwamos-vm:"));
	EXPECT_EQ(-ENOENT, told_of(self->vmm.pid, fd, "drm-driver:"));
}

TEST_F(gate, quota)
{
	struct qwamos_gpu_vm_set_policy p = { .hdr = QT_HDR(p, 0),
					      .mask = QWAMOS_GPU_POLICY_VRAM,
					      .vram_limit = 10 * BYTES };
	__u64 mark = qt_audit_mark(self->ctl);
	long i, n = 0;

	OPENED();
	ASSERT_EQ(0, qt_call(self->vm.manage, QWAMOS_GPU_VM_SET_POLICY, &p, sizeof(p), QT_NONE));
	EXPECT_EQ(-ENOMEM, qt_do(&self->vmm, do_create, 4 * SIDE, 0));
	EXPECT_EQ(0, qt_gate_used(self->vm.use));
	for (i = 0; i < 20; i++)
		n += qt_do(&self->vmm, do_create, SIDE, 0) > 0;
	EXPECT_EQ(10, n);
	EXPECT_EQ(10 * BYTES, qt_gate_used(self->vm.use));
	/* What is declared counts against the same limit. */
	EXPECT_EQ(-EDQUOT, qt_charge(self->vm.use, QWAMOS_GPU_RESOURCE_VRAM, 0, 1, NULL));
	EXPECT_LE(11, qt_audit_find(self->ctl, mark,
				    QT_WANT(QWAMOS_GPU_EV_VRAM_QUOTA_EXCEEDED,
					    .chain = self->vm.id),
				    NULL));
}

/* No other VM imports a buffer or a syncobj; this one does, and gets the handle that it has. */
TEST_F(gate, passed_on)
{
	long a, buf, sync, fd, copy;
	char path[QT_PATH];
	int taken;

	OPENED();
	ASSERT_EQ(0, gate_for(&self->other, &self->them, self->real, &self->h, path));
	a = qt_do(&self->vmm, do_create, SIDE, 0);
	ASSERT_LT(0, a);
	buf = qt_do(&self->vmm, do_export, a, 0);
	ASSERT_LE(0, buf);
	EXPECT_EQ(a, qt_do(&self->vmm, do_import, buf, 0));
	EXPECT_EQ(BYTES, qt_gate_used(self->vm.use));
	taken = qt_take_fd(&self->vmm, buf);
	ASSERT_LE(0, taken);
	EXPECT_EQ(-EACCES, qt_do(&self->them, do_import, qt_give_fd(&self->them, taken), 0));
	EXPECT_EQ(0, qt_gate_used(self->other.use));
	close(taken);
	sync = qt_do(&self->vmm, do_sync_create, 0, 0);
	if (sync == -EOPNOTSUPP)
		return; /* virtio_gpu has them since 6.6 */
	ASSERT_LT(0, sync);
	fd = qt_do(&self->vmm, do_sync_export, sync, 0);
	ASSERT_LE(0, fd);
	copy = qt_do(&self->vmm, do_sync_import, fd, 0);
	EXPECT_LT(0, copy);
	EXPECT_EQ(0, qt_do(&self->vmm, do_sync_destroy, copy, 0));
	EXPECT_EQ(-EINVAL, qt_do(&self->vmm, do_sync_destroy, copy, 0));
	taken = qt_take_fd(&self->vmm, fd);
	EXPECT_EQ(-EACCES, qt_do(&self->them, do_sync_import, qt_give_fd(&self->them, taken), 0));
	close(taken);
	unlink(path);
}

/* After GATE_DESTROY nothing gets through, whoever holds what; the VM lives on. */
TEST_F(gate, destroyed)
{
	struct qwamos_gpu_gate list;
	struct qwamos_gpu_vm info;
	struct qt_actor child;
	long a, b, buf;

	OPENED();
	a = qt_do(&self->vmm, do_create, SIDE, 0);
	b = qt_do(&self->vmm, do_create, SIDE, 0);
	ASSERT_LT(0, a);
	ASSERT_LT(0, b);
	ASSERT_EQ(0, qt_clone(&self->vmm, &child, 0));
	buf = qt_do(&child, do_export, b, 0);
	ASSERT_LE(0, buf);
	EXPECT_EQ(0, qt_do(&child, do_map_buf, buf, 0));
	EXPECT_EQ(42, qt_do(&self->vmm, do_map, a, 0));
	EXPECT_EQ(42, qt_do(&self->vmm, do_touch, 0, 0));
	EXPECT_EQ(0, qt_do(&child, do_touch, 0, 0));
	ASSERT_EQ(0, qt_gate_destroy(self->vm.manage, self->g.out_gate_id));
	EXPECT_EQ(-EFAULT, qt_do(&self->vmm, do_touch, 0, 0));
	EXPECT_EQ(-EFAULT, qt_do(&child, do_touch, 0, 0));
	EXPECT_EQ(-ENODEV, qt_do(&self->vmm, do_create, SIDE, 0));
	EXPECT_EQ(-ENODEV, qt_do(&self->vmm, do_ioctl, DRM_IOCTL_VERSION, 0));
	EXPECT_EQ(-ENODEV, qt_do(&child, do_map_buf, buf, 0));
	EXPECT_EQ(0, qt_gates(self->vm.use, &list, 1));
	EXPECT_EQ(-ENODEV, qt_do(&self->vmm, do_open, 0, 0));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &info));
	EXPECT_EQ(QWAMOS_GPU_VM_STATE_LIVE, info.state);
	qt_end(&child);
	qt_do(&self->vmm, do_unmap, 0, 0);
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &info));
	EXPECT_EQ(-ENOENT, qt_gate_destroy(self->vm.manage, self->g.out_gate_id));
}

/* Who watches a gate is told of its end; the real node's file is gone by then. */
TEST_F(gate, watched)
{
	OPENED();
	ASSERT_EQ(0, qt_do(&self->vmm, do_watch, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_told, 0, 0));
	ASSERT_EQ(0, qt_gate_destroy(self->vm.manage, self->g.out_gate_id));
	EXPECT_EQ(EPOLLERR | EPOLLHUP, qt_do(&self->vmm, do_told, SOON, 0));
	qt_sleep_ms(200);
	EXPECT_EQ(0, qt_do(&self->vmm, do_unwatch, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_close, 0, 0));
}

/* A VM that ends takes its gate with it, mapped and open as it is. */
TEST_F(gate, vm_ends)
{
	long a;

	OPENED();
	a = qt_do(&self->vmm, do_create, SIDE, 0);
	EXPECT_EQ(42, qt_do(&self->vmm, do_map, a, 0));
	qt_kill(&self->vmm);
	qt_vm_end(&self->vm);
	qt_end(&self->them);
	qt_vm_end(&self->other);
	EXPECT_EQ(-1, open(self->path, O_RDWR));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(0, qt_settle(self->ctl, SOON));

}

TEST_F(gate, not_let_through)
{
	static const struct {
		unsigned int cmd;
		__u32 reason;
	} calls[] = {
		{ DRM_IOCTL_GEM_FLINK, QWAMOS_GPU_REASON_NOT_OFFERED },
		{ DRM_IOCTL_GEM_OPEN, QWAMOS_GPU_REASON_NOT_OFFERED },
		{ DRM_IOCTL_GET_MAGIC, QWAMOS_GPU_REASON_NOT_DECODED },
		{ DRM_IOCTL_SET_MASTER, QWAMOS_GPU_REASON_NOT_DECODED },
		{ DRM_IOCTL_MODE_GETRESOURCES, QWAMOS_GPU_REASON_NOT_DECODED },
		{ DRM_IOCTL_MODE_CREATE_DUMB, QWAMOS_GPU_REASON_NOT_DECODED },
		{ DRM_IOCTL_MODE_CREATE_LEASE, QWAMOS_GPU_REASON_NOT_DECODED },
		{ DRM_IOWR(DRM_COMMAND_BASE + 0x30, __u64), QWAMOS_GPU_REASON_NOT_DECODED },
		{ DRM_IOWR(0xcf, __u64), QWAMOS_GPU_REASON_NOT_OFFERED },
		{ DRM_IOWR(0xd2, __u64), QWAMOS_GPU_REASON_NOT_OFFERED },
		{ DRM_IOWR(0xff, __u64), QWAMOS_GPU_REASON_NOT_DECODED },
	};
	struct qwamos_gpu_audit_record rec;
	unsigned int i;
	__u64 mark;

	OPENED();
	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		mark = qt_audit_mark(self->ctl);
		EXPECT_EQ(-EACCES, qt_do(&self->vmm, do_ioctl, calls[i].cmd, 0))
		TH_LOG("%#x", calls[i].cmd);
		ASSERT_EQ(1, qt_audit_find(self->ctl, mark,
					   QT_WANT(QWAMOS_GPU_EV_GATE_CALL_REFUSED,
						   .chain = self->vm.id),
					   &rec))
		TH_LOG("%#x", calls[i].cmd);
		EXPECT_EQ(calls[i].reason, rec.reason) TH_LOG("%#x", calls[i].cmd);
		EXPECT_EQ(_IOC_NR(calls[i].cmd), rec.asked);
	}
	EXPECT_EQ(-ENOTTY, qt_do(&self->vmm, do_ioctl, _IO('x', 0), 0));
}

/* What another file, or another VM, has is mapped by its offset by nobody else. */
TEST_F(gate, offsets)
{
	char path[QT_PATH];
	long a, b, offset, second;

	OPENED();
	ASSERT_EQ(0, gate_for(&self->other, &self->them, self->real, &self->h, path));
	a = qt_do(&self->vmm, do_create, SIDE, 0);
	b = qt_do(&self->them, do_create, SIDE, 0);
	ASSERT_LT(0, a);
	ASSERT_LT(0, b);
	offset = qt_do(&self->them, do_offset, b, 0);
	ASSERT_LT(0, offset);
	EXPECT_GT(0, qt_do(&self->vmm, do_map_at, qt_do(&self->vmm, do_reopen, 0, 0), offset));
	second = qt_do(&self->vmm, do_reopen, 1, 0);
	ASSERT_LE(0, second);
	offset = qt_do(&self->vmm, do_offset, a, 0);
	ASSERT_LT(0, offset);
	EXPECT_EQ(-EACCES, qt_do(&self->vmm, do_map_at, second, offset));
	EXPECT_GT(0, qt_do(&self->vmm, do_map_at, second, 0));
	unlink(path);
}

/* A mapping that was moved, split and inherited is still the gate's. */
TEST_F(gate, moved_mapping)
{
	struct qt_actor child;
	long a;

	OPENED();
	a = qt_do(&self->vmm, do_create, SIDE, 0);
	ASSERT_EQ(42, qt_do(&self->vmm, do_map, a, 0));
	EXPECT_GT(0, qt_do(&self->vmm, do_grow, 0, 0));
	ASSERT_EQ(0, qt_clone(&self->vmm, &child, 0));
	EXPECT_EQ(42, qt_do(&self->vmm, do_move, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_gem_close, a, 0));
	qt_sleep_ms(700);
	EXPECT_EQ(BYTES, qt_gate_used(self->vm.use));
	ASSERT_EQ(0, qt_gate_destroy(self->vm.manage, self->g.out_gate_id));
	EXPECT_EQ(-EFAULT, qt_do(&self->vmm, do_touch, 0, 0));
	EXPECT_EQ(-EFAULT, qt_do(&child, do_touch, 0, 0));
	qt_end(&child);
}

/* A VM that shares with nobody and another one's gate keep apart, whoever comes first. */
TEST_F(gate, exclusive)
{
	struct qwamos_gpu_vm_set_policy p = { .hdr = QT_HDR(p, 0),
					      .mask = QWAMOS_GPU_POLICY_RESTRICT,
					      .restrictions = QWAMOS_GPU_RESTRICT_EXCLUSIVE };
	char path[QT_PATH];

	OPENED();
	ASSERT_EQ(0, qt_call(self->other.manage, QWAMOS_GPU_VM_SET_POLICY, &p, sizeof(p),
			     QT_NONE));
	EXPECT_EQ(-EBUSY, gate_for(&self->other, &self->them, self->real, &self->h, path));
	EXPECT_EQ(QWAMOS_GPU_REASON_SHARING, qt_reason);
	ASSERT_EQ(0, qt_gate_destroy(self->vm.manage, self->g.out_gate_id));
	ASSERT_EQ(0, gate_for(&self->other, &self->them, self->real, &self->h, path));
	EXPECT_EQ(-EBUSY, qt_gate_create(self->vm.manage, self->real, 0, &self->g));
	EXPECT_EQ(QWAMOS_GPU_REASON_SHARING, qt_reason);
	p.restrictions = 0;
	ASSERT_EQ(0, qt_call(self->other.manage, QWAMOS_GPU_VM_SET_POLICY, &p, sizeof(p),
			     QT_NONE));
	ASSERT_EQ(0, qt_gate_create(self->vm.manage, self->real, 0, &self->g));
	p.restrictions = QWAMOS_GPU_RESTRICT_EXCLUSIVE;
	EXPECT_EQ(-EBUSY, qt_call(self->other.manage, QWAMOS_GPU_VM_SET_POLICY, &p, sizeof(p),
				  QT_SPAN(struct qwamos_gpu_vm_set_policy, out_used, out_limit)));
	EXPECT_EQ(QWAMOS_GPU_REASON_SHARING, qt_reason);
	unlink(path);
}

TEST_HARNESS_MAIN
