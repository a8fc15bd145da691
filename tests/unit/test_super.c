// SPDX-License-Identifier: GPL-2.0-only
/*
 * A supervisor's place beside its VM: it stands there, its VM's processes do not, and it outlives
 * their end. Needs root and a cgroup v2 hierarchy, with or without controllers.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/file.h"
#include "vm/cgroup.h"
#include "vm/super.h"

static char name[32];
static char parent[PATH_MAX];

static int begin(void **state)
{
	char *slash;

	snprintf(name, sizeof(name), "test-super-%d", getpid());
	if (geteuid() || qcgroup_path(name, parent, NULL))
		return 0;
	slash = strrchr(parent, '/');
	*slash = '\0';
	return 0;
}

static int end(void **state)
{
	/* If it was made for this. */
	if (parent[0])
		rmdir(parent);
	return 0;
}

static void own(char *text, size_t len)
{
	assert_true(qfile_read(AT_FDCWD, "/proc/self/cgroup", text, len) > 0);
}

/* Makes the cgroups, or skips the test where that can't be. */
static void make(struct qcgroup *cg)
{
	if (geteuid() || !parent[0] || qcgroup_create(name, cg, NULL)) {
		print_message("# skipped: no cgroup of v2 can be made here\n");
		skip();
	}
}

static pid_t member(const struct qcgroup *cg)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (qcgroup_enter(cg))
		_exit(1);
	for (;;)
		pause();
}

static bool stands_in(pid_t pid, const char *where)
{
	char path[64], text[4096], end[128];
	int i;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	snprintf(end, sizeof(end), "/" QCGROUP_PARENT "/%s/%s", name, where);
	for (i = 0; i < 200; i++) {
		if (qfile_read(AT_FDCWD, path, text, sizeof(text)) > 0 && strstr(text, end))
			return true;
		usleep(10000);
	}
	return false;
}

static void beside(void **state)
{
	char before[4096], after[4096], file[PATH_MAX + 64];
	struct qsuper s = { .from = "" };
	struct qcgroup cg;
	int status;
	pid_t pid;

	make(&cg);
	own(before, sizeof(before));
	assert_int_equal(qsuper_enter(&s, &cg, NULL), 0);
	assert_true(stands_in(getpid(), QCGROUP_SUPER));
	pid = member(&cg);
	assert_true(stands_in(pid, QCGROUP_VM));
	/* Who ends the VM ends its processes, and not whoever watches them. */
	snprintf(file, sizeof(file), "%s/" QCGROUP_VM "/cgroup.kill", cg.path);
	if (!access(file, F_OK)) {
		assert_int_equal(qfile_write(AT_FDCWD, file, "1"), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
	} else {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	pid = member(&cg);
	assert_true(stands_in(pid, QCGROUP_VM));
	assert_int_equal(qsuper_leave(&s, NULL), 0);
	own(after, sizeof(after));
	assert_string_equal(before, after);
	qcgroup_close(&cg);
	assert_int_equal(qcgroup_remove(cg.path, 5000, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_false(qfile_exists(AT_FDCWD, cg.path));
	/* Once more is nothing. */
	assert_int_equal(qsuper_leave(&s, NULL), 0);
}

#define OOM "/proc/self/oom_score_adj"

/* In the child: may it be killed when there is no memory left, and is that so for good? */
static int child_of(const struct qsuper *s, const char *expected)
{
	char text[16];

	qsuper_child(s);
	if (qfile_read(AT_FDCWD, OOM, text, sizeof(text)) < 0 || strcmp(text, expected))
		return 1;
	if (setuid(65534) || prctl(PR_SET_DUMPABLE, 1))
		return 2;
	return qfile_write(AT_FDCWD, OOM, "-1000") ? 0 : 3;
}

/* It is the VM that the kernel ends for want of memory, not who cleans up after it. */
static void spared(void **state)
{
	/* What the caller has, and what the VM's process gets. */
	static const char *const cases[][2] = { { "0", "0" }, { "300", "300" }, { "-300", "0" } };
	char text[16], mine[16];
	struct qcgroup cg;
	int status;
	size_t i;
	pid_t pid;

	assert_true(qfile_read(AT_FDCWD, OOM, mine, sizeof(mine)) > 0);
	make(&cg);
	/* Root may, unless it lacks CAP_SYS_RESOURCE, as in a container: then all stays. */
	if (qfile_write(AT_FDCWD, OOM, "-1000")) {
		struct qsuper s = { .from = "" };

		assert_int_equal(qsuper_enter(&s, &cg, NULL), 0);
		qfile_read(AT_FDCWD, OOM, text, sizeof(text));
		assert_string_equal(text, mine);
		assert_string_equal(s.oom, "");
		assert_int_equal(qsuper_leave(&s, NULL), 0);
		goto out;
	}
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct qsuper s = { .from = "" };

		assert_int_equal(qfile_write(AT_FDCWD, OOM, cases[i][0]), 0);
		assert_int_equal(qsuper_enter(&s, &cg, NULL), 0);
		qfile_read(AT_FDCWD, OOM, text, sizeof(text));
		assert_string_equal(text, "-1000");
		pid = fork();
		if (!pid)
			_exit(child_of(&s, cases[i][1]));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(qsuper_leave(&s, NULL), 0);
		qfile_read(AT_FDCWD, OOM, text, sizeof(text));
		assert_string_equal(text, cases[i][0]);
	}
out:
	assert_int_equal(qfile_write(AT_FDCWD, OOM, mine), 0);
	qcgroup_close(&cg);
	assert_int_equal(qcgroup_remove(cg.path, 5000, NULL), 0);
}

/* What it came from may be gone by then, as a session's is. */
static void nowhere_to_go(void **state)
{
	struct qsuper s = { .from = "" };
	char file[PATH_MAX + 64];
	struct qcgroup cg;

	make(&cg);
	assert_int_equal(qsuper_enter(&s, &cg, NULL), 0);
	snprintf(s.from, sizeof(s.from), "%s-gone", cg.path);
	assert_int_equal(qsuper_leave(&s, NULL), 0);
	assert_false(qcgroup_populated(cg.path));
	assert_int_equal(qcgroup_top(file, NULL), 0);
	qcgroup_close(&cg);
	assert_int_equal(qcgroup_remove(cg.path, 5000, NULL), 0);
}

/* Left over, and empty: it is made anew. With somebody in it: it is not taken. */
static void left_over(void **state)
{
	struct qcgroup cg, again;
	pid_t pid;

	make(&cg);
	qcgroup_close(&cg);
	assert_int_equal(qcgroup_create(name, &cg, NULL), 0);
	pid = member(&cg);
	assert_true(stands_in(pid, QCGROUP_VM));
	assert_int_equal(qcgroup_create(name, &again, NULL), -EBUSY);
	qcgroup_close(&cg);
	assert_int_equal(qcgroup_remove(cg.path, 5000, NULL), 0);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beside),
		cmocka_unit_test(spared),
		cmocka_unit_test(nowhere_to_go),
		cmocka_unit_test(left_over),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("super", tests, begin, end);
}
