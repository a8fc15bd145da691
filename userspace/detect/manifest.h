/* SPDX-License-Identifier: GPL-2.0-only */
/* Drivers that a loader loads: what their probe found, and, if it failed, because of which one. */
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
 * @part: the part of the document that tells what the probe found
 * @keys: what stands there beside the devices, NULLs at the end
 * @add_device: adds a device that a probe has found to that list
 */
struct qmanifest {
	const char *helper;
	const char *what;
	const char *env[2];
	const char *dirs_env;
	const char *home_config;
	const char *dirs;
	const char *part;
	const char *keys[4];
	void (*add_device)(struct qdetect *d, struct json_object *list, struct json_object *dev);
};

/**
 * qmanifest_gather() - what a probe of all drivers has found
 * @d: the run
 * @m: where they are
 * @p: that probe, NULL: none was started
 *
 * If it has failed, each driver is tried in a probe of its own, side by side; each that fails again
 * costs one note.
 */
void qmanifest_gather(struct qdetect *d, const struct qmanifest *m, const struct qprobe *p);

#endif
