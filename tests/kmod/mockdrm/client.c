// SPDX-License-Identifier: GPL-2.0-only
/* Open files and their address spaces, and what fdinfo tells of a file. */
#include <linux/dma-resv.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <drm/drm_print.h>
#include "compat.h"
#include "mockdrm.h"

static atomic_t mock_last_client;

/**
 * mock_vm_new() - Make an address space
 */
struct mock_vm *mock_vm_new(void)
{
	struct mock_vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL);

	if (!vm)
		return NULL;
	kref_init(&vm->ref);
	dma_resv_init(&vm->resv);
	return vm;
}

static void mock_vm_release(struct kref *ref)
{
	struct mock_vm *vm = container_of(ref, struct mock_vm, ref);

	dma_resv_fini(&vm->resv);
	kfree(vm);
}

/**
 * mock_vm_put() - Drop a reference; NULL is none
 * @vm: the address space
 */
void mock_vm_put(struct mock_vm *vm)
{
	if (vm)
		kref_put(&vm->ref, mock_vm_release);
}

static void mock_client_release(struct kref *ref)
{
	kfree(container_of(ref, struct mock_client, ref));
}

/**
 * mock_client_put() - Drop a reference
 * @client: the client
 */
void mock_client_put(struct mock_client *client)
{
	kref_put(&client->ref, mock_client_release);
}

/**
 * mock_client_open() - drm_driver.open
 * @drm: the device
 * @file: the caller's file
 */
int mock_client_open(struct drm_device *drm, struct drm_file *file)
{
	struct mock_client *client = kzalloc(sizeof(*client), GFP_KERNEL);
	int ret;

	if (!client)
		return -ENOMEM;
	kref_init(&client->ref);
	client->id = atomic_inc_return(&mock_last_client);
	ret = to_mock_dev(drm)->kind->open(client);
	if (ret) {
		mock_client_put(client);
		return ret;
	}
	mock_count(MOCK_STAT_CLIENTS, 1);
	mock_count(MOCK_STAT_OPENS, 1);
	file->driver_priv = client;
	return 0;
}

/**
 * mock_client_close() - drm_driver.postclose
 * @drm: the device
 * @file: the caller's file
 */
void mock_client_close(struct drm_device *drm, struct drm_file *file)
{
	struct mock_client *client = file->driver_priv;

	to_mock_dev(drm)->kind->close(client);
	mock_count(MOCK_STAT_CLIENTS, -1);
	mock_client_put(client);
}

static void mock_client_memory(struct drm_file *file, u64 *bytes)
{
	struct drm_gem_object *obj;
	int id;

	spin_lock(&file->table_lock);
	idr_for_each_entry(&file->object_idr, obj, id) {
		/* Where it is may change meanwhile: that is no worse than a moment ago. */
		if (to_mock_bo(obj)->accounted)
			bytes[READ_ONCE(to_mock_bo(obj)->place)] += obj->size;
	}
	spin_unlock(&file->table_lock);
}

/**
 * mock_client_fdinfo() - Keys of fdinfo beside those of the core, as amdgpu has them
 * @p: where to print
 * @file: the caller's file
 */
void mock_client_fdinfo(struct drm_printer *p, struct drm_file *file)
{
	struct mock_dev *mock = to_mock_dev(file->minor->dev);
	struct mock_client *client = file->driver_priv;
	u64 bytes[MOCK_PLACES] = {};
	u64 ns;
	int i;

	mock_client_memory(file, bytes);
	drm_printf(p, "pasid:\t%u\n", client->id);
	drm_printf(p, "drm-memory-vram:\t%llu KiB\n", bytes[MOCK_VRAM] / 1024);
	drm_printf(p, "drm-memory-gtt: \t%llu KiB\n", bytes[MOCK_SYSTEM] / 1024);
	drm_printf(p, "drm-memory-cpu: \t%llu KiB\n", 0ULL);
	for (i = 0; i < MOCK_RINGS; i++) {
		ns = mock_ring_busy_ns(&mock->ring[i], client, i);
		if (ns)
			drm_printf(p, "drm-engine-%s:\t%llu ns\n", mock->kind->engine[i], ns);
	}
}

#ifndef MOCK_CORE_FDINFO
/**
 * mock_client_show() - file_operations.show_fdinfo, where the core has none
 * @seq: its number
 * @filp: the file
 */
void mock_client_show(struct seq_file *seq, struct file *filp)
{
	struct drm_file *file = filp->private_data;
	struct mock_dev *mock = to_mock_dev(file->minor->dev);
	struct mock_client *client = file->driver_priv;
	struct drm_printer p = drm_seq_file_printer(seq);

	drm_printf(&p, "drm-driver:\t%s\n", mock->kind->name);
	drm_printf(&p, "drm-client-id:\t%u\n", client->id);
	drm_printf(&p, "drm-pdev:\t%s\n", dev_name(mock->drm.dev));
	mock_client_fdinfo(&p, file);
}
#endif
