/* SPDX-License-Identifier: Apache-2.0 */
#include "netd/address_check.h"

#include <errno.h>

#include "base/log.h"
#include "netd/interface_life.h"
#include "netd/needs.h"
#include "netd/on_link.h"
#include "netd/resolvers.h"

enum { ADDRESSES = 4 }; /* local and remote, of two families */

/* Enters the namespace where the interface is or will be. */
static int enter_namespace(struct interfaces *interfaces, const struct request_interface *wanted,
	const struct interface_target *target, struct netns_id *ret_netns,
	struct netlink **ret_netlink, struct problem *problem)
{
	const struct interface *there = interfaces_find_peer(interfaces, &wanted->peer);

	if (!there)
		return interfaces_enter_target(interfaces, target, ret_netns, ret_netlink, problem);
	*ret_netns = there->netns;
	return interfaces_enter(interfaces, there, ret_netlink, problem);
}

/*
 * An administrator who lists this very address in tunnel_addresses means the resolver at the other
 * end of the tunnel.
 */
static bool is_listed_itself(const struct settings *settings, const struct addr *addr)
{
	struct prefix host = prefix_host(addr);

	for (size_t i = 0; i < settings->tunnel_addresses.count; i++) {
		if (prefix_equal(&settings->tunnel_addresses.items[i], &host))
			return true;
	}
	return false;
}

static int judge_resolvers(
	struct address_check *check, const struct addr *const *addresses, struct problem *problem)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < ADDRESSES; i++) {
		if (!addr_is_set(addresses[i]) || !dns_is_asked(check->dns, addresses[i]) ||
			is_listed_itself(check->settings, addresses[i]))
			continue;
		addr_format(addresses[i], text);
		problem_set(problem,
			"%s is a resolver of the client's; if the tunnel may use it, add it to tunnel_addresses as %s/%u",
			text, text, prefix_host(addresses[i]).len);
		return -EADDRINUSE;
	}
	return 0;
}

/*
 * This is the peer's address on the present interface: Culvert connections inside the tunnel lead
 * to it.
 */
static bool is_inside(const struct interfaces *interfaces, const struct request_interface *wanted,
	const struct addr *addr)
{
	const struct interface *there = interfaces_find_peer(interfaces, &wanted->peer);

	return there &&
		(addr_equal(&there->now.remote4, addr) || addr_equal(&there->now.remote6, addr));
}

/* Refuses the addresses of servers, proxies and peers that this host's tunnels are connected to. */
static int judge_outer(const struct address_check *check, const struct request_interface *wanted,
	const struct addr *const *addresses, struct problem *problem)
{
	struct needs needs;
	int r = 0;

	needs_gather(check->settings, NULL, &needs, problem);
	for (size_t i = 0; i < needs.count && r == 0; i++) {
		const struct need *need = &needs.items[i];

		for (size_t j = 0; j < ADDRESSES && r == 0; j++) {
			char text[ADDR_TEXT_MAX];

			if (need->kind == NEED_RESOLVER || !addr_equal(&need->addr, addresses[j]) ||
				is_inside(check->interfaces, wanted, addresses[j]))
				continue;
			problem_set(problem, "%s is %s", addr_format(addresses[j], text),
				need_kind_text(need->kind));
			r = -EADDRINUSE;
		}
	}
	needs_free(&needs);
	return r;
}

int address_check(struct address_check *check, const struct request_interface *wanted,
	const struct interface_target *target, struct problem *problem)
{
	const struct addr *const addresses[ADDRESSES] = { &wanted->local4, &wanted->remote4,
		&wanted->local6, &wanted->remote6 };
	struct netlink *netlink;
	struct netns_id netns;
	int r;

	if (check->settings->role != SETTINGS_CLIENT || check->settings->contained)
		return 0;
	r = enter_namespace(check->interfaces, wanted, target, &netns, &netlink, problem);
	if (r == 0)
		r = on_link_judge_addresses(check->interfaces, &netns, netlink, wanted, problem);
	if (r == 0 && netns.inode == 0)
		r = judge_resolvers(check, addresses, problem);
	if (r == 0 && netns.inode == 0)
		r = judge_outer(check, wanted, addresses, problem);
	return r;
}

static void remove_addresses(
	struct address_check *check, struct interface *interface, const char *why)
{
	struct problem problem;
	int r;

	log_warning("%s: %s loses its addresses, and the session ends, since this host's "
		    "network has changed: %s; leave that network, or give the server another pool",
		interface->now.peer.name, interface->name, why);
	r = interfaces_strip(check->interfaces, interface, &problem);
	if (r < 0 && r != -ENODEV)
		log_error("%s: %s", interface->now.peer.name, problem.text);
	if (full_tunnel_follow(check->full_tunnel, interface, &problem) < 0)
		log_error("%s: %s", interface->now.peer.name, problem.text);
	/* In full tunnel the lookups of this host must not leave outside the tunnel. */
	if (!check->settings->full_tunnel)
		dns_lift(check->dns);
}

void address_check_again(struct address_check *check)
{
	/* the interfaces exist already */
	static const struct interface_target no_target = { .netns = "" };

	for (struct interface *i = check->interfaces->first; i; i = i->next) {
		struct problem why;

		if (address_check(check, &i->now, &no_target, &why) == -EADDRINUSE)
			remove_addresses(check, i, why.text);
	}
	interfaces_leave(check->interfaces);
}
