// SPDX-License-Identifier: GPL-2.0-only
/* Names of PCI devices, by libpci. */
#include "detect/pci.h"

#include <stdlib.h>
#include <pci/pci.h>

#include "util/mem.h"

struct qpci_names {
	struct pci_access *acc;
};

struct qpci_names *qpci_names_open(void)
{
	struct qpci_names *names = qmem_calloc(1, sizeof(*names));

	/* Only the names: without pci_init() libpci does not look at the bus. */
	names->acc = qmem_check(pci_alloc());
	return names;
}

void qpci_names_close(struct qpci_names *names)
{
	if (!names)
		return;
	pci_cleanup(names->acc);
	free(names);
}

/* PCI_LOOKUP_NO_NUMBERS: no answer rather than a number for what has no name. */
static void put(char *buf, const char *found)
{
	if (!found)
		buf[0] = '\0';
}

void qpci_names_vendor(struct qpci_names *names, const struct qpci_dev *d, char *buf, size_t len)
{
	put(buf, pci_lookup_name(names->acc, buf, len, PCI_LOOKUP_VENDOR | PCI_LOOKUP_NO_NUMBERS,
				 d->vendor));
}

void qpci_names_device(struct qpci_names *names, const struct qpci_dev *d, char *buf, size_t len)
{
	put(buf, pci_lookup_name(names->acc, buf, len, PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_NUMBERS,
				 d->vendor, d->device));
}

void qpci_names_class(struct qpci_names *names, const struct qpci_dev *d, char *buf, size_t len)
{
	put(buf, pci_lookup_name(names->acc, buf, len, PCI_LOOKUP_CLASS | PCI_LOOKUP_NO_NUMBERS,
				 d->class_code >> 8));
}
