/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Actors: processes that do what the test tells them, one function at a time. An actor is a fork of
 *the process that made it, so a function pointer means the same in both, and a fork of an actor
 *keeps all that the actor holds: fds, mappings, variables.
 *
 *	struct qt_actor vmm;
 *
 *	qt_spawn(&vmm, vm.cgroup);
 *	use = qt_give_fd(&vmm, vm.use);
 *	ret = qt_do(&vmm, do_join, use, 0);
 */
#ifndef QT_ACTOR_H
#define QT_ACTOR_H

#include <stdbool.h>
#include <sys/types.h>

/* Bytes that a test shares with each actor, as ->data. */
#define QT_SHARED 4096
/* What qt_do() returns if the actor died instead of answering, or did not answer in time. */
#define QT_DEAD (-4001L)
#define QT_LATE (-4002L)

/** struct qt_actor - one process; @pid: of it, @data: shared memory, @sock: the test's end of the
 * wire */
struct qt_actor {
	pid_t pid;
	void *data;
	int sock;
};

/** qt_fn - what an actor can be told to do; @data: the shared memory. Runs in the actor; its result
 * is what qt_do() returns */
typedef long (*qt_fn)(long x, long y, void *data);

/** qt_spawn() - a new actor, with no fd of the test's but 0 to 2; @cgroup: where it stands, NULL:
 * where the test does; return: 0 or -errno */
int qt_spawn(struct qt_actor *a, const char *cgroup);

/** qt_clone() - an actor forks; @flags: QT_CLONE_*; return: 0 or -errno */
int qt_clone(struct qt_actor *parent, struct qt_actor *child, int flags);
/* In a session of its own, and a child of init (or of the test), not of the actor. */
#define QT_CLONE_DAEMON 1

/** qt_do() - let the actor call @fn(@x, @y, data) and wait for the result, 30 s at most
 * (qt_patience()) */
long qt_do(struct qt_actor *a, qt_fn fn, long x, long y);
/** qt_do_within() - the same, @ms at most (qt_patience()) */
long qt_do_within(struct qt_actor *a, qt_fn fn, long x, long y, int ms);
/** qt_start() - let it begin; qt_wait() collects the result, waiting @ms at most, which is for who
 * wants it to come late, too */
int qt_start(struct qt_actor *a, qt_fn fn, long x, long y);
long qt_wait(struct qt_actor *a, int ms);

/** qt_give_fd() - give the actor an fd by SCM_RIGHTS; return: its number there, or -errno */
int qt_give_fd(struct qt_actor *a, int fd);
/** qt_take_fd() - take fd number @fd of the actor; return: its number here, or -errno */
int qt_take_fd(struct qt_actor *a, int fd);

/** qt_kill() - kill -9, and wait until it is gone */
void qt_kill(struct qt_actor *a);
/** qt_end() - let it go by itself; a second time, or on a zeroed actor: nothing */
void qt_end(struct qt_actor *a);

/** qt_alive() - is there a process (no zombie) of this number */
bool qt_alive(pid_t pid);
/** qt_died() - wait until there is none; return: 0 or -ETIMEDOUT */
int qt_died(pid_t pid, int ms);

#endif
