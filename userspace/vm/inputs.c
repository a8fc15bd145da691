// SPDX-License-Identifier: GPL-2.0-only
#include "vm/inputs.h"

#include <limits.h>
#include <time.h>

#include "vm/internal.h"

#define US 1000LL
#define MS 1000000LL

const struct qinput_share QINPUT_QMP = { .cpu_us = 1200, .cpu_burst_us = 16000 };
/* Twenty times what a serial line carries. */
const struct qinput_share QINPUT_CONSOLE = {
	.cpu_us = 1600, .cpu_burst_us = 6000, .bytes = 256 << 10, .bytes_burst = 1 << 20
};
/* Each of its lines gets a time, so a line of one byte becomes one of 26. */
const struct qinput_share QINPUT_OUTPUT = {
	.cpu_us = 800, .cpu_burst_us = 6000, .bytes = 16 << 10, .bytes_burst = 256 << 10
};

/* Of telling what they have said: time of a CPU, in us per second, and most that is saved up. */
#define TELL_US	      1000
#define TELL_BURST_US 10000

static int64_t wall(void)
{
	return qvm_clock_ns(CLOCK_MONOTONIC);
}

struct qinput *qinputs_add(struct qinputs *s, const char *name, const struct qinput_share *share,
			   int fd, ssize_t (*take)(void *arg), void *arg)
{
	struct qinput *in = &s->in[s->n++];
	int64_t now = wall();

	if (s->n == 1)
		qbudget_init(&s->tell, TELL_US * US, TELL_BURST_US * US, now);
	*in = (struct qinput){ .name = name, .fd = fd, .take = take, .arg = arg };
	qbudget_init(&in->cpu, share->cpu_us * US, share->cpu_burst_us * US, now);
	in->any = share->bytes > 0;
	if (in->any)
		qbudget_init(&in->bytes, share->bytes, share->bytes_burst, now);
	return in;
}

void qinput_lend(struct qinput *in, int64_t cpu_us)
{
	in->cpu.left += cpu_us * US;
}

void qinput_call_in(struct qinput *in)
{
	if (in->cpu.left > in->cpu.burst)
		in->cpu.left = in->cpu.burst;
}

static bool may_read(struct qinput *in, int64_t now)
{
	bool open = qbudget_open(&in->cpu, now);

	if (in->any)
		open &= qbudget_open(&in->bytes, now);
	if (open && in->shut_at) {
		in->waited += now - in->shut_at;
		in->shut_at = 0;
	} else if (!open && !in->shut_at) {
		in->waits++;
		in->shut_at = now;
	}
	return open;
}

size_t qinputs_fds(struct qinputs *s, struct pollfd *p)
{
	int64_t now = wall();
	size_t i, n = 0;

	/* What was done since the last poll beside reading was not for the VM. */
	s->mark = qvm_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	for (i = 0; i < s->n; i++)
		if (s->in[i].fd >= 0 && may_read(&s->in[i], now))
			p[n++] = (struct pollfd){ .fd = s->in[i].fd, .events = POLLIN };
	return n;
}

static struct qinput *by_fd(struct qinputs *s, int fd)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->in[i].fd == fd)
			return &s->in[i];
	return NULL;
}

/*
 * All that the supervisor has done since qinputs_fds() is on the account of the first input that
 * it comes to: waking up and polling, too.
 */
static void account(struct qinputs *s, struct qinput *in, ssize_t bytes)
{
	int64_t now = qvm_clock_ns(CLOCK_THREAD_CPUTIME_ID);

	qbudget_spend(&in->cpu, now - s->mark);
	s->mark = now;
	if (bytes <= 0)
		return;
	in->taken += bytes;
	if (in->any)
		qbudget_spend(&in->bytes, bytes);
}

void qinputs_ready(struct qinputs *s, const struct pollfd *p, size_t n)
{
	struct qinput *in;
	ssize_t bytes;
	size_t i;

	for (i = 0; i < n; i++) {
		in = p[i].revents ? by_fd(s, p[i].fd) : NULL;
		if (!in)
			continue;
		bytes = in->take(in->arg);
		if (bytes < 0)
			in->fd = -1;
		account(s, in, bytes);
	}
}

int qinputs_timeout(struct qinputs *s, int most)
{
	int64_t now = wall(), wait, least = most < 0 ? INT64_MAX : most * MS;
	size_t i;

	for (i = 0; i < s->n; i++) {
		struct qinput *in = &s->in[i];

		if (in->fd < 0 || !in->shut_at)
			continue;
		wait = qbudget_wait(&in->cpu, now);
		if (in->any && qbudget_wait(&in->bytes, now) > wait)
			wait = qbudget_wait(&in->bytes, now);
		if (wait < least)
			least = wait;
	}
	if (least == INT64_MAX)
		return -1;
	least = (least + MS - 1) / MS;
	return least > INT_MAX ? INT_MAX : least;
}

bool qinputs_tell(struct qinputs *s, void (*tell)(void *arg), void *arg)
{
	int64_t since;

	if (!s->n || !qbudget_open(&s->tell, wall()))
		return false;
	since = qvm_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	tell(arg);
	qbudget_spend(&s->tell, qvm_clock_ns(CLOCK_THREAD_CPUTIME_ID) - since);
	return true;
}

uint64_t qinputs_waits(const struct qinputs *s)
{
	uint64_t waits = 0;
	size_t i;

	for (i = 0; i < s->n; i++)
		waits += s->in[i].waits;
	return waits;
}

int64_t qinput_waited_ms(const struct qinput *in)
{
	return (in->waited + (in->shut_at ? wall() - in->shut_at : 0)) / MS;
}
