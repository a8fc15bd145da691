// SPDX-License-Identifier: GPL-2.0-only
/*
 * gates ROUNDS OTHERS: what calls of virtio_gpu take on its real node and through a gate, in a
 * guest; then the same while OTHERS more VMs have a gate to it.
 *
 * Every round measures each contender once, on either node, so that what drifts drifts for both.
 * Prints lines "alone.NAME.raw NANOSECONDS" and so on, by operation.
 */
#include <drm/drm.h>
#include <drm/virtgpu_drm.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "call.h"
#include "gate.h"
#include "lab.h"
#include "vm.h"

#define SIDE   128
#define SIZE   (SIDE * SIDE * 4)
#define RAW    0
#define GATED  1
#define OTHERS 128

/* One of the two nodes, with an object of each. */
struct node {
	int fd;
	__u32 handle;
	volatile __u32 *map;
};

static struct node nodes[2] = { { .fd = -1 }, { .fd = -1 } };

static void die(const char *what, int err)
{
	fprintf(stderr, "gates: %s: %s\n", what, strerror(err));
	exit(1);
}

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Passed on as it is. */
static long do_pass(struct node *n, long count)
{
	struct drm_get_cap c = { .capability = DRM_CAP_PRIME };
	long bad = 0;

	while (count--)
		bad += ioctl(n->fd, DRM_IOCTL_GET_CAP, &c) != 0;
	return bad;
}

/* Copied, decoded, and written back. */
static long do_copy(struct node *n, long count)
{
	struct drm_virtgpu_resource_info i = { .bo_handle = n->handle };
	long bad = 0;

	while (count--)
		bad += ioctl(n->fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &i) || i.size != SIZE;
	return bad;
}

static long do_create(struct node *n, long count)
{
	long bad = 0;
	__u32 handle;

	while (count--)
		bad += qt_vg_create(n->fd, SIDE, SIDE, SIZE, &handle) ||
		       qt_gem_close(n->fd, handle);
	return bad;
}

static long do_map(struct node *n, long count)
{
	__u32 sum = 0;
	long i;

	while (count--)
		for (i = 0; i < SIZE / 4; i += 16)
			sum += n->map[i]++;
	return sum == 0xffffffff;
}

static const struct {
	const char *name;
	long (*fn)(struct node *n, long count);
	long count;
} contenders[] = {
	{ "pass", do_pass, 1000 },
	{ "copy", do_copy, 1000 },
	{ "create", do_create, 40 },
	{ "map", do_map, 20 },
};

/* In the VM's process. */
static long do_begin(long x, long y, void *data)
{
	struct node *n;

	nodes[RAW].fd = x;
	nodes[GATED].fd = open(data, O_RDWR | O_CLOEXEC);
	for (n = nodes; n < nodes + 2; n++) {
		if (n->fd < 0 || qt_vg_create(n->fd, SIDE, SIDE, SIZE, &n->handle))
			return -errno;
		n->map = qt_vg_map(n->fd, n->handle, SIZE);
		if (!n->map)
			return -errno;
		memset((void *)n->map, 0, SIZE);
	}
	return 0;
}

static long do_rounds(long rounds, long y, void *data)
{
	static const char *const which[] = { "raw", "gated" };
	long long begin, took;
	size_t i;
	int r, k, at;

	/* The first one only warms caches. */
	for (r = 0; r <= rounds; r++)
		for (i = 0; i < sizeof(contenders) / sizeof(contenders[0]); i++)
			for (k = 0; k < 2; k++) {
				at = (k + r) % 2;
				begin = now_ns();
				if (contenders[i].fn(&nodes[at], contenders[i].count))
					return -EIO;
				took = now_ns() - begin;
				if (r)
					printf("%s.%s.%s %.1f\n", (char *)data, contenders[i].name,
					       which[at], (double)took / contenders[i].count);
			}
	fflush(stdout);
	return 0;
}

static void measure(struct qt_actor *vmm, const char *when, long rounds)
{
	long ret;

	snprintf(vmm->data, 16, "%s", when);
	ret = qt_do_within(vmm, do_rounds, rounds, 0, 300000);
	if (ret)
		die(when, -ret);
}

static void gate(struct qt_vm *vm, int ctl, int real, struct qwamos_gpu_gate_create *g)
{
	int err = qt_vm_new(vm, ctl, QWAMOS_GPU_LEVEL_HIGH, 0);

	err = err ?: qt_gate_create(vm->manage, real, 0, g);
	if (err)
		die("a VM with a gate", -err);
}

int main(int argc, char **argv)
{
	long rounds = argc == 3 ? atol(argv[1]) : 0, n = argc == 3 ? atol(argv[2]) : 0, i;
	static struct qt_vm others[OTHERS];
	struct qwamos_gpu_gate_create g;
	char path[QT_PATH];
	struct qt_actor vmm;
	struct qt_vm vm;
	int ctl, real, use;
	long err;

	if (rounds <= 0 || n < 0 || n > OTHERS) {
		fprintf(stderr, "usage: gates ROUNDS OTHERS\n");
		return 2;
	}
	ctl = qt_open_control();
	real = qt_render("virtio");
	if (ctl < 0 || real < 0)
		die("a control fd and a render node", ctl < 0 ? -ctl : -real);
	gate(&vm, ctl, real, &g);
	err = qt_vmm(&vm, &vmm, &use);
	err = err ?: qt_gate_node(&g, path);
	if (err)
		die("its process", -err);
	memcpy(vmm.data, path, QT_PATH);
	err = qt_do(&vmm, do_begin, qt_give_fd(&vmm, real), 0);
	if (err)
		die("its node", -err);
	measure(&vmm, "alone", rounds);
	for (i = 0; i < n; i++)
		gate(&others[i], ctl, real, &g);
	measure(&vmm, "among", rounds);
	for (i = 0; i < n; i++)
		qt_vm_end(&others[i]);
	qt_end(&vmm);
	qt_vm_end(&vm);
	unlink(path);
	return 0;
}
