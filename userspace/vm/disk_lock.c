// SPDX-License-Identifier: GPL-2.0-only
#include "vm/disk_lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/file.h"

/* What is done to an image is byte DOES plus its number; what others may not do, ALONE plus it. */
#define DOES  100
#define ALONE 200
#define END   300
/* Numbers of what QEMU does: to read it as it is, to write, to make it longer or shorter. */
#define READS	0
#define WRITES	1
#define RESIZES 3

/* Does an fd of a process have a lock? The kernel shows those of its file there. */
static bool has_lock(const char *pid, const char *fd)
{
	char path[64], text[1024];
	bool has = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.10s/fdinfo/%.20s", pid, fd);
	f = fopen(path, "re");
	while (f && !has && fgets(text, sizeof(text), f))
		has = !strncmp(text, "lock:", 5);
	if (f)
		fclose(f);
	return has;
}

/*
 * Does a process have the image open, and locked? By @t->fd we do, and whoever waits for us has it
 * from us.
 */
static bool holds(const char *pid, const struct qtrust *t)
{
	const struct stat *st = &t->st;
	bool found = false, ours = atoi(pid) == getpid() || atoi(pid) == getppid();
	char path[64];
	struct dirent *de;
	struct stat its;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.10s/fd", pid);
	dir = opendir(path);
	while (dir && !found && (de = readdir(dir))) {
		/* Files of a network may keep one waiting; no image is asked for that is on one. */
		if (de->d_name[0] == '.' ||
		    fstatat(dirfd(dir), de->d_name, &its, AT_STATX_DONT_SYNC))
			continue;
		found = its.st_dev == st->st_dev && its.st_ino == st->st_ino &&
			!(ours && atoi(de->d_name) == t->fd) && has_lock(pid, de->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* The process that holds a lock of a file, of which the kernel tells no process; 0: not found. */
static pid_t find_holder(const struct qtrust *t)
{
	DIR *dir = opendir("/proc");
	struct dirent *de;
	pid_t pid = 0;

	while (dir && !pid && (de = readdir(dir)))
		if (de->d_name[0] >= '1' && de->d_name[0] <= '9' && holds(de->d_name, t))
			pid = atoi(de->d_name);
	if (dir)
		closedir(dir);
	return pid;
}

/* Return: 0, or -EBUSY with @pid: the holder, 0: not known */
static int ask(const struct qtrust *t, off_t from, off_t end, pid_t *pid)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = from, .l_len = end - from
	};

	/* A file system without locks has nobody who holds one. */
	if (fcntl(t->fd, F_OFD_GETLK, &lock) || lock.l_type == F_UNLCK)
		return 0;
	*pid = lock.l_pid > 0 ? lock.l_pid : find_holder(t);
	return -EBUSY;
}

int qdisk_lock_check(const struct qtrust *t, bool write, struct qerr *e)
{
	char path[64], comm[64] = "";
	pid_t pid = 0;
	int ret;

	if (!t->root_only)
		return 0;
	if (write)
		ret = ask(t, DOES, END, &pid);
	else
		ret = ask(t, DOES + WRITES, ALONE, &pid)
			      ?: ask(t, ALONE + READS, ALONE + READS + 1, &pid);
	if (!ret)
		return 0;
	if (!pid)
		return qerr_set(
			e, EBUSY,
			"%s is in use on this computer: somebody holds QEMU's locks on it; accepted: an image that nobody uses, or security.accept_disk_in_use: true",
			t->path);
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	if (qfile_read(AT_FDCWD, path, comm, sizeof(comm)) < 0)
		comm[0] = '\0';
	return qerr_set(
		e, EBUSY,
		"%s is in use on this computer: process %d (%s) holds QEMU's locks on it; accepted: an image that nobody uses, or security.accept_disk_in_use: true",
		t->path, (int)pid, comm);
}

void qdisk_lock_take(const struct qtrust *t, bool write)
{
	static const struct {
		off_t byte;
		bool write;
	} locks[] = {
		{ DOES + READS, false },   { DOES + WRITES, true },    { DOES + RESIZES, true },
		{ ALONE + WRITES, false }, { ALONE + RESIZES, false },
	};
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1 };
	size_t i;

	for (i = 0; i < sizeof(locks) / sizeof(locks[0]); i++) {
		lock.l_start = locks[i].byte;
		if (write || !locks[i].write)
			fcntl(t->fd, F_OFD_SETLK, &lock);
	}
}
