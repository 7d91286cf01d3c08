/* SPDX-License-Identifier: Apache-2.0 */
#include "system/netlink_nexthop.h"

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "system/netlink_internal.h"

/* One object: a way by itself, or a group of others. */
struct nexthop {
	uint32_t id, link;
	struct addr gateway;
	bool dead;
	uint32_t members[NETLINK_LINKS_MAX];
	size_t member_count; /* 0: it is no group */
};

struct netlink_nexthops {
	struct nexthop *items; /* sorted by id: there may be as many as routes */
	size_t count, capacity;
	bool out_of_memory;
};

static struct nexthop *append(struct netlink_nexthops *nexthops)
{
	struct nexthop *items = array_grow(
		nexthops->items, nexthops->count, &nexthops->capacity, sizeof(*items));

	if (!items) {
		nexthops->out_of_memory = true;
		return NULL;
	}
	nexthops->items = items;
	return &nexthops->items[nexthops->count++];
}

static void read_members(const struct nlattr *attribute, struct nexthop *nexthop)
{
	struct nexthop_grp member;
	size_t count = (size_t)nla_len(attribute) / sizeof(member);

	for (size_t i = 0; i < count && i < NETLINK_LINKS_MAX; i++) {
		memcpy(&member, (const char *)nla_data(attribute) + i * sizeof(member),
			sizeof(member));
		nexthop->members[nexthop->member_count++] = member.id;
	}
}

static int on_nexthop(struct nl_msg *message, void *context)
{
	struct nlattr *attributes[NHA_MAX + 1] = { NULL };
	struct nlmsghdr *header = nlmsg_hdr(message);
	const struct nlattr *gateway;
	const struct nhmsg *body;
	struct nexthop *nexthop;

	if (header->nlmsg_type != RTM_NEWNEXTHOP ||
		nlmsg_parse(header, sizeof(*body), attributes, NHA_MAX, NULL) < 0 ||
		!attributes[NHA_ID])
		return NL_OK;
	nexthop = append(context);
	if (!nexthop)
		return NL_OK;
	body = nlmsg_data(header);
	gateway = attributes[NHA_GATEWAY];
	*nexthop = (struct nexthop){ .id = nla_get_u32(attributes[NHA_ID]),
		.dead = (body->nh_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) != 0 };
	if (attributes[NHA_OIF])
		nexthop->link = nla_get_u32(attributes[NHA_OIF]);
	if (gateway && nla_len(gateway) == 4)
		nexthop->gateway = addr_v4(nla_data(gateway));
	else if (gateway && nla_len(gateway) == 16)
		nexthop->gateway = addr_v6(nla_data(gateway));
	if (attributes[NHA_GROUP])
		read_members(attributes[NHA_GROUP], nexthop);
	return NL_OK;
}

/* NULL: no memory. */
static struct nl_msg *list_request(void)
{
	const struct nhmsg body = { .nh_family = AF_UNSPEC };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETNEXTHOP, NLM_F_DUMP);

	if (message && nlmsg_append(message, (void *)&body, sizeof(body), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

static int compare(const void *a, const void *b)
{
	const struct nexthop *one = a, *other = b;

	return (one->id > other->id) - (one->id < other->id);
}

int netlink_nexthops_read(struct netlink *netlink, struct netlink_nexthops **ret_nexthops)
{
	struct netlink_nexthops *nexthops = calloc(1, sizeof(*nexthops));
	int r = nexthops ? netlink_dump(netlink, list_request(), on_nexthop, nexthops) : -NLE_NOMEM;

	if (r >= 0 && nexthops->out_of_memory)
		r = -NLE_NOMEM;
	if (r == -NLE_OPNOTSUPP)
		r = 0;
	if (r < 0) {
		netlink_nexthops_free(nexthops);
		return r;
	}
	if (nexthops->count > 0)
		qsort(nexthops->items, nexthops->count, sizeof(nexthops->items[0]), compare);
	*ret_nexthops = nexthops;
	return 0;
}

void netlink_nexthops_free(struct netlink_nexthops *nexthops)
{
	if (!nexthops)
		return;
	free(nexthops->items);
	free(nexthops);
}

static const struct nexthop *find(const struct netlink_nexthops *nexthops, uint32_t id)
{
	const struct nexthop wanted = { .id = id };

	if (nexthops->count == 0)
		return NULL;
	return bsearch(&wanted, nexthops->items, nexthops->count, sizeof(wanted), compare);
}

/* Adds one way. A group has no groups inside. */
static void add_way(const struct nexthop *nexthop, struct netlink_seen_route *route)
{
	if (!nexthop || nexthop->link == 0 || route->link_count == NETLINK_LINKS_MAX)
		return;
	route->links[route->link_count] = nexthop->link;
	route->gateways[route->link_count++] = nexthop->gateway;
	if (!nexthop->dead)
		route->dead = false;
}

void netlink_nexthops_resolve(
	const struct netlink_nexthops *nexthops, uint32_t id, struct netlink_seen_route *route)
{
	const struct nexthop *nexthop = find(nexthops, id);

	route->dead = true;
	route->direct = nexthop && nexthop->member_count == 0 && !addr_is_set(&nexthop->gateway);
	if (nexthop && nexthop->member_count == 0)
		add_way(nexthop, route);
	for (size_t i = 0; nexthop && i < nexthop->member_count; i++)
		add_way(find(nexthops, nexthop->members[i]), route);
}
