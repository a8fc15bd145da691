// SPDX-License-Identifier: GPL-2.0-only
#include "qemu/libvirt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect/pci.h"
#include "kmod/policy.h"
#include "qemu/internal.h"
#include "util/mem.h"
#include "util/term.h"

/* What is being written; @bad: a text that XML can't hold was among it. */
struct xml {
	FILE *mem;
	bool bad;
};

/* May XML hold it, and is it the character of which these are the bytes? */
static bool xml_has(const char *s, size_t n, uint32_t cp)
{
	if (n == 1)
		return cp == '\t' || cp == '\n';
	return cp != 0xfffe && cp != 0xffff;
}

/* A text, as it may stand in an attribute or an element. */
static void text(struct xml *x, const char *s)
{
	static const char special[] = "<>&'\"";
	static const char *const names[] = { "lt", "gt", "amp", "apos", "quot" };
	size_t len = strlen(s), n;
	const char *p;
	uint32_t cp;
	bool shown;

	for (; len; s += n, len -= n) {
		n = qterm_char(s, len, &cp, &shown);
		p = strchr(special, *s);
		if (p)
			fprintf(x->mem, "&%s;", names[p - special]);
		else if (shown)
			fwrite(s, 1, n, x->mem);
		else if (!n || !xml_has(s, n, cp))
			x->bad = true;
		else
			fprintf(x->mem, "&#%u;", cp);
		n = n ? n : 1;
	}
}

/* Text that is ours; each "%s" in it is escaped. There is no other format. */
static void put(struct xml *x, const char *fmt, ...)
{
	const char *p;
	va_list ap;

	va_start(ap, fmt);
	while ((p = strstr(fmt, "%s"))) {
		fwrite(fmt, 1, p - fmt, x->mem);
		text(x, va_arg(ap, const char *));
		fmt = p + 2;
	}
	va_end(ap);
	fputs(fmt, x->mem);
}

static void put_int(struct xml *x, const char *before, long long n, const char *after)
{
	fprintf(x->mem, "%s%lld%s", before, n, after);
}

static const char *behind(const struct qemu_plan *p)
{
	return p->smmu ? " iommu='on'" : "";
}

static void put_head(struct xml *x, const struct qconfig *c, const struct qemu_plan *p)
{
	put(x, "<domain type='%s' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n",
	    p->kvm ? "kvm" : "qemu");
	put(x, "  <name>%s</name>\n", c->name);
	if (c->description)
		put(x, "  <description>%s</description>\n", c->description);
	if (p->gpu.section) {
		/* What libvirt does not know, for those that do. */
		put(x,
		    "  <metadata>\n    <q:gpu xmlns:q='urn:qwamos-gpu:1' access_mode='%s' "
		    "trust_level='%s'",
		    qconfig_access_name(c->access), qgpu_level(c->level)->name);
		put_int(x, " priority='", c->priority, "'");
		if (c->vram_limit_mib >= 0)
			put_int(x, " vram_limit_mb='", c->vram_limit_mib, "'");
		if (c->compute_share >= 0)
			put_int(x, " compute_share_percent='", c->compute_share, "'");
		put(x, "/>\n  </metadata>\n");
	}
	put_int(x, "  <memory unit='MiB'>", c->memory_mib, "</memory>\n");
	if (c->hugepages)
		put(x, "  <memoryBacking><hugepages/></memoryBacking>\n");
	put_int(x, "  <vcpu>", c->cores, "</vcpu>\n");
}

static void put_machine(struct xml *x, const struct qconfig *c, const struct qemu_host *h,
			const struct qemu_plan *p)
{
	bool arm = c->machine == QMACHINE_VIRT;
	size_t i;

	put(x, "  <os>\n    <type arch='%s' machine='%s'>hvm</type>\n", arm ? "aarch64" : "x86_64",
	    arm ? "virt" : "q35");
	if (c->kernel)
		put(x, "    <kernel>%s</kernel>\n", c->kernel);
	if (c->kernel && c->initrd)
		put(x, "    <initrd>%s</initrd>\n", c->initrd);
	if (c->kernel && c->cmdline)
		put(x, "    <cmdline>%s</cmdline>\n", c->cmdline);
	if (!c->kernel && arm && h->firmware)
		put(x, "    <loader readonly='yes' type='rom'>%s</loader>\n", h->firmware);
	put(x, "  </os>\n  <features>\n");
	/* libvirt wants UEFI for it on ARM, and a kernel that is booted directly has none. */
	if (!arm)
		put(x, "    <acpi/>\n");
	if (arm)
		put_int(x, "    <gic version='", c->gic_version, "'/>\n");
	if (!arm && p->smmu)
		put(x, "    <ioapic driver='qemu'/>\n");
	put(x, "  </features>\n");
	if (!strcmp(p->cpu, "host"))
		put(x, "  <cpu mode='host-passthrough'");
	else if (!strcmp(p->cpu, "max"))
		put(x, "  <cpu mode='maximum'");
	else
		put(x,
		    "  <cpu mode='custom' match='exact' check='none'>\n"
		    "    <model fallback='forbid'>%s</model>\n",
		    p->cpu);
	if (!p->features) {
		put(x, !strcmp(p->cpu, "host") || !strcmp(p->cpu, "max") ? "/>\n" : "  </cpu>\n");
		return;
	}
	if (!strcmp(p->cpu, "host") || !strcmp(p->cpu, "max"))
		put(x, ">\n");
	for (i = 0; i < c->cpu_features.n; i++)
		put(x, "    <feature policy='require' name='%s'/>\n", c->cpu_features.v[i].text);
	put(x, "  </cpu>\n");
}

/* Here it is QEMU that keeps to it. */
static void put_iotune(struct xml *x, const struct qconfig_io *io)
{
	if (!qconfig_limits_io(io))
		return;
	put(x, "      <iotune>\n");
	if (io->read_kib > 0)
		put_int(x, "        <read_bytes_sec>", io->read_kib * 1024LL,
			"</read_bytes_sec>\n");
	if (io->write_kib > 0)
		put_int(x, "        <write_bytes_sec>", io->write_kib * 1024LL,
			"</write_bytes_sec>\n");
	if (io->read_ops > 0)
		put_int(x, "        <read_iops_sec>", io->read_ops, "</read_iops_sec>\n");
	if (io->write_ops > 0)
		put_int(x, "        <write_iops_sec>", io->write_ops, "</write_iops_sec>\n");
	put(x, "      </iotune>\n");
}

static void put_disk(struct xml *x, const struct qconfig *c, const struct qemu_plan *p)
{
	if (!c->disk)
		return;
	put(x, "    <disk type='file' device='disk'>\n      <driver name='qemu' type='%s'",
	    qemu_disk_format(c));
	if (c->disk_cache)
		put(x, " cache='%s'", c->disk_cache);
	put(x, behind(p));
	put(x, "/>\n      <source file='%s'/>\n      <target dev='vda' bus='virtio'/>\n", c->disk);
	if (c->disk_snapshot || !c->persistent)
		put(x, "      <transient/>\n");
	put_iotune(x, &c->io);
	put(x, "    </disk>\n");
}

static void put_rules(struct xml *x, const struct qconfig *c)
{
	size_t i;

	if (!c->nat.n)
		return;
	put(x, "      <backend type='passt'/>\n");
	for (i = 0; i < c->nat.n; i++) {
		const struct qconfig_nat *r = &c->nat.v[i];

		put(x, "      <portForward proto='%s' address='%s'>\n", r->udp ? "udp" : "tcp",
		    r->address ? r->address : "127.0.0.1");
		put_int(x, "        <range start='", r->host_port, "'");
		put_int(x, " to='", r->guest_port, "'/>\n      </portForward>\n");
	}
}

static void put_net(struct xml *x, const struct qconfig *c, const struct qemu_plan *p)
{
	char *mac;

	if (!p->nic)
		return;
	if (c->bridge && c->net != QNET_NAT)
		put(x, "    <interface type='bridge'>\n      <source bridge='%s'/>\n", c->bridge);
	else
		put(x, "    <interface type='user'>\n");
	mac = qemu_mac(c);
	put(x, "      <mac address='%s'/>\n      <model type='%s'/>\n      <rom enabled='no'/>\n",
	    mac, strncmp(p->nic, "virtio", 6) ? p->nic : "virtio");
	free(mac);
	if (!strncmp(p->nic, "virtio", 6) && p->smmu)
		put(x, "      <driver iommu='on'/>\n");
	/* libvirt has no word for a device that leads nowhere; this one has no link. */
	if (c->net == QNET_ISOLATED && !c->bridge)
		put(x, "      <link state='down'/>\n");
	if (c->net == QNET_NAT)
		put_rules(x, c);
	put(x, "    </interface>\n");
}

/* A root port for each slot of the host, and one for a device that comes later. */
static void put_hostdevs(struct xml *x, const struct qemu_host *h, const struct qemu_plan *p)
{
	unsigned int domain, bus, slot, fn, port = 0, function = 0;
	size_t i, n = p->gpu.got == QACCESS_PASSTHROUGH ? h->n_devices : 0;

	for (i = 0; i < n; i++) {
		bool first = !i || !qpci_same_slot(h->devices[i - 1], h->devices[i]);
		bool more = i + 1 < n && qpci_same_slot(h->devices[i], h->devices[i + 1]);

		if (sscanf(h->devices[i], "%x:%x:%x.%x", &domain, &bus, &slot, &fn) != 4)
			continue;
		if (first) {
			put_int(x, "    <controller type='pci' index='", ++port,
				"' model='pcie-root-port'/>\n");
			function = 0;
		} else {
			function++;
		}
		fprintf(x->mem,
			"    <hostdev mode='subsystem' type='pci' managed='no'>\n"
			"      <driver name='vfio'/>\n      <source>\n"
			"        <address domain='0x%04x' bus='0x%02x' slot='0x%02x' function='0x%x'/>\n"
			"      </source>\n"
			"      <address type='pci' domain='0x0000' bus='0x%02x' slot='0x00' "
			"function='0x%x'%s/>\n    </hostdev>\n",
			domain, bus, slot, fn, port, function,
			first && more ? " multifunction='on'" : "");
	}
	if (p->gpu.asked == QACCESS_PASSTHROUGH)
		put_int(x, "    <controller type='pci' index='", port + 1,
			"' model='pcie-root-port'/>\n");
}

/* Models of adapters, as libvirt calls them. */
static const char *video_model(const char *device)
{
	static const char *const models[][2] = {
		{ "virtio-gpu-pci", "virtio" },
		{ "virtio-gpu-gl-pci", "virtio" },
		{ "virtio-vga", "virtio" },
		{ "bochs-display", "bochs" },
		{ "VGA", "vga" },
		{ "secondary-vga", "vga" },
		{ "cirrus-vga", "cirrus" },
		{ "qxl", "qxl" },
		{ "qxl-vga", "qxl" },
		{ "vmware-svga", "vmvga" },
		{ "ramfb", "ramfb" },
	};
	size_t i;

	for (i = 0; i < sizeof(models) / sizeof(models[0]); i++)
		if (!strcmp(device, models[i][0]))
			return models[i][1];
	return "virtio";
}

static void put_video(struct xml *x, const struct qemu_host *h, const struct qemu_plan *p)
{
	const struct qemu_gpu *g = &p->gpu;

	if (!g->model) {
		put(x, "    <video><model type='none'/></video>\n");
		return;
	}
	if (g->gl)
		put(x, "    <graphics type='egl-headless'><gl rendernode='%s'/></graphics>\n",
		    h->render_node);
	put(x, "    <video>\n");
	if (!strncmp(g->model, "virtio", 6) && p->smmu)
		put(x, "      <driver iommu='on'/>\n");
	put(x, "      <model type='%s'", video_model(g->model));
	put(x, g->section && !strncmp(g->model, "virtio", 6) ? " heads='1'" : "");
	put(x, g->gl ? ">\n        <acceleration accel3d='yes'/>\n      </model>\n" : "/>\n");
	put(x, "      <alias name='ua-gpu0'/>\n    </video>\n");
}

static void put_devices(struct xml *x, const struct qconfig *c, const struct qemu_caps *caps,
			const struct qemu_host *h, const struct qemu_plan *p)
{
	const char *program = qemu_caps_text(caps, "program");

	put(x, "  <devices>\n");
	if (program[0])
		put(x, "    <emulator>%s</emulator>\n", program);
	put(x, "    <controller type='pci' index='0' model='pcie-root'/>\n"
	       "    <controller type='usb' model='none'/>\n");
	if (p->smmu && c->machine == QMACHINE_VIRT)
		put(x, "    <iommu model='smmuv3'/>\n");
	else if (p->smmu)
		put(x,
		    "    <iommu model='intel'><driver intremap='on' caching_mode='%s'/></iommu>\n",
		    p->gpu.got == QACCESS_PASSTHROUGH ? "on" : "off");
	put_hostdevs(x, h, p);
	put_disk(x, c, p);
	put_net(x, c, p);
	put(x, "    <serial type='pty'/>\n    <console type='pty'/>\n");
	put_video(x, h, p);
	put(x, "    <memballoon model='none'/>\n  </devices>\n");
}

/* Properties of the adapter that libvirt has no word for. */
static void put_override(struct xml *x, const struct qemu_plan *p)
{
	const struct qemu_gpu *g = &p->gpu;

	if (!g->model || (g->vram_mib < 0 && !g->venus))
		return;
	put(x, "  <qemu:override>\n    <qemu:device alias='ua-gpu0'>\n      <qemu:frontend>\n");
	if (g->vram_mib >= 0)
		put_int(x, "        <qemu:property name='max_hostmem' type='unsigned' value='",
			(long long)g->vram_mib << 20, "'/>\n");
	if (g->venus) {
		put(x, "        <qemu:property name='blob' type='bool' value='true'/>\n"
		       "        <qemu:property name='venus' type='bool' value='true'/>\n");
		put_int(x, "        <qemu:property name='hostmem' type='unsigned' value='",
			(long long)qemu_window_mib(g->vram_mib) << 20, "'/>\n");
	}
	put(x, "      </qemu:frontend>\n    </qemu:device>\n  </qemu:override>\n");
}

static void put_extra(struct xml *x, const struct qconfig *c)
{
	struct qemu_args a = { 0 };
	size_t i;

	qemu_extra_add(c, &a);
	if (a.n)
		put(x, "  <qemu:commandline>\n");
	for (i = 0; i < a.n; i++)
		put(x, "    <qemu:arg value='%s'/>\n", a.v[i]);
	if (a.n)
		put(x, "  </qemu:commandline>\n");
	qemu_args_free(&a);
}

/* libvirt's schema has no line breaks in paths. */
static void check_path(const char *path, const char *key, struct qmark at, struct qdiags *d)
{
	if (path && strpbrk(path, "\r\n"))
		qdiag_add(d, QDIAG_ERROR, at, key,
			  "'%s' found; libvirt accepts no line break in a path", path);
}

/*
 * What QEMU and the kernel have, but libvirt's schema does not: it would refuse the XML without a
 * word about the config. Return: whether there is any
 */
static bool has_no_word(const struct qconfig *c, const struct qemu_plan *p, struct qdiags *d)
{
	static const char names[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t before = qdiags_count(d, QDIAG_ERROR);

	if (c->disk && !strcmp(qemu_disk_format(c), "vhdx"))
		qdiag_add(d, QDIAG_ERROR, qconfig_where(c, "hardware.disk.primary.format"),
			  "hardware.disk.primary.format",
			  "'vhdx' found; libvirt accepts raw, qcow2, qcow, vmdk, vdi, vpc");
	if (p->nic && c->bridge && c->net != QNET_NAT && c->bridge[strspn(c->bridge, names)])
		qdiag_add(d, QDIAG_ERROR, qconfig_where(c, "network.bridge"), "network.bridge",
			  "'%s' found; libvirt accepts the characters A-Z a-z 0-9 _ . -",
			  c->bridge);
	check_path(c->kernel, "boot.kernel", c->at.kernel, d);
	check_path(c->initrd, "boot.initrd", c->at.initrd, d);
	check_path(c->disk,
		   qconfig_where(c, "storage.disk_image").line ? "storage.disk_image"
							       : "hardware.disk.primary.path",
		   c->at.disk, d);
	return qdiags_count(d, QDIAG_ERROR) > before;
}

char *qemu_libvirt_xml(const struct qconfig *c, const struct qemu_caps *caps,
		       const struct qemu_host *h, const struct qemu_plan *p, struct qdiags *d)
{
	struct xml x = { 0 };
	char *out = NULL;
	size_t len;

	if (has_no_word(c, p, d))
		return NULL;
	x.mem = open_memstream(&out, &len);
	qmem_check(x.mem);
	put_head(&x, c, p);
	put_machine(&x, c, h, p);
	put_devices(&x, c, caps, h, p);
	put_extra(&x, c);
	put_override(&x, p);
	put(&x, "</domain>\n");
	if (fclose(x.mem))
		qmem_check(NULL);
	if (p->gpu.got == QACCESS_PASSTHROUGH)
		qdiag_add(
			d, QDIAG_NOTE, c->at.access, "gpu.access_mode",
			"a device on qwamos_vfio_pci is refused to a QEMU that libvirt starts: it "
			"has not joined the VM");
	if (!x.bad)
		return out;
	qdiag_add(d, QDIAG_ERROR, (struct qmark){ 0 }, "",
		  "a control character stands in a text; XML can't hold it");
	free(out);
	return NULL;
}
