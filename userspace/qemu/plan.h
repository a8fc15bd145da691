/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What of a config can be had from this QEMU on this computer, and what is had instead of the rest:
 * decided here, so that qemu_args_build() has nothing left to decide.
 */
#ifndef QWAMOS_QEMU_PLAN_H
#define QWAMOS_QEMU_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "config/diag.h"
#include "qemu/caps.h"

/**
 * struct qemu_host - what this computer has to give; what is NULL or 0 is not there
 * @program: the QEMU to run; NULL: qemu-system-x86_64 or -aarch64, after the machine
 * @other_machine: the machine is not the config's, but one that was asked for instead
 * @devices: addresses of all endpoints that the VM gets, in order
 * @n_devices: their number
 * @devices_together: two of them are in one IOMMU group
 * @no_passthrough: why these can't be given; NULL: they can
 * @no_passthrough_reason: the same as an &enum qwamos_gpu_reason
 * @iommufd: /dev/iommu and the devices' own nodes are there
 * @render_node: the VM's render node for 3D
 * @no_render: why there is none
 * @gated: it is a gate, which holds the VM to its limits
 * @no_vulkan: why there is no Vulkan behind it; NULL: there is
 * @no_kvm: why KVM does not work; NULL: it does
 * @vhost_net: /dev/vhost-net is there
 * @firmware: firmware for `virt` without a kernel
 * @tap_fd: an inherited fd of the tap device; else @tap is opened by its name
 * @vhost_fd: an inherited fd of /dev/vhost-net
 * @tap: its name
 * @disk_fd: inherited fds of the disk, to write (<= 0: it must not) and to read; @disk_fd[1] <= 0:
 *     the disk is opened by its name
 * @disk_block: these are of a block device
 * @qmp_fd: an inherited socket for QMP, -1: none
 * @serial_fd: an inherited socket for the serial console; <= 0: @serial
 * @serial: file that the serial console is written to; NULL: stdin and stdout
 * @display: "gtk", "sdl" or "vnc=ADDRESS"; NULL: none
 */
struct qemu_host {
	const char *program;
	bool other_machine;
	const char *const *devices;
	size_t n_devices;
	bool devices_together;
	const char *no_passthrough;
	uint32_t no_passthrough_reason;
	bool iommufd;
	const char *render_node;
	const char *no_render;
	bool gated;
	const char *no_vulkan;
	const char *no_kvm;
	bool vhost_net;
	const char *firmware;
	int tap_fd;
	int vhost_fd;
	const char *tap;
	int disk_fd[2];
	bool disk_block;
	int qmp_fd;
	int serial_fd;
	const char *serial;
	const char *display;
};

/**
 * struct qemu_gpu - a VM's GPU
 * @section: by a gpu section that is switched on; else by hardware.graphics alone
 * @asked: &enum qconfig_access
 * @got: &enum qconfig_access
 * @reason: why it is not what was asked; NULL: it is
 * @why: the same as an &enum qwamos_gpu_reason
 * @model: device that is its adapter; NULL: none, or passed through
 * @gl: with 3D
 * @no_gl: in virtio mode, why there is no 3D; NULL: there is
 * @venus: with Vulkan
 * @no_venus: in virtio mode, why there is no Vulkan; NULL: there is
 * @vram_mib: most memory of the host that it may take, as QEMU is told; -1: it can't be told
 * @gated: with 3D by a gate, which holds it to the VRAM limit
 * @no_vram: why nothing holds the adapter to the VRAM limit; NULL: QEMU or the gate does, or there
 *     is none
 */
struct qemu_gpu {
	bool section;
	int asked;
	int got;
	char *reason;
	uint32_t why;
	const char *model;
	bool gl;
	const char *no_gl;
	bool venus;
	const char *no_venus;
	int vram_mib;
	bool gated;
	const char *no_vram;
};

/**
 * struct qemu_plan - all that was decided; free with qemu_plan_free()
 * @gpu: the GPU
 * @kvm: by KVM, else TCG
 * @cpu: model of the CPU
 * @features: with the CPU features of the config
 * @pauth_impdef: ARM pointer authentication by QEMU's own hash instead of QARMA5
 * @iommufd: VFIO through iommufd
 * @smmu: with an IOMMU for the guest
 * @sandbox: with QEMU's sandbox
 * @nic: device of the network, NULL: none
 * @vhost: in the kernel
 */
struct qemu_plan {
	struct qemu_gpu gpu;
	bool kvm;
	const char *cpu;
	bool features;
	bool pauth_impdef;
	bool iommufd;
	bool smmu;
	bool sandbox;
	const char *nic;
	bool vhost;
};

/**
 * qemu_plan() - decide
 * @c: the VM
 * @caps: what its QEMU has
 * @h: what this computer has
 * @p: out; qemu_plan_free() it; points into @c
 * @d: gets a note for each thing that is had in place of another, a warning for protection that is
 * not carried out, an error for what can't be had
 *
 * Pure. Return: 0, or -EINVAL: there are errors
 */
int qemu_plan(const struct qconfig *c, const struct qemu_caps *caps, const struct qemu_host *h,
	      struct qemu_plan *p, struct qdiags *d);

/** qemu_plan_free() - free what @p points to */
void qemu_plan_free(struct qemu_plan *p);

/** qemu_disk_format() - format of the disk; @c has one */
const char *qemu_disk_format(const struct qconfig *c);

/** qemu_program() - the QEMU for a machine, looked up on PATH when it is run */
const char *qemu_program(const struct qconfig *c);

#endif
