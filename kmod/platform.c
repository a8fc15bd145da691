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

/** qgpu_platform_is_gpu() - does the device tree say that this platform device is a GPU? */
bool qgpu_platform_is_gpu(struct device *dev)
{
	struct property *prop;
	const char *s = NULL;
	size_t i;

	if (dev->bus != &platform_bus_type || !dev->of_node)
		return false;
	prop = of_find_property(dev->of_node, "compatible", NULL);
	while ((s = of_prop_next_string(prop, s)))
		for (i = 0; i < ARRAY_SIZE(gpu_compatibles); i++)
			if (strstarts(s, gpu_compatibles[i]))
				return true;
	return false;
}
