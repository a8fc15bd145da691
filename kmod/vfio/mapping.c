// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of a device's memory. vfio-pci-core makes them, but their faults are answered here, for
 * two reasons.
 *
 * They can be taken away for good while the processes that have them live on. Never is the
 * mmap_lock of such a process waited for: it may hold that for as long as it likes.
 *
 * And nobody can have an IOMMU map the memory for another device: such a mapping would outlive this
 * one, the VM and the scrubbing, and let that device reach the memory of the next VM. VFIO's type 1
 * IOMMU takes page frames from VM_PFNMAP mappings alone, and what pins pages (iommufd, drivers)
 * refuses VM_IO. So these are VM_MIXEDMAP | VM_IO, and never of huge pages: in such a mapping mm
 * takes those for pages of the host's (pagemap up to 6.12 at least), while single ones are marked.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/sched/signal.h>
#include <linux/vfio_pci_core.h>
#include <linux/wait.h>
#include "compat.h"
#include "mapping.h"

/* Without it vmf_insert_mixed() takes a reference on pages that happen to exist there. */
static_assert(IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL));

/* Does the device answer? As vfio-pci-core judges; called with its memory_lock held. */
static bool memory_on(const struct vfio_pci_core_device *core)
{
	const struct pci_dev *pdev = core->pdev;
	u16 cmd = le16_to_cpup((const __le16 *)&core->vconfig[PCI_COMMAND]);

	return !core->pm_runtime_engaged &&
	       (__force int)pdev->current_state < (__force int)PCI_D3hot &&
	       (pdev->no_command_memory || cmd & PCI_COMMAND_MEMORY);
}

static unsigned long pfn_of(const struct vfio_pci_core_device *core, pgoff_t pgoff)
{
#ifdef QGPU_VFIO_HAS_INODE
	unsigned int index = pgoff >> (VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT);

	pgoff &= (1UL << (VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT)) - 1;
	return (pci_resource_start(core->pdev, index) >> PAGE_SHIFT) + pgoff;
#else
	return pgoff; /* vfio_pci_core_mmap() has made it the page frame */
#endif
}

/* The page that was touched, and its neighbours, which will be touched next. */
static vm_fault_t insert(const struct vfio_pci_core_device *core, struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long addr = vmf->address & PAGE_MASK;
	unsigned long pfn = pfn_of(core, vmf->pgoff);
	unsigned long at = max(addr & PMD_MASK, vma->vm_start);
	unsigned long end = min((addr & PMD_MASK) + PMD_SIZE, vma->vm_end);
	vm_fault_t ret = vmf_insert_mixed(vma, addr, QGPU_PFN(pfn));

	pfn -= (addr - at) >> PAGE_SHIFT;
	for (; ret == VM_FAULT_NOPAGE && at < end; at += PAGE_SIZE, pfn++)
		if (at != addr && vmf_insert_mixed(vma, at, QGPU_PFN(pfn)) != VM_FAULT_NOPAGE)
			break;
	return ret;
}

static vm_fault_t map_fault(struct vm_fault *vmf)
{
	struct vfio_pci_core_device *core = vmf->vma->vm_private_data;
	struct qvfio_maps *m = qvfio_maps_of(vmf->vma);
	vm_fault_t ret = VM_FAULT_SIGBUS;
	bool wait = false;

	down_read(&m->lock);
	if (!m->revoked && m->blocked) {
		wait = true;
	} else if (!m->revoked) {
		down_read(&core->memory_lock);
		if (memory_on(core))
			ret = insert(core, vmf);
		up_read(&core->memory_lock);
	}
	up_read(&m->lock);
	if (!wait)
		return ret;
	wait_event_killable(m->wq, !READ_ONCE(m->blocked) || READ_ONCE(m->revoked));
	return VM_FAULT_NOPAGE; /* and it is touched again */
}

/* By name: what a later kernel adds to vfio-pci-core's waits until somebody has looked at it. */
static const struct vm_operations_struct map_ops = {
	.fault = map_fault,
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
	struct inode *inode = m->inode;

	/* Waits for who takes mappings away by it: a reset of another function may do so now. */
	down_write(&m->lock);
	WRITE_ONCE(m->inode, NULL);
	up_write(&m->lock);
	iput(inode);
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
	init_waitqueue_head(&m->wq);
}

/**
 * qvfio_maps_forget() - the device is not open, and may be opened
 * @m: its mappings, which may have been revoked for another VM, and be blocked by a call of its
 */
void qvfio_maps_forget(struct qvfio_maps *m)
{
	down_write(&m->lock);
	m->revoked = false;
	m->blocked = 0;
	m->opening++;
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
 * its parent's end. VM_IO, which vfio-pci-core sets, keeps MADV_DOFORK from undoing that. No IOMMU
 * maps it, see above.
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
	qgpu_vma_make_ours(vma);
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
	WRITE_ONCE(m->revoked, true);
	up_write(&m->lock);
	wake_up_all(&m->wq);
	if (inode) /* else it is just being opened, and nothing is mapped */
		unmap_mapping_range(inode->i_mapping, 0, 0, 1);
}

#ifndef QGPU_VFIO_HAS_INODE
/**
 * qvfio_maps_block() - take all mappings away, and let whoever touches one wait
 * @m: the mappings
 *
 * Around whatever may switch the device's memory off. vfio-pci-core does so itself since 6.10, by
 * an inode; before, it knows those mappings alone whose faults it has answered. Calls may nest.
 *
 * Return: what qvfio_maps_unblock() is to be told.
 */
unsigned int qvfio_maps_block(struct qvfio_maps *m)
{
	unsigned int opening;

	down_write(&m->lock);
	m->blocked++;
	opening = m->opening;
	/* A close of the device waits, and the inode stays. */
	downgrade_write(&m->lock);
	if (m->inode)
		unmap_mapping_range(m->inode->i_mapping, 0, 0, 1);
	up_read(&m->lock);
	return opening;
}

/**
 * qvfio_maps_unblock() - answer faults again
 * @m: the mappings
 * @opening: what qvfio_maps_block() has returned: the device may have been opened anew since
 */
void qvfio_maps_unblock(struct qvfio_maps *m, unsigned int opening)
{
	down_write(&m->lock);
	if (m->opening == opening)
		WRITE_ONCE(m->blocked, m->blocked - 1);
	up_write(&m->lock);
	wake_up_all(&m->wq);
}
#endif
