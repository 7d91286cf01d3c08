/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/local_bridges.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/log.h"

/* A direct route that is wider leads to the world, and not to a few containers. */
enum { WIDEST = 8 };

/* ---- the decision ---- */

static const struct netlink_link *find_link(const struct local_bridges_host *host, uint32_t index)
{
	for (size_t i = 0; i < host->link_count; i++) {
		if (host->links[i].index == index)
			return &host->links[i];
	}
	return NULL;
}

static bool is_kind(const struct netlink_link *link, const char *kind)
{
	return strcmp(link->kind, kind) == 0;
}

/* A veth between two bridges of this host may lead to the second one's uplink. */
static bool joins_bridges(const struct local_bridges_host *host, const struct netlink_link *veth)
{
	const struct netlink_link *other = veth->lower != 0 ? find_link(host, veth->lower) : NULL;

	return other && other->master != 0;
}

static bool is_local_port(const struct local_bridges_host *host, const struct netlink_link *port)
{
	if (is_kind(port, "veth"))
		return !joins_bridges(host, port);
	return is_kind(port, "tun") || is_kind(port, "dummy");
}

static bool has_local_ports(const struct local_bridges_host *host, uint32_t bridge)
{
	for (size_t i = 0; i < host->link_count; i++) {
		if (host->links[i].master == bridge && !is_local_port(host, &host->links[i]))
			return false;
	}
	return true;
}

static bool uses_link(const struct netlink_seen_route *route, uint32_t link)
{
	for (size_t i = 0; i < route->link_count; i++) {
		if (route->links[i] == link)
			return true;
	}
	return false;
}

static bool is_ours(const struct netlink_seen_route *route)
{
	return route->protocol == RTPROT_CULVERT || route->protocol == RTPROT_CULVERT_HELD;
}

static bool leads_outside(
	const struct local_bridges_host *host, const struct netlink_seen_route *route)
{
	size_t at = 0;

	if (!route->direct || route->link_count > 1 || route->prefix.len < WIDEST)
		return true;
	return host->outer && needs_next(host->outer, &route->prefix, &at);
}

bool local_bridges_is_local(const struct local_bridges_host *host, uint32_t link)
{
	const struct netlink_link *found = find_link(host, link);

	if (!found || found->master != 0)
		return false;
	if (is_kind(found, "bridge") ? !has_local_ports(host, link)
				     : !is_kind(found, "veth") || joins_bridges(host, found))
		return false;
	for (size_t i = 0; i < host->route_count; i++) {
		const struct netlink_seen_route *route = &host->routes[i];

		if (!is_ours(route) && uses_link(route, link) && leads_outside(host, route))
			return false;
	}
	return true;
}

static bool is_excepted(const struct prefix_list *except, const struct prefix *prefix)
{
	for (size_t i = 0; i < except->count; i++) {
		if (prefix_contains(&except->items[i], prefix))
			return true;
	}
	return false;
}

static int compare(const void *a, const void *b)
{
	const struct local_network *one = a, *two = b;

	if (one->link != two->link)
		return one->link < two->link ? -1 : 1;
	if (one->prefix.len != two->prefix.len)
		return one->prefix.len < two->prefix.len ? -1 : 1;
	return addr_compare(&one->prefix.addr, &two->prefix.addr);
}

static bool has(const struct local_network *networks, size_t count, uint32_t link,
	const struct prefix *prefix)
{
	for (size_t i = 0; i < count; i++) {
		if (networks[i].link == link && prefix_equal(&networks[i].prefix, prefix))
			return true;
	}
	return false;
}

size_t local_bridges_find(const struct local_bridges_host *host, const struct prefix_list *except,
	struct local_network out[static LOCAL_BRIDGES_NETWORKS_MAX])
{
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < host->route_count; i++) {
		const struct netlink_seen_route *route = &host->routes[i];

		if (route->table != RT_TABLE_MAIN || is_ours(route) || !route->direct ||
			route->link_count != 1 || addr_is_link_local(&route->prefix.addr) ||
			is_excepted(except, &route->prefix) ||
			has(out, kept, route->links[0], &route->prefix) ||
			!local_bridges_is_local(host, route->links[0]))
			continue;
		count++;
		if (kept < LOCAL_BRIDGES_NETWORKS_MAX)
			out[kept++] = (struct local_network){ route->links[0], route->prefix };
	}
	if (kept > 1)
		qsort(out, kept, sizeof(out[0]), compare);
	return count;
}

/* ---- the kernel ---- */

struct route_array {
	struct netlink_seen_route *items;
	size_t count, capacity;
	bool failed; /* out of memory */
};

static void take_route(void *context, const struct netlink_seen_route *route)
{
	struct route_array *routes = context;

	/* Only a direct route or one with a gateway matters, and no other has a link. */
	if (route->link_count == 0 || is_ours(route))
		return;
	if (routes->count == routes->capacity) {
		size_t capacity = routes->capacity == 0 ? 16 : routes->capacity * 2;
		void *larger = reallocarray(routes->items, capacity, sizeof(*routes->items));

		if (!larger) {
			routes->failed = true;
			return;
		}
		routes->items = larger;
		routes->capacity = capacity;
	}
	routes->items[routes->count++] = *route;
}

static int read_routes(struct netlink *netlink, struct route_array *routes, struct problem *problem)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families) && r == 0; i++) {
		const struct netlink_query query = { .family = families[i] };

		r = netlink_routes(netlink, &query, take_route, routes, problem);
	}
	if (r == 0 && routes->failed) {
		problem_set(problem, "cannot list this host's routes: out of memory");
		r = -1;
	}
	return r;
}

/* Resolvers are no ends of outer connections: one may well be a container. */
static void keep_connections(struct needs *needs)
{
	size_t kept = 0;

	for (size_t i = 0; i < needs->count; i++) {
		if (needs->items[i].kind != NEED_RESOLVER)
			needs->items[kept++] = needs->items[i];
	}
	needs->count = kept;
}

/* What was read; free_host() frees it. */
struct reading {
	struct netlink_link *links;
	struct route_array routes;
	struct needs needs;
	struct local_bridges_host host;
};

static int read_host(struct netlink *netlink, const struct settings *settings,
	struct reading *ret_reading, struct problem *problem)
{
	struct problem ignored;
	size_t count = 0;
	int r;

	*ret_reading = (struct reading){ .links = NULL };
	r = netlink_links(netlink, &ret_reading->links, &count, problem);
	if (r == 0)
		r = read_routes(netlink, &ret_reading->routes, problem);
	if (settings) {
		needs_gather(settings, NULL, &ret_reading->needs, &ignored);
		keep_connections(&ret_reading->needs);
	}
	ret_reading->host = (struct local_bridges_host){ .links = ret_reading->links,
		.link_count = count,
		.routes = ret_reading->routes.items,
		.route_count = ret_reading->routes.count,
		.outer = &ret_reading->needs };
	return r;
}

static void free_host(struct reading *reading)
{
	free(reading->links);
	free(reading->routes.items);
	needs_free(&reading->needs);
}

bool local_bridges_ask(struct netlink *netlink, uint32_t link)
{
	struct reading reading;
	struct problem ignored;
	bool local = read_host(netlink, NULL, &reading, &ignored) == 0 &&
		local_bridges_is_local(&reading.host, link);

	free_host(&reading);
	return local;
}

/* ---- functions for netd ---- */

void local_bridges_init(struct local_bridges *local, const struct settings *settings,
	struct netlink *netlink, void (*changed)(struct local_bridges *local))
{
	*local = (struct local_bridges){
		.settings = settings, .netlink = netlink, .changed = changed
	};
}

static bool is_wanted(const struct settings *settings)
{
	return settings->role == SETTINGS_CLIENT && settings->bypass_local_bridges &&
		(settings->full_tunnel || settings->kill_switch) &&
		!settings_is_elsewhere(settings);
}

static size_t find_now(
	struct local_bridges *local, struct local_network out[static LOCAL_BRIDGES_NETWORKS_MAX])
{
	struct reading reading;
	struct problem problem;
	size_t count = 0;

	if (read_host(local->netlink, local->settings, &reading, &problem) == 0) {
		count = local_bridges_find(&reading.host, &local->settings->override_routes, out);
		local->logged_failure = false;
	} else if (!local->logged_failure) {
		log_warning("%s; the networks of local bridges cannot be reached", problem.text);
		local->logged_failure = true;
	}
	free_host(&reading);
	if (count <= LOCAL_BRIDGES_NETWORKS_MAX)
		return count;
	if (!local->logged_limit)
		log_warning(
			"this host has %zu networks of local bridges: only %d of them can be reached; name others in bypass, together as one wider prefix",
			count, LOCAL_BRIDGES_NETWORKS_MAX);
	local->logged_limit = true;
	return LOCAL_BRIDGES_NETWORKS_MAX;
}

static bool is_same(
	const struct local_bridges *local, const struct local_network *networks, size_t count)
{
	for (size_t i = 0; i < count && count == local->count; i++) {
		if (compare(&local->networks[i], &networks[i]) != 0)
			return false;
	}
	return count == local->count;
}

void local_bridges_refresh(struct local_bridges *local)
{
	struct local_network networks[LOCAL_BRIDGES_NETWORKS_MAX];
	size_t count = 0;

	if (!local->settings)
		return;
	/* None once a reload wants them no more. */
	if (is_wanted(local->settings))
		count = find_now(local, networks);
	if (is_same(local, networks, count))
		return;
	if (count > 0)
		memcpy(local->networks, networks, count * sizeof(networks[0]));
	local->count = count;
	local->changed(local);
}

bool local_bridges_have(
	const struct local_bridges *local, uint32_t link, const struct prefix *prefix)
{
	return local && has(local->networks, local->count, link, prefix);
}
