// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many rounds of start, use, kill -9 and free: afterwards our slab caches, module references, IOMMU
 * groups and cgroups are as they were. Then comes unload.sh.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "vfio.h"
#include "vm.h"

#define ROUNDS	    190
#define QEMU_ROUNDS 10

static struct qt_vfio v = { -1, -1, -1, NULL };

static long do_open(long x, long y, void *data)
{
	int ret = qt_vfio_open(&v, data), i;

	ret = ret ? ret : qt_vfio_enable(v.device);
	if (ret)
		return ret;
	/* Not every GPU has its memory in BAR 0. */
	for (i = 0; i < 6; i++)
		if (qt_vfio_map_bar(v.device, i, NULL))
			return 0;
	return -errno;
}

struct counts {
	long slabs[16];
	char names[16][256];
	int n;
	long core_refs;
	long vfio_refs;
	int groups;
	int cgroups;
};

static long number(const char *path)
{
	char text[64];

	return qt_read(path, text, sizeof(text)) < 0 ? -1 : atol(text);
}

static int entries(const char *path, const char *prefix)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += !strncmp(e->d_name, prefix, strlen(prefix));
	if (d)
		closedir(d);
	return n;
}

static void count(struct counts *c)
{
	DIR *d = opendir("/sys/kernel/slab");
	struct dirent *e;
	char path[QT_PATH];

	memset(c, 0, sizeof(*c));
	while (d && c->n < 16 && (e = readdir(d))) {
		if (strncmp(e->d_name, "qwamos_gpu_", 11))
			continue;
		snprintf(c->names[c->n], sizeof(c->names[0]), "%s", e->d_name);
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", e->d_name);
		qt_write(path, "1");
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/objects", e->d_name);
		c->slabs[c->n++] = number(path);
	}
	if (d)
		closedir(d);
	c->core_refs = number("/sys/module/qwamos_gpu/refcnt");
	c->vfio_refs = number("/sys/module/qwamos_vfio_pci/refcnt");
	c->groups = entries("/dev/vfio", "");
	c->cgroups = entries("/sys/fs/cgroup", "qt-");
}

static void expect_same(struct __test_metadata *_metadata, const struct counts *a,
			const struct counts *b)
{
	int i;

	ASSERT_EQ(a->n, b->n);
	for (i = 0; i < a->n; i++) {
		EXPECT_EQ(a->slabs[i], b->slabs[i]) TH_LOG("objects in %s", a->names[i]);
	}
	EXPECT_EQ(a->core_refs, b->core_refs);
	EXPECT_EQ(a->vfio_refs, b->vfio_refs);
	EXPECT_EQ(a->groups, b->groups);
	EXPECT_EQ(a->cgroups, b->cgroups);
}

FIXTURE(rounds)
{
	int ctl;
};

FIXTURE_SETUP(rounds)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
}

FIXTURE_TEARDOWN(rounds)
{
	close(self->ctl);
}

/* One life of a VM with a GPU; @round varies how it ends. */
static int one(int ctl, const char *id, int round)
{
	struct qt_actor vmm = { 0 }, child = { 0 };
	struct qt_vm vm;
	int ret;

	ret = qt_vm_new(&vm, ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0);
	ret = ret ? ret : qt_attach(vm.manage, qt_id(ctl, id), QWAMOS_GPU_SCRUB_DEFAULT, NULL);
	ret = ret ? ret : qt_vmm(&vm, &vmm, NULL);
	if (ret)
		goto out;
	snprintf(vmm.data, QT_SHARED, "%s", qt_addr(id));
	ret = qt_do(&vmm, do_open, 0, 0);
	if (!ret && round % 3 == 1)
		ret = qt_clone(&vmm, &child, QT_CLONE_DAEMON);
	if (ret)
		goto out;
	if (round % 5 == 2)
		ret = qt_destroy(vm.manage);
	else
		kill(vmm.pid, SIGKILL);
	ret = ret ? ret : qt_cgroup_empty(vm.cgroup, 10000);
	ret = ret ? ret : qt_wait_state(ctl, id, QWAMOS_GPU_DEV_STATE_FREE, 15000);
out:
	qt_end(&vmm);
	qt_end(&child);
	qt_vm_end(&vm);
	return ret;
}

TEST_F_TIMEOUT(rounds, nothing_is_left, 240)
{
	static const char *const gpus[] = { "bochs", "virtio", "vga-a" };
	struct counts before, after;
	struct qwamos_gpu_dev d;
	__u64 generation;
	int i;

	ASSERT_EQ(0, qt_ours(self->ctl, "bochs", "virtio", "vga-a", NULL));
	/* Once for all that is made at the first use. */
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, one(self->ctl, gpus[i], i));
	}
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	qt_sleep_ms(200);
	count(&before);
	ASSERT_LT(0, before.n) TH_LOG("no slab caches of ours");
	EXPECT_LT(0, before.core_refs);
	ASSERT_EQ(0, qt_device(self->ctl, "bochs", &d));
	generation = d.generation;
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, one(self->ctl, gpus[i % 8 == 7 ? 2 : i % 8 == 3], i))
		TH_LOG("round %d", i);
	}
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	qt_sleep_ms(200);
	count(&after);
	expect_same(_metadata, &before, &after);
	ASSERT_EQ(0, qt_device(self->ctl, "bochs", &d));
	EXPECT_LT(generation + ROUNDS / 2, d.generation);
	EXPECT_EQ(0, d.owner_vm_id);
	for (i = 0; i < 3; i++) {
		int group = qt_vfio_group(qt_addr(gpus[i]));

		EXPECT_LE(0, group) TH_LOG("the group of %s is still taken", gpus[i]);
		close(group);
	}
}

/* The same with QEMU as VMM: started paused, killed as soon as it has the GPU. */
static long do_qemu(long x, long y, void *data)
{
	char device[128];

	snprintf(device, sizeof(device), "vfio-pci,host=%s,bus=r1", (char *)data);
	execlp("qemu-system-x86_64", "qemu-system-x86_64", "-nodefaults", "-no-user-config",
	       "-machine", "q35", "-accel", "tcg", "-m", "64", "-display", "none", "-S", "-device",
	       "pcie-root-port,id=r1,chassis=1,slot=1", "-device", device, NULL);
	return -errno;
}

static int one_with_qemu(int ctl, const char *id)
{
	struct qt_actor vmm = { 0 };
	struct qt_vm vm;
	int ret;

	ret = qt_vm_new(&vm, ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0);
	ret = ret ? ret : qt_attach(vm.manage, qt_id(ctl, id), QWAMOS_GPU_SCRUB_DEFAULT, NULL);
	ret = ret ? ret : qt_vmm(&vm, &vmm, NULL);
	if (ret)
		goto out;
	snprintf(vmm.data, QT_SHARED, "%s", qt_addr(id));
	qt_start(&vmm, do_qemu, 0, 0);
	ret = qt_wait_state(ctl, id, QWAMOS_GPU_DEV_STATE_OPEN, 30000);
	kill(vmm.pid, SIGKILL);
	ret = ret ? ret : qt_cgroup_empty(vm.cgroup, 10000);
	ret = ret ? ret : qt_wait_state(ctl, id, QWAMOS_GPU_DEV_STATE_FREE, 15000);
out:
	qt_kill(&vmm);
	qt_vm_end(&vm);
	return ret;
}

TEST_F_TIMEOUT(rounds, with_qemu, 240)
{
	struct counts before, after;
	int i;

	ASSERT_EQ(0, qt_ours(self->ctl, "bochs", "virtio", NULL));
	ASSERT_EQ(0, one_with_qemu(self->ctl, "bochs"));
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	qt_sleep_ms(200);
	count(&before);
	for (i = 0; i < QEMU_ROUNDS; i++) {
		ASSERT_EQ(0, one_with_qemu(self->ctl, i & 1 ? "virtio" : "bochs"))
		TH_LOG("round %d", i);
	}
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	qt_sleep_ms(200);
	count(&after);
	expect_same(_metadata, &before, &after);
}

/* A VM costs what it costs only while it lives. */
TEST_F_TIMEOUT(rounds, many_vms, 60)
{
	struct counts before, after;
	struct qwamos_gpu_vm_create c;
	int round, i;

	for (round = 0; round < 2; round++) {
		static int fds[200][2];
		char name[32];

		for (i = 0; i < 200; i++) {
			snprintf(name, sizeof(name), "many-%d", i);
			ASSERT_EQ(0, qt_create(self->ctl, name, -1,
					       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP, &c));
			fds[i][0] = c.out_use_fd;
			fds[i][1] = c.out_manage_fd;
		}
		for (i = 0; i < 200; i++) {
			close(fds[i][0]);
			close(fds[i][1]);
		}
		ASSERT_EQ(0, qt_settle(self->ctl, 20000));
		qt_sleep_ms(300);
		count(round ? &after : &before);
	}
	expect_same(_metadata, &before, &after);
}

TEST_HARNESS_MAIN
