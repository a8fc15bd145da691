/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much a VM has said to its supervisor, how long it was made to wait, and what was lost: a file
 * beside its record, which the supervisor writes and others read.
 */
#ifndef QWAMOS_VM_COUNTS_H
#define QWAMOS_VM_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "vm/inputs.h"

/**
 * struct qcount - of one input
 * @name: what people know it as
 * @taken: bytes that were read
 * @waits: how often it was not read at once, for its share was used up
 * @waited_ms: how long altogether, in ms
 * @lost: bytes that are in no log, or no longer
 * @unseen: bytes that somebody who looks on has not taken
 */
struct qcount {
	char name[16];
	uint64_t taken;
	uint64_t waits;
	uint64_t waited_ms;
	uint64_t lost;
	uint64_t unseen;
};

/**
 * struct qcounts - of all inputs of a VM
 * @v: they
 * @n: their number
 */
struct qcounts {
	struct qcount v[QINPUTS_MAX];
	size_t n;
};

/** qcounts_take() - those of @s as they are now; what was lost is 0 */
void qcounts_take(struct qcounts *c, const struct qinputs *s);

/**
 * qcounts_text() - one of them in words: "console: 12 KiB, ..."
 * @c: it
 * @text: out
 * @len: room, in bytes
 */
void qcounts_text(const struct qcount *c, char *text, size_t len);

/** qcounts_write() - tell others; @vm: the VM's name; return: 0 or a negative errno */
int qcounts_write(const char *vm, const struct qcounts *c, struct qerr *e);

/** qcounts_read() - what its supervisor has told; return: 0 or a negative errno (-ENOENT) */
int qcounts_read(const char *vm, struct qcounts *c);

/** qcounts_remove() - the VM is over */
void qcounts_remove(const char *vm);

#endif
