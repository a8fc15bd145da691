// SPDX-License-Identifier: GPL-2.0-only
/* The network of a VM: as much of it as its config names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu/internal.h"
#include "util/mem.h"

/* Where the config has none: one that belongs to this VM alone, and stays with it. */
char *qemu_mac(const struct qconfig *c)
{
	const char *name = c->name;
	uint32_t hash = 0x811c9dc5;

	if (c->mac)
		return qmem_strdup(c->mac);
	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 0x01000193;
	return qmem_printf("52:54:00:%02x:%02x:%02x", hash >> 16 & 0xff, hash >> 8 & 0xff,
			   hash & 0xff);
}

void qemu_plan_net(const struct qconfig *c, const struct qemu_caps *caps, const struct qemu_host *h,
		   struct qemu_plan *p, struct qdiags *d)
{
	const char *model = c->net_device ? c->net_device : "virtio-net-pci";
	struct qmark at = qconfig_where(c, "network.device");

	p->nic = NULL;
	if (!strcmp(model, "none")) {
		if (c->net != QNET_AIRGAPPED)
			qdiag_add(d, QDIAG_NOTE, at, "network.device",
				  "'none' found: the VM has no network");
		return;
	}
	if (c->net == QNET_AIRGAPPED) {
		if (c->net_device)
			qdiag_add(d, QDIAG_NOTE, at, "network.device",
				  "'%s' is left out: the VM is airgapped", model);
		return;
	}
	if (!strcmp(model, "virtio-net"))
		model = "virtio-net-pci";
	if (!qemu_caps_has(caps, "devices", model)) {
		qdiag_add(d, QDIAG_NOTE, at, "network.device",
			  "'%s' is replaced by virtio-net-pci: this QEMU has no such device",
			  model);
		model = "virtio-net-pci";
	}
	if (!qemu_caps_has(caps, "devices", model)) {
		qdiag_add(d, QDIAG_ERROR, at, "network.device", "this QEMU has no virtio-net-pci");
		return;
	}
	if (!qemu_caps_has(caps, "options", "netdev")) {
		qdiag_add(d, QDIAG_ERROR, at, "network.mode", "this QEMU has no -netdev");
		return;
	}
	if (c->net == QNET_ISOLATED && !c->bridge)
		qdiag_add(d, QDIAG_NOTE, c->at.net, "network.mode",
			  "no network.bridge: the network device leads nowhere");
	p->nic = model;
	p->vhost = qconfig_bridge(c) && h->vhost_net && !strcmp(model, "virtio-net-pci");
}

static char *nat(const struct qconfig *c)
{
	char *text = qmem_strdup("user,id=net0"), *more;
	size_t i;

	for (i = 0; i < c->nat.n; i++) {
		const struct qconfig_nat *r = &c->nat.v[i];

		more = qmem_printf("%s,hostfwd=%s:%s:%d-:%d", text, r->udp ? "udp" : "tcp",
				   r->address ? r->address : "127.0.0.1", r->host_port,
				   r->guest_port);
		free(text);
		text = more;
	}
	return text;
}

static char *tap(const struct qemu_host *h, bool vhost)
{
	char *name, *text, *fd = NULL;

	if (h->tap_fd > 0) {
		fd = vhost && h->vhost_fd > 0 ? qmem_printf(",vhostfd=%d", h->vhost_fd) : NULL;
		text = qmem_printf("tap,id=net0,fd=%d,vhost=%s%s", h->tap_fd, vhost ? "on" : "off",
				   fd ? fd : "");
		free(fd);
		return text;
	}
	name = qemu_escape(h->tap ? h->tap : "tap0");
	text = qmem_printf("tap,id=net0,ifname=%s,script=no,downscript=no,vhost=%s", name,
			   vhost ? "on" : "off");
	free(name);
	return text;
}

void qemu_args_net(const struct qconfig *c, const struct qemu_host *h, const struct qemu_plan *p,
		   struct qemu_args *a)
{
	char *mac;

	qemu_add_opt(a, "-nic", qmem_strdup("none"));
	if (!p->nic)
		return;
	if (c->net == QNET_NAT)
		qemu_add_opt(a, "-netdev", nat(c));
	else if (qconfig_bridge(c))
		qemu_add_opt(a, "-netdev", tap(h, p->vhost));
	else
		/* A hub with no other port: a link, and nobody at its other end. */
		qemu_add_opt(a, "-netdev", qmem_strdup("hubport,id=net0,hubid=0"));
	mac = qemu_mac(c);
	/* No boot ROM: nobody has named one. */
	qemu_add_opt(a, "-device",
		     qmem_printf("%s,id=nic0,netdev=net0,mac=%s,romfile=%s", p->nic, mac,
				 p->smmu && !strncmp(p->nic, "virtio", 6)
					 ? ",iommu_platform=on,disable-legacy=on"
					 : ""));
	free(mac);
}
