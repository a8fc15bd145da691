/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What probes have in common. A probe reports on fd 3, a JSON document on each line; what drivers
 * print goes elsewhere. See detect/probe.h for who reads it.
 */
#ifndef QWAMOS_HELPER_PROBE_H
#define QWAMOS_HELPER_PROBE_H

#include <json-c/json.h>

/**
 * probe_begin() - bound what this process may take, and end it with the one that started it
 *
 * Return: 0, or an exit status: nobody reads the report
 */
int probe_begin(void);

/** probe_stage() - tell what comes next, which may be the last thing heard */
void probe_stage(const char *stage);

/** probe_state() - tell what came of it: "absent", "not_loadable", "no_device", and why */
void probe_state(const char *state, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** probe_tell() - tell {@key: @value}; @value is put */
void probe_tell(const char *key, struct json_object *value);

/** probe_end() - all is said; does not come back, and runs nothing that a driver left to be run */
void probe_end(void) __attribute__((noreturn));

/**
 * probe_open() - dlopen(3) one of several names of a library
 * @names: its names; NULL ends
 *
 * Return: its handle; or NULL, with the state told: absent, or not loadable
 */
void *probe_open(const char *const *names);

#endif
