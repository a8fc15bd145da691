// SPDX-License-Identifier: GPL-2.0-only
/* What is in the way of a plan, and what to do about it. Pure. */
#include "vfio/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

void qplan_finding(struct qplan *p, enum qsev sev, const char *code, const char *addr, char *text,
		   char *remedy)
{
	struct qfinding *f = QMEM_GROW(p->findings, p->n_findings);

	f->sev = sev;
	f->code = code;
	snprintf(f->addr, sizeof(f->addr), "%s", addr);
	f->text = text;
	f->remedy = remedy;
}

size_t qplan_count(const struct qplan *p, enum qsev sev)
{
	size_t i, n = 0;

	for (i = 0; i < p->n_findings; i++)
		n += p->findings[i].sev == sev;
	return n;
}

static void ask_for(struct qplan *p, const char *addr)
{
	size_t i;

	for (i = 0; i < p->n_asked; i++)
		if (!strcmp(p->asked[i], addr))
			return;
	snprintf(*QMEM_GROW(p->asked, p->n_asked), QVFIO_ADDR_LEN, "%s", addr);
}

/* "0000:01:00.0, 0000:02:00.0": the PCI GPUs, for who mistyped one. */
static char *known_gpus(const struct qvfio_state *st)
{
	char *list = qmem_strdup(""), *longer;
	size_t i;

	for (i = 0; i < st->n; i++) {
		if (st->devs[i].pci.kind != QPCI_GPU)
			continue;
		longer = qmem_printf("%s%s%s", list, *list ? ", " : "", st->devs[i].pci.addr);
		free(list);
		list = longer;
	}
	return list;
}

static void refuse_unknown(const struct qvfio_state *st, const char *what, char *text,
			   struct qplan *p)
{
	char *gpus = known_gpus(st);

	qplan_finding(p, QSEV_REFUSE, what, "", text,
		      *gpus ? qmem_printf("the PCI GPUs of this machine: %s", gpus)
			    : qmem_strdup("this machine has no PCI GPU"));
	free(gpus);
}

/* Refuses a device that is no GPU; companions are given back by themselves all the same. */
static void resolve_pci(const struct qvfio_state *st, const char *addr, struct qplan *p)
{
	const struct qvfio_dev *d = qstate_find(st, addr);
	size_t i;

	for (i = 0; !d && !p->bind && i < st->n_lost; i++) {
		if (strcmp(st->lost[i], addr))
			continue;
		snprintf(*QMEM_GROW(p->lost, p->n_lost), QVFIO_ADDR_LEN, "%s", addr);
		qplan_finding(p, QSEV_NOTE, "gone", addr,
			      qmem_printf("%s is not there any more; its binding is forgotten",
					  addr),
			      NULL);
		return;
	}
	if (!d && !qpci_is_other(&st->pci, addr)) {
		refuse_unknown(st, "no_device", qmem_printf("there is no PCI device %s", addr), p);
		return;
	}
	if (!d) {
		refuse_unknown(st, "not_a_gpu", qmem_printf("%s is no GPU", addr), p);
		return;
	}
	if (d->pci.kind == QPCI_BRIDGE) {
		refuse_unknown(
			st, "bridge",
			qmem_printf("%s is a bridge: it stays on its driver, and need not be "
				    "bound",
				    addr),
			p);
		return;
	}
	if (d->pci.kind == QPCI_GPU || !p->bind) {
		ask_for(p, addr);
		return;
	}
	for (i = 0; i < st->n; i++)
		if (st->devs[i].pci.kind == QPCI_GPU && qstate_together(d, &st->devs[i]))
			break;
	qplan_finding(p, QSEV_REFUSE, "not_a_gpu", addr,
		      qmem_printf("%s is no GPU, but the companion of one", addr),
		      i < st->n ? qmem_printf("bind %s: it takes %s along", st->devs[i].pci.addr,
					      addr)
				: NULL);
}

static bool shows_console(const struct qvfio_dev *d)
{
	return d->pci.boot_vga || d->is_console;
}

static const char platform_text[] =
	"is a platform GPU: binding these needs vfio-platform, which is not supported yet";

static void resolve_all(const struct qvfio_state *st, unsigned int flags, struct qplan *p)
{
	const struct qvfio_dev *d;
	size_t i;

	for (i = 0; i < st->n; i++) {
		d = &st->devs[i];
		if (!p->bind && (qstate_ours(d) || (d->pci.kind == QPCI_GPU && d->persisted))) {
			ask_for(p, d->pci.addr);
			continue;
		}
		if (!p->bind || d->pci.kind != QPCI_GPU)
			continue;
		if (!shows_console(d) || flags & QVFIO_F_ALLOW_CONSOLE || qstate_ours(d))
			ask_for(p, d->pci.addr);
		else
			qplan_finding(p, QSEV_NOTE, "left_out", d->pci.addr,
				      qmem_printf("%s is left out: it shows the host's console",
						  d->pci.addr),
				      qmem_strdup("--allow-console takes it, too"));
	}
	for (i = 0; p->bind && i < st->platform.n; i++)
		qplan_finding(p, QSEV_NOTE, "left_out", st->platform.devs[i].name,
			      qmem_printf("%s is left out: it %s", st->platform.devs[i].name,
					  platform_text),
			      NULL);
	if (p->bind && !p->n_asked)
		qplan_finding(p, QSEV_REFUSE, "no_device", "",
			      qmem_strdup("no GPU that could be bound"),
			      qmem_strdup("qwamos-vfio list shows what is there"));
}

void qplan_resolve(const struct qvfio_state *st, const struct qplan_req *req, struct qplan *p)
{
	char addr[QPCI_ADDR_LEN];
	const char *typed;
	size_t i;

	if (req->flags & QVFIO_F_ALL_GPUS) {
		resolve_all(st, req->flags, p);
		return;
	}
	for (i = 0; i < req->n; i++) {
		typed = req->addrs[i];
		if (qpci_parse_addr(typed, addr))
			resolve_pci(st, addr, p);
		else if (qplat_find(&st->platform, typed))
			qplan_finding(p, QSEV_REFUSE, "platform", typed,
				      qmem_printf("%s %s", typed, platform_text),
				      qmem_strdup("use it in virtio mode"));
		else
			refuse_unknown(st, "bad_address",
				       qmem_printf("'%s' is neither a PCI address (0000:01:00.0 or "
						   "01:00.0) nor a platform GPU's name",
						   typed),
				       p);
	}
}

/* Once for each plan, however many devices it is about. */
static bool said(const struct qplan *p, const char *code)
{
	size_t i;

	for (i = 0; i < p->n_findings; i++)
		if (!strcmp(p->findings[i].code, code))
			return true;
	return false;
}

static void check_host(const struct qvfio_state *st, struct qplan *p)
{
	size_t i;

	if (!st->pci.iommu)
		qplan_finding(p, QSEV_REFUSE, "iommu_off", "",
			      qmem_strdup(
				      "no IOMMU is switched on, so a VM's GPU could write to all "
				      "of the host's memory"),
			      qmem_strdup("switch on VT-d, AMD-Vi or the SMMU in the firmware, and "
					  "boot with intel_iommu=on (Intel)"));
	for (i = 0; i < QMODULE_COUNT; i++)
		if (st->modules[i] == QMODULE_MISSING)
			qplan_finding(
				p, QSEV_REFUSE, "module_missing", "",
				qmem_printf("module %s is not installed for the running kernel",
					    qmodule_name(i)),
				i == QMODULE_DRIVER
					? qmem_strdup(
						  "build and install it: make modules modules_install")
					: qmem_strdup("the kernel needs CONFIG_VFIO_IOMMU_TYPE1"));
	if (st->unsafe_interrupts)
		qplan_finding(p, QSEV_WARN, "unsafe_interrupts", "",
			      qmem_strdup(
				      "vfio_iommu_type1.allow_unsafe_interrupts is on: a VM with a "
				      "GPU can send interrupts to the host"),
			      qmem_strdup("switch interrupt remapping on, and that parameter off"));
	if (st->records_error[0])
		qplan_finding(p, QSEV_WARN, "records", "", qmem_strdup(st->records_error),
			      qmem_strdup(
				      "which drivers the devices had before is not known any more: "
				      "unbind will give them to whichever claims them"));
}

static void check_console(const struct qvfio_dev *d, unsigned int flags, struct qplan *p)
{
	const char *addr = d->pci.addr;

	if (d->fw_holder[0])
		qplan_finding(
			p, QSEV_REFUSE, "firmware_framebuffer", addr,
			qmem_printf("%s: %s holds the firmware's framebuffer in its memory (see "
				    "/proc/iomem), so VFIO could not have it",
				    addr, d->fw_holder),
			qmem_strdup("boot with initcall_blacklist=sysfb_init (older kernels: "
				    "video=efifb:off), or let its native driver take over first"));
	if (flags & QVFIO_F_ALLOW_CONSOLE || !shows_console(d))
		return;
	qplan_finding(
		p, QSEV_REFUSE, d->is_console ? "console" : "boot_vga", addr,
		d->is_console
			? qmem_printf("%s shows the host's text console, which would go dark", addr)
			: qmem_printf(
				  "%s is the boot VGA: the firmware's and the kernel's first console, "
				  "which would go dark",
				  addr),
		qmem_strdup("make sure of another way in (ssh, serial), then --allow-console"));
}

static void check_holders(const struct qvfio_dev *d, struct qplan *p)
{
	const struct qholder *h;
	size_t i;

	for (i = 0; i < d->n_holders; i++) {
		h = &d->holders[i];
		qplan_finding(p, QSEV_REFUSE, "held", d->pci.addr,
			      qmem_printf("%s: process %d (%s) holds %s", d->pci.addr, (int)h->pid,
					  h->comm, h->node),
			      qmem_printf("end it first: %s (process %d)", h->comm, (int)h->pid));
	}
}

static bool has_reset(const struct qvfio_dev *d)
{
	if (d->kernel_known)
		return d->kernel.reset_methods != 0;
	/*
	 * Behind a bridge its whole reset set may be reset at once, even where it has no reset of
	 * its own.
	 */
	return d->pci.resets[0] || !d->pci.root_bus;
}

bool qplan_takes(const struct qplan_req *req, const struct qvfio_dev *d)
{
	char addr[QPCI_ADDR_LEN];
	size_t i;

	for (i = 0; i < req->n_take; i++)
		if (qpci_parse_addr(req->take[i], addr) && !strcmp(addr, d->pci.addr))
			return true;
	return false;
}

/* "the host uses it: its disk nvme0n1 is mounted on /" */
static char *use_text(const struct qvfio_dev *d)
{
	return qmem_printf("%s: %s",
			   d->host_use.use == QUSE_YES ? "the host uses it"
						       : "it can't be told that the host does "
							 "without it",
			   d->host_use.text);
}

/* Only cards can change their places: no functions of one slot, and nothing on the root bus. */
static char *use_remedy(const struct qvfio_dev *d, const struct qvfio_dev *asked)
{
	bool cards = !qpci_same_slot(d->pci.addr, asked->pci.addr) && !d->pci.root_bus &&
		     !asked->pci.root_bus;

	return qmem_printf("%s%s; or take it from the host: qwamos-vfio bind --take-in-use %s",
			   cards ? "put one of the two cards into another slot, or " : "",
			   d->host_use.use == QUSE_YES ? "have the host stop using it"
						       : "take it off its driver if the host can "
							 "do without it",
			   d->pci.addr);
}

/* Say so if the host uses @d; return: whether it does */
static bool check_use(const struct qvfio_dev *d, const struct qvfio_dev *asked,
		      const struct qplan_req *req, struct qplan *p)
{
	bool slot = qpci_same_slot(d->pci.addr, asked->pci.addr);
	const char *addr = d->pci.addr;
	char *use;

	if (d->host_use.use == QUSE_NO)
		return false;
	use = use_text(d);
	if (qplan_takes(req, d))
		qplan_finding(p, QSEV_WARN, "taken_in_use", addr,
			      qmem_printf("%s is taken from the host (--take-in-use), though %s",
					  addr, use),
			      NULL);
	else if (d == asked)
		qplan_finding(p, QSEV_REFUSE, "in_use", addr, qmem_printf("%s: %s", addr, use),
			      use_remedy(d, asked));
	else
		qplan_finding(p, QSEV_REFUSE, "companion_in_use", addr,
			      qmem_printf("%s shares %s with %s and would go with it, but %s", addr,
					  slot ? "its slot" : "its IOMMU group", asked->pci.addr,
					  use),
			      use_remedy(d, asked));
	free(use);
	return true;
}

static void refuse_take(struct qplan *p, const char *code, const char *addr, char *text)
{
	qplan_finding(p, QSEV_REFUSE, code, addr, text,
		      qmem_strdup("--take-in-use names a device of this bind that the host uses, "
				  "by its PCI address"));
}

void qplan_check_take(const struct qvfio_state *st, const struct qplan_req *req, struct qplan *p)
{
	const struct qvfio_dev *d;
	char addr[QPCI_ADDR_LEN];
	size_t i;

	if (!p->n_asked || req->flags & QVFIO_F_TAKE_IF_USED)
		return;
	for (i = 0; i < req->n_take; i++) {
		if (!qpci_parse_addr(req->take[i], addr)) {
			refuse_take(p, "bad_address", "",
				    qmem_printf("--take-in-use: '%s' is no PCI address "
						"(0000:01:00.0 or 01:00.0)",
						req->take[i]));
			continue;
		}
		d = qplan_target(p, addr) ? qstate_find(st, addr) : NULL;
		if (!d)
			refuse_take(p, "take_not_planned", addr,
				    qmem_printf("--take-in-use: this bind does not take %s at all",
						addr));
		/* What was taken by an earlier bind is not the host's any more. */
		else if (d->host_use.use == QUSE_NO && !qstate_ours(d))
			refuse_take(p, "take_not_in_use", addr,
				    qmem_printf("--take-in-use: the host does not use %s", addr));
	}
}

static void check_companion(const struct qvfio_dev *d, const struct qvfio_dev *gpu,
			    const struct qplan_req *req, struct qplan *p)
{
	bool slot = qpci_same_slot(d->pci.addr, gpu->pci.addr);

	if (!check_use(d, gpu, req, p))
		qplan_finding(
			p, QSEV_ASK, "companion", d->pci.addr,
			qmem_printf("%s (class %06x, driver %s) shares %s with %s and goes with "
				    "it",
				    d->pci.addr, d->pci.class_code,
				    d->pci.driver[0] ? d->pci.driver : "none",
				    slot ? "its slot" : "its IOMMU group", gpu->pci.addr),
			qmem_strdup("say yes (--yes), or leave both"));
	if (d->kernel_known && d->kernel.scrub_best == QWAMOS_GPU_SCRUB_NONE)
		qplan_finding(
			p, QSEV_NOTE, "unwiped", d->pci.addr,
			qmem_printf("nobody knows how to wipe what a VM leaves in %s: the next one "
				    "may find it",
				    d->pci.addr),
			qmem_strdup("VMs get it only where that is accepted: gpu.accept_unwiped, "
				    "or vm run --accept-unwiped"));
}

bool qplan_check_stuck(const struct qvfio_dev *d, struct qplan *p)
{
	if (d->stuck)
		qplan_finding(
			p, QSEV_REFUSE, "stuck", d->pci.addr,
			qmem_printf("%s: the kernel is at work on it and does not come back: an "
				    "unbind waits for who holds it, or its driver hangs",
				    d->pci.addr),
			qmem_strdup("end who holds it (qwamos-vfio status), then try again"));
	return d->stuck;
}

void qplan_check_bind(const struct qvfio_state *st, const struct qvfio_dev *d,
		      const struct qvfio_dev *asked, const struct qplan_req *req, struct qplan *p)
{
	const char *addr = d->pci.addr;

	if (qplan_check_stuck(d, p))
		return;

	if (qstate_ours(d)) {
		if (d == asked)
			qplan_finding(p, QSEV_NOTE, "already_bound", addr,
				      qmem_printf("%s is on %s already", addr, QVFIO_DRIVER), NULL);
		return;
	}
	if (!p->host_checked)
		check_host(st, p);
	p->host_checked = true;
	if (st->pci.iommu && d->pci.group < 0)
		qplan_finding(
			p, QSEV_REFUSE, "no_iommu_group", addr,
			qmem_printf("%s stands under no IOMMU, so a VM could write to all of the "
				    "host's memory with it",
				    addr),
			qmem_strdup("another slot may be under one"));
	if (d->pci.vfs > 0)
		qplan_finding(p, QSEV_REFUSE, "vfs_enabled", addr,
			      qmem_printf("%s has %d virtual functions switched on", addr,
					  d->pci.vfs),
			      qmem_printf("switch them off: echo 0 > "
					  "/sys/bus/pci/devices/%s/sriov_numvfs",
					  addr));
	check_console(d, req->flags, p);
	check_holders(d, p);
	if (d == asked)
		check_use(d, asked, req, p);
	else
		check_companion(d, asked, req, p);
	if (d == asked && !has_reset(d))
		qplan_finding(
			p, QSEV_ASK, "no_reset", addr,
			qmem_printf("%s can't be reset, so no VM gets it unless what is in its "
				    "memory is accepted each time",
				    addr),
			qmem_printf("use another GPU; or bind it (--yes), and then, before each "
				    "VM: qwamos-vfio release %s --accept-leftovers",
				    addr));
}

void qplan_check_unbind(const struct qvfio_state *st, const struct qvfio_dev *d, struct qplan *p)
{
	const char *addr = d->pci.addr;

	if (qplan_check_stuck(d, p))
		return;

	if (!qstate_ours(d)) {
		if (!d->half_done && strcmp(d->pci.override, QVFIO_DRIVER))
			qplan_finding(p, QSEV_NOTE, "not_bound", addr,
				      qmem_printf("%s is not on %s (driver: %s)", addr,
						  QVFIO_DRIVER,
						  d->pci.driver[0] ? d->pci.driver : "none"),
				      NULL);
		return;
	}
	if (d->kernel_known && d->kernel.owner_vm_id)
		qplan_finding(p, QSEV_REFUSE, "owned", addr,
			      qmem_printf("%s belongs to VM %s (id %llu)", addr,
					  d->owner[0] ? d->owner : "?",
					  (unsigned long long)d->kernel.owner_vm_id),
			      qmem_printf("stop that VM first: qwamos-vm stop %s",
					  d->owner[0] ? d->owner : "VM"));
	else
		check_holders(d, p);
	if (d->kernel_known && d->kernel.state == QWAMOS_GPU_DEV_STATE_QUARANTINED)
		qplan_finding(
			p, QSEV_WARN, "quarantined", addr,
			qmem_printf("%s is in quarantine: the host's driver gets it as the last VM "
				    "left it",
				    addr),
			qmem_strdup("power the machine off and on to be sure of it"));
	if (st->records_error[0] && !said(p, "records"))
		qplan_finding(p, QSEV_WARN, "records", "", qmem_strdup(st->records_error), NULL);
	if (!d->record.known)
		qplan_finding(
			p, QSEV_WARN, "no_record", addr,
			qmem_printf("%s: which driver it had before is not on record; it goes to "
				    "the one that claims it",
				    addr),
			NULL);
}
