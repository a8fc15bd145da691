/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The locks by which QEMUs tell each other who has an image: bytes 100 and on, one for each thing
 * that is done to it, and bytes 200 and on, one for each that nobody else may do. QEMU itself takes
 * and asks for none in a sandbox; its supervisor does.
 */
#ifndef QWAMOS_VM_DISK_LOCK_H
#define QWAMOS_VM_DISK_LOCK_H

#include <stdbool.h>

#include "util/err.h"
#include "util/trust.h"

/**
 * qdisk_lock_check() - find out whether somebody has an image that nobody but root may open
 * @t: the image; of one that others may read too, whose locks say nothing, none is asked for
 * @write: it is to be written to; else only who writes to it, or wants it alone, is in the way
 * @e: error: who holds a lock, if that can be told
 *
 * Return: 0, -EBUSY or another negative errno
 */
int qdisk_lock_check(const struct qtrust *t, bool write, struct qerr *e);

/**
 * qdisk_lock_take() - lock an image as QEMU does, for as long as @t->fd is open
 * @t: the image
 * @write: it is written to
 *
 * So that a QEMU which was started by hand refuses it. A lock of somebody else's that keeps ours
 * away, for writing, is no error: whoever may write to the image has other ways to harm it.
 */
void qdisk_lock_take(const struct qtrust *t, bool write);

#endif
