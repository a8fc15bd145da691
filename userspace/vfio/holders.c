// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/holders.h"

#include <ctype.h>
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
#include "util/mem.h"
#include "vfio/below.h"

/* A device's node. */
struct owned {
	struct qnode node;
	struct qvfio_dev *dev;
};

struct search {
	struct owned *nodes;
	size_t n;
	pid_t pid;
};

static void found(struct search *s, const struct owned *o, const char *how)
{
	char comm[32];
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
	snprintf(h->node, sizeof(h->node), "/dev/%s%s", o->node.name, how);
}

/*
 * Looks at what each fd of a process points to. stat() comes only after the name: on a network file
 * system that does not answer it would hang, and device nodes stand in some /dev.
 */
static void search_fds(struct search *s, int proc)
{
	char target[PATH_MAX];
	struct dirent *de;
	struct stat st;
	ssize_t len;
	size_t i;
	DIR *dir;
	int fd;

	fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((de = readdir(dir))) {
		if (de->d_name[0] == '.')
			continue;
		len = readlinkat(fd, de->d_name, target, sizeof(target) - 1);
		if (len <= 0)
			continue;
		target[len] = '\0';
		if (!strstr(target, "/dev/") || fstatat(fd, de->d_name, &st, 0) ||
		    !(S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
			continue;
		for (i = 0; i < s->n; i++)
			if (s->nodes[i].node.rdev == st.st_rdev &&
			    s->nodes[i].node.block == !!S_ISBLK(st.st_mode))
				found(s, &s->nodes[i], "");
	}
	closedir(dir);
}

/* A mapping outlives the fd that it was made with. */
static void search_maps(struct search *s, int proc)
{
	char *text, *p, *end;
	size_t i, len;

	if (qfile_read_all(proc, "maps", 64 << 20, &text) < 0)
		return;
	for (p = strstr(text, "/dev/"); p; p = strstr(end, "/dev/")) {
		end = p + strcspn(p, "\n");
		for (i = 0; i < s->n; i++) {
			len = strlen(s->nodes[i].node.name);
			if (len && (size_t)(end - p) >= 5 + len &&
			    !strncmp(p + 5, s->nodes[i].node.name, len) &&
			    (p[5 + len] == '\n' || p[5 + len] == ' ' || !p[5 + len]))
				found(s, &s->nodes[i], " (mapped)");
		}
	}
	free(text);
}

static void search_process(struct search *s, int procs, const char *pid)
{
	char exe[32], any;
	int proc;

	/* A kernel thread has no program: most of /proc is passed over by this one call. */
	snprintf(exe, sizeof(exe), "%s/exe", pid);
	if (readlinkat(procs, exe, &any, 1) < 0 && errno == ENOENT)
		return;
	proc = openat(procs, pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return;
	s->pid = atoi(pid);
	search_fds(s, proc);
	search_maps(s, proc);
	close(proc);
}

/* The VFIO node of an IOMMU group. */
static bool group_node(int group, struct qnode *node)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/vfio/%d", group);
	return group >= 0 && qnode_read(path, node);
}

void qholders_gather(struct qvfio_dev *devs, size_t n, const bool *which)
{
	struct search s = { 0 };
	struct qbelow below;
	struct qnode group;
	struct dirent *de;
	size_t i, k;
	pid_t self = getpid();
	DIR *dir;

	for (i = 0; i < n; i++) {
		if (!which[i])
			continue;
		qbelow_gather(devs[i].pci.addr, &below);
		for (k = 0; k < below.n_nodes; k++)
			*QMEM_GROW(s.nodes, s.n) = (struct owned){ below.nodes[k], &devs[i] };
		qbelow_free(&below);
		if (group_node(devs[i].pci.group, &group))
			*QMEM_GROW(s.nodes, s.n) = (struct owned){ group, &devs[i] };
		devs[i].holders_known = true;
	}
	dir = s.n ? opendir("/proc") : NULL;
	while (dir && (de = readdir(dir)))
		if (isdigit((unsigned char)de->d_name[0]) && atoi(de->d_name) != self)
			search_process(&s, dirfd(dir), de->d_name);
	if (dir)
		closedir(dir);
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
