// SPDX-License-Identifier: GPL-2.0-only
/* Plans of qwamos-vfio: a machine is written down, and the plan for it compared word by word. */
#include "machine.h"

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

	plan_bind(*state, addrs, 3, QVFIO_F_NO_WAIT, &p);
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

/* As an unbind leaves it that was killed after its first step. */
static void bound_but_not_reserved(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	make_bound(st, GPU, "amdgpu", "");
	qstate_find(st, GPU)->pci.override[0] = '\0';
	bind_one(st, GPU, 0, &p);
	assert_steps(&p, "0000:01:00.0: reserve for driver qwamos_vfio_pci\n");
	qplan_free(&p);
}

static void all_gpus(void **state)
{
	struct qvfio_state *st = *state;
	struct qplat_dev *mali;
	struct qplan p;

	mali = QMEM_GROW(st->platform.devs, st->platform.n);
	snprintf(mali->name, sizeof(mali->name), "fb000000.gpu");
	plan_bind(st, NULL, 0, QVFIO_F_ALL_GPUS | QVFIO_F_NO_WAIT, &p);
	assert_int_equal(p.n_asked, 3);
	assert_int_equal(qplan_count(&p, QSEV_REFUSE), 0);
	assert_non_null(finding(&p, "left_out", CONSOLE));
	assert_non_null(finding(&p, "left_out", "fb000000.gpu"));
	assert_null(qplan_target(&p, CONSOLE));
	qplan_free(&p);
	plan_bind(st, NULL, 0, QVFIO_F_ALL_GPUS | QVFIO_F_NO_WAIT | QVFIO_F_ALLOW_CONSOLE, &p);
	assert_int_equal(p.n_asked, 4);
	assert_non_null(qplan_target(&p, CONSOLE));
	qplan_free(&p);
}

static void all_gpus_of_none(void **state)
{
	struct qvfio_state st = { 0 };
	struct qplan p;

	plan_bind(&st, NULL, 0, QVFIO_F_ALL_GPUS, &p);
	assert_refused(&p, "no_device", "");
	plan_unbind(&st, NULL, 0, QVFIO_F_ALL_GPUS, &p);
	assert_int_equal(p.n_steps + p.n_findings, 0);
	qplan_free(&p);
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
	d->kernel.state = QWAMOS_GPU_DEV_STATE_RESETTING;
	unbind_one(st, GPU, 0, &p);
	assert_int_equal(p.steps[0].kind, QSTEP_WAIT);
	qplan_free(&p);
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
	plan_unbind(st, NULL, 0, QVFIO_F_ALL_GPUS, &p);
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

/* A plan is a function: the same question has the same answer, and the machine is as it was. */
static void pure(void **state)
{
	struct qvfio_state *st = *state;
	struct qvfio_dev *before = qmem_calloc(st->n, sizeof(*before));
	struct qplan p, q;
	char *a, *b;

	memcpy(before, st->devs, st->n * sizeof(*before));
	plan_bind(st, NULL, 0, QVFIO_F_ALL_GPUS, &p);
	plan_bind(st, NULL, 0, QVFIO_F_ALL_GPUS, &q);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(plain),
		T(short_address_twice),
		T(modules_first),
		T(companions),
		T(stock_vfio_member),
		T(already_bound),
		T(bound_but_not_reserved),
		T(all_gpus),
		T(all_gpus_of_none),
		T(unbind_with_companions),
		T(unbind_restores_override),
		T(unbind_without_record),
		T(unbind_of_what_is_not_bound),
		T(unbind_waits_for_reset),
		T(bind_goes_on),
		T(bind_of_another_mends),
		T(unbind_mends),
		T(unbind_of_a_leftover_reservation),
		T(pure),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
