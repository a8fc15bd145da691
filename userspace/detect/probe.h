/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes: helpers that load a vendor's driver, each a process of its own, with a deadline and a
 * bound on what it prints. A driver that crashes, hangs or prints without end costs its probe.
 */
#ifndef QWAMOS_DETECT_PROBE_H
#define QWAMOS_DETECT_PROBE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <json-c/json.h>

/**
 * enum qprobe_end - how a probe came to its end
 * @QPROBE_RUNNING: it has not
 * @QPROBE_DONE: it said all that it had to say
 * @QPROBE_CRASHED: a signal ended it (@status: which)
 * @QPROBE_EXITED: it ended before it had said all (@status: with what)
 * @QPROBE_HUNG: it was killed at its deadline
 * @QPROBE_FLOOD: it was killed, for it printed more than is read
 * @QPROBE_GARBAGE: what it said can't be read
 * @QPROBE_NOT_STARTED: it could not be started (@status: errno)
 */
enum qprobe_end {
	QPROBE_RUNNING,
	QPROBE_DONE,
	QPROBE_CRASHED,
	QPROBE_EXITED,
	QPROBE_HUNG,
	QPROBE_FLOOD,
	QPROBE_GARBAGE,
	QPROBE_NOT_STARTED,
};

/**
 * struct qprobe - a probe; qprobe_free() it
 * @what: what it looks at, for people; of the caller
 * @pid: its process, and its process group; 0: none any more
 * @report: read end of the pipe of its report
 * @chatter: read end of the pipe of what drivers print
 * @deadline_ms: when it is killed, CLOCK_MONOTONIC
 * @limit_ms: how long it may take
 * @text: its report so far
 * @len: of it
 * @printed: bytes that drivers have printed
 * @end: how it ended
 * @status: see there
 * @stage: what it was doing last
 * @lines: an array of all that it reported
 */
struct qprobe {
	const char *what;
	pid_t pid;
	int report;
	int chatter;
	int64_t deadline_ms;
	unsigned int limit_ms;
	char *text;
	size_t len;
	size_t printed;
	enum qprobe_end end;
	int status;
	char stage[64];
	struct json_object *lines;
};

/**
 * qprobe_start() - start a probe
 * @helper: name of the helper
 * @what: what it looks at, for people; stays the caller's
 * @driver: the only driver it shall load, as its manifest; NULL: all
 * @limit_ms: how long it may take
 *
 * Never fails: a probe that could not be started has ended.
 */
struct qprobe *qprobe_start(const char *helper, const char *what, const char *driver,
			    unsigned int limit_ms);

/** qprobe_read() - a probe whose report was captured; @path: a file, with its report */
struct qprobe *qprobe_read(const char *path, const char *what);

/** qprobe_wait() - wait until all @n probes (NULL: none) have ended, which run side by side */
void qprobe_wait(struct qprobe *const *probes, size_t n);

/** qprobe_why() - how it ended, for people: "crashed (SIGSEGV) in vkCreateInstance"; free() it */
char *qprobe_why(const struct qprobe *p);

/** qprobe_free() - end it and free it; may be NULL */
void qprobe_free(struct qprobe *p);

/**
 * qprobe_manifests() - drivers that a loader would load
 * @env: variable that names them, with colons between; NULL: none
 * @dirs: folders that have them, as NAME.json, with colons between
 * @n: out: their number
 *
 * Return: paths, of which each and the array are to be freed; NULL: none
 */
char **qprobe_manifests(const char *env, const char *dirs, size_t *n);

#endif
