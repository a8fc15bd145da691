// SPDX-License-Identifier: GPL-2.0-only
/* Which of a config's qemu_extra_args may be passed on. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "qemu/args.h"
#include "util/json.h"
#include "util/mem.h"

#define WHERE "qemu_extra_args"

/* Options that are not passed on, and why. */
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
static const struct {
	const char *part;
	const char *why;
} devices[] = {
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
	{ "vhost-vdpa", "adds a device of the host" },
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
static const struct {
	const char *part;
	const char *why;
} objects[] = {
	{ "vfio", "adds a VFIO device: gpu.device says which the VM has" },
	{ "iommufd", "adds a VFIO device: gpu.device says which the VM has" },
	{ "remote", "adds a device of another process" },
	{ "vhost-user", "adds a device of another process" },
	{ "display", "adds a display" },
	{ "input-linux", "takes input devices of the host" },
	{ "input-barrier", "takes input devices of another computer" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Options of QEMU's that take no value, as far as a config may hold them. */
static const char *const alone[] = {
	"nographic",	 "nodefaults",	    "no-user-config",
	"no-reboot",	 "no-shutdown",	    "S",
	"snapshot",	 "no-hpet",	    "no-acpi",
	"no-fd-bootchk", "only-migratable", "preconfig",
	"usb",		 "win2k-hack",	    "enable-sync-profile",
	"no-quit",	 "alt-grab",	    "ctrl-grab",
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

size_t qemu_extra_ignored(const struct qconfig_list *l, size_t i)
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

/*
 * The kind of device in a -device's value, or of object: its first word, or behind @key ("driver",
 * "qom-type"), or a member of a JSON object.
 */
static char *kind_of(const char *value, const char *key)
{
	const char *item, *end;
	size_t key_len = strlen(key);
	struct json_object *obj;
	char *driver = NULL;

	if (value[0] == '{') {
		obj = json_tokener_parse(value);
		driver = qmem_strdup(qjson_get_str(obj, key));
		json_object_put(obj);
		return driver ? driver : qmem_strdup("");
	}
	for (item = value; *item; item = *end ? end + 1 : end) {
		size_t len;

		end = item + strcspn(item, ",");
		len = end - item;
		/* The last one counts, as for QEMU. */
		if (len > key_len + 1 && !strncmp(item, key, key_len) && item[key_len] == '=') {
			free(driver);
			driver = qmem_printf("%.*s", (int)(len - key_len) - 1, item + key_len + 1);
		} else if (item == value && !memchr(item, '=', len)) {
			driver = qmem_printf("%.*s", (int)len, item);
		}
	}
	return driver ? driver : qmem_strdup("");
}

static void check_device(const struct qconfig_word *w, struct qdiags *d)
{
	char *driver = kind_of(w->text, "driver");
	size_t i;

	if (!driver[0])
		qdiag_add(d, QDIAG_ERROR, w->at, WHERE,
			  "'%s' found; accepted after -device: the name of a device", w->text);
	for (i = 0; i < COUNT(devices); i++) {
		if (!strcasestr(driver, devices[i].part))
			continue;
		qdiag_add(d, QDIAG_ERROR, w->at, WHERE, "'%s' found; not accepted, for it %s",
			  w->text, devices[i].why);
		break;
	}
	free(driver);
}

static void check_object(const struct qconfig_word *w, struct qdiags *d)
{
	char *type = kind_of(w->text, "qom-type");
	size_t i;

	if (!type[0])
		qdiag_add(d, QDIAG_ERROR, w->at, WHERE,
			  "'%s' found; accepted after -object: the type of an object", w->text);
	for (i = 0; i < COUNT(objects); i++) {
		if (!strcasestr(type, objects[i].part))
			continue;
		qdiag_add(d, QDIAG_ERROR, w->at, WHERE, "'%s' found; not accepted, for it %s",
			  w->text, objects[i].why);
		break;
	}
	free(type);
}

/* A monitor behind another option's value: -serial mon:stdio */
static void check_value(const char *option, const struct qconfig_word *w, struct qdiags *d)
{
	if (!strcmp(option, "device"))
		check_device(w, d);
	else if (!strcmp(option, "object"))
		check_object(w, d);
	else if (!strncasecmp(w->text, "mon:", 4))
		qdiag_add(
			d, QDIAG_ERROR, w->at, WHERE,
			"'%s' found; not accepted, for it opens a monitor, which can add any device",
			w->text);
}

int qemu_extra_check(const struct qconfig *c, struct qdiags *d)
{
	const struct qconfig_list *l = &c->extra_args;
	size_t before = qdiags_count(d, QDIAG_ERROR), i, j;

	for (i = 0; i < l->n; i++) {
		const struct qconfig_word *w = &l->v[i];
		const char *name = option_name(w->text);
		size_t skip = qemu_extra_ignored(l, i);

		if (!name) {
			qdiag_add(d, QDIAG_ERROR, w->at, WHERE,
				  "'%s' found; accepted here: an option, such as -rtc", w->text);
			continue;
		}
		/* No option has a blank in its name, so QEMU would not know it. */
		if (strpbrk(w->text, " \t\n")) {
			qdiag_add(d, QDIAG_ERROR, w->at, WHERE,
				  "'%s' found; accepted: an option and its value as two words, "
				  "such as -rtc, base=utc",
				  w->text);
			continue;
		}
		if (skip) {
			qdiag_add(d, QDIAG_NOTE, w->at, WHERE,
				  "'%s' is left out: every VM is started so", w->text);
			i += skip - 1;
			continue;
		}
		for (j = 0; j < COUNT(refused); j++)
			if (!strcmp(name, refused[j].option))
				qdiag_add(d, QDIAG_ERROR, w->at, WHERE,
					  "'%s' found; not accepted, for it %s", w->text,
					  refused[j].why);
		/*
		 * What follows and does not look like an option is its value. What does is looked
		 * at as an option: another QEMU may have other options without a value.
		 */
		if (!one_of(name, alone, COUNT(alone)) && i + 1 < l->n &&
		    l->v[i + 1].text[0] != '-')
			check_value(name, &l->v[++i], d);
	}
	return qdiags_count(d, QDIAG_ERROR) > before ? -EINVAL : 0;
}
