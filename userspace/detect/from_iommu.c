// SPDX-License-Identifier: GPL-2.0-only
/* Detection, IOMMU and VFIO: are they there, and if not, why not? */
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/source.h"
#include "util/file.h"
#include "util/json.h"
#include "util/mem.h"

/* By the names that the kernel's drivers give their units in /sys/class/iommu. */
static const struct {
	const char *pattern;
	const char *kind;
} kinds[] = {
	{ "dmar[0-9]*", "Intel VT-d" },	    { "ivhd[0-9]*", "AMD-Vi" },
	{ "smmu3.*", "Arm SMMUv3" },	    { "smmu.*", "Arm SMMU" },
	{ "msm-smmu.*", "Qualcomm SMMU" },  { "*.smmu", "Arm SMMU" },
	{ "virtio[0-9]*", "virtio-iommu" }, { "*.iommu", "platform IOMMU" },
};

/* What a device tree calls IOMMUs. */
static const char *const compatibles[] = {
	"arm,smmu-v*", "arm,mmu-*", "qcom,*smmu*", "qcom,*iommu*", "*,*-iommu", "mediatek,*-m4u",
};

static const char *kind_of(const char *unit)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!fnmatch(kinds[i].pattern, unit, 0))
			return kinds[i].kind;
	return NULL;
}

static bool is_iommu(const char *text, size_t len)
{
	size_t at, i;

	for (at = 0; at < len; at += strlen(text + at) + 1)
		for (i = 0; i < sizeof(compatibles) / sizeof(compatibles[0]); i++)
			if (!fnmatch(compatibles[i], text + at, 0))
				return true;
	return false;
}

/* An IOMMU in the device tree that no driver drives. */
static char *idle_unit(struct qdetect *d)
{
	char **devs, text[512], *found = NULL;
	ssize_t len;
	size_t i, n;

	if (!qdetect_exists(d, "sys/firmware/devicetree"))
		return NULL;
	devs = qdetect_names(d, &n, "sys/bus/platform/devices");
	for (i = 0; i < n && !found; i++) {
		len = qdetect_read(d, text, sizeof(text),
				   "sys/bus/platform/devices/%s/of_node/compatible", devs[i]);
		if (len > 0 && is_iommu(text, len))
			found = qmem_strdup(devs[i]);
	}
	qdetect_free_names(devs, n);
	return found;
}

/* Is @word one of the words of the kernel's command line? */
static bool has_word(const char *cmdline, const char *word)
{
	size_t len = strlen(word);
	const char *p;

	for (p = cmdline; (p = strstr(p, word)); p += len)
		if ((p == cmdline || p[-1] == ' ') && (!p[len] || p[len] == ' '))
			return true;
	return false;
}

static void add_why_not(struct qdetect *d, struct json_object *iommu)
{
	static const struct {
		const char *table, *name, *option;
	} acpi[] = {
		{ "DMAR", "Intel VT-d", "intel_iommu=on" },
		{ "IVRS", "AMD-Vi", "amd_iommu=on" },
		{ "IORT", "an IOMMU (IORT)", NULL },
	};
	static const char *const off[] = { "intel_iommu=off", "amd_iommu=off", "iommu=off" };
	char cmdline[4096], *unit;
	size_t i;

	qdetect_read(d, cmdline, sizeof(cmdline), "proc/cmdline");
	for (i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		if (has_word(cmdline, off[i])) {
			qjson_add_fmt(iommu, "why_not", "the kernel was started with %s", off[i]);
			return;
		}
	for (i = 0; i < sizeof(acpi) / sizeof(acpi[0]); i++) {
		if (!qdetect_exists(d, "sys/firmware/acpi/tables/%s", acpi[i].table))
			continue;
		qjson_add_fmt(iommu, "why_not",
			      "the firmware tells of %s, but the kernel does not use it%s%s",
			      acpi[i].name, acpi[i].option ? ": start it with " : "",
			      acpi[i].option ? acpi[i].option : "");
		return;
	}
	unit = idle_unit(d);
	if (unit)
		qjson_add_fmt(iommu, "why_not",
			      "%s is in the device tree, but no driver of the kernel drives it",
			      unit);
	else
		qjson_add_str(iommu, "why_not",
			      "the firmware tells of none: the machine has none, or it is switched "
			      "off in the firmware's settings");
	free(unit);
}

static bool add_iommu(struct qdetect *d)
{
	struct json_object *iommu = qjson_add(d->doc, "iommu", qjson_obj()), *list, *o;
	char **units, text[8];
	size_t i, n;

	units = qdetect_names(d, &n, "sys/class/iommu");
	qjson_add_bool(iommu, "active", n);
	list = qjson_add(iommu, "units", qjson_arr());
	for (i = 0; i < n; i++) {
		o = qjson_push(list, qjson_obj());
		qjson_add_str(o, "name", units[i]);
		qjson_add_str(o, "kind", kind_of(units[i]));
	}
	qdetect_free_names(units, n);
	qjson_add(iommu, "why_not", NULL);
	if (!n)
		add_why_not(d, iommu);
	qjson_add(iommu, "unsafe_interrupts_allowed", NULL);
	if (qdetect_read(d, text, sizeof(text),
			 "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts") > 0)
		qjson_add_bool(iommu, "unsafe_interrupts_allowed", text[0] == 'Y');
	return n;
}

/* Is there such a file of a module, or is it built in? The kernel's own lists tell. */
static bool installed(struct qdetect *d, const char *release, const char *file)
{
	static const char *const lists[] = { "modules.dep", "modules.builtin" };
	char *path, *text;
	bool found = false;
	size_t i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]) && !found; i++) {
		path = qdetect_path(d, "lib/modules/%s/%s", release, lists[i]);
		if (qfile_read_all(AT_FDCWD, path, 16 << 20, &text) >= 0)
			found = strstr(text, file);
		free(text);
		free(path);
	}
	return found;
}

/* VFIO for PCI: loaded, to be had, or not. */
static void add_vfio(struct qdetect *d, bool iommu)
{
	const char *release = qjson_get_str(qjson_get(d->doc, "host"), "kernel");
	struct json_object *o = qjson_add(d->doc, "vfio", qjson_obj());
	bool loaded = qdetect_exists(d, "sys/module/vfio_pci_core") ||
		      qdetect_exists(d, "sys/bus/pci/drivers/vfio-pci");
	const char *why = NULL;
	bool lists;

	lists = release && (qdetect_exists(d, "lib/modules/%s/modules.dep", release) ||
			    qdetect_exists(d, "lib/modules/%s/modules.builtin", release));
	qjson_add_bool(o, "loaded", loaded);
	qjson_add_bool(o, "driver_loaded",
		       qdetect_exists(d, "sys/bus/pci/drivers/qwamos_vfio_pci"));
	qjson_add(o, "available", NULL);
	if (loaded)
		qjson_add_bool(o, "available", true);
	else if (lists)
		qjson_add_bool(o, "available", installed(d, release, "/vfio-pci-core.ko"));
	if (qjson_get(o, "available") && !qjson_get_bool(o, "available", false))
		why = "this kernel has no vfio-pci-core";
	else if (!iommu)
		why = "no IOMMU is switched on";
	else if (!qjson_get(o, "available"))
		why = "not loaded, and the kernel's modules can't be seen";
	qjson_add_str(o, "why_not", why);
}

static void add_domains(struct qdetect *d)
{
	struct json_object *gpu;
	char type[32];
	size_t i;

	for (i = 0; i < qjson_len(d->gpus); i++) {
		gpu = qjson_at(d->gpus, i);
		if (!qjson_get(gpu, "iommu_group"))
			continue;
		qdetect_read(d, type, sizeof(type), "sys/kernel/iommu_groups/%d/type",
			     (int)qjson_get_int(gpu, "iommu_group", -1));
		qdetect_set_str(gpu, "iommu_domain", type);
		qjson_add_bool(gpu, "behind_iommu", true);
	}
}

static int gather(struct qdetect *d, struct qerr *e)
{
	bool iommu = add_iommu(d);

	add_vfio(d, iommu);
	add_domains(d);
	return 0;
}

const struct qdetect_source qdetect_iommu = { .name = "iommu", .gather = gather };
