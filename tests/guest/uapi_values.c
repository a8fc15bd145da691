// SPDX-License-Identifier: GPL-2.0-only
/* What is particular to one call: names, cgroups, enums, masks, arrays, ids; and running out of
 * fds. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "charge.h"
#include "vm.h"

#define NOTHING_THERE 0x1000UL

FIXTURE(values)
{
	int ctl;
	struct qt_vm vm;
};

FIXTURE_SETUP(values)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_NONE, 0));
}

FIXTURE_TEARDOWN(values)
{
	qt_vm_end(&self->vm);
	close(self->ctl);
}

/* VM_CREATE without a cgroup; closes what it gets. */
static int create_named(int ctl, const void *name, size_t len)
{
	struct qwamos_gpu_vm_create c;
	int ret;

	memset(&c, QT_POISON, sizeof(c));
	c.hdr = (struct qwamos_gpu_hdr)QT_HDR(c, QWAMOS_GPU_VM_CREATE_F_NO_CGROUP);
	c.cgroup_fd = -1;
	c.__reserved = 0;
	memset(c.name, 0, sizeof(c.name));
	memcpy(c.name, name, len);
	ret = qt_call(ctl, QWAMOS_GPU_VM_CREATE, &c, sizeof(c), QT_NONE);
	if (!ret) {
		close(c.out_use_fd);
		close(c.out_manage_fd);
	}
	return ret;
}

/* Every byte at the front, in the middle and at the end of a name. */
TEST_F(values, name_bytes)
{
	static const char good[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	int c, at;

	for (c = 1; c < 256; c++) {
		int err = strchr(good, c) ? 0 : -EINVAL;

		for (at = 0; at < 3; at++) {
			char name[3] = "xyz";

			name[at] = c;
			EXPECT_EQ(err, create_named(self->ctl, name, 3))
			TH_LOG("byte %#x at %d", c, at);
		}
	}
}

TEST_F(values, name_length)
{
	char name[QWAMOS_GPU_NAME_LEN];

	memset(name, 'n', sizeof(name));
	EXPECT_EQ(-EINVAL, create_named(self->ctl, "", 0));
	EXPECT_EQ(-EINVAL, create_named(self->ctl, name, 64)) TH_LOG("no NUL");
	EXPECT_EQ(0, create_named(self->ctl, name, 63));
	EXPECT_EQ(0, create_named(self->ctl, name, 1));
}

TEST_F(values, name_taken)
{
	struct qwamos_gpu_vm_create c;
	int use;

	EXPECT_EQ(-EEXIST,
		  qt_create(self->ctl, self->vm.name, -1, QWAMOS_GPU_VM_CREATE_F_NO_CGROUP, &c));
	/* Free again as soon as it has ended, also while a use fd of it is still open. */
	use = qt_new_use(self->vm.use);
	ASSERT_LE(0, use);
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	ASSERT_EQ(0, qt_create(self->ctl, self->vm.name, -1, QWAMOS_GPU_VM_CREATE_F_NO_CGROUP, &c));
	EXPECT_LT(self->vm.id, c.out_vm_id) TH_LOG("ids are never reused");
	EXPECT_EQ(-EEXIST, create_named(self->ctl, self->vm.name, strlen(self->vm.name)));
	close(c.out_use_fd);
	close(c.out_manage_fd);
	close(use);
}

static int create_in(int ctl, int cgroup_fd, __u32 flags)
{
	struct qwamos_gpu_vm_create c;
	static int serial;
	char name[32];
	int ret;

	snprintf(name, sizeof(name), "cg-%d-%d", getpid(), serial++);
	ret = qt_create(ctl, name, cgroup_fd, flags, &c);
	if (!ret) {
		close(c.out_use_fd);
		close(c.out_manage_fd);
	}
	return ret;
}

TEST_F(values, cgroup_kinds)
{
	char path[QT_PATH + 32];
	int fd, pipes[2];

	EXPECT_EQ(-EBADF, create_in(self->ctl, -1, 0)) TH_LOG("none");
	EXPECT_EQ(-EBADF, create_in(self->ctl, -2, 0));
	EXPECT_EQ(-EBADF, create_in(self->ctl, 1000, 0)) TH_LOG("not open");
	EXPECT_EQ(-EBADF, create_in(self->ctl, 0x7fffffff, 0));
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, create_in(self->ctl, fd, 0)) TH_LOG("a file");
	close(fd);
	fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, create_in(self->ctl, fd, 0)) TH_LOG("a directory elsewhere");
	close(fd);
	snprintf(path, sizeof(path), "%s/cgroup.procs", self->vm.cgroup);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, create_in(self->ctl, fd, 0)) TH_LOG("a file of a cgroup");
	close(fd);
	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-EBADF, create_in(self->ctl, pipes[0], 0)) TH_LOG("a pipe");
	EXPECT_EQ(-EBADF, create_in(self->ctl, self->ctl, 0)) TH_LOG("the control fd");
	EXPECT_EQ(-EBADF, create_in(self->ctl, self->vm.use, 0)) TH_LOG("a VM");
	fd = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, create_in(self->ctl, fd, 0)) TH_LOG("the root");
	EXPECT_EQ(-EINVAL, create_in(self->ctl, fd, QWAMOS_GPU_VM_CREATE_F_NO_CGROUP))
	TH_LOG("none, and one");
	close(fd);
	EXPECT_EQ(-EINVAL, create_in(self->ctl, 1000, QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	EXPECT_EQ(-EINVAL, create_in(self->ctl, -2, QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
}

/* One that is not there any more. */
TEST_F(values, cgroup_removed)
{
	char path[QT_PATH];
	int fd = qt_cgroup_new("qt-removed", path);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, rmdir(path));
	EXPECT_EQ(-EBADF, create_in(self->ctl, fd, 0));
	close(fd);
}

/* cgroup v1 has no such thing as "below". */
TEST_F(values, cgroup_v1)
{
	int fd;

	mkdir("/tmp/qt-v1", 0755);
	ASSERT_EQ(0, mount("none", "/tmp/qt-v1", "cgroup", 0, "none,name=qt"));
	/* Its root will do, and leaves no hierarchy behind. */
	fd = open("/tmp/qt-v1", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	EXPECT_LE(0, fd);
	EXPECT_EQ(-EBADF, create_in(self->ctl, fd, 0));
	close(fd);
	EXPECT_EQ(0, umount("/tmp/qt-v1"));
}

/* The caller would kill itself. */
TEST_F(values, cgroup_of_the_caller)
{
	char above[QT_PATH], below[QT_PATH], name[64];
	int fd_above, fd_below;

	snprintf(name, sizeof(name), "qt-own-%d", getpid());
	fd_above = qt_cgroup_new(name, above);
	ASSERT_LE(0, fd_above);
	snprintf(name, sizeof(name), "qt-own-%d/below", getpid());
	fd_below = qt_cgroup_new(name, below);
	ASSERT_LE(0, fd_below);
	ASSERT_EQ(0, qt_cgroup_enter(below));
	EXPECT_EQ(-EINVAL, create_in(self->ctl, fd_below, 0));
	EXPECT_EQ(-EINVAL, create_in(self->ctl, fd_above, 0));
	ASSERT_EQ(0, qt_cgroup_enter("/sys/fs/cgroup"));
	EXPECT_EQ(0, create_in(self->ctl, fd_below, 0));
	close(fd_above);
	close(fd_below);
	rmdir(below);
	rmdir(above);
}

TEST_F(values, cgroup_overlap)
{
	char below[QT_PATH], beside[QT_PATH], name[96];
	struct qwamos_gpu_vm_create c;
	int fd, fd_beside, i, ret;
	__u64 mark = qt_audit_mark(self->ctl);

	EXPECT_EQ(-EBUSY, create_in(self->ctl, self->vm.cgroup_fd, 0));
	EXPECT_EQ(QWAMOS_GPU_REASON_CGROUP_IN_USE, qt_reason);
	EXPECT_LT(0, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_CALL_REFUSED,
					   .reason = QWAMOS_GPU_REASON_CGROUP_IN_USE,
					   .result = -EBUSY, .pid = getpid()),
				   NULL));
	snprintf(name, sizeof(name), "%s/below", self->vm.name);
	fd = qt_cgroup_new(name, below);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBUSY, create_in(self->ctl, fd, 0)) TH_LOG("below");
	EXPECT_EQ(QWAMOS_GPU_REASON_CGROUP_IN_USE, qt_reason);
	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	/* The cgroup is in use until the VM is over. */
	for (i = 0; i < 500; i++) {
		ret = qt_create(self->ctl, "overlap-below", fd, 0, &c);
		if (!ret)
			break;
		qt_sleep_ms(10);
	}
	ASSERT_EQ(0, ret);
	EXPECT_EQ(-EBUSY, create_in(self->ctl, self->vm.cgroup_fd, 0)) TH_LOG("above");
	EXPECT_EQ(QWAMOS_GPU_REASON_CGROUP_IN_USE, qt_reason);
	snprintf(name, sizeof(name), "%s/beside", self->vm.name);
	fd_beside = qt_cgroup_new(name, beside);
	ASSERT_LE(0, fd_beside);
	EXPECT_EQ(0, create_in(self->ctl, fd_beside, 0)) TH_LOG("beside");
	close(c.out_use_fd);
	close(c.out_manage_fd);
	close(fd);
	close(fd_beside);
	rmdir(below);
	rmdir(beside);
}

static int set_policy(int fd, __u32 mask, __u32 level)
{
	struct qwamos_gpu_vm_set_policy p = { .hdr = QT_HDR(p, 0), .mask = mask, .level = level };

	return qt_call(fd, QWAMOS_GPU_VM_SET_POLICY, &p, sizeof(p), QT_NONE);
}

TEST_F(values, policy)
{
	struct qwamos_gpu_vm vm;
	int bit;

	EXPECT_EQ(-EINVAL, set_policy(self->vm.manage, 0, 0))
	TH_LOG("the first call gives nothing");
	for (bit = 1; bit < 6; bit++)
		EXPECT_EQ(-EINVAL, set_policy(self->vm.manage, 1U << bit, 0))
	TH_LOG("no level but mask bit %d", bit);
	for (bit = 8; bit < 32; bit++) {
		EXPECT_EQ(-EOPNOTSUPP, set_policy(self->vm.manage, 1U << bit, 0))
		TH_LOG("mask bit %d", bit);
		EXPECT_EQ(-EOPNOTSUPP,
			  set_policy(self->vm.manage, 1U << bit | QWAMOS_GPU_POLICY_LEVEL, 0));
	}
	EXPECT_EQ(-EOPNOTSUPP, set_policy(self->vm.manage, QWAMOS_GPU_POLICY_LEVEL, 5));
	EXPECT_EQ(-EOPNOTSUPP, set_policy(self->vm.manage, QWAMOS_GPU_POLICY_LEVEL, 0x80000000));
	EXPECT_EQ(-EOPNOTSUPP,
		  set_policy(self->vm.manage, QWAMOS_GPU_POLICY_LEVEL, QWAMOS_GPU_LEVEL_NONE));
	ASSERT_EQ(0, qt_vm_info(self->vm.manage, &vm));
	EXPECT_EQ(QWAMOS_GPU_LEVEL_NONE, vm.level);
	for (bit = 0; bit <= (int)QWAMOS_GPU_LEVEL_SYSTEM; bit++) {
		EXPECT_EQ(0, set_policy(self->vm.manage, QWAMOS_GPU_POLICY_LEVEL, bit));
		ASSERT_EQ(0, qt_vm_info(self->vm.manage, &vm));
		EXPECT_EQ((__u32)bit, vm.level);
	}
}

static int open_vm(int ctl, __u64 id, const void *name, size_t len, __u32 right)
{
	struct qwamos_gpu_vm_open o = {
		.hdr = QT_HDR(o, 0),
		.vm_id = id,
		.right = right,
		.out_fd = (int)QT_P32,
		.out_vm_id = QT_P64,
	};
	int ret;

	memcpy(o.name, name, len);
	ret = qt_call(ctl, QWAMOS_GPU_VM_OPEN, &o, sizeof(o), QT_NONE);
	if (!ret)
		close(o.out_fd);
	return ret;
}

TEST_F(values, open)
{
	size_t len = strlen(self->vm.name);
	char long_name[QWAMOS_GPU_NAME_LEN];
	struct qwamos_gpu_vm vm;
	int fd;

	memset(long_name, 'n', sizeof(long_name));
	EXPECT_EQ(0, open_vm(self->ctl, self->vm.id, "", 0, QWAMOS_GPU_RIGHT_USE));
	EXPECT_EQ(0, open_vm(self->ctl, self->vm.id, "", 0, QWAMOS_GPU_RIGHT_MANAGE));
	EXPECT_EQ(0, open_vm(self->ctl, 0, self->vm.name, len, QWAMOS_GPU_RIGHT_USE));
	EXPECT_EQ(-EOPNOTSUPP, open_vm(self->ctl, self->vm.id, "", 0, 0));
	EXPECT_EQ(-EOPNOTSUPP, open_vm(self->ctl, self->vm.id, "", 0, 3));
	EXPECT_EQ(-EOPNOTSUPP, open_vm(self->ctl, self->vm.id, "", 0, 0xffffffff));
	EXPECT_EQ(-EINVAL,
		  open_vm(self->ctl, self->vm.id, self->vm.name, len, QWAMOS_GPU_RIGHT_USE))
	TH_LOG("id and name");
	EXPECT_EQ(-EINVAL, open_vm(self->ctl, 0, "", 0, QWAMOS_GPU_RIGHT_USE)) TH_LOG("neither");
	EXPECT_EQ(-EINVAL, open_vm(self->ctl, 0, "a/b", 3, QWAMOS_GPU_RIGHT_USE)) TH_LOG("no name");
	EXPECT_EQ(-EINVAL, open_vm(self->ctl, 0, long_name, 64, QWAMOS_GPU_RIGHT_USE))
	TH_LOG("no NUL");
	EXPECT_EQ(-ENOENT, open_vm(self->ctl, 0, long_name, 63, QWAMOS_GPU_RIGHT_USE));
	EXPECT_EQ(-ENOENT, open_vm(self->ctl, self->vm.id + 1000, "", 0, QWAMOS_GPU_RIGHT_USE));
	EXPECT_EQ(-ENOENT, open_vm(self->ctl, ~0ULL, "", 0, QWAMOS_GPU_RIGHT_USE));

	/* By id and by name it is the same VM, with the right that was asked for. */
	fd = qt_open_vm(self->ctl, 0, self->vm.name, QWAMOS_GPU_RIGHT_MANAGE);
	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	ASSERT_EQ(0, qt_vm_info(fd, &vm));
	EXPECT_EQ(self->vm.id, vm.vm_id);
	EXPECT_EQ(0, qt_set_level(fd, QWAMOS_GPU_LEVEL_LOW));
	close(fd);

	ASSERT_EQ(0, qt_destroy(self->vm.manage));
	EXPECT_EQ(-ENOENT, open_vm(self->ctl, self->vm.id, "", 0, QWAMOS_GPU_RIGHT_USE))
	TH_LOG("ended");
	EXPECT_EQ(-ENOENT, open_vm(self->ctl, 0, self->vm.name, len, QWAMOS_GPU_RIGHT_USE))
	TH_LOG("ended");
}

static int list(int fd, unsigned int cmd, void *entries, __u32 entry_size, __u64 after,
		__u32 *count, __u64 *left)
{
	struct qwamos_gpu_list l = {
		.hdr = QT_HDR(l, 0),
		.entries = (unsigned long)entries,
		.entry_size = entry_size,
		.count = *count,
		.after = after,
		.out_left = QT_P64,
	};
	int ret = qt_call(fd, cmd, &l, sizeof(l), QT_NONE);

	*count = l.count;
	*left = l.out_left;
	return ret;
}

/* How many entries lie in a poisoned buffer, and nothing behind them? -1: something does. */
static int written(const unsigned char *buf, size_t bytes, __u32 size, __u32 n)
{
	size_t i;

	for (i = (size_t)n * size; i < bytes; i++)
		if (buf[i] != QT_POISON)
			return -1;
	return n;
}

TEST_F(values, list_arrays)
{
	static unsigned char buf[64 * 1024], whole[64 * 1024];
	const struct {
		int fd;
		unsigned int cmd;
		__u32 size;
	} lists[] = {
		{ self->ctl, QWAMOS_GPU_VM_LIST, sizeof(struct qwamos_gpu_vm) },
		{ self->ctl, QWAMOS_GPU_DEV_LIST, sizeof(struct qwamos_gpu_dev) },
		{ self->vm.use, QWAMOS_GPU_VM_GPU_LIST, sizeof(struct qwamos_gpu_vm_gpu) },
		{ self->vm.manage, QWAMOS_GPU_VM_REFUSAL_LIST,
		  sizeof(struct qwamos_gpu_vm_refusal) },
	};
	const __u64 gpus[] = { qt_id(self->ctl, "vga-a"), qt_id(self->ctl, "vga-b") };
	__u32 n, all, count;
	__u64 left, key, last;
	size_t i, k;

	ASSERT_EQ(0, qt_set(self->vm.manage,
			    QT_SET(QWAMOS_GPU_POLICY_LEVEL | QWAMOS_GPU_POLICY_GPUS,
				   .level = QWAMOS_GPU_LEVEL_LOW, .gpus_count = 2,
				   .gpus = (unsigned long)gpus),
			    NULL));
	EXPECT_EQ(QWAMOS_GPU_REASON_UNKNOWN_OPERATION, (__u32)qt_check(self->vm.use, 77, 0));
	EXPECT_EQ(-EACCES, qt_join(self->vm.manage));
	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		unsigned int cmd = lists[i].cmd;
		__u32 size = lists[i].size;
		const __u32 short_sizes[] = { 0, 1, size / 2, size - 8, size - 1, 4104 };
		int fd = lists[i].fd;

		/* How many are there? At least the fixture's VM, the GPUs, two refusals. */
		count = 0;
		EXPECT_EQ(0, list(fd, cmd, NULL, size, 0, &count, &left));
		EXPECT_EQ(0, count);
		all = left;
		ASSERT_LE(cmd == QWAMOS_GPU_VM_LIST ? 1 : 2, all);
		ASSERT_GT(60, all);
		/* Too little room, just enough, and more. */
		for (n = 0; n < all + 2; n++) {
			count = n;
			memset(buf, QT_POISON, sizeof(buf));
			EXPECT_EQ(0, list(fd, cmd, buf, size, 0, &count, &left));
			EXPECT_EQ(n < all ? n : all, count);
			EXPECT_EQ(all - count, left);
			EXPECT_EQ((int)count, written(buf, sizeof(buf), size, count))
			TH_LOG("written behind the last entry");
		}
		memcpy(whole, buf, sizeof(whole));
		/* One by one, from each to the next: the same, in the order of their numbers. */
		for (n = 0, last = 0; n < all; n++, last = key) {
			count = 1;
			memset(buf, QT_POISON, sizeof(buf));
			ASSERT_EQ(0, list(fd, cmd, buf, size, last, &count, &left));
			ASSERT_EQ(1, count);
			EXPECT_EQ(all - n - 1, left);
			memcpy(&key, buf, sizeof(key));
			EXPECT_LT(last, key);
			EXPECT_EQ(0, memcmp(&key, whole + n * size, sizeof(key)));
			EXPECT_EQ(1, written(buf, sizeof(buf), size, 1));
		}
		/* None comes after the last one. */
		count = 8;
		EXPECT_EQ(0, list(fd, cmd, buf, size, last, &count, &left));
		EXPECT_EQ(0, count);
		EXPECT_EQ(0, left);
		count = 8;
		EXPECT_EQ(0, list(fd, cmd, buf, size, ~0ULL, &count, &left));
		EXPECT_EQ(0, count);
		EXPECT_EQ(0, left);
		/* A newer caller's entries. */
		count = all;
		memset(buf, QT_POISON, sizeof(buf));
		EXPECT_EQ(0, list(fd, cmd, buf, size + 24, 0, &count, &left));
		for (n = 0; n < all; n++)
			for (k = 0; k < 24; k++) {
				EXPECT_EQ(0, buf[n * (size + 24) + size + k]);
			}
		EXPECT_EQ(QT_POISON, buf[all * (size + 24)]);
		for (k = 0; k < ARRAY_SIZE(short_sizes); k++) {
			count = 60;
			EXPECT_EQ(-EINVAL, list(fd, cmd, buf, short_sizes[k], 0, &count, &left))
			TH_LOG("entry size %u", short_sizes[k]);
		}
		count = all;
		EXPECT_EQ(-EFAULT, list(fd, cmd, NULL, size, 0, &count, &left));
		EXPECT_EQ(-EFAULT, list(fd, cmd, (void *)NOTHING_THERE, size, 0, &count, &left));
		EXPECT_EQ(-EFAULT, list(fd, cmd, (void *)-4096L, size, 0, &count, &left));
		/* Neither the room nor its size may overflow. */
		count = 0xffffffff;
		EXPECT_EQ(0, list(fd, cmd, buf, size, 0, &count, &left));
		EXPECT_EQ(all, count);
	}
}

/* More VMs than one call gathers: by several calls, each of them once. */
TEST_F(values, list_goes_on)
{
	static struct qwamos_gpu_vm vms[100];
	static struct qt_vm many[80];
	__u32 count = 100;
	__u64 left;
	int i, n;

	for (i = 0; i < 80; i++)
		ASSERT_EQ(0, qt_vm_new(&many[i], self->ctl, QWAMOS_GPU_LEVEL_LOW,
				       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	EXPECT_EQ(0, list(self->ctl, QWAMOS_GPU_VM_LIST, vms, sizeof(vms[0]), 0, &count, &left));
	EXPECT_GT(81, count);
	EXPECT_LE(81, count + left);
	n = qt_list_vms(self->ctl, vms, 100);
	EXPECT_LE(81, n);
	for (i = 1; i < n; i++)
		EXPECT_LT(vms[i - 1].vm_id, vms[i].vm_id);
	for (i = 0; i < 80; i++)
		qt_vm_end(&many[i]);
}

static int audit_read(int fd, struct qwamos_gpu_audit_read r)
{
	r.hdr.size = sizeof(r);
	r.hdr.out_reason = QT_P32;
	r.out_lost = QT_P64;
	return qt_call(fd, QWAMOS_GPU_AUDIT_READ, &r, sizeof(r), QT_NONE);
}

TEST_F(values, audit_read)
{
	static struct qwamos_gpu_audit_record recs[4];
	const struct qwamos_gpu_audit_read good = {
		.records = (unsigned long)recs,
		.record_size = sizeof(recs[0]),
		.count = ARRAY_SIZE(recs),
	};
	const int fds[] = { self->ctl, self->vm.manage, self->vm.use };
	struct qwamos_gpu_audit_read r;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		EXPECT_EQ(0, audit_read(fds[i], good));
		r = good;
		r.count = 0;
		EXPECT_EQ(-EINVAL, audit_read(fds[i], r));
		r.count = 65537;
		EXPECT_EQ(-EINVAL, audit_read(fds[i], r));
		r.count = 0xffffffff;
		EXPECT_EQ(-EINVAL, audit_read(fds[i], r));
		r = good;
		r.record_size = sizeof(recs[0]) - 1;
		EXPECT_EQ(-EINVAL, audit_read(fds[i], r));
		r.record_size = offsetof(struct qwamos_gpu_audit_record, __reserved) - 8;
		EXPECT_EQ(-EINVAL, audit_read(fds[i], r)) TH_LOG("without all of comm");
		r.record_size = 4104;
		EXPECT_EQ(-EINVAL, audit_read(fds[i], r));
		r.record_size = 0;
		EXPECT_EQ(-EINVAL, audit_read(fds[i], r));
		r = good;
		r.chain = self->vm.id;
		EXPECT_EQ(-EINVAL, audit_read(fds[i], r)) TH_LOG("a chain, but not F_CHAIN");
		r = good;
		r.after = 1;
		EXPECT_EQ(-EINVAL, audit_read(fds[i], r)) TH_LOG("after, but not F_AFTER");
		r = good;
		r.event = QWAMOS_GPU_EV_COUNT;
		EXPECT_EQ(-EOPNOTSUPP, audit_read(fds[i], r));
		r.event = 0xffffffff;
		EXPECT_EQ(-EOPNOTSUPP, audit_read(fds[i], r));
		r = good;
		r.records = 0;
		EXPECT_EQ(-EFAULT, audit_read(fds[i], r));
		r.records = NOTHING_THERE;
		EXPECT_EQ(-EFAULT, audit_read(fds[i], r));
		r.records = -4096LL;
		EXPECT_EQ(-EFAULT, audit_read(fds[i], r));
	}
}

TEST_F(values, attach_and_release)
{
	struct qwamos_gpu_dev_attach a;

	ASSERT_EQ(0, qt_set_level(self->vm.manage, QWAMOS_GPU_LEVEL_SYSTEM));
	EXPECT_EQ(-EOPNOTSUPP, qt_attach(self->vm.manage, 1, QWAMOS_GPU_SCRUB_NA + 1, NULL));
	EXPECT_EQ(-EOPNOTSUPP, qt_attach(self->vm.manage, 1, 0xffffffff, NULL));
	EXPECT_EQ(-ENODEV, qt_attach(self->vm.manage, 0, QWAMOS_GPU_SCRUB_DEFAULT, &a));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_DEVICE, qt_reason);
	EXPECT_EQ(0, a.out_device_id);
	EXPECT_EQ(-ENODEV, qt_attach(self->vm.manage, ~0ULL, QWAMOS_GPU_SCRUB_DEFAULT, &a));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_DEVICE, qt_reason);
	EXPECT_EQ(-EINVAL, qt_release(self->ctl, 1, 0)) TH_LOG("without F_ACCEPT_LEFTOVERS");
	EXPECT_EQ(-ENODEV,
		  qt_release(self->ctl, ~0ULL, QWAMOS_GPU_DEV_CLEAR_QUARANTINE_F_ACCEPT_LEFTOVERS));
	EXPECT_EQ(QWAMOS_GPU_REASON_NO_DEVICE, qt_reason);
}

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

/* With room for no fd, and for only one of the two that VM_CREATE makes. */
TEST_F(values, out_of_fds)
{
	struct rlimit old, now;
	struct qwamos_gpu_vm vms[8];
	int n = qt_list_vms(self->ctl, vms, 8), fds = count_fds(), room, top;

	top = dup(self->ctl);
	ASSERT_LE(0, top);
	close(top);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	for (room = 0; room < 2; room++) {
		now = old;
		now.rlim_cur = top + room;
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &now));
		EXPECT_EQ(-EMFILE, create_in(self->ctl, -1, QWAMOS_GPU_VM_CREATE_F_NO_CGROUP))
		TH_LOG("room for %d", room);
		if (!room) {
			EXPECT_EQ(-EMFILE, qt_new_use(self->vm.use));
			EXPECT_EQ(-EMFILE,
				  qt_open_vm(self->ctl, self->vm.id, NULL, QWAMOS_GPU_RIGHT_USE));
			EXPECT_EQ(-EMFILE, qt_open_vm(self->ctl, self->vm.id, NULL,
						      QWAMOS_GPU_RIGHT_MANAGE));
		}
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
		EXPECT_EQ(fds, count_fds());
	}
	EXPECT_EQ(n, qt_list_vms(self->ctl, vms, 8));
}

TEST(unknown_numbers)
{
	static const __u8 known[] = {
		QWAMOS_GPU_CMD_GET_INFO,	QWAMOS_GPU_CMD_VM_CREATE,
		QWAMOS_GPU_CMD_VM_OPEN,		QWAMOS_GPU_CMD_VM_LIST,
		QWAMOS_GPU_CMD_DEV_LIST,	QWAMOS_GPU_CMD_DEV_CLEAR_QUARANTINE,
		QWAMOS_GPU_CMD_AUDIT_READ,	QWAMOS_GPU_CMD_VM_SET_POLICY,
		QWAMOS_GPU_CMD_VM_JOIN,		QWAMOS_GPU_CMD_VM_DESTROY,
		QWAMOS_GPU_CMD_DEV_ATTACH,	QWAMOS_GPU_CMD_DEV_DETACH,
		QWAMOS_GPU_CMD_VM_INFO,		QWAMOS_GPU_CMD_VM_NEW_FD,
		QWAMOS_GPU_CMD_AUDIT_HEAD,	QWAMOS_GPU_CMD_LEVEL_INFO,
		QWAMOS_GPU_CMD_VM_CHECK,	QWAMOS_GPU_CMD_VM_CHARGE,
		QWAMOS_GPU_CMD_VM_UNCHARGE,	QWAMOS_GPU_CMD_VM_GPU_LIST,
		QWAMOS_GPU_CMD_VM_REFUSAL_LIST,	QWAMOS_GPU_CMD_VM_ADOPT,
		QWAMOS_GPU_CMD_GATE_CREATE,	QWAMOS_GPU_CMD_GATE_DESTROY,
		QWAMOS_GPU_CMD_GATE_LIST,
	};
	struct qwamos_gpu_get_info arg;
	struct qt_vm vm;
	int ctl = qt_open_control(), nr;
	size_t i;

	ASSERT_LE(0, ctl);
	ASSERT_EQ(0,
		  qt_vm_new(&vm, ctl, QWAMOS_GPU_LEVEL_SYSTEM, QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	for (nr = 0; nr < 256; nr++) {
		const int fds[] = { ctl, vm.manage, vm.use };

		if (memchr(known, nr, sizeof(known)))
			continue;
		for (i = 0; i < ARRAY_SIZE(fds); i++) {
			memset(&arg, QT_POISON, sizeof(arg));
			arg.hdr = (struct qwamos_gpu_hdr)QT_HDR(arg, 0);
			EXPECT_EQ(-ENOTTY, qt_call(fds[i], _IO(QWAMOS_GPU_MAGIC, nr), &arg,
						   sizeof(arg), QT_NONE))
			TH_LOG("number %d", nr);
		}
	}
	qt_vm_end(&vm);
}

/* An fd of ours has no other operations than ioctl() and poll(). */
TEST(no_other_ways)
{
	struct qt_vm vm;
	int ctl = qt_open_control();
	char c = 0;
	size_t i;

	ASSERT_LE(0, ctl);
	ASSERT_EQ(0,
		  qt_vm_new(&vm, ctl, QWAMOS_GPU_LEVEL_SYSTEM, QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	for (i = 0; i < 3; i++) {
		const int fds[] = { ctl, vm.manage, vm.use };

		EXPECT_EQ(-1, read(fds[i], &c, 1));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, write(fds[i], &c, 1));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fds[i], 0));
		EXPECT_EQ(ENODEV, errno);
	}
	qt_vm_end(&vm);
}

TEST_HARNESS_MAIN
