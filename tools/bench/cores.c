// SPDX-License-Identifier: GPL-2.0-only
/*
 * cores ROUNDS: the module's pure cores, as they are, on this very machine: what policy, rate,
 * quota and the hash of an audit record take, on one thread and on two.
 *
 * Prints a line "CORE.THREADS NANOSECONDS" for each round, by operation: CPU time, so that what
 * else runs on the machine counts for nothing. Two threads that share nothing take no more of it
 * than one; what they share shows ("quota_shared": both on one quota, to show that it would).
 */
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/qwamos_gpu.h>

#include "audit/verify.h"
#include "policy.h"
#include "quota.h"
#include "rate.h"

#define LINE 128 /* two cache lines: what the processor fetches together */

/* What a thread works on; nothing of it is any other thread's. */
struct mine {
	_Alignas(LINE) struct qgpu_quota quota;
	_Alignas(LINE) struct qgpu_rate rate;
	_Alignas(LINE) struct qwamos_gpu_audit_record rec;
	_Alignas(LINE) long wrong;
	double ns;
	struct qgpu_quota *used;
	const struct core *core;
	pthread_barrier_t *start;
	int cpu;
};

struct core {
	const char *name;
	long n;
	long (*fn)(struct mine *m, long n);
	bool shared;
};

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static long do_policy(struct mine *m, long n)
{
	long wrong = 0, i;

	for (i = 0; i < n; i++)
		wrong += qgpu_policy_verdict(QWAMOS_GPU_LEVEL_MEDIUM, 0, 1 + i % 6) !=
			 QWAMOS_GPU_REASON_NONE;
	return wrong;
}

/* Each comes exactly when it may. */
static long do_rate(struct mine *m, long n)
{
	__u64 now = 1000;
	long wrong = 0;

	m->rate.last.counter = 0;
	for (; n; n--, now += 100)
		wrong += !qgpu_rate_take(&m->rate, now, 100);
	return wrong;
}

static long do_quota(struct mine *m, long n)
{
	long wrong = 0;
	__u64 used;

	while (n--) {
		wrong += !qgpu_quota_charge(m->used, 4096, 1 << 30, &used);
		qgpu_quota_uncharge(m->used, 4096);
	}
	return wrong;
}

/* The module hashes the same bytes, with the kernel's SHA-256. */
static long do_chain(struct mine *m, long n)
{
	while (n--) {
		m->rec.seq++;
		qverify_hash(m->rec.hash, &m->rec, m->rec.hash);
	}
	return 0;
}

/* clang-format off: a table */
static const struct core cores[] = {
	{ "policy", 4000000, do_policy, false },    { "rate", 1000000, do_rate, false },
	{ "quota", 500000, do_quota, false },	    { "chain", 10000, do_chain, false },
	{ "quota_shared", 500000, do_quota, true },
};
/* clang-format on */

static void *work(void *arg)
{
	struct mine *m = arg;
	cpu_set_t set;
	double since;

	CPU_ZERO(&set);
	CPU_SET(m->cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	m->core->fn(m, m->core->n / 100);
	pthread_barrier_wait(m->start);
	since = cpu_ns();
	m->wrong = m->core->fn(m, m->core->n);
	m->ns = (cpu_ns() - since) / m->core->n;
	return NULL;
}

/* Return: ns by operation, the mean of the threads; -1: something went wrong. */
static double measure(const struct core *core, int threads, const int cpus[2])
{
	static struct mine mine[2];
	pthread_barrier_t start;
	pthread_t t[2];
	double ns = 0;
	int i;

	memset(mine, 0, sizeof(mine));
	pthread_barrier_init(&start, NULL, threads);
	for (i = 0; i < threads; i++) {
		mine[i].core = core;
		mine[i].start = &start;
		mine[i].cpu = cpus[i];
		mine[i].used = &mine[core->shared ? 0 : i].quota;
		if (pthread_create(&t[i], NULL, work, &mine[i]))
			return -1;
	}
	for (i = 0; i < threads; i++) {
		pthread_join(t[i], NULL);
		ns = mine[i].wrong ? -1 : ns < 0 ? ns : ns + mine[i].ns / threads;
	}
	pthread_barrier_destroy(&start);
	return ns;
}

int main(int argc, char **argv)
{
	long rounds = argc == 2 ? atol(argv[1]) : 0, i;
	int cpus[2], n = 0, cpu, threads;
	cpu_set_t set;
	double ns;
	size_t k;

	if (rounds < 1) {
		fprintf(stderr, "usage: cores ROUNDS\n");
		return 2;
	}
	sched_getaffinity(0, sizeof(set), &set);
	for (cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[n++] = cpu;
	/* The first round only warms caches. */
	for (i = -1; i < rounds; i++) {
		for (k = 0; k < sizeof(cores) / sizeof(cores[0]); k++) {
			for (threads = 1; threads <= n; threads++) {
				ns = measure(&cores[k], threads, cpus);
				if (ns < 0) {
					fprintf(stderr, "cores: %s: wrong results\n",
						cores[k].name);
					return 1;
				}
				if (i >= 0)
					printf("%s.%d %.3f\n", cores[k].name, threads, ns);
			}
		}
	}
	return 0;
}
