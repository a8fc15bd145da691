// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who holds a gate's fd tries to get past the gate: by other paths, by other calls, from outside
 * the VM. Whatever is tried is refused, with nothing changed, or charged; in the end nothing is.
 * Also as a 32-bit program.
 */
#define _FILE_OFFSET_BITS 64
#include <linux/io_uring.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include "gate_escape.h"
#include "audit.h"

#define NOBODY 65534

static long do_nobody(long x, long y, void *data)
{
	return setgid(NOBODY) || setuid(NOBODY) ? -errno : 0;
}

/* Make a node of a number; return: 0 or -errno */
static long do_mknod(long major, long minor, void *data)
{
	return mknod("/tmp/escape", S_IFCHR | 0666, makedev(major, minor)) ? -errno : 0;
}

/*
 * What stands before the real node is its owner, its mode, and who may make nodes: the gate does
 * not. Who starts the VM takes the node out of its sight as well.
 */
TEST_F(escape, real_node)
{
	struct qt_actor child;
	struct shared *s;
	struct stat st;

	ASSERT_EQ(0, fstat(self->real, &st));
	ASSERT_EQ(0, chmod(self->real_path, 0600));
	ASSERT_EQ(0, qt_clone(&self->vmm, &child, 0));
	s = child.data;
	ASSERT_EQ(0, qt_do(&child, do_nobody, 0, 0));
	snprintf(s->path, sizeof(s->path), "%s", self->real_path);
	EXPECT_EQ(-EACCES, qt_do(&child, do_open_path, O_RDWR, 0));
	EXPECT_EQ(-EACCES, qt_do(&child, do_open_path, O_RDONLY, 0));
	EXPECT_EQ(-EPERM, qt_do(&child, do_mknod, major(st.st_rdev), minor(st.st_rdev)));
	EXPECT_EQ(-EPERM, qt_do(&child, do_mknod, self->g.out_major, self->g.out_minor));
	ASSERT_EQ(0, chmod(self->real_path, st.st_mode & 07777));
	qt_end(&child);
}

/* Another name of the node that an fd is open on: "flink". */
static long do_link(long fd, long by_proc, void *data)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%ld", fd);
	unlink("/tmp/escape");
	return (by_proc ? linkat(AT_FDCWD, path, AT_FDCWD, "/tmp/escape", AT_SYMLINK_FOLLOW)
			: linkat(fd, "", AT_FDCWD, "/tmp/escape", AT_EMPTY_PATH))
		       ? -errno
		       : 0;
}

static long do_version(long fd, long y, void *data)
{
	struct drm_version v = {};

	return amd_call(fd, DRM_IOCTL_VERSION, &v);
}

/* However it is opened once more, that is a file of the gate with nothing in it, or is refused. */
TEST_F(escape, opened_again)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR | O_NONBLOCK, O_RDWR | O_CLOEXEC };
	struct shared *s = self->outsider.data, *theirs = self->them.data;
	long a = qt_do(&self->vmm, do_create, 0, 0), fd;
	int here = NODE(&self->vmm);
	char path[QT_PATH];
	struct qt_actor child;
	unsigned int i;

	ASSERT_LT(0, a);
	for (i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		fd = qt_do(&self->vmm, do_reopen, here, modes[i]);
		ASSERT_LE(0, fd) TH_LOG("%#x", modes[i]);
		EXPECT_EQ(-EINVAL, qt_do(&self->vmm, do_gem_close, a, fd));
		EXPECT_EQ(-ENOENT, qt_do(&self->vmm, do_export, a, fd));
		EXPECT_EQ(-ENOENT, qt_do(&self->vmm, do_offset, a, fd));
		EXPECT_EQ(i + 2, ledger(&self->vm).opens);
	}
	fd = qt_do(&self->vmm, do_reopen, here, O_PATH);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, qt_do(&self->vmm, do_version, fd, 0));
	EXPECT_LE(0, qt_do(&self->vmm, do_reopen, fd, O_RDWR));
	/* A child is a member, but did not join; an outsider is neither. */
	ASSERT_EQ(0, qt_clone(&self->vmm, &child, 0));
	EXPECT_EQ(-EACCES, qt_do(&child, do_reopen, here, O_RDWR));
	EXPECT_EQ(-EACCES, qt_do(&child, do_reopen, fd, O_RDONLY));
	EXPECT_EQ(0, qt_do(&child, do_version, here, 0));
	qt_end(&child);
	snprintf(s->path, sizeof(s->path), "/proc/%d/fd/%d", self->vmm.pid, here);
	EXPECT_EQ(-EACCES, qt_do(&self->outsider, do_open_path, O_RDWR, 0));
	snprintf(path, sizeof(path), "%s", theirs->path);
	snprintf(theirs->path, sizeof(theirs->path), "/tmp/escape");
	snprintf(s->path, sizeof(s->path), "/tmp/escape");
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, qt_do(&self->vmm, do_link, i ? here : fd, i));
		EXPECT_EQ(-EACCES, qt_do(&self->outsider, do_open_path, O_RDWR, 0));
		EXPECT_EQ(-EACCES, qt_do(&self->them, do_reopen,
					 qt_do(&self->them, do_open_path, O_PATH, 0), O_RDWR));
	}
	snprintf(theirs->path, sizeof(theirs->path), "%s", path);
	unlink("/tmp/escape");
	ASSERT_EQ(0, qt_clone(&self->vmm, &child, 0));
	ASSERT_EQ(0, qt_do(&child, do_nobody, 0, 0));
	EXPECT_GT(0, qt_do(&child, do_link, here, 0));
	qt_end(&child);
}

/* Any ioctl, with an argument of 0xcc; -ENOTRECOVERABLE: it was changed */
static long do_any(long cmd, long fd, void *data)
{
	unsigned char *p = ((struct shared *)data)->bytes;
	int ret;

	memset(p, QT_POISON, 256);
	ret = ioctl(fd ? fd : node, (unsigned int)cmd, p) ? -errno : 0;
	return amd_all(p, 256, QT_POISON) ? ret : -ENOTRECOVERABLE;
}

static bool is_one_of(__u32 nr, const __u8 *numbers, unsigned int n)
{
	return memchr(numbers, nr, n);
}

/* Of DRM's own calls, and the driver's: those that a gate lets through, and those that it knows. */
static const __u8 let_through[] = {
	0x00, 0x09, 0x0c, 0x2d, 0x2e, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
	0x4a, 0x4b, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xca, 0xcb, 0xcc, 0xcd, 0xd1,
};
static const __u8 not_offered[] = { 0x0a, 0x0b, 0xcf, 0xd2 };

/*
 * KMS, masters, leases, legacy buffers, names, numbers that nobody has: each is refused before
 * anybody looks at its argument, is counted and stands in the log.
 */
TEST_F_TIMEOUT(escape, every_other_call, 120)
{
	static const unsigned int shapes[] = {
		_IOC(0, 'd', 0, 0),
		_IOC(_IOC_WRITE, 'd', 0, 8),
		_IOC(_IOC_READ, 'd', 0, 16383),
	};
	struct qwamos_gpu_audit_record rec;
	__u32 nr, reason, i, n;
	__u64 mark, denied;

	for (nr = 0; nr < 256; nr++) {
		if (is_one_of(nr, let_through, sizeof(let_through)))
			continue;
		reason = is_one_of(nr, not_offered, sizeof(not_offered))
				 ? QWAMOS_GPU_REASON_NOT_OFFERED
				 : QWAMOS_GPU_REASON_NOT_DECODED;
		denied = ledger(&self->vm).denied;
		mark = qt_audit_mark(self->ctl);
		EXPECT_EQ(-EACCES,
			  qt_do(&self->vmm, do_any, _IOC(_IOC_READ | _IOC_WRITE, 'd', nr, 128), 0))
		TH_LOG("%#x", nr);
		EXPECT_EQ(denied + 1, ledger(&self->vm).denied) TH_LOG("%#x", nr);
		ASSERT_EQ(1, qt_audit_find(self->ctl, mark,
					   QT_WANT(QWAMOS_GPU_EV_GATE_CALL_REFUSED,
						   .chain = self->vm.id),
					   &rec))
		TH_LOG("%#x", nr);
		EXPECT_EQ(reason, rec.reason) TH_LOG("%#x", nr);
		EXPECT_EQ(nr, rec.asked);
	}
	/* Whatever the size and direction. */
	denied = ledger(&self->vm).denied;
	for (nr = 0, n = 0; nr < 256; nr++) {
		if (is_one_of(nr, let_through, sizeof(let_through)))
			continue;
		for (i = 0; i < sizeof(shapes) / sizeof(*shapes); i++, n++) {
			EXPECT_EQ(-EACCES, qt_do(&self->vmm, do_any, shapes[i] | nr, 0))
			TH_LOG("%#x", shapes[i] | nr);
		}
	}
	EXPECT_EQ(denied + n, ledger(&self->vm).denied);
	EXPECT_EQ(-ENOTTY, qt_do(&self->vmm, do_any, _IOWR('D', 0, char[128]), 0));
	EXPECT_EQ(-ENOTTY, qt_do(&self->vmm, do_any, _IOWR(0xb7, 0x20, char[128]), 0));
}

/* Who has been passed the fd, in whatever way, has nothing of it. */
TEST_F(escape, passed_outside)
{
	__u64 denied = ledger(&self->vm).denied, mark = qt_audit_mark(self->ctl);
	int fd = pass(&self->vmm, &self->outsider, NODE(&self->vmm));
	unsigned int i, n = sizeof(let_through);
	struct shared *s = self->outsider.data;
	struct qt_actor daemon;
	long a;

	ASSERT_LE(0, fd);
	for (i = 0; i < n; i++) {
		EXPECT_EQ(-EACCES, qt_do(&self->outsider, do_any,
					 _IOC(_IOC_READ | _IOC_WRITE, 'd', let_through[i], 16), fd))
		TH_LOG("%#x", let_through[i]);
	}
	EXPECT_EQ(n, qt_audit_find(self->ctl, mark,
				   QT_WANT(QWAMOS_GPU_EV_GATE_CALL_REFUSED, .chain = self->vm.id,
					   .reason = QWAMOS_GPU_REASON_NOT_MEMBER),
				   NULL));
	EXPECT_EQ(denied + n, ledger(&self->vm).denied);
	a = qt_do(&self->vmm, do_create, 0, 0);
	ASSERT_LT(0, a);
	ASSERT_EQ(0, qt_do(&self->vmm, do_offset, a, 0));
	s->offset = ((struct shared *)self->vmm.data)->offset;
	EXPECT_EQ(-EACCES, qt_do(&self->outsider, do_create, fd, 0));
	EXPECT_EQ(-EACCES, qt_do(&self->outsider, do_export, a, fd));
	/* Another VM's member is an outsider, too; its own file opened, its calls known. */
	fd = pass(&self->vmm, &self->them, NODE(&self->vmm));
	EXPECT_EQ(-EACCES, qt_do(&self->them, do_create, fd, 0));
	EXPECT_EQ(-EACCES, qt_do(&self->them, do_gem_close, a, fd));
	/* A daemon of the VM's is none, whoever its parent is; what it makes is charged. */
	ASSERT_EQ(0, qt_clone(&self->vmm, &daemon, QT_CLONE_DAEMON));
	EXPECT_EQ(BYTES, ledger(&self->vm).vram_used);
	EXPECT_LT(0, qt_do(&daemon, do_create, 0, 0));
	EXPECT_EQ(2 * BYTES, ledger(&self->vm).vram_used);
	EXPECT_EQ(0, ledger(&self->other).vram_used);
	qt_end(&daemon);
}

static long do_map_at(long fd, long y, void *data)
{
	struct shared *s = data;
	long ret = map(fd, s->offset);

	if (!ret)
		munmap(mem, BYTES);
	mem = NULL;
	return ret;
}

TEST_F(escape, mapped_outside)
{
	int fd = pass(&self->vmm, &self->outsider, NODE(&self->vmm));
	struct shared *s = self->outsider.data;
	long a = qt_do(&self->vmm, do_create, 0, 0);

	ASSERT_LE(0, fd);
	ASSERT_LT(0, a);
	ASSERT_EQ(0, qt_do(&self->vmm, do_map, a, 0));
	s->offset = ((struct shared *)self->vmm.data)->offset;
	EXPECT_EQ(-EACCES, qt_do(&self->outsider, do_map_at, fd, 0));
	EXPECT_EQ(0, qt_do(&self->vmm, do_gem_close, a, 0));
	EXPECT_EQ(-EACCES, qt_do(&self->outsider, do_map_at, fd, 0));
}

/* What a file does that holds bytes. */
static long do_bytes(long what, long fd, void *data)
{
	struct iovec v = { ((struct shared *)data)->bytes, 64 };
	int pipes[2] = { -1, -1 }, temp = memfd_create("escape", 0);
	ssize_t n = -1;
	int err;

	if (pipe(pipes) || write(pipes[1], "x", 1) != 1 || ftruncate(temp, 4096))
		return -errno;
	errno = 0;
	switch (what) {
	case 0:
		n = read(fd, v.iov_base, 64);
		break;
	case 1:
		n = write(fd, v.iov_base, 64);
		break;
	case 2:
		n = readv(fd, &v, 1);
		break;
	case 3:
		n = writev(fd, &v, 1);
		break;
	case 4:
		n = pread(fd, v.iov_base, 64, 0);
		break;
	case 5:
		n = pwrite(fd, v.iov_base, 64, 0);
		break;
	case 6:
		n = sendfile(fd, temp, NULL, 64);
		break;
	case 7:
		n = sendfile(pipes[1], fd, NULL, 64);
		break;
	case 8:
		n = splice(fd, NULL, pipes[1], NULL, 64, SPLICE_F_NONBLOCK);
		break;
	case 9:
		n = splice(pipes[0], NULL, fd, NULL, 1, SPLICE_F_NONBLOCK);
		break;
	case 10:
		n = copy_file_range(fd, NULL, temp, NULL, 64, 0);
		break;
	case 11:
		n = ftruncate(fd, 0);
		break;
	}
	err = n < 0 ? -errno : 0;
	close(pipes[0]);
	close(pipes[1]);
	close(temp);
	return err;
}

TEST_F(escape, no_bytes)
{
	int fd = NODE(&self->vmm), what;

	for (what = 0; what < 12; what++) {
		EXPECT_EQ(-EINVAL, qt_do(&self->vmm, do_bytes, what, fd)) TH_LOG("%d", what);
	}
}

/* A ring for requests, mapped; ->bytes holds what another process needs to map it, too. */
static struct ring {
	int fd;
	char *sq;
	char *cq;
	struct io_uring_sqe *sqes;
	struct io_uring_params p;
} ring;

static void *ring_part(size_t size, off_t what)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, what);
}

static long do_ring_map(long fd, long y, void *data)
{
	ring.fd = fd;
	memcpy(&ring.p, ((struct shared *)data)->bytes, sizeof(ring.p));
	ring.sq = ring_part(4096, IORING_OFF_SQ_RING);
	ring.cq = ring_part(4096, IORING_OFF_CQ_RING);
	ring.sqes = ring_part(4096, IORING_OFF_SQES);
	return ring.sq == MAP_FAILED || ring.cq == MAP_FAILED || ring.sqes == MAP_FAILED ? -errno
											 : fd;
}

/* With a file of the gate's as its first, which keeps nobody waiting for something to read. */
static long do_ring(long x, long y, void *data)
{
	struct io_uring_params p = {};
	int fd = syscall(SYS_io_uring_setup, 4, &p);

	node = do_reopen(node, O_RDWR | O_NONBLOCK, data);
	if (fd < 0 || syscall(SYS_io_uring_register, fd, IORING_REGISTER_FILES, &node, 1))
		return -errno;
	memcpy(((struct shared *)data)->bytes, &p, sizeof(p));
	return do_ring_map(fd, 0, data);
}

static volatile unsigned int *at(char *base, unsigned int offset)
{
	return (volatile unsigned int *)(base + offset);
}

/* Have one request carried out; @flags: IOSQE_*; return: its result */
static long do_request(long op, long flags, void *data)
{
	struct shared *s = data;
	struct io_uring_sqe *e = ring.sqes;
	struct io_uring_cqe *c;
	unsigned int head;
	long ret;

	memset(e, 0, sizeof(*e));
	e->opcode = op;
	e->flags = flags;
	e->fd = flags & IOSQE_FIXED_FILE ? 0 : op == IORING_OP_OPENAT ? AT_FDCWD : node;
	e->addr = (unsigned long)(op == IORING_OP_OPENAT ? (void *)s->path : s->bytes);
	e->len = op == IORING_OP_OPENAT ? 0 : 64;
	if (op == IORING_OP_OPENAT)
		e->open_flags = O_RDWR | O_CLOEXEC;
	if (op == IORING_OP_URING_CMD) {
		e->addr = e->len = 0;
		e->cmd_op = (__u32)DRM_IOCTL_VERSION;
	}
	*at(ring.sq, ring.p.sq_off.array) = 0;
	(*at(ring.sq, ring.p.sq_off.tail))++;
	ret = syscall(SYS_io_uring_enter, ring.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	if (ret != 1)
		return ret < 0 ? -errno : -EIO;
	head = *at(ring.cq, ring.p.cq_off.head);
	if (head == *at(ring.cq, ring.p.cq_off.tail))
		return -EIO;
	c = (struct io_uring_cqe *)(ring.cq + ring.p.cq_off.cqes);
	ret = c[head & *at(ring.cq, ring.p.cq_off.ring_mask)].res;
	*at(ring.cq, ring.p.cq_off.head) = head + 1;
	return ret;
}

/* Take an fd out of another process; return: its number here, or -errno */
static long do_take(long pid, long fd, void *data)
{
	int pidfd = syscall(SYS_pidfd_open, (int)pid, 0), got;

	got = syscall(SYS_pidfd_getfd, pidfd, (int)fd, 0);
	got = got < 0 ? -errno : got;
	close(pidfd);
	return got;
}

/* No request reaches the driver, and one that opens is asked who it is, whoever does it. */
TEST_F(escape, rings)
{
	static const int flags[] = { 0, IOSQE_ASYNC, IOSQE_FIXED_FILE,
				     IOSQE_FIXED_FILE | IOSQE_ASYNC };
	struct shared *s = self->vmm.data, *theirs = self->outsider.data;
	long fd = qt_do(&self->vmm, do_ring, 0, 0);
	unsigned int i;

	if (fd == -ENOSYS || fd == -EPERM)
		SKIP(return, "this kernel has no io_uring");
	ASSERT_LE(0, fd) TH_LOG("%ld", fd);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(-EOPNOTSUPP, qt_do(&self->vmm, do_request, IORING_OP_URING_CMD, flags[i]))
		TH_LOG("%d", i);
		EXPECT_GT(0, qt_do(&self->vmm, do_request, IORING_OP_READ, flags[i]))
		TH_LOG("%d", i);
		EXPECT_GT(0, qt_do(&self->vmm, do_request, IORING_OP_WRITE, flags[i]))
		TH_LOG("%d", i);
	}
	EXPECT_LE(0, qt_do(&self->vmm, do_request, IORING_OP_OPENAT, 0));
	EXPECT_LE(0, qt_do(&self->vmm, do_request, IORING_OP_OPENAT, IOSQE_ASYNC));
	EXPECT_EQ(4, ledger(&self->vm).opens);
	/* The member's ring, by somebody else, who took it: rings can't be sent. */
	EXPECT_GT(0, pass(&self->vmm, &self->outsider, fd));
	memcpy(theirs->bytes, s->bytes, sizeof(s->bytes));
	fd = qt_do(&self->outsider, do_take, self->vmm.pid, fd);
	ASSERT_LE(0, fd) TH_LOG("%ld", fd);
	ASSERT_LE(0, qt_do(&self->outsider, do_ring_map, fd, 0));
	for (i = 2; i < 4; i++) {
		EXPECT_GT(0, qt_do(&self->outsider, do_request, IORING_OP_URING_CMD, flags[i]))
		TH_LOG("%d", i);
		EXPECT_GT(0, qt_do(&self->outsider, do_request, IORING_OP_READ, flags[i]))
		TH_LOG("%d", i);
	}
	EXPECT_EQ(-EACCES, qt_do(&self->outsider, do_request, IORING_OP_OPENAT, 0));
	EXPECT_EQ(-EACCES, qt_do(&self->outsider, do_request, IORING_OP_OPENAT, IOSQE_ASYNC));
	EXPECT_EQ(4, ledger(&self->vm).opens);
}

TEST_HARNESS_MAIN
