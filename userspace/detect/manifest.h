/* SPDX-License-Identifier: GPL-2.0-only */
/* Drivers that a loader loads, one by one: which one was it? */
#ifndef QWAMOS_DETECT_MANIFEST_H
#define QWAMOS_DETECT_MANIFEST_H

#include "detect/source.h"

/**
 * struct qmanifest - where a loader finds its drivers
 * @helper: the probe
 * @what: what it looks at, for people
 * @env: variables that name the drivers instead; the first one that is set counts
 * @dirs_env: variable that names the folders instead, NULL: none
 * @home_config: folder below the user's configuration, NULL: none
 * @dirs: folder below the machine's configuration and data
 */
struct qmanifest {
	const char *helper;
	const char *what;
	const char *env[2];
	const char *dirs_env;
	const char *home_config;
	const char *dirs;
};

/**
 * qmanifest_retry() - after a probe of all drivers has failed: each driver in a probe of its own
 * @d: the run
 * @m: where they are
 * @failed: that probe
 * @out: part of the document
 * @take: adds to @out what a probe has found
 *
 * These run side by side. Each driver that fails again costs one note.
 */
void qmanifest_retry(struct qdetect *d, const struct qmanifest *m, const struct qprobe *failed,
		     struct json_object *out,
		     void (*take)(struct qdetect *d, struct json_object *out,
				  const struct qprobe *p));

#endif
