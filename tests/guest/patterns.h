/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that is told from other memory by its bytes, and accesses that may fail. */
#ifndef PATTERNS_H
#define PATTERNS_H

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>

static inline unsigned char word_of(unsigned int seed, unsigned long i)
{
	return seed * 31 + i * 7 + (i >> 12);
}

static inline void fill(unsigned char *p, unsigned long size, unsigned int seed)
{
	unsigned long i;

	for (i = 0; i < size; i += 64)
		p[i] = word_of(seed, i);
}

static inline bool holds(const volatile unsigned char *p, unsigned long size, unsigned int seed)
{
	unsigned long i;

	for (i = 0; i < size; i += 64)
		if (p[i] != word_of(seed, i))
			return false;
	return true;
}

static sigjmp_buf fault_jump;

static inline void on_fault(int sig)
{
	siglongjmp(fault_jump, sig);
}

/* The signal that a read at @p gives; 0: none. */
static inline int read_fault(const volatile unsigned char *p)
{
	struct sigaction sa = { .sa_handler = on_fault }, bus, segv;
	int sig;

	sigaction(SIGBUS, &sa, &bus);
	sigaction(SIGSEGV, &sa, &segv);
	sig = sigsetjmp(fault_jump, 1);
	if (!sig)
		(void)*p;
	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	return sig;
}

/* The byte at @p, or -EFAULT: SIGBUS. */
static inline long read_byte(const volatile unsigned char *p)
{
	int sig = read_fault(p);

	return !sig ? *p : sig == SIGBUS ? -EFAULT : -EINVAL;
}

#endif
