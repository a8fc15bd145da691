// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is submitted through gates to the mock of amdgpu: both rings, the rate of a level, contexts,
 * fences, and objects that jobs still use when the VM has let go of them.
 */
#include <poll.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "charge.h"
#include "gate_mock.h"
#include "slower.h"

#define PARAMS	 "vram_mib=8 gtt_mib=64"
#define CONTEXTS 4096
#define ZOMBIES	 4096

FIXTURE(gate_jobs)
{
	struct gated s;
};

FIXTURE_SETUP(gate_jobs)
{
	ASSERT_EQ(0, gated_new(&self->s, PARAMS, QWAMOS_GPU_LEVEL_MEDIUM));
}

FIXTURE_TEARDOWN(gate_jobs)
{
	EXPECT_EQ(0, qt_mock_stat("asleep"));
	EXPECT_EQ(0, gated_end(&self->s));
}

#define VMM(fn, x, y) qt_do(&self->s.vmm, fn, x, y)

static __u64 submissions(struct gated *s)
{
	struct qwamos_gpu_gate g;

	return qt_gates(s->vm.use, &g, 1) == 1 ? g.submissions : ~0ULL;
}

/* A syncobj that a job on one ring signals, and one on the other waits for. Return: 0 or -errno */
static long do_chain(long ctx, long ms, void *data)
{
	struct drm_amdgpu_cs_chunk_sem sem = { amd_syncobj(node) };
	const struct amd_more out[] = { { AMDGPU_CHUNK_ID_SYNCOBJ_OUT, sizeof(sem), &sem }, {} };
	const struct amd_more in[] = { { AMDGPU_CHUNK_ID_SYNCOBJ_IN, sizeof(sem), &sem }, {} };
	long long begin = qt_now_ms();
	__u64 seq;
	long ret = amd_submit(node, ctx, AMDGPU_HW_IP_GFX, out, &seq);

	if (!ret)
		ret = amd_submit(node, ctx, AMDGPU_HW_IP_COMPUTE, in, &seq);
	if (!ret)
		ret = amd_wait(node, ctx, AMDGPU_HW_IP_COMPUTE, seq, AMD_FOREVER);
	if (!ret && qt_now_ms() - begin < 2 * ms - 1)
		ret = -ETIME;
	return ret;
}

/* A job's fence as a file. Return: 0: it was signalled when the job had ended, or -errno */
static long do_fence_fd(long ctx, long seq, void *data)
{
	union drm_amdgpu_fence_to_handle h = {
		.in = { .fence = { .ctx_id = ctx, .seq_no = seq },
			.what = AMDGPU_FENCE_TO_HANDLE_GET_SYNC_FILE_FD }
	};
	struct pollfd p = { .events = POLLIN };
	int ret = amd_call(node, DRM_IOCTL_AMDGPU_FENCE_TO_HANDLE, &h);

	if (ret)
		return ret;
	p.fd = h.out.handle;
	ret = poll(&p, 1, 0) ? -EALREADY : 0;
	if (!ret)
		ret = poll(&p, 1, qt_patience(10000)) == 1 ? 0 : -ETIME;
	close(p.fd);
	return ret;
}

/* As a syncobj, which the gate would not have counted. */
static long do_fence_syncobj(long ctx, long seq, void *data)
{
	union drm_amdgpu_fence_to_handle h = {
		.in = { .fence = { .ctx_id = ctx, .seq_no = seq },
			.what = AMDGPU_FENCE_TO_HANDLE_GET_SYNCOBJ }
	};

	return amd_call(node, DRM_IOCTL_AMDGPU_FENCE_TO_HANDLE, &h);
}

TEST_F(gate_jobs, rings)
{
	long ctx = VMM(do_context, 0, 0);

	ASSERT_LT(0, ctx);
	ASSERT_EQ(0, qt_mock_jobs_take(JOB_MS));
	EXPECT_EQ(0, VMM(do_chain, ctx, JOB_MS));
	EXPECT_EQ(1, qt_mock_stat("gfx_finished"));
	EXPECT_EQ(1, qt_mock_stat("compute_finished"));
	EXPECT_EQ(2, submissions(&self->s));
	ASSERT_EQ(2, VMM(do_submit, ctx, AMDGPU_HW_IP_GFX));
	EXPECT_EQ(0, VMM(do_fence_fd, ctx, 2));
	EXPECT_EQ(-EACCES, VMM(do_fence_syncobj, ctx, 2));
	EXPECT_EQ(-EINVAL, VMM(do_submit, ctx + 1, AMDGPU_HW_IP_GFX));
	EXPECT_EQ(-EINVAL, VMM(do_submit, ctx, AMDGPU_HW_IP_DMA));
	EXPECT_EQ(2, qt_mock_stat("gfx_submitted"));
	/* What is asked for counts, also if the driver refuses it. */
	EXPECT_EQ(5, submissions(&self->s));
}

static long do_contexts(long n, long y, void *data)
{
	long i, ret = 0;

	for (i = 0; i < n && (ret = amd_context(node, 0)) > 0; i++)
		;
	return ret < 0 ? ret : i;
}

TEST_F(gate_jobs, contexts)
{
	__u64 mark = qt_audit_mark(self->s.ctl);
	long ctx = VMM(do_context, 0, 0);

	ASSERT_LT(0, ctx);
	EXPECT_EQ(CONTEXTS - 1, VMM(do_contexts, CONTEXTS - 1, 0));
	EXPECT_EQ(-ENOMEM, VMM(do_context, 0, 0));
	EXPECT_EQ(CONTEXTS, qt_mock_stat("contexts"));
	EXPECT_EQ(1, qt_audit_find(self->s.ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_GATE_CALL_REFUSED,
					   .chain = self->s.vm.id,
					   .reason = QWAMOS_GPU_REASON_OBJECTS),
				   NULL));
	/* One that there is none of gives none back. */
	EXPECT_EQ(-EINVAL, VMM(do_context_free, 0xfffff, 0));
	EXPECT_EQ(-ENOMEM, VMM(do_context, 0, 0));
	EXPECT_EQ(0, VMM(do_context_free, ctx, 0));
	EXPECT_EQ(-EINVAL, VMM(do_context_free, ctx, 0));
	EXPECT_LT(0, VMM(do_context, 0, 0));
	EXPECT_EQ(-ENOMEM, VMM(do_context, 0, 0));
	/* Another file of the gate's has no others; they go with their own. */
	EXPECT_EQ(0, VMM(do_close, 0, 0));
	EXPECT_LE(0, VMM(do_open, 0, 0));
	EXPECT_EQ(0, qt_mock_stat("contexts"));
	EXPECT_EQ(CONTEXTS, VMM(do_contexts, CONTEXTS, 0));
	EXPECT_EQ(-ENOMEM, VMM(do_context, 0, 0));
}

/* Root may have any priority of the driver; behind a gate none that goes before other VMs. */
TEST_F(gate_jobs, priorities)
{
	__u64 mark = qt_audit_mark(self->s.ctl);

	EXPECT_LT(0, amd_context(self->s.real, AMDGPU_CTX_PRIORITY_VERY_HIGH));
	EXPECT_LT(0, VMM(do_context, AMDGPU_CTX_PRIORITY_VERY_LOW, 0));
	EXPECT_LT(0, VMM(do_context, AMDGPU_CTX_PRIORITY_LOW, 0));
	EXPECT_LT(0, VMM(do_context, AMDGPU_CTX_PRIORITY_NORMAL, 0));
	EXPECT_LT(0, VMM(do_context, AMDGPU_CTX_PRIORITY_UNSET, 0));
	EXPECT_EQ(-EACCES, VMM(do_context, AMDGPU_CTX_PRIORITY_HIGH, 0));
	EXPECT_EQ(-EACCES, VMM(do_context, AMDGPU_CTX_PRIORITY_VERY_HIGH, 0));
	EXPECT_EQ(2, qt_audit_find(self->s.ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_GATE_CALL_REFUSED,
					   .chain = self->s.vm.id,
					   .reason = QWAMOS_GPU_REASON_NOT_OFFERED),
				   NULL));
	EXPECT_EQ(5, qt_mock_stat("contexts"));
}

/* @n objects of a page each, that a job uses which has begun; return: 0 or -errno */
static long do_zombies(long ctx, long n, void *data)
{
	__u32 handle, first = 0;
	long i, ret = 0;

	for (i = 0; !ret && i < n; i++) {
		ret = amd_create(node, PAGE, GTT, 0, &handle);
		if (!i)
			first = handle;
		else if (!ret && handle != first + i)
			ret = -EBADSLT;
	}
	if (ret)
		return ret;
	ret = submit_using(ctx, first, n);
	for (i = 0; ret >= 0 && i < n; i++)
		if (amd_close(node, first + i))
			ret = -EBADF;
	return ret < 0 ? ret : 0;
}

/* Objects without a handle that the GPU is at work with are charged, and there are not too many. */
TEST_F_TIMEOUT(gate_jobs, zombies, 90)
{
	__u64 mark = qt_audit_mark(self->s.ctl);
	long ctx = VMM(do_context, 0, 0);
	struct qwamos_gpu_gate g;
	int i;

	ASSERT_LT(0, ctx);
	ASSERT_EQ(0, qt_mock_jobs_take(60000));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, VMM(do_zombies, ctx, ZOMBIES / 4)) TH_LOG("%d", i);
	}
	ASSERT_EQ(1, qt_gates(self->s.vm.use, &g, 1));
	EXPECT_EQ(ZOMBIES, g.zombies);
	EXPECT_EQ(ZOMBIES, g.objects);
	EXPECT_EQ(ZOMBIES * PAGE, g.vram_used);
	EXPECT_EQ(-ENOMEM, VMM(do_create, PAGE, GTT));
	EXPECT_EQ(1, qt_audit_find(self->s.ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_GATE_CALL_REFUSED,
					   .chain = self->s.vm.id,
					   .reason = QWAMOS_GPU_REASON_OBJECTS),
				   NULL));
	EXPECT_EQ(ZOMBIES, qt_mock_stat("objects"));
	qt_sleep_ms(700);
	EXPECT_EQ(ZOMBIES * PAGE, qt_gate_used(self->s.vm.use));
	/* The end of the device is the jobs' end. */
	ASSERT_EQ(0, qt_mock_set("unplug", "drm"));
	EXPECT_EQ(0, qt_gate_wait_used(self->s.vm.use, 0, SOON));
	EXPECT_EQ(0, qt_mock_stat("objects"));
}

/* Keeps the ring busy: another job is submitted before the last one has ended. */
static long do_keep_busy(long ctx, long ms, void *data)
{
	long long end = qt_now_ms() + ms;
	long seq, last = do_submit(ctx, AMDGPU_HW_IP_GFX, NULL);

	while (last > 0 && qt_now_ms() < end) {
		seq = do_submit(ctx, AMDGPU_HW_IP_GFX, NULL);
		if (seq < 0 || do_wait(ctx, last, NULL))
			return -EIO;
		last = seq;
	}
	return last;
}

/*
 * Objects made for one address space alone share a reservation, to which each job is added. A VM
 * that draws all the time gets them back when the jobs of their own time have ended.
 */
TEST_F_TIMEOUT(gate_jobs, drawing_on, 60)
{
	long ctx = VMM(do_context, 0, 0), a, map;
	struct qt_actor painter;

	ASSERT_LT(0, ctx);
	ASSERT_EQ(0, qt_mock_jobs_take(JOB_MS));
	a = VMM(do_create, 4 * PAGE, AS(VRAM, AMDGPU_GEM_CREATE_VM_ALWAYS_VALID));
	ASSERT_LT(0, a);
	map = VMM(do_map, a, 4 * PAGE);
	ASSERT_LE(0, map);
	EXPECT_EQ(0, VMM(do_fill, map, 1));
	EXPECT_EQ(0, VMM(do_unmap, map, 0));
	ASSERT_EQ(0, qt_clone(&self->s.vmm, &painter, 0));
	ASSERT_EQ(0, qt_start(&painter, do_keep_busy, ctx, qt_patience(8000)));
	qt_sleep_ms(3 * JOB_MS);
	EXPECT_EQ(0, VMM(do_gem_close, a, 0));
	EXPECT_EQ(4 * PAGE, qt_gate_used(self->s.vm.use));
	EXPECT_EQ(0, qt_gate_wait_used(self->s.vm.use, 0, 4000));
	EXPECT_LT(qt_mock_stat("gfx_finished"), qt_mock_stat("gfx_submitted"));
	EXPECT_LT(0, qt_wait(&painter, qt_patience(20000)));
	/* A job of its own time, alone: not before that one has ended. */
	ASSERT_EQ(0, qt_mock_jobs_take(1500));
	a = VMM(do_create, PAGE, AS(GTT, AMDGPU_GEM_CREATE_VM_ALWAYS_VALID));
	ASSERT_LT(0, a);
	ASSERT_LT(0, VMM(do_submit, ctx, AMDGPU_HW_IP_COMPUTE));
	ASSERT_LT(0, VMM(do_submit, ctx, AMDGPU_HW_IP_GFX));
	EXPECT_EQ(0, VMM(do_gem_close, a, 0));
	qt_sleep_ms(700);
	EXPECT_EQ(PAGE, qt_gate_used(self->s.vm.use));
	EXPECT_EQ(0, qt_gate_wait_used(self->s.vm.use, 0, SOON));
	EXPECT_EQ(qt_mock_stat("gfx_finished"), qt_mock_stat("gfx_submitted"));
	qt_end(&painter);
}

/* Behind an IOMMU, a level that needs one. */
FIXTURE(gate_low)
{
	struct gated s;
};

FIXTURE_SETUP(gate_low)
{
	ASSERT_EQ(0, gated_new(&self->s, PARAMS " " QT_MOCK_IOMMU, QWAMOS_GPU_LEVEL_LOW))
	TH_LOG("reason %u", qt_reason);
}

FIXTURE_TEARDOWN(gate_low)
{
	EXPECT_EQ(0, gated_end(&self->s));
}

/* @n jobs, on both rings in turn. Return: how long they took, in ms, or -errno */
static long do_many(long ctx, long n, void *data)
{
	long long begin = qt_now_ms();
	long i, ret = 0;

	for (i = 0; i < n && ret >= 0; i++)
		ret = do_submit(ctx, i & 1, NULL);
	return ret < 0 ? ret : qt_now_ms() - begin;
}

TEST_F_TIMEOUT(gate_low, rate, 60)
{
	long ctx = VMM(do_context, 0, 0), took;
	struct qwamos_gpu_gate g;

	ASSERT_LT(0, ctx);
	ASSERT_EQ(0, qt_mock_jobs_take(0));
	/* 500 at once, then 1000 a second. */
	took = VMM(do_many, ctx, 2000);
	ASSERT_EQ(1, qt_gates(self->s.vm.use, &g, 1));
	TH_LOG("2000 jobs in %ld ms, of which %llu waited", took, g.waits);
	EXPECT_LE(1499, took);
	EXPECT_EQ(2000, g.submissions);
	EXPECT_EQ(1000, qt_mock_stat("gfx_submitted"));
	EXPECT_EQ(1000, qt_mock_stat("compute_submitted"));
	EXPECT_EQ(1000, qt_mock_stat("compute_finished"));
	/* Killed while it waits for its turn. */
	ASSERT_EQ(0, qt_start(&self->s.vmm, do_many, ctx, 1000000));
	qt_sleep_ms(800);
	qt_kill(&self->s.vmm);
	gated_end_vm(&self->s);
	EXPECT_EQ(0, qt_settle(self->s.ctl, SOON));
	EXPECT_GE(2000 + 500 + 1000 * (800 + qt_patience(SOON)) / 1000,
		  qt_mock_stat("gfx_submitted") + qt_mock_stat("compute_submitted"));
}

TEST_HARNESS_MAIN
