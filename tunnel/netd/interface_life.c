/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/interface_life.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/log.h"
#include "netd/held_routes.h"
#include "netd/interface_make.h"
#include "netd/interface_routes.h"

static const char *addresses_text(const struct interface *interface, char *out, size_t size)
{
	const struct request_interface present = interface_present(interface), *asked = &present;
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
 * Replaces the address pair of one family. The old pair is deleted first. If it stayed and the
 * peer's address were the same, the new address would become secondary to the old one, and the
 * kernel would delete both together. *local and *remote are the present pair, also after a failure
 * half-way.
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

/* Explains the most frequent reason why an IPv6 address is refused, with its remedy. */
static const char *family_cure(int error, bool is_ipv6)
{
	if (is_ipv6 && (error == -EACCES || error == -EOPNOTSUPP || error == -EAFNOSUPPORT))
		return "; IPv6 is disabled on this host: enable it by sysctl "
		       "net.ipv6.conf.all.disable_ipv6=0 and "
		       "net.ipv6.conf.default.disable_ipv6=0, or start the kernel without "
		       "ipv6.disable=1";
	return "";
}

static void log_off(const struct interface *interface, const char *peer, bool was_off, bool is_ipv6,
	int error, const struct problem *why)
{
	bool off = error < 0;

	if (off && !was_off)
		log_warning("%s: interface %s carries no IPv%d: %s%s", peer, interface->name,
			is_ipv6 ? 6 : 4, why->text, family_cure(error, is_ipv6));
	else if (!off && was_off &&
		addr_is_set(is_ipv6 ? &interface->now.local6 : &interface->now.local4))
		log_notice("%s: interface %s carries IPv%d again", peer, interface->name,
			is_ipv6 ? 6 : 4);
}

/* A failure concerns one family only, as long as the other family has its address. */
static int change_addresses(struct netlink *netlink, struct interface *interface,
	const struct request_interface *wanted, struct problem *problem)
{
	struct request_interface *now = &interface->now;
	struct problem why4 = { .text = "" }, why6 = { .text = "" };
	int r4, r6;

	*now = interface_present(interface);
	r4 = change_address(netlink, interface->index, &now->local4, &now->remote4, &wanted->local4,
		&wanted->remote4, &why4);
	if (r4 == -ENODEV) {
		*problem = why4;
		return r4;
	}
	r6 = change_address(netlink, interface->index, &now->local6, &now->remote6, &wanted->local6,
		&wanted->remote6, &why6);
	if (r6 == -ENODEV || (r6 < 0 && !addr_is_set(&now->local4))) {
		problem_set(problem, "%s%s", why6.text, family_cure(r6, true));
		return r6;
	}
	if (r4 < 0 && !addr_is_set(&now->local6)) {
		*problem = why4;
		return r4;
	}
	log_off(interface, wanted->peer.name, interface->off4, false, r4, &why4);
	log_off(interface, wanted->peer.name, interface->off6, true, r6, &why6);
	/*
	 * A family stays off until the engine asks for it again, which it does at most once a
	 * connection.
	 */
	interface->off4 = r4 < 0 || (interface->off4 && !addr_is_set(&now->local4));
	interface->off6 = r6 < 0 || (interface->off6 && !addr_is_set(&now->local6));
	return 0;
}

static bool same_addresses(const struct request_interface *a, const struct request_interface *b)
{
	return addr_equal(&a->local4, &b->local4) && addr_equal(&a->remote4, &b->remote4) &&
		addr_equal(&a->local6, &b->local6) && addr_equal(&a->remote6, &b->remote6);
}

/* The interface is as wanted, except that its number of queues is fixed when it is made. */
static void set_now(struct interface *interface, const struct request_interface *wanted)
{
	uint8_t queues = interface->now.queues;

	interface->now = *wanted;
	interface->now.queues = queues;
}

/* -ENODEV: another program has deleted the interface. */
static int adjust(struct interfaces *interfaces, struct interface *interface,
	const struct request_interface *wanted, struct problem *problem)
{
	const struct request_interface present = interface_present(interface);
	bool moved = !same_addresses(&interface->now, wanted) && !same_addresses(&present, wanted);
	bool changed = moved || interface->now.mtu != wanted->mtu;
	char text[4 * ADDR_TEXT_MAX + 16];
	struct netlink *netlink;
	int r = interfaces_enter(interfaces, interface, &netlink, problem);

	if (r == 0)
		r = netlink_link_set_mtu(netlink, interface->index, wanted->mtu, problem);
	if (r == 0 && moved) {
		interface_routes_lift(interfaces, interface);
		r = change_addresses(netlink, interface, wanted, problem);
		if (r == 0)
			r = interface_routes_restore(interfaces, interface, problem);
	} else if (r == 0 && (interface->off4 || interface->off6)) {
		r = change_addresses(netlink, interface, wanted, problem);
	}
	if (r < 0) {
		problem_prepend(problem, "interface %s", interface->name);
		return r;
	}
	set_now(interface, wanted);
	if (changed)
		log_info("%s: interface %s changed: %s, mtu %u", wanted->peer.name, interface->name,
			addresses_text(interface, text, sizeof(text)), wanted->mtu);
	return 0;
}

/* Gives a new interface its addresses and brings it up. */
static int set_up(struct interfaces *interfaces, struct interface *interface,
	const struct request_interface *wanted, struct problem *problem)
{
	struct netlink *netlink;
	int r = interfaces_enter(interfaces, interface, &netlink, problem);

	if (r == 0)
		r = netlink_link_set_group(netlink, interface->index, INTERFACES_GROUP, problem);
	if (r == 0)
		r = netlink_link_up(
			netlink, interface->index, wanted->mtu, INTERFACE_QUEUE_LENGTH, problem);
	if (r == 0)
		r = change_addresses(netlink, interface, wanted, problem);
	if (r < 0)
		problem_prepend(problem, "interface %s", interface->name);
	return r;
}

static int make(struct interfaces *interfaces, const struct request_interface *wanted,
	const struct interface_target *target, struct interface **ret_interface,
	struct problem *problem)
{
	struct interface *interface = calloc(1, sizeof(*interface));
	bool there = target->netns[0] != '\0';
	char text[4 * ADDR_TEXT_MAX + 16];
	int r;

	if (!interface) {
		problem_set(problem, "out of memory");
		return -ENOMEM;
	}
	r = interface_make(interfaces, interface, target,
		interfaces->single_queue ? 1 : wanted->queues, problem);
	if (r == 0)
		r = set_up(interfaces, interface, wanted, problem);
	if (r < 0) { /* the interface disappears with its last descriptor */
		interfaces_release(interfaces, interface);
		return r;
	}
	set_now(interface, wanted);
	interface->metric = target->metric;
	interfaces_add(interfaces, interface);
	log_info("%s: interface %s made%s%s: %s, mtu %u, queues %u", wanted->peer.name,
		interface->name, there ? " in network namespace " : "", target->netns,
		addresses_text(interface, text, sizeof(text)), wanted->mtu, interface->now.queues);
	interfaces_report(interfaces, INTERFACE_MADE, interface, NULL);
	*ret_interface = interface;
	return 0;
}

int interfaces_bring(struct interfaces *interfaces, const struct request_interface *wanted,
	const struct interface_target *target, struct interface **ret_interface,
	struct problem *problem)
{
	struct interface *interface = interfaces_find_peer(interfaces, &wanted->peer);
	int r;

	if (interface) {
		r = adjust(interfaces, interface, wanted, problem);
		if (r == 0)
			*ret_interface = interface;
		if (r != -ENODEV)
			return r;
		interfaces_remove(interfaces, interface, "another program deleted it");
	}
	return make(interfaces, wanted, target, ret_interface, problem);
}

int interfaces_strip(
	struct interfaces *interfaces, struct interface *interface, struct problem *problem)
{
	static const struct request_interface none = { .mtu = 0 };
	struct netlink *netlink;
	int r = interfaces_enter(interfaces, interface, &netlink, problem);

	/* With the last address of a family the kernel deletes the family's routes as well. */
	if (r == 0) {
		interface_routes_lift(interfaces, interface);
		r = change_addresses(netlink, interface, &none, problem);
	}
	if (r == 0)
		r = interface_routes_restore(interfaces, interface, problem);
	if (r < 0)
		problem_prepend(problem, "interface %s", interface->name);
	return r;
}

/* Takes an interface out of the registry after the kernel has deleted it. */
static void forget(struct interfaces *interfaces, struct interface *interface, const char *why)
{
	log_info("%s: interface %s removed: %s", interface->now.peer.name, interface->name, why);
	interfaces_forget(interfaces, interface);
}

void interfaces_remove(struct interfaces *interfaces, struct interface *interface, const char *why)
{
	struct problem problem;
	struct netlink *netlink;
	int r = interfaces_enter(interfaces, interface, &netlink, &problem);

	if (r == 0) {
		held_routes_end(interfaces, interface);
		interface_routes_unshare(interfaces, interface);
		r = netlink_link_delete(netlink, interface->index, &problem);
	}
	if (r < 0 && r != -ENODEV)
		log_warning("%s: interface %s: %s", interface->now.peer.name, interface->name,
			problem.text);
	forget(interfaces, interface, why);
}

static size_t count_beside(const struct interfaces *interfaces, const struct interface *one)
{
	size_t count = 0;

	for (const struct interface *i = interfaces->first; i; i = i->next)
		count += netns_id_equal(&i->netns, &one->netns);
	return count;
}

/*
 * Deletes all interfaces in the namespace of `one` at once. For this they join a group whose number
 * is random, so that no other program's interface is in it. Returns false when they have to be
 * deleted one by one.
 */
static bool delete_together(struct interfaces *interfaces, const struct interface *one)
{
	struct netlink *netlink = NULL;
	uint32_t group;

	if (count_beside(interfaces, one) < 2 ||
		getrandom(&group, sizeof(group), GRND_NONBLOCK) != (ssize_t)sizeof(group) ||
		interfaces_enter(interfaces, one, &netlink, NULL) < 0)
		return false;
	group |= 0x80000000u; /* far from the numbers that people use */
	for (struct interface *i = interfaces->first; i; i = i->next) {
		if (netns_id_equal(&i->netns, &one->netns))
			held_routes_end(interfaces, i);
	}
	for (const struct interface *i = interfaces->first; i; i = i->next) {
		int r = netns_id_equal(&i->netns, &one->netns)
			? netlink_link_set_group(netlink, i->index, group, NULL)
			: 0;

		if (r < 0 && r != -ENODEV)
			return false;
	}
	return netlink_group_delete(netlink, group, NULL) == 0;
}

static void remove_beside(
	struct interfaces *interfaces, const struct netns_id *netns, bool deleted, const char *why)
{
	for (struct interface *i = interfaces->first, *next; i; i = next) {
		next = i->next;
		if (!netns_id_equal(&i->netns, netns))
			continue;
		if (deleted)
			forget(interfaces, i, why);
		else
			interfaces_remove(interfaces, i, why);
	}
}

void interfaces_remove_all(struct interfaces *interfaces, const char *why)
{
	while (interfaces->first) {
		struct netns_id netns = interfaces->first->netns;
		bool deleted = delete_together(interfaces, interfaces->first);

		remove_beside(interfaces, &netns, deleted, why);
	}
	interfaces_leave(interfaces);
}
