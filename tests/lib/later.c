// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "call.h"
#include "later.h"
#include "vm.h"

#define SOON 10000

long qt_do_move(long pid, long threads, void *data)
{
	char file[QT_PATH + 32], text[16];

	snprintf(file, sizeof(file), "%s/cgroup.%s", (char *)data, threads ? "threads" : "procs");
	snprintf(text, sizeof(text), "%ld", pid);
	return qt_write(file, text);
}

long qt_move(struct qt_actor *mover, pid_t whom, const char *cgroup, bool thread)
{
	snprintf(mover->data, QT_SHARED, "%s", cgroup);
	return qt_do(mover, qt_do_move, whom, thread);
}

long qt_do_clone_into(long cgroup, long y, void *data)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD,
				   .cgroup = cgroup };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (!pid) {
		for (;;)
			pause();
	}
	return pid < 0 ? -errno : pid;
}

int qt_later_cgroup(struct qt_later *l, const char *name)
{
	memset(l, 0, sizeof(*l));
	l->fd = qt_cgroup_new(name, l->path);
	return l->fd < 0 ? l->fd : 0;
}

int qt_later_create(struct qt_later *l, int ctl)
{
	long long end = qt_now_ms() + qt_patience(SOON);
	int ret;

	do
		ret = qt_create(ctl, strrchr(l->path, '/') + 1, l->fd, 0, &l->c);
	while (ret == -EBUSY && qt_now_ms() < end && !usleep(20000));
	return ret;
}

long qt_later_join(struct qt_later *l)
{
	int ret = qt_spawn(&l->leader, l->path);

	return ret ?: qt_do(&l->leader, qt_do_join, qt_give_fd(&l->leader, l->c.out_use_fd), 0);
}

int qt_later_end(struct qt_later *l)
{
	int ret = qt_destroy(l->c.out_manage_fd) ?: qt_died(l->leader.pid, SOON);

	close(l->c.out_manage_fd);
	close(l->c.out_use_fd);
	return ret;
}

void qt_later_free(struct qt_later *l)
{
	close(l->fd);
	rmdir(l->path);
}

long qt_do_drop(long x, long y, void *data)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	return syscall(SYS_capset, &h, none) ? -errno : 0;
}
