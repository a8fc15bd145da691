// SPDX-License-Identifier: GPL-2.0-only
#include "vm/super.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "util/file.h"

static int move(const char *cgroup)
{
	char file[PATH_MAX + 16];

	snprintf(file, sizeof(file), "%s/cgroup.procs", cgroup);
	return qfile_write(AT_FDCWD, file, "0");
}

/* The line "0::PATH" of /proc/self/cgroup. */
static int own_cgroup(char path[PATH_MAX])
{
	char text[8192], top[PATH_MAX], *line, *end;
	int ret;

	ret = qcgroup_top(top, NULL);
	if (ret)
		return ret;
	if (qfile_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) < 0)
		return -EIO;
	line = strncmp(text, "0::", 3) ? strstr(text, "\n0::") : text;
	if (!line)
		return -ENOENT;
	line = strstr(line, "0::") + 3;
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	if (snprintf(path, PATH_MAX, "%s%s", top, line) >= PATH_MAX)
		return -ENAMETOOLONG;
	return 0;
}

#define OOM "/proc/self/oom_score_adj"

/* Nobody but root may: without it, the supervisor is as good a victim as any. */
static void be_spared(struct qsuper *s)
{
	if (qfile_read(AT_FDCWD, OOM, s->oom, sizeof(s->oom)) < 0 ||
	    qfile_write(AT_FDCWD, OOM, "-1000"))
		s->oom[0] = '\0';
}

void qsuper_child(const struct qsuper *s)
{
	/* Not less than others, even if the supervisor was: it is the VM that takes the memory. */
	if (s->oom[0])
		qfile_write(AT_FDCWD, OOM, s->oom[0] == '-' ? "0" : s->oom);
}

int qsuper_enter(struct qsuper *s, const struct qcgroup *cg, struct qerr *e)
{
	char from[PATH_MAX], to[PATH_MAX + 8];
	int ret = own_cgroup(from);

	if (ret)
		return qerr_sys(e, -ret, "the cgroup that the supervisor stands in");
	snprintf(to, sizeof(to), "%s/" QCGROUP_SUPER, cg->path);
	ret = move(to);
	if (ret)
		return qerr_sys(e, -ret, "entering %s", to);
	memcpy(s->from, from, sizeof(s->from));
	be_spared(s);
	return 0;
}

int qsuper_leave(struct qsuper *s, struct qerr *e)
{
	char top[PATH_MAX];
	int ret;

	if (s->oom[0])
		qfile_write(AT_FDCWD, OOM, s->oom);
	s->oom[0] = '\0';
	if (!s->from[0])
		return 0;
	/* A session's cgroup is removed when its last process has gone. */
	if (move(s->from)) {
		ret = qcgroup_top(top, e);
		if (ret)
			return ret;
		ret = move(top);
		if (ret)
			return qerr_sys(e, -ret,
					"the supervisor can go back neither to %s nor to %s",
					s->from, top);
	}
	s->from[0] = '\0';
	return 0;
}
