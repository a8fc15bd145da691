// SPDX-License-Identifier: GPL-2.0-only
/* The calls, one function each, and their table. What each means stands in the uAPI header. */
#include <linux/cgroup.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>
#include "audit.h"
#include "check.h"
#include "device.h"
#include "gates.h"
#include "vm_tasks.h"
#include "ioctl.h"
#include "policy.h"
#include "vm.h"

#define AUDIT_MAX  65536
#define LIST_CHUNK 64 /* entries that one call of a list gathers at most */

static int do_get_info(struct qgpu_call *call)
{
	struct qwamos_gpu_get_info *a = &call->arg->get_info;

	a->out_version = QWAMOS_GPU_VERSION;
	a->out_levels = QGPU_LEVELS;
	a->out_caps = QWAMOS_GPU_CAP_PASSTHROUGH | QWAMOS_GPU_CAP_AUDIT | QWAMOS_GPU_CAP_POLICY |
		      QWAMOS_GPU_CAP_NETLINK | (qgpu_gates_made() ? QWAMOS_GPU_CAP_GATE : 0) |
		      (qgpu_tasks_inherit() ? QWAMOS_GPU_CAP_TASKS : 0);
	memcpy(a->out_instance, qgpu_audit_instance(), sizeof(a->out_instance));
	a->out_revoke_timeout_s = READ_ONCE(qgpu_revoke_timeout_s);
	a->out_audit_records = qgpu_audit_capacity();
	a->out_errata = QWAMOS_GPU_ERRATA;
	return 0;
}

/*
 * The cgroup of a VM to be: not the root, and not one that the caller stands in, since all below it
 * become members with VM_JOIN, and die with the VM. Nor a threaded one: processes may stand there
 * with some of their threads alone.
 */
static struct cgroup *cgroup_of(struct qwamos_gpu_vm_create *a)
{
	struct cgroup *cgrp;
	bool inside;

	if (a->hdr.flags & QWAMOS_GPU_VM_CREATE_F_NO_CGROUP)
		return a->cgroup_fd == -1 ? NULL : ERR_PTR(-EINVAL);
	cgrp = cgroup_get_from_fd(a->cgroup_fd);
	if (IS_ERR(cgrp))
		return ERR_PTR(-EBADF);
	rcu_read_lock();
	inside = task_under_cgroup_hierarchy(current, cgrp);
	rcu_read_unlock();
	if (!cgrp->level || inside || cgrp->dom_cgrp != cgrp) {
		cgroup_put(cgrp);
		return ERR_PTR(-EINVAL);
	}
	return cgrp;
}

static int do_create(struct qgpu_call *call)
{
	struct qwamos_gpu_vm_create *a = &call->arg->create;
	bool end_on_close = a->hdr.flags & QWAMOS_GPU_VM_CREATE_F_END_ON_CLOSE;
	struct file *manage, *use;
	struct cgroup *cgrp;
	struct qgpu_vm *vm;
	int mfd, ufd, ret;

	if (a->__reserved || !qgpu_name_ok(a->name))
		return -EINVAL;
	cgrp = cgroup_of(a);
	if (IS_ERR(cgrp))
		return PTR_ERR(cgrp);
	vm = qgpu_vm_create(a->name, cgrp, qgpu_end_work_fn, &call->reason);
	if (IS_ERR(vm)) {
		if (cgrp)
			cgroup_put(cgrp);
		return PTR_ERR(vm);
	}
	mfd = ret = get_unused_fd_flags(O_CLOEXEC);
	if (ret < 0)
		goto err_vm;
	ufd = ret = get_unused_fd_flags(O_CLOEXEC);
	if (ret < 0)
		goto err_mfd;
	manage = qgpu_file_new(vm, QGPU_FILE_MANAGE, true, end_on_close);
	ret = PTR_ERR_OR_ZERO(manage);
	if (ret)
		goto err_ufd;
	use = qgpu_file_new(vm, QGPU_FILE_USE, true, false);
	ret = PTR_ERR_OR_ZERO(use);
	if (ret)
		goto err_manage;
	a->out_vm_id = vm->id;
	a->out_manage_fd = mfd;
	a->out_use_fd = ufd;
	ret = qgpu_call_answer(call);
	if (ret)
		goto err_use;
	qgpu_vm_publish(vm);
	fd_install(mfd, manage);
	fd_install(ufd, use);
	qgpu_vm_unhold(vm);
	qgpu_vm_put(vm);
	return 0;
err_use:
	fput(use);
err_manage:
	fput(manage);
err_ufd:
	put_unused_fd(ufd);
err_mfd:
	put_unused_fd(mfd);
err_vm:
	qgpu_vm_abort(vm);
	return ret;
}

/* A further fd of @vm, answered in *@out_fd. */
static int give_fd(struct qgpu_call *call, struct qgpu_vm *vm, u32 kind, s32 *out_fd)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	struct file *file;
	int ret;

	if (fd < 0)
		return fd;
	file = qgpu_file_new(vm, kind, kind == QGPU_FILE_USE, false);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	*out_fd = fd;
	ret = qgpu_call_answer(call);
	if (ret) {
		put_unused_fd(fd);
		fput(file);
		return ret;
	}
	fd_install(fd, file);
	return 0;
}

static int do_open(struct qgpu_call *call)
{
	struct qwamos_gpu_vm_open *a = &call->arg->open;
	struct qgpu_vm *vm;
	int ret;

	if (a->right != QWAMOS_GPU_RIGHT_MANAGE && a->right != QWAMOS_GPU_RIGHT_USE)
		return -EOPNOTSUPP;
	if (a->vm_id ? !!memchr_inv(a->name, 0, sizeof(a->name)) : !qgpu_name_ok(a->name))
		return -EINVAL;
	vm = qgpu_vm_find(a->vm_id, a->name);
	if (!vm)
		return -ENOENT;
	a->out_vm_id = vm->id;
	ret = give_fd(call, vm, a->right == QWAMOS_GPU_RIGHT_USE ? QGPU_FILE_USE : QGPU_FILE_MANAGE,
		      &a->out_fd);
	qgpu_vm_put(vm);
	return ret;
}

static int do_new_use(struct qgpu_call *call)
{
	if (call->arg->new_use.__reserved)
		return -EINVAL;
	return give_fd(call, call->f->vm, QGPU_FILE_USE, &call->arg->new_use.out_fd);
}

/* Write @n entries of @ksize bytes each to an array of entries as the caller knows them. */
static int write_list(struct qgpu_call *call, const void *v, size_t n, size_t ksize)
{
	struct qwamos_gpu_list *a = &call->arg->list;
	char __user *p = u64_to_user_ptr(a->entries);
	size_t i, both = min_t(size_t, ksize, a->entry_size);

	for (i = 0; i < n; i++, p += a->entry_size)
		if (copy_to_user(p, v + i * ksize, both) ||
		    clear_user(p + both, a->entry_size - both))
			return -EFAULT;
	a->count = n;
	return 0;
}

/* @first: size of an entry in the first version */
static bool entry_size_ok(const struct qwamos_gpu_list *a, size_t first)
{
	return a->entry_size >= first && a->entry_size <= PAGE_SIZE && !(a->entry_size & 7);
}

/*
 * Room for what a list is to write. @first: size of an entry in the first version. Return: an array
 * of @room entries to kvfree(), or an ERR_PTR().
 */
static void *list_begin(struct qwamos_gpu_list *a, size_t first, size_t ksize, u32 *room)
{
	void *v;

	if (!entry_size_ok(a, first))
		return ERR_PTR(-EINVAL);
	*room = min_t(u32, a->count, LIST_CHUNK);
	v = kvcalloc(*room ?: 1, ksize, GFP_KERNEL_ACCOUNT);
	return v ?: ERR_PTR(-ENOMEM);
}

static int do_vm_list(struct qgpu_call *call)
{
	struct qwamos_gpu_list *a = &call->arg->list;
	struct qwamos_gpu_vm *v;
	u32 room, n;
	int ret;

	v = list_begin(a, offsetofend(struct qwamos_gpu_vm, thread_left), sizeof(*v), &room);
	if (IS_ERR(v))
		return PTR_ERR(v);
	n = qgpu_vm_list(a->after, room, v, &a->out_left);
	ret = write_list(call, v, n, sizeof(*v));
	kvfree(v);
	return ret;
}

static int do_dev_list(struct qgpu_call *call)
{
	struct qwamos_gpu_list *a = &call->arg->list;
	u64 seen = qgpu_registry_events();
	struct qwamos_gpu_dev *v;
	u32 room;
	long ret;

	v = list_begin(a, offsetofend(struct qwamos_gpu_dev, __reserved), sizeof(*v), &room);
	if (IS_ERR(v))
		return PTR_ERR(v);
	ret = qgpu_dev_list(a->after, room, v, &a->out_left);
	if (ret >= 0) {
		if (!a->after)
			atomic64_set(&call->f->seen, seen);
		ret = write_list(call, v, ret, sizeof(*v));
	}
	kvfree(v);
	return ret;
}

/*
 * Write, of a short list in the order of the numbers that its entries begin with, those that come
 * after the cursor.
 */
static int write_after(struct qgpu_call *call, const void *v, u32 n, size_t ksize)
{
	struct qwamos_gpu_list *a = &call->arg->list;
	u32 from, k;

	for (from = 0; from < n && *(const u64 *)(v + from * ksize) <= a->after; from++)
		;
	k = min(n - from, a->count);
	a->out_left = n - from - k;
	return write_list(call, v + from * ksize, k, ksize);
}

static int cmp_gpu(const void *a, const void *b)
{
	const struct qwamos_gpu_vm_gpu *x = a, *y = b;

	return x->device_id < y->device_id ? -1 : x->device_id > y->device_id;
}

static int do_vm_gpu_list(struct qgpu_call *call)
{
	struct qwamos_gpu_list *a = &call->arg->list;
	struct qwamos_gpu_vm_gpu v[QWAMOS_GPU_VM_GPUS];
	u32 n;

	if (!entry_size_ok(a, offsetofend(struct qwamos_gpu_vm_gpu, __reserved)))
		return -EINVAL;
	n = qgpu_limits_gpus(&call->f->vm->lim, v);
	sort(v, n, sizeof(*v), cmp_gpu, NULL);
	return write_after(call, v, n, sizeof(*v));
}

static int do_vm_refusal_list(struct qgpu_call *call)
{
	struct qwamos_gpu_list *a = &call->arg->list;
	struct qwamos_gpu_vm_refusal v[QWAMOS_GPU_REASON_COUNT];
	u32 n;

	if (!entry_size_ok(a, offsetofend(struct qwamos_gpu_vm_refusal, count)))
		return -EINVAL;
	n = qgpu_limits_refusals(&call->f->vm->lim, v);
	return write_after(call, v, n, sizeof(*v));
}

static int do_release(struct qgpu_call *call)
{
	struct qwamos_gpu_dev_clear_quarantine *a = &call->arg->release;

	if (!(a->hdr.flags & QWAMOS_GPU_DEV_CLEAR_QUARANTINE_F_ACCEPT_LEFTOVERS))
		return -EINVAL;
	call->device_id = a->device_id;
	return qgpu_release(a->device_id, &call->reason);
}

/* Where AUDIT_READ's records go. */
struct audit_copy {
	struct qgpu_audit_reader reader;
	char __user *at;
	size_t size;
};

static int put_records(struct qgpu_audit_reader *to, const struct qwamos_gpu_audit_record *recs,
		       size_t n)
{
	struct audit_copy *copy = container_of(to, struct audit_copy, reader);
	size_t both = min(sizeof(*recs), copy->size);

	for (; n; n--, recs++, copy->at += copy->size)
		if (copy_to_user(copy->at, recs, both) ||
		    clear_user(copy->at + both, copy->size - both))
			return -EFAULT;
	return 0;
}

static int do_audit_read(struct qgpu_call *call)
{
	struct qwamos_gpu_audit_read *a = &call->arg->audit_read;
	bool chain = a->hdr.flags & QWAMOS_GPU_AUDIT_F_CHAIN,
	     after = a->hdr.flags & QWAMOS_GPU_AUDIT_F_AFTER;
	struct qgpu_audit_filter f = { .newest = !after,
				       .after = a->after,
				       .event = a->event,
				       .count = a->count,
				       .flush = call->f->kind != QGPU_FILE_USE };
	struct audit_copy copy = { .reader.put = put_records,
				   .at = u64_to_user_ptr(a->records),
				   .size = a->record_size };
	bool one = chain || call->f->vm;
	long n = 0;

	if (a->__reserved || !a->count || a->count > AUDIT_MAX ||
	    a->record_size < offsetofend(struct qwamos_gpu_audit_record, comm) ||
	    a->record_size > PAGE_SIZE || a->record_size & 7 || (!chain && a->chain) ||
	    (!after && a->after))
		return -EINVAL;
	if (a->event >= QWAMOS_GPU_EV_COUNT)
		return -EOPNOTSUPP;
	if (chain && call->f->vm && a->chain != call->f->vm->id)
		return -EINVAL;
	if (one)
		f.chain = qgpu_chain_find(call->f->vm ? call->f->vm->id : a->chain);
	if (!one || f.chain)
		n = qgpu_audit_read(&f, &copy.reader);
	if (f.chain)
		qgpu_chain_put(f.chain);
	if (n < 0)
		return n;
	a->count = n;
	a->out_lost = copy.reader.lost;
	atomic64_set(&call->f->audit_upto, copy.reader.upto);
	WRITE_ONCE(call->f->audit_read, true);
	return 0;
}

static int do_level_info(struct qgpu_call *call)
{
	struct qwamos_gpu_level_info *a = &call->arg->level_info;
	const struct qgpu_level *l = qgpu_level(a->level);

	if (a->__reserved)
		return -EINVAL;
	if (!l)
		return -EOPNOTSUPP;
	a->out_compute_cap = l->compute_percent;
	strscpy_pad(a->out_name, l->name, sizeof(a->out_name));
	a->out_vram = qgpu_level_vram(l);
	a->out_vulkan = l->vulkan;
	a->out_queues = l->vulkan_queues;
	a->out_min_interval_ns = qgpu_level_interval_ns(l);
	a->out_ops = l->ops;
	a->out_submit_hz = l->submit_hz;
	a->out_submit_burst = l->submit_burst;
	a->out_flags = (l->needs_iommu ? QWAMOS_GPU_LEVEL_F_NEEDS_IOMMU : 0) |
		       (l->may_share ? QWAMOS_GPU_LEVEL_F_MAY_SHARE : 0);
	return 0;
}

static int do_audit_head(struct qgpu_call *call)
{
	struct qwamos_gpu_audit_head *a = &call->arg->audit_head;
	struct qgpu_chain *c;

	if (call->f->vm && a->chain != call->f->vm->id)
		return -EINVAL;
	c = qgpu_chain_find(a->chain);
	if (!c)
		return -ENOENT;
	qgpu_audit_head(c, a, call->f->kind != QGPU_FILE_USE);
	qgpu_chain_put(c);
	return 0;
}

#define POLICY_MASK                                                                              \
	(QWAMOS_GPU_POLICY_LEVEL | QWAMOS_GPU_POLICY_VRAM | QWAMOS_GPU_POLICY_CAP |              \
	 QWAMOS_GPU_POLICY_GUARANTEE | QWAMOS_GPU_POLICY_PRIORITY | QWAMOS_GPU_POLICY_RESTRICT | \
	 QWAMOS_GPU_POLICY_MODE | QWAMOS_GPU_POLICY_GPUS)

static bool is_mode(u32 mode)
{
	return mode > QWAMOS_GPU_MODE_UNSET && mode <= QWAMOS_GPU_MODE_NONE;
}

/*
 * Are all fields that the mask names in the caller's struct? Those of a shorter one read as zero,
 * which is a value.
 */
static bool fields_given(const struct qwamos_gpu_vm_set_policy *a, size_t usize)
{
#define UPTO(field) offsetofend(struct qwamos_gpu_vm_set_policy, field)
	static const struct {
		u32 bit;
		u32 end;
	} fields[] = {
		{ QWAMOS_GPU_POLICY_LEVEL, UPTO(level) },
		{ QWAMOS_GPU_POLICY_VRAM, UPTO(vram_limit) },
		{ QWAMOS_GPU_POLICY_CAP, UPTO(compute_cap) },
		{ QWAMOS_GPU_POLICY_GUARANTEE, UPTO(compute_guarantee) },
		{ QWAMOS_GPU_POLICY_PRIORITY, UPTO(priority) },
		{ QWAMOS_GPU_POLICY_RESTRICT, UPTO(restrictions) },
		{ QWAMOS_GPU_POLICY_MODE, UPTO(mode_reason) },
		{ QWAMOS_GPU_POLICY_GPUS, UPTO(gpus) },
	};
#undef UPTO
	u32 i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (a->mask & fields[i].bit && usize < fields[i].end)
			return false;
	return true;
}

/* What VM_SET_POLICY asks for by itself, whatever the VM has. @usize: of the caller's struct. */
static int policy_args(const struct qwamos_gpu_vm_set_policy *a, size_t usize)
{
	if (a->mask & ~POLICY_MASK)
		return -EOPNOTSUPP;
	if (!a->mask || !fields_given(a, usize) ||
	    (a->mask & QWAMOS_GPU_POLICY_PRIORITY && a->priority > 100) ||
	    (a->mask & QWAMOS_GPU_POLICY_GPUS && a->gpus_count > QWAMOS_GPU_VM_GPUS))
		return -EINVAL;
	if ((a->mask & QWAMOS_GPU_POLICY_LEVEL && !qgpu_level(a->level)) ||
	    (a->mask & QWAMOS_GPU_POLICY_RESTRICT &&
	     a->restrictions & ~(QWAMOS_GPU_RESTRICT_NO_VULKAN | QWAMOS_GPU_RESTRICT_NO_COMPUTE |
				 QWAMOS_GPU_RESTRICT_EXCLUSIVE)) ||
	    (a->mask & QWAMOS_GPU_POLICY_MODE && !(is_mode(a->mode_asked) && is_mode(a->mode_got) &&
						   a->mode_reason < QWAMOS_GPU_REASON_COUNT)))
		return -EOPNOTSUPP;
	return 0;
}

static void grant_drop(struct qgpu_grant *g)
{
	if (g->users)
		qgpu_dev_put(container_of(g->users, struct qgpu_dev, users));
	kfree(g->room);
}

static int grant_find(struct qgpu_grant *g, u64 device_id)
{
	struct qgpu_dev *d = qgpu_dev_by_id(device_id);

	g->device_id = device_id;
	if (!d || !d->gpu) {
		if (d)
			qgpu_dev_put(d);
		return 0;
	}
	g->users = &d->users;
	g->room = qgpu_use_alloc();
	return g->room ? 0 : -ENOMEM;
}

static void grants_drop(struct qgpu_grants *g)
{
	u32 i;

	grant_drop(&g->promised);
	for (i = 0; i < g->n; i++)
		grant_drop(&g->listed[i]);
	kfree(g);
}

/* The GPUs that a policy lists. Return: 0, -EFAULT, -EINVAL or -ENOMEM. */
static int grants_read(struct qgpu_grants *g, const struct qwamos_gpu_vm_set_policy *a)
{
	u64 ids[QWAMOS_GPU_VM_GPUS];
	u32 i, j;
	int ret;

	if (copy_from_user(ids, u64_to_user_ptr(a->gpus), a->gpus_count * sizeof(*ids)))
		return -EFAULT;
	for (i = 0; i < a->gpus_count; i++) {
		for (j = 0; j < i; j++)
			if (ids[j] == ids[i])
				return -EINVAL;
		ret = grant_find(&g->listed[g->n++], ids[i]);
		if (ret)
			return ret;
	}
	return 0;
}

/* Which device does a refusal with NO_DEVICE mean? The first that is not there. */
static u64 missing_gpu(const struct qgpu_grants *g, const struct qwamos_gpu_vm_set_policy *a)
{
	u32 i;

	for (i = 0; i < g->n; i++)
		if (!g->listed[i].users)
			return g->listed[i].device_id;
	return a->mask & QWAMOS_GPU_POLICY_GUARANTEE ? a->device_id : 0;
}

/* Would a level allow all that a VM holds? Called with the VM lock held. */
static bool held_fits(struct qgpu_vm *vm, u32 level)
{
	return qgpu_attached_fits(vm, level) && qgpu_gates_fit(vm, level);
}

static int do_set_policy(struct qgpu_call *call)
{
	struct qwamos_gpu_vm_set_policy *a = &call->arg->set_policy;
	struct qgpu_grants *g;
	int ret = policy_args(a, call->usize);

	if (ret)
		return ret;
	a->out_used = 0;
	a->out_limit = 0;
	g = kzalloc(sizeof(*g), GFP_KERNEL_ACCOUNT);
	if (!g)
		return -ENOMEM;
	if (a->mask & QWAMOS_GPU_POLICY_GUARANTEE)
		ret = grant_find(&g->promised, a->device_id);
	if (!ret && a->mask & QWAMOS_GPU_POLICY_GPUS)
		ret = grants_read(g, a);
	if (ret)
		goto out;
	ret = qgpu_vm_set_policy(call->f->vm, a, g, held_fits, &call->ev);
	call->device_id = missing_gpu(g, a);
	call->reason = call->ev.reason;
	a->out_used = call->ev.used;
	a->out_limit = call->ev.limit;
out:
	grants_drop(g);
	return ret;
}

static int do_join(struct qgpu_call *call)
{
	return qgpu_vm_join(call->f->vm, &call->reason);
}

/* What pid_of_pidfd() asks a file by. */
struct pidfd_query {
	struct poll_table_struct table;
	const wait_queue_head_t *wait;
};

static void note_wait_queue(struct file *file, wait_queue_head_t *wait,
			    struct poll_table_struct *table)
{
	container_of(table, struct pidfd_query, table)->wait = wait;
}

/*
 * The process of a pidfd. The kernel exports no way to ask one, so ask it what poll() would wait
 * on: a file that waits on the pidfd queue of a process is a pidfd of that process. Nothing is read
 * through the pointer that a file tells. Return: the pid of a running thread group with a
 * reference, or NULL.
 */
static struct pid *pid_of_pidfd(int fd)
{
	struct pidfd_query q = {};
	struct task_struct *p;
	struct pid *pid = NULL;
	struct file *file = fget(fd);

	if (!file)
		return NULL;
	init_poll_funcptr(&q.table, note_wait_queue);
	vfs_poll(file, &q.table);
	rcu_read_lock();
	for_each_process(p) {
		if (q.wait != &task_tgid(p)->wait_pidfd)
			continue;
		if (atomic_read(&p->signal->live) && !(p->flags & PF_KTHREAD))
			pid = get_pid(task_tgid(p));
		break;
	}
	rcu_read_unlock();
	fput(file);
	return pid;
}

static int do_adopt(struct qgpu_call *call)
{
	struct qwamos_gpu_vm_adopt *a = &call->arg->adopt;
	struct pid *pid;
	int ret = -EINVAL;

	if (a->__reserved)
		return -EINVAL;
	pid = pid_of_pidfd(a->pidfd);
	if (!pid)
		return -EBADF;
	if (pid != task_tgid(current) && pid_nr(pid) != 1)
		ret = qgpu_vm_adopt(call->f->vm, pid, &call->reason);
	put_pid(pid);
	return ret;
}

static int do_destroy(struct qgpu_call *call)
{
	qgpu_vm_end(call->f->vm, QWAMOS_GPU_REASON_DESTROYED);
	return 0;
}

static int do_attach(struct qgpu_call *call)
{
	struct qwamos_gpu_dev_attach *a = &call->arg->attach;
	int ret;

	if (a->__reserved)
		return -EINVAL;
	if (a->scrub > QWAMOS_GPU_SCRUB_NA)
		return -EOPNOTSUPP;
	ret = qgpu_attach(call->f->vm, a, &call->reason);
	call->device_id = a->out_device_id ?: a->device_id;
	return ret;
}

static int do_detach(struct qgpu_call *call)
{
	struct qwamos_gpu_dev_detach *a = &call->arg->detach;

	call->device_id = a->device_id;
	return qgpu_detach(call->f->vm, a->device_id, a->hdr.flags & QWAMOS_GPU_DEV_DETACH_F_KILL,
			   &call->reason);
}

static int do_vm_info(struct qgpu_call *call)
{
	qgpu_vm_tell(call->f->vm, &call->arg->vm_info.out_vm);
	return 0;
}

static int do_gate_create(struct qgpu_call *call)
{
	struct qwamos_gpu_gate_create *a = &call->arg->gate_create;
	int ret;

	if (a->__reserved)
		return -EINVAL;
	ret = qgpu_gate_create(call->f->vm, a, &call->reason);
	call->device_id = a->out_device_id;
	if (ret)
		return ret;
	/* Who does not learn of a gate can't give it back. */
	ret = qgpu_call_answer(call);
	if (ret)
		qgpu_gate_destroy(call->f->vm, a->out_gate_id);
	return ret;
}

static int do_gate_destroy(struct qgpu_call *call)
{
	return qgpu_gate_destroy(call->f->vm, call->arg->gate_destroy.gate_id);
}

static int do_gate_list(struct qgpu_call *call)
{
	struct qwamos_gpu_list *a = &call->arg->list;
	struct qwamos_gpu_gate *v;
	int ret;

	if (!entry_size_ok(a, offsetofend(struct qwamos_gpu_gate, driver)))
		return -EINVAL;
	v = kcalloc(QGPU_VM_GATES, sizeof(*v), GFP_KERNEL_ACCOUNT);
	if (!v)
		return -ENOMEM;
	ret = write_after(call, v, qgpu_gate_list(call->f->vm, v), sizeof(*v));
	kfree(v);
	return ret;
}

#define VM_FILES  (QGPU_FILE_MANAGE | QGPU_FILE_USE)
#define ALL_FILES (QGPU_FILE_CONTROL | VM_FILES)

/* @last: the last field of the struct's first version. */
#define CALL(nr, type, last, _flags, _kinds, _manager, _handler, ...)         \
	[QWAMOS_GPU_CMD_##nr] = { .size = sizeof(struct type),                \
				  .min_size = offsetofend(struct type, last), \
				  .flags = _flags,                            \
				  .kinds = _kinds,                            \
				  .manager = _manager,                        \
				  .handler = _handler,                        \
				  __VA_ARGS__ }

static const struct qgpu_call_desc calls[] = {
	CALL(GET_INFO, qwamos_gpu_get_info, out_audit_records, 0, ALL_FILES, false, do_get_info),
	CALL(VM_CREATE, qwamos_gpu_vm_create, out_use_fd,
	     QWAMOS_GPU_VM_CREATE_F_END_ON_CLOSE | QWAMOS_GPU_VM_CREATE_F_NO_CGROUP,
	     QGPU_FILE_CONTROL, true, do_create),
	CALL(VM_OPEN, qwamos_gpu_vm_open, out_vm_id, 0, QGPU_FILE_CONTROL, true, do_open),
	CALL(VM_LIST, qwamos_gpu_list, out_left, 0, QGPU_FILE_CONTROL, true, do_vm_list),
	CALL(DEV_LIST, qwamos_gpu_list, out_left, 0, QGPU_FILE_CONTROL, false, do_dev_list),
	CALL(DEV_CLEAR_QUARANTINE, qwamos_gpu_dev_clear_quarantine, device_id,
	     QWAMOS_GPU_DEV_CLEAR_QUARANTINE_F_ACCEPT_LEFTOVERS, QGPU_FILE_CONTROL, true,
	     do_release),
	CALL(AUDIT_READ, qwamos_gpu_audit_read, out_lost,
	     QWAMOS_GPU_AUDIT_F_CHAIN | QWAMOS_GPU_AUDIT_F_AFTER, ALL_FILES, true, do_audit_read),
	CALL(LEVEL_INFO, qwamos_gpu_level_info, __reserved, 0, ALL_FILES, false, do_level_info),
	CALL(AUDIT_HEAD, qwamos_gpu_audit_head, out_prev_hash, 0, ALL_FILES, true, do_audit_head),
	CALL(VM_SET_POLICY, qwamos_gpu_vm_set_policy, level, 0, QGPU_FILE_MANAGE, true,
	     do_set_policy, .also = offsetof(struct qwamos_gpu_vm_set_policy, out_used),
	     .n_also = 2),
	CALL(VM_JOIN, qwamos_gpu_vm_join, hdr, 0, QGPU_FILE_USE, false, do_join),
	CALL(VM_ADOPT, qwamos_gpu_vm_adopt, __reserved, 0, QGPU_FILE_MANAGE, true, do_adopt),
	CALL(VM_DESTROY, qwamos_gpu_vm_destroy, hdr, 0, QGPU_FILE_MANAGE, true, do_destroy),
	CALL(DEV_ATTACH, qwamos_gpu_dev_attach, __reserved, QWAMOS_GPU_DEV_ATTACH_F_ACCEPT_UNWIPED,
	     QGPU_FILE_MANAGE, true, do_attach, .op = QWAMOS_GPU_OP_PASSTHROUGH,
	     .also = offsetof(struct qwamos_gpu_dev_attach, out_device_id), .n_also = 1),
	CALL(DEV_DETACH, qwamos_gpu_dev_detach, device_id, QWAMOS_GPU_DEV_DETACH_F_KILL,
	     QGPU_FILE_MANAGE, true, do_detach),
	CALL(VM_INFO, qwamos_gpu_vm_info, out_vm.thread_left, 0, VM_FILES, false, do_vm_info),
	CALL(VM_NEW_FD, qwamos_gpu_vm_new_fd, __reserved, 0, QGPU_FILE_USE, false, do_new_use),
	CALL(VM_GPU_LIST, qwamos_gpu_list, out_left, 0, VM_FILES, false, do_vm_gpu_list),
	CALL(VM_REFUSAL_LIST, qwamos_gpu_list, out_left, 0, VM_FILES, false, do_vm_refusal_list),
	CALL(VM_CHECK, qwamos_gpu_vm_check, out_denied, 0, VM_FILES, false, qgpu_do_check),
	CALL(VM_CHARGE, qwamos_gpu_vm_charge, out_limit, 0, QGPU_FILE_USE, false, qgpu_do_charge,
	     .also = offsetof(struct qwamos_gpu_vm_charge, out_used), .n_also = 2),
	CALL(VM_UNCHARGE, qwamos_gpu_vm_charge, out_limit, 0, QGPU_FILE_USE, false,
	     qgpu_do_uncharge),
	CALL(GATE_CREATE, qwamos_gpu_gate_create, out_minor, QWAMOS_GPU_GATE_CREATE_F_ANY_OPENER,
	     QGPU_FILE_MANAGE, true, do_gate_create, .op = QWAMOS_GPU_OP_RENDERING_3D,
	     .also = offsetof(struct qwamos_gpu_gate_create, out_device_id), .n_also = 1),
	CALL(GATE_DESTROY, qwamos_gpu_gate_destroy, gate_id, 0, QGPU_FILE_MANAGE, true,
	     do_gate_destroy),
	CALL(GATE_LIST, qwamos_gpu_list, out_left, 0, VM_FILES, false, do_gate_list),
};

/** qgpu_call_desc() - the row of a call, or NULL */
const struct qgpu_call_desc *qgpu_call_desc(unsigned int nr)
{
	if (nr >= ARRAY_SIZE(calls))
		return NULL;
	nr = array_index_nospec(nr, ARRAY_SIZE(calls));
	return calls[nr].handler ? &calls[nr] : NULL;
}
