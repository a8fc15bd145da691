/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a QEMU that was started, and waits before its guest runs, has made what its command line
 * was meant to say: it is asked for its devices, objects and character devices, for all that is on
 * its PCI bus, and what is behind each bridge, whose bus has no number before the guest's firmware
 * has run. So nothing that reads the command line in another way than we do, or that a
 * QEMU adds by itself, comes to a guest.
 */
#ifndef QWAMOS_QEMU_VIEW_H
#define QWAMOS_QEMU_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "qemu/args.h"
#include "qemu/qmp.h"

/**
 * struct qview_thing - a device, object or character device
 * @id: its name
 * @type: its type; NULL: any
 * @pci: it is on a PCI bus
 * @host: of a device of the host's: its address; NULL: it is none
 * @bus: bus that it is on; NULL: one of the machine's
 * @view: of which it is a part
 */
struct qview_thing {
	char *id;
	char *type;
	bool pci;
	char *host;
	char *bus;
	struct qview *view;
};

/**
 * struct qview_list - several
 * @v: they
 * @n: their number
 */
struct qview_list {
	struct qview_thing *v;
	size_t n;
};

/**
 * struct qview - what is expected, and what has been answered; all zero: nothing; free with
 * qview_free()
 * @devices: all that has an id
 * @objects: all objects
 * @chardevs: all character devices
 * @machine: what the machine itself has on its PCI bus, as "VENDOR:DEVICE"
 * @left: answers that are still to come
 * @asked: it was asked
 * @wrong: what is not as expected, in words; NULL: nothing so far
 * @n_wrong: how many things that are
 */
struct qview {
	struct qview_list devices;
	struct qview_list objects;
	struct qview_list chardevs;
	struct qview_list machine;
	size_t left;
	bool asked;
	char *wrong;
	size_t n_wrong;
};

/**
 * qview_expect() - what a command line is meant to make
 * @v: out; qview_free() it
 * @machine: &enum qconfig_machine
 * @a: of qemu_args_build()
 */
void qview_expect(struct qview *v, int machine, const struct qemu_args *a);

/**
 * qview_ask() - ask a QEMU; the answers come in qmp_read()
 * @v: as expected; must stay where it is until the answers have come
 * @q: the connection, which is ready
 *
 * Return: 0 or a negative errno
 */
int qview_ask(struct qview *v, struct qmp *q);

/** qview_done() - have all answers come? Then @v->wrong tells. */
bool qview_done(const struct qview *v);

/** qview_free() - free what @v points to */
void qview_free(struct qview *v);

#endif
