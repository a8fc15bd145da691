// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is told of a VM's GPU, by how it gets its graphics and by what detection found on machines
 * that were written down; and what a QEMU was started with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "config/config.h"
#include "qemu/cmdline.h"
#include "util/json.h"
#include "vm/gpu_facts.h"

#define MACHINES "tests/data/machines/"

static struct json_object *facts(const struct qvm_graphics *g, const char *machine)
{
	struct json_object *gpu = qjson_obj(), *detected = NULL;
	struct qerr e;

	if (machine && qjson_read_file(machine, &detected, &e))
		fail_msg("%s", e.msg);
	qvm_gpu_facts(gpu, g, detected);
	json_object_put(detected);
	return gpu;
}

/* NULL: null, or nothing */
static void is(const struct json_object *o, const char *key, const char *want)
{
	const char *got = qjson_get_str(o, key);

	if (!want)
		assert_null(qjson_get(o, key));
	else if (!got || strcmp(got, want))
		fail_msg("%s: %s, expected %s", key, got ? got : "null", want);
}

static void api(const struct json_object *gpu, const char *key, const char *state,
		const char *version, const char *why)
{
	const struct json_object *o = qjson_get(gpu, key);

	is(o, "state", state);
	is(o, "version", version);
	is(o, "why", why);
}

static void device(const struct json_object *gpu, const char *name, const char *driver,
		   const char *address)
{
	const struct json_object *o = qjson_get(gpu, "device");

	assert_non_null(o);
	is(o, "name", name);
	is(o, "driver", driver);
	is(o, "address", address);
	is(gpu, "device_why", NULL);
}

/* 3D: the GPU behind the VM's render node, and no other one. */
static void virtio_3d(void **state)
{
	struct qvm_graphics g = { .mode = QACCESS_VIRTIO, .render = "/dev/dri/renderD128" };
	struct json_object *gpu = facts(&g, MACHINES "nvidia-usbc.json");

	device(gpu, "NVIDIA GeForce RTX 2080", "nvidia", "0000:01:00.0");
	api(gpu, "vulkan", "version", "1.3.242", NULL);
	api(gpu, "opengl", "version", "3.2", NULL);
	json_object_put(gpu);
	g.no_venus = "allow_vulkan is false";
	gpu = facts(&g, MACHINES "nvidia-usbc.json");
	api(gpu, "vulkan", "none", NULL, "allow_vulkan is false");
	api(gpu, "opengl", "version", "3.2", NULL);
	json_object_put(gpu);
	g.no_venus = NULL;
	gpu = facts(&g, MACHINES "mali-panthor.json");
	device(gpu, "Mali-G610 MC4 (Panfrost)", "panthor", "fb000000.gpu");
	api(gpu, "vulkan", "no_device", NULL, "no driver has found a device of its own");
	api(gpu, "opengl", "version", "3.1", NULL);
	json_object_put(gpu);
	g.render = "/dev/dri/renderD129";
	gpu = facts(&g, MACHINES "amd-apu-dgpu.json");
	is(qjson_get(gpu, "device"), "address", "0000:03:00.0");
	api(gpu, "vulkan", "not_loadable", NULL,
	    "a driver ended its process (status 0) in vkCreateInstance");
	api(gpu, "opengl", "unknown", NULL, NULL);
	json_object_put(gpu);
	/* Not another GPU, where that one is not known. */
	g.render = "/dev/dri/renderD200";
	gpu = facts(&g, MACHINES "nvidia-usbc.json");
	assert_null(qjson_get(gpu, "device"));
	api(gpu, "vulkan", "unknown", NULL, "it is not known which GPU is behind its render node");
	json_object_put(gpu);
}

/* 2D: whatever GPU the host has, the VM has none of it. */
static void virtio_2d(void **state)
{
	struct qvm_graphics g = { .mode = QACCESS_VIRTIO,
				  .no_gl = "the trust level does not allow it" };
	struct json_object *gpu = facts(&g, MACHINES "nvidia-usbc.json");

	assert_null(qjson_get(gpu, "device"));
	is(gpu, "device_why", "2D only, no 3D: the trust level does not allow it");
	api(gpu, "vulkan", "none", NULL, "there is no 3D");
	api(gpu, "opengl", "none", NULL, "there is no 3D");
	assert_false(qvm_graphics_probe(&g));
	json_object_put(gpu);
}

static void passthrough(void **state)
{
	/* A companion first. */
	static const char *const list[] = { "0000:01:00.1", "0000:01:00.0" };
	struct qvm_graphics g = { .mode = QACCESS_PASSTHROUGH, .devices = list, .n_devices = 2 };
	struct json_object *gpu = facts(&g, MACHINES "nvidia-usbc.json");

	device(gpu, "NVIDIA GeForce RTX 2080", "nvidia", "0000:01:00.0");
	assert_int_equal(qjson_len(qjson_get(gpu, "devices")), 2);
	api(gpu, "vulkan", "version", "1.3.242", "by the host's driver; the guest brings its own");
	assert_true(qvm_graphics_probe(&g));
	json_object_put(gpu);
	/* While it runs, the host's drivers don't have it. */
	g.running = true;
	gpu = facts(&g, MACHINES "nvidia-usbc.json");
	api(gpu, "vulkan", "unknown", NULL, "the guest's driver tells");
	api(gpu, "opengl", "unknown", NULL, "the guest's driver tells");
	assert_false(qvm_graphics_probe(&g));
	json_object_put(gpu);
	gpu = facts(&g, MACHINES "none.json");
	device(gpu, NULL, NULL, "0000:01:00.1");
	json_object_put(gpu);
	gpu = facts(&g, NULL);
	device(gpu, NULL, NULL, "0000:01:00.1");
	json_object_put(gpu);
	/* It was taken away. */
	g.n_devices = 0;
	gpu = facts(&g, MACHINES "nvidia-usbc.json");
	assert_null(qjson_get(gpu, "device"));
	is(gpu, "device_why", "it has none any more");
	json_object_put(gpu);
}

static void without_the_hosts_gpu(void **state)
{
	struct qvm_graphics g = { .mode = QACCESS_SOFTWARE };
	struct json_object *gpu = facts(&g, MACHINES "nvidia-usbc.json");

	device(gpu, "CPU", NULL, NULL);
	api(gpu, "vulkan", "unknown", NULL,
	    "the guest draws on its CPU, with what is installed there");
	json_object_put(gpu);
	g.mode = QACCESS_NONE;
	gpu = facts(&g, MACHINES "nvidia-usbc.json");
	assert_null(qjson_get(gpu, "device"));
	api(gpu, "vulkan", "none", NULL, NULL);
	json_object_put(gpu);
	g.display = "VGA";
	gpu = facts(&g, MACHINES "nvidia-usbc.json");
	is(gpu, "device_why", "a 2D display, without the host's GPU");
	json_object_put(gpu);
	g.mode = -1;
	g.unknown = "nobody tells";
	gpu = facts(&g, MACHINES "nvidia-usbc.json");
	assert_null(qjson_get(gpu, "device"));
	api(gpu, "vulkan", "unknown", NULL, "nobody tells");
	api(gpu, "opengl", "unknown", NULL, "nobody tells");
	json_object_put(gpu);
}

static void command_lines(void **state)
{
	static const char *const words[] = { "qemu-system-x86_64",
					     "-accel",
					     "tcg",
					     "-device",
					     "virtio-gpu-gl-pci-x,venus=on",
					     "-name",
					     "virtio-gpu-gl-pci",
					     "-device",
					     "virtio-gpu-gl-pci,id=a,,venus=off,venus=on,b=c",
					     "-display" };
	const struct qemu_args a = { (char **)words, sizeof(words) / sizeof(words[0]) };
	const char *gl = qemu_cmdline_device(&a, "virtio-gpu-gl-pci");
	struct qemu_args self;
	char *text;

	assert_string_equal(qemu_cmdline_value(&a, "-accel"), "tcg");
	assert_null(qemu_cmdline_value(&a, "-display"));
	assert_null(qemu_cmdline_device(&a, "virtio-gpu-pci"));
	assert_string_equal(gl, words[8]);
	text = qemu_cmdline_property(gl, "id");
	assert_string_equal(text, "a,venus=off");
	free(text);
	text = qemu_cmdline_property(gl, "venus");
	assert_string_equal(text, "on");
	free(text);
	assert_null(qemu_cmdline_property(gl, "c"));
	assert_int_equal(qemu_cmdline_read(getpid(), &self), 0);
	assert_non_null(strstr(self.v[0], "test_gpu_facts"));
	qemu_args_free(&self);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(virtio_3d),	 cmocka_unit_test(virtio_2d),
		cmocka_unit_test(passthrough),	 cmocka_unit_test(without_the_hosts_gpu),
		cmocka_unit_test(command_lines),
	};

	return cmocka_run_group_tests_name("gpu_facts", tests, NULL, NULL);
}
