// SPDX-License-Identifier: LGPL-2.1-or-later
/* The control device's calls. */
#include "lib/libqwamos-gpu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/call.h"

#define MAX_ENTRIES (1U << 20) /* more than these are no list but a fault */
#define LIST_STEP   16

int libqg_call(int fd, unsigned long cmd, struct qwamos_gpu_hdr *hdr, size_t size, __u32 *reason)
{
	int err;

	hdr->size = size;
	hdr->out_reason = QWAMOS_GPU_REASON_NONE;
	hdr->__reserved = 0;
	err = ioctl(fd, cmd, hdr) < 0 ? -errno : 0;
	if (reason)
		*reason = hdr->out_reason;
	return err;
}

int libqg_open(void)
{
	int fd = open(QWAMOS_GPU_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int libqg_get_info(int fd, struct qwamos_gpu_get_info *info)
{
	memset(info, 0, sizeof(*info));
	return libqg_call(fd, QWAMOS_GPU_GET_INFO, &info->hdr, sizeof(*info), NULL);
}

int libqg_level_info(int fd, __u32 level, struct qwamos_gpu_level_info *info)
{
	memset(info, 0, sizeof(*info));
	info->level = level;
	return libqg_call(fd, QWAMOS_GPU_LEVEL_INFO, &info->hdr, sizeof(*info), NULL);
}

/*
 * Copies a name into a field of the uAPI. What does not fit is sent cut off but without its NUL, so
 * that the kernel refuses it as it refuses every other bad name, and no second rule of names stands
 * here.
 */
static void put_name(char dst[QWAMOS_GPU_NAME_LEN], const char *name)
{
	size_t len = strnlen(name, QWAMOS_GPU_NAME_LEN);

	memset(dst, 0, QWAMOS_GPU_NAME_LEN);
	memcpy(dst, name, len);
}

int libqg_vm_create(int ctl, const char *name, int cgroup_fd, __u32 flags, int *manage_fd,
		    int *use_fd, __u64 *vm_id, __u32 *reason)
{
	struct qwamos_gpu_vm_create req = { .hdr.flags = flags, .cgroup_fd = cgroup_fd };
	int err;

	put_name(req.name, name);
	err = libqg_call(ctl, QWAMOS_GPU_VM_CREATE, &req.hdr, sizeof(req), reason);
	if (err)
		return err;
	*manage_fd = req.out_manage_fd;
	*use_fd = req.out_use_fd;
	if (vm_id)
		*vm_id = req.out_vm_id;
	return 0;
}

int libqg_vm_open(int ctl, __u64 vm_id, const char *name, __u32 right, __u32 *reason)
{
	struct qwamos_gpu_vm_open req = { .vm_id = vm_id, .right = right };
	int err;

	if (!vm_id)
		put_name(req.name, name);
	err = libqg_call(ctl, QWAMOS_GPU_VM_OPEN, &req.hdr, sizeof(req), reason);
	return err ? err : req.out_fd;
}

int libqg_vm_adopt(int manage, int pidfd, __u32 *reason)
{
	struct qwamos_gpu_vm_adopt req = { .pidfd = pidfd };

	return libqg_call(manage, QWAMOS_GPU_VM_ADOPT, &req.hdr, sizeof(req), reason);
}

int libqg_list(int fd, unsigned long cmd, size_t entry_size, void **entries, size_t *n,
	       __u32 *reason)
{
	struct qwamos_gpu_list req = { .entry_size = entry_size };
	size_t room = 0, have = 0;
	char *array = NULL, *more;
	int err;

	*entries = NULL;
	*n = 0;
	do {
		if (room - have < LIST_STEP) {
			room += have + LIST_STEP;
			more = room > MAX_ENTRIES ? NULL : realloc(array, room * entry_size);
			if (!more) {
				free(array);
				return -ENOMEM;
			}
			array = more;
		}
		req.entries = (uintptr_t)(array + have * entry_size);
		req.count = room - have;
		err = libqg_call(fd, cmd, &req.hdr, sizeof(req), reason);
		if (err || !req.count)
			break;
		have += req.count;
		memcpy(&req.after, array + (have - 1) * entry_size, sizeof(req.after));
	} while (req.out_left);
	if (err || !have) {
		free(array);
		return err;
	}
	*entries = array;
	*n = have;
	return 0;
}

int libqg_vm_list(int ctl, struct qwamos_gpu_vm **vms, size_t *n, __u32 *reason)
{
	return libqg_list(ctl, QWAMOS_GPU_VM_LIST, sizeof(**vms), (void **)vms, n, reason);
}

int libqg_dev_list(int ctl, struct qwamos_gpu_dev **devs, size_t *n, __u32 *reason)
{
	return libqg_list(ctl, QWAMOS_GPU_DEV_LIST, sizeof(**devs), (void **)devs, n, reason);
}

int libqg_dev_clear_quarantine(int ctl, __u64 device_id, __u32 *reason)
{
	struct qwamos_gpu_dev_clear_quarantine req = {
		.hdr.flags = QWAMOS_GPU_DEV_CLEAR_QUARANTINE_F_ACCEPT_LEFTOVERS,
		.device_id = device_id,
	};

	return libqg_call(ctl, QWAMOS_GPU_DEV_CLEAR_QUARANTINE, &req.hdr, sizeof(req), reason);
}

int libqg_audit_read(int fd, struct qwamos_gpu_audit_read *req,
		     struct qwamos_gpu_audit_record **recs, __u32 *reason)
{
	struct qwamos_gpu_audit_record *array;
	__u32 room = req->count;
	int err;

	*recs = NULL;
	/*
	 * Zero and too many are the kernel's to refuse; the array must only be there for what it
	 * may write.
	 */
	array = calloc(room && room <= 65536 ? room : 1, sizeof(*array));
	if (!array)
		return -ENOMEM;
	req->records = (uintptr_t)array;
	req->record_size = sizeof(*array);
	err = libqg_call(fd, QWAMOS_GPU_AUDIT_READ, &req->hdr, sizeof(*req), reason);
	req->records = 0;
	if (err || !req->count) {
		free(array);
		return err;
	}
	*recs = array;
	return 0;
}
