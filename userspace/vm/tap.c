// SPDX-License-Identifier: GPL-2.0-only
#include "vm/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/if_tun.h>
#include <netlink/addr.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/socket.h>

#include "util/file.h"

#define TUN   "/dev/net/tun"
#define VHOST "/dev/vhost-net"
/*
 * First byte of the device's address. A bridge takes the least address of its ports for its own,
 * which must not change whenever a VM comes or goes.
 */
#define HIGH_MAC 0xfe

static int ask_kernel(struct nl_sock **sk, struct qerr *e)
{
	int ret;

	*sk = nl_socket_alloc();
	ret = *sk ? nl_connect(*sk, NETLINK_ROUTE) : -NLE_NOMEM;
	if (!ret)
		return 0;
	nl_socket_free(*sk);
	return qerr_set(e, EIO, "the kernel can't be asked for network devices: %s",
			nl_geterror(ret));
}

static bool is_none(int nle)
{
	return nle == -NLE_NODEV || nle == -NLE_OBJ_NOTFOUND;
}

/* @link: out; rtnl_link_put() it */
static int find_bridge(struct nl_sock *sk, const char *name, struct rtnl_link **link,
		       struct qerr *e)
{
	const char *type;
	int ret;

	ret = rtnl_link_get_kernel(sk, 0, name, link);
	if (is_none(ret))
		return qerr_set(
			e, ENODEV,
			"there is no bridge %s on this computer: 'ip link add %s type bridge' makes one",
			name, name);
	if (ret)
		return qerr_set(e, EIO, "the bridge %s can't be looked up: %s", name,
				nl_geterror(ret));
	type = rtnl_link_get_type(*link);
	if (type && !strcmp(type, "bridge"))
		return 0;
	qerr_set(e, ENOTSUP, "%s is no bridge%s%s: 'ip link show type bridge' lists what is", name,
		 type ? ", but of the type " : "", type ? type : "");
	rtnl_link_put(*link);
	return -ENOTSUP;
}

static int no_tun(int err, struct qerr *e)
{
	if (err == ENOENT || err == ENODEV || err == ENXIO)
		return qerr_set(e, err, "there is no " TUN ": 'modprobe tun' brings it");
	if (err == EACCES || err == EPERM)
		return qerr_set(e, err, TUN " may not be opened: run it as root of the host");
	return qerr_sys(e, err, TUN);
}

int qvm_tap_check(const struct qconfig *c, struct qdiags *d)
{
	const char *bridge = qconfig_bridge(c), *key = "network.bridge";
	struct qmark at = qconfig_where(c, key);
	struct rtnl_link *link;
	struct nl_sock *sk;
	struct qerr err;
	int ret;

	if (!bridge)
		return 0;
	ret = ask_kernel(&sk, &err);
	if (!ret) {
		ret = find_bridge(sk, bridge, &link, &err);
		nl_socket_free(sk);
	}
	if (ret) {
		qdiag_add(d, QDIAG_ERROR, at, key, "%s", err.msg);
	} else {
		if (!(rtnl_link_get_flags(link) & IFF_UP))
			qdiag_add(d, QDIAG_WARNING, at, key,
				  "the bridge %s is down, nothing passes: 'ip link set %s up'",
				  bridge, bridge);
		rtnl_link_put(link);
	}
	/* Who may open it is seen when it is opened. */
	if (access(TUN, F_OK)) {
		ret = no_tun(errno, &err);
		qdiag_add(d, QDIAG_ERROR, c->at.net, "network.mode", "%s", err.msg);
	}
	return ret ? -EINVAL : 0;
}

/* Makes the device, with the header of virtio before each frame, as QEMU wants it. */
static int make(const char *name, struct qerr *e)
{
	/* Never one that is there: it may be another VM's. */
	struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL };
	int fd, err;

	fd = open(TUN, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return no_tun(errno, e);
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (!ioctl(fd, TUNSETIFF, &req))
		return fd;
	err = errno;
	close(fd);
	if (err == EBUSY)
		return qerr_set(
			e, err,
			"a network device %s is there already, of a VM whose name begins alike or of somebody else: if no VM has it, 'ip link delete %s' removes it",
			name, name);
	if (err == EPERM)
		return qerr_set(
			e, err,
			"the tap device %s can't be made without CAP_NET_ADMIN: run it as root of the host",
			name);
	return qerr_sys(e, err, "the tap device %s can't be made", name);
}

static int set_sysctl(const char *name, const char *family, const char *key, struct qerr *e)
{
	char path[96];
	int ret;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, name, key);
	ret = qfile_write(AT_FDCWD, path, "1");
	return ret ? qerr_sys(e, -ret, "%s", path) : 0;
}

/*
 * The bridge takes what comes out of the VM, but for frames to the addresses 01:80:c2:00:00:0x:
 * these are the device's own, and IP in them would come to the host past the bridge and its
 * firewall. ARP is left out by IFF_NOARP.
 */
static int no_ip(const char *name, struct qerr *e)
{
	int ret;

	ret = set_sysctl(name, "ipv4", "drop_unicast_in_l2_multicast", e);
	if (ret)
		return ret;
	ret = set_sysctl(name, "ipv6", "disable_ipv6", e);
	return ret == -ENOENT ? 0 : ret; /* a host without IPv6 */
}

/* While it is down: then it is never on in another way. */
static int join(struct nl_sock *sk, struct rtnl_link *tap, struct rtnl_link *bridge)
{
	struct rtnl_link *change = rtnl_link_alloc();
	struct nl_addr *addr = nl_addr_clone(rtnl_link_get_addr(tap));
	int ret = -NLE_NOMEM;

	if (!change || !addr)
		goto out;
	*(unsigned char *)nl_addr_get_binary_addr(addr) = HIGH_MAC;
	rtnl_link_set_addr(change, addr);
	rtnl_link_set_mtu(change, rtnl_link_get_mtu(bridge));
	rtnl_link_set_master(change, rtnl_link_get_ifindex(bridge));
	ret = rtnl_link_change(sk, tap, change, 0);
out:
	nl_addr_put(addr);
	rtnl_link_put(change);
	return ret;
}

static int switch_on(struct nl_sock *sk, struct rtnl_link *tap)
{
	struct rtnl_link *change = rtnl_link_alloc();
	int ret;

	if (!change)
		return -NLE_NOMEM;
	rtnl_link_set_flags(change, IFF_UP | IFF_NOARP);
	ret = rtnl_link_change(sk, tap, change, 0);
	rtnl_link_put(change);
	return ret;
}

int qvm_tap_open(struct qvm_tap *t, const char *name, const char *bridge, struct qerr *e)
{
	struct rtnl_link *master, *link;
	struct nl_sock *sk;
	int fd, ret;

	ret = ask_kernel(&sk, e);
	if (ret)
		return ret;
	ret = find_bridge(sk, bridge, &master, e);
	if (ret)
		goto free_sock;
	fd = ret = make(name, e);
	if (ret < 0)
		goto put_master;
	ret = no_ip(name, e);
	if (ret)
		goto close_fd;
	ret = rtnl_link_get_kernel(sk, 0, name, &link);
	if (ret) {
		ret = qerr_set(e, EIO, "the tap device %s can't be looked up: %s", name,
			       nl_geterror(ret));
		goto close_fd;
	}
	ret = join(sk, link, master);
	if (!ret)
		ret = switch_on(sk, link);
	if (ret) {
		ret = qerr_set(e, EIO, "the tap device %s can't be put on the bridge %s: %s", name,
			       bridge, nl_geterror(ret));
		goto put_link;
	}
	t->fd = fd;
	t->index = rtnl_link_get_ifindex(link);
put_link:
	rtnl_link_put(link);
close_fd:
	if (ret)
		close(fd);
put_master:
	rtnl_link_put(master);
free_sock:
	nl_socket_free(sk);
	return ret;
}

int qvm_tap_give(struct qvm_tap *t, const struct qconfig *c, bool vhost, struct qemu_host *h,
		 struct qerr *e)
{
	const char *bridge = qconfig_bridge(c);
	int ret;

	if (!bridge)
		return 0;
	ret = qvm_tap_open(t, h->tap, bridge, e);
	if (ret)
		return ret;
	h->tap_fd = t->fd;
	if (!vhost)
		return 0;
	t->vhost = open(VHOST, O_RDWR | O_CLOEXEC);
	if (t->vhost < 0)
		return qerr_sys(e, errno, VHOST);
	h->vhost_fd = t->vhost;
	return 0;
}

size_t qvm_tap_fds(const struct qvm_tap *t, int fds[QVM_TAP_FDS])
{
	size_t n = 0;

	if (t->fd >= 0)
		fds[n++] = t->fd;
	if (t->vhost >= 0)
		fds[n++] = t->vhost;
	return n;
}

void qvm_tap_close(struct qvm_tap *t)
{
	if (t->fd >= 0)
		close(t->fd);
	if (t->vhost >= 0)
		close(t->vhost);
	t->fd = t->vhost = -1;
}

int qvm_tap_remove(const struct qvm_tap *t, struct qerr *e)
{
	struct rtnl_link *link;
	struct nl_sock *sk;
	int ret;

	if (!t->index)
		return 0;
	ret = ask_kernel(&sk, e);
	if (ret)
		return ret;
	/* By its number: another VM of this name may have a new one already. */
	ret = rtnl_link_get_kernel(sk, t->index, NULL, &link);
	if (!ret) {
		ret = rtnl_link_delete(sk, link);
		rtnl_link_put(link);
		if (!ret)
			ret = 1;
	}
	nl_socket_free(sk);
	if (ret == 1 || !ret)
		return ret;
	if (is_none(ret))
		return 0;
	return qerr_set(e, EIO, "the VM's tap device can't be removed: %s", nl_geterror(ret));
}
