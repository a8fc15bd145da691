/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands of qwamos-gpu: each gets its own name as argv[0], and returns the exit status. */
#ifndef QWAMOS_CMD_QWAMOS_GPU_H
#define QWAMOS_CMD_QWAMOS_GPU_H

#include <stdint.h>
#include <linux/qwamos_gpu.h>

#include "cmd/cmd.h"

/*
 * vm run: COMMAND did not come to run; it can't be executed; it was not found. As env(1) and
 * timeout(1) have it.
 */
#define EXIT_NOT_RUN   125
#define EXIT_NO_EXEC   126
#define EXIT_NOT_FOUND 127

/* check: it could not be asked. (1: not allowed.) */
#define EXIT_NOT_ASKED 3

/** gpu_detect() - qwamos-gpu detect */
int gpu_detect(int argc, char **argv);
/** gpu_topology() - qwamos-gpu topology */
int gpu_topology(int argc, char **argv);
/** gpu_info() - qwamos-gpu info */
int gpu_info(int argc, char **argv);
/** gpu_policy() - qwamos-gpu policy */
int gpu_policy(int argc, char **argv);
/** gpu_check() - qwamos-gpu check */
int gpu_check(int argc, char **argv);
/** gpu_charge() - qwamos-gpu charge */
int gpu_charge(int argc, char **argv);
/** gpu_audit() - qwamos-gpu audit */
int gpu_audit(int argc, char **argv);
/** gpu_monitor() - qwamos-gpu monitor */
int gpu_monitor(int argc, char **argv);
/** gpu_top() - qwamos-gpu top */
int gpu_top(int argc, char **argv);
/** gpu_vm() - qwamos-gpu vm COMMAND */
int gpu_vm(int argc, char **argv);
/** gpu_vm_show() - qwamos-gpu vm show */
int gpu_vm_show(int argc, char **argv);
/** gpu_vm_set() - qwamos-gpu vm set */
int gpu_vm_set(int argc, char **argv);
/** gpu_vm_run() - qwamos-gpu vm run */
int gpu_vm_run(int argc, char **argv);

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
 * gpu_device_id() - a GPU by what was given with --device
 * @address: PCI address; NULL: none in particular
 * @id: out: 0 for none in particular
 *
 * Return: 0, or EXIT_FAILED after having told why not
 */
int gpu_device_id(const char *address, uint64_t *id);

/**
 * gpu_vm_json() - all that the kernel tells of a VM; json_object_put() it
 * @vm: from LIST_VMS or VM_INFO
 */
struct json_object *gpu_vm_json(const struct qwamos_gpu_vm *vm);

/**
 * gpu_vm_details() - put what the kernel must be asked for beside that into a VM's document
 * @doc: from gpu_vm_json()
 * @fd: control or VM fd, for what its level allows
 * @vm: the same VM
 *
 * Names of its GPUs are told to who may open the control device.
 */
void gpu_vm_details(struct json_object *doc, int fd, const struct qwamos_gpu_vm *vm);

/** gpu_vm_print() - such a document as text */
void gpu_vm_print(struct json_object *doc);

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
