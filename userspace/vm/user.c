// SPDX-License-Identifier: GPL-2.0-only
#include "vm/user.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/sandbox.h"
#include "util/mem.h"
#include "vm/words.h"

/* The last number; the next one means "none". */
#define ID_MAX (UINT32_MAX - 1)

/* What a VM monitor opens by the group of its user. */
static const char *const group_nodes[QVM_USER_GROUPS] = { "/dev/kvm", "/dev/vhost-net" };

/* Digits, or what was meant as a number. */
static bool user_is_number(const char *text)
{
	if (*text == '-' || *text == '+')
		text++;
	return *text && !text[strspn(text, "0123456789")];
}

/* Return: 0 or a negative errno */
static int user_parse_id(const char *what, const char *text, uint32_t *id, struct qerr *e)
{
	uintmax_t n;

	errno = 0;
	n = strtoumax(text, NULL, 10);
	if (*text == '-' || *text == '+' || errno || n > ID_MAX)
		return qerr_set(e, EINVAL, "invalid %s '%s': expected a number from 1 to %u", what,
				text, ID_MAX);
	if (n >= QSANDBOX_UID && n < QSANDBOX_UID + 2 * (uintmax_t)QSANDBOX_UIDS)
		return qerr_set(e, EINVAL,
				"invalid %s '%s': %u to %u are those of qwamos-vm's sandboxes",
				what, text, QSANDBOX_UID, QSANDBOX_UID + 2 * QSANDBOX_UIDS - 1);
	*id = n;
	return 0;
}

static int user_find_group(const char *text, gid_t *gid, struct qerr *e)
{
	const struct group *g;

	if (user_is_number(text))
		return user_parse_id("gid", text, gid, e);
	g = getgrnam(text);
	if (!g)
		return qerr_set(e, ENOENT,
				"unknown group '%s': expected a name from getent group, "
				"or a gid",
				text);
	*gid = g->gr_gid;
	return 0;
}

/* Is there a node that may be opened by this group? */
static bool user_needs_group(gid_t gid)
{
	struct stat st;
	size_t i;

	for (i = 0; i < QVM_USER_GROUPS; i++)
		if (!stat(group_nodes[i], &st) && st.st_gid == gid && (st.st_mode & 0060) == 0060)
			return true;
	return false;
}

static int user_keep_groups(struct qvm_user *u, struct qerr *e)
{
	gid_t *all = NULL;
	int i, n = 64, room;

	u->n_groups = 0;
	if (!u->name[0])
		return 0;
	do {
		room = n;
		free(all);
		all = qmem_calloc(room, sizeof(*all));
	} while (getgrouplist(u->name, u->gid, all, &n) < 0 && n > room);
	for (i = 0; i < n && i < room && u->n_groups < QVM_USER_GROUPS; i++)
		if (all[i] && all[i] != u->gid && user_needs_group(all[i]) &&
		    (!u->n_groups || u->groups[0] != all[i]))
			u->groups[u->n_groups++] = all[i];
	free(all);
	return 0;
}

/* Return: 0 or a negative errno; @has_gid: the user's own is known */
static int user_find_name(const char *name, struct qvm_user *u, bool *has_gid, struct qerr *e)
{
	const struct passwd *p;
	int ret;

	if (user_is_number(name)) {
		ret = user_parse_id("uid", name, &u->uid, e);
		if (ret)
			return ret;
		p = getpwuid(u->uid);
	} else {
		p = getpwnam(name);
		if (!p)
			return qerr_set(e, ENOENT,
					"unknown user '%s': expected a name from getent "
					"passwd, or UID:GID",
					name);
	}
	*has_gid = p;
	snprintf(u->home, sizeof(u->home), "/");
	if (!p)
		return 0;
	/* A name that is cut off would be another user's. */
	if (snprintf(u->name, sizeof(u->name), "%s", p->pw_name) >= (int)sizeof(u->name))
		u->name[0] = '\0';
	snprintf(u->home, sizeof(u->home), "%s", p->pw_dir);
	u->uid = p->pw_uid;
	u->gid = p->pw_gid;
	return 0;
}

int qvm_user_find(const char *text, struct qvm_user *u, struct qerr *e)
{
	const char *colon = strchr(text, ':');
	char name[256];
	bool has_gid;
	int ret;

	memset(u, 0, sizeof(*u));
	if (!*text || colon == text || (colon && !colon[1]) ||
	    (colon && colon - text >= (ptrdiff_t)sizeof(name)) || strlen(text) >= sizeof(name))
		return qerr_set(e, EINVAL,
				"invalid user '%s': expected NAME or UID, or one of "
				"these and :GROUP",
				text);
	snprintf(name, sizeof(name), "%.*s", colon ? (int)(colon - text) : (int)sizeof(name), text);
	ret = user_find_name(name, u, &has_gid, e);
	if (!ret && colon)
		ret = user_find_group(colon + 1, &u->gid, e);
	if (ret)
		return ret;
	if (!colon && !has_gid)
		return qerr_set(e, EINVAL,
				"user %s has no entry in passwd, so its group is "
				"unknown: expected %s:GID",
				name, name);
	if (u->uid && !u->gid)
		return qerr_set(e, EPERM,
				"user %s would have root's group: expected %s:GROUP with "
				"another one",
				name, name);
	if (!u->uid && u->gid)
		return qerr_set(e, EINVAL, "invalid user '%s': root has its own group alone", text);
	return user_keep_groups(u, e);
}

/* Any of them is enough to become it in full. */
static bool user_is_root(void)
{
	uid_t r, e, s;

	return getresuid(&r, &e, &s) || !r || !e || !s;
}

int qvm_user_choose(const char *text, bool as_root, struct qvm_user *u, struct qerr *e)
{
	bool root = user_is_root();
	int ret;

	memset(u, 0, sizeof(*u));
	u->same = true;
	if (text) {
		ret = qvm_user_find(text, u, e);
		if (ret)
			return ret;
		if (as_root && u->uid)
			return qerr_set(e, EINVAL, "--as-root and --user %s: expected one of them",
					text);
		if (geteuid())
			return qerr_set(e, EPERM,
					"--user %s: only root can run COMMAND as another "
					"user",
					text);
		root = u->same = !u->uid;
	}
	if (as_root && !root)
		return qerr_set(e, EPERM, "--as-root: the caller is not root");
	if (root && !as_root)
		return qerr_set(e, EPERM,
				"refusing to run COMMAND as root: expected --user NAME or "
				"--as-root (a VM monitor that is root gets past what is refused to "
				"VMs: it can set core_pattern, load modules or have a service act "
				"for it)");
	return 0;
}

void qvm_user_text(const struct qvm_user *u, char *buf, size_t len)
{
	char groups[32 * QVM_USER_GROUPS] = " none";
	size_t i, at = 0;

	for (i = 0; i < u->n_groups; i++)
		at += snprintf(groups + at, sizeof(groups) - at, " %u", u->groups[i]);
	snprintf(buf, len, "user %s%s(uid %u, gid %u, supplementary groups:%s)", u->name,
		 u->name[0] ? " " : "", u->uid, u->gid, groups);
}

/* The order counts: with the user goes the right to change the rest. */
static int user_set_ids(const struct qvm_user *u, struct qerr *e)
{
	if (setresgid(u->gid, u->gid, u->gid))
		return qerr_sys(e, errno, "becoming group %u", u->gid);
	if (setgroups(u->n_groups, u->groups))
		return qerr_sys(e, errno, "giving up supplementary groups");
	if (setresuid(u->uid, u->uid, u->uid))
		return qerr_sys(e, errno, "becoming user %u", u->uid);
	return 0;
}

static int user_set_env(const struct qvm_user *u, struct qerr *e)
{
	/* That of who has called is for nobody else. */
	static const char *const callers[] = { "XDG_RUNTIME_DIR", "XAUTHORITY", "MAIL" };
	int ret = setenv("HOME", u->home, 1);
	size_t i;

	for (i = 0; i < sizeof(callers) / sizeof(callers[0]) && !ret; i++)
		ret = unsetenv(callers[i]);
	if (!ret)
		ret = u->name[0] ? setenv("USER", u->name, 1) : unsetenv("USER");
	if (!ret)
		ret = u->name[0] ? setenv("LOGNAME", u->name, 1) : unsetenv("LOGNAME");
	return ret ? qerr_sys(e, errno, "setting the environment") : 0;
}

int qvm_user_become(const struct qvm_user *u, struct qerr *e)
{
	int ret;

	ret = user_set_env(u, e);
	if (ret)
		return ret;
	/* While there is the capability for it. */
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_BOUNDS))
		return qerr_set(e, EPERM, "the bounding set of capabilities can't be emptied");
	ret = user_set_ids(u, e);
	if (ret)
		return ret;
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT))
		return qerr_set(e, EPERM, "capabilities can't be given up");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return qerr_sys(e, errno, "no_new_privs");
	return qsandbox_filter_terminal(e);
}

/*
 * Where execvp() finds a program, as far as the caller's rights show; "": nowhere. Return: whether
 * it does.
 */
static bool user_find_program(const char *name, char file[PATH_MAX])
{
	const char *path = getenv("PATH"), *end;

	if (strchr(name, '/')) {
		snprintf(file, PATH_MAX, "%s", name);
		return !access(file, X_OK);
	}
	for (path = path ? path : "/bin:/usr/bin"; *path; path = *end ? end + 1 : end) {
		end = path + strcspn(path, ":");
		if (snprintf(file, PATH_MAX, "%.*s/%s", (int)(end - path), path, name) < PATH_MAX &&
		    !access(file, X_OK))
			return true;
	}
	file[0] = '\0';
	return false;
}

/* What the user has a node of its own for, or what is another one for each process. */
static bool user_passes_over(const char *path)
{
	static const char *const dirs[] = { "/dev/vfio/", "/dev/fd/", "/proc/" };
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (!strncmp(path, dirs[i], strlen(dirs[i])))
			return true;
	return false;
}

/* Files that arguments name, as far as root can see them. */
struct user_files {
	char **file;
	size_t n;
};

static void user_add_file(void *arg, const char *path)
{
	struct user_files *l = arg;
	struct stat st;

	if (!stat(path, &st) && !user_passes_over(path))
		*QMEM_GROW(l->file, l->n) = qmem_strdup(path);
}

/* Of a socket what connect() needs. */
static int user_reaches(const char *path, bool is_socket, bool is_dir)
{
	int how = is_socket ? W_OK : is_dir ? R_OK | X_OK : R_OK;

	return access(path, how) ? -errno : 0;
}

/* In the probing process. */
static int user_look(const struct qvm_user *u, char *const *argv, struct qerr *e)
{
	char program[PATH_MAX], own[PATH_MAX], text[160];
	struct user_files l = { 0 };
	bool found = user_find_program(argv[0], program);
	struct stat st;
	size_t i;
	int ret;

	for (i = 1; argv[i]; i++)
		qvm_words_paths(argv[i], user_add_file, &l);
	qvm_user_text(u, text, sizeof(text));
	ret = user_set_ids(u, e);
	if (ret)
		return ret;
	if (found && !user_find_program(argv[0], own))
		return qerr_set(e, ENOEXEC,
				"%s can't execute %s: it, or a directory on the way, is "
				"not open to that user",
				text, program);
	for (i = 0; i < l.n; i++) {
		/* Where the user does not get to, it is no socket. */
		if (stat(l.file[i], &st))
			st.st_mode = 0;
		ret = user_reaches(l.file[i], S_ISSOCK(st.st_mode), S_ISDIR(st.st_mode));
		if (ret == -EACCES)
			return qerr_set(e, EACCES, "%s, which COMMAND names, can't be read by %s",
					l.file[i], text);
	}
	return 0;
}

int qvm_user_check(const struct qvm_user *u, char *const *argv, struct qerr *e)
{
	struct qerr told = { 0 };
	int fds[2], ret;
	ssize_t n;
	pid_t pid;

	if (u->same)
		return 0;
	if (pipe2(fds, O_CLOEXEC))
		return qerr_sys(e, errno, "pipe");
	pid = fork();
	if (pid < 0) {
		ret = qerr_sys(e, errno, "fork");
	} else if (!pid) {
		user_look(u, argv, &told);
		/* What does not fit into a pipe at once would be cut. */
		n = write(fds[1], &told, sizeof(told));
		_exit(n != sizeof(told));
	} else {
		close(fds[1]);
		fds[1] = -1;
		do
			n = read(fds[0], &told, sizeof(told));
		while (n < 0 && errno == EINTR);
		waitpid(pid, NULL, 0);
		ret = n != sizeof(told) ? qerr_set(e, EIO,
						   "whether the user can reach its files is "
						   "unknown")
		      : told.err	? qerr_set(e, told.err, "%s", told.msg)
					: 0;
	}
	close(fds[0]);
	if (fds[1] >= 0)
		close(fds[1]);
	return ret;
}
