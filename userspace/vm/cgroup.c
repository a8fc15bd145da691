// SPDX-License-Identifier: GPL-2.0-only
#include "vm/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "util/file.h"

#define BLANK " \t\n"

/* What the supervisor may take beside the VM: memory in bytes, processes, percent of one CPU. */
#define SUPER_MEMORY (32ULL << 20)
#define SUPER_PIDS   8
#define SUPER_CPU    5

/* How deep below a VM's cgroup its processes may have made others. */
#define MAX_DEPTH 64

/* A line of mountinfo: id parent dev root mount-point options [tags...] - type source options */
static bool cgroup2_mount(char *line, char *path, size_t len)
{
	char *save, *word, *point = NULL;
	int field = 0;

	for (word = strtok_r(line, BLANK, &save); word;
	     word = strtok_r(NULL, BLANK, &save), field++) {
		if (field == 3 && strcmp(word, "/"))
			return false;
		if (field == 4)
			point = word;
		if (field > 5 && !strcmp(word, "-"))
			break;
	}
	word = word ? strtok_r(NULL, BLANK, &save) : NULL;
	if (!word || !point || strcmp(word, "cgroup2"))
		return false;
	return snprintf(path, len, "%s", point) < (int)len;
}

int qcgroup_top(char path[PATH_MAX], struct qerr *e)
{
	char *line = NULL;
	size_t room = 0;
	bool found = false;
	FILE *f;

	f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return qerr_sys(e, errno, "/proc/self/mountinfo");
	while (!found && getline(&line, &room, f) > 0)
		found = cgroup2_mount(line, path, PATH_MAX);
	free(line);
	fclose(f);
	if (!found)
		return qerr_set(
			e, ENOENT,
			"no cgroup v2 hierarchy is mounted; mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup");
	return 0;
}

int qcgroup_path(const char *name, char path[PATH_MAX], struct qerr *e)
{
	char top[PATH_MAX];
	int ret;

	ret = qcgroup_top(top, e);
	if (ret)
		return ret;
	if (snprintf(path, PATH_MAX, "%s/" QCGROUP_PARENT "/%s", top, name) >= PATH_MAX)
		return qerr_set(e, ENAMETOOLONG, "the path of the cgroup is too long");
	return 0;
}

/* For all that is below the directory @dir; what it has not is found out by who needs it. */
static void enable(const char *dir, const char *const *words, size_t n)
{
	char file[PATH_MAX];
	size_t i;

	if (snprintf(file, sizeof(file), "%s/cgroup.subtree_control", dir) >= (int)sizeof(file))
		return;
	for (i = 0; i < n; i++)
		qfile_write(AT_FDCWD, file, words[i]);
}

/* In the two that a VM's cgroup is below, and in that itself, for the VM and its supervisor. */
static void enable_controllers(const struct qcgroup *cg, const char *const *words, size_t n)
{
	char dir[PATH_MAX], *slash;

	snprintf(dir, sizeof(dir), "%s", cg->path);
	slash = strrchr(dir, '/');
	*slash = '\0';
	slash = strrchr(dir, '/');
	*slash = '\0';
	enable(dir, words, n);
	*slash = '/';
	enable(dir, words, n);
	enable(cg->path, words, n);
}

static int make(struct qcgroup *cg, struct qerr *e)
{
	static const char *const dirs[] = { "", "/" QCGROUP_SUPER, "/" QCGROUP_VM };
	static const char *const words[] = { "+memory", "+pids", "+cpu" };
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (snprintf(path, sizeof(path), "%s%s", cg->path, dirs[i]) >= (int)sizeof(path))
			return qerr_set(e, ENAMETOOLONG, "%s", cg->path);
		if (mkdir(path, 0755))
			return qerr_sys(e, errno, "mkdir %s", path);
	}
	cg->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cg->fd < 0)
		return qerr_sys(e, errno, "%s", path);
	/*
	 * Now: a change of controllers waits for all CPUs, as the supervisor's entering does, and
	 * not once more if it comes right before.
	 */
	enable_controllers(cg, words, sizeof(words) / sizeof(words[0]));
	return 0;
}

int qcgroup_create(const char *name, struct qcgroup *cg, struct qerr *e)
{
	char *slash;
	int ret;

	cg->fd = -1;
	ret = qcgroup_path(name, cg->path, e);
	if (ret)
		return ret;
	slash = strrchr(cg->path, '/');
	*slash = '\0';
	if (mkdir(cg->path, 0755) && errno != EEXIST)
		return qerr_sys(e, errno, "mkdir %s", cg->path);
	*slash = '/';
	if (qfile_exists(AT_FDCWD, cg->path)) {
		if (qcgroup_populated(cg->path))
			return qerr_set(
				e, EBUSY,
				"processes stand in the cgroup %s, which no running VM has; end them first",
				cg->path);
		ret = qcgroup_remove(cg->path, 1000, e);
		if (ret)
			return ret;
	}
	ret = make(cg, e);
	if (ret)
		qcgroup_remove(cg->path, 0, NULL);
	return ret;
}

static int set_limit(int dir, const char *path, const char *file, const char *value, struct qerr *e)
{
	int ret = qfile_write(dir, file, value);

	if (ret == -ENOENT)
		return qerr_set(
			e, ENOTSUP,
			"%s/%s is missing: the kernel has no such controller, or cgroup v1 has it",
			path, file);
	return ret ? qerr_sys(e, -ret, "%s/%s", path, file) : 0;
}

static int set_limits(int dir, const char *path, const struct qcgroup_limits *l, struct qerr *e)
{
	char value[64];
	int ret;

	snprintf(value, sizeof(value), "%llu", (unsigned long long)l->memory);
	ret = set_limit(dir, path, "memory.max", value, e);
	/* Swap is counted apart. Without it in the kernel there is no such file. */
	if (!ret && qfile_exists(dir, "memory.swap.max"))
		ret = set_limit(dir, path, "memory.swap.max", "0", e);
	snprintf(value, sizeof(value), "%u", l->pids);
	if (!ret)
		ret = set_limit(dir, path, "pids.max", value, e);
	snprintf(value, sizeof(value), "%u 100000", l->cpu_percent * 1000);
	if (!ret)
		ret = set_limit(dir, path, "cpu.max", value, e);
	return ret;
}

int qcgroup_limit(const struct qcgroup *cg, const struct qcgroup_limits *l, struct qerr *e)
{
	const struct qcgroup_limits both = { .memory = l->memory + SUPER_MEMORY + l->files,
					     .pids = l->pids + SUPER_PIDS,
					     .cpu_percent = l->cpu_percent + SUPER_CPU };
	char path[PATH_MAX + 8];
	int dir, ret;

	dir = open(cg->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return qerr_sys(e, errno, "%s", cg->path);
	ret = set_limits(dir, cg->path, &both, e);
	close(dir);
	snprintf(path, sizeof(path), "%s/" QCGROUP_VM, cg->path);
	if (!ret)
		ret = set_limits(cg->fd, path, l, e);
	/* The VM's alone: the supervisor sees it out. */
	if (!ret)
		ret = set_limit(cg->fd, path, "memory.oom.group", "1", e);
	return ret;
}

/* A partition has no limits of its own: its disk has. */
static int whole_disk(dev_t dev, dev_t *disk)
{
	unsigned int maj, min;
	char path[96], text[64];

	*disk = dev;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", major(dev), minor(dev));
	if (!qfile_exists(AT_FDCWD, path))
		return 0;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", major(dev), minor(dev));
	if (qfile_read(AT_FDCWD, path, text, sizeof(text)) <= 0 ||
	    sscanf(text, "%u:%u", &maj, &min) != 2)
		return -ENXIO;
	*disk = makedev(maj, min);
	return 0;
}

int qcgroup_add_disk(struct qcgroup_io *io, int fd, const char *path, struct qerr *e)
{
	char dir[64];
	struct stat st;
	dev_t dev;
	size_t i;

	if (fstat(fd, &st))
		return qerr_sys(e, errno, "%s", path);
	dev = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	if (!qfile_exists(AT_FDCWD, dir) || whole_disk(dev, &dev))
		return qerr_set(
			e, ENOTSUP,
			"what is read and written of %s can't be limited: its file system is on no disk of its own (accepted: a block device, or a file of ext4, XFS, ...; not of btrfs, ZFS, overlayfs, tmpfs or a network)",
			path);
	for (i = 0; i < io->n_disks; i++)
		if (io->disks[i] == dev)
			return 0;
	if (io->n_disks == QCGROUP_DISKS)
		return qerr_set(e, E2BIG, "%s: of more than %d disks", path, QCGROUP_DISKS);
	io->disks[io->n_disks++] = dev;
	return 0;
}

static void add_word(char *line, size_t len, const char *key, uint64_t value)
{
	size_t at = strlen(line);

	if (value)
		snprintf(line + at, len - at, " %s=%" PRIu64, key, value);
}

int qcgroup_limit_io(const struct qcgroup *cg, const struct qcgroup_io *io, struct qerr *e)
{
	static const char *const words[] = { "+io" };
	char line[192], path[PATH_MAX + 8];
	size_t i;
	int ret = 0;

	snprintf(path, sizeof(path), "%s/" QCGROUP_VM, cg->path);
	enable_controllers(cg, words, 1);
	for (i = 0; i < io->n_disks && !ret; i++) {
		snprintf(line, sizeof(line), "%u:%u", major(io->disks[i]), minor(io->disks[i]));
		add_word(line, sizeof(line), "rbps", io->read_bytes);
		add_word(line, sizeof(line), "wbps", io->write_bytes);
		add_word(line, sizeof(line), "riops", io->read_ops);
		add_word(line, sizeof(line), "wiops", io->write_ops);
		ret = set_limit(cg->fd, path, "io.max", line, e);
	}
	return ret;
}

int qcgroup_enter(const struct qcgroup *cg)
{
	return qfile_write(cg->fd, "cgroup.procs", "0");
}

bool qcgroup_populated(const char *path)
{
	char file[PATH_MAX], text[256];

	if (snprintf(file, sizeof(file), "%s/cgroup.events", path) >= (int)sizeof(file))
		return false;
	return qfile_read(AT_FDCWD, file, text, sizeof(text)) > 0 && strstr(text, "populated 1");
}

/* rmdir of the cgroup and of all below it; they must be empty. */
static int remove_tree(int parent, const char *name, int depth)
{
	struct dirent *d;
	int ret = 0;
	DIR *dir;

	if (depth > MAX_DEPTH)
		return -ELOOP;
	dir = qfile_opendir(parent, name);
	if (!dir)
		return -errno;
	while (!ret && (d = readdir(dir)))
		if (d->d_type == DT_DIR && strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			ret = remove_tree(dirfd(dir), d->d_name, depth + 1);
	closedir(dir);
	if (!ret && unlinkat(parent, name, AT_REMOVEDIR))
		ret = -errno;
	return ret;
}

int qcgroup_remove(const char *path, int timeout_ms, struct qerr *e)
{
	const struct timespec step = { .tv_nsec = 10 * 1000 * 1000 };
	char file[PATH_MAX];
	int ret, waited;

	if (snprintf(file, sizeof(file), "%s/cgroup.kill", path) >= (int)sizeof(file))
		return qerr_set(e, ENAMETOOLONG, "%s", path);
	for (waited = 0;; waited += 10) {
		/* Again each time: a process may have forked, or moved one in, meanwhile. */
		if (qcgroup_populated(path))
			qfile_write(AT_FDCWD, file, "1");
		ret = remove_tree(AT_FDCWD, path, 0);
		if (!ret || ret == -ENOENT)
			return 0;
		if (ret != -EBUSY)
			return qerr_sys(e, -ret, "rmdir %s", path);
		if (waited >= timeout_ms)
			return qerr_set(e, EBUSY, "processes in %s did not end within %d ms", path,
					timeout_ms);
		nanosleep(&step, NULL);
	}
}

void qcgroup_close(struct qcgroup *cg)
{
	if (cg->fd >= 0)
		close(cg->fd);
	cg->fd = -1;
}
