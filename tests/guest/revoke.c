// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device is asked back: a VMM that gives it back goes on living, one that does not is ended in
 * time, and the host's PCI hot-plug waits no longer than the timeout and 5 s. What a VM left in a
 * device is not forgotten when the device goes and comes back.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <linux/capability.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "vfio.h"
#include "vm.h"

#define TIMEOUT_S 3
#define SOON	  10000
/* The bound that the contract gives: the timeout, and 5 s for killing, closing and resetting. */
#define BOUND_MS ((TIMEOUT_S + 5) * 1000)

static struct qt_vfio v = { -1, -1, -1, NULL };
static void *bar;
static size_t bar_size;

static long do_open(long x, long y, void *data)
{
	int ret = qt_vfio_open(&v, data);

	ret = ret ? ret : qt_vfio_enable(v.device);
	if (ret)
		return ret;
	bar = qt_vfio_map_bar(v.device, VFIO_PCI_BAR0_REGION_INDEX, &bar_size);
	return bar ? 0 : -errno;
}

static long do_close(long x, long y, void *data)
{
	munmap(bar, bar_size);
	qt_vfio_close(&v);
	return 0;
}

static long do_first_word(long x, long y, void *data)
{
	return *(volatile unsigned int *)bar;
}

/* Wait for the request and give the device back. */
static long do_give_back(long x, long y, void *data)
{
	int fd = eventfd(0, EFD_CLOEXEC), ret;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	ret = qt_vfio_on_request(v.device, fd);
	if (ret)
		return ret;
	if (poll(&p, 1, 20000) != 1)
		return -ETIMEDOUT;
	return do_close(0, 0, NULL);
}

/* What blocks is done by actors. Each returns the milliseconds that it took, or -errno. */
static long took(long long since, int ret)
{
	return ret ? ret : (long)(qt_now_ms() - since);
}

static long do_remove(long x, long y, void *data)
{
	long long since = qt_now_ms();

	return took(since, qt_remove(data));
}

static long do_rescan(long x, long y, void *data)
{
	long long since = qt_now_ms();

	return took(since, qt_rescan());
}

static long do_unbind(long x, long y, void *data)
{
	long long since = qt_now_ms();

	return took(since, qt_bind(data, ""));
}

static long do_unplug(long x, long y, void *data)
{
	long long since = qt_now_ms();

	return took(since, -qt_run(false, (const char *const[]){ "lab-qmp", "del", data, NULL }));
}

FIXTURE(revoke)
{
	int ctl;
	long old_timeout;
	const char *addr;
	__u64 id;
	struct qt_vm vm;
	struct qt_actor vmm;
	struct qt_actor blocked;
	struct qt_actor rescan;
};

FIXTURE_SETUP(revoke)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	self->old_timeout = qt_param("qwamos_gpu", "revoke_timeout_s");
	ASSERT_EQ(0, qt_set_param("qwamos_gpu", "revoke_timeout_s", TIMEOUT_S));
	self->addr = qt_addr("vga-b");
	if (!qt_exists(self->addr))
		qt_rescan();
	ASSERT_EQ(0, qt_ours(self->ctl, "vga-b", NULL));
	self->id = qt_id(self->ctl, "vga-b");
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_attach(self->vm.manage, self->id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->vmm, NULL));
	snprintf(self->vmm.data, QT_SHARED, "%s", self->addr);
	ASSERT_EQ(0, qt_do(&self->vmm, do_open, 0, 0));
	ASSERT_EQ(0, qt_spawn(&self->blocked, NULL));
	snprintf(self->blocked.data, QT_SHARED, "%s", self->addr);
	ASSERT_EQ(0, qt_spawn(&self->rescan, NULL));
}

FIXTURE_TEARDOWN(revoke)
{
	qt_end(&self->vmm);
	qt_vm_end(&self->vm);
	qt_end(&self->blocked);
	qt_end(&self->rescan);
	qt_set_param("qwamos_gpu", "revoke_timeout_s", self->old_timeout);
	if (!qt_exists(self->addr))
		qt_rescan();
}

static short polled(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLPRI };

	return poll(&p, 1, ms) < 0 ? -1 : p.revents;
}

/* The device is asked back and the VM told of it; @started: when. */
static void expect_asked(struct __test_metadata *_metadata, FIXTURE_DATA(revoke) * self)
{
	struct qwamos_gpu_dev d;
	struct qwamos_gpu_vm vm;

	EXPECT_EQ(POLLPRI, polled(self->vm.manage, 2500));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_EQ(QWAMOS_GPU_VM_F_REVOKING, vm.flags & QWAMOS_GPU_VM_F_REVOKING);
	ASSERT_EQ(0, qt_device_at(self->ctl, self->addr, &d));
	EXPECT_EQ(QWAMOS_GPU_DEV_F_REVOKING, d.flags & QWAMOS_GPU_DEV_F_REVOKING);
	EXPECT_EQ(1, qt_audit_find(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_REVOKE_REQUESTED,
					   .chain = self->vm.id, .device = self->addr),
				   NULL));
}

static void expect_revoked(struct __test_metadata *_metadata, FIXTURE_DATA(revoke) * self)
{
	EXPECT_EQ(0, qt_died(self->vmm.pid, 1000));
	EXPECT_EQ(1, qt_audit_find(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_REVOKED, .chain = self->vm.id,
					   .device = self->addr),
				   NULL));
	EXPECT_EQ(1, qt_audit_find(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_VM_DESTROYED, .chain = self->vm.id,
					   .reason = QWAMOS_GPU_REASON_REVOKED),
				   NULL));
	EXPECT_EQ(0, qt_settle(self->ctl, SOON));
}

/* After all that, the device can be had again, and what the VM left in it is gone. */
static void expect_usable(struct __test_metadata *_metadata, FIXTURE_DATA(revoke) * self)
{
	struct qwamos_gpu_dev d;
	struct qt_vm next;

	ASSERT_EQ(0, qt_ours(self->ctl, "vga-b", NULL));
	ASSERT_EQ(0, qt_device_at(self->ctl, self->addr, &d));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_FREE, d.state);
	EXPECT_EQ(0, d.flags & (QWAMOS_GPU_DEV_F_DIRTY | QWAMOS_GPU_DEV_F_VM_DIRT |
				QWAMOS_GPU_DEV_F_REVOKING));
	ASSERT_EQ(0, qt_vm_new(&next, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	EXPECT_EQ(0, qt_attach(next.manage, d.device_id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	qt_vm_end(&next);
	EXPECT_EQ(0, qt_wait_state(self->ctl, "vga-b", QWAMOS_GPU_DEV_STATE_FREE, SOON));
}

/* The time of one VM that has given the device back is not the next one's. */
TEST_F_TIMEOUT(revoke, the_next_vm_has_its_own_time, 90)
{
	const int first_s = 6;
	struct qwamos_gpu_vm vm;

	ASSERT_EQ(0, qt_set_param("qwamos_gpu", "revoke_timeout_s", first_s));
	ASSERT_EQ(0, qt_start(&self->vmm, do_give_back, 0, 0));
	qt_sleep_ms(500);
	EXPECT_GT(first_s * 1000, qt_do(&self->blocked, do_unbind, 0, 0));
	ASSERT_EQ(0, qt_wait(&self->vmm, SOON));
	qt_end(&self->vmm);
	qt_vm_end(&self->vm);
	ASSERT_EQ(0, qt_ours(self->ctl, "vga-b", NULL));
	ASSERT_EQ(0, qt_set_param("qwamos_gpu", "revoke_timeout_s", 30));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_attach(self->vm.manage, self->id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->vmm, NULL));
	snprintf(self->vmm.data, QT_SHARED, "%s", self->addr);
	ASSERT_EQ(0, qt_do(&self->vmm, do_open, 0, 0));
	ASSERT_EQ(0, qt_start(&self->blocked, do_unbind, 0, 0));
	expect_asked(_metadata, self);
	qt_sleep_ms((first_s + 1) * 1000);
	EXPECT_TRUE(qt_alive(self->vmm.pid));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_EQ(QWAMOS_GPU_VM_STATE_LIVE, vm.state);
	ASSERT_EQ(0, qt_do(&self->vmm, do_close, 0, 0));
	EXPECT_LE(first_s * 1000, qt_wait(&self->blocked, SOON));
	qt_end(&self->vmm);
	qt_vm_end(&self->vm);
	expect_usable(_metadata, self);
}

/* sysfs "remove", and a rescan that is stuck behind it. */
TEST_F_TIMEOUT(revoke, ignored_while_removed, 60)
{
	long remove, rescan;

	ASSERT_EQ(0, qt_start(&self->blocked, do_remove, 0, 0));
	expect_asked(_metadata, self);
	ASSERT_EQ(0, qt_start(&self->rescan, do_rescan, 0, 0));
	EXPECT_EQ(QT_LATE, qt_wait(&self->blocked, 500))
	TH_LOG("the removal does not wait for the VMM: nothing is tested here");
	/* The host runs on meanwhile. */
	EXPECT_EQ(0, qt_ours(self->ctl, "bochs", NULL));
	remove = qt_wait(&self->blocked, 30000);
	rescan = qt_wait(&self->rescan, 30000);
	EXPECT_LE((TIMEOUT_S - 1) * 1000, remove);
	EXPECT_GE(BOUND_MS, remove);
	EXPECT_LE(0, rescan);
	EXPECT_GE(BOUND_MS, rescan);
	TH_LOG("remove %ld ms, rescan %ld ms", remove, rescan);
	expect_revoked(_metadata, self);
	ASSERT_LE(0, qt_do(&self->rescan, do_rescan, 0, 0));
	ASSERT_TRUE(qt_exists(self->addr));
	expect_usable(_metadata, self);
}

/* device_del from outside of the guest: the hot-plug controller asks. */
TEST_F_TIMEOUT(revoke, ignored_while_unplugged, 90)
{
	long unplug;

	snprintf(self->blocked.data, QT_SHARED, "vga-b");
	ASSERT_EQ(0, qt_start(&self->blocked, do_unplug, 0, 0));
	/* The controller waits 5 s for a second press of the button. */
	EXPECT_EQ(POLLPRI, polled(self->vm.manage, 12000));
	unplug = qt_do(&self->rescan, do_rescan, 0, 0);
	EXPECT_LE(0, unplug);
	EXPECT_GE(BOUND_MS, unplug);
	unplug = qt_wait(&self->blocked, 40000);
	EXPECT_LE(0, unplug);
	EXPECT_GE(6000 + BOUND_MS, unplug);
	expect_revoked(_metadata, self);
	EXPECT_FALSE(qt_exists(self->addr));
	EXPECT_EQ(-ENOENT, qt_state(self->ctl, "vga-b"));
	/* And plugged in again. */
	ASSERT_EQ(0, qt_run(true, (const char *const[]){ "lab-qmp", "add", "vga-b", NULL }));
	for (unplug = 0; unplug < 200 && !qt_exists(self->addr); unplug++)
		qt_sleep_ms(100);
	ASSERT_TRUE(qt_exists(self->addr));
	/* The native driver is on its way. */
	qt_sleep_ms(1000);
	expect_usable(_metadata, self);
}

TEST_F_TIMEOUT(revoke, ignored_while_unbound, 60)
{
	long unbind;

	ASSERT_EQ(0, qt_start(&self->blocked, do_unbind, 0, 0));
	expect_asked(_metadata, self);
	unbind = qt_wait(&self->blocked, 30000);
	EXPECT_LE((TIMEOUT_S - 1) * 1000, unbind);
	EXPECT_GE(BOUND_MS, unbind);
	expect_revoked(_metadata, self);
	expect_usable(_metadata, self);
}

/* The children of such a VMM are no reason to wait longer. */
TEST_F_TIMEOUT(revoke, ignored_by_children, 60)
{
	struct qt_actor daemon;
	long remove;

	ASSERT_EQ(0, qt_clone(&self->vmm, &daemon, QT_CLONE_DAEMON));
	ASSERT_EQ(0, qt_start(&self->blocked, do_remove, 0, 0));
	remove = qt_wait(&self->blocked, 30000);
	EXPECT_LE((TIMEOUT_S - 1) * 1000, remove);
	EXPECT_GE(BOUND_MS, remove);
	EXPECT_EQ(0, qt_died(daemon.pid, 1000));
	expect_revoked(_metadata, self);
	ASSERT_LE(0, qt_do(&self->rescan, do_rescan, 0, 0));
	expect_usable(_metadata, self);
}

static long do_drop_capabilities(long x, long y, void *data)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = {};

	return syscall(SYS_capset, &head, none) ? -errno : 0;
}

static long do_unbind_as_root(long x, long y, void *data)
{
	return qt_write("/sys/bus/pci/drivers/" QT_OURS "/unbind", data);
}

static long do_on_request(long x, long y, void *data)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), ret;

	ret = qt_vfio_on_request(v.device, fd);
	return ret ? ret : fd;
}

/* Somebody who has no business with the device waits for it, and its VM hears nothing of that. */
static void expect_not_asked(struct __test_metadata *_metadata, FIXTURE_DATA(revoke) * self,
			     int request)
{
	struct qwamos_gpu_dev d;
	struct qwamos_gpu_vm vm;
	eventfd_t n;

	qt_sleep_ms(TIMEOUT_S * 1000 + 2000);
	EXPECT_TRUE(qt_alive(self->vmm.pid));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_EQ(QWAMOS_GPU_VM_STATE_LIVE, vm.state);
	EXPECT_EQ(0, vm.flags & QWAMOS_GPU_VM_F_REVOKING);
	ASSERT_EQ(0, qt_device_at(self->ctl, self->addr, &d));
	EXPECT_EQ(0, d.flags & QWAMOS_GPU_DEV_F_REVOKING);
	EXPECT_EQ(-1, eventfd_read(request, &n)) TH_LOG("the VMM is asked for it");
	EXPECT_EQ(0, qt_do(&self->vmm, do_first_word, 0, 0) >> 32);
}

/* A member of another VM unbinds the device, or removes it. */
static void asked_by_a_member(struct __test_metadata *_metadata, FIXTURE_DATA(revoke) * self,
			      qt_fn ask)
{
	__u64 mark = qt_audit_mark(self->ctl);
	struct qt_actor member;
	struct qt_vm other;
	int request;

	request = qt_take_fd(&self->vmm, qt_do(&self->vmm, do_on_request, 0, 0));
	ASSERT_LE(0, request);
	ASSERT_EQ(0, qt_vm_new(&other, self->ctl, QWAMOS_GPU_LEVEL_UNTRUSTED, 0));
	ASSERT_EQ(0, qt_vmm(&other, &member, NULL));
	ASSERT_EQ(0, qt_do(&member, do_drop_capabilities, 0, 0));
	snprintf(member.data, QT_SHARED, "%s", self->addr);
	ASSERT_EQ(0, qt_start(&member, ask, 0, 0));
	expect_not_asked(_metadata, self, request);
	EXPECT_EQ(QT_LATE, qt_wait(&member, 100)) TH_LOG("nothing waits: nothing is tested here");
	EXPECT_LE(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_REVOKE_REQUESTED, .chain = other.id,
					   .pid = member.pid, .result = -EACCES,
					   .reason = QWAMOS_GPU_REASON_VM_MEMBER,
					   .device = self->addr),
				   NULL));
	EXPECT_EQ(0, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_REVOKE_REQUESTED,
					   .chain = self->vm.id),
				   NULL));
	/* Not even when its own VM ends, and it is killed. */
	ASSERT_EQ(0, qt_destroy(other.manage));
	expect_not_asked(_metadata, self, request);
	/* The manager still has its way. */
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	EXPECT_EQ(0, qt_died(self->vmm.pid, SOON));
	EXPECT_EQ(0, qt_died(member.pid, SOON));
	qt_end(&member);
	qt_vm_end(&other);
	close(request);
	EXPECT_EQ(0, qt_settle(self->ctl, SOON));
}

TEST_F_TIMEOUT(revoke, unbound_by_another_vm, 90)
{
	asked_by_a_member(_metadata, self, do_unbind_as_root);
	expect_usable(_metadata, self);
}

TEST_F_TIMEOUT(revoke, removed_by_another_vm, 90)
{
	asked_by_a_member(_metadata, self, do_remove);
	ASSERT_LE(0, qt_do(&self->rescan, do_rescan, 0, 0));
	expect_usable(_metadata, self);
}

/* Nor does what the kernel has started ask for it. */
TEST_F_TIMEOUT(revoke, unbound_by_a_helper, 90)
{
	__u64 mark = qt_audit_mark(self->ctl);
	char script[QT_PATH], said[QT_PATH];
	int request;

	request = qt_take_fd(&self->vmm, qt_do(&self->vmm, do_on_request, 0, 0));
	ASSERT_LE(0, request);
	snprintf(script, sizeof(script), "echo %s >/sys/bus/pci/drivers/" QT_OURS "/unbind",
		 self->addr);
	EXPECT_EQ(-ETIMEDOUT, qt_run_helper(script, said, sizeof(said), 500));
	expect_not_asked(_metadata, self, request);
	EXPECT_LE(1, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_REVOKE_REQUESTED, .chain = QT_HOST,
					   .result = -EACCES,
					   .reason = QWAMOS_GPU_REASON_USERMODE_HELPER),
				   NULL));
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	EXPECT_EQ(0, qt_settle(self->ctl, SOON));
	close(request);
	expect_usable(_metadata, self);
}

/* Who gives it back lives on. */
TEST_F_TIMEOUT(revoke, obeyed, 60)
{
	struct qwamos_gpu_vm vm;
	long remove;

	ASSERT_EQ(0, qt_start(&self->vmm, do_give_back, 0, 0));
	qt_sleep_ms(200);
	remove = qt_do(&self->blocked, do_remove, 0, 0);
	EXPECT_LE(0, remove);
	EXPECT_GE(TIMEOUT_S * 1000, remove);
	EXPECT_EQ(0, qt_wait(&self->vmm, 1000));
	qt_sleep_ms(TIMEOUT_S * 1000);
	EXPECT_TRUE(qt_alive(self->vmm.pid));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_EQ(QWAMOS_GPU_VM_STATE_LIVE, vm.state);
	EXPECT_EQ(0, vm.devices);
	EXPECT_EQ(0, vm.flags & QWAMOS_GPU_VM_F_REVOKING);
	EXPECT_EQ(0, polled(self->vm.manage, 0));
	EXPECT_EQ(1, qt_audit_find(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_DETACHED, .chain = self->vm.id,
					   .device = self->addr),
				   NULL));
	ASSERT_LE(0, qt_do(&self->rescan, do_rescan, 0, 0));
	expect_usable(_metadata, self);
}

/* Removed with a VM's data in it, it is still dirty when it comes back, whichever driver gets it
 * then. */
TEST_F_TIMEOUT(revoke, dirt_is_remembered, 60)
{
	struct qwamos_gpu_dev d;
	__u64 old = self->id;

	ASSERT_EQ(0, qt_do(&self->vmm, do_close, 0, 0));
	ASSERT_EQ(0, qt_wait_state(self->ctl, "vga-b", QWAMOS_GPU_DEV_STATE_ATTACHED, SOON));
	ASSERT_LE(0, qt_do(&self->blocked, do_remove, 0, 0));
	EXPECT_EQ(-ENOENT, qt_state(self->ctl, "vga-b"));
	EXPECT_EQ(-ENODEV, qt_attach(self->vm.manage, old, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_DEVICE, qt_reason);
	ASSERT_LE(0, qt_do(&self->rescan, do_rescan, 0, 0));
	ASSERT_EQ(0, qt_device_at(self->ctl, self->addr, &d));
	EXPECT_LT(old, d.device_id) TH_LOG("ids are never reused");
	EXPECT_EQ(QWAMOS_GPU_DEV_F_DIRTY | QWAMOS_GPU_DEV_F_VM_DIRT,
		  d.flags & (QWAMOS_GPU_DEV_F_DIRTY | QWAMOS_GPU_DEV_F_VM_DIRT));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_UNBOUND, d.state);
	expect_usable(_metadata, self);
}

/* So is a quarantine. noreset is on the root bus and in nobody's way. */
TEST_F_TIMEOUT(revoke, quarantine_is_remembered, 60)
{
	struct qwamos_gpu_dev d;

	qt_end(&self->vmm);
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_quarantine(self->ctl, "noreset", &self->vm));
	ASSERT_EQ(0, qt_remove(qt_addr("noreset")));
	ASSERT_EQ(0, qt_rescan());
	ASSERT_EQ(0, qt_device(self->ctl, "noreset", &d));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_QUARANTINED, d.state);
	EXPECT_EQ(QWAMOS_GPU_DEV_F_VM_DIRT, d.flags & QWAMOS_GPU_DEV_F_VM_DIRT);
	EXPECT_NE(0, d.quarantine_reason);
	ASSERT_EQ(0, qt_ours(self->ctl, "noreset", NULL));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_QUARANTINED, qt_state(self->ctl, "noreset"));
	EXPECT_EQ(-EACCES, qt_attach(self->vm.manage, qt_id(self->ctl, "noreset"),
				     QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_QUARANTINED, qt_reason);
	/* Taken off our driver, too. */
	ASSERT_EQ(0, qt_theirs(self->ctl, "noreset", NULL));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_QUARANTINED, qt_state(self->ctl, "noreset"));
}

/*
 * Taken off our driver while the VM has it, but not open: it stays the VM's, nobody else gets it
 * meanwhile, and what another driver did to it is gone before the VM opens it again.
 */
TEST_F_TIMEOUT(revoke, unbound_while_attached, 60)
{
	struct qwamos_gpu_dev d;
	struct qt_vm other;

	ASSERT_EQ(0, qt_do(&self->vmm, do_close, 0, 0));
	ASSERT_EQ(0, qt_wait_state(self->ctl, "vga-b", QWAMOS_GPU_DEV_STATE_ATTACHED, SOON));
	ASSERT_EQ(0, qt_bind(self->addr, NULL));
	ASSERT_EQ(0, qt_device_at(self->ctl, self->addr, &d));
	EXPECT_EQ(self->vm.id, d.owner_vm_id);
	EXPECT_STREQ("bochs-drm", d.driver);
	EXPECT_GT(0, qt_do(&self->vmm, do_open, 0, 0));
	ASSERT_EQ(0, qt_vm_new(&other, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	EXPECT_EQ(-ENODEV, qt_attach(other.manage, self->id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_NOT_BOUND, qt_reason);
	ASSERT_EQ(0, qt_bind(self->addr, QT_OURS));
	ASSERT_EQ(0, qt_wait_state(self->ctl, "vga-b", QWAMOS_GPU_DEV_STATE_ATTACHED, SOON));
	EXPECT_EQ(-EBUSY, qt_attach(other.manage, self->id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_OTHER_OWNER, qt_reason);
	EXPECT_EQ(0, qt_do(&self->vmm, do_open, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_first_word, 0, 0))
	TH_LOG("something of the host's is left");
	qt_vm_end(&other);
}

/* The modules can't be taken away under a VM, used or not. */
TEST_F(revoke, no_rmmod_while_attached)
{
	static const char *const modules[] = { "qwamos_vfio_pci", "qwamos_gpu" };
	int round, i;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < 2; i++) {
			errno = 0;
			EXPECT_EQ(-1, syscall(SYS_delete_module, modules[i], O_NONBLOCK));
			EXPECT_EQ(EWOULDBLOCK, errno)
			TH_LOG("%s, device %s", modules[i], round ? "attached" : "open");
		}
		ASSERT_EQ(0, qt_do(&self->vmm, round ? NULL : do_close, 0, 0));
	}
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_ATTACHED, qt_state(self->ctl, "vga-b"));
}

TEST_HARNESS_MAIN
