// SPDX-License-Identifier: GPL-2.0-only
#include "qemu/allowed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define ONOFF "on|off"

/*
 * Nothing here opens a connection, a file that is written, a device of the host or code of its own.
 * What options and keys of a config say in another place is not here either: one place says it.
 */
static const struct qallowed options[] = {
	{ "action", QALLOWED_LIST, NULL,
	  "reboot=reset|shutdown shutdown=poweroff|pause "
	  "panic=pause|shutdown|exit-failure|none "
	  "watchdog=reset|shutdown|poweroff|pause|inject-nmi|none" },
	{ "audiodev", QALLOWED_LIST, "driver", "!driver=none !id=ID" },
	{ "bios", QALLOWED_WORD, NULL, "FILE" },
	{ "boot", QALLOWED_LIST, "order",
	  "order=WORD once=WORD menu=" ONOFF
	  " splash-time=NUMBER reboot-timeout=NUMBER strict=" ONOFF },
	{ "device", QALLOWED_DEVICE, "driver", "" },
	/* To be read alone, for the images of installers: the guest's own disk has a key. */
	{ "drive", QALLOWED_LIST, NULL,
	  "!id=ID !if=none !file=FILE !format=raw|qcow2 !readonly=on media=cdrom|disk" },
	{ "fw_cfg", QALLOWED_LIST, "name", "!name=TEXT string=TEXT file=FILE" },
	{ "icount", QALLOWED_LIST, "shift", "!shift=WORD align=" ONOFF " sleep=" ONOFF },
	{ "k", QALLOWED_WORD, NULL, "WORD" },
	{ "mem-prealloc", QALLOWED_NOTHING, NULL, "" },
	{ "msg", QALLOWED_LIST, NULL, "timestamp=" ONOFF " guest-name=" ONOFF },
	{ "no-acpi", QALLOWED_NOTHING, NULL, "" },
	{ "no-hpet", QALLOWED_NOTHING, NULL, "" },
	{ "no-reboot", QALLOWED_NOTHING, NULL, "" },
	{ "no-shutdown", QALLOWED_NOTHING, NULL, "" },
	{ "object", QALLOWED_OBJECT, "qom-type", "" },
	{ "rtc", QALLOWED_LIST, NULL, "base=TEXT clock=host|rt|vm driftfix=none|slew" },
	{ "smbios", QALLOWED_LIST, NULL,
	  "!type=NUMBER vendor=TEXT version=TEXT date=TEXT release=TEXT uefi=" ONOFF
	  " manufacturer=TEXT product=TEXT serial=TEXT uuid=WORD sku=TEXT family=TEXT "
	  "asset=TEXT location=TEXT part=TEXT value=TEXT" },
	{ "usb", QALLOWED_NOTHING, NULL, "" },
	{ "uuid", QALLOWED_WORD, NULL, "WORD" },
	{ "watchdog-action", QALLOWED_WORD, NULL, "reset|shutdown|poweroff|pause|inject-nmi|none" },
};

#define PCI "id=ID bus=WORD addr=WORD multifunction=" ONOFF
#define VIRTIO                                                                               \
	PCI " disable-legacy=on|off|auto disable-modern=" ONOFF " iommu_platform=" ONOFF     \
	    " packed=" ONOFF " event_idx=" ONOFF " indirect_desc=" ONOFF " ioeventfd=" ONOFF \
	    " vectors=NUMBER"
#define USB "id=ID bus=WORD port=WORD serial=TEXT usb_version=NUMBER"
#define DISK                                                                 \
	" !drive=ID bootindex=NUMBER serial=TEXT logical_block_size=NUMBER " \
	"physical_block_size=NUMBER min_io_size=NUMBER opt_io_size=NUMBER write-cache=on|off|auto"
#define SCSI  "id=ID bus=WORD channel=NUMBER scsi-id=NUMBER lun=NUMBER" DISK
#define INPUT VIRTIO " serial=TEXT"
#define HDA   "id=ID bus=WORD cad=NUMBER mixer=" ONOFF " audiodev=ID"
#define UHCI  PCI " masterbus=WORD firstport=NUMBER"

static const struct qallowed devices[] = {
	{ "hda-duplex", .props = HDA, .no_pci = true },
	{ "hda-micro", .props = HDA, .no_pci = true },
	{ "hda-output", .props = HDA, .no_pci = true },
	{ "i6300esb", .props = PCI },
	{ "ich9-intel-hda", .props = PCI " msi=on|off|auto" },
	{ "ich9-usb-ehci1", .props = PCI },
	{ "ich9-usb-uhci1", .props = UHCI },
	{ "ich9-usb-uhci2", .props = UHCI },
	{ "ich9-usb-uhci3", .props = UHCI },
	{ "ide-cd", .props = "id=ID bus=WORD unit=NUMBER model=TEXT" DISK, .no_pci = true },
	{ "ide-hd", .props = "id=ID bus=WORD unit=NUMBER model=TEXT" DISK, .no_pci = true },
	{ "intel-hda", .props = PCI " msi=on|off|auto" },
	{ "nec-usb-xhci", .props = PCI " p2=NUMBER p3=NUMBER" },
	{ "pcie-pci-bridge", .props = PCI },
	{ "pcie-root-port", .props = PCI " chassis=NUMBER slot=NUMBER port=NUMBER hotplug=" ONOFF
					 " bus-reserve=NUMBER io-reserve=NUMBER mem-reserve=NUMBER "
					 "pref32-reserve=NUMBER pref64-reserve=NUMBER" },
	{ "piix3-usb-uhci", .props = UHCI },
	{ "pvpanic", .props = "id=ID ioport=NUMBER events=NUMBER", .no_pci = true },
	{ "pvpanic-pci", .props = PCI " events=NUMBER" },
	{ "qemu-xhci", .props = PCI " p2=NUMBER p3=NUMBER streams=" ONOFF },
	{ "scsi-cd", .props = SCSI, .no_pci = true },
	{ "scsi-hd", .props = SCSI, .no_pci = true },
	{ "usb-ehci", .props = PCI },
	{ "usb-hub", .props = "id=ID bus=WORD port=WORD ports=NUMBER", .no_pci = true },
	{ "usb-kbd", .props = USB, .no_pci = true },
	{ "usb-mouse", .props = USB, .no_pci = true },
	{ "usb-storage", .props = "id=ID bus=WORD port=WORD removable=" ONOFF DISK,
	  .no_pci = true },
	{ "usb-tablet", .props = USB, .no_pci = true },
	{ "virtio-balloon-pci",
	  .props = VIRTIO " deflate-on-oom=" ONOFF " free-page-reporting=" ONOFF },
	{ "virtio-blk-pci",
	  .props = VIRTIO " num-queues=NUMBER queue-size=NUMBER iothread=ID" DISK },
	{ "virtio-keyboard-pci", .props = INPUT },
	{ "virtio-mouse-pci", .props = INPUT },
	{ "virtio-rng-pci", .props = VIRTIO " rng=ID max-bytes=NUMBER period=NUMBER" },
	{ "virtio-scsi-pci", .props = VIRTIO " num_queues=NUMBER iothread=ID" },
	{ "virtio-tablet-pci", .props = INPUT },
	{ "vmcoreinfo", .props = "id=ID", .no_pci = true },
	{ "vmgenid", .props = "id=ID guid=WORD", .no_pci = true },
};

static const struct qallowed objects[] = {
	{ "iothread", .props = "!id=ID poll-max-ns=NUMBER poll-grow=NUMBER poll-shrink=NUMBER" },
	{ "rng-builtin", .props = "!id=ID" },
	{ "rng-random", .props = "!id=ID filename=/dev/urandom|/dev/random" },
};

/* Kinds of values: what they are called to people, and the characters that they may have. */
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS	"0123456789"

static const struct kind {
	const char *name;
	const char *text;
	const char *first; /* NULL: any */
	const char *rest; /* NULL: any but control characters */
} kinds[] = {
	{ "FILE", "a path that begins with /", "/", NULL },
	{ "ID", "a letter, and letters, digits, '-', '.', '_' behind it", LETTERS,
	  LETTERS DIGITS "-._" },
	{ "NUMBER", "a number", DIGITS, DIGITS "abcdefABCDEFxXkKMGT" },
	{ "TEXT", "a text", NULL, NULL },
	{ "WORD", "letters, digits, '-', '.', ':', '_'", NULL, LETTERS DIGITS "-.:_" },
};

static const struct qallowed *find(const struct qallowed *list, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

const struct qallowed *qallowed_option(const char *name)
{
	return find(options, COUNT(options), name);
}

const struct qallowed *qallowed_device(const char *name)
{
	return find(devices, COUNT(devices), name);
}

const struct qallowed *qallowed_object(const char *name)
{
	return find(objects, COUNT(objects), name);
}

static char *names(const struct qallowed *list, size_t n, const char *before)
{
	char *out = qmem_strdup(""), *more;
	size_t i;

	for (i = 0; i < n; i++) {
		more = qmem_printf("%s%s%s%s", out, i ? ", " : "", before, list[i].name);
		free(out);
		out = more;
	}
	return out;
}

char *qallowed_options(void)
{
	return names(options, COUNT(options), "-");
}

char *qallowed_devices(void)
{
	return names(devices, COUNT(devices), "");
}

char *qallowed_objects(void)
{
	return names(objects, COUNT(objects), "");
}

/*
 * The next "KEY=KIND" of a struct qallowed's props. @p: where to look, then what is behind it;
 * return: false: there is none any more
 */
struct prop {
	bool must;
	const char *key;
	size_t key_len;
	const char *kind;
	size_t kind_len;
};

static bool next_prop(const char **p, struct prop *out)
{
	const char *text = *p + strspn(*p, " ");
	size_t len = strcspn(text, " ");

	if (!len)
		return false;
	*p = text + len;
	out->must = *text == '!';
	out->key = text + out->must;
	out->key_len = strcspn(out->key, "=");
	out->kind = out->key + out->key_len + 1;
	out->kind_len = text + len - out->kind;
	return true;
}

static bool find_prop(const struct qallowed *a, const char *key, struct prop *out)
{
	const char *p = a->props;

	while (next_prop(&p, out))
		if (strlen(key) == out->key_len && !memcmp(key, out->key, out->key_len))
			return true;
	return false;
}

/* Is @value one of the words of "A|B|C"? */
static bool one_of(const char *value, const char *words, size_t len)
{
	const char *end = words + len;
	size_t n;

	for (; words < end; words += n + 1) {
		n = strcspn(words, "| ");
		if (strlen(value) == n && !memcmp(value, words, n))
			return true;
	}
	return false;
}

static const struct kind *kind_of(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < COUNT(kinds); i++)
		if (strlen(kinds[i].name) == len && !memcmp(kinds[i].name, name, len))
			return &kinds[i];
	return NULL;
}

static bool is_text(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static int check_value(const char *key, const char *kind, size_t len, const char *value,
		       struct qerr *e)
{
	const struct kind *k = kind_of(kind, len);
	const char *before = key ? key : "", *eq = key ? "=" : "";

	if (!k)
		return one_of(value, kind, len)
			       ? 0
			       : qerr_set(e, EINVAL, "'%s%s%s' found; accepted: %.*s", before, eq,
					  value, (int)len, kind);
	if (value[0] && is_text(value) && (!k->first || strchr(k->first, value[0])) &&
	    (!k->rest || !value[strspn(value, k->rest)]))
		return 0;
	return qerr_set(e, EINVAL, "'%s%s%s' found; accepted: %s", before, eq, value, k->text);
}

/* "a, b, c" */
static char *keys_of(const struct qallowed *a)
{
	char *out = qmem_strdup(""), *more;
	const char *p = a->props;
	struct prop prop;

	while (next_prop(&p, &prop)) {
		more = qmem_printf("%s%s%.*s", out, out[0] ? ", " : "", (int)prop.key_len,
				   prop.key);
		free(out);
		out = more;
	}
	return out;
}

int qallowed_check(const struct qallowed *a, const struct qopts *o, const char *chooser,
		   struct qerr *e)
{
	const char *p = a->props;
	struct prop prop;
	char *keys;
	size_t i;
	int ret = 0;

	for (i = 0; i < o->n && !ret; i++) {
		if (chooser && !strcmp(o->v[i].key, chooser))
			continue;
		if (find_prop(a, o->v[i].key, &prop)) {
			ret = check_value(o->v[i].key, prop.kind, prop.kind_len, o->v[i].value, e);
			continue;
		}
		keys = keys_of(a);
		ret = qerr_set(e, EINVAL, "'%s' of %s found; accepted: %s", o->v[i].key, a->name,
			       keys);
		free(keys);
	}
	while (!ret && next_prop(&p, &prop)) {
		bool there = false;

		for (i = 0; i < o->n; i++)
			there |= strlen(o->v[i].key) == prop.key_len &&
				 !memcmp(o->v[i].key, prop.key, prop.key_len);
		if (prop.must && !there)
			ret = qerr_set(e, EINVAL, "%s lacks %.*s=%.*s", a->name, (int)prop.key_len,
				       prop.key, (int)prop.kind_len, prop.kind);
	}
	return ret;
}

int qallowed_word(const struct qallowed *a, const char *value, struct qerr *e)
{
	return check_value(NULL, a->props, strlen(a->props), value, e);
}

void qallowed_files(const struct qallowed *a, const struct qopts *o,
		    void (*fn)(void *arg, const char *path), void *arg)
{
	struct prop prop;
	size_t i;

	for (i = 0; i < o->n; i++)
		if (find_prop(a, o->v[i].key, &prop) && prop.kind_len == 4 &&
		    !memcmp(prop.kind, "FILE", 4))
			fn(arg, o->v[i].value);
}
