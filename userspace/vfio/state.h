/* SPDX-License-Identifier: GPL-2.0-only */
/* What a plan is made from. Plain data: a unit test can write any machine down. */
#ifndef QWAMOS_VFIO_STATE_H
#define QWAMOS_VFIO_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <linux/qwamos_gpu.h>

#include "detect/console.h"
#include "detect/pci.h"
#include "detect/platform.h"
#include "util/task.h"
#include "vfio/hostuse.h"
#include "vfio/vfio.h"

/**
 * struct qholder - a process that holds a device node
 * @pid: its number
 * @comm: its command name
 * @node: the node ("/dev/dri/card1"), with " (mapped)" where only a mapping is left
 */
struct qholder {
	pid_t pid;
	char comm[32];
	char node[96];
};

/**
 * struct qvfio_record - what a device had before we bound it
 * @known: there is such a record of this boot
 * @driver: its driver, "": none
 * @override: its driver_override, "": none
 * @taken_for: the GPU that it is a companion of, "": it was asked for by itself
 */
struct qvfio_record {
	bool known;
	char driver[QPCI_DRIVER_LEN];
	char override[QPCI_DRIVER_LEN];
	char taken_for[QVFIO_ADDR_LEN];
};

/**
 * struct qvfio_dev - one PCI device, and all that is known of it
 * @pci: what sysfs tells
 * @kernel_known: @kernel holds something
 * @kernel: what the kernel module tells
 * @owner: name of the VM that has it, "": none or unknown
 * @threads_left: of that VM, if it is ending: threads that have not ended
 * @left: one of them
 * @attrs_known: @pci.override and @pci.vfs have been read
 * @stuck: they could not: the kernel is at work on the device, and does not come back
 * @record: what it had before we bound it
 * @record_damaged: there is such a record, but it can't be read
 * @driver_there: the driver that @record names is registered
 * @half_done: a run that was broken off has touched it
 * @persisted: its binding is persisted (GPUs)
 * @holders: processes that hold its nodes
 * @n_holders: their number
 * @holders_known: somebody has looked for them
 * @host_use: whether and for what the host itself uses it; of a GPU that is asked for as well
 * @is_console: the text console is shown on it
 * @fw_holder: who holds the firmware's framebuffer in its memory, "": nobody
 */
struct qvfio_dev {
	struct qpci_dev pci;
	bool kernel_known;
	struct qwamos_gpu_dev kernel;
	char owner[QWAMOS_GPU_NAME_LEN];
	unsigned int threads_left;
	struct qtask left;
	bool attrs_known;
	bool stuck;
	struct qvfio_record record;
	bool record_damaged;
	bool driver_there;
	bool half_done;
	bool persisted;
	struct qholder *holders;
	size_t n_holders;
	bool holders_known;
	struct qhost_use host_use;
	bool is_console;
	char fw_holder[32];
};

/**
 * enum qmodule_state - can a module be had?
 * @QMODULE_UNKNOWN: nobody has looked
 * @QMODULE_LOADED: loaded or built in
 * @QMODULE_AVAILABLE: can be loaded
 * @QMODULE_MISSING: not installed for the running kernel
 */
enum qmodule_state {
	QMODULE_UNKNOWN,
	QMODULE_LOADED,
	QMODULE_AVAILABLE,
	QMODULE_MISSING,
};

/* The modules that a bind needs, in the order of their loading. */
enum qmodule {
	QMODULE_TYPE1,
	QMODULE_DRIVER,
	QMODULE_COUNT,
};

/**
 * struct qhalf_done - a run that was broken off
 * @found: there is one
 * @damaged: its journal can't be read; what it did is unknown
 * @running: it is not broken off at all: its process still works on it
 * @this_boot: it was in this boot, so what it did still stands
 * @op: "bind" or "unbind"
 * @pid: the process that did it
 * @step: number of the last step that was begun, from 1; 0: none
 * @steps: number of all its steps
 * @text: what that step was to do
 */
struct qhalf_done {
	bool found;
	bool damaged;
	bool running;
	bool this_boot;
	char op[16];
	pid_t pid;
	unsigned int step;
	unsigned int steps;
	char text[160];
};

/**
 * struct qvfio_state - the machine
 * @devs: GPUs and what is near them, in the order of their addresses; the same as in @pci
 * @n: their number
 * @pci: as gathered: addresses of all other PCI devices, and whether there is an IOMMU
 * @platform: platform GPUs
 * @console: the console
 * @module_loaded: /dev/qwamos_gpu answered
 * @module_error: why it did not, though it is there; "" otherwise
 * @modules: what a bind needs, by &enum qmodule
 * @unsafe_interrupts: the host lets VMs send interrupts unchecked
 * (vfio_iommu_type1.allow_unsafe_interrupts)
 * @half: a run that was broken off
 * @lost: addresses whose binding is persisted, but where no device is
 * @n_lost: their number
 * @records_error: why the records can't be read, "": they could, or there are none
 */
struct qvfio_state {
	struct qvfio_dev *devs;
	size_t n;
	struct qpci_list pci;
	struct qplat_list platform;
	struct qdetect_console console;
	bool module_loaded;
	char module_error[128];
	enum qmodule_state modules[QMODULE_COUNT];
	bool unsafe_interrupts;
	struct qhalf_done half;
	char (*lost)[QVFIO_ADDR_LEN];
	size_t n_lost;
	char records_error[256];
};

/** qmodule_name() - a module's name */
const char *qmodule_name(enum qmodule m);

/** qstate_find() - the device of that full address, or NULL */
struct qvfio_dev *qstate_find(const struct qvfio_state *st, const char *addr);

/** qstate_ours() - is the device on our driver? */
bool qstate_ours(const struct qvfio_dev *d);

/** qstate_together() - do two devices share a slot or an IOMMU group? */
bool qstate_together(const struct qvfio_dev *a, const struct qvfio_dev *b);

/** qstate_viable() - is every endpoint of @d's group on our driver or on none? */
bool qstate_viable(const struct qvfio_state *st, const struct qvfio_dev *d);

/** qstate_free() - free what @st points to */
void qstate_free(struct qvfio_state *st);

#endif
