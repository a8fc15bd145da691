/* SPDX-License-Identifier: GPL-2.0-only */
/* Gates and the render nodes behind them, by ioctl. */
#ifndef QT_GATE_H
#define QT_GATE_H

#include <linux/qwamos_gpu.h>
#include <linux/types.h>

#include "lab.h"

/** qt_render() - open the render node of a device of the topology; return: fd or -errno */
int qt_render(const char *id);
/** qt_gate_create() - GATE_CREATE; @out: the whole argument */
int qt_gate_create(int manage, int render_fd, __u32 flags, struct qwamos_gpu_gate_create *out);
/** qt_gate_destroy() - GATE_DESTROY */
int qt_gate_destroy(int manage, __u64 id);
/** qt_gates() - GATE_LIST; return: how many, or -errno */
int qt_gates(int fd, struct qwamos_gpu_gate *gates, unsigned int max);
/** qt_gate_used() - bytes that the VM's only gate has charged; -errno */
long long qt_gate_used(int fd);
/** qt_gate_wait_used() - wait until these are @bytes; return: 0 or -ETIMEDOUT */
int qt_gate_wait_used(int fd, __u64 bytes, int ms);
/** qt_gate_node() - make a node of a gate in /tmp; @path: out, QT_PATH; return: 0 or -errno */
int qt_gate_node(const struct qwamos_gpu_gate_create *g, char *path);

/** qt_drm() - ioctl(); return: 0 or -errno */
int qt_drm(int fd, unsigned long cmd, void *arg);
/** qt_vg_create() - virtio_gpu RESOURCE_CREATE of a 2D picture, 4 bytes a pixel; @handle: out */
int qt_vg_create(int fd, __u32 width, __u32 height, __u32 size, __u32 *handle);
/** qt_vg_map() - MAP and mmap(); return: the memory or NULL with errno */
void *qt_vg_map(int fd, __u32 handle, size_t size);
/** qt_gem_close() - GEM_CLOSE */
int qt_gem_close(int fd, __u32 handle);
/** qt_prime_export() - PRIME_HANDLE_TO_FD; return: fd or -errno */
int qt_prime_export(int fd, __u32 handle);
/** qt_prime_import() - PRIME_FD_TO_HANDLE; @handle: out */
int qt_prime_import(int fd, int buf, __u32 *handle);
/** qt_sync_create() - SYNCOBJ_CREATE; @handle: out */
int qt_sync_create(int fd, __u32 *handle);

#endif
