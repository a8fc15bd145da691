/* SPDX-License-Identifier: GPL-2.0-only */
/* amdgpu's calls, made so that a failed one which has written anything is found out. */
#ifndef AMDGPU_CALLS_H
#define AMDGPU_CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <drm/amdgpu_drm.h>

#define AMD_FOREVER (~0ULL)

#define MIB    (1UL << 20)
#define PAGE   4096UL
#define JOB_MS 200
#define GTT    AMDGPU_GEM_DOMAIN_GTT
#define VRAM   AMDGPU_GEM_DOMAIN_VRAM

/* Each byte of memory. */
static inline bool amd_all(const volatile unsigned char *p, unsigned long size, unsigned char value)
{
	unsigned long i;

	for (i = 0; i < size; i++)
		if (p[i] != value)
			return false;
	return true;
}

/* Return: 0 or -errno; -ENOTRECOVERABLE: it failed, and the argument is not what it was. */
static inline int amd_call(int fd, unsigned long request, void *arg)
{
	unsigned char before[512];
	size_t size = _IOC_SIZE(request);
	int ret;

	memcpy(before, arg, size);
	do {
		ret = ioctl(fd, request, arg);
	} while (ret && errno == EINTR);
	if (!ret)
		return 0;
	ret = -errno;
	return memcmp(before, arg, size) ? -ENOTRECOVERABLE : ret;
}

static inline int amd_create(int fd, __u64 size, __u64 domains, __u64 flags, __u32 *handle)
{
	union drm_amdgpu_gem_create a = {
		.in = { .bo_size = size, .domains = domains, .domain_flags = flags }
	};
	int ret = amd_call(fd, DRM_IOCTL_AMDGPU_GEM_CREATE, &a);

	*handle = ret ? 0 : a.out.handle;
	return ret;
}

static inline int amd_close(int fd, __u32 handle)
{
	struct drm_gem_close a = { .handle = handle };

	return amd_call(fd, DRM_IOCTL_GEM_CLOSE, &a);
}

/* Where mmap() finds it; return: 0 or -errno. */
static inline int amd_offset(int fd, __u32 handle, __u64 *offset)
{
	union drm_amdgpu_gem_mmap a;
	int ret;

	memset(&a, 0xcc, sizeof(a));
	a.in.handle = handle;
	ret = amd_call(fd, DRM_IOCTL_AMDGPU_GEM_MMAP, &a);
	*offset = a.out.addr_ptr;
	return ret;
}

/* Return: its memory, or MAP_FAILED. */
static inline void *amd_map(int fd, __u32 handle, size_t size)
{
	__u64 offset;
	int ret = amd_offset(fd, handle, &offset);

	if (ret) {
		errno = -ret;
		return MAP_FAILED;
	}
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

/* Return: id of a new context, or -errno. */
static inline int amd_context(int fd, __s32 priority)
{
	union drm_amdgpu_ctx a = { .in = { .op = AMDGPU_CTX_OP_ALLOC_CTX, .priority = priority } };
	int ret = amd_call(fd, DRM_IOCTL_AMDGPU_CTX, &a);

	return ret ? ret : (int)a.out.alloc.ctx_id;
}

/* One more chunk: of a syncobj, a list, what is waited for. */
struct amd_more {
	__u32 id;
	__u32 size;
	const void *data;
};

/* Submits one job with other chunks, to the first without an id; return: 0 or -errno. */
static inline int amd_submit(int fd, __u32 ctx, __u32 ip, const struct amd_more *more, __u64 *seq)
{
	struct drm_amdgpu_cs_chunk_ib ib = { .ip_type = ip, .va_start = 0x400000, .ib_bytes = 64 };
	struct drm_amdgpu_cs_chunk chunk[8] = { { AMDGPU_CHUNK_ID_IB, sizeof(ib) / 4,
						  (unsigned long)&ib } };
	__u64 at[8] = { (unsigned long)&chunk[0] };
	union drm_amdgpu_cs a = { .in = { .ctx_id = ctx, .num_chunks = 1 } };
	int ret;

	for (; more && more->id; more++) {
		__u32 i = a.in.num_chunks++;

		chunk[i] = (struct drm_amdgpu_cs_chunk){ more->id, more->size / 4,
							 (unsigned long)more->data };
		at[i] = (unsigned long)&chunk[i];
	}
	a.in.chunks = (unsigned long)at;
	ret = amd_call(fd, DRM_IOCTL_AMDGPU_CS, &a);
	*seq = ret ? 0 : a.out.handle;
	return ret;
}

/* Waits until a time of CLOCK_MONOTONIC in ns; return: 0, 1: it has not ended, or -errno. */
static inline int amd_wait(int fd, __u32 ctx, __u32 ip, __u64 seq, __u64 until)
{
	union drm_amdgpu_wait_cs a = {
		.in = { .handle = seq, .timeout = until, .ip_type = ip, .ctx_id = ctx }
	};
	int ret = amd_call(fd, DRM_IOCTL_AMDGPU_WAIT_CS, &a);

	return ret ? ret : (int)a.out.status;
}

static inline int amd_info(int fd, __u32 query, void *answer, __u32 size)
{
	struct drm_amdgpu_info a = { .return_pointer = (unsigned long)answer,
				     .return_size = size,
				     .query = query };

	return amd_call(fd, DRM_IOCTL_AMDGPU_INFO, &a);
}

/* Return: fd of a dma-buf, or -errno. */
static inline int amd_export(int fd, __u32 handle)
{
	struct drm_prime_handle a = { .handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR, .fd = -1 };
	int ret = ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &a);

	return ret ? -errno : a.fd;
}

static inline int amd_import(int fd, int dmabuf, __u32 *handle)
{
	struct drm_prime_handle a = { .fd = dmabuf };
	int ret = ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &a) ? -errno : 0;

	*handle = a.handle;
	return ret;
}

/* Return: handle of a new syncobj, or -errno. */
static inline int amd_syncobj(int fd)
{
	struct drm_syncobj_create a = {};

	return ioctl(fd, DRM_IOCTL_SYNCOBJ_CREATE, &a) ? -errno : (int)a.handle;
}

#endif
