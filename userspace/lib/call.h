/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside libqwamos-gpu only. */
#ifndef QWAMOS_LIB_CALL_H
#define QWAMOS_LIB_CALL_H

#include <stddef.h>
#include <linux/qwamos_gpu.h>

/**
 * libqg_call() - one ioctl
 * @fd: control or VM fd
 * @cmd: QWAMOS_GPU_*
 * @hdr: head of the argument; flags are the caller's, the rest of the head is filled in here
 * @size: sizeof() of the argument
 * @reason: out, may be NULL: &enum qwamos_gpu_reason
 *
 * Return: 0 or a negative errno
 */
__attribute__((visibility("hidden"))) int
libqg_call(int fd, unsigned long cmd, struct qwamos_gpu_hdr *hdr, size_t size, __u32 *reason);

#endif
