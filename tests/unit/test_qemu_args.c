// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <linux/qwamos_gpu.h>

#include "qemu/args.h"
#include "qemu/caps.h"
#include "util/json.h"
#include "util/mem.h"

static struct qconfig small(void)
{
	return (struct qconfig){ .name = (char *)"a",
				 .machine = QMACHINE_Q35,
				 .gic_version = 3,
				 .cores = 1,
				 .memory_mib = 256,
				 .persistent = 1 };
}

static struct qemu_caps caps_of(const struct qconfig *c)
{
	struct qemu_caps caps;
	struct qerr err;

	if (qemu_caps_read(c->machine == QMACHINE_VIRT ? "tests/data/qemu/7.2-aarch64.json"
						       : "tests/data/qemu/7.2-x86_64.json",
			   &caps, &err))
		fail_msg("%s", err.msg);
	return caps;
}

static char *line_on(const struct qconfig *c, const struct qemu_host *h)
{
	struct qemu_caps caps = caps_of(c);
	struct qdiags d = { 0 };
	struct qemu_plan p;
	struct qemu_args a;
	char *text;

	assert_int_equal(qemu_plan(c, &caps, h, &p, &d), 0);
	qemu_args_build(c, h, &p, &a);
	assert_null(a.v[a.n]);
	text = qemu_args_text(&a);
	qemu_args_free(&a);
	qemu_plan_free(&p);
	qdiags_free(&d);
	qemu_caps_free(&caps);
	return text;
}

static char *line(const struct qconfig *c, const char *const *devices, size_t n)
{
	const struct qemu_host h = { .devices = devices, .n_devices = n, .qmp_fd = 5 };

	return line_on(c, &h);
}

/* With a GPU that is passed through. */
static struct qconfig given(void)
{
	struct qconfig c = small();

	c.gpu = true;
	c.gpu_enabled = 1;
	c.access = QACCESS_PASSTHROUGH;
	c.level = QWAMOS_GPU_LEVEL_SYSTEM;
	return c;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is missing in: %s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' is in: %s", part, text);
}

static void whole_line(void **state)
{
	static const char *const devices[] = { "0000:01:00.0" };
	struct qconfig c = given();
	char *text;

	c.kernel = (char *)"/boot/it's here";
	c.cmdline = (char *)"console=ttyS0 quiet";
	text = line(&c, devices, 1);
	assert_string_equal(
		text,
		"qemu-system-x86_64 -nodefaults -no-user-config -name guest=a "
		"-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny "
		"-machine q35 -accel tcg -cpu max -smp 1 -m 256 "
		"-chardev stdio,id=serial0,signal=off -serial chardev:serial0 "
		"-chardev socket,id=qmp0,fd=5 -mon chardev=qmp0,mode=control -S "
		"-kernel '/boot/it'\\''s here' -append 'console=ttyS0 quiet' -nic none "
		"-display none -vga none -device pcie-root-port,id=gpu-port1,chassis=1,slot=1 "
		"-device vfio-pci,host=0000:01:00.0,id=gpu0,bus=gpu-port1,addr=00.0 "
		"-device pcie-root-port,id=gpu-port2,chassis=2,slot=2");
	free(text);
}

/* Functions of one slot stay together; other slots get ports of their own. */
static void groups(void **state)
{
	static const char *const devices[] = { "0000:01:00.0", "0000:01:00.1", "0000:01:00.3",
					       "0000:02:00.0", "0001:02:00.0" };
	struct qconfig c = given();
	char *text = line(&c, devices, 5);

	assert_has(text,
		   "vfio-pci,host=0000:01:00.0,id=gpu0,bus=gpu-port1,addr=00.0,multifunction=on ");
	assert_has(text, "vfio-pci,host=0000:01:00.1,id=gpu1,bus=gpu-port1,addr=00.1 ");
	assert_has(text, "vfio-pci,host=0000:01:00.3,id=gpu2,bus=gpu-port1,addr=00.2 ");
	assert_has(text, "vfio-pci,host=0000:02:00.0,id=gpu3,bus=gpu-port2,addr=00.0 ");
	assert_has(text, "vfio-pci,host=0001:02:00.0,id=gpu4,bus=gpu-port3,addr=00.0");
	assert_has(text, "id=gpu-port3,chassis=3,slot=3");
	/* One more, for a device that comes later. */
	assert_has(text, "id=gpu-port4,chassis=4,slot=4");
	assert_lacks(text, "gpu-port5");
	free(text);
}

static void machines(void **state)
{
	struct qconfig_word features[] = { { .text = (char *)"neon" },
					   { .text = (char *)"ssse3" } };
	struct qconfig c = small();
	char *text;

	c.machine = QMACHINE_VIRT;
	c.cpu_model = (char *)"cortex-a57";
	c.cpu_features = (struct qconfig_list){ features, 2 };
	text = line(&c, NULL, 0);
	assert_has(text, "qemu-system-aarch64 -nodefaults");
	assert_has(text, "-machine virt,gic-version=3 ");
	assert_has(text, "-cpu cortex-a57 ");
	free(text);
	c.cpu_model = NULL;
	text = line(&c, NULL, 0);
	assert_has(text, "-accel tcg -cpu max,pauth-impdef=on ");
	free(text);
	c.machine = QMACHINE_Q35;
	c.cpu_model = NULL;
	c.accel = QACCEL_KVM;
	text = line(&c, NULL, 0);
	assert_has(text, "-accel kvm -cpu host,+neon,+ssse3 ");
	free(text);
	/* Where KVM does not work, TCG; and a CPU that it can be. */
	c.cpu_model = (char *)"host";
	text = line_on(&c, &(struct qemu_host){ .qmp_fd = -1, .no_kvm = "it is broken" });
	assert_has(text, "-accel tcg -cpu max,+neon,+ssse3 ");
	free(text);
}

/* The sandbox refuses venus the process that it needs, and QEMU then has no virgl either. */
static bool said(const struct qdiags *d, int kind, const char *key, const char *text)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if ((int)d->list[i].kind == kind && !strcmp(d->list[i].key, key) &&
		    strstr(d->list[i].text, text))
			return true;
	return false;
}

/* In 2D, QEMU counts all that the guest can have of the host's memory. */
static void vram_in_2d(void **state)
{
	const struct qemu_host h = { .no_render = "there is none", .qmp_fd = -1 };
	struct qconfig c = given();
	struct qdiags d = { 0 };
	struct qemu_caps caps;
	struct qemu_plan p;
	struct qerr err;

	c.access = QACCESS_VIRTIO;
	c.vram_limit_mib = 512;
	assert_int_equal(qemu_caps_read("tests/data/qemu/10.0-x86_64.json", &caps, &err), 0);
	assert_int_equal(qemu_plan(&c, &caps, &h, &p, &d), 0);
	assert_true(p.gpu.model && !p.gpu.gl && p.gpu.vram_mib > 0);
	assert_null(p.gpu.no_vram);
	assert_false(said(&d, QDIAG_WARNING, "gpu.vram_limit_mb", ""));
	qemu_plan_free(&p);
	qdiags_free(&d);
	qemu_caps_free(&caps);
}

static void vulkan(void **state)
{
	static const char *const file = "tests/data/qemu/10.0-x86_64.json";
	const struct qemu_host h = { .render_node = "/dev/dri/renderD128", .qmp_fd = -1 };
	const struct qemu_host gated = { .render_node = h.render_node,
					 .gated = true,
					 .qmp_fd = -1 };
	struct qconfig c = given();
	struct json_object *options;
	struct qdiags d = { 0 };
	struct qemu_caps caps;
	struct qemu_plan p;
	struct qerr err;
	size_t i;

	c.access = QACCESS_VIRTIO;
	c.level = QWAMOS_GPU_LEVEL_HIGH;
	c.allow_vulkan = 1;
	c.vram_limit_mib = 512;
	assert_int_equal(qemu_caps_read(file, &caps, &err), 0);
	assert_int_equal(qemu_plan(&c, &caps, &h, &p, &d), 0);
	assert_true(p.gpu.gl && p.sandbox && !p.gpu.venus);
	assert_has(p.gpu.no_venus, "sandbox");
	/* 512 MiB are asked for, and are no limit of 3D: told as what is not carried out. */
	assert_has(p.gpu.no_vram, "neither what 3D takes nor blobs");
	assert_true(
		said(&d, QDIAG_WARNING, "gpu.vram_limit_mb", "not enforced: QEMU's max_hostmem"));
	assert_true(said(&d, QDIAG_NOTE, "gpu.allow_vulkan", "no Vulkan: venus needs a process"));
	qemu_plan_free(&p);
	qdiags_free(&d);
	memset(&d, 0, sizeof(d));
	/* By a gate they are one. */
	assert_int_equal(qemu_plan(&c, &caps, &gated, &p, &d), 0);
	assert_true(p.gpu.gl && p.gpu.gated);
	assert_null(p.gpu.no_vram);
	assert_int_equal(qdiags_count(&d, QDIAG_WARNING), 0);
	qemu_plan_free(&p);
	options = qjson_get(caps.doc, "options");
	for (i = qjson_len(options); i--;)
		if (!strcmp(json_object_get_string(qjson_at(options, i)), "sandbox"))
			json_object_array_del_idx(options, i, 1);
	assert_int_equal(qemu_plan(&c, &caps, &h, &p, &d), 0);
	assert_true(p.gpu.gl && !p.sandbox && p.gpu.venus);
	assert_null(p.gpu.no_venus);
	qemu_plan_free(&p);
	qdiags_free(&d);
	qemu_caps_free(&caps);
}

/* A comma in a value of the config can't begin an option of QEMU's. */
static void commas(void **state)
{
	const struct qemu_host h = { .qmp_fd = -1, .serial = "/tmp/a,b" };
	struct qconfig c = small();
	char *text;

	c.disk = (char *)"/vms/a,readonly=on";
	c.disk_format = (char *)"raw,x=y";
	c.cpu_features =
		(struct qconfig_list){ &(struct qconfig_word){ .text = (char *)"avx,x" }, 1 };
	text = line_on(&c, &h);
	assert_has(text, "file=/vms/a,,readonly=on,format=raw,,x=y,file.locking=off ");
	assert_has(text, "-cpu max,+avx,,x ");
	assert_has(text, "file,id=serial0,path=/tmp/a,,b ");
	assert_lacks(text, "qmp0");
	free(text);
}

/* What was opened for it is passed on; QEMU opens nothing by itself. */
static void bridges(void **state)
{
	struct qemu_host h = {
		.qmp_fd = -1, .vhost_net = true, .tap = "qw-a", .tap_fd = 7, .vhost_fd = 8
	};
	struct qconfig c = small();
	char *text;

	c.net = QNET_BRIDGE;
	c.bridge = (char *)"br0";
	text = line_on(&c, &h);
	assert_has(text, "-netdev tap,id=net0,fd=7,vhost=on,vhostfd=8 -device virtio-net-pci,");
	assert_lacks(text, "qw-a");
	free(text);
	c.net = QNET_ISOLATED;
	c.net_device = (char *)"e1000";
	text = line_on(&c, &h);
	assert_has(text, "-netdev tap,id=net0,fd=7,vhost=off -device e1000,");
	free(text);
	c.net_device = (char *)"none";
	text = line_on(&c, &h);
	assert_null(qconfig_bridge(&c));
	assert_lacks(text, "-netdev");
	free(text);
	/* Where none is made, its name stands for it. */
	h.tap_fd = h.vhost_fd = 0;
	c.net_device = NULL;
	text = line_on(&c, &h);
	assert_has(text, "tap,id=net0,ifname=qw-a,script=no,downscript=no,vhost=on ");
	free(text);
	c.net = QNET_NAT;
	text = line_on(&c, &h);
	assert_null(qconfig_bridge(&c));
	assert_has(text, "-netdev user,id=net0 ");
	free(text);
	c.net = QNET_ISOLATED;
	c.bridge = NULL;
	text = line_on(&c, &h);
	assert_has(text, "-netdev hubport,id=net0,hubid=0 ");
	free(text);
}

/* In order, without what changes nothing. */
/* A disk by fds: a set of them, a block device by its own driver, a name that tells its format. */
static void disks_by_fd(void **state)
{
	struct qemu_host h = { .disk_fd = { 8, 9 }, .qmp_fd = 5, .serial_fd = 6 };
	struct qconfig c = small();
	char *text;

	c.disk = (char *)"/vms/a.qcow2";
	text = line_on(&c, &h);
	assert_has(text, " -add-fd fd=8,set=1 -add-fd fd=9,set=1 ");
	assert_has(text, " if=none,id=disk0,file=/dev/fdset/1,format=qcow2,file.locking=off ");
	assert_has(text, " socket,id=serial0,fd=6 ");
	free(text);
	h.disk_fd[0] = -1;
	h.disk_block = true;
	c.disk = (char *)"/dev/vg/a";
	c.persistent = 0;
	text = line_on(&c, &h);
	assert_lacks(text, "fd=8");
	assert_has(text, " if=none,id=disk0,file.driver=host_device,file.filename=/dev/fdset/1,"
			 "format=raw,file.locking=off,snapshot=on ");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_line), cmocka_unit_test(groups),
		cmocka_unit_test(machines),   cmocka_unit_test(vulkan),
		cmocka_unit_test(vram_in_2d), cmocka_unit_test(commas),
		cmocka_unit_test(disks_by_fd),
		cmocka_unit_test(bridges),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("qemu_args", tests, NULL, NULL);
}
