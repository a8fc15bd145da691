/* SPDX-License-Identifier: GPL-2.0-only */
/* A VM whose VMM has a gate to the mock of amdgpu open, and what a VMM does there. */
#ifndef GATE_MOCK_H
#define GATE_MOCK_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "amdgpu_calls.h"
#include "call.h"
#include "gate.h"
#include "mockdrm.h"
#include "patterns.h"
#include "vm.h"

#define SOON 5000
/* Where an object is, and flags of its creation, in one number. */
#define AS(domains, flags) ((domains) | (long)(flags) << 8)

/** struct gated - a VM, its VMM, and the gate that it has open; @real: the node behind it */
struct gated {
	int ctl;
	int real;
	struct qt_vm vm;
	struct qt_actor vmm;
	struct qwamos_gpu_gate_create g;
	char path[QT_PATH];
};

/* What an actor has: the gate's fd, and memory that was mapped through it. */
static int node = -1;
static struct {
	unsigned char *p;
	unsigned long size;
} mapped[64];

static inline long do_open(long x, long y, void *data)
{
	node = open(data, O_RDWR | O_CLOEXEC);
	return node < 0 ? -errno : node;
}

static inline long do_close(long x, long y, void *data)
{
	close(node);
	node = -1;
	return 0;
}

/* Return: a handle or -errno */
static inline long do_create(long size, long as, void *data)
{
	__u32 handle;
	int ret = amd_create(node, size, as & 0xff, as >> 8, &handle);

	return ret ? ret : (long)handle;
}

static inline long do_gem_close(long handle, long y, void *data)
{
	return amd_close(node, handle);
}

/* Return: a number for it or -errno */
static inline long keep_map(void *p, unsigned long size)
{
	long i;

	if (p == MAP_FAILED)
		return -errno;
	for (i = 0; mapped[i].p; i++)
		;
	mapped[i].p = p;
	mapped[i].size = size;
	return i;
}

static inline long do_map(long handle, long size, void *data)
{
	return keep_map(amd_map(node, handle, size), size);
}

static inline long do_map_buf(long buf, long size, void *data)
{
	return keep_map(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0), size);
}

static inline long do_unmap(long map, long y, void *data)
{
	int ret = munmap(mapped[map].p, mapped[map].size) ? -errno : 0;

	mapped[map].p = NULL;
	return ret;
}

/* Return: 0, or the signal of an access to a page of it */
static inline long do_fault(long map, long page, void *data)
{
	return read_fault(mapped[map].p + page * PAGE);
}

/* Return: 0 or -EFAULT */
static inline long do_fill(long map, long seed, void *data)
{
	if (read_fault(mapped[map].p))
		return -EFAULT;
	fill(mapped[map].p, mapped[map].size, seed);
	return 0;
}

/* Return: 1: it holds what was filled in, 0, or -EFAULT */
static inline long do_holds(long map, long seed, void *data)
{
	if (read_fault(mapped[map].p))
		return -EFAULT;
	return holds(mapped[map].p, mapped[map].size, seed);
}

/* Return: 1: each byte is @value, 0, or -EFAULT */
static inline long do_all(long map, long value, void *data)
{
	if (read_fault(mapped[map].p))
		return -EFAULT;
	return amd_all(mapped[map].p, mapped[map].size, value);
}

static inline long do_export(long handle, long y, void *data)
{
	return amd_export(node, handle);
}

static inline long do_import(long buf, long y, void *data)
{
	__u32 handle;
	int ret = amd_import(node, buf, &handle);

	return ret ? ret : (long)handle;
}

static inline long do_close_fd(long fd, long y, void *data)
{
	return close(fd) ? -errno : 0;
}

/* Return: a context's id or -errno */
static inline long do_context(long priority, long y, void *data)
{
	return amd_context(node, priority);
}

static inline long do_context_free(long id, long y, void *data)
{
	union drm_amdgpu_ctx a = { .in = { .op = AMDGPU_CTX_OP_FREE_CTX, .ctx_id = id } };

	return amd_call(node, DRM_IOCTL_AMDGPU_CTX, &a);
}

/* Return: the job's number or -errno */
static inline long do_submit(long ctx, long ip, void *data)
{
	__u64 seq;
	int ret = amd_submit(node, ctx, ip, NULL, &seq);

	return ret ? ret : (long)seq;
}

/* A job that uses objects of the handles @first to @first + @n - 1. */
static inline long submit_using(long ctx, __u32 first, __u32 n)
{
	struct drm_amdgpu_bo_list_entry *entry = calloc(n, sizeof(*entry));
	const struct drm_amdgpu_bo_list_in in = { .bo_number = n,
						  .bo_info_size = sizeof(*entry),
						  .bo_info_ptr = (unsigned long)entry };
	const struct amd_more more[] = { { AMDGPU_CHUNK_ID_BO_HANDLES, sizeof(in), &in }, {} };
	__u64 seq;
	__u32 i;
	int ret;

	for (i = 0; i < n; i++)
		entry[i].bo_handle = first + i;
	ret = amd_submit(node, ctx, AMDGPU_HW_IP_GFX, more, &seq);
	free(entry);
	return ret ? ret : (long)seq;
}

/* One on the ring for graphics; return: 0: it has ended, 1, or -errno */
static inline long do_wait(long ctx, long seq, void *data)
{
	return amd_wait(node, ctx, AMDGPU_HW_IP_GFX, seq, AMD_FOREVER);
}

/* A VM with a VMM. Return: 0 or -errno */
static inline int gated_vm(struct gated *s, __u32 level)
{
	int ret = qt_vm_new(&s->vm, s->ctl, level, 0);

	return ret ? ret : qt_vmm(&s->vm, &s->vmm, NULL);
}

/* A gate for it, open. Return: 0 or -errno */
static inline int gated_open(struct gated *s)
{
	int ret = qt_gate_create(s->vm.manage, s->real, 0, &s->g);

	if (!ret)
		ret = qt_gate_node(&s->g, s->path);
	if (ret)
		return ret;
	memcpy(s->vmm.data, s->path, QT_PATH);
	ret = qt_do(&s->vmm, do_open, 0, 0);
	return ret < 0 ? ret : 0;
}

/* All of that, with the mock loaded. Return: 0 or -errno */
static inline int gated_new(struct gated *s, const char *params, __u32 level)
{
	int ret = qt_mock_load(params);

	if (ret)
		return -ENODEV;
	s->ctl = qt_open_control();
	s->real = qt_mock_open();
	if (s->ctl < 0 || s->real < 0)
		return -ENOENT;
	ret = gated_vm(s, level);
	return ret ? ret : gated_open(s);
}

static inline void gated_end_vm(struct gated *s)
{
	qt_end(&s->vmm);
	qt_vm_end(&s->vm);
	unlink(s->path);
}

/* Return: 0, or what is left of the mock, or its module */
static inline long gated_end(struct gated *s)
{
	long left;

	gated_end_vm(s);
	close(s->real);
	left = qt_settle(s->ctl, SOON);
	close(s->ctl);
	if (qt_mock_unload())
		left = qt_mock_live() ?: -EBUSY;
	return left;
}

/* Bytes that are charged to the VM, also by a gate that is closed. */
static inline long gated_used(struct gated *s)
{
	struct qwamos_gpu_vm info;
	int ret = qt_vm_info(s->vm.use, &info);

	return ret ? ret : (long)info.vram_used;
}

/* Wait until they are that many. Return: 0 or -ETIMEDOUT */
static inline int gated_wait_used(struct gated *s, long bytes, int ms)
{
	long long end = qt_now_ms() + qt_patience(ms);

	while (gated_used(s) != bytes) {
		if (qt_now_ms() > end) {
			fprintf(stderr, "# %ld bytes are charged, not %ld\n", gated_used(s), bytes);
			return -ETIMEDOUT;
		}
		qt_sleep_ms(5);
	}
	return 0;
}

#endif
