// SPDX-License-Identifier: GPL-2.0-only
/* Putting a sandbox together, going into it, and asking the kernel whether it holds. */
#include "sandbox/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/sched.h>

#include "sandbox/calls.h"
#include "util/file.h"
#include "util/mem.h"

#define PATH_ENV "PATH=/usr/local/bin:/usr/bin:/bin"

void qsandbox_init(struct qsandbox *s)
{
	static const struct qsandbox_node always[] = {
		{ "null", 1, 3 },   { "zero", 1, 5 },	 { "full", 1, 7 },
		{ "random", 1, 8 }, { "urandom", 1, 9 },
	};
	size_t i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		*QMEM_GROW(s->nodes, s->n_nodes) = always[i];
}

void qsandbox_free(struct qsandbox *s)
{
	size_t i;

	for (i = 0; i < s->n_files; i++)
		free(s->files[i].path);
	for (i = 0; i < s->n_links; i++) {
		free(s->links[i].path);
		free(s->links[i].target);
	}
	for (i = 0; i < s->n_texts; i++) {
		free(s->texts[i].path);
		free(s->texts[i].bytes);
	}
	free(s->files);
	free(s->nodes);
	free(s->links);
	free(s->texts);
	memset(s, 0, sizeof(*s));
}

void qsandbox_number(struct qsandbox *s, uint64_t id)
{
	s->uid = QSANDBOX_UID + 2 * (id % QSANDBOX_UIDS);
}

/* As execvp() looks it up. */
int qsandbox_program(struct qsandbox *s, const char *name, struct qerr *e)
{
	const char *path = getenv("PATH"), *end;
	char file[PATH_MAX];

	if (strchr(name, '/')) {
		if (realpath(name, s->program) && !access(s->program, X_OK))
			return 0;
		return qerr_sys(e, errno, "%s", name);
	}
	for (path = path ? path : "/usr/bin:/bin"; *path; path = *end ? end + 1 : end) {
		end = path + strcspn(path, ":");
		if (snprintf(file, sizeof(file), "%.*s/%s", (int)(end - path), path, name) <
			    (int)sizeof(file) &&
		    realpath(file, s->program) && !access(s->program, X_OK))
			return 0;
	}
	return qerr_set(e, ENOENT, "%s is not installed, or not on PATH", name);
}

int qsandbox_add_node(struct qsandbox *s, const char *path, struct qerr *e)
{
	struct qsandbox_node *node;
	char file[PATH_MAX];
	struct stat st;

	snprintf(file, sizeof(file), "/dev/%s", path);
	if (stat(file, &st))
		return qerr_sys(e, errno, "%s", file);
	if (!S_ISCHR(st.st_mode) || strlen(path) >= sizeof(node->path))
		return qerr_set(e, ENODEV, "%s is no character device", file);
	node = QMEM_GROW(s->nodes, s->n_nodes);
	snprintf(node->path, sizeof(node->path), "%s", path);
	node->major = major(st.st_rdev);
	node->minor = minor(st.st_rdev);
	return 0;
}

void qsandbox_add_file(struct qsandbox *s, const char *path, int fd)
{
	/* These it has anyway. */
	static const char *const dirs[] = { "/usr/",   "/bin/",	  "/sbin/",  "/lib/",
					    "/lib32/", "/lib64/", "/libx32/" };
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (!strncmp(path, dirs[i], strlen(dirs[i])))
			return;
	for (i = 0; i < s->n_files; i++)
		if (!strcmp(s->files[i].path, path))
			return;
	*QMEM_GROW(s->files, s->n_files) = (struct qsandbox_file){ qmem_strdup(path), fd };
}

void qsandbox_add_link(struct qsandbox *s, const char *path, const char *target)
{
	*QMEM_GROW(s->links, s->n_links) =
		(struct qsandbox_link){ qmem_strdup(path), qmem_strdup(target) };
}

void qsandbox_add_text(struct qsandbox *s, const char *path, const void *bytes, size_t n)
{
	struct qsandbox_text *t = QMEM_GROW(s->texts, s->n_texts);

	*t = (struct qsandbox_text){ qmem_strdup(path), qmem_calloc(n + 1, 1), n };
	memcpy(t->bytes, bytes, n);
}

pid_t qsandbox_clone(const struct qsandbox *s)
{
	struct clone_args args = { .exit_signal = SIGCHLD };

	if (!s)
		return fork();
	args.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
	if (!s->host_net)
		args.flags |= CLONE_NEWNET;
	return syscall(SYS_clone3, &args, sizeof(args));
}

int qsandbox_drop(const struct qsandbox *s, int *listener, struct qerr *e)
{
	gid_t gid = s->uid;

	/* While there is the capability for it. */
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_BOUNDS))
		return qerr_set(e, EPERM, "the bounding set of capabilities can't be emptied");
	/* Its files are its group's: kernels from 6.16 on leave it its effective user. */
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) ||
	    setresuid(s->uid, s->uid + 1, s->uid + 1))
		return qerr_sys(e, errno, "becoming user %u", s->uid);
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT))
		return qerr_set(e, EPERM, "capabilities can't be given up");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return qerr_sys(e, errno, "no_new_privs");
	return qsandbox_filter_calls(listener, e);
}

void qsandbox_exec(const struct qsandbox *s, char *const *argv, char *env)
{
	char path[] = PATH_ENV, home[] = "HOME=/tmp";
	/* Without Mesa's files of shaders, which take calls and memory, and end with the VM. */
	char cache[] = "MESA_SHADER_CACHE_DISABLE=true", old[] = "MESA_GLSL_CACHE_DISABLE=true";
	char *const all[] = { path, home, cache, old, env, NULL };

	execve(s->program, argv, all);
}

/* Do all words of a line of /proc/PID/status match? */
static bool has_line(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	return at && (at == text || at[-1] == '\n') && at[strlen(line)] == '\n';
}

static bool same_namespace(pid_t pid, const char *which)
{
	char theirs[64], ours[64];
	struct stat a, b;

	snprintf(theirs, sizeof(theirs), "/proc/%d/ns/%s", (int)pid, which);
	snprintf(ours, sizeof(ours), "/proc/self/ns/%s", which);
	return stat(theirs, &a) || stat(ours, &b) || (a.st_ino == b.st_ino && a.st_dev == b.st_dev);
}

static int check(const struct qsandbox *s, pid_t pid, struct qerr *e)
{
	static const char *const fixed[] = {
		"Groups:\t ",
		"NoNewPrivs:\t1",
		"Seccomp:\t2",
		"CapInh:\t0000000000000000",
		"CapPrm:\t0000000000000000",
		"CapEff:\t0000000000000000",
		"CapBnd:\t0000000000000000",
		"CapAmb:\t0000000000000000",
	};
	static const char *const spaces[] = { "mnt", "pid", "ipc", "uts", "cgroup", "net" };
	char path[64], line[96], kept[96], *text;
	const char *bad = NULL;
	struct stat st;
	size_t i;
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	ret = qfile_read_all(AT_FDCWD, path, 65536, &text);
	if (ret < 0)
		return qerr_sys(e, -ret, "%s", path);
	for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]) && !bad; i++)
		if (!has_line(text, fixed[i]))
			bad = fixed[i];
	snprintf(line, sizeof(line), "Uid:\t%u\t%u\t%u\t%u", s->uid, s->uid, s->uid, s->uid);
	snprintf(kept, sizeof(kept), "Uid:\t%u\t%u\t%u\t%u", s->uid, s->uid + 1, s->uid + 1,
		 s->uid + 1);
	if (!bad && !has_line(text, line) && !has_line(text, kept))
		bad = line;
	free(text);
	if (bad)
		return qerr_set(e, EPERM, "the sandbox does not hold: %s is not so", bad);
	for (i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
		if (same_namespace(pid, spaces[i]) && !(s->host_net && !strcmp(spaces[i], "net")))
			return qerr_set(
				e, EPERM,
				"the sandbox does not hold: it is in the host's %s namespace",
				spaces[i]);
	/* A process that may be dumped owns its files in /proc; one that may not, root does. */
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (stat(path, &st) || st.st_uid)
		return qerr_set(
			e, EPERM,
			"the sandbox does not hold: it can be dumped (is fs.suid_dumpable 1?)");
	return 0;
}

/* The last thing that execve() changes are the users: once these are right, all is as it stays. */
int qsandbox_holds(const struct qsandbox *s, pid_t pid, struct qerr *e)
{
	const struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };
	siginfo_t info = { 0 };
	int ret, waited;

	for (waited = 0; (ret = check(s, pid, e)) && waited < QSANDBOX_EXEC_MS; waited += 2) {
		/* What has ended has nothing to be held in; its status tells more. */
		if (!waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid)
			return 0;
		nanosleep(&pause, NULL);
	}
	return ret;
}
