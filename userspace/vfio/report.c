// SPDX-License-Identifier: GPL-2.0-only
#include "vfio/report.h"

#include <stdlib.h>
#include <string.h>

#include "lib/libqwamos-gpu.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/task.h"

static void add_names(struct json_object *o, const struct qvfio_dev *d, struct qpci_names *names)
{
	char buf[256];

	if (!names)
		return;
	qpci_names_vendor(names, &d->pci, buf, sizeof(buf));
	qjson_add_str_or_null(o, "vendor_name", buf);
	qpci_names_device(names, &d->pci, buf, sizeof(buf));
	qjson_add_str_or_null(o, "device_name", buf);
	qpci_names_class(names, &d->pci, buf, sizeof(buf));
	qjson_add_str_or_null(o, "class_name", buf);
}

static const char *kind_name(const struct qvfio_dev *d)
{
	switch (d->pci.kind) {
	case QPCI_GPU:
		return "gpu";
	case QPCI_BRIDGE:
		return "bridge";
	default:
		return "companion";
	}
}

static void add_group(struct json_object *o, const struct qvfio_state *st,
		      const struct qvfio_dev *d)
{
	struct json_object *members = NULL, *m;
	size_t i;

	qjson_add(o, "iommu_group",
		  d->pci.group < 0 ? NULL : qmem_check(json_object_new_int(d->pci.group)));
	if (d->pci.group >= 0)
		members = qjson_arr();
	for (i = 0; i < st->n && members; i++) {
		if (st->devs[i].pci.group != d->pci.group || &st->devs[i] == d)
			continue;
		m = qjson_push(members, qjson_obj());
		qjson_add_str(m, "address", st->devs[i].pci.addr);
		qjson_add_str(m, "kind", kind_name(&st->devs[i]));
		qjson_add_str_or_null(m, "driver", st->devs[i].pci.driver);
	}
	qjson_add(o, "group_members", members);
	if (d->pci.group >= 0)
		qjson_add_bool(o, "viable", qstate_viable(st, d));
	else
		qjson_add(o, "viable", NULL);
}

static void add_resets(struct json_object *o, const struct qvfio_state *st,
		       const struct qvfio_dev *d)
{
	struct json_object *list = qjson_add(o, "reset_methods", qjson_arr());
	char *copy = qmem_strdup(d->pci.resets), *save, *word;
	const struct qvfio_dev *other;
	size_t i;

	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		qjson_push_str(list, word);
	free(copy);
	list = NULL;
	if (d->kernel_known) {
		if (d->kernel.reset_methods & QWAMOS_GPU_RESET_SET)
			qjson_push_str(qjson_get(o, "reset_methods"), "set");
		list = qjson_arr();
		for (i = 0; i < st->n && d->kernel.reset_set; i++) {
			other = &st->devs[i];
			if (other->kernel_known && other->kernel.reset_set == d->kernel.reset_set)
				qjson_push_str(list, other->pci.addr);
		}
	}
	qjson_add(o, "reset_set", list);
}

/* What only the module knows: null without it. */
static void add_kernel(struct json_object *o, const struct qvfio_dev *d)
{
	const struct qwamos_gpu_dev *k = &d->kernel;
	struct json_object *owner = NULL, *scrub = NULL, *quarantine = NULL;
	static const char *const known[] = {
		"state",
		"owner_vm",
		"scrub",
		"quarantine",
		"dirty",
		"can_reset",
		"leftovers_accepted",
		"revoking",
		"iommu_isolates",
		"interrupts_isolated",
		"generation",
	};
	size_t i;

	if (!d->kernel_known) {
		for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			qjson_add(o, known[i], NULL);
		return;
	}
	qjson_add_str(o, "state", libqg_dev_state_name(k->state));
	if (k->owner_vm_id) {
		owner = qjson_obj();
		qjson_add_int(owner, "id", k->owner_vm_id);
		qjson_add_str_or_null(owner, "name", d->owner);
		qjson_add_int(owner, "threads_left", d->threads_left);
		qjson_add(owner, "thread_left", qtask_json(&d->left));
	}
	qjson_add(o, "owner_vm", owner);
	scrub = qjson_obj();
	qjson_add_str(scrub, "reached",
		      k->scrub == QWAMOS_GPU_SCRUB_DEFAULT ? NULL : libqg_scrub_name(k->scrub));
	qjson_add_str(scrub, "best",
		      k->scrub_best == QWAMOS_GPU_SCRUB_DEFAULT ? NULL
								: libqg_scrub_name(k->scrub_best));
	qjson_add(o, "scrub", scrub);
	if (k->state == QWAMOS_GPU_DEV_STATE_QUARANTINED) {
		quarantine = qjson_obj();
		qjson_add_str(quarantine, "reason", libqg_reason_name(k->quarantine_reason));
		qjson_add_str(quarantine, "text", libqg_reason_text(k->quarantine_reason));
		qjson_add_str(quarantine, "remedy",
			      libqg_reason_text(QWAMOS_GPU_REASON_QUARANTINED));
	}
	qjson_add(o, "quarantine", quarantine);
	qjson_add_bool(o, "dirty", k->flags & QWAMOS_GPU_DEV_F_DIRTY);
	qjson_add_bool(o, "can_reset", k->flags & QWAMOS_GPU_DEV_F_CAN_RESET);
	qjson_add_bool(o, "leftovers_accepted", k->flags & QWAMOS_GPU_DEV_F_ACCEPTED);
	qjson_add_bool(o, "revoking", k->flags & QWAMOS_GPU_DEV_F_REVOKING);
	qjson_add_bool(o, "iommu_isolates", k->flags & QWAMOS_GPU_DEV_F_IOMMU);
	qjson_add_bool(o, "interrupts_isolated", !(k->flags & QWAMOS_GPU_DEV_F_UNSAFE_MSI));
	qjson_add_int(o, "generation", k->generation);
}

static void add_holders(struct json_object *o, const struct qvfio_dev *d)
{
	struct json_object *list = NULL, *h;
	size_t i;

	if (d->holders_known)
		list = qjson_arr();
	for (i = 0; i < d->n_holders; i++) {
		h = qjson_push(list, qjson_obj());
		qjson_add_int(h, "pid", d->holders[i].pid);
		qjson_add_str(h, "comm", d->holders[i].comm);
		qjson_add_str(h, "node", d->holders[i].node);
	}
	qjson_add(o, "holders", list);
}

static void add_record(struct json_object *o, const struct qvfio_dev *d)
{
	struct json_object *r = NULL;

	if (qstate_ours(d) && d->record.known) {
		r = qjson_obj();
		qjson_add_str_or_null(r, "driver", d->record.driver);
		qjson_add_str_or_null(r, "driver_override", d->record.override);
		qjson_add_str_or_null(r, "taken_for", d->record.taken_for);
	}
	qjson_add(o, "before", r);
}

struct json_object *qreport_device(const struct qvfio_state *st, const struct qvfio_dev *d,
				   struct qpci_names *names)
{
	struct json_object *o = qjson_obj();

	qjson_add_str(o, "address", d->pci.addr);
	qjson_add_str(o, "bus", "pci");
	qjson_add_str(o, "kind", kind_name(d));
	qjson_add_fmt(o, "vendor", "%04x", d->pci.vendor);
	qjson_add_fmt(o, "device", "%04x", d->pci.device);
	qjson_add_fmt(o, "subsystem_vendor", "%04x", d->pci.subvendor);
	qjson_add_fmt(o, "subsystem_device", "%04x", d->pci.subdevice);
	qjson_add_fmt(o, "class", "%06x", d->pci.class_code);
	add_names(o, d, names);
	qjson_add_str_or_null(o, "driver", d->pci.driver);
	if (d->attrs_known)
		qjson_add_str_or_null(o, "driver_override", d->pci.override);
	qjson_add_bool(o, "stuck", d->stuck);
	qjson_add_bool(o, "bound", qstate_ours(d));
	add_group(o, st, d);
	add_resets(o, st, d);
	qjson_add_bool(o, "boot_vga", d->pci.boot_vga);
	qjson_add_bool(o, "console", d->is_console);
	qjson_add_str_or_null(o, "firmware_framebuffer", d->fw_holder);
	qjson_add_bool(o, "vf", d->pci.vf);
	if (d->attrs_known)
		qjson_add(o, "vfs",
			  d->pci.vfs < 0 ? NULL : qmem_check(json_object_new_int(d->pci.vfs)));
	qjson_add_bool(o, "persisted", d->persisted);
	qjson_add_bool(o, "half_done", d->half_done);
	add_record(o, d);
	add_holders(o, d);
	add_kernel(o, d);
	return o;
}

static struct json_object *platform_device(const struct qplat_dev *d)
{
	struct json_object *o = qjson_obj();

	qjson_add_str(o, "name", d->name);
	qjson_add_str(o, "bus", "platform");
	qjson_add_str(o, "kind", "gpu");
	qjson_add_str(o, "compatible", d->compatible);
	qjson_add_str_or_null(o, "driver", d->driver);
	qjson_add_bool(o, "bound", false);
	qjson_add(o, "iommu_group",
		  d->group < 0 ? NULL : qmem_check(json_object_new_int(d->group)));
	qjson_add_str(o, "why_not", "vfio-platform is not supported yet");
	return o;
}

struct json_object *qreport_devices(const struct qvfio_state *st, const char *only, bool names)
{
	struct qpci_names *db = names ? qpci_names_open() : NULL;
	struct json_object *list = qjson_arr();
	size_t i;

	for (i = 0; i < st->n; i++)
		if (only ? !strcmp(st->devs[i].pci.addr, only)
			 : st->devs[i].pci.kind != QPCI_BRIDGE)
			qjson_push(list, qreport_device(st, &st->devs[i], db));
	for (i = 0; i < st->platform.n; i++)
		if (!only || !strcmp(st->platform.devs[i].name, only))
			qjson_push(list, platform_device(&st->platform.devs[i]));
	qpci_names_close(db);
	return list;
}

void qreport_host(const struct qvfio_state *st, struct json_object *doc)
{
	struct json_object *module = qjson_add(doc, "module", qjson_obj());

	qjson_add_bool(module, "answers", st->module_loaded);
	qjson_add_str(module, "why_not",
		      st->module_loaded	    ? NULL
		      : st->module_error[0] ? st->module_error
					    : "qwamos_gpu is not loaded");
	qjson_add_bool(doc, "iommu", st->pci.iommu);
	qjson_add_bool(doc, "unsafe_interrupts_allowed", st->unsafe_interrupts);
}

struct json_object *qreport_half_done(const struct qvfio_state *st)
{
	const struct qhalf_done *h = &st->half;
	struct json_object *o, *list;
	const char *remedy;
	size_t i;

	if (!h->found)
		return NULL;
	o = qjson_obj();
	qjson_add_bool(o, "running", h->running);
	qjson_add_bool(o, "damaged", h->damaged);
	qjson_add_str_or_null(o, "operation", h->op);
	qjson_add_int(o, "pid", h->pid);
	qjson_add_bool(o, "this_boot", h->this_boot);
	qjson_add_int(o, "step", h->step);
	qjson_add_int(o, "steps", h->steps);
	qjson_add_str_or_null(o, "step_text", h->text);
	list = qjson_add(o, "devices", qjson_arr());
	for (i = 0; i < st->n; i++)
		if (st->devs[i].half_done)
			qjson_push_str(list, st->devs[i].pci.addr);
	if (h->running)
		remedy = "wait until it has ended";
	else if (h->damaged)
		remedy =
			"the journal can't be read; unbind each device that is reserved for " QVFIO_DRIVER;
	else if (!h->this_boot)
		remedy = "nothing: the boot has undone it; the next bind or unbind forgets it";
	else
		remedy =
			"qwamos-vfio bind or unbind the device: either goes on from here, and gives "
			"back what it does not bind";
	qjson_add_str(o, "remedy", remedy);
	return o;
}

struct json_object *qreport_findings(const struct qplan *p)
{
	struct json_object *list = qjson_arr(), *o;
	size_t i;

	for (i = 0; i < p->n_findings; i++) {
		o = qjson_push(list, qjson_obj());
		qjson_add_str(o, "severity", qsev_name(p->findings[i].sev));
		qjson_add_str(o, "code", p->findings[i].code);
		qjson_add_str_or_null(o, "address", p->findings[i].addr);
		qjson_add_str(o, "text", p->findings[i].text);
		qjson_add_str(o, "remedy", p->findings[i].remedy);
	}
	return list;
}

struct json_object *qreport_steps(const struct qplan *p, size_t done, bool failed)
{
	static const char *const kinds[] = {
		[QSTEP_LOAD] = "load",
		[QSTEP_OVERRIDE] = "driver_override",
		[QSTEP_UNBIND] = "unbind",
		[QSTEP_PROBE] = "drivers_probe",
		[QSTEP_LOAD_NATIVE] = "load_native",
		[QSTEP_WAIT] = "wait",
		[QSTEP_PERSIST] = "persist",
		[QSTEP_FORGET] = "forget",
	};
	struct json_object *list = qjson_arr(), *o;
	char *text;
	size_t i;

	for (i = 0; i < p->n_steps; i++) {
		o = qjson_push(list, qjson_obj());
		text = qstep_text(&p->steps[i]);
		qjson_add_int(o, "n", i + 1);
		qjson_add_str(o, "do", kinds[p->steps[i].kind]);
		qjson_add_str_or_null(o, "address", p->steps[i].addr);
		qjson_add_str_or_null(o, "value", p->steps[i].value);
		qjson_add_str(o, "text", text);
		qjson_add_bool(o, "mends", p->steps[i].mend);
		qjson_add_str(o, "result",
			      i < done		    ? "done"
			      : i == done && failed ? "failed"
						    : "not done");
		free(text);
	}
	return list;
}
