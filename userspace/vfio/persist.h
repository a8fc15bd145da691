/* SPDX-License-Identifier: GPL-2.0-only */
/* Bindings that are made again at each boot: one file for each GPU, with its companions. */
#ifndef QWAMOS_VFIO_PERSIST_H
#define QWAMOS_VFIO_PERSIST_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"
#include "vfio/plan.h"
#include "vfio/state.h"

/**
 * struct qpersist - one persisted binding
 * @addr: the GPU
 * @ids: "vendor:device:subvendor:subdevice" of it, in hex
 * @allow_console: it was bound with QVFIO_F_ALLOW_CONSOLE
 * @take: devices that were taken though the host used them
 * @n_take: their number
 * @driver: the driver it had before, "": none
 * @companions: as "ADDRESS IDS DRIVER" (DRIVER "-": none)
 * @n_companions: their number
 * @error: why the file can't be read, "": it can
 */
struct qpersist {
	char addr[QVFIO_ADDR_LEN];
	char ids[32];
	bool allow_console;
	char (*take)[QPCI_ADDR_LEN];
	size_t n_take;
	char driver[QPCI_DRIVER_LEN];
	char (*companions)[160];
	size_t n_companions;
	char error[256];
};

/**
 * qpersist_load() - all persisted bindings
 * @dir: state directory
 * @list: out: array, qpersist_free() it
 * @n: out: its length
 *
 * Return: 0 (also if there are none) or a negative errno
 */
int qpersist_load(const char *dir, struct qpersist **list, size_t *n, struct qerr *e);

/** qpersist_free() - free a list */
void qpersist_free(struct qpersist *list, size_t n);

/** qpersist_ids() - a device's ids as they are persisted */
void qpersist_ids(const struct qpci_dev *d, char ids[32]);

/**
 * qpersist_mark() - note in @st what is persisted, and which drivers persisted devices had
 *
 * Early at boot no driver has a device yet: what it is given back to later is what it had when its
 * binding was persisted.
 */
void qpersist_mark(struct qvfio_state *st, const struct qpersist *list, size_t n);

/**
 * qpersist_mismatch() - may this binding be made again?
 * @st: the machine
 * @b: the binding
 *
 * Only of the same device at the same address, with no companion that consent was not given for.
 *
 * Return: NULL, or what is different; free() it
 */
char *qpersist_mismatch(const struct qvfio_state *st, const struct qpersist *b);

/**
 * qpersist_save() - persist the binding of @addr, with its companions; return: 0 or a negative
 * errno
 */
int qpersist_save(const char *dir, const struct qvfio_state *st, const struct qplan *p,
		  const char *addr, bool allow_console, struct qerr *e);

/**
 * qpersist_read() - the text of a persisted binding; free() it; NULL: there is none, or it can't be
 * read
 */
char *qpersist_read(const char *dir, const char *addr);

/** qpersist_write() - put that text back; return: 0 or a negative errno */
int qpersist_write(const char *dir, const char *addr, const char *text, struct qerr *e);

/** qpersist_forget() - persist it no longer; return: 0 (also if it was not) or a negative errno */
int qpersist_forget(const char *dir, const char *addr, struct qerr *e);

#endif
