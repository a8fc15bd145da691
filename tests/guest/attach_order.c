// SPDX-License-Identifier: GPL-2.0-only
/*
 * DEV_ATTACH: each way to be refused, with its errno, its reason, its record and no other change;
 * and of two that hold at once, the one that the contract names first.
 */
#include <grp.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "vfio.h"
#include "vm.h"

#define NOBODY 65534
#define MANY   64

FIXTURE(attach)
{
	int ctl;
	struct qt_vm vm;
	struct qt_vm other;
	struct qt_actor a;
};

FIXTURE_SETUP(attach)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_ours(self->ctl, "bochs", "vga-a", NULL));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
}

FIXTURE_TEARDOWN(attach)
{
	qt_end(&self->a);
	qt_vm_end(&self->vm);
	qt_vm_end(&self->other);
}

/* All that DEV_LIST and VM_LIST tell, apart from the count of refusals. */
struct world {
	struct qwamos_gpu_dev devices[MANY];
	struct qwamos_gpu_vm vms[MANY];
};

static void look(int ctl, struct world *w)
{
	int n, i;

	memset(w, 0, sizeof(*w));
	qt_list_devices(ctl, w->devices, MANY);
	n = qt_list_vms(ctl, w->vms, MANY);
	for (i = 0; i < n; i++)
		w->vms[i].denied = 0;
}

/* One refused DEV_ATTACH on an fd of @vm, from all sides. */
static void refused(struct __test_metadata *_metadata, FIXTURE_DATA(attach) * self,
		    struct qt_vm *vm, __u64 device_id, __u32 scrub, int err, __u32 reason,
		    __u64 in_the_way)
{
	__u64 mark = qt_audit_mark(self->ctl);
	struct qwamos_gpu_audit_record rec;
	struct qwamos_gpu_dev_attach out;
	struct qwamos_gpu_vm before, after;
	struct world was, is;
	bool live = !qt_vm_info(vm->manage, &before);

	look(self->ctl, &was);
	EXPECT_EQ(err, qt_attach(vm->manage, device_id, scrub, &out));
	EXPECT_EQ(reason, qt_reason);
	EXPECT_EQ(in_the_way, out.out_device_id);
	look(self->ctl, &is);
	EXPECT_EQ(0, memcmp(&was, &is, sizeof(was))) TH_LOG("a refusal changed something");
	ASSERT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_OPERATION_DENIED, .reason = reason,
					   .result = err, .operation = QWAMOS_GPU_OP_PASSTHROUGH,
					   .chain = vm->id, .pid = getpid()),
				   &rec));
	EXPECT_STREQ(vm->name, rec.vm_name);
	EXPECT_EQ(0, rec.uid);
	if (!live)
		return;
	ASSERT_EQ(0, qt_vm_info(vm->manage, &after));
	EXPECT_EQ(before.denied + 1, after.denied);
	EXPECT_EQ(before.level, rec.level);
}

#define REFUSED(dev, err, reason, way)                                          \
	refused(_metadata, self, &self->vm, dev, QWAMOS_GPU_SCRUB_DEFAULT, err, \
		QWAMOS_GPU_REASON_##reason, way)

static __u64 id_of(FIXTURE_DATA(attach) * self, const char *name)
{
	return qt_id(self->ctl, name);
}

/* From the end of the list to its beginning: each test adds what comes before. */

TEST_F(attach, scrub)
{
	struct qwamos_gpu_dev d;

	ASSERT_EQ(0, qt_device(self->ctl, "vga-a", &d));
	/* All of this one's memory is in its BAR. */
	EXPECT_EQ(QWAMOS_GPU_SCRUB_FULL, d.scrub);
	refused(_metadata, self, &self->vm, d.device_id, QWAMOS_GPU_SCRUB_NA, -EACCES,
		QWAMOS_GPU_REASON_SCRUB, d.device_id);
	/* What was reached satisfies what is less. */
	EXPECT_EQ(0, qt_attach(self->vm.manage, d.device_id, QWAMOS_GPU_SCRUB_NONE, NULL));
	EXPECT_EQ(0, qt_detach(self->vm.manage, d.device_id, 0));
	ASSERT_EQ(0, qt_wait_state(self->ctl, "vga-a", QWAMOS_GPU_DEV_STATE_FREE, 10000));
	EXPECT_EQ(0, qt_attach(self->vm.manage, d.device_id, QWAMOS_GPU_SCRUB_FULL, NULL));
}

/* A GPU without memory of its own has nothing to leak. */
TEST_F(attach, scrub_not_applicable)
{
	struct qwamos_gpu_dev d;

	ASSERT_EQ(0, qt_ours(self->ctl, "virtio", NULL));
	ASSERT_EQ(0, qt_device(self->ctl, "virtio", &d));
	EXPECT_EQ(QWAMOS_GPU_SCRUB_NA, d.scrub);
	EXPECT_EQ(0, qt_attach(self->vm.manage, d.device_id, QWAMOS_GPU_SCRUB_FULL, NULL));
	EXPECT_EQ(0, qt_detach(self->vm.manage, d.device_id, 0));
	EXPECT_EQ(0, qt_wait_state(self->ctl, "virtio", QWAMOS_GPU_DEV_STATE_FREE, 10000));
	qt_theirs(self->ctl, "virtio", NULL);
}

/*
 * A companion that nobody knows how to wipe: a VM would read what another one left in it, whatever
 * is demanded of the GPU. It is taken only if that is accepted, and the log tells.
 */
TEST_F(attach, unwiped_companion)
{
	struct qwamos_gpu_dev vga, edu;
	__u64 mark;

	ASSERT_EQ(0, qt_ours(self->ctl, "pair-vga", "pair-edu", NULL));
	ASSERT_EQ(0, qt_device(self->ctl, "pair-vga", &vga));
	ASSERT_EQ(0, qt_device(self->ctl, "pair-edu", &edu));
	EXPECT_EQ(QWAMOS_GPU_SCRUB_NONE, edu.scrub_best);
	EXPECT_EQ(QWAMOS_GPU_SCRUB_NONE, edu.scrub);
	REFUSED(vga.device_id, -EACCES, SCRUB, edu.device_id);
	refused(_metadata, self, &self->vm, vga.device_id, QWAMOS_GPU_SCRUB_NONE, -EACCES,
		QWAMOS_GPU_REASON_SCRUB, edu.device_id);
	mark = qt_audit_mark(self->ctl);
	EXPECT_EQ(0, qt_attach(self->vm.manage, vga.device_id, QT_UNWIPED | QWAMOS_GPU_SCRUB_FULL,
			       NULL));
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_UNWIPED, .chain = self->vm.id,
					   .device = qt_addr("pair-edu"), .pid = getpid()),
				   NULL));
	EXPECT_EQ(0, qt_detach(self->vm.manage, vga.device_id, 0));
	ASSERT_EQ(0, qt_wait_state(self->ctl, "pair-vga", QWAMOS_GPU_DEV_STATE_FREE, 10000));
	ASSERT_EQ(0, qt_wait_state(self->ctl, "pair-edu", QWAMOS_GPU_DEV_STATE_FREE, 10000));
	qt_theirs(self->ctl, "pair-vga", "pair-edu", NULL);
}

/*
 * A member of the group without a driver, in which a VM left something, can't be wiped where it is:
 * nobody gets the group before it is on our driver, and clean.
 */
TEST_F(attach, dirt_in_one_without_a_driver)
{
	struct qwamos_gpu_dev d, companion;
	struct qt_vm last;

	ASSERT_EQ(0, qt_ours(self->ctl, "pair-vga", "pair-edu", NULL));
	ASSERT_EQ(0, qt_device(self->ctl, "pair-vga", &d));
	ASSERT_EQ(0, qt_vm_new(&last, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_attach(last.manage, d.device_id, QT_UNWIPED, NULL));
	ASSERT_EQ(0, qt_bind(qt_addr("pair-edu"), ""));
	qt_vm_end(&last);
	ASSERT_EQ(0, qt_wait_state(self->ctl, "pair-vga", QWAMOS_GPU_DEV_STATE_FREE, 10000));
	ASSERT_EQ(0, qt_device(self->ctl, "pair-edu", &companion));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_UNBOUND, companion.state);
	EXPECT_NE(0, companion.flags & QWAMOS_GPU_DEV_F_VM_DIRT);
	REFUSED(d.device_id, -EACCES, SCRUB, companion.device_id);
	ASSERT_EQ(0, qt_ours(self->ctl, "pair-edu", NULL));
	ASSERT_EQ(0, qt_wait_state(self->ctl, "pair-edu", QWAMOS_GPU_DEV_STATE_FREE, 10000));
	EXPECT_EQ(0, qt_attach(self->vm.manage, d.device_id, QT_UNWIPED, NULL));
	EXPECT_EQ(0, qt_detach(self->vm.manage, d.device_id, 0));
	ASSERT_EQ(0, qt_wait_state(self->ctl, "pair-vga", QWAMOS_GPU_DEV_STATE_FREE, 10000));
	qt_theirs(self->ctl, "pair-vga", "pair-edu", NULL);
}

/* noreset: NO_RESET at first, then, once released, it can be had exactly once, and ends in
 * quarantine. */
TEST_F(attach, no_reset_and_quarantine)
{
	struct qwamos_gpu_dev d;
	__u64 id, mark;

	ASSERT_EQ(0, qt_ours(self->ctl, "noreset", NULL));
	ASSERT_EQ(0, qt_device(self->ctl, "noreset", &d));
	id = d.device_id;
	ASSERT_NE(0, id);
	if (d.state == QWAMOS_GPU_DEV_STATE_QUARANTINED)
		goto quarantined;
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_FREE, d.state);
	EXPECT_EQ(0, d.flags & QWAMOS_GPU_DEV_F_CAN_RESET);
	EXPECT_EQ(0, d.reset_methods);
	REFUSED(id, -EACCES, NO_RESET, id);
	/* NO_RESET before SCRUB. */
	refused(_metadata, self, &self->vm, id, QWAMOS_GPU_SCRUB_NA, -EACCES,
		QWAMOS_GPU_REASON_NO_RESET, id);

	mark = qt_audit_mark(self->ctl);
	ASSERT_EQ(0, qt_release(self->ctl, id, QWAMOS_GPU_DEV_CLEAR_QUARANTINE_F_ACCEPT_LEFTOVERS));
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_RELEASED,
					   .device = qt_addr("noreset"), .pid = getpid()),
				   NULL));
	ASSERT_EQ(0, qt_device(self->ctl, "noreset", &d));
	EXPECT_EQ(QWAMOS_GPU_DEV_F_ACCEPTED, d.flags & QWAMOS_GPU_DEV_F_ACCEPTED);
	EXPECT_EQ(-EACCES,
		  qt_release(self->ctl, id, QWAMOS_GPU_DEV_CLEAR_QUARANTINE_F_ACCEPT_LEFTOVERS));
	EXPECT_EQ(QWAMOS_GPU_REASON_NOTHING_TO_RELEASE, qt_reason);
	ASSERT_EQ(0, qt_attach(self->vm.manage, id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));

	/* The owner before NO_RESET. */
	REFUSED(id, -EBUSY, ALREADY_ATTACHED, id);
	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	refused(_metadata, self, &self->other, id, QWAMOS_GPU_SCRUB_DEFAULT, -EBUSY,
		QWAMOS_GPU_REASON_OTHER_OWNER, id);
	EXPECT_EQ(-EBUSY,
		  qt_release(self->ctl, id, QWAMOS_GPU_DEV_CLEAR_QUARANTINE_F_ACCEPT_LEFTOVERS));
	EXPECT_EQ(QWAMOS_GPU_REASON_OTHER_OWNER, qt_reason);

	mark = qt_audit_mark(self->ctl);
	ASSERT_EQ(0, qt_detach(self->vm.manage, id, 0));
	ASSERT_EQ(0, qt_wait_state(self->ctl, "noreset", QWAMOS_GPU_DEV_STATE_QUARANTINED, 10000));
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_QUARANTINED,
					   .device = qt_addr("noreset")),
				   NULL));
quarantined:
	ASSERT_EQ(0, qt_device(self->ctl, "noreset", &d));
	EXPECT_NE(0, d.quarantine_reason);
	EXPECT_EQ(QWAMOS_GPU_DEV_F_VM_DIRT, d.flags & QWAMOS_GPU_DEV_F_VM_DIRT);
	/* QUARANTINED before NO_RESET and SCRUB. */
	REFUSED(id, -EACCES, QUARANTINED, id);
	refused(_metadata, self, &self->vm, id, QWAMOS_GPU_SCRUB_NA, -EACCES,
		QWAMOS_GPU_REASON_QUARANTINED, id);
	/* It survives a rebind. */
	ASSERT_EQ(0, qt_theirs(self->ctl, "noreset", NULL));
	ASSERT_EQ(0, qt_ours(self->ctl, "noreset", NULL));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_QUARANTINED, qt_state(self->ctl, "noreset"));
	REFUSED(id, -EACCES, QUARANTINED, id);
	/* Released, it is let through once more. */
	ASSERT_EQ(0, qt_release(self->ctl, id, QWAMOS_GPU_DEV_CLEAR_QUARANTINE_F_ACCEPT_LEFTOVERS));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_FREE, qt_state(self->ctl, "noreset"));
	ASSERT_EQ(0, qt_attach(self->vm.manage, id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	ASSERT_EQ(0, qt_detach(self->vm.manage, id, 0));
	ASSERT_EQ(0, qt_wait_state(self->ctl, "noreset", QWAMOS_GPU_DEV_STATE_QUARANTINED, 10000));
	REFUSED(id, -EACCES, QUARANTINED, id);
}

/* The reset after a DEV_DETACH takes long enough for the call that follows at once. */
TEST_F(attach, resetting)
{
	static const __u32 demands[] = { QWAMOS_GPU_SCRUB_DEFAULT, QWAMOS_GPU_SCRUB_NA };
	__u64 id = id_of(self, "vga-a"), mark;
	struct qwamos_gpu_dev_attach out;
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(demands); i++) {
		ASSERT_EQ(0, qt_attach(self->vm.manage, id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
		mark = qt_audit_mark(self->ctl);
		ASSERT_EQ(0, qt_detach(self->vm.manage, id, 0));
		/* RESETTING before SCRUB. */
		ret = qt_attach(self->vm.manage, id, demands[i], &out);
		EXPECT_EQ(-EBUSY, ret);
		EXPECT_EQ(QWAMOS_GPU_REASON_RESETTING, qt_reason);
		EXPECT_EQ(id, out.out_device_id);
		EXPECT_EQ(1,
			  qt_audit_find(self->ctl, mark,
					QT_WANT(QWAMOS_GPU_EV_OPERATION_DENIED,
						.reason = QWAMOS_GPU_REASON_RESETTING,
						.result = -EBUSY,
						.operation = QWAMOS_GPU_OP_PASSTHROUGH,
						.chain = self->vm.id, .device = qt_addr("vga-a")),
					NULL));
		ASSERT_EQ(0, qt_wait_state(self->ctl, "vga-a", QWAMOS_GPU_DEV_STATE_FREE, 10000));
		EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
					   QT_WANT(QWAMOS_GPU_EV_DEVICE_RESET,
						   .device = qt_addr("vga-a")),
					   NULL));
		EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
					   QT_WANT(QWAMOS_GPU_EV_DEVICE_SCRUBBED,
						   .device = qt_addr("vga-a")),
					   NULL));
	}
	ASSERT_EQ(0, qt_attach(self->vm.manage, id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	ASSERT_EQ(0, qt_detach(self->vm.manage, id, 0));
	EXPECT_EQ(-EBUSY,
		  qt_release(self->ctl, id, QWAMOS_GPU_DEV_CLEAR_QUARANTINE_F_ACCEPT_LEFTOVERS));
	EXPECT_EQ(QWAMOS_GPU_REASON_RESETTING, qt_reason);
	ASSERT_EQ(0, qt_wait_state(self->ctl, "vga-a", QWAMOS_GPU_DEV_STATE_FREE, 10000));
	EXPECT_EQ(0, qt_attach(self->vm.manage, id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
}

/* Whoever holds the group keeps everybody else from opening the device. */
TEST_F(attach, held_by_somebody)
{
	__u64 id = id_of(self, "vga-a");
	int group, container;

	group = qt_vfio_group(qt_addr("vga-a"));
	ASSERT_LE(0, group);
	container = qt_vfio_container(group, NULL);
	ASSERT_LE(0, container);
	REFUSED(id, -EBUSY, DEVICE_OPEN, id);
	/* DEVICE_OPEN before SCRUB. */
	refused(_metadata, self, &self->vm, id, QWAMOS_GPU_SCRUB_NA, -EBUSY,
		QWAMOS_GPU_REASON_DEVICE_OPEN, id);
	close(group);
	close(container);
	/* The owner before DEVICE_OPEN. */
	ASSERT_EQ(0, qt_attach(self->vm.manage, id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	group = qt_vfio_group(qt_addr("vga-a"));
	container = qt_vfio_container(group, NULL);
	ASSERT_LE(0, container);
	REFUSED(id, -EBUSY, ALREADY_ATTACHED, id);
	EXPECT_EQ(-EBUSY, qt_detach(self->vm.manage, id, 0));
	EXPECT_EQ(QWAMOS_GPU_REASON_DEVICE_OPEN, qt_reason);
	close(group);
	close(container);
}

TEST_F(attach, owner)
{
	__u64 id = id_of(self, "vga-a");

	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_attach(self->other.manage, id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	REFUSED(id, -EBUSY, OTHER_OWNER, id);
	refused(_metadata, self, &self->vm, id, QWAMOS_GPU_SCRUB_NA, -EBUSY,
		QWAMOS_GPU_REASON_OTHER_OWNER, id);
	refused(_metadata, self, &self->other, id, QWAMOS_GPU_SCRUB_DEFAULT, -EBUSY,
		QWAMOS_GPU_REASON_ALREADY_ATTACHED, id);
	EXPECT_EQ(-EACCES, qt_detach(self->vm.manage, id, 0));
	EXPECT_EQ(QWAMOS_GPU_REASON_NOT_ATTACHED, qt_reason);
	EXPECT_EQ(-EACCES, qt_detach(self->vm.manage, id, QWAMOS_GPU_DEV_DETACH_F_KILL));
	EXPECT_EQ(QWAMOS_GPU_REASON_NOT_ATTACHED, qt_reason);
	/* Not by another member of the group either. */
	ASSERT_EQ(0, qt_ours(self->ctl, "pair-vga", "pair-edu", NULL));
	ASSERT_EQ(0, qt_attach(self->other.manage, id_of(self, "pair-vga"), QT_UNWIPED, NULL));
	REFUSED(id_of(self, "pair-edu"), -EBUSY, OTHER_OWNER, id_of(self, "pair-vga"));
}

/* A member of the group is on another driver: its native one, or the stock vfio-pci. */
TEST_F(attach, stranger)
{
	__u64 vga, edu, mf;

	ASSERT_EQ(0, qt_run(false, (const char *const[]){ "modprobe", "vfio-pci", NULL }));
	ASSERT_EQ(0, qt_ours(self->ctl, "pair-vga", NULL));
	ASSERT_EQ(0, qt_bind(qt_addr("pair-edu"), QT_STOCK));
	vga = id_of(self, "pair-vga");
	edu = id_of(self, "pair-edu");
	REFUSED(vga, -EBUSY, GROUP_NOT_VIABLE, edu);
	/* GROUP_NOT_VIABLE before SCRUB; NOT_BOUND before GROUP_NOT_VIABLE. */
	refused(_metadata, self, &self->vm, vga, QWAMOS_GPU_SCRUB_NA, -EBUSY,
		QWAMOS_GPU_REASON_GROUP_NOT_VIABLE, edu);
	REFUSED(edu, -ENODEV, NOT_BOUND, edu);
	/* One without a driver is no stranger. */
	ASSERT_EQ(0, qt_bind(qt_addr("pair-edu"), ""));
	/* DEV_ATTACH takes every endpoint, so what is on no driver can't be had with it. */
	EXPECT_EQ(-ENODEV, qt_attach(self->vm.manage, edu, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_NOT_BOUND, qt_reason);
	ASSERT_EQ(0, qt_ours(self->ctl, "pair-edu", NULL));
	ASSERT_EQ(0, qt_attach(self->vm.manage, vga, QT_UNWIPED, NULL));

	/* A GPU whose audio function is on its native driver; GROUP_NOT_VIABLE before NO_RESET. */
	qt_run(true, (const char *const[]){ "modprobe", "snd-hda-intel", NULL });
	ASSERT_EQ(0, qt_bind(qt_addr("mf-audio"), NULL));
	ASSERT_EQ(0, qt_ours(self->ctl, "mf-bochs", NULL));
	mf = id_of(self, "mf-bochs");
	REFUSED(mf, -EBUSY, GROUP_NOT_VIABLE, id_of(self, "mf-audio"));
	REFUSED(id_of(self, "mf-audio"), -ENODEV, NOT_BOUND, id_of(self, "mf-audio"));
	ASSERT_EQ(0, qt_ours(self->ctl, "mf-audio", NULL));
	EXPECT_EQ(0, qt_attach(self->vm.manage, mf, QT_UNWIPED, NULL));
}

TEST_F(attach, not_bound)
{
	__u64 id;

	ASSERT_EQ(0, qt_theirs(self->ctl, "vga-a", NULL));
	id = id_of(self, "vga-a");
	REFUSED(id, -ENODEV, NOT_BOUND, id);
	/* NOT_BOUND before SCRUB, and before NO_RESET: the boot VGA has none. */
	refused(_metadata, self, &self->vm, id, QWAMOS_GPU_SCRUB_NA, -ENODEV,
		QWAMOS_GPU_REASON_NOT_BOUND, id);
	id = id_of(self, "boot");
	ASSERT_NE(0, id);
	REFUSED(id, -ENODEV, NOT_BOUND, id);
	ASSERT_EQ(0, qt_bind(qt_addr("vga-a"), ""));
	REFUSED(id_of(self, "vga-a"), -ENODEV, NOT_BOUND, id_of(self, "vga-a"));
	ASSERT_EQ(0, qt_run(false, (const char *const[]){ "modprobe", "vfio-pci", NULL }));
	ASSERT_EQ(0, qt_bind(qt_addr("vga-a"), QT_STOCK));
	REFUSED(id_of(self, "vga-a"), -ENODEV, NOT_BOUND, id_of(self, "vga-a"));
	ASSERT_EQ(0, qt_theirs(self->ctl, "vga-a", NULL));
}

TEST_F(attach, no_device)
{
	REFUSED(0, -ENODEV, NO_DEVICE, 0);
	REFUSED(~0ULL, -ENODEV, NO_DEVICE, 0);
	/* An edu that is no companion of any GPU is none of our business. */
	EXPECT_EQ(0, id_of(self, "edu"));
}

TEST_F(attach, level)
{
	__u64 id = id_of(self, "vga-a");
	__u32 level;

	for (level = QWAMOS_GPU_LEVEL_UNTRUSTED; level < QWAMOS_GPU_LEVEL_SYSTEM; level++) {
		ASSERT_EQ(0, qt_set_level(self->vm.manage, level));
		REFUSED(id, -EACCES, LEVEL, 0);
		/* LEVEL before NO_DEVICE. */
		REFUSED(~0ULL, -EACCES, LEVEL, 0);
	}
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_SYSTEM));
	EXPECT_EQ(0, qt_attach(self->vm.manage, id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	/* And a VM that holds a GPU keeps its level. */
	for (level = QWAMOS_GPU_LEVEL_UNTRUSTED; level < QWAMOS_GPU_LEVEL_SYSTEM; level++) {
		EXPECT_EQ(-EBUSY, qt_set_level(self->vm.manage, level));
		EXPECT_EQ(QWAMOS_GPU_REASON_IN_USE, qt_reason);
	}
	EXPECT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_SYSTEM));
}

TEST_F(attach, no_policy)
{
	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_NONE, 0));
	refused(_metadata, self, &self->other, id_of(self, "vga-a"), 0, -EACCES,
		QWAMOS_GPU_REASON_NO_POLICY, 0);
	/* NO_POLICY before NO_DEVICE. */
	refused(_metadata, self, &self->other, 0, 0, -EACCES, QWAMOS_GPU_REASON_NO_POLICY, 0);
}

TEST_F(attach, no_cgroup)
{
	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_NONE,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	/* NO_CGROUP before NO_POLICY and LEVEL. */
	refused(_metadata, self, &self->other, id_of(self, "vga-a"), 0, -EACCES,
		QWAMOS_GPU_REASON_NO_CGROUP, 0);
	ASSERT_EQ(0, qt_set_level(self->other.manage, QWAMOS_GPU_LEVEL_LOW));
	refused(_metadata, self, &self->other, id_of(self, "vga-a"), 0, -EACCES,
		QWAMOS_GPU_REASON_NO_CGROUP, 0);
	ASSERT_EQ(0, qt_set_level(self->other.manage, QWAMOS_GPU_LEVEL_SYSTEM));
	refused(_metadata, self, &self->other, id_of(self, "vga-a"), 0, -EACCES,
		QWAMOS_GPU_REASON_NO_CGROUP, 0);
}

static long do_attach(long fd, long id, void *data)
{
	int ret = qt_attach(fd, id, QWAMOS_GPU_SCRUB_DEFAULT, NULL);

	*(__u32 *)data = qt_reason;
	return ret;
}

static long do_setuid(long uid, long y, void *data)
{
	return setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid) ? -errno
											  : 0;
}

#define BY_ACTOR(fd, err, reason)                                              \
	do {                                                                   \
		EXPECT_EQ(err, qt_do(&self->a, do_attach, fd, id));            \
		EXPECT_EQ(QWAMOS_GPU_REASON_##reason, *(__u32 *)self->a.data); \
	} while (0)

/* WRONG_FD, VM_MEMBER, NOT_CAPABLE, VM_ENDED, NO_CGROUP: each before the next. */
TEST_F(attach, who)
{
	long id = id_of(self, "vga-a");
	int use, manage, ended;

	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_NONE,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, &use));
	manage = qt_give_fd(&self->a, self->vm.manage);
	ended = qt_give_fd(&self->a, self->other.manage);
	ASSERT_EQ(0, qt_destroy(self->other.manage));

	BY_ACTOR(use, -EACCES, WRONG_FD);
	BY_ACTOR(manage, -EACCES, VM_MEMBER);
	BY_ACTOR(ended, -EACCES, VM_MEMBER);
	ASSERT_EQ(0, qt_do(&self->a, do_setuid, NOBODY, 0));
	BY_ACTOR(use, -EACCES, WRONG_FD);
	BY_ACTOR(manage, -EACCES, VM_MEMBER);
	qt_end(&self->a);

	ASSERT_EQ(0, qt_spawn(&self->a, NULL));
	ended = qt_give_fd(&self->a, self->other.manage);
	BY_ACTOR(ended, -ENODEV, VM_ENDED);
	ASSERT_EQ(0, qt_do(&self->a, do_setuid, NOBODY, 0));
	BY_ACTOR(ended, -EACCES, NOT_CAPABLE);
}

/* And in the end it is had: with its whole group, under a new generation. */
TEST_F(attach, granted)
{
	struct qwamos_gpu_dev before, vga, edu;
	struct qwamos_gpu_dev_attach out;
	struct qwamos_gpu_vm vm;
	__u64 mark;

	ASSERT_EQ(0, qt_ours(self->ctl, "pair-vga", "pair-edu", NULL));
	ASSERT_EQ(0, qt_device(self->ctl, "pair-vga", &before));
	mark = qt_audit_mark(self->ctl);
	ASSERT_EQ(0, qt_attach(self->vm.manage, before.device_id,
			       QT_UNWIPED | QWAMOS_GPU_SCRUB_DEFAULT, &out));
	EXPECT_EQ(before.device_id, out.out_device_id);
	EXPECT_EQ((__u32)qt_group(qt_addr("pair-vga")), out.out_iommu_group);
	EXPECT_EQ(before.generation + 1, out.out_generation);
	EXPECT_EQ(2, out.out_devices);
	ASSERT_EQ(0, qt_device(self->ctl, "pair-vga", &vga));
	ASSERT_EQ(0, qt_device(self->ctl, "pair-edu", &edu));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_ATTACHED, vga.state);
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_ATTACHED, edu.state);
	EXPECT_EQ(self->vm.id, vga.owner_vm_id);
	EXPECT_EQ(self->vm.id, edu.owner_vm_id);
	EXPECT_EQ(out.out_generation, vga.generation);
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_EQ(2, vm.devices);
	EXPECT_EQ(0, vm.devices_open);
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_ATTACHED, .chain = self->vm.id,
					   .pid = getpid(), .device = qt_addr("pair-vga")),
				   NULL));

	mark = qt_audit_mark(self->ctl);
	ASSERT_EQ(0, qt_detach(self->vm.manage, edu.device_id, 0))
	TH_LOG("the whole group, by any of its devices");
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_EQ(0, vm.devices);
	EXPECT_LE(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_DETACHED, .chain = self->vm.id,
					   .device = qt_addr("pair-vga")),
				   NULL));
	ASSERT_EQ(0, qt_wait_state(self->ctl, "pair-vga", QWAMOS_GPU_DEV_STATE_FREE, 10000));
	ASSERT_EQ(0, qt_wait_state(self->ctl, "pair-edu", QWAMOS_GPU_DEV_STATE_FREE, 10000));
	ASSERT_EQ(0, qt_device(self->ctl, "pair-vga", &vga));
	EXPECT_EQ(0, vga.owner_vm_id);
	EXPECT_EQ(0, vga.flags & (QWAMOS_GPU_DEV_F_DIRTY | QWAMOS_GPU_DEV_F_VM_DIRT));
}

TEST_HARNESS_MAIN
