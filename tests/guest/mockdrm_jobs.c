// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engines of the mock of amdgpu: jobs end when they should, and fences tell it to whoever
 * waits; its contexts and lists, and what it tells of itself.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "amdgpu_calls.h"
#include "lab.h"
#include "mock_fixture.h"
#include "mockdrm.h"
#include "slower.h"

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
	ASSERT_EQ(0, qt_mock_jobs_take(JOB_MS));
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
	ASSERT_EQ(0, qt_mock_jobs_take(JOB_MS));
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
	int ctx = amd_context(self->fd, 0), obj = amd_syncobj(self->fd),
	    line = amd_syncobj(self->fd);
	struct drm_amdgpu_cs_chunk_sem sem = { obj };
	struct drm_amdgpu_cs_chunk_syncobj point = { .handle = line, .point = 7 };
	const struct amd_more out[] = { { AMDGPU_CHUNK_ID_SYNCOBJ_OUT, sizeof(sem), &sem }, {} };
	const struct amd_more in_and_point[] = { { AMDGPU_CHUNK_ID_SYNCOBJ_IN, sizeof(sem), &sem },
						 { AMDGPU_CHUNK_ID_SYNCOBJ_TIMELINE_SIGNAL,
						   sizeof(point), &point },
						 {} };
	const struct amd_more after_point[] = {
		{ AMDGPU_CHUNK_ID_SYNCOBJ_TIMELINE_WAIT, sizeof(point), &point }, {}
	};
	long long begin;
	__u64 seq;

	ASSERT_LE(1, ctx);
	ASSERT_LE(1, obj);
	ASSERT_LE(1, line);
	ASSERT_EQ(0, qt_mock_jobs_take(JOB_MS));
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
	ASSERT_EQ(0, qt_mock_jobs_take(JOB_MS));
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
	ASSERT_EQ(0, qt_mock_jobs_take(2 * JOB_MS));
	ASSERT_EQ(0, amd_submit(self->fd, ctx, AMDGPU_HW_IP_GFX, NULL, (__u64 *)&f[0].seq_no));
	ASSERT_EQ(0, qt_mock_jobs_take(JOB_MS / 2));
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
	ASSERT_EQ(0, qt_mock_jobs_take(20));
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
	ASSERT_EQ(0, qt_mock_jobs_take(JOB_MS));
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
	EXPECT_TRUE(amd_all(answer + 6, sizeof(answer) - 6, 0xcc));
	EXPECT_EQ(-EINVAL, amd_info(self->fd, AMDGPU_INFO_DEV_INFO, answer, 0));
	EXPECT_EQ(-EINVAL, amd_info(self->fd, AMDGPU_INFO_DEV_INFO, NULL, 8));
	EXPECT_EQ(-EFAULT, amd_info(self->fd, AMDGPU_INFO_DEV_INFO, (void *)8, 8));
	EXPECT_EQ(-EINVAL, amd_info(self->fd, 0x7777, answer, 8));
	EXPECT_TRUE(amd_all(answer + 6, sizeof(answer) - 6, 0xcc));
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

TEST_HARNESS_MAIN
