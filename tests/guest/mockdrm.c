// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock of amdgpu does what later tests rely on: its memory, how it goes away, and what it
 * refuses. Each test loads it anew; at the end nothing of it may be left.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "amdgpu_calls.h"
#include "lab.h"
#include "mock_fixture.h"
#include "mockdrm.h"
#include "patterns.h"
#include "slower.h"

#define DIRT 0xd1

/* Memory */

TEST_F(mock, memory)
{
	const __u64 domains[] = { GTT, VRAM, GTT | VRAM };
	unsigned char *p;
	__u32 handle;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, amd_create(self->fd, 5 * PAGE - 1, domains[i], 0, &handle));
		EXPECT_EQ(1, qt_mock_stat("objects"));
		EXPECT_EQ(5 * PAGE, qt_mock_stat("bytes"));
		EXPECT_EQ(domains[i] & VRAM ? 5 * PAGE : 0, qt_mock_stat("vram_bytes"));
		p = amd_map(self->fd, handle, 5 * PAGE);
		ASSERT_NE(MAP_FAILED, p);
		EXPECT_TRUE(amd_all(p, 5 * PAGE, 0));
		fill(p, 5 * PAGE, i);
		EXPECT_EQ(0, amd_close(self->fd, handle));
		/* The mapping keeps it. */
		EXPECT_EQ(1, qt_mock_stat("objects"));
		EXPECT_TRUE(holds(p, 5 * PAGE, i));
		munmap(p, 5 * PAGE);
		EXPECT_EQ(0, qt_mock_stat("objects"));
	}
}

TEST_F(mock, mapping)
{
	__u64 offset;
	__u32 handle;
	int other;

	ASSERT_EQ(0, amd_create(self->fd, PAGE, GTT, 0, &handle));
	ASSERT_EQ(0, amd_offset(self->fd, handle, &offset));
	EXPECT_EQ(MAP_FAILED,
		  mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd, offset));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, self->fd, offset));
	other = qt_mock_open();
	ASSERT_LE(0, other);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, other, offset));
	EXPECT_EQ(EACCES, errno);
	close(other);
	EXPECT_EQ(-ENOENT, amd_offset(self->fd, handle + 1, &offset));
	ASSERT_EQ(0, amd_create(self->fd, PAGE, VRAM, AMDGPU_GEM_CREATE_NO_CPU_ACCESS, &handle));
	EXPECT_EQ(-EPERM, amd_offset(self->fd, handle, &offset));
}

TEST_F(mock, dirty)
{
	const struct {
		__u64 domains, flags;
		unsigned char value;
	} made[] = {
		{ VRAM, 0, DIRT },
		{ VRAM, AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED, DIRT },
		{ VRAM, AMDGPU_GEM_CREATE_VRAM_CLEARED, 0 },
		{ GTT, 0, 0 },
		{ GTT, AMDGPU_GEM_CREATE_VRAM_CLEARED, 0 },
	};
	unsigned char *p;
	__u32 handle;
	size_t i;

	ASSERT_EQ(0, qt_mock_set("dirty", "1"));
	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		ASSERT_EQ(0,
			  amd_create(self->fd, 2 * PAGE, made[i].domains, made[i].flags, &handle));
		p = amd_map(self->fd, handle, 2 * PAGE);
		ASSERT_NE(MAP_FAILED, p);
		EXPECT_TRUE(amd_all(p, PAGE, made[i].value)) TH_LOG("object %zu", i);
		/* What was never touched is as dirty elsewhere. */
		ASSERT_EQ(0, qt_mock_set("evict", "1"));
		EXPECT_TRUE(amd_all(p, 2 * PAGE, made[i].value)) TH_LOG("object %zu, moved", i);
		munmap(p, 2 * PAGE);
		EXPECT_EQ(0, amd_close(self->fd, handle));
	}
	ASSERT_EQ(0, qt_mock_set("dirty", "0"));
	ASSERT_EQ(0, amd_create(self->fd, PAGE, VRAM, 0, &handle));
	p = amd_map(self->fd, handle, PAGE);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(amd_all(p, PAGE, 0));
	munmap(p, PAGE);
}

/* Twice as much as VRAM holds. */
TEST_F(mock, vram_full)
{
	unsigned char *p[16];
	__u32 handle[16];
	int i;

	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, amd_create(self->fd, MIB, VRAM, 0, &handle[i]));
		p[i] = amd_map(self->fd, handle[i], MIB);
		ASSERT_NE(MAP_FAILED, p[i]);
		fill(p[i], MIB, i);
	}
	EXPECT_EQ(8 * MIB, qt_mock_stat("vram_bytes"));
	EXPECT_EQ(16 * MIB, qt_mock_stat("bytes"));
	EXPECT_EQ(8, qt_mock_stat("evictions"));
	for (i = 0; i < 16; i++) {
		EXPECT_TRUE(holds(p[i], MIB, i)) TH_LOG("object %d", i);
		munmap(p[i], MIB);
	}
}

/* Objects of one address space share a lock. */
TEST_F(mock, vram_full_of_one_space)
{
	__u32 handle;
	int i;

	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, amd_create(self->fd, MIB, VRAM, AMDGPU_GEM_CREATE_VM_ALWAYS_VALID,
					&handle));
	}
	EXPECT_EQ(8 * MIB, qt_mock_stat("vram_bytes"));
	EXPECT_EQ(2, qt_mock_stat("evictions"));
	EXPECT_EQ(-EPERM, amd_export(self->fd, handle));
}

TEST_F(mock, too_big)
{
	__u32 handle;

	/* More than VRAM has: system memory. */
	EXPECT_EQ(0, amd_create(self->fd, 9 * MIB, VRAM, 0, &handle));
	EXPECT_EQ(0, qt_mock_stat("vram_bytes"));
	EXPECT_EQ(0, amd_close(self->fd, handle));
	EXPECT_EQ(-ENOMEM, amd_create(self->fd, 65 * MIB, VRAM, 0, &handle));
	EXPECT_EQ(-ENOMEM, amd_create(self->fd, 65 * MIB, GTT, 0, &handle));
	EXPECT_EQ(-ENOMEM, amd_create(self->fd, ~0ULL, GTT, 0, &handle));
	EXPECT_EQ(0, amd_create(self->fd, 64 * MIB, GTT, 0, &handle));
	EXPECT_EQ(-ENOMEM, amd_create(self->fd, PAGE, GTT, 0, &handle));
	EXPECT_EQ(0, amd_create(self->fd, PAGE, VRAM, 0, &handle));
}

TEST_F(mock, evict_and_zap)
{
	unsigned char *p;
	__u32 handle;
	long faults;

	ASSERT_EQ(0, amd_create(self->fd, 4 * PAGE, VRAM, 0, &handle));
	p = amd_map(self->fd, handle, 4 * PAGE);
	ASSERT_NE(MAP_FAILED, p);
	fill(p, 4 * PAGE, 1);
	faults = qt_mock_stat("faults");
	EXPECT_EQ(4, faults);
	EXPECT_TRUE(holds(p, 4 * PAGE, 1));
	EXPECT_EQ(faults, qt_mock_stat("faults"));

	ASSERT_EQ(0, qt_mock_set("zap", "1"));
	EXPECT_TRUE(holds(p, 4 * PAGE, 1));
	EXPECT_EQ(faults + 4, qt_mock_stat("faults"));
	EXPECT_EQ(4 * PAGE, qt_mock_stat("vram_bytes"));

	ASSERT_EQ(0, qt_mock_set("evict", "1"));
	EXPECT_EQ(0, qt_mock_stat("vram_bytes"));
	EXPECT_EQ(1, qt_mock_stat("evictions"));
	EXPECT_TRUE(holds(p, 4 * PAGE, 1));
	EXPECT_EQ(faults + 8, qt_mock_stat("faults"));
	munmap(p, 4 * PAGE);
}

/* A mapping that keeps the memory, but not the GEM object, as TTM's do. */
TEST_F(mock, ttm_mapping)
{
	unsigned char *p;
	__u64 offset;
	__u32 handle;

	ASSERT_EQ(0, qt_mock_set("ttm_mmap", "1"));
	ASSERT_EQ(0, amd_create(self->fd, 2 * PAGE, VRAM, 0, &handle));
	ASSERT_EQ(0, amd_offset(self->fd, handle, &offset));
	p = amd_map(self->fd, handle, 2 * PAGE);
	ASSERT_NE(MAP_FAILED, p);
	fill(p, 2 * PAGE, 3);
	ASSERT_EQ(0, amd_close(self->fd, handle));
	EXPECT_EQ(1, qt_mock_stat("objects"));
	EXPECT_EQ(2 * PAGE, qt_mock_stat("vram_bytes"));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, self->fd, offset));
	ASSERT_EQ(0, qt_mock_set("evict", "1"));
	EXPECT_TRUE(holds(p, 2 * PAGE, 3));
	/* One half of it at a time. */
	munmap(p, PAGE);
	EXPECT_EQ(1, qt_mock_stat("objects"));
	munmap(p + PAGE, PAGE);
	EXPECT_EQ(0, qt_mock_stat("objects"));
}

TEST_F(mock, create_invalid)
{
	__u32 handle;

	EXPECT_EQ(-EINVAL, amd_create(self->fd, 0, GTT, 0, &handle));
	EXPECT_EQ(-EINVAL, amd_create(self->fd, PAGE, 1 << 7, 0, &handle));
	EXPECT_EQ(-EINVAL, amd_create(self->fd, PAGE, 1ULL << 40, 0, &handle));
	EXPECT_EQ(-EINVAL, amd_create(self->fd, PAGE, GTT, 1 << 4, &handle));
	EXPECT_EQ(-EINVAL, amd_create(self->fd, PAGE, GTT, AMDGPU_GEM_CREATE_ENCRYPTED, &handle));
	EXPECT_EQ(-EINVAL, amd_create(self->fd, PAGE, GTT, 1ULL << 40, &handle));
	EXPECT_EQ(-ENOMEM, amd_create(self->fd, PAGE, AMDGPU_GEM_DOMAIN_GDS, 0, &handle));
	EXPECT_EQ(0, qt_mock_stat("objects"));
}

TEST_F(mock, userptr)
{
	void *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const __u32 good = AMDGPU_GEM_USERPTR_REGISTER | AMDGPU_GEM_USERPTR_VALIDATE;
	struct drm_amdgpu_gem_userptr a = { .addr = (unsigned long)p,
					    .size = 4 * PAGE,
					    .flags = good };
	__u64 offset;

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_USERPTR, &a));
	EXPECT_EQ(-EPERM, amd_offset(self->fd, a.handle, &offset));
	EXPECT_EQ(-EPERM, amd_export(self->fd, a.handle));
	EXPECT_EQ(0, amd_close(self->fd, a.handle));
	a.handle = 0xcccccccc;
	a.addr++;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_USERPTR, &a));
	a.addr--;
	a.size++;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_USERPTR, &a));
	a.size = 0;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_USERPTR, &a));
	a.size = 4 * PAGE;
	a.flags = good | 1 << 4;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_USERPTR, &a));
	a.flags = AMDGPU_GEM_USERPTR_VALIDATE;
	EXPECT_EQ(-EACCES, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_USERPTR, &a));
	a.flags = good;
	munmap((char *)p + PAGE, PAGE);
	EXPECT_EQ(-EFAULT, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_USERPTR, &a));
}

TEST_F(mock, metadata)
{
	struct drm_amdgpu_gem_metadata a = { .op = AMDGPU_GEM_METADATA_OP_SET_METADATA };
	__u32 handle;

	ASSERT_EQ(0, amd_create(self->fd, PAGE, GTT, 0, &handle));
	a.handle = handle;
	a.data.tiling_info = 0x1234;
	a.data.data_size_bytes = 8;
	memset(a.data.data, 0x5a, 8);
	ASSERT_EQ(0, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_METADATA, &a));
	memset(&a.data, 0xcc, sizeof(a.data));
	a.op = AMDGPU_GEM_METADATA_OP_GET_METADATA;
	ASSERT_EQ(0, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_METADATA, &a));
	EXPECT_EQ(0x1234, a.data.tiling_info);
	EXPECT_EQ(8, a.data.data_size_bytes);
	EXPECT_EQ(0x5a5a5a5a, a.data.data[1]);
	EXPECT_EQ(0, a.data.data[2]);
	a.op = 3;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_METADATA, &a));
	a.op = AMDGPU_GEM_METADATA_OP_SET_METADATA;
	a.data.data_size_bytes = sizeof(a.data.data) + 1;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_METADATA, &a));
	a.handle = handle + 1;
	a.data.data_size_bytes = 0;
	EXPECT_EQ(-ENOENT, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_METADATA, &a));
}

TEST_F(mock, placement)
{
	struct drm_amdgpu_gem_create_in info;
	struct drm_amdgpu_gem_op op = { .op = AMDGPU_GEM_OP_GET_GEM_CREATE_INFO };
	const __u64 flags = AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED;

	ASSERT_EQ(0, amd_create(self->fd, PAGE, VRAM, flags, &op.handle));
	memset(&info, 0xcc, sizeof(info));
	op.value = (unsigned long)&info;
	ASSERT_EQ(0, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_OP, &op));
	EXPECT_EQ(PAGE, info.bo_size);
	EXPECT_EQ(VRAM, info.domains);
	EXPECT_EQ(flags, info.domain_flags);
	op.value = 8;
	EXPECT_EQ(-EFAULT, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_OP, &op));
	op.op = AMDGPU_GEM_OP_SET_PLACEMENT;
	op.value = GTT;
	EXPECT_EQ(0, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_OP, &op));
	op.op = 9;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_OP, &op));
	op.handle++;
	EXPECT_EQ(-ENOENT, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_OP, &op));
}

TEST_F(mock, addresses)
{
	struct drm_amdgpu_gem_va good = { .operation = AMDGPU_VA_OP_MAP,
					  .flags = AMDGPU_VM_PAGE_READABLE,
					  .va_address = 0x400000,
					  .map_size = 2 * PAGE };
	struct drm_amdgpu_gem_va a;

	ASSERT_EQ(0, amd_create(self->fd, 2 * PAGE, GTT, 0, &good.handle));
	a = good;
	EXPECT_EQ(0, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_VA, &a));
	a = good, a.offset_in_bo = PAGE;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_VA, &a));
	a = good, a.va_address = PAGE;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_VA, &a));
	a = good, a.va_address = 0x900000000000;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_VA, &a));
	a = good, a.va_address++;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_VA, &a));
	a = good, a.map_size++;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_VA, &a));
	a = good, a.map_size = 0;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_VA, &a));
	a = good, a.flags = 1U << 31;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_VA, &a));
	a = good, a.operation = 5;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_VA, &a));
	a = good, a.handle++;
	EXPECT_EQ(-ENOENT, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_VA, &a));
}

TEST_F(mock, prime)
{
	int other = qt_mock_open(), dmabuf;
	unsigned char *p, *q, *r;
	__u32 handle, imported;

	ASSERT_LE(0, other);
	ASSERT_EQ(0, amd_create(self->fd, 2 * PAGE, VRAM, 0, &handle));
	p = amd_map(self->fd, handle, 2 * PAGE);
	ASSERT_NE(MAP_FAILED, p);
	fill(p, 2 * PAGE, 5);
	dmabuf = amd_export(self->fd, handle);
	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, amd_import(other, dmabuf, &imported));
	EXPECT_EQ(1, qt_mock_stat("objects"));
	q = amd_map(other, imported, 2 * PAGE);
	ASSERT_NE(MAP_FAILED, q);
	r = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	ASSERT_NE(MAP_FAILED, r);
	EXPECT_TRUE(holds(q, 2 * PAGE, 5));
	EXPECT_TRUE(holds(r, 2 * PAGE, 5));
	/* Its mappings are taken away wherever they are, or they would show the old pages. */
	ASSERT_EQ(0, qt_mock_set("evict", "1"));
	fill(p, 2 * PAGE, 6);
	EXPECT_TRUE(holds(q, 2 * PAGE, 6));
	EXPECT_TRUE(holds(r, 2 * PAGE, 6));
	munmap(p, 2 * PAGE);
	munmap(q, 2 * PAGE);
	close(dmabuf);
	EXPECT_EQ(0, amd_close(self->fd, handle));
	close(other);
	EXPECT_EQ(1, qt_mock_stat("objects"));
	EXPECT_TRUE(holds(r, 2 * PAGE, 6));
	munmap(r, 2 * PAGE);
	EXPECT_EQ(0, qt_mock_stat("objects"));
}

/* With another driver, in both directions. */
TEST_F(mock, prime_foreign)
{
	struct drm_mode_create_dumb dumb = { .width = 64, .height = 64, .bpp = 32 };
	int vgem = qt_vgem_open(), dmabuf;
	__u32 handle, there;
	unsigned char *p;

	ASSERT_LE(0, vgem);
	ASSERT_EQ(0, ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb));
	dmabuf = amd_export(vgem, dumb.handle);
	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, amd_import(self->fd, dmabuf, &handle));
	close(dmabuf);
	/* None of our memory; and it is not for us to map. */
	EXPECT_EQ(1, qt_mock_stat("objects"));
	EXPECT_EQ(0, qt_mock_stat("bytes"));
	EXPECT_EQ(MAP_FAILED, amd_map(self->fd, handle, PAGE));
	EXPECT_EQ(0, amd_close(self->fd, handle));
	EXPECT_EQ(0, qt_mock_stat("objects"));

	/* An importer has it pinned, outside of VRAM. */
	ASSERT_EQ(0, amd_create(self->fd, 2 * PAGE, VRAM, 0, &handle));
	p = amd_map(self->fd, handle, 2 * PAGE);
	ASSERT_NE(MAP_FAILED, p);
	fill(p, 2 * PAGE, 8);
	dmabuf = amd_export(self->fd, handle);
	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, amd_import(vgem, dmabuf, &there));
	EXPECT_EQ(0, qt_mock_stat("vram_bytes"));
	EXPECT_TRUE(holds(p, 2 * PAGE, 8));
	munmap(p, 2 * PAGE);
	close(dmabuf);
	EXPECT_EQ(0, amd_close(self->fd, handle));
	EXPECT_EQ(1, qt_mock_stat("objects"));
	EXPECT_EQ(0, amd_close(vgem, there));
	close(vgem);
	EXPECT_EQ(0, qt_mock_stat("objects"));
}

/* How it goes */

TEST_F(mock, killed)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		int fd = qt_mock_open(), ctx = amd_context(fd, 0);
		__u32 handle;
		__u64 seq;

		qt_mock_jobs_take(JOB_MS);
		amd_create(fd, MIB, VRAM, 0, &handle);
		memset(amd_map(fd, handle, MIB), 1, MIB);
		amd_export(fd, handle);
		amd_submit(fd, ctx, AMDGPU_HW_IP_GFX, NULL, &seq);
		kill(getpid(), SIGKILL);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	EXPECT_EQ(0, qt_mock_stat("objects"));
	EXPECT_EQ(0, qt_mock_stat("contexts"));
	EXPECT_EQ(1, qt_mock_stat("clients"));
}

FIXTURE(unplug)
{
	int fd;
};

FIXTURE_VARIANT(unplug)
{
	const char *what;
};

FIXTURE_VARIANT_ADD(unplug, drm){ .what = "drm" };
FIXTURE_VARIANT_ADD(unplug, pci){ .what = "pci" };

FIXTURE_SETUP(unplug)
{
	ASSERT_EQ(0, qt_mock_load("vram_mib=8 gtt_mib=64"));
	self->fd = qt_mock_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(unplug)
{
	EXPECT_EQ(0, qt_mock_live());
	EXPECT_EQ(0, qt_mock_unload());
}

/* With mappings, files, a dma-buf and a job that has not ended. */
TEST_F(unplug, in_use)
{
	int ctx = amd_context(self->fd, 0), dmabuf;
	struct pollfd p = { .events = POLLIN };
	union drm_amdgpu_fence_to_handle h = {};
	unsigned char *gtt, *vram;
	__u32 handle;
	__u64 seq;

	ASSERT_LE(1, ctx);
	ASSERT_EQ(0, amd_create(self->fd, PAGE, GTT, 0, &handle));
	gtt = amd_map(self->fd, handle, PAGE);
	ASSERT_EQ(0, amd_create(self->fd, 2 * PAGE, VRAM, 0, &handle));
	vram = amd_map(self->fd, handle, 2 * PAGE);
	dmabuf = amd_export(self->fd, handle);
	ASSERT_LE(0, dmabuf);
	gtt[0] = 1;
	vram[0] = 1;
	ASSERT_EQ(0, qt_mock_jobs_take(60000));
	ASSERT_EQ(0, amd_submit(self->fd, ctx, AMDGPU_HW_IP_GFX, NULL, &seq));
	h.in.fence = (struct drm_amdgpu_fence){ .ctx_id = ctx, .seq_no = seq };
	h.in.what = AMDGPU_FENCE_TO_HANDLE_GET_SYNC_FILE_FD;
	ASSERT_EQ(0, amd_call(self->fd, DRM_IOCTL_AMDGPU_FENCE_TO_HANDLE, &h));
	p.fd = h.out.handle;

	ASSERT_EQ(0, qt_mock_set("unplug", variant->what));
	EXPECT_EQ(SIGBUS, read_fault(gtt));
	EXPECT_EQ(SIGBUS, read_fault(vram));
	EXPECT_EQ(SIGBUS, read_fault(vram + PAGE));
	EXPECT_EQ(1, poll(&p, 1, 1000));
	EXPECT_EQ(-ENODEV, amd_create(self->fd, PAGE, GTT, 0, &handle));
	EXPECT_EQ(-ENODEV, amd_wait(self->fd, ctx, AMDGPU_HW_IP_GFX, seq, 0));
	EXPECT_GT(0, qt_mock_open());
	EXPECT_NE(0, qt_run(true, (const char *const[]){ "rmmod", "mockdrm", NULL }));
	EXPECT_EQ(1, qt_mock_stat("gfx_finished"));
	close(p.fd);
	close(self->fd);
	munmap(gtt, PAGE);
	close(dmabuf);
	/* A mapping keeps the file, and so its handles. */
	EXPECT_EQ(2, qt_mock_stat("objects"));
	munmap(vram, 2 * PAGE);
	EXPECT_EQ(0, qt_mock_stat("objects"));
}

/* While others fault, allocate and submit. */
TEST_F(unplug, busy)
{
	pid_t pid[3];
	int i, status;

	ASSERT_EQ(0, qt_mock_jobs_take(1));
	for (i = 0; i < 3; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			int ctx = amd_context(self->fd, 0);
			unsigned char *p;
			__u32 handle;
			__u64 seq;

			while (!amd_create(self->fd, MIB, VRAM, 0, &handle)) {
				p = amd_map(self->fd, handle, MIB);
				if (p == MAP_FAILED)
					break;
				if (read_fault(p) || read_fault(p + MIB - 1))
					break;
				if (amd_submit(self->fd, ctx, i & 1, NULL, &seq))
					break;
				munmap(p, MIB);
				amd_close(self->fd, handle);
			}
			_exit(0);
		}
	}
	qt_sleep_ms(1000);
	ASSERT_EQ(0, qt_mock_set("evict", "1"));
	ASSERT_EQ(0, qt_mock_set("unplug", variant->what));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(pid[i], waitpid(pid[i], &status, 0));
		EXPECT_EQ(0, status);
	}
	close(self->fd);
}

TEST_F(unplug, and_back)
{
	int fd;

	ASSERT_EQ(0, qt_mock_set("unplug", variant->what));
	close(self->fd);
	ASSERT_EQ(0, qt_mock_unload());
	ASSERT_EQ(0, qt_mock_load(""));
	fd = qt_mock_open();
	EXPECT_LE(0, fd);
	EXPECT_LE(1, amd_context(fd, 0));
	close(fd);
}

TEST_HARNESS_MAIN
