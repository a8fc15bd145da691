/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files: small ones read whole, sysfs attributes, and files that are either old or new but never in
 * between.
 */
#ifndef QWAMOS_UTIL_FILE_H
#define QWAMOS_UTIL_FILE_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/err.h"

/**
 * qfile_read() - read a small file, such as an attribute in sysfs, with one read(2)
 * @dirfd: directory that @path is relative to, or AT_FDCWD
 * @path: the file
 * @buf: out: its text, NUL-terminated, without newlines at its end; "" on failure
 * @len: room, in bytes, at least 1
 *
 * Where a FIFO stands in its place, its other end is not waited for.
 *
 * Return: length of the text, or a negative errno; -EFBIG if the file does not fit.
 */
ssize_t qfile_read(int dirfd, const char *path, char *buf, size_t len);

/**
 * qfile_read_all() - read a whole file
 * @dirfd: directory that @path is relative to, or AT_FDCWD
 * @path: the file
 * @max: most bytes that are accepted
 * @buf: out: its bytes and a NUL; free() it; NULL on failure
 *
 * Where a FIFO stands in its place, its other end is not waited for.
 *
 * Return: length in bytes, or a negative errno; -EFBIG if the file is longer than @max.
 */
ssize_t qfile_read_all(int dirfd, const char *path, size_t max, char **buf);

/**
 * qfile_read_fd() - read an open file from where it stands to its end
 * @fd: it; it stays open
 * @max: most bytes that are accepted
 * @buf: out: its bytes and a NUL; free() it; NULL on failure
 *
 * Return: length in bytes, or a negative errno; -EFBIG if there is more than @max.
 */
ssize_t qfile_read_fd(int fd, size_t max, char **buf);

/**
 * qfile_open_plain() - open a file that somebody has named, but no FIFO, terminal or other device,
 * which could be waited for without end
 * @path: the file
 * @flags: O_RDONLY, ...
 * @block: it may be a block device
 *
 * Regular files that are waited for all the same (/proc/kmsg, trace_pipe of tracefs) are read
 * without: with -EAGAIN, which qfile_strerror() tells.
 *
 * Return: fd (close-on-exec), or a negative errno; -EISDIR, -ENOTSUP: it is of another kind
 */
int qfile_open_plain(const char *path, int flags, bool block);

/** qfile_strerror() - why a file that somebody has named can't be read: strerror(), or more */
const char *qfile_strerror(int err);

/** qfile_read_plain() - qfile_read_all() of what qfile_open_plain() opens */
ssize_t qfile_read_plain(const char *path, size_t max, char **buf);

/**
 * qfile_open_named() - open a file that somebody has named, to read it
 * @path: a regular file; or an fd of the caller's, who may have a pipe there: /dev/stdin,
 * /dev/fd/N, a shell's <(...)
 * @e: error, may be NULL: what is accepted
 *
 * Return: fd (close-on-exec), or a negative errno; as qfile_open_plain()
 */
int qfile_open_named(const char *path, struct qerr *e);

/**
 * qfile_read_named() - read the whole of what qfile_open_named() opens
 * @path: the file
 * @max: most bytes that are accepted, whole MiB
 * @buf: out: its bytes and a NUL; free() it; NULL on failure
 * @e: error, may be NULL
 *
 * Return: length in bytes, or a negative errno; -EFBIG if there is more than @max, -EAGAIN if it
 * has no end.
 */
ssize_t qfile_read_named(const char *path, size_t max, char **buf, struct qerr *e);

/**
 * qfile_read_ll() - read a file that holds one number (any base that strtoll() knows); return: 0,
 * -EINVAL, -ERANGE, or as qfile_read()
 */
int qfile_read_ll(int dirfd, const char *path, long long *value);

/**
 * qfile_write() - write @text to an existing file in one write(2), as sysfs wants it
 *
 * Return: 0 or a negative errno (-EIO for a short write)
 */
int qfile_write(int dirfd, const char *path, const char *text);

/**
 * qfile_replace() - make @path hold @len bytes of @data, for good: it and its directory are on the
 * disk when this returns 0
 * @path: the file; "@path.new" is used on the way
 * @data: the bytes
 * @len: their number
 * @mode: permissions of the file
 *
 * Return: 0 or a negative errno; then @path is as it was.
 */
int qfile_replace(const char *path, const void *data, size_t len, mode_t mode);

/** qfile_remove() - unlink @path, for good; return: 0 (also if there is none) or -errno */
int qfile_remove(const char *path);

/**
 * qfile_mkdirs() - mkdir @path and its missing parents with @mode; return: 0 (also if it exists) or
 * a negative errno
 */
int qfile_mkdirs(const char *path, mode_t mode);

/**
 * qfile_private_dir() - a folder that nobody but this user may enter: what is locked in it is
 * locked by who has the right to
 * @path: the folder; made, with mode 0700, if there is none, its missing parents with 0755
 * @e: error, may be NULL
 *
 * One that others may enter, as earlier versions made it, is closed to them.
 *
 * Return: 0 or a negative errno (-EPERM: it is another user's)
 */
int qfile_private_dir(const char *path, struct qerr *e);

/**
 * qfile_link_name() - the last component of what a symbolic link points to (a device's driver,
 * group, ...)
 *
 * Return: 0, or a negative errno (-ENAMETOOLONG: @len is too small); @buf is "" then.
 */
int qfile_link_name(int dirfd, const char *path, char *buf, size_t len);

/** qfile_opendir() - open a folder, and no link to one; return: it, or NULL and errno */
DIR *qfile_opendir(int dirfd, const char *path);

/** qfile_exists() - is there such a file? */
bool qfile_exists(int dirfd, const char *path);

/**
 * qfile_lock() - lock a file for this process, so that only one run at a time is at work
 * @path: lock file; made if there is none, for this user alone, as who can open it can hold it;
 *     holds the pid of who has it
 * @wait_ms: how long to wait for another run to end, in ms
 * @e: error, may be NULL; names the other process (-EBUSY)
 *
 * Return: fd (close-on-exec); closing it, or the end of the process, unlocks; or a negative errno
 * (-EPERM: the file is another user's).
 */
int qfile_lock(const char *path, unsigned int wait_ms, struct qerr *e);

/**
 * qfile_boot_id() - the kernel's random id of this boot; @buf: 37 bytes; return: 0 or a negative
 * errno
 */
int qfile_boot_id(char buf[37]);

#endif
