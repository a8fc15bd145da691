// SPDX-License-Identifier: GPL-2.0-only
#include "vm/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/file.h"

#define BLANK " \t\n"

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

static int mount_point(char *path, size_t len, struct qerr *e)
{
	char *line = NULL;
	size_t room = 0;
	bool found = false;
	FILE *f;

	f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return qerr_sys(e, errno, "/proc/self/mountinfo");
	while (!found && getline(&line, &room, f) > 0)
		found = cgroup2_mount(line, path, len);
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

	ret = mount_point(top, sizeof(top), e);
	if (ret)
		return ret;
	if (snprintf(path, PATH_MAX, "%s/" QCGROUP_PARENT "/%s", top, name) >= PATH_MAX)
		return qerr_set(e, ENAMETOOLONG, "the path of the cgroup is too long");
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
	if (mkdir(cg->path, 0755))
		return qerr_sys(e, errno, "mkdir %s", cg->path);
	cg->fd = open(cg->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cg->fd < 0) {
		ret = qerr_sys(e, errno, "%s", cg->path);
		rmdir(cg->path);
		return ret;
	}
	return 0;
}

/* For all that is below the directory @dir; what it has not is found out by who needs it. */
static void enable_controllers(const char *dir)
{
	static const char *const words[] = { "+memory", "+pids", "+cpu" };
	char file[PATH_MAX];
	size_t i;

	if (snprintf(file, sizeof(file), "%s/cgroup.subtree_control", dir) >= (int)sizeof(file))
		return;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		qfile_write(AT_FDCWD, file, words[i]);
}

static int set_limit(const struct qcgroup *cg, const char *file, const char *value, struct qerr *e)
{
	int ret = qfile_write(cg->fd, file, value);

	if (ret == -ENOENT)
		return qerr_set(
			e, ENOTSUP,
			"%s/%s is missing: the kernel has no such controller, or cgroup v1 has it",
			cg->path, file);
	return ret ? qerr_sys(e, -ret, "%s/%s", cg->path, file) : 0;
}

int qcgroup_limit(const struct qcgroup *cg, const struct qcgroup_limits *l, struct qerr *e)
{
	char dir[PATH_MAX], value[64], *slash;
	int ret;

	snprintf(dir, sizeof(dir), "%s", cg->path);
	slash = strrchr(dir, '/');
	*slash = '\0';
	slash = strrchr(dir, '/');
	*slash = '\0';
	enable_controllers(dir);
	*slash = '/';
	enable_controllers(dir);
	snprintf(value, sizeof(value), "%llu", (unsigned long long)l->memory);
	ret = set_limit(cg, "memory.max", value, e);
	if (!ret)
		ret = set_limit(cg, "memory.oom.group", "1", e);
	/* Swap is counted apart. Without it in the kernel there is no such file. */
	if (!ret && qfile_exists(cg->fd, "memory.swap.max"))
		ret = set_limit(cg, "memory.swap.max", "0", e);
	snprintf(value, sizeof(value), "%u", l->pids);
	if (!ret)
		ret = set_limit(cg, "pids.max", value, e);
	snprintf(value, sizeof(value), "%u 100000", l->cpu_percent * 1000);
	if (!ret)
		ret = set_limit(cg, "cpu.max", value, e);
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
