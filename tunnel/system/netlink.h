/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_H
#define CULVERT_SYSTEM_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/problem.h"

/*
 * Links, addresses and routes of one network namespace, that in which netlink_open() was called, by
 * rtnetlink(7) through libnl-route-3.
 * Synchronous: each call waits for the kernel's answer, which it gives at once. Changing needs
 * CAP_NET_ADMIN. One owner, netd; not thread-safe.
 *
 * Every call returns 0 or the kernel's negative errno, and fills `problem` (may be NULL) with what
 * was tried and what the kernel said about it. -EIO: netlink itself failed.
 */

struct netlink;

/*
 * Routes and rules of ours carry this protocol number, by which anybody can tell them: `ip route show
 * table all proto 67`, `ip rule show proto 67`.
 */
enum { RTPROT_CULVERT = 67 };

int netlink_open(struct netlink **ret_netlink, struct problem *problem);
void netlink_close(struct netlink *netlink);

/* -ENODEV: there is none of that name. */
int netlink_link_index(struct netlink *netlink, const char *name, uint32_t *ret_index);

/*
 * Moves the link to the network namespace and gives it the name `name`, or, of a template such as
 * "cv%d", the first that is free there. Its index may be another one afterwards; it is down and has no
 * addresses. Needs CAP_NET_ADMIN there, too. -EEXIST: the name is in use there.
 */
int netlink_link_move(struct netlink *netlink, uint32_t index, int netns, const char *name,
	struct problem *problem);

/*
 * Sets MTU and transmit queue length, switches off the kernel's own IPv6 link-local address and
 * with it the router solicitations (IN6_ADDR_GEN_MODE_NONE), then brings the link up. -ENODEV: no
 * such link.
 */
int netlink_link_up(struct netlink *netlink, uint32_t index, uint32_t mtu, uint32_t queue_length,
	struct problem *problem);
int netlink_link_set_mtu(
	struct netlink *netlink, uint32_t index, uint32_t mtu, struct problem *problem);
/* Whether an administrator has it up, and its MTU. -ENODEV. Either may change right after. */
int netlink_link_state(struct netlink *netlink, uint32_t index, bool *ret_up, uint32_t *ret_mtu,
	struct problem *problem);
/* The group that it is in; 0 is that of all others. -ENODEV. */
int netlink_link_group(
	struct netlink *netlink, uint32_t index, uint32_t *ret_group, struct problem *problem);
/* Its addresses and routes go with it. -ENODEV. */
int netlink_link_delete(struct netlink *netlink, uint32_t index, struct problem *problem);

/*
 * Puts the link into a group, in which links can be deleted together: each deletion alone costs
 * tens of milliseconds, a thousand at once half a second. -ENODEV.
 */
int netlink_link_set_group(
	struct netlink *netlink, uint32_t index, uint32_t group, struct problem *problem);
/* Deletes all links of the group. -ENODEV: there is none in it. */
int netlink_group_delete(struct netlink *netlink, uint32_t group, struct problem *problem);

/*
 * A point-to-point address: local/32 (or /128) with its peer; IPv6 without duplicate address
 * detection. -EEXIST.
 */
int netlink_address_add(struct netlink *netlink, uint32_t index, const struct addr *local,
	const struct addr *remote, struct problem *problem);
/* -EADDRNOTAVAIL: the link has no such address. */
int netlink_address_delete(struct netlink *netlink, uint32_t index, const struct addr *local,
	const struct addr *remote, struct problem *problem);

struct netlink_address {
	struct prefix prefix; /* as configured: with host bits */
	struct prefix
		peer; /* the other end, of a point-to-point address, with host bits; or AF_UNSPEC */
	uint32_t index; /* of the link that has it */
};

/* All addresses of this namespace; the caller frees *ret_addresses. */
int netlink_addresses(struct netlink *netlink, struct netlink_address **ret_addresses,
	size_t *ret_count, struct problem *problem);

enum { NETLINK_LINKS_MAX = 16 }; /* that share one route */

struct netlink_route {
	struct prefix prefix;
	uint32_t index;    /* of the link that it leads to */
	uint32_t priority; /* metric; not 0, which means different things in IPv4 and IPv6 */
	uint32_t table;    /* 0: the main one */
	bool unreachable;  /* leads to no link: the network is unreachable */
	/*
	 * IPv6: the other end of the link, or AF_UNSPEC. The kernel shares a route among several
	 * links only where it has a gateway (rt6_qualify_for_ecmp() in net/ipv6/route.c).
	 */
	struct addr via;
};

/*
 * Adds a route of ours to its table: to a link, or to nowhere. When the very same is there already,
 * that is fine. -EEXIST: somebody else's route has the same prefix and metric, -EBUSY: one of another
 * Culvert process has; `problem` names it.
 */
int netlink_route_add(
	struct netlink *netlink, const struct netlink_route *route, struct problem *problem);
/* Removes a route of ours, nobody else's. -ESRCH: there is none. */
int netlink_route_delete(
	struct netlink *netlink, const struct netlink_route *route, struct problem *problem);

/*
 * One prefix and metric for several links, between which the kernel spreads flows: the two families
 * go about it in different ways. IPv4: one route, which is ours, is replaced by one that leads to
 * all of these links, 1 to NETLINK_LINKS_MAX; `route` tells prefix and metric. IPv6: a further route
 * is put beside those of ours; netlink_route_delete() takes it away by its `via`.
 */
int netlink_route_share4(struct netlink *netlink, const struct netlink_route *route,
	const uint32_t *links, size_t count, struct problem *problem);
int netlink_route_append6(
	struct netlink *netlink, const struct netlink_route *route, struct problem *problem);

/* Which routes of the kernel are looked at; 0 stands for all. */
struct netlink_query {
	uint8_t family;
	uint32_t table; /* 0: all but the local one */
	uint32_t link;
	uint8_t protocol; /* rtm_protocol */
};

struct netlink_seen_route { /* one of them, to networks: RTN_UNICAST */
	struct prefix prefix;
	uint32_t links[NETLINK_LINKS_MAX];       /* of its next hops, the first of them */
	struct addr gateways[NETLINK_LINKS_MAX]; /* of the same; AF_UNSPEC: the hop has none */
	size_t link_count;
	uint32_t table;
	uint32_t priority; /* metric */
	uint8_t protocol;
	bool direct; /* on the link itself: no gateway */
	bool dead;   /* its link is down, or has no carrier */
};

/*
 * Shows each route to take(). Without any (no such table, link or family), that is fine. -EAGAIN: they
 * changed meanwhile, and some may be missing.
 */
int netlink_routes(struct netlink *netlink, const struct netlink_query *query,
	void (*take)(void *context, const struct netlink_seen_route *route), void *context,
	struct problem *problem);

#endif
