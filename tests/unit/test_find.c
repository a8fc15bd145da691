// SPDX-License-Identifier: GPL-2.0-only
/* Which config is meant by what people type, and which there are. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "util/file.h"
#include "vm/find.h"

struct fixture {
	char top[64];
	char vms[96];
};

static void put_file(const char *path)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fclose(f);
}

/* The folders a and b have a config, c has none, d has one that leads nowhere. */
static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	snprintf(f->top, sizeof(f->top), "/tmp/test_find.XXXXXX");
	assert_non_null(mkdtemp(f->top));
	assert_int_equal(chdir(f->top), 0);
	snprintf(f->vms, sizeof(f->vms), "%s/vms", f->top);
	assert_int_equal(qfile_mkdirs("vms/a", 0755), 0);
	assert_int_equal(qfile_mkdirs("vms/b", 0755), 0);
	assert_int_equal(qfile_mkdirs("vms/c", 0755), 0);
	assert_int_equal(qfile_mkdirs("vms/d", 0755), 0);
	assert_int_equal(qfile_mkdirs("vms/.git", 0755), 0);
	put_file("vms/a/config.yaml");
	put_file("vms/.git/config.yaml");
	put_file("vms/README");
	assert_int_equal(symlink("../a/config.yaml", "vms/b/config.yaml"), 0);
	assert_int_equal(symlink("nowhere", "vms/d/config.yaml"), 0);
	unsetenv("QWAMOS_VMS_DIR");
	return 0;
}

static int teardown(void **state)
{
	static const char *const all[] = { "vms/a/config.yaml",
					   "vms/b/config.yaml",
					   "vms/d/config.yaml",
					   "vms/.git/config.yaml",
					   "vms/README",
					   "one.yaml",
					   "plain",
					   "vms/a",
					   "vms/b",
					   "vms/c",
					   "vms/d",
					   "vms/.git",
					   "a",
					   "b",
					   "vms" };
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		remove(all[i]);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(f->top), 0);
	free(f);
	return 0;
}

/* @tail: below the fixture's folder */
static void finds(const struct fixture *f, const char *vm, const char *dir, const char *tail)
{
	char path[PATH_MAX], want[PATH_MAX];
	struct qerr e = { 0 };

	if (qvm_find_config(vm, dir, path, &e))
		fail_msg("'%s': %s", vm, e.msg);
	snprintf(want, sizeof(want), "%s/%s", f->top, tail);
	assert_string_equal(path, want);
}

static void fails(const char *vm, const char *dir, int err, const char *text)
{
	char path[PATH_MAX];
	struct qerr e = { 0 };

	assert_int_equal(qvm_find_config(vm, dir, path, &e), -err);
	if (!strstr(e.msg, text))
		fail_msg("'%s': %s", vm, e.msg);
}

static void names(void **state)
{
	const struct fixture *f = *state;

	finds(f, "a", f->vms, "vms/a/config.yaml");
	finds(f, "b", "vms", "vms/a/config.yaml");
	fails("c", f->vms, ENOENT, "/vms/c/config.yaml; accepted: the path of a config file, which has a slash, or");
	fails("d", f->vms, ENOENT, "no VM 'd'");
	fails("README", f->vms, ENOENT, "no VM 'README'");
	fails("..", f->vms, EINVAL, "'..' is no name of a VM; accepted:");
	fails("", f->vms, EINVAL, "'' is no name of a VM");
	fails("a b", f->vms, EINVAL, "'a b' is no name of a VM");
	/* What is asked for goes before the environment, and that before the usual folder. */
	setenv("QWAMOS_VMS_DIR", f->vms, 1);
	finds(f, "a", NULL, "vms/a/config.yaml");
	fails("a", "/nonexistent", ENOENT, "there is no /nonexistent/a/config.yaml");
	setenv("QWAMOS_VMS_DIR", "", 1);
	fails("no-such-vm", NULL, ENOENT, "there is no " QVM_DIR "/no-such-vm/config.yaml");
}

static void paths(void **state)
{
	const struct fixture *f = *state;

	put_file("one.yaml");
	put_file("plain");
	finds(f, "./one.yaml", f->vms, "one.yaml");
	finds(f, "vms/b/config.yaml", "/nonexistent", "vms/a/config.yaml");
	finds(f, "./plain", f->vms, "plain");
	fails("./two.yaml", f->vms, ENOENT, "two.yaml: No such file");
	/* A name is never a file of the current folder: there is a hint, and no more. */
	fails("one.yaml", f->vms, ENOENT, "no VM 'one.yaml': ");
	fails("one.yaml", f->vms, ENOENT, "a config file, which has a slash (./one.yaml)");
	fails("two.yaml", f->vms, ENOENT, "a config file, which has a slash, or the name");
	fails("plain", f->vms, ENOENT, "no VM 'plain': ");
	put_file("b");
	finds(f, "b", f->vms, "vms/a/config.yaml");
	fails("./a", f->vms, ENOENT, "./a: No such file");
	fails("vms/a", f->vms, EISDIR, "vms/a is a folder; accepted:");
	/* A folder that is called as a VM does not stand in its way. */
	assert_int_equal(mkdir("a", 0755), 0);
	finds(f, "a", f->vms, "vms/a/config.yaml");
}

static void all_of_them(void **state)
{
	const struct fixture *f = *state;
	struct qvm_config *list;
	struct qerr e;
	size_t n;

	assert_int_equal(qvm_list_configs(f->vms, &list, &n, &e), 0);
	assert_int_equal(n, 3);
	assert_string_equal(list[0].dir, "a");
	assert_string_equal(list[1].dir, "b");
	assert_string_equal(list[2].dir, "d");
	assert_string_equal(list[1].path, list[0].path);
	assert_non_null(strstr(list[2].path, "/vms/d/config.yaml"));
	qvm_configs_free(list, n);
	assert_int_equal(qvm_list_configs("/nonexistent", &list, &n, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "/nonexistent: No such file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names, setup, teardown),
		cmocka_unit_test_setup_teardown(paths, setup, teardown),
		cmocka_unit_test_setup_teardown(all_of_them, setup, teardown),
	};

	return cmocka_run_group_tests_name("find", tests, NULL, NULL);
}
