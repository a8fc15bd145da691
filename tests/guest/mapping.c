// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of a GPU's memory: the VMM reaches the memory through them while it answers, and SIGBUS
 * where it does not; whatever resets it takes them away; and no IOMMU maps them, so that no other
 * device reaches the memory of whoever has the GPU next.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "fuse.h"
#include "vfio.h"
#include "vm.h"

#define IOVA 0x400000UL
#define PAGE 4096UL

/* In the VMM. */
static struct qt_vfio v = { -1, -1, -1, NULL };
static volatile unsigned int *bar;
static size_t bar_size;
static int companion = -1;
static sigjmp_buf jump;

/* data: "GPU COMPANION" or "GPU" */
static long do_open(long x, long y, void *data)
{
	char gpu[32] = "", other[32] = "";
	int ret;

	sscanf(data, "%31s %31s", gpu, other);
	ret = qt_vfio_open(&v, gpu);
	if (!ret)
		ret = qt_vfio_enable(v.device);
	if (ret)
		return ret;
	if (other[0]) {
		companion = qt_vfio_device(v.group, other);
		if (companion < 0)
			return companion;
	}
	bar = qt_vfio_map_bar(v.device, VFIO_PCI_BAR0_REGION_INDEX, &bar_size);
	return bar ? 0 : -errno;
}

/* Map @len bytes from @at on for the device. */
static long do_map_dma(long at, long len, void *data)
{
	return qt_vfio_map_dma(v.container, (char *)bar + at, IOVA, len);
}

static long do_map_dma_to_read(long at, long len, void *data)
{
	struct vfio_iommu_type1_dma_map m = {
		.argsz = sizeof(m),
		.flags = VFIO_DMA_MAP_FLAG_READ,
		.vaddr = (unsigned long)bar + at,
		.iova = IOVA,
		.size = len,
	};

	return ioctl(v.container, VFIO_IOMMU_MAP_DMA, &m) ? -errno : 0;
}

/* Memory of its own right before the BAR, and both in one call. */
static long do_map_dma_across(long x, long y, void *data)
{
	char *room = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *moved;

	if (room == MAP_FAILED)
		return -errno;
	if (mmap(room, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		return -errno;
	moved = mmap(room + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, v.device,
		     0);
	if (moved == MAP_FAILED)
		return -errno;
	*(volatile unsigned int *)moved;
	return qt_vfio_map_dma(v.container, room, IOVA, 2 * PAGE);
}

static void bus_error(int sig)
{
	siglongjmp(jump, 1);
}

/* Write and read back; return: 0, 1: it reads otherwise, or -SIGBUS */
static long do_touch(long at, long y, void *data)
{
	volatile unsigned int *p = bar + at / sizeof(*bar);

	signal(SIGBUS, bus_error);
	if (sigsetjmp(jump, 1))
		return -SIGBUS;
	*p = 0x600df00d;
	return *p != 0x600df00d;
}

/* Is there something in the page tables? */
static long do_present(long at, long y, void *data)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	unsigned long long entry = 0;
	ssize_t n = pread(fd, &entry, sizeof(entry),
			  ((unsigned long)bar + at) / PAGE * sizeof(entry));

	close(fd);
	return n == sizeof(entry) ? (long)(entry >> 63) : -EIO;
}

/* Have all of a file of this process's read; return: 0 or -errno */
static long read_all(const char *path)
{
	static char buf[1 << 16];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = read(fd, buf, sizeof(buf));
	} while (n > 0);
	n = n < 0 ? -errno : 0;
	close(fd);
	return n;
}

/* What else goes through page tables; return: 0, or the line of what did not do as it should */
static long do_walk(long x, long y, void *data)
{
	static unsigned char resident[(64 << 20) / PAGE];
	struct iovec here = { resident, 8 }, there = { (void *)bar, 8 };
	const int advice[] = { MADV_COLD, MADV_PAGEOUT, MADV_WILLNEED, MADV_RANDOM };
	unsigned int i;

	if (bar_size / PAGE > sizeof(resident) || mincore((void *)bar, bar_size, resident))
		return __LINE__;
	if (!(resident[0] & 1))
		return __LINE__;
	for (i = 0; i < sizeof(advice) / sizeof(advice[0]); i++)
		if (madvise((void *)bar, bar_size, advice[i]) && errno != EINVAL)
			return __LINE__;
	if (read_all("/proc/self/smaps") || read_all("/proc/self/smaps_rollup"))
		return __LINE__;
	if (read_all("/proc/self/numa_maps") && errno != ENOENT)
		return __LINE__;
	for (i = 1; i <= 4; i++) {
		const char what[] = { '0' + i, 0 };

		if (qt_write("/proc/self/clear_refs", what))
			return __LINE__;
	}
	if (!madvise((void *)bar, bar_size, MADV_POPULATE_READ) ||
	    (errno != EINVAL && errno != EFAULT))
		return __LINE__;
	if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) != -1 || errno != EFAULT)
		return __LINE__;
	if (mlock((void *)bar, bar_size) || munlock((void *)bar, bar_size))
		return __LINE__;
	if (mprotect((void *)bar, bar_size, PROT_READ) ||
	    mprotect((void *)bar, bar_size, PROT_READ | PROT_WRITE))
		return __LINE__;
	for (i = 0; i < bar_size / PAGE; i++)
		if (do_present(i * PAGE, 0, NULL) < 0)
			return __LINE__;
	return 0;
}

static long do_command(long set, long clear, void *data)
{
	__u64 offset, size;
	__u16 cmd;

	qt_vfio_region(v.device, VFIO_PCI_CONFIG_REGION_INDEX, &offset, &size);
	if (pread(v.device, &cmd, sizeof(cmd), offset + PCI_COMMAND) != sizeof(cmd))
		return -errno;
	cmd = (cmd & ~clear) | set;
	return pwrite(v.device, &cmd, sizeof(cmd), offset + PCI_COMMAND) == sizeof(cmd) ? 0
											: -errno;
}

static long do_reset(long x, long y, void *data)
{
	return ioctl(v.device, VFIO_DEVICE_RESET) ? -errno : 0;
}

/* By the other function of the slot. */
static long do_hot_reset(long x, long y, void *data)
{
	struct {
		struct vfio_pci_hot_reset head;
		__s32 group;
	} r = {
		.head = { .argsz = sizeof(r), .count = 1 },
		.group = v.group,
	};

	return ioctl(companion, VFIO_DEVICE_PCI_HOT_RESET, &r) ? -errno : 0;
}

/* From here on: a hot reset whose argument comes when the test says so. */
static void *argument;
static pthread_t resetter;

static long do_open_companion(long x, long y, void *data)
{
	return qt_vfio_open(&v, data) ?: v.group;
}

static void *reset_late(void *unused)
{
	return (void *)(long)(ioctl(v.device, VFIO_DEVICE_PCI_HOT_RESET, argument) ? -errno : 0);
}

/* data: the file */
static long do_reset_begin(long x, long y, void *data)
{
	int fd = open(data, O_RDWR | O_CLOEXEC);

	argument = mmap(NULL, QT_FUSE_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (argument == MAP_FAILED)
		return -errno;
	return -pthread_create(&resetter, NULL, reset_late, NULL);
}

static long do_reset_end(long x, long y, void *data)
{
	void *ret;

	return pthread_join(resetter, &ret) ? -EIO : (long)ret;
}

/* Open a device of the group, map it, and touch that. */
static long do_open_another(long x, long y, void *data)
{
	int fd = qt_vfio_device(v.group, data), ret;

	if (fd < 0)
		return fd;
	ret = qt_vfio_enable(fd);
	if (ret)
		return ret;
	bar = qt_vfio_map_bar(fd, VFIO_PCI_BAR0_REGION_INDEX, &bar_size);
	return bar ? do_touch(0, 0, NULL) : -errno;
}

FIXTURE(mapping)
{
	int ctl;
	struct qt_vm vm;
	struct qt_actor vmm;
};

FIXTURE_VARIANT(mapping)
{
	const char *gpu;
	const char *companion;
};

FIXTURE_VARIANT_ADD(mapping, alone)
{
	.gpu = "vga-a",
};

FIXTURE_VARIANT_ADD(mapping, with_a_companion)
{
	.gpu = "mf-bochs",
	.companion = "mf-audio",
};

FIXTURE_SETUP(mapping)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_ours(self->ctl, variant->gpu, variant->companion, NULL));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_attach(self->vm.manage, qt_id(self->ctl, variant->gpu),
			       QT_UNWIPED, NULL));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->vmm, NULL));
	snprintf(self->vmm.data, QT_SHARED, "%s %s", qt_addr(variant->gpu),
		 variant->companion ? qt_addr(variant->companion) : "");
	ASSERT_EQ(0, qt_do(&self->vmm, do_open, 0, 0));
}

FIXTURE_TEARDOWN(mapping)
{
	qt_end(&self->vmm);
	qt_vm_end(&self->vm);
	EXPECT_EQ(0, qt_settle(self->ctl, 20000));
	close(self->ctl);
}

TEST_F(mapping, no_iommu_maps_it)
{
	EXPECT_EQ(-EFAULT, qt_do(&self->vmm, do_map_dma, 0, PAGE));
	EXPECT_EQ(-EFAULT, qt_do(&self->vmm, do_map_dma_to_read, 0, PAGE));
	/* And while the VMM's own page tables have it. */
	ASSERT_EQ(0, qt_do(&self->vmm, do_touch, 0, 0));
	ASSERT_EQ(1, qt_do(&self->vmm, do_present, 0, 0));
	EXPECT_EQ(-EFAULT, qt_do(&self->vmm, do_map_dma, 0, PAGE));
	EXPECT_EQ(-EFAULT, qt_do(&self->vmm, do_map_dma_to_read, 0, PAGE));
	EXPECT_EQ(-EFAULT, qt_do(&self->vmm, do_map_dma, PAGE, 15 * PAGE));
	EXPECT_EQ(-EFAULT, qt_do(&self->vmm, do_map_dma_across, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_touch, 0, 0));
}

TEST_F(mapping, first_and_last_page)
{
	EXPECT_EQ(0, qt_do(&self->vmm, do_touch, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_touch, 5 * PAGE + 8, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_touch, (4 << 20) - 4, 0));
}

/* None of them takes the memory for pages of the host's. */
TEST_F(mapping, walked)
{
	ASSERT_EQ(0, qt_do(&self->vmm, do_touch, 0, 0));
	ASSERT_EQ(0, qt_do(&self->vmm, do_touch, (4 << 20) - 4, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_walk, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_touch, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_touch, (4 << 20) - 4, 0));
}

TEST_F(mapping, memory_that_is_switched_off)
{
	ASSERT_EQ(0, qt_do(&self->vmm, do_touch, 0, 0));
	ASSERT_EQ(1, qt_do(&self->vmm, do_present, 0, 0));
	ASSERT_EQ(0, qt_do(&self->vmm, do_command, 0, PCI_COMMAND_MEMORY));
	EXPECT_EQ(0, qt_do(&self->vmm, do_present, 0, 0));
	EXPECT_EQ(-SIGBUS, qt_do(&self->vmm, do_touch, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_present, 0, 0));
	ASSERT_EQ(0, qt_do(&self->vmm, do_command, PCI_COMMAND_MEMORY, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_touch, 0, 0));
}

/* Of the device, or of its whole slot by another function of it. */
TEST_F(mapping, reset)
{
	ASSERT_EQ(0, qt_do(&self->vmm, do_touch, 0, 0));
	ASSERT_EQ(1, qt_do(&self->vmm, do_present, 0, 0));
	ASSERT_EQ(0, qt_do(&self->vmm, variant->companion ? do_hot_reset : do_reset, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_present, 0, 0));
	ASSERT_EQ(0, qt_do(&self->vmm, do_command, PCI_COMMAND_MEMORY, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_touch, 0, 0));
}

/*
 * A hot reset of the slot by one function is under way when the other one is opened: that is not
 * mapped while it is reset. Up to 6.9 it is not opened; later the reset takes the mapping away.
 */
TEST(opened_while_it_is_reset)
{
	struct vfio_pci_hot_reset *r;
	int ctl = qt_open_control();
	struct qt_actor vmm;
	struct qt_fuse f;
	struct qt_vm vm;
	long group, ret;
	__s32 fd;

	ASSERT_LE(0, ctl);
	ASSERT_EQ(0, qt_settle(ctl, 20000));
	ASSERT_EQ(0, qt_ours(ctl, "mf-bochs", "mf-audio", NULL));
	qt_run(true, (const char *const[]){ "modprobe", "fuse", NULL });
	ASSERT_EQ(0, qt_fuse_start(&f));
	ASSERT_EQ(0, qt_vm_new(&vm, ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_attach(vm.manage, qt_id(ctl, "mf-bochs"), QT_UNWIPED, NULL));
	ASSERT_EQ(0, qt_vmm(&vm, &vmm, NULL));
	snprintf(vmm.data, QT_SHARED, "%s", qt_addr("mf-audio"));
	group = qt_do(&vmm, do_open_companion, 0, 0);
	ASSERT_LT(0, group);
	fd = group;
	r = (void *)f.page;
	r->argsz = sizeof(*r) + sizeof(fd);
	r->count = 1;
	memcpy(r + 1, &fd, sizeof(fd));
	snprintf(vmm.data, QT_SHARED, "%s", f.path);
	ASSERT_EQ(0, qt_do(&vmm, do_reset_begin, 0, 0));
	ASSERT_EQ(0, qt_fuse_held(&f, 10000));
	snprintf(vmm.data, QT_SHARED, "%s", qt_addr("mf-bochs"));
	ret = qt_do(&vmm, do_open_another, 0, 0);
	qt_fuse_go(&f);
	EXPECT_EQ(0, qt_do(&vmm, do_reset_end, 0, 0));
	EXPECT_TRUE(!ret || ret == -EBUSY) TH_LOG("%ld", ret);
	EXPECT_EQ(0, qt_do(&vmm, ret ? do_open_another : do_present, 0, 0));
	qt_end(&vmm);
	qt_vm_end(&vm);
	qt_fuse_end(&f);
	EXPECT_EQ(0, qt_settle(ctl, 20000));
	close(ctl);
}

TEST_HARNESS_MAIN
