/* SPDX-License-Identifier: GPL-2.0-only */
/* VMs as tests use them: with a cgroup of their own, GPUs named as the topology names them, and a
 * VMM that is an actor. */
#ifndef QT_VM_H
#define QT_VM_H

#include <linux/qwamos_gpu.h>

#include "actor.h"
#include "call.h"
#include "lab.h"

/** struct qt_vm - a VM; fds are -1 once closed */
struct qt_vm {
	char name[QWAMOS_GPU_NAME_LEN];
	char cgroup[QT_PATH];
	int cgroup_fd;
	int manage;
	int use;
	__u64 id;
};

/**
 * qt_vm_new() - a cgroup and a VM
 * @vm: out
 * @ctl: control fd
 * @level: its level; QWAMOS_GPU_LEVEL_NONE: no policy
 * @flags: QWAMOS_GPU_VM_CREATE_F_*; with F_NO_CGROUP there is none
 */
int qt_vm_new(struct qt_vm *vm, int ctl, __u32 level, __u32 flags);
/** qt_vm_end() - VM_DESTROY, close, wait for its processes, remove the cgroup; again: nothing */
void qt_vm_end(struct qt_vm *vm);

/** qt_device() - the entry of a device of the topology; return: 0 or -ENOENT: not listed */
int qt_device(int ctl, const char *id, struct qwamos_gpu_dev *d);
/** qt_device_at() - the same by PCI address */
int qt_device_at(int ctl, const char *addr, struct qwamos_gpu_dev *d);
/** qt_id() - its id, 0 if it is not listed */
__u64 qt_id(int ctl, const char *id);
/** qt_state() - its state, or -errno */
int qt_state(int ctl, const char *id);
/** qt_wait_state() - wait for a state; return: 0 or -ETIMEDOUT */
int qt_wait_state(int ctl, const char *id, int state, int ms);
/** qt_settle() - wait until no device is RESETTING, ATTACHED or OPEN, and no VM is left; return: 0
 * or -ETIMEDOUT, with a line on stderr */
int qt_settle(int ctl, int ms);

/** qt_ours() - bind devices of the topology to our driver and wait until they are FREE or
 * QUARANTINED; ends with NULL */
int qt_ours(int ctl, ...);
/** qt_theirs() - give them back to the driver that the kernel would choose; ends with NULL */
int qt_theirs(int ctl, ...);

/** qt_quarantine() - on our driver and in quarantine: a device that can't be reset, given to @vm
 * (SYSTEM, with a cgroup) once if it is not yet */
int qt_quarantine(int ctl, const char *id, struct qt_vm *vm);

/** qt_vmm() - an actor in the VM's cgroup that has joined it; the VM's use fd is *@use there */
int qt_vmm(struct qt_vm *vm, struct qt_actor *a, int *use);

/** qt_do_join() - for qt_do(): VM_JOIN on fd @x; the reason comes back in *(__u32 *)data */
long qt_do_join(long x, long y, void *data);

#endif
