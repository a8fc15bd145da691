// SPDX-License-Identifier: LGPL-2.1-or-later
#include "util/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/file.h"
#include "util/mem.h"

/* As many links as the kernel follows. */
#define MAX_LINKS 40

/* A walk: the folder that it has come to, what is left of the path, and how many links it took. */
struct trust_walk {
	struct qtrust *t;
	int dir;
	char rest[PATH_MAX];
	char name[NAME_MAX + 1];
	unsigned int links;
};

static char *path_of(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	return qmem_strdup(path);
}

/* Does the kernel let nobody link a file that he may not write to? */
static bool links_are_guarded(void)
{
	long long guarded;

	return !qfile_read_ll(AT_FDCWD, "/proc/sys/fs/protected_hardlinks", &guarded) && guarded;
}

/* What can be told of one part of the way. */
static void judge_part(struct qtrust *t, int fd, const struct stat *st)
{
	bool folder = S_ISDIR(st->st_mode), link = S_ISLNK(st->st_mode);
	char *path;

	if (!link && !(st->st_mode & (folder ? S_IXOTH : S_IROTH)))
		t->secret = true;
	/* Then it was not the last one. */
	t->led = t->writable;
	if (folder)
		t->linked = st->st_mode & 022;
	if (!link && !folder) {
		t->root_only = !st->st_uid && !(st->st_mode & 0066);
		t->linked = t->linked && !links_are_guarded();
	}
	if (t->writable)
		return;
	path = path_of(fd);
	if (st->st_uid && st->st_uid != geteuid())
		t->writable = qmem_printf("%s belongs to user %u", path, st->st_uid);
	else if (!link && st->st_mode & 022 && !(folder && st->st_mode & S_ISVTX))
		t->writable = qmem_printf("%s can be written to by %s (mode %04o)", path,
					  st->st_mode & 002 ? "everybody" : "its group",
					  st->st_mode & 07777);
	free(path);
}

static int walk_from(struct trust_walk *w, const char *folder)
{
	struct stat st;
	int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (w->dir >= 0)
		close(w->dir);
	w->dir = fd;
	if (fstat(fd, &st))
		return -errno;
	judge_part(w->t, fd, &st);
	return 0;
}

/* Takes the next part off the path; return: is there one? */
static bool next_part(struct trust_walk *w)
{
	char *p = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(p, "/");

	if (!len || len > NAME_MAX)
		return false;
	memcpy(w->name, p, len);
	w->name[len] = '\0';
	memmove(w->rest, p + len, strlen(p + len) + 1);
	return true;
}

/* The link @fd: its target comes before what is left of the path. */
static int follow_link(struct trust_walk *w, int fd)
{
	char target[PATH_MAX], both[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	if (++w->links > MAX_LINKS)
		return -ELOOP;
	target[n] = '\0';
	if (snprintf(both, sizeof(both), "%s%s", target, w->rest) >= (int)sizeof(both))
		return -ENAMETOOLONG;
	memcpy(w->rest, both, sizeof(both));
	return target[0] == '/' ? walk_from(w, "/") : 0;
}

/* Return: 1: @fd is what the path leads to; 0: not yet; or a negative errno */
static int take_part(struct trust_walk *w, int fd)
{
	bool last = !w->rest[strspn(w->rest, "/")];
	struct stat *st = &w->t->st;
	int ret;

	if (fstat(fd, st))
		return -errno;
	judge_part(w->t, fd, st);
	if (S_ISLNK(st->st_mode)) {
		ret = follow_link(w, fd);
		if (!ret)
			close(fd);
		return ret;
	}
	if (last)
		return 1;
	if (!S_ISDIR(st->st_mode))
		return -ENOTDIR;
	close(w->dir);
	w->dir = fd;
	return 0;
}

/* Return: an O_PATH fd of what the path leads to, or a negative errno */
static int walk(struct trust_walk *w)
{
	int fd, ret;

	for (;;) {
		if (!next_part(w))
			return w->rest[strspn(w->rest, "/")] ? -ENAMETOOLONG : -EISDIR;
		fd = openat(w->dir, w->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		ret = take_part(w, fd);
		if (ret > 0)
			return fd;
		if (ret < 0) {
			close(fd);
			return ret;
		}
	}
}

/* Where a relative path counts from is a part of the way, too. */
static int full_path(const char *path, char full[PATH_MAX])
{
	char cwd[PATH_MAX] = "";

	if (path[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return -errno;
	if (!path[0])
		return -ENOENT;
	return snprintf(full, PATH_MAX, "%s%s%s", cwd, *cwd ? "/" : "", path) < PATH_MAX
		       ? 0
		       : -ENAMETOOLONG;
}

/*
 * May nobody but root enter a folder, or one that it is in? Asked from the file up: of the way that
 * a path took to it, links and ".." may have left any part.
 */
static bool is_closed(int dir)
{
	struct stat st, above;
	bool closed = false;
	int up, fd = fcntl(dir, F_DUPFD_CLOEXEC, 3);

	while (fd >= 0 && !closed && !fstat(fd, &st)) {
		closed = !st.st_uid && !(st.st_mode & 0011);
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = up;
		if (fd >= 0 &&
		    (fstat(fd, &above) || (above.st_dev == st.st_dev && above.st_ino == st.st_ino)))
			break;
	}
	if (fd >= 0)
		close(fd);
	return closed;
}

static int reopen(int fd, int flags)
{
	char link[64];
	int ret;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ret = open(link, flags | O_CLOEXEC | O_NOCTTY);
	return ret < 0 ? -errno : ret;
}

static int open_it(const char *path, bool block, struct qtrust *t)
{
	struct trust_walk w = { .t = t, .dir = -1 };
	mode_t mode;
	int fd, ret;

	ret = full_path(path, w.rest);
	if (!ret)
		ret = walk_from(&w, "/");
	fd = ret ? ret : walk(&w);
	if (fd >= 0)
		t->root_only = t->root_only || is_closed(w.dir);
	if (w.dir >= 0)
		close(w.dir);
	if (fd < 0)
		return fd;
	mode = t->st.st_mode;
	if (S_ISDIR(mode))
		ret = -EISDIR;
	else if (!S_ISREG(mode) && !(block && S_ISBLK(mode)))
		ret = -ENOTSUP;
	else
		ret = t->fd = reopen(fd, O_RDONLY | (S_ISREG(mode) ? O_NONBLOCK : 0));
	close(fd);
	if (ret < 0)
		return ret;
	t->path = path_of(t->fd);
	return 0;
}

int qtrust_open(const char *path, bool block, struct qtrust *t, struct qerr *e)
{
	int ret;

	memset(t, 0, sizeof(*t));
	t->fd = -1;
	ret = open_it(path, block, t);
	if (ret == -ENOTSUP || (ret == -EISDIR && block))
		return qerr_set(e, -ret, "%s: no regular file; accepted: a regular file%s", path,
				block ? " or a block device" : "");
	return ret ? qerr_sys(e, -ret, "%s", path) : 0;
}

int qtrust_reopen(const struct qtrust *t, int flags)
{
	return reopen(t->fd, flags);
}

void qtrust_free(struct qtrust *t)
{
	if (t->fd >= 0)
		close(t->fd);
	free(t->path);
	free(t->writable);
	memset(t, 0, sizeof(*t));
	t->fd = -1;
}
