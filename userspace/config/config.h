/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM's config.yaml. qconfig_load() reads the file, in both of the schemas in use, and says of
 * each key that it does not carry out so. What is asked of the GPU is held against the table of
 * trust levels.
 */
#ifndef QWAMOS_CONFIG_CONFIG_H
#define QWAMOS_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/diag.h"
#include "config/tree.h"

/** enum qconfig_machine - machine.type */
enum qconfig_machine {
	QMACHINE_Q35,
	QMACHINE_VIRT,
};

/** enum qconfig_accel - machine.accel; QACCEL_AUTO: KVM where it works */
enum qconfig_accel {
	QACCEL_TCG,
	QACCEL_KVM,
	QACCEL_AUTO,
};

/** enum qconfig_access - gpu.access_mode */
enum qconfig_access {
	QACCESS_VIRTIO,
	QACCESS_PASSTHROUGH,
	QACCESS_SOFTWARE,
	QACCESS_NONE,
};

/** enum qconfig_net - network.mode */
enum qconfig_net {
	QNET_AIRGAPPED,
	QNET_NAT,
	QNET_BRIDGE,
	QNET_ISOLATED,
};

/**
 * struct qconfig_word - one word of a list, and where it stands
 * @text: it
 * @at: its place
 */
struct qconfig_word {
	char *text;
	struct qmark at;
};

/**
 * struct qconfig_list - a list of words
 * @v: they
 * @n: their number
 */
struct qconfig_list {
	struct qconfig_word *v;
	size_t n;
};

/**
 * struct qconfig_nat - a port of the host that leads to one of the VM
 * @udp: UDP, else TCP
 * @address: the host's IPv4 address, NULL: 127.0.0.1
 * @host_port: port there
 * @guest_port: port of the VM
 * @at: its place
 */
struct qconfig_nat {
	bool udp;
	char *address;
	int host_port;
	int guest_port;
	struct qmark at;
};

/**
 * struct qconfig_nats - a list of these
 * @v: they
 * @n: their number
 */
struct qconfig_nats {
	struct qconfig_nat *v;
	size_t n;
};

/**
 * struct qconfig_io - most that a VM may read and write each second; <= 0: no limit
 * @read_kib: resources.io.read_kib_s, in KiB
 * @write_kib: resources.io.write_kib_s, in KiB
 * @read_ops: resources.io.read_ops_s, operations
 * @write_ops: resources.io.write_ops_s, operations
 */
struct qconfig_io {
	int read_kib;
	int write_kib;
	int read_ops;
	int write_ops;
};

/**
 * struct qconfig - a VM; what the file does not say is NULL, 0 or the default of its line
 * @name: vm.name
 * @type: vm.type
 * @description: vm.description
 * @machine: machine.type; the default is what fits this computer
 * @gic_version: machine.gic_version (3)
 * @accel: machine.accel (auto)
 * @cpu_model: hardware.cpu.model
 * @cpu_features: hardware.cpu.features
 * @cores: hardware.cpu.cores or resources.cpus (1)
 * @memory_mib: hardware.memory.size or resources.ram, in MiB (512)
 * @hugepages: hardware.memory.hugepages (false)
 * @disk: hardware.disk.primary.path or storage.disk_image
 * @disk_format: hardware.disk.primary.format
 * @disk_cache: hardware.disk.primary.cache
 * @disk_snapshot: hardware.disk.primary.snapshot: what the VM writes is thrown away (false)
 * @io: what it may read and write of its disk each second (-1: no limit)
 * @persistent: storage.persistent; false is as @disk_snapshot (true)
 * @graphics: hardware.graphics.type
 * @kernel: boot.kernel
 * @initrd: boot.initrd
 * @cmdline: boot.cmdline
 * @net: network.mode (airgapped)
 * @net_device: network.device
 * @mac: network.mac; NULL: one made from the VM's name
 * @bridge: network.bridge
 * @nat: network.nat_rules
 * @smmu: security.smmu: an IOMMU for the guest (false)
 * @accept_host_files: security.accept_host_files: it may have files of the host that are not for
 *     everybody to read (false)
 * @accept_disk_in_use: security.accept_disk_in_use: its disk may be one that the host or another VM
 *     uses (false)
 * @gpu: there is a gpu section
 * @gpu_enabled: gpu.enabled (false)
 * @access: gpu.access_mode (virtio)
 * @level: gpu.trust_level (medium), &enum qwamos_gpu_level
 * @vram_limit_mib: gpu.vram_limit_mb; -1: the level's
 * @compute_share: gpu.compute_share_percent; -1: the level's
 * @priority: gpu.priority (50)
 * @allow_vulkan: gpu.allow_vulkan; -1: the level's
 * @allow_compute: gpu.allow_compute; -1: the level's
 * @devices: gpu.device: full addresses; none: look for one
 * @fallback: gpu.fallback (true)
 * @accept_unwiped: gpu.accept_unwiped (false)
 * @extra_args: qemu_extra_args
 * @autostart: autostart (false): nothing starts VMs by itself, it is only told
 * @sha256: digest of the file's bytes, in hex; "": it could not be read
 * @at: places of what else is spoken of
 * @where: places of all values, by the number of their keys; see qconfig_where(); NULL: none
 */
struct qconfig {
	char *name;
	char *type;
	char *description;
	int machine;
	int gic_version;
	int accel;
	char *cpu_model;
	struct qconfig_list cpu_features;
	int cores;
	int memory_mib;
	int hugepages;
	char *disk;
	char *disk_format;
	char *disk_cache;
	int disk_snapshot;
	struct qconfig_io io;
	int persistent;
	char *graphics;
	char *kernel;
	char *initrd;
	char *cmdline;
	int net;
	char *net_device;
	char *mac;
	char *bridge;
	struct qconfig_nats nat;
	int smmu;
	int accept_host_files;
	int accept_disk_in_use;
	bool gpu;
	int gpu_enabled;
	int access;
	int level;
	int vram_limit_mib;
	int compute_share;
	int priority;
	int allow_vulkan;
	int allow_compute;
	struct qconfig_list devices;
	int fallback;
	int accept_unwiped;
	struct qconfig_list extra_args;
	int autostart;
	char sha256[65];
	struct {
		struct qmark gpu;
		struct qmark access;
		struct qmark level;
		struct qmark net;
		struct qmark disk;
		struct qmark kernel;
		struct qmark initrd;
	} at;
	struct qmark *where;
};

/**
 * qconfig_load() - read a config
 * @file: its path, see qfile_open_named()
 * @c: out; qconfig_free() it, also after a failure
 * @d: out: what there is to say; qdiags_free() it
 *
 * Return: 0, or -EINVAL: there are errors among what there is to say.
 */
int qconfig_load(const char *file, struct qconfig *c, struct qdiags *d);

/**
 * qconfig_load_trusted() - read a config by which something is started
 * @file: its path
 * @c: out; qconfig_free() it, also after a failure
 * @d: out: what there is to say; qdiags_free() it
 *
 * As qconfig_load(), and that others than root and this user may change the file, or a folder that
 * leads to it, is an error: see qtrust_open().
 *
 * Return: 0, or -EINVAL: there are errors among what there is to say.
 */
int qconfig_load_trusted(const char *file, struct qconfig *c, struct qdiags *d);

/**
 * qconfig_note_writable() - note that qconfig_load_trusted() would refuse a config, because others
 * may change it
 * @file: its path
 * @d: gets the note
 */
void qconfig_note_writable(const char *file, struct qdiags *d);

/**
 * qconfig_missing() - which of its files are missing, or are no files that can be read to an end;
 * for who does not start it, see vm/files.h
 * @c: the VM
 * @kind: how bad that is
 * @d: gets one of @kind for each
 */
void qconfig_missing(const struct qconfig *c, enum qdiag_kind kind, struct qdiags *d);

/** qconfig_limits_io() - is any limit of a disk set? */
bool qconfig_limits_io(const struct qconfig_io *io);

/**
 * qconfig_where() - where the value of a key of ours stands
 * @c: the VM
 * @key: path of the key, such as "gpu.priority"
 *
 * Return: its place; line 0: it is not in the file, so that @c has a default
 */
struct qmark qconfig_where(const struct qconfig *c, const char *key);

/** qconfig_bridge() - the bridge that the VM is put on; NULL: none */
const char *qconfig_bridge(const struct qconfig *c);

/** qconfig_access_name() - "virtio", "passthrough", "software" or "none" */
const char *qconfig_access_name(int access);

/** qconfig_free() - free what @c points to */
void qconfig_free(struct qconfig *c);

#endif
