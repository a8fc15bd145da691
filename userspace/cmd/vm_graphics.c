// SPDX-License-Identifier: GPL-2.0-only
#include "cmd/vm_graphics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "qemu/cmdline.h"
#include "util/json.h"
#include "util/mem.h"

/* &enum qconfig_access of a mode of the kernel's; -1: it was not told. */
static int access_of(uint32_t mode)
{
	switch (mode) {
	case QWAMOS_GPU_MODE_VIRTIO:
		return QACCESS_VIRTIO;
	case QWAMOS_GPU_MODE_PASSTHROUGH:
		return QACCESS_PASSTHROUGH;
	case QWAMOS_GPU_MODE_SOFTWARE:
		return QACCESS_SOFTWARE;
	case QWAMOS_GPU_MODE_NONE:
		return QACCESS_NONE;
	}
	return -1;
}

void vm_graphics_unknown(const char *why, struct vm_graphics *v)
{
	memset(v, 0, sizeof(*v));
	v->why = qmem_strdup(why);
	v->g.mode = -1;
	v->g.unknown = v->why;
}

/* In virtio mode the kernel does not know which adapter it is; the QEMU was told. */
static void adapter(struct vm_graphics *v)
{
	const char *device = qemu_cmdline_device(&v->args, "virtio-gpu-gl-pci"), *display;
	char *venus;

	if (!v->args.n) {
		v->g.mode = -1;
		v->g.unknown = "the command line of its QEMU can't be read";
		return;
	}
	if (!device) {
		v->g.no_gl = "its QEMU was started without";
		return;
	}
	v->model = "virtio-gpu-gl-pci";
	venus = qemu_cmdline_property(device, "venus");
	if (!venus || strcmp(venus, "on"))
		v->g.no_venus = "its QEMU was started without";
	free(venus);
	display = qemu_cmdline_value(&v->args, "-display");
	v->render = display ? qemu_cmdline_property(display, "rendernode") : NULL;
	v->g.render = v->render;
}

void vm_graphics_running(const struct vm_kernel *q, const struct json_object *doc,
			 struct vm_graphics *v)
{
	const struct json_object *list = qjson_get(doc, "attached");
	const char *cpu;
	size_t i;

	memset(v, 0, sizeof(*v));
	v->g.running = true;
	/* Without a policy it was given no mode, and whatever it asks is denied. */
	v->g.mode = q->vm.level == QWAMOS_GPU_LEVEL_NONE ? QACCESS_NONE : access_of(q->vm.mode_got);
	v->g.unknown = "who started it has not told";
	v->devices = qmem_calloc(qjson_len(list) + 1, sizeof(*v->devices));
	for (i = 0; i < qjson_len(list); i++)
		v->devices[i] = json_object_get_string(qjson_at(list, i));
	v->g.devices = v->devices;
	v->g.n_devices = qjson_len(list);
	if (q->vm.joined_pid > 0)
		qemu_cmdline_read(q->vm.joined_pid, &v->args);
	v->accel = qemu_cmdline_value(&v->args, "-accel");
	cpu = qemu_cmdline_value(&v->args, "-cpu");
	v->cpu = cpu ? strndup(cpu, strcspn(cpu, ",")) : NULL;
	if (v->g.mode == QACCESS_VIRTIO)
		adapter(v);
}

/* Return: 0, or what there is to say is in @err. */
static int plan(const struct qvm_known *k, struct vm_graphics *v, struct qerr *err)
{
	struct qdiags d = { .file = k->diags.file };
	size_t i;
	int ret;

	ret = qvm_host_gather(&k->config, &v->host, err);
	if (!ret)
		ret = qemu_caps_get(qemu_program(&k->config), &v->caps, err);
	if (ret)
		return ret;
	ret = qemu_plan(&k->config, &v->caps, &v->host.h, &v->plan, &d);
	for (i = 0; ret && i < d.n; i++)
		if (d.list[i].kind == QDIAG_ERROR)
			qerr_set(err, EINVAL, "%s: %s", d.list[i].key, d.list[i].text);
	d.file = NULL;
	qdiags_free(&d);
	return ret;
}

void vm_graphics_planned(const struct qvm_known *k, struct vm_graphics *v)
{
	const struct qemu_gpu *p = &v->plan.gpu;
	struct qerr err;

	memset(v, 0, sizeof(*v));
	v->accel = k->config.accel == QACCEL_TCG ? "tcg" : NULL;
	if (plan(k, v, &err)) {
		v->why = qmem_strdup(err.msg);
		v->g.mode = -1;
		v->g.unknown = v->why;
		return;
	}
	v->g.mode = p->got;
	v->model = p->model;
	v->g.devices = v->host.h.devices;
	v->g.n_devices = v->host.h.n_devices;
	v->g.render = v->host.h.render_node;
	v->g.no_gl = p->no_gl;
	v->g.no_venus = p->no_venus;
	v->g.display = p->model;
	v->accel = v->plan.kvm ? "kvm" : "tcg";
	if (!v->plan.kvm && k->config.accel != QACCEL_TCG)
		v->accel_why = v->host.h.no_kvm ? v->host.h.no_kvm
						: "this QEMU is built without it";
	v->cpu = qmem_strdup(v->plan.cpu);
}

void vm_graphics_free(struct vm_graphics *v)
{
	qemu_plan_free(&v->plan);
	qemu_caps_free(&v->caps);
	qvm_host_free(&v->host);
	qemu_args_free(&v->args);
	free(v->cpu);
	free(v->devices);
	free(v->render);
	free(v->why);
	memset(v, 0, sizeof(*v));
}
