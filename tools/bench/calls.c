// SPDX-License-Identifier: GPL-2.0-only
/*
 * calls single ROUNDS | calls many ROUNDS VMS: what VM_CHECK, VM_CHARGE and VM_UNCHARGE take, in a
 * guest.
 *
 * Every round measures each contender once, so that what drifts drifts for all of them. Prints a
 * line "NAME NANOSECONDS" for each, by operation. "many" measures one VM by itself, then among
 * others that all have something of the same GPU, then by itself again, and prints what each VM
 * takes of the kernel's slab caches
 * ("slab NAME BYTES", by VM). A contender whose verdicts are not what its name says ends it all.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "call.h"
#include "charge.h"
#include "lab.h"
#include "vm.h"

#define ARRAY	   64
#define UNKNOWN_NR _IO(QWAMOS_GPU_MAGIC, 0xff)
#define AMOUNT	   4096
#define CACHES	   512

struct bench {
	struct qt_vm system; /* no rate, allows all */
	struct qt_vm untrusted; /* 2D only, ten times a second */
	__u64 gpu; /* the first one there is */
	const struct qt_vm *among;
	long n_among;
	long next; /* of those, for going round */
};

/*
 * One contender: does @n operations, and returns how often it went wrong. A round takes it a few
 * ms: less than what a busy host takes away at a time.
 */
struct contender {
	const char *name;
	long (*fn)(struct bench *b, long n);
	long n; /* operations in a round */
	int audited; /* audit_allowed: 0, 1, or -1: as it is */
	long may_fail; /* failures that a round may have */
};

static void die(const char *what, int err)
{
	fprintf(stderr, "calls: %s: %s\n", what, strerror(err));
	exit(1);
}

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long do_getppid(struct bench *b, long n)
{
	long bad = 0;

	while (n--)
		bad += getppid() < 0;
	return bad;
}

static long do_enotty(struct bench *b, long n)
{
	struct qwamos_gpu_vm_check c = { .hdr.size = sizeof(c) };
	long bad = 0;

	while (n--)
		bad += ioctl(b->system.use, UNKNOWN_NR, &c) == 0 || errno != ENOTTY;
	return bad;
}

static long check_on(int fd, __u64 gpu, __u32 op, __u32 verdict, long n)
{
	struct qwamos_gpu_vm_check c = { .hdr.size = sizeof(c), .operation = op, .device_id = gpu };
	long bad = 0;

	while (n--)
		bad += ioctl(fd, QWAMOS_GPU_VM_CHECK, &c) || c.out_verdict != verdict;
	return bad;
}

static long check(int fd, __u32 op, __u32 verdict, long n)
{
	return check_on(fd, 0, op, verdict, n);
}

static long do_allowed(struct bench *b, long n)
{
	return check(b->system.use, QWAMOS_GPU_OP_RENDERING_3D, QWAMOS_GPU_REASON_NONE, n);
}

static long do_on_gpu(struct bench *b, long n)
{
	return check_on(b->system.use, b->gpu, QWAMOS_GPU_OP_RENDERING_3D, QWAMOS_GPU_REASON_NONE,
			n);
}

static long do_denied(struct bench *b, long n)
{
	return check(b->untrusted.use, QWAMOS_GPU_OP_RENDERING_3D, QWAMOS_GPU_REASON_LEVEL, n);
}

static long do_rate(struct bench *b, long n)
{
	return check(b->untrusted.use, QWAMOS_GPU_OP_RENDERING_2D, QWAMOS_GPU_REASON_RATE, n);
}

static long array_on(struct bench *b, __u64 gpu, long n)
{
	struct qwamos_gpu_vm_check_entry v[ARRAY];
	struct qwamos_gpu_vm_check c = { .hdr.size = sizeof(c), .count = ARRAY, .device_id = gpu };
	long bad = 0;
	int i;

	for (i = 0; i < ARRAY; i++)
		v[i] = (struct qwamos_gpu_vm_check_entry){ QWAMOS_GPU_OP_RENDERING_3D, QT_P32 };
	c.entries = (uintptr_t)v;
	for (; n > 0; n -= ARRAY)
		bad += ioctl(b->system.use, QWAMOS_GPU_VM_CHECK, &c) || c.out_denied ||
		       v[ARRAY - 1].out_verdict;
	return bad;
}

static long do_array(struct bench *b, long n)
{
	return array_on(b, 0, n);
}

static long do_array_on_gpu(struct bench *b, long n)
{
	return array_on(b, b->gpu, n);
}

static long charge_on(struct bench *b, __u64 gpu, long n)
{
	struct qwamos_gpu_vm_charge c = {
		.hdr.size = sizeof(c),
		.device_id = gpu,
		.kind = QWAMOS_GPU_RESOURCE_VRAM,
		.amount = AMOUNT,
	};
	long bad = 0;

	while (n--) {
		bad += ioctl(b->system.use, QWAMOS_GPU_VM_CHARGE, &c) || c.out_used != AMOUNT;
		bad += ioctl(b->system.use, QWAMOS_GPU_VM_UNCHARGE, &c) || c.out_used;
	}
	return bad;
}

static long do_charge(struct bench *b, long n)
{
	return charge_on(b, 0, n);
}

static long do_charge_on_gpu(struct bench *b, long n)
{
	return charge_on(b, b->gpu, n);
}

static long do_round_robin(struct bench *b, long n)
{
	struct qwamos_gpu_vm_check c = { .hdr.size = sizeof(c),
					 .operation = QWAMOS_GPU_OP_RENDERING_3D };
	long bad = 0;

	while (n--) {
		bad += ioctl(b->among[b->next].use, QWAMOS_GPU_VM_CHECK, &c) || c.out_verdict;
		b->next = b->next + 1 == b->n_among ? 0 : b->next + 1;
	}
	return bad;
}

static void set_audited(int on)
{
	int ret = on < 0 ? 0 : qt_set_param("qwamos_gpu", "audit_allowed", on);

	if (ret)
		die("audit_allowed", -ret);
}

static void rounds(struct bench *b, const char *prefix, const struct contender *c, size_t n,
		   long count)
{
	long long since;
	long i, bad;
	size_t k;

	/* The first round only warms caches. */
	for (i = -1; i < count; i++) {
		for (k = 0; k < n; k++) {
			set_audited(c[k].audited);
			/* The first of a second is recorded by itself. */
			c[k].fn(b, ARRAY);
			since = now_ns();
			bad = c[k].fn(b, c[k].n);
			since = now_ns() - since;
			set_audited(c[k].audited < 0 ? -1 : 1);
			if (bad > c[k].may_fail) {
				fprintf(stderr, "calls: %s%s: %ld of %ld went otherwise\n", prefix,
					c[k].name, bad, c[k].n);
				exit(1);
			}
			if (i >= 0)
				printf("%s%s %.2f\n", prefix, c[k].name, (double)since / c[k].n);
		}
	}
	fflush(stdout);
}

/* clang-format off: a table */
static const struct contender single[] = {
	{ "getppid", do_getppid, 2000, -1, 0 },
	{ "enotty", do_enotty, 2000, -1, 0 },
	{ "check_allowed", do_allowed, 2000, 1, 0 },
	{ "check_allowed_unaudited", do_allowed, 2000, 0, 0 },
	{ "check_denied", do_denied, 2000, -1, 0 },
	/* One in 100 ms is allowed, however slow this machine is. */
	{ "check_rate", do_rate, 2000, -1, 100 },
	{ "check_array", do_array, 320 * ARRAY, 1, 0 },
	{ "charge_uncharge", do_charge, 1000, -1, 0 },
	{ "check_gpu", do_on_gpu, 2000, 1, 0 },
	{ "check_gpu_array", do_array_on_gpu, 320 * ARRAY, 1, 0 },
	{ "charge_uncharge_gpu", do_charge_on_gpu, 1000, -1, 0 },
};

static const struct contender alone[] = {
	{ "enotty", do_enotty, 2000, -1, 0 },
	{ "check", do_allowed, 2000, 1, 0 },
	{ "check_gpu", do_on_gpu, 2000, 1, 0 },
};

/* By themselves: what they leave for the audit log to seal would slow others down. */
static const struct contender round_robin[] = {
	{ "enotty", do_enotty, 2000, -1, 0 },
	{ "round_robin", do_round_robin, 2000, 1, 0 },
	{ "round_robin_unaudited", do_round_robin, 2000, 0, 0 },
};
/* clang-format on */

/* Time that all CPUs had nothing to do, and all time, in ticks. */
static void read_stat(unsigned long long *idle, unsigned long long *all)
{
	unsigned long long t[8] = { 0 };
	FILE *f = fopen("/proc/stat", "r");
	int i;

	if (!f || fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2],
			 &t[3], &t[4], &t[5], &t[6], &t[7]) != 8)
		die("/proc/stat", EIO);
	fclose(f);
	*idle = t[3] + t[4];
	for (*all = 0, i = 0; i < 8; i++)
		*all += t[i];
}

/* Waits until what the kernel does behind the calls is done: records sealed, VMs ended. */
static void quiet(void)
{
	unsigned long long idle, all, idle2, all2;
	int i;

	/* The audit log waits up to a second before it begins. */
	qt_sleep_ms(1500);
	for (i = 0; i < 120; i++) {
		read_stat(&idle, &all);
		qt_sleep_ms(500);
		read_stat(&idle2, &all2);
		if ((idle2 - idle) * 10 >= (all2 - all) * 9)
			return;
	}
	fprintf(stderr, "calls: the kernel is busy for a minute\n");
	exit(1);
}

struct caches {
	size_t n;
	struct {
		char name[64];
		long active;
		long size;
	} c[CACHES];
};

static void read_caches(struct caches *s)
{
	FILE *f;
	char line[512];

	/* So that what is freed but not given back does not count. */
	qt_sleep_ms(100);
	f = fopen("/proc/slabinfo", "r");
	if (!f)
		die("/proc/slabinfo", errno);
	s->n = 0;
	while (s->n < CACHES && fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %ld %*d %ld", s->c[s->n].name, &s->c[s->n].active,
			   &s->c[s->n].size) == 3)
			s->n++;
	fclose(f);
}

static void print_caches(const struct caches *before, const struct caches *after, long vms)
{
	size_t i, k;

	for (i = 0; i < after->n; i++) {
		long grown = after->c[i].active;

		for (k = 0; k < before->n; k++)
			if (!strcmp(before->c[k].name, after->c[i].name))
				grown -= before->c[k].active;
		/* What grew by less than one object for ten VMs has grown for other reasons. */
		if (grown >= vms / 10)
			printf("slab %s %.0f\n", after->c[i].name,
			       (double)grown * after->c[i].size / vms);
	}
}

static int bench_many(struct bench *b, int ctl, long count, long vms)
{
	struct rlimit files = { 2 * vms + 1024, 2 * vms + 1024 };
	struct qt_vm *list = calloc(vms, sizeof(*list));
	static struct caches before, after;
	long i;
	int ret;

	if (!list || setrlimit(RLIMIT_NOFILE, &files))
		die("room for so many files", errno);
	quiet();
	rounds(b, "before.", alone, 3, count);
	read_caches(&before);
	for (i = 0; i < vms; i++) {
		ret = qt_vm_new(&list[i], ctl, QWAMOS_GPU_LEVEL_SYSTEM,
				QWAMOS_GPU_VM_CREATE_F_NO_CGROUP);
		ret = ret ? ret : qt_give(list[i].manage, b->gpu);
		ret = ret ? ret
			  : qt_charge(list[i].use, QWAMOS_GPU_RESOURCE_VRAM, b->gpu, AMOUNT, NULL);
		if (ret)
			die("a VM among many", -ret);
	}
	read_caches(&after);
	print_caches(&before, &after, vms);
	b->among = list;
	b->n_among = vms;
	quiet();
	rounds(b, "among.", alone, 3, count);
	rounds(b, "turn.", round_robin, 3, count);
	for (i = 0; i < vms; i++) {
		close(list[i].use);
		close(list[i].manage);
	}
	free(list);
	quiet();
	rounds(b, "after.", alone, 3, count);
	return 0;
}

static __u64 first_gpu(int ctl)
{
	static struct qwamos_gpu_dev devices[64];
	long i, n = qt_list_devices(ctl, devices, 64);

	for (i = 0; i < n; i++)
		if (devices[i].flags & QWAMOS_GPU_DEV_F_GPU &&
		    devices[i].flags & QWAMOS_GPU_DEV_F_IOMMU)
			return devices[i].device_id;
	die("a GPU", n < 0 ? -n : ENODEV);
	return 0;
}

int main(int argc, char **argv)
{
	long count = argc > 2 ? atol(argv[2]) : 0, vms = argc > 3 ? atol(argv[3]) : 0;
	int ctl = qt_open_control(), ret;
	struct bench b = { 0 };

	if (ctl < 0)
		die(QWAMOS_GPU_DEVICE, -ctl);
	ret = qt_vm_new(&b.system, ctl, QWAMOS_GPU_LEVEL_SYSTEM, QWAMOS_GPU_VM_CREATE_F_NO_CGROUP);
	ret = ret ? ret
		  : qt_vm_new(&b.untrusted, ctl, QWAMOS_GPU_LEVEL_UNTRUSTED,
			      QWAMOS_GPU_VM_CREATE_F_NO_CGROUP);
	b.gpu = first_gpu(ctl);
	ret = ret ? ret : qt_give(b.system.manage, b.gpu);
	if (ret)
		die("a VM", -ret);
	if (argc == 3 && !strcmp(argv[1], "single") && count > 0) {
		rounds(&b, "", single, sizeof(single) / sizeof(single[0]), count);
	} else if (argc == 4 && !strcmp(argv[1], "many") && count > 0 && vms > 0) {
		ret = bench_many(&b, ctl, count, vms);
	} else {
		fprintf(stderr, "usage: calls single ROUNDS | calls many ROUNDS VMS\n");
		ret = 2;
	}
	qt_vm_end(&b.system);
	qt_vm_end(&b.untrusted);
	return ret;
}
