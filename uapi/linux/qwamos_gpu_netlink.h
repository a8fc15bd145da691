/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * qwamos-gpu: what happens, as it happens, by generic netlink. The family has no commands of its
 * own, only messages to two multicast groups; it is there in the initial network namespace alone,
 * and joining a group needs CAP_SYS_ADMIN in the initial user namespace.
 *
 * Messages are sent when a record is sealed, not by who caused it. Whoever reads too slowly loses
 * messages: its socket says ENOBUFS, and the next QWAMOS_GPU_NL_A_SEQ tells how many are missing.
 * A record that is missing can still be had by AUDIT_READ.
 */
#ifndef _UAPI_LINUX_QWAMOS_GPU_NETLINK_H
#define _UAPI_LINUX_QWAMOS_GPU_NETLINK_H

#include <linux/qwamos_gpu.h>

#define QWAMOS_GPU_NL_FAMILY	  "qwamos_gpu"
#define QWAMOS_GPU_NL_VERSION	  1
#define QWAMOS_GPU_NL_GROUP_AUDIT "audit"
#define QWAMOS_GPU_NL_GROUP_STATE "state"

/**
 * enum qwamos_gpu_nl_cmd - kinds of messages
 * @QWAMOS_GPU_NL_CMD_RECORD: to the group audit: a record of the audit log; has SEQ, LOST, RECORD
 * @QWAMOS_GPU_NL_CMD_STATE: to the group state: the state of a VM or device; has SEQ, KIND, ID,
 *     STATE, REASON, NAME
 */
enum qwamos_gpu_nl_cmd {
	QWAMOS_GPU_NL_CMD_RECORD = 1,
	QWAMOS_GPU_NL_CMD_STATE = 2,
};

/**
 * enum qwamos_gpu_nl_attr - attributes of messages
 * @QWAMOS_GPU_NL_A_PAD: nothing
 * @QWAMOS_GPU_NL_A_SEQ: u64: number of the message in its group, counted without gaps from the load
 *     of the module on, whether anybody listens or not: a gap is what this reader has lost
 * @QWAMOS_GPU_NL_A_LOST: u64: how much the record's chain had lost then: out_lost of AUDIT_HEAD
 * @QWAMOS_GPU_NL_A_RECORD: &struct qwamos_gpu_audit_record; may grow at its end
 * @QWAMOS_GPU_NL_A_KIND: u32: &enum qwamos_gpu_nl_kind
 * @QWAMOS_GPU_NL_A_ID: u64: VM id or device id
 * @QWAMOS_GPU_NL_A_STATE: u32: &enum qwamos_gpu_vm_state or &enum qwamos_gpu_dev_state
 * @QWAMOS_GPU_NL_A_REASON: u32: why a VM ended (&enum qwamos_gpu_reason), else 0
 * @QWAMOS_GPU_NL_A_NAME: string: the VM's name, or the device's on its bus
 */
enum qwamos_gpu_nl_attr {
	QWAMOS_GPU_NL_A_PAD = 1,
	QWAMOS_GPU_NL_A_SEQ = 2,
	QWAMOS_GPU_NL_A_LOST = 3,
	QWAMOS_GPU_NL_A_RECORD = 4,
	QWAMOS_GPU_NL_A_KIND = 5,
	QWAMOS_GPU_NL_A_ID = 6,
	QWAMOS_GPU_NL_A_STATE = 7,
	QWAMOS_GPU_NL_A_REASON = 8,
	QWAMOS_GPU_NL_A_NAME = 9,
};

/**
 * enum qwamos_gpu_nl_kind - what a state message is about
 * @QWAMOS_GPU_NL_KIND_VM: a VM
 * @QWAMOS_GPU_NL_KIND_DEVICE: a device; states that it was in only for a moment may be left out
 */
enum qwamos_gpu_nl_kind {
	QWAMOS_GPU_NL_KIND_VM = 1,
	QWAMOS_GPU_NL_KIND_DEVICE = 2,
};

#endif /* _UAPI_LINUX_QWAMOS_GPU_NETLINK_H */
