/* SPDX-License-Identifier: GPL-2.0-only */
/* A machine written down, for tests of plans. */
#ifndef QT_MACHINE_H
#define QT_MACHINE_H

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
#define CONSOLE "0000:00:02.0"
#define PORT	"0000:00:04.0"
#define GPU	"0000:01:00.0"
#define OTHER	"0000:02:00.0"
#define PAIR	"0000:03:00.0"
#define AUDIO	"0000:03:00.1"
#define EDU	"0000:03:01.0"
#define NIC	"0000:00:05.0"

static inline struct qvfio_dev *add(struct qvfio_state *st, const char *addr, enum qpci_kind kind,
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

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
	qstate_free(*state);
	free(*state);
	return 0;
}

/* All steps as one text, one line each. */
static inline char *steps(const struct qplan *p)
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

static inline void assert_steps(const struct qplan *p, const char *expected)
{
	char *got = steps(p);

	assert_string_equal(got, expected);
	free(got);
}

static inline const struct qfinding *finding(const struct qplan *p, const char *code,
					     const char *addr)
{
	size_t i;

	for (i = 0; i < p->n_findings; i++)
		if (!strcmp(p->findings[i].code, code) && !strcmp(p->findings[i].addr, addr))
			return &p->findings[i];
	return NULL;
}

static inline void plan_bind(const struct qvfio_state *st, const char *const *addrs, size_t n,
			     unsigned int flags, struct qplan *p)
{
	const struct qplan_req req = { .addrs = addrs, .n = n, .flags = flags };

	qplan_bind(st, &req, p);
}

static inline void plan_unbind(const struct qvfio_state *st, const char *const *addrs, size_t n,
			       unsigned int flags, struct qplan *p)
{
	const struct qplan_req req = { .addrs = addrs, .n = n, .flags = flags };

	qplan_unbind(st, &req, p);
}

static inline void bind_one(struct qvfio_state *st, const char *addr, unsigned int flags,
			    struct qplan *p)
{
	plan_bind(st, &addr, 1, flags, p);
}

static inline void unbind_one(struct qvfio_state *st, const char *addr, unsigned int flags,
			      struct qplan *p)
{
	plan_unbind(st, &addr, 1, flags, p);
}

/* Exactly one refusal, of that code and device, that says what to do, and no step. */
static inline void assert_refused(struct qplan *p, const char *code, const char *addr)
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

static inline void use_by_host(struct qvfio_dev *d, enum quse use, const char *text)
{
	d->host_use.use = use;
	snprintf(d->host_use.text, sizeof(d->host_use.text), "%s", text);
}

/* As a bind leaves a device. */
static inline void make_bound(struct qvfio_state *st, const char *addr, const char *driver,
			      const char *taken_for)
{
	struct qvfio_dev *d = qstate_find(st, addr);

	snprintf(d->pci.driver, sizeof(d->pci.driver), QVFIO_DRIVER);
	snprintf(d->pci.override, sizeof(d->pci.override), QVFIO_DRIVER);
	d->record.known = true;
	snprintf(d->record.driver, sizeof(d->record.driver), "%s", driver);
	snprintf(d->record.taken_for, sizeof(d->record.taken_for), "%s", taken_for);
}

/* A bind was killed after one device was reserved and another taken off. */
static inline void half_done_bind(struct qvfio_state *st)
{
	struct qvfio_dev *d = qstate_find(st, GPU);

	snprintf(d->pci.override, sizeof(d->pci.override), QVFIO_DRIVER);
	d->pci.driver[0] = '\0';
	d->half_done = true;
	d->record.known = true;
	snprintf(d->record.driver, sizeof(d->record.driver), "amdgpu");
	st->half.found = st->half.this_boot = true;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
