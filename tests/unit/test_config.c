// SPDX-License-Identifier: GPL-2.0-only
/*
 * config.yaml: real ones load, each wrong one is told with its place, and nothing is passed over in
 * silence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <linux/qwamos_gpu.h>

#include "config_file.h"
#include "util/mem.h"

#define DATA "tests/data/vm-configs/"

static void real_configs(void **state)
{
	static const struct {
		const char *file;
		const char *name;
		int machine, cores, memory, net;
	} real[] = {
		{ DATA "android-vm.yaml", "android-vm", QMACHINE_VIRT, 4, 4096, QNET_NAT },
		{ DATA "gateway-1.yaml", "gateway-1", -1, 2, 1024, QNET_BRIDGE },
		{ DATA "kali-vm.yaml", "kali-vm", QMACHINE_VIRT, 2, 2048, QNET_ISOLATED },
		{ DATA "test-gpu-vm.yaml", "test-gpu-vm", QMACHINE_VIRT, 2, 512, QNET_NAT },
		{ DATA "vault-vm.yaml", "vault-vm", QMACHINE_VIRT, 1, 512, QNET_AIRGAPPED },
		{ DATA "whonix-vm.yaml", "whonix-vm", QMACHINE_VIRT, 2, 1024, QNET_ISOLATED },
	};
	struct loaded l;
	size_t i;

	for (i = 0; i < sizeof(real) / sizeof(real[0]); i++) {
		l = load_file(real[i].file);
		assert_int_equal(l.ret, 0);
		assert_int_equal(qdiags_count(&l.d, QDIAG_ERROR), 0);
		assert_string_equal(l.c.name, real[i].name);
		if (real[i].machine >= 0)
			assert_int_equal(l.c.machine, real[i].machine);
		assert_int_equal(l.c.cores, real[i].cores);
		assert_int_equal(l.c.memory_mib, real[i].memory);
		assert_int_equal(l.c.net, real[i].net);
		unload(&l);
	}
}

static void gpu_section_of_a_real_one(void **state)
{
	struct loaded l = load_file(DATA "test-gpu-vm.yaml");

	assert_true(l.c.gpu);
	assert_int_equal(l.c.gpu_enabled, 1);
	assert_int_equal(l.c.access, QACCESS_VIRTIO);
	/* Existing files have no trust_level. */
	assert_int_equal(l.c.level, QWAMOS_GPU_LEVEL_MEDIUM);
	assert_int_equal(l.c.vram_limit_mib, 512);
	assert_int_equal(l.c.priority, 75);
	assert_int_equal(l.c.allow_vulkan, 1);
	assert_int_equal(l.c.allow_compute, 0);
	assert_int_equal(l.c.compute_share, -1);
	assert_int_equal(l.c.fallback, 1);
	assert_int_equal(l.c.devices.n, 0);
	unload(&l);
	l = load_file(DATA "vault-vm.yaml");
	assert_false(l.c.gpu);
	assert_int_equal(l.c.gpu_enabled, 0);
	unload(&l);
}

static void security_is_never_silent(void **state)
{
	struct loaded l = load_file(DATA "vault-vm.yaml");

	assert_diag(&l, QDIAG_WARNING, "hardware.disk.primary.encryption", 25, 7,
		    "not carried out");
	assert_diag(&l, QDIAG_WARNING, "network.firewall", 46, 3, "not carried out");
	assert_diag(&l, QDIAG_WARNING, "security.apparmor", 64, 3, "not carried out");
	assert_diag(&l, QDIAG_WARNING, "security.airgap", 67, 3, "not carried out");
	assert_diag(&l, QDIAG_NOTE, "wallets", 103, 1, "not a key of ours");
	unload(&l);
	/* What is switched off asks for nothing. */
	l = load_text(
		"vm: {name: a}\nsecurity: {apparmor: false, firewall: {enabled: no}, memory_wipe: off}\nstorage: {encrypted: false}\n");
	assert_int_equal(l.ret, 0);
	assert_int_equal(qdiags_count(&l.d, QDIAG_WARNING), 0);
	unload(&l);
	l = load_text("vm: {name: a}\nmemory_wipe: true\n");
	assert_diag(&l, QDIAG_WARNING, "memory_wipe", 2, 1, "not carried out");
	unload(&l);
}

static void passthrough(void **state)
{
	struct loaded l = load_text(
		"vm:\n  name: a\ngpu:\n  enabled: true\n  access_mode: passthrough\n  trust_level: SYSTEM\n"
		"  device: [01:00.0, \"0000:02:00.1\"]\n  fallback: no\nqemu_extra_args: [\"-rtc\", base=utc]\n");

	assert_int_equal(l.ret, 0);
	assert_int_equal(l.d.n, 0);
	assert_int_equal(l.c.access, QACCESS_PASSTHROUGH);
	assert_int_equal(l.c.level, QWAMOS_GPU_LEVEL_SYSTEM);
	assert_int_equal(l.c.devices.n, 2);
	assert_string_equal(l.c.devices.v[0].text, "0000:01:00.0");
	assert_string_equal(l.c.devices.v[1].text, "0000:02:00.1");
	assert_int_equal(l.c.fallback, 0);
	assert_int_equal(l.c.extra_args.n, 2);
	assert_int_equal(l.c.extra_args.v[1].at.line, 9);
	assert_int_equal(l.c.extra_args.v[1].at.col, 27);
	qconfig_missing(&l.c, QDIAG_ERROR, &l.d);
	assert_int_equal(qdiags_count(&l.d, QDIAG_ERROR), 0);
	unload(&l);
	/* At a level that has no passthrough, a word about it. */
	l = load_text("vm: {name: a}\ngpu:\n  enabled: true\n  access_mode: passthrough\n");
	assert_int_equal(l.ret, 0);
	assert_diag(&l, QDIAG_WARNING, "gpu.access_mode", 4, 16, "only at system");
	unload(&l);
}

static void one_device_without_a_list(void **state)
{
	struct loaded l = load_text("vm: {name: a}\ngpu:\n  device: 0000:0a:1f.7\n");

	assert_int_equal(l.ret, 0);
	assert_int_equal(l.c.devices.n, 1);
	assert_string_equal(l.c.devices.v[0].text, "0000:0a:1f.7");
	unload(&l);
}

static void wrong_values(void **state)
{
	assert_error("vm: {name: a}\ngpu:\n  access_mode: pasthrough\n", "gpu.access_mode", 3, 16,
		     "'pasthrough' found; accepted: virtio, passthrough, software, none");
	assert_error("vm: {name: a}\ngpu:\n  enabled: maybe\n", "gpu.enabled", 3, 12,
		     "'maybe' found; accepted: true, false");
	assert_error("vm: {name: a}\ngpu:\n  enabled: \"true\"\n", "gpu.enabled", 3, 12,
		     "accepted: true, false");
	assert_error("vm: {name: a}\ngpu:\n  trust_level: root\n", "gpu.trust_level", 3, 16,
		     "untrusted, low, medium, high, system");
	assert_error("vm: {name: a}\ngpu:\n  priority: 101\n", "gpu.priority", 3, 13,
		     "'101' found; accepted: a whole number from 0 to 100");
	assert_error("vm: {name: a}\ngpu:\n  priority: -1\n", "gpu.priority", 3, 13,
		     "from 0 to 100");
	assert_error("vm: {name: a}\ngpu:\n  priority: 5x\n", "gpu.priority", 3, 13, "'5x' found");
	assert_error("vm: {name: a}\ngpu:\n  priority: 99999999999999999999\n", "gpu.priority", 3,
		     13, "from 0 to 100");
	assert_error("vm: {name: a}\ngpu:\n  priority: [1]\n", "gpu.priority", 3, 13,
		     "a list found");
	assert_error("vm: {name: a}\ngpu:\n  device: gpu0\n", "gpu.device", 3, 11, "a PCI address");
	assert_error("vm: {name: a}\ngpu:\n  device: [01:00.0, 01:00.9]\n", "gpu.device", 3, 21,
		     "'01:00.9' found");
	assert_error("vm: {name: a}\ngpu:\n  vram_limit: 5\n", "gpu.vram_limit", 3, 3,
		     "accepted in gpu: enabled, access_mode");
	assert_error("vm: {name: a}\ngpu: on\n", "gpu", 2, 6, "accepted: a map of keys");
	assert_error("vm: {name: a}\nmachine: {type: pc}\n", "machine.type", 2, 17,
		     "'pc' found; accepted: q35, virt");
	assert_error("vm: {name: a}\nhardware: {cpu: {cores: 0}}\n", "hardware.cpu.cores", 2, 25,
		     "from 1 to 512");
	assert_error("vm: {name: a}\nhardware: {memory: {size: 8}}\n", "hardware.memory.size", 2,
		     27, "a size in MiB");
	assert_error("vm: {name: a}\nresources: {ram: 1X}\n", "resources.ram", 2, 18,
		     "K, M, G or T");
	assert_error("vm: {name: a}\nnetwork: {mode: none}\n", "network.mode", 2, 17,
		     "accepted: airgapped, nat, bridge, isolated");
	assert_error("vm: {name: a}\nqemu_extra_args: -nographic\n", "qemu_extra_args", 2, 18,
		     "accepted: a list");
	assert_error("vm: {name: a}\nqemu_extra_args: [{a: b}]\n", "qemu_extra_args", 2, 19,
		     "a list of words");
}

/* What can only be refused by QEMU, at the start. */
static void cpu_features(void **state)
{
#define FEATURES(list) "vm: {name: a}\nhardware: {cpu: {features: " list "}}\n"
	struct loaded l = load_text(FEATURES("[avx2, sse4.1, hv-time, lahf_lm]"));

	assert_int_equal(l.ret, 0);
	assert_int_equal(l.c.cpu_features.n, 4);
	assert_string_equal(l.c.cpu_features.v[1].text, "sse4.1");
	unload(&l);
	assert_error(FEATURES("[avx2, -avx]"), "hardware.cpu.features", 2, 35,
		     "'-avx' found; accepted: the name of a CPU feature, such as avx2");
	assert_error(FEATURES("[+avx]"), "hardware.cpu.features", 2, 29, "'+avx' found");
	assert_error(FEATURES("[\"avx,check\"]"), "hardware.cpu.features", 2, 29, "'avx,check'");
	assert_error(FEATURES("[avx=on]"), "hardware.cpu.features", 2, 29, "'avx=on' found");
	assert_error(FEATURES("[\"\"]"), "hardware.cpu.features", 2, 29, "'' found");
	assert_error(FEATURES("[[avx]]"), "hardware.cpu.features", 2, 29, "a list found");
	assert_error(FEATURES("avx"), "hardware.cpu.features", 2, 28, "accepted: a list");
#undef FEATURES
}

static void machine_limits(void **state)
{
#define VIRT(gic, cores) \
	"vm: {name: a}\nmachine: {type: virt, gic_version: " gic "}\nresources: {cpus: " cores "}\n"
#define Q35(cores) "vm: {name: a}\nmachine: {type: q35}\nhardware: {cpu: {cores: " cores "}}\n"
	static const char *const good[] = { VIRT("2", "8"), VIRT("3", "512"), Q35("288") };
	struct loaded l;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		l = load_text(good[i]);
		assert_int_equal(l.ret, 0);
		unload(&l);
	}
	assert_error(VIRT("4", "1"), "machine.gic_version", 2, 36,
		     "'4' found; accepted: a whole number from 2 to 3");
	assert_error(VIRT("2", "9"), "resources.cpus", 3, 19,
		     "'9' found; accepted with machine.gic_version 2: a whole number from 1 to 8");
	assert_error(Q35("289"), "hardware.cpu.cores", 3, 25,
		     "'289' found; accepted by the machine q35: a whole number from 1 to 288");
	assert_error(VIRT("3", "513"), "resources.cpus", 3, 19, "from 1 to 512");
#undef VIRT
#undef Q35
}

/* The two schemas in one file. */
static void same_thing_twice(void **state)
{
	static const char same[] = "vm: {name: a}\nhardware:\n  cpu: {cores: 2}\n"
				   "  memory: {size: 1024}\n  disk: {primary: {path: /d}}\n"
				   "resources:\n  cpus: 2\n  ram: 1G\n"
				   "storage: {disk_image: \"/d\"}\n";
	struct loaded l = load_text(same);

	assert_int_equal(l.ret, 0);
	assert_int_equal(l.c.cores, 2);
	assert_int_equal(l.c.memory_mib, 1024);
	assert_string_equal(l.c.disk, "/d");
	assert_diag(&l, QDIAG_NOTE, "resources.cpus", 7, 9, "as hardware.cpu.cores in line 3");
	assert_diag(&l, QDIAG_NOTE, "resources.ram", 8, 8, "as hardware.memory.size in line 4");
	assert_diag(&l, QDIAG_NOTE, "storage.disk_image", 9, 23,
		    "as hardware.disk.primary.path in line 5");
	unload(&l);
	assert_error("vm: {name: a}\nhardware: {disk: {primary: {path: /a}}}\n"
		     "storage: {disk_image: /b}\n",
		     "storage.disk_image", 3, 23,
		     "'/b' found, but hardware.disk.primary.path in line 2 says '/a'; accepted: "
		     "one of the two keys");
	assert_error("vm: {name: a}\nresources: {ram: 2G}\nhardware: {memory: {size: 1024}}\n",
		     "hardware.memory.size", 3, 27,
		     "'1024' found, but resources.ram in line 2 says '2G'");
	/* Also if the later one is out of what the machine can have. */
	assert_error("vm: {name: a}\nmachine: {type: q35}\nhardware: {cpu: {cores: 2}}\n"
		     "resources: {cpus: 300}\n",
		     "resources.cpus", 4, 19, "in line 3 says '2'");
	/* A wrong value is told as such, and none is as no key. */
	assert_error("vm: {name: a}\nhardware: {cpu: {cores: 2}}\nresources: {cpus: x}\n",
		     "resources.cpus", 3, 19, "'x' found; accepted: a whole number");
	assert_error("vm: {name: a}\nhardware: {cpu: {cores: [2]}}\nresources: {cpus: 3}\n",
		     "hardware.cpu.cores", 2, 25, "a list found");
	l = load_text("vm: {name: a}\nresources: {cpus: ~, ram: 2G}\n"
		      "hardware: {cpu: {cores: 4}, memory: {size: }}\n");
	assert_int_equal(l.ret, 0);
	assert_int_equal(l.d.n, 0);
	assert_int_equal(l.c.cores, 4);
	assert_int_equal(l.c.memory_mib, 2048);
	unload(&l);
}

static void names(void **state)
{
	assert_error("vm: {type: linux}\n", "vm.name", 0, 0, "missing");
	assert_error("vm: {name: a/b}\n", "vm.name", 1, 12, "'a/b' found");
	assert_error("vm: {name: ..}\n", "vm.name", 1, 12, "'..' found");
	assert_error("vm: {name: .}\n", "vm.name", 1, 12, "'.' found");
	assert_error(
		"vm:\n  name: 1234567890123456789012345678901234567890123456789012345678901234\n",
		"vm.name", 2, 9, "1 to 63");
}

/* Keys narrow what the level allows, and never widen it. */
static void widening(void **state)
{
	assert_error("vm: {name: a}\ngpu:\n  vram_limit_mb: 513\n", "gpu.vram_limit_mb", 3, 18,
		     "'513' found; the level medium allows 512");
	assert_error("vm: {name: a}\ngpu:\n  trust_level: untrusted\n  vram_limit_mb: 129\n",
		     "gpu.vram_limit_mb", 4, 18, "the level untrusted allows 128");
	assert_error("vm: {name: a}\ngpu:\n  compute_share_percent: 51\n",
		     "gpu.compute_share_percent", 3, 26, "allows 50");
	assert_error("vm: {name: a}\ngpu:\n  trust_level: untrusted\n  allow_vulkan: true\n",
		     "gpu.allow_vulkan", 4, 17, "allows no Vulkan");
	assert_error("vm: {name: a}\ngpu:\n  trust_level: low\n  allow_compute: true\n",
		     "gpu.allow_compute", 4, 18, "allows no compute");
}

static void not_yaml(void **state)
{
	static const char nul[] = "vm: {name: \"a\\0b\"}\n";

	assert_error("vm: {name: a\n", "", 2, 1, "did not find");
	assert_error("", "", 1, 1, "empty");
	assert_error("- a\n", "", 1, 1, "must begin with a key");
	assert_error("vm: {name: a}\nvm: {name: b}\n", "", 2, 1, "'vm' stands here a second time");
	assert_error("vm: &x {name: a}\ngpu: *x\n", "", 1, 5, "anchors, aliases and tags");
	assert_error("vm: {name: !!str a}\n", "", 1, 12, "anchors, aliases and tags");
	assert_error("vm: {name: a}\n---\nvm: {name: b}\n", "", 2, 1, "a second document");
	assert_error("? [a]\n: b\n", "", 1, 3, "a key must be one word");
	assert_error(nul, "", 1, 12, "NUL");
	assert_error(
		"a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
		"", 1, 36, "32 levels");
	assert_error("vm: {name: \xff}\n", "", 1, 12, "UTF-8");
}

static void no_file(void **state)
{
	struct loaded l = load_file("/nonexistent/config.yaml");

	assert_int_equal(l.ret, -EINVAL);
	assert_int_equal(l.d.n, 1);
	assert_string_equal(l.d.list[0].text, "No such file or directory");
	unload(&l);
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		int mib;
	} good[] = { { "512", 512 },   { "1G", 1024 },	 { "2g", 2048 },    { "1024M", 1024 },
		     { "65536K", 64 }, { "1GiB", 1024 }, { "16T", 1 << 24 } };
	struct loaded l;
	char text[64];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text), "vm: {name: a}\nresources: {ram: %s}\n", good[i].text);
		l = load_text(text);
		assert_int_equal(l.ret, 0);
		assert_int_equal(l.c.memory_mib, good[i].mib);
		unload(&l);
	}
}

static void missing_files(void **state)
{
	struct loaded l = load_file(DATA "test-gpu-vm.yaml");

	qconfig_missing(&l.c, QDIAG_ERROR, &l.d);
	assert_int_equal(qdiags_count(&l.d, QDIAG_ERROR), 3);
	assert_diag(&l, QDIAG_ERROR, "boot.kernel", 43, 11, "No such file");
	assert_diag(&l, QDIAG_ERROR, "boot.initrd", 44, 11, "No such file");
	assert_diag(&l, QDIAG_ERROR, "hardware.disk.primary.path", 19, 13, "No such file");
	unload(&l);
	l = load_file(DATA "gateway-1.yaml");
	qconfig_missing(&l.c, QDIAG_ERROR, &l.d);
	/* Its bridge is looked for where it is started. */
	assert_int_equal(qdiags_count(&l.d, QDIAG_ERROR), 1);
	assert_diag(&l, QDIAG_ERROR, "storage.disk_image", 9, 15, "No such file");
	unload(&l);
}

/* Directories, FIFOs, devices: what is there, but can't be read as a kernel, initrd or disk. */
static void no_regular_file(void **state)
{
	char dir[] = "/tmp/test_config.XXXXXX", fifo[64], text[256];
	struct loaded l;

	assert_non_null(mkdtemp(dir));
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	snprintf(text, sizeof(text),
		 "vm: {name: a}\nboot:\n  kernel: %s\n  initrd: %s\nstorage:\n  disk_image: %s\n",
		 dir, fifo, fifo);
	l = load_text(text);
	assert_int_equal(l.ret, 0);
	qconfig_missing(&l.c, QDIAG_ERROR, &l.d);
	assert_int_equal(qdiags_count(&l.d, QDIAG_ERROR), 3);
	assert_diag(&l, QDIAG_ERROR, "boot.kernel", 3, 11,
		    "is no regular file; accepted: a regular file");
	assert_diag(&l, QDIAG_ERROR, "boot.initrd", 4, 11, "/fifo is no regular file");
	assert_diag(&l, QDIAG_ERROR, "storage.disk_image", 6, 15,
		    "accepted: a regular file or a block device");
	unload(&l);
	l = load_text("vm: {name: a}\nstorage: {disk_image: /dev/null}\n");
	qconfig_missing(&l.c, QDIAG_ERROR, &l.d);
	assert_diag(&l, QDIAG_ERROR, "storage.disk_image", 2, 23, "/dev/null is no regular file");
	unload(&l);
	unlink(fifo);
	rmdir(dir);
}

static void null_is_absent(void **state)
{
	struct loaded l =
		load_text("vm: {name: a}\ngpu:\n  priority:\n  device: ~\n  trust_level: null\n");

	assert_int_equal(l.ret, 0);
	assert_int_equal(l.c.priority, 50);
	assert_int_equal(l.c.devices.n, 0);
	assert_int_equal(l.c.level, QWAMOS_GPU_LEVEL_MEDIUM);
	unload(&l);
}

/* A limit that is mistyped would be none. */
static void io(void **state)
{
	struct loaded l = load_text("vm: {name: a}\nstorage: {disk_image: d}\n"
				    "resources: {io: {read_kib_s: 1024, write_ops_s: 50}}\n");

	assert_int_equal(l.ret, 0);
	assert_int_equal(l.d.n, 0);
	assert_int_equal(l.c.io.read_kib, 1024);
	assert_int_equal(l.c.io.write_kib, -1);
	assert_int_equal(l.c.io.read_ops, -1);
	assert_int_equal(l.c.io.write_ops, 50);
	assert_true(qconfig_limits_io(&l.c.io));
	unload(&l);
	l = load_text("vm: {name: a}\nstorage: {disk_image: d}\n");
	assert_false(qconfig_limits_io(&l.c.io));
	unload(&l);
	l = load_text("vm: {name: a}\nresources: {io: {read_ops_s: 5}}\n");
	assert_int_equal(l.ret, 0);
	assert_diag(&l, QDIAG_WARNING, "resources.io.read_ops_s", 2, 30,
		    "without effect: the VM has no disk");
	unload(&l);
	assert_error("vm: {name: a}\nresources: {io: {read_kib_s: 0}}\n", "resources.io.read_kib_s",
		     2, 30, "accepted: a whole number from 1");
	assert_error("vm: {name: a}\nresources: {io: {rbps: 5}}\n", "resources.io.rbps", 2, 18,
		     "accepted in resources.io: read_kib_s, write_kib_s, read_ops_s, write_ops_s");
	assert_error("vm: {name: a}\nresources: {io: 5}\n", "resources.io", 2, 17,
		     "accepted: a map of keys");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_configs),
		cmocka_unit_test(gpu_section_of_a_real_one),
		cmocka_unit_test(security_is_never_silent),
		cmocka_unit_test(passthrough),
		cmocka_unit_test(one_device_without_a_list),
		cmocka_unit_test(wrong_values),
		cmocka_unit_test(cpu_features),
		cmocka_unit_test(machine_limits),
		cmocka_unit_test(same_thing_twice),
		cmocka_unit_test(names),
		cmocka_unit_test(widening),
		cmocka_unit_test(not_yaml),
		cmocka_unit_test(no_file),
		cmocka_unit_test(sizes),
		cmocka_unit_test(missing_files),
		cmocka_unit_test(no_regular_file),
		cmocka_unit_test(null_is_absent),
		cmocka_unit_test(io),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
