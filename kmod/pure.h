/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * What the pure cores need beside C: in the kernel its own atomics, elsewhere the same few names by
 * the compiler's builtins. The cores are linked into the module, unit tests and benchmarks alike.
 */
#ifndef QWAMOS_GPU_PURE_H
#define QWAMOS_GPU_PURE_H

#include <linux/types.h>

#ifdef __KERNEL__
#include <linux/atomic.h>
#else
#include <stdbool.h>

typedef struct {
	__s64 counter __attribute__((aligned(8)));
} atomic64_t;

static inline __s64 atomic64_read(const atomic64_t *v)
{
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);
}

static inline void atomic64_add(__s64 i, atomic64_t *v)
{
	__atomic_fetch_add(&v->counter, i, __ATOMIC_RELAXED);
}

static inline void atomic64_sub(__s64 i, atomic64_t *v)
{
	__atomic_fetch_sub(&v->counter, i, __ATOMIC_RELAXED);
}

static inline __s64 atomic64_sub_return(__s64 i, atomic64_t *v)
{
	return __atomic_sub_fetch(&v->counter, i, __ATOMIC_SEQ_CST);
}

static inline bool atomic64_try_cmpxchg(atomic64_t *v, __s64 *old, __s64 new)
{
	return __atomic_compare_exchange_n(&v->counter, old, new, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}
#endif /* __KERNEL__ */

#endif /* QWAMOS_GPU_PURE_H */
