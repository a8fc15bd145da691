// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether a guest runs with KVM is tried, not believed: programs that answer as QEMUs do which run
 * one, stop at its first step, can't make its CPU, or say nothing.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "qemu/caps.h"

static char dir[] = "/tmp/test_qemu_kvm.XXXXXX";
static char path[64];

/* A QEMU of which @body is what it does with each command, in $1. */
static void qemu(const char *body)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f,
		"#!/bin/bash\n"
		"case \"$*\" in\n"
		"\"-machine q35 \"*\" -S -accel kvm -cpu qemu64\") ;;\n"
		"*) echo \"called with $*\" >&2; exit 1 ;;\n"
		"esac\n"
		"for a; do [[ $a != socket,*fd=* ]] || fd=${a##*fd=}; done\n"
		"say() { printf '%%s\\n' \"$1\" >&\"$fd\"; }\n"
		"answer() {\n%s\n}\n"
		"answer hello\n"
		"while read -r line <&\"$fd\"; do\n"
		"	line=${line#*'\"execute\":\"'}\n"
		"	answer \"${line%%%%\\\"*}\"\n"
		"done\n",
		body);
	fclose(f);
	assert_return_code(chmod(path, 0755), errno);
}

#define GREETING                                                                \
	"	hello) say '{\"QMP\": {\"version\": {}, \"capabilities\": []}}' ;;\n" \
	"	qmp_capabilities|cont) say '{\"return\": {}}' ;;\n"

static int setup(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/qemu", dir);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	return rmdir(dir);
}

static int try(struct qerr *e)
{
	qerr_clear(e);
	return qemu_kvm_try(path, "q35", "qemu64", e);
}

static void runs(void **state)
{
	struct qerr e;

	qemu("	case $1 in\n" GREETING
	     "	query-status) say '{\"return\": {\"status\": \"running\"}}' ;;\n"
	     "	esac");
	if (try(&e))
		fail_msg("%s", e.msg);
}

static void stops_at_once(void **state)
{
	struct qerr e;

	qemu("	case $1 in\n" GREETING "	query-status)\n"
	     "		say '{\"event\": \"STOP\"}'\n"
	     "		say '{\"return\": {\"status\": \"internal-error\"}}' ;;\n"
	     "	esac");
	assert_int_equal(try(&e), -EIO);
	assert_non_null(strstr(e.msg, "a guest stops at once: internal-error"));
}

static void no_cpu(void **state)
{
	struct qerr e;

	qemu("	echo 'error: failed to set MSR 0x10a to 0x69' >&2\n"
	     "	kill -ABRT $$");
	assert_int_equal(try(&e), -EPIPE);
	assert_non_null(strstr(e.msg, "failed to set MSR 0x10a"));
}

static void ends_while_it_runs(void **state)
{
	struct qerr e;

	qemu("	case $1 in\n" GREETING "	query-status) echo 'KVM: entry failed' >&2; exit 1 ;;\n"
	     "	esac");
	assert_int_equal(try(&e), -EPIPE);
	assert_non_null(strstr(e.msg, "KVM: entry failed"));
}

static void is_not_there(void **state)
{
	struct qerr e;

	unlink(path);
	assert_int_equal(try(&e), -EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs),		cmocka_unit_test(stops_at_once),
		cmocka_unit_test(no_cpu),	cmocka_unit_test(ends_while_it_runs),
		cmocka_unit_test(is_not_there),
	};

	return cmocka_run_group_tests_name("qemu_kvm", tests, setup, teardown);
}
