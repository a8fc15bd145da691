// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-pci-names: names of PCI devices (pci.ids), by libpci. See util/helper.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <pci/pci.h>

#include "util/helper.h"
#include "util/mem.h"

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

static void do_job(void *arg, const struct qhelper_job *job, struct qhelper_answer *answer)
{
	static const int flags[] = {
		[QHELPER_VENDOR] = PCI_LOOKUP_VENDOR,
		[QHELPER_DEVICE] = PCI_LOOKUP_DEVICE,
		[QHELPER_CLASS] = PCI_LOOKUP_CLASS,
	};
	const char *found = NULL;

	if (job->what == QHELPER_LIST) {
		pci_set_name_list_path(arg, qmem_strdup(job->text), 1);
		return;
	}
	/* PCI_LOOKUP_NO_NUMBERS: no answer rather than a number for what has no name. */
	if (job->what < sizeof(flags) / sizeof(flags[0]))
		found = pci_lookup_name(arg, answer->text, sizeof(answer->text),
					flags[job->what] | PCI_LOOKUP_NO_NUMBERS, job->id[0],
					job->id[1]);
	if (!found)
		answer->text[0] = '\0';
	else if (found != answer->text)
		snprintf(answer->text, sizeof(answer->text), "%s", found);
}

int main(void)
{
	/*
	 * Only the names: without pci_init(), which would set these, libpci does not look at the
	 * bus.
	 */
	struct pci_access *acc = qmem_check(pci_alloc());
	int status;

	acc->error = fail;
	acc->warning = quiet;
	acc->debug = quiet;
	status = qhelper_serve(do_job, acc);
	pci_cleanup(acc);
	return status;
}
