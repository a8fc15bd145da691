// SPDX-License-Identifier: GPL-2.0-only
#include "qemu/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/pci.h"
#include "util/mem.h"

static void add(struct qemu_args *a, char *word)
{
	a->v = qmem_realloc(a->v, a->n + 2, sizeof(*a->v));
	a->v[a->n++] = word;
	a->v[a->n] = NULL;
}

static void add_str(struct qemu_args *a, const char *word)
{
	add(a, qmem_strdup(word));
}

/* An option with its value; @value is ours to keep. */
static void add_opt(struct qemu_args *a, const char *option, char *value)
{
	add_str(a, option);
	add(a, value);
}

/* A comma in a value of QEMU's is written twice. */
static char *escape(const char *text)
{
	char *out = qmem_calloc(2, strlen(text) + 1), *p = out;

	for (; *text; text++) {
		*p++ = *text;
		if (*text == ',')
			*p++ = ',';
	}
	return out;
}

const char *qemu_program(const struct qconfig *c)
{
	return c->machine == QMACHINE_VIRT ? "qemu-system-aarch64" : "qemu-system-x86_64";
}

static void add_machine(const struct qconfig *c, struct qemu_args *a)
{
	const char *model = c->cpu_model;
	char *cpu;
	size_t i;

	if (c->machine == QMACHINE_VIRT)
		add_opt(a, "-machine", qmem_printf("virt,gic-version=%d", c->gic_version));
	else
		add_opt(a, "-machine", qmem_strdup("q35"));
	add_opt(a, "-accel", qmem_strdup(c->accel == QACCEL_KVM ? "kvm" : "tcg"));
	if (!model)
		model = c->accel == QACCEL_KVM ? "host" : "max";
	cpu = escape(model);
	/* Features of ARM's are not switched one by one on QEMU's command line. */
	for (i = 0; c->machine == QMACHINE_Q35 && i < c->cpu_features.n; i++) {
		char *feature = escape(c->cpu_features.v[i].text);
		char *more = qmem_printf("%s,+%s", cpu, feature);

		free(cpu);
		free(feature);
		cpu = more;
	}
	add_opt(a, "-cpu", cpu);
	add_opt(a, "-smp", qmem_printf("%d", c->cores));
	add_opt(a, "-m", qmem_printf("%d", c->memory_mib));
}

static void add_boot(const struct qconfig *c, struct qemu_args *a)
{
	if (c->kernel)
		add_opt(a, "-kernel", qmem_strdup(c->kernel));
	if (c->initrd)
		add_opt(a, "-initrd", qmem_strdup(c->initrd));
	if (c->cmdline)
		add_opt(a, "-append", qmem_strdup(c->cmdline));
}

static void add_disk(const struct qconfig *c, struct qemu_args *a)
{
	char *path, *format, *cache;

	if (!c->disk)
		return;
	path = escape(c->disk);
	format = escape(c->disk_format ? c->disk_format : "raw");
	cache = c->disk_cache ? escape(c->disk_cache) : NULL;
	add_opt(a, "-drive",
		qmem_printf("if=none,id=disk0,file=%s,format=%s%s%s", path, format,
			    cache ? ",cache=" : "", cache ? cache : ""));
	add_opt(a, "-device", qmem_strdup("virtio-blk-pci,drive=disk0"));
	free(path);
	free(format);
	free(cache);
}

/*
 * Each slot of the host behind a root port of its own, so that each device has a slot to itself,
 * and the functions of one stay together as the guest's driver expects them.
 */
static void add_devices(const struct qemu_host *h, struct qemu_args *a)
{
	unsigned int port = 0, function = 0;
	size_t i;

	for (i = 0; i < h->n_devices; i++) {
		bool first = !i || !qpci_same_slot(h->devices[i - 1], h->devices[i]);
		bool more = i + 1 < h->n_devices &&
			    qpci_same_slot(h->devices[i], h->devices[i + 1]);

		if (first) {
			port++;
			function = 0;
			add_opt(a, "-device",
				qmem_printf("pcie-root-port,id=gpu-port%u,chassis=%u,slot=%u", port,
					    port, port));
		} else {
			function++;
		}
		add_opt(a, "-device",
			qmem_printf("vfio-pci,host=%s,id=gpu%zu,bus=gpu-port%u,addr=00.%x%s",
				    h->devices[i], i, port, function,
				    first && more ? ",multifunction=on" : ""));
	}
}

static void add_console(const struct qemu_host *h, struct qemu_args *a)
{
	char *path;

	if (h->serial) {
		path = escape(h->serial);
		add_opt(a, "-chardev", qmem_printf("file,id=serial0,path=%s", path));
		free(path);
	} else {
		add_opt(a, "-chardev", qmem_strdup("stdio,id=serial0,signal=off"));
	}
	add_opt(a, "-serial", qmem_strdup("chardev:serial0"));
	if (h->qmp_fd >= 0) {
		add_opt(a, "-chardev", qmem_printf("socket,id=qmp0,fd=%d", h->qmp_fd));
		add_opt(a, "-mon", qmem_strdup("chardev=qmp0,mode=control"));
	}
}

void qemu_args_build(const struct qconfig *c, const struct qemu_host *h, struct qemu_args *a)
{
	char *name = escape(c->name);
	size_t i;

	memset(a, 0, sizeof(*a));
	add_str(a, h->program ? h->program : qemu_program(c));
	/* A VM has only what its config names. */
	add_str(a, "-nodefaults");
	add_str(a, "-no-user-config");
	add_opt(a, "-name", qmem_printf("guest=%s", name));
	free(name);
	add_opt(a, "-sandbox",
		qmem_strdup(
			"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"));
	add_machine(c, a);
	add_opt(a, "-display", qmem_strdup("none"));
	add_opt(a, "-vga", qmem_strdup("none"));
	add_opt(a, "-nic", qmem_strdup("none"));
	add_console(h, a);
	add_boot(c, a);
	add_disk(c, a);
	add_devices(h, a);
	for (i = 0; i < c->extra_args.n;) {
		size_t skip = qemu_extra_ignored(&c->extra_args, i);

		if (!skip)
			add_str(a, c->extra_args.v[i++].text);
		i += skip;
	}
}

char *qemu_args_text(const struct qemu_args *a)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=:,./@%";
	size_t i, room = 1;
	char *text, *p;
	const char *w;

	for (i = 0; i < a->n; i++)
		room += 4 * strlen(a->v[i]) + 3;
	text = p = qmem_calloc(1, room);
	for (i = 0; i < a->n; i++) {
		bool quote = !a->v[i][0] || strspn(a->v[i], plain) != strlen(a->v[i]);

		if (i)
			*p++ = ' ';
		if (quote)
			*p++ = '\'';
		for (w = a->v[i]; *w; w++) {
			if (*w == '\'') {
				memcpy(p, "'\\''", 4);
				p += 4;
			} else {
				*p++ = *w;
			}
		}
		if (quote)
			*p++ = '\'';
	}
	return text;
}

void qemu_args_free(struct qemu_args *a)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		free(a->v[i]);
	free(a->v);
	a->v = NULL;
	a->n = 0;
}
