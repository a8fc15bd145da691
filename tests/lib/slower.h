/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * More time for each test where all is slower: $QT_SLOWER times what the harness gives it (30 s),
 * which 'tests/run --debug' sets. For programs that have included kselftest_harness.h before.
 */
#ifndef QT_SLOWER_H
#define QT_SLOWER_H

#ifdef TEST_HARNESS_MAIN
#include <stdlib.h>

static inline void qt_slower(void)
{
	const char *text = getenv("QT_SLOWER");
	int factor = text ? atoi(text) : 1;
	struct __fixture_metadata *f;
	struct __test_metadata *t;

	for (f = __fixture_list; f && factor > 1; f = f->next)
		for (t = f->tests; t; t = t->next)
			t->timeout *= factor;
}

/* The harness's own, with the line about qt_slower(). */
#undef TEST_HARNESS_MAIN
#define TEST_HARNESS_MAIN                                                       \
	static void __attribute__((constructor)) __constructor_order_last(void) \
	{                                                                       \
		if (!__constructor_order)                                       \
			__constructor_order = _CONSTRUCTOR_ORDER_BACKWARD;      \
	}                                                                       \
	int main(int argc, char **argv)                                         \
	{                                                                       \
		qt_slower();                                                    \
		return test_harness_run(argc, argv);                            \
	}
#endif

#endif
