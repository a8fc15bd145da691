// SPDX-License-Identifier: GPL-2.0-only
/* Open files: the control device and the fds of VMs. */
#include <linux/anon_inodes.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include "audit.h"
#include "device.h"
#include "gpufile.h"
#include "objects.h"
#include "vm.h"

static struct kmem_cache *file_cache;

static struct qgpu_file *file_alloc(u32 kind)
{
	struct qgpu_file *f = kmem_cache_zalloc(file_cache, GFP_KERNEL_ACCOUNT);

	if (f) {
		f->kind = kind;
		atomic_inc(&qgpu_objects);
	}
	return f;
}

static void file_free(struct qgpu_file *f)
{
	kmem_cache_free(file_cache, f);
	atomic_dec(&qgpu_objects);
}

static int control_open(struct inode *inode, struct file *file)
{
	struct qgpu_file *f = file_alloc(QGPU_FILE_CONTROL);

	if (!f)
		return -ENOMEM;
	file->private_data = f;
	return 0;
}

static int control_release(struct inode *inode, struct file *file)
{
	file_free(file->private_data);
	return 0;
}

/* Is there a record that AUDIT_READ on this file has not shown, up to the order @youngest? */
static bool more_records(struct qgpu_file *f, u64 youngest)
{
	return READ_ONCE(f->audit_read) && youngest > (u64)atomic64_read(&f->audit_upto);
}

static __poll_t control_poll(struct file *file, poll_table *wait)
{
	struct qgpu_file *f = file->private_data;
	__poll_t ret = 0;

	poll_wait(file, &qgpu_registry_wq, wait);
	poll_wait(file, &qgpu_audit_wq, wait);
	if (atomic64_read(&f->seen) != qgpu_registry_events())
		ret |= EPOLLIN | EPOLLRDNORM;
	if (more_records(f, qgpu_audit_order()))
		ret |= EPOLLPRI;
	return ret;
}

const struct file_operations qgpu_control_fops = {
	.owner = THIS_MODULE,
	.open = control_open,
	.release = control_release,
	.poll = control_poll,
	.unlocked_ioctl = qgpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static int vm_release(struct inode *inode, struct file *file)
{
	struct qgpu_file *f = file->private_data;

	if (f->kind == QGPU_FILE_USE)
		qgpu_limits_settle(&f->vm->lim, &f->charges);
	if (f->end_on_close)
		qgpu_vm_end(f->vm, QWAMOS_GPU_REASON_MANAGER_CLOSED);
	if (f->holds)
		qgpu_vm_unhold(f->vm);
	qgpu_vm_put(f->vm);
	file_free(f);
	return 0;
}

static __poll_t vm_poll(struct file *file, poll_table *wait)
{
	struct qgpu_file *f = file->private_data;
	__poll_t ret = 0;

	poll_wait(file, &f->vm->wq, wait);
	poll_wait(file, &qgpu_audit_wq, wait);
	if (more_records(f, READ_ONCE(f->vm->chain->order)))
		ret |= EPOLLIN | EPOLLRDNORM;
	if (!qgpu_vm_live(f->vm))
		ret |= EPOLLHUP;
	if (f->kind == QGPU_FILE_MANAGE && READ_ONCE(f->vm->revoking))
		ret |= EPOLLPRI;
	return ret;
}

static const struct file_operations vm_fops = {
	.owner = THIS_MODULE,
	.release = vm_release,
	.poll = vm_poll,
	.unlocked_ioctl = qgpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/**
 * qgpu_file_new() - a file of a VM
 * @vm: the VM; the file takes a reference of its own
 * @kind: QGPU_FILE_MANAGE or QGPU_FILE_USE
 * @holds: it keeps the VM alive
 * @end_on_close: its close ends the VM
 *
 * Anonymous, so it can't be opened again by its name in /proc. Return: the file, or an ERR_PTR().
 */
struct file *qgpu_file_new(struct qgpu_vm *vm, u32 kind, bool holds, bool end_on_close)
{
	struct qgpu_file *f = file_alloc(kind);
	struct file *file;

	if (!f)
		return ERR_PTR(-ENOMEM);
	f->vm = vm;
	f->holds = holds;
	f->end_on_close = end_on_close;
	file = anon_inode_getfile(kind == QGPU_FILE_USE ? "[qwamos-gpu-use]"
							: "[qwamos-gpu-manage]",
				  &vm_fops, f, O_RDWR | O_CLOEXEC);
	if (IS_ERR(file)) {
		file_free(f);
		return file;
	}
	qgpu_vm_get(vm);
	if (holds)
		qgpu_vm_hold(vm);
	return file;
}

int qgpu_file_init(void)
{
	/* VM_CHARGE writes into it: no line of the cache is two VMs'. */
	file_cache = kmem_cache_create("qwamos_gpu_file", sizeof(struct qgpu_file), 0,
				       SLAB_ACCOUNT | SLAB_HWCACHE_ALIGN, NULL);
	return file_cache ? 0 : -ENOMEM;
}

void qgpu_file_exit(void)
{
	kmem_cache_destroy(file_cache);
}
