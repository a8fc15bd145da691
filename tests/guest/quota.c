// SPDX-License-Identifier: GPL-2.0-only
/*
 * VM_CHARGE and VM_UNCHARGE: cumulative, never above the limit, by open file, given back by its
 * release. QUOTA_SECONDS in the environment: how long the threads charge at random (3).
 */
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "charge.h"
#include "vm.h"

#define THREADS 8
#define VRAM	QWAMOS_GPU_RESOURCE_VRAM
#define QUEUES	QWAMOS_GPU_RESOURCE_VULKAN_QUEUES

FIXTURE(quota)
{
	int ctl;
	struct qt_vm vm;
	struct qwamos_gpu_vm info;
};

FIXTURE_SETUP(quota)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_HIGH,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
}

FIXTURE_TEARDOWN(quota)
{
	qt_vm_end(&self->vm);
	close(self->ctl);
}

/* Three requests of 1000 MiB against 1024 MiB: one passes, and the refusal says why. */
TEST_F(quota, three_times_1000_of_1024)
{
	__u64 refused[QWAMOS_GPU_REASON_COUNT];
	__u64 mark = qt_audit_mark(self->ctl);
	struct qwamos_gpu_audit_record rec;
	struct qt_amounts m;
	int i;

	for (i = 0; i < 3; i++) {
		int ret = qt_charge(self->vm.use, VRAM, 0, 1000 * QT_MIB, &m);

		EXPECT_EQ(i ? -EDQUOT : 0, ret);
		EXPECT_EQ(i ? QWAMOS_GPU_REASON_QUOTA : 0, (int)qt_reason);
		EXPECT_EQ(1000 * QT_MIB, m.used);
		EXPECT_EQ(1024 * QT_MIB, m.limit);
	}
	EXPECT_EQ(2, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_VRAM_QUOTA_EXCEEDED, .chain = self->vm.id,
					   .result = -EDQUOT, .reason = QWAMOS_GPU_REASON_QUOTA,
					   .asked = 1000 * QT_MIB),
				   &rec));
	EXPECT_EQ(1000 * QT_MIB, rec.used);
	EXPECT_EQ(1024 * QT_MIB, rec.limit);
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &self->info));
	EXPECT_EQ(1000 * QT_MIB, self->info.vram_used);
	EXPECT_EQ(1000 * QT_MIB, self->info.vram_high);
	EXPECT_EQ(1024 * QT_MIB, self->info.vram_limit);
	ASSERT_EQ(0, qt_refusals(self->vm.use, refused));
	EXPECT_EQ(2, refused[QWAMOS_GPU_REASON_QUOTA]);
	ASSERT_EQ(0, qt_uncharge(self->vm.use, VRAM, 0, 1000 * QT_MIB, &m));
	EXPECT_EQ(0, m.used);
	EXPECT_EQ(0, qt_charge(self->vm.use, VRAM, 0, 1024 * QT_MIB, NULL));
	EXPECT_EQ(-EDQUOT, qt_charge(self->vm.use, VRAM, 0, 1, NULL));
}

TEST_F(quota, values)
{
	static const __u64 big[] = { 1024 * QT_MIB + 1, 1ULL << 62, 1ULL << 63, ~0ULL,
				     ~0ULL - 4095 };
	struct qwamos_gpu_vm_charge c;
	__u32 i;

	ASSERT_EQ(0, qt_vram(self->vm.use, 4096));
	EXPECT_EQ(-EINVAL, qt_vram(self->vm.use, 0));
	for (i = 0; i < ARRAY_SIZE(big); i++) {
		EXPECT_EQ(-EDQUOT, qt_vram(self->vm.use, big[i]));
		EXPECT_EQ(-EINVAL, qt_uncharge(self->vm.use, VRAM, 0, big[i], NULL));
	}
	EXPECT_EQ(-EINVAL, qt_uncharge(self->vm.use, VRAM, 0, 0, NULL));
	for (i = 0; i < 40; i++) {
		if (i == VRAM || i == QUEUES)
			continue;
		EXPECT_EQ(-EOPNOTSUPP, qt_charge(self->vm.use, i, 0, 1, NULL));
		EXPECT_EQ(-EOPNOTSUPP, qt_uncharge(self->vm.use, i, 0, 1, NULL));
	}
	EXPECT_EQ(-EOPNOTSUPP, qt_charge(self->vm.use, 0xffffffff, 0, 1, NULL));
	EXPECT_EQ(-ENODEV, qt_charge(self->vm.use, VRAM, 1ULL << 40, 1, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_DEVICE, qt_reason);
	EXPECT_EQ(-EINVAL, qt_uncharge(self->vm.use, VRAM, 1ULL << 40, 1, NULL));
	c = (struct qwamos_gpu_vm_charge){
		.hdr = QT_HDR(c, 0), .kind = VRAM, .amount = 1, .__reserved = 1
	};
	EXPECT_EQ(-EINVAL, qt_call(self->vm.use, QWAMOS_GPU_VM_CHARGE, &c, sizeof(c), QT_NONE));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &self->info));
	EXPECT_EQ(4096, self->info.vram_used);
}

/* 8 of them at HIGH; none without Vulkan. */
TEST_F(quota, queues)
{
	struct qt_amounts m;
	int i;

	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, qt_charge(self->vm.use, QUEUES, 0, 1, NULL));
	EXPECT_EQ(-EDQUOT, qt_charge(self->vm.use, QUEUES, 0, 1, &m));
	EXPECT_EQ(QWAMOS_GPU_REASON_QUEUES, qt_reason);
	EXPECT_EQ(8, m.used);
	EXPECT_EQ(8, m.limit);
	/* Queues are no memory. */
	EXPECT_EQ(-EINVAL, qt_uncharge(self->vm.use, VRAM, 0, 1, NULL));
	EXPECT_EQ(0, qt_set(self->vm.manage,
			    QT_SET(QWAMOS_GPU_POLICY_RESTRICT,
				   .restrictions = QWAMOS_GPU_RESTRICT_NO_VULKAN),
			    NULL));
	EXPECT_EQ(-EACCES, qt_charge(self->vm.use, QUEUES, 0, 1, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_VULKAN_OFF, qt_reason);
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &self->info));
	EXPECT_EQ(8, self->info.queues_used);
	EXPECT_EQ(0, self->info.queues_limit);
	EXPECT_EQ(0, qt_uncharge(self->vm.use, QUEUES, 0, 8, &m));
	EXPECT_EQ(0, m.used);
	EXPECT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_UNTRUSTED));
	EXPECT_EQ(-EACCES, qt_charge(self->vm.use, QUEUES, 0, 1, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_LEVEL, qt_reason);
}

/* What was charged on one open file is not another's to give back; its release gives it back. */
TEST_F(quota, by_open_file)
{
	int other = qt_new_use(self->vm.use), twin = dup(self->vm.use);
	struct qt_amounts m;

	ASSERT_LE(0, other);
	ASSERT_EQ(0, qt_vram(self->vm.use, 100));
	ASSERT_EQ(0, qt_charge(other, VRAM, 0, 10, &m));
	EXPECT_EQ(110, m.used);
	EXPECT_EQ(-EINVAL, qt_uncharge(other, VRAM, 0, 11, NULL));
	EXPECT_EQ(-EINVAL, qt_uncharge(self->vm.use, VRAM, 0, 101, NULL));
	/* A dup() is the same open file. */
	EXPECT_EQ(0, qt_uncharge(twin, VRAM, 0, 40, &m));
	EXPECT_EQ(70, m.used);
	close(twin);
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &self->info));
	EXPECT_EQ(70, self->info.vram_used);
	close(other);
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &self->info));
	EXPECT_EQ(60, self->info.vram_used);
	EXPECT_EQ(110, self->info.vram_high);
}

/* By GPU, inside the one limit of the VM; a GPU's total is all VMs'. */
TEST_F(quota, by_gpu)
{
	__u64 a = qt_id(self->ctl, "vga-a"), b = qt_id(self->ctl, "vga-b");
	const __u64 both[] = { a, b };
	struct qwamos_gpu_vm_gpu gpus[QWAMOS_GPU_VM_GPUS];
	struct qwamos_gpu_dev d;
	struct qt_vm other;
	int first;

	ASSERT_NE(0, a);
	ASSERT_NE(0, b);
	ASSERT_EQ(0, qt_set(self->vm.manage,
			    QT_SET(QWAMOS_GPU_POLICY_GPUS, .gpus_count = 2,
				   .gpus = (unsigned long)both),
			    NULL));
	ASSERT_EQ(0, qt_charge(self->vm.use, VRAM, a, 600 * QT_MIB, NULL));
	EXPECT_EQ(-EDQUOT, qt_charge(self->vm.use, VRAM, b, 600 * QT_MIB, NULL));
	ASSERT_EQ(0, qt_charge(self->vm.use, VRAM, b, 300 * QT_MIB, NULL));
	ASSERT_EQ(0, qt_charge(self->vm.use, QUEUES, a, 3, NULL));
	EXPECT_EQ(-EDQUOT, qt_charge(self->vm.use, QUEUES, b, 6, NULL));
	EXPECT_EQ(-EINVAL, qt_uncharge(self->vm.use, VRAM, b, 300 * QT_MIB + 1, NULL));
	EXPECT_EQ(-EINVAL, qt_uncharge(self->vm.use, VRAM, 0, 1, NULL));
	EXPECT_EQ(-EINVAL, qt_uncharge(self->vm.use, QUEUES, b, 1, NULL));
	ASSERT_EQ(0, qt_uncharge(self->vm.use, VRAM, a, 100 * QT_MIB, NULL));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &self->info));
	EXPECT_EQ(2, self->info.gpus);
	ASSERT_EQ(2, qt_vm_gpus(self->vm.use, gpus, QWAMOS_GPU_VM_GPUS));
	first = gpus[0].device_id == a ? 0 : 1;
	EXPECT_LT(gpus[0].device_id, gpus[1].device_id);
	EXPECT_EQ(a, gpus[first].device_id);
	EXPECT_EQ(500 * QT_MIB, gpus[first].vram_used);
	EXPECT_EQ(600 * QT_MIB, gpus[first].vram_high);
	EXPECT_EQ(3, gpus[first].queues_used);
	EXPECT_EQ(b, gpus[!first].device_id);
	EXPECT_EQ(300 * QT_MIB, gpus[!first].vram_used);
	EXPECT_EQ(0, gpus[!first].queues_used);
	EXPECT_EQ(800 * QT_MIB, self->info.vram_used);
	ASSERT_EQ(0, qt_vm_new(&other, self->ctl, QWAMOS_GPU_LEVEL_HIGH,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	ASSERT_EQ(0, qt_give(other.manage, a));
	ASSERT_EQ(0, qt_charge(other.use, VRAM, a, 7 * QT_MIB, NULL));
	ASSERT_EQ(0, qt_device(self->ctl, "vga-a", &d));
	EXPECT_EQ(507 * QT_MIB, d.vram_used);
	EXPECT_EQ(3, d.queues_used);
	qt_vm_end(&other);
	ASSERT_EQ(0, qt_device(self->ctl, "vga-a", &d));
	EXPECT_EQ(500 * QT_MIB, d.vram_used);
}

/* What nobody has given a VM it can't take, however little, and its tries leave nothing behind. */
TEST_F(quota, not_assigned)
{
	static const char *const ids[] = { "boot",  "noreset", "bochs",	  "vga-a",
					   "vga-b", "virtio",  "pair-vga" };
	struct qwamos_gpu_vm before;
	struct qt_vm taker;
	size_t i;

	ASSERT_EQ(0, qt_vm_new(&taker, self->ctl, QWAMOS_GPU_LEVEL_UNTRUSTED,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	ASSERT_EQ(0, qt_vm_info(taker.use, &before));
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		__u64 gpu = qt_id(self->ctl, ids[i]);

		ASSERT_NE(0, gpu);
		EXPECT_EQ(-EACCES, qt_charge(taker.use, VRAM, gpu, 1, NULL));
		EXPECT_EQ(QWAMOS_GPU_REASON_NOT_ASSIGNED, qt_reason);
		EXPECT_EQ(-EACCES, qt_charge(taker.use, QUEUES, gpu, 1, NULL));
		EXPECT_EQ(-EINVAL, qt_uncharge(taker.use, VRAM, gpu, 1, NULL));
		EXPECT_EQ(0, qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_3D, gpu))
		TH_LOG("%s", ids[i]);
	}
	ASSERT_EQ(0, qt_vm_info(taker.use, &self->info));
	self->info.denied = before.denied;
	EXPECT_EQ(0, memcmp(&before, &self->info, sizeof(before)));
	/* All eight places are still there for a manager. */
	for (i = 0; i < ARRAY_SIZE(ids); i++)
		EXPECT_EQ(0, qt_set(taker.manage,
				    QT_SET(QWAMOS_GPU_POLICY_GUARANTEE, .compute_guarantee = 1,
					   .device_id = qt_id(self->ctl, ids[i])),
				    NULL));
	ASSERT_EQ(0, qt_vm_info(taker.use, &self->info));
	EXPECT_EQ(ARRAY_SIZE(ids), self->info.gpus);
	qt_vm_end(&taker);
}

/* What is taken back is charged no more; what was charged stays until it is given back. */
TEST_F(quota, taken_back)
{
	struct qwamos_gpu_vm_gpu gpus[QWAMOS_GPU_VM_GPUS];
	__u64 gpu = qt_id(self->ctl, "vga-a");

	ASSERT_EQ(0, qt_give(self->vm.manage, gpu));
	ASSERT_EQ(0, qt_charge(self->vm.use, VRAM, gpu, 9, NULL));
	ASSERT_EQ(0, qt_give(self->vm.manage, 0));
	EXPECT_EQ(-EACCES, qt_charge(self->vm.use, VRAM, gpu, 1, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_NOT_ASSIGNED, qt_reason);
	ASSERT_EQ(1, qt_vm_gpus(self->vm.use, gpus, QWAMOS_GPU_VM_GPUS));
	EXPECT_EQ(gpu, gpus[0].device_id);
	EXPECT_EQ(9, gpus[0].vram_used);
	EXPECT_EQ(0, gpus[0].flags);
	EXPECT_EQ(0, qt_uncharge(self->vm.use, VRAM, gpu, 9, NULL));
	EXPECT_EQ(0, qt_vm_gpus(self->vm.use, gpus, QWAMOS_GPU_VM_GPUS));
	ASSERT_EQ(0, qt_give(self->vm.manage, gpu));
	EXPECT_EQ(0, qt_charge(self->vm.use, VRAM, gpu, 9, NULL));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &self->info));
	EXPECT_EQ(9, self->info.vram_used);
}

/* On one that was pulled out nothing more is charged; what was can be given back. */
TEST_F(quota, gpu_gone)
{
	__u64 old = qt_id(self->ctl, "vga-b"), mark;

	ASSERT_NE(0, old);
	ASSERT_EQ(0, qt_give(self->vm.manage, old));
	ASSERT_EQ(0, qt_charge(self->vm.use, VRAM, old, 5, NULL));
	ASSERT_EQ(0, qt_charge(self->vm.use, QUEUES, old, 1, NULL));
	ASSERT_EQ(0, qt_set(self->vm.manage,
			    QT_SET(QWAMOS_GPU_POLICY_GUARANTEE, .compute_guarantee = 9,
				   .device_id = old),
			    NULL));
	ASSERT_EQ(0, qt_remove(qt_addr("vga-b")));
	mark = qt_audit_mark(self->ctl);
	EXPECT_EQ(-ENODEV, qt_charge(self->vm.use, VRAM, old, 1, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_DEVICE, qt_reason);
	EXPECT_EQ(-ENODEV, qt_charge(self->vm.use, QUEUES, old, 1, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_DEVICE, qt_reason);
	EXPECT_EQ(-ENODEV, qt_check(self->vm.use, QWAMOS_GPU_OP_RENDERING_2D, old));
	EXPECT_EQ(-ENODEV, qt_set(self->vm.manage,
				  QT_SET(QWAMOS_GPU_POLICY_GUARANTEE, .compute_guarantee = 8,
					 .device_id = old),
				  NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_DEVICE, qt_reason);
	EXPECT_LE(1,
		  qt_audit_find(self->ctl, mark,
				QT_WANT(QWAMOS_GPU_EV_CALL_REFUSED, .chain = self->vm.id,
					.reason = QWAMOS_GPU_REASON_NO_DEVICE, .result = -ENODEV),
				NULL));
	EXPECT_EQ(0, qt_uncharge(self->vm.use, VRAM, old, 3, NULL));
	EXPECT_EQ(0, qt_uncharge(self->vm.use, QUEUES, old, 1, NULL));
	EXPECT_EQ(0, qt_set(self->vm.manage, QT_SET(QWAMOS_GPU_POLICY_GUARANTEE, .device_id = old),
			    NULL));
	ASSERT_EQ(0, qt_rescan());
	ASSERT_LT(old, qt_id(self->ctl, "vga-b"));
	EXPECT_EQ(-ENODEV, qt_charge(self->vm.use, VRAM, old, 1, NULL));
	EXPECT_EQ(-EACCES, qt_charge(self->vm.use, VRAM, qt_id(self->ctl, "vga-b"), 1, NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_NOT_ASSIGNED, qt_reason);
	ASSERT_EQ(0, qt_give(self->vm.manage, qt_id(self->ctl, "vga-b")));
	EXPECT_EQ(0, qt_charge(self->vm.use, VRAM, qt_id(self->ctl, "vga-b"), 1, NULL));
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &self->info));
	EXPECT_EQ(3, self->info.vram_used);
	EXPECT_EQ(0, self->info.compute_guarantee);
}

/* A limit below what is in use takes nothing away. */
TEST_F(quota, set_below_use)
{
	struct qt_amounts m;

	ASSERT_EQ(0, qt_vram(self->vm.use, 500 * QT_MIB));
	ASSERT_EQ(0, qt_set(self->vm.manage,
			    QT_SET(QWAMOS_GPU_POLICY_VRAM, .vram_limit = 100 * QT_MIB), NULL));
	EXPECT_EQ(-EDQUOT, qt_charge(self->vm.use, VRAM, 0, 1, &m));
	EXPECT_EQ(500 * QT_MIB, m.used);
	EXPECT_EQ(100 * QT_MIB, m.limit);
	ASSERT_EQ(0, qt_uncharge(self->vm.use, VRAM, 0, 450 * QT_MIB, NULL));
	EXPECT_EQ(0, qt_vram(self->vm.use, 50 * QT_MIB));
	EXPECT_EQ(-EDQUOT, qt_vram(self->vm.use, 1));
}

struct crowd {
	int fd;
	int manage;
	bool stop;
	__u64 over;
	__u64 failed;
};

/* qt_call() is for one thread. */
static int raw_check(int fd, __u32 op)
{
	struct qwamos_gpu_vm_check c = { .hdr.size = sizeof(c), .operation = op };

	return ioctl(fd, QWAMOS_GPU_VM_CHECK, &c) ? -1 : (int)c.out_verdict;
}

static int raw_charge(int fd, unsigned int cmd, __u64 amount, __u64 *used)
{
	struct qwamos_gpu_vm_charge c = { .hdr.size = sizeof(c), .kind = VRAM, .amount = amount };
	int ret = ioctl(fd, cmd, &c);

	*used = c.out_used;
	return ret;
}

static void *churn(void *arg)
{
	struct crowd *c = arg;
	unsigned int seed = (unsigned long)&seed;
	__u64 mine = 0, n, used;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		n = (1 + rand_r(&seed) % 300) * QT_MIB;
		if (rand_r(&seed) % 2) {
			if (!raw_charge(c->fd, QWAMOS_GPU_VM_CHARGE, n, &used))
				mine += n;
			if (used > 1024 * QT_MIB)
				__atomic_fetch_add(&c->over, 1, __ATOMIC_RELAXED);
		} else if (mine) {
			n = n < mine ? n : mine;
			if (raw_charge(c->fd, QWAMOS_GPU_VM_UNCHARGE, n, &used))
				__atomic_fetch_add(&c->failed, 1, __ATOMIC_RELAXED);
			mine -= n;
		}
	}
	if (mine && raw_charge(c->fd, QWAMOS_GPU_VM_UNCHARGE, mine, &used))
		__atomic_fetch_add(&c->failed, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *set_and_check(void *arg)
{
	static const __u32 levels[] = { QWAMOS_GPU_LEVEL_UNTRUSTED, QWAMOS_GPU_LEVEL_HIGH };
	struct crowd *c = arg;
	unsigned int i;
	int v;

	for (i = 0; !__atomic_load_n(&c->stop, __ATOMIC_RELAXED); i++) {
		if (qt_set(c->manage, QT_SET(QWAMOS_GPU_POLICY_LEVEL, .level = levels[i % 2]),
			   NULL))
			__atomic_fetch_add(&c->failed, 1, __ATOMIC_RELAXED);
		/* Who set it gets the new policy's verdict. */
		v = raw_check(c->fd, QWAMOS_GPU_OP_COMPUTE_SHADER);
		if (v != (i % 2 ? 0 : (int)QWAMOS_GPU_REASON_LEVEL))
			__atomic_fetch_add(&c->failed, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void run(struct __test_metadata *_metadata, struct crowd *c, bool set)
{
	const char *s = getenv("QUOTA_SECONDS");
	pthread_t t[THREADS + 1];
	int i, n = THREADS;

	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, churn, c));
	if (set)
		ASSERT_EQ(0, pthread_create(&t[n++], NULL, set_and_check, c));
	qt_sleep_ms((s ? atoi(s) : 3) * 1000);
	__atomic_store_n(&c->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < n; i++)
		pthread_join(t[i], NULL);
}

/* All on one open file: never above the limit, nothing left at the end. */
TEST_F_TIMEOUT(quota, threads, 120)
{
	struct crowd c = { .fd = self->vm.use };

	run(_metadata, &c, false);
	EXPECT_EQ(0, c.over);
	EXPECT_EQ(0, c.failed);
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &self->info));
	EXPECT_EQ(0, self->info.vram_used);
	EXPECT_LT(0, self->info.vram_high);
	EXPECT_GE(1024 * QT_MIB, self->info.vram_high);
}

/* The level goes up and down meanwhile. */
TEST_F_TIMEOUT(quota, set_races, 120)
{
	struct crowd c = { .fd = self->vm.use, .manage = self->vm.manage };

	run(_metadata, &c, true);
	EXPECT_EQ(0, c.over);
	EXPECT_EQ(0, c.failed);
	ASSERT_EQ(0, qt_vm_info(self->vm.use, &self->info));
	EXPECT_EQ(0, self->info.vram_used);
	EXPECT_GE(1024 * QT_MIB, self->info.vram_high);
}

/* Killed at any point of charging and giving back: what it had is the VM's again. */
TEST_F_TIMEOUT(quota, killed, 120)
{
	unsigned int seed = 1;
	int i, status;
	__u64 end;

	for (i = 0; i < 40; i++) {
		int fd = qt_new_use(self->vm.use);
		pid_t pid;

		ASSERT_LE(0, fd);
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			struct crowd c = { .fd = fd };

			close(self->vm.use);
			churn(&c);
			_exit(0);
		}
		close(fd);
		qt_sleep_ms(rand_r(&seed) % 30);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		/* A file's release may come a moment after its process's end. */
		for (end = qt_now_ms() + 5000;;) {
			ASSERT_EQ(0, qt_vm_info(self->vm.use, &self->info));
			if (!self->info.vram_used || (__u64)qt_now_ms() > end)
				break;
			qt_sleep_ms(5);
		}
		EXPECT_EQ(0, self->info.vram_used);
	}
}

TEST_HARNESS_MAIN
