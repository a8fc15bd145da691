// SPDX-License-Identifier: GPL-2.0-only
/* Finding and killing the processes of a VM. */
#include <linux/cgroup.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include "vm_tasks.h"
#include "reap.h"

/**
 * qgpu_reap() - kill what still lives of a VM
 * @cgrp: on a kernel where descent is not followed: every process below it; NULL: none
 * @owner: every member of it (vm_tasks.h), wherever it stands
 * @killed: incremented for each process that was not being killed before
 * @left: out: one of the threads that are still alive, with a reference, or NULL
 *
 * Goes by threads: a process whose first thread has ended may have others that hold its fds. A
 * thread that has not reached its exit state may still hold files and mappings, so it counts as
 * alive. Processes forked meanwhile are found by the next call: a process with SIGKILL pending
 * can't fork.
 *
 * Return: number of threads still alive; 0: none is left, and they have closed all their files.
 */
unsigned int qgpu_reap(struct cgroup *cgrp, void *owner, unsigned int *killed, struct pid **left)
{
	struct task_struct *p, *t;
	unsigned int alive = 0;
	bool first;

	if (qgpu_tasks_inherit())
		cgrp = NULL;
	*left = NULL;
	rcu_read_lock();
	for_each_process_thread(p, t) {
		if (t->flags & PF_KTHREAD || is_global_init(t) || READ_ONCE(t->exit_state))
			continue;
		if (qgpu_tasks_owner(task_tgid(t)) != owner &&
		    !(cgrp && task_under_cgroup_hierarchy(t, cgrp)))
			continue;
		if (!alive++)
			*left = get_pid(task_pid(t));
		/*
		 * Also to a group that is ending: one that dumps its core ends early only by this.
		 */
		first = !(READ_ONCE(t->signal->flags) & SIGNAL_GROUP_EXIT);
		if (!send_sig(SIGKILL, t, 1) && first)
			++*killed;
	}
	rcu_read_unlock();
	return alive;
}

/*
 * Has somebody killed a process that dumps its core? All of its threads but one wait at their exit
 * meanwhile; those that are not there yet are told by the same signal.
 */
static bool dump_killed(struct task_struct *p)
{
	struct task_struct *t;
	bool killed = false;
	int n = 0;

	for_each_thread(p, t) {
		if (READ_ONCE(t->flags) & PF_POSTCOREDUMP)
			continue;
		killed = __fatal_signal_pending(t);
		n++;
	}
	return n == 1 && killed;
}

/**
 * qgpu_leader_gone() - has a thread group ended, or is it being killed?
 * @leader: its pid
 * @going: out: not yet, but its first thread has: look again soon
 *
 * One that dumps its core is left alone until it is killed: no thread of it has come as far.
 */
bool qgpu_leader_gone(struct pid *leader, bool *going)
{
	struct task_struct *p, *t;
	bool gone = true;

	*going = false;
	rcu_read_lock();
	p = pid_task(leader, PIDTYPE_TGID);
	if (p) {
		for_each_thread(p, t)
			if (!READ_ONCE(t->exit_state))
				gone = false;
		if (READ_ONCE(p->signal->flags) & SIGNAL_GROUP_EXIT)
			gone |= !READ_ONCE(p->signal->core_state) || dump_killed(p);
		*going = READ_ONCE(p->flags) & PF_EXITING;
	}
	rcu_read_unlock();
	return gone;
}
