/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM's way to a bridge of this computer: a tap device that is made for it. The device lives as
 * long as its fd is open, so whatever ends the VM takes it along.
 */
#ifndef QWAMOS_VM_TAP_H
#define QWAMOS_VM_TAP_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "config/diag.h"
#include "qemu/plan.h"
#include "util/err.h"

/** QVM_TAP_FDS - how many fds qvm_tap_fds() tells at most */
#define QVM_TAP_FDS 2

/**
 * struct qvm_tap - it; begins as QVM_TAP_NONE
 * @fd: of the tap device, -1: none
 * @vhost: of /dev/vhost-net, -1: none
 * @index: number of the network device, 0: none was made
 */
struct qvm_tap {
	int fd;
	int vhost;
	int index;
};

/** QVM_TAP_NONE - no tap device */
#define QVM_TAP_NONE ((struct qvm_tap){ .fd = -1, .vhost = -1 })

/**
 * qvm_tap_check() - whether the bridge of a config is there, and what makes tap devices
 * @c: the VM
 * @d: gets an error for each thing that is not, and a warning for a bridge that is down
 *
 * Makes nothing, and needs no right. Return: 0 or -EINVAL
 */
int qvm_tap_check(const struct qconfig *c, struct qdiags *d);

/**
 * qvm_tap_open() - make a tap device, put it on a bridge, and switch it on
 * @t: out; unchanged on failure, when nothing is left of the device
 * @name: its name
 * @bridge: the bridge
 * @e: error: what is in the way, and what to do
 *
 * The host's own IP is not to be had through it, only through the bridge.
 *
 * Return: 0 or a negative errno (-EBUSY: there is a device of that name)
 */
int qvm_tap_open(struct qvm_tap *t, const char *name, const char *bridge, struct qerr *e);

/**
 * qvm_tap_give() - make what a VM needs for its bridge, if it has one
 * @t: out; qvm_tap_close() it, also after a failure
 * @c: the VM
 * @vhost: with /dev/vhost-net
 * @h: gets the fds, for the command line; holds the device's name
 * @e: error
 *
 * Return: 0 or a negative errno
 */
int qvm_tap_give(struct qvm_tap *t, const struct qconfig *c, bool vhost, struct qemu_host *h,
		 struct qerr *e);

/** qvm_tap_fds() - the fds that QEMU must have; return: their number */
size_t qvm_tap_fds(const struct qvm_tap *t, int fds[QVM_TAP_FDS]);

/** qvm_tap_close() - close the fds; the device goes with the last process that has them */
void qvm_tap_close(struct qvm_tap *t);

/**
 * qvm_tap_remove() - once the VM is over: remove the device if it is there all the same
 * @t: it
 * @e: error, may be NULL
 *
 * Who has the fd can have the device outlive it (TUNSETPERSIST), and needs no right for that.
 *
 * Return: 0: it was gone; 1: it is now; or a negative errno
 */
int qvm_tap_remove(const struct qvm_tap *t, struct qerr *e);

#endif
