// SPDX-License-Identifier: GPL-2.0-only
/* Detection, the PCI bus: GPUs, their companions, groups, reset methods, virtual functions. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/console.h"
#include "detect/pci.h"
#include "detect/source.h"
#include "util/file.h"
#include "util/json.h"
#include "util/mem.h"

/* The other functions of its slot: HDMI audio, USB-C. */
static void add_companions(struct json_object *gpu, const struct qpci_list *l,
			   const struct qpci_dev *d, struct qpci_names *names)
{
	struct json_object *list = qjson_arr(), *o;
	const struct qpci_dev *c;
	char buf[128];

	/* A virtual function shares its slot with others, but not its fate. */
	for (c = l->devs; !d->vf && c < l->devs + l->n; c++) {
		if (c == d || c->kind == QPCI_BRIDGE || c->vf || !qpci_same_slot(c->addr, d->addr))
			continue;
		o = qjson_push(list, qjson_obj());
		qjson_add_str(o, "address", c->addr);
		qjson_add_str(o, "kind", c->kind == QPCI_GPU ? "gpu" : "companion");
		qjson_add_fmt(o, "class", "%06x", c->class_code);
		qpci_names_class(names, c, buf, sizeof(buf));
		qjson_add_str_or_null(o, "class_name", buf);
		qjson_add_str_or_null(o, "driver", c->driver);
	}
	qjson_add(gpu, "companions", list);
}

static void add_group(struct json_object *gpu, const struct qpci_list *l, const struct qpci_dev *d)
{
	struct json_object *list, *o;
	const struct qpci_dev *m;

	if (d->group < 0)
		return;
	qjson_add_int(gpu, "iommu_group", d->group);
	list = qjson_add(gpu, "group_members", qjson_arr());
	QMEM_EACH(m, l->devs, l->n) {
		if (m == d || m->group != d->group)
			continue;
		o = qjson_push(list, qjson_obj());
		qjson_add_str(o, "address", m->addr);
		qjson_add_str(o, "kind",
			      m->kind == QPCI_GPU      ? "gpu"
			      : m->kind == QPCI_BRIDGE ? "bridge"
						       : "companion");
		qjson_add_str_or_null(o, "driver", m->driver);
	}
}

static void add_resets(struct json_object *gpu, const struct qpci_dev *d)
{
	struct json_object *list = qjson_add(gpu, "reset_methods", qjson_arr());
	char *copy = qmem_strdup(d->resets), *save, *word;

	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		qjson_push_str(list, word);
	free(copy);
}

/*
 * By the links to its virtual functions: sriov_numvfs takes the device's lock, under which an
 * unbind may wait for ever.
 */
static void add_sriov(struct qdetect *d, struct json_object *gpu, const struct qpci_dev *p)
{
	struct json_object *o, *list;
	char name[QPCI_ADDR_LEN];
	long long total;
	size_t i;

	if (p->vf) {
		o = qjson_add(gpu, "sriov", qjson_obj());
		qdetect_link(d, name, sizeof(name), "sys/bus/pci/devices/%s/physfn", p->addr);
		qjson_add_str_or_null(o, "physical_function", name);
		return;
	}
	if (qdetect_read_ll(d, &total, "sys/bus/pci/devices/%s/sriov_totalvfs", p->addr))
		return;
	o = qjson_add(gpu, "sriov", qjson_obj());
	qjson_add_int(o, "total_vfs", total);
	list = qjson_add(o, "vfs", qjson_arr());
	for (i = 0;
	     qdetect_link(d, name, sizeof(name), "sys/bus/pci/devices/%s/virtfn%zu", p->addr, i);
	     i++)
		qjson_push_str(list, name);
}

static void add_gpu(struct qdetect *d, const struct qpci_list *l, const struct qpci_dev *p,
		    const struct qdetect_console *console, struct qpci_names *names)
{
	struct json_object *gpu = qdetect_new_gpu(d, p->addr, "pci");
	char buf[256];

	qjson_add_str(gpu, "address", p->addr);
	qvendor_set(gpu, qvendor_pci(p->vendor));
	/* 0 is nobody's: it could not be read. */
	if (p->vendor) {
		qpci_names_vendor(names, p, buf, sizeof(buf));
		qdetect_set_str(gpu, "vendor_name", buf);
		qpci_names_device(names, p, buf, sizeof(buf));
		qdetect_set_str(gpu, "device_name", buf);
		qjson_add_fmt(gpu, "vendor_id", "%04x", p->vendor);
	}
	qjson_add_fmt(gpu, "device_id", "%04x", p->device);
	qjson_add_fmt(gpu, "class", "%06x", p->class_code);
	qdetect_set_str(gpu, "driver", p->driver);
	qjson_add_bool(gpu, "boot_vga", p->boot_vga);
	/* A captured tree has no framebuffer to ask. */
	if (!d->o->root)
		qjson_add_bool(gpu, "console", !strcmp(console->device, p->addr));
	qdetect_set_str(gpu, "firmware_framebuffer", qconsole_fw_holder(console, d->sys, p->addr));
	add_companions(gpu, l, p, names);
	add_group(gpu, l, p);
	add_resets(gpu, p);
	add_sriov(d, gpu, p);
}

static int gather(struct qdetect *d, struct qerr *e)
{
	struct qpci_names *names = NULL;
	struct qdetect_console console = { 0 };
	struct qpci_list l;
	bool any = false;
	char *ids;
	size_t i;
	int err;

	err = qpci_gather(d->sys, NULL, 0, &l, e);
	if (err)
		return err;
	for (i = 0; i < l.n; i++)
		any |= l.devs[i].kind == QPCI_GPU;
	if (any) {
		/* A captured tree has its own names, so that it says the same everywhere. */
		ids = d->o->root ? qdetect_path(d, "usr/share/misc/pci.ids") : NULL;
		names = qpci_names_open_list(ids);
		free(ids);
	}
	if (any && d->o->root)
		qconsole_gather_fw(d->proc, &console);
	else if (any)
		qconsole_gather(d->sys, d->proc, d->dev, true, &console);
	for (i = 0; i < l.n; i++)
		if (l.devs[i].kind == QPCI_GPU)
			add_gpu(d, &l, &l.devs[i], &console, names);
	qpci_names_close(names);
	qpci_list_free(&l);
	return 0;
}

const struct qdetect_source qdetect_pci = { .name = "pci", .gather = gather };
