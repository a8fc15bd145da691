// SPDX-License-Identifier: GPL-2.0-only
/*
 * A call's argument that another thread rewrites all the time: what is charged is what was made,
 * always. RACE_SECONDS in the environment: how long (4).
 */
#include <drm/drm.h>
#include <drm/virtgpu_drm.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "call.h"
#include "gate.h"
#include "vm.h"

#define SMALL 4096U
#define LARGE (1U << 20)
#define KEPT  32

static int node = -1, use = -1;
static struct drm_virtgpu_resource_create argument;
static atomic_bool done;

static long do_open(long fd, long y, void *data)
{
	use = fd;
	node = open(data, O_RDWR | O_CLOEXEC);
	return node < 0 ? -errno : 0;
}

static void *rewrite(void *unused)
{
	volatile __u32 *size = &argument.size;

	while (!atomic_load(&done)) {
		*size = SMALL;
		*size = LARGE;
	}
	return NULL;
}

/* The size of an object as its driver has it, or -errno. */
static long size_of(__u32 handle)
{
	struct drm_virtgpu_resource_info i = { .bo_handle = handle };

	return ioctl(node, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &i) ? -errno : (long)i.size;
}

static void begin(void)
{
	/* Whatever size it is made with, its picture is smaller. */
	argument.target = 2;
	argument.format = 1;
	argument.bind = 2;
	argument.width = argument.height = 16;
	argument.depth = argument.array_size = 1;
	argument.stride = 64;
}

/*
 * Make objects with an argument that changes meanwhile. Return: how many were large, or a negative
 * number: -errno, or -4000 - N: the N-th was not charged as it was made.
 */
static long do_race(long seconds, long y, void *data)
{
	long long end = qt_now_ms() + seconds * 1000, sum = 0, large = 0, n = 0;
	__u32 handles[KEPT];
	unsigned int kept = 0;
	pthread_t t;
	long size;

	if (pthread_create(&t, NULL, rewrite, NULL))
		return -EAGAIN;
	while (qt_now_ms() < end && large >= 0) {
		begin();
		if (ioctl(node, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &argument)) {
			large = -errno;
			break;
		}
		handles[kept++] = argument.bo_handle;
		size = size_of(argument.bo_handle);
		if (size < 0) {
			large = size;
			break;
		}
		n++;
		sum += size;
		large += size == LARGE;
		if (qt_gate_used(use) != sum) {
			large = -4000 - n;
			break;
		}
		if (kept < KEPT)
			continue;
		while (kept)
			qt_gem_close(node, handles[--kept]);
		sum = 0;
		if (qt_gate_wait_used(use, 0, 5000))
			large = -ETIMEDOUT;
	}
	atomic_store(&done, true);
	pthread_join(t, NULL);
	*(long *)data = n;
	return large;
}

FIXTURE(race)
{
	int unused;
};

FIXTURE_SETUP(race)
{
}

FIXTURE_TEARDOWN(race)
{
}

TEST_F_TIMEOUT(race, charged_as_made, 200)
{
	const char *given = getenv("RACE_SECONDS");
	long seconds = given ? atol(given) : 4, large, n;
	struct qwamos_gpu_gate_create g;
	int ctl = qt_open_control(), real = qt_render("virtio"), fd;
	char path[QT_PATH];
	struct qt_actor vmm;
	struct qt_vm vm;

	ASSERT_LE(0, ctl);
	ASSERT_LE(0, real);
	ASSERT_EQ(0, qt_vm_new(&vm, ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0));
	ASSERT_EQ(0, qt_vmm(&vm, &vmm, &fd));
	ASSERT_EQ(0, qt_gate_create(vm.manage, real, 0, &g));
	ASSERT_EQ(0, qt_gate_node(&g, path));
	memcpy(vmm.data, path, QT_PATH);
	ASSERT_EQ(0, qt_do(&vmm, do_open, fd, 0));
	large = qt_do_within(&vmm, do_race, seconds, 0, (seconds + 30) * 1000);
	n = *(long *)vmm.data;
	TH_LOG("%ld objects, %ld of them large", n, large);
	EXPECT_LE(0, large);
	EXPECT_LT(20, n);
	qt_end(&vmm);
	qt_vm_end(&vm);
	unlink(path);
}

TEST_HARNESS_MAIN
