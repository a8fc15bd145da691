// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of a device's memory: vfio-pci-core makes them and answers their faults, but asks us
 * before, so that they can be taken away for good while the processes that have them live on. Never
 * is the mmap_lock of such a process waited for: it may hold that for as long as it likes.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/vfio.h>
#include "compat.h"
#include "mapping.h"

static void map_open(struct vm_area_struct *vma)
{
	const struct vm_operations_struct *core = qvfio_maps_of(vma)->core;

	if (core->open)
		core->open(vma);
}

static void map_close(struct vm_area_struct *vma)
{
	const struct vm_operations_struct *core = qvfio_maps_of(vma)->core;

	if (core->close)
		core->close(vma);
}

static vm_fault_t map_fault(struct vm_fault *vmf)
{
	struct qvfio_maps *m = qvfio_maps_of(vmf->vma);
	vm_fault_t ret = VM_FAULT_SIGBUS;

	down_read(&m->lock);
	if (!m->revoked)
		ret = m->core->fault(vmf);
	up_read(&m->lock);
	return ret;
}

#ifdef QGPU_VFIO_HAS_HUGE_FAULT
static vm_fault_t map_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct qvfio_maps *m = qvfio_maps_of(vmf->vma);
	vm_fault_t ret = VM_FAULT_SIGBUS;

	down_read(&m->lock);
	if (!m->revoked)
		ret = m->core->huge_fault ? m->core->huge_fault(vmf, order) : VM_FAULT_FALLBACK;
	up_read(&m->lock);
	return ret;
}
#endif

/* By name: what a later kernel adds to vfio-pci-core's waits until somebody has looked at it. */
static const struct vm_operations_struct map_ops = {
	.open = map_open,
	.close = map_close,
	.fault = map_fault,
#ifdef QGPU_VFIO_HAS_HUGE_FAULT
	.huge_fault = map_huge_fault,
#endif
};

#ifdef QGPU_VFIO_HAS_INODE
static int inode_new(struct qvfio_maps *m)
{
	return 0;
}

static void inode_drop(struct qvfio_maps *m)
{
}

static int own_file(struct qvfio_maps *m, struct vm_area_struct *vma)
{
	return 0;
}

static struct inode *inode_of(struct qvfio_maps *m, struct vfio_device *vdev)
{
	return vdev->inode;
}
#else
/*
 * The files of all devices have one inode here. So each device has one of its own, on a file system
 * that nobody sees, and each mapping a file of it that holds the device's file.
 */
static struct vfsmount *mount;
static int mounts;

static int init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, 0x71676d70) ? 0 : -ENOMEM;
}

static struct file_system_type fs_type = {
	.name = "qwamos_vfio_pci",
	.owner = THIS_MODULE,
	.init_fs_context = init_fs_context,
	.kill_sb = kill_anon_super,
};

static int file_release(struct inode *inode, struct file *file)
{
	fput(file->private_data);
	return 0;
}

static const struct file_operations file_ops = {
	.owner = THIS_MODULE,
	.release = file_release,
};

static int inode_new(struct qvfio_maps *m)
{
	struct inode *inode;
	int ret = simple_pin_fs(&fs_type, &mount, &mounts);

	if (ret)
		return ret;
	inode = alloc_anon_inode(mount->mnt_sb);
	if (IS_ERR(inode)) {
		simple_release_fs(&mount, &mounts);
		return PTR_ERR(inode);
	}
	WRITE_ONCE(m->inode, inode);
	return 0;
}

static void inode_drop(struct qvfio_maps *m)
{
	iput(m->inode);
	m->inode = NULL;
	simple_release_fs(&mount, &mounts);
}

static int own_file(struct qvfio_maps *m, struct vm_area_struct *vma)
{
	struct file *file;

	ihold(m->inode);
	file = alloc_file_pseudo(m->inode, mount, "qwamos_vfio_pci", O_RDWR, &file_ops);
	if (IS_ERR(file)) {
		iput(m->inode);
		return PTR_ERR(file);
	}
	__module_get(file_ops.owner); /* the end of the file puts it */
	file->private_data = get_file(vma->vm_file);
	vma_set_file(vma, file);
	fput(file);
	return 0;
}

static struct inode *inode_of(struct qvfio_maps *m, struct vfio_device *vdev)
{
	return READ_ONCE(m->inode);
}
#endif

/** qvfio_maps_init() - of a device that is not open */
void qvfio_maps_init(struct qvfio_maps *m)
{
	init_rwsem(&m->lock);
}

/** qvfio_maps_forget() - the device is not open, and may be opened: whatever was revoked before */
void qvfio_maps_forget(struct qvfio_maps *m)
{
	down_write(&m->lock);
	m->revoked = false;
	up_write(&m->lock);
}

/**
 * qvfio_maps_open() - the device is being opened
 * @m: its mappings: none
 *
 * Return: 0 or -ENOMEM.
 */
int qvfio_maps_open(struct qvfio_maps *m)
{
	return inode_new(m);
}

/** qvfio_maps_close() - the device is closed: nothing of it is mapped or being revoked */
void qvfio_maps_close(struct qvfio_maps *m)
{
	inode_drop(m);
}

/**
 * qvfio_maps_add() - stand between a mapping and vfio-pci-core
 * @m: the mappings of its device
 * @vma: the mapping, as vfio_pci_core_mmap() left it, that nobody knows yet
 *
 * A child by fork() does not inherit it: it has not joined, and would keep the device's memory past
 * its parent's end. VM_IO, which vfio-pci-core sets, keeps MADV_DOFORK from undoing that.
 *
 * Return: 0, -EOPNOTSUPP (a kind of mapping that nobody here knows) or -ENOMEM.
 */
int qvfio_maps_add(struct qvfio_maps *m, struct vm_area_struct *vma)
{
	const struct vm_operations_struct *core = vma->vm_ops;
	bool known;

	if (!core || !core->fault)
		return -EOPNOTSUPP;
	down_write(&m->lock);
	if (!m->core)
		m->core = core;
	known = m->core == core;
	up_write(&m->lock);
	if (!known)
		return -EOPNOTSUPP;
	vma->vm_ops = &map_ops;
	qgpu_vma_dont_copy(vma);
	return own_file(m, vma);
}

/**
 * qvfio_maps_revoke() - take all mappings away for as long as the device is open
 * @m: the mappings
 * @vdev: their device
 *
 * Waits for faults that are being answered, and these for nobody but the hardware. Whoever touches
 * a mapping later gets SIGBUS.
 */
void qvfio_maps_revoke(struct qvfio_maps *m, struct vfio_device *vdev)
{
	struct inode *inode = inode_of(m, vdev);

	down_write(&m->lock);
	m->revoked = true;
	up_write(&m->lock);
	if (inode) /* else it is just being opened, and nothing is mapped */
		unmap_mapping_range(inode->i_mapping, 0, 0, 1);
}
