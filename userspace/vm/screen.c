// SPDX-License-Identifier: GPL-2.0-only
#include "vm/screen.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vm/socket.h"

#define WAITING 4

int qscreen_open(struct qscreen *s, const char *name, struct qerr *e)
{
	struct sockaddr_un un;
	int ret;

	s->listener = -1;
	ret = qsocket_address(name, "vnc", &un, e);
	if (ret)
		return ret;
	snprintf(s->path, sizeof(s->path), "%s", un.sun_path);
	s->listener = qsocket_listen(&un, WAITING, e);
	return s->listener < 0 ? s->listener : 0;
}

void qscreen_ready(struct qscreen *s, struct qmp *q)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	/* Whoever gets no answer tries again; there is nobody else to tell. */
	qmp_add_client(q, "vnc", fd);
	close(fd);
}

void qscreen_close(struct qscreen *s)
{
	if (s->listener < 0)
		return;
	unlink(s->path);
	close(s->listener);
	s->listener = -1;
}
