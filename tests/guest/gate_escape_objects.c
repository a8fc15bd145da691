// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who holds a gate's fd tries to get past the gate by objects: buffers, syncobjs and offsets of
 * others, mappings that are changed, arguments that come late. Whatever is tried is refused, with
 * nothing changed, or charged; in the end nothing is. Also as a 32-bit program.
 */
#define _FILE_OFFSET_BITS 64
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "gate_escape.h"
#include "fuse.h"
#include "mockdrm.h"

static long do_map_buf(long buf, long y, void *data)
{
	return map(buf, 0);
}

/* Map each page from below an offset to above an object there; return: how many could be */
static long do_step(long fd, long y, void *data)
{
	__u64 begin = ((struct shared *)data)->offset & ~4095ULL, i;
	long n = 0;
	void *p;

	for (i = 0; i < PAGES + 64; i++) {
		p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd ? fd : node,
			 begin + (i - 32) * 4096);
		if (p == MAP_FAILED)
			continue;
		munmap(p, 4096);
		n++;
	}
	return n;
}

static long do_map_more(long handle, long y, void *data)
{
	void *p;
	long ret = do_offset(handle, 0, data);

	if (ret)
		return ret;
	p = mmap(NULL, BYTES + 4096, PROT_READ, MAP_SHARED, node, ((struct shared *)data)->offset);
	return p == MAP_FAILED ? -errno : 0;
}

/* No offset leads to an object of another file, another VM or the host. */
TEST_F(escape, guessed_offsets)
{
	struct drm_virtgpu_resource_create r = picture();
	struct shared *s = self->vmm.data;
	struct drm_virtgpu_map m = {};
	long a = qt_do(&self->vmm, do_create, 0, 0), b = qt_do(&self->them, do_create, 0, 0), fd;

	ASSERT_LT(0, a);
	ASSERT_LT(0, b);
	fd = qt_do(&self->vmm, do_reopen, NODE(&self->vmm), O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, qt_do(&self->vmm, do_offset, a, 0));
	EXPECT_LE(1, qt_do(&self->vmm, do_step, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_step, fd, 0));
	EXPECT_EQ(-EINVAL, qt_do(&self->vmm, do_map_more, a, 0));
	ASSERT_EQ(0, qt_do(&self->them, do_offset, b, 0));
	s->offset = ((struct shared *)self->them.data)->offset;
	ASSERT_EQ(0, qt_do(&self->vmm, do_gem_close, a, 0));
	ASSERT_EQ(0, all_gone(&self->vm));
	EXPECT_EQ(0, qt_do(&self->vmm, do_step, 0, 0));
	/* One of the host's own, through the real node. */
	ASSERT_EQ(0, amd_call(self->real, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &r));
	m.handle = r.bo_handle;
	ASSERT_EQ(0, amd_call(self->real, DRM_IOCTL_VIRTGPU_MAP, &m));
	s->offset = m.offset;
	EXPECT_EQ(0, qt_do(&self->vmm, do_step, 0, 0));
	EXPECT_EQ(0, amd_close(self->real, r.bo_handle));
	EXPECT_EQ(0, all_gone(&self->vm));
}

/* Buffers of others, and what is no buffer. */
TEST_F(escape, buffers)
{
	long a = qt_do(&self->vmm, do_create, 0, 0), b, buf, fd;
	struct drm_virtgpu_resource_create r = picture();
	int host, mine, theirs;

	ASSERT_LT(0, a);
	/* Of another VM. */
	buf = qt_do(&self->vmm, do_export, a, 0);
	ASSERT_LE(0, buf);
	theirs = pass(&self->vmm, &self->them, buf);
	EXPECT_EQ(-EACCES, qt_do(&self->them, do_import, theirs, 0));
	EXPECT_EQ(0, ledger(&self->other).vram_used);
	EXPECT_EQ(0, ledger(&self->other).objects);
	/* Its own: what it has already, charged once, as long as there is anything of it. */
	EXPECT_EQ(a, qt_do(&self->vmm, do_import, buf, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_gem_close, a, 0));
	b = qt_do(&self->vmm, do_import, buf, 0);
	EXPECT_LT(0, b);
	fd = qt_do(&self->vmm, do_reopen, NODE(&self->vmm), O_RDWR);
	EXPECT_LT(0, qt_do(&self->vmm, do_import, buf, fd));
	EXPECT_EQ(BYTES, ledger(&self->vm).vram_used);
	EXPECT_EQ(-ENOENT, qt_do(&self->vmm, do_export, b + 17, 0));
	/* Of the host: charged to who imports it, and only one VM does. */
	ASSERT_EQ(0, amd_call(self->real, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &r));
	host = qt_prime_export(self->real, r.bo_handle);
	ASSERT_LE(0, host);
	mine = qt_give_fd(&self->vmm, host);
	theirs = qt_give_fd(&self->them, host);
	b = qt_do(&self->vmm, do_import, mine, 0);
	EXPECT_LT(0, b);
	EXPECT_EQ(b, qt_do(&self->vmm, do_import, mine, 0));
	EXPECT_EQ(2 * BYTES, ledger(&self->vm).vram_used);
	EXPECT_EQ(-EACCES, qt_do(&self->them, do_import, theirs, 0));
	EXPECT_EQ(0, ledger(&self->other).vram_used);
	EXPECT_EQ(0, qt_do(&self->vmm, do_gem_close, b, 0));
	EXPECT_EQ(0, qt_gate_wait_used(self->vm.use, BYTES, SOON));
	close(host);
	/* What is none. */
	EXPECT_EQ(-EBADF, qt_do(&self->vmm, do_import, -1, 0));
	EXPECT_EQ(-EINVAL, qt_do(&self->vmm, do_import, NODE(&self->vmm), 0));
	EXPECT_EQ(-EINVAL, qt_do(&self->vmm, do_import, 0, 0));
	EXPECT_EQ(BYTES, ledger(&self->vm).vram_used);
	amd_close(self->real, r.bo_handle);
}

static long do_sync_create(long x, long fd, void *data)
{
	struct drm_syncobj_create c = { .handle = QT_P32 };
	int ret = amd_call(fd ? fd : node, DRM_IOCTL_SYNCOBJ_CREATE, &c);

	return ret ? ret : (long)c.handle;
}

static long do_sync_export(long handle, long fd, void *data)
{
	struct drm_syncobj_handle h = { .handle = handle, .fd = QT_P32 };
	int ret = amd_call(fd ? fd : node, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &h);

	return ret ? ret : h.fd;
}

static long do_sync_import(long fd, long y, void *data)
{
	struct drm_syncobj_handle h = { .handle = QT_P32, .fd = fd };
	int ret = amd_call(node, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &h);

	return ret ? ret : (long)h.handle;
}

/* Put the fence of an fd into a syncobj. */
static long do_fence_import(long handle, long fd, void *data)
{
	struct drm_syncobj_handle h = { .handle = handle,
					.flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE,
					.fd = fd };

	return amd_call(node, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &h);
}

static long do_transfer(long from, long to, void *data)
{
	struct drm_syncobj_transfer t = { .src_handle = from, .dst_handle = to, .dst_point = 1 };

	return amd_call(node, DRM_IOCTL_SYNCOBJ_TRANSFER, &t);
}

/* Signal a syncobj through a file. */
static long do_signal(long handle, long fd, void *data)
{
	__u32 h = handle;
	struct drm_syncobj_array s = { .handles = (unsigned long)&h, .count_handles = 1 };

	return amd_call(fd ? fd : node, DRM_IOCTL_SYNCOBJ_SIGNAL, &s);
}

static long do_eventfd(long x, long y, void *data)
{
	return eventfd(0, EFD_CLOEXEC);
}

/* Syncobjs of another file, another VM and the host. */
TEST_F(escape, syncobjs)
{
	long a = qt_do(&self->vmm, do_sync_create, 0, 0), b, c, buf, fd;
	struct drm_syncobj_create raw = {};
	int theirs, event;

	if (a == -EOPNOTSUPP)
		SKIP(return, "this kernel's virtio_gpu has no syncobjs");
	ASSERT_LT(0, a);
	fd = qt_do(&self->vmm, do_reopen, NODE(&self->vmm), O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENOENT, qt_do(&self->vmm, do_signal, a, fd));
	EXPECT_EQ(-EINVAL, qt_do(&self->vmm, do_sync_export, a, fd));
	EXPECT_EQ(-ENOENT, qt_do(&self->vmm, do_transfer, a, a + 17));
	EXPECT_EQ(-ENOENT, qt_do(&self->vmm, do_transfer, a + 17, a));
	/* Of the same VM: its own, once more. */
	c = qt_do(&self->vmm, do_sync_export, a, 0);
	ASSERT_LE(0, c);
	b = qt_do(&self->vmm, do_sync_import, c, 0);
	EXPECT_LT(0, b);
	EXPECT_EQ(1, ledger(&self->vm).syncobjs);
	/* Of another VM. */
	theirs = pass(&self->vmm, &self->them, c);
	EXPECT_EQ(-EACCES, qt_do(&self->them, do_sync_import, theirs, 0));
	/* Of the host. */
	ASSERT_EQ(0, amd_call(self->real, DRM_IOCTL_SYNCOBJ_CREATE, &raw));
	buf = do_sync_export(raw.handle, self->real, NULL);
	ASSERT_LE(0, buf);
	EXPECT_EQ(-EACCES, qt_do(&self->them, do_sync_import, qt_give_fd(&self->them, buf), 0));
	close(buf);
	EXPECT_EQ(0, ledger(&self->other).syncobjs);
	/* What is none, or no fence. */
	event = qt_do(&self->vmm, do_eventfd, 0, 0);
	ASSERT_LE(0, event);
	EXPECT_EQ(-EINVAL, qt_do(&self->vmm, do_sync_import, event, 0));
	EXPECT_EQ(-EINVAL, qt_do(&self->vmm, do_sync_import, NODE(&self->vmm), 0));
	EXPECT_EQ(-EINVAL, qt_do(&self->vmm, do_fence_import, a, event));
	EXPECT_EQ(-EINVAL, qt_do(&self->vmm, do_fence_import, a, c));
	EXPECT_EQ(1, ledger(&self->vm).syncobjs);
}

static long do_grow(long x, long y, void *data)
{
	return mremap(mem, BYTES, BYTES + 4096, MREMAP_MAYMOVE) == MAP_FAILED ? -errno : 0;
}

/* Elsewhere, with its first page alone by itself. */
static long do_move(long x, long y, void *data)
{
	void *p = mmap(NULL, BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	p = mremap(mem, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, p);
	if (p == MAP_FAILED)
		return -errno;
	mem = p;
	return mprotect(mem, 4096, PROT_READ) ? -errno : mem[0];
}

/* Map the same memory in its place, past mmap(). Return: 0 or -errno. */
static long do_remap(long pgoff, long y, void *data)
{
	if (pgoff < 0)
		pgoff = ((struct shared *)data)->offset / 4096;
	return syscall(SYS_remap_file_pages, mem, BYTES, 0, pgoff, 0) ? -errno : 0;
}

static long do_advise(long advice, long y, void *data)
{
	return madvise(mem, BYTES, (int)advice) ? -errno : 0;
}

static long do_where(long x, long y, void *data)
{
	((struct shared *)data)->at = mem;
	return 0;
}

/* Read a member's memory from outside; return: bytes or -errno */
static long do_peek(long how, long y, void *data)
{
	struct shared *s = data;
	struct iovec local = { s->bytes, 16 }, remote = { s->at, 16 };
	char path[64];
	ssize_t n;
	int fd;

	memset(s->bytes, QT_POISON, 16);
	if (!how) {
		n = process_vm_readv(s->pid, &local, 1, &remote, 1, 0);
		return n < 0 ? -errno : n;
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", s->pid);
	fd = open(path, O_RDWR);
	n = pread(fd, s->bytes, 16, (off_t)(unsigned long)s->at);
	n = n < 0 ? -errno : n;
	close(fd);
	return n;
}

/* However a mapping is changed, copied and inherited: it is the gate's, and ends with it. */
TEST_F(escape, mappings)
{
	static const int advices[] = { MADV_DOFORK, MADV_DONTNEED, MADV_FREE, MADV_REMOVE };
	struct shared *s = self->outsider.data;
	struct qt_actor child;
	unsigned int i;
	long a;

	a = qt_do(&self->vmm, do_create, 0, 0);
	ASSERT_LT(0, a);
	ASSERT_EQ(0, qt_do(&self->vmm, do_map, a, 0));
	EXPECT_EQ(-EFAULT, qt_do(&self->vmm, do_grow, 0, 0));
	for (i = 0; i < sizeof(advices) / sizeof(*advices); i++)
		qt_do(&self->vmm, do_advise, advices[i], 0);
	ASSERT_EQ(0, qt_clone(&self->vmm, &child, 0));
	EXPECT_EQ(42, qt_do(&child, do_touch, 0, 0));
	EXPECT_EQ(42, qt_do(&self->vmm, do_move, 0, 0));
	ASSERT_EQ(0, qt_do(&self->vmm, do_where, 0, 0));
	s->pid = self->vmm.pid;
	s->at = ((struct shared *)self->vmm.data)->at;
	EXPECT_EQ(-EFAULT, qt_do(&self->outsider, do_peek, 0, 0));
	EXPECT_EQ(-EIO, qt_do(&self->outsider, do_peek, 1, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_gem_close, a, 0));
	qt_sleep_ms(100);
	EXPECT_EQ(BYTES, ledger(&self->vm).vram_used);
	ASSERT_EQ(0, qt_gate_destroy(self->vm.manage, self->g.out_gate_id));
	EXPECT_EQ(-EFAULT, qt_do(&self->vmm, do_touch, 0, 0));
	EXPECT_EQ(-EFAULT, qt_do(&child, do_touch, 0, 0));
	qt_end(&child);
}

/*
 * What is mapped in place of a mapping by its own file, past the gate, would outlive the gate. It
 * may be refused, or be the gate's: that is the kernel's to choose.
 */
TEST_F(escape, mapped_anew)
{
	struct qt_actor child;
	long a, buf;

	a = qt_do(&self->vmm, do_create, 0, 0);
	ASSERT_LT(0, a);
	ASSERT_EQ(0, qt_clone(&self->vmm, &child, 0));
	buf = qt_do(&child, do_export, a, 0);
	ASSERT_LE(0, buf);
	ASSERT_EQ(0, qt_do(&child, do_map_buf, buf, 0));
	qt_do(&child, do_remap, 0, 0);
	EXPECT_EQ(42, qt_do(&child, do_touch, 0, 0));
	ASSERT_EQ(0, qt_do(&self->vmm, do_map, a, 0));
	qt_do(&self->vmm, do_remap, -1, 0);
	EXPECT_EQ(42, qt_do(&self->vmm, do_touch, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_gem_close, a, 0));
	EXPECT_EQ(BYTES, ledger(&self->vm).vram_used);
	ASSERT_EQ(0, qt_gate_destroy(self->vm.manage, self->g.out_gate_id));
	EXPECT_EQ(-EFAULT, qt_do(&self->vmm, do_touch, 0, 0));
	EXPECT_EQ(-EFAULT, qt_do(&child, do_touch, 0, 0));
	qt_end(&child);
}

static long do_amd_map(long domain, long y, void *data)
{
	__u32 handle;
	__u64 offset;
	long ret = amd_create(node, BYTES, domain, 0, &handle);

	if (!ret)
		ret = amd_offset(node, handle, &offset);
	if (ret)
		return ret;
	((struct shared *)data)->offset = offset;
	return map(node, offset);
}

/* Give the other VM a gate to the mock in place of its own. Return: the mock's node or -errno. */
static int to_mock(FIXTURE_DATA(escape) *self)
{
	struct qt_vm *vm = &self->other;
	int ret, real;

	ret = qt_gate_destroy(vm->manage, self->h.out_gate_id);
	if (!ret)
		ret = qt_do(&self->them, do_leave, 0, 0);
	unlink(((struct shared *)self->them.data)->path);
	if (!ret)
		ret = qt_mock_load("vram_mib=8 gtt_mib=64");
	if (ret)
		return ret < 0 ? ret : -EIO;
	real = qt_mock_open();
	if (real < 0)
		return real;
	ret = gate_for(vm, &self->them, real, &self->h);
	return ret < 0 ? ret : real;
}

/* The same where mappings stay the driver's, which looks for them to evict what they show. */
TEST_F(escape, mapped_anew_as_the_drivers)
{
	struct qt_vm *vm = &self->other;
	int real;

	real = to_mock(self);
	ASSERT_LE(0, real);
	ASSERT_EQ(0, qt_do(&self->them, do_amd_map, VRAM, 0));
	EXPECT_EQ(42, qt_do(&self->them, do_touch, 0, 0));
	qt_do(&self->them, do_remap, -1, 0);
	EXPECT_EQ(42, qt_do(&self->them, do_touch, 0, 0));
	EXPECT_EQ(0, qt_mock_set("evict", "1"));
	EXPECT_EQ(42, qt_do(&self->them, do_touch, 0, 0));
	EXPECT_EQ(BYTES, ledger(vm).vram_used);
	ASSERT_EQ(0, qt_gate_destroy(vm->manage, self->h.out_gate_id));
	EXPECT_EQ(-EFAULT, qt_do(&self->them, do_touch, 0, 0));
	EXPECT_EQ(0, qt_do(&self->them, do_leave, 0, 0));
	close(real);
	EXPECT_EQ(0, qt_mock_unload());
}

/* Signal many points of a new timeline in one call. */
static long do_points(long n, long y, void *data)
{
	static __u32 handles[2048];
	static __u64 points[2048];
	struct drm_syncobj_timeline_array a = { .handles = (unsigned long)handles,
						.points = (unsigned long)points,
						.count_handles = n };
	long line = do_sync_create(0, 0, data), i;

	for (i = 0; i < n; i++) {
		handles[i] = line;
		points[i] = i + 1;
	}
	return line < 0 ? line : amd_call(node, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &a);
}

/* Whether a point of the timeline that is the only syncobj is signalled. */
static long do_reached(long point, long line, void *data)
{
	__u32 handle = line;
	__u64 at = point;
	struct drm_syncobj_timeline_wait w = { .handles = (unsigned long)&handle,
					       .points = (unsigned long)&at,
					       .count_handles = 1 };

	return amd_call(node, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &w);
}

/* Points of timelines stay, charged to nobody: each is a submission, however many a call adds. */
TEST_F(escape, points)
{
	struct qt_vm *vm = &self->other;
	__u64 before;
	int real;

	real = to_mock(self);
	ASSERT_LE(0, real);
	before = ledger(vm).submissions;
	EXPECT_EQ(0, qt_do(&self->them, do_points, 64, 0));
	EXPECT_EQ(before + 64, ledger(vm).submissions);
	EXPECT_EQ(0, qt_do(&self->them, do_reached, 64, 1));
	EXPECT_EQ(-EINVAL, qt_do(&self->them, do_reached, 65, 1));
	EXPECT_EQ(-EACCES, qt_do(&self->them, do_points, 65, 0));
	EXPECT_EQ(-EACCES, qt_do(&self->them, do_points, 2048, 0));
	EXPECT_EQ(-EINVAL, qt_do(&self->them, do_points, 0, 0));
	EXPECT_EQ(before + 64, ledger(vm).submissions);
	EXPECT_EQ(0, qt_do(&self->them, do_leave, 0, 0));
	EXPECT_EQ(0, all_gone(vm));
	ASSERT_EQ(0, qt_gate_destroy(vm->manage, self->h.out_gate_id));
	close(real);
	EXPECT_EQ(0, qt_mock_unload());
}

/* A picture whose description is in a file's page, which takes as long as its server likes. */
static long do_slow_create(long x, long y, void *data)
{
	struct drm_virtgpu_resource_create *r;
	int fd = open(((struct shared *)data)->path, O_RDWR), ret;

	r = mmap(NULL, QT_FUSE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (r == MAP_FAILED)
		return -errno;
	ret = ioctl(node, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, r) ? -errno : (int)r->bo_handle;
	munmap(r, QT_FUSE_PAGE);
	close(fd);
	return ret;
}

/* An argument that comes late is judged as it comes, and comes too late for a gate that is gone. */
TEST_F_TIMEOUT(escape, slow_argument, 120)
{
	const struct drm_virtgpu_resource_create r = picture();
	struct shared *s = self->vmm.data;
	char path[QT_PATH];
	struct qt_fuse fuse;
	int i;

	snprintf(path, sizeof(path), "%s", s->path);
	qt_run(true, (const char *const[]){ "modprobe", "fuse", NULL });
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, qt_fuse_start(&fuse));
		snprintf(s->path, sizeof(s->path), "%s", fuse.path);
		ASSERT_EQ(0, qt_start(&self->vmm, do_slow_create, 0, 0));
		ASSERT_EQ(0, qt_fuse_held(&fuse, SOON));
		EXPECT_EQ(0, ledger(&self->vm).vram_used);
		memcpy(fuse.page, &r, sizeof(r));
		if (i) {
			EXPECT_EQ(0, qt_gate_destroy(self->vm.manage, self->g.out_gate_id));
		}
		qt_fuse_go(&fuse);
		if (i) {
			EXPECT_EQ(-ENODEV, qt_wait(&self->vmm, qt_patience(SOON)));
		} else {
			long a = qt_wait(&self->vmm, qt_patience(SOON));

			EXPECT_LT(0, a);
			EXPECT_EQ(BYTES, ledger(&self->vm).vram_used);
			EXPECT_EQ(0, qt_do(&self->vmm, do_gem_close, a, 0));
			EXPECT_EQ(0, all_gone(&self->vm));
		}
		qt_fuse_end(&fuse);
	}
	snprintf(s->path, sizeof(s->path), "%s", path);
}

TEST_HARNESS_MAIN
