// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names of the uAPI's numbers, and what each reason means. */
#include "lib/libqwamos-gpu.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* clang-format off: tables */
static const char *const levels[] = {
	[QWAMOS_GPU_LEVEL_UNTRUSTED] = "untrusted", [QWAMOS_GPU_LEVEL_LOW] = "low",
	[QWAMOS_GPU_LEVEL_MEDIUM] = "medium",	    [QWAMOS_GPU_LEVEL_HIGH] = "high",
	[QWAMOS_GPU_LEVEL_SYSTEM] = "system",
};

static const char *const ops[] = {
	[QWAMOS_GPU_OP_NONE] = "none",
	[QWAMOS_GPU_OP_RENDERING_2D] = "rendering_2d",
	[QWAMOS_GPU_OP_RENDERING_3D] = "rendering_3d",
	[QWAMOS_GPU_OP_COMPUTE_SHADER] = "compute_shader",
	[QWAMOS_GPU_OP_VULKAN_COMPUTE] = "vulkan_compute",
	[QWAMOS_GPU_OP_VIDEO_DECODE] = "video_decode",
	[QWAMOS_GPU_OP_VIDEO_ENCODE] = "video_encode",
	[QWAMOS_GPU_OP_PASSTHROUGH] = "passthrough",
};

#define EVENT(name) [QWAMOS_GPU_EV_##name] = #name
static const char *const events[] = {
	EVENT(ANY),
	EVENT(POLICY_CREATED),
	EVENT(POLICY_CHANGED),
	EVENT(OPERATION_ALLOWED),
	EVENT(OPERATION_DENIED),
	EVENT(OPERATION_RATE_LIMITED),
	EVENT(VRAM_QUOTA_EXCEEDED),
	EVENT(COMPUTE_QUOTA_EXCEEDED),
	EVENT(MODE_FALLBACK),
	EVENT(VM_CREATED),
	EVENT(VM_DESTROYED),
	EVENT(VM_JOINED),
	EVENT(VM_KILLED),
	EVENT(CALL_REFUSED),
	EVENT(DEVICE_ADDED),
	EVENT(DEVICE_REMOVED),
	EVENT(DEVICE_BOUND),
	EVENT(DEVICE_UNBOUND),
	EVENT(DEVICE_ATTACHED),
	EVENT(DEVICE_DETACHED),
	EVENT(DEVICE_OPENED),
	EVENT(DEVICE_CLOSED),
	EVENT(DEVICE_OPEN_REFUSED),
	EVENT(DEVICE_RESET),
	EVENT(DEVICE_SCRUBBED),
	EVENT(DEVICE_FAILED),
	EVENT(DEVICE_QUARANTINED),
	EVENT(DEVICE_RELEASED),
	EVENT(DEVICE_REVOKE_REQUESTED),
	EVENT(DEVICE_REVOKED),
	EVENT(QUEUES_QUOTA_EXCEEDED),
	EVENT(VM_ADOPTED),
	EVENT(VM_OUTSIDER),
	EVENT(DEVICE_UNWIPED),
	EVENT(GATE_CREATED),
	EVENT(GATE_DESTROYED),
	EVENT(GATE_OPENED),
	EVENT(GATE_CLOSED),
	EVENT(GATE_OPEN_REFUSED),
	EVENT(GATE_CALL_REFUSED),
};

static const char *const states[] = {
	[QWAMOS_GPU_DEV_STATE_UNBOUND] = "unbound",
	[QWAMOS_GPU_DEV_STATE_FREE] = "free",
	[QWAMOS_GPU_DEV_STATE_ATTACHED] = "attached",
	[QWAMOS_GPU_DEV_STATE_OPEN] = "open",
	[QWAMOS_GPU_DEV_STATE_RESETTING] = "resetting",
	[QWAMOS_GPU_DEV_STATE_QUARANTINED] = "quarantined",
	[QWAMOS_GPU_DEV_STATE_GONE] = "gone",
	[QWAMOS_GPU_DEV_STATE_REVOKED] = "revoked",
};

static const char *const scrubs[] = {
	[QWAMOS_GPU_SCRUB_DEFAULT] = "default", [QWAMOS_GPU_SCRUB_NONE] = "none",
	[QWAMOS_GPU_SCRUB_BAR] = "bar",		[QWAMOS_GPU_SCRUB_FULL] = "full",
	[QWAMOS_GPU_SCRUB_NA] = "n/a",
};

static const char *const ways[] = {
	[QWAMOS_GPU_VFIO_OP_OPEN] = "open",
	[QWAMOS_GPU_VFIO_OP_GET_FD] = "get_device_fd",
	[QWAMOS_GPU_VFIO_OP_IOCTL] = "ioctl",
	[QWAMOS_GPU_VFIO_OP_READ] = "read",
	[QWAMOS_GPU_VFIO_OP_WRITE] = "write",
	[QWAMOS_GPU_VFIO_OP_MMAP] = "mmap",
	[QWAMOS_GPU_VFIO_OP_FEATURE] = "device_feature",
	[QWAMOS_GPU_VFIO_OP_ATTACH_IOAS] = "attach_ioas",
	[QWAMOS_GPU_VFIO_OP_DETACH_IOAS] = "detach_ioas",
};

static const char *const vm_states[] = {
	[QWAMOS_GPU_VM_STATE_LIVE] = "live",
	[QWAMOS_GPU_VM_STATE_ENDING] = "ending",
};

static const char *const vulkans[] = {
	[QWAMOS_GPU_VULKAN_NONE] = "none",
	[QWAMOS_GPU_VULKAN_GRAPHICS] = "graphics",
	[QWAMOS_GPU_VULKAN_COMPUTE] = "graphics+compute",
	[QWAMOS_GPU_VULKAN_FULL] = "full",
};

static const char *const resources[] = {
	[QWAMOS_GPU_RESOURCE_VRAM] = "vram",
	[QWAMOS_GPU_RESOURCE_VULKAN_QUEUES] = "vulkan_queues",
};

static const char *const enforcers[] = {
	[QWAMOS_GPU_ENFORCED_BY_NONE] = "none",
	[QWAMOS_GPU_ENFORCED_BY_VFIO] = "vfio",
	[QWAMOS_GPU_ENFORCED_BY_GATE] = "gate",
};

static const char *const modes[] = {
	[QWAMOS_GPU_MODE_UNSET] = "unset",
	[QWAMOS_GPU_MODE_VIRTIO] = "virtio",
	[QWAMOS_GPU_MODE_PASSTHROUGH] = "passthrough",
	[QWAMOS_GPU_MODE_SOFTWARE] = "software",
	[QWAMOS_GPU_MODE_NONE] = "none",
};

#define REASON(name, text) [QWAMOS_GPU_REASON_##name] = { #name, text }
static const struct {
	const char *name;
	const char *text;
} reasons[] = {
	REASON(NONE, "nothing was refused"),
	REASON(NO_POLICY,
	       "the VM has no policy yet, so everything is denied: set its trust level first"),
	REASON(LEVEL,
	       "the VM's trust level does not allow this: raise its trust_level (passthrough "
	       "needs system), or do without"),
	REASON(VULKAN_OFF, "Vulkan is switched off for this VM: allow_vulkan"),
	REASON(COMPUTE_OFF, "compute is switched off for this VM: allow_compute"),
	REASON(RATE, "too soon after the last operation of this kind: try again later"),
	REASON(UNKNOWN_OPERATION, "there is no such operation"),
	REASON(SHARING, "another VM has the GPU, and one of the two may not share it"),
	REASON(NO_IOMMU,
	       "no IOMMU keeps the device to the VM's memory: switch it on in the firmware and "
	       "on the kernel's command line "
	       "(intel_iommu=on; AMD: on by itself)"),
	REASON(QUOTA, "the VM's quota is used up, or more is asked for than its level allows: free "
		      "something, or raise the quota"),
	REASON(QUEUES, "the VM has no Vulkan queue left"),
	REASON(QUARANTINED,
	       "the device could not be reset and scrubbed after the last VM: power the machine "
	       "off and on, or accept what is left "
	       "in it (qwamos-vfio release ADDRESS --accept-leftovers)"),
	REASON(WRONG_FD, "this call is not for this kind of file descriptor"),
	REASON(NOT_CAPABLE,
	       "this needs CAP_SYS_ADMIN in the initial user namespace: run it as root on the "
	       "host"),
	REASON(VM_MEMBER,
	       "the caller belongs to a VM, and a VM manages none: run it outside the VM's "
	       "processes"),
	REASON(USERMODE_HELPER,
	       "the caller was started by the kernel (as core_pattern does), and such a process "
	       "manages no VM: let a service of its own do it"),
	REASON(VM_ENDED, "the VM has ended"),
	REASON(NO_DEVICE,
	       "there is no such device, or it is neither a GPU nor in the group of one"),
	REASON(NOT_BOUND, "the device is not on qwamos_vfio_pci: qwamos-vfio bind ADDRESS"),
	REASON(GROUP_NOT_VIABLE,
	       "another member of its IOMMU group is on another driver: qwamos-vfio bind "
	       "ADDRESS takes the whole group"),
	REASON(OTHER_OWNER,
	       "the device, or a member of its IOMMU group, belongs to another VM: stop that "
	       "one first"),
	REASON(ALREADY_ATTACHED, "this VM has the device already"),
	REASON(RESETTING, "the device is being reset and scrubbed: try again in a moment"),
	REASON(NO_RESET,
	       "the device, or a member of its group, can't be reset, so what a VM leaves in it "
	       "would stay: use another, or accept that "
	       "(qwamos-vfio release ADDRESS --accept-leftovers)"),
	REASON(SCRUB,
	       "the device's memory could not be wiped as far as was demanded: demand less, or "
	       "accept what is left in it (of a GPU: qwamos-vfio release ADDRESS "
	       "--accept-leftovers; of what comes with it: gpu.accept_unwiped)"),
	REASON(ALREADY_JOINED, "a process has joined this VM already"),
	REASON(JOINED_ELSEWHERE, "this process has joined, or belongs to, another VM"),
	REASON(NOT_IN_CGROUP, "who joins must stand in the VM's cgroup: move it there first"),
	REASON(NO_CGROUP,
	       "the VM has no cgroup, so its processes could not be ended: create it with one"),
	REASON(CGROUP_IN_USE,
	       "the cgroup, one above or one below it is another VM's: use a cgroup of its own"),
	REASON(NOT_MEMBER,
	       "only the process that has joined the VM which owns the device may do this"),
	REASON(NOT_ATTACHED, "the device is attached to no VM, or not to this one"),
	REASON(DEVICE_OPEN,
	       "somebody has the device open, or holds its IOMMU group: stop that first, "
	       "or kill it"),
	REASON(IN_USE, "the VM holds something that the new policy would not allow: take that away "
		       "first"),
	REASON(REVOKED,
	       "the device was asked back and not given back in time, so the VM was ended"),
	REASON(LEADER_EXITED, "the process that had joined the VM has ended"),
	REASON(MANAGER_CLOSED, "the manager that created the VM is gone"),
	REASON(LAST_CLOSED, "nobody held the VM any more"),
	REASON(DESTROYED, "a manager ended the VM"),
	REASON(DEVICE_GONE, "the device was removed"),
	REASON(RESET_FAILED, "the reset did not work"),
	REASON(SCRUB_FAILED, "the device's memory could not be wiped"),
	REASON(NOTHING_TO_RELEASE,
	       "the device is neither in quarantine nor without a reset: there is nothing to "
	       "accept"),
	REASON(DMA_BUF,
	       "no dma-buf of the device's memory is made, for others could use it unasked; "
	       "passthrough itself needs none"),
	REASON(IOEVENTFD,
	       "no eventfd writes to the device, for others could use it unasked; QEMU does without"),
	REASON(NOT_ASSIGNED,
	       "no manager has given the VM this GPU: 'qwamos-gpu vm set NAME --gpus ADDRESS' does"),
	REASON(NO_GATES, "the module that makes gates is not loaded: modprobe qwamos_gate"),
	REASON(NOT_DECODED,
	       "the gate does not know the GPU's driver, or not this call of it, and lets nothing "
	       "through that it does not know"),
	REASON(NOT_OFFERED, "no gate lets this call through, whatever the policy"),
	REASON(ALREADY_GATED, "the VM has a gate to this GPU already"),
	REASON(FOREIGN_BUFFER, "the buffer, or the fence, belongs to another VM"),
	REASON(OBJECTS, "the VM has as many objects of this kind as a gate lets it have"),
	REASON(COMPAT,
	       "a call of a 32-bit program whose argument the gate does not know: use a 64-bit one"),
};
/* clang-format on */

_Static_assert(ARRAY_SIZE(reasons) == QWAMOS_GPU_REASON_COUNT, "each reason has a name");
_Static_assert(ARRAY_SIZE(events) == QWAMOS_GPU_EV_COUNT, "each event has a name");

#define NAME_OF(table, i) ((i) < ARRAY_SIZE(table) && (table)[i] ? (table)[i] : "unknown")

static int from_name(const char *const *table, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (table[i] && !strcasecmp(table[i], name))
			return i;
	return -EINVAL;
}

const char *libqg_level_name(__u32 level)
{
	return level == QWAMOS_GPU_LEVEL_NONE ? "none" : NAME_OF(levels, level);
}

int libqg_level_from_name(const char *name)
{
	return from_name(levels, ARRAY_SIZE(levels), name);
}

const char *libqg_op_name(__u32 op)
{
	return NAME_OF(ops, op);
}

int libqg_op_from_name(const char *name)
{
	return from_name(ops, ARRAY_SIZE(ops), name);
}

const char *libqg_event_name(__u32 event)
{
	return NAME_OF(events, event);
}

int libqg_event_from_name(const char *name)
{
	return from_name(events, ARRAY_SIZE(events), name);
}

const char *libqg_reason_name(__u32 reason)
{
	return reason < ARRAY_SIZE(reasons) && reasons[reason].name ? reasons[reason].name
								    : "unknown";
}

int libqg_reason_from_name(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++)
		if (!strcasecmp(reasons[i].name, name))
			return i;
	return -EINVAL;
}

const char *libqg_reason_text(__u32 reason)
{
	return reason < ARRAY_SIZE(reasons) && reasons[reason].text
		       ? reasons[reason].text
		       : "a reason that this program does not know: it is older than the kernel module";
}

const char *libqg_dev_state_name(__u32 state)
{
	return NAME_OF(states, state);
}

const char *libqg_scrub_name(__u32 scrub)
{
	return NAME_OF(scrubs, scrub);
}

const char *libqg_vfio_op_name(__u32 way)
{
	return NAME_OF(ways, way);
}

const char *libqg_vm_state_name(__u32 state)
{
	return NAME_OF(vm_states, state);
}

const char *libqg_vulkan_name(__u32 vulkan)
{
	return NAME_OF(vulkans, vulkan);
}

const char *libqg_resource_name(__u32 kind)
{
	return NAME_OF(resources, kind);
}

const char *libqg_enforcer_name(__u32 by)
{
	return NAME_OF(enforcers, by);
}

const char *libqg_mode_name(__u32 mode)
{
	return NAME_OF(modes, mode);
}

int libqg_mode_from_name(const char *name)
{
	return from_name(modes, ARRAY_SIZE(modes), name);
}
