// SPDX-License-Identifier: GPL-2.0-only
/* The root directory: the host's programs and libraries, read-only, and what the sandbox names. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sandbox/sandbox.h"
#include "util/file.h"

/* Of the host. On most these are links into /usr, and stay such. */
static const char *const dirs[] = { "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32" };
/* Where libraries are found by name, and what some of their names lead to. */
static const char *const etc[] = { "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime" };

/* How large a file may be that is copied into memory, in bytes. */
#define COPY_MAX (512 << 20)

/* Where paths are put together: below the new root. */
#define BELOW(path, from) \
	(snprintf((path), sizeof(path), QSANDBOX_ROOT "%s", (from)) < (int)sizeof(path))

static int make_dirs(const char *path)
{
	char copy[PATH_MAX], *p;

	snprintf(copy, sizeof(copy), "%s", path);
	for (p = copy + strlen(QSANDBOX_ROOT) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		if (mkdir(copy, 0755) && errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* Read-only, with all that is mounted below it. */
static int close_tree(const char *path)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					       MOUNT_ATTR_NODEV };

	return mount_setattr(AT_FDCWD, path, AT_RECURSIVE, &attr, sizeof(attr)) ? -errno : 0;
}

/* A file or directory of the host at its own path. */
static int show(const char *from, struct qerr *e)
{
	char to[PATH_MAX];
	struct stat st;
	int fd, ret;

	if (!BELOW(to, from) || stat(from, &st))
		return qerr_sys(e, errno, "%s", from);
	ret = make_dirs(to);
	if (ret)
		return qerr_sys(e, -ret, "mkdir for %s", to);
	if (S_ISDIR(st.st_mode)) {
		if (mkdir(to, 0755) && errno != EEXIST)
			return qerr_sys(e, errno, "mkdir %s", to);
	} else {
		fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
		if (fd < 0)
			return qerr_sys(e, errno, "%s", to);
		close(fd);
	}
	if (mount(from, to, NULL, MS_BIND | MS_REC, NULL))
		return qerr_sys(e, errno, "mount of %s", from);
	ret = close_tree(to);
	return ret ? qerr_sys(e, -ret, "mount of %s, read-only", from) : 0;
}

/* A file that its user may not read is copied into memory, for that user alone. */
static int copy(const struct qsandbox *s, const struct qsandbox_file *file, struct qerr *e)
{
	char to[PATH_MAX], buf[65536];
	const char *from = file->path;
	int in, out = -1, ret;
	off_t done = 0;
	ssize_t n;

	if (!BELOW(to, from))
		return qerr_sys(e, ENAMETOOLONG, "%s", from);
	in = file->fd < 0 ? open(from, O_RDONLY | O_CLOEXEC) : fcntl(file->fd, F_DUPFD_CLOEXEC, 3);
	if (in < 0)
		return qerr_sys(e, errno, "%s", from);
	ret = make_dirs(to);
	if (!ret)
		out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0440);
	if (out < 0) {
		ret = qerr_sys(e, ret ? -ret : errno, "%s", to);
		goto out_in;
	}
	/* What stands there if all is not written, without an error of its own. */
	errno = EFBIG;
	for (; (n = pread(in, buf, sizeof(buf), done)) > 0; done += n)
		if (done + n > COPY_MAX || write(out, buf, n) != n)
			break;
	if (n || fchown(out, 0, s->uid))
		ret = qerr_sys(e, errno, "copy of %s", from);
	close(out);
out_in:
	close(in);
	return ret;
}

/* May the sandbox's user not read it at its place? */
static bool is_copied(const struct stat *st)
{
	return !(st->st_mode & 0004);
}

uint64_t qsandbox_copied(const struct qsandbox *s)
{
	const uint64_t page = sysconf(_SC_PAGESIZE);
	uint64_t size, sum = 0;
	struct stat st;
	size_t i;

	for (i = 0; i < s->n_files; i++) {
		if (s->files[i].fd < 0 ? stat(s->files[i].path, &st) : fstat(s->files[i].fd, &st))
			continue;
		if (!is_copied(&st))
			continue;
		size = st.st_size < COPY_MAX ? st.st_size : COPY_MAX;
		sum += (size + page - 1) / page * page;
	}
	return sum;
}

static int show_file(const struct qsandbox *s, const struct qsandbox_file *file, struct qerr *e)
{
	struct stat st, shown;
	char to[PATH_MAX];
	int ret;

	if (file->fd < 0 ? stat(file->path, &st) : fstat(file->fd, &st))
		return qerr_sys(e, errno, "%s", file->path);
	if (is_copied(&st))
		return copy(s, file, e);
	ret = show(file->path, e);
	if (ret || file->fd < 0)
		return ret;
	/* Asked once it is mounted, where nobody exchanges it any more. */
	if (!BELOW(to, file->path) || stat(to, &shown))
		return qerr_sys(e, errno, "%s", to);
	if (shown.st_dev != st.st_dev || shown.st_ino != st.st_ino)
		return qerr_set(e, ESTALE, "%s is another file than the one that was looked at",
				file->path);
	return 0;
}

/* A directory of the host, or a link as it is there. */
static int show_dir(const char *dir, struct qerr *e)
{
	char target[PATH_MAX], to[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (lstat(dir, &st))
		return errno == ENOENT ? 0 : qerr_sys(e, errno, "%s", dir);
	if (!S_ISLNK(st.st_mode))
		return show(dir, e);
	n = readlink(dir, target, sizeof(target) - 1);
	if (n < 0 || !BELOW(to, dir))
		return qerr_sys(e, errno, "%s", dir);
	target[n] = '\0';
	return symlink(target, to) ? qerr_sys(e, errno, "link %s", to) : 0;
}

/* Slirp asks whoever the host asks. */
static int show_resolver(struct qerr *e)
{
	char from[PATH_MAX], to[PATH_MAX];
	int fd, ret;

	if (!realpath("/etc/resolv.conf", from) || !BELOW(to, "/etc/resolv.conf"))
		return 0;
	ret = make_dirs(to);
	fd = ret ? -1 : open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
	if (fd < 0)
		return qerr_sys(e, errno, "%s", to);
	close(fd);
	if (mount(from, to, NULL, MS_BIND, NULL))
		return qerr_sys(e, errno, "mount of %s", from);
	ret = close_tree(to);
	return ret ? qerr_sys(e, -ret, "mount of %s, read-only", from) : 0;
}

static int tmpfs(const char *dir, const char *options, unsigned long flags, struct qerr *e)
{
	char to[PATH_MAX];

	if (!BELOW(to, dir))
		return qerr_sys(e, ENAMETOOLONG, "%s", dir);
	if (mkdir(to, 0755) && errno != EEXIST)
		return qerr_sys(e, errno, "mkdir %s", to);
	if (mount("tmpfs", to, "tmpfs", MS_NOSUID | flags, options))
		return qerr_sys(e, errno, "mount of %s", to);
	return 0;
}

static int make_nodes(const struct qsandbox *s, struct qerr *e)
{
	char to[PATH_MAX];
	size_t i;
	int ret;

	ret = tmpfs("/dev", "mode=0755,size=64k,nr_inodes=256", MS_NOEXEC, e);
	for (i = 0; i < s->n_nodes && !ret; i++) {
		snprintf(to, sizeof(to), QSANDBOX_ROOT "/dev/%s", s->nodes[i].path);
		ret = make_dirs(to);
		if (ret)
			return qerr_sys(e, -ret, "mkdir for %s", to);
		/* The user's alone, whoever has the host's. */
		if (mknod(to, S_IFCHR | 0660, makedev(s->nodes[i].major, s->nodes[i].minor)) ||
		    chown(to, s->uid, s->uid))
			ret = qerr_sys(e, errno, "%s", to);
	}
	if (!ret && s->hugepages) {
		snprintf(to, sizeof(to), "uid=%u,gid=%u,mode=0770,size=%uM", s->uid, s->uid,
			 s->hugepages);
		if (mkdir(QSANDBOX_ROOT "/dev/hugepages", 0755) ||
		    mount("hugetlbfs", QSANDBOX_ROOT "/dev/hugepages", "hugetlbfs",
			  MS_NOSUID | MS_NODEV | MS_NOEXEC, to))
			ret = qerr_sys(e, errno, "mount of hugetlbfs");
	}
	return ret;
}

static int make_links(const struct qsandbox *s, struct qerr *e)
{
	char to[PATH_MAX];
	size_t i;
	int ret;

	for (i = 0; i < s->n_links; i++) {
		if (!BELOW(to, s->links[i].path))
			return qerr_sys(e, ENAMETOOLONG, "%s", s->links[i].path);
		ret = make_dirs(to);
		if (ret)
			return qerr_sys(e, -ret, "mkdir for %s", to);
		if (symlink(s->links[i].target, to))
			return qerr_sys(e, errno, "link %s", to);
	}
	return 0;
}

static int make_texts(const struct qsandbox *s, struct qerr *e)
{
	const struct qsandbox_text *t;
	char to[PATH_MAX];
	size_t i;
	int fd, ret;

	for (i = 0; i < s->n_texts; i++) {
		t = &s->texts[i];
		if (!BELOW(to, t->path))
			return qerr_sys(e, ENAMETOOLONG, "%s", t->path);
		ret = make_dirs(to);
		if (ret)
			return qerr_sys(e, -ret, "mkdir for %s", to);
		fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
		if (fd < 0)
			return qerr_sys(e, errno, "%s", to);
		/* What stands there if all is not written, without an error of its own. */
		errno = ENOSPC;
		if (write(fd, t->bytes, t->n) != (ssize_t)t->n)
			ret = qerr_sys(e, errno, "%s", to);
		close(fd);
		if (ret)
			return ret;
	}
	return 0;
}

static int make_tmp(const struct qsandbox *s, struct qerr *e)
{
	char options[96];
	int ret;

	/* Its user before execve(), another one, may pass to what it executes, if that is there. */
	snprintf(options, sizeof(options), "uid=%u,gid=%u,mode=0771,size=64m,nr_inodes=1024",
		 s->uid, s->uid);
	ret = tmpfs("/tmp", options, MS_NODEV | MS_NOEXEC, e);
	if (ret)
		return ret;
	if (mkdir(QSANDBOX_ROOT "/var", 0755))
		return qerr_sys(e, errno, "mkdir " QSANDBOX_ROOT "/var");
	if (!s->tmp[0])
		return tmpfs("/var/tmp", options, MS_NODEV | MS_NOEXEC, e);
	if (mkdir(QSANDBOX_ROOT "/var/tmp", 0755) ||
	    mount(s->tmp, QSANDBOX_ROOT "/var/tmp", NULL, MS_BIND, NULL) ||
	    mount(NULL, QSANDBOX_ROOT "/var/tmp", NULL,
		  MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return qerr_sys(e, errno, "mount of %s", s->tmp);
	return 0;
}

/* Only of the processes in it; nothing of the machine. */
static int make_proc(struct qerr *e)
{
	if (mkdir(QSANDBOX_ROOT "/proc", 0755) ||
	    mount("proc", QSANDBOX_ROOT "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "subset=pid,hidepid=invisible"))
		return qerr_sys(e, errno, "mount of /proc");
	return 0;
}

static int fill(const struct qsandbox *s, struct qerr *e)
{
	size_t i;
	int ret = 0;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]) && !ret; i++)
		ret = show_dir(dirs[i], e);
	for (i = 0; i < sizeof(etc) / sizeof(etc[0]) && !ret; i++)
		if (!access(etc[i], F_OK))
			ret = show(etc[i], e);
	if (!ret && s->host_net)
		ret = show_resolver(e);
	if (!ret)
		ret = make_nodes(s, e);
	if (!ret)
		ret = make_links(s, e);
	if (!ret)
		ret = make_texts(s, e);
	if (!ret)
		ret = make_proc(e);
	if (!ret)
		ret = make_tmp(s, e);
	/* Last, for they may be anywhere, in /tmp as well. */
	for (i = 0; i < s->n_files && !ret; i++)
		ret = show_file(s, &s->files[i], e);
	return ret;
}

int qsandbox_root(const struct qsandbox *s, struct qerr *e)
{
	int ret;

	umask(0);
	ret = qfile_mkdirs(QSANDBOX_ROOT, 0755);
	if (ret)
		return qerr_sys(e, -ret, "mkdir " QSANDBOX_ROOT);
	/* What is mounted here is for nobody else to see. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return qerr_sys(e, errno, "making mounts private");
	if (mount("tmpfs", QSANDBOX_ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"))
		return qerr_sys(e, errno, "mount of " QSANDBOX_ROOT);
	ret = fill(s, e);
	if (ret)
		return ret;
	if (chdir(QSANDBOX_ROOT) || syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) ||
	    chdir("/"))
		return qerr_sys(e, errno, "moving to the new root");
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) ||
	    mount(NULL, "/dev", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC,
		  NULL))
		return qerr_sys(e, errno, "making the new root read-only");
	umask(077);
	return 0;
}
