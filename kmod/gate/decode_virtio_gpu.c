// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * virtio_gpu. 3D is judged by the capset of the file's context: virgl draws, and computes on the
 * same ring, which nobody can tell apart; venus is Vulkan with all that it has, so a VM needs
 * vulkan_compute for it. Native contexts and cross-domain ones are never let through: what they
 * carry are calls of another driver, or of a compositor, which nobody has decoded.
 *
 * Commands of a submission, and those that make a blob, are the host's to check: they are read by
 * the driver from the caller's memory, and nothing here depends on them. What host memory they make
 * is not seen.
 */
#ifdef __KERNEL__
#include <linux/stddef.h>
#else
#include <stddef.h>
#endif
#include <drm/drm.h>
#include <drm/virtgpu_drm.h>
#include "decode.h"

#define CAPSET_VIRGL  1
#define CAPSET_VIRGL2 2
#define CAPSET_VENUS  4

#define MOST_COMMANDS (4U << 20) /* bytes in one submission */
#define MOST_HANDLES  65536
#define MOST_SYNCOBJS 4096 /* that one submission waits for */
#define MOST_POINTS   64 /* that it leaves in timelines */

/*
 * A resource: what the host allocates for it is not told, so its texels are counted, with 4 bytes
 * each, all levels together less than half more; a buffer's are bytes.
 */
static void look_resource(const void *arg, struct qgate_what *what)
{
	const struct drm_virtgpu_resource_create *r = arg;
	__u64 size = r->width;

	size = qgate_times(size, r->height ?: 1);
	size = qgate_times(size, r->depth ?: 1);
	size = qgate_times(size, r->array_size ?: 1);
	size = qgate_times(size, r->nr_samples ?: 1);
	if (r->target)
		size = qgate_times(size, 4);
	if (r->last_level)
		size = qgate_times(size / 2, 3);
	what->size = size > r->size ? size : r->size;
}

/* The driver holds copies of these, which are charged to nobody, until the host has read them. */
static void look_execbuffer(const void *arg, struct qgate_what *what)
{
	const struct drm_virtgpu_execbuffer *e = arg;

	what->never = e->size > MOST_COMMANDS || e->num_bo_handles > MOST_HANDLES;
#ifdef VIRTGPU_EXECBUF_SYNCOBJ_FLAGS
	what->never |= e->num_in_syncobjs > MOST_SYNCOBJS || e->num_out_syncobjs > MOST_POINTS;
#endif
}

static void look_blob(const void *arg, struct qgate_what *what)
{
	const struct drm_virtgpu_resource_create_blob *b = arg;

	what->size = b->size;
	/* The commands are submitted before the object is made, and even if it is not. */
	if (b->cmd_size) {
		what->op = QWAMOS_GPU_OP_RENDERING_3D;
		what->paced = true;
	}
	/* What another device of the host may use, nobody revokes. */
	what->never = b->blob_flags & VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE ||
		      b->cmd_size > MOST_COMMANDS;
}

static void judge_context(const void *elements, __u32 n, struct qgate_what *what)
{
	const struct drm_virtgpu_context_set_param *p = elements;
	__u32 i;

	for (i = 0; i < n; i++) {
		/* Events of the driver's are not passed on. */
		if (p[i].param == VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK && p[i].value)
			what->never = true;
		if (p[i].param != VIRTGPU_CONTEXT_PARAM_CAPSET_ID)
			continue;
		switch (p[i].value) {
		case CAPSET_VIRGL:
		case CAPSET_VIRGL2:
			break;
		case CAPSET_VENUS:
			what->op = QWAMOS_GPU_OP_VULKAN_COMPUTE;
			what->vulkan = true;
			break;
		default:
			what->never = true;
		}
	}
}

static const struct qgate_nested context_params = {
	.pointer = offsetof(struct drm_virtgpu_context_init, ctx_set_params),
	.count = offsetof(struct drm_virtgpu_context_init, num_params),
	.size = sizeof(struct drm_virtgpu_context_set_param),
	.most = 8,
	.judge = judge_context,
};

/* All its structs look the same to 32-bit programs. */
#define ROW(call, _kind, _op, type, ...)                      \
	[DRM_VIRTGPU_##call] = { .name = #call,               \
				 .kind = QGATE_##_kind,       \
				 .op = QWAMOS_GPU_OP_##_op,   \
				 .compat = true,              \
				 .size = sizeof(struct type), \
				 __VA_ARGS__ }

static const struct qgate_call calls[] = {
	ROW(MAP, PASS, NONE, drm_virtgpu_map),
	ROW(EXECBUFFER, PASS, RENDERING_3D, drm_virtgpu_execbuffer, .paced = true,
	    .look = look_execbuffer),
	ROW(GETPARAM, PASS, NONE, drm_virtgpu_getparam),
	ROW(RESOURCE_CREATE, ALLOC, NONE, drm_virtgpu_resource_create,
	    .handle = offsetof(struct drm_virtgpu_resource_create, bo_handle),
	    .look = look_resource),
	ROW(RESOURCE_INFO, PASS, NONE, drm_virtgpu_resource_info),
	ROW(TRANSFER_FROM_HOST, PASS, RENDERING_2D, drm_virtgpu_3d_transfer_from_host,
	    .paced = true),
	ROW(TRANSFER_TO_HOST, PASS, RENDERING_2D, drm_virtgpu_3d_transfer_to_host, .paced = true),
	ROW(WAIT, PASS, NONE, drm_virtgpu_3d_wait),
	ROW(GET_CAPS, PASS, NONE, drm_virtgpu_get_caps),
	ROW(RESOURCE_CREATE_BLOB, ALLOC, NONE, drm_virtgpu_resource_create_blob,
	    .handle = offsetof(struct drm_virtgpu_resource_create_blob, bo_handle),
	    .look = look_blob),
	ROW(CONTEXT_INIT, CONTEXT, RENDERING_3D, drm_virtgpu_context_init,
	    .nested = &context_params),
};

const struct qgate_table qgate_virtio_gpu = {
	.driver = "virtio_gpu",
	.n = sizeof(calls) / sizeof(*calls),
	.calls = calls,
	.compute_inseparable = true,
	.own_mappings = true,
};
