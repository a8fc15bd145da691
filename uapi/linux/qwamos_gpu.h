/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * qwamos-gpu: which virtual machine may do what with which GPU.
 *
 * /dev/qwamos_gpu is the control device. A virtual machine (VM) is an object behind file
 * descriptors: a *manage* fd sets its policy and gives it GPUs, a *use* fd is what a VM monitor
 * (VMM) gets. No call turns a use fd into a manage fd.
 *
 * General rules, the same for every call:
 *
 * - Every argument struct begins with &struct qwamos_gpu_hdr. @size is the caller's sizeof(); the
 *   kernel accepts shorter structs of older headers (down to the first version's size) and longer
 *   ones of newer headers if everything it does not know is zero. What a shorter struct does not
 *   hold is neither read nor written.
 * - Reserved fields and unknown flags must be zero. Fields named out_* are ignored on input.
 * - Structs have the same layout for 32-bit and 64-bit callers; pointers are __aligned_u64.
 *
 * Return values, the same for every call:
 *
 *   0            done.
 *   -ENOTTY      no such ioctl.
 *   -EFAULT      the argument, or memory that it points to, can't be read or written.
 *   -EINVAL      malformed: size too small, reserved field not zero, a name or number out of its
 *                range.
 *   -E2BIG       a longer struct whose unknown tail is not zero, or @size above one page.
 *   -EOPNOTSUPP  a flag, enum value or mask bit that this kernel does not know.
 *   -EBADF       an fd in the argument is not open, or not of the kind asked for.
 *   -ENOENT      no VM of that id or name; no audit chain of that id.
 *   -EEXIST      a live VM has that name.
 *   -ENOSPC      a VM is given at most 8 GPUs at the same time.
 *   -ENOMEM, -EMFILE, -ENFILE   as everywhere.
 *   -EINTR       interrupted while waiting (DEV_DETACH with F_KILL); the detachment goes on.
 *
 * and the *refusals*: @out_reason then holds one of &enum qwamos_gpu_reason, the fields marked
 * "out, also on refusal" are written, no other field and no state is changed, and the refusal is in
 * the audit log:
 *
 *   -EACCES      the caller's right, the policy or the device's condition does not allow it.
 *   -EBUSY       not now: somebody else, or a reset, has it.
 *   -EDQUOT      a quota is used up.
 *   -EAGAIN      a rate is exceeded.
 *   -ENODEV      no such device, the device is not on our driver, or this fd's VM has ended.
 *
 * Any other error writes nothing, and is not in the audit log. On success @out_reason is
 * QWAMOS_GPU_REASON_NONE.
 */
#ifndef _UAPI_LINUX_QWAMOS_GPU_H
#define _UAPI_LINUX_QWAMOS_GPU_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define QWAMOS_GPU_DEVICE  "/dev/qwamos_gpu"
#define QWAMOS_GPU_MAGIC   0xB9
#define QWAMOS_GPU_VERSION 1
#define QWAMOS_GPU_ERRATA  0

/** QWAMOS_GPU_NAME_LEN - room for a VM's name with its NUL: 1 to 63 bytes of [A-Za-z0-9_.-] */
#define QWAMOS_GPU_NAME_LEN 64
/**
 * QWAMOS_GPU_BUSNAME_LEN - room for a device's name on its bus ("0000:01:00.0") or a driver's name,
 * with the NUL
 */
#define QWAMOS_GPU_BUSNAME_LEN 32

/* Numbers are never reused. */
enum qwamos_gpu_cmd {
	QWAMOS_GPU_CMD_GET_INFO = 0x00,
	QWAMOS_GPU_CMD_VM_CREATE = 0x01,
	QWAMOS_GPU_CMD_VM_OPEN = 0x02,
	QWAMOS_GPU_CMD_VM_LIST = 0x03,
	QWAMOS_GPU_CMD_DEV_LIST = 0x04,
	QWAMOS_GPU_CMD_DEV_CLEAR_QUARANTINE = 0x05,
	QWAMOS_GPU_CMD_AUDIT_READ = 0x06,
	QWAMOS_GPU_CMD_AUDIT_HEAD = 0x07,
	QWAMOS_GPU_CMD_LEVEL_INFO = 0x08,
	QWAMOS_GPU_CMD_VM_SET_POLICY = 0x10,
	QWAMOS_GPU_CMD_VM_JOIN = 0x11,
	QWAMOS_GPU_CMD_VM_DESTROY = 0x12,
	QWAMOS_GPU_CMD_DEV_ATTACH = 0x13,
	QWAMOS_GPU_CMD_DEV_DETACH = 0x14,
	QWAMOS_GPU_CMD_VM_INFO = 0x15,
	QWAMOS_GPU_CMD_VM_NEW_FD = 0x16,
	QWAMOS_GPU_CMD_VM_GPU_LIST = 0x17,
	QWAMOS_GPU_CMD_VM_REFUSAL_LIST = 0x18,
	QWAMOS_GPU_CMD_VM_ADOPT = 0x19,
	QWAMOS_GPU_CMD_VM_CHECK = 0x20,
	QWAMOS_GPU_CMD_VM_CHARGE = 0x21,
	QWAMOS_GPU_CMD_VM_UNCHARGE = 0x22,
	QWAMOS_GPU_CMD_GATE_CREATE = 0x23,
	QWAMOS_GPU_CMD_GATE_DESTROY = 0x24,
	QWAMOS_GPU_CMD_GATE_LIST = 0x25,
};

/**
 * enum qwamos_gpu_level - trust levels; what each allows stands in kmod/policy.c
 * @QWAMOS_GPU_LEVEL_UNTRUSTED: 2D only
 * @QWAMOS_GPU_LEVEL_LOW: adds 3D, graphics Vulkan and video decode
 * @QWAMOS_GPU_LEVEL_MEDIUM: adds compute and video encode
 * @QWAMOS_GPU_LEVEL_HIGH: no minimum time between operations
 * @QWAMOS_GPU_LEVEL_SYSTEM: adds passthrough
 * @QWAMOS_GPU_LEVEL_NONE: in answers only: the VM has no policy yet, everything is denied
 */
enum qwamos_gpu_level {
	QWAMOS_GPU_LEVEL_UNTRUSTED = 0,
	QWAMOS_GPU_LEVEL_LOW = 1,
	QWAMOS_GPU_LEVEL_MEDIUM = 2,
	QWAMOS_GPU_LEVEL_HIGH = 3,
	QWAMOS_GPU_LEVEL_SYSTEM = 4,
	QWAMOS_GPU_LEVEL_NONE = 0xffffffff,
};

/**
 * enum qwamos_gpu_op - operations that a policy allows or denies
 * @QWAMOS_GPU_OP_NONE: in audit records: the record is about no such operation
 * @QWAMOS_GPU_OP_RENDERING_2D: rendering_2d
 * @QWAMOS_GPU_OP_RENDERING_3D: rendering_3d
 * @QWAMOS_GPU_OP_COMPUTE_SHADER: compute_shader
 * @QWAMOS_GPU_OP_VULKAN_COMPUTE: vulkan_compute
 * @QWAMOS_GPU_OP_VIDEO_DECODE: video_decode
 * @QWAMOS_GPU_OP_VIDEO_ENCODE: video_encode
 * @QWAMOS_GPU_OP_PASSTHROUGH: a whole GPU
 */
enum qwamos_gpu_op {
	QWAMOS_GPU_OP_NONE = 0,
	QWAMOS_GPU_OP_RENDERING_2D = 1,
	QWAMOS_GPU_OP_RENDERING_3D = 2,
	QWAMOS_GPU_OP_COMPUTE_SHADER = 3,
	QWAMOS_GPU_OP_VULKAN_COMPUTE = 4,
	QWAMOS_GPU_OP_VIDEO_DECODE = 5,
	QWAMOS_GPU_OP_VIDEO_ENCODE = 6,
	QWAMOS_GPU_OP_PASSTHROUGH = 7,
};

/**
 * enum qwamos_gpu_reason - why something was refused; append-only, the same numbers in ioctls,
 * audit records and netlink messages
 * @QWAMOS_GPU_REASON_NONE: nothing was refused
 * @QWAMOS_GPU_REASON_NO_POLICY: the VM has no policy yet (-EACCES)
 * @QWAMOS_GPU_REASON_LEVEL: the VM's trust level does not allow the operation (-EACCES)
 * @QWAMOS_GPU_REASON_VULKAN_OFF: Vulkan is switched off for this VM (-EACCES)
 * @QWAMOS_GPU_REASON_COMPUTE_OFF: compute is switched off for this VM (only as a verdict of
 * VM_CHECK)
 * @QWAMOS_GPU_REASON_RATE: too soon after the last operation of this kind (only as a verdict)
 * @QWAMOS_GPU_REASON_UNKNOWN_OPERATION: no such operation (only as a verdict)
 * @QWAMOS_GPU_REASON_SHARING: another VM has the GPU, and it, or this VM, may not share one (only
 *     as a verdict)
 * @QWAMOS_GPU_REASON_NO_IOMMU: no IOMMU keeps the device to the VM's memory (-EACCES)
 * @QWAMOS_GPU_REASON_QUOTA: a quota is used up, or a quota asked for is more than allowed (-EDQUOT)
 * @QWAMOS_GPU_REASON_QUEUES: no more Vulkan queues (-EDQUOT)
 * @QWAMOS_GPU_REASON_QUARANTINED: the device could not be reset and scrubbed after the last VM
 *     (-EACCES)
 * @QWAMOS_GPU_REASON_WRONG_FD: this call is not for this kind of fd (-EACCES)
 * @QWAMOS_GPU_REASON_NOT_CAPABLE: the caller lacks CAP_SYS_ADMIN in the initial user namespace
 *     (-EACCES)
 * @QWAMOS_GPU_REASON_VM_MEMBER: the caller is a member of a VM (VM_JOIN tells who that is), so it
 *     manages none, binds no device and asks no VM for one (-EACCES)
 * @QWAMOS_GPU_REASON_VM_ENDED: the VM behind this fd has ended (-ENODEV)
 * @QWAMOS_GPU_REASON_NO_DEVICE: no such device, or it is not a GPU nor in the group of one
 *     (-ENODEV)
 * @QWAMOS_GPU_REASON_NOT_BOUND: the device is not bound to qwamos_vfio_pci (-ENODEV)
 * @QWAMOS_GPU_REASON_GROUP_NOT_VIABLE: a member of the IOMMU group is on another driver (-EBUSY)
 * @QWAMOS_GPU_REASON_OTHER_OWNER: a member of the IOMMU group belongs to another VM (-EBUSY)
 * @QWAMOS_GPU_REASON_ALREADY_ATTACHED: this VM has it already (-EBUSY)
 * @QWAMOS_GPU_REASON_RESETTING: a member of the group is RESETTING (-EBUSY)
 * @QWAMOS_GPU_REASON_NO_RESET: a member of the group can't be reset (-EACCES)
 * @QWAMOS_GPU_REASON_SCRUB: a member of the group could not be scrubbed as far as demanded
 *     (-EACCES)
 * @QWAMOS_GPU_REASON_ALREADY_JOINED: a process has joined this VM already (-EBUSY)
 * @QWAMOS_GPU_REASON_JOINED_ELSEWHERE: this process is a member of another VM, or due to become
 *     one with that one's VM_JOIN (-EBUSY)
 * @QWAMOS_GPU_REASON_NOT_IN_CGROUP: who joins must stand in the VM's cgroup (-EACCES)
 * @QWAMOS_GPU_REASON_NO_CGROUP: the VM has no cgroup, so its processes could not be ended (-EACCES)
 * @QWAMOS_GPU_REASON_CGROUP_IN_USE: the cgroup, one above or one below it is another VM's (-EBUSY)
 * @QWAMOS_GPU_REASON_NOT_MEMBER: the caller has not joined the VM that owns the device (-EACCES)
 * @QWAMOS_GPU_REASON_NOT_ATTACHED: the device is attached to no VM, or not to this one (-EACCES)
 * @QWAMOS_GPU_REASON_DEVICE_OPEN: somebody holds the device open, or its IOMMU group through VFIO
 *     (-EBUSY)
 * @QWAMOS_GPU_REASON_IN_USE: the VM holds something that the new policy would not allow (-EBUSY)
 * @QWAMOS_GPU_REASON_REVOKED: the device was asked back and not given back in time
 * @QWAMOS_GPU_REASON_LEADER_EXITED: the process that had joined the VM has ended
 * @QWAMOS_GPU_REASON_MANAGER_CLOSED: the creator's manage fd was closed
 * @QWAMOS_GPU_REASON_LAST_CLOSED: nobody held the VM any more
 * @QWAMOS_GPU_REASON_DESTROYED: a manager ended the VM
 * @QWAMOS_GPU_REASON_DEVICE_GONE: the device was removed
 * @QWAMOS_GPU_REASON_RESET_FAILED: the reset did not work
 * @QWAMOS_GPU_REASON_SCRUB_FAILED: the scrub did not work
 * @QWAMOS_GPU_REASON_NOTHING_TO_RELEASE: the device is neither in quarantine nor without a reset
 *     (-EACCES)
 * @QWAMOS_GPU_REASON_NOT_ASSIGNED: no manager has given the VM this GPU: by DEV_ATTACH, a guarantee
 * or the list of GPUs in its policy (-EACCES)
 * @QWAMOS_GPU_REASON_DMA_BUF: no dma-buf of a device's memory is made, for whoever imports one uses
 *     it without being asked whether he may (-EOPNOTSUPP, of VFIO_DEVICE_FEATURE_DMA_BUF)
 * @QWAMOS_GPU_REASON_USERMODE_HELPER: the caller was started by the kernel (core_pattern and the
 *     like), or descends from such a process, so it manages no VM, binds no device and asks no VM
 *     for one (-EACCES)
 * @QWAMOS_GPU_REASON_IOEVENTFD: no eventfd writes to a device, for whoever has one uses it without
 *     being asked whether he may (-EOPNOTSUPP, of VFIO_DEVICE_IOEVENTFD)
 * @QWAMOS_GPU_REASON_NO_GATES: the module qwamos_gate is not loaded (-ENODEV)
 * @QWAMOS_GPU_REASON_NOT_DECODED: the gate has no decoder for this driver (-EACCES), or the decoder
 *     does not know this call
 * @QWAMOS_GPU_REASON_NOT_OFFERED: no gate lets this call through, whatever the policy
 * @QWAMOS_GPU_REASON_ALREADY_GATED: the VM has a gate to this GPU already (-EBUSY)
 * @QWAMOS_GPU_REASON_FOREIGN_BUFFER: the buffer or syncobj is another VM's, or the syncobj is of no
 *     gate
 * @QWAMOS_GPU_REASON_OBJECTS: the VM has as many objects of a kind as a gate lets it have
 * @QWAMOS_GPU_REASON_COMPAT: a call of a 32-bit program whose argument looks different there
 * @QWAMOS_GPU_REASON_COUNT: not a reason; the number of those that this header knows
 */
enum qwamos_gpu_reason {
	QWAMOS_GPU_REASON_NONE = 0,
	QWAMOS_GPU_REASON_NO_POLICY = 1,
	QWAMOS_GPU_REASON_LEVEL = 2,
	QWAMOS_GPU_REASON_VULKAN_OFF = 3,
	QWAMOS_GPU_REASON_COMPUTE_OFF = 4,
	QWAMOS_GPU_REASON_RATE = 5,
	QWAMOS_GPU_REASON_UNKNOWN_OPERATION = 6,
	QWAMOS_GPU_REASON_SHARING = 7,
	QWAMOS_GPU_REASON_NO_IOMMU = 8,
	QWAMOS_GPU_REASON_QUOTA = 9,
	QWAMOS_GPU_REASON_QUEUES = 10,
	QWAMOS_GPU_REASON_QUARANTINED = 11,
	QWAMOS_GPU_REASON_WRONG_FD = 12,
	QWAMOS_GPU_REASON_NOT_CAPABLE = 13,
	QWAMOS_GPU_REASON_VM_MEMBER = 14,
	QWAMOS_GPU_REASON_VM_ENDED = 15,
	QWAMOS_GPU_REASON_NO_DEVICE = 16,
	QWAMOS_GPU_REASON_NOT_BOUND = 17,
	QWAMOS_GPU_REASON_GROUP_NOT_VIABLE = 18,
	QWAMOS_GPU_REASON_OTHER_OWNER = 19,
	QWAMOS_GPU_REASON_ALREADY_ATTACHED = 20,
	QWAMOS_GPU_REASON_RESETTING = 21,
	QWAMOS_GPU_REASON_NO_RESET = 22,
	QWAMOS_GPU_REASON_SCRUB = 23,
	QWAMOS_GPU_REASON_ALREADY_JOINED = 24,
	QWAMOS_GPU_REASON_JOINED_ELSEWHERE = 25,
	QWAMOS_GPU_REASON_NOT_IN_CGROUP = 26,
	QWAMOS_GPU_REASON_NO_CGROUP = 27,
	QWAMOS_GPU_REASON_CGROUP_IN_USE = 28,
	QWAMOS_GPU_REASON_NOT_MEMBER = 29,
	QWAMOS_GPU_REASON_NOT_ATTACHED = 30,
	QWAMOS_GPU_REASON_DEVICE_OPEN = 31,
	QWAMOS_GPU_REASON_IN_USE = 32,
	QWAMOS_GPU_REASON_REVOKED = 33,
	QWAMOS_GPU_REASON_LEADER_EXITED = 34,
	QWAMOS_GPU_REASON_MANAGER_CLOSED = 35,
	QWAMOS_GPU_REASON_LAST_CLOSED = 36,
	QWAMOS_GPU_REASON_DESTROYED = 37,
	QWAMOS_GPU_REASON_DEVICE_GONE = 38,
	QWAMOS_GPU_REASON_RESET_FAILED = 39,
	QWAMOS_GPU_REASON_SCRUB_FAILED = 40,
	QWAMOS_GPU_REASON_NOTHING_TO_RELEASE = 41,
	QWAMOS_GPU_REASON_DMA_BUF = 42,
	QWAMOS_GPU_REASON_NOT_ASSIGNED = 43,
	QWAMOS_GPU_REASON_USERMODE_HELPER = 44,
	QWAMOS_GPU_REASON_IOEVENTFD = 45,
	QWAMOS_GPU_REASON_NO_GATES = 46,
	QWAMOS_GPU_REASON_NOT_DECODED = 47,
	QWAMOS_GPU_REASON_NOT_OFFERED = 48,
	QWAMOS_GPU_REASON_ALREADY_GATED = 49,
	QWAMOS_GPU_REASON_FOREIGN_BUFFER = 50,
	QWAMOS_GPU_REASON_OBJECTS = 51,
	QWAMOS_GPU_REASON_COMPAT = 52,
	QWAMOS_GPU_REASON_COUNT
};

/**
 * struct qwamos_gpu_hdr - the head of every argument struct
 * @size: in: sizeof() of the whole struct as the caller knows it, in bytes
 * @flags: in: QWAMOS_GPU_*_F_* of the call, or 0
 * @out_reason: out, also on refusal: &enum qwamos_gpu_reason
 * @__reserved: must be 0
 */
struct qwamos_gpu_hdr {
	__u32 size;
	__u32 flags;
	__u32 out_reason;
	__u32 __reserved;
};

/* Capability bits of GET_INFO. */
#define QWAMOS_GPU_CAP_PASSTHROUGH (1ULL << 0) /* DEV_ATTACH, through qwamos_vfio_pci */
#define QWAMOS_GPU_CAP_AUDIT	   (1ULL << 1) /* AUDIT_READ and AUDIT_HEAD */
#define QWAMOS_GPU_CAP_TASKS	   (1ULL << 2) /* a VM's processes stay its own anywhere */
#define QWAMOS_GPU_CAP_NETLINK	   (1ULL << 4) /* linux/qwamos_gpu_netlink.h */
#define QWAMOS_GPU_CAP_GATE	   (1ULL << 5) /* GATE_CREATE, if qwamos_gate is loaded */
#define QWAMOS_GPU_CAP_POLICY \
	(1ULL << 3) /* VM_CHECK, VM_CHARGE, LEVEL_INFO, all of VM_SET_POLICY */

/**
 * struct qwamos_gpu_get_info - GET_INFO: what this kernel module is (any fd)
 * @hdr: head; no flags
 * @out_version: QWAMOS_GPU_VERSION of the module
 * @out_levels: number of trust levels
 * @out_caps: QWAMOS_GPU_CAP_* bits
 * @out_instance: random id of this load of the module; ids of VMs and devices mean something only
 *     within one instance
 * @out_revoke_timeout_s: seconds that a VMM has to give back a device that is asked for
 * @out_audit_records: records that are kept for each active VM
 * @out_errata: how many times the behaviour of this version was mended after it froze; what each
 *     number changed stands in Documentation/uapi.md
 */
struct qwamos_gpu_get_info {
	struct qwamos_gpu_hdr hdr;
	__u32 out_version;
	__u32 out_levels;
	__aligned_u64 out_caps;
	__u8 out_instance[16];
	__u32 out_revoke_timeout_s;
	__u32 out_audit_records;
	__aligned_u64 out_errata;
};
#define QWAMOS_GPU_GET_INFO _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_GET_INFO)

/* VM_CREATE: end the VM when the manage fd that VM_CREATE returns is closed for the last time. */
#define QWAMOS_GPU_VM_CREATE_F_END_ON_CLOSE (1U << 0)
/*
 * VM_CREATE: the VM has no cgroup (@cgroup_fd must be -1); such a VM can't be given a device. When
 * it ends, the process that joined it, those adopted, and all their descendants are killed.
 */
#define QWAMOS_GPU_VM_CREATE_F_NO_CGROUP (1U << 1)

/**
 * struct qwamos_gpu_vm_create - VM_CREATE: a new VM, without a policy (control fd; CAP_SYS_ADMIN,
 * not a VM's member)
 * @hdr: head; QWAMOS_GPU_VM_CREATE_F_*
 * @cgroup_fd: in: an open directory of the cgroup (v2) whose processes become members of the VM
 *     with VM_JOIN. Not the root, not a threaded one, and not one that the caller stands in
 *     (-EINVAL); not another VM's, nor above or below one (-EBUSY)
 * @__reserved: must be 0
 * @name: in: NUL-terminated, unique among live VMs
 * @out_vm_id: out: never reused while the module is loaded
 * @out_manage_fd: out: close-on-exec
 * @out_use_fd: out: close-on-exec
 *
 * The VM lives as long as a use fd, this manage fd or an open device of it; it also ends by
 * VM_DESTROY, when the process that joined it ends, and when a device is revoked.
 */
struct qwamos_gpu_vm_create {
	struct qwamos_gpu_hdr hdr;
	__s32 cgroup_fd;
	__u32 __reserved;
	char name[QWAMOS_GPU_NAME_LEN];
	__aligned_u64 out_vm_id;
	__s32 out_manage_fd;
	__s32 out_use_fd;
};
#define QWAMOS_GPU_VM_CREATE _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_VM_CREATE)

/**
 * enum qwamos_gpu_right - what an fd of a VM is good for
 * @QWAMOS_GPU_RIGHT_MANAGE: VM_SET_POLICY, VM_ADOPT, DEV_ATTACH, DEV_DETACH, VM_DESTROY, VM_CHECK,
 * VM_INFO, AUDIT_READ; does not keep the VM alive unless VM_CREATE returned it
 * @QWAMOS_GPU_RIGHT_USE: VM_JOIN, VM_CHECK, VM_CHARGE, VM_UNCHARGE, VM_INFO, VM_NEW_FD, AUDIT_READ
 */
enum qwamos_gpu_right {
	QWAMOS_GPU_RIGHT_MANAGE = 1,
	QWAMOS_GPU_RIGHT_USE = 2,
};

/**
 * struct qwamos_gpu_vm_open - VM_OPEN: a further fd of a live VM (control fd; CAP_SYS_ADMIN, not a
 * VM's member)
 * @hdr: head; no flags
 * @vm_id: in: the VM; 0: the one called @name
 * @name: in: NUL-terminated; all zero if @vm_id is given
 * @right: in: &enum qwamos_gpu_right
 * @out_fd: out: close-on-exec
 * @out_vm_id: out
 */
struct qwamos_gpu_vm_open {
	struct qwamos_gpu_hdr hdr;
	__aligned_u64 vm_id;
	char name[QWAMOS_GPU_NAME_LEN];
	__u32 right;
	__s32 out_fd;
	__aligned_u64 out_vm_id;
};
#define QWAMOS_GPU_VM_OPEN _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_VM_OPEN)

/**
 * enum qwamos_gpu_vm_state - a VM's life
 * @QWAMOS_GPU_VM_STATE_LIVE: alive
 * @QWAMOS_GPU_VM_STATE_ENDING: ended; its processes are being killed and its devices reset. Its
 * name is free again
 * @QWAMOS_GPU_VM_STATE_OVER: in netlink messages only: nothing is left of it
 */
enum qwamos_gpu_vm_state {
	QWAMOS_GPU_VM_STATE_LIVE = 1,
	QWAMOS_GPU_VM_STATE_ENDING = 2,
	QWAMOS_GPU_VM_STATE_OVER = 3,
};

/**
 * enum qwamos_gpu_mode - how a VM gets its graphics, as its manager tells it (VM_SET_POLICY)
 * @QWAMOS_GPU_MODE_UNSET: nobody has told
 * @QWAMOS_GPU_MODE_VIRTIO: a virtio adapter, drawn by the VMM
 * @QWAMOS_GPU_MODE_PASSTHROUGH: a whole GPU (DEV_ATTACH)
 * @QWAMOS_GPU_MODE_SOFTWARE: a 2D adapter; the guest renders on its CPU
 * @QWAMOS_GPU_MODE_NONE: no adapter
 */
enum qwamos_gpu_mode {
	QWAMOS_GPU_MODE_UNSET = 0,
	QWAMOS_GPU_MODE_VIRTIO = 1,
	QWAMOS_GPU_MODE_PASSTHROUGH = 2,
	QWAMOS_GPU_MODE_SOFTWARE = 3,
	QWAMOS_GPU_MODE_NONE = 4,
};

/**
 * enum qwamos_gpu_enforcer - who makes a limit hold against a VMM that does not care
 * @QWAMOS_GPU_ENFORCED_BY_NONE: nobody: the limit binds who asks (VM_CHECK, VM_CHARGE)
 * @QWAMOS_GPU_ENFORCED_BY_VFIO: the VM has its GPU for itself, whole: the limit does not apply
 * @QWAMOS_GPU_ENFORCED_BY_GATE: the gate through which the VM reaches its GPU (GATE_CREATE)
 */
enum qwamos_gpu_enforcer {
	QWAMOS_GPU_ENFORCED_BY_NONE = 0,
	QWAMOS_GPU_ENFORCED_BY_VFIO = 1,
	QWAMOS_GPU_ENFORCED_BY_GATE = 2,
};

/** QWAMOS_GPU_VM_GPUS - most GPUs that a VM is given at the same time */
#define QWAMOS_GPU_VM_GPUS 8

/**
 * struct qwamos_gpu_vm - one VM, as VM_LIST and VM_INFO tell it
 * @vm_id: id
 * @created_ns: CLOCK_BOOTTIME of its creation, in ns
 * @checks: operations checked with VM_CHECK
 * @allowed: those of them that were allowed
 * @denied: refusals so far that were this VM's, verdicts of VM_CHECK included; VM_REFUSAL_LIST
 * tells them by reason
 * @name: NUL-terminated
 * @level: &enum qwamos_gpu_level, QWAMOS_GPU_LEVEL_NONE without a policy
 * @state: &enum qwamos_gpu_vm_state
 * @end_reason: why it ended (&enum qwamos_gpu_reason), 0 while it is alive
 * @devices: devices that it holds, companions included
 * @devices_open: those of them that are open
 * @joined_pid: the thread group that joined it, in the caller's pid namespace; 0: none, or not to
 *     be seen from there
 * @flags: QWAMOS_GPU_VM_F_*
 * @restrictions: QWAMOS_GPU_RESTRICT_* that are set
 * @vram_used: bytes charged, on all GPUs and on none in particular
 * @vram_high: most bytes that were ever charged at once
 * @vram_limit: most bytes that may be charged: the level's, or what was set, whichever is less
 * @queues_used: Vulkan queues charged
 * @queues_high: most that were ever charged at once
 * @queues_limit: most that may be charged
 * @compute_cap: most GPU time in percent: the level's, or what was set, whichever is less
 * @compute_guarantee: sum of its guarantees, on all GPUs and on none in particular, in percent
 * @priority: weight under contention, 0 to 100
 * @mode_asked: &enum qwamos_gpu_mode
 * @mode_got: &enum qwamos_gpu_mode
 * @mode_reason: why it is another (&enum qwamos_gpu_reason)
 * @vram_by: &enum qwamos_gpu_enforcer of @vram_limit
 * @compute_by: of @compute_cap
 * @queues_by: of @queues_limit
 * @rate_by: of the minimum time between operations
 * @gpus: GPUs that VM_GPU_LIST tells
 * @threads_left: while it is ending: threads of its members that have not ended yet, those that
 *     hang in their exit included, as of a moment ago
 * @thread_left: one of them, in the caller's pid namespace; 0: none, or not to be seen from there
 */
struct qwamos_gpu_vm {
	__aligned_u64 vm_id;
	__aligned_u64 created_ns;
	__aligned_u64 checks;
	__aligned_u64 allowed;
	__aligned_u64 denied;
	char name[QWAMOS_GPU_NAME_LEN];
	__u32 level;
	__u32 state;
	__u32 end_reason;
	__u32 devices;
	__u32 devices_open;
	__s32 joined_pid;
	__u32 flags;
	__u32 restrictions;
	__aligned_u64 vram_used;
	__aligned_u64 vram_high;
	__aligned_u64 vram_limit;
	__u32 queues_used;
	__u32 queues_high;
	__u32 queues_limit;
	__u32 compute_cap;
	__u32 compute_guarantee;
	__u32 priority;
	__u32 mode_asked;
	__u32 mode_got;
	__u32 mode_reason;
	__u32 vram_by;
	__u32 compute_by;
	__u32 queues_by;
	__u32 rate_by;
	__u32 gpus;
	__u32 threads_left;
	__s32 thread_left;
};
/*
 * A device of this VM was asked back (hot-unplug, unbind); the VM is ended if it does not give it
 * back in time.
 */
#define QWAMOS_GPU_VM_F_REVOKING (1U << 0)
/* The VM has a cgroup. */
#define QWAMOS_GPU_VM_F_CGROUP (1U << 1)

/**
 * struct qwamos_gpu_vm_gpu - what a VM has of one GPU, as VM_GPU_LIST tells it
 * @device_id: the GPU
 * @vram_used: bytes charged on it
 * @vram_high: most bytes that were ever charged at once
 * @queues_used: Vulkan queues charged on it
 * @guarantee: percent of its time
 * @flags: QWAMOS_GPU_VM_GPU_F_*
 * @__reserved: 0
 */
struct qwamos_gpu_vm_gpu {
	__aligned_u64 device_id;
	__aligned_u64 vram_used;
	__aligned_u64 vram_high;
	__u32 queues_used;
	__u32 guarantee;
	__u32 flags;
	__u32 __reserved;
};
/* A manager has given it to the VM, which may charge on it; else it has what it charged before. */
#define QWAMOS_GPU_VM_GPU_F_ASSIGNED (1U << 0)

/**
 * struct qwamos_gpu_vm_refusal - how often something was refused to a VM, as VM_REFUSAL_LIST tells
 * it
 * @reason: &enum qwamos_gpu_reason
 * @count: how often so far, verdicts of VM_CHECK included; not 0
 */
struct qwamos_gpu_vm_refusal {
	__aligned_u64 reason;
	__aligned_u64 count;
};

/**
 * struct qwamos_gpu_list - VM_LIST: &struct qwamos_gpu_vm (control fd; CAP_SYS_ADMIN, not a VM's
 * member); DEV_LIST: &struct qwamos_gpu_dev (control fd); VM_GPU_LIST: &struct qwamos_gpu_vm_gpu
 * (manage or use fd); VM_REFUSAL_LIST: &struct qwamos_gpu_vm_refusal (manage or use fd)
 * @hdr: head; no flags
 * @entries: in: where the array goes; may be 0 if @count is 0
 * @entry_size: in: sizeof() of an entry as the caller knows it, at least the first version's; what
 *     a longer one holds beyond the kernel's is set to 0
 * @count: in: entries that there is room for; out: entries written, maybe fewer than follow @after
 *     even if there is room for more
 * @after: in: only entries whose number is above this one: their first field, a u64. They come in
 *     the order of their numbers, so that of the last one is where the next call goes on
 * @out_left: out: entries that come after those that were written
 *
 * DEV_LIST lists GPUs and their companions. poll() on the control fd says POLLIN when a device,
 * its driver, owner or state has changed since the last DEV_LIST with @after 0 on that fd.
 */
struct qwamos_gpu_list {
	struct qwamos_gpu_hdr hdr;
	__aligned_u64 entries;
	__u32 entry_size;
	__u32 count;
	__aligned_u64 after;
	__aligned_u64 out_left;
};
#define QWAMOS_GPU_VM_LIST	   _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_VM_LIST)
#define QWAMOS_GPU_DEV_LIST	   _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_DEV_LIST)
#define QWAMOS_GPU_VM_GPU_LIST	   _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_VM_GPU_LIST)
#define QWAMOS_GPU_VM_REFUSAL_LIST _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_VM_REFUSAL_LIST)

/**
 * enum qwamos_gpu_dev_state - what a device is doing
 * @QWAMOS_GPU_DEV_STATE_UNBOUND: on another driver than qwamos_vfio_pci, or on none
 * @QWAMOS_GPU_DEV_STATE_FREE: on our driver; no VM has it
 * @QWAMOS_GPU_DEV_STATE_ATTACHED: a VM has it
 * @QWAMOS_GPU_DEV_STATE_OPEN: a VM has it open
 * @QWAMOS_GPU_DEV_STATE_RESETTING: being reset and scrubbed, or waiting for it: for whoever still
 *     holds its IOMMU group after its VM's end, or for a removal of PCI devices that was under way
 *     when it was bound
 * @QWAMOS_GPU_DEV_STATE_QUARANTINED: could not be reset or scrubbed after a VM; nobody gets it
 * before a DEV_CLEAR_QUARANTINE
 * @QWAMOS_GPU_DEV_STATE_GONE: removed (only in audit records)
 * @QWAMOS_GPU_DEV_STATE_REVOKED: its VM has ended, and a process of it has it open all the same: it
 * is cut off from memory and from its mappings until it is closed
 */
enum qwamos_gpu_dev_state {
	QWAMOS_GPU_DEV_STATE_UNBOUND = 1,
	QWAMOS_GPU_DEV_STATE_FREE = 2,
	QWAMOS_GPU_DEV_STATE_ATTACHED = 3,
	QWAMOS_GPU_DEV_STATE_OPEN = 4,
	QWAMOS_GPU_DEV_STATE_RESETTING = 5,
	QWAMOS_GPU_DEV_STATE_QUARANTINED = 6,
	QWAMOS_GPU_DEV_STATE_GONE = 7,
	QWAMOS_GPU_DEV_STATE_REVOKED = 8,
};

/**
 * enum qwamos_gpu_bus - the bus that a device sits on
 * @QWAMOS_GPU_BUS_PCI: PCI
 * @QWAMOS_GPU_BUS_PLATFORM: platform device (device tree); listed, never attached in this version
 */
enum qwamos_gpu_bus {
	QWAMOS_GPU_BUS_PCI = 1,
	QWAMOS_GPU_BUS_PLATFORM = 2,
};

/**
 * enum qwamos_gpu_scrub - how far what a VM left in a device is wiped; a higher number is better
 * @QWAMOS_GPU_SCRUB_DEFAULT: in DEV_ATTACH only: demand QWAMOS_GPU_SCRUB_BAR
 * @QWAMOS_GPU_SCRUB_NONE: not at all: the device has memory of its own and no way is known to wipe
 *     it
 * @QWAMOS_GPU_SCRUB_BAR: all memory that can be reached through its BARs
 * @QWAMOS_GPU_SCRUB_FULL: all memory of the device
 * @QWAMOS_GPU_SCRUB_NA: it has no memory of its own that outlives a reset: GPUs of which that is
 * known, and the audio, USB and USB-C functions in the slot of a GPU of the same vendor
 */
enum qwamos_gpu_scrub {
	QWAMOS_GPU_SCRUB_DEFAULT = 0,
	QWAMOS_GPU_SCRUB_NONE = 1,
	QWAMOS_GPU_SCRUB_BAR = 2,
	QWAMOS_GPU_SCRUB_FULL = 3,
	QWAMOS_GPU_SCRUB_NA = 4,
};

/* Device flags. */
#define QWAMOS_GPU_DEV_F_GPU	   (1U << 0) /* display or accelerator class */
#define QWAMOS_GPU_DEV_F_COMPANION (1U << 1) /* no GPU, but in the slot or IOMMU group of one */
#define QWAMOS_GPU_DEV_F_IOMMU	   (1U << 2) /* an IOMMU can keep it to its owner's memory */
#define QWAMOS_GPU_DEV_F_VIABLE	   (1U << 3) /* no member of its group is a stranger */
#define QWAMOS_GPU_DEV_F_DIRTY	   (1U << 4) /* used since it was last reset and scrubbed */
#define QWAMOS_GPU_DEV_F_VM_DIRT   (1U << 5) /* and by a VM */
#define QWAMOS_GPU_DEV_F_VF	   (1U << 6) /* SR-IOV virtual function */
#define QWAMOS_GPU_DEV_F_BOOT_VGA  (1U << 7) /* firmware's console */
#define QWAMOS_GPU_DEV_F_CAN_RESET (1U << 8) /* by itself, or with its whole reset set, now */
#define QWAMOS_GPU_DEV_F_ACCEPTED \
	(1U << 9) /* leftovers accepted (DEV_CLEAR_QUARANTINE) for the next DEV_ATTACH */
#define QWAMOS_GPU_DEV_F_REVOKING   (1U << 10) /* asked back from its VM */
#define QWAMOS_GPU_DEV_F_UNSAFE_MSI (1U << 11) /* its interrupts are not isolated from the host */

/*
 * Ways to reset a function (bits of reset_methods, after the kernel's names in sysfs reset_method).
 */
#define QWAMOS_GPU_RESET_DEVICE_SPECIFIC (1U << 0)
#define QWAMOS_GPU_RESET_ACPI		 (1U << 1)
#define QWAMOS_GPU_RESET_FLR		 (1U << 2)
#define QWAMOS_GPU_RESET_AF_FLR		 (1U << 3)
#define QWAMOS_GPU_RESET_PM		 (1U << 4)
#define QWAMOS_GPU_RESET_BUS		 (1U << 5) /* this function is alone on its bus */
#define QWAMOS_GPU_RESET_SET		 (1U << 6) /* the whole reset set at once */

/**
 * struct qwamos_gpu_dev - one device, as DEV_LIST tells it
 * @device_id: id, never reused while the module is loaded
 * @owner_vm_id: the VM that has it; 0: none
 * @generation: counts its owners
 * @state: &enum qwamos_gpu_dev_state
 * @bus: &enum qwamos_gpu_bus
 * @flags: QWAMOS_GPU_DEV_F_*
 * @iommu_group: number of its IOMMU group, 0xffffffff: none
 * @vendor: PCI vendor id, 0 on other buses
 * @device: PCI device id
 * @subvendor: PCI subsystem vendor id
 * @subdevice: PCI subsystem id
 * @class_code: PCI class, 24 bits
 * @reset_methods: QWAMOS_GPU_RESET_*
 * @reset_set: the same number for all devices that a bus or slot reset of one touches; 0: none
 * @scrub: &enum qwamos_gpu_scrub that the last reset and scrub reached; QWAMOS_GPU_SCRUB_DEFAULT:
 *     not done yet
 * @scrub_best: the most that is known how to do for this kind
 * @quarantine_reason: &enum qwamos_gpu_reason
 * @bus_name: name on its bus ("0000:01:00.0")
 * @driver: name of its driver, "": none
 * @vram_used: bytes that VMs have charged on it with VM_CHARGE
 * @guaranteed: sum of the guarantees on it, in percent
 * @queues_used: Vulkan queues that VMs have charged on it
 * @__reserved: 0
 */
struct qwamos_gpu_dev {
	__aligned_u64 device_id;
	__aligned_u64 owner_vm_id;
	__aligned_u64 generation;
	__u32 state;
	__u32 bus;
	__u32 flags;
	__u32 iommu_group;
	__u32 vendor;
	__u32 device;
	__u32 subvendor;
	__u32 subdevice;
	__u32 class_code;
	__u32 reset_methods;
	__u32 reset_set;
	__u32 scrub;
	__u32 scrub_best;
	__u32 quarantine_reason;
	char bus_name[QWAMOS_GPU_BUSNAME_LEN];
	char driver[QWAMOS_GPU_BUSNAME_LEN];
	__aligned_u64 vram_used;
	__u32 guaranteed;
	__u32 queues_used;
	__aligned_u64 __reserved[2];
};

/*
 * DEV_CLEAR_QUARANTINE: the caller accepts that the next VM may see what the last one left. Without
 * this flag: -EINVAL.
 */
#define QWAMOS_GPU_DEV_CLEAR_QUARANTINE_F_ACCEPT_LEFTOVERS (1U << 0)

/**
 * struct qwamos_gpu_dev_clear_quarantine - DEV_CLEAR_QUARANTINE: take a device out of quarantine
 * (control fd; CAP_SYS_ADMIN, not a VM's member)
 * @hdr: head; QWAMOS_GPU_DEV_CLEAR_QUARANTINE_F_ACCEPT_LEFTOVERS
 * @device_id: in: the device
 *
 * Also lets a device that can't be reset through one DEV_ATTACH. The next DEV_ATTACH uses it up.
 * Refused with NOTHING_TO_RELEASE (-EACCES) where nothing stands in the way, with RESETTING
 * (-EBUSY) or OTHER_OWNER (-EBUSY) while it is being reset or is a VM's.
 */
struct qwamos_gpu_dev_clear_quarantine {
	struct qwamos_gpu_hdr hdr;
	__aligned_u64 device_id;
};
#define QWAMOS_GPU_DEV_CLEAR_QUARANTINE _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_DEV_CLEAR_QUARANTINE)

/**
 * struct qwamos_gpu_vm_join - VM_JOIN: make the calling process (thread group) the VM's (use fd)
 * @hdr: head; no flags
 *
 * Once for each VM, one VM for each process. The process must stand in the VM's cgroup, if the VM
 * has one. That a process has joined outlives execve() and is not inherited by fork().
 *
 * Members of the VM are from now on: the process that joined; every process that a manager
 * (CAP_SYS_ADMIN) has brought to the cgroup, or below it, and not taken away; those that VM_ADOPT
 * adds; and all descendants of a member. A member manages no VM, binds no device, and is killed
 * when the VM ends, wherever it has moved to. Before VM_JOIN nobody is a member but who was
 * adopted.
 *
 * Whoever is moved into the cgroup later, or is cloned into it by an outsider, is none: it is
 * neither killed by this module nor kept from anything. Nor is one that a member of another VM, or
 * a process without CAP_SYS_ADMIN, moved into the cgroup before VM_JOIN, or even before VM_CREATE.
 * Both are audited (VM_OUTSIDER). One that they take away after VM_CREATE becomes a member all the
 * same. Who supervises the VM ends outsiders by cgroup.kill.
 */
struct qwamos_gpu_vm_join {
	struct qwamos_gpu_hdr hdr;
};
#define QWAMOS_GPU_VM_JOIN _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_VM_JOIN)

/**
 * struct qwamos_gpu_vm_adopt - VM_ADOPT: make a process a member of the VM (manage fd)
 * @hdr: head; no flags
 * @pidfd: in: a pidfd of a running process (thread group), else -EBADF. Not the caller's own, nor
 *     the initial process' (-EINVAL)
 * @__reserved: must be 0
 *
 * For helpers that start after VM_JOIN. Children that the process has already do not become
 * members, those that it makes from now on do. JOINED_ELSEWHERE (-EBUSY) if it is a member of
 * another VM; of this one: nothing changes.
 */
struct qwamos_gpu_vm_adopt {
	struct qwamos_gpu_hdr hdr;
	__s32 pidfd;
	__u32 __reserved;
};
#define QWAMOS_GPU_VM_ADOPT _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_VM_ADOPT)

/**
 * struct qwamos_gpu_vm_destroy - VM_DESTROY: end the VM now (manage fd)
 * @hdr: head; no flags
 *
 * Later calls on any fd of it are -ENODEV with VM_ENDED, its name is free, its processes are
 * killed, its devices are RESETTING until they are done.
 */
struct qwamos_gpu_vm_destroy {
	struct qwamos_gpu_hdr hdr;
};
#define QWAMOS_GPU_VM_DESTROY _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_VM_DESTROY)

/*
 * DEV_ATTACH: take companions, too, that nobody knows how to wipe: the manager accepts that the VM
 * may find in them what was left there, and leaves there what the next one may find. Each of them
 * is in the audit log (DEVICE_UNWIPED).
 */
#define QWAMOS_GPU_DEV_ATTACH_F_ACCEPT_UNWIPED (1U << 0)

/**
 * struct qwamos_gpu_dev_attach - DEV_ATTACH: give the VM a GPU, with every endpoint of its IOMMU
 * group (manage fd)
 * @hdr: head; QWAMOS_GPU_DEV_ATTACH_F_*
 * @device_id: in: the GPU, from DEV_LIST
 * @scrub: in: &enum qwamos_gpu_scrub that is demanded of every GPU of the group; the default is
 *     QWAMOS_GPU_SCRUB_BAR; NA always passes. Of an endpoint that is no GPU it is demanded that it
 * is wiped, or has nothing to wipe, unless F_ACCEPT_UNWIPED
 * @out_iommu_group: out: the number of the group
 * @out_device_id: out, also on refusal: on success @device_id; else the device that stood in the
 *     way, 0: none in particular
 * @out_generation: out: the device's new generation
 * @out_devices: out: how many endpoints the VM got
 * @__reserved: must be 0
 *
 * Checks are made, and reasons given, in this order: the right (WRONG_FD, VM_MEMBER,
 * USERMODE_HELPER, NOT_CAPABLE), VM_ENDED, NO_CGROUP, the level (NO_POLICY, LEVEL), NO_DEVICE,
 * NO_IOMMU, NOT_BOUND, GROUP_NOT_VIABLE, the owner (ALREADY_ATTACHED, OTHER_OWNER), RESETTING,
 * DEVICE_OPEN (somebody holds the group through VFIO, so that the VM could not open it),
 * QUARANTINED, NO_RESET, SCRUB.
 */
struct qwamos_gpu_dev_attach {
	struct qwamos_gpu_hdr hdr;
	__aligned_u64 device_id;
	__u32 scrub;
	__u32 out_iommu_group;
	__aligned_u64 out_device_id;
	__aligned_u64 out_generation;
	__u32 out_devices;
	__u32 __reserved;
};
#define QWAMOS_GPU_DEV_ATTACH _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_DEV_ATTACH)

/*
 * DEV_DETACH: if the device is open, end the VM (its processes are killed) and wait until the
 * device has left it.
 */
#define QWAMOS_GPU_DEV_DETACH_F_KILL (1U << 0)

/**
 * struct qwamos_gpu_dev_detach - DEV_DETACH: take a device, and its whole IOMMU group, from the VM
 * (manage fd)
 * @hdr: head; QWAMOS_GPU_DEV_DETACH_F_KILL
 * @device_id: in: the device
 *
 * NOT_ATTACHED (-EACCES) if the VM does not have it, DEVICE_OPEN (-EBUSY) if an endpoint of the
 * group, or the group itself, is held open and F_KILL is not given.
 */
struct qwamos_gpu_dev_detach {
	struct qwamos_gpu_hdr hdr;
	__aligned_u64 device_id;
};
#define QWAMOS_GPU_DEV_DETACH _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_DEV_DETACH)

/**
 * struct qwamos_gpu_vm_info - VM_INFO: about this VM (manage or use fd)
 * @hdr: head; no flags
 * @out_vm: out; the last field for ever, since it grows
 *
 * poll() on a VM's fd says POLLHUP once the VM has ended, and, on a manage fd, POLLPRI while a
 * device of it is being revoked.
 */
struct qwamos_gpu_vm_info {
	struct qwamos_gpu_hdr hdr;
	struct qwamos_gpu_vm out_vm;
};
#define QWAMOS_GPU_VM_INFO _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_VM_INFO)

/**
 * struct qwamos_gpu_vm_new_fd - VM_NEW_FD: a further use fd of the same VM (use fd)
 * @hdr: head; no flags
 * @out_fd: out: close-on-exec
 * @__reserved: must be 0
 */
struct qwamos_gpu_vm_new_fd {
	struct qwamos_gpu_hdr hdr;
	__s32 out_fd;
	__u32 __reserved;
};
#define QWAMOS_GPU_VM_NEW_FD _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_VM_NEW_FD)

#include <linux/qwamos_gpu_audit.h>
#include <linux/qwamos_gpu_gate.h>
#include <linux/qwamos_gpu_netlink.h>
#include <linux/qwamos_gpu_policy.h>

#endif /* _UAPI_LINUX_QWAMOS_GPU_H */
