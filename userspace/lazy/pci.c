// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stddef.h>
#include <pci/pci.h>

#include "lazy/lazy.h"

#define SO "libpci.so.3"

struct pci_access *pci_alloc(void)
{
	return QLAZY_HAS(SO, pci_alloc) ? QLAZY(SO, pci_alloc)() : NULL;
}

void pci_cleanup(struct pci_access *acc)
{
	QLAZY(SO, pci_cleanup)(acc);
}

void pci_set_name_list_path(struct pci_access *acc, char *name, int to_be_freed)
{
	QLAZY(SO, pci_set_name_list_path)(acc, name, to_be_freed);
}

/* Of its further arguments we give two, whatever is looked up. */
char *pci_lookup_name(struct pci_access *acc, char *buf, int size, int flags, ...)
{
	va_list ap;
	int id, id2;

	va_start(ap, flags);
	id = va_arg(ap, int);
	id2 = va_arg(ap, int);
	va_end(ap);
	return QLAZY(SO, pci_lookup_name)(acc, buf, size, flags, id, id2);
}
