// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's command line, and what a config may add to it. */
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
		"-chardev socket,id=qmp0,fd=5 -mon chardev=qmp0,mode=control "
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
static void vulkan(void **state)
{
	static const char *const file = "tests/data/qemu/10.0-x86_64.json";
	const struct qemu_host h = { .render_node = "/dev/dri/renderD128", .qmp_fd = -1 };
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
	c.cpu_features = (struct qconfig_list){
		&(struct qconfig_word){ .text = (char *)"avx,x" }, 1
	};
	text = line_on(&c, &h);
	assert_has(text, "file=/vms/a,,readonly=on,format=raw,,x=y ");
	assert_has(text, "-cpu max,+avx,,x ");
	assert_has(text, "file,id=serial0,path=/tmp/a,,b ");
	assert_lacks(text, "qmp0");
	free(text);
}

/* Checks qemu_extra_args given as words, and returns how many errors; @d: out, or NULL. */
static size_t check(const char *const *words, size_t n, struct qdiags *out)
{
	struct qconfig_word *v = qmem_calloc(n + 1, sizeof(*v));
	struct qdiags d = { .file = qmem_strdup("f") };
	struct qconfig c = small();
	size_t i, errors;
	int ret;

	for (i = 0; i < n; i++)
		v[i] = (struct qconfig_word){ (char *)words[i], { 1, i + 1 } };
	c.extra_args = (struct qconfig_list){ v, n };
	ret = qemu_extra_check(&c, &d);
	errors = qdiags_count(&d, QDIAG_ERROR);
	assert_int_equal(ret, errors ? -EINVAL : 0);
	free(v);
	if (out)
		*out = d;
	else
		qdiags_free(&d);
	return errors;
}

#define CHECK(...)                                  \
	check((const char *const[]){ __VA_ARGS__ }, \
	      sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), NULL)

static void extra_refused(void **state)
{
	assert_int_equal(CHECK("-vga", "std"), 1);
	assert_int_equal(CHECK("--vga", "std"), 1);
	assert_int_equal(CHECK("-display", "gtk"), 1);
	assert_int_equal(CHECK("-vnc", ":0"), 1);
	assert_int_equal(CHECK("-sandbox", "off"), 1);
	assert_int_equal(CHECK("-daemonize"), 1);
	assert_int_equal(CHECK("-readconfig", "x"), 1);
	assert_int_equal(CHECK("-qmp", "stdio"), 1);
	assert_int_equal(CHECK("-gdb", "tcp::1"), 1);
	assert_int_equal(CHECK("-s"), 1);
	assert_int_equal(CHECK("-nic", "user"), 1);
	assert_int_equal(CHECK("-machine", "pc"), 1);
	assert_int_equal(CHECK("-device", "vfio-pci,host=01:00.0"), 1);
	assert_int_equal(CHECK("-device", "VFIO-PCI,host=01:00.0"), 1);
	assert_int_equal(CHECK("-device", "id=x,driver=vfio-pci,host=01:00.0"), 1);
	assert_int_equal(CHECK("-device", "usb-tablet,driver=vfio-pci"), 1);
	assert_int_equal(CHECK("-device", "{\"id\": \"x\", \"driver\": \"virtio-gpu-pci\"}"), 1);
	assert_int_equal(CHECK("-device", "{\"id\": \"x\""), 1);
	/* As QEMU reads JSON: with either quotes, and with escapes. */
	assert_int_equal(CHECK("-device", "{'driver': 'vfio-pci', 'host': '01:00.0'}"), 1);
	assert_int_equal(CHECK("-device", "{\"driver\": \"\\u0076fio-pci\"}"), 1);
	assert_int_equal(CHECK("--device", "vfio-pci-nohotplug,host=01:00.0"), 1);
	assert_int_equal(CHECK("-device", "driver=vfio-pci"), 1);
	assert_int_equal(CHECK("-device", "vfio-user-pci,socket=x"), 1);
	assert_int_equal(CHECK("-device", "usb-tablet,id=a,driver=usb-mouse,driver=VGA"), 1);
	assert_int_equal(CHECK("-device", "ssd0303"), 1);
	assert_int_equal(CHECK("-device", "igb"), 1);
	assert_int_equal(CHECK("-device", "usb-host,hostbus=1"), 1);
	assert_int_equal(CHECK("-object", "iommufd,id=a"), 1);
	assert_int_equal(CHECK("--object", "qom-type=iommufd,id=a"), 1);
	assert_int_equal(CHECK("-object", "{\"qom-type\": \"x-vfio-user-server\"}"), 1);
	assert_int_equal(CHECK("-object", "dbus-display,id=a"), 1);
	assert_int_equal(CHECK("-object", "input-linux,id=a,evdev=/dev/input/event0"), 1);
	assert_int_equal(CHECK("-object", "{}"), 1);
	assert_int_equal(CHECK("-semihosting"), 1);
	assert_int_equal(CHECK("-run-with", "user=root"), 1);
	assert_int_equal(CHECK("-pidfile", "/etc/passwd"), 1);
	/* What looks like an option is looked at as one, whatever QEMU takes it for. */
	assert_int_equal(CHECK("-device", "-vga"), 1);
	assert_int_equal(CHECK("-rtc", "base=utc", "/dev/sda"), 1);
	assert_int_equal(CHECK("-device", "qxl"), 1);
	assert_int_equal(CHECK("-device", "secondary-vga"), 1);
	assert_int_equal(CHECK("-device", "virtio-net-pci"), 1);
	assert_int_equal(CHECK("-device", ""), 1);
	assert_int_equal(CHECK("-monitor", "stdio"), 1);
	assert_int_equal(CHECK("-parallel", "mon:vc"), 1);
	assert_int_equal(CHECK("disk.img"), 1);
	/* An option that this program does not know may take no value. */
	assert_int_equal(CHECK("-new-option", "-vga", "std"), 1);
	assert_int_equal(CHECK("-usb", "-device", "ramfb"), 1);
	assert_int_equal(CHECK("-vga", "std", "-sandbox", "off"), 2);
}

/* Two words in one, which no QEMU knows; what is a value may have blanks. */
static void extra_blank(void **state)
{
	const char *const words[] = { "-rtc base=utc" };
	struct qdiags d;

	assert_int_equal(check(words, 1, &d), 1);
	assert_non_null(strstr(d.list[0].text, "'-rtc base=utc' found; accepted: an option and its "
					       "value as two words"));
	qdiags_free(&d);
	assert_int_equal(CHECK("-no-reboot", "--rtc\tbase=utc"), 1);
	assert_int_equal(CHECK("-vga std"), 1);
	assert_int_equal(CHECK("-uuid", "a b", "-rtc", "base=2006-06-17T16:01:21 "), 0);
}

static void extra_passed(void **state)
{
	assert_int_equal(CHECK("-rtc", "base=utc"), 0);
	assert_int_equal(CHECK("-object", "rng-random,id=r,filename=/dev/urandom"), 0);
	assert_int_equal(CHECK("-device", "virtio-rng-pci"), 0);
	assert_int_equal(CHECK("-device", "usb-ehci,id=usb"), 0);
	assert_int_equal(CHECK("-nographic", "-device", "usb-ehci,id=usb"), 0);
	assert_int_equal(CHECK("-icount", "shift=3,sleep=off"), 0);
	assert_int_equal(CHECK("-device", "{\"driver\": \"usb-tablet\"}"), 0);
}

static void extra_told(void **state)
{
	static const char *const words[] = { "-usb", "-nographic", "-device",
					     "qxl",  "-serial",	   "mon:stdio" };
	struct qdiags d;

	assert_int_equal(check(words, 6, &d), 1);
	assert_int_equal(d.n, 3);
	assert_int_equal(d.list[0].kind, QDIAG_NOTE);
	assert_int_equal(d.list[0].at.col, 2);
	assert_int_equal(d.list[1].kind, QDIAG_ERROR);
	assert_int_equal(d.list[1].at.col, 4);
	assert_string_equal(d.list[1].key, "qemu_extra_args");
	assert_non_null(strstr(d.list[1].text, "'qxl' found; not accepted, for it adds a GPU"));
	assert_int_equal(d.list[2].kind, QDIAG_NOTE);
	assert_int_equal(d.list[2].at.col, 5);
	qdiags_free(&d);
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
	assert_has(text, " if=none,id=disk0,file=/dev/fdset/1,format=qcow2 ");
	assert_has(text, " socket,id=serial0,fd=6 ");
	free(text);
	h.disk_fd[0] = -1;
	h.disk_block = true;
	c.disk = (char *)"/dev/vg/a";
	c.persistent = 0;
	text = line_on(&c, &h);
	assert_lacks(text, "fd=8");
	assert_has(text, " if=none,id=disk0,file.driver=host_device,file.filename=/dev/fdset/1,"
			 "format=raw,snapshot=on ");
	free(text);
}

static void extra_in_line(void **state)
{
	struct qconfig_word v[] = { { .text = (char *)"-nographic" }, { .text = (char *)"-rtc" },
				    { .text = (char *)"base=utc" },   { .text = (char *)"-serial" },
				    { .text = (char *)"mon:stdio" },  { .text = (char *)"-usb" } };
	struct qconfig c = small();
	char *text;

	c.extra_args = (struct qconfig_list){ v, 6 };
	text = line(&c, NULL, 0);
	assert_has(text, "-vga none -rtc base=utc -usb");
	assert_lacks(text, "nographic");
	assert_lacks(text, "mon:stdio");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_line),	 cmocka_unit_test(groups),
		cmocka_unit_test(machines),	 cmocka_unit_test(vulkan),
		cmocka_unit_test(commas),	 cmocka_unit_test(extra_refused),
		cmocka_unit_test(extra_blank),	 cmocka_unit_test(extra_passed),
		cmocka_unit_test(extra_told),	 cmocka_unit_test(disks_by_fd),
		cmocka_unit_test(extra_in_line), cmocka_unit_test(bridges),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("qemu_args", tests, NULL, NULL);
}
