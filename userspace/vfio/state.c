// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/state.h"

#include <stdlib.h>
#include <string.h>

const char *qmodule_name(enum qmodule m)
{
	static const char *const names[QMODULE_COUNT] = {
		[QMODULE_TYPE1] = "vfio_iommu_type1",
		[QMODULE_DRIVER] = QVFIO_DRIVER,
	};

	return names[m];
}

struct qvfio_dev *qstate_find(const struct qvfio_state *st, const char *addr)
{
	size_t i;

	for (i = 0; i < st->n; i++)
		if (!strcmp(st->devs[i].pci.addr, addr))
			return &st->devs[i];
	return NULL;
}

bool qstate_ours(const struct qvfio_dev *d)
{
	return !strcmp(d->pci.driver, QVFIO_DRIVER);
}

bool qstate_together(const struct qvfio_dev *a, const struct qvfio_dev *b)
{
	return qpci_same_slot(a->pci.addr, b->pci.addr) ||
	       (a->pci.group >= 0 && a->pci.group == b->pci.group);
}

bool qstate_viable(const struct qvfio_state *st, const struct qvfio_dev *d)
{
	size_t i;

	if (d->pci.group < 0)
		return false;
	for (i = 0; i < st->n; i++)
		if (st->devs[i].pci.group == d->pci.group && &st->devs[i] != d &&
		    st->devs[i].pci.kind != QPCI_BRIDGE && st->devs[i].pci.driver[0] &&
		    !qstate_ours(&st->devs[i]))
			return false;
	return true;
}

void qstate_free(struct qvfio_state *st)
{
	size_t i;

	for (i = 0; i < st->n; i++)
		free(st->devs[i].holders);
	free(st->devs);
	free(st->lost);
	qpci_list_free(&st->pci);
	qplat_list_free(&st->platform);
	memset(st, 0, sizeof(*st));
}
