// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fault on purpose, for tests/lib/gate_planted.sh: kmod/gate/call.c, but that the driver gets the
 * argument as the caller's memory has it by then, not as it was looked at. The script puts this
 * file in its place in a copy of the gate's sources, and that one beside it.
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

/* The argument that each thread gave last; those of a test have different numbers here. */
static struct {
	const void __user *from;
	size_t n;
} args[4096];

static unsigned long planted_read(void *to, const void __user *from, size_t n)
{
	args[current->pid % ARRAY_SIZE(args)].from = from;
	args[current->pid % ARRAY_SIZE(args)].n = n;
	return copy_from_user(to, from, n);
}

static long planted_call(struct file *file, drm_ioctl_t *func, void *arg, u32 flags)
{
	if (copy_from_user(arg, args[current->pid % ARRAY_SIZE(args)].from,
			   args[current->pid % ARRAY_SIZE(args)].n))
		return -EFAULT;
	return drm_ioctl_kernel(file, func, arg, flags);
}

#define copy_from_user	 planted_read
#define drm_ioctl_kernel planted_call
#include "call_as_it_is.c"
