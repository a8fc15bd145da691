// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device whose base addresses were lost, as a rescan of the bus in the middle of a reset does, is
 * put right when it is cleaned, instead of ending in quarantine.
 */
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <pthread.h>

#include "kselftest_harness.h"
#include "call.h"
#include "vfio.h"
#include "vm.h"

#define BARS 6

static int config_of(const char *addr)
{
	char path[QT_PATH];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", addr);
	return open(path, O_RDWR | O_CLOEXEC);
}

FIXTURE(mend)
{
	int ctl;
	int config;
	int bridge;
	__u32 bars[BARS];
};

FIXTURE_SETUP(mend)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_ours(self->ctl, "bochs", NULL));
	self->config = config_of(qt_addr("bochs"));
	ASSERT_LE(0, self->config);
	self->bridge = config_of(qt_addr("rp-bochs"));
	ASSERT_LE(0, self->bridge);
	ASSERT_EQ(sizeof(self->bars),
		  pread(self->config, self->bars, sizeof(self->bars), PCI_BASE_ADDRESS_0));
	ASSERT_NE(0, self->bars[0] & PCI_BASE_ADDRESS_MEM_MASK);
}

FIXTURE_TEARDOWN(mend)
{
	close(self->config);
	close(self->bridge);
	close(self->ctl);
}

/* All is as it was, and a VM can have the device and use it. */
static void expect_well(struct __test_metadata *_metadata, FIXTURE_DATA(mend) * self)
{
	struct qwamos_gpu_dev d;
	struct qt_actor vmm;
	__u32 bars[BARS];
	struct qt_vm vm;
	int i, use;

	ASSERT_EQ(sizeof(bars), pread(self->config, bars, sizeof(bars), PCI_BASE_ADDRESS_0));
	for (i = 0; i < BARS; i++)
		EXPECT_EQ(self->bars[i], bars[i]) TH_LOG("base address %d", i);
	ASSERT_EQ(0, qt_device(self->ctl, "bochs", &d));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_FREE, d.state);
	EXPECT_EQ(QWAMOS_GPU_SCRUB_FULL, d.scrub);
	ASSERT_EQ(0, qt_vm_new(&vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	EXPECT_EQ(0, qt_attach(vm.manage, d.device_id, QWAMOS_GPU_SCRUB_FULL, NULL));
	ASSERT_EQ(0, qt_vmm(&vm, &vmm, &use));
	qt_end(&vmm);
	qt_vm_end(&vm);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
}

TEST_F(mend, addresses_lost)
{
	static const __u32 none[BARS];
	__u32 bar = ~0;

	ASSERT_EQ(0, qt_bind(qt_addr("bochs"), ""));
	ASSERT_EQ(sizeof(none), pwrite(self->config, none, sizeof(none), PCI_BASE_ADDRESS_0));
	ASSERT_EQ(4, pread(self->config, &bar, 4, PCI_BASE_ADDRESS_0));
	ASSERT_EQ(0, bar & PCI_BASE_ADDRESS_MEM_MASK);
	ASSERT_EQ(0, qt_ours(self->ctl, "bochs", NULL));
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	expect_well(_metadata, self);
}

TEST_F(mend, bus_left_in_reset)
{
	__u16 control;
	__u32 bar = ~0;

	ASSERT_EQ(0, qt_bind(qt_addr("bochs"), ""));
	ASSERT_EQ(2, pread(self->bridge, &control, 2, PCI_BRIDGE_CONTROL));
	ASSERT_EQ(0, control & PCI_BRIDGE_CTL_BUS_RESET);
	control |= PCI_BRIDGE_CTL_BUS_RESET;
	ASSERT_EQ(2, pwrite(self->bridge, &control, 2, PCI_BRIDGE_CONTROL));
	ASSERT_EQ(4, pread(self->config, &bar, 4, PCI_BASE_ADDRESS_0));
	ASSERT_EQ(0, bar & PCI_BASE_ADDRESS_MEM_MASK) TH_LOG("the bus was not reset");
	ASSERT_EQ(0, qt_ours(self->ctl, "bochs", NULL));
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(2, pread(self->bridge, &control, 2, PCI_BRIDGE_CONTROL));
	EXPECT_EQ(0, control & PCI_BRIDGE_CTL_BUS_RESET);
	expect_well(_metadata, self);
}

static bool over;

static void *rescan_always(void *unused)
{
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
		qt_rescan();
	return NULL;
}

/* The real thing: VMs come and go while the bus is scanned all the time. */
TEST_F_TIMEOUT(mend, rescans_all_the_time, 100)
{
	pthread_t thread;
	int round;

	ASSERT_EQ(0, pthread_create(&thread, NULL, rescan_always, NULL));
	for (round = 0; round < 15; round++) {
		struct qwamos_gpu_dev d;
		struct qt_vm vm;

		ASSERT_EQ(0, qt_vm_new(&vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
		ASSERT_EQ(0, qt_attach(vm.manage, qt_id(self->ctl, "bochs"),
				       QWAMOS_GPU_SCRUB_DEFAULT, NULL))
		TH_LOG("round %d, reason %u", round, qt_reason);
		qt_vm_end(&vm);
		ASSERT_EQ(0, qt_settle(self->ctl, 40000));
		ASSERT_EQ(0, qt_device(self->ctl, "bochs", &d));
		ASSERT_EQ(QWAMOS_GPU_DEV_STATE_FREE, d.state) TH_LOG("round %d", round);
	}
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	expect_well(_metadata, self);
}

TEST_HARNESS_MAIN
