/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file whose one page comes when the test says so. Whoever copies from a mapping of it in the
 * kernel waits until then, whatever signals he gets.
 */
#ifndef QT_FUSE_H
#define QT_FUSE_H

#include <pthread.h>
#include <stdbool.h>

#define QT_FUSE_PAGE 4096

/** struct qt_fuse - the file; @path: of it, @page: what it holds, @fail: so many reads fail */
struct qt_fuse {
	char dir[64];
	char path[80];
	char page[QT_FUSE_PAGE];
	int fd;
	pthread_t thread;
	pthread_mutex_t lock;
	unsigned long long held;
	unsigned int fail;
	bool go;
};

/** qt_fuse_start() - mount it, for everybody; return: 0 or -errno */
int qt_fuse_start(struct qt_fuse *f);
/** qt_fuse_held() - wait until somebody waits for the page; return: 0 or -ETIMEDOUT */
int qt_fuse_held(struct qt_fuse *f, int ms);
/** qt_fuse_go() - let the page come, now and from now on */
void qt_fuse_go(struct qt_fuse *f);
/** qt_fuse_end() - go, unmount; a second time: nothing */
void qt_fuse_end(struct qt_fuse *f);

#endif
