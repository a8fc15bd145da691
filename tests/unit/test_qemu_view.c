// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a QEMU has made, held against what its command line was meant to say: with answers that are
 * written here, and with each QEMU of this machine and of the lab's cache, on both architectures.
 * These wait with -S; no guest runs.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/qwamos_gpu.h>

#include "qemu/args.h"
#include "qemu/caps.h"
#include "qemu/qmp.h"
#include "qemu/view.h"
#include "util/mem.h"

#define GREETING "{\"QMP\": {}}\n{\"return\": {}}\n"
/* How long a QEMU may take to answer, in ms. */
#define ANSWER_MS 60000

static char dir[64];
static char disk[96];
static char image[96];

/* What is expected of: a VM with a root port and what is behind it. */
static void expect(struct qview *v)
{
	char *words[] = { (char *)"qemu",
			  (char *)"-chardev",
			  (char *)"socket,id=qmp0,fd=5",
			  (char *)"-object",
			  (char *)"rng-builtin,id=r",
			  (char *)"-device",
			  (char *)"pcie-root-port,id=port",
			  (char *)"-device",
			  (char *)"vfio-pci,host=0000:01:00.0,id=gpu0,bus=port",
			  (char *)"-device",
			  (char *)"usb-tablet,id=t",
			  NULL };
	const struct qemu_args a = { words, 11 };

	qview_expect(v, QMACHINE_VIRT, &a);
}

#define DEVICES                                                       \
	"{\"name\": \"type\", \"type\": \"string\"}, "                \
	"{\"name\": \"port\", \"type\": \"child<pcie-root-port>\"}, " \
	"{\"name\": \"gpu0\", \"type\": \"child<vfio-pci>\"}, "       \
	"{\"name\": \"t\", \"type\": \"child<usb-tablet>\"}"
#define OBJECTS                                                                    \
	"{\"name\": \"mach-virt.ram\", \"type\": \"child<memory-backend-ram>\"}, " \
	"{\"name\": \"r\", \"type\": \"child<rng-builtin>\"}"
#define CHARDEVS "{\"name\": \"qmp0\", \"type\": \"child<chardev-socket>\"}"
#define BRIDGE                                                           \
	"{\"bus\": 0, \"slot\": 0, \"function\": 0, \"qdev_id\": \"\", " \
	"\"id\": {\"vendor\": 6966, \"device\": 8}}"
#define PORT(behind)                                                         \
	"{\"bus\": 0, \"slot\": 1, \"function\": 0, \"qdev_id\": \"port\", " \
	"\"id\": {\"vendor\": 6966, \"device\": 12}, "                       \
	"\"pci_bridge\": {\"devices\": [" behind "]}}"
#define BEHIND	  "{\"name\": \"child[0]\", \"type\": \"link<vfio-pci>\"}"
#define PCI(list) "{\"bus\": 0, \"devices\": [" list "]}"

/* Answers to each question, and what is to be said of them: NULL: nothing. */
struct answers {
	const char *devices;
	const char *unnamed;
	const char *objects;
	const char *chardevs;
	const char *pci;
	const char *behind;
	const char *host;
	const char *wrong;
};

static const struct answers right = {
	DEVICES, "", OBJECTS, CHARDEVS, PCI(BRIDGE ", " PORT("")), BEHIND, "\"0000:01:00.0\"", NULL
};

static void say(int fd, const char *before, const char *text, const char *after)
{
	char line[4096];
	int n = snprintf(line, sizeof(line), "{\"return\": %s%s%s}\n", before, text, after);

	assert_int_equal(write(fd, line, n), n);
}

static void drain(struct qmp *q)
{
	int i;

	for (i = 0; i < 20; i++)
		assert_true(qmp_read(q, NULL, NULL) >= 0);
}

/* Return: what is wrong, to free(); NULL: nothing */
static char *judge(const struct answers *a)
{
	struct qview v;
	struct qmp *q;
	char *wrong;
	int fd;

	expect(&v);
	assert_int_equal(qmp_pair(&q, &fd, NULL), 0);
	assert_int_equal(write(fd, GREETING, strlen(GREETING)), strlen(GREETING));
	drain(q);
	assert_true(qmp_ready(q));
	assert_false(qview_done(&v));
	assert_int_equal(qview_ask(&v, q), 0);
	assert_false(qview_done(&v));
	say(fd, "[", a->devices, "]");
	say(fd, "[", a->unnamed, "]");
	say(fd, "[", a->objects, "]");
	say(fd, "[", a->chardevs, "]");
	say(fd, "[", a->pci, "]");
	drain(q);
	say(fd, "[", a->behind, "]");
	assert_false(qview_done(&v));
	say(fd, "", a->host, "");
	drain(q);
	assert_true(qview_done(&v));
	wrong = qmem_strdup(v.wrong);
	qmp_close(q);
	qview_free(&v);
	close(fd);
	return wrong;
}

static void written(void **state)
{
	struct answers a[] = {
		right, right, right, right, right, right, right,
		right, right, right, right, right, right,
	};
	char *wrong;
	size_t i;

	a[1].devices = DEVICES ", {\"name\": \"x\", \"type\": \"child<edu>\"}";
	a[1].wrong = "expected no device 'x', found a edu";
	a[2].devices = "{\"name\": \"port\", \"type\": \"child<pcie-root-port>\"}, "
		       "{\"name\": \"gpu0\", \"type\": \"child<vfio-pci>\"}";
	a[2].wrong = "expected a device 't', a usb-tablet, found none";
	a[3].unnamed = "{\"name\": \"device[0]\", \"type\": \"child<edu>\"}";
	a[3].wrong = "expected no device 'device[0]', found a edu";
	a[4].objects = OBJECTS
		", {\"name\": \"compat_monitor0\", \"type\": \"child<monitor-qmp>\"}";
	a[5].objects = OBJECTS ", {\"name\": \"a\", \"type\": \"child<monitor-qmp>\"}, "
			       "{\"name\": \"b\", \"type\": \"child<monitor-qmp>\"}";
	a[5].wrong = "expected no object 'b', found a monitor-qmp";
	a[6].chardevs = CHARDEVS ", {\"name\": \"qtest\", \"type\": \"child<chardev-socket>\"}";
	a[6].wrong = "expected no character device 'qtest', found a chardev-socket";
	a[7].behind = "";
	a[7].wrong = "expected 'gpu0', a vfio-pci, behind 'port', found none";
	a[8].pci = PCI(BRIDGE ", " BRIDGE ", " PORT(""));
	a[8].wrong = "expected no PCI device '', found 1b36:0008 at 00:00.0";
	a[9].behind = BEHIND ", {\"name\": \"child[1]\", \"type\": \"link<vfio-pci>\"}";
	a[9].wrong = "expected no such device behind 'port', found a vfio-pci";
	a[10].host = "\"0000:02:00.0\"";
	a[10].wrong =
		"expected the device 'gpu0' to be the host's 0000:01:00.0, found 0000:02:00.0";
	a[11].pci = PCI(PORT(""));
	a[11].wrong = "expected the machine's own PCI device 1b36:0008, found none";
	a[12].devices = "{\"name\": \"port\", \"type\": \"child<pcie-root-port>\"}, "
			"{\"name\": \"gpu0\", \"type\": \"child<vfio-pci-nohotplug>\"}, "
			"{\"name\": \"t\", \"type\": \"child<usb-tablet>\"}";
	a[12].wrong = "expected the device 'gpu0' to be a vfio-pci, found a vfio-pci-nohotplug";
	for (i = 0; i < sizeof(a) / sizeof(a[0]); i++) {
		wrong = judge(&a[i]);
		if (!a[i].wrong && wrong)
			fail_msg("%zu: %s", i, wrong);
		if (a[i].wrong && (!wrong || !strstr(wrong, a[i].wrong)))
			fail_msg("%zu: %s\ninstead of %s", i, wrong ? wrong : "nothing",
				 a[i].wrong);
		free(wrong);
	}
}

/* A QEMU that answers what it was not asked, or not what it was, is no QEMU. */
static void hostile(void **state)
{
	static const char *const lines[] = {
		"{\"return\": [], \"id\": 7}\n",
		"{\"return\": [], \"id\": null}\n",
		"{\"QMP\": {}}\n",
		"{}\n",
		/* One more than were asked. */
		"{\"return\": 0}\n{\"return\": 0}\n{\"return\": 0}\n{\"return\": 0}\n"
		"{\"return\": 0}\n{\"return\": 0}\n{\"return\": 0}\n{\"return\": 0}\n",
	};
	struct qview v;
	struct qmp *q;
	size_t i;
	int fd, ret, j;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		expect(&v);
		assert_int_equal(qmp_pair(&q, &fd, NULL), 0);
		assert_int_equal(write(fd, GREETING, strlen(GREETING)), strlen(GREETING));
		drain(q);
		assert_int_equal(qview_ask(&v, q), 0);
		assert_int_equal(write(fd, lines[i], strlen(lines[i])), strlen(lines[i]));
		for (j = ret = 0; j < 5 && ret >= 0; j++)
			ret = qmp_read(q, NULL, NULL);
		if (ret != -EBADMSG)
			fail_msg("%s was taken", lines[i]);
		/* None of them lets the guest run. */
		assert_false(qview_done(&v) && !v.wrong);
		qmp_close(q);
		qview_free(&v);
		close(fd);
	}
	/* Errors and things of other types are not as expected, whatever they are. */
	expect(&v);
	assert_int_equal(qmp_pair(&q, &fd, NULL), 0);
	assert_int_equal(write(fd, GREETING, strlen(GREETING)), strlen(GREETING));
	drain(q);
	assert_int_equal(qview_ask(&v, q), 0);
	for (i = 0; i < 7; i++) {
		const char *line = i & 1 ? "{\"return\": {}}\n"
					 : "{\"error\": {\"desc\": \"x\"}}\n";

		assert_int_equal(write(fd, line, strlen(line)), strlen(line));
	}
	drain(q);
	assert_true(qview_done(&v));
	assert_int_equal(v.n_wrong, 7);
	assert_non_null(strstr(v.wrong, "expected a list of its devices, found x"));
	qmp_close(q);
	qview_free(&v);
	close(fd);
}

/* A QEMU of the cache runs by its own ld.so; return: whether it is there. */
static bool wrap(const char *root, const char *arch, char *program, size_t len)
{
	char binary[512];
	FILE *f;

	snprintf(binary, sizeof(binary), "%s/usr/bin/qemu-system-%s", root, arch);
	if (access(binary, X_OK))
		return false;
	snprintf(program, len, "%s/qemu-system-%s", dir, arch);
	f = fopen(program, "w");
	assert_non_null(f);
	fprintf(f,
		"#!/bin/sh\nL='%s/usr/lib/x86_64-linux-gnu'\nexport QEMU_MODULE_DIR=$L/qemu\n"
		"exec '%s/usr/lib64/ld-linux-x86-64.so.2' --library-path \"$L:$L/pulseaudio\" "
		"'%s' -L '%s/usr/share/seabios' -L '%s/usr/share/qemu' \"$@\"\n",
		root, root, binary, root, root);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(program, 0700), 0);
	return true;
}

static pid_t start(char **argv, int keep)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	fcntl(keep, F_SETFD, 0);
	execvp(argv[0], argv);
	_exit(127);
}

static void count_answer(void *arg, struct json_object *ret, const char *error)
{
	assert_null(error);
	(*(int *)arg)++;
}

/*
 * Starts a QEMU with what @c says, and with @more words behind it of which nothing is expected.
 * Return: what is wrong, to free(); NULL: nothing
 */
static char *start_and_look(const char *program, const struct qconfig *c, const char *const *more)
{
	struct qemu_host h = { .program = program,
			       .no_kvm = "it is not to be used",
			       .no_render = "there is none",
			       .serial = "/dev/null" };
	struct qdiags d = { 0 };
	struct qemu_caps caps;
	struct qemu_plan plan;
	struct qemu_args a;
	struct qview v;
	struct qerr err = { 0 };
	struct pollfd p;
	struct qmp *q;
	char *wrong;
	pid_t pid;
	int ret = 0, answers = 0;

	assert_int_equal(qemu_extra_check(c, &d), 0);
	if (qemu_caps_get(program, &caps, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(qmp_pair(&q, &h.qmp_fd, NULL), 0);
	if (qemu_plan(c, &caps, &h, &plan, &d))
		fail_msg("%s", d.list[d.n - 1].text);
	qemu_args_build(c, &h, &plan, &a);
	qview_expect(&v, c->machine, &a);
	for (; more && *more; more++) {
		a.v = qmem_realloc(a.v, a.n + 2, sizeof(*a.v));
		a.v[a.n++] = qmem_strdup(*more);
		a.v[a.n] = NULL;
	}
	pid = start(a.v, h.qmp_fd);
	close(h.qmp_fd);
	p = (struct pollfd){ .fd = qmp_fd(q), .events = POLLIN };
	while (ret >= 0 && !qview_done(&v)) {
		if (poll(&p, 1, ANSWER_MS) != 1)
			fail_msg("%s does not answer", program);
		ret = qmp_read(q, NULL, NULL);
		if (qmp_ready(q) && !v.asked)
			assert_int_equal(qview_ask(&v, q), 0);
	}
	/* The guest is let run only then, and there is none here. */
	if (ret >= 0 && !v.wrong)
		assert_int_equal(qmp_ask(q, "cont", NULL, count_answer, &answers), 0);
	while (ret >= 0 && !v.wrong && !answers) {
		if (poll(&p, 1, ANSWER_MS) != 1)
			fail_msg("%s does not answer to cont", program);
		ret = qmp_read(q, NULL, NULL);
	}
	wrong = ret < 0 ? qmem_printf("%s ended: %s", program, strerror(-ret))
			: qmem_strdup(v.wrong);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	qmp_close(q);
	qview_free(&v);
	qemu_args_free(&a);
	qemu_plan_free(&plan);
	qemu_caps_free(&caps);
	qdiags_free(&d);
	return wrong;
}

/* All devices that may be added, but those that only one of the machines has. */
static const char *const extra[] = {
	"-usb",
	"-object",
	"rng-random,id=rng0,filename=/dev/urandom",
	"-object",
	"iothread,id=io0",
	"-object",
	"rng-builtin,id=rng1",
	"-audiodev",
	"none,id=snd",
	"-rtc",
	"base=utc",
	"-boot",
	"menu=off,strict=on",
	"-smbios",
	"type=1,product=a,,b",
	"-fw_cfg",
	"opt/x,string=a,,b=c",
	"-device",
	"virtio-rng-pci,rng=rng0",
	"-device",
	"{'driver': 'virtio-balloon-pci', 'id': 'bal', 'deflate-on-oom': true}",
	"-device",
	"virtio-keyboard-pci",
	"-device",
	"virtio-mouse-pci",
	"-device",
	"virtio-tablet-pci",
	"-device",
	"virtio-scsi-pci,id=scsi,iothread=io0",
	"-device",
	"pcie-root-port,id=rp,chassis=9",
	"-device",
	"pcie-pci-bridge,id=pb,bus=rp",
	"-device",
	"i6300esb,bus=pb,addr=1",
	"-device",
	"pvpanic-pci",
	"-device",
	"usb-ehci,id=ehci",
	"-device",
	"ich9-usb-ehci1,id=ehci1,multifunction=on,addr=18.7",
	"-device",
	"ich9-usb-uhci1,masterbus=ehci1.0,firstport=0,addr=18.0,multifunction=on",
	"-device",
	"ich9-usb-uhci2,masterbus=ehci1.0,firstport=2,addr=18.1",
	"-device",
	"ich9-usb-uhci3,masterbus=ehci1.0,firstport=4,addr=18.2",
	"-device",
	"piix3-usb-uhci",
	"-device",
	"nec-usb-xhci,id=nec",
	"-device",
	"qemu-xhci,id=xhci",
	"-device",
	"usb-hub,bus=xhci.0",
	"-device",
	"usb-kbd,bus=xhci.0",
	"-device",
	"usb-mouse,bus=ehci.0",
	"-device",
	"usb-tablet,id=t,bus=nec.0",
	"-device",
	"ich9-intel-hda,id=hda",
	"-device",
	"hda-output,bus=hda.0,audiodev=snd",
	"-device",
	"intel-hda,id=hda6",
	"-device",
	"hda-micro,bus=hda6.0,cad=0,audiodev=snd",
	"-device",
	"hda-duplex,bus=hda6.0,cad=1,audiodev=snd",
	"-device",
	"vmcoreinfo",
};
static const char *const disks[] = { "a", "b", "c", "e" };

/* Beside what the config names itself. */
static void list_extra(struct qconfig_list *l, bool q35)
{
	static const char *const on_disk[] = { "scsi-cd,bus=scsi.0", "scsi-hd,bus=scsi.0",
					       "usb-storage,bus=xhci.0",
					       "virtio-blk-pci,serial=x" };
	static const char *const pc[] = { "-device", "vmgenid,guid=auto", "-device", "pvpanic" };
	char *word;
	size_t i;

	for (i = 0; i < sizeof(extra) / sizeof(extra[0]); i++)
		QMEM_GROW(l->v, l->n)->text = qmem_strdup(extra[i]);
	for (i = 0; i < sizeof(disks) / sizeof(disks[0]); i++) {
		QMEM_GROW(l->v, l->n)->text = qmem_strdup("-drive");
		word = qmem_printf("id=%s,if=none,format=raw,readonly=on,file=%s", disks[i], image);
		QMEM_GROW(l->v, l->n)->text = word;
		QMEM_GROW(l->v, l->n)->text = qmem_strdup("-device");
		QMEM_GROW(l->v, l->n)->text = qmem_printf("%s,drive=%s", on_disk[i], disks[i]);
	}
	for (i = 0; q35 && i < sizeof(pc) / sizeof(pc[0]); i++)
		QMEM_GROW(l->v, l->n)->text = qmem_strdup(pc[i]);
}

static struct qconfig config_for(const char *arch)
{
	return (struct qconfig){ .name = (char *)"a,b",
				 .machine = strcmp(arch, "x86_64") ? QMACHINE_VIRT : QMACHINE_Q35,
				 .gic_version = 3,
				 .cores = 1,
				 .memory_mib = 256,
				 .gpu = true,
				 .gpu_enabled = 1,
				 .access = QACCESS_VIRTIO,
				 .level = QWAMOS_GPU_LEVEL_MEDIUM,
				 .vram_limit_mib = 64,
				 .compute_share = -1,
				 .fallback = true,
				 .net = QNET_ISOLATED,
				 .disk = disk,
				 .smmu = true,
				 .persistent = 1 };
}

static void as_planned(const char *program, const char *arch)
{
	struct qconfig c = config_for(arch);
	char *wrong;
	size_t i;

	wrong = start_and_look(program, &c, NULL);
	if (wrong)
		fail_msg("%s: %s", program, wrong);
	list_extra(&c.extra_args, c.machine == QMACHINE_Q35);
	c.smmu = false;
	wrong = start_and_look(program, &c, NULL);
	if (wrong)
		fail_msg("%s with qemu_extra_args: %s", program, wrong);
	for (i = 0; i < c.extra_args.n; i++)
		free(c.extra_args.v[i].text);
	free(c.extra_args.v);
}

/* Each adapter and network device that a config may name is called in QEMU as it is expected. */
static void models(const char *program, const char *arch)
{
	static const char *const adapters[] = {
		"virtio-gpu-pci", "virtio-vga", "bochs-display", "VGA",		"secondary-vga",
		"cirrus-vga",	  "qxl",	"qxl-vga",	 "vmware-svga", "ramfb"
	};
	static const char *const nics[] = { "virtio-net-pci", "e1000", "e1000e", "rtl8139" };
	struct qconfig c = config_for(arch);
	char *wrong;
	size_t i;

	c.gpu = false;
	c.smmu = 0;
	c.gpu_enabled = 0;
	for (i = 0; i < sizeof(adapters) / sizeof(adapters[0]); i++) {
		c.graphics = (char *)adapters[i];
		c.net_device = (char *)nics[i % (sizeof(nics) / sizeof(nics[0]))];
		wrong = start_and_look(program, &c, NULL);
		if (wrong)
			fail_msg("%s, %s, %s: %s", program, adapters[i], c.net_device, wrong);
	}
}

/* What QEMU makes beside it is found, however it has come there. */
static void surprises(const char *program, const char *arch)
{
	static const struct {
		const char *words[3];
		const char *found;
		bool q35;
	} more[] = {
		{ { "-device", "edu" }, "found a edu" },
		{ { "-device", "edu,id=x" }, "expected no device 'x', found a edu" },
		{ { "-device", "virtio-rng-pci,id=more" }, "expected no device 'more'" },
		{ { "-object", "rng-builtin,id=more" }, "expected no object 'more'" },
		{ { "-chardev", "null,id=more" }, "expected no character device 'more'" },
		{ { "-qtest", "null" }, "expected no character device 'qtest'" },
		{ { "-vga", "std" }, "expected no PCI device '', found 1234:1111", true },
		{ { "-machine", "sata=off" },
		  "expected the machine's own PCI device 8086:2922",
		  true },
		{ { "-nic", "user,model=e1000" }, "found 8086:100e" },
	};
	struct qconfig c = config_for(arch);
	char *wrong;
	size_t i;

	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		if (more[i].q35 && c.machine != QMACHINE_Q35)
			continue;
		wrong = start_and_look(program, &c, more[i].words);
		if (!wrong || !strstr(wrong, more[i].found))
			fail_msg("%s %s %s: %s", program, more[i].words[0], more[i].words[1],
				 wrong ? wrong : "nothing was found");
		free(wrong);
	}
}

static void host_x86(void **state)
{
	as_planned("qemu-system-x86_64", "x86_64");
	surprises("qemu-system-x86_64", "x86_64");
	models("qemu-system-x86_64", "x86_64");
}

static void host_arm(void **state)
{
	as_planned("qemu-system-aarch64", "aarch64");
	surprises("qemu-system-aarch64", "aarch64");
	models("qemu-system-aarch64", "aarch64");
}

/* *state: the folder of another Debian's files. */
static void of_root(const char *root, const char *arch)
{
	char program[512];

	if (!wrap(root, arch, program, sizeof(program)))
		fail_msg("there is no qemu-system-%s in %s", arch, root);
	as_planned(program, arch);
	surprises(program, arch);
	models(program, arch);
}

static void root_x86(void **state)
{
	of_root(*state, "x86_64");
}

static void root_arm(void **state)
{
	of_root(*state, "aarch64");
}

static void make_image(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	close(fd);
}

static int begin(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/test_qemu_view.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(disk, sizeof(disk), "%s/disk.img", dir);
	snprintf(image, sizeof(image), "%s/image.img", dir);
	make_image(disk);
	make_image(image);
	setenv("XDG_CACHE_HOME", dir, 1);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static int end(void **state)
{
	char *command = qmem_printf("%s", dir);
	char *argv[] = { (char *)"rm", (char *)"-rf", command, NULL };
	pid_t pid = fork();

	if (!pid) {
		execvp(argv[0], argv);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	free(command);
	return 0;
}

/* With an argument: of the QEMU that is unpacked there, not of this machine's. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written),
		cmocka_unit_test(hostile),
		cmocka_unit_test(host_x86),
		cmocka_unit_test(host_arm),
	};
	const struct CMUnitTest others[] = {
		cmocka_unit_test_prestate(root_x86, argv[1]),
		cmocka_unit_test_prestate(root_arm, argv[1]),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (argc > 1)
		return cmocka_run_group_tests_name("qemu_view", others, begin, end);
	return cmocka_run_group_tests_name("qemu_view", tests, begin, end);
}
