// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which locks do VM_CHECK and VM_CHARGE take? On a kernel with lockdep, /proc/lock_stat counts the
 * acquisitions of each class of locks, and the event lock_acquire names each single lock: none may
 * be on the path of one VM and of another. What an ioctl takes by itself is measured with one that
 * there is not, and does not count; nor does RCU, which keeps nobody waiting, nor that a copy from
 * user memory might fault, which such kernels note as if the process's own mmap_lock were taken.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "call.h"
#include "charge.h"
#include "vm.h"

#define STAT   "/proc/lock_stat"
#define TRACE  "/sys/kernel/debug/tracing/"
#define CALLS  2000 /* for lock_stat */
#define TRACED 200 /* for the event: its buffer holds some thousands */
#define LOCKS  512

/* A class of locks, or a single lock, and how often it was taken. */
struct lock {
	char name[64];
	unsigned long count;
};

struct locks {
	int n;
	struct lock lock[LOCKS];
};

static void count(struct locks *l, const char *name, unsigned long n)
{
	int i;

	for (i = 0; i < l->n; i++)
		if (!strcmp(l->lock[i].name, name))
			break;
	if (i == LOCKS)
		return;
	if (i == l->n) {
		l->n++;
		l->lock[i].count = 0;
		snprintf(l->lock[i].name, sizeof(l->lock[i].name), "%s", name);
	}
	l->lock[i].count += n;
}

static unsigned long taken(const struct locks *l, const char *name)
{
	int i;

	for (i = 0; i < l->n; i++)
		if (!strcmp(l->lock[i].name, name))
			return l->lock[i].count;
	return 0;
}

/* What a test repeats; 0, or -errno if it is not what it should be. */
typedef int (*op_fn)(int fd);

static __u64 gpu; /* that operations are on; 0: none in particular */

static int nothing(int fd)
{
	return ioctl(fd, _IO(QWAMOS_GPU_MAGIC, 0xff), NULL) < 0 && errno == ENOTTY ? 0 : -EIO;
}

static int check(int fd, __u32 operation, __u32 verdict)
{
	struct qwamos_gpu_vm_check c = { .hdr = QT_HDR(c, 0),
					 .operation = operation,
					 .device_id = gpu };

	if (ioctl(fd, QWAMOS_GPU_VM_CHECK, &c))
		return -errno;
	return c.out_verdict == verdict ? 0 : -EIO;
}

static int check_allowed(int fd)
{
	return check(fd, QWAMOS_GPU_OP_COMPUTE_SHADER, 0);
}

static int check_denied(int fd)
{
	return check(fd, QWAMOS_GPU_OP_PASSTHROUGH, QWAMOS_GPU_REASON_LEVEL);
}

static int check_sharing(int fd)
{
	return check(fd, QWAMOS_GPU_OP_COMPUTE_SHADER, QWAMOS_GPU_REASON_SHARING);
}

static int check_array(int fd)
{
	struct qwamos_gpu_vm_check_entry v[4] = { { .operation = QWAMOS_GPU_OP_RENDERING_2D },
						  { .operation = QWAMOS_GPU_OP_COMPUTE_SHADER },
						  { .operation = QWAMOS_GPU_OP_PASSTHROUGH },
						  { .operation = QWAMOS_GPU_OP_RENDERING_3D } };
	int denied = qt_check_array_on(fd, gpu, v, 4);

	return denied < 0 ? denied : denied == 1 ? 0 : -EIO;
}

static int charge(int fd)
{
	struct qwamos_gpu_vm_charge c = { .hdr = QT_HDR(c, 0),
					  .device_id = gpu,
					  .kind = QWAMOS_GPU_RESOURCE_VRAM,
					  .amount = 1 << 20 };

	if (ioctl(fd, QWAMOS_GPU_VM_CHARGE, &c))
		return -errno;
	c.hdr = (struct qwamos_gpu_hdr)QT_HDR(c, 0);
	return ioctl(fd, QWAMOS_GPU_VM_UNCHARGE, &c) ? -errno : 0;
}

static int repeat(op_fn op, int fd, int n)
{
	int ret = 0;

	while (n-- && !ret)
		ret = op(fd);
	return ret;
}

/* Lines "CLASS: 12 numbers", of which the 8th counts acquisitions; readers apart, as CLASS-R. */
static int read_stat(struct locks *l)
{
	char line[512], *colon, *name;
	unsigned long n;
	FILE *f = fopen(STAT, "r");

	if (!f)
		return -errno;
	l->n = 0;
	while (fgets(line, sizeof(line), f)) {
		colon = strrchr(line, ':');
		if (!colon || sscanf(colon + 1, "%*s %*s %*s %*s %*s %*s %*s %lu", &n) != 1)
			continue;
		*colon = '\0';
		name = line + strspn(line, " ");
		count(l, name, n);
	}
	fclose(f);
	return l->n ? 0 : -ENODATA;
}

/* The classes that @n times @op takes. */
static int classes(op_fn op, int fd, int n, struct locks *l)
{
	int ret = qt_write(STAT, "0");

	ret = ret ?: repeat(op, fd, n);
	return ret ?: read_stat(l);
}

/* The locks, each by its address (in some disguise, always the same) and its name. */
static int single_locks(op_fn op, int fd, int n, struct locks *l)
{
	char line[512], pid[16], *what, *end;
	FILE *f;
	int ret;

	snprintf(pid, sizeof(pid), "%d", getpid());
	ret = qt_write(TRACE "trace", "0") ?: qt_write(TRACE "set_event_pid", pid) ?:
	      qt_write(TRACE "events/lock/lock_acquire/enable", "1") ?: repeat(op, fd, n);
	qt_write(TRACE "events/lock/lock_acquire/enable", "0");
	if (ret)
		return ret;
	f = fopen(TRACE "trace", "r");
	if (!f)
		return -errno;
	l->n = 0;
	while (fgets(line, sizeof(line), f)) {
		what = strstr(line, "lock_acquire: ");
		end = what ? strchr(what, '\n') : NULL;
		if (!end)
			continue;
		*end = '\0';
		count(l, what + strlen("lock_acquire: "), 1);
	}
	fclose(f);
	return 0;
}

FIXTURE(locks)
{
	int ctl;
	struct qt_vm a;
	struct qt_vm b;
};

FIXTURE_SETUP(locks)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_vm_new(&self->a, self->ctl, QWAMOS_GPU_LEVEL_HIGH, 0));
	ASSERT_EQ(0, qt_vm_new(&self->b, self->ctl, QWAMOS_GPU_LEVEL_HIGH, 0));
}

FIXTURE_TEARDOWN(locks)
{
	qt_vm_end(&self->a);
	qt_vm_end(&self->b);
}

/* A lock is on the path if half of the calls or more take it: the rest is the clock's tick. */
static bool on_path(const struct locks *l, const struct locks *plain, int i, int calls)
{
	const struct lock *k = &l->lock[i];

	return !strstr(k->name, "rcu") && !strstr(k->name, "mmap_lock") &&
	       k->count >= taken(plain, k->name) + (unsigned long)calls / 2;
}

/* How many locks does @op take on both VMs? Tells which classes it takes at all. */
static int shared(struct __test_metadata *_metadata, FIXTURE_DATA(locks) * self, op_fn op)
{
	static struct locks plain, on_a, on_b;
	int i, n = 0;

	EXPECT_EQ(0, classes(nothing, self->a.use, CALLS, &plain));
	EXPECT_EQ(0, classes(op, self->a.use, CALLS, &on_a));
	for (i = 0; i < on_a.n; i++) {
		if (on_path(&on_a, &plain, i, CALLS)) {
			TH_LOG("takes %s (%lu of %d times)", on_a.lock[i].name, on_a.lock[i].count,
			       CALLS);
		}
	}
	EXPECT_EQ(0, single_locks(nothing, self->a.use, TRACED, &plain));
	EXPECT_EQ(0, single_locks(op, self->a.use, TRACED, &on_a));
	EXPECT_EQ(0, single_locks(op, self->b.use, TRACED, &on_b));
	for (i = 0; i < on_a.n; i++) {
		if (!on_path(&on_a, &plain, i, TRACED) || !taken(&on_b, on_a.lock[i].name))
			continue;
		TH_LOG("both VMs take %s", on_a.lock[i].name);
		n++;
	}
	return n;
}

/* That all this sees a lock at all: DEV_LIST takes the registry's. */
static int list(int fd)
{
	static struct qwamos_gpu_dev devices[64];
	struct qwamos_gpu_list l = { .hdr = QT_HDR(l, 0),
				     .entries = (unsigned long)devices,
				     .entry_size = sizeof(devices[0]),
				     .count = 64 };

	return ioctl(fd, QWAMOS_GPU_DEV_LIST, &l) ? -errno : 0;
}

TEST_F(locks, a_common_lock_is_seen)
{
	static struct locks plain, l;
	int i, n = 0;

	ASSERT_EQ(0, classes(nothing, self->ctl, CALLS, &plain));
	ASSERT_EQ(0, classes(list, self->ctl, CALLS, &l));
	for (i = 0; i < l.n; i++)
		n += on_path(&l, &plain, i, CALLS);
	EXPECT_LE(1, n);
	ASSERT_EQ(0, single_locks(nothing, self->ctl, TRACED, &plain));
	ASSERT_EQ(0, single_locks(list, self->ctl, TRACED, &l));
	for (n = i = 0; i < l.n; i++)
		n += on_path(&l, &plain, i, TRACED);
	EXPECT_LE(1, n);
}

TEST_F(locks, check_allowed)
{
	EXPECT_EQ(0, shared(_metadata, self, check_allowed));
}

/* The record of a refusal is folded into the VM's own. */
TEST_F(locks, check_denied)
{
	EXPECT_EQ(0, shared(_metadata, self, check_denied));
}

TEST_F(locks, check_array)
{
	EXPECT_EQ(0, shared(_metadata, self, check_array));
}

TEST_F(locks, charge)
{
	EXPECT_EQ(0, shared(_metadata, self, charge));
}

/* Two VMs on the same GPU have no more in common than two on none. */
TEST_F(locks, on_a_gpu)
{
	gpu = qt_id(self->ctl, "vga-a");
	ASSERT_NE(0, gpu);
	ASSERT_EQ(0, qt_give(self->a.manage, gpu));
	ASSERT_EQ(0, qt_give(self->b.manage, gpu));
	ASSERT_EQ(0, charge(self->a.use));
	ASSERT_EQ(0, charge(self->b.use));
	EXPECT_EQ(0, shared(_metadata, self, check_allowed));
	EXPECT_EQ(0, shared(_metadata, self, check_denied));
	EXPECT_EQ(0, shared(_metadata, self, check_array));
	EXPECT_EQ(0, shared(_metadata, self, charge));
}

/* Nor if a third one, which may not share, is in their way. */
TEST_F(locks, kept_off_a_gpu)
{
	struct qt_vm loner;

	gpu = qt_id(self->ctl, "vga-a");
	ASSERT_EQ(0, qt_vm_new(&loner, self->ctl, QWAMOS_GPU_LEVEL_UNTRUSTED, 0));
	ASSERT_EQ(0, qt_give(loner.manage, gpu));
	EXPECT_EQ(0, shared(_metadata, self, check_sharing));
	qt_vm_end(&loner);
}

TEST_HARNESS_MAIN
