// SPDX-License-Identifier: GPL-2.0-only
/* Plans of qwamos-vfio: a machine is written down, and the plan for it compared word by word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "util/mem.h"
#include "vfio/plan.h"

/* A machine with two lone GPUs, a pair in one group, a bridge, and the console's GPU. */
#define CONSOLE	"0000:00:02.0"
#define PORT	"0000:00:04.0"
#define GPU	"0000:01:00.0"
#define OTHER	"0000:02:00.0"
#define PAIR	"0000:03:00.0"
#define AUDIO	"0000:03:00.1"
#define EDU	"0000:03:01.0"
#define NIC	"0000:00:05.0"

static struct qvfio_dev *add(struct qvfio_state *st, const char *addr, enum qpci_kind kind,
			     const char *driver, int group)
{
	struct qvfio_dev *d = QMEM_GROW(st->devs, st->n);

	snprintf(d->pci.addr, sizeof(d->pci.addr), "%s", addr);
	snprintf(d->pci.driver, sizeof(d->pci.driver), "%s", driver);
	snprintf(d->pci.resets, sizeof(d->pci.resets), "flr");
	d->pci.kind = kind;
	d->pci.group = group;
	d->pci.vfs = -1;
	d->pci.class_code = kind == QPCI_GPU ? 0x030000 : 0x040300;
	d->driver_there = true;
	return d;
}

static int setup(void **state)
{
	struct qvfio_state *st = qmem_calloc(1, sizeof(*st));

	add(st, CONSOLE, QPCI_GPU, "i915", 1)->pci.boot_vga = true;
	add(st, PORT, QPCI_BRIDGE, "pcieport", 4);
	add(st, GPU, QPCI_GPU, "amdgpu", 2);
	add(st, OTHER, QPCI_GPU, "nouveau", 3);
	add(st, PAIR, QPCI_GPU, "radeon", 4);
	add(st, AUDIO, QPCI_OTHER, "snd_hda_intel", 4);
	add(st, EDU, QPCI_OTHER, "", 4);
	snprintf(*QMEM_GROW(st->pci.others, st->pci.n_others), QPCI_ADDR_LEN, NIC);
	st->pci.iommu = true;
	st->modules[QMODULE_TYPE1] = QMODULE_LOADED;
	st->modules[QMODULE_DRIVER] = QMODULE_LOADED;
	*state = st;
	return 0;
}

static int teardown(void **state)
{
	qstate_free(*state);
	free(*state);
	return 0;
}

/* All steps as one text, one line each. */
static char *steps(const struct qplan *p)
{
	char *all = qmem_strdup(""), *text, *longer;
	size_t i;

	for (i = 0; i < p->n_steps; i++) {
		text = qstep_text(&p->steps[i]);
		longer = qmem_printf("%s%s%s\n", all, p->steps[i].mend ? "mend " : "", text);
		free(text);
		free(all);
		all = longer;
	}
	return all;
}

static void assert_steps(const struct qplan *p, const char *expected)
{
	char *got = steps(p);

	assert_string_equal(got, expected);
	free(got);
}

static const struct qfinding *finding(const struct qplan *p, const char *code, const char *addr)
{
	size_t i;

	for (i = 0; i < p->n_findings; i++)
		if (!strcmp(p->findings[i].code, code) && !strcmp(p->findings[i].addr, addr))
			return &p->findings[i];
	return NULL;
}

static void bind_one(struct qvfio_state *st, const char *addr, unsigned int flags, struct qplan *p)
{
	qplan_bind(st, &addr, 1, flags, p);
}

static void unbind_one(struct qvfio_state *st, const char *addr, unsigned int flags,
		       struct qplan *p)
{
	qplan_unbind(st, &addr, 1, flags, p);
}

/* Exactly one refusal, of that code and device, that says what to do, and no step. */
static void assert_refused(struct qplan *p, const char *code, const char *addr)
{
	const struct qfinding *f = finding(p, code, addr);

	assert_non_null(f);
	assert_int_equal(f->sev, QSEV_REFUSE);
	assert_non_null(f->remedy);
	assert_true(strlen(f->text) > 10);
	assert_int_equal(qplan_count(p, QSEV_REFUSE), 1);
	assert_int_equal(p->n_steps, 0);
	qplan_free(p);
}

static void plain(void **state)
{
	struct qplan p;

	bind_one(*state, GPU, 0, &p);
	assert_int_equal(p.n_findings, 0);
	assert_steps(&p, "0000:01:00.0: reserve for driver qwamos_vfio_pci\n"
			 "0000:01:00.0: take off driver amdgpu\n"
			 "0000:01:00.0: put on driver qwamos_vfio_pci\n"
			 "0000:01:00.0: wait until the kernel has reset and scrubbed it\n");
	assert_int_equal(p.n_targets, 1);
	assert_true(p.targets[0].orig.known);
	assert_string_equal(p.targets[0].orig.driver, "amdgpu");
	qplan_free(&p);
}

static void short_address_twice(void **state)
{
	const char *const addrs[] = { "01:00.0", GPU, "01:00.0" };
	struct qplan p;

	qplan_bind(*state, addrs, 3, QVFIO_F_NO_WAIT, &p);
	assert_int_equal(p.n_asked, 1);
	assert_int_equal(p.n_steps, 3);
	qplan_free(&p);
}

static void modules_first(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	st->modules[QMODULE_TYPE1] = QMODULE_AVAILABLE;
	st->modules[QMODULE_DRIVER] = QMODULE_AVAILABLE;
	bind_one(st, GPU, QVFIO_F_NO_WAIT | QVFIO_F_PERSIST, &p);
	assert_steps(&p, "load module vfio_iommu_type1\n"
			 "load module qwamos_vfio_pci\n"
			 "0000:01:00.0: reserve for driver qwamos_vfio_pci\n"
			 "0000:01:00.0: take off driver amdgpu\n"
			 "0000:01:00.0: put on driver qwamos_vfio_pci\n"
			 "0000:01:00.0: bind again at each boot\n");
	qplan_free(&p);
}

static void companions(void **state)
{
	struct qplan p;

	bind_one(*state, PAIR, QVFIO_F_NO_WAIT, &p);
	assert_int_equal(qplan_count(&p, QSEV_ASK), 2);
	assert_non_null(finding(&p, "companion", AUDIO));
	assert_non_null(strstr(finding(&p, "companion", AUDIO)->text, "shares its slot"));
	assert_non_null(strstr(finding(&p, "companion", EDU)->text, "shares its IOMMU group"));
	assert_null(finding(&p, "companion", PORT));
	/* All are reserved, then all taken off, then all put on; the bridge is left alone. */
	assert_steps(&p, "0000:03:00.0: reserve for driver qwamos_vfio_pci\n"
			 "0000:03:00.1: reserve for driver qwamos_vfio_pci\n"
			 "0000:03:01.0: reserve for driver qwamos_vfio_pci\n"
			 "0000:03:00.0: take off driver radeon\n"
			 "0000:03:00.1: take off driver snd_hda_intel\n"
			 "0000:03:00.0: put on driver qwamos_vfio_pci\n"
			 "0000:03:00.1: put on driver qwamos_vfio_pci\n"
			 "0000:03:01.0: put on driver qwamos_vfio_pci\n");
	assert_string_equal(qplan_target(&p, EDU)->orig.taken_for, PAIR);
	assert_string_equal(qplan_target(&p, PAIR)->orig.taken_for, "");
	qplan_free(&p);
}

/* Stock vfio-pci is a stranger like any other: the member is taken from it. */
static void stock_vfio_member(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	snprintf(qstate_find(st, EDU)->pci.driver, QPCI_DRIVER_LEN, "vfio-pci");
	snprintf(qstate_find(st, EDU)->pci.override, QPCI_DRIVER_LEN, "vfio-pci");
	assert_false(qstate_viable(st, qstate_find(st, PAIR)));
	bind_one(st, PAIR, QVFIO_F_NO_WAIT, &p);
	assert_string_equal(qplan_target(&p, EDU)->orig.driver, "vfio-pci");
	assert_string_equal(qplan_target(&p, EDU)->orig.override, "vfio-pci");
	assert_int_equal(p.n_steps, 9);
	qplan_free(&p);
}

static void already_bound(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	snprintf(qstate_find(st, GPU)->pci.driver, QPCI_DRIVER_LEN, QVFIO_DRIVER);
	snprintf(qstate_find(st, GPU)->pci.override, QPCI_DRIVER_LEN, QVFIO_DRIVER);
	bind_one(st, GPU, 0, &p);
	assert_int_equal(p.n_steps, 0);
	assert_int_equal(qplan_count(&p, QSEV_REFUSE), 0);
	assert_int_equal(finding(&p, "already_bound", GPU)->sev, QSEV_NOTE);
	qplan_free(&p);
	bind_one(st, GPU, QVFIO_F_PERSIST, &p);
	assert_steps(&p, "0000:01:00.0: bind again at each boot\n");
	qplan_free(&p);
}

static void all_gpus(void **state)
{
	struct qvfio_state *st = *state;
	struct qplat_dev *mali;
	struct qplan p;

	mali = QMEM_GROW(st->platform.devs, st->platform.n);
	snprintf(mali->name, sizeof(mali->name), "fb000000.gpu");
	qplan_bind(st, NULL, 0, QVFIO_F_ALL_GPUS | QVFIO_F_NO_WAIT, &p);
	assert_int_equal(p.n_asked, 3);
	assert_int_equal(qplan_count(&p, QSEV_REFUSE), 0);
	assert_non_null(finding(&p, "left_out", CONSOLE));
	assert_non_null(finding(&p, "left_out", "fb000000.gpu"));
	assert_null(qplan_target(&p, CONSOLE));
	qplan_free(&p);
	qplan_bind(st, NULL, 0, QVFIO_F_ALL_GPUS | QVFIO_F_NO_WAIT | QVFIO_F_ALLOW_CONSOLE, &p);
	assert_int_equal(p.n_asked, 4);
	assert_non_null(qplan_target(&p, CONSOLE));
	qplan_free(&p);
}

static void all_gpus_of_none(void **state)
{
	struct qvfio_state st = { 0 };
	struct qplan p;

	qplan_bind(&st, NULL, 0, QVFIO_F_ALL_GPUS, &p);
	assert_refused(&p, "no_device", "");
	qplan_unbind(&st, NULL, 0, QVFIO_F_ALL_GPUS, &p);
	assert_int_equal(p.n_steps + p.n_findings, 0);
	qplan_free(&p);
}

/* As a bind leaves a device. */
static void make_bound(struct qvfio_state *st, const char *addr, const char *driver,
		       const char *taken_for)
{
	struct qvfio_dev *d = qstate_find(st, addr);

	snprintf(d->pci.driver, sizeof(d->pci.driver), QVFIO_DRIVER);
	snprintf(d->pci.override, sizeof(d->pci.override), QVFIO_DRIVER);
	d->record.known = true;
	snprintf(d->record.driver, sizeof(d->record.driver), "%s", driver);
	snprintf(d->record.taken_for, sizeof(d->record.taken_for), "%s", taken_for);
}

static void unbind_with_companions(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	make_bound(st, PAIR, "radeon", "");
	make_bound(st, AUDIO, "snd_hda_intel", PAIR);
	make_bound(st, EDU, "", PAIR);
	make_bound(st, GPU, "amdgpu", "");
	qstate_find(st, PAIR)->persisted = true;
	unbind_one(st, PAIR, 0, &p);
	assert_int_equal(p.n_findings, 0);
	/* What had no driver gets none; what another GPU has stays. */
	assert_steps(&p, "0000:03:00.0: no longer bind at boot\n"
			 "0000:03:00.0: reserve for no driver any more\n"
			 "0000:03:00.1: reserve for no driver any more\n"
			 "0000:03:01.0: reserve for no driver any more\n"
			 "0000:03:00.0: take off driver qwamos_vfio_pci\n"
			 "0000:03:00.1: take off driver qwamos_vfio_pci\n"
			 "0000:03:01.0: take off driver qwamos_vfio_pci\n"
			 "0000:03:00.0: put on driver radeon\n"
			 "0000:03:00.1: put on driver snd_hda_intel\n");
	qplan_free(&p);
	unbind_one(st, PAIR, QVFIO_F_KEEP_PERSIST, &p);
	assert_int_equal(p.n_steps, 8);
	qplan_free(&p);
}

static void unbind_restores_override(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	make_bound(st, GPU, "vfio-pci", "");
	snprintf(qstate_find(st, GPU)->record.override, QPCI_DRIVER_LEN, "vfio-pci");
	qstate_find(st, GPU)->driver_there = false;
	unbind_one(st, GPU, 0, &p);
	assert_steps(&p, "0000:01:00.0: reserve for driver vfio-pci\n"
			 "0000:01:00.0: take off driver qwamos_vfio_pci\n"
			 "0000:01:00.0: load the module of vfio-pci\n"
			 "0000:01:00.0: put on driver vfio-pci\n");
	qplan_free(&p);
}

static void unbind_without_record(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	make_bound(st, GPU, "", "");
	qstate_find(st, GPU)->record.known = false;
	unbind_one(st, GPU, 0, &p);
	assert_int_equal(finding(&p, "no_record", GPU)->sev, QSEV_WARN);
	assert_steps(&p, "0000:01:00.0: reserve for no driver any more\n"
			 "0000:01:00.0: take off driver qwamos_vfio_pci\n"
			 "0000:01:00.0: load the module that claims it\n"
			 "0000:01:00.0: put on the driver that claims it\n");
	qplan_free(&p);
}

static void unbind_of_what_is_not_bound(void **state)
{
	struct qplan p;

	unbind_one(*state, GPU, 0, &p);
	assert_int_equal(p.n_steps, 0);
	assert_int_equal(finding(&p, "not_bound", GPU)->sev, QSEV_NOTE);
	qplan_free(&p);
}

static void unbind_waits_for_reset(void **state)
{
	struct qvfio_state *st = *state;
	struct qvfio_dev *d = qstate_find(st, GPU);
	struct qplan p;

	make_bound(st, GPU, "amdgpu", "");
	d->kernel_known = true;
	d->kernel.state = QWAMOS_GPU_DEV_RESETTING;
	unbind_one(st, GPU, 0, &p);
	assert_int_equal(p.steps[0].kind, QSTEP_WAIT);
	qplan_free(&p);
}

static void unbind_owned(void **state)
{
	struct qvfio_state *st = *state;
	struct qvfio_dev *d = qstate_find(st, GPU);
	struct qplan p;

	make_bound(st, GPU, "amdgpu", "");
	d->kernel_known = true;
	d->kernel.owner_vm_id = 7;
	snprintf(d->owner, sizeof(d->owner), "games");
	unbind_one(st, GPU, 0, &p);
	assert_non_null(strstr(finding(&p, "owned", GPU)->text, "VM games (id 7)"));
	assert_refused(&p, "owned", GPU);
}

/* A bind was killed after one device was reserved and another taken off. */
static void half_done_bind(struct qvfio_state *st)
{
	struct qvfio_dev *d = qstate_find(st, GPU);

	snprintf(d->pci.override, sizeof(d->pci.override), QVFIO_DRIVER);
	d->pci.driver[0] = '\0';
	d->half_done = true;
	d->record.known = true;
	snprintf(d->record.driver, sizeof(d->record.driver), "amdgpu");
	st->half.found = st->half.this_boot = true;
}

static void bind_goes_on(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	half_done_bind(st);
	bind_one(st, GPU, QVFIO_F_NO_WAIT, &p);
	assert_steps(&p, "0000:01:00.0: put on driver qwamos_vfio_pci\n");
	assert_string_equal(p.targets[0].orig.driver, "amdgpu");
	qplan_free(&p);
}

static void bind_of_another_mends(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	half_done_bind(st);
	bind_one(st, OTHER, QVFIO_F_NO_WAIT, &p);
	assert_steps(&p, "mend 0000:01:00.0: reserve for no driver any more\n"
			 "mend 0000:01:00.0: put on driver amdgpu\n"
			 "0000:02:00.0: reserve for driver qwamos_vfio_pci\n"
			 "0000:02:00.0: take off driver nouveau\n"
			 "0000:02:00.0: put on driver qwamos_vfio_pci\n");
	qplan_free(&p);
}

static void unbind_mends(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	half_done_bind(st);
	unbind_one(st, GPU, 0, &p);
	assert_steps(&p, "0000:01:00.0: reserve for no driver any more\n"
			 "0000:01:00.0: put on driver amdgpu\n");
	qplan_free(&p);
	qplan_unbind(st, NULL, 0, QVFIO_F_ALL_GPUS, &p);
	assert_int_equal(p.n_steps, 2);
	qplan_free(&p);
}

/* Reserved for us without a journal that would tell why. */
static void unbind_of_a_leftover_reservation(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	snprintf(qstate_find(st, GPU)->pci.override, QPCI_DRIVER_LEN, QVFIO_DRIVER);
	qstate_find(st, GPU)->pci.driver[0] = '\0';
	unbind_one(st, GPU, 0, &p);
	assert_steps(&p, "0000:01:00.0: reserve for no driver any more\n"
			 "0000:01:00.0: load the module that claims it\n"
			 "0000:01:00.0: put on the driver that claims it\n");
	qplan_free(&p);
}

static void refuse_bad_address(void **state)
{
	static const char *const bad[] = {
		"", "x", "01:00", "01:00.8", "01:20.0", "1:0.0", "0000:01:00.0 ", "0000:01:00.00",
		"00000:01:00.0:0", "000:01:00.0", "g0:00.0", "0000:01:00,0", "../01:00.0",
	};
	struct qplan p;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bind_one(*state, bad[i], 0, &p);
		assert_refused(&p, "bad_address", "");
	}
}

static void refuse_unknown(void **state)
{
	struct qplan p;

	bind_one(*state, "0000:7f:00.0", 0, &p);
	assert_non_null(strstr(finding(&p, "no_device", "")->remedy, GPU));
	assert_refused(&p, "no_device", "");
}

static void refuse_others(void **state)
{
	struct qvfio_state *st = *state;
	struct qplat_dev *mali;
	struct qplan p;

	bind_one(st, NIC, 0, &p);
	assert_refused(&p, "not_a_gpu", "");
	bind_one(st, PORT, 0, &p);
	assert_refused(&p, "bridge", "");
	bind_one(st, EDU, 0, &p);
	assert_non_null(strstr(finding(&p, "not_a_gpu", EDU)->remedy, PAIR));
	assert_refused(&p, "not_a_gpu", EDU);
	mali = QMEM_GROW(st->platform.devs, st->platform.n);
	snprintf(mali->name, sizeof(mali->name), "fb000000.gpu");
	bind_one(st, "fb000000.gpu", 0, &p);
	assert_refused(&p, "platform", "fb000000.gpu");
}

static void refuse_console(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	bind_one(st, CONSOLE, 0, &p);
	assert_refused(&p, "boot_vga", CONSOLE);
	bind_one(st, CONSOLE, QVFIO_F_YES, &p);
	assert_refused(&p, "boot_vga", CONSOLE);
	bind_one(st, CONSOLE, QVFIO_F_ALLOW_CONSOLE, &p);
	assert_int_equal(p.n_steps, 4);
	qplan_free(&p);
	qstate_find(st, GPU)->is_console = true;
	bind_one(st, GPU, 0, &p);
	assert_refused(&p, "console", GPU);
}

static void refuse_firmware_framebuffer(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	snprintf(qstate_find(st, GPU)->fw_holder, 32, "efifb");
	bind_one(st, GPU, QVFIO_F_ALLOW_CONSOLE, &p);
	assert_non_null(strstr(finding(&p, "firmware_framebuffer", GPU)->text, "efifb"));
	assert_refused(&p, "firmware_framebuffer", GPU);
}

static void refuse_held(void **state)
{
	struct qvfio_state *st = *state;
	struct qvfio_dev *d = qstate_find(st, AUDIO);
	struct qholder *h = QMEM_GROW(d->holders, d->n_holders);
	struct qplan p;

	h->pid = 4711;
	snprintf(h->comm, sizeof(h->comm), "pipewire");
	snprintf(h->node, sizeof(h->node), "/dev/snd/controlC0");
	bind_one(st, PAIR, QVFIO_F_YES, &p);
	assert_non_null(strstr(finding(&p, "held", AUDIO)->text, "4711"));
	assert_non_null(strstr(finding(&p, "held", AUDIO)->text, "pipewire"));
	assert_non_null(strstr(finding(&p, "held", AUDIO)->text, "/dev/snd/controlC0"));
	assert_refused(&p, "held", AUDIO);
}

static void refuse_companion_in_use(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	snprintf(qstate_find(st, EDU)->host_use, 128, "its disk nvme0n1 is mounted on /");
	bind_one(st, PAIR, QVFIO_F_YES, &p);
	assert_refused(&p, "companion_in_use", EDU);
}

static void refuse_no_iommu(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	qstate_find(st, GPU)->pci.group = -1;
	bind_one(st, GPU, 0, &p);
	assert_refused(&p, "no_iommu_group", GPU);
	st->pci.iommu = false;
	bind_one(st, GPU, 0, &p);
	assert_refused(&p, "iommu_off", "");
}

static void refuse_vfs(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	qstate_find(st, GPU)->pci.vfs = 0;
	bind_one(st, GPU, QVFIO_F_NO_WAIT, &p);
	assert_int_equal(p.n_steps, 3);
	qplan_free(&p);
	qstate_find(st, GPU)->pci.vfs = 4;
	bind_one(st, GPU, 0, &p);
	assert_refused(&p, "vfs_enabled", GPU);
}

/* Also of a device that only a broken-off run has touched: what it had must not be forgotten. */
static void refuse_stuck(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	qstate_find(st, GPU)->stuck = true;
	bind_one(st, GPU, 0, &p);
	assert_refused(&p, "stuck", GPU);
	unbind_one(st, GPU, 0, &p);
	assert_refused(&p, "stuck", GPU);
	bind_one(st, OTHER, QVFIO_F_NO_WAIT, &p);
	assert_int_equal(p.n_steps, 3);
	qplan_free(&p);
	half_done_bind(st);
	bind_one(st, OTHER, 0, &p);
	assert_refused(&p, "stuck", GPU);
}

static void refuse_module_missing(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	st->modules[QMODULE_DRIVER] = QMODULE_MISSING;
	bind_one(st, GPU, 0, &p);
	assert_non_null(strstr(finding(&p, "module_missing", "")->text, QVFIO_DRIVER));
	assert_refused(&p, "module_missing", "");
}

static void asks_without_reset(void **state)
{
	struct qvfio_state *st = *state;
	struct qvfio_dev *d = qstate_find(st, GPU);
	struct qplan p;

	d->pci.resets[0] = '\0';
	bind_one(st, GPU, 0, &p);
	assert_int_equal(p.n_findings, 0);
	qplan_free(&p);
	d->pci.root_bus = true;
	bind_one(st, GPU, 0, &p);
	assert_int_equal(finding(&p, "no_reset", GPU)->sev, QSEV_ASK);
	qplan_free(&p);
	/* The module knows better. */
	d->kernel_known = true;
	d->kernel.reset_methods = QWAMOS_GPU_RESET_SET;
	bind_one(st, GPU, 0, &p);
	assert_int_equal(p.n_findings, 0);
	qplan_free(&p);
	d->kernel.reset_methods = 0;
	bind_one(st, GPU, 0, &p);
	assert_int_equal(finding(&p, "no_reset", GPU)->sev, QSEV_ASK);
	qplan_free(&p);
}

static void warns_of_unsafe_interrupts(void **state)
{
	struct qvfio_state *st = *state;
	const char *const addrs[] = { GPU, OTHER };
	struct qplan p;

	st->unsafe_interrupts = true;
	qplan_bind(st, addrs, 2, 0, &p);
	assert_int_equal(qplan_count(&p, QSEV_WARN), 1);
	assert_int_equal(finding(&p, "unsafe_interrupts", "")->sev, QSEV_WARN);
	qplan_free(&p);
}

/* What is in the way of one device keeps all from being touched, and all of it is told at once. */
static void all_or_nothing(void **state)
{
	struct qvfio_state *st = *state;
	const char *const addrs[] = { GPU, "nonsense", OTHER, "0000:7f:00.0" };
	struct qplan p;

	qstate_find(st, OTHER)->pci.vfs = 2;
	qplan_bind(st, addrs, 4, QVFIO_F_YES, &p);
	assert_int_equal(qplan_count(&p, QSEV_REFUSE), 3);
	assert_int_equal(p.n_steps, 0);
	qplan_free(&p);
}

/* A plan is a function: the same question has the same answer, and the machine is as it was. */
static void pure(void **state)
{
	struct qvfio_state *st = *state;
	struct qvfio_dev *before = qmem_calloc(st->n, sizeof(*before));
	struct qplan p, q;
	char *a, *b;

	memcpy(before, st->devs, st->n * sizeof(*before));
	qplan_bind(st, NULL, 0, QVFIO_F_ALL_GPUS, &p);
	qplan_bind(st, NULL, 0, QVFIO_F_ALL_GPUS, &q);
	a = steps(&p);
	b = steps(&q);
	assert_string_equal(a, b);
	assert_memory_equal(before, st->devs, st->n * sizeof(*before));
	free(a);
	free(b);
	free(before);
	qplan_free(&p);
	qplan_free(&q);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(plain), T(short_address_twice), T(modules_first), T(companions),
		T(stock_vfio_member), T(already_bound), T(all_gpus), T(all_gpus_of_none),
		T(unbind_with_companions), T(unbind_restores_override), T(unbind_without_record),
		T(unbind_of_what_is_not_bound), T(unbind_waits_for_reset), T(unbind_owned),
		T(bind_goes_on), T(bind_of_another_mends), T(unbind_mends),
		T(unbind_of_a_leftover_reservation), T(refuse_bad_address), T(refuse_unknown),
		T(refuse_others), T(refuse_console), T(refuse_firmware_framebuffer), T(refuse_held),
		T(refuse_companion_in_use), T(refuse_no_iommu), T(refuse_vfs),
		T(refuse_stuck), T(refuse_module_missing), T(asks_without_reset), T(warns_of_unsafe_interrupts),
		T(all_or_nothing), T(pure),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
