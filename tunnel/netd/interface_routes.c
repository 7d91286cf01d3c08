/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/interface_routes.h"

#include <errno.h>
#include <linux/rtnetlink.h>

#include "base/array.h"
#include "base/log.h"
#include "netd/held_routes.h"

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

/*
 * Lists the links of the other interfaces in the namespace whose routes to the prefix have the same
 * metric and are in the kernel.
 */
static size_t sharers(const struct interfaces *interfaces, const struct interface *interface,
	const struct prefix *prefix, uint32_t links[static NETLINK_LINKS_MAX])
{
	size_t count = 0;

	for (const struct interface *i = interfaces->first; i; i = i->next) {
		if (i != interface && !i->idle && netns_id_equal(&i->netns, &interface->netns) &&
			i->metric == interface->metric && count < NETLINK_LINKS_MAX &&
			interface_has_route(i, prefix))
			links[count++] = i->index;
	}
	return count;
}

static struct netlink_route route_of(const struct interfaces *interfaces,
	const struct interface *interface, const struct prefix *prefix)
{
	struct netlink_route route = {
		.prefix = *prefix,
		.index = interface->index,
		.priority = interface->metric,
		.table = interfaces->table,
	};

	/* Default routes are never shared, nor is a full tunnel's table. */
	if (prefix->addr.family == AF_INET6 && prefix->len > 0 && interfaces->table == 0)
		route.via = interface->now.remote6;
	return route;
}

/* Adds the route to the kernel; other interfaces keep their part of it. */
static int put_route(struct interfaces *interfaces, const struct interface *interface,
	const struct prefix *prefix, struct problem *problem)
{
	struct netlink_route route = route_of(interfaces, interface, prefix);
	uint32_t links[NETLINK_LINKS_MAX];
	size_t count = sharers(interfaces, interface, prefix, links);
	struct netlink *netlink;
	char text[ADDR_TEXT_MAX];
	int r = interfaces_enter(interfaces, interface, &netlink, problem);

	if (r < 0)
		return r;
	if (count == 0)
		return netlink_route_add(netlink, &route, problem);
	if (count == NETLINK_LINKS_MAX) {
		problem_set(problem, "%d peers have %s with metric %u already, which is the most",
			NETLINK_LINKS_MAX, prefix_format(prefix, text), interface->metric);
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
	const struct prefix *prefix, struct problem *problem)
{
	struct netlink_route route = route_of(interfaces, interface, prefix);
	uint32_t links[NETLINK_LINKS_MAX];
	size_t count = sharers(interfaces, interface, prefix, links);
	struct netlink *netlink;
	int r = interfaces_enter(interfaces, interface, &netlink, problem);

	if (r == 0 && count > 0 && prefix->addr.family == AF_INET)
		return netlink_route_share4(netlink, &route, links, count, problem);
	if (r == 0)
		r = netlink_route_delete(netlink, &route, problem);
	return r == -ESRCH || r == -ENODEV ? 0 : r;
}

int interface_route_put_back(struct interfaces *interfaces, struct interface *interface,
	const struct prefix *prefix, struct problem *problem)
{
	return interface->idle ? held_routes_put_back(interfaces, interface, prefix, problem)
			       : put_route(interfaces, interface, prefix, problem);
}

static int reserve_route(struct interface *interface, struct problem *problem)
{
	struct prefix *routes = array_grow(interface->routes, interface->route_count,
		&interface->route_capacity, sizeof(*routes));

	if (!routes) {
		problem_set(problem, "out of memory");
		return -ENOMEM;
	}
	interface->routes = routes;
	return 0;
}

int interface_route_add(struct interfaces *interfaces, struct interface *interface,
	const struct prefix *prefix, struct problem *problem)
{
	char text[ADDR_TEXT_MAX];
	int r;

	if (interface_has_route(interface, prefix))
		return 0;
	r = reserve_route(interface, problem);
	if (r == 0)
		r = interface->idle ? held_routes_add(interfaces, interface, prefix, problem)
				    : put_route(interfaces, interface, prefix, problem);
	if (r < 0)
		return r;
	interface->routes[interface->route_count++] = *prefix;
	log_info("%s: route %s to %s added, metric %u%s", interface->now.peer.name,
		prefix_format(prefix, text), interface->name, interface->metric,
		interface->idle ? ", held until the peer is connected" : "");
	interfaces_report(interfaces, INTERFACE_ROUTE_ADDED, interface, prefix);
	return 0;
}

int interface_route_delete(struct interfaces *interfaces, struct interface *interface,
	const struct prefix *prefix, struct problem *problem)
{
	size_t at = find_route(interface, prefix);
	struct prefix deleted = *prefix; /* *prefix may be in the list */
	char text[ADDR_TEXT_MAX];
	int r = 0;

	if (at == interface->route_count)
		return 0;
	/* A held route may stand in for several: held_routes_update() removes it. */
	if (!interface->idle)
		r = take_route(interfaces, interface, prefix, problem);
	if (r < 0)
		return r;
	interface->routes[at] = interface->routes[--interface->route_count];
	log_info("%s: route %s to %s removed", interface->now.peer.name,
		prefix_format(&deleted, text), interface->name);
	interfaces_report(interfaces, INTERFACE_ROUTE_DELETED, interface, &deleted);
	return 0;
}

/* Removes the interface's own routes, for which held ones stand in, from the kernel. */
static void take_routes(struct interfaces *interfaces, const struct interface *interface)
{
	struct problem problem;

	for (size_t i = 0; i < interface->route_count; i++) {
		if (take_route(interfaces, interface, &interface->routes[i], &problem) < 0)
			log_warning("%s: %s", interface->now.peer.name, problem.text);
	}
}

static void become_idle(struct interfaces *interfaces, struct interface *interface)
{
	struct problem problem;

	interface->idle = true;
	if (held_routes_begin(interfaces, interface, &problem) < 0)
		log_warning("%s: %s; so its routes stay until the peer is connected",
			interface->now.peer.name, problem.text);
	else
		take_routes(interfaces, interface);
	if (interface->route_count > 0)
		log_info(
			"%s: the peer is not connected: the %zu routes on %s give way to others, and are unreachable without",
			interface->now.peer.name, interface->route_count, interface->name);
}

static void become_used(struct interfaces *interfaces, struct interface *interface)
{
	struct problem problem;

	interface->idle = false;
	if (interface_routes_restore(interfaces, interface, &problem) < 0)
		log_warning("%s: %s", interface->now.peer.name, problem.text);
	held_routes_end(interfaces, interface);
	if (interface->route_count > 0)
		log_info("%s: the peer is connected: the %zu routes on %s are in use again",
			interface->now.peer.name, interface->route_count, interface->name);
}

void interface_set_idle(struct interfaces *interfaces, struct interface *interface, bool idle)
{
	if (interface->idle == idle)
		return;
	if (idle)
		become_idle(interfaces, interface);
	else
		become_used(interfaces, interface);
	interfaces_report(interfaces, idle ? INTERFACE_IDLE : INTERFACE_IN_USE, interface, NULL);
}

void interface_routes_lift(struct interfaces *interfaces, struct interface *interface)
{
	if (!interface->idle)
		take_routes(interfaces, interface);
}

/* One that cannot be added does not keep the others out. */
int interface_routes_restore(
	struct interfaces *interfaces, struct interface *interface, struct problem *problem)
{
	struct problem why;
	int first = 0;

	for (size_t i = 0; i < interface->route_count && !interface->idle; i++) {
		const struct prefix *prefix = &interface->routes[i];
		int r;

		if (interface_family_is_off(interface, prefix->addr.family))
			continue; /* netd/desired_state restores it when the family is on */
		r = put_route(interfaces, interface, prefix, &why);
		if (r < 0 && first == 0) {
			first = r;
			*problem = why;
		}
	}
	return first;
}

void interface_routes_unshare(struct interfaces *interfaces, struct interface *interface)
{
	uint32_t links[NETLINK_LINKS_MAX];
	struct problem problem;

	for (size_t i = 0; i < interface->route_count && !interface->idle; i++) {
		const struct prefix *prefix = &interface->routes[i];

		if (prefix->addr.family == AF_INET6 ||
			sharers(interfaces, interface, prefix, links) == 0)
			continue;
		if (take_route(interfaces, interface, prefix, &problem) < 0)
			log_warning("%s: %s", interface->now.peer.name, problem.text);
	}
}
