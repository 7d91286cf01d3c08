/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads routes. The request is built by hand, since libnl requests all routes and stores them: a
 * gateway may have a million, of which we need a few. The kernel selects them (strict checking of
 * dump requests, Linux 4.20). Older kernels send others, too, which are skipped here.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <string.h>

#include "base/bytes.h"
#include "system/netlink.h"
#include "system/netlink_internal.h"
#include "system/netlink_nexthop.h"

#ifndef NETLINK_GET_STRICT_CHK /* linux/netlink.h, 4.20 */
#define NETLINK_GET_STRICT_CHK 12
#endif

enum { DUMP_TRIES = 3 };

/* The current one. */
struct dump {
	const struct netlink_query *query;
	void (*take)(void *context, const struct netlink_seen_route *route);
	void *context;
	bool named;    /* there are routes that only name a nexthop object */
	bool resolves; /* only these are taken, in a second pass; else all others */
	const struct netlink_nexthops *nexthops;
};

/* False: not a prefix of the family. */
static bool read_destination(
	const struct rtmsg *header, const struct nlattr *attribute, struct prefix *ret_prefix)
{
	static const uint8_t zeros[16];
	size_t size = header->rtm_family == AF_INET ? 4 : 16;
	const void *bytes = zeros; /* a default route has no bytes */

	if (attribute && (size_t)nla_len(attribute) < size)
		return false;
	if (attribute)
		bytes = nla_data(attribute);
	if (header->rtm_dst_len > size * 8)
		return false;
	ret_prefix->addr = size == 4 ? addr_v4(bytes) : addr_v6(bytes);
	ret_prefix->len = header->rtm_dst_len;
	return !prefix_has_host_bits(ret_prefix);
}

/* Reads RTA_GATEWAY, or RTA_VIA of the other family. AF_UNSPEC: neither, or not an address. */
static struct addr read_gateway(
	uint8_t family, const struct nlattr *gateway, const struct nlattr *via)
{
	struct rtvia header;
	struct reader reader;
	struct view view;

	if (!gateway && !via)
		return (struct addr){ .family = AF_UNSPEC };
	if (gateway) {
		reader_init(&reader, nla_data(gateway), (size_t)nla_len(gateway));
	} else {
		reader_init(&reader, nla_data(via), (size_t)nla_len(via));
		if (reader_view(&reader, sizeof(header), &view) < 0)
			return (struct addr){ .family = AF_UNSPEC };
		memcpy(&header, view.data, sizeof(header));
		family = (uint8_t)header.rtvia_family;
	}
	if (family == AF_INET && reader_view(&reader, 4, &view) == 0)
		return addr_v4(view.data);
	if (family == AF_INET6 && reader_view(&reader, 16, &view) == 0)
		return addr_v6(view.data);
	return (struct addr){ .family = AF_UNSPEC };
}

/*
 * RTA_MULTIPATH: next hops, each with its length and attributes of its own (rtnetlink(7)). The
 * route is dead when each of them is.
 */
static void read_hops(
	uint8_t family, const struct nlattr *attribute, struct netlink_seen_route *route)
{
	struct rtnexthop hop;
	struct reader reader;
	struct view view;
	const struct nlattr *own;
	int len;

	route->dead = true;
	reader_init(&reader, nla_data(attribute), (size_t)nla_len(attribute));
	while (route->link_count < NETLINK_LINKS_MAX &&
		reader_view(&reader, sizeof(hop), &view) == 0) {
		memcpy(&hop, view.data, sizeof(hop));
		route->links[route->link_count] = (uint32_t)hop.rtnh_ifindex;
		if ((hop.rtnh_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) == 0)
			route->dead = false;
		if (hop.rtnh_len < sizeof(hop) ||
			reader_view(&reader, (size_t)RTNH_ALIGN(hop.rtnh_len) - sizeof(hop),
				&view) < 0) {
			route->link_count++;
			return;
		}
		own = (const void *)view.data;
		len = (int)view.len;
		route->gateways[route->link_count++] = read_gateway(
			family, nla_find(own, len, RTA_GATEWAY), nla_find(own, len, RTA_VIA));
	}
}

static bool is_wanted(
	const struct netlink_query *query, uint32_t table, const struct netlink_seen_route *route)
{
	return (query->table == 0 ? table != RT_TABLE_LOCAL : table == query->table) &&
		(query->link == 0 || (route->link_count == 1 && route->links[0] == query->link)) &&
		(query->protocol == 0 || route->protocol == query->protocol);
}

/* True: the route only names its next hops, by an object. */
static bool names_only(struct dump *dump, struct nlattr *const *attributes)
{
	bool only = attributes[RTA_NH_ID] && !attributes[RTA_OIF] && !attributes[RTA_MULTIPATH];

	dump->named |= only;
	return only;
}

static int on_route(struct nl_msg *message, void *context)
{
	struct dump *dump = context;
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct nlattr *attributes[RTA_MAX + 1] = { NULL };
	struct netlink_seen_route route = { .link_count = 0 };
	const struct rtmsg *body;
	uint32_t table;

	if (header->nlmsg_type != RTM_NEWROUTE ||
		nlmsg_parse(header, sizeof(*body), attributes, RTA_MAX, NULL) < 0)
		return NL_OK;
	body = nlmsg_data(header);
	table = attributes[RTA_TABLE] ? nla_get_u32(attributes[RTA_TABLE]) : body->rtm_table;
	route.unreachable = body->rtm_type == RTN_UNREACHABLE;
	if (body->rtm_family != dump->query->family ||
		(body->rtm_type != RTN_UNICAST &&
			!(route.unreachable && dump->query->unreachable)) ||
		(body->rtm_flags & RTM_F_CLONED) != 0 ||
		!read_destination(body, attributes[RTA_DST], &route.prefix))
		return NL_OK;
	if (attributes[RTA_OIF]) {
		route.gateways[0] = read_gateway(
			body->rtm_family, attributes[RTA_GATEWAY], attributes[RTA_VIA]);
		route.links[route.link_count++] = nla_get_u32(attributes[RTA_OIF]);
	} else if (attributes[RTA_MULTIPATH]) {
		read_hops(body->rtm_family, attributes[RTA_MULTIPATH], &route);
	}
	route.protocol = body->rtm_protocol;
	route.table = table;
	if (names_only(dump, attributes) != dump->resolves)
		return NL_OK;
	if (attributes[RTA_PRIORITY])
		route.priority = nla_get_u32(attributes[RTA_PRIORITY]);
	route.direct = !attributes[RTA_GATEWAY] && !attributes[RTA_VIA] &&
		!attributes[RTA_MULTIPATH];
	if (dump->resolves)
		netlink_nexthops_resolve(
			dump->nexthops, nla_get_u32(attributes[RTA_NH_ID]), &route);
	route.dead |= (body->rtm_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) != 0;
	if (is_wanted(dump->query, table, &route))
		dump->take(dump->context, &route);
	return NL_OK;
}

/* NULL: no memory. */
static struct nl_msg *dump_request(const struct netlink_query *query)
{
	struct rtmsg body = { .rtm_family = query->family,
		.rtm_table = query->table < 256 ? (unsigned char)query->table : RT_TABLE_UNSPEC,
		.rtm_protocol = query->protocol,
		.rtm_type = query->unreachable ? RTN_UNSPEC : RTN_UNICAST };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_DUMP);
	int r = message ? nlmsg_append(message, &body, sizeof(body), NLMSG_ALIGNTO) : -NLE_NOMEM;

	if (r == 0 && query->table >= 256)
		r = nla_put_u32(message, RTA_TABLE, query->table);
	if (r == 0 && query->link != 0)
		r = nla_put_u32(message, RTA_OIF, query->link);
	if (r < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

int netlink_dump_routes(struct netlink *netlink, const struct netlink_query *query,
	nl_recvmsg_msg_cb_t take, void *context, struct problem *problem)
{
	int fd = nl_socket_get_fd(netlink->sock), on = 1, off = 0, r;

	/* Only for these dumps: libnl's own would be refused. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	r = netlink_dump(netlink, dump_request(query), take, context);
	for (int i = 1; i < DUMP_TRIES && r == -NLE_DUMP_INTR; i++)
		r = netlink_dump(netlink, dump_request(query), take, context);
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &off, sizeof(off));
	if (r == -NLE_DUMP_INTR) {
		problem_set(problem, "the routes of this host change faster than they are read");
		return -EAGAIN;
	}
	if (r >= 0 || r == -NLE_OBJ_NOTFOUND || r == -NLE_NODEV || r == -NLE_OPNOTSUPP ||
		r == -NLE_AF_NOSUPPORT)
		return 0;
	problem_set(problem, "cannot read the routes of this host: %s", nl_geterror(r));
	return netlink_errno(r);
}

int netlink_routes(struct netlink *netlink, const struct netlink_query *query,
	void (*take)(void *context, const struct netlink_seen_route *route), void *context,
	struct problem *problem)
{
	struct dump dump = { .query = query, .take = take, .context = context };
	struct netlink_nexthops *nexthops;
	int r = netlink_dump_routes(netlink, query, on_route, &dump, problem);

	if (r < 0 || !dump.named)
		return r;
	/* Seldom: once more, for those that were left out. */
	r = netlink_nexthops_read(netlink, &nexthops);
	if (r < 0) {
		problem_set(problem, "cannot read the nexthop objects of this host: %s",
			nl_geterror(r));
		return r == -NLE_DUMP_INTR ? -EAGAIN : netlink_errno(r);
	}
	dump.nexthops = nexthops;
	dump.resolves = true;
	r = netlink_dump_routes(netlink, query, on_route, &dump, problem);
	netlink_nexthops_free(nexthops);
	return r;
}
