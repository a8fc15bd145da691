// SPDX-License-Identifier: GPL-2.0-only
/* Which of a config's qemu_extra_args are passed on, and how. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qemu/allowed.h"
#include "qemu/args.h"
#include "qemu/internal.h"
#include "qemu/optlist.h"
#include "util/mem.h"

#define WHERE "qemu_extra_args"

/* Of what is not accepted, why: of the rest, what is accepted is told. */
static const struct {
	const char *option;
	const char *why;
} refused[] = {
	{ "vga", "adds a GPU: the gpu section says which one the VM has" },
	{ "display", "adds a display" },
	{ "sdl", "adds a display" },
	{ "vnc", "adds a display" },
	{ "spice", "adds a display" },
	{ "curses", "adds a display" },
	{ "gtk", "adds a display" },
	{ "full-screen", "adds a display" },
	{ "sandbox", "undoes the sandbox" },
	{ "runas", "undoes the sandbox" },
	{ "chroot", "undoes the sandbox" },
	{ "run-with", "undoes the sandbox" },
	{ "daemonize", "takes QEMU away from its supervisor" },
	{ "add-fd", "takes fds that are its supervisor's" },
	{ "readconfig", "reads options that are not looked at" },
	{ "writeconfig", "writes a file as root" },
	{ "set", "changes other options" },
	{ "global", "changes other options" },
	{ "qmp", "opens a monitor, which can add any device" },
	{ "qmp-pretty", "opens a monitor, which can add any device" },
	{ "monitor", "opens a monitor, which can add any device" },
	{ "mon", "opens a monitor, which can add any device" },
	{ "gdb", "opens a monitor, which can read all memory" },
	{ "s", "opens a monitor, which can read all memory" },
	{ "incoming", "takes a VM's state from elsewhere" },
	{ "loadvm", "takes a VM's state from elsewhere" },
	{ "plugin", "loads code into QEMU" },
	{ "semihosting", "lets the guest call the host" },
	{ "semihosting-config", "lets the guest call the host" },
	{ "S", "is how every VM is started, until QEMU has shown what it has" },
	{ "snapshot", "is what hardware.disk.primary.snapshot says" },
	{ "mem-path", "is what hardware.memory.hugepages says" },
	{ "qtest", "opens a monitor, which can write to all memory" },
	{ "chardev", "opens files and connections" },
	{ "serial", "opens files and connections" },
	{ "parallel", "opens files and connections" },
	{ "pidfile", "writes a file as root" },
	{ "dump-vmstate", "writes a file as root" },
	{ "D", "writes a file as root" },
	{ "machine", "is what machine.type says" },
	{ "M", "is what machine.type says" },
	{ "accel", "is what machine.accel says" },
	{ "enable-kvm", "is what machine.accel says" },
	{ "cpu", "is what hardware.cpu says" },
	{ "smp", "is what hardware.cpu.cores says" },
	{ "m", "is what hardware.memory.size says" },
	{ "name", "is what vm.name says" },
	{ "kernel", "is what boot.kernel says" },
	{ "initrd", "is what boot.initrd says" },
	{ "append", "is what boot.cmdline says" },
	{ "net", "is what network says" },
	{ "nic", "is what network says" },
	{ "netdev", "is what network says" },
};

/* Parts of the names of devices that are GPUs, displays or a way around the network's absence. */
struct part {
	const char *part;
	const char *why;
};

static const struct part devices[] = {
	{ "vfio", "adds a VFIO device: gpu.device says which the VM has" },
	{ "vga", "adds a GPU" },
	{ "gpu", "adds a GPU" },
	{ "display", "adds a GPU" },
	{ "qxl", "adds a GPU" },
	{ "cirrus", "adds a GPU" },
	{ "ramfb", "adds a GPU" },
	{ "sm501", "adds a GPU" },
	{ "tcx", "adds a GPU" },
	{ "cg3", "adds a GPU" },
	{ "apple-gfx", "adds a GPU" },
	{ "macfb", "adds a GPU" },
	{ "framebuffer", "adds a GPU" },
	{ "ssd03", "adds a display" },
	{ "virtio-net", "adds a network device: network says which the VM has" },
	{ "vhost-user", "adds a device of another process" },
	{ "vhost-", "adds a device of the host" },
	{ "ivshmem", "shares memory with other processes" },
	{ "pvrdma", "adds a device of the host" },
	{ "u2f", "adds a device of the host" },
	{ "ccid", "adds a device of the host" },
	{ "tpm", "adds a device of another process" },
	{ "iommu", "is what security.smmu says" },
	{ "usb-net", "adds a network device: network says which the VM has" },
	{ "usb-host", "adds a device of the host" },
	{ "e1000", "adds a network device: network says which the VM has" },
	{ "rtl8139", "adds a network device: network says which the VM has" },
	{ "pcnet", "adds a network device: network says which the VM has" },
	{ "ne2k", "adds a network device: network says which the VM has" },
	{ "i82", "adds a network device: network says which the VM has" },
	{ "vmxnet", "adds a network device: network says which the VM has" },
	{ "tulip", "adds a network device: network says which the VM has" },
	{ "igb", "adds a network device: network says which the VM has" },
	{ "rocker", "adds a network device: network says which the VM has" },
	{ "sungem", "adds a network device: network says which the VM has" },
};

/* The same of the types of objects. */
static const struct part objects[] = {
	{ "vfio", "adds a VFIO device: gpu.device says which the VM has" },
	{ "iommufd", "adds a VFIO device: gpu.device says which the VM has" },
	{ "remote", "adds a device of another process" },
	{ "vhost-user", "adds a device of another process" },
	{ "display", "adds a display" },
	{ "input-linux", "takes input devices of the host" },
	{ "input-barrier", "takes input devices of another computer" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* One argument of a config, as it was read. */
struct extra {
	const struct qallowed *allowed; /* NULL: left out */
	const struct qallowed *kind; /* of a device or object: which */
	struct qopts opts;
	const char *word; /* of QALLOWED_WORD */
};

static const char *const ignored[] = { "nographic", "nodefaults", "no-user-config" };

/* An option's name without its dashes, or NULL. */
static const char *option_name(const char *arg)
{
	if (arg[0] != '-' || !arg[1])
		return NULL;
	return arg + 1 + (arg[1] == '-');
}

static bool one_of(const char *name, const char *const *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(name, list[i]))
			return true;
	return false;
}

/* How many words from @i on change nothing, because every VM is started so: 0, 1 or 2. */
static size_t count_ignored(const struct qconfig_list *l, size_t i)
{
	const char *name = option_name(l->v[i].text);

	if (!name)
		return 0;
	if (one_of(name, ignored, COUNT(ignored)))
		return 1;
	if (!strcmp(name, "serial") && i + 1 < l->n &&
	    (!strcmp(l->v[i + 1].text, "mon:stdio") || !strcmp(l->v[i + 1].text, "stdio")))
		return 2;
	return 0;
}

/* An option that is not accepted, or no option; return: the words that are to be passed over. */
static size_t refuse_option(const struct qconfig_list *l, size_t i, const char *name,
			    struct qdiags *d)
{
	const struct qconfig_word *w = &l->v[i];
	const char *why = NULL;
	char *all;
	size_t j;

	if (!name) {
		qdiag_add(d, QDIAG_ERROR, w->at, WHERE,
			  "'%s' found; accepted here: an option, such as -rtc", w->text);
		return 1;
	}
	/* No option has a blank in its name, so QEMU would not know it. */
	if (strpbrk(w->text, " \t\n")) {
		qdiag_add(d, QDIAG_ERROR, w->at, WHERE,
			  "'%s' found; accepted: an option and its value as two words, "
			  "such as -rtc, base=utc",
			  w->text);
		return 1;
	}
	for (j = 0; j < COUNT(refused) && !why; j++)
		if (!strcmp(name, refused[j].option))
			why = refused[j].why;
	if (why) {
		qdiag_add(d, QDIAG_ERROR, w->at, WHERE, "'%s' found; not accepted, for it %s",
			  w->text, why);
	} else {
		all = qallowed_options();
		qdiag_add(d, QDIAG_ERROR, w->at, WHERE, "'%s' found; accepted: %s", w->text, all);
		free(all);
	}
	/* What follows and does not look like an option is its value. */
	return 1 + (i + 1 < l->n && l->v[i + 1].text[0] != '-');
}

/* Why a device or object is not accepted. */
static const struct part *part_of(const char *name, const struct part *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcasestr(name, list[i].part))
			return &list[i];
	return NULL;
}

/* Finds out which device or object is meant; return: 0 or -EINVAL, told. */
static int find_kind(struct extra *x, const struct qconfig_word *w, struct qdiags *d)
{
	bool device = x->allowed->value == QALLOWED_DEVICE;
	const char *name = qopts_get(&x->opts, x->allowed->implied);
	const struct part *part;
	char *all;

	if (!name || !name[0]) {
		qdiag_add(d, QDIAG_ERROR, w->at, WHERE, "'%s' found; accepted after -%s: %s",
			  w->text, x->allowed->name,
			  device ? "the name of a device" : "the type of an object");
		return -EINVAL;
	}
	x->kind = device ? qallowed_device(name) : qallowed_object(name);
	if (x->kind)
		return 0;
	part = device ? part_of(name, devices, COUNT(devices))
		      : part_of(name, objects, COUNT(objects));
	if (part) {
		qdiag_add(d, QDIAG_ERROR, w->at, WHERE, "'%s' found; not accepted, for it %s",
			  w->text, part->why);
		return -EINVAL;
	}
	all = device ? qallowed_devices() : qallowed_objects();
	qdiag_add(d, QDIAG_ERROR, w->at, WHERE, "'%s' found; accepted after -%s: %s", w->text,
		  x->allowed->name, all);
	free(all);
	return -EINVAL;
}

/* The value of an option that is accepted; return: 0 or -EINVAL, told. */
static int read_value(struct extra *x, const struct qconfig_word *w, struct qdiags *d)
{
	const struct qallowed *a = x->allowed;
	bool chosen = a->value == QALLOWED_DEVICE || a->value == QALLOWED_OBJECT;
	struct qerr err = { 0 };
	int ret;

	if (a->value == QALLOWED_WORD) {
		x->word = w->text;
		ret = qallowed_word(a, w->text, &err);
	} else {
		/* Of other options QEMU reads no JSON. */
		if (!chosen && w->text[0] == '{')
			ret = qerr_set(&err, EINVAL, "'%s' found; accepted: KEY=VALUE,...",
				       w->text);
		else
			ret = qopts_parse(w->text, a->implied, &x->opts, &err);
		if (!ret && chosen) {
			ret = find_kind(x, w, d);
			if (ret)
				return ret;
		}
		if (!ret)
			ret = qallowed_check(chosen ? x->kind : a, &x->opts,
					     chosen ? a->implied : NULL, &err);
	}
	if (ret)
		qdiag_add(d, QDIAG_ERROR, w->at, WHERE, "-%s: %s", a->name, err.msg);
	return ret;
}

/*
 * The argument at @i, and what stands behind it. @d: told; return: the words that it takes. What is
 * wrong with it leaves @x->allowed NULL.
 */
static size_t read_one(const struct qconfig_list *l, size_t i, struct extra *x, struct qdiags *d)
{
	const struct qconfig_word *w = &l->v[i];
	const char *name = option_name(w->text);
	size_t skip = count_ignored(l, i);

	memset(x, 0, sizeof(*x));
	if (skip) {
		qdiag_add(d, QDIAG_NOTE, w->at, WHERE, "'%s' is left out: every VM is started so",
			  w->text);
		return skip;
	}
	x->allowed = name ? qallowed_option(name) : NULL;
	if (!x->allowed)
		return refuse_option(l, i, name, d);
	if (x->allowed->value == QALLOWED_NOTHING)
		return 1;
	if (i + 1 == l->n) {
		qdiag_add(d, QDIAG_ERROR, w->at, WHERE,
			  "'%s' found; accepted: with its value as "
			  "another word behind it",
			  w->text);
		x->allowed = NULL;
		return 1;
	}
	/* QEMU takes it as the value, whatever it looks like. */
	if (read_value(x, &l->v[i + 1], d))
		x->allowed = NULL;
	return 2;
}

static void drop(struct extra *x)
{
	qopts_free(&x->opts);
}

int qemu_extra_check(const struct qconfig *c, struct qdiags *d)
{
	size_t before = qdiags_count(d, QDIAG_ERROR), i;
	struct extra x;

	for (i = 0; i < c->extra_args.n;) {
		i += read_one(&c->extra_args, i, &x, d);
		drop(&x);
	}
	return qdiags_count(d, QDIAG_ERROR) > before ? -EINVAL : 0;
}

void qemu_extra_add(const struct qconfig *c, struct qemu_args *a)
{
	struct qdiags d = { 0 };
	unsigned int unnamed = 0;
	struct extra x;
	size_t i;
	char *id;

	for (i = 0; i < c->extra_args.n; drop(&x)) {
		i += read_one(&c->extra_args, i, &x, &d);
		if (!x.allowed)
			continue;
		qemu_add(a, qmem_printf("-%s", x.allowed->name));
		/* So that it is known by its name once QEMU has made it. */
		if (x.allowed->value == QALLOWED_DEVICE && !qopts_get(&x.opts, "id")) {
			id = qmem_printf("extra%u", unnamed++);
			qopts_add(&x.opts, "id", id);
			free(id);
		}
		/* As of the VM's disk: who may read an image could keep the VM from starting. */
		if (!strcmp(x.allowed->name, "drive"))
			qopts_add(&x.opts, "file.locking", "off");
		if (x.allowed->value == QALLOWED_WORD)
			qemu_add(a, qmem_strdup(x.word));
		else if (x.allowed->value != QALLOWED_NOTHING)
			qemu_add(a, qopts_text(&x.opts, x.allowed->implied));
	}
	qdiags_free(&d);
}

void qemu_extra_files(const struct qconfig *c, void (*fn)(void *arg, const char *path), void *arg)
{
	struct qdiags d = { 0 };
	struct extra x;
	size_t i;

	for (i = 0; i < c->extra_args.n; drop(&x)) {
		i += read_one(&c->extra_args, i, &x, &d);
		if (!x.allowed)
			continue;
		if (x.allowed->value == QALLOWED_WORD && !strcmp(x.allowed->props, "FILE"))
			fn(arg, x.word);
		else if (x.allowed->value != QALLOWED_NOTHING)
			qallowed_files(x.kind ? x.kind : x.allowed, &x.opts, fn, arg);
	}
	qdiags_free(&d);
}
