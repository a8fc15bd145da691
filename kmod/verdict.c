// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a GPU says to a VM that is to use it. VM_CHECK asks under RCU: no lock is waited for, and
 * nothing is written but, once a second and where there is no IOMMU, that there is none; so that a
 * VM monitor that asks in a loop keeps nobody waiting.
 */
#include <linux/jiffies.h>
#include "device.h"

static bool known_kept(const struct qgpu_dev *d, bool passthrough)
{
	return passthrough ? READ_ONCE(d->iommu) : READ_ONCE(d->translated);
}

/*
 * Is the device kept to the memory of who uses it? Passed through, VFIO demands an IOMMU that can
 * do so coherently, and sets it up; else what counts is how the host has set it up, coherent or
 * not. An IOMMU may come late, with the module of its driver: whoever asks looks again, but not all
 * the time, and not if a lock is taken.
 */
static bool is_kept(struct qgpu_dev *d, bool passthrough)
{
	if (known_kept(d, passthrough) || time_before(jiffies, READ_ONCE(d->iommu_asked) + HZ) ||
	    !mutex_trylock(&qgpu_reg_lock))
		return known_kept(d, passthrough);
	qgpu_dev_ask_iommu(d, false);
	mutex_unlock(&qgpu_reg_lock);
	return known_kept(d, passthrough);
}

/**
 * qgpu_dev_verdict() - may a VM use a GPU?
 * @d: the GPU; under RCU
 * @vm: the VM
 * @rule: the QGPU_RULE() that it is judged by: its level, and whether it is alone
 * @passthrough: as a whole
 *
 * One that a VM has attached is that VM's as a whole, whoever else was given it; one that VMs were
 * given without that is theirs together, if all of them may share. What changes meanwhile may be
 * seen or not. Return: &enum qwamos_gpu_reason.
 */
u32 qgpu_dev_verdict(struct qgpu_dev *d, struct qgpu_vm *vm, u32 rule, bool passthrough)
{
	const struct qgpu_level *l = qgpu_level(QGPU_RULE_LEVEL(rule) >> 8);
	bool sharing = l && l->may_share && !QGPU_RULE_ALONE(rule);
	struct qgpu_vm *owner;

	if (((l && l->needs_iommu) || passthrough) && !is_kept(d, passthrough))
		return QWAMOS_GPU_REASON_NO_IOMMU;
	owner = rcu_access_pointer(d->owner);
	/* One that goes into quarantine does so before its owner is gone. */
	smp_rmb();
	if (owner ? owner != vm : qgpu_users_in_the_way(&d->users, &vm->lim, sharing))
		return QWAMOS_GPU_REASON_SHARING;
	if (READ_ONCE(d->quarantined) && !READ_ONCE(d->accepted))
		return QWAMOS_GPU_REASON_QUARANTINED;
	return QWAMOS_GPU_REASON_NONE;
}
