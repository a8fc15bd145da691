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
 * qgpu_level_info() - LEVEL_INFO on any fd: what a trust level allows
 * @fd: control or VM fd
 * @level: enum qwamos_gpu_level
 * @info: out: VRAM in bytes, GPU time in percent, times in ns; zero on failure
 *
 * Return: 0 or -errno (-EOPNOTSUPP: no such level).
 */
int qgpu_level_info(int fd, __u32 level, struct qwamos_gpu_level_info *info);

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

/** qgpu_set_level() - SET_POLICY with a level only; return: as qgpu_set_policy() */
int qgpu_set_level(int manage_fd, __u32 level, __u32 *reason);

/**
 * qgpu_set_policy() - SET_POLICY: all that req->mask names, or nothing
 * @manage_fd: manage fd of the VM
 * @req: mask and the fields that it names in (VRAM in bytes, GPU time in percent); out_used and
 *     out_limit out, also on refusal. The head is filled in here
 * @reason: out, may be NULL
 *
 * Return: 0 or -errno: -EDQUOT (QUOTA: more than the level, or than other guarantees leave),
 * -EBUSY (IN_USE), -ENODEV (NO_DEVICE), -EINVAL (no level yet and none given, or a number out of
 * its range), -EOPNOTSUPP (no such level, bit or mode).
 */
int qgpu_set_policy(int manage_fd, struct qwamos_gpu_set_policy *req, __u32 *reason);

/**
 * qgpu_check() - CHECK one operation
 * @vm_fd: manage or use fd of the VM
 * @device_id: on this GPU; 0: on none in particular
 * @op: enum qwamos_gpu_op; an unknown one is denied
 * @verdict: out, written if 0 is returned: 0: allowed; else enum qwamos_gpu_reason why not
 * @reason: out, may be NULL: why the call itself was refused
 *
 * Return: 0, also if the operation is denied, or -errno (-ENODEV: no such GPU, or the VM has
 * ended).
 */
int qgpu_check(int vm_fd, __u64 device_id, __u32 op, __u32 *verdict, __u32 *reason);

/**
 * qgpu_check_array() - CHECK many operations in one call
 * @vm_fd: manage or use fd of the VM
 * @device_id: on this GPU; 0: on none in particular
 * @entries: operation in, out_verdict out
 * @n: their number, 1 to QWAMOS_GPU_CHECK_MAX (else -EINVAL)
 * @denied: out, may be NULL: how many are not allowed
 * @reason: out, may be NULL: why the call itself was refused
 *
 * Return: as qgpu_check().
 */
int qgpu_check_array(int vm_fd, __u64 device_id, struct qwamos_gpu_check_entry *entries, __u32 n,
		     __u32 *denied, __u32 *reason);

/**
 * qgpu_charge() - CHARGE: take something of the VM's quota
 * @use_fd: use fd of the VM; the charge is this open file's, and is given back at its last close
 * @kind: enum qwamos_gpu_resource
 * @device_id: on this GPU; 0: on none in particular
 * @amount: bytes of VRAM, or number of Vulkan queues; not 0
 * @used: out, may be NULL: what the VM has charged of this kind on all GPUs, also on refusal
 * @limit: out, may be NULL: the most that it may, also on refusal
 * @reason: out, may be NULL
 *
 * Both are 0 where the call fails without a reason.
 *
 * Return: 0 or -errno: -EDQUOT (QUOTA, QUEUES), -EACCES (NO_POLICY, LEVEL, VULKAN_OFF), -ENODEV
 * (NO_DEVICE, VM_ENDED), -EINVAL (amount 0), -ENOSPC (more than QWAMOS_GPU_VM_GPUS GPUs).
 */
int qgpu_charge(int use_fd, __u32 kind, __u64 device_id, __u64 amount, __u64 *used, __u64 *limit,
		__u32 *reason);

/**
 * qgpu_uncharge() - UNCHARGE: give back what this open file has charged
 *
 * As qgpu_charge(); -EINVAL for more than the file has of this kind on this GPU.
 */
int qgpu_uncharge(int use_fd, __u32 kind, __u64 device_id, __u64 amount, __u64 *used, __u64 *limit,
		  __u32 *reason);

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

/**
 * qgpu_audit_head() - AUDIT_HEAD: where a chain of the audit log stands
 * @fd: control fd, or an fd of the VM whose chain it is
 * @chain: VM id, also of one that is over; 0: the host's
 * @head: out
 * @reason: out, may be NULL
 *
 * Return: 0 or -errno (-ENOENT: no such chain).
 */
int qgpu_audit_head(int fd, __u64 chain, struct qwamos_gpu_audit_head *head, __u32 *reason);

/* Groups of messages that the kernel sends, for qgpu_events_open(). */
#define QGPU_EVENTS_AUDIT (1U << 0) /* records of the audit log */
#define QGPU_EVENTS_STATE (1U << 1) /* states of VMs and devices */

/**
 * struct qgpu_event - a message of the kernel's
 * @group: QGPU_EVENTS_AUDIT or QGPU_EVENTS_STATE
 * @missed: messages of this group that were lost right before it, because they were read too
 *     slowly; records can still be had by qgpu_audit_read()
 * @record: audit: the record
 * @lost: audit: records that its chain had lost by then, for want of room in the kernel
 * @kind: state: enum qwamos_gpu_nl_kind
 * @state: state: enum qwamos_gpu_vm_state or enum qwamos_gpu_device_state
 * @id: state: VM id or device id
 * @reason: state: why a VM ended (enum qwamos_gpu_reason), else 0
 * @name: state: the VM's name, or the device's on its bus
 */
struct qgpu_event {
	__u32 group;
	__u64 missed;
	struct qwamos_gpu_audit_record record;
	__u64 lost;
	__u32 kind;
	__u32 state;
	__u64 id;
	__u32 reason;
	char name[QWAMOS_GPU_NAME_LEN];
};

/** struct qgpu_events - who reads messages; to be used by one thread at a time */
struct qgpu_events;

/**
 * qgpu_events_open() - listen to the kernel, by generic netlink
 * @groups: QGPU_EVENTS_*, one or more
 * @events: out: qgpu_events_close() it; NULL on failure
 *
 * Needs CAP_SYS_ADMIN in the initial user namespace, and the initial network namespace. What
 * happened before is not told.
 *
 * Return: 0 or -errno: -EPERM (no such capability), -ENOENT (module not loaded, or another network
 * namespace), -EINVAL (no such group), -ENOMEM.
 */
int qgpu_events_open(__u32 groups, struct qgpu_events **events);

/** qgpu_events_fd() - what to poll for POLLIN; belongs to @events */
int qgpu_events_fd(const struct qgpu_events *events);

/**
 * qgpu_events_read() - the next message; does not wait
 * @events: the reader
 * @event: out, written if 1 is returned
 *
 * Return: 1; 0: none waits; -ENOBUFS: some were lost, the next message tells how many, and this
 * function is to be called again; or another -errno.
 */
int qgpu_events_read(struct qgpu_events *events, struct qgpu_event *event);

/** qgpu_events_close() - listen no more; NULL is nothing */
void qgpu_events_close(struct qgpu_events *events);

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
int qgpu_reason_from_name(const char *name);
const char *qgpu_reason_text(__u32 reason); /* one line: what it means and what to do about it */
const char *qgpu_device_state_name(__u32 state); /* "unbound", "free", ... */
const char *qgpu_scrub_name(__u32 scrub); /* "default", "none", "bar", "full", "n/a" */
const char *qgpu_way_name(__u32 way);
const char *qgpu_vm_state_name(__u32 state); /* "live", "ending" */
const char *qgpu_vulkan_name(__u32 vulkan); /* "none", "graphics", "graphics+compute", "full" */
const char *qgpu_resource_name(__u32 kind); /* "vram", "vulkan_queues" */
const char *qgpu_enforcer_name(__u32 by); /* "none", "vfio", "gate", "cgroup", "qemu" */
const char *qgpu_mode_name(__u32 mode); /* "unset", "virtio", "passthrough", "software", "none" */
int qgpu_mode_from_name(const char *name);

#ifdef __cplusplus
}
#endif

#endif /* LIBQWAMOS_GPU_H */
