/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink_mirror.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "system/netlink_internal.h"

/*
 * A route in a form that makes the two tables comparable: header and attributes in a fixed order,
 * without table, protocol, and the kernel's own additions (momentary flags, times).
 */
struct copy {
	struct nl_msg *message;
	bool kept; /* both tables have it */
};

struct copies {
	struct copy *items;
	size_t count, capacity;
	uint32_t table;
	bool ours; /* true: only routes of RTPROT_CULVERT; false: only the others */
	bool (*skip)(const void *context, uint32_t link);
	const void *context;
	int error;
};

/* A next hop object replaces link and gateway. */
static const int with_object[] = { RTA_DST, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_FLOW,
	RTA_PREF, RTA_NH_ID };
static const int with_hops[] = { RTA_DST, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_FLOW,
	RTA_PREF, RTA_OIF, RTA_GATEWAY, RTA_VIA, RTA_MULTIPATH };

enum {
	WITH_OBJECT_COUNT = ARRAY_SIZE(with_object),
	WITH_HOPS_COUNT = ARRAY_SIZE(with_hops),
};

/* NULL: no memory. */
static struct nl_msg *canonical(
	const struct rtmsg *route, struct nlattr *const attributes[RTA_MAX + 1])
{
	const struct rtmsg header = { .rtm_family = route->rtm_family,
		.rtm_dst_len = route->rtm_dst_len,
		.rtm_tos = route->rtm_tos,
		.rtm_scope = route->rtm_scope,
		.rtm_type = route->rtm_type };
	bool object = attributes[RTA_NH_ID] != NULL;
	const int *order = object ? with_object : with_hops;
	size_t count = object ? WITH_OBJECT_COUNT : WITH_HOPS_COUNT;
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWROUTE, 0);
	int r = message
		? nlmsg_append(message, (void *)(uintptr_t)&header, sizeof(header), NLMSG_ALIGNTO)
		: -NLE_NOMEM;

	for (size_t i = 0; i < count && r == 0; i++) {
		const struct nlattr *attribute = attributes[order[i]];

		if (attribute)
			r = nla_put(message, order[i], nla_len(attribute), nla_data(attribute));
	}
	if (r < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

static bool is_link_local(const struct rtmsg *route, struct nlattr *const attributes[RTA_MAX + 1])
{
	struct addr addr;

	if (route->rtm_family != AF_INET6 || !attributes[RTA_DST] ||
		nla_len(attributes[RTA_DST]) < 16)
		return false;
	addr = addr_v6(nla_data(attributes[RTA_DST]));
	return addr_is_link_local(&addr) || addr_is_multicast(&addr);
}

static bool is_wanted(const struct copies *copies, const struct rtmsg *route,
	struct nlattr *const attributes[RTA_MAX + 1])
{
	uint32_t table = attributes[RTA_TABLE] ? nla_get_u32(attributes[RTA_TABLE])
					       : route->rtm_table;

	return table == copies->table && route->rtm_type == RTN_UNICAST &&
		(route->rtm_flags & RTM_F_CLONED) == 0 && route->rtm_src_len == 0 &&
		(route->rtm_protocol == RTPROT_CULVERT) == copies->ours && !attributes[RTA_ENCAP] &&
		!is_link_local(route, attributes) &&
		!(copies->skip && attributes[RTA_OIF] &&
			copies->skip(copies->context, nla_get_u32(attributes[RTA_OIF])));
}

static int append(struct copies *copies, struct nl_msg *message)
{
	struct copy *items = array_grow(
		copies->items, copies->count, &copies->capacity, sizeof(*items));

	if (!items)
		return -ENOMEM;
	copies->items = items;
	copies->items[copies->count++] = (struct copy){ .message = message };
	return 0;
}

static int on_route(struct nl_msg *message, void *context)
{
	struct copies *copies = context;
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct nlattr *attributes[RTA_MAX + 1] = { NULL };
	const struct rtmsg *route;
	struct nl_msg *copy;

	if (copies->error < 0 || header->nlmsg_type != RTM_NEWROUTE ||
		nlmsg_parse(header, sizeof(*route), attributes, RTA_MAX, NULL) < 0)
		return NL_OK;
	route = nlmsg_data(header);
	if (!is_wanted(copies, route, attributes))
		return NL_OK;
	if (copies->count == NETLINK_MIRROR_MAX) {
		copies->error = -E2BIG;
		return NL_OK;
	}
	copy = canonical(route, attributes);
	copies->error = copy ? append(copies, copy) : -ENOMEM;
	if (copies->error < 0)
		nlmsg_free(copy);
	return NL_OK;
}

static void free_copies(struct copies *copies)
{
	for (size_t i = 0; i < copies->count; i++)
		nlmsg_free(copies->items[i].message);
	free(copies->items);
}

static int read_copies(
	struct netlink *netlink, uint8_t family, struct copies *copies, struct problem *problem)
{
	struct netlink_query query = { .family = family, .table = copies->table };
	int r = netlink_dump_routes(netlink, &query, on_route, copies, problem);

	if (r < 0 || copies->error == 0)
		return r;
	if (copies->error == -E2BIG)
		problem_set(problem, "the main table has more than %d routes", NETLINK_MIRROR_MAX);
	else
		problem_set(problem, "out of memory");
	return copies->error;
}

static int compare(const void *a, const void *b)
{
	const struct copy *first = a, *second = b;
	int lengths = nlmsg_datalen(nlmsg_hdr(first->message)) -
		nlmsg_datalen(nlmsg_hdr(second->message));

	return lengths != 0 ? lengths
			    : memcmp(nlmsg_data(nlmsg_hdr(first->message)),
				      nlmsg_data(nlmsg_hdr(second->message)),
				      (size_t)nlmsg_datalen(nlmsg_hdr(first->message)));
}

/* Both lists are sorted. An interrupted dump has some routes twice. */
static void mark_kept(struct copies *copies, const struct copies *others)
{
	for (size_t i = 0; i < copies->count && others->count > 0; i++)
		copies->items[i].kept = bsearch(&copies->items[i], others->items, others->count,
						sizeof(others->items[0]), compare) != NULL;
}

/* Adds the route to the table or deletes it there. */
static int apply(struct netlink *netlink, const struct copy *copy, uint32_t table, int type,
	struct problem *problem)
{
	int flags = NLM_F_ACK | (type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_APPEND : 0);
	struct nl_msg *message = nlmsg_alloc_simple(type, flags);
	struct nlmsghdr *from = nlmsg_hdr(copy->message);
	struct rtmsg *route;
	int r = message ? nlmsg_append(message, nlmsg_data(from), (size_t)nlmsg_datalen(from),
				  NLMSG_ALIGNTO)
			: -NLE_NOMEM;

	if (r == 0) {
		route = nlmsg_data(nlmsg_hdr(message));
		route->rtm_protocol = RTPROT_CULVERT;
		/* The kernel checked the gateway for the main table. */
		if (nlmsg_find_attr(from, sizeof(*route), RTA_GATEWAY))
			route->rtm_flags = RTNH_F_ONLINK;
		r = nla_put_u32(message, RTA_TABLE, table);
	}
	if (r < 0)
		nlmsg_free(message);
	return netlink_talk(netlink, r, message, problem);
}

static void apply_unkept(
	struct netlink *netlink, const struct copies *copies, uint32_t table, int type)
{
	struct problem ignored;

	for (size_t i = 0; i < copies->count; i++) {
		if (!copies->items[i].kept)
			(void)apply(netlink, &copies->items[i], table, type, &ignored);
	}
}

static void sort(struct copies *copies)
{
	if (copies->count > 1)
		qsort(copies->items, copies->count, sizeof(copies->items[0]), compare);
}

int netlink_mirror(struct netlink *netlink, uint8_t family, uint32_t table,
	bool (*skip)(const void *context, uint32_t link), const void *context,
	struct problem *problem)
{
	struct copies wanted = { .table = RT_TABLE_MAIN, .skip = skip, .context = context };
	struct copies existing = { .table = table, .ours = true };
	int r = read_copies(netlink, family, &wanted, problem);

	if (r == 0)
		r = read_copies(netlink, family, &existing, problem);
	if (r == 0) {
		sort(&wanted);
		sort(&existing);
		mark_kept(&wanted, &existing);
		mark_kept(&existing, &wanted);
		apply_unkept(netlink, &wanted, table, RTM_NEWROUTE);
		apply_unkept(netlink, &existing, table, RTM_DELROUTE);
	}
	free_copies(&wanted);
	free_copies(&existing);
	return r;
}

int netlink_mirror_clear(
	struct netlink *netlink, uint8_t family, uint32_t table, struct problem *problem)
{
	struct copies existing = { .table = table, .ours = true };
	int r = read_copies(netlink, family, &existing, problem);

	if (r == 0)
		apply_unkept(netlink, &existing, table, RTM_DELROUTE);
	free_copies(&existing);
	return r;
}
