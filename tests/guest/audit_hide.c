// SPDX-License-Identifier: GPL-2.0-only
/* What a VM does to keep its own deeds, or another's, out of the audit log, to have them told as
 * somebody else's, or to keep others waiting. */
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "charge.h"
#include "vm.h"

#define MANY   4096
#define DEEDS  20
#define AUTHOR 65534

static struct qwamos_gpu_audit_record recs[MANY];

FIXTURE(hide)
{
	int ctl;
	int use;
	struct qt_vm vm;
	struct qt_actor vmm;
};

FIXTURE_SETUP(hide)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_LOW, 0));
	ASSERT_EQ(0, qt_vmm(&self->vm, &self->vmm, &self->use));
}

FIXTURE_TEARDOWN(hide)
{
	qt_end(&self->vmm);
	qt_vm_end(&self->vm);
}

/* What the records of a chain say of an event: how many, in how many records, how many of
 * those are MIXED. */
struct told {
	__u64 events;
	__u64 records;
	__u64 mixed;
	__u64 lost;
};

static struct told told(int ctl, __u64 chain, __u32 event, __u32 op)
{
	struct qwamos_gpu_audit_head h = { .hdr = QT_HDR(h, 0), .chain = chain };
	int n = qt_audit_chain(ctl, chain, recs, MANY), i;
	struct told t = { 0 };

	qt_call(ctl, QWAMOS_GPU_AUDIT_HEAD, &h, sizeof(h), QT_NONE);
	t.lost = h.out_lost;
	for (i = 0; i < n; i++) {
		if (recs[i].event != event || (op && recs[i].operation != op))
			continue;
		t.events += recs[i].count;
		t.records++;
		t.mixed += recs[i].flags & QWAMOS_GPU_RECORD_F_MIXED ? 1 : 0;
	}
	return t;
}

/* The same, as soon as they are @events: what waits for its budget takes its time. */
static struct told told_at_last(int ctl, __u64 chain, __u32 event, __u32 op, __u64 events)
{
	long long end = qt_now_ms() + qt_patience(20000);
	struct told t;

	while ((t = told(ctl, chain, event, op)).events < events && qt_now_ms() < end)
		qt_sleep_ms(500);
	return t;
}

static long do_made_up_ids(long use, long n, void *data)
{
	static __u64 id = 0x100000;

	while (n--)
		qt_check((int)use, QWAMOS_GPU_OP_RENDERING_2D, id++);
	return 0;
}

/* Each call by a process of its own. */
static long do_many_authors(long use, long n, void *data)
{
	pid_t pid;

	while (n--) {
		pid = fork();
		if (!pid) {
			qt_set_level((int)use, 0);
			qt_destroy((int)use);
			qt_check((int)use, QWAMOS_GPU_OP_VIDEO_ENCODE, 0x100000 + n);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			return -errno;
	}
	return 0;
}

static long do_deeds(long use, long flood, void *data)
{
	int i;

	for (i = 0; i < DEEDS; i++) {
		if (flood)
			do_made_up_ids(use, 30, NULL);
		if (qt_check((int)use, QWAMOS_GPU_OP_PASSTHROUGH, 0) != QWAMOS_GPU_REASON_LEVEL)
			return 1;
		if (qt_vram((int)use, 1ULL << 40) != -EDQUOT)
			return 2;
		if (qt_attach((int)use, 1, QWAMOS_GPU_SCRUB_DEFAULT, NULL) != -EACCES)
			return 3;
	}
	return 0;
}

/* The deeds of do_deeds() and do_many_authors() are all there, each under its name. */
static void expect_deeds(struct __test_metadata *_metadata, int ctl, __u64 chain)
{
	struct told t;

	t = told_at_last(ctl, chain, QWAMOS_GPU_EV_OPERATION_DENIED, QWAMOS_GPU_OP_PASSTHROUGH,
			 DEEDS);
	EXPECT_EQ(DEEDS, t.events) TH_LOG("passthrough was denied");
	EXPECT_EQ(0, t.mixed);
	t = told_at_last(ctl, chain, QWAMOS_GPU_EV_VRAM_QUOTA_EXCEEDED, 0, DEEDS);
	EXPECT_EQ(DEEDS, t.events) TH_LOG("VRAM_QUOTA_EXCEEDED");
	EXPECT_EQ(0, t.mixed);
	EXPECT_EQ(0, t.lost);
}

/* Made-up ids are one kind, and use up nothing. */
TEST_F_TIMEOUT(hide, made_up_ids, 120)
{
	struct told t;
	__u64 all = 400 + DEEDS * 30;

	ASSERT_EQ(0, qt_do(&self->vmm, do_made_up_ids, self->use, 400));
	ASSERT_EQ(0, qt_do(&self->vmm, do_deeds, self->use, 1));
	expect_deeds(_metadata, self->ctl, self->vm.id);
	/* With the calls on the wrong fd, which are another kind. */
	t = told_at_last(self->ctl, self->vm.id, QWAMOS_GPU_EV_CALL_REFUSED, 0, all);
	EXPECT_LE(all, t.events);
	EXPECT_EQ(0, t.mixed);
	EXPECT_GT(100, qt_audit_chain(self->ctl, self->vm.id, recs, MANY));
}

/* Authors that make each call a kind of its own use up what their event has, and nothing more. */
TEST_F_TIMEOUT(hide, many_authors, 240)
{
	struct told t;
	__u64 id = self->vm.id;
	const __u32 vmm = self->vmm.pid;
	int i, n;

	ASSERT_EQ(0, qt_do_within(&self->vmm, do_many_authors, self->use, 300, 120000));
	ASSERT_EQ(0, qt_do(&self->vmm, do_deeds, self->use, 0));
	expect_deeds(_metadata, self->ctl, id);
	qt_end(&self->vmm);
	qt_vm_end(&self->vm);
	t = told_at_last(self->ctl, id, QWAMOS_GPU_EV_CALL_REFUSED, 0, 900);
	EXPECT_LE(900, t.events) TH_LOG("all is told when the VM ends");
	EXPECT_EQ(0, t.lost);
	EXPECT_LT(0, t.mixed);
	n = qt_audit_chain(self->ctl, id, recs, MANY);
	EXPECT_GT(400, n) TH_LOG("beyond any budget");
	/* What is not MIXED is one author's: a child made three calls. */
	for (i = 0; i < n; i++) {
		if (recs[i].event == QWAMOS_GPU_EV_CALL_REFUSED && recs[i].pid != vmm &&
		    !(recs[i].flags & QWAMOS_GPU_RECORD_F_MIXED)) {
			EXPECT_EQ(1, recs[i].count);
		}
	}
}

#define TRACING "/sys/kernel/tracing/"
#define STARTED TRACING "events/workqueue/workqueue_execute_start/enable"

/* How often the sealer began to run, according to the kernel's trace. */
static int seals(void)
{
	FILE *f = fopen(TRACING "trace", "re");
	char line[512];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, "seal_work_fn") ? 1 : 0;
	if (f)
		fclose(f);
	return f ? n : -1;
}

/* What can only be counted, for no fold is left, has the sealer run no more than its time is. */
TEST_F_TIMEOUT(hide, what_is_counted_wakes_nobody, 240)
{
	long long took;
	int n;

	if (access(TRACING "trace", F_OK))
		ASSERT_EQ(0, mount("tracefs", TRACING, "tracefs", 0, NULL));
	ASSERT_EQ(0, qt_do_within(&self->vmm, do_many_authors, self->use, 150, 120000));
	ASSERT_EQ(0, qt_write(STARTED, "1"));
	ASSERT_EQ(0, qt_write(TRACING "trace", "0"));
	took = qt_now_ms();
	ASSERT_EQ(0, qt_do_within(&self->vmm, do_many_authors, self->use, 60, 120000));
	took = qt_now_ms() - took;
	n = seals();
	EXPECT_EQ(0, qt_write(STARTED, "0"));
	TH_LOG("%d times in %lld ms", n, took);
	EXPECT_LE(0, n);
	EXPECT_GE(20 + took / 200, n);
}

static long do_become(long uid, long y, void *data)
{
	prctl(PR_SET_NAME, "evil-vmm");
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		return -errno;
	return 0;
}

static long do_check(long use, long n, void *data)
{
	while (n--)
		if (qt_check((int)use, QWAMOS_GPU_OP_VULKAN_COMPUTE, 0) != QWAMOS_GPU_REASON_LEVEL)
			return 1;
	return 0;
}

/* Whose denials a chain tells, of an operation. */
static __u64 told_of(int ctl, __u64 chain, __u32 op, __u32 pid)
{
	int n = qt_audit_chain(ctl, chain, recs, MANY), i;
	__u64 sum = 0;

	for (i = 0; i < n; i++)
		if (recs[i].event == QWAMOS_GPU_EV_OPERATION_DENIED && recs[i].operation == op &&
		    recs[i].pid == pid)
			sum += recs[i].count;
	return sum;
}

/* Repeats are told as theirs who caused them, whoever acted last in the VM. */
TEST_F(hide, author)
{
	int i, n;

	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_UNTRUSTED));
	ASSERT_EQ(0, qt_do(&self->vmm, do_become, AUTHOR, 0));
	ASSERT_EQ(0, qt_do(&self->vmm, do_check, self->use, 500));
	EXPECT_EQ(QWAMOS_GPU_REASON_LEVEL, qt_check(self->vm.manage, QWAMOS_GPU_OP_PASSTHROUGH, 0));
	EXPECT_EQ(500,
		  told_of(self->ctl, self->vm.id, QWAMOS_GPU_OP_VULKAN_COMPUTE, self->vmm.pid));
	n = qt_audit_chain(self->ctl, self->vm.id, recs, MANY);
	for (i = 0; i < n; i++) {
		if (recs[i].operation != QWAMOS_GPU_OP_VULKAN_COMPUTE)
			continue;
		EXPECT_EQ(AUTHOR, recs[i].uid);
		EXPECT_EQ(0, strncmp("evil-vmm", recs[i].comm, sizeof(recs[i].comm)));
	}
}

/* The same process under another user is another author. */
TEST_F(hide, other_user)
{
	__u64 root = 0, nobody = 0;
	int i, n;

	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_UNTRUSTED));
	ASSERT_EQ(0, qt_do(&self->vmm, do_check, self->use, 100));
	ASSERT_EQ(0, qt_do(&self->vmm, do_become, AUTHOR, 0));
	ASSERT_EQ(0, qt_do(&self->vmm, do_check, self->use, 200));
	n = qt_audit_chain(self->ctl, self->vm.id, recs, MANY);
	for (i = 0; i < n; i++) {
		if (recs[i].operation != QWAMOS_GPU_OP_VULKAN_COMPUTE)
			continue;
		root += recs[i].uid == 0 ? recs[i].count : 0;
		nobody += recs[i].uid == AUTHOR ? recs[i].count : 0;
	}
	EXPECT_EQ(100, root);
	EXPECT_EQ(200, nobody);
}

/* Two at the same time: each has its own, and the log does not grow by it. */
TEST_F_TIMEOUT(hide, two_authors, 120)
{
	const int each = 3000;
	int use, n;
	struct qt_actor b;

	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_UNTRUSTED));
	ASSERT_EQ(0, qt_spawn(&b, self->vm.cgroup));
	use = qt_give_fd(&b, self->vm.use);
	ASSERT_LE(0, use);
	for (n = 0; n < 50; n++) {
		ASSERT_EQ(0, qt_do(&self->vmm, do_check, self->use, 1));
		ASSERT_EQ(0, qt_do(&b, do_check, use, 1));
	}
	ASSERT_EQ(0, qt_start(&self->vmm, do_check, self->use, each));
	ASSERT_EQ(0, qt_start(&b, do_check, use, each));
	ASSERT_EQ(0, qt_wait(&self->vmm, qt_patience(60000)));
	ASSERT_EQ(0, qt_wait(&b, qt_patience(60000)));
	EXPECT_EQ(50 + each,
		  told_of(self->ctl, self->vm.id, QWAMOS_GPU_OP_VULKAN_COMPUTE, self->vmm.pid));
	EXPECT_EQ(50 + each, told_of(self->ctl, self->vm.id, QWAMOS_GPU_OP_VULKAN_COMPUTE, b.pid));
	EXPECT_GT(100, qt_audit_chain(self->ctl, self->vm.id, recs, MANY));
	qt_end(&b);
}

/* Whoever rebinds a GPU that is free does not push the host's records out. */
TEST_F_TIMEOUT(hide, rebind, 200)
{
	const char *addr = qt_addr("vga-b");
	__u64 lost, bound;
	int i;

	ASSERT_EQ(0, qt_ours(self->ctl, "vga-b", NULL));
	lost = told(self->ctl, 0, QWAMOS_GPU_EV_DEVICE_BOUND, 0).lost;
	bound = told(self->ctl, 0, QWAMOS_GPU_EV_DEVICE_BOUND, 0).events;
	for (i = 0; i < 700; i++) {
		ASSERT_EQ(0, qt_write("/sys/bus/pci/drivers/" QT_OURS "/unbind", addr));
		ASSERT_EQ(0, qt_write("/sys/bus/pci/drivers/" QT_OURS "/bind", addr));
	}
	EXPECT_EQ(bound + 700,
		  told_at_last(self->ctl, 0, QWAMOS_GPU_EV_DEVICE_BOUND, 0, bound + 700).events);
	EXPECT_EQ(lost, told(self->ctl, 0, QWAMOS_GPU_EV_DEVICE_BOUND, 0).lost);
	EXPECT_GT(900, qt_audit_chain(self->ctl, 0, recs, MANY));
	qt_theirs(self->ctl, "vga-b", NULL);
}

static long do_remove_and_rescan(long n, long y, void *data)
{
	long ret = 0;

	while (n-- && !ret)
		ret = qt_remove(data) ?: qt_rescan();
	return ret;
}

/* Nor does whoever removes it and finds it again. */
TEST_F_TIMEOUT(hide, remove_and_rescan, 200)
{
	static const __u32 events[] = { QWAMOS_GPU_EV_DEVICE_ADDED, QWAMOS_GPU_EV_DEVICE_REMOVED };
	const int rounds = 350;
	struct told before[2], after;
	int i;

	ASSERT_EQ(0, qt_theirs(self->ctl, "vga-b", NULL));
	for (i = 0; i < 2; i++)
		before[i] = told(self->ctl, 0, events[i], 0);
	ASSERT_EQ(0, qt_write("/sys/bus/pci/drivers_autoprobe", "0"));
	snprintf(self->vmm.data, QT_SHARED, "%s", qt_addr("vga-b"));
	EXPECT_EQ(0, qt_do_within(&self->vmm, do_remove_and_rescan, rounds, 0, 150000));
	EXPECT_EQ(0, qt_write("/sys/bus/pci/drivers_autoprobe", "1"));
	for (i = 0; i < 2; i++) {
		after = told_at_last(self->ctl, 0, events[i], 0, before[i].events + rounds);
		EXPECT_EQ(before[i].events + rounds, after.events);
		EXPECT_EQ(before[i].lost, after.lost);
		EXPECT_GT(before[i].records + rounds - 50, after.records)
		TH_LOG("event %u has a record for each", events[i]);
	}
	qt_theirs(self->ctl, "vga-b", NULL);
}

/* A child that does one thing until it is killed; @policy: SCHED_*. */
static pid_t child(int policy, void (*fn)(int fd), int fd)
{
	struct sched_param p = { 0 };
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sched_setscheduler(0, policy, &p);
	for (;;)
		fn(fd);
}

static void spin(int fd)
{
}

static void read_all(int fd)
{
	qt_audit_read(fd, 0, recs, MANY);
}

/* A VM's readers that hardly ever run keep nobody from making another VM. */
TEST_F_TIMEOUT(hide, idle_readers, 200)
{
	long long start, worst = 0;
	pid_t pids[10];
	int i;

	for (i = 0; i < 600; i++)
		ASSERT_EQ(0, qt_set_level(self->vm.manage, 1 + i % 3));
	for (i = 0; i < 8; i++)
		pids[i] = child(SCHED_IDLE, read_all, self->vm.use);
	for (; i < 10; i++)
		pids[i] = child(SCHED_OTHER, spin, -1);
	qt_sleep_ms(2000);
	for (i = 0; i < 20; i++) {
		char name[32];
		struct qwamos_gpu_vm_create c;

		snprintf(name, sizeof(name), "hide-%d", i);
		start = qt_now_ms();
		ASSERT_EQ(0, qt_create(self->ctl, name, -1, QWAMOS_GPU_VM_CREATE_F_NO_CGROUP, &c));
		start = qt_now_ms() - start;
		worst = start > worst ? start : worst;
		qt_destroy(c.out_manage_fd);
		close(c.out_manage_fd);
		close(c.out_use_fd);
	}
	for (i = 0; i < 10; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	TH_LOG("VM_CREATE took %lld ms at most", worst);
	EXPECT_GT(1000, worst);
}

TEST_HARNESS_MAIN
