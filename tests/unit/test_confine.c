// SPDX-License-Identifier: GPL-2.0-only
/* A VM's disk is opened, or refused at once, whatever stands at its path. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "own_mounts.h"
#include "util/file.h"
#include "vm/confine.h"

/* For what should not wait at all. */
#define SECONDS 10

struct disk {
	char dir[64];
	char path[96];
};

static int setup(void **state)
{
	struct disk *d = calloc(1, sizeof(*d));

	*state = d;
	snprintf(d->dir, sizeof(d->dir), "/tmp/test_confine.XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	snprintf(d->path, sizeof(d->path), "%s/disk", d->dir);
	alarm(SECONDS);
	return 0;
}

static int teardown(void **state)
{
	struct disk *d = *state;

	alarm(0);
	unlink(d->path);
	rmdir(d->dir);
	free(d);
	return 0;
}

/* As start does: first what is there, then what of it the VM gets. */
static int open_it(struct qconfine *x, const char *path, int persistent, char said[512])
{
	struct qconfig c = { .disk = (char *)path, .persistent = persistent };
	struct qdiags d = { 0 };
	struct qvm_files f;
	struct qerr e = { 0 };
	int ret;

	memset(x, 0, sizeof(*x));
	x->disk[0] = x->disk[1] = x->tmp = -1;
	c.accept_host_files = 1;
	ret = qvm_files_open(&f, &c, "/nowhere/vm.yaml", &d);
	if (!ret)
		ret = qconfine_open(x, &c, &f, &e);
	snprintf(said, 512, "%s", d.n ? d.list[0].text : e.msg);
	qvm_files_free(&f);
	qdiags_free(&d);
	return ret;
}

static void is_refused(const char *path)
{
	struct qconfine x;
	char said[512];
	int keep;

	for (keep = 0; keep < 2; keep++) {
		assert_int_equal(open_it(&x, path, keep, said), -EINVAL);
		assert_non_null(strstr(said, path));
		assert_non_null(strstr(said, "accepted: a regular file or a block device"));
		qconfine_free(&x);
	}
}

static void fifo(void **state)
{
	struct disk *d = *state;

	assert_int_equal(mkfifo(d->path, 0600), 0);
	is_refused(d->path);
}

static void others(void **state)
{
	struct disk *d = *state;

	is_refused(d->dir);
	is_refused("/dev/null");
}

/* With nothing left of how it was opened. */
static void regular_file(void **state)
{
	struct disk *d = *state;
	struct qconfine x;
	char said[512];
	int fd = open(d->path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(open_it(&x, d->path, 1, said), 0);
	assert_int_equal(fcntl(x.disk[0], F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR);
	assert_int_equal(fcntl(x.disk[1], F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY);
	assert_int_equal(fcntl(x.disk[0], F_GETFD), FD_CLOEXEC);
	qconfine_free(&x);
	assert_int_equal(open_it(&x, d->path, 0, said), 0);
	assert_int_equal(x.disk[0], -1);
	qconfine_free(&x);
}

/* The disk as it stands there, without what start finds wrong with it. */
static int open_disk(struct qconfine *x, const struct qconfig *c, struct qerr *e)
{
	struct qvm_files f = { .disk.fd = -1 };
	int ret = qtrust_open(c->disk, true, &f.disk, e);

	if (!ret)
		ret = qconfine_open(x, c, &f, e);
	qvm_files_free(&f);
	return ret;
}

/* What QEMU demands of an fd that it is given in place of a name. */
static void past_the_cache(void **state)
{
	static const struct {
		const char *cache;
		int direct;
	} cases[] = {
		{ NULL, 0 },	 { "writeback", 0 },   { "writethrough", 0 },
		{ "unsafe", 0 }, { "none", O_DIRECT }, { "directsync", O_DIRECT },
	};
	struct disk *d = *state;
	struct qconfine x;
	struct qerr e;
	size_t i;
	int fd, keep;

	fd = open(d->path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	close(fd);
	for (i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const struct qconfig c = { .disk = d->path,
					   .disk_cache = (char *)cases[i / 2].cache,
					   .persistent = i % 2 };

		keep = c.persistent;
		memset(&x, 0, sizeof(x));
		x.disk[0] = x.disk[1] = x.tmp = -1;
		if (open_disk(&x, &c, &e)) {
			/* Some file systems can't. */
			assert_int_equal(cases[i / 2].direct, O_DIRECT);
			assert_non_null(strstr(e.msg, "past the page cache"));
		} else {
			assert_int_equal(fcntl(x.disk[1], F_GETFL) & O_DIRECT, cases[i / 2].direct);
			assert_int_equal(x.disk[0] >= 0, keep);
			if (keep)
				assert_int_equal(fcntl(x.disk[0], F_GETFL) & O_DIRECT,
						 cases[i / 2].direct);
		}
		qconfine_free(&x);
	}
}

/* A read that is no whole sector would fail on such an fd, and tell nothing. */
static void backing_past_the_cache(void **state)
{
	static const char head[] = "QFI\xfb\0\0\0\3\0\0\0\0\0\0\1\150\0\0\0\10";
	struct disk *d = *state;
	struct qconfine x;
	struct qerr e;
	const struct qconfig c = { .disk = d->path,
				   .disk_format = (char *)"qcow2",
				   .disk_cache = (char *)"none",
				   .persistent = true };
	int fd = open(d->path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_int_equal(write(fd, head, sizeof(head)), sizeof(head));
	close(fd);
	memset(&x, 0, sizeof(x));
	x.disk[0] = x.disk[1] = x.tmp = -1;
	assert_int_equal(open_disk(&x, &c, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "backing file"));
	qconfine_free(&x);
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* In a cgroup that is a folder of ours: what would be told to the kernel. */
static void io_limits(void **state)
{
	struct disk *d = *state;
	struct qconfig c = {
		.disk = d->path,
		.persistent = 1,
		.io = { .read_kib = 1024, .write_kib = -1, .read_ops = -1, .write_ops = 50 }
	};
	struct qvm vm = { .cg.fd = open(d->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	char path[128], text[128] = "", expected[128];
	unsigned int maj = 0, min = 0;
	struct qconfine x;
	struct qerr e = { 0 };
	struct stat st;
	FILE *f;
	int ret;

	snprintf(vm.cg.path, sizeof(vm.cg.path), "%s/a/b", d->dir);
	put(d->dir, "io.max", "");
	put(d->dir, "disk", "");
	assert_int_equal(stat(d->path, &st), 0);
	memset(&x, 0, sizeof(x));
	x.disk[0] = x.disk[1] = x.tmp = -1;
	assert_int_equal(open_disk(&x, &c, &e), 0);
	ret = qconfine_limit_io(&x, &vm, &c, &e);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", major(st.st_dev),
		 minor(st.st_dev));
	f = fopen(path, "r");
	if (!f || fscanf(f, "%u:%u", &maj, &min) != 2) {
		maj = major(st.st_dev);
		min = minor(st.st_dev);
	}
	if (f)
		fclose(f);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", maj, min);
	if (access(path, F_OK)) {
		/* A file system that is on no disk: refused, not without the limit. */
		assert_int_equal(ret, -ENOTSUP);
		assert_non_null(strstr(e.msg, d->path));
	} else {
		assert_int_equal(ret, 0);
		snprintf(path, sizeof(path), "%s/io.max", d->dir);
		f = fopen(path, "r");
		assert_non_null(fgets(text, sizeof(text), f));
		fclose(f);
		snprintf(expected, sizeof(expected), "%u:%u rbps=1048576 wiops=50", maj, min);
		assert_string_equal(text, expected);
		/* A kernel without such limits. */
		unlink(path);
		assert_int_equal(qconfine_limit_io(&x, &vm, &c, &e), -ENOTSUP);
		assert_non_null(strstr(e.msg, "io.max is missing"));
	}
	/* What asks for none needs none. */
	c.io = (struct qconfig_io){ -1, -1, -1, -1 };
	assert_int_equal(qconfine_limit_io(&x, &vm, &c, &e), 0);
	qconfine_free(&x);
	close(vm.cg.fd);
	snprintf(path, sizeof(path), "%s/io.max", d->dir);
	unlink(path);
}

static void says(const char *dir, const char *name, uint64_t number)
{
	char path[128], text[64], expected[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_true(qfile_read(AT_FDCWD, path, text, sizeof(text)) > 0);
	snprintf(expected, sizeof(expected), "%" PRIu64, number);
	assert_string_equal(text, expected);
	unlink(path);
}

/*
 * Files that are copied into memory are no part of what QEMU may take, and nothing that the
 * supervisor would have to end for. In cgroups that are folders of ours.
 */
static void copies_are_paid(void **state)
{
	static const char *const limits[] = { "memory.max",	    "pids.max",	   "cpu.max",
					      "vm/memory.max",	    "vm/pids.max", "vm/cpu.max",
					      "vm/memory.oom.group" };
	struct qcgroup_limits l = { .memory = 300 << 20, .pids = 1, .cpu_percent = 100 };
	struct disk *d = *state;
	struct qcgroup cg;
	struct qsandbox s;
	struct qerr e;
	char path[128];
	size_t i;
	int fd;

	qsandbox_init(&s);
	fd = open(d->path, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (100 << 20) + 1), 0);
	qsandbox_add_file(&s, d->path, fd);
	qsandbox_add_file(&s, "/nowhere", -1);
	l.files = qsandbox_copied(&s);
	assert_int_equal(l.files, (100 << 20) + sysconf(_SC_PAGESIZE));
	s.files[0].fd = -1;
	assert_int_equal(qsandbox_copied(&s), l.files);
	/* More than that is not copied. */
	assert_int_equal(ftruncate(fd, 1ULL << 40), 0);
	assert_int_equal(qsandbox_copied(&s), 512 << 20);
	/* This one is shown where it is. */
	assert_int_equal(fchmod(fd, 0604), 0);
	assert_int_equal(qsandbox_copied(&s), 0);
	close(fd);
	qsandbox_free(&s);

	snprintf(path, sizeof(path), "%s/vm", d->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		put(d->dir, limits[i], "");
	snprintf(cg.path, sizeof(cg.path), "%s", d->dir);
	cg.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(qcgroup_limit(&cg, &l, &e), 0);
	qcgroup_close(&cg);
	says(d->dir, "vm/memory.max", l.memory);
	says(d->dir, "memory.max", l.memory + (32 << 20) + l.files);
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", d->dir, limits[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/vm", d->dir);
	rmdir(path);
}

/* QCONFINE_TMP, empty, for this process alone; to be unmounted from /var/lib. */
static void own_tmp(void)
{
	own_mounts();
	assert_int_equal(mount("tmpfs", "/var/lib", "tmpfs", 0, NULL), 0);
	assert_int_equal(mkdir("/var/lib/qwamos-gpu", 0755), 0);
	assert_int_equal(mkdir(QCONFINE_TMP, 0700), 0);
}

/*
 * What a VM's /var/tmp is left with, by QEMU and by files of the host that are below /var/tmp: none
 * of it stays. In a mount namespace of its own, for the place is the host's.
 */
static void tmp_is_removed(void **state)
{
	static const char *const dirs[] = { "vm", "vm/a", "vm/a/b", "vm/c", "vm/out" };
	struct qconfine x = { .disk = { -1, -1 } };
	char path[128];
	size_t i;

	own_tmp();
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), QCONFINE_TMP "/%s", dirs[i]);
		assert_int_equal(mkdir(path, 0755), 0);
		put(path, "file", "");
	}
	assert_int_equal(rename(QCONFINE_TMP "/vm/out", "/var/lib/out"), 0);
	assert_int_equal(symlink("/var/lib/out", QCONFINE_TMP "/vm/a/link"), 0);
	snprintf(x.sandbox.tmp, sizeof(x.sandbox.tmp), QCONFINE_TMP "/vm");
	x.tmp = open(x.sandbox.tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(x.tmp >= 0);
	qconfine_remove_tmp(&x);
	assert_int_equal(access(QCONFINE_TMP "/vm", F_OK), -1);
	/* What a link leads to is not its. */
	assert_int_equal(access("/var/lib/out/file", F_OK), 0);
	assert_int_equal(umount2("/var/lib", MNT_DETACH), 0);
}

/* Is it gone within two seconds? */
static bool goes(const char *path)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	int i;

	for (i = 0; i < 200 && !access(path, F_OK); i++)
		nanosleep(&pause, NULL);
	return i < 200;
}

/* However much a VM has left there: others that start or end do not wait until that is removed. */
static void tmp_is_emptied_alone(void **state)
{
	struct qconfine x = { .disk = { -1, -1 } };
	bool emptied;
	int all;
	pid_t pid;

	own_tmp();
	assert_int_equal(mkdir(QCONFINE_TMP "/vm", 0755), 0);
	put(QCONFINE_TMP "/vm", "file", "");
	snprintf(x.sandbox.tmp, sizeof(x.sandbox.tmp), QCONFINE_TMP "/vm");
	x.tmp = open(x.sandbox.tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	all = open(QCONFINE_TMP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(all, LOCK_EX), 0);
	pid = fork();
	if (!pid) {
		close(all);
		qconfine_remove_tmp(&x);
		_exit(0);
	}
	emptied = goes(QCONFINE_TMP "/vm/file");
	close(all);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(x.tmp);
	assert_true(emptied);
	assert_int_equal(access(QCONFINE_TMP "/vm", F_OK), -1);
	assert_int_equal(umount2("/var/lib", MNT_DETACH), 0);
}

/* Whether somebody else could take the lock of all when a file was last removed. */
static bool others_go_on;

/* In place of libc's. */
int unlinkat(int dirfd, const char *path, int flags)
{
	int all = open(QCONFINE_TMP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (all >= 0 && !strcmp(path, "file"))
		others_go_on = !flock(all, LOCK_EX | LOCK_NB);
	if (all >= 0)
		close(all);
	return syscall(SYS_unlinkat, dirfd, path, flags);
}

/* Nor do they wait while what a killed supervisor has left is removed. */
static void left_is_emptied_alone(void **state)
{
	static const char *const dirs[] = { "vm", "older~", "taken" };
	char path[128];
	int taken;
	size_t i;

	own_tmp();
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), QCONFINE_TMP "/%s", dirs[i]);
		assert_int_equal(mkdir(path, 0755), 0);
		put(path, "file", "");
	}
	taken = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(taken, LOCK_EX), 0);
	others_go_on = false;
	qconfine_mend_tmp();
	assert_true(others_go_on);
	assert_int_equal(access(QCONFINE_TMP "/vm", F_OK), -1);
	assert_int_equal(access(QCONFINE_TMP "/vm~", F_OK), -1);
	assert_int_equal(access(QCONFINE_TMP "/older~", F_OK), -1);
	assert_int_equal(access(QCONFINE_TMP "/taken/file", F_OK), 0);
	close(taken);
	assert_int_equal(umount2("/var/lib", MNT_DETACH), 0);
}

/* Opens the disk while somebody holds a lock of @type on @byte; return: as qconfine_open() */
static int open_locked(const struct disk *d, mode_t mode, int type, int byte,
		       const struct qconfig *c, struct qerr *e)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
	struct qconfine x = { .disk = { -1, -1 }, .tmp = -1 };
	int fd = open(d->path, O_RDWR | O_CREAT, 0600), ret;

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	ret = open_disk(&x, c, e);
	qconfine_free(&x);
	close(fd);
	return ret;
}

/* Locks of who may be anybody say nothing; of root's they do what QEMU's own would. */
static void locks(void **state)
{
	struct disk *d = *state;
	struct qconfig c = { .disk = d->path, .persistent = 1 };
	char holder[64], closed[96], link[112], back[112];
	int through_link, through_back;
	struct qerr e = { 0 };

	if (geteuid()) {
		print_message("# skipped: only root has files of root's\n");
		skip();
	}
	assert_int_equal(chmod(d->dir, 0755), 0);
	assert_int_equal(open_locked(d, 0644, F_RDLCK, 100, &c, &e), 0);
	assert_int_equal(open_locked(d, 0640, F_RDLCK, 100, &c, &e), 0);
	assert_int_equal(open_locked(d, 0644, F_WRLCK, 201, &c, &e), 0);
	/* The holder is told, though the kernel tells none of such a lock. */
	snprintf(holder, sizeof(holder), "disk is in use on this computer: process %d (",
		 (int)getpid());
	assert_int_equal(open_locked(d, 0600, F_RDLCK, 100, &c, &e), -EBUSY);
	assert_non_null(strstr(e.msg, holder));
	assert_int_equal(open_locked(d, 0600, F_RDLCK, 299, &c, &e), -EBUSY);
	assert_int_equal(open_locked(d, 0600, F_RDLCK, 99, &c, &e), 0);
	assert_int_equal(open_locked(d, 0600, F_RDLCK, 300, &c, &e), 0);
	/* A folder that is closed closes what is in it. */
	assert_int_equal(chmod(d->dir, 0700), 0);
	assert_int_equal(open_locked(d, 0666, F_RDLCK, 100, &c, &e), -EBUSY);
	/* But a folder that the path only went through, by a link or "..", closes nothing. */
	snprintf(closed, sizeof(closed), "%s/closed", d->dir);
	snprintf(link, sizeof(link), "%s/closed/link", d->dir);
	snprintf(back, sizeof(back), "%s/closed/../disk", d->dir);
	assert_int_equal(chmod(d->dir, 0755), 0);
	assert_int_equal(mkdir(closed, 0700), 0);
	assert_int_equal(symlink(d->path, link), 0);
	c.disk = link;
	through_link = open_locked(d, 0644, F_RDLCK, 100, &c, &e);
	c.disk = back;
	through_back = open_locked(d, 0644, F_RDLCK, 100, &c, &e);
	unlink(link);
	rmdir(closed);
	assert_int_equal(through_link, 0);
	assert_int_equal(through_back, 0);
	c.disk = d->path;
	assert_int_equal(chmod(d->dir, 0700), 0);
	/* Who only reads stands in nobody's way who only reads. */
	c.persistent = 0;
	assert_int_equal(open_locked(d, 0600, F_RDLCK, 100, &c, &e), 0);
	assert_int_equal(open_locked(d, 0600, F_RDLCK, 201, &c, &e), 0);
	assert_int_equal(open_locked(d, 0600, F_RDLCK, 101, &c, &e), -EBUSY);
	assert_int_equal(open_locked(d, 0600, F_RDLCK, 200, &c, &e), -EBUSY);
	c.accept_disk_in_use = 1;
	assert_int_equal(open_locked(d, 0600, F_RDLCK, 101, &c, &e), 0);
}

/* Is a byte of it locked by somebody? */
static bool is_locked(const char *path, int byte)
{
	struct flock lock = { .l_type = F_WRLCK, .l_start = byte, .l_len = 1 };
	int fd = open(path, O_RDWR);

	assert_int_equal(fcntl(fd, F_OFD_GETLK, &lock), 0);
	close(fd);
	return lock.l_type != F_UNLCK;
}

/* A lock that somebody else takes, once, just before we take our first. */
static struct {
	int fd;
	struct flock lock;
} meanwhile = { .fd = -1 };

/* In place of libc's. */
int fcntl(int fd, int cmd, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (cmd == F_OFD_SETLK && meanwhile.fd >= 0 && meanwhile.fd != fd) {
		syscall(SYS_fcntl, meanwhile.fd, cmd, &meanwhile.lock);
		meanwhile.fd = -1;
	}
	return syscall(SYS_fcntl, fd, cmd, arg);
}

/* A QEMU takes its locks, and then looks at those of others: ours may have come a moment later. */
static void locked_meanwhile(void **state)
{
	struct disk *d = *state;
	struct qconfig c = { .disk = d->path, .persistent = 1 };
	struct qconfine x = { .disk = { -1, -1 }, .tmp = -1 };
	struct qerr e;
	char holder[64];
	int fd = open(d->path, O_RDWR | O_CREAT, 0600), ret;

	if (geteuid()) {
		close(fd);
		print_message("# skipped: only root has files of root's\n");
		skip();
	}
	meanwhile.lock = (struct flock){ .l_type = F_RDLCK, .l_start = 101, .l_len = 1 };
	meanwhile.fd = fd;
	ret = open_disk(&x, &c, &e);
	qconfine_free(&x);
	close(fd);
	assert_int_equal(meanwhile.fd, -1);
	assert_int_equal(ret, -EBUSY);
	snprintf(holder, sizeof(holder), "process %d (", (int)getpid());
	assert_non_null(strstr(e.msg, holder));
	/* Ours alone are in nobody's way. */
	assert_int_equal(open_disk(&x, &c, &e), 0);
	qconfine_free(&x);
}

/* A QEMU that is started by hand is to find it in use. */
static void locked_for_others(void **state)
{
	struct disk *d = *state;
	struct qconfig c = { .disk = d->path };
	struct qvm_files f = { .disk.fd = -1 };
	struct qconfine x;
	struct qerr e;
	int keep;

	put(d->dir, "disk", "");
	for (keep = 0; keep < 2; keep++) {
		c.persistent = keep;
		x = (struct qconfine){ .disk = { -1, -1 }, .tmp = -1 };
		assert_int_equal(qtrust_open(d->path, true, &f.disk, &e), 0);
		assert_int_equal(qconfine_open(&x, &c, &f, &e), 0);
		assert_true(is_locked(d->path, 100));
		assert_int_equal(is_locked(d->path, 101), keep);
		assert_false(is_locked(d->path, 200));
		assert_true(is_locked(d->path, 201));
		qvm_files_free(&f);
		assert_false(is_locked(d->path, 100));
		qconfine_free(&x);
	}
}

static void missing(void **state)
{
	struct disk *d = *state;
	struct qconfine x;
	char said[512];

	assert_int_equal(open_it(&x, d->path, 1, said), -EINVAL);
	assert_non_null(strstr(said, "No such file"));
	qconfine_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(locks, setup, teardown),
		cmocka_unit_test_setup_teardown(locked_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(locked_for_others, setup, teardown),
		cmocka_unit_test_setup_teardown(fifo, setup, teardown),
		cmocka_unit_test_setup_teardown(others, setup, teardown),
		cmocka_unit_test_setup_teardown(regular_file, setup, teardown),
		cmocka_unit_test_setup_teardown(past_the_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(backing_past_the_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(io_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(copies_are_paid, setup, teardown),
		cmocka_unit_test_setup_teardown(tmp_is_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(tmp_is_emptied_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(left_is_emptied_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(missing, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("confine", tests, NULL, NULL);
}
