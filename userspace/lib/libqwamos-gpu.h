/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libqwamos-gpu: the calls of /dev/qwamos_gpu as C functions.
 *
 * Every function that can fail returns 0 (or an fd) on success and a negative errno on failure; the
 * errnos are those of <linux/qwamos_gpu.h>. @reason, where a function has one, may be NULL; it is
 * set to one of enum qwamos_gpu_reason whenever the kernel was asked, QWAMOS_GPU_REASON_NONE if
 * nothing was refused. The library keeps no state of its own; all functions may be called from many
 * threads at once.
 */
#ifndef LIBQWAMOS_GPU_H
#define LIBQWAMOS_GPU_H

#include <stddef.h>
#include <linux/qwamos_gpu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * qgpu_open() - open the control device; return: fd (close-on-exec) or -errno (-ENOENT: module not
 * loaded)
 */
int qgpu_open(void);

/** qgpu_get_info() - GET_INFO on any fd; @info: out; return: 0 or -errno */
int qgpu_get_info(int fd, struct qwamos_gpu_get_info *info);

/**
 * qgpu_create() - CREATE a VM
 * @ctl: control fd
 * @name: its name
 * @cgroup_fd: open directory of its cgroup, or -1 with QWAMOS_GPU_CREATE_F_NO_CGROUP
 * @flags: QWAMOS_GPU_CREATE_F_*
 * @manage_fd: out
 * @use_fd: out
 * @vm_id: out, may be NULL
 * @reason: out, may be NULL
 */
int qgpu_create(int ctl, const char *name, int cgroup_fd, __u32 flags, int *manage_fd, int *use_fd,
		__u64 *vm_id, __u32 *reason);

/**
 * qgpu_open_vm() - OPEN a live VM
 * @ctl: control fd
 * @vm_id: its id; 0: the one called @name
 * @name: its name; not looked at if @vm_id is given
 * @right: enum qwamos_gpu_right
 * @reason: out, may be NULL
 *
 * Return: fd (close-on-exec) or -errno.
 */
int qgpu_open_vm(int ctl, __u64 vm_id, const char *name, __u32 right, __u32 *reason);

/**
 * qgpu_list_vms() - all VMs
 * @ctl: control fd
 * @vms: out: array to free(), NULL if there are none
 * @n: out: its length
 * @reason: out, may be NULL
 */
int qgpu_list_vms(int ctl, struct qwamos_gpu_vm **vms, size_t *n, __u32 *reason);

/** qgpu_list_devices() - GPUs and companions; as qgpu_list_vms() */
int qgpu_list_devices(int ctl, struct qwamos_gpu_device **devs, size_t *n, __u32 *reason);

/** qgpu_release() - RELEASE with ACCEPT_LEFTOVERS */
int qgpu_release(int ctl, __u64 device_id, __u32 *reason);

/** qgpu_set_level() - SET_POLICY with a level only */
int qgpu_set_level(int manage_fd, __u32 level, __u32 *reason);

/** qgpu_join() - JOIN the calling process */
int qgpu_join(int use_fd, __u32 *reason);

/** qgpu_destroy() - DESTROY */
int qgpu_destroy(int manage_fd, __u32 *reason);

/**
 * qgpu_attach() - ATTACH
 * @manage_fd: manage fd of the VM
 * @req: device_id and scrub in, out_* out (also on refusal as the uAPI says); head filled in here
 * @reason: out, may be NULL
 *
 * Return: 0 or -errno.
 */
int qgpu_attach(int manage_fd, struct qwamos_gpu_attach *req, __u32 *reason);

/** qgpu_detach() - DETACH; @flags: QWAMOS_GPU_DETACH_F_* */
int qgpu_detach(int manage_fd, __u64 device_id, __u32 flags, __u32 *reason);

/** qgpu_vm_info() - VM_INFO on a manage or use fd */
int qgpu_vm_info(int vm_fd, struct qwamos_gpu_vm *vm, __u32 *reason);

/** qgpu_new_use() - NEW_USE; return: fd or -errno */
int qgpu_new_use(int use_fd, __u32 *reason);

/**
 * qgpu_audit_read() - AUDIT_READ
 * @fd: control or VM fd
 * @req: flags in hdr.flags, count, chain, after, event in; count and out_lost out. records,
 *     record_size and the head are filled in here
 * @recs: out: array to free() with req->count records, NULL if none
 * @reason: out, may be NULL
 */
int qgpu_audit_read(int fd, struct qwamos_gpu_audit_read *req,
		    struct qwamos_gpu_audit_record **recs, __u32 *reason);

/*
 * Names, as people type and read them. Of an unknown number the name is "unknown"; of an unknown
 * name the number is -EINVAL.
 */
const char *qgpu_level_name(__u32 level); /* "untrusted" ... "system", "none" */
int qgpu_level_from_name(const char *name);
const char *qgpu_op_name(__u32 op); /* "rendering_2d" ... */
int qgpu_op_from_name(const char *name);
const char *qgpu_event_name(__u32 event); /* "POLICY_CREATED" ... */
int qgpu_event_from_name(const char *name);
const char *qgpu_reason_name(__u32 reason); /* "NO_POLICY" ... */
const char *qgpu_reason_text(__u32 reason); /* one line: what it means and what to do about it */
const char *qgpu_device_state_name(__u32 state); /* "unbound", "free", ... */
const char *qgpu_scrub_name(__u32 scrub); /* "default", "none", "bar", "full", "n/a" */
const char *qgpu_way_name(__u32 way);

#ifdef __cplusplus
}
#endif

#endif /* LIBQWAMOS_GPU_H */
