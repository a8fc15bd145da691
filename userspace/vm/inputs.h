/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a VM says to its supervisor, each way of it an input with a share of the supervisor's time
 * and of what it writes down. An input that has used up its share is not read until there is some
 * again: pipes and sockets fill, and the VM waits. Nothing that one input does takes from another's
 * share. How much was read and how long the VM had to wait is counted.
 */
#ifndef QWAMOS_VM_INPUTS_H
#define QWAMOS_VM_INPUTS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vm/budget.h"

/** QINPUTS_MAX - how many a supervisor may have */
#define QINPUTS_MAX 6

/**
 * struct qinput_share - what an input may take of its supervisor
 * @cpu_us: time of a CPU, in us per second
 * @cpu_burst_us: most that is saved up of it, in us
 * @bytes: bytes per second, 0: no limit but that of time
 * @bytes_burst: most that is saved up of them
 */
struct qinput_share {
	int64_t cpu_us;
	int64_t cpu_burst_us;
	int64_t bytes;
	int64_t bytes_burst;
};

/* Shares of the inputs that there are: together 0.36 % of one CPU. Telling of them takes 0.1 %. */
/** QINPUT_QMP - of QEMU's monitor */
extern const struct qinput_share QINPUT_QMP;
/** QINPUT_CONSOLE - of the guest's serial console */
extern const struct qinput_share QINPUT_CONSOLE;
/** QINPUT_OUTPUT - of what QEMU itself writes */
extern const struct qinput_share QINPUT_OUTPUT;

/**
 * struct qinput - one
 * @name: what people know it as; "console"
 * @fd: fd that becomes readable, -1: none at the moment, or no more
 * @take: reads a bounded portion of it; return: the bytes, or a negative errno: no more will come
 * @arg: its argument
 * @cpu: what it may take of a CPU's time, in ns
 * @bytes: how much it may say, in bytes
 * @any: @bytes counts
 * @shut_at: since when it is not read, in ns; 0: it is
 * @taken: bytes so far
 * @waits: how often it was not read at once
 * @waited: how long altogether, in ns
 */
struct qinput {
	const char *name;
	int fd;
	ssize_t (*take)(void *arg);
	void *arg;
	struct qbudget cpu;
	struct qbudget bytes;
	bool any;
	int64_t shut_at;
	uint64_t taken;
	uint64_t waits;
	int64_t waited;
};

/**
 * struct qinputs - those of one VM; all zero: none
 * @in: they
 * @n: their number
 * @mark: the supervisor's own time up to which all is on somebody's account, in ns
 * @tell: what telling of them may take of a CPU's time, in ns
 */
struct qinputs {
	struct qinput in[QINPUTS_MAX];
	size_t n;
	int64_t mark;
	struct qbudget tell;
};

/**
 * qinputs_add() - one more
 * @s: the inputs, fewer than QINPUTS_MAX
 * @name: what people know it as; must live as long as @s
 * @share: what it may take
 * @fd: fd that becomes readable, -1: none yet
 * @take: reads a portion of it, which must be small: what it costs is known only after; return: the
 *     bytes, or a negative errno: it is not to be called again
 * @arg: its argument
 *
 * Return: it, which stays where it is
 */
struct qinput *qinputs_add(struct qinputs *s, const char *name, const struct qinput_share *share,
			   int fd, ssize_t (*take)(void *arg), void *arg);

/**
 * qinput_lend() - more time of a CPU than its share, for a beginning that is not the VM's doing
 * @in: the input
 * @cpu_us: how much, in us
 */
void qinput_lend(struct qinput *in, int64_t cpu_us);

/** qinput_call_in() - take back what is left of qinput_lend() */
void qinput_call_in(struct qinput *in);

/**
 * qinputs_fds() - what to poll of those that may be read now
 * @s: the inputs
 * @p: out: room for QINPUTS_MAX
 *
 * Return: the number of @p that were filled
 */
size_t qinputs_fds(struct qinputs *s, struct pollfd *p);

/**
 * qinputs_ready() - read what that poll has found, a portion of each
 * @s: the inputs
 * @p: what was polled, in the order of qinputs_fds()
 * @n: their number
 */
void qinputs_ready(struct qinputs *s, const struct pollfd *p, size_t n);

/**
 * qinputs_timeout() - how long that poll may take
 * @s: the inputs
 * @most: at most, in ms, -1: for ever
 *
 * Return: ms, -1: for ever
 */
int qinputs_timeout(struct qinputs *s, int most);

/**
 * qinputs_tell() - tell people of them, now or another time
 * @s: the inputs
 * @tell: tells
 * @arg: its argument
 *
 * The VM decides how often there is something new, so that has its share of the supervisor's time
 * as well. Return: @tell was called.
 */
bool qinputs_tell(struct qinputs *s, void (*tell)(void *arg), void *arg);

/** qinputs_waits() - how often any of them was not read at once */
uint64_t qinputs_waits(const struct qinputs *s);

/** qinput_waited_ms() - how long it was not read altogether, up to now, in ms */
int64_t qinput_waited_ms(const struct qinput *in);

#endif
