// SPDX-License-Identifier: GPL-2.0-only
/*
 * A race on purpose, for tests/e2e/lab.sh: two threads, each on a CPU of its own, add to one
 * number without a lock. Prints "lost" or "kept"; ends at the first number that is lost.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 2000000U
#define TRIES 50

static unsigned int sum;
static atomic_int started;

static void *add(void *cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((int)(long)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		exit(2);
	atomic_fetch_add(&started, 1);
	while (atomic_load(&started) < 2)
		sched_yield();
	/* One instruction: an interrupt can't come in between, another CPU can. */
	for (unsigned int i = 0; i < ROUNDS; i++)
		__asm__ volatile("incl %0" : "+m"(sum));
	return NULL;
}

int main(void)
{
	for (int try = 0; try < TRIES; try++) {
		pthread_t threads[2];

		sum = 0;
		started = 0;
		for (long i = 0; i < 2; i++)
			if (pthread_create(&threads[i], NULL, add, (void *)i))
				return 2;
		for (int i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		if (sum != 2 * ROUNDS) {
			puts("lost");
			return 0;
		}
	}
	puts("kept");
	return 0;
}
