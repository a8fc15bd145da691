// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that a VM holds reaches the memory that the VM mapped for it, and no other: QEMU's edu,
 * as the companion of a GPU behind a conventional bridge, is told to copy where it may and where it
 * may not.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "vfio.h"
#include "vm.h"

#define IOVA   0x100000UL
#define SIZE   4096UL
#define TEXT   "what the VM's own device wrote"
#define VICTIM 0x5a

/* In the VMM. */
static struct qt_vfio edu = { -1, -1, -1, NULL };
static volatile void *regs;
static unsigned char *mapped;
static unsigned char *unmapped;

static long do_setup(long x, long y, void *data)
{
	int ret = qt_vfio_open(&edu, data);

	if (ret)
		return ret;
	ret = qt_vfio_enable(edu.device);
	if (ret)
		return ret;
	regs = qt_vfio_map_bar(edu.device, VFIO_PCI_BAR0_REGION_INDEX, NULL);
	if (!regs)
		return -errno;
	/* Two pages side by side; the device is told of one. */
	mapped = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mapped == MAP_FAILED)
		return -errno;
	unmapped = mapped + SIZE;
	memset(unmapped, VICTIM, SIZE);
	return qt_vfio_map_dma(edu.container, mapped, IOVA, SIZE);
}

/* From mapped memory into the device, and from there to @to. */
static long do_write_to(long to, long y, void *data)
{
	int ret;

	memset(mapped, 0, SIZE);
	memcpy(mapped, TEXT, sizeof(TEXT));
	ret = qt_edu_dma(regs, IOVA, QT_EDU_BUFFER);
	return ret ? ret : qt_edu_dma(regs, QT_EDU_BUFFER, to);
}

static long do_read_back(long x, long y, void *data)
{
	return qt_edu_dma(regs, QT_EDU_BUFFER, IOVA);
}

static long do_arrived_at(long offset, long y, void *data)
{
	return !memcmp(mapped + offset, TEXT, sizeof(TEXT));
}

static long do_victim_untouched(long x, long y, void *data)
{
	unsigned long i;

	for (i = 0; i < SIZE; i++)
		if (unmapped[i] != VICTIM)
			return 0;
	return 1;
}

static long do_unmap(long x, long y, void *data)
{
	struct vfio_iommu_type1_dma_unmap u = { .argsz = sizeof(u), .iova = IOVA, .size = SIZE };

	return ioctl(edu.container, VFIO_IOMMU_UNMAP_DMA, &u) ? -errno : 0;
}

/* Where a page of this process lies in the machine's memory. */
static __u64 physical(void *p)
{
	__u64 entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd >= 0 && pread(fd, &entry, sizeof(entry), (unsigned long)p / 4096 * sizeof(entry)) !=
			       sizeof(entry))
		entry = 0;
	close(fd);
	return entry & (1ULL << 63) ? (entry & ((1ULL << 55) - 1)) * 4096 : 0;
}

FIXTURE(dma)
{
	int ctl;
	struct qt_vm vm;
	struct qt_actor vmm;
};

FIXTURE_SETUP(dma)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_ours(self->ctl, "pair-vga", "pair-edu", NULL));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_attach(self->vm.manage, qt_id(self->ctl, "pair-vga"), QT_UNWIPED, NULL));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->vmm, NULL));
	snprintf(self->vmm.data, QT_SHARED, "%s", qt_addr("pair-edu"));
	ASSERT_EQ(0, qt_do(&self->vmm, do_setup, 0, 0));
}

FIXTURE_TEARDOWN(dma)
{
	qt_end(&self->vmm);
	qt_vm_end(&self->vm);
}

TEST_F(dma, mapped)
{
	EXPECT_EQ(0, qt_do(&self->vmm, do_write_to, IOVA + 1024, 0));
	EXPECT_EQ(1, qt_do(&self->vmm, do_arrived_at, 1024, 0));
	EXPECT_EQ(1, qt_do(&self->vmm, do_victim_untouched, 0, 0));
}

/* Right behind what is mapped. */
TEST_F(dma, behind_the_mapping)
{
	EXPECT_EQ(0, qt_do(&self->vmm, do_write_to, IOVA + SIZE, 0));
	EXPECT_EQ(1, qt_do(&self->vmm, do_victim_untouched, 0, 0));
	EXPECT_TRUE(qt_dmesg("DMAR: [DMA Write")) TH_LOG("the IOMMU reported no fault");
}

/* The host's memory, by its physical address: a page of this test, which is not the VM's. */
TEST_F(dma, host_memory)
{
	unsigned char *page = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
	unsigned long i;
	__u64 at;

	ASSERT_NE(MAP_FAILED, page);
	memset(page, VICTIM, SIZE);
	at = physical(page);
	ASSERT_NE(0, at);
	/* edu's DMA has 28 bits. */
	if (at >= 1ULL << 28)
		TH_LOG("page at %#llx: beyond what edu reaches, told all the same", at);
	EXPECT_EQ(0, qt_do(&self->vmm, do_write_to, at, 0));
	for (i = 0; i < SIZE; i++) {
		ASSERT_EQ(VICTIM, page[i]);
	}
}

/* What was unmapped is out of reach from then on. */
TEST_F(dma, after_unmap)
{
	EXPECT_EQ(0, qt_do(&self->vmm, do_write_to, IOVA + 1024, 0));
	EXPECT_EQ(1, qt_do(&self->vmm, do_arrived_at, 1024, 0));
	ASSERT_EQ(0, qt_do(&self->vmm, do_unmap, 0, 0));
	/* Nothing can be read from there either: the device keeps what it had. */
	EXPECT_EQ(0, qt_do(&self->vmm, do_write_to, IOVA + 2048, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_arrived_at, 2048, 0));
}

/*
 * What one VM leaves in a companion that nobody knows how to wipe, the next one reads: it gets the
 * GPU only if that is accepted, whatever is demanded of the GPU.
 */
TEST_F(dma, left_in_a_companion)
{
	__u64 gpu = qt_id(self->ctl, "pair-vga");
	int ret;

	ASSERT_EQ(0, qt_do(&self->vmm, do_write_to, IOVA + SIZE / 2, 0));
	qt_end(&self->vmm);
	qt_vm_end(&self->vm);
	ASSERT_EQ(0, qt_wait_state(self->ctl, "pair-vga", QWAMOS_GPU_DEV_STATE_FREE, 10000));
	ASSERT_EQ(0, qt_wait_state(self->ctl, "pair-edu", QWAMOS_GPU_DEV_STATE_FREE, 10000));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ret = qt_attach(self->vm.manage, gpu, QWAMOS_GPU_SCRUB_FULL, NULL);
	EXPECT_EQ(-EACCES, ret);
	EXPECT_EQ(QWAMOS_GPU_REASON_SCRUB, qt_reason);
	if (ret)
		ASSERT_EQ(0, qt_attach(self->vm.manage, gpu, QT_UNWIPED, NULL));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->vmm, NULL));
	snprintf(self->vmm.data, QT_SHARED, "%s", qt_addr("pair-edu"));
	ASSERT_EQ(0, qt_do(&self->vmm, do_setup, 0, 0));
	ASSERT_EQ(0, qt_do(&self->vmm, do_read_back, 0, 0));
	/* It is really there: else the refusal would say nothing. */
	EXPECT_TRUE(qt_do(&self->vmm, do_arrived_at, 0, 0));
	EXPECT_TRUE(ret) TH_LOG("a VM that had accepted nothing has read it");
}

TEST_HARNESS_MAIN
