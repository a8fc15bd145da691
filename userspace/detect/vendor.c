// SPDX-License-Identifier: GPL-2.0-only
/* Whose GPU it is. How to add a vendor: Documentation/adding-a-vendor.md. */
#include <fnmatch.h>
#include <stdio.h>

#include "detect/source.h"
#include "util/json.h"

static const struct qvendor vendors[] = {
	{ "adreno", "Qualcomm Adreno", { 0x17cb, 0x5143 }, { "qcom,*", "amd,imageon*" } },
	{ "mali", "Arm Mali", { 0x13b5 }, { "arm,mali*" } },
	{ "nvidia", "NVIDIA", { 0x10de }, { "nvidia,*" } },
	{ "intel", "Intel", { 0x8086 } },
	{ "amd", "AMD", { 0x1002, 0x1022 } },
	{ "powervr", "Imagination PowerVR", { 0x1010 }, { "img,*" } },
	{ "vivante", "Vivante", { 0x10c3 }, { "vivante,*" } },
	{ "broadcom", "Broadcom VideoCore", { 0x14e4 }, { "brcm,*" } },
	{ "aspeed", "ASPEED", { 0x1a03 } },
	{ "matrox", "Matrox", { 0x102b } },
	{ "virtio", "virtio", { 0x1af4 }, { NULL }, true },
	{ "qemu", "QEMU", { 0x1234, 0x1b36 }, { NULL }, true },
	{ "vmware", "VMware", { 0x15ad }, { NULL }, true },
	{ "virtualbox", "VirtualBox", { 0x80ee }, { NULL }, true },
	{ "hyperv", "Hyper-V", { 0x1414 }, { NULL }, true },
};

#define N_VENDORS (sizeof(vendors) / sizeof(vendors[0]))

const struct qvendor *qvendor_pci(uint16_t id)
{
	const struct qvendor *v;
	const uint16_t *p;

	for (v = vendors; v < vendors + N_VENDORS; v++)
		for (p = v->pci; *p; p++)
			if (*p == id)
				return v;
	return NULL;
}

const struct qvendor *qvendor_compatible(const char *compatible)
{
	const char *const *p;
	const struct qvendor *v;

	for (v = vendors; v < vendors + N_VENDORS; v++)
		for (p = v->compatible; *p; p++)
			if (!fnmatch(*p, compatible, 0))
				return v;
	return NULL;
}

void qvendor_set(struct json_object *gpu, const struct qvendor *v)
{
	if (!v)
		return;
	qjson_add_str(gpu, "vendor", v->id);
	qjson_add_str(gpu, "vendor_name", v->name);
	qjson_add_bool(gpu, "emulated", v->emulated);
}
