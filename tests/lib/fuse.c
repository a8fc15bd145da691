// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/fuse.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "fuse.h"
#include "lab.h"

#define FILE_NODE 2

static void answer(struct qt_fuse *f, unsigned long long unique, int err, const void *data,
		   size_t len)
{
	struct fuse_out_header head = {
		.len = sizeof(head) + (err ? 0 : len),
		.error = -err,
		.unique = unique,
	};
	struct iovec v[] = { { &head, sizeof(head) }, { (void *)data, err ? 0 : len } };

	if (writev(f->fd, v, 2) < 0 && errno != ENOENT)
		perror("fuse: answer");
}

static struct fuse_attr attr_of(unsigned long long node)
{
	return (struct fuse_attr){
		.ino = node,
		.size = node == FILE_NODE ? QT_FUSE_PAGE : 0,
		.blocks = 8,
		.mode = node == FILE_NODE ? S_IFREG | 0666 : S_IFDIR | 0777,
		.nlink = 1,
		.blksize = QT_FUSE_PAGE,
	};
}

static void serve(struct qt_fuse *f, struct fuse_in_header *in)
{
	struct fuse_init_out init = { .major = 7, .minor = 31, .max_write = QT_FUSE_PAGE };
	struct fuse_entry_out entry = { .nodeid = FILE_NODE,
					.entry_valid = 3600,
					.attr_valid = 3600,
					.attr = attr_of(FILE_NODE) };
	struct fuse_attr_out attr = { .attr_valid = 3600, .attr = attr_of(in->nodeid) };
	struct fuse_open_out open = { .fh = 1 };

	switch (in->opcode) {
	case FUSE_INIT:
		answer(f, in->unique, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		answer(f, in->unique, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		answer(f, in->unique, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		answer(f, in->unique, 0, &open, sizeof(open));
		break;
	case FUSE_READ:
		pthread_mutex_lock(&f->lock);
		if (f->fail) {
			f->fail--;
			answer(f, in->unique, EIO, NULL, 0);
		} else if (f->go) {
			answer(f, in->unique, 0, f->page, sizeof(f->page));
		} else {
			f->held = in->unique;
		}
		pthread_mutex_unlock(&f->lock);
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		answer(f, in->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		answer(f, in->unique, ENOSYS, NULL, 0);
	}
}

static void *run(void *data)
{
	char buf[FUSE_MIN_READ_BUFFER + QT_FUSE_PAGE];
	struct qt_fuse *f = data;

	for (;;) {
		if (read(f->fd, buf, sizeof(buf)) >= 0)
			serve(f, (void *)buf);
		else if (errno == ENODEV)
			return NULL;
	}
}

int qt_fuse_start(struct qt_fuse *f)
{
	char opts[128];
	int ret;

	memset(f, 0, sizeof(*f));
	pthread_mutex_init(&f->lock, NULL);
	snprintf(f->dir, sizeof(f->dir), "/tmp/qt-fuse-XXXXXX");
	if (!mkdtemp(f->dir))
		return -errno;
	snprintf(f->path, sizeof(f->path), "%s/file", f->dir);
	f->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(opts, sizeof(opts), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other",
		 f->fd);
	if (f->fd < 0 || mount("qt", f->dir, "fuse", 0, opts))
		goto fail;
	ret = pthread_create(&f->thread, NULL, run, f);
	if (!ret)
		return 0;
	umount2(f->dir, MNT_DETACH);
	errno = ret;
fail:
	ret = -errno;
	if (f->fd >= 0)
		close(f->fd);
	rmdir(f->dir);
	f->dir[0] = 0;
	return ret;
}

int qt_fuse_held(struct qt_fuse *f, int ms)
{
	long long end = qt_now_ms() + qt_patience(ms);
	bool held;

	do {
		pthread_mutex_lock(&f->lock);
		held = f->held;
		pthread_mutex_unlock(&f->lock);
		if (held)
			return 0;
		qt_sleep_ms(5);
	} while (qt_now_ms() < end);
	return -ETIMEDOUT;
}

void qt_fuse_go(struct qt_fuse *f)
{
	pthread_mutex_lock(&f->lock);
	f->go = true;
	if (f->held)
		answer(f, f->held, 0, f->page, sizeof(f->page));
	f->held = 0;
	pthread_mutex_unlock(&f->lock);
}

void qt_fuse_end(struct qt_fuse *f)
{
	if (!f->dir[0])
		return;
	qt_fuse_go(f);
	/* Nobody uses it any more, so this ends the connection, and with it the server. */
	if (umount2(f->dir, 0))
		umount2(f->dir, MNT_FORCE | MNT_DETACH);
	pthread_join(f->thread, NULL);
	close(f->fd);
	rmdir(f->dir);
	f->dir[0] = 0;
}
