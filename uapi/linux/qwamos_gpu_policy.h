/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * qwamos-gpu: policies, quotas and rates. A part of <linux/qwamos_gpu.h>, where the general rules
 * stand.
 */
#ifndef _UAPI_LINUX_QWAMOS_GPU_POLICY_H
#define _UAPI_LINUX_QWAMOS_GPU_POLICY_H

#include <linux/qwamos_gpu.h>

/**
 * enum qwamos_gpu_vulkan - what a trust level may do with Vulkan
 * @QWAMOS_GPU_VULKAN_NONE: nothing
 * @QWAMOS_GPU_VULKAN_GRAPHICS: no compute-only queues
 * @QWAMOS_GPU_VULKAN_COMPUTE: graphics, compute and transfer
 * @QWAMOS_GPU_VULKAN_FULL: video, sparse and the rest too
 */
enum qwamos_gpu_vulkan {
	QWAMOS_GPU_VULKAN_NONE = 0,
	QWAMOS_GPU_VULKAN_GRAPHICS = 1,
	QWAMOS_GPU_VULKAN_COMPUTE = 2,
	QWAMOS_GPU_VULKAN_FULL = 3,
};

/* What a trust level is (out_flags of LEVEL_INFO). */
#define QWAMOS_GPU_LEVEL_F_NEEDS_IOMMU (1U << 0) /* gets a real GPU only behind an IOMMU */
#define QWAMOS_GPU_LEVEL_F_MAY_SHARE   (1U << 1) /* may use a GPU that another VM uses too */

/**
 * struct qwamos_gpu_level_info - LEVEL_INFO: what a trust level allows (any fd)
 * @hdr: head; no flags
 * @level: in: &enum qwamos_gpu_level
 * @out_compute_cap: out: most GPU time, in percent
 * @out_name: out: as people type it, NUL-terminated
 * @out_vram: out: most VRAM, in bytes
 * @out_vulkan: out: &enum qwamos_gpu_vulkan
 * @out_queues: out: most Vulkan queues
 * @out_min_interval_ns: out: least time between two checked operations of a kind, in ns; 0: none
 * @out_ops: out: bit n: &enum qwamos_gpu_op n is allowed
 * @out_flags: out: QWAMOS_GPU_LEVEL_F_*
 * @__reserved: must be 0
 * @out_submit_hz: out: work submitted through gates in a second, in the long run; 0: no limit
 * @out_submit_burst: out: and at once; 0: no limit
 */
struct qwamos_gpu_level_info {
	struct qwamos_gpu_hdr hdr;
	__u32 level;
	__u32 out_compute_cap;
	char out_name[16];
	__aligned_u64 out_vram;
	__u32 out_vulkan;
	__u32 out_queues;
	__aligned_u64 out_min_interval_ns;
	__aligned_u64 out_ops;
	__u32 out_flags;
	__u32 __reserved;
	__u32 out_submit_hz;
	__u32 out_submit_burst;
};
#define QWAMOS_GPU_LEVEL_INFO _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_LEVEL_INFO)

/* VM_SET_POLICY: which fields are given; the others are not looked at. */
#define QWAMOS_GPU_POLICY_LEVEL	    (1U << 0) /* level */
#define QWAMOS_GPU_POLICY_VRAM	    (1U << 1) /* vram_limit */
#define QWAMOS_GPU_POLICY_CAP	    (1U << 2) /* compute_cap */
#define QWAMOS_GPU_POLICY_GUARANTEE (1U << 3) /* compute_guarantee, device_id */
#define QWAMOS_GPU_POLICY_PRIORITY  (1U << 4) /* priority */
#define QWAMOS_GPU_POLICY_RESTRICT  (1U << 5) /* restrictions */
#define QWAMOS_GPU_POLICY_MODE	    (1U << 6) /* mode_asked, mode_got, mode_reason */
#define QWAMOS_GPU_POLICY_GPUS	    (1U << 7) /* gpus, gpus_count */

/* No Vulkan: no Vulkan queues, and vulkan_compute is denied with VULKAN_OFF. */
#define QWAMOS_GPU_RESTRICT_NO_VULKAN (1U << 0)
/* No compute: compute_shader and vulkan_compute are denied with COMPUTE_OFF. */
#define QWAMOS_GPU_RESTRICT_NO_COMPUTE (1U << 1)
/* The VM shares its GPUs with no other VM, whatever its level. */
#define QWAMOS_GPU_RESTRICT_EXCLUSIVE (1U << 2)

/** QWAMOS_GPU_PRIORITY_DEFAULT - the priority of a VM for which none was set */
#define QWAMOS_GPU_PRIORITY_DEFAULT 50

/**
 * struct qwamos_gpu_vm_set_policy - VM_SET_POLICY: give a VM its policy, or change it (manage fd)
 * @hdr: head; no flags
 * @mask: in: which fields are given (QWAMOS_GPU_POLICY_*); the first call must give the level
 *     (-EINVAL)
 * @level: in: &enum qwamos_gpu_level
 * @vram_limit: in: most bytes of VRAM
 * @device_id: in: the GPU that @compute_guarantee is about; 0: none in particular, which is a pool
 *     of its own
 * @compute_cap: in: most GPU time, in percent
 * @compute_guarantee: in: GPU time that the VM gets under any contention, in percent; 0: none
 * @priority: in: weight under contention, 0 to 100 (-EINVAL)
 * @restrictions: in: QWAMOS_GPU_RESTRICT_*; these, and no other, are set from now on
 * @mode_asked: in: the &enum qwamos_gpu_mode that the VM's configuration asks for
 * @mode_got: in: the one that it got; another one is recorded (MODE_FALLBACK)
 * @mode_reason: in: &enum qwamos_gpu_reason why, 0: none of these
 * @gpus_count: in: length of @gpus, 0 to QWAMOS_GPU_VM_GPUS (-EINVAL)
 * @gpus: in: pointer to an array of device ids: these GPUs, and no others, are given to the VM by
 * its policy from now on; none twice (-EINVAL)
 * @out_used: out, also on refusal: what is in use of what is refused with QUOTA: bytes charged, the
 *     VM's cap or the sum of the other guarantees, in percent; else 0
 * @out_limit: out, also on refusal: and its limit; else 0
 *
 * A field that @mask names must be in the caller's struct (-EINVAL).
 *
 * All that is asked is done, or nothing. Nothing can be wider than the level that the VM has, or
 * gets in the same call: QUOTA (-EDQUOT), and VRAM_QUOTA_EXCEEDED or COMPUTE_QUOTA_EXCEEDED in the
 * log. A guarantee is at most the cap, and the guarantees on one GPU at most 100 together. A limit
 * below what is in use takes nothing away and stops new charges. A lower level or cap later lowers
 * what was set before for as long as it holds. NO_DEVICE (-ENODEV) if there is no such GPU. A level
 * that would not allow what the VM holds is refused with IN_USE (-EBUSY), and with SHARING (-EBUSY)
 * what would bring together on one GPU a VM that shares it with nobody and another one, of which
 * either has a gate to it.
 *
 * A VM has the GPUs of @gpus, those that it has a guarantee on, and those of DEV_ATTACH, together
 * at most QWAMOS_GPU_VM_GPUS (-ENOSPC). One that was taken back counts as long as something is
 * charged on it, and one that this call takes back counts in this call.
 * What it has is what other VMs' SHARING goes by, and what it may charge on.
 */
struct qwamos_gpu_vm_set_policy {
	struct qwamos_gpu_hdr hdr;
	__u32 mask;
	__u32 level;
	__aligned_u64 vram_limit;
	__aligned_u64 device_id;
	__u32 compute_cap;
	__u32 compute_guarantee;
	__u32 priority;
	__u32 restrictions;
	__u32 mode_asked;
	__u32 mode_got;
	__u32 mode_reason;
	__u32 gpus_count;
	__aligned_u64 out_used;
	__aligned_u64 out_limit;
	__aligned_u64 gpus;
};
#define QWAMOS_GPU_VM_SET_POLICY _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_VM_SET_POLICY)

/** QWAMOS_GPU_VM_CHECK_MAX - most operations in one VM_CHECK */
#define QWAMOS_GPU_VM_CHECK_MAX 1024

/**
 * struct qwamos_gpu_vm_check_entry - one operation of an array
 * @operation: in: &enum qwamos_gpu_op
 * @out_verdict: out: as in &struct qwamos_gpu_vm_check
 */
struct qwamos_gpu_vm_check_entry {
	__u32 operation;
	__u32 out_verdict;
};

/**
 * struct qwamos_gpu_vm_check - VM_CHECK: may the VM do this now? (manage or use fd)
 * @hdr: head; no flags
 * @operation: in: &enum qwamos_gpu_op; with an array: 0
 * @count: in: 0: @operation; 1 to QWAMOS_GPU_VM_CHECK_MAX: length of @entries
 * @device_id: in: on this GPU; 0: on none in particular
 * @entries: in: pointer to an array of &struct qwamos_gpu_vm_check_entry; 0 if @count is 0
 * @out_verdict: out: 0: allowed; else &enum qwamos_gpu_reason why not; with an array: 0
 * @out_denied: out: how many of the operations are not allowed
 *
 * Returns 0 for a verdict of any kind. An operation that does not exist is a verdict
 * (UNKNOWN_OPERATION). Verdicts are sought in this order: NO_POLICY, UNKNOWN_OPERATION, LEVEL,
 * VULKAN_OFF, COMPUTE_OFF, with a device NO_IOMMU, SHARING and QUARANTINED, and RATE. An operation
 * that is allowed counts for the minimum time between operations of its kind; one that is not does
 * not. An array is judged from its first entry on. A device that does not exist, or is no GPU, is
 * refused with NO_DEVICE (-ENODEV).
 */
struct qwamos_gpu_vm_check {
	struct qwamos_gpu_hdr hdr;
	__u32 operation;
	__u32 count;
	__aligned_u64 device_id;
	__aligned_u64 entries;
	__u32 out_verdict;
	__u32 out_denied;
};
#define QWAMOS_GPU_VM_CHECK _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_VM_CHECK)

/**
 * enum qwamos_gpu_resource - what can be charged
 * @QWAMOS_GPU_RESOURCE_VRAM: memory of a GPU, in bytes
 * @QWAMOS_GPU_RESOURCE_VULKAN_QUEUES: Vulkan contexts and queues, by number
 */
enum qwamos_gpu_resource {
	QWAMOS_GPU_RESOURCE_VRAM = 1,
	QWAMOS_GPU_RESOURCE_VULKAN_QUEUES = 2,
};

/**
 * struct qwamos_gpu_vm_charge - VM_CHARGE, VM_UNCHARGE: take something of the VM's quota, or give
 * it back (use fd)
 * @hdr: head; no flags
 * @kind: in: &enum qwamos_gpu_resource
 * @__reserved: must be 0
 * @device_id: in: on this GPU; 0: on none in particular
 * @amount: in: bytes or queues, not 0 (-EINVAL)
 * @out_used: out, also on refusal: what the VM has charged of this kind, on all GPUs; after the
 *     call, if it succeeded
 * @out_limit: out, also on refusal: the most that it may
 *
 * A charge belongs to the open file on which it was made. VM_UNCHARGE gives back at most what this
 * file has of this kind on this GPU (-EINVAL); when the file is closed for the last time, the rest
 * is given back. VM_CHARGE is refused with NOT_ASSIGNED (-EACCES) on a GPU that the VM was not
 * given, NO_POLICY, LEVEL (queues, where the level has no Vulkan) or VULKAN_OFF (-EACCES), QUOTA or
 * QUEUES (-EDQUOT), or NO_DEVICE (-ENODEV). On a GPU that was removed, or taken back, nothing more
 * is charged; what was stays until it is given back.
 */
struct qwamos_gpu_vm_charge {
	struct qwamos_gpu_hdr hdr;
	__u32 kind;
	__u32 __reserved;
	__aligned_u64 device_id;
	__aligned_u64 amount;
	__aligned_u64 out_used;
	__aligned_u64 out_limit;
};
#define QWAMOS_GPU_VM_CHARGE   _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_VM_CHARGE)
#define QWAMOS_GPU_VM_UNCHARGE _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_VM_UNCHARGE)

#endif /* _UAPI_LINUX_QWAMOS_GPU_POLICY_H */
