// SPDX-License-Identifier: GPL-2.0-only
/* Detection, what the kernel's graphics drivers say: nodes, memory, compute units, models. */
#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/source.h"
#include "util/file.h"
#include "util/json.h"
#include "util/mem.h"

/* The GPU a node belongs to; of virtio-gpu, the node's device is one below the PCI function. */
static struct json_object *owner(struct qdetect *d, const char *node)
{
	char *path = qdetect_path(d, "sys/class/drm/%s/device", node), *real, *slash;
	struct json_object *gpu = NULL;
	int up;

	real = realpath(path, NULL);
	free(path);
	for (up = 0; real && up < 2 && !gpu; up++) {
		slash = strrchr(real, '/');
		if (!slash)
			break;
		gpu = qdetect_gpu(d, slash + 1);
		*slash = '\0';
	}
	free(real);
	return gpu;
}

static void add_node(struct qdetect *d, const char *node)
{
	bool render = !strncmp(node, "renderD", 7);
	struct json_object *gpu, *drm;
	char dev[32];

	/* Not card0-HDMI-A-1, which is an output. */
	if ((!render && strncmp(node, "card", 4)) || strchr(node, '-'))
		return;
	gpu = owner(d, node);
	if (!gpu)
		return;
	drm = qjson_get(gpu, "drm");
	if (!drm) {
		drm = qjson_add(gpu, "drm", qjson_obj());
		qjson_add(drm, "card", NULL);
		qjson_add(drm, "render", NULL);
		qjson_add(drm, "render_dev", NULL);
		/* Does it draw in 3D? That, EGL tells. */
		qjson_add(drm, "renders", NULL);
	}
	qjson_add_str(drm, render ? "render" : "card", node);
	if (render && qdetect_read(d, dev, sizeof(dev), "sys/class/drm/%s/dev", node) > 0)
		qjson_add_str(drm, "render_dev", dev);
}

static void add_amdgpu(struct qdetect *d, struct json_object *gpu, const char *addr)
{
	long long bytes;

	if (!qdetect_read_ll(d, &bytes, "sys/bus/pci/devices/%s/mem_info_vram_total", addr))
		qdetect_figure(gpu, "vram_bytes", bytes, "amdgpu");
}

/* Lines "NAME VALUE": the value of @name, or -1. */
static long long property(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (; *text; text += *text == '\n') {
		if (!strncmp(text, name, len) && text[len] == ' ')
			return strtoll(text + len, NULL, 10);
		text += strcspn(text, "\n");
	}
	return -1;
}

/* The compute driver's list: SIMDs of each GPU, and how many of these make a compute unit. */
static void add_kfd(struct qdetect *d)
{
	static const char topology[] = "sys/class/kfd/kfd/topology/nodes";
	long long simds, per_cu, domain, location;
	char text[4096], addr[32];
	struct json_object *gpu;
	char **nodes;
	size_t i, n;

	nodes = qdetect_names(d, &n, topology);
	for (i = 0; i < n; i++) {
		if (qdetect_read(d, text, sizeof(text), "%s/%s/properties", topology, nodes[i]) <=
		    0)
			continue;
		simds = property(text, "simd_count");
		per_cu = property(text, "simd_per_cu");
		domain = property(text, "domain");
		location = property(text, "location_id");
		if (simds < 1 || per_cu < 1 || location < 1)
			continue;
		snprintf(addr, sizeof(addr), "%04llx:%02llx:%02llx.%llx", domain < 0 ? 0 : domain,
			 location >> 8 & 0xff, location >> 3 & 0x1f, location & 7);
		gpu = qdetect_gpu(d, addr);
		if (gpu)
			qdetect_figure(gpu, "compute_units", simds / per_cu, "kfd");
	}
	qdetect_free_names(nodes, n);
}

/* "Model: \t\t NVIDIA GeForce RTX 3080": NVIDIA's own driver. */
static void add_nvidia(struct qdetect *d, struct json_object *gpu, const char *addr)
{
	char text[4096], *line, *save, *value, *end;

	if (qdetect_read(d, text, sizeof(text), "proc/driver/nvidia/gpus/%s/information", addr) <=
	    0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "Model:", 6))
			continue;
		value = line + 6 + strspn(line + 6, " \t");
		end = value + strlen(value);
		while (end > value && isspace((unsigned char)end[-1]))
			*--end = '\0';
		qdetect_set_str(gpu, "device_name", value);
	}
}

static int gather(struct qdetect *d, struct qerr *e)
{
	const char *name, *driver;
	struct json_object *gpu;
	bool amd = false;
	char **nodes;
	size_t i, n;

	if (!qjson_len(d->gpus))
		return 0;
	nodes = qdetect_names(d, &n, "sys/class/drm");
	for (i = 0; i < n; i++)
		add_node(d, nodes[i]);
	qdetect_free_names(nodes, n);
	for (i = 0; i < qjson_len(d->gpus); i++) {
		gpu = qjson_at(d->gpus, i);
		name = qjson_get_str(gpu, "name");
		driver = qjson_get_str(gpu, "driver");
		if (driver && !strcmp(driver, "amdgpu")) {
			add_amdgpu(d, gpu, name);
			amd = true;
		}
		if (driver && !strcmp(driver, "nvidia"))
			add_nvidia(d, gpu, name);
	}
	if (amd)
		add_kfd(d);
	return 0;
}

const struct qdetect_source qdetect_drm = { .name = "drm", .gather = gather };
