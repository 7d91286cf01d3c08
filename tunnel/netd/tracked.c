/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/tracked.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/container.h"
#include "base/error_text.h"
#include "base/log.h"
#include "base/route_rule.h"

/* The result of one reading of the kernel. */
struct reading {
	const struct tracked *tracked;
	struct prefix *items; /* room for REQUEST_TRACKED_MAX */
	size_t count;
	bool is_link; /* only networks connected to the link */
	bool over;    /* there were more */
	bool yields;  /* the present item has given one */
	/* of this namespace, where an item is a link */
	struct netlink_address *addresses;
	size_t address_count;
};

/*
 * Returns true for a network of the link. The kernel makes a route for each address. Network
 * managers may tell it not to (IFA_F_NOPREFIXROUTE), and make the route themselves, under their own
 * protocol number: DHCP clients, systemd-networkd, NetworkManager. A route that an administrator
 * makes is a network of the link if an address there has just that prefix.
 */
static bool is_network(const struct reading *reading, const struct netlink_seen_route *route)
{
	if (!route->direct || route->link_count != 1)
		return false;
	if (route->protocol == RTPROT_KERNEL)
		return true;
	for (size_t i = 0; i < reading->address_count; i++) {
		const struct netlink_address *here = &reading->addresses[i];
		const struct prefix network = prefix_network(&here->prefix);

		if (here->index != route->links[0] ||
			!prefix_contains_addr(&route->prefix, &here->prefix.addr))
			continue;
		if (route->protocol == RTPROT_RA || route->protocol == RTPROT_DHCP ||
			prefix_equal(&network, &route->prefix))
			return true;
	}
	return false;
}

/*
 * Returns true if the prefix covers a tunnel address of this host. A client does not know the pool
 * that it is from.
 */
static bool covers_tunnel(const struct interfaces *interfaces, const struct prefix *prefix)
{
	for (const struct interface *i = interfaces->first; i; i = i->next) {
		if (prefix_contains_addr(prefix, &i->now.local4) ||
			prefix_contains_addr(prefix, &i->now.local6))
			return true;
	}
	return false;
}

bool tracked_takes(const struct settings *settings, const struct interfaces *interfaces,
	const struct netlink_seen_route *route)
{
	const struct prefix *pools[] = { &settings->pool4, &settings->pool6 };

	if (route->protocol == RTPROT_CULVERT || route->dead ||
		route_rule_form(&route->prefix) != ROUTE_ACCEPTED)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
		if (addr_is_set(&pools[i]->addr) && prefix_overlaps(pools[i], &route->prefix))
			return false;
	}
	if (settings->role == SETTINGS_CLIENT && covers_tunnel(interfaces, &route->prefix))
		return false;
	for (size_t i = 0; i < route->link_count; i++) {
		if (interfaces_is_own(interfaces, route->links[i]))
			return false;
	}
	return true;
}

static int compare(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

static void take(void *context, const struct netlink_seen_route *route)
{
	struct reading *reading = context;
	const struct tracked *tracked = reading->tracked;

	if (reading->over || (reading->is_link && !is_network(reading, route)) ||
		!tracked_takes(tracked->settings, tracked->interfaces, route))
		return;
	reading->yields = true;
	for (size_t i = 0; i < reading->count; i++) {
		if (prefix_equal(&reading->items[i], &route->prefix))
			return;
	}
	if (reading->count == REQUEST_TRACKED_MAX)
		reading->over = true;
	else
		reading->items[reading->count++] = route->prefix;
}

/* Makes the query for one family. Returns false when the interface does not exist now. */
static bool make_query(const struct tracked *tracked, const struct settings_announce *item,
	uint8_t family, struct netlink_query *ret_query)
{
	*ret_query = (struct netlink_query){
		.family = family, .table = item->table, .protocol = (uint8_t)item->protocol
	};
	if (item->table != 0)
		return true;
	return netlink_link_index(
		       tracked->interfaces->netlink, item->interface, &ret_query->link) == 0;
}

static int read_item(
	struct reading *reading, const struct settings_announce *item, struct problem *problem)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	const struct tracked *tracked = reading->tracked;
	struct netlink_query query;
	int r = 0;

	reading->is_link = item->table == 0;
	for (size_t i = 0; i < sizeof(families) && r == 0; i++) {
		if (make_query(tracked, item, families[i], &query))
			r = netlink_routes(
				tracked->interfaces->netlink, &query, take, reading, problem);
	}
	return r;
}

/* A mistyped name, or a network that has not come yet: nobody else would notice. */
static void log_yield(struct tracked *tracked, size_t at, bool yields)
{
	const struct settings_announce *item = &tracked->settings->announce.items[at];
	bool *logged = &tracked->logged_empty[at];
	bool again = *logged;

	*logged = !yields;
	if (yields || again)
		return;
	if (item->table == 0)
		log_warning(
			"announce: interface %s has no network now, so nothing is announced of it: it is missing, down, without carrier, or without address",
			item->interface);
	else
		log_warning(
			"announce: table %u has no route now that can be announced", item->table);
}

static int read_all(struct tracked *tracked, struct reading *reading, struct problem *problem)
{
	const struct announce_list *list = &tracked->settings->announce;
	int r = netlink_addresses(tracked->interfaces->netlink, &reading->addresses,
		&reading->address_count, problem);

	for (size_t i = 0; i < list->count && r == 0; i++) {
		if (addr_is_set(&list->items[i].prefix.addr))
			continue;
		reading->yields = false;
		r = read_item(reading, &list->items[i], problem);
		if (r == 0)
			log_yield(tracked, i, reading->yields);
	}
	free(reading->addresses);
	if (reading->count > 1)
		qsort(reading->items, reading->count, sizeof(reading->items[0]), compare);
	return r;
}

static void log_limit(struct tracked *tracked, bool over)
{
	if (over && !tracked->logged_limit)
		log_warning(
			"more than %d prefixes are tracked; the others are not announced: track a table with fewer routes, or name a protocol",
			REQUEST_TRACKED_MAX);
	tracked->logged_limit = over;
}

static bool same_items(const struct tracked *tracked, const struct reading *reading)
{
	for (size_t i = 0; i < reading->count && reading->count == tracked->count; i++) {
		if (!prefix_equal(&tracked->items[i], &reading->items[i]))
			return false;
	}
	return reading->count == tracked->count;
}

/* Returns 1 if the set has changed, or 0. */
static int refresh(struct tracked *tracked, struct problem *problem)
{
	struct reading reading = { .tracked = tracked };
	struct mono began = mono_now();
	int r;

	reading.items = calloc(REQUEST_TRACKED_MAX, sizeof(reading.items[0]));
	if (!reading.items) {
		problem_set(problem, "out of memory");
		return -ENOMEM;
	}
	r = read_all(tracked, &reading, problem);
	tracked->pause = DURATION_MS(10 * duration_ms(mono_since(mono_now(), began)));
	if (r == 0) {
		log_limit(tracked, reading.over);
		r = same_items(tracked, &reading) ? 0 : 1;
	}
	if (r != 1) {
		free(reading.items);
		return r;
	}
	log_info("%zu prefixes are tracked now, %zu were before", reading.count, tracked->count);
	free(tracked->items);
	tracked->items = reading.items;
	tracked->count = reading.count;
	return r;
}

static void gathered(struct loop_timer *timer);

/*
 * Later changes do not delay the reading, so that a network that changes all the time is read as
 * well.
 */
static void read_soon(struct tracked *tracked)
{
	struct duration wait = DURATION_MS(TRACKED_GATHER_MS);

	if (tracked->pause.ns > wait.ns)
		wait = tracked->pause;
	if (!tracked->gathering.running)
		loop_timer_start(
			tracked->loop, &tracked->gathering, mono_add(mono_now(), wait), gathered);
}

static void gathered(struct loop_timer *timer)
{
	struct tracked *tracked = container_of(timer, struct tracked, gathering);
	struct problem problem;
	int r = refresh(tracked, &problem);

	if (r < 0) {
		if (!tracked->logged_failure)
			log_warning("%s: the announcements stay as they are", problem.text);
		tracked->logged_failure = true;
		read_soon(tracked);
		return;
	}
	tracked->logged_failure = false;
	tracked->unsent = tracked->unsent || r == 1;
	if (tracked->unsent && tracked->changed(tracked) == 0)
		tracked->unsent = false;
	if (tracked->unsent)
		read_soon(tracked);
}

/* The interface of a tunnel is ours, and its routes are never announced. */
static bool is_own(const void *context, uint32_t index)
{
	return interfaces_is_own(context, index);
}

static void monitor_ready(struct loop_watch *watch, uint32_t events)
{
	struct tracked *tracked = container_of(watch, struct tracked, watch);
	bool changed = false;
	int r = netlink_monitor_read(tracked->monitor, is_own, tracked->interfaces, &changed);

	(void)events;
	if (r < 0) {
		log_error("netd cannot follow tracked networks any more: %s", error_text(r));
		loop_watch_remove(tracked->loop, &tracked->watch);
		return;
	}
	if (changed)
		read_soon(tracked);
}

int tracked_open(struct tracked *tracked, struct loop *loop, const struct settings *settings,
	const struct interfaces *interfaces, int (*changed)(struct tracked *tracked),
	struct problem *problem)
{
	int r;

	*tracked = (struct tracked){ .loop = loop,
		.settings = settings,
		.interfaces = interfaces,
		.watch.fd = -1,
		.changed = changed };
	if (!settings_tracks(settings))
		return 0;
	tracked->logged_empty = calloc(settings->announce.count, sizeof(tracked->logged_empty[0]));
	if (!tracked->logged_empty) {
		problem_set(problem, "out of memory");
		return -ENOMEM;
	}
	r = netlink_monitor_open(&tracked->monitor, problem);
	if (r < 0) {
		tracked->monitor = NULL;
		tracked_close(tracked);
		return r;
	}
	/* A route that another program turns into a tunnel is not announced any more. */
	netlink_monitor_count_all(tracked->monitor, true);
	r = loop_watch_add(loop, &tracked->watch, netlink_monitor_fd(tracked->monitor), EPOLLIN,
		monitor_ready);
	if (r < 0)
		problem_set(problem, "cannot watch the network: %s", error_text(r));
	else
		r = refresh(tracked, problem);
	if (r == -EAGAIN) { /* the next try is soon */
		read_soon(tracked);
		r = 0;
	}
	if (r < 0)
		tracked_close(tracked);
	return r < 0 ? r : 0;
}

void tracked_close(struct tracked *tracked)
{
	free(tracked->logged_empty);
	tracked->logged_empty = NULL;
	if (!tracked->monitor)
		return;
	loop_timer_stop(tracked->loop, &tracked->gathering);
	loop_watch_remove(tracked->loop, &tracked->watch);
	netlink_monitor_close(tracked->monitor);
	tracked->monitor = NULL;
	free(tracked->items);
	tracked->items = NULL;
	tracked->count = 0;
}
