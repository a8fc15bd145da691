// SPDX-License-Identifier: GPL-2.0-only
/*
 * The character device of a gate, and its open files. It stands below the GPU, and has the minor of
 * the real node and a name in /dev/dri that is the real one's, which is what libdrm looks for.
 */
#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include "../compat.h"
#include "gate.h"

#define REAL_FLAGS (O_ACCMODE | O_NONBLOCK)

/*
 * There are few dynamic majors, so one serves gates to nodes of different minors: a list of those
 * that we have, and of how many numbers of each. Guarded by the lock.
 */
struct qgate_major {
	struct list_head node;
	unsigned int major;
	unsigned int used;
};

static DEFINE_MUTEX(majors_lock);
static LIST_HEAD(majors);

static atomic64_t files_so_far;

/* All gates; written under the lock, read under RCU. */
static DEFINE_SPINLOCK(gates_lock);
static LIST_HEAD(gates);

/** qgate_enlist() - from now on others find the gate's objects */
void qgate_enlist(struct qgate *gate)
{
	spin_lock(&gates_lock);
	list_add_tail_rcu(&gate->all, &gates);
	spin_unlock(&gates_lock);
}

/** qgate_delist() - the reverse; it stays for a grace period */
void qgate_delist(struct qgate *gate)
{
	spin_lock(&gates_lock);
	list_del_rcu(&gate->all);
	spin_unlock(&gates_lock);
	synchronize_rcu();
}

/** qgate_next() - go through all gates, under RCU; @after: the last one, or NULL */
struct qgate *qgate_next(struct qgate *after)
{
	struct list_head *next = rcu_dereference(list_next_rcu(after ? &after->all : &gates));

	return next == &gates ? NULL : list_entry(next, struct qgate, all);
}

/* A number of one of our majors. Called with the lock held. Return: the major, or NULL. */
static struct qgate_major *reuse_major(unsigned int minor)
{
	struct qgate_major *m;

	list_for_each_entry(m, &majors, node)
		if (!register_chrdev_region(MKDEV(m->major, minor), 1, "qwamos_gate"))
			return m;
	return NULL;
}

/* A number with this minor. Return: 0 or a negative errno, -ENOSPC: there is none. */
static int take_number(unsigned int minor, dev_t *number)
{
	struct qgate_major *m;
	int ret = 0;

	mutex_lock(&majors_lock);
	m = reuse_major(minor);
	if (m) {
		*number = MKDEV(m->major, minor);
	} else {
		m = kzalloc(sizeof(*m), GFP_KERNEL);
		ret = m ? alloc_chrdev_region(number, minor, 1, "qwamos_gate") : -ENOMEM;
		if (ret) {
			kfree(m);
			ret = ret == -EBUSY ? -ENOSPC : ret;
			goto out;
		}
		m->major = MAJOR(*number);
		list_add(&m->node, &majors);
	}
	m->used++;
out:
	mutex_unlock(&majors_lock);
	return ret;
}

static void give_number(dev_t number)
{
	struct qgate_major *m, *next;

	mutex_lock(&majors_lock);
	unregister_chrdev_region(number, 1);
	list_for_each_entry_safe(m, next, &majors, node) {
		if (m->major != MAJOR(number) || --m->used)
			continue;
		list_del(&m->node);
		kfree(m);
	}
	mutex_unlock(&majors_lock);
}

static char *gate_devnode(const struct device *dev)
{
	return kasprintf(GFP_KERNEL, "dri/renderD%u", MINOR(dev->devt));
}

static char *QGPU_DEVNODE(class_devnode, dev, mode)
{
	return gate_devnode(dev);
}

static struct class gate_class = {
	.name = "qwamos_gate",
	.devnode = class_devnode,
};

/* Open the real node for a file of the gate's. Return: it, or an ERR_PTR(). */
static struct file *open_real(struct qgate *gate, struct file *file)
{
	struct file *real = dentry_open(&gate->path, file->f_flags & REAL_FLAGS, gate->cred);

	if (IS_ERR(real))
		return real;
	/* Another device may have its number by now. */
	if (real->f_op->open == drm_open &&
	    ((struct drm_file *)real->private_data)->minor->dev == gate->drm &&
	    drm_is_render_client(real->private_data))
		return real;
	fput(real);
	return ERR_PTR(-ENODEV);
}

/* Enter a file among its gate's. Return: 0, -ENODEV: it is closed, or -EMFILE. */
static int enter_file(struct qgate_file *gf)
{
	struct qgate *gate = gf->gate;
	int ret = 0;

	mutex_lock(&gate->lock);
	if (percpu_ref_is_dying(&gate->live))
		ret = -ENODEV;
	else if (gate->n_files == QGATE_FILES)
		ret = -EMFILE;
	if (!ret) {
		list_add(&gf->node, &gate->files);
		gate->n_files++;
	}
	mutex_unlock(&gate->lock);
	return ret;
}

static int gate_open(struct inode *inode, struct file *file)
{
	struct qgate *gate = container_of(inode->i_cdev, struct qgate, cdev);
	struct qgate_file *gf;
	int ret;

	/* Who has an inode of it finds it even when it has gone. */
	if (percpu_ref_is_dying(&gate->live))
		return -ENODEV;
	ret = qwamos_gpu_gate_opened(gate->core);
	if (ret)
		return ret;
	gf = kzalloc(sizeof(*gf), GFP_KERNEL_ACCOUNT);
	ret = -ENOMEM;
	if (!gf)
		goto err_core;
	gf->gate = gate;
	mutex_init(&gf->lock);
	init_waitqueue_head(&gf->wq);
	xa_init(&gf->handles);
	xa_init(&gf->syncs);
	gf->number = atomic64_inc_return(&files_so_far);
	gf->real = open_real(gate, file);
	ret = PTR_ERR_OR_ZERO(gf->real);
	if (ret)
		goto err_gf;
	gf->drm = gf->real->private_data;
	/* Once others know the file, it may lose the real one. */
	qgate_map_where(gate, file, gf->real);
	ret = enter_file(gf);
	if (ret == -EMFILE)
		qgate_refuse(gate, QWAMOS_GPU_REASON_OBJECTS, 0);
	if (ret)
		goto err_real;
	file->private_data = gf;
	qwamos_gpu_gate_get(gate->core);
	return 0;
err_real:
	fput(gf->real);
err_gf:
	kfree(gf);
err_core:
	qwamos_gpu_gate_closed(gate->core);
	return ret;
}

static void drop_all(struct qgate *gate, struct xarray *of)
{
	struct qgate_obj *obj;
	unsigned long handle;

	xa_for_each(of, handle, obj)
		qgate_obj_unuse(gate, obj);
	xa_destroy(of);
}

/**
 * qgate_file_drop() - close what a file has of the real device
 * @gf: the file; no call of it is under way, and none comes
 *
 * The second time nothing is left to do. Called with the gate's lock held.
 */
void qgate_file_drop(struct qgate_file *gf)
{
	struct qgate *gate = gf->gate;

	if (!gf->real)
		return;
	wake_up_poll(&gf->wq, EPOLLERR | EPOLLHUP);
	fput(gf->real);
	gf->real = NULL;
	gf->drm = NULL;
	drop_all(gate, &gf->handles);
	drop_all(gate, &gf->syncs);
	atomic_sub(gf->kept, &gate->kept);
	if (gf->vulkan)
		qgate_vulkan_ends(gf);
}

static int gate_release(struct inode *inode, struct file *file)
{
	struct qgate_file *gf = file->private_data;
	struct qgate *gate = gf->gate;

	mutex_lock(&gate->lock);
	list_del(&gf->node);
	gate->n_files--;
	qgate_file_drop(gf);
	mutex_unlock(&gate->lock);
	put_pid(gf->known);
	kfree(gf);
	qwamos_gpu_gate_closed(gate->core);
	qwamos_gpu_gate_put(gate->core);
	return 0;
}

/*
 * Only whether the gate is closed. The real file's own wait queue goes with that file, of which who
 * waits by epoll would not be told: so events of the driver's are not passed on (no context asks
 * for them: decode_virtio_gpu.c).
 */
static __poll_t gate_poll(struct file *file, struct poll_table_struct *table)
{
	struct qgate_file *gf = file->private_data;

	poll_wait(file, &gf->wq, table);
	return percpu_ref_is_dying(&gf->gate->live) ? EPOLLERR | EPOLLHUP : 0;
}

/* What drivers tell of a file, of one that does not: Documentation/gpu/drm-usage-stats.rst. */
static void show_usage(struct seq_file *m, struct qgate_file *gf)
{
	struct qgate *gate = gf->gate;
	struct qgate_obj *obj;
	unsigned long handle;
	u64 bytes = 0;

	rcu_read_lock();
	xa_for_each(&gf->handles, handle, obj)
		bytes += obj->size;
	rcu_read_unlock();
	seq_printf(m, "drm-driver:\t%s\ndrm-client-id:\t%llu\n", gate->drm->driver->name,
		   QGPU_CLIENT_ID(gf->drm, gf->number));
	if (gate->pdev[0])
		seq_printf(m, "drm-pdev:\t%s\n", gate->pdev);
	seq_printf(m, "drm-total-memory:\t%llu KiB\n", bytes >> 10);
}

static void gate_show(struct seq_file *m, struct file *file)
{
	struct qgate_file *gf = file->private_data;
	struct qgate *gate = gf->gate;

	seq_printf(m, "qwamos-gate:\t%llu\nqwamos-vm:\t%llu\n", qwamos_gpu_gate_id(gate->core),
		   qwamos_gpu_gate_vm(gate->core));
	if (!percpu_ref_tryget_live(&gate->live))
		return;
	if (gf->real->f_op->show_fdinfo)
		gf->real->f_op->show_fdinfo(m, gf->real);
	else
		show_usage(m, gf);
	percpu_ref_put(&gate->live);
}

static const struct file_operations gate_fops = {
	.owner = THIS_MODULE,
	.open = gate_open,
	.release = gate_release,
	.unlocked_ioctl = qgate_ioctl,
	.compat_ioctl = qgate_compat_ioctl,
	.mmap = qgate_mmap,
	.poll = gate_poll,
	.show_fdinfo = gate_show,
	.llseek = noop_llseek,
};

/* The last user of the node's device. */
static void node_release(struct device *dev)
{
	struct qgate *gate = container_of(dev, struct qgate, dev);

	give_number(dev->devt);
	qwamos_gpu_gate_put(gate->core);
}

/**
 * qgate_node_add() - make a gate's node
 * @gate: the gate
 * @minor: of the real node
 *
 * udev is not told: it knows the real node by this name. Return: 0 or a negative errno.
 */
int qgate_node_add(struct qgate *gate, unsigned int minor)
{
	struct device *dev = &gate->dev;
	dev_t number;
	int ret;

	ret = take_number(minor, &number);
	if (ret)
		return ret;
	device_initialize(dev);
	dev->class = &gate_class;
	dev->parent = gate->drm->dev;
	dev->devt = number;
	dev->release = node_release;
	qwamos_gpu_gate_get(gate->core);
	dev_set_uevent_suppress(dev, 1);
	ret = dev_set_name(dev, "gate%llu", qwamos_gpu_gate_id(gate->core));
	if (ret)
		goto err;
	cdev_init(&gate->cdev, &gate_fops);
	gate->cdev.owner = THIS_MODULE;
	ret = cdev_device_add(&gate->cdev, dev);
	if (ret)
		goto err;
	return 0;
err:
	put_device(dev);
	return ret;
}

/** qgate_node_del() - take it away; its open files stay */
void qgate_node_del(struct qgate *gate)
{
	cdev_device_del(&gate->cdev, &gate->dev);
	put_device(&gate->dev);
}

/** qgate_node_init() - get ready for nodes. Return: 0 or a negative errno. */
int qgate_node_init(void)
{
	return class_register(&gate_class);
}

void qgate_node_exit(void)
{
	class_unregister(&gate_class);
}
