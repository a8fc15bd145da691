/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who else may change a file, or read it: judged by the file and by every folder and link that
 * leads to it, on the file descriptors by which it was found, so that nothing is looked at twice.
 */
#ifndef QWAMOS_UTIL_TRUST_H
#define QWAMOS_UTIL_TRUST_H

#include <stdbool.h>
#include <sys/stat.h>

#include "util/err.h"

/**
 * struct qtrust - a file that was opened; free with qtrust_free()
 * @fd: it, for reading, close-on-exec; what it would have to be waited for fails with EAGAIN
 * @path: its real path
 * @st: what it is
 * @writable: the first of what leads to it, or itself, that others than root and this user may
 *     change, and why; NULL: they can't
 * @led: that is what leads to it
 * @linked: somebody else may have put it there, though it is not his, by a hard link: others write
 *     to its folder, and the kernel lets anybody link any file (fs.protected_hardlinks)
 * @secret: not everybody on this computer may read it
 * @root_only: nobody but root may open it: it is closed to all others, or a folder of root's that
 *     it is in
 */
struct qtrust {
	int fd;
	char *path;
	struct stat st;
	char *writable;
	bool led;
	bool linked;
	bool secret;
	bool root_only;
};

/**
 * qtrust_open() - open a file, and find out who else may change or read it
 * @path: its path; links are followed
 * @block: it may be a block device; else only a regular file is opened
 * @t: out; qtrust_free() it, also after a failure
 * @e: error, may be NULL; begins with @path
 *
 * Others may change what belongs to neither root nor this user, or what its group (an ACL shows as
 * that) or all may write to; a folder that is sticky, such as /tmp, is none of these.
 *
 * Return: 0 or a negative errno (-EISDIR, -ENOTSUP: it is of another kind)
 */
int qtrust_open(const char *path, bool block, struct qtrust *t, struct qerr *e);

/**
 * qtrust_reopen() - open the very same file once more
 * @t: the file
 * @flags: O_RDWR, O_EXCL, ...
 *
 * Return: fd (close-on-exec) or a negative errno
 */
int qtrust_reopen(const struct qtrust *t, int flags);

/** qtrust_free() - close it, and free what @t points to */
void qtrust_free(struct qtrust *t);

#endif
