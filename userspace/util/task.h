/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One thread, as /proc tells it: who it is, and where it waits. */
#ifndef QWAMOS_UTIL_TASK_H
#define QWAMOS_UTIL_TASK_H

#include <stddef.h>
#include <sys/types.h>

struct json_object;

/**
 * struct qtask - a thread
 * @tid: its number
 * @pid: of its process, 0: the thread is gone
 * @comm: its name
 * @state: its state's letter in /proc ('D': it can't be interrupted)
 * @wait: function of the kernel that it waits in, "": none, or nobody tells us
 */
struct qtask {
	pid_t tid;
	pid_t pid;
	char comm[64];
	char state;
	char wait[64];
};

/** qtask_read() - ask /proc for thread @tid; return: 0, or a negative errno (-ENOENT: gone) */
int qtask_read(pid_t tid, struct qtask *t);

/** qtask_json() - the same as JSON; NULL for a thread that is gone */
struct json_object *qtask_json(const struct qtask *t);

/**
 * qtask_text() - say it
 * @task: what qtask_json() gave, not NULL
 * @buf: out: "thread 12 (vcpu0) of process 10 waits in request_wait_answer, state D"
 * @len: room
 */
void qtask_text(const struct json_object *task, char *buf, size_t len);

#endif
