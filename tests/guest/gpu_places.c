// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM has places for eight GPUs: those that it has no more make room for others, while it charges
 * on all of them. Ten GPUs: topology switch.
 */
#include <errno.h>
#include <pthread.h>

#include "kselftest_harness.h"
#include "call.h"
#include "charge.h"
#include "slower.h"
#include "vm.h"

#define MS   3000
#define GPUS 10
#define VRAM QWAMOS_GPU_RESOURCE_VRAM

static const char *const names[GPUS] = { "boot",   "noreset",  "bochs",	   "vga-a", "vga-b",
					 "virtio", "pair-vga", "mf-bochs", "sw-x",  "sw-y" };

FIXTURE(places)
{
	int ctl;
	struct qt_vm vm;
	__u64 gpu[GPUS];
};

FIXTURE_SETUP(places)
{
	int i;

	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_HIGH,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	for (i = 0; i < GPUS; i++) {
		self->gpu[i] = qt_id(self->ctl, names[i]);
		ASSERT_NE(0, self->gpu[i]) TH_LOG("%s", names[i]);
	}
}

FIXTURE_TEARDOWN(places)
{
	qt_vm_end(&self->vm);
	close(self->ctl);
}

static int list(int manage, const __u64 *gpus, __u32 n)
{
	return qt_set(manage,
		      QT_SET(QWAMOS_GPU_POLICY_GPUS, .gpus_count = n, .gpus = (unsigned long)gpus),
		      NULL);
}

/* A ninth has no place while the VM has eight, or charges on one that it has no more. */
TEST_F(places, ninth)
{
	__u64 *gpu = self->gpu;

	ASSERT_EQ(0, list(self->vm.manage, gpu, 8));
	EXPECT_EQ(-ENOSPC, qt_set(self->vm.manage,
				  QT_SET(QWAMOS_GPU_POLICY_GUARANTEE, .compute_guarantee = 1,
					 .device_id = gpu[8]),
				  NULL));
	ASSERT_EQ(0, qt_charge(self->vm.use, VRAM, gpu[0], 5, NULL));
	ASSERT_EQ(0, list(self->vm.manage, gpu + 1, 7));
	EXPECT_EQ(-ENOSPC, list(self->vm.manage, gpu + 1, 8));
	ASSERT_EQ(0, qt_uncharge(self->vm.use, VRAM, gpu[0], 5, NULL));
	EXPECT_EQ(0, list(self->vm.manage, gpu + 1, 8));
	EXPECT_EQ(0, qt_charge(self->vm.use, VRAM, gpu[8], 5, NULL));
	EXPECT_EQ(-EACCES, qt_charge(self->vm.use, VRAM, gpu[0], 5, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_NOT_ASSIGNED, qt_reason);
	/* From some to others: what goes has its place until it is taken back. */
	EXPECT_EQ(0, qt_uncharge(self->vm.use, VRAM, gpu[8], 5, NULL));
	EXPECT_EQ(-ENOSPC, list(self->vm.manage, gpu + 2, 8));
	EXPECT_EQ(0, list(self->vm.manage, gpu + 2, 7));
	EXPECT_EQ(0, list(self->vm.manage, gpu + 2, 8));
}

/* Nor does one take a place by charging on what nobody has given the VM. */
TEST_F(places, refused_charges_take_none)
{
	int i;

	for (i = 0; i < GPUS; i++) {
		EXPECT_EQ(-EACCES, qt_charge(self->vm.use, VRAM, self->gpu[i], 1, NULL));
		EXPECT_EQ(QWAMOS_GPU_REASON_NOT_ASSIGNED, qt_reason);
	}
	EXPECT_EQ(0, list(self->vm.manage, self->gpu + 2, 8));
	EXPECT_EQ(0, qt_charge(self->vm.use, VRAM, self->gpu[9], 1, NULL));
}

struct charger {
	const __u64 *gpu;
	int fd;
	bool stop;
	__u64 charged;
	__u64 failed;
};

static void *charge_on_all(void *arg)
{
	struct charger *c = arg;
	int i, ret;

	for (i = 0; !__atomic_load_n(&c->stop, __ATOMIC_RELAXED); i = (i + 1) % GPUS) {
		ret = qt_charge(c->fd, VRAM, c->gpu[i], 1, NULL);
		c->failed += ret && ret != -EACCES;
		if (ret)
			continue;
		c->charged++;
		c->failed += qt_uncharge(c->fd, VRAM, c->gpu[i], 1, NULL) != 0;
	}
	return NULL;
}

TEST_F_TIMEOUT(places, room_is_made_under_charges, 60)
{
	struct charger c[2];
	long long end = qt_now_ms() + MS;
	struct qwamos_gpu_vm info;
	unsigned int rounds = 0;
	pthread_t t[2];
	int i;

	for (i = 0; i < 2; i++) {
		c[i] = (struct charger){ .gpu = self->gpu, .fd = qt_new_use(self->vm.use) };
		ASSERT_LE(0, c[i].fd);
		ASSERT_EQ(0, pthread_create(&t[i], NULL, charge_on_all, &c[i]));
	}
	while (qt_now_ms() < end) {
		int from = rounds++ % 3;

		EXPECT_EQ(0, list(self->vm.manage, NULL, 0));
		/* A charge of this moment may be in the way. */
		i = list(self->vm.manage, self->gpu + from, 8);
		EXPECT_TRUE(!i || i == -ENOSPC) TH_LOG("%d", i);
		qt_sleep_ms(20);
	}
	for (i = 0; i < 2; i++) {
		__atomic_store_n(&c[i].stop, true, __ATOMIC_RELAXED);
		pthread_join(t[i], NULL);
		close(c[i].fd);
		EXPECT_LT(100, c[i].charged);
		EXPECT_EQ(0, c[i].failed);
	}
	EXPECT_LT(10, rounds);
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &info));
	EXPECT_EQ(0, info.vram_used);
}

TEST_HARNESS_MAIN
