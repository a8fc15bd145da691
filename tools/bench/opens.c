// SPDX-License-Identifier: GPL-2.0-only
/*
 * opens ADDRESS COUNT stock|ours: opens and closes a device through VFIO, and prints for each time
 * the microseconds from the first open() to the last close(). "ours": as a process that has joined
 * a VM which has the device; for that it makes the VM.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vfio.h"
#include "vm.h"

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Also for qt_do(), in a VM's process. */
static long do_opens(long count, long y, void *data)
{
	struct qt_vfio v;
	long i;
	int ret;

	for (i = 0; i < count; i++) {
		long long since = now_ns();

		ret = qt_vfio_open(&v, data);
		if (ret)
			return ret;
		qt_vfio_close(&v);
		printf("%lld\n", (now_ns() - since) / 1000);
	}
	return 0;
}

static int ours(const char *addr, long count)
{
	int ctl = qt_open_control(), ret;
	struct qwamos_gpu_dev d;
	struct qt_actor vmm;
	struct qt_vm vm;

	if (ctl < 0)
		return ctl;
	ret = qt_vm_new(&vm, ctl, QWAMOS_GPU_LEVEL_SYSTEM, 0);
	ret = ret ? ret : qt_device_at(ctl, addr, &d);
	ret = ret ? ret : qt_attach(vm.manage, d.device_id, QWAMOS_GPU_SCRUB_DEFAULT, NULL);
	ret = ret ? ret : qt_vmm(&vm, &vmm, NULL);
	if (!ret) {
		snprintf(vmm.data, QT_SHARED, "%s", addr);
		ret = qt_do(&vmm, do_opens, count, 0);
		qt_end(&vmm);
	}
	qt_vm_end(&vm);
	return ret ? ret : qt_settle(ctl, 20000);
}

int main(int argc, char **argv)
{
	int ret;

	if (argc != 4 || (strcmp(argv[3], "stock") && strcmp(argv[3], "ours"))) {
		fprintf(stderr, "usage: opens ADDRESS COUNT stock|ours\n");
		return 2;
	}
	ret = strcmp(argv[3], "ours") ? do_opens(atol(argv[2]), 0, argv[1])
				      : ours(argv[1], atol(argv[2]));
	if (ret) {
		fprintf(stderr, "opens: %s on %s: %s\n", argv[3], argv[1], strerror(-ret));
		return 1;
	}
	return 0;
}
