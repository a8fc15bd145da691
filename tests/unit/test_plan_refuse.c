// SPDX-License-Identifier: GPL-2.0-only
/* What is in the way of a plan is refused by name, and then nothing is done. */
#include "machine.h"

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

static void refuse_bad_address(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"01:00",
		"01:00.8",
		"01:20.0",
		"1:0.0",
		"0000:01:00.0 ",
		"0000:01:00.00",
		"00000:01:00.0:0",
		"000:01:00.0",
		"g0:00.0",
		"0000:01:00,0",
		"../01:00.0",
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

	use_by_host(qstate_find(st, EDU), QUSE_YES, "its disk nvme0n1 is mounted on /");
	bind_one(st, PAIR, QVFIO_F_YES, &p);
	assert_refused(&p, "companion_in_use", EDU);
}

/* Nothing is known of it, and that is no consent. The GPU itself is not taken either. */
static void refuse_in_use(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	use_by_host(qstate_find(st, AUDIO), QUSE_UNKNOWN, "of class 108000 the use is not known");
	bind_one(st, PAIR, QVFIO_F_YES | QVFIO_F_ALLOW_CONSOLE, &p);
	assert_non_null(strstr(finding(&p, "companion_in_use", AUDIO)->text, "can't be told"));
	assert_refused(&p, "companion_in_use", AUDIO);
	use_by_host(qstate_find(st, GPU), QUSE_YES, "its mediated device is active");
	bind_one(st, GPU, QVFIO_F_YES, &p);
	assert_refused(&p, "in_use", GPU);
}

/* Functions of one slot are one card, and what stands on the root bus is none. */
static void advice_fits_the_slot(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	use_by_host(qstate_find(st, AUDIO), QUSE_YES, "x");
	use_by_host(qstate_find(st, EDU), QUSE_YES, "x");
	bind_one(st, PAIR, QVFIO_F_YES, &p);
	assert_null(strstr(finding(&p, "companion_in_use", AUDIO)->remedy, "another slot"));
	assert_non_null(strstr(finding(&p, "companion_in_use", EDU)->remedy, "another slot"));
	qplan_free(&p);
	qstate_find(st, EDU)->pci.root_bus = true;
	bind_one(st, PAIR, QVFIO_F_YES, &p);
	assert_null(strstr(finding(&p, "companion_in_use", EDU)->remedy, "another slot"));
	assert_non_null(strstr(finding(&p, "companion_in_use", EDU)->remedy,
			       "--take-in-use " EDU));
	qplan_free(&p);
}

static void take(struct qvfio_state *st, const char *what, unsigned int flags, struct qplan *p)
{
	const char *gpu = PAIR;
	const struct qplan_req req = {
		.addrs = &gpu, .n = 1, .flags = flags, .take = &what, .n_take = 1
	};

	qplan_bind(st, &req, p);
}

/* Only what repeats the address takes a device that the host uses. */
static void takes_what_is_named(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	use_by_host(qstate_find(st, AUDIO), QUSE_YES, "its disk nvme0n1 is mounted on /");
	take(st, "03:00.1", QVFIO_F_YES, &p);
	assert_int_equal(qplan_count(&p, QSEV_REFUSE), 0);
	assert_int_equal(finding(&p, "taken_in_use", AUDIO)->sev, QSEV_WARN);
	assert_non_null(strstr(finding(&p, "taken_in_use", AUDIO)->text, "mounted on /"));
	assert_true(qplan_target(&p, AUDIO)->take);
	assert_false(qplan_target(&p, EDU)->take);
	qplan_free(&p);
	use_by_host(qstate_find(st, EDU), QUSE_UNKNOWN, "x");
	take(st, AUDIO, QVFIO_F_YES, &p);
	assert_refused(&p, "companion_in_use", EDU);
}

static void take_names_what_is_used(void **state)
{
	struct qvfio_state *st = *state;
	struct qplan p;

	take(st, EDU, QVFIO_F_YES, &p);
	assert_refused(&p, "take_not_in_use", EDU);
	take(st, OTHER, QVFIO_F_YES, &p);
	assert_refused(&p, "take_not_planned", OTHER);
	take(st, "all", QVFIO_F_YES, &p);
	assert_refused(&p, "bad_address", "");
	/* A persisted binding names what was used then. */
	take(st, EDU, QVFIO_F_YES | QVFIO_F_TAKE_IF_USED, &p);
	assert_int_equal(qplan_count(&p, QSEV_REFUSE), 0);
	qplan_free(&p);
	/* And a bind that is repeated finds its device taken. */
	make_bound(st, EDU, "", PAIR);
	take(st, EDU, QVFIO_F_YES, &p);
	assert_int_equal(qplan_count(&p, QSEV_REFUSE), 0);
	assert_true(qplan_target(&p, EDU)->take);
	qplan_free(&p);
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
	plan_bind(st, addrs, 2, 0, &p);
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
	plan_bind(st, addrs, 4, QVFIO_F_YES, &p);
	assert_int_equal(qplan_count(&p, QSEV_REFUSE), 3);
	assert_int_equal(p.n_steps, 0);
	qplan_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(unbind_owned),       T(refuse_bad_address),
		T(refuse_unknown),     T(refuse_others),
		T(refuse_console),     T(refuse_firmware_framebuffer),
		T(refuse_held),	       T(refuse_companion_in_use),
		T(refuse_in_use),      T(advice_fits_the_slot),
		T(takes_what_is_named), T(take_names_what_is_used),
		T(refuse_no_iommu),    T(refuse_vfs),
		T(refuse_stuck),       T(refuse_module_missing),
		T(asks_without_reset), T(warns_of_unsafe_interrupts),
		T(all_or_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("plan_refuse", tests, NULL, NULL);
}
