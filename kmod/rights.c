// SPDX-License-Identifier: GPL-2.0-only
/* Who is kept from managing: see rights.h. */
#include <linux/sched/signal.h>
#include "rights.h"
#include "vm.h"
#include "vm_tasks.h"

/**
 * qgpu_current_barred() - is the current process kept from managing, whatever its capabilities?
 * @member: out: the VM that it is a member of, with a reference, or NULL
 *
 * The one answer for calls, module parameters, binding and asking for a device. Return: 0,
 * QWAMOS_GPU_REASON_VM_MEMBER or QWAMOS_GPU_REASON_USERMODE_HELPER.
 */
u32 qgpu_current_barred(struct qgpu_vm **member)
{
	*member = qgpu_vm_of_current();
	if (*member)
		return QWAMOS_GPU_REASON_VM_MEMBER;
	return qgpu_tasks_is_helper(task_tgid(current)) ? QWAMOS_GPU_REASON_USERMODE_HELPER : 0;
}

/**
 * qgpu_param_set() - set a module parameter, unless the current process is kept from managing
 * @val: the text
 * @kp: the parameter
 * @set: how
 *
 * Return: 0, -EPERM or what @set returns.
 */
int qgpu_param_set(const char *val, const struct kernel_param *kp,
		   int (*set)(const char *val, const struct kernel_param *kp))
{
	struct qgpu_vm *vm;

	if (!qgpu_current_barred(&vm))
		return set(val, kp);
	if (vm)
		qgpu_vm_put(vm);
	return -EPERM;
}
