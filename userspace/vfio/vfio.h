/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Binding GPUs to qwamos_vfio_pci and giving them back: what the rest of userspace calls. A run
 * gathers what stands there (gather.c), makes a plan (plan.c, pure), and carries it out with a
 * journal, or walks back (apply.c).
 */
#ifndef QWAMOS_VFIO_VFIO_H
#define QWAMOS_VFIO_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <json-c/json.h>

#include "util/err.h"

/** QVFIO_DRIVER - name of our driver, as it is written into driver_override */
#define QVFIO_DRIVER "qwamos_vfio_pci"
/**
 * QVFIO_STATE_DIR - where journal, records and persisted bindings are; $QWAMOS_STATE_DIR overrides
 * it
 */
#define QVFIO_STATE_DIR "/var/lib/qwamos-gpu"
/** QVFIO_ADDR_LEN - room for a device's name on its bus, with the NUL */
#define QVFIO_ADDR_LEN 32

/**
 * enum qvfio_outcome - how a run ended; also the exit status of qwamos-vfio
 * @QVFIO_OK: done, or nothing was to be done
 * @QVFIO_REFUSED: refused by the plan; nothing was touched
 * @QVFIO_USAGE: wrong use (command line only)
 * @QVFIO_FAILED: a step failed; all is as it was before
 * @QVFIO_BROKEN: a step failed, and not all could be put back; the journal stays, and the next run
 * goes on from there
 */
enum qvfio_outcome {
	QVFIO_OK = 0,
	QVFIO_REFUSED = 1,
	QVFIO_USAGE = 2,
	QVFIO_FAILED = 3,
	QVFIO_BROKEN = 4,
};

/* Flags of struct qvfio_opts. */
/* clang-format off: a table */
#define QVFIO_F_YES	      (1U << 0) /* yes to every question: companions, no reset */
#define QVFIO_F_ALLOW_CONSOLE (1U << 1) /* take the boot VGA, and the console's GPU */
#define QVFIO_F_PERSIST	      (1U << 2) /* bind: again at each boot */
#define QVFIO_F_NO_WAIT	      (1U << 3) /* bind: do not wait for the kernel's reset and scrub */
#define QVFIO_F_DRY_RUN	      (1U << 4) /* plan only */
#define QVFIO_F_ALL_GPUS      (1U << 5) /* every PCI GPU; the console's with ALLOW_CONSOLE */
#define QVFIO_F_KEEP_PERSIST  (1U << 6) /* unbind: only until the next boot */
#define QVFIO_F_NAMES	      (1U << 7) /* put names (pci.ids) into the document */
#define QVFIO_F_NO_DRIVER_OK  (1U << 8) /* unbind: though no driver takes the device back */
#define QVFIO_F_TAKE_IF_USED  (1U << 9) /* bind: what take_in_use names need not be in use */
/* clang-format on */

/**
 * struct qvfio_opts - how to bind or unbind; all zero is a good start
 * @flags: QVFIO_F_*
 * @state_dir: NULL: $QWAMOS_STATE_DIR, or QVFIO_STATE_DIR
 * @lock_wait_ms: how long to wait for another run to end, in ms
 * @ask: asks the user a yes/no question; NULL: nobody is there to ask, and what would be asked is
 * refused without QVFIO_F_YES
 * @ask_arg: its argument
 * @take_in_use: bind: addresses of devices that are taken though the host uses them; nothing else
 * takes these
 * @n_take_in_use: their number
 */
struct qvfio_opts {
	unsigned int flags;
	const char *state_dir;
	unsigned int lock_wait_ms;
	bool (*ask)(void *arg, const char *question);
	void *ask_arg;
	const char *const *take_in_use;
	size_t n_take_in_use;
};

/**
 * struct qvfio_result - what came of it; free with qvfio_result_free()
 * @outcome: &enum qvfio_outcome
 * @err: why, if @outcome is not QVFIO_OK: one line for each refusal, or the step that failed
 * @changed: addresses of the devices that this run has put on our driver (bind) or taken off it
 * (unbind), companions included; what was on our driver before a bind is not among them
 * @n_changed: their number
 * @doc: the plan and what was done, as `--json` prints it
 */
struct qvfio_result {
	enum qvfio_outcome outcome;
	struct qerr err;
	char (*changed)[QVFIO_ADDR_LEN];
	size_t n_changed;
	struct json_object *doc;
};

/**
 * qvfio_bind() - put GPUs, with every endpoint of their slots and IOMMU groups, on our driver
 * @addrs: "0000:01:00.0" or "01:00.0"; not looked at with QVFIO_F_ALL_GPUS
 * @n: their number
 * @o: options
 * @r: out
 *
 * Loads the modules it needs. Devices that are there already are no error. A run that another one
 * left half done is put back first.
 *
 * Return: @r->outcome
 */
enum qvfio_outcome qvfio_bind(const char *const *addrs, size_t n, const struct qvfio_opts *o,
			      struct qvfio_result *r);

/**
 * qvfio_unbind() - give devices back to the drivers that they had before the bind, with the
 * companions that were taken for them
 *
 * Arguments and return as for qvfio_bind(). Refused for a device that a VM has.
 */
enum qvfio_outcome qvfio_unbind(const char *const *addrs, size_t n, const struct qvfio_opts *o,
				struct qvfio_result *r);

/**
 * qvfio_restore() - bind what is persisted, as at boot
 * @addr: only this device; NULL: all
 * @o: options; QVFIO_F_YES is implied: consent was given when the binding was persisted
 * @r: out; a device of other vendor, device or subsystem ids than persisted is left alone, and told
 * as a refusal
 *
 * Return: @r->outcome
 */
enum qvfio_outcome qvfio_restore(const char *addr, const struct qvfio_opts *o,
				 struct qvfio_result *r);

/**
 * qvfio_release() - accept what the last VM left in a device (audited by the kernel)
 * @addr: address
 * @o: options
 * @r: out
 *
 * Return: @r->outcome
 */
enum qvfio_outcome qvfio_release(const char *addr, const struct qvfio_opts *o,
				 struct qvfio_result *r);

/** qvfio_result_free() - free what @r points to */
void qvfio_result_free(struct qvfio_result *r);

/**
 * qvfio_list() - what `qwamos-vfio list` prints: all GPUs and the members of their groups
 * @o: options (QVFIO_F_NAMES, @state_dir)
 * @doc: out: json_object_put() it
 * @e: error, may be NULL
 *
 * Works without the kernel modules; what only they know is null then.
 *
 * Return: 0 or a negative errno
 */
int qvfio_list(const struct qvfio_opts *o, struct json_object **doc, struct qerr *e);

/**
 * qvfio_status() - as qvfio_list(), and who holds the devices, half-done runs, persisted bindings,
 * and what to do about them
 * @addr: only this device (and the general part); NULL: all
 * @o: options (QVFIO_F_NAMES, @state_dir)
 * @doc: out: json_object_put() it
 * @e: error, may be NULL
 *
 * Return: 0 or a negative errno (-ENODEV: no such device)
 */
int qvfio_status(const char *addr, const struct qvfio_opts *o, struct json_object **doc,
		 struct qerr *e);

#endif
