// SPDX-License-Identifier: GPL-2.0-only
/*
 * Passthrough by VFIO's character device and an iommufd: the VM's own process gets BARs and DMA,
 * the DMA reaches what is mapped and nothing else, and whoever has not joined is turned away at
 * each way in, with what the VM has open untouched. As ways_in and dma_isolation do for the group.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "iommufd.h"
#include "vfio.h"
#include "vm.h"

#define IOVA   0x100000UL
#define SIZE   4096UL
#define TEXT   "what the VM's own device wrote"
#define VICTIM 0x5a

/* What each actor has open; a fork has its own copy, with the same fds. */
static int device = -1, iommufd = -1;
static __u32 ioas;
static volatile void *regs;
static unsigned char *mapped;

/* The device whose address is in the shared memory, unbound. */
static long do_open(long x, long y, void *data)
{
	device = qt_cdev(data);
	iommufd = qt_iommufd();
	return device < 0 ? device : iommufd < 0 ? iommufd : 0;
}

static long do_bind(long fd, long y, void *data)
{
	return qt_cdev_bind(fd < 0 ? device : fd, iommufd);
}

static long do_ioas(long x, long y, void *data)
{
	mapped = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (mapped == MAP_FAILED)
		return -errno;
	/* Two pages side by side; the device is told of one. */
	memset(mapped + SIZE, VICTIM, SIZE);
	return qt_ioas_new(iommufd, &ioas) ?: qt_ioas_map(iommufd, ioas, mapped, IOVA, SIZE);
}

static long do_attach(long x, long y, void *data)
{
	return qt_cdev_attach(device, ioas);
}

static long do_detach(long x, long y, void *data)
{
	return qt_cdev_detach(device);
}

static long do_unmap(long x, long y, void *data)
{
	return qt_ioas_unmap(iommufd, ioas, IOVA, SIZE);
}

static long do_regs(long x, long y, void *data)
{
	int ret = qt_vfio_enable(device);

	if (ret)
		return ret;
	regs = qt_vfio_map_bar(device, VFIO_PCI_BAR0_REGION_INDEX, NULL);
	return regs ? 0 : -errno;
}

/* edu tells what it is in its first register. */
static long do_read_bar(long x, long y, void *data)
{
	return *(volatile __u32 *)regs;
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

static long do_arrived_at(long offset, long y, void *data)
{
	return !memcmp(mapped + offset, TEXT, sizeof(TEXT));
}

static long do_victim_untouched(long x, long y, void *data)
{
	unsigned long i;

	for (i = 0; i < SIZE; i++)
		if (mapped[SIZE + i] != VICTIM)
			return 0;
	return 1;
}

static long do_close(long x, long y, void *data)
{
	if (regs)
		munmap((void *)regs, 0x100000);
	regs = NULL;
	close(device);
	close(iommufd);
	device = iommufd = -1;
	return 0;
}

static long do_fd_of(long x, long y, void *data)
{
	return device;
}

enum op { GET_INFO, RESET, FEATURE, UNKNOWN, READ, WRITE, MMAP, DEV_ATTACH, OPS };

static const struct {
	const char *name;
	__u32 way;
} ops[OPS] = {
	{ "VFIO_DEVICE_GET_INFO", QWAMOS_GPU_VFIO_OP_IOCTL },
	{ "VFIO_DEVICE_RESET", QWAMOS_GPU_VFIO_OP_IOCTL },
	{ "VFIO_DEVICE_FEATURE", QWAMOS_GPU_VFIO_OP_FEATURE },
	{ "an unknown ioctl", QWAMOS_GPU_VFIO_OP_IOCTL },
	{ "read", QWAMOS_GPU_VFIO_OP_READ },
	{ "write", QWAMOS_GPU_VFIO_OP_WRITE },
	{ "mmap", QWAMOS_GPU_VFIO_OP_MMAP },
	{ "VFIO_DEVICE_ATTACH_IOMMUFD_PT", QWAMOS_GPU_VFIO_OP_ATTACH_IOAS },
};

static long failed(long ret)
{
	return ret < 0 ? -errno : 0;
}

/* One operation on a device fd, with arguments that are right for who may. */
static long do_op(long op, long fd, void *data)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_device_feature feature = {
		.argsz = sizeof(feature),
		.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET |
			 VFIO_DEVICE_FEATURE_PCI_VF_TOKEN,
	};
	const __u64 config = (__u64)VFIO_PCI_CONFIG_REGION_INDEX << 40;
	__u16 word = 0;
	void *p;

	switch ((enum op)op) {
	case GET_INFO:
		return failed(ioctl(fd, VFIO_DEVICE_GET_INFO, &info));
	case RESET:
		return failed(ioctl(fd, VFIO_DEVICE_RESET));
	case FEATURE:
		return failed(ioctl(fd, VFIO_DEVICE_FEATURE, &feature));
	case UNKNOWN:
		return failed(ioctl(fd, _IO(VFIO_TYPE, VFIO_BASE + 99), &info));
	case READ:
		return failed(pread(fd, &word, sizeof(word), config));
	case WRITE:
		return failed(pwrite(fd, &word, sizeof(word), config + 0x3c));
	case MMAP:
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			return -errno;
		munmap(p, 4096);
		return 0;
	case DEV_ATTACH:
		return qt_cdev_attach(fd, ioas);
	case OPS:
		break;
	}
	return -ENOSYS;
}

static long do_detach_fd(long fd, long y, void *data)
{
	return qt_cdev_detach(fd);
}

FIXTURE(cdev)
{
	int ctl;
	const char *addr;
	struct qt_vm vm;
	struct qt_vm other;
	struct qt_actor vmm;
	struct qt_actor stranger;
	int taken; /* an fd of the VMM's, until the end of the test */
};

/* The VM has a GPU and its companion, an edu; it is edu that is opened here. */
FIXTURE_SETUP(cdev)
{
	self->taken = -1;
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_ours(self->ctl, "pair-vga", "pair-edu", NULL));
	self->addr = qt_addr("pair-edu");
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_attach(self->vm.manage, qt_id(self->ctl, "pair-vga"), QT_UNWIPED, NULL));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->vmm, NULL));
}

FIXTURE_TEARDOWN(cdev)
{
	if (self->taken >= 0)
		close(self->taken);
	qt_end(&self->stranger);
	qt_end(&self->vmm);
	qt_vm_end(&self->vm);
	qt_vm_end(&self->other);
}

static long try_open(struct qt_actor *a, const char *addr)
{
	snprintf(a->data, QT_SHARED, "%s", addr);
	return qt_do(a, do_open, 0, 0);
}

/* The VMM with the device open, attached, and its registers mapped. */
static long all_of_it(struct qt_actor *a, const char *addr)
{
	return try_open(a, addr) ?: qt_do(a, do_bind, -1, 0) ?: qt_do(a, do_ioas, 0, 0) ?:
	       qt_do(a, do_attach, 0, 0) ?: qt_do(a, do_regs, 0, 0);
}

#define EXPECT_AUDITED(mark, who, which, why)                                                    \
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,                                              \
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_OPEN_REFUSED,                    \
					   .reason = QWAMOS_GPU_REASON_##why, .result = -EACCES, \
					   .pid = (who)->pid, .asked = (which),                  \
					   .device = self->addr),                                \
				   NULL))

/* DMA within the mapping still goes where it went. */
static void still_works(struct __test_metadata *_metadata, FIXTURE_DATA(cdev) * self)
{
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_OPEN, qt_state(self->ctl, "pair-edu"));
	EXPECT_EQ(0, qt_do(&self->vmm, do_write_to, IOVA + 1024, 0));
	EXPECT_EQ(1, qt_do(&self->vmm, do_arrived_at, 1024, 0));
}

TEST_F(cdev, owner)
{
	struct qwamos_gpu_vm vm;
	long fd, ret;
	int op;

	ASSERT_EQ(0, try_open(&self->vmm, self->addr));
	/* An unbound fd opens nothing, for nobody. */
	fd = qt_do(&self->vmm, do_fd_of, 0, 0);
	EXPECT_EQ(-EINVAL, qt_do(&self->vmm, do_op, GET_INFO, fd));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_ATTACHED, qt_state(self->ctl, "pair-edu"));
	ASSERT_EQ(0, qt_do(&self->vmm, do_bind, -1, 0));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_OPEN, qt_state(self->ctl, "pair-edu"));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_EQ(1, vm.devices_open);
	EXPECT_EQ(1, qt_audit_find(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_OPENED, .chain = self->vm.id,
					   .pid = self->vmm.pid, .device = self->addr),
				   NULL));
	ASSERT_EQ(0, qt_do(&self->vmm, do_ioas, 0, 0));
	/* The same operations as below, so that these don't fail for another reason. */
	for (op = 0; op < OPS; op++) {
		ret = qt_do(&self->vmm, do_op, op, fd);
		if (op == UNKNOWN || op == FEATURE) {
			EXPECT_EQ(-ENOTTY, ret) TH_LOG("%s", ops[op].name);
		} else if (op == RESET) {
			/* Only the whole bus can be reset. */
			EXPECT_EQ(-EINVAL, ret);
		} else {
			EXPECT_EQ(0, ret) TH_LOG("%s", ops[op].name);
		}
	}
	ASSERT_EQ(0, qt_do(&self->vmm, do_regs, 0, 0));
	EXPECT_EQ(0x010000ed, qt_do(&self->vmm, do_read_bar, 0, 0));
	still_works(_metadata, self);
	/* Closed it is not given away. */
	ASSERT_EQ(0, qt_do(&self->vmm, do_close, 0, 0));
	EXPECT_EQ(0, qt_wait_state(self->ctl, "pair-edu", QWAMOS_GPU_DEV_STATE_ATTACHED, 5000));
	ASSERT_EQ(0, all_of_it(&self->vmm, self->addr));
	still_works(_metadata, self);
}

TEST_F(cdev, dma_isolation)
{
	ASSERT_EQ(0, all_of_it(&self->vmm, self->addr));
	still_works(_metadata, self);
	/* Right behind what is mapped. */
	EXPECT_EQ(0, qt_do(&self->vmm, do_write_to, IOVA + SIZE, 0));
	EXPECT_EQ(1, qt_do(&self->vmm, do_victim_untouched, 0, 0));
	EXPECT_TRUE(qt_dmesg("DMAR: [DMA Write")) TH_LOG("the IOMMU reported no fault");
	/* Nothing is within reach of a device that is attached to nothing. */
	ASSERT_EQ(0, qt_do(&self->vmm, do_detach, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_write_to, IOVA + 2048, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_arrived_at, 2048, 0));
	ASSERT_EQ(0, qt_do(&self->vmm, do_attach, 0, 0));
	still_works(_metadata, self);
	ASSERT_EQ(0, qt_do(&self->vmm, do_unmap, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_write_to, IOVA + 2048, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_arrived_at, 2048, 0));
}

/* Who is no member can open the node, as root may, and gets nothing by it. */
TEST_F(cdev, bind_by_root)
{
	__u64 mark = qt_audit_mark(self->ctl);

	ASSERT_EQ(0, qt_spawn(&self->stranger, NULL));
	ASSERT_EQ(0, try_open(&self->stranger, self->addr));
	EXPECT_EQ(-EACCES, qt_do(&self->stranger, do_bind, -1, 0));
	EXPECT_AUDITED(mark, &self->stranger, QWAMOS_GPU_VFIO_OP_OPEN, NOT_MEMBER);
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_ATTACHED, qt_state(self->ctl, "pair-edu"));
	/* Its unbound fd keeps the VM's own process from nothing. */
	ASSERT_EQ(0, all_of_it(&self->vmm, self->addr));
	/* A second binding is refused by VFIO, before we are asked. */
	EXPECT_EQ(-EINVAL, qt_do(&self->stranger, do_bind, -1, 0));
	still_works(_metadata, self);
}

/* Another VM's process, and one that only stands in the right cgroup with a use fd. */
TEST_F(cdev, bind_by_others)
{
	__u64 mark;

	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_vmm(&self->other, &self->stranger, NULL));
	ASSERT_EQ(0, try_open(&self->stranger, self->addr));
	mark = qt_audit_mark(self->ctl);
	EXPECT_EQ(-EACCES, qt_do(&self->stranger, do_bind, -1, 0));
	EXPECT_AUDITED(mark, &self->stranger, QWAMOS_GPU_VFIO_OP_OPEN, NOT_MEMBER);
	qt_end(&self->stranger);
	ASSERT_EQ(0, qt_spawn(&self->stranger, self->vm.cgroup));
	ASSERT_LE(0, qt_give_fd(&self->stranger, self->vm.use));
	ASSERT_EQ(0, try_open(&self->stranger, self->addr));
	mark = qt_audit_mark(self->ctl);
	EXPECT_EQ(-EACCES, qt_do(&self->stranger, do_bind, -1, 0));
	EXPECT_AUDITED(mark, &self->stranger, QWAMOS_GPU_VFIO_OP_OPEN, NOT_MEMBER);
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_ATTACHED, qt_state(self->ctl, "pair-edu"));
}

/* A device that nobody has is for nobody. */
TEST_F(cdev, bind_unattached)
{
	const char *addr = self->addr;
	__u64 mark;

	ASSERT_EQ(0, qt_ours(self->ctl, "vga-b", NULL));
	self->addr = qt_addr("vga-b");
	ASSERT_EQ(0, try_open(&self->vmm, self->addr));
	mark = qt_audit_mark(self->ctl);
	EXPECT_EQ(-EACCES, qt_do(&self->vmm, do_bind, -1, 0));
	EXPECT_AUDITED(mark, &self->vmm, QWAMOS_GPU_VFIO_OP_OPEN, NOT_ATTACHED);
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_FREE, qt_state(self->ctl, "vga-b"));
	self->addr = addr;
}

/* The one who binds is asked, not the one who opened. */
TEST_F(cdev, bind_of_passed_fd)
{
	struct qt_actor child;
	__u64 mark;
	int fd;

	ASSERT_EQ(0, try_open(&self->vmm, self->addr));
	ASSERT_EQ(0, qt_clone(&self->vmm, &child, 0));
	mark = qt_audit_mark(self->ctl);
	EXPECT_EQ(-EACCES, qt_do(&child, do_bind, -1, 0));
	EXPECT_AUDITED(mark, &child, QWAMOS_GPU_VFIO_OP_OPEN, NOT_MEMBER);
	qt_end(&child);
	self->taken = qt_cdev(self->addr);
	ASSERT_LE(0, self->taken);
	fd = qt_give_fd(&self->vmm, self->taken);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, qt_do(&self->vmm, do_bind, fd, 0));
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_OPEN, qt_state(self->ctl, "pair-edu"));
}

/* Every operation on a bound fd that was passed, or inherited. */
static void expect_useless(struct __test_metadata *_metadata, FIXTURE_DATA(cdev) * self,
			   struct qt_actor *a, long fd)
{
	__u64 mark;
	int op;

	for (op = 0; op < OPS; op++) {
		mark = qt_audit_mark(self->ctl);
		EXPECT_EQ(-EACCES, qt_do(a, do_op, op, fd)) TH_LOG("%s", ops[op].name);
		EXPECT_AUDITED(mark, a, ops[op].way, NOT_MEMBER) TH_LOG("%s", ops[op].name);
	}
	still_works(_metadata, self);
	/* VFIO does not ask whether a detach succeeded, so nobody is told that this one did not. */
	mark = qt_audit_mark(self->ctl);
	EXPECT_EQ(0, qt_do(a, do_detach_fd, fd, 0));
	EXPECT_AUDITED(mark, a, QWAMOS_GPU_VFIO_OP_DETACH_IOAS, NOT_MEMBER);
	still_works(_metadata, self);
}

TEST_F(cdev, passed_device_fd)
{
	int fd;

	ASSERT_EQ(0, all_of_it(&self->vmm, self->addr));
	ASSERT_EQ(0, qt_spawn(&self->stranger, NULL));
	self->taken = qt_take_fd(&self->vmm, qt_do(&self->vmm, do_fd_of, 0, 0));
	ASSERT_LE(0, self->taken);
	fd = qt_give_fd(&self->stranger, self->taken);
	ASSERT_LE(0, fd);
	expect_useless(_metadata, self, &self->stranger, fd);
}

TEST_F(cdev, device_fd_of_another_member)
{
	int fd;

	ASSERT_EQ(0, all_of_it(&self->vmm, self->addr));
	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_vmm(&self->other, &self->stranger, NULL));
	self->taken = qt_take_fd(&self->vmm, qt_do(&self->vmm, do_fd_of, 0, 0));
	fd = qt_give_fd(&self->stranger, self->taken);
	ASSERT_LE(0, fd);
	expect_useless(_metadata, self, &self->stranger, fd);
}

TEST_F(cdev, inherited_device_fd)
{
	struct qt_actor child;

	ASSERT_EQ(0, all_of_it(&self->vmm, self->addr));
	ASSERT_EQ(0, qt_clone(&self->vmm, &child, 0));
	expect_useless(_metadata, self, &child, qt_do(&child, do_fd_of, 0, 0));
	qt_end(&child);
}

/* A VMM that is killed leaves a device that is clean and nobody's. */
TEST_F(cdev, killed)
{
	ASSERT_EQ(0, all_of_it(&self->vmm, self->addr));
	qt_kill(&self->vmm);
	EXPECT_EQ(0, qt_wait_state(self->ctl, "pair-edu", QWAMOS_GPU_DEV_STATE_FREE, 20000));
	EXPECT_EQ(-ENODEV, qt_destroy(self->vm.manage));
}

TEST_HARNESS_MAIN
