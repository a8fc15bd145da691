// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VM's process has the kernel hold for it, for as long as it likes, by copies that wait for
 * its own memory: a little for each call, and all of it paid by its cgroup.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "fuse.h"
#include "vm.h"

#define SOON	20000
#define RECORDS 1000
#define THREADS 256

static struct qt_fuse fuse;

/* In the VM's process. */
static pthread_t threads[THREADS];
static pthread_barrier_t barrier;
static struct qwamos_gpu_vm_check_entry *entries;
static int use;

static void *read_log(void *unused)
{
	struct qwamos_gpu_audit_read r = {
		.hdr.size = sizeof(r),
		.records = (unsigned long)entries + QT_FUSE_PAGE,
		.record_size = sizeof(struct qwamos_gpu_audit_record),
		.count = RECORDS,
	};

	pthread_barrier_wait(&barrier);
	ioctl(use, QWAMOS_GPU_AUDIT_READ, &r);
	return NULL;
}

static void *check(void *unused)
{
	struct qwamos_gpu_vm_check c = {
		.hdr.size = sizeof(c),
		.count = 2 * QT_FUSE_PAGE / sizeof(*entries),
		.entries = (unsigned long)entries,
	};

	pthread_barrier_wait(&barrier);
	ioctl(use, QWAMOS_GPU_VM_CHECK, &c);
	return NULL;
}

/* Threads that are about to call; and a page of plain memory followed by the one that is late. */
static long do_prepare(long checks, long fd, void *data)
{
	pthread_attr_t attr;
	int i, late, ret;

	use = fd;
	late = open(data, O_RDWR | O_CLOEXEC);
	entries = mmap(NULL, 2 * QT_FUSE_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (late < 0 || entries == MAP_FAILED ||
	    mmap((char *)entries + QT_FUSE_PAGE, QT_FUSE_PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_FIXED, late, 0) == MAP_FAILED)
		return -errno;
	memset(entries, 0, QT_FUSE_PAGE);
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	for (i = 0; i < THREADS; i++) {
		ret = pthread_create(&threads[i], &attr, checks ? check : read_log, NULL);
		if (ret)
			return -ret;
	}
	return 0;
}

static long do_call(long x, long y, void *data)
{
	pthread_barrier_wait(&barrier);
	return 0;
}

/* In KiB. */
static long slab(void)
{
	char line[128];
	long kib = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Slab: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static long charged(const struct qt_vm *vm)
{
	char path[QT_PATH + 16], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/memory.current", vm->cgroup);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	close(fd);
	return atol(text) >> 10;
}

FIXTURE(memory)
{
	int ctl;
	int use;
	struct qt_vm vm;
	struct qt_actor vmm;
};

FIXTURE_SETUP(memory)
{
	int i;

	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory"));
	qt_run(true, (const char *const[]){ "modprobe", "fuse", NULL });
	ASSERT_EQ(0, qt_fuse_start(&fuse));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	for (i = 0; i < RECORDS; i++)
		ASSERT_EQ(0, qt_set_level(self->vm.manage, i & 1 ? QWAMOS_GPU_LEVEL_HIGH
								 : QWAMOS_GPU_LEVEL_SYSTEM));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->vmm, &self->use));
	snprintf(self->vmm.data, QT_SHARED, "%s", fuse.path);
}

FIXTURE_TEARDOWN(memory)
{
	qt_fuse_go(&fuse);
	qt_vm_end(&self->vm);
	qt_end(&self->vmm);
	qt_fuse_end(&fuse);
	close(self->ctl);
}

/* All threads wait for the page: what do they hold? @least, @most: for each of them, in KiB. */
static void expect_charged(struct __test_metadata *_metadata, struct qt_vm *vm,
			   struct qt_actor *vmm, long least, long most)
{
	long held = slab(), paid = charged(vm);

	ASSERT_LT(0, held);
	ASSERT_LT(0, paid);
	ASSERT_EQ(0, qt_do(vmm, do_call, 0, 0));
	ASSERT_EQ(0, qt_fuse_held(&fuse, SOON));
	qt_sleep_ms(5000);
	held = slab() - held;
	paid = charged(vm) - paid;
	TH_LOG("%d calls hold %ld KiB; %ld KiB are charged", THREADS, held, paid);
	EXPECT_LE(THREADS * least, held);
	EXPECT_GE(THREADS * most, held);
	EXPECT_LE(held * 3 / 4, paid);
}

TEST_F_TIMEOUT(memory, readers_of_the_log_pay, 120)
{
	ASSERT_EQ(0, qt_do(&self->vmm, do_prepare, false, self->use));
	expect_charged(_metadata, &self->vm, &self->vmm, 16, 64);
}

/* 8 KiB each; twice that where the kernel puts marks around what it gives out. */
TEST_F_TIMEOUT(memory, long_checks_pay, 120)
{
	ASSERT_EQ(0, qt_do(&self->vmm, do_prepare, true, self->use));
	expect_charged(_metadata, &self->vm, &self->vmm, 6, 24);
}

TEST_HARNESS_MAIN
