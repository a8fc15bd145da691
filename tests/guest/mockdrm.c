// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock of amdgpu does what later tests rely on: its memory, its engines, how it goes away, and
 * what it refuses. Each test loads it anew; at the end nothing of it may be left.
 */
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "amdgpu_calls.h"
#include "lab.h"
#include "mockdrm.h"
#include "slower.h"

#define MIB  (1UL << 20)
#define PAGE 4096UL
#define DIRT 0xd1

#define GTT  AMDGPU_GEM_DOMAIN_GTT
#define VRAM AMDGPU_GEM_DOMAIN_VRAM

static unsigned char word_of(unsigned int seed, unsigned long i)
{
	return seed * 31 + i * 7 + (i >> 12);
}

static void fill(unsigned char *p, unsigned long size, unsigned int seed)
{
	unsigned long i;

	for (i = 0; i < size; i += 64)
		p[i] = word_of(seed, i);
}

static bool holds(const volatile unsigned char *p, unsigned long size, unsigned int seed)
{
	unsigned long i;

	for (i = 0; i < size; i += 64)
		if (p[i] != word_of(seed, i))
			return false;
	return true;
}

static bool all(const volatile unsigned char *p, unsigned long size, unsigned char value)
{
	unsigned long i;

	for (i = 0; i < size; i++)
		if (p[i] != value)
			return false;
	return true;
}

static sigjmp_buf fault_jump;

static void on_fault(int sig)
{
	siglongjmp(fault_jump, sig);
}

/* The signal that a read at @p gives; 0: none. */
static int read_fault(const volatile unsigned char *p)
{
	struct sigaction sa = { .sa_handler = on_fault }, bus, segv;
	int sig;

	sigaction(SIGBUS, &sa, &bus);
	sigaction(SIGSEGV, &sa, &segv);
	sig = sigsetjmp(fault_jump, 1);
	if (!sig)
		(void)*p;
	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	return sig;
}

FIXTURE(mock)
{
	int fd;
};

FIXTURE_SETUP(mock)
{
	ASSERT_EQ(0, qt_mock_load("vram_mib=8 gtt_mib=64"));
	self->fd = qt_mock_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(mock)
{
	close(self->fd);
	EXPECT_EQ(0, qt_mock_stat("objects"));
	EXPECT_EQ(0, qt_mock_stat("bytes"));
	EXPECT_EQ(0, qt_mock_stat("vram_bytes"));
	EXPECT_EQ(0, qt_mock_stat("contexts"));
	EXPECT_EQ(0, qt_mock_stat("clients"));
	EXPECT_EQ(0, qt_mock_stat("asleep"));
	EXPECT_EQ(0, qt_mock_unload());
}

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
		EXPECT_TRUE(all(p, 5 * PAGE, 0));
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
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd, offset));
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
		ASSERT_EQ(0, amd_create(self->fd, 2 * PAGE, made[i].domains, made[i].flags, &handle));
		p = amd_map(self->fd, handle, 2 * PAGE);
		ASSERT_NE(MAP_FAILED, p);
		EXPECT_TRUE(all(p, PAGE, made[i].value)) TH_LOG("object %zu", i);
		/* What was never touched is as dirty elsewhere. */
		ASSERT_EQ(0, qt_mock_set("evict", "1"));
		EXPECT_TRUE(all(p, 2 * PAGE, made[i].value)) TH_LOG("object %zu, moved", i);
		munmap(p, 2 * PAGE);
		EXPECT_EQ(0, amd_close(self->fd, handle));
	}
	ASSERT_EQ(0, qt_mock_set("dirty", "0"));
	ASSERT_EQ(0, amd_create(self->fd, PAGE, VRAM, 0, &handle));
	p = amd_map(self->fd, handle, PAGE);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(all(p, PAGE, 0));
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
		ASSERT_EQ(0, amd_create(self->fd, MIB, VRAM, AMDGPU_GEM_CREATE_VM_ALWAYS_VALID, &handle));
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
	struct drm_amdgpu_gem_userptr a = { .addr = (unsigned long)p, .size = 4 * PAGE, .flags = good };
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

static int vgem_open(void)
{
	char path[QT_PATH];
	int fd = -ENODEV;
	glob_t g;

	if (qt_run(false, (const char *const[]){ "modprobe", "vgem", NULL }))
		return fd;
	if (glob("/sys/devices/platform/vgem/drm/card*", 0, NULL, &g))
		return fd;
	snprintf(path, sizeof(path), "/dev/dri/%s", strrchr(g.gl_pathv[0], '/') + 1);
	fd = open(path, O_RDWR | O_CLOEXEC);
	globfree(&g);
	return fd < 0 ? -errno : fd;
}

/* With another driver, in both directions. */
TEST_F(mock, prime_foreign)
{
	struct drm_mode_create_dumb dumb = { .width = 64, .height = 64, .bpp = 32 };
	int vgem = vgem_open(), dmabuf;
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

/* Engines */

#define JOB_MS 200

static int jobs_take(int ms)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", ms * 1000);
	return qt_mock_set("job_us", text);
}

static __u64 in_ms(int ms)
{
	return (qt_now_ms() + ms) * 1000000ULL;
}

TEST_F(mock, jobs)
{
	const __u32 ip[] = { AMDGPU_HW_IP_GFX, AMDGPU_HW_IP_COMPUTE };
	const char *const submitted[] = { "gfx_submitted", "compute_submitted" };
	const char *const finished[] = { "gfx_finished", "compute_finished" };
	int ctx = amd_context(self->fd, 0), i;
	long long begin, took;
	__u64 seq;

	ASSERT_LE(1, ctx);
	ASSERT_EQ(0, jobs_take(JOB_MS));
	for (i = 0; i < 2; i++) {
		begin = qt_now_ms();
		ASSERT_EQ(0, amd_submit(self->fd, ctx, ip[i], NULL, &seq));
		EXPECT_EQ(1, seq);
		EXPECT_EQ(1, amd_wait(self->fd, ctx, ip[i], seq, 0));
		EXPECT_EQ(0, amd_wait(self->fd, ctx, ip[i], seq, AMD_FOREVER));
		took = qt_now_ms() - begin;
		EXPECT_LE(JOB_MS - 1, took);
		EXPECT_GT(JOB_MS + qt_patience(1000), took);
		EXPECT_EQ(1, qt_mock_stat(submitted[i]));
		EXPECT_EQ(1, qt_mock_stat(finished[i]));
	}
}

/* One after another on a ring, side by side on two. */
TEST_F(mock, jobs_in_order)
{
	int ctx = amd_context(self->fd, 0);
	long long begin;
	__u64 seq;

	ASSERT_LE(1, ctx);
	ASSERT_EQ(0, jobs_take(JOB_MS));
	begin = qt_now_ms();
	ASSERT_EQ(0, amd_submit(self->fd, ctx, AMDGPU_HW_IP_GFX, NULL, &seq));
	ASSERT_EQ(0, amd_submit(self->fd, ctx, AMDGPU_HW_IP_GFX, NULL, &seq));
	ASSERT_EQ(0, amd_submit(self->fd, ctx, AMDGPU_HW_IP_GFX, NULL, &seq));
	EXPECT_EQ(3, seq);
	ASSERT_EQ(0, amd_submit(self->fd, ctx, AMDGPU_HW_IP_COMPUTE, NULL, &seq));
	EXPECT_EQ(0, amd_wait(self->fd, ctx, AMDGPU_HW_IP_COMPUTE, seq, AMD_FOREVER));
	EXPECT_EQ(1, amd_wait(self->fd, ctx, AMDGPU_HW_IP_GFX, 3, 0));
	EXPECT_EQ(0, amd_wait(self->fd, ctx, AMDGPU_HW_IP_GFX, ~0ULL, AMD_FOREVER));
	EXPECT_LE(3 * JOB_MS - 1, qt_now_ms() - begin);
	EXPECT_EQ(0, amd_wait(self->fd, ctx, AMDGPU_HW_IP_GFX, 1, 0));
}

static int syncobj_wait(int fd, __u32 handle, __s64 until)
{
	struct drm_syncobj_wait w = { .handles = (unsigned long)&handle,
				      .timeout_nsec = until,
				      .count_handles = 1 };

	return ioctl(fd, DRM_IOCTL_SYNCOBJ_WAIT, &w) ? -errno : 0;
}

/* A job on one ring waits for one on the other, by a syncobj and by a point of a timeline. */
TEST_F(mock, syncobjs)
{
	int ctx = amd_context(self->fd, 0), obj = amd_syncobj(self->fd), line = amd_syncobj(self->fd);
	struct drm_amdgpu_cs_chunk_sem sem = { obj };
	struct drm_amdgpu_cs_chunk_syncobj point = { .handle = line, .point = 7 };
	const struct amd_more out[] = {
		{ AMDGPU_CHUNK_ID_SYNCOBJ_OUT, sizeof(sem), &sem }, {}
	};
	const struct amd_more in_and_point[] = {
		{ AMDGPU_CHUNK_ID_SYNCOBJ_IN, sizeof(sem), &sem },
		{ AMDGPU_CHUNK_ID_SYNCOBJ_TIMELINE_SIGNAL, sizeof(point), &point },
		{}
	};
	const struct amd_more after_point[] = {
		{ AMDGPU_CHUNK_ID_SYNCOBJ_TIMELINE_WAIT, sizeof(point), &point }, {}
	};
	long long begin;
	__u64 seq;

	ASSERT_LE(1, ctx);
	ASSERT_LE(1, obj);
	ASSERT_LE(1, line);
	ASSERT_EQ(0, jobs_take(JOB_MS));
	begin = qt_now_ms();
	ASSERT_EQ(0, amd_submit(self->fd, ctx, AMDGPU_HW_IP_GFX, out, &seq));
	ASSERT_EQ(0, amd_submit(self->fd, ctx, AMDGPU_HW_IP_COMPUTE, in_and_point, &seq));
	EXPECT_EQ(-ETIME, syncobj_wait(self->fd, obj, 0));
	EXPECT_EQ(0, syncobj_wait(self->fd, obj, in_ms(qt_patience(10000))));
	EXPECT_LE(JOB_MS - 1, qt_now_ms() - begin);
	ASSERT_EQ(0, amd_submit(self->fd, ctx, AMDGPU_HW_IP_GFX, after_point, &seq));
	EXPECT_EQ(0, amd_wait(self->fd, ctx, AMDGPU_HW_IP_GFX, seq, AMD_FOREVER));
	EXPECT_LE(3 * JOB_MS - 1, qt_now_ms() - begin);
}

TEST_F(mock, submit_invalid)
{
	int ctx = amd_context(self->fd, 0);
	struct drm_amdgpu_cs_chunk_sem none = { 77 };
	const struct amd_more in[] = { { AMDGPU_CHUNK_ID_SYNCOBJ_IN, sizeof(none), &none }, {} };
	const struct amd_more out[] = { { AMDGPU_CHUNK_ID_SYNCOBJ_OUT, sizeof(none), &none }, {} };
	const struct amd_more unknown[] = { { 0x77, sizeof(none), &none }, {} };
	const struct amd_more unmapped[] = { { AMDGPU_CHUNK_ID_SYNCOBJ_IN, 4, (void *)8 }, {} };
	const struct amd_more huge[] = { { AMDGPU_CHUNK_ID_SYNCOBJ_IN, ~3U, &none }, {} };
	union drm_amdgpu_cs a = { .in = { .ctx_id = ctx } };
	__u64 seq;

	ASSERT_LE(1, ctx);
	EXPECT_EQ(-EINVAL, amd_submit(self->fd, ctx + 1, AMDGPU_HW_IP_GFX, NULL, &seq));
	EXPECT_EQ(-EINVAL, amd_submit(self->fd, ctx, AMDGPU_HW_IP_DMA, NULL, &seq));
	EXPECT_EQ(-ENOENT, amd_submit(self->fd, ctx, AMDGPU_HW_IP_GFX, in, &seq));
	EXPECT_EQ(-EINVAL, amd_submit(self->fd, ctx, AMDGPU_HW_IP_GFX, out, &seq));
	EXPECT_EQ(-EINVAL, amd_submit(self->fd, ctx, AMDGPU_HW_IP_GFX, unknown, &seq));
	EXPECT_EQ(-EFAULT, amd_submit(self->fd, ctx, AMDGPU_HW_IP_GFX, unmapped, &seq));
	EXPECT_EQ(-EINVAL, amd_submit(self->fd, ctx, AMDGPU_HW_IP_GFX, huge, &seq));
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_CS, &a));
	a.in.num_chunks = ~0U;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_CS, &a));
	a.in.num_chunks = 1;
	a.in.bo_list_handle = 5;
	EXPECT_EQ(-ENOENT, amd_call(self->fd, DRM_IOCTL_AMDGPU_CS, &a));
	EXPECT_EQ(0, qt_mock_stat("gfx_submitted"));
	EXPECT_EQ(-EINVAL, amd_wait(self->fd, ctx, AMDGPU_HW_IP_GFX, 1, 0));
	EXPECT_EQ(-EINVAL, amd_wait(self->fd, ctx + 1, AMDGPU_HW_IP_GFX, 0, 0));
	EXPECT_EQ(-EINVAL, amd_wait(self->fd, ctx, AMDGPU_HW_IP_DMA, 0, 0));
}

/* A list keeps its objects, and brings them back to where they belong. */
TEST_F(mock, lists)
{
	struct drm_amdgpu_bo_list_entry entry = {};
	union drm_amdgpu_bo_list a = { .in = { .bo_number = 1,
					       .bo_info_size = sizeof(entry),
					       .bo_info_ptr = (unsigned long)&entry } };
	const struct drm_amdgpu_bo_list_in in = a.in;
	const struct amd_more more[] = { { AMDGPU_CHUNK_ID_BO_HANDLES, sizeof(in), &in }, {} };
	union drm_amdgpu_gem_wait_idle idle;
	int ctx = amd_context(self->fd, 0);
	__u32 list;
	__u64 seq;

	ASSERT_LE(1, ctx);
	EXPECT_EQ(-ENOENT, amd_call(self->fd, DRM_IOCTL_AMDGPU_BO_LIST, &a));
	ASSERT_EQ(0, amd_create(self->fd, PAGE, VRAM, 0, &entry.bo_handle));
	ASSERT_EQ(0, qt_mock_set("evict", "1"));
	EXPECT_EQ(0, qt_mock_stat("vram_bytes"));
	ASSERT_EQ(0, jobs_take(JOB_MS));
	ASSERT_EQ(0, amd_submit(self->fd, ctx, AMDGPU_HW_IP_GFX, more, &seq));
	EXPECT_EQ(PAGE, qt_mock_stat("vram_bytes"));
	memset(&idle, 0, sizeof(idle));
	idle.in.handle = entry.bo_handle;
	ASSERT_EQ(0, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_WAIT_IDLE, &idle));
	EXPECT_EQ(1, idle.out.status);
	EXPECT_EQ(VRAM, idle.out.domain);
	memset(&idle, 0, sizeof(idle));
	idle.in.handle = entry.bo_handle;
	idle.in.timeout = AMD_FOREVER;
	ASSERT_EQ(0, amd_call(self->fd, DRM_IOCTL_AMDGPU_GEM_WAIT_IDLE, &idle));
	EXPECT_EQ(0, idle.out.status);

	ASSERT_EQ(0, amd_call(self->fd, DRM_IOCTL_AMDGPU_BO_LIST, &a));
	list = a.out.list_handle;
	EXPECT_EQ(0, amd_close(self->fd, entry.bo_handle));
	EXPECT_EQ(1, qt_mock_stat("objects"));
	a.in = in;
	a.in.operation = AMDGPU_BO_LIST_OP_DESTROY;
	a.in.list_handle = list;
	EXPECT_EQ(0, amd_call(self->fd, DRM_IOCTL_AMDGPU_BO_LIST, &a));
	EXPECT_EQ(0, qt_mock_stat("objects"));
}

TEST_F(mock, fences)
{
	int ctx = amd_context(self->fd, 0), dep_fd;
	struct drm_amdgpu_fence f[2] = { { .ip_type = AMDGPU_HW_IP_GFX },
					 { .ip_type = AMDGPU_HW_IP_COMPUTE } };
	union drm_amdgpu_wait_fences w = { .in = { .fences = (unsigned long)f, .fence_count = 2 } };
	union drm_amdgpu_fence_to_handle h;
	struct pollfd p = { .events = POLLIN };

	ASSERT_LE(1, ctx);
	f[0].ctx_id = ctx;
	f[1].ctx_id = ctx;
	ASSERT_EQ(0, jobs_take(2 * JOB_MS));
	ASSERT_EQ(0, amd_submit(self->fd, ctx, AMDGPU_HW_IP_GFX, NULL, (__u64 *)&f[0].seq_no));
	ASSERT_EQ(0, jobs_take(JOB_MS / 2));
	ASSERT_EQ(0, amd_submit(self->fd, ctx, AMDGPU_HW_IP_COMPUTE, NULL, (__u64 *)&f[1].seq_no));
	memset(&h, 0, sizeof(h));
	h.in.fence = f[0];
	h.in.what = AMDGPU_FENCE_TO_HANDLE_GET_SYNC_FILE_FD;
	ASSERT_EQ(0, amd_call(self->fd, DRM_IOCTL_AMDGPU_FENCE_TO_HANDLE, &h));
	dep_fd = h.out.handle;
	p.fd = dep_fd;
	EXPECT_EQ(0, poll(&p, 1, 0));

	w.in.timeout_ns = AMD_FOREVER;
	ASSERT_EQ(0, amd_call(self->fd, DRM_IOCTL_AMDGPU_WAIT_FENCES, &w));
	EXPECT_EQ(1, w.out.status);
	EXPECT_EQ(1, w.out.first_signaled);
	EXPECT_EQ(1, poll(&p, 1, qt_patience(10000)));
	close(dep_fd);
	w.in.fences = (unsigned long)f;
	w.in.fence_count = 2;
	w.in.wait_all = 1;
	w.in.timeout_ns = 0;
	ASSERT_EQ(0, amd_call(self->fd, DRM_IOCTL_AMDGPU_WAIT_FENCES, &w));
	EXPECT_EQ(1, w.out.status);
	memset(&h, 0, sizeof(h));
	h.in.fence = f[0];
	h.in.what = 3;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_FENCE_TO_HANDLE, &h));
}

/* Who has 32 jobs waiting has to wait with the next one. */
TEST_F(mock, full_queue)
{
	int ctx = amd_context(self->fd, 0), i;
	long long begin = qt_now_ms();
	__u64 seq;

	ASSERT_LE(1, ctx);
	ASSERT_EQ(0, jobs_take(20));
	for (i = 0; i < 40; i++) {
		ASSERT_EQ(0, amd_submit(self->fd, ctx, AMDGPU_HW_IP_GFX, NULL, &seq));
	}
	EXPECT_LE(8 * 20 - 1, qt_now_ms() - begin);
	EXPECT_EQ(0, amd_wait(self->fd, ctx, AMDGPU_HW_IP_GFX, seq, AMD_FOREVER));
	EXPECT_LE(40 * 20 - 1, qt_now_ms() - begin);
}

static long long fdinfo(int fd, const char *key)
{
	char path[64], line[256];
	size_t n = strlen(key);
	long long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, n) && line[n] == ':')
			value = strtoll(line + n + 1, NULL, 10);
	if (f)
		fclose(f);
	return value;
}

TEST_F(mock, fdinfo)
{
	int ctx = amd_context(self->fd, 0);
	__u32 handle;
	__u64 seq;

	ASSERT_LE(1, ctx);
	EXPECT_EQ(-1, fdinfo(self->fd, "drm-engine-gfx"));
	ASSERT_EQ(0, amd_create(self->fd, 2 * MIB, VRAM, 0, &handle));
	ASSERT_EQ(0, amd_create(self->fd, MIB, GTT, 0, &handle));
	EXPECT_EQ(2048, fdinfo(self->fd, "drm-memory-vram"));
	EXPECT_EQ(1024, fdinfo(self->fd, "drm-memory-gtt"));
	EXPECT_LT(0, fdinfo(self->fd, "drm-client-id"));
	ASSERT_EQ(0, jobs_take(JOB_MS));
	ASSERT_EQ(0, amd_submit(self->fd, ctx, AMDGPU_HW_IP_GFX, NULL, &seq));
	EXPECT_EQ(0, amd_wait(self->fd, ctx, AMDGPU_HW_IP_GFX, seq, AMD_FOREVER));
	EXPECT_EQ(JOB_MS * 1000000LL, fdinfo(self->fd, "drm-engine-gfx"));
	EXPECT_EQ(-1, fdinfo(self->fd, "drm-engine-compute"));
}

TEST_F(mock, contexts)
{
	union drm_amdgpu_ctx a = { .in = { .op = AMDGPU_CTX_OP_FREE_CTX } };
	int ctx = amd_context(self->fd, 0);

	ASSERT_LE(1, ctx);
	EXPECT_EQ(1, qt_mock_stat("contexts"));
	a.in.ctx_id = ctx + 1;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_CTX, &a));
	a.in.ctx_id = ctx;
	a.in.op = 77;
	EXPECT_EQ(-EINVAL, amd_call(self->fd, DRM_IOCTL_AMDGPU_CTX, &a));
	a.in.op = AMDGPU_CTX_OP_QUERY_STATE2;
	EXPECT_EQ(0, amd_call(self->fd, DRM_IOCTL_AMDGPU_CTX, &a));
	memset(&a, 0, sizeof(a));
	a.in.op = AMDGPU_CTX_OP_FREE_CTX;
	a.in.ctx_id = ctx;
	EXPECT_EQ(0, amd_call(self->fd, DRM_IOCTL_AMDGPU_CTX, &a));
	EXPECT_EQ(0, qt_mock_stat("contexts"));
	/* A higher priority is for who may have it. */
	EXPECT_LE(1, amd_context(self->fd, AMDGPU_CTX_PRIORITY_HIGH));
	ASSERT_EQ(0, seteuid(65534));
	EXPECT_EQ(-EACCES, amd_context(self->fd, AMDGPU_CTX_PRIORITY_HIGH));
	ASSERT_EQ(0, seteuid(0));
}

TEST_F(mock, info)
{
	unsigned char answer[1024];
	struct drm_amdgpu_memory_info memory;
	__u32 handle;

	ASSERT_EQ(0, amd_create(self->fd, MIB, VRAM, 0, &handle));
	memset(&memory, 0xcc, sizeof(memory));
	ASSERT_EQ(0, amd_info(self->fd, AMDGPU_INFO_MEMORY, &memory, sizeof(memory)));
	EXPECT_EQ(8 * MIB, memory.vram.total_heap_size);
	EXPECT_EQ(MIB, memory.vram.heap_usage);
	EXPECT_EQ(64 * MIB, memory.gtt.total_heap_size);
	memset(answer, 0xcc, sizeof(answer));
	ASSERT_EQ(0, amd_info(self->fd, AMDGPU_INFO_DEV_INFO, answer, 6));
	EXPECT_EQ(0x7f, answer[0]);
	EXPECT_EQ(0x68, answer[1]);
	EXPECT_TRUE(all(answer + 6, sizeof(answer) - 6, 0xcc));
	EXPECT_EQ(-EINVAL, amd_info(self->fd, AMDGPU_INFO_DEV_INFO, answer, 0));
	EXPECT_EQ(-EINVAL, amd_info(self->fd, AMDGPU_INFO_DEV_INFO, NULL, 8));
	EXPECT_EQ(-EFAULT, amd_info(self->fd, AMDGPU_INFO_DEV_INFO, (void *)8, 8));
	EXPECT_EQ(-EINVAL, amd_info(self->fd, 0x7777, answer, 8));
	EXPECT_TRUE(all(answer + 6, sizeof(answer) - 6, 0xcc));
}

/* The device sleeps when nobody calls, and wakes for a call. */
TEST_F(mock, sleep)
{
	const char *const status = "/sys/bus/pci/devices/" QT_MOCK_ADDR "/power/runtime_status";
	long long end = qt_now_ms() + qt_patience(5000);
	char text[32] = "";
	__u32 handle;

	while (strcmp(text, "suspended") && qt_now_ms() < end) {
		qt_sleep_ms(50);
		ASSERT_LT(0, qt_read(status, text, sizeof(text)));
	}
	EXPECT_STREQ("suspended", text);
	EXPECT_EQ(0, amd_create(self->fd, PAGE, VRAM, 0, &handle));
	ASSERT_LT(0, qt_read(status, text, sizeof(text)));
	EXPECT_STREQ("active", text);
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

		jobs_take(JOB_MS);
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

FIXTURE_VARIANT_ADD(unplug, drm) { .what = "drm" };
FIXTURE_VARIANT_ADD(unplug, pci) { .what = "pci" };

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
	ASSERT_EQ(0, jobs_take(60000));
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

	ASSERT_EQ(0, jobs_take(1));
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
