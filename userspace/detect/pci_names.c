// SPDX-License-Identifier: GPL-2.0-only
/* Names of PCI devices, by libpci. */
#include "detect/pci.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <pci/pci.h>

#include "util/mem.h"

/*
 * Opened only for names, for the same reason as libkmod: with libudev and zlib it takes long to
 * link.
 */
struct qpci_names {
	void *lib;
	struct pci_access *acc;
	__typeof__(pci_alloc) *alloc;
	__typeof__(pci_cleanup) *cleanup;
	__typeof__(pci_lookup_name) *lookup;
};

/* A damaged pci.ids: libpci can't go on, as lspci can't. */
static void __attribute__((noreturn, format(printf, 1, 2))) fail(char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "libpci: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(1);
}

static void __attribute__((format(printf, 1, 2))) quiet(char *fmt, ...)
{
}

struct qpci_names *qpci_names_open(void)
{
	struct qpci_names *names = qmem_calloc(1, sizeof(*names));

	names->lib = dlopen("libpci.so.3", RTLD_NOW | RTLD_LOCAL);
	if (!names->lib)
		return names;
	names->alloc = dlsym(names->lib, "pci_alloc");
	names->cleanup = dlsym(names->lib, "pci_cleanup");
	names->lookup = dlsym(names->lib, "pci_lookup_name");
	if (!names->alloc || !names->cleanup || !names->lookup)
		return names;
	/*
	 * Only the names: without pci_init(), which would set these, libpci does not look at the
	 * bus.
	 */
	names->acc = qmem_check(names->alloc());
	names->acc->error = fail;
	names->acc->warning = quiet;
	names->acc->debug = quiet;
	return names;
}

void qpci_names_close(struct qpci_names *names)
{
	if (!names)
		return;
	if (names->acc)
		names->cleanup(names->acc);
	if (names->lib)
		dlclose(names->lib);
	free(names);
}

/* PCI_LOOKUP_NO_NUMBERS: no answer rather than a number for what has no name. */
static void look_up(struct qpci_names *names, char *buf, size_t len, int what, int id, int id2)
{
	const char *found = NULL;

	if (names->acc)
		found = names->lookup(names->acc, buf, len, what | PCI_LOOKUP_NO_NUMBERS, id, id2);
	if (!found)
		buf[0] = '\0';
	else if (found != buf)
		snprintf(buf, len, "%s", found);
}

void qpci_names_vendor(struct qpci_names *names, const struct qpci_dev *d, char *buf, size_t len)
{
	look_up(names, buf, len, PCI_LOOKUP_VENDOR, d->vendor, 0);
}

void qpci_names_device(struct qpci_names *names, const struct qpci_dev *d, char *buf, size_t len)
{
	look_up(names, buf, len, PCI_LOOKUP_DEVICE, d->vendor, d->device);
}

void qpci_names_class(struct qpci_names *names, const struct qpci_dev *d, char *buf, size_t len)
{
	look_up(names, buf, len, PCI_LOOKUP_CLASS, d->class_code >> 8, 0);
}
