// SPDX-License-Identifier: GPL-2.0-only
/* The audit log: numbering, order, filters, who reads what, folding, and that neither death nor
 * noise erases a trail. Hashes: audit_chain.sh. */
#include <fcntl.h>
#include <poll.h>
#include <time.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "vm.h"

#define MANY 2048

static struct qwamos_gpu_audit_record recs[MANY];

FIXTURE(audit)
{
	int ctl;
	struct qt_vm vm;
	struct qt_vm other;
};

FIXTURE_SETUP(audit)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_LOW, 0));
	ASSERT_EQ(0, qt_vm_new(&self->other, self->ctl, QWAMOS_GPU_LEVEL_MEDIUM, 0));
}

FIXTURE_TEARDOWN(audit)
{
	qt_vm_end(&self->vm);
	qt_vm_end(&self->other);
}

/* One AUDIT_READ with every filter at hand; return: records, or -errno. */
static int read_some(int fd, __u32 flags, __u64 chain, __u64 after, __u32 event, __u32 max,
		     __u64 *lost)
{
	struct qwamos_gpu_audit_read r = {
		.hdr = QT_HDR(r, flags),
		.records = (unsigned long)recs,
		.record_size = sizeof(recs[0]),
		.count = max,
		.chain = chain,
		.after = after,
		.event = event,
		.out_lost = QT_P64,
	};
	int ret = qt_call(fd, QWAMOS_GPU_AUDIT_READ, &r, sizeof(r), QT_NONE);

	if (lost)
		*lost = r.out_lost;
	return ret ? ret : (int)r.count;
}

/* A refusal of no consequence, in the log of the VM. */
static void refused(struct qt_vm *vm)
{
	qt_attach(vm->manage, 1, QWAMOS_GPU_SCRUB_DEFAULT, NULL);
}

TEST_F(audit, chain)
{
	struct timespec now;
	int n, i;

	refused(&self->vm);
	clock_gettime(CLOCK_BOOTTIME, &now);
	n = read_some(self->ctl, QWAMOS_GPU_AUDIT_F_CHAIN, self->vm.id, 0, 0, MANY, NULL);
	ASSERT_EQ(3, n);
	EXPECT_EQ(QWAMOS_GPU_EV_VM_CREATED, recs[0].event);
	EXPECT_EQ(QWAMOS_GPU_EV_POLICY_CREATED, recs[1].event);
	EXPECT_EQ(QWAMOS_GPU_EV_OPERATION_DENIED, recs[2].event);
	for (i = 0; i < n; i++) {
		EXPECT_EQ(self->vm.id, recs[i].chain);
		EXPECT_EQ((__u64)i + 1, recs[i].seq);
		EXPECT_STREQ(self->vm.name, recs[i].vm_name);
		EXPECT_EQ((__u32)getpid(), recs[i].pid);
		EXPECT_EQ(0, recs[i].uid);
		EXPECT_EQ(0, recs[i].flags);
		EXPECT_EQ(1, recs[i].count);
		EXPECT_STREQ("audit_basic", recs[i].comm);
		EXPECT_LE(recs[i].time_ns, recs[i].last_ns);
		EXPECT_GE(now.tv_sec * 1000000000ULL + now.tv_nsec, recs[i].last_ns);
		if (i) {
			EXPECT_LT(recs[i - 1].order, recs[i].order);
			EXPECT_LE(recs[i - 1].time_ns, recs[i].time_ns);
		}
	}
	EXPECT_EQ(QWAMOS_GPU_REASON_LEVEL, recs[2].reason);
	EXPECT_EQ(-EACCES, recs[2].result);
	EXPECT_EQ(QWAMOS_GPU_OP_PASSTHROUGH, recs[2].operation);
	EXPECT_EQ(QWAMOS_GPU_LEVEL_LOW, recs[2].level);
}

/* Over everything: order strictly increases, and each chain has no gap. */
TEST_F(audit, order)
{
	static __u64 seq[4096];
	__u64 after = 0, first = 0, lost;
	int n, i, all = 0;

	for (i = 0; i < 300; i++) {
		refused(i & 1 ? &self->vm : &self->other);
		if (i % 10 == 0)
			qt_audit_mark(self->ctl);
	}
	for (;;) {
		n = read_some(self->ctl, QWAMOS_GPU_AUDIT_F_AFTER, 0, after, 0, 16, NULL);
		ASSERT_LE(0, n);
		if (!n)
			break;
		for (i = 0; i < n; i++, all++) {
			ASSERT_LT(after, recs[i].order);
			after = recs[i].order;
			if (!first)
				first = after;
			ASSERT_GT(4096, recs[i].chain);
			if (seq[recs[i].chain]) {
				ASSERT_EQ(seq[recs[i].chain] + 1, recs[i].seq)
				TH_LOG("chain %llu", recs[i].chain);
			}
			seq[recs[i].chain] = recs[i].seq;
		}
	}
	/* In a guest that has seen much, some were evicted. */
	ASSERT_LE(0, read_some(self->ctl, 0, 0, 0, 0, 1, &lost));
	if (!lost) {
		EXPECT_EQ((__u64)all, after - first + 1) TH_LOG("orders are missing");
	}
}

TEST_F(audit, filters)
{
	__u64 mark = qt_audit_mark(self->ctl);
	int n, i;

	refused(&self->vm);
	refused(&self->other);
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_HIGH));
	ASSERT_EQ(3, read_some(self->ctl, QWAMOS_GPU_AUDIT_F_AFTER, 0, mark, 0, MANY, NULL));
	ASSERT_EQ(2, read_some(self->ctl, QWAMOS_GPU_AUDIT_F_AFTER, 0, mark,
			       QWAMOS_GPU_EV_OPERATION_DENIED, MANY, NULL));
	EXPECT_EQ(QWAMOS_GPU_EV_OPERATION_DENIED, recs[0].event);
	EXPECT_EQ(QWAMOS_GPU_EV_OPERATION_DENIED, recs[1].event);
	ASSERT_EQ(1, read_some(self->ctl, QWAMOS_GPU_AUDIT_F_AFTER | QWAMOS_GPU_AUDIT_F_CHAIN,
			       self->other.id, mark, QWAMOS_GPU_EV_OPERATION_DENIED, MANY, NULL));
	EXPECT_EQ(self->other.id, recs[0].chain);
	/* The first so many behind a place; or the newest. */
	ASSERT_EQ(2, read_some(self->ctl, QWAMOS_GPU_AUDIT_F_AFTER, 0, mark, 0, 2, NULL));
	EXPECT_EQ(mark + 1, recs[0].order);
	EXPECT_EQ(mark + 2, recs[1].order);
	ASSERT_EQ(2, read_some(self->ctl, 0, 0, 0, 0, 2, NULL));
	EXPECT_EQ(mark + 2, recs[0].order);
	EXPECT_EQ(mark + 3, recs[1].order);
	EXPECT_EQ(0, read_some(self->ctl, QWAMOS_GPU_AUDIT_F_AFTER, 0, mark + 3, 0, MANY, NULL));
	EXPECT_EQ(0, read_some(self->ctl, QWAMOS_GPU_AUDIT_F_CHAIN, ~0ULL, 0, 0, MANY, NULL))
	TH_LOG("a chain that never was");
	n = read_some(self->ctl, QWAMOS_GPU_AUDIT_F_CHAIN, 0, 0, 0, MANY, NULL);
	ASSERT_LE(0, n);
	for (i = 0; i < n; i++) {
		EXPECT_EQ(0, recs[i].chain);
		EXPECT_STREQ("", recs[i].vm_name);
	}
}

/* An array of larger records is filled with zeros; no record is written beyond what there is. */
TEST_F(audit, larger_records)
{
	static unsigned char buf[8 * (sizeof(recs[0]) + 32)];
	struct qwamos_gpu_audit_read r = {
		.hdr = QT_HDR(r, QWAMOS_GPU_AUDIT_F_CHAIN),
		.records = (unsigned long)buf,
		.record_size = sizeof(recs[0]) + 32,
		.count = 8,
		.chain = self->vm.id,
		.out_lost = QT_P64,
	};
	size_t i, k;

	memset(buf, QT_POISON, sizeof(buf));
	ASSERT_EQ(0, qt_call(self->ctl, QWAMOS_GPU_AUDIT_READ, &r, sizeof(r), QT_NONE));
	ASSERT_EQ(2, r.count);
	EXPECT_EQ(0, r.out_lost);
	for (i = 0; i < 2; i++)
		for (k = 0; k < 32; k++) {
			EXPECT_EQ(0, buf[i * r.record_size + sizeof(recs[0]) + k]);
		}
	for (k = 2 * r.record_size; k < sizeof(buf); k++) {
		ASSERT_EQ(QT_POISON, buf[k]);
	}
}

/* Of shorter ones, what a reader that checks no hashes wants, there is only the beginning. */
TEST_F(audit, shorter_records)
{
	const size_t size = offsetof(struct qwamos_gpu_audit_record, __reserved);
	static unsigned char buf[8 * sizeof(recs[0])];
	struct qwamos_gpu_audit_read r = {
		.hdr = QT_HDR(r, QWAMOS_GPU_AUDIT_F_CHAIN),
		.records = (unsigned long)buf,
		.record_size = size,
		.count = 8,
		.chain = self->vm.id,
		.out_lost = QT_P64,
	};
	size_t i, k;

	ASSERT_EQ(2, qt_audit_chain(self->ctl, self->vm.id, recs, 8));
	memset(buf, QT_POISON, sizeof(buf));
	ASSERT_EQ(0, qt_call(self->ctl, QWAMOS_GPU_AUDIT_READ, &r, sizeof(r), QT_NONE));
	ASSERT_EQ(2, r.count);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, memcmp(buf + i * size, &recs[i], size));
	for (k = 2 * size; k < sizeof(buf); k++)
		ASSERT_EQ(QT_POISON, buf[k]);
}

/* A VM's fds read its own chain and no other. */
TEST_F(audit, own_chain_only)
{
	const int fds[] = { self->vm.use, self->vm.manage };
	size_t k;
	int n, i;

	refused(&self->other);
	for (k = 0; k < ARRAY_SIZE(fds); k++) {
		n = read_some(fds[k], 0, 0, 0, 0, MANY, NULL);
		ASSERT_LE(2, n);
		for (i = 0; i < n; i++) {
			EXPECT_EQ(self->vm.id, recs[i].chain);
		}
		n = read_some(fds[k], QWAMOS_GPU_AUDIT_F_AFTER, 0, 0, 0, MANY, NULL);
		for (i = 0; i < n; i++) {
			EXPECT_EQ(self->vm.id, recs[i].chain);
		}
		EXPECT_EQ(n, read_some(fds[k], QWAMOS_GPU_AUDIT_F_CHAIN, self->vm.id, 0, 0, MANY,
				       NULL));
		EXPECT_EQ(-EINVAL, read_some(fds[k], QWAMOS_GPU_AUDIT_F_CHAIN, self->other.id, 0, 0,
					     MANY, NULL));
		EXPECT_EQ(-EINVAL,
			  read_some(fds[k], QWAMOS_GPU_AUDIT_F_CHAIN, 0, 0, 0, MANY, NULL));
	}
}

/* The first at once, the rest counted; a second of quiet ends the count. */
TEST_F(audit, folding)
{
	__u64 mark = qt_audit_mark(self->ctl), total = 0, first, last;
	struct timespec now;
	int n, i;

	for (i = 0; i < 500; i++)
		refused(&self->vm);
	n = read_some(self->ctl, QWAMOS_GPU_AUDIT_F_AFTER, 0, mark, 0, MANY, NULL);
	ASSERT_LE(2, n);
	EXPECT_GE(8, n);
	EXPECT_EQ(1, recs[0].count);
	first = recs[0].time_ns;
	last = first;
	for (i = 0; i < n; i++) {
		EXPECT_EQ(QWAMOS_GPU_EV_OPERATION_DENIED, recs[i].event);
		EXPECT_LE(last, recs[i].time_ns);
		EXPECT_LE(recs[i].time_ns, recs[i].last_ns);
		last = recs[i].last_ns;
		total += recs[i].count;
	}
	EXPECT_EQ(500, total) TH_LOG("no refusal is lost in the counting");
	EXPECT_LT(first, last);

	/* Without a reader, a fold is sealed after a second. */
	mark = qt_audit_mark(self->ctl);
	refused(&self->vm);
	refused(&self->vm);
	qt_sleep_ms(2500);
	clock_gettime(CLOCK_BOOTTIME, &now);
	n = read_some(self->ctl, QWAMOS_GPU_AUDIT_F_AFTER, 0, mark, 0, MANY, NULL);
	ASSERT_LT(0, n);
	for (i = 0, total = 0; i < n; i++)
		total += recs[i].count;
	EXPECT_EQ(2, total);
}

/* What differs in what it says is not one record. */
TEST_F(audit, no_false_folding)
{
	__u64 mark;
	int n;

	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_LOW));
	mark = qt_audit_mark(self->ctl);
	refused(&self->vm);
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_MEDIUM));
	refused(&self->vm);
	n = read_some(self->ctl, QWAMOS_GPU_AUDIT_F_AFTER, 0, mark, QWAMOS_GPU_EV_OPERATION_DENIED,
		      MANY, NULL);
	ASSERT_EQ(2, n);
	EXPECT_EQ(QWAMOS_GPU_LEVEL_LOW, recs[0].level);
	EXPECT_EQ(QWAMOS_GPU_LEVEL_MEDIUM, recs[1].level);
	mark = qt_audit_mark(self->ctl);
	EXPECT_EQ(-EACCES, qt_set_level(self->vm.use, 0));
	EXPECT_EQ(-EACCES, qt_destroy(self->vm.use));
	n = read_some(self->ctl, QWAMOS_GPU_AUDIT_F_AFTER, 0, mark, QWAMOS_GPU_EV_CALL_REFUSED,
		      MANY, NULL);
	ASSERT_EQ(2, n) TH_LOG("two calls refused are told as one");
	EXPECT_EQ(QWAMOS_GPU_CMD_VM_SET_POLICY, recs[0].asked);
	EXPECT_EQ(QWAMOS_GPU_CMD_VM_DESTROY, recs[1].asked);
}

/* How many events of a kind the first @n records stand for. */
static __u64 events(int n, __u32 event)
{
	__u64 sum = 0;
	int i;

	for (i = 0; i < n; i++)
		sum += recs[i].event == event ? recs[i].count : 0;
	return sum;
}

/* One VM's flood pushes out no record of another, nor of the host; all of it is counted. */
TEST_F(audit, flood)
{
	__u64 lost, lost_host;
	int i, n;

	read_some(self->ctl, QWAMOS_GPU_AUDIT_F_CHAIN, 0, 0, 0, MANY, &lost_host);
	/* The reader, who may, opens every fold: the worst there is. */
	for (i = 0; i < 1500; i++) {
		refused(&self->other);
		read_some(self->ctl, QWAMOS_GPU_AUDIT_F_CHAIN, self->other.id, 0, 0, 1, NULL);
	}
	n = read_some(self->ctl, QWAMOS_GPU_AUDIT_F_CHAIN, self->vm.id, 0, 0, MANY, &lost);
	EXPECT_EQ(2, n);
	EXPECT_EQ(0, lost);
	read_some(self->ctl, QWAMOS_GPU_AUDIT_F_CHAIN, 0, 0, 0, MANY, &lost);
	EXPECT_EQ(lost_host, lost);
	n = read_some(self->ctl, QWAMOS_GPU_AUDIT_F_CHAIN, self->other.id, 0, 0, MANY, &lost);
	ASSERT_LT(2, n);
	EXPECT_EQ(0, lost);
	EXPECT_EQ(QWAMOS_GPU_EV_VM_CREATED, recs[0].event);
	/* What waits in a fold for its budget is told when the VM ends. */
	ASSERT_EQ(0, qt_destroy(self->other.manage));
	ASSERT_EQ(1, qt_audit_wait(self->ctl, 0,
				   QT_WANT(QWAMOS_GPU_EV_VM_DESTROYED, .chain = self->other.id),
				   NULL, 5000));
	close(self->other.use);
	close(self->other.manage);
	self->other.use = self->other.manage = -1;
	for (i = 0; i < 100; i++) {
		n = read_some(self->ctl, QWAMOS_GPU_AUDIT_F_CHAIN, self->other.id, 0, 0, MANY,
			      &lost);
		if (events(n, QWAMOS_GPU_EV_OPERATION_DENIED) == 1500)
			break;
		qt_sleep_ms(50);
	}
	EXPECT_EQ(1500, events(n, QWAMOS_GPU_EV_OPERATION_DENIED));
}

/* At least 1000 records are kept; what was lost is counted. */
TEST_F(audit, capacity)
{
	__u64 lost;
	int i, n;

	for (i = 0; i < 1500; i++) {
		ASSERT_EQ(0, qt_set_level(self->other.manage, i % 5));
		read_some(self->ctl, QWAMOS_GPU_AUDIT_F_CHAIN, self->other.id, 0, 0, 1, NULL);
	}
	n = read_some(self->ctl, QWAMOS_GPU_AUDIT_F_CHAIN, self->other.id, 0, 0, MANY, &lost);
	EXPECT_LE(1000, n);
	EXPECT_LT(0, lost);
	EXPECT_EQ(recs[0].seq - 1, lost);
	EXPECT_EQ(1502, recs[n - 1].seq);
	for (i = 1; i < n; i++) {
		ASSERT_EQ(recs[i - 1].seq + 1, recs[i].seq);
	}
}

/* A VMM with its use fd can't push its own trail out of the log. */
TEST_F_TIMEOUT(audit, own_flood, 60)
{
	__u64 lost;
	int i, n;

	for (i = 0; i < 3000; i++) {
		qt_destroy(self->vm.use);
		read_some(self->vm.use, 0, 0, 0, 0, 1, NULL);
	}
	n = read_some(self->ctl, QWAMOS_GPU_AUDIT_F_CHAIN, self->vm.id, 0, 0, MANY, &lost);
	ASSERT_LT(0, n);
	EXPECT_EQ(0, lost);
	EXPECT_EQ(1, recs[0].seq);
	EXPECT_EQ(QWAMOS_GPU_EV_VM_CREATED, recs[0].event);
}

/* A dead VM's records stay; a chain is never used again. */
TEST_F(audit, after_death)
{
	__u64 id = self->vm.id;
	char name[QWAMOS_GPU_NAME_LEN];
	int n;

	memcpy(name, self->vm.name, sizeof(name));
	qt_vm_end(&self->vm);
	ASSERT_EQ(0, qt_audit_wait(self->ctl, 0, QT_WANT(QWAMOS_GPU_EV_VM_DESTROYED, .chain = id),
				   NULL, 5000) != 1);
	n = read_some(self->ctl, QWAMOS_GPU_AUDIT_F_CHAIN, id, 0, 0, MANY, NULL);
	ASSERT_LE(3, n);
	EXPECT_EQ(QWAMOS_GPU_EV_VM_CREATED, recs[0].event);
	EXPECT_EQ(QWAMOS_GPU_EV_VM_DESTROYED, recs[n - 1].event)
	TH_LOG("event %u", recs[n - 1].event);
	EXPECT_STREQ(name, recs[n - 1].vm_name);
}

static int head(int fd, __u64 chain, struct qwamos_gpu_audit_head *h)
{
	memset(h, QT_POISON, sizeof(*h));
	h->hdr = (struct qwamos_gpu_hdr)QT_HDR(*h, 0);
	h->chain = chain;
	return qt_call(fd, QWAMOS_GPU_AUDIT_HEAD, h, sizeof(*h), QT_NONE);
}

/* Where a chain stands: as its records say, and as far as this caller may ask. */
TEST_F(audit, head)
{
	const int fds[] = { self->vm.use, self->vm.manage };
	struct qwamos_gpu_audit_head h, empty, own;
	struct qwamos_gpu_get_info info;
	size_t i;
	int n;

	ASSERT_EQ(0, qt_get_info(self->ctl, &info));
	refused(&self->vm);
	n = read_some(self->ctl, QWAMOS_GPU_AUDIT_F_CHAIN, self->vm.id, 0, 0, MANY, NULL);
	ASSERT_EQ(3, n);
	ASSERT_EQ(0, head(self->ctl, self->vm.id, &h));
	EXPECT_EQ(self->vm.id, h.chain);
	EXPECT_EQ(3, h.out_seq);
	EXPECT_EQ(1, h.out_first);
	EXPECT_EQ(0, h.out_lost);
	EXPECT_EQ(0, memcmp(info.out_instance, h.out_instance, sizeof(h.out_instance)));
	EXPECT_EQ(0, memcmp(recs[2].hash, h.out_hash, sizeof(h.out_hash)));
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		ASSERT_EQ(0, head(fds[i], self->vm.id, &own));
		EXPECT_EQ(0, memcmp(&h, &own, sizeof(h)));
		EXPECT_EQ(-EINVAL, head(fds[i], self->other.id, &own)) TH_LOG("another's");
		EXPECT_EQ(-EINVAL, head(fds[i], 0, &own)) TH_LOG("the host's");
		EXPECT_EQ(-EINVAL, head(fds[i], ~0ULL, &own));
	}
	EXPECT_EQ(-ENOENT, head(self->ctl, ~0ULL, &own)) TH_LOG("a chain that never was");
	EXPECT_EQ(-ENOENT, head(self->ctl, self->other.id + 1, &own));
	EXPECT_EQ(0, head(self->ctl, 0, &own)) TH_LOG("the host's");
	/* Genesis hashes differ from chain to chain. */
	ASSERT_EQ(0, head(self->ctl, self->other.id, &empty));
	EXPECT_NE(0, memcmp(h.out_prev_hash, empty.out_prev_hash, sizeof(h.out_prev_hash)));
	/* A repeat that waits is a record for a manager who asks, and not for the VM. */
	refused(&self->vm);
	refused(&self->vm);
	ASSERT_EQ(0, head(self->vm.use, self->vm.id, &own));
	EXPECT_EQ(3, own.out_seq);
	ASSERT_EQ(0, head(self->ctl, self->vm.id, &own));
	EXPECT_EQ(4, own.out_seq);
	EXPECT_NE(0, memcmp(h.out_hash, own.out_hash, sizeof(h.out_hash)));
	EXPECT_EQ(0, memcmp(h.out_prev_hash, own.out_prev_hash, sizeof(h.out_prev_hash)));
	/* And when the chain has outgrown its room, the head says from where on it is there. */
	for (i = 0; i < 1500; i++) {
		ASSERT_EQ(0, qt_set_level(self->vm.manage, i % 5));
	}
	n = read_some(self->ctl, QWAMOS_GPU_AUDIT_F_CHAIN, self->vm.id, 0, 0, MANY, NULL);
	ASSERT_EQ(0, head(self->ctl, self->vm.id, &own));
	EXPECT_EQ(recs[0].seq, own.out_first);
	EXPECT_LT(1, own.out_first);
	EXPECT_EQ(recs[n - 1].seq, own.out_seq);
	EXPECT_EQ(own.out_first - 1, own.out_lost);
	EXPECT_NE(0, memcmp(h.out_prev_hash, own.out_prev_hash, sizeof(h.out_prev_hash)));
}

/* Not for POLLIN on the control fd: that is the registry's, which has a life of its own. */
static int polled(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, ms) > 0 ? p.revents : 0;
}

/* poll() tells of new records, on files on which the log was read. */
TEST_F(audit, poll)
{
	int fresh = qt_open_control();
	__u64 mark;

	ASSERT_LE(0, fresh);
	/* Nobody asks: nobody is told. */
	refused(&self->vm);
	EXPECT_EQ(0, polled(fresh, POLLPRI, 0));
	EXPECT_EQ(0, polled(self->vm.use, POLLIN | POLLPRI, 0));
	EXPECT_EQ(0, polled(self->vm.manage, POLLIN | POLLPRI, 0));

	mark = qt_audit_mark(self->ctl);
	qt_audit_mark(self->vm.use);
	qt_audit_mark(self->other.use);
	EXPECT_EQ(0, polled(self->ctl, POLLPRI, 0));
	EXPECT_EQ(0, polled(self->vm.use, POLLIN | POLLPRI, 0));
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_HIGH));
	EXPECT_EQ(POLLPRI, polled(self->ctl, POLLPRI, 10000));
	EXPECT_EQ(POLLPRI, polled(self->ctl, POLLPRI, 0)) TH_LOG("it stays until somebody reads");
	EXPECT_EQ(POLLIN, polled(self->vm.use, POLLIN | POLLPRI, 10000));
	EXPECT_EQ(0, polled(self->other.use, POLLIN | POLLPRI, 0)) TH_LOG("another VM's records");
	EXPECT_EQ(0, polled(fresh, POLLPRI, 0));

	/* Read in part, there is more. */
	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_MEDIUM));
	ASSERT_EQ(1, read_some(self->ctl, QWAMOS_GPU_AUDIT_F_AFTER, 0, mark, 0, 1, NULL));
	EXPECT_EQ(POLLPRI, polled(self->ctl, POLLPRI, 0));
	ASSERT_EQ(2, read_some(self->ctl, QWAMOS_GPU_AUDIT_F_AFTER, 0, mark, 0, MANY, NULL));
	EXPECT_EQ(0, polled(self->ctl, POLLPRI, 0));
	EXPECT_EQ(POLLIN, polled(self->vm.use, POLLIN | POLLPRI, 0)) TH_LOG("each file for itself");
	qt_audit_mark(self->vm.use);
	EXPECT_EQ(0, polled(self->vm.use, POLLIN | POLLPRI, 0));

	/* Repeats that wait wake the reader when their second is over. */
	refused(&self->vm);
	qt_audit_mark(self->ctl);
	refused(&self->vm);
	EXPECT_EQ(POLLPRI, polled(self->ctl, POLLPRI, 10000));
	close(fresh);
}

TEST_HARNESS_MAIN
