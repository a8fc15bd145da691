// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on purpose, each by its name written to the module's parameter "fault", to see that the
 * debug kernel tells of them and that the lab takes them for what they are.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static DEFINE_MUTEX(lock_a);
static DEFINE_MUTEX(lock_b);
static DEFINE_SPINLOCK(spin);
static int __rcu *shared;
static volatile int shift = 40;

static noinline void use_after_free(void)
{
	volatile char *p = kmalloc(40, GFP_KERNEL);

	if (!p)
		return;
	kfree((void *)p);
	pr_info("planted: %d\n", p[3]);
}

static noinline void out_of_bounds(void)
{
	volatile char *p = kmalloc(40, GFP_KERNEL);

	if (!p)
		return;
	p[40] = 1;
	kfree((void *)p);
}

static noinline void undefined(void)
{
	pr_info("planted: %d\n", 1 << shift);
}

static noinline void rcu_without_lock(void)
{
	pr_info("planted: %d\n", rcu_dereference(shared) != NULL);
}

static noinline void sleep_in_atomic(void)
{
	spin_lock(&spin);
	might_sleep();
	spin_unlock(&spin);
}

/* Both orders, one after another: no deadlock yet, but lockdep knows. */
static noinline void lock_order(void)
{
	mutex_lock(&lock_a);
	mutex_lock(&lock_b);
	mutex_unlock(&lock_b);
	mutex_unlock(&lock_a);
	mutex_lock(&lock_b);
	mutex_lock(&lock_a);
	mutex_unlock(&lock_a);
	mutex_unlock(&lock_b);
}

/* Two locks of one class, as two VMs' own would be. */
static noinline void lock_recursion(void)
{
	static struct mutex two[2];
	int i;

	for (i = 0; i < 2; i++)
		mutex_init(&two[i]);
	mutex_lock(&two[0]);
	mutex_lock(&two[1]);
	mutex_unlock(&two[1]);
	mutex_unlock(&two[0]);
}

static const struct {
	const char *name;
	void (*commit)(void);
} faults[] = {
	{ "use-after-free", use_after_free }, { "out-of-bounds", out_of_bounds },
	{ "undefined", undefined },	      { "rcu", rcu_without_lock },
	{ "atomic", sleep_in_atomic },	      { "lock-order", lock_order },
	{ "lock-recursion", lock_recursion },
};

static int set_fault(const char *value, const struct kernel_param *kp)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (sysfs_streq(value, faults[i].name)) {
			faults[i].commit();
			return 0;
		}
	}
	return -EINVAL;
}

static const struct kernel_param_ops fault_ops = { .set = set_fault };
module_param_cb(fault, &fault_ops, NULL, 0200);
MODULE_PARM_DESC(fault, "what to do wrong");

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Faults on purpose");
