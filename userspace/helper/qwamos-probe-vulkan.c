// SPDX-License-Identifier: GPL-2.0-only
/* qwamos-probe-vulkan [DRIVER]: what Vulkan offers, by libvulkan. See helper/probe.h. */
#define VK_NO_PROTOTYPES
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>

#include "helper/probe.h"
#include "util/json.h"
#include "util/mem.h"

#define MAX_DEVICES 64

struct vk {
	PFN_vkGetInstanceProcAddr get;
	VkInstance instance;
	PFN_vkGetPhysicalDeviceProperties properties;
	PFN_vkGetPhysicalDeviceProperties2 properties2;
	PFN_vkGetPhysicalDeviceMemoryProperties memory;
	PFN_vkGetPhysicalDeviceQueueFamilyProperties queues;
	PFN_vkEnumerateDeviceExtensionProperties extensions;
};

/* What a device's own extensions may tell; sType 0: not asked. */
struct more {
	VkPhysicalDeviceDriverProperties driver;
	VkPhysicalDevicePCIBusInfoPropertiesEXT pci;
	VkPhysicalDeviceDrmPropertiesEXT drm;
	VkPhysicalDeviceShaderCoreProperties2AMD amd;
	VkPhysicalDeviceShaderSMBuiltinsPropertiesNV nv;
	VkPhysicalDeviceShaderCoreBuiltinsPropertiesARM arm;
};

static void add_version(struct json_object *o, const char *key, uint32_t v)
{
	qjson_add_fmt(o, key, "%u.%u.%u", VK_API_VERSION_MAJOR(v), VK_API_VERSION_MINOR(v),
		      VK_API_VERSION_PATCH(v));
}

static const char *result_name(VkResult r)
{
	switch (r) {
	case VK_ERROR_OUT_OF_HOST_MEMORY:
		return "VK_ERROR_OUT_OF_HOST_MEMORY";
	case VK_ERROR_OUT_OF_DEVICE_MEMORY:
		return "VK_ERROR_OUT_OF_DEVICE_MEMORY";
	case VK_ERROR_INITIALIZATION_FAILED:
		return "VK_ERROR_INITIALIZATION_FAILED";
	case VK_ERROR_LAYER_NOT_PRESENT:
		return "VK_ERROR_LAYER_NOT_PRESENT";
	case VK_ERROR_EXTENSION_NOT_PRESENT:
		return "VK_ERROR_EXTENSION_NOT_PRESENT";
	case VK_ERROR_INCOMPATIBLE_DRIVER:
		return "VK_ERROR_INCOMPATIBLE_DRIVER";
	default:
		return NULL;
	}
}

static void refused(const char *state, const char *what, VkResult r)
{
	if (result_name(r))
		probe_state(state, "%s: %s", what, result_name(r));
	else
		probe_state(state, "%s: VkResult %d", what, (int)r);
}

static bool has(const VkExtensionProperties *list, uint32_t n, const char *name)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(list[i].extensionName, name))
			return true;
	return false;
}

/* Puts @s before the chain, if the device has what it belongs to. */
static void ask(void **chain, void *s, VkStructureType type, bool there)
{
	VkBaseOutStructure *base = s;

	if (!there)
		return;
	base->sType = type;
	base->pNext = *chain;
	*chain = s;
}

static void ask_more(struct vk *vk, VkPhysicalDevice dev, uint32_t api, struct more *m)
{
	VkPhysicalDeviceProperties2 props = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2
	};
	VkExtensionProperties *list = NULL;
	uint32_t n = 0;

	memset(m, 0, sizeof(*m));
	if (!vk->properties2 || api < VK_API_VERSION_1_1 ||
	    vk->extensions(dev, NULL, &n, NULL) != VK_SUCCESS)
		return;
	list = qmem_calloc(n, sizeof(*list));
	if (vk->extensions(dev, NULL, &n, list) != VK_SUCCESS)
		n = 0;
	ask(&props.pNext, &m->driver, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
	    api >= VK_API_VERSION_1_2 || has(list, n, VK_KHR_DRIVER_PROPERTIES_EXTENSION_NAME));
	ask(&props.pNext, &m->pci, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PCI_BUS_INFO_PROPERTIES_EXT,
	    has(list, n, VK_EXT_PCI_BUS_INFO_EXTENSION_NAME));
	ask(&props.pNext, &m->drm, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRM_PROPERTIES_EXT,
	    has(list, n, VK_EXT_PHYSICAL_DEVICE_DRM_EXTENSION_NAME));
	ask(&props.pNext, &m->amd, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_2_AMD,
	    has(list, n, VK_AMD_SHADER_CORE_PROPERTIES_2_EXTENSION_NAME));
	ask(&props.pNext, &m->nv,
	    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV,
	    has(list, n, VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME));
	ask(&props.pNext, &m->arm,
	    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_BUILTINS_PROPERTIES_ARM,
	    has(list, n, VK_ARM_SHADER_CORE_BUILTINS_EXTENSION_NAME));
	free(list);
	vk->properties2(dev, &props);
}

static void add_more(struct json_object *o, const struct more *m)
{
	bool driver = m->driver.sType;

	qjson_add_str(o, "driver_name", driver ? m->driver.driverName : NULL);
	qjson_add_str_or_null(o, "driver_info", driver ? m->driver.driverInfo : NULL);
	qjson_add(o, "pci", NULL);
	if (m->pci.sType)
		qjson_add_fmt(o, "pci", "%04x:%02x:%02x.%x", m->pci.pciDomain, m->pci.pciBus,
			      m->pci.pciDevice, m->pci.pciFunction);
	qjson_add(o, "render_dev", NULL);
	if (m->drm.sType && m->drm.hasRender)
		qjson_add_fmt(o, "render_dev", "%lld:%lld", (long long)m->drm.renderMajor,
			      (long long)m->drm.renderMinor);
	qjson_add(o, "compute_units", NULL);
	if (m->amd.sType)
		qjson_add_int(o, "compute_units", m->amd.activeComputeUnitCount);
	else if (m->nv.sType)
		qjson_add_int(o, "compute_units", m->nv.shaderSMCount);
	else if (m->arm.sType)
		qjson_add_int(o, "compute_units", m->arm.shaderCoreCount);
}

static void add_memory(struct vk *vk, VkPhysicalDevice dev, struct json_object *o)
{
	VkPhysicalDeviceMemoryProperties mem;
	uint64_t bytes = 0;
	uint32_t i;

	memset(&mem, 0, sizeof(mem));
	vk->memory(dev, &mem);
	for (i = 0; i < mem.memoryHeapCount && i < VK_MAX_MEMORY_HEAPS; i++)
		if (mem.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)
			bytes += mem.memoryHeaps[i].size;
	qjson_add_int(o, "device_local_bytes", bytes > INT64_MAX ? 0 : bytes);
}

static void add_queues(struct vk *vk, VkPhysicalDevice dev, struct json_object *o)
{
	static const struct {
		VkQueueFlags bit;
		const char *name;
	} uses[] = {
		{ VK_QUEUE_GRAPHICS_BIT, "graphics" },
		{ VK_QUEUE_COMPUTE_BIT, "compute" },
		{ VK_QUEUE_TRANSFER_BIT, "transfer" },
		{ VK_QUEUE_SPARSE_BINDING_BIT, "sparse" },
		{ VK_QUEUE_VIDEO_DECODE_BIT_KHR, "video_decode" },
		/* VK_QUEUE_VIDEO_ENCODE_BIT_KHR; older headers have it as a beta only. */
		{ 0x40, "video_encode" },
	};
	struct json_object *list = qjson_add(o, "queue_families", qjson_arr()), *q;
	VkQueueFamilyProperties *fams;
	uint32_t i, n = 0;
	size_t k;

	vk->queues(dev, &n, NULL);
	if (n > 64)
		n = 64;
	fams = qmem_calloc(n, sizeof(*fams));
	vk->queues(dev, &n, fams);
	for (i = 0; i < n; i++) {
		q = qjson_push(list, qjson_obj());
		qjson_add_int(q, "queues", fams[i].queueCount);
		for (k = 0; k < sizeof(uses) / sizeof(uses[0]); k++)
			qjson_add_bool(q, uses[k].name, fams[i].queueFlags & uses[k].bit);
	}
	free(fams);
}

static void tell_device(struct vk *vk, VkPhysicalDevice dev)
{
	static const char *const types[] = { "other", "integrated", "discrete", "virtual", "cpu" };
	struct json_object *o = qjson_obj();
	VkPhysicalDeviceProperties p;
	struct more m;

	memset(&p, 0, sizeof(p));
	vk->properties(dev, &p);
	p.deviceName[sizeof(p.deviceName) - 1] = '\0';
	qjson_add_str(o, "name", p.deviceName);
	qjson_add_str(o, "type", p.deviceType < 5 ? types[p.deviceType] : "other");
	add_version(o, "api_version", p.apiVersion);
	qjson_add_fmt(o, "vendor_id", "%04x", p.vendorID);
	qjson_add_fmt(o, "device_id", "%04x", p.deviceID);
	ask_more(vk, dev, p.apiVersion, &m);
	add_more(o, &m);
	add_memory(vk, dev, o);
	qjson_add_int(o, "max_texture_2d", p.limits.maxImageDimension2D);
	add_queues(vk, dev, o);
	probe_tell("device", o);
}

static bool tell_devices(struct vk *vk)
{
	PFN_vkEnumeratePhysicalDevices enumerate =
		(PFN_vkEnumeratePhysicalDevices)vk->get(vk->instance, "vkEnumeratePhysicalDevices");
	VkPhysicalDevice devs[MAX_DEVICES];
	uint32_t i, n = MAX_DEVICES;
	VkResult r;

#define GET(field, name) (vk->field = (PFN_##name)vk->get(vk->instance, #name))
	if (!enumerate || !GET(properties, vkGetPhysicalDeviceProperties) ||
	    !GET(memory, vkGetPhysicalDeviceMemoryProperties) ||
	    !GET(queues, vkGetPhysicalDeviceQueueFamilyProperties) ||
	    !GET(extensions, vkEnumerateDeviceExtensionProperties)) {
		probe_state("not_loadable", "libvulkan lacks functions of Vulkan 1.0");
		return false;
	}
	GET(properties2, vkGetPhysicalDeviceProperties2);
#undef GET
	probe_stage("vkEnumeratePhysicalDevices");
	r = enumerate(vk->instance, &n, devs);
	if (r != VK_SUCCESS && r != VK_INCOMPLETE) {
		refused("no_device", "vkEnumeratePhysicalDevices", r);
		return false;
	}
	if (!n)
		probe_state("no_device", "no driver has found a device of its own");
	for (i = 0; i < n; i++) {
		probe_stage("looking at a device");
		tell_device(vk, devs[i]);
	}
	return n;
}

static void look(struct vk *vk)
{
	PFN_vkEnumerateInstanceVersion version_of;
	VkApplicationInfo app = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
				  .pApplicationName = "qwamos-gpu detect" };
	VkInstanceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
				      .pApplicationInfo = &app };
	uint32_t version = VK_API_VERSION_1_0;
	struct json_object *line = qjson_obj();
	PFN_vkCreateInstance create;
	VkResult r;

	version_of = (PFN_vkEnumerateInstanceVersion)vk->get(NULL, "vkEnumerateInstanceVersion");
	create = (PFN_vkCreateInstance)vk->get(NULL, "vkCreateInstance");
	if (!create) {
		probe_state("not_loadable", "libvulkan has no vkCreateInstance");
		return;
	}
	if (version_of)
		version_of(&version);
	add_version(line, "instance_version", version);
	probe_tell("instance_version", json_object_get(qjson_get(line, "instance_version")));
	json_object_put(line);
	app.apiVersion = version;
	probe_stage("vkCreateInstance");
	r = create(&info, NULL, &vk->instance);
	if (r == VK_ERROR_INCOMPATIBLE_DRIVER)
		probe_state("no_device", "no driver is installed that can be loaded "
					 "(VK_ERROR_INCOMPATIBLE_DRIVER)");
	else if (r != VK_SUCCESS)
		refused("not_loadable", "vkCreateInstance", r);
	else if (tell_devices(vk))
		probe_tell("state", json_object_new_string("version"));
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "libvulkan.so.1", "libvulkan.so", NULL };
	struct vk vk = { 0 };
	int status = probe_begin();
	void *lib;

	if (status)
		return status;
	/* Layers are no drivers, and may print, or open windows. */
	setenv("VK_LOADER_LAYERS_DISABLE", "~implicit~", 1);
	setenv("NODEVICE_SELECT", "1", 1);
	if (argc > 1) {
		setenv("VK_DRIVER_FILES", argv[1], 1);
		setenv("VK_ICD_FILENAMES", argv[1], 1);
	}
	lib = probe_open(names);
	if (lib) {
		vk.get = (PFN_vkGetInstanceProcAddr)dlsym(lib, "vkGetInstanceProcAddr");
		if (vk.get)
			look(&vk);
		else
			probe_state("not_loadable", "libvulkan has no vkGetInstanceProcAddr");
	}
	probe_end();
}
