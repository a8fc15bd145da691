// SPDX-License-Identifier: GPL-2.0-only
/* Names of PCI devices (pci.ids), by libpci. */
#include "detect/pci.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <pci/pci.h>

#include "util/mem.h"

struct qpci_names {
	struct pci_access *acc;
	jmp_buf damaged;
	bool off;
};

/* Whose look-up this thread is at: libpci does not say so to its callbacks. */
static __thread struct qpci_names *looking __attribute__((tls_model("initial-exec")));

/* A damaged pci.ids: libpci can't go on, and must not be returned to. */
static void __attribute__((noreturn, format(printf, 1, 2))) fail(char *fmt, ...)
{
	longjmp(looking->damaged, 1);
}

static void __attribute__((format(printf, 1, 2))) quiet(char *fmt, ...)
{
}

struct qpci_names *qpci_names_open(void)
{
	struct qpci_names *names = qmem_calloc(1, sizeof(*names));

	/*
	 * Only the names: without pci_init(), which would set these, libpci does not look at the
	 * bus.
	 */
	names->acc = pci_alloc();
	names->off = !names->acc;
	if (names->off)
		return names;
	names->acc->error = fail;
	names->acc->warning = quiet;
	names->acc->debug = quiet;
	return names;
}

struct qpci_names *qpci_names_open_list(const char *list)
{
	struct qpci_names *names = qpci_names_open();

	if (list && names->acc)
		pci_set_name_list_path(names->acc, qmem_strdup(list), 1);
	return names;
}

void qpci_names_close(struct qpci_names *names)
{
	if (names && names->acc)
		pci_cleanup(names->acc);
	free(names);
}

static void look_up(struct qpci_names *names, int what, int id, int id2, char *buf, size_t len)
{
	char text[256];
	const char *found;

	buf[0] = '\0';
	if (names->off)
		return;
	looking = names;
	if (setjmp(names->damaged)) {
		names->off = true;
		return;
	}
	/* PCI_LOOKUP_NO_NUMBERS: no answer rather than a number for what has no name. */
	found = pci_lookup_name(names->acc, text, sizeof(text), what | PCI_LOOKUP_NO_NUMBERS, id,
				id2);
	if (found)
		snprintf(buf, len, "%s", found);
}

void qpci_names_vendor(struct qpci_names *names, const struct qpci_dev *d, char *buf, size_t len)
{
	look_up(names, PCI_LOOKUP_VENDOR, d->vendor, 0, buf, len);
}

void qpci_names_device(struct qpci_names *names, const struct qpci_dev *d, char *buf, size_t len)
{
	look_up(names, PCI_LOOKUP_DEVICE, d->vendor, d->device, buf, len);
}

void qpci_names_class(struct qpci_names *names, const struct qpci_dev *d, char *buf, size_t len)
{
	look_up(names, PCI_LOOKUP_CLASS, d->class_code >> 8, 0, buf, len);
}
