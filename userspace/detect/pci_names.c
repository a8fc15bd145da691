// SPDX-License-Identifier: GPL-2.0-only
/* Names of PCI devices, by the helper that has libpci. */
#include "detect/pci.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/helper.h"
#include "util/mem.h"

struct qpci_names {
	bool running;
	struct qhelper helper;
};

struct qpci_names *qpci_names_open(void)
{
	struct qpci_names *names = qmem_calloc(1, sizeof(*names));

	names->running = !qhelper_start(&names->helper, "qwamos-pci-names");
	return names;
}

struct qpci_names *qpci_names_open_list(const char *list)
{
	struct qpci_names *names = qpci_names_open();
	struct qhelper_job job = { .what = QHELPER_LIST };
	struct qhelper_answer answer;

	if (!list || !names->running)
		return names;
	/* No name rather than one of another list. */
	if ((size_t)snprintf(job.text, sizeof(job.text), "%s", list) >= sizeof(job.text) ||
	    qhelper_ask(&names->helper, &job, &answer)) {
		qhelper_end(&names->helper);
		names->running = false;
	}
	return names;
}

void qpci_names_close(struct qpci_names *names)
{
	if (names && names->running)
		qhelper_end(&names->helper);
	free(names);
}

static void look_up(struct qpci_names *names, enum qhelper_names what, int id, int id2, char *buf,
		    size_t len)
{
	struct qhelper_job job = { .what = what, .id = { id, id2 } };
	struct qhelper_answer answer = { 0 };

	if (names->running)
		qhelper_ask(&names->helper, &job, &answer);
	snprintf(buf, len, "%s", answer.text);
}

void qpci_names_vendor(struct qpci_names *names, const struct qpci_dev *d, char *buf, size_t len)
{
	look_up(names, QHELPER_VENDOR, d->vendor, 0, buf, len);
}

void qpci_names_device(struct qpci_names *names, const struct qpci_dev *d, char *buf, size_t len)
{
	look_up(names, QHELPER_DEVICE, d->vendor, d->device, buf, len);
}

void qpci_names_class(struct qpci_names *names, const struct qpci_dev *d, char *buf, size_t len)
{
	look_up(names, QHELPER_CLASS, d->class_code >> 8, 0, buf, len);
}
