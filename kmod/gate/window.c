// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of the caller's that a driver reads by itself. What was looked at once may be other bytes
 * when it is read again, so the driver is given an address in the caller's memory where a page of
 * ours is mapped, which nobody can write to. Nobody can put anything else there either, as long as
 * the driver is at it: that would need mmap_lock for writing.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include "../compat.h"
#include "gate.h"

static int window_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vma->vm_pgoff || vma->vm_end - vma->vm_start != PAGE_SIZE || vma->vm_flags & VM_WRITE)
		return -EINVAL;
	qgpu_vma_make_window(vma);
	return remap_pfn_range(vma, vma->vm_start, virt_to_phys(file->private_data) >> PAGE_SHIFT,
			       PAGE_SIZE, vma->vm_page_prot);
}

/* Whoever maps the page holds the file. */
static int window_release(struct inode *inode, struct file *file)
{
	free_page((unsigned long)file->private_data);
	return 0;
}

static const struct file_operations window_fops = {
	.owner = THIS_MODULE,
	.mmap = window_mmap,
	.release = window_release,
};

/* A file of one page that begins with @n bytes, to be put; or an ERR_PTR(). */
static struct file *window_new(const void *bytes, size_t n)
{
	void *page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	struct file *file;

	if (!page)
		return ERR_PTR(-ENOMEM);
	memcpy(page, bytes, n);
	file = anon_inode_getfile("[qwamos-gate]", &window_fops, page, O_RDONLY);
	if (IS_ERR(file))
		free_page((unsigned long)page);
	return file;
}

/* Is @file what stands at @at, whole? Called with mmap_lock held. */
static bool is_there(struct file *file, unsigned long at)
{
	struct vm_area_struct *vma = vma_lookup(current->mm, at);

	return vma && vma->vm_file == file && vma->vm_start == at &&
	       vma->vm_end - vma->vm_start == PAGE_SIZE;
}

/**
 * qgate_through_window() - have bytes read by who reads them from the caller's memory
 * @bytes: the bytes
 * @n: how many, at most a page
 * @call: called with their address in the caller's memory, with mmap_lock held for reading and with
 *     no page fault served: all of the bytes are there
 * @data: for @call
 *
 * Return: what @call returns, -EFAULT: somebody else in the caller's memory is at work on the
 * address, or a negative errno of mmap().
 */
int qgate_through_window(const void *bytes, size_t n, int (*call)(void *data, u64 at), void *data)
{
	struct file *file = window_new(bytes, n);
	struct mm_struct *mm = current->mm;
	unsigned long at;
	int ret = -EFAULT;

	if (IS_ERR(file))
		return PTR_ERR(file);
	at = vm_mmap(file, 0, PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
	if (IS_ERR_VALUE(at)) {
		fput(file);
		return at;
	}
	mmap_read_lock(mm);
	if (is_there(file, at)) {
		pagefault_disable();
		ret = call(data, at);
		pagefault_enable();
	}
	mmap_read_unlock(mm);
	vm_munmap(at, PAGE_SIZE);
	fput(file);
	return ret;
}
