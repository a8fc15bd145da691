/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What GPUs this machine has, and what can be done with them: one document, to which each kind of
 * source adds what it knows. Needs neither the kernel module nor root.
 */
#ifndef QWAMOS_DETECT_DETECT_H
#define QWAMOS_DETECT_DETECT_H

#include <stdbool.h>
#include <json-c/json.h>

#include "util/err.h"

/** QDETECT_PROBE_MS - how long a probe may take if nothing else is said, in ms */
#define QDETECT_PROBE_MS 10000

/**
 * struct qdetect_opts - what to look at
 * @root: a captured tree, which has sys, proc, dev and the like; NULL: this machine
 * @probe: load the drivers of Vulkan and EGL, each in a process of its own; of a captured tree,
 * read what it has of them
 * @probe_ms: how long each of these may take, in ms
 */
struct qdetect_opts {
	const char *root;
	bool probe;
	unsigned int probe_ms;
};

/**
 * qdetect() - look
 * @o: at what
 * @doc: out: the document; json_object_put() it
 * @e: error, may be NULL
 *
 * Every figure in the document may be null: nobody told it. None is guessed.
 *
 * Return: 0 or a negative errno
 */
int qdetect(const struct qdetect_opts *o, struct json_object **doc, struct qerr *e);

#endif
