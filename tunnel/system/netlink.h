/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CULVERT_SYSTEM_NETLINK_H
#define CULVERT_SYSTEM_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/problem.h"

/*
 * Links, addresses and routes of one network namespace, by rtnetlink(7) through libnl-route-3. The
 * namespace is that of the thread that calls netlink_open(). Each call waits for the kernel's
 * answer, which comes at once. Changes need CAP_NET_ADMIN. One owner, netd; not thread-safe.
 *
 * Every call returns 0 or the kernel's negative errno. On failure *problem says what failed and the
 * kernel's reason; accepts NULL. -EIO: netlink itself failed.
 */

struct netlink;

/*
 * The protocol number of our routes and rules, by which anyone can find them: `ip route show table
 * all proto 67`, `ip rule show proto 67`.
 */
enum { RTPROT_CULVERT = 67 };
/*
 * The protocol number of the unreachable routes that stand in for routes to a peer that is not
 * connected (netd/held_routes). It differs from RTPROT_CULVERT, so that no routing daemon takes
 * them for a way: `ip route show table all proto 68`.
 */
enum { RTPROT_CULVERT_HELD = 68 };

int netlink_open(struct netlink **ret_netlink, struct problem *problem);
void netlink_close(struct netlink *netlink);

/* -ENODEV: no link has that name. */
int netlink_link_index(struct netlink *netlink, const char *name, uint32_t *ret_index);

/*
 * Moves the link to the network namespace and names it `name`, or the first free name of a template
 * such as "cv%d". The link is then down, without addresses, and may have another index. Needs
 * CAP_NET_ADMIN there, too. -EEXIST: the name is in use there.
 */
int netlink_link_move(struct netlink *netlink, uint32_t index, int netns, const char *name,
	struct problem *problem);

/*
 * Sets MTU and transmit queue length and brings the link up. It first turns off the kernel's own
 * IPv6 link-local address (IN6_ADDR_GEN_MODE_NONE), and with it router solicitations. -ENODEV: no
 * such link.
 */
int netlink_link_up(struct netlink *netlink, uint32_t index, uint32_t mtu, uint32_t queue_length,
	struct problem *problem);
int netlink_link_set_mtu(
	struct netlink *netlink, uint32_t index, uint32_t mtu, struct problem *problem);
/*
 * Gets the administrative state, the MTU and the group (0: the default group), each of which may
 * change right after; ret_group may be NULL. -ENODEV: no such link.
 */
int netlink_link_state(struct netlink *netlink, uint32_t index, bool *ret_up, uint32_t *ret_mtu,
	uint32_t *ret_group, struct problem *problem);
/* True: the link is up and has a carrier. -ENODEV: no such link. */
int netlink_link_carries(
	struct netlink *netlink, uint32_t index, bool *ret_carries, struct problem *problem);
/* Gets the link's group; 0 is the default group. -ENODEV: no such link. */
int netlink_link_group(
	struct netlink *netlink, uint32_t index, uint32_t *ret_group, struct problem *problem);
/* Deletes the link with its addresses and routes. -ENODEV: no such link. */
int netlink_link_delete(struct netlink *netlink, uint32_t index, struct problem *problem);

/*
 * Puts the link into a group, whose links can be deleted together. A deletion alone costs tens of
 * milliseconds, a thousand at once half a second. -ENODEV: no such link.
 */
int netlink_link_set_group(
	struct netlink *netlink, uint32_t index, uint32_t group, struct problem *problem);
/* Deletes all links of the group. -ENODEV: the group is empty. */
int netlink_group_delete(struct netlink *netlink, uint32_t group, struct problem *problem);

/*
 * Adds a point-to-point address: local/32 (or /128) with its peer. IPv6 does no duplicate address
 * detection. -EEXIST: the link has it already.
 */
int netlink_address_add(struct netlink *netlink, uint32_t index, const struct addr *local,
	const struct addr *remote, struct problem *problem);
/* -EADDRNOTAVAIL: the link has no such address. */
int netlink_address_delete(struct netlink *netlink, uint32_t index, const struct addr *local,
	const struct addr *remote, struct problem *problem);

struct netlink_address {
	struct prefix prefix; /* as configured, with host bits */
	/* The other end of a point-to-point address, with host bits; or AF_UNSPEC. */
	struct prefix peer;
	uint32_t index; /* of the address's link */
};

/* Lists all addresses of this namespace. The caller frees *ret_addresses. */
int netlink_addresses(struct netlink *netlink, struct netlink_address **ret_addresses,
	size_t *ret_count, struct problem *problem);

enum { NETLINK_LINKS_MAX = 16 }; /* links of one shared route */

struct netlink_route {
	struct prefix prefix;
	uint32_t index;    /* of the route's link */
	uint32_t priority; /* metric; not 0, which means different things in IPv4 and IPv6 */
	uint32_t table;    /* 0: the main table */
	bool unreachable;  /* no link: the network is unreachable */
	bool held;         /* carries RTPROT_CULVERT_HELD */
	/*
	 * IPv6: the other end of the link, or AF_UNSPEC. The kernel shares a route among several
	 * links only if it has a gateway (rt6_qualify_for_ecmp() in net/ipv6/route.c).
	 */
	struct addr via;
};

/*
 * Adds a route of ours to its table, to a link or as unreachable. Succeeds if the same route
 * exists. -EEXIST: another program's route has the same prefix and metric. -EBUSY: another Culvert
 * process's route has; *problem names it.
 */
int netlink_route_add(
	struct netlink *netlink, const struct netlink_route *route, struct problem *problem);
/* Removes a route only if it is ours. -ESRCH: there is none. */
int netlink_route_delete(
	struct netlink *netlink, const struct netlink_route *route, struct problem *problem);

/*
 * Shares one prefix and metric among several links, over which the kernel spreads flows. The
 * families differ. IPv4: one route of ours is replaced by one to all of these links, 1 to
 * NETLINK_LINKS_MAX; `route` has prefix and metric. IPv6: a route is added beside ours, and
 * netlink_route_delete() removes it by its `via`.
 */
int netlink_route_share4(struct netlink *netlink, const struct netlink_route *route,
	const uint32_t *links, size_t count, struct problem *problem);
int netlink_route_append6(
	struct netlink *netlink, const struct netlink_route *route, struct problem *problem);

/* Selects routes of the kernel; 0 selects all. */
struct netlink_query {
	uint8_t family;
	uint32_t table; /* 0: all tables but the local one */
	uint32_t link;
	uint8_t protocol; /* rtm_protocol */
	bool unreachable; /* also routes without a link, which refuse packets */
};

/* A route to a network: RTN_UNICAST, and on request RTN_UNREACHABLE. */
struct netlink_seen_route {
	struct prefix prefix;
	uint32_t links[NETLINK_LINKS_MAX];       /* of its first next hops */
	struct addr gateways[NETLINK_LINKS_MAX]; /* of the same hops; AF_UNSPEC: no gateway */
	size_t link_count;
	uint32_t table;
	uint32_t priority; /* metric */
	uint8_t protocol;
	bool unreachable; /* it has no link and refuses packets */
	bool direct;      /* on the link itself, without gateway */
	bool dead;        /* its link is down or has no carrier */
};

/*
 * Calls take() for each selected route; for none if table, link or family does not exist. -EAGAIN:
 * the routes changed meanwhile, and some may be missing.
 */
int netlink_routes(struct netlink *netlink, const struct netlink_query *query,
	void (*take)(void *context, const struct netlink_seen_route *route), void *context,
	struct problem *problem);

#endif
