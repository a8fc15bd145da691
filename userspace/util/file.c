// SPDX-License-Identifier: LGPL-2.1-or-later
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/mem.h"

/* Reads until the end of the file or until @len bytes are there. */
static ssize_t read_fully(int fd, char *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = read(fd, buf + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += n;
	}
	return done;
}

static int write_fully(int fd, const char *buf, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, buf, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf += n;
		len -= n;
	}
	return 0;
}

ssize_t qfile_read(int dirfd, const char *path, char *buf, size_t len)
{
	ssize_t n;
	int fd;

	buf[0] = '\0';
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	/*
	 * One read is all that a small file takes; a second one, only to see its end, would double
	 * the time of reading many.
	 */
	do {
		n = read(fd, buf, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0 || (size_t)n == len) {
		buf[0] = '\0';
		return n < 0 ? n : -EFBIG;
	}
	while (n && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return n;
}

ssize_t qfile_read_fd(int fd, size_t max, char **buf)
{
	size_t room = 4096, len = 0;
	ssize_t n;

	*buf = NULL;
	do {
		room *= 2;
		*buf = qmem_realloc(*buf, room, 1);
		n = read_fully(fd, *buf + len, room - 1 - len);
		if (n < 0)
			break;
		len += n;
		if (len > max)
			n = -EFBIG;
	} while (n >= 0 && len == room - 1);
	if (n < 0) {
		free(*buf);
		*buf = NULL;
		return n;
	}
	(*buf)[len] = '\0';
	return len;
}

/* As qfile_read_fd(); closes @fd. */
static ssize_t read_to_end(int fd, size_t max, char **buf)
{
	ssize_t n = qfile_read_fd(fd, max, buf);

	close(fd);
	return n;
}

ssize_t qfile_read_all(int dirfd, const char *path, size_t max, char **buf)
{
	int fd;

	*buf = NULL;
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd < 0 ? -errno : read_to_end(fd, max, buf);
}

int qfile_open_plain(const char *path, int flags, bool block)
{
	struct stat st;
	int fd, ret = 0;

	/* The open of a FIFO would wait for its other end. */
	fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return errno == ENXIO ? -ENOTSUP : -errno;
	if (fstat(fd, &st))
		ret = -errno;
	else if (S_ISDIR(st.st_mode))
		ret = -EISDIR;
	else if (!S_ISREG(st.st_mode) && !(block && S_ISBLK(st.st_mode)))
		ret = -ENOTSUP;
	/* It stays: of /proc and tracefs, files that are called regular wait as well. */
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

const char *qfile_strerror(int err)
{
	return err == EAGAIN ? "whoever reads it waits for more; accepted: a file that has an end"
			     : strerror(err);
}

ssize_t qfile_read_plain(const char *path, size_t max, char **buf)
{
	int fd = qfile_open_plain(path, O_RDONLY, false);

	*buf = NULL;
	return fd < 0 ? fd : read_to_end(fd, max, buf);
}

/* An fd of the caller's: the file is opened once more, or the pipe behind it. */
static bool is_fd(const char *path)
{
	static const char *const dirs[] = { "/dev/fd/", "/proc/self/fd/" };
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (!strncmp(path, dirs[i], strlen(dirs[i])))
			return true;
	return !strcmp(path, "/dev/stdin");
}

int qfile_open_named(const char *path, struct qerr *e)
{
	int fd;

	if (is_fd(path)) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		return fd < 0 ? qerr_sys(e, errno, "%s", path) : fd;
	}
	fd = qfile_open_plain(path, O_RDONLY, false);
	if (fd == -ENOTSUP)
		return qerr_set(e, ENOTSUP, "%s: no regular file; accepted: a regular file", path);
	return fd < 0 ? qerr_sys(e, -fd, "%s", path) : fd;
}

ssize_t qfile_read_named(const char *path, size_t max, char **buf, struct qerr *e)
{
	int fd = qfile_open_named(path, e);
	ssize_t len;

	*buf = NULL;
	if (fd < 0)
		return fd;
	len = read_to_end(fd, max, buf);
	if (len == -EFBIG)
		return qerr_set(e, EFBIG,
				"%s: more than %zu MiB; a file of that size is not accepted", path,
				max >> 20);
	return len < 0 ? qerr_set(e, -len, "%s: %s", path, qfile_strerror(-len)) : len;
}

int qfile_read_ll(int dirfd, const char *path, long long *value)
{
	char buf[64], *end;
	ssize_t n = qfile_read(dirfd, path, buf, sizeof(buf));

	if (n < 0)
		return n;
	errno = 0;
	*value = strtoll(buf, &end, 0);
	if (end == buf || *end)
		return -EINVAL;
	return -errno;
}

int qfile_write(int dirfd, const char *path, const char *text)
{
	size_t len = strlen(text);
	ssize_t n;
	int fd, err = 0;

	fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	do {
		n = write(fd, text, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		err = -errno;
	else if ((size_t)n != len)
		err = -EIO;
	close(fd);
	return err;
}

/* Makes what happened to names in @path's directory last. */
static int sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, slash == path ? 1 : slash - path) : strdup(".");
	int fd, err = 0;

	fd = open(qmem_check(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd < 0)
		return -errno;
	if (fsync(fd))
		err = -errno;
	close(fd);
	return err;
}

int qfile_replace(const char *path, const void *data, size_t len, mode_t mode)
{
	char *tmp = qmem_printf("%s.new", path);
	int fd, err;

	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0) {
		err = -errno;
		goto out;
	}
	err = write_fully(fd, data, len);
	if (!err && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(tmp, path))
		err = -errno;
	if (err) {
		unlink(tmp);
		goto out;
	}
	err = sync_parent(path);
out:
	free(tmp);
	return err;
}

int qfile_remove(const char *path)
{
	if (unlink(path))
		return errno == ENOENT ? 0 : -errno;
	return sync_parent(path);
}

int qfile_mkdirs(const char *path, mode_t mode)
{
	char *copy, *p;
	struct stat st;
	int err = 0;

	if (!stat(path, &st))
		return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	copy = qmem_strdup(path);
	for (p = copy + 1; !err; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, mode) && errno != EEXIST)
			err = -errno;
		*p = c;
		if (!c)
			break;
	}
	free(copy);
	if (err)
		return err;
	if (stat(path, &st))
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

/* The folder that @path is in. */
static int make_parents(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent;
	int err;

	if (!slash || slash == path)
		return 0;
	parent = strndup(path, slash - path);
	err = qfile_mkdirs(qmem_check(parent), 0755);
	free(parent);
	return err;
}

int qfile_private_dir(const char *path, struct qerr *e)
{
	struct stat st;
	int fd, err = make_parents(path);

	if (!err && mkdir(path, 0700) && errno != EEXIST)
		err = -errno;
	if (err)
		return qerr_sys(e, -err, "mkdir %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return qerr_sys(e, errno, "%s", path);
	if (fstat(fd, &st))
		err = qerr_sys(e, errno, "%s", path);
	else if (st.st_uid != geteuid())
		err = qerr_set(e, EPERM, "%s belongs to user %u; accepted: a folder of one's own",
			       path, st.st_uid);
	else if (st.st_mode & 077 && fchmod(fd, 0700))
		err = qerr_sys(e, errno, "chmod 0700 %s", path);
	close(fd);
	return err;
}

int qfile_link_name(int dirfd, const char *path, char *buf, size_t len)
{
	char target[PATH_MAX];
	const char *name;
	ssize_t n;

	buf[0] = '\0';
	n = readlinkat(dirfd, path, target, sizeof(target));
	if (n < 0)
		return -errno;
	if ((size_t)n == sizeof(target))
		return -ENAMETOOLONG;
	target[n] = '\0';
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	if (strlen(name) >= len)
		return -ENAMETOOLONG;
	memcpy(buf, name, strlen(name) + 1);
	return 0;
}

DIR *qfile_opendir(int dirfd, const char *path)
{
	int err, fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0) {
		err = errno;
		close(fd);
		errno = err;
	}
	return dir;
}

bool qfile_exists(int dirfd, const char *path)
{
	return !faccessat(dirfd, path, F_OK, 0);
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

int qfile_lock(const char *path, unsigned int wait_ms, struct qerr *e)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	long long end = now_ms() + wait_ms;
	struct stat st;
	char pid[32];
	int fd, err;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return qerr_sys(e, errno, "%s", path);
	/* Who can open it can hold it. */
	if (fstat(fd, &st) || st.st_uid != geteuid() || (st.st_mode & 077 && fchmod(fd, 0600))) {
		close(fd);
		return qerr_set(e, EPERM, "%s: not this user's alone; remove it", path);
	}
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		err = errno;
		if (err == EWOULDBLOCK && now_ms() < end) {
			nanosleep(&pause, NULL);
			continue;
		}
		close(fd);
		if (err != EWOULDBLOCK)
			return qerr_sys(e, err, "%s", path);
		qfile_read(AT_FDCWD, path, pid, sizeof(pid));
		return qerr_set(
			e, EBUSY,
			"another run is at work (process %s, lock %s): wait until it has ended",
			*pid ? pid : "unknown", path);
	}
	/* Only told to people: what counts is the lock. */
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) || pwrite(fd, pid, strlen(pid), 0) < 0) {
		err = errno;
		close(fd);
		return qerr_sys(e, err, "%s", path);
	}
	return fd;
}

int qfile_boot_id(char buf[37])
{
	char text[64];
	ssize_t n = qfile_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, sizeof(text));

	buf[0] = '\0';
	if (n != 36)
		return n < 0 ? n : -EINVAL;
	memcpy(buf, text, 37);
	return 0;
}
