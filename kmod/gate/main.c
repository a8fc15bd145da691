// SPDX-License-Identifier: GPL-2.0-only
/* qwamos_gate: what the core calls to make gates, and to close them. */
#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_ioctl.h>
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>
#include "../compat.h"
#include "gate.h"

struct workqueue_struct *qgate_wq;

static DEFINE_MUTEX(init_lock);

/* The DRM file of an open render node, or NULL. */
static struct drm_file *render_file(struct file *file)
{
	struct drm_file *drm = file->private_data;

	return file->f_op->open == drm_open && drm_is_render_client(drm) ? drm : NULL;
}

static int is_virtio(struct device *dev, QGPU_MATCH_DATA unused)
{
	return dev->bus && !strcmp(dev->bus->name, "virtio");
}

/* The virtio device that a GPU is, or that stands below it on a transport; with a reference. */
static struct device *virtio_of(struct device *dev)
{
	return is_virtio(dev, NULL) ? get_device(dev) : device_find_child(dev, NULL, is_virtio);
}

/* Without ACCESS_PLATFORM a virtio device takes physical addresses, past any IOMMU. */
static bool goes_past_iommu(struct device *dev)
{
	struct device *virtio = virtio_of(dev);
	bool ret;

	if (!virtio)
		return false;
	ret = virtio_has_dma_quirk(dev_to_virtio(virtio));
	put_device(virtio);
	return ret;
}

static struct device *device_of(struct file *file, bool *bypasses)
{
	struct drm_file *drm = render_file(file);
	struct drm_device *dev;

	if (!drm || drm_dev_is_unplugged(drm->minor->dev))
		return ERR_PTR(-EBADF);
	dev = drm->minor->dev;
	if (!qgate_table(dev->driver->name))
		return ERR_PTR(-EACCES);
	*bypasses = goes_past_iommu(dev->dev);
	return get_device(dev->dev);
}

/*
 * Which of the calls that our table has are the driver's, too, with an argument of the size that it
 * was written for?
 */
static void compare_calls(struct qgate *gate)
{
	const struct drm_driver *driver = gate->drm->driver;
	const struct drm_ioctl_desc *desc;
	const struct qgate_call *call;
	u32 i;

	for (i = 0; i < gate->table->n && i < driver->num_ioctls; i++) {
		call = qgate_call(gate->table, i);
		desc = &driver->ioctls[i];
		if (call && desc->func &&
		    (call->kind == QGATE_NEVER || call->size == _IOC_SIZE(desc->cmd)))
			set_bit(i, gate->ours);
	}
}

/* Which calls has the driver that our table does not know? */
static void unknown_calls(struct qgate *gate, u64 *unknown)
{
	const struct drm_driver *driver = gate->drm->driver;
	u32 i;

	for (i = 0; i < driver->num_ioctls && i < 128; i++)
		if (driver->ioctls[i].func && (i >= gate->table->n || !test_bit(i, gate->ours)))
			unknown[i / 64] |= 1ULL << i % 64;
}

/* No call is under way any more: let go of the device, whoever still has the gate open. */
static void drop_work_fn(struct work_struct *work)
{
	struct qgate *gate = container_of(work, struct qgate, drop_work);
	struct qgate_file *gf;

	mutex_lock(&gate->lock);
	list_for_each_entry(gf, &gate->files, node)
		qgate_file_drop(gf);
	mutex_unlock(&gate->lock);
	qwamos_gpu_gate_put(gate->core);
}

static void nobody_calls(struct percpu_ref *ref)
{
	struct qgate *gate = container_of(ref, struct qgate, live);

	queue_work(qgate_wq, &gate->drop_work);
}

/* The driver is about to let go of the real device. Called with the device's lock held. */
static int device_goes(struct notifier_block *nb, unsigned long action, void *data)
{
	struct qgate *gate = container_of(nb, struct qgate, going);

	if (action == BUS_NOTIFY_UNBIND_DRIVER && data == gate->drm->dev)
		qwamos_gpu_gate_lost(gate->core);
	return NOTIFY_DONE;
}

static void gate_free(void *data)
{
	struct qgate *gate = data;
	struct module *driver = gate->drm->driver->fops->owner;

	if (gate->drm->dev->bus)
		bus_unregister_notifier(gate->drm->dev->bus, &gate->going);
	qgate_delist(gate);
	qgate_objs_exit(gate);
	percpu_ref_exit(&gate->live);
	drm_dev_put(gate->drm);
	module_put(driver);
	path_put(&gate->path);
	put_cred(gate->cred);
	bitmap_free(gate->ours);
	kfree(gate);
}

/* Of virtio_gpu, the device may stand one below the PCI function. */
static void note_pdev(struct qgate *gate)
{
	struct device *dev = gate->drm->dev;

	if (!dev_is_pci(dev) && dev->parent && dev_is_pci(dev->parent))
		dev = dev->parent;
	if (dev_is_pci(dev))
		strscpy(gate->pdev, dev_name(dev), sizeof(gate->pdev));
}

/* A gate to a render node that has no node of its own yet, or an ERR_PTR(). */
static struct qgate *gate_new(struct qgpu_gate *core, struct file *file)
{
	struct drm_device *drm = render_file(file)->minor->dev;
	struct qgate *gate = kzalloc(sizeof(*gate), GFP_KERNEL_ACCOUNT);
	int ret = -ENOMEM;

	if (!gate)
		return ERR_PTR(ret);
	/* What is left of objects is the driver's to free, long after its last file. */
	if (!try_module_get(drm->driver->fops->owner)) {
		ret = -ENODEV;
		goto err_gate;
	}
	gate->core = core;
	gate->table = qgate_table(drm->driver->name);
	mutex_init(&gate->lock);
	mutex_init(&gate->revoke_lock);
	INIT_LIST_HEAD(&gate->files);
	spin_lock_init(&gate->map_lock);
	INIT_LIST_HEAD(&gate->maps);
	INIT_LIST_HEAD(&gate->closing);
	INIT_WORK(&gate->drop_work, drop_work_fn);
	init_completion(&gate->seen);
	gate->ours = bitmap_zalloc(gate->table->n, GFP_KERNEL_ACCOUNT);
	if (!gate->ours)
		goto err_module;
	ret = percpu_ref_init(&gate->live, nobody_calls, 0, GFP_KERNEL);
	if (ret)
		goto err_ok;
	ret = qgate_objs_init(gate);
	if (ret)
		goto err_live;
	drm_dev_get(drm);
	gate->drm = drm;
	note_pdev(gate);
	gate->path = file->f_path;
	path_get(&gate->path);
	gate->cred = get_current_cred();
	compare_calls(gate);
	gate->going.notifier_call = device_goes;
	if (drm->dev->bus)
		bus_register_notifier(drm->dev->bus, &gate->going);
	qgate_enlist(gate);
	return gate;
err_live:
	percpu_ref_exit(&gate->live);
err_ok:
	bitmap_free(gate->ours);
err_module:
	module_put(drm->driver->fops->owner);
err_gate:
	kfree(gate);
	return ERR_PTR(ret);
}

/* Whoever takes the driver away after this tells us. */
static bool has_driver(struct device *dev)
{
	bool ret;

	device_lock(dev);
	ret = dev->driver;
	device_unlock(dev);
	return ret;
}

static int gate_open(struct qgpu_gate *core, struct file *file)
{
	struct qgate *gate;
	int ret;

	mutex_lock(&init_lock);
	ret = qgate_syncobj_init();
	mutex_unlock(&init_lock);
	if (ret)
		return ret;
	gate = gate_new(core, file);
	if (IS_ERR(gate))
		return PTR_ERR(gate);
	qwamos_gpu_gate_set(core, gate);
	/* drop_work_fn() puts it. */
	qwamos_gpu_gate_get(core);
	/* It may have gone before anybody told us. */
	if (!has_driver(gate->drm->dev))
		qwamos_gpu_gate_lost(core);
	ret = qgate_node_add(gate, MINOR(file_inode(file)->i_rdev));
	if (ret)
		percpu_ref_kill(&gate->live);
	return ret;
}

static void all_see_it(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct qgate, live)->seen);
}

static void revoke_maps(struct qgate *gate)
{
	mutex_lock(&gate->revoke_lock);
	qgate_maps_revoke(gate);
	mutex_unlock(&gate->revoke_lock);
}

static void gate_close(void *data)
{
	struct qgate *gate = data;

	percpu_ref_kill_and_confirm(&gate->live, all_see_it);
	/* What is mapped ends at once; that all see it takes a grace period. */
	revoke_maps(gate);
	qgate_node_del(gate);
	wait_for_completion(&gate->seen);
	revoke_maps(gate);
	qgate_scan_soon(gate);
}

static u32 locked(spinlock_t *lock, const u32 *number)
{
	u32 ret;

	spin_lock(lock);
	ret = *number;
	spin_unlock(lock);
	return ret;
}

static void gate_tell(void *data, struct qwamos_gpu_gate *out)
{
	struct qgate *gate = data;

	out->vram_used = atomic64_read(&gate->bytes);
	unknown_calls(gate, out->unknown);
	out->submissions = atomic64_read(&gate->submissions);
	out->waits = atomic64_read(&gate->waits);
	out->denied = atomic64_read(&gate->denied);
	out->major = MAJOR(gate->dev.devt);
	out->minor = MINOR(gate->dev.devt);
	out->flags = gate->table->compute_inseparable ? QWAMOS_GPU_GATE_F_COMPUTE_INSEPARABLE : 0;
	out->opens = READ_ONCE(gate->n_files);
	out->objects = locked(&gate->obj_lock, &gate->n_objs);
	out->zombies = locked(&gate->obj_lock, &gate->n_zombies);
	out->syncobjs = locked(&gate->obj_lock, &gate->n_syncs);
	out->contexts = atomic_read(&gate->vulkan);
	strscpy(out->driver, gate->table->driver, sizeof(out->driver));
}

static const struct qgpu_gate_ops gate_ops = {
	.owner = THIS_MODULE,
	.device_of = device_of,
	.open = gate_open,
	.close = gate_close,
	.free = gate_free,
	.tell = gate_tell,
};

static int __init qgate_init(void)
{
	int ret;

	qgate_wq = alloc_workqueue("qwamos_gate", WQ_UNBOUND, 0);
	if (!qgate_wq)
		return -ENOMEM;
	ret = qgate_node_init();
	if (ret)
		goto err_wq;
	ret = qwamos_gpu_gates_register(&gate_ops);
	if (ret)
		goto err_node;
	return 0;
err_node:
	qgate_node_exit();
err_wq:
	destroy_workqueue(qgate_wq);
	return ret;
}

/* No gate is left: each has a reference to this module. */
static void __exit qgate_exit(void)
{
	qwamos_gpu_gates_unregister(&gate_ops);
	destroy_workqueue(qgate_wq);
	rcu_barrier();
	qgate_node_exit();
}

module_init(qgate_init);
module_exit(qgate_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Render nodes of virtual machines that hold them to their policy");
QGPU_IMPORT();
