/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/interface_routes.h"

#include <assert.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "base/log.h"
#include "config/settings.h"

static_assert((int)INTERFACE_METRIC_IDLE > (int)SETTINGS_METRIC_MAX,
	"an idle interface's routes lose to all others");

/*
 * Returns the position of a route in the interface's list, or route_count when it has no such
 * route.
 */
static size_t find_route(const struct interface *interface, const struct prefix *prefix)
{
	size_t at = 0;

	while (at < interface->route_count && !prefix_equal(&interface->routes[at], prefix))
		at++;
	return at;
}

bool interface_has_route(const struct interface *interface, const struct prefix *prefix)
{
	return find_route(interface, prefix) < interface->route_count;
}

static uint32_t metric_of(const struct interface *interface)
{
	return interface->metric + (interface->idle ? INTERFACE_METRIC_IDLE : 0);
}

/*
 * Lists the links of the other interfaces in the namespace that have the prefix with that metric.
 */
static size_t sharers(const struct interfaces *interfaces, const struct interface *interface,
	const struct prefix *prefix, uint32_t metric, uint32_t links[static NETLINK_LINKS_MAX])
{
	size_t count = 0;

	for (const struct interface *i = interfaces->first; i; i = i->next) {
		if (i != interface && netns_id_equal(&i->netns, &interface->netns) &&
			metric_of(i) == metric && count < NETLINK_LINKS_MAX &&
			interface_has_route(i, prefix))
			links[count++] = i->index;
	}
	return count;
}

static struct netlink_route route_of(const struct interfaces *interfaces,
	const struct interface *interface, const struct prefix *prefix, uint32_t metric)
{
	struct netlink_route route = {
		.prefix = *prefix,
		.index = interface->index,
		.priority = metric,
		.table = interfaces->table,
	};

	/* Default routes are never shared, nor is a full tunnel's table. */
	if (prefix->addr.family == AF_INET6 && prefix->len > 0 && interfaces->table == 0)
		route.via = interface->now.remote6;
	return route;
}

/* Adds the route to the kernel; other interfaces keep their part of it. */
static int put_route(struct interfaces *interfaces, const struct interface *interface,
	const struct prefix *prefix, uint32_t metric, struct problem *problem)
{
	struct netlink_route route = route_of(interfaces, interface, prefix, metric);
	uint32_t links[NETLINK_LINKS_MAX];
	size_t count = sharers(interfaces, interface, prefix, metric, links);
	struct netlink *netlink;
	char text[ADDR_TEXT_MAX];
	int r = interfaces_enter(interfaces, interface, &netlink, problem);

	if (r < 0)
		return r;
	if (count == 0)
		return netlink_route_add(netlink, &route, problem);
	if (count == NETLINK_LINKS_MAX) {
		problem_set(problem, "%d peers have %s with metric %u already, which is the most",
			NETLINK_LINKS_MAX, prefix_format(prefix, text), metric);
		return -EUSERS;
	}
	if (prefix->addr.family == AF_INET6)
		return netlink_route_append6(netlink, &route, problem);
	links[count++] = interface->index;
	return netlink_route_share4(netlink, &route, links, count, problem);
}

/*
 * Removes the interface's part of the route from the kernel; other interfaces keep theirs. Succeeds
 * when there is none.
 */
static int take_route(struct interfaces *interfaces, const struct interface *interface,
	const struct prefix *prefix, uint32_t metric, struct problem *problem)
{
	struct netlink_route route = route_of(interfaces, interface, prefix, metric);
	uint32_t links[NETLINK_LINKS_MAX];
	size_t count = sharers(interfaces, interface, prefix, metric, links);
	struct netlink *netlink;
	int r = interfaces_enter(interfaces, interface, &netlink, problem);

	if (r == 0 && count > 0 && prefix->addr.family == AF_INET)
		return netlink_route_share4(netlink, &route, links, count, problem);
	if (r == 0)
		r = netlink_route_delete(netlink, &route, problem);
	return r == -ESRCH || r == -ENODEV ? 0 : r;
}

uint32_t interface_routes_metric(const struct interface *interface)
{
	return metric_of(interface);
}

uint32_t interface_route_table(const struct interfaces *interfaces)
{
	return interfaces->table != 0 ? interfaces->table : RT_TABLE_MAIN;
}

int interface_route_put_back(struct interfaces *interfaces, struct interface *interface,
	const struct prefix *prefix, struct problem *problem)
{
	return put_route(interfaces, interface, prefix, metric_of(interface), problem);
}

static int reserve_route(struct interface *interface, struct problem *problem)
{
	size_t capacity = interface->route_capacity == 0 ? 8 : interface->route_capacity * 2;
	struct prefix *routes;

	if (interface->route_count < interface->route_capacity)
		return 0;
	routes = reallocarray(interface->routes, capacity, sizeof(*routes));
	if (!routes) {
		problem_set(problem, "out of memory");
		return -ENOMEM;
	}
	interface->routes = routes;
	interface->route_capacity = capacity;
	return 0;
}

int interface_route_add(struct interfaces *interfaces, struct interface *interface,
	const struct prefix *prefix, struct problem *problem)
{
	uint32_t metric = metric_of(interface);
	char text[ADDR_TEXT_MAX];
	int r;

	if (interface_has_route(interface, prefix))
		return 0;
	r = reserve_route(interface, problem);
	if (r == 0)
		r = put_route(interfaces, interface, prefix, metric, problem);
	if (r < 0)
		return r;
	interface->routes[interface->route_count++] = *prefix;
	log_info("%s: route %s to %s added, metric %u", interface->now.peer.name,
		prefix_format(prefix, text), interface->name, metric);
	interfaces_report(interfaces, INTERFACE_ROUTE_ADDED, interface, prefix);
	return 0;
}

int interface_route_delete(struct interfaces *interfaces, struct interface *interface,
	const struct prefix *prefix, struct problem *problem)
{
	size_t at = find_route(interface, prefix);
	struct prefix deleted = *prefix; /* *prefix may be in the list */
	char text[ADDR_TEXT_MAX];
	int r;

	if (at == interface->route_count)
		return 0;
	r = take_route(interfaces, interface, prefix, metric_of(interface), problem);
	if (r < 0)
		return r;
	interface->routes[at] = interface->routes[--interface->route_count];
	log_info("%s: route %s to %s removed", interface->now.peer.name,
		prefix_format(&deleted, text), interface->name);
	interfaces_report(interfaces, INTERFACE_ROUTE_DELETED, interface, &deleted);
	return 0;
}

void interface_set_idle(struct interfaces *interfaces, struct interface *interface, bool idle)
{
	uint32_t before = metric_of(interface), now;
	struct problem problem;

	if (interface->idle == idle)
		return;
	interface->idle = idle;
	now = metric_of(interface);
	for (size_t i = 0; i < interface->route_count; i++) {
		const struct prefix *prefix = &interface->routes[i];
		int r = put_route(interfaces, interface, prefix, now, &problem);

		if (r == 0)
			r = take_route(interfaces, interface, prefix, before, &problem);
		if (r < 0)
			log_warning("%s: %s", interface->now.peer.name, problem.text);
	}
	if (interface->route_count > 0)
		log_info("%s: the peer is %s: the %zu routes on %s have metric %u now",
			interface->now.peer.name, idle ? "not connected" : "connected",
			interface->route_count, interface->name, now);
}

void interface_routes_lift(struct interfaces *interfaces, struct interface *interface)
{
	struct problem problem;

	for (size_t i = 0; i < interface->route_count; i++) {
		if (take_route(interfaces, interface, &interface->routes[i], metric_of(interface),
			    &problem) < 0)
			log_warning("%s: %s", interface->now.peer.name, problem.text);
	}
}

int interface_routes_restore(
	struct interfaces *interfaces, struct interface *interface, struct problem *problem)
{
	int r = 0;

	for (size_t i = 0; i < interface->route_count && r == 0; i++) {
		if (interface_family_is_off(interface, interface->routes[i].addr.family))
			continue; /* netd/desired_state restores it when the family is on */
		r = put_route(interfaces, interface, &interface->routes[i], metric_of(interface),
			problem);
	}
	return r;
}

void interface_routes_unshare(struct interfaces *interfaces, struct interface *interface)
{
	uint32_t links[NETLINK_LINKS_MAX], metric = metric_of(interface);
	struct problem problem;

	for (size_t i = 0; i < interface->route_count; i++) {
		const struct prefix *prefix = &interface->routes[i];

		if (prefix->addr.family == AF_INET6 ||
			sharers(interfaces, interface, prefix, metric, links) == 0)
			continue;
		if (take_route(interfaces, interface, prefix, metric, &problem) < 0)
			log_warning("%s: %s", interface->now.peer.name, problem.text);
	}
}
