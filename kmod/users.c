// SPDX-License-Identifier: GPL-2.0-only
/* Who has something of a GPU: see users.h. */
#include <linux/rculist.h>
#include "users.h"

/** qgpu_users_init() - nobody yet */
void qgpu_users_init(struct qgpu_users *users)
{
	INIT_LIST_HEAD(&users->uses);
}

static bool may_share(u32 level)
{
	const struct qgpu_level *l = qgpu_level(level);

	return l && l->may_share;
}

static bool in_use(const struct qgpu_gpu_use *use)
{
	return READ_ONCE(use->guarantee) || atomic64_read(&use->vram.used) ||
	       atomic64_read(&use->queues);
}

/* Called with the VM lock held. */
static void count_loner(struct qgpu_users *users, int by)
{
	WRITE_ONCE(users->loners, users->loners + by);
}

/**
 * qgpu_users_add() - make room for a GPU in a VM's ledgers
 * @users: the GPU's users
 * @lim: the VM's limits; the VM is live and the VM lock is held
 * @device_id: the GPU
 *
 * Return: its index, which it may have had before, -ENODEV (removed) or -ENOSPC.
 */
int qgpu_users_add(struct qgpu_users *users, struct qgpu_limits *lim, u64 device_id)
{
	int i = qgpu_limits_gpu(lim, device_id);
	u32 n = lim->n_gpus;
	struct qgpu_gpu_use *use;

	if (users->closed)
		return -ENODEV;
	if (i >= 0)
		return i;
	if (n == QWAMOS_GPU_VM_GPUS)
		return -ENOSPC;
	use = &lim->gpu[n];
	use->device_id = device_id;
	use->lim = lim;
	use->users = users;
	list_add_tail_rcu(&use->node, &users->uses);
	if (!may_share(lim->level))
		count_loner(users, 1);
	/* Who sees the number sees the GPU. */
	smp_store_release(&lim->n_gpus, n + 1);
	return 1 + n;
}

/* Called with the VM lock held. */
static void leave(struct qgpu_gpu_use *use)
{
	if (!may_share(use->lim->level))
		count_loner(use->users, -1);
	list_del_rcu(&use->node);
	use->users = NULL;
}

/**
 * qgpu_users_leave() - what a VM has of GPUs is in nobody's way any more
 * @lim: the limits of a VM that ends; the VM lock is held. They stay for a grace period.
 */
void qgpu_users_leave(struct qgpu_limits *lim)
{
	u32 i;

	for (i = 0; i < lim->n_gpus; i++)
		if (lim->gpu[i].users)
			leave(&lim->gpu[i]);
}

/**
 * qgpu_users_close() - nothing more is charged on a GPU
 * @users: users of a GPU that was removed; the VM lock is held. It stays for a grace period.
 *
 * What is charged stays until it is given back.
 */
void qgpu_users_close(struct qgpu_users *users)
{
	struct qgpu_gpu_use *use, *next;

	users->closed = true;
	list_for_each_entry_safe(use, next, &users->uses, node) {
		WRITE_ONCE(use->gone, true);
		leave(use);
	}
}

static void count_everywhere(struct qgpu_limits *lim, int by)
{
	u32 i;

	for (i = 0; i < lim->n_gpus; i++)
		if (lim->gpu[i].users)
			count_loner(lim->gpu[i].users, by);
}

/**
 * qgpu_users_set_level() - give a VM its level
 * @lim: the VM's limits; the VM lock is held
 * @level: &enum qwamos_gpu_level
 *
 * Who counts the loners meanwhile never counts one less than there are.
 */
void qgpu_users_set_level(struct qgpu_limits *lim, u32 level)
{
	bool was = !may_share(lim->level), is = !may_share(level);

	if (is && !was)
		count_everywhere(lim, 1);
	/* Whoever sees what follows from the new level counts with it. */
	smp_wmb();
	WRITE_ONCE(lim->level, level);
	if (was && !is)
		count_everywhere(lim, -1);
}

/**
 * qgpu_users_in_the_way() - does another VM use a GPU in a way that keeps this one off it?
 * @users: the GPU's users; under RCU
 * @mine: the VM's limits
 * @level: the level that it is judged by
 *
 * One that may share asks only after those who may not: where there is none, as ever so many share,
 * this costs nothing.
 */
bool qgpu_users_in_the_way(const struct qgpu_users *users, const struct qgpu_limits *mine,
			   u32 level)
{
	bool sharing = may_share(level);
	const struct qgpu_gpu_use *use;

	if (sharing && !READ_ONCE(users->loners))
		return false;
	list_for_each_entry_rcu(use, &users->uses, node)
		if (use->lim != mine && !(sharing && may_share(READ_ONCE(use->lim->level))) &&
		    in_use(use))
			return true;
	return false;
}

/**
 * qgpu_users_promised() - what other VMs are promised of a GPU, in percent
 * @users: the GPU's users; the VM lock is held
 * @mine: the VM's limits
 */
u32 qgpu_users_promised(const struct qgpu_users *users, const struct qgpu_limits *mine)
{
	const struct qgpu_gpu_use *use;
	u32 sum = 0;

	list_for_each_entry(use, &users->uses, node)
		if (use->lim != mine)
			sum += use->guarantee;
	return sum;
}

/**
 * qgpu_users_sum() - what all live VMs together have of a GPU
 * @users: its users
 * @sum: out
 */
void qgpu_users_sum(const struct qgpu_users *users, struct qwamos_gpu_vm_gpu *sum)
{
	const struct qgpu_gpu_use *use;

	memset(sum, 0, sizeof(*sum));
	rcu_read_lock();
	list_for_each_entry_rcu(use, &users->uses, node) {
		sum->vram_used += atomic64_read(&use->vram.used);
		sum->queues_used += atomic64_read(&use->queues);
		sum->guarantee += READ_ONCE(use->guarantee);
	}
	rcu_read_unlock();
}
