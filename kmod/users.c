// SPDX-License-Identifier: GPL-2.0-only
/* Whom a GPU was given: see users.h. */
#include <linux/rculist.h>
#include <linux/slab.h>
#include "users.h"

/* The entry at @i. Called with the VM lock held, which is a floor above this file's. */
static struct qgpu_gpu_use *use_at(const struct qgpu_limits *lim, u32 i)
{
	return rcu_dereference_protected(lim->gpu[i], true);
}

/** qgpu_users_init() - nobody yet */
void qgpu_users_init(struct qgpu_users *users)
{
	INIT_LIST_HEAD(&users->uses);
}

static bool may_share(u32 level, u32 restrictions)
{
	const struct qgpu_level *l = qgpu_level(level);

	return l && l->may_share && !(restrictions & QWAMOS_GPU_RESTRICT_EXCLUSIVE);
}

/* Called with the VM lock held. */
static void count_loner(struct qgpu_users *users, int by)
{
	WRITE_ONCE(users->loners, users->loners + by);
}

/** qgpu_use_alloc() - room for qgpu_users_add(), to be freed with kfree() if it is not used */
struct qgpu_gpu_use *qgpu_use_alloc(void)
{
	return kzalloc(sizeof(struct qgpu_gpu_use), GFP_KERNEL_ACCOUNT);
}

/* An index without an entry, or -ENOSPC. */
static int free_index(const struct qgpu_limits *lim)
{
	u32 i;

	for (i = 0; i < QWAMOS_GPU_VM_GPUS; i++)
		if (!use_at(lim, i))
			return i;
	return -ENOSPC;
}

/**
 * qgpu_users_add() - make a place for a GPU in a VM's ledgers
 * @users: the GPU's users
 * @lim: the VM's limits; the VM is live and the VM lock is held
 * @device_id: the GPU
 * @room: from qgpu_use_alloc(); NULL afterwards if it was used
 *
 * Return: its index, which it may have had before, -ENODEV (removed) or -ENOSPC.
 */
int qgpu_users_add(struct qgpu_users *users, struct qgpu_limits *lim, u64 device_id,
		   struct qgpu_gpu_use **room)
{
	int i = qgpu_limits_gpu(lim, device_id);
	struct qgpu_gpu_use *use = *room;

	if (users->closed)
		return -ENODEV;
	if (i > 0) {
		use_at(lim, i - 1)->idle = false;
		return i;
	}
	i = free_index(lim);
	if (i < 0)
		return i;
	*room = NULL;
	use->device_id = device_id;
	use->lim = lim;
	use->users = users;
	list_add_tail_rcu(&use->node, &users->uses);
	if (!lim->shares)
		count_loner(users, 1);
	rcu_assign_pointer(lim->gpu[i], use);
	return 1 + i;
}

/* Called with the VM lock held. */
static void leave(struct qgpu_gpu_use *use)
{
	if (!use->lim->shares)
		count_loner(use->users, -1);
	list_del_rcu(&use->node);
	use->users = NULL;
}

/* Nothing is charged, and nothing more will be once whoever charges has gone on. */
static bool reclaimable(const struct qgpu_gpu_use *use)
{
	return !use->pins && !qgpu_use_assigned(use) && !atomic64_read(&use->vram.used) &&
	       !atomic64_read(&use->queues);
}

/**
 * qgpu_users_mark() - note which GPUs a VM neither has any more nor charges on
 * @lim: the VM's limits; the VM lock is held
 */
void qgpu_users_mark(struct qgpu_limits *lim)
{
	struct qgpu_gpu_use *use;
	u32 i;

	for (i = 0; i < QWAMOS_GPU_VM_GPUS; i++) {
		use = use_at(lim, i);
		if (use)
			use->idle = reclaimable(use);
	}
}

/**
 * qgpu_users_reclaim() - make room where qgpu_users_mark() saw that it can be made
 * @lim: the VM's limits; the VM lock is held, and an RCU grace period has passed since: whoever saw
 *     that a GPU was still the VM's has charged what it was about to
 *
 * The guarantee of a GPU that is gone is given up with it.
 */
void qgpu_users_reclaim(struct qgpu_limits *lim)
{
	struct qgpu_gpu_use *use;
	u32 i;

	for (i = 0; i < QWAMOS_GPU_VM_GPUS; i++) {
		use = use_at(lim, i);
		if (!use || !use->idle || !reclaimable(use))
			continue;
		if (use->users)
			leave(use);
		RCU_INIT_POINTER(lim->gpu[i], NULL);
		kfree_rcu(use, rcu);
	}
}

/**
 * qgpu_users_free() - free what a VM had of GPUs
 * @lim: the limits of a VM that nobody knows any more; qgpu_users_leave() was a grace period ago
 */
void qgpu_users_free(struct qgpu_limits *lim)
{
	u32 i;

	for (i = 0; i < QWAMOS_GPU_VM_GPUS; i++)
		kfree(use_at(lim, i));
}

/**
 * qgpu_users_leave() - what a VM has of GPUs is in nobody's way any more
 * @lim: the limits of a VM that ends; the VM lock is held. They stay for a grace period.
 */
void qgpu_users_leave(struct qgpu_limits *lim)
{
	struct qgpu_gpu_use *use;
	u32 i;

	lim->ended = true;
	for (i = 0; i < QWAMOS_GPU_VM_GPUS; i++) {
		use = use_at(lim, i);
		/* A gate lets nothing through any more only once it is closed. */
		if (use && use->users && !use->gates)
			leave(use);
	}
}

/**
 * qgpu_users_attached() - DEV_ATTACH gives a VM a GPU that it has a place for
 * @lim: the VM's limits; the VM lock and the registry lock are held
 * @device_id: the GPU
 */
void qgpu_users_attached(struct qgpu_limits *lim, u64 device_id)
{
	int i = qgpu_limits_gpu(lim, device_id);

	if (i > 0)
		WRITE_ONCE(use_at(lim, i - 1)->attached, true);
}

/**
 * qgpu_users_detached() - a VM has lost a GPU that DEV_ATTACH had given it
 * @lim: the VM's limits
 * @device_id: the GPU
 */
void qgpu_users_detached(struct qgpu_limits *lim, u64 device_id)
{
	struct qgpu_gpu_use *use;
	u32 i;

	/* Without the VM lock: one that was removed may make room for another one meanwhile. */
	rcu_read_lock();
	for (i = 0; i < QWAMOS_GPU_VM_GPUS; i++) {
		use = rcu_dereference(lim->gpu[i]);
		if (use && use->device_id == device_id)
			WRITE_ONCE(use->attached, false);
	}
	rcu_read_unlock();
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
	struct qgpu_gpu_use *use;
	u32 i;

	for (i = 0; i < QWAMOS_GPU_VM_GPUS; i++) {
		use = use_at(lim, i);
		if (use && use->users)
			count_loner(use->users, by);
	}
}

/**
 * qgpu_users_set_level() - give a VM its level and restrictions
 * @lim: the VM's limits; the VM lock is held
 * @level: &enum qwamos_gpu_level
 * @restrictions: QWAMOS_GPU_RESTRICT_*
 *
 * Who counts the loners meanwhile never counts one less than there are.
 */
void qgpu_users_set_level(struct qgpu_limits *lim, u32 level, u32 restrictions)
{
	bool was = !lim->shares, is = !may_share(level, restrictions);

	if (is && !was)
		count_everywhere(lim, 1);
	/* Whoever sees what follows from the new level counts with it. */
	smp_wmb();
	WRITE_ONCE(lim->level, level);
	WRITE_ONCE(lim->restrictions, restrictions);
	WRITE_ONCE(lim->shares, !is);
	if (was && !is)
		count_everywhere(lim, -1);
}

/**
 * qgpu_users_in_the_way() - does another VM have a GPU in a way that keeps this one off it?
 * @users: the GPU's users; under RCU
 * @mine: the VM's limits
 * @sharing: the rule that it is judged by lets it share
 */
bool qgpu_users_in_the_way(const struct qgpu_users *users, const struct qgpu_limits *mine,
			   bool sharing)
{
	const struct qgpu_gpu_use *use;

	if (sharing && !READ_ONCE(users->loners))
		return false;
	list_for_each_entry_rcu(use, &users->uses, node)
		if (use->lim != mine && !(sharing && READ_ONCE(use->lim->shares)) &&
		    qgpu_use_assigned(use))
			return true;
	return false;
}

/**
 * qgpu_users_gate_apart() - do a gate and a VM that shares its GPUs with nobody keep apart?
 * @users: a GPU's users; the VM lock is held
 * @mine: the limits of a VM that is given the GPU, or has it
 * @level: its level from now on
 * @restrictions: its restrictions from now on
 *
 * Who merely has a GPU is told with each VM_CHECK that it is in another one's way; a gate lets work
 * through without that. So where one of both has a gate, neither comes where the other one is.
 * Return: false: another VM is in the way.
 */
bool qgpu_users_gate_apart(const struct qgpu_users *users, const struct qgpu_limits *mine,
			   u32 level, u32 restrictions)
{
	bool sharing = may_share(level, restrictions), gated = false;
	const struct qgpu_gpu_use *use;

	list_for_each_entry(use, &users->uses, node)
		gated |= use->lim == mine && use->gates;
	list_for_each_entry(use, &users->uses, node)
		if (use->lim != mine && !(sharing && use->lim->shares) &&
		    (use->gates || (gated && qgpu_use_assigned(use))))
			return false;
	return true;
}

/**
 * qgpu_users_gate() - count gates of a VM to a GPU
 * @use: what the VM has of the GPU; the VM lock is held
 * @by: 1 or -1
 */
void qgpu_users_gate(struct qgpu_gpu_use *use, int by)
{
	WRITE_ONCE(use->gates, use->gates + by);
	if (!use->gates && use->users && use->lim->ended)
		leave(use);
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
