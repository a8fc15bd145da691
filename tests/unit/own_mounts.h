/* SPDX-License-Identifier: GPL-2.0-only */
/* Mounts of a test's own, for places that are the host's. */
#ifndef OWN_MOUNTS_H
#define OWN_MOUNTS_H

#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <sys/mount.h>
#include <unistd.h>
#include <cmocka.h>

/* From here on this process alone sees what it mounts; skips the test where that can't be. */
static inline void own_mounts(void)
{
	if (!geteuid() && !unshare(CLONE_NEWNS) &&
	    !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return;
	print_message("# skipped: no mount namespace whose root is a mount point\n");
	skip();
}

#endif
