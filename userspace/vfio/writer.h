/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing to sysfs, and reading of what takes a device's lock or waits for it, with a deadline. A
 * write that takes a device off its driver may wait in the kernel for as long as somebody holds the
 * device, and a process that does so can't be killed. So a child does all that, and its parent
 * gives up in time.
 */
#ifndef QWAMOS_VFIO_WRITER_H
#define QWAMOS_VFIO_WRITER_H

#include <sys/stat.h>
#include <sys/types.h>

/**
 * struct qwriter - the child that writes
 * @pid: its process, 0: there is none yet
 * @fd: our end of the socket to it
 * @lock_fd: the run's lock, that each child keeps, too; -1: none
 */
struct qwriter {
	pid_t pid;
	int fd;
	int lock_fd;
};

/** qwriter_init() - no child yet; the first use makes it */
void qwriter_init(struct qwriter *w);

/**
 * qwriter_keep_lock() - from now on the child keeps the run's lock
 * @w: the writer
 * @lock_fd: the lock, which must stay open
 *
 * While the last write of a run that was killed still goes on, no other run may begin. A read that
 * does not come back keeps none.
 *
 * Return: 0 or a negative errno
 */
int qwriter_keep_lock(struct qwriter *w, int lock_fd);

/**
 * qwriter_write() - write @text to the file at @path
 * @w: the writer
 * @path: absolute, at most 255 bytes
 * @text: at most 127 bytes
 * @timeout_ms: how long it may take, in ms
 *
 * Return: 0 or a negative errno; -ETIMEDOUT: the kernel has not come back, and the write still goes
 * on in a child that was left behind
 */
int qwriter_write(struct qwriter *w, const char *path, const char *text, int timeout_ms);

/**
 * qwriter_read() - read a small file, such as an attribute that takes the device's lock
 * @w: the writer
 * @path: absolute, at most 255 bytes
 * @buf: out: its text, without newlines at its end; "" on failure
 * @len: room, in bytes; what is longer than 127 bytes is -EFBIG
 * @timeout_ms: how long it may take, in ms
 *
 * Return: length of the text or a negative errno, as for qwriter_write()
 */
int qwriter_read(struct qwriter *w, const char *path, char *buf, size_t len, int timeout_ms);

/**
 * qwriter_claim() - open a block device as who claims it, and let it go again
 * @w: the writer
 * @path: absolute, at most 255 bytes; nothing but that block device is opened
 * @rdev: its number
 * @timeout_ms: how long it may take, in ms: a disk that fails may keep its driver busy for minutes
 *
 * Return: 0, -EBUSY: somebody else has claimed it; -ENODEV: @path is no node of it; or another
 * negative errno, as for qwriter_write()
 */
int qwriter_claim(struct qwriter *w, const char *path, dev_t rdev, int timeout_ms);

/**
 * qwriter_look() - stat() what is at a path
 * @w: the writer
 * @path: absolute, at most 255 bytes
 * @st: out, untouched on failure
 * @timeout_ms: how long it may take, in ms: a file's server may be dead
 *
 * Return: 0 or a negative errno, as for qwriter_write()
 */
int qwriter_look(struct qwriter *w, const char *path, struct stat *st, int timeout_ms);

/** qwriter_end() - end the child */
void qwriter_end(struct qwriter *w);

#endif
