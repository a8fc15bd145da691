/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a config may add to QEMU's command line: options, devices and objects, each with the
 * properties that it may have and what these may be. What is not here is not accepted.
 */
#ifndef QWAMOS_QEMU_ALLOWED_H
#define QWAMOS_QEMU_ALLOWED_H

#include <stdbool.h>
#include <stddef.h>

#include "qemu/optlist.h"
#include "util/err.h"

/**
 * enum qallowed_value - what stands behind an option
 * @QALLOWED_NOTHING: nothing
 * @QALLOWED_WORD: one value, of the kind that @props of struct qallowed names
 * @QALLOWED_LIST: KEY=VALUE,...
 * @QALLOWED_DEVICE: the same, of a device
 * @QALLOWED_OBJECT: the same, of an object
 */
enum qallowed_value {
	QALLOWED_NOTHING,
	QALLOWED_WORD,
	QALLOWED_LIST,
	QALLOWED_DEVICE,
	QALLOWED_OBJECT,
};

/**
 * struct qallowed - one option, device or object
 * @name: its name, without dashes
 * @value: of an option: &enum qallowed_value
 * @implied: of an option: key of a first item without one; NULL: none
 * @props: KEY=KIND, with a blank between; "!" before those that it must have. KIND is a word in
 *     capitals (see allowed.c), or the words that are accepted, with "|" between
 * @no_pci: of a device: it is on no PCI bus
 */
struct qallowed {
	const char *name;
	int value;
	const char *implied;
	const char *props;
	bool no_pci;
};

/** qallowed_option() - an option by its name without dashes; NULL: not accepted */
const struct qallowed *qallowed_option(const char *name);
/** qallowed_device() - a device by the name of its type; NULL: not accepted */
const struct qallowed *qallowed_device(const char *name);
/** qallowed_object() - an object by the name of its type; NULL: not accepted */
const struct qallowed *qallowed_object(const char *name);

/** qallowed_options() - names of all options, for messages; return: a string to free() */
char *qallowed_options(void);
/** qallowed_devices() - names of all devices; return: a string to free() */
char *qallowed_devices(void);
/** qallowed_objects() - names of all objects; return: a string to free() */
char *qallowed_objects(void);

/**
 * qallowed_check() - may it have these properties?
 * @a: the option, device or object
 * @o: its properties
 * @chooser: key that names @a itself; NULL: none
 * @e: error: what was found, and what is accepted
 *
 * Return: 0 or -EINVAL
 */
int qallowed_check(const struct qallowed *a, const struct qopts *o, const char *chooser,
		   struct qerr *e);

/** qallowed_word() - may an option of QALLOWED_WORD have this value? return: 0 or -EINVAL */
int qallowed_word(const struct qallowed *a, const char *value, struct qerr *e);

/**
 * qallowed_files() - the files among properties that qallowed_check() has passed
 * @a: as given to it
 * @o: as given to it
 * @fn: called for each
 * @arg: its argument
 */
void qallowed_files(const struct qallowed *a, const struct qopts *o,
		    void (*fn)(void *arg, const char *path), void *arg);

#endif
