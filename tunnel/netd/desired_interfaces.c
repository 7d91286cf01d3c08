/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/desired_interfaces.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/container.h"
#include "base/error_text.h"
#include "base/fingerprint.h"
#include "base/log.h"
#include "netd/held_routes.h"
#include "netd/interface_life.h"
#include "netd/interface_routes.h"
#include "netd/policy.h"

/*
 * The parts of a route that are compared. It is zeroed before it is filled, because memcmp() orders
 * the keys.
 */
struct key {
	uint32_t link, table, metric;
	struct prefix prefix;
};

/* The kernel's state in one namespace, read for one check. */
struct kernel_state {
	struct netlink *netlink;
	struct netlink_address *addresses;
	size_t address_count;
	struct key *keys; /* sorted */
	size_t key_count, key_capacity;
	bool out_of_memory;
	/* the routes that the kernel lacks, of the interface being checked */
	struct prefix *missing;
	size_t missing_capacity;
};

/* The parts that one interface lacks. */
struct lack {
	bool link, address4, address6;
	size_t routes; /* the prefixes are in kernel.missing */
	/* Parts of these that another program removes again and again: they are left alone. */
	bool alone_link, alone4, alone6;
	size_t alone_routes; /* the first of kernel.missing */
};

/* ---- the kernel's state ---- */

static struct key key_of(
	uint32_t link, uint32_t table, uint32_t metric, const struct prefix *prefix)
{
	struct key key;

	memset(&key, 0, sizeof(key));
	key.link = link;
	key.table = table;
	key.metric = metric;
	key.prefix.len = prefix->len;
	key.prefix.addr.family = prefix->addr.family;
	memcpy(key.prefix.addr.bytes, prefix->addr.bytes, addr_size(&prefix->addr));
	return key;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct key));
}

static void take_route(void *context, const struct netlink_seen_route *route)
{
	struct kernel_state *kernel = context;

	for (size_t i = 0; i < route->link_count; i++) {
		struct key *keys = array_grow(
			kernel->keys, kernel->key_count, &kernel->key_capacity, sizeof(*keys));

		if (!keys) {
			kernel->out_of_memory = true;
			return;
		}
		kernel->keys = keys;
		kernel->keys[kernel->key_count++] = key_of(
			route->links[i], route->table, route->priority, &route->prefix);
	}
}

/* A held route has no link; its metric names the interface. */
static void take_held(void *context, const struct netlink_seen_route *route)
{
	struct netlink_seen_route held = *route;

	held.links[0] = 0;
	held.link_count = route->unreachable ? 1 : 0;
	take_route(context, &held);
}

static int read_kernel(struct kernel_state *kernel, struct problem *problem)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int r = netlink_addresses(
		kernel->netlink, &kernel->addresses, &kernel->address_count, problem);

	for (size_t i = 0; i < sizeof(families) && r == 0; i++) {
		struct netlink_query query = { .family = families[i], .protocol = RTPROT_CULVERT };

		r = netlink_routes(kernel->netlink, &query, take_route, kernel, problem);
		query.protocol = RTPROT_CULVERT_HELD;
		query.unreachable = true;
		if (r == 0)
			r = netlink_routes(kernel->netlink, &query, take_held, kernel, problem);
	}
	if (r == 0 && kernel->out_of_memory) {
		problem_set(problem, "out of memory");
		r = -ENOMEM;
	}
	if (r == 0 && kernel->key_count > 1)
		qsort(kernel->keys, kernel->key_count, sizeof(kernel->keys[0]), compare);
	return r;
}

/* ---- missing parts ---- */

static bool lacks_address(const struct kernel_state *kernel, const struct interface *interface,
	const struct addr *address)
{
	if (!addr_is_set(address) || interface_family_is_off(interface, address->family))
		return false;
	for (size_t i = 0; i < kernel->address_count; i++) {
		if (kernel->addresses[i].index == interface->index &&
			addr_equal(&kernel->addresses[i].prefix.addr, address))
			return false;
	}
	return true;
}

static bool lacks_route(const struct interfaces *interfaces, const struct kernel_state *kernel,
	const struct interface *interface, const struct prefix *prefix)
{
	struct key key = key_of(interface->idle ? 0 : interface->index,
		interfaces_table(interfaces),
		interface->idle ? held_routes_metric(interface) : interface->metric, prefix);

	return kernel->key_count == 0 ||
		!bsearch(&key, kernel->keys, kernel->key_count, sizeof(key), compare);
}

static int make_room(struct kernel_state *kernel, size_t count)
{
	struct prefix *larger;

	if (count <= kernel->missing_capacity)
		return 0;
	larger = reallocarray(kernel->missing, count, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	kernel->missing = larger;
	kernel->missing_capacity = count;
	return 0;
}

/* -ENOMEM; -ENODEV: the interface is gone, and its session makes another. */
static int find_lack(const struct interfaces *interfaces, struct kernel_state *kernel,
	const struct interface *interface, struct lack *ret_lack)
{
	const struct prefix *routes = interface->idle ? interface->held.items : interface->routes;
	size_t count = interface->idle ? interface->held.count : interface->route_count;
	struct lack lack = { .link = false };
	bool up;
	uint32_t mtu = 0, group = 0;
	int r = netlink_link_state(kernel->netlink, interface->index, &up, &mtu, &group, NULL);

	if (r == 0)
		r = make_room(kernel, count);
	if (r < 0)
		return r;
	lack.link = !up || mtu != interface->now.mtu || group != INTERFACES_GROUP;
	lack.address4 = lacks_address(kernel, interface, &interface->now.local4);
	lack.address6 = lacks_address(kernel, interface, &interface->now.local6);
	for (size_t i = 0; i < count; i++) {
		if (!interface_family_is_off(interface, routes[i].addr.family) &&
			lacks_route(interfaces, kernel, interface, &routes[i]))
			kernel->missing[lack.routes++] = routes[i];
	}
	*ret_lack = lack;
	return 0;
}

static size_t lack_count(const struct lack *lack)
{
	return lack->routes + lack->link + lack->address4 + lack->address6;
}

/*
 * Returns a text such as "its link (down, or with another MTU or group), address 10.0.0.1, route 10.2.0.0/24
 * and 3 more".
 */
static const char *lack_text(const struct kernel_state *kernel, const struct lack *lack,
	const struct interface *interface, char *out, size_t size)
{
	char text[ADDR_TEXT_MAX];
	FILE *stream = fmemopen(out, size, "w");
	const char *between = "";

	out[0] = '\0';
	if (!stream)
		return out;
	if (lack->link) {
		(void)fputs("its link (down, or with another MTU or group)", stream);
		between = ", ";
	}
	if (lack->address4) {
		(void)fprintf(
			stream, "%saddress %s", between, addr_format(&interface->now.local4, text));
		between = ", ";
	}
	if (lack->address6) {
		(void)fprintf(
			stream, "%saddress %s", between, addr_format(&interface->now.local6, text));
		between = ", ";
	}
	if (lack->routes > 0)
		(void)fprintf(
			stream, "%sroute %s", between, prefix_format(&kernel->missing[0], text));
	if (lack->routes > 1)
		(void)fprintf(stream, " and %zu more", lack->routes - 1);
	(void)fclose(stream);
	return out;
}

/* ---- restoring ---- */

/* Returns true if the part is in place again. *first keeps the reason of the first failure. */
static bool is_restored(int r, const struct problem *why, struct problem *first)
{
	if (r >= 0 || r == -EEXIST)
		return true;
	if (first->text[0] == '\0')
		*first = *why;
	return false;
}

/* Leaves the parts in *lack that could not be restored. */
static void restore_routes(struct interfaces *interfaces, struct kernel_state *kernel,
	struct interface *interface, struct lack *lack, struct problem *problem)
{
	struct problem why;
	size_t left = lack->alone_routes;

	for (size_t i = left; i < lack->routes; i++) {
		int r = interface_route_put_back(interfaces, interface, &kernel->missing[i], &why);

		if (!is_restored(r == -EEXIST ? -EBUSY : r, &why, problem))
			kernel->missing[left++] = kernel->missing[i];
	}
	lack->routes = left;
}

/* The group is what rules of the firewall know the tunnels by. */
static int restore_link(
	struct netlink *netlink, const struct interface *interface, struct problem *problem)
{
	int r = netlink_link_set_group(netlink, interface->index, INTERFACES_GROUP, problem);

	return r < 0 ? r
		     : netlink_link_up(netlink, interface->index, interface->now.mtu,
			       INTERFACE_QUEUE_LENGTH, problem);
}

static void restore_parts(struct interfaces *interfaces, struct kernel_state *kernel,
	struct interface *interface, struct lack *lack, struct problem *problem)
{
	const struct request_interface *now = &interface->now;
	struct problem why;

	if (lack->link && !lack->alone_link)
		lack->link = !is_restored(
			restore_link(kernel->netlink, interface, &why), &why, problem);
	/* Addresses come before routes, which the kernel deletes with their address. */
	if (lack->address4 && !lack->alone4)
		lack->address4 = !is_restored(netlink_address_add(kernel->netlink, interface->index,
						      &now->local4, &now->remote4, &why),
			&why, problem);
	if (lack->address6 && !lack->alone6)
		lack->address6 = !is_restored(netlink_address_add(kernel->netlink, interface->index,
						      &now->local6, &now->remote6, &why),
			&why, problem);
	restore_routes(interfaces, kernel, interface, lack, problem);
}

/* ---- fights ---- */

/* Returns true if the part is to be left alone, and says so if that begins now. */
static bool is_fought_for(const struct interface *interface, struct desired_pace *pace,
	const char *part, struct mono now)
{
	if (desired_pace_is_held(pace, now))
		return true;
	if (desired_pace_take(pace, "", now))
		return false;
	log_warning(
		"%s: another program removes %s from interface %s each time that netd restores it; netd waits %d seconds, and packets may leave outside of the tunnel: `ip monitor link address route` shows the removals",
		interface->now.peer.name, part, interface->name, DESIRED_HOLD_S);
	return true;
}

/* Returns the count of this route's removals; the one that was removed longest ago gives way. */
static struct desired_pace *pace_of(struct interface_keeping *keeping, const struct prefix *prefix)
{
	struct interface_route_pace *slot = &keeping->routes[0];

	for (size_t i = 0; i < INTERFACE_ROUTE_PACES; i++) {
		struct interface_route_pace *at = &keeping->routes[i];

		if (prefix_equal(&at->prefix, prefix))
			return &at->pace;
		if (mono_before(at->pace.since, slot->pace.since))
			slot = at;
	}
	*slot = (struct interface_route_pace){ .prefix = *prefix };
	return &slot->pace;
}

/* Moves the routes that are to be left alone to the front of kernel->missing. */
static void leave_routes_alone(struct kernel_state *kernel, struct interface *interface,
	struct lack *lack, struct mono now)
{
	char text[ADDR_TEXT_MAX], part[ADDR_TEXT_MAX + 8];

	if (lack->routes > INTERFACE_ROUTE_PACES) {
		if (is_fought_for(interface, &interface->keeping.all_routes, "its routes", now))
			lack->alone_routes = lack->routes;
		return;
	}
	for (size_t i = 0; i < lack->routes; i++) {
		struct prefix prefix = kernel->missing[i];

		(void)snprintf(part, sizeof(part), "route %s", prefix_format(&prefix, text));
		if (!is_fought_for(interface, pace_of(&interface->keeping, &prefix), part, now))
			continue;
		kernel->missing[i] = kernel->missing[lack->alone_routes];
		kernel->missing[lack->alone_routes++] = prefix;
	}
}

static void leave_alone(struct kernel_state *kernel, struct interface *interface, struct lack *lack,
	struct mono now)
{
	struct interface_keeping *keeping = &interface->keeping;

	lack->alone_link = lack->link && is_fought_for(interface, &keeping->link, "its link", now);
	lack->alone4 = lack->address4 &&
		is_fought_for(interface, &keeping->local4, "its IPv4 address", now);
	lack->alone6 = lack->address6 &&
		is_fought_for(interface, &keeping->local6, "its IPv6 address", now);
	leave_routes_alone(kernel, interface, lack, now);
}

static size_t alone_count(const struct lack *lack)
{
	return lack->alone_routes + lack->alone_link + lack->alone4 + lack->alone6;
}

/* ---- reports to the engine ---- */

/* Never 0 unless nothing is missing. */
static uint64_t fingerprint(const struct kernel_state *kernel, const struct lack *lack)
{
	const uint8_t flags[] = { lack->link, lack->address4, lack->address6 };
	uint64_t sum = FINGERPRINT_OF_NOTHING;

	if (lack_count(lack) == 0)
		return 0;
	sum = fingerprint_add(sum, flags, sizeof(flags));
	for (size_t i = 0; i < lack->routes; i++) {
		const struct prefix *prefix = &kernel->missing[i];

		sum = fingerprint_add(sum, &prefix->len, sizeof(prefix->len));
		sum = fingerprint_add(sum, prefix->addr.bytes, addr_size(&prefix->addr));
	}
	return sum | 1;
}

static void report_lack(const struct desired_interfaces *desired, const struct kernel_state *kernel,
	struct interface *interface, const struct lack *lack, const char *why)
{
	const struct desired_lack reported = { .link = lack->link,
		.local4 = lack->address4,
		.local6 = lack->address6,
		.routes = kernel->missing,
		.route_count = lack->routes,
		.why = why };
	uint64_t now = fingerprint(kernel, lack);

	if (now == interface->keeping.reported || !desired->lacks)
		return;
	if (desired->lacks(desired->context, interface, &reported) == 0)
		interface->keeping.reported = now;
}

/* Logs a change in what could be restored. `text` names the parts that were missing. */
static void log_restored(const struct interface *interface, size_t before, const char *text,
	const struct problem *problem)
{
	size_t missing = interface->keeping.missing;

	if (missing == 0)
		log_warning(
			"%s: interface %s had lost %s: restored; another program removed it, such as `ip route flush`, or systemd-networkd with ManageForeignRoutes=yes",
			interface->now.peer.name, interface->name, text);
	else if (missing != before)
		log_warning(
			"%s: interface %s has lost %s, and %zu of that cannot be restored: %s; netd tries again at least every %d seconds, and packets may leave outside of the tunnel",
			interface->now.peer.name, interface->name, text, missing, problem->text,
			DESIRED_RETRY_MAX_S);
}

/* Doubles the wait after each failure. */
static void delay_retry(struct interface_keeping *keeping, struct mono now)
{
	struct duration most = DURATION_S(DESIRED_RETRY_MAX_S);

	keeping->wait.ns = keeping->wait.ns == 0 ? DURATION_MS(DESIRED_POLL_MS).ns
						 : 2 * keeping->wait.ns;
	if (keeping->wait.ns > most.ns)
		keeping->wait = most;
	keeping->retry_at = mono_add(now, keeping->wait);
}

/* For the status: what other programs have changed last. */
static void note_change(
	struct desired_interfaces *desired, const struct interface *interface, const char *text)
{
	struct desired_item *item = &desired->item;

	item->changes++;
	(void)snprintf(item->seen.what, sizeof(item->seen.what), "%s: %.*s", interface->name,
		DESIRED_WHAT_MAX - REQUEST_IFNAME_MAX - 2, text);
}

static void restore(struct desired_interfaces *desired, struct kernel_state *kernel,
	struct interface *interface, struct lack *lack, struct mono now)
{
	struct interface_keeping *keeping = &interface->keeping;
	size_t before = keeping->missing, count = lack_count(lack);
	struct problem problem = { .text = "" };
	char text[4 * ADDR_TEXT_MAX + 96];

	(void)lack_text(kernel, lack, interface, text, sizeof(text));
	if (count > before)
		note_change(desired, interface, text);
	leave_alone(kernel, interface, lack, now);
	if (alone_count(lack) > 0)
		problem_set(&problem, "another program removes it each time that netd restores it");
	if (alone_count(lack) < count)
		restore_parts(desired->registry, kernel, interface, lack, &problem);
	keeping->missing = lack_count(lack);
	if (keeping->missing > 0) {
		delay_retry(keeping, now);
		desired->item.why = problem;
	}
	if (keeping->missing > alone_count(lack) || alone_count(lack) == 0)
		log_restored(interface, before, text, &problem);
	report_lack(desired, kernel, interface, lack, problem.text);
}

/* Returns a negative errno when the interface has to be checked once more. */
static int check(struct desired_interfaces *desired, struct kernel_state *kernel,
	struct interface *interface)
{
	struct interface_keeping *keeping = &interface->keeping;
	struct mono now = mono_now();
	struct lack lack;
	int r = find_lack(desired->registry, kernel, interface, &lack);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (lack_count(&lack) == 0) {
		if (keeping->missing > 0)
			log_notice("%s: interface %s has all its addresses and routes again",
				interface->now.peer.name, interface->name);
		keeping->missing = 0;
	} else if (lack_count(&lack) <= keeping->missing && mono_before(now, keeping->retry_at))
		report_lack(desired, kernel, interface, &lack, "another program removed it");
	else
		restore(desired, kernel, interface, &lack, now);
	if (keeping->missing == 0) {
		keeping->wait = (struct duration){ 0 };
		lack = (struct lack){ .link = false };
		report_lack(desired, kernel, interface, &lack, "");
	}
	return 0;
}

/* ---- a namespace ---- */

int desired_interfaces_check(struct desired_interfaces *desired, const struct interface *one)
{
	struct interfaces *interfaces = desired->registry;
	struct kernel_state kernel = { .keys = NULL };
	struct problem problem;
	int r = interfaces_enter(interfaces, one, &kernel.netlink, &problem);

	if (r == -ENODEV)
		return 0;
	if (r == 0)
		r = held_routes_update(interfaces, &one->netns, kernel.netlink, &problem);
	if (r == 0)
		r = read_kernel(&kernel, &problem);
	for (struct interface *i = interfaces->first; r == 0 && i; i = i->next) {
		if (netns_id_equal(&i->netns, &one->netns))
			r = check(desired, &kernel, i);
	}
	if (r == -ENOMEM)
		problem_set(&problem, "out of memory");
	if (r < 0 && r != -EAGAIN)
		log_warning(
			"cannot compare the kernel's interfaces, addresses and routes with those of the tunnels: %s",
			problem.text);
	free(kernel.addresses);
	free(kernel.keys);
	free(kernel.missing);
	return r;
}

/* ---- named namespaces ---- */

/* Returns true if `where` names a namespace now, and another than that of the interface. */
static bool is_elsewhere(
	const struct interfaces *interfaces, const struct interface *interface, const char *where)
{
	struct netns_id now;
	struct problem ignored;
	int fd, r;

	/*
	 * A name that is gone takes its interface along, or comes back. The number of a process does
	 * not come back: whatever has it now is another one.
	 */
	if (where[0] == '\0' || netns_is_process(where) || netns_open(where, &fd, &ignored) < 0)
		return false;
	r = netns_identify(fd, &now);
	close(fd);
	if (r < 0)
		return false;
	if (netns_id_equal(&now, &interfaces->home))
		now = (struct netns_id){ .inode = 0 };
	return !netns_id_equal(&now, &interface->netns);
}

void desired_interfaces_follow_names(struct desired_interfaces *desired)
{
	struct interfaces *interfaces = desired->registry;

	/* The namespace of `culvert run` has no name. */
	if (!desired->settings || desired->settings->contained)
		return;
	for (struct interface *i = interfaces->first, *next; i; i = next) {
		struct interface_target target;

		next = i->next;
		if (i->netns.inode == 0)
			continue; /* the most by far: nothing else is polled */
		target = policy_interface_target(desired->settings, &i->now.peer);
		if (!is_elsewhere(interfaces, i, target.netns))
			continue;
		log_warning("%s: network namespace %s is another one now", i->now.peer.name,
			target.netns);
		interfaces_remove(interfaces, i, "its network namespace has lost its name");
	}
}

/* ---- for the status ---- */

static enum desired_look look(struct desired_item *item, struct desired_sight *sight)
{
	const struct desired_interfaces *desired = container_of(
		item, struct desired_interfaces, item);

	*sight = item->seen;
	for (const struct interface *i = desired->registry->first; i; i = i->next) {
		if (i->keeping.missing > 0)
			return DESIRED_LOST;
	}
	return desired->registry->first ? DESIRED_IN_PLACE : DESIRED_UNWANTED;
}

void desired_interfaces_init(struct desired_interfaces *desired)
{
	desired->item = (struct desired_item){ .name = "interfaces, addresses and routes",
		.meanwhile = "packets may leave outside of the tunnel",
		.look = look };
}
