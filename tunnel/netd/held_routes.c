/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/held_routes.h"

#include <assert.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/log.h"
#include "config/settings.h"
#include "netd/interface_routes.h"

static_assert((int)HELD_ROUTES_METRIC > (int)SETTINGS_METRIC_MAX, "held routes lose to all others");

static const uint8_t families[] = { AF_INET, AF_INET6 };

/* ---- one held route ---- */

uint32_t held_routes_metric(const struct interface *interface)
{
	return HELD_ROUTES_METRIC + interface->index;
}

static struct netlink_route route_of(const struct interfaces *interfaces,
	const struct interface *interface, const struct prefix *prefix)
{
	return (struct netlink_route){
		.prefix = *prefix,
		.priority = held_routes_metric(interface),
		.table = interfaces->table,
		.unreachable = true,
		.held = true,
	};
}

int held_routes_put_back(struct interfaces *interfaces, const struct interface *interface,
	const struct prefix *prefix, struct problem *problem)
{
	struct netlink_route route = route_of(interfaces, interface, prefix);
	struct netlink *netlink;
	int r = interfaces_enter(interfaces, interface, &netlink, problem);

	return r < 0 ? r : netlink_route_add(netlink, &route, problem);
}

static int take_away(struct interfaces *interfaces, const struct interface *interface,
	const struct prefix *prefix, struct problem *problem)
{
	struct netlink_route route = route_of(interfaces, interface, prefix);
	struct netlink *netlink;
	int r = interfaces_enter(interfaces, interface, &netlink, problem);

	if (r == 0)
		r = netlink_route_delete(netlink, &route, problem);
	return r == -ESRCH || r == -ENODEV ? 0 : r;
}

/* ---- all of one interface ---- */

/*
 * Replaces the held routes by those of *wanted, which is sorted, and takes it over. What cannot be
 * added is tried again with the other parts of the desired state. Additions come first, so that
 * each prefix is held all the time. If one fails, the old routes stay in the kernel and in the
 * list, and the next call removes them.
 */
static int replace(struct interfaces *interfaces, struct interface *interface,
	struct prefix_list *wanted, struct problem *problem)
{
	struct prefix_list before = interface->held;
	struct problem why;
	int r = 0;

	for (size_t i = 0; i < wanted->count; i++) {
		const struct prefix *prefix = &wanted->items[i];
		int added;

		if (prefix_list_has(&before, prefix) ||
			interface_family_is_off(interface, (uint8_t)prefix->addr.family))
			continue;
		added = held_routes_put_back(interfaces, interface, prefix, &why);
		if (added < 0 && r == 0) {
			r = added;
			*problem = why;
		}
	}
	if (r < 0 && prefix_list_append(wanted, before.items, before.count) < 0) {
		prefix_list_free(wanted);
		return r; /* the next call adds all of them again */
	}
	prefix_list_sort(wanted);
	interface->held = *wanted;
	*wanted = (struct prefix_list){ .items = NULL };
	for (size_t i = 0; r == 0 && i < before.count; i++) {
		if (!prefix_list_has(&interface->held, &before.items[i]) &&
			take_away(interfaces, interface, &before.items[i], &why) < 0)
			log_warning("%s: %s", interface->now.peer.name, why.text);
	}
	prefix_list_free(&before);
	return r;
}

int held_routes_add(struct interfaces *interfaces, struct interface *interface,
	const struct prefix *prefix, struct problem *problem)
{
	int r;

	if (prefix_list_has(&interface->held, prefix))
		return 0;
	r = held_routes_put_back(interfaces, interface, prefix, problem);
	if (r == 0 && prefix_list_append(&interface->held, prefix, 1) < 0) {
		problem_set(problem, "out of memory");
		(void)take_away(interfaces, interface, prefix, NULL);
		return -ENOMEM;
	}
	prefix_list_sort(&interface->held);
	return r;
}

void held_routes_end(struct interfaces *interfaces, struct interface *interface)
{
	struct prefix_list none = { .items = NULL };
	struct problem problem;

	(void)replace(interfaces, interface, &none, &problem);
}

/* ---- the ways that the kernel has ---- */

struct way {
	struct prefix prefix;
	uint32_t metric;
	bool live;
};

/* Those of one table in one namespace that cover something, sorted. */
struct ways {
	const struct interfaces *interfaces;
	const struct netns_id *netns;
	uint8_t longest; /* a route with a prefix of this length or longer covers nothing */
	struct way *items;
	size_t count, capacity;
	bool out_of_memory;
	bool lengths[2][129]; /* of families[], and of prefixes: those that occur */
};

static size_t family_at(uint8_t family)
{
	return family == AF_INET ? 0 : 1;
}

/* Routing daemons whose routes follow what they hear from other routers. */
static bool is_daemon(uint8_t protocol)
{
	static const uint8_t daemons[] = { RTPROT_ZEBRA, RTPROT_BIRD, RTPROT_BABEL, RTPROT_OPENR,
		RTPROT_BGP, RTPROT_ISIS, RTPROT_OSPF, RTPROT_RIP, RTPROT_EIGRP };

	return memchr(daemons, protocol, sizeof(daemons)) != NULL;
}

static bool leads_to_idle(const struct ways *ways, const struct netlink_seen_route *route)
{
	for (const struct interface *i = ways->interfaces->first; i; i = i->next) {
		for (size_t link = 0; i->idle && link < route->link_count; link++) {
			if (route->links[link] == i->index &&
				netns_id_equal(&i->netns, ways->netns))
				return true;
		}
	}
	return false;
}

static bool is_live(const struct ways *ways, const struct netlink_seen_route *route)
{
	return (route->protocol == RTPROT_CULVERT || is_daemon(route->protocol)) && !route->dead &&
		route->prefix.len >= SETTINGS_WAY_MIN && !leads_to_idle(ways, route);
}

static void take_way(void *context, const struct netlink_seen_route *route)
{
	struct ways *ways = context;
	struct way *items;

	/* A held route wins against a route with a larger metric than its own. */
	if (route->prefix.len == 0 || route->prefix.len >= ways->longest || route->dead ||
		route->priority >= HELD_ROUTES_METRIC)
		return;
	items = array_grow(ways->items, ways->count, &ways->capacity, sizeof(*items));
	if (!items) {
		ways->out_of_memory = true;
		return;
	}
	ways->items = items;
	ways->lengths[family_at((uint8_t)route->prefix.addr.family)][route->prefix.len] = true;
	ways->items[ways->count++] = (struct way){
		.prefix = route->prefix,
		.metric = route->priority,
		.live = is_live(ways, route),
	};
}

/* The way that the kernel uses comes first; of equal ones, the one that is not live. */
static int compare_ways(const void *a, const void *b)
{
	const struct way *one = a, *other = b;
	int order = prefix_compare(&one->prefix, &other->prefix);

	if (order == 0)
		order = (one->metric > other->metric) - (one->metric < other->metric);
	return order != 0 ? order : (int)one->live - (int)other->live;
}

static int compare_prefix(const void *key, const void *item)
{
	return prefix_compare(key, &((const struct way *)item)->prefix);
}

static int read_ways(struct ways *ways, struct netlink *netlink, struct problem *problem)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families) && r == 0; i++) {
		struct netlink_query query = { .family = families[i],
			.table = interfaces_table(ways->interfaces) };

		r = netlink_routes(netlink, &query, take_way, ways, problem);
	}
	if (r == 0 && ways->out_of_memory) {
		problem_set(problem, "out of memory");
		r = -ENOMEM;
	}
	if (r < 0 || ways->count == 0)
		return r;
	qsort(ways->items, ways->count, sizeof(ways->items[0]), compare_ways);
	for (size_t i = 0; i < ways->count; i++) {
		if (kept == 0 ||
			!prefix_equal(&ways->items[kept - 1].prefix, &ways->items[i].prefix))
			ways->items[kept++] = ways->items[i];
	}
	ways->count = kept;
	return 0;
}

/* Returns the prefix to be held for a route that is idle. */
static struct prefix choose(const struct ways *ways, const struct prefix *route)
{
	const bool *lengths = ways->lengths[family_at((uint8_t)route->addr.family)];

	for (uint8_t len = route->len; len-- > 0;) {
		struct prefix cover = { .addr = route->addr, .len = len };
		const struct way *way;

		if (!lengths[len])
			continue;
		cover = prefix_network(&cover);
		way = bsearch(
			&cover, ways->items, ways->count, sizeof(ways->items[0]), compare_prefix);
		if (way)
			return way->live ? cover : *route;
	}
	return *route;
}

/* ---- all of one namespace ---- */

static bool is_concerned(const struct interface *interface, const struct netns_id *netns)
{
	return netns_id_equal(&interface->netns, netns) && interface->idle &&
		(interface->route_count > 0 || interface->held.count > 0);
}

bool held_routes_any(const struct interfaces *interfaces, const struct netns_id *netns)
{
	const struct interface *i = interfaces->first;

	while (i && !is_concerned(i, netns))
		i = i->next;
	return i != NULL;
}

static uint8_t longest_route(const struct interfaces *interfaces, const struct netns_id *netns)
{
	uint8_t longest = 0;

	for (const struct interface *i = interfaces->first; i; i = i->next) {
		for (size_t at = 0; is_concerned(i, netns) && at < i->route_count; at++) {
			if (i->routes[at].len > longest)
				longest = i->routes[at].len;
		}
	}
	return longest;
}

/* `ways` is NULL while they are not known: then each route is held itself. */
static int hold(struct interfaces *interfaces, struct interface *interface, const struct ways *ways,
	struct problem *problem)
{
	struct prefix_list wanted = { .items = NULL };
	int r = prefix_list_append(&wanted, interface->routes, interface->route_count);

	if (r < 0) {
		problem_set(problem, "out of memory");
		return r;
	}
	for (size_t i = 0; i < wanted.count && ways; i++)
		wanted.items[i] = choose(ways, &wanted.items[i]);
	prefix_list_sort(&wanted);
	return replace(interfaces, interface, &wanted, problem);
}

int held_routes_begin(
	struct interfaces *interfaces, struct interface *interface, struct problem *problem)
{
	return hold(interfaces, interface, NULL, problem);
}

int held_routes_update(struct interfaces *interfaces, const struct netns_id *netns,
	struct netlink *netlink, struct problem *problem)
{
	struct ways ways = { .interfaces = interfaces, .netns = netns };
	int r;

	if (!held_routes_any(interfaces, netns))
		return 0;
	ways.longest = longest_route(interfaces, netns);
	r = read_ways(&ways, netlink, problem);
	for (struct interface *i = interfaces->first; i && r == 0; i = i->next) {
		if (is_concerned(i, netns))
			r = hold(interfaces, i, &ways, problem);
	}
	free(ways.items);
	return r;
}

/* ---- what a killed netd has left ---- */

struct left {
	struct netlink *netlink;
	struct netlink_route *items;
	size_t count, capacity;
	bool out_of_memory;
};

static void take_left(void *context, const struct netlink_seen_route *route)
{
	struct left *left = context;
	struct netlink_route *items;

	/* Without a link in its metric it is none of ours: another program uses the number, too. */
	if (!route->unreachable || route->priority <= HELD_ROUTES_METRIC)
		return;
	items = array_grow(left->items, left->count, &left->capacity, sizeof(*items));
	if (!items) {
		left->out_of_memory = true;
		return;
	}
	left->items = items;
	left->items[left->count++] = (struct netlink_route){
		.prefix = route->prefix,
		.priority = route->priority,
		.table = route->table,
		.unreachable = true,
		.held = true,
	};
}

/* True: the link that the metric names is a tunnel of some Culvert's. */
static bool has_owner(struct netlink *netlink, const struct netlink_route *route)
{
	uint32_t group;

	return netlink_link_group(netlink, route->priority - HELD_ROUTES_METRIC, &group, NULL) ==
		0 &&
		group == INTERFACES_GROUP;
}

static int read_left(struct left *left, struct problem *problem)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families) && r == 0; i++) {
		struct netlink_query query = {
			.family = families[i], .protocol = RTPROT_CULVERT_HELD, .unreachable = true
		};

		r = netlink_routes(left->netlink, &query, take_left, left, problem);
	}
	if (r == 0 && left->out_of_memory) {
		problem_set(problem, "out of memory");
		r = -ENOMEM;
	}
	for (size_t i = 0; i < left->count && r == 0; i++) {
		if (!has_owner(left->netlink, &left->items[i]))
			left->items[kept++] = left->items[i];
	}
	left->count = kept;
	return r;
}

int held_routes_sweep(struct netlink *netlink, struct problem *problem)
{
	struct left left = { .netlink = netlink };
	int r = read_left(&left, problem), swept = 0;

	for (size_t i = 0; i < left.count && r == 0; i++) {
		r = netlink_route_delete(netlink, &left.items[i], problem);
		swept += r == 0;
		if (r == -ESRCH)
			r = 0;
	}
	free(left.items);
	return r < 0 ? r : swept;
}

int held_routes_find_left(struct netlink *netlink, struct problem *problem)
{
	struct left left = { .netlink = netlink };
	int r = read_left(&left, problem);

	free(left.items);
	return r < 0 ? r : (int)left.count;
}
