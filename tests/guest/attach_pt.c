// SPDX-License-Identifier: GPL-2.0-only
/* DEV_ATTACH in a guest whose IOMMU passes the host's own DMA through ("iommu=pt"): VFIO brings its
 * own domain, so nothing is refused. */
#include "kselftest_harness.h"
#include "call.h"
#include "charge.h"
#include "vfio.h"
#include "vm.h"

FIXTURE(pt)
{
	int ctl;
	struct qt_vm vm;
	struct qt_actor a;
};

FIXTURE_SETUP(pt)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
}

FIXTURE_TEARDOWN(pt)
{
	qt_end(&self->a);
	qt_vm_end(&self->vm);
}

static long do_open(long x, long y, void *data)
{
	struct qt_vfio v;
	int ret = qt_vfio_open(&v, data);

	if (!ret)
		qt_vfio_close(&v);
	return ret;
}

TEST_F(pt, granted)
{
	struct qwamos_gpu_dev d;
	char line[1024];

	ASSERT_LT(0, qt_read("/proc/cmdline", line, sizeof(line)));
	ASSERT_NE(NULL, strstr(line, "iommu=pt"));
	ASSERT_EQ(0, qt_ours(self->ctl, "vga-a", NULL));
	ASSERT_EQ(0, qt_device(self->ctl, "vga-a", &d));
	EXPECT_EQ(QWAMOS_GPU_DEV_F_IOMMU, d.flags & QWAMOS_GPU_DEV_F_IOMMU);
	/*
	 * Under a host's driver nothing translates here: a level that needs an IOMMU gets no share
	 * of it, one that needs none does, and passed through VFIO makes it translate.
	 */
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_LOW));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_IOMMU,
		  (__u32)qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_3D,
				  qt_id(self->ctl, "bochs")));
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_SYSTEM));
	EXPECT_EQ(0, qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_3D, qt_id(self->ctl, "bochs")));
	EXPECT_EQ(0, qt_check(self->vm.use, QWAMOS_GPU_OP_PASSTHROUGH, d.device_id));
	ASSERT_EQ(0, qt_attach(self->vm.manage, d.device_id, QWAMOS_GPU_SCRUB_DEFAULT, NULL));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->a, NULL));
	snprintf(self->a.data, QT_SHARED, "%s", qt_addr("vga-a"));
	EXPECT_EQ(0, qt_do(&self->a, do_open, 0, 0));
}

TEST_HARNESS_MAIN
