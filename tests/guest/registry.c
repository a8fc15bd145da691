// SPDX-License-Identifier: GPL-2.0-only
/* The registry against what sysfs says: which devices are listed, what is told of each, and that it
 * follows binding and hot-plug. */
#include <dirent.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "vm.h"

#define MANY 64

FIXTURE(registry)
{
	int ctl;
	struct qwamos_gpu_dev d[MANY];
	int n;
};

FIXTURE_SETUP(registry)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	self->n = qt_list_devices(self->ctl, self->d, MANY);
	ASSERT_LT(0, self->n);
}

FIXTURE_TEARDOWN(registry)
{
	close(self->ctl);
}

static unsigned long attribute(const char *addr, const char *name)
{
	char path[QT_PATH], text[64];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", addr, name);
	return qt_read(path, text, sizeof(text)) < 0 ? ~0UL : strtoul(text, NULL, 0);
}

static const struct qwamos_gpu_dev *listed(FIXTURE_DATA(registry) * self, const char *addr)
{
	int i;

	for (i = 0; i < self->n; i++)
		if (!strcmp(self->d[i].bus_name, addr))
			return &self->d[i];
	return NULL;
}

/* All display devices of the machine, and nothing that is neither one nor beside one. */
TEST_F(registry, complete)
{
	static const char *const gpus[] = { "boot",  "noreset", "bochs",    "vga-a",
					    "vga-b", "virtio",	"pair-vga", "mf-bochs" };
	static const char *const companions[] = { "pair-edu", "mf-audio" };
	static const char *const others[] = { "edu", "rp-bochs", "rp-pair", "br-pair" };
	struct dirent *e;
	int gpus_there = 0, i;
	DIR *dir;

	for (i = 0; i < (int)ARRAY_SIZE(gpus); i++) {
		const struct qwamos_gpu_dev *d = listed(self, qt_addr(gpus[i]));

		ASSERT_NE(NULL, d) TH_LOG("%s is not listed", gpus[i]);
		EXPECT_EQ(QWAMOS_GPU_DEV_F_GPU,
			  d->flags & (QWAMOS_GPU_DEV_F_GPU | QWAMOS_GPU_DEV_F_COMPANION));
	}
	for (i = 0; i < (int)ARRAY_SIZE(companions); i++) {
		const struct qwamos_gpu_dev *d = listed(self, qt_addr(companions[i]));

		ASSERT_NE(NULL, d) TH_LOG("%s is not listed", companions[i]);
		EXPECT_EQ(QWAMOS_GPU_DEV_F_COMPANION,
			  d->flags & (QWAMOS_GPU_DEV_F_GPU | QWAMOS_GPU_DEV_F_COMPANION));
	}
	for (i = 0; i < (int)ARRAY_SIZE(others); i++) {
		const char *addr = qt_addr(others[i]);

		ASSERT_NE(NULL, addr);
		EXPECT_FALSE(listed(self, addr)) TH_LOG("%s is listed", addr);
	}
	/* By class, whatever the topology is called. */
	dir = opendir("/sys/bus/pci/devices");
	ASSERT_NE(NULL, dir);
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.' || attribute(e->d_name, "class") >> 16 != 3)
			continue;
		gpus_there++;
		EXPECT_NE(NULL, listed(self, e->d_name)) TH_LOG("%s is not listed", e->d_name);
	}
	closedir(dir);
	for (i = 0; i < self->n; i++)
		gpus_there -= !!(self->d[i].flags & QWAMOS_GPU_DEV_F_GPU);
	EXPECT_EQ(0, gpus_there);
}

TEST_F(registry, as_sysfs_says)
{
	int i, k;

	for (i = 0; i < self->n; i++) {
		const struct qwamos_gpu_dev *d = &self->d[i];
		char driver[64];

		EXPECT_EQ(QWAMOS_GPU_BUS_PCI, d->bus);
		EXPECT_EQ(attribute(d->bus_name, "vendor"), d->vendor) TH_LOG("%s", d->bus_name);
		EXPECT_EQ(attribute(d->bus_name, "device"), d->device);
		EXPECT_EQ(attribute(d->bus_name, "subsystem_vendor"), d->subvendor);
		EXPECT_EQ(attribute(d->bus_name, "subsystem_device"), d->subdevice);
		EXPECT_EQ(attribute(d->bus_name, "class"), d->class_code);
		EXPECT_EQ((__u32)qt_group(d->bus_name), d->iommu_group);
		ASSERT_EQ(0, qt_driver(d->bus_name, driver, sizeof(driver)));
		EXPECT_STREQ(driver, d->driver);
		EXPECT_EQ(QWAMOS_GPU_DEV_F_IOMMU, d->flags & QWAMOS_GPU_DEV_F_IOMMU);
		EXPECT_EQ(0, d->flags & (QWAMOS_GPU_DEV_F_VF | QWAMOS_GPU_DEV_F_REVOKING |
					 QWAMOS_GPU_DEV_F_UNSAFE_MSI));
		EXPECT_EQ(attribute(d->bus_name, "boot_vga") == 1,
			  !!(d->flags & QWAMOS_GPU_DEV_F_BOOT_VGA))
		TH_LOG("%s", d->bus_name);
		if (d->state != QWAMOS_GPU_DEV_STATE_QUARANTINED) {
			EXPECT_EQ(strcmp(driver, QT_OURS) ? QWAMOS_GPU_DEV_STATE_UNBOUND
							  : QWAMOS_GPU_DEV_STATE_FREE,
				  d->state)
			TH_LOG("%s on %s is in state %u", d->bus_name, driver, d->state);
		}
		EXPECT_EQ(0, d->owner_vm_id);
		for (k = 0; k < (int)ARRAY_SIZE(d->__reserved); k++) {
			EXPECT_EQ(0, d->__reserved[k]);
		}
		for (k = 0; k < i; k++) {
			EXPECT_NE(d->device_id, self->d[k].device_id);
		}
		EXPECT_NE(0, d->device_id);
	}
}

/* What can be reset, and how; sysfs may tell it wrong for shared buses. */
TEST_F(registry, resets)
{
	const struct qwamos_gpu_dev *a, *b;

	ASSERT_EQ(0, qt_ours(self->ctl, "mf-bochs", "mf-audio", "pair-vga", "pair-edu", NULL));
	self->n = qt_list_devices(self->ctl, self->d, MANY);
	a = listed(self, qt_addr("vga-a"));
	EXPECT_EQ(QWAMOS_GPU_RESET_BUS,
		  a->reset_methods & (QWAMOS_GPU_RESET_BUS | QWAMOS_GPU_RESET_SET));
	EXPECT_NE(0, a->flags & QWAMOS_GPU_DEV_F_CAN_RESET);
	a = listed(self, qt_addr("virtio"));
	EXPECT_EQ(QWAMOS_GPU_RESET_FLR, a->reset_methods & QWAMOS_GPU_RESET_FLR);
	a = listed(self, qt_addr("noreset"));
	EXPECT_EQ(0, a->reset_methods);
	EXPECT_EQ(0, a->reset_set);
	EXPECT_EQ(0, a->flags & QWAMOS_GPU_DEV_F_CAN_RESET);
	a = listed(self, qt_addr("mf-bochs"));
	b = listed(self, qt_addr("mf-audio"));
	EXPECT_NE(0, a->reset_set);
	EXPECT_EQ(a->reset_set, b->reset_set);
	EXPECT_EQ(QWAMOS_GPU_RESET_SET,
		  a->reset_methods & (QWAMOS_GPU_RESET_BUS | QWAMOS_GPU_RESET_SET))
	TH_LOG("sysfs says \"bus\"");
	EXPECT_NE(0, a->flags & QWAMOS_GPU_DEV_F_CAN_RESET);
	a = listed(self, qt_addr("pair-vga"));
	b = listed(self, qt_addr("pair-edu"));
	EXPECT_EQ(a->iommu_group, b->iommu_group);
	EXPECT_NE(0, a->flags & QWAMOS_GPU_DEV_F_VIABLE);
	/* A member on its native driver: the set can't be reset then. */
	qt_run(true, (const char *const[]){ "modprobe", "snd-hda-intel", NULL });
	ASSERT_EQ(0, qt_bind(qt_addr("mf-audio"), NULL));
	self->n = qt_list_devices(self->ctl, self->d, MANY);
	a = listed(self, qt_addr("mf-bochs"));
	EXPECT_EQ(0, a->flags & QWAMOS_GPU_DEV_F_CAN_RESET);
	EXPECT_EQ(0, a->flags & QWAMOS_GPU_DEV_F_VIABLE);
	ASSERT_EQ(0, qt_ours(self->ctl, "mf-audio", NULL));
}

TEST_F(registry, scrub_kinds)
{
	EXPECT_EQ(QWAMOS_GPU_SCRUB_FULL, listed(self, qt_addr("vga-a"))->scrub_best);
	EXPECT_EQ(QWAMOS_GPU_SCRUB_FULL, listed(self, qt_addr("bochs"))->scrub_best);
	EXPECT_EQ(QWAMOS_GPU_SCRUB_NA, listed(self, qt_addr("virtio"))->scrub_best);
	EXPECT_EQ(QWAMOS_GPU_SCRUB_NONE, listed(self, qt_addr("mf-audio"))->scrub_best)
	TH_LOG("in the slot of another vendor's GPU");
}

/* Binding: told at once, and in the log. */
TEST_F(registry, follows_binding)
{
	struct qwamos_gpu_dev d;
	__u64 mark, id;

	ASSERT_EQ(0, qt_theirs(self->ctl, "bochs", NULL));
	ASSERT_EQ(0, qt_device(self->ctl, "bochs", &d));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_UNBOUND, d.state);
	EXPECT_STREQ("bochs-drm", d.driver);
	EXPECT_EQ(QWAMOS_GPU_DEV_F_DIRTY,
		  d.flags & (QWAMOS_GPU_DEV_F_DIRTY | QWAMOS_GPU_DEV_F_VM_DIRT));
	id = d.device_id;
	mark = qt_audit_mark(self->ctl);
	ASSERT_EQ(0, qt_bind(qt_addr("bochs"), QT_OURS));
	ASSERT_EQ(0, qt_device(self->ctl, "bochs", &d));
	EXPECT_TRUE(d.state == QWAMOS_GPU_DEV_STATE_RESETTING ||
		    d.state == QWAMOS_GPU_DEV_STATE_FREE)
	TH_LOG("state %u", d.state);
	EXPECT_EQ(id, d.device_id);
	/* What the host's driver drew is wiped before any VM has it. */
	ASSERT_EQ(0, qt_wait_state(self->ctl, "bochs", QWAMOS_GPU_DEV_STATE_FREE, 10000));
	ASSERT_EQ(0, qt_device(self->ctl, "bochs", &d));
	EXPECT_EQ(QWAMOS_GPU_SCRUB_FULL, d.scrub);
	EXPECT_EQ(0, d.flags & QWAMOS_GPU_DEV_F_DIRTY);
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_BOUND, .chain = QT_HOST,
					   .device = qt_addr("bochs")),
				   NULL));
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_RESET, .chain = QT_HOST,
					   .device = qt_addr("bochs")),
				   NULL));
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_SCRUBBED, .chain = QT_HOST,
					   .device = qt_addr("bochs")),
				   NULL));
	mark = qt_audit_mark(self->ctl);
	ASSERT_EQ(0, qt_theirs(self->ctl, "bochs", NULL));
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_UNBOUND, .chain = QT_HOST,
					   .device = qt_addr("bochs")),
				   NULL));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_UNBOUND, qt_state(self->ctl, "bochs"));
}

TEST_F(registry, follows_hotplug)
{
	__u64 id = qt_id(self->ctl, "bochs"), mark = qt_audit_mark(self->ctl);

	ASSERT_NE(0, id);
	ASSERT_EQ(0, qt_remove(qt_addr("bochs")));
	EXPECT_EQ(0, qt_id(self->ctl, "bochs"));
	EXPECT_EQ(1,
		  qt_audit_find(self->ctl, mark,
				QT_WANT(QWAMOS_GPU_EV_DEVICE_REMOVED, .device = qt_addr("bochs")),
				NULL));
	ASSERT_EQ(0, qt_rescan());
	EXPECT_LT(id, qt_id(self->ctl, "bochs"));
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_ADDED, .device = qt_addr("bochs")),
				   NULL));
}

TEST_HARNESS_MAIN
