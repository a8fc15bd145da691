/* SPDX-License-Identifier: GPL-2.0-only */
/* A VM step by step, for what happens before its VM_JOIN; and what processes do meanwhile. */
#ifndef QT_LATER_H
#define QT_LATER_H

#include <linux/qwamos_gpu.h>

#include "actor.h"
#include "lab.h"

/** struct qt_later - a cgroup whose VM comes later, or has come */
struct qt_later {
	char path[QT_PATH];
	int fd;
	struct qwamos_gpu_vm_create c;
	struct qt_actor leader;
};

/** qt_later_cgroup() - the cgroup alone; @name: of it, and of the VM; return: 0 or -errno */
int qt_later_cgroup(struct qt_later *l, const char *name);
/** qt_later_create() - VM_CREATE, once the cgroup's last VM is over; return: 0 or -errno */
int qt_later_create(struct qt_later *l, int ctl);
/** qt_later_join() - VM_JOIN by a new actor, the leader; return: 0 or -errno */
long qt_later_join(struct qt_later *l);
/** qt_later_end() - VM_DESTROY; who was a member is gone when it returns; return: 0 or -errno */
int qt_later_end(struct qt_later *l);
/** qt_later_free() - remove the cgroup */
void qt_later_free(struct qt_later *l);

/** qt_do_move() - write process (or, with @thread, thread) @pid into the cgroup at @data, a path */
long qt_do_move(long pid, long thread, void *data);
/** qt_move() - @mover does so */
long qt_move(struct qt_actor *mover, pid_t whom, const char *cgroup, bool thread);
/** qt_do_clone_into() - bear a child into a cgroup (its fd); return: its pid or -errno */
long qt_do_clone_into(long cgroup, long y, void *data);
/** qt_do_drop() - give up all capabilities; return: 0 or -errno */
long qt_do_drop(long x, long y, void *data);

#endif /* QT_LATER_H */
