// SPDX-License-Identifier: GPL-2.0-only
/* Load and unload. */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include "audit.h"
#include "device.h"
#include "events.h"
#include "gpufile.h"
#include "objects.h"
#include "vm.h"

static struct miscdevice control = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "qwamos_gpu",
	.fops = &qgpu_control_fops,
	.mode = 0600, /* the udev rule gives it to root:qwamos 0660 */
};

static int __init qgpu_init(void)
{
	int ret;

	ret = qgpu_events_init();
	if (ret)
		return ret;
	ret = qgpu_audit_init();
	if (ret)
		goto err_events;
	ret = qgpu_vm_init();
	if (ret)
		goto err_audit;
	ret = qgpu_file_init();
	if (ret)
		goto err_vm;
	ret = qgpu_registry_init();
	if (ret)
		goto err_file;
	ret = misc_register(&control);
	if (ret)
		goto err_registry;
	pr_info("qwamos_gpu: loaded, interface version %d\n", QWAMOS_GPU_VERSION);
	return 0;
err_registry:
	qgpu_registry_exit();
err_file:
	qgpu_file_exit();
err_vm:
	qgpu_vm_exit();
err_audit:
	qgpu_audit_exit();
err_events:
	qgpu_events_exit();
	return ret;
}

/*
 * No file is open, every VM is over and the VFIO driver is gone: each of them holds a reference to
 * this module.
 */
static void __exit qgpu_exit(void)
{
	misc_deregister(&control);
	qgpu_registry_exit();
	qgpu_vm_exit();
	qgpu_file_exit();
	qgpu_audit_exit();
	qgpu_events_exit();
	if (atomic_read(&qgpu_objects))
		pr_err("qwamos_gpu: unloaded, BUG: %d objects left\n", atomic_read(&qgpu_objects));
	else
		pr_info("qwamos_gpu: unloaded, no objects left\n");
}

module_init(qgpu_init);
module_exit(qgpu_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Decides what each virtual machine may do with a GPU");
