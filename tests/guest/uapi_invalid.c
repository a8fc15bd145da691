// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every call × every way to get its argument wrong that all calls share: sizes, tails, flags,
 * reserved fields, pointers, the kind of fd. The same program is built for 32 bit. What is
 * particular to one call stands in uapi_values.c.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "audit.h"
#include "call.h"
#include "gate.h"
#include "vm.h"
#include "uapi_calls.h"

FIXTURE_SETUP(call)
{
	self->ctl = qt_open_control();
	ASSERT_LE(0, self->ctl);
	/* The last VM may still be killing whom it adopted, or end its gate, and tell of it. */
	if (variant->cmd == QWAMOS_GPU_VM_ADOPT || variant->cmd == QWAMOS_GPU_GATE_CREATE)
		ASSERT_EQ(0, qt_settle(self->ctl, 20000));
	ASSERT_EQ(0, qt_vm_new(&self->vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM,
			       QWAMOS_GPU_VM_CREATE_F_NO_CGROUP));
	self->fds[CONTROL] = self->ctl;
	self->fds[MANAGE] = self->vm.manage;
	self->fds[USE] = self->vm.use;
	self->fd = self->fds[variant->right];
}

FIXTURE_TEARDOWN(call)
{
	/*
	 * VM_JOIN has made a member of this process, and a VM's end is its members'. It exits now,
	 * and that ends the VM.
	 */
	if (variant->cmd == QWAMOS_GPU_VM_JOIN)
		return;
	close(self->vm.use);
	close(self->vm.manage);
	close(self->ctl);
}

/* A valid argument; the out-fields are poisoned. */
static union argument *valid(FIXTURE_DATA(call) * self, const FIXTURE_VARIANT(call) * variant)
{
	union argument *a = &self->arg;

	memset(a, 0, sizeof(*a));
	memset(a, QT_POISON, variant->size);
	a->hdr.size = variant->size;
	a->hdr.flags = variant->flags;
	a->hdr.__reserved = 0;
	if (variant->fill)
		variant->fill(a, &self->vm);
	return a;
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

TEST_F(call, valid)
{
	union argument *a = valid(self, variant);
	int fds = count_fds(), i, fd;

	EXPECT_EQ(variant->err, qt_call(self->fd, variant->cmd, a, variant->size, variant->also));
	EXPECT_EQ(variant->reason, qt_reason);
	for (i = 0; i < 2; i++) {
		if (!variant->fd_at[i])
			continue;
		memcpy(&fd, a->bytes + variant->fd_at[i], sizeof(fd));
		EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
		EXPECT_EQ(0, close(fd));
	}
	EXPECT_EQ(fds, count_fds());
}

/* A caller with a newer header, whose additions are all zero. */
TEST_F(call, longer_with_zero_tail)
{
	static const size_t more[] = { 1, 4, 8, 100 };
	size_t i;

	for (i = 0; i <= ARRAY_SIZE(more); i++) {
		size_t size = i < ARRAY_SIZE(more) ? variant->size + more[i] : 4096;
		pid_t pid = fork();
		int status;

		ASSERT_LE(0, pid);
		/* Each in a process of its own, for what VM_JOIN and VM_DESTROY do can be done
		 * once. */
		if (!pid) {
			struct qt_vm vm;
			int fds[KINDS];
			union argument *a;

			if (qt_vm_new(&vm, self->ctl, QWAMOS_GPU_LEVEL_SYSTEM,
				      QWAMOS_GPU_VM_CREATE_F_NO_CGROUP))
				_exit(1);
			fds[CONTROL] = self->ctl;
			fds[MANAGE] = vm.manage;
			fds[USE] = vm.use;
			self->vm = vm;
			a = valid(self, variant);
			a->hdr.size = size;
			if (qt_call(fds[variant->right], variant->cmd, a, size, variant->also) !=
			    variant->err)
				_exit(2);
			if (qt_reason != variant->reason)
				_exit(3);
			_exit(0);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status) TH_LOG("size %zu", size);
	}
}

TEST_F(call, too_short)
{
	const size_t first = variant->first ? variant->first : variant->size;
	const size_t sizes[] = { 0, 1, 4, 8, 12, 15, first - 8, first - 4, first - 1 };
	__u64 mark = qt_audit_mark(self->ctl);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		union argument *a = valid(self, variant);

		a->hdr.size = sizes[i];
		EXPECT_EQ(-EINVAL, qt_call(self->fd, variant->cmd, a, variant->size, QT_NONE))
		TH_LOG("size %zu", sizes[i]);
	}
	EXPECT_EQ(mark, qt_audit_mark(self->ctl)) TH_LOG("a malformed call is in the audit log");
}

/* A caller with an older header: what its struct does not hold is neither read nor written. */
TEST_F(call, older)
{
	size_t size;

	if (variant->cmd == QWAMOS_GPU_VM_JOIN || variant->cmd == QWAMOS_GPU_VM_DESTROY)
		return;
	for (size = variant->first ? variant->first : variant->size; size <= variant->size;
	     size += 4) {
		union argument *a = valid(self, variant);

		a->hdr.size = size;
		EXPECT_EQ(variant->err,
			  qt_call(self->fd, variant->cmd, a, size,
				  variant->err && size == variant->size ? variant->also : QT_NONE))
		TH_LOG("size %zu", size);
	}
}

TEST_F(call, too_long)
{
	static const __u32 sizes[] = { 4097, 8192, 65536, 0x7fffffff, 0x80000000, 0xffffffff };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		union argument *a = valid(self, variant);

		a->hdr.size = sizes[i];
		EXPECT_EQ(-E2BIG, qt_call(self->fd, variant->cmd, a, 4096 + 32, QT_NONE))
		TH_LOG("size %u", sizes[i]);
	}
}

TEST_F(call, non_zero_tail)
{
	const size_t sizes[] = { variant->size + 1, variant->size + 8, variant->size + 64, 4096 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		union argument *a = valid(self, variant);

		a->hdr.size = sizes[i];
		a->bytes[variant->size] = 1;
		EXPECT_EQ(-E2BIG, qt_call(self->fd, variant->cmd, a, sizes[i], QT_NONE))
		TH_LOG("first byte, size %zu", sizes[i]);
		a = valid(self, variant);
		a->hdr.size = sizes[i];
		a->bytes[sizes[i] - 1] = 0x80;
		EXPECT_EQ(-E2BIG, qt_call(self->fd, variant->cmd, a, sizes[i], QT_NONE))
		TH_LOG("last byte, size %zu", sizes[i]);
	}
}

TEST_F(call, unknown_flags)
{
	int bit;

	for (bit = 0; bit < 32; bit++) {
		union argument *a = valid(self, variant);

		if (variant->known & (1U << bit))
			continue;
		a->hdr.flags |= 1U << bit;
		EXPECT_EQ(-EOPNOTSUPP, qt_call(self->fd, variant->cmd, a, variant->size, QT_NONE))
		TH_LOG("flag bit %d", bit);
	}
}

TEST_F(call, reserved)
{
	const size_t fields[] = { offsetof(struct qwamos_gpu_hdr, __reserved), variant->reserved };
	size_t i, byte;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		for (byte = 0; fields[i] && byte < 4; byte++) {
			union argument *a = valid(self, variant);

			a->bytes[fields[i] + byte] = 1;
			EXPECT_EQ(-EINVAL,
				  qt_call(self->fd, variant->cmd, a, variant->size, QT_NONE))
			TH_LOG("byte %zu", fields[i] + byte);
		}
	}
}

/* The argument, or its end, is not there. */
TEST_F(call, bad_pointer)
{
	const size_t there[] = { 0, 2, 4, 8, 16, variant->size - 1 };
	void *const bad[] = { NULL, (void *)8, (void *)-1L, (void *)-4096L,
			      (void *)(-1UL << (sizeof(long) * 8 - 1)) };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		errno = 0;
		EXPECT_EQ(-1, ioctl(self->fd, variant->cmd, bad[i]));
		EXPECT_EQ(EFAULT, errno) TH_LOG("argument at %p", bad[i]);
	}
	for (i = 0; i < ARRAY_SIZE(there); i++) {
		union argument *a = valid(self, variant);

		/* A head that ends right behind itself is all there for some calls. */
		if (there[i] >= variant->size)
			continue;
		EXPECT_EQ(-EFAULT, qt_call(self->fd, variant->cmd, a, there[i], QT_NONE))
		TH_LOG("%zu bytes are there", there[i]);
	}
}

/* The answer can't be written: no fd and no VM may be left over. */
TEST_F(call, read_only)
{
	struct qwamos_gpu_vm vms[LIST_ROOM];
	int n = qt_list_vms(self->ctl, vms, LIST_ROOM), fds = count_fds();
	union argument *a = valid(self, variant);
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	/* These have nothing to take back, and may have happened. */
	if (variant->cmd == QWAMOS_GPU_VM_JOIN || variant->cmd == QWAMOS_GPU_VM_DESTROY)
		n = -1;
	memcpy(page, a, variant->size);
	ASSERT_EQ(0, mprotect(page, 4096, PROT_READ));
	errno = 0;
	EXPECT_EQ(-1, ioctl(self->fd, variant->cmd, page));
	EXPECT_EQ(variant->reason == QT_P32 ? -variant->err : EFAULT, errno);
	EXPECT_EQ(0, memcmp(page, a, variant->size));
	EXPECT_EQ(fds, count_fds());
	if (n >= 0) {
		EXPECT_EQ(n, qt_list_vms(self->ctl, vms, LIST_ROOM));
	}
}

TEST_F(call, wrong_fd)
{
	enum kind k;

	for (k = CONTROL; k < KINDS; k++) {
		union argument *a = valid(self, variant);
		__u64 mark = qt_audit_mark(self->ctl);

		if (variant->kinds & ON(k))
			continue;
		EXPECT_EQ(-EACCES,
			  qt_call(self->fds[k], variant->cmd, a, variant->size, variant->also))
		TH_LOG("fd kind %d", k);
		EXPECT_EQ(QWAMOS_GPU_REASON_WRONG_FD, qt_reason) TH_LOG("fd kind %d", k);
		EXPECT_LT(0, qt_audit_find(self->ctl, mark,
					   QT_WANT(QWAMOS_GPU_EV_CALL_REFUSED,
						   .reason = QWAMOS_GPU_REASON_WRONG_FD,
						   .result = -EACCES, .pid = getpid(),
						   .asked = _IOC_NR(variant->cmd)),
					   NULL));
	}
}

TEST_F(call, same_number_other_encoding)
{
	const unsigned int cmds[] = {
		_IOC(_IOC_READ, QWAMOS_GPU_MAGIC, _IOC_NR(variant->cmd), 16),
		_IOC(_IOC_WRITE, QWAMOS_GPU_MAGIC, _IOC_NR(variant->cmd), variant->size),
		_IOC(_IOC_READ | _IOC_WRITE, QWAMOS_GPU_MAGIC, _IOC_NR(variant->cmd),
		     variant->size),
		_IOC(_IOC_NONE, QWAMOS_GPU_MAGIC, _IOC_NR(variant->cmd), variant->size),
		_IOC(_IOC_NONE, QWAMOS_GPU_MAGIC ^ 1, _IOC_NR(variant->cmd), 0),
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		union argument *a = valid(self, variant);

		EXPECT_EQ(-ENOTTY, qt_call(self->fd, cmds[i], a, variant->size, QT_NONE))
		TH_LOG("cmd %#x", cmds[i]);
	}
}

TEST_HARNESS_MAIN
