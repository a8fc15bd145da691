/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls of /dev/qwamos_gpu, each one watched: whatever a test calls through here, a failure
 * that wrote anything but what the contract lets it write turns into -ENOTRECOVERABLE, with a line
 * on stderr that says which byte.
 */
#ifndef QT_CALL_H
#define QT_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/qwamos_gpu.h>

#define QT_POISON 0xcc
#define QT_P32	  0xccccccccU
#define QT_P64	  0xccccccccccccccccULL

/** qt_hdr() - initialiser of a head whose out-fields are poisoned */
#define QT_HDR(type, f)                                                  \
	{                                                                \
		.size = sizeof(type), .flags = (f), .out_reason = QT_P32 \
	}

/** qt_reason - out_reason of the thread's last call; QT_P32: it was not written */
extern __thread __u32 qt_reason;

/** struct qt_span - bytes of an argument; @size 0: none */
struct qt_span {
	size_t offset;
	size_t size;
};

#define QT_NONE		  ((struct qt_span){ 0, 0 })
#define QT_FIELD(type, f) ((struct qt_span){ offsetof(type, f), sizeof(((type *)0)->f) })
/* From field @f to field @g. */
#define QT_SPAN(type, f, g)                   \
	((struct qt_span){ offsetof(type, f), \
			   offsetof(type, g) + sizeof(((type *)0)->g) - offsetof(type, f) })

/**
 * qt_call() - ioctl() on a struct that ends where readable memory ends
 * @fd: where
 * @cmd: what
 * @arg: a struct that begins with &struct qwamos_gpu_hdr; in and out
 * @len: bytes of it that exist, which need not be what its size field says
 * @also: what a failure may write besides out_reason
 *
 * Return: 0, -errno, or -ENOTRECOVERABLE if the call broke the contract: a failure that wrote
 * elsewhere, a refusal without a reason, a success with one.
 */
int qt_call(int fd, unsigned int cmd, void *arg, size_t len, struct qt_span also);

int qt_open_control(void);
int qt_get_info(int fd, struct qwamos_gpu_get_info *info);

/** qt_create() - VM_CREATE; @out gets the whole argument */
int qt_create(int ctl, const char *name, int cgroup_fd, __u32 flags,
	      struct qwamos_gpu_vm_create *out);
/** qt_open_vm() - VM_OPEN; return: fd or -errno */
int qt_open_vm(int ctl, __u64 vm_id, const char *name, __u32 right);
int qt_set_level(int manage, __u32 level);
int qt_join(int use);
int qt_destroy(int manage);
/** qt_attach() - DEV_ATTACH; @out: may be NULL */
/* Beside @scrub of qt_attach(): F_ACCEPT_UNWIPED. */
#define QT_UNWIPED (1U << 31)
int qt_attach(int manage, __u64 device_id, __u32 scrub, struct qwamos_gpu_dev_attach *out);
int qt_detach(int manage, __u64 device_id, __u32 flags);
int qt_vm_info(int fd, struct qwamos_gpu_vm *vm);
/** qt_new_use() - VM_NEW_FD; return: fd or -errno */
int qt_new_use(int use);
int qt_release(int ctl, __u64 device_id, __u32 flags);

/** qt_list() - QWAMOS_GPU_*_LIST, by as many calls as it takes; return: how many, or -errno */
int qt_list(int fd, unsigned int cmd, void *entries, __u32 entry_size, unsigned int max);
/** qt_list_devices() - all devices; return: how many, at most @max, or -errno */
int qt_list_devices(int ctl, struct qwamos_gpu_dev *devs, unsigned int max);
/** qt_list_vms() - as qt_list_devices() */
int qt_list_vms(int ctl, struct qwamos_gpu_vm *vms, unsigned int max);

#endif
