// SPDX-License-Identifier: GPL-2.0-only
/* What a cgroup uses: figures, limits, and none where a controller is not switched on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "vm/usage.h"

static char dir[64];

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/test_usage.XXXXXX");
	return !mkdtemp(dir);
}

static int teardown(void **state)
{
	static const char *const names[] = { "memory.current", "memory.max", "memory.peak",
					     "pids.current",   "pids.max",   "cpu.stat",
					     "cpu.max",	       "io.max" };
	char path[128];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static void all_controllers(void **state)
{
	struct qvm_usage u;

	put("memory.current", "1048576\n");
	put("memory.max", "2097152\n");
	put("memory.peak", "1572864\n");
	put("pids.current", "7\n");
	put("pids.max", "max\n");
	put("cpu.stat", "usage_usec 12345\nuser_usec 1\n");
	put("cpu.max", "150000 100000\n");
	qvm_usage_read(dir, &u);
	assert_int_equal(u.memory, 1048576);
	assert_int_equal(u.memory_max, 2097152);
	assert_int_equal(u.memory_peak, 1572864);
	assert_int_equal(u.pids, 7);
	assert_int_equal(u.pids_max, QVM_NO_LIMIT);
	assert_int_equal(u.cpu_us, 12345);
	assert_int_equal(u.cpu_max_percent, 150);
	put("cpu.max", "max 100000\n");
	put("memory.max", "max\n");
	qvm_usage_read(dir, &u);
	assert_int_equal(u.cpu_max_percent, QVM_NO_LIMIT);
	assert_int_equal(u.n_io, 0);
	put("io.max",
	    "8:0 rbps=1048576 wbps=max riops=max wiops=50\n254:3 rbps=max wbps=7 riops=1 wiops=max\n");
	qvm_usage_read(dir, &u);
	assert_int_equal(u.n_io, 2);
	assert_string_equal(u.io[0].disk, "8:0");
	assert_int_equal(u.io[0].read_bytes, 1048576);
	assert_int_equal(u.io[0].write_bytes, QVM_NO_LIMIT);
	assert_int_equal(u.io[0].read_ops, QVM_NO_LIMIT);
	assert_int_equal(u.io[0].write_ops, 50);
	assert_string_equal(u.io[1].disk, "254:3");
	assert_int_equal(u.io[1].write_bytes, 7);
	assert_int_equal(u.io[1].read_ops, 1);
	assert_int_equal(u.memory_max, QVM_NO_LIMIT);
}

static void what_is_not_there_is_unknown(void **state)
{
	struct qvm_usage u;

	put("memory.current", "many\n");
	put("cpu.max", "10\n");
	put("cpu.stat", "user_usec 1\n");
	qvm_usage_read(dir, &u);
	assert_int_equal(u.memory, QVM_UNKNOWN);
	assert_int_equal(u.memory_max, QVM_UNKNOWN);
	assert_int_equal(u.memory_peak, QVM_UNKNOWN);
	assert_int_equal(u.pids, QVM_UNKNOWN);
	assert_int_equal(u.pids_max, QVM_UNKNOWN);
	assert_int_equal(u.cpu_us, QVM_UNKNOWN);
	assert_int_equal(u.cpu_max_percent, QVM_UNKNOWN);
	qvm_usage_read("/nonexistent", &u);
	assert_int_equal(u.memory, QVM_UNKNOWN);
	qvm_usage_read("", &u);
	assert_int_equal(u.pids, QVM_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_controllers, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_unknown, setup, teardown),
	};

	return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
