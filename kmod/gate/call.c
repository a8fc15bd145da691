// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way of every ioctl through a gate: read the argument once, decode it, hold it against the
 * policy, and give the driver the copy that was looked at.
 */
#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <linux/hrtimer.h>
#include <linux/nospec.h>
#include <linux/pm_runtime.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "gate.h"

#define ON_STACK   128
#define LONGEST	   1024 /* a struct that a DRM ioctl may have as its argument, in bytes */
#define MOST_AHEAD (10 * NSEC_PER_MSEC) /* how long nobody looks whether the gate is closed */

/**
 * struct qgate_ioctl - one ioctl of a driver that is being carried out
 * @gf: the file
 * @call: its row
 * @desc: the driver's
 * @arg: the kernel's copy of the argument
 * @nr: its number
 * @called: the driver has been called
 * @what: what it does
 */
struct qgate_ioctl {
	struct qgate_file *gf;
	const struct qgate_call *call;
	const struct drm_ioctl_desc *desc;
	void *arg;
	u32 nr;
	bool called;
	struct qgate_what what;
};

/**
 * qgate_refuse() - refuse a call for another reason than that the policy denies an operation
 * @gate: the gate
 * @reason: &enum qwamos_gpu_reason
 * @nr: the DRM ioctl's number
 *
 * Return: -EACCES.
 */
int qgate_refuse(struct qgate *gate, u32 reason, u32 nr)
{
	atomic64_inc(&gate->denied);
	return qwamos_gpu_gate_refuse(gate->core, reason, nr);
}

/**
 * qgate_caller() - may the current process call through a file?
 * @gf: the file
 * @nr: the DRM ioctl's number, for the log
 *
 * Return: 0, -EACCES or -ENODEV.
 */
int qgate_caller(struct qgate_file *gf, u32 nr)
{
	int ret = qwamos_gpu_gate_caller(gf->gate->core, &gf->known, nr);

	if (unlikely(ret == -EACCES))
		atomic64_inc(&gf->gate->denied);
	return ret;
}

static int may(struct qgate *gate, u32 op)
{
	int ret = op == QWAMOS_GPU_OP_NONE ? 0 : qwamos_gpu_gate_may(gate->core, op);

	if (unlikely(ret))
		atomic64_inc(&gate->denied);
	return ret;
}

/*
 * Wait for the VM's turn. Nothing is held meanwhile but that the call is under way, which who
 * closes the gate does not wait for. Return: 0, -ERESTARTSYS or -ENODEV.
 */
static int pace(struct qgate *gate)
{
	bool waited = false;
	ktime_t t;
	u64 ns;

	while ((ns = qwamos_gpu_gate_pace(gate->core))) {
		if (!waited)
			atomic64_inc(&gate->waits);
		waited = true;
		t = ns_to_ktime(min_t(u64, ns, MOST_AHEAD));
		set_current_state(TASK_INTERRUPTIBLE);
		schedule_hrtimeout(&t, HRTIMER_MODE_REL);
		if (signal_pending(current))
			return -ERESTARTSYS;
		if (percpu_ref_is_dying(&gate->live))
			return -ENODEV;
	}
	atomic64_inc(&gate->submissions);
	return 0;
}

/** qgate_pace() - wait for the VM's turn, as often as it submits something */
int qgate_pace(struct qgate *gate, u32 times)
{
	int ret = 0;

	for (; times && !ret; times--)
		ret = pace(gate);
	return ret;
}

/* The driver's part. Some drivers wake the GPU in an ioctl() of their own, which is passed by. */
static int driver_call(struct qgate_ioctl *io)
{
	struct qgate *gate = io->gf->gate;
	struct device *dev = gate->drm->dev;
	int ret;

	io->called = true;
	if (gate->table->wakes) {
		ret = pm_runtime_get_sync(dev);
		if (ret < 0)
			goto out;
	}
	ret = drm_ioctl_kernel(io->gf->real, io->desc->func, io->arg, io->desc->flags);
out:
	if (gate->table->wakes) {
		pm_runtime_mark_last_busy(dev);
		pm_runtime_put_autosuspend(dev);
	}
	return ret;
}

static u64 page_aligned(u64 size)
{
	return size > U64_MAX - PAGE_SIZE ? U64_MAX : ALIGN(size, PAGE_SIZE);
}

/*
 * The driver has made an object that @charged bytes were charged for: take note of it, with its
 * real size. It is there, whatever the quota says to that; then it is closed again, and charged
 * until it is gone. Called with the file's lock held.
 */
static int note_object(struct qgate_ioctl *io, u64 charged)
{
	struct qgate_file *gf = io->gf;
	struct qgate *gate = gf->gate;
	u32 handle = *(u32 *)(io->arg + io->call->handle);
	struct drm_gem_object *gem = drm_gem_object_lookup(gf->drm, handle);
	struct qgate_obj *obj;
	u64 size;
	int ret = 0;

	if (WARN_ON_ONCE(!gem)) {
		qgate_uncharge(gate, charged);
		return -ENOENT;
	}
	size = max_t(u64, charged, gem->size);
	if (size > charged) {
		ret = qgate_charge(gate, size - charged, false);
		if (ret)
			qgate_charge(gate, size - charged, true);
	}
	obj = qgate_obj_new(gate, gem, false, false, size);
	if (IS_ERR(obj)) {
		drm_gem_handle_delete(gf->drm, handle);
		drm_gem_object_put(gem);
		qgate_uncharge(gate, size);
		return PTR_ERR(obj);
	}
	ret = ret ?: xa_err(xa_store(&gf->handles, handle, obj, GFP_KERNEL_ACCOUNT));
	if (ret) {
		drm_gem_handle_delete(gf->drm, handle);
		qgate_obj_unuse(gate, obj);
	}
	return ret;
}

static int alloc(struct qgate_ioctl *io)
{
	struct qgate *gate = io->gf->gate;
	u64 size = page_aligned(io->what.size);
	int ret;

	if (!qgate_objs_room(gate, false)) {
		qgate_refuse(gate, QWAMOS_GPU_REASON_OBJECTS, io->nr);
		return -ENOMEM;
	}
	ret = qgate_charge(gate, size, false);
	if (ret)
		return ret;
	mutex_lock(&io->gf->lock);
	ret = driver_call(io);
	if (ret)
		qgate_uncharge(gate, size);
	else
		ret = note_object(io, size);
	mutex_unlock(&io->gf->lock);
	return ret;
}

/* What the driver keeps for the file is counted, and what it gives up again. */
static int keep(struct qgate_ioctl *io)
{
	struct qgate_file *gf = io->gf;
	struct qgate *gate = gf->gate;
	int ret, by = io->what.kept;

	if (by > 0 && atomic_add_return(by, &gate->kept) > QGATE_KEPT) {
		atomic_sub(by, &gate->kept);
		qgate_refuse(gate, QWAMOS_GPU_REASON_OBJECTS, io->nr);
		return -ENOMEM;
	}
	mutex_lock(&gf->lock);
	ret = driver_call(io);
	if (!ret)
		gf->kept += by;
	mutex_unlock(&gf->lock);
	if ((by > 0 && ret) || (by < 0 && !ret))
		atomic_sub(abs(by), &gate->kept);
	return ret;
}

/* From now on what the file submits is judged as Vulkan. Called with the file's lock held. */
static int vulkan_begins(struct qgate_file *gf)
{
	int ret = qwamos_gpu_gate_queue(gf->gate->core);

	if (ret) {
		atomic64_inc(&gf->gate->denied);
		return ret;
	}
	WRITE_ONCE(gf->vulkan, true);
	atomic_inc(&gf->gate->vulkan);
	return 0;
}

/** qgate_vulkan_ends() - the file's context, which has Vulkan, is gone, or never came */
void qgate_vulkan_ends(struct qgate_file *gf)
{
	WRITE_ONCE(gf->vulkan, false);
	atomic_dec(&gf->gate->vulkan);
	qwamos_gpu_gate_unqueue(gf->gate->core);
}

static int context_at(void *data, u64 at)
{
	struct qgate_ioctl *io = data;
	u64 *pointer = io->arg + io->call->nested->pointer;
	u64 was = *pointer;
	int ret;

	*pointer = at;
	ret = driver_call(io);
	*pointer = was;
	return ret;
}

/* The parameters of a context decide, so the driver reads those that were judged. */
static int context(struct qgate_ioctl *io)
{
	const struct qgate_nested *n = io->call->nested;
	u32 count = *(u32 *)(io->arg + n->count);
	struct qgate_file *gf = io->gf;
	bool first;
	void *v;
	int ret;

	if (count > n->most)
		return -EINVAL;
	v = memdup_user(u64_to_user_ptr(*(u64 *)(io->arg + n->pointer)), count * n->size);
	if (IS_ERR(v))
		return PTR_ERR(v);
	n->judge(v, count, &io->what);
	ret = io->what.never ? qgate_refuse(gf->gate, QWAMOS_GPU_REASON_NOT_OFFERED, io->nr)
			     : may(gf->gate, io->what.op);
	if (ret)
		goto out;
	mutex_lock(&gf->lock);
	first = io->what.vulkan && !gf->vulkan;
	ret = first ? vulkan_begins(gf) : 0;
	if (!ret) {
		ret = qgate_through_window(v, count * n->size, context_at, io);
		/* Once the driver was asked, it may have kept the capset although it failed. */
		if (ret && first && !io->called)
			qgate_vulkan_ends(gf);
	}
	mutex_unlock(&gf->lock);
out:
	kfree(v);
	return ret;
}

/* As may(), after a wait, without another note of it. */
static int still_may(struct qgate *gate, u32 op)
{
	if (percpu_ref_is_dying(&gate->live))
		return -ENODEV;
	return op == QWAMOS_GPU_OP_NONE || qwamos_gpu_gate_allows(gate->core, op) ? 0
										  : may(gate, op);
}

/* Judge a call of the driver's and carry it out. */
static int carry_out(struct qgate_ioctl *io)
{
	struct qgate *gate = io->gf->gate;
	int ret;

	if (io->call->fix)
		io->call->fix(io->arg);
	qgate_decode(io->call, io->arg, &io->what);
	if (unlikely(io->what.never))
		return qgate_refuse(gate, QWAMOS_GPU_REASON_NOT_OFFERED, io->nr);
	if (io->call->kind == QGATE_CONTEXT)
		return context(io);
	/* What a context was let to do, it may do no more once the policy says so. */
	if (unlikely(READ_ONCE(io->gf->vulkan)) && io->what.op == QWAMOS_GPU_OP_RENDERING_3D)
		io->what.op = QWAMOS_GPU_OP_VULKAN_COMPUTE;
	ret = may(gate, io->what.op);
	if (!ret && (io->call->paced || io->what.paced)) {
		ret = pace(gate);
		/* What was allowed before may not be any more. */
		ret = ret ?: still_may(gate, io->what.op);
	}
	if (ret)
		return ret;
	if (io->call->kind == QGATE_ALLOC)
		return alloc(io);
	return io->what.kept ? keep(io) : driver_call(io);
}

/* As drm_ioctl() does it, but that the argument is read here, once. */
static long copied(struct qgate_ioctl *io, unsigned int cmd, void __user *uarg)
{
	unsigned int in = _IOC_SIZE(cmd), out = in, size;
	char stack[ON_STACK] __aligned(8);
	unsigned int know = io->desc ? io->desc->cmd : cmd;
	long ret = -EFAULT;

	if (!(cmd & know & IOC_IN))
		in = 0;
	if (!(cmd & know & IOC_OUT))
		out = 0;
	size = max3(in, out, max_t(unsigned int, _IOC_SIZE(know), io->call->size));
	if (size > LONGEST)
		return -EINVAL;
	io->arg = size > ON_STACK ? kmalloc(size, GFP_KERNEL_ACCOUNT) : stack;
	if (!io->arg)
		return -ENOMEM;
	if (copy_from_user(io->arg, uarg, in))
		goto out;
	memset(io->arg + in, 0, size - in);
	/* Reading it may have taken as long as the caller likes. */
	ret = -ENODEV;
	if (percpu_ref_is_dying(&io->gf->gate->live))
		goto out;
	if (io->desc)
		ret = carry_out(io);
	else
		ret = qgate_core_call(io->gf, io->nr, io->arg);
	/* Some drivers answer when they fail, too; but what we asked for is no answer. */
	if ((!ret || (io->called && !io->call->fix)) && copy_to_user(uarg, io->arg, out))
		ret = -EFAULT;
out:
	if (io->arg != stack)
		kfree(io->arg);
	return ret;
}

static bool of_driver(unsigned int nr)
{
	return nr >= DRM_COMMAND_BASE && nr < DRM_COMMAND_END;
}

/* The row of a call, also if it is not let through, or NULL. */
static const struct qgate_call *row_of(struct qgate *gate, unsigned int nr)
{
	if (!of_driver(nr))
		return qgate_call(&qgate_core, nr);
	nr -= DRM_COMMAND_BASE;
	return nr < gate->table->n && test_bit(nr, gate->ours) ? qgate_call(gate->table, nr) : NULL;
}

static long forward(struct qgate_ioctl *io, unsigned int cmd, unsigned long arg, bool compat)
{
	const struct file_operations *fops = io->gf->real->f_op;
	struct qgate *gate = io->gf->gate;
	long ret = io->call->paced ? pace(gate) : 0;

	if (ret)
		return ret;
	/* What the kernel takes for one that waits is charged to nobody. */
	if (atomic_inc_return(&gate->forwards) > QGATE_FORWARDS) {
		qgate_refuse(gate, QWAMOS_GPU_REASON_OBJECTS, io->nr);
		ret = -ENOMEM;
	} else if (compat && fops->compat_ioctl) {
		ret = fops->compat_ioctl(io->gf->real, cmd, arg);
	} else {
		ret = fops->unlocked_ioctl(io->gf->real, cmd, arg);
	}
	atomic_dec(&gate->forwards);
	return ret;
}

/* A call of a member's, with the gate live. */
static long call(struct qgate_file *gf, unsigned int cmd, unsigned long arg, bool compat)
{
	struct qgate *gate = gf->gate;
	struct qgate_ioctl io = { .gf = gf, .nr = _IOC_NR(cmd) };

	if (_IOC_TYPE(cmd) != DRM_IOCTL_BASE)
		return -ENOTTY;
	io.call = row_of(gate, io.nr);
	if (!io.call)
		return qgate_refuse(gate, QWAMOS_GPU_REASON_NOT_DECODED, io.nr);
	if (io.call->kind == QGATE_NEVER)
		return qgate_refuse(gate, QWAMOS_GPU_REASON_NOT_OFFERED, io.nr);
	if (compat && !io.call->compat)
		return qgate_refuse(gate, QWAMOS_GPU_REASON_COMPAT, io.nr);
	if (io.call->kind == QGATE_FORWARD)
		return forward(&io, cmd, arg, compat);
	if (io.call->kind != QGATE_OURS)
		io.desc = &gate->drm->driver->ioctls[array_index_nospec(
			io.nr - DRM_COMMAND_BASE, gate->drm->driver->num_ioctls)];
	return copied(&io, cmd, (void __user *)arg);
}

static long gate_ioctl(struct file *file, unsigned int cmd, unsigned long arg, bool compat)
{
	struct qgate_file *gf = file->private_data;
	struct qgate *gate = gf->gate;
	long ret;

	if (unlikely(!percpu_ref_tryget_live(&gate->live)))
		return -ENODEV;
	ret = qgate_caller(gf, _IOC_NR(cmd));
	if (likely(!ret))
		ret = call(gf, cmd, arg, compat);
	percpu_ref_put(&gate->live);
	return ret;
}

/** qgate_ioctl() - any ioctl of a gate */
long qgate_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return gate_ioctl(file, cmd, arg, false);
}

/** qgate_compat_ioctl() - any ioctl of a gate by a 32-bit program */
long qgate_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return gate_ioctl(file, cmd, arg, true);
}
