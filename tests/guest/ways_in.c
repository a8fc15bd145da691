// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every VFIO way to a device that a VM holds, tried by those who have not joined that VM: each is
 * -EACCES, for root too, and each is in the audit log. What the VM's own process does goes on
 * working meanwhile.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "vfio.h"
#include "vm.h"

/* What each actor has open; a fork has its own copy of it, with the same fds. */
static struct qt_vfio v = { -1, -1, -1, NULL };

/* Try to open the device whose address is in the shared memory, and keep it; the step that failed
 * comes back there. */
static long do_open(long x, long y, void *data)
{
	int ret = qt_vfio_open(&v, data);

	snprintf(data, QT_SHARED, "%s", v.step);
	return ret;
}

static long do_close(long x, long y, void *data)
{
	qt_vfio_close(&v);
	return 0;
}

static long do_get_device_fd(long group, long y, void *data)
{
	return qt_vfio_device(group < 0 ? v.group : group, data);
}

static long do_fd_of(long which, long y, void *data)
{
	return which ? v.device : v.group;
}

/* Of 6.19 and later; the headers of this machine may be older. */
#define DMA_BUF_FEATURE 11
struct dma_buf_feature {
	struct vfio_device_feature feature;
	__u32 region_index;
	__u32 open_flags;
	__u32 flags;
	__u32 nr_ranges;
	__u64 offset;
	__u64 length;
};

/* Of 6.6 and later, with PASIDs from 6.13 or so on, and for a device's own file, which this is not.
 */
#define ATTACH_IOMMUFD_PT _IO(VFIO_TYPE, VFIO_BASE + 19)
struct attach_pasid {
	__u32 argsz;
	__u32 flags; /* bit 0: of a PASID */
	__u32 pt_id;
	__u32 pasid;
};

enum op {
	GET_INFO,
	REGION_INFO,
	IRQ_INFO,
	SET_IRQS,
	RESET,
	HOT_RESET_INFO,
	HOT_RESET,
	IOEVENTFD,
	FEATURE_PROBE,
	FEATURE_SET,
	FEATURE_DMA_BUF,
	FEATURE_DMA_BUF_PROBE,
	FEATURE_NONE,
	ATTACH_PASID,
	UNKNOWN,
	READ,
	WRITE,
	MMAP,
	OPS
};

static const struct {
	const char *name;
	__u32 way;
} ops[OPS] = {
	{ "VFIO_DEVICE_GET_INFO", QWAMOS_GPU_VFIO_OP_IOCTL },
	{ "VFIO_DEVICE_GET_REGION_INFO", QWAMOS_GPU_VFIO_OP_IOCTL },
	{ "VFIO_DEVICE_GET_IRQ_INFO", QWAMOS_GPU_VFIO_OP_IOCTL },
	{ "VFIO_DEVICE_SET_IRQS", QWAMOS_GPU_VFIO_OP_IOCTL },
	{ "VFIO_DEVICE_RESET", QWAMOS_GPU_VFIO_OP_IOCTL },
	{ "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", QWAMOS_GPU_VFIO_OP_IOCTL },
	{ "VFIO_DEVICE_PCI_HOT_RESET", QWAMOS_GPU_VFIO_OP_IOCTL },
	{ "VFIO_DEVICE_IOEVENTFD", QWAMOS_GPU_VFIO_OP_IOCTL },
	{ "VFIO_DEVICE_FEATURE probe", QWAMOS_GPU_VFIO_OP_FEATURE },
	{ "VFIO_DEVICE_FEATURE set", QWAMOS_GPU_VFIO_OP_FEATURE },
	{ "VFIO_DEVICE_FEATURE get, a dma-buf", QWAMOS_GPU_VFIO_OP_FEATURE },
	{ "VFIO_DEVICE_FEATURE probe, a dma-buf", QWAMOS_GPU_VFIO_OP_FEATURE },
	{ "VFIO_DEVICE_FEATURE probe, one that nobody has", QWAMOS_GPU_VFIO_OP_FEATURE },
	{ "VFIO_DEVICE_ATTACH_IOMMUFD_PT, a PASID", QWAMOS_GPU_VFIO_OP_IOCTL },
	{ "an unknown ioctl", QWAMOS_GPU_VFIO_OP_IOCTL },
	{ "read", QWAMOS_GPU_VFIO_OP_READ },
	{ "write", QWAMOS_GPU_VFIO_OP_WRITE },
	{ "mmap", QWAMOS_GPU_VFIO_OP_MMAP },
};

static long failed(int ret)
{
	return ret < 0 ? -errno : 0;
}

/* One operation on a device fd, with arguments that are right for who may. */
static long do_op(long op, long fd, void *data)
{
	union {
		struct vfio_device_info info;
		struct vfio_region_info region;
		struct vfio_irq_info irq;
		struct vfio_irq_set set;
		struct vfio_pci_hot_reset_info hot_info;
		struct vfio_pci_hot_reset hot;
		struct vfio_device_ioeventfd ioeventfd;
		struct vfio_device_feature feature;
		struct dma_buf_feature dma_buf;
		struct attach_pasid attach;
		char room[1024];
	} a;
	__u16 word = 0;
	void *p;

	memset(&a, 0, sizeof(a));
	a.info.argsz = sizeof(a.room);
	switch ((enum op)op) {
	case GET_INFO:
		a.info.argsz = sizeof(a.info);
		return failed(ioctl(fd, VFIO_DEVICE_GET_INFO, &a));
	case REGION_INFO:
		return failed(ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &a));
	case IRQ_INFO:
		a.irq.index = VFIO_PCI_ERR_IRQ_INDEX + 1;
		return failed(ioctl(fd, VFIO_DEVICE_GET_IRQ_INFO, &a));
	case SET_IRQS:
		a.set.argsz = sizeof(a.set);
		a.set.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
		a.set.index = VFIO_PCI_REQ_IRQ_INDEX;
		return failed(ioctl(fd, VFIO_DEVICE_SET_IRQS, &a));
	case RESET:
		return failed(ioctl(fd, VFIO_DEVICE_RESET));
	case HOT_RESET_INFO:
		return failed(ioctl(fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &a));
	case HOT_RESET:
		a.hot.argsz = sizeof(a.hot) + sizeof(__s32);
		a.hot.count = 1;
		a.hot.group_fds[0] = v.group;
		return failed(ioctl(fd, VFIO_DEVICE_PCI_HOT_RESET, &a));
	case IOEVENTFD:
		a.ioeventfd.argsz = sizeof(a.ioeventfd);
		a.ioeventfd.flags = VFIO_DEVICE_IOEVENTFD_32;
		a.ioeventfd.fd = -1;
		return failed(ioctl(fd, VFIO_DEVICE_IOEVENTFD, &a));
	case FEATURE_PROBE:
		a.feature.argsz = sizeof(a.feature);
		a.feature.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET |
				  VFIO_DEVICE_FEATURE_PCI_VF_TOKEN;
		return failed(ioctl(fd, VFIO_DEVICE_FEATURE, &a));
	case FEATURE_SET:
		a.feature.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PCI_VF_TOKEN;
		return failed(ioctl(fd, VFIO_DEVICE_FEATURE, &a));
	case FEATURE_DMA_BUF:
	case FEATURE_DMA_BUF_PROBE:
		a.feature.argsz = sizeof(a.dma_buf);
		a.feature.flags = VFIO_DEVICE_FEATURE_GET | DMA_BUF_FEATURE |
				  (op == FEATURE_DMA_BUF ? 0 : VFIO_DEVICE_FEATURE_PROBE);
		a.dma_buf.open_flags = O_RDWR | O_CLOEXEC;
		a.dma_buf.nr_ranges = 1;
		a.dma_buf.length = 4096;
		return failed(ioctl(fd, VFIO_DEVICE_FEATURE, &a));
	case FEATURE_NONE:
		a.feature.argsz = sizeof(a.feature);
		a.feature.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_MASK;
		return failed(ioctl(fd, VFIO_DEVICE_FEATURE, &a));
	case ATTACH_PASID:
		a.attach.argsz = sizeof(a.attach);
		a.attach.flags = 1;
		a.attach.pasid = 1;
		return failed(ioctl(fd, ATTACH_IOMMUFD_PT, &a));
	case UNKNOWN:
		return failed(ioctl(fd, _IO(VFIO_TYPE, VFIO_BASE + 99), &a));
	case READ:
		return failed(
			pread(fd, &word, sizeof(word), (__u64)VFIO_PCI_CONFIG_REGION_INDEX << 40));
	case WRITE:
		return failed(pwrite(fd, &word, sizeof(word),
				     ((__u64)VFIO_PCI_CONFIG_REGION_INDEX << 40) + 0x3c));
	case MMAP:
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			return -errno;
		munmap(p, 4096);
		return 0;
	case OPS:
		break;
	}
	return -ENOSYS;
}

FIXTURE(ways)
{
	int ctl;
	const char *addr;
	__u64 id;
	struct qt_vm vm;
	struct qt_vm other;
	struct qt_actor vmm;
	struct qt_actor stranger;
	int taken; /* an fd of the VMM's, until the end of the test */
};

FIXTURE_SETUP(ways)
{
	self->taken = -1;
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_ours(self->ctl, "vga-a", "vga-b", NULL));
	self->addr = qt_addr("vga-a");
	self->id = qt_id(self->ctl, "vga-a");
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_attach(self->vm.manage, self->id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->vmm, NULL));
}

FIXTURE_TEARDOWN(ways)
{
	if (self->taken >= 0)
		close(self->taken);
	qt_end(&self->stranger);
	qt_end(&self->vmm);
	qt_vm_end(&self->vm);
	qt_vm_end(&self->other);
}

/* An actor tries to open the device from scratch. */
static long try_open(struct qt_actor *a, const char *addr)
{
	snprintf(a->data, QT_SHARED, "%s", addr);
	return qt_do(a, do_open, 0, 0);
}

static long try_device_fd(struct qt_actor *a, int group, const char *addr)
{
	snprintf(a->data, QT_SHARED, "%s", addr);
	return qt_do(a, do_get_device_fd, group, 0);
}

#define EXPECT_AUDITED(mark, who, which, why)                                                    \
	EXPECT_EQ(1, qt_audit_find(self->ctl, mark,                                              \
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_OPEN_REFUSED,                    \
					   .reason = QWAMOS_GPU_REASON_##why, .result = -EACCES, \
					   .pid = (who)->pid, .asked = (which),                  \
					   .device = self->addr),                                \
				   NULL))

/* The device is where it was, and its owner can use it. */
static void still_works(struct __test_metadata *_metadata, FIXTURE_DATA(ways) * self)
{
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_OPEN, qt_state(self->ctl, "vga-a"));
	EXPECT_EQ(0, qt_do(&self->vmm, do_op, GET_INFO, qt_do(&self->vmm, do_fd_of, 1, 0)));
}

TEST_F(ways, owner)
{
	struct qwamos_gpu_vm vm;
	long fd;
	int op;

	ASSERT_EQ(0, try_open(&self->vmm, self->addr)) TH_LOG("at %s", (char *)self->vmm.data);
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_OPEN, qt_state(self->ctl, "vga-a"));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &vm));
	EXPECT_EQ(1, vm.devices_open);
	EXPECT_EQ(1, qt_audit_find(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_DEVICE_OPENED, .chain = self->vm.id,
					   .pid = self->vmm.pid),
				   NULL));
	/* The same operations as below, so that these don't fail for another reason. */
	fd = qt_do(&self->vmm, do_fd_of, 1, 0);
	for (op = 0; op < OPS; op++) {
		long ret = qt_do(&self->vmm, do_op, op, fd);

		EXPECT_NE(-EACCES, ret) TH_LOG("%s", ops[op].name);
		if (op == ATTACH_PASID || op == UNKNOWN) {
			EXPECT_EQ(-ENOTTY, ret) TH_LOG("%s", ops[op].name);
		}
		if (op == GET_INFO || op == REGION_INFO || op == RESET || op == HOT_RESET_INFO ||
		    op >= READ) {
			EXPECT_EQ(0, ret) TH_LOG("%s", ops[op].name);
		}
	}
	/* Closed it is not given away. */
	ASSERT_EQ(0, qt_do(&self->vmm, do_close, 0, 0));
	EXPECT_EQ(0, qt_wait_state(self->ctl, "vga-a", QWAMOS_GPU_DEV_STATE_ATTACHED, 2000));
	ASSERT_EQ(0, try_open(&self->vmm, self->addr));
}

/* The first of all calls that a VMM makes about a BAR, and the one whose own operation VFIO got. */
TEST_F(ways, region_info)
{
	__u64 mark;
	int fd;

	ASSERT_EQ(0, try_open(&self->vmm, self->addr)) TH_LOG("at %s", (char *)self->vmm.data);
	EXPECT_EQ(0, qt_do(&self->vmm, do_op, REGION_INFO, qt_do(&self->vmm, do_fd_of, 1, 0)));
	ASSERT_EQ(0, qt_spawn(&self->stranger, NULL));
	self->taken = qt_take_fd(&self->vmm, qt_do(&self->vmm, do_fd_of, 1, 0));
	fd = qt_give_fd(&self->stranger, self->taken);
	ASSERT_LE(0, fd);
	mark = qt_audit_mark(self->ctl);
	EXPECT_EQ(-EACCES, qt_do(&self->stranger, do_op, REGION_INFO, fd));
	EXPECT_AUDITED(mark, &self->stranger, QWAMOS_GPU_VFIO_OP_IOCTL, NOT_MEMBER);
	still_works(_metadata, self);
}

static bool has_dma_buf(void)
{
	struct utsname u;
	int major, minor;

	if (uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 19);
}

/*
 * A dma-buf of a BAR is made for nobody, and nobody is told that it could be: not by a kernel that
 * has them (6.19), with a record, and not by one that has never heard of them.
 */
TEST_F(ways, no_dma_buf)
{
	static const int asks[] = { FEATURE_DMA_BUF, FEATURE_DMA_BUF_PROBE };
	bool has = has_dma_buf();
	size_t i;

	ASSERT_EQ(0, try_open(&self->vmm, self->addr));
	for (i = 0; i < 2; i++) {
		__u64 mark = qt_audit_mark(self->ctl);
		long ret = qt_do(&self->vmm, do_op, asks[i], qt_do(&self->vmm, do_fd_of, 1, 0));

		EXPECT_EQ(has ? -EOPNOTSUPP : -ENOTTY, ret) TH_LOG("%s", ops[asks[i]].name);
		EXPECT_EQ(has, qt_audit_find(self->ctl, mark,
					     QT_WANT(QWAMOS_GPU_EV_DEVICE_OPEN_REFUSED,
						     .reason = QWAMOS_GPU_REASON_DMA_BUF,
						     .result = -EOPNOTSUPP, .chain = self->vm.id,
						     .pid = self->vmm.pid,
						     .asked = QWAMOS_GPU_VFIO_OP_FEATURE,
						     .device = self->addr),
					     NULL));
		/* The next would be folded into this one. */
		qt_sleep_ms(1200);
	}
	EXPECT_EQ(-ENOTTY,
		  qt_do(&self->vmm, do_op, FEATURE_NONE, qt_do(&self->vmm, do_fd_of, 1, 0)));
	still_works(_metadata, self);
}

/* What an eventfd writes, whoever has it would write. */
TEST_F(ways, no_ioeventfd)
{
	__u64 mark = qt_audit_mark(self->ctl);

	ASSERT_EQ(0, try_open(&self->vmm, self->addr));
	EXPECT_EQ(-EOPNOTSUPP,
		  qt_do(&self->vmm, do_op, IOEVENTFD, qt_do(&self->vmm, do_fd_of, 1, 0)));
	EXPECT_TRUE(qt_audit_find(self->ctl, mark,
				  QT_WANT(QWAMOS_GPU_EV_DEVICE_OPEN_REFUSED,
					  .reason = QWAMOS_GPU_REASON_IOEVENTFD,
					  .result = -EOPNOTSUPP, .chain = self->vm.id,
					  .pid = self->vmm.pid, .asked = QWAMOS_GPU_VFIO_OP_IOCTL,
					  .device = self->addr),
				  NULL));
	still_works(_metadata, self);
}

TEST_F(ways, first_open_by_root)
{
	__u64 mark = qt_audit_mark(self->ctl);

	ASSERT_EQ(0, qt_spawn(&self->stranger, NULL));
	EXPECT_EQ(-EACCES, try_open(&self->stranger, self->addr));
	EXPECT_STREQ("device", (char *)self->stranger.data);
	EXPECT_AUDITED(mark, &self->stranger, QWAMOS_GPU_VFIO_OP_GET_FD, NOT_MEMBER);
	EXPECT_EQ(QWAMOS_GPU_DEV_STATE_ATTACHED, qt_state(self->ctl, "vga-a"));
}

/* A device that nobody has is for nobody, whoever asks. */
TEST_F(ways, unattached)
{
	__u64 mark = qt_audit_mark(self->ctl);
	const char *addr = self->addr;

	self->addr = qt_addr("vga-b");
	ASSERT_EQ(0, qt_spawn(&self->stranger, NULL));
	EXPECT_EQ(-EACCES, try_open(&self->stranger, self->addr));
	EXPECT_AUDITED(mark, &self->stranger, QWAMOS_GPU_VFIO_OP_GET_FD, NOT_ATTACHED);
	EXPECT_EQ(-EACCES, try_open(&self->vmm, self->addr));
	EXPECT_AUDITED(mark, &self->vmm, QWAMOS_GPU_VFIO_OP_GET_FD, NOT_ATTACHED);
	self->addr = addr;
}

/* Another VM's process, and one that only stands in the right cgroup. */
TEST_F(ways, other_member)
{
	__u64 mark;
	int use;

	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_vmm(&self->other, &self->stranger, &use));
	mark = qt_audit_mark(self->ctl);
	EXPECT_EQ(-EACCES, try_open(&self->stranger, self->addr));
	EXPECT_AUDITED(mark, &self->stranger, QWAMOS_GPU_VFIO_OP_GET_FD, NOT_MEMBER);
	qt_end(&self->stranger);
	ASSERT_EQ(0, qt_spawn(&self->stranger, self->vm.cgroup));
	/* Holding a use fd makes no member. */
	ASSERT_LE(0, qt_give_fd(&self->stranger, self->vm.use));
	mark = qt_audit_mark(self->ctl);
	EXPECT_EQ(-EACCES, try_open(&self->stranger, self->addr));
	EXPECT_AUDITED(mark, &self->stranger, QWAMOS_GPU_VFIO_OP_GET_FD, NOT_MEMBER);
}

/* While the joined parent has the device open, its child asks for another fd through the group fd
 * that it inherited. */
TEST_F(ways, child_with_inherited_group_fd)
{
	struct qt_actor child;
	__u64 mark;
	int round;

	/* Before the first open, and after it. */
	ASSERT_EQ(0, try_open(&self->vmm, self->addr));
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, qt_clone(&self->vmm, &child, round ? QT_CLONE_DAEMON : 0));
		mark = qt_audit_mark(self->ctl);
		EXPECT_EQ(-EACCES, try_device_fd(&child, -1, self->addr));
		EXPECT_AUDITED(mark, &child, QWAMOS_GPU_VFIO_OP_GET_FD, NOT_MEMBER);
		still_works(_metadata, self);
		qt_end(&child);
	}
}

TEST_F(ways, passed_group_fd)
{
	__u64 mark;
	int group;

	ASSERT_EQ(0, try_open(&self->vmm, self->addr));
	ASSERT_EQ(0, qt_spawn(&self->stranger, NULL));
	self->taken = qt_take_fd(&self->vmm, qt_do(&self->vmm, do_fd_of, 0, 0));
	ASSERT_LE(0, self->taken);
	group = qt_give_fd(&self->stranger, self->taken);
	ASSERT_LE(0, group);
	mark = qt_audit_mark(self->ctl);
	EXPECT_EQ(-EACCES, try_device_fd(&self->stranger, group, self->addr));
	EXPECT_AUDITED(mark, &self->stranger, QWAMOS_GPU_VFIO_OP_GET_FD, NOT_MEMBER);
	still_works(_metadata, self);
}

/* Every operation on a device fd that was passed, or inherited. */
static void expect_useless(struct __test_metadata *_metadata, FIXTURE_DATA(ways) * self,
			   struct qt_actor *a, long fd)
{
	int op;

	for (op = 0; op < OPS; op++) {
		__u64 mark = qt_audit_mark(self->ctl);

		EXPECT_EQ(-EACCES, qt_do(a, do_op, op, fd)) TH_LOG("%s", ops[op].name);
		EXPECT_AUDITED(mark, a, ops[op].way, NOT_MEMBER) TH_LOG("%s", ops[op].name);
	}
	still_works(_metadata, self);
}

TEST_F(ways, passed_device_fd)
{
	int fd;

	ASSERT_EQ(0, try_open(&self->vmm, self->addr));
	ASSERT_EQ(0, qt_spawn(&self->stranger, NULL));
	self->taken = qt_take_fd(&self->vmm, qt_do(&self->vmm, do_fd_of, 1, 0));
	ASSERT_LE(0, self->taken);
	/* In the test itself, which is root and no member, and in another process. */
	EXPECT_EQ(-EACCES, do_op(GET_INFO, self->taken, NULL));
	fd = qt_give_fd(&self->stranger, self->taken);
	ASSERT_LE(0, fd);
	expect_useless(_metadata, self, &self->stranger, fd);
}

/* Touch a mapping; return: 0, or the signal that it got. */
static int touch(volatile const __u32 *p)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		(void)*p;
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

/* Map a BAR, and let a child touch it: plainly, after MADV_DOFORK, and in a part that was split
 * off. */
static long do_fork_mapping(long x, long y, void *data)
{
	size_t size;
	volatile __u32 *p = qt_vfio_map_bar(v.device, VFIO_PCI_BAR0_REGION_INDEX, &size);
	int ret;

	if (!p)
		return -errno;
	(void)*p;
	ret = touch(p);
	if (ret != SIGSEGV)
		return 1000 + ret;
	if (!madvise((void *)p, 4096, MADV_DOFORK) || errno != EINVAL)
		return -2000;
	ret = touch(p);
	if (ret != SIGSEGV)
		return 3000 + ret;
	if (mprotect((void *)p, 4096, PROT_READ))
		return -errno;
	ret = touch(p);
	if (ret != SIGSEGV)
		return 4000 + ret;
	ret = touch(p + 4096 / sizeof(*p));
	if (ret != SIGSEGV)
		return 5000 + ret;
	(void)*p;
	munmap((void *)p, size);
	return 0;
}

/* A child has not joined: of the parent's mapping of a BAR it has nothing. */
TEST_F(ways, child_without_the_mapping)
{
	snprintf(self->vmm.data, QT_SHARED, "%s", self->addr);
	ASSERT_EQ(0, qt_do(&self->vmm, do_open, 0, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_fork_mapping, 0, 0));
}

TEST_F(ways, inherited_device_fd)
{
	struct qt_actor child;

	ASSERT_EQ(0, try_open(&self->vmm, self->addr));
	ASSERT_EQ(0, qt_clone(&self->vmm, &child, 0));
	expect_useless(_metadata, self, &child, qt_do(&child, do_fd_of, 1, 0));
	qt_end(&child);
}

TEST_F(ways, device_fd_of_another_member)
{
	int fd;

	ASSERT_EQ(0, try_open(&self->vmm, self->addr));
	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_vmm(&self->other, &self->stranger, NULL));
	self->taken = qt_take_fd(&self->vmm, qt_do(&self->vmm, do_fd_of, 1, 0));
	fd = qt_give_fd(&self->stranger, self->taken);
	ASSERT_LE(0, fd);
	expect_useless(_metadata, self, &self->stranger, fd);
}

/* A loop of refused opens does not flood the log. */
TEST_F(ways, repeats_are_folded)
{
	struct qwamos_gpu_audit_record rec;
	__u64 mark;
	int i;

	ASSERT_EQ(0, qt_spawn(&self->stranger, NULL));
	/* The tests before have been refused the same way: until their second is over. */
	qt_sleep_ms(1200);
	mark = qt_audit_mark(self->ctl);
	for (i = 0; i < 50; i++) {
		EXPECT_EQ(-EACCES, try_open(&self->stranger, self->addr));
	}
	EXPECT_EQ(50,
		  qt_audit_find(self->ctl, mark,
				QT_WANT(QWAMOS_GPU_EV_DEVICE_OPEN_REFUSED, .device = self->addr),
				&rec));
	/* The first at once, the rest in a record or two (a second may pass while they come). */
	EXPECT_EQ(1, rec.count);
	EXPECT_GE(mark + 20, qt_audit_mark(self->ctl));
}

TEST_HARNESS_MAIN
