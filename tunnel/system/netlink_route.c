/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdbool.h>

#include "system/netlink.h"
#include "system/netlink_internal.h"
#include "system/netlink_protocol.h"

static uint32_t table_of(const struct netlink_route *route)
{
	return route->table != 0 ? route->table : RT_TABLE_MAIN;
}

/*
 * IPv4 uses this scope for on-link networks (RFC 3549, ip-route(8)); IPv6 has no scopes. A default
 * route is never on-link, even without gateway: the kernel must not find it when it looks for a
 * gateway's link. Nor is an unreachable network.
 */
static uint8_t scope_of(const struct netlink_route *route)
{
	return route->prefix.addr.family == AF_INET && route->prefix.len > 0 && !route->unreachable
		? RT_SCOPE_LINK
		: RT_SCOPE_UNIVERSE;
}

/* Adds one more link to the route. False: no memory. */
static bool add_hop(struct rtnl_route *object, uint32_t link, const struct addr *via)
{
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	struct nl_addr *gateway = NULL;

	if (!hop)
		return false;
	rtnl_route_nh_set_ifindex(hop, (int)link);
	if (addr_is_set(via)) {
		gateway = netlink_to_nl(via, (uint8_t)(addr_size(via) * 8));
		if (!gateway) {
			rtnl_route_nh_free(hop);
			return false;
		}
		rtnl_route_nh_set_gateway(hop, gateway);
		nl_addr_put(gateway);
	}
	rtnl_route_add_nexthop(object, hop);
	return true;
}

static uint8_t protocol_of(const struct netlink_route *route)
{
	return route->held ? RTPROT_CULVERT_HELD : RTPROT_CULVERT;
}

/* Makes the object for a route of ours, still without links. NULL: no memory. */
static struct rtnl_route *bare_route(const struct netlink_route *route)
{
	struct nl_addr *destination = netlink_to_nl(&route->prefix.addr, route->prefix.len);
	struct rtnl_route *object = rtnl_route_alloc();

	if (!destination || !object || rtnl_route_set_dst(object, destination) < 0) {
		rtnl_route_put(object);
		nl_addr_put(destination);
		return NULL;
	}
	nl_addr_put(destination);
	rtnl_route_set_family(object, route->prefix.addr.family);
	rtnl_route_set_table(object, table_of(route));
	rtnl_route_set_protocol(object, protocol_of(route));
	rtnl_route_set_type(object, route->unreachable ? RTN_UNREACHABLE : RTN_UNICAST);
	rtnl_route_set_priority(object, route->priority);
	rtnl_route_set_scope(object, scope_of(route));
	return object;
}

/* Makes the object for a route of ours to its link, or unreachable. NULL: no memory. */
static struct rtnl_route *own_route(const struct netlink_route *route)
{
	struct rtnl_route *object = bare_route(route);

	if (!object || route->unreachable)
		return object;
	if (!add_hop(object, route->index, &route->via)) {
		rtnl_route_put(object);
		return NULL;
	}
	/*
	 * RTNH_F_ONLINK skips the lookup of the gateway, whose route does not exist yet on a new
	 * link.
	 */
	if (addr_is_set(&route->via))
		rtnl_route_set_flags(object, RTNH_F_ONLINK);
	return object;
}

/* The first next hop's link; 0: none, as for a blackhole. */
static uint32_t link_of(struct rtnl_route *route)
{
	struct rtnl_nexthop *hop = rtnl_route_get_nnexthops(route) > 0
		? rtnl_route_nexthop_n(route, 0)
		: NULL;

	return hop ? (uint32_t)rtnl_route_nh_get_ifindex(hop) : 0;
}

static bool same_place(struct rtnl_route *entry, const struct netlink_route *route)
{
	struct nl_addr *destination = rtnl_route_get_dst(entry);
	struct prefix prefix;

	return destination && netlink_from_nl(destination, &prefix) == 0 &&
		prefix_equal(&prefix, &route->prefix) &&
		rtnl_route_get_table(entry) == table_of(route) &&
		rtnl_route_get_priority(entry) == route->priority;
}

/* Returns true if the entry is the same route of ours. IPv6 gives unreachable routes a link. */
static bool same_route(struct rtnl_route *entry, const struct netlink_route *route)
{
	if (rtnl_route_get_protocol(entry) != protocol_of(route))
		return false;
	if (route->unreachable)
		return rtnl_route_get_type(entry) == RTN_UNREACHABLE;
	return link_of(entry) == route->index;
}

/*
 * Examines the existing route. 0: it is this route of ours. -EBUSY: another Culvert process's;
 * -EEXIST: another program's. On failure *problem names it.
 */
static int explain_clash(
	struct netlink *netlink, const struct netlink_route *route, struct problem *problem)
{
	char prefix[ADDR_TEXT_MAX], name[IFNAMSIZ];
	const char *program;
	struct nl_cache *cache;
	int r = -EEXIST;

	if (rtnl_route_alloc_cache(netlink->sock, route->prefix.addr.family, 0, &cache) < 0)
		return r;
	for (struct nl_object *object = nl_cache_get_first(cache); object;
		object = nl_cache_get_next(object)) {
		struct rtnl_route *entry = (struct rtnl_route *)object;
		uint32_t link = link_of(entry);

		if (!same_place(entry, route))
			continue;
		if (same_route(entry, route)) {
			r = 0;
			break;
		}
		netlink_link_name(netlink, link, name);
		if (rtnl_route_get_protocol(entry) == RTPROT_CULVERT) {
			r = -EBUSY;
			problem_set(problem,
				"%s of another Culvert has %s with metric %u, too: one of them "
				"needs another metric",
				name, prefix_format(&route->prefix, prefix), route->priority);
			continue;
		}
		program = netlink_protocol_name(rtnl_route_get_protocol(entry));
		problem_set(problem,
			"%s has %s with metric %u already (protocol %u%s%s): remove that route, "
			"or change its metric",
			name, prefix_format(&route->prefix, prefix), route->priority,
			rtnl_route_get_protocol(entry), program ? ", " : "",
			program ? program : "");
	}
	nl_cache_free(cache);
	return r;
}

/*
 * Sends the request that `build` makes: rtnl_route_build_add_request() or a similar function. Frees
 * the object; NULL: there was no memory for it.
 */
static int ask(struct netlink *netlink, struct rtnl_route *object,
	int (*build)(struct rtnl_route *object, int flags, struct nl_msg **ret_message), int flags,
	struct problem *problem)
{
	struct nl_msg *message = NULL;
	int r = object ? build(object, flags, &message) : -NLE_NOMEM;

	rtnl_route_put(object);
	return netlink_talk(netlink, r, message, problem);
}

int netlink_route_add(
	struct netlink *netlink, const struct netlink_route *route, struct problem *problem)
{
	char prefix[ADDR_TEXT_MAX];
	int r;

	/* Without NLM_F_EXCL the kernel would put our route before or beside another program's. */
	r = ask(netlink, own_route(route), rtnl_route_build_add_request, NLM_F_EXCL, problem);
	if (r < 0)
		problem_prepend(
			problem, "cannot add route %s", prefix_format(&route->prefix, prefix));
	return r == -EEXIST ? explain_clash(netlink, route, problem) : r;
}

int netlink_route_delete(
	struct netlink *netlink, const struct netlink_route *route, struct problem *problem)
{
	char prefix[ADDR_TEXT_MAX];
	int r;

	r = ask(netlink, own_route(route), rtnl_route_build_del_request, 0, problem);
	if (r < 0)
		problem_prepend(
			problem, "cannot remove route %s", prefix_format(&route->prefix, prefix));
	return r;
}

int netlink_route_share4(struct netlink *netlink, const struct netlink_route *route,
	const uint32_t *links, size_t count, struct problem *problem)
{
	static const struct addr none = { .family = AF_UNSPEC };
	struct rtnl_route *object = bare_route(route);
	char prefix[ADDR_TEXT_MAX];
	struct nl_msg *message = NULL;
	int r = object ? 0 : -NLE_NOMEM;

	for (size_t i = 0; i < count && r == 0; i++)
		r = add_hop(object, links[i], &none) ? 0 : -NLE_NOMEM;
	if (r == 0)
		r = rtnl_route_build_add_request(object, NLM_F_REPLACE, &message);
	rtnl_route_put(object);
	r = netlink_talk(netlink, r, message, problem);
	if (r < 0)
		problem_prepend(problem, "cannot share route %s among %zu links",
			prefix_format(&route->prefix, prefix), count);
	return r;
}

int netlink_route_append6(
	struct netlink *netlink, const struct netlink_route *route, struct problem *problem)
{
	char prefix[ADDR_TEXT_MAX];
	int r;

	r = ask(netlink, own_route(route), rtnl_route_build_add_request, NLM_F_APPEND, problem);
	if (r == -EEXIST) /* exactly the same route exists */
		return 0;
	if (r < 0)
		problem_prepend(problem, "cannot add a further route %s",
			prefix_format(&route->prefix, prefix));
	return r;
}
