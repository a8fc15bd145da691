// SPDX-License-Identifier: GPL-2.0-only
/* Who else may change a config, and which files of this computer a VM gets by one. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "own_mounts.h"
#include "config/config.h"
#include "util/trust.h"
#include "vm/files.h"

#define NOBODY 65534

/* What each test may make, innermost first. */
static const char *const made[] = { "dir/vm.yaml", "dir/link",	 "dir/deep/link", "dir/deep/file",
				    "dir/deep",	   "dir/kernel", "dir/disk",	  "dir/config.yaml",
				    "dir/fifo",	   "dir",	 "link" };

static int setup(void **state)
{
	char *top = strdup("/tmp/test_trust.XXXXXX");

	*state = top;
	assert_non_null(mkdtemp(top));
	assert_int_equal(chmod(top, 0755), 0);
	assert_int_equal(chdir(top), 0);
	assert_int_equal(mkdir("dir", 0755), 0);
	return 0;
}

static int teardown(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		remove(made[i]);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(*state), 0);
	free(*state);
	return 0;
}

static void put(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* @part: what is told of who may change it; NULL: nobody else may */
static void may_be_changed(const char *path, const char *part)
{
	struct qtrust t;
	struct qerr e;

	if (qtrust_open(path, false, &t, &e))
		fail_msg("%s", e.msg);
	if (part ? !t.writable || !strstr(t.writable, part) : !!t.writable)
		fail_msg("%s: %s", path, t.writable ? t.writable : "nobody");
	qtrust_free(&t);
}

static void modes(void **state)
{
	put("dir/vm.yaml", "", 0644);
	may_be_changed("dir/vm.yaml", NULL);
	may_be_changed("./dir/../dir/vm.yaml", NULL);
	assert_int_equal(chmod("dir/vm.yaml", 0664), 0);
	may_be_changed("dir/vm.yaml", "dir/vm.yaml can be written to by its group (mode 0664)");
	assert_int_equal(chmod("dir/vm.yaml", 0646), 0);
	may_be_changed("dir/vm.yaml", "by everybody");
	assert_int_equal(chmod("dir/vm.yaml", 0644), 0);
	assert_int_equal(chmod("dir", 0777), 0);
	may_be_changed("dir/vm.yaml", "/dir can be written to by everybody (mode 0777)");
	assert_int_equal(chmod("dir", 0775), 0);
	may_be_changed("dir/vm.yaml", "/dir can be written to by its group");
	assert_int_equal(chmod("dir", 01777), 0);
	may_be_changed("dir/vm.yaml", NULL);
}

static void owners(void **state)
{
	if (geteuid()) {
		print_message("# skipped: only root has files of others\n");
		skip();
	}
	put("dir/vm.yaml", "", 0644);
	assert_int_equal(chown("dir/vm.yaml", NOBODY, 0), 0);
	may_be_changed("dir/vm.yaml", "dir/vm.yaml belongs to user 65534");
	/* To him who it is, it is his own. */
	assert_int_equal(seteuid(NOBODY), 0);
	may_be_changed("dir/vm.yaml", NULL);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown("dir/vm.yaml", 0, 0), 0);
	assert_int_equal(chown("dir", NOBODY, 0), 0);
	may_be_changed("dir/vm.yaml", "/dir belongs to user 65534");
}

/* Whoever may change a link, or the folder that it is in, says what the path leads to. */
static void links(void **state)
{
	put("dir/vm.yaml", "", 0644);
	assert_int_equal(mkdir("dir/deep", 0755), 0);
	assert_int_equal(symlink("../vm.yaml", "dir/deep/link"), 0);
	assert_int_equal(symlink("dir/deep/link", "link"), 0);
	may_be_changed("link", NULL);
	assert_int_equal(chmod("dir/deep", 0777), 0);
	may_be_changed("link", "/dir/deep can be written to by everybody");
	may_be_changed("dir/vm.yaml", NULL);
	if (geteuid())
		return;
	assert_int_equal(chmod("dir/deep", 01777), 0);
	may_be_changed("link", NULL);
	assert_int_equal(lchown("dir/deep/link", NOBODY, 0), 0);
	may_be_changed("link", "/dir/deep/link belongs to user 65534");
}

static void no_way(void **state)
{
	struct qtrust t;
	struct qerr e;

	assert_int_equal(symlink("link", "link"), 0);
	assert_int_equal(mkfifo("dir/fifo", 0644), 0);
	assert_int_equal(qtrust_open("link", false, &t, &e), -ELOOP);
	assert_int_equal(qtrust_open("dir/none", false, &t, &e), -ENOENT);
	assert_int_equal(qtrust_open("none/none", false, &t, &e), -ENOENT);
	assert_int_equal(qtrust_open("", false, &t, &e), -ENOENT);
	assert_int_equal(qtrust_open("dir", false, &t, &e), -EISDIR);
	assert_int_equal(qtrust_open("/", false, &t, &e), -EISDIR);
	assert_int_equal(qtrust_open("dir/fifo/x", false, &t, &e), -ENOTDIR);
	assert_int_equal(qtrust_open("dir/fifo", false, &t, &e), -ENOTSUP);
	assert_string_equal(e.msg, "dir/fifo: no regular file; accepted: a regular file");
	assert_int_equal(qtrust_open("/dev/zero", true, &t, &e), -ENOTSUP);
	assert_non_null(strstr(e.msg, "a regular file or a block device"));
	qtrust_free(&t);
}

/* The file that was judged, whatever has its path by now. */
static void the_very_same(void **state)
{
	struct qtrust t;
	struct qerr e;
	char buf[8];
	int fd;

	put("dir/vm.yaml", "old", 0644);
	assert_int_equal(qtrust_open("dir/vm.yaml", false, &t, &e), 0);
	assert_int_equal(unlink("dir/vm.yaml"), 0);
	put("dir/vm.yaml", "new", 0644);
	fd = qtrust_reopen(&t, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "old", 3);
	close(fd);
	qtrust_free(&t);
}

static void config_of_others(void **state)
{
	struct qconfig c;
	struct qdiags d;

	put("dir/vm.yaml", "vm: {name: a}\n", 0644);
	assert_int_equal(qconfig_load_trusted("dir/vm.yaml", &c, &d), 0);
	assert_string_equal(c.name, "a");
	assert_string_equal(c.sha256,
			    "612f8e8c77b7c88b597d49e2cb5631e843eeacc3df8d59046ab0327232a9abbd");
	qconfig_free(&c);
	qdiags_free(&d);
	assert_int_equal(chmod("dir/vm.yaml", 0666), 0);
	assert_int_equal(qconfig_load_trusted("dir/vm.yaml", &c, &d), -EINVAL);
	assert_non_null(strstr(d.list[0].text, "others may change it: "));
	assert_non_null(strstr(d.list[0].text, "dir/vm.yaml can be written to by everybody"));
	qconfig_free(&c);
	qdiags_free(&d);
	/* Who only looks at it reads it. */
	assert_int_equal(qconfig_load("dir/vm.yaml", &c, &d), 0);
	qconfig_free(&c);
	qdiags_free(&d);
}

/* @accept: security.accept_host_files; @part: of the error, NULL: there is none */
static void vm_gets(const char *kernel, const char *disk, const char *extra, int accept,
		    const char *config, const char *part)
{
	struct qconfig_word words[] = { { .text = (char *)"-fw_cfg" }, { .text = (char *)extra } };
	struct qconfig c = { .kernel = kernel ? strdup(kernel) : NULL,
			     .disk = (char *)disk,
			     .extra_args = { words, extra ? 2 : 0 },
			     .accept_host_files = accept };
	struct qdiags d = { 0 };
	struct qvm_files f;
	char full[PATH_MAX];
	int ret;

	assert_non_null(realpath(".", full));
	snprintf(full + strlen(full), sizeof(full) - strlen(full), "/%s", config);
	ret = qvm_files_open(&f, &c, full, &d);
	if (part && (!ret || !strstr(d.list[0].text, part)))
		fail_msg("'%s' expected: %s", part, d.n ? d.list[0].text : "no error");
	if (!part && ret)
		fail_msg("%s", d.list[0].text);
	qvm_files_free(&f);
	qdiags_free(&d);
	free(c.kernel);
}

static void host_files(void **state)
{
	static const char secret[] = "is not for everybody to read; accepted: a file that";

	put("dir/kernel", "", 0644);
	put("dir/disk", "", 0600);
	vm_gets("dir/kernel", NULL, NULL, 0, "dir/vm.yaml", NULL);
	vm_gets("dir/disk", NULL, NULL, 0, "dir/vm.yaml", secret);
	vm_gets("dir/disk", NULL, NULL, 0, "dir/vm.yaml", "security.accept_host_files: true");
	vm_gets("dir/disk", NULL, NULL, 1, "dir/vm.yaml", NULL);
	vm_gets(NULL, "dir/disk", NULL, 0, "dir/vm.yaml", secret);
	vm_gets(NULL, "dir/disk", NULL, 1, "dir/vm.yaml", NULL);
	/* What stands beside the config.yaml of a VM is the VM's. */
	vm_gets("dir/disk", "dir/disk", NULL, 0, "dir/config.yaml", NULL);
	vm_gets("dir/disk", "dir/disk", NULL, 0, "other/config.yaml", secret);
	/* By whatever link it is named. */
	assert_int_equal(symlink("../dir/disk", "dir/link"), 0);
	vm_gets("dir/link", NULL, NULL, 0, "dir/vm.yaml", "dir/disk is not for everybody");
	/* Nobody else may enter the folder. */
	assert_int_equal(chmod("dir", 0700), 0);
	vm_gets("dir/kernel", NULL, NULL, 0, "dir/vm.yaml", secret);
	vm_gets("dir/none", NULL, NULL, 1, "dir/vm.yaml", "dir/none: No such file");
}

/* A disk is written to: who says what its path leads to must not be anybody. The image may be. */
static void way_to_disk(void **state)
{
	static const char told[] = "may be made another file by others: ";

	put("dir/disk", "", 0666);
	vm_gets(NULL, "dir/disk", NULL, 0, "other/vm.yaml", NULL);
	assert_int_equal(chmod("dir", 0777), 0);
	vm_gets(NULL, "dir/disk", NULL, 0, "other/vm.yaml", told);
	vm_gets(NULL, "dir/disk", NULL, 0, "other/vm.yaml", "/dir can be written to by everybody");
	vm_gets(NULL, "dir/disk", NULL, 1, "other/vm.yaml", NULL);
	/* Only its disk is written to. */
	vm_gets("dir/disk", NULL, NULL, 0, "other/vm.yaml", NULL);
	/* Who started with this config has judged its folder. */
	vm_gets(NULL, "dir/disk", NULL, 0, "dir/config.yaml", NULL);
	assert_int_equal(chmod("dir", 01777), 0);
	vm_gets(NULL, "dir/disk", NULL, 0, "other/vm.yaml", NULL);
	if (geteuid())
		return;
	assert_int_equal(chown("dir/disk", NOBODY, 0), 0);
	vm_gets(NULL, "dir/disk", NULL, 0, "other/vm.yaml", NULL);
	assert_int_equal(symlink("disk", "dir/link"), 0);
	vm_gets(NULL, "dir/link", NULL, 0, "other/vm.yaml", NULL);
	assert_int_equal(lchown("dir/link", NOBODY, 0), 0);
	vm_gets(NULL, "dir/link", NULL, 0, "other/vm.yaml", "/dir/link belongs to user 65534");
	assert_int_equal(chown("dir", NOBODY, 0), 0);
	vm_gets(NULL, "dir/disk", NULL, 0, "other/vm.yaml", "/dir belongs to user 65534");
	/* To him who it is, it is his own. */
	assert_int_equal(seteuid(NOBODY), 0);
	vm_gets(NULL, "dir/link", NULL, 0, "other/vm.yaml", NULL);
	assert_int_equal(seteuid(0), 0);
}

#define GUARD "/proc/sys/fs/protected_hardlinks"

/* Where anybody may link root's files into a folder that is open to all, one there may be any. */
static void linked_disk(void **state)
{
	static const char told[] = "/dir/disk may be a link to any file: others may write";

	put("dir/disk", "", 0644);
	own_mounts();
	put("guard", "0\n", 0644);
	put("guarded", "1\n", 0644);
	assert_int_equal(mount("guard", GUARD, NULL, MS_BIND, NULL), 0);
	vm_gets(NULL, "dir/disk", NULL, 0, "other/vm.yaml", NULL);
	assert_int_equal(chmod("dir", 01777), 0);
	vm_gets(NULL, "dir/disk", NULL, 0, "other/vm.yaml", told);
	vm_gets(NULL, "dir/disk", NULL, 1, "other/vm.yaml", NULL);
	/* Only its disk is written to. */
	vm_gets("dir/disk", NULL, NULL, 0, "other/vm.yaml", NULL);
	/* Nobody can link the folder that it is in. */
	assert_int_equal(mkdir("dir/own", 0755), 0);
	put("dir/own/disk", "", 0644);
	vm_gets(NULL, "dir/own/disk", NULL, 0, "other/vm.yaml", NULL);
	assert_int_equal(mount("guarded", GUARD, NULL, MS_BIND, NULL), 0);
	vm_gets(NULL, "dir/disk", NULL, 0, "other/vm.yaml", NULL);
	umount2(GUARD, MNT_DETACH);
	umount2(GUARD, MNT_DETACH);
	assert_int_equal(unlink("dir/own/disk") | rmdir("dir/own"), 0);
	assert_int_equal(unlink("guard") | unlink("guarded"), 0);
}

static void hosts_own(void **state)
{
	if (geteuid()) {
		print_message("# skipped: only root has files of others\n");
		skip();
	}
	vm_gets("/etc/shadow", NULL, NULL, 0, "dir/config.yaml", "/etc/shadow is not for everybody");
	vm_gets(NULL, "/etc/shadow", NULL, 0, "dir/config.yaml", "/etc/shadow is a file of this");
	vm_gets(NULL, "/etc/passwd", NULL, 0, "dir/config.yaml", "/etc/passwd is a file of this");
	vm_gets(NULL, NULL, "name=opt/x,file=/etc/shadow", 0, "dir/config.yaml",
		"/etc/shadow is not for everybody");
	vm_gets(NULL, NULL, "name=opt/x,file=/etc/passwd", 0, "dir/config.yaml", NULL);
	vm_gets(NULL, NULL, "name=opt/x,file=/etc/none", 0, "dir/config.yaml", NULL);
	vm_gets("/etc/shadow", "/etc/passwd", "file=/etc/shadow", 1, "dir/config.yaml", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(modes, setup, teardown),
		cmocka_unit_test_setup_teardown(owners, setup, teardown),
		cmocka_unit_test_setup_teardown(links, setup, teardown),
		cmocka_unit_test_setup_teardown(no_way, setup, teardown),
		cmocka_unit_test_setup_teardown(the_very_same, setup, teardown),
		cmocka_unit_test_setup_teardown(config_of_others, setup, teardown),
		cmocka_unit_test_setup_teardown(host_files, setup, teardown),
		cmocka_unit_test_setup_teardown(way_to_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(linked_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(hosts_own, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
