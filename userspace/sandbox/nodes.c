// SPDX-License-Identifier: GPL-2.0-only
/* A directory of /dev with some nodes alone, for a process that has no sandbox. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sandbox/sandbox.h"

static int make_node(const struct qsandbox_node *n, uid_t uid, gid_t gid, struct qerr *e)
{
	char path[sizeof(n->path) + sizeof("/dev/")];

	snprintf(path, sizeof(path), "/dev/%s", n->path);
	/* Whatever the umask is. */
	if (mknod(path, S_IFCHR | 0600, makedev(n->major, n->minor)) || chmod(path, 0600) ||
	    chown(path, uid, gid))
		return qerr_sys(e, errno, "%s for user %u", path, uid);
	return 0;
}

int qsandbox_own_nodes(const struct qsandbox *s, const char *dir, uid_t uid, gid_t gid,
		       struct qerr *e)
{
	size_t i;
	int ret;

	if (unshare(CLONE_NEWNS))
		return qerr_sys(e, errno, "a mount namespace");
	/* What is mounted here does not come to the host; what the host unmounts goes here, too. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		return qerr_sys(e, errno, "keeping mounts from the host");
	if (mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k,nr_inodes=256"))
		return qerr_sys(e, errno, "mount of %s", dir);
	for (i = 0; i < s->n_nodes; i++) {
		ret = make_node(&s->nodes[i], uid, gid, e);
		if (ret)
			return ret;
	}
	if (mount(NULL, dir, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC, NULL))
		return qerr_sys(e, errno, "making %s read-only", dir);
	return 0;
}
