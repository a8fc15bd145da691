// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/holders.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util/file.h"
#include "util/mem.h"
#include "vfio/below.h"
#include "vfio/mounts.h"
#include "vfio/vendor_nodes.h"
#include "vfio/writer.h"

/*
 * How long a file is waited for that may be a dead server's, in ms, and how many of these may let
 * us wait: no more is looked at then.
 */
#define LOOK_MS	 500
#define MAX_HUNG 3

/* A file, and what is known of it: where it is, and if it is a node, of which device. */
struct held_file {
	dev_t dev;
	ino_t ino;
	mode_t type;
	dev_t rdev;
};

/*
 * A device's node, or several with consecutive minors. @common_held: the process at hand has it,
 * and it is a common one.
 */
struct owned {
	struct qvendor_node v;
	struct qvfio_dev *dev;
	bool common_held;
};

/**
 * struct search - a search for holders
 * @nodes: what is looked for
 * @n: their number
 * @pid: the process at hand
 * @task: it, or the thread of it that is looked at
 * @has_own: it has a node of one device of a driver that has common nodes as well
 * @mounts: mounts of the processes so far
 * @files: files that were mapped by the processes so far, a tree of struct held_file
 * @looker: looks at files that may be a dead server's
 * @n_hung: how many of them were waited for in vain
 */
struct search {
	struct owned *nodes;
	size_t n;
	pid_t pid, task;
	bool has_own;
	struct qmounts mounts;
	void *files;
	struct qwriter looker;
	unsigned int n_hung;
};

static void found(struct search *s, const struct owned *o, unsigned int nth, const char *how)
{
	char comm[32], number[16] = "";
	struct qholder *h;
	size_t i;

	/* Once for each process and device: a server has its card open many times. */
	for (i = 0; i < o->dev->n_holders; i++)
		if (o->dev->holders[i].pid == s->pid)
			return;
	h = QMEM_GROW(o->dev->holders, o->dev->n_holders);
	h->pid = s->pid;
	snprintf(comm, sizeof(comm), "/proc/%d/comm", (int)s->pid);
	qfile_read(AT_FDCWD, comm, h->comm, sizeof(h->comm));
	if (o->v.minors > 1)
		snprintf(number, sizeof(number), "%u", nth);
	snprintf(h->node, sizeof(h->node), "/dev/%s%s%s", o->v.node.name, number, how);
}

/* The process at hand has a node of that number: whose is it? */
static void match(struct search *s, mode_t type, dev_t rdev, const char *how)
{
	struct owned *o;
	unsigned int nth;

	s->has_own |= S_ISCHR(type) && qvendor_nodes_own(rdev);
	QMEM_EACH(o, s->nodes, s->n) {
		nth = minor(rdev) - minor(o->v.node.rdev);
		if (o->v.node.block != !!S_ISBLK(type) || major(rdev) != major(o->v.node.rdev) ||
		    nth >= o->v.minors)
			continue;
		if (o->v.common)
			o->common_held = true;
		else
			found(s, o, nth, how);
	}
}

/* Who has a common node, and no GPU's own one, may hold any of them. */
static void match_common(struct search *s)
{
	struct owned *o;

	QMEM_EACH(o, s->nodes, s->n) {
		if (o->common_held && !s->has_own)
			found(s, o, 0, "");
		o->common_held = false;
	}
	s->has_own = false;
}

/*
 * Look at a file behind a link of /proc, by what the kernel remembers of it. Nothing is asked of a
 * server: whether the file may be looked at has been found out before, for already the way to a
 * file of a dead server hangs.
 */
static bool look_at_file(int proc, const char *link, mode_t *type, dev_t *rdev)
{
	struct statx stx;

	if (statx(proc, link, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &stx))
		return false;
	*type = stx.stx_mode & S_IFMT;
	*rdev = makedev(stx.stx_rdev_major, stx.stx_rdev_minor);
	return true;
}

/* Look at a file on a file system that stands on others, which may be a dead server's. */
static bool look_warily(struct search *s, const char *link, mode_t *type, dev_t *rdev)
{
	char path[128];
	struct stat st;
	int err;

	if (s->n_hung == MAX_HUNG)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)s->task, link);
	err = qwriter_look(&s->looker, path, &st, LOOK_MS);
	s->n_hung += err == -ETIMEDOUT;
	if (err)
		return false;
	*type = st.st_mode & S_IFMT;
	*rdev = st.st_rdev;
	return true;
}

/* Look at a file behind a link of /proc, if nobody is waited for without end. */
static bool look(struct search *s, int proc, const char *link, enum qmount_kind kind,
		 const char *target, mode_t *type, dev_t *rdev)
{
	if (kind == QMOUNT_LOCAL || (kind == QMOUNT_UNKNOWN && strstr(target, "/dev/")))
		return look_at_file(proc, link, type, rdev);
	return kind == QMOUNT_UNKNOWN && look_warily(s, link, type, rdev);
}

/* The number of the mount that an fd's file is on, or -1 */
static int fd_mount(int proc, const char *fd)
{
	char path[64], *text, *at;
	int id = -1;

	snprintf(path, sizeof(path), "fdinfo/%.20s", fd);
	if (qfile_read_all(proc, path, 1 << 20, &text) < 0)
		return -1;
	at = strstr(text, "mnt_id:");
	if (at)
		sscanf(at, "mnt_id: %d", &id);
	free(text);
	return id;
}

/*
 * On what kind of file system an fd's file is. What is in /dev is local; it is not asked for its
 * fdinfo either, for which some drivers wait for their GPU. Of all else the mount tells.
 */
static enum qmount_kind fd_kind(struct search *s, int proc, const char *fd, const char *target)
{
	if (!strncmp(target, "/dev/", 5))
		return QMOUNT_LOCAL;
	return qmounts_by_id(&s->mounts, fd_mount(proc, fd));
}

static void search_fds(struct search *s, int proc)
{
	char target[PATH_MAX], link[64];
	struct dirent *de;
	mode_t type;
	dev_t rdev;
	ssize_t len;
	DIR *dir;

	dir = qfile_opendir(proc, "fd");
	if (!dir)
		return;
	while ((de = readdir(dir))) {
		if (de->d_name[0] == '.')
			continue;
		len = readlinkat(dirfd(dir), de->d_name, target, sizeof(target) - 1);
		if (len <= 0)
			continue;
		target[len] = '\0';
		snprintf(link, sizeof(link), "fd/%.20s", de->d_name);
		if (target[0] == '/' &&
		    look(s, proc, link, fd_kind(s, proc, de->d_name, target), target, &type,
			 &rdev) &&
		    (S_ISCHR(type) || S_ISBLK(type)))
			match(s, type, rdev, "");
	}
	closedir(dir);
}

static int compare_files(const void *a, const void *b)
{
	const struct held_file *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/*
 * What a mapped file is. Its device and inode name it in all processes alike, so each is looked at
 * once; who may not do that (it takes root) still knows the inodes of the nodes in /dev.
 */
static const struct held_file *mapped_file(struct search *s, int proc, const struct held_file *key,
					   const char *range, const char *path)
{
	struct held_file **known = tfind(key, &s->files, compare_files), *file;
	char link[64];

	if (known)
		return *known;
	file = qmem_calloc(1, sizeof(*file));
	*file = *key;
	snprintf(link, sizeof(link), "map_files/%s", range);
	if (!look(s, proc, link, qmounts_by_dev(&s->mounts, key->dev), path, &file->type,
		  &file->rdev)) {
		free(file);
		return NULL;
	}
	qmem_check(tsearch(file, &s->files, compare_files));
	return file;
}

/* One line of maps: "START-END PERMISSIONS OFFSET MAJOR:MINOR INODE PATH" */
static void search_mapping(struct search *s, int proc, const char *line)
{
	unsigned long start, end, ino;
	const struct held_file *file;
	struct held_file key = { 0 };
	unsigned int maj, min;
	char range[48], shared;
	int at = 0;

	/* Most lines have no file. */
	if (!strchr(line, '/') ||
	    sscanf(line, "%lx-%lx %*3s%c %*s %x:%x %lu %n", &start, &end, &shared, &maj, &min, &ino,
		   &at) < 6 ||
	    !ino || !at || line[at] != '/')
		return;
	key.dev = makedev(maj, min);
	key.ino = ino;
	/* Of a container's files, the many libraries are mapped privately: they are passed over. */
	if (shared != 's' && !strstr(line + at, "/dev/") &&
	    qmounts_by_dev(&s->mounts, key.dev) == QMOUNT_UNKNOWN)
		return;
	snprintf(range, sizeof(range), "%lx-%lx", start, end);
	file = mapped_file(s, proc, &key, range, line + at);
	if (file && (S_ISCHR(file->type) || S_ISBLK(file->type)))
		match(s, file->type, file->rdev, " (mapped)");
}

/* A mapping outlives the fd that it was made with. */
static void search_maps(struct search *s, int proc)
{
	char *text, *line, *save;

	if (qfile_read_all(proc, "maps", 64 << 20, &text) < 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		search_mapping(s, proc, line);
	free(text);
}

/* Number of a process's threads: the links of its folder "task" count them. */
static unsigned long count_threads(int procs, const char *pid)
{
	struct stat st;
	char task[300];

	snprintf(task, sizeof(task), "%s/task", pid);
	return fstatat(procs, task, &st, 0) || st.st_nlink < 3 ? 1 : st.st_nlink - 2;
}

/*
 * A kernel thread has no program, and most of /proc is passed over for that. Neither has a process
 * whose first thread has ended, but that one has others.
 */
static bool is_kernel_thread(int procs, const char *pid)
{
	char exe[300], any;

	snprintf(exe, sizeof(exe), "%s/exe", pid);
	return readlinkat(procs, exe, &any, 1) < 0 && errno == ENOENT &&
	       count_threads(procs, pid) < 2;
}

/* Calls @fn for each process but ourselves. */
static void for_processes(struct search *s, void (*fn)(struct search *s, int proc))
{
	DIR *dir = opendir("/proc");
	pid_t self = getpid();
	struct dirent *de;
	int proc;

	while (dir && (de = readdir(dir))) {
		if (!isdigit((unsigned char)de->d_name[0]) || atoi(de->d_name) == self ||
		    is_kernel_thread(dirfd(dir), de->d_name))
			continue;
		proc = openat(dirfd(dir), de->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (proc < 0)
			continue;
		s->pid = s->task = atoi(de->d_name);
		fn(s, proc);
		close(proc);
	}
	if (dir)
		closedir(dir);
}

/* Do a process and a thread of it have the same file descriptors? Not if that can't be told. */
static bool shares_fds(pid_t pid, pid_t thread)
{
	return !syscall(SYS_kcmp, pid, thread, KCMP_FILES, 0, 0);
}

/*
 * Threads that have file descriptors of their own, by unshare(), or because the first thread has
 * ended, and the process's with it.
 */
static void search_threads(struct search *s, int proc)
{
	DIR *dir = qfile_opendir(proc, "task");
	struct dirent *de;
	char path[300];
	int thread;

	while (dir && (de = readdir(dir))) {
		if (de->d_name[0] == '.' || atoi(de->d_name) == s->pid ||
		    shares_fds(s->pid, atoi(de->d_name)))
			continue;
		snprintf(path, sizeof(path), "/proc/%s", de->d_name);
		thread = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (thread < 0)
			continue;
		s->task = atoi(de->d_name);
		search_fds(s, thread);
		search_maps(s, thread);
		close(thread);
	}
	if (dir)
		closedir(dir);
}

static void add_mounts(struct search *s, int proc)
{
	qmounts_add(&s->mounts, proc);
}

static void search_process(struct search *s, int proc)
{
	search_fds(s, proc);
	search_maps(s, proc);
	if (count_threads(proc, ".") > 1)
		search_threads(s, proc);
	match_common(s);
}

/* The VFIO node of an IOMMU group. */
static bool group_node(int group, struct qbelow_node *node)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/vfio/%d", group);
	return group >= 0 && qnode_read(path, node);
}

static void add_node(struct search *s, struct qvfio_dev *dev, const struct qbelow_node *node)
{
	struct owned *o = QMEM_GROW(s->nodes, s->n);

	o->v.node = *node;
	o->v.minors = 1;
	o->dev = dev;
}

static void add_nodes(struct search *s, struct qvfio_dev *dev)
{
	struct qvendor_node *vendor = NULL;
	struct qbelow below;
	struct qbelow_node group;
	size_t i, n = 0;

	qbelow_gather(dev->pci.addr, &below);
	for (i = 0; i < below.n_nodes; i++)
		add_node(s, dev, &below.nodes[i]);
	qbelow_free(&below);
	if (group_node(dev->pci.group, &group))
		add_node(s, dev, &group);
	qvendor_nodes_add(&dev->pci, &vendor, &n);
	for (i = 0; i < n; i++)
		*QMEM_GROW(s->nodes, s->n) = (struct owned){ .v = vendor[i], .dev = dev };
	free(vendor);
}

/* The files that are the nodes themselves, for who may not look at others' mappings. */
static void add_files(struct search *s)
{
	struct held_file *file, **known;
	const struct owned *o;
	struct stat st;
	char *path;

	QMEM_EACH(o, s->nodes, s->n) {
		path = qmem_printf("/dev/%s", o->v.node.name);
		if (!stat(path, &st) && st.st_rdev == o->v.node.rdev &&
		    S_ISBLK(st.st_mode) == o->v.node.block) {
			file = qmem_calloc(1, sizeof(*file));
			*file = (struct held_file){ st.st_dev, st.st_ino, st.st_mode & S_IFMT,
						    st.st_rdev };
			known = qmem_check(tsearch(file, &s->files, compare_files));
			if (*known != file)
				free(file);
		}
		free(path);
	}
}

void qholders_gather(struct qvfio_dev *devs, size_t n, const bool *which)
{
	struct search s = { 0 };
	size_t i;

	for (i = 0; i < n; i++) {
		if (!which[i])
			continue;
		add_nodes(&s, &devs[i]);
		devs[i].holders_known = true;
	}
	qwriter_init(&s.looker);
	if (s.n) {
		add_files(&s);
		/* A file may have been opened in another process's mount namespace. */
		for_processes(&s, add_mounts);
		for_processes(&s, search_process);
	}
	qwriter_end(&s.looker);
	qmounts_free(&s.mounts);
	tdestroy(s.files, free);
	free(s.nodes);
}

static bool has_vfio_device(const char *pid)
{
	char *path = qmem_printf("/proc/%s/fd", pid), target[64];
	struct dirent *de;
	bool has = false;
	ssize_t len;
	DIR *dir;

	dir = opendir(path);
	free(path);
	while (dir && !has && (de = readdir(dir))) {
		len = readlinkat(dirfd(dir), de->d_name, target, sizeof(target) - 1);
		if (len > 0) {
			target[len] = '\0';
			has = !strcmp(target, "anon_inode:[vfio-device]");
		}
	}
	if (dir)
		closedir(dir);
	return has;
}

void qholders_vfio(struct qholder **list, size_t *n)
{
	struct qholder *h;
	struct dirent *de;
	char comm[64];
	DIR *dir;

	*list = NULL;
	*n = 0;
	dir = opendir("/proc");
	while (dir && (de = readdir(dir))) {
		if (!isdigit((unsigned char)de->d_name[0]) || !has_vfio_device(de->d_name))
			continue;
		h = QMEM_GROW(*list, *n);
		h->pid = atoi(de->d_name);
		snprintf(comm, sizeof(comm), "/proc/%d/comm", (int)h->pid);
		qfile_read(AT_FDCWD, comm, h->comm, sizeof(h->comm));
		snprintf(h->node, sizeof(h->node), "a VFIO device");
	}
	if (dir)
		closedir(dir);
}
