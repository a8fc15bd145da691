// SPDX-License-Identifier: GPL-2.0-only
/* What a config may add to QEMU's command line, and how that is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "qemu/allowed.h"
#include "qemu/args.h"
#include "qemu/optlist.h"
#include "util/mem.h"

/* Checks qemu_extra_args given as words, and returns how many errors; @d: out, or NULL. */
static size_t check(const char *const *words, size_t n, struct qdiags *out)
{
	struct qconfig_word *v = qmem_calloc(n + 1, sizeof(*v));
	struct qdiags d = { .file = qmem_strdup("f") };
	struct qconfig c = { 0 };
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
	/* Whatever it looks like, QEMU takes it as the value. */
	assert_int_equal(CHECK("-device", "-vga"), 1);
	assert_int_equal(CHECK("-rtc", "-vga"), 1);
	assert_int_equal(CHECK("-rtc"), 1);
	assert_int_equal(CHECK("-rtc", "base=utc", "/dev/sda"), 1);
	assert_int_equal(CHECK("-device", "qxl"), 1);
	assert_int_equal(CHECK("-device", "secondary-vga"), 1);
	assert_int_equal(CHECK("-device", "virtio-net-pci"), 1);
	assert_int_equal(CHECK("-device", ""), 1);
	assert_int_equal(CHECK("-monitor", "stdio"), 1);
	assert_int_equal(CHECK("-parallel", "mon:vc"), 1);
	assert_int_equal(CHECK("disk.img"), 1);
	/* An option that this program does not know may take no value. */
	assert_int_equal(CHECK("-new-option", "-vga", "std"), 2);
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
	assert_int_equal(CHECK("-name", "a b", "-rtc", "base=2006-06-17T16:01:21 "), 1);
	assert_int_equal(CHECK("-rtc", "base=2006-06-17T16:01:21 "), 0);
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

/* Each was passed on when only what was known to be dangerous was refused. */
static void passed_before(void **state)
{
	/* The comma is part of romfile's value: for QEMU that is no edu, but a file. */
	assert_int_equal(CHECK("-device", "usb-ehci,romfile=a,,driver=edu"), 1);
	assert_int_equal(CHECK("-device", "romfile=a,,driver=edu"), 1);
	assert_int_equal(CHECK("-device", "edu,romfile=a,,driver=usb-tablet"), 1);
	assert_int_equal(CHECK("-device", "edu"), 1);
	assert_int_equal(CHECK("-qtest", "tcp:127.0.0.1:1234,server=on"), 1);
	assert_int_equal(CHECK("-qtest-log", "/etc/x"), 1);
	assert_int_equal(CHECK("-device", "vhost-vsock-pci,guest-cid=3"), 1);
	assert_int_equal(CHECK("-device", "vhost-scsi-pci,wwpn=naa.1"), 1);
	assert_int_equal(CHECK("-device", "ivshmem-doorbell,chardev=c"), 1);
	assert_int_equal(CHECK("-device", "ivshmem-plain,memdev=m"), 1);
	assert_int_equal(CHECK("-device", "pvrdma,ibdev=a,netdev=b"), 1);
	assert_int_equal(CHECK("-device", "u2f-passthru,hidraw=/dev/hidraw0"), 1);
	assert_int_equal(CHECK("-device", "usb-ccid"), 1);
	assert_int_equal(CHECK("-device", "tpm-tis,tpmdev=t"), 1);
	assert_int_equal(CHECK("-device", "virtio-9p-pci,fsdev=a,mount_tag=b"), 1);
	assert_int_equal(CHECK("-device", "loader,file=/etc/shadow,addr=0"), 1);
	assert_int_equal(CHECK("-chardev", "socket,id=c,path=/run/x"), 1);
	assert_int_equal(CHECK("-serial", "tcp:1.2.3.4:1"), 1);
	assert_int_equal(CHECK("-virtfs", "local,path=/,mount_tag=x,security_model=none"), 1);
	assert_int_equal(CHECK("-fsdev", "local,id=f,path=/,security_model=none"), 1);
	assert_int_equal(CHECK("-drive", "file=/dev/sda,format=raw"), 1);
	assert_int_equal(CHECK("-hda", "/dev/sda"), 1);
	assert_int_equal(CHECK("-blockdev", "driver=file,node-name=n,filename=/etc/shadow"), 1);
	assert_int_equal(CHECK("-acpitable", "file=/etc/shadow"), 1);
	assert_int_equal(CHECK("-smbios", "file=/etc/shadow"), 1);
	assert_int_equal(CHECK("-smbios", "type=11,path=/etc/shadow"), 1);
	assert_int_equal(CHECK("-boot", "splash=/etc/shadow"), 1);
	assert_int_equal(CHECK("-L", "/tmp"), 1);
	assert_int_equal(CHECK("-trace", "file=/etc/x"), 1);
	assert_int_equal(CHECK("-object", "secret,id=s,file=/etc/shadow"), 1);
	assert_int_equal(CHECK("-object", "memory-backend-file,id=m,size=1M,mem-path=/etc/x"), 1);
	assert_int_equal(CHECK("-object", "filter-dump,id=f,netdev=net0,file=/etc/x"), 1);
	assert_int_equal(CHECK("-object", "rng-egd,id=r,chardev=c"), 1);
	assert_int_equal(CHECK("-object", "rng-random,id=r,filename=/dev/hwrng"), 1);
	assert_int_equal(CHECK("-icount", "shift=1,rr=record,rrfile=/etc/x"), 1);
	assert_int_equal(CHECK("-audiodev", "wav,id=a,path=/etc/x"), 1);
	assert_int_equal(CHECK("-preconfig"), 1);
	assert_int_equal(CHECK("-S"), 1);
}

/* As QEMU reads it. */
static void read_as_qemu(void **state)
{
	struct qopts o;
	char *text;

	assert_int_equal(qopts_parse("romfile=a,,driver=edu", "driver", &o, NULL), 0);
	assert_int_equal(o.n, 1);
	assert_string_equal(qopts_get(&o, "romfile"), "a,driver=edu");
	assert_null(qopts_get(&o, "driver"));
	text = qopts_text(&o, "driver");
	assert_string_equal(text, "romfile=a,,driver=edu");
	free(text);
	qopts_free(&o);

	assert_int_equal(qopts_parse("id=x,,y", "driver", &o, NULL), 0);
	assert_string_equal(qopts_get(&o, "id"), "x,y");
	qopts_free(&o);

	assert_int_equal(qopts_parse("edu,,a,id=b", "driver", &o, NULL), 0);
	assert_string_equal(qopts_get(&o, "driver"), "edu,a");
	assert_string_equal(qopts_get(&o, "id"), "b");
	text = qopts_text(&o, "driver");
	assert_string_equal(text, "edu,,a,id=b");
	free(text);
	qopts_free(&o);

	/* An odd number of commas: the last one ends the value. */
	assert_int_equal(qopts_parse("a=1,,,b=2,", NULL, &o, NULL), 0);
	assert_int_equal(o.n, 2);
	assert_string_equal(qopts_get(&o, "a"), "1,");
	assert_string_equal(qopts_get(&o, "b"), "2");
	qopts_free(&o);

	/* Another "=" is part of the value; JSON keeps what it is. */
	assert_int_equal(qopts_parse("a=b=c", NULL, &o, NULL), 0);
	assert_string_equal(qopts_get(&o, "a"), "b=c");
	qopts_free(&o);
	assert_int_equal(qopts_parse("{'driver': 'a,b', 'n': 3, 't': true}", "driver", &o, NULL), 0);
	text = qopts_text(&o, "driver");
	assert_string_equal(text, "a,,b,n=3,t=on");
	free(text);
	qopts_free(&o);
}

/* What was checked is what is read again, whatever the value of the implied key looks like. */
static void read_again(void **state)
{
	static const char *const texts[] = {
		"name=file=/etc/shadow,string=x", "name={'file': '/etc/shadow'}",
		"name=",			  "name=,string=x",
		"name=a,,file=/etc/shadow",	  "name=opt/a,string=b=c",
		"string=x,name=file=/etc/shadow", "opt/a,file=/b",
	};
	struct qopts o, again;
	size_t i, j;
	char *text;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(qopts_parse(texts[i], "name", &o, NULL), 0);
		text = qopts_text(&o, "name");
		if (qopts_parse(text, "name", &again, NULL) || again.n != o.n)
			fail_msg("'%s' was written as '%s'", texts[i], text);
		for (j = 0; j < o.n; j++) {
			assert_string_equal(again.v[j].key, o.v[j].key);
			assert_string_equal(again.v[j].value, o.v[j].value);
		}
		free(text);
		qopts_free(&again);
		qopts_free(&o);
	}
}

static void read_refused(void **state)
{
	static const char *const wrong[] = {
		"a",	   "a=1,b",  "a=1,,b,c",      "=1",	    "a=1,a=2",
		",a=1",	   "{'a'",   "{'a': {}}",     "{'a': [1]}", "{'a': null}",
		"{'': 1}", "[1, 2]", "{'a': 'b\\u0000c'}",
	};
	struct qerr err;
	struct qopts o;
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		qerr_clear(&err);
		if (qopts_parse(wrong[i], NULL, &o, &err) != -EINVAL)
			fail_msg("'%s' was read", wrong[i]);
		assert_non_null(strstr(err.msg, "accepted"));
		qopts_free(&o);
	}
}

/* Whatever the spelling: what is checked is what QEMU gets. */
static void spellings(void **state)
{
	assert_int_equal(CHECK("-device", "ice"), 1);
	assert_int_equal(CHECK("-dev", "ice"), 1);
	assert_int_equal(CHECK("-dev ice"), 1);
	assert_int_equal(CHECK("-device=usb-ehci"), 1);
	assert_int_equal(CHECK("--device=usb-ehci"), 1);
	assert_int_equal(CHECK("---device", "usb-ehci"), 1);
	assert_int_equal(CHECK("-Device", "usb-ehci"), 1);
	assert_int_equal(CHECK("--device", "usb-ehci"), 0);
	assert_int_equal(CHECK("--device", "driver=usb-ehci"), 0);
	assert_int_equal(CHECK("-device", "id=a,driver=usb-ehci"), 0);
	assert_int_equal(CHECK("-device", "Usb-Ehci"), 1);
	assert_int_equal(CHECK("-device", "usb-ehci ,id=a"), 1);
	assert_int_equal(CHECK("-device", "usb-ehci,id=x,,y"), 1);
	assert_int_equal(CHECK("-device", "usb-ehci,ID=x"), 1);
	assert_int_equal(CHECK("-device", "usb-ehci,multifunction"), 1);
	assert_int_equal(CHECK("-device", "usb-ehci,help"), 1);
	assert_int_equal(CHECK("-device", "help"), 1);
	assert_int_equal(CHECK("-device", "usb-ehci,id=a,driver=edu"), 1);
	assert_int_equal(CHECK("-device", "usb-ehci,romfile="), 1);
	assert_int_equal(CHECK("-"), 1);
	assert_int_equal(CHECK("--"), 1);
	assert_int_equal(CHECK(""), 1);
}

static void told(void **state)
{
	static const char *const words[] = { "-device", "usb-ehci,romfile=a", "-foo", "x", "-object",
					     "secret,id=a" };
	struct qdiags d;

	assert_int_equal(check(words, 6, &d), 3);
	assert_string_equal(d.list[0].text, "-device: 'romfile' of usb-ehci found; accepted: id, "
					    "bus, addr, multifunction");
	assert_int_equal(d.list[0].at.col, 2);
	assert_non_null(strstr(d.list[1].text, "'-foo' found; accepted: -action, -audiodev, "));
	assert_non_null(strstr(d.list[2].text, "'secret,id=a' found; accepted after -object: "
					       "iothread, rng-builtin, rng-random"));
	qdiags_free(&d);
}

/* An image to be read, such as an installer's. */
static void drives(void **state)
{
#define READ "id=cd,if=none,format=raw,readonly=on,media=cdrom,file="
	assert_int_equal(CHECK("-drive", READ "/a.iso", "-device", "ide-cd,drive=cd"), 0);
	assert_int_equal(CHECK("-drive", READ "a.iso"), 1);
	assert_int_equal(CHECK("-drive", READ "nbd:1.2.3.4:5"), 1);
	assert_int_equal(CHECK("-drive", "id=cd,if=none,format=raw,file=/a.iso"), 1);
	assert_int_equal(CHECK("-drive", "id=cd,if=none,readonly=on,file=/a.iso"), 1);
	assert_int_equal(CHECK("-drive", "id=cd,format=raw,readonly=on,file=/a.iso"), 1);
	assert_int_equal(CHECK("-drive", "id=cd,if=none,format=raw,readonly=off,file=/a.iso"), 1);
	assert_int_equal(CHECK("-drive", READ "/a.iso,snapshot=on"), 1);
	assert_int_equal(CHECK("-device", "ide-cd"), 1);
	assert_int_equal(CHECK("-drive", READ "/a.iso,file.locking=on"), 1);
	assert_int_equal(CHECK("-drive", READ "/a.iso,locking=on"), 1);
#undef READ
}

struct found {
	char text[256];
};

static void add_file(void *arg, const char *path)
{
	struct found *f = arg;

	snprintf(f->text + strlen(f->text), sizeof(f->text) - strlen(f->text), "[%s]", path);
}

/* Only what QEMU is to read is put where it can read it. */
static void files(void **state)
{
	struct qconfig_word v[] = { { .text = (char *)"-fw_cfg" },
				    { .text = (char *)"name=opt/a,file=/x,,y" },
				    { .text = (char *)"-fw_cfg" },
				    { .text = (char *)"opt/b,string=/etc/shadow" },
				    { .text = (char *)"-bios" },
				    { .text = (char *)"/f.fd" },
				    { .text = (char *)"-smbios" },
				    { .text = (char *)"type=1,product=/etc/passwd" },
				    { .text = (char *)"-object" },
				    { .text = (char *)"rng-random,id=r,filename=/dev/random" } };
	struct qconfig c = { .extra_args = { v, sizeof(v) / sizeof(v[0]) } };
	struct found f = { "" };
	struct qdiags d = { 0 };

	assert_int_equal(qemu_extra_check(&c, &d), 0);
	qemu_extra_files(&c, add_file, &f);
	assert_string_equal(f.text, "[/x,y][/f.fd]");
	qdiags_free(&d);
}

/* They are written as they were understood. */
static void written(void **state)
{
	struct qconfig_word v[] = {
		{ .text = (char *)"-nographic" },
		{ .text = (char *)"--rtc" },
		{ .text = (char *)"base=utc" },
		{ .text = (char *)"-serial" },
		{ .text = (char *)"mon:stdio" },
		{ .text = (char *)"-device" },
		{ .text = (char *)"{\"driver\": \"usb-ehci\", \"multifunction\": false}" },
		{ .text = (char *)"-usb" },
		{ .text = (char *)"-device" },
		{ .text = (char *)"id=t,driver=usb-tablet" },
		{ .text = (char *)"-device" },
		{ .text = (char *)"virtio-rng-pci" },
		{ .text = (char *)"-fw_cfg" },
		{ .text = (char *)"opt/b,string=a,,b" }
	};
	struct qconfig c = { .extra_args = { v, sizeof(v) / sizeof(v[0]) } };
	struct qemu_args a = { 0 };
	char *text;

	qemu_extra_add(&c, &a);
	text = qemu_args_text(&a);
	assert_string_equal(text, "-rtc base=utc -device usb-ehci,multifunction=off,id=extra0 -usb "
				  "-device id=t,driver=usb-tablet -device virtio-rng-pci,id=extra1 "
				  "-fw_cfg opt/b,string=a,,b");
	free(text);
	qemu_args_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(extra_refused), cmocka_unit_test(extra_blank),
		cmocka_unit_test(extra_passed),	 cmocka_unit_test(extra_told),
		cmocka_unit_test(passed_before), cmocka_unit_test(read_as_qemu),
		cmocka_unit_test(read_again),
		cmocka_unit_test(read_refused),	 cmocka_unit_test(spellings),
		cmocka_unit_test(told),		 cmocka_unit_test(drives),
		cmocka_unit_test(files),	 cmocka_unit_test(written),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("qemu_extra", tests, NULL, NULL);
}
