// SPDX-License-Identifier: GPL-2.0-only
#include "vm/socket.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm/record.h"

int qsocket_address(const char *name, const char *kind, struct sockaddr_un *un, struct qerr *e)
{
	char dir[PATH_MAX];

	qrecord_dir(dir);
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	if (snprintf(un->sun_path, sizeof(un->sun_path), "%s/%s.%s", dir, name, kind) >=
	    (int)sizeof(un->sun_path))
		return qerr_set(e, ENAMETOOLONG, "%s/%s.%s", dir, name, kind);
	return 0;
}

int qsocket_listen(const struct sockaddr_un *un, int backlog, struct qerr *e)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), ret;

	if (fd < 0)
		return qerr_sys(e, errno, "socket");
	unlink(un->sun_path);
	/* The mode before anybody can connect. */
	if (!fchmod(fd, 0600) && !bind(fd, (const struct sockaddr *)un, sizeof(*un)) &&
	    !chmod(un->sun_path, 0600) && !listen(fd, backlog))
		return fd;
	ret = qerr_sys(e, errno, "%s", un->sun_path);
	close(fd);
	return ret;
}
