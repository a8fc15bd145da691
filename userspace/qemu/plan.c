// SPDX-License-Identifier: GPL-2.0-only
#include "qemu/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "qemu/internal.h"
#include "util/mem.h"

const char *qemu_program(const struct qconfig *c)
{
	return c->machine == QMACHINE_VIRT ? "qemu-system-aarch64" : "qemu-system-x86_64";
}

static void plan_machine(const struct qconfig *c, const struct qemu_caps *caps, struct qdiags *d)
{
	const char *machine = c->machine == QMACHINE_VIRT ? "virt" : "q35";
	const char *arch = c->machine == QMACHINE_VIRT ? "aarch64" : "x86_64";
	struct qmark at = qconfig_where(c, "machine.type");

	if (strcmp(qemu_caps_text(caps, "arch"), arch))
		qdiag_add(d, QDIAG_ERROR, at, "machine.type",
			  "'%s' found, which needs a QEMU for %s; this one is for %s", machine,
			  arch, qemu_caps_text(caps, "arch"));
	else if (!qemu_caps_has(caps, "machines", machine))
		qdiag_add(d, QDIAG_ERROR, at, "machine.type",
			  "'%s' found; this QEMU has no such machine", machine);
}

static void plan_accel(const struct qconfig *c, const struct qemu_caps *caps,
		       const struct qemu_host *h, struct qemu_plan *p, struct qdiags *d)
{
	const char *why = h->no_kvm;

	if (!why && !qemu_caps_kvm(caps))
		why = "this QEMU is built without it";
	p->kvm = c->accel != QACCEL_TCG && !why;
	if (c->accel == QACCEL_KVM && why)
		qdiag_add(d, QDIAG_NOTE, qconfig_where(c, "machine.accel"), "machine.accel",
			  "kvm can't be had: %s; falls back to tcg", why);
}

static void plan_cpu_model(const struct qconfig *c, const struct qemu_caps *caps,
			   const struct qemu_host *h, struct qemu_plan *p, struct qdiags *d)
{
	struct qmark at = qconfig_where(c, "hardware.cpu.model");
	const char *key = "hardware.cpu.model", *other = p->kvm ? "host" : "max";
	bool arm = c->machine == QMACHINE_VIRT;

	p->cpu = c->cpu_model ? c->cpu_model : other;
	p->features = !arm && c->cpu_features.n;
	if (c->cpu_features.n && (arm || h->other_machine)) {
		p->features = false;
		qdiag_add(d, QDIAG_NOTE, qconfig_where(c, "hardware.cpu.features"),
			  "hardware.cpu.features", "left out: %s",
			  arm ? "the model of an ARM CPU says what it has"
			      : "they are those of another machine");
	}
	if (!c->cpu_model || !strcmp(c->cpu_model, other))
		return;
	if (arm && p->kvm) {
		p->cpu = other;
		qdiag_add(d, QDIAG_NOTE, at, key, "'%s' is replaced by host, as KVM asks for",
			  c->cpu_model);
	} else if (!strcmp(c->cpu_model, "host")) {
		p->cpu = other;
		qdiag_add(d, QDIAG_NOTE, at, key, "'host' is replaced by max: it needs KVM");
	} else if (!qemu_caps_has(caps, "cpus", c->cpu_model)) {
		p->cpu = other;
		qdiag_add(d, h->other_machine ? QDIAG_NOTE : QDIAG_ERROR, at, key,
			  h->other_machine ? "'%s' is replaced by %s: it is one of another machine"
					   : "'%s' found; this QEMU has no such CPU, but %s",
			  c->cpu_model, other);
	}
}

static void plan_cpu(const struct qconfig *c, const struct qemu_caps *caps,
		     const struct qemu_host *h, struct qemu_plan *p, struct qdiags *d)
{
	plan_cpu_model(c, caps, h, p, d);
	/* Without KVM, QARMA5 takes more time than all else that the guest does. */
	p->pauth_impdef = !p->kvm && c->machine == QMACHINE_VIRT && !strcmp(p->cpu, "max");
}

/* Security that is asked for, and for which an IOMMU is there in both machines. */
static void plan_smmu(const struct qconfig *c, const struct qemu_caps *caps,
		      const struct qemu_host *h, struct qemu_plan *p, struct qdiags *d)
{
	const char *why = NULL;

	if (!c->smmu)
		return;
	if (c->machine == QMACHINE_Q35 && !qemu_caps_has(caps, "devices", "intel-iommu"))
		why = "this QEMU has no intel-iommu";
	/* It does not tell VFIO what the guest maps. */
	if (c->machine == QMACHINE_VIRT && p->gpu.got == QACCESS_PASSTHROUGH)
		why = "QEMU's SMMU can't be used with a passed-through GPU";
	/* Behind it each has an address space of its own, and VFIO has one for each group. */
	if (c->machine == QMACHINE_Q35 && p->gpu.got == QACCESS_PASSTHROUGH && h->devices_together)
		why = "QEMU's IOMMU can't be used with several devices of one IOMMU group";
	p->smmu = !why;
	if (why)
		qdiag_add(d, QDIAG_WARNING, qconfig_where(c, "security.smmu"), "security.smmu",
			  "not carried out: %s", why);
}

static void plan_boot(const struct qconfig *c, const struct qemu_host *h, struct qdiags *d)
{
	if (!c->kernel && (c->initrd || c->cmdline))
		qdiag_add(d, QDIAG_WARNING,
			  c->initrd ? c->at.initrd : qconfig_where(c, "boot.cmdline"),
			  c->initrd ? "boot.initrd" : "boot.cmdline",
			  "without effect: there is no boot.kernel");
	if (!c->kernel && c->machine == QMACHINE_VIRT && !h->firmware)
		qdiag_add(d, QDIAG_WARNING, (struct qmark){ 0 }, "boot.kernel",
			  "missing, and no firmware for the machine virt is installed "
			  "(package qemu-efi-aarch64): nothing will boot");
}

int qemu_plan(const struct qconfig *c, const struct qemu_caps *caps, const struct qemu_host *h,
	      struct qemu_plan *p, struct qdiags *d)
{
	size_t before = qdiags_count(d, QDIAG_ERROR);

	memset(p, 0, sizeof(*p));
	plan_machine(c, caps, d);
	plan_accel(c, caps, h, p, d);
	plan_cpu(c, caps, h, p, d);
	p->sandbox = qemu_caps_has(caps, "options", "sandbox");
	qemu_plan_gpu(c, caps, h, p, d);
	p->iommufd = h->iommufd && qemu_caps_has(caps, "objects", "iommufd") &&
		     qemu_caps_prop(caps, "vfio-pci", "iommufd");
	plan_smmu(c, caps, h, p, d);
	qemu_plan_net(c, caps, h, p, d);
	plan_boot(c, h, d);
	if (c->disk && !qemu_caps_has(caps, "devices", "virtio-blk-pci"))
		qdiag_add(d, QDIAG_ERROR, c->at.disk, "hardware.disk.primary",
			  "this QEMU has no virtio-blk-pci");
	if (!p->sandbox)
		qdiag_add(d, QDIAG_WARNING, (struct qmark){ 0 }, "security.seccomp",
			  "not carried out: this QEMU is built without its sandbox");
	return qdiags_count(d, QDIAG_ERROR) > before ? -EINVAL : 0;
}

void qemu_plan_free(struct qemu_plan *p)
{
	free(p->gpu.reason);
	p->gpu.reason = NULL;
}
