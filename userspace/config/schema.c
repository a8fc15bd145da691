// SPDX-License-Identifier: GPL-2.0-only
#include "config/schema.h"

#include <string.h>

static const char *const machines[] = { "q35", "virt", NULL };
static const char *const accels[] = { "tcg", "kvm", "auto", NULL };
static const char *const accesses[] = { "virtio", "passthrough", "software", "none", NULL };
static const char *const nets[] = { "airgapped", "nat", "bridge", "isolated", NULL };
static const char *const formats[] = { "raw", "qcow2", "qcow", "vmdk", "vdi", "vpc", "vhdx", NULL };
static const char *const caches[] = { "none",	    "writeback", "writethrough",
				      "directsync", "unsafe",	 NULL };
static const char *const graphics[] = { "none",
					"virtio-gpu-pci",
					"virtio-gpu",
					"virtio-gpu-gl-pci",
					"virtio-gpu-gl",
					"virtio-vga",
					"virtio-vga-gl",
					"bochs-display",
					"VGA",
					"std",
					"secondary-vga",
					"cirrus-vga",
					"qxl",
					"qxl-vga",
					"vmware-svga",
					"ramfb",
					NULL };
static const char *const nics[] = { "none",   "virtio-net-pci", "virtio-net", "e1000",
				    "e1000e", "rtl8139",	NULL };

#define KEY(p, t, field, ...)                                                                      \
	{                                                                                          \
		.path = (p), .type = (t), .offset = offsetof(struct qconfig, field), ##__VA_ARGS__ \
	}
#define ANY_INT 0x7fffffff

const struct qkey qkeys[] = {
	KEY("vm.name", QKEY_NAME, name),
	KEY("vm.type", QKEY_TEXT, type),
	KEY("vm.description", QKEY_TEXT, description),
	KEY("machine.type", QKEY_WORD, machine, .words = machines),
	KEY("machine.gic_version", QKEY_INT, gic_version, .min = 2, .max = 3),
	KEY("machine.accel", QKEY_WORD, accel, .words = accels),
	KEY("hardware.cpu.cores", QKEY_INT, cores, .min = 1, .max = 512),
	KEY("hardware.cpu.model", QKEY_TEXT, cpu_model),
	KEY("hardware.cpu.features", QKEY_FEATURES, cpu_features),
	KEY("hardware.memory.size", QKEY_MIB, memory_mib, .min = 16, .max = 1 << 24),
	KEY("hardware.disk.primary.path", QKEY_TEXT, disk),
	KEY("hardware.memory.hugepages", QKEY_BOOL, hugepages),
	KEY("hardware.disk.primary.format", QKEY_CHOICE, disk_format, .words = formats),
	KEY("hardware.disk.primary.cache", QKEY_CHOICE, disk_cache, .words = caches),
	KEY("hardware.disk.primary.snapshot", QKEY_BOOL, disk_snapshot),
	KEY("hardware.graphics.type", QKEY_CHOICE, graphics, .words = graphics),
	KEY("resources.cpus", QKEY_INT, cores, .min = 1, .max = 512),
	KEY("resources.ram", QKEY_MIB, memory_mib, .min = 16, .max = 1 << 24),
	KEY("resources.io.read_kib_s", QKEY_INT, io.read_kib, .min = 1, .max = ANY_INT),
	KEY("resources.io.write_kib_s", QKEY_INT, io.write_kib, .min = 1, .max = ANY_INT),
	KEY("resources.io.read_ops_s", QKEY_INT, io.read_ops, .min = 1, .max = ANY_INT),
	KEY("resources.io.write_ops_s", QKEY_INT, io.write_ops, .min = 1, .max = ANY_INT),
	KEY("storage.disk_image", QKEY_TEXT, disk),
	KEY("storage.persistent", QKEY_BOOL, persistent),
	KEY("boot.kernel", QKEY_TEXT, kernel),
	KEY("boot.initrd", QKEY_TEXT, initrd),
	KEY("boot.cmdline", QKEY_TEXT, cmdline),
	KEY("network.mode", QKEY_WORD, net, .words = nets),
	KEY("network.device", QKEY_CHOICE, net_device, .words = nics),
	KEY("network.mac", QKEY_MAC, mac),
	KEY("network.bridge", QKEY_IFNAME, bridge),
	KEY("network.nat_rules", QKEY_NAT, nat),
	KEY("security.smmu", QKEY_BOOL, smmu),
	KEY("security.accept_host_files", QKEY_BOOL, accept_host_files),
	KEY("security.accept_disk_in_use", QKEY_BOOL, accept_disk_in_use),
	KEY("gpu.enabled", QKEY_BOOL, gpu_enabled),
	KEY("gpu.access_mode", QKEY_WORD, access, .words = accesses),
	KEY("gpu.trust_level", QKEY_LEVEL, level),
	KEY("gpu.vram_limit_mb", QKEY_INT, vram_limit_mib, .min = 0, .max = ANY_INT),
	KEY("gpu.compute_share_percent", QKEY_INT, compute_share, .min = 1, .max = 100),
	KEY("gpu.priority", QKEY_INT, priority, .min = 0, .max = 100),
	KEY("gpu.allow_vulkan", QKEY_BOOL, allow_vulkan),
	KEY("gpu.allow_compute", QKEY_BOOL, allow_compute),
	KEY("gpu.device", QKEY_ADDRS, devices),
	KEY("gpu.fallback", QKEY_BOOL, fallback),
	KEY("gpu.accept_unwiped", QKEY_BOOL, accept_unwiped),
	KEY("qemu_extra_args", QKEY_LIST, extra_args),
	KEY("autostart", QKEY_BOOL, autostart),
	{ .path = NULL }
};

_Static_assert(sizeof(qkeys) / sizeof(qkeys[0]) <= QKEY_MAX, "room for their places");

/* security.seccomp: QEMU is always started with its sandbox on. */
static const char *const known[] = {
	"priority",
	"role",
	"depends_on",
	"tools",
	"services",
	"hardware.graphics.acceleration",
	"hardware.disk.primary.size",
	"resources.disk",
	"security.seccomp",
	NULL,
};

/* Names whose like protects something, wherever they stand. */
static const char *const security[] = {
	"security",    "firewall", "encryption", "encrypted",	    "storage_encryption",
	"apparmor",    "selinux",  "seccomp",	 "memory_wipe",	    "network_policy",
	"proxy",       "tor",	   "airgap",	 "isolation_level", "qr_auth",
	"secure_boot", "sandbox",  NULL,
};

bool qkey_is_section(const char *path)
{
	const struct qkey *k;
	size_t len = strlen(path);

	for (k = qkeys; k->path; k++)
		if (!strncmp(k->path, path, len) && k->path[len] == '.')
			return true;
	return false;
}

bool qkey_is_known(const char *path)
{
	const char *const *k;

	for (k = known; *k; k++)
		if (!strcmp(path, *k))
			return true;
	return false;
}

/* Is one of the path's words in the list? */
bool qkey_is_security(const char *path)
{
	const char *const *k;
	const char *word;
	size_t len;

	for (word = path; word; word = word[len] ? word + len + 1 : NULL) {
		len = strcspn(word, ".");
		for (k = security; *k; k++)
			if (strlen(*k) == len && !strncmp(word, *k, len))
				return true;
	}
	return false;
}
