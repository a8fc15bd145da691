// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where every field of the uAPI lies, the same for 64-bit and 32-bit callers: built for both, and
 * does not compile if anything has moved.
 */
#include <stddef.h>
#include <stdio.h>
#include <linux/qwamos_gpu.h>

#define SIZE(type, size) \
	_Static_assert(sizeof(struct qwamos_gpu_##type) == (size), "size of " #type)
#define AT(type, field, at, size)                                                            \
	_Static_assert(offsetof(struct qwamos_gpu_##type, field) == (at), #type "." #field); \
	_Static_assert(sizeof(((struct qwamos_gpu_##type *)0)->field) == (size), #type "." #field)

SIZE(dev_attach, 56);
AT(dev_attach, hdr, 0, 16);
AT(dev_attach, device_id, 16, 8);
AT(dev_attach, scrub, 24, 4);
AT(dev_attach, out_iommu_group, 28, 4);
AT(dev_attach, out_device_id, 32, 8);
AT(dev_attach, out_generation, 40, 8);
AT(dev_attach, out_devices, 48, 4);
AT(dev_attach, __reserved, 52, 4);

SIZE(audit_head, 128);
AT(audit_head, hdr, 0, 16);
AT(audit_head, chain, 16, 8);
AT(audit_head, out_instance, 24, 16);
AT(audit_head, out_seq, 40, 8);
AT(audit_head, out_first, 48, 8);
AT(audit_head, out_lost, 56, 8);
AT(audit_head, out_hash, 64, 32);
AT(audit_head, out_prev_hash, 96, 32);

SIZE(audit_read, 64);
AT(audit_read, hdr, 0, 16);
AT(audit_read, records, 16, 8);
AT(audit_read, record_size, 24, 4);
AT(audit_read, count, 28, 4);
AT(audit_read, chain, 32, 8);
AT(audit_read, after, 40, 8);
AT(audit_read, event, 48, 4);
AT(audit_read, __reserved, 52, 4);
AT(audit_read, out_lost, 56, 8);

SIZE(audit_record, 288);
AT(audit_record, chain, 0, 8);
AT(audit_record, seq, 8, 8);
AT(audit_record, order, 16, 8);
AT(audit_record, time_ns, 24, 8);
AT(audit_record, last_ns, 32, 8);
AT(audit_record, count, 40, 8);
AT(audit_record, device_id, 48, 8);
AT(audit_record, asked, 56, 8);
AT(audit_record, used, 64, 8);
AT(audit_record, limit, 72, 8);
AT(audit_record, event, 80, 4);
AT(audit_record, operation, 84, 4);
AT(audit_record, reason, 88, 4);
AT(audit_record, result, 92, 4);
AT(audit_record, level, 96, 4);
AT(audit_record, pid, 100, 4);
AT(audit_record, uid, 104, 4);
AT(audit_record, flags, 108, 4);
AT(audit_record, vm_name, 112, 64);
AT(audit_record, device_name, 176, 32);
AT(audit_record, comm, 208, 16);
AT(audit_record, __reserved, 224, 32);
AT(audit_record, hash, 256, 32);

SIZE(vm_charge, 56);
AT(vm_charge, hdr, 0, 16);
AT(vm_charge, kind, 16, 4);
AT(vm_charge, __reserved, 20, 4);
AT(vm_charge, device_id, 24, 8);
AT(vm_charge, amount, 32, 8);
AT(vm_charge, out_used, 40, 8);
AT(vm_charge, out_limit, 48, 8);

SIZE(vm_check, 48);
AT(vm_check, hdr, 0, 16);
AT(vm_check, operation, 16, 4);
AT(vm_check, count, 20, 4);
AT(vm_check, device_id, 24, 8);
AT(vm_check, entries, 32, 8);
AT(vm_check, out_verdict, 40, 4);
AT(vm_check, out_denied, 44, 4);

SIZE(vm_check_entry, 8);
AT(vm_check_entry, operation, 0, 4);
AT(vm_check_entry, out_verdict, 4, 4);

SIZE(vm_create, 104);
AT(vm_create, hdr, 0, 16);
AT(vm_create, cgroup_fd, 16, 4);
AT(vm_create, __reserved, 20, 4);
AT(vm_create, name, 24, 64);
AT(vm_create, out_vm_id, 88, 8);
AT(vm_create, out_manage_fd, 96, 4);
AT(vm_create, out_use_fd, 100, 4);

SIZE(vm_destroy, 16);
AT(vm_destroy, hdr, 0, 16);

SIZE(dev_detach, 24);
AT(dev_detach, hdr, 0, 16);
AT(dev_detach, device_id, 16, 8);

SIZE(dev, 176);
AT(dev, device_id, 0, 8);
AT(dev, owner_vm_id, 8, 8);
AT(dev, generation, 16, 8);
AT(dev, state, 24, 4);
AT(dev, bus, 28, 4);
AT(dev, flags, 32, 4);
AT(dev, iommu_group, 36, 4);
AT(dev, vendor, 40, 4);
AT(dev, device, 44, 4);
AT(dev, subvendor, 48, 4);
AT(dev, subdevice, 52, 4);
AT(dev, class_code, 56, 4);
AT(dev, reset_methods, 60, 4);
AT(dev, reset_set, 64, 4);
AT(dev, scrub, 68, 4);
AT(dev, scrub_best, 72, 4);
AT(dev, quarantine_reason, 76, 4);
AT(dev, bus_name, 80, 32);
AT(dev, driver, 112, 32);
AT(dev, vram_used, 144, 8);
AT(dev, guaranteed, 152, 4);
AT(dev, queues_used, 156, 4);
AT(dev, __reserved, 160, 16);

SIZE(gate, 128);
AT(gate, gate_id, 0, 8);
AT(gate, device_id, 8, 8);
AT(gate, vram_used, 16, 8);
AT(gate, unknown, 24, 16);
AT(gate, submissions, 40, 8);
AT(gate, waits, 48, 8);
AT(gate, denied, 56, 8);
AT(gate, major, 64, 4);
AT(gate, minor, 68, 4);
AT(gate, flags, 72, 4);
AT(gate, opens, 76, 4);
AT(gate, objects, 80, 4);
AT(gate, zombies, 84, 4);
AT(gate, syncobjs, 88, 4);
AT(gate, contexts, 92, 4);
AT(gate, driver, 96, 32);

SIZE(gate_create, 48);
AT(gate_create, hdr, 0, 16);
AT(gate_create, render_fd, 16, 4);
AT(gate_create, __reserved, 20, 4);
AT(gate_create, out_gate_id, 24, 8);
AT(gate_create, out_device_id, 32, 8);
AT(gate_create, out_major, 40, 4);
AT(gate_create, out_minor, 44, 4);

SIZE(gate_destroy, 24);
AT(gate_destroy, hdr, 0, 16);
AT(gate_destroy, gate_id, 16, 8);

SIZE(hdr, 16);
AT(hdr, size, 0, 4);
AT(hdr, flags, 4, 4);
AT(hdr, out_reason, 8, 4);
AT(hdr, __reserved, 12, 4);

SIZE(vm_join, 16);
AT(vm_join, hdr, 0, 16);

SIZE(level_info, 88);
AT(level_info, hdr, 0, 16);
AT(level_info, level, 16, 4);
AT(level_info, out_compute_cap, 20, 4);
AT(level_info, out_name, 24, 16);
AT(level_info, out_vram, 40, 8);
AT(level_info, out_vulkan, 48, 4);
AT(level_info, out_queues, 52, 4);
AT(level_info, out_min_interval_ns, 56, 8);
AT(level_info, out_ops, 64, 8);
AT(level_info, out_flags, 72, 4);
AT(level_info, __reserved, 76, 4);
AT(level_info, out_submit_hz, 80, 4);
AT(level_info, out_submit_burst, 84, 4);

SIZE(vm_adopt, 24);
AT(vm_adopt, hdr, 0, 16);
AT(vm_adopt, pidfd, 16, 4);
AT(vm_adopt, __reserved, 20, 4);

SIZE(vm_new_fd, 24);
AT(vm_new_fd, hdr, 0, 16);
AT(vm_new_fd, out_fd, 16, 4);
AT(vm_new_fd, __reserved, 20, 4);

SIZE(vm_open, 104);
AT(vm_open, hdr, 0, 16);
AT(vm_open, vm_id, 16, 8);
AT(vm_open, name, 24, 64);
AT(vm_open, right, 88, 4);
AT(vm_open, out_fd, 92, 4);
AT(vm_open, out_vm_id, 96, 8);

SIZE(dev_clear_quarantine, 24);
AT(dev_clear_quarantine, hdr, 0, 16);
AT(dev_clear_quarantine, device_id, 16, 8);

/* The numbers, too: they carry no size, for the structs do. */
SIZE(get_info, 64);
AT(get_info, hdr, 0, 16);
AT(get_info, out_version, 16, 4);
AT(get_info, out_levels, 20, 4);
AT(get_info, out_caps, 24, 8);
AT(get_info, out_instance, 32, 16);
AT(get_info, out_revoke_timeout_s, 48, 4);
AT(get_info, out_audit_records, 52, 4);
AT(get_info, out_errata, 56, 8);

SIZE(list, 48);
AT(list, hdr, 0, 16);
AT(list, entries, 16, 8);
AT(list, entry_size, 24, 4);
AT(list, count, 28, 4);
AT(list, after, 32, 8);
AT(list, out_left, 40, 8);

SIZE(vm, 224);
AT(vm, vm_id, 0, 8);
AT(vm, created_ns, 8, 8);
AT(vm, checks, 16, 8);
AT(vm, allowed, 24, 8);
AT(vm, denied, 32, 8);
AT(vm, name, 40, 64);
AT(vm, level, 104, 4);
AT(vm, state, 108, 4);
AT(vm, end_reason, 112, 4);
AT(vm, devices, 116, 4);
AT(vm, devices_open, 120, 4);
AT(vm, joined_pid, 124, 4);
AT(vm, flags, 128, 4);
AT(vm, restrictions, 132, 4);
AT(vm, vram_used, 136, 8);
AT(vm, vram_high, 144, 8);
AT(vm, vram_limit, 152, 8);
AT(vm, queues_used, 160, 4);
AT(vm, queues_high, 164, 4);
AT(vm, queues_limit, 168, 4);
AT(vm, compute_cap, 172, 4);
AT(vm, compute_guarantee, 176, 4);
AT(vm, priority, 180, 4);
AT(vm, mode_asked, 184, 4);
AT(vm, mode_got, 188, 4);
AT(vm, mode_reason, 192, 4);
AT(vm, vram_by, 196, 4);
AT(vm, compute_by, 200, 4);
AT(vm, queues_by, 204, 4);
AT(vm, rate_by, 208, 4);
AT(vm, gpus, 212, 4);
AT(vm, threads_left, 216, 4);
AT(vm, thread_left, 220, 4);

SIZE(vm_gpu, 40);
AT(vm_gpu, device_id, 0, 8);
AT(vm_gpu, vram_used, 8, 8);
AT(vm_gpu, vram_high, 16, 8);
AT(vm_gpu, queues_used, 24, 4);
AT(vm_gpu, guarantee, 28, 4);
AT(vm_gpu, flags, 32, 4);
AT(vm_gpu, __reserved, 36, 4);

SIZE(vm_info, 240);
AT(vm_info, hdr, 0, 16);
AT(vm_info, out_vm, 16, 224);

SIZE(vm_refusal, 16);
AT(vm_refusal, reason, 0, 8);
AT(vm_refusal, count, 8, 8);

SIZE(vm_set_policy, 96);
AT(vm_set_policy, hdr, 0, 16);
AT(vm_set_policy, mask, 16, 4);
AT(vm_set_policy, level, 20, 4);
AT(vm_set_policy, vram_limit, 24, 8);
AT(vm_set_policy, device_id, 32, 8);
AT(vm_set_policy, compute_cap, 40, 4);
AT(vm_set_policy, compute_guarantee, 44, 4);
AT(vm_set_policy, priority, 48, 4);
AT(vm_set_policy, restrictions, 52, 4);
AT(vm_set_policy, mode_asked, 56, 4);
AT(vm_set_policy, mode_got, 60, 4);
AT(vm_set_policy, mode_reason, 64, 4);
AT(vm_set_policy, gpus_count, 68, 4);
AT(vm_set_policy, out_used, 72, 8);
AT(vm_set_policy, out_limit, 80, 8);
AT(vm_set_policy, gpus, 88, 8);

_Static_assert(QWAMOS_GPU_DEV_ATTACH == 0xb913, "QWAMOS_GPU_DEV_ATTACH");
_Static_assert(QWAMOS_GPU_AUDIT_HEAD == 0xb907, "QWAMOS_GPU_AUDIT_HEAD");
_Static_assert(QWAMOS_GPU_AUDIT_READ == 0xb906, "QWAMOS_GPU_AUDIT_READ");
_Static_assert(QWAMOS_GPU_VM_CHARGE == 0xb921, "QWAMOS_GPU_VM_CHARGE");
_Static_assert(QWAMOS_GPU_VM_CHECK == 0xb920, "QWAMOS_GPU_VM_CHECK");
_Static_assert(QWAMOS_GPU_VM_CREATE == 0xb901, "QWAMOS_GPU_VM_CREATE");
_Static_assert(QWAMOS_GPU_VM_DESTROY == 0xb912, "QWAMOS_GPU_VM_DESTROY");
_Static_assert(QWAMOS_GPU_DEV_DETACH == 0xb914, "QWAMOS_GPU_DEV_DETACH");
_Static_assert(QWAMOS_GPU_GET_INFO == 0xb900, "QWAMOS_GPU_GET_INFO");
_Static_assert(QWAMOS_GPU_VM_JOIN == 0xb911, "QWAMOS_GPU_VM_JOIN");
_Static_assert(QWAMOS_GPU_LEVEL_INFO == 0xb908, "QWAMOS_GPU_LEVEL_INFO");
_Static_assert(QWAMOS_GPU_DEV_LIST == 0xb904, "QWAMOS_GPU_DEV_LIST");
_Static_assert(QWAMOS_GPU_VM_LIST == 0xb903, "QWAMOS_GPU_VM_LIST");
_Static_assert(QWAMOS_GPU_VM_NEW_FD == 0xb916, "QWAMOS_GPU_VM_NEW_FD");
_Static_assert(QWAMOS_GPU_VM_OPEN == 0xb902, "QWAMOS_GPU_VM_OPEN");
_Static_assert(QWAMOS_GPU_DEV_CLEAR_QUARANTINE == 0xb905, "QWAMOS_GPU_DEV_CLEAR_QUARANTINE");
_Static_assert(QWAMOS_GPU_VM_SET_POLICY == 0xb910, "QWAMOS_GPU_VM_SET_POLICY");
_Static_assert(QWAMOS_GPU_VM_UNCHARGE == 0xb922, "QWAMOS_GPU_VM_UNCHARGE");
_Static_assert(QWAMOS_GPU_VM_INFO == 0xb915, "QWAMOS_GPU_VM_INFO");

/* The head comes first everywhere, and sizes are multiples of 8. */
#define HEAD(type)                                                        \
	_Static_assert(offsetof(struct qwamos_gpu_##type, hdr) == 0 &&    \
			       sizeof(struct qwamos_gpu_##type) % 8 == 0, \
		       #type)

HEAD(dev_attach);
HEAD(audit_head);
HEAD(audit_read);
HEAD(gate_create);
HEAD(gate_destroy);
HEAD(vm_charge);
HEAD(vm_check);
HEAD(vm_create);
HEAD(vm_destroy);
HEAD(dev_detach);
HEAD(get_info);
HEAD(vm_join);
HEAD(level_info);
HEAD(list);
HEAD(vm_adopt);
HEAD(vm_new_fd);
HEAD(vm_open);
HEAD(dev_clear_quarantine);
HEAD(vm_set_policy);
HEAD(vm_info);

int main(void)
{
	printf("TAP version 13\n1..1\n");
	printf("ok 1 - all structs lie where they should, pointers of %zu bit\n",
	       sizeof(void *) * 8);
	return 0;
}
