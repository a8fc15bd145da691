// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "call.h"

__thread __u32 qt_reason = QT_P32;

#define ROOM (4 * 4096)

/* Memory with nothing behind it, for each thread its own. */
static unsigned char *guarded(void)
{
	static __thread unsigned char *mem;

	if (!mem) {
		void *p = mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED || mprotect((char *)p + ROOM, 4096, PROT_NONE))
			abort();
		mem = p;
	}
	return mem;
}

static bool is_refusal(int err)
{
	return err == -EACCES || err == -EBUSY || err == -EDQUOT || err == -EAGAIN ||
	       err == -ENODEV;
}

static int broken(unsigned int cmd, int err, const char *what, size_t at)
{
	fprintf(stderr, "# ioctl 0x%02x -> %d (%s), but %s at offset %zu\n", cmd & 0xff, err,
		strerror(-err), what, at);
	return -ENOTRECOVERABLE;
}

static bool within(size_t i, size_t offset, size_t size)
{
	return i >= offset && i < offset + size;
}

int qt_call(int fd, unsigned int cmd, void *arg, size_t len, struct qt_span also)
{
	const size_t reason_at = offsetof(struct qwamos_gpu_hdr, out_reason);
	unsigned char *before, *p;
	int ret = 0;
	size_t i;

	if (len > ROOM)
		return -ENOTRECOVERABLE;
	p = guarded() + ROOM - len;
	before = malloc(len ? len : 1);
	if (!before)
		return -ENOTRECOVERABLE;
	memcpy(before, arg, len);
	memcpy(p, arg, len);
	if (ioctl(fd, cmd, p))
		ret = -errno;

	qt_reason = QT_P32;
	if (len >= sizeof(struct qwamos_gpu_hdr))
		memcpy(&qt_reason, p + reason_at, sizeof(qt_reason));
	memcpy(arg, p, len);
	if (!ret) {
		if (qt_reason != QWAMOS_GPU_REASON_NONE)
			ret = broken(cmd, ret, "there is a reason", reason_at);
		goto out;
	}
	for (i = 0; i < len; i++) {
		if (p[i] == before[i])
			continue;
		if (is_refusal(ret) && within(i, reason_at, sizeof(qt_reason)))
			continue;
		if (is_refusal(ret) && within(i, also.offset, also.size))
			continue;
		ret = broken(cmd, ret, "something is written", i);
		goto out;
	}
	if (is_refusal(ret) && len >= sizeof(struct qwamos_gpu_hdr) &&
	    (qt_reason == QWAMOS_GPU_REASON_NONE || qt_reason >= QWAMOS_GPU_REASON_COUNT))
		ret = broken(cmd, ret, "there is no reason", reason_at);
out:
	free(before);
	return ret;
}

int qt_open_control(void)
{
	int fd = open(QWAMOS_GPU_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int qt_get_info(int fd, struct qwamos_gpu_get_info *info)
{
	memset(info, QT_POISON, sizeof(*info));
	info->hdr = (struct qwamos_gpu_hdr)QT_HDR(*info, 0);
	return qt_call(fd, QWAMOS_GPU_GET_INFO, info, sizeof(*info), QT_NONE);
}

int qt_create(int ctl, const char *name, int cgroup_fd, __u32 flags,
	      struct qwamos_gpu_vm_create *out)
{
	memset(out, QT_POISON, sizeof(*out));
	out->hdr = (struct qwamos_gpu_hdr)QT_HDR(*out, flags);
	out->cgroup_fd = cgroup_fd;
	out->__reserved = 0;
	memset(out->name, 0, sizeof(out->name));
	memcpy(out->name, name, strnlen(name, sizeof(out->name)));
	return qt_call(ctl, QWAMOS_GPU_VM_CREATE, out, sizeof(*out), QT_NONE);
}

int qt_open_vm(int ctl, __u64 vm_id, const char *name, __u32 right)
{
	struct qwamos_gpu_vm_open o = {
		.hdr = QT_HDR(o, 0),
		.vm_id = vm_id,
		.right = right,
		.out_fd = (int)QT_P32,
		.out_vm_id = QT_P64,
	};
	int ret;

	if (name)
		memcpy(o.name, name, strnlen(name, sizeof(o.name)));
	ret = qt_call(ctl, QWAMOS_GPU_VM_OPEN, &o, sizeof(o), QT_NONE);
	return ret ? ret : o.out_fd;
}

int qt_set_level(int manage, __u32 level)
{
	struct qwamos_gpu_vm_set_policy p = { .hdr = QT_HDR(p, 0),
					      .mask = QWAMOS_GPU_POLICY_LEVEL,
					      .level = level };

	return qt_call(manage, QWAMOS_GPU_VM_SET_POLICY, &p, sizeof(p), QT_NONE);
}

int qt_join(int use)
{
	struct qwamos_gpu_vm_join j = { .hdr = QT_HDR(j, 0) };

	return qt_call(use, QWAMOS_GPU_VM_JOIN, &j, sizeof(j), QT_NONE);
}

int qt_destroy(int manage)
{
	struct qwamos_gpu_vm_destroy d = { .hdr = QT_HDR(d, 0) };

	return qt_call(manage, QWAMOS_GPU_VM_DESTROY, &d, sizeof(d), QT_NONE);
}

int qt_attach(int manage, __u64 device_id, __u32 scrub, struct qwamos_gpu_dev_attach *out)
{
	struct qwamos_gpu_dev_attach a;
	int ret;

	memset(&a, QT_POISON, sizeof(a));
	a.hdr = (struct qwamos_gpu_hdr)QT_HDR(
		a, scrub & QT_UNWIPED ? QWAMOS_GPU_DEV_ATTACH_F_ACCEPT_UNWIPED : 0);
	a.device_id = device_id;
	a.scrub = scrub & ~QT_UNWIPED;
	a.__reserved = 0;
	ret = qt_call(manage, QWAMOS_GPU_DEV_ATTACH, &a, sizeof(a),
		      QT_FIELD(struct qwamos_gpu_dev_attach, out_device_id));
	if (out)
		*out = a;
	return ret;
}

int qt_detach(int manage, __u64 device_id, __u32 flags)
{
	struct qwamos_gpu_dev_detach d = { .hdr = QT_HDR(d, flags), .device_id = device_id };

	return qt_call(manage, QWAMOS_GPU_DEV_DETACH, &d, sizeof(d), QT_NONE);
}

int qt_vm_info(int fd, struct qwamos_gpu_vm *vm)
{
	struct qwamos_gpu_vm_info i;
	int ret;

	memset(&i, QT_POISON, sizeof(i));
	i.hdr = (struct qwamos_gpu_hdr)QT_HDR(i, 0);
	ret = qt_call(fd, QWAMOS_GPU_VM_INFO, &i, sizeof(i), QT_NONE);
	*vm = i.out_vm;
	return ret;
}

int qt_new_use(int use)
{
	struct qwamos_gpu_vm_new_fd n = { .hdr = QT_HDR(n, 0), .out_fd = (int)QT_P32 };
	int ret = qt_call(use, QWAMOS_GPU_VM_NEW_FD, &n, sizeof(n), QT_NONE);

	return ret ? ret : n.out_fd;
}

int qt_release(int ctl, __u64 device_id, __u32 flags)
{
	struct qwamos_gpu_dev_clear_quarantine r = { .hdr = QT_HDR(r, flags),
						     .device_id = device_id };

	return qt_call(ctl, QWAMOS_GPU_DEV_CLEAR_QUARANTINE, &r, sizeof(r), QT_NONE);
}

int qt_list(int fd, unsigned int cmd, void *entries, __u32 entry_size, unsigned int max)
{
	unsigned int have = 0;
	__u64 after = 0;

	do {
		struct qwamos_gpu_list l = {
			.hdr = QT_HDR(l, 0),
			.entries = (unsigned long)entries + have * entry_size,
			.entry_size = entry_size,
			.count = max - have,
			.after = after,
			.out_left = QT_P64,
		};
		int ret = qt_call(fd, cmd, &l, sizeof(l), QT_NONE);

		if (ret)
			return ret;
		have += l.count;
		if (!l.out_left || !l.count || have == max)
			return have;
		memcpy(&after, (char *)entries + (have - 1) * entry_size, sizeof(after));
	} while (true);
}

int qt_list_devices(int ctl, struct qwamos_gpu_dev *devs, unsigned int max)
{
	return qt_list(ctl, QWAMOS_GPU_DEV_LIST, devs, sizeof(*devs), max);
}

int qt_list_vms(int ctl, struct qwamos_gpu_vm *vms, unsigned int max)
{
	return qt_list(ctl, QWAMOS_GPU_VM_LIST, vms, sizeof(*vms), max);
}
