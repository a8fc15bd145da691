// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gates on the mock of amdgpu: what memory is charged and for how long, that it is clean, and what
 * mappings show when it moves, when the gate goes, and when the device does.
 */
#include <limits.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "charge.h"
#include "gate_mock.h"
#include "slower.h"

#define PARAMS "vram_mib=8 gtt_mib=64"

FIXTURE(gate_mock)
{
	struct gated s;
};

FIXTURE_SETUP(gate_mock)
{
	ASSERT_EQ(0, gated_new(&self->s, PARAMS, QWAMOS_GPU_LEVEL_MEDIUM));
}

FIXTURE_TEARDOWN(gate_mock)
{
	EXPECT_EQ(0, qt_mock_stat("asleep"));
	EXPECT_EQ(0, gated_end(&self->s));
}

#define VMM(fn, x, y) qt_do(&self->s.vmm, fn, x, y)
#define USED()	      qt_gate_used(self->s.vm.use)

/* No IOMMU translates for the mock, so that levels that need one get no gate to it. */
TEST_F(gate_mock, levels)
{
	struct qwamos_gpu_gate_create g;
	struct qwamos_gpu_gate list;
	struct qt_vm vm;
	__u32 level;

	ASSERT_EQ(1, qt_gates(self->s.vm.use, &list, 1));
	EXPECT_STREQ("amdgpu", list.driver);
	EXPECT_EQ(QWAMOS_GPU_GATE_F_COMPUTE_INSEPARABLE, list.flags);
	EXPECT_EQ(0, list.unknown[0] | list.unknown[1]);
	EXPECT_EQ(-EBUSY, qt_set_level(self->s.vm.manage, QWAMOS_GPU_LEVEL_LOW));
	EXPECT_EQ(QWAMOS_GPU_REASON_IN_USE, qt_reason);
	ASSERT_EQ(0, qt_vm_new(&vm, self->s.ctl, QWAMOS_GPU_LEVEL_UNTRUSTED, 0));
	EXPECT_EQ(-EACCES, qt_gate_create(vm.manage, self->s.real, 0, &g));
	EXPECT_EQ(QWAMOS_GPU_REASON_LEVEL, qt_reason);
	ASSERT_EQ(0, qt_set_level(vm.manage, QWAMOS_GPU_LEVEL_LOW));
	EXPECT_EQ(-EACCES, qt_gate_create(vm.manage, self->s.real, 0, &g));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_IOMMU, qt_reason);
	EXPECT_NE(0, g.out_device_id);
	for (level = QWAMOS_GPU_LEVEL_MEDIUM; level <= QWAMOS_GPU_LEVEL_SYSTEM; level++) {
		ASSERT_EQ(0, qt_set_level(vm.manage, level));
		ASSERT_EQ(0, qt_gate_create(vm.manage, self->s.real, 0, &g));
		EXPECT_EQ(0, qt_gate_destroy(vm.manage, g.out_gate_id));
	}
	qt_vm_end(&vm);
}

/* What is charged is what the driver has made, wherever. */
TEST_F(gate_mock, charged_as_made)
{
	static const struct {
		long asked, domains, made;
	} objects[] = {
		{ 1, VRAM, PAGE },		{ PAGE + 1, VRAM, 2 * PAGE },
		{ 5 * PAGE - 1, GTT, 5 * PAGE }, { MIB, GTT | VRAM, MIB },
		{ 3 * PAGE, 0, 3 * PAGE },
	};
	struct qwamos_gpu_gate list;
	long handle, sum = 0;
	size_t i;

	for (i = 0; i < sizeof(objects) / sizeof(*objects); i++) {
		handle = VMM(do_create, objects[i].asked, objects[i].domains);
		ASSERT_LT(0, handle);
		sum += objects[i].made;
		EXPECT_EQ(sum, USED());
		EXPECT_EQ(sum, qt_mock_stat("bytes"));
	}
	ASSERT_EQ(1, qt_gates(self->s.vm.use, &list, 1));
	EXPECT_EQ(i, list.objects);
	/* One that the driver refuses is not charged. */
	EXPECT_EQ(-EINVAL, VMM(do_create, 0, VRAM));
	EXPECT_EQ(-EINVAL, VMM(do_create, PAGE, AS(VRAM, 1 << 4)));
	EXPECT_EQ(-ENOMEM, VMM(do_create, 65 * MIB, GTT));
	EXPECT_EQ(sum, USED());
	EXPECT_EQ(0, VMM(do_gem_close, handle, 0));
	EXPECT_EQ(-EINVAL, VMM(do_gem_close, handle, 0));
	sum -= 3 * PAGE;
	EXPECT_EQ(0, qt_gate_wait_used(self->s.vm.use, sum, SOON));
	EXPECT_EQ(sum, qt_mock_stat("bytes"));
	EXPECT_EQ(0, VMM(do_close, 0, 0));
	EXPECT_EQ(0, qt_gate_wait_used(self->s.vm.use, 0, SOON));
	EXPECT_EQ(0, qt_mock_stat("bytes"));
}

/* Pages of the VMM's own as an object of the GPU. */
static long do_userptr(long size, long y, void *data)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct drm_amdgpu_gem_userptr a = { .addr = (unsigned long)p,
					    .size = size,
					    .flags = AMDGPU_GEM_USERPTR_REGISTER |
						     AMDGPU_GEM_USERPTR_VALIDATE };
	int ret = amd_call(node, DRM_IOCTL_AMDGPU_GEM_USERPTR, &a);

	return ret ? ret : (long)a.handle;
}

TEST_F(gate_mock, userptr)
{
	long handle = VMM(do_userptr, 4 * PAGE, 0);

	ASSERT_LT(0, handle);
	EXPECT_EQ(4 * PAGE, USED());
	EXPECT_EQ(-EPERM, VMM(do_map, handle, 4 * PAGE));
	EXPECT_EQ(0, VMM(do_gem_close, handle, 0));
	EXPECT_EQ(0, qt_gate_wait_used(self->s.vm.use, 0, SOON));
}

/* One that is too big, and many that are small: the driver is not asked for what does not fit. */
TEST_F(gate_mock, quota)
{
	struct qwamos_gpu_vm_set_policy p = { .mask = QWAMOS_GPU_POLICY_VRAM, .vram_limit = MIB };
	static const long big[] = { MIB + 1, 2 * MIB, 1L << 40, -1, -PAGE, -PAGE + 1 };
	__u64 mark = qt_audit_mark(self->s.ctl), refused[QWAMOS_GPU_REASON_COUNT];
	struct qwamos_gpu_audit_record rec;
	struct qwamos_gpu_gate list;
	long handle = 0, theirs;
	__u32 other;
	size_t i;

	ASSERT_EQ(0, qt_set(self->s.vm.manage, &p, NULL));
	for (i = 0; i < 6; i++)
		EXPECT_EQ(-ENOMEM, VMM(do_create, big[i], i & 1 ? VRAM : GTT)) TH_LOG("%zu", i);
	EXPECT_EQ(0, USED());
	EXPECT_EQ(0, qt_mock_stat("objects"));
	EXPECT_EQ(0, qt_mock_stat("bytes"));
	ASSERT_LT(0, qt_audit_find(self->s.ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_VRAM_QUOTA_EXCEEDED,
					   .chain = self->s.vm.id, .result = -ENOMEM),
				   &rec));
	EXPECT_EQ(MIB + PAGE, rec.asked);
	EXPECT_EQ(MIB, rec.limit);
	for (i = 0; i < MIB / PAGE; i++) {
		handle = VMM(do_create, PAGE, i & 1 ? VRAM : GTT);
		ASSERT_LT(0, handle) TH_LOG("%zu", i);
	}
	for (i = 0; i < 4; i++)
		EXPECT_EQ(-ENOMEM, VMM(do_create, PAGE, i & 1 ? VRAM : GTT));
	EXPECT_EQ(MIB, USED());
	EXPECT_EQ(MIB, qt_mock_stat("bytes"));
	EXPECT_EQ(MIB / PAGE, qt_mock_stat("objects"));
	/* What is declared has the same limit, and others have theirs. */
	EXPECT_EQ(-EDQUOT, qt_vram(self->s.vm.use, 1));
	theirs = amd_create(self->s.real, 2 * MIB, VRAM, 0, &other);
	EXPECT_EQ(0, theirs);
	EXPECT_EQ(MIB, USED());
	ASSERT_EQ(1, qt_gates(self->s.vm.use, &list, 1));
	EXPECT_EQ(10, list.denied);
	ASSERT_EQ(0, qt_refusals(self->s.vm.use, refused));
	EXPECT_EQ(11, refused[QWAMOS_GPU_REASON_QUOTA]);
	EXPECT_EQ(10, qt_audit_find(self->s.ctl, mark,
				    QT_WANT(QWAMOS_GPU_EV_VRAM_QUOTA_EXCEEDED,
					    .chain = self->s.vm.id, .result = -ENOMEM),
				    NULL));
	/* There is room again once one has gone. */
	EXPECT_EQ(0, VMM(do_gem_close, handle, 0));
	EXPECT_EQ(0, qt_gate_wait_used(self->s.vm.use, MIB - PAGE, SOON));
	EXPECT_LT(0, VMM(do_create, PAGE, VRAM));
	EXPECT_EQ(-ENOMEM, VMM(do_create, PAGE, VRAM));
}

/* Exported and closed, again and again: a dma-buf is charged as long as anybody has it. */
TEST_F(gate_mock, exported)
{
	struct qwamos_gpu_vm_set_policy p = { .mask = QWAMOS_GPU_POLICY_VRAM, .vram_limit = MIB };
	long handle, buf[16], map, taken;
	int i;

	ASSERT_EQ(0, qt_set(self->s.vm.manage, &p, NULL));
	for (i = 0; i < 16; i++) {
		handle = VMM(do_create, 16 * PAGE, i & 1 ? VRAM : GTT);
		ASSERT_LT(0, handle) TH_LOG("%d", i);
		buf[i] = VMM(do_export, handle, 0);
		ASSERT_LE(0, buf[i]);
		EXPECT_EQ(0, VMM(do_gem_close, handle, 0));
	}
	EXPECT_EQ(-ENOMEM, VMM(do_create, 1, GTT));
	qt_sleep_ms(700);
	EXPECT_EQ(MIB, USED());
	EXPECT_EQ(16, qt_mock_stat("objects"));
	/* By its mapping, too, and by whoever got it. */
	map = VMM(do_map_buf, buf[0], 16 * PAGE);
	ASSERT_LE(0, map);
	taken = qt_take_fd(&self->s.vmm, buf[1]);
	ASSERT_LE(0, taken);
	for (i = 0; i < 16; i++)
		EXPECT_EQ(0, VMM(do_close_fd, buf[i], 0));
	EXPECT_EQ(0, qt_gate_wait_used(self->s.vm.use, 32 * PAGE, SOON));
	EXPECT_EQ(2, qt_mock_stat("objects"));
	qt_sleep_ms(700);
	EXPECT_EQ(32 * PAGE, USED());
	EXPECT_EQ(0, VMM(do_unmap, map, 0));
	EXPECT_EQ(0, qt_gate_wait_used(self->s.vm.use, 16 * PAGE, SOON));
	close(taken);
	EXPECT_EQ(0, qt_gate_wait_used(self->s.vm.use, 0, SOON));
	EXPECT_EQ(0, qt_mock_stat("objects"));
}

/* The driver hands out dirt to whoever does not ask for clean memory; behind a gate nobody does. */
TEST_F(gate_mock, clean)
{
	static const long as[] = {
		VRAM,
		AS(VRAM, AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED),
		AS(VRAM, AMDGPU_GEM_CREATE_VM_ALWAYS_VALID),
		AS(VRAM, AMDGPU_GEM_CREATE_VRAM_CONTIGUOUS),
		AS(VRAM, 1 << 12), /* discardable */
		AS(VRAM | GTT, 0),
		GTT,
	};
	unsigned char *p;
	long handle, map;
	__u32 raw;
	size_t i;

	ASSERT_EQ(0, qt_mock_set("dirty", "1"));
	ASSERT_EQ(0, amd_create(self->s.real, PAGE, VRAM, 0, &raw));
	p = amd_map(self->s.real, raw, PAGE);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_TRUE(amd_all(p, PAGE, 0xd1));
	munmap(p, PAGE);
	for (i = 0; i < sizeof(as) / sizeof(*as); i++) {
		handle = VMM(do_create, 2 * PAGE, as[i]);
		ASSERT_LT(0, handle) TH_LOG("%zu", i);
		map = VMM(do_map, handle, 2 * PAGE);
		ASSERT_LE(0, map);
		EXPECT_EQ(0, VMM(do_fault, map, 0));
		/* What was not touched before it moves. */
		ASSERT_EQ(0, qt_mock_set("evict", "1"));
		EXPECT_EQ(1, VMM(do_all, map, 0)) TH_LOG("%zu", i);
		EXPECT_EQ(0, VMM(do_unmap, map, 0));
	}
}

/* Asks for placement in VRAM, and has a job bring it there. */
static long do_place(long handle, long ctx, void *data)
{
	struct drm_amdgpu_gem_op op = { .handle = handle,
					.op = AMDGPU_GEM_OP_SET_PLACEMENT,
					.value = VRAM };
	long ret = amd_call(node, DRM_IOCTL_AMDGPU_GEM_OP, &op);

	return ret ? ret : submit_using(ctx, handle, 1);
}

/* Mappings of kinds that keep an object by different references. */
FIXTURE(moving)
{
	struct gated s;
};

FIXTURE_VARIANT(moving)
{
	const char *params;
};

FIXTURE_VARIANT_ADD(moving, gem){ .params = PARAMS };
FIXTURE_VARIANT_ADD(moving, ttm){ .params = PARAMS " ttm_mmap=1" };

FIXTURE_SETUP(moving)
{
	ASSERT_EQ(0, gated_new(&self->s, variant->params, QWAMOS_GPU_LEVEL_MEDIUM));
}

FIXTURE_TEARDOWN(moving)
{
	EXPECT_EQ(0, gated_end(&self->s));
}

/* Out of VRAM, by hand and for want of room, and back: mappings show what is in the object. */
TEST_F(moving, evicted)
{
	long a, map, buf, both, ctx, faults;
	__u32 raw;

	a = VMM(do_create, 4 * PAGE, VRAM);
	ASSERT_LT(0, a);
	map = VMM(do_map, a, 4 * PAGE);
	buf = VMM(do_export, a, 0);
	both = VMM(do_map_buf, buf, 4 * PAGE);
	ASSERT_LE(0, map);
	ASSERT_LE(0, both);
	EXPECT_EQ(0, VMM(do_fill, map, 1));
	EXPECT_EQ(1, VMM(do_holds, both, 1));
	EXPECT_EQ(4 * PAGE, qt_mock_stat("vram_bytes"));
	ASSERT_EQ(0, qt_mock_set("evict", "1"));
	EXPECT_EQ(0, qt_mock_stat("vram_bytes"));
	faults = qt_mock_stat("faults");
	EXPECT_EQ(0, VMM(do_fill, map, 2));
	EXPECT_EQ(1, VMM(do_holds, both, 2));
	EXPECT_EQ(faults + 8, qt_mock_stat("faults"));
	ASSERT_EQ(0, qt_mock_set("zap", "1"));
	EXPECT_EQ(1, VMM(do_holds, map, 2));
	ctx = VMM(do_context, 0, 0);
	ASSERT_LT(0, ctx);
	EXPECT_LT(0, VMM(do_place, a, ctx));
	EXPECT_EQ(4 * PAGE, qt_mock_stat("vram_bytes"));
	EXPECT_EQ(0, VMM(do_fill, both, 3));
	EXPECT_EQ(1, VMM(do_holds, map, 3));
	/* Others want all of it. */
	ASSERT_EQ(0, amd_create(self->s.real, 8 * MIB, VRAM, 0, &raw));
	EXPECT_EQ(8 * MIB, qt_mock_stat("vram_bytes"));
	EXPECT_EQ(1, VMM(do_holds, both, 3));
	EXPECT_EQ(0, VMM(do_fill, map, 4));
	EXPECT_EQ(1, VMM(do_holds, both, 4));
	EXPECT_EQ(4 * PAGE, USED());
	/* The mapping keeps it, and shows it, without a handle. */
	EXPECT_EQ(0, VMM(do_close_fd, buf, 0));
	EXPECT_EQ(0, VMM(do_gem_close, a, 0));
	EXPECT_EQ(0, VMM(do_unmap, both, 0));
	qt_sleep_ms(700);
	EXPECT_EQ(4 * PAGE, USED());
	EXPECT_EQ(1, VMM(do_holds, map, 4));
	EXPECT_EQ(0, VMM(do_unmap, map, 0));
	EXPECT_EQ(0, qt_gate_wait_used(self->s.vm.use, 0, SOON));
}

/* Reads a page until that fails. Return: when it did, in ms, or -ETIMEDOUT */
static long do_read_on(long map, long y, void *data)
{
	long long end = qt_now_ms() + qt_patience(20000);

	while (qt_now_ms() < end)
		if (read_fault(mapped[map].p))
			return qt_now_ms();
	return -ETIMEDOUT;
}

/* In VRAM, moved out of it, in system memory: all mappings end with the gate. */
TEST_F(moving, destroyed)
{
	static const long in[] = { VRAM, VRAM, GTT };
	long maps[6], handle, buf[3], begin, end, when;
	struct qt_actor child;
	unsigned char *mine;
	__u32 raw;
	int i;

	for (i = 2; i >= 0; i--) {
		handle = VMM(do_create, 4 * PAGE, in[i]);
		ASSERT_LT(0, handle);
		maps[i] = VMM(do_map, handle, 4 * PAGE);
		buf[i] = VMM(do_export, handle, 0);
		maps[3 + i] = VMM(do_map_buf, buf[i], 4 * PAGE);
		ASSERT_LE(0, maps[i]);
		ASSERT_LE(0, maps[3 + i]);
		EXPECT_EQ(0, VMM(do_fill, maps[i], i));
		/* What there is so far is moved; the last one stays in VRAM. */
		if (i == 1) {
			ASSERT_EQ(0, qt_mock_set("evict", "1"));
		} else {
			EXPECT_EQ(1, VMM(do_holds, maps[3 + i], i));
		}
	}
	EXPECT_EQ(4 * PAGE, qt_mock_stat("vram_bytes"));
	ASSERT_EQ(0, qt_clone(&self->s.vmm, &child, 0));
	ASSERT_EQ(0, qt_start(&child, do_read_on, maps[0], 0));
	qt_sleep_ms(100);
	begin = qt_now_ms();
	ASSERT_EQ(0, qt_gate_destroy(self->s.vm.manage, self->s.g.out_gate_id));
	end = qt_now_ms();
	for (i = 0; i < 6; i++)
		EXPECT_EQ(SIGBUS, VMM(do_fault, maps[i], i & 3)) TH_LOG("mapping %d", i);
	when = qt_wait(&child, qt_patience(20000));
	TH_LOG("GATE_DESTROY took %ld ms, the first SIGBUS came %ld ms after its begin",
	       end - begin, when - begin);
	EXPECT_LE(begin, when);
	EXPECT_GE(end + qt_patience(10), when);
	/* Nor do they show what others get in its place. */
	ASSERT_EQ(0, amd_create(self->s.real, 8 * MIB, VRAM, 0, &raw));
	mine = amd_map(self->s.real, raw, 8 * MIB);
	ASSERT_NE(MAP_FAILED, mine);
	fill(mine, 8 * MIB, 77);
	ASSERT_EQ(0, qt_mock_set("zap", "1"));
	for (i = 0; i < 6; i++)
		EXPECT_EQ(SIGBUS, VMM(do_fault, maps[i], i & 3)) TH_LOG("mapping %d", i);
	EXPECT_EQ(-ENODEV, VMM(do_map_buf, buf[0], 4 * PAGE));
	EXPECT_TRUE(holds(mine, 8 * MIB, 77));
	munmap(mine, 8 * MIB);
	/* Charged until they are unmapped. */
	EXPECT_EQ(12 * PAGE, gated_used(&self->s));
	qt_end(&child);
	for (i = 0; i < 6; i++)
		EXPECT_EQ(0, VMM(do_unmap, maps[i], 0));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, VMM(do_close_fd, buf[i], 0));
	EXPECT_EQ(0, gated_wait_used(&self->s, 0, SOON));
}

/*
 * Mappings of a VM's buffers that somebody outside has end with the VM. Return: after how many ms
 * of VM_DESTROY, or -errno
 */
static long end_with_mappings(struct __test_metadata *_metadata, struct gated *s)
{
	long handle, buf, begin, took;
	unsigned char *p[2];
	int i, fd[2];

	for (i = 0; i < 2; i++) {
		handle = qt_do(&s->vmm, do_create, 4 * PAGE, i ? VRAM : GTT);
		buf = qt_do(&s->vmm, do_export, handle, 0);
		fd[i] = qt_take_fd(&s->vmm, buf);
		EXPECT_LE(0, fd[i]);
		p[i] = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd[i], 0);
		if (p[i] == MAP_FAILED)
			return -errno;
		fill(p[i], 4 * PAGE, i);
	}
	begin = qt_now_ms();
	EXPECT_EQ(0, qt_destroy(s->vm.manage));
	while (!read_fault(p[0]) && qt_now_ms() < begin + qt_patience(SOON))
		;
	took = qt_now_ms() - begin;
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(SIGBUS, read_fault(p[i]));
		EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd[i], 0));
		munmap(p[i], 4 * PAGE);
		close(fd[i]);
	}
	return took;
}

/* On a machine that is busy with other things, the quickest of some. */
TEST_F(moving, vm_ends)
{
	long took, least = LONG_MAX;
	int i;

	for (i = 0; i < 5 && least > 10; i++) {
		if (i) {
			gated_end_vm(&self->s);
			ASSERT_EQ(0, gated_vm(&self->s, QWAMOS_GPU_LEVEL_MEDIUM));
			ASSERT_EQ(0, gated_open(&self->s));
		}
		took = end_with_mappings(_metadata, &self->s);
		ASSERT_LE(0, took);
		TH_LOG("SIGBUS %ld ms after the begin of VM_DESTROY", took);
		least = took < least ? took : least;
	}
	EXPECT_GE(qt_patience(10), least);
}

/* Asks for what is mapped anew, by a call that names no file. Return: 0 or -errno */
static long do_remap(long map, long pgoff, void *data)
{
	return remap_file_pages(mapped[map].p, mapped[map].size, 0, pgoff, 0) ? -errno : 0;
}

static long do_offset(long handle, long y, void *data)
{
	__u64 offset;
	int ret = amd_offset(node, handle, &offset);

	return ret ? ret : (long)offset;
}

/* A mapping that is made of another one is the gate's as well. */
TEST_F(moving, remapped)
{
	long a, map, buf, both;

	a = VMM(do_create, 4 * PAGE, VRAM);
	ASSERT_LT(0, a);
	map = VMM(do_map, a, 4 * PAGE);
	buf = VMM(do_export, a, 0);
	both = VMM(do_map_buf, buf, 4 * PAGE);
	ASSERT_LE(0, map);
	ASSERT_LE(0, both);
	EXPECT_EQ(0, VMM(do_fill, map, 5));
	EXPECT_EQ(0, VMM(do_remap, map, VMM(do_offset, a, 0) / PAGE));
	EXPECT_EQ(0, VMM(do_remap, both, 0));
	EXPECT_EQ(1, VMM(do_holds, map, 5));
	EXPECT_EQ(1, VMM(do_holds, both, 5));
	EXPECT_EQ(0, VMM(do_gem_close, a, 0));
	EXPECT_EQ(0, VMM(do_close_fd, buf, 0));
	qt_sleep_ms(700);
	EXPECT_EQ(4 * PAGE, USED());
	ASSERT_EQ(0, qt_mock_set("evict", "1"));
	EXPECT_EQ(1, VMM(do_holds, map, 5));
	EXPECT_EQ(1, VMM(do_holds, both, 5));
	ASSERT_EQ(0, qt_gate_destroy(self->s.vm.manage, self->s.g.out_gate_id));
	EXPECT_EQ(SIGBUS, VMM(do_fault, map, 0));
	EXPECT_EQ(SIGBUS, VMM(do_fault, both, 0));
	EXPECT_EQ(0, VMM(do_unmap, map, 0));
	EXPECT_EQ(0, VMM(do_unmap, both, 0));
	EXPECT_EQ(0, gated_wait_used(&self->s, 0, SOON));
}

/* Two VMs with more than VRAM holds: each sees its own, also when the other's gate ends. */
TEST_F(moving, neighbours)
{
	struct gated other = self->s;
	long mine[6], theirs[6], handle = 0, buf, faults;
	int i, fd;

	other.path[0] = 0;
	ASSERT_EQ(0, gated_vm(&other, QWAMOS_GPU_LEVEL_HIGH));
	ASSERT_EQ(0, gated_open(&other));
	for (i = 0; i < 6; i++) {
		handle = VMM(do_create, MIB, VRAM);
		mine[i] = VMM(do_map, handle, MIB);
		EXPECT_EQ(0, VMM(do_fill, mine[i], i));
		handle = qt_do(&other.vmm, do_create, MIB, VRAM);
		theirs[i] = qt_do(&other.vmm, do_map, handle, MIB);
		EXPECT_EQ(0, qt_do(&other.vmm, do_fill, theirs[i], 100 + i));
	}
	EXPECT_EQ(8 * MIB, qt_mock_stat("vram_bytes"));
	EXPECT_EQ(4, qt_mock_stat("evictions"));
	for (i = 0; i < 6; i++) {
		EXPECT_EQ(1, VMM(do_holds, mine[i], i)) TH_LOG("%d", i);
		EXPECT_EQ(1, qt_do(&other.vmm, do_holds, theirs[i], 100 + i)) TH_LOG("%d", i);
	}
	EXPECT_EQ(6 * MIB, USED());
	EXPECT_EQ(6 * MIB, qt_gate_used(other.vm.use));
	/* A buffer of one is not for the other. */
	buf = qt_do(&other.vmm, do_export, handle, 0);
	fd = qt_take_fd(&other.vmm, buf);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EACCES, VMM(do_import, qt_give_fd(&self->s.vmm, fd), 0));
	close(fd);
	faults = qt_mock_stat("faults");
	ASSERT_EQ(0, qt_gate_destroy(other.vm.manage, other.g.out_gate_id));
	for (i = 0; i < 6; i++) {
		EXPECT_EQ(SIGBUS, qt_do(&other.vmm, do_fault, theirs[i], 0));
		EXPECT_EQ(1, VMM(do_holds, mine[i], i)) TH_LOG("%d", i);
	}
	EXPECT_EQ(faults, qt_mock_stat("faults"));
	gated_end_vm(&other);
}

/* With another driver: what leaves is charged as before, what comes is charged in full. */
TEST_F(moving, another_driver)
{
	struct drm_mode_create_dumb dumb = { .width = 64, .height = 64, .bpp = 32 };
	int vgem = qt_vgem_open(), fd;
	long a, b, map, buf;
	__u32 there, here;

	ASSERT_LE(0, vgem);
	a = VMM(do_create, 4 * PAGE, VRAM);
	ASSERT_LT(0, a);
	map = VMM(do_map, a, 4 * PAGE);
	EXPECT_EQ(0, VMM(do_fill, map, 7));
	buf = VMM(do_export, a, 0);
	fd = qt_take_fd(&self->s.vmm, buf);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, amd_import(vgem, fd, &there));
	EXPECT_EQ(1, VMM(do_holds, map, 7));
	EXPECT_EQ(0, qt_mock_stat("vram_bytes"));
	/* A compositor on the same GPU. */
	ASSERT_EQ(0, amd_import(self->s.real, fd, &here));
	close(fd);
	EXPECT_EQ(0, VMM(do_close_fd, buf, 0));
	EXPECT_EQ(0, VMM(do_gem_close, a, 0));
	EXPECT_EQ(0, VMM(do_unmap, map, 0));
	qt_sleep_ms(700);
	EXPECT_EQ(4 * PAGE, USED());
	EXPECT_EQ(0, amd_close(self->s.real, here));
	qt_sleep_ms(700);
	EXPECT_EQ(4 * PAGE, USED());
	EXPECT_EQ(0, amd_close(vgem, there));
	EXPECT_EQ(0, qt_gate_wait_used(self->s.vm.use, 0, SOON));

	ASSERT_EQ(0, ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb));
	fd = amd_export(vgem, dumb.handle);
	ASSERT_LE(0, fd);
	buf = qt_give_fd(&self->s.vmm, fd);
	close(fd);
	b = VMM(do_import, buf, 0);
	ASSERT_LT(0, b);
	EXPECT_EQ(dumb.size, USED());
	EXPECT_EQ(b, VMM(do_import, buf, 0));
	EXPECT_EQ(dumb.size, USED());
	EXPECT_EQ(-EPERM, VMM(do_map, b, PAGE));
	EXPECT_EQ(0, VMM(do_close_fd, buf, 0));
	EXPECT_EQ(0, VMM(do_gem_close, b, 0));
	EXPECT_EQ(0, qt_gate_wait_used(self->s.vm.use, 0, SOON));
	close(vgem);
}

/* Any ioctl of DRM, with an argument of zeroes but for its second word. */
static long do_ioctl(long cmd, long word, void *data)
{
	__u32 arg[256] = {};

	arg[1] = word;
	return ioctl(node, (unsigned int)cmd, arg) ? -errno : 0;
}

TEST_F(gate_mock, not_let_through)
{
	static const struct {
		unsigned int cmd, word;
		__u32 reason;
	} calls[] = {
		{ DRM_IOCTL_AMDGPU_BO_LIST, 0, QWAMOS_GPU_REASON_NOT_OFFERED },
		{ DRM_IOCTL_AMDGPU_SCHED, 0, QWAMOS_GPU_REASON_NOT_OFFERED },
		{ DRM_IOCTL_AMDGPU_VM, 0, QWAMOS_GPU_REASON_NOT_OFFERED },
		{ DRM_IOWR(DRM_COMMAND_BASE + 0x0a, __u64), 0, QWAMOS_GPU_REASON_NOT_DECODED },
		{ DRM_IOWR(DRM_COMMAND_BASE + 0x16, __u64), 0, QWAMOS_GPU_REASON_NOT_DECODED },
		{ DRM_IOWR(DRM_COMMAND_BASE + 0x19, __u64), 0, QWAMOS_GPU_REASON_NOT_DECODED },
		{ DRM_IOCTL_GEM_FLINK, 0, QWAMOS_GPU_REASON_NOT_OFFERED },
		{ DRM_IOCTL_MODE_CREATE_DUMB, 64, QWAMOS_GPU_REASON_NOT_DECODED },
	};
	static const long domains[] = { AMDGPU_GEM_DOMAIN_GDS, AMDGPU_GEM_DOMAIN_GWS,
					AMDGPU_GEM_DOMAIN_OA, 1 << 6, VRAM | 1 << 7 };
	struct qwamos_gpu_audit_record rec;
	__u64 mark;
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		mark = qt_audit_mark(self->s.ctl);
		EXPECT_EQ(-EACCES, VMM(do_ioctl, calls[i].cmd, calls[i].word)) TH_LOG("%zu", i);
		ASSERT_EQ(1, qt_audit_find(self->s.ctl, mark,
					   QT_WANT(QWAMOS_GPU_EV_GATE_CALL_REFUSED,
						   .chain = self->s.vm.id),
					   &rec))
		TH_LOG("%zu", i);
		EXPECT_EQ(calls[i].reason, rec.reason) TH_LOG("%zu", i);
		EXPECT_EQ(_IOC_NR(calls[i].cmd), rec.asked);
	}
	for (i = 0; i < sizeof(domains) / sizeof(*domains); i++)
		EXPECT_EQ(-EACCES, VMM(do_create, PAGE, domains[i])) TH_LOG("%zu", i);
	EXPECT_EQ(0, USED());
	EXPECT_EQ(0, qt_mock_stat("objects"));
}

/* Makes, writes, passes on and lets go until it is killed. */
static long do_work(long x, long y, void *data)
{
	unsigned char *p;
	__u32 handle;
	long ctx;
	__u64 seq;
	int i;

	for (i = 0;; i++) {
		ctx = amd_context(node, 0);
		if (amd_create(node, MIB, i & 1 ? VRAM : GTT, 0, &handle))
			return i;
		p = amd_map(node, handle, MIB);
		if (p != MAP_FAILED)
			fill(p, MIB, i);
		close(amd_export(node, handle));
		amd_submit(node, ctx, i & 1, NULL, &seq);
		amd_syncobj(node);
		if (i % 4 == 3) {
			munmap(p, MIB);
			amd_close(node, handle);
			do_context_free(ctx, 0, NULL);
		}
	}
}

TEST_F(gate_mock, killed)
{
	int i;

	ASSERT_EQ(0, qt_mock_jobs_take(50));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, qt_start(&self->s.vmm, do_work, 0, 0));
		qt_sleep_ms(60 + 70 * i);
		qt_kill(&self->s.vmm);
		gated_end_vm(&self->s);
		EXPECT_EQ(0, qt_settle(self->s.ctl, SOON));
		qt_sleep_ms(200);
		EXPECT_EQ(0, qt_mock_stat("objects"));
		EXPECT_EQ(0, qt_mock_stat("contexts"));
		EXPECT_EQ(1, qt_mock_stat("clients"));
		ASSERT_EQ(0, gated_vm(&self->s, QWAMOS_GPU_LEVEL_MEDIUM));
		ASSERT_EQ(0, gated_open(&self->s));
	}
	EXPECT_LT(0, VMM(do_create, PAGE, VRAM));
}

FIXTURE(unplug)
{
	struct gated s;
};

FIXTURE_VARIANT(unplug)
{
	const char *what;
};

FIXTURE_VARIANT_ADD(unplug, drm){ .what = "drm" };
FIXTURE_VARIANT_ADD(unplug, pci){ .what = "pci" };

FIXTURE_SETUP(unplug)
{
	ASSERT_EQ(0, gated_new(&self->s, PARAMS, QWAMOS_GPU_LEVEL_MEDIUM));
}

FIXTURE_TEARDOWN(unplug)
{
	EXPECT_EQ(0, gated_end(&self->s));
}

static long do_open_errno(long x, long y, void *data)
{
	int fd = open(data, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* With a gate that is open, mappings, a dma-buf and a job that has not ended. */
TEST_F(unplug, in_use)
{
	bool pci = !strcmp(variant->what, "pci");
	struct qwamos_gpu_gate list;
	struct qwamos_gpu_vm info;
	long handle, maps[4], buf[2], ctx;
	int i;

	for (i = 0; i < 2; i++) {
		handle = VMM(do_create, 2 * PAGE, i ? VRAM : GTT);
		ASSERT_LT(0, handle);
		maps[i] = VMM(do_map, handle, 2 * PAGE);
		buf[i] = VMM(do_export, handle, 0);
		maps[2 + i] = VMM(do_map_buf, buf[i], 2 * PAGE);
		EXPECT_EQ(0, VMM(do_fill, maps[i], i));
		EXPECT_EQ(1, VMM(do_holds, maps[2 + i], i));
	}
	ctx = VMM(do_context, 0, 0);
	ASSERT_LT(0, ctx);
	ASSERT_EQ(0, qt_mock_jobs_take(60000));
	ASSERT_EQ(1, VMM(do_submit, ctx, AMDGPU_HW_IP_GFX));
	ASSERT_EQ(0, qt_mock_set("unplug", variant->what));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(SIGBUS, VMM(do_fault, maps[i], i & 1));
	EXPECT_EQ(-ENODEV, VMM(do_create, PAGE, GTT));
	EXPECT_EQ(-ENODEV, VMM(do_submit, ctx, AMDGPU_HW_IP_GFX));
	EXPECT_EQ(-ENODEV, VMM(do_wait, ctx, 1));
	EXPECT_EQ(-ENODEV, VMM(do_open_errno, 0, 0)) TH_LOG("pci %d", pci);
	EXPECT_EQ(!pci, qt_gates(self->s.vm.use, &list, 1));
	EXPECT_EQ(-EBADF, qt_gate_create(self->s.vm.manage, self->s.real, 0, &self->s.g));
	EXPECT_EQ(4 * PAGE, gated_used(&self->s));
	/* The VM lives on. */
	ASSERT_EQ(0, qt_vm_info(self->s.vm.use, &info));
	EXPECT_EQ(QWAMOS_GPU_VM_STATE_LIVE, info.state);
	EXPECT_NE(0, qt_run(true, (const char *const[]){ "rmmod", "mockdrm", NULL }));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, VMM(do_unmap, maps[i], 0));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, VMM(do_close_fd, buf[i], 0));
	EXPECT_EQ(0, VMM(do_close, 0, 0));
	EXPECT_EQ(0, gated_wait_used(&self->s, 0, SOON));
}

/* Waits for a syncobj that nobody ever signals. */
static long do_wait_syncobj(long x, long y, void *data)
{
	__u32 handle = amd_syncobj(node);
	struct drm_syncobj_wait w = { .handles = (unsigned long)&handle,
				      .timeout_nsec = LONG_MAX,
				      .count_handles = 1,
				      .flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT };

	return ioctl(node, DRM_IOCTL_SYNCOBJ_WAIT, &w) ? -errno : 0;
}

/* While processes wait in calls: for a job, which ends, and for what never comes, until killed. */
TEST_F(unplug, waited_for)
{
	struct qt_actor child;
	long ctx = VMM(do_context, 0, 0);

	ASSERT_LT(0, ctx);
	ASSERT_LT(0, VMM(do_create, 4 * PAGE, VRAM));
	ASSERT_EQ(0, qt_mock_jobs_take(60000));
	ASSERT_EQ(1, VMM(do_submit, ctx, AMDGPU_HW_IP_GFX));
	ASSERT_EQ(0, qt_clone(&self->s.vmm, &child, 0));
	ASSERT_EQ(0, qt_start(&child, do_wait_syncobj, 0, 0));
	ASSERT_EQ(0, qt_start(&self->s.vmm, do_wait, ctx, 1));
	qt_sleep_ms(200);
	ASSERT_EQ(0, qt_mock_set("unplug", variant->what));
	EXPECT_EQ(-ENODEV, qt_wait(&self->s.vmm, qt_patience(SOON)));
	EXPECT_EQ(-ENODEV, VMM(do_create, PAGE, VRAM));
	EXPECT_EQ(4 * PAGE, gated_used(&self->s));
	EXPECT_EQ(QT_LATE, qt_wait(&child, 200));
	EXPECT_EQ(0, VMM(do_close, 0, 0));
	qt_kill(&child);
	EXPECT_EQ(0, gated_wait_used(&self->s, 0, SOON));
}

/* While the VMM makes and faults, and another VM has a gate, too. */
TEST_F(unplug, busy)
{
	struct qwamos_gpu_gate_create g;
	struct qt_vm vm;
	int ret;

	ASSERT_EQ(0, qt_mock_jobs_take(1));
	ASSERT_EQ(0, qt_start(&self->s.vmm, do_work, 0, 0));
	ASSERT_EQ(0, qt_vm_new(&vm, self->s.ctl, QWAMOS_GPU_LEVEL_HIGH, 0));
	ASSERT_EQ(0, qt_gate_create(vm.manage, self->s.real, 0, &g));
	qt_sleep_ms(100);
	ASSERT_EQ(0, qt_mock_set("unplug", variant->what));
	ret = qt_gate_destroy(vm.manage, g.out_gate_id);
	EXPECT_EQ(strcmp(variant->what, "pci") ? 0 : -ENOENT, ret);
	/* It has ended by itself, or by SIGBUS. */
	ret = qt_wait(&self->s.vmm, qt_patience(SOON));
	EXPECT_TRUE(ret >= 0 || ret == QT_DEAD);
	qt_vm_end(&vm);
}

TEST_HARNESS_MAIN
