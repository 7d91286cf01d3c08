/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/on_link.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>

int on_link_read(struct on_link *on_link, const struct interfaces *interfaces,
	const struct netns_id *netns, struct netlink *netlink, struct problem *problem)
{
	*on_link = (struct on_link){ .interfaces = interfaces, .netns = netns };
	return netlink_addresses(netlink, &on_link->addresses, &on_link->count, problem);
}

void on_link_free(struct on_link *on_link)
{
	free(on_link->addresses);
	*on_link = (struct on_link){ .count = 0 };
}

/* In a foreign namespace the link's name is not known here. */
static const char *link_name(
	const struct netns_id *netns, uint32_t index, char out[static REQUEST_IFNAME_MAX + 1])
{
	return netns->inode == 0 && if_indextoname(index, out) ? out : "an interface";
}

static bool is_inside(const struct prefix *network, const struct prefix *prefix)
{
	return addr_is_set(&network->addr) && network->len > 0 && network->len <= prefix->len &&
		network->addr.family == prefix->addr.family && prefix_contains(network, prefix);
}

/* Returns the network of that address if it contains the prefix; else NULL. */
static const struct prefix *network_around(const struct on_link *on_link,
	const struct netlink_address *here, const struct prefix *prefix)
{
	if (interfaces_have_link(on_link->interfaces, on_link->netns, here->index))
		return NULL;
	if (is_inside(&here->prefix, prefix))
		return &here->prefix;
	return is_inside(&here->peer, prefix) ? &here->peer : NULL;
}

int on_link_judge_route(
	const struct on_link *on_link, const struct prefix *prefix, struct problem *why)
{
	char text[ADDR_TEXT_MAX], name[REQUEST_IFNAME_MAX + 1];

	for (size_t i = 0; i < on_link->count; i++) {
		const struct netlink_address *here = &on_link->addresses[i];
		const struct prefix *around = network_around(on_link, here, prefix);
		struct prefix network;

		if (!around)
			continue;
		network = prefix_network(around);
		problem_set(why, "it is inside this host's network %s at %s",
			prefix_format(&network, text),
			link_name(on_link->netns, here->index, name));
		return -EADDRINUSE;
	}
	return 0;
}

bool on_link_is_network(const struct on_link *on_link, const struct prefix *prefix)
{
	for (size_t i = 0; i < on_link->count; i++) {
		const struct prefix *around = network_around(
			on_link, &on_link->addresses[i], prefix);

		if (around && around->len == prefix->len)
			return true;
	}
	return false;
}

/* ---- addresses of tunnels ---- */

/* One of the addresses that a tunnel wants. */
struct candidate {
	const struct addr *addr;
	bool remote; /* the peer's */
};

enum { CANDIDATES = 4 };

/* A search through the routes of a namespace for the candidates. */
struct search {
	const struct interfaces *interfaces;
	const struct netns_id *netns;
	struct netlink *netlink;
	struct candidate candidates[CANDIDATES];
	struct problem *why;
	int r; /* -EADDRINUSE: found */
};

static void found(struct search *search, const struct addr *address, const char *what,
	const struct prefix *prefix, uint32_t link)
{
	char text[ADDR_TEXT_MAX], around[ADDR_TEXT_MAX], name[REQUEST_IFNAME_MAX + 1];

	if (search->r < 0)
		return;
	problem_set(search->why, "%s %s %s at %s", addr_format(address, text), what,
		prefix_format(prefix, around), link_name(search->netns, link, name));
	search->r = -EADDRINUSE;
}

/*
 * A network is on a link only if this host's own address there or a router advertisement says so. A
 * route that a person or another program makes, such as 10.0.0.0/8 to another VPN, is a path and no
 * neighbourhood. The kernel's own route to a link's other end is checked with the address of the
 * link.
 */
static bool is_neighbourhood(const struct netlink_seen_route *route)
{
	return route->direct && route->link_count == 1 && route->prefix.len > 0 &&
		route->prefix.len < prefix_host(&route->prefix.addr).len &&
		(route->protocol == RTPROT_KERNEL || route->protocol == RTPROT_RA);
}

static void found_inside(struct search *search, const struct addr *address,
	const struct prefix *around, uint32_t link)
{
	const struct prefix network = prefix_network(around);

	found(search, address, "is inside the network", &network, link);
}

static void check_route(void *context, const struct netlink_seen_route *route)
{
	struct search *search = context;

	/* The gateway of a Culvert's route is the other end of its own tunnel. */
	if (route->protocol == RTPROT_CULVERT)
		return;
	for (size_t i = 0; i < CANDIDATES; i++) {
		const struct addr *address = search->candidates[i].addr;

		if (!addr_is_set(address))
			continue;
		for (size_t hop = 0; hop < route->link_count; hop++) {
			if (addr_equal(address, &route->gateways[hop]) &&
				!interfaces_have_link(
					search->interfaces, search->netns, route->links[hop]))
				found(search, address, "is the gateway to", &route->prefix,
					route->links[hop]);
		}
		if (is_neighbourhood(route) && prefix_contains_addr(&route->prefix, address) &&
			!interfaces_have_link(search->interfaces, search->netns, route->links[0]))
			found_inside(search, address, &route->prefix, route->links[0]);
	}
}

/*
 * Returns true if the link is a tunnel of another Culvert on this host. A link that has just been
 * deleted is none.
 */
static bool is_culverts(const struct search *search, uint32_t link)
{
	uint32_t group;

	return netlink_link_group(search->netlink, link, &group, NULL) == 0 &&
		group == INTERFACES_GROUP;
}

static void check_address(struct search *search, const struct on_link *on_link,
	const struct candidate *candidate, const struct netlink_address *here)
{
	struct prefix host = prefix_host(candidate->addr);
	const struct prefix *network = network_around(on_link, here, &host);

	if (!network)
		return;
	if (network == &here->peer && prefix_equal(network, &host) && candidate->remote &&
		is_culverts(search, here->index))
		return;
	if (addr_equal(&network->addr, candidate->addr))
		found(search, candidate->addr,
			network == &here->prefix ? "is this host's own address, as it has"
						 : "is the other end's of",
			network, here->index);
	else
		found_inside(search, candidate->addr, network, here->index);
}

int on_link_judge_addresses(const struct interfaces *interfaces, const struct netns_id *netns,
	struct netlink *netlink, const struct request_interface *wanted, struct problem *why)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct search search = {
		.interfaces = interfaces,
		.netns = netns,
		.netlink = netlink,
		.candidates = { { &wanted->local4, false }, { &wanted->remote4, true },
			{ &wanted->local6, false }, { &wanted->remote6, true } },
		.why = why,
	};
	struct on_link on_link;
	int r = on_link_read(&on_link, interfaces, netns, netlink, why);

	if (r < 0)
		return r;
	for (size_t i = 0; i < on_link.count; i++) {
		for (size_t j = 0; j < CANDIDATES; j++) {
			if (addr_is_set(search.candidates[j].addr))
				check_address(&search, &on_link, &search.candidates[j],
					&on_link.addresses[i]);
		}
	}
	on_link_free(&on_link);
	for (size_t i = 0; i < sizeof(families) && r == 0 && search.r == 0; i++) {
		struct netlink_query query = { .family = families[i] };

		r = netlink_routes(netlink, &query, check_route, &search, why);
	}
	return search.r < 0 ? search.r : r;
}
