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
 * libqg_open() - open the control device; return: fd (close-on-exec) or -errno (-ENOENT: module not
 * loaded)
 */
int libqg_open(void);

/** libqg_get_info() - GET_INFO on any fd; @info: out; return: 0 or -errno */
int libqg_get_info(int fd, struct qwamos_gpu_get_info *info);

/**
 * libqg_level_info() - LEVEL_INFO on any fd: what a trust level allows
 * @fd: control or VM fd
 * @level: enum qwamos_gpu_level
 * @info: out: VRAM in bytes, GPU time in percent, times in ns; zero on failure
 *
 * Return: 0 or -errno (-EOPNOTSUPP: no such level).
 */
int libqg_level_info(int fd, __u32 level, struct qwamos_gpu_level_info *info);

/**
 * libqg_vm_create() - VM_CREATE a VM
 * @ctl: control fd
 * @name: its name
 * @cgroup_fd: open directory of its cgroup, or -1 with QWAMOS_GPU_VM_CREATE_F_NO_CGROUP
 * @flags: QWAMOS_GPU_VM_CREATE_F_*
 * @manage_fd: out
 * @use_fd: out
 * @vm_id: out, may be NULL
 * @reason: out, may be NULL
 */
int libqg_vm_create(int ctl, const char *name, int cgroup_fd, __u32 flags, int *manage_fd,
		    int *use_fd, __u64 *vm_id, __u32 *reason);

/**
 * libqg_vm_open() - VM_OPEN a live VM
 * @ctl: control fd
 * @vm_id: its id; 0: the one called @name
 * @name: its name; not looked at if @vm_id is given
 * @right: enum qwamos_gpu_right
 * @reason: out, may be NULL
 *
 * Return: fd (close-on-exec) or -errno.
 */
int libqg_vm_open(int ctl, __u64 vm_id, const char *name, __u32 right, __u32 *reason);

/**
 * libqg_vm_adopt() - VM_ADOPT: make a process a member of the VM
 * @manage: manage fd
 * @pidfd: pidfd of the process
 * @reason: out, may be NULL
 *
 * Return: 0 or -errno.
 */
int libqg_vm_adopt(int manage, int pidfd, __u32 *reason);

/**
 * libqg_vm_list() - all VMs
 * @ctl: control fd
 * @vms: out: array to free(), NULL if there are none
 * @n: out: its length
 * @reason: out, may be NULL
 */
int libqg_vm_list(int ctl, struct qwamos_gpu_vm **vms, size_t *n, __u32 *reason);

/** libqg_dev_list() - GPUs and companions; as libqg_vm_list() */
int libqg_dev_list(int ctl, struct qwamos_gpu_dev **devs, size_t *n, __u32 *reason);

/** libqg_dev_clear_quarantine() - DEV_CLEAR_QUARANTINE with ACCEPT_LEFTOVERS */
int libqg_dev_clear_quarantine(int ctl, __u64 device_id, __u32 *reason);

/** libqg_vm_set_level() - VM_SET_POLICY with a level only; return: as libqg_vm_set_policy() */
int libqg_vm_set_level(int manage_fd, __u32 level, __u32 *reason);

/**
 * libqg_vm_set_policy() - VM_SET_POLICY: all that req->mask names, or nothing
 * @manage_fd: manage fd of the VM
 * @req: mask and the fields that it names in (VRAM in bytes, GPU time in percent; gpus a pointer to
 *     ids of devices); out_used and out_limit out, also on refusal. The head is filled in here
 * @reason: out, may be NULL
 *
 * Return: 0 or -errno: -EDQUOT (QUOTA: more than the level, or than other guarantees leave),
 * -EBUSY (IN_USE), -ENODEV (NO_DEVICE), -EINVAL (no level yet and none given, or a number out of
 * its range), -ENOSPC (more than QWAMOS_GPU_VM_GPUS GPUs), -EOPNOTSUPP (no such level, bit, mode).
 */
int libqg_vm_set_policy(int manage_fd, struct qwamos_gpu_vm_set_policy *req, __u32 *reason);

/**
 * libqg_vm_check() - VM_CHECK one operation
 * @vm_fd: manage or use fd of the VM
 * @device_id: on this GPU; 0: on none in particular
 * @op: enum qwamos_gpu_op; an unknown one is denied
 * @verdict: out, written if 0 is returned: 0: allowed; else enum qwamos_gpu_reason why not
 * @reason: out, may be NULL: why the call itself was refused
 *
 * Return: 0, also if the operation is denied, or -errno (-ENODEV: no such GPU, or the VM has
 * ended).
 */
int libqg_vm_check(int vm_fd, __u64 device_id, __u32 op, __u32 *verdict, __u32 *reason);

/**
 * libqg_vm_check_array() - VM_CHECK many operations in one call
 * @vm_fd: manage or use fd of the VM
 * @device_id: on this GPU; 0: on none in particular
 * @entries: operation in, out_verdict out
 * @n: their number, 1 to QWAMOS_GPU_VM_CHECK_MAX (else -EINVAL)
 * @denied: out, may be NULL: how many are not allowed
 * @reason: out, may be NULL: why the call itself was refused
 *
 * Return: as libqg_vm_check().
 */
int libqg_vm_check_array(int vm_fd, __u64 device_id, struct qwamos_gpu_vm_check_entry *entries,
			 __u32 n, __u32 *denied, __u32 *reason);

/**
 * libqg_vm_charge() - VM_CHARGE: take something of the VM's quota
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
 * Return: 0 or -errno: -EDQUOT (QUOTA, QUEUES), -EACCES (NOT_ASSIGNED, NO_POLICY, LEVEL,
 * VULKAN_OFF), -ENODEV (NO_DEVICE, VM_ENDED), -EINVAL (amount 0).
 */
int libqg_vm_charge(int use_fd, __u32 kind, __u64 device_id, __u64 amount, __u64 *used,
		    __u64 *limit, __u32 *reason);

/**
 * libqg_vm_uncharge() - VM_UNCHARGE: give back what this open file has charged
 *
 * As libqg_vm_charge(); -EINVAL for more than the file has of this kind on this GPU.
 */
int libqg_vm_uncharge(int use_fd, __u32 kind, __u64 device_id, __u64 amount, __u64 *used,
		      __u64 *limit, __u32 *reason);

/** libqg_vm_join() - VM_JOIN the calling process */
int libqg_vm_join(int use_fd, __u32 *reason);

/** libqg_vm_destroy() - VM_DESTROY */
int libqg_vm_destroy(int manage_fd, __u32 *reason);

/**
 * libqg_dev_attach() - DEV_ATTACH
 * @manage_fd: manage fd of the VM
 * @req: flags in hdr.flags, device_id and scrub in, out_* out (also on refusal as the uAPI says);
 * the rest of the head is filled in here
 * @reason: out, may be NULL
 *
 * Return: 0 or -errno.
 */
int libqg_dev_attach(int manage_fd, struct qwamos_gpu_dev_attach *req, __u32 *reason);

/** libqg_dev_detach() - DEV_DETACH; @flags: QWAMOS_GPU_DEV_DETACH_F_* */
int libqg_dev_detach(int manage_fd, __u64 device_id, __u32 flags, __u32 *reason);

/** libqg_vm_info() - VM_INFO on a manage or use fd */
int libqg_vm_info(int vm_fd, struct qwamos_gpu_vm *vm, __u32 *reason);

/**
 * libqg_vm_gpu_list() - what a VM has of GPUs
 * @vm_fd: manage or use fd
 * @gpus: out: array to free(), NULL if there are none
 * @n: out: its length
 * @reason: out, may be NULL
 */
int libqg_vm_gpu_list(int vm_fd, struct qwamos_gpu_vm_gpu **gpus, size_t *n, __u32 *reason);

/** libqg_vm_refusal_list() - how often what was refused to a VM; as libqg_vm_gpu_list() */
int libqg_vm_refusal_list(int vm_fd, struct qwamos_gpu_vm_refusal **refusals, size_t *n,
			  __u32 *reason);

/**
 * libqg_gate_create() - GATE_CREATE
 * @manage_fd: manage fd of the VM
 * @req: flags in hdr.flags and render_fd in, out_* out (out_device_id also on refusal); the rest of
 *     the head is filled in here
 * @reason: out, may be NULL
 *
 * Return: 0 or -errno.
 */
int libqg_gate_create(int manage_fd, struct qwamos_gpu_gate_create *req, __u32 *reason);

/** libqg_gate_destroy() - GATE_DESTROY: nothing gets through it any more */
int libqg_gate_destroy(int manage_fd, __u64 gate_id, __u32 *reason);

/** libqg_gate_list() - the gates of a VM; as libqg_vm_gpu_list() */
int libqg_gate_list(int vm_fd, struct qwamos_gpu_gate **gates, size_t *n, __u32 *reason);

/** libqg_vm_new_fd() - VM_NEW_FD; return: fd or -errno */
int libqg_vm_new_fd(int use_fd, __u32 *reason);

/**
 * libqg_audit_read() - AUDIT_READ
 * @fd: control or VM fd
 * @req: flags in hdr.flags, count, chain, after, event in; count and out_lost out. records,
 *     record_size and the head are filled in here
 * @recs: out: array to free() with req->count records, NULL if none
 * @reason: out, may be NULL
 */
int libqg_audit_read(int fd, struct qwamos_gpu_audit_read *req,
		     struct qwamos_gpu_audit_record **recs, __u32 *reason);

/**
 * libqg_audit_head() - AUDIT_HEAD: where a chain of the audit log stands
 * @fd: control fd, or an fd of the VM whose chain it is
 * @chain: VM id, also of one that is over; 0: the host's
 * @head: out
 * @reason: out, may be NULL
 *
 * Return: 0 or -errno (-ENOENT: no such chain).
 */
int libqg_audit_head(int fd, __u64 chain, struct qwamos_gpu_audit_head *head, __u32 *reason);

/* Groups of messages that the kernel sends, for libqg_events_open(). */
#define LIBQG_EVENTS_AUDIT (1U << 0) /* records of the audit log */
#define LIBQG_EVENTS_STATE (1U << 1) /* states of VMs and devices */

/**
 * struct libqg_event - a message of the kernel's
 * @group: LIBQG_EVENTS_AUDIT or LIBQG_EVENTS_STATE
 * @missed: messages of this group that were lost right before it, because they were read too
 *     slowly; records can still be had by libqg_audit_read()
 * @record: audit: the record
 * @lost: audit: records that its chain had lost by then, for want of room in the kernel
 * @kind: state: enum qwamos_gpu_nl_kind
 * @state: state: enum qwamos_gpu_vm_state or enum qwamos_gpu_dev_state
 * @id: state: VM id or device id
 * @reason: state: why a VM ended (enum qwamos_gpu_reason), else 0
 * @name: state: the VM's name, or the device's on its bus
 */
struct libqg_event {
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

/** struct libqg_events - who reads messages; to be used by one thread at a time */
struct libqg_events;

/**
 * libqg_events_open() - listen to the kernel, by generic netlink
 * @groups: LIBQG_EVENTS_*, one or more
 * @events: out: libqg_events_close() it; NULL on failure
 *
 * Needs CAP_SYS_ADMIN in the initial user namespace, and the initial network namespace. What
 * happened before is not told.
 *
 * Return: 0 or -errno: -EPERM (no such capability), -ENOENT (module not loaded, or another network
 * namespace), -EINVAL (no such group), -ENOMEM.
 */
int libqg_events_open(__u32 groups, struct libqg_events **events);

/** libqg_events_fd() - what to poll for POLLIN; belongs to @events */
int libqg_events_fd(const struct libqg_events *events);

/**
 * libqg_events_read() - the next message; does not wait
 * @events: the reader
 * @event: out, written if 1 is returned
 *
 * Return: 1; 0: none waits; -ENOBUFS: some were lost, the next message tells how many, and this
 * function is to be called again; or another -errno.
 */
int libqg_events_read(struct libqg_events *events, struct libqg_event *event);

/** libqg_events_close() - listen no more; NULL is nothing */
void libqg_events_close(struct libqg_events *events);

/*
 * Names, as people type and read them. Of an unknown number the name is "unknown"; of an unknown
 * name the number is -EINVAL.
 */
const char *libqg_level_name(__u32 level); /* "untrusted" ... "system", "none" */
int libqg_level_from_name(const char *name);
const char *libqg_op_name(__u32 op); /* "rendering_2d" ... */
int libqg_op_from_name(const char *name);
const char *libqg_event_name(__u32 event); /* "POLICY_CREATED" ... */
int libqg_event_from_name(const char *name);
const char *libqg_reason_name(__u32 reason); /* "NO_POLICY" ... */
int libqg_reason_from_name(const char *name);
const char *libqg_reason_text(__u32 reason); /* one line: what it means and what to do about it */
const char *libqg_dev_state_name(__u32 state); /* "unbound", "free", ... */
const char *libqg_scrub_name(__u32 scrub); /* "default", "none", "bar", "full", "n/a" */
const char *libqg_vfio_op_name(__u32 way);
const char *libqg_vm_state_name(__u32 state); /* "live", "ending" */
const char *libqg_vulkan_name(__u32 vulkan); /* "none", "graphics", "graphics+compute", "full" */
const char *libqg_resource_name(__u32 kind); /* "vram", "vulkan_queues" */
const char *libqg_enforcer_name(__u32 by); /* "none", "vfio", "gate" */
const char *libqg_mode_name(__u32 mode); /* "unset", "virtio", "passthrough", "software", "none" */
int libqg_mode_from_name(const char *name);

#ifdef __cplusplus
}
#endif

#endif /* LIBQWAMOS_GPU_H */
