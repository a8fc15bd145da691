// SPDX-License-Identifier: GPL-2.0-only
/* What a gate's tables say of calls. */
#include <drm/drm.h>
#include <drm/amdgpu_drm.h>
#include <drm/virtgpu_drm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "kmod/gate/decode.h"

static const struct qgate_call *row(const char *driver, unsigned int nr)
{
	const struct qgate_table *t = qgate_table(driver);
	const struct qgate_call *call;

	assert_non_null(t);
	call = qgate_call(t, nr);
	assert_non_null(call);
	return call;
}

static struct qgate_what what_of(const char *driver, unsigned int nr, const void *arg)
{
	struct qgate_what what;

	memset(&what, 0xcc, sizeof(what));
	qgate_decode(row(driver, nr), arg, &what);
	return what;
}

static void drivers(void **state)
{
	assert_ptr_equal(&qgate_virtio_gpu, qgate_table("virtio_gpu"));
	assert_ptr_equal(&qgate_amdgpu, qgate_table("amdgpu"));
	assert_null(qgate_table(""));
	assert_null(qgate_table("nouveau"));
	assert_null(qgate_table("virtio_gpu2"));
	assert_null(qgate_table("virtio"));
}

/* What is in no table is not known, whatever the number. */
static void unknown(void **state)
{
	static const unsigned int core[] = {
		0x01, 0x02, 0x04, 0x05, 0x07, 0x0d, 0x10, 0x11, 0x1e, 0x1f, 0x3a, 0xa0, 0xa1,
		0xb2,  0xb3, 0xc6, 0xc9, 0xce, 0xd0, 0xd3, 0xff, 0x100, 0x80000000, 0xffffffff,
	};
	unsigned int i;

	for (i = 0; i < sizeof(core) / sizeof(*core); i++)
		assert_null(qgate_call(&qgate_core, core[i]));
	assert_null(qgate_call(&qgate_virtio_gpu, 0));
	assert_null(qgate_call(&qgate_virtio_gpu, 0x0c));
	assert_null(qgate_call(&qgate_virtio_gpu, 0xffffffff));
	assert_null(qgate_call(&qgate_amdgpu, 0x0a));
	assert_null(qgate_call(&qgate_amdgpu, 0x19));
}

static void check_table(const struct qgate_table *t)
{
	const struct qgate_call *call;
	unsigned int i;

	for (i = 0; i < t->n; i++) {
		call = qgate_call(t, i);
		if (!call)
			continue;
		assert_int_not_equal(QGATE_UNKNOWN, call->kind);
		assert_true(call->op < 8);
		if (call->kind != QGATE_NEVER && call->kind != QGATE_FORWARD)
			assert_true(call->size);
		if (call->kind == QGATE_ALLOC) {
			assert_non_null(call->look);
			assert_true(call->handle + 4 <= call->size);
		}
		if (call->nested) {
			assert_non_null(call->nested->judge);
			assert_true(call->nested->pointer + 8 <= call->size);
			assert_true(call->nested->count + 4 <= call->size);
			assert_true(call->nested->most * call->nested->size <= 4096);
		}
	}
}

static void rows(void **state)
{
	check_table(&qgate_core);
	check_table(&qgate_virtio_gpu);
	check_table(&qgate_amdgpu);
	assert_int_equal(QGATE_NEVER, qgate_call(&qgate_core, 0x0a)->kind);
	assert_int_equal(QGATE_NEVER, qgate_call(&qgate_core, 0xd2)->kind);
}

static uint64_t resource(uint32_t target, uint32_t w, uint32_t h, uint32_t depth, uint32_t layers,
			 uint32_t levels, uint32_t samples, uint32_t size)
{
	struct drm_virtgpu_resource_create r = {
		.target = target, .width = w, .height = h, .depth = depth, .array_size = layers,
		.last_level = levels, .nr_samples = samples, .size = size,
	};

	return what_of("virtio_gpu", DRM_VIRTGPU_RESOURCE_CREATE, &r).size;
}

static void resources(void **state)
{
	assert_int_equal(4096, resource(0, 4096, 1, 1, 1, 0, 0, 0));
	assert_int_equal(64 * 64 * 4, resource(2, 64, 64, 1, 1, 0, 0, 0));
	assert_int_equal(1 << 20, resource(2, 64, 64, 1, 1, 0, 0, 1 << 20));
	assert_int_equal(64 * 64 * 4 * 4, resource(2, 64, 64, 1, 1, 0, 4, 0));
	assert_int_equal(64 * 64 * 4 * 6, resource(2, 64, 64, 1, 6, 0, 1, 0));
	assert_int_equal(64 * 64 * 4 * 3 / 2, resource(2, 64, 64, 1, 1, 6, 0, 0));
	assert_int_equal(64 * 64 * 64 * 4, resource(3, 64, 64, 64, 1, 0, 0, 0));
	/* A dimension of 0 takes nothing away. */
	assert_int_equal(64 * 4, resource(2, 64, 0, 0, 0, 0, 0, 0));
	assert_true(resource(2, ~0U, ~0U, ~0U, ~0U, ~0U, ~0U, ~0U) == ~0ULL);
	assert_true(resource(2, 1U << 31, 1U << 31, 4, 1, 0, 0, 0) == ~0ULL);
}

static void blobs(void **state)
{
	struct drm_virtgpu_resource_create_blob b = { .size = 12345 };
	struct qgate_what what = what_of("virtio_gpu", DRM_VIRTGPU_RESOURCE_CREATE_BLOB, &b);

	assert_int_equal(12345, what.size);
	assert_false(what.never);
	assert_false(what.paced);
	/* Its commands are a submission. */
	b.cmd_size = 64;
	what = what_of("virtio_gpu", DRM_VIRTGPU_RESOURCE_CREATE_BLOB, &b);
	assert_true(what.paced);
	assert_int_equal(QWAMOS_GPU_OP_RENDERING_3D, what.op);
	b.cmd_size = ~0U;
	assert_true(what_of("virtio_gpu", DRM_VIRTGPU_RESOURCE_CREATE_BLOB, &b).never);
	b.cmd_size = 0;
	b.blob_flags = VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE | VIRTGPU_BLOB_FLAG_USE_MAPPABLE;
	assert_true(what_of("virtio_gpu", DRM_VIRTGPU_RESOURCE_CREATE_BLOB, &b).never);
}

static struct qgate_what context(uint64_t first, uint64_t second)
{
	struct drm_virtgpu_context_set_param p[3] = {
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, first },
		{ VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 4 },
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, second },
	};
	struct drm_virtgpu_context_init c = { .num_params = 3 };
	const struct qgate_call *call = row("virtio_gpu", DRM_VIRTGPU_CONTEXT_INIT);
	struct qgate_what what;

	assert_non_null(call->nested);
	qgate_decode(call, &c, &what);
	assert_int_equal(QWAMOS_GPU_OP_RENDERING_3D, what.op);
	call->nested->judge(p, 3, &what);
	return what;
}

static void contexts(void **state)
{
	unsigned int other[] = { 0, 3, 5, 6, 7, 63 }, i;
	struct qgate_what what;

	what = context(1, 2);
	assert_int_equal(QWAMOS_GPU_OP_RENDERING_3D, what.op);
	assert_false(what.vulkan || what.never);
	/* The strictest of them counts, in whatever order. */
	for (i = 0; i < 2; i++) {
		what = i ? context(4, 1) : context(2, 4);
		assert_int_equal(QWAMOS_GPU_OP_VULKAN_COMPUTE, what.op);
		assert_true(what.vulkan);
		assert_false(what.never);
	}
	for (i = 0; i < sizeof(other) / sizeof(*other); i++) {
		assert_true(context(other[i], 1).never);
		assert_true(context(4, other[i]).never);
	}
	assert_true(context(1ULL << 32 | 1, 1).never);
}

static void cleared(void **state)
{
	const struct qgate_call *call = row("amdgpu", DRM_AMDGPU_GEM_CREATE);
	union drm_amdgpu_gem_create a = { .in = { .bo_size = 4096,
						   .domains = AMDGPU_GEM_DOMAIN_VRAM } };

	call->fix(&a);
	assert_int_equal(AMDGPU_GEM_CREATE_VRAM_CLEARED, a.in.domain_flags);
	assert_int_equal(4096, what_of("amdgpu", DRM_AMDGPU_GEM_CREATE, &a).size);
	a.in.domains = AMDGPU_GEM_DOMAIN_GDS;
	assert_true(what_of("amdgpu", DRM_AMDGPU_GEM_CREATE, &a).never);
	a.in.domains = AMDGPU_GEM_DOMAIN_GTT;
	a.in.domain_flags = 0;
	call->fix(&a);
	assert_int_equal(0, a.in.domain_flags);
}

static void kept(void **state)
{
	union drm_amdgpu_ctx c = { .in = { .op = AMDGPU_CTX_OP_ALLOC_CTX } };
	union drm_amdgpu_vm v = { .in = { .op = AMDGPU_VM_OP_RESERVE_VMID } };
	union drm_amdgpu_fence_to_handle f = {};

	assert_int_equal(1, what_of("amdgpu", DRM_AMDGPU_CTX, &c).kept);
	assert_false(what_of("amdgpu", DRM_AMDGPU_CTX, &c).never);
	c.in.priority = AMDGPU_CTX_PRIORITY_UNSET;
	assert_false(what_of("amdgpu", DRM_AMDGPU_CTX, &c).never);
	c.in.priority = AMDGPU_CTX_PRIORITY_HIGH;
	assert_true(what_of("amdgpu", DRM_AMDGPU_CTX, &c).never);
	c.in.priority = AMDGPU_CTX_PRIORITY_NORMAL + 1;
	assert_true(what_of("amdgpu", DRM_AMDGPU_CTX, &c).never);
	c.in.op = AMDGPU_CTX_OP_FREE_CTX;
	assert_int_equal(-1, what_of("amdgpu", DRM_AMDGPU_CTX, &c).kept);
	c.in.op = AMDGPU_CTX_OP_QUERY_STATE2;
	assert_int_equal(0, what_of("amdgpu", DRM_AMDGPU_CTX, &c).kept);
	c.in.op = 99;
	assert_true(what_of("amdgpu", DRM_AMDGPU_CTX, &c).never);
	assert_int_equal(QGATE_NEVER, row("amdgpu", DRM_AMDGPU_BO_LIST)->kind);
	assert_true(what_of("amdgpu", DRM_AMDGPU_VM, &v).never);
	f.in.what = AMDGPU_FENCE_TO_HANDLE_GET_SYNCOBJ;
	assert_true(what_of("amdgpu", DRM_AMDGPU_FENCE_TO_HANDLE, &f).never);
	f.in.what = AMDGPU_FENCE_TO_HANDLE_GET_SYNC_FILE_FD;
	assert_false(what_of("amdgpu", DRM_AMDGPU_FENCE_TO_HANDLE, &f).never);
}

/* Whatever an argument holds, a decoder reads nothing beyond it. */
static void noise(void **state)
{
	const struct qgate_table *const tables[] = { &qgate_virtio_gpu, &qgate_amdgpu };
	const struct qgate_call *call;
	struct qgate_what what;
	unsigned int t, nr, i;
	uint8_t *arg;
	size_t b;

	srand(1);
	for (t = 0; t < 2; t++)
		for (nr = 0; nr < tables[t]->n; nr++) {
			call = qgate_call(tables[t], nr);
			if (!call || !call->size)
				continue;
			arg = malloc(call->size);
			for (i = 0; i < 1000; i++) {
				for (b = 0; b < call->size; b++)
					arg[b] = rand() % 3 ? rand() : rand() % 2 * 255;
				qgate_decode(call, arg, &what);
				if (call->fix)
					call->fix(arg);
				assert_true(what.op < 8);
				assert_in_range(what.kept + 1, 0, 2);
			}
			free(arg);
		}
}

static void products(void **state)
{
	assert_int_equal(6, qgate_times(2, 3));
	assert_int_equal(0, qgate_times(0, ~0ULL));
	assert_true(qgate_times(~0ULL, 1) == ~0ULL);
	assert_true(qgate_times(1ULL << 32, 1ULL << 32) == ~0ULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drivers),  cmocka_unit_test(unknown), cmocka_unit_test(rows),
		cmocka_unit_test(resources), cmocka_unit_test(blobs),  cmocka_unit_test(contexts),
		cmocka_unit_test(cleared),  cmocka_unit_test(kept),    cmocka_unit_test(noise),
		cmocka_unit_test(products),
	};

	return cmocka_run_group_tests_name("gate_decode", tests, NULL, NULL);
}
