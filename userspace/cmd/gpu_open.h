/* SPDX-License-Identifier: GPL-2.0-only */
/* Which VM, which device: what people type, as fds and ids. What fails is told on stderr. */
#ifndef QWAMOS_CMD_GPU_OPEN_H
#define QWAMOS_CMD_GPU_OPEN_H

#include <stdbool.h>
#include <stdint.h>

/**
 * gpu_open() - the control device
 *
 * Return: fd, or -1 after having told why not.
 */
int gpu_open(void);

/** gpu_in_vm() - is this a VM's process, or one that was handed its use fd? */
bool gpu_in_vm(void);

/**
 * gpu_own_vm() - the use fd of the VM that this process belongs to, out of its environment
 *
 * Return: fd, or -1 after having told why not.
 */
int gpu_own_vm(void);

/**
 * gpu_open_vm() - a live VM
 * @ctl: control fd
 * @name: its name, or its id if none is called so
 * @right: &enum qwamos_gpu_right
 *
 * Return: fd, or -1 after having told why not.
 */
int gpu_open_vm(int ctl, const char *name, uint32_t right);

/** gpu_open_vm_or_own() - gpu_open_vm(); gpu_own_vm() if @name is NULL */
int gpu_open_vm_or_own(const char *name, uint32_t right);

/**
 * gpu_device_id() - a GPU by its address
 * @word: what it was given with, for errors ("--device")
 * @address: PCI address; NULL: none in particular
 * @id: out: 0 for none in particular
 *
 * Return: 0, or EXIT_FAILED after having told why not
 */
int gpu_device_id(const char *word, const char *address, uint64_t *id);

/**
 * gpu_refused() - tell what the kernel did not do, and why
 * @err: negative errno
 * @reason: &enum qwamos_gpu_reason, 0: none was given
 * @fmt: what it did not do
 *
 * Return: EXIT_FAILED
 */
int gpu_refused(int err, uint32_t reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
