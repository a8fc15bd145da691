/* SPDX-License-Identifier: GPL-2.0-only */
/* A VM as the kernel tells it, as a document and as text. */
#ifndef QWAMOS_CMD_VM_DOC_H
#define QWAMOS_CMD_VM_DOC_H

#include <json-c/json.h>
#include <linux/qwamos_gpu.h>

/**
 * gpu_vm_json() - all that the kernel tells of a VM; json_object_put() it
 * @vm: from VM_LIST or VM_INFO
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

/** gpu_vm_details_by_ctl() - the same by the control fd; of an ending VM some lists stay empty */
void gpu_vm_details_by_ctl(struct json_object *doc, int ctl, const struct qwamos_gpu_vm *vm);

/** gpu_vm_print() - such a document as text */
void gpu_vm_print(struct json_object *doc);

/**
 * gpu_vm_print_mode() - how it gets its graphics, in one line
 * @doc: its "mode" has "got", "asked", "reason_text"
 */
void gpu_vm_print_mode(const struct json_object *doc);

/** gpu_vm_print_gpu() - the same without its first line, which tells which VM it is */
void gpu_vm_print_gpu(const struct json_object *doc);

#endif
