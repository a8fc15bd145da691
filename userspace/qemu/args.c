// SPDX-License-Identifier: GPL-2.0-only
#include "qemu/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/pci.h"
#include "qemu/internal.h"
#include "util/mem.h"
#include "util/term.h"

void qemu_add(struct qemu_args *a, char *word)
{
	a->v = qmem_realloc(a->v, a->n + 2, sizeof(*a->v));
	a->v[a->n++] = word;
	a->v[a->n] = NULL;
}

static void add_str(struct qemu_args *a, const char *word)
{
	qemu_add(a, qmem_strdup(word));
}

void qemu_add_opt(struct qemu_args *a, const char *option, char *value)
{
	add_str(a, option);
	qemu_add(a, value);
}

char *qemu_escape(const char *text)
{
	char *out = qmem_calloc(2, strlen(text) + 1), *p = out;

	for (; *text; text++) {
		*p++ = *text;
		if (*text == ',')
			*p++ = ',';
	}
	return out;
}

static void add_cpu(const struct qconfig *c, const struct qemu_plan *p, struct qemu_args *a)
{
	char *cpu = qemu_escape(p->cpu);
	size_t i;

	for (i = 0; p->features && i < c->cpu_features.n; i++) {
		char *feature = qemu_escape(c->cpu_features.v[i].text);
		char *more = qmem_printf("%s,+%s", cpu, feature);

		free(cpu);
		free(feature);
		cpu = more;
	}
	qemu_add_opt(a, "-cpu",
		     qmem_printf("%s%s", cpu, p->pauth_impdef ? ",pauth-impdef=on" : ""));
	free(cpu);
}

static void add_machine(const struct qconfig *c, const struct qemu_plan *p, struct qemu_args *a)
{
	if (c->machine == QMACHINE_VIRT)
		qemu_add_opt(a, "-machine",
			     qmem_printf("virt,gic-version=%d%s", c->gic_version,
					 p->smmu ? ",iommu=smmuv3" : ""));
	else
		qemu_add_opt(a, "-machine",
			     qmem_printf("q35%s",
					 p->smmu && p->kvm ? ",kernel-irqchip=split" : ""));
	qemu_add_opt(a, "-accel", qmem_strdup(p->kvm ? "kvm" : "tcg"));
	add_cpu(c, p, a);
	qemu_add_opt(a, "-smp", qmem_printf("%d", c->cores));
	qemu_add_opt(a, "-m", qmem_printf("%d", c->memory_mib));
	if (c->hugepages)
		qemu_add_opt(a, "-mem-path", qmem_strdup("/dev/hugepages"));
	/*
	 * Before all devices that are to stand behind it. QEMU refuses addresses of more bits than
	 * the host's IOMMU has, and takes 48 by itself since 9.2; 39 is the least that any has.
	 */
	if (p->smmu && c->machine == QMACHINE_Q35)
		qemu_add_opt(a, "-device",
			     qmem_printf("intel-iommu,id=iommu0,intremap=on%s",
					 p->gpu.got == QACCESS_PASSTHROUGH
						 ? ",caching-mode=on,aw-bits=39"
						 : ""));
}

/* Of virtio devices: behind the guest's IOMMU, if it has one. */
static const char *behind(const struct qemu_plan *p)
{
	return p->smmu ? ",iommu_platform=on,disable-legacy=on" : "";
}

static void add_boot(const struct qconfig *c, const struct qemu_host *h, struct qemu_args *a)
{
	char *file;

	if (c->kernel)
		qemu_add_opt(a, "-kernel", qmem_strdup(c->kernel));
	if (c->kernel && c->initrd)
		qemu_add_opt(a, "-initrd", qmem_strdup(c->initrd));
	if (c->kernel && c->cmdline)
		qemu_add_opt(a, "-append", qmem_strdup(c->cmdline));
	if (!c->kernel && c->machine == QMACHINE_VIRT && h->firmware) {
		file = qemu_escape(h->firmware);
		qemu_add_opt(a, "-bios", file);
	}
}

/*
 * The format is never QEMU's guess: a guest that may write a raw disk could turn it into another
 * one, with any file of the host behind it.
 */
const char *qemu_disk_format(const struct qconfig *c)
{
	const char *end = strrchr(c->disk, '.');

	if (c->disk_format)
		return c->disk_format;
	return end && !strcmp(end, ".qcow2") ? "qcow2" : "raw";
}

/* The disk as QEMU opens it. Of a set of fds it takes the one whose mode it needs. */
static char *disk_path(const struct qconfig *c, const struct qemu_host *h, struct qemu_args *a)
{
	if (h->disk_fd[1] <= 0)
		return qemu_escape(c->disk);
	if (h->disk_fd[0] > 0)
		qemu_add_opt(a, "-add-fd", qmem_printf("fd=%d,set=1", h->disk_fd[0]));
	qemu_add_opt(a, "-add-fd", qmem_printf("fd=%d,set=1", h->disk_fd[1]));
	return qmem_strdup("/dev/fdset/1");
}

static void add_disk(const struct qconfig *c, const struct qemu_host *h, const struct qemu_plan *p,
		     struct qemu_args *a)
{
	char *path, *format, *cache;

	if (!c->disk)
		return;
	path = disk_path(c, h, a);
	/*
	 * QEMU takes no locks: whoever may read the disk could hold one against it. The supervisor
	 * finds out who else has the disk (vm/record.h, vm/disk_lock.h).
	 */
	format = qemu_escape(qemu_disk_format(c));
	cache = c->disk_cache ? qemu_escape(c->disk_cache) : NULL;
	qemu_add_opt(a, "-drive",
		     qmem_printf("if=none,id=disk0,%s=%s,format=%s,file.locking=off%s%s%s",
				 h->disk_block ? "file.driver=host_device,file.filename" : "file",
				 path, format, cache ? ",cache=" : "", cache ? cache : "",
				 c->disk_snapshot || !c->persistent ? ",snapshot=on" : ""));
	qemu_add_opt(a, "-device", qmem_printf("virtio-blk-pci,id=blk0,drive=disk0%s", behind(p)));
	free(path);
	free(format);
	free(cache);
}

static void add_port(struct qemu_args *a, unsigned int n)
{
	qemu_add_opt(a, "-device",
		     qmem_printf("pcie-root-port,id=gpu-port%u,chassis=%u,slot=%u", n, n, n));
}

/*
 * Each slot of the host behind a root port of its own, so that each device has a slot to itself,
 * and the functions of one stay together as the guest's driver expects them.
 */
static unsigned int add_devices(const struct qemu_host *h, bool iommufd, struct qemu_args *a)
{
	unsigned int port = 0, function = 0;
	size_t i;

	if (iommufd && h->n_devices)
		qemu_add_opt(a, "-object", qmem_strdup("iommufd,id=iommufd0"));
	for (i = 0; i < h->n_devices; i++) {
		bool first = !i || !qpci_same_slot(h->devices[i - 1], h->devices[i]);
		bool more = i + 1 < h->n_devices &&
			    qpci_same_slot(h->devices[i], h->devices[i + 1]);

		if (first) {
			add_port(a, ++port);
			function = 0;
		} else {
			function++;
		}
		qemu_add_opt(a, "-device",
			     qmem_printf("vfio-pci,host=%s,id=gpu%zu,bus=gpu-port%u,addr=00.%x%s%s",
					 h->devices[i], i, port, function,
					 first && more ? ",multifunction=on" : "",
					 iommufd ? ",iommufd=iommufd0" : ""));
	}
	return port;
}

/* The memory that the guest may map is a BAR, so a power of two; not more than the quota. */
unsigned int qemu_window_mib(int mib)
{
	unsigned int size = 1;

	while (size <= (unsigned int)mib / 2)
		size *= 2;
	return size;
}

static void add_adapter(const struct qemu_plan *p, struct qemu_args *a)
{
	const struct qemu_gpu *g = &p->gpu;
	bool virtio = !strncmp(g->model, "virtio-", 7);
	char *quota = NULL, *venus = NULL;

	if (g->venus)
		venus = qmem_printf(",blob=on,venus=on,hostmem=%uM", qemu_window_mib(g->vram_mib));
	if (g->vram_mib >= 0)
		quota = qmem_printf(",max_hostmem=%lld", (long long)g->vram_mib << 20);
	qemu_add_opt(a, "-device",
		     qmem_printf("%s,id=gpu0%s%s%s%s", g->model,
				 virtio && g->section ? ",max_outputs=1" : "", quota ? quota : "",
				 venus ? venus : "", virtio ? behind(p) : ""));
	free(quota);
	free(venus);
}

static void add_display(const struct qemu_host *h, const struct qemu_plan *p, struct qemu_args *a)
{
	bool vnc = h->display && !strncmp(h->display, "vnc=", 4);
	bool shown = p->gpu.model && h->display;
	char *node;

	if (shown && !vnc) {
		qemu_add_opt(a, "-display",
			     qmem_printf("%s%s", h->display, p->gpu.gl ? ",gl=on" : ""));
		return;
	}
	if (p->gpu.gl) {
		node = qemu_escape(h->render_node);
		qemu_add_opt(a, "-display", qmem_printf("egl-headless,rendernode=%s", node));
		free(node);
	} else {
		qemu_add_opt(a, "-display", qmem_strdup("none"));
	}
	if (shown)
		qemu_add_opt(a, "-vnc", qmem_strdup(h->display + 4));
}

static void add_console(const struct qemu_host *h, struct qemu_args *a)
{
	char *path;

	if (h->serial_fd > 0) {
		qemu_add_opt(a, "-chardev", qmem_printf("socket,id=serial0,fd=%d", h->serial_fd));
	} else if (h->serial) {
		path = qemu_escape(h->serial);
		qemu_add_opt(a, "-chardev", qmem_printf("file,id=serial0,path=%s", path));
		free(path);
	} else {
		qemu_add_opt(a, "-chardev", qmem_strdup("stdio,id=serial0,signal=off"));
	}
	qemu_add_opt(a, "-serial", qmem_strdup("chardev:serial0"));
	if (h->qmp_fd >= 0) {
		qemu_add_opt(a, "-chardev", qmem_printf("socket,id=qmp0,fd=%d", h->qmp_fd));
		qemu_add_opt(a, "-mon", qmem_strdup("chardev=qmp0,mode=control"));
		/* Whoever has the other end looks at what QEMU has made before the guest runs. */
		add_str(a, "-S");
	}
}

void qemu_args_gpu(const struct qemu_host *h, const struct qemu_plan *p, struct qemu_args *a)
{
	unsigned int ports = 0;

	add_display(h, p, a);
	qemu_add_opt(a, "-vga", qmem_strdup("none"));
	if (p->gpu.got == QACCESS_PASSTHROUGH)
		ports = add_devices(h, p->iommufd, a);
	/* A VM that was to have a GPU passed through has a port that one can still come to. */
	if (p->gpu.asked == QACCESS_PASSTHROUGH)
		add_port(a, ports + 1);
	if (p->gpu.model)
		add_adapter(p, a);
}

void qemu_args_build(const struct qconfig *c, const struct qemu_host *h, const struct qemu_plan *p,
		     struct qemu_args *a)
{
	char *name = qemu_escape(c->name);

	memset(a, 0, sizeof(*a));
	add_str(a, h->program ? h->program : qemu_program(c));
	/* A VM has only what its config names. */
	add_str(a, "-nodefaults");
	add_str(a, "-no-user-config");
	qemu_add_opt(a, "-name", qmem_printf("guest=%s", name));
	free(name);
	if (p->sandbox)
		qemu_add_opt(
			a, "-sandbox",
			qmem_strdup(
				"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"));
	add_machine(c, p, a);
	add_console(h, a);
	add_boot(c, h, a);
	add_disk(c, h, p, a);
	qemu_args_net(c, h, p, a);
	qemu_args_gpu(h, p, a);
	qemu_extra_add(c, a);
}

static bool is_shown(const char *word)
{
	size_t len = strlen(word), n;
	bool shown = true;
	uint32_t cp;

	for (; len && shown; word += n, len -= n) {
		n = qterm_char(word, len, &cp, &shown);
		if (!n)
			return false;
	}
	return shown;
}

static char *put_quoted(char *p, const char *word)
{
	*p++ = '\'';
	for (; *word; word++) {
		if (*word == '\'')
			p = stpcpy(p, "'\\''");
		else
			*p++ = *word;
	}
	*p++ = '\'';
	return p;
}

/* What a terminal would not show, and a shell reads all the same: $'...' */
static char *put_escaped(char *p, const char *word)
{
	p = stpcpy(p, "$'");
	for (; *word; word++) {
		if (*word == '\'' || *word == '\\' || *word < ' ' || *word > '~')
			p += snprintf(p, 5, "\\%03o", (unsigned char)*word);
		else
			*p++ = *word;
	}
	*p++ = '\'';
	return p;
}

char *qemu_args_text(const struct qemu_args *a)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=:,./@%";
	size_t i, room = 1;
	char *text, *p;

	for (i = 0; i < a->n; i++)
		room += 4 * strlen(a->v[i]) + 4;
	text = p = qmem_calloc(1, room);
	for (i = 0; i < a->n; i++) {
		if (i)
			*p++ = ' ';
		if (a->v[i][0] && strspn(a->v[i], plain) == strlen(a->v[i]))
			p = stpcpy(p, a->v[i]);
		else if (is_shown(a->v[i]))
			p = put_quoted(p, a->v[i]);
		else
			p = put_escaped(p, a->v[i]);
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
