// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>
#include <netlink/addr.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/socket.h>

#include "lazy/lazy.h"

#define SO    "libnl-3.so.200"
#define ROUTE "libnl-route-3.so.200"

/* Without the library somebody asks why there is no socket, and frees none. */
const char *nl_geterror(int error)
{
	return QLAZY_HAS(SO, nl_geterror) ? QLAZY(SO, nl_geterror)(error) : "is " SO " installed?";
}

struct nl_sock *nl_socket_alloc(void)
{
	return QLAZY_HAS(SO, nl_socket_alloc) ? QLAZY(SO, nl_socket_alloc)() : NULL;
}

void nl_socket_free(struct nl_sock *sk)
{
	if (QLAZY_HAS(SO, nl_socket_free))
		QLAZY(SO, nl_socket_free)(sk);
}

int nl_connect(struct nl_sock *sk, int protocol)
{
	return QLAZY(SO, nl_connect)(sk, protocol);
}

struct nl_addr *nl_addr_clone(const struct nl_addr *addr)
{
	return QLAZY(SO, nl_addr_clone)(addr);
}

void *nl_addr_get_binary_addr(const struct nl_addr *addr)
{
	return QLAZY(SO, nl_addr_get_binary_addr)(addr);
}

void nl_addr_put(struct nl_addr *addr)
{
	QLAZY(SO, nl_addr_put)(addr);
}

int rtnl_link_get_kernel(struct nl_sock *sk, int ifindex, const char *name, struct rtnl_link **link)
{
	return QLAZY_HAS(ROUTE, rtnl_link_get_kernel)
		       ? QLAZY(ROUTE, rtnl_link_get_kernel)(sk, ifindex, name, link)
		       : -NLE_OPNOTSUPP;
}

struct rtnl_link *rtnl_link_alloc(void)
{
	return QLAZY(ROUTE, rtnl_link_alloc)();
}

void rtnl_link_put(struct rtnl_link *link)
{
	QLAZY(ROUTE, rtnl_link_put)(link);
}

int rtnl_link_change(struct nl_sock *sk, struct rtnl_link *link, struct rtnl_link *changes,
		     int flags)
{
	return QLAZY(ROUTE, rtnl_link_change)(sk, link, changes, flags);
}

int rtnl_link_delete(struct nl_sock *sk, const struct rtnl_link *link)
{
	return QLAZY(ROUTE, rtnl_link_delete)(sk, link);
}

char *rtnl_link_get_type(struct rtnl_link *link)
{
	return QLAZY(ROUTE, rtnl_link_get_type)(link);
}

struct nl_addr *rtnl_link_get_addr(struct rtnl_link *link)
{
	return QLAZY(ROUTE, rtnl_link_get_addr)(link);
}

unsigned int rtnl_link_get_flags(struct rtnl_link *link)
{
	return QLAZY(ROUTE, rtnl_link_get_flags)(link);
}

int rtnl_link_get_ifindex(struct rtnl_link *link)
{
	return QLAZY(ROUTE, rtnl_link_get_ifindex)(link);
}

unsigned int rtnl_link_get_mtu(struct rtnl_link *link)
{
	return QLAZY(ROUTE, rtnl_link_get_mtu)(link);
}

void rtnl_link_set_addr(struct rtnl_link *link, struct nl_addr *addr)
{
	QLAZY(ROUTE, rtnl_link_set_addr)(link, addr);
}

void rtnl_link_set_flags(struct rtnl_link *link, unsigned int flags)
{
	QLAZY(ROUTE, rtnl_link_set_flags)(link, flags);
}

void rtnl_link_set_master(struct rtnl_link *link, int master)
{
	QLAZY(ROUTE, rtnl_link_set_master)(link, master);
}

void rtnl_link_set_mtu(struct rtnl_link *link, unsigned int mtu)
{
	QLAZY(ROUTE, rtnl_link_set_mtu)(link, mtu);
}
