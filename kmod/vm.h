/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VM object: its name, policy, members and life. It knows nothing of devices; who ends a VM
 * gives it the work that takes them back.
 */
#ifndef QWAMOS_GPU_VM_H
#define QWAMOS_GPU_VM_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/qwamos_gpu.h>
#include "audit.h"
#include "limits.h"

struct cgroup;
struct pid;

/**
 * struct qgpu_vm - a virtual machine
 * @ref: memory; freed after a grace period, so that a pointer found under RCU may be looked at
 * @holds: what keeps the VM alive: use fds, the creator's manage fd, open devices
 * @id: never reused; constant
 * @created_ns: CLOCK_BOOTTIME; constant
 * @name: constant
 * @node: in the list of all VMs; guarded by the VM lock
 * @cgroup_node: in the table of cgroups; written under the VM lock, read under RCU
 * @state: &enum qwamos_gpu_vm_state, 0: not published yet; written under the VM lock
 * @end_reason: &enum qwamos_gpu_reason; written once, under the VM lock
 * @cgrp: its cgroup, or NULL; constant
 * @leader: the thread group that joined, or NULL; written once, under the VM lock; the reference is
 *     kept until the VM is freed
 * @enrolling: VM_CREATE looks who stands in @cgrp; written by it alone, read under RCU
 * @due_lost: somebody is due to become a member of whom there is no memory to tell; VM_JOIN fails
 * @outsiders_lost: processes moved into @cgrp of which no more is known
 * @leader_wait: on @leader's wait_pidfd
 * @leader_work: has @leader ended?
 * @end_work: takes everything back once the VM has ended
 * @killed: processes that @end_work killed; its own
 * @tries: rounds of @end_work; its own
 * @threads_left: threads of members that had not ended in its last round; written by it alone
 * @thread_left: one of them, with a reference, or NULL; likewise, read under RCU
 * @devices: devices that it has; guarded by the registry lock
 * @devices_open: open ones of them; guarded by the registry lock
 * @revoking: devices asked back; guarded by the registry lock
 * @gates: gates that it has; guarded by the VM lock
 * @n_gates: their number; written under the VM lock
 * @wq: whoever polls its fds or waits for its end
 * @chain: its audit chain; constant
 * @free_work: frees it
 * @lim: what it may do and have
 */
struct qgpu_vm {
	struct kref ref;
	atomic_t holds;
	u64 id;
	u64 created_ns;
	char name[QWAMOS_GPU_NAME_LEN];
	struct list_head node;
	struct hlist_node cgroup_node;
	u32 state;
	u32 end_reason;
	struct cgroup *cgrp;
	struct pid *leader;
	bool enrolling;
	bool due_lost;
	atomic_t outsiders_lost;
	wait_queue_entry_t leader_wait;
	struct delayed_work leader_work;
	struct delayed_work end_work;
	u32 killed;
	u32 tries;
	u32 threads_left;
	struct pid __rcu *thread_left;
	u32 devices;
	u32 devices_open;
	u32 revoking;
	struct list_head gates;
	u32 n_gates;
	wait_queue_head_t wq;
	struct qgpu_chain *chain;
	struct rcu_work free_work;
	struct qgpu_limits lim;
};

extern struct workqueue_struct *qgpu_wq;

int qgpu_vm_init(void);
void qgpu_vm_exit(void);
void qgpu_vm_lock(void);
void qgpu_vm_unlock(void);

struct qgpu_vm *qgpu_vm_create(const char *name, struct cgroup *cgrp, work_func_t end_fn,
			       u32 *reason);
void qgpu_vm_publish(struct qgpu_vm *vm);
void qgpu_vm_abort(struct qgpu_vm *vm);
struct qgpu_vm *qgpu_vm_find(u64 id, const char *name);
struct qgpu_vm *qgpu_vm_of_current(void);
struct qgpu_vm *qgpu_vm_next(struct qgpu_vm *vm);
int qgpu_vm_join(struct qgpu_vm *vm, u32 *reason);
int qgpu_vm_adopt(struct qgpu_vm *vm, struct pid *pid, u32 *reason);
void qgpu_vm_end(struct qgpu_vm *vm, u32 reason);
void qgpu_vm_left(struct qgpu_vm *vm, u32 threads, struct pid *one);
void qgpu_vm_over(struct qgpu_vm *vm);
void qgpu_vm_tell(struct qgpu_vm *vm, struct qwamos_gpu_vm *out);
u32 qgpu_vm_list(u64 after, u32 room, struct qwamos_gpu_vm *out, u64 *left);
bool qgpu_name_ok(const char *name);

void qgpu_vm_get(struct qgpu_vm *vm);
void qgpu_vm_put(struct qgpu_vm *vm);
void qgpu_vm_unhold(struct qgpu_vm *vm);

static inline void qgpu_vm_hold(struct qgpu_vm *vm)
{
	atomic_inc(&vm->holds);
}

static inline bool qgpu_vm_live(const struct qgpu_vm *vm)
{
	return READ_ONCE(vm->state) == QWAMOS_GPU_VM_STATE_LIVE;
}

/**
 * qgpu_vm_has_current() - has the current process joined this VM?
 * @vm: the VM, held or under RCU
 */
static inline bool qgpu_vm_has_current(const struct qgpu_vm *vm)
{
	return READ_ONCE(vm->leader) == task_tgid(current);
}

/* setpolicy.c */

/**
 * struct qgpu_grant - a GPU that a policy is about
 * @device_id: the GPU, 0: none in particular
 * @users: of it; NULL: there is no such GPU
 * @room: from qgpu_use_alloc(), where @users is not NULL
 */
struct qgpu_grant {
	u64 device_id;
	struct qgpu_users *users;
	struct qgpu_gpu_use *room;
};

/**
 * struct qgpu_grants - all GPUs that a policy is about
 * @promised: the one that a guarantee is about
 * @n: length of @listed
 * @listed: those that the policy lists
 */
struct qgpu_grants {
	struct qgpu_grant promised;
	u32 n;
	struct qgpu_grant listed[QWAMOS_GPU_VM_GPUS];
};

int qgpu_vm_set_policy(struct qgpu_vm *vm, const struct qwamos_gpu_vm_set_policy *a,
		       struct qgpu_grants *g, bool (*fits)(struct qgpu_vm *vm, u32 level),
		       struct qgpu_event *ev);
void qgpu_vm_reclaim_gpus(struct qgpu_vm *vm);

void qgpu_vm_audit(struct qgpu_vm *vm, u32 event, u32 reason, int result);

#endif /* QWAMOS_GPU_VM_H */
