// SPDX-License-Identifier: GPL-2.0-only
/* Records of VMs that run: who can lock them, and what becomes of one that can't be read. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "util/file.h"
#include "vm/record.h"

/* For what should not wait at all. */
#define SECONDS 20
#define NOBODY	65534

struct place {
	char top[64];
	char run[96];
	char file[128];
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	*state = p;
	snprintf(p->top, sizeof(p->top), "/tmp/test_record.XXXXXX");
	assert_non_null(mkdtemp(p->top));
	assert_int_equal(chmod(p->top, 0755), 0);
	snprintf(p->run, sizeof(p->run), "%s/run", p->top);
	snprintf(p->file, sizeof(p->file), "%s/a.json", p->run);
	setenv("QWAMOS_RUN_DIR", p->run, 1);
	alarm(SECONDS);
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = { "a.json", "a.damaged", "b.json", "a b.json" };
	struct place *p = *state;
	char path[160];
	size_t i;

	alarm(0);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", p->run, files[i]);
		remove(path);
	}
	rmdir(p->run);
	rmdir(p->top);
	free(p);
	return 0;
}

static unsigned int mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void put(const char *path, const char *text, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/*
 * As another user, locks @path for reading as long as the returned pipe is open; -1: it can't, and
 * @pid has ended.
 */
static int lock_as_nobody(const char *path, pid_t *pid)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	int up[2], down[2], fd;
	char c;

	assert_int_equal(pipe(up) | pipe(down), 0);
	*pid = fork();
	assert_true(*pid >= 0);
	if (!*pid) {
		close(up[0]);
		close(down[1]);
		if (setresuid(NOBODY, NOBODY, NOBODY))
			_exit(2);
		fd = open(path, O_RDONLY);
		if (fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) || write(up[1], "l", 1) != 1)
			_exit(1);
		_exit(read(down[0], &c, 1) != 0);
	}
	close(up[1]);
	close(down[0]);
	fd = read(up[0], &c, 1) == 1 ? down[1] : -1;
	close(up[0]);
	if (fd < 0) {
		close(down[1]);
		waitpid(*pid, NULL, 0);
	}
	return fd;
}

/* Whatever umask there is. */
static void modes(void **state)
{
	const struct place *p = *state;
	mode_t old = umask(0);
	struct qrecord r;
	struct qerr e;

	assert_int_equal(qrecord_take("a", &r, &e), 0);
	umask(old);
	assert_int_equal(mode_of(p->run), 0700);
	assert_int_equal(mode_of(p->file), 0600);
	assert_int_equal(qrecord_write(&r, &e), 0);
	qrecord_drop(&r);
	/* What an earlier version has left is closed to others. */
	assert_int_equal(chmod(p->run, 0755), 0);
	assert_int_equal(chmod(p->file, 0644), 0);
	assert_int_equal(qrecord_take("a", &r, &e), 1);
	assert_int_equal(mode_of(p->run), 0700);
	assert_int_equal(mode_of(p->file), 0600);
	qrecord_remove(&r);
}

static void others_lock_nothing(void **state)
{
	const struct place *p = *state;
	struct qrecord r;
	struct qerr e;
	pid_t pid;
	int fd;

	if (geteuid()) {
		print_message("# skipped: only root has files of others\n");
		skip();
	}
	assert_int_equal(qrecord_take("a", &r, &e), 0);
	assert_int_equal(qrecord_write(&r, &e), 0);
	qrecord_drop(&r);
	assert_int_equal(lock_as_nobody(p->file, &pid), -1);
	assert_int_equal(lock_as_nobody(p->run, &pid), -1);
	/* One that is locked since a time when all could open it does not stand in the way. */
	assert_int_equal(chmod(p->run, 0755), 0);
	assert_int_equal(chmod(p->file, 0644), 0);
	fd = lock_as_nobody(p->file, &pid);
	assert_true(fd >= 0);
	assert_false(qrecord_alive(&r));
	if (qrecord_take("a", &r, &e) != 1)
		fail_msg("%s", e.msg);
	assert_int_equal(mode_of(p->file), 0600);
	assert_true(qrecord_alive(&r));
	qrecord_remove(&r);
	close(fd);
	waitpid(pid, NULL, 0);
}

static void another_users_folder(void **state)
{
	const struct place *p = *state;
	struct qrecord r;
	struct qerr e;

	if (geteuid()) {
		print_message("# skipped: only root has files of others\n");
		skip();
	}
	assert_int_equal(mkdir(p->run, 0755), 0);
	assert_int_equal(chown(p->run, NOBODY, NOBODY), 0);
	assert_int_equal(qrecord_take("a", &r, &e), -EPERM);
	assert_non_null(strstr(e.msg, "belongs to user 65534"));
}

/* The lock of runs of qwamos-vfio. */
static void other_locks(void **state)
{
	const struct place *p = *state;
	struct qerr e;
	int fd;

	assert_int_equal(mkdir(p->run, 0755), 0);
	put(p->file, "", 0, 0666);
	fd = qfile_lock(p->file, 0, &e);
	assert_true(fd >= 0);
	assert_int_equal(mode_of(p->file), 0600);
	close(fd);
	if (geteuid())
		return;
	assert_int_equal(chown(p->file, NOBODY, NOBODY), 0);
	assert_int_equal(qfile_lock(p->file, 0, &e), -EPERM);
	assert_non_null(strstr(e.msg, "a.json: not this user's alone; remove it"));
}

static void supervisor(void **state)
{
	struct qrecord r, other;
	struct qerr e;

	assert_int_equal(qrecord_take("a", &r, &e), 0);
	qrecord_add_bound(&r, "0000:01:00.0");
	r.vm_id = 7;
	snprintf(r.config, sizeof(r.config), "/etc/vm.yaml");
	snprintf(r.config_sha256, sizeof(r.config_sha256), "00ff");
	snprintf(r.cgroup, sizeof(r.cgroup), "/sys/fs/cgroup/qwamos/a");
	assert_int_equal(qrecord_write(&r, &e), 0);
	assert_true(qrecord_alive(&r));
	assert_int_equal(qrecord_take("a", &other, &e), -EBUSY);
	assert_int_equal(other.pid, getpid());
	assert_non_null(strstr(e.msg, "VM a is running already (its supervisor is process "));
	qrecord_drop(&other);
	assert_int_equal(qrecord_find("a", &other, &e), 0);
	assert_string_equal(other.damage, "");
	assert_string_equal(other.config, "/etc/vm.yaml");
	assert_string_equal(other.config_sha256, "00ff");
	assert_string_equal(other.cgroup, "/sys/fs/cgroup/qwamos/a");
	assert_int_equal(other.vm_id, 7);
	assert_int_equal(other.n_bound, 1);
	qrecord_drop(&other);
	qrecord_remove(&r);
	assert_int_equal(qrecord_find("a", &other, &e), -ENOENT);
}

/* @text: with @ for this boot's id. It must be read as damaged, with @part in why. */
static void is_damaged(const struct place *p, const char *text, const char *part)
{
	char boot[37], all[1024];
	const char *at;
	struct qrecord *list, r;
	struct qerr e;
	size_t n;

	assert_int_equal(qfile_boot_id(boot), 0);
	at = strchr(text, '@');
	if (at)
		snprintf(all, sizeof(all), "%.*s%s%s", (int)(at - text), text, boot, at + 1);
	else
		snprintf(all, sizeof(all), "%s", text);
	put(p->file, all, strlen(all), 0600);
	assert_int_equal(qrecord_find("a", &r, &e), 0);
	if (!strstr(r.damage, part))
		fail_msg("%s: '%s'", all, r.damage);
	/* Nothing of it is used. */
	assert_int_equal(r.pid, 0);
	assert_int_equal(r.vm_id, 0);
	assert_int_equal(r.n_bound, 0);
	assert_string_equal(r.cgroup, "");
	assert_string_equal(r.config, "");
	assert_false(qrecord_alive(&r));
	qrecord_drop(&r);
	assert_int_equal(qrecord_list(&list, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_string_equal(list[0].name, "a");
	assert_true(list[0].damage[0]);
	assert_string_equal(list[1].name, "b");
	assert_string_equal(list[1].damage, "");
	qrecord_list_free(list, n);
	assert_int_equal(qrecord_take("a", &r, &e), 1);
	assert_true(r.damage[0]);
	qrecord_drop(&r);
}

#define HEAD "{\"name\":\"a\",\"boot_id\":\"@\""

static void damaged(void **state)
{
	static const char *const texts[][2] = {
		{ "null", "not a JSON object" },
		{ "[null]", "not a JSON object" },
		{ "5", "not a JSON object" },
		{ "\"a\"", "not a JSON object" },
		{ "{", "not JSON: " },
		{ "{\"name\":\"a\",\"boot", "not JSON: " },
		{ "nonsense", "not JSON" },
		{ "{}", "'name'" },
		{ "{\"name\":null}", "'name'" },
		{ "{\"name\":\"b\"}", "'name'" },
		{ "{\"name\":\"a\"}", "'boot_id'" },
		{ "{\"name\":\"a\",\"boot_id\":5}", "'boot_id'" },
		{ HEAD ",\"pid\":\"1\"}", "'pid'" },
		{ HEAD ",\"pid\":-1}", "'pid'" },
		{ HEAD ",\"pid\":9999999999}", "'pid'" },
		{ HEAD ",\"pid\":null}", "'pid'" },
		{ HEAD ",\"vm_id\":[]}", "'vm_id'" },
		{ HEAD ",\"cgroup\":5}", "'cgroup'" },
		{ HEAD ",\"cgroup\":\"/\"}", "'cgroup'" },
		{ HEAD ",\"cgroup\":\"/sys/fs/cgroup\"}", "'cgroup'" },
		{ HEAD ",\"cgroup\":\"/sys/fs/cgroup/qwamos/b\"}", "'cgroup'" },
		{ HEAD ",\"cgroup\":\"/sys/../qwamos/a\"}", "'cgroup'" },
		{ HEAD ",\"config\":{}}", "'config'" },
		{ HEAD ",\"config\":\"vm.yaml\"}", "'config'" },
		{ HEAD ",\"config_sha256\":1}", "'config_sha256'" },
		{ HEAD ",\"disks\":null}", "'disks'" },
		{ HEAD ",\"disks\":{}}", "'disks'" },
		{ HEAD ",\"disks\":[null]}", "'disks'" },
		{ HEAD ",\"disks\":[{\"block\":false,\"dev\":1,\"ino\":\"2\",\"write\":true}]}",
		  "'disks'" },
		{ HEAD ",\"disks\":[{\"block\":false,\"dev\":1,\"ino\":2}]}", "'disks'" },
		{ HEAD ",\"disks\":[{\"block\":0,\"dev\":1,\"ino\":2,\"write\":true}]}",
		  "'disks'" },
		{ HEAD ",\"bound\":null}", "'bound'" },
		{ HEAD ",\"bound\":{}}", "'bound'" },
		{ HEAD ",\"bound\":[null,null]}", "'bound'" },
		{ HEAD ",\"bound\":[\"0000:01:00.0\",5]}", "'bound'" },
		{ HEAD ",\"bound\":[\"../../x\"]}", "'bound'" },
	};
	const struct place *p = *state;
	struct qrecord r;
	struct qerr e;
	size_t i;

	assert_int_equal(qrecord_take("b", &r, &e), 0);
	assert_int_equal(qrecord_write(&r, &e), 0);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		is_damaged(p, texts[i][0], texts[i][1]);
	qrecord_drop(&r);
}

/* Each beginning of a whole one, and each with one byte changed: told or taken, never a crash. */
static void cut_and_flipped(void **state)
{
	const struct place *p = *state;
	struct qrecord r;
	char text[1024];
	struct qerr e;
	ssize_t len, i;
	int fd;

	assert_int_equal(qrecord_take("a", &r, &e), 0);
	qrecord_add_bound(&r, "0000:01:00.0");
	qrecord_add_bound(&r, "0000:02:00.0");
	snprintf(r.cgroup, sizeof(r.cgroup), "/sys/fs/cgroup/qwamos/a");
	assert_int_equal(qrecord_write(&r, &e), 0);
	qrecord_drop(&r);
	fd = open(p->file, O_RDONLY);
	len = read(fd, text, sizeof(text));
	close(fd);
	assert_true(len > 0 && len < (ssize_t)sizeof(text));
	for (i = 1; i < len; i++) {
		put(p->file, text, i, 0600);
		assert_int_equal(qrecord_find("a", &r, &e), 0);
		assert_true(r.damage[0]);
		qrecord_drop(&r);
	}
	for (i = 0; i < len; i++) {
		text[i] ^= 0x55;
		put(p->file, text, len, 0600);
		assert_int_equal(qrecord_find("a", &r, &e), 0);
		qrecord_drop(&r);
		text[i] ^= 0x55;
	}
	/* A rest of a longer one before it is what a supervisor that was killed may leave. */
	text[len] = '}';
	put(p->file, text, len + 1, 0600);
	assert_int_equal(qrecord_find("a", &r, &e), 0);
	assert_string_equal(r.damage, "");
	assert_int_equal(r.n_bound, 2);
	qrecord_drop(&r);
}

/* Of VM b, which runs, @has; of VM a, @wants: is a refused it? */
static bool is_refused(const struct qrecord_disk *has, const struct qrecord_disk *wants)
{
	struct qrecord a, b;
	char other[64];
	struct qerr e;
	size_t at = 9;

	assert_int_equal(qrecord_take("a", &a, &e), 0);
	assert_int_equal(qrecord_take("b", &b, &e), 0);
	qrecord_add_disk(&b, has);
	assert_int_equal(qrecord_write(&b, &e), 0);
	qrecord_add_disk(&a, &(struct qrecord_disk){ .dev = 77, .ino = 1, .write = true });
	qrecord_add_disk(&a, wants);
	assert_int_equal(qrecord_write(&a, &e), 0);
	assert_int_equal(qrecord_find_disk(&a, &at, other, &e), 0);
	/* What nobody holds is of no VM that runs. */
	qrecord_drop(&b);
	if (other[0]) {
		assert_string_equal(other, "b");
		assert_int_equal(at, 1);
		at = other[0];
		assert_int_equal(qrecord_find_disk(&a, &at, other, &e), 0);
		assert_string_equal(other, "");
		at = 1;
	}
	qrecord_remove(&a);
	assert_int_equal(qrecord_take("b", &b, &e), 1);
	assert_int_equal(b.n_disks, 1);
	assert_int_equal(b.disks[0].dev, has->dev);
	assert_int_equal(b.disks[0].ino, has->ino);
	assert_int_equal(b.disks[0].block, has->block);
	assert_int_equal(b.disks[0].write, has->write);
	qrecord_remove(&b);
	return at == 1;
}

static void disks(void **state)
{
	/* As large as numbers of inodes may be. */
	const struct qrecord_disk r = { .dev = 1ULL << 40, .ino = UINT64_MAX - 1 };
	struct qrecord_disk w = r, other = r, block = r;
	struct qrecord a;
	struct stat st;
	struct qerr e;

	w.write = true;
	other.write = true;
	other.ino--;
	block.write = true;
	block.block = true;
	assert_false(is_refused(&r, &r));
	assert_true(is_refused(&r, &w));
	assert_true(is_refused(&w, &r));
	assert_true(is_refused(&w, &w));
	assert_false(is_refused(&w, &other));
	assert_false(is_refused(&w, &block));
	/* One that is named twice. */
	assert_int_equal(qrecord_take("a", &a, &e), 0);
	qrecord_add_disk(&a, &r);
	qrecord_add_disk(&a, &w);
	qrecord_add_disk(&a, &r);
	assert_int_equal(a.n_disks, 1);
	assert_true(a.disks[0].write);
	qrecord_remove(&a);
	assert_int_equal(stat("/", &st), 0);
	other = qrecord_disk_of(&st, true);
	assert_true(other.write && !other.block && other.ino == st.st_ino);
}

/* The supervisor was killed, and its QEMU can't be: it still writes. In a folder for a cgroup. */
static void disk_of_one_left(void **state)
{
	static const char *const dirs[] = { "", "/qwamos", "/qwamos/b" };
	const struct qrecord_disk d = { .dev = 1, .ino = 2, .write = true };
	const struct place *p = *state;
	char path[160], events[192], other[2][64];
	struct qrecord a, b;
	struct qerr e;
	size_t i, at;

	assert_int_equal(qrecord_take("b", &b, &e), 0);
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/cgroup%s", p->top, dirs[i]);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	snprintf(b.cgroup, sizeof(b.cgroup), "%s", path);
	qrecord_add_disk(&b, &d);
	assert_int_equal(qrecord_write(&b, &e), 0);
	qrecord_drop(&b);
	assert_int_equal(qrecord_take("a", &a, &e), 0);
	qrecord_add_disk(&a, &d);
	snprintf(events, sizeof(events), "%s/cgroup.events", path);
	for (i = 0; i < 2; i++) {
		if (i)
			put(events, "populated 0\nfrozen 0\n", 21, 0644);
		else
			put(events, "populated 1\nfrozen 0\n", 21, 0644);
		assert_int_equal(qrecord_find_disk(&a, &at, other[i], &e), 0);
	}
	qrecord_remove(&a);
	unlink(events);
	for (i = sizeof(dirs) / sizeof(dirs[0]); i--;) {
		snprintf(path, sizeof(path), "%s/cgroup%s", p->top, dirs[i]);
		rmdir(path);
	}
	assert_string_equal(other[0], "b");
	assert_string_equal(other[1], "");
}

/* Who read the record of a VM that has ended takes no process of the next one's for its. */
static void not_another_one(void **state)
{
	struct qrecord mine, read;
	struct qerr e;

	assert_int_equal(qrecord_take("a", &mine, &e), 0);
	mine.vm_id = 7;
	assert_int_equal(qrecord_write(&mine, &e), 0);
	assert_int_equal(qrecord_find("a", &read, &e), 0);
	assert_true(qrecord_still(&read));
	/* One that runs as well, by the same name: it may have another's number. */
	mine.vm_id = 8;
	assert_int_equal(qrecord_write(&mine, &e), 0);
	assert_true(qrecord_alive(&read));
	assert_false(qrecord_still(&read));
	mine.vm_id = 7;
	mine.pid++;
	assert_int_equal(qrecord_write(&mine, &e), 0);
	assert_false(qrecord_still(&read));
	qrecord_drop(&mine);
	assert_false(qrecord_still(&read));
	qrecord_drop(&read);
}

static void empty_ones(void **state)
{
	const struct place *p = *state;
	struct qrecord r;
	struct qerr e;

	assert_int_equal(mkdir(p->run, 0700), 0);
	put(p->file, "", 0, 0600);
	assert_int_equal(qrecord_find("a", &r, &e), 0);
	assert_string_equal(r.damage, "");
	assert_int_equal(qrecord_take("a", &r, &e), 0);
	qrecord_remove(&r);
}

static void huge(void **state)
{
	const struct place *p = *state;
	struct qrecord r;
	struct qerr e;

	assert_int_equal(mkdir(p->run, 0700), 0);
	put(p->file, "", 0, 0600);
	assert_int_equal(truncate(p->file, 1LL << 40), 0);
	assert_int_equal(qrecord_find("a", &r, &e), 0);
	assert_string_equal(r.damage, "more than 65536 bytes");
	qrecord_drop(&r);
}

/* What is no file is told, and not waited for. */
static void no_files(void **state)
{
	const struct place *p = *state;
	char aside[PATH_MAX];
	struct qrecord r;
	struct qerr e;
	int i;

	assert_int_equal(mkdir(p->run, 0700), 0);
	for (i = 0; i < 3; i++) {
		if (i == 0)
			assert_int_equal(mkfifo(p->file, 0600), 0);
		else if (i == 1)
			assert_int_equal(symlink("/dev/zero", p->file), 0);
		else
			assert_int_equal(mkdir(p->file, 0700), 0);
		assert_int_equal(qrecord_find("a", &r, &e), 0);
		assert_true(r.damage[0]);
		assert_false(qrecord_alive(&r));
		assert_int_equal(qrecord_take("a", &r, &e), -EBADMSG);
		assert_non_null(strstr(e.msg, "a.json: no regular file"));
		assert_int_equal(qrecord_set_aside("a", aside, &e), 0);
		assert_non_null(strstr(aside, "/a.damaged"));
		assert_int_equal(qrecord_find("a", &r, &e), -ENOENT);
		assert_int_equal(remove(aside), 0);
	}
	/* No VM can be called so. */
	snprintf(aside, sizeof(aside), "%s/a b.json", p->run);
	put(aside, "null", 4, 0600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(modes, setup, teardown),
		cmocka_unit_test_setup_teardown(others_lock_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(another_users_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(other_locks, setup, teardown),
		cmocka_unit_test_setup_teardown(supervisor, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(cut_and_flipped, setup, teardown),
		cmocka_unit_test_setup_teardown(disks, setup, teardown),
		cmocka_unit_test_setup_teardown(disk_of_one_left, setup, teardown),
		cmocka_unit_test_setup_teardown(not_another_one, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(huge, setup, teardown),
		cmocka_unit_test_setup_teardown(no_files, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
