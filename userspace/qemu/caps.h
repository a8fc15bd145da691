/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a QEMU has: asked of the binary itself by QMP, and kept in a cache for as long as it is the
 * same binary. A set that was recorded elsewhere can be read from a file instead.
 */
#ifndef QWAMOS_QEMU_CAPS_H
#define QWAMOS_QEMU_CAPS_H

#include <stdbool.h>
#include <json-c/json.h>

#include "util/err.h"

/**
 * struct qemu_caps - what a QEMU has; free with qemu_caps_free()
 * @doc: an object: "arch", "version", "kvm" (built with it), and arrays of names: "machines",
 * "cpus", "devices" (those that we know what to do with), "objects", "options" (of the command
 * line), "displays"; and "properties": an object with an array of names for some devices
 */
struct qemu_caps {
	struct json_object *doc;
};

/**
 * qemu_caps_get() - ask a QEMU, or the cache
 * @program: its name, looked up on PATH, or its path
 * @caps: out; qemu_caps_free() it
 * @e: error
 *
 * The cache is in $XDG_CACHE_HOME/qwamos-gpu/qemu, or /var/cache/qwamos-gpu/qemu for root, or else
 * ~/.cache/qwamos-gpu/qemu; where it can't be written, QEMU is asked each time.
 *
 * Return: 0 or a negative errno (-ENOENT: not installed; -ETIMEDOUT: it does not answer)
 */
int qemu_caps_get(const char *program, struct qemu_caps *caps, struct qerr *e);

/** qemu_caps_ask() - ask a QEMU, given by its path; else as qemu_caps_get() */
int qemu_caps_ask(const char *path, struct qemu_caps *caps, struct qerr *e);

/**
 * qemu_find() - the path of a QEMU
 * @program: its name, looked up on PATH, or its path
 * @path: out: to be freed
 *
 * Return: 0 or -ENOENT
 */
int qemu_find(const char *program, char **path);

/**
 * qemu_kvm_try() - does a guest run with KVM? An empty one is started for a moment: that /dev/kvm
 * makes a VM does not mean that a CPU of this model can be made of it
 * @path: the QEMU
 * @machine: "q35" or "virt"
 * @cpu: the model
 * @e: why not
 *
 * Return: 0 or a negative errno
 */
int qemu_kvm_try(const char *path, const char *machine, const char *cpu, struct qerr *e);

/** qemu_caps_read() - read a recorded set; return: 0 or a negative errno */
int qemu_caps_read(const char *file, struct qemu_caps *caps, struct qerr *e);

/** qemu_caps_free() - free it */
void qemu_caps_free(struct qemu_caps *caps);

/** qemu_caps_has() - does the array @kind ("devices", "machines", ...) hold @name? */
bool qemu_caps_has(const struct qemu_caps *caps, const char *kind, const char *name);

/** qemu_caps_prop() - has this QEMU the device, and it the property? */
bool qemu_caps_prop(const struct qemu_caps *caps, const char *device, const char *prop);

/** qemu_caps_text() - "version", "arch" or "program"; "" if unknown */
const char *qemu_caps_text(const struct qemu_caps *caps, const char *key);

/** qemu_caps_kvm() - was it built with KVM? */
bool qemu_caps_kvm(const struct qemu_caps *caps);

#endif
