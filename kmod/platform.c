// SPDX-License-Identifier: GPL-2.0-only
/* Platform GPUs, by what the device tree calls them. */
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/string.h>
#include "device.h"

static const char *const gpu_compatibles[] = {
	"arm,mali-",	    "qcom,adreno",	"img,img-",   "img,powervr",
	"brcm,bcm2711-v3d", "brcm,bcm2712-v3d", "vivante,gc",
};

/* And what it calls what serves one: its IOMMU, its power controller. */
static const char *const no_gpus[] = { "qcom,adreno-smmu", "qcom,adreno-gmu" };

static bool is_gpu(const char *compatible)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(no_gpus); i++)
		if (strstarts(compatible, no_gpus[i]))
			return false;
	for (i = 0; i < ARRAY_SIZE(gpu_compatibles); i++)
		if (strstarts(compatible, gpu_compatibles[i]))
			return true;
	return false;
}

/* GPUs whose kernel driver gives each of its users an address space of an MMU in the GPU. */
static const char *const own_mmus[] = { "arm,mali-", "qcom,adreno" };

/** qgpu_platform_has_mmu() - does a GPU, under its kernel driver, translate by itself? */
bool qgpu_platform_has_mmu(struct device *dev)
{
	struct property *prop;
	const char *s = NULL;
	size_t i;

	if (!qgpu_platform_is_gpu(dev))
		return false;
	prop = of_find_property(dev->of_node, "compatible", NULL);
	while ((s = of_prop_next_string(prop, s)))
		for (i = 0; i < ARRAY_SIZE(own_mmus); i++)
			if (strstarts(s, own_mmus[i]))
				return true;
	return false;
}

/** qgpu_platform_is_gpu() - does the device tree say that this platform device is a GPU? */
bool qgpu_platform_is_gpu(struct device *dev)
{
	struct property *prop;
	const char *s = NULL;

	if (dev->bus != &platform_bus_type || !dev->of_node)
		return false;
	prop = of_find_property(dev->of_node, "compatible", NULL);
	while ((s = of_prop_next_string(prop, s)))
		if (is_gpu(s))
			return true;
	return false;
}
