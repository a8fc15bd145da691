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

/**
 * libqg_list() - a whole list, by as many calls as it takes
 * @fd: control or VM fd
 * @cmd: QWAMOS_GPU_*_LIST
 * @entry_size: sizeof() of an entry
 * @entries: out: array to free(), NULL if there are none
 * @n: out: its length
 * @reason: out, may be NULL
 *
 * Return: 0 or a negative errno; then there is no array
 */
__attribute__((visibility("hidden"))) int libqg_list(int fd, unsigned long cmd, size_t entry_size,
						     void **entries, size_t *n, __u32 *reason);

#endif
