/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * qwamos-gpu: the audit log. A part of <linux/qwamos_gpu.h>, where the general rules stand.
 */
#ifndef _UAPI_LINUX_QWAMOS_GPU_AUDIT_H
#define _UAPI_LINUX_QWAMOS_GPU_AUDIT_H

#include <linux/qwamos_gpu.h>

/**
 * enum qwamos_gpu_event - what an audit record tells; append-only
 * @QWAMOS_GPU_EV_ANY: in AUDIT_READ: no filter
 * @QWAMOS_GPU_EV_POLICY_CREATED: a VM got its policy
 * @QWAMOS_GPU_EV_POLICY_CHANGED: a VM's policy was changed
 * @QWAMOS_GPU_EV_OPERATION_ALLOWED: an operation was allowed
 * @QWAMOS_GPU_EV_OPERATION_DENIED: an operation was refused; a refused DEV_ATTACH is operation
 *     passthrough
 * @QWAMOS_GPU_EV_OPERATION_RATE_LIMITED: an operation came too soon; limit = the minimum time
 *     between two of its kind, in ns
 * @QWAMOS_GPU_EV_VRAM_QUOTA_EXCEEDED: a charge, or a quota to be set, did not fit; in bytes
 * @QWAMOS_GPU_EV_COMPUTE_QUOTA_EXCEEDED: a cap or guarantee did not fit; in percent
 * @QWAMOS_GPU_EV_MODE_FALLBACK: a VM got another access mode than it asked for; asked and used =
 *     &enum qwamos_gpu_mode asked for and got
 * @QWAMOS_GPU_EV_VM_CREATED: VM created
 * @QWAMOS_GPU_EV_VM_DESTROYED: VM ended; the reason tells why
 * @QWAMOS_GPU_EV_VM_JOINED: a process joined a VM
 * @QWAMOS_GPU_EV_VM_KILLED: the members of a VM were killed; asked = how many
 * @QWAMOS_GPU_EV_CALL_REFUSED: a call was refused to this caller (wrong fd, no capability, a VM's
 *     member, ...); asked = the ioctl's number
 * @QWAMOS_GPU_EV_DEVICE_ADDED: a device appeared
 * @QWAMOS_GPU_EV_DEVICE_REMOVED: a device disappeared
 * @QWAMOS_GPU_EV_DEVICE_BOUND: a device was bound to our driver, or, with a result, a member of a
 * VM, or a usermode helper, tried that
 * @QWAMOS_GPU_EV_DEVICE_UNBOUND: a device left our driver
 * @QWAMOS_GPU_EV_DEVICE_ATTACHED: a VM got a device
 * @QWAMOS_GPU_EV_DEVICE_DETACHED: a device left its VM
 * @QWAMOS_GPU_EV_DEVICE_OPENED: a VM opened its device
 * @QWAMOS_GPU_EV_DEVICE_CLOSED: a VM closed its device
 * @QWAMOS_GPU_EV_DEVICE_OPEN_REFUSED: a VFIO way to a device was refused; asked = &enum
 *     qwamos_gpu_vfio_op
 * @QWAMOS_GPU_EV_DEVICE_RESET: a device was reset
 * @QWAMOS_GPU_EV_DEVICE_SCRUBBED: a device was scrubbed; used = bytes, limit = &enum
 *     qwamos_gpu_scrub reached
 * @QWAMOS_GPU_EV_DEVICE_FAILED: a reset or scrub failed
 * @QWAMOS_GPU_EV_DEVICE_QUARANTINED: a device is in quarantine
 * @QWAMOS_GPU_EV_DEVICE_RELEASED: a manager accepted a device's leftovers
 * @QWAMOS_GPU_EV_DEVICE_REVOKE_REQUESTED: a device was asked back, or, with a result, a member of
 *     a VM, or a usermode helper, tried that; it waits, and nobody else does anything
 * @QWAMOS_GPU_EV_DEVICE_REVOKED: and was not given back in time
 * @QWAMOS_GPU_EV_QUEUES_QUOTA_EXCEEDED: a charge of Vulkan queues did not fit; by number
 * @QWAMOS_GPU_EV_VM_ADOPTED: a manager made a process a member of a VM; asked = its thread group in
 *     the initial pid namespace
 * @QWAMOS_GPU_EV_VM_OUTSIDER: a process that is no member of the VM was moved, or cloned, into its
 *     cgroup; asked = its thread group in the initial pid namespace; pid = who did it, 0: a member
 *     of another VM, or a usermode helper, before VM_CREATE
 * @QWAMOS_GPU_EV_DEVICE_UNWIPED: a VM got a device that nobody knows how to wipe, as its manager
 *     accepted
 * @QWAMOS_GPU_EV_GATE_CREATED: a VM got a gate to a GPU; asked = its id
 * @QWAMOS_GPU_EV_GATE_DESTROYED: and lost it; asked = its id; the reason tells why, if no manager
 *     has taken it
 * @QWAMOS_GPU_EV_GATE_OPENED: a process of the VM opened a gate; asked = its id
 * @QWAMOS_GPU_EV_GATE_CLOSED: and closed it; asked = its id
 * @QWAMOS_GPU_EV_GATE_OPEN_REFUSED: a process may not open a gate; asked = its id
 * @QWAMOS_GPU_EV_GATE_CALL_REFUSED: a call through a gate was refused, for another reason than that
 *     the policy denies an operation; asked = the number of the DRM ioctl
 * @QWAMOS_GPU_EV_COUNT: not an event; one more than the highest
 */
enum qwamos_gpu_event {
	QWAMOS_GPU_EV_ANY = 0,
	QWAMOS_GPU_EV_POLICY_CREATED = 1,
	QWAMOS_GPU_EV_POLICY_CHANGED = 2,
	QWAMOS_GPU_EV_OPERATION_ALLOWED = 3,
	QWAMOS_GPU_EV_OPERATION_DENIED = 4,
	QWAMOS_GPU_EV_OPERATION_RATE_LIMITED = 5,
	QWAMOS_GPU_EV_VRAM_QUOTA_EXCEEDED = 6,
	QWAMOS_GPU_EV_COMPUTE_QUOTA_EXCEEDED = 7,
	QWAMOS_GPU_EV_MODE_FALLBACK = 8,
	QWAMOS_GPU_EV_VM_CREATED = 9,
	QWAMOS_GPU_EV_VM_DESTROYED = 10,
	QWAMOS_GPU_EV_VM_JOINED = 11,
	QWAMOS_GPU_EV_VM_KILLED = 12,
	QWAMOS_GPU_EV_CALL_REFUSED = 13,
	QWAMOS_GPU_EV_DEVICE_ADDED = 14,
	QWAMOS_GPU_EV_DEVICE_REMOVED = 15,
	QWAMOS_GPU_EV_DEVICE_BOUND = 16,
	QWAMOS_GPU_EV_DEVICE_UNBOUND = 17,
	QWAMOS_GPU_EV_DEVICE_ATTACHED = 18,
	QWAMOS_GPU_EV_DEVICE_DETACHED = 19,
	QWAMOS_GPU_EV_DEVICE_OPENED = 20,
	QWAMOS_GPU_EV_DEVICE_CLOSED = 21,
	QWAMOS_GPU_EV_DEVICE_OPEN_REFUSED = 22,
	QWAMOS_GPU_EV_DEVICE_RESET = 23,
	QWAMOS_GPU_EV_DEVICE_SCRUBBED = 24,
	QWAMOS_GPU_EV_DEVICE_FAILED = 25,
	QWAMOS_GPU_EV_DEVICE_QUARANTINED = 26,
	QWAMOS_GPU_EV_DEVICE_RELEASED = 27,
	QWAMOS_GPU_EV_DEVICE_REVOKE_REQUESTED = 28,
	QWAMOS_GPU_EV_DEVICE_REVOKED = 29,
	QWAMOS_GPU_EV_QUEUES_QUOTA_EXCEEDED = 30,
	QWAMOS_GPU_EV_VM_ADOPTED = 31,
	QWAMOS_GPU_EV_VM_OUTSIDER = 32,
	QWAMOS_GPU_EV_DEVICE_UNWIPED = 33,
	QWAMOS_GPU_EV_GATE_CREATED = 34,
	QWAMOS_GPU_EV_GATE_DESTROYED = 35,
	QWAMOS_GPU_EV_GATE_OPENED = 36,
	QWAMOS_GPU_EV_GATE_CLOSED = 37,
	QWAMOS_GPU_EV_GATE_OPEN_REFUSED = 38,
	QWAMOS_GPU_EV_GATE_CALL_REFUSED = 39,
	QWAMOS_GPU_EV_COUNT
};

/**
 * enum qwamos_gpu_vfio_op - the VFIO way that was refused (in DEVICE_OPEN_REFUSED records)
 * @QWAMOS_GPU_VFIO_OP_OPEN: first open of the device, or cdev bind
 * @QWAMOS_GPU_VFIO_OP_GET_FD: VFIO_GROUP_GET_DEVICE_FD
 * @QWAMOS_GPU_VFIO_OP_IOCTL: an ioctl on a device fd
 * @QWAMOS_GPU_VFIO_OP_READ: read
 * @QWAMOS_GPU_VFIO_OP_WRITE: write
 * @QWAMOS_GPU_VFIO_OP_MMAP: mmap
 * @QWAMOS_GPU_VFIO_OP_FEATURE: VFIO_DEVICE_FEATURE
 * @QWAMOS_GPU_VFIO_OP_ATTACH_IOAS: iommufd attach
 * @QWAMOS_GPU_VFIO_OP_DETACH_IOAS: iommufd detach
 */
enum qwamos_gpu_vfio_op {
	QWAMOS_GPU_VFIO_OP_OPEN = 1,
	QWAMOS_GPU_VFIO_OP_GET_FD = 2,
	QWAMOS_GPU_VFIO_OP_IOCTL = 3,
	QWAMOS_GPU_VFIO_OP_READ = 4,
	QWAMOS_GPU_VFIO_OP_WRITE = 5,
	QWAMOS_GPU_VFIO_OP_MMAP = 6,
	QWAMOS_GPU_VFIO_OP_FEATURE = 7,
	QWAMOS_GPU_VFIO_OP_ATTACH_IOAS = 8,
	QWAMOS_GPU_VFIO_OP_DETACH_IOAS = 9,
};

/**
 * struct qwamos_gpu_audit_record - one audit record; this layout is final
 * @chain: the chain it stands in: a VM's id, or 0 for the host's
 * @seq: its number in that chain, from 1, without gaps
 * @order: its number among all sealed records, in the order of sealing
 * @time_ns: CLOCK_BOOTTIME of the (first) event, in ns
 * @last_ns: CLOCK_BOOTTIME of the last event folded into it
 * @count: how many events it stands for
 * @device_id: the device, 0: none
 * @asked: amount asked for; what it counts is the event's
 * @used: amount in use
 * @limit: the limit
 * @event: &enum qwamos_gpu_event
 * @operation: &enum qwamos_gpu_op
 * @reason: &enum qwamos_gpu_reason
 * @result: 0 or a negative errno
 * @level: &enum qwamos_gpu_level of the VM then
 * @pid: thread group of the caller in the initial pid namespace; 0: the kernel itself
 * @uid: user of the caller in the initial user namespace
 * @flags: QWAMOS_GPU_RECORD_F_*
 * @vm_name: the VM's name, "" for the host
 * @device_name: the device's name on its bus, "": none
 * @comm: the caller's command name; not necessarily NUL-terminated
 * @__reserved: 0
 * @hash: SHA-256 over the hash of the record before it in its chain (the genesis hash for the
 *     first) and the bytes of this record before @hash
 */
struct qwamos_gpu_audit_record {
	__aligned_u64 chain;
	__aligned_u64 seq;
	__aligned_u64 order;
	__aligned_u64 time_ns;
	__aligned_u64 last_ns;
	__aligned_u64 count;
	__aligned_u64 device_id;
	__aligned_u64 asked;
	__aligned_u64 used;
	__aligned_u64 limit;
	__u32 event;
	__u32 operation;
	__u32 reason;
	__s32 result;
	__u32 level;
	__u32 pid;
	__u32 uid;
	__u32 flags;
	char vm_name[QWAMOS_GPU_NAME_LEN];
	char device_name[QWAMOS_GPU_BUSNAME_LEN];
	char comm[16];
	__aligned_u64 __reserved[4];
	__u8 hash[32];
};

/*
 * The record counts events of several kinds or callers, because too many came at once; all but
 * @event are the last one's or the first one's.
 */
#define QWAMOS_GPU_RECORD_F_MIXED (1U << 0)
/*
 * The record stood further back in the chain, with the same times, and was written anew when it
 * would have been evicted there: as is done with all that no process can cause at will, as long as
 * there is room for it. Who follows the log has had it before.
 */
#define QWAMOS_GPU_RECORD_F_CARRIED (1U << 1)

/* AUDIT_READ: of the chain @chain only (0: the host's). */
#define QWAMOS_GPU_AUDIT_F_CHAIN (1U << 0)
/*
 * AUDIT_READ: the first @count records whose order is above @after, instead of the newest @count.
 */
#define QWAMOS_GPU_AUDIT_F_AFTER (1U << 1)

/**
 * struct qwamos_gpu_audit_read - AUDIT_READ: records in the order of their sealing (control fd:
 * all, CAP_SYS_ADMIN and not a VM's member; VM fd: its
 *                                own chain only)
 * @hdr: head; QWAMOS_GPU_AUDIT_F_*
 * @records: in: where the array goes
 * @record_size: in: bytes of a record that the caller wants, at least up to @comm; a multiple of 8.
 *     A reader that wants all of it checks hashes; what a longer one holds beyond the kernel's is
 * set to 0
 * @count: in: room, in records, 1 to 65536; out: records written
 * @chain: in: with F_CHAIN; else 0
 * @after: in: with F_AFTER; else 0
 * @event: in: only this &enum qwamos_gpu_event; 0: all
 * @__reserved: must be 0
 * @out_lost: out: records of the chains looked at that were evicted (and not carried forward), and
 *     events never taken up
 *
 * poll() on the file that was read tells of more: on a VM's fd as POLLIN | POLLRDNORM, on the
 * control fd, where that means the registry, as POLLPRI; until AUDIT_READ has read up to the
 * youngest record. On a file on which AUDIT_READ has never succeeded it tells nothing of records.
 */
struct qwamos_gpu_audit_read {
	struct qwamos_gpu_hdr hdr;
	__aligned_u64 records;
	__u32 record_size;
	__u32 count;
	__aligned_u64 chain;
	__aligned_u64 after;
	__u32 event;
	__u32 __reserved;
	__aligned_u64 out_lost;
};
#define QWAMOS_GPU_AUDIT_READ _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_AUDIT_READ)

/**
 * struct qwamos_gpu_audit_head - AUDIT_HEAD: where a chain of the audit log stands (control fd: any
 * chain, CAP_SYS_ADMIN and not a VM's member; VM fd: its own chain only, else -EINVAL)
 * @hdr: head; no flags
 * @chain: in: a VM's id, dead ones' as long as they have records; 0: the host's. -ENOENT: none such
 * @out_instance: out: random id of this load of the module, as GET_INFO tells it: finer than the
 *     boot id, chain ids mean something only within it, and it is in the genesis hash
 * @out_seq: out: number of the youngest record, 0: there never was one
 * @out_first: out: number of the oldest record that is kept; @out_seq + 1: none is
 * @out_lost: out: records that were evicted (and not carried forward), and events never taken up
 * @out_hash: out: hash of record @out_seq, the genesis hash if there is none
 * @out_prev_hash: out: hash of the record before @out_first, the genesis hash if that is the first
 *
 * Repeats that wait become records first, as in AUDIT_READ. To save a log that proves its
 * completeness, ask for the head first, read the chain then, and keep the records up to @out_seq
 * with the head: more may have come meanwhile, but @out_first and what stands below it may have
 * gone on, too, and are right only if the first record that was read is @out_first.
 */
struct qwamos_gpu_audit_head {
	struct qwamos_gpu_hdr hdr;
	__aligned_u64 chain;
	__u8 out_instance[16];
	__aligned_u64 out_seq;
	__aligned_u64 out_first;
	__aligned_u64 out_lost;
	__u8 out_hash[32];
	__u8 out_prev_hash[32];
};
#define QWAMOS_GPU_AUDIT_HEAD _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_AUDIT_HEAD)

#endif /* _UAPI_LINUX_QWAMOS_GPU_AUDIT_H */
