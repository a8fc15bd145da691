// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers that leave a gate and come to one. What leaves is a dma-buf of ours around the driver's:
 * so that each gate knows whose it is, and its mappings end with the gate. What comes in is looked
 * at before it has a handle: the driver's own import would read the caller's file descriptor by
 * itself.
 */
#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_prime.h>
#include <linux/dma-buf.h>
#include <linux/fcntl.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "../compat.h"
#include "gate.h"

/**
 * struct qgate_buf - what our dma-buf is around
 * @real: the driver's
 * @gate: the gate, with a reference to its core's part
 * @obj: the object, in use by us
 */
struct qgate_buf {
	struct dma_buf *real;
	struct qgate *gate;
	struct qgate_obj *obj;
};

static int buf_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct qgate_buf *b = dmabuf->priv;
	struct dma_buf_attachment *real;

	if (percpu_ref_is_dying(&b->gate->live))
		return -ENODEV;
	real = dma_buf_attach(b->real, attach->dev);
	if (IS_ERR(real))
		return PTR_ERR(real);
	attach->priv = real;
	return 0;
}

static void buf_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct qgate_buf *b = dmabuf->priv;

	dma_buf_detach(b->real, attach->priv);
}

static struct sg_table *buf_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)
{
	return dma_buf_map_attachment(attach->priv, dir);
}

static void buf_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		      enum dma_data_direction dir)
{
	dma_buf_unmap_attachment(attach->priv, sgt, dir);
}

static void buf_release(struct dma_buf *dmabuf)
{
	struct qgate_buf *b = dmabuf->priv;

	dma_buf_put(b->real);
	qgate_obj_unuse(b->gate, b->obj);
	qwamos_gpu_gate_put(b->gate->core);
	kfree(b);
}

static int buf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct qgate_buf *b = dmabuf->priv;
	struct qgate_obj *obj;
	int ret;

	if (!percpu_ref_tryget_live(&b->gate->live))
		return -ENODEV;
	ret = dma_buf_mmap(b->real, vma, vma->vm_pgoff);
	if (ret)
		goto out;
	obj = qgate_obj_use(b->gate, b->obj->what);
	ret = qgate_map_wrap(b->gate, obj, dmabuf->file, vma);
	if (ret) {
		qgate_obj_unuse(b->gate, obj);
		if (vma->vm_ops && vma->vm_ops->close)
			vma->vm_ops->close(vma);
		vma->vm_ops = NULL;
	}
out:
	percpu_ref_put(&b->gate->live);
	return ret;
}

static int buf_begin(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct qgate_buf *b = dmabuf->priv;

	return dma_buf_begin_cpu_access(b->real, dir);
}

static int buf_end(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct qgate_buf *b = dmabuf->priv;

	return dma_buf_end_cpu_access(b->real, dir);
}

static int buf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct qgate_buf *b = dmabuf->priv;

	return dma_buf_vmap(b->real, map);
}

static void buf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct qgate_buf *b = dmabuf->priv;

	dma_buf_vunmap(b->real, map);
}

static const struct dma_buf_ops buf_ops = {
	.attach = buf_attach,
	.detach = buf_detach,
	.map_dma_buf = buf_map,
	.unmap_dma_buf = buf_unmap,
	.release = buf_release,
	.mmap = buf_mmap,
	.begin_cpu_access = buf_begin,
	.end_cpu_access = buf_end,
	.vmap = buf_vmap,
	.vunmap = buf_vunmap,
};

/*
 * Our dma-buf around the driver's. It takes over @real and the use of @obj if it succeeds. Return:
 * it, or an ERR_PTR().
 */
static struct dma_buf *wrap(struct qgate *gate, struct qgate_obj *obj, struct dma_buf *real,
			    u32 flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct qgate_buf *b = kzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);
	struct dma_buf *dmabuf;

	if (!b)
		return ERR_PTR(-ENOMEM);
	*b = (struct qgate_buf){ .real = real, .gate = gate, .obj = obj };
	info.exp_name = "qwamos_gate";
	info.ops = &buf_ops;
	info.size = real->size;
	info.flags = flags;
	info.resv = real->resv;
	info.priv = b;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		kfree(b);
		return dmabuf;
	}
	qgate_map_where(gate, dmabuf->file, real->file);
	qwamos_gpu_gate_get(gate->core);
	return dmabuf;
}

/* A dma-buf of an object, in use by the caller: ours, or, if it was imported, what it came as. */
static struct dma_buf *export(struct qgate *gate, struct qgate_obj *obj, u32 flags)
{
	struct drm_gem_object *gem = obj->what;
	struct dma_buf *real, *dmabuf;

	if (gem->import_attach) {
		dmabuf = gem->import_attach->dmabuf;
		get_dma_buf(dmabuf);
		qgate_obj_unuse(gate, obj);
		return dmabuf;
	}
	real = gem->funcs && gem->funcs->export ? gem->funcs->export(gem, flags)
						: drm_gem_prime_export(gem, flags);
	if (IS_ERR(real)) {
		qgate_obj_unuse(gate, obj);
		return real;
	}
	dmabuf = wrap(gate, obj, real, flags);
	if (IS_ERR(dmabuf)) {
		dma_buf_put(real);
		qgate_obj_unuse(gate, obj);
	}
	return dmabuf;
}

/** qgate_export() - DRM_IOCTL_PRIME_HANDLE_TO_FD */
int qgate_export(struct qgate_file *gf, void *arg)
{
	struct drm_prime_handle *a = arg;
	struct qgate_obj *obj;
	struct dma_buf *dmabuf;
	int fd;

	if (a->flags & ~(DRM_CLOEXEC | DRM_RDWR))
		return -EINVAL;
	mutex_lock(&gf->lock);
	obj = xa_load(&gf->handles, a->handle);
	if (obj)
		obj = qgate_obj_use(gf->gate, obj->what);
	mutex_unlock(&gf->lock);
	if (!obj)
		return -ENOENT;
	dmabuf = export(gf->gate, obj, a->flags);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	fd = dma_buf_fd(dmabuf, a->flags & DRM_CLOEXEC);
	if (fd < 0) {
		dma_buf_put(dmabuf);
		return fd;
	}
	a->fd = fd;
	return 0;
}

/*
 * The GEM object of this device that a dma-buf is, or becomes, with a reference; @obj: out: what it
 * is here already, in use by the caller, or NULL. Return: it, or an ERR_PTR(): -EACCES: another
 * VM's gate has it.
 */
static struct drm_gem_object *gem_of(struct qgate *gate, struct dma_buf *dmabuf,
				     struct qgate_obj **obj)
{
	const struct drm_driver *driver = gate->drm->driver;
	struct qgate_buf *b = dmabuf->ops == &buf_ops ? dmabuf->priv : NULL;
	struct drm_gem_object *gem;

	*obj = NULL;
	if (b && qwamos_gpu_gate_vm(b->gate->core) != qwamos_gpu_gate_vm(gate->core))
		return ERR_PTR(-EACCES);
	if (b && b->gate == gate) {
		gem = b->obj->what;
		drm_gem_object_get(gem);
	} else {
		gem = driver->gem_prime_import ? driver->gem_prime_import(gate->drm, dmabuf)
					       : drm_gem_prime_import(gate->drm, dmabuf);
		if (IS_ERR(gem))
			return gem;
	}
	*obj = qgate_obj_use(gate, gem);
	if (!*obj && qgate_obj_others(gate, gem)) {
		drm_gem_object_put(gem);
		return ERR_PTR(-EACCES);
	}
	return gem;
}

/* Is that what a dma-buf has become here? @gem: what it would be now. */
static bool same(const struct qgate_obj *obj, const struct drm_gem_object *gem,
		 const struct dma_buf *dmabuf)
{
	const struct drm_gem_object *have = obj->what;

	return have == gem || (have->import_attach && have->import_attach->dmabuf == dmabuf);
}

/*
 * The handle that the file has for a dma-buf already: each is imported once, as in DRM. Called with
 * the file's lock held. Return: the handle, or 0.
 */
static u32 handle_of(struct qgate_file *gf, const struct drm_gem_object *gem,
		     const struct dma_buf *dmabuf)
{
	struct qgate_obj *obj;
	unsigned long handle;

	xa_for_each(&gf->handles, handle, obj)
		if (same(obj, gem, dmabuf))
			return handle;
	return 0;
}

/* Charge what comes from elsewhere. Return: the object, with a reference, or an ERR_PTR(). */
static struct qgate_obj *take_in(struct qgate *gate, struct drm_gem_object *gem)
{
	struct qgate_obj *obj;
	int ret;

	if (!qgate_objs_room(gate, false)) {
		qgate_refuse(gate, QWAMOS_GPU_REASON_OBJECTS,
			     _IOC_NR(DRM_IOCTL_PRIME_FD_TO_HANDLE));
		return ERR_PTR(-ENOMEM);
	}
	ret = qgate_charge(gate, gem->size, false);
	if (ret)
		return ERR_PTR(ret);
	drm_gem_object_get(gem);
	obj = qgate_obj_new(gate, gem, false, true, gem->size);
	if (IS_ERR(obj)) {
		drm_gem_object_put(gem);
		qgate_uncharge(gate, gem->size);
	}
	return obj;
}

/* Give an object, in use by the caller, a handle. Called with the file's lock held. */
static int give_handle(struct qgate_file *gf, struct drm_gem_object *gem, struct qgate_obj *obj,
		       u32 *handle)
{
	int ret = drm_gem_handle_create(gf->drm, gem, handle);

	if (ret)
		return ret;
	ret = xa_err(xa_store(&gf->handles, *handle, obj, GFP_KERNEL_ACCOUNT));
	if (ret)
		drm_gem_handle_delete(gf->drm, *handle);
	return ret;
}

static int import(struct qgate_file *gf, struct dma_buf *dmabuf, u32 *handle)
{
	struct qgate *gate = gf->gate;
	struct drm_gem_object *gem;
	struct qgate_obj *obj;
	int ret = 0;

	mutex_lock(&gf->lock);
	gem = gem_of(gate, dmabuf, &obj);
	if (IS_ERR(gem)) {
		ret = PTR_ERR(gem);
		goto out;
	}
	*handle = handle_of(gf, gem, dmabuf);
	if (*handle)
		goto out_gem;
	if (!obj) {
		obj = take_in(gate, gem);
		if (IS_ERR(obj)) {
			ret = PTR_ERR(obj);
			obj = NULL;
			goto out_gem;
		}
	}
	ret = give_handle(gf, gem, obj, handle);
	if (!ret)
		obj = NULL; /* its use is the handle's now */
out_gem:
	if (obj)
		qgate_obj_unuse(gate, obj);
	drm_gem_object_put(gem);
out:
	mutex_unlock(&gf->lock);
	return ret;
}

/** qgate_import() - DRM_IOCTL_PRIME_FD_TO_HANDLE */
int qgate_import(struct qgate_file *gf, void *arg)
{
	struct drm_prime_handle *a = arg;
	struct dma_buf *dmabuf = dma_buf_get(a->fd);
	int ret;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = import(gf, dmabuf, &a->handle);
	dma_buf_put(dmabuf);
	if (ret == -EACCES)
		qgate_refuse(gf->gate, QWAMOS_GPU_REASON_FOREIGN_BUFFER,
			     _IOC_NR(DRM_IOCTL_PRIME_FD_TO_HANDLE));
	return ret;
}

QGPU_IMPORT_DMA_BUF();
