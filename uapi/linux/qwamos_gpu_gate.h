/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * qwamos-gpu: gates, the render nodes through which VMs share a GPU. A part of
 * <linux/qwamos_gpu.h>, where the general rules stand.
 *
 * A gate is a character device of one VM, stacked on a real DRM render node: it has that one's
 * minor, a major of its own, and stands below the same GPU, so that libdrm takes it for the real
 * one. Every call through it is decoded and held against the VM's policy before the driver sees it.
 * What a DRM program gets from it:
 *
 *   -EACCES   the policy, or the gate whatever the policy, does not let the call through.
 *   -ENOMEM   the VM's VRAM is used up, or it has as many objects as a gate lets it have.
 *   -ENODEV   the gate is destroyed, or the VM has ended.
 *
 * all of which are in the VM's audit log; and whatever the driver itself says.
 */
#ifndef _UAPI_LINUX_QWAMOS_GPU_GATE_H
#define _UAPI_LINUX_QWAMOS_GPU_GATE_H

#include <linux/qwamos_gpu.h>

/* GATE_CREATE: any member of the VM may open the gate, not only the process that joined it. */
#define QWAMOS_GPU_GATE_CREATE_F_ANY_OPENER (1U << 0)

/**
 * struct qwamos_gpu_gate_create - GATE_CREATE: give the VM a gate to a GPU (manage fd)
 * @hdr: head; QWAMOS_GPU_GATE_CREATE_F_*
 * @render_fd: in: an open DRM render node, else -EBADF. Gates open it anew with the caller's
 *     credentials
 * @__reserved: must be 0
 * @out_gate_id: out: never reused while the module is loaded
 * @out_device_id: out, also on refusal: the GPU, 0: none that is known
 * @out_major: out: major number of the gate's node, for mknod()
 * @out_minor: out: minor number
 *
 * Checks are made, and reasons given, in this order: the right (WRONG_FD, VM_MEMBER,
 * USERMODE_HELPER, NOT_CAPABLE), VM_ENDED, NO_GATES, NOT_DECODED, NO_DEVICE, the level (NO_POLICY,
 * LEVEL: one without rendering_3d has no gate), NO_IOMMU, SHARING (-EBUSY), QUARANTINED,
 * ALREADY_GATED. -ENOSPC also if there is no room for another gate to this node.
 *
 * The gate goes with the VM. It is opened by the process that joined the VM, or, with F_ANY_OPENER,
 * by any member of it; whoever else has an fd of it can do nothing with it. An open gate keeps the
 * VM alive.
 */
struct qwamos_gpu_gate_create {
	struct qwamos_gpu_hdr hdr;
	__s32 render_fd;
	__u32 __reserved;
	__aligned_u64 out_gate_id;
	__aligned_u64 out_device_id;
	__u32 out_major;
	__u32 out_minor;
};
#define QWAMOS_GPU_GATE_CREATE _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_GATE_CREATE)

/**
 * struct qwamos_gpu_gate_destroy - GATE_DESTROY: take a gate from the VM (manage fd)
 * @hdr: head; no flags
 * @gate_id: in: the gate; -ENOENT: the VM has none of that id
 *
 * When it returns, every call through the gate is -ENODEV, and every access to a mapping that was
 * made through it, or of a dma-buf that it exported, is SIGBUS. The VM lives on.
 */
struct qwamos_gpu_gate_destroy {
	struct qwamos_gpu_hdr hdr;
	__aligned_u64 gate_id;
};
#define QWAMOS_GPU_GATE_DESTROY _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_GATE_DESTROY)

/**
 * struct qwamos_gpu_gate - one gate, as GATE_LIST tells it
 * @gate_id: id
 * @device_id: the GPU
 * @vram_used: bytes charged by it: objects made or imported through it that are still there
 * @unknown: bit n: the driver has a call of number n (of DRM_COMMAND_BASE on) that the gate's
 *     decoder does not know, and so refuses
 * @submissions: work that was submitted so far
 * @waits: how often that had to wait for its turn by the VM's rate
 * @denied: calls that were refused so far
 * @major: its node
 * @minor: its node
 * @flags: QWAMOS_GPU_GATE_F_*
 * @opens: how often it is open now
 * @objects: objects that are charged
 * @zombies: those of them that no handle of the VM's leads to any more
 * @syncobjs: syncobjs
 * @contexts: contexts that have Vulkan
 * @driver: name of the GPU's driver
 */
struct qwamos_gpu_gate {
	__aligned_u64 gate_id;
	__aligned_u64 device_id;
	__aligned_u64 vram_used;
	__aligned_u64 unknown[2];
	__aligned_u64 submissions;
	__aligned_u64 waits;
	__aligned_u64 denied;
	__u32 major;
	__u32 minor;
	__u32 flags;
	__u32 opens;
	__u32 objects;
	__u32 zombies;
	__u32 syncobjs;
	__u32 contexts;
	char driver[QWAMOS_GPU_BUSNAME_LEN];
};
/* Any member of the VM may open it. */
#define QWAMOS_GPU_GATE_F_ANY_OPENER (1U << 0)
/* What computes can't be told from what draws by this driver's calls: rendering_3d decides both. */
#define QWAMOS_GPU_GATE_F_COMPUTE_INSEPARABLE (1U << 1)

/* GATE_LIST: &struct qwamos_gpu_gate, in a &struct qwamos_gpu_list (manage or use fd). */
#define QWAMOS_GPU_GATE_LIST _IO(QWAMOS_GPU_MAGIC, QWAMOS_GPU_CMD_GATE_LIST)

#endif /* _UAPI_LINUX_QWAMOS_GPU_GATE_H */
