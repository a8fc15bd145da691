/* SPDX-License-Identifier: GPL-2.0-only */
/* PCI GPUs, the functions of their slots and the members of their IOMMU groups, by sysfs. */
#ifndef QWAMOS_DETECT_PCI_H
#define QWAMOS_DETECT_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

/** QPCI_ADDR_LEN - room for a device's name on its bus, with the NUL */
#define QPCI_ADDR_LEN 32
/** QPCI_DRIVER_LEN - room for a driver's name, with the NUL */
#define QPCI_DRIVER_LEN 64

/**
 * enum qpci_kind - what a device is to us
 * @QPCI_OTHER: an endpoint that is no GPU
 * @QPCI_GPU: display or accelerator class
 * @QPCI_BRIDGE: a bridge or switch port (by its header, as VFIO sees it)
 */
enum qpci_kind {
	QPCI_OTHER,
	QPCI_GPU,
	QPCI_BRIDGE,
};

/**
 * struct qpci_dev - one device
 * @addr: "0000:01:00.0"
 * @kind: what it is
 * @vendor: vendor id
 * @device: device id
 * @subvendor: subsystem vendor id
 * @subdevice: subsystem id
 * @class_code: class, 24 bits
 * @driver: its driver, "": none
 * @override: its driver_override, "": none; not set here
 * @group: number of its IOMMU group, -1: none
 * @resets: names of its reset methods with spaces between, as in sysfs; "": none
 * @boot_vga: the firmware's console
 * @root_bus: no bridge above it, so no bus reset for it
 * @vf: an SR-IOV virtual function
 * @vfs: virtual functions that it has switched on, -1: it has no SR-IOV; not set here
 *
 * Nothing is read here that takes the device's lock, under which an unbind may wait for ever:
 * uevent, driver_override and sriov_numvfs do.
 */
struct qpci_dev {
	char addr[QPCI_ADDR_LEN];
	enum qpci_kind kind;
	uint16_t vendor;
	uint16_t device;
	uint16_t subvendor;
	uint16_t subdevice;
	uint32_t class_code;
	char driver[QPCI_DRIVER_LEN];
	char override[QPCI_DRIVER_LEN];
	int group;
	char resets[80];
	bool boot_vga;
	bool root_bus;
	bool vf;
	int vfs;
};

/**
 * struct qpci_list - what stands there; free with qpci_list_free()
 * @devs: GPUs, and all that shares a slot or an IOMMU group with one, bridges included; in the
 * order of their addresses
 * @n: their number
 * @others: addresses of all other PCI devices
 * @n_others: their number
 * @iommu: the machine has an IOMMU that is switched on
 */
struct qpci_list {
	struct qpci_dev *devs;
	size_t n;
	char (*others)[QPCI_ADDR_LEN];
	size_t n_others;
	bool iommu;
};

/**
 * qpci_gather() - look at the bus
 * @sys: where sysfs is, "/sys"
 * @only: full addresses: look only at these devices and at those that share their slots and IOMMU
 * groups; NULL: at all
 * @n_only: their number
 * @l: out
 * @e: error, may be NULL
 *
 * Devices that vanish meanwhile are left out. With @only, what is neither a GPU nor near one is
 * still told in @others. A machine without PCI has an empty list.
 *
 * Return: 0 or a negative errno
 */
int qpci_gather(const char *sys, const char (*only)[QPCI_ADDR_LEN], size_t n_only,
		struct qpci_list *l, struct qerr *e);

/** qpci_list_free() - free what @l points to */
void qpci_list_free(struct qpci_list *l);

/** qpci_find() - the device of that (full) address, or NULL */
struct qpci_dev *qpci_find(const struct qpci_list *l, const char *addr);

/** qpci_is_other() - is there a PCI device of that address that is neither a GPU nor near one? */
bool qpci_is_other(const struct qpci_list *l, const char *addr);

/**
 * qpci_stand_in() - is this driver only a placeholder for whoever uses the device instead?
 *
 * vfio-pci and its variants, pci-stub and UIO do not drive the device: processes use it through a
 * node, if at all, and what the firmware set up in it stays as it was.
 */
bool qpci_stand_in(const char *driver);

/** qpci_same_slot() - are these two addresses functions of one slot? */
bool qpci_same_slot(const char *a, const char *b);

/**
 * qpci_parse_addr() - an address as people type it ("01:00.0", "0000:01:00.0"), in full
 *
 * Return: true if it is one; @addr is "" otherwise.
 */
bool qpci_parse_addr(const char *text, char addr[QPCI_ADDR_LEN]);

/** struct qpci_names - an open database of names */
struct qpci_names;

/**
 * qpci_names_open() - open it (pci.ids, through libpci); it is read at the first look-up. In one
 * that is damaged nothing has a name
 */
struct qpci_names *qpci_names_open(void);
/** qpci_names_open_list() - open the database in the file @list; NULL: the machine's */
struct qpci_names *qpci_names_open_list(const char *list);
/** qpci_names_close() - close it; @names may be NULL */
void qpci_names_close(struct qpci_names *names);
/** qpci_names_vendor() - the vendor's name, "" if it has none */
void qpci_names_vendor(struct qpci_names *names, const struct qpci_dev *d, char *buf, size_t len);
/** qpci_names_device() - the device's name, "" if it has none */
void qpci_names_device(struct qpci_names *names, const struct qpci_dev *d, char *buf, size_t len);
/** qpci_names_class() - the class's name, "" if it has none */
void qpci_names_class(struct qpci_names *names, const struct qpci_dev *d, char *buf, size_t len);

#endif
