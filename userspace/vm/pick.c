// SPDX-License-Identifier: GPL-2.0-only
#include "vm/pick.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/mem.h"
#include "vfio/vfio.h"

static bool is_candidate(const struct json_object *dev)
{
	const char *bus = qjson_get_str(dev, "bus"), *kind = qjson_get_str(dev, "kind"),
		   *state = qjson_get_str(dev, "state");

	return bus && !strcmp(bus, "pci") && kind && !strcmp(kind, "gpu") &&
	       qjson_get(dev, "iommu_group") && !qjson_get_bool(dev, "boot_vga", false) &&
	       !qjson_get_bool(dev, "console", false) && !qjson_get(dev, "firmware_framebuffer") &&
	       !qjson_get(dev, "owner_vm") && !(state && !strcmp(state, "quarantined"));
}

int qvm_pick_gpu(char addr[QPCI_ADDR_LEN], struct qerr *e)
{
	const struct qvfio_opts o = { 0 };
	struct json_object *doc, *devs;
	char names[512] = "";
	size_t i, n = 0, at = 0;
	int ret;

	addr[0] = '\0';
	ret = qvfio_list(&o, &doc, e);
	if (ret)
		return ret;
	devs = qjson_get(doc, "devices");
	for (i = 0; i < qjson_len(devs); i++) {
		struct json_object *dev = qjson_at(devs, i);
		const char *name = qjson_get_str(dev, "address");

		if (!is_candidate(dev) || !name)
			continue;
		if (!n++)
			snprintf(addr, QPCI_ADDR_LEN, "%s", name);
		if (at < sizeof(names))
			at += snprintf(names + at, sizeof(names) - at, " %s", name);
	}
	json_object_put(doc);
	if (!n)
		return qerr_set(
			e, ENODEV,
			"there is no free GPU in an IOMMU group that is neither boot VGA nor console: qwamos-vfio status");
	if (n > 1)
		return qerr_set(e, ENOTUNIQ, "gpu.device is missing, and several GPUs are free:%s",
				names);
	return 0;
}

static bool wanted(const struct qpci_list *l, const struct qpci_dev *d, const char *const *addrs,
		   size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct qpci_dev *asked = qpci_find(l, addrs[i]);

		if (asked == d || (asked->group >= 0 && asked->group == d->group))
			return true;
	}
	return false;
}

int qvm_endpoints(const char *const *addrs, size_t n, char (**list)[QPCI_ADDR_LEN], size_t *n_list,
		  bool *together, struct qerr *e)
{
	struct qpci_list l;
	size_t i, j;
	int ret;

	*list = NULL;
	*n_list = 0;
	*together = false;
	ret = qpci_gather("/sys", NULL, 0, &l, e);
	if (ret)
		return ret;
	for (i = 0; i < n && !ret; i++)
		if (!qpci_find(&l, addrs[i]))
			ret = qerr_set(e, ENODEV, "%s: %s: qwamos-vfio list tells which there are",
				       addrs[i],
				       qpci_is_other(&l, addrs[i]) ? "no GPU" : "no such device");
	for (i = 0; i < l.n && !ret; i++) {
		char(*slot)[QPCI_ADDR_LEN];

		if (l.devs[i].kind == QPCI_BRIDGE || !wanted(&l, &l.devs[i], addrs, n))
			continue;
		for (j = 0; j < i; j++)
			*together |= l.devs[j].kind != QPCI_BRIDGE &&
				     wanted(&l, &l.devs[j], addrs, n) &&
				     l.devs[i].group == l.devs[j].group;
		slot = QMEM_GROW(*list, *n_list);
		memcpy(*slot, l.devs[i].addr, QPCI_ADDR_LEN);
	}
	qpci_list_free(&l);
	return ret;
}
