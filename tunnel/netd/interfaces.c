/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/interfaces.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "system/tun.h"

static_assert(REQUEST_IFNAME_MAX + 1 == IFNAMSIZ, "a request can name every interface");

struct interface *interfaces_find_peer(
	const struct interfaces *interfaces, const struct identity *peer)
{
	struct interface *interface = interfaces->first;

	while (interface != NULL && !identity_equal(&interface->now.peer, peer))
		interface = interface->next;
	return interface;
}

struct interface *interfaces_find_index(const struct interfaces *interfaces, uint32_t index)
{
	struct interface *interface = interfaces->first;

	while (interface != NULL && interface->index != index)
		interface = interface->next;
	return interface;
}

struct interface *interfaces_at(const struct interfaces *interfaces, size_t at)
{
	struct interface *interface = interfaces->first;

	for (; interface != NULL && at > 0; at--)
		interface = interface->next;
	return interface;
}

bool interfaces_is_own(const struct interfaces *interfaces, uint32_t index)
{
	for (size_t i = 0; i < INTERFACES_PAST; i++) {
		if (index != 0 && interfaces->past[i] == index)
			return true;
	}
	return interfaces_find_index(interfaces, index) != NULL;
}

/* The kernel numbers interfaces upwards: an index comes back after two thousand million others. */
static void remember(struct interfaces *interfaces, uint32_t index)
{
	interfaces->past[interfaces->past_at] = index;
	interfaces->past_at = (interfaces->past_at + 1) % INTERFACES_PAST;
}

/* The position of a route in the interface's list; route_count: it is not there. */
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

static void interface_free(struct interface *interface)
{
	if (interface == NULL)
		return;
	for (size_t i = 0; i < interface->now.queues; i++)
		close(interface->queues[i]);
	free(interface->routes);
	free(interface);
}

static const char *addresses_text(const struct request_interface *asked, char *out, size_t size)
{
	char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX], c[ADDR_TEXT_MAX], d[ADDR_TEXT_MAX];
	bool both = addr_is_set(&asked->local4) && addr_is_set(&asked->local6);

	if (both)
		(void)snprintf(out, size, "%s peer %s, %s peer %s", addr_format(&asked->local4, a),
			addr_format(&asked->remote4, b), addr_format(&asked->local6, c),
			addr_format(&asked->remote6, d));
	else if (addr_is_set(&asked->local4))
		(void)snprintf(out, size, "%s peer %s", addr_format(&asked->local4, a),
			addr_format(&asked->remote4, b));
	else
		(void)snprintf(out, size, "%s peer %s", addr_format(&asked->local6, c),
			addr_format(&asked->remote6, d));
	return out;
}

/*
 * Replaces the address pair of one family. The old one goes first: beside it the new one would
 * become its secondary, if the peer's address stays, and go with it. *local and *remote tell what
 * is there, also after a failure half-way.
 */
static int change_address(struct netlink *netlink, uint32_t index, struct addr *local,
	struct addr *remote, const struct addr *new_local, const struct addr *new_remote,
	struct problem *problem)
{
	int r;

	if (addr_equal(local, new_local) && addr_equal(remote, new_remote))
		return 0;
	if (addr_is_set(local)) {
		r = netlink_address_delete(netlink, index, local, remote, problem);
		if (r < 0 && r != -EADDRNOTAVAIL)
			return r;
	}
	*local = *remote = (struct addr){ .family = AF_UNSPEC };
	if (addr_is_set(new_local)) {
		r = netlink_address_add(netlink, index, new_local, new_remote, problem);
		if (r < 0)
			return r;
	}
	*local = *new_local;
	*remote = *new_remote;
	return 0;
}

static int change_addresses(struct netlink *netlink, struct interface *interface,
	const struct request_interface *wanted, struct problem *problem)
{
	struct request_interface *now = &interface->now;
	int r = change_address(netlink, interface->index, &now->local4, &now->remote4,
		&wanted->local4, &wanted->remote4, problem);

	if (r < 0)
		return r;
	return change_address(netlink, interface->index, &now->local6, &now->remote6,
		&wanted->local6, &wanted->remote6, problem);
}

static bool same_addresses(const struct request_interface *a, const struct request_interface *b)
{
	return addr_equal(&a->local4, &b->local4) && addr_equal(&a->remote4, &b->remote4) &&
		addr_equal(&a->local6, &b->local6) && addr_equal(&a->remote6, &b->remote6);
}

/*
 * With its last IPv4 address an interface loses all its IPv4 routes. What is still there is fine.
 */
static int restore_routes(
	struct netlink *netlink, const struct interface *interface, struct problem *problem)
{
	int r = 0;

	for (size_t i = 0; i < interface->route_count && r == 0; i++) {
		struct netlink_route route = { .prefix = interface->routes[i],
			.index = interface->index,
			.priority = INTERFACE_ROUTE_METRIC };

		r = netlink_route_add(netlink, &route, problem);
	}
	return r;
}

/* It is as wanted; but the number of queues is fixed when an interface is made. */
static void set_now(struct interface *interface, const struct request_interface *wanted)
{
	uint8_t queues = interface->now.queues;

	interface->now = *wanted;
	interface->now.queues = queues;
}

/* -ENODEV: somebody has deleted it behind our back. */
static int adjust(struct interfaces *interfaces, struct interface *interface,
	const struct request_interface *wanted, struct problem *problem)
{
	bool moved = !same_addresses(&interface->now, wanted);
	bool changed = moved || interface->now.mtu != wanted->mtu;
	char text[4 * ADDR_TEXT_MAX + 16];
	int r = netlink_link_set_mtu(interfaces->netlink, interface->index, wanted->mtu, problem);

	if (r == 0 && moved) {
		r = change_addresses(interfaces->netlink, interface, wanted, problem);
		if (r == 0)
			r = restore_routes(interfaces->netlink, interface, problem);
	}
	if (r < 0) {
		problem_prepend(problem, "interface %s", interface->name);
		return r;
	}
	set_now(interface, wanted);
	if (changed)
		log_info("%s: interface %s changed: %s, mtu %u", wanted->peer.name, interface->name,
			addresses_text(wanted, text, sizeof(text)), wanted->mtu);
	return 0;
}

static void explain_open(struct problem *problem, const char *name, int error)
{
	if (error == -EBUSY || error == -EEXIST)
		problem_set(problem,
			"an interface named %s exists already; remove it (ip link delete %s) or "
			"set another name",
			name, name);
	else if (error == -ENOENT || error == -ENODEV)
		problem_set(problem,
			"this host has no /dev/net/tun: load the module (modprobe tun), "
			"or give the container that device");
	else if (error == -EPERM || error == -EACCES)
		problem_set(problem,
			"the kernel refuses to make interface %s: %s; it needs "
			"CAP_NET_ADMIN in this network namespace",
			name, strerrordesc_np(-error));
	else
		problem_set(problem, "cannot make interface %s: %s", name, strerrordesc_np(-error));
}

/*
 * Opens the further queues and detaches them all, before the interface is up: no packet gets into
 * one that nobody reads.
 */
static int open_queues(const struct interfaces *interfaces, struct interface *interface,
	uint8_t wanted, struct problem *problem)
{
	int r = 0;

	if (interfaces->steering_fd >= 0)
		r = tun_set_steering(interface->queues[0], interfaces->steering_fd);
	while (r == 0 && interface->now.queues < wanted) {
		r = tun_open_queue(interface->name, &interface->queues[interface->now.queues]);
		if (r == 0)
			interface->now.queues++;
	}
	for (size_t i = 0; r == 0 && i < interface->now.queues; i++)
		r = tun_queue_attach(interface->queues[i], false);
	if (r < 0)
		problem_set(problem, "cannot set up %u queues of interface %s: %s", wanted,
			interface->name, strerrordesc_np(-r));
	return r;
}

/* Opens the TUN with all its queues and finds its index. */
static int open_interface(struct interfaces *interfaces, struct interface *interface,
	const char *name, uint8_t queues, struct problem *problem)
{
	int r = tun_open(name, queues > 1, &interface->queues[0], interface->name);

	if (r < 0) {
		explain_open(problem, name, r);
		return r;
	}
	interface->now.queues = 1;
	if (queues > 1) {
		r = open_queues(interfaces, interface, queues, problem);
		if (r < 0)
			return r;
	}
	r = netlink_link_index(interfaces->netlink, interface->name, &interface->index);
	if (r < 0)
		problem_set(problem, "cannot find interface %s that was just made: %s",
			interface->name, strerrordesc_np(-r));
	return r;
}

static int make(struct interfaces *interfaces, const struct request_interface *wanted,
	const char *name, struct interface **ret_interface, struct problem *problem)
{
	struct interface *interface = calloc(1, sizeof(*interface));
	char text[4 * ADDR_TEXT_MAX + 16];
	int r;

	if (interface == NULL) {
		problem_set(problem, "out of memory");
		return -ENOMEM;
	}
	r = open_interface(interfaces, interface, name,
		interfaces->single_queue ? 1 : wanted->queues, problem);
	if (r < 0)
		goto fail;
	r = netlink_link_up(interfaces->netlink, interface->index, wanted->mtu,
		INTERFACE_QUEUE_LENGTH, problem);
	if (r == 0)
		r = change_addresses(interfaces->netlink, interface, wanted, problem);
	if (r < 0) {
		problem_prepend(problem, "interface %s", interface->name);
		goto fail;
	}
	set_now(interface, wanted);
	interface->next = interfaces->first;
	interfaces->first = interface;
	interfaces->count++;
	log_info("%s: interface %s made: %s, mtu %u, queues %u", wanted->peer.name, interface->name,
		addresses_text(wanted, text, sizeof(text)), wanted->mtu, interface->now.queues);
	*ret_interface = interface;
	return 0;

fail: /* the interface goes with its last descriptor */
	remember(interfaces, interface->index);
	interface_free(interface);
	return r;
}

int interfaces_bring(struct interfaces *interfaces, const struct request_interface *wanted,
	const char *name, struct interface **ret_interface, struct problem *problem)
{
	struct interface *interface = interfaces_find_peer(interfaces, &wanted->peer);
	int r;

	if (interface != NULL) {
		r = adjust(interfaces, interface, wanted, problem);
		if (r == 0)
			*ret_interface = interface;
		if (r != -ENODEV)
			return r;
		interfaces_remove(interfaces, interface, "it was deleted by somebody else");
	}
	return make(interfaces, wanted, name, ret_interface, problem);
}

/* Takes it out of the registry, when the kernel has deleted it. */
static void forget(struct interfaces *interfaces, struct interface *interface, const char *why)
{
	struct interface **link = &interfaces->first;

	log_info("%s: interface %s removed: %s", interface->now.peer.name, interface->name, why);
	while (*link != interface)
		link = &(*link)->next;
	*link = interface->next;
	interfaces->count--;
	remember(interfaces, interface->index);
	interface_free(interface);
}

void interfaces_remove(struct interfaces *interfaces, struct interface *interface, const char *why)
{
	struct problem problem;
	int r = netlink_link_delete(interfaces->netlink, interface->index, &problem);

	if (r < 0 && r != -ENODEV)
		log_warning("%s: interface %s: %s", interface->now.peer.name, interface->name,
			problem.text);
	forget(interfaces, interface, why);
}

/*
 * Deletes all at once. Only for this moment they are in a group, drawn at random, so that nobody
 * else's are in it. False: they have to be deleted one by one.
 */
static bool delete_together(struct interfaces *interfaces)
{
	uint32_t group;

	if (getrandom(&group, sizeof(group), GRND_NONBLOCK) != (ssize_t)sizeof(group))
		return false;
	group |= 0x80000000u; /* far from those that people use */
	for (struct interface *i = interfaces->first; i != NULL; i = i->next) {
		int r = netlink_link_set_group(interfaces->netlink, i->index, group, NULL);

		if (r < 0 && r != -ENODEV)
			return false;
	}
	return netlink_group_delete(interfaces->netlink, group, NULL) == 0;
}

void interfaces_detach_queues(const struct interfaces *interfaces)
{
	for (const struct interface *i = interfaces->first; i != NULL; i = i->next) {
		for (size_t queue = 0; i->now.queues > 1 && queue < i->now.queues; queue++)
			(void)tun_queue_attach(i->queues[queue], false);
	}
}

void interfaces_remove_all(struct interfaces *interfaces, const char *why)
{
	bool deleted = interfaces->count > 1 && delete_together(interfaces);

	while (interfaces->first != NULL) {
		if (deleted)
			forget(interfaces, interfaces->first, why);
		else
			interfaces_remove(interfaces, interfaces->first, why);
	}
}

static int reserve_route(struct interface *interface, struct problem *problem)
{
	size_t capacity = interface->route_capacity == 0 ? 8 : interface->route_capacity * 2;
	struct prefix *routes;

	if (interface->route_count < interface->route_capacity)
		return 0;
	routes = reallocarray(interface->routes, capacity, sizeof(*routes));
	if (routes == NULL) {
		problem_set(problem, "out of memory");
		return -ENOMEM;
	}
	interface->routes = routes;
	interface->route_capacity = capacity;
	return 0;
}

int interfaces_route_add(struct interfaces *interfaces, struct interface *interface,
	const struct prefix *prefix, struct problem *problem)
{
	struct netlink_route route = {
		.prefix = *prefix, .index = interface->index, .priority = INTERFACE_ROUTE_METRIC
	};
	char text[ADDR_TEXT_MAX];
	int r;

	if (interface_has_route(interface, prefix))
		return 0;
	r = reserve_route(interface, problem);
	if (r == 0)
		r = netlink_route_add(interfaces->netlink, &route, problem);
	if (r < 0)
		return r;
	interface->routes[interface->route_count++] = *prefix;
	log_info("%s: route %s to %s added", interface->now.peer.name, prefix_format(prefix, text),
		interface->name);
	return 0;
}

int interfaces_route_delete(struct interfaces *interfaces, struct interface *interface,
	const struct prefix *prefix, struct problem *problem)
{
	struct netlink_route route = {
		.prefix = *prefix, .index = interface->index, .priority = INTERFACE_ROUTE_METRIC
	};
	size_t at = find_route(interface, prefix);
	char text[ADDR_TEXT_MAX];
	int r;

	if (at == interface->route_count)
		return 0;
	r = netlink_route_delete(interfaces->netlink, &route, problem);
	if (r < 0 && r != -ESRCH && r != -ENODEV)
		return r;
	interface->routes[at] = interface->routes[--interface->route_count];
	log_info("%s: route %s to %s removed", interface->now.peer.name,
		prefix_format(prefix, text), interface->name);
	return 0;
}
